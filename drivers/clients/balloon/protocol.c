// SPDX-License-Identifier: GPL-2.0
/*
 * Messages: the host's are kept until the work has looked at them, in their
 * order, for most of what they ask for may sleep.
 */
#include <linux/bitfield.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/overflow.h>

#include "balloon.h"

/* A host that reads nothing for so long has gone, or is broken. */
#define BALLOON_SEND_TIMEOUT	(10 * HZ)
/* How soon a send is given up when the channel is about to be closed. */
#define BALLOON_SEND_SLICE	(HZ / 5)
#define BALLOON_STATUS_PERIOD	HZ

/* The newest first. */
static const u32 balloon_versions[] = {
	DM_VERSION(2, 0),
	DM_VERSION(1, 0),
	DM_VERSION(0, 3),
};

/**
 * struct balloon_packet - what is kept with each packet
 * @node: in &balloon.packets.
 * @packet: the packet.
 * @buffer: its payload; the packet's, valid until it is completed.
 * @length: bytes of it.
 *
 * The library's memory, one for each packet.
 */
struct balloon_packet {
	struct list_head node;
	struct vmb_packet_completion *packet;
	void *buffer;
	u32 length;
};

size_t balloon_packet_context_size(void)
{
	return sizeof(struct balloon_packet);
}

void balloon_process_packet(struct vmb_channel *channel, void *callback_context,
			    struct vmb_packet_completion *packet, void *buffer,
			    u32 buffer_length, u32 flags)
{
	struct balloon_packet *kept = vmb_channel_packet_get_client_context(packet);
	struct balloon *balloon = callback_context;
	unsigned long irq;

	kept->packet = packet;
	kept->buffer = buffer;
	kept->length = buffer_length;
	spin_lock_irqsave(&balloon->lock, irq);
	list_add_tail(&kept->node, &balloon->packets);
	spin_unlock_irqrestore(&balloon->lock, irq);
	queue_work(balloon->workqueue, &balloon->work);
}

static struct balloon_packet *balloon_next_packet(struct balloon *balloon)
{
	struct balloon_packet *kept;

	spin_lock_irq(&balloon->lock);
	kept = list_first_entry_or_null(&balloon->packets, struct balloon_packet,
					node);
	if (kept)
		list_del(&kept->node);
	spin_unlock_irq(&balloon->lock);
	return kept;
}

/* Send a message. Returns when it is in the ring. */
static int balloon_send(struct balloon *balloon, struct dm_header *header,
			enum dm_type type, size_t size, u32 transaction)
{
	unsigned long end = jiffies + BALLOON_SEND_TIMEOUT;
	int ret = -ENODEV;

	header->type = cpu_to_le16(type);
	header->size = cpu_to_le16(size);
	header->transaction = cpu_to_le32(transaction);
	/*
	 * What is sent while the VM is about to hibernate is held until it resumes,
	 * when the host has forgotten all: so closed must not wait for it.
	 */
	while (!READ_ONCE(balloon->suspended)) {
		ret = vmb_channel_send_synchronous_request(balloon->channel, header, size,
							   NULL, 0, 0, NULL, NULL,
							   BALLOON_SEND_SLICE);
		if (ret != -ETIMEDOUT || time_after(jiffies, end))
			break;
	}
	return ret;
}

/* Send a message that answers none, so its transaction is a new one. */
static int balloon_tell(struct balloon *balloon, struct dm_header *header,
			enum dm_type type, size_t size)
{
	return balloon_send(balloon, header, type, size,
			    atomic_inc_return(&balloon->transaction));
}

static void balloon_malformed(struct balloon *balloon, const char *what)
{
	balloon->malformed++;
	dev_warn_ratelimited(balloon->device->dev, "the host sent %s\n", what);
}

static void balloon_ask_version(struct balloon *balloon)
{
	const bool last = balloon->version == ARRAY_SIZE(balloon_versions) - 1;
	struct dm_version_request request = {
		.version = cpu_to_le32(balloon_versions[balloon->version]),
		.flags = cpu_to_le32(last ? DM_VERSION_REQUEST_LAST : 0),
	};

	WRITE_ONCE(balloon->state, BALLOON_VERSION);
	balloon_tell(balloon, &request.header, DM_TYPE_VERSION_REQUEST,
		     sizeof(request));
}

