/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What comes in: packet objects and who has them, and the drain that delivers
 * them. Part of channel.h, which says in which order locks are taken.
 */
#ifndef VMB_INBOUND_TYPES_H
#define VMB_INBOUND_TYPES_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/lockdep.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <vmbkmcl.h>

#include "drain.h"
#include "outbound_types.h"
#include "ranges.h"
#include "ring.h"

struct vmb_gpadl;

/**
 * enum vmb_packet_state - who has a packet object
 * @VMB_PACKET_FREE: the pool.
 * @VMB_PACKET_DELIVERED: the client: it has to complete it.
 * @VMB_PACKET_ORPHANED: the client, and the connection that it came from is over:
 *	nobody hears of its end.
 * @VMB_PACKET_DEFERRED: the drain: it will deliver it again.
 * @VMB_PACKET_COMPLETED: the outbound queue, or on the way back to the pool.
 */
enum vmb_packet_state {
	VMB_PACKET_FREE,
	VMB_PACKET_DELIVERED,
	VMB_PACKET_ORPHANED,
	VMB_PACKET_DEFERRED,
	VMB_PACKET_COMPLETED,
};

/**
 * struct vmb_packet_completion - an inbound packet, and room for its completion
 * @queue: in the free list or the outbound queue, never in both: so a completion
 *	always has its place.
 * @channel: whose pool it is from; immutable.
 * @state: enum vmb_packet_state; changed by cmpxchg, since a client may
 *	complete twice at once.
 * @wire: its descriptor, captured.
 * @since: when it was delivered; see latency.h.
 * @completion_length: bytes of @buffer that wait to go out as the completion.
 * @buffer: ranges and payload, copied once; then the completion's payload. With what
 *	@client_context, @vectors and @owners point to it is one piece of memory.
 * @client_context: the client's scratch area, zeroed for each packet.
 * @ranges: its checked range list.
 * @external_known: external data was asked for; the answer is kept.
 * @external_read_only: some of it was shared as read-only.
 * @external_writable: the client asked for more than reading, and got it.
 * @external_result: 0, or the errno of the first answer.
 * @vector_count: entries of @vectors and @owners in use.
 * @vectors: the external data.
 * @owners: whose memory each vector is; NULL: raw guest memory.
 *
 * Allocated by the pool, freed with it. Belongs to the drain while
 * free, to the client while delivered, to the outbound lock's holder after.
 */
struct vmb_packet_completion {
	struct vmb_queue_entry queue;
	struct vmb_channel *channel;
	atomic_t state;
	struct vmb_ring_packet wire;
	u64 since;
	u32 completion_length;
	void *buffer;
	void *client_context;
	struct vmb_ranges ranges;
	bool external_known;
	bool external_read_only;
	bool external_writable;
	int external_result;
	u32 vector_count;
	struct bio_vec *vectors;
	struct vmb_gpadl **owners;
};

/* Has the client to complete it? */
static inline bool
vmb_packet_is_with_client(const struct vmb_packet_completion *packet)
{
	int state = atomic_read(&packet->state);

	return state == VMB_PACKET_DELIVERED || state == VMB_PACKET_ORPHANED;
}

/**
 * struct vmb_packet_pool - all packet objects of an enabled channel
 * @memory: array of @limit places, of which @count point to one.
 * @count: how many there are. Grows under the outbound lock.
 * @limit: how many there may be; as long as the channel is enabled.
 * @reserve: one more, the drain's, to read completions into where no packet can
 *	be delivered; never the client's.
 * @growth: makes more of them.
 *
 * Made by enable, and grows while the channel is open; destroyed when the channel is
 * disabled and the client holds none of them, with the channel at the latest.
 */
struct vmb_packet_pool {
	struct vmb_packet_completion **memory;
	u32 count;
	u32 limit;
	struct vmb_packet_completion *reserve;
	struct delayed_work growth;
};

