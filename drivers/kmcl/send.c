// SPDX-License-Identifier: GPL-2.0
/*
 * Sending: a packet goes into the ring if there is room and nothing waits, else
 * into the outbound queue, where nothing overtakes it. While the channel does not
 * run, or as many packets as may be wait for completions, it is held before that.
 * Whatever becomes of it, its completion routine is called once.
 */
#include "outbound.h"
#include "pipe.h"

#include <trace/events/vmbkmcl.h>

#define VMB_SEND_FLAGS	(VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION |	\
			 VMB_CHANNEL_FORMAT_FLAG_FORCE_MDL_LENGTH |	\
			 VMB_CHANNEL_FORMAT_FLAG_PAGED_BUFFER |		\
			 VMB_CHANNEL_FORMAT_FLAG_DATA_IN_ONLY |		\
			 VMB_CHANNEL_FORMAT_FLAG_DATA_OUT_ONLY)

/* May it ever be sent through this ring? */
static bool vmb_send_fits_ring(const struct vmb_channel *channel,
			       const struct vmb_packet *packet, u32 length)
{
	u32 ranges_length = packet->external.count ?
			    packet->external.ranges_length : 0;
	u32 size;

	return !vmb_ring_packet_size(ranges_length, length, &size) &&
	       size < channel->outbound.writer.ring.size;
}

/* Not now: keep a copy of what the caller may use for something else. */
static int vmb_send_copy(struct vmb_channel *channel, struct vmb_packet *packet,
			 const void *buffer, u32 length)
{
	lockdep_assert_held(&channel->outbound.lock);
	if (channel->outbound.open && !vmb_send_fits_ring(channel, packet, length))
		return -EMSGSIZE;
	/* A message of a pipe is there already. */
	if (length && buffer != packet->payload)
		memcpy(packet->payload, buffer, length);
	packet->payload_length = length;
	channel->counters.sends_queued++;
	return 0;
}

/* It may not be sent yet, or others are held that come before it. */
static noinline int vmb_send_defer(struct vmb_channel *channel,
				   struct vmb_packet *packet, const void *buffer,
				   u32 length, bool may_wait)
{
	struct vmb_outbound *outbound = &channel->outbound;
	int ret;

	lockdep_assert_held(&outbound->lock);
	if (!outbound->accepting)
		return -ENODEV;
	if (outbound->sending && vmb_ring_writer_is_lost(&outbound->writer))
		return -ENODEV;
	if (!may_wait)
		return -EAGAIN;
	ret = vmb_send_copy(channel, packet, buffer, length);
	if (ret)
		return ret;
	packet->state = VMB_SEND_HELD;
	/* That of its last use is nobody's. */
	packet->transaction_id = 0;
	list_add_tail(&packet->queue.node, &outbound->held);
	outbound->direct = false;
	return 0;
}

/* It waits in the queue for its turn. */
static noinline int vmb_send_queue(struct vmb_channel *channel,
				   struct vmb_packet *packet,
				   const void *buffer, u32 length)
{
	struct vmb_outbound *outbound = &channel->outbound;
	int ret;

	ret = vmb_send_copy(channel, packet, buffer, length);
	if (ret)
		return ret;
	packet->state = VMB_SEND_QUEUED;
	list_add_tail(&packet->queue.node, &outbound->queue);
	/* Has the peer told that somebody waits, and looks once more. */
	if (vmb_outbound_may_write(channel) &&
	    !vmb_outbound_flush_queue(channel))
		vmb_outbound_lost(channel);
	return 0;
}

/* Bytes of the ring that something in the queue will take. */
static u32 vmb_send_size_of_entry(const struct vmb_queue_entry *entry)
{
	u32 ranges_length = 0, payload_length, size;

	if (entry->kind == VMB_QUEUE_COMPLETION) {
		payload_length = container_of(entry, struct vmb_packet_completion,
					      queue)->completion_length;
	} else {
		const struct vmb_packet *packet = container_of(entry, struct vmb_packet,
							       queue);

		payload_length = packet->payload_length;
		if (packet->external.count)
			ranges_length = packet->external.ranges_length;
	}
	return vmb_ring_packet_size(ranges_length, payload_length, &size) ? 0 : size;
}

