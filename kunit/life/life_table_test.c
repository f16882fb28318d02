// SPDX-License-Identifier: GPL-2.0
/*
 * The tables of states and events, against what KMCL says of a channel's life:
 * written down here pair by pair, not taken from the tables.
 */
#include <kunit/test.h>
#include <linux/errno.h>
#include <linux/string.h>

#include "../../drivers/kmcl/life_table.h"

struct life_pair {
	enum vmb_life_state state;
	enum vmb_life_event event;
	int next;
};

static const struct life_pair life_pairs[] = {
	/* Disabled: the configuration window. Disabling it again does nothing. */
	{ VMB_LIFE_DISABLED, VMB_LIFE_ENABLE, VMB_LIFE_ENABLED },
	{ VMB_LIFE_DISABLED, VMB_LIFE_STOP, VMB_LIFE_DISABLED },
	{ VMB_LIFE_DISABLED, VMB_LIFE_OPEN_BEGINS, -EINVAL },
	{ VMB_LIFE_DISABLED, VMB_LIFE_PEER_MISSED, -EINVAL },
	{ VMB_LIFE_DISABLED, VMB_LIFE_OPENED, -EINVAL },
	{ VMB_LIFE_DISABLED, VMB_LIFE_CLOSE_BEGINS, -EINVAL },
	{ VMB_LIFE_DISABLED, VMB_LIFE_CLOSED, -EINVAL },
	{ VMB_LIFE_DISABLED, VMB_LIFE_FINISHED, -EINVAL },

	/* Enabled: not open; enable takes a disabled channel only. */
	{ VMB_LIFE_ENABLED, VMB_LIFE_ENABLE, -EBUSY },
	{ VMB_LIFE_ENABLED, VMB_LIFE_STOP, VMB_LIFE_ENABLED },
	{ VMB_LIFE_ENABLED, VMB_LIFE_OPEN_BEGINS, VMB_LIFE_OPENING },
	{ VMB_LIFE_ENABLED, VMB_LIFE_PEER_MISSED, -EINVAL },
	{ VMB_LIFE_ENABLED, VMB_LIFE_OPENED, -EINVAL },
	{ VMB_LIFE_ENABLED, VMB_LIFE_CLOSE_BEGINS, VMB_LIFE_CLOSING },
	{ VMB_LIFE_ENABLED, VMB_LIFE_CLOSED, -EINVAL },
	{ VMB_LIFE_ENABLED, VMB_LIFE_FINISHED, -EINVAL },

	/* Opened may fail: it is undone, without traffic. */
	{ VMB_LIFE_OPENING, VMB_LIFE_ENABLE, -EBUSY },
	{ VMB_LIFE_OPENING, VMB_LIFE_STOP, VMB_LIFE_OPENING },
	{ VMB_LIFE_OPENING, VMB_LIFE_OPEN_BEGINS, -EINVAL },
	{ VMB_LIFE_OPENING, VMB_LIFE_PEER_MISSED, VMB_LIFE_ENABLED },
	{ VMB_LIFE_OPENING, VMB_LIFE_OPENED, VMB_LIFE_OPEN },
	{ VMB_LIFE_OPENING, VMB_LIFE_CLOSE_BEGINS, VMB_LIFE_CLOSING },
	{ VMB_LIFE_OPENING, VMB_LIFE_CLOSED, -EINVAL },
	{ VMB_LIFE_OPENING, VMB_LIFE_FINISHED, -EINVAL },

	/* Open: whoever ends it, suspend and the drain come before closed. */
	{ VMB_LIFE_OPEN, VMB_LIFE_ENABLE, -EBUSY },
	{ VMB_LIFE_OPEN, VMB_LIFE_STOP, VMB_LIFE_OPEN },
	{ VMB_LIFE_OPEN, VMB_LIFE_OPEN_BEGINS, -EINVAL },
	{ VMB_LIFE_OPEN, VMB_LIFE_PEER_MISSED, -EINVAL },
	{ VMB_LIFE_OPEN, VMB_LIFE_OPENED, -EINVAL },
	{ VMB_LIFE_OPEN, VMB_LIFE_CLOSE_BEGINS, VMB_LIFE_CLOSING },
	{ VMB_LIFE_OPEN, VMB_LIFE_CLOSED, -EINVAL },
	{ VMB_LIFE_OPEN, VMB_LIFE_FINISHED, -EINVAL },

	/* A client is disabled afterwards, a server offered again. */
	{ VMB_LIFE_CLOSING, VMB_LIFE_ENABLE, -EBUSY },
	{ VMB_LIFE_CLOSING, VMB_LIFE_STOP, VMB_LIFE_CLOSING },
	{ VMB_LIFE_CLOSING, VMB_LIFE_OPEN_BEGINS, -EINVAL },
	{ VMB_LIFE_CLOSING, VMB_LIFE_PEER_MISSED, -EINVAL },
	{ VMB_LIFE_CLOSING, VMB_LIFE_OPENED, -EINVAL },
	{ VMB_LIFE_CLOSING, VMB_LIFE_CLOSE_BEGINS, -EINVAL },
	{ VMB_LIFE_CLOSING, VMB_LIFE_CLOSED, VMB_LIFE_ENABLED },
	{ VMB_LIFE_CLOSING, VMB_LIFE_FINISHED, VMB_LIFE_DISABLED },
};

