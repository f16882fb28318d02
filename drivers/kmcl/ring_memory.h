/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Arithmetic on ring indices, and copies to and from a ring's data. Private to
 * ring_reader.c, ring_writer.c and ring_inline.h.
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
 * A packet of so many bytes or fewer is copied in a loop of words, which is
 * cheaper than the call of memcpy() and what it does to find out how to copy.
 */
#define VMB_RING_COPY_INLINE	256u

#define VMB_RING_DESCRIPTOR	((u32)sizeof(struct vmb_wire_descriptor))
#define VMB_RING_TRAILER	((u32)sizeof(struct vmb_wire_trailer))

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

/* Where a word of the ring is, for what is copied in one piece. */
static inline u64 *vmb_ring_word(const struct vmb_ring *ring, u32 index)
{
	return (u64 *)(ring->data + index);
}

/* One word of shared memory, fetched once. */
static inline u64 vmb_ring_load_word(const struct vmb_ring *ring, u32 index)
{
	return le64_to_cpu(READ_ONCE(*(const __le64 *)vmb_ring_word(ring, index)));
}

/*
 * Copies whole words out of shared memory, each fetched once. The volatile
 * loads also keep the compiler from making a memcpy() of the loop again.
 */
static inline void vmb_ring_load_words(u64 *to, const u64 *from, u32 bytes)
{
	const u64 *fours = from + bytes / sizeof(*from) / 4 * 4;
	const u64 *end = from + bytes / sizeof(*from);

	while (from != fours) {
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
	while (from != end)
		*to++ = READ_ONCE(*from++);
}

/* Copies out of the ring, across its end if need be. */
static inline void vmb_ring_copy_out_split(const struct vmb_ring *ring, u32 index,
					   void *to, u32 length)
{
	u32 first = min(length, ring->size - index);

	memcpy(to, ring->data + index, first);
	if (length > first)
		memcpy(to + first, ring->data, length - first);
}

/* One word into shared memory. */
static inline void vmb_ring_store_word(const struct vmb_ring *ring, u32 index,
				       __le64 word)
{
	WRITE_ONCE(*(__le64 *)vmb_ring_word(ring, index), word);
}

/* struct vmb_wire_trailer */
static inline __le64 vmb_ring_trailer(u32 start_index)
{
	return cpu_to_le64((u64)start_index << 32);
}

/* One word of private memory at any address. */
static inline u64 vmb_ring_private_word(const u8 *from)
{
	u64 word;

	memcpy(&word, from, sizeof(word));
	return word;
}

/*
 * Copies into one piece of the ring, from any address, and fills up the last
 * word with zeros. Returns where the next word goes.
 */
static inline u64 *vmb_ring_store_words(u64 *to, const u8 *from, u32 bytes)
{
	u32 words = bytes / sizeof(*to);
	u32 i;

	for (i = 0; i < words; i++)
		WRITE_ONCE(to[i], vmb_ring_private_word(from + i * sizeof(*to)));
	to += words;
	from += words * sizeof(*to);
	bytes %= sizeof(*to);
	if (bytes) {
		u64 last = 0;

		while (bytes--)
			last = last << 8 | from[bytes];
		WRITE_ONCE(*(__le64 *)to++, cpu_to_le64(last));
	}
	return to;
}

/*
 * Copies as vmb_ring_store_words() does, four words at a time, for what is seldom
 * shorter than that.
 */
static inline u64 *vmb_ring_store_fours(u64 *to, const u8 *from, u32 bytes)
{
	const u32 four = 4 * sizeof(*to);
	const u8 *end = from + round_down(bytes, four);

	for (; from != end; from += four, to += 4) {
		WRITE_ONCE(to[0], vmb_ring_private_word(from));
		WRITE_ONCE(to[1], vmb_ring_private_word(from + 8));
		WRITE_ONCE(to[2], vmb_ring_private_word(from + 16));
		WRITE_ONCE(to[3], vmb_ring_private_word(from + 24));
	}
	bytes %= four;
	return bytes ? vmb_ring_store_words(to, from, bytes) : to;
}

/*
 * Copies into the ring with memcpy(), across its end if need be, and fills up the last
 * word with zeros. Returns the next index.
 */
static inline u32 vmb_ring_copy_in_split(const struct vmb_ring *ring, u32 index,
					 const void *from, u32 length)
{
	static const u8 zeros[VMB_WIRE_UNIT];
	u32 padding = round_up(length, VMB_WIRE_UNIT) - length;
	u32 first = min(length, ring->size - index);

	memcpy(ring->data + index, from, first);
	if (unlikely(length > first))
		memcpy(ring->data, from + first, length - first);
	index = vmb_ring_advance(ring, index, length);
	if (!padding)
		return index;
	memcpy(ring->data + index, zeros, padding);
	return vmb_ring_advance(ring, index, padding);
}

#endif
