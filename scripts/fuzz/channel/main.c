// SPDX-License-Identifier: GPL-2.0
/*
 * The entry of libFuzzer.
 */
#define VMB_FUZZ_PEER
#include "harness.h"

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
	return atexit(fuzz_print_reached);
}

/* The first byte says which part is tried. */
int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	u8 part;

	input_begin(bytes, size);
	part = take();
	if (part % 16 == 2)
		fuzz_restore();
	else if (part % 2)
		fuzz_fair();
	else
		fuzz_hostile();
	return 0;
}
