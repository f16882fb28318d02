// SPDX-License-Identifier: GPL-2.0
/*
 * Packets with external data: memory that the packet only describes, and that
 * the peer reads or writes where it is. Every way to describe it, and every
 * direction.
 */
#include <linux/bvec.h>
#include <linux/completion.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>

#include "source.h"

#define SOURCE_PAGES		VMB_SOURCE_MAXIMUM_EXTERNAL_CHAIN
/* One block of several pages, which a single vector can cover. */
#define SOURCE_BLOCK_ORDER	2
#define SOURCE_BLOCK_SIZE	(PAGE_SIZE << SOURCE_BLOCK_ORDER)
/* What lies around the external data, and must stay as it is. */
#define SOURCE_GUARD		0x5a

/* How the memory is described. */
enum source_shape {
	SOURCE_PAGE,		/* one vector, one page */
	SOURCE_INSIDE,		/* one vector inside a page */
	SOURCE_BLOCK,		/* one vector over several pages */
	SOURCE_CHAIN,		/* vectors of any offset and length */
	SOURCE_WHOLE,		/* vectors that are whole pages */
	SOURCE_MDL,		/* a part of a chain, by offset and length */
	SOURCE_FORCE,		/* more than the vector says, up to its page's end */
	SOURCE_PFNS,		/* page frame numbers */
	SOURCE_ITER,		/* an iterator that stands in a chain */
	SOURCE_SHAPES,
};

static const struct source_way {
	u32 command;
	u32 flags;
} source_ways[] = {
	{ VMB_SOURCE_OUT, VMB_CHANNEL_FORMAT_FLAG_DATA_OUT_ONLY },
	{ VMB_SOURCE_OUT, 0 },
	{ VMB_SOURCE_IN, VMB_CHANNEL_FORMAT_FLAG_DATA_IN_ONLY },
	{ VMB_SOURCE_IN, 0 },
	{ VMB_SOURCE_INVERT, 0 },
};

/**
 * struct source_slot - a packet with external data, and its memory
 * @source: whose it is.
 * @packet: the packet.
 * @ended: the packet has ended, or was never sent.
 * @in_flight: 1 from before the send until the completion routine.
 * @used: it was sent, and nobody has looked at the result.
 * @leaked: the channel went, and the peer may still write to the memory.
 * @status: how it ended.
 * @answered: the answer was what it should be.
 * @way: which way the data goes.
 * @shape: how it is described.
 * @number: the packet's.
 * @pages: memory.
 * @block: more memory, in one piece.
 * @vectors: the chain.
 * @vector_count: vectors of it.
 * @offset: where in the chain the external data begins.
 * @length: bytes of external data.
 * @data: the same bytes in one piece, to be made and compared.
 * @request: what is sent.
 *
 * The run's alone but for what the completion routine sets before @ended.
 */
struct source_slot {
	struct source_device *source;
	struct vmb_packet *packet;
	struct completion ended;
	atomic_t in_flight;
	bool used;
	bool leaked;
	int status;
	bool answered;
	const struct source_way *way;
	enum source_shape shape;
	u32 number;
	struct page *pages[SOURCE_PAGES];
	struct page *block;
	struct bio_vec vectors[SOURCE_PAGES];
	u32 vector_count;
	u32 offset;
	u32 length;
	u8 *data;
	struct vmb_source_request request;
};

/**
 * struct source_slots - all of them
 * @source: whose they are.
 * @random: shapes, offsets and lengths; the same in every run.
 * @slots: those that may be in flight.
 */
struct source_slots {
	struct source_device *source;
	struct rnd_state random;
	struct source_slot slots[SOURCE_SLOTS];
};

/* 1 to most. */
static u32 source_random(struct source_slots *slots, u32 most)
{
	return 1 + prandom_u32_state(&slots->random) % most;
}

static void source_slot_ended(struct vmb_packet *packet, void *callback_context,
			      int status, const void *buffer, u32 buffer_length)
{
	struct source_slot *slot = callback_context;
	struct source_device *source = slot->source;
	const struct vmb_source_completion *answer = buffer;

	if (atomic_cmpxchg(&slot->in_flight, 1, 0) != 1) {
		atomic64_inc(&source->count.duplicated);
		return;
	}
	atomic64_inc(&source->count.externals_ended);
	if (status == -ENODEV || status == -EIO)
		atomic64_inc(&source->count.cut_off);
	slot->status = status;
	slot->answered = !status && buffer_length >= sizeof(*answer) &&
			 !answer->status &&
			 answer->sequence == slot->request.sequence;
	complete(&slot->ended);
}

