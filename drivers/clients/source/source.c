// SPDX-License-Identifier: GPL-2.0
/*
 * A client of vmbkmcl that sends, meant to be read and copied. (vmb_echo is the
 * one that receives.)
 *
 * It sends what its peer asks for: packets with and without completion, external
 * data in both directions, synchronous requests; and it lets the peer write to
 * shared memory. Its rings are as small as rings can be, so that nearly every
 * packet has to wait.
 *
 * The life of a client that sends:
 *   probe         allocate a channel, configure it, enable it
 *   opened        share memory with the peer
 *   post_started  begin to send
 *   suspend       stop sending; the library ends what is on its way
 *   closed        wait for our threads, take the memory back; a VM that hibernates while
 *                 they send is kept from it by that, see VMB_CHANNEL_STOP_HIBERNATING
 *   remove        disable (which brings suspend and closed), clean up
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/vmalloc.h>

#include "source.h"

/* Both rings, in pages: the control page, and one of data. */
#define SOURCE_RING_PAGES	2

static int source_share(struct source_device *source)
{
	u32 pages = VMB_SOURCE_SHARED_SIZE >> PAGE_SHIFT;
	int ret;

	ret = vmb_channel_create_gpadl(source->channel, 0, pages, &source->gpadl);
	if (ret)
		return ret;
	ret = vmb_channel_get_system_address_for_gpadl(source->channel, 0,
						       source->gpadl,
						       &source->shared);
	if (ret && vmb_channel_delete_gpadl(source->channel, source->gpadl))
		atomic64_add(pages, &source->count.leaked);
	return ret;
}

static int source_opened(struct vmb_channel *channel, void *callback_context)
{
	struct source_device *source = callback_context;
	int ret;

	source->shared_copy = vzalloc(VMB_SOURCE_SHARED_SIZE);
	if (!source->shared_copy)
		return -ENOMEM;
	ret = source_share(source);
	if (ret) {
		vfree(source->shared_copy);
		source->shared_copy = NULL;
		return ret;
	}
	memset(source->shared, 0, VMB_SOURCE_SHARED_SIZE);
	WRITE_ONCE(source->stopping, false);
	return 0;
}

static void source_post_started(struct vmb_channel *channel,
				void *callback_context)
{
	struct source_device *source = callback_context;

	queue_work(source->workqueue, &source->run_work);
}

static void source_suspend(struct vmb_channel *channel, void *callback_context,
			   enum vmb_channel_stop_reason reason)
{
	struct source_device *source = callback_context;

	/* No thread is left waiting: every packet in flight ends, with -ENODEV. */
	WRITE_ONCE(source->stopping, true);
}

static void source_closed(struct vmb_channel *channel, void *callback_context,
			  enum vmb_channel_stop_reason reason)
{
	struct source_device *source = callback_context;

	/* No send is accepted any more, every one that was has ended. */
	flush_work(&source->run_work);
	if (vmb_channel_delete_gpadl(channel, source->gpadl))
		atomic64_add(VMB_SOURCE_SHARED_SIZE >> PAGE_SHIFT,
			     &source->count.leaked);
	vfree(source->shared_copy);
	source->shared_copy = NULL;
}

/* The peer of a client that sends is not expected to send. */
static void source_process_packet(struct vmb_channel *channel,
				  void *callback_context,
				  struct vmb_packet_completion *packet,
				  void *buffer, u32 buffer_length, u32 flags)
{
	source_wrong(callback_context, "the peer has sent a packet", 0);
	vmb_channel_packet_complete(packet, NULL, 0);
}

static int source_configure_callbacks(struct source_device *source)
{
	struct vmb_channel_state_change_callbacks callbacks;
	int ret;

	vmb_channel_state_change_callbacks_init(&callbacks);
	callbacks.callback_context = source;
	callbacks.opened = source_opened;
	callbacks.post_started = source_post_started;
	callbacks.suspend = source_suspend;
	callbacks.closed = source_closed;
	ret = vmb_channel_init_set_state_change_callbacks(source->channel,
							  &callbacks);
	if (ret)
		return ret;
	return vmb_channel_init_set_process_packet_callbacks(source->channel,
							     source,
							     source_process_packet,
							     NULL);
}

