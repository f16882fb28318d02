// SPDX-License-Identifier: GPL-2.0
/*
 * What enable refuses, that a refusal leaves the channel as it was, and what a
 * driver has to bring to be registered.
 */
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "../fixtures/channel_fixture.h"

#define TEST_DRIVER	"vmbkmcl_test"

static const guid_t other_guid = GUID_INIT(9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9);

/* Still in the configuration window, and fit to be enabled as it should be. */
static void expect_configurable(struct channel_fixture *fixture)
{
	struct kunit *test = fixture->test;

	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_client_context_size(fixture->channel, 8), 0);
	KUNIT_EXPECT_EQ(test, fixture->log_count, 0);
	KUNIT_EXPECT_NULL(test, fixture->transport.memory);
}

static void without_process_packet(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	vmb_channel_cleanup(fixture->channel);
	KUNIT_ASSERT_EQ(test, vmb_channel_allocate(&fixture->transport.device.device, false,
						   &fixture->channel), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(fixture->channel), -EINVAL);
	expect_configurable(fixture);
}

/* With 24 bytes around them they fill a page, and a ring is never full. */
#define A_PAGE		((u32)PAGE_SIZE - 24)

static void inbound_ring_too_small(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_configure(fixture, A_PAGE, 2, 3);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(fixture->channel), -EMSGSIZE);
	expect_configurable(fixture);
}

static void outbound_ring_too_small(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_configure(fixture, A_PAGE, 3, 2);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(fixture->channel), -EMSGSIZE);
	expect_configurable(fixture);
}

static void rings_just_large_enough(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u8 *payload = kunit_kzalloc(test, 4064, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, payload);
	channel_configure(fixture, 4064, 2, 2);
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 4064);
	KUNIT_ASSERT_EQ(test, fixture->packet_count, 1);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, payload, 4064), 0);
	peer_expect_completion(fixture, 1, 4064);
}

/* Control page included, what a packet with all that is around it needs, and the default. */
static const struct ring_case {
	u32 page_shift;
	u32 packet_size;
	u32 minimum;
	u32 wanted;
} ring_cases[] = {
	{ 12, 24, 2 * SZ_4K, SZ_64K },
	{ 14, 24, 2 * SZ_16K, SZ_64K + SZ_16K },
	{ 16, 24, 2 * SZ_64K, 2 * SZ_64K },
	/* Four fit, and do not fill it. */
	{ 12, 15352, 5 * SZ_4K, SZ_64K },
	{ 12, 15360, 5 * SZ_4K, SZ_64K + SZ_4K },
	{ 14, 16376, 2 * SZ_16K, SZ_64K + SZ_16K },
	{ 14, 16384, 3 * SZ_16K, SZ_64K + 2 * SZ_16K },
	{ 16, 16376, 2 * SZ_64K, 2 * SZ_64K },
	{ 16, 16384, 2 * SZ_64K, 3 * SZ_64K },
	{ 16, 65528, 2 * SZ_64K, 5 * SZ_64K },
	{ 16, 65536, 3 * SZ_64K, 6 * SZ_64K },
	/* The largest packet that there is: so many do not fit in what a ring may have. */
	{ 12, 524280, SZ_512K + SZ_4K, SZ_2M },
	{ 14, 524280, SZ_512K + SZ_16K, SZ_2M },
	{ 16, 524280, SZ_512K + SZ_64K, SZ_2M },
	{ 16, 524288, SZ_512K + 2 * SZ_64K, SZ_2M },
};

static void describe_ring(const struct ring_case *ring, char *description)
{
	snprintf(description, KUNIT_PARAM_DESC_SIZE, "page shift %u, %u bytes",
		 ring->page_shift, ring->packet_size);
}

KUNIT_ARRAY_PARAM(ring, ring_cases, describe_ring);

static void rings_by_page_size(struct kunit *test)
{
	const struct ring_case *ring = test->param_value;
	u32 minimum, wanted;

	vmb_life_ring_sizes(ring->packet_size, ring->page_shift, &minimum, &wanted);
	KUNIT_EXPECT_EQ(test, minimum, ring->minimum);
	KUNIT_EXPECT_EQ(test, wanted, ring->wanted);
}

/* And it is this kernel's that a channel has. */
static void rings_by_this_page_size(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 minimum, wanted;

	/* With 24 bytes around it. */
	vmb_life_ring_sizes(20000 + 24, PAGE_SHIFT, &minimum, &wanted);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_packet_size(fixture->channel, 20000),
			0);
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, fixture->transport.inbound_size, wanted);
	KUNIT_EXPECT_EQ(test, fixture->transport.outbound_size, wanted);
	KUNIT_EXPECT_EQ(test, fixture->channel->inbound.reader.ring.size, wanted - PAGE_SIZE);
}

static void target_of_another_type(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	vmb_client_channel_init_set_target_pnp(fixture->channel, &other_guid, NULL, NULL);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(fixture->channel), -ENODEV);
	expect_configurable(fixture);
}

