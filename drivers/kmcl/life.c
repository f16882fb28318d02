// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a channel: what its states make of what happens to it, and the
 * client's callbacks in their order.
 *
 * One work item per channel does all of it, so the callbacks never overlap.
 * Others only say what they want, under life.lock, and queue it. Which state
 * follows which is in life_table.c.
 */
#include <linux/sched.h>

#include "life.h"

#include <trace/events/vmbkmcl.h>

/* Everything is undone; the channel can be configured and enabled again. */
static void vmb_life_finish(struct vmb_channel *channel)
{
	struct vmb_life *life = &channel->life;

	vmb_life_assert_worker(channel);
	vmb_life_wait_for_client(channel);
	/* An interrupt may have queued it between the last stop and the close. */
	cancel_work_sync(&channel->inbound.work);
	vmb_pool_stop_growing(channel);
	channel->operations->unprepare(channel);
	if (!vmb_outbound_is_abandoned(channel))
		vmb_pool_destroy(channel);
	WRITE_ONCE(channel->offer_removing, false);
	trace_vmb_life(channel->name, "disabled", 0);
	/*
	 * From here on the channel may be enabled again, or freed, by others:
	 * the last words are said under the lock.
	 */
	spin_lock_irq(&life->lock);
	WARN_ON_ONCE(vmb_flow_step(channel, channel->is_server ?
				   VMB_FLOW_RESET_SERVER : VMB_FLOW_RESET_CLIENT));
	WARN_ON_ONCE(vmb_life_step(channel, VMB_LIFE_FINISHED));
	WRITE_ONCE(life->stop, VMB_LIFE_STOP_NONE);
	channel->save.state = VMB_SAVE_NONE;
	life->worker = NULL;
	complete_all(&life->disabled);
	spin_unlock_irq(&life->lock);
}

/* A server without its peer waits for the next one; all else is disabled. */
static void vmb_life_closed(struct vmb_channel *channel)
{
	struct vmb_life *life = &channel->life;
	bool again = false;

	vmb_life_assert_worker(channel);
	spin_lock_irq(&life->lock);
	if (channel->is_server && life->stop != VMB_LIFE_STOP_DISABLE) {
		again = true;
		WRITE_ONCE(life->stop, VMB_LIFE_STOP_NONE);
		life->peer = VMB_LIFE_PEER_UNKNOWN;
		WARN_ON_ONCE(vmb_life_step(channel, VMB_LIFE_CLOSED));
		vmb_life_queue(channel);
	}
	spin_unlock_irq(&life->lock);
	if (again) {
		vmb_send_accept(channel);
		return;
	}
	/* There is no next peer for what was sent since. */
	vmb_send_stop(channel, true);
	vmb_send_fail(channel, -ENODEV);
	vmb_life_finish(channel);
}

static void vmb_life_open_failed(struct vmb_channel *channel, int error)
{
	vmb_life_assert_worker(channel);
	/* There are some only if the VM has hibernated. */
	vmb_sub_channels_end(channel, VMB_CHANNEL_STOP_PEER_GONE);
	vmb_send_stop(channel, true);
	vmb_send_fail(channel, -ENODEV);
	vmb_life_accept_for_next(channel);
	dev_err_ratelimited(channel->dev, "%s: cannot open: %pe\n",
			    vmb_channel_label(channel), ERR_PTR(error));
	trace_vmb_life(channel->name, "open failed", error);
	if (channel->pnp_failure)
		channel->pnp_failure(channel, error);
	vmb_life_closed(channel);
}

/* The client does not want it: no closed callback follows. */
static void vmb_life_open_refused(struct vmb_channel *channel, int error)
{
	vmb_life_assert_worker(channel);
	dev_warn_ratelimited(channel->dev, "%s: the driver refuses to open: %pe\n",
			     vmb_channel_label(channel), ERR_PTR(error));
	vmb_life_advance(channel, VMB_LIFE_CLOSE_BEGINS);
	vmb_sub_channels_end(channel, VMB_CHANNEL_STOP_PEER_GONE);
	vmb_send_stop(channel, true);
	/* What the client holds is from before the VM hibernated: see the finish. */
	vmb_life_close_transport(channel, false);
	vmb_life_take_memory_back(channel);
	vmb_life_closed(channel);
}

