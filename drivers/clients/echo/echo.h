/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The echo client: what its files share.
 *
 *   echo.c		the device's life, and answering packets
 *   sub_channels.c	further channels of the device
 */
#ifndef ECHO_H
#define ECHO_H

#include <linux/llist.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <vmbkmcl.h>

#include "echo_protocol.h"

/* The peer may have more: these are enough. */
#define ECHO_SUB_CHANNELS	4

struct echo_device;

/**
 * struct echo_channel - one channel of an echo device
 * @echo: the device.
 * @channel: the library's half; NULL: a sub-channel that was never wanted.
 * @index: 0: the primary channel.
 * @shared: memory that the peer may use, while open.
 * @gpadl: the peer's name for it.
 * @deferred: packets that wait for the worker; lock-free.
 * @answer_work: the worker.
 * @packets: counts packets, to pick those that are deferred; the packet
 *	callback's alone, which never overlaps itself.
 * @gone: the peer took back this sub-channel. Set by its closed callback, reset
 *	by the work that enables it again.
 */
struct echo_channel {
	struct echo_device *echo;
	struct vmb_channel *channel;
	u16 index;
	void *shared;
	u32 gpadl;
	struct llist_head deferred;
	struct work_struct answer_work;
	u32 packets;
	bool gone;
};

/**
 * struct echo_device - one echo device
 * @device: the library's half.
 * @workqueue: runs all work of the device.
 * @primary: its primary channel.
 * @sub_channels: sub-channels 1 and on, &sub_work's until that is cancelled.
 * @sub_channel_count: how many of them are to be had; the peer's word.
 * @sub_work: gets them.
 * @peer_verdict: what the peer said at its end: 0 nothing, 1 content, 2 not.
 *
 * Allocated by probe, freed by remove.
 */
struct echo_device {
	struct vmb_device *device;
	struct workqueue_struct *workqueue;
	struct echo_channel primary;
	struct echo_channel sub_channels[ECHO_SUB_CHANNELS];
	u32 sub_channel_count;
	struct work_struct sub_work;
	u32 peer_verdict;
};

/* echo.c */
int echo_channel_allocate(struct echo_channel *channel, struct vmb_device *device);
void echo_channel_cleanup(struct echo_channel *channel);

/* sub_channels.c */
void echo_sub_channels_init(struct echo_device *echo);
void echo_sub_channels_get(struct echo_device *echo, u32 count);
void echo_sub_channel_gone(struct echo_channel *channel);
void echo_sub_channels_cleanup(struct echo_device *echo);

#endif
