// SPDX-License-Identifier: GPL-2.0
/*
 * Channels on hv_vmbus: how the rings are got, signalled and lost.
 *
 * HV_CALL_DIRECT, with our own masking: in the batched mode hv_vmbus calls
 * again at once for as long as a byte is unread, so that a channel that is
 * stopped or starved would burn a CPU.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "hv_layout.h"
#include "hv_transport.h"

static struct vmb_hv_device *vmb_hv_device_of(const struct vmb_channel *channel)
{
	return container_of(vmb_channel_transport_device(channel),
			    struct vmb_hv_device, transport);
}

static int vmb_hv_prepare(struct vmb_channel *channel, u32 *inbound_size,
			  u32 *outbound_size, u32 minimum_size)
{
	struct vmb_channel *primary = vmb_channel_primary(channel);
	struct vmb_hv_channel *hv;
	int ret;

	/* Its sub-channels would be offered on a device that is not the client's. */
	if (primary && vmb_channel_has_own_offer(primary))
		return -EOPNOTSUPP;
	hv = kzalloc(sizeof(*hv), GFP_KERNEL);
	if (!hv)
		return -ENOMEM;
	hv->device = vmb_hv_device_of(channel);
	hv->gpadl_lock = &hv->device->gpadl_lock;
	refcount_set(&hv->references, 1);
	ret = vmb_hv_rings_get(hv, *inbound_size, *outbound_size, minimum_size);
	if (ret)
		goto free_hv;
	*inbound_size = hv->rings->inbound_size;
	*outbound_size = hv->rings->outbound_size;
	if (vmb_channel_has_own_offer(channel)) {
		ret = vmb_hv_target_prepare(hv, channel);
		if (ret)
			goto put_rings;
	} else if (primary) {
		ret = vmb_hv_sub_prepare(hv, channel);
		if (ret)
			goto put_rings;
	} else {
		hv->channel = hv->device->hv->channel;
		ret = vmb_hv_settle_memory(channel, vmb_hv_confidential_of(hv->channel),
					   vmb_hv_confidential_of(hv->channel));
		if (ret)
			goto put_rings;
	}
	vmb_channel_set_transport_private(channel, hv);
	return 0;

put_rings:
	vmb_hv_rings_put(hv);
free_hv:
	kfree(hv);
	return ret;
}

static void vmb_hv_unprepare(struct vmb_channel *channel)
{
	struct vmb_hv_channel *hv = vmb_channel_transport_private(channel);

	vmb_channel_set_transport_private(channel, NULL);
	/* What it was prepared as: its primary may have been cleaned up since. */
	if (hv->owner) {
		vmb_hv_sub_unprepare(hv);
		return;
	}
	if (hv->target)
		vmb_hv_target_unprepare(hv);
	vmb_hv_rings_put(hv);
	kfree_rcu(hv, rcu);
}

