// SPDX-License-Identifier: GPL-2.0
/*
 * Packets by the thousand, from several threads at once.
 *
 * A sender owns a fixed number of packet objects and uses them again and again.
 * A send never fails for want of room in the ring: the packet waits there, and
 * what holds a sender back is only that all of its objects are on their way.
 */
#include "source.h"

/**
 * struct source_packet - what a sender keeps with each packet
 * @node: in &source_sender.free, while not in flight.
 * @packet: the packet.
 * @sender: whose it is.
 * @in_flight: 1 from before the send until the completion routine.
 * @waits: the peer is to complete it.
 * @sequence: its number, while in flight.
 * @checksum: of its body, while in flight.
 *
 * The packet's inline context, so it needs no allocation of its own.
 */
struct source_packet {
	struct llist_node node;
	struct vmb_packet *packet;
	struct source_sender *sender;
	atomic_t in_flight;
	bool waits;
	u64 sequence;
	u32 checksum;
};

/* For each outbound packet, the external ones included. */
u32 source_packet_context_size(void)
{
	return sizeof(struct source_packet);
}

static bool source_is_answer(const struct source_packet *context,
			     const void *buffer, u32 length)
{
	const struct vmb_source_completion *answer = buffer;

	return length >= sizeof(*answer) && !answer->status &&
	       le32_to_cpu(answer->stream) == context->sender->stream &&
	       le64_to_cpu(answer->sequence) == context->sequence &&
	       le32_to_cpu(answer->checksum) == context->checksum;
}

/* The packet has ended. Any context but hard interrupt, also inside the send. */
static void source_send_ended(struct vmb_packet *packet, void *callback_context,
			      int status, const void *buffer, u32 buffer_length)
{
	struct source_packet *context = callback_context;
	struct source_sender *sender = context->sender;
	struct source_device *source = sender->source;

	if (atomic_cmpxchg(&context->in_flight, 1, 0) != 1) {
		atomic64_inc(&source->count.duplicated);
		return;
	}
	atomic64_inc(&source->count.sends_ended);
	if (status == -ENODEV)
		atomic64_inc(&source->count.cut_off);
	else if (status)
		source_wrong(source, "a send ended badly", status);
	else if (!context->waits && buffer)
		source_wrong(source, "an answer that nobody asked for", 0);
	else if (context->waits && !source_is_answer(context, buffer, buffer_length))
		source_wrong(source, "the answer to a send is wrong", 0);
	else if (context->waits)
		atomic64_inc(&source->count.send_completions);
	llist_add(&context->node, &sender->free);
	wake_up(&sender->freed);
}

/* The next free packet; waits for one. */
static struct source_packet *source_take_packet(struct source_sender *sender)
{
	struct llist_node *node;

	/* We alone take, so that llist_del_first() needs no lock. */
	wait_event_idle(sender->freed, (node = llist_del_first(&sender->free)));
	return llist_entry(node, struct source_packet, node);
}

/* Mostly small ones, now and then each size that there is. */
static u32 source_body_length(u64 sequence)
{
	const u32 most = VMB_SOURCE_MAXIMUM_PACKET_SIZE -
			 sizeof(struct vmb_source_request);

	if (sequence % 64 == 0)
		return (u32)(sequence / 64) % (most + 1);
	return (u32)sequence * 7 % 65;
}

static u32 source_make_data(struct source_sender *sender,
			    struct source_packet *context)
{
	struct vmb_source_request *request = (void *)sender->buffer;
	u32 length = source_body_length(sender->accepted), i;
	u8 *body = sender->buffer + sizeof(*request);

	for (i = 0; i < length; i++)
		body[i] = vmb_source_pattern(sender->accepted, i);
	source_make_request(request, VMB_SOURCE_DATA, sender->stream,
			    sender->accepted, length);
	context->sequence = sender->accepted;
	context->checksum = le32_to_cpu(request->checksum);
	context->waits = sender->accepted % 2;
	return sizeof(*request) + length;
}

static int source_send(struct source_sender *sender)
{
	struct source_packet *context = source_take_packet(sender);
	struct source_device *source = sender->source;
	u32 length, flags = 0;
	int ret;

	length = source_make_data(sender, context);
	if (context->waits)
		flags = VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION;
	/* Before the send: it may have ended when the send returns. */
	atomic_set(&context->in_flight, 1);
	ret = vmb_packet_send(context->packet, sender->buffer, length, NULL, 0,
			      flags);
	if (ret) {
		/* Refused: the routine was not, and will not be, called. */
		if (atomic_cmpxchg(&context->in_flight, 1, 0) != 1)
			atomic64_inc(&source->count.duplicated);
		else
			llist_add(&context->node, &sender->free);
		return ret;
	}
	sender->accepted++;
	atomic64_inc(&source->count.sends);
	/* Still ours to look at, though it may be free again: we alone take. */
	if (!flags && atomic_read(&context->in_flight))
		atomic64_inc(&source->count.sends_queued);
	return 0;
}

static void source_sender_work(struct work_struct *work)
{
	struct source_sender *sender = container_of(work, struct source_sender,
						    work);
	struct source_device *source = sender->source;
	int ret = 0;
	u32 i;

	while (!ret && sender->accepted < sender->goal &&
	       !READ_ONCE(source->stopping))
		ret = source_send(sender);
	if (ret && ret != -ENODEV)
		source_wrong(source, "a send was refused", ret);
	/* Each comes back once: when the channel goes, too. */
	for (i = 0; i < SOURCE_WINDOW; i++)
		vmb_packet_free(source_take_packet(sender)->packet);
}

static int source_sender_allocate(struct source_sender *sender)
{
	struct source_packet *context;
	struct vmb_packet *packet;
	u32 i;

	for (i = 0; i < SOURCE_WINDOW; i++) {
		packet = vmb_packet_allocate(sender->source->channel);
		if (!packet)
			goto free_packets;
		context = vmb_packet_get_inline_packet_context_pointer(packet);
		context->packet = packet;
		context->sender = sender;
		vmb_packet_set_completion_routine(packet, context,
						  source_send_ended);
		llist_add(&context->node, &sender->free);
	}
	return 0;

free_packets:
	while (i--)
		vmb_packet_free(source_take_packet(sender)->packet);
	return -ENOMEM;
}

/* To be called once, by probe. */
void source_senders_init(struct source_device *source)
{
	u32 i;

	for (i = 0; i < VMB_SOURCE_SENDERS; i++) {
		struct source_sender *sender = &source->senders[i];

		sender->source = source;
		sender->stream = i;
		INIT_WORK(&sender->work, source_sender_work);
		init_llist_head(&sender->free);
		init_waitqueue_head(&sender->freed);
	}
}

/* Have them send what the plan says. Those that were started are to be waited for. */
int source_senders_start(struct source_device *source)
{
	u32 i;
	int ret;

	for (i = 0; i < VMB_SOURCE_SENDERS; i++) {
		struct source_sender *sender = &source->senders[i];

		sender->accepted = 0;
		sender->goal = source->plan.sends / VMB_SOURCE_SENDERS;
		if (source->plan.endless)
			sender->goal = U64_MAX;
		ret = source_sender_allocate(sender);
		if (ret)
			return ret;
		queue_work(source->workqueue, &sender->work);
	}
	return 0;
}

/* Until they have sent everything, and everything has ended. */
void source_senders_wait(struct source_device *source)
{
	u32 i;

	for (i = 0; i < VMB_SOURCE_SENDERS; i++)
		flush_work(&source->senders[i].work);
}
