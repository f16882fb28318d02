// SPDX-License-Identifier: GPL-2.0
/*
 * A session that is saved or restored, and what others do at that very moment.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/workqueue.h>

#include "../../drivers/kmcl/compat.h"
#include "../../drivers/kmcl/loopback.h"
#include "../fixtures/save_fixture.h"
#include "../fixtures/sub_channel_fixture.h"

/* Of SAVE_PAYLOAD bytes, 64 in a ring: more than a ring of two pages has room for. */
#define FAR		70u
#define IN_FLIGHT	3u
#define HELD		2u
#define ALL		(FAR + IN_FLIGHT + HELD)

/**
 * struct leaver - a transport whose client goes when the next server has got its session
 * @operations: the transport's, with another prepare.
 * @original: the transport's.
 * @session: whose client.
 */
struct leaver {
	struct vmb_channel_transport_operations operations;
	const struct vmb_channel_transport_operations *original;
	struct save_session *session;
};

static int prepare_and_leave(struct vmb_channel *channel, u32 *inbound_size,
			     u32 *outbound_size, u32 minimum_size)
{
	struct leaver *leaver = container_of(channel->operations, struct leaver, operations);
	unsigned long end = jiffies + LOOPBACK_PATIENCE;
	int ret;

	ret = leaver->original->prepare(channel, inbound_size, outbound_size, minimum_size);
	if (ret)
		return ret;
	loopback_disable_on_worker(leaver->session->client);
	while (!leaver->original->peer_gone(channel) && time_before(jiffies, end))
		usleep_range(100, 200);
	return 0;
}

/* Packets in flight and held, and rings that stand far from their beginning. */
static struct save_session *far_session(struct kunit *test)
{
	struct save_session *session = save_session_make(test, 16);

	save_session_join(session);
	save_session_send(session, FAR, WAIT);
	save_session_expect_received(session, FAR);
	save_session_expect_ended(session, FAR - 1);
	session->hold = true;
	save_session_send(session, IN_FLIGHT, WAIT);
	save_session_expect_received(session, FAR + IN_FLIGHT);
	save_session_pause(session);
	save_session_send(session, HELD, WAIT);
	return session;
}

/* Its client goes after the next server has got the session and before that opens. */
static struct save_session *session_whose_client_leaves(struct kunit *test)
{
	struct save_session *session = far_session(test);
	struct vmb_channel *channel;
	struct leaver *leaver;

	save_session_save(session, 4096);
	save_session_hand_over(session);
	KUNIT_ASSERT_EQ(test, save_session_restore(session, session->server), 0);
	channel = session->server->channel;
	leaver = kunit_kzalloc(test, sizeof(*leaver), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, leaver);
	leaver->original = channel->operations;
	leaver->operations = *channel->operations;
	leaver->operations.prepare = prepare_and_leave;
	leaver->session = session;
	channel->operations = &leaver->operations;
	save_session_release(session);
	loopback_enable(session->server);
	loopback_expect_helped(session->client);
	return session;
}

/* The next client has rings of its own, which are shorter here, and empty. */
static void next_client_begins_anew(struct kunit *test)
{
	struct save_session *session = session_whose_client_leaves(test);
	u32 number;

	session->client = save_session_client(session, 2);
	loopback_enable(session->client);
	loopback_expect(session->client, LOOPBACK_STARTED, 1);
	loopback_expect(session->server, LOOPBACK_STARTED, 1);
	save_session_client_send(session, 7);
	save_session_expect_client_ended(session, 1);
	KUNIT_EXPECT_EQ(test, session->from_client[7], 1);
	number = session->next;
	save_session_send(session, 1, WAIT);
	save_session_expect_ended(session, number);
	KUNIT_EXPECT_EQ(test, session->numbers[number].answer, number);
	KUNIT_EXPECT_FALSE(test, vmb_inbound_is_lost(session->server->channel));
}

/* What was in flight, and what waited, has ended once, without its client. */
static void expect_unsent(struct save_session *session)
{
	struct kunit *test = session->test;
	u32 i;

	for (i = FAR; i < ALL; i++) {
		const struct save_number *number = &session->numbers[i];

		wait_event_timeout(session->changed, READ_ONCE(number->ended), LOOPBACK_PATIENCE);
		KUNIT_EXPECT_EQ_MSG(test, number->ended, 1, "packet %u", i);
		KUNIT_EXPECT_EQ_MSG(test, number->status, -ENODEV, "packet %u", i);
	}
}

