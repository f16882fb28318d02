// SPDX-License-Identifier: GPL-2.0
/*
 * Outbound packet objects: got, given back, and what the client may ask of one.
 *
 * An object has room for the largest packet with all its external data. Its place
 * in the transaction table is taken by the send, which waits for one if it has to.
 */
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "outbound.h"

/**
 * struct vmb_packet_layout - where the parts of a packet object lie
 * @payload: offset of the payload in bytes, as all of these.
 * @ranges: offset of the range list.
 * @table: offset of the scatterlist.
 * @context: offset of the inline context; the last part, which objects in the
 *	client's memory lack.
 * @size: bytes of the whole object.
 */
struct vmb_packet_layout {
	size_t payload;
	size_t ranges;
	size_t table;
	size_t context;
	size_t size;
};

static void vmb_packet_lay_out(const struct vmb_channel *channel,
			       struct vmb_packet_layout *layout)
{
	size_t size = ALIGN(sizeof(struct vmb_packet), VMB_WIRE_UNIT);

	/* Every term was limited when it was set. */
	layout->payload = size;
	size += ALIGN(vmb_channel_wire_packet_size(channel), VMB_WIRE_UNIT);
	layout->ranges = size;
	size += vmb_ranges_maximum_length(&channel->external);
	layout->table = size;
	size += array_size(vmb_ranges_maximum_segments(&channel->external),
			   sizeof(struct scatterlist));
	layout->context = size;
	size += ALIGN(channel->inline_packet_context_size, VMB_WIRE_UNIT);
	layout->size = size;
}

static void vmb_packet_build(struct vmb_channel *channel,
			     struct vmb_packet *packet,
			     const struct vmb_packet_layout *layout)
{
	*packet = (struct vmb_packet) {
		.queue = { .kind = VMB_QUEUE_PACKET },
		.channel = channel,
		.slot = VMB_NO_SLOT,
		.size = layout->context,
		.external = {
			.table = (void *)((u8 *)packet + layout->table),
			.capacity = vmb_ranges_maximum_segments(&channel->external),
			.ranges = (u8 *)packet + layout->ranges,
			.ranges_maximum = vmb_ranges_maximum_length(&channel->external),
		},
		.payload = (u8 *)packet + layout->payload,
		.payload_room = layout->ranges - layout->payload,
		.payload_limit_made = vmb_channel_is_pipe(channel) ? 0 :
				      channel->maximum_packet_size + 1,
		.is_pipe = vmb_channel_is_pipe(channel),
	};
	if (!READ_ONCE(channel->inbound.overlong_wanted))
		vmb_overlong_want(channel);
	INIT_LIST_HEAD(&packet->queue.node);
	memset(packet->external.table, 0,
	       array_size(packet->external.capacity, sizeof(struct scatterlist)));
}

/* What an allocated packet does if its client does not say otherwise. */
static void vmb_packet_free_routine(struct vmb_packet *packet,
				    void *callback_context, int status,
				    const void *buffer, u32 buffer_length)
{
	vmb_packet_free(packet);
}

struct vmb_packet *vmb_packet_allocate(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	struct vmb_packet_layout layout;
	struct vmb_packet *packet;
	unsigned long flags;

	spin_lock_irqsave(&outbound->lock, flags);
	if (unlikely(outbound->allocated >= channel->outbound_packet_count)) {
		spin_unlock_irqrestore(&outbound->lock, flags);
		return NULL;
	}
	outbound->allocated++;
	packet = list_first_entry_or_null(&outbound->free_list, struct vmb_packet,
					  queue.node);
	if (packet)
		list_del_init(&packet->queue.node);
	spin_unlock_irqrestore(&outbound->lock, flags);

	if (!packet) {
		vmb_packet_lay_out(channel, &layout);
		packet = kmalloc(layout.size, GFP_ATOMIC | __GFP_NOWARN);
		if (!packet)
			goto no_memory;
		vmb_packet_build(channel, packet, &layout);
		packet->allocated = true;
		if (channel->inline_packet_context_size)
			packet->context = (u8 *)packet + layout.context;
	}
	vmb_packet_set_completion_routine(packet, NULL, vmb_packet_free_routine);
	packet->pointer = NULL;
	if (packet->context)
		memset(packet->context, 0, channel->inline_packet_context_size);
	return packet;

no_memory:
	spin_lock_irqsave(&outbound->lock, flags);
	outbound->allocated--;
	spin_unlock_irqrestore(&outbound->lock, flags);
	return NULL;
}
EXPORT_SYMBOL_GPL(vmb_packet_allocate);

