// SPDX-License-Identifier: GPL-2.0
/*
 * A session goes from one server to the next: no packet is lost, none comes twice, and
 * the client notices nothing. And when a state is taken, or is not.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/jiffies.h>

#include "../fixtures/save_fixture.h"
#include "../fixtures/sub_channel_fixture.h"

/* The client keeps as many and reads no more. */
#define KEPT		8u
/* Packets of SAVE_PAYLOAD bytes in a ring of one page: 64 fill it, and there is a gap. */
#define IN_RING		63u
#define QUEUED		10u
#define HELD		5u

static int begin(struct save_session *session)
{
	return vmb_channel_save_begin(session->server->channel);
}

/*
 * A server with packets in all states: kept by the client, in the full ring, waiting for
 * room, and sent while it was paused.
 */
static struct save_session *busy_session(struct kunit *test)
{
	struct save_session *session = save_session_make(test, 2);
	u32 i;

	KUNIT_ASSERT_LE(test, KEPT + IN_RING + QUEUED + HELD, SAVE_NUMBERS - 1);
	session->hold = true;
	KUNIT_ASSERT_EQ(test, vmb_channel_set_transaction_quota(session->client->channel, KEPT),
			0);
	save_session_join(session);
	save_session_send(session, KEPT, WAIT);
	save_session_expect_received(session, KEPT);
	save_session_send(session, IN_RING + QUEUED, WAIT);
	KUNIT_ASSERT_FALSE(test, list_empty(&session->server->channel->outbound.queue));
	save_session_pause(session);
	for (i = 0; i < HELD; i++)
		save_session_send(session, 1, i % 2 ? WAIT : 0);
	/* What the client sends now stays in the ring. */
	save_session_client_send(session, 0);
	save_session_client_send(session, 1);
	return session;
}

/* All the server's packets have come and ended, each once, and the client's, too. */
static void expect_nothing_lost(struct save_session *session, u32 client_packets)
{
	struct kunit *test = session->test;
	u32 i;

	KUNIT_ASSERT_EQ(test,
			vmb_channel_set_transaction_quota(session->client->channel, U32_MAX), 0);
	save_session_release(session);
	save_session_expect_received(session, session->next);
	for (i = 0; i < session->next; i++)
		save_session_expect_ended(session, i);
	save_session_expect_client_ended(session, client_packets);
	for (i = 0; i < client_packets; i++)
		KUNIT_EXPECT_EQ(test, session->from_client[i], 1);
	KUNIT_EXPECT_EQ(test, session->received_count, session->next);
	/* It was told nothing. */
	KUNIT_EXPECT_EQ(test, loopback_happened(session->client, LOOPBACK_STARTED), 1);
	KUNIT_EXPECT_EQ(test, loopback_happened(session->client, LOOPBACK_SUSPEND), 0);
	KUNIT_EXPECT_EQ(test, loopback_happened(session->client, LOOPBACK_CLOSED), 0);
}

static void with_packets_everywhere(struct kunit *test)
{
	struct save_session *session = busy_session(test);
	u64 answers = 0;
	u32 i, taken;

	save_session_save(session, 512);
	KUNIT_EXPECT_GT(test, session->chunk_count, 3);
	save_session_hand_over(session);
	/* Each has ended there once, and is not the client's fault. */
	for (i = 0; i < session->next; i++) {
		KUNIT_EXPECT_EQ(test, session->numbers[i].handed_over, 1);
		KUNIT_EXPECT_EQ(test, session->numbers[i].ended, 0);
	}
	/* Nobody is there, and the client goes on sending and completing. */
	save_session_client_send(session, 2);
	KUNIT_ASSERT_EQ(test, save_session_restore(session, session->server), 0);
	KUNIT_EXPECT_EQ(test, session->restored, session->next);
	loopback_enable(session->server);
	loopback_expect(session->server, LOOPBACK_STARTED, 1);
	save_session_send(session, 4, WAIT);
	expect_nothing_lost(session, 3);
	for (i = 0; i < session->next; i++)
		answers += session->numbers[i].answer == i;
	/* But for those that asked for no answer. */
	KUNIT_EXPECT_EQ(test, answers, session->next - (HELD + 1) / 2);
	KUNIT_EXPECT_EQ(test, session->server->channel->counters.sends,
			session->server->channel->counters.sends_completed);
	taken = vmb_transactions_taken(&session->server->channel->outbound.transactions);
	KUNIT_EXPECT_EQ(test, taken, 0);
}

