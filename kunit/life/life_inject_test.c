// SPDX-License-Identifier: GPL-2.0
/*
 * Everything that can happen to a connection on loopback, at every step of its
 * opening and closing, on either end: the order of callbacks holds, each packet
 * ends once, what has to become of both ends does, and both can be used again.
 */
#include "life_inject.h"

#include "../../drivers/kmcl/loopback.h"

/* Both ends at a step, client first, with or without a packet in hand. */
#define STAND(client_state, client_phase, server_state, server_phase)	\
	.standing = {							\
		{ VMB_LIFE_##client_state, IS_##client_phase },		\
		{ VMB_LIFE_##server_state, IS_##server_phase },		\
	}
#define STAND_HOLDING(client_state, client_phase, client_holds,		\
		      server_state, server_phase, server_holds)		\
	.standing = {							\
		{ VMB_LIFE_##client_state, IS_##client_phase, client_holds }, \
		{ VMB_LIFE_##server_state, IS_##server_phase, server_holds }, \
	}

enum inject_step_number {
	NEITHER,
	CLIENT_WAITS,
	SERVER_WAITS,
	CLIENT_ASKS,
	CLIENT_HAS_ASKED,
	SERVER_OPENED,
	SERVER_ANSWERS,
	CLIENT_OPENED,
	SERVER_STARTED,
	CLIENT_STARTED,
	SERVER_POST_STARTED,
	CLIENT_POST_STARTED,
	RUNNING,
	CLIENT_PAUSING,
	SERVER_PAUSING,
	CLIENT_PAUSED,
	SERVER_PAUSED,
	/* The client ends it. */
	C_CLIENT_SUSPEND,
	C_CLIENT_DRAIN,
	C_CLIENT_CLOSE,
	C_SERVER_SUSPEND,
	C_SERVER_DRAIN,
	C_SERVER_CLOSE,
	C_SERVER_CLOSED,
	C_SERVER_LOOKS,
	C_CLIENT_CLOSED,
	C_CLIENT_LAST,
	/* The server ends it. */
	S_SERVER_SUSPEND,
	S_SERVER_DRAIN,
	S_SERVER_CLOSE,
	S_CLIENT_SUSPEND,
	S_CLIENT_DRAIN,
	S_CLIENT_CLOSE,
	S_CLIENT_CLOSED,
	S_CLIENT_LAST,
	S_SERVER_CLOSED,
	S_SERVER_LAST,
	/* One of them hibernates. */
	CLIENT_HIBERNATES_SUSPEND,
	CLIENT_HIBERNATES_CLOSED,
	CLIENT_HIBERNATES,
	SERVER_HIBERNATES_SUSPEND,
	SERVER_HIBERNATES_CLOSED,
	SERVER_HIBERNATES,
	STEPS
};

static const struct inject_step steps[STEPS] = {
	[NEITHER] = { "neither is enabled", NOTHING, CLIENT, NOWHERE,
		      STAND(DISABLED, CLOSED, DISABLED, CLOSED) },
	[CLIENT_WAITS] = { "client waits for an offer", NOTHING, CLIENT, NOWHERE,
			   STAND(ENABLED, CLOSED, DISABLED, CLOSED) },
	[SERVER_WAITS] = { "server waits for a client", NOTHING, CLIENT, NOWHERE,
			   STAND(DISABLED, CLOSED, ENABLED, CLOSED) },
	[CLIENT_ASKS] = { "client is about to ask", CONNECT, CLIENT, OPEN,
			  STAND(OPENING, CLOSED, ENABLED, CLOSED) },
	[CLIENT_HAS_ASKED] = { "client has asked", CONNECT, SERVER, OPEN,
			       STAND(OPENING, CLOSED, OPENING, CLOSED) },
	[SERVER_OPENED] = { "server's opened", CONNECT, SERVER, OPENED,
			    STAND(OPENING, CLOSED, OPENING, CLOSED) },
	[SERVER_ANSWERS] = { "server is about to answer", CONNECT, SERVER, ANSWER,
			     STAND(OPENING, CLOSED, OPENING, OPENED) },
	[CLIENT_OPENED] = { "client's opened", CONNECT, CLIENT, OPENED,
			    STAND(OPENING, CLOSED, OPEN, RUNNING) },
	[SERVER_STARTED] = { "server's started", CONNECT, SERVER, STARTED,
			     STAND(OPEN, RUNNING, OPEN, OPENED) },
	[CLIENT_STARTED] = { "client's started", CONNECT, CLIENT, STARTED,
			     STAND(OPEN, OPENED, OPEN, RUNNING) },
	[SERVER_POST_STARTED] = { "server's post_started", CONNECT, SERVER, POST_STARTED,
				  STAND(OPEN, RUNNING, OPEN, STARTED) },
	[CLIENT_POST_STARTED] = { "client's post_started", CONNECT, CLIENT, POST_STARTED,
				  STAND(OPEN, STARTED, OPEN, RUNNING) },
	[RUNNING] = { "running", STAY, CLIENT, NOWHERE,
		      STAND_HOLDING(OPEN, RUNNING, true, OPEN, RUNNING, true) },
	[CLIENT_PAUSING] = { "client is pausing", PAUSE_CLIENT, CLIENT, DRAIN,
			     STAND_HOLDING(OPEN, SUSPENDED, true, OPEN, RUNNING, true) },
	[SERVER_PAUSING] = { "server is pausing", PAUSE_SERVER, SERVER, DRAIN,
			     STAND_HOLDING(OPEN, RUNNING, true, OPEN, SUSPENDED, true) },
	[CLIENT_PAUSED] = { "client is paused", PAUSE_CLIENT, CLIENT, NOWHERE,
			    STAND_HOLDING(OPEN, SUSPENDED, false, OPEN, RUNNING, true) },
	[SERVER_PAUSED] = { "server is paused", PAUSE_SERVER, SERVER, NOWHERE,
			    STAND_HOLDING(OPEN, RUNNING, true, OPEN, SUSPENDED, false) },

	[C_CLIENT_SUSPEND] = { "client ends, its suspend", DISABLE_CLIENT, CLIENT, SUSPEND,
			       STAND_HOLDING(CLOSING, SUSPENDED, true, OPEN, RUNNING, true) },
	[C_CLIENT_DRAIN] = { "client ends, it drains", DISABLE_CLIENT, CLIENT, DRAIN,
			     STAND_HOLDING(CLOSING, SUSPENDED, true, OPEN, RUNNING, true) },
	[C_CLIENT_CLOSE] = { "client ends, it closes", DISABLE_CLIENT, CLIENT, CLOSE,
			     STAND_HOLDING(CLOSING, SUSPENDED, false, OPEN, RUNNING, true) },
	[C_SERVER_SUSPEND] = { "client ends, server's suspend", DISABLE_CLIENT, SERVER, SUSPEND,
			       STAND_HOLDING(CLOSING, SUSPENDED, false,
					     CLOSING, SUSPENDED, true) },
	[C_SERVER_DRAIN] = { "client ends, server drains", DISABLE_CLIENT, SERVER, DRAIN,
			     STAND_HOLDING(CLOSING, SUSPENDED, false, CLOSING, SUSPENDED, true) },
	[C_SERVER_CLOSE] = { "client ends, server closes", DISABLE_CLIENT, SERVER, CLOSE,
			     STAND(CLOSING, SUSPENDED, CLOSING, SUSPENDED) },
	[C_SERVER_CLOSED] = { "client ends, server's closed", DISABLE_CLIENT, SERVER, CLOSED,
			      STAND(DISABLED, CLOSED, CLOSING, CLOSED) },
	[C_SERVER_LOOKS] = { "client ends, server offers anew", DISABLE_CLIENT, SERVER, FIND_PEER,
			     STAND(DISABLED, CLOSED, ENABLED, CLOSED) },
	[C_CLIENT_CLOSED] = { "client ends, its closed", DISABLE_CLIENT, CLIENT, CLOSED,
			      STAND(CLOSING, CLOSED, ENABLED, CLOSED) },
	[C_CLIENT_LAST] = { "client ends, its last step", DISABLE_CLIENT, CLIENT, UNPREPARE,
			    STAND(CLOSING, CLOSED, ENABLED, CLOSED) },

	[S_SERVER_SUSPEND] = { "server ends, its suspend", DISABLE_SERVER, SERVER, SUSPEND,
			       STAND_HOLDING(OPEN, RUNNING, true, CLOSING, SUSPENDED, true) },
	[S_SERVER_DRAIN] = { "server ends, it drains", DISABLE_SERVER, SERVER, DRAIN,
			     STAND_HOLDING(OPEN, RUNNING, true, CLOSING, SUSPENDED, true) },
	[S_SERVER_CLOSE] = { "server ends, it closes", DISABLE_SERVER, SERVER, CLOSE,
			     STAND_HOLDING(OPEN, RUNNING, true, CLOSING, SUSPENDED, false) },
	[S_CLIENT_SUSPEND] = { "server ends, client's suspend", DISABLE_SERVER, CLIENT, SUSPEND,
			       STAND_HOLDING(CLOSING, SUSPENDED, true, DISABLED, CLOSED, false) },
	[S_CLIENT_DRAIN] = { "server ends, client drains", DISABLE_SERVER, CLIENT, DRAIN,
			     STAND_HOLDING(CLOSING, SUSPENDED, true, DISABLED, CLOSED, false) },
	[S_CLIENT_CLOSE] = { "server ends, client closes", DISABLE_SERVER, CLIENT, CLOSE,
			     STAND(CLOSING, SUSPENDED, DISABLED, CLOSED) },
	[S_CLIENT_CLOSED] = { "server ends, client's closed", DISABLE_SERVER, CLIENT, CLOSED,
			      STAND(CLOSING, CLOSED, DISABLED, CLOSED) },
	[S_CLIENT_LAST] = { "server ends, client's last step", DISABLE_SERVER, CLIENT, UNPREPARE,
			    STAND(CLOSING, CLOSED, DISABLED, CLOSED) },
	[S_SERVER_CLOSED] = { "server ends, its closed", DISABLE_SERVER, SERVER, CLOSED,
			      STAND(DISABLED, CLOSED, CLOSING, CLOSED) },
	[S_SERVER_LAST] = { "server ends, its last step", DISABLE_SERVER, SERVER, UNPREPARE,
			    STAND(DISABLED, CLOSED, CLOSING, CLOSED) },

	[CLIENT_HIBERNATES_SUSPEND] = { "client hibernates, its suspend",
					HIBERNATE_CLIENT, CLIENT, SUSPEND,
					STAND(OPEN, SUSPENDED, OPEN, RUNNING) },
	[CLIENT_HIBERNATES_CLOSED] = { "client hibernates, its closed",
				       HIBERNATE_CLIENT, CLIENT, CLOSED,
				       STAND(CLOSING, CLOSED, ENABLED, CLOSED) },
	[CLIENT_HIBERNATES] = { "client hibernates",
				HIBERNATE_CLIENT, CLIENT, NOWHERE,
				STAND(ENABLED, CLOSED, ENABLED, CLOSED) },
	[SERVER_HIBERNATES_SUSPEND] = { "server hibernates, its suspend",
					HIBERNATE_SERVER, SERVER, SUSPEND,
					STAND(OPEN, RUNNING, OPEN, SUSPENDED) },
	[SERVER_HIBERNATES_CLOSED] = { "server hibernates, its closed",
				       HIBERNATE_SERVER, SERVER, CLOSED,
				       STAND(DISABLED, CLOSED, CLOSING, CLOSED) },
	[SERVER_HIBERNATES] = { "server hibernates",
				HIBERNATE_SERVER, SERVER, NOWHERE,
				STAND(DISABLED, CLOSED, ENABLED, CLOSED) },
};

/**
 * struct inject_case - an event at a step
 * @step: where.
 * @kind: what.
 * @side: to whom.
 */
struct inject_case {
	enum inject_step_number step;
	enum inject_kind kind;
	enum inject_side side;
};

#define BOTH(step, kind)	{ step, kind, CLIENT }, { step, kind, SERVER }
/* What can happen anywhere. */
#define ALWAYS(step)							\
	BOTH(step, PAUSE), BOTH(step, START), BOTH(step, SEND)
/* Calls of enable and disable on one channel do not overlap. */
#define LIFE_OF(step, side)	{ step, DISABLE, side }, { step, ENABLE, side }
#define LIFE(step)		LIFE_OF(step, CLIENT), LIFE_OF(step, SERVER)
/* A VM that shuts down has clients only: servers are on loopback. */
#define PM(step)		BOTH(step, HIBERNATE), { step, SHUT_DOWN, CLIENT }
#define ANYTHING(step)		ALWAYS(step), LIFE(step), PM(step)
/* While the client, or the server, is in a call of disable. */
#define CLIENT_ENDS(step)						\
	ALWAYS(step), LIFE_OF(step, SERVER), PM(step)
#define SERVER_ENDS(step)						\
	ALWAYS(step), LIFE_OF(step, CLIENT), PM(step)
/* Or its VM is in a call of suspend. */
#define CLIENT_IN_PM(step)	ALWAYS(step), LIFE(step), { step, HIBERNATE, SERVER }
#define SERVER_IN_PM(step)						\
	ALWAYS(step), LIFE(step), { step, HIBERNATE, CLIENT }, { step, SHUT_DOWN, CLIENT }
/* Where there is a ring. */
#define FRAMING_OF(step, side)	{ step, LOSE_FRAMING, side }
#define FRAMING(step)		BOTH(step, LOSE_FRAMING)
/* Where packets are held. */
#define COMPLETE_OF(step, side)	{ step, COMPLETE, side }
#define COMPLETES(step)		BOTH(step, COMPLETE)
/* In callbacks. */
#define INSIDE(step, side)	{ step, CALL_INSIDE, side }

static struct inject_case cases[] = {
	ANYTHING(NEITHER),
	ANYTHING(CLIENT_WAITS),
	ANYTHING(SERVER_WAITS),
	ANYTHING(CLIENT_ASKS),
	ANYTHING(CLIENT_HAS_ASKED),
	ANYTHING(SERVER_OPENED), FRAMING_OF(SERVER_OPENED, SERVER),
	INSIDE(SERVER_OPENED, SERVER), { SERVER_OPENED, REFUSE, SERVER },
	ANYTHING(SERVER_ANSWERS), FRAMING_OF(SERVER_ANSWERS, SERVER),
	ANYTHING(CLIENT_OPENED), FRAMING(CLIENT_OPENED),
	INSIDE(CLIENT_OPENED, CLIENT), { CLIENT_OPENED, REFUSE, CLIENT },
	ANYTHING(SERVER_STARTED), FRAMING(SERVER_STARTED), INSIDE(SERVER_STARTED, SERVER),
	ANYTHING(CLIENT_STARTED), FRAMING(CLIENT_STARTED), INSIDE(CLIENT_STARTED, CLIENT),
	ANYTHING(SERVER_POST_STARTED), FRAMING(SERVER_POST_STARTED),
	INSIDE(SERVER_POST_STARTED, SERVER),
	ANYTHING(CLIENT_POST_STARTED), FRAMING(CLIENT_POST_STARTED),
	INSIDE(CLIENT_POST_STARTED, CLIENT),

	ANYTHING(RUNNING), FRAMING(RUNNING), COMPLETES(RUNNING),
	ANYTHING(CLIENT_PAUSING), FRAMING_OF(CLIENT_PAUSING, SERVER), COMPLETES(CLIENT_PAUSING),
	ANYTHING(SERVER_PAUSING), FRAMING_OF(SERVER_PAUSING, CLIENT), COMPLETES(SERVER_PAUSING),
	ANYTHING(CLIENT_PAUSED), FRAMING_OF(CLIENT_PAUSED, SERVER),
	COMPLETE_OF(CLIENT_PAUSED, SERVER),
	ANYTHING(SERVER_PAUSED), FRAMING_OF(SERVER_PAUSED, CLIENT),
	COMPLETE_OF(SERVER_PAUSED, CLIENT),

	CLIENT_ENDS(C_CLIENT_SUSPEND), FRAMING(C_CLIENT_SUSPEND), COMPLETES(C_CLIENT_SUSPEND),
	INSIDE(C_CLIENT_SUSPEND, CLIENT),
	CLIENT_ENDS(C_CLIENT_DRAIN), FRAMING(C_CLIENT_DRAIN), COMPLETES(C_CLIENT_DRAIN),
	CLIENT_ENDS(C_CLIENT_CLOSE), FRAMING(C_CLIENT_CLOSE), COMPLETE_OF(C_CLIENT_CLOSE, SERVER),
	CLIENT_ENDS(C_SERVER_SUSPEND), FRAMING(C_SERVER_SUSPEND),
	COMPLETE_OF(C_SERVER_SUSPEND, SERVER), INSIDE(C_SERVER_SUSPEND, SERVER),
	CLIENT_ENDS(C_SERVER_DRAIN), FRAMING(C_SERVER_DRAIN), COMPLETE_OF(C_SERVER_DRAIN, SERVER),
	CLIENT_ENDS(C_SERVER_CLOSE), FRAMING(C_SERVER_CLOSE),
	ANYTHING(C_SERVER_CLOSED), INSIDE(C_SERVER_CLOSED, SERVER),
	ANYTHING(C_SERVER_LOOKS),
	CLIENT_ENDS(C_CLIENT_CLOSED), INSIDE(C_CLIENT_CLOSED, CLIENT),
	CLIENT_ENDS(C_CLIENT_LAST),

	SERVER_ENDS(S_SERVER_SUSPEND), FRAMING(S_SERVER_SUSPEND), COMPLETES(S_SERVER_SUSPEND),
	INSIDE(S_SERVER_SUSPEND, SERVER),
	SERVER_ENDS(S_SERVER_DRAIN), FRAMING(S_SERVER_DRAIN), COMPLETES(S_SERVER_DRAIN),
	SERVER_ENDS(S_SERVER_CLOSE), FRAMING(S_SERVER_CLOSE), COMPLETE_OF(S_SERVER_CLOSE, CLIENT),
	ANYTHING(S_CLIENT_SUSPEND), FRAMING_OF(S_CLIENT_SUSPEND, CLIENT),
	COMPLETE_OF(S_CLIENT_SUSPEND, CLIENT), INSIDE(S_CLIENT_SUSPEND, CLIENT),
	ANYTHING(S_CLIENT_DRAIN), FRAMING_OF(S_CLIENT_DRAIN, CLIENT),
	COMPLETE_OF(S_CLIENT_DRAIN, CLIENT),
	ANYTHING(S_CLIENT_CLOSE), FRAMING_OF(S_CLIENT_CLOSE, CLIENT),
	ANYTHING(S_CLIENT_CLOSED), INSIDE(S_CLIENT_CLOSED, CLIENT),
	ANYTHING(S_CLIENT_LAST),
	SERVER_ENDS(S_SERVER_CLOSED), INSIDE(S_SERVER_CLOSED, SERVER),
	SERVER_ENDS(S_SERVER_LAST),

	CLIENT_IN_PM(CLIENT_HIBERNATES_SUSPEND), FRAMING(CLIENT_HIBERNATES_SUSPEND),
	INSIDE(CLIENT_HIBERNATES_SUSPEND, CLIENT),
	CLIENT_IN_PM(CLIENT_HIBERNATES_CLOSED), INSIDE(CLIENT_HIBERNATES_CLOSED, CLIENT),
	CLIENT_IN_PM(CLIENT_HIBERNATES),
	SERVER_IN_PM(SERVER_HIBERNATES_SUSPEND), FRAMING(SERVER_HIBERNATES_SUSPEND),
	INSIDE(SERVER_HIBERNATES_SUSPEND, SERVER),
	SERVER_IN_PM(SERVER_HIBERNATES_CLOSED), INSIDE(SERVER_HIBERNATES_CLOSED, SERVER),
	SERVER_IN_PM(SERVER_HIBERNATES),
};

static void inject_describe(struct inject_case *this, char *description)
{
	static const char * const kinds[] = {
		[DISABLE] = "is disabled",
		[ENABLE] = "is enabled",
		[PAUSE] = "is paused",
		[START] = "is started",
		[HIBERNATE] = "hibernates and resumes",
		[SHUT_DOWN] = "shuts down",
		[LOSE_FRAMING] = "loses framing",
		[SEND] = "sends",
		[COMPLETE] = "completes",
		[REFUSE] = "refuses to open",
		[CALL_INSIDE] = "calls what it must not",
	};

	snprintf(description, KUNIT_PARAM_DESC_SIZE, "%s: %s %s", steps[this->step].name,
		 this->side == CLIENT ? "client" : "server", kinds[this->kind]);
}

KUNIT_ARRAY_PARAM(inject, cases, inject_describe);

static bool will_be_open(const struct inject_outcome outcome[SIDES])
{
	return outcome[CLIENT].enabled && outcome[SERVER].enabled && !outcome[CLIENT].shut_down;
}

/* Both are what they have to be, and stay so. */
static void expect_outcome(struct inject *inject, const struct inject_outcome outcome[SIDES])
{
	bool open = will_be_open(outcome);
	struct kunit *test = inject->test;
	enum inject_side side;

	for (side = CLIENT; side < SIDES; side++) {
		struct inject_end *end = &inject->ends[side];
		struct vmb_life *life = &end->channel->life;
		enum vmb_life_state state = open ? VMB_LIFE_OPEN : VMB_LIFE_ENABLED;

		if (!outcome[side].enabled)
			state = VMB_LIFE_DISABLED;
		INJECT_ASSERT_SOON(test, READ_ONCE(life->state) == state && inject_is_idle(end),
				   "side %u is in state %u, not %u", side, life->state, state);
		if (open)
			INJECT_ASSERT_SOON(test, inject_is_idle(end) &&
					   (READ_ONCE(end->phase) == IS_RUNNING) ==
					   outcome[side].flows,
					   "side %u is in phase %u", side, end->phase);
		if (outcome[side].reason && end->closed)
			KUNIT_EXPECT_EQ_MSG(test, end->closed, outcome[side].reason,
					    "side %u", side);
	}
}

/* A packet each way, and its answer. */
static void expect_packets_pass(struct inject *inject)
{
	struct kunit *test = inject->test;
	enum inject_side side;

	for (side = CLIENT; side < SIDES; side++) {
		struct inject_end *end = &inject->ends[side];
		struct inject_send *send = &end->sends[SEND_TO_TRY];
		u64 before = READ_ONCE(inject->ends[!side].received);

		KUNIT_ASSERT_EQ(test, inject_send(end, SEND_TO_TRY), 0);
		INJECT_ASSERT_SOON(test, READ_ONCE(send->ends) == send->accepted,
				   "side %u gets no answer", side);
		KUNIT_EXPECT_EQ(test, send->status, 0);
		KUNIT_EXPECT_GT(test, READ_ONCE(inject->ends[!side].received), before);
	}
}

/* Nobody need wait for nobody: in either order. */
static void disable_both(struct inject *inject, enum inject_side first)
{
	enum inject_side side;

	for (side = CLIENT; side < SIDES; side++) {
		enum inject_side now = side == CLIENT ? first : !first;

		inject_call(&inject->disable[now], &inject->ends[now], inject_disable);
		inject_expect_return(inject, &inject->disable[now], 0, "disable");
	}
	for (side = CLIENT; side < SIDES; side++)
		INJECT_ASSERT_SOON(inject->test, inject_is_idle(&inject->ends[side]),
				   "side %u does not become idle", side);
	for (side = CLIENT; side < SIDES; side++)
		inject_expect_sound(inject, &inject->ends[side]);
	KUNIT_EXPECT_TRUE(inject->test, list_empty(&vmb_loopback_offers));
}

/* What was sent in the event goes out, for the connection stays, or the VM resumes. */
static void expect_send_succeeds(struct inject *inject, const struct inject_step *step,
				 enum inject_side side)
{
	struct inject_send *send = &inject->ends[side].sends[SEND_OF_EVENT];

	/* Its peer had it, and hibernates. */
	if (!send->accepted || (step->begin == HIBERNATE_CLIENT && side == SERVER &&
				step->standing[SERVER].state == VMB_LIFE_OPEN))
		return;
	INJECT_ASSERT_SOON(inject->test, READ_ONCE(send->ends), "nobody answers");
	KUNIT_EXPECT_EQ(inject->test, send->status, 0);
}

static void anything_at_any_step(struct kunit *test)
{
	const struct inject_case *this = test->param_value;
	const struct inject_step *step = &steps[this->step];
	struct inject_outcome outcome[SIDES];
	struct inject *inject = test->priv;
	enum inject_side side, first = (this - cases) % SIDES;

	inject_predict(step, this->kind, this->side, outcome);
	inject_go_to(inject, step);
	inject_happen(inject, step, this->kind, this->side);
	inject_go_on(inject, step, this->kind);
	expect_outcome(inject, outcome);
	if (will_be_open(outcome)) {
		for (side = CLIENT; side < SIDES; side++)
			if (!outcome[side].flows)
				KUNIT_EXPECT_EQ(test, inject_start(&inject->ends[side]), 0);
		expect_packets_pass(inject);
		if (this->kind == SEND)
			expect_send_succeeds(inject, step, this->side);
	}
	if (this->kind == SHUT_DOWN)
		KUNIT_EXPECT_EQ(test, inject_send(&inject->ends[CLIENT], SEND_TO_TRY), -ENODEV);
	disable_both(inject, first);
	/* A channel that knows that its VM has shut down does not come back. */
	if (this->kind == SHUT_DOWN)
		return;

	/* And again. */
	KUNIT_ASSERT_EQ(test, inject_enable(&inject->ends[!first]), 0);
	KUNIT_ASSERT_EQ(test, inject_enable(&inject->ends[first]), 0);
	if (!outcome[CLIENT].enabled && !outcome[CLIENT].flows) {
		/* Paused while it was disabled: that holds for one enable. */
		INJECT_ASSERT_SOON(test, READ_ONCE(inject->ends[CLIENT].phase) == IS_OPENED &&
				   inject_is_idle(&inject->ends[CLIENT]),
				   "the client does not come up paused");
		KUNIT_ASSERT_EQ(test, inject_start(&inject->ends[CLIENT]), 0);
	}
	for (side = CLIENT; side < SIDES; side++)
		INJECT_ASSERT_SOON(test, READ_ONCE(inject->ends[side].phase) == IS_RUNNING,
				   "side %u does not run again", side);
	expect_packets_pass(inject);
	disable_both(inject, !first);
}

static void stand_still(struct inject *inject, struct inject_end *end)
{
	KUNIT_ASSERT_NE(inject->test,
			wait_for_completion_timeout(&end->reached, INJECT_PATIENCE), 0);
}

static void enable_server(struct inject *inject)
{
	struct inject_end *server = &inject->ends[SERVER];

	KUNIT_ASSERT_EQ(inject->test, inject_enable(server), 0);
	INJECT_ASSERT_SOON(inject->test,
			   READ_ONCE(server->channel->life.peer) == VMB_LIFE_PEER_AWAITED &&
			   inject_is_idle(server), "the server does not wait");
}

/*
 * The offer goes while the client is about to ask for it, and the next one comes
 * before it has gone back to waiting: it is told when it does not listen.
 */
static void next_offer_comes_when_one_was_missed(struct kunit *test)
{
	struct inject *inject = test->priv;
	struct inject_end *client = &inject->ends[CLIENT];
	struct inject_end *server = &inject->ends[SERVER];
	enum inject_side side;

	enable_server(inject);
	WRITE_ONCE(client->stop_at, OPEN);
	KUNIT_ASSERT_EQ(test, inject_enable(client), 0);
	stand_still(inject, client);
	inject_call(&inject->disable[SERVER], server, inject_disable);
	inject_expect_return(inject, &inject->disable[SERVER], 0, "disable");
	WRITE_ONCE(client->stop_at, MISSED);
	complete(&client->go_on);
	stand_still(inject, client);
	enable_server(inject);
	complete(&client->go_on);
	for (side = CLIENT; side < SIDES; side++)
		INJECT_ASSERT_SOON(test, READ_ONCE(inject->ends[side].phase) == IS_RUNNING,
				   "side %u does not run", side);
	expect_packets_pass(inject);
	disable_both(inject, CLIENT);
}

static struct kunit_case inject_cases[] = {
	KUNIT_CASE(next_offer_comes_when_one_was_missed),
	KUNIT_CASE_PARAM(anything_at_any_step, inject_gen_params),
	{}
};

static struct kunit_suite inject_suite = {
	.name = "vmbkmcl_life_inject",
	.init = inject_init,
	.exit = inject_exit,
	.test_cases = inject_cases,
};

kunit_test_suite(inject_suite);
