// SPDX-License-Identifier: GPL-2.0
/*
 * The entry of libFuzzer.
 */
#define VMB_FUZZ_PEER
#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	FUZZ_CHECK(!strcmp(vmb_refusal_name(VMB_REFUSAL_COUNT), "unknown"));
	return atexit(fuzz_print_reached);
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
