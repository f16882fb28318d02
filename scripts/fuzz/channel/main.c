// SPDX-License-Identifier: GPL-2.0
/*
 * The entry of libFuzzer.
 */
#define VMB_FUZZ_PEER
#include "gpadl.h"
#include "harness.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	FUZZ_CHECK(!vmb_raw_pages_init() && !atexit(vmb_raw_pages_exit));
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
	else if (part % 16 >= 12)
		fuzz_device();
	else if (part % 2)
		fuzz_fair();
	else
		fuzz_hostile();
	return 0;
}
