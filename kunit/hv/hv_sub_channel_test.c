// SPDX-License-Identifier: GPL-2.0
/*
 * Offers of sub-channels as hv_vmbus tells of them: who gets which, when, and
 * who drops the reference. No host opens anything: the test says that it did.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/sizes.h>
#include <linux/workqueue.h>

#include "../../drivers/kmcl/compat.h"
#include "../fixtures/hv_fixture.h"

#define PATIENCE	(90 * HZ)

/* As prepare makes it. */
static struct vmb_hv_channel *waiting(struct kunit *test, struct vmb_channel *owner)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_hv_channel *hv;

	hv = kzalloc(sizeof(*hv), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, hv);
	hv->device = &fixture->device;
	refcount_set(&hv->references, 1);
	KUNIT_ASSERT_EQ(test, vmb_hv_rings_get(hv, SZ_16K, SZ_16K, SZ_8K), 0);
	vmb_channel_set_transport_private(owner, hv);
	KUNIT_ASSERT_EQ(test, vmb_hv_sub_prepare(hv, owner), 0);
	return hv;
}

static void stop_waiting(struct vmb_channel *owner, struct vmb_hv_channel *hv)
{
	vmb_channel_set_transport_private(owner, NULL);
	vmb_hv_sub_unprepare(hv);
}

static void offer(struct hv_fixture *fixture, u32 i)
{
	fixture->primary.sc_creation_callback(&fixture->offered[i].channel);
}

/**
 * struct call - an offer on a thread of its own, as by hv_vmbus
 * @fixture: the device.
 * @i: which.
 * @work: calls us.
 * @returned: the call did.
 */
struct call {
	struct hv_fixture *fixture;
	u32 i;
	struct work_struct work;
	struct completion returned;
};

static void call_work(struct work_struct *work)
{
	struct call *call = container_of(work, struct call, work);

	offer(call->fixture, call->i);
	complete(&call->returned);
}

static void call_begin(struct call *call, struct hv_fixture *fixture, u32 i)
{
	call->fixture = fixture;
	call->i = i;
	INIT_WORK_ONSTACK(&call->work, call_work);
	init_completion(&call->returned);
	queue_work(system_dfl_wq, &call->work);
}

static void call_expect_return(struct kunit *test, struct call *call)
{
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&call->returned, PATIENCE), 0);
	flush_work(&call->work);
	destroy_work_on_stack(&call->work);
}

static void expect_channel(struct kunit *test, struct vmb_hv_channel *hv,
			   struct vmbus_channel *channel)
{
	unsigned long end = jiffies + PATIENCE;

	while (READ_ONCE(hv->channel) != channel && time_before(jiffies, end))
		usleep_range(100, 200);
	KUNIT_ASSERT_PTR_EQ(test, READ_ONCE(hv->channel), channel);
}

/* Offered before anybody wants it. */
static void test_offer_is_kept(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_channel *owner = fixture->sub_channel;
	struct vmb_hv_channel *hv;

	vmb_hv_sub_allow(&fixture->device);
	/* The one of another index is for another one. */
	offer(fixture, 1);
	offer(fixture, 0);
	hv = waiting(test, owner);
	KUNIT_ASSERT_TRUE(test, vmb_hv_sub_find_offer(hv));
	KUNIT_EXPECT_PTR_EQ(test, hv->channel, &fixture->offered[0].channel);
	/* Not opened: it is there for the next one. */
	stop_waiting(owner, hv);
	hv = waiting(test, owner);
	KUNIT_ASSERT_TRUE(test, vmb_hv_sub_find_offer(hv));
	KUNIT_EXPECT_PTR_EQ(test, hv->channel, &fixture->offered[0].channel);
	stop_waiting(owner, hv);
}

/* hv_vmbus is held until the open was tried, and takes back nothing meanwhile. */
static void host_is_heard(void *context)
{
}

