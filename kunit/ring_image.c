// SPDX-License-Identifier: GPL-2.0
/*
 * A ring laid out by hand. Nothing of the code under test is used here.
 */
#include <kunit/test.h>
#include <linux/string.h>

#include "ring_image.h"

#define GUARD	64

/* A ring of its own, empty; its data has been used before, by the look of it. */
void ring_image_init(struct kunit *test, struct ring_image *image, u32 size)
{
	u8 *memory = kunit_kmalloc(test, size + 2 * GUARD, GFP_KERNEL);

	image->control = kunit_kzalloc(test, 4096, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, image->control);
	KUNIT_ASSERT_NOT_NULL(test, memory);
	image->scratch = kunit_kmalloc(test, size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, image->scratch);
	memset(memory, RING_IMAGE_UNTOUCHED, size + 2 * GUARD);
	image->data = memory + GUARD;
	image->size = size;
	image->ring = (struct vmb_ring) {
		.control = (void *)image->control,
		.data = image->data,
		.size = size,
	};
}

/* Nothing may be written outside the ring. */
void ring_image_expect_guards(struct kunit *test, const struct ring_image *image)
{
	KUNIT_EXPECT_TRUE(test, ring_image_is_untouched(image->data - GUARD, GUARD));
	KUNIT_EXPECT_TRUE(test, ring_image_is_untouched(image->data + image->size, GUARD));
}

u32 ring_image_get(const struct ring_image *image, enum ring_image_field field)
{
	const u8 *from = image->control + field;

	return from[0] | from[1] << 8 | from[2] << 16 | (u32)from[3] << 24;
}

void ring_image_set(struct ring_image *image, enum ring_image_field field, u32 value)
{
	ring_image_put_le(image->control + field, value, sizeof(value));
}

/* The lowest byte first, as everything in VMBus. */
void ring_image_put_le(u8 *to, u64 value, u32 bytes)
{
	u32 i;

	for (i = 0; i < bytes; i++)
		to[i] = value >> (8 * i);
}

/* What distinguishes every byte of a payload from its neighbours. */
u8 ring_image_byte(u8 seed, u32 position)
{
	return seed + position * 7 + position / 256;
}

void ring_image_fill(u8 *to, u8 seed, u32 length)
{
	u32 i;

	for (i = 0; i < length; i++)
		to[i] = ring_image_byte(seed, i);
}

bool ring_image_is_filled(const u8 *from, u8 seed, u32 length)
{
	u32 i;

	for (i = 0; i < length; i++)
		if (from[i] != ring_image_byte(seed, i))
			return false;
	return true;
}

bool ring_image_is_untouched(const u8 *from, u32 length)
{
	return !memchr_inv(from, RING_IMAGE_UNTOUCHED, length);
}

/* The packet's bytes in a row, if it begins at start. Returns how many. */
static u32 lay_out(u8 *to, const struct ring_image_packet *packet, u32 start)
{
	ring_image_put_le(to, packet->type, 2);
	ring_image_put_le(to + 2, packet->offset8, 2);
	ring_image_put_le(to + 4, packet->length8, 2);
	ring_image_put_le(to + 6, packet->flags, 2);
	ring_image_put_le(to + 8, packet->transaction_id, 8);
	to += 16;
	ring_image_fill(to, packet->seed, packet->body);
	to += packet->body;
	memset(to, 0, packet->body_padding);
	to += packet->body_padding;
	ring_image_put_le(to, 0, 4);
	ring_image_put_le(to + 4, start, 4);
	return 16 + packet->body + packet->body_padding + 8;
}

/* Returns the index behind the packet. */
u32 ring_image_put(struct ring_image *image, u32 index,
		   const struct ring_image_packet *packet)
{
	u32 length = lay_out(image->scratch, packet, index);
	u32 i;

	for (i = 0; i < length; i++)
		image->data[(index + i) % image->size] = image->scratch[i];
	return (index + length) % image->size;
}

/* A sound packet that asks for a completion; payload is a multiple of 8. */
u32 ring_image_put_inband(struct ring_image *image, u32 index, u64 transaction_id,
			  u32 payload, u8 seed)
{
	struct ring_image_packet packet = {
		.type = 6,
		.offset8 = 2,
		.length8 = 2 + payload / 8,
		.flags = 1,
		.transaction_id = transaction_id,
		.body = payload,
		.seed = seed,
	};

	return ring_image_put(image, index, &packet);
}

/* The packet is there, to the last byte. */
void ring_image_expect(struct kunit *test, const struct ring_image *image, u32 index,
		       const struct ring_image_packet *packet)
{
	u32 length = lay_out(image->scratch, packet, index);
	u32 i;

	for (i = 0; i < length; i++) {
		u8 found = image->data[(index + i) % image->size];

		if (found == image->scratch[i])
			continue;
		KUNIT_FAIL(test, "byte %u of the packet at %u is %#x, not %#x", i, index,
			   found, image->scratch[i]);
		return;
	}
}
