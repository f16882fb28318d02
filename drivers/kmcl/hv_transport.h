/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hv transport, as its own files see it.
 */
#ifndef VMB_HV_TRANSPORT_H
#define VMB_HV_TRANSPORT_H

#include <linux/hyperv.h>

#include "transport.h"

/**
 * struct vmb_hv_rings - memory of both rings of a channel
 * @pages: the outgoing ring, then the incoming one, physically contiguous since
 *	hv_vmbus wants it so. NULL: none.
 * @order: of @pages.
 * @incoming_size: bytes, with control page.
 * @outgoing_size: likewise.
 * @incoming_wanted: bytes that were asked for: memory may have allowed fewer.
 * @outgoing_wanted: likewise.
 */
struct vmb_hv_rings {
	struct page *pages;
	unsigned int order;
	u32 incoming_size;
	u32 outgoing_size;
	u32 incoming_wanted;
	u32 outgoing_wanted;
};

/**
 * struct vmb_hv_device - a device on hv_vmbus
 * @transport: the library's half.
 * @hv: hv_vmbus's half.
 * @kept: rings of a channel that was disabled: so large a block may not be found
 *	again when it is enabled anew.
 *
 * Allocated by probe, freed by remove.
 */
struct vmb_hv_device {
	struct vmb_transport_device transport;
	struct hv_device *hv;
	struct vmb_hv_rings kept;
};

/**
 * struct vmb_hv_channel - a channel on hv_vmbus, while it is enabled
 * @channel: hv_vmbus's channel.
 * @device: the device.
 * @rings: memory of both rings. Ours; lent to hv_vmbus while open.
 * @leaked: the host may still reach @rings, so they are never freed.
 *
 * Made by prepare, freed by unprepare. Nothing in it changes while open.
 */
struct vmb_hv_channel {
	struct vmbus_channel *channel;
	struct vmb_hv_device *device;
	struct vmb_hv_rings rings;
	bool leaked;
};

extern const struct vmb_channel_transport_operations vmb_hv_channel_operations;

/* hv_rings.c */
int vmb_hv_rings_get(struct vmb_hv_channel *hv, u32 minimum_size);
void vmb_hv_rings_put(struct vmb_hv_channel *hv);
void vmb_hv_rings_free(struct vmb_hv_rings *rings);

#endif