/* Where the external data is, for copy_to_iter() and copy_from_iter(). */
static void source_iterate(const struct source_slot *slot, unsigned int direction,
			   struct iov_iter *iter)
{
	iov_iter_bvec(iter, direction, slot->vectors, slot->vector_count,
		      slot->offset + slot->length);
	iov_iter_advance(iter, slot->offset);
}

/* One vector for each of so many pages, each anywhere in its page. */
static u32 source_make_chain(struct source_slots *slots, struct source_slot *slot)
{
	u32 total = 0, i, offset, length;

	slot->vector_count = 1 + source_random(slots, SOURCE_PAGES - 1);
	for (i = 0; i < slot->vector_count; i++) {
		offset = source_random(slots, SOURCE_HOST_PAGE_SIZE) - 1;
		length = source_random(slots, SOURCE_HOST_PAGE_SIZE - offset);
		slot->vectors[i] = (struct bio_vec) {
			.bv_page = slot->pages[i],
			.bv_offset = offset,
			.bv_len = length,
		};
		total += length;
	}
	return total;
}

static void source_make_pages(struct source_slot *slot, u32 count)
{
	u32 i;

	slot->vector_count = count;
	slot->length = count * SOURCE_HOST_PAGE_SIZE;
	for (i = 0; i < count; i++)
		slot->vectors[i] = (struct bio_vec) {
			.bv_page = slot->pages[i],
			.bv_len = SOURCE_HOST_PAGE_SIZE,
		};
}

static void source_make_shape(struct source_slots *slots, struct source_slot *slot)
{
	struct bio_vec *vector = &slot->vectors[0];
	u32 total;

	slot->offset = 0;
	slot->vector_count = 1;
	*vector = (struct bio_vec) { .bv_page = slot->pages[0] };
	switch (slot->shape) {
	case SOURCE_PAGE:
		source_make_pages(slot, 1);
		break;
	case SOURCE_INSIDE:
	case SOURCE_FORCE:
		vector->bv_offset = source_random(slots, SOURCE_HOST_PAGE_SIZE - 1);
		vector->bv_len = source_random(slots, SOURCE_HOST_PAGE_SIZE -
						      vector->bv_offset);
		slot->length = vector->bv_len;
		break;
	case SOURCE_BLOCK:
		vector->bv_page = slot->block;
		vector->bv_offset = source_random(slots, SOURCE_HOST_PAGE_SIZE) - 1;
		vector->bv_len = source_random(slots, 3 * SOURCE_HOST_PAGE_SIZE);
		slot->length = vector->bv_len;
		break;
	case SOURCE_CHAIN:
		slot->length = source_make_chain(slots, slot);
		break;
	case SOURCE_WHOLE:
	case SOURCE_PFNS:
		source_make_pages(slot, source_random(slots, SOURCE_PAGES));
		break;
	default:
		total = source_make_chain(slots, slot);
		slot->offset = source_random(slots, total) - 1;
		slot->length = source_random(slots, total - slot->offset);
		break;
	}
}

/* What the peer is to find there, and the guard around it. */
static void source_put_data(struct source_slot *slot)
{
	bool peer_fills = slot->way->command == VMB_SOURCE_IN;
	struct iov_iter iter;
	u32 i;

	for (i = 0; i < SOURCE_PAGES; i++)
		memset(page_address(slot->pages[i]), SOURCE_GUARD, PAGE_SIZE);
	memset(page_address(slot->block), SOURCE_GUARD, SOURCE_BLOCK_SIZE);
	slot->request.external_length = cpu_to_le32(slot->length);
	slot->request.external_checksum = 0;
	if (peer_fills)
		return;
	for (i = 0; i < slot->length; i++)
		slot->data[i] = vmb_source_pattern(slot->number, i);
	source_iterate(slot, ITER_DEST, &iter);
	if (copy_to_iter(slot->data, slot->length, &iter) != slot->length)
		source_wrong(slot->source, "cannot fill external data", 0);
	slot->request.external_checksum =
		cpu_to_le32(source_checksum(0, slot->data, slot->length));
}

