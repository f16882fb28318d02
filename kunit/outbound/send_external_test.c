// SPDX-License-Identifier: GPL-2.0
/*
 * External data of packets that a client sends: which pages the peer is told of,
 * byte by byte, and what is refused.
 */
#include <kunit/test.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/uio.h>

#include "../../drivers/kmcl/outbound.h"
#include "../fixtures/send_fixture.h"

/* Neighbours in RAM that the vectors lie in. */
#define ORDER		5
#define IN_ONLY		VMB_CHANNEL_FORMAT_FLAG_DATA_IN_ONLY
#define OUT_ONLY	VMB_CHANNEL_FORMAT_FLAG_DATA_OUT_ONLY
#define FORCE		VMB_CHANNEL_FORMAT_FLAG_FORCE_MDL_LENGTH

/* A vector, by the number of its page, of those that the peer knows. */
struct piece {
	u32 page;
	u32 offset;
	u32 length;
};

/* What the peer is to be told: one range. */
struct expected_range {
	u32 bytes;
	u32 offset;
	u32 page_count;
	u8 pages[20];
};

/**
 * struct shape - some memory, and how it looks on the wire
 * @name: for the log.
 * @pieces: vectors.
 * @piece_count: of @pieces.
 * @offset: given to send_with_external_mdl().
 * @length: given to it, too.
 * @flags: besides WAIT_FOR_COMPLETION.
 * @error: what it returns.
 * @range_count: if that is 0.
 * @ranges: on the wire, if that is 0.
 */
struct shape {
	const char *name;
	struct piece pieces[34];
	u32 piece_count;
	u32 offset;
	u32 length;
	u32 flags;
	int error;
	u32 range_count;
	struct expected_range ranges[8];
};

