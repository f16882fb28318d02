/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Work has a stack of its own, so whoever sleeps there waits for anybody, and goes on
 * when it is asked again. Of fibers.c, for tasks.c.
 */
#ifndef VMB_FUZZ_FIBERS_H
#define VMB_FUZZ_FIBERS_H

#include "kernel.h"

void fibers_reset(void);
/* Begin it. It has returned, or sleeps, when this returns. */
void fiber_begin(struct work_struct *work);
/* Let the next of those that sleep go on. False: none does, or it sleeps again. */
bool fiber_go_on(void);
/* The caller runs on one of them, and sleeps. */
void fiber_sleep(void);
bool fiber_is_caller(void);
/* Was it begun, and has not returned? */
bool fiber_has(const struct work_struct *work);
bool fibers_are_idle(void);

#endif
