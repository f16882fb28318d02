// SPDX-License-Identifier: GPL-2.0
/*
 * Each allocation of a channel fails once: when it is made, configured, enabled and
 * opened, and when a packet object is got. On the way of a packet there is none.
 */
#include <linux/delay.h>
#include <linux/slab.h>

#include "../../drivers/kmcl/outbound.h"
#include "../fixtures/send_fixture.h"
#include "fault.h"

#define PACKETS		300u
#define REFUSAL		48u

/* What a path is about; beside the fixture's own channel. */
static struct vmb_channel *other;
static struct vmb_packet *packet;
static struct page *page;

static struct channel_fixture *fixture_of(struct kunit *test)
{
	return test->priv;
}

static u32 channels_of(struct kunit *test)
{
	struct vmb_transport_device *device = &fixture_of(test)->transport.device;

	return list_count_nodes(&device->channels);
}

static int allocate(struct kunit *test)
{
	return vmb_channel_allocate(&fixture_of(test)->transport.device.device, false, &other);
}

/* Nobody finds it. */
static void expect_not_allocated(struct kunit *test)
{
	KUNIT_EXPECT_NULL(test, other);
	KUNIT_EXPECT_EQ(test, channels_of(test), 1);
}

static void expect_allocated(struct kunit *test)
{
	KUNIT_ASSERT_NOT_NULL(test, other);
	KUNIT_EXPECT_EQ(test, channels_of(test), 2);
	/* It is in sysfs. */
	KUNIT_EXPECT_NOT_NULL(test, other->kobject.sd);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_inbound_packet_count(other, 4), 0);
}

static void clean_up(struct kunit *test)
{
	vmb_channel_cleanup(other);
	other = NULL;
	flush_workqueue(vmb_workqueue);
}

static void test_allocate(struct kunit *test)
{
	static const struct fault_path path = {
		.name = "allocate",
		.run = allocate,
		.refused = expect_not_allocated,
		.works = expect_allocated,
		.undo = clean_up,
	};

	fault_each(test, &path);
}

/* Settings: one that was refused is as it was. */

static void make_other(struct kunit *test)
{
	if (!other)
		KUNIT_ASSERT_EQ(test, allocate(test), 0);
}

static int set_packet_count(struct kunit *test)
{
	return vmb_channel_init_set_maximum_packet_count(other, PACKETS);
}

static void expect_packet_count_as_before(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, other->outbound.transactions.configured,
			VMB_DEFAULT_MAXIMUM_PACKET_COUNT);
	KUNIT_EXPECT_NOT_NULL(test, other->outbound.transactions.table);
}

static void expect_packet_count(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, other->outbound.transactions.configured, PACKETS);
}

static int set_refusal(struct kunit *test)
{
	u8 refusal[REFUSAL];

	memset(refusal, 0x5a, sizeof(refusal));
	return vmb_channel_init_set_refusal_completion(other, refusal, sizeof(refusal));
}

static void expect_no_refusal(struct kunit *test)
{
	KUNIT_EXPECT_NULL(test, other->refusal_completion);
	KUNIT_EXPECT_EQ(test, other->refusal_completion_length, 0);
}

static void expect_refusal(struct kunit *test)
{
	KUNIT_ASSERT_NOT_NULL(test, other->refusal_completion);
	KUNIT_EXPECT_EQ(test, other->refusal_completion_length, REFUSAL);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(other->refusal_completion, 0x5a, REFUSAL), NULL);
}

static int set_processor(struct kunit *test)
{
	return vmb_client_channel_init_set_target_processor_index(other, 0);
}

static void expect_no_processor(struct kunit *test)
{
	KUNIT_EXPECT_FALSE(test, test_bit(VMB_INBOUND_TARGETED, &other->inbound.flags));
	KUNIT_EXPECT_NOT_NULL(test, other->inbound.queue);
}

static void expect_processor(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, test_bit(VMB_INBOUND_TARGETED, &other->inbound.flags));
}

