// SPDX-License-Identifier: GPL-2.0
/*
 * The balloon client and hosts that say what they should not: wrong lengths and counts,
 * ranges beyond all memory, pages that they never had, words out of order; and a host
 * that wants everything. The pages are real ones of this kernel.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "../../drivers/clients/balloon/balloon.h"
#include "../fixtures/client_fixture.h"

/* Sizes on the wire, in words of this test's own. */
#define HEADER			8u
#define ANSWER			16u
#define MAXIMUM			4096u
#define RANGE(start, count)	cpu_to_le64((u64)(count) << 40 | (start))
/* Of what one answer names there may be so many. */
#define RANGES			8u
/* Of a larger page the host could give back a part. */
#define IS_POSSIBLE		(PAGE_SIZE == 4096)

static struct client_host *host;
static struct balloon *balloon;
/* What the client has to have counted. */
static u64 malformed;
static u32 transaction;

union message {
	struct dm_header header;
	struct dm_response response;
	struct dm_balloon_request inflate;
	struct dm_unballoon_request deflate;
	u8 bytes[MAXIMUM];
};

static union message message;

static void begin(u16 type, u16 size)
{
	memset(&message, 0, sizeof(message));
	message.header.type = cpu_to_le16(type);
	message.header.size = cpu_to_le16(size);
	message.header.transaction = cpu_to_le32(++transaction);
}

static void send(u32 length)
{
	client_host_send(host, &message, length);
}

static void send_malformed(struct kunit *test, u32 length)
{
	send(length);
	client_expect_count(test, &balloon->malformed, ++malformed);
	client_host_expect_silence(host);
}

/* The client's next word, of this type and at least this size. */
static const void *expect_type(struct kunit *test, u16 type, u32 least)
{
	const struct client_message *said = client_host_next(host);
	const struct dm_header *header = (const void *)said->data;

	KUNIT_ASSERT_GE(test, said->length, least);
	KUNIT_ASSERT_EQ(test, le16_to_cpu(header->type), type);
	KUNIT_ASSERT_GE(test, le16_to_cpu(header->size), least);
	KUNIT_ASSERT_LE(test, le16_to_cpu(header->size), said->length);
	return header;
}

static const void *expect_answer(struct kunit *test, u16 type, u32 least)
{
	const struct dm_header *header = expect_type(test, type, least);

	KUNIT_EXPECT_EQ(test, le32_to_cpu(header->transaction), transaction);
	return header;
}

static void expect_version(struct kunit *test, u32 version, bool last)
{
	const struct dm_version_request *request;

	request = expect_type(test, DM_TYPE_VERSION_REQUEST, 16);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(request->version), version);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(request->flags) & 1, last);
}

static void answer(u16 type, u64 flags)
{
	begin(type, ANSWER);
	message.response.flags = cpu_to_le64(flags);
	send(ANSWER);
}

/* Version and capabilities; no status, which would come in between. */
static void agree(struct kunit *test)
{
	expect_version(test, 0x20000, false);
	answer(DM_TYPE_VERSION_RESPONSE, 1);
	expect_type(test, DM_TYPE_CAPABILITIES, 32);
	answer(DM_TYPE_CAPABILITIES_RESPONSE, 1 | 4);
}

/* Ask for pages; how many came, in one answer. */
static u64 inflate(struct kunit *test, u32 count, __le64 *ranges, u32 *range_count)
{
	const struct dm_balloon_response *response;
	u64 pages = 0;
	u32 i;

	begin(DM_TYPE_BALLOON_REQUEST, 16);
	message.inflate.page_count = cpu_to_le32(count);
	send(16);
	response = expect_answer(test, DM_TYPE_BALLOON_RESPONSE, 16);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(response->ranges_and_more) & 1, 0);
	*range_count = le32_to_cpu(response->ranges_and_more) >> 1;
	KUNIT_ASSERT_LE(test, *range_count, RANGES);
	for (i = 0; i < *range_count; i++) {
		ranges[i] = response->ranges[i];
		pages += le64_to_cpu(ranges[i]) >> 40;
	}
	return pages;
}

