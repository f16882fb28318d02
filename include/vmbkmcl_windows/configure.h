/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Settings of a disabled channel. STATUS_INVALID_PARAMETER_1 says that it is not
 * disabled, or is the other end; 2 to 4 that the argument of that number is wrong.
 * Included by vmbkmcl_windows.h.
 */
#ifndef VMBKMCL_WINDOWS_CONFIGURE_H
#define VMBKMCL_WINDOWS_CONFIGURE_H

#include <linux/overflow.h>
#include <linux/sizes.h>

#define VMBUS_CHANNEL_INIT_FLAG_IS_PIPE		VMB_CHANNEL_INIT_FLAG_IS_PIPE
#define VMBUS_CHANNEL_INIT_FLAGS		VMBUS_CHANNEL_INIT_FLAG_IS_PIPE

#define VMBUS_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER		\
	VMB_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER
#define VMBUS_SERVER_CHANNEL_INIT_FLAG_OFFER_AS_PIPE		\
	VMB_SERVER_CHANNEL_INIT_FLAG_OFFER_AS_PIPE
/* On loopback every offer is a device of its type. */
#define VMBUS_SERVER_CHANNEL_INIT_FLAG_ENUMERATE_DEVICE_INTERFACE	0x2u

static inline NTSTATUS VmbChannelInitSetMaximumPacketSize(VMBCHANNEL Channel,
							  UINT32 PacketSize)
{
	int ret = vmb_channel_init_set_maximum_packet_size(Channel->channel, PacketSize);

	return vmb_windows_configure_status(ret, STATUS_INVALID_PARAMETER_2);
}

static inline NTSTATUS VmbChannelInitSetMaximumPacketCount(VMBCHANNEL Channel,
							   UINT32 PacketCount)
{
	int ret = vmb_channel_init_set_maximum_packet_count(Channel->channel, PacketCount);

	return vmb_windows_configure_status(ret, STATUS_INVALID_PARAMETER_2);
}

static inline NTSTATUS VmbChannelInitSetMaximumExternalData(VMBCHANNEL Channel,
							    UINT32 DataSize,
							    UINT32 ChainLength)
{
	int ret = vmb_channel_init_set_maximum_external_data(Channel->channel, DataSize,
							     ChainLength);

	return vmb_windows_configure_status(ret, DataSize && !ChainLength ?
						 STATUS_INVALID_PARAMETER_3 :
						 STATUS_INVALID_PARAMETER_2);
}

static inline NTSTATUS VmbChannelInitSetClientContextSize(VMBCHANNEL Channel,
							  UINT32 ContextSize)
{
	u32 size;
	int ret;

	if (check_add_overflow(ContextSize, (u32)sizeof(struct vmb_windows_inbound), &size))
		return STATUS_INVALID_PARAMETER_2;
	ret = vmb_channel_init_set_client_context_size(Channel->channel, size);
	if (!ret)
		Channel->client_context_size = ContextSize;
	return vmb_windows_configure_status(ret, STATUS_INVALID_PARAMETER_2);
}

static inline NTSTATUS VmbChannelInitSetInlinePacketContextSize(VMBCHANNEL Channel,
								UINT32 ContextSize)
{
	u32 size;
	int ret;

	if (check_add_overflow(ContextSize, (u32)sizeof(struct vmb_windows_outbound), &size))
		return STATUS_INVALID_PARAMETER_2;
	ret = vmb_channel_init_set_inline_packet_context_size(Channel->channel, size);
	if (!ret)
		Channel->inline_packet_context_size = ContextSize;
	return vmb_windows_configure_status(ret, STATUS_INVALID_PARAMETER_2);
}

static inline void vmb_windows_process_packet(struct vmb_channel *channel, void *context,
					      struct vmb_packet_completion *packet,
					      void *buffer, u32 length, u32 flags)
{
	VMBCHANNEL handle = context;

	if (handle->process_packet_ex)
		handle->process_packet_ex(handle, handle->packet_context, packet, buffer,
					  length, flags);
	else
		handle->process_packet(handle, packet, buffer, length, flags);
}

