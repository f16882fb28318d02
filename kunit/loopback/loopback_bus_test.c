// SPDX-License-Identifier: GPL-2.0
/*
 * Offers on loopback as devices: the driver that binds to a host's offer binds
 * to one of this kernel.
 */
#include <kunit/test.h>
#include <linux/delay.h>

#include "../../drivers/kmcl/compat.h"
#include "../../drivers/kmcl/loopback.h"
#include "../fixtures/loopback_fixture.h"

/* How often to try what goes wrong seldom. */
#define ROUNDS	50u

/**
 * struct bus - what the driver's callbacks write down
 * @client: the end whose channel probe makes.
 * @device: what probe was given last.
 * @wait: probe waits until its channel has started, or has failed.
 * @leave: a callback of the channel unbinds the driver, whose remove leaves it behind.
 * @hold: probe does not go on before @go_on is completed.
 * @go_on: completed by the test, and when it is over.
 * @probe_error: what probe returns.
 * @enable_result: what enable has returned to it.
 * @failed: it waited, and the channel could not be opened.
 * @probes: times probe has begun.
 * @probed: times it has returned.
 * @removes: times remove has returned.
 * @registered: the driver is.
 * @toggle: registers and unregisters the driver.
 * @rounds: so often.
 * @toggled: it has.
 * @other: registers and unregisters another driver.
 * @other_done: it has.
 */
struct bus {
	struct loopback_end *client;
	struct vmb_device *device;
	bool wait;
	bool leave;
	bool hold;
	struct completion go_on;
	int probe_error;
	int enable_result;
	bool failed;
	atomic_t probes;
	atomic_t probed;
	atomic_t removes;
	bool registered;
	struct work_struct toggle;
	u32 rounds;
	struct completion toggled;
	struct work_struct other;
	struct completion other_done;
};

static const guid_t *instance = &loopback_instances[0];

/* A driver's callbacks have no context before there is a device. */
static struct bus *bus;

static void bus_unbind(struct vmb_channel *channel, void *context)
{
	device_release_driver(bus->device->dev);
}

static int bus_use(struct vmb_device *device)
{
	struct loopback_end *client = bus->client;
	int ret;

	ret = loopback_end_place(client, device, false);
	if (ret)
		return ret;
	ret = vmb_client_channel_init_set_target_pnp(client->channel,
						     &device->interface_type, NULL,
						     loopback_pnp_failure);
	if (bus->leave)
		client->channel->callbacks.post_started = bus_unbind;
	if (!ret)
		ret = vmb_channel_enable(client->channel);
	bus->enable_result = ret;
	if (ret) {
		loopback_clean_up(client);
		return ret;
	}
	if (bus->wait) {
		wait_event_timeout(client->changed,
				   loopback_happened(client, LOOPBACK_STARTED) ||
				   loopback_happened(client, LOOPBACK_PNP_FAILURE),
				   LOOPBACK_PATIENCE);
		bus->failed = !loopback_happened(client, LOOPBACK_STARTED);
	}
	return 0;
}

static int bus_probe(struct vmb_device *device)
{
	int ret;

	bus->device = device;
	device->driver_data = bus;
	atomic_inc(&bus->probes);
	if (bus->hold)
		wait_for_completion(&bus->go_on);
	ret = bus->probe_error ? bus->probe_error : bus_use(device);
	atomic_inc(&bus->probed);
	return ret;
}

static void bus_remove(struct vmb_device *device)
{
	struct loopback_end *client = bus->client;

	if (device->driver_data == bus && !bus->leave) {
		vmb_channel_disable(client->channel);
		loopback_clean_up(client);
	}
	atomic_inc(&bus->removes);
}

static const struct hv_vmbus_device_id bus_ids[] = {
	{ .guid = GUID_INIT(0x10, 0x20, 0x30, 1, 2, 3, 4, 5, 6, 7, 8) },
	{}
};

static struct vmb_driver bus_driver = {
	.name = "vmbkmcl_test",
	.id_table = bus_ids,
	.probe = bus_probe,
	.remove = bus_remove,
};

