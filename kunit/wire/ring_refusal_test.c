// SPDX-License-Identifier: GPL-2.0
/*
 * What the reading end says to everything that a peer can write wrong.
 */
#include <kunit/test.h>
#include <linux/string.h>

#include "../../drivers/kmcl/refusal.h"
#include "../fixtures/ring_image.h"

#define RING_SIZE		1024
#define MAXIMUM_RANGES		64
#define MAXIMUM_PAYLOAD		256

struct fixture {
	struct ring_image image;
	struct vmb_ring_reader reader;
	struct vmb_ring_packet packet;
	enum vmb_refusal refusal;
	u8 buffer[MAXIMUM_RANGES + MAXIMUM_PAYLOAD] __aligned(8);
};

static int ring_refusal_init(struct kunit *test)
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

static void publish(struct fixture *fixture, u32 index)
{
	ring_image_set(&fixture->image, RING_IMAGE_WRITE_INDEX, index);
}

/*
 * Framing is lost for this reason, now and for ever; nothing was consumed, and
 * nobody is made to believe that there is something to read.
 */
static void expect_lost(struct kunit *test, enum vmb_refusal refusal)
{
	struct fixture *fixture = test->priv;
	u32 read_index = fixture->reader.read_index;
	u32 sound;

	KUNIT_EXPECT_EQ(test, read_one(fixture), VMB_RING_LOST);
	KUNIT_EXPECT_EQ(test, fixture->refusal, refusal);
	KUNIT_EXPECT_EQ(test, fixture->reader.lost, refusal);
	KUNIT_EXPECT_TRUE(test, vmb_refusal_loses_framing(refusal));
	KUNIT_EXPECT_EQ(test, fixture->reader.read_index, read_index);
	KUNIT_EXPECT_TRUE(test, ring_image_is_untouched(fixture->buffer,
							sizeof(fixture->buffer)));

	/* A peer that mends its ways is not believed. */
	sound = ring_image_put_inband(&fixture->image, read_index, 1, 8, 0);
	ring_image_set(&fixture->image, RING_IMAGE_READ_INDEX, read_index);
	publish(fixture, sound);
	fixture->refusal = VMB_REFUSAL_NONE;
	KUNIT_EXPECT_EQ(test, read_one(fixture), VMB_RING_LOST);
	KUNIT_EXPECT_EQ(test, fixture->refusal, refusal);
	KUNIT_EXPECT_FALSE(test, vmb_ring_reader_has_data(&fixture->reader));
	KUNIT_EXPECT_FALSE(test, vmb_ring_reader_unmask(&fixture->reader));
}

/* A write_index that cannot be. */
static const struct index_case {
	u32 write_index;
	enum vmb_refusal refusal;
} index_cases[] = {
	{ RING_SIZE, VMB_REFUSAL_INDEX_RANGE },
	{ RING_SIZE + 8, VMB_REFUSAL_INDEX_RANGE },
	{ RING_SIZE + 1, VMB_REFUSAL_INDEX_RANGE },
	{ 0x80000000, VMB_REFUSAL_INDEX_RANGE },
	{ 0xfffffff8, VMB_REFUSAL_INDEX_RANGE },
	{ 0xffffffff, VMB_REFUSAL_INDEX_RANGE },
	{ 33, VMB_REFUSAL_INDEX_ALIGNMENT },
	{ 34, VMB_REFUSAL_INDEX_ALIGNMENT },
	{ 35, VMB_REFUSAL_INDEX_ALIGNMENT },
	{ 36, VMB_REFUSAL_INDEX_ALIGNMENT },
	{ 37, VMB_REFUSAL_INDEX_ALIGNMENT },
	{ 38, VMB_REFUSAL_INDEX_ALIGNMENT },
	{ 39, VMB_REFUSAL_INDEX_ALIGNMENT },
	{ RING_SIZE - 1, VMB_REFUSAL_INDEX_ALIGNMENT },
	{ 1, VMB_REFUSAL_INDEX_ALIGNMENT },
};

