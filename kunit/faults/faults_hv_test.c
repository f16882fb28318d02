// SPDX-License-Identifier: GPL-2.0
/*
 * Each allocation of the hv transport fails once: rings, channels with and without an
 * offer of their own, what is kept of a sub-channel's offer, GPADLs and device memory.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "../../drivers/kmcl/life.h"
#include "fault.h"
#include "hv_host.h"

/* Of rings: as they are wanted, and as they have to be. */
#define INBOUND		((u32)(8 * PAGE_SIZE))
#define OUTBOUND	((u32)(4 * PAGE_SIZE))
#define MINIMUM		((u32)(2 * PAGE_SIZE))

static const guid_t other_type = GUID_INIT(2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2);

static int faults_hv_suite_init(struct kunit_suite *suite)
{
	int ret = fault_suite_init(suite);

	if (ret)
		return ret;
	ret = hv_host_begin();
	if (ret)
		fault_suite_exit(suite);
	return ret;
}

static void faults_hv_suite_exit(struct kunit_suite *suite)
{
	hv_host_end();
	fault_suite_exit(suite);
}

/* Rings. */

static struct vmb_hv_channel hv;
static struct page *leaked;
static unsigned int leaked_order;

static int get_rings(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	hv = (struct vmb_hv_channel) { .device = &fixture->device };
	return vmb_hv_rings_get(&hv, INBOUND, OUTBOUND, MINIMUM);
}

static void expect_no_rings(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	KUNIT_EXPECT_NULL(test, hv.rings);
	KUNIT_EXPECT_TRUE(test, list_empty(&fixture->device.kept));
}

/* Smaller ones, if it cannot be helped. */
static void expect_rings(struct kunit *test)
{
	KUNIT_EXPECT_GE(test, hv.rings->inbound_size, MINIMUM);
	KUNIT_EXPECT_GE(test, hv.rings->outbound_size, MINIMUM);
	KUNIT_EXPECT_LE(test, hv.rings->inbound_size, INBOUND);
	KUNIT_EXPECT_LE(test, hv.rings->outbound_size, OUTBOUND);
}

static void put_rings(struct kunit *test)
{
	vmb_hv_rings_put(&hv);
	hv_host_free_kept(test->priv);
}

static void test_rings(struct kunit *test)
{
	static const struct fault_path path = {
		.name = "rings",
		.run = get_rings,
		.refused = expect_no_rings,
		.works = expect_rings,
		.undo = put_rings,
	};

	fault_each(test, &path);
}

static void have_leaked_rings(struct kunit *test)
{
	if (hv.leaked)
		return;
	KUNIT_ASSERT_EQ(test, get_rings(test), 0);
	leaked = hv.rings->pages;
	leaked_order = hv.rings->order;
	hv.leaked = true;
}

static int renew_rings(struct kunit *test)
{
	return vmb_hv_rings_renew(&hv);
}

/* It has those that it had, and knows of them what it did. */
static void expect_leaked_rings(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, hv.leaked);
	KUNIT_EXPECT_PTR_EQ(test, hv.rings->pages, leaked);
}

static void put_renewed_rings(struct kunit *test)
{
	KUNIT_EXPECT_FALSE(test, hv.leaked);
	KUNIT_EXPECT_PTR_NE(test, hv.rings->pages, leaked);
	put_rings(test);
	__free_pages(leaked, leaked_order);
}

static void test_renew_rings(struct kunit *test)
{
	static const struct fault_path path = {
		.name = "renew rings",
		.prepare = have_leaked_rings,
		.run = renew_rings,
		.refused = expect_leaked_rings,
		.undo = put_renewed_rings,
	};

	hv.leaked = false;
	fault_each(test, &path);
}

/* A channel. */

static int failure;

static void pnp_failure(struct vmb_channel *channel, int error)
{
	failure = error;
}

