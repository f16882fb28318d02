// SPDX-License-Identifier: GPL-2.0
/*
 * Devices and channels as a transport sees them.
 */
#include <linux/dma-mapping.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "observe.h"

/**
 * vmb_transport_device_init() - a device that is about to be probed
 * @device: embedded in the transport's own struct; zeroed.
 * @dev: the struct device behind it; its drvdata becomes &vmb_device.
 * @interface_type: type GUID of the offer.
 * @interface_instance: instance GUID of the offer.
 * @operations: of the channels on it.
 *
 * Context: process context.
 */
void vmb_transport_device_init(struct vmb_transport_device *device,
			       struct device *dev,
			       const guid_t *interface_type,
			       const guid_t *interface_instance,
			       const struct vmb_channel_transport_operations *operations)
{
	spin_lock_init(&device->lock);
	INIT_LIST_HEAD(&device->channels);
	device->operations = operations;
	device->dma_most = U32_MAX;
	device->device.dev = dev;
	guid_copy(&device->device.interface_type, interface_type);
	guid_copy(&device->device.interface_instance, interface_instance);
	dev_set_drvdata(dev, &device->device);
}
EXPORT_SYMBOL_GPL(vmb_transport_device_init);

/**
 * vmb_transport_device_set_dma_device() - map external data for a device
 * @device: made by vmb_transport_device_init(), and not probed yet.
 * @dma_device: whose DMA API settings are final.
 *
 * Context: process context.
 */
void vmb_transport_device_set_dma_device(struct vmb_transport_device *device,
					 struct device *dma_device)
{
	size_t most = min_t(size_t, dma_max_mapping_size(dma_device),
			    dma_get_max_seg_size(dma_device));

	device->dma_device = dma_device;
	if (most < U32_MAX)
		device->dma_most = max_t(u32, round_down((u32)most, PAGE_SIZE),
					 PAGE_SIZE);
}
EXPORT_SYMBOL_GPL(vmb_transport_device_set_dma_device);

/**
 * vmb_transport_device_peer_gone() - the peer took back its offer
 * @device: the device; its channels begin to close, but for those that have an offer
 *	of their own.
 *
 * Context: process context.
 */
void vmb_transport_device_peer_gone(struct vmb_transport_device *device)
{
	struct vmb_channel *channel;

	spin_lock_irq(&device->lock);
	list_for_each_entry(channel, &device->channels, device_node)
		if (!vmb_channel_has_own_offer(channel))
			vmb_life_stop(channel, VMB_CHANNEL_STOP_PEER_GONE);
	spin_unlock_irq(&device->lock);
}
EXPORT_SYMBOL_GPL(vmb_transport_device_peer_gone);

/**
 * vmb_transport_device_removing() - the client's remove is about to be called
 * @device: the device; no channel can be allocated on it any more, and waiting
 *	for the client is bounded from now on.
 *
 * Context: process context.
 */
void vmb_transport_device_removing(struct vmb_transport_device *device)
{
	spin_lock_irq(&device->lock);
	WRITE_ONCE(device->removing, true);
	spin_unlock_irq(&device->lock);
}
EXPORT_SYMBOL_GPL(vmb_transport_device_removing);

/**
 * vmb_transport_device_pm_resume() - the VM has resumed
 * @device: the device; its channels are opened again.
 *
 * Context: process context.
 */
void vmb_transport_device_pm_resume(struct vmb_transport_device *device)
{
	struct vmb_channel *channel;

	spin_lock_irq(&device->lock);
	device->suspended = false;
	/* A sub-channel that goes on as it was must know that its primary does. */
	list_for_each_entry(channel, &device->channels, device_node)
		if (!channel->primary)
			vmb_life_pm_resume(channel);
	list_for_each_entry(channel, &device->channels, device_node)
		if (channel->primary)
			vmb_life_pm_resume(channel);
	spin_unlock_irq(&device->lock);
}
EXPORT_SYMBOL_GPL(vmb_transport_device_pm_resume);

