// SPDX-License-Identifier: GPL-2.0
/*
 * The channel's life, round after round, and what the library's header promises
 * of it: the order of the callbacks, what has ended when a call returns,
 * that each packet ends once.
 */
#include <linux/delay.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "storm.h"

/* Packets in each direction before a round goes on. */
#define STORM_TRAFFIC		16

static void storm_step(struct storm *storm, enum storm_phase to, u32 from)
{
	if (!(BIT(storm->phase) & from))
		storm_wrong(storm, "callbacks out of order, from and to",
			    storm->phase * 10 + to);
	WRITE_ONCE(storm->phase, to);
}

static void storm_check_reason(struct storm *storm, enum vmb_channel_stop_reason reason)
{
	enum vmb_channel_stop_reason expected = READ_ONCE(storm->expected);

	if (expected && reason != expected)
		storm_wrong(storm, "suspended or closed for reason", reason);
}

static int storm_opened(struct vmb_channel *channel, void *callback_context)
{
	storm_step(callback_context, STORM_OPEN, BIT(STORM_CLOSED));
	return 0;
}

static void storm_started(struct vmb_channel *channel, void *callback_context)
{
	struct storm *storm = callback_context;

	if (atomic64_read(&storm->count.delivered) != storm->delivered_at_suspend)
		storm_wrong(storm, "packets were delivered between suspend and started",
			    atomic64_read(&storm->count.delivered) -
			    storm->delivered_at_suspend);
	storm_step(storm, STORM_STARTED, BIT(STORM_OPEN) | BIT(STORM_SUSPENDED));
}

static void storm_post_started(struct vmb_channel *channel, void *callback_context)
{
	storm_step(callback_context, STORM_RUNNING, BIT(STORM_STARTED));
}

static void storm_suspend(struct vmb_channel *channel, void *callback_context,
			  enum vmb_channel_stop_reason reason)
{
	struct storm *storm = callback_context;
	struct storm_counters *count = &storm->count;

	storm_check_reason(storm, reason);
	if (atomic_read(&storm->inside))
		storm_wrong(storm, "suspend while a packet is delivered", 0);
	storm->delivered_at_suspend = atomic64_read(&count->delivered);
	atomic64_inc(&count->suspends);
	if (storm->delivered_at_suspend != atomic64_read(&count->completed))
		atomic64_inc(&count->suspends_holding);
	if (atomic64_read(&count->accepted) != atomic64_read(&count->ended))
		atomic64_inc(&count->suspends_sending);
	storm_step(storm, STORM_SUSPENDED, BIT(STORM_RUNNING));
	if (reason == VMB_CHANNEL_STOP_HIBERNATING && READ_ONCE(storm->parked))
		storm_packets_keep(storm);
}

static void storm_closed(struct vmb_channel *channel, void *callback_context,
			 enum vmb_channel_stop_reason reason)
{
	struct storm *storm = callback_context;

	if (reason != VMB_CHANNEL_STOP_DISABLED &&
	    reason != VMB_CHANNEL_STOP_HIBERNATING)
		storm_wrong(storm, "closed for reason", reason);
	if (atomic64_read(&storm->count.completed) != storm->delivered_at_suspend)
		storm_wrong(storm, "closed with packets in our hands",
			    storm->delivered_at_suspend -
			    atomic64_read(&storm->count.completed));
	/* A channel that was never started is not suspended. */
	storm_step(storm, STORM_CLOSED, BIT(STORM_SUSPENDED) | BIT(STORM_OPEN));
}

int storm_set_callbacks(struct storm *storm)
{
	struct vmb_channel_state_change_callbacks callbacks;

	vmb_channel_state_change_callbacks_init(&callbacks);
	callbacks.callback_context = storm;
	callbacks.opened = storm_opened;
	callbacks.started = storm_started;
	callbacks.post_started = storm_post_started;
	callbacks.suspend = storm_suspend;
	callbacks.closed = storm_closed;
	return vmb_channel_init_set_state_change_callbacks(storm->channel, &callbacks);
}

/* Pause or disable has returned: nothing is in our hands, nothing comes. */
static void storm_check_idle(struct storm *storm)
{
	u64 delivered = atomic64_read(&storm->count.delivered);

	if (delivered != storm->delivered_at_suspend)
		storm_wrong(storm, "packets were delivered after suspend",
			    delivered - storm->delivered_at_suspend);
	if (delivered != atomic64_read(&storm->count.completed))
		storm_wrong(storm, "it did not wait for packets in our hands",
			    delivered - atomic64_read(&storm->count.completed));
}

static void storm_wake(struct storm *storm)
{
	storm->delivered_before = atomic64_read(&storm->count.delivered);
	storm->answered_before = atomic64_read(&storm->count.answered);
	WRITE_ONCE(storm->quiet, false);
}

