// SPDX-License-Identifier: GPL-2.0
/*
 * The client of the packets that go out: each that a send has accepted ends
 * once, and everything that its send was given may go away right after.
 */
#define VMB_FUZZ_PEER
#include "harness.h"

#define WAITS	VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION

/* How it ended. */
static void count_end(const struct slot *slot, int status, u32 length)
{
	switch (status) {
	case 0:
		reached(slot->waits ? OUTCOME_ended_by_completion :
				      OUTCOME_ended_in_ring);
		if (length)
			reached(OUTCOME_ended_with_payload);
		break;
	case -ENODEV:
		reached(OUTCOME_ended_channel_gone);
		break;
	case -EPROTO:
		FUZZ_CHECK(slot->waits && !slot->end->fair);
		reached(OUTCOME_ended_malformed);
		break;
	case -EMSGSIZE:
		reached(OUTCOME_ended_too_large_for_ring);
		break;
	case -ECANCELED:
		FUZZ_CHECK(slot->end->was_saved);
		reached(OUTCOME_ended_handed_over);
		break;
	case -EIO:
		FUZZ_CHECK(slot->external &&
			   (slot->end->close_error || slot->end->stays));
		reached(OUTCOME_ended_leaked);
		break;
	default:
		FUZZ_CHECK(!"a status that no packet ends with");
	}
}

/* The peer may write to it for ever: it is pinned, and stays mapped. */
static void count_leak(struct slot *slot)
{
	struct end *end = slot->end;
	u32 i;

	for (i = 0; i < slot->page_count; i++)
		if (kernel_page_is_counted(slot->pages[i]))
			end->leaked_pins[slot->pages[i]]++;
	if (end->on->dma_device && !end->encrypted)
		end->leaked_mappings++;
}

static void routine(struct vmb_packet *packet, void *context, int status,
		    const void *buffer, u32 length)
{
	struct slot *slot = context;
	struct end *end = slot->end;
	bool waits = slot->waits;
	u32 sequence = slot->sequence, i;
	u8 act;

	FUZZ_CHECK(packet == slot->packet && vmb_packet_get_pointer(packet) == slot);
	FUZZ_CHECK(slot->in_flight && !kernel_is_locked());
	FUZZ_CHECK(end->channel->life.state != VMB_LIFE_DISABLED || end->enabling);
	FUZZ_CHECK(end->is_server || !end->closed_said);
	FUZZ_CHECK(!buffer == !length && length % 8 == 0);
	FUZZ_CHECK(!length || (waits && !status));
	/* It may be longer than a packet, but no longer than the ring holds. */
	FUZZ_CHECK(length <= max(end->channel->inbound.reader.maximum_payload,
				 end->channel->inbound.reader.overlong_size));
	FUZZ_CHECK((uintptr_t)buffer % 8 == 0);
	count_end(slot, status, length);
	/* It was this packet's completion, and not one of an earlier use. */
	if (waits && (!status || status == -EPROTO)) {
		const struct vmb_packet_cache *cache = &end->channel->inbound.cache;
		u64 id = packet->transaction_id;

		/* In a pause, and for want of others, the one in reserve is read into. */
		FUZZ_CHECK(end->channel->pool.reserve->wire.transaction_id == id ||
			   (!vmb_packet_cache_is_empty(cache) &&
			    vmb_packet_cache_first(cache)->wire.transaction_id == id));
	}
	if (status == -EIO)
		count_leak(slot);
	if (end->fair && waits && !status) {
		struct sent *sent = &end->sent[sequence];

		FUZZ_CHECK(sent->delivered && !sent->answered);
		sent->answered = true;
		check_order(end->other, sent->answer_begun, true);
		FUZZ_CHECK(length == round_up(sent->answer_length, 8));
		for (i = 0; i < sent->answer_length; i++)
			FUZZ_CHECK(((u8 *)buffer)[i] == pattern(sequence + 100, i));
		reached(OUTCOME_fair_answered);
	}
	/* It may be read to the last byte. */
	for (i = 0; i < length; i++)
		(void)((const volatile u8 *)buffer)[i];
	slot->in_flight = false;
	end->sends_failed += !!status;
	if (end->sent && status) {
		/* Of a fair pair nothing is lost; the ring may be too small. */
		FUZZ_CHECK(status == -EMSGSIZE);
		end->sent[sequence].accepted = false;
	}
	if (slot->in_send)
		reached(OUTCOME_ended_inside_send);
	act = take();
	if (act >= 0xe0 && !slot->busy) {
		reached(OUTCOME_freed_in_routine);
		slot_free(slot);
	} else if (act >= 0xa0 && !slot->busy) {
		reached(OUTCOME_sent_again_in_routine);
		slot_send(slot, end->fair);
	}
}

