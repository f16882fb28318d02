/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A channel that shares memory of all kinds, and a peer that notes what it gets.
 * The GPADL that was shared last is shared_of(fixture)->handle.
 */
#ifndef VMB_KUNIT_GPADL_FIXTURE_H
#define VMB_KUNIT_GPADL_FIXTURE_H

#include "external_fixture.h"

/* 4 KiB pages in a page of this kernel. */
#define IN_PAGE		(PAGE_SIZE / 4096)

/**
 * struct peer_got - what the peer was given last
 * @buffer: where.
 * @byte_count: how much.
 * @noise: what it leaves there, if not 0.
 */
struct peer_got {
	u8 *buffer;
	u32 byte_count;
	u8 noise;
};

extern struct peer_got peer_got;

int gpadl_fixture_init(struct kunit *test);
void expect_pages(struct kunit *test, struct page *const *pages, u32 count);
struct page *two_pages(struct kunit *test);
int share_buffer(struct channel_fixture *fixture, void *buffer, u32 bytes);
int share_mdl(struct channel_fixture *fixture, const struct bio_vec *vectors,
	      u32 count, u32 offset, u32 length);
int share_frames(struct channel_fixture *fixture, const u64 *pfns, u32 count);
int share_ours(struct channel_fixture *fixture, u32 pages);
int unshare(struct channel_fixture *fixture);
void put_frames(u64 *pfns, struct page *const *pages, u32 count);
void *small_at_a_page(struct kunit *test, u32 size);

#endif
