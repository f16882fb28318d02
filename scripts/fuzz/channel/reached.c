// SPDX-License-Identifier: GPL-2.0
/*
 * The count of what was reached: outcomes, and refusals.
 */
#define VMB_FUZZ_PEER
#include "harness.h"

static u64 outcomes[OUTCOME_COUNT];
static u64 refusals[VMB_REFUSAL_COUNT];

void reached(enum outcome outcome)
{
	outcomes[outcome]++;
}

void fuzz_count_refusal(enum vmb_refusal refusal)
{
	refusals[refusal]++;
}

/* "NAME COUNT", a line for each, into the file that fuzz.sh reads. */
void fuzz_print_reached(void)
{
	static const char * const names[] = {
#define OUTCOME_TEXT(name) #name,
		OUTCOMES(OUTCOME_TEXT)
#undef OUTCOME_TEXT
	};
	const char *name = getenv("VMB_FUZZ_REACHED");
	FILE *file = name ? fopen(name, "w") : NULL;
	u32 i;

	if (!file)
		return;
	for (i = VMB_REFUSAL_NONE + 1; i < VMB_REFUSAL_COUNT; i++)
		fprintf(file, "refused:%s %llu\n", vmb_refusal_name(i),
			(unsigned long long)refusals[i]);
	for (i = 0; i < OUTCOME_COUNT; i++)
		fprintf(file, "%s %llu\n", names[i],
			(unsigned long long)outcomes[i]);
	fclose(file);
}
