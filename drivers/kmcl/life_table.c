// SPDX-License-Identifier: GPL-2.0
/*
 * The tables of states and events: for each pair the next state, or the errno of
 * a refusal. An empty place is -EINVAL: an event that only the worker causes, in a
 * state in which it cannot. And what the worker does in which state.
 */
#include <linux/errno.h>
#include <linux/types.h>

#include "life_table.h"

/* In the table 0 stands for "no entry", so states are kept plus one. */
#define TO(state)	((state) + 1)

static const s8 vmb_life_table[VMB_LIFE_STATES][VMB_LIFE_EVENTS] = {
	[VMB_LIFE_DISABLED] = {
		[VMB_LIFE_ENABLE] = TO(VMB_LIFE_ENABLED),
		[VMB_LIFE_STOP] = TO(VMB_LIFE_DISABLED),
	},
	[VMB_LIFE_ENABLED] = {
		[VMB_LIFE_ENABLE] = -EBUSY,
		[VMB_LIFE_STOP] = TO(VMB_LIFE_ENABLED),
		[VMB_LIFE_OPEN_BEGINS] = TO(VMB_LIFE_OPENING),
		[VMB_LIFE_CLOSE_BEGINS] = TO(VMB_LIFE_CLOSING),
	},
	/* A stop is remembered, and carried out when the open is through. */
	[VMB_LIFE_OPENING] = {
		[VMB_LIFE_ENABLE] = -EBUSY,
		[VMB_LIFE_STOP] = TO(VMB_LIFE_OPENING),
		[VMB_LIFE_PEER_MISSED] = TO(VMB_LIFE_ENABLED),
		[VMB_LIFE_OPENED] = TO(VMB_LIFE_OPEN),
		[VMB_LIFE_CLOSE_BEGINS] = TO(VMB_LIFE_CLOSING),
	},
	[VMB_LIFE_OPEN] = {
		[VMB_LIFE_ENABLE] = -EBUSY,
		[VMB_LIFE_STOP] = TO(VMB_LIFE_OPEN),
		[VMB_LIFE_CLOSE_BEGINS] = TO(VMB_LIFE_CLOSING),
	},
	[VMB_LIFE_CLOSING] = {
		[VMB_LIFE_ENABLE] = -EBUSY,
		[VMB_LIFE_STOP] = TO(VMB_LIFE_CLOSING),
		[VMB_LIFE_CLOSED] = TO(VMB_LIFE_ENABLED),
		[VMB_LIFE_FINISHED] = TO(VMB_LIFE_DISABLED),
	},
};

static const s8 vmb_flow_table[VMB_FLOW_STATES][VMB_FLOW_EVENTS] = {
	[VMB_FLOW_PAUSED] = {
		[VMB_FLOW_START] = TO(VMB_FLOW_READY),
		[VMB_FLOW_PAUSE] = TO(VMB_FLOW_PAUSED),
		[VMB_FLOW_CLOSE] = TO(VMB_FLOW_PAUSED),
		[VMB_FLOW_RESET_CLIENT] = TO(VMB_FLOW_READY),
		[VMB_FLOW_RESET_SERVER] = TO(VMB_FLOW_PAUSED),
	},
	[VMB_FLOW_READY] = {
		[VMB_FLOW_START] = TO(VMB_FLOW_READY),
		[VMB_FLOW_PAUSE] = TO(VMB_FLOW_PAUSED),
		[VMB_FLOW_RUN] = TO(VMB_FLOW_RUNNING),
		[VMB_FLOW_CLOSE] = TO(VMB_FLOW_READY),
		[VMB_FLOW_RESET_CLIENT] = TO(VMB_FLOW_READY),
		[VMB_FLOW_RESET_SERVER] = TO(VMB_FLOW_PAUSED),
	},
	[VMB_FLOW_RUNNING] = {
		[VMB_FLOW_START] = TO(VMB_FLOW_RUNNING),
		[VMB_FLOW_PAUSE] = TO(VMB_FLOW_PAUSING),
		[VMB_FLOW_CLOSE] = TO(VMB_FLOW_READY),
	},
	/* The thread that pauses waits for it: another one cannot start in between. */
	[VMB_FLOW_PAUSING] = {
		[VMB_FLOW_START] = -EBUSY,
		[VMB_FLOW_PAUSE] = TO(VMB_FLOW_PAUSING),
		[VMB_FLOW_PAUSED_NOW] = TO(VMB_FLOW_PAUSED),
		[VMB_FLOW_CLOSE] = TO(VMB_FLOW_PAUSED),
	},
};

