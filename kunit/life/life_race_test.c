// SPDX-License-Identifier: GPL-2.0
/*
 * The races of a channel's end: completion against disable, rescind against
 * send, pause against a packet that is deferred. In each both parties are where
 * they meet; see life_race.h.
 */
#include <kunit/test.h>

#include "life_race.h"

/* Of a ring of one page: two do not fit together. */
#define LARGE		3000u

/* What racers run. */

static int complete_first(struct channel_fixture *fixture)
{
	return channel_complete(fixture, 0, NULL, 0);
}

static int disable(struct channel_fixture *fixture)
{
	return vmb_channel_disable(fixture->channel);
}

static int pause(struct channel_fixture *fixture)
{
	return vmb_channel_pause(fixture->channel);
}

static int rescind(struct channel_fixture *fixture)
{
	WRITE_ONCE(fixture->transport.gone, true);
	vmb_channel_peer_gone(fixture->channel);
	channel_settle(fixture);
	return 0;
}

static int send_waiting(struct channel_fixture *fixture)
{
	return send_try(fixture, 0, 8, WAIT);
}

static int send_not_waiting(struct channel_fixture *fixture)
{
	return send_try(fixture, 0, 8, 0);
}

static int make_room(struct channel_fixture *fixture)
{
	peer_make_room(fixture);
	return 0;
}

static int send_second_packet(struct channel_fixture *fixture)
{
	peer_send_inband(fixture, 2, 8);
	return 0;
}

static void expect_not(struct channel_fixture *fixture, enum channel_event event)
{
	KUNIT_EXPECT_EQ_MSG(fixture->test, channel_log_find(fixture, event), U32_MAX,
			    "event %u", event);
}

static void expect_completions(struct channel_fixture *fixture, u64 count)
{
	const struct vmb_counters *counters = &fixture->channel->counters;

	KUNIT_EXPECT_EQ(fixture->test, counters->completed, count);
	KUNIT_EXPECT_EQ(fixture->test, counters->completions_sent, count);
	KUNIT_EXPECT_EQ(fixture->test, counters->completions_dropped, 0);
	KUNIT_EXPECT_TRUE(fixture->test, vmb_channel_is_configurable(fixture->channel));
	KUNIT_EXPECT_EQ(fixture->test, fixture->channel->pool.count, 0);
}

/* Completion against disable. */

/* It has the transport in its hand: that is not closed under it. */
static void completion_in_the_signal(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	race_of(fixture)->until_asked = true;
	race_send_to(fixture, IN_SIGNAL, complete_first);
	race_run(fixture, OTHERS, disable);
	KUNIT_EXPECT_EQ(test, race_result(fixture, STILL), 0);
	KUNIT_EXPECT_EQ(test, race_result(fixture, OTHERS), 0);
	race_expect_met(fixture);
	expect_completions(fixture, 1);
}

/* Said, and not yet done: it counts when it is done. */
static void completion_before_the_queue(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	race_send_to(fixture, IN_COMPLETE, complete_first);
	race_run(fixture, OTHERS, disable);
	ASSERT_SOON(test, race_waits_for_the_driver(fixture));
	expect_not(fixture, TRANSPORT_CLOSE);
	race_go_on(fixture);
	KUNIT_EXPECT_EQ(test, race_result(fixture, STILL), 0);
	KUNIT_EXPECT_EQ(test, race_result(fixture, OTHERS), 0);
	race_expect_met(fixture);
	expect_completions(fixture, 1);
}

/* A drain has the ring: what others complete waits for it, and so does suspend. */
static void completion_while_a_packet_is_delivered(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	race_send_to(fixture, IN_PACKET, send_second_packet);
	race_run(fixture, OTHERS, disable);
	ASSERT_SOON(test, race_waits_for_the_drain(fixture));
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_queued, 1);
	/* The one whose callback is running, too. */
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 1, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_queued, 2);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_sent, 0);
	expect_not(fixture, SUSPEND);
	race_go_on(fixture);
	KUNIT_EXPECT_EQ(test, race_result(fixture, OTHERS), 0);
	race_result(fixture, STILL);
	race_expect_met(fixture);
	expect_completions(fixture, 2);
	/* With the batch, not with what a close does for what is left. */
	KUNIT_EXPECT_EQ(test, race_of(fixture)->sent_before_suspend, 2);
	KUNIT_EXPECT_GT(test, channel_log_find(fixture, SUSPEND),
			channel_log_find(fixture, PACKET_END));
}

