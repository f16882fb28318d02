// SPDX-License-Identifier: GPL-2.0
/*
 * The storage client, which knows Windows' names alone, and its server.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/slab.h>

#include "../../drivers/clients/storage/storage.h"

#define PATIENCE	(90 * HZ)
#define SECTORS		(STORAGE_REQUESTS * 16)
#define LENGTH		1024u

/**
 * struct storage_pair - both ends
 * @server: or NULL.
 * @client: or NULL.
 */
struct storage_pair {
	struct storage_server *server;
	struct storage *client;
};

static const struct storage_server_settings usual = {
	.sectors = SECTORS,
	.newest_version = STORAGE_VERSION(6, 0),
};

static struct storage_pair *storage_pair(struct kunit *test,
					 const struct storage_server_settings *settings,
					 u32 ring_pages)
{
	struct storage_pair *pair = test->priv;

	KUNIT_ASSERT_EQ(test, storage_server_create(settings, &pair->server), STATUS_SUCCESS);
	KUNIT_ASSERT_EQ(test, storage_create(NULL, ring_pages, &pair->client), STATUS_SUCCESS);
	return pair;
}

static struct storage_pair *ready_pair(struct kunit *test, u32 ring_pages)
{
	struct storage_pair *pair = storage_pair(test, &usual, ring_pages);

	KUNIT_ASSERT_EQ(test, storage_wait_while(pair->client, STORAGE_STARTING, PATIENCE),
			STORAGE_READY);
	return pair;
}

static void the_newest_version_of_both(struct kunit *test)
{
	struct storage_pair *pair = ready_pair(test, STORAGE_RING_PAGES);

	/* The client begins with 6.2, which this server does not know. */
	KUNIT_EXPECT_EQ(test, pair->client->version, 0x600);
	KUNIT_EXPECT_EQ(test, pair->client->sectors, SECTORS);
	KUNIT_EXPECT_EQ(test, pair->client->maximum_transfer, STORAGE_MAXIMUM_TRANSFER);
	KUNIT_EXPECT_EQ(test, pair->client->opened, 1);
	KUNIT_EXPECT_EQ(test, pair->client->closed, 0);
}

/* The client gives up by itself, and may be taken away as ever. */
static void no_version_in_common(struct kunit *test)
{
	struct storage_server_settings old = usual;
	unsigned long end = jiffies + PATIENCE;
	struct storage_pair *pair;

	old.newest_version = STORAGE_VERSION(4, 1);
	pair = storage_pair(test, &old, STORAGE_RING_PAGES);
	KUNIT_ASSERT_EQ(test, storage_wait_while(pair->client, STORAGE_STARTING, PATIENCE),
			STORAGE_FAILED);
	KUNIT_EXPECT_EQ(test, pair->client->failure, STATUS_NOT_SUPPORTED);
	/* It fails first, and gives up then. */
	while (!READ_ONCE(pair->client->closed) && time_before(jiffies, end))
		usleep_range(100, 200);
	KUNIT_EXPECT_EQ(test, pair->client->opened, 1);
	KUNIT_EXPECT_EQ(test, READ_ONCE(pair->client->closed), 1);
}

static void the_server_refuses(struct kunit *test)
{
	struct storage_server_settings refuses = usual;
	struct storage_pair *pair;

	refuses.refuses = true;
	pair = storage_pair(test, &refuses, STORAGE_RING_PAGES);
	KUNIT_ASSERT_EQ(test, storage_wait_while(pair->client, STORAGE_STARTING, PATIENCE),
			STORAGE_REFUSED);
	KUNIT_EXPECT_FALSE(test, NT_SUCCESS(pair->client->failure));
	storage_stop(pair->client);
	KUNIT_EXPECT_EQ(test, pair->client->opened, 0);
	KUNIT_EXPECT_EQ(test, pair->client->closed, 0);
}

