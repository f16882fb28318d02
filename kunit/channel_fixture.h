/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A channel with a client that writes down all that happens to it, and a peer
 * that lays out its packets byte by byte as VMBus has it: what the tests expect
 * comes from the protocol and not from the code under test.
 */
#ifndef VMB_KUNIT_CHANNEL_FIXTURE_H
#define VMB_KUNIT_CHANNEL_FIXTURE_H

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/workqueue.h>

#include "memory_transport.h"
#include "ring_image.h"

/* Room for what one test does. */
#define CHANNEL_FIXTURE_LOG	2048u
#define CHANNEL_FIXTURE_PACKETS	1024u
/* Nobody here needs that long, unless a wake-up was lost. */
#define CHANNEL_FIXTURE_PATIENCE	(20 * HZ)

/* Size of rings whose data is one page, control page included. */
#define CHANNEL_FIXTURE_SMALL	2u

/**
 * enum channel_event - what the log can hold, with the entry's detail
 * @TRANSPORT_OPEN: 0.
 * @OPENED: 0.
 * @STARTED: 0.
 * @POST_STARTED: 0.
 * @PACKET: transaction id.
 * @PACKET_END: of the same; only where a test writes it.
 * @PROCESSING_COMPLETE: number of packets.
 * @SUSPEND: reason.
 * @TRANSPORT_CLOSE: 0.
 * @CLOSED: reason.
 * @PNP_FAILURE: errno.
 */
enum channel_event {
	TRANSPORT_OPEN,
	OPENED,
	STARTED,
	POST_STARTED,
	PACKET,
	PACKET_END,
	PROCESSING_COMPLETE,
	SUSPEND,
	TRANSPORT_CLOSE,
	CLOSED,
	PNP_FAILURE,
};

struct channel_entry {
	enum channel_event event;
	s64 detail;
};

/**
 * struct channel_packet - a packet in the client's hands
 * @packet: its handle.
 * @buffer: its payload.
 * @length: bytes of it.
 * @flags: of the callback.
 * @transaction_id: what the peer called it.
 * @done: the client has given it back.
 */
struct channel_packet {
	struct vmb_packet_completion *packet;
	void *buffer;
	u32 length;
	u32 flags;
	u64 transaction_id;
	bool done;
};

/**
 * struct peer_packet - what the peer sends, right or wrong
 * @type: first word of the descriptor.
 * @flags: fourth word.
 * @transaction_id: the rest of it.
 * @ranges: bytes between descriptor and payload, or NULL.
 * @ranges_length: how many.
 * @payload: bytes of payload, ring_image_byte(seed, 0), (seed, 1), ...
 * @seed: of the payload.
 * @lie: the next two stand in the descriptor instead of what is right.
 * @offset8: second word.
 * @length8: third word.
 */
struct peer_packet {
	u16 type;
	u16 flags;
	u64 transaction_id;
	const void *ranges;
	u32 ranges_length;
	u32 payload;
	u8 seed;
	bool lie;
	u16 offset8;
	u16 length8;
};

/**
 * struct peer_completion - what the peer got
 * @type: first word of the descriptor.
 * @flags: fourth word.
 * @transaction_id: the rest of it.
 * @length: bytes of payload, padding included.
 * @payload: private copy; valid until the next one is received.
 */
struct peer_completion {
	u16 type;
	u16 flags;
	u64 transaction_id;
	u32 length;
	const u8 *payload;
};

/**
 * struct channel_fixture - all of it
 * @test: the case that runs.
 * @transport: the device.
 * @channel: the channel, disabled at first; NULL: the test has cleaned it up.
 * @lock: protects @log, @log_count, @packets and @packet_count.
 * @log: what happened, in order.
 * @log_count: entries.
 * @packets: what the client got in this life.
 * @packet_count: how many.
 * @process: what the client does with a packet, after it was written down;
 *	NULL: it keeps it.
 * @on_state: called inside each state callback, and inside processing_complete,
 *	after it was written down.
 * @opened_error: what opened returns.
 * @suspended: completed by suspend.
 * @incoming: the peer's view of the ring that it writes.
 * @outgoing: the peer's view of the ring that it reads.
 * @write_index: where its next packet goes.
 * @read_index: where its next completion begins.
 * @released_index: what it has published of that.
 * @received: what the last completion carried.
 * @helper: runs @help on another thread.
 * @help: what it runs.
 * @helped: it is through.
 * @help_result: what @help returned.
 * @private: the test's.
 */
struct channel_fixture {
	struct kunit *test;
	struct memory_transport transport;
	struct vmb_channel *channel;
	spinlock_t lock; /* log and packets */
	struct channel_entry log[CHANNEL_FIXTURE_LOG];
	u32 log_count;
	struct channel_packet packets[CHANNEL_FIXTURE_PACKETS];
	u32 packet_count;
	void (*process)(struct channel_fixture *fixture,
			struct channel_packet *packet);
	void (*on_state)(struct channel_fixture *fixture,
			 enum channel_event event);
	int opened_error;
	struct completion suspended;

	struct ring_image incoming;
	struct ring_image outgoing;
	u32 write_index;
	u32 read_index;
	u32 released_index;
	u8 *received;

	struct work_struct helper;
	int (*help)(struct channel_fixture *fixture);
	struct completion helped;
	int help_result;
	void *private;
};

int channel_fixture_init(struct kunit *test);
void channel_fixture_exit(struct kunit *test);

/* The client. */
void channel_log(struct channel_fixture *fixture, enum channel_event event,
		 s64 detail);
u32 channel_log_find(struct channel_fixture *fixture, enum channel_event event);
void channel_expect_log(struct channel_fixture *fixture,
			const struct channel_entry *expected, u32 count);
void channel_configure(struct channel_fixture *fixture, u32 maximum_packet_size,
		       u32 incoming_pages, u32 outgoing_pages);
void channel_enable(struct channel_fixture *fixture);
void channel_settle(struct channel_fixture *fixture);
void channel_settle_packets(struct channel_fixture *fixture);
void channel_expect_order(struct channel_fixture *fixture, const u64 *expected, u32 count);
void channel_disable(struct channel_fixture *fixture);
int channel_complete(struct channel_fixture *fixture, u32 which,
		     const void *buffer, u32 length);
void channel_complete_inline(struct channel_fixture *fixture,
			     struct channel_packet *packet);
void channel_help(struct channel_fixture *fixture,
		  int (*help)(struct channel_fixture *fixture));
int channel_wait_for_help(struct channel_fixture *fixture);
int channel_help_disable(struct channel_fixture *fixture);

/* The peer. */
void peer_put(struct channel_fixture *fixture, const struct peer_packet *packet);
void peer_publish(struct channel_fixture *fixture);
void peer_signal(struct channel_fixture *fixture);
void peer_send(struct channel_fixture *fixture, const struct peer_packet *packet);
void peer_send_inband(struct channel_fixture *fixture, u64 transaction_id,
		      u32 payload);
bool peer_receive(struct channel_fixture *fixture,
		  struct peer_completion *completion);
bool peer_release(struct channel_fixture *fixture);
u32 peer_pending_send_size(struct channel_fixture *fixture);
u32 peer_incoming_read_index(struct channel_fixture *fixture);
void peer_set(struct ring_image *ring, enum ring_image_field field, u32 value);
void peer_expect_completion(struct channel_fixture *fixture, u64 transaction_id,
			    u32 length);
void peer_expect_nothing(struct channel_fixture *fixture);

#endif
