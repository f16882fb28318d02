// SPDX-License-Identifier: GPL-2.0
/*
 * The hostile peer: what it does next. See hostile.h.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/sched.h>

#include "../fixtures/channel_fixture.h"
#include "hostile.h"

/* So many times a word changes while the library may be reading it. */
#define HOSTILE_FLIPS	200u

static void hostile_ring(struct hostile *hostile)
{
	hostile->world->ring(hostile);
}

static void hostile_publish(struct hostile_peer *peer)
{
	peer_set(&peer->inbound, RING_IMAGE_WRITE_INDEX, peer->write_at);
}

/* The rings of a life that begins. */
void hostile_peer_attach(struct hostile *hostile, const struct vmb_ring *inbound,
			 const struct vmb_ring *outbound)
{
	struct hostile_peer *peer = &hostile->peer;

	mutex_lock(&peer->lock);
	peer->inbound.control = (u8 *)inbound->control;
	peer->inbound.data = inbound->data;
	peer->inbound.size = inbound->size;
	peer->outbound.control = (u8 *)outbound->control;
	peer->outbound.data = outbound->data;
	peer->outbound.size = outbound->size;
	peer->write_at = 0;
	peer->read_at = 0;
	peer->read_told = 0;
	peer->finish = false;
	peer->fault = VMB_REFUSAL_NONE;
	peer->broken = false;
	peer->quiet = 0;
	peer->due_written = 0;
	peer->due_read = 0;
	memset(peer->wanted, 0, sizeof(peer->wanted));
	peer->wanted_count = 0;
	peer->answer_count = 0;
	memset(peer->expected, 0, sizeof(peer->expected));
	peer->completions_expected = 0;
	peer->attached = true;
	mutex_unlock(&peer->lock);
}

/* When this returns the peer touches nothing of them any more. */
void hostile_peer_detach(struct hostile *hostile)
{
	mutex_lock(&hostile->peer.lock);
	hostile->peer.attached = false;
	mutex_unlock(&hostile->peer.lock);
}

/* How it behaves for a while. */
static void hostile_behave(struct hostile *hostile)
{
	static const u32 paces[] = { 0, 1, 1, 2, 7, 30 };
	struct hostile_peer *peer = &hostile->peer;
	struct hostile_random *random = &peer->random;

	peer->quiet = 20 + hostile_below(random, 200);
	peer->pace = paces[hostile_below(random, ARRAY_SIZE(paces))];
	peer->floods = hostile_chance(random, 3);
	peer->storms = hostile_chance(random, 4);
	peer_set(&peer->outbound, RING_IMAGE_INTERRUPT_MASK, hostile_below(random, 2));
	peer_set(&peer->inbound, RING_IMAGE_PENDING_SEND_SIZE,
		 hostile_chance(random, 2) ? 0 : hostile_random(random) >>
		 hostile_below(random, 32));
}

/* A word of a control page, which may be the library's own. */
static void hostile_scribble_control(struct hostile_peer *peer)
{
	static const enum ring_image_field fields[] = {
		RING_IMAGE_WRITE_INDEX, RING_IMAGE_READ_INDEX, RING_IMAGE_INTERRUPT_MASK,
		RING_IMAGE_PENDING_SEND_SIZE, RING_IMAGE_FEATURE_BITS, 16,
	};
	struct hostile_random *random = &peer->random;
	struct ring_image *ring = hostile_chance(random, 2) ? &peer->inbound : &peer->outbound;
	u32 value = hostile_random(random) >> hostile_below(random, 32);

	if (hostile_chance(random, 2))
		value = round_down(value % ring->size, 8);
	peer_set(ring, fields[hostile_below(random, ARRAY_SIZE(fields))], value);
	if (hostile_chance(random, 2))
		peer->write_at = round_down(value % peer->inbound.size, 8);
}

/* Words anywhere in what packets lie in. */
static void hostile_scribble_data(struct hostile_peer *peer)
{
	struct hostile_random *random = &peer->random;
	struct ring_image *ring = hostile_chance(random, 3) ? &peer->outbound : &peer->inbound;
	u32 words = 1 + hostile_below(random, 16);

	while (words--)
		WRITE_ONCE(*(u64 *)(ring->data + 8 * hostile_below(random, ring->size / 8)),
			   hostile_random64(random));
}