/*
 * Another CPU delivers packets and has the writer: it writes what waits
 * when its batch ends. Is the packet's turn then, and room for it behind what is in
 * the queue? As far as can be told now; if the batch takes the room, the packet
 * waits for some like others.
 */
static noinline bool vmb_send_is_next(const struct vmb_channel *channel,
				      const struct vmb_packet *packet, u32 length)
{
	const struct vmb_outbound *outbound = &channel->outbound;
	u32 ranges_length = packet->external.count ?
			    packet->external.ranges_length : 0;
	const struct vmb_queue_entry *entry;
	u32 ahead = 0;
	u32 size;

	lockdep_assert_held(&outbound->lock);
	if (!outbound->sending || vmb_outbound_may_write(channel) ||
	    outbound->writer.pending_send_size ||
	    vmb_ring_packet_size(ranges_length, length, &size))
		return false;
	list_for_each_entry(entry, &outbound->queue, node) {
		/* More than are written when the batch ends. */
		if (++ahead == VMB_OUTBOUND_BUDGET)
			return false;
		size += vmb_send_size_of_entry(entry);
	}
	return vmb_ring_writer_has_room(&outbound->writer, size);
}

/* Ring, queue, or an errno, after which nothing was done. */
static int vmb_send_place(struct vmb_channel *channel, struct vmb_packet *packet,
			  const void *buffer, u32 length, bool may_wait)
{
	struct vmb_outbound *outbound = &channel->outbound;
	enum vmb_ring_status status;
	int ret;

	lockdep_assert_held(&outbound->lock);
	if (likely(list_empty(&outbound->queue) && vmb_outbound_may_write(channel))) {
		if (likely(vmb_send_write_short(channel, packet, buffer, length)))
			goto written;
		vmb_send_describe(packet, buffer, length, &outbound->scratch);
		status = vmb_outbound_write(channel, packet, &outbound->scratch,
					    &outbound->needed);
		if (status == VMB_RING_DONE)
			goto written;
		if (status == VMB_RING_LOST) {
			vmb_outbound_lost(channel);
			return -ENODEV;
		}
	} else if (vmb_ring_writer_is_lost(&outbound->writer)) {
		return -ENODEV;
	}
	if (!may_wait && !vmb_send_is_next(channel, packet, length))
		return -EAGAIN;
	ret = vmb_send_queue(channel, packet, buffer, length);
	if (ret)
		return ret;
	goto publish;
written:
	vmb_send_in_ring(channel, packet);
publish:
	/* A drain publishes when it ends. */
	if (!outbound->batching)
		vmb_outbound_publish(channel);
	return 0;
}

static int vmb_send_submit_locked(struct vmb_channel *channel,
				  struct vmb_packet *packet, const void *buffer,
				  u32 length, bool may_wait)
{
	struct vmb_outbound *outbound = &channel->outbound;
	int ret;

	lockdep_assert_held(&outbound->lock);
	/* What is direct is accepted. */
	if (unlikely(!outbound->direct ||
		     (likely(packet->waits) && !vmb_transaction_begin(channel, packet))))
		ret = vmb_send_defer(channel, packet, buffer, length, may_wait);
	else
		ret = vmb_send_place(channel, packet, buffer, length, may_wait);
	if (unlikely(ret)) {
		if (packet->slot != VMB_NO_SLOT)
			vmb_transaction_cancel(channel, packet);
		return ret;
	}
	channel->counters.sends++;
	return 0;
}

