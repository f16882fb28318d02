// SPDX-License-Identifier: GPL-2.0
/*
 * A client and a server of one kernel that send each other packets: each ends
 * once on both ends, whoever goes first, in rings as small as they may be.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "../../drivers/kmcl/compat.h"
#include "../fixtures/traffic_fixture.h"

static void both_ways(struct kunit *test)
{
	struct traffic *traffic = traffic_init(test, 0);
	u32 i;

	for (i = 0; i < PACKETS; i++) {
		KUNIT_ASSERT_EQ(test, traffic_send(&traffic->client, NULL, 0), 0);
		KUNIT_ASSERT_EQ(test, traffic_send(&traffic->server, NULL, 0), 0);
	}
	traffic_expect_received(&traffic->server, PACKETS);
	traffic_expect_received(&traffic->client, PACKETS);
	traffic_complete_held(&traffic->server);
	traffic_complete_held(&traffic->client);
	traffic_expect_answered(&traffic->client, PACKETS);
	traffic_expect_answered(&traffic->server, PACKETS);
	traffic_expect_balance(&traffic->client);
	traffic_expect_balance(&traffic->server);
}

/* The server sees the client's own pages, and what it writes there is there. */
static void external_data_without_a_copy(struct kunit *test)
{
	struct traffic *traffic = traffic_init(test, 0);
	struct page *pages[3];
	struct bio_vec vectors[3];
	u32 i;

	for (i = 0; i < 3; i++) {
		pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		KUNIT_ASSERT_NOT_NULL(test, pages[i]);
		memset(page_address(pages[i]), 0x10 + i, PAGE_SIZE);
		vectors[i] = (struct bio_vec) {
			.bv_page = pages[i], .bv_offset = 8 * i, .bv_len = 100 + i,
		};
	}
	KUNIT_EXPECT_EQ(test, traffic_send(&traffic->server, vectors, 3), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, traffic_send(&traffic->client, vectors, 3), 0);
	traffic_expect_received(&traffic->server, 1);
	traffic_complete_held(&traffic->server);
	traffic_expect_answered(&traffic->client, 1);
	KUNIT_EXPECT_EQ(test, traffic->server.external_error, 0);
	KUNIT_EXPECT_EQ(test, traffic->server.seen_count, 3);
	for (i = 0; i < 3; i++) {
		u8 *memory = page_address(pages[i]);

		KUNIT_EXPECT_PTR_EQ(test, traffic->server.seen_pages[i], pages[i]);
		KUNIT_EXPECT_NULL(test, memchr_inv(memory, 0x10 + i, 8 * i));
		KUNIT_EXPECT_NULL(test, memchr_inv(memory + 8 * i, 0x11 + i, 100 + i));
		KUNIT_EXPECT_NULL(test, memchr_inv(memory + 8 * i + 100 + i, 0x10 + i,
						   PAGE_SIZE - 8 * i - 100 - i));
		KUNIT_EXPECT_EQ(test, page_count(pages[i]), 1);
		__free_page(pages[i]);
	}
}

static const u32 page_counts[] = { 2, 3, 5 };

KUNIT_ARRAY_PARAM(page_count, page_counts, NULL);

/*
 * Both rings are full most of the time, in both directions, and both ends hold
 * packets back: nobody waits for who waits for him.
 */
static void through_small_rings(struct kunit *test)
{
	const u32 *pages = test->param_value;
	struct traffic *traffic = traffic_init(test, *pages);
	const u64 count = 10000;

	traffic->client.target = count;
	traffic->server.target = count;
	queue_work(system_dfl_wq, &traffic->client.work);
	queue_work(system_dfl_wq, &traffic->server.work);
	traffic_expect_received(&traffic->client, count);
	traffic_expect_received(&traffic->server, count);
	traffic_expect_answered(&traffic->client, count);
	traffic_expect_answered(&traffic->server, count);
	traffic_stop(&traffic->client);
	traffic_stop(&traffic->server);
	traffic_expect_balance(&traffic->client);
	traffic_expect_balance(&traffic->server);
	KUNIT_EXPECT_EQ(test, traffic->client.end->channel->counters.stalls, 0);
	KUNIT_EXPECT_EQ(test, traffic->server.end->channel->counters.stalls, 0);
}

/* Nothing is answered, so everything is in flight, both ways. */
static void fill_both(struct kunit *test, struct traffic *traffic)
{
	u32 i;

	traffic->client.hold = true;
	traffic->server.hold = true;
	for (i = 0; i < PACKETS; i++) {
		KUNIT_ASSERT_EQ(test, traffic_send(&traffic->client, NULL, 0), 0);
		KUNIT_ASSERT_EQ(test, traffic_send(&traffic->server, NULL, 0), 0);
	}
	traffic_expect_received(&traffic->client, PACKETS);
	traffic_expect_received(&traffic->server, PACKETS);
}

