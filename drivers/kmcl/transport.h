/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the channel layer wants of a transport, and what it offers to one.
 *
 * A transport says how a ring is got, signalled and lost. It brings devices,
 * and for each channel on them it carries out these operations.
 */
#ifndef VMB_TRANSPORT_H
#define VMB_TRANSPORT_H

#include <linux/list.h>
#include <linux/module.h>
#include <vmbkmcl.h>

#include "ring.h"
#include "shared_memory.h"

/**
 * struct vmb_channel_transport_operations - one channel, seen from above
 * @prepare: get everything that open needs, so that open cannot fail for
 *	memory. Sizes are bytes with control page, multiples of PAGE_SIZE; the
 *	transport may give less, down to @minimum_size each, and says what it
 *	gave. Process context.
 * @unprepare: undo prepare; never fails. Process context.
 * @find_peer: the channel is enabled, or its peer has gone: look for the peer's
 *	offer, or make one. True: open may be called. False: it will be told by
 *	vmb_channel_peer_arrived(). Undone by unprepare. NULL: a peer is always
 *	there. Process context.
 * @open: open the channel, and call vmb_channel_attach_rings() before the peer
 *	can be heard; in an isolated VM vmb_channel_settle_peer_memory(), too. Rings
 *	that the peer keeps though this fails are counted by vmb_channel_leaked().
 *	-EAGAIN: the peer went again, find_peer is to be called anew. Process
 *	context; may wait for the peer.
 * @opened: what the client's opened callback said, 0 or an errno (then close
 *	follows). NULL: the peer does not want to know. Process context.
 * @close: close it; when it returns, vmb_channel_interrupt() neither runs nor
 *	will, and the peer touches neither the rings nor external data of what it
 *	was sent. May wait for the peer. -EBUSY: a sub-channel, which the peer
 *	closes with its primary: it may still touch external data, and the rings
 *	are the transport's until then; called again when the primary is closed.
 *	Any other errno: it may still touch both. Process context.
 * @signal: ring the peer's bell. Any context.
 * @schedule: have vmb_channel_interrupt() called soon, in another context. Any context.
 * @scheduled: vmb_channel_interrupt() is about to be called, or runs: the peer has
 *	signalled, or schedule was called, since it last began. Any context.
 * @peer_gone: the peer took back its offer, and touches neither the rings nor
 *	external data any more. Any context.
 * @create_gpadl: share @byte_count bytes at @buffer, both whole pages, with the
 *	peer, who has confirmed it when this returns. Process context.
 * @delete_gpadl: undo it; may wait for the peer. Non-zero: the memory may still
 *	be written to and must never be freed. Process context.
 * @map_gpadl: the memory that the peer calls @gpadl_handle, as an array that is
 *	valid until unmap_gpadl. NULL: only the peer can be the server.
 *	Process context.
 * @unmap_gpadl: undo it. Process context.
 * @mmio_space: physical address and bytes of the memory that comes with the device,
 *	for a primary channel that is being opened, open or being closed. NULL, or
 *	-ENOENT: there is none. Process context.
 * @sub_channels_stay_open: the peer closes a sub-channel with its primary only.
 * @finds_own_offers: find_peer looks for the offers of channels that are on another
 *	than their device, too.
 */
struct vmb_channel_transport_operations {
	int (*prepare)(struct vmb_channel *channel, u32 *inbound_size,
		       u32 *outbound_size, u32 minimum_size);
	void (*unprepare)(struct vmb_channel *channel);
	bool (*find_peer)(struct vmb_channel *channel);
	int (*open)(struct vmb_channel *channel);
	void (*opened)(struct vmb_channel *channel, int error);
	int (*close)(struct vmb_channel *channel);
	void (*signal)(struct vmb_channel *channel);
	void (*schedule)(struct vmb_channel *channel);
	bool (*scheduled)(struct vmb_channel *channel);
	bool (*peer_gone)(struct vmb_channel *channel);
	int (*create_gpadl)(struct vmb_channel *channel, void *buffer,
			    u32 byte_count, u32 *gpadl_handle, void **private);
	int (*delete_gpadl)(struct vmb_channel *channel, void *private);
	int (*map_gpadl)(struct vmb_channel *channel, u32 flags, u32 gpadl_handle,
			 const struct bio_vec **vectors, u32 *vector_count);
	void (*unmap_gpadl)(struct vmb_channel *channel, u32 gpadl_handle);
	int (*mmio_space)(struct vmb_channel *channel, u64 *address, u64 *size);
	bool sub_channels_stay_open;
	bool finds_own_offers;
};

/**
 * struct vmb_transport_device - the library's half of a device
 * @device: the client's half.
 * @operations: of the channels on it.
 * @isolated: the peer is the adversary (a confidential VM): raw guest memory is
 *	never touched. What its channels share is as
 *	vmb_channel_settle_peer_memory() says.
 * @local: the peer is a channel of this kernel: page frames that its packets
 *	name are memory that it keeps until they are completed.
 * @dma_device: external data of outbound packets is mapped for it; NULL: the
 *	peer takes physical addresses as they are.
 * @dma_most: bytes that one mapping for it can have; whole pages, or U32_MAX.
 * @lock: protects @channels, and makes a sub-channel and its primary take turns.
 * @channels: the channels allocated on it, by &vmb_channel.device_node.
 * @channel_count: how many they are.
 * @channel_number: of the last that was not the only one.
 * @offers_kept: sub-channels that the peer offers and nobody wants yet; it and the next
 *	are the transport's, to be shown.
 * @offers_dropped: that were not kept, and are as if they had not been offered.
 * @sub_channels_left: that are disabled, and have their rings until their primary is
 *	closed, likewise.
 * @removing: set before the client's remove is called; waiting for the client
 *	is bounded from then on.
 * @suspended: the VM hibernates: what is enabled meanwhile opens when it has resumed.
 * @shutting_down: the VM shuts down, or the device stays without a driver: no channel is
 *	enabled any more.
 *
 * Embedded in the transport's own struct; made by vmb_transport_device_init(),
 * and gone after vmb_transport_device_release(), unless that says otherwise.
 */
