// SPDX-License-Identifier: GPL-2.0
/*
 * What the client of a hostile peer sends: every kind of packet, again and again, each
 * of which has to end once, whatever the peer makes of it.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/uio.h>

#include "../fixtures/external_fixture.h"
#include "hostile.h"

#define WAIT	VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION

/* It has ended: once, with what it may end with, and with nothing but its own answer. */
static void slot_ended(struct vmb_packet *packet, void *context, int status,
		       const void *buffer, u32 length)
{
	struct hostile_slot *slot = context;
	struct hostile *hostile = slot->hostile;
	bool wild = hostile->peer.wild, waits = slot->waits;
	u8 id = packet->transaction_id;

	HOSTILE_CHECK(hostile, packet == slot->packet);
	HOSTILE_CHECK(hostile, !buffer == !length && length % 8 == 0);
	HOSTILE_CHECK(hostile, !length || (waits && !status));
	HOSTILE_CHECK(hostile, length <= max(hostile->channel->inbound.reader.maximum_payload,
					     hostile->channel->inbound.reader.overlong_size));
	HOSTILE_CHECK(hostile, !status || status == -ENODEV || (status == -EPROTO && waits));
	if (length && !wild)
		HOSTILE_CHECK(hostile, ring_image_is_filled(buffer, id, length));
	/* From here on it may be sent again. */
	HOSTILE_CHECK(hostile, atomic_dec_return_release(&slot->in_flight) == 0);
}

static struct page *sent_page(struct hostile *hostile, u32 which)
{
	return vmalloc_to_page(hostile->client.pages.buffer[HOSTILE_SENT] +
			       which % HOSTILE_PAGES * PAGE_SIZE);
}

/* A vector or more of memory that may be sent; returns how many. */
u32 hostile_vectors(struct hostile *hostile, struct hostile_random *random,
		    struct bio_vec *vectors)
{
	u32 count = 1 + hostile_below(random, min(hostile->channel->external.chain, 2u));
	u32 i;

	for (i = 0; i < count; i++) {
		u32 offset = hostile_below(random, PAGE_SIZE);
		u32 most = min_t(u32, PAGE_SIZE - offset, 4096);

		vectors[i] = (struct bio_vec) {
			.bv_page = sent_page(hostile, hostile_random(random)),
			.bv_offset = offset,
			.bv_len = 1 + hostile_below(random, most),
		};
	}
	return count;
}

static int send_external(struct hostile *hostile, struct hostile_slot *slot,
			 const void *payload, u32 length)
{
	static const u32 directions[] = {
		0, 0, VMB_CHANNEL_FORMAT_FLAG_DATA_IN_ONLY, VMB_CHANNEL_FORMAT_FLAG_DATA_OUT_ONLY,
	};
	struct hostile_random *random = &hostile->client.actor_random;
	u32 flags = WAIT | directions[hostile_below(random, ARRAY_SIZE(directions))];
	struct bio_vec vectors[2];
	struct iov_iter iter;
	u64 frames[1];
	u32 count, bytes = 0, i;

	count = hostile_vectors(hostile, random, vectors);
	for (i = 0; i < count; i++)
		bytes += vectors[i].bv_len;
	switch (hostile_below(random, 4)) {
	case 0:
		return vmb_packet_send(slot->packet, payload, length, vectors, count, flags);
	case 1:
		return vmb_packet_send_with_external_mdl(slot->packet, payload, length, vectors,
							 count, 0, vectors[0].bv_len, flags);
	case 2:
		iov_iter_bvec(&iter, ITER_SOURCE, vectors, count, bytes);
		return vmb_packet_send_with_external_iter(slot->packet, payload, length, &iter,
							  flags);
	default:
		frames[0] = (u64)page_to_pfn(sent_page(hostile, hostile_random(random))) *
			    (PAGE_SIZE / 4096);
		return vmb_packet_send_with_external_pfns(slot->packet, payload, length, frames,
							  1, flags);
	}
}

