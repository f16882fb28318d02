// SPDX-License-Identifier: GPL-2.0
/*
 * Sub-channels, over loopback: how they live while their primary is open, start
 * and pause with it, and end before it.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/jiffies.h>

#include "../fixtures/sub_channel_fixture.h"

/* Life. */

static void test_several_at_once(struct kunit *test)
{
	struct family *family = family_make_and_open(test, FAMILY_SUB_CHANNELS);
	u32 i;

	for (i = 0; i < FAMILY_SUB_CHANNELS; i++)
		family_expect_flow_both_ways(family, i);
	family_expect_flow(family->client, family->server);
	for (i = 0; i < FAMILY_SUB_CHANNELS; i++) {
		KUNIT_EXPECT_EQ(test, family->clients[i]->channel->counters.received, 1);
		KUNIT_EXPECT_EQ(test, family->servers[i]->channel->counters.received, 1);
	}
}

/* The client's half waits until the server's is there. */
static void test_client_first(struct kunit *test)
{
	struct family *family = family_make(test, 1);

	family_enable(family->clients[0]);
	loopback_settle(family->clients[0]);
	KUNIT_EXPECT_EQ(test, loopback_happened(family->clients[0], LOOPBACK_OPENED), 0);
	family_enable(family->servers[0]);
	loopback_expect(family->clients[0], LOOPBACK_STARTED, 1);
	family_expect_flow_both_ways(family, 0);
}

/* Of another device of the same type. */
static void test_strangers_stay_apart(struct kunit *test)
{
	struct family *family = family_make_and_open(test, 1);
	struct loopback_end *server = loopback_server(test, &loopback_type,
						      &loopback_instances[1]);
	struct loopback_end *client = loopback_client(test, &loopback_type,
						      &loopback_instances[1]);
	struct loopback_end *servers_sub = family_sub_channel(server, 1);
	struct loopback_end *clients_sub = family_sub_channel(client, 1);

	loopback_enable(server);
	loopback_enable(client);
	loopback_expect(client, LOOPBACK_STARTED, 1);
	loopback_expect(server, LOOPBACK_STARTED, 1);
	family_enable(clients_sub);
	family_enable(servers_sub);
	loopback_expect(clients_sub, LOOPBACK_STARTED, 1);
	loopback_expect(servers_sub, LOOPBACK_STARTED, 1);
	family_expect_flow(clients_sub, servers_sub);
	family_expect_flow_both_ways(family, 0);
	KUNIT_EXPECT_EQ(test, family->servers[0]->channel->counters.received, 1);
}

static void test_ends_with_its_primary(struct kunit *test)
{
	struct family *family = family_make_and_open(test, FAMILY_SUB_CHANNELS);
	u32 i;

	/* Of the last sub-channel closed comes before closed of the primary. */
	family->client->hold_suspend = true;
	loopback_disable_on_worker(family->client);
	loopback_expect(family->client, LOOPBACK_SUSPEND, 1);
	for (i = 0; i < FAMILY_SUB_CHANNELS; i++) {
		loopback_expect(family->clients[i], LOOPBACK_CLOSED, 1);
		KUNIT_EXPECT_EQ(test, family_reason_of(family->clients[i], LOOPBACK_CLOSED),
				VMB_CHANNEL_STOP_DISABLED);
		KUNIT_EXPECT_EQ(test, family_reason_of(family->clients[i], LOOPBACK_SUSPEND),
				VMB_CHANNEL_STOP_DISABLED);
	}
	KUNIT_EXPECT_EQ(test, loopback_happened(family->client, LOOPBACK_CLOSED), 0);
	complete(&family->client->go_on);
	loopback_expect_helped(family->client);
	for (i = 0; i < FAMILY_SUB_CHANNELS; i++) {
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
	struct family *family = family_make_and_open(test, 1);

	family->clients[0]->hold_suspend = true;
	loopback_disable_on_worker(family->client);
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
	struct family *family = family_make_and_open(test, 1);

	family->clients[0]->hold_closed = true;
	loopback_disable_on_worker(family->client);
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
	struct family *family = family_make_and_open(test, FAMILY_SUB_CHANNELS);
	u32 i;

	loopback_disable(family->server);
	loopback_expect_disabled(family->client);
	for (i = 0; i < FAMILY_SUB_CHANNELS; i++) {
		KUNIT_EXPECT_TRUE(test,
				  vmb_channel_is_configurable(family->clients[i]->channel));
		KUNIT_EXPECT_TRUE(test,
				  vmb_channel_is_configurable(family->servers[i]->channel));
		KUNIT_EXPECT_EQ(test, family_reason_of(family->clients[i], LOOPBACK_CLOSED),
				VMB_CHANNEL_STOP_PEER_GONE);
	}
}

/* All of it again, as after a reconnect. */
static void test_comes_back_with_its_primary(struct kunit *test)
{
	struct family *family = family_make_and_open(test, 2);
	u32 i;

	for (i = 0; i < 3; i++) {
		loopback_disable(family->client);
		loopback_expect(family->server, LOOPBACK_CLOSED, 1);
		loopback_expect_disabled(family->servers[0]);
		loopback_expect_disabled(family->servers[1]);
		loopback_orphan(family->client);
		loopback_orphan(family->server);
		loopback_enable(family->client);
		loopback_expect(family->client, LOOPBACK_STARTED, 1);
		loopback_expect(family->server, LOOPBACK_STARTED, 1);
		loopback_orphan(family->clients[0]);
		loopback_orphan(family->servers[0]);
		loopback_orphan(family->clients[1]);
		loopback_orphan(family->servers[1]);
		family_open(family, 0);
		family_open(family, 1);
		family_expect_flow_both_ways(family, 0);
		family_expect_flow_both_ways(family, 1);
	}
}

/* One that was enabled and never opened. */
static void test_ends_while_it_waits(struct kunit *test)
{
	struct family *family = family_make(test, 1);

	family_enable(family->clients[0]);
	loopback_disable(family->client);
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(family->clients[0]->channel));
	KUNIT_EXPECT_EQ(test, loopback_happened(family->clients[0], LOOPBACK_OPENED), 0);
	KUNIT_EXPECT_EQ(test, loopback_happened(family->clients[0], LOOPBACK_CLOSED), 0);
}