static const s8 vmb_pm_table[VMB_PM_STATES][VMB_PM_EVENTS] = {
	[VMB_PM_ACTIVE] = {
		[VMB_PM_QUIESCE] = TO(VMB_PM_QUIESCING),
		[VMB_PM_CLOSE] = TO(VMB_PM_ACTIVE),
		[VMB_PM_RESUME] = TO(VMB_PM_ACTIVE),
		/* The VM resumed while the worker was about it. */
		[VMB_PM_QUIESCED_NOW] = TO(VMB_PM_RESUMING),
		[VMB_PM_REFUSED] = TO(VMB_PM_ACTIVE),
		[VMB_PM_QUIESCE_OVER] = TO(VMB_PM_ACTIVE),
	},
	[VMB_PM_QUIESCING] = {
		[VMB_PM_QUIESCE] = TO(VMB_PM_QUIESCING),
		[VMB_PM_CLOSE] = TO(VMB_PM_CLOSED),
		[VMB_PM_RESUME] = TO(VMB_PM_ACTIVE),
		[VMB_PM_QUIESCED_NOW] = TO(VMB_PM_QUIESCED),
		[VMB_PM_REFUSED] = TO(VMB_PM_ACTIVE),
		[VMB_PM_QUIESCE_OVER] = TO(VMB_PM_QUIESCING),
	},
	[VMB_PM_QUIESCED] = {
		[VMB_PM_QUIESCE] = TO(VMB_PM_QUIESCED),
		[VMB_PM_CLOSE] = TO(VMB_PM_CLOSING),
		[VMB_PM_RESUME] = TO(VMB_PM_RESUMING),
		/* It was about to flow again when it was asked anew: it does, first. */
		[VMB_PM_QUIESCE_OVER] = TO(VMB_PM_QUIESCING),
	},
	[VMB_PM_CLOSING] = {
		[VMB_PM_QUIESCE] = TO(VMB_PM_QUIESCED),
		[VMB_PM_CLOSE] = TO(VMB_PM_CLOSING),
		[VMB_PM_RESUME] = TO(VMB_PM_RESUMING),
		[VMB_PM_QUIESCE_OVER] = TO(VMB_PM_CLOSED),
	},
	[VMB_PM_CLOSED] = {
		[VMB_PM_QUIESCE] = TO(VMB_PM_QUIESCING),
		[VMB_PM_CLOSE] = TO(VMB_PM_CLOSED),
		[VMB_PM_RESUME] = TO(VMB_PM_ACTIVE),
		[VMB_PM_QUIESCED_NOW] = TO(VMB_PM_CLOSING),
		[VMB_PM_REFUSED] = TO(VMB_PM_ACTIVE),
		[VMB_PM_QUIESCE_OVER] = TO(VMB_PM_CLOSED),
	},
	[VMB_PM_RESUMING] = {
		[VMB_PM_QUIESCE] = TO(VMB_PM_QUIESCED),
		[VMB_PM_CLOSE] = TO(VMB_PM_RESUMING),
		[VMB_PM_RESUME] = TO(VMB_PM_RESUMING),
		[VMB_PM_QUIESCE_OVER] = TO(VMB_PM_ACTIVE),
	},
};

static int vmb_table_entry(s8 entry)
{
	if (entry > 0)
		return entry - 1;
	return entry ? entry : -EINVAL;
}

/* The next state of the life, or the errno of a refusal. */
int vmb_life_next(enum vmb_life_state state, enum vmb_life_event event)
{
	return vmb_table_entry(vmb_life_table[state][event]);
}

/* The next state of the flow, or the errno of a refusal. */
int vmb_flow_next(enum vmb_flow_state state, enum vmb_flow_event event)
{
	return vmb_table_entry(vmb_flow_table[state][event]);
}

