// SPDX-License-Identifier: GPL-2.0
/*
 * When the peer gets the room of what was read: before a callback that may sleep, of
 * packets and of completions, whatever was read before it.
 */
#include <kunit/test.h>

#include "../fixtures/send_fixture.h"

/* A ring of one page, all of it in packets of so many bytes, but for the last. */
#define RING		4096u
#define SMALL		32u
/* No packet has that type. */
#define NO_TYPE		99u

/**
 * struct room - what the peer knew when something was called
 * @calls: how often that was.
 * @read_index: how far the client had read, in the last call.
 * @signals: and how many signals had come by then.
 */
struct room {
	u32 calls;
	u32 read_index;
	u32 signals;
};

static struct room *room_of(struct channel_fixture *fixture)
{
	return sender_of(fixture)->private;
}

static int room_init(struct kunit *test)
{
	int ret = send_fixture_init(test);
	struct channel_fixture *fixture = test->priv;

	if (ret)
		return ret;
	sender_of(fixture)->private = kunit_kzalloc(test, sizeof(struct room), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, room_of(fixture));
	channel_configure(fixture, 64, CHANNEL_FIXTURE_SMALL, 17);
	return 0;
}

static void note(struct channel_fixture *fixture)
{
	struct room *room = room_of(fixture);

	room->calls++;
	room->read_index = peer_inbound_read_index(fixture);
	room->signals = fixture->transport.signals;
}

static void note_and_complete(struct channel_fixture *fixture, struct channel_packet *packet)
{
	note(fixture);
	channel_complete_inline(fixture, packet);
}

static void note_end(struct sender *sender, struct vmb_packet *packet,
		     const struct send_end *end)
{
	note(sender->fixture);
}

static void put(struct channel_fixture *fixture, u16 type, u64 id, u32 payload)
{
	peer_put(fixture, &(struct peer_packet) {
		.type = type, .transaction_id = id, .payload = payload,
	});
}

/* The peer has written, and is to be told when there is more room than @pending. */
static void read_all(struct channel_fixture *fixture, u32 pending)
{
	fixture->transport.signals = 0;
	peer_set(&fixture->inbound, RING_IMAGE_PENDING_SEND_SIZE, pending);
	peer_publish(fixture);
	peer_signal(fixture);
	channel_settle_packets(fixture);
}

static void expect_room(struct channel_fixture *fixture, u32 calls, u32 read_index,
			u32 signals)
{
	const struct room *room = room_of(fixture);
	struct kunit *test = fixture->test;

	KUNIT_EXPECT_EQ(test, room->calls, calls);
	KUNIT_EXPECT_EQ(test, room->read_index, read_index);
	KUNIT_EXPECT_EQ(test, room->signals, signals);
}

/* Not even its own packet has the room, if it is as long as there can be. */
static void callback_has_the_room_of_no_packet(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_configure(fixture, RING / 2, CHANNEL_FIXTURE_SMALL, 17);
	vmb_channel_set_incoming_processing_at_passive(fixture->channel, true);
	fixture->process = note_and_complete;
	channel_enable(fixture);
	put(fixture, VMB_WIRE_TYPE_DATA_INBAND, 1, RING / 2 - AROUND);
	read_all(fixture, RING / 2);
	expect_room(fixture, 1, RING / 2, 1);
}

/* Between two others, and nearly as long as the ring. */
static void put_one_to_be_refused(struct channel_fixture *fixture)
{
	put(fixture, VMB_WIRE_TYPE_DATA_INBAND, 1, SMALL - AROUND);
	put(fixture, NO_TYPE, 2, RING - 3 * SMALL - AROUND);
	put(fixture, VMB_WIRE_TYPE_DATA_INBAND, 3, SMALL - AROUND);
	read_all(fixture, RING / 2);
	channel_expect_order(fixture, (const u64[]) { 1, 3 }, 2);
}

static void callback_has_no_room_of_a_refused_packet(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	vmb_channel_set_incoming_processing_at_passive(fixture->channel, true);
	fixture->process = note_and_complete;
	channel_enable(fixture);
	put_one_to_be_refused(fixture);
	expect_room(fixture, 2, RING - SMALL, 1);
}

