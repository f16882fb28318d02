// SPDX-License-Identifier: GPL-2.0
/*
 * Completions: from where, when and with what a packet can be completed, and
 * that its sender hears of it once.
 */
#include <kunit/test.h>
#include <linux/cpumask.h>
#include <linux/string.h>

#include "../fixtures/channel_fixture.h"

#define LARGEST		1024u

static int completion_init(struct kunit *test)
{
	int ret = channel_fixture_init(test);
	struct channel_fixture *fixture = test->priv;

	if (ret)
		return ret;
	channel_configure(fixture, LARGEST, 17, 17);
	return 0;
}

static void inside_the_callback(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->process = channel_complete_inline;
	channel_enable(fixture);
	peer_send_inband(fixture, 0x123456789abcdef0, 8);
	peer_expect_completion(fixture, 0x123456789abcdef0, 0);
	peer_expect_nothing(fixture);
}

static void later(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	peer_expect_nothing(fixture);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	peer_expect_completion(fixture, 1, 0);
	peer_expect_nothing(fixture);
}

static void in_reverse_order(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	channel_enable(fixture);
	for (i = 0; i < 5; i++)
		peer_send_inband(fixture, i, 8);
	for (i = 5; i--;)
		KUNIT_EXPECT_EQ(test, channel_complete(fixture, i, NULL, 0), 0);
	for (i = 5; i--;)
		peer_expect_completion(fixture, i, 0);
}

static long complete_first(void *context)
{
	return channel_complete(context, 0, NULL, 0);
}

static void on_every_other_cpu(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	int cpu;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	channel_enable(fixture);
	for_each_online_cpu(cpu) {
		fixture->packet_count = 0;
		peer_send_inband(fixture, cpu, 8);
		KUNIT_EXPECT_EQ(test, work_on_cpu(cpu, complete_first, fixture), 0);
		peer_expect_completion(fixture, cpu, 0);
	}
}

/* As a driver has them off, which on PREEMPT_RT is another thing. */
static void with_interrupts_off(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	static DEFINE_SPINLOCK(lock);
	int ret;

	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	spin_lock_irq(&lock);
	ret = channel_complete(fixture, 0, NULL, 0);
	KUNIT_EXPECT_EQ(test, irqs_disabled(), !IS_ENABLED(CONFIG_PREEMPT_RT));
	spin_unlock_irq(&lock);
	KUNIT_EXPECT_EQ(test, ret, 0);
	peer_expect_completion(fixture, 1, 0);
}

#define CROWD	200u

static int complete_odd(struct channel_fixture *fixture)
{
	int ret = 0;
	u32 i;

	for (i = 1; i < CROWD; i += 2)
		ret |= channel_complete(fixture, i, NULL, 0);
	return ret;
}

/* Whatever the order: the peer gets each of them, once. */
static void on_two_cpus_at_once(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	DECLARE_BITMAP(seen, CROWD) = { 0 };
	struct peer_completion completion;
	u32 i;

	channel_hold_at_most(fixture, CROWD);
	channel_enable(fixture);
	for (i = 0; i < CROWD; i++)
		peer_send_inband(fixture, i, 8);
	KUNIT_ASSERT_EQ(test, fixture->packet_count, CROWD);
	channel_help(fixture, complete_odd);
	for (i = 0; i < CROWD; i += 2)
		KUNIT_EXPECT_EQ(test, channel_complete(fixture, i, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	for (i = 0; i < CROWD; i++) {
		KUNIT_ASSERT_TRUE(test, peer_receive(fixture, &completion));
		KUNIT_ASSERT_LT(test, completion.transaction_id, CROWD);
		KUNIT_EXPECT_FALSE(test, test_and_set_bit(completion.transaction_id, seen));
	}
	peer_expect_nothing(fixture);
}

static void sender_wants_none(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u8 payload[8] = {};

	channel_enable(fixture);
	peer_send(fixture, &(struct peer_packet) { .type = 6, .transaction_id = 1 });
	KUNIT_ASSERT_EQ(test, fixture->packet_count, 1);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, payload, sizeof(payload)), 0);
	peer_expect_nothing(fixture);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completed, 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_sent, 0);
}

