// SPDX-License-Identifier: GPL-2.0
/*
 * Hibernation and shutdown on hv_vmbus. It calls in the phase in which devices do not
 * interrupt any more, and without the device's lock: the host may take the device back
 * meanwhile, for hv_vmbus handles that until it is suspended itself.
 */
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "compat.h"
#include "hv_transport.h"

/* Protects which device a struct hv_device has, and &vmb_hv_device.pm_calls. */
static DEFINE_SPINLOCK(vmb_hv_pm_lock);
static DECLARE_WAIT_QUEUE_HEAD(vmb_hv_pm_over);

/* The device, which stays until the end of the call; or NULL, for it is being removed. */
static struct vmb_hv_device *vmb_hv_pm_begin(struct hv_device *hv)
{
	struct vmb_hv_device *device = NULL;
	struct vmb_device *found;

	spin_lock(&vmb_hv_pm_lock);
	found = dev_to_vmb_device(&hv->device);
	if (found) {
		device = container_of(found, struct vmb_hv_device, transport.device);
		device->pm_calls++;
	}
	spin_unlock(&vmb_hv_pm_lock);
	return device;
}

static void vmb_hv_pm_end(struct vmb_hv_device *device)
{
	spin_lock(&vmb_hv_pm_lock);
	if (!--device->pm_calls)
		wake_up_all(&vmb_hv_pm_over);
	spin_unlock(&vmb_hv_pm_lock);
}

static bool vmb_hv_pm_is_over(struct vmb_hv_device *device)
{
	bool over;

	spin_lock(&vmb_hv_pm_lock);
	over = !device->pm_calls;
	spin_unlock(&vmb_hv_pm_lock);
	return over;
}

/* Nobody finds the device any more: this returns when those who had found it are done. */
void vmb_hv_pm_wait_until_over(struct vmb_hv_device *device)
{
	wait_event(vmb_hv_pm_over, vmb_hv_pm_is_over(device));
}

static int vmb_hv_pm_close(struct vmb_hv_device *device)
{
	int ret;

	ret = vmb_transport_device_pm_close(&device->transport);
	if (ret)
		return ret;
	ret = vmb_hv_sub_wait_until_gone(device);
	if (ret) {
		if (ret == -ETIMEDOUT)
			dev_err_ratelimited(&device->hv->device,
					    "the host does not take back its sub-channels\n");
		vmb_transport_device_pm_resume(&device->transport);
		return ret;
	}
	vmb_hv_sub_invalidate_offers(device);
	return 0;
}

/* 0; -EBUSY, -ETIMEDOUT or -ENODEV: the VM does not hibernate. */
int vmb_hv_suspend(struct hv_device *hv)
{
	struct vmb_hv_device *device = vmb_hv_pm_begin(hv);
	int ret;

	if (!device)
		return 0;
	ret = vmb_hv_pm_close(device);
	vmb_hv_pm_end(device);
	return ret;
}

int vmb_hv_resume(struct hv_device *hv)
{
	struct vmb_hv_device *device = vmb_hv_pm_begin(hv);

	if (!device)
		return 0;
	vmb_transport_device_pm_resume(&device->transport);
	vmb_hv_pm_end(device);
	return 0;
}

/* With the device's lock. */
void vmb_hv_shutdown(struct hv_device *hv)
{
	vmb_transport_device_shutdown(to_vmb_transport_device(dev_to_vmb_device(&hv->device)));
}
