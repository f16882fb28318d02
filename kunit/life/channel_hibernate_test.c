// SPDX-License-Identifier: GPL-2.0
/*
 * Hibernation: the channel is closed, and opened again when the VM resumes,
 * whatever its client was about.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/jiffies.h>

#include "life_race.h"

static int hibernate_init(struct kunit *test)
{
	int ret = send_fixture_init(test);
	struct channel_fixture *fixture = test->priv;

	if (ret)
		return ret;
	channel_configure(fixture, 1024, 17, 17);
	return 0;
}

static int hibernate(struct channel_fixture *fixture)
{
	return vmb_transport_device_pm_close(&fixture->transport.device);
}

static void resume(struct channel_fixture *fixture)
{
	vmb_transport_device_pm_resume(&fixture->transport.device);
	channel_settle(fixture);
	vmb_watchdog_stop(fixture->channel);
	memory_transport_run(&fixture->transport, fixture->channel);
}

static void hibernates_and_resumes(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	static const struct channel_entry expected[] = {
		{ TRANSPORT_OPEN, 0 },
		{ OPENED, 0 },
		{ STARTED, 0 },
		{ POST_STARTED, 0 },
		{ SUSPEND, VMB_CHANNEL_STOP_HIBERNATING },
		{ TRANSPORT_CLOSE, 0 },
		{ CLOSED, VMB_CHANNEL_STOP_HIBERNATING },
		{ TRANSPORT_OPEN, 0 },
		{ OPENED, 0 },
		{ STARTED, 0 },
		{ POST_STARTED, 0 },
		{ PACKET, 1 },
		{ PROCESSING_COMPLETE, 1 },
		{ SUSPEND, VMB_CHANNEL_STOP_DISABLED },
		{ TRANSPORT_CLOSE, 0 },
		{ CLOSED, VMB_CHANNEL_STOP_DISABLED },
	};

	fixture->process = channel_complete_inline;
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, hibernate(fixture), 0);
	KUNIT_EXPECT_EQ(test, fixture->transport.closes, 1);
	resume(fixture);
	peer_send_inband(fixture, 1, 8);
	peer_expect_completion(fixture, 1, 0);
	channel_disable(fixture);
	channel_expect_log(fixture, expected, ARRAY_SIZE(expected));
}

/* It stays paused. */
static void paused_before(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, vmb_channel_pause(fixture->channel), 0);
	KUNIT_EXPECT_EQ(test, hibernate(fixture), 0);
	resume(fixture);
	KUNIT_EXPECT_EQ(test, fixture->transport.opens, 2);
	peer_send_inband(fixture, 1, 8);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_start(fixture->channel), 0);
	channel_settle(fixture);
	vmb_watchdog_stop(fixture->channel);
	memory_transport_run(&fixture->transport, fixture->channel);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
	channel_complete(fixture, 0, NULL, 0);
}

static void disabled_before(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, hibernate(fixture), 0);
	resume(fixture);
	KUNIT_EXPECT_EQ(test, fixture->transport.opens, 0);
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, fixture->transport.opens, 1);
}

/*
 * By a client's work, which no freezer stops: the bus is suspended by then, and knows
 * nothing of a channel that is opened.
 */
static void enabled_meanwhile(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, hibernate(fixture), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(fixture->channel), 0);
	channel_settle(fixture);
	KUNIT_EXPECT_EQ(test, fixture->transport.opens, 0);
	resume(fixture);
	KUNIT_EXPECT_EQ(test, fixture->transport.opens, 1);
	peer_send_inband(fixture, 1, 8);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
	channel_complete(fixture, 0, NULL, 0);
}

/* Nor is it opened when it is disabled before the VM has resumed. */
static void enabled_and_disabled_meanwhile(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, hibernate(fixture), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(fixture->channel), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_disable(fixture->channel), 0);
	resume(fixture);
	KUNIT_EXPECT_EQ(test, fixture->transport.opens, 0);
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, fixture->transport.opens, 1);
}

/* It says so while the channel is being closed for that: of what was to close. */
static void peer_is_gone_when_closed(struct channel_fixture *fixture,
				     enum channel_event event)
{
	if (event == CLOSED)
		vmb_channel_peer_gone(fixture->channel);
}

static void peer_goes_meanwhile(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	static const struct channel_entry expected[] = {
		{ TRANSPORT_OPEN, 0 },
		{ OPENED, 0 },
		{ STARTED, 0 },
		{ POST_STARTED, 0 },
		{ SUSPEND, VMB_CHANNEL_STOP_HIBERNATING },
		{ TRANSPORT_CLOSE, 0 },
		{ CLOSED, VMB_CHANNEL_STOP_HIBERNATING },
		{ TRANSPORT_OPEN, 0 },
		{ OPENED, 0 },
		{ STARTED, 0 },
		{ POST_STARTED, 0 },
	};

	channel_enable(fixture);
	fixture->on_state = peer_is_gone_when_closed;
	KUNIT_EXPECT_EQ(test, hibernate(fixture), 0);
	fixture->on_state = NULL;
	channel_settle(fixture);
	KUNIT_EXPECT_FALSE(test, vmb_channel_is_configurable(fixture->channel));
	resume(fixture);
	channel_expect_log(fixture, expected, ARRAY_SIZE(expected));
}

