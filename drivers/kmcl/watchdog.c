// SPDX-License-Identifier: GPL-2.0
/*
 * The stall watchdog: there is work, nobody does it, and nothing moved since
 * the last look. A peer that loses a signal, or does not know about pending
 * sends, would leave the channel standing.
 *
 * It looks only while something waits. What waits for room in the outbound ring is
 * looked after every VMB_WATCH_PERIOD_MS, so a lost signal is noticed within three
 * periods. For answers of the peer it is the same at first, but the longer nothing
 * moves the seldomer, down to VMB_WATCHDOG_IDLE_MS: a peer may take an hour. While
 * nothing waits there is but a look whether something came in unsignalled, every
 * VMB_WATCHDOG_IDLE_MS as well, for which no CPU is woken that sleeps. The
 * inbound ring is never looked at more often: a CPU of this VM that has
 * to wait for one of the host's may be as late as that, and nothing was lost.
 *
 * It takes more than one look to tell that a signal was lost: it may be on its way.
 * Nor is one lost that has come and is not acted upon yet. On PREEMPT_RT the softirq
 * that does is a thread like others, which a busy CPU lets wait, and the timer's is
 * above them. And a look that comes late says that this VM did not get the CPU, not that
 * the peer had the time.
 */
#include "compat.h"
#include "life.h"

#include <trace/events/vmbkmcl.h>

#define VMB_WATCHDOG_IDLE_MS	250u

static unsigned long vmb_watchdog_next_inbound(void)
{
	return jiffies + msecs_to_jiffies(VMB_WATCHDOG_IDLE_MS);
}

static void vmb_watchdog_stalled(struct vmb_channel *channel, bool outbound)
{
	struct vmb_watchdog *watchdog = &channel->watchdog;

	spin_lock_irq(&channel->outbound.lock);
	channel->counters.stalls++;
	spin_unlock_irq(&channel->outbound.lock);
	trace_vmb_stall(channel->name, outbound);
	if (watchdog->reported)
		return;
	watchdog->reported = true;
	dev_warn_ratelimited(channel->dev,
			     "%s: %s stood still, the peer's signal did not come; further times are only counted\n",
			     vmb_channel_label(channel),
			     outbound ? "outbound queue" : "inbound ring");
}

/* There was a signal, and who is to act upon it has not got the CPU yet. */
static bool vmb_watchdog_signal_came(struct vmb_channel *channel)
{
	return channel->operations->scheduled(channel) ||
	       work_pending(&channel->inbound.work);
}

/*
 * Packets in the ring, packet objects to read them into, and the reader has not
 * moved: kick it, once until it moves. Completions need no packet object: a drain
 * that had none has left none of them, unless data is in front, or one is longer than
 * there is room for.
 */
static void vmb_watchdog_poll_inbound(struct vmb_channel *channel)
{
	struct vmb_watchdog *watchdog = &channel->watchdog;
	struct vmb_inbound *inbound = &channel->inbound;
	u32 read_index = READ_ONCE(inbound->reader.read_index);
	bool moved = read_index != watchdog->seen_read_index ||
		     READ_ONCE(inbound->delivered) != watchdog->seen_delivered;

	watchdog->seen_read_index = read_index;
	watchdog->seen_delivered = READ_ONCE(inbound->delivered);
	if (moved || !vmb_ring_reader_has_data(&inbound->reader) ||
	    !(vmb_inbound_mode(inbound) & VMB_DRAIN_READS) ||
	    test_bit(VMB_INBOUND_DRAINING, &inbound->flags) ||
	    test_bit(VMB_INBOUND_BLOCKED, &inbound->flags) ||
	    test_bit(VMB_INBOUND_NO_ROOM, &inbound->flags) ||
	    READ_ONCE(inbound->batch.starved)) {
		watchdog->inbound_seen_waiting = false;
		watchdog->inbound_kicked = false;
		return;
	}
	/* What came in just now may have its signal still on the way. */
	if (!watchdog->inbound_seen_waiting) {
		watchdog->inbound_seen_waiting = true;
		return;
	}
	if (watchdog->inbound_kicked || vmb_watchdog_signal_came(channel))
		return;
	watchdog->inbound_kicked = true;
	vmb_watchdog_stalled(channel, false);
	channel->operations->schedule(channel);
}

/*
 * There is as much room as the peer was to send a signal for. Returns after how many
 * looks it is used unsignalled, 0: there is none. A peer that does not know how to tell
 * is not waited for.
 */
