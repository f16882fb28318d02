// SPDX-License-Identifier: GPL-2.0
/*
 * A server maps what its client shares: who may, when, and that the client gets
 * nothing back before the server has let go of it.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "../../drivers/kmcl/compat.h"
#include "../fixtures/external_fixture.h"

/* The server's channel; the client's is the fixture's. */
static struct {
	struct memory_transport transport;
	struct vmb_channel *channel;
	struct vmb_channel_transport_operations operations;
	struct vmb_channel *owner;
	u32 maps;
	u32 unmaps;
	const struct bio_vec *vectors;
	u32 vector_count;
	bool holds;
	struct completion arrived;
	struct completion go_on;
} server;

static int server_map_gpadl(struct vmb_channel *channel, u32 flags, u32 gpadl_handle,
			    const struct bio_vec **vectors, u32 *vector_count)
{
	server.maps++;
	return vmb_gpadl_map(server.owner, flags, gpadl_handle, vectors, vector_count);
}

static void server_unmap_gpadl(struct vmb_channel *channel, u32 gpadl_handle)
{
	server.unmaps++;
	if (server.holds) {
		complete(&server.arrived);
		wait_for_completion_timeout(&server.go_on, CHANNEL_FIXTURE_PATIENCE);
	}
	vmb_gpadl_unmap(server.owner, gpadl_handle);
}

static void server_process_packet(struct vmb_channel *channel, void *context,
				  struct vmb_packet_completion *packet, void *buffer,
				  u32 length, u32 flags)
{
	vmb_channel_packet_complete(packet, NULL, 0);
}

/* Packets are no part of this: any open channel will do. */
static int make_server(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, memory_transport_init(&server.transport, "vmbkmcl_server"), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_allocate(&server.transport.device.device, false,
						   &server.channel), 0);
	server.operations = *server.channel->operations;
	server.operations.map_gpadl = server_map_gpadl;
	server.operations.unmap_gpadl = server_unmap_gpadl;
	server.channel->operations = &server.operations;
	vmb_channel_init_set_process_packet_callbacks(server.channel, NULL,
						      server_process_packet, NULL);
	return 0;
}

static void open_server(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, vmb_channel_enable(server.channel), 0);
	flush_work(&server.channel->life.work);
	vmb_watchdog_stop(server.channel);
	server.channel->is_server = true;
}

/* Nothing in here is the server's any more. */
static void close_server(struct kunit *test)
{
	vmb_memory_unmap_leftovers(server.channel);
	server.channel->is_server = false;
	KUNIT_EXPECT_EQ(test, vmb_channel_disable(server.channel), 0);
}

static int map_init(struct kunit *test)
{
	struct channel_fixture *fixture;
	int ret;

	memset(&server, 0, sizeof(server));
	ret = external_fixture_init(test);
	if (ret)
		return ret;
	fixture = test->priv;
	server.owner = fixture->channel;
	return make_server(test);
}

static void map_exit(struct kunit *test)
{
	if (server.channel) {
		vmb_memory_unmap_leftovers(server.channel);
		server.transport.gone = true;
		server.channel->is_server = false;
		vmb_channel_disable(server.channel);
		vmb_channel_cleanup(server.channel);
		memory_transport_exit(&server.transport);
	}
	external_fixture_exit(test);
}

static int map(struct channel_fixture *fixture, u32 flags)
{
	return vmb_channel_map_gpadl(server.channel, flags, shared_of(fixture)->handle,
				     &server.vectors, &server.vector_count);
}

static void unmap(struct channel_fixture *fixture)
{
	vmb_channel_unmap_gpadl(server.channel, shared_of(fixture)->handle);
}

static int delete(struct channel_fixture *fixture)
{
	struct external_memory *shared = shared_of(fixture);
	int ret = vmb_channel_delete_gpadl(fixture->channel, shared->handle);

	shared->handle = 0;
	return ret;
}

