// SPDX-License-Identifier: GPL-2.0
/*
 * What a peer may name: every kind of place in and out of memory, in each mode that a
 * channel can be in. Where the answer is no, no page is handed out and nothing of the
 * place changes, nor has anybody a reference to it afterwards.
 */
#include <kunit/test.h>
#include <linux/memory.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>
#include <asm/sections.h>

#include "../../drivers/kmcl/compat.h"
#include "../fixtures/external_fixture.h"

#define CANARY	0x5e

/**
 * struct policy_mode - what the channel is
 * @name: in the case's name.
 * @raw: its client has asked for raw guest memory, and @granted says whether it got it.
 * @granted: it has.
 * @forbidden: the administrator has forbidden that.
 * @local: the peer is a channel of this kernel.
 * @isolated: the VM is confidential.
 */
static const struct policy_mode {
	const char *name;
	bool raw;
	bool granted;
	bool forbidden;
	bool local;
	bool isolated;
} policy_modes[] = {
	{ .name = "shared memory only" },
	{ .name = "raw guest memory", .raw = true, .granted = true },
	{ .name = "raw guest memory, forbidden", .raw = true, .forbidden = true },
	{ .name = "raw guest memory, in an isolated VM", .raw = true, .isolated = true },
	{ .name = "isolated", .isolated = true },
	{ .name = "local peer", .local = true },
	{ .name = "local peer, forbidden", .local = true, .forbidden = true },
};

KUNIT_ARRAY_PARAM_DESC(policy_modes, policy_modes, name);

/**
 * struct policy - what a case works with
 * @fixture: the channel and its peer.
 * @mode: what it is.
 * @canary: a page of nobody's, which no channel shares.
 * @transport: another device.
 * @other: a channel on it.
 * @other_page: which shares this page.
 * @other_handle: by that GPADL.
 */
struct policy {
	struct channel_fixture *fixture;
	const struct policy_mode *mode;
	struct page *canary;
	struct memory_transport transport;
	struct vmb_channel *other;
	struct page *other_page;
	u32 other_handle;
};

static void other_packet(struct vmb_channel *channel, void *context,
			 struct vmb_packet_completion *packet, void *buffer, u32 length,
			 u32 flags)
{
	vmb_channel_packet_complete(packet, NULL, 0);
}

static void other_begin(struct kunit *test, struct policy *policy)
{
	KUNIT_ASSERT_EQ(test, memory_transport_init(&policy->transport, "vmbkmcl_other"), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_allocate(&policy->transport.device.device, false,
						   &policy->other), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_process_packet_callbacks
			(policy->other, NULL, other_packet, NULL), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_enable(policy->other), 0);
	flush_work(&policy->other->life.work);
	KUNIT_ASSERT_EQ(test, vmb_channel_create_gpadl_from_buffer
			(policy->other, 0, page_address(policy->other_page), PAGE_SIZE,
			 &policy->other_handle), 0);
}

static void other_end(struct kunit *test, struct policy *policy)
{
	KUNIT_EXPECT_EQ(test, vmb_channel_delete_gpadl(policy->other, policy->other_handle), 0);
	vmb_channel_disable(policy->other);
	vmb_channel_cleanup(policy->other);
	memory_transport_exit(&policy->transport);
}

static void allow_again(void *nothing)
{
	vmb_forbid_raw_guest_memory = false;
}

static void begin(struct kunit *test, struct policy *policy)
{
	struct channel_fixture *fixture = test->priv;
	const struct policy_mode *mode = test->param_value;

	policy->fixture = fixture;
	policy->mode = mode;
	policy->canary = alloc_page(GFP_KERNEL);
	policy->other_page = alloc_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, policy->canary);
	KUNIT_ASSERT_NOT_NULL(test, policy->other_page);
	memset(page_address(policy->canary), CANARY, PAGE_SIZE);
	memset(page_address(policy->other_page), CANARY, PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, allow_again, NULL), 0);
	vmb_forbid_raw_guest_memory = mode->forbidden;
	fixture->channel->local = mode->local;
	fixture->transport.device.isolated = mode->isolated;
	fixture->transport.encrypted = mode->isolated;
	if (mode->raw)
		KUNIT_EXPECT_EQ(test, vmb_channel_init_set_raw_guest_memory(fixture->channel),
				mode->granted ? 0 : -EPERM);
	share_memory(fixture, 0);
	other_begin(test, policy);
}

