// SPDX-License-Identifier: GPL-2.0
/*
 * The client of the packets that come in: it completes them at once, later, in
 * any order, twice; and knows what it was given, byte for byte.
 */
#define VMB_FUZZ_PEER
#include "harness.h"

#define CONTEXT_BYTE	0x5c

static u64 sum_of(const u8 *buffer, u32 length)
{
	u64 sum = length;

	while (length--)
		sum = sum * 31 + *buffer++;
	return sum;
}

/* A packet is the client's alone until it is completed. */
static void held_check(const struct end *end, const struct held *held)
{
	u8 *context = vmb_channel_packet_get_client_context(held->packet);
	u32 i;

	FUZZ_CHECK(sum_of(held->buffer, held->length) == held->sum);
	for (i = 0; i < end->channel->client_context_size; i++)
		FUZZ_CHECK(context[i] == CONTEXT_BYTE);
}

static struct held held_take(struct end *end, u32 index)
{
	struct held held = end->held[index];

	FUZZ_CHECK(index < end->held_count);
	held_check(end, &held);
	end->held[index] = end->held[--end->held_count];
	return held;
}

/* Memory for a payload of exactly that size, so that ASan sees its end. */
static u8 *make_answer(const struct end *end, const struct held *held, u32 length)
{
	u8 *answer = malloc(length ? : 1);
	u32 i;

	for (i = 0; i < length; i++)
		answer[i] = pattern(held->sequence + 100, i);
	if (end->fair)
		end->other->sent[held->sequence].answer_length = length;
	return answer;
}

void held_complete(struct end *end, u32 index, u32 length)
{
	struct held held = end->held[index];
	bool in_place = !end->fair && length && length <= held.length && length % 3 == 0;
	u8 *answer;
	bool is_inline = vmb_inbound_is_drain_task(&end->channel->inbound);
	/* Then it ends with an empty one, and nothing of the payload is read. */
	bool too_long = length > end->channel->maximum_packet_size;
	int ret;

	if (held.packet == end->fetching)
		return;
	held_take(end, index);
	answer = in_place ? held.buffer : make_answer(end, &held, too_long ? 0 : length);
	if (end->fair)
		end->other->sent[held.sequence].answer_begun = ++end->stamp;
	/*
	 * Counted before, since others may look before the call returns. If the VM has
	 * hibernated since, nobody waits for it any more.
	 */
	end->answers_due += held.packet->wire.flags & VMB_WIRE_FLAG_COMPLETION_REQUESTED;
	ret = vmb_channel_packet_complete(held.packet, answer, length);
	FUZZ_CHECK(ret == (too_long ? -EMSGSIZE : 0) || ret == -ENODEV);
	if (ret == -EMSGSIZE)
		reached(OUTCOME_completed_too_long);
	else if (ret)
		reached(OUTCOME_completed_no_channel);
	else
		reached(is_inline ? OUTCOME_completed_inline :
				    OUTCOME_completed_later);
	if (!in_place)
		free(answer);
	if (end->fair && held.waits)
		end->other->sent[held.sequence].answer_done = ++end->stamp;
}

void held_fail(struct end *end, u32 index)
{
	if (end->held[index].packet == end->fetching)
		return;
	reached(OUTCOME_packet_failed);
	vmb_channel_packet_fail(held_take(end, index).packet);
}

/* What one must not do: it is told, and the packet ends once. */
void held_misuse(struct end *end, u32 index)
{
	struct held *held = &end->held[index];
	struct vmb_packet_completion *packet = held->packet;
	u32 too_long = end->channel->maximum_packet_size + 1;

	if (packet == end->fetching)
		return;
	if (!end->in_callback) {
		kernel_warnings_announced++;
		vmb_channel_packet_defer_to_passive(packet);
	}
	held_complete(end, index, too_long);
	/* Nobody else uses the object before this one is completed twice. */
	if (!end->in_callback || end->fair)
		return;
	kernel_warnings_announced++;
	FUZZ_CHECK(vmb_channel_packet_complete(packet, NULL, 0) == -EALREADY);
	reached(OUTCOME_completed_twice);
	kernel_warnings_announced++;
	vmb_channel_packet_fail(packet);
}

void held_complete_all(struct end *end)
{
	while (end->held_count)
		held_complete(end, 0, 0);
}

/* Memory that was shared, as end_share() has made it, has this page. */
static bool has_page(const struct vmb_gpadl *gpadl, const struct page *page)
{
	u32 i;

	for (i = 0; i < gpadl->page_count; i++)
		if (gpadl->pages[i] == page)
			return true;
	return false;
}