static int source_configure(struct source_device *source)
{
	const u32 packets = VMB_SOURCE_SENDERS * SOURCE_WINDOW + SOURCE_SLOTS +
			    SOURCE_REQUESTS;
	struct vmb_channel *channel = source->channel;
	int ret;

	ret = source_configure_callbacks(source);
	if (ret)
		return ret;
	ret = vmb_channel_init_set_maximum_packet_size(channel,
						       VMB_SOURCE_MAXIMUM_PACKET_SIZE);
	if (ret)
		return ret;
	ret = vmb_channel_init_set_maximum_external_data(channel,
							 VMB_SOURCE_MAXIMUM_EXTERNAL_SIZE,
							 VMB_SOURCE_MAXIMUM_EXTERNAL_CHAIN);
	if (ret)
		return ret;
	/* What a packet can be sent with is decided here, not by each send. */
	ret = vmb_channel_init_set_maximum_packet_count(channel, packets);
	if (ret)
		return ret;
	ret = vmb_channel_init_set_inline_packet_context_size(channel,
							      source_packet_context_size());
	if (ret)
		return ret;
	return vmb_client_channel_init_set_ring_buffer_page_count(channel,
								  SOURCE_RING_PAGES,
								  SOURCE_RING_PAGES);
}

static int source_probe(struct vmb_device *device)
{
	struct source_device *source;
	int ret;

	source = kzalloc(sizeof(*source), GFP_KERNEL);
	if (!source)
		return -ENOMEM;
	source->workqueue = alloc_workqueue("vmb_source", WQ_UNBOUND, 0);
	if (!source->workqueue) {
		ret = -ENOMEM;
		goto free_source;
	}
	source->device = device;
	INIT_WORK(&source->run_work, source_run);
	source_senders_init(source);
	ret = vmb_channel_allocate(device, false, &source->channel);
	if (ret)
		goto destroy_workqueue;
	device->driver_data = source;
	ret = source_configure(source);
	if (ret)
		goto cleanup_channel;
	ret = vmb_channel_enable(source->channel);
	if (ret)
		goto cleanup_channel;
	return 0;

cleanup_channel:
	vmb_channel_cleanup(source->channel);
destroy_workqueue:
	destroy_workqueue(source->workqueue);
free_source:
	kfree(source);
	return ret;
}

static void source_remove(struct vmb_device *device)
{
	struct source_device *source = device->driver_data;
	struct source_counters *count = &source->count;

	/* All that was accepted has ended when this returns. */
	vmb_channel_disable(source->channel);
	dev_info(device->dev,
		 "%lld packets accepted, %lld ended, %lld of them because the channel went; %lld duplicated, %lld wrong\n",
		 atomic64_read(&count->sends) + atomic64_read(&count->externals),
		 atomic64_read(&count->sends_ended) +
		 atomic64_read(&count->externals_ended),
		 atomic64_read(&count->cut_off),
		 atomic64_read(&count->duplicated), atomic64_read(&count->wrong));
	vmb_channel_cleanup(source->channel);
	destroy_workqueue(source->workqueue);
	kfree(source);
}

#define SOURCE_COUNTER_ATTRIBUTE(_name)					\
static ssize_t _name##_show(struct device *dev,				\
			    struct device_attribute *attribute, char *buffer) \
{									\
	struct source_device *source = dev_to_vmb_device(dev)->driver_data; \
									\
	return sysfs_emit(buffer, "%lld\n",				\
			  (s64)atomic64_read(&source->count._name));	\
}									\
static DEVICE_ATTR_RO(_name)

