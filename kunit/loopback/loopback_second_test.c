// SPDX-License-Identifier: GPL-2.0
/*
 * A client that opens a second channel from one probe: it waits for an offer of its
 * own, by type and instance, and lives apart from the device that was probed.
 */
#include <kunit/test.h>

#include "../../drivers/kmcl/observe.h"
#include "../fixtures/loopback_fixture.h"

/**
 * struct second - what the driver has made
 * @first: of the device.
 * @second: of another offer.
 * @device: what was probed.
 * @probed: it was.
 * @enable_result: of @second.
 * @registered: the driver is.
 */
struct second {
	struct loopback_end *first;
	struct loopback_end *second;
	struct vmb_device *device;
	struct completion probed;
	int enable_result;
	bool registered;
};

/* A driver's callbacks have no context before there is a device. */
static struct second *second;

static int second_probe(struct vmb_device *device)
{
	int ret;

	/* The device is one, but the other offers are devices, too. */
	if (!guid_equal(&device->interface_instance, &loopback_instances[0]))
		return -ENODEV;
	second->device = device;
	ret = loopback_end_place(second->first, device, false);
	if (!ret)
		ret = vmb_channel_enable(second->first->channel);
	if (!ret)
		ret = loopback_end_place(second->second, device, false);
	if (!ret)
		ret = vmb_client_channel_init_set_target_pnp(second->second->channel,
							     &loopback_type,
							     &loopback_instances[1],
							     loopback_pnp_failure);
	if (!ret)
		ret = vmb_channel_enable(second->second->channel);
	second->enable_result = ret;
	complete_all(&second->probed);
	return 0;
}

static void second_remove(struct vmb_device *device)
{
	struct loopback_end *ends[] = { second->first, second->second };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		if (!ends[i]->channel)
			continue;
		vmb_channel_disable(ends[i]->channel);
		loopback_clean_up(ends[i]);
	}
}

static const struct hv_vmbus_device_id second_ids[] = {
	{ .guid = GUID_INIT(0x10, 0x20, 0x30, 1, 2, 3, 4, 5, 6, 7, 8) },
	{}
};

static struct vmb_driver second_driver = {
	.name = "vmbkmcl_second_test",
	.id_table = second_ids,
	.probe = second_probe,
	.remove = second_remove,
};

/* The first channel is there, and its server, which is returned. */
static struct loopback_end *probe(struct kunit *test)
{
	struct loopback_end *server;

	server = loopback_server(test, &loopback_type, &loopback_instances[0]);
	KUNIT_ASSERT_TRUE(test, guid_equal(&second_ids[0].guid, &loopback_type));
	loopback_enable(server);
	KUNIT_ASSERT_NE(test,
			wait_for_completion_timeout(&second->probed, LOOPBACK_PATIENCE), 0);
	KUNIT_ASSERT_EQ(test, second->enable_result, 0);
	loopback_expect(second->first, LOOPBACK_STARTED, 1);
	return server;
}

static int second_init(struct kunit *test)
{
	if (loopback_fixture_init(test))
		return -ENODEV;
	second = kunit_kzalloc(test, sizeof(*second), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, second);
	init_completion(&second->probed);
	second->first = loopback_end_new(test);
	second->second = loopback_end_new(test);
	KUNIT_ASSERT_EQ(test, vmb_driver_register(&second_driver), 0);
	second->registered = true;
	return 0;
}

static void second_exit(struct kunit *test)
{
	if (second && second->registered)
		vmb_driver_unregister(&second_driver);
	loopback_fixture_exit(test);
	second = NULL;
}