/* What its old server had sent, and what waited, has ended: it is nobody else's. */
static void restored_packets_end(struct kunit *test)
{
	struct save_session *session = session_whose_client_leaves(test);
	struct vmb_outbound *outbound = &session->server->channel->outbound;

	expect_unsent(session);
	KUNIT_EXPECT_EQ(test, vmb_transactions_taken(&outbound->transactions), 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&outbound->held));
}

/* The rings will not do, which nobody would believe of rings that were in use. */
static void resume_that_fails(struct kunit *test)
{
	struct save_session *session = far_session(test);
	struct vmb_loopback_offer *offer;

	save_session_save(session, 4096);
	save_session_hand_over(session);
	KUNIT_ASSERT_EQ(test, save_session_restore(session, session->server), 0);
	mutex_lock(&vmb_loopback_lock);
	list_for_each_entry(offer, &vmb_loopback_offers, node)
		if (offer->is_parked)
			offer->parked.at.read_index = U32_MAX;
	mutex_unlock(&vmb_loopback_lock);
	session->server->channel->restore.at.read_index = U32_MAX;
	save_session_release(session);
	loopback_enable(session->server);
	loopback_expect(session->client, LOOPBACK_CLOSED, 1);
	expect_unsent(session);
}

/* Positions that are not in the rings, should they ever come here. */
static void positions_outside(struct kunit *test)
{
	static const struct vmb_ring_positions outside[] = {
		{ .read_index = PAGE_SIZE },
		{ .write_index = PAGE_SIZE },
		{ .peer_read_index = PAGE_SIZE },
		{ .read_index = U32_MAX - 7 },
		{ .read_index = 4 },
		{ .write_index = 1 },
		{ .peer_read_index = 12 },
	};
	const struct vmb_ring_positions last = {
		.read_index = PAGE_SIZE - 8,
		.write_index = PAGE_SIZE - 8,
		.peer_read_index = PAGE_SIZE - 8,
	};
	struct save_session *session = save_session_make(test, 2);
	struct vmb_channel *channel = session->server->channel;
	struct vmb_ring ring = { .size = PAGE_SIZE };
	u32 i;

	ring.control = kunit_kzalloc(test, 2 * PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ring.control);
	ring.data = (u8 *)ring.control + PAGE_SIZE;
	for (i = 0; i < ARRAY_SIZE(outside); i++)
		KUNIT_EXPECT_EQ_MSG(test, vmb_channel_resume_rings(channel, &ring, &ring,
								   &outside[i]), -EINVAL,
				    "positions %u", i);
	KUNIT_EXPECT_EQ(test, vmb_channel_resume_rings(channel, &ring, &ring, &last), 0);
}

/**
 * struct call - a call on a server that another thread makes
 * @work: that thread.
 * @channel: the server.
 * @returned: it has returned.
 * @ret: what it said.
 */
struct call {
	struct work_struct work;
	struct vmb_channel *channel;
	struct completion returned;
	int ret;
};

static void call_start(struct work_struct *work)
{
	struct call *call = container_of(work, struct call, work);

	call->ret = vmb_channel_start(call->channel);
	complete(&call->returned);
}

static void call_begin(struct work_struct *work)
{
	struct call *call = container_of(work, struct call, work);

	call->ret = vmb_channel_save_begin(call->channel);
	complete(&call->returned);
}

/* On another thread; its errno, or -ETIMEDOUT: it does not return. */
static int call_elsewhere(struct call *call, struct vmb_channel *channel, work_func_t function)
{
	INIT_WORK_ONSTACK(&call->work, function);
	call->channel = channel;
	init_completion(&call->returned);
	queue_work(system_dfl_wq, &call->work);
	return wait_for_completion_timeout(&call->returned, 5 * HZ) ? call->ret : -ETIMEDOUT;
}

static void call_is_over(struct call *call)
{
	flush_work(&call->work);
	destroy_work_on_stack(&call->work);
}

static void start_in_save(struct save_session *session)
{
	struct call call;

	session->in_save = NULL;
	KUNIT_EXPECT_EQ(session->test,
			call_elsewhere(&call, session->server->channel, call_start), -EBUSY);
	call_is_over(&call);
}

/* Started from elsewhere while the state is being taken, it would stand still for ever. */
static void started_while_it_is_saved(struct kunit *test)
{
	struct save_session *session = far_session(test);
	struct vmb_channel *channel = session->server->channel;

	session->in_save = start_in_save;
	KUNIT_ASSERT_EQ(test, vmb_channel_save_begin(channel), 0);
	KUNIT_EXPECT_NULL(test, session->in_save);
	vmb_channel_save_end(channel);
	KUNIT_ASSERT_EQ(test, vmb_channel_start(channel), 0);
	save_session_client_send(session, 0);
	save_session_client_send(session, 1);
	save_session_expect_client_ended(session, 2);
	KUNIT_EXPECT_EQ(test, channel->counters.completions_dropped, 0);
	save_session_release(session);
	save_session_expect_received(session, ALL);
	save_session_expect_ended(session, ALL - 1);
}

