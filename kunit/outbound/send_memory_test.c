// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of the memory that external data lies in: mapped for a device,
 * let go of, or leaked where the peer may still write to it.
 */
#include <kunit/test.h>
#include <linux/dma-mapping.h>
#include <linux/kmsg_dump.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "send_memory.h"

/* The routine comes when the memory is the client's again. */
static void expect_released_at_end(struct sender *sender, struct vmb_packet *packet,
				   const struct send_end *end)
{
	KUNIT_EXPECT_EQ(sender->fixture->test, packet->external.count, 0);
	KUNIT_EXPECT_EQ(sender->fixture->test, packet->external.mapped, 0);
}

static u64 take_external(struct channel_fixture *fixture, u64 *pfn)
{
	struct sent_packet sent = {};

	KUNIT_ASSERT_TRUE(fixture->test, peer_take(fixture, &sent));
	KUNIT_EXPECT_EQ(fixture->test, sent.type, 9);
	/* The first page of the first range. */
	*pfn = le64_to_cpup((const __le64 *)(sent.body + 16));
	return sent.transaction_id;
}

static void mapped_for_a_device(struct kunit *test)
{
	static const u32 directions[] = {
		0, VMB_CHANNEL_FORMAT_FLAG_DATA_IN_ONLY, VMB_CHANNEL_FORMAT_FLAG_DATA_OUT_ONLY,
	};
	static const enum dma_data_direction expected[] = {
		DMA_BIDIRECTIONAL, DMA_FROM_DEVICE, DMA_TO_DEVICE,
	};
	struct channel_fixture *fixture = test->priv;
	struct page *base = send_pages(fixture, 2);
	struct bio_vec vectors[2] = {
		{ .bv_page = base, .bv_len = 4096 },
		{ .bv_page = base + 2, .bv_len = 100 },
	};
	u64 pfn, id;
	u32 i;

	if (send_bounces(fixture))
		kunit_skip(test, "everything bounces");
	send_reach(fixture, DMA_BIT_MASK(64));
	sender_of(fixture)->on_end = expect_released_at_end;
	channel_enable(fixture);
	for (i = 0; i < ARRAY_SIZE(directions); i++) {
		KUNIT_ASSERT_EQ(test, send_external(fixture, 0, vectors, 2, WAIT | directions[i]),
				0);
		KUNIT_EXPECT_EQ(test, send_external_of(fixture, 0)->count, 2);
		KUNIT_EXPECT_GE(test, send_external_of(fixture, 0)->mapped, 1);
		KUNIT_EXPECT_EQ(test, send_external_of(fixture, 0)->direction, expected[i]);
		id = take_external(fixture, &pfn);
		KUNIT_EXPECT_EQ(test, pfn, send_frame(vectors[0].bv_page));
		peer_answer(fixture, id, 0);
		send_expect_end(fixture, i, 0, 0);
		send_expect_released(fixture, 0);
	}
}

static void without_a_device(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct bio_vec vector = { .bv_page = send_pages(fixture, 0), .bv_len = 100 };

	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, send_external(fixture, 0, &vector, 1, WAIT), 0);
	KUNIT_EXPECT_EQ(test, send_external_of(fixture, 0)->count, 1);
	KUNIT_EXPECT_EQ(test, send_external_of(fixture, 0)->mapped, 0);
}

/* The DMA API has neither the page nor a bounce buffer for it. */
static void out_of_reach(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct bio_vec vector = { .bv_page = send_pages(fixture, 0), .bv_len = 100 };
	u32 size = 0;

	if (send_bounces(fixture) || page_to_phys(vector.bv_page) <= DMA_BIT_MASK(20))
		kunit_skip(test, "the page is in reach");
	send_reach(fixture, DMA_BIT_MASK(20));
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, send_external(fixture, 0, &vector, 1, WAIT), -ENOMEM);
	send_expect_released(fixture, 0);
	KUNIT_EXPECT_EQ(test,
			vmb_channel_send_synchronous_request(fixture->channel, NULL, 0, &vector,
							     1, WAIT, NULL, &size, HZ), -ENOMEM);
	peer_expect_nothing(fixture);
	send_expect_balance(fixture, 0, 0);
	KUNIT_EXPECT_EQ(test, vmb_transactions_taken(&fixture->channel->outbound.transactions), 0);
	send_one(fixture, 0, 8, WAIT);
	peer_answer(fixture, peer_expect_sent(fixture, 0, 8, WAIT), 0);
	send_expect_end(fixture, 0, 0, 0);
}

