// SPDX-License-Identifier: GPL-2.0
/*
 * A packet that its client has deferred, and that names memory: the client has
 * nothing in its hands to complete, so nobody may have to wait for it.
 */
#include <kunit/test.h>
#include <linux/workqueue.h>

#include "../fixtures/external_fixture.h"

#define BYTES		(EXTERNAL_PAGES * PAGE_SIZE)

/* What delete has returned in a callback; 1: it was not called. */
static int deleted;

static int help_delete(struct channel_fixture *fixture)
{
	struct external_memory *shared = shared_of(fixture);
	u32 handle = shared->handle;

	shared->handle = 0;
	return vmb_channel_delete_gpadl(fixture->channel, handle);
}

static void ask_and_defer(struct channel_fixture *fixture, struct channel_packet *packet)
{
	get_all(fixture, packet->packet);
	packet->done = true;
	vmb_channel_packet_defer_to_passive(packet->packet);
}

/* A task that waits for ever fails the test, and is let go. */
static void expect_help(struct channel_fixture *fixture, int expected)
{
	if (wait_for_completion_timeout(&fixture->helped, CHANNEL_FIXTURE_PATIENCE)) {
		KUNIT_EXPECT_EQ(fixture->test, fixture->help_result, expected);
		return;
	}
	KUNIT_FAIL(fixture->test, "somebody waits for a packet that nobody has");
	WRITE_ONCE(fixture->channel->outbound.abandoned, true);
	wake_up(&fixture->channel->memory.unused);
	wait_for_completion(&fixture->helped);
	WRITE_ONCE(fixture->channel->outbound.abandoned, false);
}

/* The worker, which would deliver it again, has not begun, and does not before let_go(). */
static void defer_and_hold_the_worker(struct channel_fixture *fixture)
{
	deleted = 1;
	fixture->process = ask_and_defer;
	share_memory(fixture, 0);
	disable_work_sync(&fixture->channel->inbound.work);
	peer_send_direct(fixture, shared_of(fixture)->memory, 0, BYTES);
}

static void let_go(struct channel_fixture *fixture)
{
	KUNIT_EXPECT_EQ(fixture->test, fixture->packet_count, 1);
	enable_work(&fixture->channel->inbound.work);
}

static void ask_and_complete(struct channel_fixture *fixture, struct channel_packet *packet)
{
	deleted = get_external(fixture, packet->packet, 0);
	channel_complete_inline(fixture, packet);
}

/* What it had it has not any more, and gets it again. */
static void asks_again(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct iov_iter iter;

	defer_and_hold_the_worker(fixture);
	KUNIT_EXPECT_EQ(test, vmb_channel_pause(fixture->channel), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_packet_get_external_data_iter
			(fixture->packets[0].packet, ITER_SOURCE, &iter), -EINVAL);
	let_go(fixture);
	fixture->process = ask_and_complete;
	KUNIT_EXPECT_EQ(test, vmb_channel_start(fixture->channel), 0);
	channel_settle(fixture);
	vmb_watchdog_stop(fixture->channel);
	channel_settle_packets(fixture);
	KUNIT_EXPECT_EQ(test, deleted, 0);
	expect_memory(fixture, shared_of(fixture)->memory, BYTES);
	peer_expect_completion(fixture, 0, 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.refused, 0);
}

static void deleted_while_paused(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	defer_and_hold_the_worker(fixture);
	KUNIT_EXPECT_EQ(test, vmb_channel_pause(fixture->channel), 0);
	channel_help(fixture, help_delete);
	expect_help(fixture, 0);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 0);

	/* It is delivered again, and what it names is not shared any more. */
	let_go(fixture);
	fixture->process = ask_and_complete;
	KUNIT_EXPECT_EQ(test, vmb_channel_start(fixture->channel), 0);
	channel_settle(fixture);
	vmb_watchdog_stop(fixture->channel);
	channel_settle_packets(fixture);
	KUNIT_EXPECT_EQ(test, deleted, -EACCES);
	peer_expect_completion(fixture, 0, 0);
}

static void delete_in_suspend(struct channel_fixture *fixture, enum channel_event event)
{
	if (event == SUSPEND)
		deleted = help_delete(fixture);
}

static void deleted_in_suspend(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	defer_and_hold_the_worker(fixture);
	fixture->on_state = delete_in_suspend;
	channel_help(fixture, channel_help_disable);
	expect_help(fixture, 0);
	let_go(fixture);
	KUNIT_EXPECT_EQ(test, deleted, 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.discarded, 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, 0);
}

static int help_hibernate(struct channel_fixture *fixture)
{
	return vmb_transport_device_pm_close(&fixture->transport.device);
}

static void deleted_before_hibernation(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	defer_and_hold_the_worker(fixture);
	fixture->on_state = delete_in_suspend;
	channel_help(fixture, help_hibernate);
	expect_help(fixture, 0);
	let_go(fixture);
	KUNIT_EXPECT_EQ(test, deleted, 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.discarded, 1);
	fixture->on_state = NULL;
	vmb_transport_device_pm_resume(&fixture->transport.device);
	channel_settle(fixture);
	vmb_watchdog_stop(fixture->channel);
}

static struct kunit_case deferred_cases[] = {
	KUNIT_CASE(asks_again),
	KUNIT_CASE(deleted_while_paused),
	KUNIT_CASE(deleted_in_suspend),
	KUNIT_CASE(deleted_before_hibernation),
	{}
};

static struct kunit_suite deferred_suite = {
	.name = "vmbkmcl_gpadl_deferred",
	.init = external_fixture_init,
	.exit = external_fixture_exit,
	.test_cases = deferred_cases,
};

kunit_test_suite(deferred_suite);
