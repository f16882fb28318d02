// SPDX-License-Identifier: GPL-2.0
/*
 * How much, when and where packets are delivered: the quota and what ends its
 * block, packets that are deferred, callbacks that sleep, a share of softirq
 * time, a CPU of the client's choice.
 */
#include <kunit/test.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/ktime.h>

#include "../fixtures/channel_fixture.h"

/**
 * struct control - what the client saw of where it was called
 * @defer: how often it defers packet 1.
 * @in_process: calls in process context, where it may sleep.
 * @in_softirq: calls in softirq.
 * @cpu: of the last call.
 * @disabled: what disable has returned to the callback that called it.
 * @go_on: what the callback waits for.
 * @waiting: it does.
 * @interrupt: a real softirq to deliver in.
 * @before: work that the channel's own has to wait for.
 * @read_index: what the peer knew of its ring inside packet 3.
 * @signals: and how many signals it had.
 */
struct control {
	u32 defer;
	u32 in_process;
	u32 in_softirq;
	u32 cpu;
	int disabled;
	struct completion go_on;
	struct completion waiting;
	struct tasklet_struct interrupt;
	struct work_struct before;
	u32 read_index;
	u32 signals;
};

static struct control *control_of(struct channel_fixture *fixture)
{
	return fixture->private;
}

static void control_note(struct channel_fixture *fixture)
{
	struct control *control = control_of(fixture);

	if (in_serving_softirq())
		control->in_softirq++;
	else if (!softirq_count())
		control->in_process++;
	control->cpu = raw_smp_processor_id();
}

static int control_init(struct kunit *test)
{
	int ret = channel_fixture_init(test);
	struct channel_fixture *fixture = test->priv;
	struct control *control;

	if (ret)
		return ret;
	control = kunit_kzalloc(test, sizeof(*control), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, control);
	init_completion(&control->go_on);
	init_completion(&control->waiting);
	fixture->private = control;
	channel_configure(fixture, 1024, 17, 17);
	return 0;
}

static void control_send(struct channel_fixture *fixture, u32 first, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		peer_put(fixture, &(struct peer_packet) {
			.type = VMB_WIRE_TYPE_DATA_INBAND,
			.flags = VMB_WIRE_FLAG_COMPLETION_REQUESTED,
			.transaction_id = first + i,
			.payload = 8,
		});
	peer_publish(fixture);
	peer_signal(fixture);
	channel_settle_packets(fixture);
}

static void control_complete(struct channel_fixture *fixture, u32 which)
{
	KUNIT_EXPECT_EQ(fixture->test, channel_complete(fixture, which, NULL, 0), 0);
	channel_settle_packets(fixture);
}

static void quota_is_unblocked_by_a_completion(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 end;

	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, vmb_channel_set_transaction_quota(fixture->channel, 0), -EINVAL);
	KUNIT_ASSERT_EQ(test, vmb_channel_set_transaction_quota(fixture->channel, 2), 0);
	control_send(fixture, 1, 4);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 2);
	/* There is a pause, so the client hears of the batch's end. */
	end = channel_log_find(fixture, PROCESSING_COMPLETE);
	KUNIT_ASSERT_NE(test, end, U32_MAX);
	KUNIT_EXPECT_EQ(test, fixture->log[end].detail, 2);

	/* Neither a higher quota nor a new packet ends the block. */
	KUNIT_ASSERT_EQ(test, vmb_channel_set_transaction_quota(fixture->channel, 4), 0);
	channel_settle_packets(fixture);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 2);
	control_send(fixture, 5, 1);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 2);

	/* One completion: three more, to the new quota. */
	control_complete(fixture, 0);
	channel_expect_order(fixture, (const u64[]) { 1, 2, 3, 4, 5 }, 5);
}

/* The rings are somebody else's: there is nothing to be looked for in them. */
static void quota_is_unblocked_after_the_close(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, vmb_channel_set_transaction_quota(fixture->channel, 1), 0);
	control_send(fixture, 1, 2);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
	KUNIT_ASSERT_EQ(test, vmb_transport_device_pm_close(&fixture->transport.device), 0);
	KUNIT_EXPECT_EQ(test, fixture->transport.closes, 1);
	channel_complete(fixture, 0, NULL, 0);
	KUNIT_EXPECT_FALSE(test, fixture->transport.touched_after_close);
}

static void quota_below_what_is_held(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	control_send(fixture, 1, 4);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 4);
	KUNIT_ASSERT_EQ(test, vmb_channel_set_transaction_quota(fixture->channel, 2), 0);
	control_send(fixture, 5, 2);
	control_complete(fixture, 0);
	control_complete(fixture, 1);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 4);
	/* One is held now, fewer than two. */
	control_complete(fixture, 2);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 5);
	control_complete(fixture, 3);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 6);
}

