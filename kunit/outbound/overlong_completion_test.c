// SPDX-License-Identifier: GPL-2.0
/*
 * Completions that are longer than the client's maximum packet size, which does
 * not bind the peer: they come as they were sent, up to what the ring holds. Room for
 * them is made when there is a packet to send.
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

/* By the work that was queued for it. */
static void make_room(struct channel_fixture *fixture)
{
	struct vmb_inbound *inbound = &fixture->channel->inbound;

	mod_delayed_work(vmb_workqueue, &inbound->overlong_work, 0);
	flush_delayed_work(&inbound->overlong_work);
	KUNIT_ASSERT_NOT_NULL(fixture->test, inbound->overlong);
	memory_transport_run(&fixture->transport, fixture->channel);
}

/* As it was before, with the work not due for long. */
static void take_room(struct channel_fixture *fixture)
{
	struct vmb_inbound *inbound = &fixture->channel->inbound;
	void *buffer;

	cancel_delayed_work_sync(&inbound->overlong_work);
	spin_lock_irq(&fixture->channel->outbound.lock);
	buffer = inbound->overlong;
	inbound->overlong = NULL;
	inbound->reader.overlong = NULL;
	spin_unlock_irq(&fixture->channel->outbound.lock);
	kvfree(buffer);
	queue_delayed_work(vmb_workqueue, &inbound->overlong_work, 3600 * HZ);
}

/* Both are answered, the first with more than there is room for. */
static void answer_without_room(struct channel_fixture *fixture)
{
	u64 ids[2];
	u32 i;

	for (i = 0; i < 2; i++) {
		send_one(fixture, i, 8, WAIT);
		ids[i] = peer_expect_sent(fixture, i, 8, WAIT);
	}
	take_room(fixture);
	peer_answer(fixture, ids[0], 4096);
	peer_answer(fixture, ids[1], 16);
	send_expect_ends(fixture, 0);
}

static void expect_both_answered(struct channel_fixture *fixture)
{
	send_expect_answered(fixture, 0, 0, 4096);
	send_expect_answered(fixture, 1, 1, 16);
	KUNIT_EXPECT_EQ(fixture->test, fixture->channel->counters.refused, 0);
}

static void room_for_who_sends(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_inbound *inbound = &fixture->channel->inbound;

	fixture->process = channel_complete_inline;
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	peer_expect_completion(fixture, 1, 0);
	flush_delayed_work(&inbound->overlong_work);
	KUNIT_EXPECT_NULL(test, inbound->overlong);
	send_make(fixture, 0);
	flush_delayed_work(&inbound->overlong_work);
	KUNIT_EXPECT_NOT_NULL(test, inbound->overlong);
}

/* The packet is there before anybody knows how large the ring will be. */
static void packet_before_the_ring(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_inbound *inbound = &fixture->channel->inbound;

	send_make(fixture, 0);
	flush_delayed_work(&inbound->overlong_work);
	KUNIT_EXPECT_NULL(test, inbound->overlong);
	channel_enable(fixture);
	KUNIT_EXPECT_NOT_NULL(test, inbound->overlong);
}

/* Who says how many packets it holds gets on without memory from the open on. */
static void room_for_who_counts(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_hold_at_most(fixture, 4);
	channel_enable(fixture);
	KUNIT_EXPECT_NOT_NULL(test, fixture->channel->inbound.overlong);
}

/* A larger ring wants more of it, a smaller one has it. */
static void another_ring(struct kunit *test)
{
	const u32 pages[] = { 3, 17, 5 };
	struct channel_fixture *fixture = test->priv;
	u32 i, length;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		KUNIT_ASSERT_EQ(test, vmb_client_channel_init_set_ring_buffer_page_count
				(fixture->channel, pages[i], 17), 0);
		channel_enable(fixture);
		send_one(fixture, i, 8, WAIT);
		make_room(fixture);
		length = (pages[i] - 1) * 4096 - AROUND - 8;
		peer_answer(fixture, peer_expect_sent(fixture, i, 8, WAIT), length);
		send_expect_answered(fixture, i, i, length);
		channel_disable(fixture);
	}
}

/* What is behind it waits, too, and nobody takes that for a signal that was lost. */
static void waits_in_the_ring(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	channel_enable(fixture);
	answer_without_room(fixture);
	for (i = 0; i < 2 * VMB_WATCH_LOOKS; i++) {
		vmb_watchdog_poll(fixture->channel);
		memory_transport_run(&fixture->transport, fixture->channel);
	}
	send_expect_ends(fixture, 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.stalls, 0);
	/* For each of the two that came. */
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.starved, 2);
	make_room(fixture);
	expect_both_answered(fixture);
}

