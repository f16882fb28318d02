// SPDX-License-Identifier: GPL-2.0
/*
 * The Windows header: packets of both directions, and requests that are waited for.
 */
#include <linux/completion.h>
#include <linux/preempt.h>

#include "windows_fixture.h"

#define PATTERN	"one packet of 32 bytes, or so it is"
#define LENGTH	32u

/**
 * struct windows_ending - what a completion routine was told
 * @done: it was called.
 * @packet: by which packet.
 * @status: its status.
 * @length: bytes of @data.
 * @data: the payload.
 */
struct windows_ending {
	struct completion done;
	VMBPACKET packet;
	NTSTATUS status;
	UINT32 length;
	u8 data[WINDOWS_DATA];
};

static EVT_VMB_PACKET_COMPLETION_ROUTINE ended;
static EVT_VMB_PACKET_COMPLETION_ROUTINE_EX ended_ex;

static VOID ended_ex(VMBPACKET packet, PVOID context, NTSTATUS status, PVOID buffer,
		     UINT32 length)
{
	struct windows_ending *ending = context;

	ending->packet = packet;
	ending->status = status;
	ending->length = length;
	if (buffer)
		memcpy(ending->data, buffer, min_t(u32, length, WINDOWS_DATA));
	complete(&ending->done);
}

static VOID ended(VMBPACKET packet, NTSTATUS status, PVOID buffer, UINT32 length)
{
	ended_ex(packet, VmbPacketGetPointer(packet), status, buffer, length);
}

static void expect_end(struct kunit *test, struct windows_ending *ending, VMBPACKET packet,
		       NTSTATUS status)
{
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&ending->done, WINDOWS_PATIENCE), 0);
	KUNIT_EXPECT_PTR_EQ(test, ending->packet, packet);
	KUNIT_EXPECT_EQ(test, ending->status, status);
}

static struct windows_ending *make_ending(struct kunit *test)
{
	struct windows_ending *ending = kunit_kzalloc(test, sizeof(*ending), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ending);
	init_completion(&ending->done);
	return ending;
}

static void both_completion_routines(struct kunit *test)
{
	struct windows_ending *plain = make_ending(test), *ex = make_ending(test);
	struct windows_pair *pair = windows_pair(test);
	VMBPACKET packet;

	windows_open(pair);
	packet = VmbPacketAllocate(pair->client.channel);
	KUNIT_ASSERT_NOT_NULL(test, packet);
	KUNIT_EXPECT_PTR_EQ(test, VmbPacketGetChannel(packet), pair->client.channel);
	KUNIT_EXPECT_NULL(test, VmbPacketGetPointer(packet));
	VmbPacketSetPointer(packet, plain);
	VmbPacketSetCompletionRoutine(packet, ended);
	KUNIT_ASSERT_EQ(test, VmbPacketSend(packet, PATTERN, LENGTH, NULL, WAIT),
			STATUS_SUCCESS);
	expect_end(test, plain, packet, STATUS_SUCCESS);
	KUNIT_EXPECT_EQ(test, plain->length, LENGTH);
	KUNIT_EXPECT_EQ(test, memcmp(plain->data, PATTERN, LENGTH), 0);
	KUNIT_EXPECT_EQ(test, pair->server.length, LENGTH);
	KUNIT_EXPECT_EQ(test, pair->server.flags, 0);

	/* Likewise with a context; in the ring is enough, so there is no payload. */
	VmbPacketSetCompletionRoutineEx(packet, ex, ended_ex);
	KUNIT_ASSERT_EQ(test, VmbPacketSend(packet, PATTERN, LENGTH, NULL, 0),
			STATUS_SUCCESS);
	expect_end(test, ex, packet, STATUS_SUCCESS);
	KUNIT_EXPECT_EQ(test, ex->length, 0);
	VmbPacketFree(packet);
	/* The server's end of a batch was told. */
	windows_expect(&pair->server, 'K', 2);
	wait_event_timeout(pair->server.changed, pair->server.processed == 2,
			   WINDOWS_PATIENCE);
	KUNIT_EXPECT_EQ(test, pair->server.processed, 2);
}