static void describe_index(const struct index_case *index, char *description)
{
	snprintf(description, KUNIT_PARAM_DESC_SIZE, "write_index %u", index->write_index);
}

KUNIT_ARRAY_PARAM(index, index_cases, describe_index);

static void impossible_write_index_loses_framing(struct kunit *test)
{
	const struct index_case *index = test->param_value;
	struct fixture *fixture = test->priv;

	ring_image_put_inband(&fixture->image, 0, 1, 8, 0);
	publish(fixture, index->write_index);
	expect_lost(test, index->refusal);
}

/* Two packets read, none given back, and the peer takes back the second. */
static void write_index_that_goes_back_loses_framing(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u32 first, second;

	first = ring_image_put_inband(&fixture->image, 0, 1, 0, 0);
	second = ring_image_put_inband(&fixture->image, first, 2, 0, 0);
	publish(fixture, second);
	KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_DONE);
	KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_DONE);
	publish(fixture, first);
	expect_lost(test, VMB_REFUSAL_INDEX_BACKWARDS);
}

/* The same across the ring's end: more than the ring can hold. */
static void write_index_past_ours_loses_framing(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u32 i, index = 0;

	for (i = 0; i < 40; i++)
		index = ring_image_put_inband(&fixture->image, index, i, 0, 0);
	/* 960 bytes are read and not given back: 64 are left for the peer. */
	publish(fixture, index);
	for (i = 0; i < 40; i++)
		KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_DONE);
	publish(fixture, 8);
	expect_lost(test, VMB_REFUSAL_INDEX_BACKWARDS);
}

static void foreign_read_index_loses_framing(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	publish(fixture, ring_image_put_inband(&fixture->image, 0, 1, 8, 0));
	ring_image_set(&fixture->image, RING_IMAGE_READ_INDEX, 32);
	expect_lost(test, VMB_REFUSAL_INDEX_OURS_CHANGED);
}

/* Descriptors that cannot be, in a ring that shows 64 bytes. */
static const struct framing_case {
	const char *name;
	u16 length8;
	u16 offset8;
	u32 shown;
	enum vmb_refusal refusal;
} framing_cases[] = {
	{ "one word shown", 3, 2, 8, VMB_REFUSAL_LENGTH_BELOW_HEADER },
	{ "a descriptor without a trailer shown", 2, 2, 16, VMB_REFUSAL_LENGTH_BELOW_HEADER },
	{ "length 0", 0, 2, 64, VMB_REFUSAL_LENGTH_BELOW_HEADER },
	{ "length 0, offset 0", 0, 0, 64, VMB_REFUSAL_LENGTH_BELOW_HEADER },
	{ "length 8", 1, 2, 64, VMB_REFUSAL_LENGTH_BELOW_HEADER },
	{ "offset 0", 4, 0, 64, VMB_REFUSAL_OFFSET_BELOW_HEADER },
	{ "offset 8", 4, 1, 64, VMB_REFUSAL_OFFSET_BELOW_HEADER },
	{ "offset one word behind the packet", 4, 5, 64, VMB_REFUSAL_OFFSET_BEYOND_LENGTH },
	{ "largest offset", 4, 0xffff, 64, VMB_REFUSAL_OFFSET_BEYOND_LENGTH },
	{ "one word more than is shown", 9, 2, 64, VMB_REFUSAL_LENGTH_BEYOND_AVAILABLE },
	{ "as much as the ring's size", RING_SIZE / 8, 2, 64,
	  VMB_REFUSAL_LENGTH_BEYOND_AVAILABLE },
	{ "largest length", 0xffff, 2, 64, VMB_REFUSAL_LENGTH_BEYOND_AVAILABLE },
	{ "largest length, largest offset", 0xffff, 0xffff, 64,
	  VMB_REFUSAL_LENGTH_BEYOND_AVAILABLE },
};

