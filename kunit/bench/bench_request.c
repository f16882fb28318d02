// SPDX-License-Identifier: GPL-2.0
/*
 * A synchronous request over loopback: from the call to its return, with all
 * that happens in between, in the server, the scheduler and softirqs. Time is
 * instructions here, so what it takes on a clock is not told.
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>

#include "bench.h"

#define BENCH_TRIPS		256u
#define BENCH_TRIP_LENGTH	64u
/* Nobody here needs that long. */
#define BENCH_TRIP_PATIENCE	(20 * HZ)

static const guid_t bench_type =
	GUID_INIT(0x7b656e63, 0x6801, 0x4d1c, 1, 2, 3, 4, 5, 6, 7, 8);
static const guid_t bench_instance =
	GUID_INIT(0x7b656e63, 0x6802, 0x4d1c, 1, 2, 3, 4, 5, 6, 7, 8);

/* The server's: completes with the first 8 bytes. */
static void bench_serve(struct vmb_channel *channel, void *callback_context,
			struct vmb_packet_completion *packet, void *buffer,
			u32 buffer_length, u32 flags)
{
	vmb_channel_packet_complete(packet, buffer, BENCH_COMPLETION);
}

static int bench_end_target(struct vmb_channel *channel, bool is_server)
{
	const u32 flags = VMB_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER;
	int ret;

	if (!is_server)
		return vmb_client_channel_init_set_target_pnp(channel, &bench_type,
							      &bench_instance, NULL);
	ret = vmb_server_channel_init_set_flags(channel, flags);
	if (ret)
		return ret;
	return vmb_server_channel_init_set_target_interface_id(channel, &bench_type,
							       &bench_instance);
}

/* An end that is enabled, and waits for the other. */
static struct vmb_channel *bench_end_make(struct kunit *test, bool is_server)
{
	struct vmb_channel *channel;

	KUNIT_ASSERT_EQ(test, 0, vmb_channel_allocate(NULL, is_server, &channel));
	KUNIT_ASSERT_EQ(test, 0,
			vmb_channel_init_set_maximum_packet_size(channel,
								 BENCH_TRIP_LENGTH));
	KUNIT_ASSERT_EQ(test, 0,
			vmb_channel_init_set_process_packet_callbacks(channel, NULL,
								      bench_serve,
								      NULL));
	KUNIT_ASSERT_EQ(test, 0, bench_end_target(channel, is_server));
	KUNIT_ASSERT_EQ(test, 0, vmb_channel_enable(channel));
	if (is_server)
		KUNIT_ASSERT_EQ(test, 0, vmb_channel_start(channel));
	return channel;
}

/* One request and its answer; returns its instructions. */
static u64 bench_trip(struct kunit *test, struct vmb_channel *client, u64 number)
{
	u64 request[BENCH_TRIP_LENGTH / sizeof(u64)] = { number };
	u32 size = BENCH_COMPLETION;
	u64 answer = ~number;
	u64 begun, ended;
	int ret;

	begun = ktime_get_ns();
	ret = vmb_channel_send_synchronous_request(client, request, sizeof(request),
						   NULL, 0,
						   VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION,
						   &answer, &size,
						   BENCH_TRIP_PATIENCE);
	ended = ktime_get_ns();
	KUNIT_ASSERT_EQ(test, 0, ret);
	KUNIT_ASSERT_EQ(test, BENCH_COMPLETION, size);
	KUNIT_ASSERT_EQ(test, number, answer);
	return ended - begun;
}

/* The middle one of many trips: the tick comes in the middle of some. */
void bench_synchronous(struct kunit *test)
{
	struct vmb_channel *server = bench_end_make(test, true);
	struct vmb_channel *client = bench_end_make(test, false);
	struct bench *bench = kunit_kzalloc(test, sizeof(*bench), GFP_KERNEL);
	u64 *trips = kunit_kcalloc(test, BENCH_TRIPS, sizeof(*trips), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, bench);
	KUNIT_ASSERT_NOT_NULL(test, trips);
	bench->test = test;
	bench_waits_begin();
	/* The first one waits until the channel is open. */
	for (i = 0; i < BENCH_TRIPS; i++)
		trips[i] = bench_trip(test, client, i);
	bench_report(bench, "instructions", "ours-synchronous", BENCH_TRIP_LENGTH,
		     bench_middle(trips, BENCH_TRIPS), 1);
	bench_allocations_begin(bench);
	for (i = 0; i < BENCH_TRIPS; i++)
		bench_trip(test, client, i);
	bench_allocations_end(bench, "ours-synchronous", BENCH_TRIPS);
	bench_waits_end();
	KUNIT_ASSERT_EQ(test, 0, vmb_channel_disable(client));
	vmb_channel_cleanup(client);
	KUNIT_ASSERT_EQ(test, 0, vmb_channel_disable(server));
	vmb_channel_cleanup(server);
}
