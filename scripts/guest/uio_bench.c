// SPDX-License-Identifier: GPL-2.0
/*
 * The benchmark's part of a client in user space, on the kernel's uio_hv_generic.
 *
 * usage: uio_bench echo DEVICE          answers as the echo client until the host is done
 *        uio_bench send DEVICE COUNT    sends so many requests, 64 at a time
 *
 * DEVICE is /dev/uioN. Requests with external data it has none: a program does not know
 * where its memory is.
 */
#define _GNU_SOURCE
#include <zlib.h>

#include "bench_protocol.h"
#include "echo_protocol.h"
#include "uio_ring.h"

#define WINDOW 64
/* Of a slot that waits for no answer. */
#define ON_NO_WAY UINT64_MAX

static struct channel channel;

/* One batch, of which there is something, to the callback; then what it has written. */
static void handle(uint32_t there, void (*packet)(void))
{
	channel.in.control->interrupt_mask = 1;
	while (there) {
		take(&channel, there);
		packet();
		there = available(&channel.in);
	}
	publish(&channel);
}

static bool finished;

static void echo_packet(void)
{
	const struct vmb_echo_request *request = (const void *)channel.payload;
	const struct vmb_echo_completion answer = {
		.payload_length = channel.length,
		.payload_checksum = crc32(0, channel.payload, channel.length),
	};

	if (channel.length >= sizeof(*request) && request->magic == VMB_ECHO_MAGIC &&
	    request->command == VMB_ECHO_FINISHED)
		finished = true;
	if (channel.descriptor.flags & FLAG_WANTS_COMPLETION)
		put(&channel, TYPE_COMPLETION, 0, channel.descriptor.transaction, &answer,
		    sizeof(answer));
}

static void echo(void)
{
	int64_t end = now() + SILENCE;
	uint32_t there;

	signal_host(&channel);
	while (!finished) {
		there = available(&channel.in);
		if (!there) {
			wait_for_host(&channel, end);
			continue;
		}
		handle(there, echo_packet);
		end = now() + SILENCE;
	}
}

static uint64_t answered, wrong;
static int64_t began[WINDOW];
static uint64_t sequence[WINDOW];
static uint32_t *waits;
/* Slots that are not on their way. */
static uint32_t free_slots[WINDOW], free_count;

static void send_packet(void)
{
	const struct vmb_bench_answer *answer = (const void *)channel.payload;
	uint64_t slot = channel.descriptor.transaction - 1;

	if (channel.descriptor.type != TYPE_COMPLETION || slot >= WINDOW ||
	    channel.length < sizeof(*answer) || answer->sequence != sequence[slot] ||
	    answer->sum) {
		wrong++;
		return;
	}
	sequence[slot] = ON_NO_WAY;
	waits[answered++] = now_ns() - began[slot];
	free_slots[free_count++] = slot;
}

static int compare(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	return a < b ? -1 : a > b;
}

/* All that may be sent; then one signal. */
static void send_what_may(uint64_t *sent, uint64_t count)
{
	bool any = false;
	uint32_t slot;

	while (*sent < count && free_count) {
		struct vmb_bench_request request = { .sequence = *sent };

		slot = free_slots[--free_count];
		sequence[slot] = (*sent)++;
		began[slot] = now_ns();
		put(&channel, TYPE_INBAND, FLAG_WANTS_COMPLETION, slot + 1, &request,
		    sizeof(request));
		any = true;
	}
	if (any)
		publish(&channel);
}

static void send_requests(uint64_t count)
{
	int64_t start = now_ns(), end = now() + SILENCE, took;
	uint64_t sent = 0;
	uint32_t there;

	waits = calloc(count, sizeof(*waits));
	if (!waits)
		die("memory");
	for (; free_count < WINDOW; free_count++)
		free_slots[free_count] = free_count;
	while (answered < count) {
		send_what_may(&sent, count);
		there = available(&channel.in);
		if (!there) {
			wait_for_host(&channel, end);
			continue;
		}
		channel.in.control->interrupt_mask = 1;
		while (there) {
			take(&channel, there);
			send_packet();
			there = available(&channel.in);
		}
		store(&channel.in.control->read_index, channel.in.index);
		end = now() + SILENCE;
	}
	took = now_ns() - start;
	qsort(waits, count, sizeof(*waits), compare);
	printf("uio_hv_generic send operations %llu ns %lld p50 %u p99 %u wrong %llu\n",
	       (unsigned long long)count, (long long)took, waits[count / 2],
	       waits[count * 99 / 100], (unsigned long long)wrong);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "echo")) {
		channel_open(&channel, argv[2]);
		echo();
		return 0;
	}
	if (argc == 4 && !strcmp(argv[1], "send") && atoll(argv[3]) > 0) {
		channel_open(&channel, argv[2]);
		send_requests(atoll(argv[3]));
		return 0;
	}
	fprintf(stderr, "usage: uio_bench echo DEVICE | send DEVICE COUNT\n");
	return 2;
}
