// SPDX-License-Identifier: GPL-2.0
/*
 * The client of a hostile peer: what it does with the packets that come in, and what
 * has to be so each time. It completes at once or later, defers, asks for external
 * data and writes to it.
 */
#include <linux/jhash.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "hostile.h"

/* What its scratch area is filled with, behind what the packet is known to have. */
#define CONTEXT_FILL	0xc7

static u32 sum_of(const void *buffer, u32 length)
{
	return jhash(buffer, length, 0x600d);
}

/* In front of what is filled stands which external data the packet has. */
static void check_context(struct hostile *hostile, struct vmb_packet_completion *packet)
{
	const u8 *context = vmb_channel_packet_get_client_context(packet);

	HOSTILE_CHECK(hostile, !memchr_inv(context + 1, CONTEXT_FILL, HOSTILE_CONTEXT - 1));
}

/* It comes for the first time: it has to be the next one that was written. */
static void check_first(struct hostile *hostile, struct vmb_packet_completion *packet,
			const void *buffer, u32 length)
{
	u8 *context = vmb_channel_packet_get_client_context(packet);
	struct hostile_peer *peer = &hostile->peer;
	const struct hostile_due *due;

	HOSTILE_CHECK(hostile, !memchr_inv(context, 0, HOSTILE_CONTEXT));
	memset(context, CONTEXT_FILL, HOSTILE_CONTEXT);
	context[0] = HOSTILE_DATA_NONE;
	if (peer->wild)
		return;
	/* Pairs with who writes what is due, before it is published. */
	if (smp_load_acquire(&peer->due_written) == peer->due_read) {
		HOSTILE_CHECK(hostile, !"a packet that nobody wrote");
		return;
	}
	due = &peer->due[peer->due_read % HOSTILE_DUE];
	context[0] = due->data;
	HOSTILE_CHECK(hostile, due->id == packet->wire.transaction_id);
	HOSTILE_CHECK(hostile, due->length == length);
	HOSTILE_CHECK(hostile, ring_image_is_filled(buffer, due->id, length));
	/* Pairs with who writes another in its place. */
	smp_store_release(&peer->due_read, peer->due_read + 1);
}

/* Is this page of what the packet may name, as far as that is known? */
static bool may_have(struct hostile *hostile, enum hostile_data data, const struct page *page)
{
	const struct hostile_pages *pages = &hostile->client.pages;

	switch (data) {
	case HOSTILE_DATA_OURS:
	case HOSTILE_DATA_SET:
		return hostile_pages_have(pages, HOSTILE_STABLE, page);
	case HOSTILE_DATA_READ_ONLY:
		return hostile_pages_have(pages, HOSTILE_READ_ONLY, page);
	case HOSTILE_DATA_CHANGING:
		return hostile_pages_have(pages, HOSTILE_CHANGING, page);
	case HOSTILE_DATA_NONE:
		/* A wild peer's. */
		return hostile_pages_have(pages, HOSTILE_STABLE, page) ||
		       hostile_pages_have(pages, HOSTILE_READ_ONLY, page) ||
		       hostile_pages_have(pages, HOSTILE_CHANGING, page);
	default:
		return false;
	}
}

static void check_vectors(struct hostile *hostile, const struct hostile_held *held,
			  enum hostile_data data)
{
	u32 i, k;

	HOSTILE_CHECK(hostile, held->vector_count);
	for (i = 0; i < held->vector_count; i++) {
		const struct bio_vec *vector = &held->vectors[i];
		u32 end = vector->bv_offset + vector->bv_len;

		HOSTILE_CHECK(hostile, vector->bv_len && vector->bv_offset < PAGE_SIZE);
		for (k = 0; k * PAGE_SIZE < end; k++)
			HOSTILE_CHECK(hostile, may_have(hostile, data, vector->bv_page + k));
	}
}

static void note_refused(struct hostile *hostile, enum hostile_data data,
			 enum vmb_refusal refusal)
{
	static const enum vmb_refusal right[] = {
		[HOSTILE_DATA_FOREIGN] = VMB_REFUSAL_PAGE_NOT_SHARED,
		[HOSTILE_DATA_CHANGING] = VMB_REFUSAL_PAGE_NOT_SHARED,
		[HOSTILE_DATA_NO_SET] = VMB_REFUSAL_TRANSFER_SET_UNKNOWN,
		[HOSTILE_DATA_BEYOND] = VMB_REFUSAL_TRANSFER_RANGE_BEYOND_SET,
	};

	HOSTILE_CHECK(hostile, hostile->peer.wild || right[data] == refusal);
	atomic64_inc(&hostile->client.refused[refusal]);
}

