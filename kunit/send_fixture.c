// SPDX-License-Identifier: GPL-2.0
/*
 * A client that sends, a peer that takes. See send_fixture.h.
 */
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "send_fixture.h"

int send_fixture_init(struct kunit *test)
{
	int ret = channel_fixture_init(test);
	struct channel_fixture *fixture = test->priv;
	struct sender *sender;

	if (ret)
		return ret;
	sender = kunit_kzalloc(test, sizeof(*sender), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sender);
	sender->body = kunit_kzalloc(test, SEND_FIXTURE_BYTES, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sender->body);
	sender->payload = kunit_kzalloc(test, SEND_FIXTURE_BYTES, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sender->payload);
	sender->fixture = fixture;
	/* Where ring_image_expect() lays out what it expects. */
	fixture->outgoing.scratch = sender->body;
	spin_lock_init(&sender->lock);
	init_waitqueue_head(&sender->ended);
	fixture->private = sender;
	return 0;
}

/* Whatever a test that broke off has left behind. */
void send_fixture_exit(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct sender *sender;
	u32 i;

	if (!fixture || !fixture->private)
		return;
	sender = sender_of(fixture);
	sender->on_end = NULL;
	fixture->process = NULL;
	fixture->on_state = NULL;
	fixture->transport.gone = true;
	if (fixture->channel && !vmb_channel_is_configurable(fixture->channel))
		for (i = 0; i < min(fixture->packet_count, CHANNEL_FIXTURE_PACKETS); i++)
			channel_complete(fixture, i, NULL, 0);
	if (fixture->channel)
		vmb_channel_disable(fixture->channel);
	flush_work(&fixture->helper);
	if (fixture->channel)
		for (i = 0; i < SEND_FIXTURE_PACKETS; i++)
			send_free(fixture, i);
	channel_fixture_exit(test);
}

/* The client. */

void send_routine(struct vmb_packet *packet, void *context, int status,
		  const void *buffer, u32 length)
{
	struct sender *sender = context;
	struct send_end end = {
		.number = (unsigned long)vmb_packet_get_pointer(packet),
		.status = status,
		.length = length,
		.has_buffer = buffer,
		.filled = buffer && ring_image_is_filled(buffer, length, length),
	};
	unsigned long flags;

	spin_lock_irqsave(&sender->lock, flags);
	/* A test that gets more than it can hold has failed already. */
	if (sender->end_count < SEND_FIXTURE_ENDS)
		sender->ends[sender->end_count] = end;
	sender->end_count++;
	spin_unlock_irqrestore(&sender->lock, flags);
	if (sender->on_end)
		sender->on_end(sender, packet, &end);
	wake_up_all(&sender->ended);
}

/* An allocated packet that writes down its end. */
struct vmb_packet *send_make(struct channel_fixture *fixture, u32 number)
{
	struct sender *sender = sender_of(fixture);
	struct vmb_packet *packet = vmb_packet_allocate(fixture->channel);

	KUNIT_ASSERT_NOT_NULL(fixture->test, packet);
	vmb_packet_set_completion_routine(packet, sender, send_routine);
	vmb_packet_set_pointer(packet, (void *)(unsigned long)number);
	sender->packets[number] = packet;
	return packet;
}

void send_free(struct channel_fixture *fixture, u32 number)
{
	struct sender *sender = sender_of(fixture);

	if (sender->packets[number])
		vmb_packet_free(sender->packets[number]);
	sender->packets[number] = NULL;
}

/* Its payload's seed is its number. Makes it if it is new. */
int send_try(struct channel_fixture *fixture, u32 number, u32 length, u32 flags)
{
	struct sender *sender = sender_of(fixture);
	struct vmb_packet *packet = sender->packets[number];
	int ret;

	if (!packet)
		packet = send_make(fixture, number);
	ring_image_fill(sender->payload, number, length);
	ret = vmb_packet_send(packet, sender->payload, length, NULL, 0, flags);
	/* It was copied during the call. */
	memset(sender->payload, 0xa5, length);
	return ret;
}

void send_one(struct channel_fixture *fixture, u32 number, u32 length, u32 flags)
{
	KUNIT_ASSERT_EQ_MSG(fixture->test, send_try(fixture, number, length, flags), 0,
			    "packet %u", number);
}

