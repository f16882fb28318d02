// SPDX-License-Identifier: GPL-2.0
/*
 * A full outbound ring: completions wait, in their order, and no wake-up is
 * lost.
 */
#include <kunit/test.h>
#include <linux/string.h>

#include "../fixtures/channel_fixture.h"

/* Data of the outbound ring; and what surrounds each payload in it. */
#define RING		4096u
#define AROUND		24u
/* Two of these do not fit into the ring together. */
#define LARGE		3000u

static const u8 payload[RING];

static int full_ring_init(struct kunit *test)
{
	int ret = channel_fixture_init(test);
	struct channel_fixture *fixture = test->priv;

	if (ret)
		return ret;
	channel_configure(fixture, 3064, 17, CHANNEL_FIXTURE_SMALL);
	channel_hold_at_most(fixture, 272);
	return 0;
}

/* Have the client hold count packets, with ids 0, 1, ... */
static void hold(struct channel_fixture *fixture, u32 count)
{
	u32 i;

	channel_enable(fixture);
	for (i = 0; i < count; i++)
		peer_send_inband(fixture, i, 8);
	KUNIT_ASSERT_EQ(fixture->test, fixture->packet_count, count);
}

static void expect_complete(struct channel_fixture *fixture, u32 which, u32 length)
{
	KUNIT_EXPECT_EQ(fixture->test, channel_complete(fixture, which, payload, length), 0);
}

/* Packet 0 fills the ring, 1 waits. */
static void fill(struct channel_fixture *fixture)
{
	expect_complete(fixture, 0, LARGE);
	expect_complete(fixture, 1, LARGE);
}

/* The peer takes one, and signals if the waiting writer has asked for it. */
static void peer_take(struct channel_fixture *fixture, u64 transaction_id, u32 length)
{
	peer_expect_completion(fixture, transaction_id, length);
	if (peer_release(fixture))
		peer_signal(fixture);
}

static void completing_never_fails_for_want_of_room(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	hold(fixture, 10);
	for (i = 0; i < 10; i++)
		expect_complete(fixture, i, LARGE);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_queued, 9);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_sent, 1);
	peer_expect_completion(fixture, 0, LARGE);
	peer_expect_nothing(fixture);
}

static void go_out_in_order_when_the_peer_makes_room(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	hold(fixture, 10);
	for (i = 0; i < 10; i++)
		expect_complete(fixture, i, LARGE);
	for (i = 0; i < 10; i++)
		peer_take(fixture, i, LARGE);
	peer_expect_nothing(fixture);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_sent, 10);
}

/* A small one would fit where the large one in front of it does not. */
static void nothing_overtakes(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	hold(fixture, 4);
	fill(fixture);
	expect_complete(fixture, 2, 0);
	expect_complete(fixture, 3, 8);
	peer_take(fixture, 0, LARGE);
	peer_take(fixture, 1, LARGE);
	peer_take(fixture, 2, 0);
	peer_take(fixture, 3, 8);
}

/* Room is there, nobody has signalled yet: the queue still goes first. */
static void nothing_overtakes_after_room_was_made(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	hold(fixture, 3);
	fill(fixture);
	peer_expect_completion(fixture, 0, LARGE);
	peer_release(fixture);
	expect_complete(fixture, 2, 0);
	peer_expect_completion(fixture, 1, LARGE);
	peer_expect_completion(fixture, 2, 0);
}

/* Nor does what the callback completes at once. */
static void nothing_overtakes_inside_the_callback(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	hold(fixture, 2);
	fill(fixture);
	fixture->process = channel_complete_inline;
	peer_send_inband(fixture, 2, 8);
	peer_take(fixture, 0, LARGE);
	peer_take(fixture, 1, LARGE);
	peer_take(fixture, 2, 0);
	peer_expect_nothing(fixture);
}

static int help_complete_first(struct channel_fixture *fixture)
{
	return channel_complete(fixture, 0, NULL, 0);
}

static void wait_for_the_other(struct channel_fixture *fixture, struct channel_packet *packet)
{
	channel_help(fixture, help_complete_first);
	while (!completion_done(&fixture->helped))
		cpu_relax();
	channel_complete_inline(fixture, packet);
}

/* Completed elsewhere while a batch runs: first in, first out, even then. */
static void nothing_overtakes_what_another_cpu_completed(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	hold(fixture, 1);
	fixture->process = wait_for_the_other;
	peer_send_inband(fixture, 1, 8);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	peer_expect_completion(fixture, 0, 0);
	peer_expect_completion(fixture, 1, 0);
	peer_expect_nothing(fixture);
}

