// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of the memory: the library's own, what was mapped, much of it,
 * and that none of it is given back while the peer may still write to it.
 */
#include <kunit/test.h>
#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "../fixtures/gpadl_fixture.h"

/* The protocol counts 16 + 8 bytes for each page in 16 bits. */
#define MOST_PAGES	8189u

/* Memory of the library's. */

static void ours_is_zeroed_and_has_an_address(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	void *address = NULL;

	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, share_ours(fixture, 3), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_get_system_address_for_gpadl
			(fixture->channel, 0, shared_of(fixture)->handle, &address), 0);
	KUNIT_ASSERT_NOT_NULL(test, address);
	KUNIT_EXPECT_PTR_EQ(test, address, (void *)peer_got.buffer);
	KUNIT_EXPECT_EQ(test, peer_got.byte_count, 3 * PAGE_SIZE);
	KUNIT_EXPECT_NULL(test, memchr_inv(address, 0, 3 * PAGE_SIZE));
	peer_send_direct(fixture, address, 0, 3 * PAGE_SIZE);
	get_all(fixture, fixture->packets[0].packet);
	expect_memory(fixture, address, 3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, unshare(fixture), 0);
	KUNIT_EXPECT_NULL_MSG(test, vmalloc_to_page(address), "delete has not freed it");
}

static void ours_of_no_pages(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, share_ours(fixture, 0), -EINVAL);
}

static void ours_is_freed_when_forgotten(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, share_ours(fixture, 3), 0);
	channel_disable(fixture);
	shared_of(fixture)->handle = 0;
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 0);
	KUNIT_EXPECT_NULL(test, vmalloc_to_page(peer_got.buffer));
}

static void address_of_what_has_none(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct external_memory *shared = shared_of(fixture);
	void *address = fixture;

	share_memory(fixture, 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_get_system_address_for_gpadl
			(fixture->channel, 0, shared->handle, &address), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_channel_get_system_address_for_gpadl
			(fixture->channel, 0, 4711, &address), -ENOENT);
	KUNIT_EXPECT_EQ(test, unshare(fixture), 0);
	KUNIT_ASSERT_EQ(test, share_ours(fixture, 1), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_get_system_address_for_gpadl
			(fixture->channel, 1, shared->handle, &address), -EINVAL);
	KUNIT_EXPECT_PTR_EQ(test, address, (void *)fixture);
}

static int help_delete(struct channel_fixture *fixture)
{
	return unshare(fixture);
}

static void address_while_it_goes(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	void *address = NULL;
	u32 handle;

	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, share_ours(fixture, 1), 0);
	handle = shared_of(fixture)->handle;
	peer_send_direct(fixture, peer_got.buffer, 0, 8);
	get_all(fixture, fixture->packets[0].packet);
	channel_help(fixture, help_delete);
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&fixture->helped, HZ / 20), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_get_system_address_for_gpadl
			(fixture->channel, 0, handle, &address), -ENOENT);
	/* But it is still there, for the packet. */
	KUNIT_EXPECT_NOT_NULL(test, vmalloc_to_page(peer_got.buffer));
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
}

/* All of them alike. */

enum way { FROM_BUFFER, FROM_MDL, FROM_PFN_LIST, OURS, WAYS };

static const char *const way_names[] = { "buffer", "mdl", "pfn list", "ours" };

/* One page, by any way. */
static int create_by(struct channel_fixture *fixture, enum way way, u32 flags)
{
	struct external_memory *shared = shared_of(fixture);
	struct page *page = vmalloc_to_page(shared->memory);
	struct bio_vec vector = { .bv_page = page, .bv_len = PAGE_SIZE };
	u64 pfns[IN_PAGE];

	put_frames(pfns, &page, 1);
	switch (way) {
	case FROM_BUFFER:
		return vmb_channel_create_gpadl_from_buffer(fixture->channel, flags,
							    shared->memory, PAGE_SIZE,
							    &shared->handle);
	case FROM_MDL:
		return vmb_channel_create_gpadl_from_mdl(fixture->channel, flags, &vector, 1,
							 0, 0, &shared->handle);
	case FROM_PFN_LIST:
		return vmb_channel_create_gpadl_from_pfn_list(fixture->channel, flags, pfns,
							      IN_PAGE, &shared->handle);
	default:
		return vmb_channel_create_gpadl(fixture->channel, flags, 1, &shared->handle);
	}
}