/* Bits of &vmb_inbound.flags, above those of the drain's mode. */
enum vmb_inbound_flag {
	/* there is a quota, or a share of softirq time */
	VMB_INBOUND_LIMITED = VMB_DRAIN_MODE_BITS,
	VMB_INBOUND_BLOCKED,	/* the quota was reached, and nothing completed since */
	VMB_INBOUND_PASSIVE,	/* the client's callback may sleep */
	VMB_INBOUND_TARGETED,	/* the client wants a certain CPU */
	VMB_INBOUND_DEFERRED,	/* a packet waits for the worker */
	VMB_INBOUND_OVERTIME,	/* the share of softirq time is used up */
	VMB_INBOUND_DRAINING,	/* somebody is delivering: the one reader */
	VMB_INBOUND_AGAIN,	/* and has to look again when done */
	VMB_INBOUND_NO_ROOM,	/* a completion waits for room, see overlong.c */
};

/**
 * struct vmb_packet_cache - packet objects in the drain's hand, longest there first
 * @packets: array of @mask + 1 places, as many as the pool has objects or more.
 * @mask: a power of two less one.
 * @head: the next to take, modulo places.
 * @tail: the next place to put, modulo places.
 * @over: @head when something that no packet object was taken for was read last;
 *	not of completions in DELIVERING, which can be told without.
 *
 * Made and freed with the pool. The drain's alone, so it needs no lock, and
 * nothing of it is in the packet objects.
 */
struct vmb_packet_cache {
	struct vmb_packet_completion **packets;
	u32 mask;
	u32 head;
	u32 tail;
	u32 over;
};

static inline bool vmb_packet_cache_is_empty(const struct vmb_packet_cache *cache)
{
	return cache->head == cache->tail;
}

static inline struct vmb_packet_completion *
vmb_packet_cache_first(const struct vmb_packet_cache *cache)
{
	return cache->packets[cache->head & cache->mask];
}

static inline void vmb_packet_cache_take(struct vmb_packet_cache *cache)
{
	cache->head++;
}

/* The callback of what was taken is over: the drain is at something else. */
static inline void vmb_packet_cache_callbacks_over(struct vmb_packet_cache *cache)
{
	cache->over = cache->head;
}

/*
 * The one that was taken last, whose place is another's only if all have come back;
 * NULL: the drain has gone on since. It reads into the first, so there is where a
 * completion stands that it has gone on to: whatever else comes into the cache was
 * taken before, as no completion ever is.
 */
static inline const struct vmb_packet_completion *
vmb_packet_cache_in_callback(const struct vmb_packet_cache *cache)
{
	if (cache->over == cache->head ||
	    (!vmb_packet_cache_is_empty(cache) &&
	     vmb_packet_cache_first(cache)->wire.type == VMB_WIRE_TYPE_COMPLETION))
		return NULL;
	return cache->packets[(cache->head - 1) & cache->mask];
}

/* There is always a place: there are as many as objects. */
static inline void vmb_packet_cache_put(struct vmb_packet_cache *cache,
					struct vmb_packet_completion *packet)
{
	cache->packets[cache->tail++ & cache->mask] = packet;
}

/**
 * struct vmb_batch - what a drain has done and not yet told
 * @quarter: of the smaller ring, in bytes: so much is not held back longer.
 * @kept: so many bytes that were read the peer gets back at once: @quarter, or 0, where
 *	a callback may sleep.
 * @written: bytes of completions written since the last publish.
 * @completed: packets completed inside the callback.
 * @sent: of these, completions written.
 * @answered: packets refused, and completed in the client's place.
 * @signal: the peer is to be signalled.
 * @starved: it ended with data that there was no packet object for.
 * @refusal: where vmb_ring_read() says why.
 *
 * The drain's alone. Reset when a batch begins.
 */
struct vmb_batch {
	u32 quarter;
	u32 kept;
	u32 written;
	u32 completed;
	u32 sent;
	u32 answered;
	bool signal;
	bool starved;
	enum vmb_refusal refusal;
};

