// SPDX-License-Identifier: GPL-2.0
/*
 * The Windows header: MDLs, external data, and GPADLs.
 */
#include <linux/gfp.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "windows_fixture.h"

#define BYTES	(2 * PAGE_SIZE + 100)
/* Pages of Windows', in one of this kernel's. */
#define IN_PAGE	(PAGE_SIZE / 4096)

static u8 *make_buffer(struct kunit *test, size_t length)
{
	u8 *buffer = vmalloc(length);
	size_t i;

	KUNIT_ASSERT_NOT_NULL(test, buffer);
	for (i = 0; i < length; i++)
		buffer[i] = i * 7 + (i >> 8);
	return buffer;
}

static void an_mdl_of_a_buffer(struct kunit *test)
{
	u8 *scattered = make_buffer(test, BYTES);
	u8 *together = kunit_kzalloc(test, 64, GFP_KERNEL);
	PMDL mdl;

	KUNIT_EXPECT_NULL(test, IoAllocateMdl(scattered, 0, FALSE, FALSE, NULL));
	KUNIT_EXPECT_NULL(test, IoAllocateMdl(scattered, 8, TRUE, FALSE, NULL));
	mdl = IoAllocateMdl(scattered + 50, BYTES - 60, FALSE, FALSE, NULL);
	KUNIT_ASSERT_NOT_NULL(test, mdl);
	MmBuildMdlForNonPagedPool(mdl);
	KUNIT_EXPECT_EQ(test, MmGetMdlByteCount(mdl), BYTES - 60);
	KUNIT_ASSERT_EQ(test, mdl->VectorCount, 3);
	KUNIT_EXPECT_EQ(test, mdl->Vectors[0].bv_offset, 50);
	KUNIT_EXPECT_EQ(test, mdl->Vectors[0].bv_len, PAGE_SIZE - 50);
	KUNIT_EXPECT_EQ(test, mdl->Vectors[1].bv_len, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, mdl->Vectors[2].bv_len, 90);
	KUNIT_EXPECT_PTR_EQ(test, mdl->Vectors[2].bv_page,
			    vmalloc_to_page(scattered + 2 * PAGE_SIZE));
	KUNIT_EXPECT_PTR_EQ(test, MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority),
			    (void *)(scattered + 50));
	MmUnmapLockedPages(scattered + 50, mdl);
	KUNIT_EXPECT_EQ(test, scattered[50], (u8)(50 * 7));
	IoFreeMdl(mdl);
	vfree(scattered);

	mdl = IoAllocateMdl(together, 64, FALSE, FALSE, NULL);
	KUNIT_ASSERT_NOT_NULL(test, mdl);
	MmBuildMdlForNonPagedPool(mdl);
	KUNIT_EXPECT_EQ(test, mdl->VectorCount, offset_in_page(together) + 64 > PAGE_SIZE ? 2 : 1);
	KUNIT_EXPECT_EQ(test, mdl->Vectors[0].bv_offset, offset_in_page(together));
	IoFreeMdl(mdl);
	IoFreeMdl(NULL);
}

