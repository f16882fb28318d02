// SPDX-License-Identifier: GPL-2.0
/*
 * A full outbound ring: what the client sends waits among its completions, in
 * their order, and no wake-up is lost.
 */
#include <kunit/test.h>
#include <linux/cpumask.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "../fixtures/send_fixture.h"

/* Data of the outbound ring. */
#define RING		4096u
/* Two of these do not fit into the ring together. */
#define LARGE		3000u
/* Nor does one of these beside a large one, but two of them do. */
#define MIDDLE		1600u
/* The peer is woken when at least this part of the ring is free. */
#define QUARTER		(RING / 4)

static int queue_init(struct kunit *test)
{
	int ret = send_fixture_init(test);
	struct channel_fixture *fixture = test->priv;

	if (ret)
		return ret;
	channel_configure(fixture, 3064, 17, CHANNEL_FIXTURE_SMALL);
	return 0;
}

/* pending_send_size says what the head of the queue needs, or more. */
static void expect_pending(struct channel_fixture *fixture, u32 payload)
{
	KUNIT_EXPECT_EQ(fixture->test, peer_pending_send_size(fixture),
			max(payload + AROUND, QUARTER));
}

static void expect_nobody_waits(struct channel_fixture *fixture)
{
	KUNIT_EXPECT_EQ(fixture->test, peer_pending_send_size(fixture), 0);
	KUNIT_EXPECT_TRUE(fixture->test, list_empty(&fixture->channel->outbound.queue));
}

static void sending_never_fails_for_want_of_room(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 ids[20];
	u32 i;

	channel_enable(fixture);
	for (i = 0; i < 20; i++)
		send_one(fixture, i, LARGE, i % 2 ? WAIT : 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.sends, 20);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.sends_queued, 19);
	/* Nobody waits for the first one; the others have not been sent. */
	send_expect_ends(fixture, 1);
	expect_pending(fixture, LARGE);
	for (i = 0; i < 20; i++) {
		ids[i] = peer_expect_sent(fixture, i, LARGE, i % 2 ? WAIT : 0);
		peer_expect_nothing(fixture);
		/* In the ring, and not before. */
		send_expect_ends(fixture, i / 2 + 1);
		peer_make_room(fixture);
	}
	expect_nobody_waits(fixture);
	for (i = 1; i < 20; i += 2)
		peer_answer(fixture, ids[i], 8);
	for (i = 0; i < 10; i++) {
		send_expect_end(fixture, i, 2 * i, 0);
		send_expect_answered(fixture, 10 + i, 2 * i + 1, 8);
	}
	send_expect_balance(fixture, 20, 0);
}

/* Packets and completions wait in one line. */
static void one_line(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	peer_send_inband(fixture, 1000, 8);
	peer_send_inband(fixture, 1001, 8);
	send_one(fixture, 0, LARGE, 0);
	send_one(fixture, 1, LARGE, 0);
	channel_complete(fixture, 0, NULL, 0);
	send_one(fixture, 2, 0, WAIT);
	channel_complete(fixture, 1, sender_of(fixture)->payload, 3064);
	send_one(fixture, 3, 8, 0);
	peer_expect_sent(fixture, 0, LARGE, 0);
	peer_expect_nothing(fixture);
	peer_make_room(fixture);
	peer_expect_sent(fixture, 1, LARGE, 0);
	peer_expect_completion(fixture, 1000, 0);
	peer_answer(fixture, peer_expect_sent(fixture, 2, 0, WAIT), 0);
	peer_expect_nothing(fixture);
	peer_make_room(fixture);
	peer_expect_completion(fixture, 1001, 3064);
	peer_expect_sent(fixture, 3, 8, 0);
	peer_expect_nothing(fixture);
	send_expect_end(fixture, 0, 0, 0);
	send_expect_end(fixture, 1, 1, 0);
	send_expect_end(fixture, 2, 2, 0);
	send_expect_end(fixture, 3, 3, 0);
	expect_nobody_waits(fixture);
}

/* Room was made and nobody has signalled: the queue goes first all the same. */
static void nothing_overtakes_after_room_was_made(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	send_one(fixture, 0, LARGE, 0);
	send_one(fixture, 1, LARGE, 0);
	peer_expect_sent(fixture, 0, LARGE, 0);
	peer_release(fixture);
	send_one(fixture, 2, 8, 0);
	peer_expect_sent(fixture, 1, LARGE, 0);
	peer_expect_sent(fixture, 2, 8, 0);
	send_expect_ends(fixture, 3);
}

