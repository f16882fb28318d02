// SPDX-License-Identifier: GPL-2.0
/*
 * Channels that wait for an offer of their own on hv_vmbus: which device they get,
 * when, and who waits for whom. The bus is the test's, of the same shape: on it our
 * driver is attached, unbound and found as it is on hv_vmbus. No host opens anything.
 */
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/ioport.h>
#include <linux/sizes.h>

#include "hv_target_bus.h"

static const guid_t type_of_primary = GUID_INIT(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
static const guid_t type = GUID_INIT(2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2);
static const guid_t other_type = GUID_INIT(3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3);
static const guid_t instances[DEVICES] = {
	GUID_INIT(4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4),
	GUID_INIT(5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5),
	GUID_INIT(6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6),
};

static struct offer *offer_add(struct kunit *test, u32 i, const guid_t *offered)
{
	return target_offer_add(test, i, offered, &instances[i]);
}

/* Channels. */

static struct vmb_hv_channel *hv_of(u32 i)
{
	return vmb_channel_transport_private(target_state->channels[i]);
}

static bool find_peer(u32 i)
{
	return vmb_hv_channel_operations.find_peer(target_state->channels[i]);
}

static bool peer_gone(u32 i)
{
	return vmb_hv_channel_operations.peer_gone(target_state->channels[i]);
}

/* As enable and the channel's worker do it, but for the open. */
static void wait_for_target(struct kunit *test, u32 i, const guid_t *wanted,
			    const guid_t *instance)
{
	u32 inbound = SZ_16K, outbound = SZ_16K;

	KUNIT_ASSERT_EQ(test,
			vmb_client_channel_init_set_target_pnp(target_state->channels[i], wanted,
							       instance, NULL), 0);
	KUNIT_ASSERT_EQ(test,
			vmb_hv_channel_operations.prepare(target_state->channels[i], &inbound,
							  &outbound, SZ_8K), 0);
	target_state->prepared[i] = true;
}

static void disable(u32 i)
{
	target_state->prepared[i] = false;
	vmb_hv_channel_operations.unprepare(target_state->channels[i]);
}

static void expect_has(struct kunit *test, u32 i, struct offer *offer)
{
	unsigned long end = jiffies + PATIENCE;
	guid_t found;

	while (READ_ONCE(hv_of(i)->channel) != &offer->channel && time_before(jiffies, end))
		usleep_range(100, 200);
	KUNIT_ASSERT_PTR_EQ(test, READ_ONCE(hv_of(i)->channel), &offer->channel);
	KUNIT_EXPECT_TRUE(test, find_peer(i));
	vmb_channel_get_interface_instance(target_state->channels[i], &found);
	KUNIT_EXPECT_TRUE(test, guid_equal(&found, &offer->hv.dev_instance));
}

/* What is not going to happen would have happened by now. */
static void expect_nothing(struct kunit *test, u32 i)
{
	msleep(200);
	KUNIT_EXPECT_PTR_EQ(test, READ_ONCE(hv_of(i)->channel), NULL);
	KUNIT_EXPECT_FALSE(test, find_peer(i));
}

static void expect_driver(struct kunit *test, struct offer *offer,
			  const struct device_driver *driver)
{
	unsigned long end = jiffies + PATIENCE;

	while (READ_ONCE(offer->hv.device.driver) != driver && time_before(jiffies, end))
		usleep_range(100, 200);
	KUNIT_ASSERT_PTR_EQ(test, READ_ONCE(offer->hv.device.driver), driver);
}

static int target_init(struct kunit *test)
{
	struct vmb_device *device;
	u32 i;

	if (hv_fixture_init(test))
		return -ENODEV;
	target_state = kunit_kzalloc(test, sizeof(*target_state), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, target_state);
	target_state->fixture = test->priv;
	device = &target_state->fixture->device.transport.device;
	guid_copy(&device->interface_type, &type_of_primary);
	guid_copy(&device->interface_instance, &instances[0]);
	for (i = 0; i < CHANNELS; i++)
		KUNIT_ASSERT_EQ(test,
				vmb_channel_allocate(device, false, &target_state->channels[i]), 0);
	init_completion(&target_state->go_on);
	INIT_WORK(&target_state->unbind, target_bus_unbind);
	INIT_WORK(&target_state->take, target_other_take);
	KUNIT_ASSERT_EQ(test, bus_register(&target_bus), 0);
	/* As hv_vmbus registers it, but for the bus. */
	memset(&vmb_hv_target_driver.driver, 0, sizeof(vmb_hv_target_driver.driver));
	vmb_hv_target_driver.driver.name = vmb_hv_target_driver.name;
	vmb_hv_target_driver.driver.bus = &target_bus;
	KUNIT_ASSERT_EQ(test, driver_register(&vmb_hv_target_driver.driver), 0);
	KUNIT_ASSERT_EQ(test, vmb_hv_target_begin(), 0);
	return 0;
}

static void target_exit(struct kunit *test)
{
	u32 i;

	if (!target_state)
		return;
	for (i = 0; i < CHANNELS; i++)
		if (target_state->prepared[i])
			disable(i);
	complete_all(&target_state->go_on);
	flush_work(&target_state->unbind);
	flush_work(&target_state->take);
	vmb_hv_target_end();
	for (i = 0; i < DEVICES; i++) {
		if (target_state->offers[i] && target_state->offers[i]->there)
			target_offer_take_back(target_state->offers[i]);
		if (target_state->offers[i])
			flush_work(&target_state->offers[i]->rescind);
	}
	driver_unregister(&vmb_hv_target_driver.driver);
	bus_unregister(&target_bus);
	for (i = 0; i < CHANNELS; i++)
		if (target_state->channels[i])
			vmb_channel_cleanup(target_state->channels[i]);
	hv_fixture_exit(test);
	target_state = NULL;
}

/* Of the devices that are there, the one that it wants; the others stay free. */
static void test_finds_one_that_is_there(struct kunit *test)
{
	struct offer *wanted;

	offer_add(test, 0, &type);
	wanted = offer_add(test, 1, &type);
	offer_add(test, 2, &other_type);
	wait_for_target(test, 0, &type, &instances[1]);
	KUNIT_EXPECT_FALSE(test, peer_gone(0));
	KUNIT_EXPECT_FALSE(test, find_peer(0));
	expect_has(test, 0, wanted);
	expect_driver(test, target_state->offers[0], NULL);
	expect_driver(test, target_state->offers[2], NULL);
}

static void test_waits_for_one_that_comes(struct kunit *test)
{
	wait_for_target(test, 0, &type, &instances[1]);
	KUNIT_EXPECT_FALSE(test, find_peer(0));
	offer_add(test, 0, &type);
	expect_nothing(test, 0);
	expect_has(test, 0, offer_add(test, 1, &type));
}

static void test_any_instance_will_do(struct kunit *test)
{
	wait_for_target(test, 0, &type, NULL);
	KUNIT_EXPECT_FALSE(test, find_peer(0));
	offer_add(test, 0, &other_type);
	expect_nothing(test, 0);
	expect_has(test, 0, offer_add(test, 1, &type));
}

/* Before it waits it gets none: the worker would not know. */
static void test_nothing_before_it_looks(struct kunit *test)
{
	wait_for_target(test, 0, &type, NULL);
	offer_add(test, 0, &type);
	msleep(50);
	KUNIT_EXPECT_PTR_EQ(test, READ_ONCE(hv_of(0)->channel), NULL);
	KUNIT_EXPECT_FALSE(test, find_peer(0));
	expect_has(test, 0, target_state->offers[0]);
}

/* The host takes it back, which waits for the channel; and offers it again. */
static void test_rescind_and_offer_again(struct kunit *test)
{
	struct offer *offer = offer_add(test, 1, &type);
	u32 round;

	for (round = 0; round < 3; round++) {
		wait_for_target(test, 0, &type, &instances[1]);
		find_peer(0);
		expect_has(test, 0, offer);
		KUNIT_EXPECT_FALSE(test, peer_gone(0));
		target_offer_take_back(offer);
		KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&offer->gone, HZ / 10), 0);
		KUNIT_EXPECT_TRUE(test, peer_gone(0));
		KUNIT_EXPECT_TRUE(test, target_state->channels[0]->offer_removing);
		disable(0);
		target_offer_expect_gone(offer);
		/* It is the same device that comes again, but another object. */
		offer = offer_add(test, 1, &type);
	}
}

