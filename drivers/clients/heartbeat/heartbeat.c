// SPDX-License-Identifier: GPL-2.0
/*
 * A client for Hyper-V's heartbeat: every few seconds the host asks whether the
 * guest lives, and this answers. The smallest client of a pipe that there is.
 *
 * It binds to no device by itself, because hv_utils drives them already. To use it,
 * write its name into the device's driver_override, unbind hv_utils and bind this one;
 * to go back, clear driver_override, unbind this one and bind hv_utils.
 */
#include <linux/build_bug.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include <vmbkmcl.h>

#include "heartbeat_protocol.h"

static_assert(sizeof(struct ic_header) == 20);
static_assert(sizeof(struct ic_heartbeat) == 60);

#define HEARTBEAT_MAXIMUM_SIZE	4096

/**
 * struct heartbeat - one heartbeat device
 * @device: the library's half.
 * @channel: its channel.
 * @frame: the frame's version that both know, major in the high half; 0: none.
 * @message: the heartbeat's version that both know, in the same form; 0: none.
 * @sequence: what the host was told last.
 * @beats: answers that were sent.
 * @malformed: messages that were too short, or of a type that is not ours.
 * @lost: answers for which there was no packet.
 *
 * Allocated by probe, freed by remove. The numbers are the packet callback's,
 * which never overlaps itself.
 */
struct heartbeat {
	struct vmb_device *device;
	struct vmb_channel *channel;
	u32 frame;
	u32 message;
	u64 sequence;
	u64 beats;
	u64 malformed;
	u64 lost;
};

static u32 heartbeat_version(const struct ic_version *version)
{
	return le16_to_cpu(version->major) << 16 | le16_to_cpu(version->minor);
}

/* The newest of the host's that we know, too; 0: there is none. */
static u32 heartbeat_choose(const struct ic_version *versions, u16 count)
{
	u32 best = 0, version;
	u16 i;

	for (i = 0; i < count; i++) {
		version = heartbeat_version(&versions[i]);
		if ((version == 0x30000 || version == 0x10000) && version > best)
			best = version;
	}
	return best;
}

static struct ic_version heartbeat_wire_version(u32 version)
{
	return (struct ic_version) {
		.major = cpu_to_le16(version >> 16),
		.minor = cpu_to_le16(version),
	};
}

/* Returns the bytes of the answer, 0: there is none. */
static u32 heartbeat_negotiate(struct heartbeat *heartbeat, void *buffer, u32 length)
{
	struct ic_negotiation *negotiation = buffer;
	u16 frames, messages;

	if (length < sizeof(*negotiation))
		return 0;
	frames = le16_to_cpu(negotiation->frame_count);
	messages = le16_to_cpu(negotiation->message_count);
	/* The answer's two have room where the host's were. */
	if (!frames || !messages ||
	    length < struct_size(negotiation, versions, (u32)frames + messages))
		return 0;
	heartbeat->frame = heartbeat_choose(negotiation->versions, frames);
	heartbeat->message = heartbeat_choose(negotiation->versions + frames,
					      messages);
	if (!heartbeat->frame || !heartbeat->message)
		dev_err_ratelimited(heartbeat->device->dev,
				    "the host knows no version of the heartbeat that we know\n");
	frames = heartbeat->frame && heartbeat->message;
	negotiation->frame_count = cpu_to_le16(frames);
	negotiation->message_count = cpu_to_le16(frames);
	negotiation->versions[0] = heartbeat_wire_version(heartbeat->frame);
	negotiation->versions[1] = heartbeat_wire_version(heartbeat->message);
	negotiation->header.size = cpu_to_le16(struct_size(negotiation, versions, 2) -
					       sizeof(negotiation->header));
	return struct_size(negotiation, versions, 2);
}

static u32 heartbeat_beat(struct heartbeat *heartbeat, void *buffer, u32 length)
{
	struct ic_heartbeat *beat = buffer;

	/* Of the words behind the number nobody knows what they are for. */
	if (length < offsetofend(struct ic_heartbeat, sequence))
		return 0;
	WRITE_ONCE(heartbeat->sequence, le64_to_cpu(beat->sequence) + 1);
	beat->sequence = cpu_to_le64(heartbeat->sequence);
	WRITE_ONCE(heartbeat->beats, heartbeat->beats + 1);
	return length;
}

/* Make the answer in the message itself. Returns its bytes, 0: there is none. */
static u32 heartbeat_answer(struct heartbeat *heartbeat, void *buffer, u32 length)
{
	struct ic_header *header = buffer;
	u32 answer = 0;

	if (length < sizeof(*header))
		return 0;
	if (header->type == cpu_to_le16(IC_TYPE_NEGOTIATE))
		answer = heartbeat_negotiate(heartbeat, buffer, length);
	else if (header->type == cpu_to_le16(IC_TYPE_HEARTBEAT))
		answer = heartbeat_beat(heartbeat, buffer, length);
	header->flags = IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE;
	return answer;
}

/* The answer is in the ring, or the channel goes. */
static void heartbeat_sent(struct vmb_packet *answer, void *callback_context, int status,
			   const void *buffer, u32 buffer_length)
{
	vmb_channel_packet_complete(callback_context, NULL, 0);
	vmb_packet_free(answer);
}

