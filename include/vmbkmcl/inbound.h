/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Packets that the peer has sent. Part of vmbkmcl.h, which is
 * what a client includes.
 */
#ifndef VMBKMCL_INBOUND_H
#define VMBKMCL_INBOUND_H

/**
 * vmb_channel_packet_complete() - the client is finished with a packet
 * @packet: a packet that was delivered; gone when this returns anything but
 *	-EALREADY, with its buffer, external data and client context.
 * @buffer: payload of the completion, or NULL; copied during the call; may lie
 *	in the packet's own buffer, not in its external data, which is let go of
 *	first.
 * @length: bytes of @buffer, at most the channel's maximum packet size.
 *
 * Sends a completion if the sender asked for one, and only then. From inside
 * the process-packet callback or later, any thread, any CPU, any order, also
 * between suspend and closed. Never blocks and never fails for want of room:
 * if the ring is full the completion waits its turn in the channel.
 *
 * Context: any but hard interrupt.
 * Return: 0; -EMSGSIZE: @length is too large, and the packet has ended with what
 * vmb_channel_init_set_refusal_completion() has set, or nothing, as its payload;
 * -EALREADY: it was completed before (noticed until the packet object is used
 * again, which it is as late as possible); -ENODEV: the channel is closed or
 * broken, nobody will see the completion.
 *
 * VmbChannelPacketComplete.
 */
int vmb_channel_packet_complete(struct vmb_packet_completion *packet,
				const void *buffer, u32 length);

/**
 * vmb_channel_packet_fail() - the packet is malformed beyond answering
 * @packet: a packet that was delivered and not completed; gone afterwards.
 *
 * The peer gets no completion, and the inbound queue stops: nothing more is
 * delivered until the channel's started callback has been called the next time,
 * after a pause, an enable, or a hibernation that came to nothing. Until then, or
 * until a pause begins, completions of our own packets are not read either; in a
 * pause they are, as always, for the client may need them to complete what it
 * holds. The channel stays open, and packets that were delivered before can and
 * must be completed.
 *
 * Context: any but hard interrupt.
 *
 * VmbChannelPacketFail.
 */
void vmb_channel_packet_fail(struct vmb_packet_completion *packet);

/**
 * vmb_channel_packet_defer_to_passive() - deliver a packet again, by a worker
 * @packet: the packet that the callback is running for.
 *
 * Only from inside the process-packet callback, which must not touch the packet
 * any more and returns. It is called again for the same packet, in process
 * context, where it may sleep; client context and payload are as it left them.
 * Packets behind it wait until then. Calling this in process context again is
 * allowed, and has it delivered once more.
 *
 * External data that the callback got is given back: the array is void, memory
 * that it named can be deleted, and vmb_channel_packet_get_external_data() is to
 * be called again when the packet is delivered again.
 *
 * If the channel is paused first, the packet is delivered after the start; if it
 * is closed, never.
 *
 * Context: as the process-packet callback.
 *
 * VmbChannelPacketDeferToPassive.
 */
void vmb_channel_packet_defer_to_passive(struct vmb_packet_completion *packet);

/**
 * vmb_channel_packet_get_client_context() - the client's scratch area
 * @packet: a packet that was delivered and is not completed.
 *
 * Zeroed when the packet is delivered; its size is what
 * vmb_channel_init_set_client_context_size() set.
 *
 * Context: any.
 * Return: the area, 8-aligned; NULL if its size is 0.
 *
 * VmbChannelPacketGetClientContext.
 */
void *vmb_channel_packet_get_client_context(struct vmb_packet_completion *packet);

/**
 * vmb_channel_packet_get_external_data() - the memory that a packet describes
 * @packet: a packet that was delivered with
 *	VMB_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA and is not completed.
 * @flags: 0 to read and write it, or
 *	VMB_CHANNEL_PACKET_EXTERNAL_DATA_FLAG_READ_ONLY to read it only.
 * @vectors: gets the array; the packet's, valid until it is completed or deferred.
 * @vector_count: gets the number of its entries, at least 1.
 *
 * As in the block layer, a vector may be longer than a page: it begins in its
 * bv_page and goes on in the pages that follow it in RAM. What the peer names in
 * one range, in neighbouring pages of one GPADL and in their order, is one vector.
 * for_each_bvec() goes through it a page at a time, for clients that map pages;
 * vmb_channel_packet_get_external_data_iter() needs no such care.
 *
 * The peer may change the contents at any time: read each byte once, check
 * what was read. A second call gives the same answer. The memory stays shared
 * until the packet is completed or deferred: vmb_channel_delete_gpadl() waits for
 * it.
 *
 * A peer may name memory while vmb_channel_create_gpadl() or one of its kind is
 * still sharing it. Then the answer is -EINPROGRESS, "pending". Inside of the
 * packet's own process-packet callback that means: do not touch the packet any
 * more, and return; the callback is called for it again, in process context, when
 * the memory is shared or the peer has refused it, and packets behind it wait.
 * Anywhere else: ask again later. A client that shares memory in its opened
 * callback only, and asks in its process-packet callback, never sees it. Between
 * suspend with VMB_CHANNEL_STOP_HIBERNATING and closed or started it is the answer for any
 * memory that the client has not got yet; but if the VM does not hibernate after all, and
 * the channel closes for another reason, only until that begins, of which no callback tells.
 *
 * Context: any but hard interrupt; one thread at a time per packet.
 * Return: 0; -EINPROGRESS: pending; -EINVAL: unknown flags, or a packet without
 * external data; -EACCES: a page that the channel may not touch, or the VM
 * has hibernated since the packet was delivered; -ENOENT: an unknown transfer-page
 * set; -ERANGE: outside the set's buffer; -EROFS: shared as read-only, and @flags
 * asks for more. The packet must be completed all the same, but for -EINPROGRESS
 * in its callback.
 *
 * VmbChannelPacketGetExternalData.
 */
int vmb_channel_packet_get_external_data(struct vmb_packet_completion *packet,
					 u32 flags,
					 const struct bio_vec **vectors,
					 u32 *vector_count);

/**
 * vmb_channel_packet_get_external_data_iter() - the same, as an iov_iter
 * @packet: a packet whose external data was got before.
 * @direction: ITER_SOURCE to copy from the external data, ITER_DEST to copy to
 *	it.
 * @iter: set up over all of it.
 *
 * Context: as vmb_channel_packet_get_external_data().
 * Return: 0; -EINVAL: it was not got before; -EROFS: ITER_DEST, but it was got
 * read-only.
 */
int vmb_channel_packet_get_external_data_iter(struct vmb_packet_completion *packet,
					      unsigned int direction,
					      struct iov_iter *iter);

#endif