static u32 vmb_watchdog_room_was_awaited(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	struct vmb_ring_writer *writer = &outbound->writer;
	bool awaited = false, tells = false;

	spin_lock_irq(&outbound->lock);
	/* A drain that is running has the writer. */
	if (outbound->open && !outbound->batching && writer->pending_send_size) {
		awaited = vmb_ring_writer_free(writer) > writer->pending_send_size;
		tells = vmb_ring_features(&writer->ring) &
			VMB_WIRE_FEATURE_PENDING_SEND_SIZE;
		/* A flush would take it for known. */
		if (vmb_ring_writer_is_lost(writer))
			vmb_outbound_lost(channel);
	}
	spin_unlock_irq(&outbound->lock);
	if (!awaited)
		return 0;
	return tells ? VMB_WATCH_LOOKS : VMB_WATCH_LOOKS - 1;
}

/*
 * Completions wait for room. Trying costs the peer nothing, so it is done at
 * every look; but room that there is just now may have its signal still on the
 * way, be it that a CPU of this VM has to wait for one of the host's. If that is
 * so for some looks it is used, and if no signal has come by then, nobody has told us
 * of it.
 */
static void vmb_watchdog_poll_outbound(struct vmb_channel *channel)
{
	struct vmb_watchdog *watchdog = &channel->watchdog;
	u64 progress = READ_ONCE(channel->outbound.progress);
	bool waits = progress == watchdog->seen_progress &&
		     !vmb_outbound_queue_is_empty(channel);
	u32 looks = waits ? vmb_watchdog_room_was_awaited(channel) : 0;
	bool untold = looks && !watchdog->late && !channel->operations->scheduled(channel);

	watchdog->outbound_seen_room = looks ? watchdog->outbound_seen_room + 1 : 0;
	if (waits && watchdog->outbound_seen_room >= looks) {
		vmb_outbound_flush(channel);
		if (untold && READ_ONCE(channel->outbound.progress) != progress)
			vmb_watchdog_stalled(channel, true);
		watchdog->outbound_seen_room = 0;
	}
	watchdog->seen_progress = READ_ONCE(channel->outbound.progress);
}

/* One look at both directions of an open channel. */
void vmb_watchdog_poll(struct vmb_channel *channel)
{
	vmb_watchdog_poll_inbound(channel);
	vmb_watchdog_poll_outbound(channel);
}

/* What is there to look after? */
static enum vmb_watch vmb_watchdog_next(struct vmb_channel *channel)
{
	const struct vmb_watchdog *watchdog = &channel->watchdog;
	const struct vmb_counters *counters = &channel->counters;

	lockdep_assert_held(&channel->outbound.lock);
	if (!list_empty(&channel->outbound.queue) ||
	    (watchdog->inbound_seen_waiting && !watchdog->inbound_kicked))
		return VMB_WATCH_ROOM;
	return counters->sends == counters->sends_completed + counters->sends_failed ?
	       VMB_WATCH_NOTHING : VMB_WATCH_ANSWERS;
}

/* Run the timer for what there is. */
static void vmb_watchdog_go_on(struct vmb_channel *channel, bool moved)
{
	struct vmb_watchdog *watchdog = &channel->watchdog;
	struct vmb_outbound *outbound = &channel->outbound;
	enum vmb_watch next;

	lockdep_assert_held(&outbound->lock);
	next = vmb_watchdog_next(channel);
	watchdog->period = next != VMB_WATCH_ANSWERS || moved ? VMB_WATCH_PERIOD_MS :
			   min(2 * watchdog->period, VMB_WATCHDOG_IDLE_MS);
	outbound->watch = VMB_WATCH_NOTHING;
	vmb_outbound_watch(channel, next);
}

static enum hrtimer_restart vmb_watchdog_due(struct hrtimer *timer)
{
	struct vmb_channel *channel = container_of(timer, struct vmb_channel,
						   watchdog.timer);
	struct vmb_watchdog *watchdog = &channel->watchdog;
	u32 read_index = watchdog->seen_read_index;

