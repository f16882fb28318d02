/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the wire code uses of the kernel's headers, for user space. Every fetch
 * from shared memory, and every store to it, goes through shared_memory.c, where
 * the peer gets its chance to lie.
 */
#ifndef VMB_FUZZ_SHIM_H
#define VMB_FUZZ_SHIM_H

#include <asm-generic/errno.h>
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the shim takes little-endian words as they are"
#endif

typedef int8_t s8;
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef int32_t s32;
typedef uint64_t u64;
typedef u16 __le16;
typedef u32 __le32;
typedef u64 __le64;

#define U32_MAX			UINT32_MAX
#define BITS_PER_LONG_LONG	64
#define BIT_ULL(bit)		(1ull << (bit))
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

#define __packed		__attribute__((packed))
#define noinline		__attribute__((__noinline__))
#define fallthrough		__attribute__((__fallthrough__))
#define likely(condition)	__builtin_expect(!!(condition), 1)
#define unlikely(condition)	__builtin_expect(!!(condition), 0)

#undef static_assert
#define static_assert(condition)	_Static_assert(condition, #condition)

#define min(x, y)		((x) < (y) ? (x) : (y))
#define max(x, y)		((x) > (y) ? (x) : (y))
#define min_t(type, x, y)	min((type)(x), (type)(y))
#define round_down(x, unit)	((x) & ~((unit) - 1))
#define round_up(x, unit)	round_down((x) + (unit) - 1, unit)

#define check_add_overflow(x, y, sum)	__builtin_add_overflow(x, y, sum)

/* Nothing is speculated on here that could be seen. */
#define array_index_nospec(index, size)	((index) < (size) ? (index) : 0)

#define cpu_to_le16(x)		((__le16)(x))
#define cpu_to_le32(x)		((__le32)(x))
#define cpu_to_le64(x)		((__le64)(x))
#define le16_to_cpu(x)		((u16)(x))
#define le32_to_cpu(x)		((u32)(x))
#define le64_to_cpu(x)		((u64)(x))
#define le64_to_cpup(x)		(*(x))

void fuzz_load(void *to, const volatile void *from, size_t size);
void fuzz_store(volatile void *to, const void *from, size_t size);
void fuzz_copy(void *to, const void *from, size_t size);

#define READ_ONCE(x)							\
	({								\
		union {							\
			typeof(x) value;				\
			u8 bytes[sizeof(x)];				\
		} fuzz_read;						\
		fuzz_load(fuzz_read.bytes, &(x), sizeof(x));		\
		fuzz_read.value;					\
	})

#define WRITE_ONCE(x, new_value)					\
	do {								\
		typeof(x) fuzz_written = (new_value);			\
		fuzz_store(&(x), &fuzz_written, sizeof(x));		\
	} while (0)

/* One thread plays both ends, so that order is given. */
#define virt_load_acquire(address)		READ_ONCE(*(address))
#define virt_store_release(address, value)	WRITE_ONCE(*(address), value)
#define virt_mb()				((void)0)

/* The kernel that has KMSAN looks. */
#define kmsan_check_memory(address, size)	((void)(address), (void)(size))

#ifndef VMB_FUZZ_PEER
#define memcpy(to, from, size)			fuzz_copy(to, from, size)
#endif

#endif
