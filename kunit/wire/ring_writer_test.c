// SPDX-License-Identifier: GPL-2.0
/*
 * What the writing end puts into a ring, when it tells the peer, and what it
 * says when there is no room.
 */
#include <kunit/test.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/string.h>

#include "../fixtures/ring_image.h"

#define RING_SIZE	1024
#define MAXIMUM_PAYLOAD	600

struct fixture {
	struct ring_image image;
	struct vmb_ring_writer writer;
	u32 needed;
	u8 payload[MAXIMUM_PAYLOAD + 1];
};

static int ring_writer_init(struct kunit *test)
{
	struct fixture *fixture = kunit_kzalloc(test, sizeof(*fixture), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fixture);
	ring_image_init(test, &fixture->image, RING_SIZE);
	vmb_ring_writer_init(&fixture->writer, &fixture->image.ring);
	test->priv = fixture;
	return 0;
}

/* Both ends stand at index, as after many packets. */
static void start_at(struct fixture *fixture, u32 index)
{
	fixture->writer.read_index = index;
	fixture->writer.published_index = index;
	fixture->writer.write_index = index;
	fixture->writer.room = RING_SIZE;
	ring_image_set(&fixture->image, RING_IMAGE_READ_INDEX, index);
	ring_image_set(&fixture->image, RING_IMAGE_WRITE_INDEX, index);
}

/* The peer has read everything before index. */
static void peer_reads(struct fixture *fixture, u32 index)
{
	ring_image_set(&fixture->image, RING_IMAGE_READ_INDEX, index);
}

/* An in-band packet without a completion, its payload from an odd address. */
static enum vmb_ring_status write_one(struct fixture *fixture, u32 length, u8 seed)
{
	const struct vmb_ring_outbound_packet packet = {
		.transaction_id = 0x1122334455667788,
		.type = 6,
		.payload = fixture->payload + 1,
		.payload_length = length,
	};

	ring_image_fill(fixture->payload + 1, seed, min_t(u32, length, MAXIMUM_PAYLOAD));
	return vmb_ring_write(&fixture->writer, &packet, &fixture->needed);
}

/* As whoever completes in the callback does it: what is short is written inline. */
static enum vmb_ring_status write_completion(struct fixture *fixture, u64 transaction_id,
					     const void *payload, u32 length)
{
	const struct vmb_ring_outbound_packet packet = {
		.transaction_id = transaction_id,
		.type = 11,
		.payload = payload,
		.payload_length = length,
	};

	if (vmb_ring_write_short(&fixture->writer, 11, transaction_id, payload, length,
				 false))
		return VMB_RING_DONE;
	return vmb_ring_write(&fixture->writer, &packet, &fixture->needed);
}

static void init_leaves_shared_memory_alone(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	memset(fixture->image.control, RING_IMAGE_UNTOUCHED, 4096);
	vmb_ring_writer_init(&fixture->writer, &fixture->image.ring);
	KUNIT_EXPECT_TRUE(test, ring_image_is_untouched(fixture->image.control, 4096));
}

static void empty_packet_is_descriptor_and_trailer(struct kunit *test)
{
	static const u8 expected[] = {
		0x0b, 0x00, 0x02, 0x00, 0x02, 0x00, 0x00, 0x00,
		0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		RING_IMAGE_UNTOUCHED,
	};
	const struct vmb_ring_outbound_packet packet = {
		.transaction_id = 0x0102030405060708, .type = 11,
	};
	struct fixture *fixture = test->priv;

	KUNIT_ASSERT_EQ(test, vmb_ring_write(&fixture->writer, &packet, &fixture->needed),
			VMB_RING_DONE);
	KUNIT_EXPECT_MEMEQ(test, fixture->image.data, expected, sizeof(expected));
}

static void range_list_stands_before_the_payload(struct kunit *test)
{
	static const u8 expected[] = {
		0x09, 0x00, 0x04, 0x00, 0x05, 0x00, 0x01, 0x00,
		0x2a, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		'r', 'a', 'n', 'g', 'e', '-', 'l', 'i',
		's', 't', '-', 'o', 'f', '-', '1', '6',
		'p', 'a', 'y', 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x40, 0x00, 0x00, 0x00,
		RING_IMAGE_UNTOUCHED,
	};
	const struct vmb_ring_outbound_packet packet = {
		.transaction_id = 42, .type = 9, .flags = 1,
		.ranges = "range-list-of-16", .ranges_length = 16,
		.payload = "pay", .payload_length = 3,
	};
	struct fixture *fixture = test->priv;

	start_at(fixture, 0x40);
	KUNIT_ASSERT_EQ(test, vmb_ring_write(&fixture->writer, &packet, &fixture->needed),
			VMB_RING_DONE);
	KUNIT_EXPECT_MEMEQ(test, fixture->image.data + 0x40, expected, sizeof(expected));
}

