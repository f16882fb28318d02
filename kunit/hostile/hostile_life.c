// SPDX-License-Identifier: GPL-2.0
/*
 * Lives of a channel with a hostile peer, one after the other, and what has to be so
 * during each, and at its end. See hostile.h.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/vmalloc.h>

#include "../../drivers/kmcl/compat.h"
#include "../faults/fault_memory.h"
#include "hostile.h"

/* A life that ends at once is one, too: a run has so many, at least and at most. */
#define HOSTILE_FEWEST	4u
#define HOSTILE_LIVES	40u

void hostile_wrong(struct hostile *hostile, const char *what, const char *function, int line)
{
	u32 place = atomic_inc_return(&hostile->wrong) - 1;

	if (place >= HOSTILE_WRONGS)
		return;
	hostile->wrongs[place].function = function;
	hostile->wrongs[place].line = line;
	/* Pairs with who says it. */
	smp_store_release(&hostile->wrongs[place].what, what);
}

static void say_what_is_wrong(struct hostile *hostile)
{
	u32 i;

	if (!atomic_read(&hostile->wrong))
		return;
	KUNIT_FAIL(hostile->test, "seed %u, %s, life %u, %s: %d things are wrong",
		   hostile->seed, hostile->world->name, hostile->life,
		   hostile->peer.wild ? "wild" : "counted", atomic_read(&hostile->wrong));
	for (i = 0; i < HOSTILE_WRONGS; i++) {
		/* Pairs with who has noted it. */
		const char *what = smp_load_acquire(&hostile->wrongs[i].what);

		if (what)
			kunit_info(hostile->test, "	%s:%d: %s\n", hostile->wrongs[i].function,
				   hostile->wrongs[i].line, what);
	}
}

/* Wait, with patience; false: it does not become so. */
static bool wait_until(struct hostile *hostile, bool (*is_so)(struct hostile *hostile))
{
	unsigned long begun = jiffies;

	while (!is_so(hostile) && time_before(jiffies, begun + HOSTILE_PATIENCE))
		usleep_range(100, 300);
	return is_so(hostile);
}

/* Calls that may hang are another's. */

static void call_on_worker(struct work_struct *work)
{
	struct hostile *hostile = container_of(work, struct hostile, caller);

	hostile->call_result = hostile->call(hostile->channel);
	complete(&hostile->called);
}

/* What the call returns; -ETIMEDOUT: it does not. */
static int call(struct hostile *hostile, int (*function)(struct vmb_channel *channel))
{
	reinit_completion(&hostile->called);
	hostile->call = function;
	queue_work(system_dfl_wq, &hostile->caller);
	if (!wait_for_completion_timeout(&hostile->called, HOSTILE_PATIENCE)) {
		HOSTILE_CHECK(hostile, !"somebody who does not come back");
		hostile->hangs = true;
		return -ETIMEDOUT;
	}
	return hostile->call_result;
}

/* They have seen that they are to be, and have begun nothing since. */
static bool threads_are_quiet(struct hostile *hostile)
{
	/* Pairs with hostile_actor_work(). */
	if (!smp_load_acquire(&hostile->client.actor_idle))
		return false;
	/* Pairs with hostile_sharer_work(). */
	return smp_load_acquire(&hostile->client.sharer_idle);
}

/* The client's threads do only what is owed, and are at nothing else. */
static void be_quiet(struct hostile *hostile)
{
	struct hostile_client *client = &hostile->client;

	WRITE_ONCE(client->actor_idle, false);
	WRITE_ONCE(client->sharer_idle, false);
	WRITE_ONCE(client->quiet, true);
	if (!wait_until(hostile, threads_are_quiet)) {
		HOSTILE_CHECK(hostile, !"a thread of the client's that does not come back");
		hostile->hangs = true;
	}
}

/* What a life begins with. */
static void take_stock(struct hostile *hostile)
{
	struct hostile_client *client = &hostile->client;
	u32 i;

	memcpy(hostile->refusals_before, hostile->channel->refusals,
	       sizeof(hostile->refusals_before));
	hostile->counters_before = hostile->channel->counters;
	for (i = 0; i < VMB_REFUSAL_COUNT; i++)
		atomic64_set(&client->refused[i], 0);
}

