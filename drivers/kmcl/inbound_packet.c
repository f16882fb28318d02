// SPDX-License-Identifier: GPL-2.0
/*
 * Inbound packets as the client sees them: their external data, its scratch area,
 * and the two ways out that are not a completion, fail and defer.
 */
#include "inbound.h"

/*
 * The callback is over for now, and called again for the same packet. False: it is
 * not running for this one, or the client does not have it. @pending: not before
 * the memory that it names is shared, or is not.
 */
static bool vmb_inbound_defer(struct vmb_packet_completion *packet, bool pending)
{
	struct vmb_inbound *inbound = &packet->channel->inbound;

	/* A routine may run inside of the callback, and is none of it. */
	if (!vmb_inbound_is_reader(inbound) || inbound->deferred ||
	    vmb_packet_cache_in_callback(&inbound->cache) != packet ||
	    vmb_send_is_in_routine(packet->channel))
		return false;
	if (atomic_cmpxchg(&packet->state, VMB_PACKET_DELIVERED,
			   VMB_PACKET_DEFERRED) != VMB_PACKET_DELIVERED)
		return false;
	/*
	 * The client does not hold it meanwhile, and nobody but the drain could
	 * let go of the memory that it names: so it keeps none. The next callback
	 * asks for it again.
	 */
	if (packet->vector_count) {
		vmb_external_data_release(packet);
		packet->external_known = false;
	}
	inbound->delivered--;
	inbound->deferred = packet;
	inbound->pending = pending;
	set_bit(VMB_INBOUND_DEFERRED, &inbound->flags);
	return true;
}

/* The first answer but "pending" is kept for the packet's life, or until hibernation. */
static int vmb_external_data_know(struct vmb_packet_completion *packet)
{
	struct vmb_channel *channel = packet->channel;
	enum vmb_refusal refusal;
	bool pending = false;

	/* Pairs with vmb_outbound_orphan_packets(). */
	if (smp_load_acquire(&packet->external_known))
		return packet->external_result;
	packet->external_read_only = false;
	packet->external_writable = false;
	refusal = vmb_external_data_resolve(packet, &pending);
	if (likely(refusal == VMB_REFUSAL_NONE))
		return packet->external_result;
	vmb_external_data_release(packet);
	if (pending) {
		vmb_inbound_defer(packet, true);
		return -EINPROGRESS;
	}
	vmb_refuse(channel, &packet->wire, refusal);
	return packet->external_result;
}

int vmb_channel_packet_get_external_data(struct vmb_packet_completion *packet,
					 u32 flags,
					 const struct bio_vec **vectors,
					 u32 *vector_count)
{
	bool read_only = flags & VMB_CHANNEL_PACKET_EXTERNAL_DATA_FLAG_READ_ONLY;
	int ret;

	if (flags & ~VMB_CHANNEL_PACKET_EXTERNAL_DATA_FLAG_READ_ONLY)
		return -EINVAL;
	if (packet->wire.type != VMB_WIRE_TYPE_DATA_GPA_DIRECT &&
	    packet->wire.type != VMB_WIRE_TYPE_DATA_TRANSFER_PAGES)
		return -EINVAL;
	ret = vmb_external_data_know(packet);
	if (ret)
		return ret;
	if (!read_only && packet->external_read_only)
		return -EROFS;
	if (!read_only)
		packet->external_writable = true;
	*vectors = packet->vectors;
	*vector_count = packet->vector_count;
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_packet_get_external_data);

int vmb_channel_packet_get_external_data_iter(struct vmb_packet_completion *packet,
					      unsigned int direction,
					      struct iov_iter *iter)
{
	if (!packet->vector_count)
		return -EINVAL;
	if (direction == ITER_DEST && !packet->external_writable)
		return -EROFS;
	iov_iter_bvec(iter, direction, packet->vectors, packet->vector_count,
		      packet->ranges.bytes);
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_packet_get_external_data_iter);

void *vmb_channel_packet_get_client_context(struct vmb_packet_completion *packet)
{
	if (!packet->channel->client_context_size)
		return NULL;
	return packet->client_context;
}
EXPORT_SYMBOL_GPL(vmb_channel_packet_get_client_context);

void vmb_channel_packet_defer_to_passive(struct vmb_packet_completion *packet)
{
	bool was_deferred = vmb_inbound_defer(packet, false);

	WARN_ONCE(!was_deferred,
		  "vmbkmcl: %s: %s() outside of the packet's callback, or not the client's any more\n",
		  packet->channel->name, __func__);
}
EXPORT_SYMBOL_GPL(vmb_channel_packet_defer_to_passive);

/*
 * The client gives a packet back. If that is of this connection, no other is
 * delivered any more. Under the lock, for a connection that ends marks what is
 * left of it.
 */
static bool vmb_inbound_fail(struct vmb_packet_completion *packet)
{
	struct vmb_channel *channel = packet->channel;
	unsigned long flags;
	int state;

	spin_lock_irqsave(&channel->outbound.lock, flags);
	state = atomic_cmpxchg(&packet->state, VMB_PACKET_DELIVERED,
			       VMB_PACKET_COMPLETED);
	if (state == VMB_PACKET_ORPHANED)
		state = atomic_cmpxchg(&packet->state, VMB_PACKET_ORPHANED,
				       VMB_PACKET_COMPLETED);
	/* If the drain does anything but to deliver, it goes on. */
	if (state == VMB_PACKET_DELIVERED)
		vmb_drain_leave(&channel->inbound.flags, VMB_DRAIN_DELIVERING,
				VMB_DRAIN_STOPPED);
	spin_unlock_irqrestore(&channel->outbound.lock, flags);
	return state == VMB_PACKET_DELIVERED || state == VMB_PACKET_ORPHANED;
}

void vmb_channel_packet_fail(struct vmb_packet_completion *packet)
{
	struct vmb_channel *channel = packet->channel;

	if (!vmb_inbound_fail(packet)) {
		WARN_ONCE(1, "vmbkmcl: %s: %s() of a packet that is not the client's\n",
			  channel->name, __func__);
		return;
	}
	dev_warn_ratelimited(channel->dev,
			     "%s: the driver failed a packet (transaction %#llx), inbound queue stopped\n",
			     vmb_channel_label(channel), packet->wire.transaction_id);
	vmb_external_data_release(packet);
	/* Nobody is told: as a packet whose sender wants no completion. */
	packet->wire.flags = 0;
	vmb_outbound_complete(packet, NULL, 0, &channel->counters.failed);
}
EXPORT_SYMBOL_GPL(vmb_channel_packet_fail);
