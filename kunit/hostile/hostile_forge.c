// SPDX-License-Identifier: GPL-2.0
/*
 * What the hostile peer writes: packets that are right, and packets that are wrong in a
 * way that is known, with what has to become of them.
 */
#include <linux/limits.h>
#include <linux/mm.h>

#include "../fixtures/channel_fixture.h"
#include "../fixtures/external_fixture.h"
#include "hostile.h"

#define FORGE_WORDS	32u

/**
 * struct forged - a packet that is being made
 * @type: first word of its descriptor.
 * @flags: fourth word.
 * @id: transaction id.
 * @list: what is between descriptor and payload.
 * @words: words of 64 bits of that.
 * @payload: bytes of payload, in eights.
 * @refusal: what it is refused for; NONE: it is delivered, or completes something.
 * @data: if it is delivered.
 */
struct forged {
	u16 type;
	u16 flags;
	u64 id;
	__le64 list[FORGE_WORDS];
	u32 words;
	u32 payload;
	enum vmb_refusal refusal;
	enum hostile_data data;
};

/* As much as there is room for, were the library to be believed. */
u32 hostile_peer_room(struct hostile_peer *peer)
{
	const struct ring_image *ring = &peer->inbound;
	u32 read_index = peer_get(ring, RING_IMAGE_READ_INDEX);

	if (read_index >= ring->size || read_index % 8)
		return 0;
	return (read_index + ring->size - peer->write_at - 8) % ring->size;
}

static void put_word(struct hostile_peer *peer, u64 word)
{
	WRITE_ONCE(*(__le64 *)(peer->inbound.data + peer->write_at), cpu_to_le64(word));
	peer->write_at = (peer->write_at + 8) % peer->inbound.size;
}

/* Put it into the ring. False: there is no room. */
static bool forge_put(struct hostile_peer *peer, const struct forged *forged)
{
	u32 length = 16 + 8 * forged->words + forged->payload;
	u32 start = peer->write_at;
	u32 i, k;

	if (length + 8 > hostile_peer_room(peer))
		return false;
	put_word(peer, forged->type | (u64)(2 + forged->words) << 16 |
		 (u64)(length / 8) << 32 | (u64)forged->flags << 48);
	put_word(peer, forged->id);
	for (i = 0; i < forged->words; i++)
		put_word(peer, le64_to_cpu(forged->list[i]));
	for (i = 0; i < forged->payload; i += 8) {
		u64 word = 0;

		for (k = 8; k--;)
			word = word << 8 | ring_image_byte(forged->id, i + k);
		put_word(peer, word);
	}
	put_word(peer, (u64)start << 32);
	return true;
}

/* Data that comes from the peer. */

static void list_word(struct forged *forged, u64 word)
{
	if (forged->words < FORGE_WORDS)
		forged->list[forged->words++] = cpu_to_le64(word);
}

static void list_range(struct forged *forged, u32 bytes, u32 offset)
{
	list_word(forged, (u64)offset << 32 | bytes);
}

/* Something of this VM, or of none, that no channel has shared. */
static u64 foreign_frame(struct hostile *hostile)
{
	struct hostile_random *random = &hostile->peer.random;
	u32 area = hostile_below(random, HOSTILE_AREAS);

	switch (hostile_below(random, 8)) {
	case 0:
		return U64_MAX >> hostile_below(random, 16);
	case 1:
		/* Kernel text. */
		return __pa_symbol(_stext) >> 12;
	case 2:
		/* The rings themselves. */
		return peer_pfn(hostile->peer.inbound.data);
	case 3:
		return hostile_random64(random) | 1ull << 40;
	case 4:
		/* What the client sends is not what it shares. */
		return peer_pfn(hostile->client.pages.buffer[HOSTILE_SENT]);
	case 5:
		/* The client's own table of its packets. */
		return peer_pfn(hostile->client.slots);
	default:
		return peer_pfn(hostile_canary(&hostile->client.pages, area,
					       hostile_below(random, HOSTILE_PAGES)));
	}
}

/* One or two ranges of GPA-direct, somewhere in an area; the last page perhaps not. */
static void forge_direct(struct hostile *hostile, struct forged *forged,
			 enum hostile_area area, bool foreign)
{
	u32 chain = hostile->channel->external.chain;
	struct hostile_random *random = &hostile->peer.random;
	u32 ranges = 1 + hostile_below(random, min(chain, 2u));
	u32 i, page;

