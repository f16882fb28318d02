// SPDX-License-Identifier: GPL-2.0
/*
 * Sub-channels: further channels of a device, for more traffic than one ring
 * takes. They live while their primary channel is open, and start and pause with
 * it.
 *
 * A primary's list has all of them, for on a device there may be thousands of others.
 * The device's lock makes a sub-channel's enable and what happens to its primary take
 * turns. Nobody waits with it held: who waits for a sub-channel takes a reference, for
 * its driver may clean it up meanwhile.
 */
#include "life.h"

/*
 * How long a sub-channel waits for the peer to let go of external data: by
 * completing the packets, or, if the primary is closing, by that.
 */
#define VMB_SUB_CHANNEL_PATIENCE	(10 * HZ)
/* Somebody else's state, of which nobody tells who waits, is looked at so often. */
#define VMB_SUB_CHANNEL_POLL		(HZ / 10)

/*
 * A primary's callback may clean up its sub-channels, which waits for their
 * workers: to lockdep they are another kind of work than that of a primary.
 */
static void vmb_sub_channel_init_work(struct vmb_life *life)
{
	static struct lock_class_key key;

	/* The channel is disabled: its worker ends, and nobody queues it again. */
	flush_work(&life->work);
	lockdep_init_map(&life->work.lockdep_map, "vmb_life_sub_channel_work", &key, 0);
}

/* 0, or an errno: may it become a sub-channel of that one, and of which number? */
static int vmb_sub_channel_check_primary(const struct vmb_channel *channel,
					 const struct vmb_channel *primary_channel,
					 u16 sub_channel_index)
{
	lockdep_assert_held(&channel->device->lock);
	if (channel->primary)
		return -EEXIST;
	if (!sub_channel_index || primary_channel == channel ||
	    primary_channel->primary ||
	    primary_channel->is_server != channel->is_server ||
	    !list_empty(&channel->sub_channels))
		return -EINVAL;
	return 0;
}

int vmb_channel_init_set_primary_channel(struct vmb_channel *channel,
					 struct vmb_channel *primary_channel,
					 u16 sub_channel_index)
{
	int ret;

	if (!vmb_channel_is_configurable(channel))
		return -EBUSY;
	if (primary_channel->device != channel->device)
		return -EINVAL;
	spin_lock_irq(&channel->device->lock);
	ret = vmb_sub_channel_check_primary(channel, primary_channel, sub_channel_index);
	if (!ret) {
		channel->sub_channel_index = sub_channel_index;
		channel->primary = primary_channel;
		list_add_tail(&channel->sub_channel_node, &primary_channel->sub_channels);
	}
	spin_unlock_irq(&channel->device->lock);
	if (!ret)
		vmb_sub_channel_init_work(&channel->life);
	return ret;
}
EXPORT_SYMBOL_GPL(vmb_channel_init_set_primary_channel);

/* Is it being saved, or was, and may be handed over? A session has no sub-channels. */
static bool vmb_sub_channel_primary_is_saved(struct vmb_channel *primary)
{
	struct vmb_life *life = &primary->life;
	bool saved;

	lockdep_assert_held(&primary->device->lock);
	spin_lock(&life->lock);
	saved = life->lent || primary->save.state == VMB_SAVE_BEGUN ||
		primary->save.state == VMB_SAVE_DONE;
	spin_unlock(&life->lock);
	return saved;
}

/* Is the other one enabled, where only one can be? Both have the same primary, or none. */
static bool vmb_sub_channel_is_in_the_way(const struct vmb_channel *channel,
					  const struct vmb_channel *other)
{
	return other != channel && other->primary == channel->primary &&
	       other->sub_channel_index == channel->sub_channel_index &&
	       vmb_life_state(other) != VMB_LIFE_DISABLED &&
	       !vmb_channel_has_own_offer(other);
}

/*
 * May it be enabled beside the other channels of its device? 0 or an errno.
 * Nothing changes about that while the caller holds the lock.
 */
int vmb_sub_channel_check(struct vmb_channel *channel)
{
	struct vmb_transport_device *device = channel->device;
	struct vmb_channel *other;

	lockdep_assert_held(&device->lock);
	if (channel->primary) {
		if (vmb_channel_primary_is_closing(channel))
			return -ENOTCONN;
		if (vmb_sub_channel_primary_is_saved(channel->primary))
			return -EBUSY;
		list_for_each_entry(other, &channel->primary->sub_channels, sub_channel_node)
			if (vmb_sub_channel_is_in_the_way(channel, other))
				return -EEXIST;
		return 0;
	}
	/*
	 * On the device of all channels that have none they are strangers; and to those
	 * that are on it is one that has an offer of its own.
	 */
	if (guid_is_null(&device->device.interface_type) ||
	    vmb_channel_has_own_offer(channel))
		return 0;
	list_for_each_entry(other, &device->channels, device_node)
		if (vmb_sub_channel_is_in_the_way(channel, other))
			return -EEXIST;
	return 0;
}

