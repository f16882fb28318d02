/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A server's state, saved and restored. Part of vmbkmcl.h, which is what a client
 * includes.
 *
 * What for: the driver of a server on loopback is replaced, and its client neither
 * notices nor loses or repeats a packet.
 *
 * What is saved: the packets that the server has sent and its client has not
 * completed, those that it has sent and that wait for room or for the channel to
 * start, and the settings that both depend on. What is not: the rings, which are the
 * client's memory and stay with it; packets that the server has not read yet, which
 * are in them; and packets that the server's driver holds, of which there must be
 * none. A server's packets have no external data; that of its client's packets, and
 * GPADLs, the new server finds by the rings and by handle, as the old one did.
 *
 * How a session goes over to another channel:
 *
 *	vmb_channel_pause(old)		no packet is delivered, all are completed
 *	vmb_channel_save_begin(old)	nothing is read or written from here on
 *	vmb_channel_save_continue(old)	until it returns 0
 *	vmb_channel_save_end(old)
 *	vmb_channel_disable(old)	handed over: the client stays open, its packets
 *					wait in the ring, as with a server that is slow;
 *					the old packets end with -ECANCELED
 *	vmb_channel_restore_from_buffer(new)	until it returns 0
 *	vmb_channel_enable(new)		the session is the new channel's: opened
 *	vmb_channel_start(new)		packets flow
 *
 * A state belongs to one moment of one session. Where the rings stood then is kept
 * with the session as well as in the state, under a number that no other save has: so
 * it is restored once, and not when the old server has been started again after the
 * save, which makes the state worthless. Instead of vmb_channel_disable() the old server
 * may be started, as after any pause.
 *
 * Between the two servers nobody but the new one can offer the same type and instance
 * (-EEXIST); memory that was offered with it stays the same. If the client goes first,
 * the session is over, and the offer with it. A closed channel has no session, a
 * sub-channel's is not saved (-EOPNOTSUPP).
 *
 * What a state is believed: it may come from anywhere. Each chunk has a checksum,
 * against accidents; against intent each length, count, id and order in it is checked
 * before it is used, and which packets are in flight is kept with the session, too. So
 * whoever forges one can change what waits to be sent, and what the drivers have added
 * to each packet, but no more than that.
 */
#ifndef VMBKMCL_SAVE_H
#define VMBKMCL_SAVE_H

/**
 * typedef vmb_channel_save_packet_fn - what the driver knows of a packet
 * @channel: the channel.
 * @callback_context: from vmb_server_channel_init_set_save_restore_packet_callbacks().
 * @packet: a packet that is in flight, or waits; to be looked at only.
 * @buffer: gets the driver's own state; NULL in the first call.
 * @buffer_size: bytes of @buffer; 0 in the first call.
 * @bytes_needed: 0 when called; set it to the bytes of that state, at most 65,536.
 *
 * Called for each packet, from vmb_channel_save_begin(). 0 in the first call: the
 * driver has nothing to save of it. With an errno, and @bytes_needed set, it is called
 * once more with room for as many.
 *
 * Context: process context. May sleep, but calls on the channel that wait are
 * -EDEADLK.
 * Return: 0, or an errno, with which the save fails but for the first call. Anything
 * else counts as -EINVAL.
 *
 * EVT_VMB_CHANNEL_SAVE_PACKET_EX.
 */
typedef int (*vmb_channel_save_packet_fn)(struct vmb_channel *channel,
					  void *callback_context,
					  struct vmb_packet *packet, void *buffer,
					  u32 buffer_size, u32 *bytes_needed);

/**
 * typedef vmb_channel_restore_packet_fn - a packet of the old server's
 * @channel: the channel.
 * @callback_context: from vmb_server_channel_init_set_save_restore_packet_callbacks().
 * @library_buffer: the library's part, for vmb_packet_restore(); valid during the
 *	call.
 * @library_size: bytes of it.
 * @buffer: what the save callback has written; valid during the call. NULL: nothing.
 * @buffer_size: bytes of it.
 *
 * The driver gets a packet, gives it to vmb_packet_restore(), and takes its own state
 * out of @buffer, of which it believes no more than of any other input.
 *
 * Context: process context, from vmb_channel_restore_from_buffer().
 * Return: 0, or an errno, with which the restore fails.
 *
 * EVT_VMB_CHANNEL_RESTORE_PACKET_EX.
 */
typedef int (*vmb_channel_restore_packet_fn)(struct vmb_channel *channel,
					     void *callback_context,
					     const void *library_buffer,
					     u32 library_size, const void *buffer,
					     u32 buffer_size);

/**
 * vmb_server_channel_init_set_save_restore_packet_callbacks() - each packet's own
 * @channel: a disabled server channel.
 * @callback_context: handed to both.
 * @save_packet: NULL: the driver keeps no state with its packets.
 * @restore_packet: NULL: a state that has packets in it is not restored.
 *
 * The last call counts.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled; -EINVAL: not a server.
 *
 * VmbServerChannelInitSetSaveRestorePacketCallbacksEx.
 */
int vmb_server_channel_init_set_save_restore_packet_callbacks(struct vmb_channel *channel,
							      void *callback_context,
							      vmb_channel_save_packet_fn
							      save_packet,
							      vmb_channel_restore_packet_fn
							      restore_packet);

