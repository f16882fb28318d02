// SPDX-License-Identifier: GPL-2.0
/*
 * External data of outgoing packets: from the client's memory to the range list
 * of a GPA-direct packet, through the DMA API where the transport has a device,
 * so that it bounces where it must.
 *
 * Hyper-V counts pages of 4 KiB, whatever the size of the kernel's. A piece that
 * ends and begins at the seam of two such pages continues a range.
 */
#include <linux/dma-mapping.h>
#include <linux/mm.h>

#include "channel.h"

/* An empty list, with the direction that the flags say. 0 or -EINVAL. */
static int vmb_outgoing_data_begin(struct vmb_packet *packet, u32 flags)
{
	const u32 both = VMB_CHANNEL_FORMAT_FLAG_DATA_IN_ONLY |
			 VMB_CHANNEL_FORMAT_FLAG_DATA_OUT_ONLY;
	struct vmb_packet_external *external = &packet->external;

	external->count = 0;
	external->mapped = 0;
	external->pinned = false;
	if ((flags & both) == both)
		return -EINVAL;
	if (flags & VMB_CHANNEL_FORMAT_FLAG_DATA_IN_ONLY)
		external->direction = DMA_FROM_DEVICE;
	else if (flags & VMB_CHANNEL_FORMAT_FLAG_DATA_OUT_ONLY)
		external->direction = DMA_TO_DEVICE;
	else
		external->direction = DMA_BIDIRECTIONAL;
	return 0;
}

static inline int vmb_outgoing_data_add(struct vmb_packet_external *external,
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

/**
 * struct vmb_range_builder - a range list that is being written
 * @position: where the next number goes.
 * @end: behind the last place.
 * @range: header of the range that goes on.
 * @next: address at which it would.
 * @count: ranges begun.
 */
struct vmb_range_builder {
	__le64 *position;
	__le64 *end;
	struct vmb_wire_gpa_range *range;
	u64 next;
	u32 count;
};

/* Add a piece of memory, as the peer sees it. 0 or -EMSGSIZE. */
static int vmb_range_builder_add(struct vmb_range_builder *builder, u64 address,
				 u32 length, u32 most_ranges)
{
	u64 frame = address >> VMB_WIRE_PAGE_SHIFT;
	u64 last = (address + length - 1) >> VMB_WIRE_PAGE_SHIFT;

	if (!builder->range || (builder->next | address) % VMB_WIRE_PAGE_SIZE) {
		if (builder->count++ == most_ranges || builder->position == builder->end)
			return -EMSGSIZE;
		builder->range = (void *)builder->position++;
		builder->range->byte_count = 0;
		builder->range->byte_offset =
			cpu_to_le32(address % VMB_WIRE_PAGE_SIZE);
	}
	if (last - frame >= builder->end - builder->position)
		return -EMSGSIZE;
	le32_add_cpu(&builder->range->byte_count, length);
	while (frame <= last)
		*builder->position++ = cpu_to_le64(frame++);
	builder->next = address + length;
	return 0;
}

/* Write the list of what is mapped, or of what is there. 0 or -EMSGSIZE. */
static int vmb_outgoing_data_list(struct vmb_packet *packet)
{
	const struct vmb_range_limits *limits = &packet->channel->external;
	struct vmb_packet_external *external = &packet->external;
	struct vmb_wire_gpa_direct *header = external->ranges;
	u32 maximum = vmb_ranges_maximum_length(limits);
	struct vmb_range_builder builder = {
		.position = (void *)(header + 1),
		.end = (void *)((u8 *)header + maximum),
	};
	struct scatterlist *entry;
	int ret, i;

	for_each_sg(external->table, entry, external->mapped ? : external->count, i) {
		if (external->mapped)
			ret = vmb_range_builder_add(&builder, sg_dma_address(entry),
						    sg_dma_len(entry), limits->chain);
		else
			ret = vmb_range_builder_add(&builder, sg_phys(entry),
						    entry->length, limits->chain);
		if (unlikely(ret))
			return ret;
	}
	header->reserved = 0;
	header->range_count = cpu_to_le32(builder.count);
	external->ranges_length = (u8 *)builder.position - (u8 *)header;
	return 0;
}

/* The memory is known: map it, and write the list. */
static int vmb_outgoing_data_map(struct vmb_packet *packet)
{
	struct vmb_packet_external *external = &packet->external;
	struct device *device = packet->channel->device->dma_device;
	int ret;

	sg_mark_end(&external->table[external->count - 1]);
	if (device) {
		external->mapped = dma_map_sg(device, external->table,
					      external->count, external->direction);
		if (!external->mapped) {
			external->count = 0;
			return -ENOMEM;
		}
	}
	ret = vmb_outgoing_data_list(packet);
	if (ret)
		vmb_outgoing_data_release(packet, false);
	return ret;
}

/* The part of a memory list from @offset on, @length bytes or all. */
static int vmb_outgoing_data_cut(struct vmb_packet *packet,
				 const struct bio_vec *vectors, u32 vector_count,
				 u32 offset, u32 length)
{
	u64 left = length ? length : U64_MAX;
	u64 total = 0;
	u32 i;
	int ret;

	for (i = 0; i < vector_count && left; i++) {
		const struct bio_vec *vector = &vectors[i];
		u32 piece, start;

		if (offset >= vector->bv_len) {
			offset -= vector->bv_len;
			continue;
		}
		piece = min_t(u64, vector->bv_len - offset, left);
		start = vector->bv_offset + offset;
		ret = vmb_outgoing_data_add(&packet->external,
					    vector->bv_page + (start >> PAGE_SHIFT),
					    piece, offset_in_page(start));
		if (unlikely(ret))
			return ret;
		offset = 0;
		left -= piece;
		total += piece;
	}
	if (unlikely(!total || (length && left)))
		return -EINVAL;
	return total > packet->channel->external.bytes ? -EMSGSIZE : 0;
}

/* The first vector, up to the end of its last page. 0 or -EINVAL. */
static int vmb_outgoing_data_force(const struct bio_vec *vector, u32 offset,
				   u32 length, struct bio_vec *forced)
{
	u64 room = PAGE_ALIGN((u64)vector->bv_offset + vector->bv_len) -
		   vector->bv_offset;

	if (!length || (u64)offset + length > room)
		return -EINVAL;
	*forced = *vector;
	forced->bv_len = offset + length;
	return 0;
}

/*
 * Describe memory for a packet that is about to be sent. 0; -EINVAL: the list is
 * empty or shorter than that; -EMSGSIZE: over the channel's limits; -ENOMEM: it
 * cannot be mapped. Any context but hard interrupt.
 */
int vmb_outgoing_data_from_vectors(struct vmb_packet *packet,
				   const struct bio_vec *vectors, u32 vector_count,
				   u32 offset, u32 length, u32 flags)
{
	struct bio_vec forced;
	int ret;

	ret = vmb_outgoing_data_begin(packet, flags);
	if (ret)
		return ret;
	if (!vectors || !vector_count)
		return -EINVAL;
	if (flags & VMB_CHANNEL_FORMAT_FLAG_FORCE_MDL_LENGTH) {
		ret = vmb_outgoing_data_force(vectors, offset, length, &forced);
		if (ret)
			return ret;
		vectors = &forced;
		vector_count = 1;
	}
	ret = vmb_outgoing_data_cut(packet, vectors, vector_count, offset, length);
	if (unlikely(ret)) {
		packet->external.count = 0;
		return ret;
	}
	return vmb_outgoing_data_map(packet);
}

/* The same for whole 4 KiB pages. */
int vmb_outgoing_data_from_pfns(struct vmb_packet *packet, const u64 *pfns,
				u32 pfn_count, u32 flags)
{
	const u32 shift = PAGE_SHIFT - VMB_WIRE_PAGE_SHIFT;
	u32 i;
	int ret;

	ret = vmb_outgoing_data_begin(packet, flags);
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
			ret = vmb_outgoing_data_add(&packet->external,
						    pfn_to_page(frame),
						    VMB_WIRE_PAGE_SIZE, offset);
		if (ret) {
			packet->external.count = 0;
			return ret;
		}
	}
	return vmb_outgoing_data_map(packet);
}

