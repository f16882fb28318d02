// SPDX-License-Identifier: GPL-2.0
/*
 * Servers and clients on loopback. See loopback_fixture.h.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>

#include "loopback_fixture.h"

const guid_t loopback_type =
	GUID_INIT(0x10, 0x20, 0x30, 1, 2, 3, 4, 5, 6, 7, 8);
const guid_t loopback_other_type =
	GUID_INIT(0x10, 0x20, 0x31, 1, 2, 3, 4, 5, 6, 7, 8);
const guid_t loopback_instances[4] = {
	GUID_INIT(0x40, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
	GUID_INIT(0x40, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2),
	GUID_INIT(0x40, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3),
	GUID_INIT(0x40, 1, 1, 1, 1, 1, 1, 1, 1, 1, 4),
};

static void end_log(struct loopback_end *end, enum loopback_event event, s64 detail)
{
	spin_lock_irq(&end->lock);
	if (end->count < LOOPBACK_LOG)
		end->log[end->count++] = (struct loopback_entry) {
			.event = event,
			.detail = detail,
		};
	spin_unlock_irq(&end->lock);
	wake_up_all(&end->changed);
}

static int end_opened(struct vmb_channel *channel, void *context)
{
	struct loopback_end *end = context;

	end_log(end, LOOPBACK_OPENED, 0);
	if (end->hold_opened)
		wait_for_completion(&end->go_on);
	return end->opened_error;
}

static void end_started(struct vmb_channel *channel, void *context)
{
	end_log(context, LOOPBACK_STARTED, 0);
}

static void end_suspend(struct vmb_channel *channel, void *context,
			enum vmb_channel_stop_reason reason)
{
	struct loopback_end *end = context;

	end_log(end, LOOPBACK_SUSPEND, reason);
	if (end->hold_suspend)
		wait_for_completion(&end->go_on);
}

static void end_closed(struct vmb_channel *channel, void *context,
		       enum vmb_channel_stop_reason reason)
{
	struct loopback_end *end = context;

	end_log(end, LOOPBACK_CLOSED, reason);
	if (end->hold_closed)
		wait_for_completion(&end->go_on);
}

static void end_pnp_failure(struct vmb_channel *channel, int failure)
{
	end_log(vmb_channel_get_pointer(channel), LOOPBACK_PNP_FAILURE, failure);
}

static void end_process_packet(struct vmb_channel *channel, void *context,
			       struct vmb_packet_completion *packet, void *buffer,
			       u32 length, u32 flags)
{
	vmb_channel_packet_complete(packet, NULL, 0);
}

static void end_help(struct work_struct *work)
{
	struct loopback_end *end = container_of(work, struct loopback_end, helper);

	vmb_channel_disable(end->channel);
	complete(&end->helped);
}

/* An end whose channel is not made yet. */
struct loopback_end *loopback_end_new(struct kunit *test)
{
	struct loopback_fixture *fixture = test->priv;
	struct loopback_end *end;

	KUNIT_ASSERT_LT(test, fixture->count, LOOPBACK_ENDS);
	end = kunit_kzalloc(test, sizeof(*end), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, end);
	end->test = test;
	spin_lock_init(&end->lock);
	init_waitqueue_head(&end->changed);
	init_completion(&end->go_on);
	init_completion(&end->helped);
	INIT_WORK(&end->helper, end_help);
	fixture->ends[fixture->count++] = end;
	return end;
}

/* Make the channel of an end. Asserts nothing, so that probe may call it. */
int loopback_end_place(struct loopback_end *end, struct vmb_device *device,
		       bool is_server)
{
	struct vmb_channel_state_change_callbacks callbacks;
	int ret;

	ret = vmb_channel_allocate(device, is_server, &end->channel);
	if (ret)
		return ret;
	vmb_channel_set_pointer(end->channel, end);
	vmb_channel_state_change_callbacks_init(&callbacks);
	callbacks.callback_context = end;
	callbacks.opened = end_opened;
	callbacks.started = end_started;
	callbacks.suspend = end_suspend;
	callbacks.closed = end_closed;
	vmb_channel_init_set_state_change_callbacks(end->channel, &callbacks);
	vmb_channel_init_set_process_packet_callbacks(end->channel, end,
						      end_process_packet, NULL);
	return 0;
}

/* An end on no device, with nothing set but its callbacks. */
struct loopback_end *loopback_end_make(struct kunit *test, bool is_server)
{
	struct loopback_end *end = loopback_end_new(test);

	KUNIT_ASSERT_EQ(test, loopback_end_place(end, NULL, is_server), 0);
	return end;
}

/* A server that is configured and nothing more. */
struct loopback_end *loopback_server(struct kunit *test, const guid_t *type,
				     const guid_t *instance)
{
	const u32 flags = VMB_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER;
	struct loopback_end *end = loopback_end_make(test, true);

	KUNIT_ASSERT_EQ(test, vmb_server_channel_init_set_flags(end->channel, flags), 0);
	KUNIT_ASSERT_EQ(test,
			vmb_server_channel_init_set_target_interface_id(end->channel,
									type, instance),
			0);
	return end;
}

/* Likewise a client, of any instance if @instance is NULL. */
struct loopback_end *loopback_client(struct kunit *test, const guid_t *type,
				     const guid_t *instance)
{
	struct loopback_end *end = loopback_end_make(test, false);

	KUNIT_ASSERT_EQ(test,
			vmb_client_channel_init_set_target_pnp(end->channel, type,
							       instance,
							       end_pnp_failure), 0);
	return end;
}

