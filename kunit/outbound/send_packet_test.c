// SPDX-License-Identifier: GPL-2.0
/*
 * Packets that a client sends: how they look in the ring, how they end, and what
 * comes of completions that are wrong.
 */
#include <kunit/test.h>
#include <linux/limits.h>
#include <linux/mm.h>

#include "../fixtures/send_fixture.h"

#define LARGEST		1000u
#define MOST		4u

static int packet_init(struct kunit *test)
{
	int ret = send_fixture_init(test);
	struct channel_fixture *fixture = test->priv;

	if (ret)
		return ret;
	channel_configure(fixture, LARGEST, 17, 17);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_packet_count(fixture->channel,
									MOST), 0);
	return 0;
}

static void no_routine(struct vmb_packet *packet, void *context, int status,
		       const void *buffer, u32 length)
{
}

static u64 refused(struct channel_fixture *fixture, enum vmb_refusal refusal)
{
	return fixture->channel->refusals[refusal];
}

/* In the ring. */

/* Every byte, from the protocol. */
static void wire_image(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	static const u32 lengths[] = { 0, 1, 7, 8, 9, 15, 16, 17, 333, LARGEST };
	struct ring_image_packet expected = { .type = 6, .offset8 = 2 };
	u32 index = 0;
	u32 i;

	channel_enable(fixture);
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		send_one(fixture, 0, lengths[i], 0);
		expected.length8 = 2 + (lengths[i] + 7) / 8;
		expected.body = lengths[i];
		expected.body_padding = round_up(lengths[i], 8) - lengths[i];
		ring_image_expect(test, &fixture->outbound, index, &expected);
		index += round_up(lengths[i], 8) + AROUND;
		KUNIT_EXPECT_EQ(test, ring_image_get(&fixture->outbound, RING_IMAGE_WRITE_INDEX),
				index);
		send_expect_end(fixture, i, 0, 0);
	}
	send_expect_balance(fixture, ARRAY_SIZE(lengths), 0);
}

static void wire_image_that_waits(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct ring_image_packet expected = {
		.type = 6, .offset8 = 2, .length8 = 5, .flags = 1, .body = 21,
		.body_padding = 3, .seed = 2,
	};

	channel_enable(fixture);
	send_one(fixture, 2, 21, WAIT);
	expected.transaction_id = peer_expect_sent(fixture, 2, 21, WAIT);
	KUNIT_EXPECT_NE(test, expected.transaction_id, 0);
	ring_image_expect(test, &fixture->outbound, 0, &expected);
	KUNIT_EXPECT_EQ(test, ring_image_get(&fixture->outbound, RING_IMAGE_WRITE_INDEX), 48);
	send_expect_ends(fixture, 0);
}

/* One signal, and that only if the ring was empty. */
static void signals(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 before;

	channel_enable(fixture);
	before = fixture->transport.signals;
	send_one(fixture, 0, 8, 0);
	KUNIT_EXPECT_EQ(test, fixture->transport.signals, before + 1);
	send_one(fixture, 0, 8, 0);
	KUNIT_EXPECT_EQ(test, fixture->transport.signals, before + 1);
	peer_expect_sent(fixture, 0, 8, 0);
	peer_expect_sent(fixture, 0, 8, 0);
	peer_make_room(fixture);
	send_one(fixture, 0, 8, 0);
	KUNIT_EXPECT_EQ(test, fixture->transport.signals, before + 2);
}

static void refused_sends(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct bio_vec vector = { .bv_page = virt_to_page(sender_of(fixture)->payload),
				  .bv_len = 8 };
	struct vmb_packet *packet = send_make(fixture, 0);

	KUNIT_EXPECT_EQ(test, send_try(fixture, 0, 8, WAIT), -ENODEV);
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, send_try(fixture, 0, 8, 0x20), -EINVAL);
	KUNIT_EXPECT_EQ(test, send_try(fixture, 0, 8, 0x80000001), -EINVAL);
	KUNIT_EXPECT_EQ(test, send_try(fixture, 0, LARGEST + 1, WAIT), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, NULL, U32_MAX, NULL, 0, WAIT), -EMSGSIZE);
	/* This channel takes no external data at all. */
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, NULL, 0, &vector, 1, WAIT), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, NULL, 0, &vector, 1, 0), -EINVAL);
	send_expect_ends(fixture, 0);
	send_expect_balance(fixture, 0, 0);
	peer_expect_nothing(fixture);
	/* It is as good as before, also with flags that mean nothing here. */
	send_one(fixture, 0, LARGEST, WAIT | VMB_CHANNEL_FORMAT_FLAG_PAGED_BUFFER);
	peer_answer(fixture, peer_expect_sent(fixture, 0, LARGEST, WAIT), 0);
	send_expect_end(fixture, 0, 0, 0);
}