/*
 * How long hibernation waits for channels to quiesce, and then for their peers to
 * close them. Their own limits are shorter.
 */
#define VMB_HIBERNATE_PATIENCE	(10 * HZ)

/*
 * The first channel behind @previous of which it is true, or of all if that is NULL
 * or was given back; with a reference. NULL: there is none.
 */
static struct vmb_channel *
vmb_transport_device_find(struct vmb_transport_device *device,
			  const struct vmb_channel *previous,
			  bool (*is_true)(const struct vmb_channel *channel))
{
	struct vmb_channel *channel, *found = NULL;
	bool behind;

	spin_lock_irq(&device->lock);
	behind = !previous || list_empty(&previous->device_node);
	list_for_each_entry(channel, &device->channels, device_node) {
		if (behind && is_true(channel)) {
			found = channel;
			kobject_get(&found->kobject);
			break;
		}
		behind |= channel == previous;
	}
	spin_unlock_irq(&device->lock);
	return found;
}

/*
 * The time is up. It is for all of them: each may wait for what only this ends, and
 * they wait for each other.
 */
static void
vmb_transport_device_time_out(struct vmb_transport_device *device,
			      bool (*is_true)(const struct vmb_channel *channel))
{
	struct vmb_channel *channel, *previous = NULL;

	while ((channel = vmb_transport_device_find(device, previous, is_true))) {
		vmb_life_pm_timed_out(channel);
		if (previous)
			kobject_put(&previous->kobject);
		previous = channel;
	}
	if (previous)
		kobject_put(&previous->kobject);
}

/* Until it is true of none. 0; -EBUSY: that took too long, or one has refused. */
static int
vmb_transport_device_wait(struct vmb_transport_device *device,
			  bool (*is_true)(const struct vmb_channel *channel))
{
	long left = VMB_HIBERNATE_PATIENCE;
	struct vmb_channel *channel;

	while (left && (channel = vmb_transport_device_find(device, NULL, is_true))) {
		left = wait_event_timeout(channel->life.changed, !is_true(channel),
					  left);
		kobject_put(&channel->kobject);
	}
	if (!left)
		vmb_transport_device_time_out(device, is_true);
	channel = vmb_transport_device_find(device, NULL, vmb_life_pm_has_refused);
	if (channel)
		kobject_put(&channel->kobject);
	return left && !channel ? 0 : -EBUSY;
}

/*
 * Close all channels, which stay enabled; but not one before all have quiesced,
 * for a sub-channel that is closed cannot go on. 0 or -EBUSY.
 */
static int vmb_transport_device_close_all(struct vmb_transport_device *device,
					  enum vmb_channel_stop_reason reason)
{
	struct vmb_channel *channel;
	int ret;

	spin_lock_irq(&device->lock);
	/* One that is about to go on as it was must not find that its primary closes. */
	list_for_each_entry(channel, &device->channels, device_node)
		if (channel->primary)
			vmb_life_pm_quiesce(channel, reason);
	list_for_each_entry(channel, &device->channels, device_node)
		if (!channel->primary)
			vmb_life_pm_quiesce(channel, reason);
	spin_unlock_irq(&device->lock);
	ret = vmb_transport_device_wait(device, vmb_life_pm_is_quiescing);
	/* A VM that shuts down does so in any case: close the channels that can be. */
	if (ret && reason != VMB_CHANNEL_STOP_SHUTDOWN)
		return ret;
	spin_lock_irq(&device->lock);
	list_for_each_entry(channel, &device->channels, device_node)
		vmb_life_pm_close(channel);
	spin_unlock_irq(&device->lock);
	return vmb_transport_device_wait(device, vmb_life_pm_is_closing);
}

