// SPDX-License-Identifier: GPL-2.0
/*
 * What a server sends between two clients is for the next one; and whose memory it
 * is that a client's packets lie in.
 */
#include <kunit/test.h>
#include <linux/delay.h>

#include "../fixtures/traffic_fixture.h"

/**
 * struct sent - a packet of a server, and what became of it
 * @packet: the packet.
 * @done: its routine was called.
 * @status: with this.
 */
struct sent {
	struct vmb_packet *packet;
	struct completion done;
	int status;
};

static void sent_ended(struct vmb_packet *packet, void *context, int status,
		       const void *buffer, u32 length)
{
	struct sent *sent = context;

	sent->status = status;
	complete(&sent->done);
}

static void sent_init(struct kunit *test, struct sent *sent, struct loopback_end *end)
{
	init_completion(&sent->done);
	sent->packet = vmb_packet_allocate(end->channel);
	KUNIT_ASSERT_NOT_NULL(test, sent->packet);
	vmb_packet_set_completion_routine(sent->packet, sent, sent_ended);
}

static void sent_expect_end(struct kunit *test, struct sent *sent, int status)
{
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&sent->done, LOOPBACK_PATIENCE), 0);
	KUNIT_EXPECT_EQ(test, sent->status, status);
	vmb_packet_free(sent->packet);
}

/* The server is in its closed callback, for its client has gone. */
static void stop_in_closed(struct loopback_end *server, struct loopback_end *client)
{
	server->hold_closed = true;
	loopback_enable(server);
	loopback_enable(client);
	loopback_expect(client, LOOPBACK_STARTED, 1);
	loopback_expect(server, LOOPBACK_STARTED, 1);
	loopback_disable(client);
	loopback_expect(server, LOOPBACK_CLOSED, 1);
}

static void in_closed_for_the_next_client(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, &loopback_instances[0]);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);
	struct sent sent;

	sent_init(test, &sent, server);
	stop_in_closed(server, client);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(sent.packet, NULL, 0, NULL, 0, WAIT), 0);
	KUNIT_EXPECT_FALSE(test, completion_done(&sent.done));
	server->hold_closed = false;
	complete(&server->go_on);
	loopback_enable(client);
	sent_expect_end(test, &sent, 0);
}

/* If there is no next one, it ends before disable returns. */
static void in_closed_and_disabled(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, &loopback_instances[0]);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);
	struct sent sent;

	sent_init(test, &sent, server);
	stop_in_closed(server, client);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(sent.packet, NULL, 0, NULL, 0, WAIT), 0);
	loopback_disable_on_worker(server);
	while (READ_ONCE(server->channel->life.stop) != VMB_LIFE_STOP_DISABLE)
		usleep_range(100, 200);
	complete_all(&server->go_on);
	loopback_expect_helped(server);
	KUNIT_EXPECT_TRUE(test, completion_done(&sent.done));
	sent_expect_end(test, &sent, -ENODEV);
}

/* Disabled, it is told so in closed already. */
static void in_closed_of_a_disable(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, &loopback_instances[0]);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);
	struct sent sent;

	sent_init(test, &sent, server);
	server->hold_closed = true;
	loopback_enable(server);
	loopback_enable(client);
	loopback_expect(client, LOOPBACK_STARTED, 1);
	loopback_disable_on_worker(server);
	loopback_expect(server, LOOPBACK_CLOSED, 1);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(sent.packet, NULL, 0, NULL, 0, WAIT), -ENODEV);
	complete_all(&server->go_on);
	loopback_expect_helped(server);
	vmb_packet_free(sent.packet);
}

/* A client that wants much in flight gets what the server has objects for. */
static void servers_memory_is_its_own(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, &loopback_instances[0]);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);
	struct sent *sent = kunit_kcalloc(test, 64, sizeof(*sent), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, sent);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_inbound_packet_count(server->channel, 8), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_packet_count(client->channel, 65536), 0);
	loopback_enable(server);
	loopback_enable(client);
	loopback_expect(client, LOOPBACK_STARTED, 1);
	KUNIT_EXPECT_EQ(test, server->channel->pool.count, 9);
	KUNIT_EXPECT_EQ(test, client->channel->outbound.transactions.limit, 8);
	for (i = 0; i < 64; i++) {
		sent_init(test, &sent[i], client);
		KUNIT_EXPECT_EQ(test, vmb_packet_send(sent[i].packet, NULL, 0, NULL, 0, WAIT), 0);
	}
	for (i = 0; i < 64; i++)
		sent_expect_end(test, &sent[i], 0);
	/* Another server may have more. */
	loopback_disable(client);
	loopback_disable(server);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_inbound_packet_count(server->channel, 100), 0);
	loopback_enable(server);
	loopback_enable(client);
	loopback_expect(client, LOOPBACK_STARTED, 2);
	KUNIT_EXPECT_EQ(test, client->channel->outbound.transactions.limit, 100);
}

static struct kunit_case loopback_server_sends_cases[] = {
	KUNIT_CASE(in_closed_for_the_next_client),
	KUNIT_CASE(in_closed_and_disabled),
	KUNIT_CASE(in_closed_of_a_disable),
	KUNIT_CASE(servers_memory_is_its_own),
	{}
};

static struct kunit_suite loopback_server_sends_suite = {
	.name = "vmbkmcl_loopback_server_sends",
	.init = loopback_fixture_init,
	.exit = loopback_fixture_exit,
	.test_cases = loopback_server_sends_cases,
};

kunit_test_suite(loopback_server_sends_suite);
