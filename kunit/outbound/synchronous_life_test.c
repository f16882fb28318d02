// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that wait for their answer while the channel goes, and where they
 * must not be made at all.
 */
#include <kunit/test.h>
#include <linux/delay.h>

#include "../fixtures/loopback_fixture.h"
#include "../fixtures/send_fixture.h"

#define FOREVER		MAX_SCHEDULE_TIMEOUT

static int synchronous_life_init(struct kunit *test)
{
	int ret = send_fixture_init(test);
	struct channel_fixture *fixture = test->priv;

	if (ret)
		return ret;
	channel_configure(fixture, 1024, 17, 17);
	return 0;
}

static int ask_forever(struct channel_fixture *fixture)
{
	return vmb_channel_send_synchronous_request(fixture->channel, NULL, 0, NULL, 0, WAIT,
						    NULL, NULL, FOREVER);
}

static int ask_without_answer(struct channel_fixture *fixture)
{
	return vmb_channel_send_synchronous_request(fixture->channel, NULL, 0, NULL, 0, 0,
						    NULL, NULL, FOREVER);
}

static int ask_without_time(struct channel_fixture *fixture)
{
	return vmb_channel_send_synchronous_request(fixture->channel, NULL, 0, NULL, 0, 0,
						    NULL, NULL, 0);
}

static void wait_for_request(struct channel_fixture *fixture)
{
	unsigned long end = jiffies + CHANNEL_FIXTURE_PATIENCE;

	while (!READ_ONCE(fixture->channel->counters.sends) && time_before(jiffies, end))
		usleep_range(100, 200);
	KUNIT_ASSERT_EQ(fixture->test, READ_ONCE(fixture->channel->counters.sends), 1);
}

static void expect_nothing_left(struct channel_fixture *fixture)
{
	KUNIT_EXPECT_EQ(fixture->test, fixture->channel->outbound.allocated, 0);
	KUNIT_EXPECT_EQ(fixture->test,
			vmb_transactions_taken(&fixture->channel->outbound.transactions),
			0);
	send_expect_balance(fixture, 1, 1);
}

static void disable_wakes(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	channel_help(fixture, ask_forever);
	wait_for_request(fixture);
	channel_disable(fixture);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), -ENODEV);
	expect_nothing_left(fixture);
	KUNIT_EXPECT_EQ(test, ask_forever(fixture), -ENODEV);
	KUNIT_EXPECT_EQ(test, ask_without_time(fixture), -ENODEV);
}

/* Held, for the channel never opens. */
static void disable_wakes_who_waits_for_the_open(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	send_wait_for_peer(fixture);
	channel_help(fixture, ask_without_answer);
	wait_for_request(fixture);
	channel_disable(fixture);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), -ENODEV);
	expect_nothing_left(fixture);
}

/* Nobody tells: the waiter finds out, soon, and closes the channel. */
static void peer_goes_silently(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	unsigned long began;

	channel_enable(fixture);
	channel_help(fixture, ask_forever);
	wait_for_request(fixture);
	msleep(20);
	began = jiffies;
	WRITE_ONCE(fixture->transport.gone, true);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), -ENODEV);
	/* 100 ms, and what a machine with two slow CPUs adds. */
	KUNIT_EXPECT_LT(test, jiffies_to_msecs(jiffies - began), 1000);
	channel_settle(fixture);
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
	KUNIT_EXPECT_EQ(test, fixture->log[fixture->log_count - 1].event, CLOSED);
	KUNIT_EXPECT_EQ(test, fixture->log[fixture->log_count - 1].detail,
			VMB_CHANNEL_STOP_PEER_GONE);
	expect_nothing_left(fixture);
}

static void framing_lost_wakes(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	channel_help(fixture, ask_forever);
	wait_for_request(fixture);
	peer_send(fixture, &(struct peer_packet) {
		.type = 6, .lie = true, .offset8 = 2, .length8 = 1000 });
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), -ENODEV);
	channel_settle(fixture);
	expect_nothing_left(fixture);
}

static void ask_in_states(struct channel_fixture *fixture, enum channel_event event)
{
	u32 *calls = sender_of(fixture)->private;

	if (event != OPENED && event != STARTED && event != SUSPEND && event != CLOSED)
		return;
	(*calls)++;
	KUNIT_EXPECT_EQ(fixture->test, ask_forever(fixture), -EDEADLK);
	KUNIT_EXPECT_EQ(fixture->test, ask_without_answer(fixture), -EDEADLK);
}

