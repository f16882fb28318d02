/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that is counted, pages that are real ones of an array, and a DMA API
 * whose addresses are never the physical ones. Any allocation may be made to
 * fail; one that may sleep is a finding where one may not.
 */
#ifndef VMB_FUZZ_MEMORY_H
#define VMB_FUZZ_MEMORY_H

#define GFP_ATOMIC		0x1u
#define GFP_KERNEL		0x2u
#define GFP_NOIO		GFP_KERNEL
#define __GFP_NOWARN		0x4u
#define __GFP_NORETRY		0x10u
#define __GFP_ZERO		0x8u

void *kernel_allocate(size_t size, gfp_t flags, bool zeroed);
void kernel_free(const void *memory);

/* Analysers, see scripts/static/analyze.py, know only what C has. */
#ifdef VMB_ANALYZED
#define kernel_allocate(size, flags, zeroed) \
	((void)(flags), (zeroed) ? calloc(1, size) : malloc(size))
#define kernel_free(memory)		free((void *)(memory))
#endif

#define kmalloc(size, flags)		kernel_allocate(size, flags, false)
#define kvmalloc(size, flags)		kernel_allocate(size, flags, false)
#define kzalloc(size, flags)		kernel_allocate(size, flags, true)
#define kvzalloc(size, flags)		kernel_allocate(size, flags, true)
#define kvcalloc(count, size, flags) \
	kernel_allocate(array_size(count, size), flags, true)
#define kfree(memory)			kernel_free(memory)
static inline void *kmemdup(const void *from, size_t size, gfp_t flags)
{
	void *to = kernel_allocate(size, flags, false);

	if (to)
		memcpy(to, from, size);
	return to;
}

/* What vmalloc gave must not be freed where one may not sleep. */
#define kvfree(memory) \
	(kernel_may_sleep("kvfree"), kernel_free(memory))

#define PAGE_SHIFT		12
#define PAGE_SIZE		(1ul << PAGE_SHIFT)
#define PAGE_MASK		(~(PAGE_SIZE - 1))
#define PAGE_ALIGN(x)		round_up((u64)(x), PAGE_SIZE)
#define offset_in_page(x)	((x) & ~PAGE_MASK)

#define KERNEL_PAGES		32u
/* Behind them, for alloc_page(); no peer can name those. */
#define KERNEL_FREE_PAGES	64u
#define KERNEL_FIRST_FRAME	0x1000u
/* Between the two there is no memory. */
#define KERNEL_HOLE		4u
#define KERNEL_SECOND_FRAME	(KERNEL_FIRST_FRAME + KERNEL_PAGES + KERNEL_HOLE)

struct page {
	int references;
	bool slab;
	/* Behind the first of a block, with which it goes. */
	bool tail;
	bool reserved;
	/* Out of the direct map. */
	bool secret;
};

extern struct page kernel_pages[KERNEL_PAGES + KERNEL_FREE_PAGES];

/* Has it references of its own? */
static inline bool kernel_page_is_counted(u32 i)
{
	return !kernel_pages[i].slab && !kernel_pages[i].tail;
}

/* The page's memory. */
u8 *page_address(const struct page *page);
void get_page(struct page *page);
void put_page(struct page *page);
struct page *alloc_page(gfp_t flags);
#define memcpy_page(to, to_offset, from, from_offset, length)		\
	memcpy(page_address(to) + (to_offset),				\
	       page_address(from) + (from_offset), length)

#define pfn_valid(frame) \
	(((frame) >= KERNEL_FIRST_FRAME && (frame) - KERNEL_FIRST_FRAME < KERNEL_PAGES) || \
	 ((frame) >= KERNEL_SECOND_FRAME && \
	  (frame) - KERNEL_SECOND_FRAME < KERNEL_FREE_PAGES))
#define pfn_to_page(frame) \
	(&kernel_pages[(frame) - KERNEL_FIRST_FRAME - \
		       ((frame) >= KERNEL_SECOND_FRAME ? KERNEL_HOLE : 0)])
