// SPDX-License-Identifier: GPL-2.0
/*
 * A server's state is taken: the channel stands still for it, and all that it has sent
 * and that has not ended is written down. include/vmbkmcl/save.h says what for.
 *
 * The channel stands still from begin on, so that its lists can be gone through without
 * a lock, with calls of the driver in between: nothing is read or written, nothing is
 * sent, and the channel's worker is who saves.
 */
#include <linux/crc32.h>
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "life.h"
#include "save_image.h"

#include <trace/events/vmbkmcl.h>

/**
 * struct vmb_save_writer - an image that is being made
 * @channel: whose.
 * @private: what the driver adds to each packet, in bytes.
 * @image: all of it; NULL: only its size is wanted.
 * @to: where the next record goes.
 * @size: bytes of all records.
 * @packets: packets so far.
 * @in_flight: of these, that the client has.
 * @noted: which they are, of those in the image.
 */
struct vmb_save_writer {
	struct vmb_channel *channel;
	u32 *private;
	void *image;
	u8 *to;
	u64 size;
	u32 packets;
	u32 in_flight;
	u64 noted;
};

int vmb_server_channel_init_set_save_restore_packet_callbacks(struct vmb_channel *channel,
							      void *callback_context,
							      vmb_channel_save_packet_fn
							      save_packet,
							      vmb_channel_restore_packet_fn
							      restore_packet)
{
	if (!channel->is_server)
		return -EINVAL;
	/* Not from the callback itself, which is called for each packet of a chunk. */
	if (!vmb_channel_is_configurable(channel) || channel->restore.busy)
		return -EBUSY;
	channel->save.context = callback_context;
	channel->save.save_packet = save_packet;
	channel->save.restore_packet = restore_packet;
	return 0;
}
EXPORT_SYMBOL_GPL(vmb_server_channel_init_set_save_restore_packet_callbacks);

/* As the next, but -EAGAIN where that waits. */
static int vmb_save_try_worker(struct vmb_channel *channel)
{
	struct vmb_life *life = &channel->life;
	int ret;

	/* One that was enabled first is seen here, one that is late sees that it is lent. */
	spin_lock_irq(&channel->device->lock);
	spin_lock(&life->lock);
	if (vmb_sub_channels_are_enabled(channel))
		ret = -EOPNOTSUPP;
	else if (life->state != VMB_LIFE_OPEN)
		ret = life->state == VMB_LIFE_CLOSING ? -ENODEV : -ENOTCONN;
	else if (vmb_life_has_to_end(channel))
		ret = -ENODEV;
	else if (life->flow != VMB_FLOW_PAUSED || life->lent)
		ret = -EBUSY;
	else
		ret = life->worker ? -EAGAIN : 0;
	if (!ret) {
		life->lent = true;
		life->worker = current;
	}
	spin_unlock(&life->lock);
	spin_unlock_irq(&channel->device->lock);
	return ret;
}

/*
 * In place of the channel's worker, which does nothing until it is given back. It is
 * not waited for as a work: in a callback of the driver's it may wait for the caller.
 */
static int vmb_save_take_worker(struct vmb_channel *channel)
{
	int ret;

	/* It may be on its way out of what it has done for a pause. */
	while ((ret = vmb_save_try_worker(channel)) == -EAGAIN)
		usleep_range(50, 200);
	return ret;
}

static void vmb_save_give_worker_back(struct vmb_channel *channel,
				      enum vmb_save_state state)
{
	struct vmb_life *life = &channel->life;

	spin_lock_irq(&life->lock);
	channel->save.state = state;
	life->worker = NULL;
	life->lent = false;
	vmb_life_queue(channel);
	spin_unlock_irq(&life->lock);
}

/* Nothing is read from here on, nor written. 0, or why that will not do. */
static int vmb_save_freeze(struct vmb_channel *channel)
{
	int ret;

	vmb_watchdog_stop(channel);
	vmb_inbound_stop(channel);
	if (vmb_inbound_is_lost(channel))
		ret = -ENODEV;
	else if (!vmb_outbound_client_is_done(channel) || channel->inbound.deferred)
		ret = -EBUSY;
	else
		ret = vmb_outbound_freeze(channel);
	return ret;
}

/* As a pause leaves it. */
static void vmb_save_go_on_paused(struct vmb_channel *channel)
{
	vmb_inbound_pause(channel);
	vmb_watchdog_start(channel);
}

/* The channel is started: from here on its state is worth nothing. */
void vmb_save_spoil(struct vmb_channel *channel)
{
	lockdep_assert_held(&channel->life.lock);
	if (channel->save.state == VMB_SAVE_DONE)
		channel->save.state = VMB_SAVE_SPOILT;
}

