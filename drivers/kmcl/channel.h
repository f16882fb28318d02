/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The channel object, as its own files see it.
 *
 * Locks, outermost first:
 *   memory.mutex       makes GPADL, open and close calls of one channel take
 *                      turns (hv_vmbus wakes one waiter only); sleeps
 *   outbound.lock      outgoing ring, queue, free list, most counters; spinlock
 *   life.lock          state and stop reason; spinlock
 *   memory.lock        who may touch which page; spinlock
 * Spinlocks are taken with interrupts off, since packets may be completed so.
 * No callback of the client is called under any of them.
 */
#ifndef VMB_CHANNEL_H
#define VMB_CHANNEL_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <vmbkmcl.h>

#include "counters.h"
#include "ranges.h"
#include "ring.h"
#include "transport.h"

#define VMB_CHANNEL_NAME_SIZE	48

/**
 * enum vmb_packet_state - who has a packet object
 * @VMB_PACKET_FREE: the pool.
 * @VMB_PACKET_DELIVERED: the client: it has to complete it.
 * @VMB_PACKET_COMPLETED: the outgoing queue, or on the way back to the pool.
 */
enum vmb_packet_state {
	VMB_PACKET_FREE,
	VMB_PACKET_DELIVERED,
	VMB_PACKET_COMPLETED,
};

/**
 * struct vmb_packet_completion - an incoming packet, and room for its completion
 * @node: in the free list or the outgoing queue, never in both: so a completion
 *	always has its place.
 * @channel: whose pool it is from; immutable.
 * @state: enum vmb_packet_state; changed by cmpxchg, since a client may
 *	complete twice at once.
 * @wire: its descriptor, captured.
 * @completion_length: bytes of @buffer that wait to go out as the completion.
 * @buffer: ranges and payload, copied once; then the completion's payload.
 * @client_context: the client's scratch area, zeroed for each packet.
 * @ranges: its checked range list.
 * @external_known: external data was asked for; the answer is kept.
 * @external_read_only: some of it was shared as read-only.
 * @external_writable: the client asked for more than reading, and got it.
 * @external_result: 0, or the errno of the first answer.
 * @vector_count: entries of @vectors and @owners in use.
 * @vectors: the external data.
 * @owners: whose memory each vector is; NULL: raw guest memory.
 *
 * Allocated with the pool at enable, freed with it. Belongs to the drain while
 * free, to the client while delivered, to the outbound lock's holder after.
 */
struct vmb_packet_completion {
	struct list_head node;
	struct vmb_channel *channel;
	atomic_t state;
	struct vmb_ring_packet wire;
	u32 completion_length;
	void *buffer;
	void *client_context;
	struct vmb_ranges ranges;
	bool external_known;
	bool external_read_only;
	bool external_writable;
	int external_result;
	u32 vector_count;
	struct bio_vec *vectors;
	struct vmb_gpadl **owners;
};

/**
 * struct vmb_packet_pool - all packet objects of an enabled channel
 * @memory: array of @count pointers to them.
 * @count: how many.
 *
 * Made by enable; destroyed when the channel is disabled and the client holds
 * none of them, with the channel at the latest.
 */
struct vmb_packet_pool {
	struct vmb_packet_completion **memory;
	u32 count;
};

/* Bits of &vmb_inbound.flags. */
enum vmb_inbound_flag {
	VMB_INBOUND_RUNNING,	/* packets may be delivered */
	VMB_INBOUND_DRAINING,	/* somebody is delivering: the one reader */
	VMB_INBOUND_AGAIN,	/* and has to look again when done */
};

/**
 * struct vmb_spare - packet objects in the drain's hand, longest there first
 * @packets: array of @mask + 1 places, as many as the pool has objects or more.
 * @mask: a power of two less one.
 * @head: the next to take, modulo places.
 * @tail: the next place to put, modulo places.
 *
 * Made and freed with the pool. The drain's alone, so it needs no lock, and
 * nothing of it is in the packet objects.
 */
struct vmb_spare {
	struct vmb_packet_completion **packets;
	u32 mask;
	u32 head;
	u32 tail;
};

static inline bool vmb_spare_is_empty(const struct vmb_spare *spare)
{
	return spare->head == spare->tail;
}

