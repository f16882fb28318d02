// SPDX-License-Identifier: GPL-2.0
/*
 * The drain: from the transport's interrupt to a batch, and what follows from its
 * end.
 *
 * There is one reader of the ring: whoever set VMB_INBOUND_DRAINING. It masks
 * the peer, delivers, and unmasks only when it found the ring empty; the peer
 * signals a ring that was empty only, so nobody else would look again.
 */
#include <linux/bitops.h>
#include <linux/bottom_half.h>

#include "inbound.h"

/* Would it be too early for the worker? Who shares the memory calls it then. */
static bool vmb_inbound_is_pending(const struct vmb_channel *channel)
{
	return channel->inbound.deferred && channel->inbound.pending &&
	       READ_ONCE(channel->memory.awaited);
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
	end = vmb_inbound_batch(channel, mode);
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
	end = vmb_inbound_batch(channel, mode);
	WRITE_ONCE(inbound->passive_task, NULL);
	vmb_inbound_give_room_back(channel);
	return end;
}

/* One batch with all that belongs to its end. Returns why it ended. */
static enum vmb_batch_end vmb_inbound_drain(struct vmb_channel *channel,
					    enum vmb_drain_mode mode, bool passive)
{
	struct vmb_inbound *inbound = &channel->inbound;
	u32 quarter = min(inbound->reader.ring.size,
			  channel->outbound.writer.ring.size) / 4;
	u64 before = inbound->delivered;
	enum vmb_batch_end end;
	u32 delivered;

	vmb_inbound_assert_owned(&channel->inbound);
	inbound->batch = (struct vmb_batch) {
		.quarter = quarter,
		.kept = passive ? 0 : quarter,
	};
	inbound->window_looked = 0;
	/*
	 * It is the worker's turn, whose callback may sleep; also if that was asked for
	 * before this batch, but after it was seen who is to deliver it.
	 */
	if (!passive && unlikely(inbound->deferred ||
				 test_bit(VMB_INBOUND_PASSIVE, &inbound->flags)))
		return VMB_BATCH_DEFERRED;
	if (unlikely(inbound->deferred) && vmb_inbound_is_pending(channel))
		return VMB_BATCH_PENDING;
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
	/* Order against vmb_inbound_enter() and against setting the mode. */
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
	unsigned long flags;

	if (!(READ_ONCE(inbound->flags) & VMB_DRAIN_READS))
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
	flags = READ_ONCE(inbound->flags);
	/*
	 * Only who drains sets BLOCKED, so it stays clear until we leave; and who clears it
	 * schedules. Looked at before DRAINING was ours it could be set by then, and all that
	 * is held completed in this batch, which does not clear it.
	 */
	if (unlikely(!(flags & VMB_DRAIN_READS) || flags & BIT(VMB_INBOUND_BLOCKED))) {
		vmb_inbound_leave(channel, false);
		return VMB_DRAIN_STOPPED;
	}
	return flags & VMB_DRAIN_READS;
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
		/* The next completion schedules us, or who makes more objects. */
		WRITE_ONCE(inbound->batch.starved, true);
		channel->counters.starved++;
		vmb_pool_want_more(channel);
		break;
	case VMB_BATCH_NO_ROOM:
		/* Who makes the room schedules us. */
		channel->counters.starved++;
		set_bit(VMB_INBOUND_NO_ROOM, &inbound->flags);
		vmb_overlong_want(channel);
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
