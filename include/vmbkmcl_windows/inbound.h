/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Packets that the peer has sent. Included by vmbkmcl_windows.h.
 */
#ifndef VMBKMCL_WINDOWS_INBOUND_H
#define VMBKMCL_WINDOWS_INBOUND_H

#define VMBUS_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA		\
	VMB_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA
#define VMBUS_CHANNEL_PROCESS_PACKET_FLAGS			\
	VMBUS_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA
#define VMBUS_CHANNEL_PACKET_EXTERNAL_DATA_FLAG_READ_ONLY	\
	VMB_CHANNEL_PACKET_EXTERNAL_DATA_FLAG_READ_ONLY
#define VMBUS_CHANNEL_PACKET_EXTERNAL_DATA_FLAGS		\
	VMBUS_CHANNEL_PACKET_EXTERNAL_DATA_FLAG_READ_ONLY

/*
 * A payload over the channel's maximum packet size is not sent: the peer gets what
 * vmb_channel_init_set_refusal_completion() has set, or nothing.
 */
static inline VOID VmbChannelPacketComplete(VMBPACKETCOMPLETION PacketCompletionContext,
					    PVOID PacketCompletionBuffer, UINT32 BufSize)
{
	vmb_channel_packet_complete(PacketCompletionContext, PacketCompletionBuffer,
				    BufSize);
}

static inline VOID FASTCALL
VmbChannelPacketDeferToPassive(VMBPACKETCOMPLETION PacketCompletionContext)
{
	vmb_channel_packet_defer_to_passive(PacketCompletionContext);
}

static inline VOID FASTCALL
VmbChannelPacketFail(VMBPACKETCOMPLETION PacketCompletionContext)
{
	vmb_channel_packet_fail(PacketCompletionContext);
}

/*
 * The MDL is the packet's, one for all calls; it has no system address. After
 * STATUS_PENDING return from the process-packet callback without touching the
 * packet: it comes again.
 */
static inline NTSTATUS
VmbChannelPacketGetExternalData(VMBPACKETCOMPLETION PacketCompletionContext, UINT32 Flags,
				PMDL *Mdl)
{
	struct vmb_windows_inbound *inbound =
		vmb_channel_packet_get_client_context(PacketCompletionContext);
	const struct bio_vec *vectors;
	u32 count;
	int ret;

	ret = vmb_channel_packet_get_external_data(PacketCompletionContext, Flags, &vectors,
						   &count);
	if (ret)
		return vmb_windows_external_data_status(ret);
	/* What is mapped stays so, until the client undoes it. */
	inbound->mdl.Vectors = vectors;
	inbound->mdl.VectorCount = count;
	*Mdl = &inbound->mdl;
	return STATUS_SUCCESS;
}

/* Zeroed; there is none before VmbChannelInitSetClientContextSize(). */
static inline PVOID FASTCALL
VmbChannelPacketGetClientContext(VMBPACKETCOMPLETION PacketCompletionContext)
{
	struct vmb_windows_inbound *inbound =
		vmb_channel_packet_get_client_context(PacketCompletionContext);

	return inbound + 1;
}

#endif
