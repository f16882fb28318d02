// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that wait for their answer, made in callbacks of a primary and of its
 * sub-channel. Their workers wait for each other, and so do pause and disable: if
 * the request waited longer than they can, it would be for ever.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/jiffies.h>

#include "../fixtures/peer_family_fixture.h"

static int ask(struct vmb_channel *channel, const struct bio_vec *vectors)
{
	return vmb_channel_send_synchronous_request(channel, NULL, 0, vectors, !!vectors,
						    WAIT, NULL, NULL,
						    MAX_SCHEDULE_TIMEOUT);
}

static int ask_sub_channel(struct peer_family *family)
{
	return ask(family->sub_channel, NULL);
}

static int ask_primary(struct peer_family *family)
{
	return ask(family->primary, NULL);
}

/* The page is the caller's again when the request returns. */
static int ask_primary_with_page(struct peer_family *family)
{
	struct bio_vec vector;

	bvec_set_page(&vector, family->page, PAGE_SIZE, 0);
	return ask(family->primary, &vector);
}

static void sub_channel_asks(struct channel_fixture *fixture, enum channel_event event)
{
	struct peer_family *family = peer_family_of(fixture);

	if (event != POST_STARTED)
		return;
	wait_for_completion(&family->go_on);
	family->answer = family->ask(family);
}

static void sub_channel_asks_in_packet(struct channel_fixture *fixture,
				       struct channel_packet *packet)
{
	struct peer_family *family = peer_family_of(fixture);

	channel_complete_inline(fixture, packet);
	family->answer = family->ask(family);
}

static int pause_primary(struct channel_fixture *fixture)
{
	return vmb_channel_pause(peer_family_of(fixture)->primary);
}

static void wait_for_request(struct kunit *test, struct vmb_channel *channel)
{
	unsigned long end = jiffies + CHANNEL_FIXTURE_PATIENCE;

	while (!READ_ONCE(channel->counters.sends) && time_before(jiffies, end))
		usleep_range(100, 200);
	KUNIT_ASSERT_EQ(test, READ_ONCE(channel->counters.sends), 1);
}

/* The primary asks in post_started, and waits until it may. */
static void open_primary_that_asks(struct channel_fixture *fixture)
{
	struct peer_family *family = peer_family_of(fixture);

	family->ask = ask_sub_channel;
	KUNIT_ASSERT_EQ(fixture->test, vmb_channel_enable(family->primary), 0);
	peer_family_wait_for_flow(fixture->test, family->primary, VMB_FLOW_RUNNING);
	channel_enable(fixture);
	complete_all(&family->go_on);
	wait_for_request(fixture->test, fixture->channel);
}

/* The sub-channel does. */
static void open_sub_channel_that_asks(struct channel_fixture *fixture,
				       int (*what)(struct peer_family *family))
{
	struct peer_family *family = peer_family_of(fixture);

	peer_family_open_primary(fixture);
	family->ask = what;
	family->page = send_pages(fixture, 0);
	fixture->on_state = sub_channel_asks;
	KUNIT_ASSERT_EQ(fixture->test, vmb_channel_enable(fixture->channel), 0);
	peer_family_wait_for_flow(fixture->test, fixture->channel, VMB_FLOW_RUNNING);
}

/* The helper returns, and the request has said why. */
static void expect_given_up(struct channel_fixture *fixture, int why)
{
	struct peer_family *family = peer_family_of(fixture);
	bool hangs = !wait_for_completion_timeout(&fixture->helped, PEER_FAMILY_AT_ONCE);

	if (hangs) {
		KUNIT_FAIL(fixture->test, "the request is not given up");
		WRITE_ONCE(family->gone, true);
		WRITE_ONCE(fixture->transport.gone, true);
		wait_for_completion(&fixture->helped);
	}
	KUNIT_EXPECT_EQ(fixture->test, fixture->help_result, 0);
	KUNIT_EXPECT_EQ(fixture->test, family->answer, why);
}

/* Nobody else stops the sub-channel. */
static void test_primary_asks_and_is_disabled(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	open_primary_that_asks(fixture);
	channel_help(fixture, peer_family_disable_primary);
	expect_given_up(fixture, -ENODEV);
}

/* Its worker waits for the sub-channel's, and only it could end the packet. */
static void test_sub_channel_asks_and_primary_is_disabled(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct peer_family *family = peer_family_of(fixture);

	open_sub_channel_that_asks(fixture, ask_primary_with_page);
	complete_all(&family->go_on);
	wait_for_request(test, family->primary);
	channel_help(fixture, peer_family_disable_primary);
	expect_given_up(fixture, -ENODEV);
	KUNIT_EXPECT_EQ(test, page_ref_count(family->page), 1);
}