/* On a VM that bounces everything: swiotlb=force. */
static void bounced(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct bio_vec vector = { .bv_page = send_pages(fixture, 0), .bv_len = 4096 };
	u8 *memory = page_address(vector.bv_page);
	u64 pfn, id;
	u8 *peer;

	if (!send_bounces(fixture))
		kunit_skip(test, "needs swiotlb=force");
	send_reach(fixture, DMA_BIT_MASK(64));
	channel_enable(fixture);
	ring_image_fill(memory, 1, 4096);
	KUNIT_ASSERT_EQ(test, send_external(fixture, 0, &vector, 1, WAIT), 0);
	id = take_external(fixture, &pfn);
	KUNIT_EXPECT_NE(test, pfn, send_frame(vector.bv_page));
	peer = phys_to_virt(pfn << 12);
	KUNIT_EXPECT_TRUE(test, ring_image_is_filled(peer, 1, 4096));
	/* What the peer writes is there when the routine is called. */
	ring_image_fill(peer, 2, 4096);
	KUNIT_EXPECT_TRUE(test, ring_image_is_filled(memory, 1, 4096));
	peer_answer(fixture, id, 0);
	KUNIT_EXPECT_TRUE(test, ring_image_is_filled(memory, 2, 4096));
	/* But not what it should not have written. */
	KUNIT_ASSERT_EQ(test, send_external(fixture, 0, &vector, 1,
					    WAIT | VMB_CHANNEL_FORMAT_FLAG_DATA_OUT_ONLY), 0);
	id = take_external(fixture, &pfn);
	peer = phys_to_virt(pfn << 12);
	KUNIT_EXPECT_TRUE(test, ring_image_is_filled(peer, 2, 4096));
	ring_image_fill(peer, 3, 4096);
	peer_answer(fixture, id, 0);
	KUNIT_EXPECT_TRUE(test, ring_image_is_filled(memory, 2, 4096));
	send_expect_released(fixture, 0);
}

/* Entries that one mapping cannot hold become several; the peer sees none of it. */
static void mapped_in_pieces(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct page *first = send_pages(fixture, 3), *second = send_pages(fixture, 1);
	struct bio_vec vectors[] = {
		{ .bv_page = first, .bv_offset = 100, .bv_len = 6 * PAGE_SIZE - 100 },
		{ .bv_page = second, .bv_len = PAGE_SIZE + 1 },
	};
	static const u32 expected[][2] = {
		{ 100, 2 * PAGE_SIZE - 100 }, { 0, 2 * PAGE_SIZE }, { 0, 2 * PAGE_SIZE },
		{ 0, PAGE_SIZE + 1 },
	};
	const u32 frames = 6 * SEND_FRAMES_IN_PAGE;
	struct vmb_packet_external *external;
	u64 pfns[8 * SEND_FRAMES_IN_PAGE], id;
	u32 i;

	send_reach(fixture, DMA_BIT_MASK(64));
	fixture->transport.device.dma_most = 2 * PAGE_SIZE;
	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, send_external(fixture, 0, vectors, 2, WAIT), 0);
	external = send_external_of(fixture, 0);
	KUNIT_ASSERT_EQ(test, external->count, ARRAY_SIZE(expected));
	for (i = 0; i < external->count; i++) {
		KUNIT_EXPECT_EQ(test, external->table[i].offset, expected[i][0]);
		KUNIT_EXPECT_EQ(test, external->table[i].length, expected[i][1]);
	}
	id = send_take_range(fixture, 7 * PAGE_SIZE - 99, 100, pfns);
	for (i = 0; i < frames && !send_bounces(fixture); i++)
		KUNIT_EXPECT_EQ(test, pfns[i], send_frame(first) + i);
	for (; i <= frames + SEND_FRAMES_IN_PAGE && !send_bounces(fixture); i++)
		KUNIT_EXPECT_EQ(test, pfns[i], send_frame(second) + i - frames);
	peer_answer(fixture, id, 0);
	send_expect_end(fixture, 0, 0, 0);
	send_expect_released(fixture, 0);
	/* The object is as good as before: what fits is one entry again. */
	vectors[0].bv_len = 2 * PAGE_SIZE - 100;
	KUNIT_ASSERT_EQ(test, send_external(fixture, 0, vectors, 1, WAIT), 0);
	KUNIT_EXPECT_EQ(test, external->count, 1);
	peer_answer(fixture, send_take_range(fixture, 2 * PAGE_SIZE - 100, 100, pfns), 0);
	send_expect_released(fixture, 0);
}

