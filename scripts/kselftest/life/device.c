// SPDX-License-Identifier: GPL-2.0
/*
 * A client for the kselftests: pauses and starts, disables and enables its
 * channel as often as it is told to, while packets fly in both directions, and
 * counts what the library's header promises of that.
 *
 * Written to the file "rounds":
 *   pause N	so many times: pause, look, start
 *   disable N	so many times: disable, look, enable
 *   rush N	so many times one or the other, at any moment, also while the
 *		channel has hardly been opened
 *   stop	disable, and leave it so
 *   go		enable
 * The write returns when that is done; -EUCLEAN if anything was ever wrong.
 *
 * It sends back what comes in: some packets at once, some later, by a worker. It
 * sends packets by itself, numbered from 0 on in each open; every odd one is to
 * come back. In what comes in the first word says, by its lowest bit, whether the
 * peer wants the packet to be completed.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "storm.h"

static ssize_t rounds_store(struct device *dev, struct device_attribute *attribute,
			    const char *buffer, size_t length)
{
	int ret = storm_do(dev_to_vmb_device(dev)->driver_data, buffer);

	return ret ? ret : length;
}
static DEVICE_ATTR_WO(rounds);

#define STORM_COUNTER_ATTRIBUTE(_name)					\
static ssize_t _name##_show(struct device *dev,				\
			    struct device_attribute *attribute, char *buffer) \
{									\
	struct storm *storm = dev_to_vmb_device(dev)->driver_data;	\
									\
	return sysfs_emit(buffer, "%lld\n",				\
			  (s64)atomic64_read(&storm->count._name));	\
}									\
static DEVICE_ATTR_RO(_name);
STORM_COUNTERS(STORM_COUNTER_ATTRIBUTE)

static struct attribute *storm_attrs[] = {
	&dev_attr_rounds.attr,
#define STORM_COUNTER_ENTRY(_name) &dev_attr_##_name.attr,
	STORM_COUNTERS(STORM_COUNTER_ENTRY)
#undef STORM_COUNTER_ENTRY
	NULL
};

static const struct attribute_group storm_group = {
	.name = "storm",
	.attrs = storm_attrs,
};

static const struct attribute_group *storm_groups[] = {
	&storm_group,
	NULL
};

static int storm_configure(struct storm *storm)
{
	struct vmb_channel *channel = storm->channel;
	int ret = storm_set_callbacks(storm);

	if (!ret)
		ret = vmb_channel_init_set_process_packet_callbacks(channel, storm,
								    storm_process_packet,
								    NULL);
	if (!ret)
		ret = vmb_channel_init_set_maximum_packet_size(channel,
							       STORM_PACKET_SIZE);
	if (!ret)
		ret = vmb_channel_init_set_client_context_size(channel,
							       storm_inbound_size());
	if (!ret)
		ret = vmb_channel_init_set_maximum_packet_count(channel, STORM_WINDOW);
	return ret;
}

static int storm_begin(struct storm *storm)
{
	int ret = storm_configure(storm);

	if (!ret)
		ret = storm_packets_allocate(storm);
	if (ret)
		return ret;
	ret = storm_packets_start(storm);
	if (ret)
		return ret;
	ret = storm_enable(storm);
	if (ret)
		storm_packets_stop(storm);
	return ret;
}

static int storm_probe(struct vmb_device *device)
{
	struct storm *storm;
	int ret;

	storm = kzalloc(sizeof(*storm), GFP_KERNEL);
	if (!storm)
		return -ENOMEM;
	storm->device = device;
	mutex_init(&storm->rounds);
	storm_packets_init(storm);
	device->driver_data = storm;
	ret = vmb_channel_allocate(device, false, &storm->channel);
	if (ret)
		goto free_storm;
	ret = storm_begin(storm);
	if (ret)
		goto cleanup_channel;
	return 0;

cleanup_channel:
	storm_packets_free(storm);
	vmb_channel_cleanup(storm->channel);
free_storm:
	kfree(storm);
	return ret;
}

static void storm_remove(struct vmb_device *device)
{
	struct storm *storm = device->driver_data;
	struct storm_counters *count = &storm->count;
	int ret;

	ret = storm_disable(storm, 0);
	if (ret)
		storm_wrong(storm, "disable returned", ret);
	storm_packets_stop(storm);
	dev_info(device->dev,
		 "storm: %lld packets came in, %lld completed; %lld sent, %lld ended, %lld of them because the channel went; %lld wrong\n",
		 atomic64_read(&count->delivered), atomic64_read(&count->completed),
		 atomic64_read(&count->accepted), atomic64_read(&count->ended),
		 atomic64_read(&count->cut_off), atomic64_read(&count->wrong));
	storm_packets_free(storm);
	vmb_channel_cleanup(storm->channel);
	kfree(storm);
}

/* The echo client's: the two are never loaded at the same time. No alias. */
static const struct hv_vmbus_device_id storm_ids[] = {
	{ .guid = GUID_INIT(0x6f9c1b7e, 0x5a1d, 0x4c55,
			    0x9a, 0x0e, 0x3d, 0x1c, 0x5e, 0x0b, 0x7a, 0x42) },
	{ }
};

static struct vmb_driver storm_driver = {
	.name = "vmb_life_storm",
	.id_table = storm_ids,
	.device_groups = storm_groups,
	.probe = storm_probe,
	.remove = storm_remove,
};
module_vmb_driver(storm_driver);

MODULE_DESCRIPTION("kselftest of the life of a vmbkmcl channel");
MODULE_LICENSE("GPL");