/* Tracing is kept out of the hot path, and so is gathering its arguments. */
static noinline void vmb_send_note(struct vmb_packet *packet, u32 length)
{
	trace_vmb_send(packet->channel->name, packet, packet->external.count,
		       packet->waits, length);
	vmb_latency_begin(&packet->since);
}

/*
 * Send a packet that is described: @waits and external data are set. If not
 * @may_wait it does not wait for room. 0 or an errno, with which the packet is the
 * caller's as before.
 */
int vmb_send_submit(struct vmb_packet *packet, const void *buffer, u32 length,
		    bool may_wait)
{
	struct vmb_channel *channel = packet->channel;
	struct vmb_outbound *outbound = &channel->outbound;
	unsigned long flags;
	int ret;

	/* It was made before the channel became a pipe, and has no header in front. */
	if (unlikely(vmb_channel_is_pipe(channel) && !packet->is_pipe))
		return -EINVAL;
	if (trace_vmb_send_enabled() || vmb_latency_is_wanted())
		vmb_send_note(packet, length);
	spin_lock_irqsave(&outbound->lock, flags);
	/* Settled as long as the channel is enabled: else it was disabled in between. */
	if (unlikely(packet->external.count &&
		     packet->external.peer_memory != READ_ONCE(channel->peer_memory)))
		ret = -ENODEV;
	else
		ret = vmb_send_submit_locked(channel, packet, buffer, length, may_wait);
	vmb_outbound_unlock(channel, flags);
	return ret;
}

static inline int vmb_send_check_idle(struct vmb_packet *packet, bool waits)
{
	if (WARN_ONCE(READ_ONCE(packet->state) != VMB_SEND_IDLE,
		      "vmbkmcl: %s: a packet in flight is sent again\n",
		      packet->channel->name))
		return -EBUSY;
	packet->waits = waits;
	return 0;
}

/* The packet has room for what it was made for, and the pipe may take longer ones. */
static bool vmb_send_message_is_too_long(const struct vmb_packet *packet, u32 length)
{
	return length > packet->channel->maximum_packet_size ||
	       length + sizeof(struct vmb_wire_pipe_header) > packet->payload_room;
}

/*
 * Too long, without a routine, in the client's memory, since when the channel's maximum may
 * have become less, or a message of a pipe, which has neither completion nor memory.
 */
static noinline int vmb_send_check_closely(struct vmb_packet *packet, u32 length,
					   bool waits)
{
	if (packet->is_pipe != vmb_channel_is_pipe(packet->channel))
		return -EINVAL;
	if (packet->is_pipe ? vmb_send_message_is_too_long(packet, length) :
			      length >= packet->payload_limit_made ||
			      length > packet->channel->maximum_packet_size)
		return -EMSGSIZE;
	if (packet->is_pipe && waits)
		return -EOPNOTSUPP;
	if (!packet->routine)
		return -EINVAL;
	return vmb_send_check_idle(packet, waits) ?: packet->is_pipe ? VMB_SEND_FRAMED : 0;
}

static inline int vmb_send_check_inline(struct vmb_packet *packet, u32 length,
					u32 flags, bool external)
{
	bool waits = flags & VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION;

	if (unlikely(flags & ~VMB_SEND_FLAGS))
		return -EINVAL;
	if (unlikely(external && !waits))
		return -EINVAL;
	if (unlikely(external && packet->channel->is_server))
		return -EOPNOTSUPP;
	if (unlikely(length >= packet->payload_limit))
		return vmb_send_check_closely(packet, length, waits);
	return vmb_send_check_idle(packet, waits);
}

/* What every send checks first. 0, VMB_SEND_FRAMED, or an errno. */
int vmb_send_check(struct vmb_packet *packet, u32 length, u32 flags,
		   bool external)
{
	return vmb_send_check_inline(packet, length, flags, external);
}

