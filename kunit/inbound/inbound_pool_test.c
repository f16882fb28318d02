// SPDX-License-Identifier: GPL-2.0
/*
 * How many packets a client may hold, and what goes on while it holds them all.
 */
#include <kunit/test.h>
#include <linux/delay.h>

#include "../fixtures/send_fixture.h"

#define LARGEST		256u
#define HELD		4u

static int inbound_pool_init(struct kunit *test)
{
	return send_fixture_init(test);
}

/* So many of these as the ring takes, without a signal for each. */
static void burst(struct channel_fixture *fixture, u32 first, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		peer_put(fixture, &(struct peer_packet) {
			.type = 6, .transaction_id = first + i,
		});
	peer_publish(fixture);
	peer_signal(fixture);
}

static struct delayed_work *growth_of(struct channel_fixture *fixture)
{
	return &fixture->channel->pool.growth;
}

/* More are made when the test says so: who asks before finds that it is under way. */
static void hold_growth(struct channel_fixture *fixture)
{
	queue_delayed_work(vmb_workqueue, growth_of(fixture), MAX_JIFFY_OFFSET);
}

/* The time has come. */
static void grow(struct channel_fixture *fixture)
{
	flush_delayed_work(growth_of(fixture));
	memory_transport_run(&fixture->transport, fixture->channel);
}

/* The timer has the drain scheduled, and that the rest. */
static void expect_fed(struct channel_fixture *fixture, u32 packets)
{
	unsigned long end = jiffies + CHANNEL_FIXTURE_PATIENCE;

	do {
		usleep_range(50, 100);
		memory_transport_run(&fixture->transport, fixture->channel);
	} while (fixture->packet_count < packets && time_before(jiffies, end));
	KUNIT_EXPECT_EQ(fixture->test, fixture->packet_count, packets);
}

/* What the client is given before it gives anything back. */
static u32 held_of(struct channel_fixture *fixture)
{
	u32 before, held, sent = 0;

	channel_enable(fixture);
	do {
		before = fixture->packet_count;
		burst(fixture, sent, 100);
		sent += 100;
		do {
			held = fixture->packet_count;
			grow(fixture);
		} while (fixture->packet_count != held);
	} while (fixture->packet_count == sent && sent < CHANNEL_FIXTURE_PACKETS - 100);
	KUNIT_EXPECT_GE(fixture->test, fixture->packet_count, before);
	return fixture->packet_count;
}

/* Rings that nobody has set the size of: they hold what the channel believes they do. */
static void configure_default(struct channel_fixture *fixture)
{
	KUNIT_ASSERT_EQ(fixture->test,
			vmb_channel_init_set_maximum_packet_size(fixture->channel, LARGEST), 0);
}

/* One for each 256 bytes, of which 4,096 are the control page, whatever the kernel's has. */
static void follows_the_ring(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 held;

	configure_default(fixture);
	held = held_of(fixture);
	KUNIT_EXPECT_EQ(test, held, (fixture->inbound.size + 4096) / 256);
	KUNIT_EXPECT_EQ(test, held, PAGE_SIZE == 4096 ? 256 : 272);
}

static void follows_a_larger_ring(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel *channel = fixture->channel;

	configure_default(fixture);
	KUNIT_EXPECT_EQ(test, vmb_pool_create(channel, SZ_128K), 0);
	KUNIT_EXPECT_EQ(test, channel->pool.limit, 528);
	vmb_pool_destroy(channel);
}

/* Where packets are large the memory bounds them: 4 MiB, or 32 of them if that is more. */
static void no_more_than_so_much_memory(struct kunit *test)
{
	static const u32 sizes[][2] = {
		{ SZ_8K - 512, 512 }, { SZ_64K - 1024, 64 }, { SZ_128K - 1024, 32 },
		{ SZ_128K + 1024, 32 }, { SZ_256K, 32 },
	};
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel *channel = fixture->channel;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		int ret = vmb_channel_init_set_maximum_packet_size(channel, sizes[i][0]);

		KUNIT_ASSERT_EQ(test, ret, 0);
		KUNIT_ASSERT_EQ(test, vmb_pool_create(channel, SZ_2M - PAGE_SIZE), 0);
		KUNIT_EXPECT_GE(test, channel->pool.limit, sizes[i][1]);
		KUNIT_EXPECT_LT(test, channel->pool.limit, sizes[i][1] + sizes[i][1] / 8);
		if (channel->pool.limit > 32)
			KUNIT_EXPECT_LE(test, channel->pool.limit * sizes[i][0], SZ_4M);
		KUNIT_EXPECT_EQ(test, channel->pool.count, 8);
		vmb_pool_destroy(channel);
	}
}