/**
 * vmb_transport_device_pm_close() - the VM is about to hibernate
 * @device: the device; its channels are closed, and stay enabled. What is enabled
 *	from here on opens when the VM has resumed.
 *
 * Context: process context; interrupts of devices may be off, and freezable
 * threads stand still.
 * Return: 0; -EBUSY: a driver holds packets that cannot be taken from it; then
 * every channel is open again, or about to be.
 */
int vmb_transport_device_pm_close(struct vmb_transport_device *device)
{
	int ret;

	spin_lock_irq(&device->lock);
	device->suspended = true;
	spin_unlock_irq(&device->lock);
	ret = vmb_transport_device_close_all(device, VMB_CHANNEL_STOP_HIBERNATING);
	if (ret)
		vmb_transport_device_pm_resume(device);
	return ret;
}
EXPORT_SYMBOL_GPL(vmb_transport_device_pm_close);

/**
 * vmb_transport_device_shutdown() - the VM shuts down
 * @device: the device; its channels are closed, so that the peer writes to no
 *	memory of this kernel when another one runs. What drivers have sent ends,
 *	and they can send no more. A driver that does not return from a callback
 *	keeps its channel open, and if that is a sub-channel its primary, too; that
 *	is said in the log.
 *
 * Context: process context; waits for 20 s at most.
 */
void vmb_transport_device_shutdown(struct vmb_transport_device *device)
{
	spin_lock_irq(&device->lock);
	device->shutting_down = true;
	spin_unlock_irq(&device->lock);
	vmb_transport_device_close_all(device, VMB_CHANNEL_STOP_SHUTDOWN);
}
EXPORT_SYMBOL_GPL(vmb_transport_device_shutdown);

/*
 * A driver is unbound inside a callback of a channel that it leaves behind. Nobody can
 * wait for that here. The channels end by themselves when it has returned; until then
 * they need all that they are on, and have callbacks to call, and nobody is there to be
 * told when that is over. So it stays for good, as the driver's module does.
 */
static void vmb_transport_device_stays(struct vmb_transport_device *device)
{
	struct device *dev = get_device(device->device.dev);
	struct vmb_channel *channel;

	if (dev->driver)
		__module_get(dev->driver->owner);
	__module_get(THIS_MODULE);
	WARN_ONCE(1, "vmbkmcl: %s: removed in a callback of a channel, and kept for good\n",
		  dev_name(dev));
	spin_lock_irq(&device->lock);
	/* Nor is any opened again: neither bus would close it. */
	device->shutting_down = true;
	list_for_each_entry(channel, &device->channels, device_node)
		vmb_life_stop(channel, VMB_CHANNEL_STOP_DISABLED);
	spin_unlock_irq(&device->lock);
}

/**
 * vmb_transport_device_release() - the client's remove, or a failed probe, is over
 * @device: the device. Channels that the client forgot are cleaned up, with a
 *	warning: their memory would outlive the transport's otherwise.
 *
 * Context: process context.
 * Return: true; false: this is called from inside a callback of such a channel. Then
 * @device, what it is embedded in, and the transport's module have to stay for good.
 */
bool vmb_transport_device_release(struct vmb_transport_device *device)
{
	struct vmb_channel *channel;
	bool gone = true;

	vmb_transport_device_removing(device);
	while (gone) {
		spin_lock_irq(&device->lock);
		channel = list_empty(&device->channels) ? NULL :
			  list_last_entry(&device->channels, struct vmb_channel,
					  device_node);
		spin_unlock_irq(&device->lock);
		if (!channel)
			break;
		WARN_ONCE(1, "vmbkmcl: %s: the driver left its channel behind\n",
			  channel->name);
		gone = !vmb_channel_disable(channel);
		if (gone)
			vmb_channel_cleanup(channel);
		else
			vmb_transport_device_stays(device);
	}
	dev_set_drvdata(device->device.dev, NULL);
	return gone;
}
EXPORT_SYMBOL_GPL(vmb_transport_device_release);