/* More than swiotlb has slots for in a row. */
static void bounced_in_pieces(struct kunit *test)
{
	const u32 bytes = 524288, offset = 100;
	struct channel_fixture *fixture = test->priv;
	struct bio_vec vector = { .bv_page = send_pages(fixture, 8), .bv_offset = offset,
				  .bv_len = bytes };
	u8 *memory = (u8 *)page_address(vector.bv_page) + offset;
	u8 *seen = kunit_kzalloc(test, offset + bytes, GFP_KERNEL);
	u64 *pfns = kunit_kcalloc(test, 130, sizeof(*pfns), GFP_KERNEL);
	u32 done, part;
	u64 id;

	if (!send_bounces(fixture))
		kunit_skip(test, "needs swiotlb=force");
	KUNIT_ASSERT_NOT_NULL(test, seen);
	KUNIT_ASSERT_NOT_NULL(test, pfns);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_external_data(fixture->channel,
									 SZ_1M, 1), 0);
	send_reach(fixture, DMA_BIT_MASK(64));
	channel_enable(fixture);
	ring_image_fill(memory, 1, bytes);
	KUNIT_ASSERT_EQ(test, send_external(fixture, 0, &vector, 1, WAIT), 0);
	id = send_take_range(fixture, bytes, offset, pfns);
	/* What the peer reads, and what it writes. */
	for (done = offset; done < offset + bytes; done += part) {
		part = min(4096 - done % 4096, offset + bytes - done);
		memcpy(seen + done, phys_to_virt(pfns[done / 4096] << 12) + done % 4096, part);
	}
	KUNIT_EXPECT_TRUE(test, ring_image_is_filled(seen + offset, 1, bytes));
	ring_image_fill(seen + offset, 2, bytes);
	for (done = offset; done < offset + bytes; done += part) {
		part = min(4096 - done % 4096, offset + bytes - done);
		memcpy(phys_to_virt(pfns[done / 4096] << 12) + done % 4096, seen + done, part);
	}
	KUNIT_EXPECT_TRUE(test, ring_image_is_filled(memory, 1, bytes));
	peer_answer(fixture, id, 0);
	KUNIT_EXPECT_TRUE(test, ring_image_is_filled(memory, 2, bytes));
	KUNIT_EXPECT_EQ(test, memory[-1], 0);
	KUNIT_EXPECT_EQ(test, memory[bytes], 0);
	send_expect_released(fixture, 0);
}

/* Far more than there are bounce buffers for, were they not given back. */
static void mapped_and_unmapped(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct bio_vec vector = { .bv_page = send_pages(fixture, 4), .bv_len = 65536 };
	u64 pfn, id;
	u32 i;

	send_reach(fixture, DMA_BIT_MASK(64));
	channel_enable(fixture);
	for (i = 0; i < 2000; i++) {
		KUNIT_ASSERT_EQ(test, send_external(fixture, 0, &vector, 1, WAIT), 0);
		id = take_external(fixture, &pfn);
		peer_make_room(fixture);
		peer_answer(fixture, id, 0);
	}
	send_expect_balance(fixture, 2000, 0);
}

static void refused_after_it_was_mapped(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct bio_vec vector = { .bv_page = send_pages(fixture, 0), .bv_len = 100 };

	send_reach(fixture, DMA_BIT_MASK(64));
	KUNIT_EXPECT_EQ(test, send_external(fixture, 0, &vector, 1, WAIT), -ENODEV);
	send_expect_released(fixture, 0);
	KUNIT_EXPECT_EQ(test, page_count(vector.bv_page), 1);
}

static void closed_with_it_in_flight(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct bio_vec vector = { .bv_page = send_pages(fixture, 0), .bv_len = 100 };

	send_reach(fixture, DMA_BIT_MASK(64));
	sender_of(fixture)->on_end = expect_released_at_end;
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, send_external(fixture, 0, &vector, 1, WAIT), 0);
	channel_disable(fixture);
	send_expect_end(fixture, 0, 0, -ENODEV);
	send_expect_released(fixture, 0);
	KUNIT_EXPECT_EQ(test, page_count(vector.bv_page), 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, 0);
}

/* A peer that may still write to it: the transport cannot say otherwise. */

static int close_fails(struct vmb_channel *channel)
{
	struct channel_fixture *fixture = vmb_channel_get_pointer(channel);

	sender_of(fixture)->original->close(channel);
	return -ETIMEDOUT;
}

