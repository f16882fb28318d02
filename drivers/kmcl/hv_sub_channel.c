// SPDX-License-Identifier: GPL-2.0
/*
 * Sub-channels on hv_vmbus. The host offers them when a driver asks it to, in
 * the words of the device's protocol; hv_vmbus calls us for each of them, and
 * closes them all with their primary, not one alone.
 *
 * What hv_vmbus leaves to us:
 *  - The list of a device's sub-channels is under a lock of its own, which we
 *    cannot take. So an offer is known from the call only, and kept until a
 *    sub-channel wants it. hv_vmbus frees what the host takes back and was not
 *    open, hence the reference.
 *  - It takes no offer back while it calls us: so the call lasts until the open
 *    was tried, as it does with drivers that open in it.
 *  - It says nobody that the host took back a sub-channel. Somebody has to look.
 */
#include <linux/delay.h>
#include <linux/slab.h>

#include "compat.h"
#include "hv_transport.h"

/* How often to look whether the host took something back. */
#define VMB_HV_LOOK_PERIOD	HZ
/*
 * How often while there are offers that are not open. One that the host takes back keeps its
 * name in sysfs meanwhile: if the host offers another under that, hv_vmbus drops it.
 */
#define VMB_HV_LOOK_PERIOD_OFFERS	max(HZ / 50, 1)
/*
 * Offers of a device that are kept for who may want them, as many as hv_vmbus can tell
 * apart. A host that offers more is not believed.
 */
#define VMB_HV_MAXIMUM_OFFERS	2048u
/*
 * Sub-channels of a device that are disabled, and open to the host until their primary is
 * closed, with rings each. A host that takes back and offers one without end has a client
 * that enables it again spend so many beside those that it has enabled; or as many again,
 * if that is more, for it may disable all and enable them again.
 */
#define VMB_HV_MAXIMUM_LEFT	256u
/* How long hv_vmbus's worker waits for an open to begin, at most. */
#define VMB_HV_OPEN_PATIENCE	(5 * HZ)
/* How long an open that the host has ended by a rescind waits for that, at most. */
#define VMB_HV_REMOVAL_PATIENCE	HZ
/* How long a host may take to take back what was closed. */
#define VMB_HV_RESCIND_PATIENCE	(10 * HZ)

/**
 * struct vmb_hv_offer - an offered sub-channel that nobody wants yet
 * @node: in &vmb_hv_device.offers.
 * @channel: hv_vmbus's, with a reference.
 *
 * Allocated when the host offers it; freed when a sub-channel takes it, or the
 * host takes it back, or the device goes.
 */
struct vmb_hv_offer {
	struct list_head node;
	struct vmbus_channel *channel;
};

/*
 * Protects all devices' lists, and which offer a sub-channel has. Sleeps;
 * life.lock is taken inside.
 */
static DEFINE_MUTEX(vmb_hv_sub_lock);
static LIST_HEAD(vmb_hv_devices);

/* Calls of hv_vmbus that have not returned, and the wait for them to return. */
static atomic_t vmb_hv_calls = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(vmb_hv_calls_done);

static u16 vmb_hv_sub_index(const struct vmbus_channel *channel)
{
	return channel->offermsg.offer.sub_channel_index;
}

static void vmb_hv_sub_put(struct vmb_hv_channel *hv)
{
	if (refcount_dec_and_test(&hv->references))
		kfree_rcu(hv, rcu);
}

/*
 * While hv_vmbus calls us with an offer it takes none back. Of one that was kept that call
 * is over, or about to be: a rescind would find it being opened, leave the rest to a close,
 * and nobody closes what is not opened. So it waits as in the call. The exchange comes
 * before the look whether the offer is rescinded; in hv_vmbus there is a lock between the
 * two, so that on arm64 both may be missed, which is no worse than not to hold it.
 */
