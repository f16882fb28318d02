// SPDX-License-Identifier: GPL-2.0
/*
 * Transfer-page sets: numbers that stand for a GPADL in the packets of a peer
 * that sends offsets instead of page frames.
 */
#include "channel.h"

/**
 * vmb_channel_register_transfer_page_set() - name memory for transfer pages
 * @channel: the channel.
 * @set_id: the number that peer and client agreed on.
 * @gpadl_handle: memory that is shared; the ranges of transfer-page packets
 *	with this set id are offsets into it.
 *
 * Context: process context.
 * Return: 0; -ENOENT: no such GPADL; -EEXIST: the set id is taken; -ENOMEM.
 *
 * KMCL's public interface has no such call.
 */
int vmb_channel_register_transfer_page_set(struct vmb_channel *channel,
					   u16 set_id, u32 gpadl_handle)
{
	struct vmb_memory *memory = &channel->memory;
	struct vmb_gpadl *gpadl;
	int ret = -ENOENT;

	might_sleep();
	mutex_lock(&memory->mutex);
	gpadl = vmb_gpadl_find(memory, gpadl_handle);
	if (gpadl)
		ret = xa_insert(&memory->sets, set_id, gpadl, GFP_KERNEL);
	if (!ret)
		gpadl->sets++;
	mutex_unlock(&memory->mutex);
	return ret == -EBUSY ? -EEXIST : ret;
}
EXPORT_SYMBOL_GPL(vmb_channel_register_transfer_page_set);

/**
 * vmb_channel_unregister_transfer_page_set() - forget a transfer-page set
 * @channel: the channel.
 * @set_id: from register.
 *
 * Packets delivered before keep what they have.
 *
 * Context: process context.
 * Return: 0; -ENOENT: no such set.
 *
 * KMCL's public interface has no such call.
 */
int vmb_channel_unregister_transfer_page_set(struct vmb_channel *channel,
					     u16 set_id)
{
	struct vmb_memory *memory = &channel->memory;
	struct vmb_gpadl *gpadl;

	might_sleep();
	mutex_lock(&memory->mutex);
	gpadl = xa_erase(&memory->sets, set_id);
	if (gpadl)
		gpadl->sets--;
	mutex_unlock(&memory->mutex);
	return gpadl ? 0 : -ENOENT;
}
EXPORT_SYMBOL_GPL(vmb_channel_unregister_transfer_page_set);