	forged->type = VMB_WIRE_TYPE_DATA_GPA_DIRECT;
	list_word(forged, (u64)ranges << 32);
	for (i = 0; i < ranges; i++) {
		u32 offset = hostile_below(random, 4096);
		u32 bytes = 1 + hostile_below(random, hostile->channel->external.bytes / ranges);
		u32 first = hostile_below(random, HOSTILE_PAGES * PAGE_SIZE / 4096);
		u32 pages;

		bytes = min(bytes, 2u * 4096u);
		pages = (offset + bytes - 1) / 4096 + 1;
		list_range(forged, bytes, offset);
		for (page = 0; page < pages; page++) {
			u32 frame = (first + page) % (HOSTILE_PAGES * PAGE_SIZE / 4096);
			bool last = i == ranges - 1 && page == pages - 1;

			list_word(forged, foreign && last ? foreign_frame(hostile) :
				  peer_pfn(hostile->client.pages.buffer[area] + 4096 * frame));
		}
	}
}

static void forge_transfer(struct hostile *hostile, struct forged *forged,
			   enum hostile_data data)
{
	struct hostile_random *random = &hostile->peer.random;
	u32 all = HOSTILE_PAGES * PAGE_SIZE;
	u32 bytes = 1 + hostile_below(random, hostile->channel->external.bytes);
	u32 offset = hostile_below(random, all - bytes + 1);

	forged->type = VMB_WIRE_TYPE_DATA_TRANSFER_PAGES;
	list_word(forged, 1ull << 32 | (u64)(hostile_random(random) & 0xff) << 16 |
		  (data == HOSTILE_DATA_NO_SET ? HOSTILE_SET + 1 : HOSTILE_SET));
	if (data == HOSTILE_DATA_BEYOND)
		offset = hostile_chance(random, 2) ? all - bytes + 1 : U32_MAX - bytes;
	list_range(forged, bytes, offset);
}

static void forge_data(struct hostile *hostile, struct forged *forged)
{
	struct hostile_random *random = &hostile->peer.random;

	forged->data = 1 + hostile_below(random, HOSTILE_DATA_BEYOND);
	switch (forged->data) {
	case HOSTILE_DATA_OURS:
		forge_direct(hostile, forged, HOSTILE_STABLE, false);
		break;
	case HOSTILE_DATA_READ_ONLY:
		forge_direct(hostile, forged, HOSTILE_READ_ONLY, false);
		break;
	case HOSTILE_DATA_FOREIGN:
		forge_direct(hostile, forged, HOSTILE_STABLE, true);
		break;
	case HOSTILE_DATA_CHANGING:
		forge_direct(hostile, forged, HOSTILE_CHANGING, false);
		break;
	default:
		forge_transfer(hostile, forged, forged->data);
		break;
	}
}

/* A list of ranges that is wrong in one way. */
static void forge_list(struct hostile *hostile, struct forged *forged)
{
	const struct vmb_range_limits *limits = &hostile->channel->external;
	struct hostile_random *random = &hostile->peer.random;
	bool direct = hostile_chance(random, 2);

	forged->type = direct ? VMB_WIRE_TYPE_DATA_GPA_DIRECT : VMB_WIRE_TYPE_DATA_TRANSFER_PAGES;
	forged->refusal = VMB_REFUSAL_RANGES_TRUNCATED +
			  hostile_below(random, VMB_REFUSAL_RANGE_OFFSET -
					VMB_REFUSAL_RANGES_TRUNCATED + 1);
	switch (forged->refusal) {
	case VMB_REFUSAL_RANGES_TRUNCATED:
		/* No list, one that is over, or one without its last page. */
		switch (hostile_below(random, 3)) {
		case 0:
			break;
		case 1:
			list_word(forged, 1ull << 32);
			break;
		default:
			forged->type = VMB_WIRE_TYPE_DATA_GPA_DIRECT;
			list_word(forged, 1ull << 32);
			list_range(forged, 4096, 1);
			list_word(forged, peer_pfn(hostile->client.pages.buffer[0]));
			break;
		}
		break;
	case VMB_REFUSAL_RANGES_NONE:
		list_word(forged, hostile_random(random));
		break;
	case VMB_REFUSAL_RANGES_TOO_MANY:
		list_word(forged, (limits->chain + 1ull +
				   (hostile_random(random) >> hostile_below(random, 32)) /
				   2) << 32);
		break;
	case VMB_REFUSAL_RANGES_TOO_LONG:
		list_word(forged, 1ull << 32);
		list_range(forged, limits->bytes + 1 +
			   hostile_below(random, S32_MAX), 0);
		break;
	case VMB_REFUSAL_RANGES_TRAILING:
		list_word(forged, 1ull << 32);
		list_range(forged, 8, 0);
		if (direct)
			list_word(forged, peer_pfn(hostile->client.pages.buffer[0]));
		list_word(forged, hostile_random64(random));
		break;
	case VMB_REFUSAL_RANGE_EMPTY:
		list_word(forged, 1ull << 32);
		list_range(forged, 0, hostile_random(random));
		break;
	default:
		/* Not in its first page, or past what can be said. */
		list_word(forged, 1ull << 32);
		list_range(forged, 8, direct && hostile_chance(random, 2) ? 4096 :
			   U32_MAX - hostile_below(random, 8));
		list_word(forged, 0);
		break;
	}
}

