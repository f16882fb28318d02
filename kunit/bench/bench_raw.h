/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A struct vmbus_channel without a bus behind it, so that the kernel's own ring
 * functions can be measured on the same packets as ours.
 */
#ifndef VMB_BENCH_RAW_H
#define VMB_BENCH_RAW_H

#include <linux/hyperv.h>

#include "../../drivers/kmcl/ring.h"

/**
 * struct bench_raw - the hand-made channel and the peer's ends of its rings
 * @channel: what the kernel's functions are given.
 * @pages: of both rings; each is mapped with its data twice in a row.
 * @peer_writer: the peer's end of the inbound ring.
 * @peer_reader: the peer's end of the outbound ring.
 *
 * Made by bench_raw_make(), freed by bench_raw_free().
 */
struct bench_raw {
	struct vmbus_channel *channel;
	struct page *pages[2];
	struct vmb_ring_writer peer_writer;
	struct vmb_ring_reader peer_reader;
};

extern unsigned long bench_raw_signals;

void bench_raw_hypercall(void);
int bench_raw_make(struct bench_raw *raw, u32 ring_size, u32 maximum_packet);
void bench_raw_free(struct bench_raw *raw);

#endif
