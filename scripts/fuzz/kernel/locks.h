/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Locks, atomics, waiting and work. Before a lock is taken, after the last is
 * released, and around atomic bits, another processor may act: kernel_others()
 * says what it does. With a lock held nobody else runs, so whoever finds a lock
 * taken would have waited for himself.
 */
#ifndef VMB_FUZZ_LOCKS_H
#define VMB_FUZZ_LOCKS_H

struct task_struct {
	const char *name;
};

extern struct task_struct *current;

/* Something else may happen here. */
void kernel_others(void);
/* One may sleep here. */
void kernel_may_sleep(const char *what);
/* Sleep a little. */
void kernel_sleep(const char *what);

#define might_sleep()	kernel_may_sleep(__func__)

typedef struct spinlock {
	u32 class;
	bool held;
} spinlock_t;

void kernel_lock_init(spinlock_t *lock, const char *class);
void kernel_lock(spinlock_t *lock, bool irqs_were_on);
void kernel_unlock(spinlock_t *lock, bool irqs_on);
unsigned long kernel_irq_save(void);
void kernel_irq_restore(unsigned long flags);
void local_bh_disable(void);
void local_bh_enable(void);

#define spin_is_locked(lock)		((lock)->held)
#define spin_lock_init(lock)		kernel_lock_init(lock, #lock)
#define spin_lock_irq(lock)		kernel_lock(lock, true)
#define spin_unlock_irq(lock)		kernel_unlock(lock, true)
/* Inside another one: interrupts are off already. */
#define spin_lock(lock)			kernel_lock(lock, false)
#define spin_unlock(lock)		kernel_unlock(lock, false)
#define spin_lock_irqsave(lock, flags)			\
	do {						\
		(flags) = kernel_irq_save();		\
		kernel_lock(lock, false);		\
	} while (0)
#define spin_unlock_irqrestore(lock, flags)		\
	do {						\
		kernel_unlock(lock, false);		\
		kernel_irq_restore(flags);		\
		kernel_others();			\
	} while (0)

void kernel_assert(bool condition, const char *where, int line, const char *what);

#define lockdep_is_held(lock)		((lock)->held)
#define lock_map_acquire(map)
#define lock_map_release(map)
#define lockdep_assert(condition) \
	kernel_assert(condition, __FILE__, __LINE__, #condition)
#define lockdep_assert_held(lock)	lockdep_assert((lock)->held)
struct lock_class_key { };
#define lockdep_init_map(map, name, key, subclass)	((void)(key))

struct mutex {
	bool held;
};

void mutex_init(struct mutex *mutex);
void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	long long counter;
} atomic64_t;

static inline void atomic64_add(long long more, atomic64_t *atomic)
{
	atomic->counter += more;
}

static inline void atomic64_inc(atomic64_t *atomic)
{
	atomic->counter++;
}

static inline int atomic_read(const atomic_t *atomic)
{
	return atomic->counter;
}

static inline void atomic_set(atomic_t *atomic, int value)
{
	atomic->counter = value;
}

static inline void atomic_inc(atomic_t *atomic)
{
	atomic->counter++;
}

static inline bool atomic_dec_and_test(atomic_t *atomic)
{
	return !--atomic->counter;
}

static inline int atomic_cmpxchg(atomic_t *atomic, int old, int new)
{
	int found = atomic->counter;

	if (found == old)
		atomic->counter = new;
	return found;
}

static inline bool atomic_try_cmpxchg(atomic_t *atomic, int *old, int new)
{
	int expected = *old;

	*old = atomic_cmpxchg(atomic, expected, new);
	return *old == expected;
}

/* Of a pointer. */
#define xchg(pointer, new) ({			\
	typeof(*(pointer)) was_;		\
						\
	kernel_others();			\
	was_ = *(pointer);			\
	*(pointer) = (new);			\
	kernel_others();			\
	was_; })

static inline bool test_bit(unsigned int bit, const unsigned long *bits)
{
	return *bits >> bit & 1;
}

static inline void set_bit(unsigned int bit, unsigned long *bits)
{
	kernel_others();
	*bits |= 1ul << bit;
	kernel_others();
}

static inline void clear_bit(unsigned int bit, unsigned long *bits)
{
	kernel_others();
	*bits &= ~(1ul << bit);
	kernel_others();
}

#define clear_bit_unlock(bit, bits)	clear_bit(bit, bits)

