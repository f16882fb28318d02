// SPDX-License-Identifier: GPL-2.0
/*
 * The mode of the drain: who changes it while it does something else. A packet
 * that fails while the channel closes, or after the connection that it came from
 * is over; a ring that breaks while the close waits for the peer's word; and a
 * pause, which still hears of completions.
 */
#include <kunit/test.h>

#include "../fixtures/send_fixture.h"
#include "../life/life_race.h"

static int drain_mode_init(struct kunit *test)
{
	int ret = send_fixture_init(test);
	struct channel_fixture *fixture = test->priv;

	if (ret)
		return ret;
	channel_configure(fixture, 1024, 17, 17);
	send_allow_external(fixture);
	return 0;
}

static enum vmb_drain_mode mode_of(struct channel_fixture *fixture)
{
	return vmb_inbound_mode(&fixture->channel->inbound);
}

/* The client completes its first packet when what it has sent ends. */
static void complete_first(struct sender *sender, struct vmb_packet *packet,
			   const struct send_end *end)
{
	channel_complete(sender->fixture, 0, NULL, 0);
}

/* It holds packets, and the peer has memory of its own. Returns the peer's id. */
static u64 hold_packets(struct channel_fixture *fixture, u32 count)
{
	struct bio_vec vector = { .bv_page = send_pages(fixture, 0), .bv_len = 512 };
	struct sent_packet sent = {};
	u32 i;

	sender_of(fixture)->on_end = complete_first;
	channel_enable(fixture);
	for (i = 1; i <= count; i++)
		peer_send_inband(fixture, i, 8);
	KUNIT_ASSERT_EQ(fixture->test, fixture->packet_count, count);
	KUNIT_ASSERT_EQ(fixture->test, send_external(fixture, 0, &vector, 1, WAIT), 0);
	KUNIT_ASSERT_TRUE(fixture->test, peer_take(fixture, &sent));
	return sent.transaction_id;
}

/* Disable, as far as it gets: what it waits for is the answer. */
static void begin_to_disable(struct channel_fixture *fixture)
{
	channel_help(fixture, channel_help_disable);
	ASSERT_SOON(fixture->test, wq_has_sleeper(&fixture->channel->outbound.drained));
	KUNIT_EXPECT_FALSE(fixture->test, completion_done(&fixture->helped));
}

static void fail_packet(struct channel_fixture *fixture, u32 which)
{
	fixture->packets[which].done = true;
	vmb_channel_packet_fail(fixture->packets[which].packet);
}

/* The answer that the close waits for is read nevertheless. */
static void packet_fails_while_closing(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 id = hold_packets(fixture, 2);

	begin_to_disable(fixture);
	fail_packet(fixture, 1);
	peer_answer(fixture, id, 16);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	send_expect_ends(fixture, 1);
	send_expect_answered(fixture, 0, 0, 16);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completed, 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.failed, 1);
}

/* It still stops what it has always stopped. */
static void packet_fails(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	fail_packet(fixture, 0);
	peer_send_inband(fixture, 2, 8);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
	KUNIT_EXPECT_EQ(test, mode_of(fixture), VMB_DRAIN_STOPPED);
}

/* The pause hears of completions all the same, and nothing is delivered in it. */
static void packet_fails_before_a_pause(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 id;

	channel_enable(fixture);
	send_one(fixture, 0, 8, WAIT);
	id = peer_expect_sent(fixture, 0, 8, WAIT);
	peer_send_inband(fixture, 1, 8);
	fail_packet(fixture, 0);
	peer_answer(fixture, id, 16);
	send_expect_ends(fixture, 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_pause(fixture->channel), 0);
	memory_transport_run(&fixture->transport, fixture->channel);
	send_expect_ends(fixture, 1);
	send_expect_answered(fixture, 0, 0, 16);
	peer_send_inband(fixture, 2, 8);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
	KUNIT_EXPECT_EQ(test, vmb_channel_start(fixture->channel), 0);
	channel_settle(fixture);
	vmb_watchdog_stop(fixture->channel);
	memory_transport_run(&fixture->transport, fixture->channel);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 2);
}

