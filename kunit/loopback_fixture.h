/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Servers and clients on loopback that write down what happens to them. All of
 * it happens by itself, on workers, so a test waits for what it expects.
 */
#ifndef VMB_KUNIT_LOOPBACK_FIXTURE_H
#define VMB_KUNIT_LOOPBACK_FIXTURE_H

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "../drivers/kmcl/channel.h"

/* Room for what one test does to one channel. */
#define LOOPBACK_LOG		64u
#define LOOPBACK_ENDS		12u
/* Nobody here needs that long, unless a wake-up was lost. */
#define LOOPBACK_PATIENCE	(20 * HZ)

/**
 * enum loopback_event - what the log of an end can hold, with its detail
 * @LOOPBACK_OPENED: 0.
 * @LOOPBACK_STARTED: 0.
 * @LOOPBACK_SUSPEND: reason.
 * @LOOPBACK_CLOSED: reason.
 * @LOOPBACK_PNP_FAILURE: errno.
 */
enum loopback_event {
	LOOPBACK_OPENED,
	LOOPBACK_STARTED,
	LOOPBACK_SUSPEND,
	LOOPBACK_CLOSED,
	LOOPBACK_PNP_FAILURE,
};

struct loopback_entry {
	enum loopback_event event;
	s64 detail;
};

/**
 * struct loopback_end - a channel and its log
 * @test: the case that runs.
 * @channel: the channel; NULL: not made yet, or cleaned up.
 * @lock: protects @log and @count.
 * @log: what happened, in order.
 * @count: entries.
 * @changed: woken when something happens.
 * @opened_error: what opened returns.
 * @hold_opened: opened does not return before @go_on is completed.
 * @hold_suspend: likewise suspend.
 * @hold_closed: likewise closed.
 * @go_on: completed by the test, once a call, and for good when it is over.
 * @helper: runs disable on another thread.
 * @helped: it has returned.
 */
struct loopback_end {
	struct kunit *test;
	struct vmb_channel *channel;
	spinlock_t lock; /* log and count */
	struct loopback_entry log[LOOPBACK_LOG];
	u32 count;
	wait_queue_head_t changed;
	int opened_error;
	bool hold_opened;
	bool hold_suspend;
	bool hold_closed;
	struct completion go_on;
	struct work_struct helper;
	struct completion helped;
};

/**
 * struct loopback_fixture - all ends of a test
 * @test: the case that runs.
 * @ends: those that were made, in that order.
 * @count: how many.
 * @private: the test's.
 */
struct loopback_fixture {
	struct kunit *test;
	struct loopback_end *ends[LOOPBACK_ENDS];
	u32 count;
	void *private;
};

int loopback_fixture_init(struct kunit *test);
void loopback_fixture_exit(struct kunit *test);

extern const guid_t loopback_type;
extern const guid_t loopback_other_type;
extern const guid_t loopback_instances[4];

struct loopback_end *loopback_end_new(struct kunit *test);
int loopback_end_place(struct loopback_end *end, struct vmb_device *device,
		       bool is_server);
struct loopback_end *loopback_end_make(struct kunit *test, bool is_server);
struct loopback_end *loopback_server(struct kunit *test, const guid_t *type,
				     const guid_t *instance);
struct loopback_end *loopback_client(struct kunit *test, const guid_t *type,
				     const guid_t *instance);
void loopback_clean_up(struct loopback_end *end);
void loopback_enable(struct loopback_end *end);
void loopback_disable(struct loopback_end *end);
void loopback_disable_elsewhere(struct loopback_end *end);
void loopback_expect_helped(struct loopback_end *end);

u32 loopback_happened(struct loopback_end *end, enum loopback_event event);
void loopback_expect(struct loopback_end *end, enum loopback_event event,
		     u32 times);
void loopback_forget(struct loopback_end *end);
void loopback_expect_disabled(struct loopback_end *end);
void loopback_expect_log(struct loopback_end *end,
			 const struct loopback_entry *expected, u32 count);
void loopback_settle(struct loopback_end *end);
int loopback_rest(struct vmb_channel **channels, u32 count,
		  enum vmb_channel_stop_reason reason);
int loopback_sleep(struct vmb_channel **channels, u32 count);

#endif
