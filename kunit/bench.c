// SPDX-License-Identifier: GPL-2.0
/*
 * What a packet costs: instructions, allocations, signals.
 *
 * A suite of its own, which scripts/bench.sh runs with QEMU's -icount: there
 * the clock advances by one nanosecond an instruction, so that a difference of
 * two readings is a count, the same to the digit in every run. Elsewhere the
 * numbers mean nothing, and nothing else runs it.
 *
 * Each row does the same to the same packets: look at the payload, complete it
 * with 8 bytes. Batches of 32 packets; the best of some passes counts.
 */
#include <kunit/test.h>
#include <linux/hyperv.h>
#include <linux/ktime.h>
#include <linux/slab.h>
#include <trace/events/kmem.h>

#include "bench_raw.h"
#include "memory_transport.h"

#define BENCH_BATCH		32u
#define BENCH_BATCHES		16u
#define BENCH_PASSES		5u
#define BENCH_RING_SIZE		SZ_256K
#define BENCH_PAYLOAD_MAXIMUM	4096u
#define BENCH_COMPLETION	8u

enum bench_row {
	BENCH_RAW,
	BENCH_RAW_RETAIN,
	BENCH_OURS_INLINE,
	BENCH_OURS_DEFERRED,
	BENCH_ROWS,
};

static const char * const bench_row_names[BENCH_ROWS] = {
	[BENCH_RAW] = "raw",
	[BENCH_RAW_RETAIN] = "raw-retain",
	[BENCH_OURS_INLINE] = "ours-inline",
	[BENCH_OURS_DEFERRED] = "ours-deferred",
};

/**
 * struct bench - one run
 * @test: the case.
 * @raw: for the raw rows.
 * @transport: for ours.
 * @channel: ours.
 * @deferred: complete later, not in the callback.
 * @held: packets that wait for that.
 * @held_count: how many.
 * @sum: of all that was seen of payloads, so that looking is not optimised away.
 * @allocations: counted by the tracepoints.
 * @payload: what the peer sends.
 */
struct bench {
	struct kunit *test;
	struct bench_raw raw;
	struct memory_transport transport;
	struct vmb_channel *channel;
	bool deferred;
	struct vmb_packet_completion *held[BENCH_BATCH];
	u32 held_count;
	u64 sum;
	u64 allocations;
	u8 payload[BENCH_PAYLOAD_MAXIMUM];
};

static void bench_process_packet(struct vmb_channel *channel,
				 void *callback_context,
				 struct vmb_packet_completion *packet,
				 void *buffer, u32 buffer_length, u32 flags)
{
	struct bench *bench = callback_context;
	u64 answer = *(u64 *)buffer;

	bench->sum += answer;
	if (bench->deferred)
		bench->held[bench->held_count++] = packet;
	else
		vmb_channel_packet_complete(packet, &answer, BENCH_COMPLETION);
}

/* The peer sends a batch. Not measured. */
static void bench_send(struct bench *bench, struct vmb_ring_writer *writer,
		       u32 length)
{
	struct vmb_ring_outgoing packet = {
		.type = VMB_WIRE_TYPE_DATA_INBAND,
		.flags = VMB_WIRE_FLAG_COMPLETION_REQUESTED,
		.payload = bench->payload,
		.payload_length = length,
	};
	u32 needed, i;

	for (i = 0; i < BENCH_BATCH; i++) {
		packet.transaction_id = i + 1;
		KUNIT_ASSERT_EQ(bench->test, VMB_RING_DONE,
				vmb_ring_write(writer, &packet, &needed));
	}
	vmb_ring_writer_commit(writer);
}

/* The peer takes the completions, and they must all be there. Not measured. */
static void bench_receive(struct bench *bench, struct vmb_ring_reader *reader)
{
	struct vmb_ring_packet packet;
	enum vmb_refusal refusal;
	u64 answer;
	u32 i;

	for (i = 0; i < BENCH_BATCH; i++) {
		KUNIT_ASSERT_EQ(bench->test, VMB_RING_DONE,
				vmb_ring_read(reader, bench->payload, &packet,
					      &refusal));
		KUNIT_ASSERT_EQ(bench->test, VMB_WIRE_TYPE_COMPLETION,
				packet.type);
		KUNIT_ASSERT_EQ(bench->test, BENCH_COMPLETION,
				packet.payload_length);
		memcpy(&answer, bench->payload, sizeof(answer));
		bench->sum -= answer;
	}
	KUNIT_ASSERT_EQ(bench->test, VMB_RING_EMPTY,
			vmb_ring_read(reader, bench->payload, &packet, &refusal));
	vmb_ring_reader_commit(reader);
}