/* Completions that the client has written while there was no server. */
static void completed_in_between(struct kunit *test)
{
	struct save_session *session = save_session_make(test, 4);
	u32 i;

	session->hold = true;
	save_session_join(session);
	save_session_send(session, 6, WAIT);
	save_session_expect_received(session, 6);
	save_session_pause(session);
	save_session_save(session, 4096);
	KUNIT_EXPECT_EQ(test, session->chunk_count, 1);
	save_session_hand_over(session);
	save_session_release(session);
	KUNIT_ASSERT_EQ(test, save_session_restore(session, session->server), 0);
	loopback_enable(session->server);
	for (i = 0; i < 6; i++)
		save_session_expect_ended(session, i);
	KUNIT_EXPECT_EQ(test, session->received_count, 6);
}

/* The same, again and again: rings wrap, and ids go on. */
static void ten_servers(struct kunit *test)
{
	struct save_session *session = save_session_make(test, 2);
	u32 round;

	save_session_join(session);
	/* Not more ends than the fixture has. */
	for (round = 0; round < 9; round++) {
		session->hold = true;
		save_session_send(session, 7, WAIT);
		save_session_expect_received(session, session->next);
		save_session_client_send(session, 2 * round);
		save_session_expect_client_ended(session, 2 * round + 1);
		save_session_pause(session);
		save_session_client_send(session, 2 * round + 1);
		save_session_save(session, 200);
		save_session_hand_over(session);
		KUNIT_ASSERT_EQ(test, save_session_restore(session, session->server), 0);
		loopback_enable(session->server);
		save_session_expect_client_ended(session, 2 * round + 2);
		save_session_release(session);
	}
	expect_nothing_lost(session, 18);
}

/* Chunks of any size, from 1 byte to more than all: the same state. */
static void any_chunk_size(struct kunit *test)
{
	struct save_session *session = save_session_make(test, 2);
	struct loopback_end *other;
	u32 size, whole = 0;

	session->hold = true;
	save_session_join(session);
	save_session_send(session, 3, WAIT);
	save_session_expect_received(session, 3);
	save_session_pause(session);
	save_session_send(session, 2, WAIT);
	other = save_session_server(session);
	for (size = 1; !whole || size < whole + 2; size++) {
		session->restored = 0;
		save_session_save(session, size);
		KUNIT_ASSERT_EQ(test, save_session_restore(session, other), 0);
		KUNIT_ASSERT_EQ(test, session->restored, 5);
		if (session->chunk_count == 1 && !whole)
			whole = session->chunks[0].size;
	}
	/* Session, three in flight, two with a payload; each with eight of the driver. */
	KUNIT_EXPECT_EQ(test, whole, 32 + 88 + 3 * (24 + 8) + 2 * (24 + SAVE_PAYLOAD + 8));
	loopback_clean_up(other);
	/* The last state is as good as any. */
	save_session_hand_over(session);
	memset(session->numbers, 0, sizeof(session->numbers));
	KUNIT_ASSERT_EQ(test, save_session_restore(session, session->server), 0);
	loopback_enable(session->server);
	expect_nothing_lost(session, 0);
}