static u64 refused_now(struct hostile *hostile, enum vmb_refusal refusal)
{
	return hostile->channel->refusals[refusal] - hostile->refusals_before[refusal];
}

static bool client_holds(struct hostile_client *client)
{
	bool holds;

	spin_lock_bh(&client->lock);
	holds = client->held_count || client->again;
	spin_unlock_bh(&client->lock);
	return holds;
}

static u32 sends_in_flight(struct vmb_channel *channel)
{
	u32 taken;

	spin_lock_irq(&channel->outbound.lock);
	taken = vmb_transactions_taken(&channel->outbound.transactions);
	spin_unlock_irq(&channel->outbound.lock);
	return taken;
}

/* Refused is what was wrong, under its name, as often as it was, and nothing else. */
static void check_refusals(struct hostile *hostile)
{
	const struct hostile_peer *peer = &hostile->peer;
	u32 i;

	for (i = VMB_REFUSAL_NONE + 1; i < VMB_REFUSAL_COUNT; i++) {
		u64 right = peer->expected[i] + atomic64_read(&hostile->client.refused[i]);

		if (refused_now(hostile, i) == right)
			continue;
		HOSTILE_CHECK(hostile, !"refusals that are not what they have to be");
		kunit_info(hostile->test, "%s: %llu, not %llu\n", vmb_refusal_name(i),
			   refused_now(hostile, i), right);
	}
	HOSTILE_CHECK(hostile, peer->due_read == peer->due_written);
	HOSTILE_CHECK(hostile, hostile->channel->counters.completions_empty -
		      hostile->counters_before.completions_empty == peer->completions_expected);
}

static bool nothing_is_owed(struct hostile *hostile)
{
	return hostile_slots_are_idle(hostile) && !client_holds(&hostile->client) &&
	       hostile_peer_is_done(hostile) && !sends_in_flight(hostile->channel);
}

/* Nobody begins anything, and all that was begun ends. */
static void settle(struct hostile *hostile)
{
	struct hostile_peer *peer = &hostile->peer;

	be_quiet(hostile);
	vmb_channel_set_transaction_quota(hostile->channel, U32_MAX);
	HOSTILE_CHECK(hostile, call(hostile, vmb_channel_start) == 0);
	mutex_lock(&peer->lock);
	peer->finish = true;
	mutex_unlock(&peer->lock);
	if (!wait_until(hostile, nothing_is_owed)) {
		HOSTILE_CHECK(hostile, !"something that is owed and does not come");
		kunit_info(hostile->test, "holds %d, in flight %u, wanted %u, answers %u\n",
			   client_holds(&hostile->client), sends_in_flight(hostile->channel),
			   peer->wanted_count, peer->answer_count);
		return;
	}
	check_refusals(hostile);
}

/* The peer breaks the ring, and the channel says what with. */
static void break_ring(struct hostile *hostile)
{
	static const enum vmb_refusal faults[] = {
		VMB_REFUSAL_INDEX_RANGE, VMB_REFUSAL_INDEX_ALIGNMENT,
		VMB_REFUSAL_INDEX_OURS_CHANGED, VMB_REFUSAL_LENGTH_BELOW_HEADER,
		VMB_REFUSAL_LENGTH_BEYOND_AVAILABLE, VMB_REFUSAL_OFFSET_BELOW_HEADER,
		VMB_REFUSAL_OFFSET_BEYOND_LENGTH,
	};
	enum vmb_refusal fault = faults[hostile_below(&hostile->random, ARRAY_SIZE(faults))];
	struct hostile_peer *peer = &hostile->peer;
	u32 i;

	mutex_lock(&peer->lock);
	peer->fault = fault;
	mutex_unlock(&peer->lock);
	if (!wait_for_completion_timeout(&hostile->closed, HOSTILE_PATIENCE)) {
		HOSTILE_CHECK(hostile, !"a broken ring that nobody notices");
		kunit_info(hostile->test, "%s\n", vmb_refusal_name(fault));
		return;
	}
	HOSTILE_CHECK(hostile, hostile->closed_reason == VMB_CHANNEL_STOP_FRAMING_LOST);
	for (i = VMB_REFUSAL_NONE + 1; vmb_refusal_loses_framing(i); i++)
		if (refused_now(hostile, i) != (i == fault ? 1 : 0)) {
			HOSTILE_CHECK(hostile, !"framing that is lost for another reason");
			kunit_info(hostile->test, "%s, not %s\n", vmb_refusal_name(i),
				   vmb_refusal_name(fault));
		}
}

