// SPDX-License-Identifier: GPL-2.0
/*
 * Sub-channels, over loopback: how they live while their primary is open, start
 * and pause with it, and end before it.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/jiffies.h>

#include "loopback_fixture.h"

#define SUB_CHANNELS	4u

static const guid_t *instance = &loopback_instances[0];

/**
 * struct family - a primary and its sub-channels, on both ends
 * @server: the server's primary.
 * @client: the client's.
 * @servers: the server's sub-channels; NULL: not made.
 * @clients: the client's.
 */
struct family {
	struct loopback_end *server;
	struct loopback_end *client;
	struct loopback_end *servers[SUB_CHANNELS];
	struct loopback_end *clients[SUB_CHANNELS];
};

static struct loopback_end *sub_channel(struct loopback_end *primary, u16 index)
{
	struct kunit *test = primary->test;
	struct loopback_end *end = loopback_end_make(test, primary->channel->is_server);

	KUNIT_ASSERT_EQ(test,
			vmb_channel_init_set_primary_channel(end->channel,
							     primary->channel, index), 0);
	return end;
}

/* Unlike others a server is not to be started: it follows its primary. */
static void enable(struct loopback_end *end)
{
	KUNIT_ASSERT_EQ(end->test, vmb_channel_enable(end->channel), 0);
}

/* Both primaries run; @count sub-channels are made, and not enabled. */
static struct family *make(struct kunit *test, u32 count)
{
	struct family *family;
	u32 i;

	family = kunit_kzalloc(test, sizeof(*family), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, family);
	family->server = loopback_server(test, &loopback_type, instance);
	family->client = loopback_client(test, &loopback_type, NULL);
	loopback_enable(family->server);
	loopback_enable(family->client);
	loopback_expect(family->client, LOOPBACK_STARTED, 1);
	loopback_expect(family->server, LOOPBACK_STARTED, 1);
	for (i = 0; i < count; i++) {
		family->servers[i] = sub_channel(family->server, i + 1);
		family->clients[i] = sub_channel(family->client, i + 1);
	}
	return family;
}

static void open(struct family *family, u32 i)
{
	enable(family->servers[i]);
	enable(family->clients[i]);
	loopback_expect(family->clients[i], LOOPBACK_STARTED, 1);
	loopback_expect(family->servers[i], LOOPBACK_STARTED, 1);
}

/* The same, and all of them run. */
static struct family *make_and_open(struct kunit *test, u32 count)
{
	struct family *family = make(test, count);
	u32 i;

	for (i = 0; i < count; i++)
		open(family, i);
	return family;
}

static u64 received(struct loopback_end *end)
{
	return READ_ONCE(end->channel->counters.received);
}

/* A packet gets from one to the other; a client also waits for its completion. */
static void expect_flow(struct loopback_end *from, struct loopback_end *to)
{
	const bool wait = !from->channel->is_server;
	const u32 flags = wait ? VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION : 0;
	unsigned long end = jiffies + LOOPBACK_PATIENCE;
	u64 before = received(to);
	u64 question = 42;

	KUNIT_EXPECT_EQ(from->test,
			vmb_channel_send_synchronous_request(from->channel, &question,
							     sizeof(question), NULL, 0,
							     flags, NULL, NULL,
							     wait ? LOOPBACK_PATIENCE : 0), 0);
	while (received(to) == before && time_before(jiffies, end))
		usleep_range(100, 200);
	KUNIT_EXPECT_EQ(from->test, received(to), before + 1);
}

static void expect_flow_both_ways(struct family *family, u32 i)
{
	expect_flow(family->clients[i], family->servers[i]);
	expect_flow(family->servers[i], family->clients[i]);
}

/* The reason in the log of what happened last of its kind. */
static s64 reason_of(struct loopback_end *end, enum loopback_event event)
{
	s64 detail = -1;
	u32 i;

	spin_lock_irq(&end->lock);
	for (i = 0; i < end->count; i++)
		if (end->log[i].event == event)
			detail = end->log[i].detail;
	spin_unlock_irq(&end->lock);
	return detail;
}