static const struct shape shapes[] = {
	{ "a page", { { 0, 0, 4096 } }, 1,
	  .range_count = 1, .ranges = { { 4096, 0, 1, { 0 } } } },
	{ "inside a page", { { 3, 100, 50 } }, 1,
	  .range_count = 1, .ranges = { { 50, 100, 1, { 3 } } } },
	{ "one byte", { { 3, 4095, 1 } }, 1,
	  .range_count = 1, .ranges = { { 1, 4095, 1, { 3 } } } },
	{ "across a seam", { { 0, 4095, 2 } }, 1,
	  .range_count = 1, .ranges = { { 2, 4095, 2, { 0, 1 } } } },
	{ "many pages", { { 0, 100, 8192 } }, 1,
	  .range_count = 1, .ranges = { { 8192, 100, 3, { 0, 1, 2 } } } },
	{ "to the end of a page", { { 0, 100, 8092 } }, 1,
	  .range_count = 1, .ranges = { { 8092, 100, 2, { 0, 1 } } } },
	{ "offset beyond the page", { { 0, 5000, 100 } }, 1,
	  .range_count = 1, .ranges = { { 100, 904, 1, { 1 } } } },
	{ "meets at a seam", { { 0, 100, 3996 }, { 5, 0, 4096 } }, 2,
	  .range_count = 1, .ranges = { { 8092, 100, 2, { 0, 5 } } } },
	{ "meets at seams, short end", { { 9, 4000, 96 }, { 5, 0, 8192 }, { 2, 0, 1 } }, 3,
	  .range_count = 1, .ranges = { { 8289, 4000, 4, { 9, 5, 6, 2 } } } },
	{ "ends before the seam", { { 0, 0, 100 }, { 1, 0, 200 } }, 2,
	  .range_count = 2, .ranges = { { 100, 0, 1, { 0 } }, { 200, 0, 1, { 1 } } } },
	{ "begins behind the seam", { { 0, 0, 4096 }, { 1, 8, 100 } }, 2,
	  .range_count = 2, .ranges = { { 4096, 0, 1, { 0 } }, { 100, 8, 1, { 1 } } } },
	{ "the same page twice", { { 4, 0, 4096 }, { 4, 0, 4096 } }, 2,
	  .range_count = 1, .ranges = { { 8192, 0, 2, { 4, 4 } } } },
	{ "backwards", { { 2, 0, 4096 }, { 1, 0, 4096 }, { 0, 0, 4096 } }, 3,
	  .range_count = 1, .ranges = { { 12288, 0, 3, { 2, 1, 0 } } } },
	{ "empty vectors", { { 3, 0, 0 }, { 0, 16, 16 }, { 3, 7, 0 }, { 1, 0, 8 }, { 3, 0, 0 } }, 5,
	  .range_count = 2, .ranges = { { 16, 16, 1, { 0 } }, { 8, 0, 1, { 1 } } } },
	{ "an empty vector at a seam", { { 0, 0, 4096 }, { 3, 9, 0 }, { 7, 0, 96 } }, 3,
	  .range_count = 1, .ranges = { { 4192, 0, 2, { 0, 7 } } } },

	{ "more empty vectors than entries",
	  { { 0, 0, 4096 }, [32] = { 7, 0, 96 } }, 33,
	  .range_count = 1, .ranges = { { 4192, 0, 2, { 0, 7 } } } },
	{ "empty vectors at the end", { { 0, 0, 4096 }, { 7, 0, 96 } }, 34,
	  .range_count = 1, .ranges = { { 4192, 0, 2, { 0, 7 } } } },
	{ "empty vectors at the end, with a length", { { 0, 0, 4096 }, { 7, 0, 96 } }, 34,
	  .length = 4192, .range_count = 1, .ranges = { { 4192, 0, 2, { 0, 7 } } } },
	{ "more empty vectors, and less than the length", { { 0, 0, 4096 } }, 34,
	  .length = 4097, .error = -EINVAL },

	{ "from an offset", { { 0, 0, 100 }, { 1, 0, 100 } }, 2, .offset = 50,
	  .range_count = 2, .ranges = { { 50, 50, 1, { 0 } }, { 100, 0, 1, { 1 } } } },
	{ "from the second", { { 0, 0, 100 }, { 1, 0, 100 } }, 2, .offset = 100,
	  .range_count = 1, .ranges = { { 100, 0, 1, { 1 } } } },
	{ "the last byte", { { 0, 0, 100 }, { 1, 0, 100 } }, 2, .offset = 199,
	  .range_count = 1, .ranges = { { 1, 99, 1, { 1 } } } },
	{ "part of the second", { { 0, 0, 100 }, { 1, 8, 100 } }, 2, .offset = 150, .length = 20,
	  .range_count = 1, .ranges = { { 20, 58, 1, { 1 } } } },
	{ "into the second", { { 0, 0, 100 }, { 1, 8, 100 } }, 2, .offset = 50, .length = 51,
	  .range_count = 2, .ranges = { { 50, 50, 1, { 0 } }, { 1, 8, 1, { 1 } } } },
	{ "not into the second", { { 0, 0, 100 }, { 1, 8, 100 } }, 2, .offset = 50, .length = 50,
	  .range_count = 1, .ranges = { { 50, 50, 1, { 0 } } } },
	{ "all that there is", { { 0, 0, 100 }, { 1, 0, 100 } }, 2, .length = 200,
	  .range_count = 2, .ranges = { { 100, 0, 1, { 0 } }, { 100, 0, 1, { 1 } } } },
	{ "an offset of pages", { { 0, 0, 16384 } }, 1, .offset = 8192, .length = 8192,
	  .range_count = 1, .ranges = { { 8192, 0, 2, { 2, 3 } } } },
	{ "an offset in the third page", { { 1, 10, 16384 } }, 1, .offset = 8200, .length = 4096,
	  .range_count = 1, .ranges = { { 4096, 18, 2, { 3, 4 } } } },
	{ "offset at the end", { { 0, 0, 100 } }, 1, .offset = 100, .error = -EINVAL },
	{ "offset beyond the end", { { 0, 0, 100 } }, 1, .offset = U32_MAX, .error = -EINVAL },
	{ "one byte too many", { { 0, 0, 100 }, { 1, 0, 100 } }, 2, .length = 201,
	  .error = -EINVAL },
	{ "too many behind the offset", { { 0, 0, 100 } }, 1, .offset = 50, .length = 51,
	  .error = -EINVAL },
	{ "nothing at all", { { 0, 0, 0 } }, 1, .error = -EINVAL },
	{ "no vectors", .error = -EINVAL },

	{ "forced to the end of the page", { { 0, 100, 50 } }, 1, .length = 3996,
	  .flags = FORCE, .range_count = 1, .ranges = { { 3996, 100, 1, { 0 } } } },
	{ "forced from an offset", { { 0, 100, 50 } }, 1, .offset = 10, .length = 3986,
	  .flags = FORCE, .range_count = 1, .ranges = { { 3986, 110, 1, { 0 } } } },
	{ "forced behind the vector", { { 0, 100, 50 } }, 1, .offset = 60, .length = 10,
	  .flags = FORCE, .range_count = 1, .ranges = { { 10, 160, 1, { 0 } } } },
	{ "forced within the vector", { { 0, 100, 50 }, { 1, 0, 50 } }, 2, .length = 20,
	  .flags = FORCE, .range_count = 1, .ranges = { { 20, 100, 1, { 0 } } } },
	/* The vectors are one list: pages that lie anywhere, and the last may go on. */
	{ "forced over scattered pages", { { 9, 3584, 512 }, { 2, 0, 4096 }, { 5, 0, 100 } }, 3,
	  .length = 512 + 4096 + 512, .flags = FORCE,
	  .range_count = 1, .ranges = { { 5120, 3584, 3, { 9, 2, 5 } } } },
	{ "forced to the end of scattered pages",
	  { { 9, 3584, 512 }, { 2, 0, 4096 }, { 5, 0, 1 } }, 3, .length = 512 + 4096 + 4096,
	  .flags = FORCE, .range_count = 1, .ranges = { { 8704, 3584, 3, { 9, 2, 5 } } } },
	{ "forced from an offset in scattered pages",
	  { { 9, 3584, 512 }, { 2, 0, 4096 }, { 5, 0, 100 } }, 3, .offset = 1024, .length = 4096,
	  .flags = FORCE, .range_count = 1, .ranges = { { 4096, 512, 2, { 2, 5 } } } },
	{ "forced from behind the last vector's end", { { 9, 0, 4096 }, { 5, 0, 100 } }, 2,
	  .offset = 4096 + 200, .length = 8,
	  .flags = FORCE, .range_count = 1, .ranges = { { 8, 200, 1, { 5 } } } },
	{ "forced within scattered pages",
	  { { 9, 3584, 512 }, { 2, 0, 4096 }, { 5, 0, 100 } }, 3, .length = 600,
	  .flags = FORCE, .range_count = 1, .ranges = { { 600, 3584, 2, { 9, 2 } } } },
	{ "forced, and only the last goes on", { { 0, 100, 50 }, { 7, 0, 50 } }, 2,
	  .length = 200, .flags = FORCE,
	  .range_count = 2, .ranges = { { 50, 100, 1, { 0 } }, { 150, 0, 1, { 7 } } } },
	{ "forced behind an empty vector", { { 0, 0, 100 }, { 3, 9, 0 } }, 2, .length = 200,
	  .flags = FORCE, .range_count = 1, .ranges = { { 200, 0, 1, { 0 } } } },
	{ "forced over nothing", { { 0, 9, 0 }, { 3, 9, 0 } }, 2, .length = 8,
	  .flags = FORCE, .error = -EINVAL },
	{ "forced and too long", { { 0, 0, U32_MAX }, { 1, 0, U32_MAX } }, 2,
	  .offset = U32_MAX, .length = U32_MAX, .flags = FORCE, .error = -EMSGSIZE },
	{ "forced with as many bytes as may be",
	  { { 0, 0, 4096 }, { 2, 0, 4096 }, { 4, 0, 49152 }, { 16, 0, 8192 - 4095 } }, 4,
	  .length = 65536, .flags = FORCE,
	  .range_count = 1, .ranges = { { 65536, 0, 16,
		{ 0, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17 } } } },
	{ "forced in the last page", { { 0, 0, 4097 } }, 1, .length = 8192,
	  .flags = FORCE, .range_count = 1, .ranges = { { 8192, 0, 2, { 0, 1 } } } },
	{ "forced without a length", { { 0, 0, 4096 } }, 1,
	  .flags = FORCE, .error = -EINVAL },
	{ "forced with an overflow", { { 0, 0, 4096 } }, 1, .offset = 0xfffff000, .length = 4097,
	  .flags = FORCE, .error = -EINVAL },

	{ "in only", { { 0, 0, 8 } }, 1, .flags = IN_ONLY,
	  .range_count = 1, .ranges = { { 8, 0, 1, { 0 } } } },
	{ "out only", { { 0, 0, 8 } }, 1, .flags = OUT_ONLY,
	  .range_count = 1, .ranges = { { 8, 0, 1, { 0 } } } },
	{ "in and out only", { { 0, 0, 8 } }, 1, .flags = IN_ONLY | OUT_ONLY, .error = -EINVAL },

	{ "as many bytes as may be", { { 0, 0, 65536 } }, 1,
	  .range_count = 1, .ranges = { { 65536, 0, 16,
		{ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 } } } },
	{ "as many bytes across a seam more", { { 0, 1, 65536 } }, 1,
	  .range_count = 1, .ranges = { { 65536, 1, 17,
		{ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 } } } },
	{ "a byte more", { { 0, 0, 65537 } }, 1, .error = -EMSGSIZE },
	{ "a byte more in the second", { { 0, 0, 65536 }, { 16, 0, 1 } }, 2, .error = -EMSGSIZE },
	{ "a part of too much", { { 0, 0, 131072 } }, 1, .offset = 65536, .length = 65536,
	  .range_count = 1, .ranges = { { 65536, 0, 16,
		{ 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31 } } } },
	{ "as many ranges as may be",
	  { { 0, 1, 1 }, { 1, 1, 1 }, { 2, 1, 1 }, { 3, 1, 1 }, { 4, 1, 1 }, { 5, 1, 1 },
	    { 6, 1, 1 }, { 7, 1, 1 } }, 8,
	  .range_count = 8, .ranges = { { 1, 1, 1, { 0 } }, { 1, 1, 1, { 1 } }, { 1, 1, 1, { 2 } },
		{ 1, 1, 1, { 3 } }, { 1, 1, 1, { 4 } }, { 1, 1, 1, { 5 } }, { 1, 1, 1, { 6 } },
		{ 1, 1, 1, { 7 } } } },
	{ "a range more",
	  { { 0, 1, 1 }, { 1, 1, 1 }, { 2, 1, 1 }, { 3, 1, 1 }, { 4, 1, 1 }, { 5, 1, 1 },
	    { 6, 1, 1 }, { 7, 1, 1 }, { 8, 1, 1 } }, 9, .error = -EMSGSIZE },
	/* Vectors are not ranges: what meets at a seam is one. */
	{ "more vectors than ranges",
	  { { 0, 0, 4096 }, { 2, 0, 4096 }, { 4, 0, 4096 }, { 6, 0, 4096 }, { 8, 0, 4096 },
	    { 10, 0, 4096 }, { 12, 0, 4096 }, { 14, 0, 4096 }, { 16, 0, 4096 }, { 18, 0, 4096 } },
	  10, .range_count = 1, .ranges = { { 40960, 0, 10,
		{ 0, 2, 4, 6, 8, 10, 12, 14, 16, 18 } } } },
};