/* In a packet callback that sleeps. */
static void test_packet_asks_and_sub_channel_is_disabled(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct peer_family *family = peer_family_of(fixture);

	peer_family_open_primary(fixture);
	family->ask = ask_primary;
	fixture->process = sub_channel_asks_in_packet;
	vmb_channel_set_incoming_processing_at_passive(fixture->channel, true);
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	wait_for_request(test, family->primary);
	channel_help(fixture, channel_help_disable);
	expect_given_up(fixture, -ENODEV);
}

/* The answer lies behind a packet that is delivered after the start. */
static void test_primary_asks_and_is_paused(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct peer_family *family = peer_family_of(fixture);
	u64 id;

	open_primary_that_asks(fixture);
	id = peer_expect_sent(fixture, 0, 0, WAIT);
	channel_help(fixture, pause_primary);
	peer_family_wait_for_flow(test, fixture->channel, VMB_FLOW_PAUSED);
	peer_put(fixture, &(struct peer_packet) { .type = 6, .transaction_id = 1 });
	peer_answer(fixture, id, 0);
	expect_given_up(fixture, -EDEADLK);
	KUNIT_EXPECT_EQ(test, vmb_channel_start(family->primary), 0);
}

/* But one that comes is waited for. */
static void test_primary_is_paused_and_answered(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u64 id;

	open_primary_that_asks(fixture);
	id = peer_expect_sent(fixture, 0, 0, WAIT);
	channel_help(fixture, pause_primary);
	peer_family_wait_for_flow(test, fixture->channel, VMB_FLOW_PAUSED);
	/* Longer than any of its looks. */
	msleep(500);
	peer_answer(fixture, id, 0);
	expect_given_up(fixture, 0);
}

/* It is held until a start, which waits for the pause. */
static void test_primary_is_paused_and_sub_channel_asks(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct peer_family *family = peer_family_of(fixture);

	open_sub_channel_that_asks(fixture, ask_primary);
	channel_help(fixture, pause_primary);
	peer_family_wait_for_flow(test, family->primary, VMB_FLOW_PAUSED);
	complete_all(&family->go_on);
	expect_given_up(fixture, -EDEADLK);
	KUNIT_EXPECT_EQ(test, vmb_channel_start(family->primary), 0);
}

/* Of the sub-channel: gone with the VM that hibernates, and there again with it. */

static atomic_t looks;
static bool gone_meanwhile;

static bool peer_gone_meanwhile(struct vmb_channel *channel)
{
	struct channel_fixture *fixture = vmb_channel_get_pointer(channel);

	if (!READ_ONCE(gone_meanwhile))
		return fixture->transport.gone;
	if (current_work() == &fixture->helper)
		atomic_inc(&looks);
	return true;
}

static int ask_fixture(struct channel_fixture *fixture)
{
	return ask(fixture->channel, NULL);
}

static void wait_for_state(struct kunit *test, struct vmb_channel *channel,
			   enum vmb_life_state state)
{
	wait_event_timeout(channel->life.changed, vmb_life_state(channel) == state,
			   CHANNEL_FIXTURE_PATIENCE);
	KUNIT_ASSERT_EQ(test, vmb_life_state(channel), state);
}