/* Configuration. */

static void test_who_qualifies(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);
	struct loopback_end *sub = loopback_end_make(test, false);
	struct loopback_end *other = loopback_end_make(test, false);

	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_primary_channel(sub->channel,
								   client->channel, 0),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_primary_channel(sub->channel,
								   sub->channel, 1),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_primary_channel(sub->channel,
								   server->channel, 1),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_primary_channel(sub->channel,
								   client->channel, 1), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_primary_channel(sub->channel,
								   client->channel, 1),
			-EEXIST);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_primary_channel(other->channel,
								   sub->channel, 1),
			-EINVAL);
	/* One that has sub-channels. */
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_primary_channel(client->channel,
								   other->channel, 1),
			-EINVAL);
	loopback_enable(client);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_primary_channel(client->channel,
								   other->channel, 1),
			-EBUSY);
}

static void test_needs_an_open_primary(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);
	struct loopback_end *sub = sub_channel(client, 1);

	KUNIT_EXPECT_EQ(test, vmb_channel_enable(sub->channel), -ENOTCONN);
	/* It waits for an offer. */
	loopback_enable(client);
	loopback_settle(client);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(sub->channel), -ENOTCONN);
	loopback_enable(server);
	loopback_expect(client, LOOPBACK_STARTED, 1);
	enable(sub);
	loopback_disable(client);
	loopback_expect_disabled(sub);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(sub->channel), -ENOTCONN);
}

static void test_one_of_each_index(struct kunit *test)
{
	struct family *family = make_and_open(test, 1);
	struct loopback_end *client = sub_channel(family->client, 1);
	struct loopback_end *server = sub_channel(family->server, 1);

	KUNIT_EXPECT_EQ(test, vmb_channel_enable(client->channel), -EEXIST);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(server->channel), -EEXIST);
	expect_flow_both_ways(family, 0);
}

/* Life. */

static void test_several_at_once(struct kunit *test)
{
	struct family *family = make_and_open(test, SUB_CHANNELS);
	u32 i;

	for (i = 0; i < SUB_CHANNELS; i++)
		expect_flow_both_ways(family, i);
	expect_flow(family->client, family->server);
	for (i = 0; i < SUB_CHANNELS; i++) {
		KUNIT_EXPECT_EQ(test, family->clients[i]->channel->counters.received, 1);
		KUNIT_EXPECT_EQ(test, family->servers[i]->channel->counters.received, 1);
	}
}

/* The client's half waits until the server's is there. */
static void test_client_first(struct kunit *test)
{
	struct family *family = make(test, 1);

	enable(family->clients[0]);
	loopback_settle(family->clients[0]);
	KUNIT_EXPECT_EQ(test, loopback_happened(family->clients[0], LOOPBACK_OPENED), 0);
	enable(family->servers[0]);
	loopback_expect(family->clients[0], LOOPBACK_STARTED, 1);
	expect_flow_both_ways(family, 0);
}

/* Of another device of the same type. */
static void test_strangers_stay_apart(struct kunit *test)
{
	struct family *family = make_and_open(test, 1);
	struct loopback_end *server = loopback_server(test, &loopback_type,
						      &loopback_instances[1]);
	struct loopback_end *client = loopback_client(test, &loopback_type,
						      &loopback_instances[1]);
	struct loopback_end *servers_sub = sub_channel(server, 1);
	struct loopback_end *clients_sub = sub_channel(client, 1);

	loopback_enable(server);
	loopback_enable(client);
	loopback_expect(client, LOOPBACK_STARTED, 1);
	loopback_expect(server, LOOPBACK_STARTED, 1);
	enable(clients_sub);
	enable(servers_sub);
	loopback_expect(clients_sub, LOOPBACK_STARTED, 1);
	loopback_expect(servers_sub, LOOPBACK_STARTED, 1);
	expect_flow(clients_sub, servers_sub);
	expect_flow_both_ways(family, 0);
	KUNIT_EXPECT_EQ(test, family->servers[0]->channel->counters.received, 1);
}

