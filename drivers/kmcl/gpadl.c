// SPDX-License-Identifier: GPL-2.0
/*
 * GPADLs: memory that a channel has shared with its peer, from create to
 * delete. Which memory that can be is gpadl_pages.c's; what the peer may do
 * with it in the meantime is external_data.c's and gpadl_map.c's.
 */
#include <linux/jiffies.h>
#include <linux/kmemleak.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "gpadl.h"

/*
 * GPADLs of a channel at once. They are looked for one by one, some of the time with
 * interrupts off.
 */
#define VMB_GPADL_MAXIMUM_COUNT	4096u
/* How often to say that a delete waits for the client. */
#define VMB_GPADL_WARN_PERIOD	(10 * HZ)

void vmb_memory_init(struct vmb_memory *memory)
{
	mutex_init(&memory->mutex);
	spin_lock_init(&memory->lock);
	INIT_LIST_HEAD(&memory->gpadls);
	xa_init(&memory->frames);
	xa_init(&memory->sets);
	xa_init(&memory->mapped);
	init_waitqueue_head(&memory->unused);
}

/*
 * The client may have external data again. The worker says so, as it has said that it
 * may not: the caller that resumes the VM does not know how far that was.
 */
void vmb_memory_resume(struct vmb_channel *channel)
{
	struct vmb_memory *memory = &channel->memory;

	vmb_life_assert_worker(channel);
	spin_lock_irq(&memory->lock);
	memory->quiesced = false;
	spin_unlock_irq(&memory->lock);
}

void vmb_memory_destroy(struct vmb_memory *memory)
{
	xa_destroy(&memory->frames);
	xa_destroy(&memory->sets);
	xa_destroy(&memory->mapped);
}

/*
 * A call of the client's, during which another thread may disable the channel. The
 * close waits for its end, which is the last that it touches: once the lock is given
 * back the channel may be freed.
 */
void vmb_memory_begin_call(struct vmb_memory *memory)
{
	spin_lock_irq(&memory->lock);
	memory->calls++;
	spin_unlock_irq(&memory->lock);
}

