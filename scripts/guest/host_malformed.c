// SPDX-License-Identifier: GPL-2.0
/*
 * Packets that are wrong on purpose, though the next one can still be found.
 * Each that asks for a completion must be refused: by an empty completion, or
 * by one whose status is not 0. The payload asks for the external bytes to be
 * inverted, so a guest that believes the lie leaves a mark in memory.
 */
#include "host_device.h"

static void direct(struct echo_packet *packet, uint32_t count)
{
	packet->type = VMBUS_PACKET_DATA_USING_GPA_DIRECT;
	echo_put_count(packet, count);
}

static void transfer(struct echo_packet *packet, uint32_t count)
{
	packet->type = VMBUS_PACKET_DATA_USING_XFER_PAGES;
	echo_put_count(packet, count);
}

static void type_unknown(struct echo_packet *packet, const uint64_t *pfn)
{
	packet->type = 0x55;
}

static void type_not_for_us(struct echo_packet *packet, const uint64_t *pfn)
{
	packet->type = VMBUS_PACKET_DATA_USING_GPADL;
}

static void flags_unknown(struct echo_packet *packet, const uint64_t *pfn)
{
	packet->raw = true;
	packet->raw_flags = 0x8000 | VMBUS_PACKET_FLAG_REQUEST_COMPLETION;
}

static void payload_too_large(struct echo_packet *packet, const uint64_t *pfn)
{
	packet->payload_length = VMB_ECHO_MAXIMUM_PACKET_SIZE + 8;
}

static void count_lies(struct echo_packet *packet, const uint64_t *pfn)
{
	direct(packet, 5);
	echo_put_range(packet, 100, 0, pfn, 1);
}

static void count_huge(struct echo_packet *packet, const uint64_t *pfn)
{
	direct(packet, 0xffffffff);
	echo_put_range(packet, 100, 0, pfn, 1);
}

static void count_zero(struct echo_packet *packet, const uint64_t *pfn)
{
	direct(packet, 0);
}

static void length_lies(struct echo_packet *packet, const uint64_t *pfn)
{
	direct(packet, 1);
	echo_put_range(packet, 3 * ECHO_PAGE_SIZE, 0, pfn, 1);
}

static void length_wraps(struct echo_packet *packet, const uint64_t *pfn)
{
	direct(packet, 1);
	echo_put_range(packet, 0xffffffff, 4095, pfn, 1);
}

static void too_many_ranges(struct echo_packet *packet, const uint64_t *pfn)
{
	int i;

	direct(packet, VMB_ECHO_MAXIMUM_EXTERNAL_CHAIN + 1);
	for (i = 0; i <= VMB_ECHO_MAXIMUM_EXTERNAL_CHAIN; i++)
		echo_put_range(packet, 8, 16 * i, pfn, 1);
}

static void too_many_bytes(struct echo_packet *packet, const uint64_t *pfn)
{
	direct(packet, 1);
	echo_put_range(packet, VMB_ECHO_MAXIMUM_EXTERNAL_SIZE + 1, 0, pfn,
		       VMB_ECHO_MAXIMUM_EXTERNAL_SIZE / ECHO_PAGE_SIZE + 1);
}

static void trailing_page(struct echo_packet *packet, const uint64_t *pfn)
{
	direct(packet, 1);
	echo_put_range(packet, 100, 0, pfn, 3);
}

static void empty_range(struct echo_packet *packet, const uint64_t *pfn)
{
	direct(packet, 1);
	echo_put_range(packet, 0, 0, pfn, 0);
}

static void offset_beyond_page(struct echo_packet *packet, const uint64_t *pfn)
{
	direct(packet, 1);
	echo_put_range(packet, 100, ECHO_PAGE_SIZE, pfn, 2);
}

static void page_not_shared(struct echo_packet *packet, const uint64_t *pfn)
{
	const uint64_t forbidden = ECHO_FORBIDDEN_PFN;

	direct(packet, 1);
	echo_put_range(packet, ECHO_PAGE_SIZE, 0, &forbidden, 1);
}

static void page_not_shared_behind_good(struct echo_packet *packet, const uint64_t *pfn)
{
	const uint64_t mixed[2] = { pfn[0], ECHO_FORBIDDEN_PFN };

	direct(packet, 1);
	echo_put_range(packet, 2 * ECHO_PAGE_SIZE, 0, mixed, 2);
}

static void page_not_there(struct echo_packet *packet, const uint64_t *pfn)
{
	const uint64_t beyond = 1ull << 40;

	direct(packet, 1);
	echo_put_range(packet, 100, 0, &beyond, 1);
}

static void page_all_ones(struct echo_packet *packet, const uint64_t *pfn)
{
	const uint64_t ones = ~0ull;

	direct(packet, 1);
	echo_put_range(packet, 100, 0, &ones, 1);
}

