// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that wait for their answer, one after the other: what each of them needs is
 * kept for the next, unless somebody has it still.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <trace/events/kmem.h>

#include "../fixtures/send_fixture.h"

#define LARGEST		256u
/* More than a packet has, and a page. */
#define LONG		((u32)PAGE_SIZE + 64)

/**
 * struct request - what is asked for; in &sender.private
 * @by: who asks now; only its allocations count.
 * @allocations: of the request that was made last.
 * @room: for its answer.
 * @timeout: of it, in jiffies.
 * @answer: to it.
 */
struct request {
	struct task_struct *by;
	u32 allocations;
	u32 room;
	long timeout;
	u8 answer[LONG];
};

static struct request *request_of(struct channel_fixture *fixture)
{
	return sender_of(fixture)->private;
}

static void on_kmalloc(void *data, unsigned long call_site, const void *pointer,
		       size_t requested, size_t allocated, gfp_t flags, int node)
{
	struct request *request = data;

	if (current == READ_ONCE(request->by))
		request->allocations++;
}

static void stop_counting(void *request)
{
	unregister_trace_kmalloc(on_kmalloc, request);
	tracepoint_synchronize_unregister();
}

static int synchronous_kept_init(struct kunit *test)
{
	int ret = send_fixture_init(test);
	struct channel_fixture *fixture = test->priv;
	struct request *request;

	if (ret)
		return ret;
	channel_configure(fixture, LARGEST, 17, 17);
	send_allow_external(fixture);
	request = kunit_kzalloc(test, sizeof(*request), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, request);
	sender_of(fixture)->private = request;
	KUNIT_ASSERT_EQ(test, register_trace_kmalloc(on_kmalloc, request), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, stop_counting, request), 0);
	return 0;
}

static int ask(struct channel_fixture *fixture)
{
	struct request *request = request_of(fixture);
	u32 size = request->room;
	int ret;

	request->allocations = 0;
	WRITE_ONCE(request->by, current);
	ret = vmb_channel_send_synchronous_request(fixture->channel, NULL, 0, NULL, 0, WAIT,
						   request->answer, &size, request->timeout);
	WRITE_ONCE(request->by, NULL);
	return ret ? ret : size;
}

/* The other thread asks, and the peer has seen it. */
static u64 begin(struct channel_fixture *fixture, u32 room)
{
	u64 sends = READ_ONCE(fixture->channel->counters.sends) + 1;
	unsigned long end = jiffies + CHANNEL_FIXTURE_PATIENCE;

	request_of(fixture)->room = room;
	request_of(fixture)->timeout = CHANNEL_FIXTURE_PATIENCE;
	memset(request_of(fixture)->answer, 0xdb, sizeof(request_of(fixture)->answer));
	channel_help(fixture, ask);
	while (READ_ONCE(fixture->channel->counters.sends) < sends && time_before(jiffies, end))
		usleep_range(100, 200);
	KUNIT_ASSERT_EQ(fixture->test, READ_ONCE(fixture->channel->counters.sends), sends);
	return peer_expect_sent(fixture, 0, 0, WAIT);
}

/* The peer answers, with the bytes of that length, and nothing else comes through. */
static void end(struct channel_fixture *fixture, u64 id, u32 length)
{
	struct request *request = request_of(fixture);
	struct kunit *test = fixture->test;
	u32 i;

	peer_answer(fixture, id, length);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), length);
	KUNIT_EXPECT_TRUE(test, ring_image_is_filled(request->answer, length, length));
	for (i = length; i < sizeof(request->answer); i++)
		KUNIT_ASSERT_EQ(test, request->answer[i], 0xdb);
}

/* Asks, and is answered; returns what was allocated for it. */
static u32 allocated_for(struct channel_fixture *fixture, u32 room, u32 length)
{
	end(fixture, begin(fixture, room), length);
	KUNIT_EXPECT_EQ(fixture->test, fixture->channel->outbound.allocated, 0);
	return request_of(fixture)->allocations;
}

/* Gives up at once; the peer has it still. */
static u64 give_up(struct channel_fixture *fixture, u32 room)
{
	struct request *request = request_of(fixture);

	request->room = room;
	request->timeout = 0;
	KUNIT_EXPECT_EQ(fixture->test, ask(fixture), -ETIMEDOUT);
	return peer_expect_sent(fixture, 0, 0, WAIT);
}

/* Whatever room each of them wants for its answer. */
static void one_after_the_other(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	static const u32 rooms[] = { 64, 0, 8, LARGEST, 64, 0, LARGEST };
	u32 i;

	channel_enable(fixture);
	KUNIT_EXPECT_GT(test, allocated_for(fixture, LARGEST, 0), 0);
	for (i = 0; i < ARRAY_SIZE(rooms); i++) {
		KUNIT_EXPECT_EQ(test, allocated_for(fixture, rooms[i], rooms[i]), 0);
		KUNIT_EXPECT_EQ(test, allocated_for(fixture, rooms[i], 0), 0);
	}
}