static bool source_guard_is_whole(const struct source_slot *slot)
{
	u32 i;

	for (i = 0; i < SOURCE_PAGES; i++)
		if (memchr_inv(page_address(slot->pages[i]), SOURCE_GUARD, PAGE_SIZE))
			return false;
	return !memchr_inv(page_address(slot->block), SOURCE_GUARD,
			   SOURCE_BLOCK_SIZE);
}

static bool source_data_is_right(const struct source_slot *slot)
{
	u8 complement = slot->way->command == VMB_SOURCE_INVERT ? 0xff : 0;
	u32 i;

	for (i = 0; i < slot->length; i++)
		if (slot->data[i] !=
		    (u8)(vmb_source_pattern(slot->number, i) ^ complement))
			return false;
	return true;
}

/* Is every byte as it should be: the data, and what lies around it? */
static void source_check_slot(struct source_slot *slot)
{
	struct source_device *source = slot->source;
	struct iov_iter iter;

	slot->used = false;
	slot->leaked = slot->status == -EIO;
	if (slot->leaked || slot->status == -ENODEV)
		return;
	if (slot->status || !slot->answered) {
		source_wrong(source, "external data ended badly", slot->status);
		return;
	}
	source_iterate(slot, ITER_SOURCE, &iter);
	if (copy_from_iter(slot->data, slot->length, &iter) != slot->length ||
	    !source_data_is_right(slot)) {
		source_wrong(source, "external data is not as it should be",
			     slot->shape);
		return;
	}
	memset(slot->data, SOURCE_GUARD, slot->length);
	source_iterate(slot, ITER_DEST, &iter);
	if (copy_to_iter(slot->data, slot->length, &iter) != slot->length ||
	    !source_guard_is_whole(slot)) {
		source_wrong(source, "something was written beside external data",
			     slot->shape);
		return;
	}
	if (slot->way->command != VMB_SOURCE_IN)
		atomic64_add(slot->length, &source->count.external_out_bytes);
	if (slot->way->command != VMB_SOURCE_OUT)
		atomic64_add(slot->length, &source->count.external_in_bytes);
}

static int source_send_pfns(struct source_slot *slot, u32 flags)
{
	u64 pfns[SOURCE_PAGES];
	u32 i;

	for (i = 0; i < slot->vector_count; i++)
		pfns[i] = (u64)page_to_pfn(slot->pages[i]) <<
			  (PAGE_SHIFT - SOURCE_HOST_PAGE_SHIFT);
	return vmb_packet_send_with_external_pfns(slot->packet, &slot->request,
						  sizeof(slot->request), pfns,
						  slot->vector_count, flags);
}

static int source_send_forced(struct source_slot *slot, u32 flags)
{
	struct bio_vec vector = slot->vectors[0];

	/* The vector says less than what is meant. */
	vector.bv_len = 1;
	flags |= VMB_CHANNEL_FORMAT_FLAG_FORCE_MDL_LENGTH;
	return vmb_packet_send_with_external_mdl(slot->packet, &slot->request,
						 sizeof(slot->request), &vector,
						 1, 0, slot->length, flags);
}

static int source_send_iter(struct source_slot *slot, u32 flags)
{
	unsigned int direction = slot->way->command == VMB_SOURCE_OUT ?
				 ITER_SOURCE : ITER_DEST;
	struct iov_iter iter;

	source_iterate(slot, direction, &iter);
	return vmb_packet_send_with_external_iter(slot->packet, &slot->request,
						  sizeof(slot->request), &iter,
						  flags);
}

static int source_send_slot(struct source_slot *slot)
{
	u32 flags = slot->way->flags |
		    VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION;

	switch (slot->shape) {
	case SOURCE_MDL:
		return vmb_packet_send_with_external_mdl(slot->packet,
							 &slot->request,
							 sizeof(slot->request),
							 slot->vectors,
							 slot->vector_count,
							 slot->offset,
							 slot->length, flags);
	case SOURCE_FORCE:
		return source_send_forced(slot, flags);
	case SOURCE_PFNS:
		return source_send_pfns(slot, flags);
	case SOURCE_ITER:
		return source_send_iter(slot, flags);
	default:
		return vmb_packet_send(slot->packet, &slot->request,
				       sizeof(slot->request), slot->vectors,
				       slot->vector_count, flags);
	}
}