#define page_to_pfn(page) \
	((unsigned long)((page) - kernel_pages) + KERNEL_FIRST_FRAME + \
	 ((page) - kernel_pages >= KERNEL_PAGES ? KERNEL_HOLE : 0))
bool virt_addr_valid(const void *memory);
struct page *virt_to_page(const void *memory);
#define PAGE_ALIGNED(x)		IS_ALIGNED((unsigned long)(x), PAGE_SIZE)

/* areas.c */
#define VM_MAP			0
#define PAGE_KERNEL		0
bool is_vmalloc_addr(const void *memory);
struct page *vmalloc_to_page(const void *memory);
void *vmap(struct page **pages, u32 count, unsigned long flags, int protection);
void vunmap(const void *memory);
void *__vmalloc(unsigned long size, gfp_t flags);
void vfree(const void *memory);
void *alloc_pages_exact(size_t size, gfp_t flags);
void free_pages_exact(void *memory, size_t size);
void kernel_areas_reset(void);

/* Memory that goes, and what cannot be read. */
struct memory_notify {
	unsigned long start_pfn;
	unsigned long nr_pages;
};

struct notifier_block {
	int (*notifier_call)(struct notifier_block *block, unsigned long action,
			     void *data);
};

#define MEM_GOING_OFFLINE	1
#define MEM_OFFLINE		2
#define MEM_CANCEL_OFFLINE	3
#define NOTIFY_OK		1
#define register_memory_notifier(block)		((void)(block), 0)
#define unregister_memory_notifier(block)	((void)(block))
#define OPTIMIZER_HIDE_VAR(variable)		((void)(variable))
#define rcu_read_lock()
#define rcu_read_unlock()
#define synchronize_rcu()
#define is_page_hwpoison(page)			((void)(page), false)
#define copy_from_kernel_nofault(to, from, size) \
	(virt_to_page(from)->secret ? -EFAULT : (*(to) = *(from), 0))
#define pfn_to_online_page(frame) \
	(pfn_valid(frame) ? pfn_to_page(frame) : NULL)
#define PageSlab(page)		((page)->slab)
#define PageReserved(page)	((page)->reserved)
#define PageOffline(page)	false
#define is_zone_device_page(page)	false
#define page_count(page)	((page)->references)

/* No page is part of a larger one. */
#define PageCompound(page)	false
struct folio;
#define page_folio(page)	((struct folio *)(page))
#define folio_test_slab(folio)	PageSlab((struct page *)(folio))
#define folio_put(folio)	put_page((struct page *)(folio))

static inline bool folio_try_get(struct folio *folio)
{
	struct page *page = (struct page *)folio;

	if (!page->references)
		return false;
	page->references++;
	return true;
}

struct bio_vec {
	struct page *bv_page;
	unsigned int bv_len;
	unsigned int bv_offset;
};

#define WRITE			1
#define READ			0
#define ITER_SOURCE		WRITE
#define ITER_DEST		READ

struct iov_iter {
	bool bvecs;
	bool data_source;
	size_t iov_offset;
	size_t count;
	const struct bio_vec *bvec;
	unsigned long nr_segs;
};

#define iov_iter_is_bvec(iter)	((iter)->bvecs)

static inline void iov_iter_bvec(struct iov_iter *iter, unsigned int direction,
				 const struct bio_vec *vectors,
				 unsigned long count, size_t bytes)
{
	*iter = (struct iov_iter) {
		.bvecs = true,
		.data_source = direction,
		.bvec = vectors,
		.nr_segs = count,
		.count = bytes,
	};
}

struct scatterlist {
	unsigned long page_link;	/* the end's bit only */
	struct page *page;
	unsigned int offset;
	unsigned int length;
	dma_addr_t dma_address;
	unsigned int dma_length;
};

#define SG_END	0x02ul

