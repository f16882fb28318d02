// SPDX-License-Identifier: GPL-2.0
/*
 * Which memory a GPADL can be made of.
 *
 * The peer gets whole pages, and must not see more than the client meant: no
 * neighbour in a page of the slab allocator, no rest of a larger page of this
 * kernel. A transport wants the memory in one piece, at one address; lists of
 * pages are mapped for it.
 *
 * In an isolated VM sharing makes the memory readable to the host by changing
 * how it is mapped. The kernel does that for the direct map alone: a page list
 * has mappings that we do not know of, and vmalloc memory is not to be given to
 * set_memory_decrypted() (arm64 and TDX). So there only memory of the page
 * allocator is shared; but with a peer that is inside of the VM, too, for which nothing
 * is decrypted, any is that is shared elsewhere.
 */
#include <linux/gfp.h>
#include <linux/kmemleak.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "gpadl.h"

/*
 * The most 4 KiB pages in a GPADL: the protocol counts the bytes of the page
 * list, with 16 bytes in front, in 16 bits.
 */
#define VMB_GPADL_MAXIMUM_PAGES	8189u

/* What every create checks. Only the client's end of a channel has GPADLs. */
static bool vmb_gpadl_flags_are_valid(const struct vmb_channel *channel, u32 flags)
{
	return !channel->is_server && !(flags & ~VMB_CHANNEL_GPADL_FLAG_READ_ONLY);
}

/* Room for that much and no page yet; or an ERR_PTR. */
static struct vmb_gpadl *vmb_gpadl_allocate(enum vmb_gpadl_origin origin,
					    u64 byte_count, u32 flags)
{
	struct vmb_gpadl *gpadl;

	if (!byte_count)
		return ERR_PTR(-EINVAL);
	if (byte_count >> VMB_WIRE_PAGE_SHIFT > VMB_GPADL_MAXIMUM_PAGES)
		return ERR_PTR(-E2BIG);
	if (!PAGE_ALIGNED(byte_count))
		return ERR_PTR(-EINVAL);
	gpadl = kzalloc(sizeof(*gpadl), GFP_KERNEL);
	if (!gpadl)
		return ERR_PTR(-ENOMEM);
	gpadl->origin = origin;
	gpadl->byte_count = byte_count;
	gpadl->read_only = flags & VMB_CHANNEL_GPADL_FLAG_READ_ONLY;
	gpadl->pages = kvcalloc(byte_count >> PAGE_SHIFT, sizeof(*gpadl->pages),
				GFP_KERNEL);
	gpadl->frames = kvcalloc((byte_count >> VMB_WIRE_PAGE_SHIFT) + 1,
				 sizeof(*gpadl->frames), GFP_KERNEL);
	if (!gpadl->pages || !gpadl->frames) {
		kvfree(gpadl->frames);
		kvfree(gpadl->pages);
		kfree(gpadl);
		return ERR_PTR(-ENOMEM);
	}
	return gpadl;
}

/*
 * Memory of kmalloc's. Of what lies in a slab nobody can say where it begins and ends. What
 * is longer has whole pages; but where nobody counts who has those, as newer kernels do
 * not, nobody can keep them either: they are another's once they are freed, though the
 * peer may have them still.
 */
static bool vmb_page_is_of_kmalloc(struct page *page)
{
	return folio_test_slab(page_folio(page)) ||
	       (PageCompound(page) && !page_count(page));
}

/* Memory that is RAM, is there, and can be kept until the peer has let go of it. */
static int vmb_gpadl_add_frame(struct vmb_gpadl *gpadl, u64 frame)
{
	struct page *page = NULL;

	if (frame == (unsigned long)frame)
		page = pfn_to_online_page(frame);
	if (!page || PageOffline(page) || vmb_page_is_of_kmalloc(page))
		return -EINVAL;
	gpadl->pages[gpadl->page_count++] = page;
	return 0;
}

static int vmb_gpadl_add_buffer(struct vmb_gpadl *gpadl, u8 *buffer)
{
	u32 done;
	int ret;

	gpadl->buffer = buffer;
	for (done = 0; done < gpadl->byte_count; done += PAGE_SIZE) {
		u8 *address = buffer + done;
		struct page *page = NULL;

		if (is_vmalloc_addr(address))
			page = vmalloc_to_page(address);
		else if (virt_addr_valid(address))
			page = virt_to_page(address);
		if (!page)
			return -EINVAL;
		ret = vmb_gpadl_add_frame(gpadl, page_to_pfn(page));
		if (ret)
			return ret;
	}
	return 0;
}

