// SPDX-License-Identifier: GPL-2.0
/*
 * What a channel makes of a peer that is wrong: one packet is refused and the
 * stream goes on, or framing is lost and the channel closes in order.
 */
#include <kunit/test.h>
#include <linux/string.h>

#include "../fixtures/channel_fixture.h"

#define LARGEST		256u

static int refusal_init(struct kunit *test)
{
	int ret = channel_fixture_init(test);
	struct channel_fixture *fixture = test->priv;

	if (ret)
		return ret;
	channel_configure(fixture, LARGEST, 5, 5);
	return vmb_channel_init_set_maximum_external_data(fixture->channel, 8192, 2);
}

/* Refused packets. */

/**
 * struct refused - one wrong packet
 * @name: of the case.
 * @refusal: the reason that is to be given.
 * @type: of the packet.
 * @flags: of the packet, besides the one that asks for a completion.
 * @payload: bytes of payload.
 * @list: range list, as words of 64 bits.
 * @words: how many.
 */
struct refused {
	const char *name;
	enum vmb_refusal refusal;
	u16 type;
	u16 flags;
	u32 payload;
	u64 list[8];
	u32 words;
};

/* First word of a list; a range; both as they lie in memory. */
#define RANGES(count)		((u64)(count) << 32)
#define RANGE(bytes, offset)	((u64)(offset) << 32 | (bytes))

static const struct refused refused_packets[] = {
	{ "type_unknown", VMB_REFUSAL_TYPE_UNKNOWN, .type = 5 },
	{ "type_beyond_all", VMB_REFUSAL_TYPE_UNKNOWN, .type = 0xffff },
	{ "flags_unknown", VMB_REFUSAL_FLAGS_UNKNOWN, .type = 6, .flags = 2 },
	{ "flags_all_others", VMB_REFUSAL_FLAGS_UNKNOWN, .type = 6, .flags = 0xfffe },
	{ "packet_too_large", VMB_REFUSAL_PACKET_TOO_LARGE, .type = 6, .payload = LARGEST + 8 },
	{ "ranges_missing", VMB_REFUSAL_RANGES_TRUNCATED, .type = 9 },
	{ "ranges_truncated", VMB_REFUSAL_RANGES_TRUNCATED, .type = 9,
	  .list = { RANGES(1), RANGE(8192, 0), 1 }, .words = 3 },
	{ "ranges_none", VMB_REFUSAL_RANGES_NONE, .type = 9, .list = { RANGES(0) }, .words = 1 },
	{ "ranges_too_many", VMB_REFUSAL_RANGES_TOO_MANY, .type = 7,
	  .list = { RANGES(3), RANGE(8, 0), RANGE(8, 8), RANGE(8, 16) }, .words = 4 },
	{ "ranges_too_long", VMB_REFUSAL_RANGES_TOO_LONG, .type = 7,
	  .list = { RANGES(2), RANGE(8192, 0), RANGE(1, 0) }, .words = 3 },
	{ "ranges_trailing", VMB_REFUSAL_RANGES_TRAILING, .type = 7,
	  .list = { RANGES(1), RANGE(8, 0), 0 }, .words = 3 },
	{ "range_empty", VMB_REFUSAL_RANGE_EMPTY, .type = 9,
	  .list = { RANGES(1), RANGE(0, 0) }, .words = 2 },
	{ "range_offset", VMB_REFUSAL_RANGE_OFFSET, .type = 9,
	  .list = { RANGES(1), RANGE(8, 4096), 1 }, .words = 3 },
	{ "range_end_wraps", VMB_REFUSAL_RANGE_OFFSET, .type = 7,
	  .list = { RANGES(1), RANGE(8, 0xfffffffc) }, .words = 2 },
};

KUNIT_ARRAY_PARAM_DESC(refused, refused_packets, name);

static void send_refused(struct channel_fixture *fixture, const struct refused *refused,
			 bool completion_requested)
{
	__le64 list[8];
	u32 i;

	for (i = 0; i < refused->words; i++)
		list[i] = cpu_to_le64(refused->list[i]);
	peer_send(fixture, &(struct peer_packet) {
		.type = refused->type,
		.flags = refused->flags | completion_requested,
		.transaction_id = 0xfeed,
		.ranges = list,
		.ranges_length = refused->words * 8,
		.payload = refused->payload,
	});
}

