// SPDX-License-Identifier: GPL-2.0
/*
 * Server and client on loopback: how they find each other, open, and close in
 * every order. No packet flows.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/jiffies.h>

#include "../../drivers/kmcl/loopback.h"
#include "../fixtures/loopback_fixture.h"

/* How often to try what goes wrong seldom. */
#define ROUNDS	100u

static const guid_t *instance = &loopback_instances[0];

/* Both are there, and started. */
static void join(struct loopback_end *server, struct loopback_end *client)
{
	loopback_enable(server);
	loopback_enable(client);
	loopback_expect(client, LOOPBACK_STARTED, 1);
	loopback_expect(server, LOOPBACK_STARTED, 1);
}

static void test_client_closes(struct kunit *test)
{
	static const struct loopback_entry client_log[] = {
		{ LOOPBACK_OPENED, 0 },
		{ LOOPBACK_STARTED, 0 },
		{ LOOPBACK_SUSPEND, VMB_CHANNEL_STOP_DISABLED },
		{ LOOPBACK_CLOSED, VMB_CHANNEL_STOP_DISABLED },
	};
	static const struct loopback_entry server_log[] = {
		{ LOOPBACK_OPENED, 0 },
		{ LOOPBACK_STARTED, 0 },
		{ LOOPBACK_SUSPEND, VMB_CHANNEL_STOP_PEER_GONE },
		{ LOOPBACK_CLOSED, VMB_CHANNEL_STOP_PEER_GONE },
	};
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);

	join(server, client);
	loopback_disable(client);
	loopback_expect_log(client, client_log, ARRAY_SIZE(client_log));
	loopback_expect(server, LOOPBACK_CLOSED, 1);
	/* Its offer stays. */
	loopback_settle(server);
	KUNIT_EXPECT_FALSE(test, vmb_channel_is_configurable(server->channel));
	loopback_expect_log(server, server_log, ARRAY_SIZE(server_log));
	loopback_disable(server);
	loopback_expect_log(server, server_log, ARRAY_SIZE(server_log));
}

static void test_server_closes(struct kunit *test)
{
	static const struct loopback_entry client_log[] = {
		{ LOOPBACK_OPENED, 0 },
		{ LOOPBACK_STARTED, 0 },
		{ LOOPBACK_SUSPEND, VMB_CHANNEL_STOP_PEER_GONE },
		{ LOOPBACK_CLOSED, VMB_CHANNEL_STOP_PEER_GONE },
	};
	static const struct loopback_entry server_log[] = {
		{ LOOPBACK_OPENED, 0 },
		{ LOOPBACK_STARTED, 0 },
		{ LOOPBACK_SUSPEND, VMB_CHANNEL_STOP_DISABLED },
		{ LOOPBACK_CLOSED, VMB_CHANNEL_STOP_DISABLED },
	};
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);

	join(server, client);
	loopback_disable(server);
	loopback_expect_log(server, server_log, ARRAY_SIZE(server_log));
	loopback_expect_disabled(client);
	loopback_expect_log(client, client_log, ARRAY_SIZE(client_log));
}

static void test_client_comes_back(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);
	u32 i;

	loopback_enable(server);
	for (i = 1; i <= 3; i++) {
		loopback_enable(client);
		loopback_expect(client, LOOPBACK_STARTED, i);
		loopback_expect(server, LOOPBACK_STARTED, i);
		loopback_disable(client);
		loopback_expect(server, LOOPBACK_CLOSED, i);
	}
	/* What the server knew of the one before is forgotten. */
	loopback_enable(client);
	loopback_expect(client, LOOPBACK_STARTED, i);
	loopback_disable(server);
	loopback_expect(client, LOOPBACK_CLOSED, i);
	loopback_expect_disabled(client);
}

static void test_server_comes_back(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);
	u32 i;

	for (i = 1; i <= 3; i++) {
		loopback_enable(client);
		loopback_enable(server);
		loopback_expect(client, LOOPBACK_STARTED, i);
		loopback_expect(server, LOOPBACK_STARTED, i);
		loopback_disable(server);
		loopback_expect(client, LOOPBACK_CLOSED, i);
		loopback_expect_disabled(client);
	}
}

