// SPDX-License-Identifier: GPL-2.0
/*
 * What comes in: look at the payload, complete the packet with 8 bytes.
 */
#include <linux/hyperv.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "bench.h"

/**
 * struct bench_inbound - what the rows need beside the channel
 * @deferred: complete later, not in the callback.
 * @held: packets that wait for that.
 * @held_count: how many.
 * @ranges: range list that the peer sends.
 * @ranges_length: bytes of it; 0: in-band data.
 */
struct bench_inbound {
	bool deferred;
	struct vmb_packet_completion *held[BENCH_BATCH];
	u32 held_count;
	__le64 ranges[2 + BENCH_PAGES_MAXIMUM * (PAGE_SIZE / VMB_WIRE_PAGE_SIZE)];
	u32 ranges_length;
};

static void bench_process_packet(struct vmb_channel *channel,
				 void *callback_context,
				 struct vmb_packet_completion *packet,
				 void *buffer, u32 buffer_length, u32 flags)
{
	struct bench *bench = callback_context;
	struct bench_inbound *inbound = bench->private;
	u64 answer = *(u64 *)buffer;

	bench->sum += answer;
	if (inbound->deferred)
		inbound->held[inbound->held_count++] = packet;
	else
		vmb_channel_packet_complete(packet, &answer, BENCH_COMPLETION);
}

/* The peer sends a batch. */
static void bench_peer_send(struct bench *bench)
{
	const struct bench_inbound *inbound = bench->private;
	struct vmb_ring_outbound_packet packet = {
		.type = inbound->ranges_length ? VMB_WIRE_TYPE_DATA_GPA_DIRECT :
						 VMB_WIRE_TYPE_DATA_INBAND,
		.flags = VMB_WIRE_FLAG_COMPLETION_REQUESTED,
		.ranges = inbound->ranges,
		.ranges_length = inbound->ranges_length,
		.payload = bench->payload,
		.payload_length = bench->payload_length,
	};
	u32 needed, i;

	for (i = 0; i < BENCH_BATCH; i++) {
		bench->payload[0] = i + 1;
		packet.transaction_id = i + 1;
		KUNIT_ASSERT_EQ(bench->test, VMB_RING_DONE,
				vmb_ring_write(bench->writer, &packet, &needed));
	}
	vmb_ring_writer_commit(bench->writer);
}

/* The peer takes the completions, and they must all be there. */
static void bench_peer_receive(struct bench *bench)
{
	struct vmb_ring_packet packet;
	enum vmb_refusal refusal;
	u32 i;

	for (i = 0; i < BENCH_BATCH; i++) {
		KUNIT_ASSERT_EQ(bench->test, VMB_RING_DONE,
				vmb_ring_read(bench->reader, bench->received,
					      &packet, &refusal));
		KUNIT_ASSERT_EQ(bench->test, VMB_WIRE_TYPE_COMPLETION,
				packet.type);
		KUNIT_ASSERT_EQ(bench->test, BENCH_COMPLETION,
				packet.payload_length);
		KUNIT_ASSERT_EQ(bench->test, packet.transaction_id,
				bench->received[0]);
		bench->sum -= bench->received[0];
	}
	KUNIT_ASSERT_EQ(bench->test, VMB_RING_EMPTY,
			vmb_ring_read(bench->reader, bench->received, &packet,
				      &refusal));
	vmb_ring_reader_commit(bench->reader);
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
	struct bench_inbound *inbound = bench->private;

	vmb_channel_interrupt(bench->channel);
	while (inbound->held_count) {
		struct vmb_packet_completion *packet;
		u64 answer;

		packet = inbound->held[--inbound->held_count];
		answer = *(u64 *)packet->buffer;
		vmb_channel_packet_complete(packet, &answer, BENCH_COMPLETION);
	}
}

static const struct bench_row bench_packet_rows[] = {
	{
		.name = "raw",
		.raw = true,
		.steps = {
			{ .run = bench_peer_send },
			{ .run = bench_raw_batch, .measured = true },
			{ .run = bench_peer_receive },
		},
	},
	{
		.name = "raw-retain",
		.raw = true,
		.steps = {
			{ .run = bench_peer_send },
			{ .run = bench_raw_retain_batch, .measured = true },
			{ .run = bench_peer_receive },
		},
	},
	{
		.name = "ours-inline",
		.steps = {
			{ .run = bench_peer_send },
			{ .run = bench_ours_batch, .measured = true },
			{ .run = bench_peer_receive },
		},
	},
	{
		.name = "ours-deferred",
		.steps = {
			{ .run = bench_peer_send },
			{ .run = bench_ours_batch, .measured = true },
			{ .run = bench_peer_receive },
		},
	},
};

