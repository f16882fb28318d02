/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The range lists of GPA-direct and transfer-page packets.
 *
 * Pure, like ring.h; works on the private copy of a packet only. Checked once
 * when the packet is read; the walks below then trust the list, and may be
 * repeated: the same list gives the same ranges.
 */
#ifndef VMB_RANGES_H
#define VMB_RANGES_H

#include <linux/types.h>
#include <asm/byteorder.h>

#include "refusal.h"
#include "wire.h"

/**
 * struct vmb_range_limits - what a channel accepts as external data of a packet
 * @bytes: most bytes; 0 refuses all external data.
 * @chain: most ranges.
 */
struct vmb_range_limits {
	u32 bytes;
	u32 chain;
};

/**
 * struct vmb_ranges - a checked range list
 * @list: the list in the private copy: behind the descriptor, 8-aligned.
 * @type: VMB_WIRE_TYPE_DATA_GPA_DIRECT or VMB_WIRE_TYPE_DATA_TRANSFER_PAGES.
 * @set_id: the transfer-page set; 0 for GPA-direct.
 * @count: ranges.
 * @bytes: of external data in all ranges.
 * @pages: PFNs in all ranges; 0 for transfer pages.
 */
struct vmb_ranges {
	const void *list;
	u16 type;
	u16 set_id;
	u32 count;
	u32 bytes;
	u32 pages;
};

/**
 * struct vmb_range - one range of external data
 * @pfns: GPA-direct: numbers of the 4 KiB pages that it lies in, one for each.
 *	Transfer pages: NULL.
 * @offset: GPA-direct: bytes into the first of these. Transfer pages: bytes into the
 *	set's buffer.
 * @length: bytes, at least 1.
 */
struct vmb_range {
	const __le64 *pfns;
	u32 offset;
	u32 length;
};

/**
 * struct vmb_range_walk - position in a checked range list
 * @position: what comes next in the list.
 * @left: ranges that are left.
 * @pages: PFNs that are left.
 * @with_pages: the list has PFNs.
 */
struct vmb_range_walk {
	const u8 *position;
	u32 left;
	u32 pages;
	bool with_pages;
};

/*
 * How many of these 4 KiB pages follow one another: of those that may, which are
 * @most at most, and have numbers.
 */
static inline u32 vmb_range_run(const __le64 *pfns, u32 most)
{
	u64 first = le64_to_cpu(*pfns);
	u32 run = 1;

	while (run < most && le64_to_cpu(pfns[run]) == first + run)
		run++;
	return run;
}

/* The page of 1 << @page_shift bytes that a 4 KiB page lies in. */
static inline u64 vmb_range_page(u64 pfn, u8 page_shift)
{
	return pfn >> (page_shift - VMB_WIRE_PAGE_SHIFT);
}

/* And where it begins in there. */
static inline u32 vmb_range_offset_in_page(u64 pfn, u8 page_shift)
{
	return (pfn << VMB_WIRE_PAGE_SHIFT) & ((1u << page_shift) - 1);
}

u32 vmb_ranges_maximum_length(const struct vmb_range_limits *limits);
u32 vmb_ranges_maximum_segments(const struct vmb_range_limits *limits);
enum vmb_refusal vmb_ranges_check(struct vmb_ranges *ranges, u16 type,
				  const void *list, u32 list_length,
				  const struct vmb_range_limits *limits);
void vmb_range_walk_init(struct vmb_range_walk *walk, const struct vmb_ranges *ranges);
bool vmb_range_walk_next(struct vmb_range_walk *walk, struct vmb_range *range);

#endif