static void shape_name(const struct shape *shape, char *name)
{
	strscpy(name, shape->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(shape, shapes, shape_name);

static int external_init(struct kunit *test)
{
	int ret = send_fixture_init(test);
	struct channel_fixture *fixture = test->priv;

	if (ret)
		return ret;
	channel_configure(fixture, 256, 17, 17);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_external_data(fixture->channel, SZ_64K,
									 SEND_EXTERNAL_CHAIN), 0);
	return 0;
}

static void to_vectors(struct page *base, const struct piece *pieces, u32 count,
		       struct bio_vec *vectors)
{
	u32 i;

	for (i = 0; i < count; i++)
		vectors[i] = send_vector(base, pieces[i].page, pieces[i].offset,
					 pieces[i].length);
}

/*
 * The list as it has to lie between descriptor and payload: a word with the
 * number of ranges in its upper half; for each a word with its bytes below and
 * its offset above, and one for each page. Returns its length.
 */
static u32 lay_out(u8 *to, struct page *base, const struct expected_range *ranges, u32 count)
{
	u8 *position = to;
	u32 i, k;

	ring_image_put_le(position, (u64)count << 32, 8);
	position += 8;
	for (i = 0; i < count; i++) {
		ring_image_put_le(position, (u64)ranges[i].offset << 32 | ranges[i].bytes, 8);
		position += 8;
		for (k = 0; k < ranges[i].page_count; k++, position += 8)
			ring_image_put_le(position, send_frame(base) + ranges[i].pages[k], 8);
	}
	return position - to;
}

/* The next thing in the ring is packet 0 with this list. Returns its id. */
static u64 expect_list(struct channel_fixture *fixture, struct page *base,
		       const struct expected_range *ranges, u32 count, u32 payload)
{
	struct kunit *test = fixture->test;
	struct sent_packet sent = {};
	u8 list[512];
	u32 length = lay_out(list, base, ranges, count);

	KUNIT_ASSERT_TRUE(test, peer_take(fixture, &sent));
	KUNIT_EXPECT_EQ(test, sent.type, 9);
	KUNIT_EXPECT_EQ(test, sent.flags, 1);
	KUNIT_EXPECT_NE(test, sent.transaction_id, 0);
	KUNIT_ASSERT_EQ(test, sent.offset, 16 + length);
	KUNIT_EXPECT_EQ(test, sent.length, 16 + length + round_up(payload, 8));
	KUNIT_EXPECT_MEMEQ(test, sent.body, list, length);
	KUNIT_EXPECT_TRUE(test, ring_image_is_filled(sent.body + length, 0, payload));
	peer_make_room(fixture);
	return sent.transaction_id;
}

/* Nothing is left of the packet's external data. */
static void expect_released(struct channel_fixture *fixture)
{
	const struct vmb_packet *packet = sender_of(fixture)->packets[0];

	KUNIT_EXPECT_EQ(fixture->test, packet->external.count, 0);
	KUNIT_EXPECT_EQ(fixture->test, packet->external.mapped, 0);
}

/* What was mapped is what there is: the entry behind it is as it was made. */
static void expect_nothing_behind(struct channel_fixture *fixture)
{
	const struct vmb_packet_external *external = &sender_of(fixture)->packets[0]->external;

	KUNIT_ASSERT_LT(fixture->test, external->count, external->capacity);
	KUNIT_EXPECT_EQ(fixture->test, sg_dma_address(&external->table[external->count]), 0);
}

static void on_the_wire(struct kunit *test)
{
	const struct shape *shape = test->param_value;
	struct channel_fixture *fixture = test->priv;
	struct page *base = send_pages(fixture, ORDER);
	struct vmb_packet *packet = send_make(fixture, 0);
	struct bio_vec vectors[ARRAY_SIZE(shape->pieces)];
	u8 payload[16];

	to_vectors(base, shape->pieces, shape->piece_count, vectors);
	ring_image_fill(payload, 0, sizeof(payload));
	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, vmb_packet_send_with_external_mdl(packet, payload, sizeof(payload),
								vectors, shape->piece_count,
								shape->offset, shape->length,
								WAIT | shape->flags),
			shape->error);
	if (shape->error) {
		peer_expect_nothing(fixture);
		expect_released(fixture);
		send_expect_balance(fixture, 0, 0);
		/* It is as good as before. */
		send_one(fixture, 0, 8, WAIT);
		peer_answer(fixture, peer_expect_sent(fixture, 0, 8, WAIT), 0);
		send_expect_end(fixture, 0, 0, 0);
		return;
	}
	/* The array is not looked at any more. */
	memset(vectors, 0xa5, sizeof(vectors));
	expect_nothing_behind(fixture);
	peer_answer(fixture, expect_list(fixture, base, shape->ranges, shape->range_count,
					 sizeof(payload)), 8);
	send_expect_answered(fixture, 0, 0, 8);
	expect_released(fixture);
	KUNIT_EXPECT_EQ(test, page_count(base), 1);
}

