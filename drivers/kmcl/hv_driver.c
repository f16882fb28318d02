// SPDX-License-Identifier: GPL-2.0
/*
 * vmbkmcl_hv.ko: makes an hv_driver of every driver of the library, in the
 * client's name, so that new_id, bind, unbind, driver_override and the module
 * link in sysfs are the client's own.
 */
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <asm/mshyperv.h>

#include "compat.h"
#include "hv_transport.h"

static bool allow_isolated;
module_param(allow_isolated, bool, 0444);
MODULE_PARM_DESC(allow_isolated,
		 "Bind to devices in an isolated (confidential) VM, where the host is the adversary");

/**
 * struct vmb_hv_driver - a driver as hv_vmbus sees it
 * @hv: hv_vmbus's half.
 * @driver: the client's half.
 *
 * Allocated by register, freed by unregister.
 */
struct vmb_hv_driver {
	struct hv_driver hv;
	struct vmb_driver *driver;
};

static struct vmb_driver *vmb_hv_driver_of(struct hv_device *hv)
{
	struct hv_driver *driver = container_of(hv->device.driver,
						struct hv_driver, driver);

	return container_of(driver, struct vmb_hv_driver, hv)->driver;
}

/* The client's remove, or its failed probe, is over. */
static void vmb_hv_device_free(struct vmb_hv_device *device)
{
	if (!vmb_transport_device_release(&device->transport)) {
		/* The host's next offers on it are for nobody. */
		vmb_hv_sub_device_hide(device);
		__module_get(THIS_MODULE);
		return;
	}
	vmb_hv_pm_wait_until_over(device);
	vmb_hv_sub_device_remove(device);
	vmb_hv_rings_free_kept(device);
	vmb_hv_mmio_free(device);
	kfree(device);
}

static int vmb_hv_probe(struct hv_device *hv, const struct hv_vmbus_device_id *id)
{
	struct vmb_driver *driver = vmb_hv_driver_of(hv);
	struct vmb_hv_device *device;
	int ret;

	if (hv_is_isolation_supported() && !allow_isolated) {
		dev_err_ratelimited(&hv->device,
				    "isolated VM: load vmbkmcl_hv with allow_isolated=1 if this host's devices are to be trusted\n");
		return -EPERM;
	}
	device = kzalloc(sizeof(*device), GFP_KERNEL);
	if (!device)
		return -ENOMEM;
	device->hv = hv;
	vmb_hv_forget_last_driver(hv->channel);
	mutex_init(&device->gpadl_lock);
	mutex_init(&device->kept_lock);
	mutex_init(&device->mmio_lock);
	INIT_LIST_HEAD(&device->kept);
	vmb_hv_sub_device_add(device);
	device->transport.isolated = hv_is_isolation_supported();
	vmb_transport_device_init(&device->transport, &hv->device, &hv->dev_type,
				  &hv->dev_instance, &vmb_hv_channel_operations);
	/* A bounced buffer keeps its offset in the page: the packet says it. */
	dma_set_min_align_mask(&hv->device, HV_HYP_PAGE_SIZE - 1);
	/* A list of pages knows no longest piece, and no line not to be crossed. */
	dma_set_max_seg_size(&hv->device, UINT_MAX);
	dma_set_seg_boundary(&hv->device, ULONG_MAX);
	vmb_transport_device_set_dma_device(&device->transport, &hv->device);
	ret = driver->probe(&device->transport.device);
	if (ret)
		vmb_hv_device_free(device);
	return ret;
}

static vmb_hv_remove_result vmb_hv_remove(struct hv_device *hv)
{
	struct vmb_driver *driver = vmb_hv_driver_of(hv);
	struct vmb_hv_device *device;

	device = container_of(dev_to_vmb_device(&hv->device),
			      struct vmb_hv_device, transport.device);
	if (READ_ONCE(hv->channel->rescind))
		vmb_transport_device_peer_gone(&device->transport);
	vmb_transport_device_removing(&device->transport);
	driver->remove(&device->transport.device);
	vmb_hv_device_free(device);
	return (vmb_hv_remove_result)0;
}

static int vmb_hv_driver_register(struct vmb_driver *driver, void **private)
{
	struct vmb_hv_driver *hv;
	int ret;

	hv = kzalloc(sizeof(*hv), GFP_KERNEL);
	if (!hv)
		return -ENOMEM;
	hv->driver = driver;
	hv->hv.name = driver->name;
	hv->hv.id_table = driver->id_table;
	hv->hv.probe = vmb_hv_probe;
	hv->hv.remove = vmb_hv_remove;
	hv->hv.shutdown = vmb_hv_shutdown;
	hv->hv.suspend = vmb_hv_suspend;
	hv->hv.resume = vmb_hv_resume;
	hv->hv.driver.dev_groups = driver->device_groups;
	ret = __vmbus_driver_register(&hv->hv, driver->owner,
				      driver->module_name);
	if (ret) {
		kfree(hv);
		return ret;
	}
	*private = hv;
	return 0;
}

static void vmb_hv_driver_unregister(struct vmb_driver *driver, void *private)
{
	struct vmb_hv_driver *hv = private;

	vmbus_driver_unregister(&hv->hv);
	kfree(hv);
}

static struct vmb_transport vmb_hv_transport = {
	.name = "hv_vmbus",
	.owner = THIS_MODULE,
	.driver_register = vmb_hv_driver_register,
	.driver_unregister = vmb_hv_driver_unregister,
};

static int __init vmb_hv_init(void)
{
	int ret;

	/*
	 * Where hv_vmbus is built in, it is there on any machine and refuses
	 * every driver: better no transport, for which drivers wait.
	 */
	if (!hv_is_hyperv_initialized())
		return -ENODEV;
	ret = vmb_hv_target_init();
	if (ret)
		return ret;
	ret = vmb_transport_register(&vmb_hv_transport);
	if (ret)
		vmb_hv_target_exit();
	return ret;
}

static void __exit vmb_hv_exit(void)
{
	vmb_transport_unregister(&vmb_hv_transport);
	vmb_hv_target_exit();
	vmb_hv_sub_exit();
}

module_init(vmb_hv_init);
module_exit(vmb_hv_exit);

MODULE_DESCRIPTION("VMBus Kernel Mode Client Library over Hyper-V's VMBus");
MODULE_VERSION(VMB_VERSION);
MODULE_LICENSE("GPL");
