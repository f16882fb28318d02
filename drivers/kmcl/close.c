// SPDX-License-Identifier: GPL-2.0
/*
 * How a channel quiesces: for a pause, and when it closes.
 *
 * In the order of a close: no packet is delivered any more; suspend; what the
 * client has sent ends; the client completes what it holds; the transport is
 * closed; what the peer could write to until then ends, too; closed.
 */
#include <linux/jiffies.h>

#include "life.h"

#include <trace/events/vmbkmcl.h>

/* How often to say that a close waits for the client. */
#define VMB_DRAIN_WARN_PERIOD	(10 * HZ)
/*
 * How long remove waits for the client to complete what it holds. All rescinds
 * of the VM queue behind it.
 */
#define VMB_DRAIN_REMOVE_LIMIT	(30 * HZ)
/* How long a close waits for the peer to make room for queued completions. */
#define VMB_FLUSH_LIMIT		HZ
/* How long hibernation waits for the client, which may be frozen. */
#define VMB_HIBERNATE_LIMIT	HZ
/* A wait for a peer notices this soon that it is gone. */
#define VMB_PEER_GONE_POLL	(HZ / 10)

static u64 vmb_life_packets_with_client(const struct vmb_channel *channel)
{
	return READ_ONCE(channel->inbound.delivered) -
	       READ_ONCE(channel->outbound.finished);
}

/* Why a wait for the client ended. */
enum vmb_drained {
	VMB_DRAINED,		/* it has completed all, or is not waited for */
	VMB_DRAINED_BY_CLOSE,	/* a pause, and the channel is to be closed */
	VMB_DRAINED_BY_LOSS,	/* a close, and the peer's word cannot be read */
};

/*
 * Has the peer packets whose memory it may write to, and can its word on them not
 * be read any more? Then they end with the transport's close, and nothing else.
 */
static bool vmb_life_completions_are_lost(struct vmb_channel *channel)
{
	return vmb_inbound_is_lost(channel) && vmb_send_has_external(channel);
}

/*
 * Wait until the client has completed all it holds; bounded only in remove. A
 * peer that goes meanwhile writes to nothing any more: what waited for that
 * ends, for the client may need it. A pause ends if the channel is to be closed,
 * if only because the VM hibernates and the client stands still.
 */
static enum vmb_drained vmb_life_drain(struct vmb_channel *channel, bool closing)
{
	struct vmb_outbound *outbound = &channel->outbound;
	unsigned long begun = jiffies;
	unsigned long warned = jiffies;

	vmb_life_assert_worker(channel);
	while (!wait_event_timeout(outbound->drained,
				   vmb_outbound_client_is_done(channel) ||
				   (closing &&
				    vmb_life_completions_are_lost(channel)),
				   VMB_PEER_GONE_POLL)) {
		if (closing && channel->operations->peer_gone(channel))
			vmb_send_stop(channel, true);
		/* The watchdog is stopped: nobody else hears of room. */
		if (closing)
			vmb_outbound_flush(channel);
		if (!closing && vmb_life_has_to_end(channel))
			return VMB_DRAINED_BY_CLOSE;
		if (time_after(jiffies, warned + VMB_DRAIN_WARN_PERIOD)) {
			warned = jiffies;
			dev_warn_ratelimited(channel->dev,
					     "%s: %s waits for the driver to complete %llu packets\n",
					     vmb_channel_label(channel),
					     closing ? "closing" : "pausing",
					     vmb_life_packets_with_client(channel));
		}
		if (!READ_ONCE(channel->device->removing) &&
		    !READ_ONCE(channel->offer_removing)) {
			begun = jiffies;
		} else if (time_after(jiffies, begun + VMB_DRAIN_REMOVE_LIMIT)) {
			dev_err_ratelimited(channel->dev,
					    "%s: the driver did not complete %llu packets, going on without them\n",
					    vmb_channel_label(channel),
					    vmb_life_packets_with_client(channel));
			return VMB_DRAINED;
		}
	}
	return vmb_outbound_client_is_done(channel) ? VMB_DRAINED : VMB_DRAINED_BY_LOSS;
}

/* Completions already accepted: give the peer time to take them. */
static void vmb_life_flush(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	unsigned long begun = jiffies;

	vmb_life_assert_worker(channel);
	while (!vmb_outbound_queue_is_empty(channel) &&
	       !vmb_ring_writer_is_lost(&outbound->writer) &&
	       !channel->operations->peer_gone(channel) &&
	       time_before(jiffies, begun + VMB_FLUSH_LIMIT)) {
		wait_event_timeout(outbound->drained,
				   vmb_outbound_queue_is_empty(channel),
				   VMB_PEER_GONE_POLL / 4);
		/* The drain may be stopped, and then nobody else hears of room. */
		vmb_outbound_flush(channel);
	}
}

