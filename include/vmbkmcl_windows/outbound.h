/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Packets for the peer. Included by vmbkmcl_windows.h.
 */
#ifndef VMBKMCL_WINDOWS_OUTBOUND_H
#define VMBKMCL_WINDOWS_OUTBOUND_H

#define VMBUS_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION	\
	VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION
#define VMBUS_CHANNEL_FORMAT_FLAG_FORCE_MDL_LENGTH	VMB_CHANNEL_FORMAT_FLAG_FORCE_MDL_LENGTH
#define VMBUS_CHANNEL_FORMAT_FLAG_PAGED_BUFFER		VMB_CHANNEL_FORMAT_FLAG_PAGED_BUFFER
#define VMBUS_CHANNEL_FORMAT_FLAG_DATA_IN_ONLY		VMB_CHANNEL_FORMAT_FLAG_DATA_IN_ONLY
#define VMBUS_CHANNEL_FORMAT_FLAG_DATA_OUT_ONLY		VMB_CHANNEL_FORMAT_FLAG_DATA_OUT_ONLY
#define VMBUS_CHANNEL_FORMAT_FLAGS			0x1fu

static inline VMBPACKET VmbPacketAllocate(VMBCHANNEL Channel)
{
	return vmb_packet_allocate(Channel->channel);
}

static inline VOID VmbPacketFree(VMBPACKET VmbPacket)
{
	vmb_packet_free(VmbPacket);
}

static inline UINT32 VmbChannelSizeofPacket(VMBCHANNEL Channel)
{
	return vmb_channel_sizeof_packet(Channel->channel) +
	       sizeof(struct vmb_windows_outbound);
}

/* Where a packet keeps its routine. */
static inline struct vmb_windows_outbound *vmb_windows_outbound(VMBPACKET packet)
{
	void *context = vmb_packet_get_inline_packet_context_pointer(packet);

	/* A packet in the client's memory has no such context, but one behind it. */
	if (!context)
		context = (u8 *)packet + vmb_packet_size(packet);
	return context;
}

static inline NTSTATUS VmbPacketInitialize(VMBCHANNEL Channel, VMBPACKET VmbPacket,
					   UINT32 ByteCount)
{
	int ret;

	if (ByteCount < VmbChannelSizeofPacket(Channel))
		return STATUS_INVALID_PARAMETER_3;
	ret = vmb_packet_initialize(Channel->channel, VmbPacket,
				    ByteCount - sizeof(struct vmb_windows_outbound));
	return vmb_windows_configure_status(ret, STATUS_INVALID_PARAMETER_2);
}

static inline void vmb_windows_completion_routine(struct vmb_packet *packet, void *context,
						  int status, const void *buffer,
						  u32 length)
{
	const struct vmb_windows_outbound *outbound = context;
	NTSTATUS reason = vmb_windows_completion_status(status);

	if (outbound->routine_ex)
		outbound->routine_ex(packet, outbound->context, reason, (PVOID)buffer,
				     length);
	else
		outbound->routine(packet, reason, (PVOID)buffer, length);
}

static inline VOID
VmbPacketSetCompletionRoutine(VMBPACKET PacketObject,
			      PFN_VMB_PACKET_COMPLETION_ROUTINE CompletionRoutine)
{
	struct vmb_windows_outbound *outbound = vmb_windows_outbound(PacketObject);

	*outbound = (struct vmb_windows_outbound) { .routine = CompletionRoutine };
	vmb_packet_set_completion_routine(PacketObject, outbound,
					  vmb_windows_completion_routine);
}

static inline VOID
VmbPacketSetCompletionRoutineEx(VMBPACKET PacketObject, PVOID CallbackContext,
				PFN_VMB_PACKET_COMPLETION_ROUTINE_EX CompletionRoutineEx)
{
	struct vmb_windows_outbound *outbound = vmb_windows_outbound(PacketObject);

	*outbound = (struct vmb_windows_outbound) {
		.routine_ex = CompletionRoutineEx,
		.context = CallbackContext,
	};
	vmb_packet_set_completion_routine(PacketObject, outbound,
					  vmb_windows_completion_routine);
}

