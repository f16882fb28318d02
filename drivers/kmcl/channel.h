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
#include <linux/dma-direction.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <vmbkmcl.h>

#include "counters.h"
#include "life_table.h"
#include "ranges.h"
#include "ring.h"
#include "transport.h"

#define VMB_CHANNEL_NAME_SIZE	48

/**
 * enum vmb_queue_kind - what waits in the outgoing queue
 * @VMB_QUEUE_COMPLETION: the completion of an incoming packet.
 * @VMB_QUEUE_PACKET: a packet that the client sends.
 */
enum vmb_queue_kind {
	VMB_QUEUE_COMPLETION,
	VMB_QUEUE_PACKET,
};

/**
 * struct vmb_queue_entry - a place in the outgoing queue
 * @node: in &vmb_outbound.queue, or in the list of free objects of its kind.
 * @kind: what it is embedded in; immutable.
 *
 * Part of every object that may have to wait, so waiting cannot fail.
 */
struct vmb_queue_entry {
	struct list_head node;
	enum vmb_queue_kind kind;
};

/**
 * enum vmb_packet_state - who has a packet object
 * @VMB_PACKET_FREE: the pool.
 * @VMB_PACKET_DELIVERED: the client: it has to complete it.
 * @VMB_PACKET_DEFERRED: the drain: it will deliver it again.
 * @VMB_PACKET_COMPLETED: the outgoing queue, or on the way back to the pool.
 */
enum vmb_packet_state {
	VMB_PACKET_FREE,
	VMB_PACKET_DELIVERED,
	VMB_PACKET_DEFERRED,
	VMB_PACKET_COMPLETED,
};

/**
 * struct vmb_packet_completion - an incoming packet, and room for its completion
 * @queue: in the free list or the outgoing queue, never in both: so a completion
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
	struct vmb_queue_entry queue;
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
 * struct vmb_packet_external - external data of an outgoing packet
 * @table: the memory, as the client gave it; @capacity entries.
 * @capacity: most entries.
 * @count: entries in use; 0: the packet has no external data.
 * @mapped: entries that the DMA API made of them; 0: it was not asked.
 * @direction: which way the data goes.
 * @pinned: the pages are referenced, for the client need not keep them any more.
 * @ranges: range list for the wire.
 * @ranges_length: bytes of it.
 *
 * Part of a packet object, with room for the channel's limits. The client's
 * while the packet is, the library's from send to the completion routine.
 */
struct vmb_packet_external {
	struct scatterlist *table;
	u32 capacity;
	u32 count;
	u32 mapped;
	enum dma_data_direction direction;
	bool pinned;
	void *ranges;
	u32 ranges_length;
};

/**
 * enum vmb_send_state - where an outgoing packet is
 * @VMB_SEND_IDLE: with the client.
 * @VMB_SEND_HELD: accepted, and the channel does not run: nothing is sent yet.
 * @VMB_SEND_QUEUED: waits for room in the ring.
 * @VMB_SEND_SENT: in the ring; the peer owes a completion.
 * @VMB_SEND_ENDED: its routine is about to be called.
 */
enum vmb_send_state {
	VMB_SEND_IDLE,
	VMB_SEND_HELD,
	VMB_SEND_QUEUED,
	VMB_SEND_SENT,
	VMB_SEND_ENDED,
};

/* &vmb_packet.slot of a packet that has none. */
#define VMB_NO_SLOT	U32_MAX

/**
 * struct vmb_packet - an outgoing packet, with all that sending it needs
 * @queue: in &vmb_outbound.queue, .held or .ended, or in the list of spare ones.
 * @channel: whose it is; immutable.
 * @routine: the client's completion routine; NULL: not set.
 * @routine_context: handed to it.
 * @pointer: the client's.
 * @context: the client's inline context; NULL if it has none.
 * @state: enum vmb_send_state, under outbound.lock.
 * @allocated: from vmb_packet_allocate(); its memory and slot are the library's.
 * @waits: a completion is asked for.
 * @slot: in the transaction table.
 * @transaction_id: what the peer calls it.
 * @status: what the routine will be told, while ended.
 * @external: external data.
 * @payload: room for @payload_maximum bytes; holds them while the packet waits.
 * @payload_length: bytes of payload.
 * @payload_maximum: of @payload.
 *
 * Allocated by vmb_packet_allocate() and kept for re-use by the channel, or in
 * the client's memory. The client's while idle, else the library's.
 */
