// SPDX-License-Identifier: GPL-2.0
/*
 * A server is given the state of another: chunks, whole records in each. Where they
 * come from nobody knows. So a chunk is copied once, checked as a whole, and only
 * then are its packets given to the driver.
 *
 * What is restored waits in a list until the channel is enabled.
 */
#include <linux/bitmap.h>
#include <linux/crc32.h>
#include <linux/mm.h>
#include <linux/once.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "life.h"
#include "save_image.h"

/* Once, when the channel is made. */
void vmb_restore_init(struct vmb_restore *restore)
{
	INIT_LIST_HEAD(&restore->list);
}

/*
 * Which packets are in flight, in one number: that of their count, and then of each id in
 * the order of the state. Made of the number so far; 0 to begin with. The old server
 * leaves it with the session, and no state that lacks a packet, or has another one, has
 * the same: it would have a packet end with the answer to another one.
 */
u64 vmb_restore_note_in_flight(u64 noted, u32 value)
{
	static siphash_aligned_key_t key;

	get_random_once(&key, sizeof(key));
	return siphash_2u64(noted, value, &key);
}

/* What has to be the same in both channels. */
void vmb_restore_settings_of(const struct vmb_channel *channel,
			     struct vmb_restore_settings *settings)
{
	*settings = (struct vmb_restore_settings) {
		.type = channel->target_type,
		.instance = channel->target_instance,
		.flags = channel->flags,
		.server_flags = channel->server_flags,
		.packet_size = channel->maximum_packet_size,
		.packet_count = channel->outbound.transactions.configured,
		.external_bytes = channel->external.bytes,
		.external_chain = channel->external.chain,
	};
}

static_assert(sizeof(struct vmb_restore_settings) == 2 * sizeof(guid_t) + 6 * sizeof(u32));

/* None of its bytes is padding. */
static bool vmb_restore_settings_match(const struct vmb_channel *channel)
{
	struct vmb_restore_settings settings;

	vmb_restore_settings_of(channel, &settings);
	return !memcmp(&settings, &channel->restore.settings, sizeof(settings));
}

/* End what was restored; then there is no restore. Process context. */
void vmb_restore_give_up(struct vmb_channel *channel)
{
	struct vmb_restore *restore = &channel->restore;
	struct vmb_packet *packet;

	restore->state = VMB_RESTORE_NONE;
	kvfree(restore->slots);
	restore->slots = NULL;
	while (!list_empty(&restore->list)) {
		packet = list_first_entry(&restore->list, struct vmb_packet, queue.node);
		list_del_init(&packet->queue.node);
		WRITE_ONCE(packet->state, VMB_SEND_IDLE);
		packet->routine(packet, packet->routine_context, -ENODEV, NULL, 0);
	}
}

/* May a channel be enabled with what was restored of it, or was not? */
int vmb_restore_check(struct vmb_channel *channel)
{
	const struct vmb_restore *restore = &channel->restore;

	if (restore->state == VMB_RESTORE_NONE)
		return 0;
	return restore->state == VMB_RESTORE_COMPLETE &&
	       vmb_restore_settings_match(channel) ? 0 : -EINVAL;
}

/* The channel is about to be enabled: the packets are on their way. */
void vmb_restore_hand_out(struct vmb_channel *channel)
{
	struct vmb_restore *restore = &channel->restore;

	if (restore->state == VMB_RESTORE_NONE)
		return;
	vmb_send_restore(channel, &restore->list);
	vmb_restore_give_up(channel);
}