static void balloon_refused(struct balloon *balloon, const char *what)
{
	WRITE_ONCE(balloon->state, BALLOON_REFUSED);
	dev_err_ratelimited(balloon->device->dev, "the host accepts no %s of ours\n", what);
}

static void balloon_report_capabilities(struct balloon *balloon)
{
	struct dm_capabilities report = {
		.flags = cpu_to_le64(BALLOON_IS_POSSIBLE ? DM_CAPABILITY_BALLOON : 0),
		.minimum_pages = cpu_to_le64(balloon_floor(balloon)),
		.maximum_page = cpu_to_le64(U64_MAX),
	};

	WRITE_ONCE(balloon->state, BALLOON_CAPABILITIES);
	balloon_tell(balloon, &report.header, DM_TYPE_CAPABILITIES, sizeof(report));
}

static void balloon_version_answered(struct balloon *balloon,
				     const struct dm_response *response)
{
	if (balloon->state != BALLOON_VERSION)
		balloon_malformed(balloon, "an answer to no version");
	else if (response->flags & cpu_to_le64(DM_RESPONSE_ACCEPTED))
		balloon_report_capabilities(balloon);
	else if (++balloon->version < ARRAY_SIZE(balloon_versions))
		balloon_ask_version(balloon);
	else
		balloon_refused(balloon, "version");
}

static void balloon_capabilities_answered(struct balloon *balloon,
					  const struct dm_response *response)
{
	if (balloon->state != BALLOON_CAPABILITIES) {
		balloon_malformed(balloon, "an answer to no capabilities");
		return;
	}
	if (!(response->flags & cpu_to_le64(DM_RESPONSE_ACCEPTED))) {
		balloon_refused(balloon, "capabilities");
		return;
	}
	WRITE_ONCE(balloon->state, BALLOON_RUNNING);
	if (!(response->flags & cpu_to_le64(DM_RESPONSE_NO_STATUS)))
		queue_delayed_work(balloon->workqueue, &balloon->status_work, 0);
}

void balloon_status_work(struct work_struct *work)
{
	struct balloon *balloon = container_of(to_delayed_work(work), struct balloon,
					       status_work);
	struct sysinfo memory;
	struct dm_status status = { };

	si_meminfo(&memory);
	status.available = cpu_to_le64(max(si_mem_available(), 0L));
	/* The host is to count what it has, and the floor, as wanted. */
	status.committed = cpu_to_le64(vm_memory_committed() +
				       READ_ONCE(balloon->ballooned) +
				       balloon_floor(balloon));
	status.free = cpu_to_le64(memory.freeram);
	if (balloon_tell(balloon, &status.header, DM_TYPE_STATUS,
			 sizeof(status)) != -ENODEV)
		queue_delayed_work(balloon->workqueue, &balloon->status_work,
				   BALLOON_STATUS_PERIOD);
}

/* What an answer named that never left: the host does not have it. */
static void balloon_take_back(struct balloon *balloon, u32 range_count)
{
	u64 range;
	u32 i;

	for (i = 0; i < range_count; i++) {
		range = le64_to_cpu(balloon->message.response.ranges[i]);
		balloon_deflate(balloon, FIELD_GET(DM_RANGE_START, range),
				FIELD_GET(DM_RANGE_COUNT, range));
	}
}

/* In as many answers as it takes; the last one says so. */
static void balloon_give(struct balloon *balloon,
			 const struct dm_balloon_request *request)
{
	struct dm_balloon_response *response = &balloon->message.response;
	u32 wanted = le32_to_cpu(request->page_count);
	u32 got, count, more;

	do {
		memset(response, 0, sizeof(*response));
		got = balloon_inflate(balloon, wanted, &count);
		wanted -= got;
		more = got && wanted ? DM_BALLOON_RESPONSE_MORE : 0;
		response->ranges_and_more = cpu_to_le32(count << 1 | more);
		if (balloon_send(balloon, &response->header,
				 DM_TYPE_BALLOON_RESPONSE,
				 struct_size(response, ranges, count),
				 le32_to_cpu(request->header.transaction))) {
			balloon_take_back(balloon, count);
			return;
		}
	} while (more);
}

