// SPDX-License-Identifier: GPL-2.0
/*
 * The stall watchdog: a peer that loses a signal does not leave the channel
 * standing. The tests look themselves, and the timer is stopped; but for those of
 * the timer.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/timer.h>

#include "../fixtures/channel_fixture.h"

#define LARGE		3000u

static const u8 payload[LARGE];

static int watchdog_init(struct kunit *test)
{
	int ret = channel_fixture_init(test);
	struct channel_fixture *fixture = test->priv;

	if (ret)
		return ret;
	channel_configure(fixture, LARGE, 17, CHANNEL_FIXTURE_SMALL);
	channel_hold_at_most(fixture, 8);
	channel_enable(fixture);
	return 0;
}

static void look(struct channel_fixture *fixture, u32 times)
{
	while (times--) {
		vmb_watchdog_poll(fixture->channel);
		memory_transport_run(&fixture->transport, fixture->channel);
	}
}

/* One completion fills the ring, another waits. */
static void fill(struct channel_fixture *fixture)
{
	u32 i;

	for (i = 0; i < 2; i++) {
		peer_send_inband(fixture, i, 8);
		KUNIT_EXPECT_EQ(fixture->test, channel_complete(fixture, i, payload, LARGE), 0);
	}
}

static void room_without_a_signal(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fill(fixture);
	look(fixture, 1);
	peer_expect_completion(fixture, 0, LARGE);
	peer_release(fixture);
	look(fixture, VMB_WATCH_LOOKS);
	peer_expect_completion(fixture, 1, LARGE);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.stalls, 1);
}

/* The looks may just have been quicker than the signal. */
static void room_of_just_now_is_no_stall(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fill(fixture);
	look(fixture, 1);
	peer_expect_completion(fixture, 0, LARGE);
	peer_release(fixture);
	look(fixture, VMB_WATCH_LOOKS - 1);
	peer_expect_nothing(fixture);
	peer_signal(fixture);
	peer_expect_completion(fixture, 1, LARGE);
	look(fixture, 5);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.stalls, 0);
}

/* The signal has come; what acts upon it waits for the CPU. The room is used for all that. */
static void room_whose_signal_came_is_no_stall(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	fill(fixture);
	look(fixture, 1);
	peer_expect_completion(fixture, 0, LARGE);
	peer_release(fixture);
	fixture->transport.scheduled = true;
	for (i = 0; i < VMB_WATCH_LOOKS; i++)
		vmb_watchdog_poll(fixture->channel);
	peer_expect_completion(fixture, 1, LARGE);
	look(fixture, 5);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.stalls, 0);
}

/* This VM did not get the CPU, nor perhaps did what the signal is for. */
static void late_look_finds_no_stall(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_watchdog *watchdog = &fixture->channel->watchdog;
	u32 i;

	fill(fixture);
	look(fixture, 1);
	peer_expect_completion(fixture, 0, LARGE);
	peer_release(fixture);
	for (i = 0; i < VMB_WATCH_LOOKS; i++) {
		hrtimer_set_expires(&watchdog->timer,
				    ktime_sub_ms(ktime_get(), 2 * VMB_WATCH_PERIOD_MS));
		WRITE_ONCE(watchdog->stopped, false);
		/* It sets itself anew, and a look of its own would not be late. */
		local_bh_disable();
		watchdog->timer.function(&watchdog->timer);
		local_bh_enable();
		vmb_watchdog_stop(fixture->channel);
	}
	peer_expect_completion(fixture, 1, LARGE);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.stalls, 0);
}

/* A peer that takes its time has not lost anything. */
static void full_ring_is_no_stall(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fill(fixture);
	look(fixture, 10);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.stalls, 0);
}

static void packets_without_a_signal(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	peer_put(fixture, &(struct peer_packet) { .type = 6, .transaction_id = 1 });
	peer_publish(fixture);
	look(fixture, 3);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.stalls, 1);
}

