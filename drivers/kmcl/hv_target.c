// SPDX-License-Identifier: GPL-2.0
/*
 * Channels of a client on hv_vmbus that have an offer of their own: the client was
 * probed for one device and wants a channel of another, too, by type and instance.
 *
 * On hv_vmbus each offer is a device, and whoever uses its channel has to be its
 * driver: else the host's taking it back would free it under us. So there is a
 * driver of ours, which no device matches: it is attached to the devices that
 * channels wait for, those that are there and those that come, and goes when the
 * channel is disabled. A device that another driver has stays with that one.
 *
 * Attached by a work of its own, that no channel waits for: whoever holds a device's
 * lock, a client in its probe or remove, may be waiting for a channel's worker.
 *
 * hv_vmbus handles rescinds one behind the other, and a wait for the host ends early only
 * when the rescind of that very channel is its turn. So if the host takes back both the
 * client's device and this one while this one is being opened or closed, or has a GPADL
 * made or torn down, and does not answer that any more, the client's remove, which is
 * first, waits for it for ever, and with it all rescinds of the VM. So it is with a
 * sub-channel that is being opened, or has a GPADL made, when its primary is taken back
 * first.
 */
#include <linux/err.h>
#include <linux/notifier.h>
#include <linux/slab.h>

#include "compat.h"
#include "hv_transport.h"

/**
 * struct vmb_hv_target - a channel that waits for an offer, or has it
 * @node: in the list of those that do, or of those whose device is to be given back.
 * @references: the channel's and the device's.
 * @owner: the channel; NULL: it is disabled.
 * @hv: the channel's; valid as long as @owner is.
 * @found: the device that it has, as long as our driver is attached, with a
 *	reference; NULL: none.
 * @waiting: for a device; only then it is given one.
 * @removing: the device is being taken from it.
 * @left: it has been, in a callback of the channel, where nobody could wait: what remove
 *	gives back otherwise the work does, when the channel has let go of it.
 * @let_go: the channel is disabled, and touches the device no more.
 * @gpadl_lock: the channel's, see &vmb_hv_channel.
 *
 * All but @let_go and @gpadl_lock under the lock. Made by prepare, freed by the last put.
 */
struct vmb_hv_target {
	struct list_head node;
	refcount_t references;
	struct vmb_channel *owner;
	struct vmb_hv_channel *hv;
	struct hv_device *found;
	bool waiting;
	bool removing;
	bool left;
	struct completion let_go;
	struct mutex gpadl_lock; /* waiting for the host on this offer */
};

/* Protects all lists, and who has which device. life.lock is taken inside. */
static DEFINE_MUTEX(vmb_hv_target_lock);
/* Of channels that are enabled. */
static LIST_HEAD(vmb_hv_targets);
/* Of channels that are not any more. */
static LIST_HEAD(vmb_hv_targets_to_release);

static void vmb_hv_target_update(struct work_struct *work);
static DECLARE_DELAYED_WORK(vmb_hv_target_work, vmb_hv_target_update);

/*
 * A device that has just come is another driver's first, if that matches it: the bus
 * says that it is there before it probes it.
 */
#define VMB_HV_TARGET_AFTER_OTHERS	(HZ / 20)
/* A VM that resumes does not probe, and does not say when it does again. */
#define VMB_HV_TARGET_TRY_AGAIN		HZ

static void vmb_hv_target_queue_update(unsigned long delay)
{
	mod_delayed_work(system_dfl_wq, &vmb_hv_target_work, delay);
}

static void vmb_hv_target_put(struct vmb_hv_target *target)
{
	if (refcount_dec_and_test(&target->references))
		kfree(target);
}

/* A channel that waits for this device, which no other has still; or NULL. */
static struct vmb_hv_target *vmb_hv_target_find(const struct hv_device *device)
{
	struct vmb_hv_target *target, *first = NULL;

	lockdep_assert_held(&vmb_hv_target_lock);
	list_for_each_entry(target, &vmb_hv_targets, node) {
		if (target->found == device)
			return NULL;
		if (!first && target->waiting && !READ_ONCE(device->channel->rescind) &&
		    vmb_channel_wants(target->owner, &device->dev_type,
				      &device->dev_instance))
			first = target;
	}
	return first;
}

