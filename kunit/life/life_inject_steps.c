// SPDX-License-Identifier: GPL-2.0
/*
 * How a connection gets to a step, what happens there, and what has to come of
 * it by what vmbkmcl.h says. See life_inject.h.
 */
#include "life_inject.h"

/* Going there. */

static enum inject_side inject_beginner(const struct inject_step *step)
{
	switch (step->begin) {
	case PAUSE_SERVER:
	case DISABLE_SERVER:
	case HIBERNATE_SERVER:
		return SERVER;
	default:
		return CLIENT;
	}
}

/* Does the step's VM hibernate, so to speak? */
static bool inject_hibernates(const struct inject_step *step)
{
	return step->begin == HIBERNATE_CLIENT || step->begin == HIBERNATE_SERVER;
}

static bool inject_stands(struct inject_end *end, const struct inject_standing *standing)
{
	return READ_ONCE(end->channel->life.state) == standing->state &&
	       READ_ONCE(end->phase) == standing->phase;
}

/* Both are as the step has it; who does not stand still has nothing left to do. */
static void inject_expect_standing(struct inject *inject, const struct inject_step *step)
{
	enum inject_side side;

	for (side = CLIENT; side < SIDES; side++) {
		struct inject_end *end = &inject->ends[side];
		const struct inject_standing *standing = &step->standing[side];
		bool waits = standing->state == VMB_LIFE_OPENING ||
			     standing->state == VMB_LIFE_CLOSING ||
			     (step->point != NOWHERE && step->side == side);

		INJECT_ASSERT_SOON(inject->test, inject_stands(end, standing) &&
				   (waits || inject_is_idle(end)),
				   "side %u is in state %u, phase %u", side,
				   end->channel->life.state, end->phase);
		KUNIT_ASSERT_EQ(inject->test, end->held_count, standing->holds);
	}
}

static void inject_expect_waiting(struct inject *inject, struct inject_end *end)
{
	INJECT_ASSERT_SOON(inject->test,
			   READ_ONCE(end->channel->life.state) == VMB_LIFE_ENABLED &&
			   READ_ONCE(end->channel->life.peer) == VMB_LIFE_PEER_AWAITED &&
			   inject_is_idle(end),
			   "side %u does not wait", end->side);
}

static void inject_expect_running(struct inject *inject, struct inject_end *end)
{
	INJECT_ASSERT_SOON(inject->test,
			   READ_ONCE(end->channel->life.state) == VMB_LIFE_OPEN &&
			   READ_ONCE(end->phase) == IS_RUNNING && inject_is_idle(end),
			   "side %u does not run", end->side);
}

/* Each that is to hold a packet gets one from the other. */
static void inject_hold(struct inject *inject, const struct inject_step *step)
{
	enum inject_side side;

	for (side = CLIENT; side < SIDES; side++) {
		struct inject_end *end = &inject->ends[side];

		if (!step->standing[side].holds)
			continue;
		WRITE_ONCE(end->holds, true);
		KUNIT_ASSERT_EQ(inject->test,
				inject_send(&inject->ends[!side], SEND_OF_STEP), 0);
		INJECT_ASSERT_SOON(inject->test, READ_ONCE(end->held_count),
				   "side %u gets no packet", side);
	}
}

static void inject_connect(struct inject *inject)
{
	enum inject_side side;

	for (side = CLIENT; side < SIDES; side++)
		KUNIT_ASSERT_EQ(inject->test, inject_enable(&inject->ends[side]), 0);
	for (side = CLIENT; side < SIDES; side++)
		inject_expect_running(inject, &inject->ends[side]);
}

static void inject_begin(struct inject *inject, const struct inject_step *step)
{
	static int (* const calls[])(struct inject_end *end) = {
		[PAUSE_CLIENT] = inject_pause,
		[PAUSE_SERVER] = inject_pause,
		[DISABLE_CLIENT] = inject_disable,
		[DISABLE_SERVER] = inject_disable,
		[HIBERNATE_CLIENT] = inject_pm_close,
		[HIBERNATE_SERVER] = inject_pm_close,
	};

	if (calls[step->begin])
		inject_call(&inject->begin, &inject->ends[inject_beginner(step)],
			    calls[step->begin]);
}

/* Suspend has returned, and the worker waits for the driver. */
static bool inject_drains(struct inject_end *end)
{
	return READ_ONCE(end->phase) == IS_SUSPENDED && !READ_ONCE(end->inside) &&
	       wq_has_sleeper(&end->channel->outbound.drained);
}

