// SPDX-License-Identifier: GPL-2.0
/*
 * Confidential channels: what becomes of rings and of other memory, for each of the four
 * that an offer may say of them. There is no paravisor, and this kernel may have no such
 * channels: the test says what the offer did.
 */
#include <kunit/static_stub.h>
#include <linux/hyperv.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/string.h>

/*
 * Where the kernel has no such flags, two others take their places, in this file alone:
 * so that what compat.h makes of them runs, whatever kernel the suites run on.
 */
#ifdef VMBUS_CHANNEL_CONFIDENTIAL_RING_BUFFER
#define KERNEL_HAS_THEM	true
#else
#define KERNEL_HAS_THEM	false
#define VMBUS_CHANNEL_CONFIDENTIAL_RING_BUFFER	2
#define co_ring_buffer	is_dedicated_interrupt
#define co_external_memory	low_latency
#endif

#include "../../drivers/kmcl/channel.h"
#include "../../drivers/kmcl/compat.h"
#include "../fixtures/hv_fixture.h"

struct combination {
	struct vmb_hv_confidential says;
	int settled;
	bool decrypts;
};

static const struct combination combinations[] = {
	{ .says = { .ring = false, .external = false }, .decrypts = true },
	{ .says = { .ring = true, .external = false }, .decrypts = true },
	{ .says = { .ring = true, .external = true }, .decrypts = false },
	/* The host could have the paravisor read for it. */
	{ .says = { .ring = false, .external = true }, .settled = -EPERM, .decrypts = true },
};

static const struct vmb_hv_confidential none;

static struct vmb_channel *channel_in(struct kunit *test, bool isolated)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_channel *channel;

	fixture->device.transport.isolated = isolated;
	KUNIT_ASSERT_EQ(test, vmb_channel_allocate(&fixture->device.transport.device, false,
						   &channel), 0);
	return channel;
}

static void test_what_the_offer_says(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmbus_channel *primary = &fixture->primary;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(combinations); i++) {
		const struct vmb_hv_confidential *these = &combinations[i].says;
		struct vmb_hv_confidential says;

		primary->co_ring_buffer = these->ring;
		primary->co_external_memory = these->external;
		KUNIT_EXPECT_EQ(test, vmb_hv_ring_is_confidential(primary), these->ring);
		KUNIT_EXPECT_EQ(test, vmb_hv_external_is_confidential(primary),
				these->external);
		/* Compiled without them it sees none. */
		says = vmb_hv_confidential_of(primary);
		KUNIT_EXPECT_EQ(test, says.ring, KERNEL_HAS_THEM && these->ring);
		KUNIT_EXPECT_EQ(test, says.external, KERNEL_HAS_THEM && these->external);
	}
}

static void test_other_memory(struct kunit *test)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(combinations); i++) {
		const struct combination *these = &combinations[i];
		struct vmb_channel *channel = channel_in(test, true);

		KUNIT_EXPECT_EQ(test, channel->peer_memory, VMB_PEER_MEMORY_UNKNOWN);
		KUNIT_EXPECT_EQ_MSG(test, vmb_hv_settle_memory(channel, these->says, none),
				    these->settled, "combination %u", i);
		KUNIT_EXPECT_EQ_MSG(test, vmb_channel_decrypts(channel), these->decrypts,
				    "combination %u", i);
		/* The paravisor is not asked for memory that was not shared with it. */
		KUNIT_EXPECT_EQ(test, vmb_channel_init_set_raw_guest_memory(channel), -EPERM);
		vmb_channel_cleanup(channel);
	}
}

static void test_not_isolated(struct kunit *test)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(combinations); i++) {
		const struct combination *these = &combinations[i];
		struct vmb_channel *channel = channel_in(test, false);

		KUNIT_EXPECT_EQ_MSG(test, vmb_hv_settle_memory(channel, these->says, none),
				    0, "combination %u", i);
		KUNIT_EXPECT_EQ(test, channel->peer_memory, VMB_PEER_MEMORY_PLAIN);
		KUNIT_EXPECT_FALSE(test, vmb_channel_decrypts(channel));
		vmb_channel_cleanup(channel);
	}
}

