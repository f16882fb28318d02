// SPDX-License-Identifier: GPL-2.0
/*
 * The bus of the suite about targets. See hv_target_bus.h.
 */
#include <linux/delay.h>
#include <linux/device.h>

#include "hv_target_bus.h"

struct target_test *target_state;

/* The bus. */

static int bus_match(struct device *device, vmb_bus_match_driver *driver)
{
	const struct hv_driver *hv = container_of(driver, struct hv_driver, driver);

	return hv->id_table &&
	       guid_equal(&hv->id_table->guid, &device_to_hv_device(device)->dev_type);
}

static int bus_probe(struct device *device)
{
	struct hv_driver *driver = container_of(device->driver, struct hv_driver, driver);

	if (driver == &vmb_hv_target_driver && target_state->defer) {
		target_state->defer--;
		return -EPROBE_DEFER;
	}
	return driver->probe(device_to_hv_device(device), NULL);
}

static void bus_remove(struct device *device)
{
	struct hv_driver *driver = container_of(device->driver, struct hv_driver, driver);

	driver->remove(device_to_hv_device(device));
	if (target_state->hold_remove)
		wait_for_completion(&target_state->go_on);
}

void target_bus_unbind(struct work_struct *work)
{
	device_release_driver(&target_state->offers[0]->hv.device);
}

vmb_bus_type target_bus = {
	.name = "vmbkmcl_hv_test",
	.match = bus_match,
	.probe = bus_probe,
	.remove = bus_remove,
};

/* Another driver, of the type. */

static int other_probe(struct hv_device *device, const struct hv_vmbus_device_id *id)
{
	WRITE_ONCE(target_state->other_probes, target_state->other_probes + 1);
	if (target_state->hold_probe)
		wait_for_completion(&target_state->go_on);
	return target_state->refuse ? -EIO : 0;
}

static vmb_hv_remove_result other_remove(struct hv_device *device)
{
	return (vmb_hv_remove_result)0;
}

static const struct hv_vmbus_device_id other_ids[] = {
	{ .guid = GUID_INIT(2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2) },
	{ }
};

struct hv_driver target_other_driver = {
	.name = "vmbkmcl_hv_other_test",
	.id_table = other_ids,
	.probe = other_probe,
	.remove = other_remove,
	.driver = { .name = "vmbkmcl_hv_other_test", .bus = &target_bus },
};

void target_other_take(struct work_struct *work)
{
	WARN_ON(driver_register(&target_other_driver.driver));
}

/* Offers. */

static void offer_release(struct device *device)
{
	complete(&container_of(device, struct offer, hv.device)->gone);
}

static void offer_rescind(struct work_struct *work)
{
	struct offer *offer = container_of(work, struct offer, rescind);

	WRITE_ONCE(offer->channel.rescind, true);
	device_unregister(&offer->hv.device);
}

struct offer *target_offer_add(struct kunit *test, u32 i, const guid_t *offered,
			       const guid_t *instance)
{
	struct offer *offer = kunit_kzalloc(test, sizeof(*offer), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, offer);
	offer->test = test;
	offer->hv.channel = &offer->channel;
	guid_copy(&offer->hv.dev_type, offered);
	guid_copy(&offer->hv.dev_instance, instance);
	INIT_WORK(&offer->rescind, offer_rescind);
	init_completion(&offer->gone);
	offer->hv.device.bus = &target_bus;
	offer->hv.device.release = offer_release;
	dev_set_name(&offer->hv.device, "hv_offer%u", i);
	KUNIT_ASSERT_EQ(test, device_register(&offer->hv.device), 0);
	offer->there = true;
	target_state->offers[i] = offer;
	return offer;
}

void target_offer_take_back(struct offer *offer)
{
	offer->there = false;
	queue_work(system_dfl_wq, &offer->rescind);
}

void target_offer_expect_gone(struct offer *offer)
{
	KUNIT_ASSERT_NE(offer->test,
			wait_for_completion_timeout(&offer->gone, PATIENCE), 0);
}