static void test_call_lasts_until_the_open(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_channel *owner = fixture->sub_channel;
	struct vmb_hv_channel *hv = waiting(test, owner);
	struct call call;

	vmb_hv_sub_allow(&fixture->device);
	KUNIT_EXPECT_FALSE(test, vmb_hv_sub_find_offer(hv));
	call_begin(&call, fixture, 0);
	expect_channel(test, hv, &fixture->offered[0].channel);
	KUNIT_ASSERT_TRUE(test, vmb_hv_sub_begin_open(hv));
	KUNIT_EXPECT_FALSE(test, completion_done(&call.returned));
	vmb_hv_sub_end_open(hv, true);
	call_expect_return(test, &call);

	/* Alone it only quiesces: of what the host says nothing gets to us any more. */
	fixture->offered[0].channel.onchannel_callback = host_is_heard;
	KUNIT_EXPECT_EQ(test, vmb_hv_sub_close(hv), -EBUSY);
	KUNIT_EXPECT_NULL(test, fixture->offered[0].channel.onchannel_callback);
	/* hv_vmbus would free them. */
	fixture->offered[0].channel.ringbuffer_page = hv->rings->pages;
	vmb_hv_sub_begin_close_all(&fixture->device);
	KUNIT_EXPECT_PTR_EQ(test, fixture->offered[0].channel.ringbuffer_page, NULL);
	vmb_hv_sub_end_close_all(&fixture->device);
	KUNIT_EXPECT_EQ(test, vmb_hv_sub_close(hv), 0);
	/* GPADLs are deleted after that. */
	KUNIT_EXPECT_PTR_EQ(test, hv->channel, &fixture->offered[0].channel);
	stop_waiting(owner, hv);
	KUNIT_EXPECT_FALSE(test, list_empty(&fixture->device.kept));
}

/* Nobody opens it any more: hv_vmbus must not wait for that. */
static void test_call_ends_with_the_owner(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_channel *owner = fixture->sub_channel;
	struct vmb_hv_channel *hv = waiting(test, owner);
	unsigned long begun = jiffies;
	struct call call;

	vmb_hv_sub_allow(&fixture->device);
	KUNIT_EXPECT_FALSE(test, vmb_hv_sub_find_offer(hv));
	call_begin(&call, fixture, 0);
	expect_channel(test, hv, &fixture->offered[0].channel);
	stop_waiting(owner, hv);
	call_expect_return(test, &call);
	/* Not only because its patience was over. */
	KUNIT_EXPECT_TRUE(test, time_before(jiffies, begun + 3 * HZ));
}

/* Nobody knows how long the host takes; hv_vmbus must not let a rescind in meanwhile. */
static void test_open_takes_longer_than_the_call(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_channel *owner = fixture->sub_channel;
	struct vmb_hv_channel *hv = waiting(test, owner);
	struct call call;

	vmb_hv_sub_allow(&fixture->device);
	KUNIT_EXPECT_FALSE(test, vmb_hv_sub_find_offer(hv));
	call_begin(&call, fixture, 0);
	expect_channel(test, hv, &fixture->offered[0].channel);
	KUNIT_EXPECT_TRUE(test, vmb_hv_sub_begin_open(hv));
	/* Longer than the call waits for an open to begin. */
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&call.returned, 7 * HZ), 0);
	vmb_hv_sub_end_open(hv, false);
	call_expect_return(test, &call);
	stop_waiting(owner, hv);
}

/* The driver goes while its sub-channel is open to the host: hv_vmbus closes it later. */
static void test_rings_outlive_their_owner(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_channel *owner = fixture->sub_channel;
	struct vmb_hv_channel *hv;

	vmb_hv_sub_allow(&fixture->device);
	offer(fixture, 0);
	hv = waiting(test, owner);
	KUNIT_ASSERT_TRUE(test, vmb_hv_sub_find_offer(hv));
	KUNIT_ASSERT_TRUE(test, vmb_hv_sub_begin_open(hv));
	vmb_hv_sub_end_open(hv, true);
	KUNIT_EXPECT_EQ(test, vmb_hv_sub_close(hv), -EBUSY);
	stop_waiting(owner, hv);
	KUNIT_EXPECT_TRUE(test, list_empty(&fixture->device.kept));
	/* Enabled again before that it waits for another offer. */
	hv = waiting(test, owner);
	KUNIT_EXPECT_FALSE(test, vmb_hv_sub_find_offer(hv));
	vmb_hv_sub_begin_close_all(&fixture->device);
	vmb_hv_sub_end_close_all(&fixture->device);
	KUNIT_EXPECT_FALSE(test, list_empty(&fixture->device.kept));
	KUNIT_EXPECT_TRUE(test, list_is_singular(&fixture->device.sub_channels));
	stop_waiting(owner, hv);
}

static struct vmb_hv_channel *open_to_host(struct kunit *test, struct vmb_channel *owner)
{
	struct vmb_hv_channel *hv;

	offer(test->priv, 0);
	hv = waiting(test, owner);
	KUNIT_ASSERT_TRUE(test, vmb_hv_sub_find_offer(hv));
	KUNIT_ASSERT_TRUE(test, vmb_hv_sub_begin_open(hv));
	vmb_hv_sub_end_open(hv, true);
	return hv;
}