/* Each begins wherever the other happens to be: open, or on the way there. */
static void test_both_close(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);
	u32 opened = 0;
	u32 i;

	for (i = 0; i < ROUNDS; i++) {
		loopback_orphan(server);
		loopback_orphan(client);
		loopback_enable(server);
		loopback_enable(client);
		if (i % 2)
			loopback_expect(client, LOOPBACK_OPENED, 1);
		if (i % 4 < 2)
			loopback_disable_on_worker(client);
		loopback_disable_on_worker(server);
		if (i % 4 >= 2)
			loopback_disable_on_worker(client);
		loopback_expect_helped(server);
		loopback_expect_helped(client);
		/* A client that opened has closed, and nobody was told of a failure. */
		KUNIT_ASSERT_EQ(test, loopback_happened(client, LOOPBACK_OPENED),
				loopback_happened(client, LOOPBACK_CLOSED));
		KUNIT_ASSERT_EQ(test, loopback_happened(server, LOOPBACK_OPENED),
				loopback_happened(server, LOOPBACK_CLOSED));
		KUNIT_ASSERT_EQ(test, loopback_happened(client, LOOPBACK_PNP_FAILURE), 0);
		/* A client is not open without its server. */
		KUNIT_ASSERT_GE(test, loopback_happened(server, LOOPBACK_OPENED),
				loopback_happened(client, LOOPBACK_OPENED));
		opened += loopback_happened(client, LOOPBACK_OPENED);
	}
	KUNIT_EXPECT_GE(test, opened, ROUNDS / 2);
}

static void test_waits_for_type(struct kunit *test)
{
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);
	struct loopback_end *other = loopback_server(test, &loopback_other_type,
						     instance);
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	guid_t found;

	loopback_enable(client);
	loopback_enable(other);
	loopback_settle(client);
	KUNIT_EXPECT_EQ(test, loopback_happened(client, LOOPBACK_OPENED), 0);
	loopback_enable(server);
	loopback_expect(client, LOOPBACK_OPENED, 1);
	KUNIT_EXPECT_EQ(test, loopback_happened(other, LOOPBACK_OPENED), 0);
	vmb_channel_get_interface_instance(client->channel, &found);
	KUNIT_EXPECT_TRUE(test, guid_equal(&found, instance));
	vmb_channel_get_interface_instance(server->channel, &found);
	KUNIT_EXPECT_TRUE(test, guid_equal(&found, instance));
}

static void test_waits_for_instance(struct kunit *test)
{
	struct loopback_end *client = loopback_client(test, &loopback_type,
						      &loopback_instances[2]);
	struct loopback_end *servers[3];
	guid_t found;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(servers); i++)
		servers[i] = loopback_server(test, &loopback_type,
					     &loopback_instances[i]);
	loopback_enable(servers[0]);
	loopback_enable(client);
	loopback_enable(servers[1]);
	loopback_settle(client);
	KUNIT_EXPECT_EQ(test, loopback_happened(client, LOOPBACK_OPENED), 0);
	loopback_enable(servers[2]);
	loopback_expect(client, LOOPBACK_OPENED, 1);
	loopback_expect(servers[2], LOOPBACK_OPENED, 1);
	KUNIT_EXPECT_EQ(test, loopback_happened(servers[0], LOOPBACK_OPENED), 0);
	KUNIT_EXPECT_EQ(test, loopback_happened(servers[1], LOOPBACK_OPENED), 0);
	vmb_channel_get_interface_instance(client->channel, &found);
	KUNIT_EXPECT_TRUE(test, guid_equal(&found, &loopback_instances[2]));
}

static bool is_open(struct loopback_end *end)
{
	return loopback_happened(end, LOOPBACK_OPENED) >
	       loopback_happened(end, LOOPBACK_CLOSED);
}

