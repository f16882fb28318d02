/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How long packets wait, counted while the module parameter "latency" asks for it;
 * else a branch that is patched out. Part of channel.h.
 */
#ifndef VMB_LATENCY_H
#define VMB_LATENCY_H

#include <linux/atomic.h>
#include <linux/jump_label.h>
#include <linux/types.h>

/* What is waited for. */
enum vmb_latency_kind {
	VMB_LATENCY_QUEUE,	/* a packet of ours, from its send into the ring */
	VMB_LATENCY_DRIVER,	/* a packet of the peer's, until its completion */
	VMB_LATENCY_PEER,	/* a packet of ours, from the ring to its completion */
	VMB_LATENCY_KINDS
};

/* The first counts up to 1,024 ns, each next one to twice that, the last all above. */
#define VMB_LATENCY_SHIFT	10
#define VMB_LATENCY_BUCKETS	26

/**
 * struct vmb_latency - how long packets of a channel waited
 * @buckets: how many so long.
 * @sum: nanoseconds, of all of them.
 *
 * Of one kind. Counted without a lock.
 */
struct vmb_latency {
	atomic64_t buckets[VMB_LATENCY_BUCKETS];
	atomic64_t sum;
};

DECLARE_STATIC_KEY_FALSE(vmb_latency_wanted);

void vmb_latency_want(bool wanted);
u32 vmb_latency_bucket(u64 nanoseconds);
void vmb_latency_begin_slow(u64 *since);
void vmb_latency_end_slow(struct vmb_latency *latency, u64 *since);

static __always_inline bool vmb_latency_is_wanted(void)
{
	return static_branch_unlikely(&vmb_latency_wanted);
}

/* A packet waits from now on. */
static __always_inline void vmb_latency_begin(u64 *since)
{
	if (vmb_latency_is_wanted())
		vmb_latency_begin_slow(since);
}

/* A packet has waited since @since, which is cleared. */
static __always_inline void vmb_latency_end(struct vmb_latency *latency, u64 *since)
{
	if (vmb_latency_is_wanted())
		vmb_latency_end_slow(latency, since);
}

#endif
