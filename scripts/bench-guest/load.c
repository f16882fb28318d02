// SPDX-License-Identifier: GPL-2.0
/*
 * The requests themselves: first those without external data, then those with.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "load.h"

static unsigned int sends = 10000;
module_param(sends, uint, 0644);
MODULE_PARM_DESC(sends, "Requests without external data, of a driver that is bound then");

static unsigned int externals = 1000;
module_param(externals, uint, 0444);
MODULE_PARM_DESC(externals, "Requests with 64 KiB of external data");

static unsigned int loads_done;
module_param(loads_done, uint, 0444);
MODULE_PARM_DESC(loads_done, "How often a driver has done all of it");

static u64 load_sum(const struct load_slot *slot)
{
	u64 sum = 0, offset;

	for (offset = 0; offset < VMB_BENCH_EXTERNAL_SIZE; offset += 4096)
		sum += *(const u64 *)(page_address(slot->pages[offset / PAGE_SIZE]) +
				      offset_in_page(offset));
	return sum;
}

/* Something has come that nothing was sent for. */
void load_unexpected(struct load *load)
{
	atomic_inc(&load->wrong);
}

/* An answer has come. Any context but hard interrupt. */
void load_answered(struct load_slot *slot, const void *buffer, u32 length)
{
	const struct vmb_bench_answer *answer = buffer;
	struct load *load = slot->load;

	if (!buffer || length < sizeof(*answer) ||
	    answer->sequence != slot->request.sequence ||
	    answer->sum != slot->request.sum)
		atomic_inc(&load->wrong);
	load->waits[le64_to_cpu(slot->request.sequence)] = ktime_get_ns() - slot->began;
	slot->on_its_way = false;
	/* From here on the slot may be another request's. */
	llist_add(&slot->node, &load->free);
	/*
	 * The last one ends the part: what was written above is read, and the list begun
	 * anew, as soon as this is seen. It is a full barrier.
	 */
	atomic_inc_return(&load->ended);
	wake_up(&load->freed);
}

/*
 * No-operations that nothing else has: scripts/bench/profile_guest.c sees them, and counts
 * what is executed in between.
 */
static void load_mark_begin(void)
{
	asm volatile(".byte 0x0f, 0x1f, 0x84, 0x00\n\t.ascii \"VMB1\"" ::: "memory");
}

static void load_mark_end(void)
{
	asm volatile(".byte 0x0f, 0x1f, 0x84, 0x00\n\t.ascii \"VMB0\"" ::: "memory");
}

static bool load_all_ended(struct load *load, u32 count)
{
	/* With it come the waits, and the slots in the list. */
	return atomic_read_acquire(&load->ended) == count;
}

/* A slot, if one is free. The thread alone takes them, so that this needs no lock. */
static struct load_slot *load_take(struct load *load)
{
	struct llist_node *node = llist_del_first(&load->free);

	return node ? llist_entry(node, struct load_slot, node) : NULL;
}

static int load_compare(const void *left, const void *right)
{
	u32 a = *(const u32 *)left, b = *(const u32 *)right;

	return a < b ? -1 : a > b;
}

/*
 * The slots above its window stay where they are. A part without a name is not
 * measured.
 */
static int load_part(struct load *load, const char *part, u32 count, u32 window)
{
	struct load_slot *slot;
	u64 began, took;
	int ret = 0;
	u32 i;

	init_llist_head(&load->free);
	for (i = 0; i < window; i++)
		llist_add(&load->slots[i].node, &load->free);
	atomic_set(&load->ended, 0);
	if (part)
		load_mark_begin();
	began = ktime_get_ns();
	for (i = 0; i < count && !ret; i++) {
		wait_event_idle(load->freed, (slot = load_take(load)) || kthread_should_stop());
		if (!slot)
			return -EINTR;
		slot->request.sequence = cpu_to_le64(i);
		slot->request.sum = load->external ? cpu_to_le64(load_sum(slot)) : 0;
		slot->on_its_way = true;
		slot->began = ktime_get_ns();
		ret = load->send(slot, load->external);
	}
	if (ret)
		return ret;
	wait_event_idle(load->freed, load_all_ended(load, count) || kthread_should_stop());
	if (!load_all_ended(load, count))
		return -EINTR;
	took = ktime_get_ns() - began;
	if (!part)
		return 0;
	load_mark_end();
	sort(load->waits, count, sizeof(*load->waits), load_compare, NULL);
	/* Each that was wrong is said once; those of a part without a name by the next. */
	pr_info("%s %s operations %u ns %llu p50 %u p99 %u wrong %d\n", load->name, part,
		count, took, load->waits[count / 2],
		load->waits[(u64)count * 99 / 100], atomic_xchg(&load->wrong, 0));
	return 0;
}

static int load_run(void *data)
{
	struct load *load = data;
	int ret;

	msleep(VMB_BENCH_QUIET);
	/* What the first ones find cold the others find warm. */
	ret = load_part(load, NULL, LOAD_WINDOW, LOAD_WINDOW);
	if (!ret)
		ret = load_part(load, "send", load->sends, LOAD_WINDOW);
	/* If not all were answered, those on their way have no external data still. */
	if (!ret) {
		load->external = true;
		ret = load_part(load, "external", externals, LOAD_EXTERNAL_WINDOW);
	}
	if (ret)
		pr_err("%s has not sent everything: %d\n", load->name, ret);
	else
		WRITE_ONCE(loads_done, loads_done + 1);
	/* Whoever stops it finds it. */
	wait_event_idle(load->freed, kthread_should_stop());
	return 0;
}

/* To be called when the channel is open. */
int load_start(struct load *load)
{
	struct task_struct *task = kthread_run(load_run, load, "vmb_bench");

	if (IS_ERR(task))
		return PTR_ERR(task);
	load->task = task;
	return 0;
}

/* Nothing is sent any more when this returns. */
void load_stop(struct load *load)
{
	if (load->task)
		kthread_stop(load->task);
	load->task = NULL;
}

int load_init(struct load *load, const char *name,
	      int (*send)(struct load_slot *slot, bool external))
{
	struct load_slot *slot;
	u32 i, k;

	load->name = name;
	load->send = send;
	init_waitqueue_head(&load->freed);
	load->sends = READ_ONCE(sends);
	load->waits = kvcalloc(max3(load->sends, externals, (unsigned int)LOAD_WINDOW),
			       sizeof(*load->waits), GFP_KERNEL);
	if (!load->waits)
		return -ENOMEM;
	for (i = 0; i < LOAD_WINDOW; i++) {
		slot = &load->slots[i];
		slot->load = load;
		for (k = 0; k < LOAD_PAGES && i < LOAD_EXTERNAL_WINDOW; k++) {
			slot->pages[k] = alloc_page(GFP_KERNEL);
			if (!slot->pages[k])
				goto destroy;
			memset(page_address(slot->pages[k]), i + k + 1, PAGE_SIZE);
		}
	}
	return 0;

destroy:
	load_destroy(load);
	return -ENOMEM;
}

void load_destroy(struct load *load)
{
	u32 i, k;

	for (i = 0; i < LOAD_EXTERNAL_WINDOW; i++)
		for (k = 0; k < LOAD_PAGES && load->slots[i].pages[k]; k++)
			__free_page(load->slots[i].pages[k]);
	kvfree(load->waits);
}
