// SPDX-License-Identifier: GPL-2.0
/*
 * Shared memory, and the peer at its other end.
 *
 * The memory stays poisoned for ASan: only what goes through READ_ONCE() and its
 * kin may touch it, and a plain access, which a compiler may repeat, is a
 * finding. Before every fetch the peer may change anything.
 */
#define VMB_FUZZ_PEER
#include <sanitizer/asan_interface.h>

#include "fuzz.h"

#define CONTROL_SIZE	4096

static const u32 sizes[] = { 64, 256, 1024, 4096, 65536 };

#define LARGEST	65536

/*
 * In one piece, so that what is private is soon known to be; what is too far behind a
 * ring is in no other.
 */
static struct {
	u8 control[CONTROL_SIZE];
	u8 data[LARGEST];
	u8 gap[LARGEST];
} memory[SHARED_RINGS];

/* A ring, at the end of its memory. */
struct shared_ring {
	u8 *control;
	u8 *data;
	u32 data_size;
	/* Nobody may touch it: the channel that it belonged to is closed. */
	bool taken_back;
};

static struct shared_ring rings[SHARED_RINGS];
static u32 ring_count;
/* The one that peer_*() are about. */
static struct shared_ring *chosen = &rings[0];
/* What the peer does meanwhile, or NULL if it does nothing. */
static struct fuzz_input *script;

#define UNCHECKED	__attribute__((no_sanitize("address", "undefined"), __noinline__))

UNCHECKED static void set_bytes(volatile u8 *to, u8 value, size_t size)
{
	while (size--)
		*to++ = value;
}

UNCHECKED static void move_bytes(volatile u8 *to, const volatile u8 *from, size_t size)
{
	while (size--)
		*to++ = *from++;
}

UNCHECKED u8 peer_peek(u32 index)
{
	return ((volatile u8 *)chosen->data)[index % chosen->data_size];
}

UNCHECKED void peer_poke(u32 index, u8 value)
{
	((volatile u8 *)chosen->data)[index % chosen->data_size] = value;
}

/* Less than the ring. */
void peer_write(u32 index, const void *bytes, u32 count)
{
	u32 first;

	index %= chosen->data_size;
	first = min(count, chosen->data_size - index);
	move_bytes(chosen->data + index, bytes, first);
	move_bytes(chosen->data, (const u8 *)bytes + first, count - first);
}

u32 peer_get(enum peer_field field)
{
	u32 value;

	move_bytes((u8 *)&value, chosen->control + field, sizeof(value));
	return value;
}

void peer_set(enum peer_field field, u32 value)
{
	move_bytes(chosen->control + field, (u8 *)&value, sizeof(value));
}

/* The ring of that number, of one of the sizes, empty; it is chosen. */
void shared_memory_place(u32 number, struct vmb_ring *ring, u8 size_class)
{
	static bool poisoned;
	u32 class = size_class % ARRAY_SIZE(sizes);

	FUZZ_CHECK(number < SHARED_RINGS);
	if (!poisoned)
		ASAN_POISON_MEMORY_REGION(memory, sizeof(memory));
	poisoned = true;
	/* Of those between nobody knows yet. */
	while (ring_count <= number)
		rings[ring_count++].data_size = 0;
	chosen = &rings[number];
	chosen->control = memory[number].control;
	chosen->data = memory[number].data + LARGEST - sizes[class];
	chosen->data_size = sizes[class];
	chosen->taken_back = false;
	set_bytes(chosen->control, 0, sizeof(struct vmb_wire_ring_control));
	*ring = (struct vmb_ring) {
		.control = (void *)chosen->control,
		.data = chosen->data,
		.size = chosen->data_size,
	};
}

/* One more. */
void shared_memory_add(struct vmb_ring *ring, u8 size_class)
{
	shared_memory_place(ring_count, ring, size_class);
}

/* No ring, and the peer's script for the run. */
void shared_memory_begin(struct fuzz_input *peer_script)
{
	ring_count = 0;
	script = peer_script;
}

/* One ring and the peer's script for the run. */
void shared_memory_reset(struct vmb_ring *ring, u8 size_class,
			 struct fuzz_input *peer_script)
{
	shared_memory_begin(peer_script);
	shared_memory_add(ring, size_class);
}

