// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a send: what is counted, and the client's routine.
 *
 * Routines are called without a lock. What ends under the lock is put into a
 * list, and its routine called when the lock is gone; disable waits for that.
 */
#include "outbound.h"

#include <trace/events/vmbkmcl.h>

/* The packet's way is over; what is left is to tell the client. */
static void vmb_send_account(struct vmb_channel *channel,
			     struct vmb_packet *packet, int status)
{
	lockdep_assert_held(&channel->outbound.lock);
	if (status)
		channel->counters.sends_failed++;
	else
		channel->counters.sends_completed++;
	if (!packet->allocated && packet->slot != VMB_NO_SLOT) {
		vmb_transaction_put_slot(channel, packet->slot);
		packet->slot = VMB_NO_SLOT;
	}
}

/* Tell the client. The packet is the client's with the call. */
static inline void vmb_send_finish(struct vmb_packet *packet, int status,
				   const void *buffer, u32 length)
{
	trace_vmb_sent(packet->channel->name, packet,
		       packet->waits ? packet->transaction_id : 0, status, length);
	if (packet->external.count)
		vmb_outgoing_data_release(packet, status == -EIO);
	WRITE_ONCE(packet->state, VMB_SEND_IDLE);
	packet->routine(packet, packet->routine_context, status, buffer, length);
}

/* End a packet that is in no list, under the lock; its routine comes later. */
void vmb_send_end(struct vmb_channel *channel, struct vmb_packet *packet,
		  int status)
{
	lockdep_assert_held(&channel->outbound.lock);
	vmb_send_account(channel, packet, status);
	packet->state = VMB_SEND_ENDED;
	packet->status = status;
	list_add_tail(&packet->queue.node, &channel->outbound.ended);
}

/*
 * Call the routines of what has ended. No lock is held, and the caller has
 * claimed it under the lock before: one thread at a time does it, and what ends
 * meanwhile, in a routine or elsewhere, is left to it. So a routine that sends is
 * not called inside itself, however often it does; and a channel is not gone
 * before the claim is. Nothing touches it after the last unlock.
 */
void vmb_send_run_ended(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	struct vmb_packet *packet;
	unsigned long flags;
	LIST_HEAD(ended);

	spin_lock_irqsave(&outbound->lock, flags);
	while (!list_empty(&outbound->ended)) {
		list_splice_init(&outbound->ended, &ended);
		spin_unlock_irqrestore(&outbound->lock, flags);
		while (!list_empty(&ended)) {
			packet = list_first_entry(&ended, struct vmb_packet,
						  queue.node);
			list_del_init(&packet->queue.node);
			vmb_send_finish(packet, packet->status, NULL, 0);
		}
		spin_lock_irqsave(&outbound->lock, flags);
	}
	outbound->running_routines = false;
	wake_up(&outbound->drained);
	spin_unlock_irqrestore(&outbound->lock, flags);
}

/* It is in the ring. */
void vmb_send_written(struct vmb_channel *channel, struct vmb_packet *packet)
{
	vmb_send_in_ring(channel, packet);
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
		vmb_send_account(channel, packet, status);
		packet->state = VMB_SEND_ENDED;
	}
	spin_unlock_irqrestore(&outbound->lock, flags);
	if (unlikely(!packet))
		return false;
	vmb_send_finish(packet, status, length ? buffer : NULL, length);
	return true;
}