static inline struct vmb_packet_completion *
vmb_spare_first(const struct vmb_spare *spare)
{
	return spare->packets[spare->head & spare->mask];
}

static inline void vmb_spare_take(struct vmb_spare *spare)
{
	spare->head++;
}

/* There is always a place: there are as many as objects. */
static inline void vmb_spare_put(struct vmb_spare *spare,
				 struct vmb_packet_completion *packet)
{
	spare->packets[spare->tail++ & spare->mask] = packet;
}

/**
 * struct vmb_batch - what a drain has done and not yet told
 * @quarter: of the smaller ring, in bytes: so much is not held back longer.
 * @written: bytes of completions written since the last publish.
 * @completed: packets completed inside the callback.
 * @sent: of these, completions written.
 * @signal: the peer is to be signalled.
 * @refusal: where vmb_ring_read() says why.
 *
 * The drain's alone. Reset when a batch begins.
 */
struct vmb_batch {
	u32 quarter;
	u32 written;
	u32 completed;
	u32 sent;
	bool signal;
	enum vmb_refusal refusal;
};

/**
 * struct vmb_inbound - the way in
 * @process_packet: the client's; immutable while enabled.
 * @processing_complete: the client's, or NULL; immutable while enabled.
 * @callback_context: of both.
 * @flags: enum vmb_inbound_flag, atomic bits.
 * @idle: woken when DRAINING falls while RUNNING is clear.
 * @drainer: the task that is draining, with bottom halves off; NULL when nobody
 *	is. Equal to current only inside the drain itself.
 * @reader: the ring; touched by who set DRAINING only.
 * @spare: packet objects in the drain's hand; likewise.
 * @batch: of the drain; likewise.
 * @delivered: packets handed to the client since open; written likewise.
 */
struct vmb_inbound {
	vmb_channel_process_packet_fn process_packet;
	vmb_channel_processing_complete_fn processing_complete;
	void *callback_context;
	unsigned long flags;
	wait_queue_head_t idle;
	struct task_struct *drainer;
	struct vmb_ring_reader reader;
	struct vmb_spare spare;
	struct vmb_batch batch;
	u64 delivered;
};

/*
 * Is this call made from inside the drain? A softirq on top of it would have
 * the same current, but bottom halves are off; and a hard interrupt may not
 * call us.
 */
static inline bool vmb_inbound_is_drainer(const struct vmb_inbound *inbound)
{
	return READ_ONCE(inbound->drainer) == current;
}

/**
 * struct vmb_outbound - the way out, and the way back to the pool
 * @lock: protects everything below.
 * @writer: the ring.
 * @open: the ring and the transport's channel may be touched.
 * @lost: framing is lost, and that was said.
 * @batching: a drain is running: the writer is its own, not the lock's.
 * @starved: the drain ended for want of a packet object; schedule it when one
 *	comes back.
 * @abandoned: the channel was closed while the client held packets; the last
 *	one drops the channel's reference.
 * @queue: completions that wait for room, oldest first. While it is not empty
 *	nothing is written past it.
 * @free: packet objects, longest free first.
 * @finished: packets the client is done with since open.
 * @progress: goes up with everything written; the watchdog's.
 * @drained: woken when the client holds no packet, or the queue is empty.
 */
struct vmb_outbound {
	spinlock_t lock;
	struct vmb_ring_writer writer;
	bool open;
	bool lost;
	bool batching;
	bool starved;
	bool abandoned;
	struct list_head queue;
	struct list_head free;
	u64 finished;
	u64 progress;
	wait_queue_head_t drained;
};

/**
 * enum vmb_life_state - life of a channel
 * @VMB_LIFE_DISABLED: configuration window; nothing runs.
 * @VMB_LIFE_ENABLED: enabled, the worker will open it.
 * @VMB_LIFE_OPEN: open.
 */
enum vmb_life_state {
	VMB_LIFE_DISABLED,
	VMB_LIFE_ENABLED,
	VMB_LIFE_OPEN,
};

/**
 * struct vmb_life - what becomes of a channel
 * @lock: protects @state, @stop and @stop_reason.
 * @state: where it is; changed by enable and by the worker.
 * @stop: it is to be closed.
 * @stop_reason: why; the first reason stays.
 * @work: opens and closes; calls the state callbacks, so they never overlap.
 * @worker: the task that runs @work now, to tell a call from a callback.
 * @disabled: completed while @state is VMB_LIFE_DISABLED.
 */