static void withdraw(struct hostile *hostile)
{
	hostile->world->withdraw(hostile);
	if (!wait_for_completion_timeout(&hostile->closed, HOSTILE_PATIENCE))
		HOSTILE_CHECK(hostile, !"a channel that does not close");
	else
		HOSTILE_CHECK(hostile, hostile->closed_reason == VMB_CHANNEL_STOP_PEER_GONE);
}

/* Traffic for a while, with pauses; the channel may be closed before. */
static void live(struct hostile *hostile)
{
	u32 rounds = 1 + hostile_below(&hostile->random, 12);

	while (rounds-- && !completion_done(&hostile->closed) && !hostile->hangs) {
		msleep(1 + hostile_below(&hostile->random, 16));
		if (!hostile_chance(&hostile->random, 4))
			continue;
		/* By now it may be disabled, and will come up paused. */
		HOSTILE_CHECK(hostile, !call(hostile, vmb_channel_pause));
		msleep(hostile_below(&hostile->random, 4));
		call(hostile, vmb_channel_start);
	}
}

static void check_life(struct hostile *hostile)
{
	const struct vmb_counters *counters = &hostile->channel->counters;
	u64 refused = 0;
	u32 i;

	HOSTILE_CHECK(hostile, vmb_channel_is_configurable(hostile->channel));
	HOSTILE_CHECK(hostile, hostile_slots_are_idle(hostile));
	HOSTILE_CHECK(hostile, !client_holds(&hostile->client));
	HOSTILE_CHECK(hostile, !hostile->peer.attached);
	HOSTILE_CHECK(hostile, counters->sends == counters->sends_completed +
		      counters->sends_failed);
	HOSTILE_CHECK(hostile, counters->received == counters->completed + counters->failed);
	HOSTILE_CHECK(hostile, !counters->completed_twice && !counters->leaked);
	for (i = VMB_REFUSAL_NONE + 1; i < VMB_REFUSAL_COUNT; i++)
		refused += hostile->channel->refusals[i];
	HOSTILE_CHECK(hostile, counters->refused == refused);
	hostile_pages_check(hostile);
}

static bool has_begun_or_ended(struct hostile *hostile)
{
	return completion_done(&hostile->started) || completion_done(&hostile->closed);
}

static void begin_life(struct hostile *hostile)
{
	struct hostile_peer *peer = &hostile->peer;
	struct hostile_random *random = &hostile->random;

	hostile->life++;
	peer->wild = hostile_chance(random, 2);
	peer->calm = 8u << hostile_below(random, 8);
	hostile->client.fails = peer->wild && hostile_chance(random, 4);
	reinit_completion(&hostile->started);
	reinit_completion(&hostile->closed);
	take_stock(hostile);
	vmb_channel_set_transaction_quota(hostile->channel, U32_MAX);
	if (hostile->world->begin)
		HOSTILE_CHECK(hostile, !hostile->world->begin(hostile));
	HOSTILE_CHECK(hostile, !vmb_channel_enable(hostile->channel));
	/* It comes up paused after a pause that came too late. */
	call(hostile, vmb_channel_start);
	if (!wait_until(hostile, has_begun_or_ended))
		HOSTILE_CHECK(hostile, !"a channel that does not open");
	WRITE_ONCE(hostile->client.quiet, false);
}

static void one_life(struct hostile *hostile)
{
	struct hostile_random *random = &hostile->random;

	begin_life(hostile);
	live(hostile);
	if (!hostile->peer.wild) {
		settle(hostile);
		if (atomic_read(&hostile->wrong))
			goto disable;
		if (hostile_below(random, 3))
			break_ring(hostile);
		else if (hostile->world->withdraw && hostile_chance(random, 2))
			withdraw(hostile);
	}
disable:
	HOSTILE_CHECK(hostile, !call(hostile, vmb_channel_disable));
	be_quiet(hostile);
	if (!hostile->hangs)
		check_life(hostile);
}

