/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The channel object, as its own files see it.
 *
 * Locks, outermost first:
 *   memory.mutex       makes a channel's calls for GPADLs take turns; sleeps,
 *                      and may wait for the peer, but for no client
 *   device.lock        the device's channels; enable, start and pause of a
 *                      sub-channel and its primary; spinlock
 *   outbound.lock      outbound ring, queue, free list, most counters; spinlock
 *   life.lock          state and stop reason; spinlock
 *   memory.lock        who may touch which page; spinlock
 * Spinlocks are taken with interrupts off, since packets may be completed so.
 * No callback of the client is called under any of them.
 */
#ifndef VMB_CHANNEL_H
#define VMB_CHANNEL_H

#include <linux/completion.h>
#include <linux/hrtimer.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <vmbkmcl.h>

#include "counters.h"
#include "inbound_types.h"
#include "latency.h"
#include "life_table.h"
#include "outbound_types.h"
#include "ranges.h"
#include "save_types.h"
#include "shared_memory.h"
#include "transport.h"

/* How many packets may be in flight of a channel whose client sets nothing. */
#define VMB_DEFAULT_MAXIMUM_PACKET_COUNT	256u
/* And how many packet objects it may have, as many as may be in flight at most. */
#define VMB_DEFAULT_OUTBOUND_PACKET_COUNT	65536u
/* A peer that has kept memory of a channel for good so often gets no more. */
#define VMB_MAXIMUM_LEAKS	64u
/* The directory in sysfs, and its number if it has one. */
#define VMB_CHANNEL_DIRECTORY		"vmbkmcl"
#define VMB_CHANNEL_DIRECTORY_SIZE	(sizeof(VMB_CHANNEL_DIRECTORY ".4294967295"))
/* A GUID and the number, or what the client calls it. */
#define VMB_CHANNEL_NAME_SIZE		48
/* The directory, and what the client calls it in brackets. */
#define VMB_CHANNEL_LABEL_SIZE		72

/**
 * struct vmb_life - what becomes of a channel
 * @lock: protects all that is not said to be the worker's, but @work and
 *	@disabled.
 * @state: where it is, see life_table.c; changed by vmb_life_step() only.
 * @flow: changed by vmb_flow_step() only.
 * @pm: what power management wants of it; changed by vmb_pm_step() only.
 * @pm_reason: the client is told; written with @pm, when the VM hibernates or
 *	shuts down.
 * @stop: how far it is to be stopped; rises until the worker has done that.
 * @stop_reason: why; the first reason stays.
 * @peer: what is known of the peer.
 * @transport: how far the channel has let go of it; the worker writes it. Those of
 *	a primary channel and of its sub-channels may wait for each other's.
 * @suspended: suspend was called since started, or there was no started; the
 *	worker's.
 * @queue: runs @work and nothing else, which may wait for the peer or the client
 *	for ever; from allocate to the last put.
 * @work: opens and closes; calls the state callbacks, so they never overlap.
 * @worker: the task that runs @work now, to tell a call from a callback; or that
 *	acts in its place.
 * @lent: somebody does, and @work does nothing; queued again when that is over.
 * @disabled: completed while @state is VMB_LIFE_DISABLED.
 * @changed: woken whenever @state or @flow changes, or one of those that others
 *	wait for.
 */
struct vmb_life {
	spinlock_t lock;
	enum vmb_life_state state;
	enum vmb_flow_state flow;
	enum vmb_pm_state pm;
	enum vmb_channel_stop_reason pm_reason;
	enum vmb_life_stop stop;
	enum vmb_channel_stop_reason stop_reason;
	enum vmb_life_peer peer;
	enum vmb_life_transport transport;
	bool suspended;
	struct workqueue_struct *queue;
	struct work_struct work;
	struct task_struct *worker;
	bool lent;
	struct completion disabled;
	wait_queue_head_t changed;
};

/*
 * How often the watchdog looks while something waits, in milliseconds. It takes
 * three looks to know that a signal was lost.
 */
#define VMB_WATCH_PERIOD_MS	6u
#define VMB_WATCH_LOOKS		3u

