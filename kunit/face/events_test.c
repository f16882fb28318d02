// SPDX-License-Identifier: GPL-2.0
/*
 * Tracepoints: which come, in which order, and that those of one packet can be
 * told from those of another.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/processor.h>
#include <linux/sched/clock.h>
#include <linux/string.h>
#include <linux/trace_events.h>
#include <linux/tracepoint.h>

#include "../fixtures/send_fixture.h"

#include <trace/events/vmbkmcl.h>

#define EVENTS	32u
/* Two of these do not fit into a ring of a page. */
#define LARGE	3000u

enum trace_kind {
	TOLD_SEND,
	TOLD_WRITE,
	TOLD_SENT,
	TOLD_QUOTA,
	TOLD_OVERTIME,
	TOLD_SUSPEND,
	TOLD_CLEANUP,
};

/**
 * struct told - what a probe was told
 * @kind: which tracepoint.
 * @packet: whose.
 * @id: transaction id.
 * @value: status; type; packets outstanding; share; or reason.
 */
struct told {
	enum trace_kind kind;
	const void *packet;
	u64 id;
	s64 value;
};

/**
 * struct events - what the tracepoints of one channel have said
 * @lock: protects the others; taken where tracing does not let one sleep.
 * @name: the channel's.
 * @events: in order.
 * @count: of them, also those that found no place.
 * @interrupt: a real softirq to deliver in.
 */
struct events {
	raw_spinlock_t lock; /* events */
	char name[VMB_CHANNEL_NAME_SIZE];
	struct told events[EVENTS];
	u32 count;
	struct tasklet_struct interrupt;
};

static struct events *events_of(struct channel_fixture *fixture)
{
	return sender_of(fixture)->private;
}

static void note(struct events *events, const char *channel, struct told event)
{
	unsigned long flags;

	/* Other channels may be traced as well. */
	if (strcmp(channel, events->name))
		return;
	raw_spin_lock_irqsave(&events->lock, flags);
	if (events->count < EVENTS)
		events->events[events->count] = event;
	events->count++;
	raw_spin_unlock_irqrestore(&events->lock, flags);
}

static void on_send(void *data, const char *channel, const void *packet,
		    u32 external, bool waits, u32 length)
{
	note(data, channel, (struct told) { TOLD_SEND, packet, 0, length });
}

static void on_write(void *data, const char *channel, const void *packet,
		     u64 transaction_id, u16 type, u32 length)
{
	note(data, channel, (struct told) { TOLD_WRITE, packet, transaction_id, type });
}

static void on_sent(void *data, const char *channel, const void *packet,
		    u64 transaction_id, int status, u32 length)
{
	note(data, channel, (struct told) { TOLD_SENT, packet, transaction_id, status });
}

static void on_quota(void *data, const char *channel, u32 outstanding, u32 quota)
{
	note(data, channel, (struct told) { TOLD_QUOTA, NULL, quota, outstanding });
}

static void on_overtime(void *data, const char *channel, u64 used_ns, u32 share)
{
	note(data, channel, (struct told) { TOLD_OVERTIME, NULL, used_ns, share });
}

static void on_life(void *data, const char *channel, const char *step, int why)
{
	if (!strcmp(step, "suspend"))
		note(data, channel, (struct told) { TOLD_SUSPEND, NULL, 0, why });
}

static void on_cleanup(void *data, const char *channel, u64 received, u64 completed,
		       u64 sends, u64 sends_failed, u64 refused, u64 stalls, u64 leaked)
{
	note(data, channel, (struct told) { TOLD_CLEANUP, NULL, received, sends });
}

static int events_init(struct kunit *test)
{
	int ret = send_fixture_init(test);
	struct channel_fixture *fixture = test->priv;
	struct events *events;

	if (ret)
		return ret;
	events = kunit_kzalloc(test, sizeof(*events), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, events);
	raw_spin_lock_init(&events->lock);
	strscpy(events->name, fixture->channel->name, sizeof(events->name));
	sender_of(fixture)->private = events;
	channel_configure(fixture, 3064, 17, CHANNEL_FIXTURE_SMALL);
	KUNIT_EXPECT_EQ(test, register_trace_vmb_send(on_send, events), 0);
	KUNIT_EXPECT_EQ(test, register_trace_vmb_write(on_write, events), 0);
	KUNIT_EXPECT_EQ(test, register_trace_vmb_sent(on_sent, events), 0);
	KUNIT_EXPECT_EQ(test, register_trace_vmb_quota(on_quota, events), 0);
	KUNIT_EXPECT_EQ(test, register_trace_vmb_overtime(on_overtime, events), 0);
	KUNIT_EXPECT_EQ(test, register_trace_vmb_life(on_life, events), 0);
	KUNIT_EXPECT_EQ(test, register_trace_vmb_cleanup(on_cleanup, events), 0);
	return 0;
}

