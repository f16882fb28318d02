// SPDX-License-Identifier: GPL-2.0
/*
 * The Windows header: the object, its life, and what the client is told of it.
 */
#include <linux/slab.h>

#include "../../drivers/kmcl/channel.h"
#include "windows_fixture.h"

static void an_object(struct kunit *test)
{
	VMBCHANNEL channel = windows_channel(test, FALSE);
	struct vmb_device *device = (void *)1;

	KUNIT_EXPECT_NULL(test, VmbChannelGetPointer(channel));
	VmbChannelSetPointer(channel, test);
	KUNIT_EXPECT_PTR_EQ(test, VmbChannelGetPointer(channel), (void *)test);
	/* The library's pointer is another one. */
	KUNIT_EXPECT_PTR_EQ(test, vmb_windows_handle(vmb_windows_channel(channel)), channel);
	VmbChannelGetTargetDeviceObject(channel, &device);
	KUNIT_EXPECT_NULL(test, device);
	device = (void *)1;
	VmbChannelGetParentDeviceObject(channel, &device);
	KUNIT_EXPECT_NULL(test, device);
}

static void an_object_in_the_clients_memory(struct kunit *test)
{
	ULONG size = VmbSizeofChannel();
	VMBCHANNEL channel = kunit_kzalloc(test, size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, channel);
	KUNIT_EXPECT_EQ(test, (u32)VmbChannelInitialize(NULL, FALSE, channel, size - 1),
			0xc0000023);
	KUNIT_ASSERT_EQ(test, VmbChannelInitialize(NULL, FALSE, channel, size),
			STATUS_SUCCESS);
	VmbChannelSetPointer(channel, test);
	KUNIT_EXPECT_PTR_EQ(test, VmbChannelGetPointer(channel), (void *)test);
	/* KASAN would tell if this gave back memory that is not its own. */
	VmbChannelCleanup(channel);
}

static void without_callbacks_there_is_no_enable(struct kunit *test)
{
	VMBCHANNEL channel = windows_channel(test, FALSE);

	KUNIT_EXPECT_EQ(test, (u32)VmbChannelEnable(channel), 0xc000000d);
	VmbChannelDisable(channel);
}

static void the_order_of_callbacks(struct kunit *test)
{
	struct windows_pair *pair = windows_pair(test);
	GUID instance;

	windows_open(pair);
	VmbChannelGetInterfaceInstance(pair->client.channel, &instance);
	KUNIT_EXPECT_TRUE(test, guid_equal(&instance, &windows_instance));
	KUNIT_EXPECT_EQ(test, (u32)VmbChannelEnable(pair->client.channel), 0xc0000184);
	VmbChannelPause(pair->client.channel);
	windows_expect(&pair->client, 'U', 1);
	VmbChannelStart(pair->client.channel);
	windows_expect(&pair->client, 'P', 2);
	VmbChannelDisable(pair->client.channel);
	windows_expect(&pair->server, 'C', 1);
	KUNIT_EXPECT_STREQ(test, pair->client.log, "OSPUSPUC");
	KUNIT_EXPECT_STREQ(test, pair->server.log, "OSPUC");
}

static void a_server_that_refuses(struct kunit *test)
{
	struct windows_pair *pair = windows_pair(test);

	pair->server.opened_status = STATUS_UNSUCCESSFUL;
	KUNIT_ASSERT_EQ(test, VmbChannelEnable(pair->server.channel), STATUS_SUCCESS);
	VmbChannelStart(pair->server.channel);
	KUNIT_ASSERT_EQ(test, VmbChannelEnable(pair->client.channel), STATUS_SUCCESS);
	windows_expect(&pair->client, 'F', 1);
	KUNIT_EXPECT_FALSE(test, NT_SUCCESS(pair->client.failure));
	KUNIT_EXPECT_STREQ(test, pair->client.log, "F");
	windows_expect(&pair->server, 'O', 1);
	VmbChannelDisable(pair->server.channel);
	KUNIT_EXPECT_STREQ(test, pair->server.log, "O");
}