/**
 * struct vmb_watchdog - notices work that nobody does
 * @timer: looks, while something waits; see &vmb_outbound.watch.
 * @period: of @timer while nothing but answers is awaited, in milliseconds: longer
 *	each time that nothing has moved. Under outbound.lock.
 * @idle: sees to it that @timer runs if there is something to read. Wakes no
 *	CPU.
 * @stopped: no packets flow: @timer does nothing, should it still be started.
 * @seen_delivered: &vmb_inbound.delivered at the last look.
 * @seen_read_index: the reader's index at the last look.
 * @seen_progress: &vmb_outbound.progress at the last look.
 * @next_inbound: when the inbound ring is to be looked at again, in jiffies.
 * @inbound_seen_waiting: packets waited at the last look already.
 * @inbound_kicked: it kicked the drain and saw no progress since.
 * @outbound_seen_room: for how many looks the peer has had to tell of room.
 * @late: this look is by more than a period.
 * @reported: it said so in the log once.
 *
 * All but @reported is touched by @timer only, or under outbound.lock while
 * &vmb_outbound.watch says that it does not run.
 */
struct vmb_watchdog {
	struct hrtimer timer;
	u32 period;
	struct delayed_work idle;
	bool stopped;
	u64 seen_delivered;
	u32 seen_read_index;
	u64 seen_progress;
	unsigned long next_inbound;
	bool inbound_seen_waiting;
	bool inbound_kicked;
	u32 outbound_seen_room;
	bool late;
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
 * @name: for traces and debugfs: the device's, and the number that the directory
 *	in sysfs has; no other channel has it; immutable.
 * @label: for the log, where the device's name stands in front of it: the
 *	directory, and @friendly_name; immutable while enabled.
 * @friendly_name: what the client calls it; empty: nothing.
 * @pointer: the client's.
 * @is_server: which end of the channel this is; immutable.
 * @primary: whose sub-channel it is, or NULL; written under the device's lock,
 *	immutable while enabled.
 * @sub_channels: those that have it for their primary; under the device's lock.
 * @sub_channel_node: its own place in that list of its @primary; so, too.
 * @sub_channel_index: which sub-channel, from 1; written under the device's lock,
 *	immutable while enabled.
 * @local: as the device has it, for packets may outlive that; immutable.
 * @peer_memory: settled by the transport, and then for as long as the channel is
 *	enabled: what was mapped is right for whoever gets it.
 * @interface_type: type GUID of the device, or of the offer: a server's own, or
 *	the one that a client on loopback is bound to.
 * @interface_instance: instance GUID of the device, or of the offer.
 * @maximum_packet_size: bytes; this and what follows up to the callbacks is
 *	immutable while enabled.
 * @external: limits of external data.
 * @raw_guest_memory: external data may lie in memory that was not shared.
 * @client_context_size: bytes.
 * @inline_packet_context_size: bytes.
 * @inbound_page_count: of the inbound ring, with control page; 0: derived.
 * @outbound_page_count: of the outbound ring, with control page; 0: derived.
 * @inbound_packet_count: packets that the client may hold; 0: derived.
 * @outbound_packet_count: packet objects that it may have.
 * @refusal_completion: payload of completions in the client's place; owned.
 * @refusal_completion_length: bytes of it.
 * @flags: VMB_CHANNEL_INIT_FLAG_*.
 * @process_packet: the client's; inbound has what the drain calls.
 * @server_flags: VMB_SERVER_CHANNEL_INIT_FLAG_*.
 * @mmio_megabytes: memory that a server offers, in MiB; 0: none.
 * @mmio_megabytes_optional: and so much more, if it can be had.
 * @target_set: @target_type is to be checked at enable, or waited for; a server
 *	has set what it offers.
 * @target_instance_set: @target_instance, too.
 * @offer_removing: the bus removes the offer that is the channel's own; waiting for the
 *	client is bounded until it is disabled.
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
 * @save: its state on the way out; a server's.
 * @restore: and on the way in.
 * @times_leaked: how often the peer has kept memory for good: once for a close, with all
 *	that this leaves with it, and for rings of which nobody knows in time, or a GPADL.
 *	Written under outbound.lock.
 * @counters: what sysfs shows.
 * @refusals: how often each reason was given.
 * @latencies: how long packets waited, by enum vmb_latency_kind.
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
	char label[VMB_CHANNEL_LABEL_SIZE];
	char friendly_name[VMB_CHANNEL_NAME_SIZE];
	void *pointer;
	bool is_server;
	struct vmb_channel *primary;
	struct list_head sub_channels;
	struct list_head sub_channel_node;
	u16 sub_channel_index;
	bool local;
	enum vmb_peer_memory peer_memory;
	guid_t interface_type;
	guid_t interface_instance;

