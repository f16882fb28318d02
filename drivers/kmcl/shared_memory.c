// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that a channel has shared with its peer: GPADLs, and transfer-page
 * sets that stand for one.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "channel.h"

/*
 * The most 4 KiB pages in a GPADL: the protocol counts the bytes of the page
 * list, with 16 bytes in front, in 16 bits.
 */
#define VMB_GPADL_MAXIMUM_PAGES	8189u

void vmb_memory_init(struct vmb_memory *memory)
{
	mutex_init(&memory->mutex);
	spin_lock_init(&memory->lock);
	INIT_LIST_HEAD(&memory->gpadls);
	xa_init(&memory->frames);
	xa_init(&memory->sets);
	init_waitqueue_head(&memory->unused);
}

void vmb_memory_destroy(struct vmb_memory *memory)
{
	xa_destroy(&memory->frames);
	xa_destroy(&memory->sets);
}

/* The number of the 4 KiB frame @index of a GPADL. */
static unsigned long vmb_gpadl_frame(const struct vmb_gpadl *gpadl, u32 index)
{
	u32 in_page = PAGE_SIZE >> VMB_WIRE_PAGE_SHIFT;

	return page_to_pfn(gpadl->pages[index / in_page]) * in_page +
	       index % in_page;
}

static u32 vmb_gpadl_frame_count(const struct vmb_gpadl *gpadl)
{
	return gpadl->byte_count >> VMB_WIRE_PAGE_SHIFT;
}

static void vmb_gpadl_erase_frames(struct vmb_memory *memory,
				   struct vmb_gpadl *gpadl, u32 count)
{
	while (count--)
		xa_erase(&memory->frames, vmb_gpadl_frame(gpadl, count));
}

/*
 * Reserve a place for each frame, so that storing them cannot fail once the
 * peer knows the memory.
 */
static int vmb_gpadl_reserve_frames(struct vmb_memory *memory,
				    struct vmb_gpadl *gpadl)
{
	u32 i;
	int ret;

	for (i = 0; i < vmb_gpadl_frame_count(gpadl); i++) {
		ret = xa_insert(&memory->frames, vmb_gpadl_frame(gpadl, i), NULL,
				GFP_KERNEL);
		if (ret) {
			vmb_gpadl_erase_frames(memory, gpadl, i);
			return ret == -EBUSY ? -EEXIST : ret;
		}
	}
	return 0;
}

static void vmb_gpadl_store_frames(struct vmb_memory *memory,
				   struct vmb_gpadl *gpadl)
{
	u32 i;

	for (i = 0; i < vmb_gpadl_frame_count(gpadl); i++)
		xa_store(&memory->frames, vmb_gpadl_frame(gpadl, i), gpadl,
			 GFP_KERNEL);
}

static struct vmb_gpadl *vmb_gpadl_find(struct vmb_memory *memory, u32 handle)
{
	struct vmb_gpadl *gpadl;

	lockdep_assert_held(&memory->mutex);
	list_for_each_entry(gpadl, &memory->gpadls, node)
		if (gpadl->handle == handle)
			return gpadl;
	return NULL;
}

static void vmb_gpadl_free(struct vmb_gpadl *gpadl)
{
	kvfree(gpadl->pages);
	kfree(gpadl);
}

/* An ERR_PTR if there is no memory for it, or none behind all of the buffer. */
static struct vmb_gpadl *vmb_gpadl_make(void *buffer, u32 byte_count,
					bool read_only)
{
	struct vmb_gpadl *gpadl;
	u32 i;

	gpadl = kzalloc(sizeof(*gpadl), GFP_KERNEL);
	if (!gpadl)
		return ERR_PTR(-ENOMEM);
	gpadl->buffer = buffer;
	gpadl->byte_count = byte_count;
	gpadl->read_only = read_only;
	gpadl->page_count = byte_count >> PAGE_SHIFT;
	gpadl->pages = kvcalloc(gpadl->page_count, sizeof(*gpadl->pages),
				GFP_KERNEL);
	if (!gpadl->pages) {
		kfree(gpadl);
		return ERR_PTR(-ENOMEM);
	}
	for (i = 0; i < gpadl->page_count; i++) {
		u8 *address = (u8 *)buffer + (size_t)i * PAGE_SIZE;

		if (is_vmalloc_addr(address))
			gpadl->pages[i] = vmalloc_to_page(address);
		else if (virt_addr_valid(address))
			gpadl->pages[i] = virt_to_page(address);
		if (!gpadl->pages[i]) {
			vmb_gpadl_free(gpadl);
			return ERR_PTR(-EINVAL);
		}
	}
	return gpadl;
}

