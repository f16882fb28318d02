// SPDX-License-Identifier: GPL-2.0
/*
 * The channel object: made and destroyed.
 */
#include <linux/slab.h>

#include "observe.h"

/* What a client gets that sets nothing. KMCL names no defaults. */
#define VMB_DEFAULT_MAXIMUM_PACKET_SIZE	4096u

/* Channels of a device: a primary, and a sub-channel for each number that there is. */
#define VMB_MAXIMUM_CHANNELS		65536u

/*
 * Life and delivery have a queue of their own in each channel: the client's
 * callbacks may wait for ever, and with a queue for all of them enough channels
 * that wait would use up its slots. With one each there is nothing to use up.
 *
 * Delivery goes on when there is no memory for another thread, for a disk that
 * memory is to be written to may be behind it; to clients that have said how many
 * packets they hold, see pool.c. That costs a thread, which does nothing else. Opening
 * and closing ask the host, which takes memory anyway; and without that promise clients'
 * state callbacks may flush any work they like.
 */
static int vmb_channel_make_queues(struct vmb_channel *channel)
{
	channel->life.queue = alloc_ordered_workqueue("vmb_life", 0);
	if (!channel->life.queue)
		return -ENOMEM;
	channel->inbound.queue = alloc_ordered_workqueue("vmb_inbound", WQ_MEM_RECLAIM);
	if (channel->inbound.queue)
		return 0;
	destroy_workqueue(channel->life.queue);
	return -ENOMEM;
}

/* Waits until they have said their last word. */
static void vmb_channel_destroy_queues(struct vmb_channel *channel)
{
	destroy_workqueue(channel->life.queue);
	destroy_workqueue(channel->inbound.queue);
}

static void vmb_channel_release_work(struct work_struct *work)
{
	struct vmb_channel *channel = container_of(work, struct vmb_channel,
						   release_work);

	vmb_channel_destroy_queues(channel);
	vmb_watchdog_destroy(&channel->watchdog);
	hrtimer_cancel(&channel->outbound.feed_timer);
	vmb_pool_destroy(channel);
	vmb_overlong_destroy(channel);
	vmb_packets_empty_free_list(channel);
	kfree(channel->outbound.spare);
	kvfree(channel->save.image);
	vmb_transactions_destroy(&channel->outbound.transactions);
	vmb_memory_destroy(&channel->memory);
	kfree(channel->refusal_completion);
	put_device(channel->dev);
	kfree(channel);
}

static void vmb_channel_release(struct kobject *kobject)
{
	struct vmb_channel *channel = container_of(kobject, struct vmb_channel,
						   kobject);

	/* The last put may come from packet_complete, where vfree may not. */
	queue_work(vmb_workqueue, &channel->release_work);
}

static const struct kobj_type vmb_channel_kobj_type = {
	.release = vmb_channel_release,
	.sysfs_ops = &vmb_observe_sysfs_ops,
	.default_groups = vmb_observe_groups,
};

/*
 * After this no list leads to the channel. Code that found it in the list before has
 * queued no work on it since it was disabled. Its worker may still be on its last
 * line; the last put waits for that.
 */
static void vmb_channel_remove(struct vmb_channel *channel)
{
	spin_lock_irq(&channel->device->lock);
	list_del_init(&channel->device_node);
	list_del_init(&channel->sub_channel_node);
	channel->device->channel_count--;
	spin_unlock_irq(&channel->device->lock);
}

/*
 * The first channel of a device has its directory to itself, under a name that
 * scripts can know; the others are numbered. Traces and debugfs call the channel
 * by its device and that number, the log by the directory.
 */
static int vmb_channel_add(struct vmb_channel *channel)
{
	struct vmb_transport_device *device = channel->device;
	char directory[VMB_CHANNEL_DIRECTORY_SIZE] = VMB_CHANNEL_DIRECTORY;
	struct kobject *parent = &device->device.dev->kobj;
	int ret;

	spin_lock_irq(&device->lock);
	if (device->removing || device->channel_count == VMB_MAXIMUM_CHANNELS) {
		ret = device->removing ? -ENODEV : -ENOSPC;
		spin_unlock_irq(&device->lock);
		return ret;
	}
	device->channel_count++;
	if (!list_empty(&device->channels))
		snprintf(directory, sizeof(directory), VMB_CHANNEL_DIRECTORY ".%u",
			 ++device->channel_number);
	/* Before it is in the list, where others find it and log its name. */
	snprintf(channel->name, sizeof(channel->name), "%s%s", dev_name(channel->dev),
		 directory + strlen(VMB_CHANNEL_DIRECTORY));
	strscpy(channel->label, directory, sizeof(channel->label));
	list_add_tail(&channel->device_node, &device->channels);
	spin_unlock_irq(&device->lock);
	ret = kobject_add(&channel->kobject, parent, "%s", directory);
	if (ret)
		vmb_channel_remove(channel);
	return ret;
}