static void not_from_state_callbacks(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 calls = 0;

	sender_of(fixture)->private = &calls;
	fixture->on_state = ask_in_states;
	channel_enable(fixture);
	channel_disable(fixture);
	KUNIT_EXPECT_EQ(test, calls, 4);
	send_expect_balance(fixture, 0, 0);
	fixture->on_state = NULL;
}

static void ask_in_packet(struct channel_fixture *fixture, struct channel_packet *packet)
{
	KUNIT_EXPECT_EQ(fixture->test, ask_forever(fixture), -EDEADLK);
	/* That does not wait, so it may. */
	KUNIT_EXPECT_EQ(fixture->test, ask_without_time(fixture), 0);
	channel_complete_inline(fixture, packet);
}

static void not_from_process_packet(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->process = ask_in_packet;
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
	peer_expect_sent(fixture, 0, 0, 0);
	peer_expect_completion(fixture, 1, 0);
	peer_expect_nothing(fixture);
}

static void ask_when_started(struct channel_fixture *fixture, enum channel_event event)
{
	int *result = sender_of(fixture)->private;

	if (event == POST_STARTED)
		*result = ask_forever(fixture);
}

/* The worker is in post_started, and waits for the peer. */
static void enable_and_wait_for_request(struct channel_fixture *fixture, int *result)
{
	*result = 1;
	sender_of(fixture)->private = result;
	fixture->on_state = ask_when_started;
	KUNIT_ASSERT_EQ(fixture->test, vmb_channel_enable(fixture->channel), 0);
	wait_for_request(fixture);
	vmb_watchdog_stop(fixture->channel);
}

static void post_started_may(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	int result;

	enable_and_wait_for_request(fixture, &result);
	peer_answer(fixture, peer_expect_sent(fixture, 0, 0, WAIT), 0);
	channel_settle(fixture);
	KUNIT_EXPECT_EQ(test, result, 0);
	send_expect_balance(fixture, 1, 0);
}

/* Nobody but the worker that waits could close the channel. */
static void disabled_while_post_started_waits(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	int result;

	enable_and_wait_for_request(fixture, &result);
	channel_help(fixture, channel_help_disable);
	/* If it hangs, the answer lets it go. */
	if (!wait_for_completion_timeout(&fixture->helped, 2 * HZ)) {
		KUNIT_FAIL(test, "disable does not return");
		peer_answer(fixture, peer_expect_sent(fixture, 0, 0, WAIT), 0);
		KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
		return;
	}
	KUNIT_EXPECT_EQ(test, result, -ENODEV);
	expect_nothing_left(fixture);
}

static void framing_lost_while_post_started_waits(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 id;
	int result;

	enable_and_wait_for_request(fixture, &result);
	id = peer_expect_sent(fixture, 0, 0, WAIT);
	peer_send(fixture, &(struct peer_packet) {
		.type = 6, .lie = true, .offset8 = 2, .length8 = 1000 });
	channel_help(fixture, channel_help_disable);
	if (!wait_for_completion_timeout(&fixture->helped, 2 * HZ)) {
		KUNIT_FAIL(test, "the channel does not close");
		/* Nothing is read any more. */
		vmb_send_completed(fixture->channel, id, 0, NULL, 0);
		KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
		return;
	}
	KUNIT_EXPECT_EQ(test, result, -ENODEV);
	expect_nothing_left(fixture);
}

static void peer_goes_while_post_started_waits(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	int result;

	enable_and_wait_for_request(fixture, &result);
	WRITE_ONCE(fixture->transport.gone, true);
	channel_settle(fixture);
	KUNIT_EXPECT_EQ(test, result, -ENODEV);
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
	expect_nothing_left(fixture);
}

static void ask_twice_when_started(struct channel_fixture *fixture,
				   enum channel_event event)
{
	int *results = sender_of(fixture)->private;

	if (event != POST_STARTED)
		return;
	results[0] = ask_forever(fixture);
	results[1] = ask_forever(fixture);
}

