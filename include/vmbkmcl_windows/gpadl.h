/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory shared with the peer: whole pages only. Included by vmbkmcl_windows.h.
 */
#ifndef VMBKMCL_WINDOWS_GPADL_H
#define VMBKMCL_WINDOWS_GPADL_H

#define VMBUS_CHANNEL_GPADL_FLAG_READ_ONLY	VMB_CHANNEL_GPADL_FLAG_READ_ONLY
#define VMBUS_CHANNEL_GPADL_FLAGS		VMBUS_CHANNEL_GPADL_FLAG_READ_ONLY

/* With STATUS_IO_DEVICE_ERROR the peer may write to it all the same: never free it. */
static inline NTSTATUS VmbChannelCreateGpadlFromBuffer(VMBCHANNEL Channel, UINT32 Flags,
						       PVOID Buffer, UINT32 ByteCount,
						       PUINT32 GpadlHandle)
{
	int ret = vmb_channel_create_gpadl_from_buffer(Channel->channel, Flags, Buffer,
						       ByteCount, GpadlHandle);

	return vmb_windows_gpadl_status(ret);
}

static inline NTSTATUS VmbChannelCreateGpadlFromMdl(VMBCHANNEL Channel, UINT32 Flags,
						    PMDL Mdl, UINT32 StartOffsetWithinMdl,
						    UINT32 DataLengthWithinMdl,
						    PUINT32 GpadlHandle)
{
	struct vmb_windows_vectors vectors;
	int ret;

	if (!vmb_windows_vectors_get(&vectors, Mdl, false))
		return STATUS_INSUFFICIENT_RESOURCES;
	ret = vmb_channel_create_gpadl_from_mdl(Channel->channel, Flags, vectors.array,
						vectors.count, StartOffsetWithinMdl,
						DataLengthWithinMdl, GpadlHandle);
	vmb_windows_vectors_put(&vectors);
	return vmb_windows_gpadl_status(ret);
}

static inline NTSTATUS VmbChannelCreateGpadlFromPfnList(VMBCHANNEL Channel, UINT32 Flags,
							PPFN_NUMBER PfnList,
							UINT32 PfnListCount,
							PUINT32 GpadlHandle)
{
	int ret = vmb_channel_create_gpadl_from_pfn_list(Channel->channel, Flags, PfnList,
							 PfnListCount, GpadlHandle);

	return vmb_windows_gpadl_status(ret);
}

static inline NTSTATUS VmbChannelCreateGpadl(VMBCHANNEL Channel, UINT32 Flags,
					     UINT32 PageCount, PUINT32 GpadlHandle)
{
	int ret = vmb_channel_create_gpadl(Channel->channel, Flags, PageCount, GpadlHandle);

	return vmb_windows_gpadl_status(ret);
}

static inline NTSTATUS VmbChannelGetSystemAddressForGpadl(VMBCHANNEL Channel, UINT32 Flags,
							  UINT32 GpadlHandle,
							  PVOID *SystemAddress)
{
	int ret = vmb_channel_get_system_address_for_gpadl(Channel->channel, Flags,
							   GpadlHandle, SystemAddress);

	return vmb_windows_gpadl_status(ret);
}

/*
 * Windows has no way to say that the peer never let go of the memory; the log does.
 * The library keeps the pages then. Who shares a block of several pages that is no
 * compound page asks vmb_channel_delete_gpadl() instead, and never frees it after -EIO.
 */
static inline VOID VmbChannelDeleteGpadl(VMBCHANNEL Channel, UINT32 GpadlHandle)
{
	if (vmb_channel_delete_gpadl(Channel->channel, GpadlHandle))
		return;
}

/* The MDL is the library's, until it is unmapped; it has no system address. */
static inline NTSTATUS VmbChannelMapGpadl(VMBCHANNEL Channel, UINT32 Flags,
					  UINT32 GpadlHandle, PMDL *Mdl)
{
	struct vmb_windows_mapping *mapping;
	const struct bio_vec *vectors;
	u32 count;
	int ret;

	mapping = kzalloc(sizeof(*mapping), GFP_KERNEL);
	if (!mapping)
		return STATUS_INSUFFICIENT_RESOURCES;
	ret = vmb_channel_map_gpadl(Channel->channel, Flags, GpadlHandle, &vectors, &count);
	if (ret) {
		kfree(mapping);
		return vmb_windows_gpadl_status(ret);
	}
	mapping->handle = GpadlHandle;
	vmb_windows_mdl_init(&mapping->mdl, vectors, count);
	spin_lock(&Channel->lock);
	list_add(&mapping->node, &Channel->mappings);
	spin_unlock(&Channel->lock);
	*Mdl = &mapping->mdl;
	return STATUS_SUCCESS;
}

static inline VOID VmbChannelUnmapGpadl(VMBCHANNEL Channel, UINT32 GpadlHandle)
{
	struct vmb_windows_mapping *mapping, *found = NULL;

	spin_lock(&Channel->lock);
	list_for_each_entry(mapping, &Channel->mappings, node) {
		if (mapping->handle != GpadlHandle)
			continue;
		found = mapping;
		list_del(&found->node);
		break;
	}
	spin_unlock(&Channel->lock);
	/* Warns if it is not mapped. */
	vmb_channel_unmap_gpadl(Channel->channel, GpadlHandle);
	kfree(found);
}

#endif
