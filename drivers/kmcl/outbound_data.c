// SPDX-License-Identifier: GPL-2.0
/*
 * External data of outbound packets: from the client's memory to the range list
 * of a GPA-direct packet, through the DMA API where the transport has a device,
 * so that it bounces where it must; but never for a peer that reaches encrypted memory.
 *
 * Hyper-V counts pages of 4 KiB, whatever the size of the kernel's. A piece that
 * ends and begins at the seam of two such pages continues a range.
 */
#include <linux/dma-mapping.h>
#include <linux/mm.h>

#include "outbound.h"

/*
 * In an isolated VM. vmb_send_submit() refuses the packet if the channel was disabled
 * since, and its peer is another one now. -EAGAIN: it cannot be told yet.
 */
static noinline int vmb_outbound_data_see_peer(struct vmb_packet *packet)
{
	enum vmb_peer_memory memory = READ_ONCE(packet->channel->peer_memory);

	packet->external.peer_memory = memory;
	return memory == VMB_PEER_MEMORY_UNKNOWN ? -EAGAIN : 0;
}

/* Bounced, it would be where the host reads it, also if the peer is inside of the VM. */
static __always_inline int
vmb_outbound_data_find_mapping(struct vmb_packet *packet,
			       struct vmb_outbound_mapping *mapping)
{
	const struct vmb_transport_device *device = packet->channel->device;
	int ret = 0;

	mapping->device = device->dma_device;
	mapping->most = device->dma_most;
	if (unlikely(device->isolated)) {
		ret = vmb_outbound_data_see_peer(packet);
		if (packet->external.peer_memory == VMB_PEER_MEMORY_ENCRYPTED)
			*mapping = (struct vmb_outbound_mapping) { .most = U32_MAX };
	}
	return ret;
}

/*
 * The direction that the flags say. 0; -EINVAL; or -ENODEV: the client may not send, and
 * of a channel that was cleaned up the packets are all that is left.
 */
static int vmb_outbound_data_begin(struct vmb_packet *packet, u32 flags)
{
	const u32 in = VMB_CHANNEL_FORMAT_FLAG_DATA_IN_ONLY;
	const u32 out = VMB_CHANNEL_FORMAT_FLAG_DATA_OUT_ONLY;
	struct vmb_packet_external *external = &packet->external;

	if (unlikely(!READ_ONCE(packet->channel->outbound.accepting)))
		return -ENODEV;
	if ((flags & (in | out)) == in)
		external->direction = DMA_FROM_DEVICE;
	else if ((flags & (in | out)) == out)
		external->direction = DMA_TO_DEVICE;
	else if (!(flags & (in | out)))
		external->direction = DMA_BIDIRECTIONAL;
	else
		return -EINVAL;
	return 0;
}

/*
 * Write the list of what the peer is given. 0 or -EMSGSIZE.
 *
 * An entry goes on with the range if that ends, and the entry begins, with a page:
 * mostly it is one page more, and nothing else has to be looked at for those.
 */
static __always_inline int vmb_outbound_data_list(struct vmb_packet *packet, u32 count)
{
	struct vmb_packet_external *external = &packet->external;
	const struct scatterlist *entry = external->table;
	const struct scatterlist *last_entry = entry + count;
	struct vmb_wire_gpa_direct *header = external->ranges;
	__le64 *position = (void *)(header + 1);
	const __le64 *end = (void *)((u8 *)header + external->ranges_maximum);
	u32 most = packet->channel->external.chain;
	struct vmb_wire_gpa_range *range = NULL;
	u32 bytes = 0, ranges = 0;
	/* Where the range could go on; at first, nowhere. */
	u64 next = 1;

	while (entry != last_entry) {
		u64 address = sg_dma_address(entry);
		u32 length = sg_dma_len(entry);
		u32 offset = address % VMB_WIRE_PAGE_SIZE;
		u64 frame = address >> VMB_WIRE_PAGE_SHIFT;
		const struct scatterlist *first, *stop;
		u64 frames;

		if (next % VMB_WIRE_PAGE_SIZE || offset) {
			if (unlikely(ranges == most || position == end))
				return -EMSGSIZE;
			if (range)
				range->byte_count = cpu_to_le32(bytes);
			bytes = 0;
			ranges++;
			range = (void *)position++;
			range->byte_offset = cpu_to_le32(offset);
		}
		frames = ((u64)offset + length + VMB_WIRE_PAGE_SIZE - 1) >>
			 VMB_WIRE_PAGE_SHIFT;
		if (unlikely(frames > end - position))
			return -EMSGSIZE;
		next = address + length;
		bytes += length;
		do {
			*position++ = cpu_to_le64(frame++);
		} while (--frames);

		first = ++entry;
		if (entry == last_entry || next % VMB_WIRE_PAGE_SIZE)
			continue;
		/* As long as there is nothing but pages, and room for them. */
		stop = min(last_entry, first + (end - position));
		for (; entry != stop; entry++) {
			address = sg_dma_address(entry);
			if (unlikely(sg_dma_len(entry) != VMB_WIRE_PAGE_SIZE ||
				     address % VMB_WIRE_PAGE_SIZE))
				break;
			*position++ = cpu_to_le64(address >> VMB_WIRE_PAGE_SHIFT);
		}
		bytes += (entry - first) << VMB_WIRE_PAGE_SHIFT;
	}
	range->byte_count = cpu_to_le32(bytes);
	header->reserved = 0;
	header->range_count = cpu_to_le32(ranges);
	external->ranges_length = (u8 *)position - (u8 *)header;
	return 0;
}

