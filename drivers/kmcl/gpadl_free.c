// SPDX-License-Identifier: GPL-2.0
/*
 * Giving back the memory of a GPADL that the library has allocated or mapped.
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

/* @leaked: the peer may still write to the memory. */
void vmb_gpadl_free(struct vmb_gpadl *gpadl, bool leaked)
{
	if (!leaked)
		vmb_gpadl_release_memory(gpadl);
	else if (gpadl->origin == VMB_GPADL_ALLOCATED && is_vmalloc_addr(gpadl->buffer))
		kmemleak_ignore(gpadl->buffer);
	kvfree(gpadl->pages);
	kfree(gpadl);
}
