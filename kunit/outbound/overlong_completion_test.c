// SPDX-License-Identifier: GPL-2.0
/*
 * Completions that are longer than the client's maximum packet size, which does
 * not bind the peer: they come as they were sent, up to what the ring holds.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/string.h>

#include "../fixtures/send_fixture.h"

#define LARGEST		256u
#define RING		(16 * 4096u)
/* The ring is never filled to the last byte. */
#define LONGEST		(RING - AROUND - 8)

static int overlong_init(struct kunit *test)
{
	int ret = send_fixture_init(test);

	if (!ret)
		channel_configure(test->priv, LARGEST, 17, 17);
	return ret;
}

static void as_long_as_the_ring(struct kunit *test)
{
	const u32 lengths[] = { LARGEST, LARGEST + 8, 4096, LONGEST, 0, LONGEST - 8 };
	struct channel_fixture *fixture = test->priv;
	u32 i;

	channel_enable(fixture);
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		send_one(fixture, i, 8, WAIT);
		peer_answer(fixture, peer_expect_sent(fixture, i, 8, WAIT), lengths[i]);
		send_expect_answered(fixture, i, i, lengths[i]);
	}
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.refused, 0);
	send_expect_balance(fixture, ARRAY_SIZE(lengths), 0);
}

/* Packets are held to the maximum as before. */
static void packets_are_refused(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	peer_send_inband(fixture, 1, LARGEST + 8);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 0);
	peer_expect_completion(fixture, 1, 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->refusals[VMB_REFUSAL_PACKET_TOO_LARGE], 1);
	/* So is a completion that nobody waits for, whatever its length. */
	peer_answer(fixture, 5, LONGEST);
	KUNIT_EXPECT_EQ(test, fixture->channel->refusals[VMB_REFUSAL_COMPLETION_UNEXPECTED], 1);
	send_expect_ends(fixture, 0);
}

/* Every packet object is the client's, and the answer is long. */
static void with_nothing_to_read_into(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 id;

	channel_hold_at_most(fixture, 1);
	channel_enable(fixture);
	send_one(fixture, 0, 8, WAIT);
	id = peer_expect_sent(fixture, 0, 8, WAIT);
	peer_send_inband(fixture, 1, 8);
	peer_answer(fixture, id, 4096);
	send_expect_answered(fixture, 0, 0, 4096);
}

/**
 * struct question - a request that waits on a thread of its own
 * @answer: gets the answer.
 * @room: bytes of it.
 * @size: what the request said.
 */
struct question {
	u8 *answer;
	u32 room;
	u32 size;
};

static int ask(struct channel_fixture *fixture)
{
	struct question *question = sender_of(fixture)->private;

	question->size = question->room;
	return vmb_channel_send_synchronous_request(fixture->channel, NULL, 0, NULL, 0, WAIT,
						    question->answer, &question->size,
						    MAX_SCHEDULE_TIMEOUT);
}

static int answer_question(struct channel_fixture *fixture, u32 room, u32 length)
{
	struct question *question = sender_of(fixture)->private;
	unsigned long end = jiffies + CHANNEL_FIXTURE_PATIENCE;
	struct sent_packet sent = {};

	question->room = room;
	memset(question->answer, 0xa5, SEND_FIXTURE_BYTES);
	channel_help(fixture, ask);
	while (!peer_take(fixture, &sent) && time_before(jiffies, end))
		usleep_range(100, 200);
	KUNIT_ASSERT_NE(fixture->test, sent.transaction_id, 0);
	peer_answer(fixture, sent.transaction_id, length);
	return channel_wait_for_help(fixture);
}

static void synchronous_request(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct question question = {
		.answer = kunit_kzalloc(test, SEND_FIXTURE_BYTES, GFP_KERNEL),
	};

	KUNIT_ASSERT_NOT_NULL(test, question.answer);
	sender_of(fixture)->private = &question;
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, answer_question(fixture, 8192, 4096), 0);
	KUNIT_EXPECT_EQ(test, question.size, 4096);
	KUNIT_EXPECT_TRUE(test, ring_image_is_filled(question.answer, (u8)4096, 4096));
	KUNIT_EXPECT_EQ(test, question.answer[4096], 0xa5);
	/* What does not fit is told, and how much it was. */
	KUNIT_EXPECT_EQ(test, answer_question(fixture, 512, 4096), -EOVERFLOW);
	KUNIT_EXPECT_EQ(test, question.size, 4096);
	KUNIT_EXPECT_TRUE(test, ring_image_is_filled(question.answer, (u8)4096, 512));
	KUNIT_EXPECT_EQ(test, question.answer[512], 0xa5);
	/* A caller that has far more room than there can be an answer. */
	KUNIT_EXPECT_EQ(test, answer_question(fixture, U32_MAX - 7, 16), 0);
	KUNIT_EXPECT_EQ(test, question.size, 16);
}

static struct kunit_case overlong_completion_cases[] = {
	KUNIT_CASE(as_long_as_the_ring),
	KUNIT_CASE(packets_are_refused),
	KUNIT_CASE(with_nothing_to_read_into),
	KUNIT_CASE(synchronous_request),
	{}
};

static struct kunit_suite overlong_completion_suite = {
	.name = "vmbkmcl_overlong_completion",
	.init = overlong_init,
	.exit = send_fixture_exit,
	.test_cases = overlong_completion_cases,
};

kunit_test_suite(overlong_completion_suite);
