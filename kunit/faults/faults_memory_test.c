// SPDX-License-Identifier: GPL-2.0
/*
 * Each allocation fails once, of those that sharing memory takes: GPADLs by each way of
 * making one, and the number of a transfer-page set.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "../fixtures/gpadl_fixture.h"
#include "fault.h"

/* Arrays of so many are larger than a page, and may be got by vmalloc(). */
#define MANY		130u

static u8 *many;
static struct page *two;

static void free_many(void *memory)
{
	vfree(memory);
}

static int faults_memory_init(struct kunit *test)
{
	struct channel_fixture *fixture;
	int ret = gpadl_fixture_init(test);

	if (ret)
		return ret;
	fixture = test->priv;
	many = vzalloc(MANY * PAGE_SIZE);
	KUNIT_ASSERT_NOT_NULL(test, many);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_many, many), 0);
	two = two_pages(test);
	channel_enable(fixture);
	return 0;
}

static int from_buffer(struct kunit *test)
{
	return share_buffer(test->priv, many, MANY * PAGE_SIZE);
}

static int from_mdl(struct kunit *test)
{
	struct bio_vec vectors[2];

	bvec_set_page(&vectors[0], two, PAGE_SIZE, 0);
	bvec_set_page(&vectors[1], two + 1, PAGE_SIZE, 0);
	return share_mdl(test->priv, vectors, 2, 0, 0);
}

static int from_pfns(struct kunit *test)
{
	struct page *pages[] = { two, two + 1 };
	u64 pfns[2 * IN_PAGE];

	put_frames(pfns, pages, 2);
	return share_frames(test->priv, pfns, ARRAY_SIZE(pfns));
}

static int ours(struct kunit *test)
{
	return share_ours(test->priv, 3);
}

/*
 * The peer knows of none, no frame leads to one nor takes memory, and nobody holds the
 * pages.
 */
static void expect_not_shared(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_memory *memory = &fixture->channel->memory;

	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&memory->gpadls));
	KUNIT_EXPECT_TRUE(test, xa_empty(&memory->frames));
	KUNIT_EXPECT_EQ(test, memory->calls, 0);
	KUNIT_EXPECT_EQ(test, page_count(vmalloc_to_page(many)), 1);
	KUNIT_EXPECT_EQ(test, page_count(two), 1);
}

static void expect_shared(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 1);
	KUNIT_EXPECT_FALSE(test, xa_empty(&fixture->channel->memory.frames));
}

static void unshare_again(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, unshare(test->priv), 0);
	expect_not_shared(test);
}

#define WAY(way) {				\
	.name = "GPADL " #way,			\
	.run = way,				\
	.refused = expect_not_shared,		\
	.works = expect_shared,			\
	.undo = unshare_again,			\
}

static void test_gpadl_from_buffer(struct kunit *test)
{
	static const struct fault_path path = WAY(from_buffer);

	fault_each(test, &path);
}

static void test_gpadl_from_pages(struct kunit *test)
{
	static const struct fault_path paths[] = { WAY(from_mdl), WAY(from_pfns) };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(paths); i++)
		fault_each(test, &paths[i]);
}

static void test_gpadl_ours(struct kunit *test)
{
	static const struct fault_path path = WAY(ours);

	fault_each(test, &path);
}

/* In an isolated VM it has to be of the direct map. */
static void test_gpadl_ours_decrypted(struct kunit *test)
{
	static const struct fault_path path = WAY(ours);
	struct channel_fixture *fixture = test->priv;

	fixture->channel->peer_memory = VMB_PEER_MEMORY_DECRYPTED;
	KUNIT_ASSERT_TRUE(test, vmb_channel_decrypts(fixture->channel));
	fault_each(test, &path);
	fixture->channel->peer_memory = VMB_PEER_MEMORY_PLAIN;
}

static int register_set(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	return vmb_channel_register_transfer_page_set(fixture->channel, EXTERNAL_SET,
						      shared_of(fixture)->handle);
}

static void share(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, ours(test), 0);
}

/* So the memory can be taken back. */
static void expect_no_set(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	KUNIT_EXPECT_TRUE(test, xa_empty(&fixture->channel->memory.sets));
	unshare_again(test);
}

static void unregister_set(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test,
			vmb_channel_unregister_transfer_page_set(fixture->channel,
								 EXTERNAL_SET), 0);
	expect_no_set(test);
}

static void test_transfer_page_set(struct kunit *test)
{
	static const struct fault_path path = {
		.name = "transfer-page set",
		.prepare = share,
		.run = register_set,
		.refused = expect_no_set,
		.undo = unregister_set,
	};

	fault_each(test, &path);
}

static struct kunit_case faults_memory_cases[] = {
	KUNIT_CASE(test_gpadl_from_buffer),
	KUNIT_CASE(test_gpadl_from_pages),
	KUNIT_CASE(test_gpadl_ours),
	KUNIT_CASE(test_gpadl_ours_decrypted),
	KUNIT_CASE(test_transfer_page_set),
	{}
};

static struct kunit_suite faults_memory_suite = {
	.name = "vmbkmcl_faults_memory",
	.suite_init = fault_suite_init,
	.suite_exit = fault_suite_exit,
	.init = faults_memory_init,
	.exit = external_fixture_exit,
	.test_cases = faults_memory_cases,
};

kunit_test_suite(faults_memory_suite);