/**
 * vmb_channel_create_gpadl_from_buffer() - share memory with the peer
 * @channel: a channel that is open, from opened on.
 * @flags: 0 or VMB_CHANNEL_GPADL_FLAG_READ_ONLY: the peer should not write. The
 *	peer is not stopped from it, but external data in this memory is handed
 *	out read-only.
 * @buffer: page-aligned, from vmalloc or the page allocator (whole pages of
 *	kmalloc will do); stays the caller's, who must not free it before delete.
 * @byte_count: a multiple of PAGE_SIZE, at most 8,189 pages of 4 KiB.
 * @gpadl_handle: gets the peer's name for it.
 *
 * When this returns the peer has confirmed and may use the memory.
 *
 * Context: process context; waits for the peer. Not from the packet callbacks.
 * Return: 0; -EINVAL: flags, alignment, or memory of another kind; -E2BIG: more
 * than the protocol can say; -EEXIST: a page is shared by this channel already;
 * -ENODEV: not open; -ENOMEM; -EIO: refused, and the peer may write to the memory
 * all the same, so it must never be freed; or what else the transport said.
 *
 * VmbChannelCreateGpadlFromBuffer.
 */
int vmb_channel_create_gpadl_from_buffer(struct vmb_channel *channel, u32 flags,
					 void *buffer, u32 byte_count,
					 u32 *gpadl_handle)
{
	struct vmb_memory *memory = &channel->memory;
	struct vmb_gpadl *gpadl;
	int ret;

	might_sleep();
	if (flags & ~VMB_CHANNEL_GPADL_FLAG_READ_ONLY)
		return -EINVAL;
	if (!byte_count || !PAGE_ALIGNED(buffer) || !PAGE_ALIGNED(byte_count))
		return -EINVAL;
	if (byte_count >> VMB_WIRE_PAGE_SHIFT > VMB_GPADL_MAXIMUM_PAGES)
		return -E2BIG;

	gpadl = vmb_gpadl_make(buffer, byte_count,
			       flags & VMB_CHANNEL_GPADL_FLAG_READ_ONLY);
	if (IS_ERR(gpadl))
		return PTR_ERR(gpadl);

	mutex_lock(&memory->mutex);
	ret = -ENODEV;
	if (!memory->accepting)
		goto unlock;
	ret = vmb_gpadl_reserve_frames(memory, gpadl);
	if (ret)
		goto unlock;
	ret = channel->operations->create_gpadl(channel, buffer, byte_count,
						&gpadl->handle,
						&gpadl->transport_private);
	if (ret == -EIO)
		vmb_outbound_count_leak(channel);
	if (ret)
		goto erase_frames;
	vmb_gpadl_store_frames(memory, gpadl);
	list_add_tail(&gpadl->node, &memory->gpadls);
	*gpadl_handle = gpadl->handle;
	mutex_unlock(&memory->mutex);
	return 0;

erase_frames:
	vmb_gpadl_erase_frames(memory, gpadl, vmb_gpadl_frame_count(gpadl));
unlock:
	mutex_unlock(&memory->mutex);
	vmb_gpadl_free(gpadl);
	return ret;
}
EXPORT_SYMBOL_GPL(vmb_channel_create_gpadl_from_buffer);

/*
 * Tell the peer, once nobody uses it and nobody will. A client that was closed
 * without still points into it, and nobody waits for that client any more: its
 * memory is leaked.
 */
static int vmb_gpadl_delete(struct vmb_channel *channel, struct vmb_gpadl *gpadl)
{
	struct vmb_memory *memory = &channel->memory;
	bool used;
	int ret;

	lockdep_assert_held(&memory->mutex);
	/*
	 * No frame leads to it after this. Who found it before has counted
	 * itself in under the lock that the condition takes.
	 */
	vmb_gpadl_erase_frames(memory, gpadl, vmb_gpadl_frame_count(gpadl));
	spin_lock_irq(&memory->lock);
	wait_event_lock_irq(memory->unused,
			    !gpadl->users || vmb_outbound_is_abandoned(channel),
			    memory->lock);
	used = gpadl->users;
	spin_unlock_irq(&memory->lock);

	ret = channel->operations->delete_gpadl(channel, gpadl->transport_private);
	if (!ret && used)
		ret = -EBUSY;
	if (ret) {
		vmb_outbound_count_leak(channel);
		dev_err(channel->dev,
			"%s: GPADL %#x could not be taken back (%pe), its %u bytes must never be freed\n",
			vmb_channel_label(channel), gpadl->handle, ERR_PTR(ret),
			gpadl->byte_count);
	}
	list_del(&gpadl->node);
	/* The packets that point into it have it among their owners. */
	if (!used)
		vmb_gpadl_free(gpadl);
	return ret ? -EIO : 0;
}