/* In the head of a chunk. 0 or an errno. */
static int vmb_restore_check_head(const struct vmb_channel *channel,
				  const struct vmb_save_chunk *head, u32 size)
{
	const struct vmb_restore *restore = &channel->restore;

	if (le32_to_cpu(head->magic) != VMB_SAVE_MAGIC)
		return -EBADMSG;
	if (le16_to_cpu(head->version) != VMB_SAVE_VERSION)
		return -EPROTONOSUPPORT;
	if (le32_to_cpu(head->length) != size || !head->records ||
	    le16_to_cpu(head->last) > 1)
		return -EBADMSG;
	/* The first may come at any time, and begins anew. */
	if (!head->index)
		return 0;
	if (restore->state != VMB_RESTORE_INCOMPLETE ||
	    le32_to_cpu(head->index) != restore->chunk ||
	    le64_to_cpu(head->session) != restore->session)
		return -EBADMSG;
	/* The driver may have changed them since, and the slots are as many as there were. */
	return channel->save.restore_packet && vmb_restore_settings_match(channel) ?
	       0 : -EINVAL;
}

static bool vmb_restore_checksum_is_right(struct vmb_save_chunk *chunk, u32 size)
{
	u32 checksum = le32_to_cpu(chunk->checksum);

	chunk->checksum = 0;
	return crc32_le(~0, (const u8 *)chunk, size) == checksum;
}

/* Bytes that nobody uses. */
static bool vmb_restore_padding_is_zero(const u8 *from, u32 length)
{
	return !memchr_inv(from + length, 0, ALIGN(length, VMB_SAVE_UNIT) - length);
}

/* A packet's record of @length bytes. */
static bool vmb_restore_packet_is_sound(struct vmb_channel *channel,
					const struct vmb_save_packet *packet, u32 length)
{
	const u32 sent = VMB_SAVE_PACKET_WAITS | VMB_SAVE_PACKET_SENT;
	struct vmb_restore *restore = &channel->restore;
	const u8 *payload = (const u8 *)(packet + 1);
	u32 payload_length, private_length, flags, id;

	if (length < sizeof(*packet))
		return false;
	payload_length = le32_to_cpu(packet->payload_length);
	private_length = le32_to_cpu(packet->private_length);
	flags = le32_to_cpu(packet->flags);
	id = le32_to_cpu(packet->transaction_id);
	/* With both bounded the sum cannot overflow. */
	if (payload_length > vmb_channel_wire_packet_size(channel) ||
	    private_length > VMB_SAVE_MOST_PRIVATE ||
	    length != sizeof(*packet) + ALIGN(payload_length, VMB_SAVE_UNIT) +
		      ALIGN(private_length, VMB_SAVE_UNIT))
		return false;
	if (!vmb_restore_padding_is_zero(payload, payload_length) ||
	    !vmb_restore_padding_is_zero(payload + ALIGN(payload_length, VMB_SAVE_UNIT),
					 private_length))
		return false;
	if (!restore->packets--)
		return false;
	if (!restore->in_flight)
		return !id && (!flags || (flags == VMB_SAVE_PACKET_WAITS &&
					  !vmb_channel_is_pipe(channel)));
	restore->in_flight--;
	restore->noted = vmb_restore_note_in_flight(restore->noted, id);
	if (flags != sent || !id || payload_length || vmb_channel_is_pipe(channel))
		return false;
	return !__test_and_set_bit(id & (channel->outbound.transactions.count - 1),
				   restore->slots);
}

