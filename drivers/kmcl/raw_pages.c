// SPDX-License-Identifier: GPL-2.0
/*
 * Raw guest pages: which page of this VM may be handed out because its
 * number stands in a packet.
 */
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/notifier.h>
#include <linux/rcupdate.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "gpadl.h"

/*
 * Frames whose memory is being taken away, from the first on up to the last,
 * which is not one of them; 0: none are. The memory that can be taken away takes
 * turns.
 */
static unsigned long vmb_raw_pages_leaving;
static unsigned long vmb_raw_pages_leaving_end;

/* The page of RAM with a number that a peer chose; NULL: none has it. */
struct page *vmb_page_of_frame(u64 frame)
{
	unsigned long frames = VMB_FRAMES;

	/* Without five levels of page tables it is a constant that x86 cannot compare. */
	OPTIMIZER_HIDE_VAR(frames);
	if (frame >= frames)
		return NULL;
	/* The kernel's tables of memory are indexed with it. */
	return pfn_to_online_page(array_index_nospec((unsigned long)frame, frames));
}

/* Reserved, offline and broken pages are not to be touched, not even with a reference. */
static bool vmb_raw_page_is_ordinary(struct page *page)
{
	return !PageReserved(page) && !PageOffline(page) && !is_page_hwpoison(page);
}

/*
 * Secret memory, and more of that kind, is out of the kernel's direct map: a
 * client that touched it would die. No kernel tells modules, so try.
 */
static bool vmb_raw_page_is_mapped(struct page *page)
{
	u8 byte;

	return !copy_from_kernel_nofault(&byte, page_address(page), sizeof(byte));
}

/*
 * Get a reference, with which a page does not become another kind of page any
 * more, and look at it then. NULL: it cannot be had, or is none to hand out.
 */
struct page *vmb_raw_page_hold(struct page *page)
{
	/* Pages inside a larger one are counted with its first. */
	struct folio *folio = page_folio(page);

	if (!folio_try_get(folio))
		return NULL;
	/* It may have been split, or freed and used anew, in between. */
	if (page_folio(page) == folio && vmb_raw_page_is_ordinary(page) &&
	    vmb_raw_page_is_mapped(page))
		return page;
	folio_put(folio);
	return NULL;
}

/*
 * A page of ordinary RAM, with a reference, or NULL. Memory does not go while
 * there is one; until then whoever takes memory away waits for RCU.
 */
struct page *vmb_raw_page_get(u64 frame)
{
	struct page *page;

	rcu_read_lock();
	if (frame >= READ_ONCE(vmb_raw_pages_leaving) &&
	    frame < READ_ONCE(vmb_raw_pages_leaving_end))
		page = NULL;
	else
		page = vmb_page_of_frame(frame);
	if (page && vmb_raw_page_is_ordinary(page))
		page = vmb_raw_page_hold(page);
	else
		page = NULL;
	rcu_read_unlock();
	return page;
}

/* Memory comes and goes. Not static: the tests are it, too. */
int vmb_raw_pages_notify(struct notifier_block *block, unsigned long action, void *data)
{
	const struct memory_notify *notify = data;

	switch (action) {
	case MEM_GOING_OFFLINE:
		WRITE_ONCE(vmb_raw_pages_leaving, notify->start_pfn);
		WRITE_ONCE(vmb_raw_pages_leaving_end,
			   notify->start_pfn + notify->nr_pages);
		/* After this, a reader that did not see the range has its reference, or gave up. */
		synchronize_rcu();
		break;
	case MEM_OFFLINE:
	case MEM_CANCEL_OFFLINE:
		WRITE_ONCE(vmb_raw_pages_leaving_end, 0);
		break;
	}
	return NOTIFY_OK;
}

static struct notifier_block vmb_raw_pages_notifier = {
	.notifier_call = vmb_raw_pages_notify,
};

int vmb_raw_pages_init(void)
{
	return register_memory_notifier(&vmb_raw_pages_notifier);
}

void vmb_raw_pages_exit(void)
{
	unregister_memory_notifier(&vmb_raw_pages_notifier);
}
