// SPDX-License-Identifier: GPL-2.0
/*
 * From where and when a client may send, and in which order the peer gets it.
 */
#include <kunit/test.h>
#include <linux/cpumask.h>

#include "../fixtures/send_fixture.h"

/* Far fewer than there are for ever. */
#define SOME	200u

static int order_init(struct kunit *test)
{
	int ret = send_fixture_init(test);
	struct channel_fixture *fixture = test->priv;

	if (ret)
		return ret;
	channel_configure(fixture, 1024, 17, 17);
	return 0;
}

static void send_then_complete(struct channel_fixture *fixture,
			       struct channel_packet *packet)
{
	send_one(fixture, packet->transaction_id, 8, WAIT);
	channel_complete_inline(fixture, packet);
	send_one(fixture, packet->transaction_id + 100, 16, 0);
}

static void from_process_packet(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 signals;
	u32 i;

	channel_enable(fixture);
	signals = fixture->transport.signals;
	fixture->process = send_then_complete;
	for (i = 0; i < 3; i++)
		peer_put(fixture, &(struct peer_packet) {
			.type = 6, .flags = 1, .transaction_id = i });
	peer_publish(fixture);
	peer_signal(fixture);
	for (i = 0; i < 3; i++) {
		u64 id = peer_expect_sent(fixture, i, 8, WAIT);

		peer_expect_completion(fixture, i, 0);
		peer_expect_sent(fixture, 100 + i, 16, 0);
		send_expect_end(fixture, i, 100 + i, 0);
		KUNIT_EXPECT_NE(test, id, 0);
	}
	peer_expect_nothing(fixture);
	send_expect_ends(fixture, 3);
	/* One batch, one signal. */
	KUNIT_EXPECT_EQ(test, fixture->transport.signals, signals + 1);
}

static void answer_then_send(struct sender *sender, struct vmb_packet *packet,
			     const struct send_end *end)
{
	if (end->number < 3)
		send_one(sender->fixture, end->number + 1, 8, WAIT);
}

/* Of an answer, so inside the drain. */
static void from_the_routine(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	sender_of(fixture)->on_end = answer_then_send;
	channel_enable(fixture);
	send_one(fixture, 0, 8, WAIT);
	for (i = 0; i < 4; i++) {
		u64 id = peer_expect_sent(fixture, i, 8, WAIT);

		peer_expect_nothing(fixture);
		peer_answer(fixture, id, 8);
		send_expect_answered(fixture, i, i, 8);
	}
	peer_expect_nothing(fixture);
}

/**
 * struct depth - how far routines are inside each other
 * @now: as of now.
 * @most: ever.
 * @left: packets that are still to be sent.
 */
struct depth {
	u32 now;
	u32 most;
	u32 left;
};

static void send_next(struct sender *sender, struct vmb_packet *packet,
		      const struct send_end *end)
{
	struct depth *depth = sender->private;

	depth->most = max(depth->most, ++depth->now);
	if (depth->left) {
		depth->left--;
		KUNIT_EXPECT_EQ(sender->fixture->test,
				vmb_packet_send(packet, NULL, 0, NULL, 0, 0), 0);
	}
	depth->now--;
}

/*
 * Each sends the next one, for ever if the peer is quick: nobody calls more than
 * some of them, and who is left is called by who comes after.
 */
static void expect_routines_in_turns(struct channel_fixture *fixture, u32 count)
{
	struct sender *sender = sender_of(fixture);
	struct memory_transport *transport = &fixture->transport;
	struct kunit *test = fixture->test;
	u32 before;

	KUNIT_EXPECT_LT(test, sender->end_count, SOME);
	while (transport->scheduled) {
		before = sender->end_count;
		transport->scheduled = false;
		local_bh_disable();
		vmb_channel_interrupt(fixture->channel);
		local_bh_enable();
		/* Before it reads, and after. */
		KUNIT_EXPECT_LT(test, sender->end_count - before, 2 * SOME);
	}
	send_expect_ends(fixture, count);
}

/*
 * Each sends the next one, which ends at once: were its routine called inside
 * the first, the stack would not last for long.
 */
static void routines_are_not_nested(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct depth depth = { .left = 8 };
	u32 i;

	sender_of(fixture)->private = &depth;
	sender_of(fixture)->on_end = send_next;
	channel_enable(fixture);
	send_one(fixture, 0, 0, 0);
	send_expect_ends(fixture, 9);
	KUNIT_ASSERT_EQ(test, depth.most, 1);
	depth.left = 2000;
	send_one(fixture, 0, 0, 0);
	expect_routines_in_turns(fixture, 9 + 2001);
	KUNIT_EXPECT_EQ(test, depth.most, 1);
	for (i = 0; i < 9 + 2001; i++)
		peer_expect_sent(fixture, 0, 0, 0);
	peer_expect_nothing(fixture);
	send_expect_balance(fixture, 9 + 2001, 0);
}