/* Before the channel is enabled. */
void send_allow_external(struct channel_fixture *fixture)
{
	KUNIT_ASSERT_EQ(fixture->test,
			vmb_channel_init_set_maximum_external_data(fixture->channel,
								   SEND_EXTERNAL_BYTES,
								   SEND_EXTERNAL_CHAIN), 0);
}

static void send_put_pages(void *page)
{
	put_page(page);
}

/* Neighbours in RAM, for as long as the test is, or somebody else keeps them. */
struct page *send_pages(struct channel_fixture *fixture, u32 order)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP | __GFP_ZERO, order);

	KUNIT_ASSERT_NOT_NULL(fixture->test, page);
	KUNIT_ASSERT_EQ(fixture->test,
			kunit_add_action_or_reset(fixture->test, send_put_pages, page), 0);
	return page;
}

/* Without payload. */
int send_external(struct channel_fixture *fixture, u32 number,
		  const struct bio_vec *vectors, u32 vector_count, u32 flags)
{
	struct vmb_packet *packet = sender_of(fixture)->packets[number];

	if (!packet)
		packet = send_make(fixture, number);
	return vmb_packet_send(packet, NULL, 0, vectors, vector_count, flags);
}

void send_expect_ends(struct channel_fixture *fixture, u32 count)
{
	KUNIT_EXPECT_EQ(fixture->test, READ_ONCE(sender_of(fixture)->end_count), count);
}

/* The routine's call at this position was for this packet, without payload. */
void send_expect_end(struct channel_fixture *fixture, u32 position, u32 number,
		     int status)
{
	const struct send_end *end = &sender_of(fixture)->ends[position];
	struct kunit *test = fixture->test;

	KUNIT_ASSERT_GT_MSG(test, sender_of(fixture)->end_count, position,
			    "packet %u has not ended", number);
	KUNIT_EXPECT_EQ_MSG(test, end->number, number, "end %u", position);
	KUNIT_EXPECT_EQ_MSG(test, end->status, status, "end %u", position);
	KUNIT_EXPECT_EQ(test, end->length, 0);
	KUNIT_EXPECT_FALSE(test, end->has_buffer);
}

/* The same, with what peer_answer() said. */
void send_expect_answered(struct channel_fixture *fixture, u32 position,
			  u32 number, u32 length)
{
	const struct send_end *end = &sender_of(fixture)->ends[position];
	struct kunit *test = fixture->test;

	if (!length) {
		send_expect_end(fixture, position, number, 0);
		return;
	}
	KUNIT_ASSERT_GT_MSG(test, sender_of(fixture)->end_count, position,
			    "packet %u has not ended", number);
	KUNIT_EXPECT_EQ_MSG(test, end->number, number, "end %u", position);
	KUNIT_EXPECT_EQ(test, end->status, 0);
	KUNIT_EXPECT_EQ(test, end->length, length);
	KUNIT_EXPECT_TRUE(test, end->filled);
}

/* What was accepted has ended, once. */
void send_expect_balance(struct channel_fixture *fixture, u64 sends, u64 failed)
{
	const struct vmb_counters *counters = &fixture->channel->counters;
	struct kunit *test = fixture->test;

	KUNIT_EXPECT_EQ(test, counters->sends, sends);
	KUNIT_EXPECT_EQ(test, counters->sends_failed, failed);
	KUNIT_EXPECT_EQ(test, counters->sends_completed, sends - failed);
}

/* The transport. */

/* Its operations, for the test to change; on a disabled channel. */
struct vmb_channel_transport_operations *
send_change_transport(struct channel_fixture *fixture)
{
	struct sender *sender = sender_of(fixture);

	sender->original = fixture->channel->operations;
	sender->operations = *sender->original;
	fixture->channel->operations = &sender->operations;
	return &sender->operations;
}

static bool no_peer(struct vmb_channel *channel)
{
	return false;
}

/* Enabled, and not open before vmb_channel_peer_arrived(). */
void send_wait_for_peer(struct channel_fixture *fixture)
{
	send_change_transport(fixture)->find_peer = no_peer;
	channel_enable(fixture);
	KUNIT_ASSERT_EQ(fixture->test, channel_log_find(fixture, TRANSPORT_OPEN), U32_MAX);
}