static void test_configure(struct kunit *test)
{
	static const struct fault_path paths[] = {
		{
			.name = "maximum packet count",
			.prepare = make_other,
			.run = set_packet_count,
			.refused = expect_packet_count_as_before,
			.works = expect_packet_count,
			.undo = clean_up,
		}, {
			.name = "refusal completion",
			.prepare = make_other,
			.run = set_refusal,
			.refused = expect_no_refusal,
			.works = expect_refusal,
			.undo = clean_up,
		}, {
			.name = "target processor",
			.prepare = make_other,
			.run = set_processor,
			.refused = expect_no_processor,
			.works = expect_processor,
			.undo = clean_up,
		},
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(paths); i++)
		fault_each(test, &paths[i]);
}

/* Enabled, and open; 0, or what the client is told, in whichever way. */
static int enable(struct kunit *test)
{
	struct channel_fixture *fixture = fixture_of(test);
	u32 failure;
	int ret;

	fixture->log_count = 0;
	ret = vmb_channel_enable(fixture->channel);
	if (ret)
		return ret;
	channel_settle(fixture);
	vmb_watchdog_stop(fixture->channel);
	memory_transport_run(&fixture->transport, fixture->channel);
	failure = channel_log_find(fixture, PNP_FAILURE);
	return failure == U32_MAX ? 0 : fixture->log[failure].detail;
}

static void expect_disabled(struct kunit *test)
{
	struct channel_fixture *fixture = fixture_of(test);

	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
	KUNIT_EXPECT_NULL(test, fixture->transport.memory);
	KUNIT_EXPECT_EQ(test, fixture->transport.opens, fixture->transport.closes);
	KUNIT_EXPECT_EQ(test, channel_log_find(fixture, OPENED), U32_MAX);
}

/* A packet in, and its completion out. */
static void expect_flow(struct kunit *test)
{
	struct channel_fixture *fixture = fixture_of(test);

	KUNIT_ASSERT_NE(test, channel_log_find(fixture, POST_STARTED), U32_MAX);
	peer_send_inband(fixture, 7, 40);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
	peer_expect_completion(fixture, 7, 0);
}

static void drop_room(struct kunit *test)
{
	struct vmb_inbound *inbound = &fixture_of(test)->channel->inbound;

	cancel_delayed_work_sync(&inbound->overlong_work);
	inbound->reader.overlong = NULL;
	kvfree(inbound->overlong);
	inbound->overlong = NULL;
}

/* As a new channel: what is kept from one open to the next is not there. */
static void disable(struct kunit *test)
{
	channel_disable(fixture_of(test));
	drop_room(test);
	fixture_of(test)->channel->inbound.overlong_size = 0;
}

static void complete_inline(struct channel_fixture *fixture, u32 held)
{
	KUNIT_ASSERT_EQ(fixture->test,
			vmb_channel_init_set_inbound_packet_count(fixture->channel, held), 0);
	fixture->process = channel_complete_inline;
}

static void configure(struct kunit *test)
{
	struct channel_fixture *fixture = fixture_of(test);

	channel_configure(fixture, 256, CHANNEL_FIXTURE_SMALL, CHANNEL_FIXTURE_SMALL);
	complete_inline(fixture, 4);
}

static const struct fault_path enable_path = {
	.name = "enable and open",
	.run = enable,
	.refused = expect_disabled,
	.works = expect_flow,
	.undo = disable,
};

static void test_enable(struct kunit *test)
{
	configure(test);
	fault_each(test, &enable_path);
}

/* Objects that are larger than a page may be got by vmalloc(). */
static void test_enable_large_packets(struct kunit *test)
{
	struct channel_fixture *fixture = fixture_of(test);

	/* Rings that nobody has set the size of have room for them. */
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_packet_size(fixture->channel,
								       3 * PAGE_SIZE), 0);
	complete_inline(fixture, 2);
	fault_each(test, &enable_path);
}

/* Outbound packets. */

static int get_packet(struct kunit *test)
{
	packet = vmb_packet_allocate(fixture_of(test)->channel);
	return packet ? 0 : -ENOMEM;
}

static void expect_no_packet(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, fixture_of(test)->channel->outbound.allocated, 0);
}

static void put_packet(struct kunit *test)
{
	vmb_packet_free(packet);
	vmb_packets_empty_free_list(fixture_of(test)->channel);
}

