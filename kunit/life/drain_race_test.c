// SPDX-License-Identifier: GPL-2.0
/*
 * Parties that meet in the middle of a line: a drain that has looked whether it
 * may run and does not yet own the ring, and somebody who ends what a channel has
 * sent because its close takes too long.
 *
 * A task that is to stand still there has no callback that could do so. It stands still
 * where the CPU has seen it touch a word, by a watchpoint.
 */
#include <kunit/test.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <linux/sched/clock.h>

#include "life_race.h"

#define PATIENCE_NS	(60 * NSEC_PER_SEC)

/**
 * struct watch - a word that somebody touches on the CPU STILL
 * @events: the watchpoint, on every CPU.
 * @reached: asked at each touch; where somebody has come to, 1 and up; 0: go on.
 * @may_go_on: asked all the time while somebody stands still; or NULL.
 * @channel: for these.
 * @seen: touches that @reached has counted.
 * @place: where it stands still, or did last.
 * @go: up to which place it may go on.
 * @late: nobody came.
 * @shows_locked: it shows what is touched with the bus locked.
 */
struct watch {
	struct perf_event * __percpu *events;
	u32 (*reached)(struct watch *watch);
	bool (*may_go_on)(struct watch *watch);
	struct vmb_channel *channel;
	u32 seen;
	u32 place;
	u32 go;
	bool late;
	bool shows_locked;
};

static void watch_hit(struct perf_event *event, struct perf_sample_data *data,
		      struct pt_regs *regs)
{
	struct watch *watch = event->overflow_handler_context;
	u64 begun = local_clock();
	u32 place;

	if (raw_smp_processor_id() != STILL)
		return;
	place = watch->reached(watch);
	if (!place)
		return;
	WRITE_ONCE(watch->place, place);
	while (READ_ONCE(watch->go) < place &&
	       !(watch->may_go_on && watch->may_go_on(watch))) {
		if (local_clock() - begun > PATIENCE_NS) {
			WRITE_ONCE(watch->late, true);
			return;
		}
		cpu_relax();
	}
}

static void watch_end(void *events)
{
	unregister_wide_hw_breakpoint((struct perf_event * __percpu __force *)events);
}

static void watch_begin(struct kunit *test, struct watch *watch, void *word, u32 bytes)
{
	struct perf_event_attr attr;

	hw_breakpoint_init(&attr);
	attr.bp_addr = (unsigned long)word;
	attr.bp_len = bytes;
	attr.bp_type = HW_BREAKPOINT_RW;
	watch->events = register_wide_hw_breakpoint(&attr, watch_hit, watch);
	if (IS_ERR_OR_NULL((void __force *)watch->events))
		kunit_skip(test, "needs a watchpoint");
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, watch_end,
							(void __force *)watch->events), 0);
}

static int drain_race_init(struct kunit *test)
{
	int ret = race_init(test);
	struct channel_fixture *fixture = test->priv;

	if (!ret)
		send_allow_external(fixture);
	return ret;
}

static int disable(struct channel_fixture *fixture)
{
	return vmb_channel_disable(fixture->channel);
}

/* The client completes its first packet when what it has sent ends. */
static void complete_first(struct sender *sender, struct vmb_packet *packet,
			   const struct send_end *end)
{
	channel_complete(sender->fixture, 0, NULL, 0);
}

/* It holds a packet, and the peer has memory of its own. Returns the peer's id. */
static u64 hold_packet(struct channel_fixture *fixture)
{
	struct bio_vec vector = { .bv_page = send_pages(fixture, 0), .bv_len = 512 };
	struct sent_packet sent = {};

	sender_of(fixture)->on_end = complete_first;
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	KUNIT_ASSERT_EQ(fixture->test, send_external(fixture, 0, &vector, 1, WAIT), 0);
	KUNIT_ASSERT_TRUE(fixture->test, peer_take(fixture, &sent));
	return sent.transaction_id;
}

static bool disable_waits_for_the_driver(struct channel_fixture *fixture)
{
	return channel_log_find(fixture, SUSPEND) != U32_MAX &&
	       wq_has_sleeper(&fixture->channel->outbound.drained);
}

/* A drain comes late: it was seen by nobody, and suspend has returned. */

static struct watch late_drain;

/*
 * It has looked whether it may run, which comes second: whether others deliver is
 * asked first. Later it owns the ring, and has looked again. An emulated CPU
 * may not show what is touched with the bus locked.
 */
static u32 drain_reached(struct watch *watch)
{
	unsigned long flags = READ_ONCE(watch->channel->inbound.flags);
	bool owned = flags & BIT(VMB_INBOUND_DRAINING);

	if (!watch->place)
		return ++watch->seen == 2;
	if (flags & BIT(VMB_INBOUND_AGAIN))
		watch->shows_locked = true;
	else if (watch->place == 1 && owned && ++watch->seen == 3 + watch->shows_locked)
		return 2;
	return 0;
}

/* The driver stays in suspend until the drain has come as far as it does. */
static void suspend_sees_the_drain(struct channel_fixture *fixture,
				   enum channel_event event)
{
	if (event != SUSPEND)
		return;
	WRITE_ONCE(late_drain.go, 1);
	if (!becomes(READ_ONCE(late_drain.place) == 2))
		WRITE_ONCE(late_drain.late, true);
}