void slot_make(struct end *end, u8 how)
{
	struct slot *slot = &end->slots[how % SLOTS];
	u32 size = vmb_channel_sizeof_packet(end->channel);

	if (slot->packet || slot->busy)
		return;
	slot->busy = true;
	if (how & 0x80) {
		slot->memory = malloc(size);
		memset(slot->memory, 0xa5, size);
		FUZZ_CHECK(vmb_packet_initialize(end->channel, slot->memory,
						 size - 1) == -EINVAL);
		FUZZ_CHECK(!vmb_packet_initialize(end->channel, slot->memory, size));
		slot->packet = slot->memory;
		/* It has no routine yet, and is not the library's. */
		FUZZ_CHECK(vmb_packet_send(slot->packet, NULL, 0, NULL, 0, 0) == -EINVAL);
		if (end->misuses) {
			kernel_warnings_announced++;
			vmb_packet_free(slot->packet);
		}
	} else {
		slot->packet = vmb_packet_allocate(end->channel);
		if (!slot->packet) {
			reached(OUTCOME_allocate_refused);
			slot->busy = false;
			return;
		}
	}
	vmb_packet_set_completion_routine(slot->packet, slot, routine);
	vmb_packet_set_pointer(slot->packet, slot);
	FUZZ_CHECK(!vmb_packet_get_inline_packet_context_pointer(slot->packet) ==
		   (slot->memory || !end->channel->inline_packet_context_size));
	FUZZ_CHECK(vmb_packet_get_channel(slot->packet) == end->channel);
	slot->busy = false;
}

void slot_free(struct slot *slot)
{
	struct vmb_packet *packet = slot->packet;

	if (!packet || slot->in_flight || slot->busy)
		return;
	slot->packet = NULL;
	if (slot->memory) {
		/* It needs no undoing; whoever touches it after this is found. */
		slot->memory = NULL;
		free(packet);
	} else {
		vmb_packet_free(packet);
	}
}

void slots_free_all(struct end *end)
{
	u32 i;

	for (i = 0; i < SLOTS; i++) {
		FUZZ_CHECK(!end->slots[i].in_flight);
		slot_free(&end->slots[i]);
	}
}

/* The slot that waits for this completion, or NULL. */
struct slot *slot_of_transaction(struct end *end, u64 id)
{
	u32 i;

	for (i = 0; i < SLOTS; i++) {
		struct slot *slot = &end->slots[i];

		if (slot->packet && slot->in_flight && slot->waits &&
		    slot->packet->transaction_id == id)
			return slot;
	}
	return NULL;
}

/* Memory of some shape, and what its list has to say. */
struct shape {
	struct bio_vec vectors[4];
	u64 pfns[4];
	u32 count;
	u32 offset;
	u32 length;
	u32 flags;
	bool use_pfns;
	bool valid;
};

static void slot_add(struct slot *slot, u64 address, u32 length)
{
	u64 page;

	pieces_add(&slot->pieces, address, length);
	for (page = address >> PAGE_SHIFT;
	     page <= (address + length - 1) >> PAGE_SHIFT; page++) {
		FUZZ_CHECK(slot->page_count < PIECES);
		slot->pages[slot->page_count++] = page - KERNEL_FIRST_FRAME;
	}
}