/* Of a device's channels each has its own, but none has less than the device's first. */
static void test_each_for_itself(struct kunit *test)
{
	const struct vmb_hv_confidential whole = { .ring = true, .external = true };
	const struct vmb_hv_confidential ring = { .ring = true };
	struct hv_fixture *fixture = test->priv;

	fixture->channel = channel_in(test, true);
	fixture->sub_channel = channel_in(test, true);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_primary_channel(fixture->sub_channel,
								   fixture->channel, 1), 0);
	KUNIT_EXPECT_EQ(test, vmb_hv_settle_memory(fixture->channel, ring, ring), 0);
	/* That of its primary says nothing of a sub-channel. */
	KUNIT_EXPECT_EQ(test, fixture->sub_channel->peer_memory, VMB_PEER_MEMORY_UNKNOWN);
	KUNIT_EXPECT_EQ(test, vmb_hv_settle_memory(fixture->sub_channel, whole, ring), 0);
	KUNIT_EXPECT_FALSE(test, vmb_channel_decrypts(fixture->sub_channel));
	KUNIT_EXPECT_TRUE(test, vmb_channel_decrypts(fixture->channel));
}

/* The host offers one under the number of the paravisor's. */
static void test_no_less_than_the_device(struct kunit *test)
{
	const struct vmb_hv_confidential whole = { .ring = true, .external = true };
	const struct vmb_hv_confidential ring = { .ring = true };
	struct hv_fixture *fixture = test->priv;

	fixture->channel = channel_in(test, true);
	KUNIT_EXPECT_EQ(test, vmb_hv_settle_memory(fixture->channel, none, whole), -EPERM);
	KUNIT_EXPECT_EQ(test, vmb_hv_settle_memory(fixture->channel, none, ring), -EPERM);
	KUNIT_EXPECT_EQ(test, vmb_hv_settle_memory(fixture->channel, ring, whole), -EPERM);
	/* None of which has settled anything. */
	KUNIT_EXPECT_EQ(test, fixture->channel->peer_memory, VMB_PEER_MEMORY_UNKNOWN);
	KUNIT_EXPECT_EQ(test, vmb_hv_settle_memory(fixture->channel, whole, whole), 0);
}

/* The host takes it back, and offers another one: what was queued is not for that. */
static void test_another_offer(struct kunit *test)
{
	const struct vmb_hv_confidential says[] = {
		{}, { .ring = true }, { .ring = true, .external = true },
	};
	u32 i, k;

	for (i = 0; i < ARRAY_SIZE(says); i++) {
		struct vmb_channel *channel = channel_in(test, true);

		KUNIT_EXPECT_EQ(test, vmb_hv_settle_memory(channel, says[i], none), 0);
		for (k = 0; k < ARRAY_SIZE(says); k++)
			KUNIT_EXPECT_EQ_MSG(test, vmb_hv_settle_memory(channel, says[k], none),
					    i == k ? 0 : -EPERM, "%u, then %u", i, k);
		vmb_channel_cleanup(channel);
	}
}

/* What the offers of a case say: of the device's channel, and of all others. */
static struct vmb_hv_confidential primary_says, others_say;

static struct vmb_hv_confidential what_is_said(const struct vmbus_channel *channel)
{
	return channel->primary_channel ? others_say : primary_says;
}

static int prepare(struct hv_fixture *fixture)
{
	u32 inbound = SZ_16K, outbound = SZ_16K;

	return vmb_hv_channel_operations.prepare(fixture->channel, &inbound, &outbound, SZ_8K);
}

/* An offer that cannot be is refused before it gets rings, and they are not lost. */
static void test_refused_when_enabled(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	kunit_activate_static_stub(test, vmb_hv_confidential_of, what_is_said);
	primary_says = (struct vmb_hv_confidential) { .external = true };
	fixture->channel = channel_in(test, true);
	KUNIT_EXPECT_EQ(test, prepare(fixture), -EPERM);
	KUNIT_EXPECT_FALSE(test, list_empty(&fixture->device.kept));
	KUNIT_EXPECT_EQ(test, fixture->channel->peer_memory, VMB_PEER_MEMORY_UNKNOWN);
}

/* So is one that has less than the client's device, before the host hears of it. */
static void test_refused_when_opened(struct kunit *test)
{
	const struct vmb_hv_confidential whole = { .ring = true, .external = true };
	const struct vmb_hv_confidential ring = { .ring = true };
	struct hv_fixture *fixture = test->priv;
	struct vmb_hv_channel *hv;

	kunit_activate_static_stub(test, vmb_hv_confidential_of, what_is_said);
	primary_says = ring;
	fixture->channel = channel_in(test, true);
	KUNIT_ASSERT_EQ(test, prepare(fixture), 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->peer_memory, VMB_PEER_MEMORY_RING);
	hv = vmb_channel_transport_private(fixture->channel);
	hv->channel = &fixture->offered[0].channel;
	others_say = none;
	KUNIT_EXPECT_EQ(test, vmb_hv_channel_operations.open(fixture->channel), -EPERM);
	/* Nor is it one that has more, and is not what the client was told. */
	others_say = whole;
	KUNIT_EXPECT_EQ(test, vmb_hv_channel_operations.open(fixture->channel), -EPERM);
	KUNIT_EXPECT_NULL(test, hv->channel->ringbuffer_page);
	hv->channel = &fixture->primary;
	vmb_hv_channel_operations.unprepare(fixture->channel);
}

