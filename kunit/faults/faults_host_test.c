// SPDX-License-Identifier: GPL-2.0
/*
 * Each step that asks the host fails once, or is not answered: what the client is told,
 * what becomes of memory that the host may still reach, and that the next try succeeds.
 */
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "../../drivers/kmcl/channel.h"
#include "../../drivers/kmcl/compat.h"
#include "hv_host.h"

#define PATIENCE	(20 * HZ)
/* What will not happen would have by then. */
#define SOON		(HZ / 20)

static int failure;
static u32 failures;

static void pnp_failure(struct vmb_channel *channel, int error)
{
	failure = error;
	failures++;
}

static int faults_host_init(struct kunit *test)
{
	int ret = hv_host_fixture_init(test);
	struct hv_fixture *fixture;

	if (ret)
		return ret;
	fixture = test->priv;
	fixture->channel->pnp_failure = pnp_failure;
	failure = 0;
	failures = 0;
	return 0;
}

/* Enable, and what the client is told of it in the end. */
static int enable(struct hv_fixture *fixture)
{
	int ret;

	failure = 0;
	ret = vmb_channel_enable(fixture->channel);
	flush_work(&fixture->channel->life.work);
	return ret ?: failure;
}

static void open(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	KUNIT_ASSERT_EQ(test, enable(fixture), 0);
	KUNIT_ASSERT_EQ(test, vmb_life_state(fixture->channel), VMB_LIFE_OPEN);
	KUNIT_EXPECT_EQ(test, hv_host.opens, 1);
}

static void close(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, vmb_channel_disable(fixture->channel), 0);
	KUNIT_EXPECT_EQ(test, hv_host.opens, 0);
}

static struct vmb_hv_rings *kept(struct hv_fixture *fixture)
{
	return list_first_entry_or_null(&fixture->device.kept, struct vmb_hv_rings, node);
}

/* hv_vmbus has nothing of ours any more: no callback, no pages, and its own way to read. */
static void expect_let_go(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmbus_channel *primary = &fixture->primary;

	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
	KUNIT_EXPECT_NULL(test, primary->onchannel_callback);
	KUNIT_EXPECT_NULL(test, primary->ringbuffer_page);
	KUNIT_EXPECT_EQ(test, primary->callback_mode, HV_CALL_BATCHED);
}

/* An open that fails with @says, of which the client hears @hears. */
static void refuse_open(struct kunit *test, int says, int hears)
{
	struct hv_fixture *fixture = test->priv;

	hv_host.connect_error = says;
	KUNIT_EXPECT_EQ(test, enable(fixture), hears);
	KUNIT_EXPECT_EQ(test, failures, 1);
	KUNIT_EXPECT_EQ(test, hv_host.opens, 0);
	expect_let_go(test);
	hv_host.connect_error = 0;
}

/* By its message -EAGAIN is a host that says no: it is not asked again by itself. */
static void test_open_is_refused(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_hv_rings *rings;

	refuse_open(test, -EAGAIN, -ECONNREFUSED);
	rings = kept(fixture);
	KUNIT_ASSERT_NOT_NULL(test, rings);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, 0);
	/* The same rings are good for the next open. */
	open(test);
	KUNIT_EXPECT_NULL(test, kept(fixture));
	close(test);
	KUNIT_EXPECT_PTR_EQ(test, kept(fixture), rings);
}

/* hv_vmbus has no memory, or the hypercall fails. */
static void test_open_cannot_be_asked_for(struct kunit *test)
{
	static const int errors[] = { -ENOMEM, -ENOBUFS, -EINVAL, -ETIMEDOUT };
	struct hv_fixture *fixture = test->priv;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		failures = 0;
		refuse_open(test, errors[i], errors[i]);
		KUNIT_EXPECT_NOT_NULL(test, kept(fixture));
		open(test);
		close(test);
	}
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, 0);
}

