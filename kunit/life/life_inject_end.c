// SPDX-License-Identifier: GPL-2.0
/*
 * Ends that stand still, and drivers that write down what they are told. See
 * life_inject.h.
 */
#include "../../drivers/kmcl/compat.h"
#include "life_inject.h"
#include "../fixtures/loopback_fixture.h"

/* What was written down, against the order that vmbkmcl.h promises. */

static void inject_wrong(struct inject_end *end, const char *what)
{
	lockdep_assert_held(&end->lock);
	if (!end->wrong)
		end->wrong = what;
}

static void inject_enter(struct inject_end *end, u32 phases, const char *what)
{
	lockdep_assert_held(&end->lock);
	if (end->inside)
		inject_wrong(end, "two state callbacks at once");
	end->inside = true;
	if (!(phases & BIT(end->phase)))
		inject_wrong(end, what);
}

static void inject_leave(struct inject_end *end, enum inject_phase phase)
{
	spin_lock_irq(&end->lock);
	end->inside = false;
	end->phase = phase;
	spin_unlock_irq(&end->lock);
	wake_up(&end->channel->life.changed);
}

/* Stand still, if it is here. */
static void inject_pass(struct inject_end *end, enum inject_point point)
{
	if (READ_ONCE(end->stop_at) != point)
		return;
	WRITE_ONCE(end->stop_at, NOWHERE);
	complete(&end->reached);
	if (!wait_for_completion_timeout(&end->go_on, INJECT_PATIENCE)) {
		spin_lock_irq(&end->lock);
		inject_wrong(end, "stood still for ever");
		spin_unlock_irq(&end->lock);
	}
	if (!READ_ONCE(end->inside_call))
		return;
	end->inside_result = end->inside_call(end);
	/* pairs with who waits for the result */
	smp_store_release(&end->inside_call, NULL);
}

static int end_opened(struct vmb_channel *channel, void *context)
{
	struct inject_end *end = context;
	int error;

	spin_lock_irq(&end->lock);
	inject_enter(end, BIT(IS_CLOSED), "opened of an open channel");
	spin_unlock_irq(&end->lock);
	inject_pass(end, OPENED);
	error = end->opened_error;
	end->opened_error = 0;
	/* A client that refuses hears nothing more. */
	inject_leave(end, error ? IS_CLOSED : IS_OPENED);
	return error;
}

static void end_started(struct vmb_channel *channel, void *context)
{
	struct inject_end *end = context;

	spin_lock_irq(&end->lock);
	inject_enter(end, BIT(IS_OPENED) | BIT(IS_SUSPENDED), "started out of turn");
	spin_unlock_irq(&end->lock);
	inject_pass(end, STARTED);
	inject_leave(end, IS_STARTED);
}

static void end_post_started(struct vmb_channel *channel, void *context)
{
	struct inject_end *end = context;

	spin_lock_irq(&end->lock);
	inject_enter(end, BIT(IS_STARTED), "post_started out of turn");
	spin_unlock_irq(&end->lock);
	inject_pass(end, POST_STARTED);
	inject_leave(end, IS_RUNNING);
}

static void end_suspend(struct vmb_channel *channel, void *context,
			enum vmb_channel_stop_reason reason)
{
	struct inject_end *end = context;

	spin_lock_irq(&end->lock);
	inject_enter(end, BIT(IS_RUNNING), "suspend out of turn");
	if (end->packets)
		inject_wrong(end, "suspend while a packet is delivered");
	end->suspended = reason;
	end->phase = IS_SUSPENDED;
	spin_unlock_irq(&end->lock);
	inject_pass(end, SUSPEND);
	inject_leave(end, IS_SUSPENDED);
}

static void end_closed(struct vmb_channel *channel, void *context,
		       enum vmb_channel_stop_reason reason)
{
	struct inject_end *end = context;

