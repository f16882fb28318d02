// SPDX-License-Identifier: GPL-2.0
/*
 * A server on the same VM maps its client's GPADLs.
 *
 * Two channels are in it: the client's, which owns the GPADL, and the server's,
 * which maps it and writes down that it did. The transport joins them.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "gpadl.h"

/*
 * Nobody but the one who said that it is mapped touches its vectors. One vector
 * a page, neighbours or not: so a server finds the page that an offset lies in.
 */
static struct bio_vec *vmb_gpadl_make_vectors(const struct vmb_gpadl *gpadl)
{
	struct bio_vec *vectors;
	u32 i;

	vectors = kvcalloc(gpadl->page_count, sizeof(*vectors), GFP_KERNEL);
	if (!vectors)
		return NULL;
	for (i = 0; i < gpadl->page_count; i++) {
		vectors[i].bv_page = gpadl->pages[i];
		vectors[i].bv_len = PAGE_SIZE;
	}
	return vectors;
}

/* By now it may be being deleted: delete waits for its unmap. */
static struct vmb_gpadl *vmb_gpadl_find_mapped(struct vmb_memory *memory, u32 handle)
{
	struct vmb_gpadl *gpadl;

	lockdep_assert_held(&memory->lock);
	list_for_each_entry(gpadl, &memory->gpadls, node)
		if (gpadl->handle == handle && gpadl->vectors)
			return gpadl;
	return NULL;
}

/* Delete may go on, if it was for this that it waited. */
static void vmb_gpadl_end_mapping(struct vmb_memory *memory,
				  struct vmb_gpadl *gpadl)
{
	lockdep_assert_held(&memory->lock);
	gpadl->mapped = false;
	gpadl->vectors = NULL;
	wake_up(&memory->unused);
}

/*
 * The owner's half of mapping, for the transport: process context. -ENOENT: no such
 * GPADL, or it is being deleted; -EBUSY: it is mapped; -EACCES: it was created as
 * read-only, and more is asked for; -ENOMEM.
 */
int vmb_gpadl_map(struct vmb_channel *owner, u32 flags, u32 gpadl_handle,
		  const struct bio_vec **vectors, u32 *vector_count)
{
	struct vmb_memory *memory = &owner->memory;
	struct vmb_gpadl *gpadl;
	struct bio_vec *made;
	int ret = 0;

	might_sleep();
	spin_lock_irq(&memory->lock);
	gpadl = vmb_gpadl_find(memory, gpadl_handle);
	if (!gpadl)
		ret = -ENOENT;
	else if (gpadl->mapped)
		ret = -EBUSY;
	else if (gpadl->read_only && !(flags & VMB_CHANNEL_GPADL_FLAG_READ_ONLY))
		ret = -EACCES;
	else
		gpadl->mapped = true;
	spin_unlock_irq(&memory->lock);
	if (ret)
		return ret;

	/* Delete waits from here on. */
	made = vmb_gpadl_make_vectors(gpadl);
	if (made) {
		*vectors = made;
		*vector_count = gpadl->page_count;
	}
	spin_lock_irq(&memory->lock);
	if (made)
		gpadl->vectors = made;
	else
		vmb_gpadl_end_mapping(memory, gpadl);
	spin_unlock_irq(&memory->lock);
	return made ? 0 : -ENOMEM;
}

/*
 * The owner's half of unmapping, for the transport: process context. It wakes a delete
 * that waits, and with that the owner may be gone.
 */
void vmb_gpadl_unmap(struct vmb_channel *owner, u32 gpadl_handle)
{
	struct vmb_memory *memory = &owner->memory;
	const struct bio_vec *vectors = NULL;
	struct vmb_gpadl *gpadl;

	spin_lock_irq(&memory->lock);
	gpadl = vmb_gpadl_find_mapped(memory, gpadl_handle);
	if (gpadl) {
		vectors = gpadl->vectors;
		vmb_gpadl_end_mapping(memory, gpadl);
	}
	WARN_ONCE(!vectors, "vmbkmcl: %s: GPADL %#x is not mapped\n", owner->name,
		  gpadl_handle);
	spin_unlock_irq(&memory->lock);
	kvfree(vectors);
}

/* The place in the server's record is got first, so that it is there after. */
static int vmb_channel_map_and_record(struct vmb_channel *channel, u32 flags,
				      u32 gpadl_handle,
				      const struct bio_vec **vectors,
				      u32 *vector_count)
{
	struct vmb_memory *memory = &channel->memory;
	int ret;

	lockdep_assert_held(&memory->mutex);
	ret = xa_insert(&memory->mapped, gpadl_handle, NULL, GFP_KERNEL);
	if (ret)
		return ret;
	ret = channel->operations->map_gpadl(channel, flags, gpadl_handle, vectors,
					     vector_count);
	if (ret)
		xa_erase(&memory->mapped, gpadl_handle);
	else
		xa_store(&memory->mapped, gpadl_handle, channel, GFP_KERNEL);
	return ret;
}

int vmb_channel_map_gpadl(struct vmb_channel *channel, u32 flags,
			  u32 gpadl_handle, const struct bio_vec **vectors,
			  u32 *vector_count)
{
	struct vmb_memory *memory = &channel->memory;
	int ret;

	might_sleep();
	if (!channel->is_server || flags & ~VMB_CHANNEL_GPADL_FLAG_READ_ONLY)
		return -EINVAL;
	vmb_memory_begin_call(memory);
	mutex_lock(&memory->mutex);
	if (!memory->accepting)
		ret = -ENODEV;
	else if (!channel->operations->map_gpadl)
		ret = -EOPNOTSUPP;
	else
		ret = vmb_channel_map_and_record(channel, flags, gpadl_handle,
						 vectors, vector_count);
	mutex_unlock(&memory->mutex);
	vmb_memory_end_call(memory);
	return ret;
}
EXPORT_SYMBOL_GPL(vmb_channel_map_gpadl);

void vmb_channel_unmap_gpadl(struct vmb_channel *channel, u32 gpadl_handle)
{
	struct vmb_memory *memory = &channel->memory;

	might_sleep();
	/* The close does not find what is erased here, and waits for the call instead. */
	vmb_memory_begin_call(memory);
	/* No mutex: what another call waits for may be this. */
	if (xa_erase(&memory->mapped, gpadl_handle))
		channel->operations->unmap_gpadl(channel, gpadl_handle);
	else
		WARN_ONCE(1, "vmbkmcl: %s: %s() of GPADL %#x, which it has not mapped\n",
			  channel->name, __func__, gpadl_handle);
	vmb_memory_end_call(memory);
}
EXPORT_SYMBOL_GPL(vmb_channel_unmap_gpadl);

/*
 * The server's closed callback has returned: what it forgot is undone. It may
 * still be using the memory, so this is the server's fault, and said. What a thread
 * of its own has begun to unmap is not found any more: that call is waited for by
 * vmb_memory_delete_leftovers(), which comes next.
 */
void vmb_memory_unmap_leftovers(struct vmb_channel *server)
{
	struct vmb_memory *memory = &server->memory;
	unsigned long handle;
	void *entry;

	xa_for_each(&memory->mapped, handle, entry) {
		if (!xa_erase(&memory->mapped, handle))
			continue;
		WARN_ONCE(1, "vmbkmcl: %s: the driver left GPADL %#lx mapped when the channel closed\n",
			  server->name, handle);
		server->operations->unmap_gpadl(server, handle);
	}
}
