// SPDX-License-Identifier: GPL-2.0
/*
 * Places for a host to name that no channel has shared: kernel text, page tables, pages
 * of nobody's, freed, ballooned; and those that the script knows, which are parameters.
 * Their list is in a page that the host finds by what it begins with.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <asm/pgtable_types.h>

#include "places.h"

#define FILL	0x5e

static ulong offlined;
module_param(offlined, ulong, 0444);
MODULE_PARM_DESC(offlined, "Number of a page in memory that was taken offline (0: there is none)");

static ulong beyond;
module_param(beyond, ulong, 0444);
MODULE_PARM_DESC(beyond, "Number of the page behind the last of RAM (0: not known)");

static struct places *table;
static struct page *nobodys, *ballooned, *freed;
static void *mapped;

static void add(const char *name, u64 pfn, bool stays)
{
	struct place *place = &table->place[table->count];

	strscpy(place->name, name, sizeof(place->name));
	place->pfn = pfn;
	place->stays = stays;
	table->count++;
}

/* Of what has a mapping of its own, the page that says where. */
static void add_page_table(void)
{
	unsigned int level;
	pte_t *pte = lookup_address((unsigned long)mapped, &level);

	if (pte && level == PG_LEVEL_4K)
		add("a page table", page_to_pfn(virt_to_page(pte)), false);
}

static void free_all(void)
{
	if (table)
		memset(table, 0, PAGE_SIZE);
	free_page((unsigned long)table);
	vfree(mapped);
	if (nobodys)
		__free_page(nobodys);
	if (ballooned) {
		__ClearPageOffline(ballooned);
		__free_page(ballooned);
	}
}

static int __init places_init(void)
{
	BUILD_BUG_ON(sizeof(*table) > PAGE_SIZE);
	table = (void *)get_zeroed_page(GFP_KERNEL);
	nobodys = alloc_page(GFP_KERNEL);
	freed = alloc_page(GFP_KERNEL);
	ballooned = alloc_page(GFP_KERNEL);
	mapped = vmalloc(PAGE_SIZE);
	if (ballooned)
		__SetPageOffline(ballooned);
	if (!table || !nobodys || !freed || !ballooned || !mapped) {
		if (freed)
			__free_page(freed);
		free_all();
		return -ENOMEM;
	}
	memset(page_address(nobodys), FILL, PAGE_SIZE);
	memset(page_address(ballooned), FILL, PAGE_SIZE);
	add("kernel text", __pa(sprintf) >> PAGE_SHIFT, true);
	add("this module's text", vmalloc_to_pfn(add), true);
	add_page_table();
	add("a page of nobody's", page_to_pfn(nobodys), true);
	add("a ballooned page", page_to_pfn(ballooned), true);
	add("the list itself", page_to_pfn(virt_to_page(table)), true);
	if (offlined)
		add("an offlined page", offlined, true);
	if (beyond)
		add("the page behind RAM", beyond, false);
	add("a freed page", page_to_pfn(freed), false);
	__free_page(freed);
	/* Last: now there is something to be found. */
	memcpy(table->magic, PLACES_MAGIC, sizeof(table->magic));
	pr_info("%u places\n", table->count);
	return 0;
}
module_init(places_init);

/* They are all as they were, or the host would know. */
static void __exit places_exit(void)
{
	if (memchr_inv(page_address(nobodys), FILL, PAGE_SIZE) ||
	    memchr_inv(page_address(ballooned), FILL, PAGE_SIZE))
		pr_err("BUG: a page of nobody's was written to\n");
	free_all();
}
module_exit(places_exit);

MODULE_DESCRIPTION("kselftest: places that a host may not name");
MODULE_LICENSE("GPL");