/* One for every place of a ring that a packet can begin at, whatever is in it. */
static const u8 places[RING_SIZE / 8];

static void place_describe(const u8 *place, char *description)
{
	snprintf(description, KUNIT_PARAM_DESC_SIZE, "index %td", (place - places) * 8);
}

KUNIT_ARRAY_PARAM(place, places, place_describe);

static void every_length_is_written_at_every_index(struct kunit *test)
{
	u32 index = ((const u8 *)test->param_value - places) * 8;
	struct fixture *fixture = test->priv;
	u32 length;

	for (length = 0; length <= MAXIMUM_PAYLOAD; length += length < 72 ? 1 : 37) {
		const struct ring_image_packet expected = {
			.type = 6, .offset8 = 2, .length8 = 2 + (length + 7) / 8,
			.transaction_id = 0x1122334455667788,
			.body = length, .body_padding = -length % 8, .seed = (u8)length,
		};
		u32 total = 16 + (length + 7) / 8 * 8 + 8;

		start_at(fixture, index);
		memset(fixture->image.data, RING_IMAGE_UNTOUCHED, RING_SIZE);
		KUNIT_ASSERT_EQ(test, write_one(fixture, length, (u8)length), VMB_RING_DONE);
		ring_image_expect(test, &fixture->image, index, &expected);
		/* The word behind it is not touched, nor the one before. */
		KUNIT_ASSERT_EQ(test, fixture->image.data[(index + total) % RING_SIZE],
				RING_IMAGE_UNTOUCHED);
		KUNIT_ASSERT_EQ(test, fixture->image.data[(index - 1) % RING_SIZE],
				RING_IMAGE_UNTOUCHED);
		KUNIT_ASSERT_EQ(test, vmb_ring_writer_uncommitted(&fixture->writer), total);
	}
	ring_image_expect_guards(test, &fixture->image);
}

static void every_completion_is_written_at_every_index(struct kunit *test)
{
	u32 index = ((const u8 *)test->param_value - places) * 8;
	struct fixture *fixture = test->priv;
	u32 length;

	for (length = 0; length <= MAXIMUM_PAYLOAD; length += length < 72 ? 1 : 37) {
		const struct ring_image_packet expected = {
			.type = 11, .offset8 = 2, .length8 = 2 + (length + 7) / 8,
			.transaction_id = 0x8877665544332211,
			.body = length, .body_padding = -length % 8, .seed = (u8)length,
		};

		start_at(fixture, index);
		ring_image_fill(fixture->payload + 1, (u8)length, length);
		KUNIT_ASSERT_EQ(test, write_completion(fixture, 0x8877665544332211,
						       fixture->payload + 1, length),
				VMB_RING_DONE);
		ring_image_expect(test, &fixture->image, index, &expected);
		KUNIT_ASSERT_EQ(test, vmb_ring_writer_uncommitted(&fixture->writer),
				16 + (length + 7) / 8 * 8 + 8);
		KUNIT_ASSERT_EQ(test, vmb_ring_writer_free(&fixture->writer),
				RING_SIZE - vmb_ring_writer_uncommitted(&fixture->writer));
	}
	ring_image_expect_guards(test, &fixture->image);
}

static void completion_finds_no_room_in_a_full_ring(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	KUNIT_ASSERT_EQ(test, write_one(fixture, 600, 0), VMB_RING_DONE);
	KUNIT_EXPECT_EQ(test, write_completion(fixture, 1, fixture->payload, 400 - 24),
			VMB_RING_FULL);
	KUNIT_EXPECT_EQ(test, write_completion(fixture, 1, fixture->payload, 400 - 32),
			VMB_RING_DONE);
}

static void completion_of_a_lost_writer_is_lost(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	peer_reads(fixture, 0xffffffff);
	KUNIT_ASSERT_EQ(test, vmb_ring_writer_free(&fixture->writer), 0);
	KUNIT_EXPECT_EQ(test, write_completion(fixture, 1, NULL, 0), VMB_RING_LOST);
}

