// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that a host's offer reserves for its device, in the guest's address space.
 *
 * It belongs to the device and not to a channel: where it is has been agreed with the
 * host by the driver's protocol, which may outlive a channel, and nobody may find
 * other memory there while the driver has it mapped.
 */
#include <linux/mutex.h>
#include <linux/sizes.h>

#include "hv_transport.h"

/* As others of hv_vmbus's clients have it. */
#define VMB_HV_MMIO_ALIGN	SZ_1M

/* Where it is; the first call takes it. Process context. */
int vmb_hv_mmio_get(struct vmb_hv_device *device, u64 *address, u64 *size)
{
	/* The host has written it once; the largest is 64 GiB. */
	u64 wanted = (u64)device->hv->channel->offermsg.offer.mmio_megabytes * SZ_1M;
	int ret = 0;

	if (!wanted)
		return -ENOENT;
	mutex_lock(&device->mmio_lock);
	if (!device->mmio)
		ret = vmbus_allocate_mmio(&device->mmio, device->hv, 0, -1, wanted,
					  VMB_HV_MMIO_ALIGN, false);
	if (ret) {
		device->mmio = NULL;
	} else {
		*address = device->mmio->start;
		*size = resource_size(device->mmio);
	}
	mutex_unlock(&device->mmio_lock);
	return ret;
}

/* The driver has unmapped it: its remove has returned. */
void vmb_hv_mmio_free(struct vmb_hv_device *device)
{
	if (device->mmio)
		vmbus_free_mmio(device->mmio->start, resource_size(device->mmio));
	device->mmio = NULL;
}