/* One connection an offer: the others wait for their turn. */
static void test_waits_for_turn(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	struct loopback_end *clients[3];
	u32 turn, i;

	for (i = 0; i < ARRAY_SIZE(clients); i++)
		clients[i] = loopback_client(test, &loopback_type, NULL);
	join(server, clients[0]);
	loopback_enable(clients[1]);
	loopback_enable(clients[2]);
	for (turn = 1; turn < ARRAY_SIZE(clients); turn++) {
		loopback_settle(server);
		KUNIT_EXPECT_EQ(test, loopback_happened(server, LOOPBACK_OPENED), turn);
		for (i = 0; i < ARRAY_SIZE(clients) && !is_open(clients[i]); i++)
			;
		KUNIT_ASSERT_LT(test, i, ARRAY_SIZE(clients));
		loopback_disable(clients[i]);
		loopback_expect(server, LOOPBACK_OPENED, turn + 1);
	}
	loopback_expect(clients[1], LOOPBACK_OPENED, 1);
	loopback_expect(clients[2], LOOPBACK_OPENED, 1);
}

static void test_stops_waiting(struct kunit *test)
{
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);

	loopback_enable(client);
	loopback_settle(client);
	loopback_disable(client);
	loopback_enable(server);
	loopback_settle(server);
	loopback_disable(server);
	loopback_expect_log(client, NULL, 0);
	loopback_expect_log(server, NULL, 0);
}

static void test_settings(struct kunit *test)
{
	const u32 flag = VMB_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER;
	struct loopback_end *server = loopback_end_make(test, true);
	struct loopback_end *client = loopback_end_make(test, false);
	struct vmb_channel *channel = server->channel;

	KUNIT_EXPECT_EQ(test, vmb_channel_enable(channel), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, vmb_server_channel_init_set_flags(channel, flag << 1),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_server_channel_init_set_flags(channel, flag), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(channel), -EINVAL);
	KUNIT_EXPECT_EQ(test,
			vmb_server_channel_init_set_target_interface_id(channel,
									&loopback_type,
									&guid_null),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(channel), -EINVAL);
	KUNIT_EXPECT_EQ(test,
			vmb_server_channel_init_set_target_interface_id(channel,
									&loopback_type,
									instance), 0);
	KUNIT_EXPECT_EQ(test, vmb_server_channel_init_set_flags(channel, 0), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(channel), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, vmb_server_channel_init_set_flags(channel, flag), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_enable(channel), 0);
	KUNIT_EXPECT_EQ(test, vmb_server_channel_init_set_flags(channel, flag), -EBUSY);
	KUNIT_EXPECT_EQ(test,
			vmb_server_channel_init_set_target_interface_id(channel,
									&loopback_type,
									instance), -EBUSY);
	/* A client has no such settings, and must say what it waits for. */
	KUNIT_EXPECT_EQ(test, vmb_server_channel_init_set_flags(client->channel, flag),
			-EINVAL);
	KUNIT_EXPECT_EQ(test,
			vmb_server_channel_init_set_target_interface_id(client->channel,
									&loopback_type,
									instance), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(client->channel), -EINVAL);
}

static void test_offer_is_taken(struct kunit *test)
{
	struct loopback_end *first = loopback_server(test, &loopback_type, instance);
	struct loopback_end *second = loopback_server(test, &loopback_type, instance);
	struct loopback_end *type = loopback_server(test, &loopback_other_type,
						    instance);
	struct loopback_end *other = loopback_server(test, &loopback_type,
						     &loopback_instances[1]);

	loopback_enable(first);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(second->channel), -EEXIST);
	loopback_enable(type);
	loopback_enable(other);
	loopback_disable(first);
	loopback_enable(second);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(first->channel), -EEXIST);
}

static void test_server_refuses(struct kunit *test)
{
	static const struct loopback_entry client_log[] = {
		{ LOOPBACK_PNP_FAILURE, -EXDEV },
	};
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);

	server->opened_error = -EXDEV;
	loopback_enable(server);
	loopback_enable(client);
	loopback_expect(client, LOOPBACK_PNP_FAILURE, 1);
	loopback_expect_disabled(client);
	loopback_expect_log(client, client_log, ARRAY_SIZE(client_log));
	/* The offer is as good as before. */
	server->opened_error = 0;
	loopback_enable(client);
	loopback_expect(client, LOOPBACK_STARTED, 1);
	loopback_expect(server, LOOPBACK_OPENED, 2);
	KUNIT_EXPECT_EQ(test, loopback_happened(server, LOOPBACK_CLOSED), 0);
}

