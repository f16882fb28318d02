// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a channel: which callback comes when, with which reason, and what
 * waits for what.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/workqueue.h>

#include "../fixtures/channel_fixture.h"

static void callbacks_in_order(struct kunit *test)
{
	static const struct channel_entry expected[] = {
		{ TRANSPORT_OPEN }, { OPENED }, { STARTED }, { POST_STARTED },
		{ PACKET, 1 }, { PROCESSING_COMPLETE, 1 },
		{ SUSPEND, VMB_CHANNEL_STOP_DISABLED }, { TRANSPORT_CLOSE },
		{ CLOSED, VMB_CHANNEL_STOP_DISABLED },
	};
	struct channel_fixture *fixture = test->priv;

	fixture->process = channel_complete_inline;
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	channel_disable(fixture);
	channel_expect_log(fixture, expected, ARRAY_SIZE(expected));
}

static void opened_refuses(struct kunit *test)
{
	static const struct channel_entry expected[] = {
		{ TRANSPORT_OPEN }, { OPENED }, { TRANSPORT_CLOSE },
	};
	struct channel_fixture *fixture = test->priv;

	fixture->opened_error = -EPERM;
	channel_enable(fixture);
	channel_expect_log(fixture, expected, ARRAY_SIZE(expected));
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
}

static void open_fails(struct kunit *test)
{
	static const struct channel_entry expected[] = {
		{ PNP_FAILURE, -EIO },
	};
	struct channel_fixture *fixture = test->priv;

	fixture->transport.open_error = -EIO;
	channel_enable(fixture);
	channel_expect_log(fixture, expected, ARRAY_SIZE(expected));
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
}

static void enable_works_after_a_failed_open(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->transport.open_error = -EIO;
	channel_enable(fixture);
	fixture->transport.open_error = 0;
	fixture->process = channel_complete_inline;
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	peer_expect_completion(fixture, 1, 0);
}

/* Enabled, but the worker that opens has not begun. */
static void enable_without_opening(struct channel_fixture *fixture)
{
	disable_work_sync(&fixture->channel->life.work);
	KUNIT_ASSERT_EQ(fixture->test, vmb_channel_enable(fixture->channel), 0);
}

static void let_worker_run(struct channel_fixture *fixture)
{
	enable_work(&fixture->channel->life.work);
	queue_work(fixture->channel->life.queue,
		   &fixture->channel->life.work);
	channel_settle(fixture);
}

static void disable_before_open_calls_nothing(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	enable_without_opening(fixture);
	vmb_life_stop(fixture->channel, VMB_CHANNEL_STOP_DISABLED);
	let_worker_run(fixture);
	channel_disable(fixture);
	KUNIT_EXPECT_EQ(test, fixture->log_count, 0);
	KUNIT_EXPECT_EQ(test, fixture->transport.opens, 0);
	KUNIT_EXPECT_NULL(test, fixture->transport.memory);
}

/* Enable has returned 0: without a word the client would wait for ever. */
static void peer_goes_before_open(struct kunit *test)
{
	static const struct channel_entry expected[] = {
		{ PNP_FAILURE, -ENODEV },
	};
	struct channel_fixture *fixture = test->priv;

	enable_without_opening(fixture);
	vmb_transport_device_peer_gone(&fixture->transport.device);
	let_worker_run(fixture);
	channel_expect_log(fixture, expected, ARRAY_SIZE(expected));
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
}

static void disable_while_disabled(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, vmb_channel_disable(fixture->channel), 0);
	KUNIT_EXPECT_EQ(test, fixture->log_count, 0);
}

static void disable_twice(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 count;

	channel_enable(fixture);
	channel_disable(fixture);
	count = fixture->log_count;
	KUNIT_EXPECT_EQ(test, vmb_channel_disable(fixture->channel), 0);
	KUNIT_EXPECT_EQ(test, fixture->log_count, count);
}

/* What disable said in each callback; 1 where it was not called. */
struct deadlock {
	int opened, started, post_started, suspend, closed, pnp_failure;
};

static void disable_inside(struct channel_fixture *fixture,
			   enum channel_event event)
{
	struct deadlock *deadlock = fixture->private;
	int ret = vmb_channel_disable(fixture->channel);

	if (event == OPENED)
		deadlock->opened = ret;
	else if (event == STARTED)
		deadlock->started = ret;
	else if (event == POST_STARTED)
		deadlock->post_started = ret;
	else if (event == SUSPEND)
		deadlock->suspend = ret;
	else if (event == CLOSED)
		deadlock->closed = ret;
	else if (event == PNP_FAILURE)
		deadlock->pnp_failure = ret;
}