/* Disable waits for these, too: they hold resources. */
static void sender_wants_none_but_disable_waits(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	peer_send(fixture, &(struct peer_packet) { .type = 6, .transaction_id = 1 });
	channel_help(fixture, channel_help_disable);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&fixture->suspended,
							  CHANNEL_FIXTURE_PATIENCE), 0);
	KUNIT_EXPECT_EQ(test, channel_log_find(fixture, TRANSPORT_CLOSE), U32_MAX);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
}

/* Between suspend and closed the peer still gets what the client says. */
static void after_suspend(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	peer_send_inband(fixture, 2, 8);
	channel_help(fixture, channel_help_disable);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&fixture->suspended,
							  CHANNEL_FIXTURE_PATIENCE), 0);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	/* The channel cannot close yet, so the ring is there. */
	peer_expect_completion(fixture, 1, 0);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 1, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
}

/* The wire counts units of 8 bytes; what fills them up must tell nothing. */
static void payload_is_padded_with_zeros(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct peer_completion completion;

	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, "abcdefgh", 5), 0);
	KUNIT_ASSERT_TRUE(test, peer_receive(fixture, &completion));
	KUNIT_EXPECT_EQ(test, completion.length, 8);
	KUNIT_EXPECT_MEMEQ(test, completion.payload, "abcde\0\0\0", 8);
}

/* What each completion inside the callback carries, and what it got. */
struct inside {
	const u8 *payload;
	u32 length;
	int first, second;
};

static void complete_inside(struct channel_fixture *fixture, struct channel_packet *packet)
{
	struct inside *inside = fixture->private;

	packet->done = true;
	inside->first = vmb_channel_packet_complete(packet->packet, inside->payload,
						    inside->length);
	inside->second = vmb_channel_packet_complete(packet->packet, NULL, 0);
}

/* Every length, around the ring a few times: each byte, and zeros behind. */
static void payload_of_every_length_inside_the_callback(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u8 *payload = kunit_kmalloc(test, LARGEST, GFP_KERNEL);
	struct inside inside = { .payload = payload };
	struct peer_completion completion;
	u32 padding;

	KUNIT_ASSERT_NOT_NULL(test, payload);
	fixture->private = &inside;
	fixture->process = complete_inside;
	channel_configure(fixture, LARGEST, 17, 2);
	channel_enable(fixture);
	for (; inside.length <= LARGEST; inside.length++) {
		ring_image_fill(payload, inside.length, inside.length);
		peer_send_inband(fixture, inside.length, 8);
		KUNIT_ASSERT_EQ(test, inside.first, 0);
		KUNIT_ASSERT_TRUE(test, peer_receive(fixture, &completion));
		padding = -inside.length % 8;
		KUNIT_ASSERT_EQ(test, completion.transaction_id, inside.length);
		KUNIT_ASSERT_EQ(test, completion.length, inside.length + padding);
		KUNIT_ASSERT_TRUE(test, ring_image_is_filled(completion.payload, inside.length,
							     inside.length));
		KUNIT_ASSERT_TRUE(test, !padding ||
				  !memchr_inv(completion.payload + inside.length, 0, padding));
		peer_release(fixture);
	}
	peer_expect_nothing(fixture);
}

static void twice_inside_the_callback(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct inside inside = {};

	fixture->private = &inside;
	fixture->process = complete_inside;
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	KUNIT_EXPECT_EQ(test, inside.first, 0);
	KUNIT_EXPECT_EQ(test, inside.second, -EALREADY);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completed_twice, 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completed, 1);
	peer_expect_completion(fixture, 1, 0);
	peer_expect_nothing(fixture);
}

static void payload_in_the_packets_own_buffer(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct peer_completion completion;

	channel_enable(fixture);
	peer_send_inband(fixture, 7, 64);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, fixture->packets[0].buffer + 8, 56), 0);
	KUNIT_ASSERT_TRUE(test, peer_receive(fixture, &completion));
	KUNIT_EXPECT_EQ(test, completion.length, 56);
	KUNIT_EXPECT_EQ(test, completion.payload[0], ring_image_byte(7, 8));
	KUNIT_EXPECT_EQ(test, completion.payload[55], ring_image_byte(7, 63));
}

