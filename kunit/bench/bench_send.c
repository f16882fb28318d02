// SPDX-License-Identifier: GPL-2.0
/*
 * What goes out and is completed by the peer: a batch of packets is sent, the
 * peer takes and completes them (not measured), the completions are read. What
 * is counted is both of the sender's parts.
 */
#include <linux/hyperv.h>
#include <linux/slab.h>

#include "bench.h"

/* Completions of each measurement of what is outstanding. */
#define BENCH_TURNS	512u

/**
 * struct bench_request - what a driver knows of a packet it has sent
 * @packet: ours.
 * @answer: what its completion said.
 */
struct bench_request {
	struct vmb_packet *packet;
	u64 answer;
};

static void bench_request_done(struct vmb_packet *packet, void *callback_context,
			       int status, const void *buffer, u32 buffer_length)
{
	struct bench_request *request = callback_context;

	request->answer = *(const u64 *)buffer;
}

/* Nothing comes in but completions. */
static void bench_no_packet(struct vmb_channel *channel, void *callback_context,
			    struct vmb_packet_completion *packet, void *buffer,
			    u32 buffer_length, u32 flags)
{
	struct bench *bench = callback_context;

	bench->failures++;
	vmb_channel_packet_complete(packet, NULL, 0);
}

static struct bench_request *bench_make_requests(struct bench *bench, u32 count)
{
	struct bench_request *requests;
	u32 i;

	requests = kvcalloc(count, sizeof(*requests), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(bench->test, requests);
	for (i = 0; i < count; i++) {
		requests[i].packet = vmb_packet_allocate(bench->channel);
		KUNIT_ASSERT_NOT_NULL(bench->test, requests[i].packet);
		vmb_packet_set_completion_routine(requests[i].packet, &requests[i],
						  bench_request_done);
	}
	return requests;
}

static void bench_free_requests(struct bench_request *requests, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		vmb_packet_free(requests[i].packet);
	kvfree(requests);
}

static void bench_raw_send(struct bench *bench)
{
	struct bench_request *requests = bench->private;
	u64 id;
	u32 i;

	for (i = 0; i < BENCH_BATCH; i++) {
		bench->payload[0] = i;
		if (vmbus_sendpacket_getid(bench->raw.channel, bench->payload,
					   bench->payload_length,
					   (unsigned long)&requests[i], &id,
					   VM_PKT_DATA_INBAND,
					   VMBUS_DATA_PACKET_FLAG_COMPLETION_REQUESTED))
			bench->failures++;
	}
}

static void bench_raw_completions(struct bench *bench)
{
	struct vmbus_channel *channel = bench->raw.channel;
	struct vmpacket_descriptor *packet;

	foreach_vmbus_pkt(packet, channel) {
		struct bench_request *request;
		u64 address;

		if (packet->type != VM_PKT_COMP)
			continue;
		address = vmbus_request_addr(channel, packet->trans_id);
		if (address == VMBUS_RQST_ERROR)
			continue;
		request = (void *)(unsigned long)address;
		request->answer = *(u64 *)hv_pkt_data(packet);
	}
}

static void bench_ours_send(struct bench *bench)
{
	struct bench_request *requests = bench->private;
	u32 i;

	for (i = 0; i < BENCH_BATCH; i++) {
		bench->payload[0] = i;
		if (vmb_packet_send(requests[i].packet, bench->payload,
				    bench->payload_length, NULL, 0,
				    VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION))
			bench->failures++;
	}
}

static void bench_ours_completions(struct bench *bench)
{
	vmb_channel_interrupt(bench->channel);
}

/* Every request has got its own answer. */
static void bench_check_answers(struct bench *bench)
{
	struct bench_request *requests = bench->private;
	u32 i;

	for (i = 0; i < BENCH_BATCH; i++) {
		KUNIT_ASSERT_EQ(bench->test, i + 1, requests[i].answer);
		requests[i].answer = 0;
	}
}

static const struct bench_row bench_send_rows[] = {
	{
		.name = "raw-send",
		.raw = true,
		.steps = {
			{ .run = bench_raw_send, .measured = true },
			{ .run = bench_peer_answer },
			{ .run = bench_raw_completions, .measured = true },
			{ .run = bench_check_answers },
		},
	},
	{
		.name = "ours-send",
		.steps = {
			{ .run = bench_ours_send, .measured = true },
			{ .run = bench_peer_answer },
			{ .run = bench_ours_completions, .measured = true },
			{ .run = bench_check_answers },
		},
	},
};

/*
 * raw-send: vmbus_sendpacket_getid() with the kernel's request ids, and
 * vmbus_request_addr() for each completion. ours-send: vmb_packet_send() of
 * packets that are used again and again, each with a completion routine.
 */
void bench_sends(struct kunit *test)
{
	const struct bench_settings settings = {
		.process_packet = bench_no_packet,
		.maximum_packet_size = BENCH_PAYLOAD_MAXIMUM,
	};
	static const u32 lengths[] = { 4096, 64 };
	struct bench *bench = bench_open(test, &settings);
	u32 i, k;

	bench->private = bench_make_requests(bench, BENCH_BATCH);
	for (i = 0; i < ARRAY_SIZE(bench_send_rows); i++) {
		const struct bench_row *row = &bench_send_rows[i];

		for (k = 0; k < ARRAY_SIZE(lengths); k++) {
			bench->payload_length = lengths[k];
			bench_instructions(bench, row, lengths[k]);
		}
		bench_allocations(bench, row);
		bench_signals(bench, row);
	}
	bench_free_requests(bench->private, BENCH_BATCH);
	bench_close(bench);
}

/* Send a request and have the peer take it; its id, for the peer. */
static u64 bench_put_out(struct bench *bench, const struct bench_request *request)
{
	struct vmb_ring_packet packet;
	enum vmb_refusal refusal;

	KUNIT_ASSERT_EQ(bench->test, 0,
			vmb_packet_send(request->packet, bench->payload,
					bench->payload_length, NULL, 0,
					VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION));
	KUNIT_ASSERT_EQ(bench->test, VMB_RING_DONE,
			vmb_ring_read(bench->reader, bench->received, &packet,
				      &refusal));
	vmb_ring_reader_commit(bench->reader);
	return packet.transaction_id;
}

static void bench_peer_complete(struct bench *bench, u64 id, u64 answer)
{
	const struct vmb_ring_outbound_packet packet = {
		.transaction_id = id,
		.type = VMB_WIRE_TYPE_COMPLETION,
		.payload = &answer,
		.payload_length = BENCH_COMPLETION,
	};
	u32 needed;

	KUNIT_ASSERT_EQ(bench->test, VMB_RING_DONE,
			vmb_ring_write(bench->writer, &packet, &needed));
	vmb_ring_writer_commit(bench->writer);
}

/* Completions, one at a time, from all over what is outstanding. */
static u64 bench_outstanding_pass(struct bench *bench,
				  struct bench_request *requests, u64 *ids, u32 count)
{
	u64 sum = 0;
	u32 i, which;

