/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The way out: packet objects, sends, the queue and the writer. What this floor
 * offers to those above it; and, as inlines, what every completion and every send
 * does to the ring.
 */
#ifndef VMB_OUTBOUND_H
#define VMB_OUTBOUND_H

#include "gpadl.h"
#include "ring_inline.h"
#include "transaction.h"

#include <trace/events/vmbkmcl.h>

/* outbound_data.c */
int vmb_outbound_data_from_vectors(struct vmb_packet *packet,
				   const struct bio_vec *vectors, u32 vector_count,
				   u32 offset, u32 length, u32 flags);
int vmb_outbound_data_from_pfns(struct vmb_packet *packet, const u64 *pfns,
				u32 pfn_count, u32 flags);

/* outbound_release.c */
void vmb_outbound_data_pin(struct vmb_packet *packet);
bool vmb_outbound_data_can_be_pinned(const struct vmb_packet *packet);
void vmb_outbound_data_release(struct vmb_packet *packet, bool leak);

/* bounce.c */
struct vmb_bounce;
bool vmb_bounce_is_needed(const struct bio_vec *vectors, u32 vector_count);
struct vmb_bounce *vmb_bounce_create(const struct vmb_channel *channel,
				     const struct bio_vec *vectors,
				     u32 vector_count,
				     const struct bio_vec **list, u32 *list_count);
void vmb_bounce_copy_back(const struct vmb_bounce *bounce,
			  const struct bio_vec *vectors, u32 vector_count);
void vmb_bounce_free(struct vmb_bounce *bounce);

/* send_end.c */
void vmb_send_written(struct vmb_channel *channel, struct vmb_packet *packet);
void vmb_send_end(struct vmb_channel *channel, struct vmb_packet *packet,
		  int status);
bool vmb_send_release(struct vmb_channel *channel);
void vmb_send_unlock_and_call(struct vmb_channel *channel, unsigned long flags)
	__releases(&channel->outbound.lock);
bool vmb_send_is_in_routine(struct vmb_channel *channel);
bool vmb_send_is_awaited(struct vmb_channel *channel, u64 transaction_id);
bool vmb_send_completed(struct vmb_channel *channel, u64 transaction_id,
			int status, const void *buffer, u32 length);

/* packet.c */
void vmb_packets_empty_free_list(struct vmb_channel *channel);

/* outbound.c */
/* What of the queue is written at a time, with interrupts off. */
#define VMB_OUTBOUND_BUDGET	32u

void vmb_outbound_init(struct vmb_outbound *outbound);
void vmb_outbound_open(struct vmb_channel *channel);
bool vmb_outbound_close(struct vmb_channel *channel, bool for_good);
bool vmb_outbound_quiesce_external(struct vmb_channel *channel);
void vmb_outbound_orphan_packets(struct vmb_channel *channel);
bool vmb_outbound_flush_queue(struct vmb_channel *channel);
void vmb_outbound_lost(struct vmb_channel *channel);
void vmb_outbound_say_lost(struct vmb_channel *channel);
void vmb_outbound_flush(struct vmb_channel *channel);
int vmb_outbound_freeze(struct vmb_channel *channel);
void vmb_outbound_thaw(struct vmb_channel *channel);
void vmb_outbound_begin_batch(struct vmb_channel *channel);
bool vmb_outbound_end_batch(struct vmb_channel *channel);
bool vmb_outbound_take_free(struct vmb_channel *channel);
void vmb_outbound_feed(struct vmb_channel *channel);
void vmb_outbound_add_free(struct vmb_channel *channel, struct list_head *made);

/* send.c */
/* What vmb_send_check() says of a packet that is to be framed first. */
#define VMB_SEND_FRAMED		1

int vmb_send_check(struct vmb_packet *packet, u32 length, u32 flags,
		   bool external);
int vmb_send_submit(struct vmb_packet *packet, const void *buffer, u32 length,
		    bool may_wait);
int vmb_send_submit_framed(struct vmb_packet *packet, const void *buffer,
			   u32 length, bool may_wait);

/* send_life.c */
void vmb_send_accept(struct vmb_channel *channel);
bool vmb_send_is_accepting(const struct vmb_channel *channel);
void vmb_send_start(struct vmb_channel *channel);
void vmb_send_hold(struct vmb_channel *channel);
bool vmb_send_stop(struct vmb_channel *channel, bool all);
void vmb_send_stop_overdue(struct vmb_channel *channel);
bool vmb_send_has_external(struct vmb_channel *channel);
void vmb_send_keep(struct vmb_channel *channel);
u32 vmb_send_fail(struct vmb_channel *channel, int status);
enum vmb_send_state vmb_send_abandon(struct vmb_packet *packet, bool recall,
				     bool gone);

