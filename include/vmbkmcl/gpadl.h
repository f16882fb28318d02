/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory shared with the peer. Part of vmbkmcl.h, which is
 * what a client includes.
 */
#ifndef VMBKMCL_GPADL_H
#define VMBKMCL_GPADL_H

/**
 * vmb_channel_create_gpadl_from_buffer() - share memory with the peer
 * @channel: a channel that is open, from opened on; a client's end.
 * @flags: 0 or VMB_CHANNEL_GPADL_FLAG_READ_ONLY: the peer should not write. The
 *	peer is not stopped from it, but external data in this memory is handed
 *	out read-only, and a server on the same VM can map it as such only.
 * @buffer: page-aligned, from vmalloc or the page allocator, as alloc_pages_exact();
 *	stays the caller's, who must not free it before delete.
 * @byte_count: a multiple of PAGE_SIZE, at most 8,189 pages of 4 KiB.
 * @gpadl_handle: gets the peer's name for it.
 *
 * When this returns the peer has confirmed and may use the memory.
 *
 * KMCL shares buffers that begin anywhere, and tells the peer where in their first
 * page. hv_vmbus has no way to say that, and the whole page would show the peer
 * what else is in it. So here a buffer is whole pages; what is not can be external
 * data of a packet, which may begin and end at any byte, and so may what a packet
 * of the peer names inside of a GPADL.
 *
 * The pages are referenced until the peer has let go of them, for ever if it does
 * not: a client that frees them all the same does not give them to others. That is not
 * so for a block of several pages that is no compound page: of that only the client can
 * take care. Memory of the slab allocator cannot be kept so, and who else is in its
 * pages nobody can tell: it is refused, in each of these calls. That is what kmalloc()
 * and kvmalloc() have of up to two pages; what is longer can be kept on some kernels, and
 * is refused on those where it cannot. vmalloc() and alloc_pages_exact() are right on all.
 *
 * In an isolated VM the memory is decrypted for it, and its contents are lost:
 * whoever needs them there copies them in when this has returned, and before it
 * tells the peer of them. Not so with a confidential channel whose peer is inside of the
 * VM, too, and reaches encrypted memory.
 *
 * Context: process context; waits for the peer. Not from the packet callbacks.
 * Return: 0; -EINVAL: flags, a server channel, a buffer that does not begin with a
 * page or is not whole pages, or memory of another kind; -E2BIG: more than the
 * protocol can say; -EOPNOTSUPP: vmalloc memory that would have to be decrypted;
 * -EEXIST: a page is shared by this channel already; -ENODEV: not open; -ENOSPC: the
 * channel has 4,096 GPADLs, or its peer has kept memory of it for good 64 times;
 * -ENOMEM; -EIO: refused, and the peer may write to the memory all the same, so it
 * must never be freed; or what else the transport said.
 *
 * VmbChannelCreateGpadlFromBuffer.
 */
int vmb_channel_create_gpadl_from_buffer(struct vmb_channel *channel, u32 flags,
					 void *buffer, u32 byte_count,
					 u32 *gpadl_handle);

/**
 * vmb_channel_create_gpadl_from_mdl() - share the pages of an MDL with the peer
 * @channel: as for vmb_channel_create_gpadl_from_buffer().
 * @flags: as for vmb_channel_create_gpadl_from_buffer().
 * @vectors: the MDL chain. The array is the caller's again when this returns;
 *	the pages stay the caller's, who must not free them before delete.
 * @vector_count: number of its entries.
 * @mdl_offset: bytes of the chain to leave out at its beginning.
 * @mdl_length: bytes to share from there on; 0: to the end of the chain.
 * @gpadl_handle: gets the peer's name for it.
 *
 * The peer gets whole pages, so what is shared of each vector must begin with a
 * page and be whole pages, and none of the slab allocator's.
 *
 * Context: process context; waits for the peer. Not from the packet callbacks.
 * Return: 0; -EINVAL: flags, a server channel, bytes that are not in the chain,
 * parts of pages, or memory of another kind; -EOPNOTSUPP: the memory would have to be
 * decrypted, since the pages have mappings that we do not know of and that would not be
 * changed with it; -E2BIG, -EEXIST, -ENODEV, -ENOSPC, -ENOMEM, -EIO:
 * as for vmb_channel_create_gpadl_from_buffer().
 *
 * VmbChannelCreateGpadlFromMdl.
 */
