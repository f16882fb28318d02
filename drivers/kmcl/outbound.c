// SPDX-License-Identifier: GPL-2.0
/*
 * The way out: completions, and packet objects going back to the pool.
 *
 * A completion is written straight into the ring if there is room and nothing
 * waits; else it waits in the packet object, which it owns until then. So it
 * always has a place, and is never overtaken.
 *
 * While a drain runs, the writer is the drain's: what is completed inside the
 * callback is written without a lock and published with the batch; what others
 * complete meanwhile waits in the queue until the batch ends. At all other
 * times the writer belongs to whoever holds the lock.
 */
#include <linux/sched.h>

#include "channel.h"

#include <trace/events/vmbkmcl.h>

void vmb_outbound_init(struct vmb_outbound *outbound)
{
	spin_lock_init(&outbound->lock);
	INIT_LIST_HEAD(&outbound->queue);
	INIT_LIST_HEAD(&outbound->free);
	init_waitqueue_head(&outbound->drained);
}

/* Does the client hold no packet? */
bool vmb_outbound_client_is_done(struct vmb_channel *channel)
{
	return READ_ONCE(channel->outbound.finished) ==
	       READ_ONCE(channel->inbound.delivered);
}

/* Is everything written that was to be? */
bool vmb_outbound_queue_is_empty(struct vmb_channel *channel)
{
	return list_empty_careful(&channel->outbound.queue);
}

/*
 * Move all free packet objects into the drain's hand. False: there are none,
 * and the next one that comes back will have the drain scheduled.
 */
bool vmb_outbound_take_free(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	struct vmb_packet_completion *packet, *next;
	unsigned long flags;
	bool taken;

	spin_lock_irqsave(&outbound->lock, flags);
	taken = !list_empty(&outbound->free);
	outbound->starved = !taken;
	list_for_each_entry_safe(packet, next, &outbound->free, node)
		vmb_spare_put(&channel->inbound.spare, packet);
	INIT_LIST_HEAD(&outbound->free);
	spin_unlock_irqrestore(&outbound->lock, flags);
	return taken;
}

/* The packet object goes back to the pool. */
static void vmb_outbound_recycle(struct vmb_channel *channel,
				 struct vmb_packet_completion *packet)
{
	struct vmb_outbound *outbound = &channel->outbound;

	lockdep_assert_held(&outbound->lock);
	atomic_set(&packet->state, VMB_PACKET_FREE);
	/* At the end: the longer it lies there, the longer is a second use seen. */
	list_add_tail(&packet->node, &outbound->free);
	if (unlikely(outbound->starved)) {
		outbound->starved = false;
		if (outbound->open)
			channel->operations->schedule(channel);
	}
}

/* Write one completion, if there is room. */
static enum vmb_ring_status
vmb_outbound_write(struct vmb_channel *channel,
		   const struct vmb_packet_completion *packet,
		   const void *buffer, u32 length, u32 *needed)
{
	struct vmb_outbound *outbound = &channel->outbound;
	const struct vmb_ring_outgoing outgoing = {
		.transaction_id = packet->wire.transaction_id,
		.type = VMB_WIRE_TYPE_COMPLETION,
		.payload = buffer,
		.payload_length = length,
	};
	enum vmb_ring_status status;

	lockdep_assert_held(&outbound->lock);
	status = vmb_ring_write(&outbound->writer, &outgoing, needed);
	if (status == VMB_RING_DONE) {
		channel->counters.completions_sent++;
		outbound->progress++;
	}
	return status;
}

/* Show the peer what was written; signals if it has to be. */
static void vmb_outbound_publish(struct vmb_channel *channel)
{
	lockdep_assert_held(&channel->outbound.lock);
	if (vmb_ring_writer_commit(&channel->outbound.writer)) {
		channel->counters.signals++;
		/* Under the lock: close takes it, so the transport is there. */
		channel->operations->signal(channel);
	}
}