	if (READ_ONCE(watchdog->stopped))
		return HRTIMER_NORESTART;
	watchdog->late = ktime_ms_delta(ktime_get(), hrtimer_get_expires(timer)) >=
			 VMB_WATCH_PERIOD_MS;
	/* The lock is held, so work is being done; do not wait for it in an interrupt. */
	if (spin_is_locked(&channel->outbound.lock)) {
		hrtimer_start(timer, ms_to_ktime(VMB_WATCH_PERIOD_MS),
			      HRTIMER_MODE_REL_SOFT);
		return HRTIMER_NORESTART;
	}
	if (time_after_eq(jiffies, watchdog->next_inbound)) {
		watchdog->next_inbound = vmb_watchdog_next_inbound();
		vmb_watchdog_poll_inbound(channel);
	}
	vmb_watchdog_poll_outbound(channel);
	spin_lock_irq(&channel->outbound.lock);
	vmb_watchdog_go_on(channel, read_index != watchdog->seen_read_index);
	spin_unlock_irq(&channel->outbound.lock);
	return HRTIMER_NORESTART;
}

/*
 * Packets that nobody waits for may have lost their signal, too. Finding some in the
 * ring does not tell that it was lost: the timer's next looks do.
 */
static void vmb_watchdog_idle(struct work_struct *work)
{
	struct vmb_channel *channel = container_of(to_delayed_work(work),
						   struct vmb_channel,
						   watchdog.idle);
	struct vmb_watchdog *watchdog = &channel->watchdog;
	struct vmb_inbound *inbound = &channel->inbound;

	spin_lock_irq(&channel->outbound.lock);
	if (channel->outbound.watch == VMB_WATCH_NOTHING &&
	    vmb_inbound_mode(inbound) & VMB_DRAIN_READS &&
	    vmb_ring_reader_has_data(&inbound->reader)) {
		watchdog->seen_read_index = READ_ONCE(inbound->reader.read_index);
		watchdog->seen_delivered = READ_ONCE(inbound->delivered);
		watchdog->inbound_seen_waiting = true;
		watchdog->next_inbound = vmb_watchdog_next_inbound();
		vmb_outbound_watch(channel, VMB_WATCH_ROOM);
	}
	spin_unlock_irq(&channel->outbound.lock);
	queue_delayed_work(vmb_workqueue, &watchdog->idle,
			   msecs_to_jiffies(VMB_WATCHDOG_IDLE_MS));
}

void vmb_watchdog_init(struct vmb_channel *channel)
{
	struct vmb_watchdog *watchdog = &channel->watchdog;

	watchdog->stopped = true;
	hrtimer_setup(&watchdog->timer, vmb_watchdog_due, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_SOFT);
	/* Deferrable: an idle CPU is not woken for it. */
	INIT_DEFERRABLE_WORK(&watchdog->idle, vmb_watchdog_idle);
}

/*
 * The rings are about to go. This takes no lock: a call that is just starting the timer
 * under the lock starts it for nothing, since @stopped is set. Process context.
 */
void vmb_watchdog_stop(struct vmb_channel *channel)
{
	struct vmb_watchdog *watchdog = &channel->watchdog;

	WRITE_ONCE(watchdog->stopped, true);
	cancel_delayed_work_sync(&watchdog->idle);
	hrtimer_cancel(&watchdog->timer);
}

/*
 * Rings are attached and packets may flow. If it runs, for a pause does not stop it,
 * it begins anew.
 */
void vmb_watchdog_start(struct vmb_channel *channel)
{
	struct vmb_watchdog *watchdog = &channel->watchdog;

	vmb_watchdog_stop(channel);
	/* A call that found it running before that has started the timer by now. */
	spin_lock_irq(&channel->outbound.lock);
	spin_unlock_irq(&channel->outbound.lock);
	hrtimer_cancel(&watchdog->timer);
	spin_lock_irq(&channel->outbound.lock);
	watchdog->seen_delivered = 0;
	watchdog->seen_read_index = 0;
	watchdog->seen_progress = 0;
	watchdog->inbound_seen_waiting = false;
	watchdog->inbound_kicked = false;
	watchdog->outbound_seen_room = 0;
	watchdog->next_inbound = vmb_watchdog_next_inbound();
	WRITE_ONCE(watchdog->stopped, false);
	vmb_watchdog_go_on(channel, true);
	spin_unlock_irq(&channel->outbound.lock);
	queue_delayed_work(vmb_workqueue, &watchdog->idle,
			   msecs_to_jiffies(VMB_WATCHDOG_IDLE_MS));
}

/* The channel is about to be freed. */
void vmb_watchdog_destroy(struct vmb_watchdog *watchdog)
{
	hrtimer_cancel(&watchdog->timer);
}
