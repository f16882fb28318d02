// SPDX-License-Identifier: GPL-2.0
/*
 * What a client asks of a channel's life: enable, disable, start, pause. The
 * worker in life.c does it.
 */
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sizes.h>

#include "life.h"

/* A ring holds at least this many of the largest packets, if not set. */
#define VMB_RING_PACKETS	4u
/* And this many bytes: with a control page as the peer has it they are 64 KiB. */
#define VMB_RING_DATA_DEFAULT	((u32)SZ_64K - VMB_WIRE_PAGE_SIZE)
#define VMB_RING_SIZE_LIMIT	((u32)SZ_2M)

/*
 * The smallest ring that a packet of @packet_size bytes fits into, and what a ring has if
 * not set; both with control page, where a page has 1 << @page_shift bytes. A ring is
 * never filled completely, hence the unit on top.
 */
void vmb_life_ring_sizes(u32 packet_size, u32 page_shift, u32 *minimum, u32 *wanted)
{
	u32 least = packet_size + VMB_WIRE_UNIT;
	u32 page = 1u << page_shift;
	u32 data = max(VMB_RING_PACKETS * least, VMB_RING_DATA_DEFAULT);

	*minimum = round_up(least, page) + page;
	*wanted = min(round_up(data, page) + page, VMB_RING_SIZE_LIMIT);
}

static int vmb_life_prepare(struct vmb_channel *channel)
{
	u32 packet_size, minimum, inbound, outbound, wanted;
	u64 asked;
	int ret;

	ret = vmb_ring_packet_size(vmb_ranges_maximum_length(&channel->external),
				   vmb_channel_wire_packet_size(channel), &packet_size);
	if (ret)
		return ret;
	vmb_life_ring_sizes(packet_size, PAGE_SHIFT, &minimum, &wanted);
	inbound = channel->inbound_page_count * PAGE_SIZE ?: wanted;
	outbound = channel->outbound_page_count * PAGE_SIZE ?: wanted;
	if (inbound < minimum || outbound < minimum)
		return -EMSGSIZE;

	/* Of a life that ended while the client held packets; it has none now. */
	vmb_pool_destroy(channel);
	ret = vmb_pool_create(channel, inbound - PAGE_SIZE);
	if (ret)
		return ret;
	asked = (u64)inbound + outbound;
	vmb_channel_forget_peer_memory(channel);
	ret = channel->operations->prepare(channel, &inbound, &outbound, minimum);
	if (ret)
		vmb_pool_destroy(channel);
	else if ((u64)inbound + outbound < asked)
		channel->counters.rings_reduced++;
	return ret;
}

/* The device is the target, or the transport looks for the one that is. */
static int vmb_life_check_target(const struct vmb_channel *channel)
{
	return vmb_channel_is_for_another(channel) &&
	       (channel->primary || !channel->operations->finds_own_offers) ? -ENODEV : 0;
}

/*
 * From here on the worker may open it. 0, or why it must not: it was prepared as a
 * sub-channel of @primary, or as a primary if that is NULL. If it @resumes, what it has
 * sent is its peer's alone: if that went before the step, nobody has heard of it, and
 * all of that ends before the next peer is looked for.
 */
static int vmb_life_begin(struct vmb_channel *channel,
			  const struct vmb_channel *primary, bool resumes)
{
	struct vmb_life *life = &channel->life;
	int ret;

	spin_lock_irq(&channel->device->lock);
	if (channel->device->shutting_down)
		ret = -ENODEV;
	else if (channel->primary != primary)
		ret = -ENOTCONN;
	else
		ret = vmb_sub_channel_check(channel);
	if (ret)
		goto unlock;
	spin_lock(&life->lock);
	life->peer = VMB_LIFE_PEER_UNKNOWN;
	vmb_sub_channel_follow(channel);
	ret = vmb_life_step(channel, VMB_LIFE_ENABLE);
	reinit_completion(&life->disabled);
	if (!ret && resumes && channel->operations->peer_gone(channel))
		vmb_life_request_stop_locked(channel, VMB_CHANNEL_STOP_PEER_GONE,
					     VMB_LIFE_STOP_CLOSE);
	/* As one that was enabled before, and has been closed for that. */
	if (!ret && channel->device->suspended) {
		WRITE_ONCE(life->pm_reason, VMB_CHANNEL_STOP_HIBERNATING);
		vmb_pm_step(channel, VMB_PM_QUIESCE);
		vmb_pm_step(channel, VMB_PM_CLOSE);
	}
	vmb_life_queue(channel);
	spin_unlock(&life->lock);
unlock:
	spin_unlock_irq(&channel->device->lock);
	return ret;
}

