// SPDX-License-Identifier: GPL-2.0
/*
 * What the end of a channel does to the packets that its client sent: each ends
 * once, before disable returns.
 */
#include <kunit/test.h>
#include <linux/cpumask.h>
#include <linux/delay.h>

#include "../../drivers/kmcl/compat.h"
#include "../fixtures/send_fixture.h"

/* Of a ring of one page: two do not fit together. */
#define LARGE		3000u

static int life_init(struct kunit *test)
{
	int ret = send_fixture_init(test);
	struct channel_fixture *fixture = test->priv;

	if (ret)
		return ret;
	channel_configure(fixture, 3064, 17, 17);
	send_allow_external(fixture);
	return 0;
}

/* Write the end of packets among the state callbacks. */
static void log_end(struct sender *sender, struct vmb_packet *packet,
		    const struct send_end *end)
{
	channel_log(sender->fixture, PACKET_END, end->number);
}

/* Everything that was sent has ended with this, and once. */
static void expect_all_ended(struct channel_fixture *fixture, u32 count, int status)
{
	struct sender *sender = sender_of(fixture);
	struct kunit *test = fixture->test;
	unsigned long seen = 0;
	u32 i;

	KUNIT_ASSERT_EQ(test, sender->end_count, count);
	for (i = 0; i < count; i++) {
		KUNIT_EXPECT_EQ(test, sender->ends[i].status, status);
		KUNIT_EXPECT_FALSE(test, sender->ends[i].has_buffer);
		KUNIT_EXPECT_FALSE(test, __test_and_set_bit(sender->ends[i].number, &seen));
	}
	KUNIT_EXPECT_EQ(test, seen, BIT(count) - 1);
	KUNIT_EXPECT_TRUE(test, list_empty(&fixture->channel->outbound.callers));
	KUNIT_EXPECT_TRUE(test, list_empty(&fixture->channel->outbound.ended));
	send_expect_balance(fixture, count, status ? count : 0);
}

/* All ends lie between these two in the log. */
static void expect_ends_between(struct channel_fixture *fixture, enum channel_event from,
				enum channel_event to)
{
	u32 first = channel_log_find(fixture, from);
	u32 last = channel_log_find(fixture, to);
	u32 i;

	KUNIT_ASSERT_NE(fixture->test, first, U32_MAX);
	KUNIT_ASSERT_NE(fixture->test, last, U32_MAX);
	for (i = 0; i < fixture->log_count; i++)
		if (fixture->log[i].event == PACKET_END)
			KUNIT_EXPECT_TRUE_MSG(fixture->test, i > first && i < last,
					      "packet %lld at %u", fixture->log[i].detail, i);
}

static void disabled_with_packets_in_flight(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	sender_of(fixture)->on_end = log_end;
	channel_enable(fixture);
	for (i = 0; i < 10; i++)
		send_one(fixture, i, 8, WAIT);
	channel_disable(fixture);
	expect_all_ended(fixture, 10, -ENODEV);
	expect_ends_between(fixture, SUSPEND, TRANSPORT_CLOSE);
}

static void disabled_with_packets_queued(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	sender_of(fixture)->on_end = log_end;
	channel_configure(fixture, 3064, 17, 2);
	channel_enable(fixture);
	for (i = 0; i < 10; i++)
		send_one(fixture, i, LARGE, i % 3 ? 0 : WAIT);
	channel_disable(fixture);
	expect_all_ended(fixture, 10, -ENODEV);
	expect_ends_between(fixture, SUSPEND, TRANSPORT_CLOSE);
}

/* The queued completion of another goes out all the same. */
static void completions_stay_in_the_queue(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_configure(fixture, 3064, 17, 2);
	channel_enable(fixture);
	peer_send_inband(fixture, 77, 8);
	send_one(fixture, 0, LARGE, 0);
	send_one(fixture, 1, LARGE, 0);
	channel_complete(fixture, 0, NULL, 0);
	peer_expect_sent(fixture, 0, LARGE, 0);
	channel_disable(fixture);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_sent, 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_dropped, 0);
	send_expect_end(fixture, 1, 1, -ENODEV);
	send_expect_balance(fixture, 2, 1);
}

