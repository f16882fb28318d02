// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a channel: enabled, open, closed, and the client's callbacks in
 * their order.
 *
 * One work item per channel does all of it, so the callbacks never overlap.
 * Others only say what they want, under life.lock, and queue it.
 */
#include <linux/jiffies.h>
#include <linux/sched.h>

#include "channel.h"

#include <trace/events/vmbkmcl.h>

/* How often to say that a close waits for the client. */
#define VMB_DRAIN_WARN_PERIOD	(10 * HZ)
/*
 * How long remove waits for the client to complete what it holds. All rescinds
 * of the machine queue behind it.
 */
#define VMB_DRAIN_REMOVE_LIMIT	(30 * HZ)
/* How long a close waits for the peer to make room for queued completions. */
#define VMB_FLUSH_LIMIT		HZ
/* A peer that is gone is noticed this soon by who waits for it. */
#define VMB_PEER_GONE_POLL	(HZ / 10)

/* A ring holds at least this many of the largest packets, if not set. */
#define VMB_RING_PACKETS	4u
#define VMB_RING_SIZE_DEFAULT	SZ_64K
#define VMB_RING_SIZE_LIMIT	SZ_2M

static enum vmb_channel_stop_reason vmb_life_reason(struct vmb_channel *channel)
{
	return READ_ONCE(channel->life.stop_reason);
}

/*
 * The channel is to be closed. The first reason stays. Any context; does
 * nothing on a disabled channel.
 */
void vmb_life_stop(struct vmb_channel *channel,
		   enum vmb_channel_stop_reason reason)
{
	struct vmb_life *life = &channel->life;
	unsigned long flags;

	spin_lock_irqsave(&life->lock, flags);
	if (life->state != VMB_LIFE_DISABLED) {
		if (!life->stop) {
			life->stop = true;
			life->stop_reason = reason;
		}
		queue_work(vmb_workqueue, &life->work);
	}
	spin_unlock_irqrestore(&life->lock, flags);
}

static void vmb_life_set_state(struct vmb_channel *channel,
			       enum vmb_life_state state)
{
	spin_lock_irq(&channel->life.lock);
	WRITE_ONCE(channel->life.state, state);
	spin_unlock_irq(&channel->life.lock);
}

/* Everything is undone; the channel can be configured and enabled again. */
static void vmb_life_finish(struct vmb_channel *channel)
{
	channel->operations->unprepare(channel);
	if (!vmb_outbound_is_abandoned(channel))
		vmb_pool_destroy(channel);
	trace_vmb_life(channel->name, "disabled", 0);
	/*
	 * From here on the channel may be enabled again, or freed, by others:
	 * the last words are said under the lock.
	 */
	spin_lock_irq(&channel->life.lock);
	WRITE_ONCE(channel->life.state, VMB_LIFE_DISABLED);
	channel->life.worker = NULL;
	complete_all(&channel->life.disabled);
	spin_unlock_irq(&channel->life.lock);
}

/* Wait until the client has completed all it holds; bounded only in remove. */
static void vmb_life_drain(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	unsigned long begun = jiffies;
	unsigned long warned = jiffies;

	while (!wait_event_timeout(outbound->drained,
				   vmb_outbound_client_is_done(channel),
				   VMB_PEER_GONE_POLL)) {
		if (time_after(jiffies, warned + VMB_DRAIN_WARN_PERIOD)) {
			warned = jiffies;
			dev_warn(channel->dev,
				 "%s: closing waits for the driver to complete %llu packets\n",
				 vmb_channel_label(channel),
				 channel->inbound.delivered - outbound->finished);
		}
		if (!READ_ONCE(channel->device->removing)) {
			begun = jiffies;
		} else if (time_after(jiffies, begun + VMB_DRAIN_REMOVE_LIMIT)) {
			dev_err(channel->dev,
				"%s: the driver did not complete %llu packets, closing without them\n",
				vmb_channel_label(channel),
				channel->inbound.delivered - outbound->finished);
			break;
		}
	}
	/* Completions already accepted: give the peer time to take them. */
	begun = jiffies;
	while (!vmb_outbound_queue_is_empty(channel) &&
	       outbound->writer.lost == VMB_REFUSAL_NONE &&
	       !channel->operations->peer_gone(channel) &&
	       time_before(jiffies, begun + VMB_FLUSH_LIMIT)) {
		wait_event_timeout(outbound->drained,
				   vmb_outbound_queue_is_empty(channel),
				   VMB_PEER_GONE_POLL / 4);
		/* The drain is stopped, so nobody else hears of room. */
		vmb_outbound_flush(channel);
	}
}