/*
 * Write what waits, as far as there is room; then pending_send_size says what
 * the head of the queue needs, or that nothing waits. Returns false if framing
 * is lost.
 */
static bool vmb_outbound_flush_queue(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	struct vmb_packet_completion *packet;
	enum vmb_ring_status status;
	bool asked = false;
	u32 needed;

	lockdep_assert_held(&outbound->lock);
	while (!list_empty(&outbound->queue)) {
		packet = list_first_entry(&outbound->queue,
					  struct vmb_packet_completion, node);
		status = vmb_outbound_write(channel, packet, packet->buffer,
					    packet->completion_length, &needed);
		if (status == VMB_RING_LOST)
			return false;
		if (status == VMB_RING_FULL) {
			/*
			 * The peer has to see what is in the ring before it can
			 * make room. Ask first, then look once more: it may have
			 * made room in between, and would not say so again.
			 */
			if (asked)
				return true;
			vmb_outbound_publish(channel);
			vmb_ring_writer_wait_for_room(&outbound->writer, needed);
			asked = true;
			continue;
		}
		asked = false;
		list_del(&packet->node);
		vmb_outbound_recycle(channel, packet);
	}
	vmb_ring_writer_wait_for_room(&outbound->writer, 0);
	wake_up(&outbound->drained);
	return true;
}

/*
 * The peer broke the outgoing ring. Nothing more can be written. Found out by
 * whoever writes, in the drain without the lock; said once.
 */
static void vmb_outbound_lost(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	enum vmb_refusal refusal = outbound->writer.lost;

	lockdep_assert_held(&outbound->lock);
	if (outbound->lost)
		return;
	outbound->lost = true;
	channel->refusals[refusal]++;
	channel->counters.refused++;
	trace_vmb_refuse(channel->name, 0, 0, vmb_refusal_name(refusal));
	dev_err_ratelimited(channel->dev,
			    "%s: framing of the outgoing ring lost at offset %u: %s\n",
			    vmb_channel_label(channel), outbound->writer.write_index,
			    vmb_refusal_name(refusal));
	vmb_life_stop(channel, VMB_CHANNEL_STOP_FRAMING_LOST);
}

/* May the holder of the lock write? Not while a drain does, unless it is us. */
static bool vmb_outbound_may_write(const struct vmb_channel *channel)
{
	lockdep_assert_held(&channel->outbound.lock);
	return !channel->outbound.batching ||
	       vmb_inbound_is_drainer(&channel->inbound);
}

/* Put a completion where it belongs: ring, queue, or nowhere. */
static int vmb_outbound_send(struct vmb_channel *channel,
			     struct vmb_packet_completion *packet,
			     const void *buffer, u32 length)
{
	struct vmb_outbound *outbound = &channel->outbound;
	enum vmb_ring_status status;
	u32 needed;

	lockdep_assert_held(&outbound->lock);
	if (unlikely(!outbound->open))
		goto drop;
	if (unlikely(outbound->writer.lost != VMB_REFUSAL_NONE))
		goto lost;

	if (list_empty(&outbound->queue) && vmb_outbound_may_write(channel)) {
		status = vmb_outbound_write(channel, packet, buffer, length,
					    &needed);
		if (likely(status == VMB_RING_DONE)) {
			vmb_outbound_recycle(channel, packet);
			goto publish;
		}
		if (status == VMB_RING_LOST)
			goto lost;
	}
	/* The payload is dead now that the packet is completed: use its room. */
	if (length)
		memmove(packet->buffer, buffer, length);
	packet->completion_length = length;
	list_add_tail(&packet->node, &outbound->queue);
	channel->counters.completions_queued++;
	if (!vmb_outbound_may_write(channel))
		return 0;
	if (!vmb_outbound_flush_queue(channel)) {
		vmb_outbound_lost(channel);
		return -ENODEV;
	}
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
		ret = vmb_outbound_send(channel, packet, buffer, length);
	else
		vmb_outbound_recycle(channel, packet);
	outbound->finished++;
	if (unlikely(!test_bit(VMB_INBOUND_RUNNING, &channel->inbound.flags)) &&
	    vmb_outbound_client_is_done(channel)) {
		wake_up(&outbound->drained);
		last_abandoned = outbound->abandoned;
		/* Pairs with vmb_outbound_is_abandoned(). */
		smp_store_release(&outbound->abandoned, false);
	}
	spin_unlock_irqrestore(&outbound->lock, flags);
	if (unlikely(last_abandoned))
		kobject_put(&channel->kobject);
	return ret;
}

