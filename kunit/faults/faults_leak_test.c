// SPDX-License-Identifier: GPL-2.0
/*
 * What a host keeps for good, of rings and of external data: on which channel it is
 * counted, that it is counted once, and how often a host may do so before it gets no more.
 */
#include <linux/mm.h>

#include "../../drivers/kmcl/channel.h"
#include "../../drivers/kmcl/compat.h"
#include "hv_host.h"

#define PATIENCE	(20 * HZ)

static int failure;

static void pnp_failure(struct vmb_channel *channel, int error)
{
	failure = error;
}

static int faults_leak_init(struct kunit *test)
{
	int ret = hv_host_fixture_init(test);
	struct hv_fixture *fixture;

	if (ret)
		return ret;
	fixture = test->priv;
	fixture->channel->pnp_failure = pnp_failure;
	fixture->sub_channel->pnp_failure = pnp_failure;
	return 0;
}

/* Enable, and what the client is told of it in the end. */
static int enable(struct vmb_channel *channel)
{
	int ret;

	failure = 0;
	ret = vmb_channel_enable(channel);
	flush_work(&channel->life.work);
	return ret ?: failure;
}

static void offer(struct hv_fixture *fixture, u32 i)
{
	struct vmbus_channel *channel = &fixture->offered[i].channel;

	channel->offermsg.offer.sub_channel_index = 1;
	fixture->primary.sc_creation_callback(channel);
}

static void expect_open(struct kunit *test, struct vmb_channel *channel)
{
	flush_work(&channel->life.work);
	KUNIT_ASSERT_EQ(test, vmb_life_state(channel), VMB_LIFE_OPEN);
}

static void open_both(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	KUNIT_ASSERT_EQ(test, enable(fixture->channel), 0);
	offer(fixture, 0);
	KUNIT_ASSERT_EQ(test, enable(fixture->sub_channel), 0);
	expect_open(test, fixture->channel);
	expect_open(test, fixture->sub_channel);
}

/**
 * struct memory - rings that may be the host's for good
 * @pages: theirs.
 * @order: of these.
 */
struct memory {
	struct page *pages;
	unsigned int order;
};

static struct memory rings_of(struct vmb_channel *channel)
{
	struct vmb_hv_channel *hv = vmb_channel_transport_private(channel);

	return (struct memory) { hv->rings->pages, hv->rings->order };
}

static void free_rings(struct memory memory)
{
	__free_pages(memory.pages, memory.order);
}

static void expect_leaked(struct kunit *test, u64 primary, u64 sub_channel)
{
	struct hv_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, primary);
	KUNIT_EXPECT_EQ(test, fixture->sub_channel->counters.leaked, sub_channel);
}

/* Sleep. */

/**
 * struct sleep - the VM hibernates, on a thread of its own
 * @device: the device.
 * @work: has its channels closed.
 * @ret: what that said.
 */
struct sleep {
	struct vmb_transport_device *device;
	struct work_struct work;
	int ret;
};

static void sleep_work(struct work_struct *work)
{
	struct sleep *sleep = container_of(work, struct sleep, work);

	sleep->ret = vmb_transport_device_pm_close(sleep->device);
}

static bool is_disconnected(const struct vmb_channel *channel)
{
	return READ_ONCE(channel->life.transport) == VMB_LIFE_TRANSPORT_DISCONNECTED;
}

/* The sub-channel is closed for us before its primary is, and with it, for the host. */
static void sleep(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_channel *sub_channel = fixture->sub_channel;
	struct sleep sleep = { .device = &fixture->device.transport };

	INIT_WORK_ONSTACK(&sleep.work, sleep_work);
	mutex_lock(&fixture->device.gpadl_lock);
	queue_work(system_dfl_wq, &sleep.work);
	KUNIT_EXPECT_NE(test, wait_event_timeout(sub_channel->life.changed,
						 is_disconnected(sub_channel), PATIENCE), 0);
	KUNIT_EXPECT_FALSE(test, is_disconnected(fixture->channel));
	mutex_unlock(&fixture->device.gpadl_lock);
	flush_work(&sleep.work);
	destroy_work_on_stack(&sleep.work);
	KUNIT_ASSERT_EQ(test, sleep.ret, 0);
	KUNIT_EXPECT_EQ(test, hv_host.opens, 0);
}

