/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the library calls. Part of vmbkmcl.h, which is
 * what a client includes.
 */
#ifndef VMBKMCL_CALLBACKS_H
#define VMBKMCL_CALLBACKS_H

/**
 * enum vmb_channel_stop_reason - why a channel was suspended, or closed
 * @VMB_CHANNEL_STOP_DISABLED: vmb_channel_disable() was called.
 * @VMB_CHANNEL_STOP_PEER_GONE: the peer took back its offer.
 * @VMB_CHANNEL_STOP_FRAMING_LOST: the peer broke the ring.
 * @VMB_CHANNEL_STOP_PAUSED: vmb_channel_pause() was called; given to suspend
 *	only, the channel stays open.
 * @VMB_CHANNEL_STOP_HIBERNATING: the VM hibernates; the channel stays
 *	enabled, and opened is called again when it resumes, as for a new connection:
 *	the peer remembers nothing, and GPADLs are made anew. If it cannot be opened
 *	then, &vmb_channel_pnp_failure_fn is called. Freezable threads and
 *	workqueues stand still: packets that such a one holds are not waited for
 *	longer than a second, and their completions are dropped. Packets that the
 *	client sends from then on, or that found no room before, go out after it:
 *	a client that waits for them in closed keeps the VM from hibernating, and
 *	after 10 seconds they end with -ENODEV.
 * @VMB_CHANNEL_STOP_SHUTDOWN: the VM shuts down, or another kernel is about
 *	to take it over. As VMB_CHANNEL_STOP_HIBERNATING, without a resume: what the
 *	client has sent ends, with -ENODEV, before closed, and it can send no more.
 *
 * KMCL has no such argument; here enable is asynchronous and has no other way
 * to tell.
 */
enum vmb_channel_stop_reason {
	VMB_CHANNEL_STOP_DISABLED = 1,
	VMB_CHANNEL_STOP_PEER_GONE,
	VMB_CHANNEL_STOP_FRAMING_LOST,
	VMB_CHANNEL_STOP_PAUSED,
	VMB_CHANNEL_STOP_HIBERNATING,
	VMB_CHANNEL_STOP_SHUTDOWN,
};

/**
 * typedef vmb_channel_process_packet_fn - a packet arrived
 * @channel: the channel.
 * @callback_context: from vmb_channel_init_set_process_packet_callbacks().
 * @packet: names the packet until vmb_channel_packet_complete().
 * @buffer: the payload: a private, writable copy, 8-aligned, valid until the
 *	packet is completed.
 * @buffer_length: bytes, a multiple of 8: the wire does not say it finer, so up
 *	to 7 bytes at the end are the sender's padding.
 * @flags: VMB_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA or 0.
 *
 * Every packet delivered must be completed once, now or later, also those whose
 * sender wants no completion; vmb_channel_packet_fail() is the other way out.
 * Calls of one channel never overlap.
 *
 * A client that holds as many packets as the channel can have objects for gets no
 * more until it completes one, see vmb_channel_init_set_inbound_packet_count().
 * Completions of its own packets are read all the same, up to the next packet for
 * it: the ring is read in order.
 *
 * Packets that it has deferred by vmb_channel_packet_defer_to_passive() come
 * again, before any other.
 *
 * Context: softirq, or process context; must not sleep, but where
 * vmb_channel_set_incoming_processing_at_passive() or a deferral allows it.
 *
 * EVT_VMB_CHANNEL_PROCESS_PACKET_EX.
 */
typedef void (*vmb_channel_process_packet_fn)(struct vmb_channel *channel,
					      void *callback_context,
					      struct vmb_packet_completion *packet,
					      void *buffer, u32 buffer_length,
					      u32 flags);

/**
 * typedef vmb_channel_processing_complete_fn - there will be a pause
 * @channel: the channel.
 * @callback_context: from vmb_channel_init_set_process_packet_callbacks().
 * @packets_processed: packets delivered since the last call, at least 1.
 *
 * Delivery pauses: the ring is empty, or a budget is used up, or no packet
 * object is free. Packets of the batch may still be uncompleted.
 *
 * Context: as the process-packet callback; never overlaps it.
 *
 * EVT_VMB_CHANNEL_PROCESSING_COMPLETE_EX.
 */
typedef void (*vmb_channel_processing_complete_fn)(struct vmb_channel *channel,
						   void *callback_context,
						   u32 packets_processed);

/**
 * typedef vmb_channel_pnp_failure_fn - a channel could not be opened
 * @channel: the channel, enabled before; disabled soon after this has returned, or, if it
 *	was open before the VM hibernated, when the client has completed what it holds.
 *	vmb_channel_disable() waits for that.
 * @failure: negative errno of the open; -ENODEV: the peer went before it; -ENOSPC: it
 *	has kept memory of the channel for good 64 times, and gets no more.
 *
 * Also when the VM has hibernated, and the channel cannot be opened again. Nothing
 * is open, so neither suspend nor closed is called: a client that waits for opened
 * or started has to hear of this, and any may, by calling
 * vmb_client_channel_init_set_target_pnp() with the type of its own device.
 *
 * Context: process context, a worker.
 *
 * EVT_VMB_CHANNEL_PNP_FAILURE.
 */
typedef void (*vmb_channel_pnp_failure_fn)(struct vmb_channel *channel,
					   int failure);

