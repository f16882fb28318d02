/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Channels: their objects and their life; configure.h has their settings. Part of
 * vmbkmcl.h, which is what a client includes.
 */
#ifndef VMBKMCL_CHANNEL_H
#define VMBKMCL_CHANNEL_H

/**
 * vmb_channel_allocate() - make a channel object
 * @device: the device it is on; must outlive the channel's cleanup. NULL: the
 *	loopback, where a client waits for an offer of its target, see
 *	vmb_client_channel_init_set_target_pnp(). A server is always there.
 * @is_server: which end of the channel: the one that offers it.
 * @channel: where to put it.
 *
 * The channel is disabled, with default settings: packets of up to 4,096 bytes,
 * no external data, no callbacks. It belongs to the caller, who gives it back
 * with vmb_channel_cleanup(). Its counters appear in the device's directory in
 * sysfs, in "vmbkmcl"; of further channels of the device in "vmbkmcl.1" and so
 * on. Of the channels on a device that a transport found one can be enabled, and
 * its sub-channels, see vmb_channel_init_set_primary_channel().
 *
 * Context: process context.
 * Return: 0; -ENODEV: the device is being removed; -ENOSPC: it has 65,536 channels,
 * or loopback has, if @device is NULL or @is_server; -ENOMEM.
 *
 * VmbChannelAllocate.
 */
int vmb_channel_allocate(struct vmb_device *device, bool is_server,
			 struct vmb_channel **channel);

/**
 * vmb_channel_cleanup() - give a channel object back
 * @channel: a disabled channel; invalid afterwards.
 *
 * An enabled one is disabled first, with a warning, since the client's
 * callbacks may be gone by now. If the client still holds packets (which
 * disable waits for, except when the device is being removed), their memory
 * stays until they are completed. All packets from vmb_packet_allocate() must
 * have been freed: if not, there is a warning, and the channel's memory stays
 * for good. Sub-channels are to be cleaned up before their primary.
 *
 * Its counters can be read in sysfs and debugfs from allocate until here, after
 * disable too. The tracepoint vmb_cleanup has the last of them.
 *
 * Context: process context.
 *
 * VmbChannelCleanup.
 */
void vmb_channel_cleanup(struct vmb_channel *channel);

/**
 * vmb_channel_enable() - bring the channel to life
 * @channel: a disabled channel, configured.
 *
 * Allocates all that the channel will need, but for packets that nobody has said the
 * client will hold, see vmb_channel_init_set_inbound_packet_count(), and, for a client that
 * has not said it and has no packet of its own yet, room for completions that are longer
 * than the maximum packet size; and returns. A
 * worker waits for the peer, opens the channel and calls opened, started and
 * post_started. A server does not start by itself, see vmb_channel_start(). If the
 * open fails, or the peer goes before it, neither opened nor closed is called, but a
 * client's &vmb_channel_pnp_failure_fn, if it has set one. A client is disabled again
 * then, as it is after the peer has gone: it may be enabled anew. A server waits
 * for the next open. A sub-channel can be enabled while its primary is open. Calls of
 * enable, disable and the setters must not overlap each other.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled, the client still holds packets from before, or a
 * sub-channel whose primary is being saved, or stands still since; -EINVAL: no
 * process-packet callback, nothing to offer or to wait for, or other settings than those
 * of what was restored; -EMSGSIZE: the largest packet does not fit the rings, or what was
 * set for refused packets is larger than it; -ENODEV: the device is not the target, or is
 * gone, or stays without a driver, or the VM shuts down; -ENOTCONN: a sub-channel whose
 * primary is not open; -EEXIST: another channel of the device, or another sub-channel of
 * the same index, is enabled, or another server offers the same; -ESTALE: the session of
 * what was restored is over, or has gone on; -EOPNOTSUPP: a server channel without
 * VMB_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER; -EPERM: an offer which says that the host
 * may see the rings, but not what packets in them point to; -ENOSPC: a sub-channel, on a
 * device on which too many that were disabled wait for their primary to close, see
 * vmb_channel_init_set_primary_channel(); -ENOMEM.
 *
 * VmbChannelEnable.
 */
int __must_check vmb_channel_enable(struct vmb_channel *channel);

