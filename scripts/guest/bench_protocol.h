/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the benchmark in the guest and its host say to each other, beyond the echo
 * client's protocol. Shared between modules, a program and the host's end, so it uses
 * nothing but linux/types.h. All fields are little endian.
 */
#ifndef VMB_BENCH_PROTOCOL_H
#define VMB_BENCH_PROTOCOL_H

#include <linux/types.h>

/* Bytes of a packet of the host's that is to be answered as by the echo client. */
#define VMB_BENCH_ECHO_SIZE		64
/* The ring of each direction, its control page included: as the echo client's. */
#define VMB_BENCH_RING_SIZE		(65536 + 4096)
/* Bytes of external data in one request of the guest's. */
#define VMB_BENCH_EXTERNAL_SIZE		65536
/*
 * Milliseconds from the opening of a channel until either side sends: who has bound the
 * driver is done with that by then, and has gone to sleep.
 */
#define VMB_BENCH_QUIET			50

/*
 * A request of the guest's, in-band, or with VMB_BENCH_EXTERNAL_SIZE bytes of external
 * data. To be answered with struct vmb_bench_answer.
 */
struct vmb_bench_request {
	__le64 sequence;
	/* Of external data: of each 4 KiB the first eight bytes, all together. */
	__le64 sum;
	__u8 rest[48];
};

/* sum as above, of what the host has found. */
struct vmb_bench_answer {
	__le64 sequence;
	__le64 sum;
};

#endif