/* Does it stand still, with all of its state fetched? Worth something, or not. */
static bool vmb_save_is_frozen(const struct vmb_channel *channel)
{
	return channel->save.state == VMB_SAVE_DONE ||
	       channel->save.state == VMB_SAVE_SPOILT;
}

/* It need not stand still any more. */
void vmb_save_thaw(struct vmb_channel *channel)
{
	struct vmb_life *life = &channel->life;
	bool frozen;

	vmb_life_assert_worker(channel);
	spin_lock_irq(&life->lock);
	frozen = vmb_save_is_frozen(channel);
	if (frozen)
		channel->save.state = VMB_SAVE_NONE;
	spin_unlock_irq(&life->lock);
	if (frozen)
		vmb_outbound_thaw(channel);
}

/*
 * The channel closes. If it is disabled with its state saved, and its peer is there,
 * the session goes on without it: returns whether that is so.
 */
bool vmb_save_close(struct vmb_channel *channel)
{
	struct vmb_life *life = &channel->life;
	enum vmb_save_state state = VMB_SAVE_NONE;

	vmb_life_assert_worker(channel);
	spin_lock_irq(&life->lock);
	if (channel->save.state == VMB_SAVE_DONE &&
	    life->stop == VMB_LIFE_STOP_DISABLE &&
	    !channel->operations->peer_gone(channel))
		state = VMB_SAVE_HANDED_OVER;
	channel->save.state = state;
	spin_unlock_irq(&life->lock);
	if (state != VMB_SAVE_HANDED_OVER)
		return false;
	trace_vmb_life(channel->name, "handed over", 0);
	return true;
}

/* What the driver has to say of a packet. A number above 0 is none of its answers. */
static int vmb_save_ask(struct vmb_save_writer *writer, struct vmb_packet *packet,
			void *at, u32 room, u32 *needed)
{
	struct vmb_channel *channel = writer->channel;
	int ret = channel->save.save_packet(channel, channel->save.context, packet, at, room,
					    needed);

	return ret > 0 ? -EINVAL : ret;
}

/* How a packet looks in the image; with its payload, if it is to be written. */
static int vmb_save_write_packet(struct vmb_save_writer *writer,
				 struct vmb_packet *packet)
{
	bool sent = packet->state == VMB_SEND_SENT;
	u32 payload = sent ? 0 : packet->payload_length;
	u32 private = writer->private[writer->packets];
	struct vmb_save_packet *to = (void *)writer->to;
	u32 length, needed = 0;
	u8 *at;

	/* Each of them is bounded far below that. */
	length = sizeof(*to) + ALIGN(payload, VMB_SAVE_UNIT) + ALIGN(private, VMB_SAVE_UNIT);
	writer->size += length;
	writer->packets++;
	if (!writer->image) {
		writer->in_flight += sent;
		return 0;
	}
	if (sent)
		writer->noted = vmb_restore_note_in_flight(writer->noted,
							   packet->transaction_id);
	to->record.type = cpu_to_le32(VMB_SAVE_PACKET);
	to->record.length = cpu_to_le32(length);
	to->payload_length = cpu_to_le32(payload);
	to->private_length = cpu_to_le32(private);
	to->flags = cpu_to_le32((packet->waits ? VMB_SAVE_PACKET_WAITS : 0) |
				(sent ? VMB_SAVE_PACKET_SENT : 0));
	to->transaction_id = cpu_to_le32(sent ? packet->transaction_id : 0);
	at = writer->to + sizeof(*to);
	memcpy(at, packet->payload, payload);
	at += ALIGN(payload, VMB_SAVE_UNIT);
	writer->to += length;
	return private ? vmb_save_ask(writer, packet, at, private, &needed) : 0;
}

/* Ask the driver how much it has to say of a packet. */
static int vmb_save_measure_packet(struct vmb_save_writer *writer,
				   struct vmb_packet *packet)
{
	struct vmb_channel *channel = writer->channel;
	u32 needed = 0;
	int ret;

	/* None of the driver's, and it is gone from the queue soon. */
	if (vmb_packet_is_synchronous(packet))
		return -EBUSY;
	if (channel->save.save_packet) {
		ret = vmb_save_ask(writer, packet, NULL, 0, &needed);
		if (!ret)
			needed = 0;
		else if (!needed)
			return ret;
		if (needed > VMB_SAVE_MOST_PRIVATE)
			return -EMSGSIZE;
	}
	writer->private[writer->packets] = needed;
	return vmb_save_write_packet(writer, packet);
}

