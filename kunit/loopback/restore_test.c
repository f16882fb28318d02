// SPDX-License-Identifier: GPL-2.0
/*
 * States that nobody has saved: damaged, forged, of another channel, in another order.
 * Each is refused, and what was restored of it ends.
 */
#include <kunit/test.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../fixtures/save_fixture.h"

#define SESSION_AT	sizeof(struct vmb_save_chunk)
#define SENT_AT		(SESSION_AT + sizeof(struct vmb_save_session))
#define SENT_SIZE	(sizeof(struct vmb_save_packet) + 8)
#define WAITING_AT	(SENT_AT + 3 * SENT_SIZE)
#define WAITING_SIZE	(sizeof(struct vmb_save_packet) + SAVE_PAYLOAD + 8)
#define WHOLE		(WAITING_AT + 2 * WAITING_SIZE)

/**
 * struct saved - a state to be damaged
 * @session: whose: three packets are in flight, two wait.
 * @bytes: it, in one chunk, and room for more.
 * @to: a server that it is given to.
 */
struct saved {
	struct save_session *session;
	u8 *bytes;
	struct loopback_end *to;
};

static struct saved save(struct kunit *test)
{
	struct saved saved;
	struct save_session *session;

	session = save_session_make(test, 2);
	saved.session = session;
	session->hold = true;
	save_session_join(session);
	save_session_send(session, 3, WAIT);
	save_session_expect_received(session, 3);
	save_session_pause(session);
	save_session_send(session, 2, WAIT);
	save_session_save(session, WHOLE);
	KUNIT_ASSERT_EQ(test, session->chunk_count, 1);
	KUNIT_ASSERT_EQ(test, session->chunks[0].size, WHOLE);
	saved.bytes = kunit_kzalloc(test, WHOLE + 256, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, saved.bytes);
	memcpy(saved.bytes, session->chunks[0].bytes, WHOLE);
	save_session_hand_over(session);
	memset(session->numbers, 0, sizeof(session->numbers));
	saved.to = session->server;
	return saved;
}

/* After all that the state itself is as good as ever. */
static void expect_still_good(struct saved *saved)
{
	struct save_session *session = saved->session;
	struct kunit *test = session->test;
	u32 i;

	KUNIT_ASSERT_EQ(test, save_session_restore(session, saved->to), 0);
	/* What was restored before has ended now. */
	memset(session->numbers, 0, sizeof(session->numbers));
	loopback_enable(saved->to);
	save_session_release(session);
	save_session_expect_received(session, 5);
	for (i = 0; i < 5; i++)
		save_session_expect_ended(session, i);
}

/* Refused as a whole: no packet was given to the driver. */
static int refused(struct saved *saved, const void *bytes, u32 size)
{
	struct kunit *test = saved->session->test;
	u32 before = saved->session->restored;
	int ret = save_session_feed(saved->to, bytes, size);

	KUNIT_EXPECT_LT(test, ret, 0);
	KUNIT_EXPECT_NE(test, ret, -EINPROGRESS);
	KUNIT_EXPECT_EQ(test, saved->session->restored, before);
	KUNIT_EXPECT_EQ(test, saved->to->channel->restore.state, VMB_RESTORE_NONE);
	KUNIT_EXPECT_TRUE(test, list_empty(&saved->to->channel->restore.list));
	return ret;
}

static void every_byte(struct kunit *test)
{
	static const u8 changes[] = { 0x01, 0x80, 0xff };
	struct saved saved = save(test);
	u32 i, k;

	for (i = 0; i < WHOLE; i++)
		for (k = 0; k < ARRAY_SIZE(changes); k++) {
			saved.bytes[i] ^= changes[k];
			refused(&saved, saved.bytes, WHOLE);
			saved.bytes[i] ^= changes[k];
		}
	expect_still_good(&saved);
}