static void refused_by_reason(struct kunit *test)
{
	const struct refused *refused = test->param_value;
	struct channel_fixture *fixture = test->priv;
	u32 i;

	channel_enable(fixture);
	send_refused(fixture, refused, true);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.refused, 1);
	for (i = 0; i < VMB_REFUSAL_COUNT; i++)
		KUNIT_EXPECT_EQ_MSG(test, fixture->channel->refusals[i], i == refused->refusal,
				    "%s", vmb_refusal_name(i));
}

/* Silence would leave its sender waiting. */
static void refused_with_one_empty_completion(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	send_refused(fixture, test->param_value, true);
	peer_expect_completion(fixture, 0xfeed, 0);
	peer_expect_nothing(fixture);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_empty, 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completed, 0);
}

static void refused_in_silence_if_nobody_waits(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	send_refused(fixture, test->param_value, false);
	peer_expect_nothing(fixture);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.refused, 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_empty, 0);
}

/* One packet is lost, not the one behind it, and no packet object. */
static void stream_goes_on(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 count, i;

	channel_enable(fixture);
	count = 2 * fixture->channel->pool.count;
	for (i = 0; i < count; i++) {
		send_refused(fixture, test->param_value, i % 2);
		if (i % 2)
			peer_expect_completion(fixture, 0xfeed, 0);
		peer_release(fixture);
	}
	peer_send_inband(fixture, 7, 8);
	KUNIT_ASSERT_EQ(test, fixture->packet_count, 1);
	KUNIT_EXPECT_EQ(test, fixture->packets[0].transaction_id, 7);
	KUNIT_EXPECT_EQ(test, channel_log_find(fixture, SUSPEND), U32_MAX);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.refused, count);
}

/* Empty completions take their turn like all others. */
static void refused_while_the_ring_is_full(struct kunit *test)
{
	static const u8 payload[3000];
	struct channel_fixture *fixture = test->priv;

	channel_configure(fixture, 3000, 5, 2);
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	peer_send_inband(fixture, 2, 8);
	channel_complete(fixture, 0, payload, 3000);
	channel_complete(fixture, 1, payload, 3000);
	send_refused(fixture, &refused_packets[0], true);
	peer_expect_completion(fixture, 1, 3000);
	peer_expect_nothing(fixture);
	KUNIT_EXPECT_TRUE(test, peer_release(fixture));
	peer_signal(fixture);
	peer_expect_completion(fixture, 2, 3000);
	peer_expect_completion(fixture, 0xfeed, 0);
}

/* Completions that nobody waits for. */

static void send_completion(struct channel_fixture *fixture, u16 flags, u32 payload)
{
	peer_send(fixture, &(struct peer_packet) {
		.type = 11, .flags = flags, .transaction_id = 3, .payload = payload,
	});
}

static void expect_dropped_completion(struct channel_fixture *fixture, enum vmb_refusal refusal)
{
	struct kunit *test = fixture->test;

	KUNIT_EXPECT_EQ(test, fixture->packet_count, 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->refusals[refusal], 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.refused, 1);
	peer_expect_nothing(fixture);
	peer_send_inband(fixture, 7, 8);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
}

static void unexpected_completion(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	send_completion(fixture, 0, 8);
	expect_dropped_completion(fixture, VMB_REFUSAL_COMPLETION_UNEXPECTED);
}

/* Whatever else is wrong with it, a completion is never answered. */
static void unexpected_completion_that_asks_for_one(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	send_completion(fixture, 1, 8);
	expect_dropped_completion(fixture, VMB_REFUSAL_COMPLETION_UNEXPECTED);
}

static void completion_with_unknown_flags(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	send_completion(fixture, 3, 8);
	expect_dropped_completion(fixture, VMB_REFUSAL_FLAGS_UNKNOWN);
}

/* Larger than a packet may be, which a completion may. */
static void completion_too_large(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	send_completion(fixture, 1, LARGEST + 8);
	expect_dropped_completion(fixture, VMB_REFUSAL_COMPLETION_UNEXPECTED);
}