static void test_ends_with_its_primary(struct kunit *test)
{
	struct family *family = make_and_open(test, SUB_CHANNELS);
	u32 i;

	/* Of the last sub-channel closed comes before closed of the primary. */
	family->client->hold_suspend = true;
	loopback_disable_elsewhere(family->client);
	loopback_expect(family->client, LOOPBACK_SUSPEND, 1);
	for (i = 0; i < SUB_CHANNELS; i++) {
		loopback_expect(family->clients[i], LOOPBACK_CLOSED, 1);
		KUNIT_EXPECT_EQ(test, reason_of(family->clients[i], LOOPBACK_CLOSED),
				VMB_CHANNEL_STOP_DISABLED);
		KUNIT_EXPECT_EQ(test, reason_of(family->clients[i], LOOPBACK_SUSPEND),
				VMB_CHANNEL_STOP_DISABLED);
	}
	KUNIT_EXPECT_EQ(test, loopback_happened(family->client, LOOPBACK_CLOSED), 0);
	complete(&family->client->go_on);
	loopback_expect_helped(family->client);
	for (i = 0; i < SUB_CHANNELS; i++) {
		KUNIT_EXPECT_TRUE(test,
				  vmb_channel_is_configurable(family->clients[i]->channel));
		/* A server, but its primary has closed. */
		loopback_expect_disabled(family->servers[i]);
	}
	loopback_expect(family->server, LOOPBACK_CLOSED, 1);
	KUNIT_EXPECT_FALSE(test, vmb_channel_is_configurable(family->server->channel));
}

/* A sub-channel whose driver is slow holds up closed of its primary. */
static void test_primary_closes_last(struct kunit *test)
{
	struct family *family = make_and_open(test, 1);

	family->clients[0]->hold_suspend = true;
	loopback_disable_elsewhere(family->client);
	loopback_expect(family->clients[0], LOOPBACK_SUSPEND, 1);
	loopback_settle(family->server);
	KUNIT_EXPECT_EQ(test, loopback_happened(family->client, LOOPBACK_CLOSED), 0);
	/* Nor is its transport closed before: the peer has not heard of it. */
	KUNIT_EXPECT_EQ(test, loopback_happened(family->server, LOOPBACK_CLOSED), 0);
	KUNIT_EXPECT_FALSE(test, completion_done(&family->client->helped));
	complete(&family->clients[0]->go_on);
	loopback_expect_helped(family->client);
	KUNIT_EXPECT_EQ(test, loopback_happened(family->clients[0], LOOPBACK_CLOSED), 1);
}

/* Also when its transport has long been closed. */
static void test_primary_has_the_last_word(struct kunit *test)
{
	struct family *family = make_and_open(test, 1);

	family->clients[0]->hold_closed = true;
	loopback_disable_elsewhere(family->client);
	loopback_expect(family->clients[0], LOOPBACK_CLOSED, 1);
	/* The primary's transport is closed by then. */
	loopback_expect(family->server, LOOPBACK_CLOSED, 1);
	loopback_settle(family->server);
	KUNIT_EXPECT_EQ(test, loopback_happened(family->client, LOOPBACK_CLOSED), 0);
	complete(&family->clients[0]->go_on);
	loopback_expect_helped(family->client);
	KUNIT_EXPECT_EQ(test, loopback_happened(family->client, LOOPBACK_CLOSED), 1);
}

static void test_ends_with_its_peer(struct kunit *test)
{
	struct family *family = make_and_open(test, SUB_CHANNELS);
	u32 i;

	loopback_disable(family->server);
	loopback_expect_disabled(family->client);
	for (i = 0; i < SUB_CHANNELS; i++) {
		KUNIT_EXPECT_TRUE(test,
				  vmb_channel_is_configurable(family->clients[i]->channel));
		KUNIT_EXPECT_TRUE(test,
				  vmb_channel_is_configurable(family->servers[i]->channel));
		KUNIT_EXPECT_EQ(test, reason_of(family->clients[i], LOOPBACK_CLOSED),
				VMB_CHANNEL_STOP_PEER_GONE);
	}
}