/* It would wait for itself; and the channel's life goes on as if never asked. */
static void disable_inside_a_callback(struct kunit *test)
{
	struct deadlock deadlock = { 1, 1, 1, 1, 1, 1 };
	struct channel_fixture *fixture = test->priv;

	fixture->private = &deadlock;
	fixture->on_state = disable_inside;
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, channel_log_find(fixture, SUSPEND), U32_MAX);
	channel_disable(fixture);
	fixture->transport.open_error = -EIO;
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, deadlock.opened, -EDEADLK);
	KUNIT_EXPECT_EQ(test, deadlock.started, -EDEADLK);
	KUNIT_EXPECT_EQ(test, deadlock.post_started, -EDEADLK);
	KUNIT_EXPECT_EQ(test, deadlock.suspend, -EDEADLK);
	KUNIT_EXPECT_EQ(test, deadlock.closed, -EDEADLK);
	KUNIT_EXPECT_EQ(test, deadlock.pnp_failure, -EDEADLK);
}

static void peer_gone(struct kunit *test)
{
	static const struct channel_entry expected[] = {
		{ TRANSPORT_OPEN }, { OPENED }, { STARTED }, { POST_STARTED },
		{ SUSPEND, VMB_CHANNEL_STOP_PEER_GONE }, { TRANSPORT_CLOSE },
		{ CLOSED, VMB_CHANNEL_STOP_PEER_GONE },
	};
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	fixture->transport.gone = true;
	vmb_transport_device_peer_gone(&fixture->transport.device);
	channel_settle(fixture);
	channel_expect_log(fixture, expected, ARRAY_SIZE(expected));
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
}

/* The peer writes an index that no packet can end at. */
static void lose_framing(struct channel_fixture *fixture)
{
	peer_set(&fixture->inbound, RING_IMAGE_WRITE_INDEX, 4);
	peer_signal(fixture);
}

static void framing_lost(struct kunit *test)
{
	static const struct channel_entry expected[] = {
		{ TRANSPORT_OPEN }, { OPENED }, { STARTED }, { POST_STARTED },
		{ SUSPEND, VMB_CHANNEL_STOP_FRAMING_LOST }, { TRANSPORT_CLOSE },
		{ CLOSED, VMB_CHANNEL_STOP_FRAMING_LOST },
	};
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	lose_framing(fixture);
	channel_settle(fixture);
	channel_expect_log(fixture, expected, ARRAY_SIZE(expected));
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
}

static void enable_works_after_framing_lost(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->process = channel_complete_inline;
	channel_enable(fixture);
	lose_framing(fixture);
	channel_settle(fixture);
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	peer_expect_completion(fixture, 1, 0);
}

static void note_whether_completed(struct channel_fixture *fixture,
				   enum channel_event event)
{
	bool *held_at_closed = fixture->private;

	if (event == CLOSED)
		*held_at_closed = !fixture->packets[0].done;
}

/* The client takes its time; nobody closes the channel under it. */
static void expect_closed_waits(struct channel_fixture *fixture)
{
	struct kunit *test = fixture->test;
	bool held_at_closed = false;

	fixture->private = &held_at_closed;
	fixture->on_state = note_whether_completed;
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&fixture->suspended,
							  CHANNEL_FIXTURE_PATIENCE), 0);
	/* Gives whoever does not wait the time to be seen. */
	msleep(20);
	KUNIT_EXPECT_EQ(test, channel_log_find(fixture, TRANSPORT_CLOSE), U32_MAX);
	fixture->packets[0].done = true;
	KUNIT_EXPECT_EQ(test, vmb_channel_packet_complete(fixture->packets[0].packet,
							  NULL, 0), 0);
	channel_settle(fixture);
	KUNIT_EXPECT_NE(test, channel_log_find(fixture, CLOSED), U32_MAX);
	KUNIT_EXPECT_FALSE(test, held_at_closed);
}

static void disable_waits_for_the_client(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	channel_help(fixture, channel_help_disable);
	expect_closed_waits(fixture);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
}

static void peer_gone_waits_for_the_client(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	fixture->transport.gone = true;
	vmb_transport_device_peer_gone(&fixture->transport.device);
	expect_closed_waits(fixture);
}

static void framing_lost_waits_for_the_client(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	lose_framing(fixture);
	expect_closed_waits(fixture);
}

/* Two reasons before the worker comes to it. */
static void first_reason_stays(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 closed;

	channel_enable(fixture);
	disable_work_sync(&fixture->channel->life.work);
	lose_framing(fixture);
	vmb_life_stop(fixture->channel, VMB_CHANNEL_STOP_DISABLED);
	let_worker_run(fixture);
	closed = channel_log_find(fixture, CLOSED);
	KUNIT_ASSERT_NE(test, closed, U32_MAX);
	KUNIT_EXPECT_EQ(test, fixture->log[closed].detail, VMB_CHANNEL_STOP_FRAMING_LOST);
}

