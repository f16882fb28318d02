// SPDX-License-Identifier: GPL-2.0
/*
 * What is asked of a struct vmbus_channel, and done to it, where hv_vmbus has no
 * function for it.
 */
#include "compat.h"
#include "hv_transport.h"

/* Only in a kernel that has the suites in it. */
#if IS_ENABLED(CONFIG_VMBKMCL_KUNIT_TEST)
#include <kunit/static_stub.h>
#else
#define KUNIT_STATIC_STUB_REDIRECT(function, ...)	((void)(function))
#endif

struct vmb_hv_confidential vmb_hv_confidential_of(const struct vmbus_channel *channel)
{
	/* The suites say what an offer of the paravisor's would. */
	KUNIT_STATIC_STUB_REDIRECT(vmb_hv_confidential_of, channel);
	return (struct vmb_hv_confidential) {
		.ring = vmb_hv_ring_is_confidential(channel),
		.external = vmb_hv_external_is_confidential(channel),
	};
}

/*
 * The channel's offer is known, and so is what it says of memory, and what that of the
 * client's device has said. 0; -EPERM: that is not what an earlier one has said; or the
 * host could write the ring, and have the paravisor reach what it cannot reach itself;
 * or the client has a device of the paravisor's, and gets a channel that the host may
 * have offered in its name.
 */
int vmb_hv_settle_memory(struct vmb_channel *channel, struct vmb_hv_confidential offer,
			 struct vmb_hv_confidential device)
{
	/* Where the host is no adversary it is nobody's business. */
	if (!vmb_channel_transport_device(channel)->isolated)
		return 0;
	if ((offer.external && !offer.ring) || (device.ring && !offer.ring) ||
	    (device.external && !offer.external))
		return -EPERM;
	return vmb_channel_settle_peer_memory(channel,
					      offer.external ? VMB_PEER_MEMORY_ENCRYPTED :
					      offer.ring ? VMB_PEER_MEMORY_RING :
					      VMB_PEER_MEMORY_DECRYPTED);
}

/*
 * hv_vmbus leaves what the driver before has set, uio_hv_generic for a rescind and storvsc
 * for a change of the target processor. They would take our device for one of theirs, or
 * are gone.
 */
void vmb_hv_forget_last_driver(struct vmbus_channel *channel)
{
	channel->chn_rescind_callback = NULL;
	channel->change_target_cpu_callback = NULL;
}

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
 * answer clears the handle. A rescinded offer gets no answer and needs none. What a
 * confidential channel has shared was never decrypted: there the handle alone tells.
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