/* As vmb_send_submit(), with a header in front. */
int vmb_send_submit_framed(struct vmb_packet *packet, const void *buffer,
			   u32 length, bool may_wait)
{
	length = vmb_pipe_write(packet->payload, buffer, length);
	return vmb_send_submit(packet, packet->payload, length, may_wait);
}

static int vmb_send_external(struct vmb_packet *packet, const void *buffer,
			     u32 length)
{
	int ret;

	ret = vmb_send_submit(packet, buffer, length, true);
	if (ret)
		vmb_outbound_data_release(packet, false);
	return ret;
}

static inline int vmb_send_vectors(struct vmb_packet *packet, const void *buffer,
				   u32 length, const struct bio_vec *vectors,
				   u32 vector_count, u32 mdl_offset,
				   u32 mdl_length, u32 flags)
{
	int ret;

	ret = vmb_send_check_inline(packet, length, flags, true);
	if (unlikely(ret))
		return ret;
	ret = vmb_outbound_data_from_vectors(packet, vectors, vector_count,
					     mdl_offset, mdl_length, flags);
	if (unlikely(ret))
		return ret;
	return vmb_send_external(packet, buffer, length);
}

/* With memory, whole; what has none need save nothing for this. */
static noinline int vmb_send_all_vectors(struct vmb_packet *packet,
					 const void *buffer, u32 length,
					 const struct bio_vec *vectors,
					 u32 vector_count, u32 flags)
{
	return vmb_send_vectors(packet, buffer, length, vectors, vector_count, 0, 0,
				flags);
}

int vmb_packet_send(struct vmb_packet *packet, const void *buffer,
		    u32 buffer_length, const struct bio_vec *vectors,
		    u32 vector_count, u32 flags)
{
	int ret;

	if (vectors)
		return vmb_send_all_vectors(packet, buffer, buffer_length, vectors,
					    vector_count, flags);
	ret = vmb_send_check_inline(packet, buffer_length, flags, false);
	if (unlikely(ret))
		return ret == VMB_SEND_FRAMED ?
		       vmb_send_submit_framed(packet, buffer, buffer_length, true) :
		       ret;
	return vmb_send_submit(packet, buffer, buffer_length, true);
}
EXPORT_SYMBOL_GPL(vmb_packet_send);

int vmb_packet_send_with_external_mdl(struct vmb_packet *packet,
				      const void *buffer, u32 buffer_length,
				      const struct bio_vec *vectors,
				      u32 vector_count, u32 mdl_offset,
				      u32 mdl_length, u32 flags)
{
	return vmb_send_vectors(packet, buffer, buffer_length, vectors,
				vector_count, mdl_offset, mdl_length, flags);
}
EXPORT_SYMBOL_GPL(vmb_packet_send_with_external_mdl);

int vmb_packet_send_with_external_iter(struct vmb_packet *packet,
				       const void *buffer, u32 buffer_length,
				       const struct iov_iter *iter, u32 flags)
{
	if (!iov_iter_is_bvec(iter) || iter->count > U32_MAX ||
	    iter->iov_offset > U32_MAX || !iter->count)
		return -EINVAL;
	return vmb_packet_send_with_external_mdl(packet, buffer, buffer_length,
						 iter->bvec, iter->nr_segs,
						 iter->iov_offset, iter->count,
						 flags);
}
EXPORT_SYMBOL_GPL(vmb_packet_send_with_external_iter);

int vmb_packet_send_with_external_pfns(struct vmb_packet *packet,
				       const void *buffer, u32 buffer_length,
				       const u64 *pfns, u32 pfn_count, u32 flags)
{
	int ret;

	ret = vmb_send_check_inline(packet, buffer_length, flags, true);
	if (unlikely(ret))
		return ret;
	ret = vmb_outbound_data_from_pfns(packet, pfns, pfn_count, flags);
	if (unlikely(ret))
		return ret;
	return vmb_send_external(packet, buffer, buffer_length);
}
EXPORT_SYMBOL_GPL(vmb_packet_send_with_external_pfns);
