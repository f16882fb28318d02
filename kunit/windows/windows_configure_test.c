// SPDX-License-Identifier: GPL-2.0
/*
 * The Windows header: settings, and that STATUS_INVALID_PARAMETER_n names the
 * argument that is wrong, or, with 1, the channel.
 */
#include <kunit/test.h>

#include <vmbkmcl_windows.h>

#include "../../drivers/kmcl/channel.h"
#include "windows_fixture.h"

#define SUCCESS		0u
#define WRONG_1		0xc00000efu
#define WRONG_2		0xc00000f0u
#define WRONG_3		0xc00000f1u

#define EXPECT(test, call, status)	KUNIT_EXPECT_EQ(test, (u32)(call), status)

static void sizes(struct kunit *test)
{
	VMBCHANNEL channel = windows_channel(test, FALSE);
	struct vmb_channel *ours = vmb_windows_channel(channel);

	EXPECT(test, VmbChannelInitSetMaximumPacketSize(channel, 512), SUCCESS);
	KUNIT_EXPECT_EQ(test, ours->maximum_packet_size, 512);
	EXPECT(test, VmbChannelInitSetMaximumPacketSize(channel, 0), WRONG_2);
	EXPECT(test, VmbChannelInitSetMaximumPacketSize(channel, U32_MAX), WRONG_2);
	EXPECT(test, VmbChannelInitSetMaximumPacketCount(channel, 16), SUCCESS);
	KUNIT_EXPECT_EQ(test, ours->outbound.transactions.count, 16);
	EXPECT(test, VmbChannelInitSetMaximumPacketCount(channel, 0), WRONG_2);
	EXPECT(test, VmbChannelInitSetMaximumExternalData(channel, 8192, 3), SUCCESS);
	KUNIT_EXPECT_EQ(test, ours->external.bytes, 8192);
	KUNIT_EXPECT_EQ(test, ours->external.chain, 3);
	EXPECT(test, VmbChannelInitSetMaximumExternalData(channel, 0, 3), WRONG_2);
	EXPECT(test, VmbChannelInitSetMaximumExternalData(channel, 8192, 0), WRONG_3);
}

static void contexts(struct kunit *test)
{
	VMBCHANNEL channel = windows_channel(test, FALSE);

	EXPECT(test, VmbChannelInitSetClientContextSize(channel, 48), SUCCESS);
	EXPECT(test, VmbChannelInitSetClientContextSize(channel, 65537), WRONG_2);
	EXPECT(test, VmbChannelInitSetClientContextSize(channel, U32_MAX), WRONG_2);
	EXPECT(test, VmbChannelInitSetInlinePacketContextSize(channel, 48), SUCCESS);
	EXPECT(test, VmbChannelInitSetInlinePacketContextSize(channel, 65537), WRONG_2);
	EXPECT(test, VmbChannelInitSetInlinePacketContextSize(channel, U32_MAX), WRONG_2);
	KUNIT_EXPECT_EQ(test, channel->client_context_size, 48);
	KUNIT_EXPECT_EQ(test, channel->inline_packet_context_size, 48);
}

static void names_and_flags(struct kunit *test)
{
	static const WCHAR text[] = L"disk \x00e9/1";
	static const WCHAR long_text[80];
	UNICODE_STRING name = { .Length = 6 * sizeof(WCHAR), .Buffer = (WCHAR *)text };
	UNICODE_STRING slash = { .Length = 8 * sizeof(WCHAR), .Buffer = (WCHAR *)text };
	UNICODE_STRING empty = { .Length = 0, .Buffer = (WCHAR *)text };
	UNICODE_STRING overlong = {
		.Length = sizeof(long_text), .Buffer = (WCHAR *)long_text,
	};
	VMBCHANNEL channel = windows_channel(test, FALSE);

	EXPECT(test, VmbChannelInitSetFriendlyName(channel, &empty), WRONG_2);
	EXPECT(test, VmbChannelInitSetFriendlyName(channel, &overlong), WRONG_2);
	EXPECT(test, VmbChannelInitSetFriendlyName(channel, &slash), WRONG_2);
	EXPECT(test, VmbChannelInitSetFriendlyName(channel, &name), SUCCESS);
	KUNIT_EXPECT_STREQ(test, vmb_windows_channel(channel)->friendly_name, "disk ?");
	/* There is one already. */
	EXPECT(test, VmbChannelInitSetFriendlyName(channel, &name), WRONG_2);
	EXPECT(test, VmbChannelInitSetFlags(channel, VMBUS_CHANNEL_INIT_FLAG_IS_PIPE), SUCCESS);
	EXPECT(test, VmbChannelInitSetFlags(channel, 2), WRONG_2);
}