static void offer_goes_when_closed(struct channel_fixture *fixture,
				   enum channel_event event)
{
	if (event == CLOSED)
		vmb_channel_offer_removing(fixture->channel);
}

/* But the bus waits for its word on an offer, and the VM's suspend for the bus. */
static void offer_is_removed_meanwhile(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_life *life = &fixture->channel->life;

	channel_enable(fixture);
	fixture->on_state = offer_goes_when_closed;
	KUNIT_EXPECT_EQ(test, hibernate(fixture), 0);
	fixture->on_state = NULL;
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&life->disabled, 5 * HZ), 0);
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
	resume(fixture);
	KUNIT_EXPECT_EQ(test, fixture->transport.opens, 1);
}

static void is_disabled_when_closed(struct channel_fixture *fixture,
				    enum channel_event event)
{
	unsigned long end = jiffies + CHANNEL_FIXTURE_PATIENCE;

	if (event != CLOSED)
		return;
	vmb_channel_peer_gone(fixture->channel);
	channel_help(fixture, channel_help_disable);
	while (READ_ONCE(fixture->channel->life.stop) != VMB_LIFE_STOP_DISABLE &&
	       time_before(jiffies, end))
		msleep(20);
}

/* And who disables it then means it. */
static void disabled_meanwhile(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	fixture->on_state = is_disabled_when_closed;
	KUNIT_EXPECT_EQ(test, hibernate(fixture), 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	fixture->on_state = NULL;
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
	resume(fixture);
	KUNIT_EXPECT_EQ(test, fixture->transport.opens, 1);
}

/* A frozen client's packet: nobody hears of its completion. */
static void client_holds_a_packet(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet_completion *held;

	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	held = fixture->packets[0].packet;
	KUNIT_EXPECT_EQ(test, hibernate(fixture), 0);
	resume(fixture);
	KUNIT_EXPECT_EQ(test, vmb_channel_packet_complete(held, NULL, 0), 0);
	peer_expect_nothing(fixture);
	peer_send_inband(fixture, 2, 8);
	KUNIT_ASSERT_EQ(test, fixture->packet_count, 1);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	peer_expect_completion(fixture, 2, 0);
	KUNIT_EXPECT_TRUE(test, vmb_outbound_client_is_done(fixture->channel));
}

/*
 * A thread that completes a packet has said so, and stands still before the
 * queue: what it goes on to write would have an id that the new peer never gave.
 */
static void completion_is_under_way(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet_completion *held;

	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	held = fixture->packets[0].packet;
	atomic_set(&held->state, VMB_PACKET_COMPLETED);
	KUNIT_EXPECT_EQ(test, hibernate(fixture), 0);
	resume(fixture);
	KUNIT_EXPECT_EQ(test, vmb_outbound_complete(held, NULL, 0,
						    &fixture->channel->counters.completed), 0);
	peer_expect_nothing(fixture);
	KUNIT_EXPECT_TRUE(test, vmb_outbound_client_is_done(fixture->channel));
}

/* What the peer has ends; what it has never seen waits, and goes out in order. */
static void what_the_client_sends(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	send_one(fixture, 0, 8, WAIT);
	KUNIT_EXPECT_EQ(test, hibernate(fixture), 0);
	send_expect_ends(fixture, 1);
	send_expect_end(fixture, 0, 0, -ENODEV);
	send_one(fixture, 1, 16, 0);
	send_one(fixture, 2, 24, 0);
	send_expect_ends(fixture, 1);
	resume(fixture);
	peer_expect_sent(fixture, 1, 16, 0);
	peer_expect_sent(fixture, 2, 24, 0);
	send_expect_ends(fixture, 3);
	send_expect_end(fixture, 1, 1, 0);
	send_expect_end(fixture, 2, 2, 0);
}

/* Also if the client itself does not want it again: disable waits as it says. */
static void opened_refuses_again(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	KUNIT_EXPECT_EQ(test, hibernate(fixture), 0);
	fixture->opened_error = -EPERM;
	vmb_transport_device_pm_resume(&fixture->transport.device);
	/* Disabled before, it would not be opened again. */
	ASSERT_SOON(test, READ_ONCE(fixture->transport.closes) == 2);
	channel_help(fixture, channel_help_disable);
	ASSERT_SOON(test, wq_has_sleeper(&fixture->channel->outbound.drained));
	KUNIT_EXPECT_FALSE(test, completion_done(&fixture->helped));
	KUNIT_EXPECT_NE(test, fixture->channel->pool.count, 0);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->pool.count, 0);
}

