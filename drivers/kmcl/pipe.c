// SPDX-License-Identifier: GPL-2.0
/*
 * Pipe mode: the library adds the header of each message and takes it off, so
 * that the client sees messages and their exact lengths.
 *
 * What comes in passes through a callback of ours, that is put in front of the
 * client's: the drain knows nothing of pipes.
 */
#include "inbound.h"
#include "pipe.h"

static void vmb_pipe_process_packet(struct vmb_channel *channel,
				    void *callback_context,
				    struct vmb_packet_completion *packet,
				    void *buffer, u32 buffer_length, u32 flags)
{
	u64 uncounted = 0;
	u32 size;

	/* A packet of whole units may have room for a message that is too long. */
	if (likely(!flags && vmb_pipe_read(buffer, buffer_length, &size) &&
		   size <= channel->maximum_packet_size)) {
		channel->process_packet(channel, callback_context, packet,
				 (u8 *)buffer + sizeof(struct vmb_wire_pipe_header),
				 size, 0);
		return;
	}
	/* As a packet that is refused before it is delivered. */
	vmb_refuse(channel, &packet->wire, VMB_REFUSAL_PIPE_HEADER);
	channel->inbound.batch.answered++;
	atomic_set(&packet->state, VMB_PACKET_COMPLETED);
	vmb_outbound_complete(packet, channel->refusal_completion,
			      channel->refusal_completion_length,
			      packet->wire.flags & VMB_WIRE_FLAG_COMPLETION_REQUESTED ?
			      &channel->counters.completions_empty :
			      &uncounted);
}

/* The client's callback, or ours in front of it. It may not be set yet. */
void vmb_pipe_set_receiver(struct vmb_channel *channel)
{
	channel->inbound.process_packet =
		channel->process_packet && vmb_channel_is_pipe(channel) ?
		vmb_pipe_process_packet : channel->process_packet;
}

int vmb_channel_init_set_flags(struct vmb_channel *channel, u32 flags)
{
	if (!vmb_channel_is_resizable(channel))
		return -EBUSY;
	if (flags & ~VMB_CHANNEL_INIT_FLAG_IS_PIPE)
		return -EINVAL;
	/* They have room for a header, or not. */
	vmb_packets_empty_free_list(channel);
	channel->flags = flags;
	vmb_pipe_set_receiver(channel);
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_init_set_flags);
