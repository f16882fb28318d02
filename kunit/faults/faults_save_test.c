// SPDX-License-Identifier: GPL-2.0
/*
 * Each allocation of a save, of a restore, and of the enable that follows one fails
 * once: the session goes on with the server that has it.
 */
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#include "../fixtures/save_fixture.h"
#include "fault.h"

/* Packets in flight, which each save has in it. */
#define IN_FLIGHT	8u
#define MOST		SZ_64K

/* A state in one chunk. */
static u8 *state;
static u32 state_size;
static struct save_session *session;

static void free_state(void *memory)
{
	vfree(memory);
}

static void configure(struct loopback_end *end)
{
	struct kunit *test = end->test;

	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_inbound_packet_count(end->channel, 16), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_packet_count(end->channel, 16), 0);
}

static int faults_save_init(struct kunit *test)
{
	int ret = loopback_fixture_init(test);

	if (ret)
		return ret;
	state = vzalloc(MOST);
	KUNIT_ASSERT_NOT_NULL(test, state);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_state, state), 0);
	session = save_session_make(test, 2);
	configure(session->server);
	configure(session->client);
	session->hold = true;
	save_session_join(session);
	save_session_send(session, IN_FLIGHT, WAIT);
	save_session_expect_received(session, IN_FLIGHT);
	return 0;
}

/* All packets end once, whichever server they had come to. */
static void expect_all_ended(struct kunit *test)
{
	u32 i;

	save_session_release(session);
	for (i = 0; i < IN_FLIGHT; i++)
		save_session_expect_ended(session, i);
}

static int begin(struct kunit *test)
{
	return vmb_channel_save_begin(session->server->channel);
}

/* It is paused as before, and no state is there to be had. */
static void expect_not_begun(struct kunit *test)
{
	struct vmb_channel *channel = session->server->channel;
	u32 filled, required;

	KUNIT_EXPECT_EQ(test, vmb_channel_save_continue(channel, state, MOST, &filled,
							&required), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_life_flow(channel), VMB_FLOW_PAUSED);
	KUNIT_EXPECT_EQ(test, vmb_channel_start(channel), 0);
	save_session_pause(session);
}

static void take(struct kunit *test)
{
	u32 required;

	KUNIT_ASSERT_EQ(test, vmb_channel_save_continue(session->server->channel, state, MOST,
							&state_size, &required), 0);
}

static void end(struct kunit *test)
{
	vmb_channel_save_end(session->server->channel);
}

static void test_save(struct kunit *test)
{
	static const struct fault_path path = {
		.name = "save",
		.run = begin,
		.refused = expect_not_begun,
		.works = take,
		.undo = end,
	};

	save_session_pause(session);
	fault_each(test, &path);
	KUNIT_EXPECT_EQ(test, vmb_channel_start(session->server->channel), 0);
	expect_all_ended(test);
}

/* The next piece, and that it allocates nothing: a buffer is the caller's. */
static int go_on(struct kunit *test)
{
	u32 required;

	return vmb_channel_save_continue(session->server->channel, state, MOST, &state_size,
					 &required);
}

static void test_save_continue(struct kunit *test)
{
	static const struct fault_path path = {
		.name = "save continue",
		.run = go_on,
		.undo = end,
	};

	save_session_pause(session);
	KUNIT_ASSERT_EQ(test, begin(test), 0);
	fault_none(test, &path);
	KUNIT_EXPECT_EQ(test, vmb_channel_start(session->server->channel), 0);
	expect_all_ended(test);
}

/* The server is gone, and its session waits for the one with its state. */
static void hand_over(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, vmb_channel_pause(session->server->channel), 0);
	KUNIT_ASSERT_EQ(test, begin(test), 0);
	take(test);
	end(test);
	loopback_disable(session->server);
	loopback_orphan(session->server);
}

static int restore(struct kunit *test)
{
	return vmb_channel_restore_from_buffer(session->server->channel, state, state_size);
}