static struct vmb_channel *
vmb_channel_make(struct vmb_transport_device *device, bool is_server,
		 const struct vmb_channel_transport_operations *operations)
{
	struct vmb_channel *channel;

	channel = kzalloc(sizeof(*channel), GFP_KERNEL);
	if (!channel)
		return NULL;
	if (vmb_channel_make_queues(channel))
		goto free_channel;
	if (vmb_transactions_create(&channel->outbound.transactions,
				    VMB_DEFAULT_MAXIMUM_PACKET_COUNT))
		goto destroy_queues;
	INIT_LIST_HEAD(&channel->sub_channels);
	INIT_LIST_HEAD(&channel->sub_channel_node);
	channel->device = device;
	channel->dev = get_device(device->device.dev);
	channel->operations = operations;
	channel->is_server = is_server;
	channel->local = device->local;
	vmb_channel_forget_peer_memory(channel);
	guid_copy(&channel->interface_type, &device->device.interface_type);
	guid_copy(&channel->interface_instance, &device->device.interface_instance);
	channel->maximum_packet_size = VMB_DEFAULT_MAXIMUM_PACKET_SIZE;
	channel->outbound_packet_count = VMB_DEFAULT_OUTBOUND_PACKET_COUNT;
	INIT_WORK(&channel->release_work, vmb_channel_release_work);
	vmb_inbound_init(&channel->inbound);
	vmb_overlong_init(&channel->inbound);
	vmb_pool_init(&channel->pool);
	vmb_outbound_init(&channel->outbound);
	vmb_restore_init(&channel->restore);
	vmb_life_init(channel);
	vmb_memory_init(&channel->memory);
	vmb_watchdog_init(channel);
	kobject_init(&channel->kobject, &vmb_channel_kobj_type);
	return channel;

destroy_queues:
	vmb_channel_destroy_queues(channel);
free_channel:
	kfree(channel);
	return NULL;
}

int vmb_channel_allocate(struct vmb_device *device, bool is_server,
			 struct vmb_channel **channel)
{
	const struct vmb_channel_transport_operations *operations;
	struct vmb_transport_device *transport_device;
	const struct vmb_transport *local;
	struct vmb_channel *new;
	int ret;

	if (is_server || !device) {
		local = vmb_transport_local();
		if (!local)
			return -ENODEV;
		transport_device = local->local_device;
		operations = is_server ? local->server_operations :
					 transport_device->operations;
	} else {
		transport_device = to_vmb_transport_device(device);
		operations = transport_device->operations;
	}
	new = vmb_channel_make(transport_device, is_server, operations);
	if (!new)
		return -ENOMEM;
	ret = vmb_channel_add(new);
	if (ret) {
		kobject_put(&new->kobject);
		return ret;
	}
	vmb_observe_add(new);
	*channel = new;
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_allocate);

void vmb_channel_cleanup(struct vmb_channel *channel)
{
	if (!vmb_channel_is_configurable(channel)) {
		WARN_ONCE(1, "vmbkmcl: %s: %s() of an enabled channel\n",
			  channel->name, __func__);
		if (vmb_channel_disable(channel))
			return;
	}
	vmb_restore_give_up(channel);
	vmb_sub_channels_orphan(channel);
	vmb_observe_remove(channel);
	kobject_del(&channel->kobject);
	/* Last: its name is free for another only now. */
	vmb_channel_remove(channel);
	if (WARN_ONCE(vmb_packets_are_allocated(channel),
		      "vmbkmcl: %s: %s() before %u packets were freed\n",
		      channel->name, __func__, channel->outbound.allocated))
		return;
	kobject_put(&channel->kobject);
}
EXPORT_SYMBOL_GPL(vmb_channel_cleanup);

void vmb_channel_set_pointer(struct vmb_channel *channel, void *pointer)
{
	WRITE_ONCE(channel->pointer, pointer);
}
EXPORT_SYMBOL_GPL(vmb_channel_set_pointer);

void *vmb_channel_get_pointer(const struct vmb_channel *channel)
{
	return READ_ONCE(channel->pointer);
}
EXPORT_SYMBOL_GPL(vmb_channel_get_pointer);

void vmb_channel_get_interface_instance(const struct vmb_channel *channel,
					guid_t *interface_instance)
{
	guid_copy(interface_instance, &channel->interface_instance);
}
EXPORT_SYMBOL_GPL(vmb_channel_get_interface_instance);

int vmb_channel_get_mmio_space(struct vmb_channel *channel, u64 *address, u64 *size)
{
	enum vmb_life_state state = vmb_life_state(channel);

	might_sleep();
	if (state == VMB_LIFE_DISABLED || state == VMB_LIFE_ENABLED)
		return -ENODEV;
	if (!channel->operations->mmio_space)
		return -ENOENT;
	return channel->operations->mmio_space(channel->primary ?: channel, address,
					       size);
}
EXPORT_SYMBOL_GPL(vmb_channel_get_mmio_space);

struct vmb_device *
vmb_channel_get_target_device_object(const struct vmb_channel *channel)
{
	struct vmb_device *device = &channel->device->device;

	/* Loopback's own has no type: nobody was probed for it. */
	if (guid_is_null(&device->interface_type) || vmb_channel_has_own_offer(channel))
		return NULL;
	return device;
}
EXPORT_SYMBOL_GPL(vmb_channel_get_target_device_object);

struct device *
vmb_channel_get_parent_device_object(const struct vmb_channel *channel)
{
	return channel->dev;
}
EXPORT_SYMBOL_GPL(vmb_channel_get_parent_device_object);
