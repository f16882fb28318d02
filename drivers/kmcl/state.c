// SPDX-License-Identifier: GPL-2.0
/*
 * The steps of a channel's life, and how anybody asks it to stop or says that its
 * peer came or went. Nothing happens here but a change of state: the worker is
 * queued, and does the rest.
 */
#include "channel.h"

#include <trace/events/vmbkmcl.h>

/* What is soon done: it waits for neither peers nor clients. Made by main.c. */
struct workqueue_struct *vmb_workqueue;

/*
 * Have the worker look what there is to do. Nobody else queues it. On a disabled
 * channel there is nothing, and it may be about to be freed: so no work is queued
 * on it any more once it was disabled, under the lock, by its worker.
 */
void vmb_life_queue(struct vmb_channel *channel)
{
	lockdep_assert_held(&channel->life.lock);
	if (channel->life.state != VMB_LIFE_DISABLED)
		queue_work(channel->life.queue, &channel->life.work);
}

/* Take the life a step further, as the table says. 0 or the table's errno. */
int vmb_life_step(struct vmb_channel *channel, enum vmb_life_event event)
{
	struct vmb_life *life = &channel->life;
	int next = vmb_life_next(life->state, event);

	lockdep_assert_held(&life->lock);
	if (next < 0)
		return next;
	/* Pairs with vmb_life_state(), see kunit/litmus/life-state.litmus. */
	smp_store_release(&life->state, next);
	wake_up(&life->changed);
	return 0;
}

/* The same for the flow. */
int vmb_flow_step(struct vmb_channel *channel, enum vmb_flow_event event)
{
	struct vmb_life *life = &channel->life;
	int next = vmb_flow_next(life->flow, event);

	lockdep_assert_held(&life->lock);
	if (next < 0)
		return next;
	/* Pairs with vmb_life_flow(). */
	smp_store_release(&life->flow, next);
	wake_up(&life->changed);
	return 0;
}

/* What power management wants has changed, or how far that is. */
void vmb_pm_step(struct vmb_channel *channel, enum vmb_pm_event event)
{
	struct vmb_life *life = &channel->life;
	int next = vmb_pm_next(life->pm, event);

	lockdep_assert_held(&life->lock);
	if (WARN_ON_ONCE(next < 0))
		return;
	WRITE_ONCE(life->pm, next);
	wake_up(&life->changed);
}

/* A step that the worker takes: it knows that it may. */
void vmb_life_advance(struct vmb_channel *channel, enum vmb_life_event event)
{
	int ret;

	vmb_life_assert_worker(channel);
	spin_lock_irq(&channel->life.lock);
	ret = vmb_life_step(channel, event);
	spin_unlock_irq(&channel->life.lock);
	WARN_ON_ONCE(ret);
}

void vmb_flow_advance(struct vmb_channel *channel, enum vmb_flow_event event)
{
	int ret;

	vmb_life_assert_worker(channel);
	spin_lock_irq(&channel->life.lock);
	ret = vmb_flow_step(channel, event);
	spin_unlock_irq(&channel->life.lock);
	WARN_ON_ONCE(ret);
}

/* The channel is to be stopped so far; for a caller that has the lock. */
void vmb_life_request_stop_locked(struct vmb_channel *channel,
				  enum vmb_channel_stop_reason reason,
				  enum vmb_life_stop stop)
{
	struct vmb_life *life = &channel->life;

	lockdep_assert_held(&life->lock);
	if (!vmb_life_step(channel, VMB_LIFE_STOP) &&
	    life->state != VMB_LIFE_DISABLED) {
		if (life->stop == VMB_LIFE_STOP_NONE)
			life->stop_reason = reason;
		if (life->stop < stop)
			WRITE_ONCE(life->stop, stop);
		vmb_life_queue(channel);
	}
}

static void vmb_life_request_stop(struct vmb_channel *channel,
				  enum vmb_channel_stop_reason reason,
				  enum vmb_life_stop stop)
{
	struct vmb_life *life = &channel->life;
	unsigned long flags;

	spin_lock_irqsave(&life->lock, flags);
	vmb_life_request_stop_locked(channel, reason, stop);
	spin_unlock_irqrestore(&life->lock, flags);
}

/*
 * The channel is to be closed. The first reason stays. Any context; does
 * nothing on a disabled channel.
 */
void vmb_life_stop(struct vmb_channel *channel,
		   enum vmb_channel_stop_reason reason)
{
	vmb_life_request_stop(channel, reason, reason == VMB_CHANNEL_STOP_DISABLED ?
			      VMB_LIFE_STOP_DISABLE : VMB_LIFE_STOP_CLOSE);
}

