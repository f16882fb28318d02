// SPDX-License-Identifier: GPL-2.0
/*
 * The way in: from the transport's interrupt to process_packet.
 *
 * There is one reader of the ring: whoever set VMB_INBOUND_DRAINING. It masks
 * the peer, delivers, and unmasks only when it found the ring empty; the peer
 * signals a ring that was empty only, so nobody else would look again.
 */
#include <linux/bitops.h>
#include <linux/bottom_half.h>
#include <linux/nospec.h>

#include "inbound.h"
#include "ring_inline.h"

#include <trace/events/vmbkmcl.h>

/* Packets delivered before the CPU is given back. */
#define VMB_INBOUND_BUDGET	64u

/* Why a batch ended. */
enum vmb_batch_end {
	VMB_BATCH_EMPTY,	/* nothing left to read */
	VMB_BATCH_BUDGET,	/* budget used up */
	VMB_BATCH_STARVED,	/* no packet object is free */
	VMB_BATCH_QUOTA,	/* the client holds as many as it wants to */
	VMB_BATCH_OVERTIME,	/* softirq time used up, go on in the worker */
	VMB_BATCH_DEFERRED,	/* a packet waits for the worker */
	VMB_BATCH_PENDING,	/* it waits for memory that is being shared */
	VMB_BATCH_STOPPED,	/* the mode changed, or a packet must not be read */
	VMB_BATCH_LOST,		/* the peer broke the ring */
};

/* What a batch has to do with; nothing but DELIVERING is the common case. */
#define VMB_INBOUND_SPECIAL	(VMB_DRAIN_MODE_MASK |		\
				 BIT(VMB_INBOUND_LIMITED) |	\
				 BIT(VMB_INBOUND_DEFERRED))

/* Is there a packet object to read into, or does the client hold them all? */
static bool vmb_inbound_has_packet(struct vmb_channel *channel)
{
	return likely(!vmb_packet_cache_is_empty(&channel->inbound.cache)) ||
	       vmb_outbound_take_free(channel);
}

/*
 * A refused packet whose sender waits gets a completion, empty if the client has
 * not said what is to stand in it: silence would leak its transaction. A completion
 * is never answered, whatever its flags say.
 */
static void vmb_inbound_refuse(struct vmb_packet_completion *packet,
			       enum vmb_refusal refusal)
{
	struct vmb_channel *channel = packet->channel;

	vmb_packet_cache_callbacks_over(&channel->inbound.cache);
	vmb_refuse(channel, &packet->wire, refusal);
	/* But it ends what it completes: it would never be completed again. */
	if (packet->wire.type == VMB_WIRE_TYPE_COMPLETION) {
		if (refusal != VMB_REFUSAL_COMPLETION_UNEXPECTED)
			vmb_send_completed(channel, packet->wire.transaction_id,
					   -EPROTO, NULL, 0);
		return;
	}
	if (!(packet->wire.flags & VMB_WIRE_FLAG_COMPLETION_REQUESTED))
		return;
	vmb_packet_cache_take(&channel->inbound.cache);
	channel->inbound.delivered++;
	channel->inbound.batch.answered++;
	atomic_set(&packet->state, VMB_PACKET_COMPLETED);
	vmb_outbound_complete(packet, channel->refusal_completion,
			      channel->refusal_completion_length,
			      &channel->counters.completions_empty);
}

/*
 * Where the payload begins. Most packets have nothing in front of it; what the
 * others say is no index that anybody speculates with.
 */
static __always_inline void *vmb_inbound_payload(struct vmb_channel *channel,
						 struct vmb_packet_completion *packet)
{
	u32 offset = packet->wire.ranges_length;
	u8 *payload = packet->buffer;

	if (unlikely(offset))
		payload += array_index_nospec(offset,
					      channel->inbound.reader.maximum_ranges + 1);
	return payload;
}

/* A packet that was read is a completion: end what it completes, if anything. */
static bool vmb_inbound_completes(struct vmb_channel *channel,
				  struct vmb_packet_completion *packet)
{
	const struct vmb_ring_reader *reader = &channel->inbound.reader;
	const struct vmb_ring_packet *wire = &packet->wire;
	const void *payload = vmb_inbound_payload(channel, packet);