/* Nor is one inside that of an answer, which the drain calls. */
static void routines_of_answers_are_not_nested(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct depth depth = { .left = 8 };

	sender_of(fixture)->private = &depth;
	sender_of(fixture)->on_end = send_next;
	channel_enable(fixture);
	send_one(fixture, 0, 0, WAIT);
	peer_answer(fixture, peer_expect_sent(fixture, 0, 0, WAIT), 0);
	KUNIT_EXPECT_EQ(test, depth.most, 1);
	send_expect_ends(fixture, 9);
	send_expect_balance(fixture, 9, 0);
}

/* The same where the drain may sleep. */
static void routines_of_answers_are_not_nested_on_the_worker(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct depth depth = { .left = 8 };

	sender_of(fixture)->private = &depth;
	sender_of(fixture)->on_end = send_next;
	vmb_channel_set_incoming_processing_at_passive(fixture->channel, true);
	channel_enable(fixture);
	send_one(fixture, 0, 0, WAIT);
	peer_answer(fixture, peer_expect_sent(fixture, 0, 0, WAIT), 0);
	channel_settle_packets(fixture);
	KUNIT_EXPECT_EQ(test, depth.most, 1);
	send_expect_ends(fixture, 9);
	send_expect_balance(fixture, 9, 0);
}

static int help_send_two(struct channel_fixture *fixture)
{
	send_one(fixture, 1, 24, 0);
	send_one(fixture, 2, 32, WAIT);
	return 0;
}

static void others_send_meanwhile(struct channel_fixture *fixture,
				  struct channel_packet *packet)
{
	send_one(fixture, 0, 16, 0);
	channel_help(fixture, help_send_two);
	while (!completion_done(&fixture->helped))
		cpu_relax();
	/* The ring is the drain's: the other's wait, and have not ended. */
	send_expect_ends(fixture, 1);
	channel_complete_inline(fixture, packet);
	send_one(fixture, 3, 40, 0);
}

/* First come, first served, whoever has the writer. */
static void from_another_thread_during_a_drain(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	channel_enable(fixture);
	fixture->process = others_send_meanwhile;
	peer_send_inband(fixture, 77, 8);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	peer_expect_sent(fixture, 0, 16, 0);
	peer_expect_sent(fixture, 1, 24, 0);
	peer_answer(fixture, peer_expect_sent(fixture, 2, 32, WAIT), 0);
	peer_expect_completion(fixture, 77, 0);
	peer_expect_sent(fixture, 3, 40, 0);
	peer_expect_nothing(fixture);
	send_expect_end(fixture, 0, 0, 0);
	send_expect_end(fixture, 1, 1, 0);
	send_expect_end(fixture, 2, 3, 0);
	send_expect_end(fixture, 3, 2, 0);
	send_expect_ends(fixture, 4);
}

static int help_send_one(struct channel_fixture *fixture)
{
	send_one(fixture, 0, 24, 0);
	return 0;
}

static void another_sends(struct channel_fixture *fixture, struct channel_packet *packet)
{
	channel_help(fixture, help_send_one);
	while (!completion_done(&fixture->helped))
		cpu_relax();
}

static void see_signals(struct sender *sender, struct vmb_packet *packet,
			const struct send_end *end)
{
	u32 *seen = sender->private;

	*seen = sender->fixture->transport.signals;
}

/* Nobody writes after it: the drain's end has to bring it out, with a signal. */
static void last_in_a_drain(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 signals, seen = 0;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	channel_enable(fixture);
	signals = fixture->transport.signals;
	fixture->process = another_sends;
	sender_of(fixture)->private = &seen;
	sender_of(fixture)->on_end = see_signals;
	peer_send_inband(fixture, 1, 8);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	KUNIT_EXPECT_EQ(test, fixture->transport.signals, signals + 1);
	/* Before the routine, which may take its time, and send more. */
	KUNIT_EXPECT_EQ(test, seen, signals + 1);
	peer_expect_sent(fixture, 0, 24, 0);
	send_expect_end(fixture, 0, 0, 0);
}