static inline VOID FASTCALL VmbPacketSetPointer(VMBPACKET PacketObject, PVOID Pointer)
{
	vmb_packet_set_pointer(PacketObject, Pointer);
}

static inline PVOID FASTCALL VmbPacketGetPointer(VMBPACKET PacketObject)
{
	return vmb_packet_get_pointer(PacketObject);
}

static inline VMBCHANNEL FASTCALL VmbPacketGetChannel(VMBPACKET PacketObject)
{
	return vmb_windows_handle(vmb_packet_get_channel(PacketObject));
}

/* Of a packet from VmbPacketAllocate(); zeroed. */
static inline PVOID FASTCALL VmbPacketGetInlinePacketContextPointer(VMBPACKET PacketObject)
{
	return vmb_windows_outbound(PacketObject) + 1;
}

/* The MDL itself is the caller's again when a send returns; its memory is not. */
static inline NTSTATUS VmbPacketSend(VMBPACKET PacketObject, PVOID Buffer,
				     UINT32 BufferLength, PMDL ExternalDataMdl,
				     UINT32 Flags)
{
	struct vmb_windows_vectors vectors;
	int ret;

	if (!vmb_windows_vectors_get(&vectors, ExternalDataMdl, false))
		return STATUS_INSUFFICIENT_RESOURCES;
	ret = vmb_packet_send(PacketObject, Buffer, BufferLength, vectors.array,
			      vectors.count, Flags);
	vmb_windows_vectors_put(&vectors);
	return vmb_windows_send_status(ret);
}

/* With FORCE_MDL_LENGTH the first MDL of a chain counts alone, as in Windows. */
static inline NTSTATUS VmbPacketSendWithExternalMdl(VMBPACKET PacketObject, PVOID Buffer,
						    UINT32 BufferLength,
						    PMDL ExternalDataMdl,
						    UINT32 MdlOffset, UINT32 MdlLength,
						    UINT32 Flags)
{
	bool only_first = Flags & VMBUS_CHANNEL_FORMAT_FLAG_FORCE_MDL_LENGTH;
	struct vmb_windows_vectors vectors;
	int ret;

	if (!vmb_windows_vectors_get(&vectors, ExternalDataMdl, only_first))
		return STATUS_INSUFFICIENT_RESOURCES;
	ret = vmb_packet_send_with_external_mdl(PacketObject, Buffer, BufferLength,
						vectors.array, vectors.count, MdlOffset,
						MdlLength, Flags);
	vmb_windows_vectors_put(&vectors);
	return vmb_windows_send_status(ret);
}

static inline NTSTATUS VmbPacketSendWithExternalPfns(VMBPACKET PacketObject, PVOID Buffer,
						     UINT32 BufferLength,
						     PPFN_NUMBER ExternalDataPfns,
						     UINT32 PfnLength, UINT32 Flags)
{
	int ret = vmb_packet_send_with_external_pfns(PacketObject, Buffer, BufferLength,
						     ExternalDataPfns, PfnLength, Flags);

	return vmb_windows_send_status(ret);
}

/*
 * STATUS_BUFFER_TOO_SMALL: the completion has more bytes than CompletionBuffer,
 * which has its beginning, and CompletionBufferSize says how many.
 */
static inline NTSTATUS
VmbChannelSendSynchronousRequest(VMBCHANNEL Channel, PVOID Buffer, UINT32 BufferSize,
				 PMDL ExternalDataMdl, UINT32 Flags,
				 PVOID CompletionBuffer, PUINT32 CompletionBufferSize,
				 PLARGE_INTEGER Timeout)
{
	struct vmb_windows_vectors vectors;
	int ret;

	if (!vmb_windows_vectors_get(&vectors, ExternalDataMdl, false))
		return STATUS_INSUFFICIENT_RESOURCES;
	ret = vmb_channel_send_synchronous_request(Channel->channel, Buffer, BufferSize,
						   vectors.array, vectors.count, Flags,
						   CompletionBuffer, CompletionBufferSize,
						   vmb_windows_timeout(Timeout,
								       vmb_windows_now()));
	vmb_windows_vectors_put(&vectors);
	return vmb_windows_synchronous_status(ret);
}

#endif