static void disabled_with_packets_held(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	send_wait_for_peer(fixture);
	for (i = 0; i < 10; i++)
		send_one(fixture, i, 8, i % 2 ? WAIT : 0);
	send_expect_ends(fixture, 0);
	channel_disable(fixture);
	expect_all_ended(fixture, 10, -ENODEV);
	/* It was never open, and says nothing. */
	KUNIT_EXPECT_EQ(test, fixture->log_count, 0);
}

static void held_until_the_peer_arrives(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	send_wait_for_peer(fixture);
	for (i = 0; i < 5; i++)
		send_one(fixture, i, 8 * i, 0);
	vmb_channel_peer_arrived(fixture->channel);
	channel_settle(fixture);
	vmb_watchdog_stop(fixture->channel);
	for (i = 0; i < 5; i++)
		peer_expect_sent(fixture, i, 8 * i, 0);
	expect_all_ended(fixture, 5, 0);
}

static void open_fails(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	static const struct channel_entry expected[] = {
		{ PACKET_END, 0 },
		{ PACKET_END, 1 },
		{ PNP_FAILURE, -EXDEV },
	};

	sender_of(fixture)->on_end = log_end;
	send_wait_for_peer(fixture);
	send_one(fixture, 0, 8, WAIT);
	send_one(fixture, 1, 8, 0);
	fixture->transport.open_error = -EXDEV;
	vmb_channel_peer_arrived(fixture->channel);
	channel_settle(fixture);
	channel_expect_log(fixture, expected, ARRAY_SIZE(expected));
	expect_all_ended(fixture, 2, -ENODEV);
	KUNIT_EXPECT_EQ(test, send_try(fixture, 0, 8, 0), -ENODEV);
}

static void send_when_opened(struct channel_fixture *fixture, enum channel_event event)
{
	struct bio_vec vector = { .bv_page = sender_of(fixture)->private, .bv_len = 8 };

	if (event != OPENED)
		return;
	send_one(fixture, 0, 8, WAIT);
	send_one(fixture, 1, 8, 0);
	KUNIT_EXPECT_EQ(fixture->test, send_external(fixture, 2, &vector, 1, WAIT), 0);
}

static void open_is_refused(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	sender_of(fixture)->private = send_pages(fixture, 0);
	fixture->on_state = send_when_opened;
	fixture->opened_error = -EXDEV;
	channel_enable(fixture);
	expect_all_ended(fixture, 3, -ENODEV);
	KUNIT_EXPECT_EQ(test, channel_log_find(fixture, CLOSED), U32_MAX);
	KUNIT_EXPECT_NE(test, channel_log_find(fixture, TRANSPORT_CLOSE), U32_MAX);
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
}

/* Ids of the life before mean nothing, and packets go on in the next. */
static void second_life(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 old, new;

	channel_enable(fixture);
	send_one(fixture, 0, 8, WAIT);
	old = peer_expect_sent(fixture, 0, 8, WAIT);
	channel_disable(fixture);
	channel_enable(fixture);
	peer_answer(fixture, old, 0);
	send_one(fixture, 0, 8, WAIT);
	new = peer_expect_sent(fixture, 0, 8, WAIT);
	KUNIT_EXPECT_NE(test, new, old);
	peer_answer(fixture, old, 0);
	send_expect_ends(fixture, 1);
	peer_answer(fixture, new, 8);
	send_expect_answered(fixture, 1, 0, 8);
	KUNIT_EXPECT_EQ(test, fixture->channel->refusals[VMB_REFUSAL_COMPLETION_UNEXPECTED], 2);
	send_expect_balance(fixture, 2, 1);
}

/* Rendezvous with a routine that runs elsewhere. */

/**
 * struct rendezvous - a routine that does not return, and who waits for it
 * @disable: runs disable.
 * @fixture: of the channel.
 * @inside: the routine has been called.
 * @go: and may return.
 * @transaction_id: of the packet that is answered.
 */
struct rendezvous {
	struct work_struct disable;
	struct channel_fixture *fixture;
	bool inside;
	bool go;
	u64 transaction_id;
};

static void stay(struct sender *sender, struct vmb_packet *packet, const struct send_end *end)
{
	struct rendezvous *rendezvous = sender->private;

	if (end->number)
		return;
	WRITE_ONCE(rendezvous->inside, true);
	while (!READ_ONCE(rendezvous->go))
		cpu_relax();
}