static void shape_pfns(struct slot *slot, struct shape *shape)
{
	u32 i;

	shape->use_pfns = true;
	shape->valid = true;
	for (i = 0; i < shape->count; i++) {
		u8 page = take() % (KERNEL_PAGES + 1);

		shape->pfns[i] = KERNEL_FIRST_FRAME + page;
		if (page == KERNEL_PAGES)
			shape->valid = false;
		else
			slot_add(slot, shape->pfns[i] << PAGE_SHIFT, PAGE_SIZE);
	}
}

/* The part of the vectors that will be sent. */
static void shape_cut(struct slot *slot, struct shape *shape)
{
	u32 offset = shape->offset, left = shape->length ? : U32_MAX, count = shape->count, i;
	bool force = shape->flags & VMB_CHANNEL_FORMAT_FLAG_FORCE_MDL_LENGTH;

	/* The last is the last that is not empty. */
	while (force && count && !shape->vectors[count - 1].bv_len)
		count--;
	for (i = 0; i < count && left; i++) {
		const struct bio_vec *vector = &shape->vectors[i];
		u64 begin = ((u64)page_to_pfn(vector->bv_page) << PAGE_SHIFT) +
			    vector->bv_offset;
		u32 most = vector->bv_len, length;

		if (force && i == count - 1)
			most = PAGE_ALIGN(vector->bv_offset + most) - vector->bv_offset;
		if (offset >= most) {
			offset -= most;
			continue;
		}
		length = min(most - offset, left);
		if (force && !shape->length)
			return;
		slot_add(slot, begin + offset, length);
		offset = 0;
		left -= length;
	}
	shape->valid = slot->pieces.count && (!shape->length || !left);
}

static void shape_make(struct slot *slot, struct shape *shape, bool plain)
{
	u8 how = take(), bytes;
	u32 i;

	slot->page_count = 0;
	slot->pieces.count = 0;
	shape->count = how % 4 + plain;
	if (shape->count > 3)
		shape->count = 3;
	if (!plain)
		shape->flags = take() & (VMB_CHANNEL_FORMAT_FLAG_FORCE_MDL_LENGTH |
					 VMB_CHANNEL_FORMAT_FLAG_DATA_IN_ONLY |
					 VMB_CHANNEL_FORMAT_FLAG_DATA_OUT_ONLY);
	if (how & 0x80) {
		shape_pfns(slot, shape);
		return;
	}
	for (i = 0; i < shape->count; i++) {
		shape->vectors[i].bv_page = &kernel_pages[take() % (KERNEL_PAGES - 4)];
		/* Some begin in a later page, and some are empty. */
		bytes = take();
		shape->vectors[i].bv_offset = bytes * 16 + (bytes >= 0xf0 ? PAGE_SIZE : 0);
		bytes = take();
		shape->vectors[i].bv_len = bytes == 0xff ? 0 : bytes * 40 + 1;
		if (how & 0x40) {
			/* Whole pages, which go on in one range. */
			shape->vectors[i].bv_offset = 0;
			shape->vectors[i].bv_len = (shape->vectors[i].bv_len / 40 % 2 + 1) *
						   PAGE_SIZE;
		}
	}
	if (!plain) {
		shape->offset = how & 0x20 ? take() * 32 : 0;
		shape->length = how & 0x10 ? take() * 64 : 0;
	}
	shape_cut(slot, shape);
}