/*
 * How far the list may go on is for the page that this kernel has, not for the peer's:
 * what is behind the last vector in it is the caller's.
 */
static const struct {
	struct piece pieces[3];
	u32 piece_count;
	u32 offset;
	u32 most;
} forced[] = {
	{ { { 0, 100, 50 } }, 1, .most = PAGE_SIZE - 100 },
	{ { { 0, 100, 50 } }, 1, .offset = 10, .most = PAGE_SIZE - 110 },
	{ { { 0, PAGE_SIZE - 8, 8 }, { 2, 0, PAGE_SIZE }, { 5, 0, 1 } }, 3,
	  .most = 8 + 2 * PAGE_SIZE },
	{ { { 0, 0, PAGE_SIZE + 1 } }, 1, .most = 2 * PAGE_SIZE },
	{ { { 0, 0, PAGE_SIZE } }, 1, .most = PAGE_SIZE },
};

static void forced_to_the_end_of_the_page(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct page *base = send_pages(fixture, ORDER);
	struct bio_vec vectors[3];
	struct vmb_packet *packet;
	u32 i, k;

	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_external_data(fixture->channel,
									 4 * PAGE_SIZE, 1), 0);
	packet = send_make(fixture, 0);
	channel_enable(fixture);
	for (i = 0; i < ARRAY_SIZE(forced); i++) {
		struct sent_packet sent = {};

		for (k = 0; k < forced[i].piece_count; k++)
			vectors[k] = (struct bio_vec) {
				.bv_page = base + forced[i].pieces[k].page,
				.bv_offset = forced[i].pieces[k].offset,
				.bv_len = forced[i].pieces[k].length,
			};
		KUNIT_EXPECT_EQ(test, vmb_packet_send_with_external_mdl(packet, NULL, 0, vectors,
									forced[i].piece_count,
									forced[i].offset,
									forced[i].most + 1,
									WAIT | FORCE), -EINVAL);
		expect_released(fixture);
		KUNIT_ASSERT_EQ(test, vmb_packet_send_with_external_mdl(packet, NULL, 0, vectors,
									forced[i].piece_count,
									forced[i].offset,
									forced[i].most,
									WAIT | FORCE), 0);
		KUNIT_ASSERT_TRUE(test, peer_take(fixture, &sent));
		/* Bytes of the one range. */
		KUNIT_EXPECT_EQ(test, le32_to_cpup((const __le32 *)(sent.body + 8)),
				forced[i].most);
		peer_make_room(fixture);
		peer_answer(fixture, sent.transaction_id, 0);
		send_expect_end(fixture, i, 0, 0);
		expect_released(fixture);
	}
}