/* The closed callback may wait for a thread that is about to save. */
static void saved_while_it_closes(struct kunit *test)
{
	struct save_session *session = far_session(test);
	struct vmb_channel *channel = session->server->channel;
	struct call call;

	session->server->hold_closed = true;
	save_session_release(session);
	loopback_disable(session->client);
	loopback_expect(session->server, LOOPBACK_CLOSED, 1);
	KUNIT_EXPECT_EQ(test, call_elsewhere(&call, channel, call_begin), -ENODEV);
	session->server->hold_closed = false;
	complete(&session->server->go_on);
	call_is_over(&call);
}

/* What was fetched is of a session that is over: the next is neither frozen nor saved. */
static void client_changes_in_save(struct kunit *test)
{
	struct save_session *session = far_session(test);
	struct vmb_channel *channel = session->server->channel;

	KUNIT_ASSERT_EQ(test, vmb_channel_save_begin(channel), 0);
	KUNIT_ASSERT_EQ(test, save_session_fetch(session, 4096), 0);
	save_session_release(session);
	loopback_disable(session->client);
	loopback_expect(session->server, LOOPBACK_CLOSED, 1);
	session->client = save_session_client(session, 2);
	loopback_enable(session->client);
	loopback_expect(session->client, LOOPBACK_STARTED, 1);
	vmb_channel_save_end(channel);
	KUNIT_EXPECT_EQ(test, channel->save.state, VMB_SAVE_NONE);
	KUNIT_EXPECT_EQ(test, vmb_channel_start(channel), 0);
	save_session_client_send(session, 7);
	save_session_expect_client_ended(session, 1);
	KUNIT_EXPECT_EQ(test, session->from_client[7], 1);
}

/**
 * struct blocker - keeps a channel's worker from running
 * @work: in the queue before it, which runs one at a time.
 * @go_on: lets it run.
 */
struct blocker {
	struct work_struct work;
	struct completion go_on;
};

static void blocker_work(struct work_struct *work)
{
	wait_for_completion(&container_of(work, struct blocker, work)->go_on);
}

static void block(struct blocker *blocker, struct vmb_channel *channel)
{
	INIT_WORK_ONSTACK(&blocker->work, blocker_work);
	init_completion(&blocker->go_on);
	queue_work(channel->life.queue, &blocker->work);
}

static void unblock(struct blocker *blocker)
{
	complete(&blocker->go_on);
	flush_work(&blocker->work);
	destroy_work_on_stack(&blocker->work);
}

/* Started after the save, if only for a moment: the session is not handed over. */
static void started_and_disabled(struct kunit *test)
{
	struct save_session *session = far_session(test);
	struct vmb_channel *channel = session->server->channel;
	unsigned long end = jiffies + LOOPBACK_PATIENCE;
	struct blocker blocker;
	u32 i;

	save_session_save(session, 4096);
	save_session_release(session);
	block(&blocker, channel);
	KUNIT_EXPECT_EQ(test, vmb_channel_start(channel), 0);
	loopback_disable_on_worker(session->server);
	while (READ_ONCE(channel->life.stop) != VMB_LIFE_STOP_DISABLE &&
	       time_before(jiffies, end))
		usleep_range(100, 200);
	unblock(&blocker);
	loopback_expect_helped(session->server);
	loopback_expect(session->client, LOOPBACK_CLOSED, 1);
	for (i = FAR; i < ALL; i++) {
		KUNIT_EXPECT_EQ(test, session->numbers[i].ended, 1);
		KUNIT_EXPECT_EQ(test, session->numbers[i].handed_over, 0);
	}
}

