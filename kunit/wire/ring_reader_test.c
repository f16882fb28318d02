// SPDX-License-Identifier: GPL-2.0
/*
 * What the reading end takes out of a ring, and when it tells the peer. What it
 * refuses is in ring_refusal_test.c.
 */
#include <kunit/test.h>
#include <linux/string.h>

#include "../fixtures/ring_image.h"

#define RING_SIZE		1024
#define MAXIMUM_RANGES		128
#define MAXIMUM_PAYLOAD		512

struct fixture {
	struct ring_image image;
	struct vmb_ring_reader reader;
	struct vmb_ring_packet packet;
	enum vmb_refusal refusal;
	u8 buffer[MAXIMUM_RANGES + MAXIMUM_PAYLOAD] __aligned(8);
};

static int ring_reader_init(struct kunit *test)
{
	struct fixture *fixture = kunit_kzalloc(test, sizeof(*fixture), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fixture);
	ring_image_init(test, &fixture->image, RING_SIZE);
	vmb_ring_reader_init(&fixture->reader, &fixture->image.ring, MAXIMUM_RANGES,
			     MAXIMUM_PAYLOAD);
	memset(fixture->buffer, RING_IMAGE_UNTOUCHED, sizeof(fixture->buffer));
	test->priv = fixture;
	return 0;
}

static enum vmb_ring_status read_one(struct fixture *fixture)
{
	return vmb_ring_read(&fixture->reader, fixture->buffer, &fixture->packet,
			     &fixture->refusal);
}

/* The peer shows everything before index. */
static void publish(struct fixture *fixture, u32 index)
{
	ring_image_set(&fixture->image, RING_IMAGE_WRITE_INDEX, index);
}

/* Both ends stand at index, as after many packets. */
static void start_at(struct fixture *fixture, u32 index)
{
	fixture->reader.published_index = index;
	fixture->reader.write_index = index;
	vmb_ring_reader_move(&fixture->reader, index);
	ring_image_set(&fixture->image, RING_IMAGE_READ_INDEX, index);
	publish(fixture, index);
}

static void init_leaves_shared_memory_alone(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	memset(fixture->image.control, RING_IMAGE_UNTOUCHED, 4096);
	vmb_ring_reader_init(&fixture->reader, &fixture->image.ring, 0, 0);
	KUNIT_EXPECT_TRUE(test, ring_image_is_untouched(fixture->image.control, 4096));
}

static void empty_ring_is_empty(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, read_one(fixture), VMB_RING_EMPTY);
	KUNIT_EXPECT_EQ(test, read_one(fixture), VMB_RING_EMPTY);
}

static void descriptor_is_told(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	publish(fixture, ring_image_put_inband(&fixture->image, 0, 0x1122334455667788, 24, 3));
	KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_DONE);
	KUNIT_EXPECT_EQ(test, fixture->packet.type, 6);
	KUNIT_EXPECT_EQ(test, fixture->packet.flags, 1);
	KUNIT_EXPECT_EQ(test, fixture->packet.transaction_id, 0x1122334455667788);
	KUNIT_EXPECT_EQ(test, fixture->packet.ranges_length, 0);
	KUNIT_EXPECT_EQ(test, fixture->packet.payload_length, 24);
}

static void payload_is_copied_and_no_more(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	publish(fixture, ring_image_put_inband(&fixture->image, 0, 1, 24, 3));
	KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_DONE);
	KUNIT_EXPECT_TRUE(test, ring_image_is_filled(fixture->buffer, 3, 24));
	KUNIT_EXPECT_TRUE(test, ring_image_is_untouched(fixture->buffer + 24, 64));
}

static void range_list_and_payload_are_contiguous(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct ring_image_packet packet = {
		.type = 9, .offset8 = 2 + 5, .length8 = 2 + 5 + 3, .flags = 1,
		.transaction_id = 7, .body = 64, .seed = 11,
	};

	publish(fixture, ring_image_put(&fixture->image, 0, &packet));
	KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_DONE);
	KUNIT_EXPECT_EQ(test, fixture->packet.ranges_length, 40);
	KUNIT_EXPECT_EQ(test, fixture->packet.payload_length, 24);
	KUNIT_EXPECT_TRUE(test, ring_image_is_filled(fixture->buffer, 11, 64));
}