static void every_truncation(struct kunit *test)
{
	struct saved saved = save(test);
	struct vmb_save_chunk *chunk = (void *)saved.bytes;
	u32 size;

	/* As it is, and as somebody would do it who means to. */
	for (size = 0; size < WHOLE; size++) {
		u8 *exact = kmemdup(saved.bytes, size ?: 1, GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, exact);
		KUNIT_EXPECT_EQ(test, refused(&saved, exact, size), -EBADMSG);
		if (size >= sizeof(*chunk)) {
			((struct vmb_save_chunk *)exact)->length = cpu_to_le32(size);
			save_session_sign(exact, size);
			KUNIT_EXPECT_EQ(test, refused(&saved, exact, size), -EBADMSG);
		}
		kfree(exact);
	}
	for (size = WHOLE + 1; size < WHOLE + 64; size++) {
		KUNIT_EXPECT_EQ(test, refused(&saved, saved.bytes, size), -EBADMSG);
		chunk->length = cpu_to_le32(size);
		save_session_sign(saved.bytes, size);
		KUNIT_EXPECT_EQ(test, refused(&saved, saved.bytes, size), -EBADMSG);
		chunk->length = cpu_to_le32(WHOLE);
		save_session_sign(saved.bytes, WHOLE);
	}
	KUNIT_EXPECT_EQ(test, refused(&saved, saved.bytes, U32_MAX), -EBADMSG);
	expect_still_good(&saved);
}

/**
 * struct forgery - a field of a state with a checksum that is right
 * @at: where it is.
 * @value: what is put there, four bytes of it.
 * @expected: what is said to that.
 */
struct forgery {
	u32 at;
	u32 value;
	int expected;
};

#define CHUNK(field, value, expected) \
	{ offsetof(struct vmb_save_chunk, field), value, expected }
#define SESSION(field, value, expected) \
	{ SESSION_AT + offsetof(struct vmb_save_session, field), value, expected }
#define RECORD(at, field, value, expected) \
	{ (at) + offsetof(struct vmb_save_record, field), value, expected }
#define PACKET(at, field, value, expected) \
	{ (at) + offsetof(struct vmb_save_packet, field), value, expected }

static const struct forgery forgeries[] = {
	CHUNK(magic, 0, -EBADMSG),
	/* With what is behind it: whether this is the last. */
	CHUNK(version, 0 | 1 << 16, -EPROTONOSUPPORT),
	CHUNK(version, 2 | 1 << 16, -EPROTONOSUPPORT),
	CHUNK(version, VMB_SAVE_VERSION | 0 << 16, -EBADMSG),
	CHUNK(version, VMB_SAVE_VERSION | 2 << 16, -EBADMSG),
	CHUNK(length, 0, -EBADMSG),
	CHUNK(length, WHOLE - 8, -EBADMSG),
	CHUNK(length, U32_MAX, -EBADMSG),
	CHUNK(index, 1, -EBADMSG),
	CHUNK(index, U32_MAX, -EBADMSG),
	CHUNK(records, 0, -EBADMSG),
	CHUNK(records, 5, -EBADMSG),
	CHUNK(records, 7, -EBADMSG),
	CHUNK(records, U32_MAX, -EBADMSG),
	RECORD(SESSION_AT, type, VMB_SAVE_PACKET, -EBADMSG),
	RECORD(SESSION_AT, type, 0, -EBADMSG),
	RECORD(SESSION_AT, length, 0, -EBADMSG),
	RECORD(SESSION_AT, length, 4, -EBADMSG),
	RECORD(SESSION_AT, length, sizeof(struct vmb_save_session) + 8, -EBADMSG),
	RECORD(SESSION_AT, length, sizeof(struct vmb_save_session) - 8, -EBADMSG),
	RECORD(SESSION_AT, length, 0xfffffff8, -EBADMSG),
	SESSION(type[3], 0x77, -EINVAL),
	SESSION(instance[12], 0x77, -EINVAL),
	SESSION(flags, VMB_CHANNEL_INIT_FLAG_IS_PIPE, -EINVAL),
	SESSION(server_flags, 0, -EINVAL),
	SESSION(packet_size, SAVE_PAYLOAD + 1, -EINVAL),
	SESSION(packet_size, U32_MAX, -EINVAL),
	SESSION(packet_count, 0, -EINVAL),
	SESSION(packet_count, 0x80000000, -EINVAL),
	SESSION(external_bytes, 1, -EINVAL),
	SESSION(external_chain, 1, -EINVAL),
	SESSION(packets, 4, -EBADMSG),
	SESSION(packets, 6, -EBADMSG),
	SESSION(packets, 0, -EBADMSG),
	SESSION(packets, VMB_SAVE_MOST_PACKETS + 1, -EBADMSG),
	SESSION(packets, U32_MAX, -EBADMSG),
	SESSION(in_flight, 2, -EBADMSG),
	SESSION(in_flight, 4, -EBADMSG),
	SESSION(in_flight, 6, -EBADMSG),
	SESSION(in_flight, U32_MAX, -EBADMSG),
	SESSION(reserved, 1, -EBADMSG),
	RECORD(SENT_AT, type, VMB_SAVE_SESSION, -EBADMSG),
	RECORD(SENT_AT, type, 3, -EBADMSG),
	RECORD(SENT_AT, length, 0, -EBADMSG),
	RECORD(SENT_AT, length, 8, -EBADMSG),
	RECORD(SENT_AT, length, 16, -EBADMSG),
	RECORD(SENT_AT, length, SENT_SIZE + 1, -EBADMSG),
	RECORD(SENT_AT, length, SENT_SIZE - 8, -EBADMSG),
	RECORD(SENT_AT, length, SENT_SIZE + 8, -EBADMSG),
	RECORD(SENT_AT, length, WHOLE, -EBADMSG),
	RECORD(SENT_AT, length, 0xfffffff8, -EBADMSG),
	PACKET(SENT_AT, payload_length, 8, -EBADMSG),
	PACKET(SENT_AT, payload_length, U32_MAX, -EBADMSG),
	PACKET(SENT_AT, private_length, 0, -EBADMSG),
	PACKET(SENT_AT, private_length, 9, -EBADMSG),
	PACKET(SENT_AT, private_length, 0xfffffff9, -EBADMSG),
	PACKET(SENT_AT, private_length, VMB_SAVE_MOST_PRIVATE + 1, -EBADMSG),
	PACKET(SENT_AT, flags, 0, -EBADMSG),
	PACKET(SENT_AT, flags, VMB_SAVE_PACKET_WAITS, -EBADMSG),
	PACKET(SENT_AT, flags, VMB_SAVE_PACKET_SENT, -EBADMSG),
	PACKET(SENT_AT, flags, 7, -EBADMSG),
	PACKET(SENT_AT, transaction_id, 0, -EBADMSG),
	PACKET(WAITING_AT, payload_length, 0, -EBADMSG),
	PACKET(WAITING_AT, payload_length, SAVE_PAYLOAD + 1, -EBADMSG),
	PACKET(WAITING_AT, payload_length, SAVE_PAYLOAD + 8, -EBADMSG),
	PACKET(WAITING_AT, payload_length, U32_MAX, -EBADMSG),
	/* The byte behind it is not 0. */
	PACKET(WAITING_AT, payload_length, SAVE_PAYLOAD - 1, -EBADMSG),
	PACKET(WAITING_AT, flags, VMB_SAVE_PACKET_SENT, -EBADMSG),
	PACKET(WAITING_AT, flags, VMB_SAVE_PACKET_SENT | VMB_SAVE_PACKET_WAITS, -EBADMSG),
	PACKET(WAITING_AT, flags, 4, -EBADMSG),
	PACKET(WAITING_AT, transaction_id, 0x101, -EBADMSG),
};