	for (i = 0; i < BENCH_TURNS; i++) {
		which = i * 1103u % count;
		bench_peer_complete(bench, ids[which], i + 1);
		sum += bench_measure(bench, bench_ours_completions);
		KUNIT_ASSERT_EQ(bench->test, i + 1, requests[which].answer);
		ids[which] = bench_put_out(bench, &requests[which]);
	}
	return sum;
}

static void bench_outstanding_count(struct bench *bench, u32 count)
{
	struct bench_request *requests = bench_make_requests(bench, count);
	u64 best = U64_MAX;
	u64 *ids;
	u32 i;

	ids = kvcalloc(count, sizeof(*ids), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(bench->test, ids);
	for (i = 0; i < count; i++)
		ids[i] = bench_put_out(bench, &requests[i]);
	for (i = 0; i < BENCH_PASSES; i++)
		best = min(best, bench_outstanding_pass(bench, requests, ids, count));
	bench_report(bench, "outstanding", "ours", count, best, BENCH_TURNS);
	for (i = 0; i < count; i++) {
		bench_peer_complete(bench, ids[i], i);
		bench_ours_completions(bench);
	}
	kvfree(ids);
	bench_free_requests(requests, count);
}

/*
 * A completion with so many outstanding. Always one for each time that the ring
 * is looked at, or one outstanding could not be compared with many: what the
 * looking costs is in the number.
 */
void bench_outstanding(struct kunit *test)
{
	const struct bench_settings settings = {
		.process_packet = bench_no_packet,
		.maximum_packet_size = 64,
		.maximum_packet_count = 8192,
	};
	static const u32 counts[] = { 1, 64, 1024, 4096 };
	struct bench *bench = bench_open(test, &settings);
	u32 i;

	bench->payload_length = 64;
	bench->writer = &bench->transport.peer_writer;
	bench->reader = &bench->transport.peer_reader;
	for (i = 0; i < ARRAY_SIZE(counts); i++)
		bench_outstanding_count(bench, counts[i]);
	bench_close(bench);
}
