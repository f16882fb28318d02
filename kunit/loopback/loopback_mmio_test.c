// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that a server offers with its channel: who finds it, and how long it is there.
 */
#include <kunit/test.h>
#include <linux/io.h>
#include <linux/sizes.h>

#include "../../drivers/kmcl/loopback.h"
#include "../fixtures/sub_channel_fixture.h"

struct space {
	u64 address;
	u64 size;
};

static struct space space_of(struct loopback_end *end)
{
	struct space space = { };

	KUNIT_ASSERT_EQ(end->test,
			vmb_channel_get_mmio_space(end->channel, &space.address,
						   &space.size), 0);
	return space;
}

static int result_of(struct loopback_end *end)
{
	struct space space;

	return vmb_channel_get_mmio_space(end->channel, &space.address, &space.size);
}

static u8 *map(struct kunit *test, const struct space *space)
{
	u8 *bytes = memremap(space->address, space->size, MEMREMAP_WB);

	KUNIT_ASSERT_NOT_NULL(test, bytes);
	return bytes;
}

static struct loopback_end *server_with(struct kunit *test, u16 megabytes, u16 optional)
{
	struct loopback_end *server;

	server = loopback_server(test, &loopback_type, &loopback_instances[0]);
	KUNIT_ASSERT_EQ(test,
			vmb_server_channel_init_set_mmio_megabytes(server->channel,
								   megabytes, optional),
			0);
	return server;
}

static void join(struct loopback_end *server, struct loopback_end *client)
{
	loopback_enable(server);
	loopback_enable(client);
	loopback_expect(client, LOOPBACK_STARTED, 1);
	loopback_expect(server, LOOPBACK_STARTED, 1);
}

static void both_ends_share_it(struct kunit *test)
{
	struct loopback_end *server = server_with(test, 1, 0);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);
	struct space space;
	u8 *bytes;

	join(server, client);
	space = space_of(client);
	KUNIT_EXPECT_EQ(test, space.size, SZ_1M);
	KUNIT_EXPECT_EQ(test, space.address % PAGE_SIZE, 0);
	bytes = map(test, &space);
	KUNIT_EXPECT_NULL(test, memchr_inv(bytes, 0, space.size));
	bytes[0] = 1;
	bytes[SZ_1M - 1] = 2;
	memunmap(bytes);
	space = space_of(server);
	KUNIT_EXPECT_EQ(test, space.size, SZ_1M);
	bytes = map(test, &space);
	KUNIT_EXPECT_EQ(test, bytes[0], 1);
	KUNIT_EXPECT_EQ(test, bytes[SZ_1M - 1], 2);
	memunmap(bytes);
}

/* Only when it is open: not before, and not when it is over. */
static void of_an_open_channel(struct kunit *test)
{
	struct loopback_end *server = server_with(test, 1, 0);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);

	KUNIT_EXPECT_EQ(test, result_of(server), -ENODEV);
	KUNIT_EXPECT_EQ(test, result_of(client), -ENODEV);
	loopback_enable(client);
	KUNIT_EXPECT_EQ(test, result_of(client), -ENODEV);
	loopback_enable(server);
	loopback_expect(client, LOOPBACK_STARTED, 1);
	KUNIT_EXPECT_EQ(test, result_of(client), 0);
	loopback_disable(client);
	KUNIT_EXPECT_EQ(test, result_of(client), -ENODEV);
}

static void none_is_offered(struct kunit *test)
{
	struct loopback_end *server;
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);

	server = loopback_server(test, &loopback_type, &loopback_instances[0]);
	join(server, client);
	KUNIT_EXPECT_EQ(test, result_of(client), -ENOENT);
	KUNIT_EXPECT_EQ(test, result_of(server), -ENOENT);
}

