// SPDX-License-Identifier: GPL-2.0
/*
 * Which channels of the device are offered when. Sub-channels are, as by real
 * hosts, once the guest asks for them over the primary channel, and taken back
 * when that closes; and for tests the host takes back what it likes.
 */
#include "host_device.h"

/* Traffic, before a channel is taken back. */
#define PACKETS_BEFORE_RESCIND	200
#define SUB_PACKETS_BEFORE_RESCIND 50
#define CHANGE_PAUSE_MS		1000
/* For so long there is a sub-channel fewer, once it has quiesced. */
#define FEWER_MS		6000
/* If sub-channels do not open, the report will say so. */
#define RESCIND_AT_LAST_MS	20000
/*
 * The guest must have let go of the device before it is offered again, or it takes
 * it for the same one. How often to look, and when to wait no longer.
 */
#define AGAIN_MS		20
#define AGAIN_AT_LAST_MS	60000

static struct echo_channel *primary_of(struct echo_host *host)
{
	return &host->channels[0];
}

static VMBusChannel *chan_of(const struct echo_channel *channel)
{
	return vmbus_device_channel(&channel->host->parent, channel->index);
}

static void offer(struct echo_channel *channel)
{
	channel->offered = true;
	host_offer(&channel->host->offers, chan_of(channel));
}

static void rescind(struct echo_channel *channel)
{
	channel->offered = false;
	channel->rescinded = true;
	host_rescind(&channel->host->offers, chan_of(channel));
}

static void rescind_sub_channels(struct echo_host *host)
{
	uint32_t i;

	for (i = 1; i <= host->sub_channels; i++)
		if (host->channels[i].offered)
			rescind(&host->channels[i]);
}

static uint32_t open_sub_channels(const struct echo_host *host)
{
	uint32_t i, open = 0;

	for (i = 1; i <= host->sub_channels; i++)
		open += host->channels[i].chan != NULL;
	return open;
}

void echo_offers_opened(struct echo_channel *channel)
{
	struct echo_host *host = channel->host;

	if (channel->index) {
		host->open_at_once = MAX(host->open_at_once, open_sub_channels(host));
		return;
	}
	host->open_at_once = 0;
	host->to_be_had = host->sub_channels;
	host->told = 0;
	host->next_rescind = 1;
	host->change_at = 0;
}

void echo_offers_closed(struct echo_channel *channel)
{
	if (!channel->index)
		rescind_sub_channels(channel->host);
}

/* The guest has disabled it; only the host can close it before the primary. */
static bool is_quiesced(const struct echo_channel *channel)
{
	return channel->chan && channel->page_count && !echo_memory_is_shared(channel);
}

/* False: there is no room for the answer. */
bool echo_answer_guest(struct echo_channel *channel)
{
	const struct vmb_echo_request *request = channel->asked->msg;
	struct echo_host *host = channel->host;
	uint32_t count = MIN(le32_to_cpu(request->argument), host->sub_channels), i;
	struct vmb_echo_offered answer = { .count = cpu_to_le32(count) };

	if (vmbus_channel_reserve(channel->chan, 0, sizeof(answer)))
		return false;
	if (vmbus_channel_send_completion(channel->asked, &answer, sizeof(answer)) < 0)
		echo_wrong(channel, "cannot answer the guest's request");
	vmbus_free_req(channel->asked);
	channel->asked = NULL;
	for (i = 1; i <= count; i++) {
		if (is_quiesced(&host->channels[i]))
			rescind(&host->channels[i]);
		if (!host->channels[i].offered)
			offer(&host->channels[i]);
	}
	return true;
}

static bool any_is_being_opened(struct echo_host *host)
{
	uint32_t i;

	for (i = 0; i <= host->sub_channels; i++)
		if (host_is_being_opened(chan_of(&host->channels[i])))
			return true;
	return false;
}

/*
 * Every channel is open, has had traffic, and waits for completions now; and its
 * shared memory is known, which alone shows when it quiesces. One that has
 * waits, too, but for ever.
 */