/* What a driver in the tree does that is done with a packet at once. */
static void bench_raw_batch(struct bench *bench)
{
	struct vmbus_channel *channel = bench->raw.channel;
	struct vmpacket_descriptor *packet;

	foreach_vmbus_pkt(packet, channel) {
		u64 answer = *(u64 *)hv_pkt_data(packet);

		bench->sum += answer;
		vmbus_sendpacket(channel, &answer, BENCH_COMPLETION,
				 packet->trans_id, VM_PKT_COMP, 0);
	}
}

/* And one whose packets outlive the callback, as ours may. */
static void bench_raw_retain_batch(struct bench *bench)
{
	struct vmbus_channel *channel = bench->raw.channel;
	struct vmpacket_descriptor *packet;

	foreach_vmbus_pkt(packet, channel) {
		u32 length = hv_pkt_datalen(packet);
		u64 *copy = kmalloc(length, GFP_ATOMIC);
		u64 answer;

		if (!copy)
			break;
		memcpy(copy, hv_pkt_data(packet), length);
		answer = *copy;
		bench->sum += answer;
		vmbus_sendpacket(channel, &answer, BENCH_COMPLETION,
				 packet->trans_id, VM_PKT_COMP, 0);
		kfree(copy);
	}
}

/* Ours; what was held back is completed from the last to the first. */
static void bench_ours_batch(struct bench *bench)
{
	vmb_channel_interrupt(bench->channel);
	while (bench->held_count) {
		struct vmb_packet_completion *packet;
		u64 answer;

		packet = bench->held[--bench->held_count];
		answer = *(u64 *)packet->buffer;
		vmb_channel_packet_complete(packet, &answer, BENCH_COMPLETION);
	}
}

static bool bench_row_is_raw(enum bench_row row)
{
	return row == BENCH_RAW || row == BENCH_RAW_RETAIN;
}

/* One batch; returns its instructions. */
static u64 bench_batch(struct bench *bench, enum bench_row row)
{
	unsigned long flags;
	u64 begun, ended;

	/* As in a tasklet; and a tick in between would be counted. */
	local_bh_disable();
	local_irq_save(flags);
	begun = ktime_get_ns();
	switch (row) {
	case BENCH_RAW:
		bench_raw_batch(bench);
		break;
	case BENCH_RAW_RETAIN:
		bench_raw_retain_batch(bench);
		break;
	default:
		bench_ours_batch(bench);
	}
	ended = ktime_get_ns();
	local_irq_restore(flags);
	local_bh_enable();
	return ended - begun;
}

/* What two readings of the clock with nothing in between differ by. */
static u64 bench_clock_cost(void)
{
	u64 begun = ktime_get_ns();

	return ktime_get_ns() - begun;
}

static u64 bench_pass(struct bench *bench, enum bench_row row, u32 length)
{
	struct vmb_ring_reader *reader = &bench->transport.peer_reader;
	struct vmb_ring_writer *writer = &bench->transport.peer_writer;
	u64 sum = 0;
	u32 i;

	if (bench_row_is_raw(row)) {
		reader = &bench->raw.peer_reader;
		writer = &bench->raw.peer_writer;
	}
	bench->deferred = row == BENCH_OURS_DEFERRED;
	for (i = 0; i < BENCH_BATCHES; i++) {
		bench_send(bench, writer, length);
		sum += bench_batch(bench, row) - bench_clock_cost();
		bench_receive(bench, reader);
	}
	KUNIT_ASSERT_EQ(bench->test, 0, bench->sum);
	return sum;
}

/* The peer wants signals, or does not. */
static void bench_set_mask(struct bench *bench, bool masked)
{
	WRITE_ONCE(bench->raw.peer_reader.ring.control->interrupt_mask,
		   cpu_to_le32(masked));
	WRITE_ONCE(bench->transport.peer_reader.ring.control->interrupt_mask,
		   cpu_to_le32(masked));
}