	spin_lock_irq(&end->lock);
	inject_enter(end, BIT(IS_OPENED) | BIT(IS_SUSPENDED), "closed out of turn");
	if (reason == VMB_CHANNEL_STOP_PAUSED)
		inject_wrong(end, "closed with a reason of suspend");
	/* A channel that was paused, or about to hibernate, may be closed for what came then. */
	if (end->phase == IS_SUSPENDED && end->suspended != reason &&
	    end->suspended != VMB_CHANNEL_STOP_PAUSED &&
	    end->suspended != VMB_CHANNEL_STOP_HIBERNATING)
		inject_wrong(end, "suspended for one reason, closed for another");
	if (end->held_count)
		inject_wrong(end, "closed while the driver holds packets");
	end->closed = reason;
	end->phase = IS_CLOSED;
	spin_unlock_irq(&end->lock);
	inject_pass(end, CLOSED);
	inject_leave(end, IS_CLOSED);
}

static void end_process_packet(struct vmb_channel *channel, void *context,
			       struct vmb_packet_completion *packet, void *buffer,
			       u32 length, u32 flags)
{
	struct inject_end *end = context;
	unsigned long irq_flags;
	bool hold;

	spin_lock_irqsave(&end->lock, irq_flags);
	if (end->packets++)
		inject_wrong(end, "two packets at once");
	if (end->phase != IS_STARTED && end->phase != IS_RUNNING)
		inject_wrong(end, "a packet while suspended");
	end->received++;
	hold = end->holds && end->held_count < INJECT_HELD;
	if (hold)
		end->held[end->held_count++] = packet;
	spin_unlock_irqrestore(&end->lock, irq_flags);
	if (!hold)
		vmb_channel_packet_complete(packet, NULL, 0);
	spin_lock_irqsave(&end->lock, irq_flags);
	end->packets--;
	spin_unlock_irqrestore(&end->lock, irq_flags);
}

static void end_sent(struct vmb_packet *packet, void *context, int status,
		     const void *buffer, u32 length)
{
	struct inject_send *send = context;

	send->status = status;
	WRITE_ONCE(send->ends, send->ends + 1);
}

/* The transport. */

static bool end_find_peer(struct vmb_channel *channel)
{
	struct inject_end *end = vmb_channel_get_pointer(channel);

	inject_pass(end, FIND_PEER);
	return end->original->find_peer(channel);
}

static int end_open(struct vmb_channel *channel)
{
	struct inject_end *end = vmb_channel_get_pointer(channel);
	int ret;

	inject_pass(end, OPEN);
	ret = end->original->open(channel);
	if (ret == -EAGAIN)
		inject_pass(end, MISSED);
	return ret;
}

static void end_answer(struct vmb_channel *channel, int error)
{
	struct inject_end *end = vmb_channel_get_pointer(channel);

	inject_pass(end, ANSWER);
	end->original->opened(channel, error);
}

static int end_close(struct vmb_channel *channel)
{
	struct inject_end *end = vmb_channel_get_pointer(channel);

	inject_pass(end, CLOSE);
	return end->original->close(channel);
}

static void end_unprepare(struct vmb_channel *channel)
{
	struct inject_end *end = vmb_channel_get_pointer(channel);

	inject_pass(end, UNPREPARE);
	end->original->unprepare(channel);
}

/* What can be called, from any thread. */

static void inject_work(struct work_struct *work)
{
	struct inject_call *call = container_of(work, struct inject_call, work);

	call->result = call->function(call->end);
	complete_all(&call->returned);
}

void inject_call(struct inject_call *call, struct inject_end *end,
		 int (*function)(struct inject_end *end))
{
	reinit_completion(&call->returned);
	call->end = end;
	call->function = function;
	call->used = true;
	queue_work(system_dfl_wq, &call->work);
}

void inject_expect_return(struct inject *inject, struct inject_call *call,
			  int result, const char *what)
{
	if (!call->used)
		return;
	if (!wait_for_completion_timeout(&call->returned, INJECT_PATIENCE)) {
		inject->stuck = true;
		KUNIT_FAIL_AND_ABORT(inject->test, "%s does not return", what);
	}
	flush_work(&call->work);
	call->used = false;
	KUNIT_EXPECT_EQ_MSG(inject->test, call->result, result, "%s", what);
}

/* A client flows by itself, a server has to be told. */
int inject_enable(struct inject_end *end)
{
	int ret = vmb_channel_enable(end->channel);

	if (!ret && end->side == SERVER)
		ret = vmb_channel_start(end->channel);
	return ret;
}

int inject_disable(struct inject_end *end)
{
	return vmb_channel_disable(end->channel);
}

int inject_pause(struct inject_end *end)
{
	return vmb_channel_pause(end->channel);
}

