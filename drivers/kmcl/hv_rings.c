// SPDX-License-Identifier: GPL-2.0
/*
 * Memory for rings on hv_vmbus: one contiguous block, which a machine that has
 * run for long may not have although most of its memory is free. So it is got
 * quietly, in smaller sizes if need be, and kept for as long as the device is
 * there.
 */
#include <linux/gfp.h>
#include <linux/mm.h>

#include "hv_transport.h"

/* Try to get the memory of both rings, without a splat in the log. */
static struct page *vmb_hv_rings_allocate(const struct vmb_hv_channel *hv,
					  unsigned int order)
{
	const gfp_t flags = GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN;
	struct page *pages;

	pages = alloc_pages_node(cpu_to_node(hv->channel->target_cpu), flags, order);
	return pages ? pages : alloc_pages(flags, order);
}

static u32 vmb_hv_rings_smaller(u32 size, u32 minimum)
{
	return max_t(u32, PAGE_ALIGN(size / 2), minimum);
}

static bool vmb_hv_rings_are_reduced(const struct vmb_hv_rings *rings)
{
	return rings->incoming_size < rings->incoming_wanted ||
	       rings->outgoing_size < rings->outgoing_wanted;
}

/* What the device has kept, if it is what is wanted, and large enough. */
static bool vmb_hv_rings_take_kept(struct vmb_hv_channel *hv, u32 minimum_size)
{
	struct vmb_hv_rings *kept = &hv->device->kept;

	if (!kept->pages)
		return false;
	if (kept->incoming_wanted != hv->rings.incoming_wanted ||
	    kept->outgoing_wanted != hv->rings.outgoing_wanted ||
	    min(kept->incoming_size, kept->outgoing_size) < minimum_size) {
		vmb_hv_rings_free(kept);
		return false;
	}
	hv->rings = *kept;
	kept->pages = NULL;
	return true;
}

/*
 * Get the rings that are wanted, or smaller ones: in halves, down to what one
 * packet needs. 0 or -ENOMEM.
 */
int vmb_hv_rings_get(struct vmb_hv_channel *hv, u32 minimum_size)
{
	struct vmb_hv_rings *rings = &hv->rings;

	if (vmb_hv_rings_take_kept(hv, minimum_size))
		return 0;
	rings->incoming_size = rings->incoming_wanted;
	rings->outgoing_size = rings->outgoing_wanted;
	for (;;) {
		rings->order = get_order(rings->incoming_size + rings->outgoing_size);
		rings->pages = vmb_hv_rings_allocate(hv, rings->order);
		if (rings->pages)
			break;
		if (rings->incoming_size == minimum_size &&
		    rings->outgoing_size == minimum_size)
			return -ENOMEM;
		rings->incoming_size = vmb_hv_rings_smaller(rings->incoming_size,
							    minimum_size);
		rings->outgoing_size = vmb_hv_rings_smaller(rings->outgoing_size,
							    minimum_size);
	}
	if (vmb_hv_rings_are_reduced(rings))
		dev_warn(&hv->device->hv->device,
			 "rings of %u KiB instead of %u KiB: memory is fragmented\n",
			 (rings->incoming_size + rings->outgoing_size) / 1024,
			 (rings->incoming_wanted + rings->outgoing_wanted) / 1024);
	return 0;
}

/* The channel is disabled: keep its rings, unless the host may have them. */
void vmb_hv_rings_put(struct vmb_hv_channel *hv)
{
	struct vmb_hv_rings *kept = &hv->device->kept;

	if (hv->leaked)
		return;
	vmb_hv_rings_free(kept);
	*kept = hv->rings;
}

void vmb_hv_rings_free(struct vmb_hv_rings *rings)
{
	if (rings->pages)
		__free_pages(rings->pages, rings->order);
	rings->pages = NULL;
}
