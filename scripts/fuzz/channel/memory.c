// SPDX-License-Identifier: GPL-2.0
/*
 * Memory, pages and the DMA API for the channel's files. See memory.h.
 */
#define VMB_FUZZ_PEER
#include "fuzz.h"
#include "kernel.h"

struct page kernel_pages[KERNEL_PAGES + KERNEL_FREE_PAGES];
u32 kernel_fail_allocation;
bool kernel_fail_mapping;
bool kernel_merge_mappings;
bool kernel_leaks_mappings;
u32 kernel_most_mapping;
u32 kernel_allocations;
u32 kernel_mappings;
u32 kernel_pages_allocated;

static u8 page_memory[ARRAY_SIZE(kernel_pages)][PAGE_SIZE] __attribute__((aligned(8192)));
/* What the library has given up on purpose. */
static const void *ignored[64];
static u32 ignored_count;

/*
 * What is mapped now, as it was said. The pieces are a copy: the channel may give
 * up what it must not unmap any more, and use the list's memory for another.
 */
static struct mapping {
	bool mapped;
	struct device *device;
	/* NULL: one piece, or given up. */
	const struct scatterlist *list;
	struct scatterlist *pieces;
	int count;
	enum dma_data_direction direction;
} *mappings;

static u32 mapping_room;

struct xarray_entry {
	unsigned long index;
	void *value;
};

void kernel_memory_reset(void)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(kernel_pages); i++)
		kernel_pages[i] = (struct page) { .references = i < KERNEL_PAGES };
	kernel_fail_allocation = 0;
	kernel_fail_mapping = false;
	kernel_merge_mappings = false;
	kernel_leaks_mappings = false;
	kernel_most_mapping = U32_MAX;
	kernel_allocations = 0;
	kernel_mappings = 0;
	kernel_areas_reset();
	while (ignored_count)
		free((void *)ignored[--ignored_count]);
	for (i = 0; i < mapping_room; i++)
		free(mappings[i].pieces);
	free(mappings);
	mappings = NULL;
	mapping_room = 0;
}

bool kernel_allocation_fails(void)
{
	return kernel_fail_allocation && !--kernel_fail_allocation;
}

void *kernel_allocate(size_t size, gfp_t flags, bool zeroed)
{
	void *memory;

	if (flags & GFP_KERNEL)
		kernel_may_sleep("an allocation");
	if (kernel_allocation_fails())
		return NULL;
	memory = malloc(size);
	memset(memory, zeroed ? 0 : 0xa5, size);
	kernel_allocations++;
	return memory;
}

void kernel_free(const void *memory)
{
	if (memory)
		kernel_allocations--;
	free((void *)memory);
}

void kmemleak_ignore(const void *memory)
{
	if (is_vmalloc_addr(memory))
		return;
	FUZZ_CHECK(ignored_count < ARRAY_SIZE(ignored));
	ignored[ignored_count++] = memory;
	kernel_allocations--;
}

bool virt_addr_valid(const void *memory)
{
	const u8 *at = memory;

	return (size_t)(at - page_memory[0]) < sizeof(page_memory);
}

struct page *virt_to_page(const void *memory)
{
	FUZZ_CHECK(virt_addr_valid(memory));
	return &kernel_pages[((const u8 *)memory - page_memory[0]) / PAGE_SIZE];
}

u8 *page_address(const struct page *page)
{
	FUZZ_CHECK(page >= kernel_pages && page < kernel_pages + ARRAY_SIZE(kernel_pages));
	return page_memory[page - kernel_pages];
}

void get_page(struct page *page)
{
	FUZZ_CHECK(page >= kernel_pages && page < kernel_pages + ARRAY_SIZE(kernel_pages));
	FUZZ_CHECK(page->references > 0);
	page->references++;
}

void put_page(struct page *page)
{
	FUZZ_CHECK(page >= kernel_pages && page < kernel_pages + ARRAY_SIZE(kernel_pages));
	FUZZ_CHECK(page->references > 0);
	page->references--;
}

