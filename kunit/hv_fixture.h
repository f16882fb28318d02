/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A device of the hv transport without a host: what hv_vmbus would have made is
 * made here, as far as it is looked at.
 */
#ifndef VMB_KUNIT_HV_FIXTURE_H
#define VMB_KUNIT_HV_FIXTURE_H

#include <kunit/test.h>
#include <linux/device.h>

#include "../drivers/kmcl/hv_transport.h"

#define HV_OFFERS	4u

/**
 * struct hv_offered - a sub-channel of the host
 * @channel: hv_vmbus's.
 * @released: times its last reference was dropped.
 */
struct hv_offered {
	struct vmbus_channel channel;
	u32 released;
};

/**
 * struct hv_fixture - a device and what the host may offer on it
 * @parent: its struct device.
 * @hv: hv_vmbus's half; not registered.
 * @primary: its channel.
 * @device: ours.
 * @offered: sub-channels, with index 1 and on; hv_vmbus's reference is held.
 * @channel: a primary of ours on it; NULL: the test has none.
 * @sub_channel: and its sub-channel 1.
 */
struct hv_fixture {
	struct device *parent;
	struct hv_device hv;
	struct vmbus_channel primary;
	struct vmb_hv_device device;
	struct hv_offered offered[HV_OFFERS];
	struct vmb_channel *channel;
	struct vmb_channel *sub_channel;
};

int hv_fixture_init(struct kunit *test);
void hv_fixture_exit(struct kunit *test);
void hv_rescind(struct hv_fixture *fixture, u32 i);

#endif
