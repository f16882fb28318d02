// SPDX-License-Identifier: GPL-2.0
/*
 * The stall watchdog: a peer that loses a signal does not leave the channel
 * standing. The tests look themselves; the timer is stopped.
 */
#include <kunit/test.h>

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
	channel_enable(fixture);
	return 0;
}

static void look(struct channel_fixture *fixture, u32 times)
{
	while (times--) {
		vmb_watchdog_look(fixture->channel);
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
	look(fixture, 2);
	peer_expect_completion(fixture, 1, LARGE);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.stalls, 1);
}

/* The look may just have been quicker than the signal. */
static void room_of_just_now_is_no_stall(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fill(fixture);
	look(fixture, 1);
	peer_expect_completion(fixture, 0, LARGE);
	peer_release(fixture);
	look(fixture, 1);
	peer_expect_nothing(fixture);
	peer_signal(fixture);
	peer_expect_completion(fixture, 1, LARGE);
	look(fixture, 5);
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

static struct kunit_case channel_watchdog_cases[] = {
	KUNIT_CASE(room_without_a_signal),
	KUNIT_CASE(room_of_just_now_is_no_stall),
	KUNIT_CASE(full_ring_is_no_stall),
	KUNIT_CASE(packets_without_a_signal),
	KUNIT_CASE(one_look_is_no_stall),
	KUNIT_CASE(every_lost_signal_is_found),
	KUNIT_CASE(starved_ring_is_no_stall),
	KUNIT_CASE(failed_queue_is_no_stall),
	KUNIT_CASE(idle_channel_is_no_stall),
	{}
};

static struct kunit_suite channel_watchdog_suite = {
	.name = "vmbkmcl_channel_watchdog",
	.init = watchdog_init,
	.exit = channel_fixture_exit,
	.test_cases = channel_watchdog_cases,
};

kunit_test_suite(channel_watchdog_suite);
