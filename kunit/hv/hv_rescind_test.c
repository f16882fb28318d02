// SPDX-License-Identifier: GPL-2.0
/*
 * What the host takes back while something else is under way: an open of what was kept, or
 * hibernation. hv_vmbus's part is the test.
 */
#include <linux/completion.h>
#include <linux/sizes.h>
#include <linux/workqueue.h>

#include "../../drivers/kmcl/compat.h"
#include "../fixtures/hv_fixture.h"

#define PATIENCE	(90 * HZ)
/* What is not to end would have ended by then. */
#define A_WHILE		(HZ / 5)

/* A sub-channel that is enabled; the host offers it before that, and the call is over. */
static struct vmb_hv_channel *kept_and_found(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmbus_channel *channel = &fixture->offered[0].channel;
	struct vmb_hv_channel *hv;
	u32 inbound = SZ_16K, outbound = SZ_16K;

	vmb_hv_sub_allow(&fixture->device);
	fixture->primary.sc_creation_callback(channel);
	channel->probe_done = true;
	KUNIT_ASSERT_EQ(test, vmb_hv_channel_operations.prepare(fixture->sub_channel, &inbound,
								&outbound, SZ_8K), 0);
	hv = vmb_channel_transport_private(fixture->sub_channel);
	KUNIT_ASSERT_TRUE(test, vmb_hv_sub_find_offer(hv));
	KUNIT_ASSERT_PTR_EQ(test, hv->channel, channel);
	return hv;
}

static void unprepare(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	vmb_hv_channel_operations.unprepare(fixture->sub_channel);
}

/*
 * hv_vmbus waits with a rescind as long as @probe_done is not set. If it came by while the
 * channel is being opened, nobody would ever take it out of the primary's list.
 */
static void test_waits_for_the_open(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmbus_channel *channel = &fixture->offered[0].channel;
	struct vmb_hv_channel *hv = kept_and_found(test);

	KUNIT_EXPECT_TRUE(test, channel->probe_done);
	KUNIT_ASSERT_TRUE(test, vmb_hv_sub_begin_open(hv));
	KUNIT_EXPECT_FALSE(test, channel->probe_done);
	vmb_hv_sub_end_open(hv, false);
	KUNIT_EXPECT_TRUE(test, channel->probe_done);
	KUNIT_EXPECT_PTR_EQ(test, hv->channel, NULL);
	unprepare(test);
}

/*
 * hv_vmbus removes it from its primary's list when it may, and gives no event of that, which a
 * primary that closes waits for. The open is not over before: until then the primary waits.
 */
static void test_comes_during_the_open(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmbus_channel *channel = &fixture->offered[0].channel;
	struct vmb_hv_channel *hv = kept_and_found(test);
	unsigned long begun = jiffies;

	KUNIT_ASSERT_TRUE(test, vmb_hv_sub_begin_open(hv));
	/* It is not removed: that would last for ever, so it is given up. */
	WRITE_ONCE(channel->rescind, true);
	vmb_hv_sub_end_open(hv, false);
	KUNIT_EXPECT_TRUE(test, time_after_eq(jiffies, begun + HZ / 2));
	KUNIT_EXPECT_TRUE(test, channel->probe_done);
	KUNIT_EXPECT_TRUE(test, completion_done(&channel->rescind_event));
	KUNIT_EXPECT_PTR_EQ(test, hv->channel, NULL);
	KUNIT_EXPECT_EQ(test, fixture->offered[0].released, 0);
	hv_rescind(fixture, 0);
	unprepare(test);
}

static void test_comes_while_it_is_open(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmbus_channel *channel = &fixture->offered[0].channel;
	struct vmb_hv_channel *hv = kept_and_found(test);

	KUNIT_ASSERT_TRUE(test, vmb_hv_sub_begin_open(hv));
	/* The host had answered when it took it back, and hv_vmbus gives the event. */
	WRITE_ONCE(channel->rescind, true);
	vmb_hv_sub_end_open(hv, true);
	KUNIT_EXPECT_TRUE(test, channel->probe_done);
	KUNIT_EXPECT_FALSE(test, completion_done(&channel->rescind_event));
	hv_rescind(fixture, 0);
	vmb_hv_sub_begin_close_all(&fixture->device);
	vmb_hv_sub_end_close_all(&fixture->device);
	unprepare(test);
}

static void test_comes_before_the_open(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmbus_channel *channel = &fixture->offered[0].channel;
	struct vmb_hv_channel *hv = kept_and_found(test);

	/* Seen after the open, in the fixture's memory. */
	kobject_get(&channel->kobj);
	hv_rescind(fixture, 0);
	KUNIT_EXPECT_FALSE(test, vmb_hv_sub_begin_open(hv));
	KUNIT_EXPECT_TRUE(test, channel->probe_done);
	KUNIT_EXPECT_TRUE(test, completion_done(&channel->rescind_event));
	kobject_put(&channel->kobj);
	unprepare(test);
}

/* The call is hv_vmbus's to end: it touches the channel then, which a rescind would free. */
static void test_call_is_not_over(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmbus_channel *channel = &fixture->offered[0].channel;
	struct vmb_hv_channel *hv = kept_and_found(test);

	channel->probe_done = false;
	KUNIT_ASSERT_TRUE(test, vmb_hv_sub_begin_open(hv));
	vmb_hv_sub_end_open(hv, false);
	KUNIT_EXPECT_FALSE(test, channel->probe_done);
	unprepare(test);
}