struct vmb_life {
	spinlock_t lock;
	enum vmb_life_state state;
	bool stop;
	enum vmb_channel_stop_reason stop_reason;
	struct work_struct work;
	struct task_struct *worker;
	struct completion disabled;
};

/**
 * struct vmb_gpadl - memory that the channel has shared with its peer
 * @node: in &vmb_memory.gpadls.
 * @handle: the peer's name for it.
 * @buffer: the client's memory, page-aligned; stays the client's.
 * @byte_count: bytes of it.
 * @read_only: the client said that the peer should not write; external data in
 *	it is handed out read-only.
 * @pages: its pages, in order.
 * @page_count: how many.
 * @users: vectors in the client's hands that lie in it, under memory.lock.
 * @sets: transfer-page sets that stand for it, under memory.mutex.
 * @transport_private: the transport's.
 *
 * Allocated by create, freed by delete.
 */
struct vmb_gpadl {
	struct list_head node;
	u32 handle;
	void *buffer;
	u32 byte_count;
	bool read_only;
	struct page **pages;
	u32 page_count;
	u32 users;
	u32 sets;
	void *transport_private;
};

/**
 * struct vmb_memory - what the channel may touch for its peer
 * @mutex: makes GPADL, open and close calls take turns.
 * @lock: protects @users of each GPADL, and look-ups in the arrays
 *	against deletion.
 * @gpadls: all of them, under @mutex.
 * @frames: 4 KiB page frame number to struct vmb_gpadl.
 * @sets: transfer-page set id to struct vmb_gpadl.
 * @unused: woken when a GPADL's @users falls to 0.
 * @accepting: the channel is open enough for GPADLs; under @mutex.
 */
struct vmb_memory {
	struct mutex mutex;
	spinlock_t lock;
	struct list_head gpadls;
	struct xarray frames;
	struct xarray sets;
	wait_queue_head_t unused;
	bool accepting;
};

/**
 * struct vmb_watchdog - notices work that nobody does
 * @work: looks every VMB_WATCHDOG_PERIOD_MS while packets may flow.
 * @seen_delivered: &vmb_inbound.delivered at the last look.
 * @seen_read_index: the reader's index at the last look.
 * @seen_progress: &vmb_outbound.progress at the last look.
 * @inbound_seen_waiting: packets waited at the last look already.
 * @inbound_kicked: it kicked the drain and saw no progress since.
 * @reported: it said so in the log once.
 *
 * Touched by @work only, while that is armed.
 */
struct vmb_watchdog {
	struct delayed_work work;
	u64 seen_delivered;
	u32 seen_read_index;
	u64 seen_progress;
	bool inbound_seen_waiting;
	bool inbound_kicked;
	bool reported;
};

/**
 * struct vmb_channel - the KMCL object
 * @kobject: its directory in sysfs, and its reference count: one for the
 *	client, from allocate to cleanup, and one while the client holds packets
 *	that it was closed without.
 * @device: the device it is on; immutable, gone after cleanup.
 * @dev: to log with; referenced, for packets may outlive @device.
 * @device_node: in &vmb_transport_device.channels.
 * @operations: the transport's; immutable.
 * @transport_private: the transport's.
 * @name: for traces and debugfs, the device's at first; immutable while enabled.
 * @named: the client gave it a name.
 * @pointer: the client's.
 * @maximum_packet_size: bytes; this and what follows up to the callbacks is
 *	immutable while enabled.
 * @external: limits of external data.
 * @raw_guest_memory: external data may lie in memory that was not shared.
 * @client_context_size: bytes.
 * @incoming_page_count: of the ring, with control page; 0: derived.
 * @outgoing_page_count: likewise.
 * @target_set: @target_type is to be checked at enable.
 * @target_instance_set: @target_instance, too.
 * @target_type: type GUID that the device must have.
 * @target_instance: instance GUID that the device must have.
 * @pnp_failure: the client's, or NULL.
 * @callbacks: the client's state callbacks.
 * @pool: packet objects.
 * @inbound: the way in.
 * @outbound: the way out.
 * @life: state and worker.
 * @memory: what is shared with the peer.
 * @watchdog: stall watchdog.
 * @counters: what sysfs shows.
 * @refusals: how often each reason was given.
 * @debugfs: its file there.
 * @release_work: frees it where that may sleep.
 *
 * Allocated by vmb_channel_allocate(); freed by the last put.
 */