/* The same with a callback that sleeps: nobody has the ring, all waits for it. */
static void completion_while_a_callback_sleeps(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	race_of(fixture)->sleeps = true;
	vmb_channel_set_incoming_processing_at_passive(fixture->channel, true);
	channel_enable(fixture);
	WRITE_ONCE(race_of(fixture)->place, IN_PACKET);
	peer_send_inband(fixture, 1, 8);
	ASSERT_SOON(test, READ_ONCE(race_of(fixture)->inside));
	race_run(fixture, OTHERS, disable);
	ASSERT_SOON(test, race_waits_for_the_drain(fixture));
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	peer_expect_completion(fixture, 1, 0);
	expect_not(fixture, SUSPEND);
	race_go_on(fixture);
	KUNIT_EXPECT_EQ(test, race_result(fixture, OTHERS), 0);
	race_expect_met(fixture);
	expect_completions(fixture, 1);
	KUNIT_EXPECT_EQ(test, race_of(fixture)->sent_before_suspend, 1);
	KUNIT_EXPECT_GT(test, channel_log_find(fixture, SUSPEND),
			channel_log_find(fixture, PACKET_END));
}

/* Rescind against send. */

/* The peer has it, or would have had it: it ends with the channel. */
static void send_in_the_signal(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	send_make(fixture, 0);
	channel_enable(fixture);
	race_of(fixture)->until_asked = true;
	race_send_to(fixture, IN_SIGNAL, send_waiting);
	race_run(fixture, OTHERS, rescind);
	KUNIT_EXPECT_EQ(test, race_result(fixture, STILL), 0);
	race_result(fixture, OTHERS);
	race_expect_met(fixture);
	send_expect_ends(fixture, 1);
	send_expect_end(fixture, 0, 0, -ENODEV);
	send_expect_balance(fixture, 1, 1);
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
}

/* It was in the ring, and that was all that it wanted. */
static void send_in_the_signal_that_waits_for_nothing(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	send_make(fixture, 0);
	channel_enable(fixture);
	race_of(fixture)->until_asked = true;
	race_send_to(fixture, IN_SIGNAL, send_not_waiting);
	race_run(fixture, OTHERS, rescind);
	KUNIT_EXPECT_EQ(test, race_result(fixture, STILL), 0);
	race_result(fixture, OTHERS);
	race_expect_met(fixture);
	send_expect_ends(fixture, 1);
	send_expect_end(fixture, 0, 0, 0);
	send_expect_balance(fixture, 1, 0);
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
}

/* Nobody waits for who has not been accepted; he is told when he comes. */
static void send_before_it_is_accepted(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	send_make(fixture, 0);
	channel_enable(fixture);
	race_send_to(fixture, IN_SEND, send_waiting);
	race_run(fixture, OTHERS, rescind);
	race_result(fixture, OTHERS);
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
	race_go_on(fixture);
	KUNIT_EXPECT_EQ(test, race_result(fixture, STILL), -ENODEV);
	race_expect_met(fixture);
	send_expect_ends(fixture, 0);
	send_expect_balance(fixture, 0, 0);
	/* It is the client's as before. */
	WRITE_ONCE(fixture->transport.gone, false);
	channel_enable(fixture);
	send_one(fixture, 0, 8, WAIT);
	peer_answer(fixture, peer_expect_sent(fixture, 0, 8, WAIT), 0);
	send_expect_ends(fixture, 1);
	send_expect_end(fixture, 0, 0, 0);
}