/* Where no device is to be asked, the peer is given addresses as they are. */
static u32 vmb_outbound_data_map_as_is(struct vmb_packet_external *external)
{
	u32 i;

	for (i = 0; i < external->count; i++) {
		struct scatterlist *entry = &external->table[i];

		sg_dma_address(entry) = sg_phys(entry);
		sg_dma_len(entry) = entry->length;
	}
	return external->count;
}

/* The range list of what is mapped now; else it is so no longer. */
static __always_inline int vmb_outbound_data_describe(struct vmb_packet *packet, u32 count)
{
	int ret = vmb_outbound_data_list(packet, count);

	if (unlikely(ret))
		vmb_outbound_data_release(packet, false);
	return ret;
}

/* One entry, as most requests have it, needs no list. */
static __always_inline int vmb_outbound_data_map_entry(struct vmb_packet *packet,
						       struct device *device)
{
	struct vmb_packet_external *external = &packet->external;
	struct scatterlist *entry = external->table;

	sg_mark_end(entry);
	sg_dma_len(entry) = entry->length;
	if (!device) {
		sg_dma_address(entry) = sg_phys(entry);
		return vmb_outbound_data_describe(packet, 1);
	}
	sg_dma_address(entry) = dma_map_page(device, sg_page(entry), entry->offset,
					     entry->length, external->direction);
	if (unlikely(dma_mapping_error(device, sg_dma_address(entry)))) {
		external->count = 0;
		return -ENOMEM;
	}
	external->mapped = 1;
	return vmb_outbound_data_describe(packet, 1);
}

/* The memory is known: map it, and write the list. */
static __always_inline int vmb_outbound_data_map(struct vmb_packet *packet,
						 struct device *device)
{
	struct vmb_packet_external *external = &packet->external;
	u32 count;

	if (external->count == 1)
		return vmb_outbound_data_map_entry(packet, device);
	sg_mark_end(&external->table[external->count - 1]);
	if (!device)
		return vmb_outbound_data_describe(packet,
						  vmb_outbound_data_map_as_is(external));
	count = dma_map_sg(device, external->table, external->count, external->direction);
	if (unlikely(!count)) {
		external->count = 0;
		return -ENOMEM;
	}
	external->mapped = count;
	return vmb_outbound_data_describe(packet, count);
}

/* Not from the beginning of an entry, which may be on a later page then. */
static void vmb_outbound_data_skip(struct scatterlist *entry, u32 offset)
{
	u64 start = (u64)entry->offset + offset;

	sg_set_page(entry, sg_page(entry) + (start >> PAGE_SHIFT),
		    entry->length - offset, offset_in_page(start));
}

/*
 * Some entry is longer than one mapping can be: swiotlb has no more slots in a
 * row. It becomes several that meet at the seams of pages, so the peer is told
 * of as many ranges as before.
 */
static noinline int vmb_outbound_data_split(struct vmb_packet_external *external,
					    u32 most)
{
	struct scatterlist *from = external->table + external->count;
	struct scatterlist *to;
	u32 count = 0, i;

	for (i = 0; i < external->count; i++)
		count += DIV_ROUND_UP(external->table[i].offset +
				      external->table[i].length, most);
	if (count > external->capacity)
		return -EMSGSIZE;
	external->count = count;
	to = external->table + count;
	/* From the end, for the list grows into itself. */
	while (from-- != external->table) {
		struct page *page = sg_page(from);
		u32 offset = from->offset;
		u32 end = offset + from->length;

		while (end != offset) {
			u32 start = max(offset, (end - 1) / most * most);

			to--;
			to->page_link = 0;
			sg_set_page(to, page + (start >> PAGE_SHIFT), end - start,
				    offset_in_page(start));
			end = start;
		}
	}
	return 0;
}