/* A packet lies in the ring, and the bell rings, inside each callback. */
static void ring_inside(struct channel_fixture *fixture, enum channel_event event)
{
	if (event == CLOSED || event == PROCESSING_COMPLETE)
		return;
	if (event == OPENED) {
		peer_put(fixture, &(struct peer_packet) {
			.type = 6, .flags = 1, .transaction_id = 1,
		});
		peer_publish(fixture);
	}
	local_bh_disable();
	vmb_channel_interrupt(fixture->channel);
	local_bh_enable();
}

static void no_packet_before_started_has_returned(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->process = channel_complete_inline;
	fixture->on_state = ring_inside;
	channel_enable(fixture);
	KUNIT_ASSERT_NE(test, channel_log_find(fixture, PACKET), U32_MAX);
	KUNIT_EXPECT_GT(test, channel_log_find(fixture, PACKET),
			channel_log_find(fixture, STARTED));
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
}

static void send_inside_suspend(struct channel_fixture *fixture,
				enum channel_event event)
{
	if (event == SUSPEND)
		peer_send_inband(fixture, 1, 8);
}

static void no_packet_from_suspend_on(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->on_state = send_inside_suspend;
	channel_enable(fixture);
	channel_disable(fixture);
	KUNIT_EXPECT_EQ(test, channel_log_find(fixture, PACKET), U32_MAX);
}

/* Goes on inside the callback until the channel has begun to stop. */
static void linger(struct channel_fixture *fixture, struct channel_packet *packet)
{
	complete(fixture->private);
	while (vmb_inbound_mode(&fixture->channel->inbound) == VMB_DRAIN_DELIVERING)
		cpu_relax();
	/* Gives whoever does not wait the time to be seen. */
	mdelay(5);
	channel_complete_inline(fixture, packet);
	channel_log(fixture, PACKET_END, 1);
}

static int help_send(struct channel_fixture *fixture)
{
	peer_send_inband(fixture, 1, 8);
	return 0;
}

static void suspend_waits_for_a_running_callback(struct kunit *test)
{
	DECLARE_COMPLETION_ONSTACK(entered);
	struct channel_fixture *fixture = test->priv;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	channel_enable(fixture);
	fixture->private = &entered;
	fixture->process = linger;
	channel_help(fixture, help_send);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&entered, CHANNEL_FIXTURE_PATIENCE), 0);
	channel_disable(fixture);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	KUNIT_ASSERT_NE(test, channel_log_find(fixture, PACKET_END), U32_MAX);
	KUNIT_EXPECT_GT(test, channel_log_find(fixture, SUSPEND),
			channel_log_find(fixture, PACKET_END));
}

static void second_life_has_fresh_rings(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->process = channel_complete_inline;
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	/* Never read: the bell does not ring. */
	peer_put(fixture, &(struct peer_packet) { .type = 6, .transaction_id = 2 });
	peer_publish(fixture);
	channel_disable(fixture);
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 0);
	peer_send_inband(fixture, 3, 8);
	KUNIT_ASSERT_EQ(test, fixture->packet_count, 1);
	KUNIT_EXPECT_EQ(test, fixture->packets[0].transaction_id, 3);
	peer_expect_completion(fixture, 3, 0);
	peer_expect_nothing(fixture);
}

/* User space sees sums over the channel's whole existence. */
static void counters_go_on_in_the_second_life(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	const struct vmb_counters *counters = &fixture->channel->counters;
	u32 life;

	fixture->process = channel_complete_inline;
	for (life = 0; life < 2; life++) {
		channel_enable(fixture);
		peer_send_inband(fixture, 1, 8);
		channel_disable(fixture);
	}
	KUNIT_EXPECT_EQ(test, counters->received, 2);
	KUNIT_EXPECT_EQ(test, counters->completed, 2);
	KUNIT_EXPECT_EQ(test, counters->completions_sent, 2);
	KUNIT_EXPECT_EQ(test, counters->completions_dropped, 0);
}

static void cleanup_of_an_enabled_channel(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	vmb_channel_cleanup(fixture->channel);
	fixture->channel = NULL;
	KUNIT_EXPECT_NE(test, channel_log_find(fixture, SUSPEND), U32_MAX);
	KUNIT_EXPECT_NE(test, channel_log_find(fixture, CLOSED), U32_MAX);
	KUNIT_EXPECT_NULL(test, fixture->transport.memory);
}

