// SPDX-License-Identifier: GPL-2.0
/*
 * Channels with a hostile peer, see hostile.h. Each run has a seed of its own, which
 * stands in its name; how many packets there are in all, and the first seed, are
 * parameters of the kernel.
 */
#include <linux/moduleparam.h>

#include "../faults/fault.h"
#include "hostile.h"

/* Of each suite; what is not a parameter is some seconds. */
static unsigned long hostile_packets = 2 * HOSTILE_RUN;
module_param(hostile_packets, ulong, 0444);
MODULE_PARM_DESC(hostile_packets, "Packets of each suite with a hostile peer");

static unsigned int hostile_seed = 1;
module_param(hostile_seed, uint, 0444);
MODULE_PARM_DESC(hostile_seed, "Seed of the first run with a hostile peer");

/* A run is its number, from 1. */
const void *hostile_next_run(const void *before, char *description)
{
	unsigned long number = (uintptr_t)before + 1;

	if (number > DIV_ROUND_UP(hostile_packets, HOSTILE_RUN))
		return NULL;
	snprintf(description, KUNIT_PARAM_DESC_SIZE, "seed %u", hostile_seed_of((void *)number));
	return (void *)number;
}

const void *hostile_next_run_of(struct kunit *test, const void *before, char *description)
{
	return hostile_next_run(before, description);
}

u32 hostile_seed_of(const void *run)
{
	return hostile_seed + (uintptr_t)run - 1;
}

static void over_memory(struct kunit *test)
{
	hostile_run(test, &hostile_memory_world, hostile_seed_of(test->param_value), HOSTILE_RUN);
}

static void over_loopback(struct kunit *test)
{
	hostile_run(test, &hostile_loopback_world, hostile_seed_of(test->param_value),
		    HOSTILE_RUN);
}

static struct kunit_case hostile_cases[] = {
	KUNIT_CASE_PARAM_ATTR(over_memory, HOSTILE_RUNS, { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_PARAM_ATTR(over_loopback, HOSTILE_RUNS, { .speed = KUNIT_SPEED_SLOW }),
	{ }
};

int hostile_suite_init(struct kunit_suite *suite)
{
	return IS_ENABLED(CONFIG_VMBKMCL_KUNIT_FAULTS) ? fault_suite_init(suite) : 0;
}

void hostile_suite_exit(struct kunit_suite *suite)
{
	if (IS_ENABLED(CONFIG_VMBKMCL_KUNIT_FAULTS))
		fault_suite_exit(suite);
}

static struct kunit_suite hostile_suite = {
	.name = "vmbkmcl_hostile",
	.suite_init = hostile_suite_init,
	.suite_exit = hostile_suite_exit,
	.test_cases = hostile_cases,
};

kunit_test_suite(hostile_suite);