/* The one that goes ends its own; the other hears of it, and ends its own. */
static void dies_first(struct kunit *test, struct traffic *traffic, struct traffic_end *dying,
		       struct traffic_end *other)
{
	fill_both(test, traffic);
	loopback_disable_on_worker(dying->end);
	loopback_expect(dying->end, LOOPBACK_SUSPEND, 1);
	/* It waits for what its driver holds. */
	msleep(20);
	KUNIT_EXPECT_EQ(test, loopback_happened(dying->end, LOOPBACK_CLOSED), 0);
	traffic_expect_ended(dying, PACKETS);
	KUNIT_EXPECT_EQ(test, dying->failed, PACKETS);
	traffic_complete_held(dying);
	/* And a client for what the server's driver holds of it. */
	traffic_complete_held(other);
	loopback_expect_helped(dying->end);
	loopback_expect(other->end, LOOPBACK_CLOSED, 1);
	traffic_expect_ended(other, PACKETS);
	traffic_expect_balance(dying);
	traffic_expect_balance(other);
}

static void client_dies_first(struct kunit *test)
{
	struct traffic *traffic = traffic_init(test, 0);
	u32 i;

	dies_first(test, traffic, &traffic->client, &traffic->server);
	/* And comes back. */
	traffic->client.hold = false;
	traffic->server.hold = false;
	loopback_orphan(traffic->client.end);
	loopback_orphan(traffic->server.end);
	loopback_enable(traffic->client.end);
	loopback_expect(traffic->client.end, LOOPBACK_STARTED, 1);
	loopback_expect(traffic->server.end, LOOPBACK_STARTED, 1);
	for (i = 0; i < PACKETS; i++) {
		KUNIT_ASSERT_EQ(test, traffic_send(&traffic->client, NULL, 0), 0);
		KUNIT_ASSERT_EQ(test, traffic_send(&traffic->server, NULL, 0), 0);
	}
	traffic_expect_received(&traffic->server, 2 * PACKETS);
	traffic_expect_received(&traffic->client, 2 * PACKETS);
	traffic_complete_held(&traffic->server);
	traffic_complete_held(&traffic->client);
	traffic_expect_ended(&traffic->client, 2 * PACKETS);
	traffic_expect_ended(&traffic->server, 2 * PACKETS);
	traffic_expect_balance(&traffic->client);
	traffic_expect_balance(&traffic->server);
}

static void server_dies_first(struct kunit *test)
{
	struct traffic *traffic = traffic_init(test, 0);

	dies_first(test, traffic, &traffic->server, &traffic->client);
	loopback_expect_disabled(traffic->client.end);
	KUNIT_EXPECT_EQ(test, traffic_send(&traffic->client, NULL, 0), -ENODEV);
}

/* Each goes while both send as fast as they can. */
static void goes_in_full_traffic(struct kunit *test)
{
	struct traffic *traffic = traffic_init(test, 2);
	u32 round;

	for (round = 0; round < 20; round++) {
		struct traffic_end *dying = round % 2 ? &traffic->client : &traffic->server;

		traffic->client.target = U64_MAX;
		traffic->server.target = U64_MAX;
		traffic->client.stop = false;
		traffic->server.stop = false;
		queue_work(system_dfl_wq, &traffic->client.work);
		queue_work(system_dfl_wq, &traffic->server.work);
		msleep(5 + round);
		loopback_disable_on_worker(dying->end);
		loopback_expect_helped(dying->end);
		traffic_stop(&traffic->client);
		traffic_stop(&traffic->server);
		loopback_expect_disabled(traffic->client.end);
		loopback_disable(traffic->server.end);
		traffic_expect_balance(&traffic->client);
		traffic_expect_balance(&traffic->server);
		loopback_orphan(traffic->client.end);
		loopback_orphan(traffic->server.end);
		loopback_enable(traffic->server.end);
		loopback_enable(traffic->client.end);
		loopback_expect(traffic->client.end, LOOPBACK_STARTED, 1);
		loopback_expect(traffic->server.end, LOOPBACK_STARTED, 1);
	}
	KUNIT_EXPECT_GT(test, traffic->client.answered, 0);
	KUNIT_EXPECT_GT(test, traffic->server.answered, 0);
}

static struct kunit_case loopback_traffic_cases[] = {
	KUNIT_CASE(both_ways),
	KUNIT_CASE(external_data_without_a_copy),
	KUNIT_CASE_PARAM(through_small_rings, page_count_gen_params),
	KUNIT_CASE(client_dies_first),
	KUNIT_CASE(server_dies_first),
	KUNIT_CASE_SLOW(goes_in_full_traffic),
	{}
};

static struct kunit_suite loopback_traffic_suite = {
	.name = "vmbkmcl_loopback_traffic",
	.init = loopback_fixture_init,
	.exit = traffic_exit,
	.test_cases = loopback_traffic_cases,
};

kunit_test_suite(loopback_traffic_suite);