static void device_goes_with_a_channel_left_behind(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	vmb_transport_device_release(&fixture->transport.device);
	fixture->channel = NULL;
	KUNIT_EXPECT_NE(test, channel_log_find(fixture, CLOSED), U32_MAX);
	KUNIT_EXPECT_NULL(test, fixture->transport.memory);
}

/**
 * struct left_behind - what becomes of a device whose driver is unbound in a callback
 * @fixture: the channel's.
 * @released: what the release has returned.
 * @give_up: has an endless release end, for it sees no channel any more.
 */
struct left_behind {
	struct channel_fixture *fixture;
	bool released;
	struct delayed_work give_up;
};

static void unlink_channel(struct work_struct *work)
{
	struct left_behind *left = container_of(to_delayed_work(work), struct left_behind,
						give_up);
	struct vmb_channel *channel = left->fixture->channel;

	spin_lock_irq(&channel->device->lock);
	list_del_init(&channel->device_node);
	spin_unlock_irq(&channel->device->lock);
}

static void release_inside(struct channel_fixture *fixture, struct channel_packet *packet)
{
	struct left_behind *left = fixture->private;

	left->released = vmb_transport_device_release(&fixture->transport.device);
	channel_complete_inline(fixture, packet);
}

/* It is not waited for, closes by itself, and what it is on is not freed under it. */
static void device_goes_in_a_callback_of_the_channel(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct device *parent = fixture->transport.parent;
	u32 references = kref_read(&parent->kobj.kref);
	struct left_behind left = { .fixture = fixture, .released = true };

	INIT_DELAYED_WORK_ONSTACK(&left.give_up, unlink_channel);
	fixture->private = &left;
	fixture->process = release_inside;
	vmb_channel_set_incoming_processing_at_passive(fixture->channel, true);
	channel_enable(fixture);
	schedule_delayed_work(&left.give_up, HZ);
	peer_send_inband(fixture, 1, 8);
	flush_work(&fixture->channel->inbound.work);
	KUNIT_EXPECT_TRUE(test, cancel_delayed_work_sync(&left.give_up));
	destroy_delayed_work_on_stack(&left.give_up);
	KUNIT_ASSERT_EQ(test, fixture->packet_count, 1);
	KUNIT_EXPECT_FALSE(test, left.released);
	KUNIT_EXPECT_FALSE(test, list_empty(&fixture->channel->device_node));
	channel_settle(fixture);
	KUNIT_EXPECT_NE(test, channel_log_find(fixture, CLOSED), U32_MAX);
	KUNIT_EXPECT_EQ(test, vmb_life_state(fixture->channel), VMB_LIFE_DISABLED);
	/* A client that goes on by itself would open it where nobody closes it any more. */
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(fixture->channel), -ENODEV);
	KUNIT_ASSERT_EQ(test, kref_read(&parent->kobj.kref), references + 1);
	/* This driver is not gone. */
	put_device(parent);
}

static struct kunit_case channel_state_cases[] = {
	KUNIT_CASE(callbacks_in_order),
	KUNIT_CASE(opened_refuses),
	KUNIT_CASE(open_fails),
	KUNIT_CASE(enable_works_after_a_failed_open),
	KUNIT_CASE(disable_before_open_calls_nothing),
	KUNIT_CASE(peer_goes_before_open),
	KUNIT_CASE(disable_while_disabled),
	KUNIT_CASE(disable_twice),
	KUNIT_CASE(disable_inside_a_callback),
	KUNIT_CASE(peer_gone),
	KUNIT_CASE(framing_lost),
	KUNIT_CASE(enable_works_after_framing_lost),
	KUNIT_CASE(disable_waits_for_the_client),
	KUNIT_CASE(peer_gone_waits_for_the_client),
	KUNIT_CASE(framing_lost_waits_for_the_client),
	KUNIT_CASE(first_reason_stays),
	KUNIT_CASE(no_packet_before_started_has_returned),
	KUNIT_CASE(no_packet_from_suspend_on),
	KUNIT_CASE(suspend_waits_for_a_running_callback),
	KUNIT_CASE(second_life_has_fresh_rings),
	KUNIT_CASE(counters_go_on_in_the_second_life),
	KUNIT_CASE(cleanup_of_an_enabled_channel),
	KUNIT_CASE(device_goes_with_a_channel_left_behind),
	KUNIT_CASE(device_goes_in_a_callback_of_the_channel),
	{}
};

static struct kunit_suite channel_state_suite = {
	.name = "vmbkmcl_channel_state",
	.init = channel_fixture_init,
	.exit = channel_fixture_exit,
	.test_cases = channel_state_cases,
};

kunit_test_suite(channel_state_suite);
