/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What goes out: packet objects, the table of those that wait for a completion, and
 * the one queue of packets and completions. Part of channel.h, which says in which order
 * locks are taken.
 */
#ifndef VMB_OUTBOUND_TYPES_H
#define VMB_OUTBOUND_TYPES_H

#include <linux/dma-direction.h>
#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/scatterlist.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <vmbkmcl.h>

#include "ring.h"
#include "shared_memory.h"

struct vmb_synchronous;

/**
 * enum vmb_queue_kind - what waits in the outbound queue
 * @VMB_QUEUE_COMPLETION: the completion of an inbound packet.
 * @VMB_QUEUE_PACKET: a packet that the client sends.
 */
enum vmb_queue_kind {
	VMB_QUEUE_COMPLETION,
	VMB_QUEUE_PACKET,
};

/**
 * struct vmb_queue_entry - a place in the outbound queue
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
 * struct vmb_packet_external - external data of an outbound packet
 * @table: the memory, as the client gave it; @capacity entries.
 * @capacity: most entries.
 * @count: entries in use; 0: the packet has no external data.
 * @mapped: entries that the DMA API made of them; 0: it was not asked.
 * @direction: which way the data goes.
 * @peer_memory: in an isolated VM that of the channel when it was mapped.
 * @pinned: the pages are referenced, for the client need not keep them any more.
 * @ranges: range list for the wire.
 * @ranges_maximum: bytes there is room for.
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
	enum vmb_peer_memory peer_memory;
	bool pinned;
	void *ranges;
	u32 ranges_maximum;
	u32 ranges_length;
};

/**
 * struct vmb_outbound_mapping - how a packet's memory is mapped
 * @device: whose DMA API does it; NULL: the peer takes addresses as they are.
 * @most: bytes that one piece can have.
 */
struct vmb_outbound_mapping {
	struct device *device;
	u32 most;
};

/**
 * enum vmb_send_state - where an outbound packet is
 * @VMB_SEND_IDLE: with the client.
 * @VMB_SEND_HELD: accepted, and not to be sent yet: the channel does not run, or
 *	as many packets as may be wait for completions.
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
 * struct vmb_packet - an outbound packet, with all that sending it needs
 * @queue: in &vmb_outbound.queue, .held or .ended, or in .free_list.
 * @channel: whose it is; immutable.
 * @routine: the client's completion routine; NULL: not set.
 * @routine_context: handed to it.
 * @pointer: the client's.
 * @context: the client's inline context; NULL if it has none.
 * @state: enum vmb_send_state, under outbound.lock.
 * @allocated: from vmb_packet_allocate(); its memory is the library's.
 * @waits: a completion is asked for.
 * @is_pipe: it was made for messages of a pipe; that may have changed since.
 * @slot: in the transaction table, from when it may be sent to its end.
 * @transaction_id: what the peer calls it.
 * @status: what the routine will be told, while ended.
 * @size: bytes of its memory, without the client's inline context.
 * @since: when it was sent, or entered the ring; see latency.h.
 * @external: external data.
 * @payload: room for the largest; holds the payload while the packet waits.
 * @payload_room: bytes of that. The channel's settings may have changed since: those of
 *	packets in the client's memory nobody counts.
 * @payload_length: bytes of payload.
 * @payload_limit: a payload of this many bytes is too long; 0: each is to be looked at
 *	more closely, for there is no @routine, or it is a pipe's, where none goes as it is,
 *	or in the client's memory, and the channel may take less by now.
 * @payload_limit_made: @payload_limit with a routine.
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
	bool is_pipe;
	u32 slot;
	u32 transaction_id;
	int status;
	u32 size;
	u64 since;
	struct vmb_packet_external external;
	void *payload;
	u32 payload_room;
	u32 payload_length;
	u32 payload_limit;
	u32 payload_limit_made;
};

/**
 * struct vmb_transaction - an entry of the transaction table
 * @packet: the packet that waits for the peer's completion, or NULL.
 * @id: slot number in the low bits, generation above; of the last use.
 * @next_free: slot of the next free entry, VMB_NO_SLOT: none.
 */
struct vmb_transaction {
	struct vmb_packet *packet;
	u32 id;
	u32 next_free;
};

