// SPDX-License-Identifier: GPL-2.0
/*
 * The reading end of a ring. See ring.h for what holds everywhere in here, and
 * for the barriers' letters.
 */
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/types.h>
#include <asm/barrier.h>
#include <asm/byteorder.h>

#include "ring_inline.h"

/* The types that carry data to us, as a set of bits. */
#define VMB_RING_TYPES_KNOWN						\
	(BIT_ULL(VMB_WIRE_TYPE_DATA_INBAND) |				\
	 BIT_ULL(VMB_WIRE_TYPE_DATA_TRANSFER_PAGES) |			\
	 BIT_ULL(VMB_WIRE_TYPE_DATA_GPA_DIRECT) |			\
	 BIT_ULL(VMB_WIRE_TYPE_COMPLETION))

/*
 * Of a descriptor's first word, the type and the flags that must not be set:
 * what is left is a known type, or the packet is refused.
 */
#define VMB_RING_KIND							\
	(0xffffull | (u64)(u16)~VMB_WIRE_FLAG_COMPLETION_REQUESTED << 48)

/**
 * vmb_ring_reader_init() - start to read a ring from its beginning
 * @reader: to be filled.
 * @ring: where the ring is; copied. Its size must be a multiple of 8.
 * @maximum_ranges: longest range list to be accepted, in bytes.
 * @maximum_payload: longest payload to be accepted, in bytes.
 *
 * Shared memory is neither read nor written: the ring begins at index 0, which
 * whoever made it has put there, together with the feature bit that promises
 * the writer a signal for pending_send_size.
 *
 * Context: Any.
 */
void vmb_ring_reader_init(struct vmb_ring_reader *reader,
			  const struct vmb_ring *ring,
			  u32 maximum_ranges, u32 maximum_payload)
{
	*reader = (struct vmb_ring_reader) {
		.ring = *ring,
		.maximum_ranges = maximum_ranges,
		.maximum_payload = maximum_payload,
		.plain_payload = min(maximum_payload,
				     VMB_RING_COPY_INLINE - VMB_RING_PACKET_MINIMUM),
		.lost = VMB_REFUSAL_NONE,
	};
}

/**
 * vmb_ring_reader_resume() - go on where another reader of the ring has stopped
 * @reader: just initialised.
 * @at: where that was; its word, not the peer's.
 *
 * Context: Any.
 */
void vmb_ring_reader_resume(struct vmb_ring_reader *reader,
			    const struct vmb_ring_positions *at)
{
	reader->read_index = at->read_index;
	reader->published_index = at->read_index;
	reader->write_index = at->read_index;
	reader->limit = at->read_index;
}

/**
 * vmb_ring_reader_take_overlong() - take completions over maximum_payload, too
 * @reader: the ring's reading end.
 * @buffer: aligned to 8 bytes; gets the payload of such a completion, until the
 *	next one is read. NULL: it is to wait in the ring until there is one.
 * @size: bytes of @buffer; a longer completion is refused.
 *
 * The limit for packets that we take is no limit for what a peer answers to ours.
 *
 * Context: Any. The caller serialises all calls on one reader.
 */
void vmb_ring_reader_take_overlong(struct vmb_ring_reader *reader, void *buffer,
				   u32 size)
{
	reader->overlong = buffer;
	reader->overlong_size = size;
}

/* From now on there is nothing to read, and every read comes by here again. */
static noinline enum vmb_ring_status
vmb_ring_reader_lose(struct vmb_ring_reader *reader, enum vmb_refusal reason,
		     enum vmb_refusal *refusal)
{
	reader->write_index = reader->read_index;
	reader->limit = reader->read_index;
	WRITE_ONCE(reader->lost, reason);
	*refusal = reason;
	return VMB_RING_LOST;
}

/**
 * vmb_ring_reader_refresh() - look how far the peer has written by now
 * @reader: the ring's reading end.
 * @refusal: gets the reason, for VMB_RING_LOST.
 *
 * It may write up to the index that it has been told, so one between that and our
 * own means that it took back what we have already read.
 *
 * Context: Any. The caller serialises all calls on one reader.
 * Return: VMB_RING_DONE - there is something to read; VMB_RING_EMPTY; or
 * VMB_RING_LOST.
 */
enum vmb_ring_status vmb_ring_reader_refresh(struct vmb_ring_reader *reader,
					     enum vmb_refusal *refusal)
{
	const struct vmb_ring *ring = &reader->ring;
	enum vmb_refusal reason = reader->lost;
	u32 write_index;

