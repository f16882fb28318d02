// SPDX-License-Identifier: GPL-2.0
/*
 * What a channel does whenever either side has news, and every few milliseconds:
 * read what the guest sent, send what comes next, and see that it goes on.
 */
#include "host_device.h"

/* A loop that never yields would keep the virtual CPUs from the big lock. */
#define PACKETS_PER_TURN 64
#define HOLD_QUIET_MS 100
#define TICK_MS 20

/* Read one packet at a time: emptying a full ring at once loses a wake-up. */
static bool read_batch(struct echo_channel *channel)
{
	VMBusChanReq *req;
	bool any = false;

	if (vmbus_channel_recv_start(channel->chan)) {
		channel->count.guest_ring_errors++;
		return false;
	}
	while ((req = vmbus_channel_recv_peek(channel->chan, sizeof(*req)))) {
		vmbus_channel_recv_pop(channel->chan);
		if (!echo_check(channel, req))
			vmbus_free_req(req);
		if (vmbus_channel_recv_done(channel->chan) < 0)
			channel->count.guest_ring_errors++;
		any = true;
	}
	return any;
}

/*
 * The guest signals only what it writes into an empty ring, so look again
 * after the last read index was published.
 */
static void read_completions(struct echo_channel *channel)
{
	while (read_batch(channel))
		channel->progress_at = echo_now();
}

static bool send_packet(struct echo_channel *channel)
{
	struct echo_packet *packet = &channel->packet;
	ssize_t sent;

	if (packet->raw) {
		if (!echo_write_raw(channel, packet))
			return false;
	} else {
		if (vmbus_channel_reserve(channel->chan, packet->descriptor_length,
					  packet->payload_length))
			return false;
		sent = vmbus_channel_send(channel->chan, packet->type, packet->descriptor,
					  packet->descriptor_length, packet->payload,
					  packet->payload_length, packet->need_completion,
					  packet->txn.sequence);
		if (sent < 0)
			echo_wrong(channel, "cannot send: %zd", sent);
	}
	return true;
}

/* Between turns, if the guest is to have time for something else. */
static bool rests(struct echo_channel *channel)
{
	int64_t now = echo_now();

	if (channel->host->rest_ms && channel->turn >= PACKETS_PER_TURN) {
		channel->turn = 0;
		channel->rest_until = now + channel->host->rest_ms;
	}
	return now < channel->rest_until;
}

static void send_packets(struct echo_channel *channel)
{
	int budget;

	if ((channel->asked && !echo_answer_guest(channel)) ||
	    !echo_answer_exchanged(channel)) {
		channel->count.ring_full++;
		return;
	}
	for (budget = PACKETS_PER_TURN; budget; budget--) {
		if (rests(channel))
			return;
		if (!channel->packet.ready) {
			if (echo_plan_next(channel) == ECHO_NEXT_WAIT)
				return;
			channel->packet.ready = true;
		}
		if (!send_packet(channel)) {
			channel->count.ring_full++;
			return;
		}
		channel->sent_at = echo_now();
		channel->turn++;
		channel->packet.ready = false;
		/* Its answer cannot overtake this: both are this thread's work. */
		echo_begin_txn(channel, &channel->packet);
	}
	vmbus_channel_notify_host(channel->chan);
}

/* Both rings are as full as they get when nothing fits for a while. */
static bool hold_is_over(struct echo_channel *channel)
{
	int64_t now = echo_now();

	return now >= channel->hold_until || now - channel->sent_at > HOLD_QUIET_MS;
}

static void end_of_hold(struct echo_channel *channel)
{
	channel->hold_until = 0;
	channel->count.holds++;
	channel->count.holds_that_blocked_guest += host_guest_waits_for_room(channel->chan);
}

void echo_work(struct echo_channel *channel)
{
	/* What is in the rings is not the protocol's any more. */
	if (channel->hostile) {
		echo_hostile_act(channel);
		return;
	}
	if (channel->hold_until && hold_is_over(channel))
		end_of_hold(channel);
	if (!channel->hold_until)
		read_completions(channel);
	if (!channel->finished)
		send_packets(channel);
}

void echo_tick(void *opaque)
{
	struct echo_channel *channel = opaque;
	int64_t now = echo_now();

	if (!channel->chan)
		return;
	if (channel->hostile) {
		echo_hostile_act(channel);
		timer_mod(channel->timer, now + TICK_MS);
		return;
	}
	/* Receiving is for the worker alone: only there is the ring mapped. */
	if (channel->hold_until || channel->rest_until)
		vmbus_channel_notify_host(channel->chan);
	/* A sub-channel that the guest has quiesced says no more. */
	if (!channel->finished && channel->page_count && !echo_memory_is_shared(channel))
		channel->finished = true;
	if (!channel->finished && now - channel->progress_at > channel->host->stall_ms) {
		channel->finished = true;
		if (channel->mode == ECHO_MODE_FINITE || channel->mode == ECHO_MODE_MIRROR)
			echo_report(channel, "VMBHOST-VERDICT");
		else
			echo_wrong(channel, "no progress for %u ms on channel %u, %u pages known",
				   channel->host->stall_ms, channel->index,
				   channel->page_count);
	}
	timer_mod(channel->timer, now + TICK_MS);
	/* Last: this may take the channel away. */
	if (!channel->index)
		echo_offers_tick(channel->host);
}

void echo_worker_start(struct echo_channel *channel)
{
	memset(&channel->count, 0, sizeof(channel->count));
	memset(channel->txns, 0, ECHO_TXNS * sizeof(*channel->txns));
	channel->packet.ready = false;
	channel->outstanding = 0;
	channel->hold_until = 0;
	channel->rest_until = 0;
	channel->turn = 0;
	channel->finished = false;
	channel->opened_at = echo_now();
	channel->progress_at = channel->opened_at;
	channel->random = channel->host->seed * 0x9e3779b97f4a7c15ull +
			  channel->host->opens + (channel->index << 16);
	echo_plan_start(channel);
	timer_mod(channel->timer, channel->opened_at + TICK_MS);
	vmbus_channel_notify_host(channel->chan);
}

/*
 * The channel is being closed: what the guest has written before counts, too. The
 * bus maps the ring for the worker only, so here it is done as the bus does it.
 */
static void read_rest(struct echo_channel *channel)
{
	GpadlIter *iter = &channel->chan->recv_ringbuf.common.iter;
	uint32_t start, end;

	iter->map = NULL;
	iter->active = true;
	read_completions(channel);
	if (iter->map) {
		start = (uintptr_t)iter->map % ECHO_PAGE_SIZE;
		end = (iter->last_off - 1) % ECHO_PAGE_SIZE + 1;
		dma_memory_unmap(iter->as, iter->map, ECHO_PAGE_SIZE - start, iter->dir,
				 end - start);
	}
	iter->active = false;
}

void echo_worker_stop(struct echo_channel *channel)
{
	timer_del(channel->timer);
	echo_hostile_end(channel);
	if (channel->mode == ECHO_MODE_EXCHANGE)
		read_rest(channel);
	echo_invalidate_exchanged(channel);
	vmbus_free_req(channel->asked);
	channel->asked = NULL;
}
