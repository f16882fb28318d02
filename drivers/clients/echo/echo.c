// SPDX-License-Identifier: GPL-2.0
/*
 * A complete small client of vmbkmcl, meant to be read and copied.
 *
 * Its peer sends packets; it answers each with the length and checksum of what
 * it got, external data included. Some packets are answered at once, inside the
 * callback, some later by a worker, in another order: a client may do either.
 *
 * The life of a client:
 *   probe       allocate a channel, configure it, enable it
 *   opened      share memory with the peer
 *   packets...  each completed once
 *   closed      take the memory back
 *   remove      disable (which brings closed), clean up
 *
 * One channel does for most. What it takes to have more is in sub_channels.c.
 */
#include <linux/crc32.h>
#include <linux/highmem.h>
#include <linux/kmemleak.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "echo.h"

/* Both rings, in pages: small enough that a test can fill them. */
#define ECHO_RING_PAGES		(SZ_64K / PAGE_SIZE + 1)

static unsigned int defer_every = 3;
module_param(defer_every, uint, 0644);
MODULE_PARM_DESC(defer_every,
		 "Answer every n-th packet later, by a worker, the newest first (0: none, 1: all)");

/**
 * struct echo_context - what echo keeps with each packet
 * @node: in &echo_channel.deferred.
 * @packet: the packet.
 * @buffer: its payload; the packet's, valid until it is completed.
 * @length: bytes of it.
 * @external: it has external data.
 *
 * The library's memory, one for each packet, zeroed before the callback.
 */
struct echo_context {
	struct llist_node node;
	struct vmb_packet_completion *packet;
	void *buffer;
	u32 length;
	bool external;
};

/* CRC-32 as zlib has it; crc is that of what came before, 0 at first. */
static u32 echo_checksum(u32 crc, const void *data, size_t length)
{
	return ~crc32_le(~crc, data, length);
}

/* The command of a control request, 0 for an ordinary packet. */
static u32 echo_command(const struct echo_context *context)
{
	const struct vmb_echo_request *request = context->buffer;

	if (context->length < sizeof(*request) ||
	    le64_to_cpu(request->magic) != VMB_ECHO_MAGIC)
		return 0;
	return le32_to_cpu(request->command);
}

static u32 echo_argument(const struct echo_context *context)
{
	const struct vmb_echo_request *request = context->buffer;

	return le32_to_cpu(request->argument);
}

static void echo_invert(u8 *data, u32 length)
{
	while (length--)
		*data++ ^= 0xff;
}

/* Read all external data, and replace it if the command says so. */
static int echo_external(const struct echo_context *context, u32 command,
			 struct vmb_echo_completion *answer)
{
	struct bvec_iter iter = {};
	const struct bio_vec *vectors;
	struct bio_vec vector;
	u32 flags = 0, crc = 0, count, i;
	int ret;

	if (command == VMB_ECHO_READ_ONLY)
		flags = VMB_CHANNEL_PACKET_EXTERNAL_DATA_FLAG_READ_ONLY;
	ret = vmb_channel_packet_get_external_data(context->packet, flags,
						   &vectors, &count);
	if (ret)
		return ret;
	for (i = 0; i < count; i++)
		iter.bi_size += vectors[i].bv_len;
	answer->external_length = cpu_to_le64(iter.bi_size);
	/* A vector may be of several pages: this is for each page of each. */
	for_each_bvec(vector, vectors, iter, iter) {
		u8 *data = bvec_kmap_local(&vector);

		crc = echo_checksum(crc, data, vector.bv_len);
		if (command == VMB_ECHO_INVERT)
			echo_invert(data, vector.bv_len);
		kunmap_local(data);
	}
	answer->external_checksum = cpu_to_le32(crc);
	return 0;
}

static void echo_complete(const struct echo_context *context, const void *answer,
			  u32 length)
{
	int ret = vmb_channel_packet_complete(context->packet, answer, length);

	/* -ENODEV is no news: the channel closed before we were done. */
	WARN_ON_ONCE(ret && ret != -ENODEV);
}

/* The number of the 4 KiB page at an offset into vmalloc memory. */
static u64 echo_frame(void *memory, size_t offset)
{
	struct page *page = vmalloc_to_page((u8 *)memory + offset);

	return ((u64)page_to_pfn(page) << (PAGE_SHIFT - 12)) +
	       (offset_in_page(offset) >> 12);
}

/* Tell the peer where the shared memory is. */
static void echo_describe(struct echo_channel *channel,
			  struct echo_context *context)
{
	const u32 pages = VMB_ECHO_SHARED_SIZE >> 12;
	u32 first = min(echo_argument(context), pages);
	struct vmb_echo_description *answer;
	u32 count, i;