static void send_large_inline(struct channel_fixture *fixture, struct channel_packet *packet)
{
	send_one(fixture, packet->transaction_id, LARGE, 0);
	channel_complete_inline(fixture, packet);
}

static void nothing_overtakes_inside_the_callback(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	fixture->process = send_large_inline;
	channel_enable(fixture);
	for (i = 0; i < 3; i++)
		peer_put(fixture, &(struct peer_packet) {
			.type = 6, .flags = 1, .transaction_id = i });
	peer_publish(fixture);
	peer_signal(fixture);
	for (i = 0; i < 3; i++) {
		peer_expect_sent(fixture, i, LARGE, 0);
		peer_expect_completion(fixture, i, 0);
		peer_expect_nothing(fixture);
		peer_make_room(fixture);
	}
	expect_nobody_waits(fixture);
}

static void pending_send_size_follows_the_head(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, peer_pending_send_size(fixture), 0);
	send_one(fixture, 0, LARGE, 0);
	send_one(fixture, 1, LARGE, 0);
	send_one(fixture, 2, MIDDLE, 0);
	send_one(fixture, 3, 1100, 0);
	expect_pending(fixture, LARGE);
	peer_expect_sent(fixture, 0, LARGE, 0);
	peer_make_room(fixture);
	expect_pending(fixture, MIDDLE);
	peer_expect_sent(fixture, 1, LARGE, 0);
	peer_make_room(fixture);
	expect_nobody_waits(fixture);
	send_expect_ends(fixture, 4);
}

static int help_request(struct channel_fixture *fixture)
{
	return vmb_channel_send_synchronous_request(fixture->channel,
						    sender_of(fixture)->payload, LARGE,
						    NULL, 0, WAIT, NULL, NULL, HZ / 2);
}

/* Until the other thread's request stands in the queue. */
static void wait_until_queued(struct channel_fixture *fixture, u64 count)
{
	unsigned long end = jiffies + CHANNEL_FIXTURE_PATIENCE;

	while (READ_ONCE(fixture->channel->counters.sends_queued) < count &&
	       time_before(jiffies, end))
		cond_resched();
	KUNIT_ASSERT_EQ(fixture->test, fixture->channel->counters.sends_queued, count);
}

/* Who waits behind a head that gives up asks for its own room. */
static void head_is_cancelled(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	send_one(fixture, 0, LARGE, 0);
	channel_help(fixture, help_request);
	wait_until_queued(fixture, 1);
	send_one(fixture, 1, MIDDLE, 0);
	expect_pending(fixture, LARGE);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), -ETIMEDOUT);
	expect_pending(fixture, MIDDLE);
	peer_expect_sent(fixture, 0, LARGE, 0);
	peer_expect_nothing(fixture);
	peer_make_room(fixture);
	peer_expect_sent(fixture, 1, MIDDLE, 0);
	expect_nobody_waits(fixture);
	send_expect_balance(fixture, 3, 1);
}

/* Or has it already, and needs no signal of the peer. */
static void head_is_cancelled_and_the_next_fits(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 signals;

	channel_enable(fixture);
	send_one(fixture, 0, LARGE, 0);
	peer_expect_sent(fixture, 0, LARGE, 0);
	channel_help(fixture, help_request);
	wait_until_queued(fixture, 1);
	send_one(fixture, 1, 8, WAIT);
	peer_expect_nothing(fixture);
	signals = fixture->transport.signals;
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), -ETIMEDOUT);
	peer_answer(fixture, peer_expect_sent(fixture, 1, 8, WAIT), 0);
	KUNIT_EXPECT_GE(test, fixture->transport.signals, signals);
	send_expect_end(fixture, 1, 1, 0);
	expect_nobody_waits(fixture);
}

/* The only one that waits. */
static void last_in_the_queue_is_cancelled(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	send_one(fixture, 0, LARGE, 0);
	channel_help(fixture, help_request);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), -ETIMEDOUT);
	expect_nobody_waits(fixture);
	send_one(fixture, 1, 8, 0);
	peer_expect_sent(fixture, 0, LARGE, 0);
	peer_expect_sent(fixture, 1, 8, 0);
}

