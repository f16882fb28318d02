/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The channel object of the Windows names, and its life. Included by
 * vmbkmcl_windows.h.
 *
 * Calls that return nothing in Windows return nothing here. Where ours would say
 * that it was called from inside a callback of the channel, there is a warning.
 */
#ifndef VMBKMCL_WINDOWS_CHANNEL_H
#define VMBKMCL_WINDOWS_CHANNEL_H

#include <linux/bug.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

/**
 * struct vmb_windows_channel - what VMBCHANNEL stands for
 * @channel: the library's channel, whose pointer is this struct.
 * @parent: what VmbChannelAllocate() was given.
 * @pointer: the client's.
 * @is_server: which end it is.
 * @is_allocated: VmbChannelAllocate() made it, not VmbChannelInitialize().
 * @client_context_size: of an incoming packet, what the client wants of it.
 * @inline_packet_context_size: likewise, of an outgoing packet.
 * @process_packet: of the last registration, if that was the plain one.
 * @processing_complete: likewise; or NULL.
 * @process_packet_ex: of the last registration, if that was the other one.
 * @processing_complete_ex: likewise; or NULL.
 * @packet_context: of the last registration.
 * @state: of the last registration, if that was the plain one.
 * @state_ex: likewise of the other one.
 * @pnp_failure: or NULL.
 * @save_packet: of the last registration, if that was the plain one; or NULL.
 * @restore_packet: likewise.
 * @save_packet_ex: of the last registration, if that was the other one; or NULL.
 * @restore_packet_ex: likewise.
 * @save_context: for these two.
 * @lock: protects @mappings.
 * @mappings: struct vmb_windows_mapping of this channel.
 *
 * The client's, who sees none of it but by the calls.
 */
struct vmb_windows_channel {
	struct vmb_channel *channel;
	PDEVICE_OBJECT parent;
	PVOID pointer;
	bool is_server;
	bool is_allocated;
	u32 client_context_size;
	u32 inline_packet_context_size;
	PFN_VMB_CHANNEL_PROCESS_PACKET process_packet;
	PFN_VMB_CHANNEL_PROCESSING_COMPLETE processing_complete;
	PFN_VMB_CHANNEL_PROCESS_PACKET_EX process_packet_ex;
	PFN_VMB_CHANNEL_PROCESSING_COMPLETE_EX processing_complete_ex;
	PVOID packet_context;
	VMB_CHANNEL_STATE_CHANGE_CALLBACKS state;
	VMB_CHANNEL_STATE_CHANGE_CALLBACKS_V5 state_ex;
	PFN_VMB_CHANNEL_PNP_FAILURE pnp_failure;
	PFN_VMB_CHANNEL_SAVE_PACKET save_packet;
	PFN_VMB_CHANNEL_RESTORE_PACKET restore_packet;
	PFN_VMB_CHANNEL_SAVE_PACKET_EX save_packet_ex;
	PFN_VMB_CHANNEL_RESTORE_PACKET_EX restore_packet_ex;
	PVOID save_context;
	spinlock_t lock; /* mappings */
	struct list_head mappings;
};

/**
 * struct vmb_windows_mapping - a GPADL that is mapped
 * @node: in &vmb_windows_channel.mappings.
 * @handle: the client's name for the memory.
 * @mdl: what the server got.
 */
struct vmb_windows_mapping {
	struct list_head node;
	UINT32 handle;
	MDL mdl;
};

/**
 * struct vmb_windows_inbound - ours of an incoming packet's client context
 * @mdl: its external data.
 *
 * It stands before the client's own.
 */
struct vmb_windows_inbound {
	MDL mdl;
};

/**
 * struct vmb_windows_outbound - ours of an outgoing packet
 * @routine: the completion routine, if it is the plain one.
 * @routine_ex: likewise the other one.
 * @context: for that.
 *
 * It stands before the client's own inline context, or, in a packet in the client's
 * memory, behind the library's.
 */
struct vmb_windows_outbound {
	PFN_VMB_PACKET_COMPLETION_ROUTINE routine;
	PFN_VMB_PACKET_COMPLETION_ROUTINE_EX routine_ex;
	PVOID context;
};

static_assert(sizeof(struct vmb_windows_inbound) % 8 == 0);
static_assert(sizeof(struct vmb_windows_outbound) % 8 == 0);

/**
 * vmb_windows_channel() - the library's own channel
 * @Channel: the handle.
 *
 * For what Windows has no name for, such as
 * vmb_channel_init_set_raw_guest_memory(). Its pointer and its callbacks are not to
 * be set: they are how a VMBCHANNEL is found.
 *
 * Context: any.
 * Return: the channel.
 */
static inline struct vmb_channel *vmb_windows_channel(VMBCHANNEL Channel)
{
	return Channel->channel;
}

/* The handle of a channel of the library's. */
static inline VMBCHANNEL vmb_windows_handle(const struct vmb_channel *channel)
{
	return vmb_channel_get_pointer(channel);
}

static inline NTSTATUS vmb_windows_channel_create(PDEVICE_OBJECT parent,
						  BOOLEAN is_server,
						  VMBCHANNEL channel)
{
	int ret;

	*channel = (struct vmb_windows_channel) {
		.parent = parent,
		.is_server = is_server,
	};
	spin_lock_init(&channel->lock);
	INIT_LIST_HEAD(&channel->mappings);
	ret = vmb_channel_allocate(parent, is_server, &channel->channel);
	if (ret)
		return vmb_windows_enable_status(ret);
	vmb_channel_set_pointer(channel->channel, channel);
	ret = vmb_channel_init_set_client_context_size(channel->channel,
						       sizeof(struct vmb_windows_inbound));
	if (!ret)
		ret = vmb_channel_init_set_inline_packet_context_size(channel->channel,
								      sizeof(struct vmb_windows_outbound));
	if (ret)
		vmb_channel_cleanup(channel->channel);
	return vmb_windows_enable_status(ret);
}