static void vmb_hv_sub_hold_rescind(struct vmb_hv_channel *hv)
{
	lockdep_assert_held(&vmb_hv_sub_lock);
	hv->holds_rescind = hv->channel && xchg(&hv->channel->probe_done, false);
}

/*
 * hv_vmbus may free the offer from here on, but for our reference. A primary that closes
 * waits for an event of each offer that is rescinded and still in its list. The rescind gives
 * it for what is open, when it looks at it no more; for what is not there is none but this.
 * The exchange comes before the look at it.
 */
static void vmb_hv_sub_let_rescind_go(struct vmb_hv_channel *hv)
{
	lockdep_assert_held(&vmb_hv_sub_lock);
	if (!hv->holds_rescind)
		return;
	hv->holds_rescind = false;
	xchg(&hv->channel->probe_done, true);
	if (!hv->open_to_host && READ_ONCE(hv->channel->rescind))
		complete_all(&hv->channel->rescind_event);
}

/* The sub-channel has no offer any more. */
static void vmb_hv_sub_drop_offer(struct vmb_hv_channel *hv)
{
	struct vmbus_channel *channel = hv->channel;

	lockdep_assert_held(&vmb_hv_sub_lock);
	if (!channel)
		return;
	vmb_hv_sub_let_rescind_go(hv);
	WRITE_ONCE(hv->channel, NULL);
	kobject_put(&channel->kobj);
}

/* Has it an offer that the host took back, or closed with the primary? */
static void vmb_hv_sub_drop_dead_offer(struct vmb_hv_channel *hv)
{
	if (!hv->channel || hv->open_to_host ||
	    !(hv->used || READ_ONCE(hv->channel->rescind)))
		return;
	vmb_hv_sub_drop_offer(hv);
	hv->used = false;
}

/* Closed by hv_vmbus, and wanted by nobody. */
static void vmb_hv_sub_free(struct vmb_hv_channel *hv)
{
	lockdep_assert_held(&vmb_hv_sub_lock);
	list_del(&hv->node);
	vmb_hv_sub_drop_offer(hv);
	vmb_hv_rings_put(hv);
	vmb_hv_sub_put(hv);
}

static void vmb_hv_offer_free(struct vmb_hv_device *device, struct vmb_hv_offer *offer)
{
	lockdep_assert_held(&vmb_hv_sub_lock);
	list_del(&offer->node);
	WRITE_ONCE(device->transport.offers_kept, device->transport.offers_kept - 1);
	kobject_put(&offer->channel->kobj);
	kfree(offer);
}

static void vmb_hv_offers_poll(struct vmb_hv_device *device)
{
	struct vmb_hv_offer *offer, *next;

	list_for_each_entry_safe(offer, next, &device->offers, node)
		if (READ_ONCE(offer->channel->rescind))
			vmb_hv_offer_free(device, offer);
}

/* One more, or less, that is disabled and open to the host. */
static void vmb_hv_sub_count_left(struct vmb_hv_device *device, int difference)
{
	struct vmb_transport_device *transport = &device->transport;

	lockdep_assert_held(&vmb_hv_sub_lock);
	WRITE_ONCE(transport->sub_channels_left, transport->sub_channels_left + difference);
}

static void vmb_hv_sub_poll_later(struct vmb_hv_device *device)
{
	mod_delayed_work(system_dfl_wq, &device->poll,
			 list_empty(&device->offers) ? VMB_HV_LOOK_PERIOD :
			 VMB_HV_LOOK_PERIOD_OFFERS);
}

static bool vmb_hv_sub_is_open_to_host(struct vmb_hv_device *device)
{
	struct vmb_hv_channel *hv;

	list_for_each_entry(hv, &device->sub_channels, node)
		if (hv->open_to_host)
			return true;
	return false;
}

