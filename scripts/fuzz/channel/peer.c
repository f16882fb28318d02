// SPDX-License-Identifier: GPL-2.0
/*
 * The hostile peer: it knows the protocol, and may do anything with it.
 */
#define VMB_FUZZ_PEER
#include "harness.h"

/* The peer of this end begins anew. */
void peer_opened(struct end *end)
{
	end->peer = (struct peer) { .scribbled = end->meddles };
}

static void put(struct end *end, const void *bytes, u32 count)
{
	peer_write(end->peer.write_at, bytes, count);
	end->peer.write_at = (end->peer.write_at + count) % end->in.size;
}

/* A packet that is framed as it should be; @length8 may say something else. */
static void put_packet(struct end *end, u16 type, u16 flags, u64 id,
		       const void *ranges, u32 ranges_length, u32 payload_length,
		       int lie)
{
	u32 start = end->peer.write_at, i;
	u16 head[4] = { type, 2 + ranges_length / 8,
			2 + (ranges_length + payload_length) / 8 + lie, flags };
	u32 trailer[2] = { 0, start };

	if (24 + ranges_length + payload_length >= end->in.size)
		return;
	put(end, head, sizeof(head));
	put(end, &id, sizeof(id));
	put(end, ranges, ranges_length);
	for (i = 0; i < payload_length; i += 8)
		put(end, &id, sizeof(id));
	put(end, trailer, sizeof(trailer));
}

/* What begins a message of so many bytes: the header of a pipe. */
static u64 message(u8 size)
{
	return (u64)size << 32 | VMB_WIRE_PIPE_DATA;
}

static void show(struct end *end)
{
	peer_choose(end->ring);
	peer_set(PEER_WRITE_INDEX, end->peer.write_at);
	end->interrupt_due = true;
}

/* As much room as there is, were the other end to be believed. */
static u32 room(struct end *end)
{
	u32 read_index = end->channel->inbound.reader.published_index;

	return (read_index + end->in.size - end->peer.write_at - 8) % end->in.size;
}

/* Where external data may be: mostly where something is shared. */
static u64 take_frame(const struct end *end)
{
	u8 how = take();

	if (how >= 0xf0)
		return (u64)how << (how & 3) * 16;
	if (end->gpadl_count && how & 0x80)
		return KERNEL_FIRST_FRAME + end->gpadl_page[how % end->gpadl_count] +
		       (how >> 3) % 2;
	return KERNEL_FIRST_FRAME + how % (KERNEL_PAGES + 2);
}

static void send_gpa(struct end *end, u8 how)
{
	u32 count = how & 3, words = 1, i;
	u64 list[32];

	list[0] = (u64)count << 32;
	for (i = 0; i < count; i++) {
		u32 offset = take() * 17, bytes = take() * 24, pages;

		pages = (offset % 4096 + bytes + 4095) / 4096;
		if (how & 4 && take() < 100)
			pages++;
		list[words++] = (u64)offset << 32 | bytes;
		while (pages-- && words < ARRAY_SIZE(list))
			list[words++] = take_frame(end);
	}
	words -= how >> 5 & 1;
	put_packet(end, VMB_WIRE_TYPE_DATA_GPA_DIRECT, how >> 3 & 1, take(), list,
		   words * 8, (how >> 4 & 1) * 8, 0);
}

static void send_transfer(struct end *end, u8 how)
{
	u32 count = how & 3, i;
	u64 list[4];

	list[0] = (u64)count << 32 | (how >> 4) % (GPADLS + 1);
	for (i = 0; i < count; i++)
		list[1 + i] = (u64)(take() * 40) << 32 | (take() * 16 + 8);
	put_packet(end, VMB_WIRE_TYPE_DATA_TRANSFER_PAGES, how >> 3 & 1, take(), list,
		   (1 + count) * 8, 8, 0);
}

/* Right, late, twice, from another generation, or for nothing. */
static u64 take_transaction(const struct end *end)
{
	u8 how = take();
	const struct peer *peer = &end->peer;
	u32 known = min(peer->seen_count, (u32)SEEN);
	u64 id = known ? peer->seen[how % known] : how;

	switch (how >> 5) {
	case 0:
		return id ^ 1ull << take() % 64;
	case 1:
		return id + take();
	case 2:
		return take();
	case 3:
		return 0;
	default:
		return id;
	}
}

static void complete_seen(struct end *end)
{
	struct peer *peer = &end->peer;

	while (peer->seen_count) {
		peer->seen_count--;
		put_packet(end, VMB_WIRE_TYPE_COMPLETION, 0,
			   peer->seen[peer->seen_count % SEEN],
			   NULL, 0, peer->seen_count % 3 * 8, 0);
		if (room(end) < 64)
			break;
	}
}

/* The list of a packet names the memory that its client sent, and is mapped. */
static void check_list(struct end *end, const struct slot *slot, u32 at, u32 length)
{
	bool is_mapped = end->on->dma_device && !end->encrypted;
	struct pieces pieces = {};
	u32 position = 8;
	u32 ranges = 0;
	u64 word;

#define WORD(offset)							\
	({								\
		u32 word_i;						\
		for (word_i = 0; word_i < 8; word_i++)			\
			((u8 *)&word)[word_i] = peer_peek(at + (offset) + word_i); \
		word;							\
	})
	ranges = WORD(0) >> 32;
	FUZZ_CHECK(ranges && ranges <= end->channel->external.chain);
	while (ranges--) {
		u32 bytes = WORD(position), offset = word >> 32;

		FUZZ_CHECK(offset < 4096 && bytes);
		for (position += 8; bytes; position += 8) {
			u32 part = min(bytes, 4096 - offset);
			u64 address = (WORD(position) << 12) + offset;

			FUZZ_CHECK(position < length);
			if (is_mapped) {
				FUZZ_CHECK(kernel_dma_page(address));
				address -= KERNEL_DMA_OFFSET;
			}
			pieces_add(&pieces, address, part);
			bytes -= part;
			offset = 0;
		}
	}
	FUZZ_CHECK(position == length);
	FUZZ_CHECK(pieces_are_equal(&pieces, &slot->pieces));
#undef WORD
}

