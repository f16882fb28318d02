// SPDX-License-Identifier: GPL-2.0
/*
 * A synchronous request as a driver writes it by hand: a completion on the stack,
 * vmbus_sendpacket(), and a callback that finds the request by its id. Its peer is in
 * the same kernel, at the other end of the same rings, so that it can be compared
 * with ours over loopback: what stands for the signal is a tasklet's schedule, which
 * is what loopback does, too.
 */
#include <linux/completion.h>
#include <linux/hyperv.h>
#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/slab.h>

#include "bench.h"

#define BENCH_TRIPS		256u
#define BENCH_TRIP_LENGTH	64u
#define BENCH_TRIP_PATIENCE	(20 * HZ)

/**
 * struct bench_handmade - a client, a server, and what joins them
 * @raw: the client's channel.
 * @server: the server's.
 * @receive: the client's callback.
 * @serve: the server's.
 */
struct bench_handmade {
	struct bench_raw raw;
	struct vmbus_channel *server;
	struct tasklet_struct receive;
	struct tasklet_struct serve;
};

/* What waits for an answer. */
struct bench_handmade_request {
	struct completion done;
	u64 answer;
};

/* Completes with the first 8 bytes. */
static void bench_handmade_serve(struct tasklet_struct *tasklet)
{
	struct bench_handmade *handmade = from_tasklet(handmade, tasklet, serve);
	struct vmbus_channel *channel = handmade->server;
	struct vmpacket_descriptor *packet;

	foreach_vmbus_pkt(packet, channel) {
		u64 answer = *(u64 *)hv_pkt_data(packet);

		vmbus_sendpacket(channel, &answer, sizeof(answer), packet->trans_id,
				 VM_PKT_COMP, 0);
	}
	tasklet_schedule(&handmade->receive);
}

static void bench_handmade_receive(struct tasklet_struct *tasklet)
{
	struct bench_handmade *handmade = from_tasklet(handmade, tasklet, receive);
	struct vmbus_channel *channel = handmade->raw.channel;
	struct vmpacket_descriptor *packet;

	foreach_vmbus_pkt(packet, channel) {
		struct bench_handmade_request *request;
		u64 address;

		if (packet->type != VM_PKT_COMP)
			continue;
		address = vmbus_request_addr(channel, packet->trans_id);
		if (address == VMBUS_RQST_ERROR)
			continue;
		request = (void *)(unsigned long)address;
		request->answer = *(u64 *)hv_pkt_data(packet);
		complete(&request->done);
	}
}

/* The other end of the client's rings. */
static struct vmbus_channel *bench_handmade_make_server(struct kunit *test,
							const struct vmbus_channel *client)
{
	struct vmbus_channel *server = kunit_kzalloc(test, sizeof(*server), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, server);
	server->inbound = client->outbound;
	server->outbound = client->inbound;
	server->inbound.pkt_buffer = kunit_kzalloc(test, server->inbound.pkt_buffer_size,
						   GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, server->inbound.pkt_buffer);
	spin_lock_init(&server->inbound.ring_lock);
	spin_lock_init(&server->outbound.ring_lock);
	mutex_init(&server->inbound.ring_buffer_mutex);
	mutex_init(&server->outbound.ring_buffer_mutex);
	server->is_dedicated_interrupt = true;
	return server;
}

/* One request and its answer; returns its instructions. */
static u64 bench_handmade_trip(struct kunit *test, struct bench_handmade *handmade,
			       u64 number)
{
	u64 message[BENCH_TRIP_LENGTH / sizeof(u64)] = { number };
	struct bench_handmade_request request = { .answer = ~number };
	unsigned long left = 0;
	u64 begun, ended;
	int ret;

	begun = ktime_get_ns();
	init_completion(&request.done);
	ret = vmbus_sendpacket(handmade->raw.channel, message, sizeof(message),
			       (unsigned long)&request, VM_PKT_DATA_INBAND,
			       VMBUS_DATA_PACKET_FLAG_COMPLETION_REQUESTED);
	if (!ret) {
		tasklet_schedule(&handmade->serve);
		left = wait_for_completion_timeout(&request.done, BENCH_TRIP_PATIENCE);
	}
	ended = ktime_get_ns();
	KUNIT_ASSERT_EQ(test, 0, ret);
	KUNIT_ASSERT_GT(test, left, 0);
	KUNIT_ASSERT_EQ(test, number, request.answer);
	return ended - begun;
}

void bench_handmade(struct kunit *test)
{
	struct bench *bench = kunit_kzalloc(test, sizeof(*bench), GFP_KERNEL);
	struct bench_handmade *handmade;
	u64 *trips;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, bench);
	bench->test = test;
	handmade = kunit_kzalloc(test, sizeof(*handmade), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, handmade);
	KUNIT_ASSERT_EQ(test, 0, bench_raw_make(&handmade->raw, BENCH_RING_SIZE,
						BENCH_PAYLOAD_MAXIMUM));
	handmade->server = bench_handmade_make_server(test, handmade->raw.channel);
	tasklet_setup(&handmade->receive, bench_handmade_receive);
	tasklet_setup(&handmade->serve, bench_handmade_serve);
	trips = kunit_kcalloc(test, BENCH_TRIPS, sizeof(*trips), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, trips);
	bench_waits_begin();
	for (i = 0; i < BENCH_TRIPS; i++)
		trips[i] = bench_handmade_trip(test, handmade, i);
	bench_report(bench, "instructions", "raw-synchronous", BENCH_TRIP_LENGTH,
		     bench_middle(trips, BENCH_TRIPS), 1);
	bench_allocations_begin(bench);
	for (i = 0; i < BENCH_TRIPS; i++)
		bench_handmade_trip(test, handmade, i);
	bench_allocations_end(bench, "raw-synchronous", BENCH_TRIPS);
	bench_waits_end();
	tasklet_kill(&handmade->serve);
	tasklet_kill(&handmade->receive);
	bench_raw_free(&handmade->raw);
}
