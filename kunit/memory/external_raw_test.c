// SPDX-License-Identifier: GPL-2.0
/*
 * External data that is in the client's hands while the device goes or the VM
 * hibernates or shuts down; and raw guest memory, which no channel has shared.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/mm.h>

#include "../../drivers/kmcl/compat.h"
#include "../fixtures/external_fixture.h"

static void allow_raw(struct channel_fixture *fixture)
{
	KUNIT_ASSERT_EQ(fixture->test, vmb_channel_init_set_raw_guest_memory(fixture->channel), 0);
	channel_enable(fixture);
}

static void raw_page(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct page *page = alloc_page(GFP_KERNEL);
	int references;

	KUNIT_ASSERT_NOT_NULL(test, page);
	references = page_ref_count(page);
	allow_raw(fixture);
	peer_send_direct(fixture, page_address(page), 100, 200);
	get_all(fixture, fixture->packets[0].packet);
	expect_memory(fixture, (u8 *)page_address(page) + 100, 200);
	/* It cannot be freed under the client. */
	KUNIT_EXPECT_EQ(test, page_ref_count(page), references + 1);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, page_ref_count(page), references);
	__free_page(page);
}

/* A peer in this kernel is trusted with any page, unless nobody is to be. */
static void local_peer(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct external_memory *shared = shared_of(fixture);

	fixture->channel->local = true;
	channel_enable(fixture);
	peer_send_direct(fixture, shared->memory, 0, 200);
	get_all(fixture, fixture->packets[0].packet);
	expect_memory(fixture, shared->memory, 200);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
}

static void allow_again(void *nothing)
{
	vmb_forbid_raw_guest_memory = false;
}

static void raw_memory_is_forbidden(struct kunit *test, bool local)
{
	struct channel_fixture *fixture = test->priv;
	struct external_memory *shared = shared_of(fixture);

	vmb_forbid_raw_guest_memory = true;
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, allow_again, NULL), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_raw_guest_memory(fixture->channel), -EPERM);
	fixture->channel->local = local;
	channel_enable(fixture);
	peer_send_direct(fixture, shared->memory, 0, 8);
	expect_external_refused(fixture, -EACCES, VMB_REFUSAL_PAGE_NOT_SHARED);
	/* What is shared is not meant. */
	KUNIT_ASSERT_EQ(test, vmb_channel_create_gpadl_from_buffer(fixture->channel, 0,
								   shared->memory, PAGE_SIZE,
								   &shared->handle), 0);
	peer_send_direct(fixture, shared->memory, 0, 8);
	get_all(fixture, fixture->packets[1].packet);
	expect_memory(fixture, shared->memory, 8);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 1, NULL, 0), 0);
}

static void forbidden(struct kunit *test)
{
	raw_memory_is_forbidden(test, false);
}

static void forbidden_to_a_local_peer(struct kunit *test)
{
	raw_memory_is_forbidden(test, true);
}

/*
 * The client was given up by remove and completes later: what the device said is
 * gone with it, and somebody else's by now.
 */
static void raw_page_outlives_the_device(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct page *page = alloc_page(GFP_KERNEL);
	int references;

	KUNIT_ASSERT_NOT_NULL(test, page);
	references = page_ref_count(page);
	allow_raw(fixture);
	peer_send_direct(fixture, page_address(page), 100, 200);
	get_all(fixture, fixture->packets[0].packet);
	fixture->transport.device.local = true;
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	fixture->transport.device.local = false;
	KUNIT_EXPECT_EQ(test, page_ref_count(page), references);
	__free_page(page);
}

/* The peer has forgotten the packet, and its memory is somebody else's now. */
static void raw_page_of_before_a_hibernation(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct page *page = alloc_page(GFP_KERNEL);
	struct vmb_packet_completion *held;
	int references;

	KUNIT_ASSERT_NOT_NULL(test, page);
	references = page_ref_count(page);
	allow_raw(fixture);
	held = peer_send_direct(fixture, page_address(page), 100, 200);
	KUNIT_ASSERT_EQ(test, vmb_transport_device_pm_close(&fixture->transport.device), 0);
	vmb_transport_device_pm_resume(&fixture->transport.device);
	channel_settle(fixture);
	vmb_watchdog_stop(fixture->channel);
	KUNIT_EXPECT_EQ(test, get_external(fixture, held, 0), -EACCES);
	KUNIT_EXPECT_EQ(test, page_ref_count(page), references);
	KUNIT_EXPECT_EQ(test, vmb_channel_packet_complete(held, NULL, 0), 0);
	__free_page(page);
}

/* The same of one that the client uses: it cannot be taken from it. */
static void raw_page_in_use_keeps_the_vm_from_hibernating(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct page *page = alloc_page(GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, page);
	allow_raw(fixture);
	get_all(fixture, peer_send_direct(fixture, page_address(page), 100, 200));
	KUNIT_EXPECT_EQ(test, vmb_transport_device_pm_close(&fixture->transport.device),
			-EBUSY);
	channel_settle(fixture);
	vmb_watchdog_stop(fixture->channel);
	KUNIT_EXPECT_EQ(test, fixture->transport.closes, 0);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, vmb_transport_device_pm_close(&fixture->transport.device), 0);
	KUNIT_EXPECT_EQ(test, fixture->transport.closes, 1);
	__free_page(page);
}

