/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory descriptor lists. An MDL is a counted array of struct bio_vec: pieces of
 * memory, one behind the other, anywhere. Included by vmbkmcl_windows.h.
 *
 * A chain, by Next, is allowed wherever Windows allows one. It is made one array
 * for the call, which takes memory when the call is made, without waiting for any;
 * one MDL with many pieces takes none.
 */
#ifndef VMBKMCL_WINDOWS_MDL_H
#define VMBKMCL_WINDOWS_MDL_H

#include <linux/bvec.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

/**
 * struct _MDL - a memory descriptor list
 * @Next: the next of a chain, or NULL.
 * @Vectors: its pieces.
 * @VectorCount: how many.
 * @Mapped: @SystemAddress is a mapping, which is to be undone.
 * @SystemAddress: of its first byte; NULL: it has none, so far.
 *
 * From IoAllocateMdl(), or made of an array by vmb_windows_mdl_init(), in memory of
 * the client's. The library's, from VmbChannelPacketGetExternalData() and
 * VmbChannelMapGpadl(), are not to be freed.
 */
typedef struct _MDL {
	struct _MDL *Next;
	const struct bio_vec *Vectors;
	u32 VectorCount;
	BOOLEAN Mapped;
	PVOID SystemAddress;
} MDL, *PMDL;

/* One with room for its pieces. */
struct vmb_windows_mdl {
	MDL mdl;
	u32 length;
	struct bio_vec vectors[];
};

/**
 * vmb_windows_mdl_init() - an MDL of an array that there is already
 * @mdl: what to initialise; it has no system address.
 * @vectors: the array; stays the caller's, for as long as the MDL is used.
 * @count: its entries.
 *
 * Windows has no such call: there an MDL is built over virtual memory, see
 * IoAllocateMdl(), or by the memory manager.
 *
 * Context: any.
 */
static inline void vmb_windows_mdl_init(PMDL mdl, const struct bio_vec *vectors, u32 count)
{
	*mdl = (MDL) {
		.Vectors = vectors,
		.VectorCount = count,
	};
}

/**
 * IoAllocateMdl() - an MDL for a buffer in virtual memory
 * @VirtualAddress: the buffer, from kmalloc, vmalloc or the page allocator.
 * @Length: bytes of it, at least 1.
 * @SecondaryBuffer: FALSE; chains are made by setting Next.
 * @ChargeQuota: FALSE.
 * @Irp: NULL; there are none.
 *
 * It has room for the pieces, so that nothing that uses it has to get memory; what
 * they are is found by MmBuildMdlForNonPagedPool().
 *
 * Context: any but hard interrupt.
 * Return: the MDL, to be given back by IoFreeMdl(); NULL: no memory, or something
 * that is not there was asked for.
 */
static inline PMDL IoAllocateMdl(PVOID VirtualAddress, ULONG Length,
				 BOOLEAN SecondaryBuffer, BOOLEAN ChargeQuota,
				 void *Irp)
{
	struct vmb_windows_mdl *made;
	u32 pages;

	if (!Length || SecondaryBuffer || ChargeQuota || Irp)
		return NULL;
	pages = DIV_ROUND_UP_ULL((u64)offset_in_page(VirtualAddress) + Length, PAGE_SIZE);
	made = kzalloc(struct_size(made, vectors, pages), GFP_ATOMIC | __GFP_NOWARN);
	if (!made)
		return NULL;
	made->length = Length;
	made->mdl.Vectors = made->vectors;
	made->mdl.VectorCount = pages;
	made->mdl.SystemAddress = VirtualAddress;
	return &made->mdl;
}

/**
 * MmBuildMdlForNonPagedPool() - find the pages of an MDL's buffer
 * @Mdl: from IoAllocateMdl(); once.
 *
 * All of the kernel's memory is what Windows calls non-paged.
 *
 * Context: any.
 */
static inline void MmBuildMdlForNonPagedPool(PMDL Mdl)
{
	struct vmb_windows_mdl *made = container_of(Mdl, struct vmb_windows_mdl, mdl);
	u8 *address = Mdl->SystemAddress;
	u32 left = made->length, i;

	for (i = 0; i < Mdl->VectorCount; i++) {
		u32 offset = offset_in_page(address);
		u32 length = min_t(u32, left, PAGE_SIZE - offset);

		made->vectors[i] = (struct bio_vec) {
			.bv_page = is_vmalloc_addr(address) ? vmalloc_to_page(address) :
							      virt_to_page(address),
			.bv_len = length,
			.bv_offset = offset,
		};
		address += length;
		left -= length;
	}
}

/**
 * IoFreeMdl() - give an MDL back
 * @Mdl: from IoAllocateMdl(), or NULL. The buffer stays. May be called as soon as
 *	the send that it was for has returned.
 *
 * Context: any but hard interrupt.
 */
static inline void IoFreeMdl(PMDL Mdl)
{
	if (Mdl)
		kfree(container_of(Mdl, struct vmb_windows_mdl, mdl));
}

/**
 * MmGetMdlByteCount() - bytes that an MDL describes
 * @Mdl: the MDL; what is chained to it does not count.
 *
 * Context: any.
 * Return: the bytes.
 */
static inline ULONG MmGetMdlByteCount(const MDL *Mdl)
{
	ULONG bytes = 0;
	u32 i;

	for (i = 0; i < Mdl->VectorCount; i++)
		bytes += Mdl->Vectors[i].bv_len;
	return bytes;
}

