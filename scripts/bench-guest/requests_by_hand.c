// SPDX-License-Identifier: GPL-2.0
/*
 * Requests by nothing but the kernel's own VMBus interface: as short as an author would
 * write it who knows that all of them together have room in the ring.
 */
#include <linux/dma-mapping.h>
#include <linux/hyperv.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "drivers.h"
#include "load.h"

/**
 * struct requests - a device
 * @load: what it does.
 * @channel: its channel.
 * @tables: the external data of each slot.
 */
struct requests {
	struct load load;
	struct vmbus_channel *channel;
	struct scatterlist tables[LOAD_EXTERNAL_WINDOW][LOAD_PAGES];
};

/* A descriptor and a trailer more, and of external data its list. */
static_assert(LOAD_WINDOW * (16 + sizeof(struct vmb_bench_request) + 8) <
	      VMB_BENCH_RING_SIZE - HV_HYP_PAGE_SIZE);
static_assert(LOAD_EXTERNAL_WINDOW *
	      (16 + 16 + 8 * LOAD_PAGES + sizeof(struct vmb_bench_request) + 8) <
	      VMB_BENCH_RING_SIZE - HV_HYP_PAGE_SIZE);

/* Of no other use than that 0 is nobody's. */
static u64 requests_id(const struct load_slot *slot)
{
	return slot - slot->load->slots + 1;
}

static int requests_external(struct requests *requests, struct load_slot *slot)
{
	struct {
		struct vmbus_packet_mpb_array array;
		u64 frames[VMB_BENCH_EXTERNAL_SIZE / HV_HYP_PAGE_SIZE];
	} payload = {
		.array.rangecount = 1,
		.array.range.len = VMB_BENCH_EXTERNAL_SIZE,
	};
	struct scatterlist *table = requests->tables[slot - slot->load->slots];
	unsigned long frame, end;
	struct scatterlist *entry;
	u32 count = 0;
	int mapped, i;

	mapped = dma_map_sg(&requests->channel->device_obj->device, table, LOAD_PAGES,
			    DMA_TO_DEVICE);
	if (!mapped)
		return -ENOMEM;
	for_each_sg(table, entry, mapped, i) {
		frame = HVPFN_DOWN(sg_dma_address(entry));
		end = HVPFN_UP(sg_dma_address(entry) + sg_dma_len(entry));
		while (frame < end)
			payload.frames[count++] = frame++;
	}
	i = vmbus_sendpacket_mpb_desc(requests->channel, &payload.array, sizeof(payload),
				      &slot->request, sizeof(slot->request),
				      requests_id(slot));
	if (i)
		dma_unmap_sg(&requests->channel->device_obj->device, table, LOAD_PAGES,
			     DMA_TO_DEVICE);
	return i;
}

static int requests_send(struct load_slot *slot, bool external)
{
	struct requests *requests = container_of(slot->load, struct requests, load);

	if (external)
		return requests_external(requests, slot);
	return vmbus_sendpacket(requests->channel, &slot->request, sizeof(slot->request),
				requests_id(slot), VM_PKT_DATA_INBAND,
				VMBUS_DATA_PACKET_FLAG_COMPLETION_REQUESTED);
}

static void requests_callback(void *context)
{
	struct requests *requests = context;
	const struct vmpacket_descriptor *packet;
	struct load_slot *slot;

	foreach_vmbus_pkt(packet, requests->channel) {
		if (packet->type != VM_PKT_COMP || !packet->trans_id ||
		    packet->trans_id > LOAD_WINDOW ||
		    !requests->load.slots[packet->trans_id - 1].on_its_way) {
			load_unexpected(&requests->load);
			continue;
		}
		slot = &requests->load.slots[packet->trans_id - 1];
		if (requests->load.external)
			dma_unmap_sg(&requests->channel->device_obj->device,
				     requests->tables[packet->trans_id - 1], LOAD_PAGES,
				     DMA_TO_DEVICE);
		load_answered(slot, hv_pkt_data(packet), hv_pkt_datalen(packet));
	}
}

static int requests_probe(struct hv_device *device, const struct hv_vmbus_device_id *id)
{
	struct requests *requests;
	u32 i, k;
	int ret;

	requests = kzalloc(sizeof(*requests), GFP_KERNEL);
	if (!requests)
		return -ENOMEM;
	ret = load_init(&requests->load, "vmb_bench_by_hand", requests_send);
	if (ret)
		goto free_requests;
	for (i = 0; i < LOAD_EXTERNAL_WINDOW; i++) {
		sg_init_table(requests->tables[i], LOAD_PAGES);
		for (k = 0; k < LOAD_PAGES; k++)
			sg_set_page(&requests->tables[i][k],
				    requests->load.slots[i].pages[k], PAGE_SIZE, 0);
	}
	requests->channel = device->channel;
	hv_set_drvdata(device, requests);
	ret = vmbus_open(device->channel, VMB_BENCH_RING_SIZE, VMB_BENCH_RING_SIZE,
			 NULL, 0, requests_callback, requests);
	if (ret)
		goto destroy_load;
	ret = load_start(&requests->load);
	if (ret)
		goto close;
	return 0;

close:
	vmbus_close(device->channel);
destroy_load:
	load_destroy(&requests->load);
free_requests:
	kfree(requests);
	return ret;
}

static driver_remove_result requests_remove(struct hv_device *device)
{
	struct requests *requests = hv_get_drvdata(device);

	load_stop(&requests->load);
	vmbus_close(device->channel);
	load_destroy(&requests->load);
	kfree(requests);
	return (driver_remove_result)0;
}

/* Bound by driver_override alone. */
static const struct hv_vmbus_device_id requests_ids[] = {
	{ }
};

struct hv_driver requests_by_hand = {
	.name = "vmb_bench_by_hand",
	.id_table = requests_ids,
	.probe = requests_probe,
	.remove = requests_remove,
};
