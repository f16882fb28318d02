// SPDX-License-Identifier: GPL-2.0
/*
 * Which packet comes next. A run is a list of phases; each makes one packet at
 * a time until it is over.
 */
#include "host_device.h"

/* One packet of so many wants no completion. */
#define NO_COMPLETION_EVERY 16
/* A hold ends when both rings are full, and at the latest after this. */
#define HOLD_MS 3000

enum result {
	PACKET,			/* made one */
	WAIT,			/* for completions */
	OVER,			/* the phase has no more */
};

static enum result describe(struct echo_channel *channel, struct echo_packet *packet)
{
	if (channel->outstanding)
		return WAIT;
	if (channel->page_count && channel->pages_known == channel->page_count)
		return OVER;
	/* A wrong description would be asked for again for ever. */
	if (channel->count.wrong)
		return WAIT;
	echo_make_control(channel, packet, VMB_ECHO_DESCRIBE, channel->pages_known);
	packet->txn.expect = ECHO_EXPECT_DESCRIPTION;
	return PACKET;
}

static void begin_hold(struct echo_channel *channel)
{
	channel->hold_until = echo_now() + HOLD_MS;
}

static enum result next_inband(struct echo_channel *channel, struct echo_packet *packet)
{
	uint32_t length;

	/*
	 * Every size the wire can tell apart, again and again; while the guest's
	 * completions are held up small ones, of which there can be many.
	 */
	if (channel->hold_until)
		length = channel->step % 5 * 8;
	else
		length = channel->size_step++ % (VMB_ECHO_MAXIMUM_PACKET_SIZE / 8 + 1) * 8;
	echo_make_inband(channel, packet, length, channel->step % NO_COMPLETION_EVERY);
	return PACKET;
}

static enum result inband(struct echo_channel *channel, struct echo_packet *packet)
{
	/* What is left goes between the packets with external data. */
	if (channel->count.inband_sent >= channel->host->inband - channel->host->inband / 8)
		return OVER;
	channel->step++;
	if (channel->host->hold_every && channel->step % channel->host->hold_every == 0)
		begin_hold(channel);
	return next_inband(channel, packet);
}

static enum result mixed(struct echo_channel *channel, struct echo_packet *packet)
{
	bool more_inband = channel->count.inband_sent < channel->host->inband;
	bool more_external = channel->count.external_sent < channel->host->external;

	if (!more_inband && !more_external)
		return OVER;
	channel->step++;
	if (more_external && (channel->step % 2 || !more_inband) &&
	    echo_make_external(channel, packet))
		return PACKET;
	return more_inband ? next_inband(channel, packet) : WAIT;
}

/* What the guest was told of sub-channels has changed. */
static bool has_news(const struct echo_channel *channel)
{
	return !channel->index && channel->host->told != channel->host->to_be_had;
}

static enum result endless(struct echo_channel *channel, struct echo_packet *packet)
{
	if (has_news(channel)) {
		channel->host->told = channel->host->to_be_had;
		echo_make_control(channel, packet, VMB_ECHO_SUB_CHANNELS,
				  channel->host->told);
		return PACKET;
	}
	channel->step++;
	if (channel->host->hold_every && channel->step % channel->host->hold_every == 0)
		begin_hold(channel);
	if (channel->step % 8 == 0 && echo_make_external(channel, packet))
		return PACKET;
	return next_inband(channel, packet);
}

/* Behind each bad packet a good one, which shows that the stream goes on. */
static enum result malformed(struct echo_channel *channel, struct echo_packet *packet)
{
	if (channel->step / 2 >= echo_malformed_kinds())
		return OVER;
	if (channel->step % 2)
		echo_make_inband(channel, packet, 64, true);
	else if (!echo_make_malformed(channel, packet, channel->step / 2))
		return WAIT;
	channel->step++;
	return PACKET;
}

static enum result drained(struct echo_channel *channel, struct echo_packet *packet)
{
	return channel->outstanding ? WAIT : OVER;
}

static enum result finish(struct echo_channel *channel, struct echo_packet *packet)
{
	if (channel->step++)
		return OVER;
	echo_make_control(channel, packet, VMB_ECHO_FINISHED, !echo_content(channel));
	return PACKET;
}