static void packet_of_a_connection_that_is_over_fails(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_transport_device *device = &fixture->transport.device;
	struct vmb_packet_completion *held[2];

	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	peer_send_inband(fixture, 2, 8);
	held[0] = fixture->packets[0].packet;
	held[1] = fixture->packets[1].packet;
	KUNIT_ASSERT_EQ(test, vmb_transport_device_pm_close(device), 0);
	vmb_transport_device_pm_resume(device);
	channel_settle(fixture);
	vmb_watchdog_stop(fixture->channel);
	memory_transport_run(&fixture->transport, fixture->channel);
	vmb_channel_packet_fail(held[0]);
	KUNIT_EXPECT_EQ(test, mode_of(fixture), VMB_DRAIN_DELIVERING);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.failed, 1);
	KUNIT_EXPECT_EQ(test, vmb_channel_packet_complete(held[1], NULL, 0), 0);
	KUNIT_EXPECT_TRUE(test, vmb_outbound_client_is_done(fixture->channel));
	peer_send_inband(fixture, 3, 8);
	KUNIT_ASSERT_EQ(test, fixture->packet_count, 1);
	KUNIT_EXPECT_EQ(test, fixture->packets[0].transaction_id, 3);
	/* One of the new connection does. */
	fail_packet(fixture, 0);
	KUNIT_EXPECT_EQ(test, mode_of(fixture), VMB_DRAIN_STOPPED);
	channel_disable(fixture);
}

static void break_ring(struct channel_fixture *fixture)
{
	peer_send(fixture, &(struct peer_packet) {
		.type = 6, .lie = true, .offset8 = 1, .length8 = 2,
	});
}

/* Nothing that the peer says is heard any more: the transport's close ends it. */
static void ring_breaks_while_closing(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	hold_packets(fixture, 1);
	begin_to_disable(fixture);
	break_ring(fixture);
	KUNIT_EXPECT_EQ(test, mode_of(fixture), VMB_DRAIN_LOST);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	send_expect_ends(fixture, 1);
	send_expect_end(fixture, 0, 0, -ENODEV);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completed, 1);
	/* The next connection has a ring of its own. */
	sender_of(fixture)->on_end = NULL;
	fixture->process = channel_complete_inline;
	channel_enable(fixture);
	peer_send_inband(fixture, 4, 8);
	peer_expect_completion(fixture, 4, 0);
}

/* Pause: completions are read. */

static int help_pause(struct channel_fixture *fixture)
{
	return vmb_channel_pause(fixture->channel);
}

static void start(struct channel_fixture *fixture)
{
	KUNIT_ASSERT_EQ(fixture->test, vmb_channel_start(fixture->channel), 0);
	channel_settle(fixture);
	vmb_watchdog_stop(fixture->channel);
	memory_transport_run(&fixture->transport, fixture->channel);
}

static void send_and_pause(struct channel_fixture *fixture, u64 *ids, u32 count)
{
	u32 i;

	channel_enable(fixture);
	for (i = 0; i < count; i++) {
		send_one(fixture, i, 8, WAIT);
		ids[i] = peer_expect_sent(fixture, i, 8, WAIT);
	}
	KUNIT_ASSERT_EQ(fixture->test, vmb_channel_pause(fixture->channel), 0);
	memory_transport_run(&fixture->transport, fixture->channel);
}

static void what_was_sent_ends_while_paused(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 ids[4];
	u32 i;

	send_and_pause(fixture, ids, ARRAY_SIZE(ids));
	for (i = 0; i < ARRAY_SIZE(ids); i++)
		peer_answer(fixture, ids[i], 0);
	send_expect_ends(fixture, ARRAY_SIZE(ids));
	for (i = 0; i < ARRAY_SIZE(ids); i++)
		send_expect_end(fixture, i, i, 0);
	/* The peer has been asked to signal the next, and has its room back. */
	KUNIT_EXPECT_EQ(test, peer_inbound_read_index(fixture), fixture->write_index);
	start(fixture);
	peer_send_inband(fixture, 1, 8);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
}

/* Also what came before the pause, and was not looked at. */
static void answered_before_the_pause(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 id;

	channel_enable(fixture);
	send_one(fixture, 0, 8, WAIT);
	id = peer_expect_sent(fixture, 0, 8, WAIT);
	peer_put(fixture, &(struct peer_packet) { .type = 11, .transaction_id = id });
	peer_publish(fixture);
	KUNIT_ASSERT_EQ(test, vmb_channel_pause(fixture->channel), 0);
	memory_transport_run(&fixture->transport, fixture->channel);
	send_expect_ends(fixture, 1);
}

