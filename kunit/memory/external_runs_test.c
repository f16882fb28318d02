// SPDX-License-Identifier: GPL-2.0
/*
 * External data in pages that are neighbours in RAM: it comes as one vector, and as
 * nothing that is not the channel's.
 */
#include <kunit/test.h>
#include <linux/bvec.h>
#include <linux/gfp.h>
#include <linux/mm.h>

#include "../fixtures/external_fixture.h"

#define RUN_PAGES	8u

/* Pages in a row, of which the channel shares a part. */
struct run {
	struct page *block;
	u8 *memory;
	u32 handles[2];
};

static void run_free(void *private)
{
	struct run *run = private;

	u32 i;

	for (i = 0; i < RUN_PAGES; i++)
		__free_page(run->block + i);
}

/* Of all its pages. */
static int run_references(const struct run *run)
{
	int references = 0;
	u32 i;

	for (i = 0; i < RUN_PAGES; i++)
		references += page_ref_count(run->block + i);
	return references;
}

static struct run *run_make(struct kunit *test)
{
	struct run *run = kunit_kzalloc(test, sizeof(*run), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, run);
	run->block = alloc_pages(GFP_KERNEL | __GFP_ZERO, get_order(RUN_PAGES * PAGE_SIZE));
	KUNIT_ASSERT_NOT_NULL(test, run->block);
	split_page(run->block, get_order(RUN_PAGES * PAGE_SIZE));
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, run_free, run), 0);
	run->memory = page_address(run->block);
	return run;
}

static void run_share(struct channel_fixture *fixture, struct run *run, u32 which,
		      u32 first, u32 pages, u32 flags)
{
	KUNIT_ASSERT_EQ(fixture->test,
			vmb_channel_create_gpadl_from_buffer(fixture->channel, flags,
							     run->memory + first * PAGE_SIZE,
							     pages * PAGE_SIZE,
							     &run->handles[which]), 0);
}

/* The client is done with all packets: nobody uses the memory. */
static void run_end(struct channel_fixture *fixture, struct run *run)
{
	u32 i;

	for (i = 0; i < fixture->packet_count; i++)
		channel_complete(fixture, i, NULL, 0);
	for (i = 0; i < ARRAY_SIZE(run->handles); i++)
		if (run->handles[i])
			KUNIT_EXPECT_EQ(fixture->test,
					vmb_channel_delete_gpadl(fixture->channel,
								 run->handles[i]), 0);
}

static void expect_vector(struct channel_fixture *fixture, u32 which, const u8 *memory,
			  u32 bytes)
{
	const struct bio_vec *vector = &shared_of(fixture)->vectors[which];
	struct kunit *test = fixture->test;

	KUNIT_ASSERT_GT(test, shared_of(fixture)->vector_count, which);
	KUNIT_EXPECT_PTR_EQ(test, vector->bv_page, virt_to_page(memory));
	KUNIT_EXPECT_EQ(test, vector->bv_offset, offset_in_page(memory));
	KUNIT_EXPECT_EQ(test, vector->bv_len, bytes);
}

/* From byte to byte, one vector; and a page at a time, as the block layer goes through it. */
static void neighbours_are_one_vector(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct run *run = run_make(test);
	u32 bytes = 5 * PAGE_SIZE;
	struct bvec_iter iter = { .bi_size = bytes };
	struct bio_vec page;
	u32 done = 0;

	channel_enable(fixture);
	run_share(fixture, run, 0, 0, RUN_PAGES, 0);
	get_all(fixture, peer_send_direct(fixture, run->memory + PAGE_SIZE, 100, bytes));
	KUNIT_ASSERT_EQ(test, shared_of(fixture)->vector_count, 1);
	expect_vector(fixture, 0, run->memory + PAGE_SIZE + 100, bytes);
	for_each_bvec(page, shared_of(fixture)->vectors, iter, iter) {
		u8 *at = run->memory + PAGE_SIZE + 100 + done;

		KUNIT_EXPECT_PTR_EQ(test, page.bv_page, virt_to_page(at));
		KUNIT_EXPECT_EQ(test, page.bv_offset, offset_in_page(at));
		done += page.bv_len;
	}
	KUNIT_EXPECT_EQ(test, done, bytes);
	run_end(fixture, run);
}

