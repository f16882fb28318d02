// SPDX-License-Identifier: GPL-2.0
/*
 * The writing end of a ring. See ring.h for what holds everywhere in here, and
 * for the barriers' letters.
 */
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/kmsan-checks.h>
#include <linux/limits.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/types.h>
#include <asm/barrier.h>
#include <asm/byteorder.h>

#include "ring_inline.h"

/*
 * A writer that waits gets no signal before this part of the ring is free, so
 * that a full ring does not wake it for every packet.
 */
#define VMB_RING_ROOM_DIVISOR	4
/* A range list of so many bytes is worth a loop that takes four words a turn. */
#define VMB_RING_RANGES_LONG	64u

/**
 * vmb_ring_writer_init() - start to write a ring from its beginning
 * @writer: to be filled.
 * @ring: where the ring is; copied. Its size must be a multiple of 8.
 *
 * Shared memory is neither read nor written: the ring begins at index 0 with
 * nobody waiting for room, as whoever made it has put there.
 *
 * Context: Any.
 */
void vmb_ring_writer_init(struct vmb_ring_writer *writer,
			  const struct vmb_ring *ring)
{
	*writer = (struct vmb_ring_writer) {
		.ring = *ring,
		.room = ring->size,
		.lost = VMB_REFUSAL_NONE,
	};
}

/**
 * vmb_ring_writer_resume() - go on where another writer of the ring has stopped
 * @writer: just initialised.
 * @at: where that was, and nobody waited for room then; its word, not the peer's.
 *
 * Context: Any.
 */
void vmb_ring_writer_resume(struct vmb_ring_writer *writer,
			    const struct vmb_ring_positions *at)
{
	writer->write_index = at->write_index;
	writer->published_index = at->write_index;
	writer->read_index = at->peer_read_index;
	writer->room = writer->ring.size - vmb_ring_distance(&writer->ring,
							     at->peer_read_index,
							     at->write_index);
}

/**
 * vmb_ring_packet_size() - room that a packet takes in a ring
 * @ranges_length: bytes of its range list.
 * @payload_length: bytes of its payload, without padding.
 * @size: gets the bytes, descriptor, padding and trailer included.
 *
 * Context: Any.
 * Return: 0, -EINVAL if the range list is not a multiple of 8 bytes, -EMSGSIZE
 * if no descriptor can say the packet's length.
 */
int vmb_ring_packet_size(u32 ranges_length, u32 payload_length, u32 *size)
{
	/* Three numbers below 2^32: the sum cannot overflow. */
	u64 length = (u64)ranges_length + payload_length + VMB_RING_DESCRIPTOR;

	if (unlikely(ranges_length % VMB_WIRE_UNIT))
		return -EINVAL;
	if (unlikely(length > VMB_WIRE_MAXIMUM_LENGTH))
		return -EMSGSIZE;
	*size = round_up((u32)length, VMB_WIRE_UNIT) + VMB_RING_TRAILER;
	return 0;
}

/*
 * Looks how far the peer has read by now: somewhere from where it was to the
 * end of what it has been shown. A lost writer has no room.
 */
static noinline void vmb_ring_writer_refresh(struct vmb_ring_writer *writer)
{
	const struct vmb_ring *ring = &writer->ring;
	enum vmb_refusal reason;
	u32 read_index;

	if (writer->lost != VMB_REFUSAL_NONE)
		return;
	writer->room = 0;

	/* [D] pairs with the peer's [C]: it is done with what lies before. */
	read_index = le32_to_cpu(virt_load_acquire(&ring->control->read_index));

	reason = vmb_ring_check_index(ring, read_index);
	if (unlikely(reason != VMB_REFUSAL_NONE))
		goto lost;
	reason = VMB_REFUSAL_INDEX_OURS_CHANGED;
	if (unlikely(le32_to_cpu(READ_ONCE(ring->control->write_index)) !=
		     writer->published_index))
		goto lost;
	reason = VMB_REFUSAL_INDEX_BACKWARDS;
	if (unlikely(vmb_ring_distance(ring, writer->read_index, read_index) >
		     vmb_ring_distance(ring, writer->read_index,
				       writer->published_index)))
		goto lost;

	writer->read_index = read_index;
	writer->room = ring->size - vmb_ring_distance(ring, read_index,
						      writer->write_index);
	return;

lost:
	/* See vmb_ring_writer_is_lost(). */
	WRITE_ONCE(writer->lost, reason);
}

/* The first word of struct vmb_wire_descriptor. */
static inline __le64 vmb_ring_head(const struct vmb_ring_outbound_packet *packet, u32 size)
{
	u32 offset8 = (VMB_RING_DESCRIPTOR + packet->ranges_length) / VMB_WIRE_UNIT;
	u32 length8 = (size - VMB_RING_TRAILER) / VMB_WIRE_UNIT;

	return cpu_to_le64((u64)packet->flags << 48 | (u64)length8 << 32 |
			   (u64)offset8 << 16 | packet->type);
}