	/* Longer than what the packet object has room for. */
	if (unlikely(wire->payload_length > reader->maximum_payload))
		payload = reader->overlong;
	return vmb_send_completed(channel, wire->transaction_id, 0, payload,
				  wire->payload_length);
}

/* Out of the way of who does not trace, together with the arguments. */
static noinline void vmb_inbound_trace_dispatch(struct vmb_channel *channel,
						const struct vmb_ring_packet *wire)
{
	trace_vmb_dispatch(channel->name, wire->transaction_id, wire->type,
			   wire->flags, wire->ranges_length, wire->payload_length);
}

static noinline void vmb_inbound_trace_fetch(struct vmb_channel *channel,
					     const struct vmb_ring_packet *wire)
{
	trace_vmb_fetch(channel->name, wire->transaction_id, wire->type,
			wire->flags, wire->ranges_length, wire->payload_length);
}

/* The callback, for the first time or again. */
static __always_inline void
vmb_inbound_deliver(struct vmb_channel *channel,
		    struct vmb_packet_completion *packet, u32 flags)
{
	struct vmb_inbound *inbound = &channel->inbound;
	const struct vmb_ring_packet *wire = &packet->wire;

	inbound->delivered++;
	/* Nobody else knows the packet before the callback does. */
	atomic_set(&packet->state, VMB_PACKET_DELIVERED);
	if (trace_vmb_dispatch_enabled())
		vmb_inbound_trace_dispatch(channel, wire);
	vmb_latency_begin(&packet->since);
	inbound->process_packet(channel, inbound->callback_context, packet,
				vmb_inbound_payload(channel, packet),
				wire->payload_length, flags);
}

/* The worker's turn. */
static void vmb_inbound_deliver_again(struct vmb_channel *channel)
{
	struct vmb_inbound *inbound = &channel->inbound;
	struct vmb_packet_completion *packet = inbound->deferred;
	u32 flags = packet->wire.type == VMB_WIRE_TYPE_DATA_INBAND ? 0 :
		    VMB_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA;

	vmb_inbound_assert_reader(&channel->inbound);
	inbound->deferred = NULL;
	clear_bit(VMB_INBOUND_DEFERRED, &inbound->flags);
	vmb_inbound_deliver(channel, packet, flags);
}

/* Would it be too early for the worker? Who shares the memory calls it then. */
static bool vmb_inbound_is_pending(const struct vmb_channel *channel)
{
	return channel->inbound.deferred && channel->inbound.pending &&
	       READ_ONCE(channel->memory.awaited);
}

/* Hand a packet that was read to the client, unless it is to be refused. */
static __always_inline void
vmb_inbound_dispatch(struct vmb_channel *channel,
		     struct vmb_packet_completion *packet)
{
	const struct vmb_ring_packet *wire = &packet->wire;
	enum vmb_refusal refusal;
	u32 flags = 0;

	if (trace_vmb_fetch_enabled())
		vmb_inbound_trace_fetch(channel, wire);
	if (wire->type != VMB_WIRE_TYPE_DATA_INBAND) {
		if (likely(wire->type == VMB_WIRE_TYPE_COMPLETION)) {
			if (unlikely(!vmb_inbound_completes(channel, packet)))
				vmb_inbound_refuse(packet,
						   VMB_REFUSAL_COMPLETION_UNEXPECTED);
			return;
		}
		refusal = vmb_external_data_check(packet);
		if (refusal != VMB_REFUSAL_NONE) {
			vmb_inbound_refuse(packet, refusal);
			return;
		}
		packet->external_known = false;
		flags = VMB_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA;
	}
	vmb_packet_cache_take(&channel->inbound.cache);
	if (channel->client_context_size)
		memset(packet->client_context, 0, channel->client_context_size);
	vmb_inbound_deliver(channel, packet, flags);
}

/* Something is special: why to pause before the next packet is read, if at all. */
static bool vmb_inbound_has_to_pause(struct vmb_channel *channel,
				     unsigned long flags, enum vmb_batch_end *why)
{
	if (!(flags & VMB_DRAIN_DELIVERING))
		*why = VMB_BATCH_STOPPED;
	else if (flags & BIT(VMB_INBOUND_DEFERRED))
		*why = VMB_BATCH_DEFERRED;
	else if (vmb_inbound_quota_is_reached(channel))
		*why = VMB_BATCH_QUOTA;
	else if (vmb_inbound_is_overtime(channel))
		*why = VMB_BATCH_OVERTIME;
	else
		return false;
	return true;
}