/* Some of the queue went out just now, some will never. */
static void queue_that_is_being_written(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct sender *sender = sender_of(fixture);
	unsigned long seen = 0;
	u32 i;

	channel_enable(fixture);
	for (i = 0; i < 3; i++)
		send_one(fixture, i, LARGE, WAIT);
	peer_expect_sent(fixture, 0, LARGE, WAIT);
	peer_expect_nothing(fixture);
	race_send_to(fixture, IN_SIGNAL, make_room);
	race_run(fixture, OTHERS, rescind);
	ASSERT_SOON(test, race_waits_for_the_drain(fixture));
	race_go_on(fixture);
	race_result(fixture, STILL);
	race_result(fixture, OTHERS);
	race_expect_met(fixture);
	KUNIT_ASSERT_EQ(test, sender->end_count, 3);
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, sender->ends[i].status, -ENODEV);
		KUNIT_EXPECT_FALSE(test, __test_and_set_bit(sender->ends[i].number, &seen));
	}
	send_expect_balance(fixture, 3, 3);
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
}

/* Held since before it was open, which it will never be for packets. */
static void held_while_it_opens(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	WRITE_ONCE(race_of(fixture)->place, IN_OPENED);
	KUNIT_ASSERT_EQ(test, vmb_channel_enable(fixture->channel), 0);
	ASSERT_SOON(test, READ_ONCE(race_of(fixture)->inside));
	send_one(fixture, 0, 8, WAIT);
	send_one(fixture, 1, 8, 0);
	WRITE_ONCE(fixture->transport.gone, true);
	vmb_channel_peer_gone(fixture->channel);
	send_expect_ends(fixture, 0);
	race_go_on(fixture);
	channel_settle(fixture);
	race_expect_met(fixture);
	expect_not(fixture, STARTED);
	send_expect_ends(fixture, 2);
	send_expect_end(fixture, 0, 0, -ENODEV);
	send_expect_end(fixture, 1, 1, -ENODEV);
	send_expect_balance(fixture, 2, 2);
	KUNIT_EXPECT_EQ(test, fixture->transport.signals, 0);
}

/* Pause against a packet that is deferred. */

/* Start, and let everybody do what there is to do. */
static void start(struct channel_fixture *fixture)
{
	u32 i;

	KUNIT_EXPECT_EQ(fixture->test, vmb_channel_start(fixture->channel), 0);
	channel_settle(fixture);
	vmb_watchdog_stop(fixture->channel);
	for (i = 0; i < 4; i++) {
		memory_transport_run(&fixture->transport, fixture->channel);
		flush_work(&fixture->channel->inbound.work);
	}
}

static void expect_deferred_until_started(struct channel_fixture *fixture, u32 calls)
{
	struct kunit *test = fixture->test;

	/* Nobody holds it, and nobody delivers it. */
	memory_transport_run(&fixture->transport, fixture->channel);
	flush_work(&fixture->channel->inbound.work);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, calls);
	KUNIT_EXPECT_TRUE(test, vmb_outbound_client_is_done(fixture->channel));
	KUNIT_EXPECT_GT(test, channel_log_find(fixture, SUSPEND),
			channel_log_find(fixture, PACKET_END));
	peer_expect_nothing(fixture);
	start(fixture);
	KUNIT_ASSERT_EQ(test, fixture->packet_count, calls + 1);
	KUNIT_EXPECT_EQ(test, fixture->packets[calls].transaction_id, 2);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, calls, NULL, 0), 0);
	peer_expect_completion(fixture, 2, 0);
	channel_disable(fixture);
	expect_completions(fixture, 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.received, 1);
}

static void defer_in_the_callback_that_pause_waits_for(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	race_of(fixture)->defer = 1;
	channel_enable(fixture);
	race_send_to(fixture, IN_PACKET, send_second_packet);
	race_run(fixture, OTHERS, pause);
	ASSERT_SOON(test, race_waits_for_the_drain(fixture));
	expect_not(fixture, SUSPEND);
	race_go_on(fixture);
	KUNIT_EXPECT_EQ(test, race_result(fixture, OTHERS), 0);
	race_result(fixture, STILL);
	race_expect_met(fixture);
	expect_deferred_until_started(fixture, 1);
}

