// SPDX-License-Identifier: GPL-2.0
/*
 * Requests with external data: a batch is mapped for the device and sent, the
 * peer takes and completes it (not measured), the completions are read and the
 * data is unmapped. What is counted is both of the sender's parts.
 *
 * Each row begins with what its driver is given: raw-external with the
 * scatterlist that the block layer has made of a request, ours with the bio_vecs
 * it was made of, so that making the scatterlist is in our row only. Both map it
 * with dma_map_sg() for the same device, write the same range list, and unmap.
 *
 * Of pages that are neighbours the block layer has made one entry; ours is given a
 * bio_vec for each, as who has a list of pages makes them, and makes one piece of them.
 */
#include <linux/dma-mapping.h>
#include <linux/hyperv.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "bench.h"

/* Hyper-V's pages in a page of ours. */
#define BENCH_FRAMES	(PAGE_SIZE / HV_HYP_PAGE_SIZE)

/**
 * struct bench_external_request - what a driver has for each request
 * @packet: ours.
 * @answer: what its completion said.
 * @table: the block layer's scatterlist; raw only.
 * @payload: range list with room for a descriptor, as storvsc builds it; raw
 *	only. Made beforehand, though storvsc allocates one that is over 32 pages.
 */
struct bench_external_request {
	struct vmb_packet *packet;
	u64 answer;
	struct scatterlist table[BENCH_PAGES_MAXIMUM];
	struct vmbus_packet_mpb_array *payload;
};

/**
 * struct bench_external_case - all of them
 * @requests: the requests of a batch.
 * @vectors: the external data of each of them; ours only.
 */
struct bench_external_case {
	struct bench_external_request requests[BENCH_BATCH];
	struct bio_vec vectors[BENCH_PAGES_MAXIMUM];
};

static void bench_external_done(struct vmb_packet *packet, void *callback_context,
				int status, const void *buffer, u32 buffer_length)
{
	struct bench_external_request *request = callback_context;

	request->answer = *(const u64 *)buffer;
}

static void bench_external_no_packet(struct vmb_channel *channel,
				     void *callback_context,
				     struct vmb_packet_completion *packet,
				     void *buffer, u32 buffer_length, u32 flags)
{
	struct bench *bench = callback_context;

	bench->failures++;
	vmb_channel_packet_complete(packet, NULL, 0);
}

/* Of the block layer's scatterlist. */
static u32 bench_entries(const struct bench *bench)
{
	return bench->contiguous ? 1 : bench->page_count;
}

/* What storvsc_queuecommand() and storvsc_do_io() do with the data. */
static int bench_raw_send_request(struct bench *bench,
				  struct bench_external_request *request)
{
	struct vmbus_packet_mpb_array *payload = request->payload;
	unsigned long frame, frames;
	struct scatterlist *entry;
	u32 payload_size;
	int count, i;
	u32 k = 0;

	payload_size = bench->page_count * BENCH_FRAMES * sizeof(u64) +
		       sizeof(*payload);
	payload->rangecount = 1;
	payload->range.len = bench->page_count * PAGE_SIZE;
	payload->range.offset = 0;
	count = dma_map_sg(bench->transport.parent, request->table,
			   bench_entries(bench), DMA_FROM_DEVICE);
	if (!count)
		return -ENOMEM;
	for_each_sg(request->table, entry, count, i) {
		frame = HVPFN_DOWN(sg_dma_address(entry));
		frames = HVPFN_UP(sg_dma_address(entry) + sg_dma_len(entry)) - frame;
		while (frames--)
			payload->range.pfn_array[k++] = frame++;
	}
	return vmbus_sendpacket_mpb_desc(bench->raw.channel, payload, payload_size,
					 bench->payload, bench->payload_length,
					 (unsigned long)request);
}

static void bench_raw_external_send(struct bench *bench)
{
	struct bench_external_case *external = bench->private;
	u32 i;

	for (i = 0; i < BENCH_BATCH; i++) {
		bench->payload[0] = i;
		if (bench_raw_send_request(bench, &external->requests[i]))
			bench->failures++;
	}
}

static void bench_raw_external_completions(struct bench *bench)
{
	struct vmbus_channel *channel = bench->raw.channel;
	struct vmpacket_descriptor *packet;

	foreach_vmbus_pkt(packet, channel) {
		struct bench_external_request *request;
		u64 address;

		if (packet->type != VM_PKT_COMP)
			continue;
		address = vmbus_request_addr(channel, packet->trans_id);
		if (address == VMBUS_RQST_ERROR)
			continue;
		request = (void *)(unsigned long)address;
		dma_unmap_sg(bench->transport.parent, request->table,
			     bench_entries(bench), DMA_FROM_DEVICE);
		request->answer = *(u64 *)hv_pkt_data(packet);
	}
}