static void target_of_another_instance(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	vmb_client_channel_init_set_target_pnp(fixture->channel, &fixture->transport.device
					       .device.interface_type, &other_guid, NULL);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(fixture->channel), -ENODEV);
	expect_configurable(fixture);
}

static void target_that_it_is(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	const struct vmb_device *device = &fixture->transport.device.device;

	vmb_client_channel_init_set_target_pnp(fixture->channel, &device->interface_type,
					       &device->interface_instance, NULL);
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, fixture->transport.opens, 1);
}

static void peer_is_gone(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->transport.gone = true;
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(fixture->channel), -ENODEV);
	expect_configurable(fixture);
}

static void transport_cannot_prepare(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->transport.prepare_error = -ENOBUFS;
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(fixture->channel), -ENOBUFS);
	expect_configurable(fixture);
	fixture->transport.prepare_error = 0;
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, fixture->transport.opens, 1);
}

/* Each enable that got less is counted, and what it got is what there is. */
static void memory_for_smaller_rings_only(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 *reduced = &fixture->channel->counters.rings_reduced;

	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_packet_size(fixture->channel,
								       PAGE_SIZE), 0);
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, *reduced, 0);
	channel_disable(fixture);
	KUNIT_ASSERT_GE(test, fixture->transport.inbound_size, 4 * PAGE_SIZE);
	fixture->transport.largest_ring = 3 * PAGE_SIZE;
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, *reduced, 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->inbound.reader.ring.size, 2 * PAGE_SIZE);
	channel_disable(fixture);
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, *reduced, 2);
	channel_disable(fixture);
	fixture->transport.largest_ring = 0;
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, *reduced, 2);
}

static void twice(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(fixture->channel), -EBUSY);
	KUNIT_EXPECT_EQ(test, fixture->transport.opens, 1);
}

/* External data limits that leave no room for the largest packet. */
static void largest_packet_of_all_does_not_fit_the_wire(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_packet_size(fixture->channel,
								       524264), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_external_data(fixture->channel,
									 4096, 1), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(fixture->channel), -EMSGSIZE);
}

/* Registration. */

static int no_probe(struct vmb_device *device)
{
	return -ENODEV;
}

static void no_remove(struct vmb_device *device)
{
}

static const struct hv_vmbus_device_id no_ids[] = { {} };

static struct vmb_driver test_driver(void)
{
	return (struct vmb_driver) {
		.name = TEST_DRIVER,
		.id_table = no_ids,
		.probe = no_probe,
		.remove = no_remove,
	};
}

/* A bus that writes down who is registered with it; not the model clients, which stay. */
static struct {
	int registered;
	int error;
	void *private;
} bus;

static int test_bus_register(struct vmb_driver *driver, void **private)
{
	if (strcmp(driver->name, TEST_DRIVER))
		return 0;
	if (bus.error)
		return bus.error;
	bus.registered++;
	*private = &bus;
	return 0;
}

static void test_bus_unregister(struct vmb_driver *driver, void *private)
{
	bus.registered--;
	bus.private = private;
}

static struct vmb_transport transport = {
	.name = "test",
	.driver_register = test_bus_register,
	.driver_unregister = test_bus_unregister,
};

static int register_as(struct vmb_driver *driver, u32 version, size_t driver_size,
		       size_t device_size)
{
	return __vmb_driver_register(driver, NULL, "test", version, driver_size, device_size);
}

static void driver_of_another_version(struct kunit *test)
{
	struct vmb_driver driver = test_driver();

	KUNIT_EXPECT_EQ(test, register_as(&driver, VMB_INTERFACE_VERSION + 1, sizeof(driver),
					  sizeof(struct vmb_device)), -EPROTO);
}

static void driver_of_another_size(struct kunit *test)
{
	struct vmb_driver driver = test_driver();

	KUNIT_EXPECT_EQ(test, register_as(&driver, VMB_INTERFACE_VERSION, sizeof(driver) + 8,
					  sizeof(struct vmb_device)), -EPROTO);
}

static void device_of_another_size(struct kunit *test)
{
	struct vmb_driver driver = test_driver();

	KUNIT_EXPECT_EQ(test, register_as(&driver, VMB_INTERFACE_VERSION, sizeof(driver),
					  sizeof(struct vmb_device) - 8), -EPROTO);
}

static void driver_that_lacks_something(struct kunit *test)
{
	struct vmb_driver driver = test_driver();

	driver.name = NULL;
	KUNIT_EXPECT_EQ(test, vmb_driver_register(&driver), -EINVAL);
	driver = test_driver();
	driver.id_table = NULL;
	KUNIT_EXPECT_EQ(test, vmb_driver_register(&driver), -EINVAL);
	driver = test_driver();
	driver.probe = NULL;
	KUNIT_EXPECT_EQ(test, vmb_driver_register(&driver), -EINVAL);
	driver = test_driver();
	driver.remove = NULL;
	KUNIT_EXPECT_EQ(test, vmb_driver_register(&driver), -EINVAL);
}

