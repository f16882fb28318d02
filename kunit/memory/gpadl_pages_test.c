// SPDX-License-Identifier: GPL-2.0
/*
 * Which memory can be shared: whole pages and no neighbour, in the order that
 * the client said.
 */
#include <kunit/test.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "../fixtures/gpadl_fixture.h"

/* Buffers. */

static void buffer_of_the_page_allocator(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct page *pages = two_pages(test);
	struct page *expected[] = { pages, pages + 1 };

	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, share_buffer(fixture, page_address(pages), 2 * PAGE_SIZE), 0);
	KUNIT_EXPECT_PTR_EQ(test, (void *)peer_got.buffer, page_address(pages));
	expect_pages(test, expected, 2);
	KUNIT_EXPECT_EQ(test, unshare(fixture), 0);
}

/* What is an object of its caches nobody can keep; what it passes on is pages. */
static void buffer_of_kmalloc(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 pages;

	channel_enable(fixture);
	for (pages = 1; pages <= 16; pages *= 2) {
		void *buffer = kunit_kmalloc(test, pages * PAGE_SIZE, GFP_KERNEL);
		struct page *page;
		int count, ret;

		KUNIT_ASSERT_NOT_NULL(test, buffer);
		page = virt_to_page(buffer);
		count = page_count(page);
		ret = share_buffer(fixture, buffer, pages * PAGE_SIZE);
		if (pages * PAGE_SIZE <= KMALLOC_MAX_CACHE_SIZE || ret) {
			KUNIT_ASSERT_EQ_MSG(test, ret, -EINVAL, "%u pages", pages);
			continue;
		}
		/* It cannot be another's before the peer has let go of it. */
		KUNIT_EXPECT_EQ_MSG(test, page_count(page), count + pages, "%u pages", pages);
		KUNIT_EXPECT_GT_MSG(test, count, 0, "%u pages", pages);
		KUNIT_EXPECT_PTR_EQ(test, (void *)peer_got.buffer, buffer);
		KUNIT_EXPECT_EQ(test, unshare(fixture), 0);
	}
}

static void buffer_with_neighbours_in_its_page(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 size;

	channel_enable(fixture);
	for (size = PAGE_SIZE / 8; size < PAGE_SIZE; size *= 2) {
		void *object = small_at_a_page(test, size);

		KUNIT_ASSERT_NOT_NULL(test, object);
		KUNIT_EXPECT_EQ(test, share_buffer(fixture, object, PAGE_SIZE), -EINVAL);
	}
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 0);
}

/* None of these is memory that can be shared, though each begins with a page. */
static void expect_objects_refused(struct kunit *test, struct kmem_cache *cache, u32 pages)
{
	u8 *objects[8];
	u32 i, page;
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		objects[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		for (page = 0; objects[i] && page < pages; page++) {
			u8 *begin = PTR_ALIGN(objects[i], PAGE_SIZE) + page * PAGE_SIZE;

			ret = share_buffer(test->priv, begin, pages * PAGE_SIZE);
			KUNIT_EXPECT_EQ_MSG(test, ret, -EINVAL, "object %u, page %u", i, page);
			if (!ret)
				KUNIT_EXPECT_EQ(test, unshare(test->priv), 0);
		}
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		kmem_cache_free(cache, objects[i]);
	kmem_cache_destroy(cache);
}

/*
 * From the middle of one to the middle of the next, which may be anybody's. Objects of
 * two pages lie further apart than that where something is kept behind each: an address
 * that is a multiple of two pages is inside of one then.
 */
static void buffer_from_the_middle_of_an_object(struct kunit *test)
{
	channel_enable(test->priv);
	expect_objects_refused(test, kmem_cache_create("vmbkmcl_three_pages", 3 * PAGE_SIZE,
						       0, 0, NULL), 3);
	expect_objects_refused(test, kmem_cache_create("vmbkmcl_two_pages", 2 * PAGE_SIZE,
						       0, SLAB_TYPESAFE_BY_RCU, NULL), 2);
	KUNIT_EXPECT_EQ(test, ((struct channel_fixture *)test->priv)->transport.gpadls, 0);
}

static void mapped_slab_memory(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	void *object = small_at_a_page(test, PAGE_SIZE / 2);
	struct page *page;
	void *mapping;

	KUNIT_ASSERT_NOT_NULL(test, object);
	page = virt_to_page(object);
	mapping = vmap(&page, 1, VM_MAP, PAGE_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mapping);
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, share_buffer(fixture, mapping, PAGE_SIZE), -EINVAL);
	vunmap(mapping);
}

/* MDLs. */

/*
 * Four pages, two neighbours each, later ones first:
 * vectors[0] is pages[0] and [1], vectors[1] is pages[2] and [3].
 */
struct chain {
	struct page *pages[4];
	struct bio_vec vectors[2];
};