static void a_clients(struct kunit *test)
{
	VMBCHANNEL client = windows_channel(test, FALSE);
	VMBCHANNEL server = windows_channel(test, TRUE);
	u32 most = SZ_2M / PAGE_SIZE;

	EXPECT(test, VmbClientChannelInitSetRingBufferPageCount(client, 10, 10), SUCCESS);
	EXPECT(test, VmbClientChannelInitSetRingBufferPageCount(client, 1, 10), WRONG_2);
	EXPECT(test, VmbClientChannelInitSetRingBufferPageCount(client, most + 1, 1), WRONG_2);
	EXPECT(test, VmbClientChannelInitSetRingBufferPageCount(client, 10, 1), WRONG_3);
	EXPECT(test, VmbClientChannelInitSetRingBufferPageCount(client, 10, most + 1), WRONG_3);
	EXPECT(test, VmbClientChannelInitSetRingBufferPageCount(server, 10, 10), WRONG_1);
	EXPECT(test, VmbClientChannelInitSetTargetPnp(client, &windows_type, NULL, NULL),
	       SUCCESS);
	EXPECT(test, VmbClientChannelInitSetTargetPnp(server, &windows_type, NULL, NULL),
	       WRONG_1);
	EXPECT(test, VmbClientChannelInitSetTargetProcessorIndex(client, 0), SUCCESS);
	EXPECT(test, VmbClientChannelInitSetTargetProcessorIndex(client, U32_MAX), WRONG_2);
	EXPECT(test, VmbClientChannelInitSetTargetProcessorIndex(server, 0), WRONG_1);
}

static void a_servers(struct kunit *test)
{
	const u32 flags = VMBUS_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER |
			  VMBUS_SERVER_CHANNEL_INIT_FLAG_OFFER_AS_PIPE |
			  VMBUS_SERVER_CHANNEL_INIT_FLAG_ENUMERATE_DEVICE_INTERFACE;
	VMBCHANNEL client = windows_channel(test, FALSE);
	VMBCHANNEL server = windows_channel(test, TRUE);

	EXPECT(test, VmbServerChannelInitSetFlags(server, flags), SUCCESS);
	EXPECT(test, VmbServerChannelInitSetFlags(server, 0x8), WRONG_2);
	EXPECT(test, VmbServerChannelInitSetFlags(server, 0x10), WRONG_2);
	EXPECT(test, VmbServerChannelInitSetFlags(client, flags), WRONG_1);
	EXPECT(test, VmbServerChannelInitSetTargetInterfaceId(server, windows_type,
							      windows_instance), SUCCESS);
	EXPECT(test, VmbServerChannelInitSetTargetInterfaceId(server, guid_null,
							      windows_instance), WRONG_2);
	EXPECT(test, VmbServerChannelInitSetTargetInterfaceId(server, windows_type,
							      guid_null), WRONG_3);
	EXPECT(test, VmbServerChannelInitSetTargetInterfaceId(client, windows_type,
							      windows_instance), WRONG_1);
}

/* MiB; which of the two is wrong Windows does not say. */
static void a_servers_memory(struct kunit *test)
{
	VMBCHANNEL client = windows_channel(test, FALSE);
	VMBCHANNEL server = windows_channel(test, TRUE);

	EXPECT(test, VmbServerChannelInitSetMmioMegabytes(server, 1, 3), SUCCESS);
	EXPECT(test, VmbServerChannelInitSetMmioMegabytes(server, 0, 0), WRONG_2);
	EXPECT(test, VmbServerChannelInitSetMmioMegabytes(server, 2, 3), WRONG_2);
	EXPECT(test, VmbServerChannelInitSetMmioMegabytes(client, 1, 0), WRONG_1);
}

/* None of them is required, and the other end has none. */
static void saving_and_restoring(struct kunit *test)
{
	VMBCHANNEL client = windows_channel(test, FALSE);
	VMBCHANNEL server = windows_channel(test, TRUE);

	EXPECT(test, VmbServerChannelInitSetSaveRestorePacketCallbacks(server, NULL, NULL),
	       SUCCESS);
	EXPECT(test, VmbServerChannelInitSetSaveRestorePacketCallbacksEx(server, NULL, NULL,
									 NULL), SUCCESS);
	EXPECT(test, VmbServerChannelInitSetSaveRestorePacketCallbacks(client, NULL, NULL),
	       WRONG_1);
	EXPECT(test, VmbServerChannelInitSetSaveRestorePacketCallbacksEx(client, NULL, NULL,
									 NULL), WRONG_1);
}

static void a_sub_channels(struct kunit *test)
{
	VMBCHANNEL primary = windows_channel(test, TRUE);
	VMBCHANNEL channel = windows_channel(test, TRUE);

	EXPECT(test, VmbChannelInitSetPrimaryChannel(channel, primary, 0), WRONG_3);
	EXPECT(test, VmbChannelInitSetPrimaryChannel(channel, channel, 1), WRONG_2);
	EXPECT(test, VmbChannelInitSetPrimaryChannel(channel, primary, 1), SUCCESS);
	EXPECT(test, VmbChannelInitSetPrimaryChannel(channel, primary, 1), WRONG_2);
}

