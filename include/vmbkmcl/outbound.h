/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Packets for the peer. Part of vmbkmcl.h, which is
 * what a client includes.
 */
#ifndef VMBKMCL_OUTBOUND_H
#define VMBKMCL_OUTBOUND_H

/**
 * vmb_packet_allocate() - get a packet object
 * @channel: the channel that it is to be sent on.
 *
 * With it, all memory that sending it needs is acquired: no send of it fails for
 * want of that. Only what is sent counts against the channel's maximum packet count;
 * of objects there may be 65,536, or as many as
 * vmb_channel_init_set_outbound_packet_count() says. Those that were freed are kept by
 * the channel, so that getting one again costs no allocation. Its inline context
 * is zeroed; its completion routine is one that frees it.
 *
 * The object is the caller's until vmb_packet_free(), which must come before
 * vmb_channel_cleanup(). While there are any, settings that determine their
 * size cannot be changed; so it may be got before enable, but after them.
 *
 * It has room for the largest packet and its ranges, in one piece, and is not
 * waited for (GFP_ATOMIC): where packets are large it is wise to get as many as
 * will be needed beforehand, and to keep them.
 *
 * Nothing here waits until one is free. A client that has to wait sets a completion
 * routine of its own, which frees the packet, or keeps it for the next, and then wakes
 * a wait queue; where it may sleep, but not in the channel's own callbacks, it calls
 * wait_event_timeout(queue, (packet = vmb_packet_allocate(channel)), timeout) until it
 * has one. Every packet that was sent ends, at the latest when the channel closes. But
 * if memory is short while no packet is in flight, nobody wakes the queue: so the wait
 * needs a time-out. A client that keeps a packet of its own, and waits for that, needs
 * none.
 *
 * Context: any but hard interrupt.
 * Return: the packet; NULL: no memory, or there are as many as may be.
 *
 * VmbPacketAllocate.
 */
struct vmb_packet *vmb_packet_allocate(struct vmb_channel *channel);

/**
 * vmb_packet_free() - give a packet object back
 * @packet: from vmb_packet_allocate(), not in flight; also from inside its
 *	completion routine.
 *
 * Needed for a packet that was never sent, or whose completion routine was
 * replaced. One that is in flight is not freed, with a warning.
 *
 * Context: any but hard interrupt.
 *
 * VmbPacketFree.
 */
void vmb_packet_free(struct vmb_packet *packet);

/**
 * vmb_channel_sizeof_packet() - memory that vmb_packet_initialize() wants
 * @channel: a channel whose settings are final.
 *
 * Context: any.
 * Return: bytes.
 *
 * VmbChannelSizeofPacket.
 */
u32 vmb_channel_sizeof_packet(const struct vmb_channel *channel);

/**
 * vmb_packet_initialize() - make a packet object in the caller's memory
 * @channel: a channel whose settings are final.
 * @packet: memory, 8-aligned; stays the caller's. What it held is not looked at.
 * @byte_count: bytes of it, at least vmb_channel_sizeof_packet().
 *
 * The packet has no completion routine until vmb_packet_set_completion_routine()
 * is called, and no inline context. It needs no undoing: once it is not in
 * flight the memory may be used for something else. A channel that becomes a pipe, or
 * ceases to be one, takes packets that were initialized since only.
 *
 * Context: any but hard interrupt.
 * Return: 0; -EINVAL: too small, or not aligned.
 *
 * VmbPacketInitialize.
 */
int vmb_packet_initialize(struct vmb_channel *channel, struct vmb_packet *packet,
			  u32 byte_count);

/**
 * vmb_packet_size() - memory that a packet takes
 * @packet: the packet.
 *
 * As vmb_channel_sizeof_packet() was when it was made: the channel's settings may have
 * changed since, and with them what that says.
 *
 * Context: any.
 * Return: bytes, without the area of vmb_packet_get_inline_packet_context_pointer().
 */
u32 vmb_packet_size(const struct vmb_packet *packet);

/**
 * vmb_packet_set_completion_routine() - who hears of the packet's end
 * @packet: a packet that is not in flight.
 * @callback_context: handed to it.
 * @routine: the routine; replaces the one before.
 *
 * A packet from vmb_packet_allocate() is no longer freed by itself then.
 *
 * Context: any.
 *
 * VmbPacketSetCompletionRoutineEx.
 */
void vmb_packet_set_completion_routine(struct vmb_packet *packet,
				       void *callback_context,
				       vmb_packet_completion_routine_fn routine);

/**
 * vmb_packet_set_pointer() - keep a pointer in the packet
 * @packet: the packet.
 * @pointer: anything; never touched by the library. NULL at first.
 *
 * Context: any.
 *
 * VmbPacketSetPointer.
 */
void vmb_packet_set_pointer(struct vmb_packet *packet, void *pointer);

/**
 * vmb_packet_get_pointer() - the pointer kept in the packet
 * @packet: the packet.
 *
 * Context: any.
 * Return: what vmb_packet_set_pointer() was given last, NULL at first.
 *
 * VmbPacketGetPointer.
 */
void *vmb_packet_get_pointer(const struct vmb_packet *packet);