static void inband_may_have_range_list_bytes(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct ring_image_packet packet = {
		.type = 6, .offset8 = 4, .length8 = 5, .body = 24, .seed = 1,
	};

	publish(fixture, ring_image_put(&fixture->image, 0, &packet));
	KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_DONE);
	KUNIT_EXPECT_EQ(test, fixture->packet.ranges_length, 16);
	KUNIT_EXPECT_EQ(test, fixture->packet.payload_length, 8);
}

static const u16 types[] = { 6, 7, 9, 11 };

static void describe_type(const u16 *type, char *description)
{
	snprintf(description, KUNIT_PARAM_DESC_SIZE, "type %u", *type);
}

KUNIT_ARRAY_PARAM(type, types, describe_type);

static void every_type_of_data_is_read(struct kunit *test)
{
	const u16 *type = test->param_value;
	struct fixture *fixture = test->priv;
	const struct ring_image_packet packet = {
		.type = *type, .offset8 = 3, .length8 = 4, .body = 16,
	};

	publish(fixture, ring_image_put(&fixture->image, 0, &packet));
	KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_DONE);
	KUNIT_EXPECT_EQ(test, fixture->packet.type, *type);
}

/* One for every place of a ring that a packet can begin at, whatever is in it. */
static const u8 places[RING_SIZE / 8];

static void place_describe(const u8 *place, char *description)
{
	snprintf(description, KUNIT_PARAM_DESC_SIZE, "index %td", (place - places) * 8);
}

KUNIT_ARRAY_PARAM(place, places, place_describe);

static void every_length_is_read_at_every_index(struct kunit *test)
{
	u32 index = ((const u8 *)test->param_value - places) * 8;
	struct fixture *fixture = test->priv;
	u32 length;

	for (length = 0; length <= MAXIMUM_PAYLOAD; length += 8) {
		u32 next;

		start_at(fixture, index);
		next = ring_image_put_inband(&fixture->image, index, length, length,
					     (u8)(index + length));
		publish(fixture, next);
		memset(fixture->buffer, RING_IMAGE_UNTOUCHED, sizeof(fixture->buffer));

		KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_DONE);
		KUNIT_ASSERT_EQ(test, fixture->packet.transaction_id, length);
		KUNIT_ASSERT_EQ(test, fixture->packet.payload_length, length);
		KUNIT_ASSERT_TRUE(test, ring_image_is_filled(fixture->buffer,
							     (u8)(index + length), length));
		KUNIT_ASSERT_TRUE(test, ring_image_is_untouched(fixture->buffer + length,
								MAXIMUM_RANGES));
		KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_EMPTY);
		vmb_ring_reader_commit(&fixture->reader);
		KUNIT_ASSERT_EQ(test, ring_image_get(&fixture->image, RING_IMAGE_READ_INDEX),
				next);
	}
}

static void largest_packet_is_read(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct ring_image_packet packet = {
		.type = 9, .offset8 = 2 + MAXIMUM_RANGES / 8,
		.length8 = 2 + (MAXIMUM_RANGES + MAXIMUM_PAYLOAD) / 8,
		.body = MAXIMUM_RANGES + MAXIMUM_PAYLOAD, .seed = 5,
	};

	publish(fixture, ring_image_put(&fixture->image, 0, &packet));
	KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_DONE);
	KUNIT_EXPECT_TRUE(test, ring_image_is_filled(fixture->buffer, 5,
						     MAXIMUM_RANGES + MAXIMUM_PAYLOAD));
}

/* The ring is full but for the eight bytes that always stay free. */
static void full_ring_is_read_to_the_end(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u32 index = 512, i;

	start_at(fixture, index);
	for (i = 0; i < (RING_SIZE - 8) / 24; i++)
		index = ring_image_put_inband(&fixture->image, index, i, 0, 0);
	publish(fixture, index);
	for (i = 0; i < (RING_SIZE - 8) / 24; i++) {
		KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_DONE);
		KUNIT_ASSERT_EQ(test, fixture->packet.transaction_id, i);
	}
	KUNIT_EXPECT_EQ(test, read_one(fixture), VMB_RING_EMPTY);
	KUNIT_EXPECT_EQ(test, vmb_ring_reader_uncommitted(&fixture->reader), i * 24);
}

