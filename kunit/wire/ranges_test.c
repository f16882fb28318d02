// SPDX-License-Identifier: GPL-2.0
/*
 * Range lists: which are sound, why the others are not, and what pieces of
 * memory they name.
 */
#include <kunit/test.h>
#include <linux/string.h>

#include "../../drivers/kmcl/ranges.h"
#include "../fixtures/ring_image.h"

#define GPA_DIRECT	9
#define TRANSFER_PAGES	7

/* Room for the longest list of the tests. */
#define LIST_SIZE	2048

/* A list that grows, word by word as it stands on the wire. */
struct list {
	u8 *bytes;
	u32 length;
};

static const struct vmb_range_limits limits = {
	.bytes = 64 * 1024,
	.chain = 8,
};

static int ranges_init(struct kunit *test)
{
	struct list *list = kunit_kzalloc(test, sizeof(*list), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, list);
	list->bytes = kunit_kzalloc(test, LIST_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, list->bytes);
	test->priv = list;
	return 0;
}

static void put32(struct list *list, u32 value)
{
	ring_image_put_le(list->bytes + list->length, value, 4);
	list->length += 4;
}

static void put64(struct list *list, u64 value)
{
	ring_image_put_le(list->bytes + list->length, value, 8);
	list->length += 8;
}

static void put_gpa_direct(struct list *list, u32 count)
{
	put32(list, 0);
	put32(list, count);
}

static void put_transfer_pages(struct list *list, u16 set_id, u32 count)
{
	put32(list, set_id | 1 << 16);
	put32(list, count);
}

static void put_range(struct list *list, u32 bytes, u32 offset)
{
	put32(list, bytes);
	put32(list, offset);
}

static enum vmb_refusal check(struct list *list, u16 type, struct vmb_ranges *ranges)
{
	return vmb_ranges_check(ranges, type, list->bytes, list->length, &limits);
}

static void gpa_direct_is_summed_up(struct kunit *test)
{
	struct list *list = test->priv;
	struct vmb_ranges ranges;

	put_gpa_direct(list, 2);
	put_range(list, 100, 4095);
	put64(list, 0x1000);
	put64(list, 0x2000);
	put_range(list, 4096, 0);
	put64(list, 0x3000);
	KUNIT_ASSERT_EQ(test, check(list, GPA_DIRECT, &ranges), VMB_REFUSAL_NONE);
	KUNIT_EXPECT_PTR_EQ(test, ranges.list, (const void *)list->bytes);
	KUNIT_EXPECT_EQ(test, ranges.type, GPA_DIRECT);
	KUNIT_EXPECT_EQ(test, ranges.set_id, 0);
	KUNIT_EXPECT_EQ(test, ranges.count, 2);
	KUNIT_EXPECT_EQ(test, ranges.bytes, 4196);
	KUNIT_EXPECT_EQ(test, ranges.pages, 3);
}

static void transfer_pages_are_summed_up(struct kunit *test)
{
	struct list *list = test->priv;
	struct vmb_ranges ranges;

	put_transfer_pages(list, 0xcafe, 2);
	put_range(list, 100, 1000000);
	put_range(list, 4096, 0);
	KUNIT_ASSERT_EQ(test, check(list, TRANSFER_PAGES, &ranges), VMB_REFUSAL_NONE);
	KUNIT_EXPECT_EQ(test, ranges.type, TRANSFER_PAGES);
	KUNIT_EXPECT_EQ(test, ranges.set_id, 0xcafe);
	KUNIT_EXPECT_EQ(test, ranges.count, 2);
	KUNIT_EXPECT_EQ(test, ranges.bytes, 4196);
	KUNIT_EXPECT_EQ(test, ranges.pages, 0);
}

/* The reserved word is the sender's affair. */
static void reserved_fields_are_ignored(struct kunit *test)
{
	struct list *list = test->priv;
	struct vmb_ranges ranges;

	put32(list, 0xffffffff);
	put32(list, 1);
	put_range(list, 1, 0);
	put64(list, 0);
	KUNIT_EXPECT_EQ(test, check(list, GPA_DIRECT, &ranges), VMB_REFUSAL_NONE);
}

