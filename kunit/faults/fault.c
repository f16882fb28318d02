// SPDX-License-Identifier: GPL-2.0
/*
 * The allocators say no. See fault.h.
 */
#include <linux/bitmap.h>
#include <linux/gfp.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/tracepoint.h>
#include <linux/workqueue.h>
#include <trace/events/workqueue.h>

#include "fault.h"
#include "fault_memory.h"

/* More than any path has: one that gets there never ends. */
#define FAULT_MOST	3000u

/**
 * struct fault - what fails
 * @task: whose allocations; NULL: nobody's.
 * @nth: which of them, from 1.
 * @onwards: and all that come after it.
 * @count: allocations so far.
 * @failed: of these have failed.
 */
static struct fault {
	struct task_struct *task;
	u32 nth;
	bool onwards;
	atomic_t count;
	atomic_t failed;
} fault;

/* Functions that are others. */

/* All arguments are where the caller has put them. */
static int fault_redirect_hit(struct kprobe *kprobe, struct pt_regs *regs)
{
	struct fault_redirect *redirect = container_of(kprobe, struct fault_redirect, kprobe);

	instruction_pointer_set(regs, (unsigned long)redirect->to);
	return 1;
}

/* With one of these the probe stays a trap, whose handler can go elsewhere. */
static void fault_redirect_post(struct kprobe *kprobe, struct pt_regs *regs,
				unsigned long flags)
{
}

void fault_redirect_end(struct fault_redirect *redirects, u32 count)
{
	while (count--)
		unregister_kprobe(&redirects[count].kprobe);
}

/* 0, or an errno, and all are as they were. */
int fault_redirect(struct fault_redirect *redirects, u32 count)
{
	u32 i;
	int ret;

	for (i = 0; i < count; i++) {
		struct kprobe *kprobe = &redirects[i].kprobe;

		*kprobe = (struct kprobe) {
			.symbol_name = kprobe->symbol_name,
			.pre_handler = fault_redirect_hit,
			.post_handler = fault_redirect_post,
		};
		ret = register_kprobe(kprobe);
		if (ret) {
			fault_redirect_end(redirects, i);
			return ret;
		}
	}
	return 0;
}

/* Whose work a kworker is at. */

/* More than run at once, of the few channels of a case. */
#define FAULT_WORKERS	32u

/* Those that run a work item of the library's own. It may be freed while it runs. */
static struct task_struct *fault_workers[FAULT_WORKERS];

/* By the name that all of its functions begin with. */
static bool fault_is_ours(work_func_t function)
{
	static work_func_t known, foreign;
	char name[16];

	if (function == READ_ONCE(known))
		return true;
	if (function == READ_ONCE(foreign))
		return false;
	snprintf(name, sizeof(name), "%ps", function);
	if (strncmp(name, "vmb_", 4)) {
		WRITE_ONCE(foreign, function);
		return false;
	}
	WRITE_ONCE(known, function);
	return true;
}

static void fault_work_begins(void *data, struct work_struct *work)
{
	u32 i;

	if (!fault_is_ours(work->func))
		return;
	for (i = 0; i < FAULT_WORKERS; i++)
		if (!cmpxchg(&fault_workers[i], NULL, current))
			return;
}

static void fault_work_ends(void *data, struct work_struct *work, work_func_t function)
{
	u32 i;

	for (i = 0; i < FAULT_WORKERS; i++)
		cmpxchg(&fault_workers[i], current, NULL);
}

static bool fault_is_worker(void)
{
	bool found = false;
	u32 i;

	for (i = 0; i < FAULT_WORKERS && !found; i++)
		found = READ_ONCE(fault_workers[i]) == current;
	return found;
}

static void fault_workers_end(void)
{
	unregister_trace_workqueue_execute_start(fault_work_begins, NULL);
	unregister_trace_workqueue_execute_end(fault_work_ends, NULL);
	tracepoint_synchronize_unregister();
	memset(fault_workers, 0, sizeof(fault_workers));
}

static int fault_workers_begin(void)
{
	int ret;

	ret = register_trace_workqueue_execute_start(fault_work_begins, NULL) ?:
	      register_trace_workqueue_execute_end(fault_work_ends, NULL);
	if (ret)
		fault_workers_end();
	return ret;
}

/* Allocations. */

/*
 * Is it for the test that the caller allocates? What the kernel's checkers need for
 * themselves is not, and they would be turned off by a fault: they forbid the reserves,
 * or reclaim nothing.
 */
bool fault_is_for(const struct task_struct *task, gfp_t flags)
{
	if (!task || !in_task() || flags & __GFP_NOMEMALLOC || !(flags & __GFP_RECLAIM))
		return false;
	return task == current || fault_is_worker();
}

static bool fault_hits(gfp_t flags)
{
	u32 count;

	if (flags & __GFP_NOFAIL || !fault_is_for(READ_ONCE(fault.task), flags))
		return false;
	count = atomic_inc_return(&fault.count);
	if (fault.onwards ? count < fault.nth : count != fault.nth)
		return false;
	atomic_inc(&fault.failed);
	return true;
}

