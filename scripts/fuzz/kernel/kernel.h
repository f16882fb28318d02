/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the channel's files use of the kernel, for user space: one thread, with
 * a scheduler of its own in tasks.c that lets others act where a real machine
 * could. Every header of the kernel that they include is this one.
 *
 * What the kernel would only warn of under its debug options is a finding here:
 * a lock that is not held or taken in the wrong order, sleeping where that may
 * not be, a list that is broken, a page reference too few.
 */
#ifndef VMB_FUZZ_KERNEL_H
#define VMB_FUZZ_KERNEL_H

#include "../shim/shim.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

typedef u8 __u8;
typedef unsigned int gfp_t;
typedef u64 phys_addr_t;
typedef u64 dma_addr_t;

#define IS_ENABLED(option)	option
#define CONFIG_HYPERV		0
/* The kernel's pages are one array. */
#define CONFIG_FLATMEM		1
#define CONFIG_SPARSEMEM_VMEMMAP	0
#define SZ_64K			0x10000u
#define SZ_2M			0x200000u
#define SZ_4M			0x400000u
#define SZ_64M			0x4000000u
#define BIT(bit)		(1ul << (bit))
#define GENMASK(high, low)	((~0ul >> (63 - (high))) & ~0ul << (low))
#define U64_MAX			UINT64_MAX
#ifndef ULONG_MAX
#define ULONG_MAX		(~0ul)
#endif

#define __releases(lock)
#define __init
#define __exit
#define __must_check		__attribute__((__warn_unused_result__))

#define EXPORT_SYMBOL_GPL(symbol)	extern typeof(symbol) symbol
#define MODULE_PARM_DESC(name, text)	extern int name##_description
#define module_param(name, type, mode)	extern typeof(name) name##_parameter
#define module_param_named(name, variable, type, mode) \
	extern typeof(variable) name##_parameter
#define THIS_MODULE			((struct module *)0)
struct module;

#define container_of(pointer, type, member) \
	((type *)((char *)(pointer) - offsetof(type, member)))
#define max_t(type, x, y)	max((type)(x), (type)(y))
#define clamp(x, low, high)	clamp_t(typeof(x), x, low, high)
#define min3(x, y, z)		min(min(x, y), z)
#define struct_size(structure, member, count) \
	(sizeof(*(structure)) + array_size(sizeof(*(structure)->member), count))
#define clamp_t(type, x, low, high) \
	min_t(type, max_t(type, x, low), high)
#define swap(a, b)						\
	do {							\
		typeof(a) swap_saved = (a);			\
		(a) = (b);					\
		(b) = swap_saved;				\
	} while (0)
#define ALIGN(x, unit)		round_up((typeof(x))(x), (typeof(x))(unit))
#define IS_ALIGNED(x, unit)	(!((x) & ((unit) - 1)))
#define DIV_ROUND_UP(x, y)	(((x) + (y) - 1) / (y))
#define array_size(count, size)	((size_t)(count) * (size))

static inline bool is_power_of_2(unsigned long x)
{
	return x && !(x & (x - 1));
}

static inline u32 roundup_pow_of_two(u32 x)
{
	u32 power = 1;

	while (power < x)
		power *= 2;
	return power;
}

static inline void le32_add_cpu(__le32 *to, u32 value)
{
	*to += value;
}

#define BITS_TO_LONGS(bits)	DIV_ROUND_UP(bits, 8 * sizeof(long))

static inline bool __test_and_set_bit(u32 bit, unsigned long *bits)
{
	unsigned long mask = BIT(bit % (8 * sizeof(long)));
	unsigned long *word = bits + bit / (8 * sizeof(long));
	bool was = *word & mask;

	*word |= mask;
	return was;
}

static inline const void *memchr_inv(const void *from, int byte, size_t size)
{
	const u8 *at = from;

	for (; size; size--, at++)
		if (*at != (u8)byte)
			return at;
	return NULL;
}

/* The usual polynomial, four bits at a time; the fuzzer learns nothing there. */
__attribute__((no_sanitize("coverage")))
static inline u32 crc32_le(u32 crc, const u8 *bytes, size_t size)
{
	static const u32 table[] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
		0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};

	while (size--) {
		crc ^= *bytes++;
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return crc;
}

