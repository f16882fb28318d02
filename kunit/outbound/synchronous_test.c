// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that wait for their answer: every form of waiting, and what comes of
 * those that gave up.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../fixtures/send_fixture.h"

/* Of a ring of one page: two do not fit together. */
#define LARGE		3000u
#define FOREVER		MAX_SCHEDULE_TIMEOUT
/* Long enough to be seen in flight, and over soon. */
#define BRIEF		(HZ / 5)

/**
 * struct request - what the other thread asks for; in &sender.private
 * @length: bytes of payload.
 * @vectors: external data, or NULL.
 * @flags: of the request.
 * @timeout: of the request, in jiffies.
 * @answer: to the request, with bytes that are nobody's behind it.
 * @room: bytes of @answer that it may use; then what the answer has.
 * @began: when it was called, in jiffies.
 * @ended: when it returned.
 * @go_on: lets the close go on.
 */
struct request {
	u32 length;
	struct bio_vec *vectors;
	u32 flags;
	long timeout;
	u8 answer[128];
	u32 room;
	unsigned long began;
	unsigned long ended;
	struct completion go_on;
};

static int synchronous_init(struct kunit *test)
{
	int ret = send_fixture_init(test);
	struct channel_fixture *fixture = test->priv;
	struct request *request;

	if (ret)
		return ret;
	channel_configure(fixture, 3064, 17, 2);
	send_allow_external(fixture);
	request = kunit_kzalloc(test, sizeof(*request), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, request);
	*request = (struct request) { .length = 8, .flags = WAIT, .timeout = FOREVER,
				      .room = 64 };
	memset(request->answer, 0xdb, sizeof(request->answer));
	init_completion(&request->go_on);
	sender_of(fixture)->private = request;
	return 0;
}

static struct request *request_of(struct channel_fixture *fixture)
{
	return sender_of(fixture)->private;
}

/* The request, on whatever thread. Payload as of packet 0. */
static int ask(struct channel_fixture *fixture)
{
	struct request *request = request_of(fixture);
	u8 *payload = kmalloc(LARGE, GFP_ATOMIC);
	int ret;

	if (!payload)
		return -ENOMEM;
	ring_image_fill(payload, 0, request->length);
	request->began = jiffies;
	ret = vmb_channel_send_synchronous_request(fixture->channel, payload, request->length,
						   request->vectors, !!request->vectors,
						   request->flags, request->answer,
						   &request->room, request->timeout);
	request->ended = jiffies;
	kfree(payload);
	return ret;
}

/* Until the other thread's request is counted. */
static void wait_for_request(struct channel_fixture *fixture, u64 sends)
{
	unsigned long end = jiffies + CHANNEL_FIXTURE_PATIENCE;

	while (READ_ONCE(fixture->channel->counters.sends) < sends &&
	       time_before(jiffies, end))
		usleep_range(100, 200);
	KUNIT_ASSERT_EQ(fixture->test, READ_ONCE(fixture->channel->counters.sends), sends);
}

/* Nothing of any request is left. */
static void expect_nothing_left(struct channel_fixture *fixture)
{
	struct kunit *test = fixture->test;

	KUNIT_EXPECT_EQ(test, fixture->channel->outbound.allocated, 0);
	KUNIT_EXPECT_EQ(test, vmb_transactions_taken(&fixture->channel->outbound.transactions), 0);
}

static void answered(struct kunit *test)
{
	static const u32 lengths[] = { 0, 8, 64 };
	struct channel_fixture *fixture = test->priv;
	struct request *request = request_of(fixture);
	u32 round, i;

	channel_enable(fixture);
	for (round = 0; round < 2 * ARRAY_SIZE(lengths); round++) {
		u32 length = lengths[round / 2];

		request->timeout = round % 2 ? FOREVER : CHANNEL_FIXTURE_PATIENCE;
		request->room = 64;
		memset(request->answer, 0xdb, sizeof(request->answer));
		channel_help(fixture, ask);
		wait_for_request(fixture, round + 1);
		msleep(20);
		KUNIT_EXPECT_FALSE(test, completion_done(&fixture->helped));
		peer_answer(fixture, peer_expect_sent(fixture, 0, 8, WAIT), length);
		KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
		KUNIT_EXPECT_EQ(test, request->room, length);
		KUNIT_EXPECT_TRUE(test, ring_image_is_filled(request->answer, length, length));
		for (i = length; i < sizeof(request->answer); i++)
			KUNIT_ASSERT_EQ(test, request->answer[i], 0xdb);
		expect_nothing_left(fixture);
	}
	send_expect_balance(fixture, 2 * ARRAY_SIZE(lengths), 0);
}