struct flow_pair {
	enum vmb_flow_state state;
	enum vmb_flow_event event;
	int next;
};

static const struct flow_pair flow_pairs[] = {
	/* A server begins here, and who pauses, also before enable, ends here. */
	{ VMB_FLOW_PAUSED, VMB_FLOW_START, VMB_FLOW_READY },
	{ VMB_FLOW_PAUSED, VMB_FLOW_PAUSE, VMB_FLOW_PAUSED },
	{ VMB_FLOW_PAUSED, VMB_FLOW_RUN, -EINVAL },
	{ VMB_FLOW_PAUSED, VMB_FLOW_PAUSED_NOW, -EINVAL },
	{ VMB_FLOW_PAUSED, VMB_FLOW_CLOSE, VMB_FLOW_PAUSED },
	{ VMB_FLOW_PAUSED, VMB_FLOW_RESET_CLIENT, VMB_FLOW_READY },
	{ VMB_FLOW_PAUSED, VMB_FLOW_RESET_SERVER, VMB_FLOW_PAUSED },

	/* Not open yet: nothing flows, so a pause has nothing to wait for. */
	{ VMB_FLOW_READY, VMB_FLOW_START, VMB_FLOW_READY },
	{ VMB_FLOW_READY, VMB_FLOW_PAUSE, VMB_FLOW_PAUSED },
	{ VMB_FLOW_READY, VMB_FLOW_RUN, VMB_FLOW_RUNNING },
	{ VMB_FLOW_READY, VMB_FLOW_PAUSED_NOW, -EINVAL },
	{ VMB_FLOW_READY, VMB_FLOW_CLOSE, VMB_FLOW_READY },
	{ VMB_FLOW_READY, VMB_FLOW_RESET_CLIENT, VMB_FLOW_READY },
	{ VMB_FLOW_READY, VMB_FLOW_RESET_SERVER, VMB_FLOW_PAUSED },

	/* A server that was closed flows again with its next client. */
	{ VMB_FLOW_RUNNING, VMB_FLOW_START, VMB_FLOW_RUNNING },
	{ VMB_FLOW_RUNNING, VMB_FLOW_PAUSE, VMB_FLOW_PAUSING },
	{ VMB_FLOW_RUNNING, VMB_FLOW_RUN, -EINVAL },
	{ VMB_FLOW_RUNNING, VMB_FLOW_PAUSED_NOW, -EINVAL },
	{ VMB_FLOW_RUNNING, VMB_FLOW_CLOSE, VMB_FLOW_READY },
	{ VMB_FLOW_RUNNING, VMB_FLOW_RESET_CLIENT, -EINVAL },
	{ VMB_FLOW_RUNNING, VMB_FLOW_RESET_SERVER, -EINVAL },

	/* Pause returns when this is over, by a close if need be. */
	{ VMB_FLOW_PAUSING, VMB_FLOW_START, -EBUSY },
	{ VMB_FLOW_PAUSING, VMB_FLOW_PAUSE, VMB_FLOW_PAUSING },
	{ VMB_FLOW_PAUSING, VMB_FLOW_RUN, -EINVAL },
	{ VMB_FLOW_PAUSING, VMB_FLOW_PAUSED_NOW, VMB_FLOW_PAUSED },
	{ VMB_FLOW_PAUSING, VMB_FLOW_CLOSE, VMB_FLOW_PAUSED },
	{ VMB_FLOW_PAUSING, VMB_FLOW_RESET_CLIENT, -EINVAL },
	{ VMB_FLOW_PAUSING, VMB_FLOW_RESET_SERVER, -EINVAL },
};

struct pm_pair {
	enum vmb_pm_state state;
	enum vmb_pm_event event;
	int next;
};

