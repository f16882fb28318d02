// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that is shared, and packets that name it.
 */
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "external_fixture.h"

struct external_memory *shared_of(struct channel_fixture *fixture)
{
	return fixture->private;
}

static void free_memory(void *memory)
{
	vfree(memory);
}

int external_fixture_init(struct kunit *test)
{
	int ret = channel_fixture_init(test);
	struct channel_fixture *fixture = test->priv;
	struct external_memory *shared;

	if (ret)
		return ret;
	shared = kunit_kzalloc(test, sizeof(*shared), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, shared);
	shared->memory = vmalloc(EXTERNAL_PAGES * PAGE_SIZE);
	KUNIT_ASSERT_NOT_NULL(test, shared->memory);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_memory, shared->memory), 0);
	fixture->private = shared;
	channel_configure(fixture, 256, 5, 5);
	return vmb_channel_init_set_maximum_external_data(fixture->channel, EXTERNAL_LIMIT, 4);
}

void external_fixture_exit(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct external_memory *shared = shared_of(fixture);
	u32 i;

	for (i = 0; i < fixture->packet_count; i++)
		channel_complete(fixture, i, NULL, 0);
	vmb_channel_unregister_transfer_page_set(fixture->channel, EXTERNAL_SET);
	if (shared->handle && vmb_channel_delete_gpadl(fixture->channel, shared->handle))
		KUNIT_FAIL(test, "the memory is still in use");
	channel_fixture_exit(test);
}

/* An open channel that shares its memory. */
void share_memory(struct channel_fixture *fixture, u32 flags)
{
	struct external_memory *shared = shared_of(fixture);

	channel_enable(fixture);
	KUNIT_ASSERT_EQ(fixture->test,
			vmb_channel_create_gpadl_from_buffer(fixture->channel, flags,
							     shared->memory,
							     EXTERNAL_PAGES * PAGE_SIZE,
							     &shared->handle), 0);
}

/* What the peer calls the 4 KiB page at an address. */
u64 peer_pfn(const void *address)
{
	struct page *page = is_vmalloc_addr(address) ? vmalloc_to_page(address) :
			    virt_to_page(address);

	return (u64)page_to_pfn(page) * (PAGE_SIZE / 4096) + offset_in_page(address) / 4096;
}

void range_list_begin(struct range_list *list, u32 ranges, u16 set_id)
{
	list->words[0] = cpu_to_le64((u64)ranges << 32 | set_id);
	list->count = 1;
}

void range_list_range(struct range_list *list, u32 bytes, u32 offset)
{
	list->words[list->count++] = cpu_to_le64((u64)offset << 32 | bytes);
}

void range_list_pfn(struct range_list *list, u64 pfn)
{
	list->words[list->count++] = cpu_to_le64(pfn);
}

struct vmb_packet_completion *peer_send_list(struct channel_fixture *fixture, u16 type,
					     const struct range_list *list)
{
	u32 which = fixture->packet_count;

	peer_send(fixture, &(struct peer_packet) {
		.type = type, .flags = 1, .transaction_id = which,
		.ranges = list->words, .ranges_length = list->count * 8,
		.payload = 16, .seed = 3,
	});
	KUNIT_ASSERT_EQ(fixture->test, fixture->packet_count, which + 1);
	KUNIT_EXPECT_EQ(fixture->test, fixture->packets[which].flags,
			VMB_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA);
	KUNIT_EXPECT_EQ(fixture->test, fixture->packets[which].length, 16);
	KUNIT_EXPECT_TRUE(fixture->test,
			  ring_image_is_filled(fixture->packets[which].buffer, 3, 16));
	return fixture->packets[which].packet;
}

/* One GPA-direct range over consecutive 4 KiB pages of memory. */
struct vmb_packet_completion *peer_send_direct(struct channel_fixture *fixture,
					       const u8 *memory, u32 offset, u32 bytes)
{
	struct range_list list;
	u32 done;

	range_list_begin(&list, 1, 0);
	range_list_range(&list, bytes, offset % 4096);
	for (done = round_down(offset, 4096); done < offset + bytes; done += 4096)
		range_list_pfn(&list, peer_pfn(memory + done));
	return peer_send_list(fixture, 9, &list);
}

struct vmb_packet_completion *peer_send_transfer(struct channel_fixture *fixture,
						 u16 set_id, u32 offset, u32 bytes)
{
	struct range_list list;

	range_list_begin(&list, 1, set_id);
	range_list_range(&list, bytes, offset);
	return peer_send_list(fixture, 7, &list);
}

int get_external(struct channel_fixture *fixture, struct vmb_packet_completion *packet, u32 flags)
{
	struct external_memory *shared = shared_of(fixture);

	return vmb_channel_packet_get_external_data(packet, flags, &shared->vectors,
						    &shared->vector_count);
}

/* The client asks to read and write, and gets it. */
void get_all(struct channel_fixture *fixture, struct vmb_packet_completion *packet)
{
	KUNIT_EXPECT_EQ(fixture->test, get_external(fixture, packet, 0), 0);
}

/* The vectors are these bytes of the memory, in this order, and no others. */
void expect_memory(struct channel_fixture *fixture, const u8 *memory, u32 bytes)
{
	const struct external_memory *shared = shared_of(fixture);
	struct kunit *test = fixture->test;
	u32 done = 0;
	u32 i;

	for (i = 0; i < shared->vector_count; i++) {
		const struct bio_vec *vector = &shared->vectors[i];
		const u8 *at = memory + done;

		KUNIT_ASSERT_LE(test, done + vector->bv_len, bytes);
		KUNIT_EXPECT_PTR_EQ(test, vector->bv_page, is_vmalloc_addr(at) ?
				    vmalloc_to_page(at) : virt_to_page(at));
		KUNIT_EXPECT_EQ(test, vector->bv_offset, offset_in_page(at));
		KUNIT_EXPECT_LE(test, vector->bv_offset + vector->bv_len, PAGE_SIZE);
		KUNIT_EXPECT_GT(test, vector->bv_len, 0);
		done += vector->bv_len;
	}
	KUNIT_EXPECT_EQ(test, done, bytes);
}

/* The client's request for the last packet's data is refused, and counted once. */
void expect_external_refused(struct channel_fixture *fixture, int error,
			     enum vmb_refusal refusal)
{
	struct vmb_packet_completion *packet = fixture->packets[fixture->packet_count - 1].packet;
	struct external_memory *shared = shared_of(fixture);
	struct kunit *test = fixture->test;

	shared->vectors = NULL;
	shared->vector_count = 99;
	KUNIT_EXPECT_EQ(test, get_external(fixture, packet, 0), error);
	KUNIT_EXPECT_NULL(test, shared->vectors);
	KUNIT_EXPECT_EQ(test, shared->vector_count, 99);
	KUNIT_EXPECT_EQ(test, fixture->channel->refusals[refusal], 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.refused, 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.external_refused, 1);
	/* Asked again: the same answer, and not counted again. */
	KUNIT_EXPECT_EQ(test, get_external(fixture, packet, 0), error);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.refused, 1);
	/* The client completes it all the same. */
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, fixture->packet_count - 1, NULL, 0), 0);
}
