// SPDX-License-Identifier: GPL-2.0
/*
 * Each allocation of a pair of channels fails once: where a server offers, where a
 * client joins it, where a driver binds to the offer, of a sub-channel, and of what one
 * end asks of the other.
 */
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "../../drivers/kmcl/loopback.h"
#include "../fixtures/sub_channel_fixture.h"
#include "fault.h"

#define REQUEST		5000u

/* The ends that a path is about. */
static struct loopback_end *server, *client;

static void configure(struct loopback_end *end)
{
	struct kunit *test = end->test;
	struct vmb_channel *channel = end->channel;

	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_inbound_packet_count(channel, 4), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_packet_count(channel, 4), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_packet_size(channel, 256), 0);
	if (!channel->is_server)
		KUNIT_ASSERT_EQ(test,
				vmb_client_channel_init_set_ring_buffer_page_count(channel, 2,
										   2), 0);
}

static int faults_loopback_init(struct kunit *test)
{
	int ret = loopback_fixture_init(test);

	if (ret)
		return ret;
	server = loopback_server(test, &loopback_type, &loopback_instances[0]);
	client = loopback_client(test, &loopback_type, NULL);
	configure(server);
	configure(client);
	return 0;
}

/* Nothing that happened before counts, nor what is kept from one open to the next. */
static void forget(struct loopback_end *end)
{
	struct vmb_inbound *inbound = &end->channel->inbound;

	loopback_orphan(end);
	cancel_delayed_work_sync(&inbound->overlong_work);
	kvfree(inbound->overlong);
	inbound->overlong = NULL;
	inbound->overlong_size = 0;
}

static s64 failure_of(struct loopback_end *end)
{
	return loopback_happened(end, LOOPBACK_PNP_FAILURE) ?
	       family_reason_of(end, LOOPBACK_PNP_FAILURE) : 0;
}

/* It runs, or it has failed to; and nobody is at work for it. */
static int wait_for_end(struct loopback_end *end)
{
	wait_event_timeout(end->changed, loopback_happened(end, LOOPBACK_STARTED) ||
			   loopback_happened(end, LOOPBACK_PNP_FAILURE), LOOPBACK_PATIENCE);
	flush_work(&end->channel->life.work);
	if (loopback_happened(end, LOOPBACK_STARTED))
		return 0;
	return failure_of(end) ?: -ETIMEDOUT;
}

/* The server, and its offer, which is announced on a work of its own. */
static int offer(struct kunit *test)
{
	struct vmb_loopback_offer *offer;
	int ret;

	ret = vmb_channel_enable(server->channel);
	if (ret)
		return ret;
	KUNIT_EXPECT_EQ(test, vmb_channel_start(server->channel), 0);
	flush_work(&server->channel->life.work);
	offer = vmb_channel_transport_private(server->channel);
	flush_work(&offer->announce);
	return 0;
}

static void expect_no_offer(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(server->channel));
	KUNIT_EXPECT_TRUE(test, list_empty(&vmb_loopback_offers));
}

/* With or without a device: a client that knows it by its GUIDs finds it. */
static void expect_joined(struct kunit *test)
{
	loopback_enable(client);
	KUNIT_EXPECT_EQ(test, wait_for_end(client), 0);
	KUNIT_EXPECT_EQ(test, wait_for_end(server), 0);
	family_expect_flow(client, server);
}

static void part(struct kunit *test)
{
	loopback_disable(client);
	loopback_disable(server);
	KUNIT_EXPECT_TRUE(test, list_empty(&vmb_loopback_offers));
	KUNIT_EXPECT_TRUE(test, list_empty(&vmb_loopback_clients));
	forget(client);
	forget(server);
	flush_workqueue(vmb_workqueue);
}

static void test_offer(struct kunit *test)
{
	static const struct fault_path path = {
		.name = "offer",
		.run = offer,
		.refused = expect_no_offer,
		.works = expect_joined,
		.undo = part,
	};

	KUNIT_ASSERT_EQ(test,
			vmb_server_channel_init_set_mmio_megabytes(server->channel, 1, 0), 0);
	fault_each(test, &path);
}

/* The client, and the work that opens either end. */
static int join(struct kunit *test)
{
	int ret;

	ret = vmb_channel_enable(client->channel);
	if (ret)
		return ret;
	ret = wait_for_end(client);
	flush_work(&server->channel->life.work);
	return ret;
}

/* The server waits for the next one. */
static void expect_not_joined(struct kunit *test)
{
	loopback_expect_disabled(client);
	KUNIT_EXPECT_TRUE(test, list_empty(&vmb_loopback_clients));
	KUNIT_EXPECT_EQ(test, vmb_life_state(server->channel), VMB_LIFE_ENABLED);
	KUNIT_EXPECT_EQ(test, loopback_happened(client, LOOPBACK_OPENED), 0);
	forget(client);
}