void vmb_send_hand_over(struct vmb_channel *channel);
void vmb_send_restore(struct vmb_channel *channel, struct list_head *packets);

/* synchronous.c */
bool vmb_packet_is_synchronous(const struct vmb_packet *packet);

/* The packet object goes back to the pool. */
static inline void vmb_outbound_recycle(struct vmb_channel *channel,
					struct vmb_packet_completion *packet)
{
	struct vmb_outbound *outbound = &channel->outbound;

	lockdep_assert_held(&outbound->lock);
	atomic_set(&packet->state, VMB_PACKET_FREE);
	/* At the end: the longer it lies there, the longer is a second use seen. */
	list_add_tail(&packet->queue.node, &outbound->free);
	if (unlikely(outbound->starved))
		vmb_outbound_feed(channel);
}

/* Write something, if there is room; @object is what it is of. */
static inline enum vmb_ring_status
vmb_outbound_write(struct vmb_channel *channel, const void *object,
		   const struct vmb_ring_outbound_packet *out, u32 *needed)
{
	struct vmb_outbound *outbound = &channel->outbound;
	enum vmb_ring_status status;

	lockdep_assert_held(&outbound->lock);
	status = vmb_ring_write(&outbound->writer, out, needed);
	if (likely(status == VMB_RING_DONE)) {
		outbound->progress++;
		trace_vmb_write(channel->name, object, out->transaction_id,
				out->type, out->payload_length);
	}
	return status;
}

/* As vmb_ring_write_short(): false if vmb_outbound_write() is to try. */
static __always_inline bool
vmb_outbound_write_short(struct vmb_channel *channel, const void *object, u64 kind,
			 u64 transaction_id, const void *payload, u32 length,
			 const bool by_fours)
{
	struct vmb_outbound *outbound = &channel->outbound;

	lockdep_assert_held(&outbound->lock);
	if (!vmb_ring_write_short(&outbound->writer, kind, transaction_id, payload,
				  length, by_fours))
		return false;
	outbound->progress++;
	if (trace_vmb_write_enabled())
		trace_vmb_write(channel->name, object, transaction_id, (u16)kind, length);
	return true;
}

/* Show the peer what was written; signals if it has to be. */
static inline void vmb_outbound_publish(struct vmb_channel *channel)
{
	lockdep_assert_held(&channel->outbound.lock);
	if (vmb_ring_writer_commit(&channel->outbound.writer)) {
		channel->counters.signals++;
		/* Under the lock: close takes it, so the transport is there. */
		channel->operations->signal(channel);
	}
}

/* Something waits: have the watchdog look after it, if it does not yet. */
static inline void vmb_outbound_watch(struct vmb_channel *channel, enum vmb_watch watch)
{
	struct vmb_watchdog *watchdog = &channel->watchdog;
	u32 period;

	lockdep_assert_held(&channel->outbound.lock);
	if (likely(watch <= channel->outbound.watch) || READ_ONCE(watchdog->stopped))
		return;
	channel->outbound.watch = watch;
	period = watch == VMB_WATCH_ROOM ? VMB_WATCH_PERIOD_MS : watchdog->period;
	hrtimer_start(&watchdog->timer, ms_to_ktime(period), HRTIMER_MODE_REL_SOFT);
}

/* May the holder of the lock write? Not while a drain does, unless it is us. */
static inline bool vmb_outbound_may_write(const struct vmb_channel *channel)
{
	lockdep_assert_held(&channel->outbound.lock);
	return !channel->outbound.batching ||
	       vmb_inbound_is_drain_task(&channel->inbound);
}

/* Give back the lock; calls the routines of what has ended meanwhile. */
static inline void vmb_outbound_unlock(struct vmb_channel *channel,
				       unsigned long flags)
	__releases(&channel->outbound.lock)
{
	struct vmb_outbound *outbound = &channel->outbound;

	lockdep_assert_held(&outbound->lock);
	if (unlikely(!list_empty(&outbound->ended)))
		vmb_send_unlock_and_call(channel, flags);
	else
		spin_unlock_irqrestore(&outbound->lock, flags);
}

/* Call the routines of packets that have ended, if some are left to call. */
static inline void vmb_outbound_call_ended(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	unsigned long flags;

	/* What others add meanwhile they have called themselves. */
	if (likely(list_empty(&outbound->ended)))
		return;
	spin_lock_irqsave(&outbound->lock, flags);
	vmb_outbound_unlock(channel, flags);
}

