/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Both rings of a channel for a host's end that is to cost as little as a real host's,
 * which has them mapped: QEMU's own functions map and unmap each page for each packet,
 * and take some ten times what a guest does.
 *
 * The guest is trusted here, but for where the indices may be: who breaks the ring gets
 * no more packets.
 */
#ifndef VMB_HOST_RINGS_H
#define VMB_HOST_RINGS_H

#include "host_common.h"

/* The longest packet that is taken, its descriptor included. */
#define HOST_PACKET_MAXIMUM	512u

struct host_ring_control {
	uint32_t write_index;
	uint32_t read_index;
	uint32_t interrupt_mask;
	uint32_t pending_send_size;
};

/*
 * index: ours, up to where the ring was read or written. published: where the guest sees
 * it.
 */
struct host_ring {
	struct host_ring_control *control;
	uint8_t **pages;
	uint32_t page_count, size, index, published;
};

struct host_rings {
	VMBusChannel *chan;
	struct host_ring in, out;
	/*
	 * signals: to the guest. room_signals: those of them for the room that it waited
	 * for. no_room: how often there was none for a packet of ours.
	 */
	uint32_t signals, room_signals, no_room;
};

struct host_packet {
	uint16_t type, offset8, length8, flags;
	uint64_t transaction;
	uint8_t rest[HOST_PACKET_MAXIMUM - 16];
};

static inline uint32_t host_packet_length(const struct host_packet *packet)
{
	return (packet->length8 - packet->offset8) * 8;
}

static inline const void *host_packet_payload(const struct host_packet *packet)
{
	return (const uint8_t *)packet + packet->offset8 * 8;
}

bool host_rings_map(struct host_rings *rings, VMBusChannel *chan);
void host_rings_unmap(struct host_rings *rings);
bool host_rings_take(struct host_rings *rings, struct host_packet *packet);
void host_rings_taken(struct host_rings *rings);
bool host_rings_put(struct host_rings *rings, uint16_t type, bool wants_completion,
		    uint64_t transaction, const void *payload, uint32_t length);
void host_rings_publish(struct host_rings *rings);

#endif