/* Whoever gives up a packet says so, perhaps not as the first: one reference it is. */
static void pinned_once(struct kunit *test)
{
	static const struct expected_range ranges[] = { { 100, 0, 1, { 0 } } };
	struct channel_fixture *fixture = test->priv;
	struct page *base = send_pages(fixture, ORDER);
	struct vmb_packet *packet = send_make(fixture, 0);
	struct bio_vec vector;
	u8 payload[16];

	bvec_set_page(&vector, base, 100, 0);
	ring_image_fill(payload, 0, sizeof(payload));
	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, vmb_packet_send_with_external_mdl(packet, payload, sizeof(payload),
								&vector, 1, 0, 0, WAIT), 0);
	vmb_outbound_data_pin(packet);
	KUNIT_EXPECT_EQ(test, page_count(base), 2);
	vmb_outbound_data_pin(packet);
	KUNIT_EXPECT_EQ(test, page_count(base), 2);
	peer_answer(fixture, expect_list(fixture, base, ranges, 1, sizeof(payload)), 8);
	send_expect_answered(fixture, 0, 0, 8);
	expect_released(fixture);
	KUNIT_EXPECT_EQ(test, page_count(base), 1);
}

static void plain_send(struct kunit *test)
{
	static const struct expected_range ranges[] = { { 60, 20, 1, { 2 } }, { 9, 4, 1, { 1 } } };
	struct channel_fixture *fixture = test->priv;
	struct page *base = send_pages(fixture, ORDER);
	struct bio_vec vectors[2];

	to_vectors(base, (struct piece[]) { { 2, 20, 60 }, { 1, 4, 9 } }, 2, vectors);
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, send_external(fixture, 0, vectors, 2, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, send_external(fixture, 0, vectors, 2, IN_ONLY), -EINVAL);
	KUNIT_EXPECT_EQ(test, send_external(fixture, 0, vectors, 0, WAIT), -EINVAL);
	/* There is no length that could count. */
	KUNIT_EXPECT_EQ(test, send_external(fixture, 0, vectors, 2, WAIT | FORCE), -EINVAL);
	KUNIT_EXPECT_EQ(test, send_external(fixture, 0, vectors, 2, WAIT), 0);
	KUNIT_EXPECT_EQ(test, send_external(fixture, 0, vectors, 1, WAIT), -EBUSY);
	peer_answer(fixture, expect_list(fixture, base, ranges, 2, 0), 0);
	send_expect_end(fixture, 0, 0, 0);
	/* What it carried before is forgotten. */
	send_one(fixture, 0, 8, WAIT);
	peer_answer(fixture, peer_expect_sent(fixture, 0, 8, WAIT), 0);
	peer_expect_nothing(fixture);
}

