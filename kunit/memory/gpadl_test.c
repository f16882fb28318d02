// SPDX-License-Identifier: GPL-2.0
/*
 * Memory shared with the peer: when it can be, and that it is never given back
 * while somebody may still use it.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "../fixtures/external_fixture.h"

#define BYTES		(EXTERNAL_PAGES * PAGE_SIZE)
/* The protocol counts 16 + 8 bytes for each page in 16 bits. */
#define MOST_PAGES	8189u

static int create(struct channel_fixture *fixture, u32 flags, void *buffer, u32 bytes)
{
	return vmb_channel_create_gpadl_from_buffer(fixture->channel, flags, buffer, bytes,
						    &shared_of(fixture)->handle);
}

static int delete(struct channel_fixture *fixture)
{
	struct external_memory *shared = shared_of(fixture);
	u32 handle = shared->handle;

	shared->handle = 0;
	return vmb_channel_delete_gpadl(fixture->channel, handle);
}

static void expect_create(struct kunit *test, u32 flags, size_t offset, u32 bytes, int expected)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, create(fixture, flags, shared_of(fixture)->memory + offset,
				     bytes), expected);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 0);
}

static void unknown_flags(struct kunit *test)
{
	expect_create(test, 2, 0, BYTES, -EINVAL);
}

static void no_bytes(struct kunit *test)
{
	expect_create(test, 0, 0, 0, -EINVAL);
}

static void address_unaligned(struct kunit *test)
{
	expect_create(test, 0, 8, PAGE_SIZE, -EINVAL);
}

static void length_unaligned(struct kunit *test)
{
	expect_create(test, 0, 0, PAGE_SIZE + 8, -EINVAL);
}

static void longer_than_the_allocation(struct kunit *test)
{
	expect_create(test, 0, 0, BYTES + PAGE_SIZE, -EINVAL);
}

static void more_pages_than_the_protocol_can_say(struct kunit *test)
{
	expect_create(test, 0, 0, (MOST_PAGES + 1) * 4096, -E2BIG);
}

/* That many can be said; here, they are not there. */
static void as_many_pages_as_the_protocol_can_say(struct kunit *test)
{
	expect_create(test, 0, 0, MOST_PAGES * 4096, -EINVAL);
}

static void memory_of_another_kind(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, create(fixture, 0, (void *)PAGE_SIZE, PAGE_SIZE), -EINVAL);
}

/* When. */

static void before_enable(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, create(fixture, 0, shared_of(fixture)->memory, BYTES),
			-ENODEV);
}

static void after_close(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	channel_disable(fixture);
	KUNIT_EXPECT_EQ(test, create(fixture, 0, shared_of(fixture)->memory, BYTES),
			-ENODEV);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 0);
}

static int created;

static void create_in_opened(struct channel_fixture *fixture, enum channel_event event)
{
	if (event == OPENED)
		created = create(fixture, 0, shared_of(fixture)->memory, BYTES);
}

static void in_the_opened_callback(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->on_state = create_in_opened;
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, created, 0);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 1);
}

static void create_in_closed(struct channel_fixture *fixture, enum channel_event event)
{
	if (event == CLOSED)
		created = create(fixture, 0, shared_of(fixture)->memory, BYTES);
}

static void not_in_the_closed_callback(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->on_state = create_in_closed;
	channel_enable(fixture);
	channel_disable(fixture);
	KUNIT_EXPECT_EQ(test, created, -ENODEV);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 0);
}

/* Opened made it, and refuses: it goes with the channel. */
static void opened_refuses(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->on_state = create_in_opened;
	fixture->opened_error = -EPERM;
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, created, 0);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 0);
	shared_of(fixture)->handle = 0;
	KUNIT_EXPECT_EQ(test, create(fixture, 0, shared_of(fixture)->memory, BYTES),
			-ENODEV);
}

/* Which. */