struct vmb_packet {
	struct vmb_queue_entry queue;
	struct vmb_channel *channel;
	vmb_packet_completion_routine_fn routine;
	void *routine_context;
	void *pointer;
	void *context;
	enum vmb_send_state state;
	bool allocated;
	bool waits;
	u32 slot;
	u32 transaction_id;
	int status;
	struct vmb_packet_external external;
	void *payload;
	u32 payload_length;
	u32 payload_maximum;
};

/**
 * struct vmb_transaction - an entry of the transaction table
 * @packet: who waits for the peer's completion; NULL: nobody.
 * @id: slot number in the low bits, generation above; of the last use.
 * @next_free: slot of the next free entry, VMB_NO_SLOT: none.
 */
struct vmb_transaction {
	struct vmb_packet *packet;
	u32 id;
	u32 next_free;
};

/**
 * struct vmb_transactions - who waits for which completion
 * @table: @count entries.
 * @count: how many; a power of two.
 * @free: slot of the first free one, VMB_NO_SLOT: none.
 * @limit: slots that may be taken, as the client set it.
 * @taken: slots that are.
 *
 * Made with the channel, remade when the client sets the limit. Under
 * outbound.lock.
 */
struct vmb_transactions {
	struct vmb_transaction *table;
	u32 count;
	u32 free;
	u32 limit;
	u32 taken;
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
	VMB_INBOUND_DISCARDING,	/* only completions count, for we are closing */
	VMB_INBOUND_LIMITED,	/* there is a quota, or a share of softirq time */
	VMB_INBOUND_BLOCKED,	/* the quota was reached, and nothing completed since */
	VMB_INBOUND_PASSIVE,	/* the client's callback may sleep */
	VMB_INBOUND_TARGETED,	/* the client wants a certain processor */
	VMB_INBOUND_DEFERRED,	/* a packet waits for the worker */
	VMB_INBOUND_OVERTIME,	/* the share of softirq time is used up */
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
 * @sleeper: the task that is draining in process context, where callbacks sleep.
 * @deferred: a packet that the client put off to the worker, or NULL; the
 *	drain's.
 * @work: the worker.
 * @processor: on which it runs; WORK_CPU_UNBOUND: any.
 * @quota: packets that the client will hold.
 * @share: percent of a processor's time for delivery in softirq.
 * @window_start: when the present window began, in nanoseconds; the drain's.
 * @window_looked: when the drain last looked; likewise.
 * @window_used: nanoseconds used of it; likewise.
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
	struct task_struct *sleeper;
	struct vmb_packet_completion *deferred;
	struct work_struct work;
	u32 processor;
	u32 quota;
	u32 share;
	u64 window_start;
	u64 window_looked;
	u64 window_used;
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

/* Is it made from inside a packet callback, wherever that runs? */
static inline bool vmb_inbound_is_reader(const struct vmb_inbound *inbound)
{
	return vmb_inbound_is_drainer(inbound) ||
	       READ_ONCE(inbound->sleeper) == current;
}

/* Are packets delivered by the worker? */
static inline bool vmb_inbound_is_elsewhere(const struct vmb_inbound *inbound)
{
	return READ_ONCE(inbound->flags) &
	       (BIT(VMB_INBOUND_PASSIVE) | BIT(VMB_INBOUND_TARGETED) |
		BIT(VMB_INBOUND_DEFERRED) | BIT(VMB_INBOUND_OVERTIME));
}

/**
 * struct vmb_outbound - the way out, and the way back to the pool
 * @lock: protects everything below.
 * @writer: the ring.
 * @open: the ring and the transport's channel may be touched.
 * @accepting: the client may send.
 * @sending: what it sends goes to the ring; else it is held.
 * @lost: framing is lost, and that was said.
 * @batching: a drain is running: the writer is its own, not the lock's.
 * @starved: the drain ended for want of a packet object; schedule it when one
 *	comes back.
 * @abandoned: the channel was closed while the client held packets; the last
 *	one drops the channel's reference.
 * @queue: what waits for room, oldest first. While it is not empty nothing is
 *	written past it.
 * @held: packets accepted while the channel does not run, oldest first.
 * @free: packet objects for what comes in, longest free first.
 * @spare: packet objects for what goes out, from vmb_packet_allocate().
 * @allocated: of these, with the client or on their way.
 * @transactions: who waits for which completion.
 * @ended: packets whose routine is to be called.
 * @running_routines: somebody does that.
 * @ending: packets whose routine is to be called, or is running, outside of the
 *	drain.
 * @finished: packets the client is done with since open.
 * @progress: goes up with everything written; the watchdog's.
 * @drained: woken when the client holds no packet, the queue is empty, or
 *	@ending falls to 0.
 */
struct vmb_outbound {
	spinlock_t lock;
	struct vmb_ring_writer writer;
	bool open;
	bool accepting;
	bool sending;
	bool lost;
	bool batching;
	bool starved;
	bool abandoned;
	struct list_head queue;
	struct list_head held;
	struct list_head free;
	struct list_head spare;
	u32 allocated;
	struct vmb_transactions transactions;
	struct list_head ended;
	bool running_routines;
	u32 ending;
	u64 finished;
	u64 progress;
	wait_queue_head_t drained;
};

/**
 * struct vmb_life - what becomes of a channel
 * @lock: protects all but @work and @disabled.
 * @state: where it is, see life_table.c; changed by vmb_life_step() only.
 * @flow: likewise.
 * @stop: it is to be closed.
 * @disable: and then disabled, also if it is a server.
 * @hibernate: it is to be closed, and opened when the machine wakes.
 * @peer: the peer is there, open may be tried.
 * @suspended: suspend was called since started, or there was no started; the
 *	worker's.
 * @searched: find_peer was called since enable, or since the peer went.
 * @stop_reason: why; the first reason stays.
 * @work: opens and closes; calls the state callbacks, so they never overlap.
 * @worker: the task that runs @work now, to tell a call from a callback.
 * @disabled: completed while @state is VMB_LIFE_DISABLED.
 * @changed: woken whenever @state or @flow changes.
 */
struct vmb_life {
	spinlock_t lock;
	enum vmb_life_state state;
	enum vmb_flow_state flow;
	bool stop;
	bool disable;
	bool hibernate;
	bool peer;
	bool suspended;
	bool searched;
	enum vmb_channel_stop_reason stop_reason;
	struct work_struct work;
	struct task_struct *worker;
	struct completion disabled;
	wait_queue_head_t changed;
};

/**
 * enum vmb_gpadl_origin - whose memory a GPADL is
 * @VMB_GPADL_BUFFER: the client's, at an address of the client's.
 * @VMB_GPADL_PAGES: the client's; we have mapped its pages in one piece.
 * @VMB_GPADL_ALLOCATED: ours.
 */
enum vmb_gpadl_origin {
	VMB_GPADL_BUFFER,
	VMB_GPADL_PAGES,
	VMB_GPADL_ALLOCATED,
};

/**
 * struct vmb_gpadl - memory that the channel has shared with its peer
 * @node: in &vmb_memory.gpadls.
 * @handle: the peer's name for it.
 * @origin: whose memory it is; says what delete has to undo.
 * @buffer: where it is, page-aligned.
 * @byte_count: bytes of it.
 * @read_only: the client said that the peer should not write; external data in
 *	it is handed out read-only, and a server maps it so.
 * @pages: its pages, in order.
 * @page_count: how many.
 * @users: vectors in the client's hands that lie in it, under memory.lock.
 * @sets: transfer-page sets that stand for it, under memory.mutex.
 * @deleting: nobody new may use it, under memory.lock.
 * @mapped: a server on this machine uses it, under memory.lock.
 * @vectors: what that server was given, or NULL; likewise. Allocated by map,
 *	freed by unmap.
 * @transport_private: the transport's.
 *
 * Allocated by create, freed by delete; all but what is said to change is
 * immutable in between.
 */
struct vmb_gpadl {
	struct list_head node;
	u32 handle;
	enum vmb_gpadl_origin origin;
	void *buffer;
	u32 byte_count;
	bool read_only;
	struct page **pages;
	u32 page_count;
	u32 users;
	u32 sets;
	bool deleting;
	bool mapped;
	const struct bio_vec *vectors;
	void *transport_private;
};

/**
 * struct vmb_memory - what the channel may touch for its peer
 * @mutex: makes GPADL, open and close calls take turns.
 * @lock: protects @users, @deleting, @mapped and @vectors of each GPADL, and
 *	look-ups in the list and the arrays against deletion.
 * @gpadls: all of them; changed under @mutex and @lock.
 * @frames: 4 KiB page frame number to struct vmb_gpadl.
 * @sets: transfer-page set id to struct vmb_gpadl.
 * @mapped: of a server: handles of its client's GPADLs that it has mapped;
 *	changed under the array's own lock.
 * @unused: woken when a GPADL's @users falls to 0, and when it is unmapped.
 * @accepting: the channel is open enough for GPADLs; under @mutex.
 */
struct vmb_memory {
	struct mutex mutex;
	spinlock_t lock;
	struct list_head gpadls;
	struct xarray frames;
	struct xarray sets;
	struct xarray mapped;
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
 * @is_server: which end of the channel this is; immutable.
 * @local: as the device has it, for packets may outlive that; immutable.
 * @interface_type: type GUID of the device, or of the offer: a server's own, or
 *	the one that a client on loopback is bound to.
 * @interface_instance: likewise.
 * @maximum_packet_size: bytes; this and what follows up to the callbacks is
 *	immutable while enabled.
 * @external: limits of external data.
 * @raw_guest_memory: external data may lie in memory that was not shared.
 * @client_context_size: bytes.
 * @inline_packet_context_size: bytes.
 * @incoming_page_count: of the ring, with control page; 0: derived.
 * @outgoing_page_count: likewise.
 * @server_flags: VMB_SERVER_CHANNEL_INIT_FLAG_*.
 * @target_set: @target_type is to be checked at enable, or waited for; a server
 *	has set what it offers.
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
	bool is_server;
	bool local;
	guid_t interface_type;
	guid_t interface_instance;