/* The peer. */

static void peer_copy(struct channel_fixture *fixture, u8 *to, u32 length)
{
	const struct ring_image *ring = &fixture->outgoing;
	u32 i;

	for (i = 0; i < length; i++) {
		to[i] = ring->data[fixture->read_index];
		fixture->read_index = (fixture->read_index + 1) % ring->size;
	}
}

static u64 word(const u8 *from, u32 bytes)
{
	u64 value = 0;

	while (bytes--)
		value = value << 8 | from[bytes];
	return value;
}

/*
 * Take what is next in the ring, of whatever kind, without giving its room back.
 * False: nothing is.
 */
bool peer_take(struct channel_fixture *fixture, struct sent_packet *sent)
{
	const struct ring_image *ring = &fixture->outgoing;
	/* pairs with what the other end publishes after its packets */
	u32 write_index = le32_to_cpu(smp_load_acquire((__le32 *)ring->control));
	u8 *body = sender_of(fixture)->body;
	struct kunit *test = fixture->test;
	u8 head[16], trailer[8];
	u32 available;

	if (write_index == fixture->read_index)
		return false;
	KUNIT_ASSERT_LT(test, write_index, ring->size);
	KUNIT_ASSERT_EQ(test, write_index % 8, 0);
	available = (write_index + ring->size - fixture->read_index) % ring->size;
	KUNIT_ASSERT_GE(test, available, AROUND);
	sent->start = fixture->read_index;
	peer_copy(fixture, head, sizeof(head));
	sent->type = word(head, 2);
	sent->offset = word(head + 2, 2) * 8;
	sent->length = word(head + 4, 2) * 8;
	sent->flags = word(head + 6, 2);
	sent->transaction_id = word(head + 8, 8);
	sent->body = body;
	KUNIT_ASSERT_GE(test, sent->offset, 16);
	KUNIT_ASSERT_GE(test, sent->length, sent->offset);
	KUNIT_ASSERT_LE(test, sent->length + 8, available);
	KUNIT_ASSERT_LE(test, sent->length - 16, SEND_FIXTURE_BYTES);
	peer_copy(fixture, body, sent->length - 16);
	peer_copy(fixture, trailer, sizeof(trailer));
	KUNIT_EXPECT_EQ(test, word(trailer, 4), 0);
	KUNIT_EXPECT_EQ(test, word(trailer + 4, 4), sent->start);
	return true;
}

/* The next thing in the ring is this packet. Returns its id. */
u64 peer_expect_sent(struct channel_fixture *fixture, u32 number, u32 length,
		     u32 flags)
{
	struct kunit *test = fixture->test;
	struct sent_packet sent = {};
	u32 i;

	KUNIT_ASSERT_TRUE_MSG(test, peer_take(fixture, &sent), "no packet %u", number);
	KUNIT_EXPECT_EQ(test, sent.type, 6);
	KUNIT_EXPECT_EQ(test, sent.offset, 16);
	KUNIT_EXPECT_EQ(test, sent.length, 16 + round_up(length, 8));
	KUNIT_EXPECT_EQ(test, sent.flags, flags & WAIT);
	/* 0 is nobody's: neither an id of now nor one that was used before. */
	KUNIT_EXPECT_EQ(test, !sent.transaction_id, !(flags & WAIT));
	KUNIT_EXPECT_TRUE_MSG(test, ring_image_is_filled(sent.body, number, length),
			      "payload of packet %u", number);
	for (i = length; i < sent.length - 16; i++)
		KUNIT_EXPECT_EQ(test, sent.body[i], 0);
	return sent.transaction_id;
}

/* Give back the room of all that was taken, with a signal if one is asked for. */
void peer_make_room(struct channel_fixture *fixture)
{
	if (peer_release(fixture))
		peer_signal(fixture);
}

/* Complete a packet; the answer's seed is its length. */
void peer_answer(struct channel_fixture *fixture, u64 transaction_id, u32 length)
{
	peer_send(fixture, &(struct peer_packet) {
		.type = 11, .transaction_id = transaction_id, .payload = length,
		.seed = length,
	});
}
