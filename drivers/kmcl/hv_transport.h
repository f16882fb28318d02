/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hv transport, as its own files see it.
 */
#ifndef VMB_HV_TRANSPORT_H
#define VMB_HV_TRANSPORT_H

#include <linux/hyperv.h>

#include "transport.h"

/**
 * struct vmb_hv_device - a device on hv_vmbus
 * @transport: the library's half.
 * @hv: hv_vmbus's half.
 *
 * Allocated by probe, freed by remove.
 */
struct vmb_hv_device {
	struct vmb_transport_device transport;
	struct hv_device *hv;
};

/**
 * struct vmb_hv_channel - a channel on hv_vmbus, while it is enabled
 * @channel: hv_vmbus's channel.
 * @pages: memory of both rings, the outgoing one first, physically contiguous
 *	since hv_vmbus wants it so. Ours; lent to hv_vmbus while open.
 * @order: of @pages.
 * @incoming_size: bytes, with control page.
 * @outgoing_size: likewise.
 * @leaked: the host may still reach @pages, so they are never freed.
 *
 * Made by prepare, freed by unprepare. Nothing in it changes while open.
 */
struct vmb_hv_channel {
	struct vmbus_channel *channel;
	struct page *pages;
	unsigned int order;
	u32 incoming_size;
	u32 outgoing_size;
	bool leaked;
};

extern const struct vmb_channel_transport_operations vmb_hv_channel_operations;

#endif
