/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hv transport, as its own files see it.
 */
#ifndef VMB_HV_TRANSPORT_H
#define VMB_HV_TRANSPORT_H

#include <linux/completion.h>
#include <linux/hyperv.h>
#include <linux/ioport.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/workqueue.h>

#include "transport.h"

/**
 * struct vmb_hv_confidential - what of a channel's memory the host cannot read
 * @ring: the rings: hv_vmbus does not decrypt them.
 * @external: GPADLs and external data: neither does it decrypt those.
 *
 * Of a channel that the paravisor of an isolated VM offers; each offer says it anew.
 */
struct vmb_hv_confidential {
	bool ring;
	bool external;
};

/**
 * struct vmb_hv_rings - memory of both rings of a channel
 * @node: in &vmb_hv_device.kept, while no channel has it.
 * @pages: the outbound ring, then the inbound one, physically contiguous since
 *	hv_vmbus wants it so.
 * @order: of @pages.
 * @inbound_size: bytes of the inbound ring, with control page.
 * @outbound_size: bytes of the outbound ring, with control page.
 * @inbound_wanted: bytes that were asked for: memory may have allowed fewer.
 * @outbound_wanted: bytes that were asked for of the outbound ring.
 * @secret: they have been a confidential channel's, and nobody has erased them.
 *
 * Allocated when a channel is enabled; freed with the device, or never if the
 * host may still reach it.
 */
struct vmb_hv_rings {
	struct list_head node;
	struct page *pages;
	unsigned int order;
	u32 inbound_size;
	u32 outbound_size;
	u32 inbound_wanted;
	u32 outbound_wanted;
	bool secret;
};

/**
 * struct vmb_hv_device - a device on hv_vmbus
 * @transport: the library's half.
 * @hv: hv_vmbus's half.
 * @gpadl_lock: &vmb_hv_channel.gpadl_lock of all that are on the device's offer: a
 *	primary's close waits on its sub-channels, too.
 * @kept_lock: protects @kept. Innermost.
 * @kept: rings of channels that were disabled: so large blocks may not be found
 *	again when they are enabled anew.
 * @mmio_lock: protects @mmio.
 * @mmio: memory that the offer reserves; NULL: nobody has asked for it, or there is
 *	none. hv_vmbus's, until the device is freed.
 * @node: in the list of all devices; it and what follows are hv_sub_channel.c's,
 *	under its lock.
 * @sub_channels: those that are enabled, or were and are still open to the host.
 * @enabled: how many of them are.
 * @most_enabled: and were at once, at most.
 * @offers: of the host, which no sub-channel has taken.
 * @poll: looks for offers that the host has taken back.
 * @pm_calls: calls of hv_vmbus's that suspend or resume it; under hv_pm.c's lock.
 *
 * Allocated by probe, freed by remove, unless vmb_transport_device_release() says that it
 * has to stay.
 */
struct vmb_hv_device {
	struct vmb_transport_device transport;
	struct hv_device *hv;
	struct mutex gpadl_lock; /* waiting for the host on its offer */
	struct mutex kept_lock; /* kept */
	struct list_head kept;
	struct mutex mmio_lock; /* mmio */
	struct resource *mmio;
	struct list_head node;
	struct list_head sub_channels;
	u32 enabled;
	u32 most_enabled;
	struct list_head offers;
	struct delayed_work poll;
	u32 pm_calls;
};

/**
 * struct vmb_hv_channel - a channel on hv_vmbus, while it is enabled
 * @channel: hv_vmbus's channel. Of a sub-channel: with a reference. Of that, and of
 *	one that has a @target, NULL while there is no offer.
 * @device: the device.
 * @rings: memory of both rings. Ours; hv_vmbus has them while open.
 * @gpadl_lock: one of ours at a time waits for the host about a GPADL, or for a close:
 *	hv_vmbus wakes one of those who wait on a channel that is rescinded. Outermost but
 *	for memory.mutex. The device's, or @target's: who waits on an offer of its own is
 *	woken when that is taken back, which may be handled after the device's.
 * @leaked: the host may still reach @rings, so they are never freed.
 * @counted: and that was counted.
 * @target: what it is on, if it has an offer of its own; else NULL.
 * @rcu: frees it when no reader asks any more whether the peer is gone.
 * @references: prepare's, and one of each call that waits for @open_done.
 * @node: in &vmb_hv_device.sub_channels; it and what follows are a sub-channel's.
 * @owner: our channel; NULL: unprepare was called.
 * @index: which sub-channel.
 * @open_to_host: it was opened, and hv_vmbus has not closed it yet.
 * @used: it was opened, or its primary was closed: the offer is for nobody else.
 * @waiting: for an offer; only then it is given one.
 * @opening: hv_vmbus opens it.
 * @holds_rescind: it takes this offer back when that is over.
 * @open_done: the open was tried, or will not be.
 *
 * Made by prepare, freed by unprepare; that of a sub-channel which is open to the
 * host not before its primary is closed. What is not said to be a sub-channel's
 * is the channel's worker's.
 */