/* The host takes back sub-channel @i, and offers the next. */
static void wake_up_with_next(struct kunit *test, u32 i)
{
	struct hv_fixture *fixture = test->priv;

	vmb_hv_sub_invalidate_offers(&fixture->device);
	hv_rescind(fixture, i);
	vmb_transport_device_pm_resume(&fixture->device.transport);
	expect_open(test, fixture->channel);
	offer(fixture, i + 1);
	expect_open(test, fixture->sub_channel);
}

/* Both are open, the host keeps the rings of both, and the VM hibernates. */
static void sleep_on_kept_rings(struct kunit *test, struct memory *rings,
				struct memory *sub_rings)
{
	struct hv_fixture *fixture = test->priv;

	open_both(test);
	*rings = rings_of(fixture->channel);
	*sub_rings = rings_of(fixture->sub_channel);
	hv_host.keeps_rings = true;
	sleep(test);
}

/* When they are opened again it is known what the host has kept, and then it is counted. */
static void test_rings_are_kept_over_a_sleep(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct memory rings, sub_rings;

	sleep_on_kept_rings(test, &rings, &sub_rings);
	hv_host.keeps_rings = false;
	wake_up_with_next(test, 0);
	expect_leaked(test, 1, 1);
	KUNIT_EXPECT_PTR_NE(test, rings_of(fixture->channel).pages, rings.pages);
	KUNIT_EXPECT_PTR_NE(test, rings_of(fixture->sub_channel).pages, sub_rings.pages);
	/* Each time anew, and not again when nothing is kept. */
	sleep(test);
	wake_up_with_next(test, 1);
	expect_leaked(test, 1, 1);
	KUNIT_EXPECT_EQ(test, vmb_channel_disable(fixture->channel), 0);
	expect_leaked(test, 1, 1);
	free_rings(rings);
	free_rings(sub_rings);
}

/* It is not opened again: it is known when it is disabled. */
static void test_rings_are_kept_and_nobody_wakes_up(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct memory rings, sub_rings;

	sleep_on_kept_rings(test, &rings, &sub_rings);
	KUNIT_EXPECT_EQ(test, vmb_channel_disable(fixture->sub_channel), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_disable(fixture->channel), 0);
	expect_leaked(test, 1, 1);
	free_rings(rings);
	free_rings(sub_rings);
}

/* hv_vmbus has opened it, and we cannot use what it gives us. */
static void test_rings_of_no_use_are_kept(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct memory rings;
	u32 i;

	for (i = 0; i < 2; i++) {
		KUNIT_ASSERT_EQ(test, enable(fixture->channel), 0);
		/* It gets the same again. */
		rings = rings_of(fixture->channel);
		KUNIT_EXPECT_EQ(test, vmb_channel_disable(fixture->channel), 0);
		hv_host.lends_too_little = true;
		KUNIT_EXPECT_EQ(test, enable(fixture->channel), -EMSGSIZE);
		expect_leaked(test, i, 0);
		hv_host.keeps_rings = true;
		KUNIT_EXPECT_EQ(test, enable(fixture->channel), -EMSGSIZE);
		KUNIT_EXPECT_EQ(test, hv_host.opens, 0);
		expect_leaked(test, i + 1, 0);
		hv_host.keeps_rings = false;
		hv_host.lends_too_little = false;
		free_rings(rings);
	}
}

/* How often. */

/* Requests that the host does not complete, with a page each. */
#define REQUESTS	64u

static struct page *pages[REQUESTS];

static void allow_external(struct kunit *test, struct vmb_channel *channel)
{
	u32 i;

	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_external_data(channel, PAGE_SIZE, 1),
			0);
	for (i = 0; i < REQUESTS; i++) {
		pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		KUNIT_ASSERT_NOT_NULL(test, pages[i]);
	}
}

static void send_all(struct kunit *test, struct vmb_channel *channel)
{
	u32 i;

	for (i = 0; i < REQUESTS; i++) {
		struct vmb_packet *packet = vmb_packet_allocate(channel);
		struct bio_vec vector = { .bv_page = pages[i], .bv_len = PAGE_SIZE };

		KUNIT_ASSERT_NOT_NULL(test, packet);
		KUNIT_ASSERT_EQ(test,
				vmb_packet_send(packet, NULL, 0, &vector, 1,
						VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION), 0);
	}
}