/* Paused again at once: as any paused server it reads completions, and accepts sends. */
static void started_and_paused(struct kunit *test)
{
	struct save_session *session = far_session(test);
	struct vmb_channel *channel = session->server->channel;
	struct blocker blocker;
	u32 i;

	save_session_save(session, 4096);
	save_session_release(session);
	block(&blocker, channel);
	KUNIT_EXPECT_EQ(test, vmb_channel_start(channel), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_pause(channel), 0);
	unblock(&blocker);
	for (i = FAR; i < FAR + IN_FLIGHT; i++)
		save_session_expect_ended(session, i);
	save_session_send(session, 1, WAIT);
	KUNIT_EXPECT_EQ(test, loopback_happened(session->server, LOOPBACK_STARTED), 1);
	/* And it can be saved once more, as from there. */
	save_session_save(session, 4096);
	save_session_hand_over(session);
	KUNIT_EXPECT_EQ(test, session->numbers[FAR].handed_over, 0);
	KUNIT_EXPECT_EQ(test, session->numbers[FAR + IN_FLIGHT].handed_over, 1);
	KUNIT_ASSERT_EQ(test, save_session_restore(session, session->server), 0);
	loopback_enable(session->server);
	for (i = FAR + IN_FLIGHT; i <= ALL; i++)
		save_session_expect_ended(session, i);
	save_session_expect_received(session, ALL + 1);
}

/* Saved once more before the worker has run: it stands still all the time. */
static void started_and_saved(struct kunit *test)
{
	struct save_session *session = far_session(test);
	struct vmb_channel *channel = session->server->channel;
	struct blocker blocker;

	save_session_save(session, 4096);
	block(&blocker, channel);
	KUNIT_EXPECT_EQ(test, vmb_channel_start(channel), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_pause(channel), 0);
	save_session_save(session, 4096);
	unblock(&blocker);
	save_session_hand_over(session);
	save_session_release(session);
	KUNIT_ASSERT_EQ(test, save_session_restore(session, session->server), 0);
	loopback_enable(session->server);
	save_session_expect_ended(session, ALL - 1);
	save_session_expect_received(session, ALL);
}

static void save_all(struct kunit *test, struct vmb_channel *channel)
{
	u32 filled, required;
	u8 buffer[256];

	KUNIT_ASSERT_EQ(test, vmb_channel_save_begin(channel), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_save_continue(channel, buffer, sizeof(buffer), &filled,
							&required), 0);
}

/* A session with sub-channels is not handed over: so none comes after the save. */
static void sub_channel_comes_late(struct kunit *test)
{
	struct family *family = family_make(test, 1);
	struct vmb_channel *channel = family->server->channel;
	struct vmb_channel *late = family->servers[0]->channel;

	KUNIT_ASSERT_EQ(test, vmb_channel_pause(channel), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_save_begin(channel), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(late), -EBUSY);
	vmb_channel_save_end(channel);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(late), 0);
	loopback_disable(family->servers[0]);
	save_all(test, channel);
	vmb_channel_save_end(channel);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(late), -EBUSY);
	KUNIT_ASSERT_EQ(test, vmb_channel_start(channel), 0);
	family_open(family, 0);
	family_expect_flow_both_ways(family, 0);
}

static void sub_channel_in_save(struct save_session *session)
{
	struct loopback_fixture *fixture = session->test->priv;
	struct loopback_end *last = fixture->ends[fixture->count - 1];

	session->in_save = NULL;
	KUNIT_EXPECT_EQ(session->test, vmb_channel_enable(last->channel), -EBUSY);
}

static void sub_channel_comes_meanwhile(struct kunit *test)
{
	struct save_session *session = far_session(test);

	family_sub_channel(session->server, 1);
	session->in_save = sub_channel_in_save;
	KUNIT_ASSERT_EQ(test, vmb_channel_save_begin(session->server->channel), 0);
	KUNIT_EXPECT_NULL(test, session->in_save);
	vmb_channel_save_end(session->server->channel);
	save_session_release(session);
}

/* A client that a test which broke off has left with packets would not be disabled. */
static void save_race_exit(struct kunit *test)
{
	struct loopback_fixture *fixture = test->priv;

	if (fixture && fixture->private)
		save_session_release(fixture->private);
	loopback_fixture_exit(test);
}

static struct kunit_case save_race_cases[] = {
	KUNIT_CASE(next_client_begins_anew),
	KUNIT_CASE(restored_packets_end),
	KUNIT_CASE(resume_that_fails),
	KUNIT_CASE(positions_outside),
	KUNIT_CASE(started_while_it_is_saved),
	KUNIT_CASE(saved_while_it_closes),
	KUNIT_CASE(client_changes_in_save),
	KUNIT_CASE(started_and_disabled),
	KUNIT_CASE(started_and_paused),
	KUNIT_CASE(started_and_saved),
	KUNIT_CASE(sub_channel_comes_late),
	KUNIT_CASE(sub_channel_comes_meanwhile),
	{}
};

static struct kunit_suite save_race_suite = {
	.name = "vmbkmcl_save_race",
	.init = loopback_fixture_init,
	.exit = save_race_exit,
	.test_cases = save_race_cases,
};

kunit_test_suite(save_race_suite);
