// SPDX-License-Identifier: GPL-2.0
/*
 * The entry of libFuzzer, the input, and the count of what was reached.
 */
#define VMB_FUZZ_PEER
#include "harness.h"

static struct fuzz_input input;
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

u8 take(void)
{
	return fuzz_take8(&input);
}

u8 take_from_end(void)
{
	return fuzz_take_from_end(&input);
}

bool input_is_over(void)
{
	return !fuzz_left(&input);
}

struct fuzz_input *peer_script(void)
{
	return &input;
}

/* "NAME COUNT", a line for each, into the file that fuzz.sh reads. */
static void print_reached(void)
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

const char *__asan_default_options(void);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size);

/* A run makes and frees a thousand objects; more of the past is not needed. */
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=16:malloc_context_size=8";
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return atexit(print_reached);
}

/* The first byte says which part is tried. */
int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	input = (struct fuzz_input) { .front = bytes, .end = bytes + size };
	if (take() % 2)
		fuzz_fair();
	else
		fuzz_hostile();
	return 0;
}