/* An information is a success, also here. */
static void a_client_that_is_pending(struct kunit *test)
{
	struct windows_pair *pair = windows_pair(test);

	pair->client.opened_status = STATUS_PENDING;
	windows_open(pair);
	KUNIT_EXPECT_STREQ(test, pair->client.log, "OSP");
}

static bool becomes_disabled(VMBCHANNEL channel)
{
	struct vmb_channel *ours = vmb_windows_channel(channel);

	return wait_event_timeout(ours->life.changed, vmb_channel_is_configurable(ours),
				  WINDOWS_PATIENCE);
}

static void a_client_that_refuses(struct kunit *test)
{
	struct windows_pair *pair = windows_pair(test);

	pair->client.opened_status = STATUS_INSUFFICIENT_RESOURCES;
	KUNIT_ASSERT_EQ(test, VmbChannelEnable(pair->server.channel), STATUS_SUCCESS);
	VmbChannelStart(pair->server.channel);
	KUNIT_ASSERT_EQ(test, VmbChannelEnable(pair->client.channel), STATUS_SUCCESS);
	windows_expect(&pair->client, 'O', 1);
	/* It knows that itself: nobody else tells it, and it may try again. */
	KUNIT_ASSERT_TRUE(test, becomes_disabled(pair->client.channel));
	KUNIT_EXPECT_STREQ(test, pair->client.log, "O");
	pair->client.opened_status = STATUS_SUCCESS;
	KUNIT_ASSERT_EQ(test, VmbChannelEnable(pair->client.channel), STATUS_SUCCESS);
	windows_expect(&pair->client, 'P', 1);
	KUNIT_EXPECT_STREQ(test, pair->client.log, "OOSP");
}

/* Of the two kinds the last registration counts. */
static void the_last_registration_counts(struct kunit *test)
{
	VMB_CHANNEL_STATE_CHANGE_CALLBACKS none;
	struct windows_pair *pair = windows_pair(test);
	u32 packet = 1;

	VMB_CHANNEL_STATE_CHANGE_CALLBACKS_INIT(&none);
	VmbChannelSetPointer(pair->server.channel, &pair->client);
	KUNIT_ASSERT_EQ(test, VmbChannelInitSetStateChangeCallbacks(pair->server.channel,
								    &none), STATUS_SUCCESS);
	KUNIT_ASSERT_EQ(test, VmbChannelInitSetProcessPacketCallbacks(pair->server.channel,
								      windows_process_packet,
								      NULL), STATUS_SUCCESS);
	KUNIT_ASSERT_EQ(test, VmbChannelEnable(pair->server.channel), STATUS_SUCCESS);
	VmbChannelStart(pair->server.channel);
	KUNIT_ASSERT_EQ(test, VmbChannelEnable(pair->client.channel), STATUS_SUCCESS);
	windows_expect(&pair->client, 'P', 1);
	KUNIT_EXPECT_EQ(test,
			VmbChannelSendSynchronousRequest(pair->client.channel, &packet,
							 sizeof(packet), NULL, WAIT, NULL,
							 NULL, NULL), STATUS_SUCCESS);
	/* The plain one asks the channel's pointer who it is: here the other end. */
	KUNIT_EXPECT_STREQ(test, pair->server.log, "");
	windows_expect(&pair->client, 'K', 1);
}

static void cleans_up(struct windows_end *end, VMBPACKETCOMPLETION packet, PVOID buffer,
		      UINT32 length, UINT32 flags)
{
	void *next;

	VmbChannelPacketComplete(packet, buffer, length);
	VmbChannelCleanup(end->channel);
	/* What was freed here would be found again here. */
	next = kmalloc(sizeof(*end->channel), GFP_ATOMIC);
	KUNIT_EXPECT_PTR_NE(end->test, next, (void *)end->channel);
	kfree(next);
}

