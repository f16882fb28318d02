// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that the client shares, and takes back. Which memory that may be is not what is
 * tried: gpadl_pages.c is not here, nor is gpadl_free.c, for references are counted for
 * what packets have.
 */
#define VMB_FUZZ_PEER
#include "harness.h"

#define GPADLS_EVER	64

/* All that there are; what a channel has given up stays until the run ends. */
static struct vmb_gpadl *gpadls[GPADLS_EVER];

/* Nor is raw_pages.c: what of memory is ordinary is the kernel's to say. */
struct page *vmb_page_of_frame(u64 frame)
{
	return pfn_to_online_page(frame);
}

struct page *vmb_raw_page_get(u64 frame)
{
	struct page *page = vmb_page_of_frame(frame);

	if (!page || page->reserved || !page->references)
		return NULL;
	get_page(page);
	return page;
}

void vmb_gpadl_pin(struct vmb_gpadl *gpadl)
{
}

void vmb_gpadl_leak_memory(struct vmb_gpadl *gpadl)
{
}

void vmb_gpadl_free(struct vmb_gpadl *gpadl, bool leaked)
{
	u32 i;

	for (i = 0; gpadls[i] != gpadl; i++)
		FUZZ_CHECK(i + 1 < GPADLS_EVER);
	gpadls[i] = NULL;
	kernel_allocations -= !!gpadl->frames;
	free(gpadl->frames);
	free(gpadl->pages);
	free(gpadl);
}

void shares_free_left(bool given_up)
{
	u32 i;

	for (i = 0; i < GPADLS_EVER; i++) {
		FUZZ_CHECK(!gpadls[i] || given_up);
		if (gpadls[i])
			vmb_gpadl_free(gpadls[i], true);
	}
}

static void unshare(struct end *end, u32 handle)
{
	int ret = vmb_channel_delete_gpadl(end->channel, handle);

	if (ret == -EIO) {
		end->gave_up = true;
		reached(OUTCOME_gpadl_given_up);
	} else {
		FUZZ_CHECK(!ret);
	}
}

void end_share(struct end *end, u32 page, u32 count, bool read_only)
{
	struct vmb_gpadl *gpadl;
	u32 place = 0, handle, i;
	int ret;

	while (place < GPADLS_EVER && gpadls[place])
		place++;
	if (end->gpadl_count == GPADLS || place == GPADLS_EVER)
		return;
	gpadl = calloc(1, sizeof(*gpadl));
	gpadls[place] = gpadl;
	gpadl->pages = malloc(count * sizeof(*gpadl->pages));
	for (i = 0; i < count; i++)
		gpadl->pages[i] = &kernel_pages[page + i];
	gpadl->page_count = count;
	gpadl->byte_count = count * PAGE_SIZE;
	gpadl->frames = calloc((gpadl->byte_count >> VMB_WIRE_PAGE_SHIFT) + 1,
			       sizeof(*gpadl->frames));
	/* The library may be who frees these. */
	kernel_allocations++;
	gpadl->buffer = page_address(gpadl->pages[0]);
	gpadl->origin = VMB_GPADL_BUFFER;
	gpadl->read_only = read_only;
	ret = vmb_gpadl_create(end->channel, gpadl, &handle);
	if (ret) {
		FUZZ_CHECK(ret == -ENOMEM || ret == -EEXIST || ret == -ENODEV ||
			   ret == -EIO || ret == -EPROTO);
		reached(OUTCOME_share_failed);
		end->gave_up |= ret == -EIO;
		return;
	}
	/* Meanwhile another task may have shared. */
	i = end->gpadl_count;
	if (i == GPADLS) {
		unshare(end, handle);
		return;
	}
	end->gpadls[i] = handle;
	end->gpadl_page[i] = page;
	end->gpadl_set[i] = !vmb_channel_register_transfer_page_set(end->channel, i,
								    end->gpadls[i]);
	end->gpadl_count++;
}

/*
 * From the last on, so that set ids stay indices. The client forgets it first: while it
 * is deleted another task may close the channel, and unshare what is left.
 */
void end_unshare(struct end *end, u32 index)
{
	u32 handle = end->gpadls[index];

	end->gpadl_count = index;
	if (end->gpadl_set[index]) {
		FUZZ_CHECK(vmb_channel_delete_gpadl(end->channel, handle) == -EBUSY);
		FUZZ_CHECK(!vmb_channel_unregister_transfer_page_set(end->channel,
								     index));
	}
	unshare(end, handle);
}
