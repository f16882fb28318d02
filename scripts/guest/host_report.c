// SPDX-License-Identifier: GPL-2.0
/*
 * What the host says of a channel on standard error: what was wrong, and the
 * verdict with everything that was counted.
 */
#include "host_device.h"

/* The first few say what happened; the counters have the rest. */
#define COMPLAINTS 20

void echo_wrong(struct echo_channel *channel, const char *format, ...)
{
	va_list arguments;

	if (++channel->count.wrong > COMPLAINTS)
		return;
	va_start(arguments, format);
	fprintf(stderr, "VMBHOST-WRONG ");
	vfprintf(stderr, format, arguments);
	fprintf(stderr, "\n");
	va_end(arguments);
}

/* Is everything that was sent so far accounted for, exactly once? */
bool echo_content(struct echo_channel *channel)
{
	struct echo_counters *c = &channel->count;

	return !channel->outstanding && !c->wrong && !c->guest_ring_errors &&
	       c->inband_sent == c->inband_completed &&
	       c->external_sent == c->external_completed &&
	       c->malformed_sent == c->malformed_refused &&
	       c->control_sent == c->control_completed;
}

void echo_report(struct echo_channel *channel, const char *tag)
{
	struct echo_counters *c = &channel->count;
	bool closed = !strcmp(tag, "VMBHOST-CLOSED");

	/* One call: the line must not be torn. */
	fprintf(stderr, "%s {\"device\": \"%s\", \"mode\": \"%s\", \"open\": %u, \"channel\": %u, "
		"\"rescinded\": %s, \"sub_channels_at_once\": %u, \"content\": %s, "
		"\"inband_sent\": %" PRIu64 ", \"inband_completed\": %" PRIu64 ", "
		"\"external_sent\": %" PRIu64 ", \"external_completed\": %" PRIu64 ", "
		"\"external_bytes\": %" PRIu64 ", \"nocompletion_sent\": %" PRIu64 ", "
		"\"malformed_sent\": %" PRIu64 ", \"malformed_refused\": %" PRIu64 ", "
		"\"malformed_unanswered_sent\": %" PRIu64 ", "
		"\"control_sent\": %" PRIu64 ", \"control_completed\": %" PRIu64 ", "
		"\"lost\": %" PRIu64 ", \"outstanding_at_close\": %" PRIu64 ", "
		"\"duplicated\": %" PRIu64 ", \"unknown\": %" PRIu64 ", "
		"\"wrong\": %" PRIu64 ", \"unexpected\": %" PRIu64 ", "
		"\"requests_received\": %" PRIu64 ", \"requests_asking\": %" PRIu64 ", "
		"\"requests_answered\": %" PRIu64 ", "
		"\"ring_full\": %" PRIu64 ", \"holds\": %" PRIu64 ", "
		"\"holds_that_blocked_guest\": %" PRIu64 ", "
		"\"guest_ring_errors\": %" PRIu64 ", \"pages_checked\": %" PRIu64 ", "
		"\"seconds\": %.3f}\n",
		tag, object_get_typename(OBJECT(channel->host)), channel->host->mode_name, channel->host->opens, channel->index,
		channel->rescinded ? "true" : "false", channel->host->open_at_once,
		echo_content(channel) ? "true" : "false",
		c->inband_sent, c->inband_completed, c->external_sent, c->external_completed,
		c->external_bytes, c->nocompletion_sent, c->malformed_sent,
		c->malformed_refused, c->malformed_unanswered_sent, c->control_sent,
		c->control_completed, closed ? 0 : channel->outstanding,
		closed ? channel->outstanding : 0, c->duplicated, c->unknown, c->wrong,
		c->unexpected, c->requests_received, c->requests_asking,
		c->requests_answered, c->ring_full, c->holds, c->holds_that_blocked_guest,
		c->guest_ring_errors, c->pages_checked,
		(echo_now() - channel->opened_at) / 1000.0);
	fflush(stderr);
}
