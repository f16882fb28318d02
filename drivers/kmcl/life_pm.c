// SPDX-License-Identifier: GPL-2.0
/*
 * What a channel's life is told when the VM hibernates or shuts down, and what
 * its device asks of it meanwhile. The worker in life.c does it, in two halves:
 * first all of a device's channels quiesce, which any of them may refuse; then all
 * are closed.
 */
#include "life.h"

/*
 * The VM hibernates: the channel is to quiesce, and to stay so. This and the next
 * two are called with the lock of all channels of the device, or without.
 */
void vmb_life_pm_quiesce(struct vmb_channel *channel,
			 enum vmb_channel_stop_reason reason)
{
	struct vmb_life *life = &channel->life;
	unsigned long flags;

	spin_lock_irqsave(&life->lock, flags);
	WRITE_ONCE(life->pm_reason, reason);
	/* One that is disabled has nothing to quiesce. */
	vmb_pm_step(channel, life->state == VMB_LIFE_DISABLED ?
		    VMB_PM_RESUME : VMB_PM_QUIESCE);
	vmb_life_queue(channel);
	spin_unlock_irqrestore(&life->lock, flags);
	/* A task that waits for a GPADL to fall out of use may not have to any more. */
	wake_up(&channel->memory.unused);
}

/* The device has quiesced: close the channel, and open it again when the VM resumes. */
void vmb_life_pm_close(struct vmb_channel *channel)
{
	struct vmb_life *life = &channel->life;
	unsigned long flags;

	spin_lock_irqsave(&life->lock, flags);
	vmb_pm_step(channel, VMB_PM_CLOSE);
	vmb_life_queue(channel);
	spin_unlock_irqrestore(&life->lock, flags);
}

/* Is nothing done for the channel, nor will it be? */
static bool vmb_life_is_closed(const struct vmb_channel *channel)
{
	enum vmb_life_state state = vmb_life_state(channel);

	return state == VMB_LIFE_ENABLED || state == VMB_LIFE_DISABLED;
}

/*
 * Is it still to quiesce, for it neither has nor has refused? Not a primary that is
 * closing: it waits for its sub-channels, which have quiesced and wait to be closed.
 */
bool vmb_life_pm_is_quiescing(const struct vmb_channel *channel)
{
	enum vmb_pm_state pm = READ_ONCE(channel->life.pm);

	return !vmb_life_is_closed(channel) &&
	       (pm == VMB_PM_QUIESCING || pm == VMB_PM_CLOSED) &&
	       (channel->primary || vmb_life_state(channel) != VMB_LIFE_CLOSING);
}

/* Is it still to be closed, for it neither was nor has refused? */
bool vmb_life_pm_is_closing(const struct vmb_channel *channel)
{
	return !vmb_life_is_closed(channel) &&
	       !vmb_pm_may_run(READ_ONCE(channel->life.pm));
}

/* Has it refused to quiesce? */
bool vmb_life_pm_has_refused(const struct vmb_channel *channel)
{
	return vmb_life_state(channel) != VMB_LIFE_DISABLED &&
	       vmb_pm_may_run(READ_ONCE(channel->life.pm));
}

/*
 * The worker, which no freezer stops, waits for a client that is frozen, or that
 * waits itself for packets which are held until the VM resumes.
 */
void vmb_life_pm_timed_out(struct vmb_channel *channel)
{
	dev_err_ratelimited(channel->dev, "%s: the driver does not quiesce, %s\n",
			    vmb_channel_label(channel), vmb_life_is_shutting_down(channel) ?
			    "the VM shuts down nevertheless" : "no hibernation");
	vmb_send_stop_overdue(channel);
}

/* The VM has resumed: open the channel again, if it was to be open. */
void vmb_life_pm_resume(struct vmb_channel *channel)
{
	struct vmb_life *life = &channel->life;
	unsigned long flags;

	spin_lock_irqsave(&life->lock, flags);
	vmb_pm_step(channel, VMB_PM_RESUME);
	life->peer = VMB_LIFE_PEER_UNKNOWN;
	vmb_life_queue(channel);
	spin_unlock_irqrestore(&life->lock, flags);
}
