// SPDX-License-Identifier: GPL-2.0
/*
 * Keeping the memory of a GPADL from the allocator while the peer may reach it, and
 * giving back what the library has allocated or mapped.
 */
#include <linux/gfp.h>
#include <linux/kmemleak.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "gpadl.h"

static void vmb_gpadl_release_memory(struct vmb_gpadl *gpadl)
{
	if (gpadl->origin == VMB_GPADL_PAGES)
		vunmap(gpadl->buffer);
	else if (gpadl->origin == VMB_GPADL_ALLOCATED &&
		 is_vmalloc_addr(gpadl->buffer))
		vfree(gpadl->buffer);
	else if (gpadl->origin == VMB_GPADL_ALLOCATED && gpadl->buffer)
		free_pages_exact(gpadl->buffer, gpadl->byte_count);
}

static bool vmb_gpadl_can_be_pinned(const struct vmb_gpadl *gpadl)
{
	u32 i;

	for (i = 0; i < gpadl->page_count; i++)
		if (!vmb_page_is_counted(gpadl->pages[i]))
			return false;
	return true;
}

static void vmb_gpadl_get_pages(const struct vmb_gpadl *gpadl)
{
	u32 i;

	for (i = 0; i < gpadl->page_count; i++)
		if (vmb_page_is_counted(gpadl->pages[i]))
			get_page(gpadl->pages[i]);
}

/*
 * Until the peer has let go of it the client's memory is not the allocator's,
 * whatever the client does. All of it or nothing, for by the time of the release
 * what a page is may have changed, and nobody could tell which were referenced.
 */
void vmb_gpadl_pin(struct vmb_gpadl *gpadl)
{
	if (gpadl->origin == VMB_GPADL_ALLOCATED || !vmb_gpadl_can_be_pinned(gpadl))
		return;
	gpadl->pinned = true;
	vmb_gpadl_get_pages(gpadl);
}

static void vmb_gpadl_unpin(struct vmb_gpadl *gpadl)
{
	u32 i;

	for (i = 0; i < gpadl->page_count && gpadl->pinned; i++)
		put_page(gpadl->pages[i]);
	gpadl->pinned = false;
}

/* The peer may write to the memory for ever: keep of it what can be kept. */
void vmb_gpadl_leak_memory(struct vmb_gpadl *gpadl)
{
	if (gpadl->origin == VMB_GPADL_ALLOCATED) {
		if (is_vmalloc_addr(gpadl->buffer))
			kmemleak_ignore(gpadl->buffer);
	} else if (!gpadl->pinned) {
		vmb_gpadl_get_pages(gpadl);
	}
}

/* @leaked: the peer may still write to the memory. */
void vmb_gpadl_free(struct vmb_gpadl *gpadl, bool leaked)
{
	if (leaked) {
		vmb_gpadl_leak_memory(gpadl);
	} else {
		vmb_gpadl_release_memory(gpadl);
		vmb_gpadl_unpin(gpadl);
	}
	kvfree(gpadl->frames);
	kvfree(gpadl->pages);
	kfree(gpadl);
}
