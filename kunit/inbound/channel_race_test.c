// SPDX-License-Identifier: GPL-2.0
/*
 * The peer on one CPU, a client that completes on another, rings that are
 * full most of the time: every packet is answered once, and nobody waits for a
 * signal that does not come. The peer signals by the book only.
 */
#include <kunit/test.h>
#include <linux/llist.h>

#include "../fixtures/channel_fixture.h"

/* Fewer where each byte is checked. */
#define PACKETS		(IS_ENABLED(CONFIG_KMSAN) ? 4000u : 20000u)
#define LARGEST		1024u

/**
 * struct race - what both share
 * @held: packets that the client has not completed.
 * @stop: the test is over, however it ended.
 * @seen: which completions the peer has got.
 * @payload: of all completions.
 */
struct race {
	struct llist_head held;
	bool stop;
	DECLARE_BITMAP(seen, PACKETS);
	u8 payload[LARGEST];
};

/* In each packet's client context. */
struct race_packet {
	struct llist_node node;
	struct vmb_packet_completion *packet;
	u64 transaction_id;
};

/* Lengths that look random and are the same in every run; 0 for the others. */
static u32 length_of(u64 number)
{
	return number >= PACKETS ? 0 : ((u32)number * 2654435761u >> 9) % (LARGEST + 1);
}

static void hand_over(struct channel_fixture *fixture, struct channel_packet *packet)
{
	struct race_packet *context = vmb_channel_packet_get_client_context(packet->packet);
	struct race *race = fixture->private;

	packet->done = true;
	context->packet = packet->packet;
	context->transaction_id = packet->transaction_id;
	llist_add(&context->node, &race->held);
}

/* Newest first, which is no order at all. */
static int complete_held(struct race *race)
{
	struct race_packet *packet, *next;
	int ret = 0;

	llist_for_each_entry_safe(packet, next, llist_del_all(&race->held), node)
		ret |= vmb_channel_packet_complete(packet->packet, race->payload,
						   length_of(packet->transaction_id));
	return ret;
}

/* The other CPU. */
static int complete_until_stopped(struct channel_fixture *fixture)
{
	struct race *race = fixture->private;
	int ret = 0;

	while (!READ_ONCE(race->stop)) {
		ret |= complete_held(race);
		cond_resched();
	}
	return ret;
}

/* If there is room for one more packet; a signal if the ring was empty. */
static bool send_one(struct channel_fixture *fixture, u64 transaction_id)
{
	const struct ring_image *ring = &fixture->inbound;
	u32 read_index = peer_inbound_read_index(fixture);
	u32 before = fixture->write_index;
	u32 used = (before + ring->size - read_index) % ring->size;

	if (ring->size - used <= 32)
		return false;
	peer_put(fixture, &(struct peer_packet) {
		.type = 6, .flags = 1, .transaction_id = transaction_id, .payload = 8,
	});
	peer_publish(fixture);
	smp_mb(); /* the packet is out before we look who reads */
	if (!ring_image_get(ring, RING_IMAGE_INTERRUPT_MASK) &&
	    peer_inbound_read_index(fixture) == before)
		peer_signal(fixture);
	return true;
}

static u32 receive_all(struct channel_fixture *fixture)
{
	struct race *race = fixture->private;
	struct peer_completion completion;
	struct kunit *test = fixture->test;
	u32 count = 0;

	while (peer_receive(fixture, &completion)) {
		KUNIT_ASSERT_EQ(test, completion.type, 11);
		KUNIT_ASSERT_LT(test, completion.transaction_id, PACKETS);
		KUNIT_ASSERT_FALSE(test, test_and_set_bit(completion.transaction_id, race->seen));
		KUNIT_ASSERT_EQ(test, completion.length,
				round_up(length_of(completion.transaction_id), 8));
		count++;
	}
	if (count && peer_release(fixture))
		peer_signal(fixture);
	return count;
}

static int race_init(struct kunit *test)
{
	int ret = channel_fixture_init(test);
	struct channel_fixture *fixture = test->priv;

	if (ret)
		return ret;
	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	fixture->private = kunit_kzalloc(test, sizeof(struct race), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fixture->private);
	return vmb_channel_init_set_client_context_size(fixture->channel,
							sizeof(struct race_packet));
}

static void race_exit(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct race *race = fixture->private;

	if (race)
		WRITE_ONCE(race->stop, true);
	flush_work(&fixture->helper);
	if (race)
		complete_held(race);
	channel_fixture_exit(test);
}

static void every_packet_is_answered_once(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	unsigned long deadline = jiffies + CHANNEL_FIXTURE_PATIENCE;
	struct race *race = fixture->private;
	u32 sent = 0, got = 0;

	channel_configure(fixture, LARGEST, CHANNEL_FIXTURE_SMALL, CHANNEL_FIXTURE_SMALL);
	fixture->process = hand_over;
	channel_enable(fixture);
	channel_help(fixture, complete_until_stopped);
	while (got < PACKETS && time_before(jiffies, deadline)) {
		while (sent < PACKETS && send_one(fixture, sent))
			sent++;
		memory_transport_run(&fixture->transport, fixture->channel);
		got += receive_all(fixture);
		cond_resched();
	}
	KUNIT_EXPECT_EQ(test, sent, PACKETS);
	KUNIT_EXPECT_EQ(test, got, PACKETS);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_sent, PACKETS);
	KUNIT_EXPECT_GT(test, fixture->channel->counters.completions_queued, 0);
	KUNIT_EXPECT_EQ(test, peer_pending_send_size(fixture), 0);
	WRITE_ONCE(race->stop, true);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
}

/* Disable in the middle of it: all that was delivered is completed before closed. */
static void disable_under_traffic(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	const struct vmb_counters *counters = &fixture->channel->counters;
	struct race *race = fixture->private;
	u32 life, i;

	fixture->process = hand_over;
	for (life = 0; life < 20; life++) {
		race->stop = false;
		channel_enable(fixture);
		channel_help(fixture, complete_until_stopped);
		for (i = 0; i < 500; i++)
			send_one(fixture, PACKETS + i);
		channel_disable(fixture);
		WRITE_ONCE(race->stop, true);
		KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
		KUNIT_EXPECT_TRUE(test, llist_empty(&race->held));
	}
	KUNIT_EXPECT_GT(test, counters->received, 0);
	KUNIT_EXPECT_EQ(test, counters->completed, counters->received);
	KUNIT_EXPECT_EQ(test, counters->completions_sent + counters->completions_dropped,
			counters->completed);
}

static struct kunit_case channel_race_cases[] = {
	KUNIT_CASE(every_packet_is_answered_once),
	KUNIT_CASE(disable_under_traffic),
	{}
};

static struct kunit_suite channel_race_suite = {
	.name = "vmbkmcl_channel_race",
	.init = race_init,
	.exit = race_exit,
	.test_cases = channel_race_cases,
};

kunit_test_suite(channel_race_suite);