static void test_packet_allocate(struct kunit *test)
{
	static const struct fault_path path = {
		.name = "packet",
		.run = get_packet,
		.refused = expect_no_packet,
		.undo = put_packet,
	};

	fault_each(test, &path);
}

/* Room for a long completion. */

static bool room_within(struct kunit *test, unsigned long patience)
{
	struct vmb_inbound *inbound = &fixture_of(test)->channel->inbound;
	unsigned long end = jiffies + patience;

	while (!READ_ONCE(inbound->overlong) && time_before(jiffies, end))
		msleep(20);
	flush_work(&inbound->overlong_work.work);
	return inbound->overlong;
}

static int want_room(struct kunit *test)
{
	vmb_overlong_want(fixture_of(test)->channel);
	return room_within(test, HZ) ? 0 : -ENOMEM;
}

/* It is tried for until there is memory, and there is again. */
static void expect_room(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, room_within(test, CHANNEL_FIXTURE_PATIENCE));
	drop_room(test);
}

static void test_room_for_completion(struct kunit *test)
{
	static const struct fault_path path = {
		.name = "room for a completion",
		.run = want_room,
		.refused = expect_room,
		.undo = drop_room,
	};

	channel_configure(fixture_of(test), 256, CHANNEL_FIXTURE_SMALL, CHANNEL_FIXTURE_SMALL);
	channel_enable(fixture_of(test));
	fault_each(test, &path);
}

/* A send and its completion; a packet of the peer's and its completion. */
static int pass_packets(struct kunit *test)
{
	struct channel_fixture *fixture = fixture_of(test);
	struct sent_packet sent = {};
	int ret;

	ret = send_try(fixture, 0, 40, WAIT);
	if (ret)
		return ret;
	if (!peer_take(fixture, &sent))
		return -ENODATA;
	peer_answer(fixture, sent.transaction_id, 8);
	peer_make_room(fixture);
	send_expect_ends(fixture, 1);
	peer_send_inband(fixture, 7, 40);
	peer_expect_completion(fixture, 7, 0);
	return 0;
}

static int pass_external_data(struct kunit *test)
{
	struct channel_fixture *fixture = fixture_of(test);
	struct sent_packet sent = {};
	struct bio_vec vector;
	int ret;

	bvec_set_page(&vector, page, PAGE_SIZE, 0);
	ret = send_external(fixture, 0, &vector, 1, WAIT);
	if (ret)
		return ret;
	if (!peer_take(fixture, &sent))
		return -ENODATA;
	peer_answer(fixture, sent.transaction_id, 0);
	peer_make_room(fixture);
	send_expect_ends(fixture, 2);
	return 0;
}

static void test_packets_allocate_nothing(struct kunit *test)
{
	static const struct fault_path in_band = { .name = "packets", .run = pass_packets };
	static const struct fault_path external = {
		.name = "external data",
		.run = pass_external_data,
	};
	struct channel_fixture *fixture = fixture_of(test);

	configure(test);
	send_allow_external(fixture);
	channel_configure(fixture, 256, 17, 17);
	send_make(fixture, 0);
	channel_enable(fixture);
	page = send_pages(fixture, 0);
	flush_delayed_work(&fixture->channel->inbound.overlong_work);
	fault_none(test, &in_band);
	fault_none(test, &external);
}

static struct kunit_case faults_channel_cases[] = {
	KUNIT_CASE(test_allocate),
	KUNIT_CASE(test_configure),
	KUNIT_CASE(test_enable),
	KUNIT_CASE(test_enable_large_packets),
	KUNIT_CASE(test_packet_allocate),
	KUNIT_CASE(test_room_for_completion),
	KUNIT_CASE(test_packets_allocate_nothing),
	{}
};

static struct kunit_suite faults_channel_suite = {
	.name = "vmbkmcl_faults_channel",
	.suite_init = fault_suite_init,
	.suite_exit = fault_suite_exit,
	.init = send_fixture_init,
	.exit = send_fixture_exit,
	.test_cases = faults_channel_cases,
};

kunit_test_suite(faults_channel_suite);