/* And a packet whose routine was not set frees itself, which cleanup looks for. */
static void a_packet_that_frees_itself(struct kunit *test)
{
	struct windows_pair *pair = windows_pair(test);
	VMBPACKET packet;

	windows_open(pair);
	packet = VmbPacketAllocate(pair->server.channel);
	KUNIT_ASSERT_NOT_NULL(test, packet);
	KUNIT_ASSERT_EQ(test, VmbPacketSend(packet, PATTERN, LENGTH, NULL, WAIT),
			STATUS_SUCCESS);
	windows_expect(&pair->client, 'K', 1);
	KUNIT_EXPECT_EQ(test, memcmp(pair->client.data, PATTERN, LENGTH), 0);
}

static void a_packet_in_the_clients_memory(struct kunit *test)
{
	struct windows_ending *ending = make_ending(test);
	struct windows_pair *pair = windows_pair(test);
	UINT32 size = VmbChannelSizeofPacket(pair->client.channel);
	u8 *memory = kunit_kmalloc(test, size + 8, GFP_KERNEL);
	VMBPACKET packet = (VMBPACKET)memory;

	KUNIT_ASSERT_NOT_NULL(test, memory);
	KUNIT_EXPECT_EQ(test, (u32)VmbPacketInitialize(pair->client.channel, packet, size - 1),
			0xc00000f1);
	memset(memory, 0xa5, size + 8);
	KUNIT_EXPECT_EQ(test, (u32)VmbPacketInitialize(pair->client.channel,
						       (VMBPACKET)(memory + 4), size),
			0xc00000f0);
	KUNIT_ASSERT_EQ(test, VmbPacketInitialize(pair->client.channel, packet, size),
			STATUS_SUCCESS);
	windows_open(pair);
	/* Nobody is told of its end yet. */
	KUNIT_EXPECT_EQ(test, (u32)VmbPacketSend(packet, PATTERN, LENGTH, NULL, WAIT),
			0xc000000d);
	VmbPacketSetCompletionRoutineEx(packet, ending, ended_ex);
	KUNIT_ASSERT_EQ(test, VmbPacketSend(packet, PATTERN, LENGTH, NULL, WAIT),
			STATUS_SUCCESS);
	expect_end(test, ending, packet, STATUS_SUCCESS);
	KUNIT_EXPECT_EQ(test, memory[size], 0xa5);
	VmbChannelDisable(pair->client.channel);
	KUNIT_EXPECT_EQ(test, (u32)VmbPacketSend(packet, PATTERN, LENGTH, NULL, WAIT),
			0xc0000184);
}

/* Where it keeps its routine does not move when the channel's settings do. */
static void a_packet_of_other_settings(struct kunit *test)
{
	struct windows_ending *ending = make_ending(test);
	struct windows_pair *pair = windows_pair(test);
	VMBCHANNEL client = pair->client.channel;
	UINT32 size = VmbChannelSizeofPacket(client);
	u8 *memory = kunit_kmalloc(test, size + 4096, GFP_KERNEL);
	VMBPACKET packet = (VMBPACKET)memory;

	KUNIT_ASSERT_NOT_NULL(test, memory);
	memset(memory, 0xa5, size + 4096);
	KUNIT_ASSERT_EQ(test, VmbPacketInitialize(client, packet, size), STATUS_SUCCESS);
	KUNIT_ASSERT_EQ(test, VmbChannelInitSetMaximumPacketSize(client, 4000),
			STATUS_SUCCESS);
	KUNIT_ASSERT_GT(test, VmbChannelSizeofPacket(client), size);
	VmbPacketSetCompletionRoutine(packet, ended);
	KUNIT_EXPECT_NULL(test, memchr_inv(memory + size, 0xa5, 4096));
	/* Nor does what it sends come over it. */
	KUNIT_ASSERT_EQ(test, VmbChannelInitSetMaximumPacketSize(client, LENGTH),
			STATUS_SUCCESS);
	KUNIT_ASSERT_LT(test, VmbChannelSizeofPacket(client), size);
	VmbPacketSetCompletionRoutineEx(packet, ending, ended_ex);
	windows_open(pair);
	KUNIT_ASSERT_EQ(test, VmbPacketSend(packet, PATTERN, LENGTH, NULL, WAIT),
			STATUS_SUCCESS);
	expect_end(test, ending, packet, STATUS_SUCCESS);
	KUNIT_EXPECT_NULL(test, memchr_inv(memory + size, 0xa5, 4096));
}