/* A rescind of the device that the channel was allocated on is not its own. */
static void test_device_is_not_its_peer(struct kunit *test)
{
	struct offer *offer = offer_add(test, 1, &type);

	wait_for_target(test, 0, &type, NULL);
	find_peer(0);
	expect_has(test, 0, offer);
	WRITE_ONCE(target_state->fixture->primary.rescind, true);
	KUNIT_EXPECT_FALSE(test, peer_gone(0));
	WRITE_ONCE(offer->channel.rescind, true);
	KUNIT_EXPECT_TRUE(test, peer_gone(0));
}

/* What is disabled gives its device back, and whoever waits for it gets it. */
static void test_device_is_given_back(struct kunit *test)
{
	struct offer *offer = offer_add(test, 1, &type);

	wait_for_target(test, 0, &type, NULL);
	find_peer(0);
	expect_has(test, 0, offer);
	wait_for_target(test, 1, &type, NULL);
	expect_nothing(test, 1);
	disable(0);
	expect_has(test, 1, offer);
	disable(1);
	expect_driver(test, offer, NULL);
}

/* And itself, if it is enabled again at once. */
static void test_device_is_taken_again(struct kunit *test)
{
	struct offer *offer = offer_add(test, 1, &type);
	u32 round;

	for (round = 0; round < 20; round++) {
		wait_for_target(test, 0, &type, NULL);
		find_peer(0);
		expect_has(test, 0, offer);
		disable(0);
	}
}

