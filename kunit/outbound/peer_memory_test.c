// SPDX-License-Identifier: GPL-2.0
/*
 * External data in an isolated VM, as far as one can be had without one: what the host
 * may see bounces, what it may not goes to a peer inside of the VM as it is, and until
 * it is known which of them the peer is, nothing is mapped.
 */
#include <kunit/test.h>
#include <linux/mm.h>

#include "send_memory.h"

struct kind {
	bool isolated;
	bool encrypted;
	bool ring_alone;
	bool mapped;
};

/*
 * Only of a VM that is isolated it means something where the peer is. Isolated it is when
 * a channel is disabled, too, so those come last.
 */
static const struct kind kinds[] = {
	{ .isolated = false, .encrypted = false, .mapped = true },
	{ .isolated = false, .encrypted = true, .mapped = true },
	{ .isolated = false, .ring_alone = true, .mapped = true },
	{ .isolated = true, .encrypted = false, .mapped = true },
	{ .isolated = true, .encrypted = true, .mapped = false },
	{ .isolated = true, .ring_alone = true, .mapped = true },
};

static void enable_as(struct channel_fixture *fixture, const struct kind *kind)
{
	fixture->transport.device.isolated = kind->isolated;
	fixture->transport.encrypted = kind->encrypted;
	fixture->transport.ring_alone = kind->ring_alone;
	channel_enable(fixture);
}

/* One page, or two that are neighbours: for the DMA API these are other calls. */
static void mapped_for(struct channel_fixture *fixture, const struct kind *kind, u32 pages)
{
	const u32 flags = WAIT | VMB_CHANNEL_FORMAT_FLAG_DATA_OUT_ONLY;
	struct kunit *test = fixture->test;
	struct page *base = send_pages(fixture, 2);
	/* Not in a row, for then they were one piece. */
	struct bio_vec vectors[] = {
		{ .bv_page = base + 2, .bv_len = 4096 },
		{ .bv_page = base, .bv_len = 4096 },
	};
	bool bounces = kind->mapped && send_bounces(fixture);
	u64 pfns[2], id;
	u32 i;

	for (i = 0; i < pages; i++)
		ring_image_fill(page_address(vectors[i].bv_page), 1 + i, 4096);
	KUNIT_ASSERT_EQ(test, send_external(fixture, 0, vectors, pages, flags), 0);
	KUNIT_EXPECT_EQ(test, send_external_of(fixture, 0)->count, pages);
	KUNIT_EXPECT_EQ(test, send_external_of(fixture, 0)->mapped != 0, kind->mapped);
	id = send_take_range(fixture, pages * 4096, 0, pfns);
	for (i = 0; i < pages; i++) {
		KUNIT_EXPECT_EQ(test, pfns[i] << 12 != page_to_phys(vectors[i].bv_page),
				bounces);
		KUNIT_EXPECT_TRUE(test, ring_image_is_filled(phys_to_virt(pfns[i] << 12),
							     1 + i, 4096));
	}
	peer_answer(fixture, id, 0);
	send_expect_released(fixture, 0);
}

static void where_the_peer_finds_it(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	send_reach(fixture, DMA_BIT_MASK(64));
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		enable_as(fixture, &kinds[i]);
		mapped_for(fixture, &kinds[i], 1);
		mapped_for(fixture, &kinds[i], 2);
		channel_disable(fixture);
	}
}

/* What does not bounce need not be cut to the size of bounce buffers, and is joined. */
static void not_in_pieces(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct page *base = send_pages(fixture, 3);
	struct bio_vec vectors[] = {
		{ .bv_page = base, .bv_len = 3 * PAGE_SIZE },
		{ .bv_page = base + 3, .bv_len = PAGE_SIZE },
	};
	u32 i, k;

	send_reach(fixture, DMA_BIT_MASK(64));
	fixture->transport.device.dma_most = PAGE_SIZE;
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		enable_as(fixture, &kinds[i]);
		for (k = 1; k <= 2; k++) {
			u32 pieces = kinds[i].mapped ? 2 + k : 1;
			struct sent_packet sent = {};

			KUNIT_ASSERT_EQ(test, send_external(fixture, 0, vectors, k, WAIT), 0);
			KUNIT_EXPECT_EQ(test, send_external_of(fixture, 0)->count, pieces);
			KUNIT_ASSERT_TRUE(test, peer_take(fixture, &sent));
			peer_make_room(fixture);
			peer_answer(fixture, sent.transaction_id, 0);
			send_expect_released(fixture, 0);
		}
		channel_disable(fixture);
	}
}

static const enum vmb_peer_memory memories[] = {
	VMB_PEER_MEMORY_ENCRYPTED,
	VMB_PEER_MEMORY_RING,
	VMB_PEER_MEMORY_DECRYPTED,
};

