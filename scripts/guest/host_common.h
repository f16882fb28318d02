/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the host's ends of all channels share: they are devices of one object
 * that is loaded into a stock QEMU.
 *
 * Everything runs in QEMU's main loop under its big lock.
 */
#ifndef VMB_HOST_COMMON_H
#define VMB_HOST_COMMON_H

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "qemu/error-report.h"
#include "qemu/uuid.h"
#include "qapi/error.h"
#include "hw/qdev-properties.h"
#include "hw/hyperv/vmbus.h"
/* hw/hyperv/hyperv.h pulls in the headers of a target; two lines will do. */
typedef struct HvSintRoute HvSintRoute;
int hyperv_set_event_flag(HvSintRoute *sint_route, unsigned int eventno);
/* Cut out of the same QEMU's vmbus.c: raw packets need the ring's place. */
#include "vmbus-structs.h"

/* The header that declares it has another name in each series. */
extern AddressSpace address_space_memory;

/*
 * Properties end with HOST_PROPERTIES_END and are set with host_set_properties():
 * since QEMU 10 the array has a length instead of an end, and only since then is
 * it taken as const, which it must be.
 */
#ifdef DEFINE_PROP_END_OF_LIST
#define HOST_PROPERTIES_END DEFINE_PROP_END_OF_LIST(),
#define host_set_properties(class, array) \
	device_class_set_props(class, (Property *)(array))
#else
#define HOST_PROPERTIES_END
#define host_set_properties(class, array) device_class_set_props(class, array)
#endif

/* The fields as a protocol's header has them. */
static inline void host_set_uuid(QemuUUID *uuid, const uint32_t *field)
{
	g_autofree char *text = g_strdup_printf(
		"%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		field[0], field[1], field[2], field[3], field[4], field[5],
		field[6], field[7], field[8], field[9], field[10]);

	g_assert(!qemu_uuid_parse(text, uuid));
}

/*
 * vmbus.c has just filled in its own part. If that is not where these headers
 * say, some field before it has another size in this binary, and our fields
 * would lie on top of QEMU's.
 */
static inline bool host_is_our_qemu(VMBusDevice *vdev, uint32_t channels)
{
	return vdev->dma_as == &address_space_memory && vdev->num_channels == channels &&
	       vmbus_device_channel(vdev, 0) == vdev->channels &&
	       vmbus_channel_device(vdev->channels) == vdev;
}

/* What the guest says it waits for in its outbound ring, 0 for nothing. */
static inline bool host_guest_waits_for_room(VMBusChannel *chan)
{
	uint32_t pending = 0;

	dma_memory_read(vmbus_channel_device(chan)->dma_as,
			chan->recv_ringbuf.common.rb_addr + 12,
			&pending, sizeof(pending), MEMTXATTRS_UNSPECIFIED);
	return pending;
}

#endif
