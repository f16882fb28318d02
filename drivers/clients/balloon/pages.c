// SPDX-License-Identifier: GPL-2.0
/*
 * The pages that the host has: taken from this kernel's allocator, remembered by
 * number, and given back to it when the host gives them back.
 *
 * What the host names is looked up there: a page that it does not have is never
 * touched, whatever it says.
 */
#include <linux/bitfield.h>
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/page-flags.h>
#include <linux/sizes.h>

#include "balloon.h"

/* Most pages that are asked for at once: 2 MiB, one range in the answer. */
#define BALLOON_CHUNK_ORDER	9
#define BALLOON_RANGES		((DM_MAXIMUM_SIZE - sizeof(struct dm_balloon_response)) / \
				 sizeof(__le64))

static unsigned int floor_mb;
module_param(floor_mb, uint, 0644);
MODULE_PARM_DESC(floor_mb,
		 "MiB of available memory that the balloon leaves to this VM (0: an eighth of its memory, at least 64, at most 1024)");

/* Pages that must stay available, however many the host asks for. */
unsigned long balloon_floor(const struct balloon *balloon)
{
	unsigned int megabytes = READ_ONCE(floor_mb);
	unsigned long all;

	if (megabytes)
		return (unsigned long)megabytes << (20 - PAGE_SHIFT);
	all = totalram_pages() + READ_ONCE(balloon->ballooned);
	return clamp(all / 8, SZ_64M >> PAGE_SHIFT, SZ_1G >> PAGE_SHIFT);
}

/* How many pages may go now. */
static unsigned long balloon_room(const struct balloon *balloon)
{
	long available = si_mem_available();
	unsigned long floor = balloon_floor(balloon);

	if (!BALLOON_IS_POSSIBLE)
		return 0;
	return available > 0 && available > floor ? available - floor : 0;
}

static void balloon_free_page(struct page *page)
{
	__ClearPageOffline(page);
	adjust_managed_page_count(page, 1);
	__free_page(page);
}

/* The page is the host's from here on: not to be dumped, nor counted as memory. */
static int balloon_remember(struct balloon *balloon, struct page *page)
{
	int ret;

	/* Must not have somebody killed for it. */
	ret = xa_err(xa_store(&balloon->pages, page_to_pfn(page), page,
			      GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN));
	if (ret) {
		__free_page(page);
		return ret;
	}
	__SetPageOffline(page);
	adjust_managed_page_count(page, -1);
	return 0;
}

/*
 * Up to 1 << *order pages in a row, or fewer, then *order is less. Memory that is
 * in use is not moved about for large pieces, and reserves are left alone.
 */
static struct page *balloon_allocate(unsigned int *order)
{
	const gfp_t flags = GFP_HIGHUSER | __GFP_NORETRY | __GFP_NOWARN |
			    __GFP_NOMEMALLOC;
	struct page *page;

	while (*order) {
		page = alloc_pages(flags & ~__GFP_DIRECT_RECLAIM, *order);
		if (page) {
			split_page(page, *order);
			return page;
		}
		*order = *order > 4 ? 4 : 0;
	}
	return alloc_page(flags);
}

/* Pages of one piece; those from the first failure on go back. */
static u32 balloon_remember_all(struct balloon *balloon, struct page *page,
				u32 count)
{
	u32 done, i;

	for (done = 0; done < count; done++)
		if (balloon_remember(balloon, page + done))
			break;
	for (i = done + 1; i < count; i++)
		__free_page(page + i);
	WRITE_ONCE(balloon->ballooned, balloon->ballooned + done);
	balloon->inflated += done;
	return done;
}

/*
 * Up to @wanted pages, as many as one answer can name, and as there are above the
 * floor. The answer's ranges are filled in. Fewer than wanted, and not all of the
 * ranges used: there are no more.
 */
u32 balloon_inflate(struct balloon *balloon, u32 wanted, u32 *range_count)
{
	__le64 *ranges = balloon->message.response.ranges;
	unsigned int order = BALLOON_CHUNK_ORDER;
	u32 total = 0, got;

	for (*range_count = 0; *range_count < BALLOON_RANGES && total < wanted;
	     ++*range_count) {
		unsigned long room = min_t(unsigned long, balloon_room(balloon),
					   wanted - total);
		struct page *page;

		if (!room)
			break;
		order = min_t(unsigned int, order, ilog2(room));
		page = balloon_allocate(&order);
		if (!page)
			break;
		got = balloon_remember_all(balloon, page, 1U << order);
		if (!got)
			break;
		ranges[*range_count] = cpu_to_le64(FIELD_PREP(DM_RANGE_START,
							      page_to_pfn(page)) |
						   FIELD_PREP(DM_RANGE_COUNT, got));
		total += got;
		cond_resched();
	}
	return total;
}

/* The host gives back @count pages from @start on. */
void balloon_deflate(struct balloon *balloon, u64 start, u64 count)
{
	unsigned long number, first, last, found = 0;
	struct page *page;

	if (!count)
		return;
	/* Both are of 40 bits or fewer, which may be more than a page's number has. */
	first = min_t(u64, start, ULONG_MAX);
	last = min_t(u64, start + count - 1, ULONG_MAX);
	xa_for_each_range(&balloon->pages, number, page, first, last) {
		xa_erase(&balloon->pages, number);
		balloon_free_page(page);
		found++;
		cond_resched();
	}
	WRITE_ONCE(balloon->ballooned, balloon->ballooned - found);
	balloon->deflated += found;
	balloon->unknown += count - found;
	if (found < count)
		dev_warn_ratelimited(balloon->device->dev,
				     "%llu of %llu pages from %#llx on were never the host's\n",
				     count - found, count, start);
}

/* The host has none any more: it forgets them with the channel. */
void balloon_deflate_all(struct balloon *balloon)
{
	unsigned long number;
	struct page *page;

	xa_for_each(&balloon->pages, number, page) {
		balloon_free_page(page);
		balloon->deflated++;
		cond_resched();
	}
	xa_destroy(&balloon->pages);
	WRITE_ONCE(balloon->ballooned, 0);
}
