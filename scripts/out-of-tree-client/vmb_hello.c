// SPDX-License-Identifier: GPL-2.0
/* The smallest client: sends every packet's payload back as its completion. */
#include <vmbkmcl.h>

static void hello_packet(struct vmb_channel *channel, void *context,
			 struct vmb_packet_completion *packet,
			 void *buffer, u32 length, u32 flags)
{
	/* Only a channel that is going away refuses it: nobody is left to tell. */
	vmb_channel_packet_complete(packet, buffer, length);
}

static int hello_probe(struct vmb_device *device)
{
	struct vmb_channel *channel;
	int err;

	err = vmb_channel_allocate(device, false, &channel);
	if (err)
		return err;

	err = vmb_channel_init_set_process_packet_callbacks(channel, NULL,
							    hello_packet, NULL);
	if (!err)
		err = vmb_channel_init_set_maximum_packet_size(channel, 4096);
	if (!err)
		err = vmb_channel_enable(channel);
	if (err)
		vmb_channel_cleanup(channel);
	else
		device->driver_data = channel;
	return err;
}

static void hello_remove(struct vmb_device *device)
{
	vmb_channel_disable(device->driver_data);
	vmb_channel_cleanup(device->driver_data);
}

static const struct hv_vmbus_device_id hello_ids[] = {
	/* The type GUID that the host offers; this one is nobody's. */
	{ .guid = GUID_INIT(0x7d1f0a3c, 0x2b64, 0x4e0d,
			    0xa1, 0x55, 0x0c, 0x9e, 0x68, 0x27, 0x41, 0xb3) },
	{ }
};
MODULE_DEVICE_TABLE(vmbus, hello_ids);

static struct vmb_driver hello_driver = {
	.name = "vmb_hello",
	.id_table = hello_ids,
	.probe = hello_probe,
	.remove = hello_remove,
};
module_vmb_driver(hello_driver);

MODULE_DESCRIPTION("Smallest vmbkmcl client");
MODULE_LICENSE("GPL");