/* One range of GPA-direct, and how many PFNs it has and must have. */
static const struct pages_case {
	u32 bytes;
	u32 offset;
	u32 pages;
} pages_cases[] = {
	{ 1, 0, 1 },
	{ 1, 4095, 1 },
	{ 2, 4095, 2 },
	{ 4096, 0, 1 },
	{ 4097, 0, 2 },
	{ 4096, 1, 2 },
	{ 4095, 1, 1 },
	{ 4097, 4095, 2 },
	{ 4098, 4095, 3 },
	{ 65536, 0, 16 },
	{ 65536, 1, 17 },
	{ 65536, 4095, 17 },
};

static void describe_pages(const struct pages_case *pages, char *description)
{
	snprintf(description, KUNIT_PARAM_DESC_SIZE, "%u bytes at %u", pages->bytes,
		 pages->offset);
}

KUNIT_ARRAY_PARAM(pages, pages_cases, describe_pages);

static void range_has_one_pfn_per_page_it_touches(struct kunit *test)
{
	const struct pages_case *pages = test->param_value;
	struct list *list = test->priv;
	struct vmb_ranges ranges;
	u32 i;

	put_gpa_direct(list, 1);
	put_range(list, pages->bytes, pages->offset);
	for (i = 0; i < pages->pages; i++)
		put64(list, i);
	KUNIT_EXPECT_EQ(test, check(list, GPA_DIRECT, &ranges), VMB_REFUSAL_NONE);
	KUNIT_EXPECT_EQ(test, ranges.pages, pages->pages);

	put64(list, 0);
	KUNIT_EXPECT_EQ(test, check(list, GPA_DIRECT, &ranges), VMB_REFUSAL_RANGES_TRAILING);
	list->length -= 16;
	KUNIT_EXPECT_EQ(test, check(list, GPA_DIRECT, &ranges), VMB_REFUSAL_RANGES_TRUNCATED);
}

/* Lists that are wrong: so many ranges are announced, the second is given. */
static const struct wrong_case {
	const char *name;
	u16 type;
	u32 count;
	u32 bytes;
	u32 offset;
	u32 pfns;
	enum vmb_refusal refusal;
} wrong_cases[] = {
	{ "gpa: no range", 9, 0, 1, 0, 1, VMB_REFUSAL_RANGES_NONE },
	{ "gpa: one more than the chain", 9, 9, 1, 0, 1, VMB_REFUSAL_RANGES_TOO_MANY },
	{ "gpa: as many as a count can say", 9, 0xffffffff, 1, 0, 1,
	  VMB_REFUSAL_RANGES_TOO_MANY },
	{ "gpa: fewer than announced", 9, 3, 1, 0, 1, VMB_REFUSAL_RANGES_TRUNCATED },
	{ "gpa: more than announced", 9, 1, 1, 0, 1, VMB_REFUSAL_RANGES_TRAILING },
	{ "gpa: a PFN too few", 9, 2, 4097, 0, 1, VMB_REFUSAL_RANGES_TRUNCATED },
	{ "gpa: a PFN too many", 9, 2, 4096, 0, 2, VMB_REFUSAL_RANGES_TRAILING },
	{ "gpa: empty range", 9, 2, 0, 0, 1, VMB_REFUSAL_RANGE_EMPTY },
	{ "gpa: empty range without a PFN", 9, 2, 0, 0, 0, VMB_REFUSAL_RANGE_EMPTY },
	{ "gpa: offset of a page", 9, 2, 1, 4096, 1, VMB_REFUSAL_RANGE_OFFSET },
	{ "gpa: largest offset", 9, 2, 1, 0xffffffff, 1, VMB_REFUSAL_RANGE_OFFSET },
	{ "gpa: end beyond 32 bits", 9, 2, 0xffffffff, 4095, 1, VMB_REFUSAL_RANGE_OFFSET },
	{ "gpa: a byte too many", 9, 2, 64 * 1024, 0, 16, VMB_REFUSAL_RANGES_TOO_LONG },
	{ "gpa: most bytes", 9, 2, 0xffffffff, 0, 1, VMB_REFUSAL_RANGES_TOO_LONG },
	{ "transfer: no range", 7, 0, 1, 0, 0, VMB_REFUSAL_RANGES_NONE },
	{ "transfer: one more than the chain", 7, 9, 1, 0, 0, VMB_REFUSAL_RANGES_TOO_MANY },
	{ "transfer: fewer than announced", 7, 3, 1, 0, 0, VMB_REFUSAL_RANGES_TRUNCATED },
	{ "transfer: more than announced", 7, 1, 1, 0, 0, VMB_REFUSAL_RANGES_TRAILING },
	{ "transfer: a PFN", 7, 2, 1, 0, 1, VMB_REFUSAL_RANGES_TRAILING },
	{ "transfer: empty range", 7, 2, 0, 0, 0, VMB_REFUSAL_RANGE_EMPTY },
	{ "transfer: end beyond 32 bits", 7, 2, 2, 0xffffffff, 0, VMB_REFUSAL_RANGE_OFFSET },
	{ "transfer: a byte too many", 7, 2, 64 * 1024, 0, 0, VMB_REFUSAL_RANGES_TOO_LONG },
	{ "no list's type", 6, 2, 1, 0, 0, VMB_REFUSAL_TYPE_UNKNOWN },
};