static void set_unknown(struct echo_packet *packet, const uint64_t *pfn)
{
	transfer(packet, 1);
	packet->descriptor[0] = VMB_ECHO_TRANSFER_SET_ID + 1;
	echo_put_range(packet, 100, 0, NULL, 0);
}

static void set_count_lies(struct echo_packet *packet, const uint64_t *pfn)
{
	transfer(packet, 3);
	echo_put_range(packet, 100, 0, NULL, 0);
}

static void set_overrun(struct echo_packet *packet, const uint64_t *pfn)
{
	transfer(packet, 1);
	echo_put_range(packet, 100, VMB_ECHO_SHARED_SIZE - 99, NULL, 0);
}

static void set_wraps(struct echo_packet *packet, const uint64_t *pfn)
{
	transfer(packet, 1);
	echo_put_range(packet, 100, 0xffffffe0, NULL, 0);
}

/* Nobody waits for it, so nobody answers; counted by the guest alone. */
static void completion_unexpected(struct echo_packet *packet, const uint64_t *pfn)
{
	packet->type = VMBUS_PACKET_COMP;
	packet->need_completion = false;
}

static void lies_unanswered(struct echo_packet *packet, const uint64_t *pfn)
{
	count_lies(packet, pfn);
	packet->need_completion = false;
}

static const struct {
	const char *name;
	void (*make)(struct echo_packet *packet, const uint64_t *pfn);
} kinds[] = {
	{ "unknown type", type_unknown },
	{ "type not for a guest", type_not_for_us },
	{ "unknown flag", flags_unknown },
	{ "payload too large", payload_too_large },
	{ "range count lies", count_lies },
	{ "huge range count", count_huge },
	{ "no range", count_zero },
	{ "range length lies", length_lies },
	{ "range length wraps", length_wraps },
	{ "too many ranges", too_many_ranges },
	{ "too many external bytes", too_many_bytes },
	{ "trailing pages", trailing_page },
	{ "empty range", empty_range },
	{ "offset beyond page", offset_beyond_page },
	{ "page not shared", page_not_shared },
	{ "page not shared behind a good one", page_not_shared_behind_good },
	{ "page that does not exist", page_not_there },
	{ "page number all ones", page_all_ones },
	{ "unknown transfer set", set_unknown },
	{ "transfer range count lies", set_count_lies },
	{ "transfer range beyond set", set_overrun },
	{ "transfer range wraps", set_wraps },
	{ "completion nobody waits for", completion_unexpected },
	{ "range count lies, no completion wanted", lies_unanswered },
};

uint32_t echo_malformed_kinds(void)
{
	return ARRAY_SIZE(kinds);
}

static void read_forbidden(struct echo_channel *channel, uint8_t *page)
{
	dma_memory_read(echo_memory(channel), channel->forbidden_pfn * ECHO_PAGE_SIZE, page,
			ECHO_PAGE_SIZE, MEMTXATTRS_UNSPECIFIED);
}

/* From now on this page must not change. */
void echo_watch_forbidden(struct echo_channel *channel, uint64_t pfn)
{
	channel->forbidden_pfn = pfn;
	read_forbidden(channel, channel->forbidden_page);
}

bool echo_forbidden_untouched(struct echo_channel *channel)
{
	uint8_t now[ECHO_PAGE_SIZE];

	read_forbidden(channel, now);
	return !memcmp(now, channel->forbidden_page, sizeof(now));
}

/* A request that is to be refused, with an arena to watch over. False: none is free. */
bool echo_make_refusable(struct echo_channel *channel, struct echo_packet *packet,
			 const char *what, uint32_t *first)
{
	uint8_t arena;

	if (!echo_take_arena(channel, &arena))
		return false;
	*first = arena * ECHO_ARENA_PAGES;
	echo_fill_pages(channel, *first, ECHO_ARENA_PAGES);
	echo_make_control(channel, packet, VMB_ECHO_INVERT, 0);
	packet->txn.class = ECHO_CLASS_MALFORMED;
	packet->txn.expect = ECHO_EXPECT_REFUSAL;
	packet->txn.arena = arena;
	packet->txn.pages = 0xffffffff;
	packet->txn.what = what;
	return true;
}

/* False when no arena is free to watch over. */
bool echo_make_malformed(struct echo_channel *channel, struct echo_packet *packet,
			 uint32_t kind)
{
	uint32_t first;

	if (!echo_make_refusable(channel, packet, kinds[kind].name, &first))
		return false;
	echo_watch_forbidden(channel, ECHO_FORBIDDEN_PFN);
	kinds[kind].make(packet, channel->pfn + first);
	if (!packet->need_completion)
		channel->arena_busy[packet->txn.arena] = false;
	return true;
}
