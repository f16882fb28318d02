// SPDX-License-Identifier: GPL-2.0
/*
 * External data that is pending, and a client that asks for it where its callback
 * for the packet does not run: the packet stays the client's, which asks again.
 */
#include <kunit/test.h>
#include <linux/bottom_half.h>
#include <linux/delay.h>
#include <linux/interrupt.h>

#include "../fixtures/external_fixture.h"

#define NEXT	77u
#define BYTES	8192u

/**
 * struct routine_case - what happens while memory is being shared
 * @shared: the memory; first, since it is the fixture's private.
 * @observe: the fixture's own.
 * @during: what happens; NULL: nothing.
 * @between: what happens in the middle of that; NULL: nothing.
 * @answer: what the client got.
 * @count: how often it has asked.
 * @sent: a packet of its own.
 * @tasklet: asks, where a case has it do so.
 * @fixture: for that.
 */
struct routine_case {
	struct external_memory shared;
	void (*observe)(void *observer, enum memory_transport_operation operation);
	void (*during)(struct channel_fixture *fixture);
	void (*between)(struct channel_fixture *fixture);
	int answer;
	u32 count;
	struct vmb_packet *sent;
	struct tasklet_struct tasklet;
	struct channel_fixture *fixture;
};

static struct routine_case *case_of(struct channel_fixture *fixture)
{
	return container_of(shared_of(fixture), struct routine_case, shared);
}

/* The peer has it, and create does not know yet. */
static void observe(void *observer, enum memory_transport_operation operation)
{
	struct routine_case *mine = case_of(observer);

	mine->observe(observer, operation);
	if (operation == MEMORY_TRANSPORT_CREATE_GPADL && mine->during)
		mine->during(observer);
}

static int ask(struct channel_fixture *fixture, struct vmb_packet_completion *packet)
{
	struct routine_case *mine = case_of(fixture);

	mine->count++;
	mine->answer = get_external(fixture, packet, 0);
	return mine->answer;
}

static int routine_init(struct kunit *test)
{
	int ret = external_fixture_init(test);
	struct channel_fixture *fixture = test->priv;
	struct routine_case *mine;

	if (ret)
		return ret;
	mine = kunit_kzalloc(test, sizeof(*mine), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mine);
	mine->shared = *shared_of(fixture);
	mine->observe = fixture->transport.observe;
	mine->fixture = fixture;
	fixture->private = &mine->shared;
	fixture->transport.observe = observe;
	return 0;
}

static int share(struct channel_fixture *fixture)
{
	struct external_memory *shared = shared_of(fixture);
	int ret;

	ret = vmb_channel_create_gpadl_from_buffer(fixture->channel, 0, shared->memory,
						   EXTERNAL_PAGES * PAGE_SIZE,
						   &shared->handle);
	channel_settle_packets(fixture);
	return ret;
}

/* What was delivered is the client's, and nobody else's. */
static void expect_kept(struct channel_fixture *fixture)
{
	const struct vmb_channel *channel = fixture->channel;
	struct kunit *test = fixture->test;
	u32 i;

	for (i = 0; i < fixture->packet_count; i++)
		KUNIT_EXPECT_TRUE(test, vmb_packet_is_with_client(fixture->packets[i].packet));
	KUNIT_EXPECT_NULL(test, channel->inbound.deferred);
	KUNIT_EXPECT_EQ(test, channel->inbound.delivered - channel->outbound.finished,
			fixture->packet_count);
}

static struct vmb_packet_completion *last_packet(struct channel_fixture *fixture)
{
	return fixture->packets[fixture->packet_count - 1].packet;
}

/* A routine of the client's, which looks after the packet that it was given. */
static void ask_in_routine(struct vmb_packet *sent, void *context, int status,
			   const void *buffer, u32 length)
{
	struct channel_fixture *fixture = context;

	KUNIT_EXPECT_EQ(fixture->test, ask(fixture, last_packet(fixture)),
			-EINPROGRESS);
	expect_kept(fixture);
}

static void send_own(struct channel_fixture *fixture, u32 flags)
{
	struct routine_case *mine = case_of(fixture);

	KUNIT_ASSERT_EQ(fixture->test,
			vmb_packet_send(mine->sent, NULL, 0, NULL, 0, flags), 0);
}

/*
 * The peer completes what it was sent after it has named the memory; @flags of the
 * completion.
 */