static void pending_send_size_covers_the_head(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	hold(fixture, 2);
	KUNIT_EXPECT_EQ(test, peer_pending_send_size(fixture), 0);
	fill(fixture);
	KUNIT_EXPECT_GE(test, peer_pending_send_size(fixture), LARGE + AROUND);
	/* An empty ring must be enough, or the signal never comes. */
	KUNIT_EXPECT_LT(test, peer_pending_send_size(fixture), RING);
}

/* The first of two that wait has gone out: the second still waits. */
static void pending_send_size_follows_the_head(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	hold(fixture, 3);
	expect_complete(fixture, 0, LARGE);
	expect_complete(fixture, 1, 2000);
	expect_complete(fixture, 2, LARGE);
	KUNIT_EXPECT_GE(test, peer_pending_send_size(fixture), 2000 + AROUND);
	peer_take(fixture, 0, LARGE);
	KUNIT_EXPECT_GE(test, peer_pending_send_size(fixture), LARGE + AROUND);
	peer_take(fixture, 1, 2000);
	peer_take(fixture, 2, LARGE);
}

static void pending_send_size_is_cleared_when_nobody_waits(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	hold(fixture, 2);
	fill(fixture);
	peer_take(fixture, 0, LARGE);
	KUNIT_EXPECT_EQ(test, peer_pending_send_size(fixture), 0);
}

static void own_payload_survives_the_wait(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct peer_completion completion;

	hold(fixture, 1);
	peer_send_inband(fixture, 77, 512);
	expect_complete(fixture, 0, LARGE);
	expect_complete(fixture, 1, 0);
	/* Once more with one that cannot go out at once. */
	peer_send_inband(fixture, 88, LARGE);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 2, fixture->packets[2].buffer + 16,
					       LARGE - 16), 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_queued, 1);
	peer_take(fixture, 0, LARGE);
	peer_take(fixture, 77, 0);
	KUNIT_ASSERT_TRUE(test, peer_receive(fixture, &completion));
	KUNIT_EXPECT_EQ(test, completion.transaction_id, 88);
	KUNIT_EXPECT_EQ(test, completion.payload[0], ring_image_byte(88, 16));
	KUNIT_EXPECT_EQ(test, completion.payload[LARGE - 17], ring_image_byte(88, LARGE - 1));
}

static void packets_without_completion_go_on(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	hold(fixture, 2);
	fill(fixture);
	fixture->process = channel_complete_inline;
	peer_send(fixture, &(struct peer_packet) { .type = 6, .transaction_id = 9 });
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 3);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_queued, 1);
	peer_take(fixture, 0, LARGE);
	peer_take(fixture, 1, LARGE);
	peer_expect_nothing(fixture);
}

/* The queue holds every packet object, and lets go of them again. */
static void queue_as_long_as_the_pool(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 count, i;

	channel_enable(fixture);
	count = fixture->channel->pool.count;
	fixture->process = channel_complete_inline;
	for (i = 0; i < count + 400; i++)
		peer_put(fixture, &(struct peer_packet) {
			.type = 6, .flags = 1, .transaction_id = i,
		});
	peer_publish(fixture);
	peer_signal(fixture);
	KUNIT_EXPECT_LT(test, fixture->packet_count, count + 400);
	for (i = 0; i < count + 400; i++)
		peer_take(fixture, i, 0);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, count + 400);
	peer_expect_nothing(fixture);
}

/* The peer reads all there is when it is signalled, once. */
static void read_when_signalled(void *observer, enum memory_transport_operation operation)
{
	struct channel_fixture *fixture = observer;
	struct peer_completion completion;

	if (operation != MEMORY_TRANSPORT_SIGNAL)
		return;
	fixture->transport.observe = NULL;
	KUNIT_ASSERT_TRUE(fixture->test, peer_receive(fixture, &completion));
	KUNIT_EXPECT_EQ(fixture->test, completion.length, 992);
	/* Nobody has asked for a signal so far. */
	KUNIT_EXPECT_FALSE(fixture->test, peer_release(fixture));
}

static void complete_in_batch(struct channel_fixture *fixture, struct channel_packet *packet)
{
	packet->done = true;
	vmb_channel_packet_complete(packet->packet, payload, packet->transaction_id ? 3064 : 992);
}

/*
 * The peer empties the ring between the write that found it full and the
 * pending_send_size that asks for a signal: none will come. The first
 * completion is shown to the peer only when the second does not fit, so its
 * signal comes at that very moment.
 */