/* Each has rings until then: a host that offers one again and again gets so many. */
static void test_left_without_end(struct kunit *test)
{
	const struct vmb_channel_transport_operations *operations = &vmb_hv_channel_operations;
	struct hv_fixture *fixture = test->priv;
	struct vmb_transport_device *transport = &fixture->device.transport;
	u32 inbound = SZ_16K, outbound = SZ_16K;
	struct vmb_channel *owner = fixture->sub_channel;
	struct vmb_hv_channel *hv;
	u32 i;

	vmb_hv_sub_allow(&fixture->device);
	/* One is enabled at once, and 256 beside it are left. */
	for (i = 0; i < 257; i++) {
		stop_waiting(owner, open_to_host(test, owner));
		KUNIT_EXPECT_EQ(test, transport->sub_channels_left, i + 1);
	}
	KUNIT_EXPECT_EQ(test, operations->prepare(owner, &inbound, &outbound, SZ_8K), -ENOSPC);
	KUNIT_EXPECT_NULL(test, vmb_channel_transport_private(owner));
	KUNIT_EXPECT_EQ(test, transport->sub_channels_left, 257);
	/* The primary's close is the end of all. */
	vmb_hv_sub_begin_close_all(&fixture->device);
	vmb_hv_sub_end_close_all(&fixture->device);
	KUNIT_EXPECT_EQ(test, transport->sub_channels_left, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&fixture->device.sub_channels));
	hv = waiting(test, owner);
	stop_waiting(owner, hv);
}

/* Who has many may disable all of them and enable them again, once. */
static void test_many_are_left(struct kunit *test)
{
	const struct vmb_channel_transport_operations *operations = &vmb_hv_channel_operations;
	struct hv_fixture *fixture = test->priv;
	struct vmb_transport_device *transport = &fixture->device.transport;
	u32 inbound = SZ_16K, outbound = SZ_16K;
	struct vmb_channel *owner = fixture->sub_channel;
	const u32 count = 300;
	struct vmb_hv_channel **hv = kunit_kcalloc(test, count, sizeof(*hv), GFP_KERNEL);
	u32 i, round;

	KUNIT_ASSERT_NOT_NULL(test, hv);
	vmb_hv_sub_allow(&fixture->device);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < count; i++)
			hv[i] = open_to_host(test, owner);
		KUNIT_EXPECT_EQ(test, transport->sub_channels_left, round * count);
		for (i = round; i < count; i++)
			stop_waiting(owner, hv[i]);
	}
	/* What is enabled may be left in its turn, so it counts. */
	KUNIT_EXPECT_EQ(test, transport->sub_channels_left, 2 * count - 1);
	KUNIT_EXPECT_EQ(test, operations->prepare(owner, &inbound, &outbound, SZ_8K), -ENOSPC);
	stop_waiting(owner, hv[0]);
	KUNIT_EXPECT_EQ(test, transport->sub_channels_left, 2 * count);
	KUNIT_EXPECT_EQ(test, operations->prepare(owner, &inbound, &outbound, SZ_8K), -ENOSPC);
	vmb_hv_sub_begin_close_all(&fixture->device);
	vmb_hv_sub_end_close_all(&fixture->device);
	KUNIT_EXPECT_EQ(test, transport->sub_channels_left, 0);
}

/* The host could not be told to let go. */
static void test_host_does_not_let_go(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_channel *owner = fixture->sub_channel;
	struct vmb_hv_channel *hv;
	struct page *pages;
	unsigned int order;

	vmb_hv_sub_allow(&fixture->device);
	offer(fixture, 0);
	hv = waiting(test, owner);
	pages = hv->rings->pages;
	order = hv->rings->order;
	KUNIT_ASSERT_TRUE(test, vmb_hv_sub_find_offer(hv));
	KUNIT_ASSERT_TRUE(test, vmb_hv_sub_begin_open(hv));
	vmb_hv_sub_end_open(hv, true);
	fixture->offered[0].channel.ringbuffer_gpadlhandle.gpadl_handle = 7;
	/* hv_vmbus leaves it there then, with its mappings. */
	fixture->offered[0].channel.inbound.pkt_buffer = kzalloc(SZ_4K, GFP_KERNEL);
	vmb_hv_sub_begin_close_all(&fixture->device);
	vmb_hv_sub_end_close_all(&fixture->device);
	KUNIT_EXPECT_NULL(test, fixture->offered[0].channel.inbound.pkt_buffer);
	KUNIT_EXPECT_EQ(test, vmb_hv_sub_close(hv), -EIO);
	stop_waiting(owner, hv);
	KUNIT_EXPECT_TRUE(test, list_empty(&fixture->device.kept));
	__free_pages(pages, order);
}