#define sg_page(entry)		((entry)->page)
#define sg_dma_address(entry)	((entry)->dma_address)
#define sg_dma_len(entry)	((entry)->dma_length)
#define sg_phys(entry) \
	(((u64)page_to_pfn((entry)->page) << PAGE_SHIFT) + (entry)->offset)

static inline void sg_set_page(struct scatterlist *entry, struct page *page,
			       unsigned int length, unsigned int offset)
{
	entry->page = page;
	entry->offset = offset;
	entry->length = length;
}

static inline void sg_mark_end(struct scatterlist *entry)
{
	entry->page_link |= SG_END;
}

static inline struct scatterlist *sg_next(struct scatterlist *entry)
{
	return entry->page_link & SG_END ? NULL : entry + 1;
}

#define for_each_sg(list, entry, count, i)				\
	for ((i) = 0, (entry) = (list); (u32)(i) < (u32)(count);	\
	     (i)++, (entry) = sg_next(entry))

struct sg_page_iter {
	struct scatterlist *entry;
	unsigned int page;
	unsigned int left;
};

bool sg_page_iter_next(struct sg_page_iter *iter);
#define sg_page_iter_page(iter)	((iter)->entry->page + (iter)->page)
#define for_each_sg_page(list, iter, count, skip)			\
	for (*(iter) = (struct sg_page_iter) { (list), (skip) - 1u, (count) }; \
	     sg_page_iter_next(iter); )

enum dma_data_direction {
	DMA_BIDIRECTIONAL,
	DMA_TO_DEVICE,
	DMA_FROM_DEVICE,
};

size_t dma_max_mapping_size(struct device *device);
unsigned int dma_get_max_seg_size(struct device *device);
unsigned int dma_map_sg(struct device *device, struct scatterlist *list,
			int count, enum dma_data_direction direction);
void dma_unmap_sg(struct device *device, struct scatterlist *list, int count,
		  enum dma_data_direction direction);

#define DMA_MAPPING_ERROR	(~(dma_addr_t)0)
#define dma_mapping_error(device, address)	((address) == DMA_MAPPING_ERROR)
dma_addr_t dma_map_page(struct device *device, struct page *page, size_t offset,
			size_t length, enum dma_data_direction direction);
void dma_unmap_page(struct device *device, dma_addr_t address, size_t length,
		    enum dma_data_direction direction);

/* A few entries, looked for one by one; reserved ones are NULL. */
struct xarray {
	struct xarray_entry *entries;
	u32 count;
	u32 room;
};

void xa_init(struct xarray *array);
void xa_destroy(struct xarray *array);
void *xa_load(struct xarray *array, unsigned long index);
int xa_insert(struct xarray *array, unsigned long index, void *value, gfp_t flags);
void *xa_store(struct xarray *array, unsigned long index, void *value, gfp_t flags);
void *xa_erase(struct xarray *array, unsigned long index);
void *xa_find(struct xarray *array, unsigned long *index);
#define xa_for_each(array, index, entry)				\
	for ((index) = 0; ((entry) = xa_find(array, &(index))); (index)++)

/* memory.c, for the harness. */
void kernel_memory_reset(void);
/* After so many more allocations one fails; 0: none. */
extern u32 kernel_fail_allocation;
extern bool kernel_fail_mapping;
extern bool kernel_merge_mappings;
/* The channel was not closed cleanly: what is mapped may stay so. */
extern bool kernel_leaks_mappings;
/* Bytes of the longest piece that can be mapped. */
extern u32 kernel_most_mapping;
extern u32 kernel_allocations;
/* By alloc_page(), ever. */
extern u32 kernel_pages_allocated;
extern u32 kernel_mappings;
/* The page that the device means, or NULL: it was not mapped. */
struct page *kernel_dma_page(u64 address);

#define KERNEL_DMA_OFFSET	0x7000000000ull

/* It is never freed, but for by the next run. */
void kmemleak_ignore(const void *memory);

#endif