static void bench_ours_external_send(struct bench *bench)
{
	struct bench_external_case *external = bench->private;
	u32 i;

	for (i = 0; i < BENCH_BATCH; i++) {
		bench->payload[0] = i;
		if (vmb_packet_send(external->requests[i].packet, bench->payload,
				    bench->payload_length, external->vectors,
				    bench->page_count,
				    VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION |
				    VMB_CHANNEL_FORMAT_FLAG_DATA_IN_ONLY))
			bench->failures++;
	}
}

static void bench_ours_external_completions(struct bench *bench)
{
	vmb_channel_interrupt(bench->channel);
}

static void bench_external_check(struct bench *bench)
{
	struct bench_external_case *external = bench->private;
	u32 i;

	for (i = 0; i < BENCH_BATCH; i++) {
		KUNIT_ASSERT_EQ(bench->test, i + 1, external->requests[i].answer);
		external->requests[i].answer = 0;
	}
}

#define BENCH_EXTERNAL_RAW						\
	.name = "raw-external",						\
	.raw = true,							\
	.steps = {							\
		{ .run = bench_raw_external_send, .measured = true },	\
		{ .run = bench_peer_answer },				\
		{ .run = bench_raw_external_completions, .measured = true }, \
		{ .run = bench_external_check },			\
	}

#define BENCH_EXTERNAL_OURS						\
	.name = "ours-external",					\
	.steps = {							\
		{ .run = bench_ours_external_send, .measured = true },	\
		{ .run = bench_peer_answer },				\
		{ .run = bench_ours_external_completions, .measured = true }, \
		{ .run = bench_external_check },			\
	}

static const struct bench_row bench_external_rows[] = {
	{ BENCH_EXTERNAL_RAW },
	{ BENCH_EXTERNAL_OURS },
};

static const struct bench_row bench_external_contiguous_rows[] = {
	{ BENCH_EXTERNAL_RAW, .what = "external_contiguous" },
	{ BENCH_EXTERNAL_OURS, .what = "external_contiguous" },
};

static struct bench_external_case *bench_external_make(struct bench *bench)
{
	struct bench_external_case *external;
	u32 i;

	external = kvzalloc(sizeof(*external), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(bench->test, external);
	for (i = 0; i < BENCH_BATCH; i++) {
		struct bench_external_request *request = &external->requests[i];

		request->payload = kunit_kzalloc(bench->test,
						 sizeof(*request->payload) +
						 BENCH_PAGES_MAXIMUM * BENCH_FRAMES *
						 sizeof(u64), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(bench->test, request->payload);
		request->packet = vmb_packet_allocate(bench->channel);
		KUNIT_ASSERT_NOT_NULL(bench->test, request->packet);
		vmb_packet_set_completion_routine(request->packet, request,
						  bench_external_done);
	}
	return external;
}

static void bench_external_free(struct bench_external_case *external)
{
	u32 i;

	for (i = 0; i < BENCH_BATCH; i++)
		vmb_packet_free(external->requests[i].packet);
	kvfree(external);
}

/* The block layer has made scatterlists for so many pages. */
static void bench_external_set_pages(struct bench *bench, u32 page_count)
{
	struct bench_external_case *external = bench->private;
	u32 i, k;

	bench->page_count = page_count;
	for (k = 0; k < page_count; k++)
		external->vectors[k] = (struct bio_vec) {
			.bv_page = bench->pages[k],
			.bv_len = PAGE_SIZE,
		};
	for (i = 0; i < BENCH_BATCH; i++) {
		struct scatterlist *table = external->requests[i].table;
		u32 entries = bench_entries(bench);

		sg_init_table(table, entries);
		for (k = 0; k < entries; k++)
			sg_set_page(&table[k], bench->pages[k],
				    page_count / entries * PAGE_SIZE, 0);
	}
}

static const u32 bench_external_pages[] = { 1, 16, BENCH_PAGES_MAXIMUM };

static void bench_external_run(struct bench *bench, const struct bench_row *row)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bench_external_pages); i++) {
		bench_external_set_pages(bench, bench_external_pages[i]);
		bench_instructions(bench, row, bench_external_pages[i]);
	}
}

void bench_external(struct kunit *test)
{
	const struct bench_settings settings = {
		.process_packet = bench_external_no_packet,
		.maximum_packet_size = BENCH_PAYLOAD_EXTERNAL,
		.maximum_pages = BENCH_PAGES_MAXIMUM,
	};
	struct bench *bench = bench_open(test, &settings);
	u32 i;

	bench->private = bench_external_make(bench);
	bench->payload_length = BENCH_PAYLOAD_EXTERNAL;
	for (i = 0; i < ARRAY_SIZE(bench_external_rows); i++) {
		const struct bench_row *row = &bench_external_rows[i];

		bench_external_run(bench, row);
		bench_allocations(bench, row);
		bench_signals(bench, row);
	}
	bench_choose_pages(bench, true);
	for (i = 0; i < ARRAY_SIZE(bench_external_contiguous_rows); i++)
		bench_external_run(bench, &bench_external_contiguous_rows[i]);
	bench_external_free(bench->private);
	bench_close(bench);
}