static void range_list_may_cross_the_end(struct kunit *test)
{
	const struct ring_image_packet expected = {
		.type = 7, .offset8 = 12, .length8 = 22, .flags = 1,
		.body = 160, .seed = 9,
	};
	struct fixture *fixture = test->priv;
	struct vmb_ring_outbound_packet packet = {
		.type = 7, .flags = 1, .ranges_length = 80, .payload_length = 80,
	};
	u32 index;

	ring_image_fill(fixture->payload, 9, 160);
	packet.ranges = fixture->payload;
	packet.payload = fixture->payload + 80;
	for (index = RING_SIZE - 192; index < RING_SIZE; index += 8) {
		start_at(fixture, index);
		KUNIT_ASSERT_EQ(test, vmb_ring_write(&fixture->writer, &packet,
						     &fixture->needed), VMB_RING_DONE);
		ring_image_expect(test, &fixture->image, index, &expected);
	}
	ring_image_expect_guards(test, &fixture->image);
}

static void peer_is_shown_nothing_before_commit(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	KUNIT_ASSERT_EQ(test, write_one(fixture, 8, 0), VMB_RING_DONE);
	KUNIT_ASSERT_EQ(test, write_one(fixture, 16, 0), VMB_RING_DONE);
	KUNIT_EXPECT_EQ(test, ring_image_get(&fixture->image, RING_IMAGE_WRITE_INDEX), 0);
	vmb_ring_writer_commit(&fixture->writer);
	KUNIT_EXPECT_EQ(test, ring_image_get(&fixture->image, RING_IMAGE_WRITE_INDEX), 32 + 40);
	KUNIT_EXPECT_EQ(test, vmb_ring_writer_uncommitted(&fixture->writer), 0);
}

static void commit_signals_an_empty_ring(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	KUNIT_ASSERT_EQ(test, write_one(fixture, 8, 0), VMB_RING_DONE);
	KUNIT_ASSERT_EQ(test, write_one(fixture, 8, 0), VMB_RING_DONE);
	KUNIT_EXPECT_TRUE(test, vmb_ring_writer_commit(&fixture->writer));
	/* The peer has read all: empty again. */
	peer_reads(fixture, 64);
	KUNIT_ASSERT_EQ(test, write_one(fixture, 8, 0), VMB_RING_DONE);
	KUNIT_EXPECT_TRUE(test, vmb_ring_writer_commit(&fixture->writer));
}

static void commit_does_not_signal_a_ring_with_packets(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	write_one(fixture, 8, 0);
	write_one(fixture, 8, 0);
	vmb_ring_writer_commit(&fixture->writer);
	peer_reads(fixture, 32);
	write_one(fixture, 8, 0);
	KUNIT_EXPECT_FALSE(test, vmb_ring_writer_commit(&fixture->writer));
}

static void commit_does_not_signal_behind_a_mask(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	ring_image_set(&fixture->image, RING_IMAGE_INTERRUPT_MASK, 1);
	write_one(fixture, 8, 0);
	KUNIT_EXPECT_FALSE(test, vmb_ring_writer_commit(&fixture->writer));
}

static void commit_of_nothing_does_nothing(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	ring_image_set(&fixture->image, RING_IMAGE_WRITE_INDEX, 0x12345678);
	KUNIT_EXPECT_FALSE(test, vmb_ring_writer_commit(&fixture->writer));
	KUNIT_EXPECT_EQ(test, ring_image_get(&fixture->image, RING_IMAGE_WRITE_INDEX),
			0x12345678);
}

static void full_ring_says_how_much_is_needed(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	KUNIT_ASSERT_EQ(test, write_one(fixture, 600, 0), VMB_RING_DONE);
	/* 400 bytes are left; 401 and the frame around them need 432. */
	KUNIT_EXPECT_EQ(test, write_one(fixture, 401, 0), VMB_RING_FULL);
	KUNIT_EXPECT_EQ(test, fixture->needed, 16 + 408 + 8);
	KUNIT_EXPECT_EQ(test, vmb_ring_writer_uncommitted(&fixture->writer), 624);
}

