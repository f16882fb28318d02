// SPDX-License-Identifier: GPL-2.0
/*
 * External data: which memory a packet may name, and that exactly this memory
 * is handed out.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>

#include "../../drivers/kmcl/compat.h"
#include "../fixtures/external_fixture.h"

/* GPA-direct. */

static void direct_whole_pages(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u8 *memory = shared_of(fixture)->memory;

	share_memory(fixture, 0);
	get_all(fixture, peer_send_direct(fixture, memory, 0, 8192));
	expect_memory(fixture, memory, 8192);
}

static void direct_from_byte_to_byte(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u8 *memory = shared_of(fixture)->memory;

	share_memory(fixture, 0);
	get_all(fixture, peer_send_direct(fixture, memory, PAGE_SIZE - 1, PAGE_SIZE + 2));
	expect_memory(fixture, memory + PAGE_SIZE - 1, PAGE_SIZE + 2);
	KUNIT_EXPECT_EQ(test, shared_of(fixture)->vector_count, 3);
}

static void direct_single_byte(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u8 *memory = shared_of(fixture)->memory;

	share_memory(fixture, 0);
	get_all(fixture, peer_send_direct(fixture, memory, 4095, 1));
	expect_memory(fixture, memory + 4095, 1);
}

/* The order of the list counts, not that of the memory; a page may come twice. */
static void direct_pages_in_the_lists_order(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct external_memory *shared = shared_of(fixture);
	static const u32 order[] = { 3, 0, 2, 3 };
	struct range_list list;
	u32 i;

	share_memory(fixture, 0);
	range_list_begin(&list, 1, 0);
	range_list_range(&list, 4 * 4096, 0);
	for (i = 0; i < 4; i++)
		range_list_pfn(&list, peer_pfn(shared->memory + order[i] * PAGE_SIZE));
	get_all(fixture, peer_send_list(fixture, 9, &list));
	KUNIT_ASSERT_EQ(test, shared->vector_count, 4);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_PTR_EQ(test, shared->vectors[i].bv_page,
				    vmalloc_to_page(shared->memory + order[i] * PAGE_SIZE));
}

/* What marks the end of the memory is no page of it, whatever a peer calls it. */
static void direct_behind_the_last_page(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct external_memory *shared = shared_of(fixture);
	struct range_list list;

	share_memory(fixture, 0);
	range_list_begin(&list, 1, 0);
	range_list_range(&list, 3 * 4096, 0);
	range_list_pfn(&list, peer_pfn(shared->memory + EXTERNAL_PAGES * PAGE_SIZE - 4096));
	range_list_pfn(&list, U64_MAX);
	range_list_pfn(&list, U64_MAX);
	peer_send_list(fixture, 9, &list);
	expect_external_refused(fixture, -EACCES, VMB_REFUSAL_PAGE_NOT_SHARED);
}

static void direct_several_ranges(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct external_memory *shared = shared_of(fixture);
	struct range_list list;

	share_memory(fixture, 0);
	range_list_begin(&list, 2, 0);
	range_list_range(&list, 10, 100);
	range_list_pfn(&list, peer_pfn(shared->memory + 8192));
	range_list_range(&list, 20, 0);
	range_list_pfn(&list, peer_pfn(shared->memory));
	get_all(fixture, peer_send_list(fixture, 9, &list));
	KUNIT_ASSERT_EQ(test, shared->vector_count, 2);
	KUNIT_EXPECT_EQ(test, shared->vectors[0].bv_len, 10);
	KUNIT_EXPECT_EQ(test, shared->vectors[0].bv_offset, 8192 % PAGE_SIZE + 100);
	KUNIT_EXPECT_EQ(test, shared->vectors[1].bv_len, 20);
	KUNIT_EXPECT_EQ(test, shared->vectors[1].bv_offset, 0);
}

/*
 * As long as a list can be: three ranges of two bytes and one of all others, each from
 * a page's last byte on. The payload is behind it, where peer_send_list() looks.
 */
