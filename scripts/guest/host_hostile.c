// SPDX-License-Identifier: GPL-2.0
/*
 * A host that does anything to the rings of a channel, by a generator: packets that are
 * right, and wrong in every field; indices, masks and data written over at any moment;
 * signals for nothing; a ring that it never reads, or says it has read. Whatever the
 * guest makes of it is only looked at for what it may not do: change a page that it
 * has not shared.
 *
 * The rings are written to in QEMU's main loop, while the guest's processors run.
 */
#include "host_device.h"

/* A life is over after so many packets, unless it was broken before. */
#define FORGED_MOST	1500u
#define TURN		24
/* So often a word is now this and now that. */
#define FLIPS		40

static const VMBusRingBufCommon *inbound(struct echo_channel *channel)
{
	return &channel->chan->send_ringbuf.common;
}

static const VMBusRingBufCommon *outbound(struct echo_channel *channel)
{
	return &channel->chan->recv_ringbuf.common;
}

static uint32_t below(struct echo_channel *channel, uint32_t count)
{
	return echo_random(channel) % count;
}

static bool chance(struct echo_channel *channel, uint32_t times)
{
	return !below(channel, times);
}

static uint32_t any_number(struct echo_channel *channel)
{
	return (uint32_t)echo_random(channel) >> below(channel, 32);
}

static uint32_t read_control(struct echo_channel *channel, const VMBusRingBufCommon *ring,
			     uint32_t field)
{
	uint32_t value = 0;

	dma_memory_read(echo_memory(channel), ring->rb_addr + field, &value, sizeof(value),
			MEMTXATTRS_UNSPECIFIED);
	return le32_to_cpu(value);
}

static uint32_t room(struct echo_channel *channel)
{
	uint32_t length = inbound(channel)->len;
	uint32_t read_at = read_control(channel, inbound(channel), ECHO_RING_READ_INDEX);

	if (read_at >= length || read_at % 8)
		return 0;
	return (read_at + length - channel->write_at - 8) % length;
}

static uint64_t any_page(struct echo_channel *channel)
{
	switch (below(channel, 6)) {
	case 0:
		return ECHO_FORBIDDEN_PFN;
	case 1:
		return echo_random(channel) >> below(channel, 64);
	default:
		return channel->pfn[below(channel, channel->page_count)];
	}
}

/* Ranges that add up, or do not. */
static void any_list(struct echo_channel *channel, struct echo_packet *packet, uint16_t type)
{
	uint32_t ranges = below(channel, 4), i, k;

	packet->type = type;
	echo_put_count(packet, chance(channel, 8) ? any_number(channel) : ranges);
	for (i = 0; i < ranges; i++) {
		bool direct = type == VMBUS_PACKET_DATA_USING_GPA_DIRECT;
		uint32_t offset = below(channel, direct ? ECHO_PAGE_SIZE : VMB_ECHO_SHARED_SIZE);
		uint32_t bytes = below(channel, 3 * ECHO_PAGE_SIZE);
		uint32_t pages = direct ? DIV_ROUND_UP(offset + bytes, ECHO_PAGE_SIZE) : 0;
		uint64_t pfn[8];

		if (chance(channel, 8))
			bytes = any_number(channel);
		if (chance(channel, 8))
			offset = any_number(channel);
		if (chance(channel, 8))
			pages = below(channel, 8);
		pages = MIN(pages, ARRAY_SIZE(pfn));
		for (k = 0; k < pages; k++)
			pfn[k] = any_page(channel);
		echo_put_range(packet, bytes, offset, pfn, pages);
	}
}

static void any_packet(struct echo_channel *channel, struct echo_packet *packet)
{
	/* If the guest takes it for good, it leaves a mark in memory. */
	if (chance(channel, 2))
		echo_make_control(channel, packet, VMB_ECHO_INVERT, 0);
	else
		echo_make_inband(channel, packet, below(channel, 10) * 8, below(channel, 2));
	switch (below(channel, 10)) {
	case 0:
	case 1:
		any_list(channel, packet, VMBUS_PACKET_DATA_USING_GPA_DIRECT);
		break;
	case 2:
		any_list(channel, packet, VMBUS_PACKET_DATA_USING_XFER_PAGES);
		break;
	case 3:
		packet->type = VMBUS_PACKET_COMP;
		packet->txn.sequence = echo_random(channel) >> below(channel, 64);
		break;
	case 4:
		packet->type = any_number(channel);
		break;
	case 5:
		packet->raw_flags = any_number(channel);
		break;
	case 6:
		packet->payload_length = below(channel, sizeof(packet->payload) / 8) * 8;
		break;
	default:
		break;
	}
}