static void ring_is_never_filled_completely(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	KUNIT_ASSERT_EQ(test, write_one(fixture, 600, 0), VMB_RING_DONE);
	KUNIT_EXPECT_EQ(test, vmb_ring_writer_free(&fixture->writer), 400);
	KUNIT_EXPECT_EQ(test, write_one(fixture, 400 - 24, 0), VMB_RING_FULL);
	KUNIT_EXPECT_EQ(test, fixture->needed, 400);
	KUNIT_EXPECT_EQ(test, write_one(fixture, 400 - 32, 0), VMB_RING_DONE);
	KUNIT_EXPECT_EQ(test, vmb_ring_writer_free(&fixture->writer), 8);
}

static void full_ring_stays_as_it_was(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u8 *before = kunit_kmalloc(test, RING_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, before);
	write_one(fixture, 600, 1);
	vmb_ring_writer_commit(&fixture->writer);
	memcpy(before, fixture->image.data, RING_SIZE);
	KUNIT_EXPECT_EQ(test, write_one(fixture, 500, 2), VMB_RING_FULL);
	KUNIT_EXPECT_MEMEQ(test, fixture->image.data, before, RING_SIZE);
	KUNIT_EXPECT_EQ(test, ring_image_get(&fixture->image, RING_IMAGE_WRITE_INDEX), 624);
}

static void unread_is_what_the_peer_has_not_read_by_now(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct vmb_ring_writer *writer = &fixture->writer;

	write_one(fixture, 600, 0);
	vmb_ring_writer_commit(&fixture->writer);
	KUNIT_EXPECT_EQ(test, vmb_ring_writer_unread(writer), 624);
	/* The writer needs no room, and has not looked. */
	peer_reads(fixture, 624);
	KUNIT_EXPECT_EQ(test, vmb_ring_writer_unread(writer), 0);
	KUNIT_EXPECT_EQ(test, writer->read_index, 0);
	/* Nonsense is nothing that was read. */
	peer_reads(fixture, RING_SIZE);
	KUNIT_EXPECT_EQ(test, vmb_ring_writer_unread(writer), 624);
	peer_reads(fixture, 12);
	KUNIT_EXPECT_EQ(test, vmb_ring_writer_unread(writer), 624);
	KUNIT_EXPECT_EQ(test, writer->lost, VMB_REFUSAL_NONE);
}

static void room_is_found_when_the_peer_has_read(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	write_one(fixture, 600, 0);
	vmb_ring_writer_commit(&fixture->writer);
	KUNIT_EXPECT_EQ(test, write_one(fixture, 600, 0), VMB_RING_FULL);
	peer_reads(fixture, 624);
	KUNIT_EXPECT_EQ(test, write_one(fixture, 600, 0), VMB_RING_DONE);
}

static void packet_that_can_never_fit_needs_the_ring_or_more(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, write_one(fixture, RING_SIZE - 24, 0), VMB_RING_FULL);
	KUNIT_EXPECT_EQ(test, fixture->needed, RING_SIZE);
	KUNIT_EXPECT_EQ(test, write_one(fixture, 524265, 0), VMB_RING_FULL);
	KUNIT_EXPECT_EQ(test, fixture->needed, U32_MAX);
	KUNIT_EXPECT_EQ(test, fixture->writer.lost, VMB_REFUSAL_NONE);
}

/* What a packet takes: descriptor 16, trailer 8, at most 0xffff words. */
static const struct size_case {
	u32 ranges;
	u32 payload;
	int error;
	u32 size;
} size_cases[] = {
	{ 0, 0, 0, 24 },
	{ 0, 1, 0, 32 },
	{ 0, 8, 0, 32 },
	{ 0, 9, 0, 40 },
	{ 16, 8, 0, 48 },
	{ 8, 0, 0, 32 },
	{ 0, 524264, 0, 524288 },
	{ 0, 524263, 0, 524288 },
	{ 524264, 0, 0, 524288 },
	{ 0, 524265, -EMSGSIZE, 0 },
	{ 8, 524257, -EMSGSIZE, 0 },
	{ 0, U32_MAX, -EMSGSIZE, 0 },
	{ U32_MAX - 7, U32_MAX, -EMSGSIZE, 0 },
	{ U32_MAX - 7, 8, -EMSGSIZE, 0 },
	{ 4, 0, -EINVAL, 0 },
	{ 15, 8, -EINVAL, 0 },
};