static void overlap(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u8 *memory = shared_of(fixture)->memory;
	u32 handle;

	share_memory(fixture, 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_create_gpadl_from_buffer
			(fixture->channel, 0, memory + BYTES - PAGE_SIZE, PAGE_SIZE, &handle),
			-EEXIST);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 1);
	/* The first one is as it was. */
	peer_send_direct(fixture, memory, 0, BYTES);
	KUNIT_EXPECT_EQ(test, get_external(fixture, fixture->packets[0].packet, 0), 0);
	expect_memory(fixture, memory, BYTES);
}

static void one_page_twice(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct page *page = alloc_page(GFP_KERNEL);
	struct page *pages[] = { page, page };
	void *memory;

	KUNIT_ASSERT_NOT_NULL(test, page);
	memory = vmap(pages, 2, VM_MAP, PAGE_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, memory);
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, create(fixture, 0, memory, 2 * PAGE_SIZE), -EEXIST);
	/* And nothing of it is left. */
	KUNIT_EXPECT_EQ(test, create(fixture, 0, memory, PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, delete(fixture), 0);
	vunmap(memory);
	__free_page(page);
}

/* A page that nobody has, and one of another GPADL: of the first nothing is left. */
static void overlap_in_the_second_page(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct page *page = alloc_page(GFP_KERNEL);
	u8 *shared = shared_of(fixture)->memory;
	struct page *pages[] = {
		page,
		is_vmalloc_addr(shared) ? vmalloc_to_page(shared) : virt_to_page(shared),
	};
	void *memory;
	u32 handle;

	KUNIT_ASSERT_NOT_NULL(test, page);
	memory = vmap(pages, 2, VM_MAP, PAGE_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, memory);
	share_memory(fixture, 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_create_gpadl_from_buffer
			(fixture->channel, 0, memory, 2 * PAGE_SIZE, &handle), -EEXIST);
	KUNIT_EXPECT_EQ(test, vmb_channel_create_gpadl_from_buffer
			(fixture->channel, 0, memory, PAGE_SIZE, &handle), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_delete_gpadl(fixture->channel, handle), 0);
	vunmap(memory);
	__free_page(page);
}

static void again_after_delete(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	share_memory(fixture, 0);
	KUNIT_EXPECT_EQ(test, delete(fixture), 0);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 0);
	KUNIT_EXPECT_EQ(test, create(fixture, 0, shared_of(fixture)->memory, BYTES), 0);
}

static void transport_refuses(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	fixture->transport.create_gpadl_error = -EDQUOT;
	KUNIT_EXPECT_EQ(test, create(fixture, 0, shared_of(fixture)->memory, BYTES),
			-EDQUOT);
	fixture->transport.create_gpadl_error = 0;
	KUNIT_EXPECT_EQ(test, create(fixture, 0, shared_of(fixture)->memory, BYTES), 0);
}

/* Delete. */

static void delete_unknown(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	share_memory(fixture, 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_delete_gpadl(fixture->channel, 4711), -ENOENT);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 1);
}

static void delete_twice(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 handle;

	share_memory(fixture, 0);
	handle = shared_of(fixture)->handle;
	KUNIT_EXPECT_EQ(test, delete(fixture), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_delete_gpadl(fixture->channel, handle), -ENOENT);
}

static int help_delete(struct channel_fixture *fixture)
{
	return delete(fixture);
}

/*
 * The peer may still write to the memory for as long as the packet that named
 * it is not completed: whoever deletes the GPADL waits, and frees it after.
 */
static void memory_is_not_given_back_while_a_packet_uses_it(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	share_memory(fixture, 0);
	peer_send_direct(fixture, shared_of(fixture)->memory, 0, BYTES);
	KUNIT_ASSERT_EQ(test, get_external(fixture, fixture->packets[0].packet, 0), 0);
	channel_help(fixture, help_delete);
	/* Gives whoever does not wait the time to be seen. */
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&fixture->helped, HZ / 20), 0);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 1);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 0);
}