/**
 * vmb_channel_disable() - end the channel's life
 * @channel: the channel; if disabled, nothing happens.
 *
 * Returns when suspend was called, the client has completed every packet, every
 * packet of its own has ended, the channel is closed and closed has returned: no
 * callback runs after it. It waits for the client without limit, with a line in
 * the log every 10 seconds; only when the device is being removed for no more
 * than 30 seconds, since all rescinds of the VM wait behind that. It waits
 * for a peer that does not answer without limit too, unless that takes back its
 * offer.
 *
 * On loopback it waits for the drivers of the offer's clients, too: one of them
 * must not disable this channel when it is removed.
 *
 * The client's own packets end with -ENODEV at once; those with external data
 * when the peer can no longer write to it. The peer of a sub-channel can, as long
 * as the primary channel is open: the peer then has 10 seconds to complete them,
 * after which they end with -EIO.
 *
 * Sub-channels of the channel are disabled with it.
 *
 * Context: process context.
 * Return: 0, also of a channel that is disabled; -EDEADLK: called from within a callback
 * of the channel, which would wait for itself, or of a sub-channel or the primary of it, or
 * of another sub-channel of that. Channels that are not related must not do this to each
 * other, which nobody notices.
 *
 * VmbChannelDisable.
 */
int vmb_channel_disable(struct vmb_channel *channel);

/**
 * vmb_channel_start() - let packets flow
 * @channel: an enabled channel.
 *
 * A server has to be started after each enable, and any channel after a pause. Does
 * not wait: as soon as the channel is open, started and post_started are called. If
 * packets flow already, nothing happens.
 *
 * Context: process context.
 * Return: 0; -EINVAL: disabled, or a sub-channel, which starts with its primary;
 * -EBUSY: pause has not returned yet; -EDEADLK: called from within a callback of
 * the channel, or of a sub-channel of it.
 *
 * VmbChannelStart.
 */
int vmb_channel_start(struct vmb_channel *channel);

/**
 * vmb_channel_pause() - stop packets, and wait until none is in hand
 * @channel: the channel. If it is disabled, it comes up paused at the next
 *	enable, and only at that.
 *
 * Returns when suspend was called and the client has completed every packet that
 * was delivered, or the channel has closed. It waits for the client without
 * limit, but while its device is being removed for 30 s, and returns 0 after that though
 * the client still holds packets. Packets that the client sends while paused are held until it is
 * started. Those that were sent before stay in flight, and end as the peer
 * completes them, so a client may pause and then wait for them; but the ring is
 * read in order, so completions behind a packet of the peer's wait with that for
 * the start.
 *
 * Sub-channels of the channel pause with it, and are waited for.
 *
 * Context: process context.
 * Return: 0; -EINVAL: a sub-channel; -EDEADLK: called from within a callback of
 * the channel, or of a sub-channel of it.
 *
 * VmbChannelPause.
 */
int vmb_channel_pause(struct vmb_channel *channel);

/**
 * vmb_channel_set_transaction_quota() - how many packets the client will hold
 * @channel: the channel.
 * @quota: packets delivered and not completed at which delivery stops, at least
 *	1; U32_MAX: no limit but the number of packet objects, as at first.
 *
 * May be less than what the client holds: then nothing is delivered until it
 * holds fewer than @quota. A queue that is blocked is unblocked by a completion
 * only, not by raising the quota, nor by a new packet.
 *
 * Packets behind the one that is not delivered wait with it, completions of the
 * client's own packets among them.
 *
 * Context: any but hard interrupt.
 * Return: 0; -EINVAL: 0.
 *
 * VmbChannelSetTransactionQuota.
 */
int vmb_channel_set_transaction_quota(struct vmb_channel *channel, u32 quota);

/**
 * vmb_channel_set_allowable_dpc_cpu_usage() - share of softirq time
 * @channel: the channel.
 * @percentage: 1 to 100, of a window of 10 ms; 100: no limit, as at first.
 *
 * What is delivered beyond it is delivered by a worker, which the scheduler
 * treats like any other thread.
 *
 * Context: any but hard interrupt.
 * Return: 0; -EINVAL: 0, or more than 100.
 *
 * VmbChannelSetAllowableDpcCpuUsage.
 */
int vmb_channel_set_allowable_dpc_cpu_usage(struct vmb_channel *channel,
					    u8 percentage);

