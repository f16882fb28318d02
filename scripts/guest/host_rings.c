// SPDX-License-Identifier: GPL-2.0
/*
 * Both rings of a channel, mapped from when it is opened until it is closed.
 */
#include "host_rings.h"

#define PAGE_BYTES		4096u
#define HEADER_BYTES		16u
#define TRAILER_BYTES		8u
#define FLAG_WANTS_COMPLETION	1u

static void *map_page(VMBusChannel *chan, uint32_t number)
{
	AddressSpace *as = vmbus_channel_device(chan)->dma_as;
	dma_addr_t length = PAGE_BYTES;
	void *page;

	page = dma_memory_map(as, chan->gpadl->gfns[number] * PAGE_BYTES, &length,
			      DMA_DIRECTION_FROM_DEVICE, MEMTXATTRS_UNSPECIFIED);
	if (page && length < PAGE_BYTES) {
		dma_memory_unmap(as, page, length, DMA_DIRECTION_FROM_DEVICE, 0);
		page = NULL;
	}
	return page;
}

static void unmap_page(VMBusChannel *chan, void *page)
{
	if (page)
		dma_memory_unmap(vmbus_channel_device(chan)->dma_as, page, PAGE_BYTES,
				 DMA_DIRECTION_FROM_DEVICE, PAGE_BYTES);
}

/* Pages of the GPADL from first on, of which that is the control page. */
static bool map_ring(struct host_ring *ring, VMBusChannel *chan, uint32_t first,
		     uint32_t count)
{
	uint32_t i;

	if (count < 2)
		return false;
	ring->pages = g_new0(uint8_t *, count - 1);
	ring->control = map_page(chan, first);
	ring->page_count = count - 1;
	ring->size = ring->page_count * PAGE_BYTES;
	for (i = 0; i < ring->page_count; i++) {
		ring->pages[i] = map_page(chan, first + 1 + i);
		if (!ring->pages[i])
			return false;
	}
	return ring->control;
}

static void unmap_ring(struct host_ring *ring, VMBusChannel *chan)
{
	uint32_t i;

	unmap_page(chan, ring->control);
	for (i = 0; i < ring->page_count; i++)
		unmap_page(chan, ring->pages[i]);
	g_free(ring->pages);
	memset(ring, 0, sizeof(*ring));
}

/* To be called by the class's open_channel. */
bool host_rings_map(struct host_rings *rings, VMBusChannel *chan)
{
	uint32_t send = chan->ringbuf_send_offset;

	memset(rings, 0, sizeof(*rings));
	rings->chan = chan;
	if (!map_ring(&rings->in, chan, 0, send) ||
	    !map_ring(&rings->out, chan, send, chan->gpadl->num_gfns - send)) {
		host_rings_unmap(rings);
		return false;
	}
	rings->in.index = rings->in.published = rings->in.control->read_index;
	rings->out.index = rings->out.published = rings->out.control->write_index;
	return true;
}

void host_rings_unmap(struct host_rings *rings)
{
	if (!rings->chan)
		return;
	unmap_ring(&rings->in, rings->chan);
	unmap_ring(&rings->out, rings->chan);
	rings->chan = NULL;
}

static void signal_guest(struct host_rings *rings)
{
	rings->signals++;
	hyperv_set_event_flag(rings->chan->notify_route, rings->chan->id);
}

static uint32_t filled(const struct host_ring *ring, uint32_t write, uint32_t read)
{
	return write >= read ? write - read : ring->size - read + write;
}

static void copy(struct host_ring *ring, uint32_t at, void *data, uint32_t length,
		 bool into)
{
	uint8_t *bytes = data, *there;
	uint32_t part;

	for (; length; length -= part, bytes += part, at += part) {
		at %= ring->size;
		part = MIN(length, PAGE_BYTES - at % PAGE_BYTES);
		there = ring->pages[at / PAGE_BYTES] + at % PAGE_BYTES;
		memcpy(into ? there : bytes, into ? bytes : there, part);
	}
}