static void expect_flow(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, wait_for_end(server), 0);
	family_expect_flow(client, server);
	family_expect_flow(server, client);
}

static void leave(struct kunit *test)
{
	loopback_disable(client);
	wait_event_timeout(server->changed, loopback_happened(server, LOOPBACK_CLOSED),
			   LOOPBACK_PATIENCE);
	flush_work(&server->channel->life.work);
	forget(client);
	forget(server);
}

static void test_join(struct kunit *test)
{
	static const struct fault_path path = {
		.name = "join",
		.run = join,
		.refused = expect_not_joined,
		.works = expect_flow,
		.undo = leave,
	};

	KUNIT_ASSERT_EQ(test, offer(test), 0);
	fault_each(test, &path);
}

/* A server maps what its client shares. */

static u32 handle;

static void share(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, vmb_channel_create_gpadl(client->channel, 0, 300, &handle), 0);
}

static int map(struct kunit *test)
{
	const struct bio_vec *vectors;
	u32 count;

	return vmb_channel_map_gpadl(server->channel, 0, handle, &vectors, &count);
}

/* The client may take it back, which waits for a server that has it. */
static void expect_not_mapped(struct kunit *test)
{
	struct xarray *mapped = &server->channel->memory.mapped;
	unsigned long index = 0;

	KUNIT_EXPECT_NULL(test, xa_find(mapped, &index, ULONG_MAX, XA_PRESENT));
	/* What could not be inserted may leave a node behind, for the next. */
	xa_destroy(mapped);
	KUNIT_EXPECT_EQ(test, vmb_channel_delete_gpadl(client->channel, handle), 0);
}

static void unmap(struct kunit *test)
{
	vmb_channel_unmap_gpadl(server->channel, handle);
	expect_not_mapped(test);
}

static void test_map_gpadl(struct kunit *test)
{
	static const struct fault_path path = {
		.name = "map",
		.prepare = share,
		.run = map,
		.refused = expect_not_mapped,
		.undo = unmap,
	};

	KUNIT_ASSERT_EQ(test, offer(test), 0);
	KUNIT_ASSERT_EQ(test, join(test), 0);
	KUNIT_ASSERT_EQ(test, wait_for_end(server), 0);
	fault_each(test, &path);
}

/* A request with memory that has to be copied for it. */

static u8 *object;

static int ask(struct kunit *test)
{
	struct bio_vec vector;

	bvec_set_virt(&vector, object + 100, REQUEST);
	return vmb_channel_send_synchronous_request(client->channel, NULL, 0, &vector, 1,
						    VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION,
						    NULL, NULL, LOOPBACK_PATIENCE);
}

/* Neither a packet nor a place for one is taken. */
static void expect_not_asked(struct kunit *test)
{
	struct vmb_outbound *outbound = &client->channel->outbound;

	family_expect_allocated(client, 0);
	KUNIT_EXPECT_EQ(test, vmb_transactions_taken(&outbound->transactions), 0);
}

/* Of a request that is over one object stays, for the next. */
static void forget_request(struct kunit *test)
{
	expect_not_asked(test);
	kfree(xchg(&client->channel->outbound.spare, NULL));
}

static void test_request(struct kunit *test)
{
	static const struct fault_path path = {
		.name = "request",
		.run = ask,
		.refused = expect_not_asked,
		.undo = forget_request,
	};

	object = kunit_kzalloc(test, 8192, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, object);
	KUNIT_ASSERT_TRUE(test, folio_test_slab(virt_to_folio(object)));
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_external_data(client->channel,
									 2 * REQUEST, 4), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_external_data(server->channel,
									 2 * REQUEST, 4), 0);
	KUNIT_ASSERT_EQ(test, offer(test), 0);
	KUNIT_ASSERT_EQ(test, join(test), 0);
	/* What is kept for long answers, from the first packet on. */
	vmb_overlong_want(client->channel);
	flush_delayed_work(&client->channel->inbound.overlong_work);
	fault_each(test, &path);
}

/* A sub-channel of each end, and its life. */

static struct loopback_end *servers, *clients;

static int open_sub_channel(struct kunit *test)
{
	int ret;

	ret = vmb_channel_enable(servers->channel);
	if (ret)
		return ret;
	ret = vmb_channel_enable(clients->channel);
	return ret ?: wait_for_end(clients);
}

static void close_sub_channel(struct kunit *test)
{
	loopback_disable(clients);
	loopback_disable(servers);
	forget(clients);
	forget(servers);
}

static void expect_sub_channel_flow(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, wait_for_end(servers), 0);
	family_expect_flow(clients, servers);
	/* Its primary has noticed nothing. */
	family_expect_flow(client, server);
}

