// SPDX-License-Identifier: GPL-2.0
/*
 * A sub-channel whose peer closes it only together with its primary, as hv_vmbus
 * has it, and packets of its own that name memory.
 *
 * The sub-channel is the fixture's channel, of which the test is the peer. Its
 * primary has a transport of its own here, with rings that nobody uses.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/vmalloc.h>

#include "../fixtures/send_fixture.h"

/* What a sub-channel gives a peer that does not complete a packet. */
#define PATIENCE	(10 * HZ)
/* And what is no longer "at once", on a VM that does other things, too. */
#define AT_ONCE		(5 * HZ)

/**
 * struct family - a primary beside the fixture's channel
 * @primary: it.
 * @operations: its transport's.
 * @rings: memory of both.
 * @size: bytes of each.
 * @closed: times it was closed.
 * @sub_closes: closes of the sub-channel; -EBUSY while @closed is 0.
 * @open_first: the sub-channel was to be opened before its primary was.
 *
 * In &sender.private.
 */
struct family {
	struct vmb_channel *primary;
	struct vmb_channel_transport_operations operations;
	u8 *rings;
	u32 size;
	u32 closed;
	u32 sub_closes;
	bool open_first;
};

static struct family *family_of(struct vmb_channel *channel)
{
	return vmb_channel_get_pointer(channel);
}

static struct family *family_of_fixture(struct channel_fixture *fixture)
{
	return sender_of(fixture)->private;
}

static int primary_prepare(struct vmb_channel *channel, u32 *inbound_size,
			   u32 *outbound_size, u32 minimum_size)
{
	struct family *family = family_of(channel);

	family->size = min(*inbound_size, *outbound_size);
	*inbound_size = family->size;
	*outbound_size = family->size;
	family->rings = vzalloc(2 * family->size);
	return family->rings ? 0 : -ENOMEM;
}

static void primary_unprepare(struct vmb_channel *channel)
{
	vfree(family_of(channel)->rings);
}

static struct vmb_ring ring_at(u8 *memory, u32 size)
{
	memset(memory, 0, size);
	return (struct vmb_ring) {
		.control = (void *)memory,
		.data = memory + PAGE_SIZE,
		.size = size - PAGE_SIZE,
	};
}

static int primary_open(struct vmb_channel *channel)
{
	struct family *family = family_of(channel);
	struct vmb_ring inbound = ring_at(family->rings, family->size);
	struct vmb_ring outbound = ring_at(family->rings + family->size, family->size);

	return vmb_channel_attach_rings(channel, &inbound, &outbound);
}

static int primary_close(struct vmb_channel *channel)
{
	family_of(channel)->closed++;
	return 0;
}

static void primary_silent(struct vmb_channel *channel)
{
}

static void primary_no_packet(struct vmb_channel *channel, void *context,
			      struct vmb_packet_completion *packet, void *buffer,
			      u32 length, u32 flags)
{
}

static bool primary_peer_stays(struct vmb_channel *channel)
{
	return false;
}

/* The sub-channel's: its host closes it with its primary. */
static int sub_close(struct vmb_channel *channel)
{
	struct channel_fixture *fixture = vmb_channel_get_pointer(channel);
	struct family *family = family_of_fixture(fixture);

	family->sub_closes++;
	if (!family->closed && !fixture->transport.gone) {
		channel_log(fixture, TRANSPORT_CLOSE, -EBUSY);
		return -EBUSY;
	}
	return sender_of(fixture)->original->close(channel);
}

static int sub_open(struct vmb_channel *channel)
{
	struct channel_fixture *fixture = vmb_channel_get_pointer(channel);
	struct family *family = family_of_fixture(fixture);

	if (READ_ONCE(family->primary->life.state) != VMB_LIFE_OPEN)
		family->open_first = true;
	return sender_of(fixture)->original->open(channel);
}

static int peer_test_init(struct kunit *test)
{
	struct vmb_channel_transport_operations *operations;
	struct channel_fixture *fixture;
	struct family *family;
	int ret;

	ret = send_fixture_init(test);
	if (ret)
		return ret;
	fixture = test->priv;
	family = kunit_kzalloc(test, sizeof(*family), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, family);
	sender_of(fixture)->private = family;
	KUNIT_ASSERT_EQ(test, vmb_channel_allocate(&fixture->transport.device.device, false,
						   &family->primary), 0);
	family->operations = (struct vmb_channel_transport_operations) {
		.prepare = primary_prepare,
		.unprepare = primary_unprepare,
		.open = primary_open,
		.close = primary_close,
		.signal = primary_silent,
		.schedule = primary_silent,
		.peer_gone = primary_peer_stays,
	};
	family->primary->operations = &family->operations;
	vmb_channel_set_pointer(family->primary, family);
	vmb_channel_init_set_process_packet_callbacks(family->primary, NULL,
						      primary_no_packet, NULL);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_primary_channel(fixture->channel,
								   family->primary, 1), 0);
	operations = send_change_transport(fixture);
	operations->sub_channels_stay_open = true;
	operations->close = sub_close;
	operations->open = sub_open;
	send_allow_external(fixture);
	return 0;
}