static void describe_framing(const struct framing_case *framing, char *description)
{
	strscpy(description, framing->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(framing, framing_cases, describe_framing);

static void impossible_descriptor_loses_framing(struct kunit *test)
{
	const struct framing_case *framing = test->param_value;
	struct fixture *fixture = test->priv;
	const struct ring_image_packet packet = {
		.type = 6, .offset8 = framing->offset8, .length8 = framing->length8,
		.body = 40,
	};

	ring_image_put(&fixture->image, 0, &packet);
	publish(fixture, framing->shown);
	expect_lost(test, framing->refusal);
}

static void bytes_behind_the_last_packet_lose_framing(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u32 index = ring_image_put_inband(&fixture->image, 0, 1, 8, 0);

	publish(fixture, index + 16);
	KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_DONE);
	memset(fixture->buffer, RING_IMAGE_UNTOUCHED, sizeof(fixture->buffer));
	expect_lost(test, VMB_REFUSAL_LENGTH_BELOW_HEADER);
}

/* What was shown once is not fetched again while it lasts. */
static void write_index_is_fetched_when_it_is_needed_only(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u32 index;

	index = ring_image_put_inband(&fixture->image, 0, 1, 0, 0);
	index = ring_image_put_inband(&fixture->image, index, 2, 0, 0);
	publish(fixture, index);
	KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_DONE);
	publish(fixture, 0xffffffff);
	KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_DONE);
	KUNIT_EXPECT_EQ(test, fixture->packet.transaction_id, 2);
	expect_lost(test, VMB_REFUSAL_INDEX_RANGE);
}

/* Packets that cost themselves only. */
static const struct packet_case {
	const char *name;
	u16 type;
	u16 flags;
	u16 offset8;
	u16 length8;
	enum vmb_refusal refusal;
} packet_cases[] = {
	{ "type 0", 0, 0, 2, 4, VMB_REFUSAL_TYPE_UNKNOWN },
	{ "type 1", 1, 0, 2, 4, VMB_REFUSAL_TYPE_UNKNOWN },
	{ "type 2", 2, 0, 2, 4, VMB_REFUSAL_TYPE_UNKNOWN },
	{ "type 3", 3, 0, 2, 4, VMB_REFUSAL_TYPE_UNKNOWN },
	{ "type 4", 4, 0, 2, 4, VMB_REFUSAL_TYPE_UNKNOWN },
	{ "type 5", 5, 0, 2, 4, VMB_REFUSAL_TYPE_UNKNOWN },
	{ "type 8", 8, 0, 2, 4, VMB_REFUSAL_TYPE_UNKNOWN },
	{ "type 10", 10, 0, 2, 4, VMB_REFUSAL_TYPE_UNKNOWN },
	{ "type 12", 12, 0, 2, 4, VMB_REFUSAL_TYPE_UNKNOWN },
	{ "type 13", 13, 0, 2, 4, VMB_REFUSAL_TYPE_UNKNOWN },
	{ "type 6 + 32", 38, 0, 2, 4, VMB_REFUSAL_TYPE_UNKNOWN },
	{ "type 6 + 64", 70, 0, 2, 4, VMB_REFUSAL_TYPE_UNKNOWN },
	{ "type 6 + 256", 262, 0, 2, 4, VMB_REFUSAL_TYPE_UNKNOWN },
	{ "largest type", 0xffff, 0, 2, 4, VMB_REFUSAL_TYPE_UNKNOWN },
	{ "flag 2", 6, 2, 2, 4, VMB_REFUSAL_FLAGS_UNKNOWN },
	{ "flag 2 besides 1", 6, 3, 2, 4, VMB_REFUSAL_FLAGS_UNKNOWN },
	{ "flag 0x8000", 6, 0x8000, 2, 4, VMB_REFUSAL_FLAGS_UNKNOWN },
	{ "all flags", 6, 0xffff, 2, 4, VMB_REFUSAL_FLAGS_UNKNOWN },
	{ "payload one word too long", 6, 1, 2, 2 + MAXIMUM_PAYLOAD / 8 + 1,
	  VMB_REFUSAL_PACKET_TOO_LARGE },
	{ "range list one word too long", 9, 1, 2 + MAXIMUM_RANGES / 8 + 1,
	  2 + MAXIMUM_RANGES / 8 + 1, VMB_REFUSAL_PACKET_TOO_LARGE },
	{ "payload too long behind a short range list", 9, 1, 3,
	  3 + MAXIMUM_PAYLOAD / 8 + 1, VMB_REFUSAL_PACKET_TOO_LARGE },
};