/* The device is there and ours: the channel that waits for it gets it. */
static int vmb_hv_target_probe(struct hv_device *device,
			       const struct hv_vmbus_device_id *id)
{
	struct vmb_hv_target *target;

	mutex_lock(&vmb_hv_target_lock);
	target = vmb_hv_target_find(device);
	if (target) {
		get_device(&device->device);
		refcount_inc(&target->references);
		hv_set_drvdata(device, target);
		target->found = device;
		target->waiting = false;
		vmb_hv_forget_last_driver(device->channel);
		WRITE_ONCE(target->hv->channel, device->channel);
		vmb_channel_set_interface(target->owner, &device->dev_type,
					  &device->dev_instance);
		vmb_channel_peer_arrived(target->owner);
	}
	mutex_unlock(&vmb_hv_target_lock);
	return target ? 0 : -ENODEV;
}

/* Our driver is not attached any more, and the channel touches the device no more. */
static void vmb_hv_target_give_back(struct vmb_hv_target *target)
{
	struct hv_device *device = target->found;

	mutex_lock(&vmb_hv_target_lock);
	target->found = NULL;
	mutex_unlock(&vmb_hv_target_lock);
	put_device(&device->device);
	vmb_hv_target_put(target);
}

/*
 * The host takes the offer back, or the channel is disabled, or somebody unbinds our
 * driver: the channel is closed when this returns. Waits for its client as long as
 * any remove does, but not for a callback of the channel that this is called from. The
 * reference keeps the device's memory and its channel's, and no other driver is to be
 * bound before that is over.
 */
static vmb_hv_remove_result vmb_hv_target_remove(struct hv_device *device)
{
	struct vmb_hv_target *target = hv_get_drvdata(device);

	hv_set_drvdata(device, NULL);
	mutex_lock(&vmb_hv_target_lock);
	target->removing = true;
	if (target->owner)
		target->left = !vmb_channel_offer_removing(target->owner);
	mutex_unlock(&vmb_hv_target_lock);
	if (WARN_ONCE(target->left,
		      "vmbkmcl: %s: unbound in a callback of the channel that has it\n",
		      dev_name(&device->device)))
		return (vmb_hv_remove_result)0;
	wait_for_completion(&target->let_go);
	/* When it has no driver the bus says so, see vmb_hv_target_notify(). */
	vmb_hv_target_give_back(target);
	return (vmb_hv_remove_result)0;
}

/* The channel hibernates with the device that it is on, which has not begun or is done. */
static int vmb_hv_target_suspend(struct hv_device *device)
{
	return 0;
}

static int vmb_hv_target_resume(struct hv_device *device)
{
	return 0;
}

struct hv_driver vmb_hv_target_driver = {
	.name = "vmbkmcl_target",
	.probe = vmb_hv_target_probe,
	.remove = vmb_hv_target_remove,
	.suspend = vmb_hv_target_suspend,
	.resume = vmb_hv_target_resume,
};

/* Attach our driver, if a channel waits for this device and no driver has it. */
static int vmb_hv_target_try(struct device *device, void *data)
{
	const struct hv_device *hv = device_to_hv_device(device);
	bool wanted;
	int ret;

	/* Whoever has it may hold its lock, and wait for a channel of ours. */
	if (READ_ONCE(device->driver) || is_hvsock_channel(hv->channel))
		return 0;
	mutex_lock(&vmb_hv_target_lock);
	wanted = vmb_hv_target_find(hv);
	mutex_unlock(&vmb_hv_target_lock);
	if (!wanted)
		return 0;
	ret = device_driver_attach(&vmb_hv_target_driver.driver, device);
	if (ret == -EAGAIN || ret == -EPROBE_DEFER)
		vmb_hv_target_queue_update(VMB_HV_TARGET_TRY_AGAIN);
	/* Else another driver was faster, or the device or the channel went. */
	else if (ret)
		dev_dbg(device, "not attached to: %pe\n", ERR_PTR(ret));
	return 0;
}

/* The next whose device is to be given back, with the list's reference; or NULL. */
static struct vmb_hv_target *vmb_hv_target_next_to_release(struct device **device)
{
	struct vmb_hv_target *target;

	mutex_lock(&vmb_hv_target_lock);
	*device = NULL;
	target = list_first_entry_or_null(&vmb_hv_targets_to_release,
					  struct vmb_hv_target, node);
	if (target) {
		list_del(&target->node);
		if (target->found && !target->removing)
			*device = get_device(&target->found->device);
	}
	mutex_unlock(&vmb_hv_target_lock);
	return target;
}