static const struct pm_pair pm_pairs[] = {
	/* The VM runs: only quiesce is news, and a worker that comes late. */
	{ VMB_PM_ACTIVE, VMB_PM_QUIESCE, VMB_PM_QUIESCING },
	{ VMB_PM_ACTIVE, VMB_PM_CLOSE, VMB_PM_ACTIVE },
	{ VMB_PM_ACTIVE, VMB_PM_RESUME, VMB_PM_ACTIVE },
	{ VMB_PM_ACTIVE, VMB_PM_QUIESCED_NOW, VMB_PM_RESUMING },
	{ VMB_PM_ACTIVE, VMB_PM_REFUSED, VMB_PM_ACTIVE },
	{ VMB_PM_ACTIVE, VMB_PM_QUIESCE_OVER, VMB_PM_ACTIVE },

	/* The worker does it, or refuses, or the VM runs on before it has. */
	{ VMB_PM_QUIESCING, VMB_PM_QUIESCE, VMB_PM_QUIESCING },
	{ VMB_PM_QUIESCING, VMB_PM_CLOSE, VMB_PM_CLOSED },
	{ VMB_PM_QUIESCING, VMB_PM_RESUME, VMB_PM_ACTIVE },
	{ VMB_PM_QUIESCING, VMB_PM_QUIESCED_NOW, VMB_PM_QUIESCED },
	{ VMB_PM_QUIESCING, VMB_PM_REFUSED, VMB_PM_ACTIVE },
	{ VMB_PM_QUIESCING, VMB_PM_QUIESCE_OVER, VMB_PM_QUIESCING },

	/* It has quiesced: the worker does not do that again. */
	{ VMB_PM_QUIESCED, VMB_PM_QUIESCE, VMB_PM_QUIESCED },
	{ VMB_PM_QUIESCED, VMB_PM_CLOSE, VMB_PM_CLOSING },
	{ VMB_PM_QUIESCED, VMB_PM_RESUME, VMB_PM_RESUMING },
	{ VMB_PM_QUIESCED, VMB_PM_QUIESCED_NOW, -EINVAL },
	{ VMB_PM_QUIESCED, VMB_PM_REFUSED, -EINVAL },
	{ VMB_PM_QUIESCED, VMB_PM_QUIESCE_OVER, VMB_PM_QUIESCING },

	/* Whatever is wanted now, it is quiesced until the close is through. */
	{ VMB_PM_CLOSING, VMB_PM_QUIESCE, VMB_PM_QUIESCED },
	{ VMB_PM_CLOSING, VMB_PM_CLOSE, VMB_PM_CLOSING },
	{ VMB_PM_CLOSING, VMB_PM_RESUME, VMB_PM_RESUMING },
	{ VMB_PM_CLOSING, VMB_PM_QUIESCED_NOW, -EINVAL },
	{ VMB_PM_CLOSING, VMB_PM_REFUSED, -EINVAL },
	{ VMB_PM_CLOSING, VMB_PM_QUIESCE_OVER, VMB_PM_CLOSED },

	/* One that is late may still do it, and is closed then, or refuse. */
	{ VMB_PM_CLOSED, VMB_PM_QUIESCE, VMB_PM_QUIESCING },
	{ VMB_PM_CLOSED, VMB_PM_CLOSE, VMB_PM_CLOSED },
	{ VMB_PM_CLOSED, VMB_PM_RESUME, VMB_PM_ACTIVE },
	{ VMB_PM_CLOSED, VMB_PM_QUIESCED_NOW, VMB_PM_CLOSING },
	{ VMB_PM_CLOSED, VMB_PM_REFUSED, VMB_PM_ACTIVE },
	{ VMB_PM_CLOSED, VMB_PM_QUIESCE_OVER, VMB_PM_CLOSED },

	/* It is quiesced, and runs again unless the VM hibernates once more. */
	{ VMB_PM_RESUMING, VMB_PM_QUIESCE, VMB_PM_QUIESCED },
	{ VMB_PM_RESUMING, VMB_PM_CLOSE, VMB_PM_RESUMING },
	{ VMB_PM_RESUMING, VMB_PM_RESUME, VMB_PM_RESUMING },
	{ VMB_PM_RESUMING, VMB_PM_QUIESCED_NOW, -EINVAL },
	{ VMB_PM_RESUMING, VMB_PM_REFUSED, -EINVAL },
	{ VMB_PM_RESUMING, VMB_PM_QUIESCE_OVER, VMB_PM_ACTIVE },
};