void inject_go_to(struct inject *inject, const struct inject_step *step)
{
	struct inject_end *ends = inject->ends;
	struct inject_end *still = &ends[step->side];
	struct kunit *test = inject->test;

	switch (step->begin) {
	case NOTHING:
		if (step->standing[CLIENT].state == VMB_LIFE_ENABLED) {
			KUNIT_ASSERT_EQ(test, inject_enable(&ends[CLIENT]), 0);
			inject_expect_waiting(inject, &ends[CLIENT]);
		}
		if (step->standing[SERVER].state == VMB_LIFE_ENABLED) {
			KUNIT_ASSERT_EQ(test, inject_enable(&ends[SERVER]), 0);
			inject_expect_waiting(inject, &ends[SERVER]);
		}
		break;
	case CONNECT:
		KUNIT_ASSERT_EQ(test, inject_enable(&ends[SERVER]), 0);
		inject_expect_waiting(inject, &ends[SERVER]);
		WRITE_ONCE(still->stop_at, step->point);
		KUNIT_ASSERT_EQ(test, inject_enable(&ends[CLIENT]), 0);
		break;
	default:
		inject_connect(inject);
		inject_hold(inject, step);
		if (step->point != DRAIN)
			WRITE_ONCE(still->stop_at, step->point);
		inject_begin(inject, step);
		break;
	}
	if (step->point == DRAIN)
		INJECT_ASSERT_SOON(test, inject_drains(still), "it does not drain");
	else if (step->point != NOWHERE)
		KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&still->reached,
								  INJECT_PATIENCE), 0);
	inject_expect_standing(inject, step);
	/* A call that is through by now says so before anything else happens. */
	if (step->standing[inject_beginner(step)].state == VMB_LIFE_DISABLED ||
	    step->standing[inject_beginner(step)].state == VMB_LIFE_ENABLED)
		inject_expect_return(inject, &inject->begin, 0, "what led to the step");
}

/* What happens. */

static int inject_hibernate(struct inject_end *end)
{
	int ret = inject_pm_close(end);

	vmb_life_pm_resume(end->channel);
	return ret;
}

/* The peer writes an index that cannot be. */
static int inject_lose_framing(struct inject_end *end)
{
	/* pairs with the reader's load of the index */
	smp_store_release(&end->channel->inbound.reader.ring.control->write_index,
			  cpu_to_le32(4));
	end->channel->operations->schedule(end->channel);
	return 0;
}

static int inject_send_event(struct inject_end *end)
{
	return inject_send(end, SEND_OF_EVENT);
}

/* All that is forbidden in a callback, as one errno; or what else it was. */
static int inject_forbidden(struct inject_end *end)
{
	int pause = vmb_channel_pause(end->channel);
	int start = vmb_channel_start(end->channel);
	int disable = vmb_channel_disable(end->channel);
	int enable = vmb_channel_enable(end->channel);

	if (enable != -EBUSY)
		return enable;
	return pause == start && start == disable ? disable : -EIO;
}

/* Has it begun to take effect? Of what waits for who stands still. */
static bool inject_has_effect(struct inject_end *end, enum inject_kind kind)
{
	const struct vmb_life *life = &end->channel->life;

	switch (kind) {
	case DISABLE:
		return READ_ONCE(life->stop) == VMB_LIFE_STOP_DISABLE;
	case PAUSE:
		return READ_ONCE(life->flow) == VMB_FLOW_PAUSING;
	case HIBERNATE:
	case SHUT_DOWN:
		return !vmb_pm_may_run(READ_ONCE(life->pm));
	default:
		return false;
	}
}

/* What the event's call has to return, by the text of vmbkmcl.h. */
static int inject_result(const struct inject_step *step, enum inject_kind kind,
			 enum inject_side side)
{
	enum vmb_life_state state = step->standing[side].state;
	bool beginner = inject_beginner(step) == side;

	switch (kind) {
	case ENABLE:
		return state == VMB_LIFE_DISABLED ? 0 : -EBUSY;
	case START:
		if (state == VMB_LIFE_DISABLED)
			return -EINVAL;
		/* Pause has not returned yet. */
		return beginner && step->point == DRAIN &&
		       (step->begin == PAUSE_CLIENT || step->begin == PAUSE_SERVER) ?
		       -EBUSY : 0;
	case SEND:
		/* The packets of a VM that hibernates go out when it resumes. */
		if (beginner && inject_hibernates(step))
			return 0;
		/* A server that lives on sends for its next client. */
		if (side == SERVER && step->side == SERVER && step->point == CLOSED &&
		    step->begin == DISABLE_CLIENT)
			return 0;
		return state == VMB_LIFE_DISABLED || state == VMB_LIFE_CLOSING ? -ENODEV : 0;
	default:
		return 0;
	}
}

