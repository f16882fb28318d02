// SPDX-License-Identifier: GPL-2.0
/*
 * Packet objects, all made when a channel is enabled, so that nothing on a
 * packet's way allocates.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "inbound.h"

/*
 * How many packets a client may hold at once, unless they are so large that
 * this much memory holds fewer; never less than the minimum.
 */
#define VMB_POOL_COUNT		256u
#define VMB_POOL_BYTES		SZ_4M
#define VMB_POOL_COUNT_MINIMUM	32u

/**
 * struct vmb_pool_layout - where the parts of a packet object lie
 * @buffer: bytes from its start.
 * @client_context: likewise.
 * @vectors: likewise.
 * @owners: likewise.
 * @size: bytes of the whole object.
 */
struct vmb_pool_layout {
	size_t buffer;
	size_t client_context;
	size_t vectors;
	size_t owners;
	size_t size;
};

static void vmb_pool_lay_out(const struct vmb_channel *channel,
			     struct vmb_pool_layout *layout)
{
	size_t segments = vmb_ranges_maximum_segments(&channel->external);
	size_t size = ALIGN(sizeof(struct vmb_packet_completion), VMB_WIRE_UNIT);

	/* Every term was limited when it was set; the sum stays under 32 MiB. */
	layout->buffer = size;
	size += vmb_ranges_maximum_length(&channel->external);
	size += ALIGN(vmb_channel_wire_packet_size(channel), VMB_WIRE_UNIT);
	layout->client_context = size;
	size += ALIGN(channel->client_context_size, VMB_WIRE_UNIT);
	layout->vectors = size;
	size += array_size(segments, sizeof(struct bio_vec));
	layout->owners = size;
	size += array_size(segments, sizeof(struct vmb_gpadl *));
	layout->size = size;
}

static struct vmb_packet_completion *
vmb_pool_make_packet(struct vmb_channel *channel,
		     const struct vmb_pool_layout *layout)
{
	struct vmb_packet_completion *packet;

	packet = kvzalloc(layout->size, GFP_KERNEL);
	if (!packet)
		return NULL;
	packet->queue.kind = VMB_QUEUE_COMPLETION;
	packet->channel = channel;
	atomic_set(&packet->state, VMB_PACKET_FREE);
	packet->buffer = (u8 *)packet + layout->buffer;
	packet->client_context = (u8 *)packet + layout->client_context;
	packet->vectors = (void *)((u8 *)packet + layout->vectors);
	packet->owners = (void *)((u8 *)packet + layout->owners);
	return packet;
}

static bool vmb_pool_make_spare(struct vmb_spare *spare, u32 count)
{
	u32 places = roundup_pow_of_two(count);

	spare->packets = kvcalloc(places, sizeof(*spare->packets), GFP_KERNEL);
	spare->mask = places - 1;
	spare->head = 0;
	spare->tail = 0;
	return spare->packets;
}

/*
 * Make the pool of a channel that is being enabled, and put it into the free
 * list. Nobody else knows of the list yet. 0 or -ENOMEM.
 */
int vmb_pool_create(struct vmb_channel *channel)
{
	struct vmb_packet_pool *pool = &channel->pool;
	struct vmb_pool_layout layout;
	u32 count, i;

	vmb_pool_lay_out(channel, &layout);
	count = clamp_t(size_t, VMB_POOL_BYTES / layout.size,
			VMB_POOL_COUNT_MINIMUM, VMB_POOL_COUNT);
	pool->memory = kvcalloc(count, sizeof(*pool->memory), GFP_KERNEL);
	if (!pool->memory)
		return -ENOMEM;
	pool->count = count;
	pool->own = count;
	if (!vmb_pool_make_spare(&channel->inbound.spare, count)) {
		vmb_pool_destroy(channel);
		return -ENOMEM;
	}
	for (i = 0; i < count; i++) {
		pool->memory[i] = vmb_pool_make_packet(channel, &layout);
		if (!pool->memory[i]) {
			vmb_pool_destroy(channel);
			return -ENOMEM;
		}
		list_add_tail(&pool->memory[i]->queue.node, &channel->outbound.free);
	}
	return 0;
}