static void room_made_before_it_was_asked_for(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	channel_enable(fixture);
	fixture->process = complete_in_batch;
	fixture->transport.observe = read_when_signalled;
	for (i = 0; i < 2; i++)
		peer_put(fixture, &(struct peer_packet) {
			.type = 6, .flags = 1, .transaction_id = i,
		});
	peer_publish(fixture);
	peer_signal(fixture);
	KUNIT_EXPECT_PTR_EQ(test, fixture->transport.observe, NULL);
	peer_expect_completion(fixture, 1, 3064);
	KUNIT_EXPECT_EQ(test, peer_pending_send_size(fixture), 0);
}

static int help_complete_first_with_most(struct channel_fixture *fixture)
{
	return channel_complete(fixture, 0, payload, 3064);
}

static void complete_and_let_the_other(struct channel_fixture *fixture,
				       struct channel_packet *packet)
{
	packet->done = true;
	vmb_channel_packet_complete(packet->packet, payload, 992);
	channel_help(fixture, help_complete_first_with_most);
	while (!completion_done(&fixture->helped))
		cpu_relax();
}

/*
 * The same at the end of a batch, after which nobody tries again: what another
 * CPU completed meanwhile does not fit behind what the batch has written.
 */
static void room_made_before_it_was_asked_for_by_a_batch(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	hold(fixture, 1);
	fixture->process = complete_and_let_the_other;
	fixture->transport.observe = read_when_signalled;
	peer_send_inband(fixture, 1, 8);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	KUNIT_EXPECT_PTR_EQ(test, fixture->transport.observe, NULL);
	peer_expect_completion(fixture, 0, 3064);
	KUNIT_EXPECT_EQ(test, peer_pending_send_size(fixture), 0);
}

/* Between suspend and closed a signal still brings out what waits. */
static void room_made_after_suspend(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	hold(fixture, 3);
	fill(fixture);
	channel_help(fixture, channel_help_disable);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&fixture->suspended,
							  CHANNEL_FIXTURE_PATIENCE), 0);
	/* The client still holds 2, perhaps until the peer has got 1. */
	peer_take(fixture, 0, LARGE);
	peer_expect_completion(fixture, 1, LARGE);
	expect_complete(fixture, 2, 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_dropped, 0);
}

static void room_made_after_packet_fail(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	hold(fixture, 3);
	fill(fixture);
	fixture->packets[2].done = true;
	vmb_channel_packet_fail(fixture->packets[2].packet);
	peer_take(fixture, 0, LARGE);
	peer_expect_completion(fixture, 1, LARGE);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.stalls, 0);
}

/* The peer has all the time until closed; here it uses suspend. */
static void make_room_in_suspend(struct channel_fixture *fixture, enum channel_event event)
{
	if (event != SUSPEND)
		return;
	peer_expect_completion(fixture, 0, LARGE);
	peer_release(fixture);
}

static void queue_goes_out_before_closed(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	hold(fixture, 2);
	fill(fixture);
	fixture->on_state = make_room_in_suspend;
	channel_disable(fixture);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_sent, 2);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_dropped, 0);
}

static void queue_of_a_peer_that_is_gone_is_dropped(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	hold(fixture, 5);
	for (i = 0; i < 5; i++)
		expect_complete(fixture, i, LARGE);
	fixture->transport.gone = true;
	channel_disable(fixture);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_sent, 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_dropped, 4);
}

/* A peer that is there and does not read holds up disable for a second. */
static void queue_of_a_peer_that_sleeps_is_dropped(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	hold(fixture, 2);
	fill(fixture);
	channel_disable(fixture);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_dropped, 1);
}

static void second_life_does_not_send_the_first_ones(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	hold(fixture, 2);
	fill(fixture);
	fixture->transport.gone = true;
	channel_disable(fixture);
	fixture->transport.gone = false;
	channel_enable(fixture);
	peer_expect_nothing(fixture);
	KUNIT_EXPECT_EQ(test, peer_pending_send_size(fixture), 0);
	peer_send_inband(fixture, 5, 8);
	expect_complete(fixture, 0, 0);
	peer_expect_completion(fixture, 5, 0);
}