static void describe_size(const struct size_case *size, char *description)
{
	snprintf(description, KUNIT_PARAM_DESC_SIZE, "ranges %u, payload %u", size->ranges,
		 size->payload);
}

KUNIT_ARRAY_PARAM(size, size_cases, describe_size);

static void packet_size_counts_frame_and_padding(struct kunit *test)
{
	const struct size_case *expected = test->param_value;
	u32 size = 0;

	KUNIT_EXPECT_EQ(test, vmb_ring_packet_size(expected->ranges, expected->payload, &size),
			expected->error);
	KUNIT_EXPECT_EQ(test, size, expected->size);
}

/*
 * What the peer can do to a writer that stands at 624, with 200 bytes read and
 * known to be read.
 */
static const struct lost_case {
	const char *name;
	enum ring_image_field field;
	u32 value;
	enum vmb_refusal refusal;
} lost_cases[] = {
	{ "read_index at the size", RING_IMAGE_READ_INDEX, RING_SIZE,
	  VMB_REFUSAL_INDEX_RANGE },
	{ "read_index far out", RING_IMAGE_READ_INDEX, 0xfffffff8, VMB_REFUSAL_INDEX_RANGE },
	{ "read_index 201", RING_IMAGE_READ_INDEX, 201, VMB_REFUSAL_INDEX_ALIGNMENT },
	{ "read_index 204", RING_IMAGE_READ_INDEX, 204, VMB_REFUSAL_INDEX_ALIGNMENT },
	{ "read_index 207", RING_IMAGE_READ_INDEX, 207, VMB_REFUSAL_INDEX_ALIGNMENT },
	{ "read_index one word back", RING_IMAGE_READ_INDEX, 192,
	  VMB_REFUSAL_INDEX_BACKWARDS },
	{ "read_index one word past ours", RING_IMAGE_READ_INDEX, 632,
	  VMB_REFUSAL_INDEX_BACKWARDS },
	{ "read_index in what is not shown yet", RING_IMAGE_READ_INDEX, 656,
	  VMB_REFUSAL_INDEX_BACKWARDS },
	{ "our write_index moved on", RING_IMAGE_WRITE_INDEX, 632,
	  VMB_REFUSAL_INDEX_OURS_CHANGED },
	{ "our write_index is nonsense", RING_IMAGE_WRITE_INDEX, 0xffffffff,
	  VMB_REFUSAL_INDEX_OURS_CHANGED },
};

