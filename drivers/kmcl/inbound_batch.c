// SPDX-License-Identifier: GPL-2.0
/*
 * What a drain reads in one go: packets for the client, completions of what it has
 * sent, and what is wrong. The drain in inbound.c owns the ring meanwhile, and says
 * whether packets are delivered, or only completions count.
 */
#include <linux/bits.h>
#include <linux/nospec.h>
#include <linux/string.h>

#include "inbound.h"
#include "ring_inline.h"

#include <trace/events/vmbkmcl.h>

/* Packets delivered before the CPU is given back. */
#define VMB_INBOUND_BUDGET	64u

/* What a batch has to do with; nothing but DELIVERING is the common case. */
#define VMB_INBOUND_SPECIAL	(VMB_DRAIN_MODE_MASK |		\
				 BIT(VMB_INBOUND_LIMITED) |	\
				 BIT(VMB_INBOUND_DEFERRED))

/* Is there a packet object to read into, or does the client hold them all? */
static bool vmb_inbound_has_packet(struct vmb_channel *channel)
{
	return likely(!vmb_packet_cache_is_empty(&channel->inbound.cache)) ||
	       vmb_outbound_take_free(channel);
}

/*
 * The peer gets the room of what was read. If it waits for that the end of the batch
 * tells it, unless callbacks sleep before.
 */
noinline void vmb_inbound_give_room_back(struct vmb_channel *channel)
{
	struct vmb_inbound *inbound = &channel->inbound;

	if (!vmb_ring_reader_commit(&inbound->reader))
		return;
	if (vmb_inbound_is_drain_task(inbound)) {
		inbound->batch.signal = true;
		return;
	}
	vmb_outbound_count_signal(channel);
	channel->operations->signal(channel);
}

/* What was read is not put back, and its callback may sleep. */
static void vmb_inbound_hold_nothing_back(struct vmb_channel *channel)
{
	if (!channel->inbound.batch.kept)
		vmb_inbound_give_room_back(channel);
}

/*
 * A refused packet whose sender waits gets a completion, empty if the client has
 * not said what is to stand in it: silence would leak its transaction. A completion
 * is never answered, whatever its flags say.
 */
static void vmb_inbound_refuse(struct vmb_packet_completion *packet,
			       enum vmb_refusal refusal)
{
	struct vmb_channel *channel = packet->channel;

	vmb_packet_cache_callbacks_over(&channel->inbound.cache);
	/* It may have been as long as the ring, and the routine below may sleep. */
	vmb_inbound_give_room_back(channel);
	vmb_refuse(channel, &packet->wire, refusal);
	/* But it ends what it completes: it would never be completed again. */
	if (packet->wire.type == VMB_WIRE_TYPE_COMPLETION) {
		if (refusal != VMB_REFUSAL_COMPLETION_UNEXPECTED)
			vmb_send_completed(channel, packet->wire.transaction_id,
					   -EPROTO, NULL, 0);
		return;
	}
	if (!(packet->wire.flags & VMB_WIRE_FLAG_COMPLETION_REQUESTED))
		return;
	vmb_packet_cache_take(&channel->inbound.cache);
	channel->inbound.delivered++;
	channel->inbound.batch.answered++;
	atomic_set(&packet->state, VMB_PACKET_COMPLETED);
	vmb_outbound_complete(packet, channel->refusal_completion,
			      channel->refusal_completion_length,
			      &channel->counters.completions_empty);
}

/*
 * Where the payload begins. Most packets have nothing in front of it; what the
 * others say is no index that anybody speculates with.
 */
static __always_inline void *vmb_inbound_payload(struct vmb_channel *channel,
						 struct vmb_packet_completion *packet)
{
	u32 offset = packet->wire.ranges_length;
	u8 *payload = packet->buffer;

	if (unlikely(offset))
		payload += array_index_nospec(offset,
					      channel->inbound.reader.maximum_ranges + 1);
	return payload;
}

/* A packet that was read is a completion: end what it completes, if anything. */
static bool vmb_inbound_completes(struct vmb_channel *channel,
				  struct vmb_packet_completion *packet)
{
	const struct vmb_ring_reader *reader = &channel->inbound.reader;
	const struct vmb_ring_packet *wire = &packet->wire;
	const void *payload = vmb_inbound_payload(channel, packet);

