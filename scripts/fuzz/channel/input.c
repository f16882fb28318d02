// SPDX-License-Identifier: GPL-2.0
/*
 * The input of a run, from which every other file takes.
 */
#define VMB_FUZZ_PEER
#include "harness.h"

static struct fuzz_input input;

void input_begin(const u8 *bytes, size_t size)
{
	input = (struct fuzz_input) { .front = bytes, .end = bytes + size };
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
