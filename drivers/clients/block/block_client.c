// SPDX-License-Identifier: GPL-2.0
/*
 * The client of the model block device, meant to be read and copied, with
 * block_server.c.
 *
 * A real driver would register a disk here. This one stays a model: it puts a
 * load on the server that it can verify to the last byte (block_load.c), and
 * requests that no server may carry out (block_provoke.c). What a driver needs
 * besides a disk is in this file, and in block_control.c how it asks for
 * something and waits.
 *
 * The life of a client:
 *   probe         allocate a channel, configure it, enable it
 *   opened        share the status page
 *   post_started  packets flow: start to send, from work that may wait
 *   suspend       send nothing more
 *   closed        every packet has ended: let the work end, take the page back
 *   remove        disable (which brings suspend and closed), clean up
 */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <vmbkmcl.h>

#include "block_client.h"

static int block_client_run(struct block_client *client)
{
	int ret;

	ret = block_control_identify(client);
	if (ret)
		return ret;
	ret = block_provoke(client);
	if (ret)
		return ret;
	ret = block_control_share_status(client);
	if (ret)
		return ret;
	ret = block_provoke_status(client);
	if (ret)
		return ret;
	return block_load_run(client);
}

static enum block_verdict block_client_judge(struct block_client *client, int ret)
{
	const struct block_counters *counters = &client->counters;

	if (counters->lost || counters->duplicated || counters->wrong)
		return BLOCK_VERDICT_DISCONTENT;
	if (READ_ONCE(client->stopping) && (!ret || ret == -ENODEV))
		return BLOCK_VERDICT_STOPPED;
	return ret ? BLOCK_VERDICT_DISCONTENT : BLOCK_VERDICT_CONTENT;
}

static const char * const block_verdicts[] = {
	[BLOCK_VERDICT_NONE] = "none",
	[BLOCK_VERDICT_CONTENT] = "content",
	[BLOCK_VERDICT_STOPPED] = "stopped",
	[BLOCK_VERDICT_DISCONTENT] = "discontent",
};

static void block_client_work(struct work_struct *work)
{
	struct block_client *client = container_of(work, struct block_client, work);
	const struct block_counters *counters = &client->counters;
	enum block_verdict verdict;
	int ret;

	ret = block_client_run(client);
	verdict = block_client_judge(client, ret);
	if (ret && verdict == BLOCK_VERDICT_DISCONTENT)
		dev_err_ratelimited(client->device->dev, "cannot go on: %pe\n", ERR_PTR(ret));
	dev_info_ratelimited(client->device->dev,
			     "%s: %llu operations, %llu bytes checked, %llu out of order, %llu cancelled, %llu lost, %llu duplicated, %llu wrong\n",
			     block_verdicts[verdict], counters->operations,
			     counters->bytes_checked, counters->out_of_order,
			     counters->cancelled, counters->lost, counters->duplicated,
			     counters->wrong);
	WRITE_ONCE(client->verdict, verdict);
}

/*
 * The server of this device sends nothing by itself. What comes all the same is
 * completed, as every packet must be, without an answer.
 */
static void block_client_process_packet(struct vmb_channel *channel,
					void *callback_context,
					struct vmb_packet_completion *packet,
					void *buffer, u32 buffer_length, u32 flags)
{
	struct block_client *client = callback_context;

	block_client_count(client, &client->counters.wrong, 1);
	vmb_channel_packet_complete(packet, NULL, 0);
}

static int block_client_opened(struct vmb_channel *channel, void *callback_context)
{
	struct block_client *client = callback_context;
	void *status;
	int ret;

	ret = vmb_channel_create_gpadl(channel, 0, 1, &client->status_handle);
	if (ret)
		return ret;
	ret = vmb_channel_get_system_address_for_gpadl(channel, 0,
						       client->status_handle,
						       &status);
	if (ret)
		/* Not ours any more, whatever delete says. */
		return vmb_channel_delete_gpadl(channel, client->status_handle) ?: ret;
	client->status = status;
	return 0;
}

/* Requests may be waited for from here on, but that would hold up the others. */
static void block_client_post_started(struct vmb_channel *channel,
				      void *callback_context)
{
	struct block_client *client = callback_context;

	queue_work(client->workqueue, &client->work);
}

/* What is on its way ends by itself: completed, or with -ENODEV. */
static void block_client_suspend(struct vmb_channel *channel,
				 void *callback_context,
				 enum vmb_channel_stop_reason reason)
{
	struct block_client *client = callback_context;

	WRITE_ONCE(client->stopping, true);
}

static void block_client_closed(struct vmb_channel *channel, void *callback_context,
				enum vmb_channel_stop_reason reason)
{
	struct block_client *client = callback_context;
	int ret;

	/* No packet is left that it could wait for; it still looks at the page. */
	flush_work(&client->work);
	if (!client->status)
		return;
	client->status = NULL;
	/* Waits until the server has let go of it. */
	ret = vmb_channel_delete_gpadl(channel, client->status_handle);
	if (ret)
		dev_err_ratelimited(client->device->dev, "the status page is lost: %pe\n",
				    ERR_PTR(ret));
}