static void test_client_refuses(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);

	client->opened_error = -EXDEV;
	loopback_enable(server);
	loopback_enable(client);
	loopback_expect(server, LOOPBACK_CLOSED, 1);
	loopback_expect_disabled(client);
	KUNIT_EXPECT_EQ(test, loopback_happened(client, LOOPBACK_STARTED), 0);
	client->opened_error = 0;
	loopback_enable(client);
	loopback_expect(client, LOOPBACK_STARTED, 1);
}

/* The rings are the client's; a server whose packets are larger turns it away. */
static void test_rings_too_small(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	struct loopback_end *small = loopback_client(test, &loopback_type, NULL);
	struct loopback_end *large = loopback_client(test, &loopback_type, NULL);

	KUNIT_ASSERT_EQ(test,
			vmb_channel_init_set_maximum_packet_size(server->channel,
								 4 * PAGE_SIZE), 0);
	KUNIT_ASSERT_EQ(test,
			vmb_channel_init_set_maximum_packet_size(small->channel, 64), 0);
	KUNIT_ASSERT_EQ(test,
			vmb_client_channel_init_set_ring_buffer_page_count(small->channel,
									   2, 2), 0);
	KUNIT_ASSERT_EQ(test,
			vmb_client_channel_init_set_ring_buffer_page_count(large->channel,
									   6, 6), 0);
	loopback_enable(server);
	loopback_enable(small);
	loopback_expect(small, LOOPBACK_PNP_FAILURE, 1);
	KUNIT_EXPECT_EQ(test, small->log[0].event, LOOPBACK_PNP_FAILURE);
	KUNIT_EXPECT_EQ(test, small->log[0].detail, -EMSGSIZE);
	loopback_settle(server);
	loopback_expect_log(server, NULL, 0);
	loopback_enable(large);
	loopback_expect(large, LOOPBACK_STARTED, 1);
}

/* The server's driver takes its time, and meanwhile everybody gives up. */
static void test_ends_while_opening(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);
	u32 which;

	server->hold_opened = true;
	for (which = 1; which <= 3; which++) {
		loopback_orphan(server);
		loopback_orphan(client);
		loopback_enable(server);
		loopback_enable(client);
		loopback_expect(server, LOOPBACK_OPENED, 1);
		if (which & 1)
			loopback_disable_on_worker(server);
		if (which & 2)
			loopback_disable_on_worker(client);
		msleep(20);
		KUNIT_EXPECT_EQ(test, loopback_happened(client, LOOPBACK_OPENED), 0);
		complete(&server->go_on);
		if (which & 1)
			loopback_expect_helped(server);
		if (which & 2)
			loopback_expect_helped(client);
		loopback_disable(client);
		loopback_disable(server);
		KUNIT_EXPECT_EQ(test, loopback_happened(server, LOOPBACK_OPENED),
				loopback_happened(server, LOOPBACK_CLOSED));
		KUNIT_EXPECT_EQ(test, loopback_happened(client, LOOPBACK_OPENED),
				loopback_happened(client, LOOPBACK_CLOSED));
		KUNIT_EXPECT_EQ(test, loopback_happened(client, LOOPBACK_PNP_FAILURE), 0);
	}
}

static struct vmb_loopback_connection *connection_of(struct loopback_end *client)
{
	struct vmb_loopback_client *private;

	private = vmb_channel_transport_private(client->channel);
	return &private->connection;
}

/*
 * The server's driver may be at work on what the client shares; until it has
 * done, the client is not through. Meanwhile nobody hears the server.
 */
static void test_client_waits_for_server(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);
	unsigned long end_of_patience = jiffies + LOOPBACK_PATIENCE;

	server->hold_suspend = true;
	join(server, client);
	loopback_disable_on_worker(client);
	loopback_expect(server, LOOPBACK_SUSPEND, 1);
	while (READ_ONCE(connection_of(client)->client.channel) &&
	       time_before(jiffies, end_of_patience))
		usleep_range(100, 200);
	KUNIT_EXPECT_NULL(test, connection_of(client)->client.channel);
	server->channel->operations->signal(server->channel);
	msleep(20);
	KUNIT_EXPECT_FALSE(test, completion_done(&client->helped));
	KUNIT_EXPECT_EQ(test, loopback_happened(client, LOOPBACK_CLOSED), 0);
	complete(&server->go_on);
	loopback_expect_helped(client);
	loopback_expect(server, LOOPBACK_CLOSED, 1);
}

