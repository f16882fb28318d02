// SPDX-License-Identifier: GPL-2.0
/*
 * Whose work is queued: never that of a disabled channel, which its driver may be
 * about to free, whatever happens to its device or to its primary.
 */
#include <kunit/test.h>

#include "../fixtures/channel_fixture.h"

static u32 queued;

static void count_work(struct work_struct *work)
{
	queued++;
}

/* From here on the channel's worker only counts. */
static work_func_t count_from_now_on(struct vmb_channel *channel)
{
	work_func_t function = channel->life.work.func;

	queued = 0;
	channel->life.work.func = count_work;
	return function;
}

static void expect_not_queued(struct kunit *test, struct vmb_channel *channel,
			      const char *what)
{
	flush_work(&channel->life.work);
	KUNIT_EXPECT_EQ_MSG(test, queued, 0, "%s", what);
	queued = 0;
}

static void whatever_happens_to_the_device(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_transport_device *device = &fixture->transport.device;
	struct vmb_channel *channel = fixture->channel;
	work_func_t function;

	/* Also one that was enabled before. */
	channel_enable(fixture);
	channel_disable(fixture);
	function = count_from_now_on(channel);
	KUNIT_EXPECT_EQ(test, vmb_transport_device_pm_close(device), 0);
	expect_not_queued(test, channel, "hibernate");
	vmb_transport_device_pm_resume(device);
	expect_not_queued(test, channel, "resume");
	vmb_transport_device_peer_gone(device);
	vmb_channel_peer_gone(channel);
	expect_not_queued(test, channel, "peer gone");
	vmb_channel_peer_arrived(channel);
	expect_not_queued(test, channel, "peer arrived");
	KUNIT_EXPECT_EQ(test, vmb_channel_start(channel), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_channel_pause(channel), 0);
	expect_not_queued(test, channel, "start and pause");
	vmb_transport_device_shutdown(device);
	expect_not_queued(test, channel, "shutdown");
	channel->life.work.func = function;
}

static void whatever_its_primary_does(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel *sub_channel;

	KUNIT_ASSERT_EQ(test, vmb_channel_allocate(&fixture->transport.device.device, false,
						   &sub_channel), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_primary_channel(sub_channel,
								   fixture->channel, 1), 0);
	count_from_now_on(sub_channel);
	channel_enable(fixture);
	expect_not_queued(test, sub_channel, "open");
	KUNIT_EXPECT_EQ(test, vmb_channel_pause(fixture->channel), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_start(fixture->channel), 0);
	expect_not_queued(test, sub_channel, "pause and start");
	channel_disable(fixture);
	expect_not_queued(test, sub_channel, "disable");
	vmb_channel_cleanup(sub_channel);
}

static struct kunit_case life_queue_cases[] = {
	KUNIT_CASE(whatever_happens_to_the_device),
	KUNIT_CASE(whatever_its_primary_does),
	{}
};

static struct kunit_suite life_queue_suite = {
	.name = "vmbkmcl_life_queue",
	.init = channel_fixture_init,
	.exit = channel_fixture_exit,
	.test_cases = life_queue_cases,
};

kunit_test_suite(life_queue_suite);
