/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The commonest packets, read and written where the compiler sees what is done
 * with them: in one piece of the ring, short, without a range list. Everything
 * else is ring_reader.c's and ring_writer.c's. See ring.h for what holds
 * everywhere in here.
 */
#ifndef VMB_RING_INLINE_H
#define VMB_RING_INLINE_H

#include "ring.h"
#include "ring_memory.h"

/*
 * A descriptor's first word: type, offset to the payload, length, flags. Of in-band
 * data and of completions without a range list all is known but the length, and
 * whether a completion is asked for.
 */
#define VMB_RING_NO_RANGES	(VMB_RING_DESCRIPTOR / VMB_WIRE_UNIT << 16)
#define VMB_RING_PLAIN_DATA	(VMB_WIRE_TYPE_DATA_INBAND | VMB_RING_NO_RANGES)
#define VMB_RING_PLAIN_ANSWER	(VMB_WIRE_TYPE_COMPLETION | VMB_RING_NO_RANGES)
#define VMB_RING_PLAIN_MASK						\
	(0xffffffffull | (u64)(u16)~VMB_WIRE_FLAG_COMPLETION_REQUESTED << 48)

/* Of the first word: bytes of the packet, its trailer included. */
static inline u32 vmb_ring_head_size(u64 head)
{
	return (u32)(head >> 32 & 0xffff) * VMB_WIRE_UNIT + VMB_RING_TRAILER;
}

/* As vmb_ring_read(), which is this, called as a function. */
static __always_inline enum vmb_ring_status
vmb_ring_read_inline(struct vmb_ring_reader *reader, void *buffer,
		     struct vmb_ring_packet *packet, enum vmb_refusal *refusal)
{
	u32 index = reader->read_index;
	u32 size, payload_length;
	u64 head, kind;

	if (unlikely(index == reader->write_index)) {
		enum vmb_ring_status status = vmb_ring_reader_refresh(reader, refusal);

		if (status != VMB_RING_DONE)
			return status;
	}
	head = vmb_ring_load_word(&reader->ring, index);
	size = vmb_ring_head_size(head);
	/* Of a length below a descriptor's this is more than anybody accepts. */
	payload_length = size - VMB_RING_PACKET_MINIMUM;
	kind = head & VMB_RING_PLAIN_MASK;
	if (unlikely((kind != VMB_RING_PLAIN_DATA && kind != VMB_RING_PLAIN_ANSWER) ||
		     payload_length > reader->plain_payload ||
		     size > reader->limit - index))
		return vmb_ring_read_any(reader, head, buffer, packet, refusal);

	packet->type = (u16)head;
	packet->flags = head >> 48;
	packet->ranges_length = 0;
	packet->payload_length = payload_length;
	packet->transaction_id = vmb_ring_load_word(&reader->ring,
						    index + VMB_WIRE_UNIT);
	/* Never the end of the ring: see the limit. */
	reader->read_index = index + size;
	vmb_ring_load_words(buffer,
			    vmb_ring_word(&reader->ring, index + VMB_RING_DESCRIPTOR),
			    payload_length);
	return VMB_RING_DONE;
}

/*
 * Write a packet of a type and flags, in the places that the first word has for
 * them. False: it is long, crosses the ring's end, or there may be no room, and
 * nothing was done; vmb_ring_write() can or says why not. The payload must not be
 * one that vmb_ring_packet_size() refuses; @by_fours says whether it is seldom
 * shorter than four words; else it mostly is one.
 */
static __always_inline bool
vmb_ring_write_short(struct vmb_ring_writer *writer, u64 kind, u64 transaction_id,
		     const void *payload, u32 payload_length, const bool by_fours)
{
	u32 length = round_up(payload_length, VMB_WIRE_UNIT) + VMB_RING_DESCRIPTOR;
	const struct vmb_ring *ring = &writer->ring;
	u32 size = length + VMB_RING_TRAILER;
	u32 start = writer->write_index;
	u64 *to;

	if (unlikely(size >= writer->room || size >= ring->size - start ||
		     size > VMB_RING_COPY_INLINE))
		return false;
	writer->room -= size;
	writer->write_index = start + size;

	to = vmb_ring_word(ring, start);
	WRITE_ONCE(*(__le64 *)to++,
		   cpu_to_le64(kind | VMB_RING_NO_RANGES |
			       (u64)(length / VMB_WIRE_UNIT) << 32));
	WRITE_ONCE(*(__le64 *)to++, cpu_to_le64(transaction_id));
	if (by_fours)
		to = vmb_ring_store_fours(to, payload, payload_length);
	else if (likely(payload_length == sizeof(*to)))
		WRITE_ONCE(*to++, vmb_ring_private_word(payload));
	else
		to = vmb_ring_store_words(to, payload, payload_length);
	WRITE_ONCE(*(__le64 *)to, vmb_ring_trailer(start));
	return true;
}

#endif
