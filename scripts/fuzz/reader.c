// SPDX-License-Identifier: GPL-2.0
/*
 * The reading end against a peer that writes what it likes, when it likes.
 */
#define VMB_FUZZ_PEER
#include "fuzz.h"

#define PAGE_SHIFTS	3

/* What one run works on. */
struct reader_run {
	struct fuzz_input *input;
	struct vmb_ring_reader reader;
	struct vmb_range_limits limits;
	u8 page_shift;
	bool peer_acts;
	u8 *buffer;
	/* Where the peer would write next, were it honest. */
	u32 peer_index;
};

/* A packet whose frame may be right, with a body from the input. */
static void peer_writes(struct reader_run *run)
{
	u32 size = run->reader.ring.size, index = run->peer_index, i;
	u16 words[4];
	u32 body;

	words[0] = fuzz_take8(run->input);
	words[1] = fuzz_take8(run->input);
	words[2] = fuzz_take16(run->input);
	words[3] = fuzz_take8(run->input);
	body = words[2] * 8u - 16;
	for (i = 0; i < sizeof(words); i++)
		peer_poke(index + i, ((u8 *)words)[i]);
	for (i = 8; i < 16; i++)
		peer_poke(index + i, i);
	for (i = 0; i < body && i < size && fuzz_left(run->input); i++)
		peer_poke(index + 16 + i, fuzz_take8(run->input));
	run->peer_index = (index + words[2] * 8u + 8) % size;
	peer_set(PEER_WRITE_INDEX, run->peer_index);
}

/* How far it is from an index forward to the private one, or to the peer's. */
static u32 advanced(const struct reader_run *run, u32 before)
{
	u32 size = run->reader.ring.size;

	return (run->reader.read_index + size - before) % size;
}

static u32 shown(const struct reader_run *run, u32 before)
{
	u32 size = run->reader.ring.size;

	return (run->reader.write_index + size - before) % size;
}

static u32 space_of(const struct vmb_ring_packet *packet)
{
	return 16 + packet->ranges_length + packet->payload_length + 8;
}

static void check_packet(struct reader_run *run, const struct vmb_ring_packet *packet,
			 u32 index)
{
	u32 length = packet->ranges_length + packet->payload_length, i;

	for (i = 0; !run->peer_acts && i < length; i++)
		FUZZ_CHECK(run->buffer[i] == peer_peek(index + 16 + i));
	FUZZ_CHECK(packet->type == 6 || packet->type == 7 || packet->type == 9 ||
		   packet->type == 11);
	FUZZ_CHECK(packet->flags <= 1);
	FUZZ_CHECK(packet->ranges_length <= run->reader.maximum_ranges);
	FUZZ_CHECK(packet->payload_length <= run->reader.maximum_payload);

	if (packet->type == 7 || packet->type == 9) {
		/* In memory of its own length, so that ASan sees its end. */
		void *list = malloc(packet->ranges_length ?: 1);

		memcpy(list, run->buffer, packet->ranges_length);
		fuzz_one_list(packet->type, list, packet->ranges_length, &run->limits,
			      run->page_shift);
		free(list);
	}
}

