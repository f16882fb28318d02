// SPDX-License-Identifier: GPL-2.0
/*
 * External data of outbound packets: from the client's memory to the range list
 * of a GPA-direct packet, through the DMA API where the transport has a device,
 * so that it bounces where it must.
 *
 * Hyper-V counts pages of 4 KiB, whatever the size of the kernel's. A piece that
 * ends and begins at the seam of two such pages continues a range.
 */
#include <linux/dma-mapping.h>
#include <linux/mm.h>

#include "outbound.h"

/* The direction that the flags say. 0 or -EINVAL. */
static int vmb_outbound_data_begin(struct vmb_packet *packet, u32 flags)
{
	const u32 in = VMB_CHANNEL_FORMAT_FLAG_DATA_IN_ONLY;
	const u32 out = VMB_CHANNEL_FORMAT_FLAG_DATA_OUT_ONLY;
	struct vmb_packet_external *external = &packet->external;

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

static inline int vmb_outbound_data_add(struct vmb_packet_external *external,
					struct page *page, u32 length, u32 offset)
{
	struct scatterlist *entry;

	if (unlikely(external->count == external->capacity))
		return -EMSGSIZE;
	entry = &external->table[external->count++];
	*entry = (struct scatterlist) {};
	sg_set_page(entry, page, length, offset);
	return 0;
}

/* Write the list of what the peer is given. 0 or -EMSGSIZE. */
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

	for (; entry != last_entry; entry++) {
		u64 address = sg_dma_address(entry);
		u32 length = sg_dma_len(entry);
		u64 frame = address >> VMB_WIRE_PAGE_SHIFT;
		bool seam = !((next | address) % VMB_WIRE_PAGE_SIZE);
		u64 last;

		/* The commonest by far: one page more. */
		if (likely(seam && length == VMB_WIRE_PAGE_SIZE && position != end)) {
			*position++ = cpu_to_le64(frame);
			bytes += VMB_WIRE_PAGE_SIZE;
			next = address;
			continue;
		}
		last = (address + length - 1) >> VMB_WIRE_PAGE_SHIFT;
		if (!seam) {
			if (unlikely(ranges == most || position == end))
				return -EMSGSIZE;
			if (range)
				range->byte_count = cpu_to_le32(bytes);
			bytes = 0;
			ranges++;
			range = (void *)position++;
			range->byte_offset = cpu_to_le32(address % VMB_WIRE_PAGE_SIZE);
		}
		next = address + length;
		bytes += length;
		do {
			if (unlikely(position == end))
				return -EMSGSIZE;
			*position++ = cpu_to_le64(frame++);
		} while (unlikely(frame <= last));
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

/* One piece, as most requests have it, needs no list. 0 entries: no. */
static inline u32 vmb_outbound_data_map_one(struct device *device,
					    struct vmb_packet_external *external)
{
	struct scatterlist *entry = external->table;

	sg_dma_address(entry) = dma_map_page(device, sg_page(entry), entry->offset,
					     entry->length, external->direction);
	sg_dma_len(entry) = entry->length;
	return likely(!dma_mapping_error(device, sg_dma_address(entry)));
}

/* The memory is known: map it, and write the list. */
static __always_inline int vmb_outbound_data_map(struct vmb_packet *packet)
{
	struct vmb_packet_external *external = &packet->external;
	struct device *device = packet->channel->device->dma_device;
	u32 count;
	int ret;

	sg_mark_end(&external->table[external->count - 1]);
	if (device) {
		if (external->count == 1)
			count = vmb_outbound_data_map_one(device, external);
		else
			count = dma_map_sg(device, external->table,
					   external->count, external->direction);
		external->mapped = count;
		if (unlikely(!count)) {
			external->count = 0;
			return -ENOMEM;
		}
	} else {
		count = vmb_outbound_data_map_as_is(external);
	}
	ret = vmb_outbound_data_list(packet, count);
	if (ret)
		vmb_outbound_data_release(packet, false);
	return ret;
}

/* Not from the beginning of an entry, which may be on a later page then. */
static void vmb_outbound_data_skip(struct scatterlist *entry, u32 offset)
{
	u32 start = entry->offset + offset;

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

/*
 * The part of a memory list from @offset on, @length bytes or all. The last
 * vector counts @more bytes more than it says.
 */
static __always_inline int
vmb_outbound_data_cut(struct vmb_packet *packet, const struct bio_vec *vector,
		      u32 vector_count, u32 more, u32 offset, u32 length)
{
	const struct bio_vec *end = vector + vector_count, *last = end - 1;
	struct vmb_packet_external *external = &packet->external;
	struct scatterlist *entry = external->table;
	const struct bio_vec *stop;
	/* All their bits: no entry is longer than this number. */
	u32 longest = 0;
	u64 wanted, total = 0;

	while (vector != end && offset >= vector->bv_len) {
		if (more && vector == last && offset < vector->bv_len + more)
			break;
		offset -= vector->bv_len;
		vector++;
	}
	/* Whole vectors at first; then what is too much at both ends goes. */
	wanted = length ? (u64)offset + length : U64_MAX;
	stop = end - vector > external->capacity ? vector + external->capacity : end;
	for (; vector != stop; vector++) {
		u32 bytes = vector->bv_len;

		if (more && vector == last)
			bytes += more;
		/* It takes no entry. */
		if (unlikely(!bytes)) {
			if (stop != end)
				stop++;
			continue;
		}
		/* What the DMA API puts there was cleared by it, or overwritten. */
		entry->page_link = 0;
		sg_set_page(entry, vector->bv_page, bytes, vector->bv_offset);
		if (unlikely(vector->bv_offset >= PAGE_SIZE))
			vmb_outbound_data_skip(entry, 0);
		longest |= bytes;
		entry++;
		total += bytes;
		if (unlikely(total >= wanted))
			break;
	}
	if (unlikely(stop != end && total < wanted)) {
		while (stop != end && !stop->bv_len)
			stop++;
		if (stop != end)
			return -EMSGSIZE;
	}
	if (unlikely(!total || (length && total < wanted)))
		return -EINVAL;
	if (offset)
		vmb_outbound_data_skip(external->table, offset);
	if (length) {
		entry[-1].length -= total - wanted;
		total = wanted;
	}
	external->count = entry - external->table;
	total -= offset;
	if (unlikely(total > packet->channel->external.bytes))
		return -EMSGSIZE;
	/* With what of a page is in front of it. */
	if (unlikely((u64)longest + PAGE_SIZE > packet->channel->device->dma_most))
		return vmb_outbound_data_split(external,
					       packet->channel->device->dma_most);
	return 0;
}

/*
 * The vectors are one memory list, as an MDL is: its length may go on to the end
 * of the page that the last of them ends in. Pages in the middle are whole, or
 * the list has a gap there; either way there is nothing to add to them.
 */
static noinline int vmb_outbound_data_force(struct vmb_packet *packet,
					    const struct bio_vec *vectors,
					    u32 vector_count, u32 offset,
					    u32 length)
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
				     length);
}

/*
 * Describe memory for a packet that is about to be sent. 0; -EINVAL: the list is
 * empty or shorter than that; -EMSGSIZE: over the channel's limits; -ENOMEM: it
 * cannot be mapped. Any context but hard interrupt.
 */
int vmb_outbound_data_from_vectors(struct vmb_packet *packet,
				   const struct bio_vec *vectors, u32 vector_count,
				   u32 offset, u32 length, u32 flags)
{
	int ret;

	ret = vmb_outbound_data_begin(packet, flags);
	if (ret)
		return ret;
	if (!vectors || !vector_count)
		return -EINVAL;
	if (unlikely(flags & VMB_CHANNEL_FORMAT_FLAG_FORCE_MDL_LENGTH))
		ret = vmb_outbound_data_force(packet, vectors, vector_count,
					      offset, length);
	else
		ret = vmb_outbound_data_cut(packet, vectors, vector_count, 0,
					    offset, length);
	if (unlikely(ret)) {
		packet->external.count = 0;
		return ret;
	}
	return vmb_outbound_data_map(packet);
}

/*
 * Describe whole 4 KiB pages for a packet that is about to be sent. Results and context
 * are those of vmb_outbound_data_from_vectors().
 */
int vmb_outbound_data_from_pfns(struct vmb_packet *packet, const u64 *pfns,
				u32 pfn_count, u32 flags)
{
	const u32 shift = PAGE_SHIFT - VMB_WIRE_PAGE_SHIFT;
	u32 i;
	int ret;

	ret = vmb_outbound_data_begin(packet, flags);
	if (ret)
		return ret;
	if (flags & VMB_CHANNEL_FORMAT_FLAG_FORCE_MDL_LENGTH || !pfn_count)
		return -EINVAL;
	if ((u64)pfn_count << VMB_WIRE_PAGE_SHIFT > packet->channel->external.bytes)
		return -EMSGSIZE;
	for (i = 0; i < pfn_count; i++) {
		u64 frame = pfns[i] >> shift;
		u32 offset = (pfns[i] << VMB_WIRE_PAGE_SHIFT) & ~PAGE_MASK;

		ret = -EINVAL;
		if (frame <= ULONG_MAX && pfn_valid(frame))
			ret = vmb_outbound_data_add(&packet->external,
						    pfn_to_page(frame),
						    VMB_WIRE_PAGE_SIZE, offset);
		if (ret) {
			packet->external.count = 0;
			return ret;
		}
	}
	return vmb_outbound_data_map(packet);
}

/* Can the packet keep its external pages, whatever its client does? */
bool vmb_outbound_data_can_be_pinned(const struct vmb_packet *packet)
{
	const struct vmb_packet_external *external = &packet->external;
	struct sg_page_iter pages;

	for_each_sg_page(external->table, &pages, external->count, 0)
		if (!vmb_page_is_counted(sg_page_iter_page(&pages)))
			return false;
	return true;
}

/* Reference the pages, but for those that nobody can. */
static void vmb_outbound_data_get_pages(struct vmb_packet *packet)
{
	struct vmb_packet_external *external = &packet->external;
	struct sg_page_iter pages;

	for_each_sg_page(external->table, &pages, external->count, 0)
		if (vmb_page_is_counted(sg_page_iter_page(&pages)))
			get_page(sg_page_iter_page(&pages));
}

/*
 * The client does not keep the memory any more: do so until the release. All of
 * it or nothing, for by then what a page is may have changed, and nobody could
 * tell which were referenced. What cannot be pinned is given up only to a peer
 * that is gone, and does not touch it.
 */
void vmb_outbound_data_pin(struct vmb_packet *packet)
{
	struct vmb_packet_external *external = &packet->external;

	if (!external->count || external->pinned ||
	    !vmb_outbound_data_can_be_pinned(packet))
		return;
	external->pinned = true;
	vmb_outbound_data_get_pages(packet);
}

static void vmb_outbound_data_unpin(struct vmb_packet *packet)
{
	struct vmb_packet_external *external = &packet->external;
	struct sg_page_iter pages;

	for_each_sg_page(external->table, &pages, external->count, 0)
		put_page(sg_page_iter_page(&pages));
}

static inline void vmb_outbound_data_unmap(struct vmb_packet *packet)
{
	struct device *device = packet->channel->device->dma_device;
	struct vmb_packet_external *external = &packet->external;

	if (external->count == 1)
		dma_unmap_page(device, sg_dma_address(external->table),
			       sg_dma_len(external->table), external->direction);
	else
		dma_unmap_sg(device, external->table, external->count,
			     external->direction);
}

/*
 * The peer does not touch the memory any more. Or, if @leak, it may: then the
 * mapping stays, and pages that can be are kept from being freed for ever. Nothing is
 * logged here: the caller that leaks does that, for all packets in one line.
 */
void vmb_outbound_data_release(struct vmb_packet *packet, bool leak)
{
	struct vmb_packet_external *external = &packet->external;

	if (!external->count)
		return;
	if (unlikely(leak)) {
		if (!external->pinned)
			vmb_outbound_data_get_pages(packet);
		vmb_outbound_count_leak(packet->channel);
	} else {
		if (external->mapped)
			vmb_outbound_data_unmap(packet);
		if (unlikely(external->pinned))
			vmb_outbound_data_unpin(packet);
	}
	/* As a packet without external data has it. */
	external->pinned = false;
	external->count = 0;
	external->mapped = 0;
}