static void packets_whose_signal_came_are_no_stall(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	peer_put(fixture, &(struct peer_packet) { .type = 6, .transaction_id = 1 });
	peer_publish(fixture);
	fixture->transport.scheduled = true;
	for (i = 0; i < 5; i++)
		vmb_watchdog_poll(fixture->channel);
	look(fixture, 5);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.stalls, 0);
	/* And the next one is lost. */
	peer_put(fixture, &(struct peer_packet) { .type = 6, .transaction_id = 2 });
	peer_publish(fixture);
	look(fixture, 3);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 2);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.stalls, 1);
}

/* The first look may just have been quicker than the signal. */
static void one_look_is_no_stall(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	peer_put(fixture, &(struct peer_packet) { .type = 6, .transaction_id = 1 });
	peer_publish(fixture);
	look(fixture, 1);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.stalls, 0);
}

static void every_lost_signal_is_found(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	for (i = 1; i <= 3; i++) {
		peer_put(fixture, &(struct peer_packet) { .type = 6, .transaction_id = i });
		peer_publish(fixture);
		look(fixture, 4);
		KUNIT_EXPECT_EQ(test, fixture->packet_count, i);
		KUNIT_EXPECT_EQ(test, fixture->channel->counters.stalls, i);
	}
}

/* The client holds all packet objects: that is the client's doing. */
static void starved_ring_is_no_stall(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	for (i = 0; i < fixture->channel->pool.count + 1; i++)
		peer_put(fixture, &(struct peer_packet) { .type = 6, .transaction_id = i });
	peer_publish(fixture);
	peer_signal(fixture);
	look(fixture, 5);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.stalls, 0);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, fixture->channel->pool.count);
}

static void failed_queue_is_no_stall(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	peer_send_inband(fixture, 1, 8);
	fixture->packets[0].done = true;
	vmb_channel_packet_fail(fixture->packets[0].packet);
	peer_send_inband(fixture, 2, 8);
	look(fixture, 5);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.stalls, 0);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
}

static void idle_channel_is_no_stall(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->process = channel_complete_inline;
	look(fixture, 2);
	peer_send_inband(fixture, 1, 8);
	look(fixture, 5);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.stalls, 0);
}

static enum vmb_watch watched(struct channel_fixture *fixture)
{
	return READ_ONCE(fixture->channel->outbound.watch);
}

/* A channel on which nothing waits wakes no CPU, however long it is open. */
static void nothing_runs_while_nothing_waits(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_watchdog *watchdog = &fixture->channel->watchdog;

	fixture->process = channel_complete_inline;
	vmb_watchdog_start(fixture->channel);
	KUNIT_EXPECT_FALSE(test, hrtimer_active(&watchdog->timer));
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&watchdog->idle));
	KUNIT_EXPECT_TRUE(test, watchdog->idle.timer.flags & TIMER_DEFERRABLE);
	peer_send_inband(fixture, 1, 8);
	peer_expect_completion(fixture, 1, 0);
	KUNIT_EXPECT_FALSE(test, hrtimer_active(&watchdog->timer));
	KUNIT_EXPECT_EQ(test, watched(fixture), VMB_WATCH_NOTHING);
}

/* Whoever empties it tells the peer of that before the lock is free. */
static void expect_queue_empties(struct channel_fixture *fixture)
{
	struct vmb_outbound *outbound = &fixture->channel->outbound;
	unsigned long end = jiffies + CHANNEL_FIXTURE_PATIENCE;
	bool empty;

	do {
		usleep_range(100, 200);
		spin_lock_irq(&outbound->lock);
		empty = list_empty(&outbound->queue);
		spin_unlock_irq(&outbound->lock);
	} while (!empty && time_before(jiffies, end));
	KUNIT_EXPECT_TRUE(fixture->test, empty);
}