/* The open fails, and nobody says that the host has forgotten the rings. */
static void test_open_fails_and_rings_stay(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_hv_rings *rings;
	struct page *pages;
	unsigned int order;

	open(test);
	close(test);
	rings = kept(fixture);
	KUNIT_ASSERT_NOT_NULL(test, rings);
	pages = rings->pages;
	order = rings->order;
	hv_host.keeps_rings = true;
	refuse_open(test, -ENOBUFS, -ENOBUFS);
	/* They are nobody's, and not the allocator's either. */
	KUNIT_EXPECT_NULL(test, kept(fixture));
	KUNIT_EXPECT_EQ(test, page_count(pages), 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, 1);
	hv_host.keeps_rings = false;
	open(test);
	close(test);
	KUNIT_ASSERT_NOT_NULL(test, kept(fixture));
	KUNIT_EXPECT_PTR_NE(test, kept(fixture)->pages, pages);
	__free_pages(pages, order);
}

/* The offer is taken back while the open is on its way. */
static void test_open_is_rescinded(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	hv_host.connect_rescinds = true;
	/* The handle stays in hv_vmbus's hand, and means nothing. */
	hv_host.keeps_rings = true;
	KUNIT_EXPECT_EQ(test, enable(fixture), -ENODEV);
	KUNIT_EXPECT_EQ(test, failures, 1);
	expect_let_go(test);
	KUNIT_EXPECT_NOT_NULL(test, kept(fixture));
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, 0);
	KUNIT_EXPECT_EQ(test, enable(fixture), -ENODEV);
}

struct disable {
	struct work_struct work;
	struct vmb_channel *channel;
	struct completion returned;
};

static void disable_on_worker(struct work_struct *work)
{
	struct disable *disable = container_of(work, struct disable, work);

	vmb_channel_disable(disable->channel);
	complete(&disable->returned);
}

static void disable_begin(struct disable *disable, struct vmb_channel *channel)
{
	disable->channel = channel;
	init_completion(&disable->returned);
	INIT_WORK_ONSTACK(&disable->work, disable_on_worker);
	queue_work(system_dfl_wq, &disable->work);
}

/* No answer: disable waits for one, or for the end of the offer. */
static void test_open_is_not_answered(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct disable disable;
	u32 i;

	for (i = 0; i < 2; i++) {
		hv_host.holds_connect = true;
		reinit_completion(&hv_host.asked);
		KUNIT_ASSERT_EQ(test, vmb_channel_enable(fixture->channel), 0);
		KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&hv_host.asked, PATIENCE), 0);
		disable_begin(&disable, fixture->channel);
		KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&disable.returned, SOON), 0);
		if (i)
			WRITE_ONCE(fixture->primary.rescind, true);
		else
			complete(&hv_host.answers);
		KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&disable.returned, PATIENCE),
				0);
		complete_all(&hv_host.answers);
		flush_work(&disable.work);
		destroy_work_on_stack(&disable.work);
		reinit_completion(&hv_host.answers);
		KUNIT_EXPECT_EQ(test, hv_host.opens, 0);
		expect_let_go(test);
		KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, 0);
	}
}

/* What the close says, or does not, of the rings: they are leaked, and counted. */
static void leak_rings(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_hv_channel *hv;
	unsigned int order;
	struct page *pages;
	u64 before = fixture->channel->counters.leaked;

	open(test);
	hv = vmb_channel_transport_private(fixture->channel);
	pages = hv->rings->pages;
	order = hv->rings->order;
	close(test);
	expect_let_go(test);
	KUNIT_EXPECT_NULL(test, kept(fixture));
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, before + 1);
	KUNIT_EXPECT_EQ(test, page_count(pages), 1);
	__free_pages(pages, order);
}

static void test_close_fails(struct kunit *test)
{
	/* The last is what a sub-channel's close says, and nothing of the kind here. */
	static const int errors[] = { -ENOBUFS, -EINVAL, -EBUSY };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		hv_host.disconnect_error = errors[i];
		leak_rings(test);
		hv_host.disconnect_error = 0;
		open(test);
		close(test);
	}
}

static void test_close_is_not_answered(struct kunit *test)
{
	hv_host.keeps_rings = true;
	leak_rings(test);
	hv_host.keeps_rings = false;
	open(test);
	close(test);
}

