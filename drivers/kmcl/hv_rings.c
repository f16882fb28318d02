// SPDX-License-Identifier: GPL-2.0
/*
 * Memory for rings on hv_vmbus: one contiguous block, which a VM that has
 * run for long may not have although most of its memory is free. So it is got
 * quietly, in smaller sizes if need be, and kept for as long as the device is
 * there.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "hv_transport.h"

/* Try to get the memory of both rings, without a splat in the log. */
static struct page *vmb_hv_rings_allocate(const struct vmb_hv_device *device,
					  unsigned int order)
{
	const gfp_t flags = GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN;
	struct page *pages;

	pages = alloc_pages_node(cpu_to_node(device->hv->channel->target_cpu),
				 flags, order);
	return pages ? pages : alloc_pages(flags, order);
}

static u32 vmb_hv_rings_smaller(u32 size, u32 minimum)
{
	return max_t(u32, PAGE_ALIGN(size / 2), minimum);
}

static bool vmb_hv_rings_are_reduced(const struct vmb_hv_rings *rings)
{
	return rings->inbound_size < rings->inbound_wanted ||
	       rings->outbound_size < rings->outbound_wanted;
}

static void vmb_hv_rings_free(struct vmb_hv_rings *rings)
{
	__free_pages(rings->pages, rings->order);
	kfree(rings);
}

/*
 * What the device has kept, if it is what is wanted, and large enough. If it is
 * not, some of it is given back: sizes were changed.
 */
static struct vmb_hv_rings *vmb_hv_rings_take_kept(struct vmb_hv_device *device,
						   u32 inbound_size,
						   u32 outbound_size,
						   u32 minimum_size)
{
	struct vmb_hv_rings *rings, *found = NULL, *unfit = NULL;

	mutex_lock(&device->kept_lock);
	list_for_each_entry(rings, &device->kept, node) {
		if (rings->inbound_wanted == inbound_size &&
		    rings->outbound_wanted == outbound_size &&
		    min(rings->inbound_size, rings->outbound_size) >= minimum_size) {
			found = rings;
			break;
		}
		unfit = rings;
	}
	if (!found && unfit)
		list_del(&unfit->node);
	if (found)
		list_del(&found->node);
	mutex_unlock(&device->kept_lock);
	if (!found && unfit)
		vmb_hv_rings_free(unfit);
	return found;
}

static struct vmb_hv_rings *vmb_hv_rings_make(struct vmb_hv_device *device,
					      u32 inbound_size, u32 outbound_size,
					      u32 minimum_size)
{
	struct vmb_hv_rings *rings;

	rings = kzalloc(sizeof(*rings), GFP_KERNEL);
	if (!rings)
		return NULL;
	rings->inbound_size = inbound_size;
	rings->outbound_size = outbound_size;
	rings->inbound_wanted = inbound_size;
	rings->outbound_wanted = outbound_size;
	for (;;) {
		rings->order = get_order(rings->inbound_size + rings->outbound_size);
		rings->pages = vmb_hv_rings_allocate(device, rings->order);
		if (rings->pages)
			return rings;
		if (rings->inbound_size == minimum_size &&
		    rings->outbound_size == minimum_size)
			break;
		rings->inbound_size = vmb_hv_rings_smaller(rings->inbound_size,
							   minimum_size);
		rings->outbound_size = vmb_hv_rings_smaller(rings->outbound_size,
							    minimum_size);
	}
	kfree(rings);
	return NULL;
}

/*
 * Get the rings that are wanted, or smaller ones: in halves, down to what one
 * packet needs. 0 or -ENOMEM.
 */
int vmb_hv_rings_get(struct vmb_hv_channel *hv, u32 inbound_size,
		     u32 outbound_size, u32 minimum_size)
{
	struct vmb_hv_device *device = hv->device;
	struct vmb_hv_rings *rings;

	rings = vmb_hv_rings_take_kept(device, inbound_size, outbound_size,
				       minimum_size);
	if (!rings) {
		rings = vmb_hv_rings_make(device, inbound_size, outbound_size,
					  minimum_size);
		if (!rings)
			return -ENOMEM;
		if (vmb_hv_rings_are_reduced(rings))
			dev_warn_ratelimited(&device->hv->device,
					     "rings of %u KiB instead of %u KiB: memory is fragmented\n",
					     (rings->inbound_size + rings->outbound_size) / 1024,
					     (inbound_size + outbound_size) / 1024);
	}
	hv->rings = rings;
	return 0;
}

/* The pages stay for good; nobody needs to know where. */
static void vmb_hv_rings_leak(struct vmb_hv_channel *hv, struct vmb_hv_rings *rings)
{
	dev_err_ratelimited(&hv->device->hv->device,
			    "rings of %u KiB stay with the host, and are leaked\n",
			    (rings->inbound_size + rings->outbound_size) / 1024);
	kfree(rings);
}

/*
 * The channel is to be opened again without having been disabled. What the host may
 * still reach stays where it is, for good, and other rings are got. 0 or -ENOMEM.
 */
int vmb_hv_rings_renew(struct vmb_hv_channel *hv)
{
	struct vmb_hv_rings *rings = hv->rings;
	int ret;

	if (!hv->leaked)
		return 0;
	ret = vmb_hv_rings_get(hv, rings->inbound_wanted, rings->outbound_wanted,
			       min(rings->inbound_size, rings->outbound_size));
	if (ret)
		return ret;
	hv->leaked = false;
	hv->counted = false;
	vmb_hv_rings_leak(hv, rings);
	return 0;
}

/*
 * They are about to be hv_vmbus's, which decrypts them if the channel is not
 * @confidential: how much of what is in them the host would see is not said anywhere.
 * They may have been open before: control pages begin empty in any case.
 */
void vmb_hv_rings_lend(struct vmb_hv_rings *rings, bool confidential)
{
	u8 *memory = page_address(rings->pages);

	if (rings->secret && !confidential) {
		memset(memory, 0, rings->outbound_size + rings->inbound_size);
	} else {
		memset(memory, 0, PAGE_SIZE);
		memset(memory + rings->outbound_size, 0, PAGE_SIZE);
	}
	rings->secret = confidential;
}

/* The channel is disabled: keep its rings, unless the host may have them. */
void vmb_hv_rings_put(struct vmb_hv_channel *hv)
{
	struct vmb_hv_device *device = hv->device;

	if (hv->leaked) {
		vmb_hv_rings_leak(hv, hv->rings);
		return;
	}
	mutex_lock(&device->kept_lock);
	list_add(&hv->rings->node, &device->kept);
	mutex_unlock(&device->kept_lock);
}

/* The device goes; no channel is enabled on it. */
void vmb_hv_rings_free_kept(struct vmb_hv_device *device)
{
	struct vmb_hv_rings *rings, *next;

	list_for_each_entry_safe(rings, next, &device->kept, node)
		vmb_hv_rings_free(rings);
}
