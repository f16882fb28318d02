// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a send: what is counted, and the client's routine.
 *
 * Routines are called without a lock. What ends under the lock is put into a
 * list, and its routine called by whoever gives the lock back next. No packet in
 * the list is anybody's: a caller that is preempted inside a routine keeps that
 * one packet from its end, and no other. Disable waits for all callers.
 */
#include <linux/preempt.h>
#include <linux/sched.h>

#include "outbound.h"

#include <trace/events/vmbkmcl.h>

/*
 * Routines that one call runs. A client may send again in each; with a quick peer
 * there would be no end of it.
 */
#define VMB_SEND_CALL_BUDGET	64u

/*
 * What was held goes into the queue, as long as it may be sent: the channel runs,
 * and there are places in the transaction table. Returns whether something did.
 */
bool vmb_send_release(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	struct vmb_packet *packet, *next;
	bool released = false;

	lockdep_assert_held(&outbound->lock);
	if (!outbound->sending)
		return false;
	list_for_each_entry_safe(packet, next, &outbound->held, queue.node) {
		/* Of those held over hibernation some have their place. */
		if (packet->waits && packet->slot == VMB_NO_SLOT &&
		    !vmb_transaction_begin(channel, packet))
			break;
		packet->state = VMB_SEND_QUEUED;
		list_move_tail(&packet->queue.node, &outbound->queue);
		released = true;
	}
	outbound->direct = list_empty(&outbound->held);
	return released;
}

/*
 * There may be a place in the transaction table for packets that are held. Nothing
 * is written here: the drain does that at its end.
 */
static noinline void vmb_send_place_is_free(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;

	lockdep_assert_held(&outbound->lock);
	if (vmb_send_release(channel) && outbound->open && !outbound->batching)
		channel->operations->schedule(channel);
}

/* The packet's way is over; what is left is to tell the client. */
static inline void vmb_send_account(struct vmb_channel *channel, int status)
{
	lockdep_assert_held(&channel->outbound.lock);
	if (status)
		channel->counters.sends_failed++;
	else
		channel->counters.sends_completed++;
	if (unlikely(!channel->outbound.direct))
		vmb_send_place_is_free(channel);
}

/* Tell the client. The packet is the client's with the call. */
static inline void vmb_send_finish(struct vmb_packet *packet, int status,
				   const void *buffer, u32 length)
{
	if (trace_vmb_sent_enabled())
		trace_vmb_sent(packet->channel->name, packet,
			       packet->waits ? packet->transaction_id : 0, status,
			       length);
	if (packet->external.count)
		vmb_outbound_data_release(packet, status == -EIO);
	WRITE_ONCE(packet->state, VMB_SEND_IDLE);
	packet->routine(packet, packet->routine_context, status, buffer, length);
}

/* End a packet that is in no list, under the lock; its routine comes later. */
void vmb_send_end(struct vmb_channel *channel, struct vmb_packet *packet,
		  int status)
{
	lockdep_assert_held(&channel->outbound.lock);
	if (packet->slot != VMB_NO_SLOT)
		vmb_transaction_cancel(channel, packet);
	vmb_send_account(channel, status);
	packet->state = VMB_SEND_ENDED;
	packet->status = status;
	list_add_tail(&packet->queue.node, &channel->outbound.ended);
}

/*
 * Is this context calling a routine already? A softirq on top of a task has the
 * same current, and is not to wait for it.
 */
static bool vmb_send_is_caller(const struct vmb_outbound *outbound,
			       const struct vmb_routine_caller *self)
{
	const struct vmb_routine_caller *caller;

	lockdep_assert_held(&outbound->lock);
	list_for_each_entry(caller, &outbound->callers, node)
		if (caller->task == self->task && caller->softirq == self->softirq)
			return true;
	return false;
}

/* Is this call made from inside a routine, other than of a completion just read? */
bool vmb_send_is_in_routine(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	const struct vmb_routine_caller self = {
		.task = current,
		.softirq = in_serving_softirq(),
	};
	unsigned long flags;
	bool is;

	spin_lock_irqsave(&outbound->lock, flags);
	is = vmb_send_is_caller(outbound, &self);
	spin_unlock_irqrestore(&outbound->lock, flags);
	return is;
}