static void direct_longest_list(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct external_memory *shared = shared_of(fixture);
	const u32 longest = EXTERNAL_LIMIT / 4096 + 1;
	struct range_list list;
	u32 i, j;

	share_memory(fixture, 0);
	range_list_begin(&list, 4, 0);
	for (i = 0; i < 4; i++) {
		range_list_range(&list, i < 3 ? 2 : EXTERNAL_LIMIT - 6, 4095);
		for (j = 0; j < (i < 3 ? 2 : longest); j++)
			range_list_pfn(&list, peer_pfn(shared->memory));
	}
	KUNIT_ASSERT_EQ(test, list.count * 8, fixture->channel->inbound.reader.maximum_ranges);
	get_all(fixture, peer_send_list(fixture, 9, &list));
	KUNIT_EXPECT_EQ(test, shared->vector_count, 3 * 2 + longest);
}

static void direct_in_memory_of_the_page_allocator(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u8 *memory = (u8 *)__get_free_pages(GFP_KERNEL, 1);
	u32 handle;

	KUNIT_ASSERT_NOT_NULL(test, memory);
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, vmb_channel_create_gpadl_from_buffer(fixture->channel, 0, memory,
								   2 * PAGE_SIZE, &handle), 0);
	get_all(fixture, peer_send_direct(fixture, memory, 100, 5000));
	expect_memory(fixture, memory + 100, 5000);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_delete_gpadl(fixture->channel, handle), 0);
	free_pages((unsigned long)memory, 1);
}

static void direct_page_that_is_not_shared(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct page *page = alloc_page(GFP_KERNEL);
	int references;

	KUNIT_ASSERT_NOT_NULL(test, page);
	references = page_ref_count(page);
	share_memory(fixture, 0);
	peer_send_direct(fixture, page_address(page), 0, 8);
	expect_external_refused(fixture, -EACCES, VMB_REFUSAL_PAGE_NOT_SHARED);
	KUNIT_EXPECT_EQ(test, page_ref_count(page), references);
	__free_page(page);
}

static void direct_page_number_out_of_this_world(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct range_list list;

	share_memory(fixture, 0);
	range_list_begin(&list, 1, 0);
	range_list_range(&list, 8, 0);
	range_list_pfn(&list, U64_MAX);
	peer_send_list(fixture, 9, &list);
	expect_external_refused(fixture, -EACCES, VMB_REFUSAL_PAGE_NOT_SHARED);
}

/* Three pages of ours and one of somebody else: nothing, and nobody is kept. */
static void direct_partly_shared(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct external_memory *shared = shared_of(fixture);
	struct page *page = alloc_page(GFP_KERNEL);
	struct vmb_gpadl *gpadl;
	struct range_list list;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, page);
	share_memory(fixture, 0);
	range_list_begin(&list, 1, 0);
	range_list_range(&list, 4 * 4096, 0);
	for (i = 0; i < 3; i++)
		range_list_pfn(&list, peer_pfn(shared->memory + i * 4096));
	range_list_pfn(&list, peer_pfn(page_address(page)));
	peer_send_list(fixture, 9, &list);
	KUNIT_EXPECT_EQ(test, get_external(fixture, fixture->packets[0].packet, 0), -EACCES);
	gpadl = list_first_entry(&fixture->channel->memory.gpadls, struct vmb_gpadl, node);
	KUNIT_EXPECT_EQ(test, gpadl->users, 0);
	__free_page(page);
}

static void direct_page_shared_no_longer(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct external_memory *shared = shared_of(fixture);

	share_memory(fixture, 0);
	peer_send_direct(fixture, shared->memory, 0, 8);
	KUNIT_EXPECT_EQ(test, vmb_channel_delete_gpadl(fixture->channel, shared->handle), 0);
	shared->handle = 0;
	expect_external_refused(fixture, -EACCES, VMB_REFUSAL_PAGE_NOT_SHARED);
}

/* Raw guest memory, which the client has to ask for by name. */

static void share_set(struct channel_fixture *fixture)
{
	share_memory(fixture, 0);
	KUNIT_ASSERT_EQ(fixture->test,
			vmb_channel_register_transfer_page_set(fixture->channel, EXTERNAL_SET,
							       shared_of(fixture)->handle), 0);
}

static void transfer_across_pages(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u8 *memory = shared_of(fixture)->memory;

	share_set(fixture);
	get_all(fixture, peer_send_transfer(fixture, EXTERNAL_SET, 4000,
					    PAGE_SIZE + 200));
	expect_memory(fixture, memory + 4000, PAGE_SIZE + 200);
}