static inline bool test_and_set_bit(unsigned int bit, unsigned long *bits)
{
	bool was;

	kernel_others();
	was = test_bit(bit, bits);
	*bits |= 1ul << bit;
	kernel_others();
	return was;
}

static inline bool test_and_clear_bit(unsigned int bit, unsigned long *bits)
{
	bool was;

	kernel_others();
	was = test_bit(bit, bits);
	*bits &= ~(1ul << bit);
	kernel_others();
	return was;
}

/* Of a word that holds bits. */
static inline bool try_cmpxchg(unsigned long *word, unsigned long *old,
			       unsigned long new)
{
	bool is_old;

	kernel_others();
	is_old = *word == *old;
	if (is_old)
		*word = new;
	else
		*old = *word;
	kernel_others();
	return is_old;
}

#define HZ			1000
#define MAX_SCHEDULE_TIMEOUT	LONG_MAX
#ifndef LONG_MAX
#define LONG_MAX		((long)(~0ul >> 1))
#endif
#define time_after(a, b)	((long)((b) - (a)) < 0)
#define time_before(a, b)	time_after(b, a)
#define time_after_eq(a, b)	(!time_before(a, b))
#define msecs_to_jiffies(ms)	((unsigned long)(ms) * HZ / 1000)

extern unsigned long jiffies;

/* Whoever waits sees its condition only when it is woken, as in the kernel. */
typedef struct {
	u32 wakes;
} wait_queue_head_t;

#define init_waitqueue_head(queue)	((queue)->wakes = 0)
#define wake_up(queue)			((void)(queue)->wakes++)
/* Nobody is in a queue before he sleeps, so there may always be one. */
#define wq_has_sleeper(queue)		((void)(queue), true)

/* True: woken since @wakes. False: @deadline has come. */
bool kernel_wait(const wait_queue_head_t *queue, u32 wakes,
		 const unsigned long *deadline, const char *what);

/* Somebody else runs, and time passes. */
void kernel_sleep(const char *what);

static inline void usleep_range(unsigned long least, unsigned long most)
{
	kernel_sleep("somebody else");
}