/*
 * Is this call made from inside a routine that the drain calls, for a completion? The
 * drain notes nothing of it, which would cost each completion something; but what it
 * read last tells.
 */
static bool vmb_send_is_answered(const struct vmb_inbound *inbound)
{
	return vmb_inbound_is_reader(inbound) &&
	       !vmb_packet_cache_in_callback(&inbound->cache);
}

/*
 * Give back the lock, with which something has ended, and call the routines. A
 * routine that sends comes by here again and leaves it to the caller that it is in,
 * so it is not called inside itself, however often it does. If there are too many,
 * the transport's next interrupt goes on. A channel is not gone before its callers
 * are: nothing touches it after the last unlock.
 */
void vmb_send_unlock_and_call(struct vmb_channel *channel, unsigned long flags)
	__releases(&channel->outbound.lock)
{
	struct vmb_outbound *outbound = &channel->outbound;
	struct vmb_routine_caller self = {
		.task = current,
		.softirq = in_serving_softirq(),
	};
	struct vmb_packet *packet;
	u32 called = 0;

	if (vmb_send_is_caller(outbound, &self))
		goto unlock;
	if (vmb_send_is_answered(&channel->inbound)) {
		/* The end of the batch calls them; but the worker may sleep before. */
		if (!vmb_inbound_is_drain_task(&channel->inbound))
			channel->operations->schedule(channel);
		goto unlock;
	}
	list_add(&self.node, &outbound->callers);
	while (!list_empty(&outbound->ended)) {
		/* A closed channel has no interrupt, and sends nothing more. */
		if (unlikely(called++ >= VMB_SEND_CALL_BUDGET && outbound->open)) {
			channel->operations->schedule(channel);
			break;
		}
		packet = list_first_entry(&outbound->ended, struct vmb_packet,
					  queue.node);
		list_del_init(&packet->queue.node);
		spin_unlock_irqrestore(&outbound->lock, flags);
		vmb_send_finish(packet, packet->status, NULL, 0);
		spin_lock_irqsave(&outbound->lock, flags);
	}
	list_del(&self.node);
	if (list_empty(&outbound->callers))
		wake_up(&outbound->drained);
unlock:
	spin_unlock_irqrestore(&outbound->lock, flags);
}

/* It is in the ring. */
void vmb_send_written(struct vmb_channel *channel, struct vmb_packet *packet)
{
	vmb_send_in_ring(channel, packet);
}

/* Does a packet wait for that completion, now? */
bool vmb_send_is_awaited(struct vmb_channel *channel, u64 transaction_id)
{
	struct vmb_outbound *outbound = &channel->outbound;
	unsigned long flags;
	bool awaited;

	spin_lock_irqsave(&outbound->lock, flags);
	awaited = vmb_transaction_is_awaited(channel, transaction_id);
	spin_unlock_irqrestore(&outbound->lock, flags);
	return awaited;
}

/*
 * The drain has read a completion. False: nobody waits for it. The payload is
 * the client's during the routine.
 */
bool vmb_send_completed(struct vmb_channel *channel, u64 transaction_id,
			int status, const void *buffer, u32 length)
{
	struct vmb_outbound *outbound = &channel->outbound;
	struct vmb_packet *packet;
	unsigned long flags;

	spin_lock_irqsave(&outbound->lock, flags);
	packet = vmb_transaction_end(channel, transaction_id);
	if (likely(packet)) {
		vmb_latency_end(&channel->latencies[VMB_LATENCY_PEER],
				&packet->since);
		vmb_send_account(channel, status);
		packet->state = VMB_SEND_ENDED;
	}
	spin_unlock_irqrestore(&outbound->lock, flags);
	if (unlikely(!packet))
		return false;
	vmb_send_finish(packet, status, length ? buffer : NULL, length);
	return true;
}
