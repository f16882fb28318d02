// SPDX-License-Identifier: GPL-2.0
/*
 * The last put of a channel's memory: a driver whose remove gave up on it still
 * holds packets. It completes them while its closed callback runs, or when the
 * channel has been cleaned up; what they need stays until then, and goes then.
 *
 * Remove gives up after half a minute, which is why all of it is one case.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/jiffies.h>

#include "../../drivers/kmcl/compat.h"
#include "../fixtures/memory_transport.h"
#include "../fixtures/ring_image.h"

/* More than remove gives the driver. */
#define PATIENCE	(180 * HZ)
#define HELD		2u

/**
 * struct left - a channel whose driver does not complete its packets
 * @transport: its device.
 * @channel: it; NULL: cleaned up.
 * @held: its packets.
 * @held_count: how many.
 * @running: post_started was called.
 * @closing: closed was called.
 * @go_on: it may return.
 * @disabled: disable has returned.
 * @result: what it returned.
 * @work: calls it.
 * @references: to the device, before there was a channel.
 */
struct left {
	struct memory_transport transport;
	struct vmb_channel *channel;
	struct vmb_packet_completion *held[HELD];
	u32 held_count;
	struct completion running;
	struct completion closing;
	struct completion go_on;
	struct completion disabled;
	int result;
	struct work_struct work;
	u32 references;
};

/* What each of them is for. */
enum left_use {
	WHILE_CLOSED_RUNS,
	AFTER_CLEANUP,
	AFTER_ENABLE_WAS_TRIED,
	LEFT
};

static void left_process(struct vmb_channel *channel, void *context,
			 struct vmb_packet_completion *packet, void *buffer,
			 u32 length, u32 flags)
{
	struct left *left = context;

	if (left->held_count < HELD)
		left->held[left->held_count++] = packet;
}

static void left_post_started(struct vmb_channel *channel, void *context)
{
	struct left *left = context;

	complete(&left->running);
}

static void left_closed(struct vmb_channel *channel, void *context,
			enum vmb_channel_stop_reason reason)
{
	struct left *left = context;

	complete(&left->closing);
	wait_for_completion_timeout(&left->go_on, PATIENCE);
}

static void left_disable(struct work_struct *work)
{
	struct left *left = container_of(work, struct left, work);

	left->result = vmb_channel_disable(left->channel);
	complete_all(&left->disabled);
}

/* Two packets that want an answer. */
static void left_receive(struct left *left)
{
	const struct vmb_ring_outbound_packet outbound = {
		.transaction_id = 1,
		.type = VMB_WIRE_TYPE_DATA_INBAND,
		.flags = VMB_WIRE_FLAG_COMPLETION_REQUESTED,
	};
	u32 needed, i;

	for (i = 0; i < HELD; i++)
		vmb_ring_write(&left->transport.peer_writer, &outbound, &needed);
	vmb_ring_writer_commit(&left->transport.peer_writer);
	local_bh_disable();
	vmb_channel_interrupt(left->channel);
	local_bh_enable();
	memory_transport_run(&left->transport, left->channel);
}

static u32 left_references(const struct left *left)
{
	return kref_read(&left->transport.parent->kobj.kref);
}

static void left_make(struct kunit *test, struct left *left, u32 number)
{
	struct vmb_channel_state_change_callbacks callbacks;
	char name[32];

	init_completion(&left->running);
	init_completion(&left->closing);
	init_completion(&left->go_on);
	init_completion(&left->disabled);
	INIT_WORK(&left->work, left_disable);
	snprintf(name, sizeof(name), "vmbkmcl_left%u", number);
	KUNIT_ASSERT_EQ(test, memory_transport_init(&left->transport, name), 0);
	left->references = left_references(left);
	KUNIT_ASSERT_EQ(test, vmb_channel_allocate(&left->transport.device.device, false,
						   &left->channel), 0);
	vmb_channel_state_change_callbacks_init(&callbacks);
	callbacks.callback_context = left;
	callbacks.post_started = left_post_started;
	callbacks.closed = left_closed;
	vmb_channel_init_set_state_change_callbacks(left->channel, &callbacks);
	vmb_channel_init_set_process_packet_callbacks(left->channel, left, left_process, NULL);
	KUNIT_ASSERT_EQ(test, vmb_channel_enable(left->channel), 0);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&left->running, PATIENCE), 0);
	flush_work(&left->channel->life.work);
	left_receive(left);
	KUNIT_ASSERT_EQ(test, left->held_count, HELD);
	vmb_transport_device_removing(&left->transport.device);
	queue_work(system_dfl_wq, &left->work);
}

static int left_init(struct kunit *test)
{
	struct left *lefts = kunit_kcalloc(test, LEFT, sizeof(*lefts), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, lefts);
	test->priv = lefts;
	for (i = 0; i < LEFT; i++)
		left_make(test, &lefts[i], i);
	return 0;
}

static void left_exit(struct kunit *test)
{
	struct left *lefts = test->priv;
	u32 i;

	for (i = 0; lefts && i < LEFT && lefts[i].transport.parent; i++) {
		complete_all(&lefts[i].go_on);
		flush_work(&lefts[i].work);
		while (lefts[i].held_count)
			vmb_channel_packet_complete(lefts[i].held[--lefts[i].held_count],
						    NULL, 0);
		if (lefts[i].channel)
			vmb_channel_cleanup(lefts[i].channel);
		memory_transport_exit(&lefts[i].transport);
	}
}

