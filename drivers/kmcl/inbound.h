/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The way in: packet objects, the drain, completions. What this floor offers to
 * those above it.
 */
#ifndef VMB_INBOUND_H
#define VMB_INBOUND_H

#include "outbound.h"

/* pool.c */
void vmb_pool_init(struct vmb_packet_pool *pool);
int vmb_pool_create(struct vmb_channel *channel, u32 data_size);
void vmb_pool_want_more(struct vmb_channel *channel);
void vmb_pool_stop_growing(struct vmb_channel *channel);
void vmb_pool_destroy(struct vmb_channel *channel);

/* inbound_control.c */
void vmb_inbound_control_init(struct vmb_inbound *inbound);
bool vmb_inbound_quota_is_reached(const struct vmb_channel *channel);
bool vmb_inbound_block(struct vmb_channel *channel);
void vmb_inbound_unblock(struct vmb_channel *channel);
bool vmb_inbound_is_overtime(struct vmb_channel *channel);
void vmb_inbound_drop_deferred(struct vmb_channel *channel);

/* inbound_mode.c */
void vmb_inbound_start(struct vmb_channel *channel);
void vmb_inbound_pause(struct vmb_channel *channel);
void vmb_inbound_start_discarding(struct vmb_channel *channel);
void vmb_inbound_stop(struct vmb_channel *channel);

/* completion.c */
int vmb_outbound_complete(struct vmb_packet_completion *packet,
			  const void *buffer, u32 length, u64 *counter);

/* pipe.c */
void vmb_pipe_set_receiver(struct vmb_channel *channel);

/* Why a batch ended. */
enum vmb_batch_end {
	VMB_BATCH_EMPTY,	/* nothing left to read */
	VMB_BATCH_BUDGET,	/* budget used up */
	VMB_BATCH_STARVED,	/* no packet object is free */
	VMB_BATCH_NO_ROOM,	/* a completion is longer than there is room for yet */
	VMB_BATCH_QUOTA,	/* the client holds as many as it wants to */
	VMB_BATCH_OVERTIME,	/* softirq time used up, go on in the worker */
	VMB_BATCH_DEFERRED,	/* a packet waits for the worker */
	VMB_BATCH_PENDING,	/* it waits for memory that is being shared */
	VMB_BATCH_STOPPED,	/* the mode changed, or a packet must not be read */
	VMB_BATCH_LOST,		/* the peer broke the ring */
};

/* inbound_batch.c */
enum vmb_batch_end vmb_inbound_batch(struct vmb_channel *channel,
				     enum vmb_drain_mode mode);
void vmb_inbound_deliver_again(struct vmb_channel *channel);
void vmb_inbound_give_room_back(struct vmb_channel *channel);

/* inbound.c */
void vmb_inbound_init(struct vmb_inbound *inbound);

#endif