static void memory_is_not_given_back_while_a_set_uses_it(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	share_memory(fixture, 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_register_transfer_page_set
			(fixture->channel, EXTERNAL_SET, shared_of(fixture)->handle), 0);
	peer_send_transfer(fixture, EXTERNAL_SET, 0, 8);
	KUNIT_ASSERT_EQ(test, get_external(fixture, fixture->packets[0].packet, 0), 0);
	/* What the packet has, it keeps, though the set is gone. */
	KUNIT_EXPECT_EQ(test, vmb_channel_unregister_transfer_page_set(fixture->channel,
								       EXTERNAL_SET), 0);
	channel_help(fixture, help_delete);
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&fixture->helped, HZ / 20), 0);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
}

static void failed_packet_lets_go_of_the_memory(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	share_memory(fixture, 0);
	peer_send_direct(fixture, shared_of(fixture)->memory, 0, BYTES);
	KUNIT_ASSERT_EQ(test, get_external(fixture, fixture->packets[0].packet, 0), 0);
	fixture->packets[0].done = true;
	vmb_channel_packet_fail(fixture->packets[0].packet);
	channel_help(fixture, help_delete);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
}

static void packet_that_never_asked_holds_up_nobody(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	share_memory(fixture, 0);
	peer_send_direct(fixture, shared_of(fixture)->memory, 0, BYTES);
	channel_help(fixture, help_delete);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
}

/* The peer would not let go: never to be freed, counted, and not used again. */
static void delete_fails(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	share_memory(fixture, 0);
	fixture->transport.delete_gpadl_error = -ETIMEDOUT;
	KUNIT_EXPECT_EQ(test, delete(fixture), -EIO);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, 1);
	peer_send_direct(fixture, shared_of(fixture)->memory, 0, 8);
	KUNIT_EXPECT_EQ(test, get_external(fixture, fixture->packets[0].packet, 0), -EACCES);
}

/*
 * Remove does not wait for the client for ever. If it still holds a packet that
 * points into the memory, nobody must wait for that either, nor free it.
 */
static void closed_without_a_packet_that_uses_it(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	share_memory(fixture, 0);
	get_all(fixture, peer_send_direct(fixture, shared_of(fixture)->memory, 0, 64));
	channel_abandon(fixture);
	KUNIT_EXPECT_EQ(test, delete(fixture), -EIO);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, 1);
	/* The packet's memory is all still there. */
	expect_memory(fixture, shared_of(fixture)->memory, 64);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), -ENODEV);
}

static void delete_in_closed(struct channel_fixture *fixture, enum channel_event event)
{
	if (event == CLOSED)
		created = delete(fixture);
}

static void in_the_closed_callback(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	share_memory(fixture, 0);
	fixture->on_state = delete_in_closed;
	channel_disable(fixture);
	KUNIT_EXPECT_EQ(test, created, 0);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 0);
}

static void count_in_closed(struct channel_fixture *fixture, enum channel_event event)
{
	if (event == CLOSED)
		created = fixture->transport.gpadls;
}

/* What the client forgot goes when closed has returned, sets and all. */
static void left_behind(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	share_memory(fixture, 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_register_transfer_page_set
			(fixture->channel, EXTERNAL_SET, shared_of(fixture)->handle), 0);
	fixture->on_state = count_in_closed;
	channel_disable(fixture);
	shared_of(fixture)->handle = 0;
	KUNIT_EXPECT_EQ(test, created, 1);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 0);
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, create(fixture, 0, shared_of(fixture)->memory, BYTES), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_register_transfer_page_set
			(fixture->channel, EXTERNAL_SET, shared_of(fixture)->handle), 0);
}

/* Transfer-page sets. */

static void set_of_unknown_memory(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	share_memory(fixture, 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_register_transfer_page_set
			(fixture->channel, EXTERNAL_SET, 4711), -ENOENT);
}