static void name_and_complete(struct channel_fixture *fixture, u16 flags)
{
	struct peer_completion sent;

	send_own(fixture, VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION);
	KUNIT_ASSERT_TRUE(fixture->test, peer_receive(fixture, &sent));
	peer_send_direct(fixture, shared_of(fixture)->memory, 0, BYTES);
	if (case_of(fixture)->between)
		case_of(fixture)->between(fixture);
	peer_send(fixture, &(struct peer_packet) {
		.type = 11, .flags = flags, .transaction_id = sent.transaction_id,
	});
}

static void complete_after_naming(struct channel_fixture *fixture)
{
	name_and_complete(fixture, 0);
}

/* The library refuses the completion. */
static void complete_badly_after_naming(struct channel_fixture *fixture)
{
	name_and_complete(fixture, 0x8000);
	KUNIT_EXPECT_EQ(fixture->test, fixture->channel->counters.refused, 1);
}

/* The client holds all that it is to hold. */
static void complete_after_the_last(struct channel_fixture *fixture)
{
	while (!list_empty(&fixture->channel->outbound.free) ||
	       fixture->channel->inbound.cache.tail - fixture->channel->inbound.cache.head > 1)
		peer_send_inband(fixture, NEXT, 8);
	name_and_complete(fixture, 0);
	KUNIT_EXPECT_TRUE(fixture->test,
			  vmb_packet_cache_is_empty(&fixture->channel->inbound.cache));
}

static int help_pause(struct channel_fixture *fixture)
{
	return vmb_channel_pause(fixture->channel);
}

static void pause_meanwhile(struct channel_fixture *fixture)
{
	reinit_completion(&fixture->suspended);
	channel_help(fixture, help_pause);
	KUNIT_EXPECT_NE(fixture->test,
			wait_for_completion_timeout(&fixture->suspended,
						    CHANNEL_FIXTURE_PATIENCE), 0);
}

/* What was asked for too early, once, can be had. */
static void expect_had_later(struct channel_fixture *fixture)
{
	struct routine_case *mine = case_of(fixture);
	struct kunit *test = fixture->test;
	u32 i;

	KUNIT_EXPECT_EQ(test, mine->count, 1);
	KUNIT_EXPECT_EQ(test, mine->answer, -EINPROGRESS);
	expect_kept(fixture);
	get_all(fixture, last_packet(fixture));
	expect_memory(fixture, mine->shared.memory, BYTES);
	for (i = 0; i < fixture->packet_count; i++)
		KUNIT_EXPECT_EQ(test, channel_complete(fixture, i, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.received, fixture->packet_count);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completed_twice, 0);
}

static void make_own(struct channel_fixture *fixture)
{
	struct routine_case *mine = case_of(fixture);

	mine->sent = vmb_packet_allocate(fixture->channel);
	KUNIT_ASSERT_NOT_NULL(fixture->test, mine->sent);
	vmb_packet_set_completion_routine(mine->sent, fixture, ask_in_routine);
}

/* The client keeps what it gets, and its routine asks @during that is shared. */
static void routine_asks(struct kunit *test, void (*during)(struct channel_fixture *fixture))
{
	struct channel_fixture *fixture = test->priv;
	struct routine_case *mine = case_of(fixture);

	mine->during = during;
	fixture->process = NULL;
	make_own(fixture);
	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, share(fixture), 0);
	expect_had_later(fixture);
	vmb_packet_free(mine->sent);
}

static void asked_in_a_routine_of_the_drain(struct kunit *test)
{
	routine_asks(test, complete_after_naming);
}

static void asked_in_a_routine_that_is_told_of_an_error(struct kunit *test)
{
	routine_asks(test, complete_badly_after_naming);
}

static void asked_in_a_routine_while_starved(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	vmb_channel_init_set_inbound_packet_count(fixture->channel, 4);
	routine_asks(test, complete_after_the_last);
}

/* The packet is what the pause waits for. */
static void asked_in_a_routine_in_a_pause(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	case_of(fixture)->between = pause_meanwhile;
	routine_asks(test, complete_after_naming);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
}

static void name_it(struct channel_fixture *fixture)
{
	peer_send_direct(fixture, shared_of(fixture)->memory, 0, BYTES);
	channel_settle_packets(fixture);
}

/* A routine inside of the packet's callback knows nothing of that callback. */
static void send_in_the_callback(struct channel_fixture *fixture, struct channel_packet *packet)
{
	send_own(fixture, 0);
	expect_kept(fixture);
}