/* Pages that lie anywhere are seen as a whole, if they are whole. */
static void an_mdl_that_is_mapped(struct kunit *test)
{
	u8 *buffer = make_buffer(test, BYTES);
	struct bio_vec vectors[3] = {
		{ vmalloc_to_page(buffer), PAGE_SIZE - 8, 8 },
		{ vmalloc_to_page(buffer + PAGE_SIZE), PAGE_SIZE, 0 },
		{ vmalloc_to_page(buffer + 2 * PAGE_SIZE), 100, 0 },
	};
	u8 *address;
	MDL mdl;

	vmb_windows_mdl_init(&mdl, vectors, 3);
	address = MmGetSystemAddressForMdlSafe(&mdl, NormalPagePriority);
	KUNIT_ASSERT_NOT_NULL(test, address);
	KUNIT_EXPECT_PTR_NE(test, address, buffer + 8);
	KUNIT_EXPECT_EQ(test, memcmp(address, buffer + 8, BYTES - 8), 0);
	/* Once is enough. */
	KUNIT_EXPECT_PTR_EQ(test, MmGetSystemAddressForMdlSafe(&mdl, NormalPagePriority),
			    (void *)address);
	MmUnmapLockedPages(address, &mdl);
	KUNIT_EXPECT_NULL(test, mdl.SystemAddress);
	/* Not where one would have to sleep, nor with a gap between. */
	local_bh_disable();
	KUNIT_EXPECT_NULL(test, MmGetSystemAddressForMdlSafe(&mdl, NormalPagePriority));
	local_bh_enable();
	vectors[1].bv_len--;
	KUNIT_EXPECT_NULL(test, MmGetSystemAddressForMdlSafe(&mdl, NormalPagePriority));
	vectors[1].bv_len++;
	vectors[1].bv_offset++;
	KUNIT_EXPECT_NULL(test, MmGetSystemAddressForMdlSafe(&mdl, NormalPagePriority));
	/* One piece is where the kernel has it. */
	mdl.VectorCount = 1;
	KUNIT_EXPECT_PTR_EQ(test, MmGetSystemAddressForMdlSafe(&mdl, NormalPagePriority),
			    page_address(vectors[0].bv_page) + 8);
	vfree(buffer);
}

/* A piece may be a run of pages, which all belong to it. */
static void an_mdl_of_runs(struct kunit *test)
{
	u8 *buffer = make_buffer(test, PAGE_SIZE);
	struct page *run = alloc_pages(GFP_KERNEL, 1);
	struct bio_vec vectors[2] = {
		{ vmalloc_to_page(buffer), PAGE_SIZE - 8, 8 },
		{ run, 2 * PAGE_SIZE, 0 },
	};
	u8 *address;
	MDL mdl;

	KUNIT_ASSERT_NOT_NULL(test, run);
	memset(page_address(run), 0x5a, PAGE_SIZE);
	memset(page_address(run) + PAGE_SIZE, 0xa5, PAGE_SIZE);
	vmb_windows_mdl_init(&mdl, vectors, 2);
	address = MmGetSystemAddressForMdlSafe(&mdl, NormalPagePriority);
	KUNIT_ASSERT_NOT_NULL(test, address);
	KUNIT_EXPECT_EQ(test, memcmp(address, buffer + 8, PAGE_SIZE - 8), 0);
	KUNIT_EXPECT_EQ(test, memcmp(address + PAGE_SIZE - 8, page_address(run),
				     2 * PAGE_SIZE), 0);
	MmUnmapLockedPages(address, &mdl);
	__free_pages(run, 1);
	vfree(buffer);
}

static const u8 *bytes_of(const struct bio_vec *vector)
{
	return (u8 *)page_address(vector->bv_page) + vector->bv_offset;
}

/**
 * struct seen - what a server saw of external data
 * @bytes: how many there were.
 * @calls: of VmbChannelPacketGetExternalData().
 * @same: every call has given the same MDL.
 * @data: what it had.
 */
struct seen {
	u32 bytes;
	u32 calls;
	bool same;
	u8 data[BYTES];
};

static void look_at_it(struct windows_end *end, VMBPACKETCOMPLETION packet, PVOID buffer,
		       UINT32 length, UINT32 flags)
{
	const UINT32 only_read = VMBUS_CHANNEL_PACKET_EXTERNAL_DATA_FLAG_READ_ONLY;
	struct seen *seen = end->private;
	PMDL mdl = NULL, again = NULL;
	u32 i, done = 0;

	KUNIT_EXPECT_EQ(end->test, (u32)VmbChannelPacketGetExternalData(packet, 2, &mdl),
			0xc000000d);
	KUNIT_EXPECT_EQ(end->test, VmbChannelPacketGetExternalData(packet, only_read, &mdl),
			STATUS_SUCCESS);
	KUNIT_EXPECT_EQ(end->test, VmbChannelPacketGetExternalData(packet, only_read, &again),
			STATUS_SUCCESS);
	if (mdl) {
		seen->same = mdl == again;
		seen->bytes = MmGetMdlByteCount(mdl);
		for (i = 0; i < mdl->VectorCount && done < BYTES; i++) {
			u32 more = min_t(u32, mdl->Vectors[i].bv_len, BYTES - done);

			memcpy(seen->data + done, bytes_of(&mdl->Vectors[i]), more);
			done += more;
		}
	}
	VmbChannelPacketComplete(packet, NULL, 0);
}