/* Done when it is in the ring. */
static void without_an_answer(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct request *request = request_of(fixture);
	long timeouts[] = { FOREVER, BRIEF, 0 };
	u32 i;

	request->flags = 0;
	channel_enable(fixture);
	for (i = 0; i < ARRAY_SIZE(timeouts); i++) {
		request->timeout = timeouts[i];
		request->room = 64;
		KUNIT_EXPECT_EQ(test, ask(fixture), 0);
		peer_expect_sent(fixture, 0, 8, 0);
		KUNIT_EXPECT_EQ(test, request->room, 0);
		expect_nothing_left(fixture);
	}
	/* Once more, with a ring that is full. */
	send_one(fixture, 1, LARGE, 0);
	send_free(fixture, 1);
	request->length = LARGE;
	request->timeout = FOREVER;
	channel_help(fixture, ask);
	wait_for_request(fixture, 5);
	msleep(20);
	KUNIT_EXPECT_FALSE(test, completion_done(&fixture->helped));
	peer_expect_sent(fixture, 1, LARGE, 0);
	peer_make_room(fixture);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	peer_expect_sent(fixture, 0, LARGE, 0);
	expect_nothing_left(fixture);
}

/* In the ring at once, or not at all; where nobody may sleep. */
static void no_time_and_no_answer(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct request *request = request_of(fixture);
	static DEFINE_SPINLOCK(lock);
	unsigned long flags;
	int first, second;

	request->flags = 0;
	request->timeout = 0;
	request->length = LARGE;
	KUNIT_EXPECT_EQ(test, ask(fixture), -ENODEV);
	channel_enable(fixture);
	spin_lock_irqsave(&lock, flags);
	first = ask(fixture);
	second = ask(fixture);
	spin_unlock_irqrestore(&lock, flags);
	KUNIT_EXPECT_EQ(test, first, 0);
	KUNIT_EXPECT_EQ(test, second, -EAGAIN);
	KUNIT_EXPECT_TRUE(test, list_empty(&fixture->channel->outbound.queue));
	KUNIT_EXPECT_EQ(test, peer_pending_send_size(fixture), 0);
	peer_expect_sent(fixture, 0, LARGE, 0);
	peer_make_room(fixture);
	peer_expect_nothing(fixture);
	/* Nor does it overtake what waits. */
	send_one(fixture, 1, LARGE, 0);
	send_one(fixture, 2, LARGE, 0);
	request->length = 8;
	KUNIT_EXPECT_EQ(test, ask(fixture), -EAGAIN);
	peer_expect_sent(fixture, 1, LARGE, 0);
	peer_make_room(fixture);
	peer_expect_sent(fixture, 2, LARGE, 0);
	peer_make_room(fixture);
	peer_expect_nothing(fixture);
	send_free(fixture, 1);
	send_free(fixture, 2);
	KUNIT_EXPECT_EQ(test, vmb_channel_pause(fixture->channel), 0);
	KUNIT_EXPECT_EQ(test, ask(fixture), -EAGAIN);
	expect_nothing_left(fixture);
}

/* It is sent all the same, and the answer is nobody's. */
static void no_time_for_the_answer(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct request *request = request_of(fixture);
	u64 id;

	request->timeout = 0;
	request->length = LARGE;
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, ask(fixture), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, ask(fixture), -EAGAIN);
	id = peer_expect_sent(fixture, 0, LARGE, WAIT);
	peer_expect_nothing(fixture);
	KUNIT_EXPECT_EQ(test, fixture->channel->outbound.allocated, 1);
	peer_answer(fixture, id, 8);
	expect_nothing_left(fixture);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.refused, 0);
	KUNIT_EXPECT_EQ(test, request->answer[0], 0xdb);
	send_expect_balance(fixture, 1, 0);
}