/* False: it could not be sent, and nobody completes the message. */
static bool heartbeat_send(struct heartbeat *heartbeat,
			   struct vmb_packet_completion *message, const void *answer,
			   u32 length)
{
	struct vmb_packet *packet = vmb_packet_allocate(heartbeat->channel);

	if (packet) {
		/*
		 * The message stays ours until then: a host that asks and reads no
		 * answers is not read any more, instead of taking our memory.
		 */
		vmb_packet_set_completion_routine(packet, message, heartbeat_sent);
		if (!vmb_packet_send(packet, answer, length, NULL, 0, 0))
			return true;
		vmb_packet_free(packet);
	}
	WRITE_ONCE(heartbeat->lost, heartbeat->lost + 1);
	return false;
}

static void heartbeat_process_packet(struct vmb_channel *channel,
				     void *callback_context,
				     struct vmb_packet_completion *packet,
				     void *buffer, u32 buffer_length, u32 flags)
{
	struct heartbeat *heartbeat = callback_context;
	u32 answer = heartbeat_answer(heartbeat, buffer, buffer_length);

	if (!answer)
		WRITE_ONCE(heartbeat->malformed, heartbeat->malformed + 1);
	else if (heartbeat_send(heartbeat, packet, buffer, answer))
		return;
	vmb_channel_packet_complete(packet, NULL, 0);
}

static int heartbeat_configure(struct heartbeat *heartbeat)
{
	struct vmb_channel *channel = heartbeat->channel;
	int ret;

	ret = vmb_channel_init_set_flags(channel, VMB_CHANNEL_INIT_FLAG_IS_PIPE);
	if (ret)
		return ret;
	ret = vmb_channel_init_set_maximum_packet_size(channel,
						       HEARTBEAT_MAXIMUM_SIZE);
	if (ret)
		return ret;
	return vmb_channel_init_set_process_packet_callbacks(channel, heartbeat,
							     heartbeat_process_packet,
							     NULL);
}

static int heartbeat_probe(struct vmb_device *device)
{
	struct heartbeat *heartbeat;
	int ret;

	heartbeat = kzalloc(sizeof(*heartbeat), GFP_KERNEL);
	if (!heartbeat)
		return -ENOMEM;
	heartbeat->device = device;
	device->driver_data = heartbeat;
	ret = vmb_channel_allocate(device, false, &heartbeat->channel);
	if (ret)
		goto free_heartbeat;
	ret = heartbeat_configure(heartbeat);
	if (!ret)
		ret = vmb_channel_enable(heartbeat->channel);
	if (ret)
		goto cleanup_channel;
	return 0;

cleanup_channel:
	vmb_channel_cleanup(heartbeat->channel);
free_heartbeat:
	kfree(heartbeat);
	return ret;
}

static void heartbeat_remove(struct vmb_device *device)
{
	struct heartbeat *heartbeat = device->driver_data;

	vmb_channel_disable(heartbeat->channel);
	vmb_channel_cleanup(heartbeat->channel);
	kfree(heartbeat);
}

static ssize_t version_show(struct device *dev, struct device_attribute *attribute,
			    char *buffer)
{
	const struct heartbeat *heartbeat = dev_to_vmb_device(dev)->driver_data;
	u32 version = READ_ONCE(heartbeat->message);

	return sysfs_emit(buffer, "%u.%u\n", version >> 16, version & 0xffff);
}
static DEVICE_ATTR_RO(version);

#define HEARTBEAT_COUNTER(name)							\
static ssize_t name##_show(struct device *dev,					\
			   struct device_attribute *attribute, char *buffer)	\
{										\
	const struct heartbeat *heartbeat = dev_to_vmb_device(dev)->driver_data; \
										\
	return sysfs_emit(buffer, "%llu\n", READ_ONCE(heartbeat->name));	\
}										\
static DEVICE_ATTR_RO(name)

HEARTBEAT_COUNTER(sequence);
HEARTBEAT_COUNTER(beats);
HEARTBEAT_COUNTER(malformed);
HEARTBEAT_COUNTER(lost);

static struct attribute *heartbeat_attrs[] = {
	&dev_attr_version.attr,
	&dev_attr_sequence.attr,
	&dev_attr_beats.attr,
	&dev_attr_malformed.attr,
	&dev_attr_lost.attr,
	NULL
};

static const struct attribute_group heartbeat_group = {
	.name = "heartbeat",
	.attrs = heartbeat_attrs,
};

static const struct attribute_group *heartbeat_groups[] = {
	&heartbeat_group,
	NULL
};

static const struct hv_vmbus_device_id heartbeat_id_table[] = {
	{ }
};

static struct vmb_driver heartbeat_driver = {
	.name = "vmb_heartbeat",
	.id_table = heartbeat_id_table,
	.device_groups = heartbeat_groups,
	.probe = heartbeat_probe,
	.remove = heartbeat_remove,
};
module_vmb_driver(heartbeat_driver);

MODULE_DESCRIPTION("Heartbeat client of the VMBus Kernel Mode Client Library");
MODULE_VERSION(VMB_VERSION);
MODULE_LICENSE("GPL");