static void every_pair_of_life(struct kunit *test)
{
	bool seen[VMB_LIFE_STATES][VMB_LIFE_EVENTS] = {};
	u32 i;

	KUNIT_ASSERT_EQ(test, ARRAY_SIZE(life_pairs), VMB_LIFE_STATES * VMB_LIFE_EVENTS);
	for (i = 0; i < ARRAY_SIZE(life_pairs); i++) {
		const struct life_pair *pair = &life_pairs[i];

		KUNIT_ASSERT_FALSE(test, seen[pair->state][pair->event]);
		seen[pair->state][pair->event] = true;
		KUNIT_EXPECT_EQ_MSG(test, vmb_life_next(pair->state, pair->event),
				    pair->next, "state %u, event %u", pair->state,
				    pair->event);
	}
}

static void every_pair_of_flow(struct kunit *test)
{
	bool seen[VMB_FLOW_STATES][VMB_FLOW_EVENTS] = {};
	u32 i;

	KUNIT_ASSERT_EQ(test, ARRAY_SIZE(flow_pairs), VMB_FLOW_STATES * VMB_FLOW_EVENTS);
	for (i = 0; i < ARRAY_SIZE(flow_pairs); i++) {
		const struct flow_pair *pair = &flow_pairs[i];

		KUNIT_ASSERT_FALSE(test, seen[pair->state][pair->event]);
		seen[pair->state][pair->event] = true;
		KUNIT_EXPECT_EQ_MSG(test, vmb_flow_next(pair->state, pair->event),
				    pair->next, "state %u, event %u", pair->state,
				    pair->event);
	}
}

static void every_pair_of_pm(struct kunit *test)
{
	bool seen[VMB_PM_STATES][VMB_PM_EVENTS] = {};
	u32 i;

	KUNIT_ASSERT_EQ(test, ARRAY_SIZE(pm_pairs), VMB_PM_STATES * VMB_PM_EVENTS);
	for (i = 0; i < ARRAY_SIZE(pm_pairs); i++) {
		const struct pm_pair *pair = &pm_pairs[i];

		KUNIT_ASSERT_FALSE(test, seen[pair->state][pair->event]);
		seen[pair->state][pair->event] = true;
		KUNIT_EXPECT_EQ_MSG(test, vmb_pm_next(pair->state, pair->event),
				    pair->next, "state %u, event %u", pair->state,
				    pair->event);
	}
}

/* Whatever happens in whatever order, and refusals change nothing. */
static void no_sequence_leads_out(struct kunit *test)
{
	int life = VMB_LIFE_DISABLED, flow = VMB_FLOW_READY, pm = VMB_PM_ACTIVE;
	bool life_seen[VMB_LIFE_STATES] = {};
	bool flow_seen[VMB_FLOW_STATES] = {};
	bool pm_seen[VMB_PM_STATES] = {};
	u32 random = 1;
	u32 i;

	for (i = 0; i < 100000; i++) {
		int next;

		/* The same in every run. */
		random = random * 1664525 + 1013904223;
		next = vmb_life_next(life, (random >> 16) % VMB_LIFE_EVENTS);
		if (next < 0)
			KUNIT_ASSERT_TRUE(test, next == -EINVAL || next == -EBUSY);
		else
			life = next;
		KUNIT_ASSERT_LT(test, life, VMB_LIFE_STATES);
		life_seen[life] = true;
		next = vmb_flow_next(flow, (random >> 20) % VMB_FLOW_EVENTS);
		if (next < 0)
			KUNIT_ASSERT_TRUE(test, next == -EINVAL || next == -EBUSY);
		else
			flow = next;
		KUNIT_ASSERT_LT(test, flow, VMB_FLOW_STATES);
		flow_seen[flow] = true;
		next = vmb_pm_next(pm, (random >> 24) % VMB_PM_EVENTS);
		if (next < 0)
			KUNIT_ASSERT_EQ(test, next, -EINVAL);
		else
			pm = next;
		KUNIT_ASSERT_LT(test, pm, VMB_PM_STATES);
		pm_seen[pm] = true;
	}
	KUNIT_EXPECT_NULL(test, memchr_inv(life_seen, true, sizeof(life_seen)));
	KUNIT_EXPECT_NULL(test, memchr_inv(flow_seen, true, sizeof(flow_seen)));
	KUNIT_EXPECT_NULL(test, memchr_inv(pm_seen, true, sizeof(pm_seen)));
}

