// SPDX-License-Identifier: GPL-2.0
/*
 * The range lists of GPA-direct and transfer-page packets: check once, walk as
 * often as wanted.
 */
#include <linux/compiler.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/types.h>
#include <asm/byteorder.h>

#include "ranges.h"

/* Lists of both kinds of packet begin with a word whose upper half counts the ranges. */
#define VMB_RANGES_HEADER	((u32)sizeof(struct vmb_wire_gpa_direct))
static_assert(sizeof(struct vmb_wire_gpa_direct) ==
	      sizeof(struct vmb_wire_transfer_pages));
static_assert(offsetof(struct vmb_wire_gpa_direct, range_count) ==
	      offsetof(struct vmb_wire_transfer_pages, range_count));

/* Ranges of GPA-direct and of transfer-page packets begin with a count and an offset. */
#define VMB_RANGE_HEADER	((u32)sizeof(struct vmb_wire_gpa_range))
static_assert(sizeof(struct vmb_wire_gpa_range) ==
	      sizeof(struct vmb_wire_transfer_range));
static_assert(offsetof(struct vmb_wire_gpa_range, byte_offset) ==
	      offsetof(struct vmb_wire_transfer_range, byte_offset));

#define VMB_RANGES_PFN		((u32)sizeof(__le64))

/**
 * vmb_ranges_maximum_segments() - most pieces that external data can fall into
 * @limits: what the channel accepts.
 *
 * Pieces end where a range or a 4 KiB page ends. A range of n bytes that begins
 * with a page's last byte touches 1 + (n - 1) / 4096 pages, rounded up, and no
 * range touches more; every range takes one byte at least.
 *
 * Context: Any.
 * Return: The number.
 */
u32 vmb_ranges_maximum_segments(const struct vmb_range_limits *limits)
{
	u32 ranges = min(limits->chain, limits->bytes);
	u32 rest = limits->bytes - ranges;
	u64 further = ((u64)rest + (u64)ranges * (VMB_WIRE_PAGE_SIZE - 1)) >>
		      VMB_WIRE_PAGE_SHIFT;

	if (!ranges)
		return 0;
	return ranges + (u32)min_t(u64, rest, further);
}

/**
 * vmb_ranges_maximum_length() - longest range list that can be accepted
 * @limits: what the channel accepts.
 *
 * Context: Any.
 * Return: Bytes, a multiple of 8, at most what a packet can hold. 0 if the
 * limits accept no external data.
 */
u32 vmb_ranges_maximum_length(const struct vmb_range_limits *limits)
{
	u32 ranges = min(limits->chain, limits->bytes);
	u64 length;

	if (!ranges)
		return 0;
	length = VMB_RANGES_HEADER + (u64)ranges * VMB_RANGE_HEADER +
		 (u64)vmb_ranges_maximum_segments(limits) * VMB_RANGES_PFN;
	return min_t(u64, length, VMB_WIRE_MAXIMUM_LENGTH -
		     sizeof(struct vmb_wire_descriptor));
}

/**
 * vmb_ranges_check() - check a range list, and sum it up
 * @ranges: gets the sums; refers to @list. Means something only if the list is
 *	sound.
 * @type: VMB_WIRE_TYPE_DATA_GPA_DIRECT or VMB_WIRE_TYPE_DATA_TRANSFER_PAGES.
 * @list: a private copy of the list, aligned to 8 bytes.
 * @list_length: bytes of @list, up to the payload.
 * @limits: what the channel accepts.
 *
 * Whether the memory that the ranges name may be touched is not asked here.
 *
 * Context: Any.
 * Return: VMB_REFUSAL_NONE, one of the VMB_REFUSAL_RANGE* values, or
 * VMB_REFUSAL_TYPE_UNKNOWN for another @type.
 */
