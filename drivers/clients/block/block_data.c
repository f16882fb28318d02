// SPDX-License-Identifier: GPL-2.0
/*
 * Memory for the data of the model block device's load, cut into pieces of any
 * size, at any place, in any order. Around the pieces it is poisoned, so that a
 * server that writes where it should not is found out.
 */
#include <linux/mm.h>
#include <linux/string.h>

#include "block_client.h"

/* Pieces of memory for one request, and the room between two of them. */
#define BLOCK_PIECES		16u
#define BLOCK_GAP		256u
#define BLOCK_AREA_SIZE		PAGE_ALIGN(PAGE_SIZE + VMB_BLOCK_MAXIMUM_EXTERNAL_SIZE + \
					   BLOCK_PIECES * BLOCK_GAP)
#define BLOCK_POISON		0xa5

/**
 * block_random() - a number that is the same in each run
 * @random: where it comes from.
 * @limit: what it is less than.
 *
 * Context: any.
 * Return: the number.
 */
u32 block_random(struct rnd_state *random, u32 limit)
{
	return prandom_u32_state(random) % limit;
}

/**
 * block_buffer_init() - get the memory
 * @buffer: zeroed.
 *
 * Context: process context.
 * Return: 0, or -ENOMEM.
 */
int block_buffer_init(struct block_buffer *buffer)
{
	buffer->area = alloc_pages_exact(BLOCK_AREA_SIZE, GFP_KERNEL);
	if (!buffer->area)
		return -ENOMEM;
	memset(buffer->area, BLOCK_POISON, BLOCK_AREA_SIZE);
	return 0;
}

/**
 * block_buffer_destroy() - give the memory back
 * @buffer: the buffer, or a zeroed one.
 *
 * Context: process context.
 */
void block_buffer_destroy(struct block_buffer *buffer)
{
	if (buffer->area)
		free_pages_exact(buffer->area, BLOCK_AREA_SIZE);
}

static void block_buffer_add(struct block_buffer *buffer, u32 offset, u32 length)
{
	struct bio_vec *vector = &buffer->vectors[buffer->count++];

	/* May go on over pages, as a bio's may. */
	vector->bv_page = virt_to_page(buffer->area + offset);
	vector->bv_offset = offset_in_page(buffer->area + offset);
	vector->bv_len = length;
	buffer->length += length;
}

/**
 * block_buffer_shape() - cut pieces
 * @buffer: a buffer without any.
 * @random: decides how: whole pages, or anything; half of the time the last
 *	piece in memory is the first of the data.
 * @length: of all together, in bytes.
 *
 * Context: process context.
 */
void block_buffer_shape(struct block_buffer *buffer, struct rnd_state *random,
			u32 length)
{
	bool pages = !block_random(random, 4);
	u32 pieces = 1 + block_random(random, BLOCK_PIECES);
	u32 offset = pages ? 0 : block_random(random, PAGE_SIZE);
	u32 typical = 2 * length / pieces;
	u32 piece, i;

	while (length) {
		if (pages)
			piece = min_t(u32, length, PAGE_SIZE);
		else if (buffer->count == pieces - 1)
			piece = length;
		else
			piece = min(length, 1 + block_random(random, typical));
		block_buffer_add(buffer, offset, piece);
		length -= piece;
		offset += piece;
		if (!pages)
			offset += block_random(random, BLOCK_GAP);
	}
	if (block_random(random, 2))
		return;
	for (i = 0; i < buffer->count / 2; i++)
		swap(buffer->vectors[i], buffer->vectors[buffer->count - 1 - i]);
}

/**
 * block_buffer_iter() - the pieces as an iterator
 * @buffer: the buffer.
 * @direction: ITER_SOURCE or ITER_DEST.
 * @iter: set up over all of it.
 *
 * Context: any.
 */
void block_buffer_iter(const struct block_buffer *buffer, unsigned int direction,
		       struct iov_iter *iter)
{
	iov_iter_bvec(iter, direction, buffer->vectors, buffer->count,
		      buffer->length);
}

/**
 * block_buffer_clear() - the data has served; there are no pieces any more
 * @buffer: the buffer.
 *
 * Context: process context.
 * Return: whether everything around the pieces is still poisoned.
 */
bool block_buffer_clear(struct block_buffer *buffer)
{
	u32 i;

	for (i = 0; i < buffer->count; i++)
		memset(page_address(buffer->vectors[i].bv_page) +
		       buffer->vectors[i].bv_offset, BLOCK_POISON,
		       buffer->vectors[i].bv_len);
	buffer->count = 0;
	buffer->length = 0;
	if (!memchr_inv(buffer->area, BLOCK_POISON, BLOCK_AREA_SIZE))
		return true;
	memset(buffer->area, BLOCK_POISON, BLOCK_AREA_SIZE);
	return false;
}
