// SPDX-License-Identifier: GPL-2.0
/*
 * Who calls completion routines: whoever comes by, and a caller that stands still
 * inside one keeps no other packet from its end.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/interrupt.h>

#include "../fixtures/send_fixture.h"

#define LARGE		3000u

/**
 * struct slow - a routine that stands still, as one that was preempted does
 * @inside: it is in there.
 * @go_on: it may leave.
 * @tasklet: sends on top of it.
 * @fixture: the rest.
 * @sent: what the thread sends that will stand still.
 * @ended_on_top: packets that had ended when the softirq was over.
 */
struct slow {
	struct completion inside;
	struct completion go_on;
	struct tasklet_struct tasklet;
	struct channel_fixture *fixture;
	u32 sent;
	u32 ended_on_top;
};

static int routine_init(struct kunit *test)
{
	int ret = send_fixture_init(test);
	struct channel_fixture *fixture = test->priv;
	struct slow *slow;

	if (ret)
		return ret;
	slow = kunit_kzalloc(test, sizeof(*slow), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, slow);
	init_completion(&slow->inside);
	init_completion(&slow->go_on);
	slow->fixture = fixture;
	sender_of(fixture)->private = slow;
	channel_configure(fixture, 3064, 17, CHANNEL_FIXTURE_SMALL);
	return 0;
}

static void routine_exit(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct slow *slow;

	if (fixture && fixture->private) {
		slow = sender_of(fixture)->private;
		complete_all(&slow->go_on);
	}
	send_fixture_exit(test);
}

static void stand_still(struct sender *sender, struct vmb_packet *packet,
			const struct send_end *end)
{
	struct slow *slow = sender->private;

	if (end->number)
		return;
	complete(&slow->inside);
	wait_for_completion(&slow->go_on);
}

static int send_on_worker(struct channel_fixture *fixture)
{
	struct slow *slow = sender_of(fixture)->private;

	return send_try(fixture, slow->sent, 8, 0);
}

/* Another thread sends a packet, and stands still in the routine of packet 0. */
static void let_one_stand_still(struct channel_fixture *fixture, u32 sent)
{
	struct slow *slow = sender_of(fixture)->private;

	slow->sent = sent;
	send_make(fixture, sent);
	sender_of(fixture)->on_end = stand_still;
	channel_help(fixture, send_on_worker);
	KUNIT_ASSERT_NE(fixture->test,
			wait_for_completion_timeout(&slow->inside, CHANNEL_FIXTURE_PATIENCE), 0);
}

static void let_it_go_on(struct channel_fixture *fixture)
{
	struct slow *slow = sender_of(fixture)->private;

	complete_all(&slow->go_on);
	KUNIT_EXPECT_EQ(fixture->test, channel_wait_for_help(fixture), 0);
}

/* Another thread's packets end in that thread. */
static void others_are_not_stopped(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	let_one_stand_still(fixture, 0);
	send_one(fixture, 1, 8, 0);
	/* The one that stands still was written down before it did. */
	send_expect_ends(fixture, 2);
	send_one(fixture, 2, 8, 0);
	send_expect_ends(fixture, 3);
	let_it_go_on(fixture);
	send_expect_balance(fixture, 3, 0);
}

/* Nor are those that it has written from the queue, and the drain comes by. */
static void what_it_had_yet_to_call_is_called(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	send_one(fixture, 1, LARGE, 0);
	send_one(fixture, 0, LARGE, 0);
	send_one(fixture, 2, 8, 0);
	peer_expect_sent(fixture, 1, LARGE, 0);
	peer_release(fixture);
	let_one_stand_still(fixture, 3);
	/* It has written what was waiting, and is in the first one's routine. */
	peer_expect_sent(fixture, 0, LARGE, 0);
	peer_expect_sent(fixture, 2, 8, 0);
	peer_expect_sent(fixture, 3, 8, 0);
	send_expect_ends(fixture, 2);
	send_one(fixture, 4, 8, 0);
	send_expect_ends(fixture, 5);
	send_expect_end(fixture, 2, 2, 0);
	send_expect_end(fixture, 3, 3, 0);
	let_it_go_on(fixture);
	send_expect_balance(fixture, 5, 0);
}

/* A close ends and calls the rest, and waits for that one routine only. */
static void disable_waits_for_that_one(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct work_struct *life = &fixture->channel->life.work;

	channel_enable(fixture);
	let_one_stand_still(fixture, 0);
	send_one(fixture, 1, 8, WAIT);
	fixture->transport.gone = true;
	vmb_channel_peer_gone(fixture->channel);
	KUNIT_EXPECT_NE(test, wait_event_timeout(sender_of(fixture)->ended,
						 READ_ONCE(sender_of(fixture)->end_count) == 2,
						 CHANNEL_FIXTURE_PATIENCE), 0);
	KUNIT_EXPECT_TRUE(test, work_busy(life));
	KUNIT_EXPECT_EQ(test, channel_log_find(fixture, CLOSED), U32_MAX);
	let_it_go_on(fixture);
	flush_work(life);
	KUNIT_EXPECT_NE(test, channel_log_find(fixture, CLOSED), U32_MAX);
}