static void peer_is_told_nothing_before_commit(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	publish(fixture, ring_image_put_inband(&fixture->image, 0, 1, 8, 0));
	KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_DONE);
	KUNIT_EXPECT_EQ(test, ring_image_get(&fixture->image, RING_IMAGE_READ_INDEX), 0);
	KUNIT_EXPECT_EQ(test, vmb_ring_reader_uncommitted(&fixture->reader), 32);
	vmb_ring_reader_commit(&fixture->reader);
	KUNIT_EXPECT_EQ(test, ring_image_get(&fixture->image, RING_IMAGE_READ_INDEX), 32);
	KUNIT_EXPECT_EQ(test, vmb_ring_reader_uncommitted(&fixture->reader), 0);
}

static void one_commit_gives_back_several_packets(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u32 index = 0;

	index = ring_image_put_inband(&fixture->image, index, 1, 8, 0);
	index = ring_image_put_inband(&fixture->image, index, 2, 16, 0);
	index = ring_image_put_inband(&fixture->image, index, 3, 0, 0);
	publish(fixture, index);
	while (read_one(fixture) == VMB_RING_DONE)
		;
	vmb_ring_reader_commit(&fixture->reader);
	KUNIT_EXPECT_EQ(test, ring_image_get(&fixture->image, RING_IMAGE_READ_INDEX),
			32 + 40 + 24);
}

static void reader_alone_writes_read_index_and_mask(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u8 *before = kunit_kmalloc(test, 4096, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, before);
	publish(fixture, ring_image_put_inband(&fixture->image, 0, 1, 8, 0));
	memcpy(before, fixture->image.control, 4096);
	read_one(fixture);
	vmb_ring_reader_mask(&fixture->reader);
	vmb_ring_reader_commit(&fixture->reader);
	ring_image_put_le(before + RING_IMAGE_READ_INDEX, 32, 4);
	ring_image_put_le(before + RING_IMAGE_INTERRUPT_MASK, 1, 4);
	KUNIT_EXPECT_MEMEQ(test, fixture->image.control, before, 4096);
}

/*
 * When a commit signals: the peer has filled the ring but for `free` bytes with
 * packets of 32 bytes, waits for more than `pending`, and we read `packets`.
 */
static const struct commit_case {
	const char *name;
	u32 free;
	u32 pending;
	u32 packets;
	bool signal;
} commit_cases[] = {
	{ "nobody waits", 32, 0, 8, false },
	{ "room comes", 32, 64, 2, true },
	{ "room comes at once with much more", 32, 64, 31, true },
	{ "not enough yet", 32, 128, 2, false },
	{ "exactly as much is not enough", 32, 96, 2, false },
	{ "one byte less than comes is enough", 32, 95, 2, true },
	{ "there was enough before", 160, 128, 2, false },
	{ "exactly as much before was not enough", 128, 128, 1, true },
	{ "wants all of the ring but a byte", 32, RING_SIZE - 1, 31, true },
	{ "wants more than a ring", 32, RING_SIZE, 31, false },
	{ "wants nonsense", 32, 0xffffffff, 31, false },
	{ "nothing was read", 32, 31, 0, false },
};