/* Before anybody took it, and after, and while it is open. */
static void test_host_takes_it_back(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_channel *owner = fixture->sub_channel;
	struct vmb_hv_channel *hv = waiting(test, owner);

	stop_waiting(owner, hv);
	vmb_hv_sub_allow(&fixture->device);
	offer(fixture, 0);
	hv_rescind(fixture, 0);
	hv = waiting(test, owner);
	KUNIT_EXPECT_FALSE(test, vmb_hv_sub_find_offer(hv));
	KUNIT_EXPECT_EQ(test, fixture->offered[0].released, 1);

	/* Of the same index, as hosts do. */
	fixture->offered[1].channel.offermsg.offer.sub_channel_index = 1;
	stop_waiting(owner, hv);
	offer(fixture, 1);
	hv = waiting(test, owner);
	KUNIT_ASSERT_TRUE(test, vmb_hv_sub_find_offer(hv));
	hv_rescind(fixture, 1);
	KUNIT_EXPECT_TRUE(test, vmb_hv_offer_is_gone(owner));
	KUNIT_EXPECT_FALSE(test, vmb_hv_sub_begin_open(hv));
	KUNIT_EXPECT_EQ(test, fixture->offered[1].released, 1);
	KUNIT_EXPECT_FALSE(test, vmb_hv_offer_is_gone(owner));

	fixture->offered[2].channel.offermsg.offer.sub_channel_index = 1;
	stop_waiting(owner, hv);
	offer(fixture, 2);
	hv = waiting(test, owner);
	KUNIT_ASSERT_TRUE(test, vmb_hv_sub_find_offer(hv));
	KUNIT_ASSERT_TRUE(test, vmb_hv_sub_begin_open(hv));
	vmb_hv_sub_end_open(hv, true);
	KUNIT_EXPECT_FALSE(test, vmb_hv_offer_is_gone(owner));
	hv_rescind(fixture, 2);
	KUNIT_EXPECT_TRUE(test, vmb_hv_offer_is_gone(owner));
	/* Nothing is written to its rings any more. */
	KUNIT_EXPECT_EQ(test, vmb_hv_sub_close(hv), 0);
	KUNIT_EXPECT_EQ(test, fixture->offered[2].released, 0);
	vmb_hv_sub_begin_close_all(&fixture->device);
	vmb_hv_sub_end_close_all(&fixture->device);
	stop_waiting(owner, hv);
	KUNIT_EXPECT_EQ(test, fixture->offered[2].released, 1);
}

/* A host that offers without end is not remembered without end. */
static void test_offers_without_end(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_transport_device *transport = &fixture->device.transport;
	const struct kref *references = &fixture->offered[1].channel.kobj.kref;
	struct vmb_channel *owner = fixture->sub_channel;
	struct vmb_hv_channel *hv;
	u32 i;

	vmb_hv_sub_allow(&fixture->device);
	for (i = 0; i < 2047; i++)
		offer(fixture, 1);
	offer(fixture, 0);
	KUNIT_EXPECT_EQ(test, transport->offers_kept, 2048);
	KUNIT_EXPECT_EQ(test, transport->offers_dropped, 0);
	offer(fixture, 1);
	KUNIT_EXPECT_EQ(test, transport->offers_kept, 2048);
	KUNIT_EXPECT_EQ(test, transport->offers_dropped, 1);
	KUNIT_EXPECT_EQ(test, kref_read(references), 2048);
	/* Those that are kept are good, and one that is taken makes room for another. */
	hv = waiting(test, owner);
	KUNIT_ASSERT_TRUE(test, vmb_hv_sub_find_offer(hv));
	KUNIT_EXPECT_EQ(test, transport->offers_kept, 2047);
	offer(fixture, 1);
	KUNIT_EXPECT_EQ(test, transport->offers_kept, 2048);
	/* Not opened it would go back, and there is no room. */
	stop_waiting(owner, hv);
	KUNIT_EXPECT_EQ(test, transport->offers_dropped, 2);
	KUNIT_EXPECT_EQ(test, kref_read(&fixture->offered[0].channel.kobj.kref), 1);
	/* What the host takes back counts no more, whenever we would have looked. */
	hv_rescind(fixture, 1);
	offer(fixture, 2);
	KUNIT_EXPECT_EQ(test, transport->offers_kept, 1);
	KUNIT_EXPECT_EQ(test, transport->offers_dropped, 2);
	KUNIT_EXPECT_EQ(test, fixture->offered[1].released, 1);
}

