// SPDX-License-Identifier: GPL-2.0
/*
 * What the worker does next, for every combination of all it depends on, against
 * rules that are written down here in no order: of each combination exactly one
 * speaks.
 */
#include <kunit/test.h>
#include <linux/bits.h>

#include "../../drivers/kmcl/life_table.h"

/* Of a rule that does not say when. */
#define ALL	(~0u)

#define STATE(name)	BIT(VMB_LIFE_##name)
#define FLOW(name)	BIT(VMB_FLOW_##name)
#define PM(name)	BIT(VMB_PM_##name)
#define PEER(name)	BIT(VMB_LIFE_PEER_##name)
#define NOT_STOPPED	BIT(VMB_LIFE_STOP_NONE)
#define STOPPED		(BIT(VMB_LIFE_STOP_CLOSE) | BIT(VMB_LIFE_STOP_DISABLE))
#define NO		BIT(false)
#define YES		BIT(true)
/* The VM does not want the channel closed, or not any more. */
#define PM_MAY_RUN	(PM(ACTIVE) | PM(RESUMING))
/* It does, whether or not it has quiesced. */
#define PM_MUST_NOT	(PM(QUIESCING) | PM(QUIESCED) | PM(CLOSING) | PM(CLOSED))

/**
 * struct decide_rule - when what is done
 * @why: it is so.
 * @action: what is done.
 * @state: in which of these states of life; each of these is a set of bits, by
 *	the value that the fact has.
 * @flow: in which of these states of the flow.
 * @pm: when power management wants one of these.
 * @stop: if it is to be stopped so far.
 * @peer: if that is known of the peer.
 * @may_open: if no primary channel keeps it closed, or one does.
 * @accepting: if the client may send, or not.
 * @shutting_down: if the VM shuts down, or not.
 * @spoilt: if it stands still for a save and was started since, or not.
 */
struct decide_rule {
	const char *why;
	enum vmb_life_action action;
	u32 state;
	u32 flow;
	u32 pm;
	u32 stop;
	u32 peer;
	u32 may_open;
	u32 accepting;
	u32 shutting_down;
	u32 spoilt;
};