/* On a thread of its own, and not through soon. */
static void expect_delete_waits(struct channel_fixture *fixture)
{
	channel_help(fixture, delete);
	KUNIT_EXPECT_EQ(fixture->test,
			wait_for_completion_timeout(&fixture->helped, HZ / 20), 0);
	KUNIT_EXPECT_EQ(fixture->test, fixture->transport.gpadls, 1);
}

static void share_and_open(struct kunit *test, u32 flags)
{
	share_memory(test->priv, flags);
	open_server(test);
}

/* What the server gets. */

static void expect_vectors(struct kunit *test, const u8 *memory, u32 pages)
{
	u32 i;

	KUNIT_ASSERT_EQ(test, server.vector_count, pages);
	for (i = 0; i < pages; i++) {
		KUNIT_EXPECT_PTR_EQ(test, server.vectors[i].bv_page,
				    vmalloc_to_page(memory + i * PAGE_SIZE));
		KUNIT_EXPECT_EQ(test, server.vectors[i].bv_offset, 0);
		KUNIT_EXPECT_EQ(test, server.vectors[i].bv_len, PAGE_SIZE);
	}
}

static void the_clients_pages(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u8 *memory = shared_of(fixture)->memory;
	u8 *mapped;

	share_and_open(test, 0);
	KUNIT_ASSERT_EQ(test, map(fixture, 0), 0);
	expect_vectors(test, memory, EXTERNAL_PAGES);
	/* By reference: what one writes the other reads. */
	mapped = kmap_local_page(server.vectors[2].bv_page);
	memory[2 * PAGE_SIZE + 17] = 'c';
	KUNIT_EXPECT_EQ(test, READ_ONCE(mapped[17]), 'c');
	WRITE_ONCE(mapped[18], 's');
	KUNIT_EXPECT_EQ(test, READ_ONCE(memory[2 * PAGE_SIZE + 18]), 's');
	kunmap_local(mapped);
	unmap(fixture);
	KUNIT_EXPECT_EQ(test, server.unmaps, 1);
	KUNIT_EXPECT_EQ(test, delete(fixture), 0);
}

static void memory_of_the_librarys(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	void *address = NULL;

	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, vmb_channel_create_gpadl(fixture->channel, 0, 3,
						       &shared_of(fixture)->handle), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_get_system_address_for_gpadl
			(fixture->channel, 0, shared_of(fixture)->handle, &address), 0);
	open_server(test);
	KUNIT_ASSERT_EQ(test, map(fixture, 0), 0);
	expect_vectors(test, address, 3);
}

static void pages_of_a_list(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u8 *memory = shared_of(fixture)->memory;
	struct bio_vec vectors[EXTERNAL_PAGES];
	u32 i;

	for (i = 0; i < EXTERNAL_PAGES; i++)
		vectors[i] = (struct bio_vec) {
			.bv_page = vmalloc_to_page(memory + i * PAGE_SIZE),
			.bv_len = PAGE_SIZE,
		};
	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, vmb_channel_create_gpadl_from_mdl
			(fixture->channel, 0, vectors, EXTERNAL_PAGES, 0, 0,
			 &shared_of(fixture)->handle), 0);
	open_server(test);
	KUNIT_ASSERT_EQ(test, map(fixture, 0), 0);
	expect_vectors(test, memory, EXTERNAL_PAGES);
}

/* Two GPADLs of one client, a mapping each. */
static void two_at_once(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct external_memory *shared = shared_of(fixture);
	const struct bio_vec *vectors;
	u32 handle, count;

	share_and_open(test, 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_create_gpadl(fixture->channel, 0, 1, &handle), 0);
	KUNIT_EXPECT_EQ(test, map(fixture, 0), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_map_gpadl(server.channel, 0, handle, &vectors,
						    &count), 0);
	unmap(fixture);
	KUNIT_EXPECT_EQ(test, delete(fixture), 0);
	/* The other is still mapped, and its delete still waits. */
	shared->handle = handle;
	expect_delete_waits(fixture);
	vmb_channel_unmap_gpadl(server.channel, handle);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
}

