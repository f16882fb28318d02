// SPDX-License-Identifier: GPL-2.0
/*
 * A server and a client that know Windows' names alone. See windows_fixture.h.
 */
#include "windows_fixture.h"

const GUID windows_type = GUID_INIT(0x50, 0x20, 0x30, 1, 2, 3, 4, 5, 6, 7, 8);
const GUID windows_instance = GUID_INIT(0x51, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1);

/* As Windows' drivers declare theirs. */
static EVT_VMB_CHANNEL_OPENED windows_opened;
static EVT_VMB_CHANNEL_STARTED windows_started;
static EVT_VMB_CHANNEL_POST_STARTED windows_post_started;
static EVT_VMB_CHANNEL_SUSPEND windows_suspend;
static EVT_VMB_CHANNEL_CLOSED windows_closed;
static EVT_VMB_CHANNEL_PROCESSING_COMPLETE windows_processing_complete;
static EVT_VMB_CHANNEL_PNP_FAILURE windows_pnp_failure;
static EVT_VMB_CHANNEL_OPENED_EX windows_opened_ex;
static EVT_VMB_CHANNEL_STARTED_EX windows_started_ex;
static EVT_VMB_CHANNEL_POST_STARTED_EX windows_post_started_ex;
static EVT_VMB_CHANNEL_SUSPEND_EX windows_suspend_ex;
static EVT_VMB_CHANNEL_CLOSED_EX windows_closed_ex;
static EVT_VMB_CHANNEL_PROCESSING_COMPLETE_EX windows_processing_complete_ex;

struct windows_fixture {
	VMBCHANNEL channels[WINDOWS_CHANNELS];
	u32 count;
};

void windows_log(struct windows_end *end, char letter)
{
	unsigned long flags;

	spin_lock_irqsave(&end->lock, flags);
	if (end->count < WINDOWS_LOG)
		end->log[end->count++] = letter;
	spin_unlock_irqrestore(&end->lock, flags);
	wake_up_all(&end->changed);
}

u32 windows_happened(struct windows_end *end, char letter)
{
	unsigned long flags;
	u32 times = 0, i;

	spin_lock_irqsave(&end->lock, flags);
	for (i = 0; i < end->count; i++)
		times += end->log[i] == letter;
	spin_unlock_irqrestore(&end->lock, flags);
	return times;
}

/* It has happened so often by now, or will soon. */
void windows_expect(struct windows_end *end, char letter, u32 times)
{
	wait_event_timeout(end->changed, windows_happened(end, letter) >= times,
			   WINDOWS_PATIENCE);
	KUNIT_ASSERT_EQ_MSG(end->test, windows_happened(end, letter), times,
			    "%c in %s", letter, end->log);
}

static NTSTATUS windows_opened_ex(VMBCHANNEL channel, PVOID context)
{
	struct windows_end *end = context;

	windows_log(end, 'O');
	return end->opened_status;
}

static VOID windows_started_ex(VMBCHANNEL channel, PVOID context)
{
	windows_log(context, 'S');
}

static VOID windows_post_started_ex(VMBCHANNEL channel, PVOID context)
{
	windows_log(context, 'P');
}

static VOID windows_suspend_ex(VMBCHANNEL channel, PVOID context)
{
	windows_log(context, 'U');
}

static VOID windows_closed_ex(VMBCHANNEL channel, PVOID context)
{
	windows_log(context, 'C');
}

VOID windows_process_packet_ex(VMBCHANNEL channel, PVOID context,
			       VMBPACKETCOMPLETION packet, PVOID buffer,
			       UINT32 length, UINT32 flags)
{
	struct windows_end *end = context;

	end->length = length;
	end->flags = flags;
	memcpy(end->data, buffer, min_t(u32, length, WINDOWS_DATA));
	if (end->act)
		end->act(end, packet, buffer, length, flags);
	else
		VmbChannelPacketComplete(packet, buffer, length);
	windows_log(end, 'K');
}

static VOID windows_processing_complete_ex(VMBCHANNEL channel, PVOID context,
					   UINT32 packets)
{
	struct windows_end *end = context;

	end->processed += packets;
	windows_log(end, 'D');
}

/* The plain forms have no context: the channel's pointer is for that. */
static NTSTATUS windows_opened(VMBCHANNEL channel)
{
	return windows_opened_ex(channel, VmbChannelGetPointer(channel));
}

static VOID windows_started(VMBCHANNEL channel)
{
	windows_log(VmbChannelGetPointer(channel), 'S');
}

static VOID windows_post_started(VMBCHANNEL channel)
{
	windows_log(VmbChannelGetPointer(channel), 'P');
}

static VOID windows_suspend(VMBCHANNEL channel)
{
	windows_log(VmbChannelGetPointer(channel), 'U');
}

static VOID windows_closed(VMBCHANNEL channel)
{
	windows_log(VmbChannelGetPointer(channel), 'C');
}

VOID windows_process_packet(VMBCHANNEL channel, VMBPACKETCOMPLETION packet,
			    PVOID buffer, UINT32 length, UINT32 flags)
{
	windows_process_packet_ex(channel, VmbChannelGetPointer(channel), packet,
				  buffer, length, flags);
}

static VOID windows_processing_complete(VMBCHANNEL channel, UINT32 packets)
{
	windows_processing_complete_ex(channel, VmbChannelGetPointer(channel), packets);
}

static VOID windows_pnp_failure(VMBCHANNEL channel, NTSTATUS failure)
{
	struct windows_end *end = VmbChannelGetPointer(channel);

	end->failure = failure;
	windows_log(end, 'F');
}