/* Most clients complete what they get, and need no more than a few. */
static void few_at_first(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_configure(fixture, LARGEST, 17, 17);
	fixture->process = channel_complete_inline;
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, fixture->channel->pool.count, 8);
	burst(fixture, 0, 100);
	grow(fixture);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 100);
	KUNIT_EXPECT_EQ(test, fixture->channel->pool.count, 8);
}

/* As many again, when the client holds all there are and there is another packet. */
static void grows_with_the_client(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet_pool *pool;
	u32 count;

	configure_default(fixture);
	channel_enable(fixture);
	pool = &fixture->channel->pool;
	hold_growth(fixture);
	burst(fixture, 0, 8);
	grow(fixture);
	KUNIT_EXPECT_EQ(test, pool->count, 8);
	for (count = 8; count < pool->limit; count = pool->count) {
		hold_growth(fixture);
		burst(fixture, count, 1);
		KUNIT_EXPECT_EQ(test, fixture->packet_count, count);
		grow(fixture);
		KUNIT_EXPECT_EQ(test, fixture->packet_count, count + 1);
		KUNIT_ASSERT_EQ(test, pool->count, min3(2 * count, count + 32, pool->limit));
		burst(fixture, count + 1, pool->count - count - 1);
		KUNIT_ASSERT_EQ(test, fixture->packet_count, pool->count);
	}
	/* That was the last time, and nobody asks any more. */
	burst(fixture, count, 1);
	grow(fixture);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, count);
	KUNIT_EXPECT_EQ(test, pool->count, pool->limit);
	KUNIT_EXPECT_EQ(test, work_busy(&growth_of(fixture)->work), 0);
}

/* Who asked has got one meanwhile: not every wait is worth memory that stays. */
static void one_comes_back_first(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_configure(fixture, LARGEST, 17, 17);
	channel_enable(fixture);
	hold_growth(fixture);
	burst(fixture, 0, 9);
	channel_complete(fixture, 0, NULL, 0);
	expect_fed(fixture, 9);
	grow(fixture);
	KUNIT_EXPECT_EQ(test, fixture->channel->pool.count, 8);
}

/* A server's client counts on all of them. */
static void server_has_all(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel *channel = fixture->channel;

	channel_configure(fixture, LARGEST, 17, 17);
	channel->is_server = true;
	KUNIT_EXPECT_EQ(test, vmb_pool_create(channel, SZ_64K), 0);
	KUNIT_EXPECT_EQ(test, channel->pool.count, 273);
	KUNIT_EXPECT_EQ(test, channel->pool.limit, 273);
	vmb_pool_destroy(channel);
	channel->is_server = false;
}

/* The client holds what there is, another packet waits, and there is no memory. */
static void hold_without_memory(struct channel_fixture *fixture)
{
	struct kunit *test = fixture->test;

	channel_configure(fixture, LARGEST, 17, 17);
	channel_enable(fixture);
	hold_growth(fixture);
	burst(fixture, 0, 9);
	/* No allocator has so much at once. */
	fixture->channel->client_context_size = S32_MAX;
	grow(fixture);
	/* It is tried again, for the client may hold them until it gets the next. */
	KUNIT_EXPECT_NE(test, work_busy(&growth_of(fixture)->work), 0);
	cancel_delayed_work_sync(growth_of(fixture));
	hold_growth(fixture);
	fixture->channel->client_context_size = 0;
	KUNIT_ASSERT_EQ(test, fixture->packet_count, 8);
	KUNIT_ASSERT_EQ(test, fixture->channel->pool.count, 8);
}

static void no_memory_for_more(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	hold_without_memory(fixture);
	grow(fixture);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 9);
	KUNIT_EXPECT_EQ(test, fixture->channel->pool.count, 16);
}