/* Its id can be guessed, but nobody waits for it before it is in the ring. */
static void answered_before_it_is_sent(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 id;

	channel_enable(fixture);
	send_one(fixture, 0, LARGE, 0);
	send_one(fixture, 1, LARGE, WAIT);
	id = sender_of(fixture)->packets[1]->transaction_id;
	peer_answer(fixture, id, 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->refusals[VMB_REFUSAL_COMPLETION_UNEXPECTED], 1);
	send_expect_ends(fixture, 1);
	peer_expect_sent(fixture, 0, LARGE, 0);
	peer_make_room(fixture);
	KUNIT_EXPECT_EQ(test, peer_expect_sent(fixture, 1, LARGE, WAIT), id);
	peer_answer(fixture, id, 8);
	send_expect_answered(fixture, 1, 1, 8);
	expect_nobody_waits(fixture);
}

/* What the peer takes at the moment of the next signal, unasked. */
static void take_when_signalled(void *observer, enum memory_transport_operation operation)
{
	struct channel_fixture *fixture = observer;

	if (operation != MEMORY_TRANSPORT_SIGNAL)
		return;
	fixture->transport.observe = NULL;
	peer_expect_sent(fixture, 1, 992, 0);
	/* Nobody has asked for a signal so far. */
	KUNIT_EXPECT_FALSE(fixture->test, peer_release(fixture));
}

static int help_send_most(struct channel_fixture *fixture)
{
	send_one(fixture, 2, 3064, 0);
	return 0;
}

static void send_and_let_the_other(struct channel_fixture *fixture,
				   struct channel_packet *packet)
{
	send_one(fixture, 1, 992, 0);
	channel_help(fixture, help_send_most);
	while (!completion_done(&fixture->helped))
		cpu_relax();
}

/*
 * The peer empties the ring between the write that found it full and the
 * pending_send_size that asks for a signal: none will come. It is shown the
 * first packet only when the second does not fit, at the end of the batch, after
 * which nobody tries again; so its signal comes at that very moment.
 */
static void room_made_before_it_was_asked_for(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	channel_enable(fixture);
	fixture->process = send_and_let_the_other;
	fixture->transport.observe = take_when_signalled;
	peer_send_inband(fixture, 1, 8);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	KUNIT_EXPECT_PTR_EQ(test, fixture->transport.observe, NULL);
	peer_expect_sent(fixture, 2, 3064, 0);
	expect_nobody_waits(fixture);
	send_expect_ends(fixture, 2);
}

/* A peer that does not know what pending_send_size is: the watchdog looks. */
static void peer_without_the_feature(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	channel_enable(fixture);
	peer_set(&fixture->outbound, RING_IMAGE_FEATURE_BITS, 0);
	for (i = 0; i < 4; i++)
		send_one(fixture, i, LARGE, 0);
	vmb_watchdog_poll(fixture->channel);
	for (i = 0; i < 4; i++) {
		peer_expect_sent(fixture, i, LARGE, 0);
		peer_release(fixture);
		vmb_watchdog_poll(fixture->channel);
		vmb_watchdog_poll(fixture->channel);
	}
	send_expect_ends(fixture, 4);
	expect_nobody_waits(fixture);
}

/* What waits when the channel is paused still goes out. */
static void room_made_while_paused(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	send_one(fixture, 0, LARGE, 0);
	send_one(fixture, 1, LARGE, 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_pause(fixture->channel), 0);
	send_one(fixture, 2, 8, 0);
	peer_expect_sent(fixture, 0, LARGE, 0);
	peer_make_room(fixture);
	peer_expect_sent(fixture, 1, LARGE, 0);
	peer_make_room(fixture);
	peer_expect_nothing(fixture);
	expect_nobody_waits(fixture);
	KUNIT_ASSERT_EQ(test, vmb_channel_start(fixture->channel), 0);
	channel_settle(fixture);
	vmb_watchdog_stop(fixture->channel);
	peer_expect_sent(fixture, 2, 8, 0);
}

/* Rings of every small size, and lengths around their limits. */

static const u32 page_counts[] = { 2, 3, 4, 5 };

KUNIT_ARRAY_PARAM(page_count, page_counts, NULL);

#define PACKETS		300u