/* What it does not get. */

/* Not given, nothing touched, nothing written down, and delete waits for nobody. */
static void expect_map(struct kunit *test, u32 flags, int expected)
{
	struct channel_fixture *fixture = test->priv;

	server.vectors = NULL;
	server.vector_count = 99;
	KUNIT_EXPECT_EQ(test, map(fixture, flags), expected);
	KUNIT_EXPECT_NULL(test, server.vectors);
	KUNIT_EXPECT_EQ(test, server.vector_count, 99);
	KUNIT_EXPECT_TRUE(test, xa_empty(&server.channel->memory.mapped));
	if (!shared_of(fixture)->handle)
		return;
	channel_help(fixture, delete);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
}

static void unknown_flags(struct kunit *test)
{
	share_and_open(test, 0);
	expect_map(test, 2, -EINVAL);
	KUNIT_EXPECT_EQ(test, server.maps, 0);
}

static void on_a_client(struct kunit *test)
{
	share_and_open(test, 0);
	server.channel->is_server = false;
	expect_map(test, 0, -EINVAL);
	KUNIT_EXPECT_EQ(test, server.maps, 0);
}

static void before_open(struct kunit *test)
{
	share_memory(test->priv, 0);
	server.channel->is_server = true;
	expect_map(test, 0, -ENODEV);
	KUNIT_EXPECT_EQ(test, server.maps, 0);
}

static void after_close(struct kunit *test)
{
	share_and_open(test, 0);
	close_server(test);
	server.channel->is_server = true;
	expect_map(test, 0, -ENODEV);
	KUNIT_EXPECT_EQ(test, server.maps, 0);
}

static void transport_that_cannot(struct kunit *test)
{
	share_and_open(test, 0);
	server.operations.map_gpadl = NULL;
	expect_map(test, 0, -EOPNOTSUPP);
}

static void unknown_handle(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	share_and_open(test, 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_map_gpadl(server.channel, 0, 4711, &server.vectors,
						    &server.vector_count), -ENOENT);
	KUNIT_EXPECT_EQ(test, delete(fixture), 0);
	expect_map(test, 0, -ENOENT);
}

static void writable_of_read_only(struct kunit *test)
{
	share_and_open(test, VMB_CHANNEL_GPADL_FLAG_READ_ONLY);
	expect_map(test, 0, -EACCES);
}

static void read_only_of_read_only(struct kunit *test)
{
	share_and_open(test, VMB_CHANNEL_GPADL_FLAG_READ_ONLY);
	KUNIT_EXPECT_EQ(test, map(test->priv, VMB_CHANNEL_GPADL_FLAG_READ_ONLY), 0);
}

static void read_only_of_writable(struct kunit *test)
{
	share_and_open(test, 0);
	KUNIT_EXPECT_EQ(test, map(test->priv, VMB_CHANNEL_GPADL_FLAG_READ_ONLY), 0);
}

static void twice(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	share_and_open(test, 0);
	KUNIT_ASSERT_EQ(test, map(fixture, 0), 0);
	KUNIT_EXPECT_EQ(test, map(fixture, 0), -EBUSY);
	KUNIT_EXPECT_EQ(test, map(fixture, VMB_CHANNEL_GPADL_FLAG_READ_ONLY), -EBUSY);
	/* Another server, or this one without its record, gets no second one. */
	KUNIT_EXPECT_EQ(test, vmb_gpadl_map(fixture->channel, 0, shared_of(fixture)->handle,
					    &server.vectors, &server.vector_count), -EBUSY);
	/* The first is as it was. */
	expect_vectors(test, shared_of(fixture)->memory, EXTERNAL_PAGES);
	expect_delete_waits(fixture);
	vmb_memory_unmap_leftovers(server.channel);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	KUNIT_EXPECT_EQ(test, server.unmaps, 1);
}

