// SPDX-License-Identifier: GPL-2.0
/*
 * What a client sets before it enables a channel. Nothing here takes effect on an
 * enabled one, and nothing is checked against the peer.
 */
#include <linux/ctype.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "compat.h"
#include "observe.h"

/*
 * A client context is meant for a few words. Without a limit a typing error
 * would be multiplied by the number of packet objects.
 */
#define VMB_MAXIMUM_CLIENT_CONTEXT_SIZE	65536u
/* Of the context of an outbound packet, for the same reason. */
#define VMB_MAXIMUM_INLINE_CONTEXT_SIZE	65536u
/*
 * What a server offers is one piece of memory, so that a client can map it like a
 * host's; and no allocator has larger ones everywhere.
 */
#define VMB_MAXIMUM_MMIO_MEGABYTES	4u
/* The most that ids leave room for, with 16 bits of generation above them. */
#define VMB_MAXIMUM_PACKET_COUNT	65536u

int vmb_channel_init_set_maximum_packet_size(struct vmb_channel *channel,
					     u32 packet_size)
{
	u32 size;
	int ret;

	if (!vmb_channel_is_resizable(channel))
		return -EBUSY;
	if (!packet_size)
		return -EINVAL;
	ret = vmb_ring_packet_size(0, packet_size, &size);
	if (ret)
		return ret;
	vmb_packets_empty_free_list(channel);
	channel->maximum_packet_size = packet_size;
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_init_set_maximum_packet_size);

int vmb_channel_init_set_maximum_external_data(struct vmb_channel *channel,
					       u32 data_size, u32 chain_length)
{
	struct vmb_range_limits limits = {
		.bytes = data_size,
		.chain = chain_length,
	};

	if (!vmb_channel_is_resizable(channel))
		return -EBUSY;
	if (!data_size || !chain_length)
		return -EINVAL;
	/* Never more than a packet can hold: if as much, no payload fits. */
	if (vmb_ranges_maximum_length(&limits) >= VMB_WIRE_MAXIMUM_LENGTH -
	    sizeof(struct vmb_wire_descriptor))
		return -EMSGSIZE;
	vmb_packets_empty_free_list(channel);
	channel->external = limits;
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_init_set_maximum_external_data);

int vmb_channel_init_set_client_context_size(struct vmb_channel *channel,
					     u32 context_size)
{
	if (!vmb_channel_is_unused(channel))
		return -EBUSY;
	if (context_size > VMB_MAXIMUM_CLIENT_CONTEXT_SIZE)
		return -EINVAL;
	channel->client_context_size = context_size;
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_init_set_client_context_size);

int vmb_channel_init_set_process_packet_callbacks(struct vmb_channel *channel,
						  void *callback_context,
						  vmb_channel_process_packet_fn process_packet,
						  vmb_channel_processing_complete_fn complete)
{
	if (!vmb_channel_is_configurable(channel))
		return -EBUSY;
	if (!process_packet)
		return -EINVAL;
	channel->inbound.callback_context = callback_context;
	channel->process_packet = process_packet;
	vmb_pipe_set_receiver(channel);
	channel->inbound.processing_complete = complete;
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_init_set_process_packet_callbacks);

int vmb_channel_init_set_state_change_callbacks(struct vmb_channel *channel,
						const struct vmb_channel_state_change_callbacks
						*callbacks)
{
	if (!vmb_channel_is_configurable(channel))
		return -EBUSY;
	if (callbacks->version != VMB_CHANNEL_STATE_CHANGE_CALLBACKS_VERSION ||
	    callbacks->size != sizeof(*callbacks))
		return -EINVAL;
	channel->callbacks = *callbacks;
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_init_set_state_change_callbacks);

int vmb_channel_init_set_friendly_name(struct vmb_channel *channel,
				       const char *name)
{
	size_t length = strnlen(name, VMB_CHANNEL_NAME_SIZE);
	size_t used = strlen(channel->label);
	size_t i;

	if (!vmb_channel_is_configurable(channel))
		return -EBUSY;
	if (*channel->friendly_name)
		return -EEXIST;
	if (!length || length == VMB_CHANNEL_NAME_SIZE)
		return -EINVAL;
	for (i = 0; i < length; i++)
		if (name[i] == '/' || !isprint(name[i]))
			return -EINVAL;
	strscpy(channel->friendly_name, name, sizeof(channel->friendly_name));
	snprintf(channel->label + used, sizeof(channel->label) - used, " (%s)",
		 channel->friendly_name);
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_init_set_friendly_name);

int vmb_client_channel_init_set_ring_buffer_page_count(struct vmb_channel *channel,
						       u32 inbound_page_count,
						       u32 outbound_page_count)
{
	const u32 most = SZ_2M / PAGE_SIZE;

	if (!vmb_channel_is_configurable(channel))
		return -EBUSY;
	if (channel->is_server)
		return -EINVAL;
	if (inbound_page_count < 2 || inbound_page_count > most ||
	    outbound_page_count < 2 || outbound_page_count > most)
		return -EINVAL;
	channel->inbound_page_count = inbound_page_count;
	channel->outbound_page_count = outbound_page_count;
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_client_channel_init_set_ring_buffer_page_count);