/* What the worker does about a stop leads to disabled from everywhere. */
static void every_state_ends(struct kunit *test)
{
	int state;

	for (state = VMB_LIFE_ENABLED; state < VMB_LIFE_STATES; state++) {
		int next = vmb_life_next(state, VMB_LIFE_STOP);

		KUNIT_EXPECT_EQ(test, next, state);
		if (next != VMB_LIFE_CLOSING)
			next = vmb_life_next(next, VMB_LIFE_CLOSE_BEGINS);
		KUNIT_EXPECT_EQ(test, next, VMB_LIFE_CLOSING);
		KUNIT_EXPECT_EQ(test, vmb_life_next(next, VMB_LIFE_FINISHED),
				VMB_LIFE_DISABLED);
	}
	for (state = 0; state < VMB_FLOW_STATES; state++) {
		int next = vmb_flow_next(state, VMB_FLOW_CLOSE);

		KUNIT_ASSERT_GE(test, next, 0);
		KUNIT_EXPECT_EQ(test, vmb_flow_next(next, VMB_FLOW_RESET_CLIENT),
				VMB_FLOW_READY);
		KUNIT_EXPECT_EQ(test, vmb_flow_next(next, VMB_FLOW_RESET_SERVER),
				VMB_FLOW_PAUSED);
	}
}

/*
 * A VM that resumes has nothing left of it when the worker is through, wherever
 * that was; and nothing that happens before the next quiesce keeps it closed.
 */
static void every_resume_ends_it(struct kunit *test)
{
	int state;

	for (state = 0; state < VMB_PM_STATES; state++) {
		int next = vmb_pm_next(state, VMB_PM_RESUME);

		KUNIT_EXPECT_TRUE(test, vmb_pm_may_run(next));
		KUNIT_EXPECT_TRUE(test, vmb_pm_may_run(vmb_pm_next(next, VMB_PM_CLOSE)));
		KUNIT_EXPECT_EQ(test, vmb_pm_next(next, VMB_PM_QUIESCE_OVER), VMB_PM_ACTIVE);
		/* Until then, a quiesce does keep it. */
		KUNIT_EXPECT_FALSE(test, vmb_pm_may_run(vmb_pm_next(state, VMB_PM_QUIESCE)));
	}
}

static void names(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, vmb_life_state_name(VMB_LIFE_DISABLED), "disabled");
	KUNIT_EXPECT_STREQ(test, vmb_life_state_name(VMB_LIFE_ENABLED), "enabled");
	KUNIT_EXPECT_STREQ(test, vmb_life_state_name(VMB_LIFE_OPENING), "opening");
	KUNIT_EXPECT_STREQ(test, vmb_life_state_name(VMB_LIFE_OPEN), "open");
	KUNIT_EXPECT_STREQ(test, vmb_life_state_name(VMB_LIFE_CLOSING), "closing");
	KUNIT_EXPECT_STREQ(test, vmb_flow_state_name(VMB_FLOW_PAUSED), "paused");
	KUNIT_EXPECT_STREQ(test, vmb_flow_state_name(VMB_FLOW_READY), "ready");
	KUNIT_EXPECT_STREQ(test, vmb_flow_state_name(VMB_FLOW_RUNNING), "running");
	KUNIT_EXPECT_STREQ(test, vmb_flow_state_name(VMB_FLOW_PAUSING), "pausing");
	KUNIT_EXPECT_STREQ(test, vmb_pm_state_name(VMB_PM_ACTIVE), "active");
	KUNIT_EXPECT_STREQ(test, vmb_pm_state_name(VMB_PM_QUIESCING), "quiescing");
	KUNIT_EXPECT_STREQ(test, vmb_pm_state_name(VMB_PM_QUIESCED), "quiesced");
	KUNIT_EXPECT_STREQ(test, vmb_pm_state_name(VMB_PM_CLOSING), "closing");
	KUNIT_EXPECT_STREQ(test, vmb_pm_state_name(VMB_PM_CLOSED), "closed");
	KUNIT_EXPECT_STREQ(test, vmb_pm_state_name(VMB_PM_RESUMING), "resuming");
}

static struct kunit_case life_table_cases[] = {
	KUNIT_CASE(every_pair_of_life),
	KUNIT_CASE(every_pair_of_flow),
	KUNIT_CASE(every_pair_of_pm),
	KUNIT_CASE(no_sequence_leads_out),
	KUNIT_CASE(every_state_ends),
	KUNIT_CASE(every_resume_ends_it),
	KUNIT_CASE(names),
	{}
};

static struct kunit_suite life_table_suite = {
	.name = "vmbkmcl_life_table",
	.test_cases = life_table_cases,
};

kunit_test_suite(life_table_suite);
