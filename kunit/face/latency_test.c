// SPDX-License-Identifier: GPL-2.0
/*
 * How long packets wait: what is counted, when, and where.
 */
#include <kunit/test.h>
#include <linux/ktime.h>
#include <linux/processor.h>

#include "../fixtures/send_fixture.h"

/* Two of these do not fit into a ring of a page. */
#define LARGE	3000u

/* By the clock that is counted with, which delays may not agree with. */
static void wait_3_ms(void)
{
	u64 until = ktime_get_ns() + 3 * NSEC_PER_MSEC;

	while (ktime_get_ns() < until)
		cpu_relax();
}

static int latency_init(struct kunit *test)
{
	int ret = send_fixture_init(test);

	if (ret)
		return ret;
	channel_configure(test->priv, 3064, 17, CHANNEL_FIXTURE_SMALL);
	vmb_latency_want(true);
	return 0;
}

static void latency_exit(struct kunit *test)
{
	vmb_latency_want(false);
	send_fixture_exit(test);
}

static void expect_counted(struct channel_fixture *fixture, u64 queue, u64 driver,
			   u64 peer)
{
	const u64 expected[VMB_LATENCY_KINDS] = {
		[VMB_LATENCY_QUEUE] = queue,
		[VMB_LATENCY_DRIVER] = driver,
		[VMB_LATENCY_PEER] = peer,
	};
	u32 kind, i;
	u64 count;

	for (kind = 0; kind < VMB_LATENCY_KINDS; kind++) {
		count = 0;
		for (i = 0; i < VMB_LATENCY_BUCKETS; i++)
			count += atomic64_read(&fixture->channel->latencies[kind].buckets[i]);
		KUNIT_EXPECT_EQ_MSG(fixture->test, count, expected[kind], "kind %u", kind);
	}
}

/* The peer took 3 ms, so the sum and the buckets know of it. */
static void expect_at_least_3_ms(struct channel_fixture *fixture,
				 enum vmb_latency_kind kind)
{
	struct vmb_latency *latency = &fixture->channel->latencies[kind];
	u32 i;

	KUNIT_EXPECT_GE(fixture->test, atomic64_read(&latency->sum), 3 * NSEC_PER_MSEC);
	/* 3,000,000 ns are 2^21 and some: nothing below 2^22 is in an earlier one. */
	for (i = 0; i < 12; i++)
		KUNIT_EXPECT_EQ(fixture->test, atomic64_read(&latency->buckets[i]), 0);
}

static void buckets(struct kunit *test)
{
	static const struct {
		u64 nanoseconds;
		u32 bucket;
	} cases[] = {
		{ 0, 0 }, { 1, 0 }, { 1023, 0 }, { 1024, 1 }, { 2047, 1 }, { 2048, 2 },
		{ 4095, 2 }, { 4096, 3 }, { 1ull << 33, 24 }, { (1ull << 34) - 1, 24 },
		{ 1ull << 34, 25 }, { U64_MAX, 25 },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		KUNIT_EXPECT_EQ_MSG(test, vmb_latency_bucket(cases[i].nanoseconds),
				    cases[i].bucket, "%llu ns", cases[i].nanoseconds);
}

static void a_packet_of_ours(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 id;

	channel_enable(fixture);
	send_one(fixture, 0, 16, WAIT);
	expect_counted(fixture, 1, 0, 0);
	id = peer_expect_sent(fixture, 0, 16, WAIT);
	wait_3_ms();
	peer_answer(fixture, id, 8);
	expect_counted(fixture, 1, 0, 1);
	expect_at_least_3_ms(fixture, VMB_LATENCY_PEER);
}

static void one_that_finds_no_room(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	send_one(fixture, 0, LARGE, 0);
	expect_counted(fixture, 1, 0, 0);
	memset(&fixture->channel->latencies, 0, sizeof(fixture->channel->latencies));
	send_one(fixture, 1, LARGE, 0);
	expect_counted(fixture, 0, 0, 0);
	wait_3_ms();
	peer_expect_sent(fixture, 0, LARGE, 0);
	peer_make_room(fixture);
	/* Nobody answers it: its way is over. */
	expect_counted(fixture, 1, 0, 0);
	expect_at_least_3_ms(fixture, VMB_LATENCY_QUEUE);
}

static void a_packet_of_the_peers(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	expect_counted(fixture, 0, 0, 0);
	wait_3_ms();
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	expect_counted(fixture, 0, 1, 0);
	expect_at_least_3_ms(fixture, VMB_LATENCY_DRIVER);
	fixture->process = channel_complete_inline;
	peer_send_inband(fixture, 2, 8);
	expect_counted(fixture, 0, 2, 0);
}

static void nothing_when_nobody_asks(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 id;

	vmb_latency_want(false);
	channel_enable(fixture);
	send_one(fixture, 0, 16, WAIT);
	id = peer_expect_sent(fixture, 0, 16, WAIT);
	peer_answer(fixture, id, 8);
	peer_send_inband(fixture, 1, 8);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	expect_counted(fixture, 0, 0, 0);
}

/* What began before the counting did, or in an earlier one, has no beginning. */
static void not_what_began_before(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 id;

	channel_enable(fixture);
	send_one(fixture, 0, 16, WAIT);
	peer_send_inband(fixture, 1, 8);
	expect_counted(fixture, 1, 0, 0);
	id = peer_expect_sent(fixture, 0, 16, WAIT);
	vmb_latency_want(false);
	vmb_latency_want(true);
	peer_answer(fixture, id, 8);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	expect_counted(fixture, 1, 0, 0);
	peer_expect_completion(fixture, 1, 0);

	vmb_latency_want(false);
	send_one(fixture, 0, 16, WAIT);
	peer_send_inband(fixture, 2, 8);
	vmb_latency_want(true);
	id = peer_expect_sent(fixture, 0, 16, WAIT);
	peer_answer(fixture, id, 8);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 1, NULL, 0), 0);
	expect_counted(fixture, 1, 0, 0);
}

static struct kunit_case latency_cases[] = {
	KUNIT_CASE(buckets),
	KUNIT_CASE(a_packet_of_ours),
	KUNIT_CASE(one_that_finds_no_room),
	KUNIT_CASE(a_packet_of_the_peers),
	KUNIT_CASE(nothing_when_nobody_asks),
	KUNIT_CASE(not_what_began_before),
	{}
};

static struct kunit_suite latency_suite = {
	.name = "vmbkmcl_latency",
	.init = latency_init,
	.exit = latency_exit,
	.test_cases = latency_cases,
};

kunit_test_suite(latency_suite);
