// SPDX-License-Identifier: GPL-2.0
/*
 * The host's end of a heartbeat channel: negotiates, then asks ten times a second
 * whether the guest lives, and checks each answer. What a guest must do here is
 * the integration components' protocol, so that the kernel's own driver, hv_utils,
 * can be told apart from one that does it wrong.
 *
 * When the channel closes it says how that went:
 *   VMBHOST-HEARTBEAT {"opens": ..., ...}
 */
#include "host_common.h"
#include "heartbeat_protocol.h"
#include "qemu/module.h"
#include "qemu/bswap.h"

#define TYPE_HEARTBEAT_HOST "vmb-heartbeat-host"
DECLARE_INSTANCE_CHECKER(struct heartbeat_host, HEARTBEAT_HOST, TYPE_HEARTBEAT_HOST)

#define BEAT_MS		100
/* What is in front of each message: 1, and its bytes. */
#define PIPE_HEADER	8
#define PIPE_DATA	1

struct heartbeat_host {
	VMBusDevice parent_obj;
	QEMUTimer *timer;
	VMBusChannel *chan;
	uint32_t opens;
	bool negotiated;
	uint64_t sequence;
	uint64_t asked;
	uint64_t answered;
	uint64_t wrong;
	uint64_t no_room;
};

static void heartbeat_send(struct heartbeat_host *host, const void *message,
			   uint32_t length)
{
	uint8_t packet[PIPE_HEADER + 128] = {};

	stl_le_p(packet, PIPE_DATA);
	stl_le_p(packet + 4, length);
	memcpy(packet + PIPE_HEADER, message, length);
	if (vmbus_channel_reserve(host->chan, 0, PIPE_HEADER + length)) {
		host->no_room++;
		return;
	}
	vmbus_channel_send(host->chan, VMBUS_PACKET_DATA_INBAND, NULL, 0, packet,
			   PIPE_HEADER + length, false, host->asked);
	host->asked++;
}

static struct ic_header heartbeat_header(enum ic_type type, uint32_t size)
{
	return (struct ic_header) {
		.frame = { cpu_to_le16(type ? 3 : 1), 0 },
		.type = cpu_to_le16(type),
		.message = { cpu_to_le16(type ? 3 : 0), 0 },
		.size = cpu_to_le16(size - sizeof(struct ic_header)),
		.flags = IC_FLAG_TRANSACTION | IC_FLAG_REQUEST,
	};
}

/* Frames 1.0 and 3.0, heartbeats 1.0, 3.0 and one that nobody knows. */
static void heartbeat_negotiate(struct heartbeat_host *host)
{
	static const uint16_t majors[] = { 1, 3, 1, 3, 77 };
	uint8_t message[sizeof(struct ic_negotiation) +
			ARRAY_SIZE(majors) * sizeof(struct ic_version)] = {};
	struct ic_negotiation *negotiation = (void *)message;
	uint32_t i;

	negotiation->header = heartbeat_header(IC_TYPE_NEGOTIATE, sizeof(message));
	negotiation->frame_count = cpu_to_le16(2);
	negotiation->message_count = cpu_to_le16(3);
	for (i = 0; i < ARRAY_SIZE(majors); i++)
		negotiation->versions[i].major = cpu_to_le16(majors[i]);
	heartbeat_send(host, message, sizeof(message));
}

static void heartbeat_ask(struct heartbeat_host *host)
{
	struct ic_heartbeat beat = {
		.header = heartbeat_header(IC_TYPE_HEARTBEAT, sizeof(beat)),
		.sequence = cpu_to_le64(host->sequence),
	};

	heartbeat_send(host, &beat, sizeof(beat));
}

static bool heartbeat_negotiation_is_right(const uint8_t *message, uint32_t length)
{
	const struct ic_negotiation *negotiation = (const void *)message;

	return length >= sizeof(*negotiation) + 2 * sizeof(struct ic_version) &&
	       le16_to_cpu(negotiation->frame_count) == 1 &&
	       le16_to_cpu(negotiation->message_count) == 1 &&
	       le16_to_cpu(negotiation->versions[0].major) == 3 &&
	       le16_to_cpu(negotiation->versions[1].major) == 3;
}

static bool heartbeat_is_right(struct heartbeat_host *host, VMBusChanReq *req)
{
	const uint8_t *packet = req->msg;
	uint32_t length = req->msglen;
	struct ic_heartbeat beat;

	if (req->pkt_type != VMBUS_PACKET_DATA_INBAND || req->need_comp ||
	    length < PIPE_HEADER + sizeof(struct ic_header) ||
	    ldl_le_p(packet) != PIPE_DATA ||
	    ldl_le_p(packet + 4) > length - PIPE_HEADER)
		return false;
	length -= PIPE_HEADER;
	memcpy(&beat, packet + PIPE_HEADER, MIN(length, sizeof(beat)));
	if (beat.header.flags != (IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE))
		return false;
	if (!host->negotiated) {
		host->negotiated = true;
		return beat.header.type == cpu_to_le16(IC_TYPE_NEGOTIATE) &&
		       heartbeat_negotiation_is_right(packet + PIPE_HEADER, length);
	}
	if (beat.header.type != cpu_to_le16(IC_TYPE_HEARTBEAT) ||
	    length < sizeof(beat) ||
	    le64_to_cpu(beat.sequence) != host->sequence + 1)
		return false;
	host->sequence += 2;
	return true;
}