static int signal_packet(struct channel_fixture *fixture)
{
	peer_signal(fixture);
	return 0;
}

/* A packet comes, and its drain stands still where it has looked whether it may run. */
static void late_drain_begin(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	peer_put(fixture, &(struct peer_packet) {
		.type = 6, .flags = 1, .transaction_id = 2, .payload = 8, .seed = 2,
	});
	peer_publish(fixture);
	late_drain = (struct watch) {
		.reached = drain_reached, .channel = fixture->channel,
	};
	watch_begin(test, &late_drain, &fixture->channel->inbound.flags,
		    HW_BREAKPOINT_LEN_8);
	race_run(fixture, STILL, signal_packet);
	ASSERT_SOON(test, READ_ONCE(late_drain.place) == 1);
}

static bool delivered_atomically;

static void note_context(struct channel_fixture *fixture, struct channel_packet *packet)
{
	delivered_atomically = in_softirq() || irqs_disabled();
	channel_complete_inline(fixture, packet);
}

/* A drain has looked who is to deliver, and then the client says that it is to sleep. */
static void drain_comes_after_passive(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->process = note_context;
	channel_enable(fixture);
	delivered_atomically = true;
	late_drain_begin(test);
	vmb_channel_set_incoming_processing_at_passive(fixture->channel, true);
	WRITE_ONCE(late_drain.go, 2);
	race_result(fixture, STILL);
	channel_settle_packets(fixture);
	KUNIT_EXPECT_FALSE(test, late_drain.late);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
	KUNIT_EXPECT_FALSE(test, delivered_atomically);
}

static void drain_comes_after_suspend(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 id;

	id = hold_packet(fixture);
	fixture->on_state = suspend_sees_the_drain;
	late_drain_begin(test);
	race_run(fixture, OTHERS, disable);
	ASSERT_SOON(test, disable_waits_for_the_driver(fixture));
	WRITE_ONCE(late_drain.go, 2);
	race_result(fixture, STILL);
	KUNIT_EXPECT_FALSE(test, late_drain.late);
	/* Nothing was delivered after suspend. */
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
	if (fixture->packet_count == 2)
		channel_complete(fixture, 1, NULL, 0);
	/* And the answer is heard. */
	peer_answer(fixture, id, 16);
	KUNIT_EXPECT_EQ(test, race_result(fixture, OTHERS), 0);
	send_expect_answered(fixture, 0, 0, 16);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.discarded, 1);
}

/* The close that takes too long ends while somebody sees to that. */

static struct watch overdue;
static bool closed_was_called;

/* It has asked whether the channel is closing still. */
static u32 overdue_reached(struct watch *watch)
{
	return watch->place ? 0 : 1;
}

/*
 * The close has ended. Nobody else could say so: who stands still may hold a lock
 * for which the worker spins, on the CPU of everybody else.
 */
static bool close_has_ended(struct watch *watch)
{
	return READ_ONCE(watch->channel->life.state) == VMB_LIFE_ENABLED;
}

static void closed_waits(struct channel_fixture *fixture, enum channel_event event)
{
	if (event != CLOSED)
		return;
	WRITE_ONCE(closed_was_called, true);
	if (!becomes(READ_ONCE(overdue.place)))
		WRITE_ONCE(overdue.late, true);
}

static int hibernate(struct channel_fixture *fixture)
{
	return vmb_transport_device_pm_close(&fixture->transport.device);
}

static int takes_too_long(struct channel_fixture *fixture)
{
	vmb_life_pm_timed_out(fixture->channel);
	return 0;
}

static void close_ends_when_it_is_overdue(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_life *life = &fixture->channel->life;

	channel_enable(fixture);
	fixture->on_state = closed_waits;
	overdue = (struct watch) {
		.reached = overdue_reached, .may_go_on = close_has_ended,
		.channel = fixture->channel,
	};
	closed_was_called = false;
	race_run(fixture, OTHERS, hibernate);
	ASSERT_SOON(test, READ_ONCE(closed_was_called));
	watch_begin(test, &overdue, &life->state, sizeof(life->state));
	race_run(fixture, STILL, takes_too_long);
	/* It is overdue, closed returns, and the close ends. */
	race_result(fixture, STILL);
	KUNIT_EXPECT_EQ(test, race_result(fixture, OTHERS), 0);
	flush_work(&life->work);
	KUNIT_EXPECT_FALSE(test, overdue.late);
	fixture->on_state = NULL;
	/* What is sent now goes out when the VM has resumed. */
	send_one(fixture, 0, 8, 0);
	vmb_transport_device_pm_resume(&fixture->transport.device);
	channel_settle(fixture);
	peer_expect_sent(fixture, 0, 8, 0);
}

static struct kunit_case drain_race_cases[] = {
	KUNIT_CASE(drain_comes_after_passive),
	KUNIT_CASE(drain_comes_after_suspend),
	KUNIT_CASE(close_ends_when_it_is_overdue),
	{}
};

static struct kunit_suite drain_race_suite = {
	.name = "vmbkmcl_drain_race",
	.init = drain_race_init,
	.exit = race_exit,
	.test_cases = drain_race_cases,
};

kunit_test_suite(drain_race_suite);
