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
 * Whoever reads the pointer elsewhere at the same time finds what it points to
 * complete, or NULL.
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
 * vmb_channel_maximum_packet_count() - how many packets may be in flight
 * @channel: the channel.
 *
 * Context: any, while the channel is enabled.
 * Return: what vmb_channel_init_set_maximum_packet_count() set.
 */
u32 vmb_channel_maximum_packet_count(const struct vmb_channel *channel)
{
	return channel->outbound.transactions.limit;
}
EXPORT_SYMBOL_GPL(vmb_channel_maximum_packet_count);

/**
 * vmb_channel_attach_rings() - the rings of a channel that is being opened
 * @channel: the channel.
 * @incoming: the ring that the peer writes; empty.
 * @outgoing: the ring that we write; empty.
 *
 * Called by the transport in open; both are copied.
 *
 * Context: process context.
 * Return: 0; -EMSGSIZE: the outgoing ring cannot hold the channel's largest
 * completion.
 */
int vmb_channel_attach_rings(struct vmb_channel *channel,
			     const struct vmb_ring *incoming,
			     const struct vmb_ring *outgoing)
{
	u32 size;
	int ret;

	ret = vmb_ring_packet_size(0, vmb_channel_wire_packet_size(channel), &size);
	if (ret)
		return ret;
	if (size >= outgoing->size)
		return -EMSGSIZE;
	vmb_ring_reader_init(&channel->inbound.reader, incoming,
			     vmb_ranges_maximum_length(&channel->external),
			     ALIGN(vmb_channel_wire_packet_size(channel),
				   VMB_WIRE_UNIT));
	vmb_ring_writer_init(&channel->outbound.writer, outgoing);
	vmb_drain_leave(&channel->inbound.flags, VMB_DRAIN_LOST, VMB_DRAIN_STOPPED);
	/* Until started, the peer's signals would be for nothing. */
	vmb_ring_reader_mask(&channel->inbound.reader);
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_attach_rings);
