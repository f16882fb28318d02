// SPDX-License-Identifier: GPL-2.0
/*
 * Outbound packet objects: how they are got, what they hold, and how many there
 * are.
 */
#include <kunit/test.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../../drivers/kmcl/save_image.h"
#include "../fixtures/send_fixture.h"

#define LARGEST		1000u
#define MOST		4u

static int object_init(struct kunit *test)
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

static void pointer_and_channel(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet *packet = vmb_packet_allocate(fixture->channel);

	KUNIT_ASSERT_NOT_NULL(test, packet);
	KUNIT_EXPECT_NULL(test, vmb_packet_get_pointer(packet));
	vmb_packet_set_pointer(packet, test);
	KUNIT_EXPECT_PTR_EQ(test, vmb_packet_get_pointer(packet), (void *)test);
	KUNIT_EXPECT_PTR_EQ(test, vmb_packet_get_channel(packet), fixture->channel);
	KUNIT_EXPECT_NULL(test, vmb_packet_get_inline_packet_context_pointer(packet));
	vmb_packet_free(packet);
	/* The object that comes back knows nothing of that. */
	packet = vmb_packet_allocate(fixture->channel);
	KUNIT_EXPECT_NULL(test, vmb_packet_get_pointer(packet));
	vmb_packet_free(packet);
}

static void inline_context(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel *channel = fixture->channel;
	struct vmb_packet *first, *second;
	u8 *context, *other;

	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_inline_packet_context_size(channel, 65537),
			-EINVAL);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_inline_packet_context_size(channel, 61), 0);
	first = vmb_packet_allocate(channel);
	second = vmb_packet_allocate(channel);
	KUNIT_ASSERT_NOT_NULL(test, first);
	KUNIT_ASSERT_NOT_NULL(test, second);
	context = vmb_packet_get_inline_packet_context_pointer(first);
	other = vmb_packet_get_inline_packet_context_pointer(second);
	KUNIT_ASSERT_NOT_NULL(test, context);
	KUNIT_ASSERT_NOT_NULL(test, other);
	KUNIT_EXPECT_EQ(test, (unsigned long)context % 8, 0);
	KUNIT_EXPECT_NULL(test, memchr_inv(context, 0, 61));
	KUNIT_EXPECT_NULL(test, memchr_inv(other, 0, 61));
	memset(context, 0x55, 61);
	KUNIT_EXPECT_NULL(test, memchr_inv(other, 0, 61));
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_inline_packet_context_size(channel, 8),
			-EBUSY);
	vmb_packet_free(first);
	/* Zeroed also when the object is used again. */
	first = vmb_packet_allocate(channel);
	context = vmb_packet_get_inline_packet_context_pointer(first);
	KUNIT_EXPECT_NULL(test, memchr_inv(context, 0, 61));
	vmb_packet_free(first);
	vmb_packet_free(second);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_inline_packet_context_size(channel, 65536), 0);
	first = vmb_packet_allocate(channel);
	KUNIT_ASSERT_NOT_NULL(test, first);
	memset(vmb_packet_get_inline_packet_context_pointer(first), 0x55, 65536);
	vmb_packet_free(first);
}

static void maximum_packet_count(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel *channel = fixture->channel;
	u32 i;

	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_maximum_packet_count(channel, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_maximum_packet_count(channel, 65537), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_maximum_packet_count(channel, 65536), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_maximum_packet_count(channel, 3), 0);
	/* What is allocated and idle does not count. */
	for (i = 0; i < 5; i++)
		send_make(fixture, i);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_maximum_packet_count(channel, 4), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_maximum_packet_size(channel, 8), -EBUSY);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_maximum_external_data(channel, 8, 1), -EBUSY);
	for (i = 0; i < 5; i++)
		send_free(fixture, i);
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_maximum_packet_count(channel, 4), -EBUSY);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_inline_packet_context_size(channel, 8),
			-EBUSY);
}

/* Objects until there are no more, each with the one before as its pointer. */
static struct vmb_packet *allocate_all(struct vmb_channel *channel, u32 *count)
{
	struct vmb_packet *packet, *last = NULL;

	for (*count = 0; *count < 70000; ++*count) {
		packet = vmb_packet_allocate(channel);
		if (!packet)
			break;
		vmb_packet_set_pointer(packet, last);
		last = packet;
	}
	return last;
}

static void free_all(struct vmb_packet *last)
{
	while (last) {
		struct vmb_packet *packet = last;

		last = vmb_packet_get_pointer(packet);
		vmb_packet_free(packet);
	}
}

