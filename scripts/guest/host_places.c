// SPDX-License-Identifier: GPL-2.0
/*
 * Packets that name places which no channel has shared: a module in the guest has put a
 * list of such into a page of its own, which the host finds by looking at all of the
 * guest's memory; others the host knows by itself. Each is named alone, behind and in
 * front of a page that is shared, and by one byte; each must be refused, and what is
 * there must not change.
 */
#include "host_device.h"
#include "../kselftest/places/places.h"

#define SHAPES		4u
/* The table, and what the host knows. */
#define MOST		(PLACES_MOST + 16u)
/* A guest here has less memory than that. */
#define LAST_PFN	(1u << 20)

struct echo_places {
	uint32_t count, next, shape;
	struct place place[MOST];
};

static void add(struct echo_places *places, const char *name, uint64_t pfn, bool stays)
{
	struct place *place;

	if (places->count == MOST)
		return;
	place = &places->place[places->count++];
	g_strlcpy(place->name, name, sizeof(place->name));
	place->pfn = pfn;
	place->stays = stays;
}

/* The first page of RAM that begins as such a list does. */
static bool find_table(struct echo_channel *channel, struct places *table)
{
	uint64_t pfn;

	for (pfn = 0x100; pfn < LAST_PFN; pfn++) {
		if (dma_memory_read(echo_memory(channel), pfn * ECHO_PAGE_SIZE, table,
				    sizeof(table->magic), MEMTXATTRS_UNSPECIFIED))
			return false;
		if (memcmp(table->magic, PLACES_MAGIC, sizeof(table->magic)))
			continue;
		dma_memory_read(echo_memory(channel), pfn * ECHO_PAGE_SIZE, table,
				sizeof(*table), MEMTXATTRS_UNSPECIFIED);
		return table->count && table->count <= PLACES_MOST;
	}
	return false;
}

/* The rings of another device's channel, if there is one and it is open. */
static void add_other_channel(struct echo_places *places)
{
	Object *other = object_resolve_path_type("", "vmb-source-host", NULL);
	VMBusGpadl *gpadl;

	if (!other)
		return;
	gpadl = VMBUS_DEVICE(other)->channels[0].gpadl;
	if (!gpadl || !gpadl->num_gfns)
		return;
	add(places, "another channel's ring, its control page", gpadl->gfns[0], false);
	add(places, "another channel's ring, data", gpadl->gfns[1], false);
}

/* And our own, which the guest has not shared for that. */
static void add_rings(struct echo_channel *channel)
{
	const VMBusGpadl *gpadl = channel->chan->gpadl;

	add(channel->places, "this channel's ring", gpadl->gfns[gpadl->num_gfns - 1], false);
}

/* False: the guest has no list, and that is wrong. */
bool echo_places_find(struct echo_channel *channel)
{
	struct places table;
	uint32_t i;

	if (!find_table(channel, &table)) {
		echo_wrong(channel, "the guest does not say which places there are");
		return false;
	}
	g_free(channel->places);
	channel->places = g_new0(struct echo_places, 1);
	for (i = 0; i < table.count; i++)
		add(channel->places, table.place[i].name, table.place[i].pfn,
		    table.place[i].stays);
	add_other_channel(channel->places);
	add_rings(channel);
	add(channel->places, "MMIO: the local interrupt controller", 0xfee00, false);
	add(channel->places, "MMIO: the other interrupt controller", 0xfec00, false);
	add(channel->places, "firmware", 0xfffff, false);
	add(channel->places, "the last page that 64 bits can say", UINT64_MAX >> 12, false);
	add(channel->places, "the page behind it", (UINT64_MAX >> 12) + 1, false);
	add(channel->places, "all ones", UINT64_MAX, false);
	/* Shifted to an address, it is a page that is shared. */
	add(channel->places, "a shared page's number with a bit that is none",
	    channel->pfn[0] | 1ull << 52, false);
	fprintf(stderr, "VMBHOST-PLACES %u\n", channel->places->count);
	return true;
}

/* A page that was freed may be anybody's by now, and so be one that is shared. */
static bool is_shared(const struct echo_channel *channel, uint64_t pfn)
{
	uint32_t i;

	for (i = 0; i < channel->page_count; i++)
		if (channel->pfn[i] == pfn)
			return true;
	return false;
}

bool echo_places_left(struct echo_channel *channel)
{
	struct echo_places *places = channel->places;

	if (!places)
		return false;
	while (places->next < places->count &&
	       is_shared(channel, places->place[places->next].pfn))
		places->next++;
	return places->next < places->count;
}

/* False when no arena is free to watch over. */
bool echo_make_place(struct echo_channel *channel, struct echo_packet *packet)
{
	struct echo_places *places = channel->places;
	const struct place *place = &places->place[places->next];
	uint64_t mixed[2], pfn = place->pfn;
	uint32_t first;

	if (!echo_make_refusable(channel, packet, place->name, &first))
		return false;
	echo_watch_forbidden(channel, place->stays ? pfn : ECHO_FORBIDDEN_PFN);
	packet->type = VMBUS_PACKET_DATA_USING_GPA_DIRECT;
	switch (places->shape) {
	case 0:
		echo_put_count(packet, 1);
		echo_put_range(packet, ECHO_PAGE_SIZE, 0, &pfn, 1);
		break;
	case 1:
		mixed[0] = channel->pfn[first];
		mixed[1] = pfn;
		echo_put_count(packet, 1);
		echo_put_range(packet, 2 * ECHO_PAGE_SIZE, 0, mixed, 2);
		break;
	case 2:
		mixed[0] = pfn;
		mixed[1] = channel->pfn[first];
		echo_put_count(packet, 1);
		echo_put_range(packet, ECHO_PAGE_SIZE, 100, mixed, 2);
		break;
	default:
		/* Twice what is shared, the second over the first, and then one byte. */
		echo_put_count(packet, 3);
		echo_put_range(packet, 200, 0, &channel->pfn[first], 1);
		echo_put_range(packet, 200, 100, &channel->pfn[first], 1);
		echo_put_range(packet, 1, ECHO_PAGE_SIZE - 1, &pfn, 1);
		break;
	}
	if (++places->shape == SHAPES) {
		places->shape = 0;
		places->next++;
	}
	return true;
}