/* The session's record: from here on it is known what has to follow. 0 or an errno. */
static int vmb_restore_begin(struct vmb_channel *channel,
			     const struct vmb_save_chunk *head,
			     const struct vmb_save_session *session, u32 length)
{
	struct vmb_restore *restore = &channel->restore;

	if (length != sizeof(*session) || session->reserved)
		return -EBADMSG;
	restore->packets = le32_to_cpu(session->packets);
	restore->in_flight = le32_to_cpu(session->in_flight);
	if (restore->packets > VMB_SAVE_MOST_PACKETS ||
	    restore->in_flight > restore->packets)
		return -EBADMSG;
	import_guid(&restore->settings.type, session->type);
	import_guid(&restore->settings.instance, session->instance);
	restore->settings.flags = le32_to_cpu(session->flags);
	restore->settings.server_flags = le32_to_cpu(session->server_flags);
	restore->settings.packet_size = le32_to_cpu(session->packet_size);
	restore->settings.packet_count = le32_to_cpu(session->packet_count);
	restore->settings.external_bytes = le32_to_cpu(session->external_bytes);
	restore->settings.external_chain = le32_to_cpu(session->external_chain);
	if (!vmb_restore_settings_match(channel))
		return -EINVAL;
	if (restore->in_flight > restore->settings.packet_count)
		return -EBADMSG;
	if (restore->packets && !channel->save.restore_packet)
		return -EINVAL;
	restore->noted = vmb_restore_note_in_flight(0, restore->in_flight);
	restore->at.read_index = le32_to_cpu(session->read_index);
	restore->at.write_index = le32_to_cpu(session->write_index);
	restore->at.peer_read_index = le32_to_cpu(session->peer_read_index);
	restore->session = le64_to_cpu(head->session);
	restore->chunk = 0;
	restore->slots = kvcalloc(BITS_TO_LONGS(channel->outbound.transactions.count),
				  sizeof(long), GFP_KERNEL);
	if (!restore->slots)
		return -ENOMEM;
	restore->state = VMB_RESTORE_INCOMPLETE;
	return 0;
}

/* The record at @offset of a chunk that ends at @size; its length, or an errno. */
static int vmb_restore_check_record(struct vmb_channel *channel,
				    const struct vmb_save_chunk *chunk, u32 offset,
				    u32 size)
{
	const struct vmb_save_record *record = (const void *)chunk + offset;
	bool first = !chunk->index && offset == sizeof(*chunk);
	u32 length;
	int ret;

	if (size - offset < sizeof(*record))
		return -EBADMSG;
	length = le32_to_cpu(record->length);
	if (length < sizeof(*record) || length % VMB_SAVE_UNIT || length > size - offset)
		return -EBADMSG;
	/* As a save has it: of all chunks, without what is in front of each. */
	if (first)
		channel->restore.room = VMB_SAVE_MOST_BYTES;
	if (length > channel->restore.room)
		return -EBADMSG;
	channel->restore.room -= length;
	if (first) {
		if (le32_to_cpu(record->type) != VMB_SAVE_SESSION)
			return -EBADMSG;
		ret = vmb_restore_begin(channel, chunk, (const void *)record, length);
		return ret ?: length;
	}
	return le32_to_cpu(record->type) == VMB_SAVE_PACKET &&
	       vmb_restore_packet_is_sound(channel, (const void *)record, length) ?
	       length : -EBADMSG;
}

static int vmb_restore_check_chunk(struct vmb_channel *channel,
				   const struct vmb_save_chunk *chunk, u32 size)
{
	struct vmb_restore *restore = &channel->restore;
	u32 records = le32_to_cpu(chunk->records);
	u32 offset = sizeof(*chunk);
	int ret;

	while (offset < size) {
		ret = vmb_restore_check_record(channel, chunk, offset, size);
		if (ret < 0)
			return ret;
		offset += ret;
		if (!records--)
			return -EBADMSG;
	}
	/* The last packet is in the last chunk. */
	return records || le16_to_cpu(chunk->last) != !restore->packets ? -EBADMSG : 0;
}

/* Give the driver a packet. */
static int vmb_restore_packet(struct vmb_channel *channel,
			      const struct vmb_save_packet *packet)
{
	u32 payload = ALIGN(le32_to_cpu(packet->payload_length), VMB_SAVE_UNIT);
	u32 private = le32_to_cpu(packet->private_length);
	const u8 *at = (const u8 *)(packet + 1) + payload;
	bool restored;
	int ret;

	channel->restore.record = packet;
	ret = channel->save.restore_packet(channel, channel->save.context, packet,
					   sizeof(*packet) + payload,
					   private ? at : NULL, private);
	restored = !channel->restore.record;
	channel->restore.record = NULL;
	if (ret > 0 || (!ret && !restored))
		return -EINVAL;
	return ret;
}