/* How many a client has at once is bounded, also if it says nothing. */
static void as_many_as_may_be(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel *channel = fixture->channel;
	struct vmb_packet *last;
	u32 count;

	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_packet_size(channel, 8), 0);
	last = allocate_all(channel, &count);
	KUNIT_EXPECT_EQ(test, count, 65536);
	KUNIT_EXPECT_EQ(test, channel->outbound.allocated, 65536);
	free_all(last);
	KUNIT_EXPECT_EQ(test, channel->outbound.allocated, 0);
}

static void as_many_as_the_client_says(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel *channel = fixture->channel;
	struct vmb_packet *last, *first;
	u32 count;

	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_outbound_packet_count(channel, 0), -EINVAL);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_outbound_packet_count(channel, 5), 0);
	last = allocate_all(channel, &count);
	KUNIT_EXPECT_EQ(test, count, 5);
	/* Nor has a request one that is nobody's, and it says so. */
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, vmb_channel_send_synchronous_request(channel, NULL, 0, NULL, 0, 0,
								   NULL, NULL, 0), -ENOMEM);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_outbound_packet_count(channel, 6), -EBUSY);
	channel_disable(fixture);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_outbound_packet_count(channel, 6), -EBUSY);
	free_all(last);
	/* Those that are kept for the next are no more than may be. */
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_outbound_packet_count(channel, 2), 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&channel->outbound.free_list));
	last = allocate_all(channel, &count);
	KUNIT_EXPECT_EQ(test, count, 2);
	/* One that comes back is one that may be had. */
	first = vmb_packet_get_pointer(last);
	vmb_packet_free(last);
	KUNIT_EXPECT_PTR_EQ(test, vmb_packet_allocate(channel), last);
	KUNIT_EXPECT_NULL(test, vmb_packet_allocate(channel));
	vmb_packet_free(last);
	vmb_packet_free(first);
}

/* A packet in the test's own memory, with bytes behind it that are nobody's. */
static struct vmb_packet *initialized_packet(struct channel_fixture *fixture)
{
	u32 size = vmb_channel_sizeof_packet(fixture->channel);
	struct kunit *test = fixture->test;
	u8 *memory = kunit_kmalloc(test, size + 64, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, memory);
	memset(memory, 0xdb, size + 64);
	KUNIT_ASSERT_EQ(test, vmb_packet_initialize(fixture->channel, (void *)memory, size), 0);
	KUNIT_EXPECT_NULL(test, memchr_inv(memory + size, 0xdb, 64));
	return (void *)memory;
}

static void initialize(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 size = vmb_channel_sizeof_packet(fixture->channel);
	u8 *memory = kunit_kmalloc(test, size + 8, GFP_KERNEL);
	struct vmb_packet *packet;

	KUNIT_ASSERT_NOT_NULL(test, memory);
	/* KMCL: more than the largest packet and a pointer. */
	KUNIT_EXPECT_GT(test, size, LARGEST + 8);
	KUNIT_EXPECT_EQ(test, vmb_packet_initialize(fixture->channel, (void *)memory, size - 1),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_packet_initialize(fixture->channel, (void *)(memory + 4), size),
			-EINVAL);
	packet = initialized_packet(fixture);
	KUNIT_EXPECT_NULL(test, vmb_packet_get_pointer(packet));
	KUNIT_EXPECT_PTR_EQ(test, vmb_packet_get_channel(packet), fixture->channel);
	KUNIT_EXPECT_NULL(test, vmb_packet_get_inline_packet_context_pointer(packet));
	channel_enable(fixture);
	/* It has no routine, and nothing may be sent without. */
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, NULL, 0, NULL, 0, WAIT), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, NULL, 0, NULL, 0, 0), -EINVAL);
	peer_expect_nothing(fixture);
	vmb_packet_set_completion_routine(packet, sender_of(fixture), send_routine);
	vmb_packet_set_pointer(packet, (void *)7ul);
	ring_image_fill(sender_of(fixture)->payload, 7, LARGEST);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, sender_of(fixture)->payload, LARGEST,
					      NULL, 0, WAIT), 0);
	peer_answer(fixture, peer_expect_sent(fixture, 7, LARGEST, WAIT), 16);
	send_expect_answered(fixture, 0, 7, 16);
	KUNIT_EXPECT_NULL(test, memchr_inv((u8 *)packet + size, 0xdb, 64));
}

/*
 * Their places are taken by the send, and given back at the end; who finds none
 * waits, and is not refused.
 */
