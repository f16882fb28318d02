// SPDX-License-Identifier: GPL-2.0
/*
 * A client and a server that are joined, both channels of this library, through
 * rings as small as a packet: what is sent arrives, once, in order, byte for
 * byte, and so does what answers it. Interrupts come only where one end has
 * signalled the other, and nobody looks unasked: a signal that is lost leaves a
 * packet behind, which is a finding.
 */
#define VMB_FUZZ_PEER
#include "harness.h"

#define FEATURE_BITS	64

static struct end client, server;
static bool server_first;
static struct end *pair[] = { &client, &server };
static struct sent sent_by_client[SENT], sent_by_server[SENT];

static void fair_others(void)
{
	other_act(pair, ARRAY_SIZE(pair));
}

static void fair_asleep(void)
{
	sleep_act(pair, ARRAY_SIZE(pair));
}

static const struct kernel_actors actors = {
	.others = fair_others,
	.asleep = fair_asleep,
};

static void configure(void)
{
	static const u32 sizes[] = { 8, 32, 40, 100, 200 };
	u8 rings = take(), limits = take(), packets = take(), little = take();
	u32 size = sizes[packets % ARRAY_SIZE(sizes)];
	struct end *ends[] = { &client, &server };
	u32 i;

	server_first = packets & 0x40;
	memset(&client, 0, sizeof(client));
	memset(&server, 0, sizeof(server));
	client.sent = sent_by_client;
	server.sent = sent_by_server;
	client.other = &server;
	server.other = &client;
	shared_memory_begin(NULL);
	/* The smallest ring that holds the largest packet, or more. */
	shared_memory_add(&client.in, (size > 32) + rings % 3);
	peer_set(FEATURE_BITS, VMB_WIRE_FEATURE_PENDING_SEND_SIZE);
	shared_memory_add(&client.out, (size > 32) + rings / 3 % 3);
	peer_set(FEATURE_BITS, VMB_WIRE_FEATURE_PENDING_SEND_SIZE);
	server.in = client.out;
	server.out = client.in;
	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		struct end *end = ends[i];

		end->fair = true;
		end_make(end, end == &server, NULL);
		FUZZ_CHECK(!vmb_channel_init_set_maximum_packet_size(end->channel, size));
		if (limits & 3)
			FUZZ_CHECK(!vmb_channel_init_set_maximum_external_data(end->channel,
									       30000,
									       limits & 3));
		if (limits & 4)
			FUZZ_CHECK(!vmb_channel_init_set_maximum_packet_count(end->channel,
									      1 + (limits >> 4)));
		if (limits & 8)
			vmb_channel_set_transaction_quota(end->channel,
							  1 + (limits >> 4));
		vmb_channel_set_incoming_processing_at_passive(end->channel,
							       packets & 0x80);
		/* What is too long is answered with nothing here. */
		settings_make(end, little & ~SETTING_REFUSAL);
		end_enable(end);
	}
}

static void act(void)
{
	u8 what = take();
	struct end *end = what & 0x80 ? &server : &client;

	switch (what % 16) {
	case 0:
		kernel_run_work();
		break;
	case 1:
		if (take() == 0x55)
			vmb_channel_pause(end->channel);
		break;
	case 2:
		vmb_channel_start(end->channel);
		break;
	case 3:
	case 4:
	case 5:
		if (end->interrupt_due)
			end_interrupt(end);
		break;
	case 14:
		what = take();
		if (what & 0x80)
			end_map(&server, what);
		else if (what & 0x40 && client.gpadl_count)
			end_unshare(&client, client.gpadl_count - 1);
		else if (client.open)
			end_share(&client, take(), what % 4, what & 8);
		break;
	case 15:
		settings_act(end);
		break;
	default:
		client_act(end);
	}
}

/* Go on until nothing is left to do. */
static void come_to_rest(void)
{
	struct end *ends[] = { &client, &server };
	bool moved;
	u32 i;

	do {
		moved = kernel_run_work();
		for (i = 0; i < ARRAY_SIZE(ends); i++) {
			if (ends[i]->interrupt_due) {
				end_interrupt(ends[i]);
				moved = true;
			}
			if (ends[i]->held_count) {
				held_complete_all(ends[i]);
				moved = true;
			}
		}
	} while (moved);
}

static void check_all_arrived(const struct end *end)
{
	u32 i;

	FUZZ_CHECK(end->running);
	for (i = 0; i < end->sequence; i++)
		FUZZ_CHECK(end->sent[i].delivered == end->sent[i].accepted);
	for (i = 0; i < SLOTS; i++)
		FUZZ_CHECK(!end->slots[i].in_flight);
	FUZZ_CHECK(list_empty(&end->channel->outbound.queue));
	FUZZ_CHECK(!end->channel->outbound.writer.pending_send_size);
	for (i = VMB_REFUSAL_NONE + 1; i < VMB_REFUSAL_COUNT; i++)
		FUZZ_CHECK(!end->channel->refusals[i]);
	FUZZ_CHECK(!end->channel->counters.completions_dropped);
	if (end->channel->counters.sends_queued)
		reached(OUTCOME_fair_waited_for_room);
}

void fuzz_fair(void)
{
	kernel_tasks_reset(&actors);
	kernel_memory_reset();
	acts_reset();
	configure();
	while (!input_is_over())
		act();
	vmb_channel_start(client.channel);
	vmb_channel_start(server.channel);
	come_to_rest();
	check_all_arrived(&client);
	check_all_arrived(&server);
	/* What it has mapped is left to the library then, if it misuses that. */
	server.keeps_mapped = server_first && server.misuses;
	if (server_first)
		end_disable(&server);
	end_disable(&client);
	if (!server_first)
		end_disable(&server);
	end_destroy(&client);
	end_destroy(&server);
	end_check_pages(&client);
	FUZZ_CHECK(!kernel_allocations);
	kernel_tasks_check_idle();
}