/* Completions for nothing: of no id that there is, or that there was. */
static void forge_completion(struct hostile_peer *peer, struct forged *forged)
{
	struct hostile_random *random = &peer->random;

	forged->type = VMB_WIRE_TYPE_COMPLETION;
	forged->refusal = VMB_REFUSAL_COMPLETION_UNEXPECTED;
	forged->payload = 8 * hostile_below(random, 3);
	switch (hostile_below(random, 4)) {
	case 0:
		forged->id = 0;
		break;
	case 1:
		forged->id = peer->last_answered;
		break;
	default:
		/* No id has so many bits; below them it is like one. */
		forged->id = hostile_random64(random) | 1ull << (32 + hostile_below(random, 32));
		break;
	}
}

/* A descriptor that says what none may. */
static void forge_descriptor(struct hostile *hostile, struct forged *forged)
{
	static const u16 known[] = { 6, 7, 9 };
	struct hostile_random *random = &hostile->peer.random;
	u32 most = hostile->channel->inbound.reader.maximum_ranges;

	switch (hostile_below(random, 4)) {
	case 0:
		forged->refusal = VMB_REFUSAL_TYPE_UNKNOWN;
		do {
			forged->type = hostile_random(random) >> hostile_below(random, 17);
		} while (forged->type == 6 || forged->type == 7 || forged->type == 9 ||
			 forged->type == 11);
		forged->flags = hostile_random(random) >> hostile_below(random, 32);
		break;
	case 1:
		forged->refusal = VMB_REFUSAL_FLAGS_UNKNOWN;
		forged->type = known[hostile_below(random, ARRAY_SIZE(known))];
		forged->flags |= 2u << hostile_below(random, 15);
		break;
	case 2:
		forged->refusal = VMB_REFUSAL_PACKET_TOO_LARGE;
		forged->type = known[hostile_below(random, ARRAY_SIZE(known))];
		forged->payload = ALIGN(hostile->maximum, 8) + 8 + 8 * hostile_below(random, 32);
		break;
	default:
		/* What stands in front of the payload is nothing of ours. */
		forged->words = min(hostile_below(random, 4), most / 8);
		forged->list[0] = cpu_to_le64(hostile_random64(random));
		break;
	}
}

/* Names it, so that it can be found again. */
static u64 forge_id(struct hostile_peer *peer)
{
	u64 sequence = peer->sequence;

	return sequence | (sequence * 0x9e3779b9ull | 1) << 32;
}

/* It is in the ring: what has to become of it. */
static void forge_account(struct hostile_peer *peer, const struct forged *forged)
{
	struct hostile_wanted *wanted = &peer->wanted[peer->sequence % HOSTILE_WANTED];

	peer->sequence++;
	peer->expected[forged->refusal]++;
	if (forged->type == VMB_WIRE_TYPE_COMPLETION)
		return;
	if (forged->flags & VMB_WIRE_FLAG_COMPLETION_REQUESTED) {
		*wanted = (struct hostile_wanted) {
			.id = forged->id,
			.due = true,
			.refused = forged->refusal != VMB_REFUSAL_NONE,
		};
		peer->wanted_count++;
		peer->completions_expected += wanted->refused;
	}
	if (forged->refusal != VMB_REFUSAL_NONE)
		return;
	peer->due[peer->due_written % HOSTILE_DUE] = (struct hostile_due) {
		.id = forged->id, .length = forged->payload, .data = forged->data,
	};
	/* Pairs with who has been delivered what is published after this. */
	smp_store_release(&peer->due_written, peer->due_written + 1);
}

/* Can what becomes of one more be written down? */
static bool forge_has_place(const struct hostile_peer *peer)
{
	/* Pairs with the drain, which has read what stood there. */
	u32 read = smp_load_acquire(&peer->due_read);

	return !peer->wanted[peer->sequence % HOSTILE_WANTED].due &&
	       peer->due_written - read < HOSTILE_DUE;
}