/* The request is held until the VM resumes, and who waits for it looks meanwhile. */
static void test_peer_goes_with_the_hibernation(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_transport_device *device = &fixture->transport.device;
	unsigned long end = jiffies + CHANNEL_FIXTURE_PATIENCE;

	atomic_set(&looks, 0);
	WRITE_ONCE(gone_meanwhile, false);
	sender_of(fixture)->operations.peer_gone = peer_gone_meanwhile;
	peer_family_open_primary(fixture);
	channel_enable(fixture);
	vmb_life_pm_quiesce(fixture->channel, VMB_CHANNEL_STOP_HIBERNATING);
	flush_work(&fixture->channel->life.work);
	channel_help(fixture, ask_fixture);
	wait_for_request(test, fixture->channel);
	WRITE_ONCE(gone_meanwhile, true);
	KUNIT_ASSERT_EQ(test, vmb_transport_device_pm_close(device), 0);
	/* Two, of which the second begins when the first has had its effect. */
	while (atomic_read(&looks) < 2 && !completion_done(&fixture->helped) &&
	       time_before(jiffies, end))
		usleep_range(100, 200);
	KUNIT_EXPECT_FALSE(test, completion_done(&fixture->helped));
	WRITE_ONCE(gone_meanwhile, false);
	vmb_transport_device_pm_resume(device);
	wait_for_state(test, fixture->channel, VMB_LIFE_OPEN);
	channel_settle(fixture);
	vmb_watchdog_stop(fixture->channel);
	peer_answer(fixture, peer_expect_sent(fixture, 0, 0, WAIT), 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
}

static void expect_caller(struct kunit *test, struct vmb_channel *channel,
			  struct vmb_channel *caller)
{
	KUNIT_EXPECT_PTR_EQ(test, vmb_life_caller(channel), caller);
}

/* Beside a primary and its sub-channel, one that has nothing to do with them. */
static void test_strangers_are_no_family(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel *primary = peer_family_of(fixture)->primary;
	struct vmb_channel *channels[3] = { primary, fixture->channel };
	struct vmb_channel *stranger;
	u32 i;

	KUNIT_ASSERT_EQ(test, vmb_channel_allocate(&fixture->transport.device.device, false,
						   &stranger), 0);
	channels[2] = stranger;
	for (i = 0; i < ARRAY_SIZE(channels); i++) {
		struct vmb_channel *caller = channels[i];
		bool is_family = caller != stranger;

		expect_caller(test, caller, NULL);
		/* As if this were a callback of it. */
		WRITE_ONCE(caller->life.worker, current);
		expect_caller(test, primary, is_family ? caller : NULL);
		expect_caller(test, fixture->channel, is_family ? caller : NULL);
		expect_caller(test, stranger, is_family ? NULL : caller);
		WRITE_ONCE(caller->life.worker, NULL);
	}
	vmb_channel_cleanup(stranger);
}

/*
 * On loopback a device has thousands of channels, and this is asked with interrupts off:
 * the device's list is not looked at, so that what is not in it is found all the same.
 */
static void test_family_is_found_beside_thousands(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_transport_device *device = &fixture->transport.device;
	struct vmb_channel *primary = peer_family_of(fixture)->primary;
	LIST_HEAD(thousands);

	spin_lock_irq(&device->lock);
	list_splice_init(&device->channels, &thousands);
	spin_unlock_irq(&device->lock);
	WRITE_ONCE(primary->life.worker, current);
	expect_caller(test, primary, primary);
	expect_caller(test, fixture->channel, primary);
	WRITE_ONCE(primary->life.worker, NULL);
	WRITE_ONCE(fixture->channel->life.worker, current);
	expect_caller(test, primary, fixture->channel);
	KUNIT_EXPECT_TRUE(test, vmb_sub_channels_are_callers(primary));
	WRITE_ONCE(fixture->channel->life.worker, NULL);
	spin_lock_irq(&device->lock);
	list_splice(&thousands, &device->channels);
	spin_unlock_irq(&device->lock);
}

static int disable_sub_channel(struct peer_family *family)
{
	return vmb_channel_disable(family->sub_channel);
}

/* One that has ended: nobody waits for anybody, and it may be cleaned up in there. */
static void test_disabled_again_in_a_callback_of_the_primary(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct peer_family *family = peer_family_of(fixture);

	family->ask = disable_sub_channel;
	family->answer = 1;
	complete_all(&family->go_on);
	peer_family_open_primary(fixture);
	KUNIT_EXPECT_EQ(test, peer_family_disable_primary(fixture), 0);
	KUNIT_EXPECT_EQ(test, family->answer, 0);
}

static const struct vmb_channel_transport_operations *prepared_by;

static int prepare_and_lose_the_primary(struct vmb_channel *channel, u32 *inbound_size,
					u32 *outbound_size, u32 minimum)
{
	int ret = prepared_by->prepare(channel, inbound_size, outbound_size, minimum);

	vmb_sub_channels_orphan(channel->primary);
	return ret;
}

/* It was to be a sub-channel of that one, and becomes no primary of the device instead. */
static void test_primary_goes_while_it_is_enabled(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel_transport_operations operations = *fixture->channel->operations;

	peer_family_open_primary(fixture);
	prepared_by = fixture->channel->operations;
	operations.prepare = prepare_and_lose_the_primary;
	fixture->channel->operations = &operations;
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(fixture->channel), -ENOTCONN);
	fixture->channel->operations = prepared_by;
	KUNIT_EXPECT_NULL(test, fixture->channel->primary);
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
}

static struct kunit_case sub_channel_request_cases[] = {
	KUNIT_CASE(test_primary_asks_and_is_disabled),
	KUNIT_CASE(test_sub_channel_asks_and_primary_is_disabled),
	KUNIT_CASE(test_packet_asks_and_sub_channel_is_disabled),
	KUNIT_CASE(test_primary_asks_and_is_paused),
	KUNIT_CASE(test_primary_is_paused_and_answered),
	KUNIT_CASE(test_primary_is_paused_and_sub_channel_asks),
	KUNIT_CASE(test_peer_goes_with_the_hibernation),
	KUNIT_CASE(test_strangers_are_no_family),
	KUNIT_CASE(test_family_is_found_beside_thousands),
	KUNIT_CASE(test_disabled_again_in_a_callback_of_the_primary),
	KUNIT_CASE(test_primary_goes_while_it_is_enabled),
	{}
};

static struct kunit_suite sub_channel_request_suite = {
	.name = "vmbkmcl_sub_channel_request",
	.init = peer_family_init,
	.exit = peer_family_exit,
	.test_cases = sub_channel_request_cases,
};

kunit_test_suite(sub_channel_request_suite);
