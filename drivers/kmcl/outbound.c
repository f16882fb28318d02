// SPDX-License-Identifier: GPL-2.0
/*
 * The way out: the one queue of completions and packets, and who may write the
 * ring; and packet objects going back to the pool.
 *
 * What goes out is written straight into the ring if there is room and nothing
 * waits; else it waits in its packet object. So it always has a place, and is
 * never overtaken.
 *
 * While a drain runs, the writer is the drain's: what is completed inside the
 * callback is written without a lock and published with the batch; what others
 * send meanwhile waits in the queue until the batch ends. At all other times the
 * writer belongs to whoever holds the lock.
 */
#include "compat.h"
#include "outbound.h"

#include <trace/events/vmbkmcl.h>

/* Packet objects that the drain takes at a time. */
#define VMB_OUTBOUND_TAKEN	64u
/* So many are enough for a drain that had none, or a quarter of all. */
#define VMB_OUTBOUND_FEED	16u
/* And so long it waits for them. */
#define VMB_OUTBOUND_FEED_NS	(20 * NSEC_PER_USEC)

/*
 * Move free packet objects into the drain's hand, enough for a batch. False: there
 * are none, and those that come back will have the drain scheduled.
 */
bool vmb_outbound_take_free(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	struct vmb_packet_completion *packet;
	unsigned long flags;
	LIST_HEAD(others);
	u32 taken = 0;

	vmb_inbound_assert_owned(&channel->inbound);
	spin_lock_irqsave(&outbound->lock, flags);
	list_for_each_entry(packet, &outbound->free, queue.node) {
		vmb_packet_cache_put(&channel->inbound.cache, packet);
		if (++taken == VMB_OUTBOUND_TAKEN)
			break;
	}
	/* All at once: nothing of the objects is touched. */
	if (unlikely(taken == VMB_OUTBOUND_TAKEN))
		list_cut_position(&others, &outbound->free, &packet->queue.node);
	else
		INIT_LIST_HEAD(&outbound->free);
	outbound->starved = taken ? 0 :
			    clamp(channel->pool.count / 4, 1u, VMB_OUTBOUND_FEED);
	outbound->fed = false;
	spin_unlock_irqrestore(&outbound->lock, flags);
	return taken;
}

/*
 * A packet object has come back while the drain wants one. A drain for each would
 * cost more than the packet: it waits until there are some, but not for long, for
 * these may be all that will come.
 */
void vmb_outbound_feed(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;

	lockdep_assert_held(&outbound->lock);
	outbound->starved--;
	if (!outbound->open)
		return;
	if (!outbound->starved)
		channel->operations->schedule(channel);
	else if (!outbound->fed)
		hrtimer_start(&outbound->feed_timer, ns_to_ktime(VMB_OUTBOUND_FEED_NS),
			      HRTIMER_MODE_REL_PINNED_SOFT);
	outbound->fed = true;
}

/* Softirq. */
static enum hrtimer_restart vmb_outbound_feed_now(struct hrtimer *timer)
{
	struct vmb_channel *channel = container_of(timer, struct vmb_channel,
						   outbound.feed_timer);
	struct vmb_outbound *outbound = &channel->outbound;
	unsigned long flags;

	spin_lock_irqsave(&outbound->lock, flags);
	/* Another drain may have had them, and left none to wait for. */
	if (outbound->open && outbound->starved && outbound->fed)
		channel->operations->schedule(channel);
	spin_unlock_irqrestore(&outbound->lock, flags);
	return HRTIMER_NORESTART;
}

/* Packet objects that were made just now: a drain that wants one goes on at once. */
void vmb_outbound_add_free(struct vmb_channel *channel, struct list_head *made)
{
	struct vmb_outbound *outbound = &channel->outbound;

	lockdep_assert_held(&outbound->lock);
	if (list_empty(made))
		return;
	list_splice_tail(made, &outbound->free);
	if (!outbound->starved || !outbound->open)
		return;
	outbound->starved = 0;
	channel->operations->schedule(channel);
}