static void quota_of_one_and_answers_at_once(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->process = channel_complete_inline;
	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, vmb_channel_set_transaction_quota(fixture->channel, 1), 0);
	control_send(fixture, 1, 100);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 100);
}

/* A client that blocks its own packets is not counted as standing still. */
static void blocked_is_no_stall(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, vmb_channel_set_transaction_quota(fixture->channel, 1), 0);
	control_send(fixture, 1, 2);
	for (i = 0; i < 4; i++)
		vmb_watchdog_poll(fixture->channel);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.stalls, 0);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
}

static void hold_the_queue(struct work_struct *work)
{
	struct control *control = container_of(work, struct control, before);

	wait_for_completion_timeout(&control->go_on, CHANNEL_FIXTURE_PATIENCE);
}

/* The peer has signalled, and the worker that delivers is late. */
static void late_worker_is_no_stall(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct control *control = control_of(fixture);
	u32 i;

	vmb_channel_set_incoming_processing_at_passive(fixture->channel, true);
	channel_enable(fixture);
	channel_settle_packets(fixture);
	INIT_WORK(&control->before, hold_the_queue);
	queue_work(fixture->channel->inbound.queue, &control->before);
	peer_send_inband(fixture, 1, 8);
	for (i = 0; i < 5; i++)
		vmb_watchdog_poll(fixture->channel);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.stalls, 0);
	complete(&control->go_on);
	flush_work(&control->before);
	channel_settle_packets(fixture);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
}

static void defer(struct channel_fixture *fixture, struct channel_packet *packet)
{
	struct control *control = control_of(fixture);

	control_note(fixture);
	if (packet->transaction_id == 1 && control->defer) {
		control->defer--;
		packet->done = true;
		vmb_channel_packet_defer_to_passive(packet->packet);
		return;
	}
	channel_complete_inline(fixture, packet);
}

static void deferred_packet_holds_back_the_others(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct control *control = control_of(fixture);

	control->defer = 1;
	fixture->process = defer;
	channel_enable(fixture);
	control_send(fixture, 1, 3);
	channel_expect_order(fixture, (const u64[]) { 1, 1, 2, 3 }, 4);
	/* The first call was not in a context that sleeps, the second was. */
	KUNIT_EXPECT_GE(test, control->in_process, 1);
	KUNIT_EXPECT_LE(test, control->in_process, 3);
	peer_expect_completion(fixture, 1, 0);
	peer_expect_completion(fixture, 2, 0);
	peer_expect_completion(fixture, 3, 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.received, 3);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completed, 3);
}

static void deferred_again_and_again(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	control_of(fixture)->defer = 3;
	fixture->process = defer;
	channel_enable(fixture);
	control_send(fixture, 1, 2);
	channel_expect_order(fixture, (const u64[]) { 1, 1, 1, 1, 2 }, 5);
}

/* What the client left in its scratch area is there the second time. */
static void leave_a_mark(struct channel_fixture *fixture, struct channel_packet *packet)
{
	u64 *context = vmb_channel_packet_get_client_context(packet->packet);

	KUNIT_EXPECT_EQ(fixture->test, *context, control_of(fixture)->defer ? 0 : 77);
	*context = 77;
	defer(fixture, packet);
}

static void deferred_packet_keeps_its_context(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_client_context_size(fixture->channel, 8), 0);
	control_of(fixture)->defer = 1;
	fixture->process = leave_a_mark;
	channel_enable(fixture);
	control_send(fixture, 1, 1);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 2);
}

/* The worker has it and has not begun when somebody else stops the channel. */
static void defer_and_hold_the_worker(struct channel_fixture *fixture)
{
	control_of(fixture)->defer = 1;
	fixture->process = defer;
	channel_enable(fixture);
	disable_work_sync(&fixture->channel->inbound.work);
	control_send(fixture, 1, 2);
	KUNIT_ASSERT_EQ(fixture->test, fixture->packet_count, 1);
}

static void deferred_packet_comes_after_a_pause(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	defer_and_hold_the_worker(fixture);
	/* The client does not hold it, so nobody waits. */
	KUNIT_EXPECT_EQ(test, vmb_channel_pause(fixture->channel), 0);
	enable_work(&fixture->channel->inbound.work);
	channel_settle_packets(fixture);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
	KUNIT_EXPECT_EQ(test, vmb_channel_start(fixture->channel), 0);
	channel_settle(fixture);
	vmb_watchdog_stop(fixture->channel);
	channel_settle_packets(fixture);
	channel_expect_order(fixture, (const u64[]) { 1, 1, 2 }, 3);
}