/* A packet that crosses the ring's end. */
static noinline void vmb_ring_put_split(const struct vmb_ring *ring, u32 start,
					const struct vmb_ring_outbound_packet *packet,
					u32 size)
{
	u32 index = start;

	vmb_ring_store_word(ring, index, vmb_ring_head(packet, size));
	index = vmb_ring_advance(ring, index, VMB_WIRE_UNIT);
	vmb_ring_store_word(ring, index, cpu_to_le64(packet->transaction_id));
	index = vmb_ring_advance(ring, index, VMB_WIRE_UNIT);
	if (packet->ranges_length)
		index = vmb_ring_copy_in_split(ring, index, packet->ranges,
					       packet->ranges_length);
	if (packet->payload_length)
		index = vmb_ring_copy_in_split(ring, index, packet->payload,
					       packet->payload_length);
	vmb_ring_store_word(ring, index, vmb_ring_trailer(start));
}

/* A long packet in one piece of the ring. */
static noinline void vmb_ring_put_long(const struct vmb_ring *ring, u32 start,
				       const struct vmb_ring_outbound_packet *packet,
				       u32 size)
{
	u8 *to = (u8 *)vmb_ring_word(ring, start);
	__le64 *last = (__le64 *)(to + size) - 2;

	WRITE_ONCE(((__le64 *)to)[0], vmb_ring_head(packet, size));
	WRITE_ONCE(((__le64 *)to)[1], cpu_to_le64(packet->transaction_id));
	/* The padding, if there is any, is in here. */
	WRITE_ONCE(last[0], 0);
	WRITE_ONCE(last[1], vmb_ring_trailer(start));
	to += VMB_RING_DESCRIPTOR;
	if (packet->ranges_length) {
		memcpy(to, packet->ranges, packet->ranges_length);
		to += packet->ranges_length;
	}
	if (packet->payload_length)
		memcpy(to, packet->payload, packet->payload_length);
}

/* A short packet in one piece of the ring. */
static inline void vmb_ring_put(const struct vmb_ring *ring, u32 start,
				const struct vmb_ring_outbound_packet *packet, u32 size)
{
	u64 *to = vmb_ring_word(ring, start);

	WRITE_ONCE(*(__le64 *)to++, vmb_ring_head(packet, size));
	WRITE_ONCE(*(__le64 *)to++, cpu_to_le64(packet->transaction_id));
	if (packet->ranges_length >= VMB_RING_RANGES_LONG)
		to = vmb_ring_store_fours(to, packet->ranges, packet->ranges_length);
	else if (packet->ranges_length)
		to = vmb_ring_store_words(to, packet->ranges, packet->ranges_length);
	to = vmb_ring_store_fours(to, packet->payload, packet->payload_length);
	WRITE_ONCE(*(__le64 *)to, vmb_ring_trailer(start));
}

/**
 * vmb_ring_write() - put a packet into the ring
 * @writer: the ring's writing end.
 * @packet: what to write; copied.
 * @needed: for VMB_RING_FULL gets the bytes that the packet takes, for
 *	vmb_ring_writer_wait_for_room(). If that is not below the ring's size, the
 *	packet can never be written; U32_MAX if vmb_ring_packet_size() refuses it.
 *
 * The peer sees nothing before vmb_ring_writer_commit(). A ring is never filled
 * to the last byte, for that would look empty.
 *
 * Context: Any. The caller serialises all calls on one writer.
 * Return:
 * * VMB_RING_DONE - the packet was written.
 * * VMB_RING_FULL - there is not enough room for it; nothing was written.
 * * VMB_RING_LOST - the peer's read_index made no sense, or our write_index was
 *   changed: writer->lost says how. Nothing was written; every further call
 *   says the same.
 */
enum vmb_ring_status vmb_ring_write(struct vmb_ring_writer *writer,
				    const struct vmb_ring_outbound_packet *packet,
				    u32 *needed)
{
	const struct vmb_ring *ring = &writer->ring;
	u32 start = writer->write_index;
	u32 size;

	if (unlikely(vmb_ring_packet_size(packet->ranges_length,
					  packet->payload_length, &size)))
		size = U32_MAX;
	if (unlikely(size >= writer->room)) {
		vmb_ring_writer_refresh(writer);
		if (writer->lost != VMB_REFUSAL_NONE)
			return VMB_RING_LOST;
		if (size >= writer->room) {
			*needed = size;
			return VMB_RING_FULL;
		}
	}
	writer->room -= size;
	writer->write_index = vmb_ring_advance(ring, start, size);

	if (size > ring->size - start)
		vmb_ring_put_split(ring, start, packet, size);
	else if (size > VMB_RING_COPY_INLINE)
		vmb_ring_put_long(ring, start, packet, size);
	else
		vmb_ring_put(ring, start, packet, size);
	return VMB_RING_DONE;
}

