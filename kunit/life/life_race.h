/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Two parties that meet: one stands still in the middle of something, the other
 * comes as far as it gets.
 *
 * A task that holds a spinlock, or is in a softirq or a tracepoint, stands still by
 * spinning, on a CPU of its own. What goes on meanwhile is waited for by
 * its effect, never by time.
 */
#ifndef VMB_KUNIT_LIFE_RACE_H
#define VMB_KUNIT_LIFE_RACE_H

#include <linux/delay.h>
#include <linux/jiffies.h>

#include "../fixtures/send_fixture.h"

/* The task that stands still on a CPU of its own, and everybody else. */
#define STILL		1
#define OTHERS		0

/* Wait for what will be so soon. Whether it is. */
#define becomes(condition)						\
({									\
	unsigned long patience_end = jiffies + CHANNEL_FIXTURE_PATIENCE; \
	bool it_is;							\
									\
	while (!(it_is = (condition)) &&				\
	       time_before(jiffies, patience_end))			\
		usleep_range(20, 50);					\
	it_is;								\
})

#define ASSERT_SOON(test, condition)					\
do {									\
	bool soon = becomes(condition);					\
									\
	KUNIT_ASSERT_TRUE_MSG(test, soon, "%s", #condition);		\
} while (0)

/* Where somebody stands still, once. */
enum race_place {
	NOWHERE,
	IN_SIGNAL,	/* of the transport: outbound.lock is held */
	IN_COMPLETE,	/* the packet is completed, and not yet queued */
	IN_SEND,	/* what is sent was checked, and not yet accepted */
	IN_PACKET,	/* in process_packet */
	IN_OPENED,	/* in opened */
};

struct race;

/**
 * struct racer - a thread
 * @task: it. Made before anybody stands still: a new thread might first run where somebody
 *	does, and whoever makes it waits for that.
 * @race: the race.
 * @run: what it runs next; NULL: nothing any more.
 * @start: there is something to run.
 * @result: what that returned.
 * @done: it has.
 */
struct racer {
	struct task_struct *task;
	struct race *race;
	int (*run)(struct channel_fixture *fixture);
	struct completion start;
	int result;
	struct completion done;
};

/**
 * struct race - what all of them share; in &sender.private
 * @fixture: the rest.
 * @place: where to stand still.
 * @sleeps: process_packet may sleep.
 * @until_asked: until the worker comes to where it needs outbound.lock.
 * @suspended: suspend was called.
 * @sent_before_suspend: completions that were in the ring then.
 * @asked: and the worker has asked whether the peer is gone, which is the last
 *	thing that it does without the lock.
 * @inside: somebody stands still.
 * @go: it may go on.
 * @late: nobody came.
 * @signalling: the transport is in somebody's hand.
 * @closed_inside: it was closed meanwhile.
 * @defer: how often process_packet defers a packet.
 * @racers: by CPU.
 * @observe: the fixture's.
 *
 * The channel's queues are replaced by such that stay on the CPU on which
 * something is queued: none of its workers waits behind who stands still.
 */
struct race {
	struct channel_fixture *fixture;
	enum race_place place;
	bool sleeps;
	bool until_asked;
	bool suspended;
	bool asked;
	u64 sent_before_suspend;
	bool inside;
	bool go;
	bool late;
	bool signalling;
	bool closed_inside;
	u32 defer;
	struct racer racers[2];
	void (*observe)(void *observer, enum memory_transport_operation operation);
};

static inline struct race *race_of(struct channel_fixture *fixture)
{
	return sender_of(fixture)->private;
}

int race_init(struct kunit *test);
void race_exit(struct kunit *test);
void race_run(struct channel_fixture *fixture, u32 cpu,
	      int (*run)(struct channel_fixture *fixture));
int race_result(struct channel_fixture *fixture, u32 cpu);
void race_send_to(struct channel_fixture *fixture, enum race_place place,
		  int (*run)(struct channel_fixture *fixture));
void race_go_on(struct channel_fixture *fixture);
void race_expect_met(struct channel_fixture *fixture);
bool race_waits_for_the_drain(struct channel_fixture *fixture);
bool race_waits_for_the_driver(struct channel_fixture *fixture);

#endif