/* A client may wait for that to complete what it holds, which pause waits for. */
static void pause_waits_for_who_waits(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 id = hold_packets(fixture, 1);

	channel_help(fixture, help_pause);
	ASSERT_SOON(test, wq_has_sleeper(&fixture->channel->outbound.drained));
	peer_answer(fixture, id, 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	send_expect_ends(fixture, 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completed, 1);
}

/* Data keeps its place, and what is behind it keeps its own. */
static void read_up_to_the_first_data(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 ids[3];

	send_and_pause(fixture, ids, ARRAY_SIZE(ids));
	peer_answer(fixture, ids[0], 0);
	peer_send_inband(fixture, 7, 8);
	peer_answer(fixture, ids[1], 0);
	send_expect_ends(fixture, 1);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 0);
	KUNIT_EXPECT_EQ(test, mode_of(fixture), VMB_DRAIN_STOPPED);
	/* Its room is not given back before it was read. */
	KUNIT_EXPECT_NE(test, peer_inbound_read_index(fixture), fixture->write_index);
	start(fixture);
	KUNIT_ASSERT_EQ(test, fixture->packet_count, 1);
	KUNIT_EXPECT_EQ(test, fixture->packets[0].transaction_id, 7);
	KUNIT_EXPECT_TRUE(test, ring_image_is_filled(fixture->packets[0].buffer, 7, 8));
	send_expect_ends(fixture, 2);
	send_expect_end(fixture, 1, 1, 0);
	peer_answer(fixture, ids[2], 0);
	send_expect_ends(fixture, 3);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	peer_expect_completion(fixture, 7, 0);
}

/* Nor is data refused before its turn, however it looks. */
static void bad_data_is_refused_after_the_start(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 id;

	send_and_pause(fixture, &id, 1);
	peer_send(fixture, &(struct peer_packet) { .type = 1, .payload = 8 });
	peer_answer(fixture, id, 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.refused, 0);
	send_expect_ends(fixture, 0);
	start(fixture);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.refused, 1);
	send_expect_ends(fixture, 1);
}

/* A completion that nobody waits for is: it is read now. */
static void bad_completion_is_refused_while_paused(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 id;

	send_and_pause(fixture, &id, 1);
	peer_answer(fixture, 12345, 0);
	KUNIT_EXPECT_EQ(test,
			fixture->channel->refusals[VMB_REFUSAL_COMPLETION_UNEXPECTED], 1);
	peer_answer(fixture, id, 0);
	send_expect_ends(fixture, 1);
}

static void ring_breaks_while_paused(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 id;

	send_and_pause(fixture, &id, 1);
	break_ring(fixture);
	channel_settle(fixture);
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
	send_expect_end(fixture, 0, 0, -ENODEV);
	KUNIT_EXPECT_EQ(test, fixture->log[fixture->log_count - 1].event, CLOSED);
	KUNIT_EXPECT_EQ(test, fixture->log[fixture->log_count - 1].detail,
			VMB_CHANNEL_STOP_FRAMING_LOST);
}

static struct kunit_case drain_mode_cases[] = {
	KUNIT_CASE(packet_fails_while_closing),
	KUNIT_CASE(packet_fails),
	KUNIT_CASE(packet_fails_before_a_pause),
	KUNIT_CASE(packet_of_a_connection_that_is_over_fails),
	KUNIT_CASE(ring_breaks_while_closing),
	KUNIT_CASE(what_was_sent_ends_while_paused),
	KUNIT_CASE(answered_before_the_pause),
	KUNIT_CASE(pause_waits_for_who_waits),
	KUNIT_CASE(read_up_to_the_first_data),
	KUNIT_CASE(bad_data_is_refused_after_the_start),
	KUNIT_CASE(bad_completion_is_refused_while_paused),
	KUNIT_CASE(ring_breaks_while_paused),
	{}
};

static struct kunit_suite drain_mode_suite = {
	.name = "vmbkmcl_drain_mode",
	.init = drain_mode_init,
	.exit = send_fixture_exit,
	.test_cases = drain_mode_cases,
};

kunit_test_suite(drain_mode_suite);
