/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the drain does with the packets in the inbound ring: one mode, kept in
 * the same word as the drain's other flags, so that a batch reads both at once.
 *
 * The channel's worker sets the mode. The owner of the drain, who has set DRAINING,
 * reads it once, after it has become the owner, and goes on only while the mode
 * is still the same. The mode is left by cmpxchg: packet_fail leaves DELIVERING,
 * the first packet with data leaves COMPLETIONS, and nothing but a new open
 * leaves LOST.
 */
#ifndef VMB_DRAIN_H
#define VMB_DRAIN_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/types.h>

/**
 * enum vmb_drain_mode - what the drain does; the low bits of &vmb_inbound.flags
 * @VMB_DRAIN_STOPPED: nothing is read.
 * @VMB_DRAIN_DELIVERING: packets go to the client.
 * @VMB_DRAIN_COMPLETIONS: paused: completions of what the client has sent are
 *	read, up to the first packet with data, which stays in the ring.
 * @VMB_DRAIN_DISCARDING: closing: completions count, all else is dropped.
 * @VMB_DRAIN_LOST: the peer broke the ring; nothing is read until the next open.
 */
enum vmb_drain_mode {
	VMB_DRAIN_STOPPED = 0,
	VMB_DRAIN_DELIVERING = BIT(0),
	VMB_DRAIN_COMPLETIONS = BIT(1),
	VMB_DRAIN_DISCARDING = BIT(2),
	VMB_DRAIN_LOST = BIT(3),
};

#define VMB_DRAIN_MODE_BITS	4
#define VMB_DRAIN_MODE_MASK	GENMASK(VMB_DRAIN_MODE_BITS - 1, 0)
/* The modes in which the ring is read. */
#define VMB_DRAIN_READS		(VMB_DRAIN_DELIVERING | VMB_DRAIN_COMPLETIONS |	\
				 VMB_DRAIN_DISCARDING)

static inline enum vmb_drain_mode vmb_drain_mode(const unsigned long *flags)
{
	return READ_ONCE(*flags) & VMB_DRAIN_MODE_MASK;
}

/* Changes the mode from one to another. False: the mode is not @from. */
static inline bool vmb_drain_leave(unsigned long *flags, enum vmb_drain_mode from,
				   enum vmb_drain_mode to)
{
	unsigned long old = READ_ONCE(*flags);

	do {
		if ((old & VMB_DRAIN_MODE_MASK) != from)
			return false;
	} while (!try_cmpxchg(flags, &old, (old & ~VMB_DRAIN_MODE_MASK) | to));
	return true;
}

/* Changes any mode but LOST, as a full barrier. False: the mode is LOST. */
static inline bool vmb_drain_enter(unsigned long *flags, enum vmb_drain_mode to)
{
	unsigned long old = READ_ONCE(*flags);

	do {
		if (old & VMB_DRAIN_LOST)
			return false;
	} while (!try_cmpxchg(flags, &old, (old & ~VMB_DRAIN_MODE_MASK) | to));
	return true;
}

#endif