/* False: there is none, or none that can be. */
bool host_rings_take(struct host_rings *rings, struct host_packet *packet)
{
	struct host_ring *in = &rings->in;
	uint32_t write = qatomic_load_acquire(&in->control->write_index), there;

	if (write >= in->size || write == in->index)
		return false;
	there = filled(in, write, in->index);
	if (there < HEADER_BYTES + TRAILER_BYTES)
		return false;
	copy(in, in->index, packet, HEADER_BYTES, false);
	if (packet->length8 * 8u > MIN(sizeof(*packet), there - TRAILER_BYTES) ||
	    packet->offset8 * 8u < HEADER_BYTES || packet->offset8 > packet->length8)
		return false;
	copy(in, (in->index + HEADER_BYTES) % in->size, packet->rest,
	     packet->length8 * 8u - HEADER_BYTES, false);
	in->index = (in->index + packet->length8 * 8u + TRAILER_BYTES) % in->size;
	return true;
}

/*
 * The guest may use the room of all that was taken. It waits for more room than it says,
 * since a ring is never filled completely, and is told once: when this gives it that, and
 * not if it had it before, or has not enough yet.
 */
void host_rings_taken(struct host_rings *rings)
{
	struct host_ring *in = &rings->in;
	uint32_t before = in->published, wanted, freed, room, write;

	if (in->index == before)
		return;
	in->published = in->index;
	qatomic_store_release(&in->control->read_index, in->index);
	/* The guest says what it waits for, and looks at the read index once more. */
	smp_mb();
	wanted = qatomic_read(&in->control->pending_send_size);
	if (!wanted)
		return;
	write = qatomic_read(&in->control->write_index);
	room = in->size - filled(in, write, in->index);
	freed = filled(in, in->index, before);
	if (room > wanted && room <= freed + wanted) {
		rings->room_signals++;
		signal_guest(rings);
	}
}

/* A ring is never filled completely. */
static bool has_room(struct host_ring *out, uint32_t total)
{
	uint32_t read = qatomic_load_acquire(&out->control->read_index);

	return read < out->size && out->size - filled(out, out->index, read) > total;
}

/* Says what is waited for, if there is no room for it. */
static bool want_room(struct host_ring *out, uint32_t total)
{
	if (has_room(out, total))
		return true;
	qatomic_set(&out->control->pending_send_size, total);
	/* The guest moves its read index, and looks then at what we wait for. */
	smp_mb();
	return has_room(out, total);
}

/* False: there is no room. Nothing is seen of it before host_rings_publish(). */
bool host_rings_put(struct host_rings *rings, uint16_t type, bool wants_completion,
		    uint64_t transaction, const void *payload, uint32_t length)
{
	struct host_ring *out = &rings->out;
	uint32_t padded = QEMU_ALIGN_UP(length, 8);
	uint64_t trailer = (uint64_t)out->index << 32;
	struct host_packet header = {
		.type = type,
		.offset8 = HEADER_BYTES / 8,
		.length8 = (HEADER_BYTES + padded) / 8,
		.flags = wants_completion ? FLAG_WANTS_COMPLETION : 0,
		.transaction = transaction,
	};
	uint32_t total = HEADER_BYTES + padded + TRAILER_BYTES;

	if (!want_room(out, total)) {
		rings->no_room++;
		return false;
	}
	copy(out, out->index, &header, HEADER_BYTES, true);
	copy(out, (out->index + HEADER_BYTES) % out->size, (void *)payload, length, true);
	copy(out, (out->index + total - TRAILER_BYTES) % out->size, &trailer,
	     TRAILER_BYTES, true);
	out->index = (out->index + total) % out->size;
	if (out->control->pending_send_size)
		qatomic_set(&out->control->pending_send_size, 0);
	return true;
}

/* The guest sees all that was put, and is told if it had nothing to read. */
void host_rings_publish(struct host_rings *rings)
{
	struct host_ring *out = &rings->out;
	uint32_t before = out->published;

	if (out->index == before)
		return;
	out->published = out->index;
	qatomic_store_release(&out->control->write_index, out->index);
	/* The guest unmasks, and looks at the write index once more. */
	smp_mb();
	if (!qatomic_read(&out->control->interrupt_mask) &&
	    qatomic_read(&out->control->read_index) == before)
		signal_guest(rings);
}