static int block_client_configure(struct block_client *client)
{
	struct vmb_channel_state_change_callbacks callbacks;
	struct vmb_channel *channel = client->channel;
	int ret;

	vmb_channel_state_change_callbacks_init(&callbacks);
	callbacks.callback_context = client;
	callbacks.opened = block_client_opened;
	callbacks.post_started = block_client_post_started;
	callbacks.suspend = block_client_suspend;
	callbacks.closed = block_client_closed;
	ret = vmb_channel_init_set_state_change_callbacks(channel, &callbacks);
	if (ret)
		return ret;
	ret = vmb_channel_init_set_process_packet_callbacks(channel, client,
							    block_client_process_packet,
							    NULL);
	if (ret)
		return ret;
	ret = vmb_channel_init_set_maximum_packet_size(channel,
						       VMB_BLOCK_MAXIMUM_PACKET_SIZE);
	if (ret)
		return ret;
	ret = vmb_channel_init_set_maximum_external_data(channel,
							 VMB_BLOCK_MAXIMUM_EXTERNAL_SIZE,
							 VMB_BLOCK_MAXIMUM_EXTERNAL_CHAIN);
	if (ret)
		return ret;
	return vmb_channel_init_set_maximum_packet_count(channel,
							 block_load_depth() +
							 BLOCK_CONTROL_PACKETS);
}

static int block_client_probe(struct vmb_device *device)
{
	struct block_client *client;
	int ret = -ENOMEM;

	client = kzalloc(sizeof(*client), GFP_KERNEL);
	if (!client)
		return -ENOMEM;
	client->device = device;
	spin_lock_init(&client->lock);
	init_waitqueue_head(&client->ended);
	INIT_WORK(&client->work, block_client_work);
	client->workqueue = alloc_workqueue("vmb_block_client", WQ_UNBOUND, 0);
	if (!client->workqueue)
		goto free_client;
	ret = vmb_channel_allocate(device, false, &client->channel);
	if (ret)
		goto destroy_workqueue;
	device->driver_data = client;
	ret = block_client_configure(client);
	if (ret)
		goto cleanup_channel;
	ret = vmb_channel_enable(client->channel);
	if (ret)
		goto cleanup_channel;
	return 0;

cleanup_channel:
	vmb_channel_cleanup(client->channel);
destroy_workqueue:
	destroy_workqueue(client->workqueue);
free_client:
	kfree(client);
	return ret;
}

static void block_client_remove(struct vmb_device *device)
{
	struct block_client *client = device->driver_data;

	vmb_channel_disable(client->channel);
	vmb_channel_cleanup(client->channel);
	destroy_workqueue(client->workqueue);
	kfree(client);
}

static ssize_t verdict_show(struct device *dev,
			    struct device_attribute *attribute, char *buffer)
{
	const struct block_client *client = dev_to_vmb_device(dev)->driver_data;

	return sysfs_emit(buffer, "%s\n",
			  block_verdicts[READ_ONCE(client->verdict)]);
}
static DEVICE_ATTR_RO(verdict);

static ssize_t block_counter_show(struct device *dev,
				  struct device_attribute *attribute, char *buffer)
{
	struct block_client *client = dev_to_vmb_device(dev)->driver_data;
	struct dev_ext_attribute *counter;
	const void *counters = &client->counters;

	counter = container_of(attribute, struct dev_ext_attribute, attr);
	return sysfs_emit(buffer, "%llu\n",
			  READ_ONCE(*(const u64 *)(counters + (size_t)counter->var)));
}

#define BLOCK_COUNTER(name)						\
	static struct dev_ext_attribute block_counter_##name = {	\
		.attr = __ATTR(name, 0444, block_counter_show, NULL),	\
		.var = (void *)offsetof(struct block_counters, name),	\
	}

BLOCK_COUNTER(operations);
BLOCK_COUNTER(reads);
BLOCK_COUNTER(writes);
BLOCK_COUNTER(flushes);
BLOCK_COUNTER(bytes_read);
BLOCK_COUNTER(bytes_written);
BLOCK_COUNTER(bytes_checked);
BLOCK_COUNTER(out_of_order);
BLOCK_COUNTER(control_requests);
BLOCK_COUNTER(refused);
BLOCK_COUNTER(status_reads);
BLOCK_COUNTER(sent);
BLOCK_COUNTER(cancelled);
BLOCK_COUNTER(lost);
BLOCK_COUNTER(duplicated);
BLOCK_COUNTER(wrong);

static struct attribute *block_attributes[] = {
	&dev_attr_verdict.attr,
	&block_counter_operations.attr.attr,
	&block_counter_reads.attr.attr,
	&block_counter_writes.attr.attr,
	&block_counter_flushes.attr.attr,
	&block_counter_bytes_read.attr.attr,
	&block_counter_bytes_written.attr.attr,
	&block_counter_bytes_checked.attr.attr,
	&block_counter_out_of_order.attr.attr,
	&block_counter_control_requests.attr.attr,
	&block_counter_refused.attr.attr,
	&block_counter_status_reads.attr.attr,
	&block_counter_sent.attr.attr,
	&block_counter_cancelled.attr.attr,
	&block_counter_lost.attr.attr,
	&block_counter_duplicated.attr.attr,
	&block_counter_wrong.attr.attr,
	NULL
};

static const struct attribute_group block_group = {
	.name = "block",
	.attrs = block_attributes,
};

static const struct attribute_group *block_groups[] = {
	&block_group,
	NULL
};

/* One more expansion, so that the fields become GUID_INIT's arguments. */
#define BLOCK_GUID(fields...)	GUID_INIT(fields)

static const struct hv_vmbus_device_id block_id_table[] = {
	{ .guid = BLOCK_GUID(VMB_BLOCK_GUID_FIELDS) },
	{ }
};
MODULE_DEVICE_TABLE(vmbus, block_id_table);

static struct vmb_driver block_driver = {
	.name = "vmb_block_client",
	.id_table = block_id_table,
	.device_groups = block_groups,
	.probe = block_client_probe,
	.remove = block_client_remove,
};
module_vmb_driver(block_driver);

MODULE_DESCRIPTION("Client of vmbkmcl's model block device: a verified load");
MODULE_VERSION(VMB_VERSION);
MODULE_LICENSE("GPL");