struct vmb_channel {
	struct kobject kobject;
	struct vmb_transport_device *device;
	struct device *dev;
	struct list_head device_node;
	const struct vmb_channel_transport_operations *operations;
	void *transport_private;
	char name[VMB_CHANNEL_NAME_SIZE];
	bool named;
	void *pointer;

	u32 maximum_packet_size;
	struct vmb_range_limits external;
	bool raw_guest_memory;
	u32 client_context_size;
	u32 incoming_page_count;
	u32 outgoing_page_count;
	bool target_set;
	bool target_instance_set;
	guid_t target_type;
	guid_t target_instance;
	vmb_channel_pnp_failure_fn pnp_failure;
	struct vmb_channel_state_change_callbacks callbacks;

	struct vmb_packet_pool pool;
	struct vmb_inbound inbound;
	struct vmb_outbound outbound;
	struct vmb_life life;
	struct vmb_memory memory;
	struct vmb_watchdog watchdog;
	struct vmb_counters counters;
	u64 refusals[VMB_REFUSAL_COUNT];
	struct dentry *debugfs;
	struct work_struct release_work;
};

/* For the log, where the device's name stands in front of it. */
static inline const char *vmb_channel_label(const struct vmb_channel *channel)
{
	return channel->named ? channel->name : "channel";
}

/* main.c */
extern struct workqueue_struct *vmb_workqueue;
extern struct dentry *vmb_debugfs_root;

/* channel.c */
bool vmb_channel_is_configurable(struct vmb_channel *channel);

/* pool.c */
int vmb_pool_create(struct vmb_channel *channel);
void vmb_pool_destroy(struct vmb_channel *channel);

/* inbound.c */
void vmb_inbound_init(struct vmb_inbound *inbound);
void vmb_inbound_start(struct vmb_channel *channel);
void vmb_inbound_stop(struct vmb_channel *channel);
void vmb_refuse(struct vmb_channel *channel, const struct vmb_ring_packet *packet,
		enum vmb_refusal refusal);

/* outbound.c */
void vmb_outbound_init(struct vmb_outbound *outbound);
void vmb_outbound_open(struct vmb_channel *channel);
bool vmb_outbound_close(struct vmb_channel *channel);
bool vmb_outbound_is_abandoned(struct vmb_channel *channel);
void vmb_outbound_count_leak(struct vmb_channel *channel);
int vmb_outbound_complete(struct vmb_packet_completion *packet,
			  const void *buffer, u32 length, u64 *counter);
void vmb_outbound_flush(struct vmb_channel *channel);
void vmb_outbound_begin_batch(struct vmb_channel *channel);
bool vmb_outbound_end_batch(struct vmb_channel *channel);
bool vmb_outbound_take_free(struct vmb_channel *channel);
bool vmb_outbound_client_is_done(struct vmb_channel *channel);
bool vmb_outbound_queue_is_empty(struct vmb_channel *channel);

/* life.c */
void vmb_life_init(struct vmb_life *life);
void vmb_life_stop(struct vmb_channel *channel,
		   enum vmb_channel_stop_reason reason);

/* external_data.c */
enum vmb_refusal vmb_external_data_check(struct vmb_packet_completion *packet);
void vmb_external_data_release(struct vmb_packet_completion *packet);

/* shared_memory.c */
void vmb_memory_init(struct vmb_memory *memory);
void vmb_memory_destroy(struct vmb_memory *memory);
void vmb_memory_delete_leftovers(struct vmb_channel *channel);

/* watchdog.c */
void vmb_watchdog_init(struct vmb_watchdog *watchdog);
void vmb_watchdog_start(struct vmb_channel *channel);
void vmb_watchdog_stop(struct vmb_channel *channel);
void vmb_watchdog_look(struct vmb_channel *channel);

/* observe.c */
extern const struct sysfs_ops vmb_observe_sysfs_ops;
extern const struct attribute_group *vmb_observe_groups[];
void vmb_observe_init(void);
void vmb_observe_add(struct vmb_channel *channel);
void vmb_observe_remove(struct vmb_channel *channel);

#endif