/* The packet object is the client's, whatever becomes of the channel. */
static void cannot_be_opened_again(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_life *life = &fixture->channel->life;

	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	KUNIT_EXPECT_EQ(test, hibernate(fixture), 0);
	fixture->transport.open_error = -EIO;
	vmb_transport_device_pm_resume(&fixture->transport.device);
	ASSERT_SOON(test, READ_ONCE(life->state) == VMB_LIFE_CLOSING);
	msleep(100);
	KUNIT_EXPECT_EQ(test, READ_ONCE(life->state), VMB_LIFE_CLOSING);
	KUNIT_EXPECT_NE(test, fixture->channel->pool.count, 0);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	channel_settle(fixture);
	KUNIT_EXPECT_EQ(test, READ_ONCE(life->state), VMB_LIFE_DISABLED);
	KUNIT_EXPECT_EQ(test, fixture->channel->pool.count, 0);
}

static int help_pause(struct channel_fixture *fixture)
{
	return vmb_channel_pause(fixture->channel);
}

/* A task frozen in the middle of a pause does not hold the VM up. */
static void client_stands_still_while_pausing(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	unsigned long begun = jiffies;

	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	channel_help(fixture, help_pause);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&fixture->suspended,
							  CHANNEL_FIXTURE_PATIENCE), 0);
	KUNIT_EXPECT_EQ(test, hibernate(fixture), 0);
	KUNIT_EXPECT_TRUE(test, time_before(jiffies, begun + 5 * HZ));
	KUNIT_EXPECT_EQ(test, fixture->transport.closes, 1);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	resume(fixture);
	KUNIT_EXPECT_EQ(test, fixture->transport.opens, 2);
}

/* Nor does one that is waited for since the peer has gone; but it is told. */
static void client_stands_still_while_closing(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	fixture->transport.gone = true;
	vmb_channel_peer_gone(fixture->channel);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&fixture->suspended,
							  CHANNEL_FIXTURE_PATIENCE), 0);
	KUNIT_EXPECT_EQ(test, hibernate(fixture), -EBUSY);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	channel_settle(fixture);
	KUNIT_EXPECT_EQ(test, fixture->transport.opens, 1);
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
}

/* Sends when it is too late, and waits for the end of that. */
static void waits_for_its_packet(struct channel_fixture *fixture,
				 enum channel_event event)
{
	struct sender *sender = sender_of(fixture);

	if (event != CLOSED)
		return;
	send_try(fixture, 0, 8, WAIT);
	wait_event_timeout(sender->ended, READ_ONCE(sender->end_count),
			   3 * CHANNEL_FIXTURE_PATIENCE);
}

/*
 * It would wait until the VM resumes, which does not hibernate before it has
 * quiesced: the packet ends, the VM does not hibernate, and all goes on.
 */
static void client_waits_for_a_held_packet(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 transaction_id;

	channel_enable(fixture);
	send_make(fixture, 0);
	fixture->on_state = waits_for_its_packet;
	KUNIT_EXPECT_EQ(test, hibernate(fixture), -EBUSY);
	fixture->on_state = NULL;
	send_expect_ends(fixture, 1);
	send_expect_end(fixture, 0, 0, -ENODEV);
	channel_settle(fixture);
	KUNIT_EXPECT_EQ(test, fixture->transport.opens, 2);
	send_one(fixture, 1, 8, WAIT);
	transaction_id = peer_expect_sent(fixture, 1, 8, VMB_WIRE_FLAG_COMPLETION_REQUESTED);
	peer_answer(fixture, transaction_id, 8);
	send_expect_answered(fixture, 1, 1, 8);
}

/* The same, and it does not resume: what the peer knows of is gone for good. */
static void vm_shuts_down(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	static const struct channel_entry expected[] = {
		{ TRANSPORT_OPEN, 0 },
		{ OPENED, 0 },
		{ STARTED, 0 },
		{ POST_STARTED, 0 },
		{ SUSPEND, VMB_CHANNEL_STOP_SHUTDOWN },
		{ TRANSPORT_CLOSE, 0 },
		{ CLOSED, VMB_CHANNEL_STOP_SHUTDOWN },
	};

	channel_enable(fixture);
	vmb_transport_device_shutdown(&fixture->transport.device);
	channel_settle(fixture);
	channel_expect_log(fixture, expected, ARRAY_SIZE(expected));
}

