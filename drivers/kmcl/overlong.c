// SPDX-License-Identifier: GPL-2.0
/*
 * Room for what the peer completes a packet of ours with, where that is more than a
 * packet of its own may have: up to what its ring holds.
 *
 * Who is to get on without memory, see pool.c, has it from the open on: a server, a client
 * that has said how many packets it holds, and one that has packets to send by then. For
 * another a work item makes it when it gets its first packet, and a completion that comes
 * before that waits in the ring. It is kept until the channel is freed.
 */
#include <linux/slab.h>

#include "channel.h"

/* If there was no memory, this long it is left alone. */
#define VMB_OVERLONG_TRY_AGAIN	(HZ / 10)

/* Is it to be made, now? */
static bool vmb_overlong_is_missing(struct vmb_channel *channel)
{
	lockdep_assert_held(&channel->outbound.lock);
	return channel->outbound.open && channel->inbound.overlong_size &&
	       !channel->inbound.overlong;
}

/* A drain that has found such a completion, and no room for it, goes on. */
static void vmb_overlong_go_on(struct vmb_channel *channel)
{
	lockdep_assert_held(&channel->outbound.lock);
	if (channel->outbound.open &&
	    test_and_clear_bit(VMB_INBOUND_NO_ROOM, &channel->inbound.flags))
		channel->operations->schedule(channel);
}

/* It does not write to a disk, which may be behind this very channel. */
static void vmb_overlong_make(struct work_struct *work)
{
	struct vmb_channel *channel = container_of(to_delayed_work(work), struct vmb_channel,
						   inbound.overlong_work);
	struct vmb_outbound *outbound = &channel->outbound;
	struct vmb_inbound *inbound = &channel->inbound;
	bool had_memory = true;
	void *buffer = NULL;
	u32 size = 0;

	spin_lock_irq(&outbound->lock);
	if (vmb_overlong_is_missing(channel))
		size = inbound->overlong_size;
	spin_unlock_irq(&outbound->lock);
	if (size) {
		buffer = kvzalloc(size, GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN);
		had_memory = buffer;
	}

	spin_lock_irq(&outbound->lock);
	/* The channel may have been opened meanwhile, or again with a larger ring. */
	if (buffer && vmb_overlong_is_missing(channel) && size == inbound->overlong_size)
		swap(inbound->overlong, buffer);
	if (vmb_overlong_is_missing(channel))
		mod_delayed_work(vmb_workqueue, &inbound->overlong_work,
				 had_memory ? 0 : VMB_OVERLONG_TRY_AGAIN);
	else
		vmb_overlong_go_on(channel);
	spin_unlock_irq(&outbound->lock);
	kvfree(buffer);
}

/* The client has a packet, or a completion waits in the ring. Any context. */
void vmb_overlong_want(struct vmb_channel *channel)
{
	struct vmb_inbound *inbound = &channel->inbound;

	WRITE_ONCE(inbound->overlong_wanted, true);
	queue_delayed_work(vmb_workqueue, &inbound->overlong_work, 0);
}

/* Is it to be there from the open on? */
static bool vmb_overlong_is_due(const struct vmb_channel *channel)
{
	return channel->is_server || channel->inbound_packet_count ||
	       READ_ONCE(channel->inbound.overlong_wanted);
}

/*
 * The ring is attached, and nothing of it read yet. 0 or -ENOMEM. The channel is not
 * open, so the work item changes nothing meanwhile.
 */
int vmb_overlong_attach(struct vmb_channel *channel)
{
	struct vmb_inbound *inbound = &channel->inbound;
	struct vmb_ring_reader *reader = &inbound->reader;
	u32 size = min_t(u32, reader->ring.size, VMB_WIRE_MAXIMUM_LENGTH);
	void *buffer = NULL;

	if (size <= reader->maximum_payload)
		size = 0;
	if (!inbound->overlong || inbound->overlong_size < size) {
		if (size && vmb_overlong_is_due(channel)) {
			buffer = kvzalloc(size, GFP_KERNEL);
			if (!buffer)
				return -ENOMEM;
		}
		spin_lock_irq(&channel->outbound.lock);
		swap(inbound->overlong, buffer);
		inbound->overlong_size = size;
		spin_unlock_irq(&channel->outbound.lock);
		kvfree(buffer);
	}
	clear_bit(VMB_INBOUND_NO_ROOM, &inbound->flags);
	vmb_ring_reader_take_overlong(reader, inbound->overlong, inbound->overlong_size);
	return 0;
}

/* The channel is open, or goes on: who wanted it before may have been too early. */
void vmb_overlong_opened(struct vmb_channel *channel)
{
	vmb_life_assert_worker(channel);
	if (READ_ONCE(channel->inbound.overlong_wanted))
		queue_delayed_work(vmb_workqueue, &channel->inbound.overlong_work, 0);
}

/* A completion waits in the ring: is there room by now? */
bool vmb_overlong_take(struct vmb_channel *channel)
{
	struct vmb_inbound *inbound = &channel->inbound;
	unsigned long flags;
	bool there;

	vmb_inbound_assert_owned(inbound);
	spin_lock_irqsave(&channel->outbound.lock, flags);
	there = inbound->overlong;
	if (there) {
		clear_bit(VMB_INBOUND_NO_ROOM, &inbound->flags);
		vmb_ring_reader_take_overlong(&inbound->reader, inbound->overlong,
					      inbound->overlong_size);
	}
	spin_unlock_irqrestore(&channel->outbound.lock, flags);
	return there;
}

void vmb_overlong_init(struct vmb_inbound *inbound)
{
	INIT_DELAYED_WORK(&inbound->overlong_work, vmb_overlong_make);
}

/* With the channel. */
void vmb_overlong_destroy(struct vmb_channel *channel)
{
	cancel_delayed_work_sync(&channel->inbound.overlong_work);
	kvfree(channel->inbound.overlong);
}
