/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Channels: their settings and their life. Part of vmbkmcl.h, which is
 * what a client includes.
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
 * Return: 0; -ENODEV: the device is being removed; -ENOMEM.
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
 * vmb_channel_init_set_maximum_packet_size() - the largest packet
 * @channel: a disabled channel.
 * @packet_size: bytes of payload; bounds what is received, sent, and returned
 *	as the payload of a completion.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled, or packets are allocated; -EINVAL: zero;
 * -EMSGSIZE: more than a packet on the wire can have.
 *
 * VmbChannelInitSetMaximumPacketSize.
 */
int vmb_channel_init_set_maximum_packet_size(struct vmb_channel *channel,
					     u32 packet_size);

/**
 * vmb_channel_init_set_maximum_external_data() - limits of external data
 * @channel: a disabled channel.
 * @data_size: most bytes of external data that a packet may describe.
 * @chain_length: most ranges in which it may do so.
 *
 * Without this call no external data is accepted. The packet objects, and the
 * rings unless their size is set, grow with the limits.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled, or packets are allocated; -EINVAL: a zero;
 * -EMSGSIZE: the range list would not fit into a packet that has a payload, too.
 *
 * VmbChannelInitSetMaximumExternalData.
 */
int vmb_channel_init_set_maximum_external_data(struct vmb_channel *channel,
					       u32 data_size, u32 chain_length);

/**
 * vmb_channel_init_set_flags() - what kind of channel it is
 * @channel: a disabled channel.
 * @flags: VMB_CHANNEL_INIT_FLAG_IS_PIPE or 0. The last call counts.
 *
 * In pipe mode each packet is a message: the library puts a header in front of
 * what is sent, and takes it off what is received, so that lengths are exact to
 * the byte; the maximum packet size is that of a message. Messages may be empty.
 * There are neither completions nor external data: to send with
 * WAIT_FOR_COMPLETION is refused with -EOPNOTSUPP. What is received must be
 * completed all the same. A packet without a proper header is not delivered, but
 * counted as refused, "pipe_header".
 *
 * Whether the peer's channel is a pipe is for the driver to know. One that writes
 * and reads headers itself does not set the flag.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled, or packets are allocated; -EINVAL: unknown
 * flags.
 *
 * VmbChannelInitSetFlags.
 */
int vmb_channel_init_set_flags(struct vmb_channel *channel, u32 flags);

/**
 * vmb_channel_init_set_client_context_size() - a scratch area for each packet
 * @channel: a disabled channel.
 * @context_size: bytes, at most 65,536; 0: none.
 *
 * The area is 8-aligned and zeroed before each packet is delivered.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled; -EINVAL: too large.
 *
 * VmbChannelInitSetClientContextSize.
 */
int vmb_channel_init_set_client_context_size(struct vmb_channel *channel,
					     u32 context_size);

/**
 * vmb_channel_init_set_process_packet_callbacks() - who gets the packets
 * @channel: a disabled channel.
 * @callback_context: handed to both.
 * @process_packet: called for each packet; required.
 * @complete: called when delivery pauses; or NULL.
 *
 * They must stay callable until disable has returned. The last registration
 * counts.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled; -EINVAL: no @process_packet.
 *
 * VmbChannelInitSetProcessPacketCallbacksEx.
 */
int vmb_channel_init_set_process_packet_callbacks(struct vmb_channel *channel,
						  void *callback_context,
						  vmb_channel_process_packet_fn process_packet,
						  vmb_channel_processing_complete_fn complete);

/**
 * vmb_channel_init_set_state_change_callbacks() - who hears of the channel's life
 * @channel: a disabled channel.
 * @callbacks: copied.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled; -EINVAL: another version or size than this
 * library's.
 *
 * VmbChannelInitSetStateChangeCallbacks.
 */
int vmb_channel_init_set_state_change_callbacks(struct vmb_channel *channel,
						const struct vmb_channel_state_change_callbacks
						*callbacks);

/**
 * vmb_channel_init_set_friendly_name() - a name for log and debugfs
 * @channel: a disabled channel.
 * @name: short and descriptive; copied.
 *
 * Without this call there is none. It stands behind the name that the channel
 * has anyway, which no other channel has: in the log "vmbkmcl.1 (name)". Traces
 * have the device and the number alone.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled; -EEXIST: it has one; -EINVAL: empty, longer
 * than 47 bytes, or with a slash or a control character in it.
 *
 * VmbChannelInitSetFriendlyName.
 */
int vmb_channel_init_set_friendly_name(struct vmb_channel *channel,
				       const char *name);

/**
 * vmb_channel_init_set_raw_guest_memory() - external data may be anywhere
 * @channel: a disabled channel.
 *
 * Without this call the peer may name only pages that the channel has shared
 * with it by a GPADL. With it, any page of ordinary RAM: the client trusts its
 * peer with all memory of the VM. Not available in an isolated
 * (confidential) VM, nor where the administrator forbids it by the module
 * parameter forbid_raw_guest_memory. A server on loopback needs no such call, for
 * its client keeps the memory; but that parameter forbids it there, too, and then
 * all external data of its client's is refused.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled; -EPERM: isolated, or forbidden.
 *
 * KMCL has no such call: there the server may touch all of its guest.
 */