static void check_page(struct end *end, const struct vmb_gpadl *owner, struct page *page)
{
	/* Also that the page is one. */
	page_address(page)[0] ^= 0;
	FUZZ_CHECK(!owner || has_page(owner, page));
	if (owner)
		return;
	FUZZ_CHECK(end->channel->raw_guest_memory);
	FUZZ_CHECK(!page->reserved);
	FUZZ_CHECK(page->references > 1);
	reached(OUTCOME_external_given_raw);
}

/* External data lies in what was shared, and nowhere else. */
static void check_vectors(struct end *end, struct vmb_packet_completion *packet,
			  const struct bio_vec *vectors, u32 count, bool writes)
{
	struct iov_iter iter;
	u64 bytes = 0;
	u32 i, k;

	FUZZ_CHECK(count);
	for (i = 0; i < count; i++) {
		const struct vmb_gpadl *owner = packet->owners[i];

		FUZZ_CHECK(vectors[i].bv_len && vectors[i].bv_offset < PAGE_SIZE);
		FUZZ_CHECK(!owner || !owner->read_only || !writes);
		for (k = 0; k * PAGE_SIZE < vectors[i].bv_offset + vectors[i].bv_len; k++)
			check_page(end, owner, vectors[i].bv_page + k);
		bytes += vectors[i].bv_len;
	}
	FUZZ_CHECK(bytes <= end->channel->external.bytes);
	FUZZ_CHECK(!vmb_channel_packet_get_external_data_iter(packet, ITER_SOURCE,
							      &iter));
	FUZZ_CHECK(iter.count == bytes && iter.nr_segs == count);
	FUZZ_CHECK(vmb_channel_packet_get_external_data_iter(packet, ITER_DEST, &iter) ==
		   0 || !writes);
	reached(packet->wire.type == VMB_WIRE_TYPE_DATA_TRANSFER_PAGES ?
		OUTCOME_external_given_set : OUTCOME_external_given);
}

/* The peer of a fair pair gets the very memory that was sent. */
static void check_fair_vectors(struct end *end, const struct held *held,
			       const struct bio_vec *vectors, u32 count)
{
	struct sent *sent = &end->other->sent[held->sequence];
	struct pieces pieces = {};
	u32 i;

	for (i = 0; i < count; i++)
		pieces_add(&pieces, ((u64)page_to_pfn(vectors[i].bv_page) << PAGE_SHIFT) +
			   vectors[i].bv_offset, vectors[i].bv_len);
	FUZZ_CHECK(pieces_are_equal(&pieces, &sent->pieces));
	reached(OUTCOME_fair_external_crossed);
}

/* False: it is still being shared; in its own callback the packet is the channel's again. */
bool held_fetch(struct end *end, u32 index)
{
	const struct held held = end->held[index];
	struct vmb_packet_completion *packet = held.packet;
	bool read_only = held.sum & 1;
	const struct bio_vec *vectors;
	struct iov_iter iter;
	u32 count;
	int ret;

	/* One thread at a time. */
	if (end->fetching)
		return true;
	end->fetching = packet;
	ret = vmb_channel_packet_get_external_data(packet, read_only ?
						   VMB_CHANNEL_PACKET_EXTERNAL_DATA_FLAG_READ_ONLY : 0,
						   &vectors, &count);
	switch (ret) {
	case 0:
		if (end->fair)
			check_fair_vectors(end, &held, vectors, count);
		else
			check_vectors(end, packet, vectors, count, !read_only);
		break;
	case -EINVAL:
		FUZZ_CHECK(packet->wire.type == VMB_WIRE_TYPE_DATA_INBAND);
		FUZZ_CHECK(vmb_channel_packet_get_external_data_iter(packet, ITER_SOURCE,
								      &iter) == -EINVAL);
		break;
	case -EINPROGRESS:
		reached(OUTCOME_external_pending);
		break;
	case -EACCES:
		reached(OUTCOME_external_not_shared);
		break;
	case -ENOENT:
		reached(OUTCOME_external_set_unknown);
		break;
	case -ERANGE:
		reached(OUTCOME_external_beyond_set);
		break;
	case -EROFS:
		FUZZ_CHECK(!read_only);
		reached(OUTCOME_external_read_only);
		break;
	default:
		FUZZ_CHECK(!"an errno that external data does not have");
	}
	/* Nobody knows of such flags. */
	FUZZ_CHECK(vmb_channel_packet_get_external_data(packet, U32_MAX, &vectors,
							&count) == -EINVAL);
	FUZZ_CHECK(!end->fair || !ret || ret == -EINVAL);
	end->fetching = NULL;
	return ret != -EINPROGRESS;
}

