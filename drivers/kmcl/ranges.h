/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The range lists of GPA-direct and transfer-page packets.
 *
 * Pure, like ring.h; works on the private copy of a packet only. Checked once
 * when the packet is read; the walks below then trust the list, and may be
 * repeated: the same list gives the same segments.
 */
#ifndef VMB_RANGES_H
#define VMB_RANGES_H

#include <linux/types.h>

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
 * struct vmb_range_segment - a piece of external data
 * @frame: GPA-direct: number of the page that it lies in, in pages of the walk's
 *	page shift. Transfer pages: 0.
 * @offset: GPA-direct: bytes into that page. Transfer pages: bytes into the
 *	set's buffer.
 * @length: bytes, at least 1. GPA-direct: never beyond the end of the page.
 */
struct vmb_range_segment {
	u64 frame;
	u32 offset;
	u32 length;
};

/**
 * struct vmb_range_walk - position in a checked range list
 * @position: what comes next in the list.
 * @ranges_left: ranges that have not been begun.
 * @bytes_left: of the present range.
 * @offset: into the present 4 KiB page.
 * @page_shift: of the pages that segments are told in.
 * @type: of the list.
 */
struct vmb_range_walk {
	const u8 *position;
	u32 ranges_left;
	u32 bytes_left;
	u32 offset;
	u8 page_shift;
	u16 type;
};

u32 vmb_ranges_maximum_length(const struct vmb_range_limits *limits);
u32 vmb_ranges_maximum_segments(const struct vmb_range_limits *limits);
enum vmb_refusal vmb_ranges_check(struct vmb_ranges *ranges, u16 type,
				  const void *list, u32 list_length,
				  const struct vmb_range_limits *limits);
void vmb_range_walk_init(struct vmb_range_walk *walk,
			 const struct vmb_ranges *ranges, u8 page_shift);
bool vmb_range_walk_next(struct vmb_range_walk *walk,
			 struct vmb_range_segment *segment);

#endif
