// SPDX-License-Identifier: GPL-2.0
/*
 * Stacks for work that sleeps. All are switched to from the thread's own, and back to
 * it: the harness decides who goes on.
 */
#define VMB_FUZZ_PEER
#include <sanitizer/common_interface_defs.h>
#include <ucontext.h>

#include "fibers.h"
#include "fuzz.h"

#define FIBERS		16u
#define STACK_SIZE	(256u * 1024)

struct fiber {
	struct task_struct task;
	ucontext_t context;
	/* ASan's. */
	void *fake_stack;
	u8 *stack;
	/* NULL: it is free. */
	struct work_struct *work;
	/* The work is freed, maybe, when it returns. */
	void (*function)(struct work_struct *work);
};

static struct fiber fibers[FIBERS];
static struct fiber *running;
static u32 last;
static ucontext_t thread;
static void *thread_fake_stack;
static const void *thread_stack;
static size_t thread_stack_size;

void fibers_reset(void)
{
	last = 0;
}

bool fiber_is_caller(void)
{
	return running;
}

bool fiber_has(const struct work_struct *work)
{
	u32 i;

	for (i = 0; i < FIBERS; i++)
		if (fibers[i].work == work)
			return true;
	return false;
}

bool fibers_are_idle(void)
{
	u32 i;

	for (i = 0; i < FIBERS; i++)
		if (fibers[i].work)
			return false;
	return true;
}

void fiber_sleep(void)
{
	struct fiber *fiber = running;

	__sanitizer_start_switch_fiber(&fiber->fake_stack, thread_stack, thread_stack_size);
	swapcontext(&fiber->context, &thread);
	__sanitizer_finish_switch_fiber(fiber->fake_stack, &thread_stack, &thread_stack_size);
}

static void fiber_main(void)
{
	__sanitizer_finish_switch_fiber(NULL, &thread_stack, &thread_stack_size);
	for (;;) {
		struct fiber *fiber = running;

		fiber->function(fiber->work);
		fiber->work = NULL;
		fiber_sleep();
	}
}

/* Until it sleeps, or its work has returned. */
static void fiber_switch_to(struct fiber *fiber)
{
	struct task_struct *task = current;

	FUZZ_CHECK(!running);
	running = fiber;
	current = &fiber->task;
	__sanitizer_start_switch_fiber(&thread_fake_stack, fiber->stack, STACK_SIZE);
	swapcontext(&thread, &fiber->context);
	__sanitizer_finish_switch_fiber(thread_fake_stack, NULL, NULL);
	running = NULL;
	current = task;
}

void fiber_begin(struct work_struct *work)
{
	struct fiber *fiber = fibers;

	while (fiber->work) {
		fiber++;
		FUZZ_CHECK(fiber < fibers + FIBERS);
	}
	if (!fiber->stack) {
		fiber->task.name = "work";
		fiber->stack = malloc(STACK_SIZE);
		FUZZ_CHECK(fiber->stack && !getcontext(&fiber->context));
		fiber->context.uc_stack.ss_sp = fiber->stack;
		fiber->context.uc_stack.ss_size = STACK_SIZE;
		makecontext(&fiber->context, fiber_main, 0);
	}
	fiber->work = work;
	fiber->function = work->function;
	fiber_switch_to(fiber);
}

bool fiber_go_on(void)
{
	u32 i;

	for (i = 0; i < FIBERS; i++) {
		last = (last + 1) % FIBERS;
		if (fibers[last].work) {
			fiber_switch_to(&fibers[last]);
			return !fibers[last].work;
		}
	}
	return false;
}