/* No entry is longer than @longest, and none may be than @most, which can be mapped. */
static inline int vmb_outbound_data_bound(struct vmb_packet *packet, u32 longest, u32 most)
{
	/* With what of a page is in front of it. */
	if (likely(most == U32_MAX || (u64)longest + PAGE_SIZE <= most))
		return 0;
	return vmb_outbound_data_split(&packet->external, most);
}

/*
 * Can a page be mapped as one with that in front of it? Pages of devices may be
 * neighbours and still be two devices', or one a device's and one of RAM; where the
 * kernel's table of pages is not in one piece, what follows in it says nothing; and
 * where memory bounces, bounce buffers for one piece have to be in a row.
 */
static inline bool vmb_outbound_data_may_join(const struct page *page, u32 most)
{
	return most == U32_MAX &&
	       !is_zone_device_page(page) && !is_zone_device_page(page - 1) &&
	       (IS_ENABLED(CONFIG_SPARSEMEM_VMEMMAP) || IS_ENABLED(CONFIG_FLATMEM));
}

static inline void vmb_outbound_data_set(struct scatterlist *entry, struct page *page,
					 u32 length, u32 offset)
{
	/* What the DMA API puts there was cleared by it, or overwritten. */
	entry->page_link = 0;
#ifndef __CHECKER__
	/* So that nothing is left of a check which says the same. */
	page = __builtin_assume_aligned(page, sizeof(long));
#endif
	sg_set_page(entry, page, length, offset);
}

/**
 * struct vmb_outbound_cut - memory that is being made a list of entries
 * @most: bytes that one entry can have.
 * @vector: what comes next.
 * @end: of the vectors.
 * @entry: where the next entry goes.
 * @next: the page that the entry before could go on with; NULL: none.
 * @total: bytes so far.
 * @longest: all the bits of all vectors' lengths: none is longer than this number. Where
 *	that matters none was joined.
 */
struct vmb_outbound_cut {
	u32 most;
	const struct bio_vec *vector;
	const struct bio_vec *end;
	struct scatterlist *entry;
	struct page *next;
	u64 total;
	u32 longest;
};

static __always_inline bool vmb_outbound_data_is_page(const struct bio_vec *vector)
{
	return vector->bv_len == PAGE_SIZE && !vector->bv_offset;
}

/*
 * How many of these vectors are whole pages that follow one another and can be mapped
 * as one, the first with the page in front of it.
 */
static inline u32 vmb_outbound_data_run(u32 most, const struct bio_vec *first,
					const struct bio_vec *stop)
{
	const struct bio_vec *vector = first;
	struct page *page = first->bv_page;

	if (!vmb_outbound_data_may_join(page, most))
		return 0;
	do {
		vector++;
		page++;
	} while (vector != stop && vector->bv_page == page &&
		 vmb_outbound_data_is_page(vector) && !is_zone_device_page(page));
	return vector - first;
}

/* Vectors of a whole page each, @count of them at most, as most requests have. */
static __always_inline void vmb_outbound_data_cut_pages(struct vmb_outbound_cut *cut,
							u32 count)
{
	const struct bio_vec *first = cut->vector;
	const struct bio_vec *stop = first + count;
	const struct bio_vec *vector = first;
	struct scatterlist *entry = cut->entry;
	struct page *next = NULL;

	while (vector != stop && vmb_outbound_data_is_page(vector)) {
		struct page *page = vector->bv_page;
		u32 run;

		if (page == next) {
			run = vmb_outbound_data_run(cut->most, vector, stop);
			entry[-1].length += run << PAGE_SHIFT;
			next = page + run;
			vector += run;
			if (run)
				continue;
		}
		vmb_outbound_data_set(entry, page, PAGE_SIZE, 0);
		entry++;
		next = page + 1;
		vector++;
	}
	cut->total = (u64)(vector - first) << PAGE_SHIFT;
	cut->longest = PAGE_SIZE;
	cut->vector = vector;
	cut->entry = entry;
	cut->next = next;
}

/*
 * Any vectors, as far as @wanted bytes; the last counts @more bytes more than it
 * says. False: there are more than entries up to @last_entry.
 */