	if (unlikely(reason != VMB_REFUSAL_NONE))
		return vmb_ring_reader_lose(reader, reason, refusal);

	/* [A] pairs with the peer's [B]: the packets before the index. */
	write_index = le32_to_cpu(virt_load_acquire(&ring->control->write_index));

	reason = vmb_ring_check_index(ring, write_index);
	if (unlikely(reason != VMB_REFUSAL_NONE))
		return vmb_ring_reader_lose(reader, reason, refusal);
	if (unlikely(le32_to_cpu(READ_ONCE(ring->control->read_index)) !=
		     reader->published_index))
		return vmb_ring_reader_lose(reader, VMB_REFUSAL_INDEX_OURS_CHANGED,
					    refusal);
	if (unlikely(vmb_ring_distance(ring, reader->published_index, write_index) <
		     vmb_ring_reader_uncommitted(reader)))
		return vmb_ring_reader_lose(reader, VMB_REFUSAL_INDEX_BACKWARDS,
					    refusal);

	reader->write_index = write_index;
	vmb_ring_reader_move(reader, reader->read_index);
	return write_index == reader->read_index ? VMB_RING_EMPTY : VMB_RING_DONE;
}

/* Which of the things that vmb_ring_read() tests together is not so. */
static noinline enum vmb_refusal vmb_ring_reader_misframed(u32 offset, u32 length,
							   u32 available)
{
	if (available < VMB_RING_PACKET_MINIMUM || length < VMB_RING_DESCRIPTOR)
		return VMB_REFUSAL_LENGTH_BELOW_HEADER;
	if (offset < VMB_RING_DESCRIPTOR)
		return VMB_REFUSAL_OFFSET_BELOW_HEADER;
	if (offset > length)
		return VMB_REFUSAL_OFFSET_BEYOND_LENGTH;
	return VMB_REFUSAL_LENGTH_BEYOND_AVAILABLE;
}

static bool vmb_ring_type_is_known(u64 type)
{
	return type < BITS_PER_LONG_LONG && VMB_RING_TYPES_KNOWN & BIT_ULL(type);
}

/* A long packet, or one that crosses the ring's end. */
static noinline enum vmb_ring_status vmb_ring_read_split(const struct vmb_ring *ring,
							 u32 index, void *buffer,
							 u32 length)
{
	index = vmb_ring_advance(ring, index, VMB_RING_DESCRIPTOR);
	vmb_ring_copy_out_split(ring, index, buffer, length - VMB_RING_DESCRIPTOR);
	return VMB_RING_DONE;
}

/* Too long, unless it is a completion with more payload than a packet may have. */
static noinline enum vmb_ring_status
vmb_ring_read_overlong(struct vmb_ring_reader *reader, u32 index,
		       const struct vmb_ring_packet *packet, enum vmb_refusal *refusal)
{
	const struct vmb_ring *ring = &reader->ring;

	if (packet->type != VMB_WIRE_TYPE_COMPLETION ||
	    packet->payload_length <= reader->maximum_payload ||
	    packet->payload_length > reader->overlong_size) {
		*refusal = VMB_REFUSAL_PACKET_TOO_LARGE;
		return VMB_RING_REFUSED;
	}
	if (!reader->overlong)
		return VMB_RING_NO_ROOM;
	index = vmb_ring_advance(ring, index, VMB_RING_DESCRIPTOR);
	index = vmb_ring_advance(ring, index, packet->ranges_length);
	vmb_ring_copy_out_split(ring, index, reader->overlong,
				packet->payload_length);
	return VMB_RING_DONE;
}

/**
 * vmb_ring_read_any() - read a packet of any kind and length
 * @reader: the ring's reading end; there is something to read.
 * @head: the first word at its read index, captured.
 * @buffer: as vmb_ring_read()'s.
 * @packet: as vmb_ring_read()'s.
 * @refusal: as vmb_ring_read()'s.
 *
 * Context: Any. The caller serialises all calls on one reader.
 * Return: as vmb_ring_read(), which calls it for what it does not read itself.
 */