static void deferred_packet_goes_with_the_channel(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	defer_and_hold_the_worker(fixture);
	channel_disable(fixture);
	enable_work(&fixture->channel->inbound.work);
	channel_settle_packets(fixture);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.discarded, 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.received, 0);
	/* And the next life has nothing of it. */
	fixture->process = channel_complete_inline;
	channel_enable(fixture);
	control_send(fixture, 9, 1);
	channel_expect_order(fixture, (const u64[]) { 9 }, 1);
}

/* It sleeps inside packet 2, while the test completes packet 1. */
static void sleep_inside(struct channel_fixture *fixture, struct channel_packet *packet)
{
	struct control *control = control_of(fixture);

	control_note(fixture);
	if (packet->transaction_id != 2)
		return;
	complete(&control->waiting);
	wait_for_completion_timeout(&control->go_on, CHANNEL_FIXTURE_PATIENCE);
}

static void passive_callback_may_sleep(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct control *control = control_of(fixture);

	fixture->process = sleep_inside;
	vmb_channel_set_incoming_processing_at_passive(fixture->channel, true);
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	flush_work(&fixture->channel->inbound.work);
	peer_send_inband(fixture, 2, 8);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&control->waiting,
							  CHANNEL_FIXTURE_PATIENCE), 0);
	/* Nobody waits for the callback that sleeps: it goes out at once. */
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	peer_expect_completion(fixture, 1, 0);
	complete(&control->go_on);
	channel_settle_packets(fixture);
	KUNIT_EXPECT_EQ(test, control->in_process, 2);

	vmb_channel_set_incoming_processing_at_passive(fixture->channel, false);
	peer_send_inband(fixture, 3, 8);
	channel_settle_packets(fixture);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 3);
	KUNIT_EXPECT_EQ(test, control->in_process, 2);
}

/* The client defers packet 1 as often as it is to, and completes what it gets. */
static void note_the_room(struct channel_fixture *fixture, struct channel_packet *packet)
{
	struct control *control = control_of(fixture);

	if (packet->transaction_id == 3) {
		control->read_index = peer_inbound_read_index(fixture);
		control->signals = fixture->transport.signals;
	}
	defer(fixture, packet);
}

/*
 * Packets of 32 bytes fill the ring but for 32, and the next finds no room: nobody waits
 * for a callback that sleeps with what was read by then, its own packet among it, or
 * does so unsaid.
 */
static void expect_room_is_given_back(struct channel_fixture *fixture)
{
	struct control *control = control_of(fixture);
	struct kunit *test = fixture->test;
	u32 i;

	channel_configure(fixture, 64, CHANNEL_FIXTURE_SMALL, 17);
	fixture->process = note_the_room;
	channel_enable(fixture);
	for (i = 1; i < 4096 / 32; i++)
		peer_put(fixture, &(struct peer_packet) {
			.type = VMB_WIRE_TYPE_DATA_INBAND,
			.transaction_id = i,
			.payload = 8,
		});
	peer_set(&fixture->inbound, RING_IMAGE_PENDING_SEND_SIZE, 32);
	peer_publish(fixture);
	peer_signal(fixture);
	channel_settle_packets(fixture);
	KUNIT_EXPECT_EQ(test, control->read_index, 3 * 32);
	KUNIT_EXPECT_EQ(test, control->signals, 1);
	KUNIT_EXPECT_EQ(test, peer_inbound_read_index(fixture), 127 * 32);
	KUNIT_EXPECT_EQ(test, fixture->transport.signals, 1);
}

static void callback_that_sleeps_holds_no_room_back(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	vmb_channel_set_incoming_processing_at_passive(fixture->channel, true);
	expect_room_is_given_back(fixture);
}

static void nor_does_one_behind_a_deferred_packet(struct kunit *test)
{
	control_of(test->priv)->defer = 1;
	expect_room_is_given_back(test->priv);
}

static void disable_inside(struct channel_fixture *fixture, struct channel_packet *packet)
{
	control_of(fixture)->disabled = vmb_channel_disable(fixture->channel);
}

static void disable_in_a_callback_that_sleeps(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->process = disable_inside;
	vmb_channel_set_incoming_processing_at_passive(fixture->channel, true);
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	channel_settle_packets(fixture);
	KUNIT_EXPECT_EQ(test, control_of(fixture)->disabled, -EDEADLK);
}

static void note_and_complete(struct channel_fixture *fixture, struct channel_packet *packet)
{
	control_note(fixture);
	channel_complete_inline(fixture, packet);
}