/* Ask for external data. False: the packet comes again. */
static bool fetch(struct hostile *hostile, struct hostile_held *held,
		  struct hostile_random *random)
{
	const u8 *context = vmb_channel_packet_get_client_context(held->packet);
	enum hostile_data data = context[0];
	bool write = hostile_chance(random, 2);
	bool trusted = hostile->trusts &&
		       held->packet->wire.type == VMB_WIRE_TYPE_DATA_GPA_DIRECT;
	int ret;

	held->asked = true;
	ret = vmb_channel_packet_get_external_data(held->packet, write ? 0 :
						   VMB_CHANNEL_PACKET_EXTERNAL_DATA_FLAG_READ_ONLY,
						   &held->vectors, &held->vector_count);
	switch (ret) {
	case 0:
		/* It may be anywhere: that is what trust is. */
		if (trusted) {
			held->vectors = NULL;
			break;
		}
		held->writable = write;
		HOSTILE_CHECK(hostile, !write || data != HOSTILE_DATA_READ_ONLY);
		check_vectors(hostile, held, data);
		break;
	case -EROFS:
		HOSTILE_CHECK(hostile, write && (data == HOSTILE_DATA_READ_ONLY ||
						 hostile->peer.wild));
		break;
	case -EINPROGRESS:
		HOSTILE_CHECK(hostile, data == HOSTILE_DATA_CHANGING || hostile->peer.wild);
		return false;
	case -EACCES:
		note_refused(hostile, data, VMB_REFUSAL_PAGE_NOT_SHARED);
		break;
	case -ENOENT:
		note_refused(hostile, data, VMB_REFUSAL_TRANSFER_SET_UNKNOWN);
		break;
	case -ERANGE:
		note_refused(hostile, data, VMB_REFUSAL_TRANSFER_RANGE_BEYOND_SET);
		break;
	default:
		HOSTILE_CHECK(hostile, !"an errno that external data does not have");
	}
	return true;
}

/* As if the device had read and written there. */
static void touch_vectors(const struct hostile_held *held)
{
	u32 i;

	for (i = 0; held->vectors && i < held->vector_count; i++) {
		const struct bio_vec *vector = &held->vectors[i];
		u8 *memory = page_address(vector->bv_page) + vector->bv_offset;

		if (held->writable) {
			memory[0]++;
			memory[vector->bv_len - 1]++;
		} else {
			(void)READ_ONCE(*memory);
		}
	}
}

/*
 * The client is done with it. @answer: room for the largest completion, and for more
 * than there may be.
 */
static void finish(struct hostile *hostile, struct hostile_held *held, u8 *answer,
		   struct hostile_random *random)
{
	u64 id = held->packet->wire.transaction_id;
	u32 length = hostile_below(random, 4) ? hostile_below(random, 40) :
		     hostile_below(random, hostile->maximum + 2);
	int ret;

	length = min(length, hostile->maximum + 1);
	HOSTILE_CHECK(hostile, sum_of(held->buffer, held->length) == held->sum);
	check_context(hostile, held->packet);
	touch_vectors(held);
	/* It may lie where the packet itself does. */
	if (length <= held->length && hostile_chance(random, 2))
		answer = held->buffer;
	ring_image_fill(answer, id, length);
	ret = vmb_channel_packet_complete(held->packet, answer, length);
	if (length > hostile->maximum)
		HOSTILE_CHECK(hostile, ret == -EMSGSIZE || ret == -ENODEV);
	else
		HOSTILE_CHECK(hostile, !ret || ret == -ENODEV);
}

static bool hold(struct hostile_client *client, const struct hostile_held *held)
{
	bool has_place;

	spin_lock_bh(&client->lock);
	has_place = client->held_count < HOSTILE_HELD;
	if (has_place)
		client->held[client->held_count++] = *held;
	spin_unlock_bh(&client->lock);
	return has_place;
}

static void client_packet(struct vmb_channel *channel, void *context,
			  struct vmb_packet_completion *packet, void *buffer, u32 length,
			  u32 flags)
{
	struct hostile *hostile = context;
	struct hostile_client *client = &hostile->client;
	struct hostile_random *random = &client->random;
	struct hostile_held held = {
		.packet = packet, .buffer = buffer, .length = length,
		.sum = sum_of(buffer, length),
	};

	HOSTILE_CHECK(hostile, length % 8 == 0 && length <= ALIGN(hostile->maximum, 8));
	HOSTILE_CHECK(hostile, IS_ALIGNED((uintptr_t)buffer, 8));
	if (client->again == packet)
		check_context(hostile, packet);
	else
		check_first(hostile, packet, buffer, length);
	HOSTILE_CHECK(hostile, !client->again || client->again == packet);
	client->again = NULL;
	if (client->fails && hostile_chance(random, 512)) {
		vmb_channel_packet_fail(packet);
		return;
	}
	if (hostile_chance(random, 24)) {
		client->again = packet;
		vmb_channel_packet_defer_to_passive(packet);
		return;
	}
	if (flags && hostile_below(random, 4) && !fetch(hostile, &held, random)) {
		client->again = packet;
		return;
	}
	held.external = flags;
	if (!hostile_chance(random, 3) || !hold(client, &held))
		finish(hostile, &held, client->answers[0], random);
}

