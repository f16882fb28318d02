/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a test and the library's own work items have allocated, and what of it was
 * freed, by whomever: by the kernel's tracepoints, so exact to the object.
 */
#ifndef VMB_KUNIT_FAULT_MEMORY_H
#define VMB_KUNIT_FAULT_MEMORY_H

#include <kunit/test.h>
#include <linux/types.h>

struct task_struct;

int fault_memory_init(void);
void fault_memory_exit(void);
void fault_memory_begin(struct kunit *test);
void fault_memory_pass(u32 nth);
void fault_memory_end(struct kunit *test, const char *name);

/* fault.c */
bool fault_is_for(const struct task_struct *task, gfp_t flags);

#endif