	count = (VMB_ECHO_MAXIMUM_PACKET_SIZE - sizeof(*answer)) / sizeof(__le64);
	count = min(count, pages - first);
	answer = kzalloc(struct_size(answer, pfn, count), GFP_ATOMIC);
	if (!answer) {
		/* The peer asks again when it gets nothing. */
		echo_complete(context, NULL, 0);
		return;
	}
	answer->gpadl_handle = cpu_to_le32(channel->gpadl);
	answer->transfer_set_id = cpu_to_le32(VMB_ECHO_TRANSFER_SET_ID);
	answer->page_count = cpu_to_le32(pages);
	answer->first_page = cpu_to_le32(first);
	answer->pfn_count = cpu_to_le32(count);
	for (i = 0; i < count; i++)
		answer->pfn[i] = cpu_to_le64(echo_frame(channel->shared,
							(size_t)(first + i) << 12));
	echo_complete(context, answer, struct_size(answer, pfn, count));
	kfree(answer);
}

/* The peer has counted all answers and says what it thinks of them. */
static void echo_finished(struct echo_device *echo,
			  const struct echo_context *context)
{
	bool content = !echo_argument(context);
	guid_t instance;

	vmb_channel_get_interface_instance(echo->primary.channel, &instance);
	pr_info_ratelimited("%pUl: the peer has finished and is %scontent\n", &instance,
			    content ? "" : "not ");
	WRITE_ONCE(echo->peer_verdict, content ? 1 : 2);
}

/* Answer one packet. In the callback or in the worker. */
static void echo_answer(struct echo_channel *channel, struct echo_context *context)
{
	u32 command = echo_command(context);
	struct vmb_echo_completion answer = {
		.payload_length = cpu_to_le32(context->length),
	};
	int ret = 0;

	if (command == VMB_ECHO_DESCRIBE) {
		echo_describe(channel, context);
		return;
	}
	if (command == VMB_ECHO_FINISHED)
		echo_finished(channel->echo, context);
	if (command == VMB_ECHO_SUB_CHANNELS)
		echo_sub_channels_get(channel->echo, echo_argument(context));
	answer.payload_checksum = cpu_to_le32(echo_checksum(0, context->buffer,
							    context->length));
	if (context->external)
		ret = echo_external(context, command, &answer);
	answer.status = cpu_to_le32(-ret);
	echo_complete(context, &answer, sizeof(answer));
}

static void echo_answer_work(struct work_struct *work)
{
	struct echo_channel *channel = container_of(work, struct echo_channel,
						    answer_work);
	struct echo_context *context, *next;

	/* llist hands out the newest first: another order than they came in. */
	llist_for_each_entry_safe(context, next, llist_del_all(&channel->deferred),
				  node)
		echo_answer(channel, context);
}

static void echo_process_packet(struct vmb_channel *vmb_channel,
				void *callback_context,
				struct vmb_packet_completion *packet,
				void *buffer, u32 buffer_length, u32 flags)
{
	struct echo_channel *channel = callback_context;
	struct echo_context *context = vmb_channel_packet_get_client_context(packet);
	unsigned int every = READ_ONCE(defer_every);

	context->packet = packet;
	context->buffer = buffer;
	context->length = buffer_length;
	context->external = flags & VMB_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA;
	if (every && ++channel->packets % every == 0)
		llist_add(&context->node, &channel->deferred);
	else
		echo_answer(channel, context);
}

static void echo_processing_complete(struct vmb_channel *vmb_channel,
				     void *callback_context,
				     u32 packets_processed)
{
	struct echo_channel *channel = callback_context;

	if (!llist_empty(&channel->deferred))
		queue_work(channel->echo->workqueue, &channel->answer_work);
}

/* Memory that the peer may still write to is never freed, and nobody's any more. */
static void echo_leak_shared(struct echo_channel *channel)
{
	kmemleak_ignore(channel->shared);
	channel->shared = NULL;
}

static int echo_opened(struct vmb_channel *vmb_channel, void *callback_context)
{
	struct echo_channel *channel = callback_context;
	int ret;

	channel->shared = vzalloc(VMB_ECHO_SHARED_SIZE);
	if (!channel->shared)
		return -ENOMEM;
	ret = vmb_channel_create_gpadl_from_buffer(vmb_channel, 0, channel->shared,
						   VMB_ECHO_SHARED_SIZE,
						   &channel->gpadl);
	/* The peer may write to it although it refused it. */
	if (ret == -EIO)
		echo_leak_shared(channel);
	if (ret)
		goto free_shared;
	ret = vmb_channel_register_transfer_page_set(vmb_channel,
						     VMB_ECHO_TRANSFER_SET_ID,
						     channel->gpadl);
	if (ret)
		goto delete_gpadl;
	return 0;

delete_gpadl:
	if (vmb_channel_delete_gpadl(vmb_channel, channel->gpadl))
		echo_leak_shared(channel);
free_shared:
	vfree(channel->shared);
	channel->shared = NULL;
	return ret;
}

static void echo_closed(struct vmb_channel *vmb_channel, void *callback_context,
			enum vmb_channel_stop_reason reason)
{
	struct echo_channel *channel = callback_context;

	if (channel->index && reason == VMB_CHANNEL_STOP_PEER_GONE)
		echo_sub_channel_gone(channel);
	vmb_channel_unregister_transfer_page_set(vmb_channel,
						 VMB_ECHO_TRANSFER_SET_ID);
	if (vmb_channel_delete_gpadl(vmb_channel, channel->gpadl))
		echo_leak_shared(channel);
	vfree(channel->shared);
	channel->shared = NULL;
}

