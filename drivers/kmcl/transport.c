// SPDX-License-Identifier: GPL-2.0
/*
 * Channels and devices as a transport sees them.
 */
#include "channel.h"

/**
 * vmb_channel_transport_device() - the device that a channel is on
 * @channel: the channel.
 *
 * Context: any.
 * Return: what the transport gave to vmb_transport_device_init().
 */
struct vmb_transport_device *
vmb_channel_transport_device(const struct vmb_channel *channel)
{
	return channel->device;
}
EXPORT_SYMBOL_GPL(vmb_channel_transport_device);

/**
 * vmb_channel_is_server() - which end of the channel this is
 * @channel: the channel.
 *
 * Context: any.
 * Return: what vmb_channel_allocate() was told.
 */
bool vmb_channel_is_server(const struct vmb_channel *channel)
{
	return channel->is_server;
}
EXPORT_SYMBOL_GPL(vmb_channel_is_server);

/**
 * vmb_channel_target_type() - what a server offers, or a client wants
 * @channel: the channel.
 *
 * Context: any, from prepare to unprepare.
 * Return: the type GUID that was set; NULL: none was.
 */
const guid_t *vmb_channel_target_type(const struct vmb_channel *channel)
{
	return channel->target_set ? &channel->target_type : NULL;
}
EXPORT_SYMBOL_GPL(vmb_channel_target_type);

/**
 * vmb_channel_target_instance() - which one a server offers, or a client wants
 * @channel: the channel.
 *
 * Context: any, from prepare to unprepare.
 * Return: the instance GUID that was set; NULL: none was, any will do.
 */
const guid_t *vmb_channel_target_instance(const struct vmb_channel *channel)
{
	return channel->target_instance_set ? &channel->target_instance : NULL;
}
EXPORT_SYMBOL_GPL(vmb_channel_target_instance);

/**
 * vmb_channel_wants() - is an offer the channel's target
 * @channel: a client with a target.
 * @interface_type: type GUID of the offer.
 * @interface_instance: instance GUID of the offer.
 *
 * Context: any, from prepare to unprepare.
 * Return: whether it is.
 */
bool vmb_channel_wants(const struct vmb_channel *channel,
		       const guid_t *interface_type,
		       const guid_t *interface_instance)
{
	return guid_equal(&channel->target_type, interface_type) &&
	       (!channel->target_instance_set ||
		guid_equal(&channel->target_instance, interface_instance));
}
EXPORT_SYMBOL_GPL(vmb_channel_wants);

/* Has it a target that the device is not? Loopback's own device is nobody's target. */
bool vmb_channel_is_for_another(const struct vmb_channel *channel)
{
	const struct vmb_device *device = &channel->device->device;

	if (!channel->target_set || channel->is_server ||
	    guid_is_null(&device->interface_type))
		return false;
	return !vmb_channel_wants(channel, &device->interface_type,
				  &device->interface_instance);
}

/**
 * vmb_channel_has_own_offer() - is it on another offer than its device
 * @channel: the channel.
 *
 * A client's further channel, with a target that its device is not: it waits for an
 * offer of that target, and has nothing of the device but its place in sysfs.
 *
 * Context: any; does not change while the channel is not disabled.
 * Return: whether it is.
 */
bool vmb_channel_has_own_offer(const struct vmb_channel *channel)
{
	/* A sub-channel is on that of its primary. */
	return !channel->primary && vmb_channel_is_for_another(channel);
}
EXPORT_SYMBOL_GPL(vmb_channel_has_own_offer);

/**
 * vmb_channel_set_interface() - the offer that a channel is bound to
 * @channel: the channel, being prepared or opened.
 * @interface_type: type GUID of the offer.
 * @interface_instance: instance GUID of the offer.
 *
 * Only where the device does not say it.
 *
 * Context: process context, in the transport's operations.
 */
void vmb_channel_set_interface(struct vmb_channel *channel,
			       const guid_t *interface_type,
			       const guid_t *interface_instance)
{
	guid_copy(&channel->interface_type, interface_type);
	guid_copy(&channel->interface_instance, interface_instance);
}
EXPORT_SYMBOL_GPL(vmb_channel_set_interface);

