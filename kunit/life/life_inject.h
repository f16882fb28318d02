/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A client and a server on loopback that can be made to stand still at every
 * step of their life, for something to happen there.
 *
 * Nothing here is timed: who stands still waits for a completion, and whatever
 * comes next is waited for by its effect.
 */
#ifndef VMB_KUNIT_LIFE_INJECT_H
#define VMB_KUNIT_LIFE_INJECT_H

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/workqueue.h>

#include "../../drivers/kmcl/observe.h"

/* Nobody here needs that long, unless something was lost. */
#define INJECT_PATIENCE		(60 * HZ)
/* Most packets that an end holds. */
#define INJECT_HELD		4u

/* Wait for what will be so soon. Whether it is. */
#define inject_becomes(condition)					\
({									\
	unsigned long inject_end = jiffies + INJECT_PATIENCE;		\
	bool inject_is;							\
									\
	while (!(inject_is = (condition)) &&				\
	       time_before(jiffies, inject_end))			\
		usleep_range(20, 50);					\
	inject_is;							\
})

#define INJECT_ASSERT_SOON(test, condition, ...)			\
do {									\
	bool soon = inject_becomes(condition);				\
									\
	KUNIT_ASSERT_TRUE_MSG(test, soon, __VA_ARGS__);			\
} while (0)

enum inject_side {
	CLIENT,
	SERVER,
	SIDES
};

/**
 * enum inject_point - where an end can be made to stand still
 * @NOWHERE: it is not.
 * @FIND_PEER: in the transport: it looks for the peer.
 * @OPEN: in the transport: it is about to ask, or, a server, to look at who asked.
 * @MISSED: in the transport: it has asked, and there was no offer any more.
 * @OPENED: in the driver's callback.
 * @ANSWER: in the transport: a server, about to tell the client what its driver
 *	said.
 * @STARTED: in the driver's callback.
 * @POST_STARTED: in the driver's callback.
 * @SUSPEND: in the driver's callback.
 * @DRAIN: the worker waits for the driver to complete its packets.
 * @CLOSE: in the transport: about to be closed.
 * @CLOSED: in the driver's callback.
 * @UNPREPARE: in the transport: on its last step.
 */
enum inject_point {
	NOWHERE,
	FIND_PEER,
	OPEN,
	MISSED,
	OPENED,
	ANSWER,
	STARTED,
	POST_STARTED,
	SUSPEND,
	DRAIN,
	CLOSE,
	CLOSED,
	UNPREPARE,
};

/**
 * enum inject_phase - what the driver was told last
 * @IS_CLOSED: nothing, or closed.
 * @IS_OPENED: opened has returned.
 * @IS_STARTED: started has returned.
 * @IS_RUNNING: post_started has returned.
 * @IS_SUSPENDED: suspend was called.
 */
enum inject_phase {
	IS_CLOSED,
	IS_OPENED,
	IS_STARTED,
	IS_RUNNING,
	IS_SUSPENDED,
};

/* What an end sends: as the step wants it, as the event, and to see it work. */
enum inject_send_number {
	SEND_OF_STEP,
	SEND_OF_EVENT,
	SEND_TO_TRY,
	SENDS
};

/**
 * struct inject_send - a packet object
 * @packet: it.
 * @accepted: a send has taken it, so often.
 * @ends: calls of its routine.
 * @status: of the last.
 */
struct inject_send {
	struct vmb_packet *packet;
	u32 accepted;
	u32 ends;
	int status;
};

struct inject_end;

/**
 * struct inject_call - a call on a thread of its own
 * @work: runs it.
 * @function: what.
 * @end: on which end.
 * @result: what it returned.
 * @returned: it has.
 * @used: it was made.
 */
struct inject_call {
	struct work_struct work;
	int (*function)(struct inject_end *end);
	struct inject_end *end;
	int result;
	struct completion returned;
	bool used;
};

/**
 * struct inject_end - an end, its driver and its transport
 * @side: which.
 * @channel: its channel.
 * @operations: the transport's, with ours in front.
 * @original: the transport's own.
 * @lock: protects what follows up to @held_count.
 * @phase: what the driver was told.
 * @inside: a state callback is running.
 * @packets: process_packet calls that are running.
 * @suspended: reason of the last suspend.
 * @closed: reason of the last closed, 0: none.
 * @wrong: the first thing that should not have been.
 * @received: packets.
 * @holds: the driver keeps what it gets.
 * @held: what it keeps.
 * @held_count: how many.
 * @stop_at: where to stand still, once.
 * @reached: it does.
 * @go_on: it may go on.
 * @inside_call: made by whoever stands still, or NULL.
 * @inside_result: what it returned.
 * @opened_error: what opened shall return.
 * @sends: its packets.
 */