static void iterator(struct kunit *test)
{
	static const struct expected_range whole[] = { { 100, 8, 1, { 0 } }, { 100, 0, 1, { 1 } } };
	static const struct expected_range rest[] = { { 30, 78, 1, { 0 } }, { 50, 0, 1, { 1 } } };
	static const struct expected_range second[] = { { 50, 40, 1, { 1 } } };
	struct channel_fixture *fixture = test->priv;
	struct page *base = send_pages(fixture, ORDER);
	struct vmb_packet *packet = send_make(fixture, 0);
	struct kvec kvec = { .iov_base = page_address(base), .iov_len = 8 };
	struct bio_vec vectors[2];
	struct iov_iter iter;

	to_vectors(base, (struct piece[]) { { 0, 8, 100 }, { 1, 0, 100 } }, 2, vectors);
	channel_enable(fixture);
	iov_iter_bvec(&iter, ITER_SOURCE, vectors, 2, 200);
	KUNIT_EXPECT_EQ(test, vmb_packet_send_with_external_iter(packet, NULL, 0, &iter, 0),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_packet_send_with_external_iter(packet, NULL, 0, &iter, WAIT), 0);
	KUNIT_EXPECT_EQ(test, iov_iter_count(&iter), 200);
	peer_answer(fixture, expect_list(fixture, base, whole, 2, 0), 0);
	iov_iter_advance(&iter, 70);
	iov_iter_truncate(&iter, 80);
	KUNIT_EXPECT_EQ(test, vmb_packet_send_with_external_iter(packet, NULL, 0, &iter, WAIT), 0);
	peer_answer(fixture, expect_list(fixture, base, rest, 2, 0), 0);
	iov_iter_bvec(&iter, ITER_SOURCE, vectors, 2, 200);
	iov_iter_advance(&iter, 140);
	iov_iter_truncate(&iter, 50);
	KUNIT_EXPECT_EQ(test, vmb_packet_send_with_external_iter(packet, NULL, 0, &iter, WAIT), 0);
	peer_answer(fixture, expect_list(fixture, base, second, 1, 0), 0);
	iov_iter_advance(&iter, 50);
	KUNIT_EXPECT_EQ(test, vmb_packet_send_with_external_iter(packet, NULL, 0, &iter, WAIT),
			-EINVAL);
	iov_iter_kvec(&iter, ITER_SOURCE, &kvec, 1, 8);
	KUNIT_EXPECT_EQ(test, vmb_packet_send_with_external_iter(packet, NULL, 0, &iter, WAIT),
			-EINVAL);
	send_expect_ends(fixture, 3);
	peer_expect_nothing(fixture);
}