static void end(struct kunit *test, struct policy *policy)
{
	other_end(test, policy);
	KUNIT_EXPECT_TRUE(test, !memchr_inv(page_address(policy->canary), CANARY, PAGE_SIZE));
	KUNIT_EXPECT_TRUE(test, !memchr_inv(page_address(policy->other_page), CANARY,
					    PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, page_count(policy->canary), 1);
	KUNIT_EXPECT_EQ(test, page_count(policy->other_page), 1);
	__free_page(policy->canary);
	__free_page(policy->other_page);
	policy->fixture->transport.device.isolated = false;
}

/* The peer sends the list; the client asks for what it names, and is done with it. */
static void expect(struct policy *policy, const char *place, const struct range_list *list,
		   bool given)
{
	struct channel_fixture *fixture = policy->fixture;
	struct external_memory *shared = shared_of(fixture);
	u64 refused = fixture->channel->refusals[VMB_REFUSAL_PAGE_NOT_SHARED];
	u32 which = fixture->packet_count;
	struct kunit *test = fixture->test;

	shared->vectors = NULL;
	peer_send_list(fixture, 9, list);
	KUNIT_EXPECT_EQ_MSG(test, get_external(fixture, fixture->packets[which].packet, 0),
			    given ? 0 : -EACCES, "%s", place);
	KUNIT_EXPECT_EQ_MSG(test, !!shared->vectors, given, "%s", place);
	KUNIT_EXPECT_EQ_MSG(test, fixture->channel->refusals[VMB_REFUSAL_PAGE_NOT_SHARED] -
			    refused, !given, "%s", place);
	KUNIT_EXPECT_EQ_MSG(test, channel_complete(fixture, which, NULL, 0), 0, "%s", place);
}

/* So many bytes from an offset into the first of these 4 KiB pages on. */
static void expect_frames(struct policy *policy, const char *place, u32 bytes, u32 offset,
			  const u64 *frames, u32 count, bool given)
{
	struct range_list list;
	u32 i;

	range_list_begin(&list, 1, 0);
	range_list_range(&list, bytes, offset);
	for (i = 0; i < count; i++)
		range_list_pfn(&list, frames[i]);
	expect(policy, place, &list, given);
}

static void expect_frame(struct policy *policy, const char *place, u64 frame, bool given)
{
	expect_frames(policy, place, 64, 8, &frame, 1, given);
}

/* Pages that are memory, and somebody's or nobody's. */

/* Only a client that has asked for it, or that a channel of this kernel serves. */
static bool any_page(const struct policy *policy)
{
	return policy->mode->granted || (policy->mode->local && !policy->mode->forbidden);
}

/* A peer in this kernel keeps what it names, and may name what others may not. */
static bool trusted(const struct policy *policy)
{
	return any_page(policy) && policy->mode->local;
}

static void places_of_the_kernel(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	void *mapped = vmalloc(PAGE_SIZE);
	struct policy policy;

	KUNIT_ASSERT_NOT_NULL(test, mapped);
	begin(test, &policy);
	/* Reserved, as all of the kernel's image is. */
	expect_frame(&policy, "kernel text", __pa_symbol(_stext) >> 12, trusted(&policy));
	expect_frame(&policy, "the kernel's own page table", __pa_symbol(init_mm.pgd) >> 12,
		     trusted(&policy));
	/* These are ordinary RAM, and trust in the peer is in these, too. */
	expect_frame(&policy, "a page table", peer_pfn(virt_to_kpte((unsigned long)mapped)),
		     any_page(&policy));
	expect_frame(&policy, "a page of nobody's", peer_pfn(page_address(policy.canary)),
		     any_page(&policy));
	expect_frame(&policy, "another channel's page",
		     peer_pfn(page_address(policy.other_page)), any_page(&policy));
	expect_frame(&policy, "the ring", peer_pfn(fixture->inbound.data), any_page(&policy));
	expect_frame(&policy, "its control page", peer_pfn(fixture->inbound.control),
		     any_page(&policy));
	end(test, &policy);
	vfree(mapped);
}

static void places_that_were_taken_away(struct kunit *test)
{
	struct page *freed = alloc_page(GFP_KERNEL), *page = alloc_page(GFP_KERNEL);
	struct memory_notify notify = { .nr_pages = 1 };
	struct policy policy;

	KUNIT_ASSERT_NOT_NULL(test, freed);
	KUNIT_ASSERT_NOT_NULL(test, page);
	begin(test, &policy);
	__SetPageOffline(page);
	expect_frame(&policy, "a ballooned page", peer_pfn(page_address(page)),
		     trusted(&policy));
	__ClearPageOffline(page);
	notify.start_pfn = page_to_pfn(page);
	vmb_raw_pages_notify(NULL, MEM_GOING_OFFLINE, &notify);
	expect_frame(&policy, "a page that is being offlined", peer_pfn(page_address(page)),
		     trusted(&policy));
	vmb_raw_pages_notify(NULL, MEM_CANCEL_OFFLINE, &notify);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	/* Nobody is to get it before it is named. */
	page_ref_freeze(freed, 1);
	expect_frame(&policy, "a freed page", peer_pfn(page_address(freed)), trusted(&policy));
	page_ref_unfreeze(freed, 1);
	end(test, &policy);
	__free_page(freed);
	__free_page(page);
}

static void places_that_are_no_memory(struct kunit *test)
{
	const u64 last = U64_MAX >> 12;
	const u64 over[2] = { last, last + 1 }, ones[2] = { U64_MAX, 0 };
	struct policy policy;

	begin(test, &policy);
	expect_frame(&policy, "behind the end of RAM", (u64)max_pfn * (PAGE_SIZE / 4096), false);
	expect_frame(&policy, "far behind it", 1ull << 40, false);
#ifdef CONFIG_X86
	expect_frame(&policy, "MMIO: the interrupt controller", 0xfee00, false);
	expect_frame(&policy, "MMIO: below 4 GiB", 0xfed00, false);
#endif
	/* The last address that 64 bits can say, and the first that they cannot. */
	expect_frames(&policy, "up to 2^64", 4088, 8, &last, 1, false);
	expect_frames(&policy, "over 2^64", 4096, 8, over, 2, false);
	expect_frames(&policy, "all ones, and then zero", 4096, 8, ones, 2, false);
	/* Shifted to an address it is that of page 1, or 0. */
	expect_frame(&policy, "a number with bits that no address has", 1ull << 52 | 1, false);
	expect_frame(&policy, "and with the highest", 1ull << 63, false);
	end(test, &policy);
}

/* Lists that are partly right. */
static void lists_that_are_partly_right(struct kunit *test)
{
	struct policy policy;
	u64 right, wrong;
	struct range_list list;

	begin(test, &policy);
	right = peer_pfn(shared_of(policy.fixture)->memory);
	wrong = peer_pfn(page_address(policy.canary));
	expect_frames(&policy, "right, then not", 8192, 0, (u64 []) { right, wrong }, 2,
		      any_page(&policy));
	expect_frames(&policy, "not, then right", 8192, 0, (u64 []) { wrong, right }, 2,
		      any_page(&policy));
	expect_frames(&policy, "right, then no memory", 8192, 0, (u64 []) { right, U64_MAX }, 2,
		      false);
	/* One byte of the wrong one is enough. */
	expect_frames(&policy, "a byte too many", 4097, 0, (u64 []) { right, wrong }, 2,
		      any_page(&policy));
	range_list_begin(&list, 2, 0);
	range_list_range(&list, 100, 0);
	range_list_pfn(&list, right);
	range_list_range(&list, 1, 4095);
	range_list_pfn(&list, wrong);
	expect(&policy, "in another range", &list, any_page(&policy));
	/* The same bytes twice, or in part: they are shared, each time. */
	range_list_begin(&list, 2, 0);
	range_list_range(&list, 100, 0);
	range_list_pfn(&list, right);
	range_list_range(&list, 100, 50);
	range_list_pfn(&list, right);
	expect(&policy, "ranges that overlap", &list, true);
	end(test, &policy);
}

static struct kunit_case external_policy_cases[] = {
	KUNIT_CASE_PARAM(places_of_the_kernel, policy_modes_gen_params),
	KUNIT_CASE_PARAM(places_that_were_taken_away, policy_modes_gen_params),
	KUNIT_CASE_PARAM(places_that_are_no_memory, policy_modes_gen_params),
	KUNIT_CASE_PARAM(lists_that_are_partly_right, policy_modes_gen_params),
	{}
};

static struct kunit_suite external_policy_suite = {
	.name = "vmbkmcl_external_policy",
	.init = external_fixture_init,
	.exit = external_fixture_exit,
	.test_cases = external_policy_cases,
};

kunit_test_suite(external_policy_suite);
