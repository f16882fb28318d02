// SPDX-License-Identifier: GPL-2.0
/*
 * Packets written into the ring byte by byte, and the lies after which nobody
 * can know where the next packet begins. The guest has to stop, say so once,
 * and close the channel.
 */
#include "host_device.h"

/* Into the data of a ring, around its end. */
bool echo_write_ring(struct echo_channel *channel, const VMBusRingBufCommon *ring,
		     uint32_t index, const void *data, uint32_t length)
{
	VMBusGpadl *gpadl = channel->chan->gpadl;
	const uint8_t *from = data;
	uint32_t at, part;

	for (; length; length -= part, from += part, index += part) {
		index %= ring->len;
		at = ring->base + index;
		part = MIN(length, ECHO_PAGE_SIZE - at % ECHO_PAGE_SIZE);
		if (dma_memory_write(ring->as, gpadl->gfns[at / ECHO_PAGE_SIZE] *
				     ECHO_PAGE_SIZE + at % ECHO_PAGE_SIZE,
				     from, part, MEMTXATTRS_UNSPECIFIED))
			return false;
	}
	return true;
}

/* A field of its control page. */
void echo_write_control(struct echo_channel *channel, const VMBusRingBufCommon *ring,
			uint32_t field, uint32_t value)
{
	value = cpu_to_le32(value);
	dma_memory_write(echo_memory(channel), ring->rb_addr + field, &value, sizeof(value),
			 MEMTXATTRS_UNSPECIFIED);
}

static void write_ring(struct echo_channel *channel, uint32_t index, const void *data,
		       uint32_t length)
{
	echo_write_ring(channel, &channel->chan->send_ringbuf.common, index, data, length);
}

static bool write_packet(struct echo_channel *channel, const struct echo_packet *packet,
			 const struct echo_header *header)
{
	VMBusSendRingBuf *ring = &channel->chan->send_ringbuf;
	uint64_t trailer = (uint64_t)ring->wr_idx << 32;
	uint32_t payload_length = QEMU_ALIGN_UP(packet->payload_length, 8);
	uint32_t at = ring->wr_idx;

	if (vmbus_channel_reserve(channel->chan, packet->descriptor_length, payload_length))
		return false;
	write_ring(channel, at, header, sizeof(*header));
	at += sizeof(*header);
	write_ring(channel, at, packet->descriptor, packet->descriptor_length);
	at += packet->descriptor_length;
	write_ring(channel, at, packet->payload, payload_length);
	at += payload_length;
	write_ring(channel, at, &trailer, sizeof(trailer));
	/* The next packet that QEMU sends publishes this one with it. */
	ring->wr_idx = (at + sizeof(trailer)) % ring->common.len;
	return true;
}

struct echo_header echo_right_header(const struct echo_packet *packet)
{
	struct echo_header header = {
		.type = packet->type,
		.flags = packet->raw_flags,
		.offset8 = (sizeof(header) + packet->descriptor_length) / 8,
		.length8 = (sizeof(header) + packet->descriptor_length +
			    QEMU_ALIGN_UP(packet->payload_length, 8)) / 8,
		.transaction_id = packet->txn.sequence,
	};

	return header;
}

/* Put into the ring what QEMU's own sender would not; not published yet. */
bool echo_write_raw(struct echo_channel *channel, const struct echo_packet *packet)
{
	struct echo_header header = echo_right_header(packet);

	return write_packet(channel, packet, &header);
}

static void length_short(struct echo_header *header)
{
	header->length8 = 1;
}

static void length_zero(struct echo_header *header)
{
	header->length8 = 0;
}

static void length_beyond(struct echo_header *header)
{
	header->length8 = 0xffff;
}

static void offset_short(struct echo_header *header)
{
	header->offset8 = 1;
}

static void offset_beyond(struct echo_header *header)
{
	header->offset8 = header->length8 + 1;
}

static uint32_t index_range(struct echo_channel *channel)
{
	return channel->chan->send_ringbuf.common.len + 8;
}

static uint32_t index_unaligned(struct echo_channel *channel)
{
	return (channel->chan->send_ringbuf.wr_idx + 36) % channel->chan->send_ringbuf.common.len;
}

static uint32_t index_huge(struct echo_channel *channel)
{
	return 0xfffffff8;
}

static uint32_t index_ours(struct echo_channel *channel)
{
	return (channel->chan->send_ringbuf.wr_idx + 8) % channel->chan->send_ringbuf.common.len;
}

static const struct {
	const char *name;
	void (*header)(struct echo_header *header);
	uint32_t field;
	uint32_t (*index)(struct echo_channel *channel);
} kinds[] = {
	{ "length-short", length_short },
	{ "length-zero", length_zero },
	{ "length-beyond", length_beyond },
	{ "offset-short", offset_short },
	{ "offset-beyond", offset_beyond },
	{ "index-range", NULL, ECHO_RING_WRITE_INDEX, index_range },
	{ "index-unaligned", NULL, ECHO_RING_WRITE_INDEX, index_unaligned },
	{ "index-huge", NULL, ECHO_RING_WRITE_INDEX, index_huge },
	{ "index-ours", NULL, ECHO_RING_READ_INDEX, index_ours },
};

bool echo_framing_known(const char *kind)
{
	uint32_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].name, kind))
			return true;
	return false;
}

static void break_index(struct echo_channel *channel, uint32_t field, uint32_t value)
{
	echo_write_control(channel, &channel->chan->send_ringbuf.common, field, value);
	hyperv_set_event_flag(channel->chan->notify_route, channel->chan->id);
}

static void break_header(struct echo_channel *channel, void (*lie)(struct echo_header *header))
{
	struct echo_packet *packet = &channel->packet;
	struct echo_header header;

	echo_make_inband(channel, packet, 64, false);
	header = echo_right_header(packet);
	lie(&header);
	if (!write_packet(channel, packet, &header) ||
	    vmbus_channel_reserve(channel->chan, 0, packet->payload_length) ||
	    vmbus_channel_send(channel->chan, packet->type, NULL, 0, packet->payload,
			       packet->payload_length, false, packet->txn.sequence) < 0)
		echo_wrong(channel, "no room to break the framing in");
}

/* To be called when the ring is empty: then there is room, and nothing is lost. */
void echo_break_framing(struct echo_channel *channel, const char *kind)
{
	uint32_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].name, kind))
			continue;
		if (kinds[i].header)
			break_header(channel, kinds[i].header);
		else
			break_index(channel, kinds[i].field, kinds[i].index(channel));
	}
}