	/* Longer than what the packet object has room for. */
	if (unlikely(wire->payload_length > reader->maximum_payload))
		payload = reader->overlong;
	return vmb_send_completed(channel, wire->transaction_id, 0, payload,
				  wire->payload_length);
}

/* Tracing is kept out of the hot path, and so is gathering its arguments. */
static noinline void vmb_inbound_trace_dispatch(struct vmb_channel *channel,
						const struct vmb_ring_packet *wire)
{
	trace_vmb_dispatch(channel->name, wire->transaction_id, wire->type,
			   wire->flags, wire->ranges_length, wire->payload_length);
}

static noinline void vmb_inbound_trace_fetch(struct vmb_channel *channel,
					     const struct vmb_ring_packet *wire)
{
	trace_vmb_fetch(channel->name, wire->transaction_id, wire->type,
			wire->flags, wire->ranges_length, wire->payload_length);
}

/* The callback, for the first time or again. */
static __always_inline void
vmb_inbound_deliver(struct vmb_channel *channel,
		    struct vmb_packet_completion *packet, u32 flags)
{
	struct vmb_inbound *inbound = &channel->inbound;
	const struct vmb_ring_packet *wire = &packet->wire;

	inbound->delivered++;
	/* Nobody else knows the packet before the callback does. */
	atomic_set(&packet->state, VMB_PACKET_DELIVERED);
	if (trace_vmb_dispatch_enabled())
		vmb_inbound_trace_dispatch(channel, wire);
	vmb_latency_begin(&packet->since);
	inbound->process_packet(channel, inbound->callback_context, packet,
				vmb_inbound_payload(channel, packet),
				wire->payload_length, flags);
}

/* The worker's turn. */
void vmb_inbound_deliver_again(struct vmb_channel *channel)
{
	struct vmb_inbound *inbound = &channel->inbound;
	struct vmb_packet_completion *packet = inbound->deferred;
	u32 flags = packet->wire.type == VMB_WIRE_TYPE_DATA_INBAND ? 0 :
		    VMB_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA;

	vmb_inbound_assert_reader(&channel->inbound);
	inbound->deferred = NULL;
	clear_bit(VMB_INBOUND_DEFERRED, &inbound->flags);
	vmb_inbound_deliver(channel, packet, flags);
}

/* Hand a packet that was read to the client, unless it is to be refused. */
static __always_inline void
vmb_inbound_dispatch(struct vmb_channel *channel,
		     struct vmb_packet_completion *packet)
{
	const struct vmb_ring_packet *wire = &packet->wire;
	enum vmb_refusal refusal;
	u32 flags = 0;

	if (trace_vmb_fetch_enabled())
		vmb_inbound_trace_fetch(channel, wire);
	if (wire->type != VMB_WIRE_TYPE_DATA_INBAND) {
		if (likely(wire->type == VMB_WIRE_TYPE_COMPLETION)) {
			if (unlikely(!vmb_inbound_completes(channel, packet)))
				vmb_inbound_refuse(packet,
						   VMB_REFUSAL_COMPLETION_UNEXPECTED);
			return;
		}
		refusal = vmb_external_data_check(packet);
		if (refusal != VMB_REFUSAL_NONE) {
			vmb_inbound_refuse(packet, refusal);
			return;
		}
		packet->external_known = false;
		flags = VMB_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA;
	}
	vmb_packet_cache_take(&channel->inbound.cache);
	if (channel->client_context_size)
		memset(packet->client_context, 0, channel->client_context_size);
	vmb_inbound_deliver(channel, packet, flags);
}

/* Something is special: why to pause before the next packet is read, if at all. */
static bool vmb_inbound_has_to_pause(struct vmb_channel *channel,
				     unsigned long flags, enum vmb_batch_end *why)
{
	if (!(flags & VMB_DRAIN_DELIVERING))
		*why = VMB_BATCH_STOPPED;
	else if (flags & BIT(VMB_INBOUND_DEFERRED))
		*why = VMB_BATCH_DEFERRED;
	else if (vmb_inbound_quota_is_reached(channel))
		*why = VMB_BATCH_QUOTA;
	else if (vmb_inbound_is_overtime(channel))
		*why = VMB_BATCH_OVERTIME;
	else
		return false;
	return true;
}

/*
 * A completion that there is no room for yet: it stays in the ring until there is, if
 * anybody waits for what is in it. Who closes does not. False: go on with the next one.
 */
