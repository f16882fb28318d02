// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that the client shares in all the ways there are, and takes back; and such that
 * may not be shared.
 */
#define VMB_FUZZ_PEER
#include "gpadl.h"
#include "harness.h"

#define MOST	2u

/* Ways to share. */
enum share {
	SHARE_BUFFER,
	SHARE_MDL,
	SHARE_PFNS,
	SHARE_ALLOCATED,
	SHARE_WRONG,
	SHARES
};

/* What none of them takes. */
static int share_wrong(struct end *end, u8 page, u32 *handle)
{
	const struct bio_vec half = { &kernel_pages[page], PAGE_SIZE / 2, 0 };
	const struct bio_vec halves[] = { half, half };
	const u64 pfns[] = { KERNEL_FIRST_FRAME + KERNEL_PAGES, U64_MAX >> (page & 63) };
	u8 *buffer = page_address(&kernel_pages[page]);
	struct vmb_channel *channel = end->channel;
	static u8 nowhere[PAGE_SIZE] __attribute__((aligned(4096)));

	switch (page % 12) {
	case 0:
		return vmb_channel_create_gpadl_from_buffer(channel, 0, buffer + 8, PAGE_SIZE,
							    handle);
	case 1:
		return vmb_channel_create_gpadl_from_buffer(channel, 0, buffer, 0, handle);
	case 2:
		/* An object of the slab allocator's, or a part of a page. */
		if (kernel_pages[KERNEL_PAGES - 2].slab)
			return vmb_channel_create_gpadl_from_buffer
			       (channel, 0, page_address(&kernel_pages[KERNEL_PAGES - 2]),
				2 * PAGE_SIZE, handle);
		return vmb_channel_create_gpadl_from_buffer(channel, 0, buffer, 100, handle);
	case 3:
		return vmb_channel_create_gpadl_from_buffer(channel, 2, buffer, PAGE_SIZE,
							    handle);
	case 4:
		return vmb_channel_create_gpadl_from_buffer(channel, 0, nowhere, PAGE_SIZE,
							    handle);
	case 5:
		return vmb_channel_create_gpadl_from_mdl(channel, 0, halves, page & 0x10 ? 2 : 1, 0,
							 0, handle);
	case 6:
		return vmb_channel_create_gpadl_from_mdl(channel, 0, &half, 1, U32_MAX, 0,
							 handle);
	case 7:
		return vmb_channel_create_gpadl_from_mdl(channel, 0, &half, 1, 0, PAGE_SIZE,
							 handle);
	case 8:
		return vmb_channel_create_gpadl_from_mdl(channel, 2, &half, 1, 0, 0, handle);
	case 9:
		return vmb_channel_create_gpadl_from_pfn_list(channel, page & 2, pfns, 2,
							      handle);
	case 10:
		return vmb_channel_create_gpadl(channel, page & 0x10 ? 2 : 0, U32_MAX,
						handle);
	default:
		return vmb_channel_create_gpadl(channel, 0, 0, handle);
	}
}

static int share(struct end *end, enum share how, u32 page, u32 flags, u32 *handle)
{
	const struct bio_vec vectors[] = {
		/* The first of three is not sent, and the chain is longer. */
		{ &kernel_pages[0], PAGE_SIZE, 0 },
		{ &kernel_pages[page], PAGE_SIZE, 0 },
		{ &kernel_pages[page + 1], 2 * PAGE_SIZE, 0 },
	};
	const u64 pfns[] = { KERNEL_FIRST_FRAME + page, KERNEL_FIRST_FRAME + page + 1 };
	struct vmb_channel *channel = end->channel;

	switch (how) {
	case SHARE_BUFFER:
		return vmb_channel_create_gpadl_from_buffer(channel, flags,
							    page_address(&kernel_pages[page]),
							    MOST * PAGE_SIZE, handle);
	case SHARE_MDL:
		return vmb_channel_create_gpadl_from_mdl(channel, flags, vectors, 3,
							 PAGE_SIZE, MOST * PAGE_SIZE, handle);
	case SHARE_PFNS:
		return vmb_channel_create_gpadl_from_pfn_list(channel, flags, pfns, MOST,
							      handle);
	case SHARE_ALLOCATED:
		return vmb_channel_create_gpadl(channel, flags, MOST, handle);
	default:
		return share_wrong(end, page, handle);
	}
}

/* The peer may have it for ever. */
static void count_leak(struct end *end, enum share how, u32 page)
{
	u32 i;

	end->gave_up = true;
	reached(OUTCOME_gpadl_given_up);
	for (i = page; i < page + MOST && how != SHARE_ALLOCATED; i++)
		if (kernel_page_is_counted(i))
			end->leaked_pins[i]++;
	if (how == SHARE_MDL || how == SHARE_PFNS ||
	    (how == SHARE_ALLOCATED && (!end->on->isolated || end->encrypted)))
		end->leaked_areas++;
	end->leaked_pages |= how == SHARE_ALLOCATED;
}

static void unshare(struct end *end, u32 handle, enum share how, u32 page)
{
	int ret = vmb_channel_delete_gpadl(end->channel, handle);

	FUZZ_CHECK(!ret || ret == -EIO);
	if (ret)
		count_leak(end, how, page);
}