static bool all_are_busy(const struct echo_host *host)
{
	const struct echo_channel *channel;
	uint32_t i;

	for (i = 0; i <= host->sub_channels; i++) {
		channel = &host->channels[i];
		if (!channel->chan || !channel->outstanding || !channel->page_count ||
		    is_quiesced(channel) ||
		    channel->count.inband_completed < (channel->index ?
						       SUB_PACKETS_BEFORE_RESCIND :
						       PACKETS_BEFORE_RESCIND))
			return false;
	}
	return true;
}

/* The same of a client that shares nothing and has no sub-channels. */
static bool mirror_is_busy(const struct echo_host *host)
{
	const struct echo_channel *channel = &host->channels[0];

	return channel->chan && channel->outstanding &&
	       channel->count.inband_completed >= PACKETS_BEFORE_RESCIND;
}

static void rescind_device(struct echo_host *host)
{
	rescind_sub_channels(host);
	rescind(primary_of(host));
	host->again_at = echo_now() + AGAIN_AT_LAST_MS;
	timer_mod(host->again, echo_now() + AGAIN_MS);
}

static void rescind_one(struct echo_host *host)
{
	if (echo_now() < host->change_at || !all_are_busy(host))
		return;
	rescind(&host->channels[host->next_rescind]);
	host->next_rescind = host->next_rescind % host->sub_channels + 1;
	host->change_at = echo_now() + CHANGE_PAUSE_MS;
}

static void change_number(struct echo_host *host)
{
	struct echo_channel *last = &host->channels[host->sub_channels];

	if (echo_now() < host->change_at)
		return;
	if (host->told == host->sub_channels) {
		if (all_are_busy(host))
			host->to_be_had = host->sub_channels - 1;
		host->change_at = 0;
	} else if (is_quiesced(last) && !host->change_at) {
		host->change_at = echo_now() + FEWER_MS;
	} else if (is_quiesced(last)) {
		host->to_be_had = host->sub_channels;
		host->change_at = echo_now() + CHANGE_PAUSE_MS;
	}
}

/* Now and then, while the primary is open. */
void echo_offers_tick(struct echo_host *host)
{
	int64_t age = echo_now() - primary_of(host)->opened_at;

	if (any_is_being_opened(host))
		return;
	if (host->mode == ECHO_MODE_RESCIND &&
	    (all_are_busy(host) || age > RESCIND_AT_LAST_MS))
		rescind_device(host);
	else if (host->mode == ECHO_MODE_MIRROR_RESCIND && mirror_is_busy(host))
		rescind_device(host);
	else if (host->mode == ECHO_MODE_RESCIND_SUB && host->sub_channels)
		rescind_one(host);
	else if (host->mode == ECHO_MODE_FEWER && host->sub_channels)
		change_number(host);
}

static void offer_again(void *opaque)
{
	struct echo_host *host = opaque;

	if (!host_guest_has_let_go() && echo_now() < host->again_at) {
		timer_mod(host->again, echo_now() + AGAIN_MS);
		return;
	}
	if (!host_guest_has_let_go())
		echo_wrong(primary_of(host), "the guest has not let go of all that was taken back");
	host->again_at = 0;
	offer(primary_of(host));
}

/*
 * The bus has been reset, or the last of the device's channels was closed. That
 * bus starts offering everything from here on, and has not begun to.
 */
static void after_reset(void *opaque)
{
	struct echo_host *host = opaque;
	uint32_t i;

	if (!host_guest_begins_anew(chan_of(primary_of(host))))
		return;
	host_offers_invalidate(&host->offers);
	timer_del(host->again);
	host->again_at = 0;
	primary_of(host)->offered = true;
	for (i = 1; i <= host->sub_channels; i++) {
		host->channels[i].offered = false;
		host_do_not_offer(chan_of(&host->channels[i]));
	}
}

void echo_offers_reset(struct echo_host *host)
{
	/* The bus itself comes after its devices. */
	aio_bh_schedule_oneshot(qemu_get_aio_context(), after_reset, host);
}

void echo_offers_init(struct echo_host *host, Error **errp)
{
	if ((host->sub_channels || strstr(host->modes, "rescind")) && !host_can_offer()) {
		error_setg(errp, "offers need a guest with two processors");
		return;
	}
	host_offers_init(&host->offers);
	host->again = timer_new_ms(QEMU_CLOCK_REALTIME, offer_again, host);
}

void echo_offers_destroy(struct echo_host *host)
{
	timer_free(host->again);
	host_offers_destroy(&host->offers);
}