/* A packet that no channel takes: the answer is at once, and the routine never called. */
static void send_wrong(struct hostile *hostile, struct hostile_slot *slot, u8 *payload)
{
	int ret;

	if (hostile_chance(&hostile->client.actor_random, 2))
		ret = vmb_packet_send(slot->packet, payload, hostile->maximum + 1, NULL, 0, WAIT);
	else
		ret = vmb_packet_send(slot->packet, payload, 8, NULL, 0, 0x40);
	HOSTILE_CHECK(hostile, ret == -EMSGSIZE || ret == -EINVAL || ret == -ENODEV);
	HOSTILE_CHECK(hostile, atomic_dec_return(&slot->in_flight) == 0);
}

static void send_one(struct hostile *hostile)
{
	struct hostile_client *client = &hostile->client;
	struct hostile_random *random = &client->actor_random;
	struct hostile_slot *slot = &client->slots[hostile_below(random, HOSTILE_SLOTS)];
	u8 *payload = client->answers[1];
	u32 length;
	int ret;

	if (atomic_read_acquire(&slot->in_flight))
		return;
	length = hostile_chance(random, 6) ? hostile_below(random, hostile->maximum + 1) :
		 hostile_below(random, min(hostile->maximum, 40u) + 1);
	ring_image_fill(payload, hostile_random(random), hostile->maximum + 1);
	atomic_set(&slot->in_flight, 1);
	if (hostile_chance(random, 40)) {
		send_wrong(hostile, slot, payload);
		return;
	}
	slot->waits = hostile_below(random, 4);
	if (slot->waits && hostile_chance(random, 4))
		ret = send_external(hostile, slot, payload, length);
	else
		ret = vmb_packet_send(slot->packet, payload, length, NULL, 0,
				      slot->waits ? WAIT : 0);
	if (!ret)
		return;
	/* It is disabled, or is about to be. */
	HOSTILE_CHECK(hostile, ret == -ENODEV);
	HOSTILE_CHECK(hostile, atomic_dec_return(&slot->in_flight) == 0);
}

bool hostile_slots_are_idle(struct hostile *hostile)
{
	u32 i;

	for (i = 0; i < HOSTILE_SLOTS; i++)
		if (atomic_read_acquire(&hostile->client.slots[i].in_flight))
			return false;
	return true;
}

/* Sends and completes, until it is told to do the second only. */
int hostile_actor_work(void *data)
{
	struct hostile *hostile = data;
	struct hostile_client *client = &hostile->client;
	struct hostile_random *random = &client->actor_random;

	while (!kthread_should_stop()) {
		bool quiet = READ_ONCE(client->quiet);
		u32 i;

		/* Pairs with who waits for it. */
		smp_store_release(&client->actor_idle, quiet);
		for (i = hostile_below(random, 8); !quiet && i; i--)
			send_one(hostile);
		for (i = hostile_below(random, 8); i; i--)
			hostile_complete_one(hostile, random);
		if (quiet || hostile_chance(random, 16))
			usleep_range(20, 60);
		else
			cond_resched();
	}
	return 0;
}

int hostile_slots_init(struct hostile *hostile)
{
	u32 i;

	for (i = 0; i < HOSTILE_SLOTS; i++) {
		struct hostile_slot *slot = &hostile->client.slots[i];

		slot->hostile = hostile;
		slot->packet = vmb_packet_allocate(hostile->channel);
		if (!slot->packet)
			return -ENOMEM;
		vmb_packet_set_completion_routine(slot->packet, slot, slot_ended);
	}
	return 0;
}

void hostile_slots_exit(struct hostile *hostile)
{
	u32 i;

	for (i = 0; i < HOSTILE_SLOTS; i++)
		if (hostile->client.slots[i].packet)
			vmb_packet_free(hostile->client.slots[i].packet);
}
