// SPDX-License-Identifier: GPL-2.0
/*
 * The peer of the rows that send: it takes a batch of packets, looks whether
 * they are what they should be, and completes them. Not measured.
 */
#include <linux/mm.h>

#include "bench.h"

/* One range over all the pages, in order. */
void bench_peer_check_pages(struct bench *bench, const void *list, u32 length)
{
	const struct vmb_wire_gpa_direct *header = list;
	const struct vmb_wire_gpa_range *range = (void *)(header + 1);
	const u32 shift = PAGE_SHIFT - VMB_WIRE_PAGE_SHIFT;
	struct kunit *test = bench->test;
	u32 i;

	KUNIT_ASSERT_EQ(test, length, sizeof(*header) + sizeof(*range) +
			(bench->page_count << shift) * sizeof(__le64));
	KUNIT_ASSERT_EQ(test, 1, le32_to_cpu(header->range_count));
	KUNIT_ASSERT_EQ(test, bench->page_count * PAGE_SIZE,
			le32_to_cpu(range->byte_count));
	KUNIT_ASSERT_EQ(test, 0, le32_to_cpu(range->byte_offset));
	for (i = 0; i < bench->page_count; i++)
		KUNIT_ASSERT_EQ(test, (u64)page_to_pfn(bench->pages[i]) << shift,
				le64_to_cpu(range->pfn[i << shift]));
}

/* Take a batch out of the ring; each has its number in its first word. */
void bench_peer_take(struct bench *bench)
{
	const u32 type = bench->page_count ? VMB_WIRE_TYPE_DATA_GPA_DIRECT :
					     VMB_WIRE_TYPE_DATA_INBAND;
	struct kunit *test = bench->test;
	struct vmb_ring_packet packet;
	enum vmb_refusal refusal;
	u64 number;
	u32 i;

	for (i = 0; i < BENCH_BATCH; i++) {
		KUNIT_ASSERT_EQ(test, VMB_RING_DONE,
				vmb_ring_read(bench->reader, bench->received,
					      &packet, &refusal));
		KUNIT_ASSERT_EQ(test, type, packet.type);
		KUNIT_ASSERT_EQ(test, VMB_WIRE_FLAG_COMPLETION_REQUESTED,
				packet.flags);
		KUNIT_ASSERT_EQ(test, bench->payload_length, packet.payload_length);
		if (bench->page_count)
			bench_peer_check_pages(bench, bench->received,
					       packet.ranges_length);
		memcpy(&number, (u8 *)bench->received + packet.ranges_length,
		       sizeof(number));
		KUNIT_ASSERT_EQ(test, i, number);
		bench->ids[i] = packet.transaction_id;
	}
	KUNIT_ASSERT_EQ(test, VMB_RING_EMPTY,
			vmb_ring_read(bench->reader, bench->received, &packet,
				      &refusal));
	vmb_ring_reader_commit(bench->reader);
}

/* Complete the batch, the last packet first; the answer is number + 1. */
void bench_peer_answer(struct bench *bench)
{
	struct vmb_ring_outbound_packet packet = {
		.type = VMB_WIRE_TYPE_COMPLETION,
		.payload_length = BENCH_COMPLETION,
	};
	u32 i = BENCH_BATCH;
	u32 needed;
	u64 answer;

	bench_peer_take(bench);
	packet.payload = &answer;
	while (i--) {
		answer = i + 1;
		packet.transaction_id = bench->ids[i];
		KUNIT_ASSERT_EQ(bench->test, VMB_RING_DONE,
				vmb_ring_write(bench->writer, &packet, &needed));
	}
	vmb_ring_writer_commit(bench->writer);
}