static int echo_configure(struct echo_channel *channel)
{
	struct vmb_channel_state_change_callbacks callbacks;
	struct vmb_channel *vmb_channel = channel->channel;
	int ret;

	vmb_channel_state_change_callbacks_init(&callbacks);
	callbacks.callback_context = channel;
	callbacks.opened = echo_opened;
	callbacks.closed = echo_closed;
	ret = vmb_channel_init_set_state_change_callbacks(vmb_channel, &callbacks);
	if (ret)
		return ret;
	ret = vmb_channel_init_set_process_packet_callbacks(vmb_channel, channel,
							    echo_process_packet,
							    echo_processing_complete);
	if (ret)
		return ret;
	ret = vmb_channel_init_set_maximum_packet_size(vmb_channel,
						       VMB_ECHO_MAXIMUM_PACKET_SIZE);
	if (ret)
		return ret;
	ret = vmb_channel_init_set_maximum_external_data(vmb_channel,
							 VMB_ECHO_MAXIMUM_EXTERNAL_SIZE,
							 VMB_ECHO_MAXIMUM_EXTERNAL_CHAIN);
	if (ret)
		return ret;
	ret = vmb_channel_init_set_client_context_size(vmb_channel,
						       sizeof(struct echo_context));
	if (ret)
		return ret;
	return vmb_client_channel_init_set_ring_buffer_page_count(vmb_channel,
								  ECHO_RING_PAGES,
								  ECHO_RING_PAGES);
}

/* A channel with everything set that all channels have alike. */
int echo_channel_allocate(struct echo_channel *channel, struct vmb_device *device)
{
	int ret;

	init_llist_head(&channel->deferred);
	INIT_WORK(&channel->answer_work, echo_answer_work);
	ret = vmb_channel_allocate(device, false, &channel->channel);
	if (ret)
		return ret;
	ret = echo_configure(channel);
	if (ret)
		echo_channel_cleanup(channel);
	return ret;
}

/* The channel is disabled, so nothing queues work any more. */
void echo_channel_cleanup(struct echo_channel *channel)
{
	cancel_work_sync(&channel->answer_work);
	vmb_channel_cleanup(channel->channel);
	channel->channel = NULL;
}

static int echo_probe(struct vmb_device *device)
{
	struct echo_device *echo;
	int ret;

	echo = kzalloc(sizeof(*echo), GFP_KERNEL);
	if (!echo)
		return -ENOMEM;
	echo->workqueue = alloc_workqueue("vmb_echo", WQ_UNBOUND, 0);
	if (!echo->workqueue) {
		ret = -ENOMEM;
		goto free_echo;
	}
	echo->device = device;
	echo->primary.echo = echo;
	echo_sub_channels_init(echo);
	device->driver_data = echo;
	ret = echo_channel_allocate(&echo->primary, device);
	if (ret)
		goto destroy_workqueue;
	ret = vmb_channel_enable(echo->primary.channel);
	if (ret)
		goto cleanup_channel;
	return 0;

cleanup_channel:
	echo_channel_cleanup(&echo->primary);
destroy_workqueue:
	destroy_workqueue(echo->workqueue);
free_echo:
	kfree(echo);
	return ret;
}

static void echo_remove(struct vmb_device *device)
{
	struct echo_device *echo = device->driver_data;

	/* Waits until the workers have answered what they hold. */
	vmb_channel_disable(echo->primary.channel);
	echo_sub_channels_cleanup(echo);
	echo_channel_cleanup(&echo->primary);
	destroy_workqueue(echo->workqueue);
	kfree(echo);
}

static ssize_t peer_verdict_show(struct device *dev,
				 struct device_attribute *attribute, char *buffer)
{
	static const char * const verdicts[] = { "none", "content", "discontent" };
	const struct echo_device *echo = dev_to_vmb_device(dev)->driver_data;

	return sysfs_emit(buffer, "%s\n", verdicts[READ_ONCE(echo->peer_verdict)]);
}
static DEVICE_ATTR_RO(peer_verdict);

static struct attribute *echo_attrs[] = {
	&dev_attr_peer_verdict.attr,
	NULL
};
ATTRIBUTE_GROUPS(echo);

/* One more expansion, so that the fields become GUID_INIT's arguments. */
#define ECHO_GUID(fields...)	GUID_INIT(fields)

static const struct hv_vmbus_device_id echo_id_table[] = {
	{ .guid = ECHO_GUID(VMB_ECHO_GUID_FIELDS) },
	{ }
};
MODULE_DEVICE_TABLE(vmbus, echo_id_table);

static struct vmb_driver echo_driver = {
	.name = "vmb_echo",
	.id_table = echo_id_table,
	.device_groups = echo_groups,
	.probe = echo_probe,
	.remove = echo_remove,
};
module_vmb_driver(echo_driver);

MODULE_DESCRIPTION("Echo client of the VMBus Kernel Mode Client Library");
MODULE_VERSION(VMB_VERSION);
MODULE_LICENSE("GPL");
