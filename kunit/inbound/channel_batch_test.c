// SPDX-License-Identifier: GPL-2.0
/*
 * Batches: what is delivered in one go, why it pauses, and how often the peer
 * is disturbed for it. And packet_fail, which stops it.
 */
#include <kunit/test.h>
#include <linux/delay.h>

#include "../fixtures/channel_fixture.h"

/* Packets that the client can hold. */
#define POOL		272u
#define LARGEST		1024u

static int batch_init(struct kunit *test)
{
	int ret = channel_fixture_init(test);
	struct channel_fixture *fixture = test->priv;

	if (ret)
		return ret;
	channel_configure(fixture, LARGEST, 17, 17);
	channel_hold_at_most(fixture, POOL);
	return 0;
}

/* Lay out so many packets that want a completion, and ring the bell once. */
static void send_burst(struct channel_fixture *fixture, u32 first, u32 count)
{
	u32 i;

	for (i = first; i < first + count; i++)
		peer_put(fixture, &(struct peer_packet) {
			.type = 6, .flags = 1, .transaction_id = i,
		});
	peer_publish(fixture);
	peer_signal(fixture);
}

static void expect_in_order(struct channel_fixture *fixture, u32 count)
{
	u32 i;

	KUNIT_ASSERT_EQ(fixture->test, fixture->packet_count, count);
	for (i = 0; i < count; i++)
		KUNIT_EXPECT_EQ(fixture->test, fixture->packets[i].transaction_id, i);
}

static void processing_complete_counts(struct kunit *test)
{
	static const struct channel_entry expected[] = {
		{ TRANSPORT_OPEN }, { OPENED }, { STARTED }, { POST_STARTED },
		{ PACKET, 0 }, { PACKET, 1 }, { PACKET, 2 },
		{ PROCESSING_COMPLETE, 3 },
	};
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	send_burst(fixture, 0, 3);
	channel_expect_log(fixture, expected, ARRAY_SIZE(expected));
}

static void no_processing_complete_without_packets(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	peer_signal(fixture);
	KUNIT_EXPECT_EQ(test, channel_log_find(fixture, PROCESSING_COMPLETE), U32_MAX);
}

/* However it is cut into batches, nobody is counted twice or not at all. */
static void processing_complete_adds_up(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 sum = 0, since = 0;
	u32 i;

	fixture->process = channel_complete_inline;
	channel_enable(fixture);
	send_burst(fixture, 0, 300);
	expect_in_order(fixture, 300);
	for (i = 0; i < fixture->log_count; i++) {
		const struct channel_entry *entry = &fixture->log[i];

		since += entry->event == PACKET;
		if (entry->event != PROCESSING_COMPLETE)
			continue;
		KUNIT_EXPECT_EQ(test, entry->detail, since);
		sum += entry->detail;
		since = 0;
	}
	KUNIT_EXPECT_EQ(test, sum, 300);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.received, 300);
}

/* One call does not keep the CPU for as long as the peer likes. */
static void one_interrupt_is_bounded(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->process = channel_complete_inline;
	channel_enable(fixture);
	fixture->transport.scheduled = false;
	send_burst(fixture, 0, 0);
	while (fixture->write_index < 1000 * 24) {
		peer_put(fixture, &(struct peer_packet) { .type = 6 });
		peer_publish(fixture);
	}
	local_bh_disable();
	vmb_channel_interrupt(fixture->channel);
	local_bh_enable();
	KUNIT_EXPECT_GT(test, fixture->packet_count, 0);
	KUNIT_EXPECT_LE(test, fixture->packet_count, 256);
	KUNIT_EXPECT_TRUE(test, fixture->transport.scheduled);
	memory_transport_run(&fixture->transport, fixture->channel);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1000);
}

/* The client holds every packet object; what follows stays in the ring. */
static u32 exhaust(struct channel_fixture *fixture)
{
	send_burst(fixture, 0, POOL + 3);
	KUNIT_ASSERT_EQ(fixture->test, fixture->packet_count, POOL);
	return POOL;
}

static void starved_is_counted(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	exhaust(fixture);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.starved, 1);
}

/* A few packet objects make the drain wait for more, for some microseconds. */
static void run_until(struct channel_fixture *fixture, u32 packets)
{
	unsigned long end = jiffies + CHANNEL_FIXTURE_PATIENCE;

	do {
		usleep_range(50, 100);
		memory_transport_run(&fixture->transport, fixture->channel);
	} while (fixture->packet_count < packets && time_before(jiffies, end));
}

static void next_completion_feeds_a_starved_ring(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 count;

	channel_enable(fixture);
	count = exhaust(fixture);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 100, NULL, 0), 0);
	run_until(fixture, count + 1);
	expect_in_order(fixture, count + 1);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 5, NULL, 0), 0);
	run_until(fixture, count + 2);
	expect_in_order(fixture, count + 2);
}

