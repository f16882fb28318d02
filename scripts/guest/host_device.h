/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The host's end of the echo client's channels: what its files share.
 *
 *   host_report.c        what is said on standard error: what is wrong, the verdict
 *   host_packet.c        the packets that all others are made of
 *   host_external.c      packets with external data, and checking that memory
 *   host_malformed.c     packets that are wrong on purpose
 *   host_framing.c       packets written byte by byte, and broken framing
 *   host_places.c        packets that name what they must not, wherever that is
 *   host_hostile.c       anything, at any time
 *   host_exchange.c      packets that the guest sends by itself
 *   host_check.c         transactions and completions
 *   host_plan.c          which packet comes next
 *   host_sub_channels.c  offering sub-channels, taking channels back
 *   host_worker.c        what a channel does whenever either side has news
 *   host_device.c        the device type, opening and closing
 *   host_pair.c          two more of it, of which a client has both
 *
 * A file calls only those above it in this list.
 *
 * Everything runs in QEMU's main loop under its big lock.
 */
#ifndef VMB_HOST_DEVICE_H
#define VMB_HOST_DEVICE_H

#include "host_offers.h"
#include "echo_protocol.h"

#define TYPE_ECHO_HOST		"vmb-echo-host"

#define ECHO_PAGE_SIZE		4096u
#define ECHO_MAX_PAGES		(VMB_ECHO_SHARED_SIZE / ECHO_PAGE_SIZE)
/* A packet with external data has one arena of the shared memory to itself. */
#define ECHO_ARENA_PAGES	32u
#define ECHO_ARENAS		(ECHO_MAX_PAGES / ECHO_ARENA_PAGES)
#define ECHO_NO_ARENA		0xff

/* RAM that Linux leaves alone for good: below 1 MiB, so it does not change. */
#define ECHO_FORBIDDEN_PFN	0x90ull

/* Offsets in the control page of a ring. */
#define ECHO_RING_WRITE_INDEX	0
#define ECHO_RING_READ_INDEX	4
#define ECHO_RING_CONTROL	72u	/* bytes that mean something */

/* Transactions are found by sequence number; this many can be outstanding. */
#define ECHO_TXNS		65536u
/* No channel holds so many packets: one that so many were sent behind is lost. */
#define ECHO_LOST_BEHIND	8192u

enum echo_expect {
	ECHO_EXPECT_ECHO,		/* status 0 and everything as sent */
	ECHO_EXPECT_REFUSAL,		/* empty, or a status that is not 0 */
	ECHO_EXPECT_DESCRIPTION,
	ECHO_EXPECT_MIRROR,		/* the payload itself */
};

enum echo_class {
	ECHO_CLASS_CONTROL,
	ECHO_CLASS_INBAND,
	ECHO_CLASS_EXTERNAL,
	ECHO_CLASS_MALFORMED,
};

enum echo_txn_state {
	ECHO_TXN_FREE,
	ECHO_TXN_OUTSTANDING,
	ECHO_TXN_DONE,
};

struct echo_txn {
	uint64_t sequence;
	uint8_t state;
	uint8_t expect;
	uint8_t class;
	uint8_t arena;
	uint32_t pages;			/* of the arena: bit n is page n */
	uint32_t payload_length;
	uint32_t payload_checksum;
	uint32_t external_checksum;
	uint32_t external_length;
	const char *what;
};

struct echo_packet {
	bool ready;			/* made, but not in the ring yet */
	bool raw;			/* QEMU's own sender would not write it */
	bool need_completion;
	uint16_t type;
	uint16_t raw_flags;
	uint32_t descriptor_length;
	uint32_t payload_length;
	struct echo_txn txn;		/* becomes the transaction when sent */
	uint8_t descriptor[4096];
	uint8_t payload[VMB_ECHO_MAXIMUM_PACKET_SIZE + 4096];
};

/* What a packet begins with. */
struct echo_header {
	uint16_t type, offset8, length8, flags;
	uint64_t transaction_id;
};