static void bus_register_driver(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, vmb_driver_register(&bus_driver), 0);
	bus->registered = true;
}

static void bus_unregister_driver(void)
{
	if (bus->registered)
		vmb_driver_unregister(&bus_driver);
	bus->registered = false;
}

static void bus_toggle(struct work_struct *work)
{
	u32 i;

	for (i = 0; i < bus->rounds; i++) {
		if (vmb_driver_register(&bus_driver))
			break;
		usleep_range(100, 1000);
		vmb_driver_unregister(&bus_driver);
	}
	complete(&bus->toggled);
}

static int other_probe(struct vmb_device *device)
{
	return -ENODEV;
}

static void other_remove(struct vmb_device *device)
{
}

static const struct hv_vmbus_device_id other_ids[] = {
	{ .guid = GUID_INIT(0x10, 0x20, 0x31, 1, 2, 3, 4, 5, 6, 7, 8) },
	{}
};

static struct vmb_driver other_driver = {
	.name = "vmbkmcl_other_test",
	.id_table = other_ids,
	.probe = other_probe,
	.remove = other_remove,
};

static void bus_use_other(struct work_struct *work)
{
	if (!vmb_driver_register(&other_driver))
		vmb_driver_unregister(&other_driver);
	complete(&bus->other_done);
}

/* It has happened so often by now, or will soon. */
static void bus_expect(struct kunit *test, atomic_t *times, int expected)
{
	unsigned long end_of_patience = jiffies + LOOPBACK_PATIENCE;

	while (atomic_read(times) < expected &&
	       time_before(jiffies, end_of_patience))
		usleep_range(100, 200);
	KUNIT_ASSERT_EQ(test, atomic_read(times), expected);
}

/* The driver's channel has looked for a free offer, in vain. */
static void bus_expect_searched(struct kunit *test)
{
	unsigned long end_of_patience = jiffies + LOOPBACK_PATIENCE;

	while ((!READ_ONCE(bus->client->channel) ||
		READ_ONCE(bus->client->channel->life.peer) != VMB_LIFE_PEER_AWAITED) &&
	       time_before(jiffies, end_of_patience))
		usleep_range(100, 200);
	KUNIT_ASSERT_NOT_NULL(test, bus->client->channel);
	KUNIT_ASSERT_EQ(test, bus->client->channel->life.peer, VMB_LIFE_PEER_AWAITED);
	flush_work(&bus->client->channel->life.work);
}

static int bus_init(struct kunit *test)
{
	int ret = loopback_fixture_init(test);

	if (ret)
		return ret;
	bus = kunit_kzalloc(test, sizeof(*bus), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bus);
	INIT_WORK(&bus->toggle, bus_toggle);
	init_completion(&bus->toggled);
	INIT_WORK(&bus->other, bus_use_other);
	init_completion(&bus->other_done);
	init_completion(&bus->go_on);
	bus->client = loopback_end_new(test);
	bus->rounds = ROUNDS;
	return 0;
}

static void bus_exit(struct kunit *test)
{
	if (bus) {
		complete_all(&bus->go_on);
		flush_work(&bus->toggle);
		flush_work(&bus->other);
		bus_unregister_driver();
	}
	loopback_fixture_exit(test);
	bus = NULL;
}

/* Its probe may wait for its channel, as it may on hv_vmbus. */
static void test_probe_and_remove(struct kunit *test)
{
	static const struct loopback_entry client_log[] = {
		{ LOOPBACK_OPENED, 0 },
		{ LOOPBACK_STARTED, 0 },
		{ LOOPBACK_SUSPEND, VMB_CHANNEL_STOP_PEER_GONE },
		{ LOOPBACK_CLOSED, VMB_CHANNEL_STOP_PEER_GONE },
	};
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	guid_t found;

	bus->wait = true;
	bus_register_driver(test);
	loopback_enable(server);
	bus_expect(test, &bus->probed, 1);
	KUNIT_EXPECT_FALSE(test, bus->failed);
	KUNIT_EXPECT_TRUE(test, guid_equal(&bus->device->interface_type,
					   &loopback_type));
	KUNIT_EXPECT_TRUE(test, guid_equal(&bus->device->interface_instance,
					   instance));
	vmb_channel_get_interface_instance(bus->client->channel, &found);
	KUNIT_EXPECT_TRUE(test, guid_equal(&found, instance));
	loopback_disable(server);
	/* By then, not soon. */
	KUNIT_EXPECT_EQ(test, atomic_read(&bus->removes), 1);
	loopback_expect_log(bus->client, client_log, ARRAY_SIZE(client_log));
}

