// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers on one side, transports on the other: every driver is registered with
 * every transport, whichever comes first.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/slab.h>

#include "channel.h"

/*
 * Protects both lists and the bindings of what is in them. Not held while buses
 * probe and remove: a driver may take its time there, and others need not wait.
 */
static DEFINE_MUTEX(vmb_registry_lock);
static LIST_HEAD(vmb_drivers);
static LIST_HEAD(vmb_transports);
/*
 * The one that has servers. Written under the lock, read without it, since a
 * probe allocates channels.
 */
static struct vmb_transport *vmb_local_transport;

enum vmb_binding_state {
	VMB_BINDING_CLAIMED,	/* somebody is about to register the driver */
	VMB_BINDING_BEGUN,	/* and does */
	VMB_BINDING_DONE,	/* it is registered */
	VMB_BINDING_FAILED,	/* it could not be */
};

/**
 * struct vmb_driver_binding - a driver and a transport that it is registered with
 * @node: in &vmb_driver.bindings.
 * @transport: the transport; its module is pinned unless that has failed.
 * @private: the transport's.
 * @state: how far that has come; under the lock until @over.
 * @over: it is done or has failed.
 *
 * Its place in the list keeps the pair from being registered twice, without a lock
 * that would be held while the bus probes.
 */
struct vmb_driver_binding {
	struct list_head node;
	struct vmb_transport *transport;
	void *private;
	enum vmb_binding_state state;
	struct completion over;
};

static bool vmb_driver_is_bound(const struct vmb_driver *driver,
				const struct vmb_transport *transport)
{
	const struct vmb_driver_binding *binding;

	list_for_each_entry(binding, &driver->bindings, node)
		if (binding->transport == transport)
			return true;
	return false;
}

/* The pair is the caller's to register. An ERR_PTR of -ENOMEM or -ENODEV. */
static struct vmb_driver_binding *
vmb_driver_claim(struct vmb_driver *driver, struct vmb_transport *transport)
{
	struct vmb_driver_binding *binding;

	lockdep_assert_held(&vmb_registry_lock);
	binding = kzalloc(sizeof(*binding), GFP_KERNEL);
	if (!binding)
		return ERR_PTR(-ENOMEM);
	if (!try_module_get(transport->owner)) {
		kfree(binding);
		return ERR_PTR(-ENODEV);
	}
	binding->transport = transport;
	init_completion(&binding->over);
	list_add_tail(&binding->node, &driver->bindings);
	return binding;
}

/*
 * Register the driver, without the lock: the bus probes, and a probe may wait.
 * The driver stays until it is over.
 */
static int vmb_driver_bind(struct vmb_driver *driver,
			   struct vmb_driver_binding *binding)
{
	int ret;

	lockdep_assert_held(&vmb_registry_lock);
	binding->state = VMB_BINDING_BEGUN;
	mutex_unlock(&vmb_registry_lock);
	ret = binding->transport->driver_register(driver, &binding->private);
	if (ret) {
		pr_err_ratelimited("driver %s cannot be registered with %s: %pe\n",
				   driver->name, binding->transport->name, ERR_PTR(ret));
		module_put(binding->transport->owner);
	}
	mutex_lock(&vmb_registry_lock);
	binding->state = ret ? VMB_BINDING_FAILED : VMB_BINDING_DONE;
	complete_all(&binding->over);
	return ret;
}

static struct vmb_driver_binding *vmb_driver_find_claim(struct vmb_driver *driver)
{
	struct vmb_driver_binding *binding;

	list_for_each_entry(binding, &driver->bindings, node)
		if (binding->state == VMB_BINDING_CLAIMED)
			return binding;
	return NULL;
}

/* With all transports that there are; those that come see to it themselves. */
static int vmb_driver_bind_all(struct vmb_driver *driver)
{
	struct vmb_driver_binding *binding;
	struct vmb_transport *transport;
	int ret;

	lockdep_assert_held(&vmb_registry_lock);
	list_for_each_entry(transport, &vmb_transports, node) {
		binding = vmb_driver_claim(driver, transport);
		/* It goes, and will say so in a moment. */
		if (binding == ERR_PTR(-ENODEV))
			continue;
		if (IS_ERR(binding))
			return PTR_ERR(binding);
	}
	while ((binding = vmb_driver_find_claim(driver))) {
		ret = vmb_driver_bind(driver, binding);
		if (ret)
			return ret;
	}
	return 0;
}