/* What waits is looked after at once, and so often that 20 ms are enough. */
static void timer_finds_room_without_a_signal(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel *channel = fixture->channel;
	unsigned long end = jiffies + CHANNEL_FIXTURE_PATIENCE;

	BUILD_BUG_ON(VMB_WATCH_LOOKS * VMB_WATCH_PERIOD_MS > 20);
	vmb_watchdog_start(channel);
	fill(fixture);
	KUNIT_EXPECT_EQ(test, watched(fixture), VMB_WATCH_ROOM);
	KUNIT_EXPECT_TRUE(test, hrtimer_active(&channel->watchdog.timer));
	KUNIT_EXPECT_LE(test,
			ktime_to_ms(hrtimer_get_expires(&channel->watchdog.timer) -
				    ktime_get()), VMB_WATCH_PERIOD_MS);
	peer_expect_completion(fixture, 0, LARGE);
	peer_release(fixture);
	expect_queue_empties(fixture);
	peer_expect_completion(fixture, 1, LARGE);
	/* On a slow machine the look that found it may have been late. */
	KUNIT_EXPECT_LE(test, READ_ONCE(channel->counters.stalls), 1);
	/* And then it ends. */
	while (watched(fixture) != VMB_WATCH_NOTHING && time_before(jiffies, end))
		usleep_range(100, 200);
	KUNIT_EXPECT_EQ(test, watched(fixture), VMB_WATCH_NOTHING);
	KUNIT_EXPECT_FALSE(test, hrtimer_active(&channel->watchdog.timer));
}

/* The signal that nobody waits for is not missed for ever. */
static void timer_finds_packets_without_a_signal(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel *channel = fixture->channel;
	unsigned long end = jiffies + CHANNEL_FIXTURE_PATIENCE;

	vmb_watchdog_start(channel);
	peer_put(fixture, &(struct peer_packet) { .type = 6, .transaction_id = 1 });
	peer_publish(fixture);
	while (!READ_ONCE(fixture->transport.scheduled) && time_before(jiffies, end))
		usleep_range(100, 200);
	memory_transport_run(&fixture->transport, channel);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
	KUNIT_EXPECT_EQ(test, channel->counters.stalls, 1);
}

static void stopped_timer_is_not_started(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	vmb_watchdog_start(fixture->channel);
	vmb_watchdog_stop(fixture->channel);
	fill(fixture);
	KUNIT_EXPECT_FALSE(test, hrtimer_active(&fixture->channel->watchdog.timer));
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&fixture->channel->watchdog.idle));
}

/* A pause stops what is delivered, not what is on its way out. */
static void paused_channel_is_looked_after(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel *channel = fixture->channel;
	unsigned long end = jiffies + CHANNEL_FIXTURE_PATIENCE;

	vmb_watchdog_start(channel);
	fill(fixture);
	KUNIT_EXPECT_EQ(test, vmb_channel_pause(channel), 0);
	peer_expect_completion(fixture, 0, LARGE);
	peer_release(fixture);
	expect_queue_empties(fixture);
	peer_expect_completion(fixture, 1, LARGE);
	while (watched(fixture) != VMB_WATCH_NOTHING && time_before(jiffies, end))
		usleep_range(100, 200);
	/* What is not to be delivered before the start is no reason to look often. */
	peer_send_inband(fixture, 2, 8);
	channel->watchdog.idle.work.func(&channel->watchdog.idle.work);
	KUNIT_EXPECT_EQ(test, watched(fixture), VMB_WATCH_NOTHING);
	/* And it is looked after once it runs again. */
	KUNIT_EXPECT_EQ(test, vmb_channel_start(channel), 0);
	flush_work(&channel->life.work);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&channel->watchdog.idle));
}

/* The VM wanted to hibernate, and does not. */
static void paused_channel_is_looked_after_again(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel *channel = fixture->channel;
	struct delayed_work *idle = &channel->watchdog.idle;

	vmb_watchdog_start(channel);
	KUNIT_EXPECT_EQ(test, vmb_channel_pause(channel), 0);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(idle));
	vmb_life_pm_quiesce(channel, VMB_CHANNEL_STOP_HIBERNATING);
	flush_work(&channel->life.work);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(idle));
	vmb_life_pm_resume(channel);
	flush_work(&channel->life.work);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(idle));
}

static int help_pause(struct channel_fixture *fixture)
{
	return vmb_channel_pause(fixture->channel);
}

/* The VM wanted to hibernate in the middle of a pause, and does not. */
static void pausing_channel_is_looked_after_again(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel *channel = fixture->channel;
	struct delayed_work *idle = &channel->watchdog.idle;

	vmb_watchdog_start(channel);
	peer_send_inband(fixture, 0, 8);
	channel_help(fixture, help_pause);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&fixture->suspended,
							  CHANNEL_FIXTURE_PATIENCE), 0);
	vmb_life_pm_quiesce(channel, VMB_CHANNEL_STOP_HIBERNATING);
	flush_work(&channel->life.work);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(idle));
	vmb_life_pm_resume(channel);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(idle));
}

