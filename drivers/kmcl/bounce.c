// SPDX-License-Identifier: GPL-2.0
/*
 * External data of a request whose caller may give up before the peer does, in
 * memory that nobody can keep from being used anew: objects of the slab
 * allocator, and pages that are not counted. The peer is given pages of the
 * library's own, at the same offsets, so that it is told of the same ranges.
 */
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "outbound.h"

/**
 * struct vmb_bounce - pages that stand for a caller's
 * @count: of @pieces.
 * @pieces: each in a page of its own, where it lies in the caller's.
 *
 * Allocated by vmb_bounce_create(), freed by vmb_bounce_free().
 */
struct vmb_bounce {
	u32 count;
	struct bio_vec pieces[];
};

/* What of a vector lies in one page, from @done on, which goes on behind it. */
static bool vmb_bounce_next(const struct bio_vec *vector, u32 *done,
			    struct bio_vec *piece)
{
	u32 start = vector->bv_offset + *done;

	if (*done == vector->bv_len)
		return false;
	piece->bv_page = vector->bv_page + (start >> PAGE_SHIFT);
	piece->bv_offset = offset_in_page(start);
	piece->bv_len = min_t(u32, vector->bv_len - *done,
			      PAGE_SIZE - piece->bv_offset);
	*done += piece->bv_len;
	return true;
}

/* Is there a page that cannot be kept? */
bool vmb_bounce_is_needed(const struct bio_vec *vectors, u32 vector_count)
{
	struct bio_vec piece;
	u32 i, done;

	for (i = 0; i < vector_count; i++)
		for (done = 0; vmb_bounce_next(&vectors[i], &done, &piece); )
			if (!vmb_page_is_counted(piece.bv_page))
				return true;
	return false;
}

/* Pages for it, if it is within the channel's limits, and nothing in them. */
static struct vmb_bounce *vmb_bounce_allocate(const struct vmb_channel *channel,
					      const struct bio_vec *vectors,
					      u32 vector_count)
{
	u64 bytes = 0, pieces = 0;
	u32 i;

	for (i = 0; i < vector_count; i++) {
		if (!vectors[i].bv_len)
			continue;
		bytes += vectors[i].bv_len;
		pieces += DIV_ROUND_UP((u64)offset_in_page(vectors[i].bv_offset) +
				       vectors[i].bv_len, PAGE_SIZE);
	}
	if (bytes > channel->external.bytes ||
	    pieces > vmb_ranges_maximum_segments(&channel->external))
		return ERR_PTR(-EMSGSIZE);
	return kzalloc(sizeof(struct vmb_bounce) + pieces * sizeof(struct bio_vec),
		       GFP_NOIO | __GFP_NOWARN);
}

/*
 * A copy of it: also of what the peer is to write, for it may write less.
 * Returns the list for the peer through @list and @list_count; an ERR_PTR:
 * -EMSGSIZE or -ENOMEM. Process context.
 */
struct vmb_bounce *vmb_bounce_create(const struct vmb_channel *channel,
				     const struct bio_vec *vectors,
				     u32 vector_count,
				     const struct bio_vec **list, u32 *list_count)
{
	struct vmb_bounce *bounce = vmb_bounce_allocate(channel, vectors, vector_count);
	struct bio_vec from;
	u32 i, done;

	if (!bounce)
		return ERR_PTR(-ENOMEM);
	if (IS_ERR(bounce))
		return bounce;
	for (i = 0; i < vector_count; i++) {
		for (done = 0; vmb_bounce_next(&vectors[i], &done, &from); ) {
			/* The peer sees all of a page. */
			struct page *page = alloc_page(GFP_NOIO | __GFP_ZERO |
						       __GFP_NOWARN);

			if (!page) {
				vmb_bounce_free(bounce);
				return ERR_PTR(-ENOMEM);
			}
			memcpy_page(page, from.bv_offset, from.bv_page,
				    from.bv_offset, from.bv_len);
			from.bv_page = page;
			bounce->pieces[bounce->count++] = from;
		}
	}
	*list = bounce->pieces;
	*list_count = bounce->count;
	return bounce;
}

/* The peer is done: what it wrote, to the caller. */
void vmb_bounce_copy_back(const struct vmb_bounce *bounce,
			  const struct bio_vec *vectors, u32 vector_count)
{
	const struct bio_vec *from = bounce->pieces;
	struct bio_vec to;
	u32 i, done;

	for (i = 0; i < vector_count; i++)
		for (done = 0; vmb_bounce_next(&vectors[i], &done, &to); from++)
			memcpy_page(to.bv_page, to.bv_offset, from->bv_page,
				    from->bv_offset, to.bv_len);
}

/*
 * Free what only the request kept: a page that the peer may still write to has a
 * reference of its own. Any context but hard interrupt.
 */
void vmb_bounce_free(struct vmb_bounce *bounce)
{
	u32 i;

	for (i = 0; i < bounce->count; i++)
		put_page(bounce->pieces[i].bv_page);
	kfree(bounce);
}
