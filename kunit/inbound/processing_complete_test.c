// SPDX-License-Identifier: GPL-2.0
/*
 * processing_complete is a callback of the channel like any other: a call from
 * inside it that would wait for the drain says so.
 */
#include <kunit/test.h>

#include "../fixtures/channel_fixture.h"

/**
 * struct calls - what was called from inside processing_complete, and its results
 * @start: of vmb_channel_start().
 * @request: of a synchronous request with a time-out.
 * @pause: of vmb_channel_pause().
 * @disable: of vmb_channel_disable().
 * @count: times that it ran.
 */
struct calls {
	int start;
	int request;
	int pause;
	int disable;
	u32 count;
};

static int processing_complete_init(struct kunit *test)
{
	int ret = channel_fixture_init(test);

	if (!ret)
		channel_configure(test->priv, 256, 17, 17);
	return ret;
}

static void call_all(struct channel_fixture *fixture, enum channel_event event)
{
	struct vmb_channel *channel = fixture->channel;
	struct calls *calls = fixture->private;

	if (event != PROCESSING_COMPLETE || calls->count++)
		return;
	calls->request =
		vmb_channel_send_synchronous_request(channel, NULL, 0, NULL, 0,
						     VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION,
						     NULL, NULL, 1);
	/* Does not wait: whoever does not know where it is lets it pass. */
	calls->start = vmb_channel_start(channel);
	if (calls->start != -EDEADLK)
		return;
	calls->pause = vmb_channel_pause(channel);
	calls->disable = vmb_channel_disable(channel);
}

static void would_wait_for_itself(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct calls calls = {};

	fixture->private = &calls;
	fixture->on_state = call_all;
	fixture->process = channel_complete_inline;
	vmb_channel_set_incoming_processing_at_passive(fixture->channel, true);
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	channel_settle_packets(fixture);
	KUNIT_EXPECT_EQ(test, calls.count, 1);
	KUNIT_EXPECT_EQ(test, calls.start, -EDEADLK);
	KUNIT_EXPECT_EQ(test, calls.request, -EDEADLK);
	KUNIT_EXPECT_EQ(test, calls.pause, -EDEADLK);
	KUNIT_EXPECT_EQ(test, calls.disable, -EDEADLK);
	/* Nothing of it has happened, and outside of it all of it is allowed. */
	peer_send_inband(fixture, 2, 8);
	channel_settle_packets(fixture);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 2);
	KUNIT_EXPECT_EQ(test, vmb_channel_start(fixture->channel), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_pause(fixture->channel), 0);
	channel_disable(fixture);
}

static void keep_the_last(struct channel_fixture *fixture, enum channel_event event)
{
	struct calls *calls = fixture->private;

	if (event != PROCESSING_COMPLETE || calls->count++)
		return;
	/* Too late: its callback is over. */
	vmb_channel_packet_defer_to_passive(fixture->packets[0].packet);
}

/* It is no process_packet callback: nothing is deferred from in there. */
static void nothing_is_deferred(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct calls calls = {};

	fixture->private = &calls;
	fixture->on_state = keep_the_last;
	vmb_channel_set_incoming_processing_at_passive(fixture->channel, true);
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	channel_settle_packets(fixture);
	KUNIT_EXPECT_EQ(test, calls.count, 1);
	KUNIT_EXPECT_NULL(test, fixture->channel->inbound.deferred);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
	channel_complete(fixture, 0, NULL, 0);
	peer_expect_completion(fixture, 1, 0);
}

static struct kunit_case processing_complete_cases[] = {
	KUNIT_CASE(would_wait_for_itself),
	KUNIT_CASE(nothing_is_deferred),
	{}
};

static struct kunit_suite processing_complete_suite = {
	.name = "vmbkmcl_processing_complete",
	.init = processing_complete_init,
	.exit = channel_fixture_exit,
	.test_cases = processing_complete_cases,
};

kunit_test_suite(processing_complete_suite);
