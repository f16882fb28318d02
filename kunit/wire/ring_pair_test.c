// SPDX-License-Identifier: GPL-2.0
/*
 * A writer and a reader of the same ring, back to back: what was written is
 * what is read, and neither ever waits for a signal that does not come.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/string.h>

#include "../fixtures/ring_image.h"

#define RING_SIZE	1024
#define MAXIMUM_PAYLOAD	400
/* Nobody here needs that long, unless a wake-up was lost. */
#define PATIENCE	(90 * HZ)

struct fixture {
	struct ring_image image;
	struct vmb_ring_reader reader;
	struct vmb_ring_writer writer;
	struct vmb_ring_packet packet;
	enum vmb_refusal refusal;
	u32 needed;
	u8 outbound[MAXIMUM_PAYLOAD];
	u8 inbound[MAXIMUM_PAYLOAD] __aligned(8);
};

static int ring_pair_init(struct kunit *test)
{
	struct fixture *fixture = kunit_kzalloc(test, sizeof(*fixture), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fixture);
	ring_image_init(test, &fixture->image, RING_SIZE);
	vmb_ring_reader_init(&fixture->reader, &fixture->image.ring, 0, MAXIMUM_PAYLOAD);
	vmb_ring_writer_init(&fixture->writer, &fixture->image.ring);
	test->priv = fixture;
	return 0;
}

/* Lengths that look random and are the same in every run. */
static u32 length_of(u32 number)
{
	return (number * 2654435761u >> 7) % (MAXIMUM_PAYLOAD + 1);
}

static enum vmb_ring_status write_number(struct fixture *fixture, u32 number, u32 length)
{
	const struct vmb_ring_outbound_packet packet = {
		.transaction_id = number,
		.type = number % 2 ? 6 : 11,
		.flags = number % 3 == 0,
		.payload = fixture->outbound,
		.payload_length = length,
	};

	ring_image_fill(fixture->outbound, number, length);
	return vmb_ring_write(&fixture->writer, &packet, &fixture->needed);
}

static bool is_number(const struct fixture *fixture, u32 number, u32 length)
{
	const struct vmb_ring_packet *packet = &fixture->packet;
	u32 padding = -length % 8;

	return packet->transaction_id == number &&
	       packet->type == (number % 2 ? 6 : 11) &&
	       packet->flags == (number % 3 == 0) &&
	       !packet->ranges_length &&
	       packet->payload_length == length + padding &&
	       ring_image_is_filled(fixture->inbound, number, length) &&
	       (!padding || !memchr_inv(fixture->inbound + length, 0, padding));
}

static enum vmb_ring_status read_one(struct fixture *fixture)
{
	return vmb_ring_read(&fixture->reader, fixture->inbound, &fixture->packet,
			     &fixture->refusal);
}

static void what_is_written_is_read(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u32 written = 0, read = 0;

	while (read < 5000) {
		while (write_number(fixture, written, length_of(written)) == VMB_RING_DONE)
			written++;
		vmb_ring_writer_commit(&fixture->writer);
		while (read_one(fixture) == VMB_RING_DONE) {
			KUNIT_ASSERT_TRUE(test, is_number(fixture, read, length_of(read)));
			read++;
		}
		KUNIT_ASSERT_EQ(test, read, written);
		vmb_ring_reader_commit(&fixture->reader);
	}
	KUNIT_EXPECT_EQ(test, fixture->reader.lost, VMB_REFUSAL_NONE);
	KUNIT_EXPECT_EQ(test, fixture->writer.lost, VMB_REFUSAL_NONE);
	ring_image_expect_guards(test, &fixture->image);
}

static void nothing_is_read_before_it_is_committed(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	KUNIT_ASSERT_EQ(test, write_number(fixture, 1, 8), VMB_RING_DONE);
	KUNIT_EXPECT_EQ(test, read_one(fixture), VMB_RING_EMPTY);
	vmb_ring_writer_commit(&fixture->writer);
	KUNIT_EXPECT_EQ(test, read_one(fixture), VMB_RING_DONE);
}

static void room_comes_back_with_the_commit(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	KUNIT_ASSERT_EQ(test, write_number(fixture, 1, 400), VMB_RING_DONE);
	KUNIT_ASSERT_EQ(test, write_number(fixture, 2, 400), VMB_RING_DONE);
	vmb_ring_writer_commit(&fixture->writer);
	KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_DONE);
	KUNIT_EXPECT_EQ(test, write_number(fixture, 3, 400), VMB_RING_FULL);
	vmb_ring_reader_commit(&fixture->reader);
	KUNIT_EXPECT_EQ(test, write_number(fixture, 3, 400), VMB_RING_DONE);
}

/* Of many packets written into a full ring's room, one wakes the writer. */
static void bug_3_full_ring_wakes_its_writer_once(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u32 round, signals;

	for (round = 0; round < 64; round++) {
		while (write_number(fixture, 0, 8) == VMB_RING_DONE)
			;
		vmb_ring_writer_commit(&fixture->writer);
		vmb_ring_writer_wait_for_room(&fixture->writer, fixture->needed);
		KUNIT_ASSERT_EQ(test, write_number(fixture, 0, 8), VMB_RING_FULL);

		signals = 0;
		while (read_one(fixture) == VMB_RING_DONE) {
			bool signal = vmb_ring_reader_commit(&fixture->reader);

			/* A quarter of the ring is free, and no sooner. */
			if (signal)
				KUNIT_ASSERT_EQ(test, vmb_ring_writer_free(&fixture->writer),
						RING_SIZE / 4 + 32);
			signals += signal;
		}
		KUNIT_ASSERT_EQ(test, signals, 1);
		/* What an odd packet in between does to the positions. */
		KUNIT_ASSERT_EQ(test, write_number(fixture, 0, 8 * (round % 5)),
				VMB_RING_DONE);
		vmb_ring_writer_commit(&fixture->writer);
		KUNIT_ASSERT_EQ(test, read_one(fixture), VMB_RING_DONE);
		vmb_ring_reader_commit(&fixture->reader);
	}
}