/* The client holds all packet objects: completions are read into the one in reserve. */
static void waits_while_starved(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_hold_at_most(fixture, 1);
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	answer_without_room(fixture);
	make_room(fixture);
	expect_both_answered(fixture);
}

static void waits_while_paused(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	answer_without_room(fixture);
	KUNIT_ASSERT_EQ(test, vmb_channel_pause(fixture->channel), 0);
	memory_transport_run(&fixture->transport, fixture->channel);
	send_expect_ends(fixture, 0);
	make_room(fixture);
	expect_both_answered(fixture);
}

/* The client completes what it holds when its external data is done with. */
static void complete_held(struct sender *sender, struct vmb_packet *packet,
			  const struct send_end *end)
{
	if (end->number == 2)
		channel_complete(sender->fixture, 0, NULL, 0);
}

/* Packet 2, with external data, and one of the peer's that is completed when it ends. */
static u64 hold_until_external_ends(struct channel_fixture *fixture)
{
	struct kunit *test = fixture->test;
	struct sent_packet sent = {};
	struct bio_vec vector;

	send_allow_external(fixture);
	sender_of(fixture)->on_end = complete_held;
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	bvec_set_page(&vector, send_pages(fixture, 0), PAGE_SIZE, 0);
	KUNIT_ASSERT_EQ(test, send_external(fixture, 2, &vector, 1, WAIT), 0);
	KUNIT_ASSERT_TRUE(test, peer_take(fixture, &sent));
	return sent.transaction_id;
}

/* A close that reads on, for completions of external data. */
static void close_reading(struct channel_fixture *fixture)
{
	unsigned long end = jiffies + CHANNEL_FIXTURE_PATIENCE;

	channel_help(fixture, channel_help_disable);
	while (vmb_life_state(fixture->channel) != VMB_LIFE_DISABLED &&
	       time_before(jiffies, end)) {
		memory_transport_run(&fixture->transport, fixture->channel);
		usleep_range(1000, 2000);
	}
	KUNIT_ASSERT_EQ(fixture->test, vmb_life_state(fixture->channel), VMB_LIFE_DISABLED);
	KUNIT_EXPECT_EQ(fixture->test, channel_wait_for_help(fixture), 0);
	KUNIT_EXPECT_EQ(fixture->test, fixture->channel->counters.leaked, 0);
}

/*
 * Nobody waits for room in order to close, though for the answer itself: before it the
 * peer may write to external data. The next open has room.
 */
static void closed_while_it_waits(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 id = hold_until_external_ends(fixture);

	answer_without_room(fixture);
	peer_answer(fixture, id, 8);
	close_reading(fixture);
	send_expect_end(fixture, 0, 0, -ENODEV);
	send_expect_end(fixture, 1, 1, -ENODEV);
	send_expect_answered(fixture, 2, 2, 8);
	sender_of(fixture)->on_end = NULL;
	channel_enable(fixture);
	KUNIT_EXPECT_NOT_NULL(test, fixture->channel->inbound.overlong);
	send_one(fixture, 2, 8, WAIT);
	peer_answer(fixture, peer_expect_sent(fixture, 2, 8, WAIT), 4096);
	send_expect_answered(fixture, 3, 2, 4096);
}

/* The same, and the long answer is that of the external data. */
static void closed_while_it_is_external(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 id = hold_until_external_ends(fixture);

	take_room(fixture);
	peer_answer(fixture, id, 4096);
	send_expect_ends(fixture, 0);
	close_reading(fixture);
	send_expect_end(fixture, 0, 2, -ENODEV);
}

static void as_long_as_the_ring(struct kunit *test)
{
	const u32 lengths[] = { LARGEST, LARGEST + 8, 4096, LONGEST, 0, LONGEST - 8 };
	struct channel_fixture *fixture = test->priv;
	u32 i;

	channel_enable(fixture);
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		send_one(fixture, i, 8, WAIT);
		make_room(fixture);
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
	flush_delayed_work(&fixture->channel->inbound.overlong_work);
	KUNIT_EXPECT_NULL(test, fixture->channel->inbound.overlong);
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
	make_room(fixture);
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
	make_room(fixture);
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
	KUNIT_CASE(room_for_who_sends),
	KUNIT_CASE(packet_before_the_ring),
	KUNIT_CASE(room_for_who_counts),
	KUNIT_CASE(another_ring),
	KUNIT_CASE(waits_in_the_ring),
	KUNIT_CASE(waits_while_starved),
	KUNIT_CASE(waits_while_paused),
	KUNIT_CASE(closed_while_it_waits),
	KUNIT_CASE(closed_while_it_is_external),
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