/* The worker delivers it for the second time, and it is deferred once more. */
static void defer_again_while_pause_waits(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct race *race = race_of(fixture);

	race->defer = 2;
	channel_enable(fixture);
	race_send_to(fixture, IN_PACKET, send_second_packet);
	/* The first call goes on, into the worker, which stands still in the second. */
	disable_work_sync(&fixture->channel->inbound.work);
	race_go_on(fixture);
	race_result(fixture, STILL);
	KUNIT_ASSERT_EQ(test, fixture->packet_count, 1);
	WRITE_ONCE(race->go, false);
	race->sleeps = true;
	WRITE_ONCE(race->place, IN_PACKET);
	enable_work(&fixture->channel->inbound.work);
	peer_signal(fixture);
	ASSERT_SOON(test, READ_ONCE(race->inside));
	race_run(fixture, OTHERS, pause);
	ASSERT_SOON(test, race_waits_for_the_drain(fixture));
	expect_not(fixture, SUSPEND);
	race_go_on(fixture);
	KUNIT_EXPECT_EQ(test, race_result(fixture, OTHERS), 0);
	race_expect_met(fixture);
	expect_deferred_until_started(fixture, 2);
}

/* The worker delivers it for the second time, and keeps it: pause waits for that. */
static void kept_while_pause_waits(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct race *race = race_of(fixture);

	race->defer = 1;
	channel_enable(fixture);
	race_send_to(fixture, IN_PACKET, send_second_packet);
	disable_work_sync(&fixture->channel->inbound.work);
	race_go_on(fixture);
	race_result(fixture, STILL);
	WRITE_ONCE(race->go, false);
	race->sleeps = true;
	WRITE_ONCE(race->place, IN_PACKET);
	enable_work(&fixture->channel->inbound.work);
	peer_signal(fixture);
	ASSERT_SOON(test, READ_ONCE(race->inside));
	race_run(fixture, OTHERS, pause);
	ASSERT_SOON(test, race_waits_for_the_drain(fixture));
	race_go_on(fixture);
	ASSERT_SOON(test, race_waits_for_the_driver(fixture));
	KUNIT_EXPECT_EQ(test, READ_ONCE(fixture->channel->life.flow), VMB_FLOW_PAUSING);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 1, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, race_result(fixture, OTHERS), 0);
	race_expect_met(fixture);
	peer_expect_completion(fixture, 2, 0);
	channel_disable(fixture);
	expect_completions(fixture, 1);
}

/* And if the channel closes instead, nobody ever hears of it. */
static void defer_in_the_callback_that_disable_waits_for(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	race_of(fixture)->defer = 1;
	channel_enable(fixture);
	race_send_to(fixture, IN_PACKET, send_second_packet);
	race_run(fixture, OTHERS, disable);
	ASSERT_SOON(test, race_waits_for_the_drain(fixture));
	race_go_on(fixture);
	KUNIT_EXPECT_EQ(test, race_result(fixture, OTHERS), 0);
	race_result(fixture, STILL);
	race_expect_met(fixture);
	flush_work(&fixture->channel->inbound.work);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.discarded, 1);
	expect_completions(fixture, 0);
}

static struct kunit_case race_cases[] = {
	KUNIT_CASE(completion_in_the_signal),
	KUNIT_CASE(completion_before_the_queue),
	KUNIT_CASE(completion_while_a_packet_is_delivered),
	KUNIT_CASE(completion_while_a_callback_sleeps),
	KUNIT_CASE(send_in_the_signal),
	KUNIT_CASE(send_in_the_signal_that_waits_for_nothing),
	KUNIT_CASE(send_before_it_is_accepted),
	KUNIT_CASE(queue_that_is_being_written),
	KUNIT_CASE(held_while_it_opens),
	KUNIT_CASE(defer_in_the_callback_that_pause_waits_for),
	KUNIT_CASE(defer_again_while_pause_waits),
	KUNIT_CASE(kept_while_pause_waits),
	KUNIT_CASE(defer_in_the_callback_that_disable_waits_for),
	{}
};

static struct kunit_suite race_suite = {
	.name = "vmbkmcl_life_race",
	.init = race_init,
	.exit = race_exit,
	.test_cases = race_cases,
};

kunit_test_suite(race_suite);