void loopback_clean_up(struct loopback_end *end)
{
	vmb_channel_cleanup(end->channel);
	end->channel = NULL;
}

/* A client flows by itself, a server has to be told. */
void loopback_enable(struct loopback_end *end)
{
	KUNIT_ASSERT_EQ(end->test, vmb_channel_enable(end->channel), 0);
	if (end->channel->is_server)
		KUNIT_ASSERT_EQ(end->test, vmb_channel_start(end->channel), 0);
}

void loopback_disable(struct loopback_end *end)
{
	KUNIT_EXPECT_EQ(end->test, vmb_channel_disable(end->channel), 0);
}

/* On a thread of its own; once at a time. */
void loopback_disable_elsewhere(struct loopback_end *end)
{
	reinit_completion(&end->helped);
	queue_work(system_unbound_wq, &end->helper);
}

void loopback_expect_helped(struct loopback_end *end)
{
	KUNIT_ASSERT_NE_MSG(end->test,
			    wait_for_completion_timeout(&end->helped,
							LOOPBACK_PATIENCE), 0,
			    "disable does not return");
}

/* How often it stands in the log. */
u32 loopback_happened(struct loopback_end *end, enum loopback_event event)
{
	u32 times = 0;
	u32 i;

	spin_lock_irq(&end->lock);
	for (i = 0; i < end->count; i++)
		times += end->log[i].event == event;
	spin_unlock_irq(&end->lock);
	return times;
}

/* It has happened so often by now, or will soon. */
void loopback_expect(struct loopback_end *end, enum loopback_event event, u32 times)
{
	wait_event_timeout(end->changed, loopback_happened(end, event) >= times,
			   LOOPBACK_PATIENCE);
	KUNIT_ASSERT_EQ_MSG(end->test, loopback_happened(end, event), times,
			    "event %u", event);
}

/* From here on nothing has happened yet. */
void loopback_forget(struct loopback_end *end)
{
	spin_lock_irq(&end->lock);
	end->count = 0;
	spin_unlock_irq(&end->lock);
}

/* By itself, that is: after the peer's end. */
void loopback_expect_disabled(struct loopback_end *end)
{
	unsigned long end_of_patience = jiffies + LOOPBACK_PATIENCE;

	while (!vmb_channel_is_configurable(end->channel) &&
	       time_before(jiffies, end_of_patience))
		usleep_range(100, 200);
	KUNIT_ASSERT_TRUE(end->test, vmb_channel_is_configurable(end->channel));
}

void loopback_expect_log(struct loopback_end *end,
			 const struct loopback_entry *expected, u32 count)
{
	struct kunit *test = end->test;
	u32 i;

	KUNIT_EXPECT_EQ(test, end->count, count);
	for (i = 0; i < min(count, end->count); i++) {
		KUNIT_EXPECT_EQ_MSG(test, end->log[i].event, expected[i].event,
				    "entry %u", i);
		KUNIT_EXPECT_EQ_MSG(test, end->log[i].detail, expected[i].detail,
				    "entry %u", i);
	}
}

/* What is not going to happen would have happened by now. */
void loopback_settle(struct loopback_end *end)
{
	msleep(50);
	flush_work(&end->channel->life.work);
}

static int wait_for_all(struct vmb_channel **channels, u32 count,
			bool (*is_true)(const struct vmb_channel *channel))
{
	int ret = 0;
	u32 i;

	for (i = 0; i < count; i++) {
		if (!wait_event_timeout(channels[i]->life.changed,
					!is_true(channels[i]), 10 * HZ)) {
			vmb_life_is_stuck(channels[i]);
			ret = -EBUSY;
		}
		if (vmb_life_refuses_to_sleep(channels[i]))
			ret = -EBUSY;
	}
	return ret;
}

/*
 * Hibernation as the transport's device does it, of these channels only: their
 * peers are elsewhere. First they come to rest: 0 or -EBUSY.
 */
int loopback_rest(struct vmb_channel **channels, u32 count,
		  enum vmb_channel_stop_reason reason)
{
	u32 i;

	for (i = 0; i < count; i++)
		vmb_life_hibernate(channels[i], reason);
	return wait_for_all(channels, count, vmb_life_is_restless);
}

/* And then they are closed. 0 or -EBUSY. */
int loopback_sleep(struct vmb_channel **channels, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		vmb_life_sleep(channels[i]);
	return wait_for_all(channels, count, vmb_life_is_awake);
}

int loopback_fixture_init(struct kunit *test)
{
	struct loopback_fixture *fixture;

	fixture = kunit_kzalloc(test, sizeof(*fixture), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fixture);
	fixture->test = test;
	test->priv = fixture;
	return 0;
}

/* Whatever a test that broke off has left behind. */
void loopback_fixture_exit(struct kunit *test)
{
	struct loopback_fixture *fixture = test->priv;
	u32 i;

	if (!fixture)
		return;
	for (i = 0; i < fixture->count; i++)
		complete_all(&fixture->ends[i]->go_on);
	/* Sub-channels were made after their primary, and go before it. */
	for (i = fixture->count; i--;) {
		struct loopback_end *end = fixture->ends[i];

		flush_work(&end->helper);
		if (!end->channel)
			continue;
		vmb_channel_disable(end->channel);
		vmb_channel_cleanup(end->channel);
	}
}
