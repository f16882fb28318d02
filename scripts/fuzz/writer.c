// SPDX-License-Identifier: GPL-2.0
/*
 * The writing end against a peer that writes what it likes, when it likes.
 */
#define VMB_FUZZ_PEER
#include "fuzz.h"

/* Bytes that a packet takes, by the protocol. */
static u64 space_of(const struct vmb_ring_outbound_packet *packet)
{
	return 16 + packet->ranges_length + (packet->payload_length + 7ull) / 8 * 8 + 8;
}

static bool can_be_said(const struct vmb_ring_outbound_packet *packet)
{
	return packet->ranges_length % 8 == 0 && space_of(packet) - 8 <= 0xffffull * 8;
}

/* The packet's own bytes, in memory of exactly their length. */
static void *own_bytes(u32 length, u8 value)
{
	/* What is too long for a descriptor is never looked at. */
	void *bytes = malloc(length <= 0x80000 && length ? length : 1);

	memset(bytes, value, length <= 0x80000 && length ? length : 1);
	return bytes;
}

/* As far as anybody can tell who is not the writer. */
static bool has_room(const struct vmb_ring_writer *writer,
		     const struct vmb_ring_outbound_packet *packet)
{
	u32 size;

	return !vmb_ring_packet_size(packet->ranges_length, packet->payload_length, &size) &&
	       vmb_ring_writer_has_room(writer, size);
}

static void write_one(struct vmb_ring_writer *writer, struct fuzz_input *input, bool peer_acts)
{
	u8 kind = fuzz_take8(input);
	struct vmb_ring_outbound_packet packet = {
		.transaction_id = kind,
		.type = kind,
		.flags = kind % 2,
		.ranges_length = fuzz_take8(input) * (kind & 0x40 ? 1u : 8u),
		.payload_length = kind & 0x80 ? fuzz_take32(input) : fuzz_take8(input),
	};
	enum vmb_refusal lost = writer->lost;
	u32 before = writer->write_index, size = writer->ring.size, needed = 0;
	void *payload = own_bytes(packet.payload_length, kind);
	void *ranges = own_bytes(packet.ranges_length, ~kind);
	bool fits;
	u32 went;

	packet.ranges = ranges;
	packet.payload = payload;
	fits = !peer_acts && has_room(writer, &packet);
	switch (vmb_ring_write(writer, &packet, &needed)) {
	case VMB_RING_DONE:
		fuzz_count_packet();
		FUZZ_CHECK(lost == VMB_REFUSAL_NONE);
		FUZZ_CHECK(can_be_said(&packet));
		went = (writer->write_index + size - before) % size;
		FUZZ_CHECK(went == space_of(&packet));
		break;
	case VMB_RING_FULL:
		FUZZ_CHECK(lost == VMB_REFUSAL_NONE);
		FUZZ_CHECK(writer->write_index == before);
		FUZZ_CHECK(!fits);
		FUZZ_CHECK(needed == (can_be_said(&packet) ? space_of(&packet) : U32_MAX));
		vmb_ring_writer_wait_for_room(writer, needed);
		FUZZ_CHECK(writer->pending_send_size >= size / 4);
		break;
	case VMB_RING_LOST:
		FUZZ_CHECK(writer->write_index == before);
		FUZZ_CHECK(vmb_refusal_loses_framing(writer->lost));
		FUZZ_CHECK(lost == VMB_REFUSAL_NONE || lost == writer->lost);
		FUZZ_CHECK(!vmb_ring_writer_free(writer));
		if (lost == VMB_REFUSAL_NONE)
			fuzz_count_refusal(writer->lost);
		break;
	default:
		FUZZ_CHECK(!"a status that writing does not have");
	}
	free(ranges);
	free(payload);

	FUZZ_CHECK(writer->write_index < size && writer->write_index % 8 == 0);
	FUZZ_CHECK(writer->read_index < size && writer->read_index % 8 == 0);
	FUZZ_CHECK(vmb_ring_writer_uncommitted(writer) < size);
}

/* Another writer goes on where this one has stopped. */
static void go_on(struct vmb_ring_writer *writer)
{
	const struct vmb_ring_positions at = {
		.write_index = writer->write_index,
		.peer_read_index = writer->read_index,
	};
	u32 room = writer->room;

	vmb_ring_writer_wait_for_room(writer, 0);
	if (writer->lost != VMB_REFUSAL_NONE)
		return;
	vmb_ring_writer_resume(writer, &at);
	FUZZ_CHECK(writer->room == room);
}

void fuzz_writer(struct fuzz_input *input)
{
	u8 size_class = fuzz_take8(input);
	struct vmb_ring_writer writer;
	struct vmb_ring ring;
	u32 room;

	shared_memory_reset(&ring, size_class, size_class & 0x80 ? input : NULL);
	vmb_ring_writer_init(&writer, &ring);

	while (fuzz_left(input)) {
		enum vmb_refusal lost = writer.lost;

		switch (fuzz_take8(input) % 8) {
		case 0:
		case 1:
		case 2:
			write_one(&writer, input, size_class & 0x80);
			break;
		case 3:
			vmb_ring_writer_commit(&writer);
			FUZZ_CHECK(writer.published_index == writer.write_index);
			if (size_class & 0x40)
				go_on(&writer);
			break;
		case 4:
			room = vmb_ring_writer_free(&writer);
			FUZZ_CHECK(room <= ring.size);
			FUZZ_CHECK(!room == (writer.lost != VMB_REFUSAL_NONE));
			if (lost == VMB_REFUSAL_NONE && writer.lost != VMB_REFUSAL_NONE)
				fuzz_count_refusal(writer.lost);
			break;
		case 5:
			vmb_ring_writer_wait_for_room(&writer, 0);
			FUZZ_CHECK(!writer.pending_send_size);
			break;
		case 6:
			peer_set(fuzz_take8(input) % 4 * 4, fuzz_take32(input));
			break;
		case 7:
			/* An honest reader, who has read all. */
			peer_set(PEER_READ_INDEX, writer.published_index);
			break;
		}
	}
	FUZZ_CHECK(vmb_ring_writer_unread(&writer) < ring.size);
}