/**
 * vmb_channel_set_transport_private() - keep the transport's own in a channel
 * @channel: the channel.
 * @private: anything.
 *
 * A reader on another CPU finds NULL, or what the pointer points to, complete.
 *
 * Context: process context, in the transport's operations.
 */
void vmb_channel_set_transport_private(struct vmb_channel *channel, void *private)
{
	/* pairs with the dependent load in vmb_channel_transport_private() */
	smp_store_release(&channel->transport_private, private);
}
EXPORT_SYMBOL_GPL(vmb_channel_set_transport_private);

/**
 * vmb_channel_transport_private() - the transport's own
 * @channel: the channel.
 *
 * Context: any; what it points to is the transport's to keep, from prepare to
 * unprepare as a rule.
 * Return: what vmb_channel_set_transport_private() was given.
 */
void *vmb_channel_transport_private(const struct vmb_channel *channel)
{
	return READ_ONCE(channel->transport_private);
}
EXPORT_SYMBOL_GPL(vmb_channel_transport_private);

/**
 * vmb_channel_primary() - whose sub-channel it is
 * @channel: the channel.
 *
 * Context: any, from prepare to unprepare.
 * Return: the primary channel; NULL: it is one itself.
 */
struct vmb_channel *vmb_channel_primary(const struct vmb_channel *channel)
{
	return channel->primary;
}
EXPORT_SYMBOL_GPL(vmb_channel_primary);

/**
 * vmb_channel_sub_channel_index() - which sub-channel it is
 * @channel: the channel.
 *
 * Context: any, from prepare to unprepare.
 * Return: its index; 0: a primary channel.
 */
u16 vmb_channel_sub_channel_index(const struct vmb_channel *channel)
{
	return channel->sub_channel_index;
}
EXPORT_SYMBOL_GPL(vmb_channel_sub_channel_index);

/**
 * vmb_channel_primary_is_closing() - will its primary be closed soon
 * @channel: a sub-channel that is not disabled.
 *
 * Context: any.
 * Return: whether the primary channel is to be closed, or is not open.
 */
bool vmb_channel_primary_is_closing(const struct vmb_channel *channel)
{
	return vmb_life_state(channel->primary) != VMB_LIFE_OPEN ||
	       vmb_life_has_to_end(channel->primary);
}
EXPORT_SYMBOL_GPL(vmb_channel_primary_is_closing);

/**
 * vmb_channel_settle_peer_memory() - how the peer reaches GPADLs and external data
 * @channel: a channel that is being prepared or opened.
 * @memory: VMB_PEER_MEMORY_ENCRYPTED, _RING or _DECRYPTED.
 *
 * The first word holds until the channel is disabled: what its client sends may be
 * mapped, or copied, long before it goes out. In a VM that is not isolated it means
 * nothing.
 *
 * Context: process context, in the transport's operations.
 * Return: 0; -EPERM: this is not the peer that the client's memory was mapped for.
 */
int vmb_channel_settle_peer_memory(struct vmb_channel *channel,
				   enum vmb_peer_memory memory)
{
	if (channel->peer_memory == VMB_PEER_MEMORY_PLAIN)
		return 0;
	if (channel->peer_memory == VMB_PEER_MEMORY_UNKNOWN)
		WRITE_ONCE(channel->peer_memory, memory);
	return channel->peer_memory == memory ? 0 : -EPERM;
}
EXPORT_SYMBOL_GPL(vmb_channel_settle_peer_memory);

/**
 * vmb_channel_limit_packets() - no more in flight than the peer can hold
 * @channel: a channel that is being opened: nothing is sent yet.
 * @peer: the other end, which is in this kernel.
 *
 * A completion that waits for room keeps its packet object, and an end that has none
 * left stops reading. If both ends did, each full of completions for the other, both
 * rings would stay full for ever. So @peer has an object for each packet that
 * waits for a completion of it, and one to read with. Holds until the next open;
 * never more than what the client has set.
 *
 * Context: process context, in the transport's open.
 */
