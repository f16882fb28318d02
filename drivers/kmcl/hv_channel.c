// SPDX-License-Identifier: GPL-2.0
/*
 * Channels on hv_vmbus: how the rings are got, signalled and lost.
 *
 * HV_CALL_DIRECT, with our own masking: in the batched mode hv_vmbus calls
 * again at once for as long as a byte is unread, so that a channel that is
 * stopped or starved would burn a processor.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "hv_layout.h"
#include "hv_transport.h"

static int vmb_hv_prepare(struct vmb_channel *channel, u32 *incoming_size,
			  u32 *outgoing_size, u32 minimum_size)
{
	struct vmb_hv_device *device;
	struct vmb_hv_channel *hv;
	int ret;

	device = container_of(vmb_channel_transport_device(channel),
			      struct vmb_hv_device, transport);
	hv = kzalloc(sizeof(*hv), GFP_KERNEL);
	if (!hv)
		return -ENOMEM;
	hv->channel = device->hv->channel;
	hv->device = device;
	hv->rings.incoming_wanted = *incoming_size;
	hv->rings.outgoing_wanted = *outgoing_size;
	ret = vmb_hv_rings_get(hv, minimum_size);
	if (ret) {
		kfree(hv);
		return ret;
	}
	*incoming_size = hv->rings.incoming_size;
	*outgoing_size = hv->rings.outgoing_size;
	vmb_channel_set_transport_private(channel, hv);
	return 0;
}

static void vmb_hv_unprepare(struct vmb_channel *channel)
{
	struct vmb_hv_channel *hv = vmb_channel_transport_private(channel);

	/* As it was found, for the device's next driver may be another's. */
	set_channel_read_mode(hv->channel, HV_CALL_BATCHED);
	vmb_hv_rings_put(hv);
	vmb_channel_set_transport_private(channel, NULL);
	kfree(hv);
}

static void vmb_hv_on_channel(void *context)
{
	vmb_channel_interrupt(context);
}

static void vmb_hv_ring(const struct hv_ring_buffer_info *info,
			struct vmb_ring *ring)
{
	ring->control = (struct vmb_wire_ring_control *)info->ring_buffer;
	ring->data = info->ring_buffer->buffer;
	ring->size = info->ring_datasize;
}

/*
 * May the host still reach the memory of a GPADL that hv_vmbus says is torn
 * down? It says so also when it could not post the message; but only the host's
 * answer clears the handle. A rescinded offer gets no answer and needs none.
 */
static bool vmb_hv_gpadl_is_alive(const struct vmb_hv_channel *hv,
				  const struct vmbus_gpadl *gpadl)
{
	return gpadl->decrypted ||
	       (gpadl->gpadl_handle && !READ_ONCE(hv->channel->rescind));
}

/* The ring memory is ours again, unless the host may still reach it. */
static void vmb_hv_take_pages_back(struct vmb_hv_channel *hv)
{
	hv->channel->ringbuffer_page = NULL;
	hv->leaked |= vmb_hv_gpadl_is_alive(hv, &hv->channel->ringbuffer_gpadlhandle);
}

static int vmb_hv_close(struct vmb_channel *channel)
{
	struct vmb_hv_channel *hv = vmb_channel_transport_private(channel);
	int ret;

	ret = vmbus_disconnect_ring(hv->channel);
	if (ret) {
		/* The host did not give it up: neither pages nor mapping can go. */
		hv->leaked = true;
		return ret;
	}
	vmb_hv_take_pages_back(hv);
	/* Drops the mappings, which disconnect leaves and connect forgets. */
	vmbus_free_ring(hv->channel);
	return hv->leaked ? -EIO : 0;
}

static int vmb_hv_open(struct vmb_channel *channel)
{
	struct vmb_hv_channel *hv = vmb_channel_transport_private(channel);
	struct vmb_ring incoming, outgoing;
	int ret;

	/* They may have been open before. */
	memset(page_address(hv->rings.pages), 0, PAGE_SIZE);
	memset(page_address(hv->rings.pages) + hv->rings.outgoing_size, 0, PAGE_SIZE);
	hv->channel->ringbuffer_page = hv->rings.pages;
	hv->channel->ringbuffer_send_offset = hv->rings.outgoing_size >> PAGE_SHIFT;
	hv->channel->ringbuffer_pagecount =
		(hv->rings.outgoing_size + hv->rings.incoming_size) >> PAGE_SHIFT;
	set_channel_read_mode(hv->channel, HV_CALL_DIRECT);
	ret = vmbus_connect_ring(hv->channel, vmb_hv_on_channel, channel);
	if (ret) {
		/* It leaves our callback set; this takes it back, and no more. */
		vmbus_disconnect_ring(hv->channel);
		vmb_hv_take_pages_back(hv);
		return ret;
	}
	vmb_hv_ring(&hv->channel->inbound, &incoming);
	vmb_hv_ring(&hv->channel->outbound, &outgoing);
	ret = vmb_channel_attach_rings(channel, &incoming, &outgoing);
	if (ret)
		vmb_hv_close(channel);
	return ret;
}

static void vmb_hv_signal(struct vmb_channel *channel)
{
	struct vmb_hv_channel *hv = vmb_channel_transport_private(channel);

	vmbus_setevent(hv->channel);
}

static void vmb_hv_schedule(struct vmb_channel *channel)
{
	struct vmb_hv_channel *hv = vmb_channel_transport_private(channel);

	tasklet_schedule(&hv->channel->callback_event);
}

static bool vmb_hv_peer_gone(struct vmb_channel *channel)
{
	struct vmb_hv_device *device;

	device = container_of(vmb_channel_transport_device(channel),
			      struct vmb_hv_device, transport);
	return READ_ONCE(device->hv->channel->rescind);
}

static int vmb_hv_create_gpadl(struct vmb_channel *channel, void *buffer,
			       u32 byte_count, u32 *gpadl_handle, void **private)
{
	struct vmb_hv_channel *hv = vmb_channel_transport_private(channel);
	struct vmbus_gpadl *gpadl;
	int ret;

	gpadl = kzalloc(sizeof(*gpadl), GFP_KERNEL);
	if (!gpadl)
		return -ENOMEM;
	ret = vmbus_establish_gpadl(hv->channel, buffer, byte_count, gpadl);
	if (ret) {
		/* Could not be hidden from the host again: not to be freed. */
		if (gpadl->decrypted)
			ret = -EIO;
		kfree(gpadl);
		return ret;
	}
	*gpadl_handle = gpadl->gpadl_handle;
	*private = gpadl;
	return 0;
}

static int vmb_hv_delete_gpadl(struct vmb_channel *channel, void *private)
{
	struct vmb_hv_channel *hv = vmb_channel_transport_private(channel);
	struct vmbus_gpadl *gpadl = private;
	int ret;

	ret = vmbus_teardown_gpadl(hv->channel, gpadl);
	if (!ret && vmb_hv_gpadl_is_alive(hv, gpadl))
		ret = -EIO;
	kfree(gpadl);
	return ret;
}

const struct vmb_channel_transport_operations vmb_hv_channel_operations = {
	.prepare = vmb_hv_prepare,
	.unprepare = vmb_hv_unprepare,
	.open = vmb_hv_open,
	.close = vmb_hv_close,
	.signal = vmb_hv_signal,
	.schedule = vmb_hv_schedule,
	.peer_gone = vmb_hv_peer_gone,
	.create_gpadl = vmb_hv_create_gpadl,
	.delete_gpadl = vmb_hv_delete_gpadl,
};