static void vmb_hv_sub_poll(struct work_struct *work)
{
	struct vmb_hv_device *device = container_of(to_delayed_work(work),
						    struct vmb_hv_device, poll);
	struct vmb_hv_channel *hv;

	mutex_lock(&vmb_hv_sub_lock);
	vmb_hv_offers_poll(device);
	list_for_each_entry(hv, &device->sub_channels, node)
		if (hv->open_to_host && hv->owner && READ_ONCE(hv->channel->rescind) &&
		    !vmb_channel_primary_is_closing(hv->owner))
			vmb_channel_peer_gone(hv->owner);
	if (!list_empty(&device->offers) || vmb_hv_sub_is_open_to_host(device))
		vmb_hv_sub_poll_later(device);
	mutex_unlock(&vmb_hv_sub_lock);
}

/* A sub-channel that waits for this offer. */
static struct vmb_hv_channel *vmb_hv_sub_find(struct vmb_hv_device *device,
					      u16 index)
{
	struct vmb_hv_channel *hv;

	lockdep_assert_held(&vmb_hv_sub_lock);
	list_for_each_entry(hv, &device->sub_channels, node)
		if (hv->waiting && hv->index == index)
			return hv;
	return NULL;
}

static void vmb_hv_offer_keep(struct vmb_hv_device *device,
			      struct vmbus_channel *channel)
{
	struct vmb_transport_device *transport = &device->transport;
	struct vmb_hv_offer *offer = NULL;

	lockdep_assert_held(&vmb_hv_sub_lock);
	/* What the host has taken back counts no more. */
	if (transport->offers_kept == VMB_HV_MAXIMUM_OFFERS)
		vmb_hv_offers_poll(device);
	if (transport->offers_kept < VMB_HV_MAXIMUM_OFFERS)
		offer = kzalloc(sizeof(*offer), GFP_KERNEL);
	/* As if it had not been offered: a channel that waits for it goes on waiting. */
	if (!offer) {
		WRITE_ONCE(transport->offers_dropped, transport->offers_dropped + 1);
		return;
	}
	kobject_get(&channel->kobj);
	offer->channel = channel;
	list_add_tail(&offer->node, &device->offers);
	WRITE_ONCE(transport->offers_kept, transport->offers_kept + 1);
	vmb_hv_sub_poll_later(device);
}

/*
 * Give an offer to the sub-channel of its number, which is returned with a reference for
 * the caller, who waits for the open. NULL: there is none yet, and the offer is kept.
 */
static struct vmb_hv_channel *vmb_hv_sub_give(struct vmb_hv_device *device,
					      struct vmbus_channel *channel)
{
	struct vmb_hv_channel *hv;

	lockdep_assert_held(&vmb_hv_sub_lock);
	hv = vmb_hv_sub_find(device, vmb_hv_sub_index(channel));
	if (!hv) {
		vmb_hv_offer_keep(device, channel);
		return NULL;
	}
	kobject_get(&channel->kobj);
	WRITE_ONCE(hv->channel, channel);
	hv->waiting = false;
	reinit_completion(&hv->open_done);
	refcount_inc(&hv->references);
	vmb_channel_peer_arrived(hv->owner);
	return hv;
}

static void vmb_hv_sub_take_offer(struct vmbus_channel *channel)
{
	struct vmb_hv_channel *hv = NULL;
	struct vmb_hv_device *device;

	mutex_lock(&vmb_hv_sub_lock);
	/* Its driver may be going: then it is not found. */
	list_for_each_entry(device, &vmb_hv_devices, node) {
		if (device->hv == channel->primary_channel->device_obj) {
			hv = vmb_hv_sub_give(device, channel);
			break;
		}
	}
	mutex_unlock(&vmb_hv_sub_lock);
	if (!hv)
		return;
	/* Once it is being opened the host answers, or takes it back, which ends the open. */
	while (!wait_for_completion_timeout(&hv->open_done, VMB_HV_OPEN_PATIENCE) &&
	       READ_ONCE(hv->opening))
		;
	vmb_hv_sub_put(hv);
}

