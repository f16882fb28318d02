// SPDX-License-Identifier: GPL-2.0
/*
 * The entry of libFuzzer, and the count of the refusals that were reached.
 */
#define VMB_FUZZ_PEER
#include "fuzz.h"

static u64 refusals[VMB_REFUSAL_COUNT];

void fuzz_count_refusal(enum vmb_refusal refusal)
{
	FUZZ_CHECK(refusal > VMB_REFUSAL_NONE && refusal < VMB_REFUSAL_COUNT);
	refusals[refusal]++;
}

/* "refused:NAME COUNT", a line for each, into the file that fuzz.sh reads. */
static void print_refusals(void)
{
	const char *name = getenv("VMB_FUZZ_REACHED");
	FILE *file = name ? fopen(name, "w") : NULL;
	u32 refusal;

	if (!file)
		return;
	for (refusal = VMB_REFUSAL_NONE + 1; refusal < VMB_REFUSAL_COUNT; refusal++)
		fprintf(file, "refused:%s %llu\n", vmb_refusal_name(refusal),
			(unsigned long long)refusals[refusal]);
	fclose(file);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return atexit(print_refusals);
}

/* The first byte says which part is tried. */
int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	static void (*const parts[])(struct fuzz_input *) = {
		fuzz_reader, fuzz_writer, fuzz_ranges, fuzz_pair,
	};
	struct fuzz_input input = { .front = bytes, .end = bytes + size };

	parts[fuzz_take8(&input) % ARRAY_SIZE(parts)](&input);
	return 0;
}