/* All of it again, as after a reconnect. */
static void test_comes_back_with_its_primary(struct kunit *test)
{
	struct family *family = make_and_open(test, 2);
	u32 i;

	for (i = 0; i < 3; i++) {
		loopback_disable(family->client);
		loopback_expect(family->server, LOOPBACK_CLOSED, 1);
		loopback_expect_disabled(family->servers[0]);
		loopback_expect_disabled(family->servers[1]);
		loopback_forget(family->client);
		loopback_forget(family->server);
		loopback_enable(family->client);
		loopback_expect(family->client, LOOPBACK_STARTED, 1);
		loopback_expect(family->server, LOOPBACK_STARTED, 1);
		loopback_forget(family->clients[0]);
		loopback_forget(family->servers[0]);
		loopback_forget(family->clients[1]);
		loopback_forget(family->servers[1]);
		open(family, 0);
		open(family, 1);
		expect_flow_both_ways(family, 0);
		expect_flow_both_ways(family, 1);
	}
}

/* One that was enabled and never opened. */
static void test_ends_while_it_waits(struct kunit *test)
{
	struct family *family = make(test, 1);

	enable(family->clients[0]);
	loopback_disable(family->client);
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(family->clients[0]->channel));
	KUNIT_EXPECT_EQ(test, loopback_happened(family->clients[0], LOOPBACK_OPENED), 0);
	KUNIT_EXPECT_EQ(test, loopback_happened(family->clients[0], LOOPBACK_CLOSED), 0);
}

static void test_alone(struct kunit *test)
{
	struct family *family = make_and_open(test, 2);

	loopback_disable(family->clients[0]);
	/* The server's half waits for the next one. */
	loopback_expect(family->servers[0], LOOPBACK_CLOSED, 1);
	loopback_settle(family->servers[0]);
	KUNIT_EXPECT_FALSE(test, vmb_channel_is_configurable(family->servers[0]->channel));
	expect_flow(family->client, family->server);
	expect_flow_both_ways(family, 1);

	loopback_forget(family->clients[0]);
	loopback_forget(family->servers[0]);
	enable(family->clients[0]);
	loopback_expect(family->clients[0], LOOPBACK_STARTED, 1);
	loopback_expect(family->servers[0], LOOPBACK_STARTED, 1);
	expect_flow_both_ways(family, 0);
}

/* As if the host took it back. */
static void test_server_takes_it_back(struct kunit *test)
{
	struct family *family = make_and_open(test, 2);

	loopback_disable(family->servers[0]);
	loopback_expect_disabled(family->clients[0]);
	KUNIT_EXPECT_EQ(test, reason_of(family->clients[0], LOOPBACK_CLOSED),
			VMB_CHANNEL_STOP_PEER_GONE);
	expect_flow(family->client, family->server);
	expect_flow_both_ways(family, 1);
	loopback_forget(family->clients[0]);
	loopback_forget(family->servers[0]);
	open(family, 0);
	expect_flow_both_ways(family, 0);
}

/* Flow. */

static void test_pauses_with_its_primary(struct kunit *test)
{
	struct family *family = make_and_open(test, 2);
	u32 i;

	KUNIT_EXPECT_EQ(test, vmb_channel_pause(family->client->channel), 0);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, loopback_happened(family->clients[i],
							LOOPBACK_SUSPEND), 1);
		KUNIT_EXPECT_EQ(test, reason_of(family->clients[i], LOOPBACK_SUSPEND),
				VMB_CHANNEL_STOP_PAUSED);
		KUNIT_EXPECT_EQ(test, loopback_happened(family->servers[i],
							LOOPBACK_SUSPEND), 0);
	}
	KUNIT_EXPECT_EQ(test, vmb_channel_start(family->client->channel), 0);
	for (i = 0; i < 2; i++) {
		loopback_expect(family->clients[i], LOOPBACK_STARTED, 2);
		expect_flow_both_ways(family, i);
	}
	KUNIT_EXPECT_EQ(test, loopback_happened(family->clients[0], LOOPBACK_OPENED), 1);
}