/* All of it was checked. */
static int vmb_restore_packets(struct vmb_channel *channel,
			       const struct vmb_save_chunk *chunk, u32 size)
{
	u32 offset = sizeof(*chunk);
	int ret = 0;

	while (offset < size && !ret) {
		const struct vmb_save_record *record = (const void *)chunk + offset;

		if (le32_to_cpu(record->type) == VMB_SAVE_PACKET)
			ret = vmb_restore_packet(channel, (const void *)record);
		offset += le32_to_cpu(record->length);
	}
	return ret;
}

/* A chunk that is ours alone. 0, -EINPROGRESS or an errno. */
static int vmb_restore_chunk(struct vmb_channel *channel,
			     struct vmb_save_chunk *chunk, u32 size)
{
	struct vmb_restore *restore = &channel->restore;
	int ret;

	ret = vmb_restore_check_head(channel, chunk, size);
	if (ret)
		return ret;
	if (!vmb_restore_checksum_is_right(chunk, size))
		return -EBADMSG;
	if (!chunk->index)
		vmb_restore_give_up(channel);
	ret = vmb_restore_check_chunk(channel, chunk, size);
	if (ret)
		return ret;
	ret = vmb_restore_packets(channel, chunk, size);
	if (ret)
		return ret;
	restore->chunk++;
	if (restore->packets)
		return -EINPROGRESS;
	restore->state = VMB_RESTORE_COMPLETE;
	return 0;
}

int vmb_channel_restore_from_buffer(struct vmb_channel *channel, const void *buffer,
				    u32 buffer_size)
{
	const u32 most = sizeof(struct vmb_save_chunk) + VMB_SAVE_MOST_BYTES;
	void *copy;
	int ret;

	might_sleep();
	if (!channel->is_server)
		return -EINVAL;
	if (channel->primary)
		return -EOPNOTSUPP;
	/* The restore callback may give it no chunk, also after it has restored its packet. */
	if (!vmb_channel_is_configurable(channel) || channel->restore.busy)
		return -EBUSY;
	channel->restore.busy = true;
	ret = -EBADMSG;
	if (buffer_size < sizeof(struct vmb_save_chunk) || buffer_size > most)
		goto give_up;
	ret = -ENOMEM;
	copy = kvmalloc(buffer_size, GFP_KERNEL);
	if (!copy)
		goto give_up;
	memcpy(copy, buffer, buffer_size);
	ret = vmb_restore_chunk(channel, copy, buffer_size);
	kvfree(copy);
give_up:
	if (ret && ret != -EINPROGRESS)
		vmb_restore_give_up(channel);
	channel->restore.busy = false;
	return ret;
}
EXPORT_SYMBOL_GPL(vmb_channel_restore_from_buffer);

int vmb_packet_restore(struct vmb_packet *packet, const void *library_buffer,
		       u32 library_size)
{
	struct vmb_channel *channel = packet->channel;
	const struct vmb_save_packet *record = channel->restore.record;
	u32 length;

	if (!record || library_buffer != record || !packet->routine ||
	    packet->is_pipe != vmb_channel_is_pipe(channel))
		return -EINVAL;
	length = le32_to_cpu(record->payload_length);
	/* The callback may have made packets smaller since the record was looked at. */
	if (library_size != sizeof(*record) + ALIGN(length, VMB_SAVE_UNIT) ||
	    length > min(vmb_channel_wire_packet_size(channel), packet->payload_room))
		return -EINVAL;
	if (READ_ONCE(packet->state) != VMB_SEND_IDLE)
		return -EBUSY;
	packet->waits = le32_to_cpu(record->flags) & VMB_SAVE_PACKET_WAITS;
	packet->transaction_id = le32_to_cpu(record->transaction_id);
	packet->payload_length = length;
	packet->since = 0;
	memcpy(packet->payload, record + 1, length);
	WRITE_ONCE(packet->state, VMB_SEND_HELD);
	list_add_tail(&packet->queue.node, &channel->restore.list);
	channel->restore.record = NULL;
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_packet_restore);