/* A save that is not finished leaves no trace, wherever it stops. */
static void given_up(struct kunit *test)
{
	struct save_session *session = busy_session(test);
	struct vmb_channel *channel = session->server->channel;
	u32 filled, required, round;
	u8 buffer[256];

	for (round = 0; round < 3; round++) {
		KUNIT_ASSERT_EQ(test, begin(session), 0);
		KUNIT_EXPECT_EQ(test, vmb_channel_start(channel), -EBUSY);
		if (round)
			KUNIT_EXPECT_EQ(test,
					vmb_channel_save_continue(channel, buffer, sizeof(buffer),
								  &filled, &required), -EOVERFLOW);
		if (round == 2)
			KUNIT_EXPECT_EQ(test,
					vmb_channel_save_continue(channel, buffer, 16, &filled,
								  &required), -ENOBUFS);
		vmb_channel_save_end(channel);
	}
	KUNIT_ASSERT_EQ(test, vmb_channel_start(channel), 0);
	expect_nothing_lost(session, 2);
}

/* Paused as it was, the channel still writes what waits for room. */
static void given_up_and_paused(struct kunit *test)
{
	struct save_session *session = busy_session(test);

	KUNIT_ASSERT_EQ(test, begin(session), 0);
	vmb_channel_save_end(session->server->channel);
	KUNIT_ASSERT_EQ(test,
			vmb_channel_set_transaction_quota(session->client->channel, U32_MAX), 0);
	save_session_release(session);
	save_session_expect_received(session, KEPT + IN_RING + QUEUED);
	KUNIT_ASSERT_EQ(test, vmb_channel_start(session->server->channel), 0);
	expect_nothing_lost(session, 2);
}

/* Nothing moves while it is saved, though the client reads and completes. */
static void stands_still(struct kunit *test)
{
	struct save_session *session = busy_session(test);
	struct vmb_packet *packet = vmb_packet_allocate(session->server->channel);

	KUNIT_ASSERT_NOT_NULL(test, packet);
	KUNIT_ASSERT_EQ(test, begin(session), 0);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, NULL, 0, NULL, 0, WAIT), -ENODEV);
	KUNIT_ASSERT_EQ(test,
			vmb_channel_set_transaction_quota(session->client->channel, U32_MAX), 0);
	save_session_release(session);
	/* What is in the ring, and no more. */
	save_session_expect_received(session, KEPT + IN_RING);
	loopback_settle(session->client);
	KUNIT_EXPECT_EQ(test, session->received_count, KEPT + IN_RING);
	KUNIT_EXPECT_EQ(test, session->numbers[0].ended, 0);
	KUNIT_ASSERT_EQ(test, save_session_fetch(session, 4096), 0);
	vmb_channel_save_end(session->server->channel);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, NULL, 0, NULL, 0, WAIT), -ENODEV);
	vmb_packet_free(packet);
	save_session_hand_over(session);
	KUNIT_ASSERT_EQ(test, save_session_restore(session, session->server), 0);
	loopback_enable(session->server);
	expect_nothing_lost(session, 2);
}

/* The old server goes on: its state is worth nothing any more, and nothing is lost. */
static void goes_on_instead(struct kunit *test)
{
	struct save_session *session = busy_session(test);
	struct loopback_end *other = save_session_server(session);

	save_session_save(session, 700);
	KUNIT_ASSERT_EQ(test, save_session_restore(session, other), 0);
	/* It is not handed over yet. */
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(other->channel), -ESTALE);
	KUNIT_ASSERT_EQ(test, vmb_channel_start(session->server->channel), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(other->channel), -ESTALE);
	loopback_clean_up(other);
	/* What it had restored has ended; the old server's numbers are not touched by that. */
	memset(session->numbers, 0, sizeof(session->numbers));
	expect_nothing_lost(session, 2);
}

/* A state of an earlier moment, though the server was saved and handed over since. */
static void of_an_earlier_moment(struct kunit *test)
{
	struct save_session *session = save_session_make(test, 4);
	u8 early[256];
	u32 size;

	save_session_join(session);
	save_session_pause(session);
	save_session_save(session, 256);
	size = session->chunks[0].size;
	memcpy(early, session->chunks[0].bytes, size);
	/* Nothing has moved, and still it is another save. */
	save_session_save(session, 256);
	save_session_hand_over(session);
	KUNIT_ASSERT_EQ(test, save_session_feed(session->server, early, size), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(session->server->channel), -ESTALE);
	KUNIT_ASSERT_EQ(test, save_session_restore(session, session->server), 0);
	loopback_enable(session->server);
	loopback_expect(session->server, LOOPBACK_STARTED, 1);
	expect_nothing_lost(session, 0);
}