static void bench_instructions(struct bench *bench, enum bench_row row, u32 length)
{
	const u32 packets = BENCH_BATCH * BENCH_BATCHES;
	u64 best = U64_MAX;
	u32 i;

	bench_set_mask(bench, true);
	for (i = 0; i < BENCH_PASSES; i++)
		best = min(best, bench_pass(bench, row, length));
	kunit_info(bench->test, "bench instructions %s %u %llu.%llu",
		   bench_row_names[row], length, best / packets,
		   best % packets * 10 / packets);
}

static void bench_count_kmalloc(void *data, unsigned long call_site,
				const void *pointer, size_t requested,
				size_t allocated, gfp_t flags, int node)
{
	((struct bench *)data)->allocations++;
}

static void bench_count_cache(void *data, unsigned long call_site,
			      const void *pointer, struct kmem_cache *cache,
			      gfp_t flags, int node)
{
	((struct bench *)data)->allocations++;
}

static void bench_allocations(struct bench *bench, enum bench_row row)
{
	const u32 packets = BENCH_BATCH * BENCH_BATCHES;

	KUNIT_ASSERT_EQ(bench->test, 0,
			register_trace_kmalloc(bench_count_kmalloc, bench));
	KUNIT_ASSERT_EQ(bench->test, 0,
			register_trace_kmem_cache_alloc(bench_count_cache, bench));
	bench->allocations = 0;
	bench_pass(bench, row, 64);
	unregister_trace_kmem_cache_alloc(bench_count_cache, bench);
	unregister_trace_kmalloc(bench_count_kmalloc, bench);
	tracepoint_synchronize_unregister();
	kunit_info(bench->test, "bench allocations %s %llu.%llu",
		   bench_row_names[row], bench->allocations / packets,
		   bench->allocations % packets * 10 / packets);
}

static void bench_signals(struct bench *bench, enum bench_row row)
{
	unsigned long before, signals;

	bench_set_mask(bench, false);
	before = bench_raw_signals + bench->transport.signals;
	bench_pass(bench, row, 64);
	signals = bench_raw_signals + bench->transport.signals - before;
	kunit_info(bench->test, "bench signals %s %lu.%lu", bench_row_names[row],
		   signals / BENCH_BATCHES,
		   signals % BENCH_BATCHES * 10 / BENCH_BATCHES);
}

static int bench_open(struct bench *bench)
{
	const u32 pages = BENCH_RING_SIZE / PAGE_SIZE;
	int ret;

	ret = bench_raw_make(&bench->raw, BENCH_RING_SIZE,
			     2 * BENCH_PAYLOAD_MAXIMUM);
	if (ret)
		return ret;
	ret = memory_transport_init(&bench->transport, "vmbkmcl-bench");
	if (ret)
		return ret;
	ret = vmb_channel_allocate(&bench->transport.device.device, false,
				   &bench->channel);
	if (ret)
		return ret;
	vmb_channel_init_set_maximum_packet_size(bench->channel,
						 BENCH_PAYLOAD_MAXIMUM);
	vmb_channel_init_set_process_packet_callbacks(bench->channel, bench,
						      bench_process_packet, NULL);
	vmb_client_channel_init_set_ring_buffer_page_count(bench->channel, pages,
							   pages);
	ret = vmb_channel_enable(bench->channel);
	if (ret)
		return ret;
	/* The worker has opened it when it is done. */
	flush_work(&bench->channel->life.work);
	memory_transport_run(&bench->transport, bench->channel);
	return bench->transport.opens == 1 ? 0 : -EIO;
}

static void bench_packets(struct kunit *test)
{
	struct bench *bench = kunit_kzalloc(test, sizeof(*bench), GFP_KERNEL);
	enum bench_row row;

	KUNIT_ASSERT_NOT_NULL(test, bench);
	bench->test = test;
	KUNIT_ASSERT_EQ(test, 0, bench_open(bench));
	for (row = 0; row < BENCH_ROWS; row++) {
		bench_instructions(bench, row, 64);
		bench_instructions(bench, row, 4096);
		bench_allocations(bench, row);
		bench_signals(bench, row);
	}
	vmb_channel_disable(bench->channel);
	vmb_channel_cleanup(bench->channel);
	memory_transport_exit(&bench->transport);
	bench_raw_free(&bench->raw);
}

static struct kunit_case bench_cases[] = {
	KUNIT_CASE(bench_packets),
	{}
};

/* Not vmbkmcl_bench: make check runs what begins with vmbkmcl. */
static struct kunit_suite bench_suite = {
	.name = "bench_vmbkmcl",
	.test_cases = bench_cases,
};

kunit_test_suite(bench_suite);