/* Devices that nobody wants any more are given back, then those that are wanted sought. */
static void vmb_hv_target_update(struct work_struct *work)
{
	struct vmb_hv_target *target;
	struct device *device;

	while ((target = vmb_hv_target_next_to_release(&device))) {
		/* Somebody may have given it to another driver, even now. */
		if (device && READ_ONCE(device->driver) == &vmb_hv_target_driver.driver)
			device_release_driver(device);
		put_device(device);
		if (target->left)
			vmb_hv_target_give_back(target);
		vmb_hv_target_put(target);
	}
	bus_for_each_dev(vmb_hv_target_driver.driver.bus, NULL, NULL, vmb_hv_target_try);
}

/* A device has come; or one has no driver: that one did not want it, or went. */
static int vmb_hv_target_notify(struct notifier_block *block, unsigned long event,
				void *device)
{
	if (event == BUS_NOTIFY_ADD_DEVICE || event == BUS_NOTIFY_DRIVER_NOT_BOUND ||
	    event == BUS_NOTIFY_UNBOUND_DRIVER)
		vmb_hv_target_queue_update(VMB_HV_TARGET_AFTER_OTHERS);
	return NOTIFY_DONE;
}

static struct notifier_block vmb_hv_target_notifier = {
	.notifier_call = vmb_hv_target_notify,
};

/* Our driver has been registered with its bus: from here on devices are looked for. */
int vmb_hv_target_begin(void)
{
	return bus_register_notifier(vmb_hv_target_driver.driver.bus,
				     &vmb_hv_target_notifier);
}

/* No channel is enabled; what is to be given back is. */
void vmb_hv_target_end(void)
{
	bus_unregister_notifier(vmb_hv_target_driver.driver.bus, &vmb_hv_target_notifier);
	flush_delayed_work(&vmb_hv_target_work);
}

int vmb_hv_target_init(void)
{
	int ret;

	ret = vmbus_driver_register(&vmb_hv_target_driver);
	if (ret)
		return ret;
	ret = vmb_hv_target_begin();
	if (ret)
		vmbus_driver_unregister(&vmb_hv_target_driver);
	return ret;
}

void vmb_hv_target_exit(void)
{
	vmb_hv_target_end();
	vmbus_driver_unregister(&vmb_hv_target_driver);
}

/* As hv_channel.c calls them. */

/* 0 or -ENOMEM. */
int vmb_hv_target_prepare(struct vmb_hv_channel *hv, struct vmb_channel *channel)
{
	struct vmb_hv_target *target;

	target = kzalloc(sizeof(*target), GFP_KERNEL);
	if (!target)
		return -ENOMEM;
	refcount_set(&target->references, 1);
	target->owner = channel;
	target->hv = hv;
	init_completion(&target->let_go);
	mutex_init(&target->gpadl_lock);
	hv->target = target;
	hv->gpadl_lock = &target->gpadl_lock;
	mutex_lock(&vmb_hv_target_lock);
	list_add_tail(&target->node, &vmb_hv_targets);
	mutex_unlock(&vmb_hv_target_lock);
	return 0;
}

/* The channel is closed, or never was open. Its device is given back later. */
void vmb_hv_target_unprepare(struct vmb_hv_channel *hv)
{
	struct vmb_hv_target *target = hv->target;

	mutex_lock(&vmb_hv_target_lock);
	target->owner = NULL;
	target->waiting = false;
	list_move_tail(&target->node, &vmb_hv_targets_to_release);
	/* The reference is the list's now, and with the lock the work may drop it. */
	complete_all(&target->let_go);
	mutex_unlock(&vmb_hv_target_lock);
	vmb_hv_target_queue_update(0);
}

/* Has it a device? If not it gets the next that is its target. */
bool vmb_hv_target_find_offer(struct vmb_hv_channel *hv)
{
	struct vmb_hv_target *target = hv->target;
	bool found;

	mutex_lock(&vmb_hv_target_lock);
	found = target->found;
	target->waiting = !found;
	mutex_unlock(&vmb_hv_target_lock);
	if (!found)
		vmb_hv_target_queue_update(0);
	return found;
}