static enum result verdict(struct echo_channel *channel, struct echo_packet *packet)
{
	channel->finished = true;
	echo_report(channel, "VMBHOST-VERDICT");
	return WAIT;
}

static enum result some_inband(struct echo_channel *channel, struct echo_packet *packet)
{
	return channel->step++ < 100 ? next_inband(channel, packet) : OVER;
}

static enum result mirrored_on(struct echo_channel *channel, struct echo_packet *packet)
{
	channel->step++;
	next_inband(channel, packet);
	packet->txn.expect = ECHO_EXPECT_MIRROR;
	return PACKET;
}

static enum result mirrored(struct echo_channel *channel, struct echo_packet *packet)
{
	if (channel->count.inband_sent >= channel->host->inband)
		return OVER;
	return mirrored_on(channel, packet);
}

/* Small ones, of which the rings hold many; and now and then each size. */
static enum result exchanged(struct echo_channel *channel, struct echo_packet *packet)
{
	uint32_t length = channel->step % 9 * 8;

	channel->step++;
	if (channel->step % 32 == 0)
		length = channel->size_step++ % (VMB_ECHO_MAXIMUM_PACKET_SIZE / 8 + 1) * 8;
	echo_make_exchanged(channel, packet, length, channel->step % NO_COMPLETION_EVERY);
	return PACKET;
}

static enum result break_framing(struct echo_channel *channel, struct echo_packet *packet)
{
	channel->finished = true;
	echo_break_framing(channel, channel->host->mode_name + strlen("framing-"));
	return WAIT;
}

/* What the guest has outstanding is its own: nobody waits for it any more. */
static enum result hostile(struct echo_channel *channel, struct echo_packet *packet)
{
	if (!channel->hostile)
		echo_hostile_begin(channel);
	echo_hostile_act(channel);
	return WAIT;
}

/* One after the other, for what is watched over is one page. */
static enum result places(struct echo_channel *channel, struct echo_packet *packet)
{
	if (channel->outstanding)
		return WAIT;
	if (!channel->step++ && !echo_places_find(channel))
		return OVER;
	if (!echo_places_left(channel))
		return OVER;
	return echo_make_place(channel, packet) ? PACKET : WAIT;
}

typedef enum result (*phase)(struct echo_channel *channel, struct echo_packet *packet);

static const phase finite_run[] = {
	describe, inband, mixed, drained, malformed, drained, finish, drained, verdict,
};

static const phase endless_run[] = { describe, endless };

static const phase framing_run[] = { describe, some_inband, drained, break_framing };

static const phase mirror_run[] = { mirrored, drained, verdict };

static const phase mirror_endless_run[] = { mirrored_on };

static const phase exchange_run[] = { exchanged };

static const phase hostile_run[] = { describe, some_inband, drained, hostile };

static const phase places_run[] = {
	describe, some_inband, drained, places, drained, finish, drained, verdict,
};

static const phase * const runs[] = {
	[ECHO_MODE_FINITE] = finite_run,
	[ECHO_MODE_ENDLESS] = endless_run,
	[ECHO_MODE_FRAMING] = framing_run,
	[ECHO_MODE_MIRROR] = mirror_run,
	[ECHO_MODE_MIRROR_ENDLESS] = mirror_endless_run,
	[ECHO_MODE_MIRROR_RESCIND] = mirror_endless_run,
	[ECHO_MODE_EXCHANGE] = exchange_run,
	[ECHO_MODE_RESCIND] = endless_run,
	[ECHO_MODE_RESCIND_SUB] = endless_run,
	[ECHO_MODE_FEWER] = endless_run,
	[ECHO_MODE_HOSTILE] = hostile_run,
	[ECHO_MODE_PLACES] = places_run,
};

void echo_plan_start(struct echo_channel *channel)
{
	channel->phase = 0;
	channel->step = 0;
	channel->size_step = 0;
}

/* The last phase of each run never ends, so there is always a next one. */
enum echo_next echo_plan_next(struct echo_channel *channel)
{
	for (;;) {
		switch (runs[channel->mode][channel->phase](channel, &channel->packet)) {
		case PACKET:
			return ECHO_NEXT_PACKET;
		case WAIT:
			return ECHO_NEXT_WAIT;
		case OVER:
			channel->phase++;
			channel->step = 0;
			break;
		}
	}
}