static void every_field(struct kunit *test)
{
	struct saved saved = save(test);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(forgeries); i++) {
		const struct forgery *forgery = &forgeries[i];
		const __le32 value = cpu_to_le32(forgery->value);
		u8 keep[sizeof(value)];

		memcpy(keep, saved.bytes + forgery->at, sizeof(keep));
		memcpy(saved.bytes + forgery->at, &value, sizeof(value));
		save_session_sign(saved.bytes, WHOLE);
		KUNIT_EXPECT_EQ_MSG(test, refused(&saved, saved.bytes, WHOLE),
				    forgery->expected, "forgery %u at %u", i, forgery->at);
		memcpy(saved.bytes + forgery->at, keep, sizeof(keep));
	}
	expect_still_good(&saved);
}

/* Two packets in flight with the same id, or of the same slot. */
static void ids_that_collide(struct kunit *test)
{
	struct saved saved = save(test);
	struct vmb_save_packet *first = (void *)(saved.bytes + SENT_AT);
	struct vmb_save_packet *second = (void *)(saved.bytes + SENT_AT + SENT_SIZE);
	const __le32 id = second->transaction_id;

	second->transaction_id = first->transaction_id;
	save_session_sign(saved.bytes, WHOLE);
	KUNIT_EXPECT_EQ(test, refused(&saved, saved.bytes, WHOLE), -EBADMSG);
	/* There are 256 slots; an id is the slot with a generation above it. */
	second->transaction_id = cpu_to_le32(le32_to_cpu(first->transaction_id) + 256);
	save_session_sign(saved.bytes, WHOLE);
	KUNIT_EXPECT_EQ(test, refused(&saved, saved.bytes, WHOLE), -EBADMSG);
	second->transaction_id = id;
	expect_still_good(&saved);
}

/*
 * Any byte, with a checksum that is right: it may be good for something, or not; no
 * packet is lost sight of.
 */