int inject_start(struct inject_end *end)
{
	return vmb_channel_start(end->channel);
}

int inject_pm_close(struct inject_end *end)
{
	int ret = loopback_pm_quiesce(&end->channel, 1, VMB_CHANNEL_STOP_HIBERNATING);

	if (!ret)
		ret = loopback_pm_close(&end->channel, 1);
	if (ret)
		vmb_life_pm_resume(end->channel);
	return ret;
}

int inject_shut_down(struct inject_end *end)
{
	return loopback_pm_quiesce(&end->channel, 1, VMB_CHANNEL_STOP_SHUTDOWN) ?:
	       loopback_pm_close(&end->channel, 1);
}

/* All that the driver holds; it holds nothing any more from here on. */
int inject_complete(struct inject_end *end)
{
	struct vmb_packet_completion *held[INJECT_HELD];
	u32 count, i;
	int ret = 0;

	spin_lock_irq(&end->lock);
	end->holds = false;
	count = end->held_count;
	memcpy(held, end->held, sizeof(held));
	end->held_count = 0;
	spin_unlock_irq(&end->lock);
	for (i = 0; i < count; i++)
		ret = vmb_channel_packet_complete(held[i], NULL, 0) ?: ret;
	return ret;
}

int inject_send(struct inject_end *end, enum inject_send_number number)
{
	struct inject_send *send = &end->sends[number];
	const u64 payload = number;
	int ret;

	ret = vmb_packet_send(send->packet, &payload, sizeof(payload), NULL, 0,
			      VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION);
	if (!ret)
		send->accepted++;
	return ret;
}

/* Does its worker do nothing? */
bool inject_is_idle(struct inject_end *end)
{
	return !READ_ONCE(end->channel->life.worker) &&
	       !work_busy(&end->channel->life.work);
}

/* The case is over for this end: it is disabled, and nothing is left of it. */
void inject_expect_sound(struct inject *inject, struct inject_end *end)
{
	const struct vmb_counters *counters = &end->channel->counters;
	struct kunit *test = inject->test;
	u64 sends = 0, ends = 0;
	u32 i;

	KUNIT_EXPECT_NULL_MSG(test, (void *)end->wrong, "side %u: %s", end->side,
			      end->wrong ?: "");
	KUNIT_EXPECT_EQ(test, end->phase, IS_CLOSED);
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(end->channel));
	for (i = 0; i < SENDS; i++) {
		const struct inject_send *send = &end->sends[i];

		KUNIT_EXPECT_EQ_MSG(test, send->ends, send->accepted,
				    "packet %u of side %u", i, end->side);
		sends += send->accepted;
		ends += send->ends;
	}
	KUNIT_EXPECT_EQ(test, counters->sends, sends);
	KUNIT_EXPECT_EQ(test, counters->sends_completed + counters->sends_failed, ends);
	KUNIT_EXPECT_EQ(test, end->held_count, 0);
	KUNIT_EXPECT_EQ(test, counters->received, end->received);
	KUNIT_EXPECT_EQ(test, counters->completed, end->received);
	KUNIT_EXPECT_EQ(test, counters->completed_twice, 0);
	KUNIT_EXPECT_EQ(test, counters->leaked, 0);
	KUNIT_EXPECT_EQ(test, counters->stalls, 0);
	/* Neither packet objects, nor slots, nor what the transport has. */
	KUNIT_EXPECT_EQ(test, end->channel->pool.count, 0);
	KUNIT_EXPECT_EQ(test, vmb_transactions_taken(&end->channel->outbound.transactions), 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&end->channel->outbound.held));
	KUNIT_EXPECT_TRUE(test, list_empty(&end->channel->outbound.queue));
	KUNIT_EXPECT_TRUE(test, list_empty(&end->channel->outbound.ended));
	KUNIT_EXPECT_NULL(test, end->channel->transport_private);
	/* Ours. */
	KUNIT_EXPECT_EQ(test, kref_read(&end->channel->kobject.kref), 1);
}

