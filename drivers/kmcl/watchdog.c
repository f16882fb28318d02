// SPDX-License-Identifier: GPL-2.0
/*
 * The stall watchdog: there is work, nobody does it, and nothing moved since
 * the last look. A peer that loses a signal, or does not know about pending
 * sends, would leave the channel standing.
 */
#include "life.h"

#include <trace/events/vmbkmcl.h>

#define VMB_WATCHDOG_PERIOD_MS	250u

static void vmb_watchdog_stalled(struct vmb_channel *channel, bool outbound)
{
	struct vmb_watchdog *watchdog = &channel->watchdog;

	spin_lock_irq(&channel->outbound.lock);
	channel->counters.stalls++;
	spin_unlock_irq(&channel->outbound.lock);
	trace_vmb_stall(channel->name, outbound);
	if (watchdog->reported)
		return;
	watchdog->reported = true;
	dev_warn(channel->dev,
		 "%s: %s stood still, the peer's signal did not come; further times are only counted\n",
		 vmb_channel_label(channel), outbound ? "outgoing queue" : "incoming ring");
}

/*
 * Packets in the ring, packet objects to read them into, and the reader has not
 * moved: kick it, once until it moves.
 */
static void vmb_watchdog_look_inbound(struct vmb_channel *channel)
{
	struct vmb_watchdog *watchdog = &channel->watchdog;
	struct vmb_inbound *inbound = &channel->inbound;
	u32 read_index = READ_ONCE(inbound->reader.read_index);
	bool moved = read_index != watchdog->seen_read_index ||
		     READ_ONCE(inbound->delivered) != watchdog->seen_delivered;

	watchdog->seen_read_index = read_index;
	watchdog->seen_delivered = READ_ONCE(inbound->delivered);
	if (moved || !vmb_ring_reader_has_data(&inbound->reader) ||
	    !(vmb_inbound_mode(inbound) & VMB_DRAIN_READS) ||
	    test_bit(VMB_INBOUND_DRAINING, &inbound->flags) ||
	    test_bit(VMB_INBOUND_BLOCKED, &inbound->flags) ||
	    READ_ONCE(channel->outbound.starved)) {
		watchdog->inbound_seen_waiting = false;
		watchdog->inbound_kicked = false;
		return;
	}
	/* What came in just now may have its signal still on the way. */
	if (!watchdog->inbound_seen_waiting) {
		watchdog->inbound_seen_waiting = true;
		return;
	}
	if (watchdog->inbound_kicked)
		return;
	watchdog->inbound_kicked = true;
	vmb_watchdog_stalled(channel, false);
	channel->operations->schedule(channel);
}

/* There is as much room as the peer was to send a signal for. */
static bool vmb_watchdog_room_was_awaited(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	struct vmb_ring_writer *writer = &outbound->writer;
	bool awaited = false;

	spin_lock_irq(&outbound->lock);
	/* A drain that is running has the writer. */
	if (outbound->open && !outbound->batching && writer->pending_send_size) {
		awaited = vmb_ring_writer_free(writer) > writer->pending_send_size;
		/* A flush would take it for known. */
		if (writer->lost != VMB_REFUSAL_NONE)
			vmb_outbound_lost(channel);
	}
	spin_unlock_irq(&outbound->lock);
	return awaited;
}

/*
 * Completions wait for room. Trying costs the peer nothing, so it is done at
 * every look; but room that there is just now may have its signal still on the
 * way. If that is so at the next look as well, nobody has told us of it.
 */
static void vmb_watchdog_look_outbound(struct vmb_channel *channel)
{
	struct vmb_watchdog *watchdog = &channel->watchdog;
	u64 progress = READ_ONCE(channel->outbound.progress);
	bool waits = progress == watchdog->seen_progress &&
		     !vmb_outbound_queue_is_empty(channel);
	bool room = waits && vmb_watchdog_room_was_awaited(channel);

	if (waits && (!room || watchdog->outbound_seen_room)) {
		vmb_outbound_flush(channel);
		if (room && READ_ONCE(channel->outbound.progress) != progress)
			vmb_watchdog_stalled(channel, true);
		room = false;
	}
	watchdog->outbound_seen_room = room;
	watchdog->seen_progress = READ_ONCE(channel->outbound.progress);
}

/* One look at both directions of an open channel. */
void vmb_watchdog_look(struct vmb_channel *channel)
{
	vmb_watchdog_look_inbound(channel);
	vmb_watchdog_look_outbound(channel);
}

static void vmb_watchdog_work(struct work_struct *work)
{
	struct vmb_channel *channel = container_of(to_delayed_work(work),
						   struct vmb_channel,
						   watchdog.work);

	vmb_watchdog_look(channel);
	queue_delayed_work(vmb_workqueue, &channel->watchdog.work,
			   msecs_to_jiffies(VMB_WATCHDOG_PERIOD_MS));
}

void vmb_watchdog_init(struct vmb_watchdog *watchdog)
{
	INIT_DELAYED_WORK(&watchdog->work, vmb_watchdog_work);
}

/* Rings are attached and packets may flow. */
void vmb_watchdog_start(struct vmb_channel *channel)
{
	struct vmb_watchdog *watchdog = &channel->watchdog;

	watchdog->seen_delivered = 0;
	watchdog->seen_read_index = 0;
	watchdog->seen_progress = 0;
	watchdog->inbound_seen_waiting = false;
	watchdog->inbound_kicked = false;
	watchdog->outbound_seen_room = false;
	queue_delayed_work(vmb_workqueue, &watchdog->work,
			   msecs_to_jiffies(VMB_WATCHDOG_PERIOD_MS));
}

/* The rings are about to go. Process context. */
void vmb_watchdog_stop(struct vmb_channel *channel)
{
	cancel_delayed_work_sync(&channel->watchdog.work);
}