static void any_byte_signed(struct kunit *test)
{
	static const u8 changes[] = { 0x01, 0x10, 0x80, 0xff };
	struct saved saved = save(test);
	u32 i, k, refusals = 0;

	for (i = sizeof(struct vmb_save_chunk); i < WHOLE; i++)
		for (k = 0; k < ARRAY_SIZE(changes); k++) {
			int ret;

			saved.bytes[i] ^= changes[k];
			save_session_sign(saved.bytes, WHOLE);
			ret = save_session_feed(saved.to, saved.bytes, WHOLE);
			KUNIT_EXPECT_TRUE(test, !ret || ret == -EBADMSG || ret == -EINVAL);
			refusals += ret != 0;
			saved.bytes[i] ^= changes[k];
		}
	/* What is left: payload, the driver's, ids, and where the rings stand. */
	KUNIT_EXPECT_GT(test, refusals, 4 * (2 * sizeof(guid_t) + 24 + 5 * 20));
	expect_still_good(&saved);
}

/* The rings are elsewhere than the state says: it is not of this session. */
static void other_positions(struct kunit *test)
{
	struct saved saved = save(test);
	struct vmb_save_session *session = (void *)(saved.bytes + SESSION_AT);
	__le32 *fields[] = {
		&session->read_index, &session->write_index, &session->peer_read_index,
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		le32_add_cpu(fields[i], 8);
		save_session_sign(saved.bytes, WHOLE);
		KUNIT_ASSERT_EQ(test, save_session_feed(saved.to, saved.bytes, WHOLE), 0);
		KUNIT_EXPECT_EQ(test, vmb_channel_enable(saved.to->channel), -ESTALE);
		le32_add_cpu(fields[i], -8);
	}
	expect_still_good(&saved);
}

/* A packet in flight left out, or with another id: another would end with its answer. */
static void other_packets_in_flight(struct kunit *test)
{
	struct saved saved = save(test);
	struct vmb_save_chunk *chunk = (void *)saved.bytes;
	struct vmb_save_session *session = (void *)(saved.bytes + SESSION_AT);
	struct vmb_save_packet *first = (void *)(saved.bytes + SENT_AT);
	u8 *record;

	le32_add_cpu(&first->transaction_id, 256);
	save_session_sign(saved.bytes, WHOLE);
	KUNIT_ASSERT_EQ(test, save_session_feed(saved.to, saved.bytes, WHOLE), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(saved.to->channel), -ESTALE);
	le32_add_cpu(&first->transaction_id, -256);
	le32_add_cpu(&session->packets, -1);
	le32_add_cpu(&session->in_flight, -1);
	le32_add_cpu(&chunk->records, -1);
	le32_add_cpu(&chunk->length, -(u32)SENT_SIZE);
	record = (u8 *)first;
	memmove(record, record + SENT_SIZE, WHOLE - SENT_AT - SENT_SIZE);
	save_session_sign(saved.bytes, WHOLE - SENT_SIZE);
	KUNIT_ASSERT_EQ(test, save_session_feed(saved.to, saved.bytes, WHOLE - SENT_SIZE), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(saved.to->channel), -ESTALE);
	expect_still_good(&saved);
}

static int feed_chunk(struct save_session *session, struct loopback_end *to, u32 i)
{
	return save_session_feed(to, session->chunks[i].bytes, session->chunks[i].size);
}

/* Chunks out of order, twice, of another save, or one too many. */
static void chunks_in_order(struct kunit *test)
{
	struct save_session *session = save_session_make(test, 2);
	struct save_chunk other;
	struct loopback_end *to;
	u32 i, k;

	session->hold = true;
	save_session_join(session);
	save_session_send(session, 3, WAIT);
	save_session_expect_received(session, 3);
	save_session_pause(session);
	to = save_session_server(session);
	save_session_save(session, 1);
	KUNIT_ASSERT_EQ(test, session->chunk_count, 4);
	other.size = session->chunks[1].size;
	other.bytes = kunit_kmalloc(test, other.size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, other.bytes);
	memcpy(other.bytes, session->chunks[1].bytes, other.size);
	save_session_save(session, 1);
	for (i = 0; i < 4; i++)
		for (k = 1; k < 4; k++) {
			u32 n;

			if (k == i + 1)
				continue;
			for (n = 0; n <= i; n++)
				KUNIT_EXPECT_EQ(test, feed_chunk(session, to, n),
						n == 3 ? 0 : -EINPROGRESS);
			KUNIT_EXPECT_EQ(test, feed_chunk(session, to, k), -EBADMSG);
			/* It begins anew with the first. */
			KUNIT_EXPECT_EQ(test, to->channel->restore.state, VMB_RESTORE_NONE);
		}
	KUNIT_EXPECT_EQ(test, feed_chunk(session, to, 0), -EINPROGRESS);
	KUNIT_EXPECT_EQ(test, save_session_feed(to, other.bytes, other.size), -EBADMSG);
	/* As long as some are missing it is not enabled. */
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, feed_chunk(session, to, i), -EINPROGRESS);
		KUNIT_EXPECT_EQ(test, vmb_channel_enable(to->channel), -EINVAL);
	}
	loopback_clean_up(to);
	/* Or its client would not be disabled. */
	save_session_release(session);
}

