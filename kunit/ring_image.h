/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A ring laid out by hand, byte by byte as VMBus has it, so that what the tests
 * expect comes from the protocol and not from the code under test.
 */
#ifndef VMB_KUNIT_RING_IMAGE_H
#define VMB_KUNIT_RING_IMAGE_H

#include <kunit/test.h>
#include <linux/types.h>

#include "../drivers/kmcl/ring.h"

/* What memory holds that nobody has written. */
#define RING_IMAGE_UNTOUCHED	0xee

/* Where the fields of the control page are. */
enum ring_image_field {
	RING_IMAGE_WRITE_INDEX = 0,
	RING_IMAGE_READ_INDEX = 4,
	RING_IMAGE_INTERRUPT_MASK = 8,
	RING_IMAGE_PENDING_SEND_SIZE = 12,
	RING_IMAGE_FEATURE_BITS = 64,
};

/**
 * struct ring_image - a ring in private memory
 * @ring: for the code under test.
 * @control: the control page.
 * @data: the data, with untouched bytes on both sides of it.
 * @size: bytes of @data.
 * @scratch: as many bytes, to lay out a packet in.
 */
struct ring_image {
	struct vmb_ring ring;
	u8 *control;
	u8 *data;
	u32 size;
	u8 *scratch;
};

/**
 * struct ring_image_packet - a packet, right or wrong, as it lies in a ring
 * @type: first word of the descriptor.
 * @offset8: second.
 * @length8: third.
 * @flags: fourth.
 * @transaction_id: and the rest of it.
 * @body: bytes behind the descriptor: ring_image_byte(seed, 0), (seed, 1), ...
 * @body_padding: zeros behind them.
 * @seed: of the body.
 */
struct ring_image_packet {
	u16 type;
	u16 offset8;
	u16 length8;
	u16 flags;
	u64 transaction_id;
	u32 body;
	u32 body_padding;
	u8 seed;
};

void ring_image_init(struct kunit *test, struct ring_image *image, u32 size);
u32 ring_image_get(const struct ring_image *image, enum ring_image_field field);
void ring_image_set(struct ring_image *image, enum ring_image_field field, u32 value);
u8 ring_image_byte(u8 seed, u32 position);
void ring_image_fill(u8 *to, u8 seed, u32 length);
bool ring_image_is_filled(const u8 *from, u8 seed, u32 length);
bool ring_image_is_untouched(const u8 *from, u32 length);
u32 ring_image_put(struct ring_image *image, u32 index,
		   const struct ring_image_packet *packet);
u32 ring_image_put_inband(struct ring_image *image, u32 index, u64 transaction_id,
			  u32 payload, u8 seed);
void ring_image_expect(struct kunit *test, const struct ring_image *image, u32 index,
		       const struct ring_image_packet *packet);
void ring_image_expect_guards(struct kunit *test, const struct ring_image *image);
void ring_image_put_le(u8 *to, u64 value, u32 bytes);

#endif
