// SPDX-License-Identifier: GPL-2.0
/*
 * A writer and a reader of one ring, both honest: what was written is what is
 * read, nothing is refused, and every signal is due.
 */
#define VMB_FUZZ_PEER
#include "fuzz.h"
#include "ring_inline.h"

#define MAXIMUM_RANGES	256
#define MAXIMUM_PAYLOAD	1024
#define QUEUE_LENGTH	4096

/* What went into the ring: the lengths, and a seed for all the rest. */
struct pair_packet {
	u8 seed;
	u16 ranges_length;
	u16 payload_length;
};

struct pair_run {
	struct vmb_ring_writer writer;
	struct vmb_ring_reader reader;
	/* Bytes ever written, shown to the reader, read, and given back. */
	u64 written;
	u64 shown;
	u64 taken;
	u64 returned;
	u32 queue_head;
	u32 queue_tail;
	bool masked;
	struct pair_packet queue[QUEUE_LENGTH];
};

static const u16 types[] = { 6, 7, 9, 11 };

static u8 byte_of(u8 seed, u32 position)
{
	return seed + position * 13 + position / 256;
}

static u32 space_of(const struct pair_packet *packet)
{
	return 24 + packet->ranges_length + (packet->payload_length + 7) / 8 * 8;
}

static void pair_write(struct pair_run *run, struct fuzz_input *input)
{
	struct pair_packet packet = {
		.seed = fuzz_take8(input),
		.ranges_length = fuzz_take8(input) * 8 % (MAXIMUM_RANGES + 8),
		.payload_length = fuzz_take16(input) % (MAXIMUM_PAYLOAD + 1),
	};
	u32 length = packet.ranges_length + packet.payload_length;
	u8 *bytes = malloc(length ?: 1);
	const struct vmb_ring_outbound_packet outbound = {
		.transaction_id = packet.seed * 0x0101010101010101ull,
		.type = types[packet.seed % 4],
		.flags = packet.seed / 4 % 2,
		.ranges = bytes,
		.ranges_length = packet.ranges_length,
		.payload = bytes + packet.ranges_length,
		.payload_length = packet.payload_length,
	};
	u64 room = run->writer.ring.size - (run->written - run->returned);
	u32 needed = space_of(&packet), i;
	enum vmb_ring_status status;

	for (i = 0; i < length; i++)
		bytes[i] = byte_of(packet.seed, i);
	/* Those that the library writes inline, if they can be. */
	if (!outbound.ranges_length &&
	    vmb_ring_write_short(&run->writer,
				 outbound.type | (u64)outbound.flags << 48,
				 outbound.transaction_id, bytes, packet.payload_length,
				 packet.seed % 2))
		status = VMB_RING_DONE;
	else
		status = vmb_ring_write(&run->writer, &outbound, &needed);
	switch (status) {
	case VMB_RING_DONE:
		fuzz_count_packet();
		FUZZ_CHECK(space_of(&packet) < room);
		run->queue[run->queue_tail++ % QUEUE_LENGTH] = packet;
		run->written += space_of(&packet);
		break;
	case VMB_RING_FULL:
		FUZZ_CHECK(space_of(&packet) >= room);
		FUZZ_CHECK(needed == space_of(&packet));
		break;
	default:
		FUZZ_CHECK(!"an honest reader is refused");
	}
	free(bytes);
}

static void pair_show(struct pair_run *run)
{
	bool due = run->written != run->shown && run->shown == run->returned &&
		   !run->masked;

	FUZZ_CHECK(vmb_ring_writer_commit(&run->writer) == due);
	run->shown = run->written;
}

static void pair_read(struct pair_run *run)
{
	static u8 buffer[MAXIMUM_RANGES + MAXIMUM_PAYLOAD] __attribute__((aligned(8)));
	struct vmb_ring_packet packet;
	enum vmb_refusal refusal;
	struct pair_packet *sent;
	u32 length, i;

	switch (vmb_ring_read(&run->reader, buffer, &packet, &refusal)) {
	case VMB_RING_EMPTY:
		FUZZ_CHECK(run->taken == run->shown);
		return;
	case VMB_RING_DONE:
		break;
	default:
		FUZZ_CHECK(!"an honest writer is refused");
	}
	FUZZ_CHECK(run->queue_head != run->queue_tail);
	sent = &run->queue[run->queue_head++ % QUEUE_LENGTH];
	run->taken += space_of(sent);

	FUZZ_CHECK(packet.transaction_id == sent->seed * 0x0101010101010101ull);
	FUZZ_CHECK(packet.type == types[sent->seed % 4]);
	FUZZ_CHECK(packet.flags == sent->seed / 4 % 2);
	FUZZ_CHECK(packet.ranges_length == sent->ranges_length);
	FUZZ_CHECK(packet.payload_length == (sent->payload_length + 7u) / 8 * 8);
	length = sent->ranges_length + sent->payload_length;
	for (i = 0; i < length; i++)
		FUZZ_CHECK(buffer[i] == byte_of(sent->seed, i));
	for (; i < packet.ranges_length + packet.payload_length; i++)
		FUZZ_CHECK(!buffer[i]);
}

static void pair_return(struct pair_run *run)
{
	u64 pending = run->writer.pending_send_size, size = run->reader.ring.size;
	u64 before = size - (run->shown - run->returned);
	u64 after = size - (run->shown - run->taken);
	bool due = pending && before <= pending && after > pending;

	FUZZ_CHECK(vmb_ring_reader_commit(&run->reader) == due);
	run->returned = run->taken;
}

void fuzz_pair(struct fuzz_input *input)
{
	static struct pair_run run;
	struct vmb_ring ring;

	memset(&run, 0, offsetof(struct pair_run, queue));
	shared_memory_reset(&ring, fuzz_take8(input), NULL);
	vmb_ring_writer_init(&run.writer, &ring);
	vmb_ring_reader_init(&run.reader, &ring, MAXIMUM_RANGES, MAXIMUM_PAYLOAD);

	while (fuzz_left(input)) {
		u8 act = fuzz_take8(input);

		switch (act % 8) {
		case 0:
		case 1:
			pair_write(&run, input);
			break;
		case 2:
			pair_show(&run);
			break;
		case 3:
		case 4:
			pair_read(&run);
			break;
		case 5:
			pair_return(&run);
			break;
		case 6:
			/* The reader counts by what it is shown. */
			pair_show(&run);
			vmb_ring_writer_wait_for_room(&run.writer, act / 8 * 16);
			break;
		case 7:
			run.masked = act & 0x80;
			if (run.masked)
				vmb_ring_reader_mask(&run.reader);
			else
				FUZZ_CHECK(vmb_ring_reader_unmask(&run.reader) ==
					   (run.taken != run.shown));
			break;
		}
	}
	FUZZ_CHECK(run.reader.lost == VMB_REFUSAL_NONE);
	FUZZ_CHECK(run.writer.lost == VMB_REFUSAL_NONE);
}