static NTSTATUS ask_server(struct windows_pair *pair)
{
	UINT64 packet = 1;

	return VmbChannelSendSynchronousRequest(pair->client.channel, &packet,
						sizeof(packet), NULL, WAIT, NULL, NULL, NULL);
}

/* That is warned of; whoever calls the callback has the handle still. */
static void cleaned_up_in_a_callback(struct kunit *test)
{
	struct windows_pair *pair = windows_pair(test);

	pair->server.act = cleans_up;
	windows_open(pair);
	KUNIT_EXPECT_EQ(test, ask_server(pair), STATUS_SUCCESS);
	windows_expect(&pair->server, 'K', 1);
	KUNIT_EXPECT_PTR_EQ(test, vmb_windows_handle(vmb_windows_channel(pair->server.channel)),
			    pair->server.channel);
	pair->server.act = NULL;
	KUNIT_EXPECT_EQ(test, ask_server(pair), STATUS_SUCCESS);
	windows_expect(&pair->server, 'K', 2);
}

static void settings_of_a_running_channel(struct kunit *test)
{
	struct windows_pair *pair = windows_pair(test);
	struct vmb_channel *ours = vmb_windows_channel(pair->server.channel);

	windows_open(pair);
	VmbChannelSetTransactionQuota(pair->server.channel, 3);
	KUNIT_EXPECT_EQ(test, READ_ONCE(ours->inbound.quota), 3);
	VmbChannelSetAllowableDpcCpuUsage(pair->server.channel, 40);
	KUNIT_EXPECT_EQ(test, READ_ONCE(ours->inbound.share), 40);
}

struct space {
	UINT64 address;
	UINT64 size;
};

static struct space space_of(VMBCHANNEL channel)
{
	struct space space = { .address = 1, .size = 1 };

	VmbChannelGetMmioSpace(channel, &space.address, &space.size);
	return space;
}

/* It is both ends', and there is none of a channel that is closed. */
static void memory_that_is_offered(struct kunit *test)
{
	struct windows_pair *pair = windows_pair(test);
	struct space client, server;

	KUNIT_ASSERT_EQ(test,
			VmbServerChannelInitSetMmioMegabytes(pair->server.channel, 2, 0),
			STATUS_SUCCESS);
	client = space_of(pair->client.channel);
	KUNIT_EXPECT_EQ(test, client.address, 0);
	KUNIT_EXPECT_EQ(test, client.size, 0);
	windows_open(pair);
	client = space_of(pair->client.channel);
	server = space_of(pair->server.channel);
	KUNIT_EXPECT_EQ(test, client.size, SZ_2M);
	KUNIT_EXPECT_EQ(test, server.size, SZ_2M);
	KUNIT_EXPECT_NE(test, client.address, 0);
	KUNIT_EXPECT_EQ(test, client.address, server.address);
}

static struct kunit_case windows_channel_cases[] = {
	KUNIT_CASE(an_object),
	KUNIT_CASE(an_object_in_the_clients_memory),
	KUNIT_CASE(without_callbacks_there_is_no_enable),
	KUNIT_CASE(the_order_of_callbacks),
	KUNIT_CASE(a_server_that_refuses),
	KUNIT_CASE(a_client_that_is_pending),
	KUNIT_CASE(a_client_that_refuses),
	KUNIT_CASE(the_last_registration_counts),
	KUNIT_CASE(cleaned_up_in_a_callback),
	KUNIT_CASE(settings_of_a_running_channel),
	KUNIT_CASE(memory_that_is_offered),
	{}
};

static struct kunit_suite windows_channel_suite = {
	.name = "vmbkmcl_windows_channel",
	.init = windows_fixture_init,
	.exit = windows_fixture_exit,
	.test_cases = windows_channel_cases,
};

kunit_test_suites(&windows_channel_suite);
