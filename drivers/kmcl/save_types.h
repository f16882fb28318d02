/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A channel that is being saved, or restored. Part of channel.h.
 */
#ifndef VMB_SAVE_TYPES_H
#define VMB_SAVE_TYPES_H

#include <linux/list.h>
#include <vmbkmcl.h>

#include "ring.h"

/**
 * enum vmb_save_state - how far a save is
 * @VMB_SAVE_NONE: there is none.
 * @VMB_SAVE_BEGUN: the channel stands still, and its state is being fetched.
 * @VMB_SAVE_DONE: all of it was fetched; the channel stands still.
 * @VMB_SAVE_SPOILT: it still does, and was started since: it is not handed over.
 * @VMB_SAVE_HANDED_OVER: it is being disabled after that: the session goes on.
 */
enum vmb_save_state {
	VMB_SAVE_NONE,
	VMB_SAVE_BEGUN,
	VMB_SAVE_DONE,
	VMB_SAVE_SPOILT,
	VMB_SAVE_HANDED_OVER,
};

/**
 * struct vmb_save - a server's state, on its way out
 * @save_packet: the driver's, or NULL; immutable while enabled, as the next two.
 * @restore_packet: the driver's, or NULL.
 * @context: handed to both.
 * @state: under life.lock.
 * @session: number of the last save of this channel.
 * @noted: which packets were in flight then, see vmb_restore_note_in_flight().
 * @image: the state; NULL: no save has begun, or it has ended. This and what follows
 *	is the caller's who saves.
 * @size: bytes of it.
 * @position: of these were fetched.
 * @chunk: chunks fetched.
 */
struct vmb_save {
	vmb_channel_save_packet_fn save_packet;
	vmb_channel_restore_packet_fn restore_packet;
	void *context;
	enum vmb_save_state state;
	u64 session;
	u64 noted;
	void *image;
	u32 size;
	u32 position;
	u32 chunk;
};

/**
 * enum vmb_restore_state - how far a restore is
 * @VMB_RESTORE_NONE: there is none.
 * @VMB_RESTORE_INCOMPLETE: chunks are missing.
 * @VMB_RESTORE_COMPLETE: all is restored, and waits for enable.
 */
enum vmb_restore_state {
	VMB_RESTORE_NONE,
	VMB_RESTORE_INCOMPLETE,
	VMB_RESTORE_COMPLETE,
};

/**
 * struct vmb_restore_settings - what a state and its channel must have in common
 * @type: of what is offered.
 * @instance: of what is offered.
 * @flags: VMB_CHANNEL_INIT_FLAG_*.
 * @server_flags: VMB_SERVER_CHANNEL_INIT_FLAG_*.
 * @packet_size: maximum packet size.
 * @packet_count: maximum packet count.
 * @external_bytes: limit of external data.
 * @external_chain: limit of external data.
 */
struct vmb_restore_settings {
	guid_t type;
	guid_t instance;
	u32 flags;
	u32 server_flags;
	u32 packet_size;
	u32 packet_count;
	u32 external_bytes;
	u32 external_chain;
};

/**
 * struct vmb_restore - a server's state, on its way in
 * @state: the caller's who restores, as all of this; enable's after that.
 * @session: number of the save.
 * @settings: as they were there.
 * @at: where the rings stood.
 * @chunk: the next that is expected.
 * @packets: that are missing.
 * @in_flight: of these, that the client had.
 * @noted: which of them came so far, see vmb_restore_note_in_flight().
 * @room: bytes of records that may still come.
 * @busy: a chunk is being restored, perhaps in its driver's callback.
 * @slots: bitmap of the slots that packets in flight have.
 * @list: the packets restored so far, in their order.
 * @record: the packet whose callback is running; NULL: none, or it was restored.
 */
struct vmb_restore {
	enum vmb_restore_state state;
	u64 session;
	struct vmb_restore_settings settings;
	struct vmb_ring_positions at;
	u32 chunk;
	u32 packets;
	u32 in_flight;
	u64 noted;
	u32 room;
	bool busy;
	unsigned long *slots;
	struct list_head list;
	const struct vmb_save_packet *record;
};

#endif
