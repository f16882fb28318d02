// SPDX-License-Identifier: GPL-2.0
/*
 * The maximum packet count bounds what waits for the peer's completions, and
 * nothing else: neither what is allocated, nor what the client may send.
 */
#include <kunit/test.h>

#include "../fixtures/send_fixture.h"

#define MOST		4u
#define AHEAD		300u
/* What a channel allows that was told nothing. */
#define DEFAULT_COUNT	256u

static int limit_init(struct kunit *test)
{
	int ret = send_fixture_init(test);
	struct channel_fixture *fixture = test->priv;

	if (ret)
		return ret;
	channel_configure(fixture, 256, 17, 17);
	return 0;
}

static void allow(struct channel_fixture *fixture, u32 count)
{
	KUNIT_ASSERT_EQ(fixture->test,
			vmb_channel_init_set_maximum_packet_count(fixture->channel, count), 0);
}

static void expect_taken(struct channel_fixture *fixture, u32 count)
{
	KUNIT_EXPECT_EQ(fixture->test,
			vmb_transactions_taken(&fixture->channel->outbound.transactions),
			count);
}

/* Hundreds are allocated ahead of use on a channel with defaults, and all are sent. */
static void allocated_ahead(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 *ids = kunit_kcalloc(test, AHEAD, sizeof(*ids), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, ids);
	for (i = 0; i < AHEAD; i++)
		send_make(fixture, i);
	channel_enable(fixture);
	for (i = 0; i < AHEAD; i++)
		send_one(fixture, i, 8, WAIT);
	for (i = 0; i < DEFAULT_COUNT; i++)
		ids[i] = peer_expect_sent(fixture, i, 8, WAIT);
	peer_expect_nothing(fixture);
	for (i = 0; i < AHEAD; i++) {
		peer_answer(fixture, ids[i], 8);
		if (i + DEFAULT_COUNT < AHEAD)
			ids[i + DEFAULT_COUNT] =
				peer_expect_sent(fixture, i + DEFAULT_COUNT, 8, WAIT);
		peer_expect_nothing(fixture);
	}
	for (i = 0; i < AHEAD; i++)
		send_expect_answered(fixture, i, i, 8);
	send_expect_balance(fixture, AHEAD, 0);
	expect_taken(fixture, 0);
}

/* Nothing that is sent later overtakes what is held, whether it waits or not. */
static void held_in_order(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 first, second;

	allow(fixture, 1);
	channel_enable(fixture);
	send_one(fixture, 0, 8, WAIT);
	send_one(fixture, 1, 8, WAIT);
	send_one(fixture, 2, 8, 0);
	send_one(fixture, 3, 8, WAIT);
	first = peer_expect_sent(fixture, 0, 8, WAIT);
	peer_expect_nothing(fixture);
	send_expect_ends(fixture, 0);
	peer_answer(fixture, first, 0);
	second = peer_expect_sent(fixture, 1, 8, WAIT);
	peer_expect_sent(fixture, 2, 8, 0);
	peer_expect_nothing(fixture);
	peer_answer(fixture, second, 0);
	peer_answer(fixture, peer_expect_sent(fixture, 3, 8, WAIT), 0);
	send_expect_end(fixture, 0, 0, 0);
	send_expect_end(fixture, 3, 3, 0);
	expect_taken(fixture, 0);
}

/*
 * Completions do, for the peer may hold back its own until it has them: two ends
 * that are both at their limit would wait for each other.
 */
static void completions_are_not_held(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 id;

	allow(fixture, 1);
	channel_enable(fixture);
	peer_send_inband(fixture, 1000, 8);
	send_one(fixture, 0, 8, WAIT);
	send_one(fixture, 1, 8, WAIT);
	id = peer_expect_sent(fixture, 0, 8, WAIT);
	channel_complete(fixture, 0, NULL, 0);
	peer_expect_completion(fixture, 1000, 0);
	peer_expect_nothing(fixture);
	peer_answer(fixture, id, 0);
	peer_answer(fixture, peer_expect_sent(fixture, 1, 8, WAIT), 0);
	send_expect_balance(fixture, 2, 0);
}