static void initialized_packets_share_the_count(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet *packets[MOST + 1];
	u64 ids[MOST];
	u32 round, i;

	for (i = 0; i <= MOST; i++) {
		packets[i] = initialized_packet(fixture);
		vmb_packet_set_completion_routine(packets[i], sender_of(fixture), send_routine);
		vmb_packet_set_pointer(packets[i], (void *)(unsigned long)i);
	}
	channel_enable(fixture);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < MOST; i++)
			KUNIT_ASSERT_EQ(test, vmb_packet_send(packets[i], NULL, 0, NULL, 0, WAIT),
					0);
		/* Those who wait for nothing need no place, and find it so. */
		KUNIT_EXPECT_EQ(test, vmb_packet_send(packets[MOST], NULL, 0, NULL, 0, 0), 0);
		for (i = 0; i < MOST; i++)
			ids[i] = peer_expect_sent(fixture, i, 0, WAIT);
		peer_expect_sent(fixture, MOST, 0, 0);
		KUNIT_EXPECT_EQ(test, vmb_packet_send(packets[MOST], NULL, 0, NULL, 0, WAIT), 0);
		peer_expect_nothing(fixture);
		peer_answer(fixture, ids[0], 0);
		ids[0] = peer_expect_sent(fixture, MOST, 0, WAIT);
		for (i = 0; i < MOST; i++)
			peer_answer(fixture, ids[i], 0);
		send_expect_ends(fixture, (round + 1) * (MOST + 2));
		KUNIT_EXPECT_EQ(test,
				vmb_transactions_taken(&fixture->channel->outbound.transactions),
				0);
	}
}

#define BEHIND		4096u

/**
 * struct old - a packet of before the channel's packets were made larger
 * @memory: the client's; the packet, and bytes behind it that are not the packet's.
 * @size: bytes of the packet.
 * @payload: as many as are behind it, for more than it has room for.
 */
struct old {
	u8 *memory;
	u32 size;
	u8 *payload;
};

/* The messages of a pipe have a header in front. */
static void set_pipe(struct kunit *test, bool is_pipe)
{
	struct channel_fixture *fixture = test->priv;

	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_flags(fixture->channel, is_pipe ?
							 VMB_CHANNEL_INIT_FLAG_IS_PIPE : 0),
			0);
}

/* It is a pipe's since, and may have been before. */
static struct vmb_packet *old_make(struct kunit *test, struct old *old, bool was_pipe)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet *packet;

	set_pipe(test, was_pipe);
	old->size = vmb_channel_sizeof_packet(fixture->channel);
	old->memory = kunit_kmalloc(test, old->size + BEHIND, GFP_KERNEL);
	old->payload = kunit_kzalloc(test, BEHIND, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, old->memory);
	KUNIT_ASSERT_NOT_NULL(test, old->payload);
	memset(old->memory, 0xdb, old->size + BEHIND);
	packet = (void *)old->memory;
	KUNIT_ASSERT_EQ(test, vmb_packet_initialize(fixture->channel, packet, old->size), 0);
	vmb_packet_set_completion_routine(packet, sender_of(fixture), send_routine);
	channel_configure(fixture, BEHIND, 17, 17);
	set_pipe(test, true);
	return packet;
}

/* Of packets in the client's memory nobody knows when that has settings changed. */
static void message_longer_than_an_old_packet(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet *packet;
	struct old old;

	packet = old_make(test, &old, true);
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, old.payload, BEHIND, NULL, 0, 0),
			-EMSGSIZE);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, old.payload, LARGEST + 1, NULL, 0, 0),
			-EMSGSIZE);
	KUNIT_EXPECT_NULL(test, memchr_inv(old.memory + old.size, 0xdb, BEHIND));
	peer_expect_nothing(fixture);
}

/* Without a header the peer would take its first bytes for one. */
static void packet_of_before_the_channel_was_a_pipe(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet *packet;
	struct old old;

	packet = old_make(test, &old, false);
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, old.payload, 8, NULL, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, NULL, 0, NULL, 0, WAIT), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, old.payload, BEHIND, NULL, 0, 0),
			-EINVAL);
	KUNIT_EXPECT_NULL(test, memchr_inv(old.memory + old.size, 0xdb, BEHIND));
	peer_expect_nothing(fixture);
	send_expect_ends(fixture, 0);
	/* What helps. */
	old.size = vmb_channel_sizeof_packet(fixture->channel);
	packet = kunit_kmalloc(test, old.size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, packet);
	KUNIT_ASSERT_EQ(test, vmb_packet_initialize(fixture->channel, packet, old.size), 0);
	vmb_packet_set_completion_routine(packet, sender_of(fixture), send_routine);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, old.payload, 8, NULL, 0, 0), 0);
	send_expect_ends(fixture, 1);
}

static void packet_of_when_the_channel_was_a_pipe(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet *packet;
	struct old old;

	packet = old_make(test, &old, true);
	set_pipe(test, false);
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, old.payload, 8, NULL, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, old.payload, 8, NULL, 0, WAIT), -EINVAL);
	peer_expect_nothing(fixture);
	send_expect_ends(fixture, 0);
}

