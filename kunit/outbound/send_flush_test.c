// SPDX-License-Identifier: GPL-2.0
/*
 * What happens with interrupts off is bounded: of a long queue, with a quick peer,
 * no more is written in one go, in its order; and nothing is said in the log.
 */
#include <kunit/test.h>
#include <linux/console.h>
#include <linux/delay.h>
#include <linux/ratelimit.h>
#include <linux/string.h>

#include "../fixtures/send_fixture.h"

#define LARGE		3000u
/* Of these the ring is full. */
#define FILL		21u
/* So many wait, and would all fit when it is empty. */
#define SMALL		300u
/* With interrupts off: a copy each, some microseconds all together. */
#define BOUND		64u

static int flush_init(struct kunit *test)
{
	int ret = send_fixture_init(test);
	struct channel_fixture *fixture = test->priv;

	if (ret)
		return ret;
	channel_configure(fixture, 3064, 17, 17);
	return 0;
}

static u32 queue_length(struct channel_fixture *fixture)
{
	struct list_head *entry;
	u32 length = 0;

	list_for_each(entry, &fixture->channel->outbound.queue)
		length++;
	return length;
}

/* A long queue, and room for all of it that nobody has told of yet. */
static void wait_in_line(struct channel_fixture *fixture)
{
	u32 i;

	channel_enable(fixture);
	for (i = 0; i < FILL; i++)
		send_one(fixture, i, LARGE, 0);
	KUNIT_ASSERT_EQ(fixture->test, queue_length(fixture), 0);
	send_one(fixture, FILL, LARGE, 0);
	for (i = 1; i <= SMALL; i++)
		send_one(fixture, FILL + i, 8, 0);
	KUNIT_ASSERT_EQ(fixture->test, queue_length(fixture), SMALL + 1);
	for (i = 0; i < FILL; i++)
		peer_expect_sent(fixture, i, LARGE, 0);
	peer_expect_nothing(fixture);
	peer_release(fixture);
	WRITE_ONCE(fixture->transport.scheduled, false);
}

/* In the order in which they were sent, and no more of them. */
static void expect_line(struct channel_fixture *fixture, u32 behind)
{
	u32 i;

	memory_transport_run(&fixture->transport, fixture->channel);
	KUNIT_EXPECT_EQ(fixture->test, queue_length(fixture), 0);
	peer_expect_sent(fixture, FILL, LARGE, 0);
	for (i = 1; i <= SMALL + behind; i++)
		peer_expect_sent(fixture, FILL + i, 8, 0);
	peer_expect_nothing(fixture);
	for (i = 0; i <= FILL + SMALL + behind; i++)
		send_expect_end(fixture, i, i, 0);
}

static void flush_is_bounded(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 before;

	wait_in_line(fixture);
	before = queue_length(fixture);
	vmb_outbound_flush(fixture->channel);
	KUNIT_EXPECT_LT(test, queue_length(fixture), before);
	KUNIT_EXPECT_GE(test, queue_length(fixture) + BOUND, before);
	/* What is written is shown, and somebody goes on. */
	KUNIT_EXPECT_EQ(test, vmb_ring_writer_uncommitted(&fixture->channel->outbound.writer), 0);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(fixture->transport.scheduled));
	expect_line(fixture, 0);
}

/* Who sends now pays for no more than that, and comes last. */
static void sender_behind_a_long_queue(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 before;

	wait_in_line(fixture);
	before = queue_length(fixture);
	send_one(fixture, FILL + SMALL + 1, 8, 0);
	KUNIT_EXPECT_LE(test, queue_length(fixture), before);
	KUNIT_EXPECT_GE(test, queue_length(fixture) + BOUND, before);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(fixture->transport.scheduled));
	expect_line(fixture, 1);
}

/* The way in has its turn while the way out is busy. */
static void packets_come_in_between(struct kunit *test)
{
	const struct peer_packet packet = {
		.type = 6, .flags = 1, .transaction_id = 1000, .payload = 8,
	};
	struct channel_fixture *fixture = test->priv;

	wait_in_line(fixture);
	peer_put(fixture, &packet);
	peer_publish(fixture);
	local_bh_disable();
	vmb_channel_interrupt(fixture->channel);
	local_bh_enable();
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
	KUNIT_EXPECT_GE(test, queue_length(fixture) + 2 * BOUND, SMALL + 1);
	KUNIT_EXPECT_NE(test, queue_length(fixture), 0);
	expect_line(fixture, 0);
	channel_complete(fixture, 0, NULL, 0);
	peer_expect_completion(fixture, 1000, 0);
}

/* Nobody reads any more: a pause does not leave the rest behind. */
static void paused_channel_goes_on(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	wait_in_line(fixture);
	KUNIT_EXPECT_EQ(test, vmb_channel_pause(fixture->channel), 0);
	vmb_outbound_flush(fixture->channel);
	KUNIT_EXPECT_NE(test, queue_length(fixture), 0);
	expect_line(fixture, 0);
}

/**
 * struct listener - a console that hears of the ring
 * @console: among all others.
 * @lock: who holds it may send through a console that is a client.
 * @heard: it did.
 * @locked: somebody held the lock then.
 */
struct listener {
	struct console console;
	spinlock_t *lock; /* another one's */
	bool heard;
	bool locked;
};

static void listen(struct console *console, const char *line, unsigned int length)
{
	struct listener *listener = container_of(console, struct listener, console);

	if (!strnstr(line, "framing of the outbound ring", length))
		return;
	listener->heard = true;
	listener->locked = !spin_trylock(listener->lock);
	if (!listener->locked)
		spin_unlock(listener->lock);
}

static void framing_lost_is_said_without_the_lock(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct listener listener = {
		.console = {
			.name = "vmbtest",
			.write = listen,
			.flags = CON_ENABLED,
			.index = -1,
		},
		.lock = &fixture->channel->outbound.lock,
	};

	unsigned long end = jiffies + 2 * DEFAULT_RATELIMIT_INTERVAL;

	register_console(&listener.console);
	/* Tests before this one may have had the line so often that it is held back. */
	do {
		channel_enable(fixture);
		send_one(fixture, 0, 8, WAIT);
		peer_set(&fixture->outbound, RING_IMAGE_READ_INDEX, U32_MAX);
		vmb_ring_writer_free(&fixture->channel->outbound.writer);
		KUNIT_EXPECT_EQ(test, send_try(fixture, 1, LARGE, WAIT), -ENODEV);
		channel_settle(fixture);
		msleep(20);
	} while (!listener.heard && time_before(jiffies, end));
	unregister_console(&listener.console);
	KUNIT_EXPECT_TRUE(test, listener.heard);
	KUNIT_EXPECT_FALSE(test, listener.locked);
}

static struct kunit_case send_flush_cases[] = {
	KUNIT_CASE(flush_is_bounded),
	KUNIT_CASE(sender_behind_a_long_queue),
	KUNIT_CASE(packets_come_in_between),
	KUNIT_CASE(paused_channel_goes_on),
	KUNIT_CASE(framing_lost_is_said_without_the_lock),
	{}
};

static struct kunit_suite send_flush_suite = {
	.name = "vmbkmcl_send_flush",
	.init = flush_init,
	.exit = send_fixture_exit,
	.test_cases = send_flush_cases,
};

kunit_test_suite(send_flush_suite);