int vmb_channel_init_set_raw_guest_memory(struct vmb_channel *channel);

/**
 * vmb_channel_init_set_primary_channel() - make it a sub-channel
 * @channel: a disabled channel.
 * @primary_channel: a channel of the same device and the same end, and not a
 *	sub-channel itself; must outlive @channel's cleanup.
 * @sub_channel_index: which one, from 1. The peer gives its offers, or wants
 *	them, by that number.
 *
 * It may be enabled only while its primary is open, which is so from the
 * started callback on, and it is disabled when the primary closes, before the
 * primary's closed callback. It starts and pauses with the primary. What is
 * offered and wanted is the primary's, so no target is to be set. A driver must
 * not wait for the end of a packet that it has sent on one of them to complete
 * one that it got on another: they close together.
 *
 * On Hyper-V it opens when the host offers it, which it does when it is asked
 * for it over the primary, in words of the device's own protocol; enable it
 * before that. A sub-channel that is disabled while its primary stays open
 * quiesces, and the host closes it with the primary: enabled again before, it
 * waits for a new offer of its number. If the host takes back the offer of a
 * sub-channel, that is noticed within a second or two. To close all of them disable the
 * primary, which then need not wait for the peer.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled; -EEXIST: it has a primary; -EINVAL: the index
 * is 0, or @primary_channel does not qualify, or @channel has sub-channels.
 *
 * VmbChannelInitSetPrimaryChannel.
 */
int vmb_channel_init_set_primary_channel(struct vmb_channel *channel,
					 struct vmb_channel *primary_channel,
					 u16 sub_channel_index);

/**
 * vmb_client_channel_init_set_ring_buffer_page_count() - size of the rings
 * @channel: a disabled channel.
 * @inbound_page_count: pages of PAGE_SIZE, the inbound ring's control page among them.
 * @outbound_page_count: pages of the outbound ring, its control page among them.
 *
 * Without this call the rings are sized by the maximum packet. If memory is
 * short they may become smaller than asked, but never too small for a packet.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled; -EINVAL: less than 2 pages, or more than
 * 2 MiB, each, or a server: the client brings the rings.
 *
 * VmbClientChannelInitSetRingBufferPageCount.
 */
int vmb_client_channel_init_set_ring_buffer_page_count(struct vmb_channel *channel,
						       u32 inbound_page_count,
						       u32 outbound_page_count);

/**
 * vmb_client_channel_init_set_target_pnp() - which device it must be
 * @channel: a disabled channel.
 * @interface_type: type GUID.
 * @interface_instance: instance GUID, or NULL for any.
 * @pnp_failure: told when an open fails later, as nothing else is; or NULL.
 *
 * The device that was probed is checked against it by enable. Without this call
 * any device will do, as with new_id and driver_override. A client on loopback
 * that no device was probed for needs it: it waits for such an offer.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled; -EINVAL: a server.
 *
 * VmbClientChannelInitSetTargetPnp.
 */
int vmb_client_channel_init_set_target_pnp(struct vmb_channel *channel,
					   const guid_t *interface_type,
					   const guid_t *interface_instance,
					   vmb_channel_pnp_failure_fn pnp_failure);

/**
 * vmb_channel_init_set_inline_packet_context_size() - a scratch area for each
 * outbound packet
 * @channel: a disabled channel.
 * @context_size: bytes, at most 65,536; 0: none.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled, or packets are allocated; -EINVAL: too large.
 *
 * VmbChannelInitSetInlinePacketContextSize.
 */
int vmb_channel_init_set_inline_packet_context_size(struct vmb_channel *channel,
						    u32 context_size);

/**
 * vmb_channel_init_set_maximum_packet_count() - how many packets may be in flight
 * @channel: a disabled channel.
 * @packet_count: packets that are sent and wait for a completion; at most 65,536.
 *
 * Without this call it is 256. Beyond it packets wait in the channel, see
 * vmb_packet_send(); none is refused for it, and how many are allocated does not
 * matter.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled; -EINVAL: 0, or too many; -ENOMEM.
 *
 * VmbChannelInitSetMaximumPacketCount.
 */
int vmb_channel_init_set_maximum_packet_count(struct vmb_channel *channel,
					      u32 packet_count);

/**
 * vmb_channel_init_set_inbound_packet_count() - how many packets the client holds
 * @channel: a disabled channel.
 * @packet_count: packets delivered and not completed at which delivery stops for
 *	want of memory; at least 1.
 *
 * A server has one more, to read with. It may get that one, too, of packets that
 * ask for no completion, of which a peer may have any number in flight.
 *
 * Memory for them is allocated by enable. More than the inbound ring can hold of
 * the smallest packets there are not. Without this call there is one for each 256
 * bytes of the ring, so 256 with the default ring, or fewer, but no less than 32, if
 * they would take more than 4 MiB. On loopback the client has no more packets in
 * flight than the server can hold.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled; -EINVAL: 0.
 *
 * KMCL has no such call; vmb_channel_set_transaction_quota() is a limit below it.
 */