/* What was shared is a run, and what the peer names is none. */
static void out_of_order(struct kunit *test)
{
	static const u32 order[] = { 3, 2, 2, 3, 4, 0 };
	struct channel_fixture *fixture = test->priv;
	struct run *run = run_make(test);
	struct range_list list;
	u32 i;

	channel_enable(fixture);
	run_share(fixture, run, 0, 0, RUN_PAGES, 0);
	range_list_begin(&list, 1, 0);
	range_list_range(&list, ARRAY_SIZE(order) * 4096, 0);
	for (i = 0; i < ARRAY_SIZE(order); i++)
		range_list_pfn(&list, peer_pfn(run->memory + order[i] * 4096));
	get_all(fixture, peer_send_list(fixture, 9, &list));
	KUNIT_ASSERT_EQ(test, shared_of(fixture)->vector_count, 4);
	expect_vector(fixture, 0, run->memory + 3 * 4096, 4096);
	expect_vector(fixture, 1, run->memory + 2 * 4096, 4096);
	expect_vector(fixture, 2, run->memory + 2 * 4096, 3 * 4096);
	expect_vector(fixture, 3, run->memory, 4096);
	run_end(fixture, run);
}

/* Neighbours in RAM, but shared one by one: a vector, and a user, for each. */
static void of_two_gpadls(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct run *run = run_make(test);

	channel_enable(fixture);
	run_share(fixture, run, 0, 0, 3, 0);
	run_share(fixture, run, 1, 3, 3, VMB_CHANNEL_GPADL_FLAG_READ_ONLY);
	peer_send_direct(fixture, run->memory, 0, 6 * PAGE_SIZE);
	/* A part of it is not for writing, and that is the second. */
	KUNIT_EXPECT_EQ(test, get_external(fixture, fixture->packets[0].packet, 0), -EROFS);
	KUNIT_EXPECT_EQ(test, get_external(fixture, fixture->packets[0].packet,
					   VMB_CHANNEL_PACKET_EXTERNAL_DATA_FLAG_READ_ONLY), 0);
	KUNIT_ASSERT_EQ(test, shared_of(fixture)->vector_count, 2);
	expect_vector(fixture, 0, run->memory, 3 * PAGE_SIZE);
	expect_vector(fixture, 1, run->memory + 3 * PAGE_SIZE, 3 * PAGE_SIZE);
	KUNIT_EXPECT_NOT_NULL(test, fixture->packets[0].packet->owners[1]);
	KUNIT_EXPECT_EQ(test, fixture->packets[0].packet->owners[1]->users, 1);
	run_end(fixture, run);
}

/* A neighbour behind what is shared, or in front of it, is somebody else's. */
static void beyond_what_is_shared(struct kunit *test, u32 first, u32 pages)
{
	struct channel_fixture *fixture = test->priv;
	struct run *run = run_make(test);
	struct vmb_gpadl *gpadl;

	channel_enable(fixture);
	run_share(fixture, run, 0, 2, 4, 0);
	peer_send_direct(fixture, run->memory + first * PAGE_SIZE, 0, pages * PAGE_SIZE);
	expect_external_refused(fixture, -EACCES, VMB_REFUSAL_PAGE_NOT_SHARED);
	gpadl = list_first_entry(&fixture->channel->memory.gpadls, struct vmb_gpadl, node);
	KUNIT_EXPECT_EQ(test, gpadl->users, 0);
	run_end(fixture, run);
}

static void one_page_too_many(struct kunit *test)
{
	beyond_what_is_shared(test, 2, 5);
}

static void one_page_too_early(struct kunit *test)
{
	beyond_what_is_shared(test, 1, 5);
}