static void again_after_unmap(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	share_and_open(test, 0);
	KUNIT_ASSERT_EQ(test, map(fixture, 0), 0);
	unmap(fixture);
	KUNIT_EXPECT_EQ(test, map(fixture, 0), 0);
	expect_vectors(test, shared_of(fixture)->memory, EXTERNAL_PAGES);
	expect_delete_waits(fixture);
	unmap(fixture);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
}

/* When the client gets it back. */

static void delete_waits_for_unmap(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	share_and_open(test, 0);
	KUNIT_ASSERT_EQ(test, map(fixture, 0), 0);
	expect_delete_waits(fixture);
	/* It is the client's still, whatever it was about to do. */
	expect_vectors(test, shared_of(fixture)->memory, EXTERNAL_PAGES);
	unmap(fixture);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 0);
}

static void delete_waits_for_packet_and_unmap(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	share_and_open(test, 0);
	get_all(fixture, peer_send_direct(fixture, shared_of(fixture)->memory, 0, 64));
	KUNIT_ASSERT_EQ(test, map(fixture, 0), 0);
	expect_delete_waits(fixture);
	unmap(fixture);
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&fixture->helped, HZ / 20), 0);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 1);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
}

/* Nobody waits for a client that was closed with packets; for a server they do. */
static void delete_waits_for_unmap_without_the_packet(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	share_and_open(test, 0);
	get_all(fixture, peer_send_direct(fixture, shared_of(fixture)->memory, 0, 64));
	KUNIT_ASSERT_EQ(test, map(fixture, 0), 0);
	channel_abandon(fixture);
	expect_delete_waits(fixture);
	unmap(fixture);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), -EIO);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), -ENODEV);
}

/* A delete that waits keeps whoever comes late out, and lets out who is in. */
static void map_while_it_goes(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 handle;

	share_and_open(test, 0);
	handle = shared_of(fixture)->handle;
	get_all(fixture, peer_send_direct(fixture, shared_of(fixture)->memory, 0, 64));
	expect_delete_waits(fixture);
	KUNIT_EXPECT_EQ(test, vmb_channel_map_gpadl(server.channel, 0, handle, &server.vectors,
						    &server.vector_count), -ENOENT);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
}

static int help_unmap(struct channel_fixture *fixture)
{
	unmap(fixture);
	return 0;
}

/* The server opens, closes, or deletes; none of it may hold up its client. */
static void unmap_while_the_server_is_busy(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	share_and_open(test, 0);
	KUNIT_ASSERT_EQ(test, map(fixture, 0), 0);
	mutex_lock(&server.channel->memory.mutex);
	channel_help(fixture, help_unmap);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&fixture->helped, HZ), 0);
	mutex_unlock(&server.channel->memory.mutex);
	flush_work(&fixture->helper);
	KUNIT_EXPECT_EQ(test, delete(fixture), 0);
}

/* Server drivers that are wrong; each of these warns. */

static void unmap_what_is_not_mapped(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	share_and_open(test, 0);
	unmap(fixture);
	KUNIT_EXPECT_EQ(test, server.unmaps, 0);
	vmb_gpadl_unmap(fixture->channel, shared_of(fixture)->handle);
	vmb_gpadl_unmap(fixture->channel, 4711);
	/* Nothing was unmapped, so nothing of it is missing. */
	KUNIT_ASSERT_EQ(test, map(fixture, 0), 0);
	expect_delete_waits(fixture);
	unmap(fixture);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
}

static void unmap_of_another(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 handle;

	share_and_open(test, 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_create_gpadl(fixture->channel, 0, 1, &handle), 0);
	KUNIT_ASSERT_EQ(test, map(fixture, 0), 0);
	vmb_channel_unmap_gpadl(server.channel, handle);
	vmb_gpadl_unmap(fixture->channel, handle);
	KUNIT_EXPECT_EQ(test, vmb_channel_delete_gpadl(fixture->channel, handle), 0);
	expect_delete_waits(fixture);
	vmb_memory_unmap_leftovers(server.channel);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
}

