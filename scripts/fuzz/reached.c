// SPDX-License-Identifier: GPL-2.0
/*
 * The count of the refusals that were reached.
 */
#define VMB_FUZZ_PEER
#include "fuzz.h"

static u64 refusals[VMB_REFUSAL_COUNT];
static u64 packets;

/* One was written, or read, or refused. */
void fuzz_count_packet(void)
{
	packets++;
}

void fuzz_count_refusal(enum vmb_refusal refusal)
{
	FUZZ_CHECK(refusal > VMB_REFUSAL_NONE && refusal < VMB_REFUSAL_COUNT);
	refusals[refusal]++;
}

/* "refused:NAME COUNT", a line for each, into the file that fuzz.sh reads. */
void fuzz_print_reached(void)
{
	const char *name = getenv("VMB_FUZZ_REACHED");
	FILE *file = name ? fopen(name, "w") : NULL;
	u32 refusal;

	if (!file)
		return;
	for (refusal = VMB_REFUSAL_NONE + 1; refusal < VMB_REFUSAL_COUNT; refusal++)
		fprintf(file, "refused:%s %llu\n", vmb_refusal_name(refusal),
			(unsigned long long)refusals[refusal]);
	fprintf(file, "packets %llu\n", (unsigned long long)packets);
	fclose(file);
}