/* What was there for less is none. */
static void more_room_than_before(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	allocated_for(fixture, 8, 8);
	KUNIT_EXPECT_EQ(test, allocated_for(fixture, LARGEST, LARGEST), 1);
	KUNIT_EXPECT_EQ(test, allocated_for(fixture, LARGEST, LARGEST), 0);
}

/* For an answer that is so long the memory is not kept for ever. */
static void more_room_than_most_need(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	allocated_for(fixture, 64, 8);
	KUNIT_EXPECT_EQ(test, allocated_for(fixture, LONG, 8), 1);
	KUNIT_EXPECT_EQ(test, allocated_for(fixture, LONG, 8), 1);
	KUNIT_EXPECT_EQ(test, allocated_for(fixture, LARGEST, 8), 1);
	KUNIT_EXPECT_EQ(test, allocated_for(fixture, LARGEST, 8), 0);
}

/* One that was given up has what it needs until the answer; the next one has its own. */
static void beside_one_that_was_given_up(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 id;

	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, allocated_for(fixture, 64, 8), 2);
	id = give_up(fixture, 64);
	KUNIT_EXPECT_EQ(test, request_of(fixture)->allocations, 0);
	/* Of itself, and of its packet. */
	end(fixture, begin(fixture, 64), 8);
	KUNIT_EXPECT_EQ(test, request_of(fixture)->allocations, 2);
	/* What that had is there for the one after it. */
	end(fixture, begin(fixture, 64), 16);
	KUNIT_EXPECT_EQ(test, request_of(fixture)->allocations, 0);
	peer_answer(fixture, id, 24);
	KUNIT_EXPECT_EQ(test, fixture->channel->outbound.allocated, 0);
	KUNIT_EXPECT_EQ(test, allocated_for(fixture, 64, 32), 0);
}

/* The answer to one that was given up comes while another waits for its own. */
static void none_gets_the_answer_to_another(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 first, second;
	u32 round;

	channel_enable(fixture);
	for (round = 0; round < 2; round++) {
		first = give_up(fixture, 64);
		second = begin(fixture, 64);
		peer_answer(fixture, first, 24);
		KUNIT_EXPECT_FALSE(test, completion_done(&fixture->helped));
		/* And one comes in the middle, with what was the first one's. */
		first = give_up(fixture, 64);
		end(fixture, second, 16);
		peer_answer(fixture, first, 40);
	}
	KUNIT_EXPECT_EQ(test, fixture->channel->outbound.allocated, 0);
	KUNIT_EXPECT_EQ(test, allocated_for(fixture, 64, 8), 0);
}

/* One that ends because the channel does leaves it for the next life. */
static void the_channel_goes_meanwhile(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	begin(fixture, 64);
	channel_disable(fixture);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), -ENODEV);
	KUNIT_EXPECT_EQ(test, fixture->channel->outbound.allocated, 0);
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, allocated_for(fixture, 64, 8), 0);
	give_up(fixture, 64);
	channel_disable(fixture);
	KUNIT_EXPECT_EQ(test, fixture->channel->outbound.allocated, 0);
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, allocated_for(fixture, 64, 8), 0);
}

/* It may stand in nobody's way who changes a setting, and fits the channel after that. */
static void other_settings(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	static const u32 sizes[] = { 2 * LARGEST, 16, LARGEST };
	u32 i;

	channel_enable(fixture);
	allocated_for(fixture, LARGEST, 8);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		channel_disable(fixture);
		channel_configure(fixture, sizes[i], 17, 17);
		KUNIT_ASSERT_EQ(test,
				vmb_channel_init_set_maximum_external_data(fixture->channel,
									   i * PAGE_SIZE + 1,
									   1 + i), 0);
		channel_enable(fixture);
		/* Packets are made anew; of the request there is nothing to be made. */
		KUNIT_EXPECT_EQ(test, allocated_for(fixture, 64, 40), 1);
		KUNIT_EXPECT_EQ(test, allocated_for(fixture, 64, 0), 0);
		KUNIT_EXPECT_EQ(test, allocated_for(fixture, LARGEST, sizes[i] / 2), 0);
	}
}

static struct kunit_case synchronous_kept_cases[] = {
	KUNIT_CASE(one_after_the_other),
	KUNIT_CASE(more_room_than_before),
	KUNIT_CASE(more_room_than_most_need),
	KUNIT_CASE(beside_one_that_was_given_up),
	KUNIT_CASE(none_gets_the_answer_to_another),
	KUNIT_CASE(the_channel_goes_meanwhile),
	KUNIT_CASE(other_settings),
	{}
};

static struct kunit_suite synchronous_kept_suite = {
	.name = "vmbkmcl_synchronous_kept",
	.init = synchronous_kept_init,
	.exit = send_fixture_exit,
	.test_cases = synchronous_kept_cases,
};

kunit_test_suite(synchronous_kept_suite);