static void in_a_transfer_page_set(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct run *run = run_make(test);

	channel_enable(fixture);
	run_share(fixture, run, 0, 0, RUN_PAGES, 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_register_transfer_page_set(fixture->channel, EXTERNAL_SET,
								     run->handles[0]), 0);
	get_all(fixture, peer_send_transfer(fixture, EXTERNAL_SET, PAGE_SIZE + 8,
					    7 * PAGE_SIZE - 8));
	KUNIT_EXPECT_EQ(test, shared_of(fixture)->vector_count, 1);
	expect_vector(fixture, 0, run->memory + PAGE_SIZE + 8, 7 * PAGE_SIZE - 8);
	KUNIT_EXPECT_EQ(test, vmb_channel_unregister_transfer_page_set(fixture->channel,
								       EXTERNAL_SET), 0);
	run_end(fixture, run);
}

/* Each page of a vector is kept, and given back. */
static void raw_neighbours(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct run *run = run_make(test);
	int references = run_references(run);

	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_raw_guest_memory(fixture->channel), 0);
	channel_enable(fixture);
	get_all(fixture, peer_send_direct(fixture, run->memory, 100, 4 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, shared_of(fixture)->vector_count, 1);
	expect_vector(fixture, 0, run->memory + 100, 4 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, run_references(run), references + 5);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, run_references(run), references);
}

/* A page in the middle may not be had: so none is, and none is kept. */
static void raw_neighbours_but_one(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct run *run = run_make(test);
	int references = run_references(run);

	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_raw_guest_memory(fixture->channel), 0);
	channel_enable(fixture);
	SetPageReserved(run->block + 3);
	peer_send_direct(fixture, run->memory, 0, 5 * PAGE_SIZE);
	expect_external_refused(fixture, -EACCES, VMB_REFUSAL_PAGE_NOT_SHARED);
	ClearPageReserved(run->block + 3);
	KUNIT_EXPECT_EQ(test, run_references(run), references);
}

/* In the middle of a run of raw pages are some that were shared. */
static void raw_around_what_is_shared(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct run *run = run_make(test);
	int references;

	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_raw_guest_memory(fixture->channel), 0);
	channel_enable(fixture);
	run_share(fixture, run, 0, 2, 2, 0);
	references = run_references(run);
	get_all(fixture, peer_send_direct(fixture, run->memory, 0, 7 * PAGE_SIZE));
	KUNIT_ASSERT_EQ(test, shared_of(fixture)->vector_count, 3);
	expect_vector(fixture, 0, run->memory, 2 * PAGE_SIZE);
	expect_vector(fixture, 1, run->memory + 2 * PAGE_SIZE, 2 * PAGE_SIZE);
	expect_vector(fixture, 2, run->memory + 4 * PAGE_SIZE, 3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, run_references(run), references + 5);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, run_references(run), references);
	run_end(fixture, run);
}

/* The peer in this kernel keeps the memory, neighbours or not. */
static void neighbours_of_a_local_peer(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct run *run = run_make(test);
	int references = run_references(run);

	fixture->channel->local = true;
	channel_enable(fixture);
	get_all(fixture, peer_send_direct(fixture, run->memory, 9, 3 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, shared_of(fixture)->vector_count, 1);
	expect_vector(fixture, 0, run->memory + 9, 3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, run_references(run), references);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, run_references(run), references);
}

static struct kunit_case external_runs_cases[] = {
	KUNIT_CASE(neighbours_are_one_vector),
	KUNIT_CASE(out_of_order),
	KUNIT_CASE(of_two_gpadls),
	KUNIT_CASE(one_page_too_many),
	KUNIT_CASE(one_page_too_early),
	KUNIT_CASE(in_a_transfer_page_set),
	KUNIT_CASE(raw_neighbours),
	KUNIT_CASE(raw_neighbours_but_one),
	KUNIT_CASE(raw_around_what_is_shared),
	KUNIT_CASE(neighbours_of_a_local_peer),
	{}
};

static struct kunit_suite external_runs_suite = {
	.name = "vmbkmcl_external_runs",
	.init = external_fixture_init,
	.exit = external_fixture_exit,
	.test_cases = external_runs_cases,
};

kunit_test_suite(external_runs_suite);