struct echo_counters {
	uint64_t inband_sent, inband_completed;
	uint64_t external_sent, external_completed, external_bytes;
	uint64_t nocompletion_sent;
	uint64_t malformed_sent, malformed_refused, malformed_unanswered_sent;
	uint64_t control_sent, control_completed;
	uint64_t requests_received, requests_asking, requests_answered;
	uint64_t duplicated, unknown, wrong, unexpected;
	uint64_t ring_full, holds, holds_that_blocked_guest, guest_ring_errors;
	uint64_t pages_checked;
};

enum echo_mode {
	ECHO_MODE_FINITE,
	ECHO_MODE_ENDLESS,
	ECHO_MODE_FRAMING,
	ECHO_MODE_MIRROR,
	ECHO_MODE_MIRROR_ENDLESS,
	ECHO_MODE_MIRROR_RESCIND,
	ECHO_MODE_EXCHANGE,
	ECHO_MODE_RESCIND,
	ECHO_MODE_RESCIND_SUB,
	ECHO_MODE_FEWER,
	ECHO_MODE_HOSTILE,
	ECHO_MODE_PLACES,
};

struct echo_host;

struct echo_channel {
	struct echo_host *host;
	uint32_t index;			/* 0: the primary */
	bool offered;
	QEMUTimer *timer;

	/* of the channel as it is open now */
	VMBusChannel *chan;		/* NULL: it is not */
	enum echo_mode mode;
	uint32_t phase, step, size_step;
	bool finished;			/* the verdict is out, or framing is broken */
	bool rescinded;
	int64_t opened_at, progress_at, sent_at, hold_until, rest_until;
	uint32_t turn;			/* packets since it rested */
	uint64_t next_sequence, outstanding;
	uint64_t random;
	struct echo_counters count;
	struct echo_txn *txns;
	struct echo_packet packet;
	VMBusChanReq *asked;		/* the guest's packet, to be completed */
	GQueue answers;			/* exchange: many of them */

	/* what the guest shared */
	VMBusGpadl *gpadl;
	uint32_t page_count, pages_known;
	uint64_t pfn[ECHO_MAX_PAGES];
	uint8_t *mirror;		/* what the shared memory should hold */
	bool arena_busy[ECHO_ARENAS];
	uint8_t next_arena;
	uint64_t forbidden_pfn;		/* and this page does not change */
	uint8_t forbidden_page[ECHO_PAGE_SIZE];
	struct echo_places *places;	/* which the guest has listed, or NULL */

	/* hostile */
	bool hostile;
	uint32_t write_at, calm;
	uint64_t forged;
};

struct echo_host {
	VMBusDevice parent;

	/* properties */
	char *modes;
	uint32_t inband, external, hold_every, rest_ms, stall_ms, sub_channels;
	uint64_t seed;

	/* of the device since the primary was opened */
	uint32_t opens;
	enum echo_mode mode;
	char *mode_name;
	uint32_t open_at_once;		/* most sub-channels */
	uint32_t to_be_had, told;	/* sub-channels; and what the guest knows */
	uint32_t next_rescind;		/* index of a sub-channel */
	int64_t change_at;		/* not before that */

	struct echo_channel *channels;	/* the primary and the sub-channels */
	struct host_offers offers;
	QEMUTimer *again;		/* the primary is offered again */
	int64_t again_at;		/* 0: it is not to be */
};

static inline AddressSpace *echo_memory(struct echo_channel *channel)
{
	return channel->host->parent.dma_as;
}

static inline int64_t echo_now(void)	/* milliseconds */
{
	return qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
}

/* host_report.c */
void echo_wrong(struct echo_channel *channel, const char *format, ...) G_GNUC_PRINTF(2, 3);
bool echo_content(struct echo_channel *channel);
void echo_report(struct echo_channel *channel, const char *tag);