/* Does something wait for room, or for its routine to be called? */
static inline bool vmb_outbound_has_work(struct vmb_channel *channel)
{
	return !vmb_outbound_queue_is_empty(channel) ||
	       !list_empty_careful(&channel->outbound.ended);
}

static inline void vmb_send_in_ring(struct vmb_channel *channel,
				    struct vmb_packet *packet)
{
	lockdep_assert_held(&channel->outbound.lock);
	vmb_latency_end(&channel->latencies[VMB_LATENCY_QUEUE], &packet->since);
	if (!packet->waits) {
		vmb_send_end(channel, packet, 0);
		return;
	}
	vmb_latency_begin(&packet->since);
	packet->state = VMB_SEND_SENT;
	vmb_transaction_sent(channel, packet);
	vmb_outbound_watch(channel, VMB_WATCH_ANSWERS);
}

/* How the packet looks in the ring. */
static inline void vmb_send_describe(const struct vmb_packet *packet,
				     const void *payload, u32 length,
				     struct vmb_ring_outbound_packet *out)
{
	/* One by one, for a struct that is assigned is first filled with zeros. */
	out->transaction_id = packet->waits ? packet->transaction_id : 0;
	out->flags = packet->waits ? VMB_WIRE_FLAG_COMPLETION_REQUESTED : 0;
	if (packet->external.count) {
		out->type = VMB_WIRE_TYPE_DATA_GPA_DIRECT;
		out->ranges = packet->external.ranges;
		out->ranges_length = packet->external.ranges_length;
	} else {
		out->type = VMB_WIRE_TYPE_DATA_INBAND;
		out->ranges = NULL;
		out->ranges_length = 0;
	}
	out->payload = payload;
	out->payload_length = length;
}

/* Write a packet, if it is short and there is room. */
static __always_inline bool
vmb_send_write_short(struct vmb_channel *channel, const struct vmb_packet *packet,
		     const void *payload, u32 length)
{
	const u64 waits = (u64)VMB_WIRE_FLAG_COMPLETION_REQUESTED << 48;

	if (unlikely(packet->external.count))
		return false;
	return vmb_outbound_write_short(channel, packet, VMB_WIRE_TYPE_DATA_INBAND |
					(packet->waits ? waits : 0),
					packet->waits ? packet->transaction_id : 0,
					payload, length, true);
}

/* Write a packet whose turn has come in the queue. */
static inline enum vmb_ring_status
vmb_send_write(struct vmb_channel *channel, const struct vmb_packet *packet,
	       u32 *needed)
{
	struct vmb_ring_outbound_packet out;

	vmb_send_describe(packet, packet->payload, packet->payload_length, &out);
	return vmb_outbound_write(channel, packet, &out, needed);
}

/* Write a completion, if it is short and there is room. */
static __always_inline bool
vmb_completion_write_short(struct vmb_channel *channel,
			   const struct vmb_packet_completion *packet,
			   const void *buffer, u32 length)
{
	if (!vmb_outbound_write_short(channel, packet, VMB_WIRE_TYPE_COMPLETION,
				      packet->wire.transaction_id, buffer, length, false))
		return false;
	channel->counters.completions_sent++;
	return true;
}

/* How a completion looks in the ring. */
static inline struct vmb_ring_outbound_packet
vmb_completion_describe(const struct vmb_packet_completion *packet,
			const void *buffer, u32 length)
{
	return (struct vmb_ring_outbound_packet) {
		.transaction_id = packet->wire.transaction_id,
		.type = VMB_WIRE_TYPE_COMPLETION,
		.payload = buffer,
		.payload_length = length,
	};
}

static inline enum vmb_ring_status
vmb_completion_write_buffer(struct vmb_channel *channel,
			    const struct vmb_packet_completion *packet,
			    const void *buffer, u32 length, u32 *needed)
{
	const struct vmb_ring_outbound_packet out =
		vmb_completion_describe(packet, buffer, length);
	enum vmb_ring_status status;

	status = vmb_outbound_write(channel, packet, &out, needed);
	if (status == VMB_RING_DONE)
		channel->counters.completions_sent++;
	return status;
}

/* Write a completion whose turn has come in the queue. */
static inline enum vmb_ring_status
vmb_completion_write(struct vmb_channel *channel,
		     const struct vmb_packet_completion *packet, u32 *needed)
{
	return vmb_completion_write_buffer(channel, packet, packet->buffer,
					   packet->completion_length, needed);
}

#endif