/* A state is good for one server. */
static void restored_twice(struct kunit *test)
{
	struct save_session *session = busy_session(test);
	struct loopback_end *second = save_session_server(session);

	save_session_save(session, 4096);
	save_session_hand_over(session);
	KUNIT_ASSERT_EQ(test, save_session_restore(session, second), 0);
	KUNIT_ASSERT_EQ(test, save_session_restore(session, session->server), 0);
	loopback_enable(session->server);
	loopback_expect(session->server, LOOPBACK_STARTED, 1);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(second->channel), -ESTALE);
	loopback_clean_up(second);
	save_session_release(session);
	loopback_disable(session->client);
	loopback_expect(session->server, LOOPBACK_CLOSED, 1);
}

/* Disabled in the middle: the client hears of it, and the state is worth nothing. */
static void disabled_in_between(struct kunit *test)
{
	struct save_session *session = busy_session(test);
	u32 filled, required;
	u8 buffer[256];
	u32 i;

	KUNIT_ASSERT_EQ(test, begin(session), 0);
	loopback_disable(session->server);
	save_session_release(session);
	loopback_expect(session->client, LOOPBACK_CLOSED, 1);
	for (i = 0; i < session->next; i++) {
		KUNIT_EXPECT_EQ(test, session->numbers[i].ended, 1);
		KUNIT_EXPECT_EQ(test, session->numbers[i].status, -ENODEV);
	}
	KUNIT_EXPECT_EQ(test, vmb_channel_save_continue(session->server->channel, buffer,
							sizeof(buffer), &filled, &required),
			-ENODEV);
	vmb_channel_save_end(session->server->channel);
	KUNIT_EXPECT_EQ(test, vmb_channel_save_continue(session->server->channel, buffer,
							sizeof(buffer), &filled, &required),
			-EINVAL);
}

/* Cleaned up without an end: it frees the state. */
static void destroyed_in_between(struct kunit *test)
{
	struct save_session *session = busy_session(test);

	KUNIT_ASSERT_EQ(test, begin(session), 0);
	loopback_disable(session->server);
	loopback_clean_up(session->server);
	save_session_release(session);
	loopback_expect(session->client, LOOPBACK_CLOSED, 1);
}

/* The client goes while the old server is saved: that is the end of the session. */
static void client_goes_before(struct kunit *test)
{
	struct save_session *session = busy_session(test);
	struct loopback_end *other = save_session_server(session);

	save_session_save(session, 4096);
	save_session_release(session);
	loopback_disable(session->client);
	loopback_expect(session->server, LOOPBACK_CLOSED, 1);
	KUNIT_EXPECT_EQ(test, session->numbers[0].status, -ENODEV);
	KUNIT_EXPECT_EQ(test, session->numbers[0].handed_over, 0);
	loopback_disable(session->server);
	KUNIT_ASSERT_EQ(test, save_session_restore(session, other), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(other->channel), -ESTALE);
	loopback_clean_up(other);
}

static void enable_when_free(struct kunit *test, struct loopback_end *server)
{
	unsigned long end = jiffies + LOOPBACK_PATIENCE;
	int ret;

	while ((ret = vmb_channel_enable(server->channel)) == -EEXIST &&
	       time_before(jiffies, end))
		usleep_range(100, 200);
	KUNIT_ASSERT_EQ(test, ret, 0);
}