/* Pages whose life is counted: not a slab's, whose objects come and go. */
static bool vmb_outgoing_page_is_counted(struct page *page)
{
	return !PageSlab(page) && page_count(page) > 0;
}

/* Can the packet keep its external pages, whatever its client does? */
bool vmb_outgoing_data_can_be_pinned(const struct vmb_packet *packet)
{
	const struct vmb_packet_external *external = &packet->external;
	struct sg_page_iter pages;

	for_each_sg_page(external->table, &pages, external->count, 0)
		if (!vmb_outgoing_page_is_counted(sg_page_iter_page(&pages)))
			return false;
	return true;
}

/* Reference the pages, but for those that nobody can. */
static void vmb_outgoing_data_get_pages(struct vmb_packet *packet)
{
	struct vmb_packet_external *external = &packet->external;
	struct sg_page_iter pages;

	for_each_sg_page(external->table, &pages, external->count, 0)
		if (vmb_outgoing_page_is_counted(sg_page_iter_page(&pages)))
			get_page(sg_page_iter_page(&pages));
}

/*
 * The client does not keep the memory any more: do so until the release. All of
 * it or nothing, for by then what a page is may have changed, and nobody could
 * tell which were referenced. What cannot be pinned is given up only to a peer
 * that is gone, and does not touch it.
 */
void vmb_outgoing_data_pin(struct vmb_packet *packet)
{
	struct vmb_packet_external *external = &packet->external;

	if (!external->count || external->pinned ||
	    !vmb_outgoing_data_can_be_pinned(packet))
		return;
	external->pinned = true;
	vmb_outgoing_data_get_pages(packet);
}

static void vmb_outgoing_data_unpin(struct vmb_packet *packet)
{
	struct vmb_packet_external *external = &packet->external;
	struct sg_page_iter pages;

	for_each_sg_page(external->table, &pages, external->count, 0)
		put_page(sg_page_iter_page(&pages));
}

/*
 * The peer does not touch the memory any more. Or, if @leak, it may: then the
 * mapping stays, and pages that can be are kept from being freed for ever.
 */
void vmb_outgoing_data_release(struct vmb_packet *packet, bool leak)
{
	struct vmb_packet_external *external = &packet->external;

	if (!external->count)
		return;
	if (unlikely(leak)) {
		if (!external->pinned)
			vmb_outgoing_data_get_pages(packet);
		vmb_outbound_count_leak(packet->channel);
		dev_err(packet->channel->dev,
			"%s: the peer may still write to external data of a packet, its memory must never be freed\n",
			vmb_channel_label(packet->channel));
	} else {
		if (external->mapped)
			dma_unmap_sg(packet->channel->device->dma_device,
				     external->table, external->count,
				     external->direction);
		if (unlikely(external->pinned))
			vmb_outgoing_data_unpin(packet);
	}
	external->count = 0;
	external->mapped = 0;
}
