// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of external data that is in one piece, whatever it was described by: it is
 * mapped as one, as far as a mapping goes.
 */
#include <kunit/test.h>
#include <linux/mm.h>
#include <linux/sizes.h>

#include "send_memory.h"

#define P	((u32)PAGE_SIZE)

/* Vectors, by the number of their page; and the entries that they are to become. */
struct neighbours {
	u32 vectors[7][3];
	u32 vector_count;
	u32 offset;
	u32 length;
	u32 most;
	u32 entries[5][3];
	u32 entry_count;
};

static const struct neighbours neighbours[] = {
	/* Whole pages; and what comes before and behind them. */
	{ { { 0, 0, P }, { 1, 0, P }, { 2, 0, P } }, 3,
	  .entries = { { 0, 0, 3 * P } }, .entry_count = 1 },
	{ { { 0, 100, P - 100 }, { 1, 0, P }, { 2, 0, P }, { 3, 0, 50 } }, 4,
	  .entries = { { 0, 100, 3 * P - 50 } }, .entry_count = 1 },
	{ { { 0, 0, P }, { 1, 0, 2 * P }, { 3, 0, P } }, 3,
	  .entries = { { 0, 0, 4 * P } }, .entry_count = 1 },
	{ { { 1, 0, P }, { 2, 0, 0 }, { 2, 0, 10 } }, 3,
	  .entries = { { 1, 0, P + 10 } }, .entry_count = 1 },
	/* No neighbours, or not seen from there. */
	{ { { 1, 0, P }, { 0, 0, P }, { 2, 0, P }, { 3, 0, P } }, 4,
	  .entries = { { 1, 0, P }, { 0, 0, P }, { 2, 0, 2 * P } }, .entry_count = 3 },
	{ { { 1, 0, P }, { 1, 0, P }, { 2, 0, P - 1 }, { 3, 0, P } }, 4,
	  .entries = { { 1, 0, P }, { 1, 0, 2 * P - 1 }, { 3, 0, P } }, .entry_count = 3 },
	{ { { 1, 0, P }, { 2, 1, P - 1 }, { 3, 0, P } }, 3,
	  .entries = { { 1, 0, P }, { 2, 1, 2 * P - 1 } }, .entry_count = 2 },
	/* A part of them. */
	{ { { 0, 0, P }, { 1, 0, P }, { 2, 0, P } }, 3, .offset = P + 904,
	  .entries = { { 1, 904, 2 * P - 904 } }, .entry_count = 1 },
	{ { { 0, 0, P }, { 1, 0, P }, { 2, 0, P } }, 3, .offset = 8, .length = 2 * P,
	  .entries = { { 0, 8, 2 * P } }, .entry_count = 1 },
	{ { { 0, 0, P }, { 1, 0, P }, { 2, 0, P } }, 3, .length = P,
	  .entries = { { 0, 0, P } }, .entry_count = 1 },
	/* More than there is anywhere, of which a page is meant. */
	{ { { 0, 0, (u32)-P } }, 1, .length = P,
	  .entries = { { 0, 0, P } }, .entry_count = 1 },
	/* Where a mapping has a limit, bounce buffers for it would have to be in a row. */
	{ { { 0, 0, P }, { 1, 0, P }, { 2, 0, P }, { 3, 0, P }, { 4, 0, 1 } }, 5,
	  .most = 64 * P, .entries = { { 0, 0, P }, { 1, 0, P }, { 2, 0, P },
					{ 3, 0, P }, { 4, 0, 1 } },
	  .entry_count = 5 },
	/* As long as a mapping can be. */
	{ { { 0, 0, 4 * P }, { 4, 0, 1 } }, 2,
	  .most = 2 * P, .entries = { { 0, 0, 2 * P }, { 2, 0, 2 * P }, { 4, 0, 1 } },
	  .entry_count = 3 },
};

/* Their pages have @size bytes each. */
static void expect_entries(struct channel_fixture *fixture, struct page *base, u32 size,
			   const u32 entries[][3], u32 count)
{
	const struct vmb_packet_external *external = send_external_of(fixture, 0);
	struct kunit *test = fixture->test;
	u32 i;

	KUNIT_ASSERT_EQ(test, external->count, count);
	for (i = 0; i < count; i++) {
		KUNIT_EXPECT_EQ(test, (sg_page(&external->table[i]) - base) * PAGE_SIZE +
				external->table[i].offset, entries[i][0] * size + entries[i][1]);
		KUNIT_EXPECT_LT(test, external->table[i].offset, PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, external->table[i].length, entries[i][2]);
	}
}