/**
 * vmb_channel_reserve_packets() - have at least so many packet objects
 * @channel: a channel that is being opened: nobody delivers packets yet.
 * @count: how many.
 *
 * Context: process context, in the transport's open.
 * Return: 0 or -ENOMEM.
 */
int vmb_channel_reserve_packets(struct vmb_channel *channel, u32 count)
{
	struct vmb_packet_pool *pool = &channel->pool;
	struct vmb_packet_completion **memory;
	struct vmb_pool_layout layout;
	struct vmb_spare spare;
	u32 i;

	if (count <= pool->count)
		return 0;
	vmb_pool_lay_out(channel, &layout);
	memory = kvcalloc(count, sizeof(*memory), GFP_KERNEL);
	if (!memory)
		return -ENOMEM;
	if (!vmb_pool_make_spare(&spare, count))
		goto free_memory;
	memcpy(memory, pool->memory, array_size(pool->count, sizeof(*memory)));
	for (i = pool->count; i < count; i++) {
		memory[i] = vmb_pool_make_packet(channel, &layout);
		if (!memory[i])
			goto free_packets;
	}

	/* What the last life left in the drain's hand stays there. */
	while (!vmb_spare_is_empty(&channel->inbound.spare)) {
		vmb_spare_put(&spare, vmb_spare_first(&channel->inbound.spare));
		vmb_spare_take(&channel->inbound.spare);
	}
	swap(spare, channel->inbound.spare);
	spin_lock_irq(&channel->outbound.lock);
	for (i = pool->count; i < count; i++)
		list_add_tail(&memory[i]->queue.node, &channel->outbound.free);
	swap(memory, pool->memory);
	pool->count = count;
	spin_unlock_irq(&channel->outbound.lock);
	kvfree(spare.packets);
	kvfree(memory);
	return 0;

free_packets:
	while (i-- > pool->count)
		kvfree(memory[i]);
	kvfree(spare.packets);
free_memory:
	kvfree(memory);
	return -ENOMEM;
}
EXPORT_SYMBOL_GPL(vmb_channel_reserve_packets);

/**
 * vmb_channel_return_packets() - the peer for which objects were reserved has gone
 * @channel: a channel that is closed: nobody delivers packets.
 *
 * Gives back what vmb_channel_reserve_packets() has got, unless the client was
 * given up while it held some.
 *
 * Context: process context, in the transport's find_peer.
 */
void vmb_channel_return_packets(struct vmb_channel *channel)
{
	struct vmb_packet_pool *pool = &channel->pool;
	struct vmb_outbound *outbound = &channel->outbound;
	struct vmb_spare *spare = &channel->inbound.spare;
	u32 i, free = 0, count = pool->count;
	struct vmb_queue_entry *entry;

	if (count == pool->own)
		return;
	spin_lock_irq(&outbound->lock);
	while (!vmb_spare_is_empty(spare)) {
		list_add_tail(&vmb_spare_first(spare)->queue.node, &outbound->free);
		vmb_spare_take(spare);
	}
	list_for_each_entry(entry, &outbound->free, node)
		free++;
	if (free == count) {
		pool->count = pool->own;
		INIT_LIST_HEAD(&outbound->free);
		for (i = 0; i < pool->own; i++)
			list_add_tail(&pool->memory[i]->queue.node, &outbound->free);
	}
	spin_unlock_irq(&outbound->lock);
	for (i = pool->count; i < count; i++)
		kvfree(pool->memory[i]);
}
EXPORT_SYMBOL_GPL(vmb_channel_return_packets);

/* Free all packet objects. The client holds none; may be called twice. */
void vmb_pool_destroy(struct vmb_channel *channel)
{
	struct vmb_packet_pool *pool = &channel->pool;
	u32 i;

	INIT_LIST_HEAD(&channel->outbound.free);
	kvfree(channel->inbound.spare.packets);
	channel->inbound.spare = (struct vmb_spare) {};
	for (i = 0; i < pool->count; i++)
		kvfree(pool->memory[i]);
	kvfree(pool->memory);
	pool->memory = NULL;
	pool->count = 0;
	pool->own = 0;
}