/* The host offers a sub-channel. On a worker of hv_vmbus. */
static void vmb_hv_sub_offered(struct vmbus_channel *channel)
{
	atomic_inc(&vmb_hv_calls);
	vmb_hv_sub_take_offer(channel);
	if (atomic_dec_and_test(&vmb_hv_calls))
		wake_up(&vmb_hv_calls_done);
}

/*
 * The module goes. No device is left, so a call finds none and returns; one that
 * hv_vmbus is just about to make it alone could wait for, and so it is with the few
 * instructions between the wake-up and the return of one that is over.
 */
void vmb_hv_sub_exit(void)
{
	wait_event(vmb_hv_calls_done, !atomic_read(&vmb_hv_calls));
}

/* Devices. */

void vmb_hv_sub_device_add(struct vmb_hv_device *device)
{
	INIT_LIST_HEAD(&device->sub_channels);
	INIT_LIST_HEAD(&device->offers);
	INIT_DELAYED_WORK(&device->poll, vmb_hv_sub_poll);
	mutex_lock(&vmb_hv_sub_lock);
	list_add_tail(&device->node, &vmb_hv_devices);
	mutex_unlock(&vmb_hv_sub_lock);
}

/* It stays, and gets no offer any more. */
void vmb_hv_sub_device_hide(struct vmb_hv_device *device)
{
	mutex_lock(&vmb_hv_sub_lock);
	list_del_init(&device->node);
	mutex_unlock(&vmb_hv_sub_lock);
}

/* No channel is enabled on it. */
void vmb_hv_sub_device_remove(struct vmb_hv_device *device)
{
	struct vmb_hv_offer *offer, *next_offer;
	struct vmb_hv_channel *hv, *next;

	mutex_lock(&vmb_hv_sub_lock);
	list_del(&device->node);
	list_for_each_entry_safe(offer, next_offer, &device->offers, node)
		vmb_hv_offer_free(device, offer);
	list_for_each_entry_safe(hv, next, &device->sub_channels, node) {
		/* Its primary was never closed. */
		hv->leaked |= hv->open_to_host;
		vmb_hv_sub_free(hv);
	}
	mutex_unlock(&vmb_hv_sub_lock);
	cancel_delayed_work_sync(&device->poll);
}

/* The primary is open: the host may offer sub-channels. */
void vmb_hv_sub_allow(struct vmb_hv_device *device)
{
	vmbus_set_sc_create_callback(device->hv->channel, vmb_hv_sub_offered);
}

/*
 * hv_vmbus is about to close the sub-channels, for their primary closes. Nobody
 * uses them any more. It would free their rings.
 */
void vmb_hv_sub_begin_close_all(struct vmb_hv_device *device)
{
	struct vmb_hv_channel *hv;

	mutex_lock(&vmb_hv_sub_lock);
	list_for_each_entry(hv, &device->sub_channels, node)
		if (hv->open_to_host)
			hv->channel->ringbuffer_page = NULL;
	mutex_unlock(&vmb_hv_sub_lock);
}

/*
 * hv_vmbus has closed the sub-channels. The host takes back what it offered and nobody
 * took. Returns how many of those that are gone have rings that it keeps: those are the
 * primary's, which closes.
 */
u32 vmb_hv_sub_end_close_all(struct vmb_hv_device *device)
{
	struct vmb_hv_offer *offer, *next_offer;
	struct vmb_hv_channel *hv, *next;
	u32 kept = 0;

	mutex_lock(&vmb_hv_sub_lock);
	list_for_each_entry_safe(offer, next_offer, &device->offers, node)
		vmb_hv_offer_free(device, offer);
	list_for_each_entry_safe(hv, next, &device->sub_channels, node) {
		/* What it was given and has not opened, the host takes back, too. */
		if (!hv->open_to_host) {
			hv->used = hv->channel;
			continue;
		}
		hv->open_to_host = false;
		hv->leaked |= vmb_hv_gpadl_is_alive(hv->channel,
						    &hv->channel->ringbuffer_gpadlhandle);
		/* The mappings, if hv_vmbus has kept them with what is leaked. */
		vmbus_free_ring(hv->channel);
		/* Its owner may have GPADLs to delete. */
		if (hv->owner)
			continue;
		vmb_hv_sub_count_left(device, -1);
		kept += hv->leaked;
		vmb_hv_sub_free(hv);
	}
	mutex_unlock(&vmb_hv_sub_lock);
	return kept;
}