static void send_on_top(struct tasklet_struct *tasklet)
{
	struct slow *slow = container_of(tasklet, struct slow, tasklet);

	send_try(slow->fixture, 1, 8, 0);
	slow->ended_on_top = sender_of(slow->fixture)->end_count;
}

static void interrupt_the_routine(struct sender *sender, struct vmb_packet *packet,
				  const struct send_end *end)
{
	struct slow *slow = sender->private;

	if (end->number)
		return;
	/* Runs where bottom halves are allowed again: here. */
	local_bh_disable();
	tasklet_schedule(&slow->tasklet);
	local_bh_enable();
	tasklet_unlock_wait(&slow->tasklet);
}

/* A softirq on top of a routine has its task, and yet does not wait for it. */
static void softirq_on_top_of_a_routine(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct slow *slow = sender_of(fixture)->private;

	tasklet_setup(&slow->tasklet, send_on_top);
	channel_enable(fixture);
	send_make(fixture, 0);
	send_make(fixture, 1);
	sender_of(fixture)->on_end = interrupt_the_routine;
	send_one(fixture, 0, 8, 0);
	tasklet_kill(&slow->tasklet);
	KUNIT_EXPECT_EQ(test, slow->ended_on_top, 2);
	send_expect_balance(fixture, 2, 0);
}

/**
 * struct woken - whether this thread has woken who waits for the drain's end
 * @entry: among those who wait.
 * @by: this thread.
 * @times: how often.
 */
struct woken {
	struct wait_queue_entry entry;
	struct task_struct *by;
	u32 times;
};

static int note_wake(struct wait_queue_entry *entry, unsigned int mode, int flags, void *key)
{
	struct woken *woken = container_of(entry, struct woken, entry);

	if (current == woken->by)
		woken->times++;
	return 0;
}

static void complete_inbound(struct sender *sender, struct vmb_packet *packet,
			     const struct send_end *end)
{
	if (sender->fixture->packet_count)
		channel_complete(sender->fixture, 0, NULL, 0);
}

/* The channel is disabled while the peer has packet 0, and then answers it. */
static void expect_answer_wakes(struct channel_fixture *fixture)
{
	struct vmb_outbound *outbound = &fixture->channel->outbound;
	struct woken woken = { .by = current };
	struct kunit *test = fixture->test;
	struct sent_packet sent = {};
	struct bio_vec vector;

	bvec_set_page(&vector, send_pages(fixture, 0), PAGE_SIZE, 0);
	KUNIT_ASSERT_EQ(test, send_external(fixture, 0, &vector, 1, WAIT), 0);
	KUNIT_ASSERT_TRUE(test, peer_take(fixture, &sent));
	channel_help(fixture, channel_help_disable);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&fixture->suspended,
							  CHANNEL_FIXTURE_PATIENCE), 0);
	while (vmb_inbound_mode(&fixture->channel->inbound) != VMB_DRAIN_DISCARDING)
		usleep_range(100, 200);
	init_waitqueue_func_entry(&woken.entry, note_wake);
	add_wait_queue(&outbound->drained, &woken.entry);
	peer_answer(fixture, sent.transaction_id, 0);
	remove_wait_queue(&outbound->drained, &woken.entry);
	KUNIT_EXPECT_GT(test, woken.times, 0);
	channel_complete(fixture, 0, NULL, 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	send_expect_end(fixture, 0, 0, 0);
}

/* A close waits for the client, which completes its last packet in a routine. */
static void last_completion_in_a_routine_wakes(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	send_allow_external(fixture);
	sender_of(fixture)->on_end = complete_inbound;
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	expect_answer_wakes(fixture);
}

/* A sub-channel's waits for that, whatever the client holds. */
static void last_answer_wakes(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	send_allow_external(fixture);
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	expect_answer_wakes(fixture);
}

static struct kunit_case send_routine_cases[] = {
	KUNIT_CASE(others_are_not_stopped),
	KUNIT_CASE(what_it_had_yet_to_call_is_called),
	KUNIT_CASE(disable_waits_for_that_one),
	KUNIT_CASE(softirq_on_top_of_a_routine),
	KUNIT_CASE(last_completion_in_a_routine_wakes),
	KUNIT_CASE(last_answer_wakes),
	{}
};

static struct kunit_suite send_routine_suite = {
	.name = "vmbkmcl_send_routine",
	.init = routine_init,
	.exit = routine_exit,
	.test_cases = send_routine_cases,
};

kunit_test_suite(send_routine_suite);
