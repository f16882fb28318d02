// SPDX-License-Identifier: GPL-2.0
/*
 * What must hold when a channel is disabled, and at the end of a run.
 */
#define VMB_FUZZ_PEER
#include "harness.h"

/* What has come in has ended, what was sent has ended, and the sums say so. */
void end_check_counters(struct end *end)
{
	const struct vmb_counters *counters = &end->channel->counters;
	u32 i;

	FUZZ_CHECK(counters->sends == counters->sends_completed +
				      counters->sends_failed);
	FUZZ_CHECK(end->requested || counters->sends_failed == end->sends_failed);
	for (i = 0; i < SLOTS; i++)
		FUZZ_CHECK(!end->slots[i].in_flight);
	if (end->held_count)
		return;
	/* One that was deferred is received when it comes for good. */
	FUZZ_CHECK(counters->received == counters->completed + counters->failed);
	FUZZ_CHECK(end->answers_due + counters->completions_empty ==
		   counters->completions_sent + counters->completions_dropped);
}

/* No page has a reference too many or too few, and nothing is mapped. */
void end_check_pages(struct end *end)
{
	bool unknown = end->requested_external && end->closed_unclean;
	u32 i;

	for (i = KERNEL_PAGES; i < ARRAY_SIZE(kernel_pages); i++)
		FUZZ_CHECK(!kernel_pages[i].references || unknown || end->leaked_pages);
	for (i = 0; i < KERNEL_PAGES; i++) {
		u64 due = kernel_page_is_counted(i) + end->leaked_pins[i];

		FUZZ_CHECK(kernel_pages[i].references == due ||
			   (unknown && kernel_pages[i].references > due));
	}
	FUZZ_CHECK(kernel_mappings == end->leaked_mappings ||
		   (unknown && kernel_mappings > end->leaked_mappings));
}