static inline void vmb_windows_processing_complete(struct vmb_channel *channel,
						   void *context, u32 packets)
{
	VMBCHANNEL handle = context;

	if (handle->processing_complete_ex)
		handle->processing_complete_ex(handle, handle->packet_context, packets);
	else if (handle->processing_complete)
		handle->processing_complete(handle, packets);
}

/* Of the two forms the last registration counts. A channel without any has none. */
static inline NTSTATUS
VmbChannelInitSetProcessPacketCallbacks(VMBCHANNEL Channel,
					PFN_VMB_CHANNEL_PROCESS_PACKET ProcessPacketCallback,
					PFN_VMB_CHANNEL_PROCESSING_COMPLETE ProcessingCompleteCallback)
{
	int ret;

	if (!ProcessPacketCallback)
		return STATUS_INVALID_PARAMETER_2;
	ret = vmb_channel_init_set_process_packet_callbacks(Channel->channel, Channel,
							    vmb_windows_process_packet,
							    vmb_windows_processing_complete);
	if (ret)
		return vmb_windows_configure_status(ret, STATUS_INVALID_PARAMETER_2);
	Channel->process_packet = ProcessPacketCallback;
	Channel->processing_complete = ProcessingCompleteCallback;
	Channel->process_packet_ex = NULL;
	Channel->processing_complete_ex = NULL;
	return STATUS_SUCCESS;
}

static inline NTSTATUS
VmbChannelInitSetProcessPacketCallbacksEx(VMBCHANNEL Channel, PVOID CallbackContext,
					  PFN_VMB_CHANNEL_PROCESS_PACKET_EX ProcessPacketCallbackEx,
					  PFN_VMB_CHANNEL_PROCESSING_COMPLETE_EX ProcessingCompleteCallbackEx)
{
	int ret;

	if (!ProcessPacketCallbackEx)
		return STATUS_INVALID_PARAMETER_3;
	ret = vmb_channel_init_set_process_packet_callbacks(Channel->channel, Channel,
							    vmb_windows_process_packet,
							    vmb_windows_processing_complete);
	if (ret)
		return vmb_windows_configure_status(ret, STATUS_INVALID_PARAMETER_3);
	Channel->process_packet_ex = ProcessPacketCallbackEx;
	Channel->processing_complete_ex = ProcessingCompleteCallbackEx;
	Channel->process_packet = NULL;
	Channel->processing_complete = NULL;
	Channel->packet_context = CallbackContext;
	return STATUS_SUCCESS;
}

static inline int vmb_windows_opened(struct vmb_channel *channel, void *context)
{
	VMBCHANNEL handle = context;
	NTSTATUS status = STATUS_SUCCESS;

	if (handle->state_ex.EvtChannelOpenedEx)
		status = handle->state_ex.EvtChannelOpenedEx(handle,
							     handle->state_ex.CallbackContext);
	else if (handle->state.EvtChannelOpened)
		status = handle->state.EvtChannelOpened(handle);
	return NT_SUCCESS(status) ? 0 : -ECONNREFUSED;
}

static inline void vmb_windows_closed(struct vmb_channel *channel, void *context,
				      enum vmb_channel_stop_reason reason)
{
	VMBCHANNEL handle = context;

	if (handle->state_ex.EvtChannelClosedEx)
		handle->state_ex.EvtChannelClosedEx(handle, handle->state_ex.CallbackContext);
	else if (handle->state.EvtChannelClosed)
		handle->state.EvtChannelClosed(handle);
}

static inline void vmb_windows_suspend(struct vmb_channel *channel, void *context,
				       enum vmb_channel_stop_reason reason)
{
	VMBCHANNEL handle = context;

	if (handle->state_ex.EvtChannelSuspendEx)
		handle->state_ex.EvtChannelSuspendEx(handle, handle->state_ex.CallbackContext);
	else if (handle->state.EvtChannelSuspend)
		handle->state.EvtChannelSuspend(handle);
}