static void asked_in_a_routine_in_the_callback(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	case_of(fixture)->during = name_it;
	fixture->process = send_in_the_callback;
	make_own(fixture);
	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, share(fixture), 0);
	expect_had_later(fixture);
	vmb_packet_free(case_of(fixture)->sent);
}

static void ask_in_softirq(struct tasklet_struct *tasklet)
{
	struct routine_case *mine = container_of(tasklet, struct routine_case, tasklet);
	struct channel_fixture *fixture = mine->fixture;

	KUNIT_EXPECT_EQ(fixture->test, ask(fixture, last_packet(fixture)),
			-EINPROGRESS);
}

/* On top of the worker that is in the packet's callback. */
static void ask_on_top_of_the_callback(struct channel_fixture *fixture,
				       struct channel_packet *packet)
{
	struct routine_case *mine = case_of(fixture);

	local_bh_disable();
	tasklet_schedule(&mine->tasklet);
	local_bh_enable();
	tasklet_unlock_wait(&mine->tasklet);
	expect_kept(fixture);
}

static void name_it_to_the_worker(struct channel_fixture *fixture)
{
	const u8 *memory = shared_of(fixture)->memory;
	struct range_list list;

	range_list_begin(&list, 1, 0);
	range_list_range(&list, BYTES, 0);
	range_list_pfn(&list, peer_pfn(memory));
	range_list_pfn(&list, peer_pfn(memory + 4096));
	peer_send(fixture, &(struct peer_packet) {
		.type = 9, .flags = 1,
		.ranges = list.words, .ranges_length = list.count * 8,
	});
	channel_settle_packets(fixture);
}

static void asked_on_top_of_the_callback(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct routine_case *mine = case_of(fixture);

	tasklet_setup(&mine->tasklet, ask_in_softirq);
	mine->during = name_it_to_the_worker;
	fixture->process = ask_on_top_of_the_callback;
	vmb_channel_set_incoming_processing_at_passive(fixture->channel, true);
	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, share(fixture), 0);
	expect_had_later(fixture);
}

/* The client holds a packet, and is quiesced so that the VM can hibernate. */
static struct vmb_packet_completion *hold_and_quiesce(struct channel_fixture *fixture)
{
	struct vmb_packet_completion *packet;

	share_memory(fixture, 0);
	packet = peer_send_direct(fixture, shared_of(fixture)->memory, 0, BYTES);
	vmb_life_pm_quiesce(fixture->channel, VMB_CHANNEL_STOP_HIBERNATING);
	channel_settle(fixture);
	KUNIT_ASSERT_TRUE(fixture->test, fixture->channel->memory.quiesced);
	KUNIT_EXPECT_EQ(fixture->test, ask(fixture, packet), -EINPROGRESS);
	KUNIT_EXPECT_EQ(fixture->test, packet->vector_count, 0);
	return packet;
}

static void wake(struct channel_fixture *fixture)
{
	vmb_transport_device_pm_resume(&fixture->transport.device);
	channel_settle(fixture);
	vmb_watchdog_stop(fixture->channel);
	memory_transport_run(&fixture->transport, fixture->channel);
}

/* Nobody looks again whether it holds memory, so it gets none before the VM goes on. */
static void asked_when_quiesced(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet_completion *packet = hold_and_quiesce(fixture);

	wake(fixture);
	KUNIT_EXPECT_EQ(test, ask(fixture, packet), 0);
	expect_memory(fixture, shared_of(fixture)->memory, BYTES);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
}

static void delete_in_closed(struct channel_fixture *fixture, enum channel_event event)
{
	if (event != CLOSED)
		return;
	KUNIT_EXPECT_EQ(fixture->test,
			vmb_channel_delete_gpadl(fixture->channel,
						 shared_of(fixture)->handle), 0);
	shared_of(fixture)->handle = 0;
}

/* Its peer goes before the VM goes on: the close waits for the packet, which has to end. */
static void asked_in_a_close_after_that(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet_completion *packet = hold_and_quiesce(fixture);
	unsigned long end = jiffies + CHANNEL_FIXTURE_PATIENCE;

	fixture->on_state = delete_in_closed;
	vmb_channel_peer_gone(fixture->channel);
	vmb_transport_device_pm_resume(&fixture->transport.device);
	while (READ_ONCE(fixture->channel->memory.quiesced) && time_before(jiffies, end))
		usleep_range(100, 200);
	KUNIT_EXPECT_EQ(test, vmb_life_state(fixture->channel), VMB_LIFE_CLOSING);
	KUNIT_EXPECT_EQ(test, ask(fixture, packet), 0);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	channel_settle(fixture);
	fixture->on_state = NULL;
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
}

