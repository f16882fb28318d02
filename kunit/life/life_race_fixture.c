// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that stand still, and who sees that they do. See life_race.h.
 */
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/sched/task.h>

#include "../../drivers/kmcl/compat.h"
#include "life_race.h"

#include <trace/events/vmbkmcl.h>

#define PATIENCE_NS	(60 * NSEC_PER_SEC)

/* The clock of jiffies may be the one that stands still. */
static void race_stand_still(struct race *race, enum race_place place)
{
	u64 begun = local_clock();

	if (READ_ONCE(race->place) != place)
		return;
	WRITE_ONCE(race->place, NOWHERE);
	WRITE_ONCE(race->inside, true);
	while (!READ_ONCE(race->go) && !(race->until_asked && READ_ONCE(race->asked))) {
		if (local_clock() - begun > PATIENCE_NS) {
			WRITE_ONCE(race->late, true);
			break;
		}
		cpu_relax();
	}
	/* Gives whoever takes no lock the time to be seen. */
	if (race->until_asked)
		mdelay(1);
	WRITE_ONCE(race->inside, false);
}

/* Where one may sleep. */
static void race_sleep(struct race *race, enum race_place place)
{
	if (READ_ONCE(race->place) != place)
		return;
	WRITE_ONCE(race->place, NOWHERE);
	WRITE_ONCE(race->inside, true);
	if (!becomes(READ_ONCE(race->go)))
		WRITE_ONCE(race->late, true);
	WRITE_ONCE(race->inside, false);
}

static bool race_peer_gone(struct vmb_channel *channel)
{
	struct channel_fixture *fixture = vmb_channel_get_pointer(channel);

	if (READ_ONCE(race_of(fixture)->suspended))
		WRITE_ONCE(race_of(fixture)->asked, true);
	return sender_of(fixture)->original->peer_gone(channel);
}

static void race_observe(void *observer, enum memory_transport_operation operation)
{
	struct race *race = observer;

	if (operation == MEMORY_TRANSPORT_SIGNAL) {
		WRITE_ONCE(race->signalling, true);
		race_stand_still(race, IN_SIGNAL);
		WRITE_ONCE(race->signalling, false);
	}
	if (operation == MEMORY_TRANSPORT_CLOSE && READ_ONCE(race->signalling))
		race->closed_inside = true;
	race->observe(race->fixture, operation);
}

static void race_in_complete(void *data, const char *channel, u64 transaction_id,
			     u16 type, u16 flags, u32 ranges_length, u32 length)
{
	race_stand_still(data, IN_COMPLETE);
}

static void race_in_send(void *data, const char *channel, const void *packet,
			 u32 external, bool waits, u32 length)
{
	race_stand_still(data, IN_SEND);
}

static void race_in_state(struct channel_fixture *fixture, enum channel_event event)
{
	struct race *race = race_of(fixture);

	if (event == OPENED)
		race_sleep(race, IN_OPENED);
	if (event != SUSPEND)
		return;
	race->sent_before_suspend = fixture->channel->counters.completions_sent;
	WRITE_ONCE(race->suspended, true);
}

/* What is to be deferred is not the client's any more. */
static void race_process(struct channel_fixture *fixture, struct channel_packet *packet)
{
	struct race *race = race_of(fixture);

	if (READ_ONCE(race->place) != IN_PACKET)
		return;
	if (race->sleeps)
		race_sleep(race, IN_PACKET);
	else
		race_stand_still(race, IN_PACKET);
	if (race->defer) {
		race->defer--;
		packet->done = true;
		vmb_channel_packet_defer_to_passive(packet->packet);
	}
	channel_log(fixture, PACKET_END, packet->transaction_id);
}

static int racer_thread(void *data)
{
	struct racer *racer = data;

	for (;;) {
		wait_for_completion_interruptible(&racer->start);
		if (!racer->run)
			return 0;
		racer->result = racer->run(racer->race->fixture);
		complete(&racer->done);
	}
}

static int racer_make(struct race *race, u32 cpu)
{
	struct racer *racer = &race->racers[cpu];

	racer->race = race;
	init_completion(&racer->start);
	init_completion(&racer->done);
	complete(&racer->done);
	racer->task = kthread_create(racer_thread, racer, "vmb_racer/%u", cpu);
	if (IS_ERR(racer->task))
		return PTR_ERR(racer->task);
	get_task_struct(racer->task);
	kthread_bind(racer->task, cpu);
	wake_up_process(racer->task);
	return 0;
}