/* Disabled while the device is being taken back: nobody waits for nobody. */
static void test_disabled_during_rescind(struct kunit *test)
{
	struct offer *offer = offer_add(test, 1, &type);

	wait_for_target(test, 0, &type, NULL);
	find_peer(0);
	expect_has(test, 0, offer);
	target_offer_take_back(offer);
	disable(0);
	target_offer_expect_gone(offer);
}

/*
 * Somebody unbinds our driver, and the client waits anew at once: before the device is
 * free. It is its again, although nobody else would have told.
 */
static void test_unbound_and_enabled_again(struct kunit *test)
{
	struct offer *offer = offer_add(test, 0, &type);
	unsigned long end = jiffies + PATIENCE;

	wait_for_target(test, 0, &type, NULL);
	find_peer(0);
	expect_has(test, 0, offer);
	target_state->hold_remove = true;
	queue_work(system_dfl_wq, &target_state->unbind);
	while (!READ_ONCE(target_state->channels[0]->offer_removing) && time_before(jiffies, end))
		usleep_range(100, 200);
	KUNIT_EXPECT_TRUE(test, target_state->channels[0]->offer_removing);
	disable(0);
	wait_for_target(test, 0, &type, NULL);
	KUNIT_EXPECT_FALSE(test, find_peer(0));
	expect_nothing(test, 0);
	target_state->hold_remove = false;
	complete_all(&target_state->go_on);
	expect_has(test, 0, offer);
}

/*
 * In a callback of the channel nobody can wait for the channel: it has the device until
 * it is disabled. Then that is free, for whoever wants it, and for the host.
 */
