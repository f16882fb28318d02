/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Why something that the peer wrote was not taken. Each reason is a counter, a
 * tracepoint's field and the name of at least one test.
 */
#ifndef VMB_REFUSAL_H
#define VMB_REFUSAL_H

#include <linux/types.h>

/*
 * X(NAME, name): first those after which nobody knows where the next packet
 * begins, then those that cost one packet only. The names stand in sysfs.
 */
#define VMB_REFUSALS_OF_FRAMING(X)					\
	X(INDEX_RANGE, index_range)					\
	X(INDEX_ALIGNMENT, index_alignment)				\
	X(INDEX_BACKWARDS, index_backwards)				\
	X(INDEX_OURS_CHANGED, index_ours_changed)			\
	X(LENGTH_BELOW_HEADER, length_below_header)			\
	X(LENGTH_BEYOND_AVAILABLE, length_beyond_available)		\
	X(OFFSET_BELOW_HEADER, offset_below_header)			\
	X(OFFSET_BEYOND_LENGTH, offset_beyond_length)

#define VMB_REFUSALS_OF_PACKET(X)					\
	X(TYPE_UNKNOWN, type_unknown)					\
	X(FLAGS_UNKNOWN, flags_unknown)					\
	X(PACKET_TOO_LARGE, packet_too_large)				\
	X(RANGES_TRUNCATED, ranges_truncated)				\
	X(RANGES_NONE, ranges_none)					\
	X(RANGES_TOO_MANY, ranges_too_many)				\
	X(RANGES_TOO_LONG, ranges_too_long)				\
	X(RANGES_TRAILING, ranges_trailing)				\
	X(RANGE_EMPTY, range_empty)					\
	X(RANGE_OFFSET, range_offset)					\
	X(PAGE_NOT_SHARED, page_not_shared)				\
	X(TRANSFER_SET_UNKNOWN, transfer_set_unknown)			\
	X(TRANSFER_RANGE_BEYOND_SET, transfer_range_beyond_set)		\
	X(COMPLETION_UNEXPECTED, completion_unexpected)

/**
 * enum vmb_refusal - why something that the peer wrote was not taken
 * @VMB_REFUSAL_NONE: it was taken.
 * @VMB_REFUSAL_INDEX_RANGE: the peer's ring index lies outside the ring.
 * @VMB_REFUSAL_INDEX_ALIGNMENT: the peer's ring index is not a multiple of 8.
 * @VMB_REFUSAL_INDEX_BACKWARDS: the peer's index moved back, or past ours.
 * @VMB_REFUSAL_INDEX_OURS_CHANGED: somebody else wrote the index that is ours.
 * @VMB_REFUSAL_LENGTH_BELOW_HEADER: a packet shorter than its descriptor, or
 *	fewer bytes in the ring than a descriptor and a trailer need.
 * @VMB_REFUSAL_LENGTH_BEYOND_AVAILABLE: packet and trailer reach past what the
 *	peer has published.
 * @VMB_REFUSAL_OFFSET_BELOW_HEADER: the payload begins inside the descriptor.
 * @VMB_REFUSAL_OFFSET_BEYOND_LENGTH: the payload begins behind the packet.
 * @VMB_REFUSAL_TYPE_UNKNOWN: not a type that carries data to us.
 * @VMB_REFUSAL_FLAGS_UNKNOWN: a flag bit that VMBus does not define.
 * @VMB_REFUSAL_PACKET_TOO_LARGE: payload or range list over the channel's
 *	maximum.
 * @VMB_REFUSAL_RANGES_TRUNCATED: the range list ends before its ranges do.
 * @VMB_REFUSAL_RANGES_NONE: a range list without a range.
 * @VMB_REFUSAL_RANGES_TOO_MANY: more ranges than the channel's chain limit.
 * @VMB_REFUSAL_RANGES_TOO_LONG: more external bytes than the channel's limit.
 * @VMB_REFUSAL_RANGES_TRAILING: bytes between the last range and the payload.
 * @VMB_REFUSAL_RANGE_EMPTY: a range of zero bytes.
 * @VMB_REFUSAL_RANGE_OFFSET: a range that begins outside its first page, or
 *	whose end cannot be said in 32 bits.
 * @VMB_REFUSAL_PAGE_NOT_SHARED: external data in a page that the channel may
 *	not touch.
 * @VMB_REFUSAL_TRANSFER_SET_UNKNOWN: transfer pages of a set nobody registered.
 * @VMB_REFUSAL_TRANSFER_RANGE_BEYOND_SET: a range outside the set's buffer.
 * @VMB_REFUSAL_COMPLETION_UNEXPECTED: a completion that nobody waits for.
 * @VMB_REFUSAL_COUNT: how many there are.
 */
enum vmb_refusal {
	VMB_REFUSAL_NONE,
#define VMB_REFUSAL_ENUM(NAME, name) VMB_REFUSAL_##NAME,
	VMB_REFUSALS_OF_FRAMING(VMB_REFUSAL_ENUM)
	VMB_REFUSALS_OF_PACKET(VMB_REFUSAL_ENUM)
#undef VMB_REFUSAL_ENUM
	VMB_REFUSAL_COUNT
};

/* After these, nobody knows where the next packet begins. */
static inline bool vmb_refusal_loses_framing(enum vmb_refusal refusal)
{
	return refusal >= VMB_REFUSAL_INDEX_RANGE &&
	       refusal <= VMB_REFUSAL_OFFSET_BEYOND_LENGTH;
}

const char *vmb_refusal_name(enum vmb_refusal refusal);

#endif
