// SPDX-License-Identifier: GPL-2.0
/*
 * Pipe mode: messages whose length is exact, between two pipes; and between a
 * pipe and an end that writes and reads headers itself, also wrong ones.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../../drivers/kmcl/loopback.h"
#include "../../drivers/kmcl/wire.h"
#include "../fixtures/loopback_fixture.h"

#define PIPE_MAXIMUM	256u
#define PIPE_MESSAGES	32u
#define PIPE_PATIENCE	(90 * HZ)
#define WAIT		VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION

/* What the wire says, in words of this test's own. */
struct raw_message {
	__le32 type;
	__le32 size;
	u8 data[PIPE_MAXIMUM];
};

/**
 * struct pipe_end - an end that keeps what it receives
 * @end: the channel.
 * @count: messages received.
 * @lengths: of each.
 * @data: each of them.
 * @defer: have each delivered twice.
 * @deferred: how often that was done.
 * @processed: what processing_complete was told, in sum.
 * @arrived: one for each.
 */
struct pipe_end {
	struct loopback_end *end;
	u32 count;
	u32 lengths[PIPE_MESSAGES];
	u8 data[PIPE_MESSAGES][sizeof(struct raw_message)];
	bool defer;
	u32 deferred;
	u32 processed;
	struct completion arrived;
};

struct pipe_pair {
	struct pipe_end server;
	struct pipe_end client;
};

static void pipe_received(struct vmb_channel *channel, void *context,
			  struct vmb_packet_completion *packet, void *buffer,
			  u32 length, u32 flags)
{
	struct pipe_end *pipe = context;
	u32 *again = vmb_channel_packet_get_client_context(packet);

	if (pipe->defer && !(*again)++) {
		pipe->deferred++;
		vmb_channel_packet_defer_to_passive(packet);
		return;
	}
	if (pipe->count < PIPE_MESSAGES && length <= sizeof(pipe->data[0])) {
		pipe->lengths[pipe->count] = length;
		memcpy(pipe->data[pipe->count], buffer, length);
		pipe->count++;
	}
	vmb_channel_packet_complete(packet, NULL, 0);
	complete(&pipe->arrived);
}

static void pipe_processed(struct vmb_channel *channel, void *context, u32 packets)
{
	struct pipe_end *pipe = context;

	pipe->processed += packets;
}

static void pipe_configure(struct kunit *test, struct pipe_end *pipe,
			   struct loopback_end *end, u32 flags, u32 maximum)
{
	struct vmb_channel *channel = end->channel;

	pipe->end = end;
	init_completion(&pipe->arrived);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_packet_size(channel, maximum), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_client_context_size(channel, sizeof(u32)), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_flags(channel, flags), 0);
	KUNIT_ASSERT_EQ(test,
			vmb_channel_init_set_process_packet_callbacks(channel, pipe,
								      pipe_received,
								      pipe_processed), 0);
}

/* A client that is a pipe, and a server that is one or does it by itself. */
static struct pipe_pair *pipe_pair(struct kunit *test, bool raw_server)
{
	const u32 flags = VMB_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER |
			  VMB_SERVER_CHANNEL_INIT_FLAG_OFFER_AS_PIPE;
	struct pipe_pair *pair = kunit_kzalloc(test, sizeof(*pair), GFP_KERNEL);
	struct loopback_end *server;

	KUNIT_ASSERT_NOT_NULL(test, pair);
	server = loopback_server(test, &loopback_type, &loopback_instances[0]);
	KUNIT_ASSERT_EQ(test, vmb_server_channel_init_set_flags(server->channel, flags), 0);
	pipe_configure(test, &pair->server, server,
		       raw_server ? 0 : VMB_CHANNEL_INIT_FLAG_IS_PIPE,
		       raw_server ? sizeof(struct raw_message) : PIPE_MAXIMUM);
	pipe_configure(test, &pair->client, loopback_client(test, &loopback_type, NULL),
		       VMB_CHANNEL_INIT_FLAG_IS_PIPE, PIPE_MAXIMUM);
	return pair;
}

static void pipe_open(struct pipe_pair *pair)
{
	loopback_enable(pair->server.end);
	loopback_enable(pair->client.end);
	loopback_expect(pair->client.end, LOOPBACK_STARTED, 1);
	loopback_expect(pair->server.end, LOOPBACK_STARTED, 1);
}

static int pipe_send(struct pipe_end *pipe, const void *message, u32 length)
{
	struct vmb_packet *packet = vmb_packet_allocate(pipe->end->channel);
	int ret;

	if (!packet)
		return -ENOMEM;
	ret = vmb_packet_send(packet, message, length, NULL, 0, 0);
	if (ret)
		vmb_packet_free(packet);
	return ret;
}

static void pipe_expect(struct kunit *test, struct pipe_end *pipe, const void *message,
			u32 length)
{
	u32 number;

	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&pipe->arrived, PIPE_PATIENCE), 0);
	number = pipe->count - 1;
	KUNIT_EXPECT_EQ(test, pipe->lengths[number], length);
	KUNIT_EXPECT_EQ(test, memcmp(pipe->data[number], message, length), 0);
}

