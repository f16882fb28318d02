// SPDX-License-Identifier: GPL-2.0
/*
 * Packets with external data over the memory that the guest has shared: the
 * host fills it through the GPADL, describes parts of it by page number or by
 * offset, and looks at whole pages afterwards.
 */
#include "host_device.h"
#include <zlib.h>

enum shape {
	SHAPE_ALIGNED,		/* one page, whole */
	SHAPE_CROSSING,		/* one range, any offset, over page borders */
	SHAPE_MANY,		/* several short ranges */
	SHAPE_SET,		/* one range of the transfer-page set */
	SHAPE_SET_MANY,
	SHAPE_INVERT,		/* the guest writes */
	SHAPE_READ_ONLY,
	SHAPE_LARGE,		/* up to the maximum */
	SHAPE_SET_INVERT,
	SHAPES,
};

static const char * const shape_name[SHAPES] = {
	"one page", "one range", "several ranges", "transfer pages",
	"several transfer ranges", "invert", "read only", "large range",
	"invert transfer pages",
};

/* And not torn down since: then it is the guest's alone again. */
bool echo_memory_is_shared(const struct echo_channel *channel)
{
	return channel->gpadl && channel->gpadl->state == VMGPADL_ALIVE;
}

void echo_invalidate_memory(struct echo_channel *channel)
{
	vmbus_put_gpadl(channel->gpadl);
	channel->gpadl = NULL;
	channel->page_count = 0;
	channel->pages_known = 0;
	memset(channel->arena_busy, 0, sizeof(channel->arena_busy));
}

static void put(struct echo_packet *packet, const void *data, uint32_t length)
{
	memcpy(packet->descriptor + packet->descriptor_length, data, length);
	packet->descriptor_length += length;
}

/* What precedes the ranges: of a GPA-direct packet, or of transfer pages. */
void echo_put_count(struct echo_packet *packet, uint32_t count)
{
	uint32_t word[2] = { 0, cpu_to_le32(count) };

	if (packet->type == VMBUS_PACKET_DATA_USING_XFER_PAGES)
		word[0] = cpu_to_le32(VMB_ECHO_TRANSFER_SET_ID);
	packet->descriptor_length = 0;
	put(packet, word, sizeof(word));
}

void echo_put_range(struct echo_packet *packet, uint32_t bytes, uint32_t offset,
		    const uint64_t *pfn, uint32_t pfns)
{
	uint32_t word[2] = { cpu_to_le32(bytes), cpu_to_le32(offset) };
	uint32_t i;

	put(packet, word, sizeof(word));
	for (i = 0; i < pfns; i++) {
		uint64_t le = cpu_to_le64(pfn[i]);

		put(packet, &le, sizeof(le));
	}
}

/* New contents for these pages of the arena, here and in the guest. */
void echo_fill_pages(struct echo_channel *channel, uint32_t first, uint32_t count)
{
	uint64_t *word = (uint64_t *)(channel->mirror + first * ECHO_PAGE_SIZE);
	uint64_t value = echo_random(channel);
	struct iovec iov = { word, count * ECHO_PAGE_SIZE };
	size_t i;

	for (i = 0; i < iov.iov_len / sizeof(*word); i++) {
		value = value * 6364136223846793005ull + 1442695040888963407ull;
		word[i] = value;
	}
	if (vmbus_iov_to_gpadl(channel->chan, channel->gpadl, first * ECHO_PAGE_SIZE, &iov, 1) < 0)
		echo_wrong(channel, "cannot write the shared memory at page %u", first);
}

/* Do these pages hold what they should, to the last byte? */
bool echo_check_pages(struct echo_channel *channel, const struct echo_txn *txn)
{
	uint8_t page[ECHO_PAGE_SIZE];
	uint32_t i, index, byte;

	/* What the guest has taken back it may use for something else. */
	if (txn->arena == ECHO_NO_ARENA || !echo_memory_is_shared(channel))
		return true;
	for (i = 0; i < ECHO_ARENA_PAGES; i++) {
		if (!(txn->pages & (1u << i)))
			continue;
		index = txn->arena * ECHO_ARENA_PAGES + i;
		channel->count.pages_checked++;
		dma_memory_read(echo_memory(channel), channel->pfn[index] * ECHO_PAGE_SIZE,
				page, sizeof(page), MEMTXATTRS_UNSPECIFIED);
		if (!memcmp(page, channel->mirror + index * ECHO_PAGE_SIZE, sizeof(page)))
			continue;
		for (byte = 0; page[byte] == channel->mirror[index * ECHO_PAGE_SIZE + byte];)
			byte++;
		echo_wrong(channel, "%s (%" PRIu64 "): shared page %u is not as it should be "
			   "from byte %u on", txn->what, txn->sequence, index, byte);
		return false;
	}
	return true;
}

