/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Offers of channels that a device makes and takes back by itself, which QEMU's
 * bus never does: it offers everything, once, when the guest asks for all offers.
 *
 * Everything runs in QEMU's main loop under its big lock.
 */
#ifndef VMB_HOST_OFFERS_H
#define VMB_HOST_OFFERS_H

#include "host_common.h"

/*
 * Control messages to the guest, in the order in which they were wanted.
 *
 * route: the way they take, NULL: none was needed so far.
 */
struct host_offers {
	GQueue messages;
	struct host_route *route;
	QEMUTimer *timer;
};

bool host_guest_has_let_go(void);
bool host_can_offer(void);
void host_offers_init(struct host_offers *offers);
void host_offers_destroy(struct host_offers *offers);
void host_offers_invalidate(struct host_offers *offers);
void host_offer(struct host_offers *offers, VMBusChannel *chan);
void host_rescind(struct host_offers *offers, VMBusChannel *chan);
void host_do_not_offer(VMBusChannel *chan);
bool host_is_being_opened(VMBusChannel *chan);
bool host_guest_begins_anew(VMBusChannel *chan);

#endif
