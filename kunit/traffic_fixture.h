/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A client and a server on loopback that send each other numbered packets, and
 * answer every one with its number, in no order.
 */
#ifndef VMB_KUNIT_TRAFFIC_FIXTURE_H
#define VMB_KUNIT_TRAFFIC_FIXTURE_H

#include "loopback_fixture.h"

#define WAIT		VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION
/* Most packets of one end at a time. */
#define PACKETS		64u
/* Most ranges of external data. */
#define CHAIN		4u

/**
 * struct message - the payload of every packet, and of its completion
 * @number: counted by the sender.
 * @inverse: what @number is not.
 */
struct message {
	u64 number;
	u64 inverse;
};

struct traffic_end;

/**
 * struct outgoing - one packet object of an end
 * @end: whose it is.
 * @packet: the object.
 * @message: what it carries.
 * @busy: it is in flight.
 */
struct outgoing {
	struct traffic_end *end;
	struct vmb_packet *packet;
	struct message message;
	bool busy;
};

/**
 * struct held - a packet that was received and not completed
 * @node: in &traffic_end.held.
 * @packet: the packet.
 * @message: what it carries.
 */
struct held {
	struct list_head node;
	struct vmb_packet_completion *packet;
	struct message message;
};

/**
 * struct traffic_end - an end that sends and receives
 * @test: the case that runs.
 * @end: the channel.
 * @lock: protects what follows up to @held.
 * @next: number of the next packet it sends.
 * @sent: accepted.
 * @answered: ended by the peer, with the right answer.
 * @failed: ended with -ENODEV.
 * @received: packets that came in.
 * @wrong: anything that should not be.
 * @held: packets that are completed later; an odd one of two waits here.
 * @seen_pages: pages of external data that came in, in order.
 * @seen_count: how many.
 * @external_error: what get_external_data said.
 * @hold: keep all that comes in.
 * @changed: woken by all of it.
 * @outgoing: its packets.
 * @count: how many.
 * @work: sends until @stop or @target.
 * @stop: no more.
 * @target: so many.
 */
struct traffic_end {
	struct kunit *test;
	struct loopback_end *end;
	spinlock_t lock; /* the counts, and what is held */
	u64 next;
	u64 sent;
	u64 answered;
	u64 failed;
	u64 received;
	u64 wrong;
	struct list_head held;
	struct page *seen_pages[CHAIN * 2];
	u32 seen_count;
	int external_error;
	bool hold;
	wait_queue_head_t changed;
	struct outgoing outgoing[PACKETS];
	u32 count;
	struct work_struct work;
	bool stop;
	u64 target;
};

struct traffic {
	struct traffic_end server;
	struct traffic_end client;
};

struct traffic *traffic_init(struct kunit *test, u32 pages);
void traffic_exit(struct kunit *test);
int traffic_send(struct traffic_end *traffic, const struct bio_vec *vectors, u32 count);
void traffic_complete_held(struct traffic_end *traffic);
void traffic_stop(struct traffic_end *traffic);
void traffic_expect_received(struct traffic_end *traffic, u64 count);
void traffic_expect_ended(struct traffic_end *traffic, u64 count);
void traffic_expect_answered(struct traffic_end *traffic, u64 count);
void traffic_expect_balance(struct traffic_end *traffic);

#endif
