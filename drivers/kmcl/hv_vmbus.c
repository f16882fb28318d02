// SPDX-License-Identifier: GPL-2.0
/*
 * What is asked of a struct vmbus_channel, and done to it, where hv_vmbus has no
 * function for it.
 */
#include "hv_transport.h"

/*
 * Our callback is called no more. What vmbus_disconnect_ring() would do, which
 * does it for primary channels only.
 */
void vmb_hv_silence(struct vmbus_channel *channel)
{
	unsigned long flags;

	tasklet_disable(&channel->callback_event);
	spin_lock_irqsave(&channel->sched_lock, flags);
	channel->onchannel_callback = NULL;
	spin_unlock_irqrestore(&channel->sched_lock, flags);
	tasklet_enable(&channel->callback_event);
}

/*
 * May the host still reach the memory of a GPADL that hv_vmbus says is torn
 * down? It says so also when it could not post the message; but only the host's
 * answer clears the handle. A rescinded offer gets no answer and needs none.
 */
bool vmb_hv_gpadl_is_alive(const struct vmbus_channel *channel,
			   const struct vmbus_gpadl *gpadl)
{
	return gpadl->decrypted ||
	       (gpadl->gpadl_handle && !READ_ONCE(channel->rescind));
}

/*
 * Has the host taken back what the channel was offered, which may be nothing yet?
 * hv_vmbus frees its channels behind readers. Any context.
 */
bool vmb_hv_offer_is_gone(const struct vmb_channel *channel)
{
	const struct vmb_hv_channel *hv;
	const struct vmbus_channel *offered;
	bool gone;

	rcu_read_lock();
	hv = vmb_channel_transport_private(channel);
	offered = hv ? READ_ONCE(hv->channel) : NULL;
	gone = offered && READ_ONCE(offered->rescind);
	rcu_read_unlock();
	return gone;
}
