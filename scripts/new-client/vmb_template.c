// SPDX-License-Identifier: GPL-2.0
/*
 * The client of vmb_template devices. Binds to them on Hyper-V, and to those that
 * vmb_template_server offers in this kernel, over loopback.
 *
 * The life of a channel:
 *   probe         allocate, configure, enable; it opens some time after that
 *   post_started  packets flow: say HELLO, and wait for the answer
 *   packets...    each completed once, here or later, from anywhere
 *   remove        disable, which waits until all that is over; clean up
 */
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <vmbkmcl.h>

#include "vmb_template.h"

#define HELLO_TIMEOUT_MS	10000

/**
 * struct client - one device
 * @device: the library's half.
 * @channel: its channel.
 * @give_up: disables the channel when the peer is not for us.
 *
 * Made by probe, freed by remove.
 */
struct client {
	struct vmb_device *device;
	struct vmb_channel *channel;
	struct work_struct give_up;
};

static int client_say_hello(struct client *client)
{
	struct vmb_template_request hello = {
		.command = cpu_to_le32(VMB_TEMPLATE_HELLO),
		.value = cpu_to_le64(VMB_TEMPLATE_VERSION),
	};
	struct vmb_template_answer answer = {};
	u32 size = sizeof(answer);
	int ret;

	ret = vmb_channel_send_synchronous_request(client->channel,
						   &hello, sizeof(hello), NULL, 0,
						   VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION,
						   &answer, &size,
						   msecs_to_jiffies(HELLO_TIMEOUT_MS));
	if (ret)
		return ret;
	if (size < sizeof(answer) || answer.status ||
	    answer.value != cpu_to_le64(VMB_TEMPLATE_VERSION))
		return -EPROTO;
	return 0;
}

static void client_post_started(struct vmb_channel *channel, void *context)
{
	struct client *client = context;
	int ret = client_say_hello(client);

	/* -ENODEV: it closes already. */
	if (!ret || ret == -ENODEV)
		return;
	dev_err(client->device->dev, "the peer does not answer as it should: %d\n", ret);
	/* Not from in here, which disable would wait for. */
	schedule_work(&client->give_up);
}

static void client_give_up(struct work_struct *work)
{
	struct client *client = container_of(work, struct client, give_up);

	vmb_channel_disable(client->channel);
}

/* May be in softirq: what may sleep or takes long is for a worker. */
static void client_packet(struct vmb_channel *channel, void *context,
			  struct vmb_packet_completion *packet,
			  void *buffer, u32 length, u32 flags)
{
	struct vmb_template_answer answer = vmb_template_answer(buffer, length);

	/* Only a channel that is going away refuses it: nobody is left to tell. */
	vmb_channel_packet_complete(packet, &answer, sizeof(answer));
}

static int client_configure(struct client *client)
{
	struct vmb_channel_state_change_callbacks callbacks;
	struct vmb_channel *channel = client->channel;
	int ret;

	vmb_channel_state_change_callbacks_init(&callbacks);
	callbacks.callback_context = client;
	callbacks.post_started = client_post_started;
	ret = vmb_channel_init_set_state_change_callbacks(channel, &callbacks);
	if (ret)
		return ret;
	ret = vmb_channel_init_set_process_packet_callbacks(channel, client,
							    client_packet, NULL);
	if (ret)
		return ret;
	return vmb_channel_init_set_maximum_packet_size(channel,
							VMB_TEMPLATE_MAXIMUM_PACKET_SIZE);
}

static int client_probe(struct vmb_device *device)
{
	struct client *client;
	int ret;

	client = kzalloc(sizeof(*client), GFP_KERNEL);
	if (!client)
		return -ENOMEM;
	client->device = device;
	device->driver_data = client;
	INIT_WORK(&client->give_up, client_give_up);
	ret = vmb_channel_allocate(device, false, &client->channel);
	if (ret)
		goto free_client;
	ret = client_configure(client);
	if (!ret)
		ret = vmb_channel_enable(client->channel);
	if (ret)
		goto cleanup_channel;
	return 0;

cleanup_channel:
	vmb_channel_cleanup(client->channel);
free_client:
	kfree(client);
	return ret;
}

static void client_remove(struct vmb_device *device)
{
	struct client *client = device->driver_data;

	vmb_channel_disable(client->channel);
	/* No callback runs any more that could queue it. */
	cancel_work_sync(&client->give_up);
	vmb_channel_cleanup(client->channel);
	kfree(client);
}

/* One more expansion, so that the fields become GUID_INIT's arguments. */
#define CLIENT_GUID(fields...)	GUID_INIT(fields)

static const struct hv_vmbus_device_id client_ids[] = {
	{ .guid = CLIENT_GUID(VMB_TEMPLATE_GUID_FIELDS) },
	{ }
};
MODULE_DEVICE_TABLE(vmbus, client_ids);

static struct vmb_driver client_driver = {
	.name = "vmb_template",
	.id_table = client_ids,
	.probe = client_probe,
	.remove = client_remove,
};
module_vmb_driver(client_driver);

MODULE_DESCRIPTION("Client of vmb_template devices");
MODULE_LICENSE("GPL");
