// SPDX-License-Identifier: GPL-2.0
/*
 * What was allocated and not freed. See fault_memory.h.
 */
#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/stacktrace.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/vmalloc.h>
#include <trace/events/kmem.h>
#include <trace/events/rcu.h>

#include "../../drivers/kmcl/channel.h"
#include "fault_memory.h"

/* More than is ever there at once, with what RCU has yet to free of many passes. */
#define FAULT_ENTRIES	65536u
#define FAULT_HASH_BITS	10
/* Of a page nobody says who wanted it. */
#define FAULT_STACK	8u
/* How many leaks to name: a path that leaks does so in each pass. */
#define FAULT_NAMED	4u

/**
 * struct fault_entry - memory that is in use
 * @node: by @address.
 * @address: of the object; of a page its struct.
 * @size: bytes.
 * @nth: the pass.
 * @page: it is a page.
 * @stack: who wanted it; of an object only the first.
 */
struct fault_entry {
	struct hlist_node node;
	const void *address;
	size_t size;
	u32 nth;
	bool page;
	unsigned long stack[FAULT_STACK];
};

static DEFINE_HASHTABLE(fault_entries, FAULT_HASH_BITS);
static DEFINE_RAW_SPINLOCK(fault_entries_lock);
static struct fault_entry *fault_pool;
static HLIST_HEAD(fault_free);
static struct task_struct *fault_task;
static u32 fault_nth;
static bool fault_overflow;

static struct fault_entry *fault_find(const void *address)
{
	struct fault_entry *entry;

	lockdep_assert_held(&fault_entries_lock);
	hash_for_each_possible(fault_entries, entry, node, (unsigned long)address)
		if (entry->address == address)
			return entry;
	return NULL;
}

static void fault_add(const void *address, size_t size, bool page,
		      const unsigned long *stack, u32 depth)
{
	struct fault_entry *entry;
	unsigned long flags;

	raw_spin_lock_irqsave(&fault_entries_lock, flags);
	if (!fault_task || fault_find(address)) {
		/* Of what is larger than a slab's objects two functions say so. */
	} else if (hlist_empty(&fault_free)) {
		fault_overflow = true;
	} else {
		entry = hlist_entry(fault_free.first, struct fault_entry, node);
		hlist_del(&entry->node);
		entry->address = address;
		entry->size = size;
		entry->nth = fault_nth;
		entry->page = page;
		memset(entry->stack, 0, sizeof(entry->stack));
		memcpy(entry->stack, stack, depth * sizeof(*stack));
		hash_add(fault_entries, &entry->node, (unsigned long)address);
	}
	raw_spin_unlock_irqrestore(&fault_entries_lock, flags);
}

static void fault_remove(const void *address)
{
	struct fault_entry *entry;
	unsigned long flags;

	if (!READ_ONCE(fault_task) || !address)
		return;
	raw_spin_lock_irqsave(&fault_entries_lock, flags);
	entry = fault_task ? fault_find(address) : NULL;
	if (entry) {
		hash_del(&entry->node);
		hlist_add_head(&entry->node, &fault_free);
	}
	raw_spin_unlock_irqrestore(&fault_entries_lock, flags);
}

static void fault_saw_kmalloc(void *data, unsigned long site, const void *object,
			      size_t wanted, size_t size, gfp_t flags, int node)
{
	if (object && fault_is_for(READ_ONCE(fault_task), flags))
		fault_add(object, size, false, &site, 1);
}

static void fault_saw_cache_alloc(void *data, unsigned long site, const void *object,
				  struct kmem_cache *cache, gfp_t flags, int node)
{
	if (object && fault_is_for(READ_ONCE(fault_task), flags))
		fault_add(object, kmem_cache_size(cache), false, &site, 1);
}

static void fault_saw_kfree(void *data, unsigned long site, const void *object)
{
	fault_remove(object);
}

static void fault_saw_cache_free(void *data, unsigned long site, const void *object,
				 const struct kmem_cache *cache)
{
	fault_remove(object);
}

/* The one way of kfree_rcu() that does not go by kfree(). */
static void fault_saw_bulk_free(void *data, const char *name, unsigned long count,
				void **objects)
{
	unsigned long i;

	for (i = 0; i < count; i++)
		fault_remove(objects[i]);
}

static void fault_saw_page_alloc(void *data, struct page *page, unsigned int order,
				 gfp_t flags, int migratetype)
{
	unsigned long stack[FAULT_STACK];
	u32 depth, i;

	if (!page || !fault_is_for(READ_ONCE(fault_task), flags))
		return;
	depth = stack_trace_save(stack, FAULT_STACK, 2);
	for (i = 0; i < 1u << order; i++)
		fault_add(page + i, PAGE_SIZE, true, stack, depth);
}

static void fault_saw_page_free(void *data, struct page *page, unsigned int order)
{
	u32 i;

	for (i = 0; i < 1u << order; i++)
		fault_remove(page + i);
}

