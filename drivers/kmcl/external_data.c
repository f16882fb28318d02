// SPDX-License-Identifier: GPL-2.0
/*
 * External data of inbound packets: from a range list to an array of bio_vec.
 *
 * Every page frame number was chosen by the peer. A page is handed out only if
 * this channel has shared it, or if the client asked by name for raw guest
 * memory and the VM is not isolated.
 */
#include <linux/mm.h>
#include <linux/nospec.h>

#include "gpadl.h"
#include "compat.h"

bool vmb_forbid_raw_guest_memory;
module_param_named(forbid_raw_guest_memory, vmb_forbid_raw_guest_memory, bool, 0444);
MODULE_PARM_DESC(forbid_raw_guest_memory,
		 "Let no driver have external data in memory that its channel has not shared, no server on loopback either");

int vmb_channel_init_set_raw_guest_memory(struct vmb_channel *channel)
{
	if (!vmb_channel_is_configurable(channel))
		return -EBUSY;
	if (channel->device->isolated || vmb_forbid_raw_guest_memory)
		return -EPERM;
	channel->raw_guest_memory = true;
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_init_set_raw_guest_memory);

/* Do the ranges of a packet that was just read add up? */
enum vmb_refusal vmb_external_data_check(struct vmb_packet_completion *packet)
{
	return vmb_ranges_check(&packet->ranges, packet->wire.type,
				packet->buffer, packet->wire.ranges_length,
				&packet->channel->external);
}

/*
 * A peer in this kernel keeps the memory, and is trusted with it, unless nobody is
 * to be. Then a server, which shares nothing, gets none.
 */
static bool vmb_external_data_is_trusted(const struct vmb_channel *channel)
{
	return channel->local && !vmb_forbid_raw_guest_memory;
}

/*
 * The 4 KiB frame with a number, if it is of memory that is shared, or NULL. Peers
 * name memory in its order: mostly it is the one behind @before.
 */
static const struct vmb_gpadl_frame *
vmb_external_data_frame(struct vmb_channel *channel, u64 number,
			const struct vmb_gpadl_frame *before)
{
	struct vmb_memory *memory = &channel->memory;

	lockdep_assert_held(&memory->lock);
	/* The mark at the end is no GPADL's. */
	if (before && before[1].number == number)
		return likely(before[1].gpadl) ? before + 1 : NULL;
	if (vmb_external_data_is_trusted(channel) || number != (unsigned long)number)
		return NULL;
	return xa_load(&memory->frames, number);
}

/**
 * struct vmb_external_search - external data that is being found
 * @packet: whose it is.
 * @vector: where the next vector goes.
 * @owner: and whose memory that is.
 * @frame: the last frame that was found, if it is shared, or NULL.
 * @gpadl: the last GPADL that may be used.
 * @pending: some of it is being shared just now.
 *
 * Under &vmb_memory.lock.
 */
struct vmb_external_search {
	struct vmb_packet_completion *packet;
	struct bio_vec *vector;
	struct vmb_gpadl **owner;
	const struct vmb_gpadl_frame *frame;
	struct vmb_gpadl *gpadl;
	bool pending;
};

static __always_inline void vmb_external_data_add(struct vmb_external_search *search,
						  struct page *page, u32 offset,
						  u32 length, struct vmb_gpadl *owner)
{
	search->vector->bv_page = page;
	search->vector->bv_offset = offset;
	search->vector->bv_len = length;
	search->vector++;
	*search->owner++ = owner;
}

/* A vector of what is shared: from an offset into a frame on. */
static __always_inline void
vmb_external_data_add_shared(struct vmb_external_search *search,
			     const struct vmb_gpadl_frame *frame, u32 offset, u32 length)
{
	vmb_external_data_add(search, pfn_to_page(vmb_range_page(frame->number, PAGE_SHIFT)),
			      vmb_range_offset_in_page(frame->number, PAGE_SHIFT) + offset,
			      length, frame->gpadl);
	frame->gpadl->users++;
}

/* Memory of a GPADL that may not be used yet, or no more, or not be written to. */
static noinline bool vmb_external_data_may_use(struct vmb_external_search *search,
					       const struct vmb_gpadl *gpadl)
{
	/* What is being deleted is nobody's any more. */
	if (gpadl->state == VMB_GPADL_DELETING)
		return false;
	if (gpadl->state == VMB_GPADL_SHARING) {
		search->pending = true;
		/* The call that shares it looks at it under the lock, too. */
		WRITE_ONCE(search->packet->channel->memory.awaited, true);
		return false;
	}
	search->packet->external_read_only = true;
	return true;
}