static void describe_wrong(const struct wrong_case *wrong, char *description)
{
	strscpy(description, wrong->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(wrong, wrong_cases, describe_wrong);

static void wrong_list_is_refused(struct kunit *test)
{
	const struct wrong_case *wrong = test->param_value;
	struct list *list = test->priv;
	struct vmb_ranges ranges;
	u32 i;

	put_gpa_direct(list, wrong->count);
	put_range(list, 1, 0);
	if (wrong->type == GPA_DIRECT)
		put64(list, 0);
	put_range(list, wrong->bytes, wrong->offset);
	for (i = 0; i < wrong->pfns; i++)
		put64(list, 0);
	KUNIT_EXPECT_EQ(test, check(list, wrong->type, &ranges), wrong->refusal);
	KUNIT_EXPECT_FALSE(test, vmb_refusal_loses_framing(wrong->refusal));
}

static const u16 list_types[] = { GPA_DIRECT, TRANSFER_PAGES };

static void describe_type(const u16 *type, char *description)
{
	strscpy(description, *type == GPA_DIRECT ? "GPA-direct" : "transfer pages",
		KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(type, list_types, describe_type);

/* Every length below that of the sound list is one that ends too early. */
static void shorter_list_is_truncated(struct kunit *test)
{
	const u16 *type = test->param_value;
	struct list *list = test->priv;
	struct vmb_ranges ranges;
	u32 whole;

	put_gpa_direct(list, 3);
	for (whole = 0; whole < 3; whole++) {
		put_range(list, 4096, 0);
		if (*type == GPA_DIRECT)
			put64(list, whole);
	}
	KUNIT_ASSERT_EQ(test, check(list, *type, &ranges), VMB_REFUSAL_NONE);
	while (list->length) {
		list->length -= 8;
		KUNIT_EXPECT_EQ(test, check(list, *type, &ranges),
				VMB_REFUSAL_RANGES_TRUNCATED);
	}
}

static void limits_are_met_exactly(struct kunit *test)
{
	struct list *list = test->priv;
	struct vmb_ranges ranges;
	u32 i, k;

	put_gpa_direct(list, 8);
	for (i = 0; i < 8; i++) {
		put_range(list, 8192, 0);
		for (k = 0; k < 2; k++)
			put64(list, k);
	}
	KUNIT_EXPECT_EQ(test, check(list, GPA_DIRECT, &ranges), VMB_REFUSAL_NONE);
	KUNIT_EXPECT_EQ(test, ranges.bytes, 65536);
}

static void no_bytes_refuse_all_external_data(struct kunit *test)
{
	static const struct vmb_range_limits none = { .bytes = 0, .chain = 8 };
	struct list *list = test->priv;
	struct vmb_ranges ranges;

	put_gpa_direct(list, 1);
	put_range(list, 1, 0);
	put64(list, 0);
	KUNIT_EXPECT_EQ(test, vmb_ranges_check(&ranges, GPA_DIRECT, list->bytes, list->length,
					       &none), VMB_REFUSAL_RANGES_TOO_LONG);
}

/* Pages of 4 KiB, and where they are in larger ones. */
static const struct shift_case {
	u8 shift;
	u64 pfn;
	u64 page;
	u32 offset;
} shift_cases[] = {
	{ 12, 0x12345, 0x12345, 0 },
	{ 14, 0x12345, 0x48d1, 0x1000 },
	{ 14, 0x12347, 0x48d1, 0x3000 },
	{ 14, 0x12348, 0x48d2, 0 },
	{ 16, 0x12345, 0x1234, 0x5000 },
	{ 16, 0x1234f, 0x1234, 0xf000 },
	{ 12, 0xfedcba9876543210, 0xfedcba9876543210, 0 },
	{ 16, 0xfedcba9876543210, 0x0fedcba987654321, 0 },
	{ 16, 0xffffffffffffffff, 0x0fffffffffffffff, 0xf000 },
};

static void describe_shift(const struct shift_case *shift, char *description)
{
	snprintf(description, KUNIT_PARAM_DESC_SIZE, "page shift %u, %#llx", shift->shift,
		 shift->pfn);
}

KUNIT_ARRAY_PARAM(shift, shift_cases, describe_shift);

static void page_of_the_kernel(struct kunit *test)
{
	const struct shift_case *shift = test->param_value;

	KUNIT_EXPECT_EQ(test, vmb_range_page(shift->pfn, shift->shift), shift->page);
	KUNIT_EXPECT_EQ(test, vmb_range_offset_in_page(shift->pfn, shift->shift),
			shift->offset);
}

/* That pages follow one another is looked at, for each of those that are asked for. */
static void run_of_pages(struct kunit *test)
{
	static const struct {
		u64 pfns[4];
		u32 most;
		u32 run;
	} runs[] = {
		{ { 7, 8, 9, 10 }, 4, 4 },
		{ { 7, 8, 9, 10 }, 3, 3 },
		{ { 7, 8, 9, 10 }, 1, 1 },
		{ { 7, 8, 10, 11 }, 4, 2 },
		{ { 7, 9, 10, 11 }, 4, 1 },
		{ { 10, 9, 8, 7 }, 4, 1 },
		{ { 7, 7, 8, 8 }, 4, 1 },
		{ { 0xffffffff, 0x100000000, 0x100000001, 2 }, 4, 3 },
		{ { 0xffffffff, 0, 1, 2 }, 4, 1 },
		{ { U64_MAX - 3, U64_MAX - 2, U64_MAX - 1, U64_MAX }, 4, 4 },
	};
	__le64 pfns[4];
	u32 i, k;

	for (i = 0; i < ARRAY_SIZE(runs); i++) {
		for (k = 0; k < ARRAY_SIZE(pfns); k++)
			pfns[k] = cpu_to_le64(runs[i].pfns[k]);
		KUNIT_EXPECT_EQ_MSG(test, vmb_range_run(pfns, runs[i].most), runs[i].run,
				    "run %u", i);
	}
}

static void expect_range(struct kunit *test, struct vmb_range_walk *walk, u32 offset,
			 u32 length, const u64 *pfns, u32 count)
{
	struct vmb_range range = {};
	u32 i;

	KUNIT_ASSERT_TRUE(test, vmb_range_walk_next(walk, &range));
	KUNIT_EXPECT_EQ(test, range.offset, offset);
	KUNIT_EXPECT_EQ(test, range.length, length);
	for (i = 0; i < count; i++)
		KUNIT_EXPECT_EQ(test, le64_to_cpu(range.pfns[i]), pfns[i]);
}

static void walk_goes_through_all_ranges(struct kunit *test)
{
	static const u64 pfns[] = { 10, 0xfedcba9876543210, 30, U64_MAX, 5 };
	struct list *list = test->priv;
	struct vmb_range_walk walk;
	struct vmb_ranges ranges;
	struct vmb_range range;

	put_gpa_direct(list, 4);
	put_range(list, 2, 4095);
	put64(list, pfns[0]);
	put64(list, pfns[1]);
	put_range(list, 7, 100);
	put64(list, pfns[2]);
	put_range(list, 4096, 0);
	put64(list, pfns[3]);
	put_range(list, 1, 4095);
	put64(list, pfns[4]);
	KUNIT_ASSERT_EQ(test, check(list, GPA_DIRECT, &ranges), VMB_REFUSAL_NONE);
	vmb_range_walk_init(&walk, &ranges);
	expect_range(test, &walk, 4095, 2, pfns, 2);
	expect_range(test, &walk, 100, 7, pfns + 2, 1);
	expect_range(test, &walk, 0, 4096, pfns + 3, 1);
	expect_range(test, &walk, 4095, 1, pfns + 4, 1);
	KUNIT_EXPECT_FALSE(test, vmb_range_walk_next(&walk, &range));
	KUNIT_EXPECT_FALSE(test, vmb_range_walk_next(&walk, &range));
}

/* As a CPU may see it that guesses: what a range says moves the walk no further. */
static void walk_stays_in_its_list(struct kunit *test)
{
	struct list *list = test->priv;
	struct vmb_range_walk walk;
	struct vmb_ranges ranges;
	struct vmb_range range;

	put_gpa_direct(list, 2);
	put_range(list, 1, 0);
	put64(list, 1);
	put_range(list, 1, 0);
	put64(list, 2);
	KUNIT_ASSERT_EQ(test, check(list, GPA_DIRECT, &ranges), VMB_REFUSAL_NONE);
	ring_image_put_le(list->bytes + 12, 0x7ffff000, 4);
	vmb_range_walk_init(&walk, &ranges);
	KUNIT_EXPECT_TRUE(test, vmb_range_walk_next(&walk, &range));
	KUNIT_EXPECT_LE(test, (unsigned long)walk.position,
			(unsigned long)(list->bytes + list->length));
}

static void walk_tells_transfer_ranges(struct kunit *test)
{
	struct list *list = test->priv;
	struct vmb_range_walk walk;
	struct vmb_ranges ranges;
	struct vmb_range range;

	put_transfer_pages(list, 3, 2);
	put_range(list, 20000, 12345);
	put_range(list, 1, 0xfffffffe);
	KUNIT_ASSERT_EQ(test, check(list, TRANSFER_PAGES, &ranges), VMB_REFUSAL_NONE);
	vmb_range_walk_init(&walk, &ranges);
	expect_range(test, &walk, 12345, 20000, NULL, 0);
	KUNIT_ASSERT_TRUE(test, vmb_range_walk_next(&walk, &range));
	KUNIT_EXPECT_NULL(test, range.pfns);
	KUNIT_EXPECT_EQ(test, range.offset, 0xfffffffe);
	KUNIT_EXPECT_EQ(test, range.length, 1);
	KUNIT_EXPECT_FALSE(test, vmb_range_walk_next(&walk, &range));
}

/*
 * The most pages that so many bytes in so many ranges can touch: a range of one
 * byte touches one page, and the second byte and then every further 4096 touch
 * one more.
 */
static const struct most_case {
	u32 bytes;
	u32 chain;
	u32 segments;
	u32 length;
} most_cases[] = {
	{ 0, 0, 0, 0 },
	{ 0, 16, 0, 0 },
	{ 4096, 0, 0, 0 },
	{ 1, 1, 1, 8 + 8 + 8 },
	{ 1, 16, 1, 8 + 8 + 8 },
	{ 2, 1, 2, 8 + 8 + 16 },
	{ 4097, 1, 2, 8 + 8 + 16 },
	{ 4098, 1, 3, 8 + 8 + 24 },
	{ 4, 2, 4, 8 + 16 + 32 },
	{ 3, 2, 3, 8 + 16 + 24 },
	{ 4096, 16, 32, 8 + 128 + 256 },
	{ 65536, 8, 31, 8 + 64 + 248 },
	{ 65536, 1, 17, 8 + 8 + 136 },
	{ 0xffffffff, 1, 0x100001, 524264 },
	{ 0xffffffff, 0xffffffff, 0xffffffff, 524264 },
};

static void describe_most(const struct most_case *most, char *description)
{
	snprintf(description, KUNIT_PARAM_DESC_SIZE, "%u bytes in %u ranges", most->bytes,
		 most->chain);
}

KUNIT_ARRAY_PARAM(most, most_cases, describe_most);

static void maxima_hold_the_worst_list(struct kunit *test)
{
	const struct most_case *most = test->param_value;
	const struct vmb_range_limits worst = { .bytes = most->bytes, .chain = most->chain };

	KUNIT_EXPECT_EQ(test, vmb_ranges_maximum_segments(&worst), most->segments);
	KUNIT_EXPECT_EQ(test, vmb_ranges_maximum_length(&worst), most->length);
}

/* And that list is sound: seven ranges of two bytes, one of all the rest. */
static void worst_list_is_accepted(struct kunit *test)
{
	struct list *list = test->priv;
	struct vmb_ranges ranges;
	u32 i;

	put_gpa_direct(list, 8);
	for (i = 0; i < 7; i++) {
		put_range(list, 2, 4095);
		put64(list, 0);
		put64(list, 0);
	}
	put_range(list, 65536 - 14, 4095);
	for (i = 0; i < 17; i++)
		put64(list, 0);
	KUNIT_ASSERT_EQ(test, check(list, GPA_DIRECT, &ranges), VMB_REFUSAL_NONE);
	KUNIT_EXPECT_EQ(test, list->length, vmb_ranges_maximum_length(&limits));
	KUNIT_EXPECT_EQ(test, ranges.pages, vmb_ranges_maximum_segments(&limits));
}

static struct kunit_case ranges_cases[] = {
	KUNIT_CASE(gpa_direct_is_summed_up),
	KUNIT_CASE(transfer_pages_are_summed_up),
	KUNIT_CASE(reserved_fields_are_ignored),
	KUNIT_CASE_PARAM(range_has_one_pfn_per_page_it_touches, pages_gen_params),
	KUNIT_CASE_PARAM(wrong_list_is_refused, wrong_gen_params),
	KUNIT_CASE_PARAM(shorter_list_is_truncated, type_gen_params),
	KUNIT_CASE(limits_are_met_exactly),
	KUNIT_CASE(no_bytes_refuse_all_external_data),
	KUNIT_CASE_PARAM(page_of_the_kernel, shift_gen_params),
	KUNIT_CASE(run_of_pages),
	KUNIT_CASE(walk_goes_through_all_ranges),
	KUNIT_CASE(walk_stays_in_its_list),
	KUNIT_CASE(walk_tells_transfer_ranges),
	KUNIT_CASE_PARAM(maxima_hold_the_worst_list, most_gen_params),
	KUNIT_CASE(worst_list_is_accepted),
	{}
};

static struct kunit_suite ranges_suite = {
	.name = "vmbkmcl_ranges",
	.init = ranges_init,
	.test_cases = ranges_cases,
};

kunit_test_suite(ranges_suite);
