// SPDX-License-Identifier: GPL-2.0
/*
 * Range lists, with a second opinion on what they add up to.
 */
#define VMB_FUZZ_PEER
#include "fuzz.h"

static u32 word(const u8 *from)
{
	u32 value;

	memcpy(&value, from, sizeof(value));
	return value;
}

/*
 * The same list read plainly, in 64 bits: false if it is not sound. Gives up
 * nothing about the reason.
 */
static bool is_sound(u16 type, const u8 *list, u32 length,
		     const struct vmb_range_limits *limits, u64 *bytes, u64 *pages)
{
	u64 at = 8, count, i;

	*bytes = 0;
	*pages = 0;
	if (length < 8)
		return false;
	count = word(list + 4);
	if (!count || count > limits->chain)
		return false;
	for (i = 0; i < count; i++) {
		u64 range_bytes, offset, touched;

		if (at + 8 > length)
			return false;
		range_bytes = word(list + at);
		offset = word(list + at + 4);
		at += 8;
		touched = type == 9 ? (offset + range_bytes + 4095) / 4096 : 0;
		*bytes += range_bytes;
		*pages += touched;
		at += touched * 8;
		if (!range_bytes || *bytes > limits->bytes ||
		    offset + range_bytes > U32_MAX || (type == 9 && offset > 4095))
			return false;
	}
	return at == length;
}

/*
 * The walk tells each range, with all of its pages, and twice the same; of the pages
 * those are a run that follow one another, and no more of them.
 */
static void check_walk(const struct vmb_ranges *ranges, u8 page_shift,
		       const struct vmb_range_limits *limits)
{
	struct vmb_range_walk walk, again;
	struct vmb_range range, same;
	u64 bytes = 0, pages = 0, count = 0, rows = 0;
	const u8 *at = (const u8 *)ranges->list + 8;

	vmb_range_walk_init(&walk, ranges);
	vmb_range_walk_init(&again, ranges);
	while (vmb_range_walk_next(&walk, &range)) {
		u32 here = ranges->type == 9 ?
			   ((u64)range.offset + range.length + 4095) / 4096 : 0;
		u32 done = 0;

		FUZZ_CHECK(vmb_range_walk_next(&again, &same));
		FUZZ_CHECK(range.pfns == same.pfns && range.offset == same.offset &&
			   range.length == same.length);
		FUZZ_CHECK(range.length == word(at) && range.offset == word(at + 4));
		FUZZ_CHECK(range.length);
		at += 8;
		FUZZ_CHECK(ranges->type == 9 ? (const u8 *)range.pfns == at : !range.pfns);
		while (done < here) {
			u32 run = vmb_range_run(range.pfns + done, here - done);
			u64 pfn = le64_to_cpu(range.pfns[done]);
			u32 in_page = vmb_range_offset_in_page(pfn, page_shift);

			FUZZ_CHECK(in_page < 1u << page_shift);
			FUZZ_CHECK((vmb_range_page(pfn, page_shift) << (page_shift - 12)) +
				   in_page / 4096 == pfn);
			FUZZ_CHECK(run && run <= here - done);
			FUZZ_CHECK(le64_to_cpu(range.pfns[done + run - 1]) == pfn + run - 1);
			FUZZ_CHECK(done + run == here ||
				   le64_to_cpu(range.pfns[done + run]) != pfn + run);
			done += run;
			rows++;
		}
		at += here * 8;
		bytes += range.length;
		pages += here;
		count++;
	}
	FUZZ_CHECK(count == ranges->count);
	FUZZ_CHECK(bytes == ranges->bytes);
	FUZZ_CHECK(pages == ranges->pages);
	FUZZ_CHECK(rows <= pages);
	FUZZ_CHECK((ranges->type == 9 ? pages : count) <= vmb_ranges_maximum_segments(limits));
}

void fuzz_one_list(u16 type, const void *list, u32 length,
		   const struct vmb_range_limits *limits, u8 page_shift)
{
	struct vmb_ranges ranges;
	enum vmb_refusal refusal;
	u64 bytes, pages;
	bool sound;

	refusal = vmb_ranges_check(&ranges, type, list, length, limits);
	sound = is_sound(type, list, length, limits, &bytes, &pages);
	FUZZ_CHECK(sound == (refusal == VMB_REFUSAL_NONE));
	if (!sound) {
		FUZZ_CHECK(!vmb_refusal_loses_framing(refusal));
		fuzz_count_refusal(refusal);
		return;
	}
	FUZZ_CHECK(ranges.bytes == bytes);
	FUZZ_CHECK(ranges.pages == pages);
	FUZZ_CHECK(length <= vmb_ranges_maximum_length(limits));
	check_walk(&ranges, page_shift, limits);
}

void fuzz_ranges(struct fuzz_input *input)
{
	u8 kind = fuzz_take8(input);
	struct vmb_range_limits limits;
	struct vmb_ranges ranges;
	u32 length, i;
	u8 *list;

	limits.bytes = fuzz_take32(input) >> kind % 32;
	limits.chain = fuzz_take16(input) >> (kind >> 4);
	length = fuzz_left(input) / 8 * 8;
	list = malloc(length ?: 1);
	for (i = 0; i < length; i++)
		list[i] = fuzz_take8(input);
	fuzz_one_list(kind % 2 ? 9 : 7, list, length, &limits, 12 + kind % 5);
	/* Packets of no other type have one. */
	FUZZ_CHECK(vmb_ranges_check(&ranges, 6, list, length, &limits) ==
		   VMB_REFUSAL_TYPE_UNKNOWN);
	free(list);
}