static struct seen *watch(struct kunit *test, struct windows_pair *pair)
{
	struct seen *seen = kunit_kzalloc(test, sizeof(*seen), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, seen);
	pair->server.private = seen;
	pair->server.act = look_at_it;
	windows_open(pair);
	return seen;
}

static VOID packet_ended(VMBPACKET packet, PVOID context, NTSTATUS status, PVOID buffer,
			 UINT32 length)
{
	*(NTSTATUS *)VmbPacketGetPointer(packet) = status;
	complete(context);
}

/* From VmbPacketAllocate to the end of it; -1: it never ended. */
#define SEND(test, pair, call)						\
({									\
	DECLARE_COMPLETION_ONSTACK(done);				\
	VMBPACKET packet = VmbPacketAllocate((pair)->client.channel);	\
	NTSTATUS status, end = -1;					\
									\
	KUNIT_ASSERT_NOT_NULL(test, packet);				\
	VmbPacketSetPointer(packet, &end);				\
	VmbPacketSetCompletionRoutineEx(packet, &done, packet_ended);	\
	status = call;							\
	if (status == STATUS_SUCCESS) {					\
		wait_for_completion(&done);				\
		status = end;						\
	}								\
	VmbPacketFree(packet);						\
	(u32)status;							\
})

static void external_data_by_mdl(struct kunit *test)
{
	struct windows_pair *pair = windows_pair(test);
	struct seen *seen = watch(test, pair);
	u8 *buffer = make_buffer(test, BYTES);
	PMDL first, second;

	first = IoAllocateMdl(buffer, PAGE_SIZE + 40, FALSE, FALSE, NULL);
	second = IoAllocateMdl(buffer + PAGE_SIZE + 40, PAGE_SIZE + 60, FALSE, FALSE, NULL);
	KUNIT_ASSERT_NOT_NULL(test, first);
	KUNIT_ASSERT_NOT_NULL(test, second);
	MmBuildMdlForNonPagedPool(first);
	MmBuildMdlForNonPagedPool(second);
	/* Every byte of one. */
	KUNIT_EXPECT_EQ(test, SEND(test, pair, VmbPacketSend(packet, NULL, 0, first, WAIT)), 0);
	KUNIT_EXPECT_EQ(test, pair->server.flags,
			VMBUS_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA);
	KUNIT_EXPECT_TRUE(test, seen->same);
	KUNIT_EXPECT_EQ(test, seen->bytes, PAGE_SIZE + 40);
	KUNIT_EXPECT_EQ(test, memcmp(seen->data, buffer, PAGE_SIZE + 40), 0);
	/* Of a chain. */
	first->Next = second;
	KUNIT_EXPECT_EQ(test, SEND(test, pair, VmbPacketSend(packet, NULL, 0, first, WAIT)), 0);
	KUNIT_EXPECT_EQ(test, seen->bytes, BYTES);
	KUNIT_EXPECT_EQ(test, memcmp(seen->data, buffer, BYTES), 0);
	/* A part of a chain, across its MDLs. */
	KUNIT_EXPECT_EQ(test,
			SEND(test, pair,
			     VmbPacketSendWithExternalMdl(packet, NULL, 0, first, PAGE_SIZE + 3,
							  200, WAIT)), 0);
	KUNIT_EXPECT_EQ(test, seen->bytes, 200);
	KUNIT_EXPECT_EQ(test, memcmp(seen->data, buffer + PAGE_SIZE + 3, 200), 0);
	/* With a forced length the first one counts alone, to the end of its page. */
	KUNIT_EXPECT_EQ(test,
			SEND(test, pair,
			     VmbPacketSendWithExternalMdl(packet, NULL, 0, first, 16,
							  2 * PAGE_SIZE - 16,
							  WAIT | VMBUS_CHANNEL_FORMAT_FLAG_FORCE_MDL_LENGTH)),
			0);
	KUNIT_EXPECT_EQ(test, seen->bytes, 2 * PAGE_SIZE - 16);
	KUNIT_EXPECT_EQ(test, memcmp(seen->data, buffer + 16, 2 * PAGE_SIZE - 16), 0);
	KUNIT_EXPECT_EQ(test,
			SEND(test, pair,
			     VmbPacketSendWithExternalMdl(packet, NULL, 0, first, 16,
							  2 * PAGE_SIZE,
							  WAIT | VMBUS_CHANNEL_FORMAT_FLAG_FORCE_MDL_LENGTH)),
			0xc000000d);
	/* To wait is a must. */
	KUNIT_EXPECT_EQ(test, SEND(test, pair, VmbPacketSend(packet, NULL, 0, first, 0)),
			0xc000000d);
	/* And a request that is waited for. */
	KUNIT_EXPECT_EQ(test,
			VmbChannelSendSynchronousRequest(pair->client.channel, NULL, 0, first,
							 WAIT, NULL, NULL, NULL),
			STATUS_SUCCESS);
	KUNIT_EXPECT_EQ(test, seen->bytes, BYTES);
	IoFreeMdl(first);
	IoFreeMdl(second);
	vfree(buffer);
}

