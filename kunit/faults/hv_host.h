/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A host behind hv_vmbus: the calls that ask it are answered here, as the test says,
 * and leave behind what hv_vmbus leaves then.
 */
#ifndef VMB_KUNIT_HV_HOST_H
#define VMB_KUNIT_HV_HOST_H

#include "../fixtures/hv_fixture.h"

/**
 * struct hv_host - what it says, and what it has
 * @connect_error: to an open.
 * @connect_rescinds: and takes the offer back.
 * @holds_connect: it says nothing at all, until @answers or the rescind.
 * @answers: completed by the test.
 * @asked: completed when an open is asked for.
 * @lends_too_little: rings that no packet goes into.
 * @disconnect_error: to a close.
 * @keeps_rings: it does not answer when it is told that the rings are no longer its.
 * @establish_error: to a new GPADL.
 * @stays_decrypted: which could not be hidden from it again.
 * @teardown_error: when it is to forget one.
 * @keeps_gpadl: it does not answer that.
 * @mmio_error: when memory is wanted.
 * @open: channels that are, the primary first.
 * @opens: how many.
 * @gpadls: that it knows, rings not among them.
 * @mmio: that it has given.
 */
struct hv_host {
	int connect_error;
	bool connect_rescinds;
	bool holds_connect;
	struct completion answers;
	struct completion asked;
	bool lends_too_little;
	int disconnect_error;
	bool keeps_rings;
	int establish_error;
	bool stays_decrypted;
	int teardown_error;
	bool keeps_gpadl;
	int mmio_error;
	struct vmbus_channel *open[HV_OFFERS + 1];
	u32 opens;
	u32 gpadls;
	u32 mmio;
};

extern struct hv_host hv_host;

int hv_host_begin(void);
void hv_host_end(void);
int hv_host_suite_init(struct kunit_suite *suite);
void hv_host_suite_exit(struct kunit_suite *suite);
int hv_host_fixture_init(struct kunit *test);
void hv_host_fixture_exit(struct kunit *test);
void hv_host_free_kept(struct hv_fixture *fixture);

#endif
