// SPDX-License-Identifier: GPL-2.0
/*
 * What is compared of a packet at both ends of its way: its payload, the memory
 * that it names, and its place among the others.
 */
#define VMB_FUZZ_PEER
#include "harness.h"

u8 pattern(u32 sequence, u32 position)
{
	return sequence * 7 + position * 13 + position / 256 + 1;
}

void pieces_add(struct pieces *pieces, u64 address, u32 length)
{
	if (pieces->count) {
		struct piece *last = &pieces->piece[pieces->count - 1];

		if (last->address + last->length == address) {
			last->length += length;
			return;
		}
	}
	FUZZ_CHECK(pieces->count < PIECES);
	pieces->piece[pieces->count++] = (struct piece) { address, length };
}

bool pieces_are_equal(const struct pieces *one, const struct pieces *other)
{
	u32 i;

	for (i = 0; i < one->count && i < other->count; i++)
		if (one->piece[i].address != other->piece[i].address ||
		    one->piece[i].length != other->piece[i].length)
			return false;
	return one->count == other->count;
}

/*
 * Something that @from began to send then has come: so has all that it had sent
 * before, packets and completions.
 */
void check_order(const struct end *from, u32 begun, bool is_answer)
{
	u32 i;

	for (i = 0; i < from->sequence; i++) {
		const struct sent *sent = &from->sent[i];

		FUZZ_CHECK(!sent->accepted || sent->delivered || !sent->done ||
			   sent->done > begun || (is_answer && sent->held));
	}
	for (i = 0; i < from->other->sequence; i++) {
		const struct sent *sent = &from->other->sent[i];

		FUZZ_CHECK(sent->answered || !sent->answer_done ||
			   sent->answer_done > begun);
	}
}
