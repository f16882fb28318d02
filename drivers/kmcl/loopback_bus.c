// SPDX-License-Identifier: GPL-2.0
/*
 * Offers on loopback, and the bus on which each of them is a device, so that the
 * driver that binds to a Hyper-V host's offer binds to one of this kernel.
 */
#include <linux/slab.h>

#include "observe.h"
#include "compat.h"
#include "loopback.h"

/* Parent of all offers, and device of channels that were given none. */
static struct device *vmb_loopback_root;
struct vmb_loopback_device vmb_loopback_root_device;
/* Offers made so far, under vmb_loopback_lock; their names. */
static u32 vmb_loopback_offer_count;

/**
 * struct vmb_loopback_driver - a driver as our bus sees it
 * @driver: the kernel's half.
 * @client: the client's half.
 *
 * Allocated by register, freed by unregister.
 */
struct vmb_loopback_driver {
	struct device_driver driver;
	struct vmb_driver *client;
};

static struct vmb_driver *vmb_loopback_driver_of(const struct device_driver *driver)
{
	return container_of(driver, struct vmb_loopback_driver, driver)->client;
}

static struct vmb_loopback_offer *vmb_loopback_offer_of(const struct device *dev)
{
	return container_of(dev, struct vmb_loopback_offer, dev);
}

static int vmb_loopback_match(struct device *dev, vmb_bus_match_driver *driver)
{
	const struct vmb_loopback_offer *offer = vmb_loopback_offer_of(dev);
	const struct hv_vmbus_device_id *id;

	for (id = vmb_loopback_driver_of(driver)->id_table;
	     !guid_is_null(&id->guid); id++)
		if (guid_equal(&id->guid, &offer->type))
			return 1;
	return 0;
}

/* As hv_vmbus has it, so that udev loads the same driver. */
static int vmb_loopback_uevent(vmb_bus_uevent_device *dev,
			       struct kobj_uevent_env *env)
{
	return add_uevent_var(env, "MODALIAS=vmbus:%*phN", (int)sizeof(guid_t),
			      &vmb_loopback_offer_of(dev)->type);
}

static void vmb_loopback_device_init(struct vmb_loopback_device *device,
				     struct device *dev, const guid_t *type,
				     const guid_t *instance)
{
	device->transport.local = true;
	vmb_transport_device_init(&device->transport, dev, type, instance,
				  &vmb_loopback_client_operations);
}

static void vmb_loopback_bind(struct vmb_loopback_device *device)
{
	mutex_lock(&vmb_loopback_lock);
	device->offer->bound = device;
	mutex_unlock(&vmb_loopback_lock);
}

static void vmb_loopback_unbind(struct vmb_loopback_device *device)
{
	bool gone = vmb_transport_device_release(&device->transport);

	mutex_lock(&vmb_loopback_lock);
	device->offer->bound = NULL;
	mutex_unlock(&vmb_loopback_lock);
	if (gone)
		kfree(device);
}

static int vmb_loopback_probe(struct device *dev)
{
	struct vmb_loopback_offer *offer = vmb_loopback_offer_of(dev);
	struct vmb_loopback_device *device;
	int ret;

	device = kzalloc(sizeof(*device), GFP_KERNEL);
	if (!device)
		return -ENOMEM;
	device->offer = offer;
	vmb_loopback_device_init(device, dev, &offer->type, &offer->instance);
	vmb_loopback_bind(device);
	ret = vmb_loopback_driver_of(dev->driver)->probe(&device->transport.device);
	if (ret)
		vmb_loopback_unbind(device);
	return ret;
}

static void vmb_loopback_remove(struct device *dev)
{
	struct vmb_loopback_device *device;

	device = container_of(dev_to_vmb_device(dev), struct vmb_loopback_device,
			      transport.device);
	vmb_transport_device_removing(&device->transport);
	vmb_loopback_driver_of(dev->driver)->remove(&device->transport.device);
	vmb_loopback_unbind(device);
}

/* What tells one offer from another; the names are hv_vmbus's. */
static ssize_t class_id_show(struct device *dev, struct device_attribute *attribute,
			     char *buffer)
{
	return sysfs_emit(buffer, "{%pUl}\n", &vmb_loopback_offer_of(dev)->type);
}
static DEVICE_ATTR_RO(class_id);

