// SPDX-License-Identifier: GPL-2.0
/*
 * A sub-channel whose peer closes it only together with its primary, as hv_vmbus
 * has it, and packets of its own that name memory.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/jiffies.h>

#include "../fixtures/peer_family_fixture.h"

/* What a sub-channel gives a peer that does not complete a packet. */
#define PATIENCE	(10 * HZ)

/* Both run, and the peer has a packet with a page of ours. Returns its id. */
static u64 open_and_send(struct channel_fixture *fixture)
{
	struct sent_packet sent;
	struct bio_vec vector;

	peer_family_open_primary(fixture);
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

static void expect_disabled(struct channel_fixture *fixture)
{
	KUNIT_EXPECT_EQ(fixture->test, channel_wait_for_help(fixture), 0);
	KUNIT_EXPECT_EQ(fixture->test, fixture->channel->life.state, VMB_LIFE_DISABLED);
}

/* The peer is given the time to complete it. */
static void test_peer_completes_it(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct peer_family *family = peer_family_of(fixture);
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
	struct peer_family *family = peer_family_of(fixture);
	unsigned long begun;

	open_and_send(fixture);
	begun = jiffies;
	begin_to_disable(fixture);
	expect_disabled(fixture);
	KUNIT_EXPECT_GE(test, jiffies - begun, PATIENCE);
	KUNIT_EXPECT_LT(test, jiffies - begun, PATIENCE + PEER_FAMILY_AT_ONCE);
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
	KUNIT_EXPECT_LT(test, jiffies - begun, HZ + PEER_FAMILY_AT_ONCE);
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
	KUNIT_EXPECT_LT(test, jiffies - begun, PEER_FAMILY_AT_ONCE);
	KUNIT_EXPECT_EQ(test, peer_family_of(fixture)->sub_closes, 1);
}

/* Once it waits no more it tries, and again if that was before the primary closed. */
static void expect_closed_with_primary(struct kunit *test, struct peer_family *family)
{
	KUNIT_EXPECT_GE(test, family->sub_closes, 1);
	KUNIT_EXPECT_LE(test, family->sub_closes, 2);
}

/* The primary closes as well: that takes the memory out of the peer's hands. */
static void test_primary_closes_it(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct peer_family *family = peer_family_of(fixture);
	unsigned long begun;

	open_and_send(fixture);
	begun = jiffies;
	channel_help(fixture, peer_family_disable_primary);
	expect_disabled(fixture);
	KUNIT_EXPECT_LT(test, jiffies - begun, PEER_FAMILY_AT_ONCE);
	KUNIT_EXPECT_EQ(test, family->closed, 1);
	expect_closed_with_primary(test, family);
	send_expect_end(fixture, 0, 0, -ENODEV);
	send_expect_ends(fixture, 1);
}

/* The same, and it was waiting alone before. */
static void test_primary_comes_after(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct peer_family *family = peer_family_of(fixture);
	unsigned long begun;

	open_and_send(fixture);
	begin_to_disable(fixture);
	begun = jiffies;
	KUNIT_EXPECT_EQ(test, peer_family_disable_primary(fixture), 0);
	expect_disabled(fixture);
	KUNIT_EXPECT_LT(test, jiffies - begun, PEER_FAMILY_AT_ONCE);
	expect_closed_with_primary(test, family);
	send_expect_end(fixture, 0, 0, -ENODEV);
}

/* A target of its own is for further channels, and this is one of its primary's. */
static void test_target_is_another(struct kunit *test)
{
	static const guid_t other = GUID_INIT(7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7);
	struct channel_fixture *fixture = test->priv;

	peer_family_open_primary(fixture);
	KUNIT_ASSERT_EQ(test,
			vmb_client_channel_init_set_target_pnp(fixture->channel, &other, NULL,
							       NULL), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(fixture->channel), -ENODEV);
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
	KUNIT_EXPECT_LT(test, jiffies - begun, PEER_FAMILY_AT_ONCE);
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

/* Both are open, and the VM is about to hibernate. */
static void open_and_quiesce(struct channel_fixture *fixture)
{
	struct peer_family *family = peer_family_of(fixture);

	peer_family_open_primary(fixture);
	channel_enable(fixture);
	vmb_life_pm_quiesce(fixture->channel, VMB_CHANNEL_STOP_HIBERNATING);
	vmb_life_pm_quiesce(family->primary, VMB_CHANNEL_STOP_HIBERNATING);
	flush_work(&fixture->channel->life.work);
	flush_work(&family->primary->life.work);
}

/*
 * The VM resumes, and the host offers the sub-channel before its primary has
 * opened: it waits for that.
 */
static void test_peer_comes_first(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct peer_family *family = peer_family_of(fixture);

	open_and_quiesce(fixture);
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

/* The VM does not hibernate after all, and the sub-channel hears of it first. */
static void test_primary_is_quiesced(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct peer_family *family = peer_family_of(fixture);

	open_and_quiesce(fixture);
	vmb_life_pm_close(fixture->channel);
	wait_for_state(test, fixture->channel, VMB_LIFE_ENABLED);

	vmb_life_pm_resume(fixture->channel);
	flush_work(&fixture->channel->life.work);
	KUNIT_EXPECT_EQ(test, fixture->channel->life.state, VMB_LIFE_ENABLED);
	vmb_life_pm_resume(family->primary);
	wait_for_state(test, fixture->channel, VMB_LIFE_OPEN);
}

/*
 * The time of hibernation was up before the sub-channel's worker had its turn: the
 * primary is closing, and waits for it.
 */
static void test_primary_closes_nevertheless(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct peer_family *family = peer_family_of(fixture);

	open_and_quiesce(fixture);
	vmb_life_pm_close(family->primary);
	wait_for_state(test, family->primary, VMB_LIFE_CLOSING);

	vmb_transport_device_pm_resume(&fixture->transport.device);
	wait_for_state(test, family->primary, VMB_LIFE_OPEN);
	wait_for_state(test, fixture->channel, VMB_LIFE_OPEN);
	KUNIT_EXPECT_EQ(test, family->closed, 1);
}

/**
 * struct told - when a channel is told of what the VM does
 * @entry: in its queue of those who wait for it to change.
 * @task: who tells; what its worker does is of no interest here.
 * @turns: turns so far, of all channels.
 * @turn: its own; 0: none yet.
 */
struct told {
	struct wait_queue_entry entry;
	struct task_struct *task;
	u32 *turns;
	u32 turn;
};

static int note_turn(struct wait_queue_entry *entry, unsigned int mode, int flags, void *key)
{
	struct told *told = container_of(entry, struct told, entry);

	if (current == told->task && !told->turn)
		told->turn = ++*told->turns;
	return 0;
}

static void begin_to_note(struct told *told, struct vmb_channel *channel, u32 *turns)
{
	*told = (struct told) { .task = current, .turns = turns };
	init_waitqueue_func_entry(&told->entry, note_turn);
	add_wait_queue(&channel->life.changed, &told->entry);
}

/* One hibernation, with @last at the end of the device's list of channels. */
static void expect_order(struct kunit *test, struct vmb_channel *last)
{
	struct channel_fixture *fixture = test->priv;
	struct peer_family *family = peer_family_of(fixture);
	struct vmb_transport_device *device = &fixture->transport.device;
	struct told primary, sub_channel;
	u32 turns = 0;

	spin_lock_irq(&device->lock);
	list_move_tail(&last->device_node, &device->channels);
	spin_unlock_irq(&device->lock);
	begin_to_note(&primary, family->primary, &turns);
	begin_to_note(&sub_channel, fixture->channel, &turns);
	KUNIT_EXPECT_EQ(test, vmb_transport_device_pm_close(device), 0);
	KUNIT_EXPECT_EQ(test, sub_channel.turn, 1);
	KUNIT_EXPECT_EQ(test, primary.turn, 2);
	turns = 0;
	primary.turn = 0;
	sub_channel.turn = 0;
	vmb_transport_device_pm_resume(device);
	KUNIT_EXPECT_EQ(test, primary.turn, 1);
	KUNIT_EXPECT_EQ(test, sub_channel.turn, 2);
	remove_wait_queue(&family->primary->life.changed, &primary.entry);
	remove_wait_queue(&fixture->channel->life.changed, &sub_channel.entry);
	wait_for_state(test, fixture->channel, VMB_LIFE_OPEN);
}

/*
 * A sub-channel looks at its primary to know whether it may go on: so it hears of a
 * hibernation before, and of its end after the primary does.
 */
static void test_who_is_told_first(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	peer_family_open_primary(fixture);
	channel_enable(fixture);
	expect_order(test, fixture->channel);
	expect_order(test, peer_family_of(fixture)->primary);
}

/* Somebody disables the primary just when the VM begins to hibernate. */
static void test_primary_closes_meanwhile(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct peer_family *family = peer_family_of(fixture);
	unsigned long begun;

	peer_family_open_primary(fixture);
	channel_enable(fixture);
	vmb_life_pm_quiesce(fixture->channel, VMB_CHANNEL_STOP_HIBERNATING);
	flush_work(&fixture->channel->life.work);
	channel_help(fixture, peer_family_disable_primary);
	wait_for_state(test, family->primary, VMB_LIFE_CLOSING);
	begun = jiffies;
	KUNIT_EXPECT_EQ(test, vmb_transport_device_pm_close(&fixture->transport.device), 0);
	KUNIT_EXPECT_LT(test, jiffies - begun, PEER_FAMILY_AT_ONCE);
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
	if (!vmb_packet_send(held->packet, NULL, 0, NULL, 0, WAIT))
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
	struct vmb_channel *primary = peer_family_of(fixture)->primary;
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
	peer_family_open_primary(fixture);
	channel_enable(fixture);
	send_make(fixture, 0);
	fixture->on_state = sub_channel_waits_in_closed;
	KUNIT_EXPECT_EQ(test, vmb_transport_device_pm_close(&fixture->transport.device), -EBUSY);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&held.ended, PEER_FAMILY_AT_ONCE), 0);
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
	KUNIT_CASE(test_target_is_another),
	KUNIT_CASE(test_peer_goes),
	KUNIT_CASE(test_peer_comes_first),
	KUNIT_CASE(test_primary_is_quiesced),
	KUNIT_CASE(test_primary_closes_nevertheless),
	KUNIT_CASE(test_who_is_told_first),
	KUNIT_CASE(test_primary_closes_meanwhile),
	KUNIT_CASE_SLOW(test_both_take_too_long),
	{}
};

static struct kunit_suite sub_channel_peer_suite = {
	.name = "vmbkmcl_sub_channel_peer",
	.init = peer_family_init,
	.exit = peer_family_exit,
	.test_cases = sub_channel_peer_cases,
};

kunit_test_suite(sub_channel_peer_suite);