/* The client's areas begin behind ours, zeroed, and have the size that was asked for. */
static void inline_contexts(struct kunit *test)
{
	struct windows_ending *ending = make_ending(test);
	struct windows_pair *pair = windows_pair(test);
	VMBPACKET packet;
	u8 *area;

	KUNIT_ASSERT_EQ(test, VmbChannelInitSetInlinePacketContextSize(pair->client.channel,
								       64), STATUS_SUCCESS);
	windows_open(pair);
	packet = VmbPacketAllocate(pair->client.channel);
	KUNIT_ASSERT_NOT_NULL(test, packet);
	area = VmbPacketGetInlinePacketContextPointer(packet);
	KUNIT_EXPECT_NULL(test, memchr_inv(area, 0, 64));
	VmbPacketSetCompletionRoutineEx(packet, ending, ended_ex);
	memset(area, 0xff, 64);
	KUNIT_ASSERT_EQ(test, VmbPacketSend(packet, PATTERN, LENGTH, NULL, WAIT),
			STATUS_SUCCESS);
	expect_end(test, ending, packet, STATUS_SUCCESS);
	KUNIT_EXPECT_NULL(test, memchr_inv(area, 0xff, 64));
	VmbPacketFree(packet);
}

/* First at DISPATCH, then, by a worker, where it may sleep. */
static void defer_once(struct windows_end *end, VMBPACKETCOMPLETION packet, PVOID buffer,
		       UINT32 length, UINT32 flags)
{
	u64 *area = VmbChannelPacketGetClientContext(packet);

	KUNIT_EXPECT_LE(end->test, area[0], 1);
	KUNIT_EXPECT_EQ(end->test, area[15], area[0]);
	if (area[0]++) {
		KUNIT_EXPECT_FALSE(end->test, in_softirq());
		VmbChannelPacketComplete(packet, "done", 4);
		return;
	}
	area[15]++;
	VmbChannelPacketDeferToPassive(packet);
}

static void a_packet_comes_again(struct kunit *test)
{
	struct windows_pair *pair = windows_pair(test);
	u8 answer[8] = {};
	UINT32 size = sizeof(answer);

	KUNIT_ASSERT_EQ(test, VmbChannelInitSetClientContextSize(pair->server.channel, 128),
			STATUS_SUCCESS);
	pair->server.act = defer_once;
	windows_open(pair);
	KUNIT_ASSERT_EQ(test,
			VmbChannelSendSynchronousRequest(pair->client.channel, PATTERN,
							 LENGTH, NULL, WAIT, answer, &size,
							 NULL), STATUS_SUCCESS);
	KUNIT_EXPECT_EQ(test, size, 8);
	KUNIT_EXPECT_EQ(test, memcmp(answer, "done", 4), 0);
	windows_expect(&pair->server, 'K', 2);
}

static void sleeping_act(struct windows_end *end, VMBPACKETCOMPLETION packet, PVOID buffer,
			 UINT32 length, UINT32 flags)
{
	KUNIT_EXPECT_FALSE(end->test, in_softirq());
	might_sleep();
	VmbChannelPacketComplete(packet, NULL, 0);
}

static void passive_only(struct kunit *test)
{
	struct windows_pair *pair = windows_pair(test);

	pair->server.act = sleeping_act;
	VmbChannelSetIncomingProcessingAtPassive(pair->server.channel, TRUE);
	windows_open(pair);
	KUNIT_EXPECT_EQ(test,
			VmbChannelSendSynchronousRequest(pair->client.channel, PATTERN,
							 LENGTH, NULL, WAIT, NULL, NULL,
							 NULL), STATUS_SUCCESS);
	windows_expect(&pair->server, 'K', 1);
}

static void fail_it(struct windows_end *end, VMBPACKETCOMPLETION packet, PVOID buffer,
		    UINT32 length, UINT32 flags)
{
	VmbChannelPacketFail(packet);
}