int __vmb_driver_register(struct vmb_driver *driver, struct module *owner,
			  const char *module_name, u32 interface_version,
			  size_t driver_size, size_t device_size)
{
	int ret;

	if (interface_version != VMB_INTERFACE_VERSION ||
	    driver_size != sizeof(struct vmb_driver) ||
	    device_size != sizeof(struct vmb_device)) {
		pr_err_ratelimited("%s was built against version %u of vmbkmcl.h, this is %u: build it again\n",
				   module_name, interface_version, VMB_INTERFACE_VERSION);
		return -EPROTO;
	}
	if (!driver->name || !driver->id_table || !driver->probe ||
	    !driver->remove) {
		pr_err_ratelimited("%s: struct vmb_driver needs name, id_table, probe and remove\n",
				   module_name);
		return -EINVAL;
	}
	INIT_LIST_HEAD(&driver->bindings);
	driver->owner = owner;
	driver->module_name = module_name;

	mutex_lock(&vmb_registry_lock);
	list_add_tail(&driver->node, &vmb_drivers);
	ret = vmb_driver_bind_all(driver);
	mutex_unlock(&vmb_registry_lock);
	if (ret)
		vmb_driver_unregister(driver);
	return ret;
}
EXPORT_SYMBOL_GPL(__vmb_driver_register);

void vmb_driver_unregister(struct vmb_driver *driver)
{
	struct vmb_driver_binding *binding, *next;

	mutex_lock(&vmb_registry_lock);
	list_del(&driver->node);
	mutex_unlock(&vmb_registry_lock);
	/* The list is ours now, but for a transport that is just registering it. */
	list_for_each_entry_safe(binding, next, &driver->bindings, node) {
		struct vmb_transport *transport = binding->transport;

		if (binding->state != VMB_BINDING_CLAIMED)
			wait_for_completion(&binding->over);
		if (binding->state == VMB_BINDING_DONE)
			transport->driver_unregister(driver, binding->private);
		if (binding->state != VMB_BINDING_FAILED)
			module_put(transport->owner);
		list_del(&binding->node);
		kfree(binding);
	}
}
EXPORT_SYMBOL_GPL(vmb_driver_unregister);

/* A driver that nobody registers with the transport; or NULL. */
static struct vmb_driver *vmb_registry_find(const struct vmb_transport *transport)
{
	struct vmb_driver *driver;

	lockdep_assert_held(&vmb_registry_lock);
	list_for_each_entry(driver, &vmb_drivers, node)
		if (!vmb_driver_is_bound(driver, transport))
			return driver;
	return NULL;
}

/* There is no memory to register them with: not even one that is small. */
static void vmb_registry_say_unbound(const struct vmb_transport *transport, int error)
{
	const struct vmb_driver *driver;

	lockdep_assert_held(&vmb_registry_lock);
	list_for_each_entry(driver, &vmb_drivers, node)
		if (!vmb_driver_is_bound(driver, transport))
			pr_err_ratelimited("driver %s cannot be registered with %s: %pe\n",
					   driver->name, transport->name, ERR_PTR(error));
}

/* A transport that comes again is another one, even at the same address. */
static void vmb_registry_drop_failed(const struct vmb_transport *transport)
{
	struct vmb_driver_binding *binding, *next;
	struct vmb_driver *driver;

	lockdep_assert_held(&vmb_registry_lock);
	list_for_each_entry(driver, &vmb_drivers, node) {
		list_for_each_entry_safe(binding, next, &driver->bindings, node) {
			if (binding->transport != transport ||
			    binding->state != VMB_BINDING_FAILED)
				continue;
			list_del(&binding->node);
			kfree(binding);
		}
	}
}

/**
 * vmb_transport_register() - a transport has come
 * @transport: the transport; gets every driver there is and will be. One that cannot
 *	be registered with it is named in the log.
 *
 * Context: process context.
 * Return: 0.
 */
int vmb_transport_register(struct vmb_transport *transport)
{
	struct vmb_driver_binding *binding;
	struct vmb_driver *driver;

	mutex_lock(&vmb_registry_lock);
	list_add_tail(&transport->node, &vmb_transports);
	if (transport->local_device)
		/* Pairs with vmb_transport_local(): the device is made before. */
		smp_store_release(&vmb_local_transport, transport);
	while ((driver = vmb_registry_find(transport))) {
		binding = vmb_driver_claim(driver, transport);
		if (IS_ERR(binding)) {
			vmb_registry_say_unbound(transport, PTR_ERR(binding));
			break;
		}
		vmb_driver_bind(driver, binding);
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
	vmb_registry_drop_failed(transport);
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