/**
 * typedef vmb_packet_completion_routine_fn - an outbound packet has ended
 * @packet: the packet; the client's again, to be sent again or freed, also from
 *	in here.
 * @callback_context: from vmb_packet_set_completion_routine().
 * @status: 0: the peer has completed it, or, if no completion was asked for, it
 *	is in the ring; -ENODEV: the channel went first; -EPROTO: the peer's
 *	completion is malformed;
 *	-EMSGSIZE: it was sent before the channel was open, and the ring cannot
 *	hold it; -EIO: the channel went, and the peer may still write to the packet's
 *	external data, which must never be freed; -ECANCELED: a server's, which has
 *	handed it over, see vmb_channel_save_begin().
 * @buffer: payload of the completion, 8-aligned; valid during the call only.
 *	NULL if there is none.
 * @buffer_length: bytes of @buffer, a multiple of 8: up to 7 of them are the
 *	peer's padding. As many as the peer has sent, which may be more than the
 *	channel's maximum packet size: that is for packets.
 *
 * Called exactly once for each packet that a send has accepted, before disable
 * returns; possibly before the send returns. A routine that sends is not called
 * inside itself. Routines of different packets may run at the same time, and those
 * that end at the same time in any order.
 *
 * Context: softirq, or process context, or the context of any send, complete, disable,
 * cleanup or restore on the channel; must not sleep. Only what the peer has completed may,
 * that is a packet with WAIT_FOR_COMPLETION whose status is 0 or -EPROTO, and only if
 * vmb_channel_set_incoming_processing_at_passive() says so.
 *
 * EVT_VMB_PACKET_COMPLETION_ROUTINE_EX.
 */
typedef void (*vmb_packet_completion_routine_fn)(struct vmb_packet *packet,
						 void *callback_context,
						 int status, const void *buffer,
						 u32 buffer_length);

#define VMB_CHANNEL_STATE_CHANGE_CALLBACKS_VERSION	1

/**
 * struct vmb_channel_state_change_callbacks - the life of a channel
 * @version: VMB_CHANNEL_STATE_CHANGE_CALLBACKS_VERSION.
 * @size: sizeof(struct vmb_channel_state_change_callbacks), in bytes.
 * @callback_context: handed to each of them.
 * @opened: the channel is open, no packet flows yet. An errno closes it again,
 *	without closed. GPADLs may be made here or later.
 * @closed: the channel is closed, for the reason given; a client is disabled
 *	soon after this has returned, unless the VM hibernates, and
 *	vmb_channel_disable() waits for that. All GPADLs must be
 *	deleted by then. Called once for each time that opened has returned 0. What
 *	a server sends in here, unless it is being disabled, is held for the next
 *	open.
 * @suspend: packets stopped, for the reason given: no process-packet callback
 *	is running, none will until started. All packets delivered must be
 *	completed now, not necessarily in here: closed waits for them (not
 *	longer than 30 seconds when the device is being removed).
 * @started: the channel is about to deliver packets. Must not wait for any.
 * @post_started: packets are being delivered, possibly already while this runs.
 *
 * All are optional, called in process context by a worker, one at a time, in
 * the order opened, started, post_started, suspend, closed. The client must not
 * disable or clean up the channel from within them (-EDEADLK).
 *
 * A client that waits in them for work of its own (cancel_work_sync(), a lock that the
 * work holds, a thread) has to know what that work waits for. In opened and started no
 * packet moves, so not for work that waits for one. In post_started packets move.
 * In suspend what the client has sent has not ended yet: it ends when suspend has
 * returned, so work that waits for the end of a packet, or inside
 * vmb_channel_send_synchronous_request(), is not to be waited for; tell it to stop.
 * In closed every packet has ended, and such work with it: wait for it there, unless
 * the reason is %VMB_CHANNEL_STOP_HIBERNATING: what the peer has not seen then is held
 * until the VM has resumed, and so is work that waits for its end.
 *
 * A driver that learns in post_started, or from a packet, that it cannot work with
 * this peer has nobody to tell: its probe has returned 0 long ago. It queues work
 * that calls vmb_channel_disable(), and keeps the channel, disabled, until its
 * remove, which waits for that work before it cleans the channel up. What can be
 * told before any packet moves is told by an errno from opened.
 *
 * VMB_CHANNEL_STATE_CHANGE_CALLBACKS_V5.
 */
struct vmb_channel_state_change_callbacks {
	u32 version;
	u32 size;
	void *callback_context;
	int (*opened)(struct vmb_channel *channel, void *callback_context);
	void (*closed)(struct vmb_channel *channel, void *callback_context,
		       enum vmb_channel_stop_reason reason);
	void (*suspend)(struct vmb_channel *channel, void *callback_context,
			enum vmb_channel_stop_reason reason);
	void (*started)(struct vmb_channel *channel, void *callback_context);
	void (*post_started)(struct vmb_channel *channel, void *callback_context);
};

/**
 * vmb_channel_state_change_callbacks_init() - all callbacks unset
 * @callbacks: what to initialise.
 *
 * Context: any.
 *
 * VMB_CHANNEL_STATE_CHANGE_CALLBACKS_INIT_V5.
 */
static inline void
vmb_channel_state_change_callbacks_init(struct vmb_channel_state_change_callbacks *callbacks)
{
	*callbacks = (struct vmb_channel_state_change_callbacks) {
		.version = VMB_CHANNEL_STATE_CHANGE_CALLBACKS_VERSION,
		.size = sizeof(*callbacks),
	};
}

#endif
