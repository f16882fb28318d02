/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Why something that the peer wrote was not taken. Each reason is a counter, a
 * tracepoint's field and the name of at least one test.
 */
#ifndef VMB_REFUSAL_H
#define VMB_REFUSAL_H

#include <linux/types.h>

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
 * @VMB_REFUSAL_PIPE_HEADER: a pipe's packet without a header, or whose header has
 *	an unknown type, or says more than there is; or one that describes memory.
 * @VMB_REFUSAL_COUNT: how many there are.
 *
 * First those after which nobody knows where the next packet begins, then those
 * that cost one packet only.
 */
enum vmb_refusal {
	VMB_REFUSAL_NONE,

	VMB_REFUSAL_INDEX_RANGE,
	VMB_REFUSAL_INDEX_ALIGNMENT,
	VMB_REFUSAL_INDEX_BACKWARDS,
	VMB_REFUSAL_INDEX_OURS_CHANGED,
	VMB_REFUSAL_LENGTH_BELOW_HEADER,
	VMB_REFUSAL_LENGTH_BEYOND_AVAILABLE,
	VMB_REFUSAL_OFFSET_BELOW_HEADER,
	VMB_REFUSAL_OFFSET_BEYOND_LENGTH,

	VMB_REFUSAL_TYPE_UNKNOWN,
	VMB_REFUSAL_FLAGS_UNKNOWN,
	VMB_REFUSAL_PACKET_TOO_LARGE,
	VMB_REFUSAL_RANGES_TRUNCATED,
	VMB_REFUSAL_RANGES_NONE,
	VMB_REFUSAL_RANGES_TOO_MANY,
	VMB_REFUSAL_RANGES_TOO_LONG,
	VMB_REFUSAL_RANGES_TRAILING,
	VMB_REFUSAL_RANGE_EMPTY,
	VMB_REFUSAL_RANGE_OFFSET,
	VMB_REFUSAL_PAGE_NOT_SHARED,
	VMB_REFUSAL_TRANSFER_SET_UNKNOWN,
	VMB_REFUSAL_TRANSFER_RANGE_BEYOND_SET,
	VMB_REFUSAL_COMPLETION_UNEXPECTED,
	VMB_REFUSAL_PIPE_HEADER,

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