struct vmb_hv_channel {
	struct vmbus_channel *channel;
	struct vmb_hv_device *device;
	struct vmb_hv_rings *rings;
	struct mutex *gpadl_lock; /* waiting for the host on its offer */
	bool leaked;
	bool counted;
	struct vmb_hv_target *target;
	struct rcu_head rcu;
	refcount_t references;
	struct list_head node;
	struct vmb_channel *owner;
	u16 index;
	bool open_to_host;
	bool used;
	bool waiting;
	bool opening;
	bool holds_rescind;
	struct completion open_done;
};

struct vmb_hv_target;

extern const struct vmb_channel_transport_operations vmb_hv_channel_operations;

/* hv_vmbus.c */
struct vmb_hv_confidential vmb_hv_confidential_of(const struct vmbus_channel *channel);
int vmb_hv_settle_memory(struct vmb_channel *channel, struct vmb_hv_confidential offer,
			 struct vmb_hv_confidential device);
void vmb_hv_forget_last_driver(struct vmbus_channel *channel);
void vmb_hv_silence(struct vmbus_channel *channel);
bool vmb_hv_gpadl_is_alive(const struct vmbus_channel *channel,
			   const struct vmbus_gpadl *gpadl);
bool vmb_hv_offer_is_gone(const struct vmb_channel *channel);

/* hv_mmio.c */
int vmb_hv_mmio_get(struct vmb_hv_device *device, u64 *address, u64 *size);
void vmb_hv_mmio_free(struct vmb_hv_device *device);

/* hv_rings.c */
int vmb_hv_rings_get(struct vmb_hv_channel *hv, u32 inbound_size,
		     u32 outbound_size, u32 minimum_size);
int vmb_hv_rings_renew(struct vmb_hv_channel *hv);
void vmb_hv_rings_lend(struct vmb_hv_rings *rings, bool confidential);
void vmb_hv_rings_put(struct vmb_hv_channel *hv);
void vmb_hv_rings_free_kept(struct vmb_hv_device *device);

/* hv_sub_channel.c */
void vmb_hv_sub_exit(void);
void vmb_hv_sub_device_add(struct vmb_hv_device *device);
void vmb_hv_sub_device_hide(struct vmb_hv_device *device);
void vmb_hv_sub_device_remove(struct vmb_hv_device *device);
int vmb_hv_sub_prepare(struct vmb_hv_channel *hv, struct vmb_channel *channel);
void vmb_hv_sub_unprepare(struct vmb_hv_channel *hv);
bool vmb_hv_sub_find_offer(struct vmb_hv_channel *hv);
bool vmb_hv_sub_begin_open(struct vmb_hv_channel *hv);
void vmb_hv_sub_end_open(struct vmb_hv_channel *hv, bool opened);
int vmb_hv_sub_close(struct vmb_hv_channel *hv);
void vmb_hv_sub_allow(struct vmb_hv_device *device);
void vmb_hv_sub_begin_close_all(struct vmb_hv_device *device);
u32 vmb_hv_sub_end_close_all(struct vmb_hv_device *device);
int vmb_hv_sub_wait_until_gone(struct vmb_hv_device *device);
void vmb_hv_sub_invalidate_offers(struct vmb_hv_device *device);

/* hv_target.c */
extern struct hv_driver vmb_hv_target_driver;
int vmb_hv_target_begin(void);
void vmb_hv_target_end(void);
int vmb_hv_target_init(void);
void vmb_hv_target_exit(void);
int vmb_hv_target_prepare(struct vmb_hv_channel *hv, struct vmb_channel *channel);
void vmb_hv_target_unprepare(struct vmb_hv_channel *hv);
bool vmb_hv_target_find_offer(struct vmb_hv_channel *hv);

/* hv_pm.c */
void vmb_hv_pm_wait_until_over(struct vmb_hv_device *device);
int vmb_hv_suspend(struct hv_device *hv);
int vmb_hv_resume(struct hv_device *hv);
void vmb_hv_shutdown(struct hv_device *hv);

#endif