static int left_complete(struct left *left)
{
	return vmb_channel_packet_complete(left->held[--left->held_count], NULL, 0);
}

/* Remove has given up, closed is being called: the transport is closed by now. */
static void left_expect_closing(struct kunit *test, struct left *left)
{
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&left->closing, PATIENCE), 0);
	KUNIT_EXPECT_EQ(test, left->transport.closes, 1);
	KUNIT_EXPECT_TRUE(test, vmb_outbound_is_abandoned(left->channel));
	/* The client's, and that of its packets. */
	KUNIT_EXPECT_EQ(test, kref_read(&left->channel->kobject.kref), 2);
	KUNIT_EXPECT_NE(test, left->channel->pool.count, 0);
}

static void left_expect_disabled(struct kunit *test, struct left *left)
{
	complete(&left->go_on);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&left->disabled, PATIENCE), 0);
	KUNIT_EXPECT_EQ(test, left->result, 0);
}

static void left_clean_up(struct left *left)
{
	vmb_channel_cleanup(left->channel);
	left->channel = NULL;
}

/* Its memory is gone, and with it what it knew of its device. */
static void left_expect_gone(struct kunit *test, struct left *left)
{
	flush_workqueue(vmb_workqueue);
	KUNIT_EXPECT_EQ(test, left_references(left), left->references);
}

/* What the packets are made to, or their completions are measured by. */
static void left_expect_settings(struct kunit *test, struct left *left, int result)
{
	struct vmb_channel *channel = left->channel;

	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_maximum_packet_size(channel, 64), result);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_maximum_external_data(channel, 64, 1),
			result);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_client_context_size(channel, 64), result);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_refusal_completion(channel, "refused", 8),
			result);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_flags(channel, 0), result);
}

static void last_packet_of_a_channel_that_was_given_up(struct kunit *test)
{
	struct left *lefts = test->priv;
	struct left *left = &lefts[WHILE_CLOSED_RUNS];
	u32 i;

	for (i = 0; i < LEFT; i++)
		left_expect_closing(test, &lefts[i]);

	/* Another thread than that of the callback, which has not returned. */
	KUNIT_EXPECT_EQ(test, left_complete(left), -ENODEV);
	KUNIT_EXPECT_TRUE(test, vmb_outbound_is_abandoned(left->channel));
	KUNIT_EXPECT_EQ(test, left_complete(left), -ENODEV);
	KUNIT_EXPECT_FALSE(test, vmb_outbound_is_abandoned(left->channel));
	KUNIT_EXPECT_EQ(test, kref_read(&left->channel->kobject.kref), 1);
	/* The objects stay until the callback has returned, and no longer. */
	KUNIT_EXPECT_NE(test, left->channel->pool.count, 0);
	for (i = 0; i < LEFT; i++)
		left_expect_disabled(test, &lefts[i]);
	KUNIT_EXPECT_EQ(test, left->channel->pool.count, 0);
	KUNIT_EXPECT_EQ(test, left->channel->counters.completed, HELD);
	KUNIT_EXPECT_EQ(test, left->channel->counters.completions_dropped, HELD);
	left_clean_up(left);
	left_expect_gone(test, left);

	/* Nobody is left but the packets. */
	left = &lefts[AFTER_CLEANUP];
	KUNIT_EXPECT_NE(test, left->channel->pool.count, 0);
	left_clean_up(left);
	KUNIT_EXPECT_EQ(test, left_complete(left), -ENODEV);
	flush_workqueue(vmb_workqueue);
	KUNIT_EXPECT_GT(test, left_references(left), left->references);
	KUNIT_EXPECT_EQ(test, left_complete(left), -ENODEV);
	left_expect_gone(test, left);

	/* Their objects are not given to another life before they come back. */
	left = &lefts[AFTER_ENABLE_WAS_TRIED];
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(left->channel), -EBUSY);
	left_expect_settings(test, left, -EBUSY);
	KUNIT_EXPECT_EQ(test, left_complete(left), -ENODEV);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(left->channel), -EBUSY);
	left_expect_settings(test, left, -EBUSY);
	KUNIT_EXPECT_EQ(test, left_complete(left), -ENODEV);
	left_expect_settings(test, left, 0);
	reinit_completion(&left->running);
	KUNIT_ASSERT_EQ(test, vmb_channel_enable(left->channel), 0);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&left->running, PATIENCE), 0);
	complete_all(&left->go_on);
	KUNIT_EXPECT_EQ(test, vmb_channel_disable(left->channel), 0);
	left_clean_up(left);
	left_expect_gone(test, left);
}

static struct kunit_case left_cases[] = {
	KUNIT_CASE_SLOW(last_packet_of_a_channel_that_was_given_up),
	{}
};

static struct kunit_suite left_suite = {
	.name = "vmbkmcl_life_race_last",
	.init = left_init,
	.exit = left_exit,
	.test_cases = left_cases,
};

kunit_test_suite(left_suite);
