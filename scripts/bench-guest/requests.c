// SPDX-License-Identifier: GPL-2.0
/*
 * The same requests with the library.
 */
#include <linux/slab.h>

#include "drivers.h"
#include "load.h"

/**
 * struct requests - a device
 * @load: what it does.
 * @channel: its channel.
 */
struct requests {
	struct load load;
	struct vmb_channel *channel;
};

static void requests_answered(struct vmb_packet *packet, void *context, int status,
			      const void *buffer, u32 length)
{
	load_answered(context, status ? NULL : buffer, length);
}

/* Not a part of requests_send(): its vectors would be on every send's stack. */
static noinline int requests_external(struct load_slot *slot)
{
	const struct vmb_bench_request *request = &slot->request;
	struct bio_vec vectors[LOAD_PAGES];
	u32 i;

	for (i = 0; i < LOAD_PAGES; i++)
		vectors[i] = (struct bio_vec) {
			.bv_page = slot->pages[i],
			.bv_len = PAGE_SIZE,
		};
	return vmb_packet_send(slot->private, request, sizeof(*request), vectors,
			       LOAD_PAGES, VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION |
			       VMB_CHANNEL_FORMAT_FLAG_DATA_OUT_ONLY);
}

static int requests_send(struct load_slot *slot, bool external)
{
	if (external)
		return requests_external(slot);
	return vmb_packet_send(slot->private, &slot->request, sizeof(slot->request), NULL, 0,
			       VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION);
}

/* The host sends nothing by itself. */
static void requests_packet(struct vmb_channel *channel, void *context,
			    struct vmb_packet_completion *packet, void *buffer,
			    u32 length, u32 flags)
{
	vmb_channel_packet_complete(packet, NULL, 0);
}

static int requests_opened(struct vmb_channel *channel, void *context)
{
	struct requests *requests = context;

	return load_start(&requests->load);
}

static void requests_suspend(struct vmb_channel *channel, void *context,
			     enum vmb_channel_stop_reason reason)
{
	struct requests *requests = context;

	load_stop(&requests->load);
}

static int requests_configure(struct requests *requests)
{
	const u32 pages = VMB_BENCH_RING_SIZE / PAGE_SIZE;
	struct vmb_channel_state_change_callbacks callbacks;
	struct vmb_channel *channel = requests->channel;
	int ret;

	vmb_channel_state_change_callbacks_init(&callbacks);
	callbacks.callback_context = requests;
	callbacks.opened = requests_opened;
	callbacks.suspend = requests_suspend;
	ret = vmb_channel_init_set_state_change_callbacks(channel, &callbacks);
	if (ret)
		return ret;
	ret = vmb_channel_init_set_process_packet_callbacks(channel, NULL,
							    requests_packet, NULL);
	if (ret)
		return ret;
	ret = vmb_channel_init_set_maximum_packet_size(channel,
						       sizeof(struct vmb_bench_request));
	if (ret)
		return ret;
	ret = vmb_channel_init_set_maximum_external_data(channel,
							 VMB_BENCH_EXTERNAL_SIZE, 1);
	if (ret)
		return ret;
	return vmb_client_channel_init_set_ring_buffer_page_count(channel, pages, pages);
}

static void requests_free(struct requests *requests)
{
	u32 i;

	for (i = 0; i < LOAD_WINDOW; i++)
		if (requests->load.slots[i].private)
			vmb_packet_free(requests->load.slots[i].private);
	vmb_channel_cleanup(requests->channel);
	load_destroy(&requests->load);
	kfree(requests);
}

static int requests_allocate(struct requests *requests)
{
	struct load_slot *slot;
	u32 i;

	for (i = 0; i < LOAD_WINDOW; i++) {
		slot = &requests->load.slots[i];
		slot->private = vmb_packet_allocate(requests->channel);
		if (!slot->private)
			return -ENOMEM;
		vmb_packet_set_completion_routine(slot->private, slot, requests_answered);
	}
	return 0;
}

static int requests_probe(struct vmb_device *device)
{
	struct requests *requests;
	int ret;

	requests = kzalloc(sizeof(*requests), GFP_KERNEL);
	if (!requests)
		return -ENOMEM;
	device->driver_data = requests;
	ret = load_init(&requests->load, "vmb_bench", requests_send);
	if (ret)
		goto free_requests;
	ret = vmb_channel_allocate(device, false, &requests->channel);
	if (ret)
		goto destroy_load;
	ret = requests_configure(requests);
	if (!ret)
		ret = requests_allocate(requests);
	if (!ret)
		ret = vmb_channel_enable(requests->channel);
	if (ret)
		requests_free(requests);
	return ret;

destroy_load:
	load_destroy(&requests->load);
free_requests:
	kfree(requests);
	return ret;
}

static void requests_remove(struct vmb_device *device)
{
	struct requests *requests = device->driver_data;

	vmb_channel_disable(requests->channel);
	requests_free(requests);
}

/* Bound by driver_override alone. */
static const struct hv_vmbus_device_id requests_ids[] = {
	{ }
};

struct vmb_driver requests_driver = {
	.name = "vmb_bench",
	.id_table = requests_ids,
	.probe = requests_probe,
	.remove = requests_remove,
};