static void make_chain(struct kunit *test, struct chain *chain)
{
	u32 i;

	for (i = 0; i < 2; i++) {
		chain->pages[2 * i] = two_pages(test);
		chain->pages[2 * i + 1] = chain->pages[2 * i] + 1;
		chain->vectors[i] = (struct bio_vec) {
			.bv_page = chain->pages[2 * i], .bv_len = 2 * PAGE_SIZE,
		};
	}
	channel_enable(test->priv);
}

static void mdl_all_of_it(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct chain chain;
	u32 i;

	make_chain(test, &chain);
	for (i = 0; i < 4; i++)
		memset(page_address(chain.pages[i]), 'a' + i, PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, share_mdl(fixture, chain.vectors, 2, 0, 0), 0);
	expect_pages(test, chain.pages, 4);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, peer_got.buffer[(i + 1) * PAGE_SIZE - 1], 'a' + i);
	/* And the packets of the peer may name it. */
	peer_send_direct(fixture, page_address(chain.pages[2]), 0, 2 * PAGE_SIZE);
	get_all(fixture, fixture->packets[0].packet);
	expect_memory(fixture, page_address(chain.pages[2]), 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, unshare(fixture), 0);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 0);
	peer_send_direct(fixture, page_address(chain.pages[2]), 0, 8);
	KUNIT_EXPECT_EQ(test, get_external(fixture, fixture->packets[1].packet, 0), -EACCES);
}

static void mdl_from_the_middle(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct chain chain;

	make_chain(test, &chain);
	KUNIT_ASSERT_EQ(test, share_mdl(fixture, chain.vectors, 2, PAGE_SIZE, 2 * PAGE_SIZE),
			0);
	expect_pages(test, chain.pages + 1, 2);
}

static void mdl_to_the_end(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct chain chain;

	make_chain(test, &chain);
	KUNIT_ASSERT_EQ(test, share_mdl(fixture, chain.vectors, 2, 3 * PAGE_SIZE, 0), 0);
	expect_pages(test, chain.pages + 3, 1);
}

/* What is odd about it is not shared. */
static void mdl_odd_where_it_is_left_out(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct bio_vec vectors[4];
	struct chain chain;

	make_chain(test, &chain);
	vectors[0] = (struct bio_vec) {
		.bv_page = chain.pages[0], .bv_offset = PAGE_SIZE - 8, .bv_len = PAGE_SIZE + 8,
	};
	vectors[1] = (struct bio_vec) { .bv_page = chain.pages[3], .bv_offset = 3 };
	/* An offset may lead to the next page, too. */
	vectors[2] = (struct bio_vec) {
		.bv_page = chain.pages[2], .bv_offset = PAGE_SIZE, .bv_len = PAGE_SIZE,
	};
	vectors[3] = (struct bio_vec) { .bv_page = chain.pages[2], .bv_len = 24 };
	KUNIT_ASSERT_EQ(test, share_mdl(fixture, vectors, 4, 8, 2 * PAGE_SIZE), 0);
	expect_pages(test, (struct page *[]){ chain.pages[1], chain.pages[3] }, 2);
}

struct odd_mdl {
	const char *name;
	u32 first_offset;
	u32 first_length;
	u32 second_offset;
	u32 second_length;
	u32 offset;
	u32 length;
};

static const struct odd_mdl odd_mdls[] = {
	{ "begins inside a page", 8, PAGE_SIZE, 0, PAGE_SIZE - 8, 0, 0 },
	{ "one ends inside a page", 0, PAGE_SIZE + 8, 0, PAGE_SIZE - 8, 0, 0 },
	{ "two halves", 0, PAGE_SIZE / 2, 0, PAGE_SIZE / 2, 0, 0 },
	{ "two halves that would fit", 0, PAGE_SIZE / 2, PAGE_SIZE / 2, PAGE_SIZE / 2, 0, 0 },
	{ "ends inside a page", 0, PAGE_SIZE, 0, 8, 0, 0 },
	{ "offset inside a page", 0, 2 * PAGE_SIZE, 0, 2 * PAGE_SIZE, 8, PAGE_SIZE },
	{ "offset of eight to the end", 0, 2 * PAGE_SIZE, 0, 8, 8, 0 },
	{ "length of eight", 0, 2 * PAGE_SIZE, 0, 2 * PAGE_SIZE, 0, 8 },
	{ "length of a page and eight", 0, 2 * PAGE_SIZE, 0, 2 * PAGE_SIZE, 0, PAGE_SIZE + 8 },
	{ "offset is the end", 0, PAGE_SIZE, 0, PAGE_SIZE, 2 * PAGE_SIZE, 0 },
	{ "offset is the end, with a length", 0, PAGE_SIZE, 0, PAGE_SIZE, 2 * PAGE_SIZE,
	  PAGE_SIZE },
	{ "offset beyond the end", 0, PAGE_SIZE, 0, PAGE_SIZE, 3 * PAGE_SIZE, 0 },
	{ "offset far beyond the end", 0, PAGE_SIZE, 0, PAGE_SIZE, U32_MAX - PAGE_SIZE + 1,
	  PAGE_SIZE },
	{ "length beyond the end", 0, PAGE_SIZE, 0, PAGE_SIZE, 0, 3 * PAGE_SIZE },
	{ "both beyond the end", 0, PAGE_SIZE, 0, PAGE_SIZE, PAGE_SIZE, 2 * PAGE_SIZE },
	{ "nothing in it", 0, 0, 0, 0, 0, 0 },
};

