// SPDX-License-Identifier: GPL-2.0
/*
 * Tasks, locks and waiting for the channel's files, in one thread. While it sleeps the
 * others act above it on the stack, and so they do, at the places that locks.h names,
 * when somebody is interrupted by another processor. Work has stacks of its own.
 */
#define VMB_FUZZ_PEER
#include <stdarg.h>
#include <stdlib.h>

#include "fibers.h"
#include "fuzz.h"

#define LOCK_CLASSES	8
/* Sleeps in one run after which whoever sleeps is taken to sleep for ever. */
#define SLEEPS		20000

/* The harness, and another processor. */
static struct task_struct tasks[2];

struct task_struct *current;
unsigned long jiffies;
u32 kernel_warnings_announced;
bool kernel_traces;

static const struct kernel_actors *actors;
/* Work that waits; and the delayed, at most three for each channel. */
static struct work_struct *work_first;
static struct delayed_work *delayed[8];
static struct hrtimer *timers[8];
static u32 locks_held, bh_off, sleeps;
static bool irqs_off, other_acts, turn;
static u64 clock_looks;
/* Which class of lock was ever taken inside which. */
static const char *lock_classes[LOCK_CLASSES];
static bool lock_inside[LOCK_CLASSES][LOCK_CLASSES];
static spinlock_t *lock_stack[LOCK_CLASSES];

void kernel_assert(bool condition, const char *where, int line, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "%s:%d: does not hold: %s\n", where, line, what);
	abort();
}