/* Of what was restored before it failed every packet has ended, and was freed. */
static void expect_not_restored(struct kunit *test)
{
	struct vmb_channel *channel = session->server->channel;

	KUNIT_EXPECT_EQ(test, channel->restore.state, VMB_RESTORE_NONE);
	KUNIT_EXPECT_TRUE(test, list_empty(&channel->restore.list));
	KUNIT_EXPECT_EQ(test, channel->outbound.allocated, 0);
	/* The objects that were kept for re-use are got anew. */
	vmb_packets_empty_free_list(channel);
}

static void expect_restored(struct kunit *test)
{
	struct vmb_channel *channel = session->server->channel;

	KUNIT_EXPECT_EQ(test, channel->restore.state, VMB_RESTORE_COMPLETE);
	KUNIT_EXPECT_EQ(test, channel->outbound.allocated, IN_FLIGHT);
}

static void give_up(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, vmb_channel_restore_from_buffer(session->server->channel, state,
							      1), -EBADMSG);
	expect_not_restored(test);
}

/* What ends because a restore was given up has ended with -ENODEV. */
static void forget_ends(void)
{
	memset(session->numbers, 0, sizeof(session->numbers));
}

static void test_restore(struct kunit *test)
{
	static const struct fault_path path = {
		.name = "restore",
		.run = restore,
		.refused = expect_not_restored,
		.works = expect_restored,
		.undo = give_up,
	};

	hand_over(test);
	vmb_packets_empty_free_list(session->server->channel);
	fault_each(test, &path);
	forget_ends();
	KUNIT_ASSERT_EQ(test, restore(test), 0);
	loopback_enable(session->server);
	expect_all_ended(test);
}

/* The session of a server that has been paused, saved and restored, as its next. */
static void prepare(struct kunit *test)
{
	if (session->server->channel->restore.state != VMB_RESTORE_COMPLETE)
		KUNIT_ASSERT_EQ(test, restore(test), 0);
}

static int resume(struct kunit *test)
{
	struct vmb_channel *channel = session->server->channel;
	int ret;

	ret = vmb_channel_enable(channel);
	if (ret)
		return ret;
	KUNIT_EXPECT_EQ(test, vmb_channel_start(channel), 0);
	flush_work(&channel->life.work);
	return loopback_happened(session->server, LOOPBACK_STARTED) ? 0 : -ENOMEM;
}

/* It is as it was restored: the client still waits for it. */
static void expect_not_resumed(struct kunit *test)
{
	struct vmb_channel *channel = session->server->channel;

	KUNIT_ASSERT_TRUE(test, vmb_channel_is_configurable(channel));
	KUNIT_EXPECT_EQ(test, channel->restore.state, VMB_RESTORE_COMPLETE);
	KUNIT_EXPECT_EQ(test, channel->outbound.allocated, IN_FLIGHT);
	KUNIT_EXPECT_EQ(test, loopback_happened(session->client, LOOPBACK_CLOSED), 0);
}

static void test_enable_restored(struct kunit *test)
{
	static const struct fault_path path = {
		.name = "enable what was restored",
		.prepare = prepare,
		.run = resume,
		.refused = expect_not_resumed,
		.undo = hand_over,
	};

	hand_over(test);
	fault_each(test, &path);
	forget_ends();
	KUNIT_ASSERT_EQ(test, restore(test), 0);
	KUNIT_ASSERT_EQ(test, resume(test), 0);
	expect_all_ended(test);
}

static struct kunit_case faults_save_cases[] = {
	KUNIT_CASE(test_save),
	KUNIT_CASE(test_save_continue),
	KUNIT_CASE(test_restore),
	KUNIT_CASE(test_enable_restored),
	{}
};

static struct kunit_suite faults_save_suite = {
	.name = "vmbkmcl_faults_save",
	.suite_init = fault_suite_init,
	.suite_exit = fault_suite_exit,
	.init = faults_save_init,
	.exit = loopback_fixture_exit,
	.test_cases = faults_save_cases,
};

kunit_test_suite(faults_save_suite);