static void inject_make_end(struct inject *inject, enum inject_side side)
{
	struct vmb_channel_state_change_callbacks callbacks;
	struct inject_end *end = &inject->ends[side];
	struct kunit *test = inject->test;
	u32 i;

	end->side = side;
	spin_lock_init(&end->lock);
	init_completion(&end->reached);
	init_completion(&end->go_on);
	KUNIT_ASSERT_EQ(test, vmb_channel_allocate(NULL, side == SERVER, &end->channel), 0);
	vmb_channel_set_pointer(end->channel, end);
	vmb_channel_state_change_callbacks_init(&callbacks);
	callbacks.callback_context = end;
	callbacks.opened = end_opened;
	callbacks.started = end_started;
	callbacks.post_started = end_post_started;
	callbacks.suspend = end_suspend;
	callbacks.closed = end_closed;
	vmb_channel_init_set_state_change_callbacks(end->channel, &callbacks);
	vmb_channel_init_set_process_packet_callbacks(end->channel, end,
						      end_process_packet, NULL);
	/* There are many cases: no more memory than they need. */
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_packet_size(end->channel, 64), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_packet_count(end->channel,
									SENDS), 0);
	end->original = end->channel->operations;
	end->operations = *end->original;
	end->operations.find_peer = end_find_peer;
	end->operations.open = end_open;
	if (end->original->opened)
		end->operations.opened = end_answer;
	end->operations.close = end_close;
	end->operations.unprepare = end_unprepare;
	end->channel->operations = &end->operations;
	for (i = 0; i < SENDS; i++) {
		struct inject_send *send = &end->sends[i];

		send->packet = vmb_packet_allocate(end->channel);
		KUNIT_ASSERT_NOT_NULL(test, send->packet);
		vmb_packet_set_completion_routine(send->packet, send, end_sent);
	}
}

static void inject_init_call(struct inject_call *call)
{
	INIT_WORK(&call->work, inject_work);
	init_completion(&call->returned);
	complete_all(&call->returned);
}

int inject_init(struct kunit *test)
{
	const u32 flags = VMB_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER;
	/* Not kunit's: it stays if a case gets stuck. */
	struct inject *inject = kzalloc(sizeof(*inject), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, inject);
	inject->test = test;
	test->priv = inject;
	inject_init_call(&inject->begin);
	inject_init_call(&inject->event);
	inject_init_call(&inject->disable[CLIENT]);
	inject_init_call(&inject->disable[SERVER]);
	inject_make_end(inject, SERVER);
	inject_make_end(inject, CLIENT);
	KUNIT_ASSERT_EQ(test, vmb_server_channel_init_set_flags(inject->ends[SERVER].channel,
								flags), 0);
	KUNIT_ASSERT_EQ(test, vmb_server_channel_init_set_target_interface_id
			(inject->ends[SERVER].channel, &loopback_type,
			 &loopback_instances[0]), 0);
	KUNIT_ASSERT_EQ(test, vmb_client_channel_init_set_ring_buffer_page_count
			(inject->ends[CLIENT].channel, 2, 2), 0);
	return vmb_client_channel_init_set_target_pnp(inject->ends[CLIENT].channel,
						      &loopback_type, NULL, NULL);
}

static void inject_let_go(struct inject_end *end)
{
	if (!end->channel)
		return;
	end->stop_at = NOWHERE;
	complete_all(&end->go_on);
	if (!vmb_channel_is_configurable(end->channel))
		inject_complete(end);
	vmb_life_pm_resume(end->channel);
}

static void inject_clean_up(struct inject_end *end)
{
	u32 i;

	if (!end->channel)
		return;
	vmb_channel_disable(end->channel);
	for (i = 0; i < SENDS; i++)
		if (end->sends[i].packet)
			vmb_packet_free(end->sends[i].packet);
	vmb_channel_cleanup(end->channel);
}

/* Whatever a case that broke off has left behind. */
void inject_exit(struct kunit *test)
{
	struct inject *inject = test->priv;

	if (!inject)
		return;
	inject_let_go(&inject->ends[CLIENT]);
	inject_let_go(&inject->ends[SERVER]);
	/* A case that waits for what never comes must not stop the other cases. */
	if (inject->stuck)
		return;
	flush_work(&inject->begin.work);
	flush_work(&inject->event.work);
	flush_work(&inject->disable[CLIENT].work);
	flush_work(&inject->disable[SERVER].work);
	inject_clean_up(&inject->ends[CLIENT]);
	inject_clean_up(&inject->ends[SERVER]);
	kfree(inject);
}