/**
 * vmb_channel_save_begin() - take the state of a server
 * @channel: a server channel that is open, and that vmb_channel_pause() has paused.
 *
 * All of the state is taken here, and calls the save callback of each packet. From here
 * to vmb_channel_save_end() the channel neither reads nor writes, sends are -ENODEV
 * and vmb_channel_start() is -EBUSY; it can be disabled, which makes the state
 * worthless. Paired with vmb_channel_save_end() if this returns 0; otherwise the
 * channel is paused as before. The caller serialises this and the next two calls.
 *
 * Context: process context. Not from a callback of the channel.
 * Return: 0; -EINVAL: not a server; -EOPNOTSUPP: a sub-channel, or one has been
 * enabled; -EDEADLK: from a callback; -ENOTCONN: not open; -ENODEV: it closes, or is
 * broken; -EBUSY: not paused, a save has begun, the driver holds or has put off a
 * packet, or a completion still waits for room in the ring: the client has to read
 * first; -E2BIG: more than 65,536 packets, or 64 MiB; -EMSGSIZE: the driver's state of
 * a packet is too long; -ENOMEM; or what the save callback said.
 *
 * VmbChannelSaveBegin.
 */
int __must_check vmb_channel_save_begin(struct vmb_channel *channel);

/**
 * vmb_channel_save_continue() - the next chunk of the state
 * @channel: the channel.
 * @buffer: gets it.
 * @buffer_size: bytes of @buffer.
 * @bytes_filled: gets the bytes of the chunk: so many are to be kept, as one chunk.
 * @bytes_required: gets the bytes that @buffer must have, at least, for the next one
 *	to be more than nothing; 0: there is none.
 *
 * Context: process context.
 * Return: 0: that was the last; -EOVERFLOW: a chunk was written, and more remain;
 * -ENOBUFS: nothing was written, see @bytes_required; -EINVAL: no save has begun, or
 * all was written; -ENODEV: the channel has been closed since, the state is of no use.
 *
 * VmbChannelSaveContinue: STATUS_BUFFER_OVERFLOW is -EOVERFLOW, and
 * STATUS_BUFFER_TOO_SMALL is -ENOBUFS.
 */
int __must_check vmb_channel_save_continue(struct vmb_channel *channel, void *buffer,
					   u32 buffer_size, u32 *bytes_filled,
					   u32 *bytes_required);

/**
 * vmb_channel_save_end() - the state was taken, or is not wanted any more
 * @channel: the channel.
 *
 * If vmb_channel_save_continue() has returned 0, the channel stays as it is: the next
 * call is vmb_channel_disable(), which hands the session over, or vmb_channel_start() or
 * another vmb_channel_save_begin(), which make the state worthless. Otherwise it is
 * paused again as before the save. vmb_channel_cleanup() does it, too.
 *
 * Context: process context. Not from a callback of the channel, but for closed.
 *
 * VmbChannelSaveEnd.
 */
void vmb_channel_save_end(struct vmb_channel *channel);

/**
 * vmb_channel_restore_from_buffer() - give a server the state of another
 * @channel: a disabled server channel, with the same target, flags, maximum packet
 *	size and count and external data as the one whose state it is.
 * @buffer: a chunk as vmb_channel_save_continue() has written it.
 * @buffer_size: bytes of it.
 *
 * Chunks come in their order. The restore callback is called for each packet in a
 * chunk, once all of the chunk was checked. What it has restored waits for
 * vmb_channel_enable(), which is -EINVAL as long as chunks are missing, if settings were
 * changed since, or if the channel can hold fewer inbound packets than its client may
 * have in flight, and -ESTALE if the session is over or has gone on. Until enable has
 * returned 0 the packets end with -ENODEV when the channel is cleaned up, when a chunk
 * is refused, or when the first chunk of a state is given again; in all of these cases
 * all of them.
 *
 * Context: process context.
 * Return: 0: all is restored; -EINPROGRESS: good so far, another chunk is missing;
 * -EBUSY: not disabled, or from the restore callback; -EOPNOTSUPP: a sub-channel;
 * -EINVAL: not a server, no restore callback, settings are others, also than with the
 * chunk before, or the callback has restored no packet; -EPROTONOSUPPORT: of another
 * version; -EBADMSG: not what was saved, or not the chunk that is expected; -ENOMEM; or
 * what the restore callback said.
 *
 * VmbChannelRestoreFromBuffer: STATUS_MORE_PROCESSING_REQUIRED is -EINPROGRESS.
 */
int __must_check vmb_channel_restore_from_buffer(struct vmb_channel *channel,
						 const void *buffer, u32 buffer_size);

/**
 * vmb_packet_restore() - make a packet what a packet of the old server's was
 * @packet: an idle packet of the channel, with its completion routine set.
 * @library_buffer: as the restore callback has got it.
 * @library_size: likewise.
 *
 * From here on it is as one that vmb_packet_send() has accepted: its completion routine
 * is called once.
 *
 * Context: process context, in the restore callback, once for each call of that.
 * Return: 0; -EINVAL: not in there, another buffer, twice, another channel's packet, one
 * without a routine, or one of before the channel was a pipe, or was none; -EBUSY: not
 * idle.
 *
 * VmbPacketRestore.
 */
int vmb_packet_restore(struct vmb_packet *packet, const void *library_buffer,
		       u32 library_size);

#endif