/* Each packet that has not ended, those that the client has first. */
static int vmb_save_for_each(struct vmb_save_writer *writer,
			     int (*act)(struct vmb_save_writer *writer,
					struct vmb_packet *packet))
{
	struct vmb_outbound *outbound = &writer->channel->outbound;
	struct vmb_packet *packet;
	int ret = 0;
	u32 i;

	for (i = 0; i < outbound->transactions.count && !ret; i++)
		if (outbound->transactions.table[i].packet)
			ret = act(writer, outbound->transactions.table[i].packet);
	list_for_each_entry(packet, &outbound->queue, queue.node)
		if (!ret)
			ret = act(writer, packet);
	list_for_each_entry(packet, &outbound->held, queue.node)
		if (!ret)
			ret = act(writer, packet);
	return ret;
}

static u64 vmb_save_count(struct vmb_channel *channel)
{
	struct vmb_outbound *outbound = &channel->outbound;
	struct vmb_packet *packet;
	u64 count = 0;
	u32 i;

	for (i = 0; i < outbound->transactions.count; i++)
		if (outbound->transactions.table[i].packet)
			count++;
	list_for_each_entry(packet, &outbound->queue, queue.node)
		count++;
	list_for_each_entry(packet, &outbound->held, queue.node)
		count++;
	return count;
}

static void vmb_save_write_session(const struct vmb_save_writer *writer,
				   struct vmb_save_session *to)
{
	struct vmb_restore_settings settings;
	struct vmb_ring_positions at;

	vmb_restore_settings_of(writer->channel, &settings);
	vmb_channel_ring_positions(writer->channel, &at);
	*to = (struct vmb_save_session) {
		.record.type = cpu_to_le32(VMB_SAVE_SESSION),
		.record.length = cpu_to_le32(sizeof(*to)),
		.flags = cpu_to_le32(settings.flags),
		.server_flags = cpu_to_le32(settings.server_flags),
		.packet_size = cpu_to_le32(settings.packet_size),
		.packet_count = cpu_to_le32(settings.packet_count),
		.external_bytes = cpu_to_le32(settings.external_bytes),
		.external_chain = cpu_to_le32(settings.external_chain),
		.read_index = cpu_to_le32(at.read_index),
		.write_index = cpu_to_le32(at.write_index),
		.peer_read_index = cpu_to_le32(at.peer_read_index),
		.packets = cpu_to_le32(writer->packets),
		.in_flight = cpu_to_le32(writer->in_flight),
	};
	export_guid(to->type, &settings.type);
	export_guid(to->instance, &settings.instance);
}

/* The driver says how much, room is made, and it says what. */
static int vmb_save_make_image(struct vmb_save_writer *writer)
{
	int ret;

	writer->size = sizeof(struct vmb_save_session);
	ret = vmb_save_for_each(writer, vmb_save_measure_packet);
	if (ret)
		return ret;
	if (writer->size > VMB_SAVE_MOST_BYTES)
		return -E2BIG;
	writer->image = kvzalloc(writer->size, GFP_KERNEL);
	if (!writer->image)
		return -ENOMEM;
	vmb_save_write_session(writer, writer->image);
	writer->to = writer->image + sizeof(struct vmb_save_session);
	writer->size = sizeof(struct vmb_save_session);
	writer->packets = 0;
	writer->noted = vmb_restore_note_in_flight(0, writer->in_flight);
	return vmb_save_for_each(writer, vmb_save_write_packet);
}

static int vmb_save_take_image(struct vmb_channel *channel)
{
	struct vmb_save_writer writer = { .channel = channel };
	struct vmb_save *save = &channel->save;
	u64 count = vmb_save_count(channel);
	int ret;

	if (count > VMB_SAVE_MOST_PACKETS)
		return -E2BIG;
	writer.private = kvcalloc(count + 1, sizeof(*writer.private), GFP_KERNEL);
	if (!writer.private)
		return -ENOMEM;
	ret = vmb_save_make_image(&writer);
	kvfree(writer.private);
	if (ret) {
		kvfree(writer.image);
		return ret;
	}
	/* Not before: the driver's callback may ask for it, too. */
	save->image = writer.image;
	save->size = writer.size;
	save->noted = writer.noted;
	save->position = 0;
	save->chunk = 0;
	return 0;
}

