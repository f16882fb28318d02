/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A bus of the same shape as hv_vmbus's, offers on it, and another driver than ours.
 */
#ifndef VMB_KUNIT_HV_TARGET_BUS_H
#define VMB_KUNIT_HV_TARGET_BUS_H

#include "../../drivers/kmcl/channel.h"
#include "../../drivers/kmcl/compat.h"
#include "../fixtures/hv_fixture.h"

#define PATIENCE	(90 * HZ)
#define DEVICES		3u
#define CHANNELS	2u

/**
 * struct offer - a device that the host offers
 * @test: the case.
 * @hv: hv_vmbus's.
 * @channel: and its channel.
 * @there: it was added, and not removed again.
 * @rescind: takes it back, on a thread of its own, as hv_vmbus does.
 * @gone: it was taken back.
 */
struct offer {
	struct kunit *test;
	struct hv_device hv;
	struct vmbus_channel channel;
	bool there;
	struct work_struct rescind;
	struct completion gone;
};

/**
 * struct target_test - what a case has
 * @fixture: a device, and ours on it.
 * @channels: with targets, on that device.
 * @prepared: they are.
 * @offers: devices on the bus.
 * @hold_remove: a device that our driver was removed from is not free before @go_on.
 * @go_on: completed by the test, and when it is over.
 * @unbind: unbinds our driver from the first device, on a thread of its own.
 * @refuse: another driver's probe fails.
 * @hold_probe: it does not end before @go_on.
 * @defer: ours is to come again later, so many times.
 * @take: registers the other driver, on a thread of its own.
 * @other_probes: times that it was called.
 */
struct target_test {
	struct hv_fixture *fixture;
	struct vmb_channel *channels[CHANNELS];
	bool prepared[CHANNELS];
	struct offer *offers[DEVICES];
	bool hold_remove;
	struct completion go_on;
	struct work_struct unbind;
	bool refuse;
	bool hold_probe;
	u32 defer;
	struct work_struct take;
	u32 other_probes;
};

extern struct target_test *target_state;
extern vmb_bus_type target_bus;
extern struct hv_driver target_other_driver;

void target_bus_unbind(struct work_struct *work);
void target_other_take(struct work_struct *work);
struct offer *target_offer_add(struct kunit *test, u32 i, const guid_t *offered,
			       const guid_t *instance);
void target_offer_take_back(struct offer *offer);
void target_offer_expect_gone(struct offer *offer);

#endif