static void test_sub_channel(struct kunit *test)
{
	static const struct fault_path path = {
		.name = "sub-channel",
		.run = open_sub_channel,
		.refused = close_sub_channel,
		.works = expect_sub_channel_flow,
		.undo = close_sub_channel,
	};

	KUNIT_ASSERT_EQ(test, offer(test), 0);
	KUNIT_ASSERT_EQ(test, join(test), 0);
	servers = family_sub_channel(server, 1);
	clients = family_sub_channel(client, 1);
	configure(servers);
	configure(clients);
	clients->channel->pnp_failure = loopback_pnp_failure;
	fault_each(test, &path);
}

/* A driver that binds to the offer. */

static bool bound;
/* What the probe said to the bus, which says it to nobody; 0: it was not asked. */
static int probed;

static int driver_probe(struct vmb_device *device)
{
	struct vmb_channel *channel;
	int ret;

	ret = loopback_end_place(client, device, false);
	probed = ret;
	if (ret)
		return ret;
	channel = client->channel;
	ret = vmb_client_channel_init_set_target_pnp(channel, &device->interface_type, NULL,
						     loopback_pnp_failure) ?:
	      vmb_channel_init_set_inbound_packet_count(channel, 4) ?:
	      vmb_channel_init_set_maximum_packet_size(channel, 256) ?:
	      vmb_client_channel_init_set_ring_buffer_page_count(channel, 2, 2) ?:
	      vmb_channel_enable(channel);
	probed = ret;
	if (ret) {
		loopback_clean_up(client);
		return ret;
	}
	bound = true;
	return 0;
}

static void driver_remove(struct vmb_device *device)
{
	vmb_channel_disable(client->channel);
	loopback_clean_up(client);
	bound = false;
}

static const struct hv_vmbus_device_id driver_ids[] = {
	{ .guid = GUID_INIT(0x10, 0x20, 0x30, 1, 2, 3, 4, 5, 6, 7, 8) },
	{}
};

static struct vmb_driver driver = {
	.name = "vmbkmcl_fault_test",
	.id_table = driver_ids,
	.probe = driver_probe,
	.remove = driver_remove,
};

/*
 * A driver may be registered without being bound, as on any bus: that is for the bus to
 * say. It is nobody's module, for of the links to that the kernel leaves one behind when
 * there is no memory for the next.
 */
static int bind(struct kunit *test)
{
	int ret;

	probed = 0;
	ret = __vmb_driver_register(&driver, NULL, NULL, VMB_INTERFACE_VERSION,
				    sizeof(struct vmb_driver), sizeof(struct vmb_device));
	if (ret)
		return ret;
	ret = bound ? wait_for_end(client) : probed ?: -ENOMEM;
	flush_work(&server->channel->life.work);
	if (ret)
		vmb_driver_unregister(&driver);
	return ret;
}

static void expect_not_bound(struct kunit *test)
{
	struct vmb_loopback_offer *offer = vmb_channel_transport_private(server->channel);

	KUNIT_EXPECT_FALSE(test, bound);
	KUNIT_EXPECT_NULL(test, client->channel);
	KUNIT_EXPECT_NULL(test, offer->bound);
	KUNIT_EXPECT_NULL(test, offer->dev.driver);
	KUNIT_EXPECT_TRUE(test, list_empty(&driver.bindings));
	loopback_orphan(client);
}

static void unbind(struct kunit *test)
{
	vmb_driver_unregister(&driver);
	wait_event_timeout(server->changed, loopback_happened(server, LOOPBACK_CLOSED),
			   LOOPBACK_PATIENCE);
	flush_work(&server->channel->life.work);
	forget(server);
	expect_not_bound(test);
	flush_workqueue(vmb_workqueue);
}

static void test_bind(struct kunit *test)
{
	static const struct fault_path path = {
		.name = "bind",
		.run = bind,
		.refused = expect_not_bound,
		.works = expect_flow,
		.undo = unbind,
	};

	loopback_clean_up(client);
	KUNIT_ASSERT_EQ(test, offer(test), 0);
	fault_each(test, &path);
}

static struct kunit_case faults_loopback_cases[] = {
	KUNIT_CASE(test_offer),
	KUNIT_CASE(test_join),
	KUNIT_CASE(test_map_gpadl),
	KUNIT_CASE(test_request),
	KUNIT_CASE(test_sub_channel),
	KUNIT_CASE(test_bind),
	{}
};

static struct kunit_suite faults_loopback_suite = {
	.name = "vmbkmcl_faults_loopback",
	.suite_init = fault_suite_init,
	.suite_exit = fault_suite_exit,
	.init = faults_loopback_init,
	.exit = loopback_fixture_exit,
	.test_cases = faults_loopback_cases,
};

kunit_test_suite(faults_loopback_suite);