/* No break: what comes after one in a macro is not counted as reached. */
#define wait_event(queue, condition)					\
	({								\
		u32 wait_wakes = (queue).wakes;				\
									\
		might_sleep();						\
		while (!(condition)) {					\
			kernel_wait(&(queue), wait_wakes, NULL, #condition); \
			wait_wakes = (queue).wakes;			\
		}							\
	})

#define wait_event_timeout(queue, condition, timeout)			\
	({								\
		unsigned long wait_deadline = jiffies + (timeout);	\
		long wait_left = 0;					\
		bool wait_on = true;					\
									\
		might_sleep();						\
		while (1) {						\
			u32 wait_wakes = (queue).wakes;			\
									\
			if (condition) {				\
				wait_left = max(1l, (long)(wait_deadline - jiffies)); \
				break;					\
			}						\
			if (!wait_on)					\
				break;					\
			wait_on = kernel_wait(&(queue), wait_wakes,	\
					      &wait_deadline, #condition); \
		}							\
		wait_left;						\
	})

#define wait_event_lock_irq(queue, condition, lock)			\
	while (!(condition)) {						\
		u32 wait_wakes = (queue).wakes;				\
									\
		spin_unlock_irq(&(lock));				\
		kernel_wait(&(queue), wait_wakes, NULL, #condition);	\
		spin_lock_irq(&(lock));					\
	}

#define wait_event_lock_irq_timeout(queue, condition, lock, timeout)	\
	({								\
		unsigned long wait_deadline = jiffies + (timeout);	\
		long wait_left = 0;					\
		bool wait_on = true;					\
									\
		while (1) {						\
			u32 wait_wakes = (queue).wakes;			\
									\
			if (condition) {				\
				wait_left = max(1l, (long)(wait_deadline - jiffies)); \
				break;					\
			}						\
			if (!wait_on)					\
				break;					\
			spin_unlock_irq(&(lock));			\
			wait_on = kernel_wait(&(queue), wait_wakes,	\
					      &wait_deadline, #condition); \
			spin_lock_irq(&(lock));				\
		}							\
		wait_left;						\
	})

struct completion {
	u32 done;
	wait_queue_head_t queue;
};

void init_completion(struct completion *completion);
void reinit_completion(struct completion *completion);
void complete(struct completion *completion);
void complete_all(struct completion *completion);
bool try_wait_for_completion(struct completion *completion);
void wait_for_completion(struct completion *completion);
unsigned long wait_for_completion_timeout(struct completion *completion,
					  unsigned long timeout);

struct workqueue_struct {
	bool unused;
};

struct work_struct {
	void (*function)(struct work_struct *work);
	struct workqueue_struct *queue;
	struct work_struct *next;
	bool pending;
};

struct delayed_work {
	struct work_struct work;
	unsigned long expires;
	bool armed;
};

#define INIT_WORK(work, what) \
	(*(work) = (struct work_struct) { .function = (what) })
#define INIT_DELAYED_WORK(delayed, what)		\
	do {						\
		*(delayed) = (struct delayed_work) {};	\
		INIT_WORK(&(delayed)->work, what);	\
	} while (0)
#define INIT_DEFERRABLE_WORK(delayed, what)	INIT_DELAYED_WORK(delayed, what)
#define work_pending(item)	((item)->pending)
#define to_delayed_work(item)	container_of(item, struct delayed_work, work)

#define WQ_MEM_RECLAIM	0u
#define WQ_PERCPU	0u
#define VMB_HAVE_WQ_PERCPU
#define VMB_HAVE_SYSTEM_DFL_WQ

/* NULL where an allocation is to fail. */
struct workqueue_struct *make_workqueue(void);
#define alloc_workqueue(name, flags, active)	make_workqueue()
#define alloc_ordered_workqueue(name, flags)	make_workqueue()
void destroy_workqueue(struct workqueue_struct *queue);
bool queue_work(struct workqueue_struct *queue, struct work_struct *work);
bool cancel_work_sync(struct work_struct *work);
bool flush_work(struct work_struct *work);
bool queue_delayed_work(struct workqueue_struct *queue,
			struct delayed_work *delayed, unsigned long delay);
bool mod_delayed_work(struct workqueue_struct *queue, struct delayed_work *delayed,
		      unsigned long delay);
bool cancel_delayed_work_sync(struct delayed_work *delayed);

/* A timer is due whenever delayed work is: its delay, in milliseconds, has passed then. */
enum hrtimer_restart {
	HRTIMER_NORESTART,
};

struct hrtimer {
	enum hrtimer_restart (*function)(struct hrtimer *timer);
	bool armed;
	u64 delay;
};

#define VMB_HAVE_HRTIMER_SETUP
#define CLOCK_MONOTONIC			1
#define HRTIMER_MODE_REL_SOFT		1
#define HRTIMER_MODE_REL_PINNED_SOFT	2
#define ms_to_ktime(milliseconds)	(milliseconds)
#define ns_to_ktime(nanoseconds)	(nanoseconds)
u64 local_clock(void);
#define ktime_get_ns()			local_clock()
#define ktime_get_mono_fast_ns()	local_clock()
/* And never late. */
#define ktime_get()			((u64)0)
#define hrtimer_get_expires(timer)	((void)(timer), (u64)0)
#define ktime_ms_delta(later, earlier)	((long long)((later) - (earlier)))
#define hrtimer_setup(timer, what, clock, mode) \
	(*(timer) = (struct hrtimer) { .function = (what) })
void hrtimer_start(struct hrtimer *timer, u64 delay, int mode);
int hrtimer_cancel(struct hrtimer *timer);

/* There are two processors, and work on either is work on any. */
#define WORK_CPU_UNBOUND		64u
#define nr_cpu_ids			2u
#define cpu_possible(processor)		((processor) < nr_cpu_ids)
#define cpu_online(processor)		cpu_possible(processor)
#define queue_work_on(processor, queue, work)	queue_work(queue, work)

#define NSEC_PER_MSEC			1000000ull
#define NSEC_PER_USEC			1000ull

bool in_serving_softirq(void);

struct tasklet_struct {
	bool unused;
};

/* tasks.c, for the harness. */

/* What others do: asked where they may, and while somebody sleeps. */
struct kernel_actors {
	void (*others)(void);
	void (*asleep)(void);
};

void kernel_tasks_reset(const struct kernel_actors *actors);
/* Begin an item of work, or go on with one that slept. False: all that there are sleep. */
bool kernel_run_work(void);
/* The same for one whose time has not come: the watchdog looks. */
void kernel_run_delayed(void);
bool kernel_is_atomic(void);
bool kernel_is_locked(void);
void kernel_tasks_check_idle(void);

#endif