int vmb_channel_create_gpadl_from_buffer(struct vmb_channel *channel, u32 flags,
					 void *buffer, u32 byte_count,
					 u32 *gpadl_handle)
{
	struct vmb_gpadl *gpadl;
	int ret;

	might_sleep();
	if (!vmb_gpadl_flags_are_valid(channel, flags) || !PAGE_ALIGNED(buffer))
		return -EINVAL;
	gpadl = vmb_gpadl_allocate(VMB_GPADL_BUFFER, byte_count, flags);
	if (IS_ERR(gpadl))
		return PTR_ERR(gpadl);
	ret = vmb_gpadl_add_buffer(gpadl, buffer);
	if (ret) {
		vmb_gpadl_free(gpadl, false);
		return ret;
	}
	return vmb_gpadl_create(channel, gpadl, gpadl_handle);
}
EXPORT_SYMBOL_GPL(vmb_channel_create_gpadl_from_buffer);

/* All pages are there: have them in one piece, and tell the peer. */
static int vmb_gpadl_create_from_pages(struct vmb_channel *channel,
				       struct vmb_gpadl *gpadl,
				       u32 *gpadl_handle)
{
	gpadl->buffer = vmap(gpadl->pages, gpadl->page_count, VM_MAP, PAGE_KERNEL);
	if (!gpadl->buffer) {
		vmb_gpadl_free(gpadl, false);
		return -ENOMEM;
	}
	return vmb_gpadl_create(channel, gpadl, gpadl_handle);
}

static u64 vmb_mdl_length(const struct bio_vec *vectors, u32 vector_count)
{
	u64 length = 0;
	u32 i;

	for (i = 0; i < vector_count; i++)
		length += vectors[i].bv_len;
	return length;
}

/* As many bytes as the GPADL has room for, from an offset into the chain on. */
static int vmb_gpadl_add_mdl(struct vmb_gpadl *gpadl,
			     const struct bio_vec *vector, u32 mdl_offset)
{
	u32 left = gpadl->byte_count;

	for (; left; vector++) {
		u32 skipped = min(mdl_offset, vector->bv_len);
		u32 length = min(vector->bv_len - skipped, left);
		u64 offset = (u64)vector->bv_offset + skipped;
		u32 i;

		mdl_offset -= skipped;
		left -= length;
		if (!length)
			continue;
		if (!PAGE_ALIGNED(offset) || !PAGE_ALIGNED(length) || !vector->bv_page)
			return -EINVAL;
		for (i = 0; i < length >> PAGE_SHIFT; i++) {
			int ret = vmb_gpadl_add_frame(gpadl, page_to_pfn(vector->bv_page) +
						      (offset >> PAGE_SHIFT) + i);

			if (ret)
				return ret;
		}
	}
	return 0;
}

int vmb_channel_create_gpadl_from_mdl(struct vmb_channel *channel, u32 flags,
				      const struct bio_vec *vectors,
				      u32 vector_count, u32 mdl_offset,
				      u32 mdl_length, u32 *gpadl_handle)
{
	struct vmb_gpadl *gpadl;
	u64 available, length;
	int ret;

	might_sleep();
	if (!vmb_gpadl_flags_are_valid(channel, flags))
		return -EINVAL;
	available = vmb_mdl_length(vectors, vector_count);
	if (mdl_offset > available)
		return -EINVAL;
	available -= mdl_offset;
	length = mdl_length ? mdl_length : available;
	if (length > available)
		return -EINVAL;
	gpadl = vmb_gpadl_allocate(VMB_GPADL_PAGES, length, flags);
	if (IS_ERR(gpadl))
		return PTR_ERR(gpadl);
	ret = vmb_gpadl_add_mdl(gpadl, vectors, mdl_offset);
	if (ret) {
		vmb_gpadl_free(gpadl, false);
		return ret;
	}
	return vmb_gpadl_create_from_pages(channel, gpadl, gpadl_handle);
}
EXPORT_SYMBOL_GPL(vmb_channel_create_gpadl_from_mdl);

/*
 * The page that 4 KiB frames make up: those from @pfns on, as many as a page of
 * 1 << @page_shift bytes has, must be it, all of it and in order.
 */