/* The first word of a packet is now this and now that, while it is read. */
static void hostile_flip(struct hostile *hostile)
{
	struct hostile_peer *peer = &hostile->peer;
	struct hostile_random *random = &peer->random;
	u32 at = peer->write_at, i;
	u64 *head = (u64 *)(peer->inbound.data + at);
	u64 first, second;

	hostile_forge(hostile);
	if (peer->write_at == at)
		return;
	first = READ_ONCE(*head);
	second = first ^ (hostile_random64(random) >> hostile_below(random, 48) &
			  (hostile_chance(random, 2) ? 0x000007ff00000000ull : U64_MAX));
	for (i = 0; i < 20; i++)
		hostile_forge(hostile);
	hostile_publish(peer);
	hostile_ring(hostile);
	for (i = 0; i < HOSTILE_FLIPS; i++) {
		WRITE_ONCE(*head, i % 2 ? first : second);
		cpu_relax();
	}
}

static void hostile_act_wild(struct hostile *hostile)
{
	struct hostile_peer *peer = &hostile->peer;
	struct hostile_random *random = &peer->random;

	switch (hostile_below(random, peer->calm)) {
	case 0:
		hostile_scribble_control(peer);
		break;
	case 1:
		hostile_scribble_data(peer);
		break;
	case 2:
	case 3:
		hostile_flip(hostile);
		break;
	case 4:
		if (hostile->world->withdraw && hostile_chance(random, 8))
			hostile->world->withdraw(hostile);
		break;
	default:
		break;
	}
}

/* Answers, and what is nobody's answer. */
static void hostile_act_answer(struct hostile *hostile)
{
	struct hostile_peer *peer = &hostile->peer;

	if (peer->answer_count && hostile_chance(&peer->random, 2))
		hostile_answer(hostile);
}

static void hostile_act(struct hostile *hostile)
{
	struct hostile_peer *peer = &hostile->peer;
	struct hostile_random *random = &peer->random;
	u32 burst;

	if (!peer->quiet--)
		hostile_behave(hostile);
	burst = peer->floods ? 64 : hostile_below(random, 4);
	while (burst--)
		hostile_forge(hostile);
	hostile_act_answer(hostile);
	if (peer->wild)
		hostile_act_wild(hostile);
	if (!peer->wild || !hostile_chance(random, 32))
		hostile_publish(peer);
	if (peer->pace && hostile_chance(random, peer->pace))
		hostile_read(hostile, 1 + hostile_below(random, 32));
	if (peer->storms || hostile_chance(random, 2))
		hostile_ring(hostile);
}

/* What it owes, until nobody owes anything; and then the fault, if there is to be one. */
static void hostile_act_last(struct hostile *hostile)
{
	struct hostile_peer *peer = &hostile->peer;

	if (peer->broken) {
		hostile_ring(hostile);
		return;
	}
	while (peer->answer_count && hostile_peer_room(peer) >= HOSTILE_ANSWER_ROOM)
		hostile_answer(hostile);
	hostile_publish(peer);
	hostile_read(hostile, 256);
	if (peer->fault != VMB_REFUSAL_NONE) {
		hostile_break(peer);
		peer->broken = true;
	}
	hostile_ring(hostile);
}

/* Has the library read all that was written, and is nobody owed anything? */
bool hostile_peer_is_done(struct hostile *hostile)
{
	struct hostile_peer *peer = &hostile->peer;
	bool done;

	mutex_lock(&peer->lock);
	done = peer->attached && !peer->answer_count && !peer->wanted_count &&
	       peer_get(&peer->inbound, RING_IMAGE_READ_INDEX) == peer->write_at &&
	       peer_get(&peer->outbound, RING_IMAGE_WRITE_INDEX) == peer->read_at;
	mutex_unlock(&peer->lock);
	return done;
}

int hostile_peer_work(void *data)
{
	struct hostile *hostile = data;
	struct hostile_peer *peer = &hostile->peer;

	while (!kthread_should_stop()) {
		bool idle;

		mutex_lock(&peer->lock);
		idle = !peer->attached || peer->finish || (peer->floods && !peer->storms);
		if (peer->attached && peer->finish)
			hostile_act_last(hostile);
		else if (peer->attached)
			hostile_act(hostile);
		mutex_unlock(&peer->lock);
		if (idle)
			usleep_range(20, 60);
		else
			cond_resched();
	}
	return 0;
}