static enum vmb_peer_memory memory_of(const struct kind *kind)
{
	if (kind->encrypted)
		return VMB_PEER_MEMORY_ENCRYPTED;
	return kind->ring_alone ? VMB_PEER_MEMORY_RING : VMB_PEER_MEMORY_DECRYPTED;
}

static void expect_refused(struct channel_fixture *fixture, struct bio_vec *vector, int error)
{
	u64 pfn = send_frame(vector->bv_page);
	struct kunit *test = fixture->test;
	u32 size = 0;

	KUNIT_EXPECT_EQ(test, send_external(fixture, 0, vector, 1, WAIT), error);
	send_expect_released(fixture, 0);
	KUNIT_EXPECT_EQ(test, vmb_packet_send_with_external_pfns(send_make(fixture, 1), NULL, 0,
								 &pfn, 1, WAIT), error);
	send_expect_released(fixture, 1);
	KUNIT_EXPECT_EQ(test,
			vmb_channel_send_synchronous_request(fixture->channel, NULL, 0, vector,
							     1, WAIT, NULL, &size, HZ), error);
}

/* Bounced, it would be where the host sees it before anybody knows whether it may. */
static void not_before_it_is_known(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct bio_vec vector = { .bv_page = send_pages(fixture, 0), .bv_len = 100 };

	send_reach(fixture, DMA_BIT_MASK(64));
	/* Who was there before says nothing of who comes. */
	enable_as(fixture, &kinds[3]);
	channel_disable(fixture);
	fixture->transport.open_error = -ECONNREFUSED;
	KUNIT_ASSERT_EQ(test, vmb_channel_enable(fixture->channel), 0);
	channel_disable(fixture);
	expect_refused(fixture, &vector, -ENODEV);
	/* An offer is awaited, or it is being opened. */
	WRITE_ONCE(fixture->channel->outbound.accepting, true);
	expect_refused(fixture, &vector, -EAGAIN);
	WRITE_ONCE(fixture->channel->outbound.accepting, false);
	/* What has none needs no answer to that. */
	KUNIT_EXPECT_EQ(test, send_try(fixture, 2, 8, WAIT), -ENODEV);
}

/* A packet may have been mapped for the first peer, and wait for the second. */
static void settled_once(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel *channel = fixture->channel;
	u32 i, k;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct kind *kind = &kinds[i];
		enum vmb_peer_memory memory = memory_of(kind);

		enable_as(fixture, kind);
		KUNIT_EXPECT_EQ(test, vmb_channel_settle_peer_memory(channel, memory), 0);
		for (k = 0; k < ARRAY_SIZE(memories); k++)
			KUNIT_EXPECT_EQ(test,
					vmb_channel_settle_peer_memory(channel, memories[k]),
					kind->isolated && memories[k] != memory ? -EPERM : 0);
		/* Which has changed nothing. */
		KUNIT_EXPECT_EQ(test, vmb_channel_settle_peer_memory(channel, memory), 0);
		channel_disable(fixture);
	}
}

/* Mapped in one life of the channel, and sent in the next, with a peer of another kind. */
static void mapped_for_another(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct bio_vec vector = { .bv_page = send_pages(fixture, 0), .bv_len = 100 };
	struct vmb_channel *channel = fixture->channel;
	struct vmb_packet *packet;
	u32 i, k;

	send_reach(fixture, DMA_BIT_MASK(64));
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		enum vmb_peer_memory memory = memory_of(&kinds[i]);

		if (!kinds[i].isolated)
			continue;
		enable_as(fixture, &kinds[i]);
		packet = send_make(fixture, i);
		KUNIT_ASSERT_EQ(test, vmb_outbound_data_from_vectors(packet, &vector, 1, 0, 0,
								     WAIT), 0);
		packet->waits = true;
		for (k = 0; k < ARRAY_SIZE(memories); k++) {
			if (memories[k] == memory)
				continue;
			WRITE_ONCE(channel->peer_memory, memories[k]);
			KUNIT_EXPECT_EQ(test, vmb_send_submit(packet, NULL, 0, true), -ENODEV);
		}
		WRITE_ONCE(channel->peer_memory, memory);
		vmb_outbound_data_release(packet, false);
		channel_disable(fixture);
	}
}

static struct kunit_case peer_memory_cases[] = {
	KUNIT_CASE(where_the_peer_finds_it),
	KUNIT_CASE(not_in_pieces),
	KUNIT_CASE(not_before_it_is_known),
	KUNIT_CASE(settled_once),
	KUNIT_CASE(mapped_for_another),
	{}
};

/* The name ends as those of the suites that also run where everything bounces. */
static struct kunit_suite peer_memory_suite = {
	.name = "vmbkmcl_peer_memory",
	.init = send_memory_init,
	.exit = send_fixture_exit,
	.test_cases = peer_memory_cases,
};

kunit_test_suite(peer_memory_suite);
