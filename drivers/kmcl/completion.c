// SPDX-License-Identifier: GPL-2.0
/*
 * Completing inbound packets. A completion has its place in the packet object,
 * so it can always wait: completing never fails for want of room.
 */
#include "inbound.h"
#include "ring_inline.h"

#include <trace/events/vmbkmcl.h>

/* Put a completion where it belongs: ring, queue, or nowhere. */
static int vmb_outbound_place(struct vmb_channel *channel,
			      struct vmb_packet_completion *packet,
			      const void *buffer, u32 length)
{
	struct vmb_outbound *outbound = &channel->outbound;
	enum vmb_ring_status status;
	u32 needed;

	lockdep_assert_held(&outbound->lock);
	if (unlikely(!outbound->open))
		goto drop;
	if (unlikely(vmb_ring_writer_is_lost(&outbound->writer)))
		goto lost;

	if (list_empty(&outbound->queue) && vmb_outbound_may_write(channel)) {
		if (likely(vmb_completion_write_short(channel, packet, buffer, length)))
			goto written;
		status = vmb_completion_write_buffer(channel, packet, buffer,
						     length, &needed);
		if (status == VMB_RING_DONE)
			goto written;
		if (status == VMB_RING_LOST)
			goto lost;
	}
	/* The payload is dead now that the packet is completed: use its room. */
	if (length)
		memmove(packet->buffer, buffer, length);
	packet->completion_length = length;
	list_add_tail(&packet->queue.node, &outbound->queue);
	channel->counters.completions_queued++;
	if (!vmb_outbound_may_write(channel))
		return 0;
	if (!vmb_outbound_flush_queue(channel)) {
		vmb_outbound_lost(channel);
		return -ENODEV;
	}
	goto publish;
written:
	vmb_outbound_recycle(channel, packet);
publish:
	/* The drain publishes at its end. */
	if (!outbound->batching)
		vmb_outbound_publish(channel);
	return 0;
lost:
	vmb_outbound_lost(channel);
drop:
	channel->counters.completions_dropped++;
	vmb_outbound_recycle(channel, packet);
	return -ENODEV;
}

/*
 * End a packet whose state is VMB_PACKET_COMPLETED: send its completion if the
 * sender wants one, now or when there is room; the packet object is the pool's
 * afterwards. @counter is what this end counts as. 0; -ENODEV: the channel is
 * closed, or its ring is broken.
 */
int vmb_outbound_complete(struct vmb_packet_completion *packet,
			  const void *buffer, u32 length, u64 *counter)
{
	struct vmb_channel *channel = packet->channel;
	struct vmb_outbound *outbound = &channel->outbound;
	bool last_abandoned = false;
	unsigned long flags;
	int ret = 0;

	spin_lock_irqsave(&outbound->lock, flags);
	(*counter)++;
	if (packet->wire.flags & VMB_WIRE_FLAG_COMPLETION_REQUESTED)
		ret = vmb_outbound_place(channel, packet, buffer, length);
	else
		vmb_outbound_recycle(channel, packet);
	outbound->finished++;
	if (unlikely(test_bit(VMB_INBOUND_BLOCKED, &channel->inbound.flags)))
		vmb_inbound_unblock(channel);
	if (unlikely(!(READ_ONCE(channel->inbound.flags) & VMB_DRAIN_DELIVERING)) &&
	    vmb_outbound_client_is_done(channel)) {
		wake_up(&outbound->drained);
		last_abandoned = outbound->abandoned;
		/* Pairs with vmb_outbound_is_abandoned(). */
		smp_store_release(&outbound->abandoned, false);
	}
	vmb_outbound_unlock(channel, flags);
	if (unlikely(last_abandoned))
		kobject_put(&channel->kobject);
	return ret;
}

/* One that is long, or crosses the ring's end. False: there is no room. */
static bool vmb_outbound_write_long(struct vmb_outbound *outbound,
				    const struct vmb_packet_completion *packet,
				    const void *buffer, u32 length)
{
	const struct vmb_ring_outbound_packet out =
		vmb_completion_describe(packet, buffer, length);
	u32 needed;

	return vmb_ring_write(&outbound->writer, &out, &needed) == VMB_RING_DONE;
}

/*
 * Complete a packet inside the packet callback. No lock is needed there, for the
 * drain owns the writer and its cache of packet objects. False: there is no room, or
 * something waits, or framing is lost, or it is not @short_only; nothing was done.
 */