/* And then what the packet names may be anybody's. */
static void asked_when_quiesced_and_after(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet_completion *packet = hold_and_quiesce(fixture);

	fixture->on_state = delete_in_closed;
	vmb_life_pm_close(fixture->channel);
	channel_settle(fixture);
	fixture->on_state = NULL;
	KUNIT_EXPECT_EQ(test, ask(fixture, packet), -EACCES);
	wake(fixture);
	KUNIT_EXPECT_EQ(test, ask(fixture, packet), -EACCES);
	KUNIT_EXPECT_EQ(test, vmb_channel_packet_complete(packet, NULL, 0), 0);
	KUNIT_ASSERT_EQ(test, share(fixture), 0);
	KUNIT_EXPECT_EQ(test, ask(fixture, peer_send_direct(fixture, shared_of(fixture)->memory,
							    0, BYTES)), 0);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
}

static DECLARE_COMPLETION(in_suspend);
static DECLARE_COMPLETION(leave_suspend);

static void stay_in_suspend(struct channel_fixture *fixture, enum channel_event event)
{
	if (event != SUSPEND)
		return;
	complete_all(&in_suspend);
	wait_for_completion_timeout(&leave_suspend, CHANNEL_FIXTURE_PATIENCE);
}

/* The VM has given up to hibernate when the driver comes to say that it may. */
static void asked_after_a_hibernation_that_timed_out(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet_completion *packet;

	share_memory(fixture, 0);
	reinit_completion(&in_suspend);
	reinit_completion(&leave_suspend);
	fixture->on_state = stay_in_suspend;
	vmb_life_pm_quiesce(fixture->channel, VMB_CHANNEL_STOP_HIBERNATING);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&in_suspend,
							  CHANNEL_FIXTURE_PATIENCE), 0);
	vmb_transport_device_pm_resume(&fixture->transport.device);
	complete_all(&leave_suspend);
	channel_settle(fixture);
	vmb_watchdog_stop(fixture->channel);
	memory_transport_run(&fixture->transport, fixture->channel);
	fixture->on_state = NULL;
	packet = peer_send_direct(fixture, shared_of(fixture)->memory, 0, BYTES);
	KUNIT_EXPECT_EQ(test, ask(fixture, packet), 0);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
}

/* It hibernates again before the worker has undone what the first one needed. */
static void asked_when_quiesced_twice(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet_completion *packet = hold_and_quiesce(fixture);

	disable_work_sync(&fixture->channel->life.work);
	vmb_transport_device_pm_resume(&fixture->transport.device);
	vmb_life_pm_quiesce(fixture->channel, VMB_CHANNEL_STOP_HIBERNATING);
	KUNIT_EXPECT_EQ(test, ask(fixture, packet), -EINPROGRESS);
	enable_work(&fixture->channel->life.work);
	wake(fixture);
	KUNIT_EXPECT_EQ(test, ask(fixture, packet), 0);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
}

static struct kunit_case routine_cases[] = {
	KUNIT_CASE(asked_in_a_routine_of_the_drain),
	KUNIT_CASE(asked_in_a_routine_that_is_told_of_an_error),
	KUNIT_CASE(asked_in_a_routine_while_starved),
	KUNIT_CASE(asked_in_a_routine_in_a_pause),
	KUNIT_CASE(asked_in_a_routine_in_the_callback),
	KUNIT_CASE(asked_on_top_of_the_callback),
	KUNIT_CASE_SLOW(asked_when_quiesced),
	KUNIT_CASE_SLOW(asked_in_a_close_after_that),
	KUNIT_CASE_SLOW(asked_when_quiesced_and_after),
	KUNIT_CASE(asked_after_a_hibernation_that_timed_out),
	KUNIT_CASE_SLOW(asked_when_quiesced_twice),
	{}
};

static struct kunit_suite routine_suite = {
	.name = "vmbkmcl_external_routine",
	.init = routine_init,
	.exit = external_fixture_exit,
	.test_cases = routine_cases,
};

kunit_test_suite(routine_suite);