/* A host that keeps all that it gets is given so much, and is not asked again. */
static void test_host_keeps_all_rings(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	u32 i;

	hv_host.keeps_rings = true;
	for (i = 0; i < 64; i++)
		leak_rings(test);
	hv_host.keeps_rings = false;
	KUNIT_EXPECT_EQ(test, failures, 0);
	reinit_completion(&hv_host.asked);
	hv_host.holds_connect = true;
	complete_all(&hv_host.answers);
	KUNIT_EXPECT_EQ(test, enable(fixture), -ENOSPC);
	KUNIT_EXPECT_FALSE(test, completion_done(&hv_host.asked));
	KUNIT_EXPECT_EQ(test, failures, 1);
	expect_let_go(test);
	KUNIT_EXPECT_NOT_NULL(test, kept(fixture));
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, 64);
}

/* GPADLs of pages of the test's. */

static u32 handle;
static struct page *page;

static int share(struct hv_fixture *fixture)
{
	return vmb_channel_create_gpadl_from_buffer(fixture->channel, 0, page_address(page),
						    PAGE_SIZE, &handle);
}

static void open_with_page(struct kunit *test)
{
	page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(test, page);
	open(test);
}

/* As many as there are when the peer has let go of it; more, and it is never free. */
static void expect_page(struct kunit *test, int references, u64 leaked)
{
	struct hv_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, page_count(page), references);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, leaked);
	KUNIT_EXPECT_TRUE(test, list_empty(&fixture->channel->memory.gpadls));
	KUNIT_EXPECT_TRUE(test, xa_empty(&fixture->channel->memory.frames));
	while (references--)
		put_page(page);
}

static void test_gpadl_is_refused(struct kunit *test)
{
	static const int errors[] = { -ENOMEM, -EDQUOT, -ENOBUFS };
	struct hv_fixture *fixture = test->priv;
	u32 i;

	open_with_page(test);
	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		hv_host.establish_error = errors[i];
		KUNIT_EXPECT_EQ(test, share(fixture), errors[i]);
		KUNIT_EXPECT_EQ(test, page_count(page), 1);
	}
	hv_host.establish_error = 0;
	KUNIT_EXPECT_EQ(test, share(fixture), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_delete_gpadl(fixture->channel, handle), 0);
	expect_page(test, 1, 0);
}

/* It was decrypted for the host, which refused it, and cannot be encrypted again. */
static void test_gpadl_is_refused_and_stays_decrypted(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	open_with_page(test);
	hv_host.establish_error = -EDQUOT;
	hv_host.stays_decrypted = true;
	KUNIT_EXPECT_EQ(test, share(fixture), -EIO);
	hv_host.establish_error = 0;
	expect_page(test, 2, 1);
}

static void test_gpadl_cannot_be_torn_down(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	open_with_page(test);
	KUNIT_ASSERT_EQ(test, share(fixture), 0);
	hv_host.teardown_error = -ENOMEM;
	KUNIT_EXPECT_EQ(test, vmb_channel_delete_gpadl(fixture->channel, handle), -EIO);
	hv_host.teardown_error = 0;
	expect_page(test, 2, 1);
}

/* Likewise: each keeps its reference, and there are no more than so many. */
static void test_host_keeps_all_gpadls(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	u32 i;

	open_with_page(test);
	hv_host.teardown_error = -ENOMEM;
	for (i = 0; i < 64; i++) {
		KUNIT_ASSERT_EQ(test, share(fixture), 0);
		KUNIT_ASSERT_EQ(test, vmb_channel_delete_gpadl(fixture->channel, handle), -EIO);
	}
	KUNIT_EXPECT_EQ(test, share(fixture), -ENOSPC);
	hv_host.teardown_error = 0;
	KUNIT_EXPECT_EQ(test, hv_host.gpadls, 64);
	expect_page(test, 65, 64);
}

