/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the fuzzer share: the input, the shared memory, and how a
 * finding is reported.
 */
#ifndef VMB_FUZZ_H
#define VMB_FUZZ_H

#include <stdio.h>
#include <stdlib.h>

#include "ranges.h"
#include "refusal.h"
#include "ring.h"

/* A finding: something that must hold does not. */
#define FUZZ_CHECK(condition)						\
	do {								\
		if (!(condition)) {					\
			fprintf(stderr, "%s:%d: does not hold: %s\n",	\
				__FILE__, __LINE__, #condition);	\
			abort();					\
		}							\
	} while (0)

/*
 * The input. What the parts do is taken from its front, what the peer does
 * behind their back from its end.
 */
struct fuzz_input {
	const u8 *front;
	const u8 *end;
};

static inline size_t fuzz_left(const struct fuzz_input *input)
{
	return input->end - input->front;
}

/* An input that is used up gives zeros. */
static inline u8 fuzz_take8(struct fuzz_input *input)
{
	return fuzz_left(input) ? *input->front++ : 0;
}

static inline u16 fuzz_take16(struct fuzz_input *input)
{
	u16 low = fuzz_take8(input);

	return low | fuzz_take8(input) << 8;
}

static inline u32 fuzz_take32(struct fuzz_input *input)
{
	u32 low = fuzz_take16(input);

	return low | (u32)fuzz_take16(input) << 16;
}

static inline u8 fuzz_take_from_end(struct fuzz_input *input)
{
	return fuzz_left(input) ? *--input->end : 0;
}

/* Fields of the control page. */
enum peer_field {
	PEER_WRITE_INDEX = 0,
	PEER_READ_INDEX = 4,
	PEER_INTERRUPT_MASK = 8,
	PEER_PENDING_SEND_SIZE = 12,
};

/* shared_memory.c: only the peer touches it without the hooks of the shim. */
#define SHARED_RINGS	6
void shared_memory_begin(struct fuzz_input *script);
void shared_memory_add(struct vmb_ring *ring, u8 size_class);
void shared_memory_place(u32 number, struct vmb_ring *ring, u8 size_class);
void shared_memory_take_back(u32 first);
void peer_choose(u32 ring);
void shared_memory_reset(struct vmb_ring *ring, u8 size_class,
			 struct fuzz_input *script);
u32 peer_get(enum peer_field field);
void peer_set(enum peer_field field, u32 value);
u8 peer_peek(u32 index);
void peer_poke(u32 index, u8 value);
void peer_write(u32 index, const void *bytes, u32 count);

/* reached.c */
void fuzz_count_refusal(enum vmb_refusal refusal);
void fuzz_count_packet(void);
void fuzz_print_reached(void);

/* The parts. */
void fuzz_reader(struct fuzz_input *input);
void fuzz_writer(struct fuzz_input *input);
void fuzz_ranges(struct fuzz_input *input);
void fuzz_pair(struct fuzz_input *input);

/* range_lists.c: check a list that lies in memory of exactly its length. */
void fuzz_one_list(u16 type, const void *list, u32 length,
		   const struct vmb_range_limits *limits, u8 page_shift);

#endif
