// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of all kinds, and a peer that notes what it gets.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "gpadl_fixture.h"

struct peer_got peer_got;

static struct vmb_channel_transport_operations peer_operations;
static int (*real_create_gpadl)(struct vmb_channel *channel, void *buffer,
				u32 byte_count, u32 *gpadl_handle, void **private);

static int note_create_gpadl(struct vmb_channel *channel, void *buffer,
			     u32 byte_count, u32 *gpadl_handle, void **private)
{
	peer_got.buffer = buffer;
	peer_got.byte_count = byte_count;
	if (peer_got.noise)
		memset(buffer, peer_got.noise, byte_count);
	return real_create_gpadl(channel, buffer, byte_count, gpadl_handle, private);
}

int gpadl_fixture_init(struct kunit *test)
{
	int ret = external_fixture_init(test);
	struct channel_fixture *fixture = test->priv;

	if (ret)
		return ret;
	memset(&peer_got, 0, sizeof(peer_got));
	peer_operations = *fixture->channel->operations;
	real_create_gpadl = peer_operations.create_gpadl;
	peer_operations.create_gpadl = note_create_gpadl;
	fixture->channel->operations = &peer_operations;
	return 0;
}

static struct page *page_at(const void *address)
{
	return is_vmalloc_addr(address) ? vmalloc_to_page(address) : virt_to_page(address);
}

/* The peer was given these pages, in this order. */
void expect_pages(struct kunit *test, struct page *const *pages, u32 count)
{
	u32 i;

	KUNIT_ASSERT_EQ(test, peer_got.byte_count, count * PAGE_SIZE);
	for (i = 0; i < count; i++)
		KUNIT_EXPECT_PTR_EQ_MSG(test, page_at(peer_got.buffer + i * PAGE_SIZE),
					pages[i], "page %u", i);
}

/* For tests that must not leave their memory with a failed assertion. */
static void free_order_one(void *pages)
{
	__free_pages(pages, 1);
}

struct page *two_pages(struct kunit *test)
{
	struct page *pages = alloc_pages(GFP_KERNEL, 1);

	KUNIT_ASSERT_NOT_NULL(test, pages);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_order_one, pages), 0);
	return pages;
}

int share_buffer(struct channel_fixture *fixture, void *buffer, u32 bytes)
{
	return vmb_channel_create_gpadl_from_buffer(fixture->channel, 0, buffer, bytes,
						    &shared_of(fixture)->handle);
}

int share_mdl(struct channel_fixture *fixture, const struct bio_vec *vectors,
	      u32 count, u32 offset, u32 length)
{
	return vmb_channel_create_gpadl_from_mdl(fixture->channel, 0, vectors, count, offset,
						 length, &shared_of(fixture)->handle);
}

int share_frames(struct channel_fixture *fixture, const u64 *pfns, u32 count)
{
	return vmb_channel_create_gpadl_from_pfn_list(fixture->channel, 0, pfns, count,
						      &shared_of(fixture)->handle);
}

int share_ours(struct channel_fixture *fixture, u32 pages)
{
	return vmb_channel_create_gpadl(fixture->channel, 0, pages,
					&shared_of(fixture)->handle);
}

int unshare(struct channel_fixture *fixture)
{
	struct external_memory *shared = shared_of(fixture);
	u32 handle = shared->handle;

	shared->handle = 0;
	return vmb_channel_delete_gpadl(fixture->channel, handle);
}

void put_frames(u64 *pfns, struct page *const *pages, u32 count)
{
	u32 i;

	for (i = 0; i < count * IN_PAGE; i++)
		pfns[i] = (u64)page_to_pfn(pages[i / IN_PAGE]) * IN_PAGE + i % IN_PAGE;
}

/* An object of the slab allocator that begins with a page, and ends within. */
void *small_at_a_page(struct kunit *test, u32 size)
{
	void *object;
	u32 i;

	for (i = 0; i < 16 * PAGE_SIZE / size; i++) {
		object = kunit_kmalloc(test, size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, object);
		if (PAGE_ALIGNED(object))
			return object;
	}
	KUNIT_FAIL(test, "no object of %u bytes begins with a page", size);
	return NULL;
}