noinline enum vmb_ring_status
vmb_ring_read_any(struct vmb_ring_reader *reader, u64 head, void *buffer,
		  struct vmb_ring_packet *packet, enum vmb_refusal *refusal)
{
	const struct vmb_ring *ring = &reader->ring;
	u32 index = reader->read_index;
	u32 available = vmb_ring_distance(ring, index, reader->write_index);
	u32 offset = (u16)(head >> 16) * VMB_WIRE_UNIT;
	u32 length = (u16)(head >> 32) * VMB_WIRE_UNIT;
	u32 size = length + VMB_RING_TRAILER;
	u32 room = ring->size - index;
	u64 kind;

	if (unlikely(offset < VMB_RING_DESCRIPTOR || offset > length ||
		     size > available))
		return vmb_ring_reader_lose(reader,
					    vmb_ring_reader_misframed(offset, length,
								      available),
					    refusal);

	/* Framing is sound: from here on the packet is consumed in any case. */
	packet->type = (u16)head;
	packet->flags = (u16)(head >> 48);
	packet->ranges_length = offset - VMB_RING_DESCRIPTOR;
	packet->payload_length = length - offset;
	packet->transaction_id =
		vmb_ring_load_word(ring, room > VMB_WIRE_UNIT ?
					 index + VMB_WIRE_UNIT : 0);
	vmb_ring_reader_move(reader, size < room ? index + size : size - room);

	kind = head & VMB_RING_KIND;
	if (unlikely(!vmb_ring_type_is_known(kind))) {
		*refusal = vmb_ring_type_is_known((u16)head) ?
			   VMB_REFUSAL_FLAGS_UNKNOWN : VMB_REFUSAL_TYPE_UNKNOWN;
		return VMB_RING_REFUSED;
	}
	if (unlikely(offset - VMB_RING_DESCRIPTOR > reader->maximum_ranges ||
		     length - offset > reader->maximum_payload))
		return vmb_ring_read_overlong(reader, index, packet, refusal);

	if (unlikely(size > min(room, VMB_RING_COPY_INLINE)))
		return vmb_ring_read_split(ring, index, buffer, length);
	vmb_ring_load_words(buffer, vmb_ring_word(ring, index + VMB_RING_DESCRIPTOR),
			    length - VMB_RING_DESCRIPTOR);
	return VMB_RING_DONE;
}

/**
 * vmb_ring_read() - take the next packet out of the ring
 * @reader: the ring's reading end.
 * @buffer: gets the range list and, right behind it, the payload. Aligned to 8
 *	bytes, with room for the reader's maximum_ranges + maximum_payload bytes.
 *	Written only for VMB_RING_DONE, and not for a completion whose payload is
 *	longer than maximum_payload, see vmb_ring_reader_take_overlong().
 * @packet: gets the descriptor, for VMB_RING_DONE, VMB_RING_REFUSED and
 *	VMB_RING_NO_ROOM.
 * @refusal: gets the reason, for VMB_RING_REFUSED and VMB_RING_LOST.
 *
 * What the peer wrote is fetched once, checked, and only then used; what this
 * returns is private. The peer is told nothing before
 * vmb_ring_reader_commit().
 *
 * Context: Any. The caller serialises all calls on one reader.
 * Return:
 * * VMB_RING_DONE - a packet was read.
 * * VMB_RING_EMPTY - there was none.
 * * VMB_RING_REFUSED - one was consumed, and not copied; the next call reads
 *   the one behind it.
 * * VMB_RING_NO_ROOM - a completion was consumed, and not copied, for want of what
 *   vmb_ring_reader_take_overlong() brings.
 * * VMB_RING_LOST - nobody knows where a packet begins. Nothing was consumed;
 *   every further call says the same.
 */
enum vmb_ring_status vmb_ring_read(struct vmb_ring_reader *reader, void *buffer,
				   struct vmb_ring_packet *packet,
				   enum vmb_refusal *refusal)
{
	return vmb_ring_read_inline(reader, buffer, packet, refusal);
}

/**
 * vmb_ring_reader_put_back() - the packet that was read last is to be read again
 * @reader: the ring's reading end; nothing was committed since.
 * @packet: what vmb_ring_read() said of it, for any status but VMB_RING_EMPTY and
 *	VMB_RING_LOST.
 *
 * The peer was not told that it was read. It is fetched and checked as if for the
 * first time.
 *
 * Context: Any. The caller serialises all calls on one reader.
 */
void vmb_ring_reader_put_back(struct vmb_ring_reader *reader,
			      const struct vmb_ring_packet *packet)
{
	u32 size = VMB_RING_PACKET_MINIMUM + packet->ranges_length +
		   packet->payload_length;
	u32 index = reader->read_index;

	vmb_ring_reader_move(reader, index >= size ? index - size :
				     index + reader->ring.size - size);
}