static __always_inline bool
vmb_outbound_data_cut_vectors(struct vmb_outbound_cut *cut, u64 wanted, u32 more,
			      const struct scatterlist *last_entry)
{
	for (; cut->vector != cut->end && cut->total < wanted; cut->vector++) {
		u32 offset = cut->vector->bv_offset;
		struct page *page = cut->vector->bv_page;
		u32 bytes = cut->vector->bv_len;
		u64 stop;

		if (more && cut->vector + 1 == cut->end)
			bytes += more;
		/* It takes no entry. */
		if (unlikely(!bytes))
			continue;
		if (unlikely(offset >= PAGE_SIZE)) {
			page += offset >> PAGE_SHIFT;
			offset = offset_in_page(offset);
		}
		cut->longest |= bytes;
		cut->total += bytes;
		if (!offset && page == cut->next &&
		    vmb_outbound_data_may_join(page, cut->most)) {
			cut->entry[-1].length += bytes;
		} else if (likely(cut->entry != last_entry)) {
			vmb_outbound_data_set(cut->entry, page, bytes, offset);
			cut->entry++;
		} else {
			return false;
		}
		stop = (u64)offset + bytes;
		cut->next = !offset_in_page(stop) ? page + (stop >> PAGE_SHIFT) : NULL;
	}
	return true;
}

/*
 * The part of a memory list from @offset on, @length bytes or all. The last
 * vector counts @more bytes more than it says.
 */
static __always_inline int
vmb_outbound_data_cut(struct vmb_packet *packet, const struct bio_vec *vector,
		      u32 vector_count, u32 more, u32 offset, u32 length, u32 most)
{
	const struct bio_vec *end = vector + vector_count, *last = end - 1;
	struct vmb_packet_external *external = &packet->external;
	struct vmb_outbound_cut cut = {
		.most = most,
		.end = end,
		.entry = external->table,
	};
	u64 wanted;
	u32 whole;

	while (vector != end && offset >= vector->bv_len) {
		if (more && vector == last && offset < vector->bv_len + more)
			break;
		offset -= vector->bv_len;
		vector++;
	}
	/* Whole vectors at first; then what is too much at both ends goes. */
	wanted = length ? (u64)offset + length : U64_MAX;
	whole = min_t(u32, end - vector, external->capacity);
	if (length)
		whole = min_t(u64, whole, wanted >> PAGE_SHIFT);
	cut.vector = vector;
	vmb_outbound_data_cut_pages(&cut, more && whole ? whole - 1 : whole);
	if (cut.vector != end && cut.total < wanted &&
	    !vmb_outbound_data_cut_vectors(&cut, wanted, more,
					   external->table + external->capacity))
		return -EMSGSIZE;
	if (unlikely(!cut.total || (length && cut.total < wanted)))
		return -EINVAL;
	if (offset)
		vmb_outbound_data_skip(external->table, offset);
	if (length) {
		cut.entry[-1].length -= cut.total - wanted;
		cut.total = wanted;
	}
	external->count = cut.entry - external->table;
	cut.total -= offset;
	if (unlikely(cut.total > packet->channel->external.bytes))
		return -EMSGSIZE;
	return vmb_outbound_data_bound(packet, cut.longest, most);
}

/*
 * The vectors are one memory list, as an MDL is: its length may go on to the end
 * of the page that the last of them ends in. Pages in the middle are whole, or
 * the list has a gap there; either way there is nothing to add to them.
 */
static noinline int vmb_outbound_data_force(struct vmb_packet *packet,
					    const struct bio_vec *vectors,
					    u32 vector_count, u32 offset,
					    u32 length, u32 most)
{
	const struct bio_vec *last;
	u32 room;

	while (vector_count && !vectors[vector_count - 1].bv_len)
		vector_count--;
	if (!vector_count || !length)
		return -EINVAL;
	last = &vectors[vector_count - 1];
	room = -(last->bv_offset + last->bv_len) % PAGE_SIZE;
	return vmb_outbound_data_cut(packet, vectors, vector_count,
				     min(room, U32_MAX - last->bv_len), offset,
				     length, most);
}