static void signal_does_not_help_a_starved_ring(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 count;

	channel_enable(fixture);
	count = exhaust(fixture);
	peer_signal(fixture);
	KUNIT_EXPECT_FALSE(test, fixture->transport.scheduled);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, count);
}

/* Reads all there is at each signal, so that it wants one for the next. */
static void peer_reads_at_once(void *observer, enum memory_transport_operation operation)
{
	struct channel_fixture *fixture = observer;
	struct peer_completion completion;

	if (operation != MEMORY_TRANSPORT_SIGNAL)
		return;
	while (peer_receive(fixture, &completion))
		continue;
	peer_release(fixture);
}

static void one_signal_for_a_batch(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->process = channel_complete_inline;
	channel_enable(fixture);
	fixture->transport.signals = 0;
	fixture->transport.observe = peer_reads_at_once;
	send_burst(fixture, 0, 32);
	KUNIT_EXPECT_EQ(test, fixture->transport.signals, 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.signals, 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_sent, 32);
	peer_expect_nothing(fixture);
}

/* Nobody else would tell a peer that has read all there was. */
static void signal_for_every_later_completion(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	channel_enable(fixture);
	send_burst(fixture, 0, 4);
	fixture->transport.signals = 0;
	fixture->transport.observe = peer_reads_at_once;
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, channel_complete(fixture, i, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, fixture->transport.signals, 4);
}

static void no_signal_for_a_peer_that_masks(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->process = channel_complete_inline;
	channel_enable(fixture);
	peer_set(&fixture->outbound, RING_IMAGE_INTERRUPT_MASK, 1);
	send_burst(fixture, 0, 32);
	KUNIT_EXPECT_EQ(test, fixture->transport.signals, 0);
	peer_expect_completion(fixture, 0, 0);
}

static void peer_is_masked_during_a_batch(struct channel_fixture *fixture,
					  struct channel_packet *packet)
{
	u32 *unmasked = fixture->private;

	*unmasked += !ring_image_get(&fixture->inbound, RING_IMAGE_INTERRUPT_MASK);
	channel_complete_inline(fixture, packet);
}

/* Masked while somebody reads, unmasked once the ring was found empty. */
static void masked_only_while_reading(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 unmasked = 0;

	fixture->private = &unmasked;
	fixture->process = peer_is_masked_during_a_batch;
	channel_enable(fixture);
	send_burst(fixture, 0, 100);
	KUNIT_EXPECT_EQ(test, unmasked, 0);
	KUNIT_EXPECT_EQ(test, ring_image_get(&fixture->inbound, RING_IMAGE_INTERRUPT_MASK), 0);
}

/* Published when the ring was found empty, and the peer still masked. */
static void write_after_empty(struct channel_fixture *fixture, enum channel_event event)
{
	if (event != PROCESSING_COMPLETE || fixture->packet_count > 1)
		return;
	peer_put(fixture, &(struct peer_packet) { .type = 6, .transaction_id = 1 });
	peer_publish(fixture);
}

static void packet_that_comes_while_masked_is_not_missed(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->on_state = write_after_empty;
	channel_enable(fixture);
	send_burst(fixture, 0, 1);
	expect_in_order(fixture, 2);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.stalls, 0);
}

/* Bytes read but not given back, at most, as seen by each callback. */
static void measure_unpublished(struct channel_fixture *fixture,
				struct channel_packet *packet)
{
	u32 behind = fixture->packet_count * (LARGEST + 24) -
		     peer_inbound_read_index(fixture);
	u32 *most = fixture->private;

	*most = max(*most, behind);
	channel_complete_inline(fixture, packet);
}

/* 40 KiB in one batch, in a ring of 64: room comes back before it is over. */
static void read_index_is_published_by_quarters(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 most = 0;
	u32 i;

	fixture->private = &most;
	fixture->process = measure_unpublished;
	channel_enable(fixture);
	for (i = 0; i < 40; i++)
		peer_put(fixture, &(struct peer_packet) { .type = 6, .payload = LARGEST });
	peer_publish(fixture);
	peer_signal(fixture);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 40);
	KUNIT_EXPECT_LE(test, most, SZ_64K / 4 + LARGEST + 24);
	/* And not for every packet: a store that the peer reads is not free. */
	KUNIT_EXPECT_GE(test, most, SZ_64K / 8);
	KUNIT_EXPECT_EQ(test, peer_inbound_read_index(fixture), fixture->write_index);
}

static void answer_at_length(struct channel_fixture *fixture,
			     struct channel_packet *packet)
{
	u32 written = (fixture->packet_count - 1) * (LARGEST + 24);
	u32 *most = fixture->private;