struct page *alloc_page(gfp_t flags)
{
	struct page *page;

	if (flags & GFP_KERNEL)
		kernel_may_sleep(__func__);
	if (kernel_allocation_fails())
		return NULL;
	for (page = kernel_pages + KERNEL_PAGES;
	     page < kernel_pages + ARRAY_SIZE(kernel_pages); page++) {
		if (page->references)
			continue;
		page->references = 1;
		memset(page_address(page), flags & __GFP_ZERO ? 0 : 0xa5, PAGE_SIZE);
		kernel_pages_allocated++;
		return page;
	}
	return NULL;
}

bool sg_page_iter_next(struct sg_page_iter *iter)
{
	iter->page++;
	while (iter->left && iter->page >= (iter->entry->offset + iter->entry->length +
					    PAGE_SIZE - 1) >> PAGE_SHIFT) {
		iter->page = 0;
		if (--iter->left)
			iter->entry = sg_next(iter->entry);
	}
	return iter->left;
}

static void mapping_add(struct device *device, const struct scatterlist *list,
			const struct scatterlist *pieces, int count,
			enum dma_data_direction direction)
{
	u32 place = 0;
	int i;

	while (place < mapping_room && mappings[place].mapped)
		place++;
	if (place == mapping_room) {
		mappings = realloc(mappings, ++mapping_room * sizeof(*mappings));
		mappings[place] = (struct mapping) {};
	}
	free(mappings[place].pieces);
	mappings[place] = (struct mapping) {
		.mapped = true,
		.device = device,
		.list = list,
		.pieces = malloc(count * sizeof(*pieces)),
		.count = count,
		.direction = direction,
	};
	for (i = 0; i < count; i++) {
		FUZZ_CHECK(pieces[i].length && pieces[i].length <= kernel_most_mapping);
		mappings[place].pieces[i] = pieces[i];
	}
	kernel_mappings++;
}

static void mapping_remove(struct mapping *mapping)
{
	mapping->mapped = false;
	kernel_mappings--;
}

static struct mapping *mapping_of(const struct scatterlist *list)
{
	u32 place;

	for (place = 0; place < mapping_room; place++)
		if (mappings[place].mapped && mappings[place].list == list)
			return &mappings[place];
	return NULL;
}

size_t dma_max_mapping_size(struct device *device)
{
	return kernel_most_mapping;
}

unsigned int dma_get_max_seg_size(struct device *device)
{
	return U32_MAX;
}

/* Entries of memory that goes on may become one, as an IOMMU does it. */
unsigned int dma_map_sg(struct device *device, struct scatterlist *list,
			int count, enum dma_data_direction direction)
{
	struct mapping *former = mapping_of(list);
	struct scatterlist *entry, *mapped = NULL;
	unsigned int result = 0;
	int i;

	FUZZ_CHECK(device && count > 0);
	if (kernel_fail_mapping)
		return 0;
	FUZZ_CHECK(!former || kernel_leaks_mappings);
	if (former)
		former->list = NULL;
	mapping_add(device, list, list, count, direction);
	for_each_sg(list, entry, count, i) {
		u64 address = sg_phys(entry) + KERNEL_DMA_OFFSET;

		if (mapped && kernel_merge_mappings &&
		    mapped->dma_address + mapped->dma_length == address) {
			mapped->dma_length += entry->length;
			continue;
		}
		mapped = mapped ? mapped + 1 : list;
		mapped->dma_address = address;
		mapped->dma_length = entry->length;
		result++;
	}
	return result;
}

void dma_unmap_sg(struct device *device, struct scatterlist *list, int count,
		  enum dma_data_direction direction)
{
	struct mapping *mapping = mapping_of(list);

	FUZZ_CHECK(list && mapping);
	FUZZ_CHECK(mapping->device == device);
	FUZZ_CHECK(mapping->count == count);
	FUZZ_CHECK(mapping->direction == direction);
	mapping_remove(mapping);
}