static void test_alone(struct kunit *test)
{
	struct family *family = family_make_and_open(test, 2);

	loopback_disable(family->clients[0]);
	/* The server's half waits for the next one. */
	loopback_expect(family->servers[0], LOOPBACK_CLOSED, 1);
	loopback_settle(family->servers[0]);
	KUNIT_EXPECT_FALSE(test, vmb_channel_is_configurable(family->servers[0]->channel));
	family_expect_flow(family->client, family->server);
	family_expect_flow_both_ways(family, 1);

	loopback_orphan(family->clients[0]);
	loopback_orphan(family->servers[0]);
	family_enable(family->clients[0]);
	loopback_expect(family->clients[0], LOOPBACK_STARTED, 1);
	loopback_expect(family->servers[0], LOOPBACK_STARTED, 1);
	family_expect_flow_both_ways(family, 0);
}

/* As if the host took it back. */
static void test_server_takes_it_back(struct kunit *test)
{
	struct family *family = family_make_and_open(test, 2);

	loopback_disable(family->servers[0]);
	loopback_expect_disabled(family->clients[0]);
	KUNIT_EXPECT_EQ(test, family_reason_of(family->clients[0], LOOPBACK_CLOSED),
			VMB_CHANNEL_STOP_PEER_GONE);
	family_expect_flow(family->client, family->server);
	family_expect_flow_both_ways(family, 1);
	loopback_orphan(family->clients[0]);
	loopback_orphan(family->servers[0]);
	family_open(family, 0);
	family_expect_flow_both_ways(family, 0);
}

/* Flow. */

static void test_pauses_with_its_primary(struct kunit *test)
{
	struct family *family = family_make_and_open(test, 2);
	u32 i;

	KUNIT_EXPECT_EQ(test, vmb_channel_pause(family->client->channel), 0);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, loopback_happened(family->clients[i],
							LOOPBACK_SUSPEND), 1);
		KUNIT_EXPECT_EQ(test, family_reason_of(family->clients[i], LOOPBACK_SUSPEND),
				VMB_CHANNEL_STOP_PAUSED);
		KUNIT_EXPECT_EQ(test, loopback_happened(family->servers[i],
							LOOPBACK_SUSPEND), 0);
	}
	KUNIT_EXPECT_EQ(test, vmb_channel_start(family->client->channel), 0);
	for (i = 0; i < 2; i++) {
		loopback_expect(family->clients[i], LOOPBACK_STARTED, 2);
		family_expect_flow_both_ways(family, i);
	}
	KUNIT_EXPECT_EQ(test, loopback_happened(family->clients[0], LOOPBACK_OPENED), 1);
}