/* Of any vectors. */
static noinline int vmb_outbound_data_from_list(struct vmb_packet *packet,
						const struct bio_vec *vectors,
						u32 vector_count, u32 offset,
						u32 length, bool forced)
{
	struct vmb_outbound_mapping mapping;
	int ret;

	ret = vmb_outbound_data_find_mapping(packet, &mapping);
	if (unlikely(ret))
		return ret;
	if (unlikely(forced))
		ret = vmb_outbound_data_force(packet, vectors, vector_count,
					      offset, length, mapping.most);
	else
		ret = vmb_outbound_data_cut(packet, vectors, vector_count, 0,
					    offset, length, mapping.most);
	if (unlikely(ret)) {
		packet->external.count = 0;
		return ret;
	}
	return vmb_outbound_data_map(packet, mapping.device);
}

/* Is a vector an entry as it is, in a VM that is not isolated? */
static inline bool vmb_outbound_data_is_entry(const struct vmb_packet *packet,
					      const struct bio_vec *vector)
{
	const struct vmb_channel *channel = packet->channel;

	/* It has room for one, unless it is from before the channel's settings. */
	return packet->external.capacity &&
	       vector->bv_len && vector->bv_len <= channel->external.bytes &&
	       vector->bv_offset < PAGE_SIZE && !channel->device->isolated &&
	       (u64)vector->bv_len + PAGE_SIZE <= channel->device->dma_most;
}

/*
 * Describe memory for a packet that is about to be sent. 0; -ENODEV: nothing may be
 * sent; -EINVAL: the list is empty or shorter than that; -EMSGSIZE: over the channel's
 * limits; -ENOMEM: it cannot be mapped; -EAGAIN: nor can it be told how. Any context but
 * hard interrupt.
 */
int vmb_outbound_data_from_vectors(struct vmb_packet *packet,
				   const struct bio_vec *vectors, u32 vector_count,
				   u32 offset, u32 length, u32 flags)
{
	bool forced = flags & VMB_CHANNEL_FORMAT_FLAG_FORCE_MDL_LENGTH;
	struct vmb_packet_external *external = &packet->external;
	int ret;

	ret = vmb_outbound_data_begin(packet, flags);
	if (ret)
		return ret;
	if (!vectors || !vector_count)
		return -EINVAL;
	/* What most requests have. */
	if (vector_count != 1 || offset || length || forced ||
	    !vmb_outbound_data_is_entry(packet, vectors))
		return vmb_outbound_data_from_list(packet, vectors, vector_count, offset,
						   length, forced);
	vmb_outbound_data_set(external->table, vectors->bv_page, vectors->bv_len,
			      vectors->bv_offset);
	external->count = 1;
	return vmb_outbound_data_map_entry(packet, packet->channel->device->dma_device);
}

/*
 * Describe whole 4 KiB pages for a packet that is about to be sent. Results and context
 * are those of vmb_outbound_data_from_vectors().
 */
int vmb_outbound_data_from_pfns(struct vmb_packet *packet, const u64 *pfns,
				u32 pfn_count, u32 flags)
{
	const u32 shift = PAGE_SHIFT - VMB_WIRE_PAGE_SHIFT;
	struct vmb_packet_external *external = &packet->external;
	struct vmb_outbound_mapping mapping;
	u32 i;
	int ret;

	ret = vmb_outbound_data_begin(packet, flags) ?:
	      vmb_outbound_data_find_mapping(packet, &mapping);
	if (ret)
		return ret;
	if (flags & VMB_CHANNEL_FORMAT_FLAG_FORCE_MDL_LENGTH || !pfn_count)
		return -EINVAL;
	if ((u64)pfn_count << VMB_WIRE_PAGE_SHIFT > packet->channel->external.bytes)
		return -EMSGSIZE;
	external->count = 0;
	for (i = 0; i < pfn_count; i++) {
		struct scatterlist *entry = &external->table[external->count];
		u32 offset = (pfns[i] << VMB_WIRE_PAGE_SHIFT) & ~PAGE_MASK;
		u64 frame = pfns[i] >> shift;
		struct page *page;

		ret = -EINVAL;
		if (frame > ULONG_MAX || !pfn_valid(frame))
			goto refuse;
		page = pfn_to_page(frame);
		if (i && pfns[i] == pfns[i - 1] + 1 &&
		    (offset || vmb_outbound_data_may_join(page, mapping.most))) {
			entry[-1].length += VMB_WIRE_PAGE_SIZE;
			continue;
		}
		ret = -EMSGSIZE;
		if (external->count == external->capacity)
			goto refuse;
		vmb_outbound_data_set(entry, page, VMB_WIRE_PAGE_SIZE, offset);
		external->count++;
	}
	/* One page of the kernel's can be mapped in any case; of more none was joined. */
	return vmb_outbound_data_map(packet, mapping.device);
refuse:
	external->count = 0;
	return ret;
}
