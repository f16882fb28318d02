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
 * The 4 KiB frame that a segment lies in, if it is of memory that is shared, or
 * NULL. Peers name memory in its order: mostly it is the one behind @before.
 */
static const struct vmb_gpadl_frame *
vmb_external_data_frame(struct vmb_memory *memory,
			const struct vmb_range_segment *segment,
			const struct vmb_gpadl_frame *before)
{
	u64 number = (segment->frame << (PAGE_SHIFT - VMB_WIRE_PAGE_SHIFT)) +
		     (segment->offset >> VMB_WIRE_PAGE_SHIFT);

	lockdep_assert_held(&memory->lock);
	if (before && before[1].number == number)
		return before + 1;
	if (number != (unsigned long)number)
		return NULL;
	return xa_load(&memory->frames, number);
}

static void vmb_external_data_add(struct vmb_packet_completion *packet,
				  struct page *page, u32 offset, u32 length,
				  struct vmb_gpadl *owner)
{
	u32 n = packet->vector_count++;

	packet->vectors[n].bv_page = page;
	packet->vectors[n].bv_offset = offset;
	packet->vectors[n].bv_len = length;
	packet->owners[n] = owner;
	if (owner)
		owner->users++;
	if (owner && owner->read_only)
		packet->external_read_only = true;
}

/*
 * @frame: of the segment before, and then of this one. @pending: becomes true if the
 * page is being shared just now.
 */
static __always_inline enum vmb_refusal
vmb_external_data_add_gpa(struct vmb_packet_completion *packet,
			  const struct vmb_range_segment *segment,
			  const struct vmb_gpadl_frame **frame, bool *pending)
{
	struct vmb_channel *channel = packet->channel;
	struct vmb_gpadl *owner;
	struct page *page;

	/*
	 * A peer in this kernel keeps the memory, and is trusted with it, unless
	 * nobody is to be. Then a server, which shares nothing, gets none.
	 */
	if (channel->local && !vmb_forbid_raw_guest_memory) {
		page = vmb_page_of_frame(segment->frame);
		owner = NULL;
		goto found;
	}
	*frame = vmb_external_data_frame(&channel->memory, segment, *frame);
	owner = *frame ? (*frame)->gpadl : NULL;
	/* The mark at the end is no GPADL's, and the search cannot go on from there. */
	if (unlikely(!owner))
		*frame = NULL;
	if (owner && owner->state == VMB_GPADL_SHARING) {
		*pending = true;
		/* Under the lock: the call that shares the page looks at it under it, too. */
		WRITE_ONCE(channel->memory.awaited, true);
		return VMB_REFUSAL_PAGE_NOT_SHARED;
	}
	if (owner)
		page = pfn_to_page(segment->frame);
	else if (channel->raw_guest_memory)
		page = vmb_raw_page_get(segment->frame);
	else
		page = NULL;
found:
	if (!page)
		return VMB_REFUSAL_PAGE_NOT_SHARED;
	vmb_external_data_add(packet, page, segment->offset, segment->length,
			      owner);
	return VMB_REFUSAL_NONE;
}

static enum vmb_refusal
vmb_external_data_add_transfer(struct vmb_packet_completion *packet,
			       struct vmb_gpadl *set,
			       const struct vmb_range_segment *segment)
{
	u32 offset = segment->offset;
	u32 left = segment->length;

	if (offset > set->byte_count || left > set->byte_count - offset)
		return VMB_REFUSAL_TRANSFER_RANGE_BEYOND_SET;
	while (left) {
		u32 in_page = offset_in_page(offset);
		u32 length = min_t(u32, left, PAGE_SIZE - in_page);
		u32 page = array_index_nospec(offset >> PAGE_SHIFT, set->page_count);

		vmb_external_data_add(packet, set->pages[page], in_page, length,
				      set);
		offset += length;
		left -= length;
	}
	return VMB_REFUSAL_NONE;
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
	const struct vmb_gpadl_frame *frame = NULL;
	struct vmb_range_segment segment;
	struct vmb_gpadl *set = NULL;
	struct vmb_range_walk walk;
	unsigned long flags;

	vmb_range_walk_init(&walk, &packet->ranges, PAGE_SHIFT);
	spin_lock_irqsave(&memory->lock, flags);
	/* It has hibernated since, or is about to. */
	if (unlikely(packet->external_known))
		goto unlock;
	if (unlikely(memory->quiesced)) {
		*pending = true;
		refusal = VMB_REFUSAL_PAGE_NOT_SHARED;
		goto unlock;
	}
	if (packet->ranges.type == VMB_WIRE_TYPE_DATA_TRANSFER_PAGES) {
		set = xa_load(&memory->sets, packet->ranges.set_id);
		if (!set)
			refusal = VMB_REFUSAL_TRANSFER_SET_UNKNOWN;
	}
	while (refusal == VMB_REFUSAL_NONE &&
	       vmb_range_walk_next(&walk, &segment)) {
		if (set)
			refusal = vmb_external_data_add_transfer(packet, set,
								 &segment);
		else
			refusal = vmb_external_data_add_gpa(packet, &segment,
							    &frame, pending);
	}
	if (likely(refusal == VMB_REFUSAL_NONE || !*pending)) {
		packet->external_result = vmb_external_data_errno(refusal);
		packet->external_known = true;
	}
unlock:
	spin_unlock_irqrestore(&memory->lock, flags);
	return refusal;
}

/* Give back what was handed out. Any context. */
void vmb_external_data_release(struct vmb_packet_completion *packet)
{
	struct vmb_memory *memory = &packet->channel->memory;
	bool unused = false;
	unsigned long flags;
	u32 i = 0;

	spin_lock_irqsave(&memory->lock, flags);
	while (i < packet->vector_count) {
		struct vmb_gpadl *owner = packet->owners[i];
		u32 first = i;

		/* Mostly it is one owner's, all of it. */
		while (++i < packet->vector_count && packet->owners[i] == owner)
			;
		if (!owner)
			continue;
		owner->users -= i - first;
		unused |= !owner->users;
	}
	/* Its barrier is for a task that looked before this, and is about to sleep. */
	if (unused && wq_has_sleeper(&memory->unused))
		wake_up(&memory->unused);
	spin_unlock_irqrestore(&memory->lock, flags);
	for (i = 0; i < packet->vector_count && !packet->channel->local; i++)
		if (!packet->owners[i])
			put_page(packet->vectors[i].bv_page);
	packet->vector_count = 0;
}

