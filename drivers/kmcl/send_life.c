// SPDX-License-Identifier: GPL-2.0
/*
 * What the channel's life does to the packets that its client sends: held
 * before it runs, sent when it does, ended when it is over.
 */
#include "outbound.h"

/* The channel is enabled: the client may send; what it sends is held. */
void vmb_send_accept(struct vmb_channel *channel)
{
	spin_lock_irq(&channel->outbound.lock);
	WRITE_ONCE(channel->outbound.accepting, true);
	spin_unlock_irq(&channel->outbound.lock);
}

/* Any context. */
bool vmb_send_is_accepting(const struct vmb_channel *channel)
{
	return READ_ONCE(channel->outbound.accepting);
}

/* The channel runs: what was held goes out first. */
void vmb_send_start(struct vmb_channel *channel)
{
	vmb_life_assert_worker(channel);
	spin_lock_irq(&channel->outbound.lock);
	channel->outbound.sending = true;
	vmb_send_release(channel);
	spin_unlock_irq(&channel->outbound.lock);
	vmb_outbound_flush(channel);
}

/* The channel is paused: what is in the queue still goes out, no more. */
void vmb_send_hold(struct vmb_channel *channel)
{
	vmb_life_assert_worker(channel);
	spin_lock_irq(&channel->outbound.lock);
	channel->outbound.sending = false;
	channel->outbound.direct = false;
	spin_unlock_irq(&channel->outbound.lock);
}

/* End what the peer has never seen. */
static void vmb_send_end_unsent(struct vmb_channel *channel,
				struct list_head *from, int status)
{
	struct vmb_queue_entry *entry, *next;

	lockdep_assert_held(&channel->outbound.lock);
	list_for_each_entry_safe(entry, next, from, node) {
		if (entry->kind != VMB_QUEUE_PACKET)
			continue;
		list_del_init(&entry->node);
		vmb_send_end(channel,
			     container_of(entry, struct vmb_packet, queue),
			     status);
	}
}

/*
 * End what the peer has and owes a completion for; of packets with external
 * data only if @external, for the peer may still write to that. Returns how many
 * have external data.
 */
static u32 vmb_send_end_sent(struct vmb_channel *channel, bool external,
			     int status)
{
	struct vmb_transactions *transactions = &channel->outbound.transactions;
	u32 with_external = 0;
	u32 i;

	lockdep_assert_held(&channel->outbound.lock);
	for (i = 0; i < transactions->count; i++) {
		struct vmb_packet *packet = transactions->table[i].packet;

		if (!packet)
			continue;
		if (packet->external.count)
			with_external++;
		if (packet->external.count && !external)
			continue;
		transactions->table[i].packet = NULL;
		/* What is leaked is memory: of a packet that has none nothing is. */
		vmb_send_end(channel, packet,
			     status == -EIO && !packet->external.count ? -ENODEV : status);
	}
	return with_external;
}

static bool vmb_send_stop_locked(struct vmb_channel *channel, bool all)
{
	struct vmb_outbound *outbound = &channel->outbound;

	lockdep_assert_held(&outbound->lock);
	WRITE_ONCE(outbound->accepting, false);
	outbound->sending = false;
	outbound->direct = false;
	vmb_send_end_unsent(channel, &outbound->held, -ENODEV);
	vmb_send_end_unsent(channel, &outbound->queue, -ENODEV);
	return vmb_send_end_sent(channel, all, -ENODEV) && !all;
}

/*
 * The channel is closing: nothing more is accepted, and everything ends but what
 * the peer may still write to; that too if @all. Returns whether packets are
 * left. Process context.
 */
bool vmb_send_stop(struct vmb_channel *channel, bool all)
{
	struct vmb_outbound *outbound = &channel->outbound;
	unsigned long flags;
	bool left;

	spin_lock_irqsave(&outbound->lock, flags);
	left = vmb_send_stop_locked(channel, all);
	vmb_outbound_unlock(channel, flags);
	/* The peer was told how much room the head of the queue waits for. */
	vmb_outbound_flush(channel);
	return left;
}

/*
 * Another channel will go on with all that was sent: here it ends. It is a server's,
 * and so has no external data.
 */
void vmb_send_hand_over(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	unsigned long flags;

	vmb_life_assert_worker(channel);
	spin_lock_irqsave(&outbound->lock, flags);
	vmb_send_end_unsent(channel, &outbound->held, -ECANCELED);
	vmb_send_end_unsent(channel, &outbound->queue, -ECANCELED);
	vmb_send_end_sent(channel, true, -ECANCELED);
	vmb_outbound_unlock(channel, flags);
}

/*
 * Goes on with what another channel has sent, in its order. Before the channel is
 * enabled: nothing else was sent.
 */