void kernel_log(const char *format, ...)
{
	static int prints_log = -1;
	char line[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (prints_log < 0)
		prints_log = !!getenv("VMB_FUZZ_LOG");
	if (prints_log)
		fprintf(stderr, "  %s", line);
}

bool kernel_warn(const char *where, int line, const char *what)
{
	kernel_assert(kernel_warnings_announced, where, line, what);
	kernel_warnings_announced--;
	return true;
}

ssize_t strscpy(char *to, const char *from, size_t size)
{
	return snprintf(to, size, "%s", from);
}

void kernel_tasks_reset(const struct kernel_actors *run_actors)
{
	u32 i;

	actors = run_actors;
	for (i = 0; i < ARRAY_SIZE(tasks); i++)
		tasks[i].name = "task";
	current = &tasks[0];
	jiffies = 0;
	clock_looks = 0;
	kernel_warnings_announced = 0;
	kernel_traces = false;
	work_first = NULL;
	memset(delayed, 0, sizeof(delayed));
	memset(timers, 0, sizeof(timers));
	fibers_reset();
	turn = false;
	sleeps = 0;
}

/* A run is over: nobody holds, waits for, or runs anything. */
void kernel_tasks_check_idle(void)
{
	FUZZ_CHECK(!locks_held && !bh_off && !irqs_off);
	FUZZ_CHECK(!work_first && fibers_are_idle());
	FUZZ_CHECK(!kernel_warnings_announced);
}

bool kernel_is_atomic(void)
{
	return locks_held || bh_off || irqs_off || other_acts;
}

/* Time flies while nobody sleeps, too. */
u64 local_clock(void)
{
	return (jiffies + ++clock_looks / 8) * NSEC_PER_MSEC;
}

/* The harness keeps bottom halves off for a softirq; the drain once more. */
bool in_serving_softirq(void)
{
	return bh_off > 1;
}

bool kernel_is_locked(void)
{
	return locks_held;
}

void kernel_may_sleep(const char *what)
{
	if (kernel_is_atomic()) {
		fprintf(stderr, "%s: sleeps where it may not\n", what);
		abort();
	}
}

/* Another processor acts, unless a lock is held, or one does already. */
void kernel_others(void)
{
	struct task_struct *task = current;
	u32 bh = bh_off;
	bool irqs = irqs_off;

	if (locks_held || other_acts)
		return;
	other_acts = true;
	current = &tasks[1];
	bh_off = 0;
	irqs_off = false;
	actors->others();
	FUZZ_CHECK(!locks_held && !bh_off && !irqs_off);
	bh_off = bh;
	irqs_off = irqs;
	current = task;
	other_acts = false;
}

/* Locks. */

static u32 lock_class(const char *class)
{
	u32 i;

	for (i = 0; lock_classes[i] && strcmp(lock_classes[i], class); i++)
		FUZZ_CHECK(i + 1 < LOCK_CLASSES);
	lock_classes[i] = class;
	return i;
}

void kernel_lock_init(spinlock_t *lock, const char *class)
{
	*lock = (spinlock_t) { .class = lock_class(class) };
}

unsigned long kernel_irq_save(void)
{
	unsigned long flags = irqs_off;

	kernel_others();
	irqs_off = true;
	return flags;
}

void kernel_irq_restore(unsigned long flags)
{
	irqs_off = flags;
}

void kernel_lock(spinlock_t *lock, bool irqs_were_on)
{
	u32 class = lock->class, i;

	if (irqs_were_on) {
		FUZZ_CHECK(!irqs_off);
		kernel_others();
		irqs_off = true;
	}
	FUZZ_CHECK(!lock->held);
	for (i = 0; i < locks_held; i++) {
		u32 outer = lock_stack[i]->class;

		FUZZ_CHECK(!lock_inside[class][outer]);
		lock_inside[outer][class] = true;
	}
	lock->held = true;
	lock_stack[locks_held++] = lock;
}

void kernel_unlock(spinlock_t *lock, bool irqs_on)
{
	FUZZ_CHECK(lock->held && locks_held && lock_stack[locks_held - 1] == lock);
	lock->held = false;
	locks_held--;
	if (irqs_on) {
		irqs_off = false;
		kernel_others();
	}
}

void local_bh_disable(void)
{
	bh_off++;
}

void local_bh_enable(void)
{
	FUZZ_CHECK(bh_off && !irqs_off);
	bh_off--;
}

void mutex_init(struct mutex *mutex)
{
	mutex->held = false;
}

void mutex_lock(struct mutex *mutex)
{
	kernel_may_sleep(__func__);
	while (mutex->held)
		kernel_sleep("a mutex");
	mutex->held = true;
}

void mutex_unlock(struct mutex *mutex)
{
	FUZZ_CHECK(mutex->held);
	mutex->held = false;
}

/* Waiting. */

void kernel_sleep(const char *what)
{
	kernel_may_sleep(what);
	if (++sleeps > SLEEPS) {
		fprintf(stderr, "waits for ever: %s\n", what);
		abort();
	}
	if (fiber_is_caller())
		fiber_sleep();
	else
		actors->asleep();
	jiffies += HZ / 50;
}

bool kernel_wait(const wait_queue_head_t *queue, u32 wakes,
		 const unsigned long *deadline, const char *what)
{
	while (queue->wakes == wakes) {
		if (deadline && time_after(jiffies, *deadline))
			return false;
		kernel_sleep(what);
	}
	return true;
}

void init_completion(struct completion *completion)
{
	*completion = (struct completion) {};
}

void reinit_completion(struct completion *completion)
{
	completion->done = 0;
}

void complete(struct completion *completion)
{
	if (completion->done != U32_MAX)
		completion->done++;
	wake_up(&completion->queue);
}

void complete_all(struct completion *completion)
{
	completion->done = U32_MAX;
	wake_up(&completion->queue);
}

bool try_wait_for_completion(struct completion *completion)
{
	if (!completion->done)
		return false;
	if (completion->done != U32_MAX)
		completion->done--;
	return true;
}

void wait_for_completion(struct completion *completion)
{
	wait_event(completion->queue, completion->done);
	try_wait_for_completion(completion);
}

unsigned long wait_for_completion_timeout(struct completion *completion,
					  unsigned long timeout)
{
	unsigned long left = wait_event_timeout(completion->queue,
						completion->done, timeout);

	if (left)
		try_wait_for_completion(completion);
	return left;
}

/* Work. */

bool queue_work(struct workqueue_struct *queue, struct work_struct *work)
{
	struct work_struct **last = &work_first;

	if (work->pending)
		return false;
	while (*last)
		last = &(*last)->next;
	work->pending = true;
	work->queue = queue;
	work->next = NULL;
	*last = work;
	return true;
}

bool kernel_run_work(void)
{
	struct work_struct **link = &work_first;
	struct work_struct *work;

	kernel_may_sleep(__func__);
	while (*link && fiber_has(*link))
		link = &(*link)->next;
	work = *link;
	/* Those that sleep have their turn, too. */
	turn = !turn;
	if (!work || turn) {
		if (fiber_go_on())
			return true;
		if (!work)
			return false;
		/* It may have begun, or cancelled, what was found. */
		link = &work_first;
		while (*link && fiber_has(*link))
			link = &(*link)->next;
		work = *link;
		if (!work)
			return true;
	}
	*link = work->next;
	work->pending = false;
	fiber_begin(work);
	return true;
}

bool flush_work(struct work_struct *work)
{
	bool waited = false;

	while (work->pending || fiber_has(work)) {
		waited = true;
		if (fiber_is_caller() || !kernel_run_work())
			kernel_sleep("work that is flushed");
	}
	return waited;
}

bool cancel_work_sync(struct work_struct *work)
{
	struct work_struct **link = &work_first;

	kernel_may_sleep(__func__);
	while (*link && *link != work)
		link = &(*link)->next;
	if (*link)
		*link = work->next;
	work->pending = false;
	while (fiber_has(work))
		kernel_sleep("work that is cancelled");
	return *link;
}

struct workqueue_struct *make_workqueue(void)
{
	struct workqueue_struct *queue;

	queue = kernel_allocate(sizeof(*queue), GFP_KERNEL, true);
	/* Of the library's own nobody counts how many there are. */
	if (queue)
		kernel_allocations--;
	return queue;
}

/* What is queued there is run first. */
void destroy_workqueue(struct workqueue_struct *queue)
{
	struct work_struct *work = work_first;

	while (work) {
		if (work->queue == queue) {
			flush_work(work);
			work = work_first;
		} else {
			work = work->next;
		}
	}
	free(queue);
}

bool queue_delayed_work(struct workqueue_struct *queue,
			struct delayed_work *item, unsigned long delay)
{
	u32 i;

	if (item->armed)
		return false;
	for (i = 0; delayed[i]; i++)
		FUZZ_CHECK(i + 1 < ARRAY_SIZE(delayed));
	delayed[i] = item;
	item->armed = true;
	return true;
}

bool mod_delayed_work(struct workqueue_struct *queue, struct delayed_work *item,
		      unsigned long delay)
{
	return !queue_delayed_work(queue, item, delay);
}

bool cancel_delayed_work_sync(struct delayed_work *item)
{
	bool was = item->armed;
	u32 i;

	kernel_may_sleep(__func__);
	FUZZ_CHECK(!fiber_has(&item->work));
	item->armed = false;
	for (i = 0; i < ARRAY_SIZE(delayed); i++)
		if (delayed[i] == item)
			delayed[i] = NULL;
	return was;
}

void hrtimer_start(struct hrtimer *timer, u64 delay, int mode)
{
	u32 i;

	if (timer->armed)
		return;
	for (i = 0; timers[i]; i++)
		FUZZ_CHECK(i + 1 < ARRAY_SIZE(timers));
	timers[i] = timer;
	timer->armed = true;
	timer->delay = delay;
}

int hrtimer_cancel(struct hrtimer *timer)
{
	bool was = timer->armed;
	u32 i;

	kernel_may_sleep(__func__);
	timer->armed = false;
	for (i = 0; i < ARRAY_SIZE(timers); i++)
		if (timers[i] == timer)
			timers[i] = NULL;
	return was;
}

static void run_timers(void)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(timers); i++) {
		struct hrtimer *timer = timers[i];

		if (!timer)
			continue;
		timers[i] = NULL;
		timer->armed = false;
		jiffies += msecs_to_jiffies(timer->delay);
		timer->function(timer);
	}
}

void kernel_run_delayed(void)
{
	u32 i;

	kernel_may_sleep(__func__);
	run_timers();
	for (i = 0; i < ARRAY_SIZE(delayed); i++) {
		struct delayed_work *item = delayed[i];

		if (!item || fiber_has(&item->work))
			continue;
		delayed[i] = NULL;
		item->armed = false;
		fiber_begin(&item->work);
	}
}
