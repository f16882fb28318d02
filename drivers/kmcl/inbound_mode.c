// SPDX-License-Identifier: GPL-2.0
/*
 * What the drain does: who starts it, and who stops it. drain.h says which mode
 * follows which.
 */
#include "inbound.h"

/*
 * From here on the ring is read in this mode. It is looked at once unasked: what the
 * peer wrote before will not be signalled.
 */
static void vmb_inbound_read(struct vmb_channel *channel, enum vmb_drain_mode mode)
{
	vmb_life_assert_worker(channel);
	clear_bit(VMB_INBOUND_BLOCKED, &channel->inbound.flags);
	if (vmb_drain_enter(&channel->inbound.flags, mode))
		channel->operations->schedule(channel);
}

/* Let packets flow. */
void vmb_inbound_start(struct vmb_channel *channel)
{
	vmb_inbound_read(channel, VMB_DRAIN_DELIVERING);
}

/*
 * The channel is paused: hear of completions, as far as they are not behind a
 * packet that is to be delivered after the start.
 */
void vmb_inbound_pause(struct vmb_channel *channel)
{
	if (!channel->inbound.deferred)
		vmb_inbound_read(channel, VMB_DRAIN_COMPLETIONS);
}

/*
 * The channel is closing, and has packets out whose memory the peer may write
 * to: hear of their completions, and drop everything else. Suspend was called,
 * so nothing is delivered, and what was deferred is dropped already.
 */
void vmb_inbound_start_discarding(struct vmb_channel *channel)
{
	WARN_ON_ONCE(channel->inbound.deferred);
	vmb_inbound_read(channel, VMB_DRAIN_DISCARDING);
}

/*
 * Stop the flow. When this returns no process_packet call is running on any
 * CPU, and none will until the next start. Process context.
 *
 * A completion is counted, looks at the mode, and wakes the wait for the client, all
 * under outbound.lock. So a caller that is about to wait for the client has to take
 * that lock once after this: then either the packet is in the count, or its completion
 * sees the mode.
 */
void vmb_inbound_stop(struct vmb_channel *channel)
{
	struct vmb_inbound *inbound = &channel->inbound;

	vmb_life_assert_worker(channel);
	might_sleep();
	/* In one word with DRAINING, see vmb_inbound_enter(). */
	vmb_drain_enter(&inbound->flags, VMB_DRAIN_STOPPED);
	wait_event(inbound->idle,
		   !test_bit(VMB_INBOUND_DRAINING, &inbound->flags));
	cancel_work_sync(&inbound->work);
}