void vmb_channel_limit_packets(struct vmb_channel *channel,
			       const struct vmb_channel *peer)
{
	struct vmb_transactions *transactions = &channel->outbound.transactions;
	u32 most = vmb_channel_can_answer(peer);

	spin_lock_irq(&channel->outbound.lock);
	most = min(transactions->configured, most);
	transactions->room += (s32)(most - transactions->limit);
	transactions->limit = most;
	spin_unlock_irq(&channel->outbound.lock);
}
EXPORT_SYMBOL_GPL(vmb_channel_limit_packets);

/**
 * vmb_channel_attach_rings() - the rings of a channel that is being opened
 * @channel: the channel.
 * @inbound: the ring that the peer writes; empty.
 * @outbound: the ring that we write; empty.
 *
 * Called by the transport in open; both are copied.
 *
 * Context: process context.
 * Return: 0; -EMSGSIZE: the outbound ring cannot hold the channel's largest
 * completion; -ENOMEM.
 */
int vmb_channel_attach_rings(struct vmb_channel *channel,
			     const struct vmb_ring *inbound,
			     const struct vmb_ring *outbound)
{
	u32 size;
	int ret;

	ret = vmb_ring_packet_size(0, vmb_channel_wire_packet_size(channel), &size);
	if (ret)
		return ret;
	if (size >= outbound->size)
		return -EMSGSIZE;
	vmb_ring_reader_init(&channel->inbound.reader, inbound,
			     vmb_ranges_maximum_length(&channel->external),
			     ALIGN(vmb_channel_wire_packet_size(channel),
				   VMB_WIRE_UNIT));
	ret = vmb_overlong_attach(channel);
	if (ret)
		return ret;
	vmb_ring_writer_init(&channel->outbound.writer, outbound);
	vmb_drain_leave(&channel->inbound.flags, VMB_DRAIN_LOST, VMB_DRAIN_STOPPED);
	/* Until started, the peer's signals would be for nothing. */
	vmb_ring_reader_mask(&channel->inbound.reader);
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_attach_rings);

/* May a ring be read, or written, from there on? */
static bool vmb_channel_index_is_sound(const struct vmb_ring *ring, u32 index)
{
	return index < ring->size && IS_ALIGNED(index, VMB_WIRE_UNIT);
}

/**
 * vmb_channel_resume_rings() - rings that another channel has used until now
 * @channel: the channel, being opened.
 * @inbound: as for vmb_channel_attach_rings(), but for what is in it.
 * @outbound: likewise.
 * @at: where that channel has stopped.
 *
 * Context: process context.
 * Return: as vmb_channel_attach_rings(); -EINVAL: @at is not in these rings.
 */
int vmb_channel_resume_rings(struct vmb_channel *channel,
			     const struct vmb_ring *inbound,
			     const struct vmb_ring *outbound,
			     const struct vmb_ring_positions *at)
{
	int ret;

	if (!vmb_channel_index_is_sound(inbound, at->read_index) ||
	    !vmb_channel_index_is_sound(outbound, at->write_index) ||
	    !vmb_channel_index_is_sound(outbound, at->peer_read_index))
		return -EINVAL;
	ret = vmb_channel_attach_rings(channel, inbound, outbound);
	if (ret)
		return ret;
	vmb_ring_reader_resume(&channel->inbound.reader, at);
	vmb_ring_writer_resume(&channel->outbound.writer, at);
	return 0;
}

/**
 * vmb_channel_ring_positions() - where a channel has stopped
 * @channel: a channel that stands still.
 * @at: gets it.
 *
 * Context: process context.
 */
void vmb_channel_ring_positions(const struct vmb_channel *channel,
				struct vmb_ring_positions *at)
{
	at->read_index = channel->inbound.reader.read_index;
	at->write_index = channel->outbound.writer.write_index;
	at->peer_read_index = channel->outbound.writer.read_index;
}

/**
 * vmb_channel_is_handed_over() - is the peer to notice nothing of the close
 * @channel: a channel that is being closed, or disabled after that.
 *
 * Context: process context, in the transport's operations.
 * Return: whether the peer's next channel goes on with the rings as they are.
 */
bool vmb_channel_is_handed_over(const struct vmb_channel *channel)
{
	return READ_ONCE(channel->save.state) == VMB_SAVE_HANDED_OVER;
}