static u32 deflate(const __le64 *ranges, u32 count, u32 flags)
{
	u32 size = 16 + count * sizeof(*ranges);

	begin(DM_TYPE_UNBALLOON_REQUEST, size);
	message.deflate.flags = cpu_to_le32(flags);
	message.deflate.range_count = cpu_to_le32(count);
	memcpy(message.deflate.ranges, ranges, count * sizeof(*ranges));
	return size;
}

static void expect_deflated(struct kunit *test, const __le64 *ranges, u32 count)
{
	send(deflate(ranges, count, 0));
	expect_answer(test, DM_TYPE_UNBALLOON_RESPONSE, HEADER);
}

static void needs_pages(struct kunit *test)
{
	if (!IS_POSSIBLE)
		kunit_skip(test, "a page is larger than the host's");
}

/* All goes on as if nothing had been said: a page is got, if any can be, and given back. */
static void expect_alive(struct kunit *test)
{
	unsigned long before = READ_ONCE(balloon->ballooned);
	__le64 ranges[RANGES];
	u32 count;

	KUNIT_ASSERT_EQ(test, inflate(test, 1, ranges, &count), IS_POSSIBLE);
	KUNIT_EXPECT_EQ(test, READ_ONCE(balloon->ballooned), before + IS_POSSIBLE);
	expect_deflated(test, ranges, count);
	KUNIT_EXPECT_EQ(test, READ_ONCE(balloon->ballooned), before);
	KUNIT_EXPECT_EQ(test, READ_ONCE(balloon->malformed), malformed);
	client_host_expect_silence(host);
}

static int balloon_init(struct kunit *test)
{
	if (loopback_fixture_init(test))
		return -ENODEV;
	host = client_host_make(test, "vmb_balloon", false);
	balloon = client_of(host);
	malformed = 0;
	transaction = 0;
	return 0;
}

static void balloon_exit(struct kunit *test)
{
	if (host)
		client_host_end(host);
	loopback_fixture_exit(test);
	host = NULL;
}

static void test_no_version_is_agreed(struct kunit *test)
{
	expect_version(test, 0x20000, false);
	answer(DM_TYPE_VERSION_RESPONSE, 0);
	expect_version(test, 0x10000, false);
	answer(DM_TYPE_VERSION_RESPONSE, ~1ULL);
	expect_version(test, 3, true);
	answer(DM_TYPE_VERSION_RESPONSE, 0);
	begin(DM_TYPE_BALLOON_REQUEST, 16);
	message.inflate.page_count = cpu_to_le32(1);
	send_malformed(test, 16);
	begin(DM_TYPE_VERSION_RESPONSE, ANSWER);
	message.response.flags = cpu_to_le64(1);
	send_malformed(test, ANSWER);
	KUNIT_EXPECT_EQ(test, READ_ONCE(balloon->ballooned), 0);
}

static void test_no_capabilities_are_agreed(struct kunit *test)
{
	expect_version(test, 0x20000, false);
	answer(DM_TYPE_VERSION_RESPONSE, 1);
	expect_type(test, DM_TYPE_CAPABILITIES, 32);
	answer(DM_TYPE_CAPABILITIES_RESPONSE, 0);
	begin(DM_TYPE_BALLOON_REQUEST, 16);
	message.inflate.page_count = cpu_to_le32(1);
	send_malformed(test, 16);
	KUNIT_EXPECT_EQ(test, READ_ONCE(balloon->ballooned), 0);
}

/* And what it cannot do it does not promise. */
static void test_what_it_can_do(struct kunit *test)
{
	const struct dm_capabilities *capabilities;

	expect_version(test, 0x20000, false);
	answer(DM_TYPE_VERSION_RESPONSE, 1);
	capabilities = expect_type(test, DM_TYPE_CAPABILITIES, 32);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(capabilities->flags), IS_POSSIBLE);
	answer(DM_TYPE_CAPABILITIES_RESPONSE, 1 | 4);
	expect_alive(test);
}

