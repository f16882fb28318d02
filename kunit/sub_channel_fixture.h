/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A primary channel with sub-channels, on both ends of a loopback.
 */
#ifndef VMB_KUNIT_SUB_CHANNEL_FIXTURE_H
#define VMB_KUNIT_SUB_CHANNEL_FIXTURE_H

#include "loopback_fixture.h"

#define FAMILY_SUB_CHANNELS	4u

/**
 * struct family - a primary and its sub-channels, on both ends
 * @server: the server's primary.
 * @client: the client's.
 * @servers: the server's sub-channels; NULL: not made.
 * @clients: the client's.
 */
struct family {
	struct loopback_end *server;
	struct loopback_end *client;
	struct loopback_end *servers[FAMILY_SUB_CHANNELS];
	struct loopback_end *clients[FAMILY_SUB_CHANNELS];
};

struct loopback_end *family_sub_channel(struct loopback_end *primary, u16 index);
void family_enable(struct loopback_end *end);
struct family *family_make(struct kunit *test, u32 count);
void family_open(struct family *family, u32 i);
struct family *family_make_and_open(struct kunit *test, u32 count);
void family_expect_flow(struct loopback_end *from, struct loopback_end *to);
void family_expect_flow_both_ways(struct family *family, u32 i);
s64 family_reason_of(struct loopback_end *end, enum loopback_event event);

#endif