static void transfer_to_the_last_byte(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u8 *memory = shared_of(fixture)->memory;
	u32 offset = EXTERNAL_PAGES * PAGE_SIZE - 10;

	share_set(fixture);
	get_all(fixture, peer_send_transfer(fixture, EXTERNAL_SET, offset, 10));
	expect_memory(fixture, memory + offset, 10);
}

static void transfer_beyond_the_set(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	share_set(fixture);
	peer_send_transfer(fixture, EXTERNAL_SET, EXTERNAL_PAGES * PAGE_SIZE - 10, 11);
	expect_external_refused(fixture, -ERANGE, VMB_REFUSAL_TRANSFER_RANGE_BEYOND_SET);
}

static void transfer_far_beyond_the_set(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	share_set(fixture);
	peer_send_transfer(fixture, EXTERNAL_SET, 0xffffff00, 8);
	expect_external_refused(fixture, -ERANGE, VMB_REFUSAL_TRANSFER_RANGE_BEYOND_SET);
}

/* In 16 bits it would be the set's beginning. */
static void transfer_64_kib_beyond(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	share_set(fixture);
	peer_send_transfer(fixture, EXTERNAL_SET,
			   round_up(EXTERNAL_PAGES * PAGE_SIZE, SZ_64K), 8);
	expect_external_refused(fixture, -ERANGE, VMB_REFUSAL_TRANSFER_RANGE_BEYOND_SET);
}

static void transfer_of_an_unknown_set(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	share_set(fixture);
	peer_send_transfer(fixture, EXTERNAL_SET + 1, 0, 8);
	expect_external_refused(fixture, -ENOENT, VMB_REFUSAL_TRANSFER_SET_UNKNOWN);
}

/* Reading and writing. */

static void read_only_memory(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u8 *memory = shared_of(fixture)->memory;
	struct vmb_packet_completion *packet;
	struct iov_iter iter;

	share_memory(fixture, VMB_CHANNEL_GPADL_FLAG_READ_ONLY);
	packet = peer_send_direct(fixture, memory, 0, 8);
	KUNIT_EXPECT_EQ(test, get_external(fixture, packet, 0), -EROFS);
	KUNIT_EXPECT_EQ(test, get_external(fixture, packet,
					   VMB_CHANNEL_PACKET_EXTERNAL_DATA_FLAG_READ_ONLY), 0);
	expect_memory(fixture, memory, 8);
	KUNIT_EXPECT_EQ(test, vmb_channel_packet_get_external_data_iter(packet, ITER_DEST, &iter),
			-EROFS);
	KUNIT_EXPECT_EQ(test, vmb_channel_packet_get_external_data_iter(packet, ITER_SOURCE,
									&iter), 0);
}

static void read_only_by_wish(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet_completion *packet;
	struct iov_iter iter;

	share_memory(fixture, 0);
	packet = peer_send_direct(fixture, shared_of(fixture)->memory, 0, 8);
	KUNIT_EXPECT_EQ(test, get_external(fixture, packet,
					   VMB_CHANNEL_PACKET_EXTERNAL_DATA_FLAG_READ_ONLY), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_packet_get_external_data_iter(packet, ITER_DEST, &iter),
			-EROFS);
}

static void iter_copies_both_ways(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u8 *memory = shared_of(fixture)->memory;
	struct vmb_packet_completion *packet;
	u8 bytes[300], back[300];
	struct iov_iter iter;

	share_memory(fixture, 0);
	packet = peer_send_direct(fixture, memory, 4000, sizeof(bytes));
	get_all(fixture, packet);
	ring_image_fill(bytes, 1, sizeof(bytes));
	KUNIT_EXPECT_EQ(test, vmb_channel_packet_get_external_data_iter(packet, ITER_DEST,
									&iter), 0);
	KUNIT_EXPECT_EQ(test, iov_iter_count(&iter), sizeof(bytes));
	KUNIT_EXPECT_EQ(test, copy_to_iter(bytes, sizeof(bytes), &iter), sizeof(bytes));
	KUNIT_EXPECT_MEMEQ(test, memory + 4000, bytes, sizeof(bytes));
	KUNIT_EXPECT_EQ(test, vmb_channel_packet_get_external_data_iter(packet, ITER_SOURCE,
									&iter), 0);
	KUNIT_EXPECT_EQ(test, copy_from_iter(back, sizeof(back), &iter), sizeof(back));
	KUNIT_EXPECT_MEMEQ(test, back, bytes, sizeof(bytes));
}