void vmb_send_restore(struct vmb_channel *channel, struct list_head *packets)
{
	struct vmb_outbound *outbound = &channel->outbound;
	struct vmb_packet *packet, *next;

	spin_lock_irq(&outbound->lock);
	list_for_each_entry_safe(packet, next, packets, queue.node) {
		channel->counters.sends++;
		if (packet->transaction_id) {
			list_del_init(&packet->queue.node);
			packet->state = VMB_SEND_SENT;
			vmb_transactions_restore(&outbound->transactions, packet);
		} else {
			channel->counters.sends_queued++;
			list_move_tail(&packet->queue.node, &outbound->held);
		}
	}
	vmb_transactions_find_free(&outbound->transactions);
	spin_unlock_irq(&outbound->lock);
}

/*
 * Ends what is held, from outside of the worker: the close of the channel takes too
 * long, perhaps for the sake of that. It may have ended by now. It says so before it
 * lets the client send again, which it does under the lock: so that comes last.
 */
void vmb_send_stop_overdue(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	unsigned long flags;

	spin_lock_irqsave(&outbound->lock, flags);
	if (vmb_life_state(channel) == VMB_LIFE_CLOSING)
		vmb_send_stop_locked(channel, false);
	vmb_outbound_unlock(channel, flags);
	vmb_outbound_flush(channel);
}

/* Are there packets whose external data the peer may still write to? */
bool vmb_send_has_external(struct vmb_channel *channel)
{
	struct vmb_transactions *transactions = &channel->outbound.transactions;
	bool has = false;
	u32 i;

	spin_lock_irq(&channel->outbound.lock);
	for (i = 0; i < transactions->count && !has; i++) {
		const struct vmb_packet *packet = transactions->table[i].packet;

		has = packet && packet->external.count;
	}
	spin_unlock_irq(&channel->outbound.lock);
	return has;
}

/*
 * The VM hibernates: what the peer has never seen is held until it resumes,
 * in its order. Completions in the queue are for a peer that will not know them.
 */
void vmb_send_keep(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	struct vmb_queue_entry *entry, *next;
	LIST_HEAD(kept);

	vmb_life_assert_worker(channel);
	spin_lock_irq(&outbound->lock);
	outbound->sending = false;
	outbound->direct = false;
	list_for_each_entry_safe(entry, next, &outbound->queue, node) {
		if (entry->kind != VMB_QUEUE_PACKET)
			continue;
		container_of(entry, struct vmb_packet, queue)->state = VMB_SEND_HELD;
		list_move_tail(&entry->node, &kept);
	}
	list_splice(&kept, &outbound->held);
	spin_unlock_irq(&outbound->lock);
}

/*
 * The peer is gone, or may not be: end what is left with @status, and wait until
 * every routine has returned, wherever it runs. Returns how many had external data:
 * with -EIO that is leaked. Process context.
 */
u32 vmb_send_fail(struct vmb_channel *channel, int status)
{
	struct vmb_outbound *outbound = &channel->outbound;
	u32 with_external;
	unsigned long flags;

	vmb_life_assert_worker(channel);
	spin_lock_irqsave(&outbound->lock, flags);
	with_external = vmb_send_end_sent(channel, true, status);
	vmb_outbound_unlock(channel, flags);
	/* What has ended is in a routine now, if it was not before. */
	wait_event(outbound->drained, list_empty_careful(&outbound->callers));
	/* The caller that woke us may still hold the lock. */
	spin_lock_irq(&outbound->lock);
	spin_unlock_irq(&outbound->lock);
	return with_external;
}

/*
 * Nobody waits for the packet any more. If the peer has not seen it and it is to
 * be @recall'ed, or the peer is @gone, it is the caller's again (VMB_SEND_IDLE).
 * Otherwise (VMB_SEND_SENT) it stays in flight and its external pages are
 * referenced until the peer completes it. Or its end is on the way
 * (VMB_SEND_ENDED).
 */
enum vmb_send_state vmb_send_abandon(struct vmb_packet *packet, bool recall,
				     bool gone)
{
	struct vmb_channel *channel = packet->channel;
	struct vmb_outbound *outbound = &channel->outbound;
	enum vmb_send_state state = VMB_SEND_IDLE;
	unsigned long flags;

	spin_lock_irqsave(&outbound->lock, flags);
	switch (packet->state) {
	case VMB_SEND_HELD:
	case VMB_SEND_QUEUED:
		if (recall) {
			list_del_init(&packet->queue.node);
			break;
		}
		vmb_outbound_data_pin(packet);
		state = VMB_SEND_SENT;
		break;
	case VMB_SEND_SENT:
		if (gone) {
			vmb_transaction_end(channel, packet->transaction_id);
			break;
		}
		vmb_outbound_data_pin(packet);
		state = VMB_SEND_SENT;
		break;
	default:
		state = VMB_SEND_ENDED;
		break;
	}
	if (state == VMB_SEND_IDLE) {
		channel->counters.sends_failed++;
		packet->state = VMB_SEND_IDLE;
		if (packet->slot != VMB_NO_SLOT)
			vmb_transaction_cancel(channel, packet);
		/* Others may have been held behind it. */
		vmb_send_release(channel);
	}
	spin_unlock_irqrestore(&outbound->lock, flags);
	if (state == VMB_SEND_IDLE) {
		vmb_outbound_data_release(packet, false);
		/* It may have been the head that others wait behind. */
		vmb_outbound_flush(channel);
	}
	return state;
}
