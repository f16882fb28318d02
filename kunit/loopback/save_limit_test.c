// SPDX-License-Identifier: GPL-2.0
/*
 * How large a state may be that is saved. How large one may be that is restored is in
 * restore_test.c.
 */
#include <kunit/test.h>
#include <linux/sizes.h>

#include "../fixtures/save_fixture.h"

/* A record, and the session's, without what is in them. */
#define RECORD		24u
#define SESSION		88u

/* A server that may be saved, and may have sent more than a state can have. */
static struct save_session *paused_session(struct kunit *test)
{
	struct save_session *session = save_session_make(test, 2);

	KUNIT_ASSERT_EQ(test,
			vmb_channel_init_set_outbound_packet_count(session->server->channel,
								   70000), 0);
	save_session_join(session);
	save_session_pause(session);
	return session;
}

/* They are held, and end with the channel. */
static void send_held(struct save_session *session, u32 count, u32 length)
{
	struct kunit *test = session->test;
	static const u8 payload[40];
	struct vmb_packet *packet;

	while (count--) {
		packet = vmb_packet_allocate(session->server->channel);
		KUNIT_ASSERT_NOT_NULL(test, packet);
		KUNIT_ASSERT_EQ(test, vmb_packet_send(packet, payload, length, NULL, 0, 0), 0);
	}
}

static void as_many_packets_as_may_be(struct kunit *test)
{
	struct save_session *session = paused_session(test);
	struct vmb_channel *server = session->server->channel;

	send_held(session, 65536, 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_save_begin(server), 0);
	vmb_channel_save_end(server);
	send_held(session, 1, 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_save_begin(server), -E2BIG);
	KUNIT_EXPECT_NULL(test, server->save.image);
	/* It goes on as if nobody had asked. */
	KUNIT_EXPECT_EQ(test, vmb_channel_start(server), 0);
}

/* Of 64 MiB, with a payload that fills them to the byte, or is a word more. */
static void save_so_much(struct kunit *test, u32 last, int ret)
{
	struct save_session *session = paused_session(test);
	struct vmb_channel *server = session->server->channel;

	session->private_size = SZ_64K;
	send_held(session, 1022, 40);
	send_held(session, 1, last);
	KUNIT_EXPECT_EQ(test, vmb_channel_save_begin(server), ret);
	if (!ret)
		KUNIT_EXPECT_EQ(test, server->save.size,
				SESSION + 1023 * (RECORD + SZ_64K) + 1022 * 40 + last);
	else
		KUNIT_EXPECT_NULL(test, server->save.image);
	vmb_channel_save_end(server);
}

static void as_many_bytes_as_may_be(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, SESSION + 1023 * (RECORD + SZ_64K) + 1022 * 40 + 16, SZ_64M);
	save_so_much(test, 16, 0);
}

static void a_word_more_than_may_be(struct kunit *test)
{
	save_so_much(test, 24, -E2BIG);
}

/* What the driver adds to one packet. */
static void as_much_of_a_packet_as_may_be(struct kunit *test)
{
	struct save_session *session = paused_session(test);
	struct vmb_channel *server = session->server->channel;

	send_held(session, 1, 0);
	session->private_size = 65536;
	KUNIT_EXPECT_EQ(test, vmb_channel_save_begin(server), 0);
	KUNIT_EXPECT_EQ(test, server->save.size, SESSION + RECORD + 65536);
	vmb_channel_save_end(server);
	session->private_size = 65537;
	KUNIT_EXPECT_EQ(test, vmb_channel_save_begin(server), -EMSGSIZE);
}

static struct kunit_case save_limit_cases[] = {
	KUNIT_CASE(as_many_packets_as_may_be),
	KUNIT_CASE(as_many_bytes_as_may_be),
	KUNIT_CASE(a_word_more_than_may_be),
	KUNIT_CASE(as_much_of_a_packet_as_may_be),
	{}
};

static struct kunit_suite save_limit_suite = {
	.name = "vmbkmcl_save_limit",
	.init = loopback_fixture_init,
	.exit = loopback_fixture_exit,
	.test_cases = save_limit_cases,
};

kunit_test_suite(save_limit_suite);
