// SPDX-License-Identifier: GPL-2.0
/*
 * Many channels whose drivers wait: no number of them stops another channel. As
 * many as would use up all slots of a queue that they had in common.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>

#include "../../drivers/kmcl/channel.h"

/* On a kernel with KASAN and lockdep some 20 seconds were seen for what takes one. */
#define MANY_PATIENCE		(90 * HZ)
/* Two channels each: at 256 slots all are taken. */
#define MANY_PAIRS		128u
#define MANY_SUB_CHANNELS	300u
#define MANY_PACKET_SIZE	16u
#define MANY_TYPE(number)	GUID_INIT(0x77, (number), 1, 2, 3, 4, 5, 6, 7, 8, 9)

/**
 * struct many_end - a channel of many
 * @many: what it is one of.
 * @channel: the channel; NULL: not made.
 * @waits: its driver does not return from opened before it may.
 * @started: it has started.
 */
struct many_end {
	struct many *many;
	struct vmb_channel *channel;
	bool waits;
	bool started;
};

/**
 * struct many - all channels of a case
 * @test: the case that runs.
 * @ends: room for its channels; made in this order, and cleaned up in the other.
 * @count: how many were made.
 * @waiting: drivers that wait in opened.
 * @packets: that process_packet was called with.
 * @changed: woken whenever one of those does.
 * @go_on: nobody waits any more.
 * @disabled: the thread that disables a channel has done so.
 */
struct many {
	struct kunit *test;
	struct many_end *ends;
	u32 count;
	atomic_t waiting;
	atomic_t packets;
	wait_queue_head_t changed;
	struct completion go_on;
	struct completion disabled;
};

static int many_opened(struct vmb_channel *channel, void *context)
{
	struct many_end *end = context;

	if (!end->waits)
		return 0;
	atomic_inc(&end->many->waiting);
	wake_up(&end->many->changed);
	wait_for_completion(&end->many->go_on);
	return 0;
}

static void many_started(struct vmb_channel *channel, void *context)
{
	struct many_end *end = context;

	WRITE_ONCE(end->started, true);
	wake_up(&end->many->changed);
}

static void many_process_packet(struct vmb_channel *channel, void *context,
				struct vmb_packet_completion *packet, void *buffer,
				u32 length, u32 flags)
{
	struct many_end *end = context;

	atomic_inc(&end->many->packets);
	wake_up(&end->many->changed);
	vmb_channel_packet_complete(packet, NULL, 0);
}

static struct many_end *many_make(struct many *many, bool is_server)
{
	struct many_end *end = &many->ends[many->count];
	struct vmb_channel_state_change_callbacks callbacks;
	struct kunit *test = many->test;

	end->many = many;
	KUNIT_ASSERT_EQ(test, vmb_channel_allocate(NULL, is_server, &end->channel), 0);
	many->count++;
	vmb_channel_state_change_callbacks_init(&callbacks);
	callbacks.callback_context = end;
	callbacks.opened = many_opened;
	callbacks.started = many_started;
	vmb_channel_init_set_state_change_callbacks(end->channel, &callbacks);
	vmb_channel_init_set_process_packet_callbacks(end->channel, end,
						      many_process_packet, NULL);
	KUNIT_ASSERT_EQ(test,
			vmb_channel_init_set_maximum_packet_size(end->channel,
								 MANY_PACKET_SIZE), 0);
	KUNIT_ASSERT_EQ(test,
			vmb_channel_init_set_maximum_packet_count(end->channel, 2), 0);
	if (!is_server)
		KUNIT_ASSERT_EQ(test,
				vmb_client_channel_init_set_ring_buffer_page_count
				(end->channel, 2, 2), 0);
	return end;
}

static struct many_end *many_server(struct many *many, const guid_t *type)
{
	struct many_end *end = many_make(many, true);
	const u32 flags = VMB_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER;
	struct kunit *test = many->test;
	guid_t instance;

	guid_gen(&instance);
	KUNIT_ASSERT_EQ(test, vmb_server_channel_init_set_flags(end->channel, flags), 0);
	KUNIT_ASSERT_EQ(test,
			vmb_server_channel_init_set_target_interface_id(end->channel,
									type, &instance),
			0);
	return end;
}

static struct many_end *many_client(struct many *many, const guid_t *type)
{
	struct many_end *end = many_make(many, false);

	KUNIT_ASSERT_EQ(many->test,
			vmb_client_channel_init_set_target_pnp(end->channel, type, NULL,
							       NULL), 0);
	return end;
}

static void many_enable(struct many_end *end)
{
	struct kunit *test = end->many->test;

	KUNIT_ASSERT_EQ(test, vmb_channel_enable(end->channel), 0);
	if (end->channel->is_server && !end->channel->primary)
		KUNIT_ASSERT_EQ(test, vmb_channel_start(end->channel), 0);
}

static void many_expect_started(struct many_end *end)
{
	KUNIT_ASSERT_NE(end->many->test,
			wait_event_timeout(end->many->changed,
					   READ_ONCE(end->started), MANY_PATIENCE), 0);
}