/*
 * Nothing was read that can be delivered. False: go on with the next packet; else
 * *why says why not.
 */
static noinline bool vmb_inbound_read_failed(struct vmb_channel *channel,
					     struct vmb_packet_completion *packet,
					     enum vmb_ring_status status,
					     enum vmb_batch_end *why)
{
	struct vmb_batch *batch = &channel->inbound.batch;

	if (status == VMB_RING_REFUSED) {
		vmb_inbound_refuse(packet, batch->refusal);
		return false;
	}
	*why = VMB_BATCH_EMPTY;
	if (status == VMB_RING_LOST) {
		vmb_refuse(channel, NULL, batch->refusal);
		*why = VMB_BATCH_LOST;
	}
	return true;
}

/*
 * A packet that cannot be delivered, and nothing behind it, is read later. Nobody
 * was told that it was read, so it is still in the ring.
 */
static void vmb_inbound_unread(struct vmb_channel *channel, u32 read_index)
{
	vmb_ring_reader_move(&channel->inbound.reader, read_index);
}

/*
 * The client holds all packet objects. What it has sent may have to end before it
 * can give one back: so completions are read, as far as no packet with data is in
 * front of them. Returns why there is no more.
 */
static noinline enum vmb_batch_end vmb_inbound_starved(struct vmb_channel *channel)
{
	struct vmb_packet_completion *packet = channel->pool.reserve;
	struct vmb_inbound *inbound = &channel->inbound;
	u32 budget = VMB_INBOUND_BUDGET;
	enum vmb_batch_end why;

	vmb_packet_cache_callbacks_over(&inbound->cache);
	while (budget--) {
		u32 read_index = inbound->reader.read_index;
		enum vmb_ring_status status;

		status = vmb_ring_read(&inbound->reader, packet->buffer,
				       &packet->wire, &inbound->batch.refusal);
		if (status != VMB_RING_DONE && status != VMB_RING_REFUSED) {
			vmb_inbound_read_failed(channel, packet, status, &why);
			return why;
		}
		if (packet->wire.type != VMB_WIRE_TYPE_COMPLETION) {
			vmb_inbound_unread(channel, read_index);
			return VMB_BATCH_STARVED;
		}
		if (status == VMB_RING_REFUSED)
			vmb_inbound_refuse(packet, inbound->batch.refusal);
		else
			vmb_inbound_dispatch(channel, packet);
		/* Its routine may have completed a packet, and made one free. */
		if (vmb_inbound_has_packet(channel))
			return VMB_BATCH_BUDGET;
	}
	return VMB_BATCH_BUDGET;
}

/* Read and deliver until there is a reason to pause. Returns why. */
static enum vmb_batch_end vmb_inbound_batch(struct vmb_channel *channel)
{
	struct vmb_inbound *inbound = &channel->inbound;
	struct vmb_ring_reader *reader = &inbound->reader;
	struct vmb_batch *batch = &inbound->batch;
	u32 budget = VMB_INBOUND_BUDGET;
	enum vmb_batch_end why;
	u32 consumed = 0;

	vmb_inbound_assert_reader(&channel->inbound);
	while (budget--) {
		unsigned long flags = READ_ONCE(inbound->flags) &
				      VMB_INBOUND_SPECIAL;
		struct vmb_packet_completion *packet;
		enum vmb_ring_status status;

		if (unlikely(flags != VMB_DRAIN_DELIVERING &&
			     vmb_inbound_has_to_pause(channel, flags, &why)))
			return why;
		if (unlikely(!vmb_inbound_has_packet(channel)))
			return vmb_inbound_starved(channel);
		packet = vmb_packet_cache_first(&inbound->cache);
		status = vmb_ring_read_inline(reader, packet->buffer, &packet->wire,
					      &batch->refusal);
		if (unlikely(status != VMB_RING_DONE)) {
			if (vmb_inbound_read_failed(channel, packet, status, &why))
				return why;
			continue;
		}
		consumed += VMB_RING_PACKET_MINIMUM +
			    packet->wire.ranges_length +
			    packet->wire.payload_length;
		vmb_inbound_dispatch(channel, packet);
		/* Let the peer have the room back before it runs out... */
		if (unlikely(consumed >= batch->quarter)) {
			consumed = 0;
			batch->signal |= vmb_ring_reader_commit(reader);
		}
		/* ... and begin with its answers. */
		if (unlikely(batch->written >= batch->quarter)) {
			batch->written = 0;
			batch->signal |= vmb_ring_writer_commit(&channel->outbound.writer);
		}
	}
	return VMB_BATCH_BUDGET;
}

