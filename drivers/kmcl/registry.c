// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers on one side, transports on the other: every driver is registered with
 * every transport, whichever comes first.
 */
#include <linux/slab.h>

#include "channel.h"

/* Protects both lists and the bindings; held while buses probe and remove. */
static DEFINE_MUTEX(vmb_registry_lock);
static LIST_HEAD(vmb_drivers);
static LIST_HEAD(vmb_transports);
/*
 * The one that has servers. Written under the lock, read without it, since a
 * probe that the registry waits for allocates channels.
 */
static struct vmb_transport *vmb_local_transport;

/**
 * struct vmb_driver_binding - a driver registered with a transport
 * @node: in &vmb_driver.bindings.
 * @transport: the transport; its module is pinned.
 * @private: the transport's.
 */
struct vmb_driver_binding {
	struct list_head node;
	struct vmb_transport *transport;
	void *private;
};

static int vmb_driver_bind(struct vmb_driver *driver,
			   struct vmb_transport *transport)
{
	struct vmb_driver_binding *binding;
	int ret;

	lockdep_assert_held(&vmb_registry_lock);
	binding = kzalloc(sizeof(*binding), GFP_KERNEL);
	if (!binding)
		return -ENOMEM;
	if (!try_module_get(transport->owner)) {
		ret = -ENODEV;
		goto free_binding;
	}
	binding->transport = transport;
	ret = transport->driver_register(driver, &binding->private);
	if (ret)
		goto put_module;
	list_add_tail(&binding->node, &driver->bindings);
	return 0;

put_module:
	module_put(transport->owner);
free_binding:
	kfree(binding);
	return ret;
}

static void vmb_driver_unbind(struct vmb_driver *driver,
			      struct vmb_driver_binding *binding)
{
	lockdep_assert_held(&vmb_registry_lock);
	list_del(&binding->node);
	binding->transport->driver_unregister(driver, binding->private);
	module_put(binding->transport->owner);
	kfree(binding);
}

static void vmb_driver_unbind_all(struct vmb_driver *driver)
{
	struct vmb_driver_binding *binding, *next;

	list_for_each_entry_safe(binding, next, &driver->bindings, node)
		vmb_driver_unbind(driver, binding);
}

int __vmb_driver_register(struct vmb_driver *driver, struct module *owner,
			  const char *module_name, u32 interface_version,
			  size_t driver_size, size_t device_size)
{
	struct vmb_transport *transport;
	int ret = 0;

	if (interface_version != VMB_INTERFACE_VERSION ||
	    driver_size != sizeof(struct vmb_driver) ||
	    device_size != sizeof(struct vmb_device)) {
		pr_err("%s was built against version %u of vmbkmcl.h, this is %u: build it again\n",
		       module_name, interface_version, VMB_INTERFACE_VERSION);
		return -EPROTO;
	}
	if (!driver->name || !driver->id_table || !driver->probe ||
	    !driver->remove) {
		pr_err("%s: struct vmb_driver needs name, id_table, probe and remove\n",
		       module_name);
		return -EINVAL;
	}
	INIT_LIST_HEAD(&driver->bindings);
	driver->owner = owner;
	driver->module_name = module_name;

	mutex_lock(&vmb_registry_lock);
	list_for_each_entry(transport, &vmb_transports, node) {
		ret = vmb_driver_bind(driver, transport);
		if (ret)
			break;
	}
	if (ret)
		vmb_driver_unbind_all(driver);
	else
		list_add_tail(&driver->node, &vmb_drivers);
	mutex_unlock(&vmb_registry_lock);
	return ret;
}
EXPORT_SYMBOL_GPL(__vmb_driver_register);

void vmb_driver_unregister(struct vmb_driver *driver)
{
	mutex_lock(&vmb_registry_lock);
	list_del(&driver->node);
	vmb_driver_unbind_all(driver);
	mutex_unlock(&vmb_registry_lock);
}
EXPORT_SYMBOL_GPL(vmb_driver_unregister);

/**
 * vmb_transport_register() - a transport has come
 * @transport: the transport; gets every driver there is and will be.
 *
 * Context: process context.
 * Return: 0.
 */
int vmb_transport_register(struct vmb_transport *transport)
{
	struct vmb_driver *driver;
	int ret;

	mutex_lock(&vmb_registry_lock);
	list_add_tail(&transport->node, &vmb_transports);
	if (transport->local_device)
		/* Pairs with vmb_transport_local(): the device is made before. */
		smp_store_release(&vmb_local_transport, transport);
	list_for_each_entry(driver, &vmb_drivers, node) {
		ret = vmb_driver_bind(driver, transport);
		if (ret)
			pr_err("driver %s cannot be registered with %s: %pe\n",
			       driver->name, transport->name, ERR_PTR(ret));
	}
	mutex_unlock(&vmb_registry_lock);
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_transport_register);

/**
 * vmb_transport_unregister() - a transport goes
 * @transport: the transport. Its module is not pinned any more, so no driver is
 *	registered with it.
 *
 * Context: process context.
 */
void vmb_transport_unregister(struct vmb_transport *transport)
{
	mutex_lock(&vmb_registry_lock);
	list_del(&transport->node);
	if (transport == vmb_local_transport)
		WRITE_ONCE(vmb_local_transport, NULL);
	mutex_unlock(&vmb_registry_lock);
}
EXPORT_SYMBOL_GPL(vmb_transport_unregister);

/* The transport on which this kernel can offer channels to itself, or NULL. */
const struct vmb_transport *vmb_transport_local(void)
{
	/* Pairs with vmb_transport_register(). */
	return smp_load_acquire(&vmb_local_transport);
}
