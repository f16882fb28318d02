// SPDX-License-Identifier: GPL-2.0
/*
 * How fast the host reads. A guest's ring runs full when its host is slow; so
 * this one is, now and then, in every way that a host can be. It never waits:
 * what it does not want to do now it leaves to the next tick.
 */
#include "host_source.h"

/* A loop that never yields would keep the virtual CPUs from the big lock. */
#define PACKETS_PER_TURN	256
#define PACKETS_BETWEEN_RESTS	64
#define SLOW_PACKETS_PER_TICK	4
#define BURST_PACKETS		150
#define BURST_PAUSE_MS		10
/* An endless run goes through the phases again and again. */
#define ENDLESS_CYCLE		20000
/* When a deaf host stops reading. */
#define DEAF_AFTER		2000

/* From which thousandth of the sends on the host reads how. */
static const struct {
	uint32_t from;
	enum source_pace pace;
} phases[] = {
	{ 0, SOURCE_PACE_FAST },
	{ 150, SOURCE_PACE_SLOW },
	{ 160, SOURCE_PACE_FAST },
	{ 300, SOURCE_PACE_BURST },
	{ 400, SOURCE_PACE_FAST },
	{ 500, SOURCE_PACE_HOLD },
	{ 600, SOURCE_PACE_BURST },
	{ 650, SOURCE_PACE_HOLD },
	{ 800, SOURCE_PACE_SLOW },
	{ 810, SOURCE_PACE_FAST },
};

static void begin_phase(struct source_host *host)
{
	host->pace = phases[host->phase++].pace;
	host->allowance = 0;
	host->pause_until = 0;
	if (host->pace == SOURCE_PACE_HOLD)
		host->hold_until = source_now() + host->hold_ms;
}

static void next_phase(struct source_host *host)
{
	uint64_t all = host->endless ? ENDLESS_CYCLE : MAX(host->sends, 1);
	uint64_t done = host->count.sends_received - host->cycle;

	if (host->endless && done >= all) {
		host->cycle = host->count.sends_received;
		host->phase = 0;
		done = 0;
	}
	while (host->phase < ARRAY_SIZE(phases) &&
	       done * 1000 / all >= phases[host->phase].from)
		begin_phase(host);
}

static void end_of_hold(struct source_host *host)
{
	host->hold_until = 0;
	host->pace = SOURCE_PACE_FAST;
	host->count.holds++;
	host->count.holds_that_blocked_guest += host_guest_waits_for_room(host->chan);
}

/* May one more packet be read now? */
static bool may_read(struct source_host *host)
{
	int64_t now = source_now();

	if (host->deaf && host->count.sends_received >= DEAF_AFTER)
		return false;
	if (now < host->rest_until)
		return false;
	switch (host->pace) {
	case SOURCE_PACE_SLOW:
		return host->allowance;
	case SOURCE_PACE_BURST:
		if (now < host->pause_until)
			return false;
		if (!host->allowance) {
			host->allowance = BURST_PACKETS;
			host->count.bursts++;
		}
		return true;
	case SOURCE_PACE_HOLD:
		if (now < host->hold_until)
			return false;
		end_of_hold(host);
		return true;
	default:
		return true;
	}
}

static void was_read(struct source_host *host)
{
	/* The guest is to have time for something else. */
	if (host->rest_ms && ++host->turn >= PACKETS_BETWEEN_RESTS) {
		host->turn = 0;
		host->rest_until = source_now() + host->rest_ms;
	}
	if (host->pace == SOURCE_PACE_SLOW) {
		host->allowance--;
		host->count.slow_packets++;
	}
	if (host->pace == SOURCE_PACE_BURST && !--host->allowance)
		host->pause_until = source_now() + BURST_PAUSE_MS;
	next_phase(host);
}

/*
 * One packet at a time: emptying a full ring at once loses a wake-up. True if
 * there may be more that may be read.
 */
static bool read_packets(struct source_host *host)
{
	uint32_t budget = PACKETS_PER_TURN;
	VMBusChanReq *req;
	bool any;

	do {
		any = false;
		if (vmbus_channel_recv_start(host->chan)) {
			host->count.guest_ring_errors++;
			return false;
		}
		while (budget && may_read(host) &&
		       (req = vmbus_channel_recv_peek(host->chan, sizeof(*req)))) {
			vmbus_channel_recv_pop(host->chan);
			source_handle(host, req);
			if (vmbus_channel_recv_done(host->chan) < 0)
				host->count.guest_ring_errors++;
			was_read(host);
			any = true;
			budget--;
		}
		if (any)
			host->progress_at = source_now();
		/* The guest signals only what it writes into an empty ring. */
	} while (any && budget && may_read(host));
	return !budget;
}

/* All that there is to do now. To be called by the channel's worker only. */
void source_work(struct source_host *host)
{
	bool more;

	source_answers_take_late(host);
	more = read_packets(host);
	source_answers_send(host);
	if (more)
		vmbus_channel_notify_host(host->chan);
}

/*
 * Must the worker be called although the guest has not signalled? Only where the
 * host has put something off: else a guest that forgets to signal would be
 * helped.
 */
bool source_tick_is_needed(const struct source_host *host)
{
	return host->pace != SOURCE_PACE_FAST || host->late.length || host->rest_until;
}

void source_tick_allowance(struct source_host *host)
{
	if (host->pace == SOURCE_PACE_SLOW)
		host->allowance = SLOW_PACKETS_PER_TICK;
}

void source_pace_start(struct source_host *host)
{
	host->phase = 0;
	host->cycle = 0;
	host->turn = 0;
	host->rest_until = 0;
	begin_phase(host);
}