/* Which of several the peer's fault comes upon is nothing that the client did. */
static void framing_lost_before_post_started_asks(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	int results[2] = { 1, 1 };

	sender_of(fixture)->private = results;
	fixture->on_state = ask_twice_when_started;
	KUNIT_ASSERT_EQ(fixture->test, vmb_channel_enable(fixture->channel), 0);
	wait_for_request(fixture);
	peer_send(fixture, &(struct peer_packet) {
		.type = 6, .lie = true, .offset8 = 2, .length8 = 1000 });
	channel_settle(fixture);
	KUNIT_EXPECT_EQ(test, results[0], -ENODEV);
	KUNIT_EXPECT_EQ(test, results[1], -ENODEV);
	expect_nothing_left(fixture);
}

/**
 * struct late - somebody who finds out that the peer has gone, and is late
 * @asked: it has, in the connection that was.
 * @go_on: there is a new one.
 * @first: it has not asked yet.
 */
struct late {
	struct completion asked;
	struct completion go_on;
	bool first;
};

static bool peer_gone_for_who_is_late(struct vmb_channel *channel)
{
	struct channel_fixture *fixture = vmb_channel_get_pointer(channel);
	struct late *late = sender_of(fixture)->private;

	if (current_work() != &fixture->helper || !late->first)
		return READ_ONCE(fixture->transport.gone);
	late->first = false;
	complete(&late->asked);
	wait_for_completion(&late->go_on);
	return true;
}

/* What it knows is of the connection that was. */
static void late_waiter_leaves_the_next_peer_alone(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct late late = { .first = true };

	init_completion(&late.asked);
	init_completion(&late.go_on);
	sender_of(fixture)->private = &late;
	send_change_transport(fixture)->peer_gone = peer_gone_for_who_is_late;
	channel_enable(fixture);
	channel_help(fixture, ask_forever);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&late.asked,
							  CHANNEL_FIXTURE_PATIENCE), 0);
	channel_disable(fixture);
	channel_enable(fixture);
	complete(&late.go_on);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), -ENODEV);
	channel_settle(fixture);
	KUNIT_EXPECT_EQ(test, fixture->channel->life.state, VMB_LIFE_OPEN);
	channel_disable(fixture);
}

static struct kunit_case synchronous_life_cases[] = {
	KUNIT_CASE(disable_wakes),
	KUNIT_CASE(disable_wakes_who_waits_for_the_open),
	KUNIT_CASE(peer_goes_silently),
	KUNIT_CASE(framing_lost_wakes),
	KUNIT_CASE(not_from_state_callbacks),
	KUNIT_CASE(not_from_process_packet),
	KUNIT_CASE(post_started_may),
	KUNIT_CASE(disabled_while_post_started_waits),
	KUNIT_CASE(framing_lost_while_post_started_waits),
	KUNIT_CASE(peer_goes_while_post_started_waits),
	KUNIT_CASE(framing_lost_before_post_started_asks),
	KUNIT_CASE(late_waiter_leaves_the_next_peer_alone),
	{}
};

static struct kunit_suite synchronous_life_suite = {
	.name = "vmbkmcl_synchronous_life",
	.init = synchronous_life_init,
	.exit = send_fixture_exit,
	.test_cases = synchronous_life_cases,
};

kunit_test_suite(synchronous_life_suite);

/* A server: it never waits. */

static int ask_on(struct loopback_end *end, u32 flags, long timeout)
{
	return vmb_channel_send_synchronous_request(end->channel, NULL, 0, NULL, 0, flags,
						    NULL, NULL, timeout);
}

static void server_does_not_wait(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type,
						      &loopback_instances[0]);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);

	loopback_enable(server);
	loopback_enable(client);
	loopback_expect(client, LOOPBACK_STARTED, 1);
	loopback_expect(server, LOOPBACK_STARTED, 1);
	KUNIT_EXPECT_EQ(test, ask_on(server, WAIT, FOREVER), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, ask_on(server, WAIT, HZ), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, ask_on(server, WAIT, 0), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, ask_on(server, 0, FOREVER), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, ask_on(server, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, ask_on(client, WAIT, FOREVER), 0);
	KUNIT_EXPECT_EQ(test, server->channel->counters.sends, 1);
}

static struct kunit_case synchronous_server_cases[] = {
	KUNIT_CASE(server_does_not_wait),
	{}
};

static struct kunit_suite synchronous_server_suite = {
	.name = "vmbkmcl_synchronous_server",
	.init = loopback_fixture_init,
	.exit = loopback_fixture_exit,
	.test_cases = synchronous_server_cases,
};

kunit_test_suite(synchronous_server_suite);
