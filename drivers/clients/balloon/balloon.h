/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The balloon client: what its files share.
 *
 *   balloon.c	the device's life, and what sysfs shows
 *   protocol.c	messages
 *   pages.c	the pages that the host has
 */
#ifndef BALLOON_H
#define BALLOON_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <vmbkmcl.h>

#include "dynamic_memory.h"

/* The host could give back a part of a larger page. */
#define BALLOON_IS_POSSIBLE	(PAGE_SIZE == 4096)

/**
 * enum balloon_state - how far guest and host have come
 * @BALLOON_CLOSED: the channel is closed.
 * @BALLOON_STARTED: it is open, nothing was said.
 * @BALLOON_VERSION: a version was asked for.
 * @BALLOON_CAPABILITIES: capabilities were reported.
 * @BALLOON_RUNNING: the host may ask.
 * @BALLOON_REFUSED: the host wants no version of ours, or no capabilities.
 */
enum balloon_state {
	BALLOON_CLOSED,
	BALLOON_STARTED,
	BALLOON_VERSION,
	BALLOON_CAPABILITIES,
	BALLOON_RUNNING,
	BALLOON_REFUSED,
};

/**
 * struct balloon - one Dynamic Memory device
 * @device: the library's half.
 * @workqueue: runs all work of the device.
 * @channel: its channel.
 * @lock: protects @packets.
 * @packets: what the host has sent and nobody has looked at, the oldest first.
 * @work: looks at it. All that follows is its own as long as the channel is open,
 *	but for what says otherwise.
 * @status_work: reports pressure once a second, while @state is BALLOON_RUNNING.
 * @transaction: of the last message that began one; any thread's.
 * @state: how far they have come.
 * @suspended: the channel is about to be closed; cleared when it starts.
 * @version: which of our versions was asked for last.
 * @message: the answer that is being made.
 * @pages: pages that the host has, by number.
 * @ballooned: how many they are.
 * @inflated: pages given to the host so far.
 * @deflated: pages that came back so far.
 * @unknown: pages that the host gave back without having them.
 * @malformed: messages that were too short, or came when they should not.
 *
 * Allocated by probe, freed by remove.
 */
struct balloon {
	struct vmb_device *device;
	struct workqueue_struct *workqueue;
	struct vmb_channel *channel;
	spinlock_t lock;
	struct list_head packets;
	struct work_struct work;
	struct delayed_work status_work;
	atomic_t transaction;
	enum balloon_state state;
	bool suspended;
	u32 version;
	union {
		struct dm_balloon_response response;
		u8 bytes[DM_MAXIMUM_SIZE];
	} message;
	struct xarray pages;
	unsigned long ballooned;
	u64 inflated;
	u64 deflated;
	u64 unknown;
	u64 malformed;
};

/* pages.c */
unsigned long balloon_floor(const struct balloon *balloon);
u32 balloon_inflate(struct balloon *balloon, u32 wanted, u32 *range_count);
void balloon_deflate(struct balloon *balloon, u64 start, u64 count);
void balloon_deflate_all(struct balloon *balloon);

/* protocol.c */
void balloon_process_packet(struct vmb_channel *channel, void *callback_context,
			    struct vmb_packet_completion *packet, void *buffer,
			    u32 buffer_length, u32 flags);
size_t balloon_packet_context_size(void);
void balloon_work(struct work_struct *work);
void balloon_status_work(struct work_struct *work);

#endif
