// SPDX-License-Identifier: GPL-2.0
/*
 * Transfer-page sets: numbers that stand for a GPADL in the packets of a peer
 * that sends offsets instead of page frames.
 */
#include "gpadl.h"

int vmb_channel_register_transfer_page_set(struct vmb_channel *channel,
					   u16 set_id, u32 gpadl_handle)
{
	struct vmb_memory *memory = &channel->memory;
	struct vmb_gpadl *gpadl;
	int ret = -ENOENT;

	might_sleep();
	vmb_memory_begin_call(memory);
	mutex_lock(&memory->mutex);
	gpadl = vmb_gpadl_find(memory, gpadl_handle);
	/* The close has forgotten all sets, or will, and takes the GPADLs back. */
	if (!memory->accepting)
		ret = -ENODEV;
	else if (gpadl)
		ret = xa_insert(&memory->sets, set_id, gpadl, GFP_KERNEL);
	if (!ret)
		gpadl->sets++;
	mutex_unlock(&memory->mutex);
	vmb_memory_end_call(memory);
	return ret == -EBUSY ? -EEXIST : ret;
}
EXPORT_SYMBOL_GPL(vmb_channel_register_transfer_page_set);

int vmb_channel_unregister_transfer_page_set(struct vmb_channel *channel,
					     u16 set_id)
{
	struct vmb_memory *memory = &channel->memory;
	struct vmb_gpadl *gpadl;

	might_sleep();
	vmb_memory_begin_call(memory);
	mutex_lock(&memory->mutex);
	gpadl = xa_erase(&memory->sets, set_id);
	if (gpadl)
		gpadl->sets--;
	mutex_unlock(&memory->mutex);
	vmb_memory_end_call(memory);
	return gpadl ? 0 : -ENOENT;
}
EXPORT_SYMBOL_GPL(vmb_channel_unregister_transfer_page_set);