static void nothing_to_do(struct vmb_packet *packet, void *context, int status,
			  const void *buffer, u32 length)
{
	complete(context);
}

/*
 * The same, and the ring was found empty then: what came since is a completion, and
 * the client may need it to give a packet back.
 */
static void starved_ring_that_was_empty(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet *packet = vmb_packet_allocate(fixture->channel);
	DECLARE_COMPLETION_ONSTACK(ended);
	struct peer_completion sent;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, packet);
	vmb_packet_set_completion_routine(packet, &ended, nothing_to_do);
	KUNIT_ASSERT_EQ(test, vmb_packet_send(packet, NULL, 0, NULL, 0,
					      VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION), 0);
	KUNIT_ASSERT_TRUE(test, peer_receive(fixture, &sent));
	for (i = 0; i < fixture->channel->pool.count; i++)
		peer_put(fixture, &(struct peer_packet) { .type = 6, .transaction_id = i });
	peer_publish(fixture);
	peer_signal(fixture);
	KUNIT_ASSERT_EQ(test, fixture->packet_count, fixture->channel->pool.count);
	KUNIT_ASSERT_NE(test, fixture->channel->outbound.starved, 0);
	peer_put(fixture, &(struct peer_packet) {
		.type = 11, .transaction_id = sent.transaction_id });
	peer_publish(fixture);
	look(fixture, 3);
	KUNIT_EXPECT_TRUE(test, completion_done(&ended));
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.stalls, 1);
	for (i = 0; i < fixture->packet_count; i++)
		channel_complete(fixture, i, NULL, 0);
	vmb_packet_free(packet);
}

/* A close that waits for the client looks after what waits for room. */
static void close_finds_room_without_a_signal(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fill(fixture);
	peer_send_inband(fixture, 2, 8);
	channel_help(fixture, channel_help_disable);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&fixture->suspended,
							  CHANNEL_FIXTURE_PATIENCE), 0);
	peer_expect_completion(fixture, 0, LARGE);
	peer_release(fixture);
	expect_queue_empties(fixture);
	peer_expect_completion(fixture, 1, LARGE);
	KUNIT_EXPECT_FALSE(test, completion_done(&fixture->helped));
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 2, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
}

static struct kunit_case channel_watchdog_cases[] = {
	KUNIT_CASE(room_without_a_signal),
	KUNIT_CASE(room_of_just_now_is_no_stall),
	KUNIT_CASE(room_whose_signal_came_is_no_stall),
	KUNIT_CASE(late_look_finds_no_stall),
	KUNIT_CASE(full_ring_is_no_stall),
	KUNIT_CASE(packets_without_a_signal),
	KUNIT_CASE(packets_whose_signal_came_are_no_stall),
	KUNIT_CASE(one_look_is_no_stall),
	KUNIT_CASE(every_lost_signal_is_found),
	KUNIT_CASE(starved_ring_is_no_stall),
	KUNIT_CASE(starved_ring_that_was_empty),
	KUNIT_CASE(failed_queue_is_no_stall),
	KUNIT_CASE(idle_channel_is_no_stall),
	KUNIT_CASE(nothing_runs_while_nothing_waits),
	KUNIT_CASE(timer_finds_room_without_a_signal),
	KUNIT_CASE(timer_finds_packets_without_a_signal),
	KUNIT_CASE(stopped_timer_is_not_started),
	KUNIT_CASE(close_finds_room_without_a_signal),
	KUNIT_CASE(paused_channel_is_looked_after),
	KUNIT_CASE(paused_channel_is_looked_after_again),
	KUNIT_CASE(pausing_channel_is_looked_after_again),
	{}
};

static struct kunit_suite channel_watchdog_suite = {
	.name = "vmbkmcl_channel_watchdog",
	.init = watchdog_init,
	.exit = channel_fixture_exit,
	.test_cases = channel_watchdog_cases,
};

kunit_test_suite(channel_watchdog_suite);