static void send_in_states(struct channel_fixture *fixture, enum channel_event event)
{
	switch (event) {
	case OPENED:
		send_one(fixture, 1, 8, WAIT);
		send_one(fixture, 2, 16, 0);
		break;
	case STARTED:
		send_one(fixture, 3, 24, 0);
		/* What was held has gone before. */
		send_expect_ends(fixture, 2);
		break;
	case POST_STARTED:
		send_one(fixture, 4, 32, 0);
		break;
	default:
		break;
	}
}

static void send_before_open(void *observer, enum memory_transport_operation operation)
{
	struct channel_fixture *fixture = observer;

	fixture->transport.observe = sender_of(fixture)->private;
	fixture->transport.observe(observer, operation);
	if (operation == MEMORY_TRANSPORT_OPEN)
		send_one(fixture, 0, 40, WAIT);
}

/* Held, and sent in their order when the channel starts. */
static void before_it_runs(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 first, second;

	sender_of(fixture)->private = fixture->transport.observe;
	fixture->transport.observe = send_before_open;
	fixture->on_state = send_in_states;
	channel_enable(fixture);
	first = peer_expect_sent(fixture, 0, 40, WAIT);
	second = peer_expect_sent(fixture, 1, 8, WAIT);
	peer_expect_sent(fixture, 2, 16, 0);
	peer_expect_sent(fixture, 3, 24, 0);
	peer_expect_sent(fixture, 4, 32, 0);
	peer_expect_nothing(fixture);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.sends_queued, 3);
	peer_answer(fixture, second, 8);
	peer_answer(fixture, first, 16);
	send_expect_end(fixture, 0, 2, 0);
	send_expect_end(fixture, 1, 3, 0);
	send_expect_end(fixture, 2, 4, 0);
	send_expect_answered(fixture, 3, 1, 8);
	send_expect_answered(fixture, 4, 0, 16);
	send_expect_balance(fixture, 5, 0);
}

static void send_at_the_end(struct channel_fixture *fixture, enum channel_event event)
{
	if (event == SUSPEND)
		send_one(fixture, 1, 8, WAIT);
	if (event == CLOSED)
		KUNIT_EXPECT_EQ(fixture->test, send_try(fixture, 2, 8, WAIT), -ENODEV);
}

static void at_the_end(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->on_state = send_at_the_end;
	KUNIT_EXPECT_EQ(test, send_try(fixture, 0, 8, 0), -ENODEV);
	channel_enable(fixture);
	send_one(fixture, 0, 8, 0);
	channel_disable(fixture);
	KUNIT_EXPECT_EQ(test, send_try(fixture, 0, 8, 0), -ENODEV);
	send_expect_end(fixture, 0, 0, 0);
	send_expect_end(fixture, 1, 1, -ENODEV);
	send_expect_ends(fixture, 2);
	send_expect_balance(fixture, 2, 1);
}

/* As a driver has them off, which on PREEMPT_RT is another thing. */
static void send_with_interrupts_off(struct channel_fixture *fixture, unsigned long count)
{
	static DEFINE_SPINLOCK(lock);
	unsigned long flags, i;

	for (i = 0; i < count; i++) {
		spin_lock_irqsave(&lock, flags);
		KUNIT_EXPECT_EQ(fixture->test, irqs_disabled(), !IS_ENABLED(CONFIG_PREEMPT_RT));
		KUNIT_EXPECT_EQ(fixture->test, send_try(fixture, i, 8, WAIT), 0);
		spin_unlock_irqrestore(&lock, flags);
	}
}

static void with_interrupts_off(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	channel_enable(fixture);
	send_with_interrupts_off(fixture, 10);
	for (i = 0; i < 10; i++)
		peer_answer(fixture, peer_expect_sent(fixture, i, 8, WAIT), 0);
	send_expect_ends(fixture, 10);
}

static struct kunit_case send_order_cases[] = {
	KUNIT_CASE(from_process_packet),
	KUNIT_CASE(from_the_routine),
	KUNIT_CASE(routines_are_not_nested),
	KUNIT_CASE(routines_of_answers_are_not_nested),
	KUNIT_CASE(routines_of_answers_are_not_nested_on_the_worker),
	KUNIT_CASE(from_another_thread_during_a_drain),
	KUNIT_CASE(last_in_a_drain),
	KUNIT_CASE(before_it_runs),
	KUNIT_CASE(at_the_end),
	KUNIT_CASE(with_interrupts_off),
	{}
};

static struct kunit_suite send_order_suite = {
	.name = "vmbkmcl_send_order",
	.init = order_init,
	.exit = send_fixture_exit,
	.test_cases = send_order_cases,
};

kunit_test_suite(send_order_suite);