/**
 * vmb_channel_set_incoming_processing_at_passive() - may the callback sleep?
 * @channel: the channel.
 * @require_passive: true: packets, and what the peer completes of the client's
 *	own, are delivered in process context, where their callbacks may sleep.
 *	False: in softirq or process context, as at first.
 *
 * Holds from the next batch on: one that runs is not waited for. Completion
 * routines of packets that end in another way, in the ring or with the channel,
 * are called in any context all the same: what has a status but 0 or -EPROTO, or was
 * sent without WAIT_FOR_COMPLETION.
 *
 * Context: any but hard interrupt.
 *
 * VmbChannelSetIncomingProcessingAtPassive.
 */
void vmb_channel_set_incoming_processing_at_passive(struct vmb_channel *channel,
						    bool require_passive);

/**
 * vmb_channel_set_pointer() - keep a pointer in the channel
 * @channel: the channel.
 * @pointer: anything; never touched by the library. NULL at first.
 *
 * Context: any.
 *
 * VmbChannelSetPointer.
 */
void vmb_channel_set_pointer(struct vmb_channel *channel, void *pointer);

/**
 * vmb_channel_get_pointer() - the pointer kept in the channel
 * @channel: the channel.
 *
 * Context: any.
 * Return: what vmb_channel_set_pointer() was given last, NULL at first.
 *
 * VmbChannelGetPointer.
 */
void *vmb_channel_get_pointer(const struct vmb_channel *channel);

/**
 * vmb_channel_get_interface_instance() - which offer the channel is bound to
 * @channel: the channel.
 * @interface_instance: gets the instance GUID; on loopback, where a client is
 *	bound when it is open, that of the last offer, zero before.
 *
 * Context: any.
 *
 * VmbChannelGetInterfaceInstance.
 */
void vmb_channel_get_interface_instance(const struct vmb_channel *channel,
					guid_t *interface_instance);

/**
 * vmb_channel_get_target_device_object() - the device that the channel is on
 * @channel: the channel.
 *
 * Context: any.
 * Return: what vmb_channel_allocate() was given; valid until the driver's remove
 * has returned. NULL: a channel on loopback that no device was probed for.
 *
 * VmbChannelGetTargetDeviceObject.
 */
struct vmb_device *
vmb_channel_get_target_device_object(const struct vmb_channel *channel);

/**
 * vmb_channel_get_parent_device_object() - a device to log with
 * @channel: the channel.
 *
 * Context: any.
 * Return: the kernel's half of the device that the channel is on; on loopback,
 * where there may be none, what stands for the bus. No reference is taken: it is
 * there as long as the channel.
 *
 * VmbChannelGetParentDeviceObject.
 */
struct device *
vmb_channel_get_parent_device_object(const struct vmb_channel *channel);

/**
 * vmb_channel_get_mmio_space() - the memory that comes with the device
 * @channel: a channel that is open, from opened on until closed has returned. A
 *	sub-channel has its primary's.
 * @address: gets the physical address of its first byte.
 * @size: gets the bytes.
 *
 * A host reserves it by the offer, and maps its device memory there when the two have
 * agreed on that; on loopback a server offers it, see
 * vmb_server_channel_init_set_mmio_megabytes(). memremap() with MEMREMAP_WB maps the
 * one like the other; nothing here is mapped, and the caller undoes what it maps.
 *
 * Who owns it: on Hyper-V the device does. The range is taken from hv_vmbus by the
 * first call, is the same for each call and each channel of the device, however often
 * they are closed and opened again, and is given back when the driver's remove has
 * returned: by then the driver has unmapped it. On loopback it belongs to both ends.
 * A client may touch it until its closed callback has returned, also when the server
 * is gone by then, and finds another when it is open with another server. The
 * server may until vmb_channel_disable() has returned. It is freed when the last of
 * those who may touch it is done.
 *
 * Context: process context, also from the state callbacks.
 * Return: 0; -ENODEV: not open; -ENOENT: the offer has none, or on Hyper-V is another
 * than the device's; -ENOMEM or -ENXIO: there is none left that large.
 *
 * VmbChannelGetMmioSpace, of which the documentation says a virtual address in one
 * place and a physical one in another.
 */
int vmb_channel_get_mmio_space(struct vmb_channel *channel, u64 *address, u64 *size);

#endif