/**
 * vmb_ring_reader_commit() - give the room of all that was read back to the peer
 * @reader: the ring's reading end.
 *
 * A writer that waits for room says how much in pending_send_size; it wants one
 * signal, when there is more than that and there was not before. A host punishes
 * signals beyond that.
 *
 * What the peer wrote is believed only if it makes sense; if its write_index
 * does not, nobody is signalled and the next vmb_ring_read() says why.
 *
 * Context: Any. The caller serialises all calls on one reader.
 * Return: true if the peer is to be signalled.
 */
bool vmb_ring_reader_commit(struct vmb_ring_reader *reader)
{
	const struct vmb_ring *ring = &reader->ring;
	u32 released = vmb_ring_reader_uncommitted(reader);
	u32 before = reader->published_index;
	u32 pending, write_index, used;

	if (!released)
		return false;

	/* [C] pairs with the peer's [D]: the copies are done. */
	virt_store_release(&ring->control->read_index,
			   cpu_to_le32(reader->read_index));
	reader->published_index = reader->read_index;

	/* [E] pairs with the peer's [F]. */
	virt_mb();
	pending = le32_to_cpu(READ_ONCE(ring->control->pending_send_size));
	if (likely(!pending))
		return false;

	write_index = le32_to_cpu(READ_ONCE(ring->control->write_index));
	if (vmb_ring_check_index(ring, write_index) != VMB_REFUSAL_NONE)
		return false;
	used = vmb_ring_distance(ring, before, write_index);
	if (used < released)
		return false;
	return ring->size - used <= pending &&
	       ring->size - (used - released) > pending;
}

/**
 * vmb_ring_reader_mask() - ask the peer not to signal
 * @reader: the ring's reading end.
 *
 * A hint, which the peer may see late: a signal can still come.
 *
 * Context: Any. The caller serialises all calls on one reader.
 */
void vmb_ring_reader_mask(struct vmb_ring_reader *reader)
{
	WRITE_ONCE(reader->ring.control->interrupt_mask, cpu_to_le32(1));
}

/**
 * vmb_ring_reader_unmask() - ask the peer to signal again
 * @reader: the ring's reading end.
 *
 * The peer signals only what it writes into an empty ring: a caller must have
 * committed all that it read, and goes on reading if this returns true.
 *
 * Context: Any. The caller serialises all calls on one reader.
 * Return: What vmb_ring_reader_has_data() returns, but nothing that was written
 * without a signal is missed.
 */
bool vmb_ring_reader_unmask(struct vmb_ring_reader *reader)
{
	WRITE_ONCE(reader->ring.control->interrupt_mask, 0);
	/* [G] pairs with the peer's [H]. */
	virt_mb();
	return vmb_ring_reader_has_data(reader);
}

/**
 * vmb_ring_reader_has_data() - would vmb_ring_read() find anything?
 * @reader: the ring's reading end.
 *
 * Context: Any; needs no serialisation where a stale answer does no harm.
 * Return: true if the peer's write_index differs from our read index, be it a
 * packet or nonsense that the next read refuses; always false once framing is
 * lost.
 */
bool vmb_ring_reader_has_data(const struct vmb_ring_reader *reader)
{
	return READ_ONCE(reader->lost) == VMB_REFUSAL_NONE &&
	       le32_to_cpu(READ_ONCE(reader->ring.control->write_index)) !=
	       READ_ONCE(reader->read_index);
}

/**
 * vmb_ring_reader_unread() - bytes of packets that wait to be read, as of now
 * @reader: the ring's reading end.
 *
 * To be shown, not to be relied on: nothing is checked but the index itself.
 *
 * Context: Any; needs no serialisation where a stale answer does no harm.
 * Return: Bytes below the ring's size; if the peer's write_index is none that can be,
 * what was seen before.
 */
u32 vmb_ring_reader_unread(const struct vmb_ring_reader *reader)
{
	const struct vmb_ring *ring = &reader->ring;
	u32 write_index = le32_to_cpu(READ_ONCE(ring->control->write_index));

	if (vmb_ring_check_index(ring, write_index) != VMB_REFUSAL_NONE)
		write_index = READ_ONCE(reader->write_index);
	return vmb_ring_distance(ring, READ_ONCE(reader->read_index), write_index);
}
