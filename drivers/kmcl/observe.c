// SPDX-License-Identifier: GPL-2.0
/*
 * What user space sees of a channel: stable counters in sysfs, one file with
 * everything in debugfs. Both are read-only: with Secure Boot, lockdown hides
 * debugfs files that could be written.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include <linux/sysfs.h>

#include "observe.h"

#include <trace/events/vmbkmcl.h>

static struct dentry *vmb_observe_root;

/*
 * sysfs: .../vmbkmcl/<counter>, .../vmbkmcl/refusals/<reason> and
 * .../vmbkmcl/state and .../vmbkmcl/flow.
 */

/**
 * struct vmb_observe_attribute - a file that shows one u64 of a channel
 * @attribute: the file.
 * @offset: of the u64 in struct vmb_channel.
 */
struct vmb_observe_attribute {
	struct attribute attribute;
	size_t offset;
};

#define VMB_OBSERVE_COUNTER(counter)					\
	static struct vmb_observe_attribute vmb_observe_##counter = {	\
		.attribute = { .name = #counter, .mode = 0444 },	\
		.offset = offsetof(struct vmb_channel, counters.counter), \
	};
VMB_COUNTERS(VMB_OBSERVE_COUNTER)
#undef VMB_OBSERVE_COUNTER

/* Filled in by vmb_observe_name_refusals(), which takes the names from refusal.c. */
static struct vmb_observe_attribute vmb_observe_refusals[VMB_REFUSAL_COUNT];
static struct attribute *vmb_observe_refusal_attributes[VMB_REFUSAL_COUNT];

static struct attribute vmb_observe_state = { .name = "state", .mode = 0444 };
static struct attribute vmb_observe_flow = { .name = "flow", .mode = 0444 };

static struct attribute *vmb_observe_counter_attributes[] = {
	&vmb_observe_state,
	&vmb_observe_flow,
#define VMB_OBSERVE_ENTRY(name) &vmb_observe_##name.attribute,
	VMB_COUNTERS(VMB_OBSERVE_ENTRY)
#undef VMB_OBSERVE_ENTRY
	NULL
};

static const struct attribute_group vmb_observe_counter_group = {
	.attrs = vmb_observe_counter_attributes,
};

static const struct attribute_group vmb_observe_refusal_group = {
	.name = "refusals",
	.attrs = vmb_observe_refusal_attributes,
};

const struct attribute_group *vmb_observe_groups[] = {
	&vmb_observe_counter_group,
	&vmb_observe_refusal_group,
	NULL
};

/* Every reason but "none" gets a file; the array ends with NULL. */
static void __init vmb_observe_name_refusals(void)
{
	struct vmb_observe_attribute *which;
	int i;

	for (i = VMB_REFUSAL_NONE + 1; i < VMB_REFUSAL_COUNT; i++) {
		which = &vmb_observe_refusals[i];
		which->attribute.name = vmb_refusal_name(i);
		which->attribute.mode = 0444;
		which->offset = offsetof(struct vmb_channel, refusals) +
				i * sizeof(u64);
		vmb_observe_refusal_attributes[i - 1] = &which->attribute;
	}
}

static ssize_t vmb_observe_show(struct kobject *kobject,
				struct attribute *attribute, char *buffer)
{
	struct vmb_channel *channel = container_of(kobject, struct vmb_channel,
						   kobject);
	struct vmb_observe_attribute *which;

	if (attribute == &vmb_observe_state)
		return sysfs_emit(buffer, "%s\n",
				  vmb_life_state_name(vmb_life_state(channel)));
	if (attribute == &vmb_observe_flow)
		return sysfs_emit(buffer, "%s\n",
				  vmb_flow_state_name(vmb_life_flow(channel)));
	which = container_of(attribute, struct vmb_observe_attribute, attribute);
	return sysfs_emit(buffer, "%llu\n",
			  READ_ONCE(*(u64 *)((u8 *)channel + which->offset)));
}

const struct sysfs_ops vmb_observe_sysfs_ops = {
	.show = vmb_observe_show,
};

static const char * const vmb_observe_latencies[] = {
	[VMB_LATENCY_QUEUE] = "queue",
	[VMB_LATENCY_DRIVER] = "driver",
	[VMB_LATENCY_PEER] = "peer",
};

static_assert(ARRAY_SIZE(vmb_observe_latencies) == VMB_LATENCY_KINDS);