static void test_unbound_in_a_callback(struct kunit *test)
{
	struct vmb_life *life = &target_state->channels[0]->life;
	struct offer *offer = offer_add(test, 0, &type);

	wait_for_target(test, 0, &type, NULL);
	find_peer(0);
	expect_has(test, 0, offer);
	WRITE_ONCE(life->worker, current);
	target_bus_unbind(NULL);
	WRITE_ONCE(life->worker, NULL);
	KUNIT_EXPECT_NULL(test, offer->hv.device.driver);
	KUNIT_EXPECT_TRUE(test, target_state->channels[0]->offer_removing);
	/* Meanwhile it is nobody else's, and stays though the host takes it back. */
	wait_for_target(test, 1, &type, NULL);
	find_peer(1);
	expect_nothing(test, 1);
	target_offer_take_back(offer);
	flush_work(&offer->rescind);
	KUNIT_EXPECT_FALSE(test, completion_done(&offer->gone));
	disable(0);
	target_offer_expect_gone(offer);
	expect_has(test, 1, offer_add(test, 1, &type));
	disable(1);
}

/* A device that has a driver stays with it; one that its driver does not want is free. */
static void test_other_drivers_come_first(struct kunit *test)
{
	struct offer *offer;

	KUNIT_ASSERT_EQ(test, driver_register(&target_other_driver.driver), 0);
	offer = offer_add(test, 0, &type);
	wait_for_target(test, 0, &type, NULL);
	find_peer(0);
	expect_nothing(test, 0);
	KUNIT_EXPECT_EQ(test, target_state->other_probes, 1);
	expect_driver(test, offer, &target_other_driver.driver);
	target_state->refuse = true;
	expect_has(test, 0, offer_add(test, 1, &type));
	disable(0);
	driver_unregister(&target_other_driver.driver);
}

/* And when one of them lets a device go, that is no other's. */
static void test_other_driver_lets_go(struct kunit *test)
{
	struct offer *offer;

	KUNIT_ASSERT_EQ(test, driver_register(&target_other_driver.driver), 0);
	offer = offer_add(test, 0, &type);
	wait_for_target(test, 0, &type, NULL);
	find_peer(0);
	expect_nothing(test, 0);
	/* That has looked, and not found it, before it is let go. */
	msleep(200);
	device_release_driver(&offer->hv.device);
	expect_has(test, 0, offer);
	disable(0);
	driver_unregister(&target_other_driver.driver);
}

/*
 * The next driver may hold the lock of a device that was given back, and wait for a
 * channel: nobody waits for that lock.
 */
static void test_other_driver_takes_it_over(struct kunit *test)
{
	struct offer *offer = offer_add(test, 0, &type);
	unsigned long end = jiffies + PATIENCE;

	wait_for_target(test, 0, &type, NULL);
	find_peer(0);
	expect_has(test, 0, offer);
	disable(0);
	expect_driver(test, offer, NULL);
	target_state->hold_probe = true;
	queue_work(system_dfl_wq, &target_state->take);
	while (!READ_ONCE(target_state->other_probes) && time_before(jiffies, end))
		usleep_range(100, 200);
	KUNIT_EXPECT_EQ(test, target_state->other_probes, 1);
	/* Longer than it lets others go first. */
	msleep(200);
	wait_for_target(test, 0, &other_type, NULL);
	find_peer(0);
	expect_has(test, 0, offer_add(test, 1, &other_type));
	complete_all(&target_state->go_on);
	flush_work(&target_state->take);
	disable(0);
	driver_unregister(&target_other_driver.driver);
}

/* While the VM resumes nothing is probed, and nobody says when it is again. */
static void test_tries_again(struct kunit *test)
{
	struct offer *offer = offer_add(test, 0, &type);

	target_state->defer = 2;
	wait_for_target(test, 0, &type, NULL);
	find_peer(0);
	expect_has(test, 0, offer);
	KUNIT_EXPECT_EQ(test, target_state->defer, 0);
}

static void left_by_another(struct vmbus_channel *channel)
{
}