static void page_frames(struct kunit *test)
{
	static const struct expected_range three[] = { { 12288, 0, 3, { 4, 5, 1 } } };
	struct channel_fixture *fixture = test->priv;
	struct page *base = send_pages(fixture, ORDER);
	struct vmb_packet *packet = send_make(fixture, 0);
	u64 pfns[17];
	u32 i;

	channel_enable(fixture);
	pfns[0] = send_frame(base) + 4;
	pfns[1] = send_frame(base) + 5;
	pfns[2] = send_frame(base) + 1;
	KUNIT_EXPECT_EQ(test, vmb_packet_send_with_external_pfns(packet, NULL, 0, pfns, 3, 0),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_packet_send_with_external_pfns(packet, NULL, 0, pfns, 3,
								 WAIT | FORCE), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_packet_send_with_external_pfns(packet, NULL, 0, pfns, 3,
								 WAIT | IN_ONLY | OUT_ONLY),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_packet_send_with_external_pfns(packet, NULL, 0, pfns, 0, WAIT),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_packet_send_with_external_pfns(packet, NULL, 0, pfns, 3, WAIT),
			0);
	peer_answer(fixture, expect_list(fixture, base, three, 1, 0), 0);
	send_expect_end(fixture, 0, 0, 0);
	expect_released(fixture);
	/* No memory. */
	pfns[1] = U64_MAX;
	KUNIT_EXPECT_EQ(test, vmb_packet_send_with_external_pfns(packet, NULL, 0, pfns, 3, WAIT),
			-EINVAL);
	pfns[1] = 1ull << 60;
	KUNIT_EXPECT_EQ(test, vmb_packet_send_with_external_pfns(packet, NULL, 0, pfns, 3, WAIT),
			-EINVAL);
	for (i = 0; i < ARRAY_SIZE(pfns); i++)
		pfns[i] = send_frame(base) + i;
	KUNIT_EXPECT_EQ(test, vmb_packet_send_with_external_pfns(packet, NULL, 0, pfns, 17, WAIT),
			-EMSGSIZE);
	KUNIT_EXPECT_EQ(test, vmb_packet_send_with_external_pfns(packet, NULL, 0, pfns, U32_MAX,
								 WAIT), -EMSGSIZE);
	expect_released(fixture);
	KUNIT_EXPECT_EQ(test, vmb_packet_send_with_external_pfns(packet, NULL, 0, pfns, 16, WAIT),
			0);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.sends, 2);
}