/* Each word of the host's before its time, and after it. */
static void test_out_of_order(struct kunit *test)
{
	static const u16 requests[] = {
		DM_TYPE_BALLOON_REQUEST, DM_TYPE_UNBALLOON_REQUEST, DM_TYPE_HOT_ADD_REQUEST,
	};
	u32 i;

	expect_version(test, 0x20000, false);
	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		begin(requests[i], 16);
		send_malformed(test, 16);
	}
	begin(DM_TYPE_CAPABILITIES_RESPONSE, ANSWER);
	message.response.flags = cpu_to_le64(1);
	send_malformed(test, ANSWER);
	answer(DM_TYPE_VERSION_RESPONSE, 1);
	expect_type(test, DM_TYPE_CAPABILITIES, 32);
	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		begin(requests[i], 16);
		send_malformed(test, 16);
	}
	begin(DM_TYPE_VERSION_RESPONSE, ANSWER);
	send_malformed(test, ANSWER);
	answer(DM_TYPE_CAPABILITIES_RESPONSE, 1 | 4);
	expect_alive(test);
	/* Twice is once too often. */
	begin(DM_TYPE_CAPABILITIES_RESPONSE, ANSWER);
	send_malformed(test, ANSWER);
	begin(DM_TYPE_VERSION_RESPONSE, ANSWER);
	send_malformed(test, ANSWER);
	expect_alive(test);
}

/* Types that there are not, or that only a guest may send. */
static void test_types(struct kunit *test)
{
	static const u16 types[] = { 0, 1, 3, 5, 7, 9, 11, 13, 14, 0xff, 0x106, 0x8006, 0xffff };
	u32 i;

	agree(test);
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		begin(types[i], 64);
		send_malformed(test, 64);
	}
	expect_alive(test);
}

/* What the header says and what there is: neither is enough, or they do not agree. */
static void test_lengths(struct kunit *test)
{
	static const struct {
		u16 type;
		u16 least;
	} kinds[] = {
		{ DM_TYPE_VERSION_RESPONSE, 16 }, { DM_TYPE_CAPABILITIES_RESPONSE, 16 },
		{ DM_TYPE_BALLOON_REQUEST, 16 }, { DM_TYPE_UNBALLOON_REQUEST, 16 },
		{ DM_TYPE_HOT_ADD_REQUEST, 8 }, { DM_TYPE_INFORMATION, 8 },
	};
	u32 i, length;

	agree(test);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		/* Less than it says. */
		for (length = 0; length < kinds[i].least; length += 8) {
			begin(kinds[i].type, kinds[i].least);
			send_malformed(test, length);
		}
		/* It says less than it needs. */
		for (length = 0; length < kinds[i].least; length++) {
			begin(kinds[i].type, length);
			send_malformed(test, 64);
		}
		/* It says more than there is. */
		begin(kinds[i].type, 65);
		send_malformed(test, 64);
		begin(kinds[i].type, 0xffff);
		send_malformed(test, MAXIMUM);
	}
	expect_alive(test);
}

/* More ranges than their message has room for, by one or by all there can be. */
static void test_range_counts(struct kunit *test)
{
	static const u32 counts[] = { 4, 5, 0x1fffffff, 0x20000001, 0x7fffffff, 0xffffffff };
	__le64 ranges[RANGES];
	u32 count, i;

	needs_pages(test);
	agree(test);
	KUNIT_ASSERT_EQ(test, inflate(test, 3, ranges, &count), 3);
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		/* Room for three, and all of memory behind them. */
		deflate(ranges, count, 0);
		message.deflate.ranges[3] = RANGE(0, 0xffffff);
		message.header.size = cpu_to_le16(16 + 3 * 8);
		message.deflate.range_count = cpu_to_le32(counts[i]);
		send_malformed(test, 64);
		KUNIT_EXPECT_EQ(test, READ_ONCE(balloon->ballooned), 3);
	}
	/* Of none, none. */
	expect_deflated(test, NULL, 0);
	KUNIT_EXPECT_EQ(test, READ_ONCE(balloon->ballooned), 3);
	expect_deflated(test, ranges, count);
	KUNIT_EXPECT_EQ(test, READ_ONCE(balloon->ballooned), 0);
	KUNIT_EXPECT_EQ(test, READ_ONCE(balloon->unknown), 0);
}

