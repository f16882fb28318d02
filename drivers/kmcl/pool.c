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
 * How many packets a client may hold at once, unless it says so itself: one for
 * so many bytes of the ring, unless they are so large that this much memory holds
 * fewer; never less than the minimum.
 */
#define VMB_POOL_RING_BYTES	256u
#define VMB_POOL_BYTES		SZ_4M
#define VMB_POOL_COUNT_MINIMUM	32u

/**
 * struct vmb_pool_layout - where the parts of a packet object's room lie
 * @client_context: offset of the client's context in bytes, as all of these; in front
 *	of it is the packet's copy.
 * @vectors: offset of the bio_vecs of external data.
 * @owners: offset of the GPADLs that these lie in.
 * @size: bytes of all of it.
 */
struct vmb_pool_layout {
	size_t client_context;
	size_t vectors;
	size_t owners;
	size_t size;
};

static void vmb_pool_lay_out(const struct vmb_channel *channel,
			     struct vmb_pool_layout *layout)
{
	size_t segments = vmb_ranges_maximum_segments(&channel->external);
	size_t size = vmb_ranges_maximum_length(&channel->external);

	/* Every term was limited when it was set; the sum stays under 32 MiB. */
	size += ALIGN(vmb_channel_wire_packet_size(channel), VMB_WIRE_UNIT);
	layout->client_context = size;
	size += ALIGN(channel->client_context_size, VMB_WIRE_UNIT);
	layout->vectors = size;
	size += array_size(segments, sizeof(struct bio_vec));
	layout->owners = size;
	size += array_size(segments, sizeof(struct vmb_gpadl *));
	layout->size = size;
}

static void vmb_pool_free_packet(struct vmb_packet_completion *packet)
{
	if (packet)
		kvfree(packet->buffer);
	kfree(packet);
}

/*
 * The object, and its room, which is not behind it: mostly that is a power of two, and
 * so is what the slab allocator has.
 */
static struct vmb_packet_completion *
vmb_pool_make_packet(struct vmb_channel *channel,
		     const struct vmb_pool_layout *layout)
{
	struct vmb_packet_completion *packet = kzalloc(sizeof(*packet), GFP_KERNEL);

	if (!packet)
		return NULL;
	packet->buffer = kvzalloc(layout->size, GFP_KERNEL);
	if (!packet->buffer) {
		kfree(packet);
		return NULL;
	}
	packet->queue.kind = VMB_QUEUE_COMPLETION;
	packet->channel = channel;
	atomic_set(&packet->state, VMB_PACKET_FREE);
	packet->client_context = (u8 *)packet->buffer + layout->client_context;
	packet->vectors = (void *)((u8 *)packet->buffer + layout->vectors);
	packet->owners = (void *)((u8 *)packet->buffer + layout->owners);
	return packet;
}

static bool vmb_pool_make_cache(struct vmb_packet_cache *cache, u32 count)
{
	u32 places = roundup_pow_of_two(count);

	cache->packets = kvcalloc(places, sizeof(*cache->packets), GFP_KERNEL);
	cache->mask = places - 1;
	cache->head = 0;
	cache->tail = 0;
	return cache->packets;
}

/*
 * How many there are to be. Never more than packets fit into a ring of that size,
 * which has a control page.
 */
static u32 vmb_pool_count(const struct vmb_channel *channel, size_t object_size,
			  u32 ring_size)
{
	u32 most = (ring_size - PAGE_SIZE) / VMB_RING_PACKET_MINIMUM;
	u32 count = channel->inbound_packet_count;

	if (!count)
		count = clamp_t(size_t, VMB_POOL_BYTES / object_size,
				VMB_POOL_COUNT_MINIMUM,
				max(VMB_POOL_COUNT_MINIMUM,
				    ring_size / VMB_POOL_RING_BYTES));
	count = min(count, most);
	/* One to read with, see vmb_channel_limit_packets(). */
	return channel->is_server ? count + 1 : count;
}

/*
 * Make the pool of a channel that is being enabled, and put it into the free
 * list. Nobody else knows of the list yet. 0 or -ENOMEM.
 */
int vmb_pool_create(struct vmb_channel *channel, u32 ring_size)
{
	struct vmb_packet_pool *pool = &channel->pool;
	struct vmb_pool_layout layout;
	u32 count, i;

	vmb_pool_lay_out(channel, &layout);
	count = vmb_pool_count(channel, sizeof(struct vmb_packet_completion) + layout.size,
			       ring_size);
	pool->memory = kvcalloc(count, sizeof(*pool->memory), GFP_KERNEL);
	if (!pool->memory)
		return -ENOMEM;
	pool->count = count;
	pool->reserve = vmb_pool_make_packet(channel, &layout);
	if (!pool->reserve) {
		vmb_pool_destroy(channel);
		return -ENOMEM;
	}
	if (!vmb_pool_make_cache(&channel->inbound.cache, count)) {
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

/* Free all packet objects. The client holds none; may be called twice. */
void vmb_pool_destroy(struct vmb_channel *channel)
{
	struct vmb_packet_pool *pool = &channel->pool;
	u32 i;

	INIT_LIST_HEAD(&channel->outbound.free);
	kvfree(channel->inbound.cache.packets);
	channel->inbound.cache = (struct vmb_packet_cache) {};
	for (i = 0; i < pool->count; i++)
		vmb_pool_free_packet(pool->memory[i]);
	vmb_pool_free_packet(pool->reserve);
	pool->reserve = NULL;
	kvfree(pool->memory);
	pool->memory = NULL;
	pool->count = 0;
}