void bench_packets(struct kunit *test)
{
	const struct bench_settings settings = {
		.process_packet = bench_process_packet,
		.maximum_packet_size = BENCH_PAYLOAD_MAXIMUM,
	};
	static const u32 lengths[] = { 4096, 64 };
	struct bench *bench = bench_open(test, &settings);
	struct bench_inbound *inbound;
	u32 i, k;

	inbound = kunit_kzalloc(test, sizeof(*inbound), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, inbound);
	bench->private = inbound;
	for (i = 0; i < ARRAY_SIZE(bench_packet_rows); i++) {
		const struct bench_row *row = &bench_packet_rows[i];

		inbound->deferred = !strcmp(row->name, "ours-deferred");
		for (k = 0; k < ARRAY_SIZE(lengths); k++) {
			bench->payload_length = lengths[k];
			bench_instructions(bench, row, lengths[k]);
		}
		bench_allocations(bench, row);
		bench_signals(bench, row);
	}
	bench_close(bench);
}

/* The driver asks for the external data, looks at it, and completes. */
static void bench_process_external(struct vmb_channel *channel,
				   void *callback_context,
				   struct vmb_packet_completion *packet,
				   void *buffer, u32 buffer_length, u32 flags)
{
	struct bench *bench = callback_context;
	const struct bio_vec *vectors;
	u64 answer = *(u64 *)buffer;
	u32 count;

	bench->sum += answer;
	if (vmb_channel_packet_get_external_data(packet, 0, &vectors, &count) ||
	    count != (bench->contiguous ? 1 : bench->page_count) ||
	    vectors->bv_page != bench->pages[0])
		bench->failures++;
	vmb_channel_packet_complete(packet, &answer, BENCH_COMPLETION);
}

#define BENCH_INBOUND_EXTERNAL						\
	.name = "ours-inbound-external",				\
	.steps = {							\
		{ .run = bench_peer_send },				\
		{ .run = bench_ours_batch, .measured = true },		\
		{ .run = bench_peer_receive },				\
	}

static const struct bench_row bench_inbound_external_row = { BENCH_INBOUND_EXTERNAL };

static const struct bench_row bench_inbound_contiguous_row = {
	BENCH_INBOUND_EXTERNAL, .what = "external_contiguous",
};

/* The peer names the pages that were shared with it, in one range. */
static void bench_make_ranges(struct bench *bench, u32 page_count)
{
	const u32 shift = PAGE_SHIFT - VMB_WIRE_PAGE_SHIFT;
	struct bench_inbound *inbound = bench->private;
	u32 pfns = page_count << shift;
	u32 i;

	bench->page_count = page_count;
	inbound->ranges[0] = cpu_to_le64(1ull << 32);
	inbound->ranges[1] = cpu_to_le64(page_count * PAGE_SIZE);
	for (i = 0; i < pfns; i++)
		inbound->ranges[2 + i] =
			cpu_to_le64(((u64)page_to_pfn(bench->pages[i >> shift]) << shift) +
				    i % (1 << shift));
	inbound->ranges_length = (2 + pfns) * sizeof(__le64);
}

/* Share pages, neighbours or not, and have the peer name them. */
static void bench_inbound_share(struct bench *bench, const struct bench_row *row,
				bool contiguous)
{
	static const u32 pages[] = { 1, 16, BENCH_PAGES_MAXIMUM };
	struct kunit *test = bench->test;
	u32 handle, i;
	void *shared;

	bench_choose_pages(bench, contiguous);
	shared = vmap(bench->pages, BENCH_PAGES_MAXIMUM, VM_MAP, PAGE_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, shared);
	KUNIT_ASSERT_EQ(test, 0,
			vmb_channel_create_gpadl_from_buffer(bench->channel, 0, shared,
							     BENCH_PAGES_MAXIMUM * PAGE_SIZE,
							     &handle));
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		bench_make_ranges(bench, pages[i]);
		bench_instructions(bench, row, pages[i]);
	}
	if (!contiguous) {
		bench_allocations(bench, row);
		bench_signals(bench, row);
	}
	KUNIT_ASSERT_EQ(test, 0, vmb_channel_delete_gpadl(bench->channel, handle));
	vunmap(shared);
}