/* It waits for its own offer, and takes no other; and says which it has. */
static void test_waits_for_its_offer(struct kunit *test)
{
	struct loopback_end *other, *server;
	guid_t found;

	probe(test);
	other = loopback_server(test, &loopback_type, &loopback_instances[2]);
	loopback_enable(other);
	loopback_settle(second->second);
	KUNIT_EXPECT_EQ(test, second->second->count, 0);
	server = loopback_server(test, &loopback_type, &loopback_instances[1]);
	loopback_enable(server);
	loopback_expect(second->second, LOOPBACK_STARTED, 1);
	loopback_expect(server, LOOPBACK_STARTED, 1);
	vmb_channel_get_interface_instance(second->second->channel, &found);
	KUNIT_EXPECT_TRUE(test, guid_equal(&found, &loopback_instances[1]));
	KUNIT_EXPECT_PTR_EQ(test,
			    vmb_channel_get_target_device_object(second->second->channel),
			    NULL);
	KUNIT_EXPECT_PTR_EQ(test,
			    vmb_channel_get_target_device_object(second->first->channel),
			    second->device);
	KUNIT_EXPECT_PTR_EQ(test,
			    vmb_channel_get_parent_device_object(second->second->channel),
			    second->device->dev);
	loopback_disable(other);
}

/* Its offer is taken back, and made again, and again: enabled anew it waits for that. */
static void test_waits_again(struct kunit *test)
{
	struct loopback_end *server;
	u32 i;

	probe(test);
	server = loopback_server(test, &loopback_type, &loopback_instances[1]);
	for (i = 1; i <= 3; i++) {
		loopback_enable(server);
		loopback_expect(second->second, LOOPBACK_STARTED, i);
		loopback_disable(server);
		loopback_expect(second->second, LOOPBACK_CLOSED, i);
		loopback_expect_disabled(second->second);
		loopback_enable(second->second);
	}
	/* The first has noticed nothing of it. */
	KUNIT_EXPECT_EQ(test, loopback_happened(second->first, LOOPBACK_CLOSED), 0);
}

/* The device's offer is taken back: what the second is told comes from its driver. */
static void test_device_goes(struct kunit *test)
{
	static const struct loopback_entry first_log[] = {
		{ LOOPBACK_OPENED, 0 },
		{ LOOPBACK_STARTED, 0 },
		{ LOOPBACK_SUSPEND, VMB_CHANNEL_STOP_PEER_GONE },
		{ LOOPBACK_CLOSED, VMB_CHANNEL_STOP_PEER_GONE },
	};
	static const struct loopback_entry second_log[] = {
		{ LOOPBACK_OPENED, 0 },
		{ LOOPBACK_STARTED, 0 },
		{ LOOPBACK_SUSPEND, VMB_CHANNEL_STOP_DISABLED },
		{ LOOPBACK_CLOSED, VMB_CHANNEL_STOP_DISABLED },
	};
	struct loopback_end *device, *server;

	device = probe(test);
	server = loopback_server(test, &loopback_type, &loopback_instances[1]);
	loopback_enable(server);
	loopback_expect(second->second, LOOPBACK_STARTED, 1);
	loopback_disable(device);
	loopback_expect_log(second->first, first_log, ARRAY_SIZE(first_log));
	loopback_expect_log(second->second, second_log, ARRAY_SIZE(second_log));
}

/* And if it was still waiting, nothing of it was ever heard. */
static void test_device_goes_while_it_waits(struct kunit *test)
{
	loopback_disable(probe(test));
	KUNIT_EXPECT_EQ(test, second->second->count, 0);
	KUNIT_EXPECT_PTR_EQ(test, second->second->channel, NULL);
}

static struct kunit_case second_cases[] = {
	KUNIT_CASE(test_waits_for_its_offer),
	KUNIT_CASE(test_waits_again),
	KUNIT_CASE(test_device_goes),
	KUNIT_CASE(test_device_goes_while_it_waits),
	{}
};

static struct kunit_suite second_suite = {
	.name = "vmbkmcl_loopback_second",
	.init = second_init,
	.exit = second_exit,
	.test_cases = second_cases,
};

kunit_test_suite(second_suite);
