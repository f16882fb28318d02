/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests to the host, so many at a time, and how long each takes: what the driver by
 * hand and that with the library have in common, so that they do and measure the same.
 */
#ifndef VMB_BENCH_LOAD_H
#define VMB_BENCH_LOAD_H

#include <linux/build_bug.h>
#include <linux/llist.h>
#include <linux/mm_types.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "bench_protocol.h"

/*
 * So many pages are so many entries of a list of external data, and the rings that
 * drivers ask for are no multiple of a larger page.
 */
static_assert(PAGE_SIZE == 4096);

#define LOAD_WINDOW		64
/* Of requests with external data there are fewer at a time. */
#define LOAD_EXTERNAL_WINDOW	16
#define LOAD_PAGES		(VMB_BENCH_EXTERNAL_SIZE / PAGE_SIZE)

struct load;

/**
 * struct load_slot - a request that may be on its way
 * @node: in &load.free, while it is not.
 * @load: whose it is.
 * @began: when it was sent.
 * @on_its_way: it was sent, and has no answer yet.
 * @request: what is sent.
 * @pages: its external data.
 * @private: the driver's.
 */
struct load_slot {
	struct llist_node node;
	struct load *load;
	u64 began;
	bool on_its_way;
	struct vmb_bench_request request;
	struct page *pages[LOAD_PAGES];
	void *private;
};

/**
 * struct load - the requests of one device
 * @name: the driver's, for what is said at the end.
 * @send: sends a request, with its pages or without. May wait. 0 or an errno.
 * @task: sends one behind the other.
 * @free: slots.
 * @freed: @free has one more.
 * @external: with pages.
 * @sends: requests without external data.
 * @ended: requests of this part that were answered.
 * @wrong: answers that were not what they should be, and have not been said yet.
 * @waits: how long each took, in nanoseconds; by its number in this part.
 * @slots: all of them.
 */
struct load {
	const char *name;
	int (*send)(struct load_slot *slot, bool external);
	struct task_struct *task;
	struct llist_head free;
	wait_queue_head_t freed;
	bool external;
	u32 sends;
	atomic_t ended;
	atomic_t wrong;
	u32 *waits;
	struct load_slot slots[LOAD_WINDOW];
};

int load_init(struct load *load, const char *name,
	      int (*send)(struct load_slot *slot, bool external));
int load_start(struct load *load);
void load_stop(struct load *load);
void load_destroy(struct load *load);
void load_unexpected(struct load *load);
void load_answered(struct load_slot *slot, const void *buffer, u32 length);

#endif
