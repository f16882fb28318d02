/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Devices and drivers. Part of vmbkmcl.h, which is
 * what a client includes.
 */
#ifndef VMBKMCL_DRIVER_H
#define VMBKMCL_DRIVER_H

/**
 * struct vmb_device - a VMBus device, whichever transport brought it
 * @dev: the device to log with and to hang sysfs files on.
 * @interface_type: the type GUID of the offer.
 * @interface_instance: the instance GUID of the offer.
 * @driver_data: the client's; never touched by the library.
 * @transport_private: the library's.
 *
 * Made by the transport before probe, freed after remove. All fields but
 * @driver_data are immutable in between.
 */
struct vmb_device {
	struct device *dev;
	guid_t interface_type;
	guid_t interface_instance;
	void *driver_data;
	void *transport_private;
};

/**
 * dev_to_vmb_device() - the VMBus device behind a struct device
 * @dev: &vmb_device.dev of a bound device, as sysfs hands it to an attribute.
 *
 * Context: any; from probe to remove.
 * Return: the VMBus device.
 */
static inline struct vmb_device *dev_to_vmb_device(struct device *dev)
{
	return dev_get_drvdata(dev);
}

/**
 * struct vmb_driver - a driver for one or more types of VMBus device
 * @name: its name under /sys/bus/vmbus/drivers.
 * @id_table: type GUIDs, ended by an empty entry; also for MODULE_DEVICE_TABLE().
 * @device_groups: sysfs attributes of every bound device, NULL-ended, or NULL.
 * @probe: a device was found. Process context. Allocates, configures and
 *	enables a channel as a rule. 0, or an errno that leaves the device alone.
 *	Must not wait for another driver of the library to be loaded.
 * @remove: the device goes. Process context. Must leave no channel of the
 *	device enabled, and clean up all of them.
 * @node: the library's.
 * @bindings: the library's.
 * @owner: the library's.
 * @module_name: the library's.
 *
 * Owned by the client; must stay until vmb_driver_unregister() has returned.
 */
struct vmb_driver {
	const char *name;
	const struct hv_vmbus_device_id *id_table;
	const struct attribute_group **device_groups;
	int (*probe)(struct vmb_device *device);
	void (*remove)(struct vmb_device *device);

	struct list_head node;
	struct list_head bindings;
	struct module *owner;
	const char *module_name;
};

/**
 * __vmb_driver_register() - use vmb_driver_register()
 * @driver: the driver.
 * @owner: the client's module.
 * @module_name: and its name.
 * @interface_version: VMB_INTERFACE_VERSION of the header it was built with.
 * @driver_size: bytes of its struct vmb_driver.
 * @device_size: bytes of its struct vmb_device.
 *
 * Kernels from 7.2 have no symbol versions, so a client that was built against
 * another header would be loaded and go wrong later.
 *
 * Context: process context.
 * Return: as vmb_driver_register().
 */
int __vmb_driver_register(struct vmb_driver *driver, struct module *owner,
			  const char *module_name, u32 interface_version,
			  size_t driver_size, size_t device_size);

/**
 * vmb_driver_register() - register a driver with every transport
 * @driver: the driver.
 *
 * Transports that load later get it, too. Where no transport is (no Hyper-V),
 * the driver waits; that is not an error.
 *
 * Context: process context.
 * Return: 0; -EINVAL: name, id table or a callback is missing; -EPROTO: built
 * against another interface version; or what the transport's bus said.
 */
#define vmb_driver_register(driver)					\
	__vmb_driver_register(driver, THIS_MODULE, KBUILD_MODNAME,	\
			      VMB_INTERFACE_VERSION,			\
			      sizeof(struct vmb_driver),		\
			      sizeof(struct vmb_device))

/**
 * module_vmb_driver() - a module that does nothing but register a driver
 * @__driver: the struct vmb_driver.
 *
 * The soft dependency has modprobe load the transport first, so that a client
 * that udev found by its alias finds its device.
 */
#define module_vmb_driver(__driver)					\
	module_driver(__driver, vmb_driver_register, vmb_driver_unregister); \
	MODULE_SOFTDEP("pre: vmbkmcl_hv")

/**
 * vmb_driver_unregister() - take a driver back from every transport
 * @driver: a registered driver. All its devices are removed when this returns.
 *
 * Context: process context.
 */
void vmb_driver_unregister(struct vmb_driver *driver);

#endif