static void vmb_life_open(struct vmb_channel *channel)
{
	const struct vmb_channel_state_change_callbacks *callbacks;
	int error;

	vmb_life_assert_worker(channel);
	callbacks = &channel->callbacks;
	trace_vmb_life(channel->name, "open", 0);
	error = vmb_channel_has_leaked_enough(channel) ? -ENOSPC :
		channel->operations->open(channel);
	mutex_lock(&channel->memory.mutex);
	channel->memory.accepting = !error;
	mutex_unlock(&channel->memory.mutex);
	if (error == -EAGAIN && channel->operations->find_peer) {
		spin_lock_irq(&channel->life.lock);
		channel->life.peer = VMB_LIFE_PEER_UNKNOWN;
		WARN_ON_ONCE(vmb_life_step(channel, VMB_LIFE_PEER_MISSED));
		vmb_life_queue(channel);
		spin_unlock_irq(&channel->life.lock);
		return;
	}
	if (error) {
		vmb_life_advance(channel, VMB_LIFE_CLOSE_BEGINS);
		vmb_life_open_failed(channel, error);
		return;
	}
	vmb_memory_resume(channel);
	vmb_outbound_open(channel);
	trace_vmb_life(channel->name, "opened", 0);
	if (callbacks->opened)
		error = callbacks->opened(channel, callbacks->callback_context);
	if (channel->operations->opened)
		channel->operations->opened(channel, error);
	if (error) {
		vmb_life_open_refused(channel, error);
		return;
	}
	vmb_life_advance(channel, VMB_LIFE_OPENED);
	vmb_sub_channels_primary_is_open(channel);
}

static void vmb_life_run(struct vmb_channel *channel)
{
	const struct vmb_channel_state_change_callbacks *callbacks;

	vmb_life_assert_worker(channel);
	callbacks = &channel->callbacks;
	trace_vmb_life(channel->name, "started", 0);
	vmb_save_thaw(channel);
	channel->life.suspended = false;
	vmb_send_start(channel);
	if (callbacks->started)
		callbacks->started(channel, callbacks->callback_context);
	vmb_inbound_start(channel);
	vmb_watchdog_start(channel);
	trace_vmb_life(channel->name, "post_started", 0);
	if (callbacks->post_started)
		callbacks->post_started(channel, callbacks->callback_context);
}

/* Paused again before it ran: it does not stand still for that. */
static void vmb_life_thaw(struct vmb_channel *channel)
{
	vmb_life_assert_worker(channel);
	vmb_save_thaw(channel);
	vmb_inbound_pause(channel);
	vmb_watchdog_start(channel);
}

static void vmb_life_pause(struct vmb_channel *channel)
{
	vmb_life_assert_worker(channel);
	/* If the channel is to be closed meanwhile, the close drains it. */
	if (vmb_life_quiesce(channel))
		vmb_flow_advance(channel, VMB_FLOW_PAUSED_NOW);
}

/* The client's packets flow again, or are read as far as a pause reads them. */
static void vmb_life_resume_flow(struct vmb_channel *channel, enum vmb_flow_state flow)
{
	vmb_life_assert_worker(channel);
	if (flow == VMB_FLOW_RUNNING) {
		vmb_life_run(channel);
	} else if (flow == VMB_FLOW_PAUSED || flow == VMB_FLOW_PAUSING) {
		vmb_inbound_pause(channel);
		vmb_watchdog_start(channel);
	}
}

/* The first half of a hibernation: it quiesces, or refuses to. */
static void vmb_life_do_pm_quiesce(struct vmb_channel *channel)
{
	struct vmb_life *life = &channel->life;
	enum vmb_flow_state flow = vmb_life_flow(channel);
	bool quiesced;

	vmb_life_assert_worker(channel);
	quiesced = vmb_life_quiesce_for_pm(channel);
	if (!quiesced) {
		dev_err_ratelimited(channel->dev,
				    "%s: the driver holds packets with external data, no hibernation\n",
				    vmb_channel_label(channel));
		vmb_life_resume_flow(channel, flow);
	}
	spin_lock_irq(&life->lock);
	vmb_pm_step(channel, quiesced ? VMB_PM_QUIESCED_NOW : VMB_PM_REFUSED);
	spin_unlock_irq(&life->lock);
}