static int enable(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	int ret;

	failure = 0;
	fixture->channel->pnp_failure = pnp_failure;
	ret = vmb_channel_enable(fixture->channel);
	if (ret)
		return ret;
	flush_work(&fixture->channel->life.work);
	return failure;
}

static void expect_not_enabled(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
	KUNIT_EXPECT_NULL(test, vmb_channel_transport_private(fixture->channel));
	KUNIT_EXPECT_EQ(test, hv_host.opens, 0);
	hv_host_free_kept(fixture);
}

static void expect_open(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, vmb_life_state(fixture->channel), VMB_LIFE_OPEN);
	KUNIT_EXPECT_EQ(test, hv_host.opens, 1);
}

/* As a new channel, of a new device. */
static void disable(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_inbound *inbound = &fixture->channel->inbound;

	KUNIT_EXPECT_EQ(test, vmb_channel_disable(fixture->channel), 0);
	expect_not_enabled(test);
	cancel_delayed_work_sync(&inbound->overlong_work);
	kvfree(inbound->overlong);
	inbound->overlong = NULL;
	inbound->overlong_size = 0;
}

static void test_enable(struct kunit *test)
{
	static const struct fault_path path = {
		.name = "enable and open",
		.run = enable,
		.refused = expect_not_enabled,
		.works = expect_open,
		.undo = disable,
	};

	fault_each(test, &path);
}

/* As enable has it done for a channel that waits for an offer. */
static int prepare(struct kunit *test, struct vmb_channel *channel)
{
	u32 inbound = INBOUND, outbound = OUTBOUND;

	return vmb_hv_channel_operations.prepare(channel, &inbound, &outbound, MINIMUM);
}

static void unprepare(struct kunit *test, struct vmb_channel *channel)
{
	vmb_hv_channel_operations.unprepare(channel);
	hv_host_free_kept(test->priv);
}

static int prepare_sub_channel(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	return prepare(test, fixture->sub_channel);
}

static void expect_no_sub_channel(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	KUNIT_EXPECT_NULL(test, vmb_channel_transport_private(fixture->sub_channel));
	KUNIT_EXPECT_TRUE(test, list_empty(&fixture->device.sub_channels));
	hv_host_free_kept(fixture);
}

static void unprepare_sub_channel(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	unprepare(test, fixture->sub_channel);
	expect_no_sub_channel(test);
}

static void test_prepare_sub_channel(struct kunit *test)
{
	static const struct fault_path path = {
		.name = "sub-channel",
		.run = prepare_sub_channel,
		.refused = expect_no_sub_channel,
		.undo = unprepare_sub_channel,
	};

	fault_each(test, &path);
}

/* Its primary is cleaned up before it is enabled to the end: it ends as what it began. */
static void test_primary_goes_meanwhile(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	KUNIT_ASSERT_EQ(test, prepare_sub_channel(test), 0);
	vmb_sub_channels_orphan(fixture->channel);
	KUNIT_ASSERT_NULL(test, vmb_channel_primary(fixture->sub_channel));
	unprepare(test, fixture->sub_channel);
	KUNIT_EXPECT_TRUE(test, list_empty(&fixture->device.sub_channels));
	KUNIT_EXPECT_EQ(test, fixture->device.enabled, 0);
}

static int prepare_target(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	return prepare(test, fixture->channel);
}

static void unprepare_target(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	unprepare(test, fixture->channel);
}

static void test_prepare_target(struct kunit *test)
{
	static const struct fault_path path = {
		.name = "target",
		.run = prepare_target,
		.refused = expect_not_enabled,
		.undo = unprepare_target,
	};
	struct hv_fixture *fixture = test->priv;

	guid_copy(&fixture->device.transport.device.interface_type, &fixture->hv.dev_type);
	fixture->device.transport.device.interface_type.b[0] = 1;
	KUNIT_ASSERT_EQ(test,
			vmb_client_channel_init_set_target_pnp(fixture->channel, &other_type,
							       NULL, NULL), 0);
	KUNIT_ASSERT_TRUE(test, vmb_channel_has_own_offer(fixture->channel));
	fault_each(test, &path);
}