/*
 * The page of a frame that the channel has not shared, or what of it the list
 * names next. @goes_on: the last vector is of such pages, too, and ends where this
 * begins. Returns its bytes, @most of them at most; 0: the client may not have it.
 */
static noinline u32 vmb_external_data_add_raw(struct vmb_external_search *search,
					      const __le64 *pfns, u32 offset, u32 most,
					      bool goes_on)
{
	const struct vmb_channel *channel = search->packet->channel;
	u64 number = le64_to_cpu(*pfns);
	u32 in_page = vmb_range_offset_in_page(number, PAGE_SHIFT);
	u64 frame = vmb_range_page(number, PAGE_SHIFT);
	struct page *page = NULL;
	u32 frames, length;

	if (vmb_external_data_is_trusted(channel))
		page = vmb_page_of_frame(frame);
	else if (channel->raw_guest_memory)
		page = vmb_raw_page_get(frame);
	if (!page)
		return 0;
	/* A reference is for all that the list has of the page in a row. */
	frames = min((offset + most - 1) >> VMB_WIRE_PAGE_SHIFT,
		     (u32)(PAGE_SIZE - in_page - 1) >> VMB_WIRE_PAGE_SHIFT) + 1;
	frames = vmb_range_run(pfns, frames);
	length = min(most, frames * VMB_WIRE_PAGE_SIZE - offset);
	/* Where the kernel's table of pages is not in one piece, it does not go on there. */
	if (goes_on && !in_page && search->vector[-1].bv_page +
	    ((search->vector[-1].bv_offset + search->vector[-1].bv_len) >> PAGE_SHIFT) == page)
		search->vector[-1].bv_len += length;
	else
		vmb_external_data_add(search, page, in_page + offset, length, NULL);
	return length;
}

/* What a range of GPA-direct names. */
static __always_inline enum vmb_refusal
vmb_external_data_add_gpa(struct vmb_external_search *search,
			  const struct vmb_range *range)
{
	struct vmb_channel *channel = search->packet->channel;
	const struct vmb_gpadl_frame *frame = search->frame;
	const __le64 *pfns = range->pfns;
	u32 offset = range->offset;
	u32 left = range->length;
	/* The page behind the last raw one; 0, which follows none: there was none. */
	u64 next = 0;

	for (;;) {
		u64 number = le64_to_cpu(*pfns);
		u32 frames = 1, length;

		frame = vmb_external_data_frame(channel, number, frame);
		if (likely(frame)) {
			struct vmb_gpadl *gpadl = frame->gpadl;

			/* For the first time, or again after others. */
			if (gpadl != search->gpadl) {
				if (unlikely(gpadl->read_only ||
					     gpadl->state != VMB_GPADL_SHARED) &&
				    !vmb_external_data_may_use(search, gpadl))
					return VMB_REFUSAL_PAGE_NOT_SHARED;
				search->gpadl = gpadl;
			}
			if (frame->run > 1)
				frames = vmb_range_run(pfns,
						       min(frame->run,
							   ((offset + left - 1) >>
							    VMB_WIRE_PAGE_SHIFT) + 1));
			length = min(left, frames * VMB_WIRE_PAGE_SIZE - offset);
			vmb_external_data_add_shared(search, frame, offset, length);
			frame += frames - 1;
			next = 0;
		} else {
			length = vmb_external_data_add_raw(search, pfns, offset, left,
							   number && number == next);
			if (!length)
				return VMB_REFUSAL_PAGE_NOT_SHARED;
			frames = (offset + length + VMB_WIRE_PAGE_SIZE - 1) >>
				 VMB_WIRE_PAGE_SHIFT;
			next = number + frames;
		}
		left -= length;
		if (!left)
			break;
		pfns += frames;
		offset = 0;
	}
	search->frame = frame;
	return VMB_REFUSAL_NONE;
}

static enum vmb_refusal
vmb_external_data_add_transfer(struct vmb_external_search *search, struct vmb_gpadl *set,
			       const struct vmb_range *range)
{
	u32 frames = set->byte_count >> VMB_WIRE_PAGE_SHIFT;
	u32 offset = range->offset;
	u32 left = range->length;

	if (offset > set->byte_count || left > set->byte_count - offset)
		return VMB_REFUSAL_TRANSFER_RANGE_BEYOND_SET;
	while (left) {
		u32 index = array_index_nospec(offset >> VMB_WIRE_PAGE_SHIFT, frames);
		const struct vmb_gpadl_frame *frame = &set->frames[index];
		u32 in_frame = offset % VMB_WIRE_PAGE_SIZE;
		u32 length = min(left, frame->run * VMB_WIRE_PAGE_SIZE - in_frame);

		vmb_external_data_add_shared(search, frame, in_frame, length);
		offset += length;
		left -= length;
	}
	return VMB_REFUSAL_NONE;
}