/* Two rings are somebody else's from here on. */
void shared_memory_take_back(u32 first)
{
	rings[first].taken_back = true;
	rings[first + 1].taken_back = true;
}

void peer_choose(u32 ring)
{
	FUZZ_CHECK(ring < ring_count && rings[ring].data_size);
	chosen = &rings[ring];
}

static bool lies_in(const volatile void *where, size_t size, const u8 *area,
		    size_t area_size)
{
	uintptr_t begin = (uintptr_t)where - (uintptr_t)area;

	return begin < area_size && size <= area_size - begin;
}

/* The ring that it lies in, or NULL: it is private. */
static struct shared_ring *ring_of(const volatile void *where, size_t size)
{
	u32 i;

	if (!lies_in(where, size, (const u8 *)memory, sizeof(memory)))
		return NULL;
	for (i = 0; i < ring_count; i++) {
		struct shared_ring *ring = &rings[i];

		if (!ring->data_size)
			continue;
		if (!lies_in(where, size, ring->control, CONTROL_SIZE) &&
		    !lies_in(where, size, ring->data, ring->data_size))
			continue;
		FUZZ_CHECK(!ring->taken_back);
		return ring;
	}
	return NULL;
}

static bool is_shared(const volatile void *where, size_t size)
{
	return ring_of(where, size);
}

/* One byte of the script in four does something; fetched is what is read next. */
static void let_peer_act(const volatile void *fetched, size_t size)
{
	struct shared_ring *before = chosen;
	u8 act, how;

	if (!script)
		return;
	act = fuzz_take_from_end(script);
	if (act < 0xc0)
		return;
	how = fuzz_take_from_end(script);
	chosen = ring_of(fetched, size);
	switch (act % 8) {
	case 0:
		peer_set(PEER_WRITE_INDEX, peer_get(PEER_WRITE_INDEX) + (int8_t)how * 8);
		break;
	case 1:
		peer_set(PEER_READ_INDEX, peer_get(PEER_READ_INDEX) + (int8_t)how * 8);
		break;
	case 2:
		peer_set(PEER_PENDING_SEND_SIZE, how * (chosen->data_size / 128));
		break;
	case 3:
		peer_set(PEER_INTERRUPT_MASK, how % 2);
		break;
	case 4:
		peer_set(how & 4, (u32)fuzz_take_from_end(script) << how % 25);
		break;
	case 5:
		peer_poke(how << 8 | fuzz_take_from_end(script), fuzz_take_from_end(script));
		break;
	default:
		act = fuzz_take_from_end(script);
		move_bytes((volatile u8 *)fetched + how % size, &act, 1);
	}
	chosen = before;
}

/* The private side of a copy, whose other side is shared. */
static void check_private(const volatile void *where, size_t size)
{
	FUZZ_CHECK(!__asan_region_is_poisoned((void *)where, size));
}

/* Both sides are, and it is mostly a word. */
static void copy_private(void *to, const void *from, size_t size)
{
	if (size == sizeof(u64))
		memcpy(to, from, sizeof(u64));
	else if (size == sizeof(u32))
		memcpy(to, from, sizeof(u32));
	else
		memcpy(to, from, size);
}

void fuzz_load(void *to, const volatile void *from, size_t size)
{
	if (!is_shared(from, size)) {
		copy_private(to, (const void *)from, size);
		return;
	}
	FUZZ_CHECK((uintptr_t)from % size == 0);
	let_peer_act(from, size);
	move_bytes(to, from, size);
}

void fuzz_store(volatile void *to, const void *from, size_t size)
{
	if (!is_shared(to, size)) {
		copy_private((void *)to, from, size);
		return;
	}
	FUZZ_CHECK((uintptr_t)to % size == 0);
	move_bytes(to, from, size);
}

void fuzz_copy(void *to, const void *from, size_t size)
{
	size_t half = size / 2;

	if (!size)
		return;
	if (is_shared(from, size)) {
		check_private(to, size);
		let_peer_act(from, size);
		move_bytes(to, from, half);
		let_peer_act(from, size);
		move_bytes(to + half, from + half, size - half);
	} else if (is_shared(to, size)) {
		check_private(from, size);
		move_bytes(to, from, size);
	} else {
		memcpy(to, from, size);
	}
}