static void set_that_is_taken(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 handle;

	share_memory(fixture, 0);
	handle = shared_of(fixture)->handle;
	KUNIT_EXPECT_EQ(test, vmb_channel_register_transfer_page_set
			(fixture->channel, EXTERNAL_SET, handle), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_register_transfer_page_set
			(fixture->channel, EXTERNAL_SET, handle), -EEXIST);
}

static void set_keeps_memory(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 handle;

	share_memory(fixture, 0);
	handle = shared_of(fixture)->handle;
	KUNIT_EXPECT_EQ(test, vmb_channel_register_transfer_page_set
			(fixture->channel, EXTERNAL_SET, handle), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_delete_gpadl(fixture->channel, handle), -EBUSY);
	KUNIT_EXPECT_EQ(test, vmb_channel_unregister_transfer_page_set(fixture->channel,
								       EXTERNAL_SET), 0);
	KUNIT_EXPECT_EQ(test, delete(fixture), 0);
}

static void set_that_is_not(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	share_memory(fixture, 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_unregister_transfer_page_set(fixture->channel,
								       EXTERNAL_SET), -ENOENT);
}

/* Their numbers have 16 bits. */
static void as_many_sets_as_there_are_numbers(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel *channel = fixture->channel;
	u32 handle, id;
	int ret = 0;

	share_memory(fixture, 0);
	handle = shared_of(fixture)->handle;
	for (id = 0; id <= U16_MAX && !ret; id++)
		ret = vmb_channel_register_transfer_page_set(channel, id, handle);
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_register_transfer_page_set(channel, id, handle), -EEXIST);
	KUNIT_EXPECT_EQ(test, vmb_channel_delete_gpadl(channel, handle), -EBUSY);
	for (id = 0; id <= U16_MAX && !ret; id++)
		ret = vmb_channel_unregister_transfer_page_set(channel, id);
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_TRUE(test, xa_empty(&channel->memory.sets));
}

static struct kunit_case gpadl_cases[] = {
	KUNIT_CASE(unknown_flags),
	KUNIT_CASE(no_bytes),
	KUNIT_CASE(address_unaligned),
	KUNIT_CASE(length_unaligned),
	KUNIT_CASE(longer_than_the_allocation),
	KUNIT_CASE(more_pages_than_the_protocol_can_say),
	KUNIT_CASE(as_many_pages_as_the_protocol_can_say),
	KUNIT_CASE(memory_of_another_kind),
	KUNIT_CASE(before_enable),
	KUNIT_CASE(after_close),
	KUNIT_CASE(in_the_opened_callback),
	KUNIT_CASE(not_in_the_closed_callback),
	KUNIT_CASE(opened_refuses),
	KUNIT_CASE(overlap),
	KUNIT_CASE(one_page_twice),
	KUNIT_CASE(overlap_in_the_second_page),
	KUNIT_CASE(again_after_delete),
	KUNIT_CASE(transport_refuses),
	KUNIT_CASE(delete_unknown),
	KUNIT_CASE(delete_twice),
	KUNIT_CASE(memory_is_not_given_back_while_a_packet_uses_it),
	KUNIT_CASE(memory_is_not_given_back_while_a_set_uses_it),
	KUNIT_CASE(failed_packet_lets_go_of_the_memory),
	KUNIT_CASE(packet_that_never_asked_holds_up_nobody),
	KUNIT_CASE(delete_fails),
	KUNIT_CASE(closed_without_a_packet_that_uses_it),
	KUNIT_CASE(in_the_closed_callback),
	KUNIT_CASE(left_behind),
	KUNIT_CASE(set_of_unknown_memory),
	KUNIT_CASE(set_that_is_taken),
	KUNIT_CASE(set_keeps_memory),
	KUNIT_CASE(set_that_is_not),
	KUNIT_CASE(as_many_sets_as_there_are_numbers),
	{}
};

static struct kunit_suite gpadl_suite = {
	.name = "vmbkmcl_channel_gpadl",
	.init = external_fixture_init,
	.exit = external_fixture_exit,
	.test_cases = gpadl_cases,
};

kunit_test_suite(gpadl_suite);
