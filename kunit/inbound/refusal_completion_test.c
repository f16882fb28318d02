// SPDX-License-Identifier: GPL-2.0
/*
 * What completes a packet in the client's place: one that was refused, or that the
 * client completed with more than a completion holds.
 */
#include <kunit/test.h>
#include <linux/string.h>

#include "../fixtures/channel_fixture.h"

#define LARGEST		256u
#define ANSWER		24u
#define SEED		77u

static int refusal_completion_init(struct kunit *test)
{
	int ret = channel_fixture_init(test);

	if (!ret)
		channel_configure(test->priv, LARGEST, 17, 17);
	return ret;
}

static void set_answer(struct channel_fixture *fixture, u32 length)
{
	u8 *answer = kunit_kzalloc(fixture->test, length, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(fixture->test, answer);
	ring_image_fill(answer, SEED, length);
	KUNIT_ASSERT_EQ(fixture->test,
			vmb_channel_init_set_refusal_completion(fixture->channel, answer, length),
			0);
	/* It was copied. */
	memset(answer, 0xa5, length);
}

/* More payload than the channel takes. */
static void send_too_large(struct channel_fixture *fixture, u64 transaction_id)
{
	peer_send_inband(fixture, transaction_id, LARGEST + 8);
	KUNIT_EXPECT_EQ(fixture->test, fixture->packet_count, 0);
}

static void expect_answer(struct channel_fixture *fixture, u64 transaction_id, u32 length)
{
	struct peer_completion completion = {};
	struct kunit *test = fixture->test;

	KUNIT_ASSERT_TRUE(test, peer_receive(fixture, &completion));
	KUNIT_EXPECT_EQ(test, completion.type, 11);
	KUNIT_EXPECT_EQ(test, completion.transaction_id, transaction_id);
	KUNIT_EXPECT_EQ(test, completion.length, round_up(length, 8));
	KUNIT_EXPECT_TRUE(test, ring_image_is_filled(completion.payload, SEED, length));
}

/* Without the call it is empty, which some peers take for success. */
static void empty_without_it(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	send_too_large(fixture, 1);
	peer_expect_completion(fixture, 1, 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_empty, 1);
}

static void refused_packet(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	set_answer(fixture, ANSWER);
	channel_enable(fixture);
	send_too_large(fixture, 1);
	expect_answer(fixture, 1, ANSWER);
	/* External data is not allowed: refused by the channel, not by the reader. */
	peer_send(fixture, &(struct peer_packet) {
		.type = 9, .flags = 1, .transaction_id = 2, .payload = 8,
	});
	expect_answer(fixture, 2, ANSWER);
	/* A packet that wants no completion gets none. */
	peer_send(fixture, &(struct peer_packet) { .type = 6, .payload = LARGEST + 8 });
	peer_expect_nothing(fixture);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_empty, 2);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 0);
}

/* It finds no room, and waits like any other. */
static void refused_packet_waits(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i, queued;

	set_answer(fixture, LARGEST);
	channel_enable(fixture);
	for (i = 0; !fixture->channel->counters.completions_queued && i < 1000; i++) {
		send_too_large(fixture, i);
		queued = i;
	}
	KUNIT_ASSERT_EQ(test, fixture->channel->counters.completions_queued, 1);
	for (i = 0; i < queued; i++)
		expect_answer(fixture, i, LARGEST);
	peer_expect_nothing(fixture);
	if (peer_release(fixture))
		peer_signal(fixture);
	expect_answer(fixture, queued, LARGEST);
	peer_expect_nothing(fixture);
}

/* What the client cannot say ends as one that was refused. */
static void too_long_completion(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u8 *payload = kunit_kzalloc(test, LARGEST + 1, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, payload);
	set_answer(fixture, ANSWER);
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	peer_send_inband(fixture, 2, 8);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 1, payload, LARGEST + 1), -EMSGSIZE);
	expect_answer(fixture, 2, ANSWER);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, payload, U32_MAX), -EMSGSIZE);
	expect_answer(fixture, 1, ANSWER);
	/* Nothing is held, so nobody waits. */
	channel_disable(fixture);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completed, 2);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_empty, 0);
}

static void too_long_completion_inline(struct channel_fixture *fixture,
				       struct channel_packet *packet)
{
	packet->done = true;
	KUNIT_EXPECT_EQ(fixture->test,
			vmb_channel_packet_complete(packet->packet, NULL, LARGEST + 1), -EMSGSIZE);
}

static void too_long_completion_in_the_callback(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->process = too_long_completion_inline;
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	peer_expect_completion(fixture, 1, 0);
	peer_expect_nothing(fixture);
}

static void settings(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel *channel = fixture->channel;
	u8 byte = 1;

	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_refusal_completion(channel, NULL, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_refusal_completion(channel, &byte, U32_MAX),
			-EMSGSIZE);
	/* Which maximum counts is known when the channel is enabled. */
	set_answer(fixture, LARGEST + 1);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(channel), -EMSGSIZE);
	/* The last call counts, and none is none. */
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_refusal_completion(channel, NULL, 0), 0);
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_refusal_completion(channel, &byte, 1), -EBUSY);
	send_too_large(fixture, 1);
	peer_expect_completion(fixture, 1, 0);
}

static struct kunit_case refusal_completion_cases[] = {
	KUNIT_CASE(empty_without_it),
	KUNIT_CASE(refused_packet),
	KUNIT_CASE(refused_packet_waits),
	KUNIT_CASE(too_long_completion),
	KUNIT_CASE(too_long_completion_in_the_callback),
	KUNIT_CASE(settings),
	{}
};

static struct kunit_suite refusal_completion_suite = {
	.name = "vmbkmcl_refusal_completion",
	.init = refusal_completion_init,
	.exit = channel_fixture_exit,
	.test_cases = refusal_completion_cases,
};

kunit_test_suite(refusal_completion_suite);
