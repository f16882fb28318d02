/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites about the memory of external data share: a device for it, and what
 * became of it.
 */
#ifndef VMB_KUNIT_SEND_MEMORY_H
#define VMB_KUNIT_SEND_MEMORY_H

#include <linux/dma-mapping.h>
#include <linux/swiotlb.h>

#include "../fixtures/send_fixture.h"

static inline int send_memory_init(struct kunit *test)
{
	int ret = send_fixture_init(test);
	struct channel_fixture *fixture = test->priv;

	if (ret)
		return ret;
	channel_configure(fixture, 256, 17, 17);
	send_allow_external(fixture);
	return 0;
}

/*
 * A device that reaches so far; the transport's own, which has no driver. What
 * it wants of the DMA API is what the transport to a hypervisor does.
 */
static inline void send_reach(struct channel_fixture *fixture, u64 mask)
{
	struct device *device = fixture->transport.parent;

	device->dma_parms = kunit_kzalloc(fixture->test, sizeof(*device->dma_parms), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(fixture->test, device->dma_parms);
	device->dma_mask = &device->coherent_dma_mask;
	device->coherent_dma_mask = mask;
	dma_set_min_align_mask(device, 4095);
	dma_set_max_seg_size(device, UINT_MAX);
	vmb_transport_device_set_dma_device(&fixture->transport.device, device);
}

static inline bool send_bounces(struct channel_fixture *fixture)
{
	return is_swiotlb_force_bounce(fixture->transport.parent);
}

static inline struct vmb_packet_external *
send_external_of(struct channel_fixture *fixture, u32 number)
{
	return &sender_of(fixture)->packets[number]->external;
}

static inline void send_expect_released(struct channel_fixture *fixture, u32 number)
{
	KUNIT_EXPECT_EQ(fixture->test, send_external_of(fixture, number)->count, 0);
	KUNIT_EXPECT_EQ(fixture->test, send_external_of(fixture, number)->mapped, 0);
}

/* Where the peer finds each page of the one range that it was told of. */
static inline u64 send_take_range(struct channel_fixture *fixture, u32 bytes, u32 offset,
				  u64 *pfns)
{
	struct kunit *test = fixture->test;
	u32 count = DIV_ROUND_UP(offset + bytes, 4096), i;
	struct sent_packet sent = {};
	const __le64 *words;

	KUNIT_ASSERT_TRUE(test, peer_take(fixture, &sent));
	KUNIT_EXPECT_EQ(test, sent.type, 9);
	KUNIT_ASSERT_EQ(test, sent.offset, 16 + 8 * (2 + count));
	words = (const __le64 *)sent.body;
	KUNIT_EXPECT_EQ(test, le64_to_cpu(words[0]), 1ull << 32);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(words[1]), (u64)offset << 32 | bytes);
	for (i = 0; i < count; i++)
		pfns[i] = le64_to_cpu(words[2 + i]);
	peer_make_room(fixture);
	return sent.transaction_id;
}

#endif