static ssize_t device_id_show(struct device *dev, struct device_attribute *attribute,
			      char *buffer)
{
	return sysfs_emit(buffer, "{%pUl}\n", &vmb_loopback_offer_of(dev)->instance);
}
static DEVICE_ATTR_RO(device_id);

static ssize_t pipe_show(struct device *dev, struct device_attribute *attribute,
			 char *buffer)
{
	return sysfs_emit(buffer, "%d\n", vmb_loopback_offer_of(dev)->pipe);
}
static DEVICE_ATTR_RO(pipe);

static struct attribute *vmb_loopback_attrs[] = {
	&dev_attr_class_id.attr,
	&dev_attr_pipe.attr,
	&dev_attr_device_id.attr,
	NULL
};
ATTRIBUTE_GROUPS(vmb_loopback);

static vmb_bus_type vmb_loopback_bus = {
	.name = VMB_LOOPBACK_NAME,
	.dev_groups = vmb_loopback_groups,
	.match = vmb_loopback_match,
	.uevent = vmb_loopback_uevent,
	.probe = vmb_loopback_probe,
	.remove = vmb_loopback_remove,
};

int vmb_loopback_driver_register(struct vmb_driver *driver, void **private)
{
	struct vmb_loopback_driver *loopback;
	int ret;

	loopback = kzalloc(sizeof(*loopback), GFP_KERNEL);
	if (!loopback)
		return -ENOMEM;
	loopback->client = driver;
	loopback->driver.name = driver->name;
	loopback->driver.owner = driver->owner;
	loopback->driver.mod_name = driver->module_name;
	loopback->driver.bus = &vmb_loopback_bus;
	loopback->driver.dev_groups = driver->device_groups;
	ret = driver_register(&loopback->driver);
	if (ret) {
		kfree(loopback);
		return ret;
	}
	*private = loopback;
	return 0;
}

void vmb_loopback_driver_unregister(struct vmb_driver *driver, void *private)
{
	struct vmb_loopback_driver *loopback = private;

	driver_unregister(&loopback->driver);
	kfree(loopback);
}

static void vmb_loopback_offer_release(struct device *dev)
{
	kfree_rcu(vmb_loopback_offer_of(dev), rcu);
}

static void vmb_loopback_offer_add(struct work_struct *work)
{
	struct vmb_loopback_offer *offer = container_of(work, struct vmb_loopback_offer,
							announce);
	int ret;

	ret = device_add(&offer->dev);
	offer->added = !ret;
	/* Clients that ask for it by its GUIDs find it all the same. */
	if (ret)
		dev_err_ratelimited(vmb_loopback_root,
				    "offer {%pUl} {%pUl} has no device: %pe\n", &offer->type,
				    &offer->instance, ERR_PTR(ret));
}

/* Neither server nor client is left. */
static void vmb_loopback_offer_orphaned(struct work_struct *work)
{
	struct vmb_loopback_offer *offer = container_of(work, struct vmb_loopback_offer,
							orphaned);

	vmb_loopback_orphan_memory(offer);
	vmb_loopback_offer_withdraw(offer);
}

/* Is the same offered by somebody else? */
static bool vmb_loopback_offer_exists(const struct vmb_loopback_offer *new)
{
	const struct vmb_loopback_offer *offer;

	lockdep_assert_held(&vmb_loopback_lock);
	list_for_each_entry(offer, &vmb_loopback_offers, node)
		if (guid_equal(&offer->type, &new->type) &&
		    guid_equal(&offer->instance, &new->instance) &&
		    offer->index == new->index)
			return true;
	return false;
}

/*
 * The offer of a server that is being enabled; no client can find it yet. An
 * ERR_PTR of -EEXIST if another server has the same, or -ENOMEM.
 */