struct walk {
	struct echo_channel *channel;
	struct echo_packet *packet;
	bool by_offset;
	bool invert;
	uint32_t page;			/* next unused page of the arena */
	uint32_t checksum;
};

/* One range of so many bytes from this offset of the next unused page on. */
static void add_range(struct walk *walk, uint32_t bytes, uint32_t offset)
{
	struct echo_channel *channel = walk->channel;
	struct echo_txn *txn = &walk->packet->txn;
	uint32_t pages = DIV_ROUND_UP(offset + bytes, ECHO_PAGE_SIZE);
	uint32_t first = txn->arena * ECHO_ARENA_PAGES + walk->page;
	uint64_t pfn[ECHO_ARENA_PAGES];
	uint32_t i, at, part, left = bytes, from = offset, index;

	echo_fill_pages(channel, first, pages);
	for (i = 0; i < pages; i++) {
		/* By page number they may come in any order, so they come backwards. */
		index = walk->by_offset ? first + i : first + pages - 1 - i;
		pfn[i] = channel->pfn[index];
		txn->pages |= 1u << (index % ECHO_ARENA_PAGES);
		part = MIN(left, ECHO_PAGE_SIZE - from);
		at = index * ECHO_PAGE_SIZE + from;
		walk->checksum = crc32(walk->checksum, channel->mirror + at, part);
		left -= part;
		from = 0;
		/* From now on the mirror holds what the guest should leave there. */
		while (walk->invert && part--)
			channel->mirror[at++] ^= 0xff;
	}
	if (walk->by_offset)
		echo_put_range(walk->packet, bytes, first * ECHO_PAGE_SIZE + offset, NULL, 0);
	else
		echo_put_range(walk->packet, bytes, offset, pfn, pages);
	txn->external_length += bytes;
	walk->page += pages;
}

bool echo_take_arena(struct echo_channel *channel, uint8_t *arena)
{
	uint32_t i;

	for (i = 0; i < ECHO_ARENAS; i++) {
		*arena = channel->next_arena++ % ECHO_ARENAS;
		if (!channel->arena_busy[*arena]) {
			channel->arena_busy[*arena] = true;
			return true;
		}
	}
	return false;
}

/* False when all of the memory is in use. */
bool echo_make_external(struct echo_channel *channel, struct echo_packet *packet)
{
	enum shape shape = channel->step % SHAPES;
	struct walk walk = { .channel = channel, .packet = packet };
	uint32_t ranges = 1, i, bytes, offset;
	uint8_t arena;

	if (!echo_memory_is_shared(channel) || !echo_take_arena(channel, &arena))
		return false;
	walk.invert = shape == SHAPE_INVERT || shape == SHAPE_SET_INVERT;
	if (walk.invert)
		echo_make_control(channel, packet, VMB_ECHO_INVERT, 0);
	else if (shape == SHAPE_READ_ONLY)
		echo_make_control(channel, packet, VMB_ECHO_READ_ONLY, 0);
	else
		echo_make_inband(channel, packet, echo_random(channel) % 65, true);
	packet->txn.class = ECHO_CLASS_EXTERNAL;
	packet->txn.arena = arena;
	packet->txn.what = shape_name[shape];
	walk.by_offset = shape == SHAPE_SET || shape == SHAPE_SET_MANY ||
			 shape == SHAPE_SET_INVERT;
	packet->type = walk.by_offset ? VMBUS_PACKET_DATA_USING_XFER_PAGES :
					VMBUS_PACKET_DATA_USING_GPA_DIRECT;
	if (shape == SHAPE_MANY || shape == SHAPE_SET_MANY || shape == SHAPE_INVERT)
		ranges = 2 + echo_random(channel) % 7;
	echo_put_count(packet, ranges);
	for (i = 0; i < ranges; i++) {
		offset = echo_random(channel) % ECHO_PAGE_SIZE;
		if (shape == SHAPE_ALIGNED) {
			offset = 0;
			bytes = ECHO_PAGE_SIZE;
		} else if (shape == SHAPE_LARGE) {
			bytes = VMB_ECHO_MAXIMUM_EXTERNAL_SIZE - echo_random(channel) % 16384;
		} else if (ranges > 1) {
			bytes = 1 + echo_random(channel) % ECHO_PAGE_SIZE;
		} else {
			bytes = 1 + echo_random(channel) % (4 * ECHO_PAGE_SIZE);
		}
		add_range(&walk, bytes, offset);
	}
	packet->txn.external_checksum = walk.checksum;
	return true;
}