/* Does it end the connection, from a side that does not stand still? */
static bool inject_ends(const struct inject_step *step, enum inject_kind kind,
			enum inject_side side)
{
	if (step->standing[side].state != VMB_LIFE_OPEN ||
	    (step->point != NOWHERE && step->side == side))
		return false;
	return kind == DISABLE || kind == HIBERNATE || kind == SHUT_DOWN ||
	       kind == LOSE_FRAMING;
}

/* Has a side that closes got as far as it can while the other stands still? */
static bool inject_is_through(struct inject *inject, enum inject_side side)
{
	struct vmb_channel *server = inject->ends[SERVER].channel;
	const struct vmb_life *life = &inject->ends[side].channel->life;
	enum vmb_life_state state = READ_ONCE(life->state);

	/* A client waits until its server has let go. */
	if (side == CLIENT && server->operations->peer_gone(server))
		return true;
	return state == VMB_LIFE_DISABLED || state == VMB_LIFE_ENABLED;
}

void inject_happen(struct inject *inject, const struct inject_step *step,
		   enum inject_kind kind, enum inject_side side)
{
	static int (* const calls[])(struct inject_end *end) = {
		[DISABLE] = inject_disable,
		[ENABLE] = inject_enable,
		[PAUSE] = inject_pause,
		[START] = inject_start,
		[HIBERNATE] = inject_hibernate,
		[SHUT_DOWN] = inject_shut_down,
		[LOSE_FRAMING] = inject_lose_framing,
		[SEND] = inject_send_event,
		[COMPLETE] = inject_complete,
	};
	int result = inject_result(step, kind, side);
	struct inject_end *end = &inject->ends[side];
	struct inject_call *call = &inject->event;

	if (kind == REFUSE) {
		end->opened_error = -EXDEV;
		return;
	}
	if (kind == CALL_INSIDE) {
		WRITE_ONCE(end->inside_call, inject_forbidden);
		return;
	}
	inject_call(call, end, calls[kind]);
	INJECT_ASSERT_SOON(inject->test, completion_done(&call->returned) ||
			   inject_has_effect(end, kind), "the event has no effect");
	if (inject_ends(step, kind, side)) {
		/* Its driver does not stand still, and is told to come to an end. */
		inject_complete(end);
		INJECT_ASSERT_SOON(inject->test, inject_is_through(inject, side) ||
				   (kind != LOSE_FRAMING && completion_done(&call->returned)),
				   "side %u does not close", side);
	}
	if (kind == DISABLE || kind == PAUSE || kind == HIBERNATE || kind == SHUT_DOWN)
		return;
	/* In suspend it is early for -ENODEV and late for a send: both will do. */
	if (kind == SEND && step->point == SUSPEND && step->side == side &&
	    result == -ENODEV && end->sends[SEND_OF_EVENT].accepted)
		result = 0;
	inject_expect_return(inject, call, result, "the event");
}

void inject_go_on(struct inject *inject, const struct inject_step *step,
		  enum inject_kind kind)
{
	struct inject_end *still = &inject->ends[step->side];
	enum inject_side side;

	for (side = CLIENT; side < SIDES; side++)
		inject_complete(&inject->ends[side]);
	complete(&still->go_on);
	inject_expect_return(inject, &inject->begin, 0, "what led to the step");
	if (inject_hibernates(step))
		vmb_life_pm_resume(inject->ends[inject_beginner(step)].channel);
	inject_expect_return(inject, &inject->event, 0, "the event");
	if (kind == CALL_INSIDE) {
		/* pairs with the release in inject_pass() */
		INJECT_ASSERT_SOON(inject->test, !smp_load_acquire(&still->inside_call),
				   "the callback calls nothing");
		KUNIT_EXPECT_EQ(inject->test, still->inside_result, -EDEADLK);
	}
}

/* What has to come of it. */

/* Has the client been given a server, for better or worse? */
static bool inject_is_joined(const struct inject_step *step)
{
	enum vmb_life_state client = step->standing[CLIENT].state;
	enum vmb_life_state server = step->standing[SERVER].state;

	return client == VMB_LIFE_OPEN ||
	       (client == VMB_LIFE_OPENING &&
		(server == VMB_LIFE_OPENING || server == VMB_LIFE_OPEN));
}

/* What becomes of the step if nothing happens. */
static void inject_predict_step(const struct inject_step *step,
				struct inject_outcome outcome[SIDES])
{
	enum inject_side side, beginner = inject_beginner(step);