static __always_inline bool
vmb_outbound_complete_inline(struct vmb_channel *channel,
			     struct vmb_packet_completion *packet,
			     const void *buffer, u32 length, const bool short_only)
{
	struct vmb_outbound *outbound = &channel->outbound;
	struct vmb_batch *batch = &channel->inbound.batch;

	if (likely(packet->wire.flags & VMB_WIRE_FLAG_COMPLETION_REQUESTED)) {
		if (unlikely(!list_empty(&outbound->queue)))
			return false;
		if (!vmb_ring_write_short(&outbound->writer,
					  VMB_WIRE_TYPE_COMPLETION,
					  packet->wire.transaction_id, buffer, length,
					  false) &&
		    (short_only || !vmb_outbound_write_long(outbound, packet, buffer, length)))
			return false;
		batch->sent++;
		batch->written += VMB_RING_PACKET_MINIMUM + length;
		if (!short_only)
			trace_vmb_write(channel->name, packet,
					packet->wire.transaction_id,
					VMB_WIRE_TYPE_COMPLETION, length);
	}
	atomic_set(&packet->state, VMB_PACKET_FREE);
	vmb_packet_cache_put(&channel->inbound.cache, packet);
	batch->completed++;
	return true;
}

static noinline int vmb_outbound_completed_twice(struct vmb_channel *channel)
{
	unsigned long flags;

	spin_lock_irqsave(&channel->outbound.lock, flags);
	channel->counters.completed_twice++;
	spin_unlock_irqrestore(&channel->outbound.lock, flags);
	WARN_ONCE(1, "vmbkmcl: %s: vmb_channel_packet_complete() of a packet that is completed already\n",
		  channel->name);
	return -EALREADY;
}

/*
 * The client has more to say than a completion of this channel holds. The packet
 * ends all the same, for a client that does not look would never complete it.
 */
static noinline int vmb_outbound_complete_too_long(struct vmb_packet_completion *packet)
{
	struct vmb_channel *channel = packet->channel;

	/* Checked by enable: that much fits. */
	return vmb_channel_packet_complete(packet, channel->refusal_completion,
					   channel->refusal_completion_length) ?:
	       -EMSGSIZE;
}

/* Is there more to do than to write the completion? */
static __always_inline bool
vmb_outbound_has_more_to_do(const struct vmb_packet_completion *packet)
{
	return unlikely(packet->vector_count) || trace_vmb_complete_enabled() ||
	       trace_vmb_write_enabled() || vmb_latency_is_wanted();
}

/*
 * With all that. The common case has no call in it, and so nothing to save for one:
 * that is why this is a function of its own.
 */
static noinline int vmb_outbound_complete_and_more(struct vmb_packet_completion *packet,
						   const void *buffer, u32 length)
{
	struct vmb_channel *channel = packet->channel;

	trace_vmb_complete(channel->name, packet->wire.transaction_id,
			   packet->wire.type, packet->wire.flags,
			   packet->wire.ranges_length, length);
	vmb_latency_end(&channel->latencies[VMB_LATENCY_DRIVER], &packet->since);
	if (packet->vector_count)
		vmb_external_data_release(packet);
	if (vmb_inbound_is_drain_task(&channel->inbound) &&
	    vmb_outbound_complete_inline(channel, packet, buffer, length, false))
		return 0;
	return vmb_outbound_complete(packet, buffer, length,
				     &channel->counters.completed);
}

/* Inside the callback, with an answer of any length, and nothing else to do. */
static noinline int vmb_outbound_complete_words(struct vmb_packet_completion *packet,
						const void *buffer, u32 length)
{
	if (vmb_outbound_complete_inline(packet->channel, packet, buffer, length, true))
		return 0;
	return vmb_outbound_complete_and_more(packet, buffer, length);
}

/* It is of a connection that is over, and has no sender any more; or completed. */
static noinline int vmb_outbound_complete_orphan(struct vmb_packet_completion *packet,
						 const void *buffer, u32 length)
{
	if (atomic_cmpxchg(&packet->state, VMB_PACKET_ORPHANED,
			   VMB_PACKET_COMPLETED) != VMB_PACKET_ORPHANED)
		return vmb_outbound_completed_twice(packet->channel);
	return vmb_outbound_complete_and_more(packet, buffer, length);
}

int vmb_channel_packet_complete(struct vmb_packet_completion *packet,
				const void *buffer, u32 length)
{
	struct vmb_channel *channel = packet->channel;
	int state = VMB_PACKET_DELIVERED;

	if (unlikely(length > channel->maximum_packet_size))
		return vmb_outbound_complete_too_long(packet);
	if (unlikely(!atomic_try_cmpxchg(&packet->state, &state,
					 VMB_PACKET_COMPLETED)))
		return vmb_outbound_complete_orphan(packet, buffer, length);
	if (vmb_outbound_has_more_to_do(packet))
		return vmb_outbound_complete_and_more(packet, buffer, length);
	if (!vmb_inbound_is_drain_task(&channel->inbound))
		return vmb_outbound_complete(packet, buffer, length,
					     &channel->counters.completed);
	/* One word is the commonest answer: the compiler knows most of what to do. */
	if (unlikely(length != sizeof(u64)))
		return vmb_outbound_complete_words(packet, buffer, length);
	if (vmb_outbound_complete_inline(channel, packet, buffer, sizeof(u64), true))
		return 0;
	return vmb_outbound_complete_and_more(packet, buffer, length);
}
EXPORT_SYMBOL_GPL(vmb_channel_packet_complete);