static void every_way_the_same(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	enum way way;

	for (way = 0; way < WAYS; way++)
		KUNIT_EXPECT_EQ_MSG(test, create_by(fixture, way, 0), -ENODEV, "%s before",
				    way_names[way]);
	channel_enable(fixture);
	for (way = 0; way < WAYS; way++) {
		KUNIT_EXPECT_EQ_MSG(test, create_by(fixture, way, 2), -EINVAL, "%s",
				    way_names[way]);
		fixture->channel->is_server = true;
		KUNIT_EXPECT_EQ_MSG(test, create_by(fixture, way, 0), -EINVAL, "%s, server",
				    way_names[way]);
		fixture->channel->is_server = false;
		fixture->transport.create_gpadl_error = -EDQUOT;
		KUNIT_EXPECT_EQ_MSG(test, create_by(fixture, way, 0), -EDQUOT, "%s",
				    way_names[way]);
		fixture->transport.create_gpadl_error = 0;
		/* Which nothing is left of. */
		KUNIT_EXPECT_EQ_MSG(test, create_by(fixture, way, 0), 0, "%s", way_names[way]);
		KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 1);
		KUNIT_EXPECT_EQ(test, unshare(fixture), 0);
	}
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, 0);
	channel_disable(fixture);
	for (way = 0; way < WAYS; way++)
		KUNIT_EXPECT_EQ_MSG(test, create_by(fixture, way, 0), -ENODEV, "%s after",
				    way_names[way]);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 0);
}

static void every_way_read_only(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	enum way way;

	channel_enable(fixture);
	for (way = 0; way < WAYS; way++) {
		KUNIT_EXPECT_EQ_MSG(test, create_by(fixture, way, 1), 0, "%s", way_names[way]);
		peer_send_direct(fixture, peer_got.buffer, 0, 8);
		KUNIT_EXPECT_EQ_MSG(test, get_external(fixture, fixture->packets[way].packet, 0),
				    -EROFS, "%s", way_names[way]);
		KUNIT_EXPECT_EQ(test, channel_complete(fixture, way, NULL, 0), 0);
		KUNIT_EXPECT_EQ(test, unshare(fixture), 0);
	}
}

/*
 * What had to be mapped is unmapped, what was ours is freed, unless the peer may
 * still write to it: then the memory stays, and the address with it.
 */
static void expect_kept(struct kunit *test, enum way way, bool kept)
{
	bool is_there = vmalloc_to_page(peer_got.buffer);

	KUNIT_EXPECT_EQ_MSG(test, is_there, kept, "%s", way_names[way]);
	if (!is_there || !kept)
		return;
	/* What was leaked on purpose, the test gives back. */
	if (way == OURS)
		vfree(peer_got.buffer);
	else
		vunmap(peer_got.buffer);
}

static void given_back_when_it_may(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	enum way way;

	channel_enable(fixture);
	for (way = FROM_MDL; way < WAYS; way++) {
		fixture->transport.create_gpadl_error = -EDQUOT;
		KUNIT_EXPECT_EQ(test, create_by(fixture, way, 0), -EDQUOT);
		expect_kept(test, way, false);
		fixture->transport.create_gpadl_error = 0;
		KUNIT_ASSERT_EQ(test, create_by(fixture, way, 0), 0);
		KUNIT_EXPECT_EQ(test, unshare(fixture), 0);
		expect_kept(test, way, false);
	}
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, 0);
}