static void disable_on_worker(struct work_struct *work)
{
	struct rendezvous *rendezvous = container_of(work, struct rendezvous, disable);

	vmb_channel_disable(rendezvous->fixture->channel);
}

static int help_send_no_wait(struct channel_fixture *fixture)
{
	return send_try(fixture, 0, 8, 0);
}

static int help_answer(struct channel_fixture *fixture)
{
	struct rendezvous *rendezvous = sender_of(fixture)->private;

	peer_answer(fixture, rendezvous->transaction_id, 0);
	return 0;
}

/* While the helper's routine stays, disable must not return. */
static void expect_disable_waits(struct channel_fixture *fixture,
				 struct rendezvous *rendezvous,
				 int (*help)(struct channel_fixture *fixture))
{
	unsigned long end = jiffies + CHANNEL_FIXTURE_PATIENCE;

	INIT_WORK_ONSTACK(&rendezvous->disable, disable_on_worker);
	/* Not to where the helper spins. */
	migrate_disable();
	channel_help(fixture, help);
	while (!READ_ONCE(rendezvous->inside) && time_before(jiffies, end))
		cond_resched();
	KUNIT_EXPECT_TRUE(fixture->test, rendezvous->inside);
	queue_work(system_dfl_wq, &rendezvous->disable);
	msleep(50);
	KUNIT_EXPECT_EQ(fixture->test, channel_log_find(fixture, CLOSED), U32_MAX);
	KUNIT_EXPECT_FALSE(fixture->test, vmb_channel_is_configurable(fixture->channel));
	WRITE_ONCE(rendezvous->go, true);
	migrate_enable();
	flush_work(&rendezvous->disable);
	destroy_work_on_stack(&rendezvous->disable);
	channel_wait_for_help(fixture);
	KUNIT_EXPECT_TRUE(fixture->test, vmb_channel_is_configurable(fixture->channel));
}

static void routine_on_another_thread(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct rendezvous rendezvous = { .fixture = fixture };

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	sender_of(fixture)->private = &rendezvous;
	sender_of(fixture)->on_end = stay;
	send_make(fixture, 0);
	channel_enable(fixture);
	send_one(fixture, 1, 8, WAIT);
	expect_disable_waits(fixture, &rendezvous, help_send_no_wait);
	send_expect_end(fixture, 0, 0, 0);
	send_expect_end(fixture, 1, 1, -ENODEV);
	send_expect_ends(fixture, 2);
}

static void routine_in_the_drain(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct rendezvous rendezvous = { .fixture = fixture };

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	sender_of(fixture)->private = &rendezvous;
	sender_of(fixture)->on_end = stay;
	channel_enable(fixture);
	send_one(fixture, 0, 8, WAIT);
	rendezvous.transaction_id = peer_expect_sent(fixture, 0, 8, WAIT);
	send_one(fixture, 1, 8, WAIT);
	expect_disable_waits(fixture, &rendezvous, help_answer);
	send_expect_end(fixture, 0, 0, 0);
	send_expect_end(fixture, 1, 1, -ENODEV);
	send_expect_ends(fixture, 2);
}

/* External data: the peer may write to it until it has answered, or is closed. */

static void send_one_external(struct channel_fixture *fixture, u32 number)
{
	struct bio_vec vector = { .bv_page = send_pages(fixture, 0), .bv_len = 512 };

	KUNIT_ASSERT_EQ(fixture->test, send_external(fixture, number, &vector, 1, WAIT), 0);
}

static u64 expect_external(struct channel_fixture *fixture)
{
	struct sent_packet sent = {};

	KUNIT_ASSERT_TRUE(fixture->test, peer_take(fixture, &sent));
	KUNIT_EXPECT_EQ(fixture->test, sent.type, 9);
	return sent.transaction_id;
}

static void external_ends_after_the_close(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	sender_of(fixture)->on_end = log_end;
	channel_enable(fixture);
	for (i = 0; i < 3; i++)
		send_one_external(fixture, i);
	channel_disable(fixture);
	expect_all_ended(fixture, 3, -ENODEV);
	expect_ends_between(fixture, TRANSPORT_CLOSE, CLOSED);
}