/* As long as one may be, or longer; and its routine is taken away again. */
static void packet_without_a_routine(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 size = vmb_channel_sizeof_packet(fixture->channel);
	struct vmb_packet *packet = kunit_kmalloc(test, size, GFP_KERNEL);
	u8 *payload = sender_of(fixture)->payload;

	KUNIT_ASSERT_NOT_NULL(test, packet);
	KUNIT_ASSERT_EQ(test, vmb_packet_initialize(fixture->channel, packet, size), 0);
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, payload, LARGEST, NULL, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, payload, 0, NULL, 0, WAIT), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, payload, LARGEST + 1, NULL, 0, 0),
			-EMSGSIZE);
	vmb_packet_set_completion_routine(packet, sender_of(fixture), send_routine);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, payload, LARGEST, NULL, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, payload, LARGEST + 1, NULL, 0, 0),
			-EMSGSIZE);
	vmb_packet_set_completion_routine(packet, NULL, NULL);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, payload, 8, NULL, 0, 0), -EINVAL);
	send_expect_ends(fixture, 1);
}

/* As if the restore callback had it, with a record of so many bytes. */
static void expect_not_restored(struct kunit *test, const struct old *old,
				struct vmb_packet *packet, u32 payload_length)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_save_packet *record = (void *)old->payload;

	record->payload_length = cpu_to_le32(payload_length);
	fixture->channel->restore.record = record;
	KUNIT_EXPECT_EQ(test, vmb_packet_restore(packet, record,
						 sizeof(*record) + payload_length), -EINVAL);
	fixture->channel->restore.record = NULL;
	KUNIT_EXPECT_NULL(test, memchr_inv(old->memory + old->size, 0xdb, BEHIND));
}

/* It is as long as packets are now. */
static void record_longer_than_an_old_packet(struct kunit *test)
{
	struct vmb_packet *packet;
	struct old old;

	packet = old_make(test, &old, false);
	set_pipe(test, false);
	expect_not_restored(test, &old, packet, BEHIND - sizeof(struct vmb_save_packet));
}

/* The peer refuses what is longer than was agreed upon, and so does who restores it. */
static void longer_than_the_channel_takes_since(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 size = vmb_channel_sizeof_packet(fixture->channel);
	struct vmb_packet *packet = kunit_kzalloc(test, size, GFP_KERNEL);
	static const u8 payload[16];

	KUNIT_ASSERT_NOT_NULL(test, packet);
	KUNIT_ASSERT_EQ(test, vmb_packet_initialize(fixture->channel, packet, size), 0);
	KUNIT_EXPECT_EQ(test, vmb_packet_size(packet), size);
	vmb_packet_set_completion_routine(packet, sender_of(fixture), send_routine);
	channel_configure(fixture, 8, 17, 17);
	KUNIT_EXPECT_EQ(test, vmb_packet_size(packet), size);
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, payload, 9, NULL, 0, 0), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, payload, 16, NULL, 0, WAIT), -EMSGSIZE);
	peer_expect_nothing(fixture);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, payload, 8, NULL, 0, 0), 0);
}

/* What it is restored from has a message in its frame, which it has no place for. */
static void record_of_a_pipe_in_an_old_packet(struct kunit *test)
{
	struct vmb_packet *packet;
	struct old old;

	packet = old_make(test, &old, false);
	expect_not_restored(test, &old, packet, 8);
}

static struct kunit_case packet_object_cases[] = {
	KUNIT_CASE(pointer_and_channel),
	KUNIT_CASE(inline_context),
	KUNIT_CASE(maximum_packet_count),
	KUNIT_CASE(as_many_as_may_be),
	KUNIT_CASE(as_many_as_the_client_says),
	KUNIT_CASE(initialize),
	KUNIT_CASE(initialized_packets_share_the_count),
	KUNIT_CASE(message_longer_than_an_old_packet),
	KUNIT_CASE(packet_of_before_the_channel_was_a_pipe),
	KUNIT_CASE(packet_of_when_the_channel_was_a_pipe),
	KUNIT_CASE(packet_without_a_routine),
	KUNIT_CASE(longer_than_the_channel_takes_since),
	KUNIT_CASE(record_longer_than_an_old_packet),
	KUNIT_CASE(record_of_a_pipe_in_an_old_packet),
	{}
};

static struct kunit_suite packet_object_suite = {
	.name = "vmbkmcl_packet_object",
	.init = object_init,
	.exit = send_fixture_exit,
	.test_cases = packet_object_cases,
};

kunit_test_suite(packet_object_suite);
