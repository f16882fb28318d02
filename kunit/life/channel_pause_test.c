// SPDX-License-Identifier: GPL-2.0
/*
 * Start and pause: the half of a channel's life that is its own end's business.
 */
#include <kunit/test.h>
#include <linux/delay.h>

#include "../fixtures/loopback_fixture.h"
#include "../fixtures/send_fixture.h"

static int pause_init(struct kunit *test)
{
	int ret = send_fixture_init(test);
	struct channel_fixture *fixture = test->priv;

	if (ret)
		return ret;
	channel_configure(fixture, 1024, 17, 17);
	return 0;
}

static void start(struct channel_fixture *fixture)
{
	KUNIT_ASSERT_EQ(fixture->test, vmb_channel_start(fixture->channel), 0);
	channel_settle(fixture);
	vmb_watchdog_stop(fixture->channel);
	memory_transport_run(&fixture->transport, fixture->channel);
}

static void callbacks_in_order(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	static const struct channel_entry expected[] = {
		{ TRANSPORT_OPEN, 0 },
		{ OPENED, 0 },
		{ STARTED, 0 },
		{ POST_STARTED, 0 },
		{ SUSPEND, VMB_CHANNEL_STOP_PAUSED },
		{ STARTED, 0 },
		{ POST_STARTED, 0 },
		{ SUSPEND, VMB_CHANNEL_STOP_PAUSED },
		/* Suspended already. */
		{ TRANSPORT_CLOSE, 0 },
		{ CLOSED, VMB_CHANNEL_STOP_DISABLED },
	};

	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, vmb_channel_pause(fixture->channel), 0);
	/* What is so already stays so. */
	KUNIT_EXPECT_EQ(test, vmb_channel_pause(fixture->channel), 0);
	start(fixture);
	start(fixture);
	KUNIT_EXPECT_EQ(test, vmb_channel_pause(fixture->channel), 0);
	channel_disable(fixture);
	channel_expect_log(fixture, expected, ARRAY_SIZE(expected));
}

static void nothing_arrives_while_paused(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->process = channel_complete_inline;
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	KUNIT_EXPECT_EQ(test, vmb_channel_pause(fixture->channel), 0);
	peer_send_inband(fixture, 2, 8);
	peer_send_inband(fixture, 3, 8);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
	start(fixture);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 3);
	peer_expect_completion(fixture, 1, 0);
	peer_expect_completion(fixture, 2, 0);
	peer_expect_completion(fixture, 3, 0);
}

static int help_pause(struct channel_fixture *fixture)
{
	return vmb_channel_pause(fixture->channel);
}

static void wait_for_suspend(struct channel_fixture *fixture)
{
	KUNIT_ASSERT_NE(fixture->test,
			wait_for_completion_timeout(&fixture->suspended,
						    CHANNEL_FIXTURE_PATIENCE), 0);
}

static void pause_waits_for_packets(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	channel_enable(fixture);
	for (i = 0; i < 3; i++)
		peer_send_inband(fixture, i, 8);
	channel_help(fixture, help_pause);
	wait_for_suspend(fixture);
	for (i = 0; i < 3; i++) {
		msleep(20);
		KUNIT_EXPECT_FALSE(test, completion_done(&fixture->helped));
		/* Nobody may start what is being paused. */
		KUNIT_EXPECT_EQ(test, vmb_channel_start(fixture->channel), -EBUSY);
		KUNIT_EXPECT_EQ(test, channel_complete(fixture, i, NULL, 0), 0);
	}
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	for (i = 0; i < 3; i++)
		peer_expect_completion(fixture, i, 0);
	start(fixture);
	peer_send_inband(fixture, 3, 8);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 4);
}