/* Each on the CPU that it is best at: the peer has one of its own. */
static struct task_struct *start(struct hostile *hostile, int (*work)(void *),
				 const char *name, bool alone)
{
	u32 cpu = cpumask_any_but(cpu_online_mask, raw_smp_processor_id());
	struct task_struct *task = kthread_create(work, hostile, "%s", name);

	if (IS_ERR(task))
		return NULL;
	if (alone && cpu < nr_cpu_ids)
		kthread_bind(task, cpu);
	wake_up_process(task);
	return task;
}

static void stop(struct task_struct *task)
{
	if (task)
		kthread_stop(task);
}

static struct hostile_random stream(u32 seed, u32 which)
{
	return (struct hostile_random) {
		.state = (u64)seed * 0x9e3779b97f4a7c15ull + (which + 1) * 0xd1b54a32d192ed03ull,
	};
}

static void prepare(struct hostile *hostile)
{
	mutex_init(&hostile->peer.lock);
	init_completion(&hostile->started);
	init_completion(&hostile->closed);
	init_completion(&hostile->called);
	INIT_WORK(&hostile->caller, call_on_worker);
	hostile->random = stream(hostile->seed, 0);
	hostile->peer.random = stream(hostile->seed, 1);
	hostile->client.random = stream(hostile->seed, 2);
	hostile->client.actor_random = stream(hostile->seed, 3);
	hostile->client.sharer_random = stream(hostile->seed, 4);
	hostile->client.quiet = true;
}

static u64 packets_of(const struct hostile *hostile)
{
	return (u64)hostile->peer.sequence + hostile->peer.taken;
}

static void rest(struct hostile *hostile)
{
	if (hostile->world->rest && !hostile->hangs)
		hostile->world->rest(hostile);
}

static void live_often(struct hostile *hostile, u64 packets)
{
	const bool watched = IS_ENABLED(CONFIG_VMBKMCL_KUNIT_FAULTS);

	/* What is made once and kept is made in the first. */
	one_life(hostile);
	rest(hostile);
	if (watched)
		fault_memory_begin(hostile->test);
	while ((packets_of(hostile) < packets || hostile->life < HOSTILE_FEWEST) &&
	       hostile->life < HOSTILE_LIVES && !atomic_read(&hostile->wrong))
		one_life(hostile);
	rest(hostile);
	if (watched && !hostile->hangs)
		fault_memory_end(hostile->test, hostile->world->name);
}

static void run(struct hostile *hostile, u64 packets)
{
	struct hostile_client *client = &hostile->client;

	hostile->peer.task = start(hostile, hostile_peer_work, "vmb_hostile_peer", true);
	client->actor = start(hostile, hostile_actor_work, "vmb_hostile_client", false);
	client->sharer = start(hostile, hostile_sharer_work, "vmb_hostile_share", false);
	if (hostile->peer.task && client->actor && client->sharer)
		live_often(hostile, packets);
	else
		KUNIT_FAIL(hostile->test, "there are no threads");
	say_what_is_wrong(hostile);
	/* Whoever does not return has all of this, and keeps it. */
	if (hostile->hangs)
		return;
	stop(client->sharer);
	stop(client->actor);
	stop(hostile->peer.task);
}

/* So many packets, in and out, of a channel of that world. Returns how many there were. */
u64 hostile_run(struct kunit *test, const struct hostile_world *world, u32 seed, u64 packets)
{
	struct hostile *hostile = vzalloc(sizeof(*hostile));
	u64 done;
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, hostile);
	hostile->test = test;
	hostile->world = world;
	hostile->seed = seed;
	prepare(hostile);
	ret = hostile_pages_init(hostile) ?: world->init(hostile);
	if (!ret)
		ret = hostile_client_init(hostile) ?: hostile_slots_init(hostile);
	KUNIT_EXPECT_EQ(test, ret, 0);
	if (!ret)
		run(hostile, packets);
	done = packets_of(hostile);
	kunit_info(test, "%s, seed %u: %llu packets in %u lives\n", world->name, seed, done,
		   hostile->life);
	if (hostile->hangs)
		return done;
	if (hostile->channel) {
		hostile_slots_exit(hostile);
		vmb_channel_cleanup(hostile->channel);
	}
	world->exit(hostile);
	hostile_pages_exit(hostile);
	vfree(hostile);
	return done;
}
