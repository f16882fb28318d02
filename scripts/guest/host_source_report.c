// SPDX-License-Identifier: GPL-2.0
/*
 * What the host says of the source client on standard error: what was wrong, and
 * the verdict with everything that was counted.
 */
#include "host_source.h"

/* The first few say what happened; the counters have the rest. */
#define COMPLAINTS	20

void source_wrong(struct source_host *host, const char *format, ...)
{
	va_list arguments;

	if (++host->count.wrong > COMPLAINTS)
		return;
	va_start(arguments, format);
	fprintf(stderr, "VMBHOST-SOURCE-WRONG ");
	vfprintf(stderr, format, arguments);
	fprintf(stderr, "\n");
	va_end(arguments);
}

void source_report(struct source_host *host, const char *tag)
{
	struct source_counters *c = &host->count;

	/* One call: the line must not be torn. */
	fprintf(stderr, "%s {\"mode\": \"%s\", \"open\": %u, \"finished\": %s, "
		"\"content\": %s, \"sends_received\": %" PRIu64 ", "
		"\"tries_received\": %" PRIu64 ", \"externals_received\": %" PRIu64 ", "
		"\"external_out_bytes\": %" PRIu64 ", "
		"\"external_in_bytes\": %" PRIu64 ", \"gpadl_bytes\": %" PRIu64 ", "
		"\"requests\": %" PRIu64 ", \"late_answers\": %" PRIu64 ", "
		"\"completions\": %" PRIu64 ", "
		"\"completions_out_of_order\": %" PRIu64 ", "
		"\"completions_withheld\": %" PRIu64 ", "
		"\"lost\": %" PRIu64 ", \"duplicated\": %" PRIu64 ", "
		"\"reordered\": %" PRIu64 ", \"wrong\": %" PRIu64 ", "
		"\"unexpected\": %" PRIu64 ", \"guest_ring_errors\": %" PRIu64 ", "
		"\"slow_packets\": %" PRIu64 ", \"bursts\": %" PRIu64 ", "
		"\"holds\": %" PRIu64 ", \"holds_that_blocked_guest\": %" PRIu64 ", "
		"\"no_room_for_answer\": %" PRIu64 ", \"seconds\": %.3f}\n",
		tag, host->mode_name, host->opens, host->finished ? "true" : "false",
		host->content ? "true" : "false", c->sends_received, c->tries_received,
		c->externals_received, c->external_out_bytes, c->external_in_bytes,
		c->gpadl_bytes, c->requests, c->late_answers, c->completions,
		c->completions_out_of_order, c->completions_withheld, c->lost,
		c->duplicated, c->reordered, c->wrong, c->unexpected,
		c->guest_ring_errors, c->slow_packets, c->bursts, c->holds,
		c->holds_that_blocked_guest, c->no_room_for_answer,
		(source_now() - host->opened_at) / 1000.0);
	fflush(stderr);
}