/*
 * The channel was disabled, and cleaned up with packets allocated: its device may be
 * gone, and is asked for nothing.
 */
static void device_is_gone(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_transport_device *device = fixture->channel->device;
	struct page *base = send_pages(fixture, ORDER);
	struct vmb_packet *packet = send_make(fixture, 0);
	const struct bio_vec vectors[] = {
		send_vector(base, 0, 0, SEND_FRAME),
		send_vector(base, 5, 0, SEND_FRAME),
	};
	u64 pfn = send_frame(base);

	channel_enable(fixture);
	channel_disable(fixture);
	fixture->channel->device = NULL;
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, NULL, 0, vectors, 0, WAIT), -ENODEV);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, NULL, 0, vectors, 1, WAIT), -ENODEV);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, NULL, 0, vectors, 2, WAIT), -ENODEV);
	KUNIT_EXPECT_EQ(test, vmb_packet_send_with_external_pfns(packet, NULL, 0, &pfn, 1, WAIT),
			-ENODEV);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, NULL, 0, NULL, 0, WAIT), -ENODEV);
	fixture->channel->device = device;
}

static struct kunit_case send_external_cases[] = {
	KUNIT_CASE_PARAM(on_the_wire, shape_gen_params),
	KUNIT_CASE(forced_to_the_end_of_the_page),
	KUNIT_CASE(pinned_once),
	KUNIT_CASE(plain_send),
	KUNIT_CASE(iterator),
	KUNIT_CASE(page_frames),
	KUNIT_CASE(device_is_gone),
	{}
};

static struct kunit_suite send_external_suite = {
	.name = "vmbkmcl_send_external",
	.init = external_init,
	.exit = send_fixture_exit,
	.test_cases = send_external_cases,
};

kunit_test_suite(send_external_suite);