static void cpu_of_choice(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct control *control = control_of(fixture);
	u32 cpu;

	KUNIT_EXPECT_EQ(test,
			vmb_client_channel_init_set_target_processor_index(fixture->channel,
									   nr_cpu_ids), -EINVAL);
	fixture->process = note_and_complete;
	for_each_online_cpu(cpu) {
		KUNIT_ASSERT_EQ(test, vmb_client_channel_init_set_target_processor_index
				(fixture->channel, cpu), 0);
		channel_enable(fixture);
		KUNIT_EXPECT_EQ(test, vmb_client_channel_init_set_target_processor_index
				(fixture->channel, cpu), -EBUSY);
		control->cpu = U32_MAX;
		control_send(fixture, 1, 3);
		KUNIT_EXPECT_EQ(test, fixture->packet_count, 3);
		KUNIT_EXPECT_EQ(test, control->cpu, cpu);
		channel_disable(fixture);
	}
	KUNIT_EXPECT_GE(test, num_online_cpus(), 2);
}

static void take_long(struct channel_fixture *fixture, struct channel_packet *packet)
{
	u64 end = ktime_get_ns() + 300 * NSEC_PER_USEC;

	control_note(fixture);
	while (ktime_get_ns() < end)
		cpu_relax();
	channel_complete_inline(fixture, packet);
}

static void control_interrupt(struct tasklet_struct *tasklet)
{
	struct control *control = container_of(tasklet, struct control, interrupt);

	vmb_channel_interrupt((struct vmb_channel *)control->interrupt.data);
}

/* 18 ms of work, of which a tenth of each 10 ms may be in softirq. */
static void share_of_softirq_time(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct control *control = control_of(fixture);
	u32 i;

	KUNIT_EXPECT_EQ(test, vmb_channel_set_allowable_dpc_cpu_usage(fixture->channel, 0),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_channel_set_allowable_dpc_cpu_usage(fixture->channel, 101),
			-EINVAL);
	KUNIT_ASSERT_EQ(test, vmb_channel_set_allowable_dpc_cpu_usage(fixture->channel, 10), 0);
	tasklet_setup(&control->interrupt, control_interrupt);
	control->interrupt.data = (unsigned long)fixture->channel;
	fixture->process = take_long;
	channel_enable(fixture);
	for (i = 1; i <= 60; i++)
		peer_put(fixture, &(struct peer_packet) {
			.type = VMB_WIRE_TYPE_DATA_INBAND, .transaction_id = i, .payload = 8,
		});
	peer_publish(fixture);
	tasklet_schedule(&control->interrupt);
	while (test_bit(TASKLET_STATE_SCHED, &control->interrupt.state))
		usleep_range(100, 200);
	tasklet_unlock_wait(&control->interrupt);
	channel_settle_packets(fixture);
	KUNIT_ASSERT_EQ(test, fixture->packet_count, 60);
	for (i = 0; i < 60; i++)
		KUNIT_EXPECT_EQ(test, fixture->packets[i].transaction_id, i + 1);
	KUNIT_EXPECT_GT(test, control->in_softirq, 0);
	KUNIT_EXPECT_LT(test, control->in_softirq, 60);
}

static struct kunit_case inbound_control_cases[] = {
	KUNIT_CASE(quota_is_unblocked_by_a_completion),
	KUNIT_CASE_SLOW(quota_is_unblocked_after_the_close),
	KUNIT_CASE(quota_below_what_is_held),
	KUNIT_CASE(quota_of_one_and_answers_at_once),
	KUNIT_CASE(blocked_is_no_stall),
	KUNIT_CASE(late_worker_is_no_stall),
	KUNIT_CASE(deferred_packet_holds_back_the_others),
	KUNIT_CASE(deferred_again_and_again),
	KUNIT_CASE(deferred_packet_keeps_its_context),
	KUNIT_CASE(deferred_packet_comes_after_a_pause),
	KUNIT_CASE(deferred_packet_goes_with_the_channel),
	KUNIT_CASE(passive_callback_may_sleep),
	KUNIT_CASE(callback_that_sleeps_holds_no_room_back),
	KUNIT_CASE(nor_does_one_behind_a_deferred_packet),
	KUNIT_CASE(disable_in_a_callback_that_sleeps),
	KUNIT_CASE(cpu_of_choice),
	KUNIT_CASE(share_of_softirq_time),
	{}
};

static struct kunit_suite inbound_control_suite = {
	.name = "vmbkmcl_inbound_control",
	.init = control_init,
	.exit = channel_fixture_exit,
	.test_cases = inbound_control_cases,
};

kunit_test_suite(inbound_control_suite);