/* Before it was in the ring: the peer never hears of it. */
static void timed_out_in_the_queue(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct request *request = request_of(fixture);

	request->timeout = BRIEF;
	channel_enable(fixture);
	send_one(fixture, 1, LARGE, 0);
	send_free(fixture, 1);
	request->length = LARGE;
	KUNIT_EXPECT_EQ(test, ask(fixture), -ETIMEDOUT);
	KUNIT_EXPECT_GE(test, request->ended - request->began, BRIEF);
	KUNIT_EXPECT_LT(test, request->ended - request->began, 20 * BRIEF);
	expect_nothing_left(fixture);
	peer_expect_sent(fixture, 1, LARGE, 0);
	peer_make_room(fixture);
	peer_expect_nothing(fixture);
	/* The same while the channel does not run. */
	KUNIT_EXPECT_EQ(test, vmb_channel_pause(fixture->channel), 0);
	KUNIT_EXPECT_EQ(test, ask(fixture), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, vmb_channel_start(fixture->channel), 0);
	channel_settle(fixture);
	peer_expect_nothing(fixture);
	expect_nothing_left(fixture);
	send_expect_balance(fixture, 3, 2);
}

/* After it: its pages are kept until the answer, which is swallowed. */
static void timed_out_in_the_ring(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct request *request = request_of(fixture);
	struct page *page = send_pages(fixture, 0);
	struct bio_vec vector = { .bv_page = page, .bv_len = 100 };
	struct sent_packet sent = {};

	request->vectors = &vector;
	request->timeout = BRIEF;
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	KUNIT_EXPECT_EQ(test, ask(fixture), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, page_count(page), 2);
	KUNIT_EXPECT_EQ(test, fixture->channel->outbound.allocated, 1);
	KUNIT_ASSERT_TRUE(test, peer_take(fixture, &sent));
	peer_answer(fixture, sent.transaction_id, 24);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.refused, 0);
	KUNIT_EXPECT_EQ(test, request->answer[0], 0xdb);
	KUNIT_EXPECT_EQ(test, request->room, 64);
	expect_nothing_left(fixture);
	/* Or until the channel goes. */
	KUNIT_EXPECT_EQ(test, ask(fixture), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, page_count(page), 2);
	channel_disable(fixture);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	expect_nothing_left(fixture);
	send_expect_balance(fixture, 2, 1);
}

/* One that is answered in time leaves the pages alone. */
static void external_data(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct request *request = request_of(fixture);
	struct page *page = send_pages(fixture, 0);
	struct bio_vec vector = { .bv_page = page, .bv_len = 100 };
	struct sent_packet sent = {};

	request->vectors = &vector;
	request->timeout = CHANNEL_FIXTURE_PATIENCE;
	channel_enable(fixture);
	channel_help(fixture, ask);
	wait_for_request(fixture, 1);
	KUNIT_ASSERT_TRUE(test, peer_take(fixture, &sent));
	KUNIT_EXPECT_EQ(test, sent.type, 9);
	peer_answer(fixture, sent.transaction_id, 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	expect_nothing_left(fixture);
}

/* The close does not get any further before the test allows it. */
static void stay_in_suspend(struct channel_fixture *fixture, enum channel_event event)
{
	if (event == SUSPEND)
		wait_for_completion_timeout(&request_of(fixture)->go_on,
					    CHANNEL_FIXTURE_PATIENCE);
}

/* Slab memory cannot be kept from being used again. */
static void memory_that_cannot_be_kept(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct request *request = request_of(fixture);
	void *memory = kunit_kzalloc(test, 256, GFP_KERNEL);
	struct bio_vec vector;
	struct sent_packet sent = {};
	int before;

	KUNIT_ASSERT_NOT_NULL(test, memory);
	bvec_set_virt(&vector, memory, 256);
	before = page_count(vector.bv_page);
	request->vectors = &vector;
	channel_enable(fixture);
	/* Who waits without limit keeps it himself. */
	request->timeout = FOREVER;
	channel_help(fixture, ask);
	wait_for_request(fixture, 1);
	KUNIT_ASSERT_TRUE(test, peer_take(fixture, &sent));
	peer_answer(fixture, sent.transaction_id, 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	KUNIT_EXPECT_EQ(test, page_count(vector.bv_page), before);
	/* Unless the peer goes, which then writes to nothing any more. */
	fixture->on_state = stay_in_suspend;
	channel_help(fixture, ask);
	wait_for_request(fixture, 2);
	WRITE_ONCE(fixture->transport.gone, true);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), -ENODEV);
	/* The memory is the caller's from here on, however far the close is. */
	KUNIT_EXPECT_EQ(test, page_count(vector.bv_page), before);
	expect_nothing_left(fixture);
	complete(&request->go_on);
	channel_settle(fixture);
	KUNIT_EXPECT_EQ(test, page_count(vector.bv_page), before);
	expect_nothing_left(fixture);
	send_expect_balance(fixture, 2, 1);
}