/* What the peer has not seen it cannot write to. */
static void queued_external_ends_at_once(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	sender_of(fixture)->on_end = log_end;
	channel_configure(fixture, 3064, 17, 2);
	channel_enable(fixture);
	send_one(fixture, 0, 3064, WAIT);
	send_one(fixture, 1, 1000, WAIT);
	send_one_external(fixture, 2);
	channel_disable(fixture);
	expect_all_ended(fixture, 3, -ENODEV);
	expect_ends_between(fixture, SUSPEND, TRANSPORT_CLOSE);
}

/* The client completes what it holds when its own packet has ended. */
static void complete_inbound(struct sender *sender, struct vmb_packet *packet,
			     const struct send_end *end)
{
	channel_log(sender->fixture, PACKET_END, end->number);
	channel_complete(sender->fixture, 0, NULL, 0);
}

static void hold_until_answered(struct channel_fixture *fixture)
{
	sender_of(fixture)->on_end = complete_inbound;
	channel_enable(fixture);
	peer_send_inband(fixture, 77, 8);
	send_one_external(fixture, 0);
}

static void wait_for_suspend(struct channel_fixture *fixture)
{
	KUNIT_ASSERT_NE(fixture->test,
			wait_for_completion_timeout(&fixture->suspended,
						    CHANNEL_FIXTURE_PATIENCE), 0);
}

static void answered_while_closing(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 id;

	hold_until_answered(fixture);
	id = expect_external(fixture);
	channel_help(fixture, channel_help_disable);
	wait_for_suspend(fixture);
	/* Suspend returns, the drain begins: what comes in now is dropped. */
	msleep(50);
	peer_send_inband(fixture, 78, 8);
	peer_send_inband(fixture, 79, 8);
	KUNIT_EXPECT_FALSE(test, completion_done(&fixture->helped));
	send_expect_ends(fixture, 0);
	peer_answer(fixture, id, 16);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	send_expect_answered(fixture, 0, 0, 16);
	send_expect_ends(fixture, 1);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.discarded, 2);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_sent, 1);
	expect_ends_between(fixture, SUSPEND, TRANSPORT_CLOSE);
	send_expect_balance(fixture, 1, 0);
}

/* What has ended at once is answered while the rest is waited for: no refusal. */
static void answered_too_late(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 external, inband;

	channel_enable(fixture);
	peer_send_inband(fixture, 77, 8);
	send_one_external(fixture, 0);
	send_one(fixture, 1, 8, WAIT);
	external = expect_external(fixture);
	inband = peer_expect_sent(fixture, 1, 8, WAIT);
	channel_help(fixture, channel_help_disable);
	wait_for_suspend(fixture);
	msleep(50);
	send_expect_ends(fixture, 1);
	send_expect_end(fixture, 0, 1, -ENODEV);
	peer_answer(fixture, inband, 16);
	peer_answer(fixture, external, 16);
	channel_complete(fixture, 0, NULL, 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	send_expect_ends(fixture, 2);
	send_expect_answered(fixture, 1, 0, 16);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.discarded, 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.refused, 0);
	send_expect_balance(fixture, 2, 1);
}

/* Whoever tells, and whoever does not. */
static void peer_goes_before_it_answers(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	hold_until_answered(fixture);
	fixture->transport.gone = true;
	vmb_channel_peer_gone(fixture->channel);
	channel_settle(fixture);
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
	expect_all_ended(fixture, 1, -ENODEV);
	expect_ends_between(fixture, SUSPEND, TRANSPORT_CLOSE);
}

static void peer_goes_while_closing(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	hold_until_answered(fixture);
	channel_help(fixture, channel_help_disable);
	wait_for_suspend(fixture);
	msleep(50);
	KUNIT_EXPECT_FALSE(test, completion_done(&fixture->helped));
	WRITE_ONCE(fixture->transport.gone, true);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	expect_all_ended(fixture, 1, -ENODEV);
	expect_ends_between(fixture, SUSPEND, TRANSPORT_CLOSE);
}

/* Framing. */

