/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The source client: what its files share.
 *
 *   common.c		how a request begins, and the account of what is wrong
 *   requests.c		synchronous requests, and the shared memory
 *   external.c		packets with external data
 *   send.c		packets by the thousand, from several threads
 *   run.c		what is done in which order
 *   source.c		the device's life, and what sysfs shows
 *
 * A file calls only those above it in this list.
 */
#ifndef SOURCE_H
#define SOURCE_H

#include <linux/atomic.h>
#include <linux/llist.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <vmbkmcl.h>

#include "source_protocol.h"

/* Packet objects of one sender: more than a ring of one page can hold. */
#define SOURCE_WINDOW		128u
/* Packets with external data that may be in flight. */
#define SOURCE_SLOTS		8u
/* Hyper-V's pages: what the peer, and a range, counts in. */
#define SOURCE_HOST_PAGE_SHIFT	12
#define SOURCE_HOST_PAGE_SIZE	4096u
/* Objects that the library needs for synchronous requests, and to spare. */
#define SOURCE_REQUESTS		8u

/*
 * What sysfs shows; wrong and duplicated are 0 in a world without bugs.
 *
 *  sends		packets of the senders that the channel accepted
 *  sends_ended		completion routines that ran for them
 *  send_completions	of these, with the peer's completion, found right
 *  sends_queued	packets that were not in the ring yet when their send
 *			returned, as far as that can be seen: only a packet
 *			without completion ends by being in the ring
 *  tries		zero time-outs that were sent
 *  tries_refused	zero time-outs that found no room
 *  externals		packets with external data that the channel accepted
 *  externals_ended	completion routines that ran for them
 *  cut_off		sends and externals that ended because the channel went
 *  external_out_bytes	bytes the peer read, and said that they are right
 *  external_in_bytes	bytes the peer wrote, found right
 *  sync_requests	synchronous requests that ended as they should
 *  sync_timeouts	of these, by running into their time-out
 *  gpadl_bytes		bytes of shared memory the peer wrote, found right
 *  leaked		pages that the peer may still write to
 *  duplicated		completion routines that ran when they should not
 *  wrong		anything else
 */
struct source_counters {
	atomic64_t sends;
	atomic64_t sends_ended;
	atomic64_t send_completions;
	atomic64_t sends_queued;
	atomic64_t tries;
	atomic64_t tries_refused;
	atomic64_t externals;
	atomic64_t externals_ended;
	atomic64_t cut_off;
	atomic64_t external_out_bytes;
	atomic64_t external_in_bytes;
	atomic64_t sync_requests;
	atomic64_t sync_timeouts;
	atomic64_t gpadl_bytes;
	atomic64_t leaked;
	atomic64_t duplicated;
	atomic64_t wrong;
};

/**
 * struct source_plan - what the peer wants, see struct vmb_source_plan
 * @sends: packets of all senders together.
 * @externals: packets with external data.
 * @requests: synchronous requests.
 * @fills: times that the peer is to write the shared memory.
 * @endless: go on until the channel closes.
 */
struct source_plan {
	u64 sends;
	u32 externals;
	u32 requests;
	u32 fills;
	bool endless;
};

/**
 * struct source_sender - a thread that sends
 * @source: whose it is.
 * @work: the thread.
 * @free: packets to send with; the routines add, only @work takes.
 * @freed: woken when one was added.
 * @stream: its number.
 * @goal: packets to send.
 * @accepted: packets sent; @work's alone.
 * @buffer: where the next payload is made; @work's alone.
 *
 * Part of the device.
 */
struct source_sender {
	struct source_device *source;
	struct work_struct work;
	struct llist_head free;
	wait_queue_head_t freed;
	u32 stream;
	u64 goal;
	u64 accepted;
	u8 buffer[VMB_SOURCE_MAXIMUM_PACKET_SIZE] __aligned(8);
};

/**
 * struct source_device - one source device
 * @device: the VMBus device.
 * @channel: its channel.
 * @workqueue: runs @run_work and the senders.
 * @run_work: does what the peer wants, from post_started on.
 * @plan: what that is; set by @run_work before the senders start.
 * @senders: the senders.
 * @stopping: the channel is about to close: send nothing any more.
 * @tries: packets of the stream of tries; @run_work's alone.
 * @shared: memory that the peer may write, while open.
 * @shared_copy: what it should hold; @run_work's alone.
 * @gpadl: the peer's name for it.
 * @verdict: our own: 0 none yet, 1 content, 2 not.
 * @peer_verdict: the peer's: 0 none yet, 1 content, 2 not.
 * @count: what sysfs shows.
 *
 * Allocated by probe, freed by remove.
 */
struct source_device {
	struct vmb_device *device;
	struct vmb_channel *channel;
	struct workqueue_struct *workqueue;
	struct work_struct run_work;
	struct source_plan plan;
	struct source_sender senders[VMB_SOURCE_SENDERS];
	bool stopping;
	u64 tries;
	void *shared;
	u8 *shared_copy;
	u32 gpadl;
	u32 verdict;
	u32 peer_verdict;
	struct source_counters count;
};

/* common.c */
u32 source_checksum(u32 crc, const void *data, size_t length);
void source_make_request(struct vmb_source_request *request, u32 command,
			 u32 stream, u64 sequence, u32 body_length);
void source_wrong(struct source_device *source, const char *what, int error);

/* requests.c */
int source_begin(struct source_device *source);
int source_ping(struct source_device *source, u32 number);
int source_try(struct source_device *source);
int source_fill(struct source_device *source, u32 number);
int source_time_out(struct source_device *source);
int source_finished(struct source_device *source);

/* external.c */
struct source_slots;
struct source_slots *source_slots_create(struct source_device *source);
int source_slots_send(struct source_slots *slots, u32 number);
void source_slots_destroy(struct source_slots *slots);

/* send.c */
u32 source_packet_context_size(void);
void source_senders_init(struct source_device *source);
int source_senders_start(struct source_device *source);
void source_senders_wait(struct source_device *source);

/* run.c */
void source_run(struct work_struct *work);

#endif