	u32 maximum_packet_size;
	struct vmb_range_limits external;
	bool raw_guest_memory;
	u32 client_context_size;
	u32 inline_packet_context_size;
	u32 inbound_page_count;
	u32 outbound_page_count;
	u32 inbound_packet_count;
	u32 outbound_packet_count;
	void *refusal_completion;
	u32 refusal_completion_length;
	u32 flags;
	vmb_channel_process_packet_fn process_packet;
	u32 server_flags;
	u16 mmio_megabytes;
	u16 mmio_megabytes_optional;
	bool target_set;
	bool target_instance_set;
	bool offer_removing;
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
	struct vmb_save save;
	struct vmb_restore restore;
	u32 times_leaked;
	struct vmb_counters counters;
	u64 refusals[VMB_REFUSAL_COUNT];
	struct vmb_latency latencies[VMB_LATENCY_KINDS];
	struct dentry *debugfs;
	struct work_struct release_work;
};

/* For the log, where the device's name stands in front of it. */
static inline const char *vmb_channel_label(const struct vmb_channel *channel)
{
	return channel->label;
}

/*
 * Where a channel is, for a caller that acts on it without life.lock: what the
 * worker did before it said so is done.
 */
static inline enum vmb_life_state vmb_life_state(const struct vmb_channel *channel)
{
	/* Pairs with the release in vmb_life_step(). */
	return smp_load_acquire(&channel->life.state);
}

/* Whether packets flow, for the same readers. */
static inline enum vmb_flow_state vmb_life_flow(const struct vmb_channel *channel)
{
	/* Pairs with the release in vmb_flow_step(). */
	return smp_load_acquire(&channel->life.flow);
}

/* Packets that it can owe a completion, with one object left to read with. */
static inline u32 vmb_channel_can_answer(const struct vmb_channel *channel)
{
	return max(channel->pool.limit, 2u) - 1;
}

/* Before the transport has seen the offer. */
static inline void vmb_channel_forget_peer_memory(struct vmb_channel *channel)
{
	WRITE_ONCE(channel->peer_memory, channel->device->isolated ?
		   VMB_PEER_MEMORY_UNKNOWN : VMB_PEER_MEMORY_PLAIN);
}

/* Is what the peer gets decrypted for it? */
static inline bool vmb_channel_decrypts(const struct vmb_channel *channel)
{
	enum vmb_peer_memory memory = READ_ONCE(channel->peer_memory);

	return memory != VMB_PEER_MEMORY_PLAIN && memory != VMB_PEER_MEMORY_ENCRYPTED;
}

/* Are packets messages of a pipe, each with a header of its own? */
static inline bool vmb_channel_is_pipe(const struct vmb_channel *channel)
{
	return channel->flags & VMB_CHANNEL_INIT_FLAG_IS_PIPE;
}

/* Payload of the largest packet, as it is in the ring. */
static inline u32 vmb_channel_wire_packet_size(const struct vmb_channel *channel)
{
	u32 size = channel->maximum_packet_size;

	return vmb_channel_is_pipe(channel) ?
	       size + sizeof(struct vmb_wire_pipe_header) : size;
}

/* May settings be changed? Only in the configuration window. */
static inline bool vmb_channel_is_configurable(struct vmb_channel *channel)
{
	return vmb_life_state(channel) == VMB_LIFE_DISABLED;
}

/* Does the client hold no packet? */
static inline bool vmb_outbound_client_is_done(struct vmb_channel *channel)
{
	return READ_ONCE(channel->outbound.finished) ==
	       READ_ONCE(channel->inbound.delivered);
}

/* Is everything written that was to be? */
static inline bool vmb_outbound_queue_is_empty(struct vmb_channel *channel)
{
	return list_empty_careful(&channel->outbound.queue);
}

/* Does the client hold packets from a life that is over? */
static inline bool vmb_outbound_is_abandoned(struct vmb_channel *channel)
{
	/* Pairs with the release by the last packet: it is back in the pool. */
	return smp_load_acquire(&channel->outbound.abandoned);
}