static void answer_larger_than_its_room(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct request *request = request_of(fixture);
	u32 i;

	channel_enable(fixture);
	request->room = 16;
	channel_help(fixture, ask);
	wait_for_request(fixture, 1);
	peer_answer(fixture, peer_expect_sent(fixture, 0, 8, WAIT), 24);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), -EOVERFLOW);
	KUNIT_EXPECT_EQ(test, request->room, 24);
	KUNIT_EXPECT_TRUE(test, ring_image_is_filled(request->answer, 24, 16));
	for (i = 16; i < sizeof(request->answer); i++)
		KUNIT_ASSERT_EQ(test, request->answer[i], 0xdb);
	/* Larger than any packet of the channel. */
	request->room = 64;
	channel_help(fixture, ask);
	wait_for_request(fixture, 2);
	peer_answer(fixture, peer_expect_sent(fixture, 0, 8, WAIT), 3072);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), -EOVERFLOW);
	KUNIT_EXPECT_EQ(test, request->room, 3072);
	KUNIT_EXPECT_TRUE(test, ring_image_is_filled(request->answer, (u8)3072, 64));
	expect_nothing_left(fixture);
}

static int ask_without_room(struct channel_fixture *fixture)
{
	u32 size = 0;
	int ret;

	ret = vmb_channel_send_synchronous_request(fixture->channel, NULL, 0, NULL, 0, WAIT,
						   NULL, &size, FOREVER);
	return ret ? ret : size;
}

static int ask_without_anything(struct channel_fixture *fixture)
{
	return vmb_channel_send_synchronous_request(fixture->channel, NULL, 0, NULL, 0, WAIT,
						    NULL, NULL, FOREVER);
}

/* Only its length, or not even that. */
static void nobody_wants_the_answer(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	channel_help(fixture, ask_without_room);
	wait_for_request(fixture, 1);
	peer_answer(fixture, peer_expect_sent(fixture, 0, 0, WAIT), 40);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 40);
	channel_help(fixture, ask_without_anything);
	wait_for_request(fixture, 2);
	peer_answer(fixture, peer_expect_sent(fixture, 0, 0, WAIT), 40);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	expect_nothing_left(fixture);
}

static void wrong_arguments(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct request *request = request_of(fixture);
	struct vmb_channel *channel = fixture->channel;

	channel_enable(fixture);
	request->room = 63;
	KUNIT_EXPECT_EQ(test, ask(fixture), -EINVAL);
	request->room = 64;
	request->timeout = -1;
	KUNIT_EXPECT_EQ(test, ask(fixture), -EINVAL);
	request->timeout = BRIEF;
	request->flags = WAIT | 0x20;
	KUNIT_EXPECT_EQ(test, ask(fixture), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_channel_send_synchronous_request(channel, NULL, 0, NULL, 0, WAIT,
								   request->answer, NULL, BRIEF),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_channel_send_synchronous_request(channel, NULL, 3065, NULL, 0,
								   WAIT, NULL, NULL, BRIEF),
			-EMSGSIZE);
	expect_nothing_left(fixture);
	peer_expect_nothing(fixture);
	send_expect_balance(fixture, 0, 0);
}

static struct kunit_case synchronous_cases[] = {
	KUNIT_CASE(answered),
	KUNIT_CASE(without_an_answer),
	KUNIT_CASE(no_time_and_no_answer),
	KUNIT_CASE(no_time_for_the_answer),
	KUNIT_CASE(timed_out_in_the_queue),
	KUNIT_CASE(timed_out_in_the_ring),
	KUNIT_CASE(external_data),
	KUNIT_CASE(memory_that_cannot_be_kept),
	KUNIT_CASE(answer_larger_than_its_room),
	KUNIT_CASE(nobody_wants_the_answer),
	KUNIT_CASE(wrong_arguments),
	{}
};

static struct kunit_suite synchronous_suite = {
	.name = "vmbkmcl_synchronous",
	.init = synchronous_init,
	.exit = send_fixture_exit,
	.test_cases = synchronous_cases,
};

kunit_test_suite(synchronous_suite);