/* host_packet.c */
uint64_t echo_random(struct echo_channel *channel);
void echo_make_inband(struct echo_channel *channel, struct echo_packet *packet,
		      uint32_t length, bool need_completion);
void echo_make_control(struct echo_channel *channel, struct echo_packet *packet,
		       uint32_t command, uint32_t argument);

/* host_external.c */
bool echo_make_external(struct echo_channel *channel, struct echo_packet *packet);
bool echo_check_pages(struct echo_channel *channel, const struct echo_txn *txn);
bool echo_take_arena(struct echo_channel *channel, uint8_t *arena);
void echo_fill_pages(struct echo_channel *channel, uint32_t first, uint32_t count);
bool echo_memory_is_shared(const struct echo_channel *channel);
void echo_invalidate_memory(struct echo_channel *channel);
void echo_put_range(struct echo_packet *packet, uint32_t bytes, uint32_t offset,
		    const uint64_t *pfn, uint32_t pfns);
void echo_put_count(struct echo_packet *packet, uint32_t count);

/* host_malformed.c */
uint32_t echo_malformed_kinds(void);
bool echo_make_malformed(struct echo_channel *channel, struct echo_packet *packet,
			 uint32_t kind);
void echo_watch_forbidden(struct echo_channel *channel, uint64_t pfn);
bool echo_forbidden_untouched(struct echo_channel *channel);
bool echo_make_refusable(struct echo_channel *channel, struct echo_packet *packet,
			 const char *what, uint32_t *first);

/* host_framing.c */
struct echo_header echo_right_header(const struct echo_packet *packet);
bool echo_write_ring(struct echo_channel *channel, const VMBusRingBufCommon *ring,
		     uint32_t index, const void *data, uint32_t length);
void echo_write_control(struct echo_channel *channel, const VMBusRingBufCommon *ring,
			uint32_t field, uint32_t value);
bool echo_write_raw(struct echo_channel *channel, const struct echo_packet *packet);
bool echo_framing_known(const char *kind);
void echo_break_framing(struct echo_channel *channel, const char *kind);

/* host_places.c */
bool echo_places_find(struct echo_channel *channel);
bool echo_places_left(struct echo_channel *channel);
bool echo_make_place(struct echo_channel *channel, struct echo_packet *packet);

/* host_hostile.c */
void echo_hostile_begin(struct echo_channel *channel);
void echo_hostile_act(struct echo_channel *channel);
void echo_hostile_end(struct echo_channel *channel);

/* host_exchange.c */
void echo_make_exchanged(struct echo_channel *channel, struct echo_packet *packet,
			 uint32_t length, bool need_completion);
bool echo_take_exchanged(struct echo_channel *channel, VMBusChanReq *req);
bool echo_answer_exchanged(struct echo_channel *channel);
void echo_invalidate_exchanged(struct echo_channel *channel);

/* host_check.c */
void echo_begin_txn(struct echo_channel *channel, struct echo_packet *packet);
/* True: the request is kept. */
bool echo_check(struct echo_channel *channel, VMBusChanReq *req);

/* host_plan.c */
enum echo_next {
	ECHO_NEXT_PACKET,		/* channel->packet is to be sent */
	ECHO_NEXT_WAIT,			/* nothing until a completion comes */
};
void echo_plan_start(struct echo_channel *channel);
enum echo_next echo_plan_next(struct echo_channel *channel);

/* host_sub_channels.c */
void echo_offers_init(struct echo_host *host, Error **errp);
void echo_offers_destroy(struct echo_host *host);
void echo_offers_reset(struct echo_host *host);
void echo_offers_opened(struct echo_channel *channel);
void echo_offers_closed(struct echo_channel *channel);
void echo_offers_tick(struct echo_host *host);
bool echo_answer_guest(struct echo_channel *channel);

/* host_worker.c */
void echo_worker_start(struct echo_channel *channel);
void echo_worker_stop(struct echo_channel *channel);
void echo_work(struct echo_channel *channel);
void echo_tick(void *channel);

#endif