static void leaked_when_it_must(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 leaked = 0;
	enum way way;

	channel_enable(fixture);
	for (way = FROM_MDL; way < WAYS; way++) {
		fixture->transport.create_gpadl_error = -EIO;
		KUNIT_EXPECT_EQ(test, create_by(fixture, way, 0), -EIO);
		fixture->transport.create_gpadl_error = 0;
		KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, ++leaked);
		expect_kept(test, way, true);

		KUNIT_ASSERT_EQ(test, create_by(fixture, way, 0), 0);
		fixture->transport.delete_gpadl_error = -ETIMEDOUT;
		KUNIT_EXPECT_EQ(test, unshare(fixture), -EIO);
		fixture->transport.delete_gpadl_error = 0;
		KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, ++leaked);
		expect_kept(test, way, true);
	}
}

static void leaked_with_the_packet_that_uses_it(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_gpadl *gpadl;

	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, share_ours(fixture, 1), 0);
	get_all(fixture, peer_send_direct(fixture, peer_got.buffer, 0, 64));
	channel_abandon(fixture);
	gpadl = fixture->packets[0].packet->owners[0];
	KUNIT_ASSERT_NOT_NULL(test, gpadl->frames);
	KUNIT_EXPECT_EQ(test, unshare(fixture), -EIO);
	expect_memory(fixture, peer_got.buffer, 64);
	/* Nothing finds it by its frames any more, so these are not leaked with it. */
	KUNIT_EXPECT_TRUE(test, xa_empty(&fixture->channel->memory.frames));
	KUNIT_EXPECT_NULL(test, gpadl->frames);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), -ENODEV);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, 1);
	expect_kept(test, OURS, true);
}

/* The peer has given back all of it: that the driver has not is not held against it. */
static void leaked_by_the_driver(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 handles[64], i;
	u8 *buffers[64];

	channel_hold_at_most(fixture, 80);
	channel_enable(fixture);
	for (i = 0; i < 64; i++) {
		KUNIT_ASSERT_EQ(test, vmb_channel_create_gpadl(fixture->channel, 0, 1,
							       &handles[i]), 0);
		buffers[i] = peer_got.buffer;
		get_all(fixture, peer_send_direct(fixture, buffers[i], 0, 64));
	}
	channel_abandon(fixture);
	for (i = 0; i < 64; i++)
		KUNIT_EXPECT_EQ(test, vmb_channel_delete_gpadl(fixture->channel, handles[i]),
				-EIO);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, 64);
	KUNIT_EXPECT_EQ(test, share_ours(fixture, 1), 0);
	KUNIT_EXPECT_EQ(test, unshare(fixture), 0);
	for (i = 0; i < 64; i++) {
		KUNIT_EXPECT_EQ(test, channel_complete(fixture, i, NULL, 0), -ENODEV);
		vfree(buffers[i]);
	}
}

/* Much of it. */

/*
 * Some 4,000 to 8,000 entries; what searches a list needs seconds, each time, and several
 * times that where each lock is checked, or each byte. The VM may have something else
 * to do, but not five times in five.
 */
static void expect_quick(struct kunit *test, const char *what, u32 pages)
{
	struct channel_fixture *fixture = test->priv;
	u64 create_time = U64_MAX, delete_time = U64_MAX;
	const u64 limit = (IS_ENABLED(CONFIG_KMSAN) ? 15000 :
			   IS_ENABLED(CONFIG_PROVE_LOCKING) ? 3000 : 500) * USEC_PER_MSEC;
	u32 tries;

	for (tries = 0; tries < 5 && max(create_time, delete_time) >= limit; tries++) {
		ktime_t begun = ktime_get();

		KUNIT_ASSERT_EQ(test, share_ours(fixture, pages), 0);
		create_time = ktime_us_delta(ktime_get(), begun);
		begun = ktime_get();
		KUNIT_ASSERT_EQ(test, unshare(fixture), 0);
		delete_time = ktime_us_delta(ktime_get(), begun);
		kunit_info(test, "%s: %llu us to create, %llu us to delete", what,
			   create_time, delete_time);
	}
	KUNIT_EXPECT_LT(test, create_time, limit);
	KUNIT_EXPECT_LT(test, delete_time, limit);
}

static void sixteen_mib(struct kunit *test)
{
	channel_enable(test->priv);
	expect_quick(test, "16 MiB", SZ_16M / PAGE_SIZE);
}