/*
 * Paused: a completion, which ends what it completes. False: data, and nothing
 * behind it is read before the start.
 */
static bool vmb_inbound_take_completion(struct vmb_channel *channel,
					struct vmb_packet_completion *packet,
					u32 read_index)
{
	struct vmb_inbound *inbound = &channel->inbound;

	if (packet->wire.type == VMB_WIRE_TYPE_COMPLETION)
		return true;
	vmb_inbound_unread(channel, read_index);
	vmb_drain_leave(&inbound->flags, VMB_DRAIN_COMPLETIONS, VMB_DRAIN_STOPPED);
	return false;
}

/* The channel is closing, or paused: the same, but only completions count. */
static enum vmb_batch_end vmb_inbound_completion_batch(struct vmb_channel *channel,
						       enum vmb_drain_mode mode)
{
	struct vmb_packet_completion *packet = channel->pool.reserve;
	struct vmb_inbound *inbound = &channel->inbound;
	struct vmb_batch *batch = &inbound->batch;
	u32 budget = VMB_INBOUND_BUDGET;
	enum vmb_batch_end why;

	vmb_inbound_assert_reader(&channel->inbound);
	vmb_packet_cache_callbacks_over(&inbound->cache);
	while (budget--) {
		u32 read_index = inbound->reader.read_index;
		enum vmb_ring_status status;

		if (vmb_inbound_mode(inbound) != mode)
			return VMB_BATCH_STOPPED;
		status = vmb_ring_read(&inbound->reader, packet->buffer,
				       &packet->wire, &batch->refusal);
		if (mode == VMB_DRAIN_COMPLETIONS &&
		    (status == VMB_RING_DONE || status == VMB_RING_REFUSED) &&
		    !vmb_inbound_take_completion(channel, packet, read_index))
			return VMB_BATCH_STOPPED;
		if (status == VMB_RING_REFUSED &&
		    packet->wire.type != VMB_WIRE_TYPE_COMPLETION) {
			vmb_refuse(channel, &packet->wire, batch->refusal);
			channel->counters.discarded++;
			continue;
		}
		if (status != VMB_RING_DONE) {
			if (vmb_inbound_read_failed(channel, packet, status, &why))
				return why;
			continue;
		}
		if (mode == VMB_DRAIN_COMPLETIONS)
			vmb_inbound_dispatch(channel, packet);
		/* The peer may complete what the close has ended already. */
		else if (packet->wire.type != VMB_WIRE_TYPE_COMPLETION ||
			 !vmb_inbound_completes(channel, packet))
			channel->counters.discarded++;
	}
	return VMB_BATCH_BUDGET;
}

static __always_inline enum vmb_batch_end
vmb_inbound_batch_in(struct vmb_channel *channel, enum vmb_drain_mode mode)
{
	if (likely(mode == VMB_DRAIN_DELIVERING))
		return vmb_inbound_batch(channel);
	return vmb_inbound_completion_batch(channel, mode);
}

/* One batch in softirq, or as if it were. Returns why it ended. */
static enum vmb_batch_end vmb_inbound_drain_atomic(struct vmb_channel *channel,
						   enum vmb_drain_mode mode)
{
	struct vmb_inbound *inbound = &channel->inbound;
	enum vmb_batch_end end;

	/* See vmb_inbound_is_drain_task(). */
	local_bh_disable();
	vmb_outbound_begin_batch(channel);
	WRITE_ONCE(inbound->drain_task, current);
	end = vmb_inbound_batch_in(channel, mode);
	WRITE_ONCE(inbound->drain_task, NULL);
	inbound->batch.signal |= vmb_ring_reader_commit(&inbound->reader);
	/*
	 * Outside the lock: whoever closes the channel waits for the drain
	 * first, so the transport is still there.
	 */
	if (vmb_outbound_end_batch(channel))
		channel->operations->signal(channel);
	/* The peer need not wait for what they do. */
	vmb_outbound_call_ended(channel);
	local_bh_enable();
	return end;
}

