/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The host's end of the source client's channel: what its files share.
 *
 *   host_source_report.c    what is said on standard error
 *   host_source_answers.c   what the host answers when
 *   host_source_requests.c  what it makes of each request
 *   host_source_pace.c      how fast it reads
 *   host_source.c           the device type, opening, closing
 *
 * A file calls only those above it in this list.
 */
#ifndef VMB_HOST_SOURCE_H
#define VMB_HOST_SOURCE_H

#include "host_common.h"
#include "source_protocol.h"

/* Packets with external data are numbered, too. */
#define SOURCE_STREAM_EXTERNALS	VMB_SOURCE_STREAMS
#define SOURCE_STREAMS		(VMB_SOURCE_STREAMS + 1)

/* Answers that are given in the opposite order. */
#define SOURCE_BATCH		8

enum source_pace {
	SOURCE_PACE_FAST,	/* whatever is there */
	SOURCE_PACE_SLOW,	/* a few packets now and then */
	SOURCE_PACE_BURST,	/* many at once, then none for a moment */
	SOURCE_PACE_HOLD,	/* none for long; fast behind it */
};

struct source_answer {
	VMBusChanReq *req;
	int64_t due;
	uint32_t length;
	union {
		struct vmb_source_completion completion;
		struct vmb_source_plan plan;
	} payload;
};

/* next: what comes next. missing: what did not come, and may come yet. */
struct source_stream {
	uint64_t next;
	GHashTable *missing;
};

struct source_counters {
	uint64_t sends_received, tries_received, externals_received;
	uint64_t external_out_bytes, external_in_bytes, gpadl_bytes;
	uint64_t requests, late_answers;
	uint64_t completions, completions_out_of_order, completions_withheld;
	uint64_t lost, duplicated, reordered, wrong, unexpected, guest_ring_errors;
	uint64_t slow_packets, bursts, holds, holds_that_blocked_guest;
	uint64_t no_room_for_answer;
};

struct source_host {
	VMBusDevice parent;

	/* properties */
	char *modes;
	uint64_t sends;
	uint32_t externals, requests, fills, hold_ms, rest_ms, stall_ms;

	/* of the channel as it is open now */
	VMBusChannel *chan;
	QEMUTimer *timer;
	uint32_t opens;
	bool endless, deaf;
	char *mode_name;
	bool finished, content;
	int64_t opened_at, progress_at;
	struct source_stream streams[SOURCE_STREAMS];
	struct source_counters count;
	VMBusGpadl *gpadl;

	/* pace */
	enum source_pace pace;
	uint32_t phase, allowance;
	int64_t pause_until, hold_until, rest_until;
	uint32_t turn;			/* packets since it rested */
	uint64_t cycle;			/* endless: where the phases began anew */

	/* answers */
	struct source_answer *batch[SOURCE_BATCH];
	uint32_t batched, batches, deferrable;
	GQueue answers;			/* to be sent, in this order */
	GQueue late;			/* not before they are due */
	GQueue withheld;		/* until the guest says so */
};

static inline int64_t source_now(void)	/* milliseconds */
{
	return qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
}

/* host_source_report.c */
void source_wrong(struct source_host *host, const char *format, ...) G_GNUC_PRINTF(2, 3);
void source_report(struct source_host *host, const char *tag);

/* host_source_answers.c */
void source_answer(struct source_host *host, struct source_answer *answer);
void source_answer_in_batch(struct source_host *host, struct source_answer *answer);
bool source_owes_answers(const struct source_host *host);
void source_answers_take_late(struct source_host *host);
void source_answers_send(struct source_host *host);
void source_answers_start(struct source_host *host);
void source_answers_drop(struct source_host *host);

/* host_source_requests.c: what is not kept for an answer is freed. */
void source_handle(struct source_host *host, VMBusChanReq *req);

/* host_source_pace.c */
void source_pace_start(struct source_host *host);
void source_work(struct source_host *host);
bool source_tick_is_needed(const struct source_host *host);
void source_tick_allowance(struct source_host *host);

#endif