static void mdl_odd(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct chain chain;
	u32 i;

	make_chain(test, &chain);
	for (i = 0; i < ARRAY_SIZE(odd_mdls); i++) {
		const struct odd_mdl *odd = &odd_mdls[i];

		chain.vectors[0].bv_offset = odd->first_offset;
		chain.vectors[0].bv_len = odd->first_length;
		chain.vectors[1].bv_offset = odd->second_offset;
		chain.vectors[1].bv_len = odd->second_length;
		KUNIT_EXPECT_EQ_MSG(test, share_mdl(fixture, chain.vectors, 2, odd->offset,
						    odd->length), -EINVAL, "%s", odd->name);
	}
	KUNIT_EXPECT_EQ(test, share_mdl(fixture, NULL, 0, 0, 0), -EINVAL);
	chain.vectors[0] = (struct bio_vec) { .bv_len = PAGE_SIZE };
	KUNIT_EXPECT_EQ(test, share_mdl(fixture, chain.vectors, 1, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 0);
}

/* Good memory behind the end of the chain is none of its business. */
static void mdl_goes_on_behind_its_end(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct chain chain;

	make_chain(test, &chain);
	KUNIT_EXPECT_EQ(test, share_mdl(fixture, chain.vectors, 1, 0, 3 * PAGE_SIZE), -EINVAL);
	KUNIT_EXPECT_EQ(test, share_mdl(fixture, chain.vectors, 1, PAGE_SIZE, 2 * PAGE_SIZE),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, share_mdl(fixture, chain.vectors, 1, 2 * PAGE_SIZE, PAGE_SIZE),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, share_mdl(fixture, chain.vectors, 1, 3 * PAGE_SIZE, PAGE_SIZE),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 0);
	KUNIT_EXPECT_EQ(test, share_mdl(fixture, chain.vectors, 1, 0, 0), 0);
	expect_pages(test, chain.pages, 2);
}

static void mdl_of_slab_memory(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	void *object = small_at_a_page(test, PAGE_SIZE / 2);
	struct bio_vec vector = { .bv_len = PAGE_SIZE };

	KUNIT_ASSERT_NOT_NULL(test, object);
	channel_enable(fixture);
	vector.bv_page = virt_to_page(object);
	KUNIT_EXPECT_EQ(test, share_mdl(fixture, &vector, 1, 0, 0), -EINVAL);
}

static void mdl_with_a_page_twice(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct chain chain;

	make_chain(test, &chain);
	chain.vectors[1] = (struct bio_vec) {
		.bv_page = chain.pages[1], .bv_len = PAGE_SIZE,
	};
	KUNIT_EXPECT_EQ(test, share_mdl(fixture, chain.vectors, 2, 0, 0), -EEXIST);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 0);
	KUNIT_EXPECT_EQ(test, share_mdl(fixture, chain.vectors, 1, 0, 0), 0);
}

/* Lists of page frames. */

static void frames_in_their_order(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct page *pages[4];
	struct chain chain;
	u64 *pfns;

	make_chain(test, &chain);
	pages[0] = chain.pages[3];
	pages[1] = chain.pages[0];
	pages[2] = chain.pages[2];
	pages[3] = chain.pages[1];
	pfns = kunit_kcalloc(test, 4 * IN_PAGE, sizeof(*pfns), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pfns);
	put_frames(pfns, pages, 4);
	KUNIT_ASSERT_EQ(test, share_frames(fixture, pfns, 4 * IN_PAGE), 0);
	expect_pages(test, pages, 4);
	KUNIT_EXPECT_EQ(test, unshare(fixture), 0);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 0);
}

