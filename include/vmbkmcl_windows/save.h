/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A server's state, saved and restored: what for, in which order, and between which
 * channels is said in vmbkmcl/save.h. Included by vmbkmcl_windows.h.
 */
#ifndef VMBKMCL_WINDOWS_SAVE_H
#define VMBKMCL_WINDOWS_SAVE_H

/*
 * The errno of what a save or restore callback says. The call that it was called from
 * says the same then, but for statuses that are not among these: they are
 * STATUS_UNSUCCESSFUL, for of that call STATUS_MORE_PROCESSING_REQUIRED, for one, would
 * say that all went well.
 */
static inline int vmb_windows_save_error(NTSTATUS status)
{
	if (NT_SUCCESS(status))
		return 0;
	switch (status) {
	case STATUS_INSUFFICIENT_RESOURCES:
		return -ENOMEM;
	case STATUS_INVALID_PARAMETER:
		return -EINVAL;
	case STATUS_INVALID_BUFFER_SIZE:
		return -EMSGSIZE;
	case STATUS_BUFFER_TOO_SMALL:
		return -ENOBUFS;
	case STATUS_REVISION_MISMATCH:
		return -EPROTONOSUPPORT;
	case STATUS_NOT_SUPPORTED:
		return -EOPNOTSUPP;
	case STATUS_INVALID_DEVICE_STATE:
		return -EBUSY;
	default:
		return -EIO;
	}
}

static inline int vmb_windows_save_packet(struct vmb_channel *channel, void *context,
					  struct vmb_packet *packet, void *buffer,
					  u32 buffer_size, u32 *bytes_needed)
{
	VMBCHANNEL handle = context;
	NTSTATUS status;

	if (handle->save_packet_ex)
		status = handle->save_packet_ex(handle, handle->save_context, packet, buffer,
						buffer_size, bytes_needed);
	else
		status = handle->save_packet(handle, packet, buffer, buffer_size,
					     bytes_needed);
	return vmb_windows_save_error(status);
}

static inline int vmb_windows_restore_packet(struct vmb_channel *channel, void *context,
					     const void *library_buffer, u32 library_size,
					     const void *buffer, u32 buffer_size)
{
	VMBCHANNEL handle = context;
	NTSTATUS status;

	if (handle->restore_packet_ex)
		status = handle->restore_packet_ex(handle, handle->save_context,
						   (PVOID)library_buffer, library_size,
						   (PVOID)buffer, buffer_size);
	else
		status = handle->restore_packet(handle, (PVOID)library_buffer, library_size,
						(PVOID)buffer, buffer_size);
	return vmb_windows_save_error(status);
}

/* What the driver has not got the library is not to call. */
static inline NTSTATUS vmb_windows_set_save_restore(VMBCHANNEL channel, bool saves,
						    bool restores)
{
	vmb_channel_save_packet_fn save = saves ? vmb_windows_save_packet : NULL;
	vmb_channel_restore_packet_fn restore = restores ? vmb_windows_restore_packet : NULL;
	int ret;

	ret = vmb_server_channel_init_set_save_restore_packet_callbacks(channel->channel,
									channel, save, restore);
	return vmb_windows_configure_status(ret, STATUS_INVALID_PARAMETER_1);
}

/* Of the two forms the last registration counts. Each callback may be NULL. */
static inline NTSTATUS
VmbServerChannelInitSetSaveRestorePacketCallbacks(VMBCHANNEL Channel,
						  PFN_VMB_CHANNEL_SAVE_PACKET SavePacketCallback,
						  PFN_VMB_CHANNEL_RESTORE_PACKET RestorePacketCallback)
{
	NTSTATUS status;

	status = vmb_windows_set_save_restore(Channel, SavePacketCallback,
					      RestorePacketCallback);
	if (status != STATUS_SUCCESS)
		return status;
	Channel->save_packet = SavePacketCallback;
	Channel->restore_packet = RestorePacketCallback;
	Channel->save_packet_ex = NULL;
	Channel->restore_packet_ex = NULL;
	return STATUS_SUCCESS;
}

static inline NTSTATUS
VmbServerChannelInitSetSaveRestorePacketCallbacksEx(VMBCHANNEL Channel,
						    PVOID SaveRestoreContext,
						    PFN_VMB_CHANNEL_SAVE_PACKET_EX SavePacketCallbackEx,
						    PFN_VMB_CHANNEL_RESTORE_PACKET_EX RestorePacketCallbackEx)
{
	NTSTATUS status;

	status = vmb_windows_set_save_restore(Channel, SavePacketCallbackEx,
					      RestorePacketCallbackEx);
	if (status != STATUS_SUCCESS)
		return status;
	Channel->save_packet_ex = SavePacketCallbackEx;
	Channel->restore_packet_ex = RestorePacketCallbackEx;
	Channel->save_packet = NULL;
	Channel->restore_packet = NULL;
	Channel->save_context = SaveRestoreContext;
	return STATUS_SUCCESS;
}

/* Of a channel that VmbChannelPause has paused. */
static inline NTSTATUS __must_check VmbChannelSaveBegin(VMBCHANNEL Channel)
{
	return vmb_windows_save_status(vmb_channel_save_begin(Channel->channel));
}

/* STATUS_BUFFER_TOO_SMALL: nothing was written. STATUS_BUFFER_OVERFLOW: a chunk was. */
static inline NTSTATUS __must_check
VmbChannelSaveContinue(VMBCHANNEL Channel, PVOID SaveBuffer, ULONG SaveBufferSize,
		       PULONG BytesFilled, PULONG BytesRequired)
{
	int ret = vmb_channel_save_continue(Channel->channel, SaveBuffer, SaveBufferSize,
					    BytesFilled, BytesRequired);

	return vmb_windows_save_status(ret);
}

static inline VOID VmbChannelSaveEnd(VMBCHANNEL Channel)
{
	vmb_channel_save_end(Channel->channel);
}

/* Whole chunks, in their order. */
static inline NTSTATUS __must_check
VmbChannelRestoreFromBuffer(VMBCHANNEL Channel, PVOID Buffer, ULONG BufferSize)
{
	int ret = vmb_channel_restore_from_buffer(Channel->channel, Buffer, BufferSize);

	return vmb_windows_save_status(ret);
}

/* The packet's completion routine has been set by now. */
static inline NTSTATUS VmbPacketRestore(VMBPACKET PacketObject, PVOID Buffer,
					ULONG BufferSize)
{
	return vmb_windows_save_status(vmb_packet_restore(PacketObject, Buffer, BufferSize));
}

#endif