/* Primary or sub-channels may be waiting for that. */
static void vmb_life_let_go(struct vmb_channel *channel,
			    enum vmb_life_transport transport)
{
	struct vmb_life *life = &channel->life;

	vmb_life_assert_worker(channel);
	spin_lock_irq(&life->lock);
	WRITE_ONCE(life->transport, transport);
	wake_up(&life->changed);
	spin_unlock_irq(&life->lock);
}

/* Nothing of ours touches the transport any more. */
static void vmb_life_set_quiesced(struct vmb_channel *channel)
{
	mutex_lock(&channel->memory.mutex);
	/* From here on memory can be taken back, but no more be shared. */
	channel->memory.accepting = false;
	mutex_unlock(&channel->memory.mutex);
	vmb_life_let_go(channel, VMB_LIFE_TRANSPORT_QUIESCED);
}

/*
 * Close ring and transport; no packet flows any more, the client has completed
 * all, or is not waited for. What it has sent ends, if this is @for_good; else
 * only what the peer has.
 */
void vmb_life_close_transport(struct vmb_channel *channel, bool for_good)
{
	u32 with_external;
	int ret;

	vmb_life_assert_worker(channel);
	vmb_outbound_close(channel, for_good);
	vmb_outbound_say_lost(channel);
	vmb_life_set_quiesced(channel);
	vmb_sub_channels_wait_until_quiesced(channel);
	ret = channel->operations->close(channel);
	vmb_life_let_go(channel, VMB_LIFE_TRANSPORT_DISCONNECTED);
	if (for_good)
		vmb_send_stop(channel, false);
	/* A sub-channel: if its primary has closed, so was it, or not. */
	if (ret == -EBUSY && vmb_sub_channel_wait_for_primary(channel))
		ret = channel->operations->close(channel);
	with_external = vmb_send_fail(channel, ret ? -EIO : -ENODEV);
	/* Once, with the rings or not: one message that is lost is as bad a close as any. */
	if (ret && (with_external || ret != -EBUSY))
		vmb_channel_leaked(channel, ret == -EBUSY ? 0 : 1, 1);
	if (ret && with_external)
		dev_err_ratelimited(channel->dev,
				    "%s: the host may still write to external data of %u packets (%pe), their memory must never be freed\n",
				    vmb_channel_label(channel), with_external,
				    ERR_PTR(ret));
	if (!ret || ret == -EBUSY)
		return;
	dev_err_ratelimited(channel->dev,
			    "%s: the host may not have let go of the rings (%pe), their memory is leaked\n",
			    vmb_channel_label(channel), ERR_PTR(ret));
}

static void vmb_life_call_suspend(struct vmb_channel *channel,
				  enum vmb_channel_stop_reason reason)
{
	const struct vmb_channel_state_change_callbacks *callbacks;

	vmb_life_assert_worker(channel);
	/* What is in the queue of a paused channel still goes out, see vmb_send_hold(). */
	if (reason != VMB_CHANNEL_STOP_PAUSED)
		vmb_watchdog_stop(channel);
	vmb_outbound_say_lost(channel);
	vmb_inbound_stop(channel);
	/* To complete what it holds the client may need what it has sent to end. */
	if (reason == VMB_CHANNEL_STOP_PAUSED)
		vmb_inbound_pause(channel);
	/* It may have been suspended by a pause, or never started. */
	if (channel->life.suspended)
		return;
	channel->life.suspended = true;
	callbacks = &channel->callbacks;
	trace_vmb_life(channel->name, "suspend", reason);
	if (callbacks->suspend)
		callbacks->suspend(channel, callbacks->callback_context, reason);
}

/* What the client, or a server, has left behind. */
void vmb_life_take_memory_back(struct vmb_channel *channel)
{
	vmb_life_assert_worker(channel);
	if (channel->is_server)
		vmb_memory_unmap_leftovers(channel);
	vmb_memory_delete_leftovers(channel);
}

/*
 * What was sent has ended. What a server sends from here on, in its closed callback
 * too, is for its next peer, and held.
 */
void vmb_life_accept_for_next(struct vmb_channel *channel)
{
	vmb_life_assert_worker(channel);
	if (channel->is_server &&
	    READ_ONCE(channel->life.stop) != VMB_LIFE_STOP_DISABLE)
		vmb_send_accept(channel);
}

/* The client's last words; what is shared is taken back. */
static void vmb_life_call_closed(struct vmb_channel *channel,
				 enum vmb_channel_stop_reason reason)
{
	const struct vmb_channel_state_change_callbacks *callbacks;