/* Where the peer finds it: what was allocated has an address. */
static u32 frame_of(struct end *end, enum share how, u32 page, u32 handle)
{
	void *address = NULL;
	int ret = vmb_channel_get_system_address_for_gpadl(end->channel, 0, handle, &address);
	struct page *first;

	FUZZ_CHECK(ret == (how == SHARE_ALLOCATED ? 0 : -EINVAL));
	if (ret)
		return page;
	first = is_vmalloc_addr(address) ? vmalloc_to_page(address) : virt_to_page(address);
	return page_to_pfn(first) - KERNEL_FIRST_FRAME;
}

void end_share(struct end *end, u32 page, u8 kind, bool read_only)
{
	enum share how = kind % SHARES;
	u32 handle, i;
	int ret;

	page %= KERNEL_PAGES - 2;
	if (end->gpadl_count == GPADLS || end->shared_ever == GPADLS_EVER)
		return;
	end->shared_ever++;
	ret = share(end, how, page, read_only ? VMB_CHANNEL_GPADL_FLAG_READ_ONLY : 0, &handle);
	if (ret) {
		reached(how == SHARE_WRONG ? OUTCOME_share_refused : OUTCOME_share_failed);
		if (ret == -EIO)
			count_leak(end, how, page);
		return;
	}
	FUZZ_CHECK(how != SHARE_WRONG && !end->is_server);
	/* Meanwhile another task may have shared. */
	i = end->gpadl_count;
	if (i == GPADLS) {
		unshare(end, handle, how, page);
		return;
	}
	end->gpadls[i] = handle;
	end->gpadl_how[i] = how;
	end->gpadl_from[i] = page;
	end->gpadl_page[i] = frame_of(end, how, page, handle);
	end->gpadl_set[i] = false;
	end->gpadl_count++;
	ret = vmb_channel_register_transfer_page_set(end->channel, i, handle);
	/* Nor need it be there any more. */
	if (!ret && end->gpadl_count > i && end->gpadls[i] == handle)
		end->gpadl_set[i] = true;
	else
		FUZZ_CHECK(ret == -ENOMEM || ret == -ENOENT || ret == -ENODEV);
}

/* What is not there, is mapped already, or was never mapped. */
static void map_wrongly(struct end *end)
{
	const struct end *owner = end->other;
	const struct bio_vec *vectors;
	u32 count, handle;
	int ret;

	FUZZ_CHECK(vmb_channel_map_gpadl(end->channel, 0, ~0u, &vectors, &count) ==
		   (end->open ? -ENOENT : -ENODEV));
	kernel_warnings_announced++;
	vmb_channel_unmap_gpadl(end->channel, ~0u);
	if (!end->mapped_count)
		return;
	handle = end->mapped[end->mapped_count - 1];
	FUZZ_CHECK(vmb_channel_map_gpadl(end->channel, 0, handle, &vectors, &count) == -EBUSY);
	/* The owner may be giving it up by now. */
	ret = vmb_gpadl_map(owner->channel, 0, handle, &vectors, &count);
	FUZZ_CHECK(ret == -EBUSY || ret == -ENOENT);
	kernel_warnings_announced++;
	vmb_gpadl_unmap(owner->channel, ~handle);
	reached(OUTCOME_map_refused);
}

/* The server of a fair pair has what its client shares; nobody else has anything. */
void end_map(struct end *end, u8 how)
{
	const struct end *owner = end->other;
	const struct bio_vec *vectors = NULL;
	bool read_only = how & 2;
	u32 count = 0, index, i;
	int ret;

	if (how == 0xff) {
		map_wrongly(end);
		return;
	}
	if (how & 1 && end->mapped_count) {
		vmb_channel_unmap_gpadl(end->channel, end->mapped[--end->mapped_count]);
		return;
	}
	if (!end->open || end->mapped_count == GPADLS || !owner->gpadl_count)
		return;
	index = (how >> 2) % owner->gpadl_count;
	/* The first is its place in the server's record. */
	kernel_fail_allocation = how >= 0xf0 ? 1 + (how >> 1 & 1) : 0;
	ret = vmb_channel_map_gpadl(end->channel, read_only ?
				    VMB_CHANNEL_GPADL_FLAG_READ_ONLY : 0,
				    owner->gpadls[index], &vectors, &count);
	kernel_fail_allocation = 0;
	if (ret) {
		FUZZ_CHECK(ret == -ENOENT || ret == -EBUSY || ret == -EACCES || ret == -ENOMEM);
		reached(OUTCOME_map_refused);
		return;
	}
	FUZZ_CHECK(count == MOST);
	for (i = 0; i < count; i++)
		FUZZ_CHECK(vectors[i].bv_len == PAGE_SIZE && !vectors[i].bv_offset &&
			   page_to_pfn(vectors[i].bv_page) ==
			   KERNEL_FIRST_FRAME + owner->gpadl_page[index] + i);
	end->mapped[end->mapped_count++] = owner->gpadls[index];
	reached(OUTCOME_mapped);
}

void end_unmap_all(struct end *end)
{
	while (end->mapped_count)
		vmb_channel_unmap_gpadl(end->channel, end->mapped[--end->mapped_count]);
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
	FUZZ_CHECK(vmb_channel_delete_gpadl(end->channel, ~handle) == -ENOENT);
	unshare(end, handle, end->gpadl_how[index], end->gpadl_from[index]);
}