static void heartbeat_notify(VMBusChannel *chan)
{
	struct heartbeat_host *host = HEARTBEAT_HOST(vmbus_channel_device(chan));
	VMBusChanReq *req;

	if (host->chan != chan)
		return;
	if (!host->asked)
		heartbeat_negotiate(host);
	if (vmbus_channel_recv_start(chan))
		return;
	while ((req = vmbus_channel_recv_peek(chan, sizeof(*req)))) {
		if (heartbeat_is_right(host, req))
			host->answered++;
		else
			host->wrong++;
		vmbus_free_req(req);
		vmbus_channel_recv_pop(chan);
	}
	vmbus_channel_recv_done(chan);
}

static void heartbeat_tick(void *opaque)
{
	struct heartbeat_host *host = opaque;

	if (!host->chan)
		return;
	/* One at a time: the next when the last was answered. */
	if (host->asked && host->asked == host->answered + host->wrong)
		heartbeat_ask(host);
	timer_mod(host->timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + BEAT_MS);
}

static int heartbeat_open(VMBusChannel *chan)
{
	struct heartbeat_host *host = HEARTBEAT_HOST(vmbus_channel_device(chan));

	host->opens++;
	host->chan = chan;
	host->negotiated = false;
	host->asked = 0;
	host->answered = 0;
	host->wrong = 0;
	host->no_room = 0;
	timer_mod(host->timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + BEAT_MS);
	vmbus_channel_notify_host(chan);
	return 0;
}

static void heartbeat_close(VMBusChannel *chan)
{
	struct heartbeat_host *host = HEARTBEAT_HOST(vmbus_channel_device(chan));

	timer_del(host->timer);
	host->chan = NULL;
	fprintf(stderr, "VMBHOST-HEARTBEAT {\"opens\": %u, \"negotiated\": %s, "
		"\"asked\": %" PRIu64 ", \"answered\": %" PRIu64 ", "
		"\"wrong\": %" PRIu64 ", \"no_room\": %" PRIu64 "}\n",
		host->opens, host->negotiated ? "true" : "false", host->asked,
		host->answered, host->wrong, host->no_room);
	fflush(stderr);
}

static void heartbeat_realize(VMBusDevice *vdev, Error **errp)
{
	struct heartbeat_host *host = HEARTBEAT_HOST(vdev);

	if (!host_is_our_qemu(vdev, 1)) {
		error_setg(errp, "%s was built for another QEMU than this one: "
			   "remove the cache's qemu directory and build it again",
			   TYPE_HEARTBEAT_HOST);
		return;
	}
	host->timer = timer_new_ms(QEMU_CLOCK_REALTIME, heartbeat_tick, host);
}

static void heartbeat_unrealize(VMBusDevice *vdev)
{
	timer_free(HEARTBEAT_HOST(vdev)->timer);
}

static void heartbeat_class_init(ObjectClass *klass, void *data)
{
	/* The heartbeat's type, as every host offers it. */
	static const uint32_t class_fields[] = {
		0x57164f39, 0x9115, 0x4e78, 0xab, 0x55, 0x38, 0x2f, 0x3b, 0xd5, 0x42, 0x2d
	};
	static const uint32_t instance_fields[] = {
		0x8a1d5c70, 0x3be4, 0x4f92, 0x90, 0x6b, 0x27, 0xd1, 0x4e, 0xf8, 0x05, 0x3c
	};
	VMBusDeviceClass *vdc = VMBUS_DEVICE_CLASS(klass);

	host_set_uuid(&vdc->classid, class_fields);
	host_set_uuid(&vdc->instanceid, instance_fields);
	vdc->vmdev_realize = heartbeat_realize;
	vdc->vmdev_unrealize = heartbeat_unrealize;
	vdc->open_channel = heartbeat_open;
	vdc->close_channel = heartbeat_close;
	vdc->chan_notify_cb = heartbeat_notify;
}

static const TypeInfo heartbeat_type = {
	.name = TYPE_HEARTBEAT_HOST,
	.parent = TYPE_VMBUS_DEVICE,
	.instance_size = sizeof(struct heartbeat_host),
	.class_init = heartbeat_class_init,
};

static void heartbeat_register(void)
{
	type_register_static(&heartbeat_type);
}

/* The object is preloaded: QEMU runs this list of functions in its main(). */
static void __attribute__((constructor)) heartbeat_load(void)
{
	register_module_init(heartbeat_register, MODULE_INIT_QOM);
}