static int shape_send(struct slot *slot, const struct shape *shape,
		      const void *buffer, u32 length, u32 flags)
{
	struct iov_iter iter;
	u32 bytes = 0, i;

	if (shape->use_pfns)
		return vmb_packet_send_with_external_pfns(slot->packet, buffer, length,
							  shape->pfns, shape->count,
							  flags);
	if (shape->offset || shape->length ||
	    flags & VMB_CHANNEL_FORMAT_FLAG_FORCE_MDL_LENGTH)
		return vmb_packet_send_with_external_mdl(slot->packet, buffer, length,
							 shape->vectors, shape->count,
							 shape->offset, shape->length,
							 flags);
	for (i = 0; i < shape->count; i++)
		bytes += shape->vectors[i].bv_len;
	if (bytes % 2)
		return vmb_packet_send(slot->packet, buffer, length,
				       shape->vectors, shape->count, flags);
	iov_iter_bvec(&iter, ITER_SOURCE, shape->vectors, shape->count, bytes);
	return vmb_packet_send_with_external_iter(slot->packet, buffer, length,
						  &iter, flags);
}

static void count_send(const struct slot *slot, int ret)
{
	switch (ret) {
	case 0:
		reached(OUTCOME_send_accepted);
		break;
	case -EINVAL:
		reached(OUTCOME_send_invalid);
		break;
	case -EMSGSIZE:
		reached(OUTCOME_send_too_large);
		break;
	case -EAGAIN:
		/* Nobody knows yet whether the host may see the memory. */
		FUZZ_CHECK(slot->end->channel->peer_memory == VMB_PEER_MEMORY_UNKNOWN);
		reached(OUTCOME_send_no_channel);
		break;
	case -ENODEV:
		reached(OUTCOME_send_no_channel);
		break;
	case -ENOMEM:
		FUZZ_CHECK(kernel_fail_mapping);
		reached(OUTCOME_send_not_mapped);
		break;
	case -EOPNOTSUPP:
		FUZZ_CHECK(slot->end->is_server || slot->end->is_pipe);
		reached(slot->end->is_pipe ? OUTCOME_send_pipe_waits :
					     OUTCOME_send_server_external);
		break;
	default:
		FUZZ_CHECK(!"an errno that no send has");
	}
}

/* Would a packet that is sent now be held, and completions overtake it? */
static bool may_be_held(const struct end *end)
{
	const struct vmb_outbound *outbound = &end->channel->outbound;

	return !outbound->sending || !list_empty(&outbound->held) ||
	       outbound->transactions.room <= 0;
}

/* What a packet's number, lengths and memory were, for the other end. */
static void note_sent(struct slot *slot, u32 length)
{
	struct end *end = slot->end;
	struct sent *sent = &end->sent[slot->sequence];

	*sent = (struct sent) {
		.length = length,
		.external = slot->external,
		.begun = ++end->stamp,
		/* It may be delivered before the send returns. */
		.accepted = true,
		.held = may_be_held(end),
		.pieces = slot->pieces,
	};
}

static bool is_allowed(const struct slot *slot, const struct shape *shape,
		       u32 length, u32 flags)
{
	const u32 both = VMB_CHANNEL_FORMAT_FLAG_DATA_IN_ONLY |
			 VMB_CHANNEL_FORMAT_FLAG_DATA_OUT_ONLY;
	u64 bytes = 0;
	u32 i;

	if (flags & ~0x1fu || length > slot->end->channel->maximum_packet_size)
		return false;
	/* A message has neither completion nor memory. */
	if (slot->end->is_pipe && (flags & WAITS || slot->external))
		return false;
	for (i = 0; i < slot->pieces.count; i++)
		bytes += slot->pieces.piece[i].length;
	return !slot->external ||
	       (shape->valid && flags & WAITS && (flags & both) != both &&
		!slot->end->is_server && bytes <= slot->end->channel->external.bytes);
}