/* The restore callback refuses, forgets, or gives back something else. */
static void driver_misbehaves(struct kunit *test)
{
	static const struct {
		enum save_restore_way way;
		int expected;
	} ways[] = {
		{ SAVE_RESTORE_REFUSES, -EDOM },
		{ SAVE_RESTORE_AND_REFUSES, -EDOM },
		{ SAVE_RESTORE_FORGETS, -EINVAL },
		{ SAVE_RESTORE_TWICE, -EINVAL },
		{ SAVE_RESTORE_SHORT, -EINVAL },
		{ SAVE_RESTORE_REENTERS, -EBUSY },
		{ SAVE_RESTORE_GIVES_UP, -EBUSY },
		{ SAVE_RESTORE_SHRINKS, -EINVAL },
	};
	struct saved saved = save(test);
	struct vmb_packet *packet = vmb_packet_allocate(saved.to->channel);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, packet);
	/* Not outside of the callback. */
	KUNIT_EXPECT_EQ(test, vmb_packet_restore(packet, saved.bytes + SENT_AT, 24), -EINVAL);
	vmb_packet_free(packet);
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		saved.session->restore = ways[i].way;
		KUNIT_EXPECT_EQ(test, save_session_feed(saved.to, saved.bytes, WHOLE),
				ways[i].expected);
		KUNIT_EXPECT_EQ(test, saved.to->channel->outbound.allocated, 0);
		KUNIT_ASSERT_EQ(test,
				vmb_channel_init_set_maximum_packet_size(saved.to->channel,
									 SAVE_PAYLOAD), 0);
	}
	saved.session->restore = SAVE_RESTORE;
	expect_still_good(&saved);
}

/* Into a channel that is not what the old one was. */
static void other_configuration(struct kunit *test)
{
	struct saved saved = save(test);
	struct vmb_channel *channel = saved.to->channel;
	int ret;

	KUNIT_EXPECT_EQ(test, save_session_feed(saved.session->client, saved.bytes, WHOLE),
			-EINVAL);
	KUNIT_ASSERT_EQ(test,
			vmb_channel_init_set_maximum_packet_size(channel, SAVE_PAYLOAD * 2),
			0);
	KUNIT_EXPECT_EQ(test, refused(&saved, saved.bytes, WHOLE), -EINVAL);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_packet_size(channel, SAVE_PAYLOAD), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_packet_count(channel, 255), 0);
	KUNIT_EXPECT_EQ(test, refused(&saved, saved.bytes, WHOLE), -EINVAL);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_packet_count(channel, 256), 0);
	KUNIT_ASSERT_EQ(test,
			vmb_server_channel_init_set_target_interface_id(channel, &loopback_type,
									&loopback_instances[1]),
			0);
	KUNIT_EXPECT_EQ(test, refused(&saved, saved.bytes, WHOLE), -EINVAL);
	KUNIT_ASSERT_EQ(test,
			vmb_server_channel_init_set_target_interface_id(channel, &loopback_type,
									&loopback_instances[0]),
			0);
	/* No callback: nobody would have the packets. */
	ret = vmb_server_channel_init_set_save_restore_packet_callbacks(channel, NULL, NULL,
									NULL);
	KUNIT_ASSERT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ(test, refused(&saved, saved.bytes, WHOLE), -EINVAL);
	loopback_clean_up(saved.to);
	saved.to = save_session_server(saved.session);
	saved.session->server = saved.to;
	/* Changed since, or with room for too few. */
	KUNIT_ASSERT_EQ(test, save_session_feed(saved.to, saved.bytes, WHOLE), 0);
	channel = saved.to->channel;
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_packet_count(channel, 16), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(channel), -EINVAL);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_packet_count(channel, 256), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_inbound_packet_count(channel, 2), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(channel), -EINVAL);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_inbound_packet_count(channel, 1024), 0);
	expect_still_good(&saved);
	KUNIT_EXPECT_EQ(test, save_session_feed(saved.to, saved.bytes, WHOLE), -EBUSY);
}