static u64 pipe_refused(struct pipe_end *pipe)
{
	return pipe->end->channel->refusals[VMB_REFUSAL_PIPE_HEADER];
}

static const u32 pipe_lengths[] = { 0, 1, 7, 8, 9, 15, 16, 17, PIPE_MAXIMUM - 1, PIPE_MAXIMUM };

static void lengths_are_exact(struct kunit *test)
{
	struct pipe_pair *pair = pipe_pair(test, false);
	u8 message[PIPE_MAXIMUM];
	u32 i;

	get_random_bytes(message, sizeof(message));
	pipe_open(pair);
	for (i = 0; i < ARRAY_SIZE(pipe_lengths); i++) {
		KUNIT_ASSERT_EQ(test, pipe_send(&pair->client, message, pipe_lengths[i]), 0);
		pipe_expect(test, &pair->server, message, pipe_lengths[i]);
		KUNIT_ASSERT_EQ(test, pipe_send(&pair->server, message, pipe_lengths[i]), 0);
		pipe_expect(test, &pair->client, message, pipe_lengths[i]);
	}
	KUNIT_ASSERT_EQ(test, vmb_channel_send_synchronous_request(pair->client.end->channel,
								   message, 13, NULL, 0, 0,
								   NULL, NULL, HZ), 0);
	pipe_expect(test, &pair->server, message, 13);
	KUNIT_EXPECT_EQ(test, pipe_refused(&pair->client), 0);
	KUNIT_EXPECT_EQ(test, pipe_refused(&pair->server), 0);
}

/* What is sent before the channel runs waits in its packet. */
static void held_messages_are_exact(struct kunit *test)
{
	struct pipe_pair *pair = pipe_pair(test, false);
	u32 i;

	loopback_enable(pair->client.end);
	for (i = 1; i <= 3; i++)
		KUNIT_ASSERT_EQ(test, pipe_send(&pair->client, "hello", i), 0);
	loopback_enable(pair->server.end);
	for (i = 1; i <= 3; i++)
		KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&pair->server.arrived,
								  PIPE_PATIENCE), 0);
	for (i = 1; i <= 3; i++) {
		KUNIT_EXPECT_EQ(test, pair->server.lengths[i - 1], i);
		KUNIT_EXPECT_EQ(test, memcmp(pair->server.data[i - 1], "hello", i), 0);
	}
}

static void the_wire_has_headers(struct kunit *test)
{
	struct pipe_pair *pair = pipe_pair(test, true);
	struct raw_message raw = {
		.type = cpu_to_le32(1), .size = cpu_to_le32(5), .data = "hello",
	};

	pipe_open(pair);
	KUNIT_ASSERT_EQ(test, pipe_send(&pair->client, "hello", 5), 0);
	/* The raw end sees whole units. */
	pipe_expect(test, &pair->server, &raw, 16);
	KUNIT_ASSERT_EQ(test, pipe_send(&pair->server, &raw, 13), 0);
	pipe_expect(test, &pair->client, "hello", 5);
	/* Behind the message there may be anything. */
	KUNIT_ASSERT_EQ(test, pipe_send(&pair->server, &raw, 64), 0);
	pipe_expect(test, &pair->client, "hello", 5);
	KUNIT_EXPECT_EQ(test, pipe_refused(&pair->client), 0);
}

static void a_wrong_header_is_refused(struct kunit *test)
{
	static const struct {
		u32 type;
		u32 size;
		u32 length;
	} wrong[] = {
		{ 1, 0, 0 },
		{ 0, 5, 16 },
		{ 2, 5, 16 },
		{ 1, 9, 16 },
		{ 1, U32_MAX, 16 },
		{ 1, U32_MAX - 7, 16 },
	};
	struct pipe_pair *pair = pipe_pair(test, true);
	struct raw_message raw = { .data = "hello" };
	struct vmb_channel *client = pair->client.end->channel;
	u32 i;

	pipe_open(pair);
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		raw.type = cpu_to_le32(wrong[i].type);
		raw.size = cpu_to_le32(wrong[i].size);
		KUNIT_ASSERT_EQ(test, pipe_send(&pair->server, &raw, wrong[i].length), 0);
	}
	/* The stream goes on. */
	raw.type = cpu_to_le32(1);
	raw.size = cpu_to_le32(5);
	KUNIT_ASSERT_EQ(test, pipe_send(&pair->server, &raw, 13), 0);
	pipe_expect(test, &pair->client, "hello", 5);
	loopback_settle(pair->client.end);
	KUNIT_EXPECT_EQ(test, pipe_refused(&pair->client), ARRAY_SIZE(wrong));
	KUNIT_EXPECT_EQ(test, pair->client.count, 1);
	KUNIT_EXPECT_EQ(test, pair->client.processed, 1);
	KUNIT_EXPECT_EQ(test, client->counters.received, 1);
	KUNIT_EXPECT_EQ(test, client->counters.completions_empty, 0);
}