struct inject_end {
	enum inject_side side;
	struct vmb_channel *channel;
	struct vmb_channel_transport_operations operations;
	const struct vmb_channel_transport_operations *original;
	spinlock_t lock; /* what the driver writes down */
	enum inject_phase phase;
	bool inside;
	u32 packets;
	enum vmb_channel_stop_reason suspended;
	enum vmb_channel_stop_reason closed;
	const char *wrong;
	u64 received;
	bool holds;
	struct vmb_packet_completion *held[INJECT_HELD];
	u32 held_count;
	enum inject_point stop_at;
	struct completion reached;
	struct completion go_on;
	int (*inside_call)(struct inject_end *end);
	int inside_result;
	int opened_error;
	struct inject_send sends[SENDS];
};

/**
 * struct inject - all of a case
 * @test: the case.
 * @ends: both ends.
 * @begin: what leads to the step, if it blocks.
 * @event: the event.
 * @disable: of each end, at last.
 * @stuck: a call did not return, so nothing can be cleaned up.
 */
struct inject {
	struct kunit *test;
	struct inject_end ends[SIDES];
	struct inject_call begin;
	struct inject_call event;
	struct inject_call disable[SIDES];
	bool stuck;
};

/* life_inject_end.c */
int inject_init(struct kunit *test);
void inject_exit(struct kunit *test);
void inject_call(struct inject_call *call, struct inject_end *end,
		 int (*function)(struct inject_end *end));
void inject_expect_return(struct inject *inject, struct inject_call *call,
			  int result, const char *what);
int inject_enable(struct inject_end *end);
int inject_disable(struct inject_end *end);
int inject_pause(struct inject_end *end);
int inject_start(struct inject_end *end);
int inject_pm_close(struct inject_end *end);
int inject_shut_down(struct inject_end *end);
int inject_complete(struct inject_end *end);
int inject_send(struct inject_end *end, enum inject_send_number number);
bool inject_is_idle(struct inject_end *end);
void inject_expect_sound(struct inject *inject, struct inject_end *end);

/* life_inject_steps.c */

/**
 * enum inject_begin - what leads to a step, when the channels to begin with are
 *	enabled and running
 * @NOTHING: neither is enabled, or only the one that the step has enabled.
 * @CONNECT: the client is enabled, the server was before.
 * @STAY: nothing more.
 * @PAUSE_CLIENT: the client is paused.
 * @PAUSE_SERVER: the server is paused.
 * @DISABLE_CLIENT: the client ends the connection.
 * @DISABLE_SERVER: the server does.
 * @HIBERNATE_CLIENT: the client's VM hibernates, so to speak.
 * @HIBERNATE_SERVER: the server's VM does.
 */
enum inject_begin {
	NOTHING,
	CONNECT,
	STAY,
	PAUSE_CLIENT,
	PAUSE_SERVER,
	DISABLE_CLIENT,
	DISABLE_SERVER,
	HIBERNATE_CLIENT,
	HIBERNATE_SERVER,
};

/**
 * struct inject_standing - how an end is at a step
 * @state: its life.
 * @phase: what its driver knows.
 * @holds: its driver holds a packet.
 */
struct inject_standing {
	enum vmb_life_state state;
	enum inject_phase phase;
	bool holds;
};

/**
 * struct inject_step - a step of a connection's life
 * @name: of the case.
 * @begin: what leads to it.
 * @side: who stands still.
 * @point: where.
 * @standing: how both are then.
 */
struct inject_step {
	const char *name;
	enum inject_begin begin;
	enum inject_side side;
	enum inject_point point;
	struct inject_standing standing[SIDES];
};

/* What happens. */
enum inject_kind {
	DISABLE,
	ENABLE,
	PAUSE,
	START,
	HIBERNATE,
	SHUT_DOWN,	/* its VM, with it */
	LOSE_FRAMING,
	SEND,
	COMPLETE,
	REFUSE,		/* opened says no */
	CALL_INSIDE,	/* what a callback must not call */
};

/**
 * struct inject_outcome - what has to become of an end
 * @enabled: it is enabled: open if both are, else waiting.
 * @flows: packets flow, if it is open.
 * @shut_down: it is enabled, and will not open any more.
 * @reason: of its last closed callback; 0: not said.
 */
struct inject_outcome {
	bool enabled;
	bool flows;
	bool shut_down;
	enum vmb_channel_stop_reason reason;
};

void inject_go_to(struct inject *inject, const struct inject_step *step);
void inject_happen(struct inject *inject, const struct inject_step *step,
		   enum inject_kind kind, enum inject_side side);
void inject_go_on(struct inject *inject, const struct inject_step *step,
		  enum inject_kind kind);
void inject_predict(const struct inject_step *step, enum inject_kind kind,
		    enum inject_side side, struct inject_outcome outcome[SIDES]);

#endif