/* A range list belongs to no completion; of one so long there is no room. */
static void completion_with_ranges(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u8 ranges[512] = {};

	channel_enable(fixture);
	peer_send(fixture, &(struct peer_packet) {
		.type = 11, .flags = 1, .transaction_id = 3,
		.ranges = ranges, .ranges_length = sizeof(ranges),
	});
	expect_dropped_completion(fixture, VMB_REFUSAL_PACKET_TOO_LARGE);
}

/* Framing lost. */

/**
 * struct lost - how a peer breaks the inbound ring
 * @name: of the case.
 * @refusal: the reason that is to be given.
 * @offset8: in the descriptor of the packet at the head.
 * @length8: in the same descriptor.
 * @end: where write_index says that it ends; it takes 40 bytes.
 * @read_index: what the peer writes over ours.
 */
struct lost {
	const char *name;
	enum vmb_refusal refusal;
	u16 offset8;
	u16 length8;
	u32 end;
	u32 read_index;
};

/* Of 5 pages one is the control page. */
#define RING		(4 * 4096u)

static const struct lost lost_framings[] = {
	{ "write_index_at_the_end", VMB_REFUSAL_INDEX_RANGE, 2, 4, RING },
	{ "write_index_far_away", VMB_REFUSAL_INDEX_RANGE, 2, 4, 0xfffffff8 },
	{ "write_index_odd", VMB_REFUSAL_INDEX_ALIGNMENT, 2, 4, 44 },
	{ "our_index_changed", VMB_REFUSAL_INDEX_OURS_CHANGED, 2, 4, 40, 8 },
	{ "length_zero", VMB_REFUSAL_LENGTH_BELOW_HEADER, 2, 0, 40 },
	{ "length_below_header", VMB_REFUSAL_LENGTH_BELOW_HEADER, 1, 1, 40 },
	{ "less_than_a_packet_published", VMB_REFUSAL_LENGTH_BELOW_HEADER, 2, 2, 16 },
	{ "length_beyond_available", VMB_REFUSAL_LENGTH_BEYOND_AVAILABLE, 2, 0xffff, 40 },
	/* Bytes for the packet, none for the 8 behind it. */
	{ "length_forgets_the_trailer", VMB_REFUSAL_LENGTH_BEYOND_AVAILABLE, 2, 5, 40 },
	{ "offset_below_header", VMB_REFUSAL_OFFSET_BELOW_HEADER, 1, 4, 40 },
	{ "offset_beyond_length", VMB_REFUSAL_OFFSET_BEYOND_LENGTH, 5, 4, 40 },
};

KUNIT_ARRAY_PARAM_DESC(lost, lost_framings, name);

static void send_lost(struct channel_fixture *fixture, const struct lost *lost)
{
	peer_put(fixture, &(struct peer_packet) {
		.type = 6, .flags = 1, .transaction_id = 9, .payload = 16,
		.lie = true, .offset8 = lost->offset8, .length8 = lost->length8,
	});
	fixture->write_index = lost->end;
	if (lost->read_index)
		peer_set(&fixture->inbound, RING_IMAGE_READ_INDEX, lost->read_index);
	peer_publish(fixture);
	peer_signal(fixture);
}

static void framing_lost_by_reason(struct kunit *test)
{
	const struct lost *lost = test->param_value;
	struct channel_fixture *fixture = test->priv;
	u32 i;

	channel_enable(fixture);
	send_lost(fixture, lost);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.refused, 1);
	for (i = 0; i < VMB_REFUSAL_COUNT; i++)
		KUNIT_EXPECT_EQ_MSG(test, fixture->channel->refusals[i], i == lost->refusal,
				    "%s", vmb_refusal_name(i));
}

static void framing_lost_closes_in_order(struct kunit *test)
{
	static const struct channel_entry expected[] = {
		{ TRANSPORT_OPEN }, { OPENED }, { STARTED }, { POST_STARTED },
		{ SUSPEND, VMB_CHANNEL_STOP_FRAMING_LOST }, { TRANSPORT_CLOSE },
		{ CLOSED, VMB_CHANNEL_STOP_FRAMING_LOST },
	};
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	send_lost(fixture, test->param_value);
	channel_settle(fixture);
	channel_expect_log(fixture, expected, ARRAY_SIZE(expected));
}