/**
 * vmb_channel_delete_gpadl() - stop sharing memory
 * @channel: the channel, open, or in its closed callback at the latest.
 * @gpadl_handle: from create.
 *
 * Waits until no uncompleted packet has external data in the memory, and for
 * the peer. Afterwards the caller may free it; but not if this fails with -EIO.
 *
 * Context: process context. Not from the packet callbacks.
 * Return: 0; -ENOENT: no such GPADL; -EBUSY: a transfer-page set stands for it;
 * -EIO: the peer may still write to the memory, or a packet that the channel was
 * closed without may still point into it, so it must never be freed.
 *
 * VmbChannelDeleteGpadl.
 */
int vmb_channel_delete_gpadl(struct vmb_channel *channel, u32 gpadl_handle)
{
	struct vmb_memory *memory = &channel->memory;
	struct vmb_gpadl *gpadl;
	int ret;

	might_sleep();
	mutex_lock(&memory->mutex);
	gpadl = vmb_gpadl_find(memory, gpadl_handle);
	if (!gpadl)
		ret = -ENOENT;
	else if (gpadl->sets)
		ret = -EBUSY;
	else
		ret = vmb_gpadl_delete(channel, gpadl);
	mutex_unlock(&memory->mutex);
	return ret;
}
EXPORT_SYMBOL_GPL(vmb_channel_delete_gpadl);

/*
 * The closed callback has returned: what the client forgot is undone. Its
 * memory may be freed already, so this is the client's fault, and said.
 */
void vmb_memory_delete_leftovers(struct vmb_channel *channel)
{
	struct vmb_memory *memory = &channel->memory;
	struct vmb_gpadl *gpadl, *next;

	mutex_lock(&memory->mutex);
	WARN_ONCE(!list_empty(&memory->gpadls),
		  "vmbkmcl: %s: the driver left a GPADL behind when the channel closed\n",
		  channel->name);
	xa_destroy(&memory->sets);
	list_for_each_entry_safe(gpadl, next, &memory->gpadls, node)
		vmb_gpadl_delete(channel, gpadl);
	mutex_unlock(&memory->mutex);
}

/**
 * vmb_channel_register_transfer_page_set() - name memory for transfer pages
 * @channel: the channel.
 * @set_id: the number that peer and client agreed on.
 * @gpadl_handle: memory that is shared; the ranges of transfer-page packets
 *	with this set id are offsets into it.
 *
 * Context: process context.
 * Return: 0; -ENOENT: no such GPADL; -EEXIST: the set id is taken; -ENOMEM.
 *
 * KMCL's public interface has no such call.
 */
int vmb_channel_register_transfer_page_set(struct vmb_channel *channel,
					   u16 set_id, u32 gpadl_handle)
{
	struct vmb_memory *memory = &channel->memory;
	struct vmb_gpadl *gpadl;
	int ret = -ENOENT;

	might_sleep();
	mutex_lock(&memory->mutex);
	gpadl = vmb_gpadl_find(memory, gpadl_handle);
	if (gpadl)
		ret = xa_insert(&memory->sets, set_id, gpadl, GFP_KERNEL);
	if (!ret)
		gpadl->sets++;
	mutex_unlock(&memory->mutex);
	return ret == -EBUSY ? -EEXIST : ret;
}
EXPORT_SYMBOL_GPL(vmb_channel_register_transfer_page_set);

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
					     u16 set_id)
{
	struct vmb_memory *memory = &channel->memory;
	struct vmb_gpadl *gpadl;

	might_sleep();
	mutex_lock(&memory->mutex);
	gpadl = xa_erase(&memory->sets, set_id);
	if (gpadl)
		gpadl->sets--;
	mutex_unlock(&memory->mutex);
	return gpadl ? 0 : -ENOENT;
}
EXPORT_SYMBOL_GPL(vmb_channel_unregister_transfer_page_set);
