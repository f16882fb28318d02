// SPDX-License-Identifier: GPL-2.0
/*
 * The one table of states and events: for each pair the next state, or the
 * errno of a refusal. An empty place is -EINVAL: an event that only the worker
 * causes, in a state in which it cannot.
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
	/* Who pauses waits for it: another thread cannot start in between. */
	[VMB_FLOW_PAUSING] = {
		[VMB_FLOW_START] = -EBUSY,
		[VMB_FLOW_PAUSE] = TO(VMB_FLOW_PAUSING),
		[VMB_FLOW_PAUSED_NOW] = TO(VMB_FLOW_PAUSED),
		[VMB_FLOW_CLOSE] = TO(VMB_FLOW_PAUSED),
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