static void test_comes_up_paused(struct kunit *test)
{
	struct family *family = make(test, 1);

	KUNIT_EXPECT_EQ(test, vmb_channel_pause(family->client->channel), 0);
	enable(family->servers[0]);
	enable(family->clients[0]);
	loopback_expect(family->clients[0], LOOPBACK_OPENED, 1);
	loopback_expect(family->servers[0], LOOPBACK_STARTED, 1);
	loopback_settle(family->clients[0]);
	KUNIT_EXPECT_EQ(test, loopback_happened(family->clients[0], LOOPBACK_STARTED), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_start(family->client->channel), 0);
	loopback_expect(family->clients[0], LOOPBACK_STARTED, 1);
	expect_flow_both_ways(family, 0);
}

static void pause_elsewhere(struct work_struct *work)
{
	struct loopback_end *end = container_of(work, struct loopback_end, helper);

	vmb_channel_pause(end->channel);
	complete(&end->helped);
}

/* The primary's pause waits for its sub-channels; start does not overtake it. */
static void test_pause_waits(struct kunit *test)
{
	struct family *family = make_and_open(test, 1);

	family->clients[0]->hold_suspend = true;
	INIT_WORK(&family->client->helper, pause_elsewhere);
	loopback_disable_elsewhere(family->client);
	loopback_expect(family->clients[0], LOOPBACK_SUSPEND, 1);
	loopback_expect(family->client, LOOPBACK_SUSPEND, 1);
	loopback_settle(family->client);
	KUNIT_EXPECT_FALSE(test, completion_done(&family->client->helped));
	KUNIT_EXPECT_EQ(test, vmb_channel_start(family->client->channel), -EBUSY);
	complete(&family->clients[0]->go_on);
	loopback_expect_helped(family->client);
	KUNIT_EXPECT_EQ(test, vmb_channel_start(family->client->channel), 0);
	loopback_expect(family->clients[0], LOOPBACK_STARTED, 2);
}

static void test_has_no_flow_of_its_own(struct kunit *test)
{
	struct family *family = make_and_open(test, 1);

	KUNIT_EXPECT_EQ(test, vmb_channel_pause(family->clients[0]->channel), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_channel_start(family->clients[0]->channel), -EINVAL);
	expect_flow_both_ways(family, 0);
}

/* Hibernation, of the client only: as a device's, whose peer is elsewhere. */
#define SLEEPERS	3u

static void rest(struct kunit *test, struct family *family,
		 struct vmb_channel **channels)
{
	channels[0] = family->client->channel;
	channels[1] = family->clients[0]->channel;
	channels[2] = family->clients[1]->channel;
	KUNIT_EXPECT_EQ(test, loopback_rest(channels, SLEEPERS), 0);
}

/* One of the device's channels has refused: nobody was closed for it. */
static void test_sleep_is_given_up(struct kunit *test)
{
	struct family *family = make_and_open(test, 2);
	struct vmb_channel *channels[SLEEPERS];
	u32 i;

	rest(test, family, channels);
	for (i = 0; i < SLEEPERS; i++)
		vmb_life_wake(channels[i]);
	loopback_expect(family->client, LOOPBACK_STARTED, 2);
	for (i = 0; i < 2; i++) {
		loopback_expect(family->clients[i], LOOPBACK_STARTED, 2);
		KUNIT_EXPECT_EQ(test, loopback_happened(family->clients[i],
							LOOPBACK_CLOSED), 0);
		expect_flow_both_ways(family, i);
	}
	expect_flow(family->client, family->server);
}