static void largest_payload(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u8 *payload = kunit_kmalloc(test, LARGEST, GFP_KERNEL);
	struct peer_completion completion;

	KUNIT_ASSERT_NOT_NULL(test, payload);
	ring_image_fill(payload, 9, LARGEST);
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, payload, LARGEST), 0);
	KUNIT_ASSERT_TRUE(test, peer_receive(fixture, &completion));
	KUNIT_EXPECT_EQ(test, completion.length, LARGEST);
	KUNIT_EXPECT_TRUE(test, ring_image_is_filled(completion.payload, 9, LARGEST));
}

/* It is told, and the packet ends all the same: nobody may be looking. */
static void payload_over_the_maximum(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u8 *payload = kunit_kzalloc(test, LARGEST + 1, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, payload);
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, payload, LARGEST + 1), -EMSGSIZE);
	peer_expect_completion(fixture, 1, 0);
	peer_expect_nothing(fixture);
	channel_disable(fixture);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completed, 1);
}

static void twice(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet_completion *packet;

	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	packet = fixture->packets[0].packet;
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_packet_complete(packet, NULL, 0), -EALREADY);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completed_twice, 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completed, 1);
	peer_expect_completion(fixture, 1, 0);
	peer_expect_nothing(fixture);
}

/* While the first completion is still written down, too. */
static void twice_while_it_waits_for_room(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u8 *payload = kunit_kzalloc(test, LARGEST, GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, payload);
	channel_configure(fixture, LARGEST, 17, 2);
	channel_enable(fixture);
	/* Three of them and 24 bytes each leave no room for a fourth. */
	for (i = 0; i < 4; i++) {
		peer_send_inband(fixture, i, 8);
		KUNIT_EXPECT_EQ(test, channel_complete(fixture, i, payload, LARGEST), 0);
	}
	KUNIT_EXPECT_EQ(test, vmb_channel_packet_complete(fixture->packets[3].packet, NULL, 0),
			-EALREADY);
	for (i = 0; i < 3; i++)
		peer_expect_completion(fixture, i, LARGEST);
	peer_release(fixture);
	peer_signal(fixture);
	peer_expect_completion(fixture, 3, LARGEST);
	peer_expect_nothing(fixture);
}

/*
 * The channel was closed without the client, as remove does when the client
 * takes too long: nobody will see the completion, and the last one ends it.
 */
static void after_close(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	peer_send_inband(fixture, 2, 8);
	channel_abandon(fixture);
	KUNIT_EXPECT_TRUE(test, vmb_outbound_is_abandoned(fixture->channel));
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), -ENODEV);
	KUNIT_EXPECT_TRUE(test, vmb_outbound_is_abandoned(fixture->channel));
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 1, NULL, 0), -ENODEV);
	KUNIT_EXPECT_FALSE(test, vmb_outbound_is_abandoned(fixture->channel));
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completions_dropped, 2);
	peer_expect_nothing(fixture);
}

static void after_the_outbound_ring_broke(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u8 *payload = kunit_kzalloc(test, LARGEST, GFP_KERNEL);
	int ret = 0;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, payload);
	channel_configure(fixture, LARGEST, 17, 2);
	channel_enable(fixture);
	for (i = 0; i < 5; i++)
		peer_send_inband(fixture, i, 8);
	peer_set(&fixture->outbound, RING_IMAGE_READ_INDEX, 4);
	/* The index is looked at when the known room is used up. */
	for (i = 0; i < 4 && !ret; i++)
		ret = channel_complete(fixture, i, payload, LARGEST);
	KUNIT_EXPECT_EQ(test, ret, -ENODEV);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 4, NULL, 0), -ENODEV);
	KUNIT_EXPECT_EQ(test, fixture->channel->refusals[VMB_REFUSAL_INDEX_ALIGNMENT], 1);
}