static void iter_before_the_data_was_asked_for(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet_completion *packet;
	struct iov_iter iter;

	share_memory(fixture, 0);
	packet = peer_send_direct(fixture, shared_of(fixture)->memory, 0, 8);
	KUNIT_EXPECT_EQ(test, vmb_channel_packet_get_external_data_iter(packet, ITER_SOURCE,
									&iter), -EINVAL);
}

static void second_call_same_answer(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct external_memory *shared = shared_of(fixture);
	struct vmb_packet_completion *packet;
	const struct bio_vec *vectors;

	share_memory(fixture, 0);
	packet = peer_send_direct(fixture, shared->memory, 0, 8192);
	get_all(fixture, packet);
	vectors = shared->vectors;
	get_all(fixture, packet);
	KUNIT_EXPECT_PTR_EQ(test, shared->vectors, vectors);
	expect_memory(fixture, shared->memory, 8192);
}

static void unknown_flags(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	share_memory(fixture, 0);
	peer_send_direct(fixture, shared_of(fixture)->memory, 0, 8);
	KUNIT_EXPECT_EQ(test, get_external(fixture, fixture->packets[0].packet, 2), -EINVAL);
}

static void packet_without_external_data(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	share_memory(fixture, 0);
	peer_send_inband(fixture, 1, 8);
	KUNIT_EXPECT_EQ(test, fixture->packets[0].flags, 0);
	KUNIT_EXPECT_EQ(test, get_external(fixture, fixture->packets[0].packet, 0), -EINVAL);
}

/* As many bytes, in as many pieces, as the channel's limits let through. */
static void largest_external_data(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct external_memory *shared = shared_of(fixture);
	struct range_list list;
	u32 i;

	share_set(fixture);
	range_list_begin(&list, 4, EXTERNAL_SET);
	for (i = 0; i < 4; i++)
		range_list_range(&list, EXTERNAL_LIMIT / 4, PAGE_SIZE - 1);
	get_all(fixture, peer_send_list(fixture, 7, &list));
	KUNIT_EXPECT_EQ(test, shared->vector_count, 12);
}

static struct kunit_case external_data_cases[] = {
	KUNIT_CASE(direct_whole_pages),
	KUNIT_CASE(direct_from_byte_to_byte),
	KUNIT_CASE(direct_single_byte),
	KUNIT_CASE(direct_pages_in_the_lists_order),
	KUNIT_CASE(direct_behind_the_last_page),
	KUNIT_CASE(direct_several_ranges),
	KUNIT_CASE(direct_longest_list),
	KUNIT_CASE(direct_in_memory_of_the_page_allocator),
	KUNIT_CASE(direct_page_that_is_not_shared),
	KUNIT_CASE(direct_page_number_out_of_this_world),
	KUNIT_CASE(direct_partly_shared),
	KUNIT_CASE(direct_page_shared_no_longer),
	KUNIT_CASE(transfer_across_pages),
	KUNIT_CASE(transfer_to_the_last_byte),
	KUNIT_CASE(transfer_beyond_the_set),
	KUNIT_CASE(transfer_far_beyond_the_set),
	KUNIT_CASE(transfer_64_kib_beyond),
	KUNIT_CASE(transfer_of_an_unknown_set),
	KUNIT_CASE(read_only_memory),
	KUNIT_CASE(read_only_by_wish),
	KUNIT_CASE(iter_copies_both_ways),
	KUNIT_CASE(iter_before_the_data_was_asked_for),
	KUNIT_CASE(second_call_same_answer),
	KUNIT_CASE(unknown_flags),
	KUNIT_CASE(packet_without_external_data),
	KUNIT_CASE(largest_external_data),
	{}
};

static struct kunit_suite external_data_suite = {
	.name = "vmbkmcl_channel_external_data",
	.init = external_fixture_init,
	.exit = external_fixture_exit,
	.test_cases = external_data_cases,
};

kunit_test_suite(external_data_suite);