/* Not even by the few bytes with which a packet becomes whole units. */
static void a_message_is_not_longer_than_the_maximum(struct kunit *test)
{
	const u32 maximum = 100;
	struct pipe_pair *pair = pipe_pair(test, true);
	struct vmb_channel *client = pair->client.end->channel;
	struct raw_message raw = { .type = cpu_to_le32(1) };

	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_packet_size(client, maximum), 0);
	get_random_bytes(raw.data, sizeof(raw.data));
	pipe_open(pair);
	raw.size = cpu_to_le32(maximum + 4);
	KUNIT_ASSERT_EQ(test, pipe_send(&pair->server, &raw, 8 + maximum + 4), 0);
	raw.size = cpu_to_le32(maximum);
	KUNIT_ASSERT_EQ(test, pipe_send(&pair->server, &raw, 8 + maximum), 0);
	pipe_expect(test, &pair->client, raw.data, maximum);
	KUNIT_EXPECT_EQ(test, pair->client.count, 1);
	KUNIT_EXPECT_EQ(test, pipe_refused(&pair->client), 1);
}

struct pipe_end_of_packet {
	struct completion done;
	int status;
	u32 length;
};

static void pipe_ended(struct vmb_packet *packet, void *context, int status,
		       const void *buffer, u32 length)
{
	struct pipe_end_of_packet *end = context;

	end->status = status;
	end->length = length;
	complete(&end->done);
}

/* A sender that waits for a completion of what is refused gets one. */
static void a_refused_packet_is_answered(struct kunit *test)
{
	struct pipe_pair *pair = pipe_pair(test, true);
	struct pipe_end_of_packet end = { .status = 1, .length = 1 };
	struct vmb_packet *packet;

	init_completion(&end.done);
	pipe_open(pair);
	packet = vmb_packet_allocate(pair->server.end->channel);
	KUNIT_ASSERT_NOT_NULL(test, packet);
	vmb_packet_set_completion_routine(packet, &end, pipe_ended);
	KUNIT_ASSERT_EQ(test, vmb_packet_send(packet, "nothing of a header", 16, NULL, 0, WAIT),
			0);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&end.done, PIPE_PATIENCE), 0);
	KUNIT_EXPECT_EQ(test, end.status, 0);
	KUNIT_EXPECT_EQ(test, end.length, 0);
	KUNIT_EXPECT_EQ(test, pipe_refused(&pair->client), 1);
	KUNIT_EXPECT_EQ(test, pair->client.end->channel->counters.completions_empty, 1);
	vmb_packet_free(packet);
}

static void a_deferred_message_comes_again(struct kunit *test)
{
	struct pipe_pair *pair = pipe_pair(test, false);

	pair->server.defer = true;
	pipe_open(pair);
	KUNIT_ASSERT_EQ(test, pipe_send(&pair->client, "hello", 5), 0);
	pipe_expect(test, &pair->server, "hello", 5);
	KUNIT_EXPECT_EQ(test, pair->server.deferred, 1);
}

static void settings_of_a_pipe(struct kunit *test)
{
	struct pipe_pair *pair = pipe_pair(test, false);
	struct vmb_channel *client = pair->client.end->channel;
	struct vmb_loopback_offer *offer;
	u8 message[PIPE_MAXIMUM + 1] = {};
	struct vmb_packet *packet;

	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_flags(client, 2), -EINVAL);
	packet = vmb_packet_allocate(client);
	KUNIT_ASSERT_NOT_NULL(test, packet);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_flags(client, 0), -EBUSY);
	vmb_packet_free(packet);
	/* There and back: packets are of the right size again. */
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_flags(client, 0), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_flags(client, VMB_CHANNEL_INIT_FLAG_IS_PIPE),
			0);
	pipe_open(pair);
	offer = vmb_channel_transport_private(pair->server.end->channel);
	KUNIT_EXPECT_TRUE(test, offer->pipe);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_flags(client, 0), -EBUSY);
	KUNIT_EXPECT_EQ(test, pipe_send(&pair->client, message, PIPE_MAXIMUM + 1), -EMSGSIZE);
	packet = vmb_packet_allocate(client);
	KUNIT_ASSERT_NOT_NULL(test, packet);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, message, 1, NULL, 0, WAIT), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, message, 1, NULL, 0, 0x100), -EINVAL);
	vmb_packet_set_completion_routine(packet, NULL, NULL);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, message, 1, NULL, 0, 0), -EINVAL);
	vmb_packet_free(packet);
	KUNIT_EXPECT_EQ(test, pair->server.count, 0);
}

static struct kunit_case pipe_cases[] = {
	KUNIT_CASE(lengths_are_exact),
	KUNIT_CASE(held_messages_are_exact),
	KUNIT_CASE(the_wire_has_headers),
	KUNIT_CASE(a_wrong_header_is_refused),
	KUNIT_CASE(a_message_is_not_longer_than_the_maximum),
	KUNIT_CASE(a_refused_packet_is_answered),
	KUNIT_CASE(a_deferred_message_comes_again),
	KUNIT_CASE(settings_of_a_pipe),
	{}
};

static struct kunit_suite pipe_suite = {
	.name = "vmbkmcl_pipe",
	.init = loopback_fixture_init,
	.exit = loopback_fixture_exit,
	.test_cases = pipe_cases,
};

kunit_test_suite(pipe_suite);