/* Pages that are neighbours in RAM are mapped as one piece. */
static void neighbours_are_one_piece(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet *packet = send_make(fixture, 0);
	struct page *base = send_pages(fixture, 3);
	struct bio_vec vectors[7];
	u32 i, k;

	send_reach(fixture, DMA_BIT_MASK(64));
	channel_enable(fixture);
	for (i = 0; i < ARRAY_SIZE(neighbours); i++) {
		const struct neighbours *these = &neighbours[i];
		struct sent_packet sent = {};

		for (k = 0; k < these->vector_count; k++)
			vectors[k] = (struct bio_vec) {
				.bv_page = base + these->vectors[k][0],
				.bv_offset = these->vectors[k][1],
				.bv_len = these->vectors[k][2],
			};
		fixture->transport.device.dma_most = these->most ?: U32_MAX;
		KUNIT_ASSERT_EQ(test, vmb_packet_send_with_external_mdl(packet, NULL, 0, vectors,
									these->vector_count,
									these->offset,
									these->length, WAIT), 0);
		expect_entries(fixture, base, P, these->entries, these->entry_count);
		KUNIT_ASSERT_TRUE(test, peer_take(fixture, &sent));
		peer_make_room(fixture);
		peer_answer(fixture, sent.transaction_id, 0);
		send_expect_end(fixture, i, 0, 0);
		send_expect_released(fixture, 0);
	}
}

/*
 * The same of page frames. Those in one page of this kernel are one piece in any case; here
 * a seam of its pages is behind the first of them.
 */
static void neighbouring_frames_are_one_piece(struct kunit *test)
{
	enum { F = SEND_FRAMES_IN_PAGE };
	static const u32 order[] = { F - 1, F, F + 1, F + 3, F + 2 };
	static const u32 joined[][3] = {
		{ F - 1, 0, 12288 }, { F + 3, 0, 4096 }, { F + 2, 0, 4096 },
	};
	static const u32 limited_by_pages[][3] = {
		{ F - 1, 0, 4096 }, { F, 0, 8192 }, { F + 3, 0, 4096 }, { F + 2, 0, 4096 },
	};
	static const u32 limited_by_frames[][3] = {
		{ F - 1, 0, 4096 }, { F, 0, 4096 }, { F + 1, 0, 4096 }, { F + 3, 0, 4096 },
		{ F + 2, 0, 4096 },
	};
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet *packet = send_make(fixture, 0);
	struct page *base = send_pages(fixture, 3);
	u64 pfns[ARRAY_SIZE(order)], seen[ARRAY_SIZE(order)], id;
	u32 i, limited;

	send_reach(fixture, DMA_BIT_MASK(64));
	channel_enable(fixture);
	for (i = 0; i < ARRAY_SIZE(order); i++)
		pfns[i] = send_frame(base) + order[i];
	for (limited = 0; limited < 2; limited++) {
		fixture->transport.device.dma_most = limited ? 64 * P : U32_MAX;
		KUNIT_ASSERT_EQ(test,
				vmb_packet_send_with_external_pfns(packet, NULL, 0, pfns,
								   ARRAY_SIZE(pfns), WAIT), 0);
		if (!limited)
			expect_entries(fixture, base, SEND_FRAME, joined, ARRAY_SIZE(joined));
		else if (F > 1)
			expect_entries(fixture, base, SEND_FRAME, limited_by_pages,
				       ARRAY_SIZE(limited_by_pages));
		else
			expect_entries(fixture, base, SEND_FRAME, limited_by_frames,
				       ARRAY_SIZE(limited_by_frames));
		id = send_take_range(fixture, ARRAY_SIZE(pfns) * 4096, 0, seen);
		for (i = 0; i < ARRAY_SIZE(pfns) && !send_bounces(fixture); i++)
			KUNIT_EXPECT_EQ(test, seen[i], pfns[i]);
		peer_answer(fixture, id, 0);
		send_expect_released(fixture, 0);
	}
}

static struct kunit_case send_neighbours_cases[] = {
	KUNIT_CASE(neighbours_are_one_piece),
	KUNIT_CASE(neighbouring_frames_are_one_piece),
	{}
};

/* The name ends as those of the suites that also run where everything bounces. */
static struct kunit_suite send_neighbours_suite = {
	.name = "vmbkmcl_send_neighbours_memory",
	.init = send_memory_init,
	.exit = send_fixture_exit,
	.test_cases = send_neighbours_cases,
};

kunit_test_suite(send_neighbours_suite);