/* The next state of power management, or the errno of a refusal. */
int vmb_pm_next(enum vmb_pm_state state, enum vmb_pm_event event)
{
	return vmb_table_entry(vmb_pm_table[state][event]);
}

static enum vmb_life_action vmb_life_decide_enabled(const struct vmb_life_facts *facts)
{
	if (facts->stop != VMB_LIFE_STOP_NONE)
		return VMB_LIFE_DO_GIVE_UP;
	if (!vmb_pm_may_run(facts->pm))
		return facts->shutting_down && facts->accepting ?
		       VMB_LIFE_DO_END_SENDS : VMB_LIFE_DO_NOTHING;
	switch (facts->peer) {
	case VMB_LIFE_PEER_UNKNOWN:
		return VMB_LIFE_DO_FIND_PEER;
	case VMB_LIFE_PEER_PRESENT:
		/* It is told when its primary is open again. */
		return facts->may_open ? VMB_LIFE_DO_OPEN : VMB_LIFE_DO_NOTHING;
	default:
		return VMB_LIFE_DO_NOTHING;
	}
}

static enum vmb_life_action vmb_life_decide_open(const struct vmb_life_facts *facts)
{
	/* It was suspended for that, and is closed for that, if at all. */
	if (facts->pm == VMB_PM_QUIESCED)
		return VMB_LIFE_DO_NOTHING;
	if (facts->pm == VMB_PM_CLOSING)
		return VMB_LIFE_DO_PM_CLOSE;
	if (facts->stop != VMB_LIFE_STOP_NONE)
		return VMB_LIFE_DO_CLOSE;
	/* A primary that closes nevertheless waits for its sub-channels to close. */
	if (facts->pm == VMB_PM_RESUMING)
		return facts->may_open ? VMB_LIFE_DO_PM_UNDO : VMB_LIFE_DO_PM_CLOSE;
	if (facts->pm != VMB_PM_ACTIVE)
		return VMB_LIFE_DO_PM_QUIESCE;
	switch (facts->flow) {
	case VMB_FLOW_PAUSED:
		return facts->spoilt ? VMB_LIFE_DO_THAW : VMB_LIFE_DO_NOTHING;
	case VMB_FLOW_READY:
		return VMB_LIFE_DO_RUN;
	case VMB_FLOW_PAUSING:
		return VMB_LIFE_DO_PAUSE;
	default:
		return VMB_LIFE_DO_NOTHING;
	}
}

/* What comes next. In all other states the worker itself is about to leave them. */
enum vmb_life_action vmb_life_decide(const struct vmb_life_facts *facts)
{
	switch (facts->state) {
	case VMB_LIFE_ENABLED:
		return vmb_life_decide_enabled(facts);
	case VMB_LIFE_OPEN:
		return vmb_life_decide_open(facts);
	default:
		return VMB_LIFE_DO_NOTHING;
	}
}

/* For sysfs, traces, and the table that the documentation prints. */
const char *vmb_life_state_name(enum vmb_life_state state)
{
	static const char * const names[VMB_LIFE_STATES] = {
		[VMB_LIFE_DISABLED] = "disabled",
		[VMB_LIFE_ENABLED] = "enabled",
		[VMB_LIFE_OPENING] = "opening",
		[VMB_LIFE_OPEN] = "open",
		[VMB_LIFE_CLOSING] = "closing",
	};

	return names[state];
}

const char *vmb_flow_state_name(enum vmb_flow_state state)
{
	static const char * const names[VMB_FLOW_STATES] = {
		[VMB_FLOW_PAUSED] = "paused",
		[VMB_FLOW_READY] = "ready",
		[VMB_FLOW_RUNNING] = "running",
		[VMB_FLOW_PAUSING] = "pausing",
	};

	return names[state];
}

const char *vmb_pm_state_name(enum vmb_pm_state state)
{
	static const char * const names[VMB_PM_STATES] = {
		[VMB_PM_ACTIVE] = "active",
		[VMB_PM_QUIESCING] = "quiescing",
		[VMB_PM_QUIESCED] = "quiesced",
		[VMB_PM_CLOSING] = "closing",
		[VMB_PM_CLOSED] = "closed",
		[VMB_PM_RESUMING] = "resuming",
	};

	return names[state];
}