struct vmb_loopback_offer *vmb_loopback_offer_make(struct vmb_channel *server,
						   const guid_t *type,
						   const guid_t *instance)
{
	struct vmb_loopback_offer *offer;
	int ret;

	offer = kzalloc(sizeof(*offer), GFP_KERNEL);
	if (!offer)
		return ERR_PTR(-ENOMEM);
	offer->queue = alloc_ordered_workqueue("vmb_offer", 0);
	if (!offer->queue) {
		kfree(offer);
		return ERR_PTR(-ENOMEM);
	}
	offer->mmio = vmb_loopback_mmio_of(server);
	if (IS_ERR(offer->mmio)) {
		destroy_workqueue(offer->queue);
		kfree(offer);
		return ERR_PTR(-ENOMEM);
	}
	offer->channel = server;
	guid_copy(&offer->type, type);
	guid_copy(&offer->instance, instance);
	offer->index = vmb_channel_sub_channel_index(server);
	offer->pipe = server->server_flags & VMB_SERVER_CHANNEL_INIT_FLAG_OFFER_AS_PIPE;
	INIT_WORK(&offer->announce, vmb_loopback_offer_add);
	INIT_WORK(&offer->orphaned, vmb_loopback_offer_orphaned);
	device_initialize(&offer->dev);
	offer->dev.bus = &vmb_loopback_bus;
	offer->dev.parent = vmb_loopback_root;
	offer->dev.release = vmb_loopback_offer_release;

	mutex_lock(&vmb_loopback_lock);
	ret = dev_set_name(&offer->dev, "offer%u", vmb_loopback_offer_count++);
	if (!ret && vmb_loopback_offer_exists(offer))
		ret = -EEXIST;
	if (!ret)
		list_add_tail(&offer->node, &vmb_loopback_offers);
	mutex_unlock(&vmb_loopback_lock);
	if (ret) {
		destroy_workqueue(offer->queue);
		vmb_loopback_mmio_put(offer->mmio);
		put_device(&offer->dev);
		return ERR_PTR(ret);
	}
	return offer;
}

/* Once: have a worker show it to drivers soon. A sub-channel has no device. */
void vmb_loopback_offer_announce(struct vmb_loopback_offer *offer)
{
	lockdep_assert_held(&vmb_loopback_lock);
	if (offer->announced || offer->index)
		return;
	offer->announced = true;
	queue_work(offer->queue, &offer->announce);
}

/*
 * The server goes, and has let go of its client. The driver that is bound to the
 * offer's device is told at once, because its probe may be waiting for a channel that
 * will not open now. Then the device is removed, which waits for that driver. When
 * this returns another server may offer the same type and instance.
 */
void vmb_loopback_offer_withdraw(struct vmb_loopback_offer *offer)
{
	mutex_lock(&vmb_loopback_lock);
	WRITE_ONCE(offer->withdrawn, true);
	offer->available = false;
	if (offer->bound)
		vmb_transport_device_peer_gone(&offer->bound->transport);
	mutex_unlock(&vmb_loopback_lock);

	cancel_work_sync(&offer->announce);
	destroy_workqueue(offer->queue);
	if (offer->added)
		device_del(&offer->dev);

	mutex_lock(&vmb_loopback_lock);
	list_del(&offer->node);
	mutex_unlock(&vmb_loopback_lock);
	vmb_loopback_mmio_put(offer->mmio);
	put_device(&offer->dev);
}

int vmb_loopback_bus_init(void)
{
	int ret;

	vmb_loopback_orphans = alloc_workqueue("vmb_loopback", WQ_UNBOUND, 0);
	if (!vmb_loopback_orphans)
		return -ENOMEM;
	vmb_loopback_root = root_device_register(VMB_LOOPBACK_NAME);
	if (IS_ERR(vmb_loopback_root)) {
		destroy_workqueue(vmb_loopback_orphans);
		return PTR_ERR(vmb_loopback_root);
	}
	vmb_loopback_device_init(&vmb_loopback_root_device, vmb_loopback_root,
				 &guid_null, &guid_null);
	ret = bus_register(&vmb_loopback_bus);
	if (ret) {
		root_device_unregister(vmb_loopback_root);
		destroy_workqueue(vmb_loopback_orphans);
	}
	return ret;
}

/* No driver is registered and no channel allocated: they pin the module. */
void vmb_loopback_bus_exit(void)
{
	/* The last client may have left an offer behind. */
	destroy_workqueue(vmb_loopback_orphans);
	bus_unregister(&vmb_loopback_bus);
	vmb_transport_device_release(&vmb_loopback_root_device.transport);
	root_device_unregister(vmb_loopback_root);
}