/* Only one that is well-formed is to be sent if @plain. */
void slot_send(struct slot *slot, bool plain)
{
	struct end *end = slot->end;
	u32 maximum = end->channel->maximum_packet_size;
	struct shape shape = {};
	u32 flags, length, i;
	bool allowed;
	u8 *buffer;
	u8 how;
	int ret;

	if (!slot->packet || slot->busy || end->sequence == SENT)
		return;
	if (slot->in_flight) {
		if (end->fair || take() % 4)
			return;
		kernel_warnings_announced++;
		FUZZ_CHECK(vmb_packet_send(slot->packet, NULL, 0, NULL, 0, 0) == -EBUSY);
		if (end->misuses) {
			kernel_warnings_announced++;
			vmb_packet_free(slot->packet);
		}
		reached(OUTCOME_send_busy);
		return;
	}
	how = take();
	slot->busy = true;
	slot->in_send = true;
	slot->waits = how & 1;
	slot->external = how & 2;
	if (plain && (end->is_server || !end->channel->external.bytes))
		slot->external = false;
	if (plain && slot->external)
		slot->waits = true;
	length = take() * 4 % (maximum + 1);
	if (how >= 0xf0)
		length = maximum;
	if (end->fair)
		length = max(length, 8u);
	else if (how % 64 == 0x3c)
		length = maximum + 1;
	slot->pieces.count = 0;
	slot->page_count = 0;
	if (slot->external)
		shape_make(slot, &shape, plain);
	flags = (slot->waits ? WAITS : 0) | shape.flags;
	if (how == 0x2c)
		flags |= 0x20;
	slot->sequence = end->sequence++;
	buffer = malloc(length ? : 1);
	for (i = 0; i < length; i++)
		buffer[i] = pattern(slot->sequence, i);
	if (end->fair)
		memcpy(buffer, &slot->sequence, sizeof(slot->sequence));
	if (end->sent)
		note_sent(slot, length);

	allowed = is_allowed(slot, &shape, length, flags);
	/* Until the channel gives it a new one, the old is still in the ring. */
	slot->packet->transaction_id = 0;
	slot->in_flight = true;
	i = slot->sequence;
	if (slot->external)
		ret = shape_send(slot, &shape, buffer, length, flags);
	else
		ret = vmb_packet_send(slot->packet, buffer, length, NULL, 0, flags);
	memset(buffer, 0xee, length);
	free(buffer);
	count_send(slot, ret);
	if (ret) {
		FUZZ_CHECK(slot->in_flight);
		slot->in_flight = false;
	}
	slot->in_send = false;
	slot->busy = false;
	if (end->sent) {
		if (ret)
			end->sent[i].accepted = false;
		end->sent[i].held |= may_be_held(end);
		end->sent[i].done = ++end->stamp;
	}
	FUZZ_CHECK(ret || allowed);
	if (plain && end->channel->outbound.accepting)
		FUZZ_CHECK(!ret || !allowed ||
			   (slot->external && ret == -EMSGSIZE));
	if (!ret && slot->in_flight && slot->packet &&
	    (slot->packet->state == VMB_SEND_HELD))
		reached(end->channel->outbound.sending ? OUTCOME_held_at_the_limit :
							 OUTCOME_held_while_paused);
}

/* Its memory stays, whatever the client does. */
static void check_pinned(const struct slot *slot)
{
	u32 i;

	for (i = 0; i < slot->page_count && slot->external; i++)
		FUZZ_CHECK(kernel_pages[slot->pages[i]].references > 1);
}

void slot_abandon(struct slot *slot, bool recall)
{
	if (!slot->packet || slot->memory || !slot->in_flight || slot->busy ||
	    slot->end->fair)
		return;
	/* What cannot be pinned is given up to a peer that is gone only. */
	if (!slot->end->gone && !vmb_outbound_data_can_be_pinned(slot->packet))
		return;
	slot->busy = true;
	switch (vmb_send_abandon(slot->packet, recall, slot->end->gone)) {
	case VMB_SEND_IDLE:
		reached(OUTCOME_abandoned_unsent);
		slot->end->sends_failed++;
		slot->in_flight = false;
		break;
	case VMB_SEND_SENT:
		reached(OUTCOME_abandoned_sent);
		if (slot->in_flight && vmb_outbound_data_can_be_pinned(slot->packet))
			check_pinned(slot);
		break;
	default:
		reached(OUTCOME_abandoned_too_late);
	}
	slot->busy = false;
}