int vmb_channel_init_set_inbound_packet_count(struct vmb_channel *channel,
					      u32 packet_count);

/**
 * vmb_channel_init_set_refusal_completion() - what the peer is told of a refusal
 * @channel: a disabled channel.
 * @buffer: payload; copied. NULL if @length is 0.
 * @length: bytes of it, at most the channel's maximum packet size when it is
 *	enabled.
 *
 * A packet that the library refuses, for it is malformed or over a limit of the
 * channel, ends without the client; so does one that the client has completed with
 * too long a payload. If its sender wants a completion, it gets this one. Without
 * this call, or with a @length of 0, that is empty, as it is for a client that has
 * nothing to say: a protocol in which an empty completion is a success needs this
 * call, with an error as the protocol spells it.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled; -EINVAL: no @buffer; -EMSGSIZE: more than a
 * packet on the wire can have; -ENOMEM.
 *
 * KMCL has no such call, and says nothing of such packets.
 */
int vmb_channel_init_set_refusal_completion(struct vmb_channel *channel,
					    const void *buffer, u32 length);

/**
 * vmb_client_channel_init_set_target_processor_index() - who delivers
 * @channel: a disabled channel.
 * @cpu_index: the CPU on which packets are delivered, as Linux
 *	numbers them.
 *
 * The host may interrupt another one; a worker on this one does the work. While
 * the CPU is offline another one does.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled; -EINVAL: no such CPU, or a server;
 * -ENOMEM.
 *
 * VmbClientChannelInitSetTargetProcessorIndex.
 */
int vmb_client_channel_init_set_target_processor_index(struct vmb_channel *channel,
						       u32 cpu_index);

/**
 * vmb_server_channel_init_set_flags() - how the channel is offered
 * @channel: a disabled server channel.
 * @flags: VMB_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER: to clients of this
 *	kernel. Without it enable fails with -EOPNOTSUPP: a guest has nobody else
 *	to offer to.
 *	VMB_SERVER_CHANNEL_INIT_FLAG_OFFER_AS_PIPE: the offer says that it is a
 *	pipe's, in "pipe" beside its type in sysfs. It is for clients to see, and
 *	changes no packet: see vmb_channel_init_set_flags().
 *
 * The last call counts.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled; -EINVAL: not a server, or unknown flags.
 *
 * VmbServerChannelInitSetFlags.
 */
int vmb_server_channel_init_set_flags(struct vmb_channel *channel, u32 flags);

/**
 * vmb_server_channel_init_set_target_interface_id() - what the channel offers
 * @channel: a disabled server channel.
 * @interface_type: type GUID: what kind of device clients find.
 * @interface_instance: instance GUID: which of them.
 *
 * Required. While the channel is enabled no other server of this kernel can
 * offer the same pair. The last call counts.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled; -EINVAL: not a server, or a GUID is missing
 * or all zeros.
 *
 * VmbServerChannelInitSetTargetInterfaceId.
 */
int vmb_server_channel_init_set_target_interface_id(struct vmb_channel *channel,
						    const guid_t *interface_type,
						    const guid_t *interface_instance);

/**
 * vmb_channel_enable() - bring the channel to life
 * @channel: a disabled channel, configured.
 *
 * Allocates all that the channel will need, and returns; a worker waits for the
 * peer, opens the channel and calls opened, started and post_started. A server
 * does not start by itself, see vmb_channel_start(). If the open fails, or the
 * peer goes before it, neither opened nor closed is called, but a client's
 * &vmb_channel_pnp_failure_fn, if it has set one. A client is disabled again
 * then, as it is after the peer has gone: it may be enabled anew. A server waits
 * for the next open. A sub-channel can be enabled while its primary is open. Calls of
 * enable, disable and the setters must not overlap each other.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled, or the client still holds packets from
 * before; -EINVAL: no process-packet callback, or nothing to offer or to wait
 * for; -EMSGSIZE: the largest packet does not fit the rings, or what was set for
 * refused packets is larger than it; -ENODEV: the device
 * is not the target, or is gone, or the VM shuts down; -ENOTCONN: a
 * sub-channel whose primary is not open; -EEXIST: another channel of the device,
 * or another sub-channel of the same index, is enabled, or another server offers
 * the same; -EOPNOTSUPP: a server channel without
 * VMB_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER; -ENOMEM.
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
 * Return: 0; -EDEADLK: called from within a callback of the channel, which would
 * wait for itself, or of a sub-channel or the primary of it, or of another
 * sub-channel of that. Channels that are not related must not do this to each
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
 * limit. Packets that the client sends while paused are held until it is
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
 * are called in any context all the same.
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

#endif