static void balloon_get(struct balloon *balloon,
			const struct dm_unballoon_request *request, u32 size)
{
	u32 count = le32_to_cpu(request->range_count), i;
	struct dm_unballoon_response response;

	if (count > (size - sizeof(*request)) / sizeof(request->ranges[0])) {
		balloon_malformed(balloon, "more ranges than fit in their message");
		return;
	}
	for (i = 0; i < count; i++) {
		u64 range = le64_to_cpu(request->ranges[i]);

		balloon_deflate(balloon, FIELD_GET(DM_RANGE_START, range),
				FIELD_GET(DM_RANGE_COUNT, range));
	}
	if (!(request->flags & cpu_to_le32(DM_UNBALLOON_REQUEST_MORE)))
		balloon_send(balloon, &response.header, DM_TYPE_UNBALLOON_RESPONSE,
			     sizeof(response),
			     le32_to_cpu(request->header.transaction));
}

/* The host was not told that memory can be added: answer that none is. */
static void balloon_decline_hot_add(struct balloon *balloon,
				    const struct dm_header *header)
{
	struct dm_hot_add_response response = { };

	balloon_send(balloon, &response.header, DM_TYPE_HOT_ADD_RESPONSE,
		     sizeof(response), le32_to_cpu(header->transaction));
}

/* The smallest message of its type; 0: not for a guest, or not for this one. */
static u32 balloon_minimum_size(u16 type)
{
	switch (type) {
	case DM_TYPE_VERSION_RESPONSE:
	case DM_TYPE_CAPABILITIES_RESPONSE:
		return sizeof(struct dm_response);
	case DM_TYPE_BALLOON_REQUEST:
		return sizeof(struct dm_balloon_request);
	case DM_TYPE_UNBALLOON_REQUEST:
		return sizeof(struct dm_unballoon_request);
	case DM_TYPE_HOT_ADD_REQUEST:
	case DM_TYPE_INFORMATION:
		return sizeof(struct dm_header);
	default:
		return 0;
	}
}

static void balloon_message(struct balloon *balloon, const void *message, u32 length)
{
	const struct dm_header *header = message;
	u32 size, minimum;
	u16 type;

	if (length < sizeof(*header)) {
		balloon_malformed(balloon, "less than a header");
		return;
	}
	type = le16_to_cpu(header->type);
	size = le16_to_cpu(header->size);
	minimum = balloon_minimum_size(type);
	if (!minimum || size < minimum || size > length) {
		balloon_malformed(balloon, "a message of unknown type or wrong size");
		return;
	}
	if (type == DM_TYPE_VERSION_RESPONSE)
		balloon_version_answered(balloon, message);
	else if (type == DM_TYPE_CAPABILITIES_RESPONSE)
		balloon_capabilities_answered(balloon, message);
	else if (type == DM_TYPE_INFORMATION)
		dev_dbg(balloon->device->dev, "the host informs us\n");
	else if (balloon->state != BALLOON_RUNNING)
		balloon_malformed(balloon, "a request before it was agreed what we can do");
	else if (type == DM_TYPE_BALLOON_REQUEST)
		balloon_give(balloon, message);
	else if (type == DM_TYPE_UNBALLOON_REQUEST)
		balloon_get(balloon, message, size);
	else
		balloon_decline_hot_add(balloon, message);
}

void balloon_work(struct work_struct *work)
{
	struct balloon *balloon = container_of(work, struct balloon, work);
	struct balloon_packet *kept;

	if (balloon->state == BALLOON_STARTED)
		balloon_ask_version(balloon);
	while ((kept = balloon_next_packet(balloon))) {
		/* The host forgets its requests when the channel closes, and we all pages. */
		if (!READ_ONCE(balloon->suspended))
			balloon_message(balloon, kept->buffer, kept->length);
		vmb_channel_packet_complete(kept->packet, NULL, 0);
	}
}