/* All ranges, up to the first that the client may not have. */
static enum vmb_refusal vmb_external_data_search(struct vmb_packet_completion *packet,
						 bool *pending)
{
	struct vmb_memory *memory = &packet->channel->memory;
	enum vmb_refusal refusal = VMB_REFUSAL_NONE;
	struct vmb_external_search search = {
		.packet = packet,
		.vector = packet->vectors,
		.owner = packet->owners,
	};
	struct vmb_gpadl *set = NULL;
	struct vmb_range_walk walk;
	struct vmb_range range;

	lockdep_assert_held(&memory->lock);
	if (packet->ranges.type == VMB_WIRE_TYPE_DATA_TRANSFER_PAGES) {
		set = xa_load(&memory->sets, packet->ranges.set_id);
		if (!set)
			return VMB_REFUSAL_TRANSFER_SET_UNKNOWN;
		packet->external_read_only = set->read_only;
	}
	vmb_range_walk_init(&walk, &packet->ranges);
	while (refusal == VMB_REFUSAL_NONE && vmb_range_walk_next(&walk, &range))
		refusal = set ? vmb_external_data_add_transfer(&search, set, &range) :
				vmb_external_data_add_gpa(&search, &range);
	packet->vector_count = search.vector - packet->vectors;
	*pending = search.pending;
	return refusal;
}

static int vmb_external_data_errno(enum vmb_refusal refusal)
{
	switch (refusal) {
	case VMB_REFUSAL_NONE:
		return 0;
	case VMB_REFUSAL_TRANSFER_SET_UNKNOWN:
		return -ENOENT;
	case VMB_REFUSAL_TRANSFER_RANGE_BEYOND_SET:
		return -ERANGE;
	default:
		return -EACCES;
	}
}

/*
 * Find the pages that the ranges of a packet name, and keep the answer. @pending:
 * some of it is being shared at this moment, or the VM is about to hibernate, so it
 * is too early to say. What was found is released by vmb_external_data_release(),
 * also if the answer is a refusal.
 */
enum vmb_refusal
vmb_external_data_resolve(struct vmb_packet_completion *packet, bool *pending)
{
	struct vmb_memory *memory = &packet->channel->memory;
	enum vmb_refusal refusal = VMB_REFUSAL_NONE;
	unsigned long flags;

	spin_lock_irqsave(&memory->lock, flags);
	/* It has hibernated since, or is about to. */
	if (unlikely(packet->external_known))
		goto unlock;
	if (unlikely(memory->quiesced)) {
		*pending = true;
		refusal = VMB_REFUSAL_PAGE_NOT_SHARED;
		goto unlock;
	}
	refusal = vmb_external_data_search(packet, pending);
	if (likely(refusal == VMB_REFUSAL_NONE || !*pending)) {
		packet->external_result = vmb_external_data_errno(refusal);
		packet->external_known = true;
	}
unlock:
	spin_unlock_irqrestore(&memory->lock, flags);
	return refusal;
}

static void vmb_external_data_put_pages(const struct bio_vec *vector)
{
	u32 last = (vector->bv_offset + vector->bv_len - 1) >> PAGE_SHIFT;
	unsigned long first = page_to_pfn(vector->bv_page);
	u32 i;

	/* The kernel's table of pages need not be in one piece. */
	for (i = 0; i <= last; i++)
		put_page(pfn_to_page(first + i));
}

/* Give back what was handed out. Any context. */
void vmb_external_data_release(struct vmb_packet_completion *packet)
{
	struct vmb_memory *memory = &packet->channel->memory;
	bool unused = false, raw = false;
	unsigned long flags;
	u32 i = 0;

	spin_lock_irqsave(&memory->lock, flags);
	while (i < packet->vector_count) {
		struct vmb_gpadl *owner = packet->owners[i];
		u32 first = i;

		/* Mostly it is one owner's, all of it. */
		while (++i < packet->vector_count && packet->owners[i] == owner)
			;
		if (!owner) {
			raw = true;
			continue;
		}
		owner->users -= i - first;
		unused |= !owner->users;
	}
	/* Its barrier is for a task that looked before this, and is about to sleep. */
	if (unused && wq_has_sleeper(&memory->unused))
		wake_up(&memory->unused);
	spin_unlock_irqrestore(&memory->lock, flags);
	for (i = 0; raw && i < packet->vector_count && !packet->channel->local; i++)
		if (!packet->owners[i])
			vmb_external_data_put_pages(&packet->vectors[i]);
	packet->vector_count = 0;
}