static void sent_twice(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 id;

	channel_enable(fixture);
	send_one(fixture, 0, 8, WAIT);
	KUNIT_EXPECT_EQ(test, send_try(fixture, 0, 16, WAIT), -EBUSY);
	KUNIT_EXPECT_EQ(test, send_try(fixture, 0, 16, 0), -EBUSY);
	/* Nor can it be freed; it is answered as if nothing had been. */
	vmb_packet_free(sender_of(fixture)->packets[0]);
	id = peer_expect_sent(fixture, 0, 8, WAIT);
	peer_expect_nothing(fixture);
	peer_answer(fixture, id, 8);
	send_expect_answered(fixture, 0, 0, 8);
	send_expect_ends(fixture, 1);
	send_expect_balance(fixture, 1, 0);
}

/* How it ends. */

static void answers_of_every_length(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 length;

	channel_enable(fixture);
	for (length = 0; length <= LARGEST; length += 8) {
		send_one(fixture, 0, 8, WAIT);
		send_expect_ends(fixture, length / 8);
		peer_answer(fixture, peer_expect_sent(fixture, 0, 8, WAIT), length);
		peer_make_room(fixture);
		send_expect_answered(fixture, length / 8, 0, length);
	}
	send_expect_balance(fixture, LARGEST / 8 + 1, 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.refused, 0);
}

static void answers_out_of_order(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 ids[MOST];
	u32 i;

	channel_enable(fixture);
	for (i = 0; i < MOST; i++)
		send_one(fixture, i, 8 * i, WAIT);
	for (i = 0; i < MOST; i++)
		ids[i] = peer_expect_sent(fixture, i, 8 * i, WAIT);
	for (i = MOST; i--;)
		peer_answer(fixture, ids[i], 8 + 8 * i);
	for (i = 0; i < MOST; i++)
		send_expect_answered(fixture, MOST - 1 - i, i, 8 + 8 * i);
	send_expect_ends(fixture, MOST);
}

/* Called in the drain, so the client gets it between its packets. */
static void answers_among_packets(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 id;

	fixture->process = channel_complete_inline;
	channel_enable(fixture);
	send_one(fixture, 0, 8, WAIT);
	id = peer_expect_sent(fixture, 0, 8, WAIT);
	peer_put(fixture, &(struct peer_packet) { .type = 6, .flags = 1, .transaction_id = 1 });
	peer_put(fixture, &(struct peer_packet) {
		.type = 11, .transaction_id = id, .payload = 24, .seed = 24 });
	peer_put(fixture, &(struct peer_packet) { .type = 6, .flags = 1, .transaction_id = 2 });
	peer_publish(fixture);
	peer_signal(fixture);
	send_expect_answered(fixture, 0, 0, 24);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 2);
	peer_expect_completion(fixture, 1, 0);
	peer_expect_completion(fixture, 2, 0);
	/* It is no packet of the client's. */
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.received, 2);
}

static void free_in_routine(struct sender *sender, struct vmb_packet *packet,
			    const struct send_end *end)
{
	vmb_packet_free(packet);
	sender->packets[end->number] = NULL;
}

static void freed_in_the_routine(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	sender_of(fixture)->on_end = free_in_routine;
	channel_enable(fixture);
	for (i = 0; i < 3 * MOST; i++) {
		send_one(fixture, i, 8, i % 2 ? WAIT : 0);
		if (i % 2) {
			peer_expect_sent(fixture, i - 1, 8, 0);
			peer_answer(fixture, peer_expect_sent(fixture, i, 8, WAIT), 0);
		}
		send_expect_end(fixture, i, i, 0);
	}
	KUNIT_EXPECT_EQ(test, fixture->channel->outbound.allocated, 0);
	KUNIT_EXPECT_EQ(test, vmb_transactions_taken(&fixture->channel->outbound.transactions), 0);
}

static void send_again(struct sender *sender, struct vmb_packet *packet,
		       const struct send_end *end)
{
	if (end->number == 0 && sender->end_count < 5)
		KUNIT_EXPECT_EQ(sender->fixture->test,
				vmb_packet_send(packet, NULL, 0, NULL, 0, WAIT), 0);
	if (end->number == 1 && sender->end_count < 5)
		KUNIT_EXPECT_EQ(sender->fixture->test,
				vmb_packet_send(packet, NULL, 0, NULL, 0, 0), 0);
}