/*
 * The host takes back the sub-channels of a primary that has closed. Once hv_vmbus
 * is suspended itself it does not listen to that any more, but waits for it,
 * for ever. So we have to wait first. 0; -ETIMEDOUT; or -ENODEV: it takes the device back,
 * and what it says of sub-channels may come behind that.
 */
int vmb_hv_sub_wait_until_gone(struct vmb_hv_device *device)
{
	unsigned long end = jiffies + VMB_HV_RESCIND_PATIENCE;

	while (!list_empty_careful(&device->hv->channel->sc_list)) {
		if (READ_ONCE(device->hv->channel->rescind))
			return -ENODEV;
		if (time_after(jiffies, end))
			return -ETIMEDOUT;
		msleep(20);
	}
	return 0;
}

/*
 * The VM hibernates, and all channels are closed: the host takes back all
 * sub-channels, and will offer them under the same numbers again.
 */
void vmb_hv_sub_invalidate_offers(struct vmb_hv_device *device)
{
	struct vmb_hv_channel *hv;

	mutex_lock(&vmb_hv_sub_lock);
	list_for_each_entry(hv, &device->sub_channels, node)
		vmb_hv_sub_drop_dead_offer(hv);
	mutex_unlock(&vmb_hv_sub_lock);
}

/* Sub-channels, as hv_channel.c calls them. */

/* One more is enabled, which may be left in its turn. 0; -ENOSPC: then too many would be. */
static int vmb_hv_sub_count_enabled(struct vmb_hv_device *device)
{
	u32 enabled = device->enabled + 1;
	u32 most = max(device->most_enabled, enabled);

	lockdep_assert_held(&vmb_hv_sub_lock);
	if ((u64)device->transport.sub_channels_left + enabled >
	    (u64)most + max(most, VMB_HV_MAXIMUM_LEFT))
		return -ENOSPC;
	device->enabled = enabled;
	device->most_enabled = most;
	return 0;
}

/* 0; -ENOSPC: too many have to wait for the primary's close. */
int vmb_hv_sub_prepare(struct vmb_hv_channel *hv, struct vmb_channel *channel)
{
	int ret;

	hv->owner = channel;
	hv->index = vmb_channel_sub_channel_index(channel);
	init_completion(&hv->open_done);
	mutex_lock(&vmb_hv_sub_lock);
	ret = vmb_hv_sub_count_enabled(hv->device);
	if (!ret)
		list_add_tail(&hv->node, &hv->device->sub_channels);
	mutex_unlock(&vmb_hv_sub_lock);
	return ret;
}

/* What is open to the host stays until hv_vmbus closes it. */
void vmb_hv_sub_unprepare(struct vmb_hv_channel *hv)
{
	mutex_lock(&vmb_hv_sub_lock);
	/* Its primary was closed since its own close, which did not know yet. */
	if (hv->leaked && !hv->counted)
		vmb_channel_leaked(hv->owner, 1, 1);
	hv->owner = NULL;
	hv->device->enabled--;
	hv->waiting = false;
	complete_all(&hv->open_done);
	if (!hv->open_to_host) {
		vmb_hv_sub_drop_dead_offer(hv);
		/* It was not opened: it is there for the next one. */
		if (hv->channel)
			vmb_hv_offer_keep(hv->device, hv->channel);
		vmb_hv_sub_free(hv);
	} else {
		vmb_hv_sub_count_left(hv->device, 1);
	}
	mutex_unlock(&vmb_hv_sub_lock);
}