/* Sends in suspend, which is held; and wants to when nobody will resume. */
static void sends_to_the_end(struct channel_fixture *fixture, enum channel_event event)
{
	if (event == SUSPEND)
		send_one(fixture, 2, 8, 0);
	if (event != CLOSED)
		return;
	send_expect_ends(fixture, 3);
	KUNIT_EXPECT_EQ(fixture->test, send_try(fixture, 3, 8, 0), -ENODEV);
}

/* What it has sent ends, so that nobody waits for it in closed. */
static void shuts_down_with_packets(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	channel_enable(fixture);
	for (i = 2; i < 4; i++)
		send_make(fixture, i);
	send_one(fixture, 0, 8, WAIT);
	send_one(fixture, 1, 8, WAIT);
	fixture->on_state = sends_to_the_end;
	vmb_transport_device_shutdown(&fixture->transport.device);
	fixture->on_state = NULL;
	KUNIT_EXPECT_EQ(test, fixture->transport.closes, 1);
	send_expect_ends(fixture, 3);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, sender_of(fixture)->ends[i].status, -ENODEV);
	KUNIT_EXPECT_EQ(test, send_try(fixture, 3, 8, 0), -ENODEV);
}

/* It was waiting for its peer: nobody will come. */
static void shuts_down_before_the_open(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	unsigned long end = jiffies + CHANNEL_FIXTURE_PATIENCE;

	send_wait_for_peer(fixture);
	send_one(fixture, 0, 8, WAIT);
	vmb_transport_device_shutdown(&fixture->transport.device);
	while (!READ_ONCE(sender_of(fixture)->end_count) && time_before(jiffies, end))
		msleep(20);
	send_expect_ends(fixture, 1);
	send_expect_end(fixture, 0, 0, -ENODEV);
	KUNIT_EXPECT_EQ(test, send_try(fixture, 0, 8, 0), -ENODEV);
	vmb_channel_peer_arrived(fixture->channel);
	channel_settle(fixture);
	KUNIT_EXPECT_EQ(test, fixture->transport.opens, 0);
}

/* And a driver that resets its channel just then. */
static void nothing_is_enabled_after_that(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	channel_disable(fixture);
	vmb_transport_device_shutdown(&fixture->transport.device);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(fixture->channel), -ENODEV);
	KUNIT_EXPECT_EQ(test, fixture->transport.opens, 1);
}

static bool stays_in_suspend;

static void stands_still(struct channel_fixture *fixture, enum channel_event event)
{
	if (event == SUSPEND)
		wait_var_event(&stays_in_suspend, !READ_ONCE(stays_in_suspend));
}

/* A driver that never returns does not keep the VM running, or not for long. */
static void shuts_down_with_a_driver_that_does_not_quiesce(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	unsigned long begun = jiffies;

	channel_enable(fixture);
	WRITE_ONCE(stays_in_suspend, true);
	fixture->on_state = stands_still;
	vmb_transport_device_shutdown(&fixture->transport.device);
	KUNIT_EXPECT_LT(test, jiffies - begun, 25 * HZ);
	KUNIT_EXPECT_EQ(test, fixture->transport.closes, 0);
	WRITE_ONCE(stays_in_suspend, false);
	wake_up_var(&stays_in_suspend);
	channel_settle(fixture);
	KUNIT_EXPECT_EQ(test, fixture->transport.closes, 1);
}

static struct kunit_case hibernate_cases[] = {
	KUNIT_CASE(hibernates_and_resumes),
	KUNIT_CASE(paused_before),
	KUNIT_CASE(disabled_before),
	KUNIT_CASE(enabled_meanwhile),
	KUNIT_CASE(enabled_and_disabled_meanwhile),
	KUNIT_CASE(peer_goes_meanwhile),
	KUNIT_CASE(offer_is_removed_meanwhile),
	KUNIT_CASE(disabled_meanwhile),
	KUNIT_CASE(client_holds_a_packet),
	KUNIT_CASE(completion_is_under_way),
	KUNIT_CASE(what_the_client_sends),
	KUNIT_CASE(opened_refuses_again),
	KUNIT_CASE(cannot_be_opened_again),
	KUNIT_CASE(vm_shuts_down),
	KUNIT_CASE(shuts_down_with_packets),
	KUNIT_CASE(shuts_down_before_the_open),
	KUNIT_CASE(nothing_is_enabled_after_that),
	KUNIT_CASE_SLOW(shuts_down_with_a_driver_that_does_not_quiesce),
	KUNIT_CASE(client_stands_still_while_pausing),
	KUNIT_CASE_SLOW(client_stands_still_while_closing),
	KUNIT_CASE_SLOW(client_waits_for_a_held_packet),
	{}
};

static struct kunit_suite hibernate_suite = {
	.name = "vmbkmcl_channel_hibernate",
	.init = hibernate_init,
	.exit = send_fixture_exit,
	.test_cases = hibernate_cases,
};

kunit_test_suite(hibernate_suite);