/**
 * vmb_packet_get_channel() - the channel that a packet belongs to
 * @packet: the packet.
 *
 * Context: any.
 * Return: the channel.
 *
 * VmbPacketGetChannel.
 */
struct vmb_channel *vmb_packet_get_channel(const struct vmb_packet *packet);

/**
 * vmb_packet_get_inline_packet_context_pointer() - the packet's scratch area
 * @packet: a packet from vmb_packet_allocate().
 *
 * Zeroed by vmb_packet_allocate(); its size is what
 * vmb_channel_init_set_inline_packet_context_size() set.
 *
 * Context: any.
 * Return: the area, 8-aligned; NULL if its size is 0, and for a packet in the
 * client's memory.
 *
 * VmbPacketGetInlinePacketContextPointer.
 */
void *vmb_packet_get_inline_packet_context_pointer(struct vmb_packet *packet);

/**
 * vmb_packet_send() - send a packet
 * @packet: a packet that is not in flight, with a completion routine.
 * @buffer: payload, or NULL; copied during the call.
 * @buffer_length: bytes of @buffer, at most the channel's maximum packet size, also if it
 *	was more when a packet in the client's memory was made.
 * @vectors: external data, or NULL; the array is not used after the call, the
 *	memory must stay until the completion routine. Client channels only.
 * @vector_count: entries of @vectors.
 * @flags: VMB_CHANNEL_FORMAT_FLAG_*.
 *
 * If there is no room in the ring, the packet waits in the channel for its turn;
 * nothing that is sent later overtakes it, nor any completion. A packet that is
 * sent before the channel runs, or while it is paused, goes out when it runs.
 * One that waits for a completion, while as many do as the channel's maximum packet
 * count, goes out when one of them has it; so do packets that are sent after it.
 * Completions of inbound packets do not wait for that: the peer may be waiting for
 * them.
 *
 * If this returns 0, the completion routine is called once: when the peer
 * completes the packet, or, without WAIT_FOR_COMPLETION, when it is in the ring,
 * which may be before this returns. If not, it is not called.
 *
 * Context: any but hard interrupt.
 * Return: 0; -EINVAL: unknown flags, no completion routine, external data that is empty,
 * without WAIT_FOR_COMPLETION or with FORCE_MDL_LENGTH, which needs a length, or a packet
 * in the client's memory that vmb_packet_initialize() has made for a pipe where the
 * channel is none, or for none where it is one; -EMSGSIZE: payload or external data over
 * the channel's limits, or a packet that the ring cannot hold; -EBUSY: the packet is in
 * flight; -ENODEV: the channel is disabled, closing or broken; -ENOMEM: external data
 * could not be mapped for the device, which happens where it has to be copied (in a
 * confidential VM); -EAGAIN: external data in a confidential VM, on a sub-channel, or a
 * channel of another target, that was not open yet since it was enabled: only its offer
 * says whether the host may see that memory; -EOPNOTSUPP: external data on a server
 * channel.
 *
 * VmbPacketSend.
 */
int __must_check vmb_packet_send(struct vmb_packet *packet, const void *buffer,
				 u32 buffer_length,
				 const struct bio_vec *vectors, u32 vector_count,
				 u32 flags);

/**
 * vmb_packet_send_with_external_mdl() - send a packet with part of a memory list
 * @packet: as in vmb_packet_send().
 * @buffer: as in vmb_packet_send().
 * @buffer_length: as in vmb_packet_send().
 * @vectors: memory, such that its pieces one behind the other are the list.
 * @vector_count: entries of @vectors.
 * @mdl_offset: bytes into the list at which the external data begins.
 * @mdl_length: bytes of external data; 0: to the end of the list.
 * @flags: as in vmb_packet_send(); WAIT_FOR_COMPLETION is required.
 *
 * The array is what KMCL calls one MDL: memory of any number of pages that lie
 * anywhere. With FORCE_MDL_LENGTH offset and length together may go beyond its
 * end, up to the end of the page that the last vector ends in; @mdl_length must
 * be given then. The bytes between are the caller's, too, and the peer may see
 * them. No vector but the last that is not empty counts more than it says.
 *
 * Context: any but hard interrupt.
 * Return: as vmb_packet_send(); -EINVAL, too, if the list is shorter than offset
 * and length say.
 *
 * VmbPacketSendWithExternalMdl.
 */
int __must_check vmb_packet_send_with_external_mdl(struct vmb_packet *packet,
						   const void *buffer,
						   u32 buffer_length,
						   const struct bio_vec *vectors,
						   u32 vector_count,
						   u32 mdl_offset, u32 mdl_length,
						   u32 flags);

/**
 * vmb_packet_send_with_external_iter() - send a packet with what an iov_iter has
 * @packet: as in vmb_packet_send().
 * @buffer: as in vmb_packet_send().
 * @buffer_length: as in vmb_packet_send().
 * @iter: over bio_vecs (ITER_BVEC); all that is left in it. Not advanced.
 * @flags: as in vmb_packet_send(); WAIT_FOR_COMPLETION is required.
 *
 * Context: any but hard interrupt.
 * Return: as vmb_packet_send(); -EINVAL, too, for an iterator of another kind.
 */