	vmb_life_assert_worker(channel);
	callbacks = &channel->callbacks;
	trace_vmb_life(channel->name, "closed", reason);
	if (callbacks->closed)
		callbacks->closed(channel, callbacks->callback_context, reason);
	vmb_life_take_memory_back(channel);
}

/* Quiesce for a pause. False: the channel is to be closed. */
bool vmb_life_quiesce(struct vmb_channel *channel)
{
	vmb_life_assert_worker(channel);
	vmb_life_call_suspend(channel, VMB_CHANNEL_STOP_PAUSED);
	/* It takes the lock before the wait for the client, see vmb_inbound_stop(). */
	vmb_send_hold(channel);
	return vmb_life_drain(channel, false) == VMB_DRAINED;
}

/*
 * The VM hibernates, or shuts down: everybody else may stand still. False: the
 * client holds a packet whose memory cannot be taken back, so the channel stays
 * open. If the VM shuts down nobody needs that memory any more.
 */
bool vmb_life_quiesce_for_pm(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;

	vmb_life_assert_worker(channel);
	/* What is sent from suspend on goes out when the VM has resumed. */
	vmb_send_hold(channel);
	vmb_life_call_suspend(channel, READ_ONCE(channel->life.pm_reason));
	/* Once more, for it takes the lock: see vmb_inbound_stop(). */
	vmb_send_hold(channel);
	wait_event_timeout(outbound->drained, vmb_outbound_client_is_done(channel),
			   VMB_HIBERNATE_LIMIT);
	vmb_life_flush(channel);
	return vmb_life_is_shutting_down(channel) || vmb_outbound_quiesce_external(channel);
}

/*
 * Close for power management, quiesced: the client's packets that the peer has not
 * seen are kept, if the VM will resume.
 */
void vmb_life_close_for_pm(struct vmb_channel *channel)
{
	vmb_life_assert_worker(channel);
	vmb_outbound_orphan_packets(channel);
	vmb_inbound_drop_deferred(channel);
	if (vmb_life_is_shutting_down(channel))
		vmb_send_stop(channel, false);
	else
		vmb_send_keep(channel);
	vmb_life_close_transport(channel, false);
	vmb_life_call_closed(channel, READ_ONCE(channel->life.pm_reason));
}

/*
 * The peer's word on what it has of the client's cannot be read any more. The
 * client may wait for that to complete what it holds: so the transport is closed
 * before the client is waited for.
 */
static void vmb_life_close_early(struct vmb_channel *channel)
{
	vmb_life_assert_worker(channel);
	vmb_inbound_stop(channel);
	vmb_life_flush(channel);
	vmb_life_close_transport(channel, false);
	vmb_life_drain(channel, true);
	/* If the client was given up: the last packet takes the channel along. */
	vmb_outbound_close(channel, true);
}

static void vmb_life_close_late(struct vmb_channel *channel, bool left)
{
	vmb_life_assert_worker(channel);
	vmb_life_flush(channel);
	if (left && channel->primary && channel->operations->sub_channels_stay_open)
		vmb_sub_channel_wait_for_peer(channel);
	vmb_inbound_stop(channel);
	vmb_life_close_transport(channel, true);
}

/*
 * The channel is about to be disabled, and its packet objects to be freed. The
 * client holds some only if the channel was closed because the VM hibernated,
 * and was not opened again.
 */
void vmb_life_wait_for_client(struct vmb_channel *channel)
{
	vmb_life_assert_worker(channel);
	if (vmb_outbound_is_abandoned(channel))
		return;
	vmb_life_drain(channel, true);
	vmb_outbound_close(channel, true);
}

/* Close a channel whose opened callback has returned 0. */
void vmb_life_close(struct vmb_channel *channel)
{
	enum vmb_channel_stop_reason reason = READ_ONCE(channel->life.stop_reason);
	bool left;

	vmb_life_assert_worker(channel);
	vmb_sub_channels_stop(channel, reason);
	vmb_life_call_suspend(channel, reason);
	/* It may have quiesced for a hibernation that did not come; the client is waited for. */
	vmb_memory_resume(channel);
	vmb_inbound_drop_deferred(channel);
	if (vmb_save_close(channel))
		vmb_send_hand_over(channel);
	/* It takes the lock before the wait for the client, see vmb_inbound_stop(). */
	left = vmb_send_stop(channel, channel->operations->peer_gone(channel));
	/* What is left needs the peer's word, or the transport's close. */
	if (left)
		vmb_inbound_start_discarding(channel);
	if (vmb_life_drain(channel, true) == VMB_DRAINED_BY_LOSS)
		vmb_life_close_early(channel);
	else
		vmb_life_close_late(channel, left);
	vmb_sub_channels_wait_for_end(channel);
	vmb_life_accept_for_next(channel);
	vmb_life_call_closed(channel, reason);
}