/* One that is held, if there is one; by the client's thread alone. */
void hostile_complete_one(struct hostile *hostile, struct hostile_random *random)
{
	struct hostile_client *client = &hostile->client;
	struct hostile_held held = {};

	spin_lock_bh(&client->lock);
	if (client->held_count) {
		u32 which = hostile_below(random, client->held_count);

		held = client->held[which];
		client->held[which] = client->held[--client->held_count];
	}
	spin_unlock_bh(&client->lock);
	if (!held.packet)
		return;
	if (held.external && !held.asked && !fetch(hostile, &held, random)) {
		/* Ask again later. */
		held.asked = false;
		if (hold(client, &held))
			return;
	}
	finish(hostile, &held, client->answers[1], random);
}

static int client_opened(struct vmb_channel *channel, void *context)
{
	struct hostile *hostile = context;

	return hostile_share_stable(hostile);
}

static void client_started(struct vmb_channel *channel, void *context)
{
	struct hostile *hostile = context;

	complete(&hostile->started);
}

/* Each object for what comes in is back: free, or in the drain's hand. */
static void check_pool(struct hostile *hostile)
{
	struct vmb_channel *channel = hostile->channel;
	const struct vmb_packet_cache *cache = &channel->inbound.cache;
	u32 back;

	spin_lock_irq(&channel->outbound.lock);
	back = list_count_nodes(&channel->outbound.free) + cache->tail - cache->head;
	HOSTILE_CHECK(hostile, back == channel->pool.count);
	spin_unlock_irq(&channel->outbound.lock);
}

static void client_closed(struct vmb_channel *channel, void *context,
			  enum vmb_channel_stop_reason reason)
{
	struct hostile *hostile = context;

	check_pool(hostile);
	HOSTILE_CHECK(hostile, !hostile->client.held_count);
	/* What was deferred does not come any more. */
	hostile->client.again = NULL;
	hostile_unshare(hostile);
	hostile->closed_reason = reason;
	complete(&hostile->closed);
}

static void client_pnp_failure(struct vmb_channel *channel, int failure)
{
	struct hostile *hostile = vmb_channel_get_pointer(channel);

	hostile->closed_reason = 0;
	complete(&hostile->closed);
}

static int configure(struct hostile *hostile)
{
	static const u32 sizes[] = { 8, 64, 100, 256, 1024 };
	static const u32 counts[] = { 4, 16, 64, 200 };
	struct vmb_channel_state_change_callbacks callbacks;
	struct hostile_random *random = &hostile->random;
	struct vmb_channel *channel = hostile->channel;
	u32 in = 3 + hostile_below(random, 6), out = 3 + hostile_below(random, 6);

	hostile->maximum = sizes[hostile_below(random, ARRAY_SIZE(sizes))];
	vmb_channel_set_pointer(channel, hostile);
	vmb_channel_state_change_callbacks_init(&callbacks);
	callbacks.callback_context = hostile;
	callbacks.opened = client_opened;
	callbacks.started = client_started;
	callbacks.closed = client_closed;
	return vmb_channel_init_set_state_change_callbacks(channel, &callbacks) ?:
	       vmb_channel_init_set_process_packet_callbacks(channel, hostile, client_packet,
							     NULL) ?:
	       vmb_channel_init_set_maximum_packet_size(channel, hostile->maximum) ?:
	       vmb_channel_init_set_maximum_external_data(channel, 4096 *
							  (2 + hostile_below(random, 3)),
							  1 + hostile_below(random, 3)) ?:
	       vmb_channel_init_set_client_context_size(channel, HOSTILE_CONTEXT) ?:
	       vmb_channel_init_set_refusal_completion(channel, HOSTILE_REFUSED,
						       strlen(HOSTILE_REFUSED)) ?:
	       vmb_channel_init_set_maximum_packet_count
			(channel, counts[hostile_below(random, ARRAY_SIZE(counts))]) ?:
	       vmb_client_channel_init_set_ring_buffer_page_count(channel, in, out) ?:
	       vmb_client_channel_init_set_target_pnp(channel, hostile->world->target,
						      NULL, client_pnp_failure);
}

/* What the channel is to be, by the seed; it was made by the world. 0 or an errno. */
int hostile_client_init(struct hostile *hostile)
{
	struct hostile_client *client = &hostile->client;
	u32 i;
	int ret;

	spin_lock_init(&client->lock);
	ret = configure(hostile);
	for (i = 0; !ret && i < ARRAY_SIZE(client->answers); i++) {
		client->answers[i] = kunit_kzalloc(hostile->test, hostile->maximum + 8,
						   GFP_KERNEL);
		if (!client->answers[i])
			ret = -ENOMEM;
	}
	return ret;
}
