// SPDX-License-Identifier: GPL-2.0
/*
 * What is done in which order: the peer is asked, the senders start, and
 * everything else goes on beside them.
 */
#include "source.h"

/* One of each kind that the plan still wants. */
static int source_do_some(struct source_device *source,
			  struct source_slots *slots, u32 number)
{
	const struct source_plan *plan = &source->plan;
	int ret = 0;

	if (number < plan->externals || plan->endless)
		ret = source_slots_send(slots, number);
	if (!ret && (number < plan->requests || plan->endless))
		ret = source_try(source);
	/* Every eighth: each waits for all that was sent before it. */
	if (!ret && number % 8 == 0 &&
	    (number / 8 < plan->requests || plan->endless))
		ret = source_ping(source, number / 8);
	if (!ret && number % 16 == 0 &&
	    (number / 16 < plan->fills || plan->endless))
		ret = source_fill(source, number / 16);
	return ret;
}

static int source_do_all(struct source_device *source, struct source_slots *slots)
{
	const struct source_plan *plan = &source->plan;
	u32 rounds = max3(plan->externals, plan->requests * 8, plan->fills * 16);
	int ret = 0;
	u32 number;

	for (number = 0; !ret && (plan->endless || number < rounds); number++) {
		if (READ_ONCE(source->stopping))
			return -ENODEV;
		ret = source_do_some(source, slots, number);
	}
	return ret;
}

/* Alone with the peer: the ring has room, so nothing is in doubt. */
static int source_do_last(struct source_device *source)
{
	u32 i;
	int ret = 0;

	for (i = 0; !ret && i < source->plan.requests; i++)
		ret = source_try(source);
	return ret ? ret : source_time_out(source);
}

static int source_do(struct source_device *source)
{
	struct source_slots *slots;
	int ret;

	slots = source_slots_create(source);
	if (!slots)
		return -ENOMEM;
	ret = source_senders_start(source);
	if (!ret)
		ret = source_do_all(source, slots);
	source_senders_wait(source);
	source_slots_destroy(slots);
	return ret ? ret : source_do_last(source);
}

/* Did every routine run once, and is all else as it should be? */
static bool source_is_content(struct source_device *source)
{
	struct source_counters *count = &source->count;

	return !atomic64_read(&count->wrong) &&
	       !atomic64_read(&count->duplicated) &&
	       atomic64_read(&count->sends) == atomic64_read(&count->sends_ended) &&
	       atomic64_read(&count->externals) ==
	       atomic64_read(&count->externals_ended);
}

void source_run(struct work_struct *work)
{
	struct source_device *source = container_of(work, struct source_device,
						    run_work);
	int ret;

	ret = source_begin(source);
	if (!ret)
		ret = source_do(source);
	/* The channel goes: there is no verdict for a reader that waits for one. */
	if (ret == -ENODEV)
		return;
	if (ret)
		source_wrong(source, "the run ended early", ret);
	WRITE_ONCE(source->verdict, source_is_content(source) ? 1 : 2);
	ret = source_finished(source);
	if (ret && ret != -ENODEV)
		source_wrong(source, "the peer is not content", ret);
}