/*
 * One batch in which the callback may sleep. What is completed meanwhile, by
 * whomever, is written at once: nobody may have to wait for a callback that sleeps.
 */
static enum vmb_batch_end vmb_inbound_drain_passive(struct vmb_channel *channel,
						    enum vmb_drain_mode mode)
{
	struct vmb_inbound *inbound = &channel->inbound;
	enum vmb_batch_end end;

	vmb_outbound_flush(channel);
	WRITE_ONCE(inbound->passive_task, current);
	if (inbound->deferred)
		vmb_inbound_deliver_again(channel);
	end = vmb_inbound_batch_in(channel, mode);
	WRITE_ONCE(inbound->passive_task, NULL);
	inbound->batch.signal |= vmb_ring_reader_commit(&inbound->reader);
	if (inbound->batch.signal) {
		vmb_outbound_count_signal(channel);
		channel->operations->signal(channel);
	}
	return end;
}

/* One batch with all that belongs to its end. Returns why it ended. */
static enum vmb_batch_end vmb_inbound_drain(struct vmb_channel *channel,
					    enum vmb_drain_mode mode, bool passive)
{
	struct vmb_inbound *inbound = &channel->inbound;
	u64 before = inbound->delivered;
	enum vmb_batch_end end;
	u32 delivered;

	vmb_inbound_assert_owned(&channel->inbound);
	inbound->batch = (struct vmb_batch) {
		.quarter = min(inbound->reader.ring.size,
			       channel->outbound.writer.ring.size) / 4,
	};
	inbound->window_looked = 0;
	if (unlikely(inbound->deferred)) {
		/* It is the worker's turn, whose callback may sleep. */
		if (!passive)
			return VMB_BATCH_DEFERRED;
		if (vmb_inbound_is_pending(channel))
			return VMB_BATCH_PENDING;
	}
	if (passive)
		end = vmb_inbound_drain_passive(channel, mode);
	else
		end = vmb_inbound_drain_atomic(channel, mode);
	/* What the worker waits for may have happened: nobody else knows. */
	if (unlikely(mode != VMB_DRAIN_DELIVERING))
		wake_up(&channel->outbound.drained);
	/* Without what was deferred, or answered in the client's place. */
	delivered = inbound->delivered - before - inbound->batch.answered;
	if (delivered) {
		channel->counters.received += delivered;
		channel->counters.batches++;
		if (inbound->processing_complete) {
			WRITE_ONCE(inbound->notifier, current);
			inbound->processing_complete(channel,
						     inbound->callback_context,
						     delivered);
			WRITE_ONCE(inbound->notifier, NULL);
		}
	}
	return end;
}

/* The drain is nobody's any more. */
static void vmb_inbound_leave(struct vmb_channel *channel, bool again)
{
	struct vmb_inbound *inbound = &channel->inbound;
	unsigned long flags;

	vmb_inbound_assert_owned(&channel->inbound);
	clear_bit_unlock(VMB_INBOUND_DRAINING, &inbound->flags);
	/* Order against vmb_inbound_enter() and who sets the mode. */
	smp_mb__after_atomic();
	flags = READ_ONCE(inbound->flags);
	if (!(flags & VMB_DRAIN_READS)) {
		wake_up(&inbound->idle);
		return;
	}
	if (again || flags & BIT(VMB_INBOUND_AGAIN))
		channel->operations->schedule(channel);
}

/*
 * Become the one reader. Returns the mode that it found as that, which is the
 * mode of the whole batch; VMB_DRAIN_STOPPED: nothing is to be read, or somebody
 * is the reader, who will look again.
 */
static enum vmb_drain_mode vmb_inbound_enter(struct vmb_channel *channel)
{
	struct vmb_inbound *inbound = &channel->inbound;
	unsigned long flags = READ_ONCE(inbound->flags);

