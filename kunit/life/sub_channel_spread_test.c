// SPDX-License-Identifier: GPL-2.0
/*
 * An inbound flood on several channels of a device spreads over CPUs, on
 * workers wherever the scheduler sees fit, or on CPUs of the client's choice.
 *
 * A callback that is called with a packet keeps its CPU to itself for a while, or until a
 * callback of another channel runs, too: that can only be elsewhere.
 */
#include <kunit/test.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/preempt.h>

#include "../fixtures/sub_channel_fixture.h"

/*
 * How long a callback waits for another. Nothing else runs there meanwhile, not even
 * what tells the other channel of its packets.
 */
#define SPREAD_PATIENCE	max(HZ / 50, 2)
/* No CPU. */
#define SPREAD_NONE	U32_MAX

/**
 * struct spread - all channels of a case
 * @inside: callbacks that wait for another.
 * @met: two of them did at the same time.
 */
struct spread {
	atomic_t inside;
	bool met;
};

/**
 * struct spread_channel - a client's channel
 * @spread: what it is one of.
 * @wanted: the CPU that it is to be called on, or SPREAD_NONE.
 * @elsewhere: calls on another one.
 * @packets: calls.
 */
struct spread_channel {
	struct spread *spread;
	u32 wanted;
	u32 elsewhere;
	u32 packets;
};

static void meet_another(struct spread *spread)
{
	unsigned long end = jiffies + SPREAD_PATIENCE;

	preempt_disable();
	if (atomic_inc_return(&spread->inside) >= 2)
		WRITE_ONCE(spread->met, true);
	while (!READ_ONCE(spread->met) && time_before(jiffies, end))
		cpu_relax();
	atomic_dec(&spread->inside);
	preempt_enable();
}

static void spread_process_packet(struct vmb_channel *vmb_channel, void *context,
				  struct vmb_packet_completion *packet, void *buffer,
				  u32 length, u32 flags)
{
	struct spread_channel *channel = context;

	if (channel->wanted != SPREAD_NONE && channel->wanted != raw_smp_processor_id())
		channel->elsewhere++;
	if (!READ_ONCE(channel->spread->met))
		meet_another(channel->spread);
	WRITE_ONCE(channel->packets, channel->packets + 1);
	vmb_channel_packet_complete(packet, NULL, 0);
}

static void send_one(struct kunit *test, struct loopback_end *end, u64 number)
{
	unsigned long last = jiffies + LOOPBACK_PATIENCE;
	int ret;

	while (1) {
		ret = vmb_channel_send_synchronous_request(end->channel, &number, sizeof(number),
							   NULL, 0, 0, NULL, NULL, 0);
		if (ret != -EAGAIN || time_after(jiffies, last))
			break;
		usleep_range(50, 100);
	}
	KUNIT_ASSERT_EQ(test, ret, 0);
}

static void expect_spread(struct kunit *test, bool workers)
{
	struct family *family = family_make(test, FAMILY_SUB_CHANNELS);
	struct spread_channel *channels;
	unsigned long end = jiffies + LOOPBACK_PATIENCE;
	struct spread *spread;
	u32 i, sent = 0;

	spread = kunit_kzalloc(test, sizeof(*spread), GFP_KERNEL);
	channels = kunit_kcalloc(test, FAMILY_SUB_CHANNELS, sizeof(*channels), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, spread);
	KUNIT_ASSERT_NOT_NULL(test, channels);
	for (i = 0; i < FAMILY_SUB_CHANNELS; i++) {
		struct vmb_channel *channel = family->clients[i]->channel;

		channels[i].spread = spread;
		channels[i].wanted = workers ? SPREAD_NONE :
					       cpumask_local_spread(i, NUMA_NO_NODE);
		vmb_channel_init_set_process_packet_callbacks(channel, &channels[i],
							      spread_process_packet, NULL);
		if (workers)
			vmb_channel_set_incoming_processing_at_passive(channel, true);
		else
			KUNIT_ASSERT_EQ(test,
					vmb_client_channel_init_set_target_processor_index
					(channel, channels[i].wanted), 0);
		family_open(family, i);
	}
	do {
		for (i = 0; i < FAMILY_SUB_CHANNELS; i++)
			send_one(test, family->servers[i], sent);
		sent++;
	} while (!READ_ONCE(spread->met) && time_before(jiffies, end));
	for (i = 0; i < FAMILY_SUB_CHANNELS; i++) {
		while (READ_ONCE(channels[i].packets) < sent && time_before(jiffies, end))
			usleep_range(100, 200);
		KUNIT_EXPECT_EQ(test, channels[i].packets, sent);
		KUNIT_EXPECT_EQ(test, channels[i].elsewhere, 0);
	}
	KUNIT_EXPECT_GE(test, num_online_cpus(), 2);
	KUNIT_EXPECT_TRUE_MSG(test, spread->met, "no two channels were served at a time");
}

static void test_workers_spread(struct kunit *test)
{
	expect_spread(test, true);
}

static void test_chosen_cpus_spread(struct kunit *test)
{
	expect_spread(test, false);
}

static struct kunit_case sub_channel_spread_cases[] = {
	KUNIT_CASE(test_workers_spread),
	KUNIT_CASE(test_chosen_cpus_spread),
	{}
};

static struct kunit_suite sub_channel_spread_suite = {
	.name = "vmbkmcl_sub_channel_spread",
	.init = loopback_fixture_init,
	.exit = loopback_fixture_exit,
	.test_cases = sub_channel_spread_cases,
};

kunit_test_suite(sub_channel_spread_suite);