static noinline bool vmb_inbound_has_no_room(struct vmb_channel *channel,
					     struct vmb_packet_completion *packet)
{
	struct vmb_inbound *inbound = &channel->inbound;
	u64 id = packet->wire.transaction_id;

	if (vmb_inbound_mode(inbound) == VMB_DRAIN_DISCARDING) {
		vmb_inbound_hold_nothing_back(channel);
		if (!vmb_send_completed(channel, id, -ENODEV, NULL, 0))
			channel->counters.discarded++;
		return false;
	}
	if (!vmb_send_is_awaited(channel, id)) {
		vmb_inbound_refuse(packet, VMB_REFUSAL_COMPLETION_UNEXPECTED);
		return false;
	}
	vmb_ring_reader_put_back(&inbound->reader, &packet->wire);
	return !vmb_overlong_take(channel);
}

/*
 * Nothing was read that can be delivered. False: go on with the next packet; else
 * *why says why not.
 */
static noinline bool vmb_inbound_read_failed(struct vmb_channel *channel,
					     struct vmb_packet_completion *packet,
					     enum vmb_ring_status status,
					     enum vmb_batch_end *why)
{
	struct vmb_batch *batch = &channel->inbound.batch;

	if (status == VMB_RING_REFUSED) {
		vmb_inbound_refuse(packet, batch->refusal);
		return false;
	}
	if (status == VMB_RING_NO_ROOM) {
		*why = VMB_BATCH_NO_ROOM;
		return vmb_inbound_has_no_room(channel, packet);
	}
	*why = VMB_BATCH_EMPTY;
	if (status == VMB_RING_LOST) {
		vmb_refuse(channel, NULL, batch->refusal);
		*why = VMB_BATCH_LOST;
	}
	return true;
}

/*
 * The client holds all packet objects. What it has sent may have to end before it
 * can give one back: so completions are read, as far as no packet with data is in
 * front of them. Returns why there is no more.
 */
static noinline enum vmb_batch_end vmb_inbound_starved(struct vmb_channel *channel)
{
	struct vmb_packet_completion *packet = channel->pool.reserve;
	struct vmb_inbound *inbound = &channel->inbound;
	u32 budget = VMB_INBOUND_BUDGET;
	enum vmb_batch_end why;

	vmb_packet_cache_callbacks_over(&inbound->cache);
	while (budget--) {
		enum vmb_ring_status status;

		status = vmb_ring_read(&inbound->reader, packet->buffer,
				       &packet->wire, &inbound->batch.refusal);
		if (status != VMB_RING_DONE && status != VMB_RING_REFUSED) {
			if (vmb_inbound_read_failed(channel, packet, status, &why))
				return why;
			continue;
		}
		if (packet->wire.type != VMB_WIRE_TYPE_COMPLETION) {
			/* It cannot be delivered, and nothing behind it. */
			vmb_ring_reader_put_back(&inbound->reader, &packet->wire);
			return VMB_BATCH_STARVED;
		}
		vmb_inbound_hold_nothing_back(channel);
		if (status == VMB_RING_REFUSED)
			vmb_inbound_refuse(packet, inbound->batch.refusal);
		else
			vmb_inbound_dispatch(channel, packet);
		/* Its routine may have completed a packet, and made one free. */
		if (vmb_inbound_has_packet(channel))
			return VMB_BATCH_BUDGET;
	}
	return VMB_BATCH_BUDGET;
}

/* Read and deliver until there is a reason to pause. Returns why. */
static enum vmb_batch_end vmb_inbound_delivery_batch(struct vmb_channel *channel)
{
	struct vmb_inbound *inbound = &channel->inbound;
	struct vmb_ring_reader *reader = &inbound->reader;
	struct vmb_batch *batch = &inbound->batch;
	u32 budget = VMB_INBOUND_BUDGET;
	enum vmb_batch_end why;
	u32 consumed = 0;