static int storm_pause(struct storm *storm, enum vmb_channel_stop_reason expected)
{
	int ret;

	WRITE_ONCE(storm->expected, expected);
	ret = vmb_channel_pause(storm->channel);
	if (ret)
		return ret;
	/* Answers to our packets are read in a pause, too, up to the first packet. */
	if (expected && storm->phase != STORM_SUSPENDED)
		storm_wrong(storm, "paused in phase", storm->phase);
	storm_check_idle(storm);
	/* What must not happen now has the time to. */
	usleep_range(500, 1000);
	storm_check_idle(storm);
	storm_wake(storm);
	return vmb_channel_start(storm->channel);
}

int storm_disable(struct storm *storm, enum vmb_channel_stop_reason expected)
{
	struct storm_counters *count = &storm->count;
	int ret;

	WRITE_ONCE(storm->expected, expected);
	WRITE_ONCE(storm->enabled, false);
	ret = vmb_channel_disable(storm->channel);
	if (ret)
		return ret;
	WRITE_ONCE(storm->quiet, true);
	if (storm->phase != STORM_CLOSED)
		storm_wrong(storm, "disabled in phase", storm->phase);
	storm_check_idle(storm);
	mutex_lock(&storm->sending);
	if (atomic64_read(&count->accepted) != atomic64_read(&count->ended))
		storm_wrong(storm, "packets of our own have not ended",
			    atomic64_read(&count->accepted) -
			    atomic64_read(&count->ended));
	storm->sequence = 0;
	mutex_unlock(&storm->sending);
	return 0;
}

int storm_enable(struct storm *storm)
{
	int ret;

	storm_wake(storm);
	ret = vmb_channel_enable(storm->channel);
	if (ret)
		return ret;
	WRITE_ONCE(storm->enabled, true);
	wake_up(&storm->freed);
	return 0;
}

static bool storm_has_traffic(struct storm *storm)
{
	return atomic64_read(&storm->count.delivered) - storm->delivered_before >=
	       STORM_TRAFFIC &&
	       atomic64_read(&storm->count.answered) - storm->answered_before >=
	       STORM_TRAFFIC;
}

/* Packets in both directions, since the channel was last started. */
static int storm_wait_for_traffic(struct storm *storm)
{
	long left;

	left = wait_event_interruptible_timeout(storm->moved, storm_has_traffic(storm),
						STORM_PATIENCE);
	if (!left)
		storm_wrong(storm, "no traffic, phase", storm->phase);
	return left < 0 ? left : left ? 0 : -ETIMEDOUT;
}

static int storm_pause_round(struct storm *storm)
{
	int ret = storm_wait_for_traffic(storm);

	return ret ? ret : storm_pause(storm, VMB_CHANNEL_STOP_PAUSED);
}

static int storm_stop(struct storm *storm)
{
	int ret = storm_wait_for_traffic(storm);

	return ret ? ret : storm_disable(storm, VMB_CHANNEL_STOP_DISABLED);
}

static int storm_disable_round(struct storm *storm)
{
	int ret = storm_stop(storm);

	return ret ? ret : storm_enable(storm);
}

/* A moment after the last round, whatever the channel is doing. */
static int storm_rush_round(struct storm *storm)
{
	u32 random = get_random_u32();
	int ret;

	usleep_range(random % 4096, random % 4096 + 50);
	if (random & BIT(16))
		return storm_pause(storm, 0);
	ret = storm_disable(storm, 0);
	/* It comes up paused. */
	if (!ret && random & BIT(17))
		ret = vmb_channel_pause(storm->channel);
	if (!ret)
		ret = storm_enable(storm);
	if (!ret && random & BIT(18))
		usleep_range(random % 1024, random % 1024 + 50);
	return ret ? ret : vmb_channel_start(storm->channel);
}

static int storm_repeat(struct storm *storm, u32 rounds,
			int (*round)(struct storm *storm))
{
	int ret = 0;

	while (!ret && rounds--) {
		ret = signal_pending(current) ? -EINTR : round(storm);
		cond_resched();
	}
	return ret;
}

/* What was written to the file "rounds". */
int storm_do(struct storm *storm, const char *what)
{
	u32 rounds;
	int ret;

	ret = mutex_lock_interruptible(&storm->rounds);
	if (ret)
		return ret;
	if (sscanf(what, "pause %u", &rounds) == 1)
		ret = storm_repeat(storm, rounds, storm_pause_round);
	else if (sscanf(what, "disable %u", &rounds) == 1)
		ret = storm_repeat(storm, rounds, storm_disable_round);
	else if (sscanf(what, "rush %u", &rounds) == 1)
		ret = storm_repeat(storm, rounds, storm_rush_round);
	else if (sysfs_streq(what, "stop"))
		ret = storm_stop(storm);
	else if (sysfs_streq(what, "go"))
		ret = storm_enable(storm);
	else if (sysfs_streq(what, "park"))
		ret = storm_packets_park(storm);
	else if (sysfs_streq(what, "unpark"))
		storm_packets_go_on(storm);
	else
		ret = -EINVAL;
	if (!ret && atomic64_read(&storm->count.wrong))
		ret = -EUCLEAN;
	mutex_unlock(&storm->rounds);
	return ret;
}