/* They were referenced for good so often. */
static void free_pages_kept(struct kunit *test, u32 times)
{
	u32 i, j;

	for (i = 0; i < REQUESTS; i++) {
		KUNIT_EXPECT_EQ(test, page_count(pages[i]), 1 + times);
		for (j = 0; j <= times; j++)
			put_page(pages[i]);
	}
}

/* One bad close is one, whatever it leaves behind. */
static void test_one_close_with_many_requests(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_channel *channel = fixture->channel;
	struct memory rings;
	u32 i;

	allow_external(test, channel);
	KUNIT_ASSERT_EQ(test, enable(channel), 0);
	for (i = 0; i < 64; i++) {
		rings = rings_of(channel);
		send_all(test, channel);
		hv_host.disconnect_error = -ENOBUFS;
		KUNIT_EXPECT_EQ(test, vmb_channel_disable(channel), 0);
		hv_host.disconnect_error = 0;
		free_rings(rings);
		expect_leaked(test, (i + 1) * (REQUESTS + 1), 0);
		if (i < 63)
			KUNIT_ASSERT_EQ(test, enable(channel), 0);
	}
	KUNIT_EXPECT_EQ(test, enable(channel), -ENOSPC);
	free_pages_kept(test, 64);
}

/* A sub-channel that is disabled alone, whose host does not complete them. */
static void test_one_sub_channel_with_many_requests(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_channel *sub_channel = fixture->sub_channel;
	struct vmb_transport_device *transport = &fixture->device.transport;

	allow_external(test, sub_channel);
	open_both(test);
	send_all(test, sub_channel);
	/* It waits for them no longer than it must. */
	WRITE_ONCE(transport->removing, true);
	KUNIT_EXPECT_EQ(test, vmb_channel_disable(sub_channel), 0);
	WRITE_ONCE(transport->removing, false);
	expect_leaked(test, 0, REQUESTS);
	offer(fixture, 1);
	KUNIT_EXPECT_EQ(test, enable(sub_channel), 0);
	expect_open(test, sub_channel);
	KUNIT_EXPECT_EQ(test, vmb_channel_disable(fixture->channel), 0);
	expect_leaked(test, 0, REQUESTS);
	free_pages_kept(test, 1);
}

/* It takes no offer that it would not open, nor does hv_vmbus wait for it to. */
static void test_offer_is_not_taken(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_channel *sub_channel = fixture->sub_channel;
	const struct kref *references = &fixture->offered[0].channel.kobj.kref;
	u32 i;

	KUNIT_ASSERT_EQ(test, enable(fixture->channel), 0);
	for (i = 0; i < 64; i++)
		vmb_channel_leaked(sub_channel, 1, 1);
	KUNIT_EXPECT_EQ(test, enable(sub_channel), -ENOSPC);
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(sub_channel));
	offer(fixture, 0);
	KUNIT_EXPECT_EQ(test, kref_read(references), 2);
	KUNIT_EXPECT_EQ(test, enable(sub_channel), -ENOSPC);
	KUNIT_EXPECT_EQ(test, kref_read(references), 2);
	KUNIT_EXPECT_FALSE(test, list_empty(&fixture->device.offers));
	KUNIT_EXPECT_EQ(test, hv_host.opens, 1);
}

static struct kunit_case faults_leak_cases[] = {
	KUNIT_CASE(test_rings_are_kept_over_a_sleep),
	KUNIT_CASE(test_rings_are_kept_and_nobody_wakes_up),
	KUNIT_CASE(test_rings_of_no_use_are_kept),
	KUNIT_CASE(test_one_close_with_many_requests),
	KUNIT_CASE(test_one_sub_channel_with_many_requests),
	KUNIT_CASE(test_offer_is_not_taken),
	{}
};

static struct kunit_suite faults_leak_suite = {
	.name = "vmbkmcl_faults_leak",
	.suite_init = hv_host_suite_init,
	.suite_exit = hv_host_suite_exit,
	.init = faults_leak_init,
	.exit = hv_host_fixture_exit,
	.test_cases = faults_leak_cases,
};

kunit_test_suite(faults_leak_suite);