/* Nor is it needed to go on, or to close. */
static void closed_without_memory(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	hold_without_memory(fixture);
	for (i = 0; i < 8; i++)
		channel_complete(fixture, i, NULL, 0);
	memory_transport_run(&fixture->transport, fixture->channel);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 9);
	channel_complete(fixture, 8, NULL, 0);
	channel_disable(fixture);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(growth_of(fixture)));
}

static void as_the_client_says(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_configure(fixture, LARGEST, 17, 17);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_inbound_packet_count(fixture->channel, 0),
			-EINVAL);
	channel_hold_at_most(fixture, 5 * HELD);
	KUNIT_EXPECT_EQ(test, held_of(fixture), 5 * HELD);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_inbound_packet_count(fixture->channel, 5),
			-EBUSY);
}

/* More than fit into the ring would be memory for nothing. */
static void no_more_than_the_ring_holds(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_configure(fixture, LARGEST, 2, 2);
	channel_hold_at_most(fixture, U32_MAX);
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, fixture->channel->pool.count, PAGE_SIZE / 24);
}

/* The answers that the client needs to go on are read while it holds all it may. */
static void completions_are_read_while_starved(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 ids[3];
	u32 i;

	channel_configure(fixture, LARGEST, 17, 17);
	channel_hold_at_most(fixture, HELD);
	channel_enable(fixture);
	for (i = 0; i < 3; i++) {
		send_one(fixture, i, 8, WAIT);
		ids[i] = peer_expect_sent(fixture, i, 8, WAIT);
	}
	burst(fixture, 0, HELD);
	KUNIT_ASSERT_EQ(test, fixture->packet_count, HELD);
	peer_answer(fixture, ids[0], 8);
	peer_answer(fixture, ids[1], 16);
	send_expect_answered(fixture, 0, 0, 8);
	send_expect_answered(fixture, 1, 1, 16);
	/* Not past a packet: the ring is read in its order. */
	burst(fixture, HELD, 1);
	peer_answer(fixture, ids[2], 24);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, HELD);
	send_expect_ends(fixture, 2);
	/* A quarter of so few is one: the drain is scheduled at once. */
	channel_complete(fixture, 0, NULL, 0);
	memory_transport_run(&fixture->transport, fixture->channel);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, HELD + 1);
	KUNIT_EXPECT_EQ(test, fixture->packets[HELD].transaction_id, HELD);
	send_expect_answered(fixture, 2, 2, 24);
}

/* A completion that is refused, or not awaited, does not stop it either. */
static void wrong_completions_while_starved(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 id;

	channel_configure(fixture, LARGEST, 17, 17);
	channel_hold_at_most(fixture, HELD);
	channel_enable(fixture);
	send_one(fixture, 0, 8, WAIT);
	id = peer_expect_sent(fixture, 0, 8, WAIT);
	burst(fixture, 0, HELD);
	peer_answer(fixture, id + 1, 8);
	peer_send(fixture, &(struct peer_packet) { .type = 11, .flags = 0x80 });
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.refused, 2);
	peer_answer(fixture, id, 8);
	send_expect_answered(fixture, 0, 0, 8);
	/* And one that breaks the ring is noticed at once. */
	peer_send(fixture, &(struct peer_packet) {
		.type = 11, .lie = true, .offset8 = 2, .length8 = 4000,
	});
	KUNIT_EXPECT_EQ(test,
			fixture->channel->refusals[VMB_REFUSAL_LENGTH_BEYOND_AVAILABLE], 1);
}

/* A close waits for the client, and the client for the peer's word on its memory. */
static void completions_are_read_in_a_close(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct bio_vec vector = { .bv_len = 8 };
	struct sent_packet sent = {};
	u32 i;

	channel_configure(fixture, LARGEST, 17, 17);
	send_allow_external(fixture);
	channel_hold_at_most(fixture, HELD);
	vector.bv_page = send_pages(fixture, 0);
	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, send_external(fixture, 0, &vector, 1, WAIT), 0);
	KUNIT_ASSERT_TRUE(test, peer_take(fixture, &sent));
	burst(fixture, 0, HELD);
	channel_help(fixture, channel_help_disable);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&fixture->suspended,
							  CHANNEL_FIXTURE_PATIENCE), 0);
	while (vmb_inbound_mode(&fixture->channel->inbound) != VMB_DRAIN_DISCARDING)
		cond_resched();
	peer_answer(fixture, sent.transaction_id, 8);
	send_expect_answered(fixture, 0, 0, 8);
	for (i = 0; i < HELD; i++)
		channel_complete(fixture, i, NULL, 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
}

