// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of vmalloc and vmap: addresses that stand for pages, and that nobody reads; and
 * blocks of whole pages. See memory.h.
 */
#define VMB_FUZZ_PEER
#include "fuzz.h"
#include "kernel.h"

#define AREAS		64u
#define AREA_PAGES	16u

/* Each has a page of address space more, which is not mapped. */
static u8 space[AREAS][(AREA_PAGES + 1) * PAGE_SIZE] __attribute__((aligned(4096)));

static struct area {
	struct page *pages[AREA_PAGES];
	u32 count;
	/* Its pages are its own. */
	bool allocated;
} areas[AREAS];

void kernel_areas_reset(void)
{
	memset(areas, 0, sizeof(areas));
}

bool is_vmalloc_addr(const void *memory)
{
	const u8 *at = memory;

	return (size_t)(at - space[0]) < sizeof(space);
}

static struct area *area_of(const void *memory)
{
	u32 place = ((const u8 *)memory - space[0]) / sizeof(space[0]);

	FUZZ_CHECK(is_vmalloc_addr(memory));
	return &areas[place];
}

struct page *vmalloc_to_page(const void *memory)
{
	u32 page = ((const u8 *)memory - space[0]) % sizeof(space[0]) / PAGE_SIZE;
	struct area *area = area_of(memory);

	return page < area->count ? area->pages[page] : NULL;
}

static void *area_make(struct page **pages, u32 count, bool allocated)
{
	u32 i;

	for (i = 0; i < AREAS && areas[i].count; i++)
		;
	if (i == AREAS || !count || count > AREA_PAGES)
		return NULL;
	memcpy(areas[i].pages, pages, count * sizeof(*pages));
	areas[i].count = count;
	areas[i].allocated = allocated;
	kernel_allocations++;
	return space[i];
}

static void area_free(const void *memory, bool allocated)
{
	struct area *area = area_of(memory);
	u32 i;

	FUZZ_CHECK(area->count && area->allocated == allocated);
	for (i = 0; i < area->count && allocated; i++)
		put_page(area->pages[i]);
	area->count = 0;
	kernel_allocations--;
}

void *vmap(struct page **pages, u32 count, unsigned long flags, int protection)
{
	kernel_may_sleep(__func__);
	if (kernel_allocation_fails())
		return NULL;
	return area_make(pages, count, false);
}

void vunmap(const void *memory)
{
	kernel_may_sleep(__func__);
	if (memory)
		area_free(memory, false);
}

void *__vmalloc(unsigned long size, gfp_t flags)
{
	struct page *pages[AREA_PAGES];
	u32 count = size >> PAGE_SHIFT, i;
	void *memory = NULL;

	for (i = 0; i < min(count, AREA_PAGES); i++) {
		pages[i] = alloc_page(flags);
		if (!pages[i])
			break;
	}
	if (i == count)
		memory = area_make(pages, count, true);
	while (!memory && i--)
		put_page(pages[i]);
	return memory;
}

void vfree(const void *memory)
{
	kernel_may_sleep(__func__);
	area_free(memory, true);
}

/* In one piece, or not at all. */
void *alloc_pages_exact(size_t size, gfp_t flags)
{
	struct page *first = NULL, *page;
	u32 count = size >> PAGE_SHIFT, i;

	for (i = 0; i < count; i++) {
		page = alloc_page(flags);
		first = first ? first : page;
		if (!page || page != first + i)
			break;
	}
	if (i == count)
		return page_address(first);
	if (page)
		put_page(page);
	while (i--)
		put_page(first + i);
	return NULL;
}

void free_pages_exact(void *memory, size_t size)
{
	struct page *page = virt_to_page(memory);
	u32 i;

	for (i = 0; i < size >> PAGE_SHIFT; i++)
		put_page(page + i);
}