struct vmb_transport_device {
	struct vmb_device device;
	const struct vmb_channel_transport_operations *operations;
	bool isolated;
	bool local;
	struct device *dma_device;
	u32 dma_most;
	spinlock_t lock;
	struct list_head channels;
	u32 channel_count;
	u32 channel_number;
	u32 offers_kept;
	u64 offers_dropped;
	u32 sub_channels_left;
	bool removing;
	bool suspended;
	bool shutting_down;
};

/**
 * struct vmb_transport - a kind of bus
 * @name: for the log.
 * @owner: the module; pinned by every driver registered with it.
 * @driver_register: make @driver known to the bus; what it returns through
 *	@private comes back to driver_unregister. Process context.
 * @driver_unregister: undo it; all its devices are removed when it returns.
 * @local_device: where channels are that were allocated without a device, and
 *	servers. NULL: there are none on this transport. One transport has it.
 * @server_operations: of the servers there.
 * @node: the registry's.
 */
struct vmb_transport {
	const char *name;
	struct module *owner;
	int (*driver_register)(struct vmb_driver *driver, void **private);
	void (*driver_unregister)(struct vmb_driver *driver, void *private);
	struct vmb_transport_device *local_device;
	const struct vmb_channel_transport_operations *server_operations;
	struct list_head node;
};

int vmb_transport_register(struct vmb_transport *transport);
void vmb_transport_unregister(struct vmb_transport *transport);
const struct vmb_transport *vmb_transport_local(void);

void vmb_transport_device_init(struct vmb_transport_device *device,
			       struct device *dev,
			       const guid_t *interface_type,
			       const guid_t *interface_instance,
			       const struct vmb_channel_transport_operations *operations);
void vmb_transport_device_set_dma_device(struct vmb_transport_device *device,
					 struct device *dma_device);
void vmb_transport_device_peer_gone(struct vmb_transport_device *device);
void vmb_transport_device_removing(struct vmb_transport_device *device);
int vmb_transport_device_pm_close(struct vmb_transport_device *device);
void vmb_transport_device_shutdown(struct vmb_transport_device *device);
void vmb_transport_device_pm_resume(struct vmb_transport_device *device);
bool vmb_transport_device_release(struct vmb_transport_device *device);

static inline struct vmb_transport_device *
to_vmb_transport_device(struct vmb_device *device)
{
	return container_of(device, struct vmb_transport_device, device);
}

struct vmb_transport_device *
vmb_channel_transport_device(const struct vmb_channel *channel);
bool vmb_channel_is_server(const struct vmb_channel *channel);
struct vmb_channel *vmb_channel_primary(const struct vmb_channel *channel);
u16 vmb_channel_sub_channel_index(const struct vmb_channel *channel);
bool vmb_channel_primary_is_closing(const struct vmb_channel *channel);
void vmb_channel_limit_packets(struct vmb_channel *channel,
			       const struct vmb_channel *peer);
const guid_t *vmb_channel_target_type(const struct vmb_channel *channel);
const guid_t *vmb_channel_target_instance(const struct vmb_channel *channel);
bool vmb_channel_is_for_another(const struct vmb_channel *channel);
bool vmb_channel_has_own_offer(const struct vmb_channel *channel);
bool vmb_channel_wants(const struct vmb_channel *channel,
		       const guid_t *interface_type,
		       const guid_t *interface_instance);
void vmb_channel_set_interface(struct vmb_channel *channel,
			       const guid_t *interface_type,
			       const guid_t *interface_instance);
void vmb_channel_set_transport_private(struct vmb_channel *channel, void *private);
void *vmb_channel_transport_private(const struct vmb_channel *channel);
int vmb_channel_settle_peer_memory(struct vmb_channel *channel,
				   enum vmb_peer_memory memory);
int vmb_channel_attach_rings(struct vmb_channel *channel,
			     const struct vmb_ring *inbound,
			     const struct vmb_ring *outbound);
int vmb_channel_resume_rings(struct vmb_channel *channel,
			     const struct vmb_ring *inbound,
			     const struct vmb_ring *outbound,
			     const struct vmb_ring_positions *at);
void vmb_channel_ring_positions(const struct vmb_channel *channel,
				struct vmb_ring_positions *at);
bool vmb_channel_is_handed_over(const struct vmb_channel *channel);
void vmb_channel_leaked(struct vmb_channel *channel, u32 pieces, u32 times);
void vmb_channel_interrupt(struct vmb_channel *channel);
void vmb_channel_peer_arrived(struct vmb_channel *channel);
void vmb_channel_peer_gone(struct vmb_channel *channel);
bool vmb_channel_offer_removing(struct vmb_channel *channel);

#endif