static const struct decide_rule rules[] = {
	{ "disabled, and in the hands of the worker itself there is nothing to begin",
	  VMB_LIFE_DO_NOTHING, STATE(DISABLED) | STATE(OPENING) | STATE(CLOSING),
	  ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL },

	/* Enabled, and not open. The flow does not matter. */
	{ "what is stopped before it is open gives up, also if the VM hibernates",
	  VMB_LIFE_DO_GIVE_UP, STATE(ENABLED),
	  ALL, ALL, STOPPED, ALL, ALL, ALL, ALL, ALL },
	{ "while the VM hibernates it does not open, and keeps what was sent",
	  VMB_LIFE_DO_NOTHING, STATE(ENABLED),
	  ALL, PM_MUST_NOT, NOT_STOPPED, ALL, ALL, ALL, NO, ALL },
	{ "when the VM shuts down it will not open any more, so what was sent ends",
	  VMB_LIFE_DO_END_SENDS, STATE(ENABLED),
	  ALL, PM_MUST_NOT, NOT_STOPPED, ALL, ALL, YES, YES, ALL },
	{ "once",
	  VMB_LIFE_DO_NOTHING, STATE(ENABLED),
	  ALL, PM_MUST_NOT, NOT_STOPPED, ALL, ALL, NO, YES, ALL },
	{ "nobody knows of a peer, so it is looked for; by a sub-channel, too",
	  VMB_LIFE_DO_FIND_PEER, STATE(ENABLED),
	  ALL, PM_MAY_RUN, NOT_STOPPED, PEER(UNKNOWN), ALL, ALL, ALL, ALL },
	{ "it was looked for, once is enough",
	  VMB_LIFE_DO_NOTHING, STATE(ENABLED),
	  ALL, PM_MAY_RUN, NOT_STOPPED, PEER(AWAITED), ALL, ALL, ALL, ALL },
	{ "it is there",
	  VMB_LIFE_DO_OPEN, STATE(ENABLED),
	  ALL, PM_MAY_RUN, NOT_STOPPED, PEER(PRESENT), YES, ALL, ALL, ALL },
	{ "a sub-channel opens after its primary",
	  VMB_LIFE_DO_NOTHING, STATE(ENABLED),
	  ALL, PM_MAY_RUN, NOT_STOPPED, PEER(PRESENT), NO, ALL, ALL, ALL },

	/* Open. What is known of the peer does not matter, nor what is accepted. */
	{ "suspended for the VM it waits for the rest of its device, also with a stop",
	  VMB_LIFE_DO_NOTHING, STATE(OPEN),
	  ALL, PM(QUIESCED), ALL, ALL, ALL, ALL, ALL, ALL },
	{ "and is closed for what it was suspended for",
	  VMB_LIFE_DO_PM_CLOSE, STATE(OPEN),
	  ALL, PM(CLOSING), ALL, ALL, ALL, ALL, ALL, ALL },
	{ "a stop comes first where it has not quiesced for the VM, or the VM runs on",
	  VMB_LIFE_DO_CLOSE, STATE(OPEN),
	  ALL, PM(ACTIVE) | PM(QUIESCING) | PM(CLOSED) | PM(RESUMING), STOPPED,
	  ALL, ALL, ALL, ALL, ALL },
	{ "a channel quiesces before it is closed, also where that is overdue",
	  VMB_LIFE_DO_PM_QUIESCE, STATE(OPEN),
	  ALL, PM(QUIESCING) | PM(CLOSED), NOT_STOPPED, ALL, ALL, ALL, ALL, ALL },
	{ "the VM runs on, and they flow as they did",
	  VMB_LIFE_DO_PM_UNDO, STATE(OPEN),
	  ALL, PM(RESUMING), NOT_STOPPED, ALL, YES, ALL, ALL, ALL },
	{ "the VM runs on, but the primary was about to close, and waits for it",
	  VMB_LIFE_DO_PM_CLOSE, STATE(OPEN),
	  ALL, PM(RESUMING), NOT_STOPPED, ALL, NO, ALL, ALL, ALL },
	{ "packets are wanted, and do not flow yet",
	  VMB_LIFE_DO_RUN, STATE(OPEN),
	  FLOW(READY), PM(ACTIVE), NOT_STOPPED, ALL, ALL, ALL, ALL, ALL },
	{ "somebody waits in pause",
	  VMB_LIFE_DO_PAUSE, STATE(OPEN),
	  FLOW(PAUSING), PM(ACTIVE), NOT_STOPPED, ALL, ALL, ALL, ALL, ALL },
	{ "paused, and was started in between: it stands still for no save any more",
	  VMB_LIFE_DO_THAW, STATE(OPEN),
	  FLOW(PAUSED), PM(ACTIVE), NOT_STOPPED, ALL, ALL, ALL, ALL, YES },
	{ "paused it stands still as long as the save is good",
	  VMB_LIFE_DO_NOTHING, STATE(OPEN),
	  FLOW(PAUSED), PM(ACTIVE), NOT_STOPPED, ALL, ALL, ALL, ALL, NO },
	{ "all is as it should be",
	  VMB_LIFE_DO_NOTHING, STATE(OPEN),
	  FLOW(RUNNING), PM(ACTIVE), NOT_STOPPED, ALL, ALL, ALL, ALL, ALL },
};

static bool rule_speaks_of(const struct decide_rule *rule,
			   const struct vmb_life_facts *facts)
{
	return rule->state & BIT(facts->state) && rule->flow & BIT(facts->flow) &&
	       rule->pm & BIT(facts->pm) && rule->stop & BIT(facts->stop) &&
	       rule->peer & BIT(facts->peer) && rule->may_open & BIT(facts->may_open) &&
	       rule->accepting & BIT(facts->accepting) &&
	       rule->shutting_down & BIT(facts->shutting_down) &&
	       rule->spoilt & BIT(facts->spoilt);
}

/* The number of all combinations, and each of them by its number. */
#define COMBINATIONS	(VMB_LIFE_STATES * VMB_FLOW_STATES * VMB_PM_STATES *	\
			 VMB_LIFE_STOPS * VMB_LIFE_PEERS * 2 * 2 * 2 * 2)

static u32 take(u32 *number, u32 values)
{
	u32 value = *number % values;

	*number /= values;
	return value;
}

static struct vmb_life_facts combination(u32 number)
{
	struct vmb_life_facts facts = {};