/* What was held before the channel ran goes out within the limit, too. */
static void held_before_start(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 ids[MOST];
	u32 i;

	allow(fixture, MOST);
	send_wait_for_peer(fixture);
	for (i = 0; i < MOST + 2; i++)
		send_one(fixture, i, 8, WAIT);
	expect_taken(fixture, 0);
	vmb_channel_peer_arrived(fixture->channel);
	channel_settle(fixture);
	vmb_watchdog_stop(fixture->channel);
	memory_transport_run(&fixture->transport, fixture->channel);
	for (i = 0; i < MOST; i++)
		ids[i] = peer_expect_sent(fixture, i, 8, WAIT);
	peer_expect_nothing(fixture);
	expect_taken(fixture, MOST);
	peer_answer(fixture, ids[0], 0);
	peer_answer(fixture, ids[1], 0);
	ids[0] = peer_expect_sent(fixture, MOST, 8, WAIT);
	ids[1] = peer_expect_sent(fixture, MOST + 1, 8, WAIT);
	for (i = 0; i < MOST; i++)
		peer_answer(fixture, ids[i], 0);
	send_expect_balance(fixture, MOST + 2, 0);
}

/* All of them end with the channel, and the places are free for its next life. */
static void held_when_the_channel_ends(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	allow(fixture, 2);
	channel_enable(fixture);
	for (i = 0; i < MOST; i++)
		send_one(fixture, i, 8, WAIT);
	channel_disable(fixture);
	send_expect_ends(fixture, MOST);
	send_expect_balance(fixture, MOST, MOST);
	expect_taken(fixture, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&fixture->channel->outbound.held));
}

static void sleeps_and_completes(struct vmb_channel *channel, void *context,
				 struct vmb_packet_completion *packet,
				 void *buffer, u32 length, u32 flags)
{
	vmb_channel_packet_complete(packet, NULL, 0);
}

/* A worker that reads completions has no batch at whose end they would go out. */
static void held_on_a_passive_channel(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 id;

	allow(fixture, 1);
	vmb_channel_init_set_process_packet_callbacks(fixture->channel, fixture,
						      sleeps_and_completes, NULL);
	vmb_channel_set_incoming_processing_at_passive(fixture->channel, true);
	channel_enable(fixture);
	send_one(fixture, 0, 8, WAIT);
	send_one(fixture, 1, 8, WAIT);
	id = peer_expect_sent(fixture, 0, 8, WAIT);
	peer_expect_nothing(fixture);
	peer_answer(fixture, id, 0);
	channel_settle_packets(fixture);
	peer_answer(fixture, peer_expect_sent(fixture, 1, 8, WAIT), 0);
	channel_settle_packets(fixture);
	send_expect_balance(fixture, 2, 0);
}

/* A request that will not wait is refused where others are held. */
static void no_time_to_be_held(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel *channel = fixture->channel;
	u64 id;

	allow(fixture, 1);
	channel_enable(fixture);
	send_one(fixture, 0, 8, WAIT);
	id = peer_expect_sent(fixture, 0, 8, WAIT);
	KUNIT_EXPECT_EQ(test, vmb_channel_send_synchronous_request(channel, NULL, 0, NULL, 0,
								   WAIT, NULL, NULL, 0), -EAGAIN);
	KUNIT_EXPECT_EQ(test, vmb_channel_send_synchronous_request(channel, NULL, 0, NULL, 0,
								   0, NULL, NULL, 0), 0);
	peer_expect_sent(fixture, 0, 0, 0);
	send_one(fixture, 1, 8, WAIT);
	KUNIT_EXPECT_EQ(test, vmb_channel_send_synchronous_request(channel, NULL, 0, NULL, 0,
								   0, NULL, NULL, 0), -EAGAIN);
	/* And one whose time is over does not keep those behind it. */
	KUNIT_EXPECT_EQ(test, vmb_channel_send_synchronous_request(channel, NULL, 0, NULL, 0,
								   WAIT, NULL, NULL, 1),
			-ETIMEDOUT);
	send_one(fixture, 2, 8, 0);
	peer_answer(fixture, id, 0);
	id = peer_expect_sent(fixture, 1, 8, WAIT);
	peer_expect_sent(fixture, 2, 8, 0);
	peer_answer(fixture, id, 0);
	peer_expect_nothing(fixture);
	expect_taken(fixture, 0);
}

static struct kunit_case send_limit_cases[] = {
	KUNIT_CASE(allocated_ahead),
	KUNIT_CASE(held_in_order),
	KUNIT_CASE(completions_are_not_held),
	KUNIT_CASE(held_before_start),
	KUNIT_CASE(held_when_the_channel_ends),
	KUNIT_CASE(held_on_a_passive_channel),
	KUNIT_CASE(no_time_to_be_held),
	{}
};

static struct kunit_suite send_limit_suite = {
	.name = "vmbkmcl_send_limit",
	.init = limit_init,
	.exit = send_fixture_exit,
	.test_cases = send_limit_cases,
};

kunit_test_suite(send_limit_suite);