/*
 * A packet with external data that the peer describes: its pages are looked up in
 * what the channel has shared. The kernel has nothing to compare it with.
 */
void bench_inbound_external(struct kunit *test)
{
	const struct bench_settings settings = {
		.process_packet = bench_process_external,
		.maximum_packet_size = BENCH_PAYLOAD_EXTERNAL,
		.maximum_pages = BENCH_PAGES_MAXIMUM,
	};
	struct bench *bench = bench_open(test, &settings);

	bench->private = kunit_kzalloc(test, sizeof(struct bench_inbound), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bench->private);
	bench->payload_length = BENCH_PAYLOAD_EXTERNAL;
	bench_inbound_share(bench, &bench_inbound_external_row, false);
	bench_inbound_share(bench, &bench_inbound_contiguous_row, true);
	bench_close(bench);
}

/**
 * struct bench_end - one of many channels
 * @transport: its own.
 * @channel: on it.
 */
struct bench_end {
	struct memory_transport transport;
	struct vmb_channel *channel;
};

#define BENCH_CHANNELS	64u

static struct bench_end *bench_ends_make(struct bench *bench)
{
	const struct bench_settings settings = {
		.process_packet = bench_process_packet,
		.maximum_packet_size = BENCH_PAYLOAD_EXTERNAL,
	};
	struct bench_end *ends;
	u32 i;

	ends = kvcalloc(BENCH_CHANNELS, sizeof(*ends), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(bench->test, ends);
	for (i = 0; i < BENCH_CHANNELS; i++) {
		char name[24];

		snprintf(name, sizeof(name), "vmbkmcl-bench-%u", i);
		KUNIT_ASSERT_EQ(bench->test, 0,
				memory_transport_init(&ends[i].transport, name));
		KUNIT_ASSERT_EQ(bench->test, 0,
				bench_open_on(bench, &ends[i].transport, &settings,
					      &ends[i].channel));
	}
	return ends;
}

static void bench_ends_free(struct bench_end *ends)
{
	u32 i;

	for (i = 0; i < BENCH_CHANNELS; i++) {
		vmb_channel_disable(ends[i].channel);
		vmb_channel_cleanup(ends[i].channel);
		memory_transport_exit(&ends[i].transport);
	}
	kvfree(ends);
}

/* A batch for each channel, one channel after the other. */
static u64 bench_channels_pass(struct bench *bench, struct bench_end *ends, u32 count)
{
	u64 sum = 0;
	u32 i, k;

	for (k = 0; k < BENCH_BATCHES; k++) {
		for (i = 0; i < count; i++) {
			bench->channel = ends[i].channel;
			bench->writer = &ends[i].transport.peer_writer;
			bench->reader = &ends[i].transport.peer_reader;
			bench_peer_send(bench);
			sum += bench_measure(bench, bench_ours_batch);
			bench_peer_receive(bench);
		}
	}
	return sum;
}

/* What a packet in costs with so many channels that take turns. */
void bench_channels(struct kunit *test)
{
	const struct bench_settings settings = {
		.process_packet = bench_process_packet,
		.maximum_packet_size = BENCH_PAYLOAD_MAXIMUM,
	};
	static const u32 counts[] = { 1, 4, 16, BENCH_CHANNELS };
	struct bench *bench = bench_open(test, &settings);
	struct vmb_channel *first = bench->channel;
	struct bench_end *ends = bench_ends_make(bench);
	u32 i, k;

	bench->private = kunit_kzalloc(test, sizeof(struct bench_inbound), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bench->private);
	bench->payload_length = BENCH_PAYLOAD_EXTERNAL;
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		u64 best = U64_MAX;

		for (k = 0; k < BENCH_PASSES; k++)
			best = min(best, bench_channels_pass(bench, ends, counts[i]));
		KUNIT_ASSERT_EQ(test, 0, bench->failures);
		bench_report(bench, "channels", "ours", counts[i], best,
			     BENCH_BATCH * BENCH_BATCHES * counts[i]);
	}
	bench_ends_free(ends);
	bench->channel = first;
	bench_close(bench);
}
