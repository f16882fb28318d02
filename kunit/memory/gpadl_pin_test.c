// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of the client's that the peer can reach is not the allocator's, whatever
 * the client does with it: its pages are referenced until the peer has let go.
 */
#include <kunit/test.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "../fixtures/gpadl_fixture.h"

static struct page *one_page(struct kunit *test)
{
	struct page *page = alloc_page(GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, page);
	return page;
}

static void referenced_while_shared(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct page *page = vmalloc_to_page(shared_of(fixture)->memory);
	struct bio_vec vector = { .bv_page = page, .bv_len = PAGE_SIZE };
	u64 pfns[IN_PAGE];

	put_frames(pfns, &page, 1);
	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, share_buffer(fixture, shared_of(fixture)->memory, PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, page_count(page), 2);
	KUNIT_EXPECT_EQ(test, unshare(fixture), 0);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	KUNIT_ASSERT_EQ(test, share_mdl(fixture, &vector, 1, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, page_count(page), 2);
	KUNIT_EXPECT_EQ(test, unshare(fixture), 0);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	KUNIT_ASSERT_EQ(test, share_frames(fixture, pfns, IN_PAGE), 0);
	KUNIT_EXPECT_EQ(test, page_count(page), 2);
	KUNIT_EXPECT_EQ(test, unshare(fixture), 0);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
}

/* The client frees what the peer has: it is freed when the peer has let go. */
static void freed_too_early(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct page *page = one_page(test);

	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, share_buffer(fixture, page_address(page), PAGE_SIZE), 0);
	KUNIT_ASSERT_EQ(test, page_count(page), 2);
	__free_page(page);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	KUNIT_EXPECT_EQ(test, unshare(fixture), 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, 0);
}

/* The client forgets it, the peer does not let go, and nobody asks for the errno. */
static void left_behind_and_not_given_back(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct page *page = one_page(test);

	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, share_buffer(fixture, page_address(page), PAGE_SIZE), 0);
	fixture->transport.delete_gpadl_error = -ETIMEDOUT;
	channel_disable(fixture);
	shared_of(fixture)->handle = 0;
	fixture->transport.delete_gpadl_error = 0;
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, 1);
	KUNIT_EXPECT_EQ(test, page_count(page), 2);
	/* This peer exists only here. */
	if (page_count(page) == 2)
		put_page(page);
	__free_page(page);
}

static void not_given_back(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct page *page = one_page(test);

	channel_enable(fixture);
	fixture->transport.create_gpadl_error = -EDQUOT;
	KUNIT_EXPECT_EQ(test, share_buffer(fixture, page_address(page), PAGE_SIZE), -EDQUOT);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	fixture->transport.create_gpadl_error = -EIO;
	KUNIT_EXPECT_EQ(test, share_buffer(fixture, page_address(page), PAGE_SIZE), -EIO);
	KUNIT_EXPECT_EQ(test, page_count(page), 2);
	fixture->transport.create_gpadl_error = 0;
	KUNIT_EXPECT_EQ(test, share_buffer(fixture, page_address(page), PAGE_SIZE), 0);
	fixture->transport.delete_gpadl_error = -ETIMEDOUT;
	KUNIT_EXPECT_EQ(test, unshare(fixture), -EIO);
	fixture->transport.delete_gpadl_error = 0;
	KUNIT_EXPECT_EQ(test, page_count(page), 3);
	while (page_count(page) > 1)
		put_page(page);
	__free_page(page);
}

/*
 * Behind the first page of a block no reference is counted: all or none, so that
 * nothing is put that was not got. What can be kept of it is kept when it must be.
 */
static void block(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct page *pages = two_pages(test);

	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, share_buffer(fixture, page_address(pages), 2 * PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, page_count(pages), 1);
	KUNIT_EXPECT_EQ(test, page_count(pages + 1), 0);
	KUNIT_EXPECT_EQ(test, unshare(fixture), 0);
	KUNIT_EXPECT_EQ(test, page_count(pages), 1);
	KUNIT_ASSERT_EQ(test, share_buffer(fixture, page_address(pages), 2 * PAGE_SIZE), 0);
	fixture->transport.delete_gpadl_error = -ETIMEDOUT;
	KUNIT_EXPECT_EQ(test, unshare(fixture), -EIO);
	fixture->transport.delete_gpadl_error = 0;
	KUNIT_EXPECT_EQ(test, page_count(pages), 2);
	if (page_count(pages) == 2)
		put_page(pages);
}

static struct kunit_case pin_cases[] = {
	KUNIT_CASE(referenced_while_shared),
	KUNIT_CASE(freed_too_early),
	KUNIT_CASE(left_behind_and_not_given_back),
	KUNIT_CASE(not_given_back),
	KUNIT_CASE(block),
	{}
};

static struct kunit_suite pin_suite = {
	.name = "vmbkmcl_gpadl_pin",
	.init = gpadl_fixture_init,
	.exit = external_fixture_exit,
	.test_cases = pin_cases,
};

kunit_test_suite(pin_suite);