void vmb_outbound_init(struct vmb_outbound *outbound)
{
	spin_lock_init(&outbound->lock);
	INIT_LIST_HEAD(&outbound->queue);
	INIT_LIST_HEAD(&outbound->held);
	INIT_LIST_HEAD(&outbound->free);
	INIT_LIST_HEAD(&outbound->free_list);
	INIT_LIST_HEAD(&outbound->ended);
	INIT_LIST_HEAD(&outbound->callers);
	init_waitqueue_head(&outbound->drained);
	hrtimer_setup(&outbound->feed_timer, vmb_outbound_feed_now, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_PINNED_SOFT);
}

static enum vmb_ring_status
vmb_outbound_write_entry(struct vmb_channel *channel,
			 struct vmb_queue_entry *entry, u32 *needed)
{
	if (entry->kind == VMB_QUEUE_COMPLETION)
		return vmb_completion_write(channel,
					    container_of(entry,
							 struct vmb_packet_completion,
							 queue), needed);
	return vmb_send_write(channel,
			      container_of(entry, struct vmb_packet, queue), needed);
}

/* It is in the ring, and in no list any more. */
static void vmb_outbound_written(struct vmb_channel *channel,
				 struct vmb_queue_entry *entry)
{
	if (entry->kind == VMB_QUEUE_COMPLETION)
		vmb_outbound_recycle(channel,
				     container_of(entry,
						  struct vmb_packet_completion,
						  queue));
	else
		vmb_send_written(channel,
				 container_of(entry, struct vmb_packet, queue));
}

/*
 * The head of the queue finds no room. False: the ring is too small for it (sent
 * before anybody knew the ring), and it is taken out.
 */
static bool vmb_outbound_can_wait(struct vmb_channel *channel,
				  struct vmb_queue_entry *entry, u32 needed)
{
	if (likely(needed < channel->outbound.writer.ring.size) ||
	    entry->kind == VMB_QUEUE_COMPLETION)
		return true;
	list_del_init(&entry->node);
	vmb_send_end(channel, container_of(entry, struct vmb_packet, queue),
		     -EMSGSIZE);
	return false;
}

/*
 * Write what waits, as far as there is room; then pending_send_size says what
 * the head of the queue needs, or that nothing waits. Interrupts are off, so that
 * is bounded: with a quick peer there may be room for ever. The transport's next
 * interrupt goes on, and reads in between. Returns false if framing is lost.
 * Routines of what has ended are to be called without the lock.
 */
bool vmb_outbound_flush_queue(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	struct vmb_queue_entry *entry;
	u32 budget = VMB_OUTBOUND_BUDGET;
	enum vmb_ring_status status;
	bool asked = false;
	u32 needed;

	lockdep_assert_held(&outbound->lock);
	while (!list_empty(&outbound->queue)) {
		if (!budget--) {
			channel->operations->schedule(channel);
			return true;
		}
		entry = list_first_entry(&outbound->queue,
					 struct vmb_queue_entry, node);
		status = vmb_outbound_write_entry(channel, entry, &needed);
		if (status == VMB_RING_LOST)
			return false;
		if (status == VMB_RING_FULL) {
			if (!vmb_outbound_can_wait(channel, entry, needed))
				continue;
			/*
			 * The peer has to see what is in the ring before it can
			 * make room. Ask first, then look once more: it may have
			 * made room in between, and would not say so again.
			 */
			if (asked) {
				vmb_outbound_watch(channel, VMB_WATCH_ROOM);
				return true;
			}
			vmb_outbound_publish(channel);
			vmb_ring_writer_wait_for_room(&outbound->writer, needed);
			asked = true;
			continue;
		}
		asked = false;
		list_del_init(&entry->node);
		vmb_outbound_written(channel, entry);
	}
	vmb_ring_writer_wait_for_room(&outbound->writer, 0);
	wake_up(&outbound->drained);
	return true;
}

/*
 * The peer broke the outbound ring. Nothing more can be written. Found out by
 * whoever writes, in the drain without the lock; counted once. It is for the worker
 * to say so: the console may be a client that sends, and takes this very lock.
 */
void vmb_outbound_lost(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	enum vmb_refusal refusal = outbound->writer.lost;

	lockdep_assert_held(&outbound->lock);
	if (outbound->lost)
		return;
	/* Pairs with vmb_outbound_say_lost(). */
	smp_store_release(&outbound->lost, true);
	channel->refusals[refusal]++;
	channel->counters.refused++;
	trace_vmb_refuse(channel->name, 0, 0, refusal);
	vmb_life_stop(channel, VMB_CHANNEL_STOP_FRAMING_LOST);
}

