/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The client of the model block device, as its own files see it.
 */
#ifndef VMB_BLOCK_CLIENT_H
#define VMB_BLOCK_CLIENT_H

#include <linux/prandom.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <vmbkmcl.h>

#include "block_protocol.h"

#define BLOCK_SECTOR_SIZE	512u
/* Packets that are sent by block_control_ask(), one at a time. */
#define BLOCK_CONTROL_PACKETS	1u

/**
 * struct block_counters - what the client counts; sysfs has files of these names
 * @operations: reads, writes and flushes that the server carried out.
 * @reads: of these.
 * @writes: of these.
 * @flushes: of these.
 * @bytes_read: data of the reads.
 * @bytes_written: data of the writes.
 * @bytes_checked: bytes read that were what had been written.
 * @out_of_order: completions that overtook the one of an earlier request.
 * @control_requests: synchronous requests.
 * @refused: requests that were wrong and that the server refused as it should.
 * @status_reads: looks at the status page.
 * @sent: reads, writes and flushes that the channel accepted.
 * @cancelled: of these, ended because the channel went.
 * @lost: of these, never ended.
 * @duplicated: ended once more.
 * @wrong: whatever else was not as it should be.
 */
struct block_counters {
	u64 operations;
	u64 reads;
	u64 writes;
	u64 flushes;
	u64 bytes_read;
	u64 bytes_written;
	u64 bytes_checked;
	u64 out_of_order;
	u64 control_requests;
	u64 refused;
	u64 status_reads;
	u64 sent;
	u64 cancelled;
	u64 lost;
	u64 duplicated;
	u64 wrong;
};

/**
 * enum block_verdict - what the client thinks of its server
 * @BLOCK_VERDICT_NONE: it is still at work.
 * @BLOCK_VERDICT_CONTENT: everything was done, and was right.
 * @BLOCK_VERDICT_STOPPED: the channel went before everything was done; what was
 *	done was right.
 * @BLOCK_VERDICT_DISCONTENT: something was wrong.
 */
enum block_verdict {
	BLOCK_VERDICT_NONE,
	BLOCK_VERDICT_CONTENT,
	BLOCK_VERDICT_STOPPED,
	BLOCK_VERDICT_DISCONTENT,
};

/**
 * struct block_client - one model block device
 * @device: the device.
 * @channel: its channel.
 * @workqueue: for @work.
 * @work: what the client does once packets flow: the requests that wait, then
 *	the load.
 * @stopping: send nothing more; set by suspend.
 * @ended: woken when a request of the load has ended. Here, and not in the load,
 *	which may be freed between a request's end and this.
 * @status_handle: the server's name for the status page.
 * @status: the status page, while open; the server writes it at any time.
 * @capacity: of the server's disk in sectors; @work's.
 * @maximum_sectors: of one request; @work's.
 * @lock: protects @counters and @arrivals; taken with interrupts off, since
 *	packets may end so.
 * @counters: the counters.
 * @arrivals: requests of which it is known that the server had them.
 * @verdict: enum block_verdict; written by @work.
 *
 * Allocated by probe, freed by remove.
 */
struct block_client {
	struct vmb_device *device;
	struct vmb_channel *channel;
	struct workqueue_struct *workqueue;
	struct work_struct work;
	bool stopping;
	wait_queue_head_t ended;
	u32 status_handle;
	const struct vmb_block_status *status;
	u64 capacity;
	u32 maximum_sectors;
	spinlock_t lock;
	struct block_counters counters;
	u64 arrivals;
	enum block_verdict verdict;
};

/**
 * struct block_buffer - memory for the data of one request
 * @area: the memory.
 * @vectors: the pieces of it that hold the data.
 * @count: of @vectors.
 * @length: bytes of all pieces.
 *
 * Part of what it is for; @area is allocated by block_buffer_init() and freed by
 * block_buffer_destroy().
 */
struct block_buffer {
	u8 *area;
	struct bio_vec vectors[VMB_BLOCK_MAXIMUM_EXTERNAL_CHAIN];
	u32 count;
	u32 length;
};

/* To one of its own counters. Any context. */
static inline void block_client_count(struct block_client *client, u64 *counter,
				      u64 more)
{
	unsigned long flags;

	spin_lock_irqsave(&client->lock, flags);
	*counter += more;
	spin_unlock_irqrestore(&client->lock, flags);
}

/* block_data.c */
u32 block_random(struct rnd_state *random, u32 limit);
int block_buffer_init(struct block_buffer *buffer);
void block_buffer_destroy(struct block_buffer *buffer);
void block_buffer_shape(struct block_buffer *buffer, struct rnd_state *random,
			u32 length);
void block_buffer_iter(const struct block_buffer *buffer, unsigned int direction,
		       struct iov_iter *iter);
bool block_buffer_clear(struct block_buffer *buffer);

/* block_control.c */
int block_control_ask(struct block_client *client,
		      struct vmb_block_request *request, u32 request_length,
		      const struct bio_vec *vector, void *answer, u32 answer_length);
int block_control_identify(struct block_client *client);
int block_control_share_status(struct block_client *client);

/* block_provoke.c */
int block_provoke(struct block_client *client);
int block_provoke_status(struct block_client *client);

/* block_load.c */
u32 block_load_depth(void);
int block_load_run(struct block_client *client);

#endif