static void events_exit(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct events *events = fixture && fixture->private ? events_of(fixture) : NULL;

	if (events) {
		unregister_trace_vmb_send(on_send, events);
		unregister_trace_vmb_write(on_write, events);
		unregister_trace_vmb_sent(on_sent, events);
		unregister_trace_vmb_quota(on_quota, events);
		unregister_trace_vmb_overtime(on_overtime, events);
		unregister_trace_vmb_life(on_life, events);
		unregister_trace_vmb_cleanup(on_cleanup, events);
		tracepoint_synchronize_unregister();
	}
	send_fixture_exit(test);
}

static void expect_event(struct channel_fixture *fixture, u32 position,
			 enum trace_kind kind, const void *packet, u64 id, s64 value)
{
	struct told *event = &events_of(fixture)->events[position];
	struct kunit *test = fixture->test;

	KUNIT_ASSERT_LT(test, position, events_of(fixture)->count);
	KUNIT_EXPECT_EQ_MSG(test, (int)event->kind, (int)kind, "event %u", position);
	KUNIT_EXPECT_PTR_EQ_MSG(test, event->packet, packet, "event %u", position);
	KUNIT_EXPECT_EQ_MSG(test, event->id, id, "event %u", position);
	KUNIT_EXPECT_EQ_MSG(test, event->value, value, "event %u", position);
}

static void expect_events(struct channel_fixture *fixture, u32 count)
{
	KUNIT_EXPECT_EQ(fixture->test, events_of(fixture)->count, count);
}

/* A packet that is answered has the peer's id in all but the first of its events. */
static void packet_is_joined(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet *packet;
	u64 id;

	channel_enable(fixture);
	send_one(fixture, 0, 16, WAIT);
	packet = sender_of(fixture)->packets[0];
	id = peer_expect_sent(fixture, 0, 16, WAIT);
	peer_answer(fixture, id, 8);
	KUNIT_EXPECT_NE(test, id, 0);
	expect_events(fixture, 3);
	expect_event(fixture, 0, TOLD_SEND, packet, 0, 16);
	expect_event(fixture, 1, TOLD_WRITE, packet, id, VMB_WIRE_TYPE_DATA_INBAND);
	expect_event(fixture, 2, TOLD_SENT, packet, id, 0);
}

/* Not even the id that the object had before. */
static void packet_without_an_answer_has_no_id(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet *packet;
	u64 id;

	channel_enable(fixture);
	send_one(fixture, 0, 16, WAIT);
	packet = sender_of(fixture)->packets[0];
	id = peer_expect_sent(fixture, 0, 16, WAIT);
	peer_answer(fixture, id, 8);
	expect_events(fixture, 3);
	send_one(fixture, 0, 24, 0);
	expect_events(fixture, 6);
	expect_event(fixture, 3, TOLD_SEND, packet, 0, 24);
	expect_event(fixture, 4, TOLD_WRITE, packet, 0, VMB_WIRE_TYPE_DATA_INBAND);
	expect_event(fixture, 5, TOLD_SENT, packet, 0, 0);
}

/* Between send and write a packet waits. */
static void write_comes_with_the_room(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet *waits;

	channel_enable(fixture);
	send_one(fixture, 0, LARGE, 0);
	send_one(fixture, 1, LARGE, 0);
	waits = sender_of(fixture)->packets[1];
	expect_events(fixture, 4);
	expect_event(fixture, 3, TOLD_SEND, waits, 0, LARGE);
	peer_expect_sent(fixture, 0, LARGE, 0);
	peer_make_room(fixture);
	expect_events(fixture, 6);
	expect_event(fixture, 4, TOLD_WRITE, waits, 0, VMB_WIRE_TYPE_DATA_INBAND);
	expect_event(fixture, 5, TOLD_SENT, waits, 0, 0);
}

static void completion_is_written(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct events *events = events_of(fixture);
	u32 i;

	channel_enable(fixture);
	peer_send_inband(fixture, 0x77, 8);
	KUNIT_ASSERT_EQ(test, fixture->packet_count, 1);
	expect_events(fixture, 0);
	/* Outside of the callback, and inside. */
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	fixture->process = channel_complete_inline;
	peer_send_inband(fixture, 0x78, 8);
	expect_events(fixture, 2);
	for (i = 0; i < 2; i++)
		expect_event(fixture, i, TOLD_WRITE, events->events[i].packet, 0x77 + i,
			     VMB_WIRE_TYPE_COMPLETION);
	KUNIT_EXPECT_PTR_EQ(test, events->events[0].packet,
			    (const void *)fixture->packets[0].packet);
}

static void quota_is_told_once(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, vmb_channel_set_transaction_quota(fixture->channel, 2), 0);
	peer_send_inband(fixture, 1, 8);
	expect_events(fixture, 0);
	peer_send_inband(fixture, 2, 8);
	peer_send_inband(fixture, 3, 8);
	peer_send_inband(fixture, 4, 8);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 2);
	expect_events(fixture, 1);
	expect_event(fixture, 0, TOLD_QUOTA, NULL, 2, 2);
}