/* Somebody else has refused: all goes on as before. */
static void vmb_life_do_pm_undo(struct vmb_channel *channel)
{
	struct vmb_life *life = &channel->life;
	enum vmb_flow_state flow;

	vmb_life_assert_worker(channel);
	spin_lock_irq(&life->lock);
	vmb_pm_step(channel, VMB_PM_QUIESCE_OVER);
	flow = life->flow;
	spin_unlock_irq(&life->lock);
	vmb_memory_resume(channel);
	vmb_life_resume_flow(channel, flow);
	/* They may have found it quiesced. */
	vmb_sub_channels_primary_is_open(channel);
}

/* The second half, when all channels of the device have done the first. */
static void vmb_life_do_pm_close(struct vmb_channel *channel)
{
	struct vmb_life *life = &channel->life;
	/*
	 * A peer that goes from here on goes because we do, even if it says so
	 * first: the peer of a sub-channel hears of it from its own primary.
	 */
	enum vmb_life_stop stop = READ_ONCE(life->stop);

	vmb_life_assert_worker(channel);
	vmb_life_close_for_pm(channel);
	vmb_flow_advance(channel, VMB_FLOW_CLOSE);
	spin_lock_irq(&life->lock);
	vmb_pm_step(channel, VMB_PM_QUIESCE_OVER);
	/* The bus waits for that of an offer; it says so before it asks for the stop. */
	if (life->stop != VMB_LIFE_STOP_DISABLE && !READ_ONCE(channel->offer_removing))
		WRITE_ONCE(life->stop, stop);
	WARN_ON_ONCE(vmb_life_step(channel, VMB_LIFE_CLOSED));
	spin_unlock_irq(&life->lock);
	/*
	 * If that took too long, nothing was accepted any more. After the step,
	 * see vmb_send_stop_overdue().
	 */
	if (!vmb_life_is_shutting_down(channel))
		vmb_send_accept(channel);
}

/*
 * A client that is not opened any more takes no offer: the bus may be waiting for it to
 * open that. It goes on to the open, which is refused. A server waits for its peer's.
 */
static void vmb_life_find_peer(struct vmb_channel *channel)
{
	bool refused = !channel->is_server && vmb_channel_has_leaked_enough(channel);

	vmb_life_assert_worker(channel);
	if (refused || !channel->operations->find_peer ||
	    channel->operations->find_peer(channel))
		vmb_channel_peer_arrived(channel);
}

/* All that the decision needs, as it is now. */
static struct vmb_life_facts vmb_life_gather_facts(const struct vmb_channel *channel)
{
	const struct vmb_life *life = &channel->life;

	lockdep_assert_held(&life->lock);
	return (struct vmb_life_facts) {
		.state = life->state,
		.flow = life->flow,
		.pm = life->pm,
		.stop = life->stop,
		.peer = life->peer,
		/* A disabled channel's primary may be gone. */
		.may_open = life->state != VMB_LIFE_DISABLED &&
			    vmb_sub_channel_may_open(channel),
		.accepting = vmb_send_is_accepting(channel),
		.shutting_down = vmb_life_is_shutting_down(channel),
		.spoilt = channel->save.state == VMB_SAVE_SPOILT,
	};
}

/*
 * What the action begins with. Taken with the decision: in between a pause, or
 * somebody who waits for the channel to quiesce, would find nothing to wait for.
 */
static void vmb_life_take_first_step(struct vmb_channel *channel,
				     enum vmb_life_action action)
{
	switch (action) {
	case VMB_LIFE_DO_FIND_PEER:
		channel->life.peer = VMB_LIFE_PEER_AWAITED;
		break;
	case VMB_LIFE_DO_OPEN:
		WRITE_ONCE(channel->life.transport, VMB_LIFE_TRANSPORT_CONNECTED);
		WARN_ON_ONCE(vmb_life_step(channel, VMB_LIFE_OPEN_BEGINS));
		break;
	case VMB_LIFE_DO_RUN:
		WARN_ON_ONCE(vmb_flow_step(channel, VMB_FLOW_RUN));
		break;
	case VMB_LIFE_DO_CLOSE:
	case VMB_LIFE_DO_GIVE_UP:
		vmb_pm_step(channel, VMB_PM_QUIESCE_OVER);
		fallthrough;
	case VMB_LIFE_DO_PM_CLOSE:
		WARN_ON_ONCE(vmb_life_step(channel, VMB_LIFE_CLOSE_BEGINS));
		break;
	default:
		break;
	}
}