/* Pages that the host never had, or has no more, are nobody's business of its. */
static void test_pages_it_never_had(struct kunit *test)
{
	const __le64 wild[] = {
		RANGE(0, 1), RANGE(0, 0), RANGE(1, 0xffffff), RANGE(0xffffffffffULL, 1),
		RANGE(0xffffffffffULL, 0xffffff),
	};
	const u64 in_wild = 1 + 0xffffffULL + 1 + 0xffffff;
	unsigned long total = totalram_pages();
	__le64 ranges[RANGES];
	u32 count, i;
	u64 first;

	needs_pages(test);
	agree(test);
	/* All of memory was named, and nothing was given: nothing comes back. */
	expect_deflated(test, wild, ARRAY_SIZE(wild));
	KUNIT_EXPECT_EQ(test, READ_ONCE(balloon->unknown), in_wild);
	KUNIT_EXPECT_EQ(test, totalram_pages(), total);
	KUNIT_ASSERT_EQ(test, inflate(test, 1, ranges, &count), 1);
	KUNIT_EXPECT_EQ(test, totalram_pages(), total - 1);
	/* The pages beside it are ours. */
	first = le64_to_cpu(ranges[0]) & 0xffffffffffULL;
	ranges[1] = RANGE(first - 1, 1);
	ranges[2] = RANGE(first + 1, 100);
	expect_deflated(test, ranges + 1, 2);
	KUNIT_EXPECT_EQ(test, READ_ONCE(balloon->ballooned), 1);
	KUNIT_EXPECT_EQ(test, READ_ONCE(balloon->unknown), in_wild + 101);
	/* Once it comes back, and no second time, in one message or in another. */
	ranges[1] = ranges[0];
	expect_deflated(test, ranges, 2);
	for (i = 0; i < 3; i++)
		expect_deflated(test, ranges, 1);
	KUNIT_EXPECT_EQ(test, READ_ONCE(balloon->ballooned), 0);
	KUNIT_EXPECT_EQ(test, READ_ONCE(balloon->deflated), 1);
	KUNIT_EXPECT_EQ(test, READ_ONCE(balloon->unknown), in_wild + 105);
	KUNIT_EXPECT_EQ(test, totalram_pages(), total);
	expect_alive(test);
}

/* In several messages, of which the last only is answered. */
static void test_more_to_come(struct kunit *test)
{
	__le64 ranges[RANGES];
	u32 count;

	needs_pages(test);
	agree(test);
	KUNIT_ASSERT_EQ(test, inflate(test, 2, ranges, &count), 2);
	send(deflate(ranges, count, 1));
	send(deflate(ranges, count, 0xffffffff));
	expect_deflated(test, NULL, 0);
	KUNIT_EXPECT_EQ(test, READ_ONCE(balloon->ballooned), 0);
	KUNIT_EXPECT_EQ(test, READ_ONCE(balloon->unknown), 2);
	client_host_expect_silence(host);
}

/* It wants all there is, again and again: so much is left as the floor says. */
static void test_floor(struct kunit *test)
{
	unsigned long total = totalram_pages();
	const struct dm_balloon_response *response;
	unsigned long floor = max(total / 8, (64UL << 20) / PAGE_SIZE);
	u32 round;
	u64 sum = 0;
	u32 more, i;

	needs_pages(test);
	agree(test);
	for (round = 0; round < 3; round++) {
		begin(DM_TYPE_BALLOON_REQUEST, 16);
		message.inflate.page_count = cpu_to_le32(0xffffffff);
		send(16);
		do {
			response = expect_answer(test, DM_TYPE_BALLOON_RESPONSE, 16);
			more = le32_to_cpu(response->ranges_and_more);
			for (i = 0; i < more >> 1; i++)
				sum += le64_to_cpu(response->ranges[i]) >> 40;
		} while (more & 1);
		/* What the kernel frees and takes meanwhile is a few MiB. */
		KUNIT_EXPECT_GE(test, (unsigned long)si_mem_available() +
				(8UL << 20) / PAGE_SIZE, floor);
	}
	KUNIT_EXPECT_GT(test, sum, total / 4);
	KUNIT_EXPECT_EQ(test, READ_ONCE(balloon->ballooned), sum);
	KUNIT_EXPECT_EQ(test, totalram_pages(), total - sum);
	/* With the channel they are ours again. */
	client_host_end(host);
	host = NULL;
	KUNIT_EXPECT_EQ(test, totalram_pages(), total);
}

