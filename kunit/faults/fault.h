/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Allocations that fail, one in each pass, until a pass in which none did; and what
 * was allocated meanwhile and not freed.
 *
 * It is the allocators that are made to say no, whatever the flags are, and not their
 * callers: so what the kernel allocates for a call of the library fails as well. It
 * fails for the task of the test and for the library's own work items, and for nobody
 * else.
 */
#ifndef VMB_KUNIT_FAULT_H
#define VMB_KUNIT_FAULT_H

#include <kunit/test.h>
#include <linux/kprobes.h>
#include <linux/types.h>

/**
 * struct fault_path - what is done while allocations fail, again and again
 * @name: in messages.
 * @prepare: before each call; or NULL. Nothing fails in it.
 * @run: the call. It returns when all has come to rest that the call has set off:
 *	0, or what the caller of the library is told, which is to be -ENOMEM.
 * @refused: @run has not returned 0: nothing is to be left of it; or NULL.
 * @works: @run has returned 0: it did what it is for; or NULL.
 * @undo: after that.
 */
struct fault_path {
	const char *name;
	void (*prepare)(struct kunit *test);
	int (*run)(struct kunit *test);
	void (*refused)(struct kunit *test);
	void (*works)(struct kunit *test);
	void (*undo)(struct kunit *test);
};

/**
 * struct fault_redirect - a function that is another for a while
 * @kprobe: at its first instruction; its symbol_name is to be set.
 * @to: what is called instead, of the same type.
 */
struct fault_redirect {
	struct kprobe kprobe;
	void *to;
};

#define FAULT_REDIRECT(from, with)	{				\
	.kprobe = { .symbol_name = #from }, .to = (with) }

int fault_redirect(struct fault_redirect *redirects, u32 count);
void fault_redirect_end(struct fault_redirect *redirects, u32 count);

int fault_suite_init(struct kunit_suite *suite);
void fault_suite_exit(struct kunit_suite *suite);

void fault_each(struct kunit *test, const struct fault_path *path);
void fault_none(struct kunit *test, const struct fault_path *path);

#endif