static void read_one(struct reader_run *run)
{
	struct vmb_ring_reader *reader = &run->reader;
	enum vmb_refusal refusal = VMB_REFUSAL_NONE, lost = reader->lost;
	struct vmb_ring_packet packet;
	u32 before = reader->read_index;

	switch (vmb_ring_read(reader, run->buffer, &packet, &refusal)) {
	case VMB_RING_DONE:
		fuzz_count_packet();
		FUZZ_CHECK(lost == VMB_REFUSAL_NONE);
		FUZZ_CHECK(packet.ranges_length % 8 == 0 && packet.payload_length % 8 == 0);
		FUZZ_CHECK(advanced(run, before) == space_of(&packet));
		FUZZ_CHECK(advanced(run, before) <= shown(run, before));
		check_packet(run, &packet, before);
		break;
	case VMB_RING_REFUSED:
		fuzz_count_packet();
		FUZZ_CHECK(lost == VMB_REFUSAL_NONE);
		FUZZ_CHECK(refusal == VMB_REFUSAL_TYPE_UNKNOWN ||
			   refusal == VMB_REFUSAL_FLAGS_UNKNOWN ||
			   refusal == VMB_REFUSAL_PACKET_TOO_LARGE);
		FUZZ_CHECK(advanced(run, before) == space_of(&packet));
		FUZZ_CHECK(advanced(run, before) <= shown(run, before));
		fuzz_count_refusal(refusal);
		break;
	case VMB_RING_EMPTY:
		FUZZ_CHECK(lost == VMB_REFUSAL_NONE);
		FUZZ_CHECK(advanced(run, before) == 0);
		break;
	case VMB_RING_LOST:
		FUZZ_CHECK(advanced(run, before) == 0);
		FUZZ_CHECK(vmb_refusal_loses_framing(refusal));
		FUZZ_CHECK(refusal == reader->lost);
		FUZZ_CHECK(lost == VMB_REFUSAL_NONE || lost == refusal);
		FUZZ_CHECK(!vmb_ring_reader_has_data(reader));
		if (lost == VMB_REFUSAL_NONE)
			fuzz_count_refusal(refusal);
		break;
	default:
		FUZZ_CHECK(!"a status that reading does not have");
	}

	/* What the peer was told is what was taken, and never more than a ring. */
	FUZZ_CHECK(reader->read_index < reader->ring.size);
	FUZZ_CHECK(reader->read_index % 8 == 0);
	FUZZ_CHECK(reader->write_index < reader->ring.size);
	FUZZ_CHECK(reader->limit == (reader->write_index >= reader->read_index ?
				     reader->write_index : reader->ring.size - 1));
	FUZZ_CHECK(vmb_ring_reader_uncommitted(reader) < reader->ring.size);
}

/* Another reader goes on where this one has stopped. */
static void go_on(struct reader_run *run)
{
	const struct vmb_ring_positions at = { .read_index = run->reader.read_index };

	if (run->reader.lost == VMB_REFUSAL_NONE)
		vmb_ring_reader_resume(&run->reader, &at);
	FUZZ_CHECK(!vmb_ring_reader_uncommitted(&run->reader));
}

void fuzz_reader(struct fuzz_input *input)
{
	u8 size_class = fuzz_take8(input), maxima = fuzz_take8(input);
	struct reader_run run = {
		.input = input,
		.limits = { .bytes = 1u << (maxima >> 4), .chain = maxima % 16 },
		.page_shift = 12 + 2 * (maxima % PAGE_SHIFTS),
		/* The upper half of the sizes is for a peer that acts meanwhile. */
		.peer_acts = size_class & 0x80,
	};
	u32 maximum_payload = maxima / 4 * 8;
	struct vmb_ring ring;

	shared_memory_reset(&ring, size_class, run.peer_acts ? input : NULL);
	vmb_ring_reader_init(&run.reader, &ring, vmb_ranges_maximum_length(&run.limits),
			     maximum_payload);
	run.buffer = malloc(run.reader.maximum_ranges + maximum_payload ?: 1);

	while (fuzz_left(input)) {
		u32 published = run.reader.published_index;

		switch (fuzz_take8(input) % 8) {
		case 0:
		case 1:
			read_one(&run);
			break;
		case 2:
			vmb_ring_reader_commit(&run.reader);
			FUZZ_CHECK(run.reader.published_index == run.reader.read_index);
			FUZZ_CHECK(!vmb_ring_reader_commit(&run.reader));
			if (size_class & 0x40)
				go_on(&run);
			break;
		case 3:
			vmb_ring_reader_mask(&run.reader);
			break;
		case 4:
			FUZZ_CHECK(run.reader.lost == VMB_REFUSAL_NONE ||
				   !vmb_ring_reader_unmask(&run.reader));
			vmb_ring_reader_unmask(&run.reader);
			FUZZ_CHECK(run.reader.published_index == published);
			break;
		case 5:
			peer_writes(&run);
			break;
		case 6:
			peer_set(fuzz_take8(input) % 4 * 4, fuzz_take32(input));
			break;
		case 7:
			peer_poke(fuzz_take16(input), fuzz_take8(input));
			break;
		}
	}
	FUZZ_CHECK(vmb_ring_reader_unread(&run.reader) < ring.size);
	free(run.buffer);
}