/* Close ring and transport; no packet flows any more, the client has them all back. */
static void vmb_life_close_transport(struct vmb_channel *channel)
{
	int ret;

	vmb_outbound_close(channel);
	mutex_lock(&channel->memory.mutex);
	/* From here on memory can be taken back, but no more be shared. */
	channel->memory.accepting = false;
	ret = channel->operations->close(channel);
	mutex_unlock(&channel->memory.mutex);
	if (!ret)
		return;
	vmb_outbound_count_leak(channel);
	dev_err(channel->dev,
		"%s: the host may not have let go of the rings (%pe), their memory is leaked\n",
		vmb_channel_label(channel), ERR_PTR(ret));
}

static void vmb_life_close(struct vmb_channel *channel)
{
	const struct vmb_channel_state_change_callbacks *callbacks;
	enum vmb_channel_stop_reason reason = vmb_life_reason(channel);

	callbacks = &channel->callbacks;
	vmb_watchdog_stop(channel);
	vmb_inbound_stop(channel);
	trace_vmb_life(channel->name, "suspend", reason);
	if (callbacks->suspend)
		callbacks->suspend(channel, callbacks->callback_context, reason);
	vmb_life_drain(channel);
	vmb_life_close_transport(channel);
	trace_vmb_life(channel->name, "closed", reason);
	if (callbacks->closed)
		callbacks->closed(channel, callbacks->callback_context, reason);
	vmb_memory_delete_leftovers(channel);
	vmb_life_finish(channel);
}

static void vmb_life_open_failed(struct vmb_channel *channel, int error)
{
	const struct vmb_channel_state_change_callbacks *callbacks;

	callbacks = &channel->callbacks;
	dev_err(channel->dev, "%s: cannot open: %pe\n",
		vmb_channel_label(channel), ERR_PTR(error));
	trace_vmb_life(channel->name, "open failed", error);
	if (channel->pnp_failure)
		channel->pnp_failure(channel, error);
	if (callbacks->closed)
		callbacks->closed(channel, callbacks->callback_context,
				  VMB_CHANNEL_STOP_OPEN_FAILED);
	vmb_life_finish(channel);
}

static void vmb_life_open(struct vmb_channel *channel)
{
	const struct vmb_channel_state_change_callbacks *callbacks;
	int error;

	callbacks = &channel->callbacks;
	trace_vmb_life(channel->name, "open", 0);
	mutex_lock(&channel->memory.mutex);
	error = channel->operations->open(channel);
	channel->memory.accepting = !error;
	mutex_unlock(&channel->memory.mutex);
	if (error) {
		vmb_life_open_failed(channel, error);
		return;
	}
	trace_vmb_life(channel->name, "opened", 0);
	if (callbacks->opened)
		error = callbacks->opened(channel, callbacks->callback_context);
	if (error) {
		dev_warn(channel->dev,
			 "%s: the driver refuses to open: %pe\n",
			 vmb_channel_label(channel), ERR_PTR(error));
		vmb_life_close_transport(channel);
		vmb_memory_delete_leftovers(channel);
		vmb_life_finish(channel);
		return;
	}
	vmb_life_set_state(channel, VMB_LIFE_OPEN);
	trace_vmb_life(channel->name, "started", 0);
	if (callbacks->started)
		callbacks->started(channel, callbacks->callback_context);
	vmb_inbound_start(channel);
	vmb_watchdog_start(channel);
	trace_vmb_life(channel->name, "post_started", 0);
	if (callbacks->post_started)
		callbacks->post_started(channel, callbacks->callback_context);
}