static void callbacks(struct kunit *test)
{
	VMB_CHANNEL_STATE_CHANGE_CALLBACKS_V5 state_ex;
	VMB_CHANNEL_STATE_CHANGE_CALLBACKS state;
	VMBCHANNEL channel = windows_channel(test, FALSE);
	PVMB_CHANNEL_STATE_CHANGE_CALLBACKS cast = (void *)&state_ex;

	EXPECT(test, VmbChannelInitSetProcessPacketCallbacks(channel, NULL, NULL), WRONG_2);
	EXPECT(test, VmbChannelInitSetProcessPacketCallbacksEx(channel, NULL, NULL, NULL),
	       WRONG_3);
	VMB_CHANNEL_STATE_CHANGE_CALLBACKS_INIT(&state);
	KUNIT_EXPECT_EQ(test, state.Version, 1);
	KUNIT_EXPECT_EQ(test, state.Size, 48);
	EXPECT(test, VmbChannelInitSetStateChangeCallbacks(channel, &state), SUCCESS);
	state.Size--;
	EXPECT(test, VmbChannelInitSetStateChangeCallbacks(channel, &state), WRONG_2);
	VMB_CHANNEL_STATE_CHANGE_CALLBACKS_INIT_V5(&state_ex);
	KUNIT_EXPECT_EQ(test, state_ex.Version, 5);
	KUNIT_EXPECT_EQ(test, state_ex.Size, 56);
	EXPECT(test, VmbChannelInitSetStateChangeCallbacks(channel, cast), SUCCESS);
	state_ex.Version = 1;
	EXPECT(test, VmbChannelInitSetStateChangeCallbacks(channel, cast), WRONG_2);
	state_ex.Version = 6;
	EXPECT(test, VmbChannelInitSetStateChangeCallbacks(channel, cast), WRONG_2);
}

/* Whatever it is: an enabled channel is not to be set up. */
static void not_while_enabled(struct kunit *test)
{
	struct windows_pair *pair = windows_pair(test);
	VMBCHANNEL client = pair->client.channel, server = pair->server.channel;
	VMB_CHANNEL_STATE_CHANGE_CALLBACKS state;
	WCHAR text[] = L"name";
	UNICODE_STRING name = { .Length = 4 * sizeof(WCHAR), .Buffer = text };

	VMB_CHANNEL_STATE_CHANGE_CALLBACKS_INIT(&state);
	windows_open(pair);
	EXPECT(test, VmbChannelInitSetMaximumPacketSize(client, 512), WRONG_1);
	EXPECT(test, VmbChannelInitSetMaximumPacketCount(client, 10), WRONG_1);
	EXPECT(test, VmbChannelInitSetMaximumExternalData(client, 8192, 3), WRONG_1);
	EXPECT(test, VmbChannelInitSetClientContextSize(client, 8), WRONG_1);
	EXPECT(test, VmbChannelInitSetInlinePacketContextSize(client, 8), WRONG_1);
	EXPECT(test, VmbChannelInitSetProcessPacketCallbacks(client, windows_process_packet,
							     NULL), WRONG_1);
	EXPECT(test, VmbChannelInitSetProcessPacketCallbacksEx(client, NULL,
							       windows_process_packet_ex,
							       NULL), WRONG_1);
	EXPECT(test, VmbChannelInitSetStateChangeCallbacks(client, &state), WRONG_1);
	EXPECT(test, VmbChannelInitSetFriendlyName(client, &name), WRONG_1);
	EXPECT(test, VmbChannelInitSetFlags(client, 0), WRONG_1);
	EXPECT(test, VmbChannelInitSetPrimaryChannel(client, client, 1), WRONG_1);
	EXPECT(test, VmbClientChannelInitSetRingBufferPageCount(client, 10, 10), WRONG_1);
	EXPECT(test, VmbClientChannelInitSetTargetPnp(client, &windows_type, NULL, NULL),
	       WRONG_1);
	EXPECT(test, VmbClientChannelInitSetTargetProcessorIndex(client, 0), WRONG_1);
	EXPECT(test, VmbServerChannelInitSetFlags(server, 0), WRONG_1);
	EXPECT(test, VmbServerChannelInitSetTargetInterfaceId(server, windows_type,
							      windows_instance), WRONG_1);
	EXPECT(test, VmbServerChannelInitSetMmioMegabytes(server, 1, 0), WRONG_1);
	EXPECT(test, VmbServerChannelInitSetSaveRestorePacketCallbacks(server, NULL, NULL),
	       WRONG_1);
	EXPECT(test, VmbServerChannelInitSetSaveRestorePacketCallbacksEx(server, NULL, NULL,
									 NULL), WRONG_1);
}

static struct kunit_case windows_configure_cases[] = {
	KUNIT_CASE(sizes),
	KUNIT_CASE(contexts),
	KUNIT_CASE(names_and_flags),
	KUNIT_CASE(a_clients),
	KUNIT_CASE(a_servers),
	KUNIT_CASE(a_servers_memory),
	KUNIT_CASE(saving_and_restoring),
	KUNIT_CASE(a_sub_channels),
	KUNIT_CASE(callbacks),
	KUNIT_CASE(not_while_enabled),
	{}
};

static struct kunit_suite windows_configure_suite = {
	.name = "vmbkmcl_windows_configure",
	.init = windows_fixture_init,
	.exit = windows_fixture_exit,
	.test_cases = windows_configure_cases,
};

kunit_test_suites(&windows_configure_suite);