/*
 * The same inside the packet callback, where the writer and the drain's spare
 * objects are ours: no lock. False: there is no room, or something waits, or
 * framing is lost; nothing was done.
 */
static bool vmb_outbound_complete_inline(struct vmb_channel *channel,
					 struct vmb_packet_completion *packet,
					 const void *buffer, u32 length)
{
	struct vmb_outbound *outbound = &channel->outbound;
	struct vmb_batch *batch = &channel->inbound.batch;

	if (likely(packet->wire.flags & VMB_WIRE_FLAG_COMPLETION_REQUESTED)) {
		if (unlikely(!list_empty(&outbound->queue)))
			return false;
		if (unlikely(vmb_ring_write_completion(&outbound->writer,
						       packet->wire.transaction_id,
						       buffer, length) !=
			     VMB_RING_DONE))
			return false;
		batch->sent++;
		batch->written += VMB_RING_PACKET_MINIMUM + length;
		/* Let the peer begin before the ring is full. */
		if (unlikely(batch->written >= batch->quarter)) {
			batch->written = 0;
			batch->signal |= vmb_ring_writer_commit(&outbound->writer);
		}
	}
	atomic_set(&packet->state, VMB_PACKET_FREE);
	vmb_spare_put(&channel->inbound.spare, packet);
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

/**
 * vmb_channel_packet_complete() - the client is finished with a packet
 * @packet: a packet that was delivered; gone when this returns 0 or -ENODEV,
 *	with its buffer, external data and client context.
 * @buffer: payload of the completion, or NULL; copied during the call; may lie
 *	in the packet's own buffer, not in its external data, which is let go of
 *	first.
 * @length: bytes of @buffer, at most the channel's maximum packet size.
 *
 * Sends a completion if the sender asked for one, and only then. From inside
 * the process-packet callback or later, any thread, any CPU, any order, also
 * between suspend and closed. Never blocks and never fails for want of room:
 * if the ring is full the completion waits its turn in the channel.
 *
 * Context: any but hard interrupt.
 * Return: 0; -EMSGSIZE: @length is too large, the packet is still the client's;
 * -EALREADY: it was completed before (noticed until the packet object is used
 * again, which it is as late as possible); -ENODEV: the channel is closed or
 * broken, nobody will see the completion.
 *
 * VmbChannelPacketComplete.
 */
int vmb_channel_packet_complete(struct vmb_packet_completion *packet,
				const void *buffer, u32 length)
{
	struct vmb_channel *channel = packet->channel;

	if (unlikely(length > channel->maximum_packet_size))
		return -EMSGSIZE;
	if (unlikely(atomic_cmpxchg(&packet->state, VMB_PACKET_DELIVERED,
				    VMB_PACKET_COMPLETED) !=
		     VMB_PACKET_DELIVERED))
		return vmb_outbound_completed_twice(channel);
	trace_vmb_complete(channel->name, packet->wire.transaction_id,
			   packet->wire.type, packet->wire.flags,
			   packet->wire.ranges_length, length);
	if (unlikely(packet->vector_count))
		vmb_external_data_release(packet);
	if (vmb_inbound_is_drainer(&channel->inbound) &&
	    vmb_outbound_complete_inline(channel, packet, buffer, length))
		return 0;
	return vmb_outbound_complete(packet, buffer, length,
				     &channel->counters.completed);
}
EXPORT_SYMBOL_GPL(vmb_channel_packet_complete);

/* Write what waits, if the writer is ours. Signals if it has to. */
static void vmb_outbound_flush_locked(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;

	lockdep_assert_held(&outbound->lock);
	if (list_empty(&outbound->queue) || !outbound->open ||
	    outbound->writer.lost != VMB_REFUSAL_NONE)
		return;
	if (!vmb_outbound_flush_queue(channel))
		vmb_outbound_lost(channel);
}

/* There may be room: write what waits. Any context but hard interrupt. */
void vmb_outbound_flush(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	unsigned long flags;

	spin_lock_irqsave(&outbound->lock, flags);
	/* A drain that is running does it at its end. */
	if (!outbound->batching) {
		vmb_outbound_flush_locked(channel);
		if (outbound->open)
			vmb_outbound_publish(channel);
	}
	spin_unlock_irqrestore(&outbound->lock, flags);
}

/* The drain takes the writer, and uses the room that there may be. */
void vmb_outbound_begin_batch(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	unsigned long flags;

	spin_lock_irqsave(&outbound->lock, flags);
	vmb_outbound_flush_locked(channel);
	outbound->batching = true;
	spin_unlock_irqrestore(&outbound->lock, flags);
}

/*
 * The drain gives the writer back: publish what was completed meanwhile, by it
 * and by others. Returns whether the peer is to be signalled, for the drain's
 * own reasons too: it looks at both rings.
 */
bool vmb_outbound_end_batch(struct vmb_channel *channel)
{
	const struct vmb_batch *batch = &channel->inbound.batch;
	struct vmb_outbound *outbound = &channel->outbound;
	bool signal = batch->signal;
	unsigned long flags;

	spin_lock_irqsave(&outbound->lock, flags);
	channel->counters.completed += batch->completed;
	channel->counters.completions_sent += batch->sent;
	outbound->finished += batch->completed;
	outbound->progress += batch->sent;
	vmb_outbound_flush_locked(channel);
	outbound->batching = false;
	signal |= vmb_ring_writer_commit(&outbound->writer);
	if (signal)
		channel->counters.signals++;
	spin_unlock_irqrestore(&outbound->lock, flags);
	return signal;
}

/* The rings are attached and the transport is open. */
void vmb_outbound_open(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;

	spin_lock_irq(&outbound->lock);
	outbound->open = true;
	outbound->lost = false;
	outbound->starved = false;
	outbound->finished = 0;
	outbound->progress = 0;
	spin_unlock_irq(&outbound->lock);
}

/*
 * Ring and transport are about to go: nobody touches them after this. What
 * waited in the queue is dropped, and counted. If the client still holds
 * packets, the last of them takes the channel's memory with it; returns whether
 * that is so.
 */
bool vmb_outbound_close(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	struct vmb_packet_completion *packet, *next;
	bool abandoned;

	spin_lock_irq(&outbound->lock);
	outbound->open = false;
	list_for_each_entry_safe(packet, next, &outbound->queue, node) {
		list_del(&packet->node);
		channel->counters.completions_dropped++;
		vmb_outbound_recycle(channel, packet);
	}
	abandoned = !vmb_outbound_client_is_done(channel);
	outbound->abandoned = abandoned;
	if (abandoned)
		kobject_get(&channel->kobject);
	spin_unlock_irq(&outbound->lock);
	/* Who waits for a GPADL to fall out of use waits no longer. */
	if (abandoned)
		wake_up(&channel->memory.unused);
	return abandoned;
}

/* Does the client hold packets from a life that is over? */
bool vmb_outbound_is_abandoned(struct vmb_channel *channel)
{
	/* Pairs with the release by the last packet: it is back in the pool. */
	return smp_load_acquire(&channel->outbound.abandoned);
}

/* Memory that somebody else may still write to is given up for good. */
void vmb_outbound_count_leak(struct vmb_channel *channel)
{
	spin_lock_irq(&channel->outbound.lock);
	channel->counters.leaked++;
	spin_unlock_irq(&channel->outbound.lock);
}