/* Do its pieces fit together, so that one mapping can show them as a whole? */
static inline bool vmb_windows_mdl_is_mappable(const MDL *mdl)
{
	u32 i;

	for (i = 0; i < mdl->VectorCount; i++) {
		const struct bio_vec *vector = &mdl->Vectors[i];

		if (!vector->bv_len || (i && offset_in_page(vector->bv_offset)) ||
		    (i + 1 < mdl->VectorCount &&
		     offset_in_page(vector->bv_offset + vector->bv_len)))
			return false;
	}
	return mdl->VectorCount > 0;
}

/* The pages of all pieces, each of which may be a run of them; how many, if @pages is NULL. */
static inline u32 vmb_windows_mdl_pages(const MDL *mdl, struct page **pages)
{
	u32 i, page, count = 0;

	for (i = 0; i < mdl->VectorCount; i++) {
		const struct bio_vec *vector = &mdl->Vectors[i];
		unsigned long first = page_to_pfn(vector->bv_page) +
				      (vector->bv_offset >> PAGE_SHIFT);
		u32 run = PFN_UP(offset_in_page(vector->bv_offset) + vector->bv_len);

		for (page = 0; pages && page < run; page++)
			pages[count + page] = pfn_to_page(first + page);
		count += run;
	}
	return count;
}

/* Priorities, of which the kernel has none. */
enum _MM_PAGE_PRIORITY {
	LowPagePriority,
	NormalPagePriority = 16,
	HighPagePriority = 32,
};

/**
 * MmGetSystemAddressForMdlSafe() - where an MDL's memory can be seen
 * @Mdl: the MDL; what is chained to it is not seen.
 * @Priority: without effect.
 *
 * An MDL of IoAllocateMdl() has an address, and one piece of memory that the kernel
 * maps anyway has one, too. Everything else is mapped by this call, which sleeps and
 * is dear: a client that only copies does better with
 * vmb_channel_packet_get_external_data_iter(). What this returned goes back with
 * MmUnmapLockedPages(), before the packet is completed; in Windows completing undoes
 * nothing of it either.
 *
 * Context: process context, unless the MDL has an address.
 * Return: the address; NULL: no memory, or the pieces do not fit together page by
 * page, or they would have to be mapped where that is not possible.
 */
static inline PVOID MmGetSystemAddressForMdlSafe(PMDL Mdl, ULONG Priority)
{
	const struct bio_vec *first = Mdl->Vectors;
	struct page **pages;
	void *address;
	u32 count;

	if (Mdl->SystemAddress)
		return Mdl->SystemAddress;
	if (Mdl->VectorCount == 1 && !PageHighMem(first->bv_page))
		return (u8 *)page_address(first->bv_page) + first->bv_offset;
	if (in_interrupt() || irqs_disabled() || !vmb_windows_mdl_is_mappable(Mdl))
		return NULL;
	count = vmb_windows_mdl_pages(Mdl, NULL);
	pages = kvmalloc_array(count, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return NULL;
	vmb_windows_mdl_pages(Mdl, pages);
	address = vmap(pages, count, VM_MAP, PAGE_KERNEL);
	kvfree(pages);
	if (!address)
		return NULL;
	Mdl->Mapped = TRUE;
	Mdl->SystemAddress = (u8 *)address + offset_in_page(first->bv_offset);
	return Mdl->SystemAddress;
}

/**
 * MmUnmapLockedPages() - undo MmGetSystemAddressForMdlSafe()
 * @BaseAddress: what that returned.
 * @Mdl: for this MDL.
 *
 * Context: process context.
 */
static inline void MmUnmapLockedPages(PVOID BaseAddress, PMDL Mdl)
{
	if (!Mdl->Mapped)
		return;
	vunmap((void *)((unsigned long)BaseAddress & PAGE_MASK));
	Mdl->Mapped = FALSE;
	Mdl->SystemAddress = NULL;
}

/**
 * struct vmb_windows_vectors - a chain of MDLs as one array
 * @array: the array, or NULL: there is no chain.
 * @count: its entries.
 * @made: what to free.
 *
 * On the stack of the call that it is for.
 */
struct vmb_windows_vectors {
	const struct bio_vec *array;
	u32 count;
	struct bio_vec *made;
};

/* Of a chain, or of its first MDL alone. False: no memory. */
static inline bool vmb_windows_vectors_get(struct vmb_windows_vectors *vectors,
					   const MDL *mdl, bool only_first)
{
	const MDL *next;
	u32 count = 0;

	*vectors = (struct vmb_windows_vectors) {};
	if (!mdl)
		return true;
	if (only_first || !mdl->Next) {
		vectors->array = mdl->Vectors;
		vectors->count = mdl->VectorCount;
		return true;
	}
	for (next = mdl; next; next = next->Next)
		if (check_add_overflow(count, next->VectorCount, &count))
			return false;
	vectors->made = kmalloc_array(count, sizeof(*vectors->made),
				      GFP_ATOMIC | __GFP_NOWARN);
	if (!vectors->made)
		return false;
	for (next = mdl; next; next = next->Next) {
		memcpy(&vectors->made[vectors->count], next->Vectors,
		       array_size(next->VectorCount, sizeof(*vectors->made)));
		vectors->count += next->VectorCount;
	}
	vectors->array = vectors->made;
	return true;
}

static inline void vmb_windows_vectors_put(struct vmb_windows_vectors *vectors)
{
	kfree(vectors->made);
}

#endif