/**
 * struct vmb_transactions - which packet waits for which completion
 * @table: @count entries.
 * @count: how many; a power of two.
 * @free: slot of the first free one, VMB_NO_SLOT: none.
 * @configured: packets that may have one at once, as the client set it.
 * @limit: packets that may have one at once, as the peer allows.
 * @room: how many more may; below 0 if the peer allows less than there are.
 *
 * Made with the channel, remade when the client sets the limit. Under
 * outbound.lock.
 */
struct vmb_transactions {
	struct vmb_transaction *table;
	u32 count;
	u32 free;
	u32 configured;
	u32 limit;
	s32 room;
};

/* How many have one. */
static inline u32 vmb_transactions_taken(const struct vmb_transactions *transactions)
{
	return transactions->limit - transactions->room;
}

/**
 * enum vmb_watch - what the watchdog's timer runs for
 * @VMB_WATCH_NOTHING: nothing waits that we know of; it does not run.
 * @VMB_WATCH_ANSWERS: packets wait for the peer's completions.
 * @VMB_WATCH_ROOM: something waits for room in the ring, or in it to be read.
 *
 * In the order in which one takes the place of another.
 */
enum vmb_watch {
	VMB_WATCH_NOTHING,
	VMB_WATCH_ANSWERS,
	VMB_WATCH_ROOM,
};

/**
 * struct vmb_routine_caller - a context that calls completion routines
 * @node: in &vmb_outbound.callers.
 * @task: its task.
 * @softirq: it is a softirq on top of that.
 *
 * On the stack of the call.
 */
struct vmb_routine_caller {
	struct list_head node;
	struct task_struct *task;
	bool softirq;
};

/**
 * struct vmb_outbound - the way out, and the way back to the pool
 * @lock: protects everything below but @spare.
 * @writer: the ring.
 * @scratch: how the packet looks that is being sent. It is not on the stack, which the
 *	compiler would guard; sends hold the lock, so one is enough.
 * @needed: room that the packet which is being sent did not find.
 * @open: the ring and the transport's channel may be touched.
 * @accepting: the client may send.
 * @sending: what it sends goes to the ring; else it is held.
 * @direct: it is accepted, @sending, and nothing is held: a packet that has its
 *	place in the transaction table goes to the ring, or into the queue.
 * @lost: framing is lost, and that was counted.
 * @lost_said: and the worker has said so; the worker's.
 * @batching: a drain is running: the writer is its own, not the lock's.
 * @starved: the drain ended for want of a packet object; schedule it when so many
 *	more have come back, or some were made.
 * @fed: since then one has come back, and @feed_timer was started.
 * @feed_timer: schedules the drain if no more do.
 * @abandoned: the channel was closed while the client held packets; the last
 *	one drops the channel's reference.
 * @queue: what waits for room, oldest first. While it is not empty nothing is
 *	written past it.
 * @held: packets accepted, and not to be sent yet, oldest first. While it is not
 *	empty no packet that comes later is sent; completions are.
 * @free: packet objects for what comes in, longest free first.
 * @free_list: packet objects for what goes out, from vmb_packet_allocate().
 * @allocated: of these, with the client or on their way.
 * @spare: what the next synchronous request needs, or NULL: another has it, or there was
 *	none yet; exchanged without @lock, freed with the channel.
 * @transactions: which packet waits for which completion.
 * @ended: packets whose routine is to be called.
 * @callers: contexts that are calling routines of packets in @ended.
 * @finished: packets the client is done with since open.
 * @progress: goes up with everything written; the watchdog's.
 * @watch: what its timer runs for.
 * @drained: woken when the client holds no packet, the queue is empty, the last of
 *	@callers is done, or answers were read that a close or a pause may wait for.
 */
struct vmb_outbound {
	spinlock_t lock;
	struct vmb_ring_writer writer;
	struct vmb_ring_outbound_packet scratch;
	u32 needed;
	bool open;
	bool accepting;
	bool sending;
	bool direct;
	bool lost;
	bool lost_said;
	bool batching;
	u32 starved;
	bool fed;
	struct hrtimer feed_timer;
	bool abandoned;
	struct list_head queue;
	struct list_head held;
	struct list_head free;
	struct list_head free_list;
	u32 allocated;
	struct vmb_synchronous *spare;
	struct vmb_transactions transactions;
	struct list_head ended;
	struct list_head callers;
	u64 finished;
	u64 progress;
	enum vmb_watch watch;
	wait_queue_head_t drained;
};

#endif