/* Take packets out of the ring as an honest peer does. */
void peer_read(struct end *end, u32 most)
{
	u32 size = end->out.size, until, i;

	if (!end->attached)
		return;
	peer_choose(end->ring + 1);
	until = end->channel->outbound.writer.published_index;
	while (most-- && end->peer.read_at != until) {
		u16 head[4];
		u32 left = (until + size - end->peer.read_at) % size, length, offset, start;
		u64 id;
		struct slot *slot;

		for (i = 0; i < 8; i++)
			((u8 *)head)[i] = peer_peek(end->peer.read_at + i);
		for (i = 0; i < 8; i++)
			((u8 *)&id)[i] = peer_peek(end->peer.read_at + 8 + i);
		length = head[2] * 8;
		offset = head[1] * 8;
		if (end->peer.scribbled && length + 8 > left) {
			end->peer.read_at = until;
			break;
		}
		for (i = 0; i < 4; i++)
			((u8 *)&start)[i] = peer_peek(end->peer.read_at + length + 4 + i);
		slot = head[3] && head[0] != 11 ? slot_of_transaction(end, id) : NULL;
		if (!end->peer.scribbled) {
			FUZZ_CHECK(head[0] == 6 || head[0] == 9 || head[0] == 11);
			FUZZ_CHECK(head[3] <= 1 && (head[0] != 11 || !head[3]));
			FUZZ_CHECK(offset >= 16 && offset <= length);
			FUZZ_CHECK(length + 8 <= left && start == end->peer.read_at);
			FUZZ_CHECK(head[3] || head[0] == 11 || !id);
			FUZZ_CHECK(head[0] == 9 || offset == 16);
			if (slot && head[0] == 9)
				check_list(end, slot, end->peer.read_at + 16, offset - 16);
		}
		if (head[3] && head[0] != 11)
			end->peer.seen[end->peer.seen_count++ % SEEN] = id;
		end->peer.read_at = (end->peer.read_at + length + 8) % size;
	}
	peer_set(PEER_READ_INDEX, end->peer.read_at);
	end->interrupt_due = true;
}

void peer_act(struct end *end)
{
	u8 act = take(), how = take();
	u32 i;

	if (!end->attached)
		return;
	peer_choose(end->ring);
	switch (act % 16) {
	case 0:
		put_packet(end, VMB_WIRE_TYPE_DATA_INBAND, how & 1,
			   end->is_pipe ? message(act) : how, NULL, 0,
			   (how >> 1) * 8, 0);
		show(end);
		break;
	case 1:
		/* Many, as far as there is room, or completions of what was never sent. */
		for (i = 0; i < how && room(end) > 40; i++)
			put_packet(end, act == 0x41 ? VMB_WIRE_TYPE_COMPLETION :
				   VMB_WIRE_TYPE_DATA_INBAND, act >> 4 & 1, i, NULL, 0, 8, 0);
		show(end);
		break;
	case 2:
		send_gpa(end, how);
		show(end);
		break;
	case 3:
		send_transfer(end, how);
		show(end);
		break;
	case 4:
	case 5:
		put_packet(end, VMB_WIRE_TYPE_COMPLETION, act >> 7, take_transaction(end),
			   NULL, 0, (how & 7) * 8, 0);
		show(end);
		break;
	case 6:
		/* A completion with a fault. */
		put_packet(end, VMB_WIRE_TYPE_COMPLETION, how & 0x40 ? 2 : 0,
			   take_transaction(end), "fuzzfuzz", how & 0x20 ? 8 : 0,
			   (how & 0x80 ? 1024 : 0), 0);
		show(end);
		break;
	case 7:
		complete_seen(end);
		show(end);
		break;
	case 8:
	case 9:
		peer_read(end, how % 32 + 1);
		break;
	case 10:
		/* Some type, some flags, some length. */
		put_packet(end, how % 16, act >> 4, take(), "fuzzfuzz", how >> 4 & 8,
			   take() % 8 * 8, how == 0xff ? take() : 0);
		show(end);
		break;
	case 11:
		peer_choose(end->ring + (how & 1));
		/* It says that it has read what it has not, and loses it. */
		end->peer.scribbled |= how & 1;
		i = take();
		peer_set((how >> 1) % 4 * 4, how & 8 ? i << how % 25 : i * 8);
		break;
	case 12:
		peer_choose(end->ring + (how & 1));
		end->peer.scribbled |= how & 1;
		i = take() << 8;
		peer_poke(i | take(), take());
		break;
	case 13:
		/* Nothing that is a packet. */
		put(end, &how, 1);
		end->peer.write_at = round_up(end->peer.write_at, 8) % end->in.size;
		show(end);
		break;
	case 14:
		peer_choose(end->ring + 1);
		peer_set(PEER_INTERRUPT_MASK, how & 1);
		break;
	case 15:
		if (how % 16 != 14)
			break;
		end->gone = true;
		vmb_channel_peer_gone(end->channel);
		break;
	}
}