/**
 * struct going - a device that is suspended and removed at the same time
 * @fixture: it.
 * @suspend: on a thread of its own, as the VM's suspend.
 * @result: what that has said.
 * @suspended: it has returned.
 * @remove: what is left to do when nobody finds the device any more.
 * @removed: it could be freed.
 */
struct going {
	struct hv_fixture *fixture;
	struct work_struct suspend;
	int result;
	struct completion suspended;
	struct work_struct remove;
	struct completion removed;
};

static void going_suspend(struct work_struct *work)
{
	struct going *going = container_of(work, struct going, suspend);

	going->result = vmb_hv_suspend(&going->fixture->hv);
	complete(&going->suspended);
}

static void going_remove(struct work_struct *work)
{
	struct going *going = container_of(work, struct going, remove);

	hv_set_drvdata(&going->fixture->hv, NULL);
	vmb_hv_pm_wait_until_over(&going->fixture->device);
	complete(&going->removed);
}

/*
 * The host takes the device back while its sub-channels are waited for: it is not freed
 * before, and they are waited for no more, for hv_vmbus hears of one rescind at a time.
 */
static void test_device_goes_while_it_is_suspended(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct going *going = kunit_kzalloc(test, sizeof(*going), GFP_KERNEL);
	unsigned long begun = jiffies;

	KUNIT_ASSERT_NOT_NULL(test, going);
	going->fixture = fixture;
	INIT_WORK(&going->suspend, going_suspend);
	INIT_WORK(&going->remove, going_remove);
	init_completion(&going->suspended);
	init_completion(&going->removed);
	hv_set_drvdata(&fixture->hv, &fixture->device.transport.device);
	INIT_LIST_HEAD(&fixture->primary.sc_list);
	list_add(&fixture->offered[0].channel.sc_list, &fixture->primary.sc_list);
	queue_work(system_dfl_wq, &going->suspend);
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&going->suspended, A_WHILE), 0);
	queue_work(system_dfl_wq, &going->remove);
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&going->removed, A_WHILE), 0);
	WRITE_ONCE(fixture->primary.rescind, true);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&going->removed, PATIENCE), 0);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&going->suspended, PATIENCE), 0);
	flush_work(&going->suspend);
	flush_work(&going->remove);
	KUNIT_EXPECT_EQ(test, going->result, -ENODEV);
	/* Not only because its patience was over. */
	KUNIT_EXPECT_TRUE(test, time_before(jiffies, begun + 5 * HZ));
	list_del(&fixture->offered[0].channel.sc_list);
}

/* Its driver's remove is over, and hv_vmbus does not know yet. */
static void test_suspended_when_it_is_gone(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	hv_set_drvdata(&fixture->hv, NULL);
	KUNIT_EXPECT_EQ(test, vmb_hv_suspend(&fixture->hv), 0);
	KUNIT_EXPECT_EQ(test, vmb_hv_resume(&fixture->hv), 0);
}

/* What takes its time is not in the way of a hibernation that comes to its end. */
static void test_suspends_and_resumes(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	INIT_LIST_HEAD(&fixture->primary.sc_list);
	hv_set_drvdata(&fixture->hv, &fixture->device.transport.device);
	KUNIT_EXPECT_EQ(test, vmb_hv_suspend(&fixture->hv), 0);
	KUNIT_EXPECT_TRUE(test, fixture->device.transport.suspended);
	KUNIT_EXPECT_EQ(test, vmb_hv_resume(&fixture->hv), 0);
	KUNIT_EXPECT_FALSE(test, fixture->device.transport.suspended);
	KUNIT_EXPECT_EQ(test, fixture->device.pm_calls, 0);
}

static void left_rescind(struct vmbus_channel *channel)
{
}

static void left_target_cpu(struct vmbus_channel *channel, u32 old, u32 new)
{
}

/* They would take what we keep in the device for theirs, or are unloaded. */
static void test_last_driver_is_forgotten(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	fixture->primary.chn_rescind_callback = left_rescind;
	fixture->primary.change_target_cpu_callback = left_target_cpu;
	vmb_hv_forget_last_driver(&fixture->primary);
	KUNIT_EXPECT_TRUE(test, !fixture->primary.chn_rescind_callback);
	KUNIT_EXPECT_TRUE(test, !fixture->primary.change_target_cpu_callback);
}

static struct kunit_case hv_rescind_cases[] = {
	KUNIT_CASE(test_waits_for_the_open),
	KUNIT_CASE(test_comes_during_the_open),
	KUNIT_CASE(test_comes_while_it_is_open),
	KUNIT_CASE(test_comes_before_the_open),
	KUNIT_CASE(test_call_is_not_over),
	KUNIT_CASE(test_device_goes_while_it_is_suspended),
	KUNIT_CASE(test_suspended_when_it_is_gone),
	KUNIT_CASE(test_suspends_and_resumes),
	KUNIT_CASE(test_last_driver_is_forgotten),
	{}
};

static struct kunit_suite hv_rescind_suite = {
	.name = "vmbkmcl_hv_rescind",
	.init = hv_family_init,
	.exit = hv_fixture_exit,
	.test_cases = hv_rescind_cases,
};

kunit_test_suite(hv_rescind_suite);