int vmb_gpadl_page_of_pfns(const u64 *pfns, u32 page_shift, u64 *frame)
{
	u32 shift = page_shift - VMB_WIRE_PAGE_SHIFT;
	u32 i;

	*frame = pfns[0] >> shift;
	for (i = 0; i < 1u << shift; i++)
		if (pfns[i] != (*frame << shift) + i)
			return -EINVAL;
	return 0;
}

static int vmb_gpadl_add_pfns(struct vmb_gpadl *gpadl, const u64 *pfns)
{
	u32 count = gpadl->byte_count >> PAGE_SHIFT;
	u64 frame;
	int ret;

	while (count--) {
		ret = vmb_gpadl_page_of_pfns(pfns, PAGE_SHIFT, &frame);
		if (!ret)
			ret = vmb_gpadl_add_frame(gpadl, frame);
		if (ret)
			return ret;
		pfns += PAGE_SIZE >> VMB_WIRE_PAGE_SHIFT;
	}
	return 0;
}

int vmb_channel_create_gpadl_from_pfn_list(struct vmb_channel *channel, u32 flags,
					   const u64 *pfns, u32 pfn_count,
					   u32 *gpadl_handle)
{
	struct vmb_gpadl *gpadl;
	int ret;

	might_sleep();
	if (!vmb_gpadl_flags_are_valid(channel, flags))
		return -EINVAL;
	gpadl = vmb_gpadl_allocate(VMB_GPADL_PAGES,
				   (u64)pfn_count << VMB_WIRE_PAGE_SHIFT, flags);
	if (IS_ERR(gpadl))
		return PTR_ERR(gpadl);
	ret = vmb_gpadl_add_pfns(gpadl, pfns);
	if (ret) {
		vmb_gpadl_free(gpadl, false);
		return ret;
	}
	return vmb_gpadl_create_from_pages(channel, gpadl, gpadl_handle);
}
EXPORT_SYMBOL_GPL(vmb_channel_create_gpadl_from_pfn_list);

/* Zeroed pages; where they must lie in the direct map, in one block. */
static void *vmb_gpadl_allocate_memory(const struct vmb_channel *channel, u32 byte_count)
{
	const gfp_t flags = GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN;

	if (vmb_channel_decrypts(channel))
		return alloc_pages_exact(byte_count, flags);
	return __vmalloc(byte_count, flags);
}

int vmb_channel_create_gpadl(struct vmb_channel *channel, u32 flags,
			     u32 page_count, u32 *gpadl_handle)
{
	struct vmb_gpadl *gpadl;
	void *buffer;
	int ret = -ENOMEM;

	might_sleep();
	if (!vmb_gpadl_flags_are_valid(channel, flags))
		return -EINVAL;
	gpadl = vmb_gpadl_allocate(VMB_GPADL_ALLOCATED, (u64)page_count << PAGE_SHIFT,
				   flags);
	if (IS_ERR(gpadl))
		return PTR_ERR(gpadl);
	buffer = vmb_gpadl_allocate_memory(channel, gpadl->byte_count);
	if (buffer)
		ret = vmb_gpadl_add_buffer(gpadl, buffer);
	if (ret) {
		vmb_gpadl_free(gpadl, false);
		return ret;
	}
	return vmb_gpadl_create(channel, gpadl, gpadl_handle);
}
EXPORT_SYMBOL_GPL(vmb_channel_create_gpadl);

int vmb_channel_get_system_address_for_gpadl(struct vmb_channel *channel,
					     u32 flags, u32 gpadl_handle,
					     void **system_address)
{
	struct vmb_memory *memory = &channel->memory;
	struct vmb_gpadl *gpadl;
	unsigned long irq_flags;
	int ret = 0;

	if (flags)
		return -EINVAL;
	spin_lock_irqsave(&memory->lock, irq_flags);
	gpadl = vmb_gpadl_find(memory, gpadl_handle);
	if (!gpadl)
		ret = -ENOENT;
	else if (gpadl->origin != VMB_GPADL_ALLOCATED)
		ret = -EINVAL;
	else
		*system_address = gpadl->buffer;
	spin_unlock_irqrestore(&memory->lock, irq_flags);
	return ret;
}
EXPORT_SYMBOL_GPL(vmb_channel_get_system_address_for_gpadl);