/* From here on nobody changes the entries, or somebody does for @task. */
static void fault_watch(struct task_struct *task)
{
	raw_spin_lock_irq(&fault_entries_lock);
	WRITE_ONCE(fault_task, task);
	raw_spin_unlock_irq(&fault_entries_lock);
}

static void fault_stop_watching(void)
{
	unregister_trace_kmalloc(fault_saw_kmalloc, NULL);
	unregister_trace_kmem_cache_alloc(fault_saw_cache_alloc, NULL);
	unregister_trace_kfree(fault_saw_kfree, NULL);
	unregister_trace_kmem_cache_free(fault_saw_cache_free, NULL);
	unregister_trace_rcu_invoke_kfree_bulk_callback(fault_saw_bulk_free, NULL);
	unregister_trace_mm_page_alloc(fault_saw_page_alloc, NULL);
	unregister_trace_mm_page_free(fault_saw_page_free, NULL);
	tracepoint_synchronize_unregister();
}

int fault_memory_init(void)
{
	u32 i;
	int ret;

	fault_pool = vzalloc(array_size(FAULT_ENTRIES, sizeof(*fault_pool)));
	if (!fault_pool)
		return -ENOMEM;
	INIT_HLIST_HEAD(&fault_free);
	hash_init(fault_entries);
	for (i = 0; i < FAULT_ENTRIES; i++)
		hlist_add_head(&fault_pool[i].node, &fault_free);
	ret = register_trace_kmalloc(fault_saw_kmalloc, NULL) ?:
	      register_trace_kmem_cache_alloc(fault_saw_cache_alloc, NULL) ?:
	      register_trace_kfree(fault_saw_kfree, NULL) ?:
	      register_trace_kmem_cache_free(fault_saw_cache_free, NULL) ?:
	      register_trace_rcu_invoke_kfree_bulk_callback(fault_saw_bulk_free, NULL) ?:
	      register_trace_mm_page_alloc(fault_saw_page_alloc, NULL) ?:
	      register_trace_mm_page_free(fault_saw_page_free, NULL);
	if (ret)
		fault_memory_exit();
	return ret;
}

void fault_memory_exit(void)
{
	fault_watch(NULL);
	fault_stop_watching();
	vfree(fault_pool);
	fault_pool = NULL;
}

static void fault_forget(void)
{
	struct fault_entry *entry;
	struct hlist_node *next;
	int bucket;

	hash_for_each_safe(fault_entries, bucket, next, entry, node) {
		hash_del(&entry->node);
		hlist_add_head(&entry->node, &fault_free);
	}
	fault_overflow = false;
}

void fault_memory_begin(struct kunit *test)
{
	/* A case may have broken off. */
	fault_watch(NULL);
	fault_forget();
	fault_nth = 0;
	fault_watch(current);
}

void fault_memory_pass(u32 nth)
{
	fault_nth = nth;
}

/*
 * What the kernel keeps for the next who wants one; and nodes of trees, which others'
 * numbers may share. Of the library's own trees the suites ask whether they are empty.
 */
static const char * const fault_kept[] = {
	"alloc_vmap_area",
	"__pte_alloc_kernel",
	"__pmd_alloc",
	"__pud_alloc",
	"__radix_tree_preload",
	"radix_tree_node_alloc",
	"xas_alloc",
	"ida_alloc_range",
	"kasan_populate_vmalloc",
};

static bool fault_is_kept(const struct fault_entry *entry)
{
	char name[64];
	u32 i, j;

	if (entry->page && folio_test_slab(page_folio((struct page *)entry->address)))
		return true;
	for (i = 0; i < FAULT_STACK && entry->stack[i]; i++) {
		snprintf(name, sizeof(name), "%ps", (void *)entry->stack[i]);
		for (j = 0; j < ARRAY_SIZE(fault_kept); j++)
			if (str_has_prefix(name, fault_kept[j]))
				return true;
	}
	return false;
}

static void fault_say(struct kunit *test, const char *name,
		      const struct fault_entry *entry)
{
	u32 i;

	KUNIT_FAIL(test, "%s: %zu bytes of pass %u leak, from %pS", name, entry->size,
		   entry->nth, (void *)entry->stack[0]);
	for (i = 1; i < FAULT_STACK && entry->stack[i]; i++)
		kunit_info(test, "	%pS\n", (void *)entry->stack[i]);
}

/* All that was freed later is. */
static void fault_settle(void)
{
	flush_workqueue(vmb_workqueue);
	rcu_barrier();
	kvfree_rcu_barrier();
	rcu_barrier();
}

void fault_memory_end(struct kunit *test, const char *name)
{
	struct fault_entry *entry;
	u32 leaks = 0;
	int bucket;

	fault_settle();
	fault_watch(NULL);
	KUNIT_EXPECT_FALSE_MSG(test, fault_overflow, "%s: too much to watch", name);
	hash_for_each(fault_entries, bucket, entry, node) {
		if (fault_is_kept(entry))
			continue;
		if (leaks++ < FAULT_NAMED)
			fault_say(test, name, entry);
	}
	KUNIT_EXPECT_EQ_MSG(test, leaks, 0, "%s", name);
}
