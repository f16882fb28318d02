/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a channel is to be, said between vmb_channel_allocate() and
 * vmb_channel_enable(). Included by vmbkmcl.h.
 */
#ifndef VMBKMCL_CONFIGURE_H
#define VMBKMCL_CONFIGURE_H

/**
 * vmb_channel_init_set_maximum_packet_size() - the largest packet
 * @channel: a disabled channel.
 * @packet_size: bytes of payload; bounds what is received, sent, and returned
 *	as the payload of a completion.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled, the client still holds packets from before, or
 * packets are allocated; -EINVAL: zero; -EMSGSIZE: more than a packet on the wire can
 * have.
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
 * Return: 0; -EBUSY: not disabled, the client still holds packets from before, or
 * packets are allocated; -EINVAL: a zero; -EMSGSIZE: the range list would not fit into a
 * packet that has a payload, too.
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
 * completed nevertheless. A packet without a proper header is not delivered, but
 * counted as refused, "pipe_header".
 *
 * Whether the peer's channel is a pipe is for the driver to know. One that writes
 * and reads headers itself does not set the flag.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled, the client still holds packets from before, or
 * packets are allocated; -EINVAL: unknown flags.
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
 * Return: 0; -EBUSY: not disabled, or the client still holds packets from before;
 * -EINVAL: too large.
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
 * with it by a GPADL. With it, any page of ordinary RAM, page tables and what other
 * channels share among it: the client trusts its peer with all memory of the VM.
 * Not the kernel's own image, nor what is free, ballooned, broken or taken offline.
 *
 * Not available in an isolated (confidential) VM, nor where the administrator
 * forbids it by the module parameter forbid_raw_guest_memory. A server on loopback
 * needs no such call, for its client keeps the memory; but that parameter forbids it
 * there, too, and then all external data of its client's is refused.
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
 * waits for a new offer of its number. What is open to the host like that keeps its
 * rings, so a device has no more of them, with those that are enabled, than were enabled
 * at once and 256 beside, or as many again if that is more. If the host takes back the
 * offer of a sub-channel, that is noticed within a second or two. To close all of them
 * disable the primary, which then need not wait for the peer.
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
 * vmb_client_channel_init_set_target_pnp() - which offer it is for
 * @channel: a disabled channel.
 * @interface_type: type GUID.
 * @interface_instance: instance GUID, or NULL for any.
 * @pnp_failure: told when an open fails later, as nothing else is; or NULL.
 *
 * If the device that was probed is this one, so is the channel's. Without this call
 * any device will do, as with new_id and driver_override.
 *
 * If it is another one, the channel is a further one of this client: from enable on it
 * waits for such an offer, on the bus of the device that it was allocated on, and opens
 * when there is one that no other driver has. On Hyper-V the device of that offer is
 * bound to the library's driver "vmbkmcl_target" as long as it is the channel's. When
 * the offer is taken back, or somebody unbinds that driver, the channel is closed and
 * disabled; enabled again it waits for the next. Such a channel has no device of its own
 * (vmb_channel_get_target_device_object()) and stands beside the first in sysfs; it is
 * closed when the VM hibernates or shuts down as that is, and is to be disabled and
 * cleaned up by the client's remove, as that is. On Hyper-V it has no sub-channels:
 * enable of one is -EOPNOTSUPP.
 *
 * A client on loopback that no device was probed for needs a target, and waits for it.
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
 * Return: 0; -EBUSY: not disabled, the client still holds packets from before, or
 * packets are allocated; -EINVAL: too large.
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
 * the smallest packets there are not. Without this call the limit is one for each 256
 * bytes of the ring, with a control page of 4 KiB, so 256 with the default ring (272 where
 * pages are larger), or fewer, but no less than 32, if they would take more than 4 MiB. A
 * server has memory for all of them, for on loopback the client has as many in flight. A
 * client without this call begins with 8, and gets memory for more, which it keeps until it
 * is disabled, when it holds all there are and another packet comes. If there is none, that
 * packet waits until the client completes one, or until there is. A client that must get on
 * without, for memory may be written out by it, says how many it holds.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled; -EINVAL: 0.
 *
 * KMCL has no such call; vmb_channel_set_transaction_quota() is a limit below it.
 */
int vmb_channel_init_set_inbound_packet_count(struct vmb_channel *channel,
					      u32 packet_count);

/**
 * vmb_channel_init_set_outbound_packet_count() - how many packet objects there may be
 * @channel: a disabled channel.
 * @packet_count: packet objects that the client has at once, in flight or not; at
 *	least 1.
 *
 * Without this call it is 65,536. Beyond it vmb_packet_allocate() returns NULL, and
 * vmb_channel_send_synchronous_request(), which takes one for its time, -ENOMEM. What
 * is sent waits in the channel for as long as the peer does not read: so for a client
 * that sends because of what its peer does this bounds what that peer can make it
 * spend, and it should say how much that is. Packets in the client's own memory do not
 * count.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled, packets are allocated, or the client still holds
 * packets from before; -EINVAL: 0.
 *
 * KMCL has no such call.
 */
int vmb_channel_init_set_outbound_packet_count(struct vmb_channel *channel,
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
 * Return: 0; -EBUSY: not disabled, or the client still holds packets from before;
 * -EINVAL: no @buffer; -EMSGSIZE: more than a packet on the wire can have; -ENOMEM.
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
 * vmb_server_channel_init_set_mmio_megabytes() - offer memory with the channel
 * @channel: a disabled server channel; of a sub-channel it has no effect, for it
 *	shows its primary's.
 * @mmio_megabytes: MiB that the offer has; enable fails without them. May be 0.
 * @mmio_megabytes_optional: MiB more, if one piece of that size is to be had.
 *
 * A client finds it by vmb_channel_get_mmio_space(), and so does the server. On
 * loopback it is ordinary memory in one piece, zeroed by enable and by nothing else:
 * what a client leaves there its successor finds.
 *
 * The last call counts.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled; -EINVAL: not a server, both are 0, or together
 * more than 4.
 *
 * VmbServerChannelInitSetMmioMegabytes.
 */
int vmb_server_channel_init_set_mmio_megabytes(struct vmb_channel *channel,
					       u16 mmio_megabytes,
					       u16 mmio_megabytes_optional);

#endif
