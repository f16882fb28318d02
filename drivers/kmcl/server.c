// SPDX-License-Identifier: GPL-2.0
/*
 * What only a server channel is told.
 */
#include "channel.h"

int vmb_server_channel_init_set_flags(struct vmb_channel *channel, u32 flags)
{
	if (!channel->is_server)
		return -EINVAL;
	if (!vmb_channel_is_configurable(channel))
		return -EBUSY;
	if (flags & ~VMB_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER)
		return -EINVAL;
	channel->server_flags = flags;
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_server_channel_init_set_flags);

int vmb_server_channel_init_set_target_interface_id(struct vmb_channel *channel,
						    const guid_t *interface_type,
						    const guid_t *interface_instance)
{
	if (!channel->is_server)
		return -EINVAL;
	if (!vmb_channel_is_configurable(channel))
		return -EBUSY;
	if (!interface_type || !interface_instance ||
	    guid_is_null(interface_type) || guid_is_null(interface_instance))
		return -EINVAL;
	channel->target_set = true;
	guid_copy(&channel->target_type, interface_type);
	channel->target_instance_set = true;
	guid_copy(&channel->target_instance, interface_instance);
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_server_channel_init_set_target_interface_id);