/* Chance is the input's. */
static inline void get_random_bytes(void *to, size_t size)
{
	static u64 number;

	number++;
	memcpy(to, &number, min(size, sizeof(number)));
}

/* As much as is wanted of it: a number that depends on both. */
typedef struct { u64 key[2]; } siphash_aligned_key_t;

#define get_random_once(to, size)	get_random_bytes(to, size)

static inline u64 siphash_2u64(u64 first, u64 second, const siphash_aligned_key_t *key)
{
	return (first ^ second) * 0x9e3779b97f4a7c15ull + (first >> 29);
}

#define ERR_PTR(error)		((void *)(long)(error))
#define PTR_ERR(pointer)	((long)(pointer))
#define IS_ERR(pointer)		((unsigned long)(pointer) >= -4095ul)

#define smp_mb__after_atomic()	((void)0)
#define smp_load_acquire(address)		READ_ONCE(*(address))
#define smp_store_release(address, value)	WRITE_ONCE(*(address), value)

ssize_t strscpy(char *to, const char *from, size_t size);

/* tasks.c: formats, so that ASan sees what would be printed; prints nothing. */
void kernel_log(const char *format, ...);

/* A warning that nobody has announced is a finding. */
bool kernel_warn(const char *where, int line, const char *what);
extern u32 kernel_warnings_announced;

#define WARN(condition, ...)						\
	({								\
		bool warn_holds = (condition);				\
		if (warn_holds) {					\
			kernel_log(__VA_ARGS__);			\
			kernel_warn(__FILE__, __LINE__, #condition);	\
		}							\
		warn_holds;						\
	})
#define WARN_ONCE(condition, ...)	WARN(condition, __VA_ARGS__)
#define WARN_ON_ONCE(condition)		WARN(condition, "%s", #condition)

#define dev_err(device, ...)			((void)(device), kernel_log(__VA_ARGS__))
#define dev_warn(device, ...)			dev_err(device, __VA_ARGS__)
#define dev_err_ratelimited(device, ...)	dev_err(device, __VA_ARGS__)
#define dev_warn_ratelimited(device, ...)	dev_err(device, __VA_ARGS__)

struct static_key_false {
	bool enabled;
};

#define DECLARE_STATIC_KEY_FALSE(name)	extern struct static_key_false name
#define DEFINE_STATIC_KEY_FALSE(name)	struct static_key_false name
#define static_branch_unlikely(key)	((key)->enabled)
#define static_key_enabled(key)		((key)->enabled)
#define static_branch_enable(key)	((void)((key)->enabled = true))
#define static_branch_disable(key)	((void)((key)->enabled = false))

struct kernel_param;
struct kernel_param_ops {
	int (*set)(const char *value, const struct kernel_param *parameter);
	int (*get)(char *buffer, const struct kernel_param *parameter);
};

#define module_param_cb(name, ops, argument, mode) \
	const struct kernel_param_ops *name##_parameter = (ops)
/* Of a module parameter. */
#define sysfs_emit(buffer, ...)		sprintf(buffer, __VA_ARGS__)

static inline int kstrtobool(const char *value, bool *to)
{
	*to = *value == 'Y';
	return *to || *value == 'N' ? 0 : -EINVAL;
}

static inline u32 ilog2(u64 x)
{
	return 63 - __builtin_clzll(x);
}

/* Tracepoints take their arguments and do nothing; somebody may want them. */
extern bool kernel_traces;
#define TP_PROTO(...)		__VA_ARGS__
#define TP_ARGS(...)
#define TP_STRUCT__entry(...)
#define TP_fast_assign(...)
#define TP_printk(...)
#define TRACEPOINT(name, ...)						\
	static inline bool trace_##name##_enabled(void) { return kernel_traces; } \
	static inline void trace_##name(__VA_ARGS__) {}
#define DECLARE_EVENT_CLASS(...)
#define DEFINE_EVENT(class, name, proto, args)	TRACEPOINT(name, proto)
#define TRACE_EVENT(name, proto, args, entry, assign, print) \
	TRACEPOINT(name, proto)

#include "locks.h"
#include "objects.h"
#include "memory.h"

#endif
