// SPDX-License-Identifier: GPL-2.0
/*
 * The heartbeat client and hosts that say what they should not: wrong lengths, counts
 * that add up beyond their message, versions that nobody knows. Behind each is a beat,
 * whose answer shows that the client goes on, and has said nothing in between.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/string.h>

#include "../../drivers/clients/heartbeat/heartbeat_protocol.h"
#include "../fixtures/client_fixture.h"

/* As the wire has them: a header, a number and 32 bytes that nobody knows. */
#define HEADER		20u
#define COUNTS		28u
#define BEAT		60u
#define LEAST_BEAT	28u
#define REQUEST		3
#define RESPONSE	5

static struct client_host *host;
/* What the client's sysfs says. */
static u64 malformed;

static u64 counter(struct kunit *test, const char *name)
{
	/* Without a file system: as the file would be read. */
	const struct attribute_group **group;
	struct attribute **attribute;
	u64 value = U64_MAX;
	char *page = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, page);
	for (group = host->dev->driver->dev_groups; *group; group++)
		for (attribute = (*group)->attrs; *attribute; attribute++) {
			struct device_attribute *file =
				container_of(*attribute, struct device_attribute, attr);

			if (strcmp((*attribute)->name, name))
				continue;
			file->show(host->dev, file, page);
			KUNIT_ASSERT_EQ(test, kstrtou64(page, 10, &value), 0);
		}
	KUNIT_ASSERT_NE(test, value, U64_MAX);
	return value;
}

/* One that is right is answered, in its turn, with one more. */
static void expect_beat(struct kunit *test, u64 sequence)
{
	struct ic_heartbeat beat = {
		.header.type = cpu_to_le16(IC_TYPE_HEARTBEAT),
		.header.flags = REQUEST,
		.sequence = cpu_to_le64(sequence),
	};
	const struct client_message *answer;

	client_host_send(host, &beat, BEAT);
	answer = client_host_next(host);
	KUNIT_ASSERT_EQ(test, answer->length, BEAT);
	memcpy(&beat, answer->data, BEAT);
	KUNIT_EXPECT_EQ(test, beat.header.flags, RESPONSE);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(beat.header.type), IC_TYPE_HEARTBEAT);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(beat.sequence), sequence + 1);
	client_host_expect_silence(host);
	KUNIT_EXPECT_EQ(test, counter(test, "malformed"), malformed);
	KUNIT_EXPECT_EQ(test, counter(test, "lost"), 0);
}

/* Sent to the client, which is not to answer. */
static void send_malformed(struct kunit *test, const void *message, u32 length)
{
	client_host_send(host, message, length);
	malformed++;
	expect_beat(test, malformed);
}

/* A negotiation with these counts, and majors for so many versions as there are. */
static u32 negotiation(void *message, u16 frames, u16 messages, const u16 *majors,
		       u32 count)
{
	struct ic_negotiation *wire = message;
	u32 i;

	memset(wire, 0, COUNTS + count * sizeof(wire->versions[0]));
	wire->header.type = cpu_to_le16(IC_TYPE_NEGOTIATE);
	wire->header.flags = REQUEST;
	wire->frame_count = cpu_to_le16(frames);
	wire->message_count = cpu_to_le16(messages);
	for (i = 0; i < count; i++)
		wire->versions[i].major = cpu_to_le16(majors[i]);
	return COUNTS + count * sizeof(wire->versions[0]);
}

static void expect_agreed(struct kunit *test, const void *message, u32 length, u16 count,
			  u16 frame, u16 version)
{
	const struct ic_negotiation *wire;
	const struct client_message *answer;

	client_host_send(host, message, length);
	answer = client_host_next(host);
	wire = (const void *)answer->data;
	KUNIT_ASSERT_EQ(test, answer->length, COUNTS + 2 * sizeof(wire->versions[0]));
	KUNIT_EXPECT_EQ(test, wire->header.flags, RESPONSE);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(wire->header.size), answer->length - HEADER);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(wire->frame_count), count);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(wire->message_count), count);
	/* With none of either nothing is agreed, whatever stands there. */
	if (!count)
		return;
	KUNIT_EXPECT_EQ(test, le16_to_cpu(wire->versions[0].major), frame);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(wire->versions[1].major), version);
}

static int heartbeat_init(struct kunit *test)
{
	if (loopback_fixture_init(test))
		return -ENODEV;
	host = client_host_make(test, "vmb_heartbeat", true);
	malformed = 0;
	return 0;
}

static void heartbeat_exit(struct kunit *test)
{
	if (host)
		client_host_end(host);
	loopback_fixture_exit(test);
	host = NULL;
}

static void test_newest_of_both(struct kunit *test)
{
	static const u16 majors[] = { 1, 3, 1, 3, 77 };
	u8 message[64];
	u32 length = negotiation(message, 2, 3, majors, ARRAY_SIZE(majors));

	expect_agreed(test, message, length, 1, 3, 3);
	expect_beat(test, 100);
	/* The host may begin anew at any time. */
	expect_agreed(test, message, length, 1, 3, 3);
	/* Nothing says that numbers grow. */
	expect_beat(test, 100);
	expect_beat(test, 7);
	expect_beat(test, U64_MAX);
}