static void vmb_life_work(struct work_struct *work)
{
	struct vmb_channel *channel = container_of(work, struct vmb_channel,
						   life.work);
	struct vmb_life *life = &channel->life;
	enum vmb_life_state state;
	bool stop;

	spin_lock_irq(&life->lock);
	state = life->state;
	stop = life->stop;
	life->worker = state == VMB_LIFE_DISABLED ? NULL : current;
	spin_unlock_irq(&life->lock);

	if (state == VMB_LIFE_DISABLED)
		return;
	if (state == VMB_LIFE_OPEN && stop) {
		vmb_life_close(channel);
		return;
	}
	if (state == VMB_LIFE_ENABLED && stop) {
		/* Who disables knows it; of a peer nobody else would tell. */
		if (vmb_life_reason(channel) == VMB_CHANNEL_STOP_DISABLED)
			vmb_life_finish(channel);
		else
			vmb_life_open_failed(channel, -ENODEV);
		return;
	}
	if (state == VMB_LIFE_ENABLED)
		vmb_life_open(channel);

	/*
	 * If the open succeeded we are still the worker of a live channel; a
	 * stop that came meanwhile has queued us again.
	 */
	spin_lock_irq(&life->lock);
	if (life->state != VMB_LIFE_DISABLED && life->worker == current)
		life->worker = NULL;
	spin_unlock_irq(&life->lock);
}

void vmb_life_init(struct vmb_life *life)
{
	spin_lock_init(&life->lock);
	INIT_WORK(&life->work, vmb_life_work);
	init_completion(&life->disabled);
	complete_all(&life->disabled);
}

/*
 * The room that the largest packet needs in a ring, with control page; 0 or
 * -EMSGSIZE. A ring is never filled completely, hence the unit on top.
 */
static int vmb_life_minimum_ring(const struct vmb_channel *channel, u32 *size)
{
	int ret;

	ret = vmb_ring_packet_size(vmb_ranges_maximum_length(&channel->external),
				   channel->maximum_packet_size, size);
	if (ret)
		return ret;
	*size = PAGE_ALIGN(*size + VMB_WIRE_UNIT) + PAGE_SIZE;
	return *size > VMB_RING_SIZE_LIMIT ? -EMSGSIZE : 0;
}

static u32 vmb_life_ring_size(u32 page_count, u32 minimum)
{
	u32 size;

	if (page_count)
		return page_count * PAGE_SIZE;
	size = min_t(u32, VMB_RING_PACKETS * (minimum - PAGE_SIZE) + PAGE_SIZE,
		     VMB_RING_SIZE_LIMIT);
	return max_t(u32, size, PAGE_ALIGN(VMB_RING_SIZE_DEFAULT));
}

static int vmb_life_prepare(struct vmb_channel *channel)
{
	u32 minimum, incoming, outgoing;
	int ret;

	ret = vmb_life_minimum_ring(channel, &minimum);
	if (ret)
		return ret;
	incoming = vmb_life_ring_size(channel->incoming_page_count, minimum);
	outgoing = vmb_life_ring_size(channel->outgoing_page_count, minimum);
	if (incoming < minimum || outgoing < minimum)
		return -EMSGSIZE;

	/* Of a life that ended while the client held packets; it has none now. */
	vmb_pool_destroy(channel);
	ret = vmb_pool_create(channel);
	if (ret)
		return ret;
	ret = channel->operations->prepare(channel, &incoming, &outgoing, minimum);
	if (ret)
		vmb_pool_destroy(channel);
	return ret;
}

static int vmb_life_check_target(const struct vmb_channel *channel)
{
	const struct vmb_device *device = &channel->device->device;

	if (!channel->target_set)
		return 0;
	if (!guid_equal(&channel->target_type, &device->interface_type))
		return -ENODEV;
	if (channel->target_instance_set &&
	    !guid_equal(&channel->target_instance, &device->interface_instance))
		return -ENODEV;
	return 0;
}

