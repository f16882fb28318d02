// SPDX-License-Identifier: GPL-2.0
/*
 * A client's own queue may be one that memory is reclaimed by, as a disk's is: what
 * is called from there waits for no queue of the library's that makes no such
 * promise, or the kernel warns.
 */
#include <kunit/test.h>
#include <asm/sections.h>
#include <linux/bug.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <trace/events/printk.h>

#include "../fixtures/channel_fixture.h"

/**
 * struct reclaim - a client with such a queue
 * @queue: it.
 * @other: one that does not make the promise.
 * @work: of @other.
 * @fixture: the rest.
 * @caller: who runs on @queue.
 * @warnings: lines of the kernel's about that.
 *
 * In &channel_fixture.private.
 */
struct reclaim {
	struct workqueue_struct *queue;
	struct workqueue_struct *other;
	struct work_struct work;
	struct channel_fixture *fixture;
	struct task_struct *caller;
	atomic_t warnings;
};

static struct reclaim *reclaim_of(struct channel_fixture *fixture)
{
	return fixture->private;
}

static void count_warning(void *warnings, const char *text, size_t length)
{
	if (strnstr(text, "is flushing !WQ_MEM_RECLAIM", length))
		atomic_inc(warnings);
}

static void count_no_more(void *warnings)
{
	unregister_trace_console(count_warning, warnings);
	tracepoint_synchronize_unregister();
}

static void free_queue(void *queue)
{
	destroy_workqueue(queue);
}

static struct workqueue_struct *make_queue(struct kunit *test, unsigned int flags)
{
	struct workqueue_struct *queue = alloc_workqueue("vmb_test", WQ_UNBOUND | flags, 0);

	KUNIT_ASSERT_NOT_NULL(test, queue);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_queue, queue), 0);
	return queue;
}

/* It warns once, and somebody may have had it warn before. */
static void have_it_warn_again(void)
{
	generic_bug_clear_once();
	memset(__start_once, 0, __end_once - __start_once);
}

static void wait_until_it_waits(struct channel_fixture *fixture)
{
	struct reclaim *reclaim = reclaim_of(fixture);
	unsigned long end = jiffies + CHANNEL_FIXTURE_PATIENCE;

	while (task_is_running(reclaim->caller) && time_before(jiffies, end))
		usleep_range(100, 200);
	KUNIT_EXPECT_FALSE(fixture->test, task_is_running(reclaim->caller));
}

/* It goes on when somebody waits for it. */
static void work_of_another(struct work_struct *work)
{
	struct reclaim *reclaim = container_of(work, struct reclaim, work);

	wait_until_it_waits(reclaim->fixture);
}

static int reclaim_queue_init(struct kunit *test)
{
	int ret = channel_fixture_init(test);
	struct channel_fixture *fixture = test->priv;
	struct reclaim *reclaim;

	if (ret)
		return ret;
	channel_configure(fixture, 256, 17, 17);
	reclaim = kunit_kzalloc(test, sizeof(*reclaim), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, reclaim);
	fixture->private = reclaim;
	reclaim->fixture = fixture;
	INIT_WORK(&reclaim->work, work_of_another);
	reclaim->queue = make_queue(test, WQ_MEM_RECLAIM);
	reclaim->other = make_queue(test, 0);
	KUNIT_ASSERT_EQ(test, register_trace_console(count_warning, &reclaim->warnings), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, count_no_more,
							&reclaim->warnings), 0);
	have_it_warn_again();
	return 0;
}

/* As channel_help(), on the client's queue. */
static int call(struct channel_fixture *fixture, int (*help)(struct channel_fixture *fixture))
{
	reinit_completion(&fixture->helped);
	fixture->help = help;
	queue_work(reclaim_of(fixture)->queue, &fixture->helper);
	return channel_wait_for_help(fixture);
}

static int flush_another(struct channel_fixture *fixture)
{
	struct reclaim *reclaim = reclaim_of(fixture);

	reclaim->caller = current;
	queue_work(reclaim->other, &reclaim->work);
	flush_work(&reclaim->work);
	return 0;
}

/* Otherwise that nothing is seen would say nothing. */
static void the_kernel_warns(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, call(fixture, flush_another), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&reclaim_of(fixture)->warnings), 1);
}

/* Its worker is at work as long as nobody waits for that. */
static void suspend_when_it_waits(struct channel_fixture *fixture, enum channel_event event)
{
	if (event == SUSPEND)
		wait_until_it_waits(fixture);
}

static int disable_and_cleanup(struct channel_fixture *fixture)
{
	int ret;

	reclaim_of(fixture)->caller = current;
	ret = vmb_channel_pause(fixture->channel) ?:
	      vmb_channel_start(fixture->channel) ?:
	      vmb_channel_disable(fixture->channel);
	if (ret)
		return ret;
	vmb_channel_cleanup(fixture->channel);
	fixture->channel = NULL;
	return 0;
}

static void client_disables_from_there(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->process = channel_complete_inline;
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	peer_expect_completion(fixture, 1, 0);
	fixture->on_state = suspend_when_it_waits;
	KUNIT_EXPECT_EQ(test, call(fixture, disable_and_cleanup), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&reclaim_of(fixture)->warnings), 0);
	KUNIT_EXPECT_NE(test, channel_log_find(fixture, SUSPEND), U32_MAX);
}

static struct kunit_case reclaim_queue_cases[] = {
	KUNIT_CASE(the_kernel_warns),
	KUNIT_CASE(client_disables_from_there),
	{}
};

static struct kunit_suite reclaim_queue_suite = {
	.name = "vmbkmcl_reclaim_queue",
	.init = reclaim_queue_init,
	.exit = channel_fixture_exit,
	.test_cases = reclaim_queue_cases,
};

kunit_test_suite(reclaim_queue_suite);