static void describe_commit(const struct commit_case *commit, char *description)
{
	strscpy(description, commit->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(commit, commit_cases, describe_commit);

static void commit_signals_when_room_comes(struct kunit *test)
{
	const struct commit_case *commit = test->param_value;
	struct fixture *fixture = test->priv;
	u32 index = 608, used = 0, i;

	start_at(fixture, index);
	while (used < RING_SIZE - commit->free) {
		index = ring_image_put_inband(&fixture->image, index, 0, 8, 0);
		used += 32;
	}
	publish(fixture, index);
	for (i = 0; i < commit->packets; i++)
		KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_DONE);
	ring_image_set(&fixture->image, RING_IMAGE_PENDING_SEND_SIZE, commit->pending);
	KUNIT_EXPECT_EQ(test, vmb_ring_reader_commit(&fixture->reader), commit->signal);
}

static void second_commit_does_not_signal_again(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u32 index = 0, i;

	for (i = 0; i < 31; i++)
		index = ring_image_put_inband(&fixture->image, index, 0, 8, 0);
	publish(fixture, index);
	ring_image_set(&fixture->image, RING_IMAGE_PENDING_SEND_SIZE, 48);
	read_one(fixture);
	KUNIT_EXPECT_TRUE(test, vmb_ring_reader_commit(&fixture->reader));
	KUNIT_EXPECT_FALSE(test, vmb_ring_reader_commit(&fixture->reader));
	read_one(fixture);
	KUNIT_EXPECT_FALSE(test, vmb_ring_reader_commit(&fixture->reader));
}

/* A write_index that makes no sense gets no signal; the next read reports it. */
static const struct nonsense_case {
	const char *name;
	u32 write_index;
	enum vmb_refusal refusal;
} nonsense_cases[] = {
	{ "out of range", RING_SIZE, VMB_REFUSAL_INDEX_RANGE },
	{ "unaligned", 100, VMB_REFUSAL_INDEX_ALIGNMENT },
};

static void describe_nonsense(const struct nonsense_case *nonsense, char *description)
{
	strscpy(description, nonsense->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(nonsense, nonsense_cases, describe_nonsense);

static void commit_does_not_signal_nonsense(struct kunit *test)
{
	const struct nonsense_case *nonsense = test->param_value;
	struct fixture *fixture = test->priv;
	u32 index = 0, i;

	for (i = 0; i < 31; i++)
		index = ring_image_put_inband(&fixture->image, index, 0, 8, 0);
	publish(fixture, index);
	ring_image_set(&fixture->image, RING_IMAGE_PENDING_SEND_SIZE, 48);
	for (i = 0; i < 31; i++)
		KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_DONE);
	publish(fixture, nonsense->write_index);
	KUNIT_EXPECT_FALSE(test, vmb_ring_reader_commit(&fixture->reader));
	KUNIT_EXPECT_EQ(test, read_one(fixture), VMB_RING_LOST);
	KUNIT_EXPECT_EQ(test, fixture->refusal, nonsense->refusal);
}

/* The peer took back a packet that was read: no arithmetic on that. */
static void commit_does_not_signal_when_the_peer_goes_back(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u32 index;

	index = ring_image_put_inband(&fixture->image, 0, 0, 8, 0);
	publish(fixture, ring_image_put_inband(&fixture->image, index, 0, 8, 0));
	ring_image_set(&fixture->image, RING_IMAGE_PENDING_SEND_SIZE, RING_SIZE - 33);
	KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_DONE);
	KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_DONE);
	publish(fixture, 32);
	KUNIT_EXPECT_FALSE(test, vmb_ring_reader_commit(&fixture->reader));
}

/* One for which there is no room is put back, and read when there is; at any place. */
static void completion_waits_for_room(struct kunit *test)
{
	const struct ring_image_packet packet = {
		.type = 11, .offset8 = 2, .length8 = 2 + 75, .transaction_id = 7,
		.body = 600, .seed = 5,
	};
	struct fixture *fixture = test->priv;
	u8 *room = kunit_kzalloc(test, RING_SIZE, GFP_KERNEL);
	u32 at, end;

	KUNIT_ASSERT_NOT_NULL(test, room);
	for (at = 0; at < RING_SIZE; at += 8) {
		start_at(fixture, at);
		vmb_ring_reader_take_overlong(&fixture->reader, NULL, RING_SIZE);
		end = ring_image_put(&fixture->image, at, &packet);
		publish(fixture, ring_image_put_inband(&fixture->image, end, 8, 24, 3));
		KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_NO_ROOM);
		KUNIT_EXPECT_EQ(test, fixture->packet.transaction_id, 7);
		KUNIT_EXPECT_EQ(test, fixture->reader.read_index, end);
		vmb_ring_reader_put_back(&fixture->reader, &fixture->packet);
		KUNIT_EXPECT_EQ(test, fixture->reader.read_index, at);
		KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_NO_ROOM);
		vmb_ring_reader_put_back(&fixture->reader, &fixture->packet);
		vmb_ring_reader_take_overlong(&fixture->reader, room, RING_SIZE);
		KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_DONE);
		KUNIT_EXPECT_EQ(test, fixture->packet.payload_length, 600);
		KUNIT_EXPECT_TRUE(test, ring_image_is_filled(room, 5, 600));
		KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_DONE);
		KUNIT_EXPECT_EQ(test, fixture->packet.transaction_id, 8);
		KUNIT_EXPECT_EQ(test, read_one(fixture), VMB_RING_EMPTY);
	}
}

