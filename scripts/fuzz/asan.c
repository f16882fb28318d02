// SPDX-License-Identifier: GPL-2.0
/*
 * What ASan is told. A run makes and frees some hundred objects of 100 KiB in all: of
 * the past no more is kept, for what is kept no cache holds. What is allocated is filled
 * here. Who allocated is told when a finding is run again, see fuzz.sh.
 */
#define VMB_FUZZ_PEER
#include "fuzz.h"

const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "quarantine_size_mb=1:thread_local_quarantine_size_kb=128:"
	       "malloc_context_size=0:max_malloc_fill_size=0";
}