/* hv_vmbus says that it is, and has no answer: it could not post the message. */
static void test_teardown_is_not_answered(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	open_with_page(test);
	KUNIT_ASSERT_EQ(test, share(fixture), 0);
	hv_host.keeps_gpadl = true;
	KUNIT_EXPECT_EQ(test, vmb_channel_delete_gpadl(fixture->channel, handle), -EIO);
	hv_host.keeps_gpadl = false;
	expect_page(test, 2, 1);
}

/* The offer is gone, and with it what the host knew of it. */
static void test_teardown_after_rescind(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	open_with_page(test);
	KUNIT_ASSERT_EQ(test, share(fixture), 0);
	hv_host.keeps_gpadl = true;
	WRITE_ONCE(fixture->primary.rescind, true);
	KUNIT_EXPECT_EQ(test, vmb_channel_delete_gpadl(fixture->channel, handle), 0);
	expect_page(test, 1, 0);
}

/* Each call asks again. */
static void test_no_device_memory(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	u64 address, size;

	fixture->primary.offermsg.offer.mmio_megabytes = 8;
	open(test);
	hv_host.mmio_error = -ENXIO;
	KUNIT_EXPECT_EQ(test, vmb_channel_get_mmio_space(fixture->channel, &address, &size),
			-ENXIO);
	KUNIT_EXPECT_NULL(test, fixture->device.mmio);
	hv_host.mmio_error = 0;
	KUNIT_EXPECT_EQ(test, vmb_channel_get_mmio_space(fixture->channel, &address, &size), 0);
	KUNIT_EXPECT_EQ(test, address, SZ_1G);
	KUNIT_EXPECT_EQ(test, size, SZ_8M);
	close(test);
	kfree(fixture->device.mmio);
	fixture->device.mmio = NULL;
}

/* Sub-channels, each on an offer of the host. */

static void offer(struct hv_fixture *fixture, u32 i)
{
	struct vmbus_channel *channel = &fixture->offered[i].channel;

	channel->offermsg.offer.sub_channel_index = 1;
	fixture->primary.sc_creation_callback(channel);
}

static int references(struct hv_fixture *fixture, u32 i)
{
	return kref_read(&fixture->offered[i].channel.kobj.kref);
}

/* It is enabled, and there is an offer for it. */
static void enable_sub_channel(struct kunit *test, u32 i)
{
	struct hv_fixture *fixture = test->priv;

	offer(fixture, i);
	KUNIT_EXPECT_EQ(test, references(fixture, i), 2);
	KUNIT_ASSERT_EQ(test, vmb_channel_enable(fixture->sub_channel), 0);
	flush_work(&fixture->sub_channel->life.work);
}

static void expect_open_and_close(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, vmb_life_state(fixture->sub_channel), VMB_LIFE_OPEN);
	KUNIT_EXPECT_EQ(test, hv_host.opens, 2);
	close(test);
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->sub_channel));
	KUNIT_EXPECT_EQ(test, fixture->sub_channel->counters.leaked, 0);
}

/* The host is not asked again: it has to offer another. */
static void test_sub_channel_is_refused(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	open(test);
	fixture->sub_channel->pnp_failure = pnp_failure;
	hv_host.connect_error = -EAGAIN;
	enable_sub_channel(test, 0);
	hv_host.connect_error = 0;
	KUNIT_EXPECT_EQ(test, failure, -ECONNREFUSED);
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->sub_channel));
	KUNIT_EXPECT_EQ(test, references(fixture, 0), 1);
	KUNIT_EXPECT_NULL(test, fixture->offered[0].channel.onchannel_callback);
	enable_sub_channel(test, 1);
	expect_open_and_close(test);
}