	u32 maximum_packet_size;
	struct vmb_range_limits external;
	bool raw_guest_memory;
	u32 client_context_size;
	u32 inline_packet_context_size;
	u32 incoming_page_count;
	u32 outgoing_page_count;
	u32 server_flags;
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
bool vmb_channel_is_resizable(struct vmb_channel *channel);

/* pool.c */
int vmb_pool_create(struct vmb_channel *channel);
void vmb_pool_destroy(struct vmb_channel *channel);

/* inbound.c */
void vmb_inbound_init(struct vmb_inbound *inbound);
void vmb_inbound_start(struct vmb_channel *channel);
void vmb_inbound_start_discarding(struct vmb_channel *channel);
void vmb_inbound_stop(struct vmb_channel *channel);
void vmb_inbound_look(struct vmb_channel *channel, bool passive);
void vmb_refuse(struct vmb_channel *channel, const struct vmb_ring_packet *packet,
		enum vmb_refusal refusal);

/* inbound_control.c */
void vmb_inbound_control_init(struct vmb_inbound *inbound);
void vmb_inbound_go_elsewhere(struct vmb_channel *channel);
bool vmb_inbound_quota_is_reached(const struct vmb_channel *channel);
bool vmb_inbound_block(struct vmb_channel *channel);
void vmb_inbound_unblock(struct vmb_channel *channel);
bool vmb_inbound_is_overtime(struct vmb_channel *channel);
void vmb_inbound_drop_deferred(struct vmb_channel *channel);

/* outbound.c */
void vmb_outbound_init(struct vmb_outbound *outbound);
void vmb_outbound_open(struct vmb_channel *channel);
bool vmb_outbound_close(struct vmb_channel *channel, bool for_good);
bool vmb_outbound_is_abandoned(struct vmb_channel *channel);
bool vmb_outbound_forget_packets(struct vmb_channel *channel);
void vmb_outbound_count_leak(struct vmb_channel *channel);
void vmb_outbound_count_signal(struct vmb_channel *channel);
enum vmb_ring_status vmb_outbound_write(struct vmb_channel *channel,
					const struct vmb_ring_outgoing *outgoing,
					u32 *needed);
void vmb_outbound_publish(struct vmb_channel *channel);
bool vmb_outbound_may_write(const struct vmb_channel *channel);
bool vmb_outbound_flush_queue(struct vmb_channel *channel,
			      struct list_head *ended);
void vmb_outbound_lost(struct vmb_channel *channel);
void vmb_outbound_recycle(struct vmb_channel *channel,
			  struct vmb_packet_completion *packet);
void vmb_outbound_flush(struct vmb_channel *channel);
void vmb_outbound_begin_batch(struct vmb_channel *channel);
bool vmb_outbound_end_batch(struct vmb_channel *channel);
bool vmb_outbound_take_free(struct vmb_channel *channel);
bool vmb_outbound_client_is_done(struct vmb_channel *channel);
bool vmb_outbound_queue_is_empty(struct vmb_channel *channel);

/* completion.c */
enum vmb_ring_status
vmb_completion_write(struct vmb_channel *channel,
		     const struct vmb_packet_completion *packet, u32 *needed);
int vmb_outbound_complete(struct vmb_packet_completion *packet,
			  const void *buffer, u32 length, u64 *counter);

/* transaction.c */
int vmb_transactions_create(struct vmb_transactions *transactions, u32 limit);
void vmb_transactions_destroy(struct vmb_transactions *transactions);
u32 vmb_transaction_take_slot(struct vmb_channel *channel);
void vmb_transaction_put_slot(struct vmb_channel *channel, u32 slot);
void vmb_transaction_begin(struct vmb_channel *channel,
			   struct vmb_packet *packet);
void vmb_transaction_sent(struct vmb_channel *channel, struct vmb_packet *packet);
struct vmb_packet *vmb_transaction_end(struct vmb_channel *channel, u64 id);

/* packet.c */
void vmb_packets_drop_spare(struct vmb_channel *channel);
bool vmb_packets_are_allocated(struct vmb_channel *channel);

/* send.c */
int vmb_send_check(struct vmb_packet *packet, u32 length, u32 flags,
		   bool external);
enum vmb_ring_status vmb_send_write(struct vmb_channel *channel,
				    const struct vmb_packet *packet, u32 *needed);
int vmb_send_submit(struct vmb_packet *packet, const void *buffer, u32 length,
		    bool may_wait);
void vmb_send_written(struct vmb_channel *channel, struct vmb_packet *packet,
		      struct list_head *ended);
void vmb_send_end(struct vmb_channel *channel, struct vmb_packet *packet,
		  int status, struct list_head *ended);
void vmb_send_run_ended(struct vmb_channel *channel, struct list_head *ended);
bool vmb_send_completed(struct vmb_channel *channel, u64 transaction_id,
			int status, const void *buffer, u32 length);

/* send_life.c */
void vmb_send_accept(struct vmb_channel *channel);
void vmb_send_start(struct vmb_channel *channel);
void vmb_send_hold(struct vmb_channel *channel);
bool vmb_send_stop(struct vmb_channel *channel, bool all);
void vmb_send_keep(struct vmb_channel *channel);
void vmb_send_fail(struct vmb_channel *channel, int status);
enum vmb_send_state vmb_send_abandon(struct vmb_packet *packet, bool gone);

/* outgoing_data.c */
int vmb_outgoing_data_from_vectors(struct vmb_packet *packet,
				   const struct bio_vec *vectors, u32 vector_count,
				   u32 offset, u32 length, u32 flags);
int vmb_outgoing_data_from_pfns(struct vmb_packet *packet, const u64 *pfns,
				u32 pfn_count, u32 flags);
void vmb_outgoing_data_pin(struct vmb_packet *packet);
bool vmb_outgoing_data_can_be_pinned(const struct vmb_packet *packet);
void vmb_outgoing_data_release(struct vmb_packet *packet, bool leak);

/* life.c */
void vmb_life_init(struct vmb_channel *channel);
int vmb_life_step(struct vmb_channel *channel, enum vmb_life_event event);
int vmb_flow_step(struct vmb_channel *channel, enum vmb_flow_event event);
void vmb_life_stop(struct vmb_channel *channel,
		   enum vmb_channel_stop_reason reason);
int vmb_life_hibernate(struct vmb_channel *channel);
void vmb_life_wake(struct vmb_channel *channel);
bool vmb_life_has_to_end(const struct vmb_channel *channel);
bool vmb_life_is_callback(const struct vmb_channel *channel);

/* close.c */
bool vmb_life_rest(struct vmb_channel *channel);
bool vmb_life_rest_to_hibernate(struct vmb_channel *channel);
void vmb_life_close_transport(struct vmb_channel *channel, bool for_good);
void vmb_life_take_memory_back(struct vmb_channel *channel);
void vmb_life_close(struct vmb_channel *channel);
void vmb_life_close_to_hibernate(struct vmb_channel *channel);

/* external_data.c */
enum vmb_refusal vmb_external_data_check(struct vmb_packet_completion *packet);
void vmb_external_data_release(struct vmb_packet_completion *packet);

/* gpadl.c */
void vmb_memory_init(struct vmb_memory *memory);
void vmb_memory_destroy(struct vmb_memory *memory);
void vmb_memory_delete_leftovers(struct vmb_channel *channel);
struct vmb_gpadl *vmb_gpadl_find(struct vmb_memory *memory, u32 handle);
int vmb_gpadl_create(struct vmb_channel *channel, struct vmb_gpadl *gpadl,
		     u32 *gpadl_handle);

/* gpadl_pages.c */
void vmb_gpadl_free(struct vmb_gpadl *gpadl, bool leaked);
int vmb_gpadl_page_of_pfns(const u64 *pfns, u32 page_shift, u64 *frame);

/* gpadl_map.c */
int vmb_gpadl_map(struct vmb_channel *owner, u32 flags, u32 gpadl_handle,
		  const struct bio_vec **vectors, u32 *vector_count);
void vmb_gpadl_unmap(struct vmb_channel *owner, u32 gpadl_handle);
void vmb_memory_unmap_leftovers(struct vmb_channel *server);

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