static void test_no_version_is_agreed(struct kunit *test)
{
	static const u16 unknown[] = { 2, 4, 77, 0xffff };
	static const u16 half[] = { 3, 77 };
	u8 message[64];

	expect_agreed(test, message, negotiation(message, 2, 2, unknown, 4), 0, 0, 0);
	expect_agreed(test, message, negotiation(message, 1, 1, half, 2), 0, 0, 0);
	expect_beat(test, 1);
}

/* No count of versions is beyond its message, nor is any of them none. */
static void test_counts(struct kunit *test)
{
	static const u16 majors[] = { 3, 3, 3, 3 };
	static const u16 counts[][2] = {
		{ 0, 0 }, { 0, 4 }, { 4, 0 }, { 1, 4 }, { 4, 1 }, { 3, 2 }, { 0xffff, 1 },
		{ 1, 0xffff }, { 0xffff, 0xffff }, { 0x8000, 0x8000 }, { 0xfffe, 6 },
	};
	u8 message[64];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(counts); i++)
		send_malformed(test, message, negotiation(message, counts[i][0],
							  counts[i][1], majors, 4));
}

/* Each type, also those that there are not, in each length that is too short for it. */
static void test_lengths(struct kunit *test)
{
	static const u16 majors[] = { 3, 3 };
	static const u16 types[] = { 0, 1, 2, 3, 5, 0xff, 0x100, 0xffff };
	u8 message[128];
	u32 i, length;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		u32 enough = types[i] == IC_TYPE_NEGOTIATE ? COUNTS + 8 :
			     types[i] == IC_TYPE_HEARTBEAT ? LEAST_BEAT : BEAT;

		for (length = 0; length < enough; length += length < 16 ? 5 : 1) {
			memset(message, 0, sizeof(message));
			negotiation(message, 1, 1, majors, 2);
			message[4] = types[i];
			message[5] = types[i] >> 8;
			send_malformed(test, message, length);
		}
	}
}

/* What is longer than a beat comes back as long as it was. */
static void test_long_beats(struct kunit *test)
{
	static const u32 lengths[] = { LEAST_BEAT, LEAST_BEAT + 1, BEAT - 1, BEAT + 1, 4096 };
	const struct client_message *answer;
	u8 *message = kunit_kzalloc(test, 4096, GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, message);
	message[4] = IC_TYPE_HEARTBEAT;
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		message[HEADER] = i;
		client_host_send(host, message, lengths[i]);
		answer = client_host_next(host);
		KUNIT_EXPECT_EQ(test, answer->length, lengths[i]);
		KUNIT_EXPECT_EQ(test, answer->data[HEADER], i + 1);
	}
	expect_beat(test, 1);
}

static bool client_holds_all(struct vmb_channel *channel)
{
	const struct vmb_packet_pool *pool = &channel->pool;
	bool all;
	u32 i;

	spin_lock_irq(&channel->outbound.lock);
	all = pool->count == pool->limit;
	for (i = 0; all && i < pool->count; i++)
		all = vmb_packet_is_with_client(pool->memory[i]);
	spin_unlock_irq(&channel->outbound.lock);
	return all;
}

/* A host that asks and reads no answers: the client takes no memory for them all. */
static void test_answers_are_not_read(struct kunit *test)
{
	struct vmb_channel *channel = client_channel(host);
	struct ic_heartbeat beat = { .header.type = cpu_to_le16(IC_TYPE_HEARTBEAT) };
	const u32 count = 2 * (channel->pool.limit + host->server->channel->pool.limit);
	unsigned long end = jiffies + CLIENT_PATIENCE;
	u8 *message = kunit_kzalloc(test, CLIENT_MESSAGE_SIZE, GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, message);
	memcpy(message, &beat, sizeof(beat));
	WRITE_ONCE(host->keeps, true);
	for (i = 0; i < count; i++)
		client_host_send(host, message, CLIENT_MESSAGE_SIZE);
	/* Either it holds all that it has room for, or it has answered all. */
	while (!client_holds_all(channel) &&
	       READ_ONCE(channel->counters.received) < count && time_before(jiffies, end))
		usleep_range(100, 200);
	KUNIT_EXPECT_TRUE(test, client_holds_all(channel));
	KUNIT_EXPECT_LE(test, READ_ONCE(channel->outbound.allocated), channel->pool.limit);
	client_host_complete_kept(host);
	for (i = 0; i < count; i++)
		client_host_next(host);
	client_host_expect_silence(host);
	KUNIT_EXPECT_EQ(test, counter(test, "lost"), 0);
	expect_beat(test, 1);
}

static struct kunit_case heartbeat_cases[] = {
	KUNIT_CASE(test_newest_of_both),
	KUNIT_CASE(test_no_version_is_agreed),
	KUNIT_CASE(test_counts),
	KUNIT_CASE(test_lengths),
	KUNIT_CASE(test_long_beats),
	KUNIT_CASE(test_answers_are_not_read),
	{}
};

static struct kunit_suite heartbeat_suite = {
	.name = "vmbkmcl_client_heartbeat",
	.init = heartbeat_init,
	.exit = heartbeat_exit,
	.test_cases = heartbeat_cases,
};

kunit_test_suite(heartbeat_suite);