/* The channel is being quiesced, or closes: say it now, if the ring was lost. */
void vmb_outbound_say_lost(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;

	vmb_life_assert_worker(channel);
	/* Pairs with vmb_outbound_lost(): the writer does not change any more. */
	if (!smp_load_acquire(&outbound->lost) || outbound->lost_said)
		return;
	outbound->lost_said = true;
	dev_err_ratelimited(channel->dev,
			    "%s: framing of the outbound ring lost at offset %u: %s\n",
			    vmb_channel_label(channel), outbound->writer.write_index,
			    vmb_refusal_name(outbound->writer.lost));
}

/*
 * Write what waits, if the writer is ours. Signals if it has to. Also when the
 * queue has become empty and the peer was not told that nobody waits any more.
 */
static void vmb_outbound_flush_locked(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;

	lockdep_assert_held(&outbound->lock);
	if ((list_empty(&outbound->queue) && !outbound->writer.pending_send_size) ||
	    !outbound->open || vmb_ring_writer_is_lost(&outbound->writer))
		return;
	if (!vmb_outbound_flush_queue(channel))
		vmb_outbound_lost(channel);
}

/* There may be room: write what waits. Any context but hard interrupt. */
void vmb_outbound_flush(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	unsigned long flags;

	spin_lock_irqsave(&outbound->lock, flags);
	/* A drain that is running does it at its end. */
	if (!outbound->batching) {
		vmb_outbound_flush_locked(channel);
		if (outbound->open)
			vmb_outbound_publish(channel);
	}
	vmb_outbound_unlock(channel, flags);
}

/* The drain takes the writer, and uses the room that there may be. */
void vmb_outbound_begin_batch(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	unsigned long flags;

	vmb_inbound_assert_owned(&channel->inbound);
	spin_lock_irqsave(&outbound->lock, flags);
	vmb_outbound_flush_locked(channel);
	outbound->batching = true;
	vmb_outbound_unlock(channel, flags);
}

/*
 * The drain gives the writer back: publish what was completed meanwhile, by it
 * and by others. Returns whether the peer is to be signalled, for the drain's
 * own reasons too: it looks at both rings. Routines of what has ended are to be
 * called after that.
 */
bool vmb_outbound_end_batch(struct vmb_channel *channel)
{
	const struct vmb_batch *batch = &channel->inbound.batch;
	struct vmb_outbound *outbound = &channel->outbound;
	bool signal = batch->signal;
	unsigned long flags;

	vmb_inbound_assert_owned(&channel->inbound);
	spin_lock_irqsave(&outbound->lock, flags);
	channel->counters.completed += batch->completed;
	channel->counters.completions_sent += batch->sent;
	outbound->finished += batch->completed;
	outbound->progress += batch->sent;
	vmb_outbound_flush_locked(channel);
	outbound->batching = false;
	signal |= vmb_ring_writer_commit(&outbound->writer);
	if (signal)
		channel->counters.signals++;
	spin_unlock_irqrestore(&outbound->lock, flags);
	return signal;
}

/* The rings are attached and the transport is open. */
void vmb_outbound_open(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;

	vmb_life_assert_worker(channel);
	spin_lock_irq(&outbound->lock);
	outbound->open = true;
	outbound->lost = false;
	outbound->lost_said = false;
	outbound->starved = 0;
	outbound->fed = false;
	/* What the client holds from before the VM hibernated still counts. */
	channel->inbound.delivered -= outbound->finished;
	outbound->finished = 0;
	outbound->progress = 0;
	spin_unlock_irq(&outbound->lock);
	vmb_overlong_opened(channel);
}

/*
 * The channel is paused, and nothing is read: from here on nothing is written either,
 * nor sent. -EBUSY: a completion still waits for room; -ENODEV: the ring is lost.
 */