/* All of the page at this address, as Windows counts them. */
static void put_pfns(PFN_NUMBER *pfns, const u8 *address)
{
	u32 i;

	for (i = 0; i < IN_PAGE; i++)
		pfns[i] = page_to_pfn(vmalloc_to_page(address)) * IN_PAGE + i;
}

static void external_data_by_pfns(struct kunit *test)
{
	struct windows_pair *pair = windows_pair(test);
	struct seen *seen = watch(test, pair);
	u8 *buffer = make_buffer(test, BYTES);
	PFN_NUMBER pfns[2 * IN_PAGE];

	put_pfns(pfns, buffer + PAGE_SIZE);
	put_pfns(pfns + IN_PAGE, buffer);
	KUNIT_EXPECT_EQ(test,
			SEND(test, pair, VmbPacketSendWithExternalPfns(packet, NULL, 0, pfns,
								       ARRAY_SIZE(pfns), WAIT)), 0);
	KUNIT_EXPECT_EQ(test, seen->bytes, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, memcmp(seen->data, buffer + PAGE_SIZE, PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, memcmp(seen->data + PAGE_SIZE, buffer, PAGE_SIZE), 0);
	vfree(buffer);
}

static void there_is_no_external_data(struct windows_end *end, VMBPACKETCOMPLETION packet,
				      PVOID buffer, UINT32 length, UINT32 flags)
{
	PMDL mdl;

	KUNIT_EXPECT_EQ(end->test, (u32)VmbChannelPacketGetExternalData(packet, 0, &mdl),
			0xc000000d);
	VmbChannelPacketComplete(packet, NULL, 0);
}

static void a_packet_without(struct kunit *test)
{
	struct windows_pair *pair = windows_pair(test);

	pair->server.act = there_is_no_external_data;
	windows_open(pair);
	KUNIT_EXPECT_EQ(test, SEND(test, pair, VmbPacketSend(packet, NULL, 0, NULL, WAIT)), 0);
	KUNIT_EXPECT_EQ(test, windows_happened(&pair->server, 'K'), 1);
}

static void a_gpadl_of(struct kunit *test, struct windows_pair *pair, UINT32 handle,
		       const u8 *memory, u32 pages)
{
	VMBCHANNEL server = pair->server.channel;
	PMDL mdl = NULL, other = NULL;
	u32 i;

	KUNIT_ASSERT_EQ(test, VmbChannelMapGpadl(server, 0, handle, &mdl), STATUS_SUCCESS);
	KUNIT_EXPECT_EQ(test, (u32)VmbChannelMapGpadl(server, 0, handle, &other), 0xc0000043);
	KUNIT_EXPECT_EQ(test, MmGetMdlByteCount(mdl), pages * PAGE_SIZE);
	for (i = 0; i < pages; i++)
		KUNIT_EXPECT_EQ(test, memcmp(bytes_of(&mdl->Vectors[i]), memory + i * PAGE_SIZE,
					     PAGE_SIZE), 0);
	VmbChannelUnmapGpadl(server, handle);
	VmbChannelDeleteGpadl(pair->client.channel, handle);
	KUNIT_EXPECT_EQ(test, (u32)VmbChannelMapGpadl(server, 0, handle, &mdl), 0xc0000225);
}

static void gpadls(struct kunit *test)
{
	struct windows_pair *pair = windows_pair(test);
	VMBCHANNEL client = pair->client.channel;
	u8 *buffer = make_buffer(test, 2 * PAGE_SIZE);
	PFN_NUMBER pfns[2 * IN_PAGE];
	UINT32 handle;
	PVOID address;
	PMDL mdl;

	put_pfns(pfns, buffer);
	put_pfns(pfns + IN_PAGE, buffer + PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, (u32)VmbChannelCreateGpadl(client, 0, 1, &handle), 0xc0000184);
	windows_open(pair);
	KUNIT_ASSERT_EQ(test, VmbChannelCreateGpadlFromBuffer(client, 0, buffer, 2 * PAGE_SIZE,
							      &handle), STATUS_SUCCESS);
	KUNIT_EXPECT_EQ(test, (u32)VmbChannelGetSystemAddressForGpadl(client, 0, handle,
								      &address), 0xc000000d);
	a_gpadl_of(test, pair, handle, buffer, 2);

	mdl = IoAllocateMdl(buffer, 2 * PAGE_SIZE, FALSE, FALSE, NULL);
	KUNIT_ASSERT_NOT_NULL(test, mdl);
	MmBuildMdlForNonPagedPool(mdl);
	KUNIT_ASSERT_EQ(test, VmbChannelCreateGpadlFromMdl(client, 0, mdl, PAGE_SIZE, 0,
							   &handle), STATUS_SUCCESS);
	a_gpadl_of(test, pair, handle, buffer + PAGE_SIZE, 1);
	KUNIT_EXPECT_EQ(test, (u32)VmbChannelCreateGpadlFromMdl(client, 0, mdl, 8, 0, &handle),
			0xc000000d);
	IoFreeMdl(mdl);

	KUNIT_ASSERT_EQ(test, VmbChannelCreateGpadlFromPfnList(client,
							       VMBUS_CHANNEL_GPADL_FLAG_READ_ONLY,
							       pfns, ARRAY_SIZE(pfns),
							       &handle),
			STATUS_SUCCESS);
	KUNIT_EXPECT_EQ(test, (u32)VmbChannelMapGpadl(pair->server.channel, 0, handle, &mdl),
			0xc0000022);
	VmbChannelDeleteGpadl(client, handle);

	KUNIT_ASSERT_EQ(test, VmbChannelCreateGpadl(client, 0, 2, &handle), STATUS_SUCCESS);
	KUNIT_ASSERT_EQ(test, VmbChannelGetSystemAddressForGpadl(client, 0, handle, &address),
			STATUS_SUCCESS);
	memcpy(address, buffer, 2 * PAGE_SIZE);
	a_gpadl_of(test, pair, handle, buffer, 2);
	KUNIT_EXPECT_EQ(test, (u32)VmbChannelGetSystemAddressForGpadl(client, 0, handle,
								      &address), 0xc0000225);
	vfree(buffer);
}

static struct kunit_case windows_memory_cases[] = {
	KUNIT_CASE(an_mdl_of_a_buffer),
	KUNIT_CASE(an_mdl_that_is_mapped),
	KUNIT_CASE(an_mdl_of_runs),
	KUNIT_CASE(external_data_by_mdl),
	KUNIT_CASE(external_data_by_pfns),
	KUNIT_CASE(a_packet_without),
	KUNIT_CASE(gpadls),
	{}
};

static struct kunit_suite windows_memory_suite = {
	.name = "vmbkmcl_windows_memory",
	.init = windows_fixture_init,
	.exit = windows_fixture_exit,
	.test_cases = windows_memory_cases,
};

kunit_test_suites(&windows_memory_suite);