static noinline int fault_failslab(struct kmem_cache *cache, gfp_t flags)
{
	return fault_hits(flags) ? -ENOMEM : 0;
}

static noinline bool fault_fail_alloc_page(gfp_t flags, unsigned int order)
{
	return fault_hits(flags);
}

static struct fault_redirect fault_allocators[] = {
	FAULT_REDIRECT(should_failslab, fault_failslab),
	FAULT_REDIRECT(should_fail_alloc_page, fault_fail_alloc_page),
};

static void fault_arm(u32 nth, bool onwards)
{
	fault.nth = nth;
	fault.onwards = onwards;
	atomic_set(&fault.count, 0);
	atomic_set(&fault.failed, 0);
	/* Pairs with who finds a task there: all else is set. */
	smp_store_release(&fault.task, current);
}

/* Whether an allocation has failed. */
static bool fault_disarm(void)
{
	WRITE_ONCE(fault.task, NULL);
	return atomic_read(&fault.failed);
}

/* Once without a fault: what was refused before is possible now. */
static void fault_run_well(struct kunit *test, const struct fault_path *path, u32 nth)
{
	if (path->prepare)
		path->prepare(test);
	KUNIT_ASSERT_EQ_MSG(test, path->run(test), 0, "%s: after fault %u", path->name, nth);
}

static void fault_finish(struct kunit *test, const struct fault_path *path)
{
	if (path->works)
		path->works(test);
	if (path->undo)
		path->undo(test);
}

/**
 * struct fault_passes - passes over a path
 * @test: the case.
 * @path: the path.
 * @onwards: all allocations fail from the one that is chosen on.
 * @failed: in the last pass one did.
 * @survived: alone, these do not fail the call.
 * @passes: how many passes.
 * @refused: in so many of them the call failed.
 */
struct fault_passes {
	struct kunit *test;
	const struct fault_path *path;
	bool onwards;
	bool failed;
	unsigned long *survived;
	u32 passes;
	u32 refused;
};

static void fault_pass(struct fault_passes *passes, u32 nth)
{
	const struct fault_path *path = passes->path;
	struct kunit *test = passes->test;
	int ret;

	passes->passes++;
	fault_memory_pass(nth);
	if (path->prepare)
		path->prepare(test);
	fault_arm(nth, passes->onwards);
	ret = path->run(test);
	passes->failed = fault_disarm();
	if (ret && (!passes->failed || ret != -ENOMEM))
		KUNIT_FAIL(test, "%s: allocation %u%s: %d", path->name, nth,
			   passes->onwards ? " and all after it" : "", ret);
	if (ret) {
		passes->refused++;
		if (path->refused)
			path->refused(test);
		fault_run_well(test, path, nth);
	} else if (passes->failed) {
		__set_bit(nth, passes->survived);
	}
	fault_finish(test, path);
}

/*
 * Each allocation of a path fails once. What has a second way is not refused by that:
 * so these fail once more, together with all that follow.
 */
void fault_each(struct kunit *test, const struct fault_path *path)
{
	struct fault_passes passes = { .test = test, .path = path };
	u32 nth;

	passes.survived = kunit_kzalloc(test, BITS_TO_LONGS(FAULT_MOST) * sizeof(long),
					GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, passes.survived);
	/* What is allocated once and kept is no leak. */
	fault_run_well(test, path, 0);
	fault_finish(test, path);
	fault_memory_begin(test);
	nth = 1;
	do
		fault_pass(&passes, nth++);
	while (passes.failed && nth < FAULT_MOST);
	KUNIT_EXPECT_FALSE_MSG(test, passes.failed, "%s has no end", path->name);
	passes.onwards = true;
	for_each_set_bit(nth, passes.survived, FAULT_MOST)
		fault_pass(&passes, nth);
	fault_memory_end(test, path->name);
	kunit_info(test, "%s: %u passes, %u refused\n", path->name, passes.passes,
		   passes.refused);
	/* One that is never refused was not hit. */
	KUNIT_EXPECT_GT_MSG(test, passes.refused, 0, "%s", path->name);
}

/* A path that allocates nothing. */
void fault_none(struct kunit *test, const struct fault_path *path)
{
	if (path->prepare)
		path->prepare(test);
	fault_arm(1, true);
	KUNIT_EXPECT_EQ_MSG(test, path->run(test), 0, "%s", path->name);
	KUNIT_EXPECT_FALSE_MSG(test, fault_disarm(), "%s allocates", path->name);
	fault_finish(test, path);
}

int fault_suite_init(struct kunit_suite *suite)
{
	int ret;

	ret = fault_memory_init();
	if (ret)
		return ret;
	ret = fault_workers_begin();
	if (ret)
		goto exit_memory;
	ret = fault_redirect(fault_allocators, ARRAY_SIZE(fault_allocators));
	if (ret)
		goto end_workers;
	return 0;

end_workers:
	fault_workers_end();
exit_memory:
	fault_memory_exit();
	return ret;
}

void fault_suite_exit(struct kunit_suite *suite)
{
	fault_disarm();
	fault_redirect_end(fault_allocators, ARRAY_SIZE(fault_allocators));
	fault_workers_end();
	fault_memory_exit();
}