int vmb_client_channel_init_set_target_pnp(struct vmb_channel *channel,
					   const guid_t *interface_type,
					   const guid_t *interface_instance,
					   vmb_channel_pnp_failure_fn pnp_failure)
{
	if (!vmb_channel_is_configurable(channel))
		return -EBUSY;
	if (channel->is_server)
		return -EINVAL;
	channel->target_set = true;
	guid_copy(&channel->target_type, interface_type);
	channel->target_instance_set = interface_instance;
	if (interface_instance)
		guid_copy(&channel->target_instance, interface_instance);
	channel->pnp_failure = pnp_failure;
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_client_channel_init_set_target_pnp);

int vmb_channel_init_set_inline_packet_context_size(struct vmb_channel *channel,
						    u32 context_size)
{
	if (!vmb_channel_is_resizable(channel))
		return -EBUSY;
	if (context_size > VMB_MAXIMUM_INLINE_CONTEXT_SIZE)
		return -EINVAL;
	vmb_packets_empty_free_list(channel);
	channel->inline_packet_context_size = context_size;
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_init_set_inline_packet_context_size);

int vmb_channel_init_set_maximum_packet_count(struct vmb_channel *channel,
					      u32 packet_count)
{
	struct vmb_transactions transactions;
	int ret;

	if (!vmb_channel_is_configurable(channel))
		return -EBUSY;
	if (!packet_count || packet_count > VMB_MAXIMUM_PACKET_COUNT)
		return -EINVAL;
	ret = vmb_transactions_create(&transactions, packet_count);
	if (ret)
		return ret;
	spin_lock_irq(&channel->outbound.lock);
	swap(transactions, channel->outbound.transactions);
	spin_unlock_irq(&channel->outbound.lock);
	vmb_transactions_destroy(&transactions);
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_init_set_maximum_packet_count);

int vmb_channel_init_set_refusal_completion(struct vmb_channel *channel,
					    const void *buffer, u32 length)
{
	void *copy = NULL;

	if (!vmb_channel_is_unused(channel))
		return -EBUSY;
	if (length && !buffer)
		return -EINVAL;
	if (length > VMB_WIRE_MAXIMUM_LENGTH)
		return -EMSGSIZE;
	if (length) {
		copy = kmemdup(buffer, length, GFP_KERNEL);
		if (!copy)
			return -ENOMEM;
	}
	kfree(channel->refusal_completion);
	channel->refusal_completion = copy;
	channel->refusal_completion_length = length;
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_init_set_refusal_completion);

int vmb_channel_init_set_inbound_packet_count(struct vmb_channel *channel,
					      u32 packet_count)
{
	if (!vmb_channel_is_configurable(channel))
		return -EBUSY;
	if (!packet_count)
		return -EINVAL;
	channel->inbound_packet_count = packet_count;
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_init_set_inbound_packet_count);

int vmb_channel_init_set_outbound_packet_count(struct vmb_channel *channel,
					       u32 packet_count)
{
	if (!vmb_channel_is_resizable(channel))
		return -EBUSY;
	if (!packet_count)
		return -EINVAL;
	/* Of those that are kept there may be more than that. */
	vmb_packets_empty_free_list(channel);
	channel->outbound_packet_count = packet_count;
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_init_set_outbound_packet_count);

int vmb_client_channel_init_set_target_processor_index(struct vmb_channel *channel,
						       u32 cpu_index)
{
	struct workqueue_struct *queue;

	if (!vmb_channel_is_configurable(channel))
		return -EBUSY;
	if (channel->is_server || cpu_index >= nr_cpu_ids ||
	    !cpu_possible(cpu_index))
		return -EINVAL;
	/* As it was made it leaves the CPU to the scheduler. */
	if (!test_bit(VMB_INBOUND_TARGETED, &channel->inbound.flags)) {
		queue = alloc_workqueue("vmb_inbound", WQ_MEM_RECLAIM | WQ_PERCPU, 1);
		if (!queue)
			return -ENOMEM;
		swap(queue, channel->inbound.queue);
		destroy_workqueue(queue);
	}
	WRITE_ONCE(channel->inbound.cpu, cpu_index);
	set_bit(VMB_INBOUND_TARGETED, &channel->inbound.flags);
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_client_channel_init_set_target_processor_index);

int vmb_server_channel_init_set_flags(struct vmb_channel *channel, u32 flags)
{
	if (!channel->is_server)
		return -EINVAL;
	if (!vmb_channel_is_configurable(channel))
		return -EBUSY;
	if (flags & ~(VMB_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER |
		      VMB_SERVER_CHANNEL_INIT_FLAG_OFFER_AS_PIPE))
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

int vmb_server_channel_init_set_mmio_megabytes(struct vmb_channel *channel,
					       u16 mmio_megabytes,
					       u16 mmio_megabytes_optional)
{
	u32 all = mmio_megabytes + mmio_megabytes_optional;

	if (!channel->is_server)
		return -EINVAL;
	if (!vmb_channel_is_configurable(channel))
		return -EBUSY;
	if (!all || all > VMB_MAXIMUM_MMIO_MEGABYTES)
		return -EINVAL;
	channel->mmio_megabytes = mmio_megabytes;
	channel->mmio_megabytes_optional = mmio_megabytes_optional;
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_server_channel_init_set_mmio_megabytes);