	if (!(flags & VMB_DRAIN_READS) || flags & BIT(VMB_INBOUND_BLOCKED))
		return VMB_DRAIN_STOPPED;
	set_bit(VMB_INBOUND_AGAIN, &inbound->flags);
	if (test_and_set_bit(VMB_INBOUND_DRAINING, &inbound->flags))
		return VMB_DRAIN_STOPPED;
	clear_bit(VMB_INBOUND_AGAIN, &inbound->flags);
	/*
	 * Mode and DRAINING are one word: either vmb_inbound_stop() sees DRAINING
	 * and waits, or we see its mode, and all that was done before.
	 */
	smp_mb__after_atomic();
	flags = READ_ONCE(inbound->flags) & VMB_DRAIN_READS;
	if (unlikely(!flags))
		vmb_inbound_leave(channel, false);
	return flags;
}

/*
 * Deliver what is in the inbound ring, and write what waits for room in the
 * outbound one. Bounded: asks to be scheduled again if there is more.
 */
static void vmb_inbound_poll(struct vmb_channel *channel, bool passive)
{
	struct vmb_inbound *inbound = &channel->inbound;
	enum vmb_drain_mode mode = vmb_inbound_enter(channel);
	enum vmb_batch_end end;
	bool again = false;

	if (mode == VMB_DRAIN_STOPPED) {
		/* Stopped or not, there may be room for what waits. */
		if (vmb_outbound_has_work(channel))
			vmb_outbound_flush(channel);
		return;
	}
	vmb_ring_reader_mask(&inbound->reader);
	end = vmb_inbound_drain(channel, mode, passive);
	switch (end) {
	case VMB_BATCH_EMPTY:
		/* What came in meanwhile would not be signalled again. */
		if (vmb_ring_reader_unmask(&inbound->reader)) {
			vmb_ring_reader_mask(&inbound->reader);
			again = true;
		}
		break;
	case VMB_BATCH_BUDGET:
		again = true;
		break;
	case VMB_BATCH_STARVED:
		/* The next completion schedules us. */
		WRITE_ONCE(inbound->batch.starved, true);
		channel->counters.starved++;
		break;
	case VMB_BATCH_QUOTA:
		again = !vmb_inbound_block(channel);
		break;
	case VMB_BATCH_OVERTIME:
	case VMB_BATCH_DEFERRED:
		vmb_inbound_queue_work(channel);
		break;
	case VMB_BATCH_PENDING:
	case VMB_BATCH_STOPPED:
		break;
	case VMB_BATCH_LOST:
		vmb_drain_enter(&inbound->flags, VMB_DRAIN_LOST);
		vmb_life_stop(channel, VMB_CHANNEL_STOP_FRAMING_LOST);
		/* A close that waits for the peer's word need not go on. */
		wake_up(&channel->outbound.drained);
		break;
	}
	vmb_inbound_leave(channel, again);
}

/**
 * vmb_channel_interrupt() - the peer signalled, or schedule was asked for
 * @channel: the channel.
 *
 * Called by the transport. Delivers what came, here or where the client wants
 * it, and sends what waited for room. Bounded.
 *
 * Context: softirq or process context, not hard interrupt; calls may overlap.
 */
void vmb_channel_interrupt(struct vmb_channel *channel)
{
	if (likely(!vmb_inbound_is_on_worker(&channel->inbound))) {
		vmb_inbound_poll(channel, false);
		return;
	}
	/* The worker may sleep in a callback, or be cancelled before it runs. */
	if (vmb_outbound_has_work(channel))
		vmb_outbound_flush(channel);
	vmb_inbound_queue_work(channel);
}
EXPORT_SYMBOL_GPL(vmb_channel_interrupt);

static void vmb_inbound_work(struct work_struct *work)
{
	struct vmb_channel *channel = container_of(work, struct vmb_channel,
						   inbound.work);
	struct vmb_inbound *inbound = &channel->inbound;
	bool passive = READ_ONCE(inbound->flags) &
		       (BIT(VMB_INBOUND_PASSIVE) | BIT(VMB_INBOUND_DEFERRED));

	clear_bit(VMB_INBOUND_OVERTIME, &inbound->flags);
	vmb_inbound_poll(channel, passive);
}

void vmb_inbound_init(struct vmb_inbound *inbound)
{
	init_waitqueue_head(&inbound->idle);
	INIT_WORK(&inbound->work, vmb_inbound_work);
	vmb_inbound_control_init(inbound);
}