static void every_byte_is_right(struct kunit *test, u32 ring_pages, u32 rounds)
{
	struct storage_pair *pair = ready_pair(test, ring_pages);
	struct storage_counters counters = {};

	KUNIT_ASSERT_EQ(test, storage_load(pair->client, STORAGE_REQUESTS, rounds, &counters),
			0);
	KUNIT_EXPECT_EQ(test, counters.wrong, 0);
	KUNIT_EXPECT_EQ(test, counters.cancelled, 0);
	KUNIT_EXPECT_EQ(test, counters.requests, 3 * rounds * STORAGE_REQUESTS);
	/* What an exchange gave, and what a read gave. */
	KUNIT_EXPECT_EQ(test, counters.bytes_checked, 2ull * rounds * STORAGE_REQUESTS * 8192);
	KUNIT_EXPECT_EQ(test, pair->client->long_answers, counters.requests);
	KUNIT_EXPECT_EQ(test, pair->client->wrong_answers, 0);
}

/* More packets than the channel has in flight by default, in one go. */
static void all_packets_in_flight(struct kunit *test)
{
	every_byte_is_right(test, STORAGE_RING_PAGES, 3);
}

static void the_smallest_rings(struct kunit *test)
{
	every_byte_is_right(test, 2, 2);
}

/**
 * struct flight - some requests in flight
 * @requests: the requests.
 * @memory: of all of them.
 * @mdl: over it.
 * @left: that have not ended.
 * @ended: all have.
 */
struct flight {
	struct storage_request *requests[4];
	u8 *memory;
	PMDL mdl;
	atomic_t left;
	struct completion ended;
};

static void flight_done(struct storage_request *request)
{
	struct flight *flight = request->private;

	if (atomic_dec_and_test(&flight->left))
		complete(&flight->ended);
}

/* Of four requests, which the server has, and keeps. */
static struct flight *take_off(struct kunit *test, struct storage_pair *pair)
{
	struct flight *flight = kunit_kzalloc(test, sizeof(*flight), GFP_KERNEL);
	unsigned long end = jiffies + PATIENCE;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, flight);
	flight->memory = kunit_kzalloc(test, 4 * LENGTH, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, flight->memory);
	flight->mdl = IoAllocateMdl(flight->memory, 4 * LENGTH, FALSE, FALSE, NULL);
	KUNIT_ASSERT_NOT_NULL(test, flight->mdl);
	MmBuildMdlForNonPagedPool(flight->mdl);
	init_completion(&flight->ended);
	atomic_set(&flight->left, 4);
	storage_server_hold(pair->server, true);
	for (i = 0; i < 4; i++) {
		flight->requests[i] = storage_get_request(pair->client);
		KUNIT_ASSERT_NOT_NULL(test, flight->requests[i]);
		flight->requests[i]->private = flight;
		flight->requests[i]->done = flight_done;
		KUNIT_ASSERT_EQ(test, storage_submit(flight->requests[i], STORAGE_WRITE, 2 * i,
						     flight->mdl, i * LENGTH, LENGTH),
				STATUS_SUCCESS);
	}
	while (storage_server_hold(pair->server, true) < 4 && time_before(jiffies, end))
		usleep_range(100, 200);
	KUNIT_ASSERT_EQ(test, storage_server_hold(pair->server, true), 4);
	KUNIT_ASSERT_EQ(test, atomic_read(&flight->left), 4);
	return flight;
}

static void land(struct kunit *test, struct flight *flight, NTSTATUS status)
{
	u32 i;

	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&flight->ended, PATIENCE), 0);
	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_EQ(test, flight->requests[i]->status, status);
		storage_put_request(flight->requests[i]);
	}
	IoFreeMdl(flight->mdl);
}