/* Another offer of the index while it opens is for somebody else. */
static void test_offered_twice(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_channel *owner = fixture->sub_channel;
	struct vmb_hv_channel *hv;

	vmb_hv_sub_allow(&fixture->device);
	offer(fixture, 0);
	hv = waiting(test, owner);
	KUNIT_ASSERT_TRUE(test, vmb_hv_sub_find_offer(hv));
	KUNIT_ASSERT_TRUE(test, vmb_hv_sub_begin_open(hv));
	hv_rescind(fixture, 0);
	fixture->offered[1].channel.offermsg.offer.sub_channel_index = 1;
	offer(fixture, 1);
	KUNIT_EXPECT_PTR_EQ(test, hv->channel, &fixture->offered[0].channel);
	KUNIT_EXPECT_EQ(test, fixture->offered[0].released, 0);
	vmb_hv_sub_end_open(hv, false);
	KUNIT_EXPECT_EQ(test, fixture->offered[0].released, 1);
	KUNIT_ASSERT_TRUE(test, vmb_hv_sub_find_offer(hv));
	KUNIT_EXPECT_PTR_EQ(test, hv->channel, &fixture->offered[1].channel);
	stop_waiting(owner, hv);
}

/* Somebody looks for as long as there is something to be taken back. */
static void test_somebody_looks(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_channel *owner = fixture->sub_channel;
	struct vmb_hv_channel *hv;

	vmb_hv_sub_allow(&fixture->device);
	offer(fixture, 0);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&fixture->device.poll));
	hv = waiting(test, owner);
	KUNIT_ASSERT_TRUE(test, vmb_hv_sub_find_offer(hv));
	flush_delayed_work(&fixture->device.poll);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&fixture->device.poll));
	KUNIT_ASSERT_TRUE(test, vmb_hv_sub_begin_open(hv));
	vmb_hv_sub_end_open(hv, true);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&fixture->device.poll));
	flush_delayed_work(&fixture->device.poll);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&fixture->device.poll));
	vmb_hv_sub_begin_close_all(&fixture->device);
	vmb_hv_sub_end_close_all(&fixture->device);
	stop_waiting(owner, hv);
	flush_delayed_work(&fixture->device.poll);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&fixture->device.poll));
}

/* After the resume the host offers the same numbers again: no name may be taken. */
static void test_sleep_invalidates_all(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_channel *owner = fixture->sub_channel;
	struct vmb_hv_channel *hv;

	vmb_hv_sub_allow(&fixture->device);
	offer(fixture, 0);
	offer(fixture, 1);
	hv = waiting(test, owner);
	KUNIT_ASSERT_TRUE(test, vmb_hv_sub_find_offer(hv));
	KUNIT_ASSERT_TRUE(test, vmb_hv_sub_begin_open(hv));
	vmb_hv_sub_end_open(hv, true);
	vmb_hv_sub_begin_close_all(&fixture->device);
	vmb_hv_sub_end_close_all(&fixture->device);
	vmb_hv_sub_invalidate_offers(&fixture->device);
	hv_rescind(fixture, 0);
	hv_rescind(fixture, 1);
	KUNIT_EXPECT_EQ(test, fixture->offered[0].released, 1);
	KUNIT_EXPECT_EQ(test, fixture->offered[1].released, 1);
	KUNIT_EXPECT_FALSE(test, vmb_hv_sub_find_offer(hv));
	stop_waiting(owner, hv);
}

/* The device is going: a call that comes now finds nobody. */
static void test_call_comes_too_late(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	vmb_hv_sub_allow(&fixture->device);
	vmb_hv_sub_device_remove(&fixture->device);
	offer(fixture, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&fixture->device.offers));
	vmb_hv_sub_device_add(&fixture->device);
}