static void peer_test_exit(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel *primary = NULL;
	u32 i;

	if (!fixture || !fixture->private)
		return;
	fixture->transport.gone = true;
	if (family_of_fixture(fixture))
		primary = family_of_fixture(fixture)->primary;
	if (primary) {
		vmb_channel_disable(primary);
		vmb_channel_disable(fixture->channel);
		flush_work(&fixture->helper);
		for (i = 0; i < SEND_FIXTURE_PACKETS; i++)
			send_free(fixture, i);
		vmb_channel_cleanup(fixture->channel);
		fixture->channel = NULL;
		vmb_channel_cleanup(primary);
	}
	send_fixture_exit(test);
}

/* The primary runs. */
static void open_primary(struct channel_fixture *fixture)
{
	struct vmb_channel *primary = family_of_fixture(fixture)->primary;

	KUNIT_ASSERT_EQ(fixture->test, vmb_channel_enable(primary), 0);
	flush_work(&primary->life.work);
	vmb_watchdog_stop(primary);
	KUNIT_ASSERT_EQ(fixture->test, primary->life.state, VMB_LIFE_OPEN);
}

/* Both run, and the peer has a packet with a page of ours. Returns its id. */
static u64 open_and_send(struct channel_fixture *fixture)
{
	struct sent_packet sent;
	struct bio_vec vector;

	open_primary(fixture);
	channel_enable(fixture);
	KUNIT_ASSERT_EQ(fixture->test, fixture->channel->life.state, VMB_LIFE_OPEN);
	bvec_set_page(&vector, send_pages(fixture, 0), PAGE_SIZE, 0);
	KUNIT_ASSERT_EQ(fixture->test, send_external(fixture, 0, &vector, 1, WAIT), 0);
	KUNIT_ASSERT_TRUE(fixture->test, peer_take(fixture, &sent));
	return sent.transaction_id;
}

/* The sub-channel is disabled by somebody, who waits as long as it takes. */
static void begin_to_disable(struct channel_fixture *fixture)
{
	channel_help(fixture, channel_help_disable);
	KUNIT_ASSERT_NE(fixture->test, wait_for_completion_timeout(&fixture->suspended,
								   CHANNEL_FIXTURE_PATIENCE), 0);
}

static int disable_primary(struct channel_fixture *fixture)
{
	return vmb_channel_disable(family_of_fixture(fixture)->primary);
}

static void expect_disabled(struct channel_fixture *fixture)
{
	KUNIT_EXPECT_EQ(fixture->test, channel_wait_for_help(fixture), 0);
	KUNIT_EXPECT_EQ(fixture->test, fixture->channel->life.state, VMB_LIFE_DISABLED);
}

/* The peer is given the time to complete it. */
static void test_peer_completes_it(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct family *family = family_of_fixture(fixture);
	u64 id = open_and_send(fixture);

	begin_to_disable(fixture);
	/* Longer than any of its looks. */
	msleep(500);
	KUNIT_EXPECT_EQ(test, family->sub_closes, 0);
	KUNIT_EXPECT_FALSE(test, completion_done(&fixture->helped));
	peer_answer(fixture, id, 0);
	expect_disabled(fixture);
	send_expect_end(fixture, 0, 0, 0);
	send_expect_ends(fixture, 1);
	KUNIT_EXPECT_EQ(test, family->sub_closes, 1);
	KUNIT_EXPECT_EQ(test, family->closed, 0);
}

/* Not for ever; and then its memory may still be written to, by its own word. */
static void test_patience_ends(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct family *family = family_of_fixture(fixture);
	unsigned long begun;

	open_and_send(fixture);
	begun = jiffies;
	begin_to_disable(fixture);
	expect_disabled(fixture);
	KUNIT_EXPECT_GE(test, jiffies - begun, PATIENCE);
	KUNIT_EXPECT_LT(test, jiffies - begun, PATIENCE + AT_ONCE);
	send_expect_end(fixture, 0, 0, -EIO);
	send_expect_ends(fixture, 1);
	KUNIT_EXPECT_EQ(test, family->sub_closes, 1);
	KUNIT_EXPECT_EQ(test, family->closed, 0);
}