static bool vmb_packet_is_idle(struct vmb_packet *packet)
{
	enum vmb_send_state state = READ_ONCE(packet->state);

	return !WARN_ONCE(state != VMB_SEND_IDLE,
			  "vmbkmcl: %s: a packet in flight is freed or initialized\n",
			  packet->channel->name);
}

void vmb_packet_free(struct vmb_packet *packet)
{
	struct vmb_channel *channel = packet->channel;
	struct vmb_outbound *outbound = &channel->outbound;
	unsigned long flags;

	if (!vmb_packet_is_idle(packet))
		return;
	/* One that was freed is in the list of those that are kept. */
	if (WARN_ONCE(!packet->allocated || !list_empty(&packet->queue.node),
		      "vmbkmcl: %s: %s() of a packet that is not allocated\n",
		      channel->name, __func__))
		return;
	spin_lock_irqsave(&outbound->lock, flags);
	outbound->allocated--;
	/* The last one that was used is the one the CPU remembers. */
	list_add(&packet->queue.node, &outbound->free_list);
	spin_unlock_irqrestore(&outbound->lock, flags);
}
EXPORT_SYMBOL_GPL(vmb_packet_free);

/* Free the objects that are kept for re-use; new ones have the new size. */
void vmb_packets_empty_free_list(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	struct vmb_packet *packet, *next;
	LIST_HEAD(unused);

	spin_lock_irq(&outbound->lock);
	list_splice_init(&outbound->free_list, &unused);
	spin_unlock_irq(&outbound->lock);
	list_for_each_entry_safe(packet, next, &unused, queue.node)
		kfree(packet);
}

u32 vmb_channel_sizeof_packet(const struct vmb_channel *channel)
{
	struct vmb_packet_layout layout;

	vmb_packet_lay_out(channel, &layout);
	return layout.context;
}
EXPORT_SYMBOL_GPL(vmb_channel_sizeof_packet);

u32 vmb_packet_size(const struct vmb_packet *packet)
{
	return packet->size;
}
EXPORT_SYMBOL_GPL(vmb_packet_size);

int vmb_packet_initialize(struct vmb_channel *channel, struct vmb_packet *packet,
			  u32 byte_count)
{
	struct vmb_packet_layout layout;

	vmb_packet_lay_out(channel, &layout);
	if (byte_count < layout.context ||
	    !IS_ALIGNED((unsigned long)packet, VMB_WIRE_UNIT))
		return -EINVAL;
	vmb_packet_build(channel, packet, &layout);
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_packet_initialize);

void vmb_packet_set_completion_routine(struct vmb_packet *packet,
				       void *callback_context,
				       vmb_packet_completion_routine_fn routine)
{
	packet->routine = routine;
	packet->routine_context = callback_context;
	packet->payload_limit = routine && packet->allocated ? packet->payload_limit_made : 0;
}
EXPORT_SYMBOL_GPL(vmb_packet_set_completion_routine);

void vmb_packet_set_pointer(struct vmb_packet *packet, void *pointer)
{
	packet->pointer = pointer;
}
EXPORT_SYMBOL_GPL(vmb_packet_set_pointer);

void *vmb_packet_get_pointer(const struct vmb_packet *packet)
{
	return packet->pointer;
}
EXPORT_SYMBOL_GPL(vmb_packet_get_pointer);

struct vmb_channel *vmb_packet_get_channel(const struct vmb_packet *packet)
{
	return packet->channel;
}
EXPORT_SYMBOL_GPL(vmb_packet_get_channel);

void *vmb_packet_get_inline_packet_context_pointer(struct vmb_packet *packet)
{
	return packet->context;
}
EXPORT_SYMBOL_GPL(vmb_packet_get_inline_packet_context_pointer);