static void test_driver_comes_later(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);

	loopback_enable(server);
	loopback_settle(server);
	bus_register_driver(test);
	bus_expect(test, &bus->probed, 1);
	loopback_expect(bus->client, LOOPBACK_STARTED, 1);
	loopback_expect(server, LOOPBACK_STARTED, 1);
}

static void test_driver_goes(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	struct loopback_end *other = loopback_client(test, &loopback_type, instance);
	u32 i;

	loopback_enable(server);
	for (i = 1; i <= 2; i++) {
		bus_register_driver(test);
		bus_expect(test, &bus->probed, i);
		loopback_expect(bus->client, LOOPBACK_STARTED, i);
		bus_unregister_driver();
		KUNIT_EXPECT_EQ(test, atomic_read(&bus->removes), i);
		loopback_expect(bus->client, LOOPBACK_CLOSED, i);
		loopback_expect(server, LOOPBACK_CLOSED, i);
	}
	/* The offer stays. */
	loopback_enable(other);
	loopback_expect(other, LOOPBACK_STARTED, 1);
}

/* That cannot be waited for there. What it was on stays for good, or for this test. */
static void test_driver_goes_in_a_callback(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	struct vmb_transport_device *transport;
	struct device *dev;

	bus->leave = true;
	bus_register_driver(test);
	loopback_enable(server);
	bus_expect(test, &bus->removes, 1);
	loopback_expect(bus->client, LOOPBACK_CLOSED, 1);
	loopback_settle(bus->client);
	loopback_expect(server, LOOPBACK_CLOSED, 1);
	transport = bus->client->channel->device;
	dev = transport->device.dev;
	KUNIT_EXPECT_PTR_EQ(test, transport, to_vmb_transport_device(bus->device));
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(bus->client->channel));
	loopback_clean_up(bus->client);
	KUNIT_EXPECT_TRUE(test, list_empty(&transport->channels));
	kfree(container_of(transport, struct vmb_loopback_device, transport));
	put_device(dev);
}

static void test_other_type(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_other_type,
						      instance);

	bus_register_driver(test);
	loopback_enable(server);
	loopback_settle(server);
	KUNIT_EXPECT_EQ(test, atomic_read(&bus->probes), 0);
}

static void test_probe_fails(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	struct loopback_end *other = loopback_client(test, &loopback_type, instance);

	bus->probe_error = -EIO;
	bus_register_driver(test);
	loopback_enable(server);
	bus_expect(test, &bus->probed, 1);
	loopback_enable(other);
	loopback_expect(other, LOOPBACK_STARTED, 1);
	loopback_disable(server);
	KUNIT_EXPECT_EQ(test, atomic_read(&bus->removes), 0);
}

/*
 * Another client has the offer, and probe waits for its turn. It comes to know
 * that there will be none; else the server would wait for it.
 */
static void test_server_goes_in_probe(struct kunit *test)
{
	static const struct loopback_entry client_log[] = {
		{ LOOPBACK_PNP_FAILURE, -ENODEV },
	};
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	struct loopback_end *other = loopback_client(test, &loopback_type, instance);

	loopback_enable(other);
	loopback_enable(server);
	loopback_expect(other, LOOPBACK_STARTED, 1);
	loopback_settle(server);
	bus->wait = true;
	/* It calls probe; and a second driver would have a probe, too, while the offer goes. */
	bus->rounds = 1;
	queue_work(system_dfl_wq, &bus->toggle);
	bus_expect(test, &bus->probes, 1);
	bus_expect_searched(test);
	KUNIT_EXPECT_EQ(test, atomic_read(&bus->probed), 0);
	loopback_disable_on_worker(server);
	loopback_expect_helped(server);
	KUNIT_EXPECT_EQ(test, atomic_read(&bus->probed), 1);
	KUNIT_EXPECT_TRUE(test, bus->failed);
	KUNIT_EXPECT_EQ(test, atomic_read(&bus->removes), 1);
	loopback_expect_log(bus->client, client_log, ARRAY_SIZE(client_log));
}