	for (side = CLIENT; side < SIDES; side++)
		outcome[side] = (struct inject_outcome) { .enabled = true, .flows = true };
	switch (step->begin) {
	case NOTHING:
		for (side = CLIENT; side < SIDES; side++)
			outcome[side].enabled = step->standing[side].state == VMB_LIFE_ENABLED;
		break;
	case PAUSE_CLIENT:
	case PAUSE_SERVER:
		outcome[beginner].flows = false;
		break;
	case DISABLE_CLIENT:
	case DISABLE_SERVER:
		outcome[CLIENT].enabled = false;
		outcome[SERVER].enabled = beginner == CLIENT;
		outcome[beginner].reason = VMB_CHANNEL_STOP_DISABLED;
		outcome[!beginner].reason = VMB_CHANNEL_STOP_PEER_GONE;
		break;
	case HIBERNATE_SERVER:
		/* To the client it is a server that went. */
		outcome[CLIENT].enabled = false;
		break;
	default:
		break;
	}
}

/* Is it, at this step, quiescing for its VM? */
static bool inject_is_quiescing_for_pm(const struct inject_step *step, enum inject_side side)
{
	return inject_hibernates(step) &&
	       inject_beginner(step) == side && step->standing[side].state == VMB_LIFE_OPEN;
}

/* The connection ends from this side. */
static void inject_predict_end(const struct inject_step *step, enum inject_side side,
			       enum vmb_channel_stop_reason reason,
			       struct inject_outcome outcome[SIDES])
{
	/* The first reason stays; of who is about to hibernate either will do. */
	if (!inject_is_quiescing_for_pm(step, side) &&
	    (step->standing[side].state == VMB_LIFE_OPEN ||
	     step->standing[side].state == VMB_LIFE_OPENING))
		outcome[side].reason = reason;
	if (!inject_is_joined(step))
		return;
	/* A client does not look for another server by itself. */
	outcome[CLIENT].enabled = false;
	if (!inject_is_quiescing_for_pm(step, !side) &&
	    step->begin != DISABLE_CLIENT && step->begin != DISABLE_SERVER)
		outcome[!side].reason = VMB_CHANNEL_STOP_PEER_GONE;
}

void inject_predict(const struct inject_step *step, enum inject_kind kind,
		    enum inject_side side, struct inject_outcome outcome[SIDES])
{
	struct inject_outcome *mine = &outcome[side];
	bool disabled = step->standing[side].state == VMB_LIFE_DISABLED;

	inject_predict_step(step, outcome);
	switch (kind) {
	case DISABLE:
		inject_predict_end(step, side, VMB_CHANNEL_STOP_DISABLED, outcome);
		mine->enabled = false;
		break;
	case ENABLE:
		mine->enabled |= disabled;
		break;
	case PAUSE:
		/* Of a client that is disabled: the next enable comes up so. */
		mine->flows = disabled && side == SERVER;
		break;
	case START:
		mine->flows |= inject_result(step, kind, side) == 0;
		break;
	case HIBERNATE:
		if (step->standing[side].state == VMB_LIFE_OPEN)
			mine->reason = VMB_CHANNEL_STOP_HIBERNATING;
		/* A client that a server leaves while it hibernates does not notice. */
		if (side == CLIENT && step->standing[CLIENT].state == VMB_LIFE_OPEN)
			mine->enabled = true;
		/* It comes back, but not to a server that went before. */
		if (side == SERVER && inject_is_joined(step))
			outcome[CLIENT].enabled = false;
		break;
	case SHUT_DOWN:
		inject_predict_end(step, side, VMB_CHANNEL_STOP_SHUTDOWN, outcome);
		/* But not if its close is for another reason. */
		mine->shut_down = !disabled && step->standing[side].state != VMB_LIFE_CLOSING;
		mine->enabled = mine->shut_down;
		break;
	case LOSE_FRAMING:
		if (step->standing[side].phase == IS_SUSPENDED)
			break;
		inject_predict_end(step, side, VMB_CHANNEL_STOP_FRAMING_LOST, outcome);
		break;
	case REFUSE:
		outcome[CLIENT].enabled = false;
		/* A client that was refused has never been open. */
		if (side == CLIENT)
			outcome[SERVER].reason = VMB_CHANNEL_STOP_PEER_GONE;
		break;
	default:
		break;
	}
	/* The next life of who is disabled begins as any does. */
	for (side = CLIENT; side < SIDES; side++)
		if (!outcome[side].enabled && !(kind == PAUSE && disabled))
			outcome[side].flows = true;
}