/* The device was offered; what is on another offer has to be. */
static bool vmb_hv_find_peer(struct vmb_channel *channel)
{
	struct vmb_hv_channel *hv = vmb_channel_transport_private(channel);

	if (vmb_channel_primary(channel))
		return vmb_hv_sub_find_offer(hv);
	return !hv->target || vmb_hv_target_find_offer(hv);
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
 * The ring memory is ours again, unless the host may still reach it. The mode is as
 * it was found, for the device's next driver may be another's; not before, for of
 * two channels that are prepared at once only one is opened.
 */
static void vmb_hv_take_back(struct vmb_hv_channel *hv)
{
	set_channel_read_mode(hv->channel, HV_CALL_BATCHED);
	hv->channel->ringbuffer_page = NULL;
	hv->leaked |= vmb_hv_gpadl_is_alive(hv->channel,
					    &hv->channel->ringbuffer_gpadlhandle);
}

/* Neither does an open that has failed say so, nor a close that came too early to know. */
static void vmb_hv_count_leak(struct vmb_hv_channel *hv, struct vmb_channel *channel)
{
	if (!hv->leaked || hv->counted)
		return;
	hv->counted = true;
	vmb_channel_leaked(channel, 1, 1);
}

/* -EBUSY: a sub-channel, of which nobody knows yet; any other errno: the rings are leaked. */
static int vmb_hv_disconnect(struct vmb_hv_channel *hv, struct vmb_channel *channel)
{
	u32 kept = 0;
	int ret;

	if (vmb_channel_primary(channel))
		return vmb_hv_sub_close(hv);
	mutex_lock(hv->gpadl_lock);
	if (hv->target) {
		ret = vmbus_disconnect_ring(hv->channel);
	} else {
		/* Closes the sub-channels first. */
		vmb_hv_sub_begin_close_all(hv->device);
		ret = vmbus_disconnect_ring(hv->channel);
		kept = vmb_hv_sub_end_close_all(hv->device);
	}
	mutex_unlock(hv->gpadl_lock);
	vmb_hv_take_back(hv);
	/* The host did not give up the pages; the mappings are ours in any case. */
	if (ret)
		hv->leaked = true;
	/* Drops those, which disconnect leaves and connect forgets. */
	vmbus_free_ring(hv->channel);
	/* It is one close that leaves all of them, with its own, which the caller counts. */
	if (kept)
		vmb_channel_leaked(channel, kept, hv->leaked ? 0 : 1);
	/* -EBUSY, of memory that cannot be encrypted now, would be a sub-channel's word. */
	if (ret && ret != -EBUSY)
		return ret;
	return hv->leaked ? -EIO : 0;
}

static int vmb_hv_close(struct vmb_channel *channel)
{
	struct vmb_hv_channel *hv = vmb_channel_transport_private(channel);
	int ret = vmb_hv_disconnect(hv, channel);

	/* The caller counts them. */
	if (ret && ret != -EBUSY)
		hv->counted = true;
	return ret;
}

/* Lend hv_vmbus the rings, and have the host open the channel. */
static int vmb_hv_connect(struct vmb_hv_channel *hv, struct vmb_channel *channel)
{
	struct vmb_hv_confidential confidential = vmb_hv_confidential_of(hv->channel);
	struct vmb_hv_rings *rings;
	int ret;

	ret = vmb_hv_settle_memory(channel, confidential,
				   vmb_hv_confidential_of(hv->device->hv->channel));
	if (ret)
		return ret;
	/* The VM has hibernated, and a sub-channel's rings were kept by its primary's close. */
	vmb_hv_count_leak(hv, channel);
	ret = vmb_hv_rings_renew(hv);
	if (ret)
		return ret;
	rings = hv->rings;
	vmb_hv_rings_lend(rings, confidential.ring);
	hv->channel->ringbuffer_page = rings->pages;
	hv->channel->ringbuffer_send_offset = rings->outbound_size >> PAGE_SHIFT;
	hv->channel->ringbuffer_pagecount =
		(rings->outbound_size + rings->inbound_size) >> PAGE_SHIFT;
	set_channel_read_mode(hv->channel, HV_CALL_DIRECT);
	ret = vmbus_connect_ring(hv->channel, vmb_hv_on_channel, channel);
	if (!ret)
		return 0;
	/* It leaves our callback set. */
	vmb_hv_silence(hv->channel);
	vmb_hv_take_back(hv);
	vmb_hv_count_leak(hv, channel);
	/* What the host has refused it would refuse again. */
	return ret == -EAGAIN ? -ECONNREFUSED : ret;
}

static int vmb_hv_open_sub_channel(struct vmb_hv_channel *hv,
				   struct vmb_channel *channel)
{
	int ret;

	if (!vmb_hv_sub_begin_open(hv))
		return -EAGAIN;
	ret = vmb_hv_connect(hv, channel);
	/* The host took it back: there may be another offer. */
	if (ret && READ_ONCE(hv->channel->rescind) && !hv->leaked)
		ret = -EAGAIN;
	vmb_hv_sub_end_open(hv, !ret);
	return ret;
}

static int vmb_hv_open(struct vmb_channel *channel)
{
	struct vmb_hv_channel *hv = vmb_channel_transport_private(channel);
	struct vmb_ring inbound, outbound;
	int ret;

	if (vmb_channel_primary(channel)) {
		ret = vmb_hv_open_sub_channel(hv, channel);
	} else {
		ret = vmb_hv_connect(hv, channel);
		if (!ret && !hv->target)
			vmb_hv_sub_allow(hv->device);
	}
	if (ret)
		return ret;
	vmb_hv_ring(&hv->channel->inbound, &inbound);
	vmb_hv_ring(&hv->channel->outbound, &outbound);
	ret = vmb_channel_attach_rings(channel, &inbound, &outbound);
	if (ret) {
		vmb_hv_disconnect(hv, channel);
		vmb_hv_count_leak(hv, channel);
	}
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

static bool vmb_hv_scheduled(struct vmb_channel *channel)
{
	struct vmb_hv_channel *hv = vmb_channel_transport_private(channel);

	return READ_ONCE(hv->channel->callback_event.state);
}

static bool vmb_hv_peer_gone(struct vmb_channel *channel)
{
	bool apart = vmb_channel_has_own_offer(channel);

	if (!apart && READ_ONCE(vmb_hv_device_of(channel)->hv->channel->rescind))
		return true;
	return (apart || vmb_channel_primary(channel)) && vmb_hv_offer_is_gone(channel);
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
	mutex_lock(hv->gpadl_lock);
	ret = vmbus_establish_gpadl(hv->channel, buffer, byte_count, gpadl);
	mutex_unlock(hv->gpadl_lock);
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

	mutex_lock(hv->gpadl_lock);
	ret = vmbus_teardown_gpadl(hv->channel, gpadl);
	mutex_unlock(hv->gpadl_lock);
	if (!ret && vmb_hv_gpadl_is_alive(hv->channel, gpadl))
		ret = -EIO;
	kfree(gpadl);
	return ret;
}

static int vmb_hv_mmio_space(struct vmb_channel *channel, u64 *address, u64 *size)
{
	/* The range is the device's, which that offer is not. */
	if (vmb_channel_has_own_offer(channel))
		return -ENOENT;
	return vmb_hv_mmio_get(vmb_hv_device_of(channel), address, size);
}

const struct vmb_channel_transport_operations vmb_hv_channel_operations = {
	.prepare = vmb_hv_prepare,
	.unprepare = vmb_hv_unprepare,
	.find_peer = vmb_hv_find_peer,
	.open = vmb_hv_open,
	.close = vmb_hv_close,
	.signal = vmb_hv_signal,
	.schedule = vmb_hv_schedule,
	.scheduled = vmb_hv_scheduled,
	.peer_gone = vmb_hv_peer_gone,
	.create_gpadl = vmb_hv_create_gpadl,
	.delete_gpadl = vmb_hv_delete_gpadl,
	.mmio_space = vmb_hv_mmio_space,
	.sub_channels_stay_open = true,
	.finds_own_offers = true,
};
