// SPDX-License-Identifier: GPL-2.0
/*
 * How much memory a server on loopback spends on its client: what it has set,
 * whoever the client is. That bounds what the client has in flight.
 */
#include <kunit/test.h>

#include "../fixtures/loopback_fixture.h"

#define FEW		100u
#define MORE		1000u
#define MANY		65536u

static void packets(struct loopback_end *end, u32 count)
{
	KUNIT_ASSERT_EQ(end->test,
			vmb_channel_init_set_maximum_packet_size(end->channel, 64), 0);
	KUNIT_ASSERT_EQ(end->test,
			vmb_channel_init_set_maximum_packet_count(end->channel, count), 0);
}

static u32 objects(const struct loopback_end *end)
{
	return READ_ONCE(end->channel->pool.count);
}

/* Both run. */
static void join(struct loopback_end *server, struct loopback_end *client, u32 times)
{
	loopback_enable(client);
	loopback_expect(client, LOOPBACK_STARTED, 1);
	loopback_expect(server, LOOPBACK_STARTED, times);
}

static u32 in_flight_at_most(const struct loopback_end *end)
{
	return READ_ONCE(end->channel->outbound.transactions.limit);
}

static void test_server_says_how_much(struct kunit *test)
{
	static const guid_t *instance = &loopback_instances[0];
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	struct loopback_end *greedy = loopback_client(test, &loopback_type, NULL);

	packets(greedy, MANY);
	KUNIT_ASSERT_EQ(test,
			vmb_channel_init_set_inbound_packet_count(server->channel, FEW), 0);
	loopback_enable(server);
	KUNIT_EXPECT_EQ(test, objects(server), FEW + 1);
	join(server, greedy, 1);
	KUNIT_EXPECT_EQ(test, objects(server), FEW + 1);
	KUNIT_EXPECT_EQ(test, in_flight_at_most(greedy), FEW);
}

static void test_next_server_allows_more(struct kunit *test)
{
	static const guid_t *instance = &loopback_instances[0];
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);

	packets(client, MORE);
	KUNIT_ASSERT_EQ(test,
			vmb_channel_init_set_inbound_packet_count(server->channel, FEW), 0);
	loopback_enable(server);
	join(server, client, 1);
	KUNIT_EXPECT_EQ(test, in_flight_at_most(client), FEW);
	loopback_disable(client);
	loopback_disable(server);
	KUNIT_ASSERT_EQ(test,
			vmb_channel_init_set_inbound_packet_count(server->channel, MANY), 0);
	loopback_enable(server);
	loopback_enable(client);
	loopback_expect(client, LOOPBACK_STARTED, 2);
	/* What the last one allowed is not kept, nor is more allowed than was set. */
	KUNIT_EXPECT_EQ(test, in_flight_at_most(client), MORE);
}

static struct kunit_case loopback_memory_cases[] = {
	KUNIT_CASE(test_server_says_how_much),
	KUNIT_CASE(test_next_server_allows_more),
	{}
};

static struct kunit_suite loopback_memory_suite = {
	.name = "vmbkmcl_loopback_memory",
	.init = loopback_fixture_init,
	.exit = loopback_fixture_exit,
	.test_cases = loopback_memory_cases,
};

kunit_test_suite(loopback_memory_suite);