/**
 * vmb_channel_enable() - bring the channel to life
 * @channel: a disabled channel, configured.
 *
 * Allocates all that the channel will need, and returns; a worker opens the
 * channel and calls opened, started and post_started. If the open fails, closed
 * is called with VMB_CHANNEL_STOP_OPEN_FAILED and the channel is disabled
 * again, as it is after the peer has gone: it may be enabled anew. Calls of
 * enable, disable and the setters must not overlap each other.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled, or the client still holds packets from
 * before; -EINVAL: no process-packet callback; -EMSGSIZE: the largest packet
 * does not fit the rings; -ENODEV: the device is not the target, or is gone;
 * -ENOMEM.
 *
 * VmbChannelEnable.
 */
int vmb_channel_enable(struct vmb_channel *channel)
{
	struct vmb_life *life = &channel->life;
	int ret;

	if (!vmb_channel_is_configurable(channel) ||
	    vmb_outbound_is_abandoned(channel))
		return -EBUSY;
	if (!channel->inbound.process_packet)
		return -EINVAL;
	ret = vmb_life_check_target(channel);
	if (ret)
		return ret;
	if (channel->operations->peer_gone(channel))
		return -ENODEV;
	ret = vmb_life_prepare(channel);
	if (ret)
		return ret;

	spin_lock_irq(&life->lock);
	life->stop = false;
	WRITE_ONCE(life->state, VMB_LIFE_ENABLED);
	reinit_completion(&life->disabled);
	queue_work(vmb_workqueue, &life->work);
	spin_unlock_irq(&life->lock);
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_enable);

/**
 * vmb_channel_disable() - end the channel's life
 * @channel: the channel; if disabled, nothing happens.
 *
 * Returns when suspend was called, the client has completed every packet, the
 * channel is closed and closed has returned: no callback runs after it. It
 * waits for the client without limit, with a line in the log every 10 seconds;
 * only when the device is being removed for no more than 30 seconds, since all
 * rescinds of the machine wait behind that. It waits for a peer that does not
 * answer without limit too, unless that takes back its offer.
 *
 * Context: process context.
 * Return: 0; -EDEADLK: called from within a state callback of the channel, which
 * would wait for itself.
 *
 * VmbChannelDisable.
 */
int vmb_channel_disable(struct vmb_channel *channel)
{
	struct vmb_life *life = &channel->life;

	might_sleep();
	if (READ_ONCE(life->worker) == current) {
		WARN_ONCE(1, "vmbkmcl: %s: %s() from a state callback\n",
			  channel->name, __func__);
		return -EDEADLK;
	}
	vmb_life_stop(channel, VMB_CHANNEL_STOP_DISABLED);
	wait_for_completion(&life->disabled);
	/* The worker may still be on its way out of the lock. */
	flush_work(&life->work);
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_disable);

/**
 * vmb_channel_attach_rings() - the rings of a channel that is being opened
 * @channel: the channel.
 * @incoming: the ring that the peer writes; empty.
 * @outgoing: the ring that we write; empty.
 *
 * Called by the transport in open; both are copied.
 *
 * Context: process context.
 */
void vmb_channel_attach_rings(struct vmb_channel *channel,
			      const struct vmb_ring *incoming,
			      const struct vmb_ring *outgoing)
{
	vmb_ring_reader_init(&channel->inbound.reader, incoming,
			     vmb_ranges_maximum_length(&channel->external),
			     ALIGN(channel->maximum_packet_size, VMB_WIRE_UNIT));
	channel->inbound.delivered = 0;
	vmb_ring_writer_init(&channel->outbound.writer, outgoing);
	vmb_outbound_open(channel);
	/* Until started, the peer's signals would be for nothing. */
	vmb_ring_reader_mask(&channel->inbound.reader);
}
EXPORT_SYMBOL_GPL(vmb_channel_attach_rings);