/* One that still runs is left alone: the test has failed. */
static void racer_end(struct racer *racer)
{
	if (IS_ERR_OR_NULL(racer->task) ||
	    !wait_for_completion_timeout(&racer->done, CHANNEL_FIXTURE_PATIENCE))
		return;
	racer->run = NULL;
	complete(&racer->start);
	kthread_stop(racer->task);
	put_task_struct(racer->task);
}

void race_run(struct channel_fixture *fixture, u32 cpu,
	      int (*run)(struct channel_fixture *fixture))
{
	struct racer *racer = &race_of(fixture)->racers[cpu];

	racer->run = run;
	reinit_completion(&racer->done);
	complete(&racer->start);
}

int race_result(struct channel_fixture *fixture, u32 cpu)
{
	struct racer *racer = &race_of(fixture)->racers[cpu];

	KUNIT_ASSERT_NE(fixture->test, wait_for_completion_timeout(&racer->done,
								   CHANNEL_FIXTURE_PATIENCE), 0);
	/* For the exit, which waits for all of them. */
	complete(&racer->done);
	return racer->result;
}

/* Somebody runs this, and stands still there. */
void race_send_to(struct channel_fixture *fixture, enum race_place place,
		  int (*run)(struct channel_fixture *fixture))
{
	struct race *race = race_of(fixture);

	WRITE_ONCE(race->go, false);
	WRITE_ONCE(race->place, place);
	race_run(fixture, STILL, run);
	ASSERT_SOON(fixture->test, READ_ONCE(race->inside));
}

void race_go_on(struct channel_fixture *fixture)
{
	KUNIT_EXPECT_TRUE(fixture->test, READ_ONCE(race_of(fixture)->inside));
	WRITE_ONCE(race_of(fixture)->go, true);
}

void race_expect_met(struct channel_fixture *fixture)
{
	KUNIT_EXPECT_FALSE(fixture->test, race_of(fixture)->late);
	KUNIT_EXPECT_FALSE(fixture->test, race_of(fixture)->closed_inside);
}

/* What is queued is run on the CPU of who queues it. */
static int race_stay(struct workqueue_struct **queue)
{
	struct workqueue_struct *new = alloc_workqueue("vmbkmcl_race", WQ_PERCPU, 1);

	if (!new)
		return -ENOMEM;
	destroy_workqueue(*queue);
	*queue = new;
	return 0;
}

int race_init(struct kunit *test)
{
	int ret = send_fixture_init(test);
	struct channel_fixture *fixture = test->priv;
	struct race *race;
	u32 i;

	if (ret)
		return ret;
	if (num_online_cpus() < 2 || !cpu_online(STILL))
		kunit_skip(test, "needs two CPUs");
	race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, race);
	race->fixture = fixture;
	sender_of(fixture)->private = race;
	for (i = 0; i < ARRAY_SIZE(race->racers); i++) {
		ret = racer_make(race, i);
		KUNIT_ASSERT_EQ(test, ret, 0);
	}
	race->observe = fixture->transport.observe;
	fixture->transport.observe = race_observe;
	fixture->transport.observer = race;
	fixture->process = race_process;
	fixture->on_state = race_in_state;
	send_change_transport(fixture)->peer_gone = race_peer_gone;
	channel_configure(fixture, 3064, 17, 2);
	ret = race_stay(&fixture->channel->life.queue) ?:
	      race_stay(&fixture->channel->inbound.queue);
	if (ret)
		return ret;
	/* Not where others stand still. */
	set_cpus_allowed_ptr(current, cpumask_of(OTHERS));
	KUNIT_ASSERT_EQ(test, register_trace_vmb_complete(race_in_complete, race), 0);
	return register_trace_vmb_send(race_in_send, race);
}

void race_exit(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct race *race = fixture && fixture->private ? race_of(fixture) : NULL;
	u32 i;

	if (race) {
		WRITE_ONCE(race->go, true);
		for (i = 0; i < ARRAY_SIZE(race->racers); i++)
			racer_end(&race->racers[i]);
		unregister_trace_vmb_send(race_in_send, race);
		unregister_trace_vmb_complete(race_in_complete, race);
		tracepoint_synchronize_unregister();
	}
	send_fixture_exit(test);
}

/* A task that stops a channel waits for the drain, or for the driver. */
bool race_waits_for_the_drain(struct channel_fixture *fixture)
{
	return wq_has_sleeper(&fixture->channel->inbound.idle);
}

bool race_waits_for_the_driver(struct channel_fixture *fixture)
{
	return channel_log_find(fixture, SUSPEND) != U32_MAX &&
	       wq_has_sleeper(&fixture->channel->outbound.drained);
}