/*
 * The channel is to be closed if its peer is gone; returns whether it is. For callers
 * outside of the channel's life: since they looked the channel may have been enabled
 * anew, with another peer, but that takes the lock. A peer that goes while the VM
 * hibernates goes because we do.
 */
bool vmb_life_stop_if_gone(struct vmb_channel *channel)
{
	struct vmb_life *life = &channel->life;
	unsigned long flags;
	bool gone;

	spin_lock_irqsave(&life->lock, flags);
	gone = vmb_pm_may_run(life->pm) && channel->operations->peer_gone(channel);
	if (gone)
		vmb_life_request_stop_locked(channel, VMB_CHANNEL_STOP_PEER_GONE,
					     VMB_LIFE_STOP_CLOSE);
	spin_unlock_irqrestore(&life->lock, flags);
	return gone;
}

/* The channel is to be closed and then disabled, whatever the reason. */
void vmb_life_request_disable(struct vmb_channel *channel,
			      enum vmb_channel_stop_reason reason)
{
	vmb_life_request_stop(channel, reason, VMB_LIFE_STOP_DISABLE);
}

/**
 * vmb_channel_peer_arrived() - the peer is there, open may be tried
 * @channel: the channel.
 *
 * Called by the transport after find_peer has found none. Too often does no
 * harm.
 *
 * Context: any.
 */
void vmb_channel_peer_arrived(struct vmb_channel *channel)
{
	struct vmb_life *life = &channel->life;
	unsigned long flags;

	spin_lock_irqsave(&life->lock, flags);
	if (life->state == VMB_LIFE_ENABLED) {
		life->peer = VMB_LIFE_PEER_PRESENT;
		vmb_life_queue(channel);
	}
	spin_unlock_irqrestore(&life->lock, flags);
}
EXPORT_SYMBOL_GPL(vmb_channel_peer_arrived);

/**
 * vmb_channel_peer_gone() - the peer closes the channel, or takes back its offer
 * @channel: the channel; it begins to close.
 *
 * Context: any.
 */
void vmb_channel_peer_gone(struct vmb_channel *channel)
{
	vmb_life_stop(channel, VMB_CHANNEL_STOP_PEER_GONE);
}
EXPORT_SYMBOL_GPL(vmb_channel_peer_gone);

/**
 * vmb_channel_offer_removing() - the bus removes the offer that the channel is on
 * @channel: a channel with an offer of its own; it begins to close, and the bus waits
 *	for that.
 *
 * As vmb_transport_device_removing() for the channels of a device.
 *
 * Context: any.
 * Return: true; false: this is called from inside a callback of the channel, which does
 * not close before that has returned. Who waits for it here waits for ever.
 */
bool vmb_channel_offer_removing(struct vmb_channel *channel)
{
	WRITE_ONCE(channel->offer_removing, true);
	vmb_life_stop(channel, VMB_CHANNEL_STOP_PEER_GONE);
	return !vmb_life_is_callback(channel) &&
	       !vmb_inbound_is_callback(&channel->inbound);
}
EXPORT_SYMBOL_GPL(vmb_channel_offer_removing);

/* Have the worker deliver. Any context. */
void vmb_inbound_queue_work(struct vmb_channel *channel)
{
	u32 cpu = READ_ONCE(channel->inbound.cpu);

	if (cpu != WORK_CPU_UNBOUND && cpu_online(cpu))
		queue_work_on(cpu, channel->inbound.queue,
			      &channel->inbound.work);
	else
		queue_work(channel->inbound.queue, &channel->inbound.work);
}

static bool vmb_life_is_caller(const struct vmb_channel *channel)
{
	return vmb_life_is_callback(channel) || vmb_inbound_is_callback(&channel->inbound);
}

/*
 * Is this call made from inside a state or packet callback of this channel, of its
 * primary or of one of its siblings? Returns that channel, which is there as long as
 * the callback runs, or NULL. Process context.
 */
struct vmb_channel *vmb_life_caller(struct vmb_channel *channel)
{
	struct vmb_channel *primary, *other, *caller = NULL;

	spin_lock_irq(&channel->device->lock);
	primary = channel->primary ?: channel;
	if (vmb_life_is_caller(primary))
		caller = primary;
	list_for_each_entry(other, &primary->sub_channels, sub_channel_node) {
		if (caller)
			break;
		if (vmb_life_is_caller(other))
			caller = other;
	}
	spin_unlock_irq(&channel->device->lock);
	return caller;
}