/* The primary keeps its sub-channels, enabled. */
static void test_sleeps_with_its_primary(struct kunit *test)
{
	struct family *family = make_and_open(test, 2);
	struct vmb_channel *channels[SLEEPERS];
	u32 i;

	rest(test, family, channels);
	KUNIT_EXPECT_EQ(test, loopback_sleep(channels, SLEEPERS), 0);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, reason_of(family->clients[i], LOOPBACK_CLOSED),
				VMB_CHANNEL_STOP_HIBERNATING);
		KUNIT_EXPECT_FALSE(test,
				   vmb_channel_is_configurable(channels[i + 1]));
		/* The other end did not sleep: its primary has lost its peer. */
		loopback_expect_disabled(family->servers[i]);
		loopback_forget(family->servers[i]);
		loopback_forget(family->clients[i]);
	}
	loopback_forget(family->client);
	loopback_forget(family->server);
	for (i = 0; i < SLEEPERS; i++)
		vmb_life_wake(channels[i]);
	loopback_expect(family->client, LOOPBACK_STARTED, 1);
	loopback_expect(family->server, LOOPBACK_STARTED, 1);
	for (i = 0; i < 2; i++) {
		enable(family->servers[i]);
		loopback_expect(family->clients[i], LOOPBACK_STARTED, 1);
		loopback_expect(family->servers[i], LOOPBACK_STARTED, 1);
		expect_flow_both_ways(family, i);
	}
}

/* Misuse. */

/* What the callback of a sub-channel says to its primary. */
static int disable_result;

static int opened_disables_primary(struct vmb_channel *channel, void *context)
{
	WRITE_ONCE(disable_result, vmb_channel_disable(context));
	return 0;
}

static void test_disable_from_within(struct kunit *test)
{
	struct vmb_channel_state_change_callbacks callbacks;
	struct family *family = make(test, 1);

	vmb_channel_state_change_callbacks_init(&callbacks);
	callbacks.callback_context = family->client->channel;
	callbacks.opened = opened_disables_primary;
	KUNIT_ASSERT_EQ(test,
			vmb_channel_init_set_state_change_callbacks(family->clients[0]->channel,
								    &callbacks), 0);
	WRITE_ONCE(disable_result, 0);
	enable(family->clients[0]);
	enable(family->servers[0]);
	loopback_expect(family->servers[0], LOOPBACK_STARTED, 1);
	expect_flow(family->servers[0], family->clients[0]);
	KUNIT_EXPECT_EQ(test, READ_ONCE(disable_result), -EDEADLK);
}

/* With a warning; and the sub-channel is an ordinary channel from then on. */
static void test_cleaned_up_in_the_wrong_order(struct kunit *test)
{
	struct family *family = make_and_open(test, 1);

	loopback_disable(family->client);
	loopback_clean_up(family->client);
	KUNIT_EXPECT_NULL(test, vmb_channel_primary(family->clients[0]->channel));
	/* It was told of no target. */
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(family->clients[0]->channel), -EINVAL);
}

static struct kunit_case sub_channel_cases[] = {
	KUNIT_CASE(test_who_qualifies),
	KUNIT_CASE(test_needs_an_open_primary),
	KUNIT_CASE(test_one_of_each_index),
	KUNIT_CASE(test_several_at_once),
	KUNIT_CASE(test_client_first),
	KUNIT_CASE(test_strangers_stay_apart),
	KUNIT_CASE(test_ends_with_its_primary),
	KUNIT_CASE(test_primary_closes_last),
	KUNIT_CASE(test_primary_has_the_last_word),
	KUNIT_CASE(test_ends_with_its_peer),
	KUNIT_CASE(test_comes_back_with_its_primary),
	KUNIT_CASE(test_ends_while_it_waits),
	KUNIT_CASE(test_alone),
	KUNIT_CASE(test_server_takes_it_back),
	KUNIT_CASE(test_pauses_with_its_primary),
	KUNIT_CASE(test_comes_up_paused),
	KUNIT_CASE(test_pause_waits),
	KUNIT_CASE(test_has_no_flow_of_its_own),
	KUNIT_CASE(test_sleep_is_given_up),
	KUNIT_CASE(test_sleeps_with_its_primary),
	KUNIT_CASE(test_disable_from_within),
	KUNIT_CASE(test_cleaned_up_in_the_wrong_order),
	{}
};

static struct kunit_suite sub_channel_suite = {
	.name = "vmbkmcl_sub_channel",
	.init = loopback_fixture_init,
	.exit = loopback_fixture_exit,
	.test_cases = sub_channel_cases,
};

kunit_test_suite(sub_channel_suite);