/* Settings that inbound packets rely on, also not while the client holds old ones. */
static inline bool vmb_channel_is_unused(struct vmb_channel *channel)
{
	return vmb_channel_is_configurable(channel) &&
	       !vmb_outbound_is_abandoned(channel);
}

/* Does the client have packets whose size is what it is? */
static inline bool vmb_packets_are_allocated(struct vmb_channel *channel)
{
	return READ_ONCE(channel->outbound.allocated);
}

/* Settings that outbound packet objects are made to, also not while there are any. */
static inline bool vmb_channel_is_resizable(struct vmb_channel *channel)
{
	return vmb_channel_is_unused(channel) && !vmb_packets_are_allocated(channel);
}

/* Did the peer break the ring that is open? Nobody knows where a packet begins. */
static inline bool vmb_inbound_is_lost(const struct vmb_channel *channel)
{
	return vmb_inbound_mode(&channel->inbound) == VMB_DRAIN_LOST;
}

/* Is the VM shutting down? */
static inline bool vmb_life_is_shutting_down(const struct vmb_channel *channel)
{
	return READ_ONCE(channel->life.pm_reason) == VMB_CHANNEL_STOP_SHUTDOWN;
}

/* Has its peer kept memory for good as often as it may? */
static inline bool vmb_channel_has_leaked_enough(const struct vmb_channel *channel)
{
	return READ_ONCE(channel->times_leaked) >= VMB_MAXIMUM_LEAKS;
}

/* Is something waiting for the worker that nobody else can do? */
static inline bool vmb_life_has_to_end(const struct vmb_channel *channel)
{
	return READ_ONCE(channel->life.stop) != VMB_LIFE_STOP_NONE ||
	       !vmb_pm_may_run(READ_ONCE(channel->life.pm));
}

/* Is this call made from inside a state callback? */
static inline bool vmb_life_is_callback(const struct vmb_channel *channel)
{
	return READ_ONCE(channel->life.worker) == current;
}

/* Only the channel's worker comes here. */
static inline void vmb_life_assert_worker(const struct vmb_channel *channel)
{
	lockdep_assert(vmb_life_is_callback(channel));
}

/* accounting.c */
void vmb_refuse(struct vmb_channel *channel, const struct vmb_ring_packet *packet,
		enum vmb_refusal refusal);
void vmb_outbound_count_signal(struct vmb_channel *channel);

/* overlong.c */
void vmb_overlong_init(struct vmb_inbound *inbound);
void vmb_overlong_want(struct vmb_channel *channel);
int vmb_overlong_attach(struct vmb_channel *channel);
void vmb_overlong_opened(struct vmb_channel *channel);
bool vmb_overlong_take(struct vmb_channel *channel);
void vmb_overlong_destroy(struct vmb_channel *channel);

/* state.c */
extern struct workqueue_struct *vmb_workqueue;
void vmb_life_queue(struct vmb_channel *channel);
int vmb_life_step(struct vmb_channel *channel, enum vmb_life_event event);
int vmb_flow_step(struct vmb_channel *channel, enum vmb_flow_event event);
void vmb_pm_step(struct vmb_channel *channel, enum vmb_pm_event event);
void vmb_life_advance(struct vmb_channel *channel, enum vmb_life_event event);
void vmb_flow_advance(struct vmb_channel *channel, enum vmb_flow_event event);
void vmb_life_request_stop_locked(struct vmb_channel *channel,
				  enum vmb_channel_stop_reason reason,
				  enum vmb_life_stop stop);
void vmb_life_stop(struct vmb_channel *channel,
		   enum vmb_channel_stop_reason reason);
void vmb_life_request_disable(struct vmb_channel *channel,
			      enum vmb_channel_stop_reason reason);
bool vmb_life_stop_if_gone(struct vmb_channel *channel);
void vmb_inbound_queue_work(struct vmb_channel *channel);
struct vmb_channel *vmb_life_caller(struct vmb_channel *channel);

/* transaction.c */
void vmb_transactions_restore(struct vmb_transactions *transactions,
			      struct vmb_packet *packet);
void vmb_transactions_find_free(struct vmb_transactions *transactions);
int vmb_transactions_create(struct vmb_transactions *transactions, u32 limit);
void vmb_transactions_destroy(struct vmb_transactions *transactions);

#endif