static void as_much_as_the_protocol_can_say(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 pages = MOST_PAGES / IN_PAGE;

	channel_enable(fixture);
	expect_quick(test, "most", pages);
	KUNIT_EXPECT_EQ(test, peer_got.byte_count, pages * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, share_ours(fixture, pages + 1), -E2BIG);
	KUNIT_EXPECT_EQ(test, share_ours(fixture, U32_MAX), -E2BIG);
}

/* By each way, one page of this kernel less than too much, and too much. */
static void each_way_up_to_the_limit(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 pages = MOST_PAGES / IN_PAGE;
	u64 *pfns = kvcalloc((pages + 1) * IN_PAGE, sizeof(*pfns), GFP_KERNEL);
	struct bio_vec *vectors = kvcalloc(pages + 1, sizeof(*vectors), GFP_KERNEL);
	u8 *memory = vmalloc((pages + 1) * PAGE_SIZE);
	u32 i;

	if (!pfns || !vectors || !memory) {
		KUNIT_FAIL(test, "no memory");
		goto free;
	}
	for (i = 0; i <= pages; i++) {
		struct page *page = vmalloc_to_page(memory + i * PAGE_SIZE);

		vectors[i] = (struct bio_vec) { .bv_page = page, .bv_len = PAGE_SIZE };
		put_frames(pfns + i * IN_PAGE, &page, 1);
	}
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, share_buffer(fixture, memory, (pages + 1) * PAGE_SIZE), -E2BIG);
	KUNIT_EXPECT_EQ(test, share_buffer(fixture, memory, pages * PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, unshare(fixture), 0);
	KUNIT_EXPECT_EQ(test, share_mdl(fixture, vectors, pages + 1, 0, 0), -E2BIG);
	KUNIT_EXPECT_EQ(test, share_mdl(fixture, vectors, pages + 1, PAGE_SIZE, 0), 0);
	KUNIT_EXPECT_EQ(test, unshare(fixture), 0);
	KUNIT_EXPECT_EQ(test, share_frames(fixture, pfns, (pages + 1) * IN_PAGE), -E2BIG);
	KUNIT_EXPECT_EQ(test, share_frames(fixture, pfns, pages * IN_PAGE), 0);
	KUNIT_EXPECT_EQ(test, unshare(fixture), 0);
free:
	kvfree(pfns);
	kvfree(vectors);
	vfree(memory);
}

/* An isolated VM, as far as one can be had without one. */

static void isolated(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct page *pages = two_pages(test);

	fixture->transport.device.isolated = true;
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, create_by(fixture, FROM_BUFFER, 0), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, create_by(fixture, FROM_MDL, 0), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, create_by(fixture, FROM_PFN_LIST, 0), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 0);
	KUNIT_EXPECT_EQ(test, share_buffer(fixture, page_address(pages), 2 * PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, unshare(fixture), 0);
}

/*
 * It lies in the direct map. The peer may write as soon as it has it: what is there
 * when create returns is the peer's, not ours to erase.
 */
static void isolated_and_ours(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct page *page;

	fixture->transport.device.isolated = true;
	channel_enable(fixture);
	peer_got.noise = 0x5a;
	KUNIT_ASSERT_EQ(test, share_ours(fixture, 3), 0);
	KUNIT_EXPECT_FALSE(test, is_vmalloc_addr(peer_got.buffer));
	KUNIT_EXPECT_TRUE(test, virt_addr_valid(peer_got.buffer));
	KUNIT_EXPECT_NULL(test, memchr_inv(peer_got.buffer, 0x5a, 3 * PAGE_SIZE));
	page = virt_to_page(peer_got.buffer);
	get_page(page);
	KUNIT_EXPECT_EQ(test, unshare(fixture), 0);
	/* It is freed: only the test has it. */
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	put_page(page);
	/* With small pages that is more than there is in one block. */
	if (PAGE_SIZE << MAX_PAGE_ORDER < SZ_16M)
		KUNIT_EXPECT_EQ(test, share_ours(fixture, SZ_16M / PAGE_SIZE), -ENOMEM);
}