static void sent_again_in_the_routine(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 last = 0;
	u32 i;

	sender_of(fixture)->on_end = send_again;
	channel_enable(fixture);
	send_one(fixture, 0, 0, WAIT);
	for (i = 0; i < 5; i++) {
		u64 id = peer_expect_sent(fixture, 0, 0, WAIT);

		KUNIT_EXPECT_NE(test, id, last);
		last = id;
		send_expect_ends(fixture, i);
		peer_answer(fixture, id, 0);
	}
	send_expect_ends(fixture, 5);
	peer_expect_nothing(fixture);
	sender_of(fixture)->end_count = 0;
	send_one(fixture, 1, 0, 0);
	send_expect_ends(fixture, 5);
	for (i = 0; i < 5; i++)
		peer_expect_sent(fixture, 1, 0, 0);
	peer_expect_nothing(fixture);
}

/* A packet whose routine nobody has set frees itself. */
static void default_routine(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet *packet;
	u32 i;

	channel_enable(fixture);
	for (i = 0; i < 3 * MOST; i++) {
		packet = vmb_packet_allocate(fixture->channel);
		KUNIT_ASSERT_NOT_NULL(test, packet);
		KUNIT_ASSERT_EQ(test, vmb_packet_send(packet, NULL, 0, NULL, 0,
						      i % 2 ? WAIT : 0), 0);
		KUNIT_EXPECT_EQ(test, fixture->channel->outbound.allocated, i % 2);
		if (i % 2)
			peer_answer(fixture, peer_expect_sent(fixture, 0, 0, WAIT), 8);
		else
			peer_expect_sent(fixture, 0, 0, 0);
		KUNIT_EXPECT_EQ(test, fixture->channel->outbound.allocated, 0);
	}
	send_expect_balance(fixture, 3 * MOST, 0);
}

/* Transaction ids. */

static void ids_are_small_and_new(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 *ids = kunit_kcalloc(test, 200, sizeof(*ids), GFP_KERNEL);
	u32 i, k;

	KUNIT_ASSERT_NOT_NULL(test, ids);
	channel_enable(fixture);
	for (i = 0; i < 200; i++) {
		send_one(fixture, i % MOST, 0, WAIT);
		ids[i] = peer_expect_sent(fixture, i % MOST, 0, WAIT);
		peer_make_room(fixture);
		KUNIT_EXPECT_NE(test, ids[i], 0);
		KUNIT_EXPECT_LE(test, ids[i], U32_MAX);
		/* Neither is it an address, or half of one. */
		KUNIT_EXPECT_LT(test, ids[i], 4096);
		for (k = 0; k < i; k++)
			KUNIT_ASSERT_NE(test, ids[i], ids[k]);
		peer_answer(fixture, ids[i], 0);
	}
	send_expect_balance(fixture, 200, 0);
}

/* 32 bits of generations end one day; 0 is left out. */
static void generations_begin_anew(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_transactions *transactions = &fixture->channel->outbound.transactions;
	u32 i;

	/* The slot that is taken next, four generations before the end. */
	transactions->table[transactions->free].id = 0 - 4 * transactions->count;
	channel_enable(fixture);
	for (i = 0; i < 8; i++) {
		u64 id;

		send_one(fixture, 0, 0, WAIT);
		id = peer_expect_sent(fixture, 0, 0, WAIT);
		KUNIT_EXPECT_NE(test, id, 0);
		KUNIT_EXPECT_LE(test, id, U32_MAX);
		peer_answer(fixture, id, 0);
		send_expect_ends(fixture, i + 1);
	}
}

static void wrong_completions(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 first, second;
	u64 expected = 0;

	channel_enable(fixture);
	/* Nobody waits for anything. */
	peer_answer(fixture, 0, 0);
	peer_answer(fixture, 1, 8);
	peer_answer(fixture, U64_MAX, 8);
	expected += 3;
	send_one(fixture, 0, 0, WAIT);
	first = peer_expect_sent(fixture, 0, 0, WAIT);
	/* Forged: another generation, other bits above, the next slot. */
	peer_answer(fixture, first + 1, 0);
	peer_answer(fixture, first + 4, 0);
	peer_answer(fixture, first | 1ull << 32, 0);
	peer_answer(fixture, first | 1ull << 63, 0);
	peer_answer(fixture, 0, 0);
	expected += 5;
	send_expect_ends(fixture, 0);
	peer_answer(fixture, first, 0);
	send_expect_ends(fixture, 1);
	/* The second one; and late, when the object is in flight again. */
	peer_answer(fixture, first, 0);
	expected++;
	send_one(fixture, 0, 0, WAIT);
	second = peer_expect_sent(fixture, 0, 0, WAIT);
	peer_answer(fixture, first, 0);
	expected++;
	send_expect_ends(fixture, 1);
	/* A wish for a completion of a completion is not granted. */
	peer_send(fixture, &(struct peer_packet) {
		.type = 11, .flags = 1, .transaction_id = first });
	expected++;
	KUNIT_EXPECT_EQ(test, refused(fixture, VMB_REFUSAL_COMPLETION_UNEXPECTED), expected);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.refused, expected);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 0);
	peer_expect_nothing(fixture);
	peer_answer(fixture, second, 0);
	send_expect_balance(fixture, 2, 0);
}