/* All chunks together are bounded, as those of a save are. */
static void too_much_in_all(struct kunit *test)
{
	struct save_session *session = save_session_make(test, 2);
	struct loopback_end *to;

	session->hold = true;
	save_session_join(session);
	save_session_send(session, 2, WAIT);
	save_session_expect_received(session, 2);
	save_session_pause(session);
	save_session_save(session, 1);
	KUNIT_ASSERT_EQ(test, session->chunk_count, 3);
	to = save_session_server(session);
	KUNIT_ASSERT_EQ(test, feed_chunk(session, to, 0), -EINPROGRESS);
	KUNIT_EXPECT_EQ(test, to->channel->restore.room,
			SZ_64M - sizeof(struct vmb_save_session));
	/* As if so much had come by now. */
	to->channel->restore.room = 2 * SENT_SIZE - 8;
	KUNIT_EXPECT_EQ(test, feed_chunk(session, to, 1), -EINPROGRESS);
	KUNIT_EXPECT_EQ(test, feed_chunk(session, to, 2), -EBADMSG);
	KUNIT_EXPECT_EQ(test, to->channel->restore.state, VMB_RESTORE_NONE);
	KUNIT_EXPECT_EQ(test, save_session_restore(session, to), 0);
	loopback_clean_up(to);
	save_session_release(session);
}

/* Settings that change between two chunks: what was made for the old ones is too small. */
static void changed_between_chunks(struct kunit *test)
{
	struct save_session *session = save_session_make(test, 2);
	struct vmb_save_packet *packet;
	struct loopback_end *to;
	u32 i;
	int ret;

	KUNIT_ASSERT_EQ(test,
			vmb_channel_init_set_maximum_packet_count(session->server->channel, 1), 0);
	session->hold = true;
	save_session_join(session);
	save_session_send(session, 1, WAIT);
	save_session_expect_received(session, 1);
	save_session_pause(session);
	save_session_send(session, 1, WAIT);
	save_session_save(session, 1);
	KUNIT_ASSERT_EQ(test, session->chunk_count, 3);
	packet = (void *)(session->chunks[1].bytes + SESSION_AT);
	packet->transaction_id = cpu_to_le32(65535);
	save_session_sign(session->chunks[1].bytes, session->chunks[1].size);
	to = save_session_server(session);
	for (i = 0; i < 2; i++) {
		KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_packet_count(to->channel, 1),
				0);
		KUNIT_ASSERT_EQ(test, feed_chunk(session, to, 0), -EINPROGRESS);
		if (!i) {
			ret = vmb_channel_init_set_maximum_packet_count(to->channel, 65536);
			KUNIT_ASSERT_EQ(test, ret, 0);
		} else {
			ret = vmb_server_channel_init_set_save_restore_packet_callbacks
				(to->channel, session, NULL, NULL);
			KUNIT_ASSERT_EQ(test, ret, 0);
		}
		KUNIT_EXPECT_EQ(test, feed_chunk(session, to, 1), -EINVAL);
		KUNIT_EXPECT_EQ(test, to->channel->restore.state, VMB_RESTORE_NONE);
		KUNIT_EXPECT_NULL(test, to->channel->restore.slots);
	}
	KUNIT_EXPECT_EQ(test, session->restored, 0);
	loopback_clean_up(to);
	save_session_release(session);
}

static struct kunit_case restore_cases[] = {
	KUNIT_CASE(every_byte),
	KUNIT_CASE(every_truncation),
	KUNIT_CASE(every_field),
	KUNIT_CASE(ids_that_collide),
	KUNIT_CASE(any_byte_signed),
	KUNIT_CASE(other_positions),
	KUNIT_CASE(chunks_in_order),
	KUNIT_CASE(driver_misbehaves),
	KUNIT_CASE(other_configuration),
	KUNIT_CASE(other_packets_in_flight),
	KUNIT_CASE(too_much_in_all),
	KUNIT_CASE(changed_between_chunks),
	{}
};

static struct kunit_suite restore_suite = {
	.name = "vmbkmcl_restore",
	.init = loopback_fixture_init,
	.exit = loopback_fixture_exit,
	.test_cases = restore_cases,
};

kunit_test_suite(restore_suite);