static inline void vmb_windows_started(struct vmb_channel *channel, void *context)
{
	VMBCHANNEL handle = context;

	if (handle->state_ex.EvtChannelStartedEx)
		handle->state_ex.EvtChannelStartedEx(handle, handle->state_ex.CallbackContext);
	else if (handle->state.EvtChannelStarted)
		handle->state.EvtChannelStarted(handle);
}

static inline void vmb_windows_post_started(struct vmb_channel *channel, void *context)
{
	VMBCHANNEL handle = context;

	if (handle->state_ex.EvtChannelPostStartedEx)
		handle->state_ex.EvtChannelPostStartedEx(handle,
							 handle->state_ex.CallbackContext);
	else if (handle->state.EvtChannelPostStarted)
		handle->state.EvtChannelPostStarted(handle);
}

/* Copied. */
static inline NTSTATUS
VmbChannelInitSetStateChangeCallbacks(VMBCHANNEL Channel,
				      PVMB_CHANNEL_STATE_CHANGE_CALLBACKS StateChangeCallbacks)
{
	struct vmb_channel_state_change_callbacks callbacks;
	bool is_plain = StateChangeCallbacks->Version == 1 &&
			StateChangeCallbacks->Size == sizeof(Channel->state);
	bool is_ex = StateChangeCallbacks->Version == 5 &&
		     StateChangeCallbacks->Size == sizeof(Channel->state_ex);
	int ret;

	if (!is_plain && !is_ex)
		return STATUS_INVALID_PARAMETER_2;
	vmb_channel_state_change_callbacks_init(&callbacks);
	callbacks.callback_context = Channel;
	callbacks.opened = vmb_windows_opened;
	callbacks.closed = vmb_windows_closed;
	callbacks.suspend = vmb_windows_suspend;
	callbacks.started = vmb_windows_started;
	callbacks.post_started = vmb_windows_post_started;
	ret = vmb_channel_init_set_state_change_callbacks(Channel->channel, &callbacks);
	if (ret)
		return vmb_windows_configure_status(ret, STATUS_INVALID_PARAMETER_2);
	memset(&Channel->state, 0, sizeof(Channel->state));
	memset(&Channel->state_ex, 0, sizeof(Channel->state_ex));
	if (is_plain)
		Channel->state = *StateChangeCallbacks;
	else
		Channel->state_ex =
			*(PVMB_CHANNEL_STATE_CHANGE_CALLBACKS_V5)StateChangeCallbacks;
	return STATUS_SUCCESS;
}

/* Names are ASCII here: '?' stands for what is not. */
static inline NTSTATUS VmbChannelInitSetFriendlyName(VMBCHANNEL Channel,
						     PCUNICODE_STRING Name)
{
	u32 length = Name->Length / sizeof(WCHAR), i;
	char name[64];
	int ret;

	if (length >= sizeof(name))
		return STATUS_INVALID_PARAMETER_2;
	for (i = 0; i < length; i++)
		name[i] = Name->Buffer[i] < 0x80 ? Name->Buffer[i] : '?';
	name[length] = '\0';
	ret = vmb_channel_init_set_friendly_name(Channel->channel, name);
	return vmb_windows_configure_status(ret, STATUS_INVALID_PARAMETER_2);
}

static inline NTSTATUS VmbChannelInitSetFlags(VMBCHANNEL Channel, UINT32 Flags)
{
	int ret = vmb_channel_init_set_flags(Channel->channel, Flags);

	return vmb_windows_configure_status(ret, STATUS_INVALID_PARAMETER_2);
}

static inline NTSTATUS VmbChannelInitSetPrimaryChannel(VMBCHANNEL Channel,
						       VMBCHANNEL PrimaryChannel,
						       UINT16 SubChannelIndex)
{
	int ret = vmb_channel_init_set_primary_channel(Channel->channel,
						       PrimaryChannel->channel,
						       SubChannelIndex);

	return vmb_windows_configure_status(ret, SubChannelIndex ?
						 STATUS_INVALID_PARAMETER_2 :
						 STATUS_INVALID_PARAMETER_3);
}