int vmb_channel_enable(struct vmb_channel *channel)
{
	bool resumes = channel->restore.state != VMB_RESTORE_NONE;
	const struct vmb_channel *primary;
	int ret;

	/* Packets that a restore gives up end while it goes on. */
	if (!vmb_channel_is_configurable(channel) || channel->restore.busy ||
	    vmb_outbound_is_abandoned(channel))
		return -EBUSY;
	if (!channel->inbound.process_packet)
		return -EINVAL;
	if (channel->refusal_completion_length > channel->maximum_packet_size)
		return -EMSGSIZE;
	ret = vmb_life_check_target(channel) ?: vmb_restore_check(channel);
	if (ret)
		return ret;
	if (channel->operations->peer_gone(channel))
		return -ENODEV;
	/* Asked again in the end; what is refused then need not be prepared. */
	spin_lock_irq(&channel->device->lock);
	primary = channel->primary;
	ret = vmb_sub_channel_check(channel);
	spin_unlock_irq(&channel->device->lock);
	if (ret)
		return ret;
	ret = vmb_life_prepare(channel);
	if (ret)
		return ret;

	/* The client may send from its first callback on. */
	vmb_restore_hand_out(channel);
	vmb_send_accept(channel);
	ret = vmb_life_begin(channel, primary, resumes);
	if (ret) {
		vmb_send_stop(channel, true);
		channel->operations->unprepare(channel);
		vmb_pool_destroy(channel);
	}
	return ret;
}
EXPORT_SYMBOL_GPL(vmb_channel_enable);

/*
 * Calls that wait for the worker would wait for themselves in its callbacks. Two
 * sub-channels could each wait for the other in theirs.
 */
static bool vmb_life_would_deadlock(struct vmb_channel *channel,
				    const char *function)
{
	struct vmb_channel *primary = channel->primary;

	return WARN_ONCE(vmb_life_is_callback(channel) ||
			 vmb_inbound_is_callback(&channel->inbound) ||
			 (primary && vmb_life_is_callback(primary)) ||
			 vmb_sub_channels_are_callers(primary ?: channel),
			 "vmbkmcl: %s: %s() from a callback of the channel\n",
			 channel->name, function);
}

int vmb_channel_disable(struct vmb_channel *channel)
{
	struct vmb_life *life = &channel->life;

	might_sleep();
	/* As a sub-channel may be in a callback of its primary, when it has ended. */
	if (vmb_channel_is_configurable(channel))
		return 0;
	if (vmb_life_would_deadlock(channel, __func__))
		return -EDEADLK;
	vmb_life_stop(channel, VMB_CHANNEL_STOP_DISABLED);
	/*
	 * Not flush_work(), whose say it is who may wait for whom: a client may do
	 * this where its own disk waits for memory. But lockdep is to know.
	 */
	lock_map_acquire(&life->work.lockdep_map);
	lock_map_release(&life->work.lockdep_map);
	/* The worker may still be on its way out, and touches its own state only. */
	wait_for_completion(&life->disabled);
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_disable);

int vmb_channel_start(struct vmb_channel *channel)
{
	struct vmb_life *life = &channel->life;
	int ret = -EINVAL;

	if (channel->primary)
		return -EINVAL;
	if (vmb_life_would_deadlock(channel, __func__))
		return -EDEADLK;
	spin_lock_irq(&channel->device->lock);
	spin_lock(&life->lock);
	/* Lent: it is about to be saved, or to be as before. */
	if (vmb_sub_channels_are_pausing(channel) || life->lent ||
	    channel->save.state == VMB_SAVE_BEGUN) {
		ret = -EBUSY;
	} else if (life->state != VMB_LIFE_DISABLED) {
		ret = vmb_flow_step(channel, VMB_FLOW_START);
		/* Whatever comes before the worker: a disable, or another pause. */
		if (!ret)
			vmb_save_spoil(channel);
		vmb_life_queue(channel);
	}
	spin_unlock(&life->lock);
	if (!ret)
		vmb_sub_channels_step(channel, VMB_FLOW_START);
	spin_unlock_irq(&channel->device->lock);
	return ret;
}
EXPORT_SYMBOL_GPL(vmb_channel_start);

int vmb_channel_pause(struct vmb_channel *channel)
{
	struct vmb_life *life = &channel->life;
	int ret;

	might_sleep();
	if (channel->primary)
		return -EINVAL;
	if (vmb_life_would_deadlock(channel, __func__))
		return -EDEADLK;
	spin_lock_irq(&channel->device->lock);
	spin_lock(&life->lock);
	ret = vmb_flow_step(channel, VMB_FLOW_PAUSE);
	vmb_life_queue(channel);
	spin_unlock(&life->lock);
	vmb_sub_channels_step(channel, VMB_FLOW_PAUSE);
	spin_unlock_irq(&channel->device->lock);
	wait_event(life->changed, vmb_life_flow(channel) != VMB_FLOW_PAUSING);
	vmb_sub_channels_wait_for_pause(channel);
	return ret;
}
EXPORT_SYMBOL_GPL(vmb_channel_pause);

