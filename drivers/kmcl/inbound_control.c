// SPDX-License-Identifier: GPL-2.0
/*
 * How much, when and where packets are delivered: the transaction quota, the
 * share of softirq time, and a worker for clients whose callback sleeps, for
 * packets deferred to it, and for a CPU of the client's choice.
 *
 * Packets are delivered only with VMB_INBOUND_DRAINING set, so the worker and the
 * transport's interrupt never overlap, and the order of packets is the ring's.
 */
#include <linux/cpumask.h>
#include <linux/sched/clock.h>

#include "inbound.h"

#include <trace/events/vmbkmcl.h>

/* The window in which softirq time is measured. */
#define VMB_WINDOW_NS	(10 * NSEC_PER_MSEC)
#define VMB_ALL		100u

void vmb_inbound_control_init(struct vmb_inbound *inbound)
{
	inbound->cpu = WORK_CPU_UNBOUND;
	inbound->quota = U32_MAX;
	inbound->share = VMB_ALL;
}

/* Packets in the client's hands, as the drain knows it. */
static u64 vmb_inbound_outstanding(const struct vmb_channel *channel)
{
	const struct vmb_inbound *inbound = &channel->inbound;

	return inbound->delivered - READ_ONCE(channel->outbound.finished) -
	       (vmb_inbound_is_drain_task(inbound) ? inbound->batch.completed : 0);
}

bool vmb_inbound_quota_is_reached(const struct vmb_channel *channel)
{
	return vmb_inbound_outstanding(channel) >= READ_ONCE(channel->inbound.quota);
}

/*
 * The quota is reached: nothing is read until a completion says so. False: one
 * came just now.
 */
bool vmb_inbound_block(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	unsigned long flags;
	bool blocked;

	vmb_inbound_assert_owned(&channel->inbound);
	spin_lock_irqsave(&outbound->lock, flags);
	blocked = vmb_inbound_quota_is_reached(channel);
	if (blocked)
		set_bit(VMB_INBOUND_BLOCKED, &channel->inbound.flags);
	spin_unlock_irqrestore(&outbound->lock, flags);
	if (blocked)
		trace_vmb_quota(channel->name, vmb_inbound_outstanding(channel),
				READ_ONCE(channel->inbound.quota));
	return blocked;
}

/* The client has completed a packet: the one thing that ends a block. */
void vmb_inbound_unblock(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;

	lockdep_assert_held(&outbound->lock);
	if (vmb_inbound_quota_is_reached(channel))
		return;
	clear_bit(VMB_INBOUND_BLOCKED, &channel->inbound.flags);
	if (outbound->open)
		channel->operations->schedule(channel);
}

/*
 * Set what is not 0. Under the lock: of two who set a limit at once, the second
 * knows both.
 */
static void vmb_inbound_set_limits(struct vmb_channel *channel, u32 quota, u32 share)
{
	struct vmb_inbound *inbound = &channel->inbound;
	unsigned long flags;

	spin_lock_irqsave(&channel->outbound.lock, flags);
	if (quota)
		WRITE_ONCE(inbound->quota, quota);
	if (share)
		WRITE_ONCE(inbound->share, share);
	if (inbound->quota != U32_MAX || inbound->share != VMB_ALL)
		set_bit(VMB_INBOUND_LIMITED, &inbound->flags);
	else
		clear_bit(VMB_INBOUND_LIMITED, &inbound->flags);
	spin_unlock_irqrestore(&channel->outbound.lock, flags);
}

int vmb_channel_set_transaction_quota(struct vmb_channel *channel, u32 quota)
{
	if (!quota)
		return -EINVAL;
	vmb_inbound_set_limits(channel, quota, 0);
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_set_transaction_quota);

/* Has the channel had its share of softirq time in this window? */
bool vmb_inbound_is_overtime(struct vmb_channel *channel)
{
	struct vmb_inbound *inbound = &channel->inbound;
	u32 share = READ_ONCE(inbound->share);
	u64 now;

	/* The worker's time is the scheduler's to share out. */
	if (share == VMB_ALL || !in_serving_softirq())
		return false;
	now = local_clock();
	if (now - inbound->window_start >= VMB_WINDOW_NS) {
		inbound->window_start = now;
		inbound->window_used = 0;
	} else if (inbound->window_looked) {
		/* Between two looks of one batch: all of it is ours. */
		inbound->window_used += now - inbound->window_looked;
	}
	inbound->window_looked = now;
	if (inbound->window_used < VMB_WINDOW_NS / VMB_ALL * share)
		return false;
	set_bit(VMB_INBOUND_OVERTIME, &inbound->flags);
	trace_vmb_overtime(channel->name, inbound->window_used, share);
	return true;
}

int vmb_channel_set_allowable_dpc_cpu_usage(struct vmb_channel *channel,
					    u8 percentage)
{
	if (!percentage || percentage > VMB_ALL)
		return -EINVAL;
	vmb_inbound_set_limits(channel, 0, percentage);
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_set_allowable_dpc_cpu_usage);

void vmb_channel_set_incoming_processing_at_passive(struct vmb_channel *channel,
						    bool require_passive)
{
	if (require_passive)
		set_bit(VMB_INBOUND_PASSIVE, &channel->inbound.flags);
	else
		clear_bit(VMB_INBOUND_PASSIVE, &channel->inbound.flags);
}
EXPORT_SYMBOL_GPL(vmb_channel_set_incoming_processing_at_passive);

/* The channel is closing and delivers nothing: nor what was deferred. */
void vmb_inbound_drop_deferred(struct vmb_channel *channel)
{
	struct vmb_inbound *inbound = &channel->inbound;
	struct vmb_packet_completion *packet = inbound->deferred;

	vmb_life_assert_worker(channel);
	if (!packet)
		return;
	inbound->deferred = NULL;
	clear_bit(VMB_INBOUND_DEFERRED, &inbound->flags);
	spin_lock_irq(&channel->outbound.lock);
	channel->counters.discarded++;
	vmb_outbound_recycle(channel, packet);
	spin_unlock_irq(&channel->outbound.lock);
}