static inline NTSTATUS VmbChannelAllocate(PDEVICE_OBJECT ParentDeviceObject,
					  BOOLEAN IsServer, VMBCHANNEL *Channel)
{
	NTSTATUS status;

	*Channel = kmalloc(sizeof(**Channel), GFP_KERNEL);
	if (!*Channel)
		return STATUS_INSUFFICIENT_RESOURCES;
	status = vmb_windows_channel_create(ParentDeviceObject, IsServer, *Channel);
	(*Channel)->is_allocated = true;
	if (status != STATUS_SUCCESS) {
		kfree(*Channel);
		*Channel = NULL;
	}
	return status;
}

static inline ULONG VmbSizeofChannel(VOID)
{
	return sizeof(struct vmb_windows_channel);
}

/* The client's memory holds the handle; the library's channel is elsewhere. */
static inline NTSTATUS VmbChannelInitialize(PDEVICE_OBJECT ParentDeviceObject,
					    BOOLEAN IsServer, VMBCHANNEL Channel,
					    ULONG BufferSize)
{
	if (BufferSize < VmbSizeofChannel())
		return STATUS_BUFFER_TOO_SMALL;
	return vmb_windows_channel_create(ParentDeviceObject, IsServer, Channel);
}

static inline VOID VmbChannelCleanup(VMBCHANNEL Channel)
{
	struct vmb_windows_mapping *mapping, *next;

	/* In a callback of the channel, which is warned of, the handle is in use. */
	if (vmb_channel_disable(Channel->channel))
		return;
	vmb_channel_cleanup(Channel->channel);
	/* What the server left mapped the library has unmapped when it closed. */
	list_for_each_entry_safe(mapping, next, &Channel->mappings, node)
		kfree(mapping);
	if (Channel->is_allocated)
		kfree(Channel);
}

static inline VOID FASTCALL VmbChannelSetPointer(VMBCHANNEL Channel, PVOID Pointer)
{
	Channel->pointer = Pointer;
}

static inline PVOID FASTCALL VmbChannelGetPointer(VMBCHANNEL Channel)
{
	return Channel->pointer;
}

static inline VOID VmbChannelGetInterfaceInstance(VMBCHANNEL Channel,
						  LPGUID InterfaceInstance)
{
	vmb_channel_get_interface_instance(Channel->channel, InterfaceInstance);
}

/* No reference is taken by either. */
static inline VOID VmbChannelGetTargetDeviceObject(VMBCHANNEL Channel,
						   PDEVICE_OBJECT *TargetDeviceObject)
{
	*TargetDeviceObject = vmb_channel_get_target_device_object(Channel->channel);
}

static inline VOID VmbChannelGetParentDeviceObject(VMBCHANNEL Channel,
						   PDEVICE_OBJECT *ParentDeviceObject)
{
	*ParentDeviceObject = Channel->parent;
}

/* A physical address, for memremap(). Both are 0 where there is no such memory. */
static inline VOID VmbChannelGetMmioSpace(VMBCHANNEL Channel, UINT64 *MmioAddress,
					  UINT64 *MmioSize)
{
	if (!vmb_channel_get_mmio_space(Channel->channel, MmioAddress, MmioSize))
		return;
	*MmioAddress = 0;
	*MmioSize = 0;
}

static inline NTSTATUS __must_check VmbChannelEnable(VMBCHANNEL Channel)
{
	return vmb_windows_enable_status(vmb_channel_enable(Channel->channel));
}

/* Nobody hears of it, and nothing was done. */
static inline void vmb_windows_warn_of_deadlock(int error, const char *function)
{
	WARN_ONCE(error == -EDEADLK, "vmbkmcl: %s from a callback of the channel\n",
		  function);
}

static inline VOID VmbChannelDisable(VMBCHANNEL Channel)
{
	vmb_windows_warn_of_deadlock(vmb_channel_disable(Channel->channel), __func__);
}

static inline VOID VmbChannelStart(VMBCHANNEL Channel)
{
	vmb_windows_warn_of_deadlock(vmb_channel_start(Channel->channel), __func__);
}

static inline VOID VmbChannelPause(VMBCHANNEL Channel)
{
	vmb_windows_warn_of_deadlock(vmb_channel_pause(Channel->channel), __func__);
}

/* A quota of 0, and a percentage that is none, change nothing. */
static inline VOID VmbChannelSetTransactionQuota(VMBCHANNEL Channel, UINT32 Quota)
{
	vmb_channel_set_transaction_quota(Channel->channel, Quota);
}

static inline VOID VmbChannelSetAllowableDpcCpuUsage(VMBCHANNEL Channel,
						     UINT8 CpuPercentage)
{
	vmb_channel_set_allowable_dpc_cpu_usage(Channel->channel, CpuPercentage);
}

static inline VOID VmbChannelSetIncomingProcessingAtPassive(VMBCHANNEL Channel,
							    BOOLEAN RequirePassive)
{
	vmb_channel_set_incoming_processing_at_passive(Channel->channel, RequirePassive);
}

#endif