/* A server and a client of their own type; neither is enabled. */
static void many_pair(struct many *many, u16 number, struct many_end **server,
		      struct many_end **client)
{
	const guid_t type = MANY_TYPE(number);

	*server = many_server(many, &type);
	*client = many_client(many, &type);
}

static struct many *many_new(struct kunit *test, u32 ends)
{
	struct many *many = test->priv;

	many->ends = kvcalloc(ends, sizeof(*many->ends), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, many->ends);
	return many;
}

static void many_expect_delivery(struct many_end *from)
{
	struct many *many = from->many;
	int before = atomic_read(&many->packets);
	struct kunit *test = many->test;
	u64 question = 42;

	KUNIT_EXPECT_EQ(test,
			vmb_channel_send_synchronous_request(from->channel, &question,
							     sizeof(question), NULL, 0, 0,
							     NULL, NULL, 0), 0);
	KUNIT_ASSERT_NE_MSG(test,
			    wait_event_timeout(many->changed,
					       atomic_read(&many->packets) > before,
					       MANY_PATIENCE), 0,
			    "a passive channel gets no packet");
}

static void waiting_pairs_stop_nobody(struct kunit *test)
{
	struct many *many = many_new(test, 2 * MANY_PAIRS + 4);
	struct many_end *server, *client, *passive;
	u32 i;

	many_pair(many, MANY_PAIRS, &passive, &client);
	vmb_channel_set_incoming_processing_at_passive(passive->channel, true);
	many_enable(passive);
	many_enable(client);
	many_expect_started(client);
	many_expect_started(passive);
	for (i = 0; i < MANY_PAIRS; i++) {
		struct many_end *waiter, *waited_for;

		many_pair(many, i, &waiter, &waited_for);
		waiter->waits = true;
		many_enable(waiter);
		many_enable(waited_for);
	}
	/* As soon as a slot is missing they do not all get there. */
	wait_event_timeout(many->changed, atomic_read(&many->waiting) == MANY_PAIRS,
			   MANY_PATIENCE);
	KUNIT_EXPECT_EQ(test, atomic_read(&many->waiting), MANY_PAIRS);

	many_expect_delivery(client);
	many_pair(many, MANY_PAIRS + 1, &server, &client);
	many_enable(server);
	many_enable(client);
	many_expect_started(client);
	KUNIT_EXPECT_EQ(test, atomic_read(&many->waiting), MANY_PAIRS);
}

static int many_disable(void *data)
{
	struct many_end *end = data;

	vmb_channel_disable(end->channel);
	complete(&end->many->disabled);
	return 0;
}

static void primary_of_many_is_disabled(struct kunit *test)
{
	struct many *many = many_new(test, 2 * MANY_SUB_CHANNELS + 2);
	struct many_end *server, *client;
	u32 i;

	many_pair(many, 0, &server, &client);
	many_enable(server);
	many_enable(client);
	many_expect_started(client);
	many_expect_started(server);
	for (i = 0; i < MANY_SUB_CHANNELS; i++) {
		struct many_end *theirs = many_make(many, true);
		struct many_end *ours = many_make(many, false);

		KUNIT_ASSERT_EQ(test,
				vmb_channel_init_set_primary_channel(theirs->channel,
								     server->channel,
								     i + 1), 0);
		KUNIT_ASSERT_EQ(test,
				vmb_channel_init_set_primary_channel(ours->channel,
								     client->channel,
								     i + 1), 0);
		many_enable(theirs);
		many_enable(ours);
		many_expect_started(ours);
		many_expect_started(theirs);
	}
	KUNIT_ASSERT_FALSE(test, IS_ERR(kthread_run(many_disable, client, "many_disable")));
	KUNIT_ASSERT_NE_MSG(test,
			    wait_for_completion_timeout(&many->disabled, MANY_PATIENCE), 0,
			    "disable of a primary does not return");
	for (i = 2; i < many->count; i += 2)
		KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(many->ends[i + 1].channel));
}

static int many_init(struct kunit *test)
{
	struct many *many = kunit_kzalloc(test, sizeof(*many), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, many);
	many->test = test;
	init_waitqueue_head(&many->changed);
	init_completion(&many->go_on);
	init_completion(&many->disabled);
	test->priv = many;
	return 0;
}

static void many_exit(struct kunit *test)
{
	struct many *many = test->priv;

	if (!many)
		return;
	complete_all(&many->go_on);
	/* Sub-channels were made after their primary, and go before it. */
	while (many->count) {
		struct many_end *end = &many->ends[--many->count];

		vmb_channel_disable(end->channel);
		vmb_channel_cleanup(end->channel);
	}
	kvfree(many->ends);
}

static struct kunit_case many_cases[] = {
	KUNIT_CASE(waiting_pairs_stop_nobody),
	KUNIT_CASE(primary_of_many_is_disabled),
	{}
};

static struct kunit_suite many_suite = {
	.name = "vmbkmcl_loopback_many",
	.init = many_init,
	.exit = many_exit,
	.test_cases = many_cases,
};

kunit_test_suite(many_suite);