enum vmb_refusal vmb_ranges_check(struct vmb_ranges *ranges, u16 type,
				  const void *list, u32 list_length,
				  const struct vmb_range_limits *limits)
{
	const struct vmb_wire_transfer_pages *transfer = list;
	const struct vmb_wire_gpa_direct *direct = list;
	bool with_pages = type == VMB_WIRE_TYPE_DATA_GPA_DIRECT;
	const u8 *position = list + VMB_RANGES_HEADER;
	u32 left, count, i;

	if (!with_pages && type != VMB_WIRE_TYPE_DATA_TRANSFER_PAGES)
		return VMB_REFUSAL_TYPE_UNKNOWN;
	if (list_length < VMB_RANGES_HEADER)
		return VMB_REFUSAL_RANGES_TRUNCATED;
	left = list_length - VMB_RANGES_HEADER;
	count = le32_to_cpu(direct->range_count);
	if (!count)
		return VMB_REFUSAL_RANGES_NONE;
	if (count > limits->chain)
		return VMB_REFUSAL_RANGES_TOO_MANY;

	*ranges = (struct vmb_ranges) {
		.list = list,
		.type = type,
		.set_id = with_pages ? 0 : le16_to_cpu(transfer->set_id),
		.count = count,
	};
	for (i = 0; i < count; i++) {
		const struct vmb_wire_gpa_range *range = (const void *)position;
		u32 bytes, offset, end, pages;

		if (left < VMB_RANGE_HEADER)
			return VMB_REFUSAL_RANGES_TRUNCATED;
		left -= VMB_RANGE_HEADER;
		position += VMB_RANGE_HEADER;

		bytes = le32_to_cpu(range->byte_count);
		offset = le32_to_cpu(range->byte_offset);
		if (!bytes)
			return VMB_REFUSAL_RANGE_EMPTY;
		if (check_add_overflow(offset, bytes, &end))
			return VMB_REFUSAL_RANGE_OFFSET;
		/* The sum so far is within the limit. */
		if (bytes > limits->bytes - ranges->bytes)
			return VMB_REFUSAL_RANGES_TOO_LONG;
		ranges->bytes += bytes;
		if (!with_pages)
			continue;

		if (offset >= VMB_WIRE_PAGE_SIZE)
			return VMB_REFUSAL_RANGE_OFFSET;
		pages = ((end - 1) >> VMB_WIRE_PAGE_SHIFT) + 1;
		if (left / VMB_RANGES_PFN < pages)
			return VMB_REFUSAL_RANGES_TRUNCATED;
		/* The next range is read where this says. */
		pages = array_index_nospec(pages, left / VMB_RANGES_PFN + 1);
		left -= pages * VMB_RANGES_PFN;
		position += pages * VMB_RANGES_PFN;
		ranges->pages += pages;
	}
	return left ? VMB_REFUSAL_RANGES_TRAILING : VMB_REFUSAL_NONE;
}

/**
 * vmb_range_walk_init() - begin to walk over a checked range list
 * @walk: to be filled. Refers to the list.
 * @ranges: a list for which vmb_ranges_check() returned VMB_REFUSAL_NONE.
 *
 * Context: Any.
 */
void vmb_range_walk_init(struct vmb_range_walk *walk, const struct vmb_ranges *ranges)
{
	*walk = (struct vmb_range_walk) {
		.position = (const u8 *)ranges->list + VMB_RANGES_HEADER,
		.left = ranges->count,
		.pages = ranges->pages,
		.with_pages = ranges->type == VMB_WIRE_TYPE_DATA_GPA_DIRECT,
	};
}

/**
 * vmb_range_walk_next() - the next range of external data
 * @walk: where the walk is.
 * @range: gets it; refers to the list.
 *
 * Context: Any.
 * Return: false if there was none left.
 */
bool vmb_range_walk_next(struct vmb_range_walk *walk, struct vmb_range *range)
{
	const struct vmb_wire_gpa_range *wire = (const void *)walk->position;
	u32 pages;

	if (!walk->left)
		return false;
	walk->left--;
	walk->position += VMB_RANGE_HEADER;
	range->length = le32_to_cpu(wire->byte_count);
	range->offset = le32_to_cpu(wire->byte_offset);
	range->pfns = NULL;
	if (!walk->with_pages)
		return true;
	range->pfns = (const __le64 *)walk->position;
	/* The check has seen that the range ends at a number of 32 bits. */
	pages = ((range->offset + range->length - 1) >> VMB_WIRE_PAGE_SHIFT) + 1;
	/* The next range is read where this says, also by a CPU that guesses there is one. */
	pages = array_index_nospec(pages, walk->pages + 1);
	walk->pages -= pages;
	walk->position += pages * VMB_RANGES_PFN;
	return true;
}