	facts.state = take(&number, VMB_LIFE_STATES);
	facts.flow = take(&number, VMB_FLOW_STATES);
	facts.pm = take(&number, VMB_PM_STATES);
	facts.stop = take(&number, VMB_LIFE_STOPS);
	facts.peer = take(&number, VMB_LIFE_PEERS);
	facts.may_open = take(&number, 2);
	facts.accepting = take(&number, 2);
	facts.shutting_down = take(&number, 2);
	facts.spoilt = take(&number, 2);
	return facts;
}

static void every_combination(struct kunit *test)
{
	bool heard[ARRAY_SIZE(rules)] = {};
	u32 i, j;

	for (i = 0; i < COMBINATIONS; i++) {
		struct vmb_life_facts facts = combination(i);
		const struct decide_rule *rule = NULL;

		for (j = 0; j < ARRAY_SIZE(rules); j++) {
			if (!rule_speaks_of(&rules[j], &facts))
				continue;
			KUNIT_ASSERT_NULL_MSG(test, rule, "combination %u: \"%s\" and \"%s\"",
					      i, rule->why, rules[j].why);
			rule = &rules[j];
			heard[j] = true;
		}
		KUNIT_ASSERT_NOT_NULL_MSG(test, rule, "combination %u: no rule", i);
		KUNIT_EXPECT_EQ_MSG(test, vmb_life_decide(&facts), rule->action,
				    "state %u, flow %u, pm %u, stop %u, peer %u: %s",
				    facts.state, facts.flow, facts.pm, facts.stop,
				    facts.peer, rule->why);
	}
	for (j = 0; j < ARRAY_SIZE(rules); j++)
		KUNIT_EXPECT_TRUE_MSG(test, heard[j], "never heard: %s", rules[j].why);
}

/* Every action takes a step out of the facts that led to it: none comes for ever. */
static void no_action_leads_to_itself(struct kunit *test)
{
	u32 i;

	for (i = 0; i < COMBINATIONS; i++) {
		struct vmb_life_facts facts = combination(i);
		enum vmb_life_action action = vmb_life_decide(&facts);
		int next = facts.pm;

		switch (action) {
		case VMB_LIFE_DO_NOTHING:
			continue;
		case VMB_LIFE_DO_FIND_PEER:
			facts.peer = VMB_LIFE_PEER_AWAITED;
			break;
		case VMB_LIFE_DO_OPEN:
			facts.state = vmb_life_next(facts.state, VMB_LIFE_OPEN_BEGINS);
			break;
		case VMB_LIFE_DO_RUN:
			facts.flow = vmb_flow_next(facts.flow, VMB_FLOW_RUN);
			break;
		case VMB_LIFE_DO_THAW:
			facts.spoilt = false;
			break;
		case VMB_LIFE_DO_PAUSE:
			facts.flow = vmb_flow_next(facts.flow, VMB_FLOW_PAUSED_NOW);
			break;
		case VMB_LIFE_DO_PM_QUIESCE:
			KUNIT_EXPECT_GE(test, vmb_pm_next(facts.pm, VMB_PM_REFUSED), 0);
			next = vmb_pm_next(facts.pm, VMB_PM_QUIESCED_NOW);
			break;
		case VMB_LIFE_DO_PM_UNDO:
			next = vmb_pm_next(facts.pm, VMB_PM_QUIESCE_OVER);
			break;
		case VMB_LIFE_DO_END_SENDS:
			facts.accepting = false;
			break;
		default:
			facts.state = vmb_life_next(facts.state, VMB_LIFE_CLOSE_BEGINS);
			break;
		}
		facts.pm = next;
		/* What the worker knows it may do is not refused. */
		KUNIT_ASSERT_GE(test, (int)facts.state, 0);
		KUNIT_ASSERT_GE(test, (int)facts.flow, 0);
		KUNIT_ASSERT_GE(test, (int)facts.pm, 0);
		KUNIT_EXPECT_NE_MSG(test, vmb_life_decide(&facts), action,
				    "combination %u", i);
	}
}

static struct kunit_case life_decide_cases[] = {
	KUNIT_CASE(every_combination),
	KUNIT_CASE(no_action_leads_to_itself),
	{}
};

static struct kunit_suite life_decide_suite = {
	.name = "vmbkmcl_life_decide",
	.test_cases = life_decide_cases,
};

kunit_test_suite(life_decide_suite);