static void inbound_framing_lost(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	sender_of(fixture)->on_end = log_end;
	channel_enable(fixture);
	send_one(fixture, 0, 8, WAIT);
	send_one_external(fixture, 1);
	peer_send(fixture, &(struct peer_packet) {
		.type = 6, .lie = true, .offset8 = 2, .length8 = 1000 });
	channel_settle(fixture);
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
	expect_all_ended(fixture, 2, -ENODEV);
	/* Plain ones end at once, the others when the peer is out of reach. */
	KUNIT_EXPECT_EQ(test, sender_of(fixture)->ends[0].number, 0);
	KUNIT_EXPECT_EQ(test, fixture->log[fixture->log_count - 1].detail,
			VMB_CHANNEL_STOP_FRAMING_LOST);
	KUNIT_EXPECT_EQ(test, send_try(fixture, 0, 8, 0), -ENODEV);
}

/* Nobody reads its answer any more, so the close has to come first. */
static void framing_lost_while_the_client_waits(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	hold_until_answered(fixture);
	peer_send(fixture, &(struct peer_packet) {
		.type = 6, .lie = true, .offset8 = 2, .length8 = 1000 });
	channel_settle(fixture);
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
	expect_all_ended(fixture, 1, -ENODEV);
	expect_ends_between(fixture, TRANSPORT_CLOSE, CLOSED);
	KUNIT_EXPECT_FALSE(test, vmb_outbound_is_abandoned(fixture->channel));
}

static void outbound_framing_lost(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_configure(fixture, 3064, 17, 2);
	channel_enable(fixture);
	send_one(fixture, 0, LARGE, WAIT);
	send_one(fixture, 1, LARGE, 0);
	peer_set(&fixture->outbound, RING_IMAGE_READ_INDEX, 4);
	/* Seen when somebody looks for room. */
	peer_signal(fixture);
	KUNIT_EXPECT_EQ(test, send_try(fixture, 2, 8, WAIT), -ENODEV);
	channel_settle(fixture);
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
	expect_all_ended(fixture, 2, -ENODEV);
	KUNIT_EXPECT_EQ(test, fixture->log[fixture->log_count - 1].detail,
			VMB_CHANNEL_STOP_FRAMING_LOST);
	KUNIT_EXPECT_EQ(test, fixture->channel->refusals[VMB_REFUSAL_INDEX_ALIGNMENT], 1);
}

/* Found by the send itself, which is refused. */
static void outbound_framing_lost_in_a_send(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_configure(fixture, 3064, 17, 2);
	channel_enable(fixture);
	send_one(fixture, 0, LARGE, WAIT);
	peer_set(&fixture->outbound, RING_IMAGE_READ_INDEX, 4096);
	KUNIT_EXPECT_EQ(test, send_try(fixture, 1, LARGE, WAIT), -ENODEV);
	channel_settle(fixture);
	expect_all_ended(fixture, 1, -ENODEV);
	KUNIT_EXPECT_EQ(test, fixture->channel->refusals[VMB_REFUSAL_INDEX_RANGE], 1);
}

static struct kunit_case send_life_cases[] = {
	KUNIT_CASE(disabled_with_packets_in_flight),
	KUNIT_CASE(disabled_with_packets_queued),
	KUNIT_CASE(completions_stay_in_the_queue),
	KUNIT_CASE(disabled_with_packets_held),
	KUNIT_CASE(held_until_the_peer_arrives),
	KUNIT_CASE(open_fails),
	KUNIT_CASE(open_is_refused),
	KUNIT_CASE(second_life),
	KUNIT_CASE(routine_on_another_thread),
	KUNIT_CASE(routine_in_the_drain),
	KUNIT_CASE(external_ends_after_the_close),
	KUNIT_CASE(queued_external_ends_at_once),
	KUNIT_CASE(answered_while_closing),
	KUNIT_CASE(answered_too_late),
	KUNIT_CASE(peer_goes_before_it_answers),
	KUNIT_CASE(peer_goes_while_closing),
	KUNIT_CASE(inbound_framing_lost),
	KUNIT_CASE(framing_lost_while_the_client_waits),
	KUNIT_CASE(outbound_framing_lost),
	KUNIT_CASE(outbound_framing_lost_in_a_send),
	{}
};

static struct kunit_suite send_life_suite = {
	.name = "vmbkmcl_send_life",
	.init = life_init,
	.exit = send_fixture_exit,
	.test_cases = send_life_cases,
};

kunit_test_suite(send_life_suite);