	/* What the packets before this one were answered, and the peer does not see. */
	*most = max(*most, written - peer_get(&fixture->outbound, RING_IMAGE_WRITE_INDEX));
	packet->done = true;
	KUNIT_EXPECT_EQ(fixture->test,
			vmb_channel_packet_complete(packet->packet, packet->buffer, LARGEST), 0);
}

/* The peer can begin with its answers before the batch is over. */
static void write_index_is_published_by_quarters(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 most = 0;
	u32 i;

	fixture->private = &most;
	fixture->process = answer_at_length;
	channel_enable(fixture);
	for (i = 0; i < 40; i++)
		peer_put(fixture, &(struct peer_packet) {
			.type = 6, .flags = 1, .payload = LARGEST });
	peer_publish(fixture);
	peer_signal(fixture);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 40);
	KUNIT_EXPECT_LE(test, most, SZ_64K / 4 + LARGEST + 24);
	KUNIT_EXPECT_GE(test, most, SZ_64K / 8);
	KUNIT_EXPECT_EQ(test, peer_get(&fixture->outbound, RING_IMAGE_WRITE_INDEX),
			40 * (LARGEST + 24));
}

/* A peer that waits for room in its own ring is told, once, when there is. */
static void peer_that_waits_for_room_is_signalled(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	fixture->process = channel_complete_inline;
	channel_enable(fixture);
	for (i = 0; i < 62; i++)
		peer_put(fixture, &(struct peer_packet) { .type = 6, .payload = LARGEST });
	peer_publish(fixture);
	peer_set(&fixture->inbound, RING_IMAGE_PENDING_SEND_SIZE, SZ_32K);
	fixture->transport.signals = 0;
	peer_signal(fixture);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 62);
	KUNIT_EXPECT_EQ(test, fixture->transport.signals, 1);
}

/* packet_fail. */

static void fail_second(struct channel_fixture *fixture, struct channel_packet *packet)
{
	if (packet->transaction_id != 1)
		return;
	packet->done = true;
	vmb_channel_packet_fail(packet->packet);
}

static void fail_stops_the_queue(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->process = fail_second;
	channel_enable(fixture);
	send_burst(fixture, 0, 5);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 2);
	peer_signal(fixture);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 2);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.failed, 1);
	KUNIT_EXPECT_EQ(test, channel_log_find(fixture, SUSPEND), U32_MAX);
}

static void failed_packet_gets_no_completion(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->process = fail_second;
	channel_enable(fixture);
	send_burst(fixture, 0, 2);
	peer_expect_nothing(fixture);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	peer_expect_completion(fixture, 0, 0);
	peer_expect_nothing(fixture);
}

static void packets_flow_again_after_disable_and_enable(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->process = fail_second;
	channel_enable(fixture);
	send_burst(fixture, 1, 1);
	channel_disable(fixture);
	fixture->process = channel_complete_inline;
	channel_enable(fixture);
	send_burst(fixture, 0, 2);
	expect_in_order(fixture, 2);
	peer_expect_completion(fixture, 0, 0);
	peer_expect_completion(fixture, 1, 0);
}

/* It may be another packet by now: the queue is not its business. */
static void fail_of_a_completed_packet_is_ignored(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	send_burst(fixture, 0, 1);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	vmb_channel_packet_fail(fixture->packets[0].packet);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.failed, 0);
	send_burst(fixture, 1, 1);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 2);
}

static struct kunit_case channel_batch_cases[] = {
	KUNIT_CASE(processing_complete_counts),
	KUNIT_CASE(no_processing_complete_without_packets),
	KUNIT_CASE(processing_complete_adds_up),
	KUNIT_CASE(one_interrupt_is_bounded),
	KUNIT_CASE(starved_is_counted),
	KUNIT_CASE(next_completion_feeds_a_starved_ring),
	KUNIT_CASE(signal_does_not_help_a_starved_ring),
	KUNIT_CASE(one_signal_for_a_batch),
	KUNIT_CASE(signal_for_every_later_completion),
	KUNIT_CASE(no_signal_for_a_peer_that_masks),
	KUNIT_CASE(masked_only_while_reading),
	KUNIT_CASE(packet_that_comes_while_masked_is_not_missed),
	KUNIT_CASE(read_index_is_published_by_quarters),
	KUNIT_CASE(write_index_is_published_by_quarters),
	KUNIT_CASE(peer_that_waits_for_room_is_signalled),
	KUNIT_CASE(fail_stops_the_queue),
	KUNIT_CASE(failed_packet_gets_no_completion),
	KUNIT_CASE(packets_flow_again_after_disable_and_enable),
	KUNIT_CASE(fail_of_a_completed_packet_is_ignored),
	{}
};

static struct kunit_suite channel_batch_suite = {
	.name = "vmbkmcl_channel_batch",
	.init = batch_init,
	.exit = channel_fixture_exit,
	.test_cases = channel_batch_cases,
};

kunit_test_suite(channel_batch_suite);