/* The queue stops, and who waits for an answer does so until its time is over. */
static void a_packet_that_failed(struct kunit *test)
{
	LARGE_INTEGER tenth = { .QuadPart = -1000000 };
	struct windows_pair *pair = windows_pair(test);

	pair->server.act = fail_it;
	windows_open(pair);
	KUNIT_EXPECT_EQ(test,
			(u32)VmbChannelSendSynchronousRequest(pair->client.channel, PATTERN,
							      LENGTH, NULL, WAIT, NULL, NULL,
							      &tenth), 0xc0000120);
	KUNIT_EXPECT_EQ(test, windows_happened(&pair->server, 'K'), 1);
	KUNIT_EXPECT_EQ(test,
			(u32)VmbChannelSendSynchronousRequest(pair->client.channel, PATTERN,
							      LENGTH, NULL, WAIT, NULL, NULL,
							      &tenth), 0xc0000120);
	KUNIT_EXPECT_EQ(test, windows_happened(&pair->server, 'K'), 1);
}

static void what_a_request_is_told(struct kunit *test)
{
	LARGE_INTEGER zero = { .QuadPart = 0 };
	struct windows_pair *pair = windows_pair(test);
	VMBCHANNEL client = pair->client.channel;
	u8 answer[LENGTH];
	UINT32 size = 8;

	/* It is not queued, where it finds no room. */
	KUNIT_ASSERT_EQ(test, VmbChannelEnable(client), STATUS_SUCCESS);
	KUNIT_EXPECT_EQ(test,
			(u32)VmbChannelSendSynchronousRequest(client, PATTERN, LENGTH, NULL,
							      0, NULL, NULL, &zero),
			0x80000005);
	KUNIT_ASSERT_EQ(test, VmbChannelEnable(pair->server.channel), STATUS_SUCCESS);
	VmbChannelStart(pair->server.channel);
	windows_expect(&pair->client, 'P', 1);
	KUNIT_EXPECT_EQ(test,
			VmbChannelSendSynchronousRequest(client, PATTERN, LENGTH, NULL, 0,
							 NULL, NULL, &zero),
			STATUS_SUCCESS);
	/* An answer of 32 bytes. */
	KUNIT_EXPECT_EQ(test,
			(u32)VmbChannelSendSynchronousRequest(client, PATTERN, LENGTH, NULL,
							      WAIT, answer, &size, NULL),
			0xc0000023);
	KUNIT_EXPECT_EQ(test, size, LENGTH);
	size = 7;
	KUNIT_EXPECT_EQ(test,
			(u32)VmbChannelSendSynchronousRequest(client, PATTERN, LENGTH, NULL,
							      WAIT, answer, &size, NULL),
			0xc000000d);
	KUNIT_EXPECT_EQ(test,
			(u32)VmbChannelSendSynchronousRequest(client, PATTERN,
							      WINDOWS_DATA + 1, NULL, WAIT,
							      NULL, NULL, NULL),
			0xc0000206);
	/* A server may not wait. */
	KUNIT_EXPECT_EQ(test,
			(u32)VmbChannelSendSynchronousRequest(pair->server.channel, PATTERN,
							      LENGTH, NULL, WAIT, NULL,
							      NULL, NULL), 0xc00000bb);
	VmbChannelDisable(client);
	KUNIT_EXPECT_EQ(test,
			(u32)VmbChannelSendSynchronousRequest(client, PATTERN, LENGTH, NULL,
							      WAIT, NULL, NULL, NULL),
			0xc00002b6);
}

static struct kunit_case windows_packet_cases[] = {
	KUNIT_CASE(both_completion_routines),
	KUNIT_CASE(a_packet_that_frees_itself),
	KUNIT_CASE(a_packet_in_the_clients_memory),
	KUNIT_CASE(a_packet_of_other_settings),
	KUNIT_CASE(inline_contexts),
	KUNIT_CASE(a_packet_comes_again),
	KUNIT_CASE(passive_only),
	KUNIT_CASE(a_packet_that_failed),
	KUNIT_CASE(what_a_request_is_told),
	{}
};

static struct kunit_suite windows_packet_suite = {
	.name = "vmbkmcl_windows_packet",
	.init = windows_fixture_init,
	.exit = windows_fixture_exit,
	.test_cases = windows_packet_cases,
};

kunit_test_suites(&windows_packet_suite);