int vmb_outbound_freeze(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	struct vmb_queue_entry *entry;
	int ret = 0;

	vmb_life_assert_worker(channel);
	spin_lock_irq(&outbound->lock);
	if (vmb_ring_writer_is_lost(&outbound->writer))
		ret = -ENODEV;
	list_for_each_entry(entry, &outbound->queue, node)
		if (!ret && entry->kind == VMB_QUEUE_COMPLETION)
			ret = -EBUSY;
	if (!ret) {
		vmb_outbound_publish(channel);
		/* Who goes on with the ring asks anew. */
		vmb_ring_writer_wait_for_room(&outbound->writer, 0);
		outbound->open = false;
		WRITE_ONCE(outbound->accepting, false);
	}
	spin_unlock_irq(&outbound->lock);
	return ret;
}

/* As it was before. */
void vmb_outbound_thaw(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;

	vmb_life_assert_worker(channel);
	spin_lock_irq(&outbound->lock);
	outbound->open = true;
	WRITE_ONCE(outbound->accepting, true);
	spin_unlock_irq(&outbound->lock);
	vmb_overlong_opened(channel);
	vmb_outbound_flush(channel);
}

/*
 * Ring and transport are about to go: nobody touches them after this. What
 * waited in the queue is dropped, and counted: completions only, for sends were
 * stopped before. If the client still holds packets and this is @for_good,
 * the last of them takes the channel's memory with it; returns whether that is
 * so.
 */
bool vmb_outbound_close(struct vmb_channel *channel, bool for_good)
{
	struct vmb_outbound *outbound = &channel->outbound;
	struct vmb_packet_completion *packet, *next;
	bool abandoned;

	vmb_life_assert_worker(channel);
	spin_lock_irq(&outbound->lock);
	outbound->open = false;
	list_for_each_entry_safe(packet, next, &outbound->queue, queue.node) {
		list_del(&packet->queue.node);
		channel->counters.completions_dropped++;
		vmb_outbound_recycle(channel, packet);
	}
	abandoned = for_good && !vmb_outbound_client_is_done(channel);
	outbound->abandoned = abandoned;
	if (abandoned)
		kobject_get(&channel->kobject);
	spin_unlock_irq(&outbound->lock);
	/* A task that waits for a GPADL to fall out of use waits no longer. */
	if (abandoned)
		wake_up(&channel->memory.unused);
	return abandoned;
}

/*
 * Unless the client holds packets with memory that it may be using, it gets no memory
 * of a packet any more until the VM resumes, or does not hibernate. False: it does.
 */
bool vmb_outbound_quiesce_external(struct vmb_channel *channel)
{
	struct vmb_packet_pool *pool = &channel->pool;
	struct vmb_memory *memory = &channel->memory;
	bool has = false;
	u32 i;

	spin_lock_irq(&channel->outbound.lock);
	spin_lock(&memory->lock);
	for (i = 0; i < pool->count; i++)
		has |= vmb_packet_is_with_client(pool->memory[i]) &&
		       pool->memory[i]->vector_count;
	memory->quiesced = !has;
	spin_unlock(&memory->lock);
	spin_unlock_irq(&channel->outbound.lock);
	return !has;
}

/* The VM hibernates: completions of what the client holds are for nobody. */
void vmb_outbound_orphan_packets(struct vmb_channel *channel)
{
	struct vmb_packet_pool *pool = &channel->pool;
	u32 i;

	vmb_life_assert_worker(channel);
	spin_lock_irq(&channel->outbound.lock);
	/* A look-up that is under way keeps to the answer that is stored first. */
	spin_lock(&channel->memory.lock);
	for (i = 0; i < pool->count; i++) {
		struct vmb_packet_completion *packet = pool->memory[i];

		/* Also one whose completion is under way: it comes too late. */
		if (atomic_read(&packet->state) == VMB_PACKET_FREE)
			continue;
		/* A client that fails it means the connection that is over. */
		atomic_cmpxchg(&packet->state, VMB_PACKET_DELIVERED,
			       VMB_PACKET_ORPHANED);
		packet->wire.flags = 0;
		/* What it names may be anybody's when the VM resumes. */
		packet->external_result = -EACCES;
		/* Pairs with vmb_external_data_know(). */
		smp_store_release(&packet->external_known, true);
	}
	spin_unlock(&channel->memory.lock);
	spin_unlock_irq(&channel->outbound.lock);
}