/* The close takes over, and pause returns. */
static void close_while_pausing(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	static const struct channel_entry expected[] = {
		{ TRANSPORT_OPEN, 0 },
		{ OPENED, 0 },
		{ STARTED, 0 },
		{ POST_STARTED, 0 },
		{ PACKET, 0 },
		{ PROCESSING_COMPLETE, 1 },
		{ SUSPEND, VMB_CHANNEL_STOP_PAUSED },
		{ TRANSPORT_CLOSE, 0 },
		{ CLOSED, VMB_CHANNEL_STOP_PEER_GONE },
	};

	channel_enable(fixture);
	peer_send_inband(fixture, 0, 8);
	channel_help(fixture, help_pause);
	wait_for_suspend(fixture);
	fixture->transport.gone = true;
	vmb_channel_peer_gone(fixture->channel);
	msleep(20);
	/* It waits for the packet, as the pause does. */
	KUNIT_EXPECT_FALSE(test, completion_done(&fixture->helped));
	KUNIT_EXPECT_EQ(test, channel_log_find(fixture, CLOSED), U32_MAX);
	channel_complete(fixture, 0, NULL, 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	channel_settle(fixture);
	channel_expect_log(fixture, expected, ARRAY_SIZE(expected));
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
}

/* A pause that comes while the channel closes waits for the packet, too. */
static void pause_while_closing(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	peer_send_inband(fixture, 0, 8);
	fixture->transport.gone = true;
	vmb_channel_peer_gone(fixture->channel);
	wait_for_suspend(fixture);
	channel_help(fixture, help_pause);
	msleep(20);
	KUNIT_EXPECT_FALSE(test, completion_done(&fixture->helped));
	channel_complete(fixture, 0, NULL, 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	channel_settle(fixture);
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
	/* The next life of a client flows. */
	fixture->transport.gone = false;
	fixture->log_count = 0;
	channel_enable(fixture);
	KUNIT_EXPECT_NE(test, channel_log_find(fixture, STARTED), U32_MAX);
}

static void armed_while_disabled(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	static const struct channel_entry paused[] = {
		{ TRANSPORT_OPEN, 0 },
		{ OPENED, 0 },
	};
	static const struct channel_entry closed[] = {
		{ TRANSPORT_OPEN, 0 },
		{ OPENED, 0 },
		/* It never started, so what it gets here says it does not. */
		{ TRANSPORT_CLOSE, 0 },
		{ CLOSED, VMB_CHANNEL_STOP_DISABLED },
	};

	KUNIT_EXPECT_EQ(test, vmb_channel_start(fixture->channel), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_channel_pause(fixture->channel), 0);
	channel_enable(fixture);
	peer_send_inband(fixture, 0, 8);
	channel_expect_log(fixture, paused, ARRAY_SIZE(paused));
	channel_disable(fixture);
	channel_expect_log(fixture, closed, ARRAY_SIZE(closed));
	/* At the next enable only. */
	fixture->log_count = 0;
	channel_enable(fixture);
	KUNIT_EXPECT_NE(test, channel_log_find(fixture, POST_STARTED), U32_MAX);
	channel_disable(fixture);
	/* Started by hand. */
	KUNIT_EXPECT_EQ(test, vmb_channel_pause(fixture->channel), 0);
	fixture->log_count = 0;
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, channel_log_find(fixture, STARTED), U32_MAX);
	start(fixture);
	KUNIT_EXPECT_NE(test, channel_log_find(fixture, POST_STARTED), U32_MAX);
}

static void call_in_state(struct channel_fixture *fixture, enum channel_event event)
{
	u32 *calls = sender_of(fixture)->private;

	if (event != OPENED && event != STARTED && event != POST_STARTED &&
	    event != SUSPEND && event != CLOSED)
		return;
	(*calls)++;
	KUNIT_EXPECT_EQ(fixture->test, vmb_channel_pause(fixture->channel), -EDEADLK);
	KUNIT_EXPECT_EQ(fixture->test, vmb_channel_start(fixture->channel), -EDEADLK);
	KUNIT_EXPECT_EQ(fixture->test, vmb_channel_disable(fixture->channel), -EDEADLK);
}

static void not_from_state_callbacks(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 calls = 0;

	sender_of(fixture)->private = &calls;
	fixture->on_state = call_in_state;
	channel_enable(fixture);
	channel_disable(fixture);
	KUNIT_EXPECT_EQ(test, calls, 5);
	fixture->on_state = NULL;
}

/* Held while paused, in order; an answer to an earlier one waits, too. */
static void sends_while_paused(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 id;
	u32 i;

	channel_enable(fixture);
	send_one(fixture, 0, 8, WAIT);
	id = peer_expect_sent(fixture, 0, 8, WAIT);
	KUNIT_EXPECT_EQ(test, vmb_channel_pause(fixture->channel), 0);
	for (i = 1; i < 6; i++)
		send_one(fixture, i, 8 * i, i % 2 ? WAIT : 0);
	peer_answer(fixture, id, 8);
	/* The answer is heard, and what was sent since is held. */
	send_expect_ends(fixture, 1);
	send_expect_answered(fixture, 0, 0, 8);
	peer_expect_nothing(fixture);
	start(fixture);
	for (i = 1; i < 6; i++) {
		id = peer_expect_sent(fixture, i, 8 * i, i % 2 ? WAIT : 0);
		if (i % 2)
			peer_answer(fixture, id, 0);
	}
	/* What waits for nothing ends first: it is in the ring with the start. */
	send_expect_end(fixture, 1, 2, 0);
	send_expect_end(fixture, 2, 4, 0);
	send_expect_end(fixture, 3, 1, 0);
	send_expect_end(fixture, 4, 3, 0);
	send_expect_end(fixture, 5, 5, 0);
	send_expect_balance(fixture, 6, 0);
}

static void sends_of_a_pause_without_a_start(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, vmb_channel_pause(fixture->channel), 0);
	send_one(fixture, 0, 8, WAIT);
	send_one(fixture, 1, 8, 0);
	channel_disable(fixture);
	send_expect_end(fixture, 0, 0, -ENODEV);
	send_expect_end(fixture, 1, 1, -ENODEV);
	send_expect_ends(fixture, 2);
	send_expect_balance(fixture, 2, 2);
}

