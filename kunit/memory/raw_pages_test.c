// SPDX-License-Identifier: GPL-2.0
/*
 * Raw guest pages that are none to hand out: what they are may change between
 * the look at them and the reference to them, and memory may be taken away.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/memory.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/set_memory.h>
#include <linux/workqueue.h>
#include <asm/tlbflush.h>

#include "../../drivers/kmcl/compat.h"
#include "../fixtures/external_fixture.h"

static struct page *make_page(struct kunit *test)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);

	KUNIT_ASSERT_NOT_NULL(test, page);
	return page;
}

/* The reference comes back, whatever the answer is. */
static void expect_got(struct kunit *test, struct page *page, bool got)
{
	struct page *found = vmb_raw_page_get(page_to_pfn(page));

	KUNIT_EXPECT_PTR_EQ(test, found, got ? page : NULL);
	KUNIT_EXPECT_EQ(test, page_count(page), 1 + got);
	if (found)
		put_page(found);
}

/* As if it had become so since it was looked at without the reference. */
static void expect_not_held(struct kunit *test, struct page *page)
{
	KUNIT_EXPECT_PTR_EQ(test, vmb_raw_page_hold(page), NULL);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	expect_got(test, page, false);
}

static void reserved(struct kunit *test)
{
	struct page *page = make_page(test);

	expect_got(test, page, true);
	SetPageReserved(page);
	expect_not_held(test, page);
	ClearPageReserved(page);
	expect_got(test, page, true);
	__free_page(page);
}

static void offline(struct kunit *test)
{
	struct page *page = make_page(test);

	__SetPageOffline(page);
	expect_not_held(test, page);
	__ClearPageOffline(page);
	expect_got(test, page, true);
	__free_page(page);
}

#ifdef CONFIG_MEMORY_FAILURE
static void poisoned(struct kunit *test)
{
	struct page *page = make_page(test);

	SetPageHWPoison(page);
	expect_not_held(test, page);
	ClearPageHWPoison(page);
	expect_got(test, page, true);
	__free_page(page);
}
#endif

#ifdef CONFIG_ARCH_HAS_SET_DIRECT_MAP
/* As secret memory is: the kernel itself cannot touch it. */
static void out_of_the_direct_map(struct kunit *test)
{
	struct page *page = make_page(test);
	unsigned long address = (unsigned long)page_address(page);

	KUNIT_ASSERT_EQ(test, set_direct_map_invalid_noflush(page), 0);
	flush_tlb_kernel_range(address, address + PAGE_SIZE);
	expect_not_held(test, page);
	KUNIT_ASSERT_EQ(test, set_direct_map_default_noflush(page), 0);
	flush_tlb_kernel_range(address, address + PAGE_SIZE);
	expect_got(test, page, true);
	__free_page(page);
}
#endif

/* Memory that is about to go, until it is known that it stays. */
static void taken_away(struct kunit *test)
{
	struct page *page = make_page(test), *neighbour = make_page(test);
	struct memory_notify notify = {
		.start_pfn = page_to_pfn(page), .nr_pages = 1,
	};
	static const unsigned long ends[] = { MEM_CANCEL_OFFLINE, MEM_OFFLINE };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		vmb_raw_pages_notify(NULL, MEM_GOING_OFFLINE, &notify);
		expect_got(test, page, false);
		expect_got(test, neighbour, true);
		vmb_raw_pages_notify(NULL, ends[i], &notify);
		expect_got(test, page, true);
	}
	__free_page(page);
	__free_page(neighbour);
}

/* Somebody who looked at the range before it was marked, and has no reference yet. */
struct slow_reader {
	struct work_struct work;
	struct completion looks;
	bool done;
};

static void look_slowly(struct work_struct *work)
{
	struct slow_reader *reader = container_of(work, struct slow_reader, work);

	rcu_read_lock();
	complete(&reader->looks);
	mdelay(50);
	WRITE_ONCE(reader->done, true);
	rcu_read_unlock();
}

static void leaving_memory_waits_for_readers(struct kunit *test)
{
	struct page *page = make_page(test);
	struct memory_notify notify = {
		.start_pfn = page_to_pfn(page),
		.nr_pages = 1,
	};
	struct slow_reader reader = { };

	INIT_WORK_ONSTACK(&reader.work, look_slowly);
	init_completion(&reader.looks);
	queue_work(system_dfl_wq, &reader.work);
	wait_for_completion(&reader.looks);
	vmb_raw_pages_notify(NULL, MEM_GOING_OFFLINE, &notify);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(reader.done));
	vmb_raw_pages_notify(NULL, MEM_CANCEL_OFFLINE, &notify);
	flush_work(&reader.work);
	destroy_work_on_stack(&reader.work);
	__free_page(page);
}

static void no_memory_at_all(struct kunit *test)
{
	KUNIT_EXPECT_PTR_EQ(test, vmb_raw_page_get(U64_MAX), NULL);
	KUNIT_EXPECT_PTR_EQ(test, vmb_raw_page_get(U64_MAX >> 12), NULL);
	KUNIT_EXPECT_PTR_EQ(test, vmb_page_of_frame(VMB_FRAMES),
			    NULL);
}

static struct kunit_case raw_pages_cases[] = {
	KUNIT_CASE(reserved),
	KUNIT_CASE(offline),
#ifdef CONFIG_MEMORY_FAILURE
	KUNIT_CASE(poisoned),
#endif
#ifdef CONFIG_ARCH_HAS_SET_DIRECT_MAP
	KUNIT_CASE(out_of_the_direct_map),
#endif
	KUNIT_CASE(taken_away),
	KUNIT_CASE(leaving_memory_waits_for_readers),
	KUNIT_CASE(no_memory_at_all),
	{}
};

static struct kunit_suite raw_pages_suite = {
	.name = "vmbkmcl_raw_pages",
	.test_cases = raw_pages_cases,
};

kunit_test_suite(raw_pages_suite);