/* Is there an offer for it? */
bool vmb_hv_sub_find_offer(struct vmb_hv_channel *hv)
{
	struct vmb_hv_device *device = hv->device;
	struct vmb_hv_offer *offer, *next;
	bool found;

	mutex_lock(&vmb_hv_sub_lock);
	vmb_hv_sub_drop_dead_offer(hv);
	vmb_hv_offers_poll(device);
	/* Open to the host: the VM was to hibernate, and its primary could not be closed. */
	list_for_each_entry_safe(offer, next, &device->offers, node) {
		if (hv->channel || vmb_hv_sub_index(offer->channel) != hv->index)
			continue;
		kobject_get(&offer->channel->kobj);
		WRITE_ONCE(hv->channel, offer->channel);
		vmb_hv_offer_free(device, offer);
	}
	found = hv->channel && !hv->open_to_host;
	hv->waiting = !hv->channel;
	mutex_unlock(&vmb_hv_sub_lock);
	return found;
}

/* False: the host took the offer back. */
bool vmb_hv_sub_begin_open(struct vmb_hv_channel *hv)
{
	bool can;

	mutex_lock(&vmb_hv_sub_lock);
	vmb_hv_sub_hold_rescind(hv);
	vmb_hv_sub_drop_dead_offer(hv);
	can = hv->channel;
	hv->opening = can;
	if (!can)
		complete_all(&hv->open_done);
	mutex_unlock(&vmb_hv_sub_lock);
	return can;
}

/*
 * hv_vmbus takes it out of its primary's list, at its own time. A primary that closes goes
 * through that list without a lock, and waits until this is over.
 */
static void vmb_hv_sub_wait_until_removed(struct vmbus_channel *channel)
{
	unsigned long end = jiffies + VMB_HV_REMOVAL_PATIENCE;

	while (kref_read(&channel->kobj.kref) > 1 && time_before(jiffies, end))
		usleep_range(500, 1000);
}

/* hv_vmbus has opened it, or not. */
void vmb_hv_sub_end_open(struct vmb_hv_channel *hv, bool opened)
{
	struct vmbus_channel *removed = NULL;

	mutex_lock(&vmb_hv_sub_lock);
	hv->opening = false;
	hv->open_to_host = opened;
	hv->used = opened;
	if (opened)
		vmb_hv_sub_poll_later(hv->device);
	vmb_hv_sub_let_rescind_go(hv);
	if (!opened && READ_ONCE(hv->channel->rescind)) {
		/* Rescinded in between it stays in hv_vmbus's list, to be waited for. */
		complete_all(&hv->channel->rescind_event);
		removed = hv->channel;
		kobject_get(&removed->kobj);
	}
	/* A host that refuses to open it need not be asked again. */
	if (!opened)
		vmb_hv_sub_drop_offer(hv);
	complete_all(&hv->open_done);
	mutex_unlock(&vmb_hv_sub_lock);
	if (removed) {
		vmb_hv_sub_wait_until_removed(removed);
		kobject_put(&removed->kobj);
	}
}

/* Closes a sub-channel for us only: hv_vmbus closes it with its primary. */
int vmb_hv_sub_close(struct vmb_hv_channel *hv)
{
	int ret;

	mutex_lock(&vmb_hv_sub_lock);
	if (hv->open_to_host) {
		vmb_hv_silence(hv->channel);
		ret = READ_ONCE(hv->channel->rescind) ||
		      READ_ONCE(hv->device->hv->channel->rescind) ? 0 : -EBUSY;
	} else {
		ret = hv->leaked ? -EIO : 0;
	}
	mutex_unlock(&vmb_hv_sub_lock);
	return ret;
}