/*
 * The malformed packet stays at the head of the ring for as long as the channel
 * takes to close: however often the bell rings, nobody reads it again, and the
 * ring is not busy.
 */
static void malformed_packet_is_not_read_twice(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	fixture->write_index = 40 + 32;
	peer_set(&fixture->inbound, RING_IMAGE_WRITE_INDEX, 36);
	peer_signal(fixture);
	/* Held up by the client, which has packet 1. */
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&fixture->suspended,
							  CHANNEL_FIXTURE_PATIENCE), 0);
	for (i = 0; i < 10; i++) {
		peer_signal(fixture);
		KUNIT_EXPECT_FALSE(test, fixture->transport.scheduled);
	}
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.refused, 1);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	channel_settle(fixture);
	KUNIT_EXPECT_NE(test, channel_log_find(fixture, CLOSED), U32_MAX);
}

/* What came before the malformed one was sound, and is delivered. */
static void packets_in_front_are_delivered(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->process = channel_complete_inline;
	channel_enable(fixture);
	peer_put(fixture, &(struct peer_packet) { .type = 6, .flags = 1, .transaction_id = 1 });
	peer_put(fixture, &(struct peer_packet) { .type = 6, .lie = true, .offset8 = 2 });
	peer_publish(fixture);
	peer_signal(fixture);
	channel_settle(fixture);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_sent, 1);
	KUNIT_EXPECT_GT(test, channel_log_find(fixture, SUSPEND),
			channel_log_find(fixture, PACKET));
}

/* The peer takes back what was read already. */
static void write_index_moves_back(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->process = channel_complete_inline;
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 64);
	fixture->write_index = 24;
	peer_publish(fixture);
	peer_signal(fixture);
	channel_settle(fixture);
	/* Seen from where we are, it is a ring nearly full of old bytes. */
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.refused, 1);
	KUNIT_EXPECT_NE(test, channel_log_find(fixture, CLOSED), U32_MAX);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
}

/* The outbound ring. */

struct lost_outbound {
	const char *name;
	enum vmb_refusal refusal;
	u32 read_index;
	u32 write_index;
};

static const struct lost_outbound lost_outbounds[] = {
	{ "read_index_at_the_end", VMB_REFUSAL_INDEX_RANGE, 4096 },
	{ "read_index_odd", VMB_REFUSAL_INDEX_ALIGNMENT, 12 },
	{ "read_index_past_ours", VMB_REFUSAL_INDEX_BACKWARDS, 3032 },
	{ "our_index_changed", VMB_REFUSAL_INDEX_OURS_CHANGED, 0, 8 },
};

KUNIT_ARRAY_PARAM_DESC(lost_outbound, lost_outbounds, name);

static const u8 large_payload[3000];

static void break_outbound(struct channel_fixture *fixture, const struct lost_outbound *lost)
{
	if (lost->write_index)
		peer_set(&fixture->outbound, RING_IMAGE_WRITE_INDEX, lost->write_index);
	peer_set(&fixture->outbound, RING_IMAGE_READ_INDEX, lost->read_index);
}

static void expect_outbound_lost(struct channel_fixture *fixture, const struct lost_outbound *lost)
{
	struct kunit *test = fixture->test;
	u32 closed;

	channel_settle(fixture);
	KUNIT_EXPECT_EQ(test, fixture->channel->refusals[lost->refusal], 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.refused, 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_dropped, 1);
	closed = channel_log_find(fixture, CLOSED);
	KUNIT_ASSERT_NE(test, closed, U32_MAX);
	KUNIT_EXPECT_EQ(test, fixture->log[closed].detail, VMB_CHANNEL_STOP_FRAMING_LOST);
}

/* Two packets in the client's hands, and a ring that holds one answer. */
static void hold_two(struct channel_fixture *fixture)
{
	channel_configure(fixture, 3000, 5, 2);
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	peer_send_inband(fixture, 2, 8);
}