/* Where no callback sleeps a quarter of the ring is the most that is held back. */
static void refused_packet_has_no_room_for_long(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->process = note_and_complete;
	channel_enable(fixture);
	put_one_to_be_refused(fixture);
	KUNIT_EXPECT_EQ(test, room_of(fixture)->calls, 2);
	KUNIT_EXPECT_GE(test, room_of(fixture)->read_index, RING - SMALL - RING / 4);
	KUNIT_EXPECT_EQ(test, fixture->transport.signals, 1);
}

/* Two that wait for the peer. Its ids for them are in @ids. */
static void send_two(struct channel_fixture *fixture, u64 *ids)
{
	u32 i;

	channel_enable(fixture);
	for (i = 0; i < 2; i++) {
		send_one(fixture, i, 8, WAIT);
		ids[i] = peer_expect_sent(fixture, i, 8, WAIT);
	}
	sender_of(fixture)->on_end = note_end;
}

/* The routines of both may sleep: the second is called with the room given back. */
static void answer_both(struct channel_fixture *fixture, const u64 *ids)
{
	u32 before = peer_inbound_read_index(fixture);

	put(fixture, VMB_WIRE_TYPE_COMPLETION, ids[0], SMALL - AROUND);
	put(fixture, VMB_WIRE_TYPE_COMPLETION, ids[1], SMALL - AROUND);
	read_all(fixture, RING - SMALL);
	send_expect_ends(fixture, 2);
	expect_room(fixture, 2, before + 2 * SMALL, 1);
}

static void routine_has_no_room(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 ids[2];

	vmb_channel_set_incoming_processing_at_passive(fixture->channel, true);
	send_two(fixture, ids);
	answer_both(fixture, ids);
}

static void nor_where_no_packet_can_be_delivered(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 ids[2];

	vmb_channel_set_incoming_processing_at_passive(fixture->channel, true);
	channel_hold_at_most(fixture, 1);
	send_two(fixture, ids);
	put(fixture, VMB_WIRE_TYPE_DATA_INBAND, 1, SMALL - AROUND);
	read_all(fixture, 0);
	KUNIT_ASSERT_EQ(test, fixture->packet_count, 1);
	answer_both(fixture, ids);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
}

static void nor_in_a_pause(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 ids[2];

	vmb_channel_set_incoming_processing_at_passive(fixture->channel, true);
	send_two(fixture, ids);
	KUNIT_ASSERT_EQ(test, vmb_channel_pause(fixture->channel), 0);
	answer_both(fixture, ids);
}

/* It ends what it completes, as if it were none that is refused. */
static void nor_of_a_completion_that_is_refused(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 ids[2];

	vmb_channel_set_incoming_processing_at_passive(fixture->channel, true);
	send_two(fixture, ids);
	peer_put(fixture, &(struct peer_packet) {
		.type = VMB_WIRE_TYPE_COMPLETION, .flags = 1 << 15,
		.transaction_id = ids[0], .payload = RING / 2 - AROUND,
	});
	read_all(fixture, RING / 2);
	send_expect_ends(fixture, 1);
	send_expect_end(fixture, 0, 0, -EPROTO);
	expect_room(fixture, 1, RING / 2, 1);
}

static struct kunit_case inbound_room_cases[] = {
	KUNIT_CASE(callback_has_the_room_of_no_packet),
	KUNIT_CASE(callback_has_no_room_of_a_refused_packet),
	KUNIT_CASE(refused_packet_has_no_room_for_long),
	KUNIT_CASE(routine_has_no_room),
	KUNIT_CASE(nor_where_no_packet_can_be_delivered),
	KUNIT_CASE(nor_in_a_pause),
	KUNIT_CASE(nor_of_a_completion_that_is_refused),
	{}
};

static struct kunit_suite inbound_room_suite = {
	.name = "vmbkmcl_inbound_room",
	.init = room_init,
	.exit = send_fixture_exit,
	.test_cases = inbound_room_cases,
};

kunit_test_suite(inbound_room_suite);
