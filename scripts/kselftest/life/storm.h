/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The storm's client: what its files share.
 *
 *   wrong.c	what must not be, counted and logged
 *   packets.c	what comes in, and what the client sends
 *   rounds.c	the channel's life, and what is looked at in it
 *   device.c	the device, and what sysfs shows
 *
 * A file calls only those above it in this list.
 */
#ifndef STORM_H
#define STORM_H

#include <linux/atomic.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <vmbkmcl.h>

/* The sender's packet objects. */
#define STORM_WINDOW		64
#define STORM_PACKET_SIZE	4096
/* How long to wait for packets. */
#define STORM_PATIENCE		(30 * HZ)

/* Where the channel is, by the callbacks that were called. */
enum storm_phase {
	STORM_CLOSED,
	STORM_OPEN,
	STORM_STARTED,
	STORM_RUNNING,
	STORM_SUSPENDED,
};

/*
 *  delivered		packets that came in
 *  wanted		of these, those that the peer wants to be completed
 *  completed		completed, at once or later
 *  accepted		packets of our own that the channel took
 *  ended		of these, how many routines ran
 *  written		of these, because they were in the ring
 *  answered		of these, with the peer's completion, found right
 *  cut_off		of these, because the channel went
 *  refused		packets of our own that a disabled channel did not take
 *  kept		packets of our own that were sent while the machine hibernated
 *  suspends		calls of suspend
 *  suspends_holding	of these, with packets in our hands
 *  suspends_sending	of these, with packets of our own under way
 *  wrong		anything that must not be
 */
#define STORM_COUNTERS(X)	\
	X(delivered)		\
	X(wanted)		\
	X(completed)		\
	X(accepted)		\
	X(ended)		\
	X(written)		\
	X(answered)		\
	X(cut_off)		\
	X(refused)		\
	X(kept)			\
	X(suspends)		\
	X(suspends_holding)	\
	X(suspends_sending)	\
	X(wrong)

struct storm_counters {
#define STORM_COUNTER_FIELD(name) atomic64_t name;
	STORM_COUNTERS(STORM_COUNTER_FIELD)
#undef STORM_COUNTER_FIELD
};

/**
 * struct storm_packet - one of the sender's packets
 * @node: in &storm.free, while not in flight.
 * @packet: the packet.
 * @storm: whose it is.
 * @in_flight: 1 from before the send until the routine.
 * @sequence: its number, while in flight.
 *
 * Part of the device.
 */
struct storm_packet {
	struct llist_node node;
	struct vmb_packet *packet;
	struct storm *storm;
	atomic_t in_flight;
	u64 sequence;
};

/**
 * struct storm - one device
 * @device: the VMBus device.
 * @channel: its channel.
 * @phase: set by the state callbacks, which never overlap.
 * @expected: the reason that suspend and closed are to be given; set by who
 *	holds @rounds, before the call that brings them. 0: any.
 * @quiet: disable has returned; cleared before enable.
 * @enabled: sends are taken; cleared before disable.
 * @parked: the sender is; suspend sends if the VM hibernates.
 * @delivered_at_suspend: nothing more may come until started.
 * @delivered_before: when @quiet was cleared.
 * @answered_before: answers when @quiet was cleared.
 * @inside: packet callbacks that run now.
 * @rounds: held while rounds are done.
 * @sending: held for each send; protects @sequence.
 * @sequence: the next packet's number.
 * @sender: the thread that sends.
 * @packets: what it sends.
 * @free: those that are not in flight; the routines add, only @sender takes.
 * @freed: woken when one was added, and when @enabled was set.
 * @moved: woken when a packet came in, or was answered.
 * @defer: packets for the worker.
 * @deferred_work: the worker.
 * @count: what sysfs shows.
 *
 * Allocated by probe, freed by remove.
 */
struct storm {
	struct vmb_device *device;
	struct vmb_channel *channel;
	enum storm_phase phase;
	enum vmb_channel_stop_reason expected;
	bool quiet;
	bool enabled;
	bool parked;
	u64 delivered_at_suspend;
	u64 delivered_before;
	u64 answered_before;
	atomic_t inside;
	struct mutex rounds;
	struct mutex sending;
	u64 sequence;
	struct task_struct *sender;
	struct storm_packet packets[STORM_WINDOW];
	struct llist_head free;
	wait_queue_head_t freed;
	wait_queue_head_t moved;
	struct llist_head defer;
	struct delayed_work deferred_work;
	struct storm_counters count;
};

/* wrong.c */
void storm_wrong(struct storm *storm, const char *what, s64 value);

/* packets.c */
void storm_packets_init(struct storm *storm);
u32 storm_inbound_size(void);
int storm_packets_allocate(struct storm *storm);
void storm_packets_free(struct storm *storm);
int storm_packets_start(struct storm *storm);
int storm_packets_park(struct storm *storm);
void storm_packets_keep(struct storm *storm);
void storm_packets_go_on(struct storm *storm);
void storm_packets_stop(struct storm *storm);
void storm_process_packet(struct vmb_channel *channel, void *callback_context,
			  struct vmb_packet_completion *packet,
			  void *buffer, u32 buffer_length, u32 flags);

/* rounds.c */
int storm_set_callbacks(struct storm *storm);
int storm_enable(struct storm *storm);
int storm_disable(struct storm *storm, enum vmb_channel_stop_reason expected);
int storm_do(struct storm *storm, const char *what);

#endif