/* One packet, if there is room. Not seen by anybody before the index is published. */
void hostile_forge(struct hostile *hostile)
{
	struct hostile_peer *peer = &hostile->peer;
	struct hostile_random *random = &peer->random;
	struct forged forged = {
		.type = VMB_WIRE_TYPE_DATA_INBAND,
		.flags = hostile_below(random, 2),
		.id = forge_id(peer),
		.payload = min(8 * hostile_below(random, 5), hostile->maximum / 8 * 8),
	};

	if (!peer->wild && !forge_has_place(peer))
		return;
	switch (hostile_below(random, 12)) {
	case 0:
	case 1:
		forge_data(hostile, &forged);
		break;
	case 2:
		forge_list(hostile, &forged);
		break;
	case 3:
		forge_completion(peer, &forged);
		break;
	case 4:
		forge_descriptor(hostile, &forged);
		break;
	case 5:
		forged.payload = 8 * hostile_below(random, hostile->maximum / 8 + 1);
		break;
	default:
		break;
	}
	if (forge_put(peer, &forged))
		forge_account(peer, &forged);
}

/* Answers to what the client has sent. */

/* One of them, right or wrong; afterwards it is over, and answered again now and then. */
void hostile_answer(struct hostile *hostile)
{
	struct hostile_peer *peer = &hostile->peer;
	struct hostile_random *random = &peer->random;
	u32 which = hostile_below(random, peer->answer_count);
	u32 room = hostile_peer_room(peer);
	struct forged forged = {
		.type = VMB_WIRE_TYPE_COMPLETION,
		.flags = hostile_below(random, 2),
		.id = peer->answers[which],
		.payload = 8 * hostile_below(random, 4),
	};

	if (room < HOSTILE_ANSWER_ROOM)
		return;
	switch (peer->finish ? 7 : hostile_below(random, 8)) {
	case 0:
		forged.flags |= 4;
		forged.refusal = VMB_REFUSAL_FLAGS_UNKNOWN;
		break;
	case 1:
		/* More than a packet may have. */
		forged.payload = 8 * hostile_below(random, room / 16);
		break;
	default:
		break;
	}
	if (!forge_put(peer, &forged))
		return;
	peer->answers[which] = peer->answers[--peer->answer_count];
	peer->last_answered = forged.id;
	peer->expected[forged.refusal]++;
	/* Once more, and somebody else may have its place by now. */
	if (hostile_chance(random, 6)) {
		forged.payload = 0;
		forged.flags = 0;
		if (forge_put(peer, &forged))
			peer->expected[VMB_REFUSAL_COMPLETION_UNEXPECTED]++;
	}
}

/* The end: nobody knows where the next packet begins, for the reason that was chosen. */
void hostile_break(struct hostile_peer *peer)
{
	struct hostile_random *random = &peer->random;
	u32 size = peer->inbound.size, at = peer->write_at;
	u64 offset = 2, length = 4;

	switch (peer->fault) {
	case VMB_REFUSAL_INDEX_RANGE:
		peer_set(&peer->inbound, RING_IMAGE_WRITE_INDEX,
			 size + (hostile_random(random) >> 1) / 8 * 8);
		return;
	case VMB_REFUSAL_INDEX_ALIGNMENT:
		peer_set(&peer->inbound, RING_IMAGE_WRITE_INDEX,
			 at + 1 + hostile_below(random, 7));
		return;
	case VMB_REFUSAL_INDEX_OURS_CHANGED:
		peer_set(&peer->inbound, RING_IMAGE_READ_INDEX, (at + 16) % size);
		peer_set(&peer->inbound, RING_IMAGE_WRITE_INDEX, (at + 64) % size);
		return;
	case VMB_REFUSAL_LENGTH_BELOW_HEADER:
		length = hostile_below(random, 2);
		break;
	case VMB_REFUSAL_LENGTH_BEYOND_AVAILABLE:
		length = hostile_chance(random, 2) ? 8 : U16_MAX;
		break;
	case VMB_REFUSAL_OFFSET_BELOW_HEADER:
		offset = hostile_below(random, 2);
		break;
	default:
		offset = hostile_chance(random, 2) ? length + 1 : U16_MAX;
		break;
	}
	put_word(peer, VMB_WIRE_TYPE_DATA_INBAND | offset << 16 | length << 32);
	/* 8 units and the trailer are one more than that. */
	peer_set(&peer->inbound, RING_IMAGE_WRITE_INDEX, (at + 64) % size);
}