/* The client goes while there is no server: the offer goes with it. */
static void client_goes_in_between(struct kunit *test)
{
	struct save_session *session = busy_session(test);
	struct loopback_end *fresh = save_session_server(session);
	u32 i;

	save_session_save(session, 4096);
	save_session_hand_over(session);
	/* It is nobody else's so long. */
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(fresh->channel), -EEXIST);
	save_session_release(session);
	loopback_disable(session->client);
	KUNIT_ASSERT_EQ(test, save_session_restore(session, session->server), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(session->server->channel), -ESTALE);
	KUNIT_EXPECT_EQ(test, session->numbers[0].ended, 0);
	loopback_clean_up(session->server);
	for (i = 0; i < session->next; i++) {
		KUNIT_EXPECT_EQ(test, session->numbers[i].ended, 1);
		KUNIT_EXPECT_EQ(test, session->numbers[i].status, -ENODEV);
	}
	enable_when_free(test, fresh);
}

/* The next server is disabled before it was started: the client hears of that one. */
static void next_server_goes(struct kunit *test)
{
	struct save_session *session = busy_session(test);

	save_session_save(session, 4096);
	save_session_hand_over(session);
	KUNIT_ASSERT_EQ(test, save_session_restore(session, session->server), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_enable(session->server->channel), 0);
	loopback_disable(session->server);
	save_session_release(session);
	loopback_expect(session->client, LOOPBACK_CLOSED, 1);
	KUNIT_EXPECT_EQ(test, session->numbers[0].ended, 1);
	KUNIT_EXPECT_EQ(test, session->numbers[0].status, -ENODEV);
}

/* It refuses to open: so does it a client that asks. */
static void next_server_refuses(struct kunit *test)
{
	struct save_session *session = busy_session(test);

	save_session_save(session, 4096);
	save_session_hand_over(session);
	KUNIT_ASSERT_EQ(test, save_session_restore(session, session->server), 0);
	session->server->opened_error = -EACCES;
	KUNIT_ASSERT_EQ(test, vmb_channel_enable(session->server->channel), 0);
	save_session_release(session);
	loopback_expect(session->client, LOOPBACK_CLOSED, 1);
}

static void who_cannot_be_saved(struct kunit *test)
{
	struct save_session *session = save_session_make(test, 4);
	u32 filled, required;
	u8 buffer[16];

	KUNIT_EXPECT_EQ(test, vmb_channel_save_begin(session->client->channel), -EINVAL);
	KUNIT_EXPECT_EQ(test, begin(session), -ENOTCONN);
	KUNIT_ASSERT_EQ(test, vmb_channel_enable(session->server->channel), 0);
	/* A server is paused to begin with, but there is no session. */
	KUNIT_EXPECT_EQ(test, begin(session), -ENOTCONN);
	KUNIT_ASSERT_EQ(test, vmb_channel_start(session->server->channel), 0);
	loopback_enable(session->client);
	loopback_expect(session->server, LOOPBACK_STARTED, 1);
	loopback_expect(session->client, LOOPBACK_STARTED, 1);
	KUNIT_EXPECT_EQ(test, vmb_channel_save_begin(session->client->channel), -EINVAL);
	KUNIT_EXPECT_EQ(test, begin(session), -EBUSY);
	KUNIT_EXPECT_EQ(test, vmb_channel_save_continue(session->server->channel, buffer,
							sizeof(buffer), &filled, &required),
			-EINVAL);
	vmb_channel_save_end(session->server->channel);
	save_session_pause(session);
	KUNIT_ASSERT_EQ(test, begin(session), 0);
	KUNIT_EXPECT_EQ(test, begin(session), -EBUSY);
	vmb_channel_save_end(session->server->channel);
	KUNIT_EXPECT_EQ(test, vmb_channel_start(session->server->channel), 0);
}

static void sub_channels_are_not_saved(struct kunit *test)
{
	struct family *family = family_make_and_open(test, 1);

	KUNIT_ASSERT_EQ(test, vmb_channel_pause(family->server->channel), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_save_begin(family->servers[0]->channel), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, vmb_channel_save_begin(family->server->channel), -EOPNOTSUPP);
	loopback_disable(family->servers[0]);
	KUNIT_EXPECT_EQ(test, vmb_channel_save_begin(family->server->channel), 0);
	vmb_channel_save_end(family->server->channel);
}