static void leaked(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct bio_vec first = { .bv_page = send_pages(fixture, 0), .bv_len = 100 };
	struct bio_vec second = { .bv_page = send_pages(fixture, 2), .bv_offset = 8192,
				  .bv_len = 4096 };
	u32 i;

	send_change_transport(fixture)->close = close_fails;
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, send_external(fixture, 0, &first, 1, WAIT), 0);
	KUNIT_EXPECT_EQ(test, send_external(fixture, 1, &second, 1, WAIT), 0);
	send_one(fixture, 2, 8, WAIT);
	channel_disable(fixture);
	/* What has nothing to leak ends as ever, and first. */
	send_expect_end(fixture, 0, 2, -ENODEV);
	for (i = 1; i < 3; i++)
		KUNIT_EXPECT_EQ(test, sender_of(fixture)->ends[i].status, -EIO);
	send_expect_ends(fixture, 3);
	send_expect_balance(fixture, 3, 3);
	/* Two packets, and the rings. */
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, 3);
	KUNIT_EXPECT_EQ(test, page_count(first.bv_page), 2);
	KUNIT_EXPECT_EQ(test, page_count(second.bv_page), 2);
	/* This peer exists only here. */
	put_page(first.bv_page);
	put_page(second.bv_page);
}

/* Of a piece of several pages each is. */
static void leaked_neighbours(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct page *base = send_pages(fixture, 2);
	struct bio_vec vectors[3];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(vectors); i++)
		vectors[i] = (struct bio_vec) { .bv_page = base + i, .bv_len = PAGE_SIZE };
	send_change_transport(fixture)->close = close_fails;
	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, send_external(fixture, 0, vectors, 3, WAIT), 0);
	KUNIT_EXPECT_EQ(test, send_external_of(fixture, 0)->count, 1);
	channel_disable(fixture);
	/* Those of a block are counted with its first. */
	KUNIT_EXPECT_EQ(test, page_count(base), 4);
	for (i = 0; i < ARRAY_SIZE(vectors); i++)
		put_page(base + i);
}

/* Lines of the log about leaked packets. */
static u32 lines_about_leaks(char *line, size_t size)
{
	struct kmsg_dump_iter iter;
	u32 lines = 0;
	size_t length;

	kmsg_dump_rewind(&iter);
	while (kmsg_dump_get_line(&iter, false, line, size - 1, &length)) {
		line[length] = 0;
		if (strstr(line, "must never be freed"))
			lines++;
	}
	return lines;
}

/* How many leak is the peer's choice: one line for all of them. */
static void many_leaked(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct bio_vec vector = { .bv_page = send_pages(fixture, 0), .bv_len = 100 };
	const u32 count = 100;
	char *line = kunit_kmalloc(test, 1024, GFP_KERNEL);
	u32 before, i;

	KUNIT_ASSERT_NOT_NULL(test, line);
	send_change_transport(fixture)->close = close_fails;
	channel_enable(fixture);
	for (i = 0; i < count; i++)
		KUNIT_EXPECT_EQ(test, send_external(fixture, i, &vector, 1, WAIT), 0);
	before = lines_about_leaks(line, 1024);
	channel_disable(fixture);
	KUNIT_EXPECT_EQ(test, lines_about_leaks(line, 1024), before + 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, count + 1);
	KUNIT_EXPECT_EQ(test, page_count(vector.bv_page), count + 1);
	for (i = 0; i < count; i++)
		put_page(vector.bv_page);
}

/* Kept once, whoever kept it before. */
static void leaked_after_a_time_out(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct bio_vec vector = { .bv_page = send_pages(fixture, 0), .bv_len = 100 };

	send_change_transport(fixture)->close = close_fails;
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test,
			vmb_channel_send_synchronous_request(fixture->channel, NULL, 0, &vector,
							     1, WAIT, NULL, NULL, 1),
			-ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, page_count(vector.bv_page), 2);
	channel_disable(fixture);
	KUNIT_EXPECT_EQ(test, page_count(vector.bv_page), 2);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, 2);
	KUNIT_EXPECT_EQ(test, fixture->channel->outbound.allocated, 0);
	put_page(vector.bv_page);
}

/* A VM that hibernates ends them as late as those with external data, and differently. */
static void leaked_at_hibernation(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	send_change_transport(fixture)->close = close_fails;
	channel_enable(fixture);
	send_one(fixture, 0, 8, WAIT);
	KUNIT_EXPECT_EQ(test, vmb_transport_device_pm_close(&fixture->transport.device), 0);
	send_expect_end(fixture, 0, 0, -ENODEV);
	send_expect_ends(fixture, 1);
	/* The rings. */
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, 1);
}

