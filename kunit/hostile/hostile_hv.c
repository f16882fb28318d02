// SPDX-License-Identifier: GPL-2.0
/*
 * A channel on hv_vmbus whose host is hostile: what hv_vmbus is asked is answered by the
 * suites' own host, and the rings that it is given are the peer's.
 */
#include <linux/interrupt.h>

#include "../faults/hv_host.h"
#include "hostile.h"

static struct vmb_channel_transport_operations hv_operations;
/* Of the one run that there is at a time. */
static struct hostile *hv_hostile;

static struct hv_fixture *fixture_of(const struct hostile *hostile)
{
	return hostile->world_private;
}

/* As hv_vmbus calls a channel, one call at a time, by interrupt or by tasklet. */
static void hv_event(struct tasklet_struct *tasklet)
{
	struct vmbus_channel *channel = container_of(tasklet, struct vmbus_channel,
						     callback_event);
	void (*callback)(void *context);

	spin_lock(&channel->sched_lock);
	callback = channel->onchannel_callback;
	if (callback)
		callback(channel->channel_callback_context);
	spin_unlock(&channel->sched_lock);
}

static void take_ring(const struct hv_ring_buffer_info *info, struct vmb_ring *ring)
{
	ring->control = (void *)info->ring_buffer;
	ring->data = info->ring_buffer->buffer;
	ring->size = info->ring_datasize;
}

static int hv_open(struct vmb_channel *channel)
{
	struct vmbus_channel *primary = &fixture_of(hv_hostile)->primary;
	struct vmb_ring inbound, outbound;
	int ret = vmb_hv_channel_operations.open(channel);

	if (ret)
		return ret;
	take_ring(&primary->inbound, &inbound);
	take_ring(&primary->outbound, &outbound);
	hostile_peer_attach(hv_hostile, &inbound, &outbound);
	return 0;
}

/* Where hv_vmbus would do the second. */
static int hv_close(struct vmb_channel *channel)
{
	struct vmbus_channel *primary = &fixture_of(hv_hostile)->primary;

	hostile_peer_detach(hv_hostile);
	spin_lock_bh(&primary->sched_lock);
	primary->onchannel_callback = NULL;
	spin_unlock_bh(&primary->sched_lock);
	tasklet_kill(&primary->callback_event);
	return vmb_hv_channel_operations.close(channel);
}

static int hv_init(struct hostile *hostile)
{
	struct hv_fixture *fixture;
	int ret = hv_host_fixture_init(hostile->test);

	if (ret)
		return ret;
	fixture = hostile->test->priv;
	hostile->world_private = fixture;
	hv_hostile = hostile;
	/* It has no sub-channels, and its channel is the run's to clean up. */
	vmb_channel_cleanup(fixture->sub_channel);
	fixture->sub_channel = NULL;
	hostile->channel = fixture->channel;
	fixture->channel = NULL;
	tasklet_setup(&fixture->primary.callback_event, hv_event);
	hv_operations = vmb_hv_channel_operations;
	hv_operations.open = hv_open;
	hv_operations.close = hv_close;
	hostile->channel->operations = &hv_operations;
	return hv_host_begin();
}

static void hv_rest(struct hostile *hostile)
{
	hv_host_free_kept(fixture_of(hostile));
}

static void hv_exit(struct hostile *hostile)
{
	hv_host_end();
	KUNIT_EXPECT_EQ(hostile->test, hv_host.gpadls, 0);
	KUNIT_EXPECT_EQ(hostile->test, hv_host.opens, 0);
	hv_host_fixture_exit(hostile->test);
	hostile->test->priv = NULL;
}

static int hv_begin(struct hostile *hostile)
{
	WRITE_ONCE(fixture_of(hostile)->primary.rescind, false);
	return 0;
}

static void hv_ring(struct hostile *hostile)
{
	tasklet_schedule(&fixture_of(hostile)->primary.callback_event);
}

static void hv_withdraw(struct hostile *hostile)
{
	struct hv_fixture *fixture = fixture_of(hostile);

	WRITE_ONCE(fixture->primary.rescind, true);
	vmb_transport_device_peer_gone(&fixture->device.transport);
}

static const struct hostile_world hv_world = {
	.name = "hv",
	.target = &guid_null,
	.init = hv_init,
	.exit = hv_exit,
	.begin = hv_begin,
	.rest = hv_rest,
	.ring = hv_ring,
	.withdraw = hv_withdraw,
};

static void over_hv(struct kunit *test)
{
	hostile_run(test, &hv_world, hostile_seed_of(test->param_value), HOSTILE_RUN);
}

static struct kunit_case hostile_hv_cases[] = {
	KUNIT_CASE_PARAM_ATTR(over_hv, HOSTILE_RUNS, { .speed = KUNIT_SPEED_SLOW }),
	{ }
};

static struct kunit_suite hostile_hv_suite = {
	.name = "vmbkmcl_hostile_hv",
	.suite_init = hostile_suite_init,
	.suite_exit = hostile_suite_exit,
	.test_cases = hostile_hv_cases,
};

kunit_test_suite(hostile_hv_suite);