/*
 * May it be open, as far as its primary goes? One that hibernation has closed opens
 * first, and one that is to be closed closes it, too.
 */
bool vmb_sub_channel_may_open(const struct vmb_channel *channel)
{
	return !channel->primary || !vmb_channel_primary_is_closing(channel);
}

/*
 * Those that waited for that may open. What the transport said while the primary
 * was closing need not be so any more: they ask again for their peers.
 */
void vmb_sub_channels_primary_is_open(struct vmb_channel *primary)
{
	struct vmb_channel *channel;

	vmb_life_assert_worker(primary);
	spin_lock_irq(&primary->device->lock);
	list_for_each_entry(channel, &primary->sub_channels, sub_channel_node) {
		spin_lock(&channel->life.lock);
		if (channel->life.peer == VMB_LIFE_PEER_AWAITED)
			channel->life.peer = VMB_LIFE_PEER_UNKNOWN;
		vmb_life_queue(channel);
		spin_unlock(&channel->life.lock);
	}
	spin_unlock_irq(&primary->device->lock);
}

/* What a channel's flow is when it is enabled. */
void vmb_sub_channel_follow(struct vmb_channel *channel)
{
	enum vmb_flow_event event = VMB_FLOW_PAUSE;
	enum vmb_flow_state flow;

	lockdep_assert_held(&channel->device->lock);
	lockdep_assert_held(&channel->life.lock);
	if (!channel->primary)
		return;
	flow = vmb_life_flow(channel->primary);
	if (flow == VMB_FLOW_READY || flow == VMB_FLOW_RUNNING)
		event = VMB_FLOW_START;
	WARN_ON_ONCE(vmb_flow_step(channel, event));
}

/* Does somebody still wait for one of them to quiesce? */
bool vmb_sub_channels_are_pausing(struct vmb_channel *primary)
{
	struct vmb_channel *channel;

	lockdep_assert_held(&primary->device->lock);
	list_for_each_entry(channel, &primary->sub_channels, sub_channel_node)
		if (vmb_life_flow(channel) == VMB_FLOW_PAUSING)
			return true;
	return false;
}

/* Is one of them enabled? */
bool vmb_sub_channels_are_enabled(struct vmb_channel *primary)
{
	struct vmb_channel *channel;

	lockdep_assert_held(&primary->device->lock);
	list_for_each_entry(channel, &primary->sub_channels, sub_channel_node)
		if (vmb_life_state(channel) != VMB_LIFE_DISABLED)
			return true;
	return false;
}

/* The primary starts, or pauses, and they with it. */
void vmb_sub_channels_step(struct vmb_channel *primary, enum vmb_flow_event event)
{
	struct vmb_channel *channel;

	lockdep_assert_held(&primary->device->lock);
	list_for_each_entry(channel, &primary->sub_channels, sub_channel_node) {
		struct vmb_life *life = &channel->life;

		spin_lock(&life->lock);
		if (life->state != VMB_LIFE_DISABLED &&
		    !vmb_flow_step(channel, event))
			vmb_life_queue(channel);
		spin_unlock(&life->lock);
	}
}

/* A sub-channel of which it is true, with a reference; NULL: there is none. */
static struct vmb_channel *
vmb_sub_channel_find(struct vmb_channel *primary,
		     bool (*is_true)(struct vmb_channel *channel))
{
	struct vmb_transport_device *device = primary->device;
	struct vmb_channel *channel, *found = NULL;

	spin_lock_irq(&device->lock);
	list_for_each_entry(channel, &primary->sub_channels, sub_channel_node) {
		if (is_true(channel)) {
			found = channel;
			kobject_get(&found->kobject);
			break;
		}
	}
	spin_unlock_irq(&device->lock);
	return found;
}

static bool vmb_sub_channel_is_pausing(struct vmb_channel *channel)
{
	return vmb_life_flow(channel) == VMB_FLOW_PAUSING;
}

static bool vmb_sub_channel_is_enabled(struct vmb_channel *channel)
{
	return vmb_life_state(channel) != VMB_LIFE_DISABLED;
}

/* May it touch its transport, or the peer its rings? */
static bool vmb_sub_channel_is_connected(struct vmb_channel *channel)
{
	struct vmb_life *life = &channel->life;
	unsigned long flags;
	bool connected;

	spin_lock_irqsave(&life->lock, flags);
	connected = life->state != VMB_LIFE_DISABLED && life->state != VMB_LIFE_ENABLED &&
		    life->transport == VMB_LIFE_TRANSPORT_CONNECTED;
	spin_unlock_irqrestore(&life->lock, flags);
	return connected;
}

static bool vmb_sub_channel_is_the_caller(struct vmb_channel *channel)
{
	return vmb_life_is_callback(channel) ||
	       vmb_inbound_is_callback(&channel->inbound);
}