int __must_check vmb_packet_send_with_external_iter(struct vmb_packet *packet,
						    const void *buffer,
						    u32 buffer_length,
						    const struct iov_iter *iter,
						    u32 flags);

/**
 * vmb_packet_send_with_external_pfns() - send a packet with whole pages
 * @packet: as in vmb_packet_send().
 * @buffer: as in vmb_packet_send().
 * @buffer_length: as in vmb_packet_send().
 * @pfns: numbers of 4 KiB pages of ordinary memory that the caller keeps until
 *	the completion routine; the array is not used after the call.
 * @pfn_count: entries of @pfns.
 * @flags: as in vmb_packet_send(); WAIT_FOR_COMPLETION is required,
 *	FORCE_MDL_LENGTH not allowed.
 *
 * Context: any but hard interrupt.
 * Return: as vmb_packet_send(); -EINVAL, too, for a number that is no memory.
 *
 * VmbPacketSendWithExternalPfns.
 */
int __must_check vmb_packet_send_with_external_pfns(struct vmb_packet *packet,
						    const void *buffer,
						    u32 buffer_length,
						    const u64 *pfns, u32 pfn_count,
						    u32 flags);

/**
 * vmb_channel_send_synchronous_request() - send a packet and wait for its end
 * @channel: the channel.
 * @buffer: payload, or NULL.
 * @buffer_size: bytes of @buffer, at most the channel's maximum packet size.
 * @vectors: external data, or NULL. Any memory, the caller's again when the
 *	call returns; if it may return before the peer has answered (it has a
 *	time-out, or is called from a callback) and the memory is one that
 *	cannot be kept from being freed, such as kmalloc's, it is copied.
 * @vector_count: entries of @vectors.
 * @flags: VMB_CHANNEL_FORMAT_FLAG_*. With WAIT_FOR_COMPLETION it waits for the
 *	peer's completion, without it until the packet is in the ring.
 * @completion_buffer: gets the payload of the completion; or NULL.
 * @completion_buffer_size: bytes of @completion_buffer, a multiple of 8; gets
 *	the bytes that the completion has; or NULL if @completion_buffer is NULL.
 * @timeout: jiffies to wait; MAX_SCHEDULE_TIMEOUT: without limit; 0: not at all,
 *	then the packet is not queued if it finds no room.
 *
 * A request that has timed out before it was in the ring was never sent, unless
 * its time-out was 0. If it was, it cannot be recalled: the peer may still
 * answer, which is ignored, and use the external data, whose pages stay until
 * then; of memory that was copied it uses the copy, and the caller's does not
 * change any more.
 *
 * While another CPU delivers packets, the ring is its: a request with a
 * time-out of 0 that has room goes out when those are through.
 *
 * A server may only use a time-out of 0, without WAIT_FOR_COMPLETION.
 *
 * The wait is no interruptible one, and not left when tasks are frozen: its caller
 * may hold what the driver needs to suspend. So a task that waits here keeps the VM
 * from hibernating, as one that waits for a disk does; if the peer may take long,
 * let it wait with a time-out, or in a worker.
 *
 * Context: process context; any but hard interrupt for a time-out of 0 without
 * WAIT_FOR_COMPLETION. Not from opened, started, suspend and closed, nor from
 * the packet callbacks, processing_complete among them, where no answer can come.
 * From a callback of another channel of the device it may wait, but not for longer
 * than that channel can: if that is to be closed the request is given up (-ENODEV),
 * and if it is to be paused, and the answer cannot come before a start (-EDEADLK);
 * both hold in post_started, too. What was sent stays in flight then, as after a
 * time-out.
 * Return: 0; -EAGAIN: with a time-out of 0: no room, or the channel does not
 * run, or as vmb_packet_send(); -ETIMEDOUT: the time is
 * over, with WAIT_FOR_COMPLETION and a time-out of 0 always unless the answer is
 * there at once; -EOVERFLOW: the completion is larger than @completion_buffer,
 * which has its beginning; -EDEADLK: called where it would wait for itself;
 * -ENODEV: the channel is disabled or closing, or went meanwhile; -EINVAL: also
 * a negative time-out, or a size that is no multiple of 8; -EOPNOTSUPP: a server
 * that would have to wait; -ENOMEM, also for the copy; -EPROTO, or -EIO, after
 * which external data that was not copied must never be freed: as
 * vmb_packet_completion_routine_fn(); or as vmb_packet_send().
 *
 * VmbChannelSendSynchronousRequest. STATUS_BUFFER_OVERFLOW is -EAGAIN,
 * STATUS_CANCELLED is -ETIMEDOUT, STATUS_DEVICE_REMOVED is -ENODEV.
 */
int vmb_channel_send_synchronous_request(struct vmb_channel *channel,
					 const void *buffer, u32 buffer_size,
					 const struct bio_vec *vectors,
					 u32 vector_count, u32 flags,
					 void *completion_buffer,
					 u32 *completion_buffer_size,
					 long timeout);

#endif
