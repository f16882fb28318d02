/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a packet costs: instructions, allocations, signals. What the benchmark's
 * rows share.
 */
#ifndef VMB_BENCH_H
#define VMB_BENCH_H

#include <kunit/test.h>
#include <linux/bvec.h>
#include <linux/device.h>
#include <linux/sizes.h>

#include "bench_raw.h"
#include "../fixtures/memory_transport.h"

#define BENCH_BATCH		32u
#define BENCH_BATCHES		16u
#define BENCH_HELD		256u
#define BENCH_PASSES		5u
#define BENCH_RING_SIZE		SZ_256K
#define BENCH_PAYLOAD_MAXIMUM	4096u
/* Of a request with external data: about what a block device sends. */
#define BENCH_PAYLOAD_EXTERNAL	64u
#define BENCH_COMPLETION	8u
#define BENCH_PAGES_MAXIMUM	128u

struct bench;

/**
 * struct bench_step - a part of a batch
 * @run: does it.
 * @measured: it is what the row is about; else it is the peer's, or a check.
 */
struct bench_step {
	void (*run)(struct bench *bench);
	bool measured;
};

/**
 * struct bench_row - a way to do something
 * @name: in the report.
 * @what: in front of it there; NULL: "instructions".
 * @raw: by the kernel's own functions.
 * @steps: of a batch of BENCH_BATCH packets, in order.
 */
struct bench_row {
	const char *name;
	const char *what;
	bool raw;
	struct bench_step steps[4];
};

/**
 * struct bench - one run
 * @test: the case.
 * @raw: for the raw rows.
 * @transport: for ours.
 * @dma_parms: of its device, as hv_driver.c sets them.
 * @channel: ours.
 * @writer: the peer's end of the inbound ring of the row that runs.
 * @reader: the peer's end of the outbound ring of the row that runs.
 * @payload_length: bytes of each packet's payload.
 * @page_count: pages of each packet's external data.
 * @pages: these pages.
 * @contiguous: each is the neighbour of the one before; else no two of them are.
 * @block: what @pages are from.
 * @ids: transaction ids that the peer has read.
 * @private: the case's.
 * @sum: of all that was seen of payloads, so that looking is not optimised away.
 * @failures: calls that did not do what they are measured for.
 * @allocations: counted by the tracepoints.
 * @payload: what is sent.
 * @received: what the peer reads into.
 *
 * Made and freed by the case.
 */
struct bench {
	struct kunit *test;
	struct bench_raw raw;
	struct memory_transport transport;
	struct device_dma_parameters dma_parms;
	struct vmb_channel *channel;
	struct vmb_ring_writer *writer;
	struct vmb_ring_reader *reader;
	u32 payload_length;
	u32 page_count;
	struct page *pages[BENCH_PAGES_MAXIMUM];
	bool contiguous;
	struct page *block;
	u64 ids[BENCH_BATCH];
	void *private;
	u64 sum;
	u32 failures;
	u64 allocations;
	u64 payload[BENCH_PAYLOAD_MAXIMUM / sizeof(u64)];
	u64 received[2 * BENCH_PAYLOAD_MAXIMUM / sizeof(u64)];
};

/**
 * struct bench_settings - what a case's channel is like
 * @process_packet: the client's.
 * @maximum_packet_size: bytes.
 * @maximum_pages: of external data; 0: none.
 * @maximum_packet_count: 0: the library's default.
 */
struct bench_settings {
	vmb_channel_process_packet_fn process_packet;
	u32 maximum_packet_size;
	u32 maximum_pages;
	u32 maximum_packet_count;
};

/* bench.c */
int bench_open_on(struct bench *bench, struct memory_transport *transport,
		  const struct bench_settings *settings, struct vmb_channel **channel);
struct bench *bench_open(struct kunit *test, const struct bench_settings *settings);
void bench_close(struct bench *bench);
void bench_choose_pages(struct bench *bench, bool contiguous);
void bench_set_masked(struct bench *bench, bool masked);
u64 bench_measure(struct bench *bench, void (*run)(struct bench *bench));
u64 bench_middle(u64 *values, u32 count);
void bench_waits_begin(void);
void bench_waits_end(void);
void bench_report(struct bench *bench, const char *what, const char *row, u32 size,
		  u64 sum, u32 count);
void bench_instructions(struct bench *bench, const struct bench_row *row, u32 size);
void bench_signals(struct bench *bench, const struct bench_row *row);
void bench_allocations_begin(struct bench *bench);
void bench_allocations_end(struct bench *bench, const char *row, u32 count);
void bench_allocations(struct bench *bench, const struct bench_row *row);

/* bench_peer.c */
void bench_peer_take(struct bench *bench);
void bench_peer_answer(struct bench *bench);
void bench_peer_check_pages(struct bench *bench, const void *list, u32 length);

/* bench_inbound.c */
void bench_packets(struct kunit *test);
void bench_inbound_external(struct kunit *test);
void bench_channels(struct kunit *test);

/* bench_send.c */
void bench_sends(struct kunit *test);
void bench_outstanding(struct kunit *test);

/* bench_external.c */
void bench_external(struct kunit *test);

/* bench_request.c */
void bench_synchronous(struct kunit *test);

/* bench_handmade.c */
void bench_handmade(struct kunit *test);

/* bench_memory.c */
void bench_memory(struct kunit *test);

#endif