/* In the order in which it was sent, as it was sent. */
static void check_fair(struct end *end, struct held *held)
{
	struct end *other = end->other;
	struct sent *sent;
	u32 i;

	FUZZ_CHECK(held->length >= 8);
	memcpy(&held->sequence, held->buffer, sizeof(held->sequence));
	FUZZ_CHECK(held->sequence < other->sequence);
	sent = &other->sent[held->sequence];
	FUZZ_CHECK(sent->accepted && !sent->delivered);
	FUZZ_CHECK(held->length == round_up(sent->length, 8));
	for (i = 4; i < sent->length; i++)
		FUZZ_CHECK(held->buffer[i] == pattern(held->sequence, i));
	for (; i < held->length; i++)
		FUZZ_CHECK(!held->buffer[i]);
	sent->delivered = true;
	check_order(other, sent->begun, false);
	reached(OUTCOME_fair_crossed);
}

/* It is delivered again, by a worker, before any other. */
static void held_defer(struct end *end, u32 index)
{
	const struct held held = held_take(end, index);

	if (end->fair)
		end->other->sent[held.sequence].delivered = false;
	end->deferred = held.packet;
	vmb_channel_packet_defer_to_passive(held.packet);
	reached(OUTCOME_packet_deferred);
}

/* What another processor has completed meanwhile, if it has. */
static void defer_completed(struct end *end, struct vmb_packet_completion *packet)
{
	u32 i;

	for (i = 0; i < end->held_count; i++)
		if (end->held[i].packet == packet)
			return;
	if (!end->misuses)
		return;
	kernel_warnings_announced++;
	vmb_channel_packet_defer_to_passive(packet);
}

void process_packet(struct vmb_channel *channel, void *context,
		    struct vmb_packet_completion *packet, void *buffer,
		    u32 length, u32 flags)
{
	struct end *end = context;
	struct held *held = &end->held[end->held_count];
	u8 *scratch = vmb_channel_packet_get_client_context(packet);
	struct vmb_packet_completion *again;
	u32 index = end->held_count, i;
	u8 act;

	FUZZ_CHECK(channel == end->channel && end->running && !end->in_callback);
	end->processed++;
	FUZZ_CHECK((uintptr_t)buffer % 8 == 0);
	FUZZ_CHECK(length % 8 == 0 || end->is_pipe);
	if (end->is_pipe)
		reached(OUTCOME_message_in);
	FUZZ_CHECK(length <= round_up(channel->maximum_packet_size, 8));
	FUZZ_CHECK(!!flags == (packet->wire.type != VMB_WIRE_TYPE_DATA_INBAND));
	FUZZ_CHECK(end->held_count < HELD);
	for (i = 0; i < end->held_count; i++)
		FUZZ_CHECK(end->held[i].packet != packet);
	/* One that was deferred comes next, and is as it was. */
	again = end->deferred;
	FUZZ_CHECK(!again || again == packet);
	end->deferred = NULL;
	for (i = 0; i < channel->client_context_size; i++) {
		FUZZ_CHECK(scratch[i] == (again ? CONTEXT_BYTE : 0));
		scratch[i] = CONTEXT_BYTE;
	}
	*held = (struct held) {
		.packet = packet,
		.buffer = buffer,
		.length = length,
		.waits = packet->wire.flags & VMB_WIRE_FLAG_COMPLETION_REQUESTED,
	};
	if (end->fair)
		check_fair(end, held);
	/* The buffer is the client's to write to. */
	for (i = 0; !end->fair && i < length; i += 64)
		held->buffer[i]++;
	held->sum = sum_of(buffer, length);
	end->held_count++;
	end->in_callback = true;
	act = take();
	if (flags && act & 0x40 && !held_fetch(end, index)) {
		/* It is called for it again. */
		held_take(end, index);
		end->deferred = packet;
		goto out;
	}
	kernel_others();
	/* Others may have completed it by now, or any. */
	index = end->held_count - 1;
	if (!end->held_count || end->held[index].packet != packet) {
		defer_completed(end, packet);
		goto out;
	}
	switch (act & 7) {
	case 0:
	case 1:
		held_complete(end, index, act >> 3 & 7);
		break;
	case 2:
		held_complete(end, index, channel->maximum_packet_size);
		break;
	case 3:
		held_misuse(end, index);
		break;
	case 4:
		if (act == 0x84 && !end->fair)
			held_fail(end, index);
		break;
	case 5:
		slot_send(&end->slots[(act >> 3) % SLOTS], end->fair);
		break;
	case 6:
		if (act & 0x80 && !end->fetching)
			held_defer(end, index);
		break;
	default:
		break;
	}
out:
	end->in_callback = false;
}