int vmb_channel_create_gpadl_from_mdl(struct vmb_channel *channel, u32 flags,
				      const struct bio_vec *vectors,
				      u32 vector_count, u32 mdl_offset,
				      u32 mdl_length, u32 *gpadl_handle);

/**
 * vmb_channel_create_gpadl_from_pfn_list() - share page frames with the peer
 * @channel: as for vmb_channel_create_gpadl_from_buffer().
 * @flags: as for vmb_channel_create_gpadl_from_buffer().
 * @pfns: numbers of 4 KiB Hyper-V page frames. The array is the caller's again
 *	when this returns; the pages stay the caller's, who must not free them
 *	before delete.
 * @pfn_count: number of its entries, at most 8,189.
 * @gpadl_handle: gets the peer's name for it.
 *
 * Where a page of this kernel is larger, only whole ones can be shared: the
 * frames of each must be all there, in order.
 *
 * Context: process context; waits for the peer. Not from the packet callbacks.
 * Return: 0; -EINVAL: flags, a server channel, no frames, parts of pages, frames
 * that are not RAM, or are the slab allocator's; -EOPNOTSUPP, -E2BIG, -EEXIST,
 * -ENODEV, -ENOSPC, -ENOMEM, -EIO: as for vmb_channel_create_gpadl_from_mdl().
 *
 * VmbChannelCreateGpadlFromPfnList.
 */
int vmb_channel_create_gpadl_from_pfn_list(struct vmb_channel *channel, u32 flags,
					   const u64 *pfns, u32 pfn_count,
					   u32 *gpadl_handle);

/**
 * vmb_channel_create_gpadl() - allocate memory and share it with the peer
 * @channel: as for vmb_channel_create_gpadl_from_buffer().
 * @flags: as for vmb_channel_create_gpadl_from_buffer().
 * @page_count: number of pages of PAGE_SIZE, at most 8,189 of 4 KiB.
 * @gpadl_handle: gets the peer's name for it.
 *
 * The memory belongs to the GPADL: vmb_channel_delete_gpadl() frees it, unless the
 * peer may still write to it. It is zeroed before the peer gets it, who may have
 * written to it when this returns. Where it is decrypted for the peer it has to be in one
 * block, so some MiB are the most that can be had; and what decryption makes of the
 * zeroes is undefined: a client that needs zeroes clears it before it tells the peer.
 *
 * Context: process context; waits for the peer. Not from the packet callbacks.
 * Return: 0; -EINVAL: flags, a server channel, or no pages; -E2BIG: more than the
 * protocol can say; -ENODEV: not open; -ENOSPC: as for
 * vmb_channel_create_gpadl_from_buffer(); -ENOMEM; -EIO: refused, and the memory is
 * leaked, since the peer may write to it all the same; or what else the
 * transport said.
 *
 * VmbChannelCreateGpadl.
 */
int vmb_channel_create_gpadl(struct vmb_channel *channel, u32 flags,
			     u32 page_count, u32 *gpadl_handle);

/**
 * vmb_channel_get_system_address_for_gpadl() - where a GPADL's memory is
 * @channel: the channel.
 * @flags: 0.
 * @gpadl_handle: from vmb_channel_create_gpadl(). Of any other memory the client
 *	has the address, or the pages, itself.
 * @system_address: gets the address of its first byte; valid until delete.
 *
 * Context: any but hard interrupt.
 * Return: 0; -EINVAL: flags, or a GPADL of memory of the client's; -ENOENT: no
 * such GPADL, or it is being deleted.
 *
 * VmbChannelGetSystemAddressForGpadl.
 */
int vmb_channel_get_system_address_for_gpadl(struct vmb_channel *channel,
					     u32 flags, u32 gpadl_handle,
					     void **system_address);