/* Of a client that gives back one after the other not each has a drain of its own. */
static void several_are_taken_back(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 count, i, batches = 0;

	channel_configure(fixture, 8, 17, 17);
	channel_hold_at_most(fixture, 272);
	channel_enable(fixture);
	count = fixture->channel->pool.count;
	burst(fixture, 0, 2 * count);
	KUNIT_ASSERT_EQ(test, fixture->packet_count, count);
	/* No softirq of this CPU, so no timer, comes before we let it. */
	local_bh_disable();
	for (i = 0; i < count; i++) {
		u32 before = fixture->packet_count;

		channel_complete(fixture, i, NULL, 0);
		if (fixture->transport.scheduled) {
			fixture->transport.scheduled = false;
			vmb_channel_interrupt(fixture->channel);
		}
		batches += fixture->packet_count != before;
	}
	local_bh_enable();
	KUNIT_EXPECT_LE(test, batches, count / 8);
	expect_fed(fixture, 2 * count);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 2 * count);
}

/* But one that is all there will be is not kept waiting. */
static void one_is_enough(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 count;

	channel_configure(fixture, 8, 17, 17);
	channel_hold_at_most(fixture, 272);
	channel_enable(fixture);
	count = fixture->channel->pool.count;
	burst(fixture, 0, count + 1);
	channel_complete(fixture, 0, NULL, 0);
	expect_fed(fixture, count + 1);
}

/*
 * The cache counts for ever, and its numbers begin anew after 2^32 packets: nothing
 * is lost, nothing comes twice, and a callback is told from none.
 */
static void numbers_begin_anew(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet_cache *cache = &fixture->channel->inbound.cache;
	u32 round, i, sent = 0;

	channel_configure(fixture, LARGEST, 17, 17);
	channel_hold_at_most(fixture, HELD);
	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, cache->mask, HELD - 1);
	/* As if so many had been here: the places stay the same. */
	cache->head -= 3 * HELD;
	cache->tail -= 3 * HELD;
	cache->over -= 3 * HELD;
	for (round = 0; round < 6; round++) {
		fixture->process = round % 2 ? channel_complete_inline : NULL;
		burst(fixture, sent, HELD);
		KUNIT_ASSERT_EQ(test, fixture->packet_count, sent + HELD);
		for (i = sent; i < sent + HELD; i++) {
			KUNIT_EXPECT_EQ(test, fixture->packets[i].transaction_id, i);
			channel_complete(fixture, i, NULL, 0);
		}
		sent += HELD;
		memory_transport_run(&fixture->transport, fixture->channel);
		KUNIT_EXPECT_LE(test, cache->tail - cache->head, HELD);
	}
	KUNIT_EXPECT_LT(test, cache->tail, 6 * HELD);
	KUNIT_EXPECT_LT(test, cache->head, 6 * HELD);
}

static struct kunit_case inbound_pool_cases[] = {
	KUNIT_CASE(follows_the_ring),
	KUNIT_CASE(follows_a_larger_ring),
	KUNIT_CASE(no_more_than_so_much_memory),
	KUNIT_CASE(few_at_first),
	KUNIT_CASE(grows_with_the_client),
	KUNIT_CASE(one_comes_back_first),
	KUNIT_CASE(server_has_all),
	KUNIT_CASE(no_memory_for_more),
	KUNIT_CASE(closed_without_memory),
	KUNIT_CASE(as_the_client_says),
	KUNIT_CASE(no_more_than_the_ring_holds),
	KUNIT_CASE(completions_are_read_while_starved),
	KUNIT_CASE(wrong_completions_while_starved),
	KUNIT_CASE(completions_are_read_in_a_close),
	KUNIT_CASE(several_are_taken_back),
	KUNIT_CASE(one_is_enough),
	KUNIT_CASE(numbers_begin_anew),
	{}
};

static struct kunit_suite inbound_pool_suite = {
	.name = "vmbkmcl_inbound_pool",
	.init = inbound_pool_init,
	.exit = send_fixture_exit,
	.test_cases = inbound_pool_cases,
};

kunit_test_suite(inbound_pool_suite);