static void what_may_be_set(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, &loopback_instances[0]);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);

	KUNIT_EXPECT_EQ(test, vmb_server_channel_init_set_mmio_megabytes(client->channel, 1, 0),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_server_channel_init_set_mmio_megabytes(server->channel, 0, 0),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_server_channel_init_set_mmio_megabytes(server->channel, 4, 1),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_server_channel_init_set_mmio_megabytes(server->channel, U16_MAX,
									 U16_MAX),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_server_channel_init_set_mmio_megabytes(server->channel, 1, 1), 0);
	join(server, client);
	KUNIT_EXPECT_EQ(test, vmb_server_channel_init_set_mmio_megabytes(server->channel, 1, 0),
			-EBUSY);
	/* So little is always to be had. */
	KUNIT_EXPECT_EQ(test, space_of(client).size, SZ_2M);
}

/* A client that is still in its closed callback may touch it, though the server is gone. */
static void outlives_the_server(struct kunit *test)
{
	struct loopback_end *server = server_with(test, 1, 0);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);
	struct vmb_loopback_client *side;
	struct space space;
	u8 *bytes;

	client->hold_closed = true;
	join(server, client);
	space = space_of(client);
	side = vmb_channel_transport_private(client->channel);
	KUNIT_EXPECT_EQ(test, refcount_read(&side->mmio->references), 2);
	loopback_disable(server);
	loopback_clean_up(server);
	loopback_expect(client, LOOPBACK_CLOSED, 1);
	/* Nobody but the client holds it now. */
	KUNIT_ASSERT_NOT_NULL(test, side->mmio);
	KUNIT_EXPECT_EQ(test, refcount_read(&side->mmio->references), 1);
	KUNIT_EXPECT_EQ(test, space_of(client).address, space.address);
	bytes = map(test, &space);
	memset(bytes, 0xa5, space.size);
	memunmap(bytes);
	client->hold_closed = false;
	complete_all(&client->go_on);
	loopback_expect_disabled(client);
	KUNIT_EXPECT_EQ(test, result_of(client), -ENODEV);
}

/* It is the server's: its next client finds what the last one has left. */
static void outlives_a_client(struct kunit *test)
{
	struct loopback_end *server = server_with(test, 1, 0);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);
	struct space space, again;
	u8 *bytes;

	join(server, client);
	space = space_of(client);
	bytes = map(test, &space);
	bytes[7] = 7;
	memunmap(bytes);
	loopback_disable(client);
	loopback_enable(client);
	loopback_expect(client, LOOPBACK_STARTED, 2);
	again = space_of(client);
	KUNIT_EXPECT_EQ(test, again.address, space.address);
	bytes = map(test, &again);
	KUNIT_EXPECT_EQ(test, bytes[7], 7);
	memunmap(bytes);
}

static void sub_channels_share_it(struct kunit *test)
{
	struct loopback_end *server = server_with(test, 1, 0);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);
	struct loopback_end *servers, *clients;

	join(server, client);
	servers = family_sub_channel(server, 1);
	clients = family_sub_channel(client, 1);
	family_enable(servers);
	family_enable(clients);
	loopback_expect(clients, LOOPBACK_STARTED, 1);
	KUNIT_EXPECT_EQ(test, space_of(clients).address, space_of(client).address);
	KUNIT_EXPECT_EQ(test, space_of(servers).address, space_of(client).address);
}

static struct kunit_case loopback_mmio_cases[] = {
	KUNIT_CASE(both_ends_share_it),
	KUNIT_CASE(of_an_open_channel),
	KUNIT_CASE(none_is_offered),
	KUNIT_CASE(what_may_be_set),
	KUNIT_CASE(outlives_the_server),
	KUNIT_CASE(outlives_a_client),
	KUNIT_CASE(sub_channels_share_it),
	{}
};

static struct kunit_suite loopback_mmio_suite = {
	.name = "vmbkmcl_loopback_mmio",
	.init = loopback_fixture_init,
	.exit = loopback_fixture_exit,
	.test_cases = loopback_mmio_cases,
};

kunit_test_suite(loopback_mmio_suite);