static void describe_packet(const struct packet_case *packet, char *description)
{
	strscpy(description, packet->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(packet, packet_cases, describe_packet);

static void bad_packet_costs_itself_only(struct kunit *test)
{
	const struct packet_case *bad = test->param_value;
	struct fixture *fixture = test->priv;
	const struct ring_image_packet packet = {
		.type = bad->type, .flags = bad->flags, .offset8 = bad->offset8,
		.length8 = bad->length8, .transaction_id = 0xabcdef,
		.body = bad->length8 * 8 - 16,
	};
	u32 next = ring_image_put(&fixture->image, 0, &packet);

	publish(fixture, ring_image_put_inband(&fixture->image, next, 2, 8, 0));

	KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_REFUSED);
	KUNIT_EXPECT_EQ(test, fixture->refusal, bad->refusal);
	KUNIT_EXPECT_FALSE(test, vmb_refusal_loses_framing(bad->refusal));
	KUNIT_EXPECT_EQ(test, fixture->reader.lost, VMB_REFUSAL_NONE);
	KUNIT_EXPECT_TRUE(test, ring_image_is_untouched(fixture->buffer,
							sizeof(fixture->buffer)));

	/* What is needed to answer it, or to tell of it. */
	KUNIT_EXPECT_EQ(test, fixture->packet.type, bad->type);
	KUNIT_EXPECT_EQ(test, fixture->packet.flags, bad->flags);
	KUNIT_EXPECT_EQ(test, fixture->packet.transaction_id, 0xabcdef);
	KUNIT_EXPECT_EQ(test, fixture->packet.ranges_length, bad->offset8 * 8 - 16);
	KUNIT_EXPECT_EQ(test, fixture->packet.payload_length,
			(bad->length8 - bad->offset8) * 8);

	KUNIT_EXPECT_EQ(test, read_one(fixture), VMB_RING_DONE);
	KUNIT_EXPECT_EQ(test, fixture->packet.transaction_id, 2);
}

/* What every other implementation has got wrong at some time. */

static void bug_1_trailer_counts_in_the_length_check(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	/* All of the packet is shown, but not its trailer. */
	publish(fixture, ring_image_put_inband(&fixture->image, 0, 1, 40, 0) - 8);
	expect_lost(test, VMB_REFUSAL_LENGTH_BEYOND_AVAILABLE);
}

static void bug_1_trailer_counts_across_the_end(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u32 index = 0, i;

	for (i = 0; i < 42; i++)
		index = ring_image_put_inband(&fixture->image, index, i, 0, 0);
	publish(fixture, index);
	for (i = 0; i < 42; i++)
		KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_DONE);
	vmb_ring_reader_commit(&fixture->reader);

	/* The packet ends with the ring; its trailer would be the first word. */
	KUNIT_ASSERT_EQ(test, ring_image_put_inband(&fixture->image, index, 1, 0, 0), 8);
	publish(fixture, 0);
	expect_lost(test, VMB_REFUSAL_LENGTH_BELOW_HEADER);
}

static void bug_1_length_check_knows_alignment(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	/* Shows four bytes of the trailer. */
	publish(fixture, ring_image_put_inband(&fixture->image, 0, 1, 40, 0) - 4);
	expect_lost(test, VMB_REFUSAL_INDEX_ALIGNMENT);
}