/* What the save callback says. */
static void driver_refuses(struct kunit *test)
{
	struct save_session *session = busy_session(test);

	session->save_error = -EDOM;
	KUNIT_EXPECT_EQ(test, begin(session), -EDOM);
	/* Such as the bytes that it has written. */
	session->save_error = 8;
	KUNIT_EXPECT_EQ(test, begin(session), -EINVAL);
	session->save_error = 0;
	session->private_size = VMB_SAVE_MOST_PRIVATE + 1;
	KUNIT_EXPECT_EQ(test, begin(session), -EMSGSIZE);
	session->private_size = 0;
	session->asked = 0;
	KUNIT_EXPECT_EQ(test, begin(session), 0);
	/* How much, and what. */
	KUNIT_EXPECT_EQ(test, session->asked, 2 * session->next);
	vmb_channel_save_end(session->server->channel);
	KUNIT_ASSERT_EQ(test, vmb_channel_start(session->server->channel), 0);
	expect_nothing_lost(session, 2);
}

/* A completion that waits for room is the client's to make room for. */
static void completion_waits(struct kunit *test)
{
	struct save_session *session = save_session_make(test, 2);
	const struct vmb_counters *counters = &session->server->channel->counters;
	unsigned long end = jiffies + LOOPBACK_PATIENCE;
	/* A completion is 32 bytes, so one of them has no room behind IN_RING packets. */
	const u32 sent = PAGE_SIZE / 64 / 32 + 1;
	u64 number;

	session->hold = true;
	KUNIT_ASSERT_EQ(test, vmb_channel_set_transaction_quota(session->client->channel, 1), 0);
	save_session_join(session);
	save_session_send(session, 1, WAIT);
	save_session_expect_received(session, 1);
	save_session_send(session, IN_RING, 0);
	for (number = 0; number < sent; number++)
		save_session_client_send(session, number);
	/* Each is completed in the callback. */
	while ((READ_ONCE(counters->received) < sent ||
		!READ_ONCE(counters->completions_queued)) && time_before(jiffies, end))
		usleep_range(100, 200);
	KUNIT_ASSERT_EQ(test, counters->received, sent);
	KUNIT_ASSERT_GE(test, counters->completions_queued, 1);
	save_session_pause(session);
	KUNIT_EXPECT_EQ(test, begin(session), -EBUSY);
	KUNIT_ASSERT_EQ(test,
			vmb_channel_set_transaction_quota(session->client->channel, U32_MAX), 0);
	save_session_release(session);
	save_session_expect_client_ended(session, sent);
	KUNIT_EXPECT_EQ(test, begin(session), 0);
	vmb_channel_save_end(session->server->channel);
	KUNIT_ASSERT_EQ(test, vmb_channel_start(session->server->channel), 0);
	expect_nothing_lost(session, sent);
}

static struct kunit_case save_cases[] = {
	KUNIT_CASE(with_packets_everywhere),
	KUNIT_CASE(completed_in_between),
	KUNIT_CASE(ten_servers),
	KUNIT_CASE(any_chunk_size),
	KUNIT_CASE(given_up),
	KUNIT_CASE(given_up_and_paused),
	KUNIT_CASE(stands_still),
	KUNIT_CASE(goes_on_instead),
	KUNIT_CASE(of_an_earlier_moment),
	KUNIT_CASE(restored_twice),
	KUNIT_CASE(disabled_in_between),
	KUNIT_CASE(destroyed_in_between),
	KUNIT_CASE(client_goes_before),
	KUNIT_CASE(client_goes_in_between),
	KUNIT_CASE(next_server_goes),
	KUNIT_CASE(next_server_refuses),
	KUNIT_CASE(who_cannot_be_saved),
	KUNIT_CASE(sub_channels_are_not_saved),
	KUNIT_CASE(driver_refuses),
	KUNIT_CASE(completion_waits),
	{}
};

static struct kunit_suite save_suite = {
	.name = "vmbkmcl_save",
	.init = loopback_fixture_init,
	.exit = loopback_fixture_exit,
	.test_cases = save_cases,
};

kunit_test_suite(save_suite);