static u8 *memory_of(const struct vmb_hv_channel *hv)
{
	return page_address(hv->rings->pages);
}

static u32 size_of(const struct vmb_hv_channel *hv)
{
	return hv->rings->outbound_size + hv->rings->inbound_size;
}

static bool is_empty(const u8 *memory, u32 size)
{
	return !memchr_inv(memory, 0, size);
}

/* What was in the rings of a confidential channel is decrypted for nobody. */
static void test_rings_are_erased(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	u32 i;

	for (i = 0; i < 4; i++) {
		struct vmb_hv_channel hv = { .device = &fixture->device };
		bool before = i & 1, after = i & 2;
		u8 *memory;
		u32 size;

		KUNIT_ASSERT_EQ(test, vmb_hv_rings_get(&hv, SZ_256K, SZ_128K, SZ_128K), 0);
		memory = memory_of(&hv);
		size = size_of(&hv);
		vmb_hv_rings_lend(hv.rings, before);
		memset(memory, 0x5a, size);
		/* As when the channel is disabled, and enabled anew. */
		vmb_hv_rings_put(&hv);
		KUNIT_ASSERT_EQ(test, vmb_hv_rings_get(&hv, SZ_256K, SZ_128K, SZ_128K), 0);
		KUNIT_ASSERT_PTR_EQ(test, memory_of(&hv), memory);
		vmb_hv_rings_lend(hv.rings, after);
		KUNIT_EXPECT_TRUE(test, is_empty(memory, PAGE_SIZE));
		KUNIT_EXPECT_TRUE(test, is_empty(memory + SZ_128K, PAGE_SIZE));
		KUNIT_EXPECT_EQ_MSG(test, is_empty(memory, size), before && !after,
				    "lent in turn %u", i);
		/* Once is enough. */
		memset(memory, 0x5a, size);
		vmb_hv_rings_lend(hv.rings, false);
		KUNIT_EXPECT_EQ(test, is_empty(memory, size), after);
		vmb_hv_rings_put(&hv);
	}
}

/* Never decrypted, they are leaked all the same when the host has not let go of them. */
static void test_leaked_by_the_handle(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmbus_gpadl gpadl = { .gpadl_handle = 1 };

	KUNIT_EXPECT_TRUE(test, vmb_hv_gpadl_is_alive(&fixture->primary, &gpadl));
	gpadl.gpadl_handle = 0;
	KUNIT_EXPECT_FALSE(test, vmb_hv_gpadl_is_alive(&fixture->primary, &gpadl));
	gpadl.decrypted = true;
	KUNIT_EXPECT_TRUE(test, vmb_hv_gpadl_is_alive(&fixture->primary, &gpadl));
	/* An offer that is gone lets go of what it had, but encrypts nothing. */
	fixture->primary.rescind = true;
	KUNIT_EXPECT_TRUE(test, vmb_hv_gpadl_is_alive(&fixture->primary, &gpadl));
	gpadl.decrypted = false;
	gpadl.gpadl_handle = 1;
	KUNIT_EXPECT_FALSE(test, vmb_hv_gpadl_is_alive(&fixture->primary, &gpadl));
}

static struct kunit_case hv_confidential_cases[] = {
	KUNIT_CASE(test_what_the_offer_says),
	KUNIT_CASE(test_other_memory),
	KUNIT_CASE(test_not_isolated),
	KUNIT_CASE(test_each_for_itself),
	KUNIT_CASE(test_no_less_than_the_device),
	KUNIT_CASE(test_another_offer),
	KUNIT_CASE(test_refused_when_enabled),
	KUNIT_CASE(test_refused_when_opened),
	KUNIT_CASE(test_rings_are_erased),
	KUNIT_CASE(test_leaked_by_the_handle),
	{}
};

static struct kunit_suite hv_confidential_suite = {
	.name = "vmbkmcl_hv_confidential",
	.init = hv_fixture_init,
	.exit = hv_fixture_exit,
	.test_cases = hv_confidential_cases,
};

kunit_test_suite(hv_confidential_suite);