/* The one switch: what is done, and in which order the client hears of it. */
static void vmb_life_act(struct vmb_channel *channel, enum vmb_life_action action)
{
	switch (action) {
	case VMB_LIFE_DO_NOTHING:
	case VMB_LIFE_ACTIONS:
		break;
	case VMB_LIFE_DO_FIND_PEER:
		vmb_life_find_peer(channel);
		break;
	case VMB_LIFE_DO_OPEN:
		vmb_life_open(channel);
		break;
	case VMB_LIFE_DO_RUN:
		vmb_life_run(channel);
		break;
	case VMB_LIFE_DO_THAW:
		vmb_life_thaw(channel);
		break;
	case VMB_LIFE_DO_PAUSE:
		vmb_life_pause(channel);
		break;
	case VMB_LIFE_DO_PM_QUIESCE:
		vmb_life_do_pm_quiesce(channel);
		break;
	case VMB_LIFE_DO_PM_UNDO:
		vmb_life_do_pm_undo(channel);
		break;
	case VMB_LIFE_DO_PM_CLOSE:
		vmb_life_do_pm_close(channel);
		break;
	case VMB_LIFE_DO_CLOSE:
		vmb_life_close(channel);
		vmb_flow_advance(channel, VMB_FLOW_CLOSE);
		vmb_life_closed(channel);
		break;
	case VMB_LIFE_DO_END_SENDS:
		vmb_send_stop(channel, true);
		vmb_send_fail(channel, -ENODEV);
		break;
	case VMB_LIFE_DO_GIVE_UP:
		/* There are some only if the VM has hibernated. */
		vmb_sub_channels_end(channel, channel->life.stop_reason);
		/* The caller of disable knows it; of a peer nobody else would tell. */
		if (channel->life.stop_reason != VMB_CHANNEL_STOP_DISABLED) {
			vmb_life_open_failed(channel, -ENODEV);
			break;
		}
		vmb_send_stop(channel, true);
		vmb_send_fail(channel, -ENODEV);
		vmb_life_closed(channel);
		break;
	}
}

/* What is to be done now; the caller is the channel's worker while it does it. */
static enum vmb_life_action vmb_life_begin_action(struct vmb_channel *channel)
{
	struct vmb_life *life = &channel->life;
	struct vmb_life_facts facts;
	enum vmb_life_action action;

	spin_lock_irq(&life->lock);
	if (life->lent) {
		spin_unlock_irq(&life->lock);
		return VMB_LIFE_DO_NOTHING;
	}
	facts = vmb_life_gather_facts(channel);
	action = vmb_life_decide(&facts);
	vmb_life_take_first_step(channel, action);
	life->worker = action == VMB_LIFE_DO_NOTHING ? NULL : current;
	spin_unlock_irq(&life->lock);
	return action;
}

/*
 * The channel is freed only after its work has been waited for, so it is still there
 * after it was disabled.
 */
static void vmb_life_work(struct work_struct *work)
{
	struct vmb_channel *channel = container_of(work, struct vmb_channel,
						   life.work);
	enum vmb_life_action action;

	while ((action = vmb_life_begin_action(channel)) != VMB_LIFE_DO_NOTHING)
		vmb_life_act(channel, action);
}

/*
 * Two places, so that lockdep can tell them apart: a server that is disabled on
 * loopback waits for the drivers of its clients.
 */
static void vmb_life_init_server_work(struct vmb_life *life)
{
	INIT_WORK(&life->work, vmb_life_work);
}

static void vmb_life_init_client_work(struct vmb_life *life)
{
	INIT_WORK(&life->work, vmb_life_work);
}

void vmb_life_init(struct vmb_channel *channel)
{
	struct vmb_life *life = &channel->life;

	spin_lock_init(&life->lock);
	if (channel->is_server)
		vmb_life_init_server_work(life);
	else
		vmb_life_init_client_work(life);
	init_waitqueue_head(&life->changed);
	init_completion(&life->disabled);
	complete_all(&life->disabled);
	life->suspended = true;
	life->flow = channel->is_server ? VMB_FLOW_PAUSED : VMB_FLOW_READY;
}