/* In remove there is less of it. */
static void test_remove_has_less(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	unsigned long begun;

	open_and_send(fixture);
	vmb_transport_device_removing(&fixture->transport.device);
	begun = jiffies;
	begin_to_disable(fixture);
	expect_disabled(fixture);
	KUNIT_EXPECT_GE(test, jiffies - begun, HZ);
	KUNIT_EXPECT_LT(test, jiffies - begun, HZ + AT_ONCE);
	send_expect_end(fixture, 0, 0, -EIO);
}

/* With nothing outstanding nobody waits. */
static void test_nothing_to_wait_for(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	unsigned long begun;
	u64 id;

	id = open_and_send(fixture);
	peer_answer(fixture, id, 0);
	send_expect_ends(fixture, 1);
	begun = jiffies;
	begin_to_disable(fixture);
	expect_disabled(fixture);
	KUNIT_EXPECT_LT(test, jiffies - begun, AT_ONCE);
	KUNIT_EXPECT_EQ(test, family_of_fixture(fixture)->sub_closes, 1);
}

/* Once it waits no more it tries, and again if that was before the primary closed. */
static void expect_closed_with_primary(struct kunit *test, struct family *family)
{
	KUNIT_EXPECT_GE(test, family->sub_closes, 1);
	KUNIT_EXPECT_LE(test, family->sub_closes, 2);
}

/* The primary closes as well: that takes the memory out of the peer's hands. */
static void test_primary_closes_it(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct family *family = family_of_fixture(fixture);
	unsigned long begun;

	open_and_send(fixture);
	begun = jiffies;
	channel_help(fixture, disable_primary);
	expect_disabled(fixture);
	KUNIT_EXPECT_LT(test, jiffies - begun, AT_ONCE);
	KUNIT_EXPECT_EQ(test, family->closed, 1);
	expect_closed_with_primary(test, family);
	send_expect_end(fixture, 0, 0, -ENODEV);
	send_expect_ends(fixture, 1);
}

/* The same, and it was waiting alone before. */
static void test_primary_comes_after(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct family *family = family_of_fixture(fixture);
	unsigned long begun;

	open_and_send(fixture);
	begin_to_disable(fixture);
	begun = jiffies;
	KUNIT_EXPECT_EQ(test, disable_primary(fixture), 0);
	expect_disabled(fixture);
	KUNIT_EXPECT_LT(test, jiffies - begun, AT_ONCE);
	expect_closed_with_primary(test, family);
	send_expect_end(fixture, 0, 0, -ENODEV);
}

/* A peer that is gone writes to nothing. */
static void test_peer_goes(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	unsigned long begun;

	open_and_send(fixture);
	begin_to_disable(fixture);
	begun = jiffies;
	WRITE_ONCE(fixture->transport.gone, true);
	expect_disabled(fixture);
	KUNIT_EXPECT_LT(test, jiffies - begun, AT_ONCE);
	send_expect_end(fixture, 0, 0, -ENODEV);
}

static void wait_for_state(struct kunit *test, struct vmb_channel *channel,
			   enum vmb_life_state state)
{
	unsigned long end = jiffies + CHANNEL_FIXTURE_PATIENCE;

	while (READ_ONCE(channel->life.state) != state && time_before(jiffies, end))
		msleep(20);
	KUNIT_EXPECT_EQ(test, READ_ONCE(channel->life.state), state);
}

/*
 * The VM resumes, and the host offers the sub-channel before its primary has
 * opened: it waits for that.
 */
static void test_peer_comes_first(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct family *family = family_of_fixture(fixture);

	open_primary(fixture);
	channel_enable(fixture);
	vmb_life_pm_quiesce(fixture->channel, VMB_CHANNEL_STOP_HIBERNATING);
	vmb_life_pm_quiesce(family->primary, VMB_CHANNEL_STOP_HIBERNATING);
	flush_work(&fixture->channel->life.work);
	flush_work(&family->primary->life.work);
	vmb_life_pm_close(fixture->channel);
	vmb_life_pm_close(family->primary);
	wait_for_state(test, family->primary, VMB_LIFE_ENABLED);
	wait_for_state(test, fixture->channel, VMB_LIFE_ENABLED);

	vmb_life_pm_resume(fixture->channel);
	flush_work(&fixture->channel->life.work);
	KUNIT_EXPECT_EQ(test, fixture->channel->life.state, VMB_LIFE_ENABLED);
	vmb_life_pm_resume(family->primary);
	wait_for_state(test, family->primary, VMB_LIFE_OPEN);
	wait_for_state(test, fixture->channel, VMB_LIFE_OPEN);
	KUNIT_EXPECT_FALSE(test, family->open_first);
}

