// SPDX-License-Identifier: GPL-2.0
/*
 * How much memory a server on loopback spends on its client: not more than it
 * allows, and not longer than the client is there.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/jiffies.h>

#include "../fixtures/loopback_fixture.h"

#define FEW		VMB_DEFAULT_MAXIMUM_PACKET_COUNT
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

static void test_server_says_how_much(struct kunit *test)
{
	static const guid_t *instance = &loopback_instances[0];
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	struct loopback_end *greedy = loopback_client(test, &loopback_type, NULL);
	struct loopback_end *modest = loopback_client(test, &loopback_type, NULL);

	packets(greedy, MANY);
	loopback_enable(server);
	loopback_enable(greedy);
	loopback_expect(greedy, LOOPBACK_PNP_FAILURE, 1);
	KUNIT_EXPECT_EQ(test, greedy->log[0].detail, -E2BIG);
	loopback_expect_disabled(greedy);
	KUNIT_EXPECT_LE(test, objects(server), FEW);

	join(server, modest, 1);
	KUNIT_EXPECT_EQ(test, objects(server), FEW + 1);
}

static void test_client_leaves(struct kunit *test)
{
	static const guid_t *instance = &loopback_instances[0];
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);
	struct loopback_end *next = loopback_client(test, &loopback_type, NULL);
	unsigned long end = jiffies + LOOPBACK_PATIENCE;

	packets(server, MORE);
	packets(client, MORE);
	loopback_enable(server);
	KUNIT_EXPECT_EQ(test, objects(server), FEW);
	join(server, client, 1);
	KUNIT_EXPECT_EQ(test, objects(server), MORE + 1);
	loopback_disable(client);
	loopback_expect(server, LOOPBACK_CLOSED, 1);
	/* Before it is offered again. */
	while (objects(server) != FEW && time_before(jiffies, end))
		usleep_range(100, 200);
	KUNIT_EXPECT_EQ(test, objects(server), FEW);

	/* And it still is a server. */
	packets(next, MORE);
	join(server, next, 2);
	KUNIT_EXPECT_EQ(test, objects(server), MORE + 1);
}

static struct kunit_case loopback_memory_cases[] = {
	KUNIT_CASE(test_server_says_how_much),
	KUNIT_CASE(test_client_leaves),
	{}
};

static struct kunit_suite loopback_memory_suite = {
	.name = "vmbkmcl_loopback_memory",
	.init = loopback_fixture_init,
	.exit = loopback_fixture_exit,
	.test_cases = loopback_memory_cases,
};

kunit_test_suite(loopback_memory_suite);