/**
 * struct vmb_inbound - the way in
 * @process_packet: the client's, or what stands in front of it; immutable while
 *	enabled.
 * @processing_complete: the client's, or NULL; immutable while enabled.
 * @callback_context: of both.
 * @flags: enum vmb_drain_mode, and enum vmb_inbound_flag as atomic bits.
 * @idle: woken when DRAINING falls while nothing is to be read.
 * @drain_task: the task that is draining, with bottom halves off; NULL when nobody
 *	is. Equal to current only inside the drain itself.
 * @reader: the ring; the drain's, that is: only touched with DRAINING set.
 * @cache: packet objects in the drain's hand; the drain's.
 * @overlong: where the reader puts what completions have beyond a packet's
 *	payload; NULL until @overlong_work has made it; freed with the channel. Protected
 *	by outbound.lock, as @overlong_size.
 * @overlong_size: bytes of that, 0: there are no such completions.
 * @overlong_wanted: somebody has asked for it.
 * @overlong_work: makes it.
 * @batch: the present one; the drain's.
 * @delivered: packets handed to the client since open; written by the drain.
 * @passive_task: the task that is draining in process context, where callbacks sleep.
 * @notifier: the task that is in processing_complete.
 * @deferred: a packet that was deferred to the worker, or NULL; the drain's.
 * @pending: @deferred waits for memory that is being shared; the drain's.
 * @queue: runs @work and nothing else, whose callbacks may sleep; from allocate
 *	to the last put.
 * @work: the worker.
 * @cpu: on which it runs; WORK_CPU_UNBOUND: any.
 * @quota: packets that the client will hold.
 * @share: percent of a CPU's time for delivery in softirq.
 * @window_start: when the present window began, in nanoseconds; the drain's.
 * @window_looked: when the time was last looked at; the drain's.
 * @window_used: nanoseconds of the window that delivery took; the drain's.
 */
struct vmb_inbound {
	vmb_channel_process_packet_fn process_packet;
	vmb_channel_processing_complete_fn processing_complete;
	void *callback_context;
	unsigned long flags;
	wait_queue_head_t idle;
	struct task_struct *drain_task;
	struct vmb_ring_reader reader;
	struct vmb_packet_cache cache;
	void *overlong;
	u32 overlong_size;
	bool overlong_wanted;
	struct delayed_work overlong_work;
	struct vmb_batch batch;
	u64 delivered;
	struct task_struct *passive_task;
	struct task_struct *notifier;
	struct vmb_packet_completion *deferred;
	bool pending;
	struct workqueue_struct *queue;
	struct work_struct work;
	u32 cpu;
	u32 quota;
	u32 share;
	u64 window_start;
	u64 window_looked;
	u64 window_used;
};

/*
 * Is this call made from inside the drain? Comparing with current is enough: bottom
 * halves are off in the drain, so no softirq runs on top of it, and a hard interrupt
 * may not call us.
 */
static inline bool vmb_inbound_is_drain_task(const struct vmb_inbound *inbound)
{
	return READ_ONCE(inbound->drain_task) == current;
}

/*
 * Is this call made from inside the drain, or from inside the worker, where
 * process_packet may sleep? There may be a softirq on top of that, which has the
 * same current.
 */
static inline bool vmb_inbound_is_reader(const struct vmb_inbound *inbound)
{
	return vmb_inbound_is_drain_task(inbound) ||
	       (READ_ONCE(inbound->passive_task) == current &&
		!in_serving_softirq());
}

/* Only the owner of the drain comes here. */
static inline void vmb_inbound_assert_owned(const struct vmb_inbound *inbound)
{
	lockdep_assert(test_bit(VMB_INBOUND_DRAINING, &inbound->flags));
}

/* Only the owner of the drain comes here, from where packets are delivered. */
static inline void vmb_inbound_assert_reader(const struct vmb_inbound *inbound)
{
	lockdep_assert(vmb_inbound_is_reader(inbound));
}

static inline enum vmb_drain_mode
vmb_inbound_mode(const struct vmb_inbound *inbound)
{
	return vmb_drain_mode(&inbound->flags);
}

/*
 * Is this call made from inside process_packet or processing_complete, for which the
 * drain waits? A softirq on top of a task that is in processing_complete may not ask.
 */
static inline bool vmb_inbound_is_callback(const struct vmb_inbound *inbound)
{
	return vmb_inbound_is_reader(inbound) ||
	       READ_ONCE(inbound->notifier) == current;
}

/* Are packets delivered by the worker? */
static inline bool vmb_inbound_is_on_worker(const struct vmb_inbound *inbound)
{
	return READ_ONCE(inbound->flags) &
	       (BIT(VMB_INBOUND_PASSIVE) | BIT(VMB_INBOUND_TARGETED) |
		BIT(VMB_INBOUND_DEFERRED) | BIT(VMB_INBOUND_OVERTIME));
}

#endif