/* The other way round nobody waits: the server is gone, and is not heard of. */
static void test_server_does_not_wait(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);

	client->hold_suspend = true;
	join(server, client);
	loopback_disable(server);
	loopback_clean_up(server);
	loopback_expect(client, LOOPBACK_SUSPEND, 1);
	KUNIT_EXPECT_NULL(test, connection_of(client)->server.channel);
	client->channel->operations->signal(client->channel);
	msleep(20);
	complete(&client->go_on);
	loopback_expect_disabled(client);
}

/* Those who ring while nobody listens any more. */
static void test_signals_while_closing(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);
	u32 i;

	loopback_enable(server);
	for (i = 1; i <= 20; i++) {
		loopback_orphan(server);
		loopback_orphan(client);
		loopback_enable(client);
		loopback_expect(client, LOOPBACK_STARTED, 1);
		loopback_expect(server, LOOPBACK_STARTED, 1);
		client->channel->operations->signal(client->channel);
		client->channel->operations->schedule(client->channel);
		server->channel->operations->signal(server->channel);
		server->channel->operations->schedule(server->channel);
		loopback_disable(client);
		loopback_expect(server, LOOPBACK_CLOSED, 1);
	}
}

/* A signal is on its way from when it is sent until it has been acted upon. */
static void expect_on_its_way(struct kunit *test, struct tasklet_struct *tasklet,
			      struct vmb_channel *rings, struct vmb_channel *hears)
{
	unsigned long end_of_patience = jiffies + LOOPBACK_PATIENCE;

	tasklet_disable(tasklet);
	rings->operations->signal(rings);
	KUNIT_EXPECT_TRUE(test, hears->operations->scheduled(hears));
	tasklet_enable(tasklet);
	while (hears->operations->scheduled(hears) && time_before(jiffies, end_of_patience))
		usleep_range(100, 200);
	KUNIT_EXPECT_FALSE(test, hears->operations->scheduled(hears));
}

static void test_signals_on_their_way(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);
	struct vmb_loopback_connection *connection;

	join(server, client);
	connection = connection_of(client);
	expect_on_its_way(test, &connection->server.tasklet, client->channel, server->channel);
	expect_on_its_way(test, &connection->client.tasklet, server->channel, client->channel);
	loopback_disable(client);
	loopback_expect(server, LOOPBACK_CLOSED, 1);
}

static struct kunit_case loopback_connect_cases[] = {
	KUNIT_CASE(test_client_closes),
	KUNIT_CASE(test_server_closes),
	KUNIT_CASE(test_client_comes_back),
	KUNIT_CASE(test_server_comes_back),
	KUNIT_CASE(test_both_close),
	KUNIT_CASE(test_waits_for_type),
	KUNIT_CASE(test_waits_for_instance),
	KUNIT_CASE(test_waits_for_turn),
	KUNIT_CASE(test_stops_waiting),
	KUNIT_CASE(test_settings),
	KUNIT_CASE(test_offer_is_taken),
	KUNIT_CASE(test_server_refuses),
	KUNIT_CASE(test_client_refuses),
	KUNIT_CASE(test_rings_too_small),
	KUNIT_CASE(test_ends_while_opening),
	KUNIT_CASE(test_client_waits_for_server),
	KUNIT_CASE(test_server_does_not_wait),
	KUNIT_CASE(test_signals_while_closing),
	KUNIT_CASE(test_signals_on_their_way),
	{}
};

static struct kunit_suite loopback_connect_suite = {
	.name = "vmbkmcl_loopback_connect",
	.init = loopback_fixture_init,
	.exit = loopback_fixture_exit,
	.test_cases = loopback_connect_cases,
};

kunit_test_suite(loopback_connect_suite);