static void describe_lost(const struct lost_case *lost, char *description)
{
	strscpy(description, lost->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(lost, lost_cases, describe_lost);

static void impossible_index_loses_framing(struct kunit *test)
{
	const struct lost_case *lost = test->param_value;
	struct fixture *fixture = test->priv;

	KUNIT_ASSERT_EQ(test, write_one(fixture, 600, 0), VMB_RING_DONE);
	vmb_ring_writer_commit(&fixture->writer);
	peer_reads(fixture, 200);
	KUNIT_ASSERT_EQ(test, vmb_ring_writer_free(&fixture->writer), 600);
	/* One that is written and not shown. */
	KUNIT_ASSERT_EQ(test, write_one(fixture, 8, 0), VMB_RING_DONE);

	ring_image_set(&fixture->image, lost->field, lost->value);
	memset(fixture->image.data, RING_IMAGE_UNTOUCHED, RING_SIZE);
	KUNIT_EXPECT_EQ(test, write_one(fixture, 560, 0), VMB_RING_LOST);
	KUNIT_EXPECT_EQ(test, fixture->writer.lost, lost->refusal);

	/* For ever, also for what would have fitted, and also if mended. */
	ring_image_set(&fixture->image, RING_IMAGE_READ_INDEX, 200);
	ring_image_set(&fixture->image, RING_IMAGE_WRITE_INDEX, 624);
	KUNIT_EXPECT_EQ(test, write_one(fixture, 0, 0), VMB_RING_LOST);
	KUNIT_EXPECT_EQ(test, vmb_ring_writer_free(&fixture->writer), 0);
	KUNIT_EXPECT_EQ(test, fixture->writer.lost, lost->refusal);
	KUNIT_EXPECT_TRUE(test, ring_image_is_untouched(fixture->image.data, RING_SIZE));
}

static void read_index_is_fetched_when_it_is_needed_only(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	peer_reads(fixture, 0xffffffff);
	KUNIT_EXPECT_EQ(test, write_one(fixture, 600, 0), VMB_RING_DONE);
	KUNIT_EXPECT_EQ(test, write_one(fixture, 600, 0), VMB_RING_LOST);
}

static void waiting_writer_says_so(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	vmb_ring_writer_wait_for_room(&fixture->writer, 512);
	KUNIT_EXPECT_EQ(test, ring_image_get(&fixture->image, RING_IMAGE_PENDING_SEND_SIZE),
			512);
	vmb_ring_writer_wait_for_room(&fixture->writer, 0);
	KUNIT_EXPECT_EQ(test, ring_image_get(&fixture->image, RING_IMAGE_PENDING_SEND_SIZE), 0);
}

static void waiting_writer_wants_a_quarter_of_the_ring(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	vmb_ring_writer_wait_for_room(&fixture->writer, 24);
	KUNIT_EXPECT_EQ(test, ring_image_get(&fixture->image, RING_IMAGE_PENDING_SEND_SIZE),
			RING_SIZE / 4);
	vmb_ring_writer_wait_for_room(&fixture->writer, RING_SIZE / 4 + 8);
	KUNIT_EXPECT_EQ(test, ring_image_get(&fixture->image, RING_IMAGE_PENDING_SEND_SIZE),
			RING_SIZE / 4 + 8);
}

/*
 * A big packet waits, a small one still fits and is sent: whoever waits for the
 * big one's room must hear of it.
 */
static void bug_3_small_packet_leaves_pending_send_size(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	write_one(fixture, 600, 0);
	vmb_ring_writer_commit(&fixture->writer);
	KUNIT_ASSERT_EQ(test, write_one(fixture, 500, 0), VMB_RING_FULL);
	vmb_ring_writer_wait_for_room(&fixture->writer, fixture->needed);
	KUNIT_ASSERT_EQ(test, write_one(fixture, 8, 0), VMB_RING_DONE);
	vmb_ring_writer_commit(&fixture->writer);
	KUNIT_EXPECT_EQ(test, ring_image_get(&fixture->image, RING_IMAGE_PENDING_SEND_SIZE),
			16 + 504 + 8);
}

static struct kunit_case ring_writer_cases[] = {
	KUNIT_CASE(init_leaves_shared_memory_alone),
	KUNIT_CASE(empty_packet_is_descriptor_and_trailer),
	KUNIT_CASE(range_list_stands_before_the_payload),
	KUNIT_CASE_PARAM(every_length_is_written_at_every_index, place_gen_params),
	KUNIT_CASE_PARAM(every_completion_is_written_at_every_index, place_gen_params),
	KUNIT_CASE(completion_finds_no_room_in_a_full_ring),
	KUNIT_CASE(completion_of_a_lost_writer_is_lost),
	KUNIT_CASE(range_list_may_cross_the_end),
	KUNIT_CASE(peer_is_shown_nothing_before_commit),
	KUNIT_CASE(commit_signals_an_empty_ring),
	KUNIT_CASE(commit_does_not_signal_a_ring_with_packets),
	KUNIT_CASE(commit_does_not_signal_behind_a_mask),
	KUNIT_CASE(commit_of_nothing_does_nothing),
	KUNIT_CASE(full_ring_says_how_much_is_needed),
	KUNIT_CASE(ring_is_never_filled_completely),
	KUNIT_CASE(full_ring_stays_as_it_was),
	KUNIT_CASE(unread_is_what_the_peer_has_not_read_by_now),
	KUNIT_CASE(room_is_found_when_the_peer_has_read),
	KUNIT_CASE(packet_that_can_never_fit_needs_the_ring_or_more),
	KUNIT_CASE_PARAM(packet_size_counts_frame_and_padding, size_gen_params),
	KUNIT_CASE_PARAM(impossible_index_loses_framing, lost_gen_params),
	KUNIT_CASE(read_index_is_fetched_when_it_is_needed_only),
	KUNIT_CASE(waiting_writer_says_so),
	KUNIT_CASE(waiting_writer_wants_a_quarter_of_the_ring),
	KUNIT_CASE(bug_3_small_packet_leaves_pending_send_size),
	{}
};

static struct kunit_suite ring_writer_suite = {
	.name = "vmbkmcl_ring_writer",
	.init = ring_writer_init,
	.test_cases = ring_writer_cases,
};

kunit_test_suite(ring_writer_suite);