static void events_interrupt(struct tasklet_struct *tasklet)
{
	vmb_channel_interrupt((struct vmb_channel *)tasklet->data);
}

static void take_long(struct channel_fixture *fixture, struct channel_packet *packet)
{
	u64 until = local_clock() + 2 * NSEC_PER_MSEC;

	channel_complete_inline(fixture, packet);
	while (local_clock() < until)
		cpu_relax();
}

static void share_is_told(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct events *events = events_of(fixture);
	u32 i, told = 0;

	KUNIT_ASSERT_EQ(test, vmb_channel_set_allowable_dpc_cpu_usage(fixture->channel, 5), 0);
	tasklet_setup(&events->interrupt, events_interrupt);
	events->interrupt.data = (unsigned long)fixture->channel;
	fixture->process = take_long;
	channel_enable(fixture);
	for (i = 1; i <= 15; i++)
		peer_put(fixture, &(struct peer_packet) {
			.type = VMB_WIRE_TYPE_DATA_INBAND, .transaction_id = i, .payload = 8,
		});
	peer_publish(fixture);
	tasklet_schedule(&events->interrupt);
	while (test_bit(TASKLET_STATE_SCHED, &events->interrupt.state))
		usleep_range(100, 200);
	tasklet_unlock_wait(&events->interrupt);
	channel_settle_packets(fixture);
	KUNIT_ASSERT_EQ(test, fixture->packet_count, 15);
	KUNIT_ASSERT_LE(test, events->count, EVENTS);
	for (i = 0; i < events->count; i++) {
		if (events->events[i].kind != TOLD_OVERTIME)
			continue;
		told++;
		KUNIT_EXPECT_EQ(test, events->events[i].value, 5);
		KUNIT_EXPECT_GE(test, events->events[i].id, 500 * NSEC_PER_USEC);
	}
	KUNIT_EXPECT_GT(test, told, 0);
}

static void reason_is_told(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	channel_disable(fixture);
	expect_events(fixture, 1);
	expect_event(fixture, 0, TOLD_SUSPEND, NULL, 0, VMB_CHANNEL_STOP_DISABLED);
}

/* When the device goes, nobody has the time to read its counters. */
static void counters_of_the_end(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	channel_enable(fixture);
	for (i = 1; i <= 3; i++) {
		peer_send_inband(fixture, i, 8);
		KUNIT_EXPECT_EQ(test, channel_complete(fixture, i - 1, NULL, 0), 0);
	}
	send_one(fixture, 0, 16, 0);
	send_free(fixture, 0);
	channel_disable(fixture);
	/* Still there. */
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.received, 3);
	i = events_of(fixture)->count;
	vmb_channel_cleanup(fixture->channel);
	fixture->channel = NULL;
	expect_events(fixture, i + 1);
	expect_event(fixture, i, TOLD_CLEANUP, NULL, 3, 1);
}

/* What is shown as a word, by the format that programs read, too. */
static const struct {
	const char *event;
	const char *shown;
} words[] = {
	{ "vmb_fetch", "__print_symbolic(REC->type" },
	{ "vmb_fetch", "__print_flags(REC->flags" },
	{ "vmb_dispatch", "__print_symbolic(REC->type" },
	{ "vmb_dispatch", "__print_flags(REC->flags" },
	{ "vmb_complete", "__print_symbolic(REC->type" },
	{ "vmb_complete", "__print_flags(REC->flags" },
	{ "vmb_refuse", "__print_symbolic(REC->type" },
	{ "vmb_refuse", "__print_symbolic(REC->reason" },
	{ "vmb_write", "__print_symbolic(REC->type" },
	{ "vmb_life", "__print_symbolic(REC->reason" },
};

static void numbers_are_words(struct kunit *test)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		struct trace_event_file *file = trace_get_event_file(NULL, "vmbkmcl",
								     words[i].event);

		KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(file), "%s", words[i].event);
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(file->event_call->print_fmt,
						       words[i].shown),
					  "%s has no %s", words[i].event, words[i].shown);
		trace_put_event_file(file);
	}
}

static struct kunit_case events_cases[] = {
	KUNIT_CASE(packet_is_joined),
	KUNIT_CASE(packet_without_an_answer_has_no_id),
	KUNIT_CASE(write_comes_with_the_room),
	KUNIT_CASE(completion_is_written),
	KUNIT_CASE(quota_is_told_once),
	KUNIT_CASE(share_is_told),
	KUNIT_CASE(reason_is_told),
	KUNIT_CASE(counters_of_the_end),
	KUNIT_CASE(numbers_are_words),
	{}
};

static struct kunit_suite events_suite = {
	.name = "vmbkmcl_events",
	.init = events_init,
	.exit = events_exit,
	.test_cases = events_cases,
};

kunit_test_suite(events_suite);
