// SPDX-License-Identifier: GPL-2.0
/*
 * A client for the kselftests with two channels from one probe: that of the device it
 * is bound to, and another that waits for an offer of its own. It sends back what
 * comes in on either.
 *
 * When the second is closed, but for the client's own wish, it is enabled anew and
 * waits for the next offer. "pair/closes" in sysfs says how often that was.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include <vmbkmcl.h>

#define PAIR_SIZE	8192

/* What scripts/guest/host_pair.c offers. */
static const guid_t pair_type =
	GUID_INIT(0xc2f4d9a8, 0x5e71, 0x4b3a, 0x8d, 0x06, 0x71, 0xe9, 0x3c, 0xb8, 0x24, 0x5f);
static const guid_t pair_second =
	GUID_INIT(0x1d7e60b4, 0x92ac, 0x4f5d, 0xb7, 0x18, 0x46, 0xd3, 0x0a, 0x8f, 0xe5, 0x02);

/**
 * struct pair - a device
 * @first: its channel.
 * @second: another's.
 * @again: enables @second.
 * @closes: times that @second was closed, or not opened, without our wish.
 */
struct pair {
	struct vmb_channel *first;
	struct vmb_channel *second;
	struct work_struct again;
	u32 closes;
};

static void pair_packet(struct vmb_channel *channel, void *context,
			struct vmb_packet_completion *packet, void *buffer,
			u32 length, u32 flags)
{
	vmb_channel_packet_complete(packet, buffer, length);
}

static void pair_again(struct work_struct *work)
{
	struct pair *pair = container_of(work, struct pair, again);
	int ret;

	/* It is about to be. */
	vmb_channel_disable(pair->second);
	ret = vmb_channel_enable(pair->second);
	if (ret)
		pr_err("vmb_pair: cannot wait again: %d\n", ret);
}

static void pair_lost(struct pair *pair)
{
	WRITE_ONCE(pair->closes, pair->closes + 1);
	schedule_work(&pair->again);
}

static void pair_closed(struct vmb_channel *channel, void *context,
			enum vmb_channel_stop_reason reason)
{
	if (reason == VMB_CHANNEL_STOP_PEER_GONE)
		pair_lost(context);
}

static void pair_failed(struct vmb_channel *channel, int failure)
{
	pair_lost(vmb_channel_get_pointer(channel));
}

static int pair_configure(struct vmb_channel *channel, struct pair *pair)
{
	int ret;

	vmb_channel_set_pointer(channel, pair);
	ret = vmb_channel_init_set_process_packet_callbacks(channel, pair, pair_packet,
							    NULL);
	return ret ? ret : vmb_channel_init_set_maximum_packet_size(channel, PAIR_SIZE);
}

static int pair_configure_second(struct vmb_channel *channel, struct pair *pair)
{
	struct vmb_channel_state_change_callbacks callbacks;
	int ret;

	vmb_channel_state_change_callbacks_init(&callbacks);
	callbacks.callback_context = pair;
	callbacks.closed = pair_closed;
	ret = vmb_channel_init_set_state_change_callbacks(channel, &callbacks);
	return ret ? ret : vmb_client_channel_init_set_target_pnp(channel, &pair_type,
								  &pair_second,
								  pair_failed);
}

static int pair_probe(struct vmb_device *device)
{
	struct pair *pair;
	int ret;

	pair = kzalloc(sizeof(*pair), GFP_KERNEL);
	if (!pair)
		return -ENOMEM;
	INIT_WORK(&pair->again, pair_again);
	device->driver_data = pair;
	ret = vmb_channel_allocate(device, false, &pair->first);
	if (ret)
		goto free_pair;
	ret = vmb_channel_allocate(device, false, &pair->second);
	if (ret)
		goto cleanup_first;
	ret = pair_configure(pair->first, pair);
	if (!ret)
		ret = pair_configure(pair->second, pair);
	if (!ret)
		ret = pair_configure_second(pair->second, pair);
	if (!ret)
		ret = vmb_channel_enable(pair->first);
	if (ret)
		goto cleanup_second;
	ret = vmb_channel_enable(pair->second);
	if (ret)
		goto disable_first;
	return 0;

disable_first:
	vmb_channel_disable(pair->first);
cleanup_second:
	vmb_channel_cleanup(pair->second);
cleanup_first:
	vmb_channel_cleanup(pair->first);
free_pair:
	kfree(pair);
	return ret;
}

static void pair_remove(struct vmb_device *device)
{
	struct pair *pair = device->driver_data;

	/* What the first of these stops might enable it once more. */
	vmb_channel_disable(pair->second);
	cancel_work_sync(&pair->again);
	vmb_channel_disable(pair->second);
	vmb_channel_disable(pair->first);
	vmb_channel_cleanup(pair->second);
	vmb_channel_cleanup(pair->first);
	kfree(pair);
}

static ssize_t closes_show(struct device *dev, struct device_attribute *attribute,
			   char *buffer)
{
	const struct pair *pair = dev_to_vmb_device(dev)->driver_data;

	return sysfs_emit(buffer, "%u\n", READ_ONCE(pair->closes));
}
static DEVICE_ATTR_RO(closes);

static struct attribute *pair_attrs[] = {
	&dev_attr_closes.attr,
	NULL
};

static const struct attribute_group pair_group = {
	.name = "pair",
	.attrs = pair_attrs,
};

static const struct attribute_group *pair_groups[] = {
	&pair_group,
	NULL
};

/* The second is of the same type: so it is bound by hand. */
static const struct hv_vmbus_device_id pair_ids[] = {
	{ }
};

static struct vmb_driver pair_driver = {
	.name = "vmb_pair",
	.id_table = pair_ids,
	.device_groups = pair_groups,
	.probe = pair_probe,
	.remove = pair_remove,
};
module_vmb_driver(pair_driver);

MODULE_DESCRIPTION("vmbkmcl client with two channels, for kselftests");
MODULE_LICENSE("GPL");
