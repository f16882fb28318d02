// SPDX-License-Identifier: GPL-2.0
/*
 * What the hostile peer takes out of its ring, and makes of it: as long as the ring is
 * sound, all that the library writes has to be, too.
 */
#include "../fixtures/channel_fixture.h"
#include "../fixtures/external_fixture.h"
#include "hostile.h"

static u64 word_at(const struct hostile_peer *peer, u32 offset)
{
	u32 at = (peer->read_at + offset) % peer->outbound.size;

	return le64_to_cpu(READ_ONCE(*(__le64 *)(peer->outbound.data + at)));
}

static u8 byte_at(const struct hostile_peer *peer, u32 offset)
{
	return peer->outbound.data[(peer->read_at + offset) % peer->outbound.size];
}

/* Bytes of a pattern, and then zeros that fill up the last word. */
static bool is_pattern(const struct hostile_peer *peer, u32 from, u32 to, u8 seed)
{
	u32 i = from;

	while (i < to && byte_at(peer, i) == ring_image_byte(seed, i - from))
		i++;
	if (to - i > 7)
		return false;
	while (i < to)
		if (byte_at(peer, i++))
			return false;
	return true;
}

static bool is_refusal(const struct hostile_peer *peer, u32 from, u32 to)
{
	u32 i;

	for (i = from; i < to; i++)
		if (byte_at(peer, i) != HOSTILE_REFUSED[i - from])
			return false;
	return to - from == strlen(HOSTILE_REFUSED);
}

/* One of those that are due, and no other, once. */
static void read_completion(struct hostile *hostile, u64 id, u32 length)
{
	struct hostile_peer *peer = &hostile->peer;
	struct hostile_wanted *wanted = &peer->wanted[(u32)id % HOSTILE_WANTED];

	if (wanted->id != id || !wanted->due) {
		HOSTILE_CHECK(hostile, !"a completion that is not due");
		return;
	}
	if (wanted->refused)
		HOSTILE_CHECK(hostile, is_refusal(peer, 16, length));
	else
		HOSTILE_CHECK(hostile, is_pattern(peer, 16, length, id) ||
			      is_refusal(peer, 16, length));
	wanted->due = false;
	peer->wanted_count--;
}

/* The list names nothing but the pages that the client sends. */
static void read_list(struct hostile *hostile, u32 length)
{
	struct hostile_peer *peer = &hostile->peer;
	u32 ranges = word_at(peer, 16) >> 32, at = 24;

	HOSTILE_CHECK(hostile, ranges && ranges <= hostile->channel->external.chain);
	while (ranges-- && at + 16 <= length) {
		u32 bytes = word_at(peer, at), offset = word_at(peer, at) >> 32;
		u32 pages = (offset + bytes + 4095) / 4096;

		HOSTILE_CHECK(hostile, offset < 4096 && bytes && bytes < 1u << 20);
		for (at += 8; pages-- && at + 8 <= length; at += 8) {
			u64 frame = word_at(peer, at) / (PAGE_SIZE / 4096);

			HOSTILE_CHECK(hostile, pfn_valid(frame) &&
				      hostile_pages_have(&hostile->client.pages, HOSTILE_SENT,
							 pfn_to_page(frame)));
		}
	}
	HOSTILE_CHECK(hostile, at == length);
}

static void note_answer(struct hostile *hostile, u64 id)
{
	struct hostile_peer *peer = &hostile->peer;
	u32 i;

	/* Its own word, of 32 bits, and nobody else's just now. */
	HOSTILE_CHECK(hostile, id && id <= U32_MAX);
	for (i = 0; i < peer->answer_count; i++)
		HOSTILE_CHECK(hostile, peer->answers[i] != id);
	if (peer->answer_count == HOSTILE_ANSWERS)
		HOSTILE_CHECK(hostile, !"more packets than may be in flight");
	else
		peer->answers[peer->answer_count++] = id;
}

/* False: it is none, and what is behind it cannot be read. */
static bool read_one(struct hostile *hostile, u32 left)
{
	struct hostile_peer *peer = &hostile->peer;
	u64 head = word_at(peer, 0), id = word_at(peer, 8);
	u32 offset = (u16)(head >> 16) * 8, length = (u16)(head >> 32) * 8;
	u16 type = head, flags = head >> 48;

	if (length < 16 || offset < 16 || offset > length || length + 8 > left) {
		HOSTILE_CHECK(hostile, !"a packet that is none");
		return false;
	}
	HOSTILE_CHECK(hostile, word_at(peer, length) == (u64)peer->read_at << 32);
	if (type == VMB_WIRE_TYPE_COMPLETION) {
		HOSTILE_CHECK(hostile, !flags && offset == 16);
		read_completion(hostile, id, length);
	} else {
		HOSTILE_CHECK(hostile, flags <= 1 && (flags || !id));
		if (type == VMB_WIRE_TYPE_DATA_GPA_DIRECT)
			read_list(hostile, offset);
		else
			HOSTILE_CHECK(hostile, type == VMB_WIRE_TYPE_DATA_INBAND && offset == 16);
		if (offset < length)
			HOSTILE_CHECK(hostile, is_pattern(peer, offset, length,
							  byte_at(peer, offset)));
		if (flags)
			note_answer(hostile, id);
	}
	peer->read_at = (peer->read_at + length + 8) % peer->outbound.size;
	peer->taken++;
	return true;
}

/* What a peer does that does not care: it takes all, or a part, or what is not there. */
static void read_wild(struct hostile_peer *peer, u32 until)
{
	struct hostile_random *random = &peer->random;
	u32 size = peer->outbound.size, left;

	if (until >= size || until % 8)
		return;
	left = (until + size - peer->read_at) % size;
	/* Some of the ids are right. */
	while (left >= 24 && peer->answer_count < HOSTILE_ANSWERS) {
		u64 head = word_at(peer, 0);
		u32 length = (u16)(head >> 32) * 8 + 8;

		if (length < 24 || length > left)
			break;
		if (head >> 48 && (u16)head != VMB_WIRE_TYPE_COMPLETION)
			peer->answers[peer->answer_count++] = word_at(peer, 8);
		peer->read_at = (peer->read_at + length) % size;
		peer->taken++;
		left -= length;
	}
	if (hostile_chance(random, 64))
		peer->read_at = 8 * hostile_below(random, size / 8);
	else
		peer->read_at = until;
}

/* Tell how far it has read: at once, or in the smallest steps that there are. */
static void tell(struct hostile *hostile)
{
	struct hostile_peer *peer = &hostile->peer;

	if (hostile_chance(&peer->random, 8))
		for (; peer->read_told != peer->read_at;
		     peer->read_told = (peer->read_told + 8) % peer->outbound.size)
			peer_set(&peer->outbound, RING_IMAGE_READ_INDEX, peer->read_told);
	peer->read_told = peer->read_at;
	peer_set(&peer->outbound, RING_IMAGE_READ_INDEX, peer->read_told);
}

/* So many packets at most. */
void hostile_read(struct hostile *hostile, u32 most)
{
	struct hostile_peer *peer = &hostile->peer;
	u32 until = peer_get(&peer->outbound, RING_IMAGE_WRITE_INDEX);
	u32 size = peer->outbound.size;

	if (peer->wild) {
		read_wild(peer, until);
	} else {
		HOSTILE_CHECK(hostile, until < size && until % 8 == 0);
		while (most-- && peer->read_at != until)
			if (!read_one(hostile, (until + size - peer->read_at) % size)) {
				/* Once is enough to be told. */
				peer->read_at = until;
				break;
			}
	}
	tell(hostile);
}