static void mask_is_set_and_cleared(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	vmb_ring_reader_mask(&fixture->reader);
	KUNIT_EXPECT_EQ(test, ring_image_get(&fixture->image, RING_IMAGE_INTERRUPT_MASK), 1);
	vmb_ring_reader_unmask(&fixture->reader);
	KUNIT_EXPECT_EQ(test, ring_image_get(&fixture->image, RING_IMAGE_INTERRUPT_MASK), 0);
}

static void unmask_tells_of_a_packet_that_came_meanwhile(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	vmb_ring_reader_mask(&fixture->reader);
	KUNIT_EXPECT_FALSE(test, vmb_ring_reader_unmask(&fixture->reader));
	publish(fixture, ring_image_put_inband(&fixture->image, 0, 1, 8, 0));
	KUNIT_EXPECT_TRUE(test, vmb_ring_reader_unmask(&fixture->reader));
	KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_DONE);
	KUNIT_EXPECT_FALSE(test, vmb_ring_reader_unmask(&fixture->reader));
}

static void has_data_goes_by_what_was_read_not_by_what_was_told(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	KUNIT_EXPECT_FALSE(test, vmb_ring_reader_has_data(&fixture->reader));
	publish(fixture, ring_image_put_inband(&fixture->image, 0, 1, 8, 0));
	KUNIT_EXPECT_TRUE(test, vmb_ring_reader_has_data(&fixture->reader));
	KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_DONE);
	KUNIT_EXPECT_FALSE(test, vmb_ring_reader_has_data(&fixture->reader));
}

/* Nonsense counts as data, so that somebody reads it and reports it. */
static void has_data_if_write_index_is_nonsense(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	publish(fixture, 0xfffffff3);
	KUNIT_EXPECT_TRUE(test, vmb_ring_reader_has_data(&fixture->reader));
}

static void unread_is_what_the_peer_has_written_by_now(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	start_at(fixture, RING_SIZE - 8);
	KUNIT_EXPECT_EQ(test, vmb_ring_reader_unread(&fixture->reader), 0);
	/* Not looked at by a read yet. */
	publish(fixture, 24);
	KUNIT_EXPECT_EQ(test, vmb_ring_reader_unread(&fixture->reader), 32);
	/* Nonsense is nothing that was written. */
	publish(fixture, RING_SIZE);
	KUNIT_EXPECT_EQ(test, vmb_ring_reader_unread(&fixture->reader), 0);
	publish(fixture, 12);
	KUNIT_EXPECT_EQ(test, vmb_ring_reader_unread(&fixture->reader), 0);
}

static struct kunit_case ring_reader_cases[] = {
	KUNIT_CASE(init_leaves_shared_memory_alone),
	KUNIT_CASE(empty_ring_is_empty),
	KUNIT_CASE(descriptor_is_told),
	KUNIT_CASE(payload_is_copied_and_no_more),
	KUNIT_CASE(range_list_and_payload_are_contiguous),
	KUNIT_CASE(inband_may_have_range_list_bytes),
	KUNIT_CASE_PARAM(every_type_of_data_is_read, type_gen_params),
	KUNIT_CASE_PARAM(every_length_is_read_at_every_index, place_gen_params),
	KUNIT_CASE(largest_packet_is_read),
	KUNIT_CASE(full_ring_is_read_to_the_end),
	KUNIT_CASE(peer_is_told_nothing_before_commit),
	KUNIT_CASE(one_commit_gives_back_several_packets),
	KUNIT_CASE(reader_alone_writes_read_index_and_mask),
	KUNIT_CASE_PARAM(commit_signals_when_room_comes, commit_gen_params),
	KUNIT_CASE(second_commit_does_not_signal_again),
	KUNIT_CASE_PARAM(commit_does_not_signal_nonsense, nonsense_gen_params),
	KUNIT_CASE(commit_does_not_signal_when_the_peer_goes_back),
	KUNIT_CASE(completion_waits_for_room),
	KUNIT_CASE(mask_is_set_and_cleared),
	KUNIT_CASE(unmask_tells_of_a_packet_that_came_meanwhile),
	KUNIT_CASE(has_data_goes_by_what_was_read_not_by_what_was_told),
	KUNIT_CASE(has_data_if_write_index_is_nonsense),
	KUNIT_CASE(unread_is_what_the_peer_has_written_by_now),
	{}
};

static struct kunit_suite ring_reader_suite = {
	.name = "vmbkmcl_ring_reader",
	.init = ring_reader_init,
	.test_cases = ring_reader_cases,
};

kunit_test_suite(ring_reader_suite);
