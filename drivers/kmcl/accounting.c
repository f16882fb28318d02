// SPDX-License-Identifier: GPL-2.0
/*
 * What is counted, and said in the log: refusals, leaks, signals. Everybody above
 * counts here, so it calls nobody but the wire.
 */
#include "channel.h"

#include <trace/events/vmbkmcl.h>

/*
 * Count and tell that something the peer wrote was not taken. @packet: NULL if
 * there is none to name. Any context; takes the outbound lock.
 */
void vmb_refuse(struct vmb_channel *channel, const struct vmb_ring_packet *packet,
		enum vmb_refusal refusal)
{
	unsigned long flags;

	spin_lock_irqsave(&channel->outbound.lock, flags);
	channel->refusals[refusal]++;
	channel->counters.refused++;
	if (refusal == VMB_REFUSAL_PAGE_NOT_SHARED ||
	    refusal == VMB_REFUSAL_TRANSFER_SET_UNKNOWN ||
	    refusal == VMB_REFUSAL_TRANSFER_RANGE_BEYOND_SET)
		channel->counters.external_refused++;
	spin_unlock_irqrestore(&channel->outbound.lock, flags);
	trace_vmb_refuse(channel->name, packet ? packet->transaction_id : 0,
			 packet ? packet->type : 0, refusal);
	if (vmb_refusal_loses_framing(refusal))
		dev_err_ratelimited(channel->dev,
				    "%s: framing of the inbound ring lost at offset %u: %s\n",
				    vmb_channel_label(channel), channel->inbound.reader.read_index,
				    vmb_refusal_name(refusal));
	else
		dev_warn_ratelimited(channel->dev,
				     "%s: packet refused: %s (type %u, transaction %#llx)\n",
				     vmb_channel_label(channel), vmb_refusal_name(refusal),
				     packet ? packet->type : 0,
				     packet ? packet->transaction_id : 0);
}

/**
 * vmb_channel_leaked() - memory that the peer may still write to is given up for good
 * @channel: whose.
 * @pieces: so many.
 * @times: how often the peer was to let go of what it had, of one piece or of all of a
 *	channel, and did not; 0 if that is counted already, or will be. That is what it may
 *	do so often: how many pieces there are is not its doing alone.
 *
 * A transport calls it for what the library does not hear of from close or delete_gpadl.
 *
 * Context: Any.
 */
void vmb_channel_leaked(struct vmb_channel *channel, u32 pieces, u32 times)
{
	unsigned long flags;

	spin_lock_irqsave(&channel->outbound.lock, flags);
	channel->counters.leaked += pieces;
	WRITE_ONCE(channel->times_leaked, channel->times_leaked + times);
	spin_unlock_irqrestore(&channel->outbound.lock, flags);
}
EXPORT_SYMBOL_GPL(vmb_channel_leaked);

/* The peer is signalled for the sake of its own ring. */
void vmb_outbound_count_signal(struct vmb_channel *channel)
{
	spin_lock_irq(&channel->outbound.lock);
	channel->counters.signals++;
	spin_unlock_irq(&channel->outbound.lock);
}