SOURCE_COUNTER_ATTRIBUTE(sends);
SOURCE_COUNTER_ATTRIBUTE(sends_ended);
SOURCE_COUNTER_ATTRIBUTE(cut_off);
SOURCE_COUNTER_ATTRIBUTE(send_completions);
SOURCE_COUNTER_ATTRIBUTE(sends_queued);
SOURCE_COUNTER_ATTRIBUTE(tries);
SOURCE_COUNTER_ATTRIBUTE(tries_refused);
SOURCE_COUNTER_ATTRIBUTE(externals);
SOURCE_COUNTER_ATTRIBUTE(externals_ended);
SOURCE_COUNTER_ATTRIBUTE(external_out_bytes);
SOURCE_COUNTER_ATTRIBUTE(external_in_bytes);
SOURCE_COUNTER_ATTRIBUTE(sync_requests);
SOURCE_COUNTER_ATTRIBUTE(sync_timeouts);
SOURCE_COUNTER_ATTRIBUTE(gpadl_bytes);
SOURCE_COUNTER_ATTRIBUTE(leaked);
SOURCE_COUNTER_ATTRIBUTE(duplicated);
SOURCE_COUNTER_ATTRIBUTE(wrong);

static struct attribute *source_counter_attrs[] = {
	&dev_attr_sends.attr,
	&dev_attr_sends_ended.attr,
	&dev_attr_cut_off.attr,
	&dev_attr_send_completions.attr,
	&dev_attr_sends_queued.attr,
	&dev_attr_tries.attr,
	&dev_attr_tries_refused.attr,
	&dev_attr_externals.attr,
	&dev_attr_externals_ended.attr,
	&dev_attr_external_out_bytes.attr,
	&dev_attr_external_in_bytes.attr,
	&dev_attr_sync_requests.attr,
	&dev_attr_sync_timeouts.attr,
	&dev_attr_gpadl_bytes.attr,
	&dev_attr_leaked.attr,
	&dev_attr_duplicated.attr,
	&dev_attr_wrong.attr,
	NULL
};

static const struct attribute_group source_counter_group = {
	.name = "source",
	.attrs = source_counter_attrs,
};

static ssize_t source_show_verdict(char *buffer, u32 verdict)
{
	static const char * const verdicts[] = { "none", "content", "discontent" };

	return sysfs_emit(buffer, "%s\n", verdicts[verdict]);
}

static ssize_t verdict_show(struct device *dev,
			    struct device_attribute *attribute, char *buffer)
{
	struct source_device *source = dev_to_vmb_device(dev)->driver_data;

	return source_show_verdict(buffer, READ_ONCE(source->verdict));
}
static DEVICE_ATTR_RO(verdict);

static ssize_t peer_verdict_show(struct device *dev,
				 struct device_attribute *attribute, char *buffer)
{
	struct source_device *source = dev_to_vmb_device(dev)->driver_data;

	return source_show_verdict(buffer, READ_ONCE(source->peer_verdict));
}
static DEVICE_ATTR_RO(peer_verdict);

static struct attribute *source_verdict_attrs[] = {
	&dev_attr_verdict.attr,
	&dev_attr_peer_verdict.attr,
	NULL
};

static const struct attribute_group source_verdict_group = {
	.attrs = source_verdict_attrs,
};

static const struct attribute_group *source_groups[] = {
	&source_counter_group,
	&source_verdict_group,
	NULL
};

/* One more expansion, so that the fields become GUID_INIT's arguments. */
#define SOURCE_GUID(fields...)	GUID_INIT(fields)

static const struct hv_vmbus_device_id source_id_table[] = {
	{ .guid = SOURCE_GUID(VMB_SOURCE_GUID_FIELDS) },
	{ }
};
MODULE_DEVICE_TABLE(vmbus, source_id_table);

static struct vmb_driver source_driver = {
	.name = "vmb_source",
	.id_table = source_id_table,
	.device_groups = source_groups,
	.probe = source_probe,
	.remove = source_remove,
};
module_vmb_driver(source_driver);

MODULE_DESCRIPTION("Sending client of the VMBus Kernel Mode Client Library");
MODULE_VERSION(VMB_VERSION);
MODULE_LICENSE("GPL");