/* An offer of a sub-channel that nobody waits for yet. */

static int offer(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	fixture->primary.sc_creation_callback(&fixture->offered[0].channel);
	return list_empty(&fixture->device.offers) ? -ENOMEM : 0;
}

/* hv_vmbus's reference is the only one. */
static void expect_not_offered(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, kref_read(&fixture->offered[0].channel.kobj.kref), 1);
}

static void drop_offer(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	vmb_hv_sub_end_close_all(&fixture->device);
	expect_not_offered(test);
}

static void test_offer(struct kunit *test)
{
	static const struct fault_path path = {
		.name = "offer",
		.run = offer,
		.refused = expect_not_offered,
		.undo = drop_offer,
	};
	struct hv_fixture *fixture = test->priv;

	vmb_hv_sub_allow(&fixture->device);
	fault_each(test, &path);
}

/* A device that stays, for its driver was unbound inside a callback, gets no offer. */
static void test_hidden_device(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	vmb_hv_sub_allow(&fixture->device);
	vmb_hv_sub_device_hide(&fixture->device);
	KUNIT_EXPECT_NE(test, offer(test), 0);
	expect_not_offered(test);
}

/* GPADLs. */

static u32 handle;

static int share(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	return vmb_channel_create_gpadl(fixture->channel, 0, 2, &handle);
}

static void expect_not_shared(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, hv_host.gpadls, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&fixture->channel->memory.gpadls));
	KUNIT_EXPECT_TRUE(test, xa_empty(&fixture->channel->memory.frames));
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, 0);
}

static void unshare(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, vmb_channel_delete_gpadl(fixture->channel, handle), 0);
	expect_not_shared(test);
}

static void test_gpadl(struct kunit *test)
{
	static const struct fault_path path = {
		.name = "GPADL",
		.run = share,
		.refused = expect_not_shared,
		.undo = unshare,
	};

	KUNIT_ASSERT_EQ(test, enable(test), 0);
	fault_each(test, &path);
}

/* Device memory. */

static int get_mmio(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	u64 address, size;

	return vmb_channel_get_mmio_space(fixture->channel, &address, &size);
}

static void expect_no_mmio(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	KUNIT_EXPECT_NULL(test, fixture->device.mmio);
	KUNIT_EXPECT_EQ(test, hv_host.mmio, 0);
}

static void put_mmio(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, hv_host.mmio, 1);
	hv_host.mmio = 0;
	kfree(fixture->device.mmio);
	fixture->device.mmio = NULL;
}

static void test_mmio(struct kunit *test)
{
	static const struct fault_path path = {
		.name = "device memory",
		.run = get_mmio,
		.refused = expect_no_mmio,
		.undo = put_mmio,
	};
	struct hv_fixture *fixture = test->priv;

	fixture->primary.offermsg.offer.mmio_megabytes = 8;
	KUNIT_ASSERT_EQ(test, enable(test), 0);
	fault_each(test, &path);
}

static struct kunit_case faults_hv_cases[] = {
	KUNIT_CASE(test_rings),
	KUNIT_CASE(test_renew_rings),
	KUNIT_CASE(test_enable),
	KUNIT_CASE(test_prepare_sub_channel),
	KUNIT_CASE(test_primary_goes_meanwhile),
	KUNIT_CASE(test_prepare_target),
	KUNIT_CASE(test_offer),
	KUNIT_CASE(test_hidden_device),
	KUNIT_CASE(test_gpadl),
	KUNIT_CASE(test_mmio),
	{}
};

static struct kunit_suite faults_hv_suite = {
	.name = "vmbkmcl_faults_hv",
	.suite_init = faults_hv_suite_init,
	.suite_exit = faults_hv_suite_exit,
	.init = hv_host_fixture_init,
	.exit = hv_host_fixture_exit,
	.test_cases = faults_hv_cases,
};

kunit_test_suite(faults_hv_suite);