static void driver_before_transport(struct kunit *test)
{
	struct vmb_driver driver = test_driver();

	KUNIT_ASSERT_EQ(test, vmb_driver_register(&driver), 0);
	KUNIT_EXPECT_EQ(test, vmb_transport_register(&transport), 0);
	KUNIT_EXPECT_EQ(test, bus.registered, 1);
	vmb_driver_unregister(&driver);
	KUNIT_EXPECT_EQ(test, bus.registered, 0);
	KUNIT_EXPECT_PTR_EQ(test, bus.private, (void *)&bus);
	vmb_transport_unregister(&transport);
}

static void transport_before_driver(struct kunit *test)
{
	struct vmb_driver driver = test_driver();

	KUNIT_EXPECT_EQ(test, vmb_transport_register(&transport), 0);
	KUNIT_EXPECT_EQ(test, vmb_driver_register(&driver), 0);
	KUNIT_EXPECT_EQ(test, bus.registered, 1);
	vmb_driver_unregister(&driver);
	KUNIT_EXPECT_EQ(test, bus.registered, 0);
	vmb_transport_unregister(&transport);
}

/* What the bus says is passed on, and nobody keeps the driver. */
static void transport_refuses_driver(struct kunit *test)
{
	struct vmb_driver driver = test_driver();

	KUNIT_EXPECT_EQ(test, vmb_transport_register(&transport), 0);
	bus.error = -EBUSY;
	KUNIT_EXPECT_EQ(test, vmb_driver_register(&driver), -EBUSY);
	bus.error = 0;
	vmb_transport_unregister(&transport);
	KUNIT_EXPECT_EQ(test, vmb_transport_register(&transport), 0);
	KUNIT_EXPECT_EQ(test, bus.registered, 0);
	vmb_transport_unregister(&transport);
}

/* It could not be registered once, which says nothing of the next time. */
static void transport_comes_again(struct kunit *test)
{
	struct vmb_driver driver = test_driver();

	KUNIT_ASSERT_EQ(test, vmb_driver_register(&driver), 0);
	bus.error = -ENOMEM;
	KUNIT_EXPECT_EQ(test, vmb_transport_register(&transport), 0);
	bus.error = 0;
	vmb_transport_unregister(&transport);
	KUNIT_EXPECT_EQ(test, bus.registered, 0);
	KUNIT_EXPECT_EQ(test, vmb_transport_register(&transport), 0);
	KUNIT_EXPECT_EQ(test, bus.registered, 1);
	vmb_driver_unregister(&driver);
	KUNIT_EXPECT_EQ(test, bus.registered, 0);
	vmb_transport_unregister(&transport);
}

/* It is being unloaded, and has not said so yet: it is as good as gone. */
static void transport_that_goes(struct kunit *test)
{
	static struct module module = { .state = MODULE_STATE_GOING };
	struct vmb_driver driver = test_driver();
	struct vmb_transport going = transport;
	int ret;

	going.owner = &module;
	KUNIT_EXPECT_EQ(test, vmb_transport_register(&going), 0);
	KUNIT_EXPECT_EQ(test, vmb_transport_register(&transport), 0);
	ret = vmb_driver_register(&driver);
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ(test, bus.registered, 1);
	if (!ret)
		vmb_driver_unregister(&driver);
	KUNIT_EXPECT_EQ(test, bus.registered, 0);
	vmb_transport_unregister(&transport);
	vmb_transport_unregister(&going);
}

static struct kunit_case channel_enable_cases[] = {
	KUNIT_CASE(without_process_packet),
	KUNIT_CASE(inbound_ring_too_small),
	KUNIT_CASE(outbound_ring_too_small),
	KUNIT_CASE(rings_just_large_enough),
	KUNIT_CASE_PARAM(rings_by_page_size, ring_gen_params),
	KUNIT_CASE(rings_by_this_page_size),
	KUNIT_CASE(target_of_another_type),
	KUNIT_CASE(target_of_another_instance),
	KUNIT_CASE(target_that_it_is),
	KUNIT_CASE(peer_is_gone),
	KUNIT_CASE(transport_cannot_prepare),
	KUNIT_CASE(memory_for_smaller_rings_only),
	KUNIT_CASE(twice),
	KUNIT_CASE(largest_packet_of_all_does_not_fit_the_wire),
	{}
};

static struct kunit_suite channel_enable_suite = {
	.name = "vmbkmcl_channel_enable",
	.init = channel_fixture_init,
	.exit = channel_fixture_exit,
	.test_cases = channel_enable_cases,
};

static struct kunit_case driver_registration_cases[] = {
	KUNIT_CASE(driver_of_another_version),
	KUNIT_CASE(driver_of_another_size),
	KUNIT_CASE(device_of_another_size),
	KUNIT_CASE(driver_that_lacks_something),
	KUNIT_CASE(driver_before_transport),
	KUNIT_CASE(transport_before_driver),
	KUNIT_CASE(transport_refuses_driver),
	KUNIT_CASE(transport_comes_again),
	KUNIT_CASE(transport_that_goes),
	{}
};

static struct kunit_suite driver_registration_suite = {
	.name = "vmbkmcl_channel_driver",
	.test_cases = driver_registration_cases,
};

kunit_test_suites(&channel_enable_suite, &driver_registration_suite);