/* The control page is counted, as the sum that the peer is told has it. */
static inline NTSTATUS
VmbClientChannelInitSetRingBufferPageCount(VMBCHANNEL Channel, UINT32 IncomingPageCount,
					   UINT32 OutgoingPageCount)
{
	NTSTATUS wrong = STATUS_INVALID_PARAMETER_3;
	int ret;

	ret = vmb_client_channel_init_set_ring_buffer_page_count(Channel->channel,
								 IncomingPageCount,
								 OutgoingPageCount);
	if (Channel->is_server)
		wrong = STATUS_INVALID_PARAMETER_1;
	else if (IncomingPageCount < 2 || IncomingPageCount > SZ_2M / PAGE_SIZE)
		wrong = STATUS_INVALID_PARAMETER_2;
	return vmb_windows_configure_status(ret, wrong);
}

static inline void vmb_windows_pnp_failure(struct vmb_channel *channel, int failure)
{
	VMBCHANNEL handle = vmb_windows_handle(channel);

	handle->pnp_failure(handle, vmb_windows_enable_status(failure));
}

static inline NTSTATUS
VmbClientChannelInitSetTargetPnp(VMBCHANNEL Channel, LPCGUID InterfaceType,
				 LPCGUID InterfaceInstance,
				 PFN_VMB_CHANNEL_PNP_FAILURE PnpFailureCallback)
{
	int ret;

	ret = vmb_client_channel_init_set_target_pnp(Channel->channel, InterfaceType,
						     InterfaceInstance,
						     PnpFailureCallback ?
						     vmb_windows_pnp_failure : NULL);
	if (!ret)
		Channel->pnp_failure = PnpFailureCallback;
	return vmb_windows_configure_status(ret, STATUS_INVALID_PARAMETER_1);
}

static inline NTSTATUS
VmbClientChannelInitSetTargetProcessorIndex(VMBCHANNEL Channel, ULONG ProcessorIndex)
{
	int ret;

	ret = vmb_client_channel_init_set_target_processor_index(Channel->channel,
								 ProcessorIndex);
	return vmb_windows_configure_status(ret, Channel->is_server ?
						 STATUS_INVALID_PARAMETER_1 :
						 STATUS_INVALID_PARAMETER_2);
}

static inline NTSTATUS VmbServerChannelInitSetFlags(VMBCHANNEL Channel, UINT32 Flags)
{
	int ret;

	Flags &= ~VMBUS_SERVER_CHANNEL_INIT_FLAG_ENUMERATE_DEVICE_INTERFACE;
	ret = vmb_server_channel_init_set_flags(Channel->channel, Flags);
	return vmb_windows_configure_status(ret, Channel->is_server ?
						 STATUS_INVALID_PARAMETER_2 :
						 STATUS_INVALID_PARAMETER_1);
}

static inline NTSTATUS VmbServerChannelInitSetTargetInterfaceId(VMBCHANNEL Channel,
								GUID InterfaceType,
								GUID InterfaceInstance)
{
	NTSTATUS wrong = STATUS_INVALID_PARAMETER_3;
	int ret;

	ret = vmb_server_channel_init_set_target_interface_id(Channel->channel,
							      &InterfaceType,
							      &InterfaceInstance);
	if (!Channel->is_server)
		wrong = STATUS_INVALID_PARAMETER_1;
	else if (guid_is_null(&InterfaceType))
		wrong = STATUS_INVALID_PARAMETER_2;
	return vmb_windows_configure_status(ret, wrong);
}

/* Together 1 to 4; one of the two may be 0. */
static inline NTSTATUS
VmbServerChannelInitSetMmioMegabytes(VMBCHANNEL Channel, UINT16 MmioMegabytes,
				     UINT16 MmioMegabytesOptional)
{
	int ret = vmb_server_channel_init_set_mmio_megabytes(Channel->channel,
							     MmioMegabytes,
							     MmioMegabytesOptional);

	return vmb_windows_configure_status(ret, Channel->is_server ?
						 STATUS_INVALID_PARAMETER_2 :
						 STATUS_INVALID_PARAMETER_1);
}

#endif
