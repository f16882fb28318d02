// SPDX-License-Identifier: GPL-2.0
/*
 * Packet objects. Nothing on a packet's way allocates: as many as the client asks for
 * are made when the channel is enabled, and all that a server may hold, for its client
 * counts on that. For another client, which does not say how many it will hold, a few
 * are; a work item makes more when it holds all there are and there is another packet,
 * and they stay. Until then, or if there is no memory, the ring waits, as it does for a
 * packet that is completed.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "compat.h"
#include "inbound.h"

/*
 * How many packets a client may hold at once, unless it says so itself: one for
 * so many bytes of the ring, unless they are so large that this much memory holds
 * fewer; never less than the minimum.
 */
#define VMB_POOL_RING_BYTES	256u
#define VMB_POOL_BYTES		SZ_4M
#define VMB_POOL_COUNT_MINIMUM	32u
/* And so many are there from the beginning, unless it says so itself. */
#define VMB_POOL_COUNT_FIRST	8u
/* More are made so many at a time: a close waits for it, and senders for the lock. */
#define VMB_POOL_STEP		32u
/* If there was no memory for any of the next, this long it is left alone. */
#define VMB_POOL_TRY_AGAIN	(HZ / 10)

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
		     const struct vmb_pool_layout *layout, gfp_t gfp)
{
	struct vmb_packet_completion *packet = kzalloc(sizeof(*packet), gfp);

	if (!packet)
		return NULL;
	packet->buffer = kvzalloc(layout->size, gfp);
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
 * How many there may be. Never more than packets fit into the @data_size bytes of the
 * ring; the control page, which the ring has beside them, counts as the peer has it.
 */
static u32 vmb_pool_limit(const struct vmb_channel *channel, size_t object_size,
			  u32 data_size)
{
	u32 ring_size = data_size + VMB_WIRE_PAGE_SIZE;
	u32 most = data_size / VMB_RING_PACKET_MINIMUM;
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

/* How many of them there are to be at once: what somebody counts on. */
static u32 vmb_pool_first(const struct vmb_channel *channel)
{
	u32 limit = channel->pool.limit;

	return channel->is_server || channel->inbound_packet_count ? limit :
	       min(limit, VMB_POOL_COUNT_FIRST);
}

/* How many more, now: as many again, if the drain still waits for one. */
static u32 vmb_pool_wanted(struct vmb_channel *channel)
{
	const struct vmb_outbound *outbound = &channel->outbound;
	const struct vmb_packet_pool *pool = &channel->pool;

	lockdep_assert_held(&outbound->lock);
	/* A drain that runs asks again, and one that was scheduled, too. */
	if (!outbound->open || !outbound->starved || !list_empty(&outbound->free) ||
	    !READ_ONCE(channel->inbound.batch.starved))
		return 0;
	return min3(pool->count, pool->limit - pool->count, VMB_POOL_STEP);
}

/*
 * The client holds all packet objects, and there is a packet for it: make more. What the
 * allocator may do for them is bounded, for a close waits; and it does not write to a
 * disk, which may be behind this very channel.
 */
static void vmb_pool_grow(struct work_struct *work)
{
	struct vmb_channel *channel = container_of(to_delayed_work(work), struct vmb_channel,
						   pool.growth);
	struct vmb_outbound *outbound = &channel->outbound;
	struct vmb_packet_pool *pool = &channel->pool;
	struct vmb_packet_completion *packet;
	struct vmb_pool_layout layout;
	LIST_HEAD(made);
	u32 wanted, i;

	spin_lock_irq(&outbound->lock);
	wanted = vmb_pool_wanted(channel);
	spin_unlock_irq(&outbound->lock);
	vmb_pool_lay_out(channel, &layout);
	for (i = 0; i < wanted; i++) {
		packet = vmb_pool_make_packet(channel, &layout,
					      GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN);
		if (!packet)
			break;
		list_add_tail(&packet->queue.node, &made);
	}

	spin_lock_irq(&outbound->lock);
	list_for_each_entry(packet, &made, queue.node) {
		pool->memory[pool->count] = packet;
		/* Whoever shows how many there are does so without the lock. */
		WRITE_ONCE(pool->count, pool->count + 1);
	}
	vmb_outbound_add_free(channel, &made);
	/* The client may hold what it has for ever, so nobody else would ask again. */
	if (vmb_pool_wanted(channel))
		mod_delayed_work(vmb_workqueue, &pool->growth, VMB_POOL_TRY_AGAIN);
	spin_unlock_irq(&outbound->lock);
}

/* There is a packet, and the client holds all objects: it may hold more. */
void vmb_pool_want_more(struct vmb_channel *channel)
{
	struct vmb_packet_pool *pool = &channel->pool;

	vmb_inbound_assert_owned(&channel->inbound);
	if (READ_ONCE(pool->count) < pool->limit)
		queue_delayed_work(vmb_workqueue, &pool->growth, 0);
}

/* The channel is closed, and nothing is read: nobody asks for more. */
void vmb_pool_stop_growing(struct vmb_channel *channel)
{
	vmb_life_assert_worker(channel);
	cancel_delayed_work_sync(&channel->pool.growth);
}

void vmb_pool_init(struct vmb_packet_pool *pool)
{
	INIT_DELAYED_WORK(&pool->growth, vmb_pool_grow);
}

/*
 * Make the pool of a channel that is being enabled, whose inbound ring holds @data_size
 * bytes, and put it into the free list. Nobody else knows of the list yet. 0 or -ENOMEM.
 */
int vmb_pool_create(struct vmb_channel *channel, u32 data_size)
{
	struct vmb_packet_pool *pool = &channel->pool;
	struct vmb_pool_layout layout;
	struct vmb_packet_completion *packet;
	u32 first;

	vmb_pool_lay_out(channel, &layout);
	pool->limit = vmb_pool_limit(channel, sizeof(*packet) + layout.size, data_size);
	first = vmb_pool_first(channel);
	pool->memory = kvcalloc(pool->limit, sizeof(*pool->memory), GFP_KERNEL);
	if (!pool->memory)
		return -ENOMEM;
	pool->reserve = vmb_pool_make_packet(channel, &layout, GFP_KERNEL);
	if (!pool->reserve) {
		vmb_pool_destroy(channel);
		return -ENOMEM;
	}
	if (!vmb_pool_make_cache(&channel->inbound.cache, pool->limit)) {
		vmb_pool_destroy(channel);
		return -ENOMEM;
	}
	while (pool->count < first) {
		packet = vmb_pool_make_packet(channel, &layout, GFP_KERNEL);
		if (!packet) {
			vmb_pool_destroy(channel);
			return -ENOMEM;
		}
		pool->memory[pool->count++] = packet;
		list_add_tail(&packet->queue.node, &channel->outbound.free);
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
	pool->limit = 0;
}
