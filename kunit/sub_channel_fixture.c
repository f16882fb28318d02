// SPDX-License-Identifier: GPL-2.0
/*
 * A primary channel with sub-channels. See sub_channel_fixture.h.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/jiffies.h>

#include "sub_channel_fixture.h"

struct loopback_end *family_sub_channel(struct loopback_end *primary, u16 index)
{
	struct kunit *test = primary->test;
	struct loopback_end *end = loopback_end_make(test, primary->channel->is_server);

	KUNIT_ASSERT_EQ(test,
			vmb_channel_init_set_primary_channel(end->channel,
							     primary->channel, index), 0);
	return end;
}

/* Unlike others a server is not to be started: it follows its primary. */
void family_enable(struct loopback_end *end)
{
	KUNIT_ASSERT_EQ(end->test, vmb_channel_enable(end->channel), 0);
}

/* Both primaries run; @count sub-channels are made, and not enabled. */
struct family *family_make(struct kunit *test, u32 count)
{
	struct family *family;
	u32 i;

	family = kunit_kzalloc(test, sizeof(*family), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, family);
	family->server = loopback_server(test, &loopback_type, &loopback_instances[0]);
	family->client = loopback_client(test, &loopback_type, NULL);
	loopback_enable(family->server);
	loopback_enable(family->client);
	loopback_expect(family->client, LOOPBACK_STARTED, 1);
	loopback_expect(family->server, LOOPBACK_STARTED, 1);
	for (i = 0; i < count; i++) {
		family->servers[i] = family_sub_channel(family->server, i + 1);
		family->clients[i] = family_sub_channel(family->client, i + 1);
	}
	return family;
}

void family_open(struct family *family, u32 i)
{
	family_enable(family->servers[i]);
	family_enable(family->clients[i]);
	loopback_expect(family->clients[i], LOOPBACK_STARTED, 1);
	loopback_expect(family->servers[i], LOOPBACK_STARTED, 1);
}

/* The same, and all of them run. */
struct family *family_make_and_open(struct kunit *test, u32 count)
{
	struct family *family = family_make(test, count);
	u32 i;

	for (i = 0; i < count; i++)
		family_open(family, i);
	return family;
}

static u64 received(struct loopback_end *end)
{
	return READ_ONCE(end->channel->counters.received);
}

/* A packet gets from one to the other; a client also waits for its completion. */
void family_expect_flow(struct loopback_end *from, struct loopback_end *to)
{
	const bool wait = !from->channel->is_server;
	const u32 flags = wait ? VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION : 0;
	unsigned long end = jiffies + LOOPBACK_PATIENCE;
	u64 before = received(to);
	u64 question = 42;
	int ret;

	/* A server cannot wait for another processor that has the ring just now. */
	do {
		ret = vmb_channel_send_synchronous_request(from->channel, &question,
							   sizeof(question), NULL, 0,
							   flags, NULL, NULL,
							   wait ? LOOPBACK_PATIENCE : 0);
	} while (ret == -EAGAIN && time_before(jiffies, end));
	KUNIT_EXPECT_EQ(from->test, ret, 0);
	while (received(to) == before && time_before(jiffies, end))
		usleep_range(100, 200);
	KUNIT_EXPECT_EQ(from->test, received(to), before + 1);
}

void family_expect_flow_both_ways(struct family *family, u32 i)
{
	family_expect_flow(family->clients[i], family->servers[i]);
	family_expect_flow(family->servers[i], family->clients[i]);
}

/* The reason in the log of what happened last of its kind. */
s64 family_reason_of(struct loopback_end *end, enum loopback_event event)
{
	s64 detail = -1;
	u32 i;

	spin_lock_irq(&end->lock);
	for (i = 0; i < end->count; i++)
		if (end->log[i].event == event)
			detail = end->log[i].detail;
	spin_unlock_irq(&end->lock);
	return detail;
}