	vmb_inbound_assert_reader(&channel->inbound);
	while (budget--) {
		unsigned long flags = READ_ONCE(inbound->flags) &
				      VMB_INBOUND_SPECIAL;
		struct vmb_packet_completion *packet;
		enum vmb_ring_status status;

		if (unlikely(flags != VMB_DRAIN_DELIVERING &&
			     vmb_inbound_has_to_pause(channel, flags, &why)))
			return why;
		if (unlikely(!vmb_inbound_has_packet(channel)))
			return vmb_inbound_starved(channel);
		packet = vmb_packet_cache_first(&inbound->cache);
		status = vmb_ring_read_inline(reader, packet->buffer, &packet->wire,
					      &batch->refusal);
		if (unlikely(status != VMB_RING_DONE)) {
			if (vmb_inbound_read_failed(channel, packet, status, &why))
				return why;
			continue;
		}
		consumed += VMB_RING_PACKET_MINIMUM +
			    packet->wire.ranges_length +
			    packet->wire.payload_length;
		/* Let the peer have the room back before it runs out, or the callback sleeps. */
		if (unlikely(consumed >= batch->kept)) {
			consumed = 0;
			vmb_inbound_give_room_back(channel);
		}
		vmb_inbound_dispatch(channel, packet);
		/* And let it begin with its answers. */
		if (unlikely(batch->written >= batch->quarter)) {
			batch->written = 0;
			batch->signal |= vmb_ring_writer_commit(&channel->outbound.writer);
		}
	}
	return VMB_BATCH_BUDGET;
}

/*
 * Paused: a completion, which ends what it completes. False: data, and nothing
 * behind it is read before the start.
 */
static bool vmb_inbound_take_completion(struct vmb_channel *channel,
					struct vmb_packet_completion *packet)
{
	struct vmb_inbound *inbound = &channel->inbound;

	if (packet->wire.type == VMB_WIRE_TYPE_COMPLETION)
		return true;
	vmb_ring_reader_put_back(&inbound->reader, &packet->wire);
	vmb_drain_leave(&inbound->flags, VMB_DRAIN_COMPLETIONS, VMB_DRAIN_STOPPED);
	return false;
}

/* The channel is closing, or paused: the same, but only completions count. */
static enum vmb_batch_end vmb_inbound_completion_batch(struct vmb_channel *channel,
						       enum vmb_drain_mode mode)
{
	struct vmb_packet_completion *packet = channel->pool.reserve;
	struct vmb_inbound *inbound = &channel->inbound;
	struct vmb_batch *batch = &inbound->batch;
	u32 budget = VMB_INBOUND_BUDGET;
	enum vmb_batch_end why;

	vmb_inbound_assert_reader(&channel->inbound);
	vmb_packet_cache_callbacks_over(&inbound->cache);
	while (budget--) {
		enum vmb_ring_status status;

		if (vmb_inbound_mode(inbound) != mode)
			return VMB_BATCH_STOPPED;
		status = vmb_ring_read(&inbound->reader, packet->buffer,
				       &packet->wire, &batch->refusal);
		if (mode == VMB_DRAIN_COMPLETIONS &&
		    (status == VMB_RING_DONE || status == VMB_RING_REFUSED) &&
		    !vmb_inbound_take_completion(channel, packet))
			return VMB_BATCH_STOPPED;
		if (status == VMB_RING_REFUSED &&
		    packet->wire.type != VMB_WIRE_TYPE_COMPLETION) {
			vmb_refuse(channel, &packet->wire, batch->refusal);
			channel->counters.discarded++;
			continue;
		}
		if (status != VMB_RING_DONE) {
			if (vmb_inbound_read_failed(channel, packet, status, &why))
				return why;
			continue;
		}
		vmb_inbound_hold_nothing_back(channel);
		if (mode == VMB_DRAIN_COMPLETIONS)
			vmb_inbound_dispatch(channel, packet);
		/* The peer may complete what the close has ended already. */
		else if (packet->wire.type != VMB_WIRE_TYPE_COMPLETION ||
			 !vmb_inbound_completes(channel, packet))
			channel->counters.discarded++;
	}
	return VMB_BATCH_BUDGET;
}

/* One batch, by the mode that the drain has found. Returns why it ended. */
enum vmb_batch_end vmb_inbound_batch(struct vmb_channel *channel,
				     enum vmb_drain_mode mode)
{
	/* Only the callback of what is deferred comes before the first is read. */
	if (likely(!channel->inbound.deferred))
		vmb_packet_cache_callbacks_over(&channel->inbound.cache);
	if (likely(mode == VMB_DRAIN_DELIVERING))
		return vmb_inbound_delivery_batch(channel);
	return vmb_inbound_completion_batch(channel, mode);
}