static struct kunit_case channel_pause_cases[] = {
	KUNIT_CASE(callbacks_in_order),
	KUNIT_CASE(nothing_arrives_while_paused),
	KUNIT_CASE(pause_waits_for_packets),
	KUNIT_CASE(close_while_pausing),
	KUNIT_CASE(pause_while_closing),
	KUNIT_CASE(armed_while_disabled),
	KUNIT_CASE(not_from_state_callbacks),
	KUNIT_CASE(sends_while_paused),
	KUNIT_CASE(sends_of_a_pause_without_a_start),
	{}
};

static struct kunit_suite channel_pause_suite = {
	.name = "vmbkmcl_channel_pause",
	.init = pause_init,
	.exit = send_fixture_exit,
	.test_cases = channel_pause_cases,
};

kunit_test_suite(channel_pause_suite);

/* A server, on loopback: its start is by hand. */

static void server_starts_by_hand(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type,
						      &loopback_instances[0]);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);

	KUNIT_ASSERT_EQ(test, vmb_channel_enable(server->channel), 0);
	loopback_enable(client);
	loopback_expect(client, LOOPBACK_STARTED, 1);
	loopback_settle(server);
	KUNIT_EXPECT_EQ(test, loopback_happened(server, LOOPBACK_OPENED), 1);
	KUNIT_EXPECT_EQ(test, loopback_happened(server, LOOPBACK_STARTED), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_start(server->channel), 0);
	loopback_expect(server, LOOPBACK_STARTED, 1);
	/* Once is enough for all clients that follow. */
	loopback_disable(client);
	loopback_enable(client);
	loopback_expect(server, LOOPBACK_STARTED, 2);
	loopback_expect(client, LOOPBACK_STARTED, 2);
	/* But not for the next enable. */
	loopback_disable(server);
	KUNIT_ASSERT_EQ(test, vmb_channel_enable(server->channel), 0);
	loopback_expect_disabled(client);
	loopback_enable(client);
	loopback_expect(client, LOOPBACK_STARTED, 3);
	loopback_settle(server);
	KUNIT_EXPECT_EQ(test, loopback_happened(server, LOOPBACK_STARTED), 2);
}

/* It stays paused from one client to the next. */
static void paused_server_gets_a_client(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type,
						      &loopback_instances[0]);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);

	loopback_enable(server);
	loopback_enable(client);
	loopback_expect(server, LOOPBACK_STARTED, 1);
	KUNIT_EXPECT_EQ(test, vmb_channel_pause(server->channel), 0);
	loopback_disable(client);
	loopback_enable(client);
	loopback_expect(server, LOOPBACK_OPENED, 2);
	loopback_settle(server);
	KUNIT_EXPECT_EQ(test, loopback_happened(server, LOOPBACK_STARTED), 1);
	KUNIT_EXPECT_EQ(test, vmb_channel_start(server->channel), 0);
	loopback_expect(server, LOOPBACK_STARTED, 2);
}

static struct kunit_case server_pause_cases[] = {
	KUNIT_CASE(server_starts_by_hand),
	KUNIT_CASE(paused_server_gets_a_client),
	{}
};

static struct kunit_suite server_pause_suite = {
	.name = "vmbkmcl_server_pause",
	.init = loopback_fixture_init,
	.exit = loopback_fixture_exit,
	.test_cases = server_pause_cases,
};

kunit_test_suite(server_pause_suite);