/* Both ends lost at once, when the ring of a sound pair gets a third party. */
static void third_party_is_noticed_by_both(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	KUNIT_ASSERT_EQ(test, write_number(fixture, 1, 400), VMB_RING_DONE);
	KUNIT_ASSERT_EQ(test, write_number(fixture, 2, 400), VMB_RING_DONE);
	vmb_ring_writer_commit(&fixture->writer);
	ring_image_set(&fixture->image, RING_IMAGE_WRITE_INDEX, 424);
	ring_image_set(&fixture->image, RING_IMAGE_READ_INDEX, 424);
	KUNIT_EXPECT_EQ(test, read_one(fixture), VMB_RING_LOST);
	KUNIT_EXPECT_EQ(test, fixture->refusal, VMB_REFUSAL_INDEX_OURS_CHANGED);
	KUNIT_EXPECT_EQ(test, write_number(fixture, 3, 400), VMB_RING_LOST);
	KUNIT_EXPECT_EQ(test, fixture->writer.lost, VMB_REFUSAL_INDEX_OURS_CHANGED);
}

/* A writer on one CPU, the reader on another, each with a bell. */
struct two_ends {
	struct fixture *fixture;
	struct completion reader_bell;
	struct completion writer_bell;
	struct completion writer_done;
	u32 packets;
	bool writer_starved;
};

static int writer_thread(void *context)
{
	struct two_ends *ends = context;
	struct fixture *fixture = ends->fixture;
	u32 number = 0;

	while (number < ends->packets) {
		if (write_number(fixture, number, length_of(number) % 64) == VMB_RING_DONE) {
			number++;
			if (number % 3)
				continue;
		}
		if (vmb_ring_writer_commit(&fixture->writer))
			complete(&ends->reader_bell);
		if (write_number(fixture, number, length_of(number) % 64) == VMB_RING_DONE) {
			number++;
			continue;
		}
		vmb_ring_writer_wait_for_room(&fixture->writer, fixture->needed);
		if (write_number(fixture, number, length_of(number) % 64) == VMB_RING_DONE) {
			number++;
		} else if (!wait_for_completion_timeout(&ends->writer_bell, PATIENCE)) {
			ends->writer_starved = true;
			break;
		}
		vmb_ring_writer_wait_for_room(&fixture->writer, 0);
	}
	if (vmb_ring_writer_commit(&fixture->writer))
		complete(&ends->reader_bell);
	complete(&ends->writer_done);
	return 0;
}

/* Returns false if the bell never rang. */
static bool read_until_asleep(struct two_ends *ends, struct kunit *test, u32 *read)
{
	struct fixture *fixture = ends->fixture;

	do {
		vmb_ring_reader_mask(&fixture->reader);
		while (read_one(fixture) == VMB_RING_DONE) {
			if (!is_number(fixture, *read, length_of(*read) % 64)) {
				KUNIT_FAIL(test, "packet %u is not what was written", *read);
				return false;
			}
			++*read;
			if (*read % 5)
				continue;
			if (vmb_ring_reader_commit(&fixture->reader))
				complete(&ends->writer_bell);
		}
		if (vmb_ring_reader_commit(&fixture->reader))
			complete(&ends->writer_bell);
	} while (vmb_ring_reader_unmask(&fixture->reader) &&
		 fixture->reader.lost == VMB_REFUSAL_NONE);

	return *read == ends->packets ||
	       wait_for_completion_timeout(&ends->reader_bell, PATIENCE);
}

static void two_cpus_lose_no_packet_and_no_wake_up(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct two_ends *ends = kunit_kzalloc(test, sizeof(*ends), GFP_KERNEL);
	struct task_struct *thread;
	u32 read = 0;

	if (num_online_cpus() < 2)
		kunit_skip(test, "one CPU only");
	KUNIT_ASSERT_NOT_NULL(test, ends);
	ends->fixture = fixture;
	ends->packets = 50000;
	init_completion(&ends->reader_bell);
	init_completion(&ends->writer_bell);
	init_completion(&ends->writer_done);

	thread = kthread_run(writer_thread, ends, "vmb_ring_writer");
	KUNIT_ASSERT_FALSE(test, IS_ERR(thread));
	while (read < ends->packets && read_until_asleep(ends, test, &read))
		;
	/* Before anything may end the test: the thread uses its memory. */
	wait_for_completion(&ends->writer_done);

	KUNIT_EXPECT_EQ(test, read, ends->packets);
	KUNIT_EXPECT_FALSE(test, ends->writer_starved);
	KUNIT_EXPECT_EQ(test, fixture->reader.lost, VMB_REFUSAL_NONE);
	KUNIT_EXPECT_EQ(test, fixture->writer.lost, VMB_REFUSAL_NONE);
}

static struct kunit_case ring_pair_cases[] = {
	KUNIT_CASE(what_is_written_is_read),
	KUNIT_CASE(nothing_is_read_before_it_is_committed),
	KUNIT_CASE(room_comes_back_with_the_commit),
	KUNIT_CASE(bug_3_full_ring_wakes_its_writer_once),
	KUNIT_CASE(third_party_is_noticed_by_both),
	KUNIT_CASE_SLOW(two_cpus_lose_no_packet_and_no_wake_up),
	{}
};

static struct kunit_suite ring_pair_suite = {
	.name = "vmbkmcl_ring_pair",
	.init = ring_pair_init,
	.test_cases = ring_pair_cases,
};

kunit_test_suite(ring_pair_suite);