/* With a peer that is inside of it nothing is decrypted: it is as in any other VM. */
static void isolated_with_a_peer_inside(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	enum way way;

	fixture->transport.device.isolated = true;
	fixture->transport.encrypted = true;
	channel_enable(fixture);
	for (way = 0; way < WAYS; way++) {
		KUNIT_EXPECT_EQ_MSG(test, create_by(fixture, way, 0), 0, "%s", way_names[way]);
		KUNIT_EXPECT_TRUE(test, is_vmalloc_addr(peer_got.buffer));
		KUNIT_EXPECT_EQ(test, unshare(fixture), 0);
	}
	/* And the other way round: what a VM that is not isolated is told means nothing. */
	channel_disable(fixture);
	fixture->transport.device.isolated = false;
	fixture->transport.encrypted = false;
	channel_enable(fixture);
	for (way = 0; way < WAYS; way++) {
		KUNIT_EXPECT_EQ_MSG(test, create_by(fixture, way, 0), 0, "%s", way_names[way]);
		KUNIT_EXPECT_EQ(test, unshare(fixture), 0);
	}
}

/* They are looked for one by one, so a client has so many at once. */
static void as_many_as_may_be(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_memory *memory = &fixture->channel->memory;
	/* Where pages are large, as if there were most of them already. */
	u32 there = PAGE_SIZE == 4096 ? 0 : 4000;
	u32 *handles = kunit_kcalloc(test, 4096, sizeof(*handles), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, handles);
	channel_enable(fixture);
	memory->gpadl_count = there;
	for (i = there; i < 4096; i++) {
		KUNIT_ASSERT_EQ(test, share_ours(fixture, 1), 0);
		handles[i] = shared_of(fixture)->handle;
	}
	KUNIT_EXPECT_EQ(test, memory->gpadl_count, 4096);
	KUNIT_EXPECT_EQ(test, share_ours(fixture, 1), -ENOSPC);
	/* One that goes makes room for one. */
	KUNIT_EXPECT_EQ(test, vmb_channel_delete_gpadl(fixture->channel, handles[there]), 0);
	KUNIT_EXPECT_EQ(test, share_ours(fixture, 1), 0);
	handles[there] = shared_of(fixture)->handle;
	KUNIT_EXPECT_EQ(test, share_ours(fixture, 1), -ENOSPC);
	for (i = there; i < 4096; i++)
		KUNIT_EXPECT_EQ(test, vmb_channel_delete_gpadl(fixture->channel, handles[i]), 0);
	KUNIT_EXPECT_EQ(test, memory->gpadl_count, there);
	shared_of(fixture)->handle = 0;
}

static struct kunit_case gpadl_memory_cases[] = {
	KUNIT_CASE(ours_is_zeroed_and_has_an_address),
	KUNIT_CASE(ours_of_no_pages),
	KUNIT_CASE(ours_is_freed_when_forgotten),
	KUNIT_CASE(address_of_what_has_none),
	KUNIT_CASE(address_while_it_goes),
	KUNIT_CASE(every_way_the_same),
	KUNIT_CASE(every_way_read_only),
	KUNIT_CASE(given_back_when_it_may),
	KUNIT_CASE(leaked_when_it_must),
	KUNIT_CASE(leaked_with_the_packet_that_uses_it),
	KUNIT_CASE(leaked_by_the_driver),
	KUNIT_CASE(sixteen_mib),
	KUNIT_CASE(as_much_as_the_protocol_can_say),
	KUNIT_CASE(as_many_as_may_be),
	KUNIT_CASE(each_way_up_to_the_limit),
	KUNIT_CASE(isolated),
	KUNIT_CASE(isolated_and_ours),
	KUNIT_CASE(isolated_with_a_peer_inside),
	{}
};

static struct kunit_suite gpadl_memory_suite = {
	.name = "vmbkmcl_gpadl_memory",
	.init = gpadl_fixture_init,
	.exit = external_fixture_exit,
	.test_cases = gpadl_memory_cases,
};

kunit_test_suite(gpadl_memory_suite);