/* The first word is now this and now that, while the guest may be reading it. */
static void flip(struct echo_channel *channel, uint32_t at, const struct echo_header *header)
{
	struct echo_header other = *header;
	uint32_t i;

	other.length8 = any_number(channel);
	other.offset8 = chance(channel, 2) ? header->offset8 : any_number(channel);
	for (i = 0; i < FLIPS; i++)
		echo_write_ring(channel, inbound(channel), at, i % 2 ? header : &other, 8);
}

static void forge(struct echo_channel *channel)
{
	struct echo_packet *packet = &channel->packet;
	uint32_t at = channel->write_at, length;
	struct echo_header header;
	uint64_t trailer;

	any_packet(channel, packet);
	header = echo_right_header(packet);
	length = header.length8 * 8;
	if (length + 8 > room(channel))
		return;
	if (chance(channel, channel->calm))
		header.length8 = any_number(channel);
	if (chance(channel, channel->calm))
		header.offset8 = any_number(channel);
	trailer = (uint64_t)at << 32;
	echo_write_ring(channel, inbound(channel), at, &header, sizeof(header));
	at += sizeof(header);
	echo_write_ring(channel, inbound(channel), at, packet->descriptor,
			packet->descriptor_length);
	at += packet->descriptor_length;
	echo_write_ring(channel, inbound(channel), at, packet->payload, packet->payload_length);
	at = channel->write_at + length;
	echo_write_ring(channel, inbound(channel), at, &trailer, sizeof(trailer));
	channel->forged++;
	if (chance(channel, channel->calm)) {
		echo_write_control(channel, inbound(channel), ECHO_RING_WRITE_INDEX,
				   (at + 8) % inbound(channel)->len);
		hyperv_set_event_flag(channel->chan->notify_route, channel->chan->id);
		flip(channel, channel->write_at, &header);
	}
	channel->write_at = (at + 8) % inbound(channel)->len;
}

/* Anywhere in a ring, or in its control page. */
static void scribble(struct echo_channel *channel)
{
	const VMBusRingBufCommon *ring = chance(channel, 2) ? inbound(channel) :
							      outbound(channel);
	uint64_t word = echo_random(channel);
	uint32_t value = any_number(channel);

	if (chance(channel, 2)) {
		if (chance(channel, 2))
			value = value % ring->len & ~7u;
		echo_write_control(channel, ring, below(channel, ECHO_RING_CONTROL / 4) * 4, value);
	} else {
		echo_write_ring(channel, ring, below(channel, ring->len / 8) * 8, &word,
				sizeof(word));
	}
}

/* Of the guest's ring: read, or said to be; or not. */
static void pretend_to_read(struct echo_channel *channel)
{
	uint32_t at = read_control(channel, outbound(channel), ECHO_RING_WRITE_INDEX);

	if (chance(channel, 16 * channel->calm))
		at = any_number(channel);
	if (!chance(channel, 4))
		echo_write_control(channel, outbound(channel), ECHO_RING_READ_INDEX, at);
}

void echo_hostile_begin(struct echo_channel *channel)
{
	channel->hostile = true;
	channel->write_at = channel->chan->send_ringbuf.wr_idx;
	channel->calm = 4u << below(channel, 11);
	channel->forged = 0;
	echo_watch_forbidden(channel, ECHO_FORBIDDEN_PFN);
}

/* For a while, in one piece. Nothing of this is QEMU's own sending and receiving. */
void echo_hostile_act(struct echo_channel *channel)
{
	int turn;

	for (turn = 0; turn < TURN; turn++) {
		forge(channel);
		if (chance(channel, 2 * channel->calm))
			scribble(channel);
	}
	echo_write_control(channel, inbound(channel), ECHO_RING_WRITE_INDEX,
			   channel->forged < FORGED_MOST ? channel->write_at :
			   /* It is time that it ends. */
			   inbound(channel)->len + 8);
	pretend_to_read(channel);
	for (turn = chance(channel, 8) ? 50 : 1; turn; turn--)
		hyperv_set_event_flag(channel->chan->notify_route, channel->chan->id);
}

/* The guest has had enough of it. */
void echo_hostile_end(struct echo_channel *channel)
{
	bool untouched;

	if (!channel->hostile)
		return;
	untouched = echo_forbidden_untouched(channel);
	if (!untouched)
		echo_wrong(channel, "a page that was never shared has changed");
	fprintf(stderr, "VMBHOST-HOSTILE {\"seed\": %" PRIu64 ", \"open\": %u, "
		"\"packets\": %" PRIu64 ", \"calm\": %u, \"untouched\": %s}\n",
		channel->host->seed, channel->host->opens, channel->forged, channel->calm,
		untouched ? "true" : "false");
	channel->hostile = false;
}
