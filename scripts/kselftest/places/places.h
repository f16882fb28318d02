/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A list of places that no channel of the guest's has shared, in a page of its own: the
 * host looks for it in all of the guest's memory. Both are x86, so nothing is swapped.
 */
#ifndef VMB_PLACES_H
#define VMB_PLACES_H

#include <linux/types.h>

/* What that page begins with; the last two bytes are zeros. */
#define PLACES_MAGIC	"vmb kselftest\0\1"
#define PLACES_MOST	32u

struct place {
	char name[48];
	__u64 pfn;
	__u32 stays;		/* nothing of it changes by itself */
	__u32 reserved;
};

struct places {
	char magic[16];
	__u32 count;
	__u32 reserved;
	struct place place[PLACES_MOST];
};

#endif