/* Somebody disables the primary just when the VM begins to hibernate. */
static void test_primary_closes_meanwhile(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct family *family = family_of_fixture(fixture);
	unsigned long begun;

	open_primary(fixture);
	channel_enable(fixture);
	vmb_life_pm_quiesce(fixture->channel, VMB_CHANNEL_STOP_HIBERNATING);
	flush_work(&fixture->channel->life.work);
	channel_help(fixture, disable_primary);
	wait_for_state(test, family->primary, VMB_LIFE_CLOSING);
	begun = jiffies;
	KUNIT_EXPECT_EQ(test, vmb_transport_device_pm_close(&fixture->transport.device), 0);
	KUNIT_EXPECT_LT(test, jiffies - begun, AT_ONCE);
	expect_disabled(fixture);
	KUNIT_EXPECT_EQ(test, family->closed, 1);
}

/**
 * struct held_send - a packet that the primary's driver waits for in closed
 * @packet: it.
 * @ended: its routine was called.
 * @status: what that was told.
 */
struct held_send {
	struct vmb_packet *packet;
	struct completion ended;
	int status;
};

static void held_send_ended(struct vmb_packet *packet, void *context, int status,
			    const void *buffer, u32 length)
{
	struct held_send *held = context;

	held->status = status;
	complete_all(&held->ended);
}

static void primary_waits_in_closed(struct vmb_channel *channel, void *context,
				    enum vmb_channel_stop_reason reason)
{
	struct held_send *held = context;

	if (reason != VMB_CHANNEL_STOP_HIBERNATING)
		return;
	vmb_packet_send(held->packet, NULL, 0, NULL, 0, WAIT);
	wait_for_completion_timeout(&held->ended, 3 * CHANNEL_FIXTURE_PATIENCE);
}

static void sub_channel_waits_in_closed(struct channel_fixture *fixture,
					enum channel_event event)
{
	struct sender *sender = sender_of(fixture);

	if (event != CLOSED)
		return;
	send_try(fixture, 0, 8, WAIT);
	wait_event_timeout(sender->ended, READ_ONCE(sender->end_count),
			   3 * CHANNEL_FIXTURE_PATIENCE);
}

/*
 * Each waits in closed for a packet that is held until the VM resumes, which does
 * not hibernate before they are closed. Both packets end, and both channels open
 * again.
 */
static void test_both_take_too_long(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel *primary = family_of_fixture(fixture)->primary;
	struct vmb_channel_state_change_callbacks callbacks;
	struct held_send held;

	init_completion(&held.ended);
	vmb_channel_state_change_callbacks_init(&callbacks);
	callbacks.callback_context = &held;
	callbacks.closed = primary_waits_in_closed;
	vmb_channel_init_set_state_change_callbacks(primary, &callbacks);
	held.packet = vmb_packet_allocate(primary);
	KUNIT_ASSERT_NOT_NULL(test, held.packet);
	vmb_packet_set_completion_routine(held.packet, &held, held_send_ended);
	open_primary(fixture);
	channel_enable(fixture);
	send_make(fixture, 0);
	fixture->on_state = sub_channel_waits_in_closed;
	KUNIT_EXPECT_EQ(test, vmb_transport_device_pm_close(&fixture->transport.device), -EBUSY);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&held.ended, AT_ONCE), 0);
	wait_for_state(test, primary, VMB_LIFE_OPEN);
	wait_for_state(test, fixture->channel, VMB_LIFE_OPEN);
	fixture->on_state = NULL;
	KUNIT_EXPECT_EQ(test, held.status, -ENODEV);
	send_expect_ends(fixture, 1);
	send_expect_end(fixture, 0, 0, -ENODEV);
	/* Its context is ours. */
	vmb_channel_disable(primary);
	vmb_packet_free(held.packet);
}

static struct kunit_case sub_channel_peer_cases[] = {
	KUNIT_CASE(test_peer_completes_it),
	KUNIT_CASE(test_patience_ends),
	KUNIT_CASE(test_remove_has_less),
	KUNIT_CASE(test_nothing_to_wait_for),
	KUNIT_CASE(test_primary_closes_it),
	KUNIT_CASE(test_primary_comes_after),
	KUNIT_CASE(test_peer_goes),
	KUNIT_CASE(test_peer_comes_first),
	KUNIT_CASE(test_primary_closes_meanwhile),
	KUNIT_CASE_SLOW(test_both_take_too_long),
	{}
};

static struct kunit_suite sub_channel_peer_suite = {
	.name = "vmbkmcl_sub_channel_peer",
	.init = peer_test_init,
	.exit = peer_test_exit,
	.test_cases = sub_channel_peer_cases,
};

kunit_test_suite(sub_channel_peer_suite);