/* Of slab memory only the client can see to it. */
static void leaked_slab_memory(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	void *memory = kunit_kzalloc(test, 256, GFP_KERNEL);
	struct bio_vec vector;
	int before;

	KUNIT_ASSERT_NOT_NULL(test, memory);
	bvec_set_virt(&vector, memory, 256);
	before = page_count(vector.bv_page);
	send_change_transport(fixture)->close = close_fails;
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, send_external(fixture, 0, &vector, 1, WAIT), 0);
	channel_disable(fixture);
	send_expect_end(fixture, 0, 0, -EIO);
	KUNIT_EXPECT_EQ(test, page_count(vector.bv_page), before);
}

/* A packet that was sent before anybody knew how small the ring would be. */

static int open_small(struct vmb_channel *channel)
{
	struct channel_fixture *fixture = vmb_channel_get_pointer(channel);
	int ret = sender_of(fixture)->original->open(channel);
	struct vmb_ring inbound, outbound;

	if (ret)
		return ret;
	inbound = channel->inbound.reader.ring;
	outbound = channel->outbound.writer.ring;
	outbound.size = 4096;
	fixture->outbound.size = 4096;
	return vmb_channel_attach_rings(channel, &inbound, &outbound);
}

static void larger_than_the_ring(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet *packet;
	u64 *pfns, pfn, id;
	u32 i;

	pfns = kunit_kcalloc(test, 520, sizeof(*pfns), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pfns);
	for (i = 0; i < 520; i++)
		pfns[i] = send_frame(ZERO_PAGE(0));
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_external_data(fixture->channel,
									 520 * 4096, 1), 0);
	/* One that just fits: 4,088 bytes with all that surrounds it. */
	packet = send_make(fixture, 1);
	send_wait_for_peer(fixture);
	sender_of(fixture)->operations.open = open_small;
	KUNIT_EXPECT_EQ(test, vmb_packet_send_with_external_pfns(send_make(fixture, 0), NULL, 0,
								 pfns, 507, WAIT), 0);
	KUNIT_EXPECT_EQ(test, vmb_packet_send_with_external_pfns(packet, NULL, 0, pfns, 506, WAIT),
			0);
	KUNIT_EXPECT_EQ(test, vmb_packet_send_with_external_pfns(send_make(fixture, 2), NULL, 0,
								 pfns, 520, WAIT), 0);
	send_one(fixture, 3, 8, 0);
	vmb_channel_peer_arrived(fixture->channel);
	channel_settle(fixture);
	vmb_watchdog_stop(fixture->channel);
	send_expect_end(fixture, 0, 0, -EMSGSIZE);
	id = take_external(fixture, &pfn);
	peer_make_room(fixture);
	send_expect_end(fixture, 1, 2, -EMSGSIZE);
	peer_expect_sent(fixture, 3, 8, 0);
	send_expect_end(fixture, 2, 3, 0);
	peer_answer(fixture, id, 0);
	send_expect_end(fixture, 3, 1, 0);
	KUNIT_EXPECT_EQ(test, peer_pending_send_size(fixture), 0);
	/* Now it is known. */
	KUNIT_EXPECT_EQ(test, vmb_packet_send_with_external_pfns(packet, NULL, 0, pfns, 507, WAIT),
			-EMSGSIZE);
	send_expect_released(fixture, 1);
	send_expect_balance(fixture, 4, 2);
}

static struct kunit_case send_memory_cases[] = {
	KUNIT_CASE(mapped_for_a_device),
	KUNIT_CASE(without_a_device),
	KUNIT_CASE(out_of_reach),
	KUNIT_CASE(bounced),
	KUNIT_CASE(mapped_in_pieces),
	KUNIT_CASE(bounced_in_pieces),
	KUNIT_CASE(mapped_and_unmapped),
	KUNIT_CASE(refused_after_it_was_mapped),
	KUNIT_CASE(closed_with_it_in_flight),
	KUNIT_CASE(leaked),
	KUNIT_CASE(leaked_neighbours),
	KUNIT_CASE(many_leaked),
	KUNIT_CASE(leaked_after_a_time_out),
	KUNIT_CASE(leaked_at_hibernation),
	KUNIT_CASE(leaked_slab_memory),
	KUNIT_CASE(larger_than_the_ring),
	{}
};

static struct kunit_suite send_memory_suite = {
	.name = "vmbkmcl_send_memory",
	.init = send_memory_init,
	.exit = send_fixture_exit,
	.test_cases = send_memory_cases,
};

kunit_test_suite(send_memory_suite);
