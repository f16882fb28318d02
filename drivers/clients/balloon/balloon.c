// SPDX-License-Identifier: GPL-2.0
/*
 * A client for Hyper-V's Dynamic Memory: the host asks for pages and gives them
 * back; it gets them only while enough is left for this VM.
 *
 * It binds to no device by itself, because hv_balloon drives them already. To use it,
 * write its name into the device's driver_override, unbind hv_balloon and bind this
 * one; to go back, clear driver_override, unbind this one and bind hv_balloon.
 *
 * With the channel the host's claim on the pages ends: whatever was ballooned is
 * this VM's again when it closes.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "balloon.h"

static void balloon_started(struct vmb_channel *channel, void *callback_context)
{
	struct balloon *balloon = callback_context;

	balloon->version = 0;
	WRITE_ONCE(balloon->suspended, false);
	WRITE_ONCE(balloon->state, BALLOON_STARTED);
}

static void balloon_post_started(struct vmb_channel *channel, void *callback_context)
{
	struct balloon *balloon = callback_context;

	queue_work(balloon->workqueue, &balloon->work);
}

static void balloon_suspend(struct vmb_channel *channel, void *callback_context,
			    enum vmb_channel_stop_reason reason)
{
	struct balloon *balloon = callback_context;

	WRITE_ONCE(balloon->suspended, true);
}

static void balloon_closed(struct vmb_channel *channel, void *callback_context,
			   enum vmb_channel_stop_reason reason)
{
	struct balloon *balloon = callback_context;

	/* It may be what starts the other. */
	cancel_work_sync(&balloon->work);
	cancel_delayed_work_sync(&balloon->status_work);
	WRITE_ONCE(balloon->state, BALLOON_CLOSED);
	balloon_deflate_all(balloon);
}

static int balloon_configure(struct balloon *balloon)
{
	struct vmb_channel_state_change_callbacks callbacks;
	int ret;

	vmb_channel_state_change_callbacks_init(&callbacks);
	callbacks.callback_context = balloon;
	callbacks.started = balloon_started;
	callbacks.post_started = balloon_post_started;
	callbacks.suspend = balloon_suspend;
	callbacks.closed = balloon_closed;
	ret = vmb_channel_init_set_state_change_callbacks(balloon->channel,
							  &callbacks);
	if (ret)
		return ret;
	ret = vmb_channel_init_set_maximum_packet_size(balloon->channel,
						       DM_MAXIMUM_SIZE);
	if (ret)
		return ret;
	ret = vmb_channel_init_set_client_context_size(balloon->channel,
						       balloon_packet_context_size());
	if (ret)
		return ret;
	return vmb_channel_init_set_process_packet_callbacks(balloon->channel,
							     balloon,
							     balloon_process_packet,
							     NULL);
}

static int balloon_probe(struct vmb_device *device)
{
	struct balloon *balloon;
	int ret;

	balloon = kzalloc(sizeof(*balloon), GFP_KERNEL);
	if (!balloon)
		return -ENOMEM;
	balloon->workqueue = alloc_workqueue("vmb_balloon", WQ_UNBOUND, 0);
	if (!balloon->workqueue) {
		ret = -ENOMEM;
		goto free_balloon;
	}
	balloon->device = device;
	spin_lock_init(&balloon->lock);
	INIT_LIST_HEAD(&balloon->packets);
	INIT_WORK(&balloon->work, balloon_work);
	INIT_DELAYED_WORK(&balloon->status_work, balloon_status_work);
	xa_init(&balloon->pages);
	device->driver_data = balloon;
	ret = vmb_channel_allocate(device, false, &balloon->channel);
	if (ret)
		goto destroy_workqueue;
	ret = balloon_configure(balloon);
	if (!ret)
		ret = vmb_channel_enable(balloon->channel);
	if (ret)
		goto cleanup_channel;
	return 0;

cleanup_channel:
	vmb_channel_cleanup(balloon->channel);
destroy_workqueue:
	destroy_workqueue(balloon->workqueue);
free_balloon:
	kfree(balloon);
	return ret;
}

static void balloon_remove(struct vmb_device *device)
{
	struct balloon *balloon = device->driver_data;

	vmb_channel_disable(balloon->channel);
	vmb_channel_cleanup(balloon->channel);
	destroy_workqueue(balloon->workqueue);
	kfree(balloon);
}

static struct balloon *balloon_of(struct device *dev)
{
	return dev_to_vmb_device(dev)->driver_data;
}

static ssize_t state_show(struct device *dev, struct device_attribute *attribute,
			  char *buffer)
{
	static const char * const states[] = {
		[BALLOON_CLOSED] = "closed",
		[BALLOON_STARTED] = "started",
		[BALLOON_VERSION] = "version",
		[BALLOON_CAPABILITIES] = "capabilities",
		[BALLOON_RUNNING] = "running",
		[BALLOON_REFUSED] = "refused",
	};

	return sysfs_emit(buffer, "%s\n", states[READ_ONCE(balloon_of(dev)->state)]);
}
static DEVICE_ATTR_RO(state);

static ssize_t floor_show(struct device *dev, struct device_attribute *attribute,
			  char *buffer)
{
	return sysfs_emit(buffer, "%lu\n", balloon_floor(balloon_of(dev)));
}
static DEVICE_ATTR_RO(floor);

#define BALLOON_COUNTER(name)							\
static ssize_t name##_show(struct device *dev,					\
			   struct device_attribute *attribute, char *buffer)	\
{										\
	return sysfs_emit(buffer, "%llu\n",					\
			  (u64)READ_ONCE(balloon_of(dev)->name));		\
}										\
static DEVICE_ATTR_RO(name)

BALLOON_COUNTER(ballooned);
BALLOON_COUNTER(inflated);
BALLOON_COUNTER(deflated);
BALLOON_COUNTER(unknown);
BALLOON_COUNTER(malformed);

static struct attribute *balloon_attrs[] = {
	&dev_attr_state.attr,
	&dev_attr_floor.attr,
	&dev_attr_ballooned.attr,
	&dev_attr_inflated.attr,
	&dev_attr_deflated.attr,
	&dev_attr_unknown.attr,
	&dev_attr_malformed.attr,
	NULL
};

static const struct attribute_group balloon_group = {
	.name = "balloon",
	.attrs = balloon_attrs,
};

static const struct attribute_group *balloon_groups[] = {
	&balloon_group,
	NULL
};

static const struct hv_vmbus_device_id balloon_id_table[] = {
	{ }
};

static struct vmb_driver balloon_driver = {
	.name = "vmb_balloon",
	.id_table = balloon_id_table,
	.device_groups = balloon_groups,
	.probe = balloon_probe,
	.remove = balloon_remove,
};
module_vmb_driver(balloon_driver);

MODULE_DESCRIPTION("Dynamic Memory client of the VMBus Kernel Mode Client Library");
MODULE_VERSION(VMB_VERSION);
MODULE_LICENSE("GPL");
