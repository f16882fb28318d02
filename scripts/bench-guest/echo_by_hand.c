// SPDX-License-Identifier: GPL-2.0
/*
 * What drivers/clients/echo does with an in-band packet, by nothing but the kernel's
 * own VMBus interface: as short as a careful author would write it. An answer that finds
 * no room waits, and nothing is read meanwhile, so that the host stops, too.
 */
#include <linux/crc32.h>
#include <linux/hyperv.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "bench_protocol.h"
#include "drivers.h"
#include "echo_protocol.h"

/**
 * struct echo - a device
 * @waiting: there is an answer that has found no room.
 * @transaction: its.
 * @answer: itself.
 *
 * The channel callback's alone.
 */
struct echo {
	bool waiting;
	u64 transaction;
	struct vmb_echo_completion answer;
};

/* The rings are no multiple of a larger one. */
static_assert(PAGE_SIZE == 4096);

static unsigned int finished;
module_param(finished, uint, 0444);
MODULE_PARM_DESC(finished, "How often the host has said that it has measured");

static unsigned int ring_size = VMB_BENCH_RING_SIZE;
module_param(ring_size, uint, 0644);
MODULE_PARM_DESC(ring_size, "Bytes of each ring, for echoes by hand");

/* False: no room. The host will signal when there is. */
static bool echo_send(struct vmbus_channel *channel, struct echo *echo)
{
	int ret = vmbus_sendpacket(channel, &echo->answer, sizeof(echo->answer),
				   echo->transaction, VM_PKT_COMP, 0);

	if (ret == -EAGAIN && !echo->waiting) {
		echo->waiting = true;
		set_channel_pending_send_size(channel, 2 * sizeof(echo->answer));
		/* It may have read before it could see that. */
		return echo_send(channel, echo);
	}
	if (echo->waiting && ret != -EAGAIN) {
		echo->waiting = false;
		set_channel_pending_send_size(channel, 0);
	}
	return ret != -EAGAIN;
}

static bool echo_packet(struct vmbus_channel *channel, struct echo *echo,
			const struct vmpacket_descriptor *packet)
{
	const struct vmb_echo_request *request = hv_pkt_data(packet);
	u32 length = hv_pkt_datalen(packet), checksum;

	if (packet->type != VM_PKT_DATA_INBAND)
		return true;
	if (length >= sizeof(*request) && le64_to_cpu(request->magic) == VMB_ECHO_MAGIC &&
	    le32_to_cpu(request->command) == VMB_ECHO_FINISHED)
		WRITE_ONCE(finished, finished + 1);
	checksum = ~crc32_le(~0, (const void *)request, length);
	echo->answer = (struct vmb_echo_completion) {
		.payload_length = cpu_to_le32(length),
		.payload_checksum = cpu_to_le32(checksum),
	};
	echo->transaction = packet->trans_id;
	return !(packet->flags & VMBUS_DATA_PACKET_FLAG_COMPLETION_REQUESTED) ||
	       echo_send(channel, echo);
}

static void echo_callback(void *context)
{
	struct vmbus_channel *channel = context;
	struct echo *echo = hv_get_drvdata(channel->device_obj);
	const struct vmpacket_descriptor *packet;

	if (echo->waiting && !echo_send(channel, echo))
		return;
	foreach_vmbus_pkt(packet, channel) {
		if (!echo_packet(channel, echo, packet)) {
			/* It was read, if not answered yet. */
			__hv_pkt_iter_next(channel, packet);
			hv_pkt_iter_close(channel);
			return;
		}
	}
}

static int echo_probe(struct hv_device *device, const struct hv_vmbus_device_id *id)
{
	struct echo *echo;

	echo = devm_kzalloc(&device->device, sizeof(*echo), GFP_KERNEL);
	if (!echo)
		return -ENOMEM;
	hv_set_drvdata(device, echo);
	device->channel->max_pkt_size = VMB_ECHO_MAXIMUM_PACKET_SIZE +
					sizeof(struct vmpacket_descriptor);
	return vmbus_open(device->channel, ring_size, ring_size, NULL, 0, echo_callback,
			  device->channel);
}

static driver_remove_result echo_remove(struct hv_device *device)
{
	vmbus_close(device->channel);
	return (driver_remove_result)0;
}

/* Bound by driver_override alone. */
static const struct hv_vmbus_device_id echo_ids[] = {
	{ }
};

struct hv_driver echo_by_hand = {
	.name = "vmb_bench_echo_by_hand",
	.id_table = echo_ids,
	.probe = echo_probe,
	.remove = echo_remove,
};