/* A drain loop that goes on until the ring is empty comes to its end. */
static void bug_2_refused_packet_is_not_read_again(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct ring_image_packet bad = {
		.type = 1, .offset8 = 2, .length8 = 3, .body = 8,
	};
	u32 index = 0, i;

	for (i = 0; i < 30; i++)
		index = ring_image_put(&fixture->image, index, &bad);
	publish(fixture, index);
	for (i = 0; i < 30; i++)
		KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_REFUSED);
	KUNIT_EXPECT_EQ(test, read_one(fixture), VMB_RING_EMPTY);
	KUNIT_EXPECT_FALSE(test, vmb_ring_reader_unmask(&fixture->reader));
	vmb_ring_reader_commit(&fixture->reader);
	KUNIT_EXPECT_EQ(test, ring_image_get(&fixture->image, RING_IMAGE_READ_INDEX), index);
}

static void bug_2_impossible_packet_at_the_head_is_not_data(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct ring_image_packet bad = {
		.type = 6, .offset8 = 2, .length8 = 0xffff, .body = 8,
	};

	publish(fixture, ring_image_put(&fixture->image, 0, &bad));
	KUNIT_EXPECT_TRUE(test, vmb_ring_reader_unmask(&fixture->reader));
	KUNIT_EXPECT_EQ(test, read_one(fixture), VMB_RING_LOST);
	KUNIT_EXPECT_FALSE(test, vmb_ring_reader_unmask(&fixture->reader));
	KUNIT_EXPECT_FALSE(test, vmb_ring_reader_commit(&fixture->reader));
	KUNIT_EXPECT_EQ(test, ring_image_get(&fixture->image, RING_IMAGE_READ_INDEX), 0);
}

static void every_refusal_has_a_name_of_its_own(struct kunit *test)
{
	u32 i, k;

	for (i = 0; i < VMB_REFUSAL_COUNT; i++) {
		KUNIT_ASSERT_NOT_NULL(test, vmb_refusal_name(i));
		KUNIT_EXPECT_NE(test, strcmp(vmb_refusal_name(i), "unknown"), 0);
		for (k = 0; k < i; k++)
			KUNIT_EXPECT_NE(test, strcmp(vmb_refusal_name(i),
						     vmb_refusal_name(k)), 0);
	}
	KUNIT_EXPECT_STREQ(test, vmb_refusal_name(VMB_REFUSAL_COUNT), "unknown");
	KUNIT_EXPECT_STREQ(test, vmb_refusal_name(-1), "unknown");
}

static struct kunit_case ring_refusal_cases[] = {
	KUNIT_CASE_PARAM(impossible_write_index_loses_framing, index_gen_params),
	KUNIT_CASE(write_index_that_goes_back_loses_framing),
	KUNIT_CASE(write_index_past_ours_loses_framing),
	KUNIT_CASE(foreign_read_index_loses_framing),
	KUNIT_CASE_PARAM(impossible_descriptor_loses_framing, framing_gen_params),
	KUNIT_CASE(bytes_behind_the_last_packet_lose_framing),
	KUNIT_CASE(write_index_is_fetched_when_it_is_needed_only),
	KUNIT_CASE_PARAM(bad_packet_costs_itself_only, packet_gen_params),
	KUNIT_CASE(bug_1_trailer_counts_in_the_length_check),
	KUNIT_CASE(bug_1_trailer_counts_across_the_end),
	KUNIT_CASE(bug_1_length_check_knows_alignment),
	KUNIT_CASE(bug_2_refused_packet_is_not_read_again),
	KUNIT_CASE(bug_2_impossible_packet_at_the_head_is_not_data),
	KUNIT_CASE(every_refusal_has_a_name_of_its_own),
	{}
};

static struct kunit_suite ring_refusal_suite = {
	.name = "vmbkmcl_ring_refusal",
	.init = ring_refusal_init,
	.test_cases = ring_refusal_cases,
};

kunit_test_suite(ring_refusal_suite);