int vmb_channel_save_begin(struct vmb_channel *channel)
{
	bool frozen;
	int ret;

	might_sleep();
	if (!channel->is_server)
		return -EINVAL;
	if (channel->primary)
		return -EOPNOTSUPP;
	if (vmb_life_is_callback(channel) || vmb_inbound_is_callback(&channel->inbound))
		return -EDEADLK;
	if (channel->save.image)
		return -EBUSY;
	ret = vmb_save_take_worker(channel);
	if (ret)
		return ret;
	/* Saved once more, it stands still already. */
	frozen = vmb_save_is_frozen(channel);
	if (!frozen)
		ret = vmb_save_freeze(channel);
	if (ret) {
		vmb_save_go_on_paused(channel);
		vmb_save_give_worker_back(channel, VMB_SAVE_NONE);
		return ret;
	}
	get_random_bytes(&channel->save.session, sizeof(channel->save.session));
	ret = vmb_save_take_image(channel);
	if (ret) {
		vmb_outbound_thaw(channel);
		vmb_save_go_on_paused(channel);
	}
	vmb_save_give_worker_back(channel, ret ? VMB_SAVE_NONE : VMB_SAVE_BEGUN);
	return ret;
}
EXPORT_SYMBOL_GPL(vmb_channel_save_begin);

/* Bytes of the next records that @room holds, and how many they are. */
static u32 vmb_save_next_records(const struct vmb_save *save, u32 room, u32 *records)
{
	u32 length = 0;

	*records = 0;
	while (length < save->size - save->position) {
		const struct vmb_save_record *record;
		u32 next;

		record = save->image + save->position + length;
		next = le32_to_cpu(record->length);
		if (next > room - length)
			break;
		length += next;
		++*records;
	}
	return length;
}

/* What a buffer must hold for one more record; 0: there is none. */
static u32 vmb_save_required(const struct vmb_save *save)
{
	const struct vmb_save_record *record = save->image + save->position;

	return save->position == save->size ? 0 :
	       sizeof(struct vmb_save_chunk) + le32_to_cpu(record->length);
}

static void vmb_save_write_chunk(struct vmb_save *save, void *buffer, u32 length,
				 u32 records)
{
	struct vmb_save_chunk *chunk = buffer;
	u32 size = sizeof(*chunk) + length;
	struct vmb_save_chunk head = {
		.magic = cpu_to_le32(VMB_SAVE_MAGIC),
		.version = cpu_to_le16(VMB_SAVE_VERSION),
		.last = cpu_to_le16(save->position + length == save->size),
		.length = cpu_to_le32(size),
		.session = cpu_to_le64(save->session),
		.index = cpu_to_le32(save->chunk++),
		.records = cpu_to_le32(records),
	};

	memcpy(buffer, &head, sizeof(head));
	memcpy(buffer + sizeof(head), save->image + save->position, length);
	head.checksum = cpu_to_le32(crc32_le(~0, buffer, size));
	memcpy(buffer, &head, sizeof(head));
	save->position += length;
}

int vmb_channel_save_continue(struct vmb_channel *channel, void *buffer,
			      u32 buffer_size, u32 *bytes_filled, u32 *bytes_required)
{
	struct vmb_save *save = &channel->save;
	u32 length, records;

	*bytes_filled = 0;
	*bytes_required = 0;
	if (!save->image || save->position == save->size)
		return -EINVAL;
	if (READ_ONCE(save->state) != VMB_SAVE_BEGUN)
		return -ENODEV;
	*bytes_required = vmb_save_required(save);
	if (buffer_size < *bytes_required)
		return -ENOBUFS;
	length = vmb_save_next_records(save, buffer_size - sizeof(struct vmb_save_chunk),
				       &records);
	vmb_save_write_chunk(save, buffer, length, records);
	*bytes_filled = sizeof(struct vmb_save_chunk) + length;
	*bytes_required = vmb_save_required(save);
	return *bytes_required ? -EOVERFLOW : 0;
}
EXPORT_SYMBOL_GPL(vmb_channel_save_continue);

void vmb_channel_save_end(struct vmb_channel *channel)
{
	struct vmb_save *save = &channel->save;
	bool begun, done;

	might_sleep();
	if (!save->image)
		return;
	done = save->position == save->size;
	kvfree(save->image);
	save->image = NULL;
	/* Nobody who starts the channel is to find the worker taken for nothing. */
	if (READ_ONCE(save->state) != VMB_SAVE_BEGUN || vmb_save_take_worker(channel))
		return;
	/* If it was closed since, there is nothing to go on with. */
	begun = save->state == VMB_SAVE_BEGUN;
	if (begun && !done) {
		vmb_outbound_thaw(channel);
		vmb_save_go_on_paused(channel);
	}
	vmb_save_give_worker_back(channel, begun && done ? VMB_SAVE_DONE : VMB_SAVE_NONE);
}
EXPORT_SYMBOL_GPL(vmb_channel_save_end);
