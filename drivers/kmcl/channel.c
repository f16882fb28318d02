// SPDX-License-Identifier: GPL-2.0
/*
 * The channel object: made, configured, destroyed.
 */
#include <linux/ctype.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "channel.h"
#include "loopback.h"

/* What a client gets that sets nothing. KMCL names no defaults. */
#define VMB_DEFAULT_MAXIMUM_PACKET_SIZE	4096u
#define VMB_DEFAULT_MAXIMUM_PACKET_COUNT	256u
/*
 * A client context is meant for a few words. Without a limit a typing error
 * would be multiplied by the number of packet objects.
 */
#define VMB_MAXIMUM_CLIENT_CONTEXT_SIZE	65536u

static void vmb_channel_release_work(struct work_struct *work)
{
	struct vmb_channel *channel = container_of(work, struct vmb_channel,
						   release_work);

	vmb_pool_destroy(channel);
	vmb_packets_drop_spare(channel);
	vmb_transactions_destroy(&channel->outbound.transactions);
	vmb_memory_destroy(&channel->memory);
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
 * The first channel of a device has its directory to itself, under a name that
 * scripts can know; the others are numbered.
 */
static int vmb_channel_add(struct vmb_channel *channel)
{
	struct vmb_transport_device *device = channel->device;
	struct kobject *parent = &device->device.dev->kobj;
	u32 number = 0;

	spin_lock_irq(&device->lock);
	if (device->removing) {
		spin_unlock_irq(&device->lock);
		return -ENODEV;
	}
	if (!list_empty(&device->channels))
		number = ++device->channel_number;
	list_add_tail(&channel->device_node, &device->channels);
	spin_unlock_irq(&device->lock);
	if (number)
		return kobject_add(&channel->kobject, parent, "vmbkmcl.%u", number);
	return kobject_add(&channel->kobject, parent, "vmbkmcl");
}

static void vmb_channel_remove(struct vmb_channel *channel)
{
	spin_lock_irq(&channel->device->lock);
	list_del(&channel->device_node);
	spin_unlock_irq(&channel->device->lock);
}

static struct vmb_channel *vmb_channel_make(struct vmb_transport_device *device,
					    bool is_server)
{
	struct vmb_channel *channel;

	channel = kzalloc(sizeof(*channel), GFP_KERNEL);
	if (!channel)
		return NULL;
	if (vmb_transactions_create(&channel->outbound.transactions,
				    VMB_DEFAULT_MAXIMUM_PACKET_COUNT)) {
		kfree(channel);
		return NULL;
	}
	channel->device = device;
	channel->dev = get_device(device->device.dev);
	channel->operations = is_server ? &vmb_loopback_server_operations :
					  device->operations;
	channel->is_server = is_server;
	channel->local = device->local;
	guid_copy(&channel->interface_type, &device->device.interface_type);
	guid_copy(&channel->interface_instance, &device->device.interface_instance);
	channel->maximum_packet_size = VMB_DEFAULT_MAXIMUM_PACKET_SIZE;
	strscpy(channel->name, dev_name(channel->dev), sizeof(channel->name));
	INIT_WORK(&channel->release_work, vmb_channel_release_work);
	vmb_inbound_init(&channel->inbound);
	vmb_outbound_init(&channel->outbound);
	vmb_life_init(channel);
	vmb_memory_init(&channel->memory);
	vmb_watchdog_init(&channel->watchdog);
	kobject_init(&channel->kobject, &vmb_channel_kobj_type);
	return channel;
}

/**
 * vmb_channel_allocate() - make a channel object
 * @device: the device it is on; must outlive the channel's cleanup. NULL: the
 *	loopback, where a client waits for an offer of its target, see
 *	vmb_client_channel_init_set_target_pnp(). A server is always there.
 * @is_server: which end of the channel: the one that offers it.
 * @channel: where to put it.
 *
 * The channel is disabled, with default settings: packets of up to 4,096 bytes,
 * no external data, no callbacks. It belongs to the caller, who gives it back
 * with vmb_channel_cleanup(). Its counters appear in the device's directory in
 * sysfs, in "vmbkmcl"; of further channels of the device in "vmbkmcl.1" and so
 * on. Of the channels on a device that a transport found one can be enabled, and
 * its sub-channels, see vmb_channel_init_set_primary_channel().
 *
 * Context: process context.
 * Return: 0; -ENODEV: the device is being removed; -ENOMEM.
 *
 * VmbChannelAllocate.
 */
int vmb_channel_allocate(struct vmb_device *device, bool is_server,
			 struct vmb_channel **channel)
{
	struct vmb_transport_device *transport_device;
	struct vmb_channel *new;
	int ret;

	if (is_server || !device)
		device = vmb_loopback_device();
	transport_device = to_vmb_transport_device(device);
	new = vmb_channel_make(transport_device, is_server);
	if (!new)
		return -ENOMEM;
	ret = vmb_channel_add(new);
	if (ret)
		goto put_channel;
	vmb_observe_add(new);
	*channel = new;
	return 0;

put_channel:
	if (ret != -ENODEV)
		vmb_channel_remove(new);
	kobject_put(&new->kobject);
	return ret;
}
EXPORT_SYMBOL_GPL(vmb_channel_allocate);

/**
 * vmb_channel_cleanup() - give a channel object back
 * @channel: a disabled channel; invalid afterwards.
 *
 * An enabled one is disabled first, with a warning, since the client's
 * callbacks may be gone by now. If the client still holds packets (which
 * disable waits for, except when the device is being removed), their memory
 * stays until they are completed. All packets from vmb_packet_allocate() must
 * have been freed: if not, there is a warning, and the channel's memory stays
 * for good. Sub-channels are to be cleaned up before their primary.
 *
 * Context: process context.
 *
 * VmbChannelCleanup.
 */
void vmb_channel_cleanup(struct vmb_channel *channel)
{
	if (!vmb_channel_is_configurable(channel)) {
		WARN_ONCE(1, "vmbkmcl: %s: %s() of an enabled channel\n",
			  channel->name, __func__);
		if (vmb_channel_disable(channel))
			return;
	}
	/* A channel that closed by itself: its worker may be on its last line. */
	flush_work(&channel->life.work);
	vmb_sub_channels_forget(channel);
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

/* May settings be changed? Only in the configuration window. */
bool vmb_channel_is_configurable(struct vmb_channel *channel)
{
	return READ_ONCE(channel->life.state) == VMB_LIFE_DISABLED;
}

/* Settings that outgoing packet objects are made to, also not while there are any. */
bool vmb_channel_is_resizable(struct vmb_channel *channel)
{
	return vmb_channel_is_configurable(channel) &&
	       !vmb_packets_are_allocated(channel);
}

/**
 * vmb_channel_init_set_maximum_packet_size() - the largest packet
 * @channel: a disabled channel.
 * @packet_size: bytes of payload; bounds what is received, sent, and returned
 *	as the payload of a completion.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled, or packets are allocated; -EINVAL: zero;
 * -EMSGSIZE: more than a packet on the wire can have.
 *
 * VmbChannelInitSetMaximumPacketSize.
 */
int vmb_channel_init_set_maximum_packet_size(struct vmb_channel *channel,
					     u32 packet_size)
{
	u32 size;
	int ret;

	if (!vmb_channel_is_resizable(channel))
		return -EBUSY;
	if (!packet_size)
		return -EINVAL;
	ret = vmb_ring_packet_size(0, packet_size, &size);
	if (ret)
		return ret;
	vmb_packets_drop_spare(channel);
	channel->maximum_packet_size = packet_size;
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_init_set_maximum_packet_size);

/**
 * vmb_channel_init_set_maximum_external_data() - limits of external data
 * @channel: a disabled channel.
 * @data_size: most bytes of external data that a packet may describe.
 * @chain_length: most ranges in which it may do so.
 *
 * Without this call no external data is accepted. The packet objects, and the
 * rings unless their size is set, grow with the limits.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled, or packets are allocated; -EINVAL: a zero;
 * -EMSGSIZE: the range list would not fit into a packet that has a payload, too.
 *
 * VmbChannelInitSetMaximumExternalData.
 */
int vmb_channel_init_set_maximum_external_data(struct vmb_channel *channel,
					       u32 data_size, u32 chain_length)
{
	struct vmb_range_limits limits = {
		.bytes = data_size,
		.chain = chain_length,
	};

	if (!vmb_channel_is_resizable(channel))
		return -EBUSY;
	if (!data_size || !chain_length)
		return -EINVAL;
	/* Never more than a packet can hold: if as much, no payload fits. */
	if (vmb_ranges_maximum_length(&limits) >= VMB_WIRE_MAXIMUM_LENGTH -
	    sizeof(struct vmb_wire_descriptor))
		return -EMSGSIZE;
	vmb_packets_drop_spare(channel);
	channel->external = limits;
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_init_set_maximum_external_data);

/**
 * vmb_channel_init_set_client_context_size() - a scratch area for each packet
 * @channel: a disabled channel.
 * @context_size: bytes, at most 65,536; 0: none.
 *
 * The area is 8-aligned and zeroed before each packet is delivered.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled; -EINVAL: too large.
 *
 * VmbChannelInitSetClientContextSize.
 */
int vmb_channel_init_set_client_context_size(struct vmb_channel *channel,
					     u32 context_size)
{
	if (!vmb_channel_is_configurable(channel))
		return -EBUSY;
	if (context_size > VMB_MAXIMUM_CLIENT_CONTEXT_SIZE)
		return -EINVAL;
	channel->client_context_size = context_size;
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_init_set_client_context_size);

/**
 * vmb_channel_init_set_process_packet_callbacks() - who gets the packets
 * @channel: a disabled channel.
 * @callback_context: handed to both.
 * @process_packet: called for each packet; required.
 * @complete: called when delivery pauses; or NULL.
 *
 * They must stay callable until disable has returned. The last registration
 * counts.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled; -EINVAL: no @process_packet.
 *
 * VmbChannelInitSetProcessPacketCallbacksEx.
 */
int vmb_channel_init_set_process_packet_callbacks(struct vmb_channel *channel,
						  void *callback_context,
						  vmb_channel_process_packet_fn process_packet,
						  vmb_channel_processing_complete_fn complete)
{
	if (!vmb_channel_is_configurable(channel))
		return -EBUSY;
	if (!process_packet)
		return -EINVAL;
	channel->inbound.callback_context = callback_context;
	channel->inbound.process_packet = process_packet;
	channel->inbound.processing_complete = complete;
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_init_set_process_packet_callbacks);

/**
 * vmb_channel_init_set_state_change_callbacks() - who hears of the channel's life
 * @channel: a disabled channel.
 * @callbacks: copied.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled; -EINVAL: another version or size than this
 * library's.
 *
 * VmbChannelInitSetStateChangeCallbacks.
 */
int vmb_channel_init_set_state_change_callbacks(struct vmb_channel *channel,
						const struct vmb_channel_state_change_callbacks
						*callbacks)
{
	if (!vmb_channel_is_configurable(channel))
		return -EBUSY;
	if (callbacks->version != VMB_CHANNEL_STATE_CHANGE_CALLBACKS_VERSION ||
	    callbacks->size != sizeof(*callbacks))
		return -EINVAL;
	channel->callbacks = *callbacks;
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_init_set_state_change_callbacks);

/**
 * vmb_channel_init_set_friendly_name() - a name for log, traces and debugfs
 * @channel: a disabled channel.
 * @name: short and descriptive; copied.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled; -EEXIST: it has one; -EINVAL: empty, longer
 * than 47 bytes, or with a slash or a control character in it.
 *
 * VmbChannelInitSetFriendlyName.
 */
int vmb_channel_init_set_friendly_name(struct vmb_channel *channel,
				       const char *name)
{
	size_t length = strnlen(name, VMB_CHANNEL_NAME_SIZE);
	size_t i;

	if (!vmb_channel_is_configurable(channel))
		return -EBUSY;
	if (channel->named)
		return -EEXIST;
	if (!length || length == VMB_CHANNEL_NAME_SIZE)
		return -EINVAL;
	for (i = 0; i < length; i++)
		if (name[i] == '/' || !isprint(name[i]))
			return -EINVAL;
	strscpy(channel->name, name, sizeof(channel->name));
	channel->named = true;
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_init_set_friendly_name);

/**
 * vmb_client_channel_init_set_ring_buffer_page_count() - size of the rings
 * @channel: a disabled channel.
 * @incoming_page_count: pages of PAGE_SIZE, the control page among them.
 * @outgoing_page_count: likewise.
 *
 * Without this call the rings are sized by the maximum packet. If memory is
 * short they may become smaller than asked, but never too small for a packet.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled; -EINVAL: less than 2 pages, or more than
 * 2 MiB, each, or a server: the client brings the rings.
 *
 * VmbClientChannelInitSetRingBufferPageCount.
 */
int vmb_client_channel_init_set_ring_buffer_page_count(struct vmb_channel *channel,
						       u32 incoming_page_count,
						       u32 outgoing_page_count)
{
	const u32 most = SZ_2M / PAGE_SIZE;

	if (!vmb_channel_is_configurable(channel))
		return -EBUSY;
	if (channel->is_server)
		return -EINVAL;
	if (incoming_page_count < 2 || incoming_page_count > most ||
	    outgoing_page_count < 2 || outgoing_page_count > most)
		return -EINVAL;
	channel->incoming_page_count = incoming_page_count;
	channel->outgoing_page_count = outgoing_page_count;
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_client_channel_init_set_ring_buffer_page_count);

/**
 * vmb_client_channel_init_set_target_pnp() - which device it must be
 * @channel: a disabled channel.
 * @interface_type: type GUID.
 * @interface_instance: instance GUID, or NULL for any.
 * @pnp_failure: told when an open fails later; or NULL.
 *
 * The device that was probed is checked against it by enable. Without this call
 * any device will do, as with new_id and driver_override. A client on loopback
 * that no device was probed for needs it: it waits for such an offer.
 *
 * Context: process context.
 * Return: 0; -EBUSY: not disabled; -EINVAL: a server.
 *
 * VmbClientChannelInitSetTargetPnp.
 */
int vmb_client_channel_init_set_target_pnp(struct vmb_channel *channel,
					   const guid_t *interface_type,
					   const guid_t *interface_instance,
					   vmb_channel_pnp_failure_fn pnp_failure)
{
	if (!vmb_channel_is_configurable(channel))
		return -EBUSY;
	if (channel->is_server)
		return -EINVAL;
	channel->target_set = true;
	guid_copy(&channel->target_type, interface_type);
	channel->target_instance_set = interface_instance;
	if (interface_instance)
		guid_copy(&channel->target_instance, interface_instance);
	channel->pnp_failure = pnp_failure;
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_client_channel_init_set_target_pnp);

/**
 * vmb_channel_set_pointer() - keep a pointer in the channel
 * @channel: the channel.
 * @pointer: anything; never touched by the library. NULL at first.
 *
 * Context: any.
 *
 * VmbChannelSetPointer.
 */
void vmb_channel_set_pointer(struct vmb_channel *channel, void *pointer)
{
	WRITE_ONCE(channel->pointer, pointer);
}
EXPORT_SYMBOL_GPL(vmb_channel_set_pointer);

/**
 * vmb_channel_get_pointer() - the pointer kept in the channel
 * @channel: the channel.
 *
 * Context: any.
 * Return: what vmb_channel_set_pointer() was given last, NULL at first.
 *
 * VmbChannelGetPointer.
 */
void *vmb_channel_get_pointer(const struct vmb_channel *channel)
{
	return READ_ONCE(channel->pointer);
}
EXPORT_SYMBOL_GPL(vmb_channel_get_pointer);

/**
 * vmb_channel_get_interface_instance() - which offer the channel is bound to
 * @channel: the channel.
 * @interface_instance: gets the instance GUID; on loopback, where a client is
 *	bound when it is open, that of the last offer, zero before.
 *
 * Context: any.
 *
 * VmbChannelGetInterfaceInstance.
 */
void vmb_channel_get_interface_instance(const struct vmb_channel *channel,
					guid_t *interface_instance)
{
	guid_copy(interface_instance, &channel->interface_instance);
}
EXPORT_SYMBOL_GPL(vmb_channel_get_interface_instance);