/**
 * vmb_channel_delete_gpadl() - stop sharing memory
 * @channel: the channel, open, or in its closed callback at the latest.
 * @gpadl_handle: from create.
 *
 * Waits until no uncompleted packet has external data in the memory, until a
 * server on the same VM has unmapped it, and for the peer; if that takes
 * long, the log says so. From the beginning nothing leads to the memory any more.
 * Other calls go on meanwhile, and the channel may close; it is disabled when this
 * has returned. Afterwards the caller may free the memory; but not if this fails
 * with -EIO. Memory that vmb_channel_create_gpadl() allocated is freed here, or,
 * with -EIO, leaked.
 *
 * What the closed callback leaves behind is deleted when it has returned. If the
 * peer does not let go of that, it is counted as leaked.
 *
 * Context: process context. Not from the packet callbacks.
 * Return: 0; -ENOENT: no such GPADL, or it is being deleted; -EBUSY: a
 * transfer-page set stands for it; -EIO: the peer may still write to the memory,
 * or a packet that the channel was closed without may still point into it, or one
 * that is not waited for because the VM shuts down, so it must never be freed.
 *
 * VmbChannelDeleteGpadl.
 */
int __must_check vmb_channel_delete_gpadl(struct vmb_channel *channel,
					  u32 gpadl_handle);

/**
 * vmb_channel_map_gpadl() - get at memory that the client shares
 * @channel: a server's end, open.
 * @flags: 0, or VMB_CHANNEL_GPADL_FLAG_READ_ONLY to read it only. Nobody is
 *	stopped from writing.
 * @gpadl_handle: the client's name for the memory, from one of its messages.
 * @vectors: gets the array, one entry a page; the GPADL's, valid until unmap.
 * @vector_count: gets the number of its entries.
 *
 * The memory stays the client's, and the client may change it at any time: read
 * each byte once, check what was read. The client's
 * vmb_channel_delete_gpadl() waits until it is unmapped; a mapping that is left
 * when the server's closed callback has returned is undone, with a warning.
 *
 * Context: process context. Not from the packet callbacks.
 * Return: 0; -EINVAL: flags, or not a server channel; -ENODEV: not open;
 * -EOPNOTSUPP: the transport cannot map; -ENOENT: no such GPADL, or it is being
 * deleted; -EBUSY: mapped already; -EACCES: the client shares it as read-only,
 * and @flags asks for more; -ENOMEM; or what else the transport said.
 *
 * VmbChannelMapGpadl.
 */
int vmb_channel_map_gpadl(struct vmb_channel *channel, u32 flags,
			  u32 gpadl_handle, const struct bio_vec **vectors,
			  u32 *vector_count);

/**
 * vmb_channel_unmap_gpadl() - have done with memory that the client shares
 * @channel: the server's end that mapped it; until its closed callback returns.
 * @gpadl_handle: what was mapped.
 *
 * The server must not touch the memory any more, nor the array that map gave
 * it. If it is not mapped, nothing happens but a warning.
 *
 * Context: process context.
 *
 * VmbChannelUnmapGpadl.
 */
void vmb_channel_unmap_gpadl(struct vmb_channel *channel, u32 gpadl_handle);

/**
 * vmb_channel_register_transfer_page_set() - name memory for transfer pages
 * @channel: the channel, open.
 * @set_id: the number that peer and client agreed on.
 * @gpadl_handle: memory that is shared; the ranges of transfer-page packets
 *	with this set id are offsets into it.
 *
 * Context: process context.
 * Return: 0; -ENODEV: not open; -ENOENT: no such GPADL; -EEXIST: the set id is taken;
 * -ENOMEM.
 *
 * KMCL's public interface has no such call.
 */
int vmb_channel_register_transfer_page_set(struct vmb_channel *channel,
					   u16 set_id, u32 gpadl_handle);

/**
 * vmb_channel_unregister_transfer_page_set() - forget a transfer-page set
 * @channel: the channel.
 * @set_id: from register.
 *
 * Packets delivered before keep what they have.
 *
 * Context: process context.
 * Return: 0; -ENOENT: no such set.
 *
 * KMCL's public interface has no such call.
 */
int vmb_channel_unregister_transfer_page_set(struct vmb_channel *channel,
					     u16 set_id);

#endif