static void test_comes_up_paused(struct kunit *test)
{
	struct family *family = family_make(test, 1);

	KUNIT_EXPECT_EQ(test, vmb_channel_pause(family->client->channel), 0);
	family_enable(family->servers[0]);
	family_enable(family->clients[0]);
	loopback_expect(family->clients[0], LOOPBACK_OPENED, 1);
	loopback_expect(family->servers[0], LOOPBACK_STARTED, 1);
	loopback_settle(family->clients[0]);
	KUNIT_EXPECT_EQ(test, loopback_happened(family->clients[0], LOOPBACK_STARTED), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_start(family->client->channel), 0);
	loopback_expect(family->clients[0], LOOPBACK_STARTED, 1);
	family_expect_flow_both_ways(family, 0);
}

static void pause_on_worker(struct work_struct *work)
{
	struct loopback_end *end = container_of(work, struct loopback_end, helper);

	vmb_channel_pause(end->channel);
	complete(&end->helped);
}

/* The primary's pause waits for its sub-channels; start does not overtake it. */
static void test_pause_waits(struct kunit *test)
{
	struct family *family = family_make_and_open(test, 1);

	family->clients[0]->hold_suspend = true;
	INIT_WORK(&family->client->helper, pause_on_worker);
	loopback_disable_on_worker(family->client);
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
	struct family *family = family_make_and_open(test, 1);

	KUNIT_EXPECT_EQ(test, vmb_channel_pause(family->clients[0]->channel), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_channel_start(family->clients[0]->channel), -EINVAL);
	family_expect_flow_both_ways(family, 0);
}

/* Hibernation, of the client only: as a device's, whose peer is elsewhere. */
#define HIBERNATING	3u

static void quiesce(struct kunit *test, struct family *family,
		    struct vmb_channel **channels)
{
	channels[0] = family->client->channel;
	channels[1] = family->clients[0]->channel;
	channels[2] = family->clients[1]->channel;
	KUNIT_EXPECT_EQ(test, loopback_pm_quiesce(channels, HIBERNATING,
						  VMB_CHANNEL_STOP_HIBERNATING), 0);
}

/* One of the device's channels has refused: nobody was closed for it. */
static void test_hibernation_is_given_up(struct kunit *test)
{
	struct family *family = family_make_and_open(test, 2);
	struct vmb_channel *channels[HIBERNATING];
	u32 i;

	quiesce(test, family, channels);
	for (i = 0; i < HIBERNATING; i++)
		vmb_life_pm_resume(channels[i]);
	loopback_expect(family->client, LOOPBACK_STARTED, 2);
	for (i = 0; i < 2; i++) {
		loopback_expect(family->clients[i], LOOPBACK_STARTED, 2);
		KUNIT_EXPECT_EQ(test, loopback_happened(family->clients[i],
							LOOPBACK_CLOSED), 0);
		family_expect_flow_both_ways(family, i);
	}
	family_expect_flow(family->client, family->server);
}

/* The primary keeps its sub-channels, enabled. */
static void test_hibernates_with_its_primary(struct kunit *test)
{
	struct family *family = family_make_and_open(test, 2);
	struct vmb_channel *channels[HIBERNATING];
	u32 i;

	quiesce(test, family, channels);
	KUNIT_EXPECT_EQ(test, loopback_pm_close(channels, HIBERNATING), 0);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, family_reason_of(family->clients[i], LOOPBACK_CLOSED),
				VMB_CHANNEL_STOP_HIBERNATING);
		KUNIT_EXPECT_FALSE(test,
				   vmb_channel_is_configurable(channels[i + 1]));
		/* The other end did not hibernate: its primary has lost its peer. */
		loopback_expect_disabled(family->servers[i]);
		loopback_orphan(family->servers[i]);
		loopback_orphan(family->clients[i]);
	}
	loopback_orphan(family->client);
	loopback_orphan(family->server);
	for (i = 0; i < HIBERNATING; i++)
		vmb_life_pm_resume(channels[i]);
	loopback_expect(family->client, LOOPBACK_STARTED, 1);
	loopback_expect(family->server, LOOPBACK_STARTED, 1);
	for (i = 0; i < 2; i++) {
		family_enable(family->servers[i]);
		loopback_expect(family->clients[i], LOOPBACK_STARTED, 1);
		loopback_expect(family->servers[i], LOOPBACK_STARTED, 1);
		family_expect_flow_both_ways(family, i);
	}
}

static struct kunit_case sub_channel_cases[] = {
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
	KUNIT_CASE(test_hibernation_is_given_up),
	KUNIT_CASE(test_hibernates_with_its_primary),
	{}
};

static struct kunit_suite sub_channel_suite = {
	.name = "vmbkmcl_sub_channel",
	.init = loopback_fixture_init,
	.exit = loopback_fixture_exit,
	.test_cases = sub_channel_cases,
};

kunit_test_suite(sub_channel_suite);