/* debugfs: vmbkmcl/<device>, and vmbkmcl/<device>.1 for its second channel. */
static void vmb_observe_rings(struct seq_file *file, struct vmb_channel *channel)
{
	const struct vmb_transport_device *device = channel->device;
	struct vmb_outbound *outbound = &channel->outbound;
	struct vmb_ring_reader reader;
	struct vmb_ring_writer writer;
	struct list_head *position;
	unsigned int queued = 0;
	u32 inbound_unread = 0;
	u32 outbound_unread = 0;
	bool open;

	/* A copy under the lock: printing may take long. */
	spin_lock_irq(&outbound->lock);
	open = outbound->open;
	reader = channel->inbound.reader;
	writer = outbound->writer;
	list_for_each(position, &outbound->queue)
		queued++;
	/* Shared memory goes when the channel is not open any more. */
	if (open) {
		inbound_unread = vmb_ring_reader_unread(&reader);
		outbound_unread = vmb_ring_writer_unread(&writer);
	}
	spin_unlock_irq(&outbound->lock);
	seq_printf(file, "packet_objects %u\n", READ_ONCE(channel->pool.limit));
	seq_printf(file, "packet_objects_made %u\n", READ_ONCE(channel->pool.count));
	seq_printf(file, "packets_with_driver %llu\n",
		   READ_ONCE(channel->inbound.delivered) -
		   READ_ONCE(outbound->finished));
	seq_printf(file, "packets_allocated %u\n", READ_ONCE(outbound->allocated));
	seq_printf(file, "packets_allowed %u\n", channel->outbound_packet_count);
	seq_printf(file, "queue_length %u\n", queued);
	seq_printf(file, "gpadls %u\n", READ_ONCE(channel->memory.gpadl_count));
	seq_printf(file, "times_leaked %u\n", READ_ONCE(channel->times_leaked));
	if (!channel->primary) {
		seq_printf(file, "offers_kept %u\n", READ_ONCE(device->offers_kept));
		seq_printf(file, "offers_dropped %llu\n", READ_ONCE(device->offers_dropped));
		seq_printf(file, "sub_channels_left %u\n",
			   READ_ONCE(device->sub_channels_left));
	}
	if (!open)
		return;
	seq_printf(file, "inbound_size %u\n", reader.ring.size);
	seq_printf(file, "inbound_read_index %u\n", reader.read_index);
	seq_printf(file, "inbound_write_index_seen %u\n", reader.write_index);
	seq_printf(file, "inbound_unread %u\n", inbound_unread);
	seq_printf(file, "outbound_size %u\n", writer.ring.size);
	seq_printf(file, "outbound_write_index %u\n", writer.write_index);
	seq_printf(file, "outbound_read_index_seen %u\n", writer.read_index);
	seq_printf(file, "outbound_unread %u\n", outbound_unread);
	seq_printf(file, "outbound_pending_send_size %u\n",
		   writer.pending_send_size);
}

/* Nothing while nothing was counted; else bucket by bucket, those that have any. */
static void vmb_observe_latency(struct seq_file *file, const char *name,
				const struct vmb_latency *latency)
{
	bool any = false;
	s64 count;
	u32 i;

	for (i = 0; i < VMB_LATENCY_BUCKETS; i++) {
		count = atomic64_read(&latency->buckets[i]);
		if (!count)
			continue;
		if (!any)
			seq_printf(file, "latency_%s", name);
		any = true;
		seq_printf(file, " %llu:%lld", 1ull << (VMB_LATENCY_SHIFT + i), count);
	}
	if (any)
		seq_printf(file, "\nlatency_%s_sum_ns %lld\n", name,
			   atomic64_read(&latency->sum));
}

static int vmb_observe_channel_show(struct seq_file *file, void *unused)
{
	struct vmb_channel *channel = file->private;
	const struct vmb_counters *counters = &channel->counters;
	int i;

	seq_printf(file, "name %s\n", channel->name);
	seq_printf(file, "friendly_name %s\n", channel->friendly_name);
	seq_printf(file, "type %pUl\n", &channel->interface_type);
	seq_printf(file, "instance %pUl\n", &channel->interface_instance);
	seq_printf(file, "state %s\n",
		   vmb_life_state_name(vmb_life_state(channel)));
	seq_printf(file, "flow %s\n",
		   vmb_flow_state_name(vmb_life_flow(channel)));
	vmb_observe_rings(file, channel);
#define VMB_OBSERVE_LINE(name) \
	seq_printf(file, #name " %llu\n", READ_ONCE(counters->name));
	VMB_COUNTERS(VMB_OBSERVE_LINE)
#undef VMB_OBSERVE_LINE
	for (i = VMB_REFUSAL_NONE + 1; i < VMB_REFUSAL_COUNT; i++)
		seq_printf(file, "refusal_%s %llu\n", vmb_refusal_name(i),
			   READ_ONCE(channel->refusals[i]));
	for (i = 0; i < VMB_LATENCY_KINDS; i++)
		vmb_observe_latency(file, vmb_observe_latencies[i],
				    &channel->latencies[i]);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vmb_observe_channel);

/* The channel's directory in sysfs exists. debugfs may be absent: no harm. */
void vmb_observe_add(struct vmb_channel *channel)
{
	channel->debugfs = debugfs_create_file(channel->name, 0444, vmb_observe_root,
					       channel, &vmb_observe_channel_fops);
}

/*
 * Returns when nobody reads the files any more; later than that the counters are in
 * the trace event. Process context.
 */
void vmb_observe_remove(struct vmb_channel *channel)
{
	const struct vmb_counters *counters = &channel->counters;

	trace_vmb_cleanup(channel->name, counters->received, counters->completed,
			  counters->sends, counters->sends_failed,
			  counters->refused, counters->stalls, counters->leaked);
	debugfs_remove(channel->debugfs);
}

/* Before the first channel is allocated. */
void __init vmb_observe_init(void)
{
	vmb_observe_name_refusals();
	/* An error is no harm: files are then made nowhere. */
	vmb_observe_root = debugfs_create_dir("vmbkmcl", NULL);
}

/* After the last one is gone; also where loading fails. */
void vmb_observe_exit(void)
{
	debugfs_remove(vmb_observe_root);
}