/* The server goes before probe has got so far as to enable its channel. */
static void test_server_goes_before_enable(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);

	bus->hold = true;
	bus->wait = true;
	bus_register_driver(test);
	loopback_enable(server);
	bus_expect(test, &bus->probes, 1);
	loopback_disable_on_worker(server);
	msleep(20);
	complete(&bus->go_on);
	loopback_expect_helped(server);
	KUNIT_EXPECT_EQ(test, atomic_read(&bus->probed), 1);
	KUNIT_EXPECT_EQ(test, bus->enable_result, -ENODEV);
	KUNIT_EXPECT_EQ(test, atomic_read(&bus->removes), 0);
}

/* Offers and drivers come and go, and nobody waits for nobody. */
static void test_toggle(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);

	queue_work(system_dfl_wq, &bus->toggle);
	while (!completion_done(&bus->toggled)) {
		loopback_orphan(server);
		loopback_enable(server);
		usleep_range(50, 500);
		loopback_disable_on_worker(server);
		loopback_expect_helped(server);
		KUNIT_ASSERT_EQ(test, loopback_happened(server, LOOPBACK_OPENED),
				loopback_happened(server, LOOPBACK_CLOSED));
	}
	KUNIT_EXPECT_GT(test, atomic_read(&bus->probes), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&bus->probes), atomic_read(&bus->probed));
}

/* A probe takes its time, in the call that registers its driver; others do not wait. */
static void test_other_drivers_come_and_go(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);

	loopback_enable(server);
	loopback_settle(server);
	bus->hold = true;
	bus->rounds = 1;
	queue_work(system_dfl_wq, &bus->toggle);
	bus_expect(test, &bus->probes, 1);
	queue_work(system_dfl_wq, &bus->other);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&bus->other_done,
							  LOOPBACK_PATIENCE), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&bus->probed), 0);
	complete_all(&bus->go_on);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&bus->toggled,
							  LOOPBACK_PATIENCE), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&bus->removes), 1);
}

/* What udev loads the driver by, as modpost writes it for MODULE_DEVICE_TABLE(). */
static void test_modalias(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	struct kobj_uevent_env *env;
	struct device *dev;

	env = kunit_kzalloc(test, sizeof(*env), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, env);
	bus_register_driver(test);
	loopback_enable(server);
	bus_expect(test, &bus->probed, 1);
	dev = bus->device->dev;
	KUNIT_ASSERT_EQ(test, dev->bus->uevent(dev, env), 0);
	KUNIT_ASSERT_EQ(test, env->envp_idx, 1);
	KUNIT_EXPECT_STREQ(test, env->envp[0],
			   "MODALIAS=vmbus:10000000200030000102030405060708");
}

static struct kunit_case loopback_bus_cases[] = {
	KUNIT_CASE(test_probe_and_remove),
	KUNIT_CASE(test_driver_comes_later),
	KUNIT_CASE(test_driver_goes),
	KUNIT_CASE(test_driver_goes_in_a_callback),
	KUNIT_CASE(test_other_type),
	KUNIT_CASE(test_probe_fails),
	KUNIT_CASE(test_server_goes_in_probe),
	KUNIT_CASE(test_server_goes_before_enable),
	KUNIT_CASE(test_toggle),
	KUNIT_CASE(test_other_drivers_come_and_go),
	KUNIT_CASE(test_modalias),
	{}
};

static struct kunit_suite loopback_bus_suite = {
	.name = "vmbkmcl_loopback_bus",
	.init = bus_init,
	.exit = bus_exit,
	.test_cases = loopback_bus_cases,
};

kunit_test_suite(loopback_bus_suite);