/* A driver of before may be gone; and who waits for the host here waits for this offer. */
static void test_device_is_the_channels_alone(struct kunit *test)
{
	struct offer *offer = offer_add(test, 0, &type);

	offer->channel.chn_rescind_callback = left_by_another;
	wait_for_target(test, 0, &type, NULL);
	wait_for_target(test, 1, &other_type, NULL);
	find_peer(0);
	expect_has(test, 0, offer);
	KUNIT_EXPECT_TRUE(test, !offer->channel.chn_rescind_callback);
	KUNIT_EXPECT_PTR_NE(test, hv_of(0)->gpadl_lock, hv_of(1)->gpadl_lock);
	KUNIT_EXPECT_PTR_NE(test, hv_of(0)->gpadl_lock, &hv_of(0)->device->gpadl_lock);
}

/* The memory that comes with the device the client was probed for. */
static void test_memory_is_the_devices(struct kunit *test)
{
	struct resource memory = DEFINE_RES_MEM(SZ_1M, SZ_8M);
	struct hv_fixture *fixture = target_state->fixture;
	u64 address, size;

	wait_for_target(test, 0, &type, NULL);
	fixture->primary.offermsg.offer.mmio_megabytes = 8;
	fixture->device.mmio = &memory;
	KUNIT_EXPECT_EQ(test,
			vmb_hv_channel_operations.mmio_space(target_state->channels[0], &address,
							     &size), -ENOENT);
	fixture->device.mmio = NULL;
}

/*
 * A client's probe holds its device's lock, and may wait for a channel: so nobody
 * waits for the lock of a device that has a driver.
 */
static void test_locked_device_is_passed_by(struct kunit *test)
{
	struct offer *offer, *locked;

	KUNIT_ASSERT_EQ(test, driver_register(&target_other_driver.driver), 0);
	locked = offer_add(test, 0, &type);
	expect_driver(test, locked, &target_other_driver.driver);
	device_lock(&locked->hv.device);
	wait_for_target(test, 0, &type, NULL);
	KUNIT_EXPECT_FALSE(test, find_peer(0));
	target_state->refuse = true;
	offer = offer_add(test, 1, &type);
	expect_has(test, 0, offer);
	device_unlock(&locked->hv.device);
	disable(0);
	driver_unregister(&target_other_driver.driver);
}

/* Sub-channels would be offered on a device that is not the client's. */
static void test_no_sub_channels(struct kunit *test)
{
	u32 inbound = SZ_16K, outbound = SZ_16K;

	wait_for_target(test, 0, &type, NULL);
	target_state->channels[1]->primary = target_state->channels[0];
	KUNIT_EXPECT_EQ(test,
			vmb_hv_channel_operations.prepare(target_state->channels[1], &inbound,
							  &outbound, SZ_8K), -EOPNOTSUPP);
	target_state->channels[1]->primary = NULL;
}

static struct kunit_case target_cases[] = {
	KUNIT_CASE(test_finds_one_that_is_there),
	KUNIT_CASE(test_waits_for_one_that_comes),
	KUNIT_CASE(test_any_instance_will_do),
	KUNIT_CASE(test_nothing_before_it_looks),
	KUNIT_CASE(test_rescind_and_offer_again),
	KUNIT_CASE(test_device_is_not_its_peer),
	KUNIT_CASE(test_device_is_given_back),
	KUNIT_CASE(test_device_is_taken_again),
	KUNIT_CASE(test_disabled_during_rescind),
	KUNIT_CASE(test_unbound_and_enabled_again),
	KUNIT_CASE(test_unbound_in_a_callback),
	KUNIT_CASE(test_other_drivers_come_first),
	KUNIT_CASE(test_other_driver_lets_go),
	KUNIT_CASE(test_other_driver_takes_it_over),
	KUNIT_CASE(test_tries_again),
	KUNIT_CASE(test_device_is_the_channels_alone),
	KUNIT_CASE(test_memory_is_the_devices),
	KUNIT_CASE(test_locked_device_is_passed_by),
	KUNIT_CASE(test_no_sub_channels),
	{}
};

static struct kunit_suite target_suite = {
	.name = "vmbkmcl_hv_target",
	.init = target_init,
	.exit = target_exit,
	.test_cases = target_cases,
};

kunit_test_suite(target_suite);