/* With nothing set. The fixture disables it and gives it back. */
VMBCHANNEL windows_channel(struct kunit *test, BOOLEAN is_server)
{
	struct windows_fixture *fixture = test->priv;
	VMBCHANNEL channel;

	KUNIT_ASSERT_LT(test, fixture->count, WINDOWS_CHANNELS);
	KUNIT_ASSERT_EQ(test, VmbChannelAllocate(NULL, is_server, &channel), STATUS_SUCCESS);
	fixture->channels[fixture->count++] = channel;
	return channel;
}

/* The test has given it back itself. */
void windows_forget(struct kunit *test, VMBCHANNEL channel)
{
	struct windows_fixture *fixture = test->priv;
	u32 i;

	for (i = 0; i < fixture->count; i++)
		if (fixture->channels[i] == channel)
			fixture->channels[i] = NULL;
}

static void windows_end_init(struct kunit *test, struct windows_end *end,
			     BOOLEAN is_server)
{
	end->test = test;
	spin_lock_init(&end->lock);
	init_waitqueue_head(&end->changed);
	end->channel = windows_channel(test, is_server);
	KUNIT_ASSERT_EQ(test, VmbChannelInitSetMaximumExternalData(end->channel,
								   WINDOWS_EXTERNAL, 4),
			STATUS_SUCCESS);
	KUNIT_ASSERT_EQ(test, VmbChannelInitSetMaximumPacketSize(end->channel, WINDOWS_DATA),
			STATUS_SUCCESS);
}

static void windows_configure_server(struct windows_end *end)
{
	VMB_CHANNEL_STATE_CHANGE_CALLBACKS_V5 state;
	struct kunit *test = end->test;

	VMB_CHANNEL_STATE_CHANGE_CALLBACKS_INIT_V5(&state);
	state.CallbackContext = end;
	state.EvtChannelOpenedEx = windows_opened_ex;
	state.EvtChannelClosedEx = windows_closed_ex;
	state.EvtChannelSuspendEx = windows_suspend_ex;
	state.EvtChannelStartedEx = windows_started_ex;
	state.EvtChannelPostStartedEx = windows_post_started_ex;
	KUNIT_ASSERT_EQ(test, VmbChannelInitSetStateChangeCallbacks(end->channel,
								    (void *)&state),
			STATUS_SUCCESS);
	KUNIT_ASSERT_EQ(test,
			VmbChannelInitSetProcessPacketCallbacksEx(end->channel, end,
								  windows_process_packet_ex,
								  windows_processing_complete_ex),
			STATUS_SUCCESS);
	KUNIT_ASSERT_EQ(test, VmbServerChannelInitSetFlags(end->channel,
							   VMBUS_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER),
			STATUS_SUCCESS);
	KUNIT_ASSERT_EQ(test, VmbServerChannelInitSetTargetInterfaceId(end->channel,
								       windows_type,
								       windows_instance),
			STATUS_SUCCESS);
}

static void windows_configure_client(struct windows_end *end)
{
	VMB_CHANNEL_STATE_CHANGE_CALLBACKS state;
	struct kunit *test = end->test;

	VmbChannelSetPointer(end->channel, end);
	VMB_CHANNEL_STATE_CHANGE_CALLBACKS_INIT(&state);
	state.EvtChannelOpened = windows_opened;
	state.EvtChannelClosed = windows_closed;
	state.EvtChannelSuspend = windows_suspend;
	state.EvtChannelStarted = windows_started;
	state.EvtChannelPostStarted = windows_post_started;
	KUNIT_ASSERT_EQ(test, VmbChannelInitSetStateChangeCallbacks(end->channel, &state),
			STATUS_SUCCESS);
	KUNIT_ASSERT_EQ(test, VmbChannelInitSetProcessPacketCallbacks(end->channel,
								      windows_process_packet,
								      windows_processing_complete),
			STATUS_SUCCESS);
	KUNIT_ASSERT_EQ(test, VmbClientChannelInitSetTargetPnp(end->channel, &windows_type,
							       NULL, windows_pnp_failure),
			STATUS_SUCCESS);
}

/* Set up, and not enabled: as each server of this fixture. */
void windows_server(struct kunit *test, struct windows_end *end)
{
	windows_end_init(test, end, TRUE);
	windows_configure_server(end);
}

/* Both ends, likewise. */
struct windows_pair *windows_pair(struct kunit *test)
{
	struct windows_pair *pair = kunit_kzalloc(test, sizeof(*pair), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, pair);
	windows_server(test, &pair->server);
	windows_end_init(test, &pair->client, FALSE);
	windows_configure_client(&pair->client);
	return pair;
}

void windows_open(struct windows_pair *pair)
{
	struct kunit *test = pair->server.test;

	KUNIT_ASSERT_EQ(test, VmbChannelEnable(pair->server.channel), STATUS_SUCCESS);
	VmbChannelStart(pair->server.channel);
	KUNIT_ASSERT_EQ(test, VmbChannelEnable(pair->client.channel), STATUS_SUCCESS);
	windows_expect(&pair->server, 'P', 1);
	windows_expect(&pair->client, 'P', 1);
}

int windows_fixture_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct windows_fixture), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, test->priv);
	return 0;
}

/* Whatever a test that broke off has left behind; the last one first. */
void windows_fixture_exit(struct kunit *test)
{
	struct windows_fixture *fixture = test->priv;
	u32 i;

	if (!fixture)
		return;
	for (i = fixture->count; i--;) {
		if (!fixture->channels[i])
			continue;
		VmbChannelDisable(fixture->channels[i]);
		VmbChannelCleanup(fixture->channels[i]);
	}
}
