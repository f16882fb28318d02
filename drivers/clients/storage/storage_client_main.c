// SPDX-License-Identifier: GPL-2.0
/*
 * The storage client as a module: what Linux wants of a driver, around what Windows'
 * names are behind. It puts a load on each device that it is given, and says in the
 * log what became of it.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "storage.h"

static unsigned int rounds = 20;
module_param(rounds, uint, 0444);
MODULE_PARM_DESC(rounds, "Writes, exchanges and reads of all of the disk (20)");

/* A server that has not come by then does not come. */
#define STORAGE_PATIENCE	(30 * HZ)

/**
 * struct storage_device - one device
 * @device: the library's half.
 * @storage: the client.
 * @work: the load.
 * @counters: what it has done.
 * @verdict: what is to be said of it; "none" while it goes on.
 */
struct storage_device {
	struct vmb_device *device;
	struct storage *storage;
	struct work_struct work;
	struct storage_counters counters;
	const char *verdict;
};

static const char *storage_verdict(const struct storage_device *device, int error)
{
	const struct storage_counters *counters = &device->counters;

	if (counters->wrong || device->storage->wrong_answers || error)
		return "discontent";
	return counters->cancelled || !counters->requests ? "stopped" : "content";
}

static void storage_work(struct work_struct *work)
{
	struct storage_device *device = container_of(work, struct storage_device, work);
	struct storage_counters *counters = &device->counters;
	struct storage *storage = device->storage;
	const char *verdict;
	int error = 0;

	if (storage_wait_while(storage, STORAGE_STARTING, STORAGE_PATIENCE) == STORAGE_READY)
		error = storage_load(storage, STORAGE_REQUESTS, rounds, counters);
	verdict = storage_verdict(device, error);
	dev_info_ratelimited(device->device->dev,
			     "%s: %llu requests, %llu bytes checked, %llu long answers, %llu cancelled, %llu wrong\n",
			     verdict, counters->requests, counters->bytes_checked,
			     storage->long_answers, counters->cancelled,
			     counters->wrong + storage->wrong_answers);
	WRITE_ONCE(device->verdict, verdict);
}

static int storage_probe(struct vmb_device *vmb_device)
{
	struct storage_device *device = kzalloc(sizeof(*device), GFP_KERNEL);
	NTSTATUS status;

	if (!device)
		return -ENOMEM;
	device->device = vmb_device;
	device->verdict = "none";
	INIT_WORK(&device->work, storage_work);
	status = storage_create(vmb_device, STORAGE_RING_PAGES, &device->storage);
	if (!NT_SUCCESS(status)) {
		kfree(device);
		return status == STATUS_INSUFFICIENT_RESOURCES ? -ENOMEM : -EINVAL;
	}
	vmb_device->driver_data = device;
	schedule_work(&device->work);
	return 0;
}

static void storage_remove(struct vmb_device *vmb_device)
{
	struct storage_device *device = vmb_device->driver_data;

	/* What the load waits for has ended then. */
	storage_stop(device->storage);
	cancel_work_sync(&device->work);
	storage_destroy(device->storage);
	kfree(device);
}

static ssize_t verdict_show(struct device *dev, struct device_attribute *attribute,
			    char *buffer)
{
	const struct storage_device *device = dev_to_vmb_device(dev)->driver_data;

	return sysfs_emit(buffer, "%s\n", READ_ONCE(device->verdict));
}
static DEVICE_ATTR_RO(verdict);

static struct attribute *storage_attributes[] = {
	&dev_attr_verdict.attr,
	NULL
};

static const struct attribute_group storage_group = {
	.name = "storage",
	.attrs = storage_attributes,
};

static const struct attribute_group *storage_groups[] = {
	&storage_group,
	NULL
};

static const struct hv_vmbus_device_id storage_id_table[] = {
	{ .guid = STORAGE_GUID },
	{ }
};
MODULE_DEVICE_TABLE(vmbus, storage_id_table);

static struct vmb_driver storage_driver = {
	.name = "vmb_storage_client",
	.id_table = storage_id_table,
	.device_groups = storage_groups,
	.probe = storage_probe,
	.remove = storage_remove,
};
module_vmb_driver(storage_driver);

MODULE_DESCRIPTION("Client of vmbkmcl's storage device, written against Windows' names");
MODULE_VERSION(VMB_VERSION);
MODULE_LICENSE("GPL");