static void frames_that_are_not_there(struct kunit *test)
{
	const u64 wrong[] = { U64_MAX, 1ull << 63, 1ull << 52, 1ull << 51, 1ull << 40 };
	struct channel_fixture *fixture = test->priv;
	struct chain chain;
	u64 *pfns;
	u32 i, j;

	make_chain(test, &chain);
	pfns = kunit_kcalloc(test, 4 * IN_PAGE, sizeof(*pfns), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pfns);
	put_frames(pfns, chain.pages, 4);
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		for (j = 0; j < IN_PAGE; j++)
			pfns[2 * IN_PAGE + j] = round_down(wrong[i], IN_PAGE) + j;
		KUNIT_EXPECT_EQ_MSG(test, share_frames(fixture, pfns, 4 * IN_PAGE), -EINVAL,
				    "%#llx", wrong[i]);
	}
	KUNIT_EXPECT_EQ(test, share_frames(fixture, pfns, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 0);
}

static void frames_of_slab_memory(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	void *object = small_at_a_page(test, PAGE_SIZE / 2);
	struct page *page;
	u64 *pfns;

	KUNIT_ASSERT_NOT_NULL(test, object);
	page = virt_to_page(object);
	pfns = kunit_kcalloc(test, IN_PAGE, sizeof(*pfns), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pfns);
	put_frames(pfns, &page, 1);
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, share_frames(fixture, pfns, IN_PAGE), -EINVAL);
}

/* What larger pages make of a list is decided apart from this kernel's pages. */
static void frames_make_up_a_page(struct kunit *test)
{
	const u32 shifts[] = { 12, 14, 16 };
	u64 pfns[16], frame;
	u32 i, j;

	for (i = 0; i < ARRAY_SIZE(shifts); i++) {
		u32 in_page = 1u << (shifts[i] - 12);

		for (j = 0; j < in_page; j++)
			pfns[j] = 7 * in_page + j;
		KUNIT_EXPECT_EQ(test, vmb_gpadl_page_of_pfns(pfns, shifts[i], &frame), 0);
		KUNIT_EXPECT_EQ(test, frame, 7);
		for (j = 0; j < in_page; j++)
			pfns[j] = U64_MAX - in_page + 1 + j;
		KUNIT_EXPECT_EQ(test, vmb_gpadl_page_of_pfns(pfns, shifts[i], &frame), 0);
		KUNIT_EXPECT_EQ(test, frame, U64_MAX / in_page);
	}
}

static void frames_that_make_up_no_page(struct kunit *test)
{
	const u32 shifts[] = { 14, 16 };
	u64 pfns[16], frame;
	u32 i, j, k;

	for (i = 0; i < ARRAY_SIZE(shifts); i++) {
		u32 in_page = 1u << (shifts[i] - 12);

		/* In order, but from the middle of one to the middle of the next. */
		for (k = 1; k < in_page; k++) {
			for (j = 0; j < in_page; j++)
				pfns[j] = 7 * in_page + j + k;
			KUNIT_EXPECT_EQ(test, vmb_gpadl_page_of_pfns(pfns, shifts[i], &frame),
					-EINVAL);
		}
		/* One of them is of another page; the one before it, again. */
		for (k = 0; k < in_page; k++) {
			for (j = 0; j < in_page; j++)
				pfns[j] = 7 * in_page + j;
			pfns[k] += 16;
			KUNIT_EXPECT_EQ(test, vmb_gpadl_page_of_pfns(pfns, shifts[i], &frame),
					-EINVAL);
			pfns[k] = 7 * in_page + (k + 1) % in_page;
			KUNIT_EXPECT_EQ(test, vmb_gpadl_page_of_pfns(pfns, shifts[i], &frame),
					-EINVAL);
		}
	}
}

static struct kunit_case gpadl_pages_cases[] = {
	KUNIT_CASE(buffer_of_the_page_allocator),
	KUNIT_CASE(buffer_of_kmalloc),
	KUNIT_CASE(buffer_with_neighbours_in_its_page),
	KUNIT_CASE(buffer_from_the_middle_of_an_object),
	KUNIT_CASE(mapped_slab_memory),
	KUNIT_CASE(mdl_all_of_it),
	KUNIT_CASE(mdl_from_the_middle),
	KUNIT_CASE(mdl_to_the_end),
	KUNIT_CASE(mdl_odd_where_it_is_left_out),
	KUNIT_CASE(mdl_odd),
	KUNIT_CASE(mdl_goes_on_behind_its_end),
	KUNIT_CASE(mdl_of_slab_memory),
	KUNIT_CASE(mdl_with_a_page_twice),
	KUNIT_CASE(frames_in_their_order),
	KUNIT_CASE(frames_that_are_not_there),
	KUNIT_CASE(frames_of_slab_memory),
	KUNIT_CASE(frames_make_up_a_page),
	KUNIT_CASE(frames_that_make_up_no_page),
	{}
};

static struct kunit_suite gpadl_pages_suite = {
	.name = "vmbkmcl_gpadl_pages",
	.init = gpadl_fixture_init,
	.exit = external_fixture_exit,
	.test_cases = gpadl_pages_cases,
};

kunit_test_suite(gpadl_pages_suite);