/*
 * A word that is due when the VM hibernates is held until it resumes: it must not keep
 * the VM from hibernating, and is not the first that the host hears then.
 */
static void test_hibernates_with_a_word_to_say(struct kunit *test)
{
	struct vmb_channel *channel = client_channel(host);
	unsigned long begun;

	expect_version(test, 0x20000, false);
	answer(DM_TYPE_VERSION_RESPONSE, 1);
	expect_type(test, DM_TYPE_CAPABILITIES, 32);
	/* It is to report every second. */
	answer(DM_TYPE_CAPABILITIES_RESPONSE, 1);
	expect_type(test, DM_TYPE_STATUS, HEADER);
	KUNIT_ASSERT_EQ(test, loopback_pm_quiesce(&channel, 1, VMB_CHANNEL_STOP_HIBERNATING),
			0);
	begun = jiffies;
	mod_delayed_work(balloon->workqueue, &balloon->status_work, 0);
	flush_delayed_work(&balloon->status_work);
	KUNIT_EXPECT_EQ(test, loopback_pm_close(&channel, 1), 0);
	/* A send that nobody gives up takes ten. */
	KUNIT_EXPECT_LT(test, jiffies - begun, 5 * HZ);
	while (try_wait_for_completion(&host->arrived))
		host->taken++;
	vmb_life_pm_resume(channel);
	expect_version(test, 0x20000, false);
}

/* Nor do many requests that are to be carried out then, one after the other. */
static void test_hibernates_with_much_to_say(struct kunit *test)
{
	struct vmb_channel *channel = client_channel(host);
	const u32 count = 60;
	u64 before;
	unsigned long begun;
	u32 i;

	agree(test);
	client_expect_count(test, &channel->counters.received, 2);
	before = channel->counters.received;
	disable_work_sync(&balloon->work);
	for (i = 0; i < count; i++) {
		begin(DM_TYPE_BALLOON_REQUEST, 16);
		message.inflate.page_count = cpu_to_le32(1);
		send(16);
	}
	client_expect_count(test, &channel->counters.received, before + count);
	KUNIT_ASSERT_EQ(test, loopback_pm_quiesce(&channel, 1, VMB_CHANNEL_STOP_HIBERNATING),
			0);
	begun = jiffies;
	enable_work(&balloon->work);
	queue_work(balloon->workqueue, &balloon->work);
	while (work_pending(&balloon->work) && time_before(jiffies, begun + CLIENT_PATIENCE))
		usleep_range(1000, 2000);
	KUNIT_EXPECT_EQ(test, loopback_pm_close(&channel, 1), 0);
	KUNIT_EXPECT_LT(test, jiffies - begun, 5 * HZ);
	/* Nor is it taken from the VM what the host will not know of. */
	KUNIT_EXPECT_EQ(test, READ_ONCE(balloon->inflated), 0);
	client_host_expect_silence(host);
	vmb_life_pm_resume(channel);
	expect_version(test, 0x20000, false);
}

static struct kunit_case balloon_cases[] = {
	KUNIT_CASE(test_no_version_is_agreed),
	KUNIT_CASE(test_no_capabilities_are_agreed),
	KUNIT_CASE(test_what_it_can_do),
	KUNIT_CASE(test_out_of_order),
	KUNIT_CASE(test_types),
	KUNIT_CASE(test_lengths),
	KUNIT_CASE(test_range_counts),
	KUNIT_CASE(test_pages_it_never_had),
	KUNIT_CASE(test_more_to_come),
	KUNIT_CASE(test_floor),
	KUNIT_CASE(test_hibernates_with_a_word_to_say),
	KUNIT_CASE(test_hibernates_with_much_to_say),
	{}
};

static struct kunit_suite balloon_suite = {
	.name = "vmbkmcl_client_balloon",
	.init = balloon_init,
	.exit = balloon_exit,
	.test_cases = balloon_cases,
};

kunit_test_suite(balloon_suite);