/* Is this call made from inside a callback of one of them? */
bool vmb_sub_channels_are_callers(struct vmb_channel *primary)
{
	struct vmb_channel *channel;

	channel = vmb_sub_channel_find(primary, vmb_sub_channel_is_the_caller);
	if (channel)
		kobject_put(&channel->kobject);
	return channel;
}

/* The primary was told to pause: wait until they have. */
void vmb_sub_channels_wait_for_pause(struct vmb_channel *primary)
{
	struct vmb_channel *channel;

	while ((channel = vmb_sub_channel_find(primary, vmb_sub_channel_is_pausing))) {
		wait_event(channel->life.changed, !vmb_sub_channel_is_pausing(channel));
		kobject_put(&channel->kobject);
	}
}

/* The primary closes: they begin to, and are disabled then. */
void vmb_sub_channels_stop(struct vmb_channel *primary,
			   enum vmb_channel_stop_reason reason)
{
	struct vmb_channel *channel;

	vmb_life_assert_worker(primary);
	spin_lock_irq(&primary->device->lock);
	list_for_each_entry(channel, &primary->sub_channels, sub_channel_node)
		vmb_life_request_disable(channel, reason);
	spin_unlock_irq(&primary->device->lock);
}

/* The primary's transport may be closed only after this has returned. */
void vmb_sub_channels_wait_until_quiesced(struct vmb_channel *primary)
{
	struct vmb_channel *channel;

	vmb_life_assert_worker(primary);
	while ((channel = vmb_sub_channel_find(primary, vmb_sub_channel_is_connected))) {
		wait_event(channel->life.changed, !vmb_sub_channel_is_connected(channel));
		kobject_put(&channel->kobject);
	}
}

/* Those that were stopped have said their last word. */
void vmb_sub_channels_wait_for_end(struct vmb_channel *primary)
{
	struct vmb_channel *channel;

	vmb_life_assert_worker(primary);
	while ((channel = vmb_sub_channel_find(primary, vmb_sub_channel_is_enabled))) {
		wait_for_completion(&channel->life.disabled);
		kobject_put(&channel->kobject);
	}
}

/* Both: the primary closes, or is not opened again. */
void vmb_sub_channels_end(struct vmb_channel *primary,
			  enum vmb_channel_stop_reason reason)
{
	vmb_sub_channels_stop(primary, reason);
	vmb_sub_channels_wait_for_end(primary);
}

/*
 * A sub-channel closes alone. Its peer can be kept from the memory of packets
 * with external data only by completing them.
 */
void vmb_sub_channel_wait_for_peer(struct vmb_channel *channel)
{
	/* All rescinds of the VM queue behind remove. */
	unsigned long end = jiffies + (READ_ONCE(channel->device->removing) ?
				       HZ : VMB_SUB_CHANNEL_PATIENCE);

	vmb_life_assert_worker(channel);
	while (vmb_send_has_external(channel) &&
	       !channel->operations->peer_gone(channel) &&
	       !vmb_channel_primary_is_closing(channel) &&
	       !vmb_inbound_is_lost(channel) &&
	       time_before(jiffies, end))
		wait_event_timeout(channel->outbound.drained,
				   !vmb_send_has_external(channel),
				   VMB_SUB_CHANNEL_POLL);
}

static bool vmb_life_is_disconnected(const struct vmb_life *life)
{
	return READ_ONCE(life->transport) == VMB_LIFE_TRANSPORT_DISCONNECTED;
}

/*
 * The peer closes the sub-channel with its primary: if it may still touch
 * external data, wait for that. False: the primary stays open, or does not get
 * that far.
 */
bool vmb_sub_channel_wait_for_primary(struct vmb_channel *channel)
{
	struct vmb_life *life = &channel->primary->life;
	unsigned long begun = jiffies;
	bool disconnected;

	vmb_life_assert_worker(channel);
	while (vmb_send_has_external(channel) && !vmb_life_is_disconnected(life) &&
	       vmb_channel_primary_is_closing(channel) &&
	       time_before(jiffies, begun + VMB_SUB_CHANNEL_PATIENCE))
		wait_event_timeout(life->changed, vmb_life_is_disconnected(life),
				   VMB_SUB_CHANNEL_POLL);
	spin_lock_irq(&life->lock);
	disconnected = vmb_life_is_disconnected(life);
	spin_unlock_irq(&life->lock);
	return disconnected;
}

/* The primary is being cleaned up: the driver should have done so with them. */
void vmb_sub_channels_orphan(struct vmb_channel *primary)
{
	struct vmb_channel *channel, *next;
	bool left = false;

	spin_lock_irq(&primary->device->lock);
	list_for_each_entry_safe(channel, next, &primary->sub_channels,
				 sub_channel_node) {
		channel->primary = NULL;
		channel->sub_channel_index = 0;
		list_del_init(&channel->sub_channel_node);
		left = true;
	}
	spin_unlock_irq(&primary->device->lock);
	WARN_ONCE(left, "vmbkmcl: %s: cleaned up before its sub-channels\n",
		  primary->name);
}
