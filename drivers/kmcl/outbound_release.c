// SPDX-License-Identifier: GPL-2.0
/*
 * External data of outbound packets: how long the memory stays what it is, and how it
 * is let go of, or leaked.
 */
#include <linux/dma-mapping.h>
#include <linux/mm.h>

#include "outbound.h"

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
		vmb_channel_leaked(packet->channel, 1, 0);
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
