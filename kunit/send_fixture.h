/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A client that sends and writes down how each of its packets ended, and a peer
 * that takes what was sent byte by byte and answers it.
 */
#ifndef VMB_KUNIT_SEND_FIXTURE_H
#define VMB_KUNIT_SEND_FIXTURE_H

#include <linux/wait.h>

#include "channel_fixture.h"

/* Room for what one test does. */
#define SEND_FIXTURE_PACKETS	512u
#define SEND_FIXTURE_ENDS	2048u
/* Most bytes of a packet that is sent, and of the range list in it. */
#define SEND_FIXTURE_BYTES	SZ_64K

/* Limits of external data, where a test wants it. */
#define SEND_EXTERNAL_BYTES	(16 * PAGE_SIZE)
#define SEND_EXTERNAL_CHAIN	8u

/* What surrounds a payload in the ring: descriptor and trailer. */
#define AROUND			24u
#define WAIT			VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION

/**
 * struct send_end - a call of a completion routine
 * @number: of the packet.
 * @status: what it was told.
 * @length: likewise.
 * @has_buffer: it was given a buffer.
 * @filled: whose bytes are those of an answer of that length, see peer_answer().
 */
struct send_end {
	u32 number;
	int status;
	u32 length;
	bool has_buffer;
	bool filled;
};

/**
 * struct sent_packet - what the peer got
 * @type: first word of the descriptor.
 * @offset: second word, in bytes.
 * @length: third word, in bytes.
 * @flags: fourth word.
 * @transaction_id: the rest of it.
 * @start: index at which it begins.
 * @body: what follows the descriptor, a private copy; valid until the next.
 */
struct sent_packet {
	u16 type;
	u32 offset;
	u32 length;
	u16 flags;
	u64 transaction_id;
	u32 start;
	const u8 *body;
};

/**
 * struct sender - the client's half of it; in &channel_fixture.private
 * @fixture: the rest.
 * @lock: protects @ends and @end_count.
 * @packets: by number; NULL: not made, or freed.
 * @ends: calls of the routine, in order.
 * @end_count: how many.
 * @ended: woken by each.
 * @on_end: called in the routine, after it was written down; or NULL.
 * @body: what the peer got last.
 * @payload: room for what is sent.
 * @operations: the transport's, as the test has changed them.
 * @original: and as they were.
 * @private: the test's.
 *
 * Allocated by send_fixture_init().
 */
struct sender {
	struct channel_fixture *fixture;
	spinlock_t lock; /* ends */
	struct vmb_packet *packets[SEND_FIXTURE_PACKETS];
	struct send_end ends[SEND_FIXTURE_ENDS];
	u32 end_count;
	wait_queue_head_t ended;
	void (*on_end)(struct sender *sender, struct vmb_packet *packet,
		       const struct send_end *end);
	u8 *body;
	u8 *payload;
	struct vmb_channel_transport_operations operations;
	const struct vmb_channel_transport_operations *original;
	void *private;
};

static inline struct sender *sender_of(struct channel_fixture *fixture)
{
	return fixture->private;
}

int send_fixture_init(struct kunit *test);
void send_fixture_exit(struct kunit *test);

/* The client. */
void send_routine(struct vmb_packet *packet, void *context, int status,
		  const void *buffer, u32 length);
struct vmb_packet *send_make(struct channel_fixture *fixture, u32 number);
void send_free(struct channel_fixture *fixture, u32 number);
int send_try(struct channel_fixture *fixture, u32 number, u32 length, u32 flags);
void send_one(struct channel_fixture *fixture, u32 number, u32 length, u32 flags);
void send_allow_external(struct channel_fixture *fixture);
struct page *send_pages(struct channel_fixture *fixture, u32 order);
int send_external(struct channel_fixture *fixture, u32 number,
		  const struct bio_vec *vectors, u32 vector_count, u32 flags);
void send_expect_ends(struct channel_fixture *fixture, u32 count);
void send_expect_end(struct channel_fixture *fixture, u32 position, u32 number,
		     int status);
void send_expect_answered(struct channel_fixture *fixture, u32 position,
			  u32 number, u32 length);
void send_expect_balance(struct channel_fixture *fixture, u64 sends, u64 failed);

/* The transport. */
struct vmb_channel_transport_operations *
send_change_transport(struct channel_fixture *fixture);
void send_wait_for_peer(struct channel_fixture *fixture);

/* The peer. */
bool peer_take(struct channel_fixture *fixture, struct sent_packet *sent);
u64 peer_expect_sent(struct channel_fixture *fixture, u32 number, u32 length,
		     u32 flags);
void peer_make_room(struct channel_fixture *fixture);
void peer_answer(struct channel_fixture *fixture, u64 transaction_id, u32 length);

#endif