static void buffer_is_a_private_copy(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	peer_send_inband(fixture, 3, 256);
	memset(fixture->inbound.data, 0xff, fixture->inbound.size);
	KUNIT_EXPECT_EQ(test, fixture->packets[0].length, 256);
	KUNIT_EXPECT_TRUE(test, ring_image_is_filled(fixture->packets[0].buffer, 3, 256));
}

static void buffer_is_aligned(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	channel_enable(fixture);
	for (i = 0; i < 8; i++) {
		peer_send_inband(fixture, i, 8 * i);
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((uintptr_t)fixture->packets[i].buffer, 8));
	}
}

/* Dirty after use, zero again for the next packet in the same object. */
static void use_context(struct channel_fixture *fixture, struct channel_packet *packet)
{
	void *context = vmb_channel_packet_get_client_context(packet->packet);
	u32 *dirty = fixture->private;

	if (memchr_inv(context, 0, 20) || !IS_ALIGNED((uintptr_t)context, 8))
		++*dirty;
	memset(context, 0x5a, 20);
	channel_complete_inline(fixture, packet);
}

static void client_context_is_zeroed(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 dirty = 0;
	u32 i;

	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_client_context_size(fixture->channel, 20), 0);
	fixture->private = &dirty;
	fixture->process = use_context;
	channel_enable(fixture);
	/* More packets than packet objects. */
	for (i = 0; i < fixture->channel->pool.count + 8; i++)
		peer_send(fixture, &(struct peer_packet) { .type = 6, .transaction_id = i });
	KUNIT_EXPECT_EQ(test, fixture->packet_count, fixture->channel->pool.count + 8);
	KUNIT_EXPECT_EQ(test, dirty, 0);
}

static void client_context_of_no_size(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	KUNIT_EXPECT_NULL(test, vmb_channel_packet_get_client_context(fixture->packets[0].packet));
}

/* Packet objects of an earlier life have no bearing on a later one. */
static void larger_packets_in_the_second_life(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->process = channel_complete_inline;
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	channel_disable(fixture);
	channel_configure(fixture, 16384, 17, 17);
	fixture->process = NULL;
	channel_enable(fixture);
	peer_send_inband(fixture, 2, 16384);
	KUNIT_ASSERT_EQ(test, fixture->packet_count, 1);
	KUNIT_EXPECT_EQ(test, fixture->packets[0].length, 16384);
	KUNIT_EXPECT_TRUE(test, ring_image_is_filled(fixture->packets[0].buffer, 2, 16384));
}

static struct kunit_case channel_completion_cases[] = {
	KUNIT_CASE(inside_the_callback),
	KUNIT_CASE(later),
	KUNIT_CASE(in_reverse_order),
	KUNIT_CASE(on_every_other_cpu),
	KUNIT_CASE(with_interrupts_off),
	KUNIT_CASE(on_two_cpus_at_once),
	KUNIT_CASE(sender_wants_none),
	KUNIT_CASE(sender_wants_none_but_disable_waits),
	KUNIT_CASE(after_suspend),
	KUNIT_CASE(payload_is_padded_with_zeros),
	KUNIT_CASE(payload_of_every_length_inside_the_callback),
	KUNIT_CASE(twice_inside_the_callback),
	KUNIT_CASE(payload_in_the_packets_own_buffer),
	KUNIT_CASE(largest_payload),
	KUNIT_CASE(payload_over_the_maximum),
	KUNIT_CASE(twice),
	KUNIT_CASE(twice_while_it_waits_for_room),
	KUNIT_CASE(after_close),
	KUNIT_CASE(after_the_outbound_ring_broke),
	KUNIT_CASE(buffer_is_a_private_copy),
	KUNIT_CASE(buffer_is_aligned),
	KUNIT_CASE(client_context_is_zeroed),
	KUNIT_CASE(client_context_of_no_size),
	KUNIT_CASE(larger_packets_in_the_second_life),
	{}
};

static struct kunit_suite channel_completion_suite = {
	.name = "vmbkmcl_channel_completion",
	.init = completion_init,
	.exit = channel_fixture_exit,
	.test_cases = channel_completion_cases,
};

kunit_test_suite(channel_completion_suite);