/* It was given to a sub-channel that had not opened it when its primary was closed. */
static void test_primary_closes_before_the_open(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_channel *owner = fixture->sub_channel;
	struct vmb_hv_channel *hv;

	vmb_hv_sub_allow(&fixture->device);
	offer(fixture, 0);
	hv = waiting(test, owner);
	KUNIT_ASSERT_TRUE(test, vmb_hv_sub_find_offer(hv));
	vmb_hv_sub_begin_close_all(&fixture->device);
	vmb_hv_sub_end_close_all(&fixture->device);
	stop_waiting(owner, hv);
	KUNIT_EXPECT_TRUE(test, list_empty(&fixture->device.offers));
	hv = waiting(test, owner);
	KUNIT_EXPECT_FALSE(test, vmb_hv_sub_find_offer(hv));
	stop_waiting(owner, hv);
}

/* Two channels of a device are made ready, and one of them is opened. */
static void test_loser_leaves_the_mode_alone(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	const struct vmb_channel_transport_operations *operations = &vmb_hv_channel_operations;
	struct vmb_channel *other;
	u32 inbound = SZ_16K, outbound = SZ_16K;

	KUNIT_ASSERT_EQ(test, vmb_channel_allocate(&fixture->device.transport.device, false,
						   &other), 0);
	KUNIT_ASSERT_EQ(test, operations->prepare(other, &inbound, &outbound, SZ_8K), 0);
	fixture->primary.callback_mode = HV_CALL_DIRECT;
	operations->unprepare(other);
	KUNIT_EXPECT_EQ(test, fixture->primary.callback_mode, HV_CALL_DIRECT);
	vmb_channel_cleanup(other);
}

/* It has nothing of the host's before that is offered, and not its primary's. */
static void test_ready_before_the_offer(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	const struct vmb_channel_transport_operations *operations = &vmb_hv_channel_operations;
	u32 inbound = SZ_16K, outbound = SZ_16K;
	struct vmb_hv_channel *hv;

	KUNIT_ASSERT_EQ(test, operations->prepare(fixture->sub_channel, &inbound, &outbound,
						  SZ_8K), 0);
	hv = vmb_channel_transport_private(fixture->sub_channel);
	KUNIT_EXPECT_NULL(test, hv->channel);
	operations->unprepare(fixture->sub_channel);
	KUNIT_EXPECT_TRUE(test, list_empty(&fixture->device.offers));
}

/* From hv_vmbus' interrupt, or schedule, until the channel has been called. */
static void test_scheduled(struct kunit *test)
{
	const struct vmb_channel_transport_operations *operations = &vmb_hv_channel_operations;
	struct hv_fixture *fixture = test->priv;
	struct tasklet_struct *tasklet = &fixture->offered[0].channel.callback_event;
	struct vmb_hv_channel hv = { .channel = &fixture->offered[0].channel };

	vmb_channel_set_transport_private(fixture->sub_channel, &hv);
	KUNIT_EXPECT_FALSE(test, operations->scheduled(fixture->sub_channel));
	tasklet_disable(tasklet);
	operations->schedule(fixture->sub_channel);
	KUNIT_EXPECT_TRUE(test, operations->scheduled(fixture->sub_channel));
	tasklet_enable(tasklet);
	tasklet_kill(tasklet);
	KUNIT_EXPECT_FALSE(test, operations->scheduled(fixture->sub_channel));
	vmb_channel_set_transport_private(fixture->sub_channel, NULL);
}

static struct kunit_case hv_sub_channel_cases[] = {
	KUNIT_CASE(test_offer_is_kept),
	KUNIT_CASE(test_call_lasts_until_the_open),
	KUNIT_CASE(test_call_ends_with_the_owner),
	KUNIT_CASE_SLOW(test_open_takes_longer_than_the_call),
	KUNIT_CASE(test_rings_outlive_their_owner),
	KUNIT_CASE(test_left_without_end),
	KUNIT_CASE(test_many_are_left),
	KUNIT_CASE(test_host_does_not_let_go),
	KUNIT_CASE(test_host_takes_it_back),
	KUNIT_CASE(test_offers_without_end),
	KUNIT_CASE(test_offered_twice),
	KUNIT_CASE(test_somebody_looks),
	KUNIT_CASE(test_sleep_invalidates_all),
	KUNIT_CASE(test_call_comes_too_late),
	KUNIT_CASE(test_primary_closes_before_the_open),
	KUNIT_CASE(test_loser_leaves_the_mode_alone),
	KUNIT_CASE(test_ready_before_the_offer),
	KUNIT_CASE(test_scheduled),
	{}
};

static struct kunit_suite hv_sub_channel_suite = {
	.name = "vmbkmcl_hv_sub_channel",
	.init = hv_family_init,
	.exit = hv_fixture_exit,
	.test_cases = hv_sub_channel_cases,
};

kunit_test_suite(hv_sub_channel_suite);