/* The largest leaves the one unit that a ring is never filled with. */
static u32 length_of(const struct channel_fixture *fixture, u32 number)
{
	const u32 largest = fixture->outbound.size - 8 - AROUND;
	const u32 lengths[] = {
		largest, 0, largest - 8, 8, largest / 2, largest - 1, 1,
		largest / 2 - AROUND / 2, largest / 4, largest - AROUND - 8, 24, 64,
		largest / 3 + number % 64,
	};

	return lengths[number * 7 % ARRAY_SIZE(lengths)];
}

static void take_next(struct channel_fixture *fixture, u32 number)
{
	u32 length = length_of(fixture, number);
	u64 id;

	if (number % 4 == 3) {
		peer_expect_completion(fixture, number, round_up(length, 8));
		return;
	}
	id = peer_expect_sent(fixture, number % 64, length, number % 4 ? WAIT : 0);
	if (number % 4)
		peer_answer(fixture, id, 0);
}

static void put_next(struct channel_fixture *fixture, u32 number)
{
	u32 length = length_of(fixture, number);

	if (number % 4 != 3) {
		send_one(fixture, number % 64, length, number % 4 ? WAIT : 0);
		return;
	}
	peer_send_inband(fixture, number, 8);
	KUNIT_ASSERT_EQ(fixture->test,
			channel_complete(fixture, fixture->packet_count - 1,
					 sender_of(fixture)->payload, length), 0);
}

/* The head of the queue has asked for its room, or nobody has. */
static void expect_head_asks(struct channel_fixture *fixture, u32 next, u32 put)
{
	u32 pending = peer_pending_send_size(fixture);

	if (list_empty(&fixture->channel->outbound.queue)) {
		KUNIT_ASSERT_EQ(fixture->test, pending, 0);
		return;
	}
	KUNIT_ASSERT_GE(fixture->test, pending,
			round_up(length_of(fixture, next), 8) + AROUND);
	/* An empty ring must be enough, or the signal never comes. */
	KUNIT_ASSERT_LT(fixture->test, pending, fixture->outbound.size);
}

/* How many of those that were put stand in the ring: the rest is queued. */
static u32 queued(struct channel_fixture *fixture)
{
	struct list_head *entry;
	u32 count = 0;

	list_for_each(entry, &fixture->channel->outbound.queue)
		count++;
	return count;
}

static void small_rings(struct kunit *test)
{
	const u32 *pages = test->param_value;
	struct channel_fixture *fixture = test->priv;
	u32 put = 0, taken = 0;

	channel_configure(fixture, (*pages - 1) * 4096 - 8 - AROUND, 17, *pages);
	channel_enable(fixture);
	while (taken < PACKETS) {
		if (put < PACKETS && put - taken < 1 + taken % 20) {
			put_next(fixture, put++);
			expect_head_asks(fixture, put - queued(fixture), put);
			continue;
		}
		take_next(fixture, taken++);
		peer_make_room(fixture);
		expect_head_asks(fixture, put - queued(fixture), put);
	}
	peer_expect_nothing(fixture);
	expect_nobody_waits(fixture);
	send_expect_ends(fixture, PACKETS - PACKETS / 4);
	send_expect_balance(fixture, PACKETS - PACKETS / 4, 0);
	KUNIT_EXPECT_GT(test, fixture->channel->counters.sends_queued, 100);
}

static struct kunit_case send_queue_cases[] = {
	KUNIT_CASE(sending_never_fails_for_want_of_room),
	KUNIT_CASE(one_line),
	KUNIT_CASE(nothing_overtakes_after_room_was_made),
	KUNIT_CASE(nothing_overtakes_inside_the_callback),
	KUNIT_CASE(pending_send_size_follows_the_head),
	KUNIT_CASE(head_is_cancelled),
	KUNIT_CASE(head_is_cancelled_and_the_next_fits),
	KUNIT_CASE(last_in_the_queue_is_cancelled),
	KUNIT_CASE(answered_before_it_is_sent),
	KUNIT_CASE(room_made_before_it_was_asked_for),
	KUNIT_CASE(peer_without_the_feature),
	KUNIT_CASE(room_made_while_paused),
	KUNIT_CASE_PARAM(small_rings, page_count_gen_params),
	{}
};

static struct kunit_suite send_queue_suite = {
	.name = "vmbkmcl_send_queue",
	.init = queue_init,
	.exit = send_fixture_exit,
	.test_cases = send_queue_cases,
};

kunit_test_suite(send_queue_suite);