/* What the host keeps of a sub-channel is known when the primary has closed. */
static void test_sub_channel_keeps_its_rings(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_transport_device *transport = &fixture->device.transport;
	const struct vmb_counters *sub = &fixture->sub_channel->counters;
	const struct vmb_counters *primary = &fixture->channel->counters;
	struct vmb_channel *other;
	struct vmb_hv_channel *hv;
	unsigned int orders[2];
	struct page *pages[2];
	u32 i;

	/* As if it had been allocated before them. */
	KUNIT_ASSERT_EQ(test, vmb_channel_allocate(&transport->device, false, &other), 0);
	list_move(&other->device_node, &transport->channels);
	for (i = 0; i < 2; i++) {
		open(test);
		hv = vmb_channel_transport_private(fixture->channel);
		pages[0] = hv->rings->pages;
		orders[0] = hv->rings->order;
		enable_sub_channel(test, i);
		KUNIT_EXPECT_EQ(test, vmb_life_state(fixture->sub_channel), VMB_LIFE_OPEN);
		hv = vmb_channel_transport_private(fixture->sub_channel);
		pages[1] = hv->rings->pages;
		orders[1] = hv->rings->order;
		/* It may be long gone by then, or in the middle of its own end. */
		if (!i)
			KUNIT_EXPECT_EQ(test, vmb_channel_disable(fixture->sub_channel), 0);
		KUNIT_EXPECT_EQ(test, sub->leaked, 0);
		hv_host.keeps_rings = true;
		close(test);
		hv_host.keeps_rings = false;
		KUNIT_EXPECT_EQ(test, sub->leaked + primary->leaked, 2 * i + 2);
		/* If it is gone, on the one that it was a sub-channel of. */
		if (!i) {
			KUNIT_EXPECT_EQ(test, primary->leaked, 2);
			KUNIT_EXPECT_EQ(test, fixture->channel->times_leaked, 1);
		}
		KUNIT_EXPECT_EQ(test, other->counters.leaked, 0);
		__free_pages(pages[0], orders[0]);
		__free_pages(pages[1], orders[1]);
	}
	KUNIT_EXPECT_NULL(test, kept(fixture));
	vmb_channel_cleanup(other);
}

/* It goes on to wait, for the next. */
static void test_sub_channel_is_rescinded(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	open(test);
	fixture->sub_channel->pnp_failure = pnp_failure;
	hv_host.connect_rescinds = true;
	enable_sub_channel(test, 0);
	hv_host.connect_rescinds = false;
	KUNIT_EXPECT_EQ(test, failures, 0);
	KUNIT_EXPECT_EQ(test, vmb_life_state(fixture->sub_channel), VMB_LIFE_ENABLED);
	/* hv_vmbus drops what it has waited for us to let go of. */
	KUNIT_EXPECT_TRUE(test, completion_done(&fixture->offered[0].channel.rescind_event));
	KUNIT_EXPECT_EQ(test, references(fixture, 0), 1);
	kobject_put(&fixture->offered[0].channel.kobj);
	offer(fixture, 1);
	flush_work(&fixture->sub_channel->life.work);
	expect_open_and_close(test);
}

static struct kunit_case faults_host_cases[] = {
	KUNIT_CASE(test_open_is_refused),
	KUNIT_CASE(test_open_cannot_be_asked_for),
	KUNIT_CASE(test_open_fails_and_rings_stay),
	KUNIT_CASE(test_open_is_rescinded),
	KUNIT_CASE(test_open_is_not_answered),
	KUNIT_CASE(test_close_fails),
	KUNIT_CASE(test_close_is_not_answered),
	KUNIT_CASE(test_host_keeps_all_rings),
	KUNIT_CASE(test_gpadl_is_refused),
	KUNIT_CASE(test_gpadl_is_refused_and_stays_decrypted),
	KUNIT_CASE(test_gpadl_cannot_be_torn_down),
	KUNIT_CASE(test_host_keeps_all_gpadls),
	KUNIT_CASE(test_teardown_is_not_answered),
	KUNIT_CASE(test_teardown_after_rescind),
	KUNIT_CASE(test_no_device_memory),
	KUNIT_CASE(test_sub_channel_is_refused),
	KUNIT_CASE(test_sub_channel_keeps_its_rings),
	KUNIT_CASE(test_sub_channel_is_rescinded),
	{}
};

static struct kunit_suite faults_host_suite = {
	.name = "vmbkmcl_faults_host",
	.suite_init = hv_host_suite_init,
	.suite_exit = hv_host_suite_exit,
	.init = faults_host_init,
	.exit = hv_host_fixture_exit,
	.test_cases = faults_host_cases,
};

kunit_test_suite(faults_host_suite);