/* They end as the server answers them, and need no start for it. */
static void a_pause_with_requests_in_flight(struct kunit *test)
{
	struct storage_pair *pair = ready_pair(test, STORAGE_RING_PAGES);
	struct flight *flight = take_off(test, pair);
	struct storage_request *request;

	storage_pause(pair->client);
	KUNIT_EXPECT_EQ(test, storage_wait_while(pair->client, STORAGE_READY, 0),
			STORAGE_PAUSED);
	KUNIT_EXPECT_EQ(test, atomic_read(&flight->left), 4);
	request = storage_get_request(pair->client);
	KUNIT_EXPECT_EQ(test, storage_submit(request, STORAGE_READ, 0, flight->mdl, 0, LENGTH),
			STATUS_INVALID_DEVICE_STATE);
	storage_put_request(request);
	storage_server_hold(pair->server, false);
	land(test, flight, STATUS_SUCCESS);
	/* Once more, as if nothing had been. */
	storage_start(pair->client);
	KUNIT_ASSERT_EQ(test, storage_wait_while(pair->client, STORAGE_PAUSED, PATIENCE),
			STORAGE_READY);
	flight = take_off(test, pair);
	storage_server_hold(pair->server, false);
	land(test, flight, STATUS_SUCCESS);
	KUNIT_EXPECT_EQ(test, pair->client->opened, 1);
}

/* The client is not told of the end of what the server has, before that has ended. */
static void an_end_with_requests_in_flight(struct kunit *test)
{
	struct storage_pair *pair = ready_pair(test, STORAGE_RING_PAGES);
	struct flight *flight = take_off(test, pair);

	storage_stop(pair->client);
	KUNIT_EXPECT_EQ(test, atomic_read(&flight->left), 0);
	land(test, flight, STATUS_DEVICE_REMOVED);
	KUNIT_EXPECT_EQ(test, pair->client->closed, 1);
}

/* What the server is asked for, and does not do. */
static void out_of_range(struct kunit *test)
{
	static const struct {
		u64 sector;
		u32 length;
	} wrong[] = {
		{ SECTORS, LENGTH }, { SECTORS - 1, LENGTH }, { U64_MAX, LENGTH },
		{ 0, LENGTH - 8 },
	};
	struct storage_pair *pair = ready_pair(test, STORAGE_RING_PAGES);
	struct flight flight = {};
	u32 i;

	flight.memory = kunit_kzalloc(test, LENGTH, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, flight.memory);
	flight.mdl = IoAllocateMdl(flight.memory, LENGTH, FALSE, FALSE, NULL);
	KUNIT_ASSERT_NOT_NULL(test, flight.mdl);
	MmBuildMdlForNonPagedPool(flight.mdl);
	init_completion(&flight.ended);
	flight.requests[0] = storage_get_request(pair->client);
	flight.requests[0]->private = &flight;
	flight.requests[0]->done = flight_done;
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		atomic_set(&flight.left, 1);
		KUNIT_ASSERT_EQ(test, storage_submit(flight.requests[0], STORAGE_READ,
						     wrong[i].sector, flight.mdl, 0,
						     wrong[i].length), STATUS_SUCCESS);
		wait_for_completion(&flight.ended);
		KUNIT_EXPECT_EQ_MSG(test, flight.requests[0]->status, STATUS_INVALID_PARAMETER,
				    "row %u", i);
	}
	storage_put_request(flight.requests[0]);
	IoFreeMdl(flight.mdl);
}

static int storage_test_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct storage_pair), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, test->priv);
	return 0;
}

static void storage_test_exit(struct kunit *test)
{
	struct storage_pair *pair = test->priv;

	if (pair && pair->server)
		storage_server_hold(pair->server, false);
	if (pair && pair->client)
		storage_destroy(pair->client);
	if (pair && pair->server)
		storage_server_destroy(pair->server);
}

static struct kunit_case storage_cases[] = {
	KUNIT_CASE(the_newest_version_of_both),
	KUNIT_CASE(no_version_in_common),
	KUNIT_CASE(the_server_refuses),
	KUNIT_CASE_SLOW(all_packets_in_flight),
	KUNIT_CASE_SLOW(the_smallest_rings),
	KUNIT_CASE(a_pause_with_requests_in_flight),
	KUNIT_CASE(an_end_with_requests_in_flight),
	KUNIT_CASE(out_of_range),
	{}
};

static struct kunit_suite storage_suite = {
	.name = "vmbkmcl_windows_storage",
	.init = storage_test_init,
	.exit = storage_test_exit,
	.test_cases = storage_cases,
};

kunit_test_suites(&storage_suite);