/* Wait for the slot's last packet, look at it, and send the next one. */
int source_slots_send(struct source_slots *slots, u32 number)
{
	struct source_slot *slot = &slots->slots[number % SOURCE_SLOTS];
	u32 kind = number % (SOURCE_SHAPES * ARRAY_SIZE(source_ways));
	int ret;

	wait_for_completion(&slot->ended);
	if (slot->used)
		source_check_slot(slot);
	slot->number = number;
	slot->shape = kind % SOURCE_SHAPES;
	slot->way = &source_ways[kind / SOURCE_SHAPES];
	source_make_shape(slots, slot);
	source_make_request(&slot->request, slot->way->command, 0, number, 0);
	source_put_data(slot);
	/* Before the send: it may have ended when the send returns. */
	slot->used = true;
	atomic_set(&slot->in_flight, 1);
	ret = source_send_slot(slot);
	if (!ret) {
		atomic64_inc(&slots->source->count.externals);
		return 0;
	}
	/* Refused: the routine was not, and will not be, called. */
	slot->used = false;
	if (atomic_cmpxchg(&slot->in_flight, 1, 0) != 1)
		atomic64_inc(&slots->source->count.duplicated);
	else
		complete(&slot->ended);
	return ret;
}

static void source_slot_free(struct source_slot *slot)
{
	u32 i;

	if (slot->packet)
		vmb_packet_free(slot->packet);
	vfree(slot->data);
	/* Memory that the peer may still write to is never freed. */
	if (slot->leaked) {
		atomic64_add(SOURCE_PAGES + (1 << SOURCE_BLOCK_ORDER),
			     &slot->source->count.leaked);
		return;
	}
	for (i = 0; i < SOURCE_PAGES; i++)
		if (slot->pages[i])
			__free_page(slot->pages[i]);
	if (slot->block)
		__free_pages(slot->block, SOURCE_BLOCK_ORDER);
}

/* Wait for all of them, look at the results, and free everything. */
void source_slots_destroy(struct source_slots *slots)
{
	u32 i;

	for (i = 0; i < SOURCE_SLOTS; i++) {
		struct source_slot *slot = &slots->slots[i];

		/* Complete from the start; not so where there was no memory. */
		if (slot->packet)
			wait_for_completion(&slot->ended);
		if (slot->used)
			source_check_slot(slot);
		source_slot_free(slot);
	}
	kvfree(slots);
}

static int source_slot_allocate(struct source_slot *slot)
{
	u32 i;

	/* The newest first: so that a chain is not in one piece by chance. */
	for (i = SOURCE_PAGES; i--;) {
		slot->pages[i] = alloc_page(GFP_KERNEL);
		if (!slot->pages[i])
			return -ENOMEM;
	}
	slot->block = alloc_pages(GFP_KERNEL, SOURCE_BLOCK_ORDER);
	slot->data = vmalloc(VMB_SOURCE_MAXIMUM_EXTERNAL_SIZE);
	if (!slot->block || !slot->data)
		return -ENOMEM;
	slot->packet = vmb_packet_allocate(slot->source->channel);
	if (!slot->packet)
		return -ENOMEM;
	vmb_packet_set_completion_routine(slot->packet, slot, source_slot_ended);
	init_completion(&slot->ended);
	complete(&slot->ended);
	return 0;
}

/* NULL: no memory. */
struct source_slots *source_slots_create(struct source_device *source)
{
	struct source_slots *slots;
	u32 i;

	slots = kvzalloc(sizeof(*slots), GFP_KERNEL);
	if (!slots)
		return NULL;
	slots->source = source;
	prandom_seed_state(&slots->random, 1);
	for (i = 0; i < SOURCE_SLOTS; i++) {
		slots->slots[i].source = source;
		if (source_slot_allocate(&slots->slots[i])) {
			source_slots_destroy(slots);
			return NULL;
		}
	}
	return slots;
}