static void outbound_framing_lost(struct kunit *test)
{
	const struct lost_outbound *lost = test->param_value;
	struct channel_fixture *fixture = test->priv;

	hold_two(fixture);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, large_payload, 3000), 0);
	break_outbound(fixture, lost);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 1, large_payload, 3000), -ENODEV);
	expect_outbound_lost(fixture, lost);
}

/* With an answer in the queue, by who looks whether it waits for nothing. */
static void outbound_framing_lost_when_looked_at(struct kunit *test)
{
	const struct lost_outbound *lost = test->param_value;
	struct channel_fixture *fixture = test->priv;

	hold_two(fixture);
	vmb_watchdog_stop(fixture->channel);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, large_payload, 3000), 0);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 1, large_payload, 3000), 0);
	vmb_watchdog_poll(fixture->channel);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.refused, 0);
	break_outbound(fixture, lost);
	vmb_watchdog_poll(fixture->channel);
	expect_outbound_lost(fixture, lost);
}

static void complete_large(struct channel_fixture *fixture, struct channel_packet *packet)
{
	int *ret = fixture->private;

	packet->done = true;
	*ret = vmb_channel_packet_complete(packet->packet, large_payload, 3000);
}

/* A client that only ever completes inside the callback finds out as well. */
static void outbound_framing_lost_inside_the_callback(struct kunit *test)
{
	const struct lost_outbound *lost = test->param_value;
	struct channel_fixture *fixture = test->priv;
	int ret = 0;

	channel_configure(fixture, 3000, 5, 2);
	channel_enable(fixture);
	fixture->private = &ret;
	fixture->process = complete_large;
	peer_send_inband(fixture, 1, 8);
	KUNIT_EXPECT_EQ(test, ret, 0);
	break_outbound(fixture, lost);
	peer_send_inband(fixture, 2, 8);
	KUNIT_EXPECT_EQ(test, ret, -ENODEV);
	expect_outbound_lost(fixture, lost);
}

/* A completion waits already when the peer's signal comes. */
static void outbound_framing_lost_by_the_queue(struct kunit *test)
{
	const struct lost_outbound *lost = test->param_value;
	struct channel_fixture *fixture = test->priv;

	hold_two(fixture);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, large_payload, 3000), 0);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 1, large_payload, 3000), 0);
	break_outbound(fixture, lost);
	peer_signal(fixture);
	expect_outbound_lost(fixture, lost);
}

static struct kunit_case channel_refusal_cases[] = {
	KUNIT_CASE_PARAM(refused_by_reason, refused_gen_params),
	KUNIT_CASE_PARAM(refused_with_one_empty_completion, refused_gen_params),
	KUNIT_CASE_PARAM(refused_in_silence_if_nobody_waits, refused_gen_params),
	KUNIT_CASE_PARAM(stream_goes_on, refused_gen_params),
	KUNIT_CASE(refused_while_the_ring_is_full),
	KUNIT_CASE(unexpected_completion),
	KUNIT_CASE(unexpected_completion_that_asks_for_one),
	KUNIT_CASE(completion_with_unknown_flags),
	KUNIT_CASE(completion_too_large),
	KUNIT_CASE(completion_with_ranges),
	KUNIT_CASE_PARAM(framing_lost_by_reason, lost_gen_params),
	KUNIT_CASE_PARAM(framing_lost_closes_in_order, lost_gen_params),
	KUNIT_CASE(malformed_packet_is_not_read_twice),
	KUNIT_CASE(packets_in_front_are_delivered),
	KUNIT_CASE(write_index_moves_back),
	KUNIT_CASE_PARAM(outbound_framing_lost, lost_outbound_gen_params),
	KUNIT_CASE_PARAM(outbound_framing_lost_when_looked_at, lost_outbound_gen_params),
	KUNIT_CASE_PARAM(outbound_framing_lost_inside_the_callback, lost_outbound_gen_params),
	KUNIT_CASE_PARAM(outbound_framing_lost_by_the_queue, lost_outbound_gen_params),
	{}
};

static struct kunit_suite channel_refusal_suite = {
	.name = "vmbkmcl_channel_refusal",
	.init = refusal_init,
	.exit = channel_fixture_exit,
	.test_cases = channel_refusal_cases,
};

kunit_test_suite(channel_refusal_suite);