static void left_mapped(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	const struct bio_vec *vectors;
	u32 handle, count;

	share_and_open(test, 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_create_gpadl(fixture->channel, 0, 1, &handle), 0);
	KUNIT_ASSERT_EQ(test, map(fixture, 0), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_map_gpadl(server.channel, 0, handle, &vectors,
						    &count), 0);
	channel_help(fixture, delete);
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&fixture->helped, HZ / 20), 0);
	vmb_memory_unmap_leftovers(server.channel);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_delete_gpadl(fixture->channel, handle), 0);
	KUNIT_EXPECT_EQ(test, server.unmaps, 2);
	KUNIT_EXPECT_TRUE(test, xa_empty(&server.channel->memory.mapped));
	/* Nothing is left for another time. */
	vmb_memory_unmap_leftovers(server.channel);
	KUNIT_EXPECT_EQ(test, server.unmaps, 2);
}

static void take_back(struct work_struct *work)
{
	WRITE_ONCE(server.channel->life.worker, current);
	vmb_memory_unmap_leftovers(server.channel);
	vmb_memory_delete_leftovers(server.channel);
	WRITE_ONCE(server.channel->life.worker, NULL);
}

/*
 * A thread of the server's is about to unmap what the close then does not find any
 * more: the close waits for it, for it needs the transport.
 */
static void unmap_is_under_way(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct work_struct work;

	init_completion(&server.arrived);
	init_completion(&server.go_on);
	share_and_open(test, 0);
	KUNIT_ASSERT_EQ(test, map(fixture, 0), 0);
	server.holds = true;
	channel_help(fixture, help_unmap);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&server.arrived,
							  CHANNEL_FIXTURE_PATIENCE), 0);
	INIT_WORK_ONSTACK(&work, take_back);
	queue_work(system_dfl_wq, &work);
	while (work_busy(&work) && !wq_has_sleeper(&server.channel->memory.unused))
		usleep_range(1000, 2000);
	KUNIT_EXPECT_NE(test, work_busy(&work), 0);
	server.holds = false;
	complete(&server.go_on);
	flush_work(&work);
	destroy_work_on_stack(&work);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	KUNIT_EXPECT_EQ(test, server.unmaps, 1);
	KUNIT_EXPECT_EQ(test, delete(fixture), 0);
	close_server(test);
}

static struct kunit_case gpadl_map_cases[] = {
	KUNIT_CASE(the_clients_pages),
	KUNIT_CASE(memory_of_the_librarys),
	KUNIT_CASE(pages_of_a_list),
	KUNIT_CASE(two_at_once),
	KUNIT_CASE(unknown_flags),
	KUNIT_CASE(on_a_client),
	KUNIT_CASE(before_open),
	KUNIT_CASE(after_close),
	KUNIT_CASE(transport_that_cannot),
	KUNIT_CASE(unknown_handle),
	KUNIT_CASE(writable_of_read_only),
	KUNIT_CASE(read_only_of_read_only),
	KUNIT_CASE(read_only_of_writable),
	KUNIT_CASE(twice),
	KUNIT_CASE(again_after_unmap),
	KUNIT_CASE(delete_waits_for_unmap),
	KUNIT_CASE(delete_waits_for_packet_and_unmap),
	KUNIT_CASE(delete_waits_for_unmap_without_the_packet),
	KUNIT_CASE(map_while_it_goes),
	KUNIT_CASE(unmap_while_the_server_is_busy),
	KUNIT_CASE(unmap_what_is_not_mapped),
	KUNIT_CASE(unmap_of_another),
	KUNIT_CASE(left_mapped),
	KUNIT_CASE(unmap_is_under_way),
	{}
};

static struct kunit_suite gpadl_map_suite = {
	.name = "vmbkmcl_gpadl_map",
	.init = map_init,
	.exit = map_exit,
	.test_cases = gpadl_map_cases,
};

kunit_test_suite(gpadl_map_suite);
