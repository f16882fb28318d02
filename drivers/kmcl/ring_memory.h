/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Arithmetic on ring indices, and copies to and from a ring's data. Private to
 * ring_reader.c and ring_writer.c.
 *
 * A ring is not assumed to be mapped twice in a row, so what crosses its end is
 * copied in two pieces. Indices are multiples of 8 and below the size, which is
 * a multiple of 8 as well: a word never crosses the end.
 */
#ifndef VMB_RING_MEMORY_H
#define VMB_RING_MEMORY_H

#include <linux/compiler.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/byteorder.h>

#include "refusal.h"
#include "ring.h"

/*
 * Up to here, words copied in a loop are cheaper than the call of memcpy() and
 * what it does to find out how to copy.
 */
#define VMB_RING_COPY_INLINE	256u

/* Bytes from one index forward to another. */
static inline u32 vmb_ring_distance(const struct vmb_ring *ring, u32 from, u32 to)
{
	return to >= from ? to - from : to - from + ring->size;
}

/* The index that lies bytes further; bytes must be below the ring's size. */
static inline u32 vmb_ring_advance(const struct vmb_ring *ring, u32 index, u32 bytes)
{
	u32 room = ring->size - index;

	return bytes < room ? index + bytes : bytes - room;
}

/* What an index that the peer wrote can have wrong in itself. */
static inline enum vmb_refusal vmb_ring_check_index(const struct vmb_ring *ring,
						    u32 index)
{
	if (unlikely(index >= ring->size))
		return VMB_REFUSAL_INDEX_RANGE;
	if (unlikely(index % VMB_WIRE_UNIT))
		return VMB_REFUSAL_INDEX_ALIGNMENT;
	return VMB_REFUSAL_NONE;
}

/* One word of shared memory, fetched once. */
static inline u64 vmb_ring_load_word(const struct vmb_ring *ring, u32 index)
{
	return le64_to_cpu(READ_ONCE(*(const __le64 *)(ring->data + index)));
}

/*
 * Copies whole words out of shared memory, each fetched once. The volatile
 * loads also keep the compiler from making a memcpy() of the loop again.
 */
static inline void vmb_ring_load_words(u64 *to, const u64 *from, u32 bytes)
{
	for (; bytes >= 4 * sizeof(*to); bytes -= 4 * sizeof(*to)) {
		u64 first = READ_ONCE(from[0]);
		u64 second = READ_ONCE(from[1]);
		u64 third = READ_ONCE(from[2]);
		u64 fourth = READ_ONCE(from[3]);

		to[0] = first;
		to[1] = second;
		to[2] = third;
		to[3] = fourth;
		from += 4;
		to += 4;
	}
	for (; bytes; bytes -= sizeof(*to))
		*to++ = READ_ONCE(*from++);
}

/* Copies out of the ring; index, length and to are multiples of 8. */
static inline void vmb_ring_copy_out(const struct vmb_ring *ring, u32 index,
				     void *to, u32 length)
{
	u32 first = ring->size - index;

	if (unlikely(length > first)) {
		memcpy(to, ring->data + index, first);
		memcpy(to + first, ring->data, length - first);
	} else if (length <= VMB_RING_COPY_INLINE) {
		vmb_ring_load_words(to, (const u64 *)(ring->data + index), length);
	} else {
		memcpy(to, ring->data + index, length);
	}
}

/*
 * Copies whole words into shared memory. The source is private and may lie at
 * any address.
 */
static inline void vmb_ring_store_words(u64 *to, const u8 *from, u32 bytes)
{
	for (; bytes; bytes -= sizeof(*to)) {
		u64 word;

		memcpy(&word, from, sizeof(word));
		WRITE_ONCE(*to, word);
		from += sizeof(word);
		to++;
	}
}

/*
 * Copies into one piece of the ring and fills up the last word with zeros.
 * Returns where the next word goes.
 */
static inline u8 *vmb_ring_copy_in(u8 *to, const void *from, u32 length)
{
	u32 whole = round_down(length, VMB_WIRE_UNIT);

	if (whole <= VMB_RING_COPY_INLINE)
		vmb_ring_store_words((u64 *)to, from, whole);
	else
		memcpy(to, from, whole);
	to += whole;
	if (length != whole) {
		u64 word = 0;

		memcpy(&word, from + whole, length - whole);
		WRITE_ONCE(*(u64 *)to, word);
		to += sizeof(word);
	}
	return to;
}

/* The same where the ring's end may come first. Returns the next index. */
static inline u32 vmb_ring_copy_in_split(const struct vmb_ring *ring, u32 index,
					 const void *from, u32 length)
{
	static const u8 zeros[VMB_WIRE_UNIT];
	u32 padding = round_up(length, VMB_WIRE_UNIT) - length;
	u32 first = min(length, ring->size - index);

	memcpy(ring->data + index, from, first);
	memcpy(ring->data, from + first, length - first);
	index = vmb_ring_advance(ring, index, length);
	memcpy(ring->data + index, zeros, padding);
	return vmb_ring_advance(ring, index, padding);
}

#endif