/*
 * No byte that the peer is about to be shown may be one that nobody has written. Only a
 * kernel with KMSAN can tell, and there it does; everywhere else this is nothing.
 */
static inline void vmb_ring_check_written(const struct vmb_ring_writer *writer)
{
	const struct vmb_ring *ring = &writer->ring;
	u32 from = writer->published_index;
	u32 length = vmb_ring_distance(ring, from, writer->write_index);
	u32 first = min(length, ring->size - from);

	kmsan_check_memory(vmb_ring_word(ring, from), first);
	kmsan_check_memory(vmb_ring_word(ring, 0), length - first);
}

/**
 * vmb_ring_writer_commit() - show the peer all that was written
 * @writer: the ring's writing end.
 *
 * The peer wants a signal when its ring was empty and it has not masked it.
 *
 * Context: Any. The caller serialises all calls on one writer.
 * Return: true if the peer is to be signalled.
 */
bool vmb_ring_writer_commit(struct vmb_ring_writer *writer)
{
	struct vmb_wire_ring_control *control = writer->ring.control;
	u32 before = writer->published_index;

	if (writer->write_index == before)
		return false;

	vmb_ring_check_written(writer);
	/* [B] pairs with the peer's [A]: the packets are complete. */
	virt_store_release(&control->write_index, cpu_to_le32(writer->write_index));
	writer->published_index = writer->write_index;

	/* [H] pairs with the peer's [G]. */
	virt_mb();
	return !READ_ONCE(control->interrupt_mask) &&
	       le32_to_cpu(READ_ONCE(control->read_index)) == before;
}

/**
 * vmb_ring_writer_wait_for_room() - ask the peer for a signal when there is room
 * @writer: the ring's writing end.
 * @needed: from vmb_ring_write(), or 0 when nobody waits any more.
 *
 * Everything written must have been committed: the peer decides by what it has
 * been shown. After asking, the caller tries to write again, because the room
 * may have come meanwhile; only if that fails is there a signal to wait for.
 * A caller that has got its room must not clear it while another one still waits.
 *
 * Context: Any. The caller serialises all calls on one writer.
 */
void vmb_ring_writer_wait_for_room(struct vmb_ring_writer *writer, u32 needed)
{
	u32 pending = 0;

	if (needed)
		pending = max(needed, writer->ring.size / VMB_RING_ROOM_DIVISOR);
	if (writer->pending_send_size != pending) {
		writer->pending_send_size = pending;
		WRITE_ONCE(writer->ring.control->pending_send_size,
			   cpu_to_le32(pending));
	}
	if (!pending)
		return;
	/* [F] pairs with the peer's [E]: now look at read_index again. */
	virt_mb();
}

/**
 * vmb_ring_writer_has_room() - would a packet fit, as far as anybody can tell
 * @writer: the ring's writing end, which somebody else may be using.
 * @size: from vmb_ring_packet_size().
 *
 * Nothing is changed, so whoever writes need not be asked; what it writes
 * meanwhile may take the room.
 *
 * Context: Any.
 * Return: true if there is room now.
 */
bool vmb_ring_writer_has_room(const struct vmb_ring_writer *writer, u32 size)
{
	const struct vmb_ring *ring = &writer->ring;
	u32 read_index = le32_to_cpu(READ_ONCE(ring->control->read_index));

	if (vmb_ring_check_index(ring, read_index) != VMB_REFUSAL_NONE)
		return false;
	return size < ring->size - vmb_ring_distance(ring, read_index,
						     READ_ONCE(writer->write_index));
}

/**
 * vmb_ring_writer_free() - room in the ring, as of now
 * @writer: the ring's writing end.
 *
 * Context: Any. The caller serialises all calls on one writer.
 * Return: Bytes; a packet that takes fewer fits, see vmb_ring_packet_size(). 0
 * if framing is lost.
 */
u32 vmb_ring_writer_free(struct vmb_ring_writer *writer)
{
	vmb_ring_writer_refresh(writer);
	return writer->room;
}

/**
 * vmb_ring_writer_unread() - bytes of packets that the peer has not read, as of now
 * @writer: the ring's writing end.
 *
 * To be shown, not to be relied on: nothing is checked but the index itself, and
 * nothing is changed, so that a writer which needs no room still does not look.
 *
 * Context: Any; needs no serialisation where a stale answer does no harm.
 * Return: Bytes below the ring's size; if the peer's read_index is none that can be,
 * what was seen before.
 */
u32 vmb_ring_writer_unread(const struct vmb_ring_writer *writer)
{
	const struct vmb_ring *ring = &writer->ring;
	u32 read_index = le32_to_cpu(READ_ONCE(ring->control->read_index));

	if (vmb_ring_check_index(ring, read_index) != VMB_REFUSAL_NONE)
		read_index = writer->read_index;
	return vmb_ring_distance(ring, read_index, writer->write_index);
}