/* Nor does it have fewer packets: what was dropped is as free as what was sent. */
static void second_life_has_the_packets_of_the_first(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	channel_hold_at_most(fixture, 3);
	hold(fixture, 3);
	fill(fixture);
	expect_complete(fixture, 2, LARGE);
	KUNIT_ASSERT_EQ(test, vmb_transport_device_pm_close(&fixture->transport.device), 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_dropped, 2);
	vmb_transport_device_pm_resume(&fixture->transport.device);
	channel_settle(fixture);
	vmb_watchdog_stop(fixture->channel);
	KUNIT_ASSERT_EQ(test, fixture->transport.opens, 2);
	for (i = 0; i < 3; i++)
		peer_send_inband(fixture, i, 8);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 3);
}

/* Rings of few pages, a peer that always lags: every byte, in order. */
static const u32 page_counts[] = { 2, 3, 4, 5, 7, 9 };

static void describe_page_count(const u32 *count, char *description)
{
	snprintf(description, KUNIT_PARAM_DESC_SIZE, "%u_pages", *count);
}

KUNIT_ARRAY_PARAM(page_count, page_counts, describe_page_count);

/* Lengths that look random and are the same in every run. */
static u32 length_of(u32 number)
{
	return (number * 2654435761u >> 7) % 2049;
}

static void complete_numbered(struct channel_fixture *fixture, struct channel_packet *packet)
{
	u32 length = length_of(packet->transaction_id);

	packet->done = true;
	ring_image_fill(fixture->private, packet->transaction_id, length);
	vmb_channel_packet_complete(packet->packet, fixture->private, length);
}

static void small_rings(struct kunit *test)
{
	const u32 *pages = test->param_value;
	struct channel_fixture *fixture = test->priv;
	struct peer_completion completion;
	u32 sent = 0, got = 0;

	fixture->private = kunit_kmalloc(test, 2056, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fixture->private);
	channel_configure(fixture, 2056, 2, *pages);
	fixture->process = complete_numbered;
	channel_enable(fixture);
	while (got < 500) {
		if (sent < 500 && sent - got < 20) {
			peer_send_inband(fixture, sent++, 8);
			continue;
		}
		/* A few at a time, so that the ring is full again in between. */
		KUNIT_ASSERT_TRUE_MSG(test, peer_receive(fixture, &completion),
				      "nothing after %u of %u", got, sent);
		KUNIT_ASSERT_EQ(test, completion.transaction_id, got);
		KUNIT_ASSERT_EQ(test, completion.length, round_up(length_of(got), 8));
		KUNIT_ASSERT_TRUE(test, ring_image_is_filled(completion.payload, got,
							     length_of(got)));
		got++;
		if (peer_release(fixture))
			peer_signal(fixture);
	}
	peer_expect_nothing(fixture);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_dropped, 0);
	KUNIT_EXPECT_EQ(test, peer_pending_send_size(fixture), 0);
}

static struct kunit_case channel_full_ring_cases[] = {
	KUNIT_CASE(completing_never_fails_for_want_of_room),
	KUNIT_CASE(go_out_in_order_when_the_peer_makes_room),
	KUNIT_CASE(nothing_overtakes),
	KUNIT_CASE(nothing_overtakes_after_room_was_made),
	KUNIT_CASE(nothing_overtakes_inside_the_callback),
	KUNIT_CASE(nothing_overtakes_what_another_cpu_completed),
	KUNIT_CASE(pending_send_size_covers_the_head),
	KUNIT_CASE(pending_send_size_follows_the_head),
	KUNIT_CASE(pending_send_size_is_cleared_when_nobody_waits),
	KUNIT_CASE(own_payload_survives_the_wait),
	KUNIT_CASE(packets_without_completion_go_on),
	KUNIT_CASE(queue_as_long_as_the_pool),
	KUNIT_CASE(room_made_before_it_was_asked_for),
	KUNIT_CASE(room_made_before_it_was_asked_for_by_a_batch),
	KUNIT_CASE(room_made_after_suspend),
	KUNIT_CASE(room_made_after_packet_fail),
	KUNIT_CASE(queue_goes_out_before_closed),
	KUNIT_CASE(queue_of_a_peer_that_is_gone_is_dropped),
	KUNIT_CASE_SLOW(queue_of_a_peer_that_sleeps_is_dropped),
	KUNIT_CASE(second_life_does_not_send_the_first_ones),
	KUNIT_CASE_SLOW(second_life_has_the_packets_of_the_first),
	KUNIT_CASE_PARAM(small_rings, page_count_gen_params),
	{}
};

static struct kunit_suite channel_full_ring_suite = {
	.name = "vmbkmcl_channel_full_ring",
	.init = full_ring_init,
	.exit = channel_fixture_exit,
	.test_cases = channel_full_ring_cases,
};

kunit_test_suite(channel_full_ring_suite);