/* It names a packet, but cannot be believed: the packet ends all the same. */
static void malformed_completions(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 id;

	channel_enable(fixture);
	send_one(fixture, 0, 0, WAIT);
	id = peer_expect_sent(fixture, 0, 0, WAIT);
	peer_send(fixture, &(struct peer_packet) { .type = 11, .flags = 2, .transaction_id = id });
	send_expect_end(fixture, 0, 0, -EPROTO);
	KUNIT_EXPECT_EQ(test, refused(fixture, VMB_REFUSAL_FLAGS_UNKNOWN), 1);
	send_one(fixture, 1, 0, WAIT);
	id = peer_expect_sent(fixture, 1, 0, WAIT);
	peer_send(fixture, &(struct peer_packet) {
		.type = 11, .transaction_id = id, .ranges = "rangelis", .ranges_length = 8 });
	send_expect_end(fixture, 1, 1, -EPROTO);
	KUNIT_EXPECT_EQ(test, refused(fixture, VMB_REFUSAL_PACKET_TOO_LARGE), 1);
	peer_expect_nothing(fixture);
	/* The stream goes on. */
	send_one(fixture, 2, 0, WAIT);
	peer_answer(fixture, peer_expect_sent(fixture, 2, 0, WAIT), LARGEST);
	send_expect_answered(fixture, 2, 2, LARGEST);
	/* Nobody waits for these: only counted. */
	peer_send(fixture, &(struct peer_packet) { .type = 11, .flags = 2, .transaction_id = id });
	send_expect_ends(fixture, 3);
	send_expect_balance(fixture, 3, 2);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.refused, 3);
}

/* A packet in the caller's memory that is from before the settings has no room for it. */
static void made_before_the_settings(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel *channel = fixture->channel;
	struct bio_vec vector = { .bv_page = send_pages(fixture, 0), .bv_len = 4096 };
	const u32 guard = 256;
	struct vmb_packet *packet;
	u32 size;
	u8 *memory;

	size = vmb_channel_sizeof_packet(channel);
	memory = kunit_kzalloc(test, size + guard, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, memory);
	memset(memory + size, 0x5a, guard);
	packet = (void *)memory;
	KUNIT_ASSERT_EQ(test, vmb_packet_initialize(channel, packet, size), 0);
	vmb_packet_set_completion_routine(packet, NULL, no_routine);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_external_data(channel, 8192, 1), 0);
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, NULL, 0, &vector, 1, WAIT), -EMSGSIZE);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(memory + size, 0x5a, guard), NULL);
	peer_expect_nothing(fixture);
}

static struct kunit_case send_packet_cases[] = {
	KUNIT_CASE(wire_image),
	KUNIT_CASE(wire_image_that_waits),
	KUNIT_CASE(signals),
	KUNIT_CASE(refused_sends),
	KUNIT_CASE(sent_twice),
	KUNIT_CASE(answers_of_every_length),
	KUNIT_CASE(answers_out_of_order),
	KUNIT_CASE(answers_among_packets),
	KUNIT_CASE(freed_in_the_routine),
	KUNIT_CASE(sent_again_in_the_routine),
	KUNIT_CASE(default_routine),
	KUNIT_CASE(ids_are_small_and_new),
	KUNIT_CASE(generations_begin_anew),
	KUNIT_CASE(wrong_completions),
	KUNIT_CASE(malformed_completions),
	KUNIT_CASE(made_before_the_settings),
	{}
};

static struct kunit_suite send_packet_suite = {
	.name = "vmbkmcl_send_packet",
	.init = packet_init,
	.exit = send_fixture_exit,
	.test_cases = send_packet_cases,
};

kunit_test_suite(send_packet_suite);