/* A VM that shuts down does not wait for that. */
static void raw_page_in_use_while_the_vm_shuts_down(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct page *page = alloc_page(GFP_KERNEL);
	int references;

	KUNIT_ASSERT_NOT_NULL(test, page);
	references = page_ref_count(page);
	allow_raw(fixture);
	get_all(fixture, peer_send_direct(fixture, page_address(page), 100, 200));
	vmb_transport_device_shutdown(&fixture->transport.device);
	KUNIT_EXPECT_EQ(test, fixture->transport.closes, 1);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, page_ref_count(page), references);
	__free_page(page);
}

/* Nor for memory that is shared: the peer lets go of it, and it is never freed. */
static void shared_memory_in_use_while_the_vm_shuts_down(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	unsigned long begun = jiffies;

	share_memory(fixture, 0);
	get_all(fixture, peer_send_direct(fixture, shared_of(fixture)->memory, 0, 100));
	vmb_transport_device_shutdown(&fixture->transport.device);
	KUNIT_EXPECT_LT(test, jiffies - begun, 8 * HZ);
	KUNIT_EXPECT_EQ(test, fixture->transport.closes, 1);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, 1);
	shared_of(fixture)->handle = 0;
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
}

static int help_delete(struct channel_fixture *fixture)
{
	return vmb_channel_delete_gpadl(fixture->channel, shared_of(fixture)->handle);
}

/* The same, if somebody has been waiting for it since before. */
static void shared_memory_is_waited_for_when_the_vm_shuts_down(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	unsigned long begun = jiffies;

	share_memory(fixture, 0);
	get_all(fixture, peer_send_direct(fixture, shared_of(fixture)->memory, 0, 100));
	channel_help(fixture, help_delete);
	/* It does wait, or the case shows nothing. */
	msleep(200);
	KUNIT_EXPECT_FALSE(test, completion_done(&fixture->helped));
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 1);
	vmb_transport_device_shutdown(&fixture->transport.device);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), -EIO);
	KUNIT_EXPECT_LT(test, jiffies - begun, 8 * HZ);
	KUNIT_EXPECT_EQ(test, fixture->transport.closes, 1);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 0);
	shared_of(fixture)->handle = 0;
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
}

/* Ordinary RAM, too: page caches and applications live in such pages. */
static void raw_page_inside_a_larger_one(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct page *pages = alloc_pages(GFP_KERNEL | __GFP_COMP, 2);
	int references;

	KUNIT_ASSERT_NOT_NULL(test, pages);
	references = page_count(pages);
	allow_raw(fixture);
	peer_send_direct(fixture, page_address(pages), PAGE_SIZE, 2 * PAGE_SIZE);
	get_all(fixture, fixture->packets[0].packet);
	expect_memory(fixture, (u8 *)page_address(pages) + PAGE_SIZE, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, page_count(pages), references);
	__free_pages(pages, 2);
}

static void raw_page_that_is_reserved(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	allow_raw(fixture);
	KUNIT_ASSERT_TRUE(test, PageReserved(ZERO_PAGE(0)));
	peer_send_direct(fixture, page_address(ZERO_PAGE(0)), 0, 8);
	expect_external_refused(fixture, -EACCES, VMB_REFUSAL_PAGE_NOT_SHARED);
}

static void raw_page_that_is_no_memory(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct range_list list;

	allow_raw(fixture);
	range_list_begin(&list, 1, 0);
	range_list_range(&list, 8, 0);
	range_list_pfn(&list, 0x000fffffffffffffULL);
	peer_send_list(fixture, 9, &list);
	expect_external_refused(fixture, -EACCES, VMB_REFUSAL_PAGE_NOT_SHARED);
}

/* Transfer pages. */

static struct kunit_case external_raw_cases[] = {
	KUNIT_CASE(raw_page),
	KUNIT_CASE(local_peer),
	KUNIT_CASE(forbidden),
	KUNIT_CASE(forbidden_to_a_local_peer),
	KUNIT_CASE(raw_page_outlives_the_device),
	KUNIT_CASE(raw_page_of_before_a_hibernation),
	KUNIT_CASE(raw_page_in_use_keeps_the_vm_from_hibernating),
	KUNIT_CASE(raw_page_in_use_while_the_vm_shuts_down),
	KUNIT_CASE(shared_memory_in_use_while_the_vm_shuts_down),
	KUNIT_CASE(shared_memory_is_waited_for_when_the_vm_shuts_down),
	KUNIT_CASE(raw_page_inside_a_larger_one),
	KUNIT_CASE(raw_page_that_is_reserved),
	KUNIT_CASE(raw_page_that_is_no_memory),
	{}
};

static struct kunit_suite external_raw_suite = {
	.name = "vmbkmcl_external_raw",
	.init = external_fixture_init,
	.exit = external_fixture_exit,
	.test_cases = external_raw_cases,
};

kunit_test_suite(external_raw_suite);