dma_addr_t dma_map_page(struct device *device, struct page *page, size_t offset,
			size_t length, enum dma_data_direction direction)
{
	struct scatterlist piece = { .page = page, .offset = offset, .length = length };

	FUZZ_CHECK(device);
	if (kernel_fail_mapping)
		return DMA_MAPPING_ERROR;
	mapping_add(device, NULL, &piece, 1, direction);
	return sg_phys(&piece) + KERNEL_DMA_OFFSET;
}

void dma_unmap_page(struct device *device, dma_addr_t address, size_t length,
		    enum dma_data_direction direction)
{
	struct mapping *mapping;
	u32 place;

	for (place = 0; place < mapping_room; place++) {
		mapping = &mappings[place];
		if (mapping->mapped && !mapping->list && mapping->count == 1 &&
		    sg_phys(mapping->pieces) + KERNEL_DMA_OFFSET == address &&
		    mapping->pieces->length == length &&
		    mapping->device == device && mapping->direction == direction) {
			mapping_remove(mapping);
			return;
		}
	}
	FUZZ_CHECK(!"it was mapped");
}

struct page *kernel_dma_page(u64 address)
{
	u32 place;
	int i;

	for (place = 0; place < mapping_room; place++) {
		const struct mapping *mapping = &mappings[place];

		for (i = 0; mapping->mapped && i < mapping->count; i++) {
			u64 begin = sg_phys(&mapping->pieces[i]) + KERNEL_DMA_OFFSET;

			if (address >= begin &&
			    address < begin + mapping->pieces[i].length)
				return pfn_to_page((address - KERNEL_DMA_OFFSET) >>
						   PAGE_SHIFT);
		}
	}
	return NULL;
}

/* Arrays. */

static struct xarray_entry *xa_entry(struct xarray *array, unsigned long index)
{
	u32 i;

	for (i = 0; i < array->count; i++)
		if (array->entries[i].index == index)
			return &array->entries[i];
	return NULL;
}

void xa_init(struct xarray *array)
{
	*array = (struct xarray) {};
}

void xa_destroy(struct xarray *array)
{
	free(array->entries);
	xa_init(array);
}

void *xa_load(struct xarray *array, unsigned long index)
{
	struct xarray_entry *entry = xa_entry(array, index);

	return entry ? entry->value : NULL;
}

int xa_insert(struct xarray *array, unsigned long index, void *value, gfp_t flags)
{
	kernel_may_sleep(__func__);
	if (xa_entry(array, index))
		return -EBUSY;
	if (kernel_allocation_fails())
		return -ENOMEM;
	if (array->count == array->room) {
		array->room = array->room ? array->room * 2 : 8;
		array->entries = realloc(array->entries,
					 array->room * sizeof(*array->entries));
	}
	array->entries[array->count++] = (struct xarray_entry) { index, value };
	return 0;
}

/* Only of what was inserted before: nothing is allocated. */
void *xa_store(struct xarray *array, unsigned long index, void *value, gfp_t flags)
{
	struct xarray_entry *entry = xa_entry(array, index);
	void *old;

	FUZZ_CHECK(entry);
	old = entry->value;
	entry->value = value;
	return old;
}

void *xa_erase(struct xarray *array, unsigned long index)
{
	struct xarray_entry *entry = xa_entry(array, index);
	void *old;

	if (!entry)
		return NULL;
	old = entry->value;
	*entry = array->entries[--array->count];
	return old;
}

void *xa_find(struct xarray *array, unsigned long *index)
{
	struct xarray_entry *found = NULL;
	u32 i;

	for (i = 0; i < array->count; i++)
		if (array->entries[i].value && array->entries[i].index >= *index &&
		    (!found || array->entries[i].index < found->index))
			found = &array->entries[i];
	if (!found)
		return NULL;
	*index = found->index;
	return found->value;
}