void vmb_memory_end_call(struct vmb_memory *memory)
{
	spin_lock_irq(&memory->lock);
	if (!--memory->calls)
		wake_up(&memory->unused);
	spin_unlock_irq(&memory->lock);
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
 * An insertion that there was no memory for leaves the nodes behind that it had got,
 * and it may be long before somebody shares a frame near by. So they go, if no other
 * GPADL needs any.
 */
static void vmb_gpadl_trim_frames(struct vmb_memory *memory)
{
	lockdep_assert_held(&memory->mutex);
	if (list_empty(&memory->gpadls))
		xa_destroy(&memory->frames);
}

/*
 * Is the frame behind this one the next in memory? And in the kernel's table of pages,
 * which need not be in one piece: a vector that has both is walked by it.
 */
static bool vmb_gpadl_goes_on(const struct vmb_gpadl *gpadl, u32 i)
{
	const u32 shift = PAGE_SHIFT - VMB_WIRE_PAGE_SHIFT;
	const struct vmb_gpadl_frame *frame = &gpadl->frames[i];
	u32 page = i >> shift, next = (i + 1) >> shift;

	return frame[1].number == frame->number + 1 &&
	       (page == next || gpadl->pages[page] + 1 == gpadl->pages[next]);
}

/*
 * From here on every frame leads to the GPADL, though nothing is found in it until it
 * is shared: so no step that can fail comes after the peer has it. One entry a frame,
 * not ranges: not every kernel's xarray has those, and memory of vmalloc has few.
 */
static int vmb_gpadl_insert_frames(struct vmb_memory *memory,
				   struct vmb_gpadl *gpadl)
{
	u32 count = vmb_gpadl_frame_count(gpadl);
	u32 i;
	int ret;

	for (i = 0; i < count; i++) {
		gpadl->frames[i].number = vmb_gpadl_frame(gpadl, i);
		gpadl->frames[i].gpadl = gpadl;
	}
	gpadl->frames[count].number = U64_MAX;
	for (i = count; i--;) {
		struct vmb_gpadl_frame *frame = &gpadl->frames[i];

		frame->run = vmb_gpadl_goes_on(gpadl, i) ? frame[1].run + 1 : 1;
	}
	for (i = 0; i < count; i++) {
		ret = xa_insert(&memory->frames, gpadl->frames[i].number,
				&gpadl->frames[i], GFP_KERNEL);
		if (ret) {
			vmb_gpadl_erase_frames(memory, gpadl, i);
			vmb_gpadl_trim_frames(memory);
			return ret == -EBUSY ? -EEXIST : ret;
		}
	}
	return 0;
}

/*
 * The peer has it, or refused it, and then no frame leads to it any more. Packets
 * that named it before, from a peer that was faster than its own answer, are
 * delivered again. No search that found it before is still going on, for searches
 * are made under the lock.
 */
static void vmb_gpadl_finish_share(struct vmb_channel *channel, struct vmb_gpadl *gpadl,
				   bool shared)
{
	struct vmb_memory *memory = &channel->memory;
	bool awaited;

	spin_lock_irq(&memory->lock);
	if (shared) {
		gpadl->state = VMB_GPADL_SHARED;
		list_add_tail(&gpadl->node, &memory->gpadls);
		WRITE_ONCE(memory->gpadl_count, memory->gpadl_count + 1);
	}
	awaited = memory->awaited;
	WRITE_ONCE(memory->awaited, false);
	spin_unlock_irq(&memory->lock);
	if (awaited)
		vmb_inbound_queue_work(channel);
}

/*
 * Find a GPADL that is not being deleted. Either lock keeps it so, because the state
 * is changed with both of them held.
 */
struct vmb_gpadl *vmb_gpadl_find(struct vmb_memory *memory, u32 handle)
{
	struct vmb_gpadl *gpadl;

	lockdep_assert(lockdep_is_held(&memory->mutex) ||
		       lockdep_is_held(&memory->lock));
	list_for_each_entry(gpadl, &memory->gpadls, node)
		if (gpadl->handle == handle && gpadl->state == VMB_GPADL_SHARED)
			return gpadl;
	return NULL;
}

static void vmb_gpadl_unlink(struct vmb_memory *memory, struct vmb_gpadl *gpadl)
{
	spin_lock_irq(&memory->lock);
	list_del(&gpadl->node);
	WRITE_ONCE(memory->gpadl_count, memory->gpadl_count - 1);
	spin_unlock_irq(&memory->lock);
	vmb_gpadl_trim_frames(memory);
}

/* The peer gets to know it. -EIO: and may write to it though it was refused. */
static int vmb_gpadl_share(struct vmb_channel *channel, struct vmb_gpadl *gpadl)
{
	struct vmb_memory *memory = &channel->memory;
	int ret;

	lockdep_assert_held(&memory->mutex);
	if (!memory->accepting)
		return -ENODEV;
	if (memory->gpadl_count == VMB_GPADL_MAXIMUM_COUNT ||
	    vmb_channel_has_leaked_enough(channel))
		return -ENOSPC;
	/* Of what has a mapping of its own the direct map is not decrypted with it. */
	if (vmb_channel_decrypts(channel) && is_vmalloc_addr(gpadl->buffer))
		return -EOPNOTSUPP;
	ret = vmb_gpadl_insert_frames(memory, gpadl);
	if (!ret) {
		ret = channel->operations->create_gpadl(channel, gpadl->buffer,
							gpadl->byte_count,
							&gpadl->handle,
							&gpadl->transport_private);
		if (ret)
			vmb_gpadl_erase_frames(memory, gpadl,
					       vmb_gpadl_frame_count(gpadl));
	}
	vmb_gpadl_finish_share(channel, gpadl, !ret);
	return ret;
}

/* Takes @gpadl over: if the peer does not get it, it is gone. */
int vmb_gpadl_create(struct vmb_channel *channel, struct vmb_gpadl *gpadl,
		     u32 *gpadl_handle)
{
	struct vmb_memory *memory = &channel->memory;
	int ret;

	vmb_memory_begin_call(memory);
	vmb_gpadl_pin(gpadl);
	mutex_lock(&memory->mutex);
	ret = vmb_gpadl_share(channel, gpadl);
	if (!ret)
		*gpadl_handle = gpadl->handle;
	mutex_unlock(&memory->mutex);
	if (ret == -EIO)
		vmb_channel_leaked(channel, 1, 1);
	if (ret)
		vmb_gpadl_free(gpadl, ret == -EIO);
	vmb_memory_end_call(memory);
	return ret;
}

/* Does anybody still use it that is worth waiting for? */
static bool vmb_gpadl_is_busy(struct vmb_channel *channel,
			      const struct vmb_gpadl *gpadl)
{
	lockdep_assert_held(&channel->memory.lock);
	return gpadl->mapped ||
	       (gpadl->users && !vmb_outbound_is_abandoned(channel) &&
		!vmb_life_is_shutting_down(channel));
}

/*
 * Nobody finds the GPADL after this. A packet that found it before has counted itself
 * among its users, under the lock. Its frames still lead to it: as long as the peer has
 * them they are not shared again, for taking the one back would encrypt the other's.
 */
static void vmb_gpadl_begin_delete(struct vmb_memory *memory, struct vmb_gpadl *gpadl)
{
	lockdep_assert_held(&memory->mutex);
	spin_lock_irq(&memory->lock);
	gpadl->state = VMB_GPADL_DELETING;
	spin_unlock_irq(&memory->lock);
}

/*
 * Until nobody uses it any more; says from time to time whom it waits for. Without
 * the mutex: the client may need other calls, or the channel's close, to complete
 * its packets. A client that was closed without still points into it, and nobody
 * waits for that client any more, nor for any client of a VM that shuts down.
 * A server's mapping is waited for, however long it takes: the library itself
 * undoes it when the server has been closed.
 */
static void vmb_gpadl_wait_until_unused(struct vmb_channel *channel,
					struct vmb_gpadl *gpadl)
{
	struct vmb_memory *memory = &channel->memory;

	might_sleep();
	spin_lock_irq(&memory->lock);
	while (!wait_event_lock_irq_timeout(memory->unused,
					    !vmb_gpadl_is_busy(channel, gpadl),
					    memory->lock, VMB_GPADL_WARN_PERIOD)) {
		bool mapped = gpadl->mapped;

		spin_unlock_irq(&memory->lock);
		dev_warn_ratelimited(channel->dev, "%s: GPADL %#x is deleted when %s\n",
				     vmb_channel_label(channel), gpadl->handle, mapped ?
				     "the server has unmapped it" :
				     "the driver has completed the packets that use it");
		spin_lock_irq(&memory->lock);
	}
	spin_unlock_irq(&memory->lock);
}

/*
 * Tell the peer. 0, or -EIO: it has not let go of the memory, or a client that
 * nobody waits for has not, so it is leaked.
 */
static int vmb_gpadl_end_delete(struct vmb_channel *channel, struct vmb_gpadl *gpadl)
{
	struct vmb_memory *memory = &channel->memory;
	bool used;
	int ret;

	lockdep_assert_held(&memory->mutex);
	spin_lock_irq(&memory->lock);
	used = gpadl->users;
	spin_unlock_irq(&memory->lock);
	ret = channel->operations->delete_gpadl(channel, gpadl->transport_private);
	/* What packets still point into the peer has let go of, and the driver has not. */
	if (ret || used)
		vmb_channel_leaked(channel, 1, ret ? 1 : 0);
	if (!ret && used)
		ret = -EBUSY;
	if (ret)
		dev_err_ratelimited(channel->dev,
				    "%s: GPADL %#x could not be taken back (%pe), its %u bytes must never be freed\n",
				    vmb_channel_label(channel), gpadl->handle,
				    ERR_PTR(ret), gpadl->byte_count);
	vmb_gpadl_erase_frames(memory, gpadl, vmb_gpadl_frame_count(gpadl));
	vmb_gpadl_unlink(memory, gpadl);
	/*
	 * Packets that point into it have it among their owners. Of those that the
	 * channel was closed without nobody comes back to it: it is leaked, too.
	 */
	if (!used) {
		vmb_gpadl_free(gpadl, ret);
	} else {
		vmb_gpadl_leak_memory(gpadl);
		/* No frame leads here any more. */
		kvfree(gpadl->frames);
		gpadl->frames = NULL;
		kmemleak_ignore(gpadl);
		kmemleak_ignore(gpadl->pages);
	}
	return ret ? -EIO : 0;
}

/*
 * The whole of it. Waits without the mutex, so what else the caller knew of the
 * list is not so any more.
 */
static int vmb_gpadl_delete(struct vmb_channel *channel, struct vmb_gpadl *gpadl)
{
	struct vmb_memory *memory = &channel->memory;

	vmb_gpadl_begin_delete(memory, gpadl);
	mutex_unlock(&memory->mutex);
	vmb_gpadl_wait_until_unused(channel, gpadl);
	mutex_lock(&memory->mutex);
	return vmb_gpadl_end_delete(channel, gpadl);
}

int vmb_channel_delete_gpadl(struct vmb_channel *channel, u32 gpadl_handle)
{
	struct vmb_memory *memory = &channel->memory;
	struct vmb_gpadl *gpadl;
	int ret;

	might_sleep();
	vmb_memory_begin_call(memory);
	mutex_lock(&memory->mutex);
	gpadl = vmb_gpadl_find(memory, gpadl_handle);
	if (!gpadl)
		ret = -ENOENT;
	else if (gpadl->sets)
		ret = -EBUSY;
	else
		ret = vmb_gpadl_delete(channel, gpadl);
	mutex_unlock(&memory->mutex);
	vmb_memory_end_call(memory);
	return ret;
}
EXPORT_SYMBOL_GPL(vmb_channel_delete_gpadl);

/* The first that nobody deletes, or NULL. */
static struct vmb_gpadl *vmb_gpadl_find_leftover(struct vmb_memory *memory)
{
	struct vmb_gpadl *gpadl;

	lockdep_assert_held(&memory->mutex);
	list_for_each_entry(gpadl, &memory->gpadls, node)
		if (gpadl->state == VMB_GPADL_SHARED)
			return gpadl;
	return NULL;
}

/*
 * The closed callback has returned: what the client forgot is undone. Its
 * memory may be freed already, so this is the client's fault, and said. Another
 * thread of the client's that is still in a call is waited for: it may need the
 * transport, and the channel.
 */
void vmb_memory_delete_leftovers(struct vmb_channel *channel)
{
	struct vmb_memory *memory = &channel->memory;
	struct vmb_gpadl *gpadl;

	mutex_lock(&memory->mutex);
	gpadl = vmb_gpadl_find_leftover(memory);
	WARN_ONCE(gpadl, "vmbkmcl: %s: the driver left a GPADL behind when the channel closed\n",
		  channel->name);
	xa_destroy(&memory->sets);
	for (; gpadl; gpadl = vmb_gpadl_find_leftover(memory))
		vmb_gpadl_delete(channel, gpadl);
	mutex_unlock(&memory->mutex);
	spin_lock_irq(&memory->lock);
	wait_event_lock_irq(memory->unused, !memory->calls, memory->lock);
	spin_unlock_irq(&memory->lock);
}
