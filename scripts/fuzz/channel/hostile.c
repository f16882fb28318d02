// SPDX-License-Identifier: GPL-2.0
/*
 * A channel whose peer is the input. Whatever that does, every packet ends
 * once, every sum is right, and nothing is touched that is not the channel's.
 */
#define VMB_FUZZ_PEER
#include "harness.h"

static struct end end;
static bool refuses;
static struct end *alone[] = { &end };

static void hostile_others(void)
{
	other_act(alone, 1);
}

static void hostile_asleep(void)
{
	sleep_act(alone, 1);
}

static const struct kernel_actors actors = {
	.others = hostile_others,
	.asleep = hostile_asleep,
};

/* Made before the channel's limits were what they are: it has room for two pages. */
static u8 old_packet[2048] __attribute__((aligned(8)));

static void send_old_packet(void)
{
	const u64 pfns[] = { KERNEL_FIRST_FRAME, KERNEL_FIRST_FRAME + 2, KERNEL_FIRST_FRAME + 4 };
	const struct bio_vec vector = { &kernel_pages[0], 3 * PAGE_SIZE, 0 };
	struct vmb_packet *packet = (void *)old_packet;
	const u32 waits = VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION;

	if (end.is_pipe || end.is_server || end.channel->external.bytes < 3 * PAGE_SIZE)
		return;
	FUZZ_CHECK(vmb_packet_send(packet, NULL, 0, &vector, 1, waits) ==
		   (end.device.isolated ? -EAGAIN : -EMSGSIZE));
	FUZZ_CHECK(vmb_packet_send_with_external_pfns(packet, NULL, 0, pfns, 3, waits) ==
		   (end.device.isolated ? -EAGAIN : -EMSGSIZE));
}

static void packet_ended(struct vmb_packet *packet, void *context, int status,
			 const void *buffer, u32 length)
{
	FUZZ_CHECK(!"a packet that was never sent");
}

/* Settings of which each is allowed, but that do not fit together. */
static void enable_refused(void)
{
	const guid_t type = { .bytes = { 1 } }, other = { .bytes = { 3 } };
	struct vmb_channel *channel = end.channel;

	FUZZ_CHECK(!vmb_channel_init_set_refusal_completion(channel, "too long for it.", 16));
	FUZZ_CHECK(!vmb_channel_init_set_maximum_packet_size(channel, 8));
	FUZZ_CHECK(vmb_channel_enable(channel) == -EMSGSIZE);
	FUZZ_CHECK(!vmb_channel_init_set_refusal_completion(channel, NULL, 0));
	FUZZ_CHECK(!vmb_channel_init_set_maximum_packet_size(channel, 500000));
	FUZZ_CHECK(!vmb_channel_init_set_maximum_external_data(channel, 100 << 20, 1));
	FUZZ_CHECK(vmb_channel_enable(channel) == -EMSGSIZE);
	FUZZ_CHECK(!vmb_channel_init_set_maximum_external_data(channel, 64, 1));
	FUZZ_CHECK(!vmb_channel_init_set_maximum_packet_size(channel, 8));
	FUZZ_CHECK(!vmb_packet_initialize(channel, (void *)old_packet, sizeof(old_packet)));
	vmb_packet_set_completion_routine((void *)old_packet, NULL, packet_ended);
	if (end.is_server)
		return;
	/* Of a ring of one page. */
	FUZZ_CHECK(!vmb_channel_init_set_maximum_packet_size(channel, 8000));
	FUZZ_CHECK(vmb_channel_enable(channel) == -EMSGSIZE);
	FUZZ_CHECK(!vmb_client_channel_init_set_target_pnp(channel, &other, NULL, NULL));
	FUZZ_CHECK(vmb_channel_enable(channel) == -ENODEV);
	FUZZ_CHECK(!vmb_client_channel_init_set_target_pnp(channel, &type, NULL, NULL));
}

static void configure(void)
{
	static const u32 sizes[] = { 8, 32, 36, 64, 200, 1000 };
	static const u32 bytes[] = { 4096, 64, 20000 };
	static const u32 counts[] = { 16, 1, 2, 5 };
	u8 kind = take(), rings = take(), limits = take(), packets = take(), little = take();

	memset(&end, 0, sizeof(end));
	end.in_class = rings % 5;
	end.out_class = rings / 5 % 5;
	end.meddles = kind & 0x10;
	shared_memory_begin(end.meddles ? peer_script() : NULL);
	end_make(&end, kind & 1, NULL);
	if (kind & 0x80)
		kernel_most_mapping = PAGE_SIZE;
	if (kind & 2)
		vmb_transport_device_set_dma_device(&end.device, &end.dev);
	end.device.isolated = kind & 8;
	end.encrypted = end.device.isolated && packets & 0x80;
	refuses = (limits & 0xf0) == 0x80;
	if (refuses)
		enable_refused();
	end.is_pipe = limits & 0x40;
	FUZZ_CHECK(!vmb_channel_init_set_flags(end.channel, end.is_pipe ?
					       VMB_CHANNEL_INIT_FLAG_IS_PIPE : 0));
	FUZZ_CHECK(!vmb_channel_init_set_maximum_packet_size(end.channel,
							     sizes[packets % ARRAY_SIZE(sizes)]));
	if (limits & 3)
		FUZZ_CHECK(!vmb_channel_init_set_maximum_external_data(end.channel,
								       bytes[limits % 3],
								       1 + (limits >> 2 & 3)));
	FUZZ_CHECK(!vmb_channel_init_set_maximum_packet_count(end.channel,
							      counts[limits >> 4 & 3]));
	/* The first id after this one is 0, which is none. */
	if (packets & 0x40)
		end.channel->outbound.transactions.table[0].id =
			-end.channel->outbound.transactions.count;
	FUZZ_CHECK(!vmb_channel_init_set_client_context_size(end.channel,
							     kind & 0x40 ? 24 : 0));
	if (kind & 4)
		FUZZ_CHECK(vmb_channel_init_set_raw_guest_memory(end.channel) ==
			   (end.device.isolated ? -EPERM : 0));
	kernel_merge_mappings = kind & 0x20;
	settings_make(&end, little);
}

/* What is to go wrong soon, or to be special about a page. */
static void arrange(u8 how)
{
	switch (how >> 5) {
	case 0:
		kernel_fail_allocation = how & 31;
		break;
	case 1:
		kernel_fail_mapping = how & 1;
		end.prepare_error = how & 2 ? -ENOSPC : 0;
		end.rings_reduced = how & 4;
		break;
	case 2:
		end.open_error = how & 1 ? -ENXIO : how & 2 ? -EAGAIN : 0;
		break;
	case 3:
		end.opened_error = how & 1 ? -EPERM : 0;
		break;
	case 4:
		end.close_error = how & 1 ? -EIO : 0;
		break;
	case 5:
		vmb_channel_set_transaction_quota(end.channel, 1 + (how & 31));
		break;
	case 6:
		vmb_channel_set_allowable_dpc_cpu_usage(end.channel, how & 1 ? 1 : 100);
		break;
	default:
		vmb_channel_set_incoming_processing_at_passive(end.channel, how & 1);
		break;
	}
}

static void offer_goes(void)
{
	end.offer_removing = true;
	vmb_channel_offer_removing(end.channel);
}

static void act(void)
{
	u8 what = take(), how;

	switch (what % 16) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		client_act(&end);
		break;
	case 5:
	case 6:
	case 7:
	case 8:
	case 9:
		peer_act(&end);
		break;
	case 10:
		kernel_run_work();
		break;
	case 11:
		client_request(&end, false);
		break;
	case 12:
		how = take();
		if (vmb_channel_is_configurable(end.channel))
			end_enable(&end);
		else if (how % 4 == 0)
			end_disable(&end);
		break;
	case 13:
		how = take();
		if (how & 1)
			vmb_channel_pause(end.channel);
		else
			vmb_channel_start(end.channel);
		break;
	case 14:
		how = take();
		if (how & 0x40)
			kernel_run_delayed();
		else if (!end.open || how & 0x20)
			arrange(take());
		else if (how & 0x10 && end.gpadl_count)
			end_unshare(&end, end.gpadl_count - 1);
		else
			end_share(&end, take(), how % 8, how & 8);
		break;
	case 15:
		how = take();
		if (how & 1)
			settings_act(&end);
		else if (how == 0x80)
			offer_goes();
		else
			vmb_channel_peer_arrived(end.channel);
		arrange(take());
		break;
	}
}

void fuzz_hostile(void)
{
	u32 i;
	u8 last;

	kernel_tasks_reset(&actors);
	kernel_memory_reset();
	acts_reset();
	configure();
	last = take();
	/* Pages of other kinds: not counted, as new kernels have it; not to be named. */
	for (i = KERNEL_PAGES - 4; last & 2 && i < KERNEL_PAGES; i++)
		kernel_pages[i] = (struct page) {
			.slab = i >= KERNEL_PAGES - 2, .tail = i < KERNEL_PAGES - 2,
		};
	kernel_pages[20].reserved = last & 4;
	kernel_pages[21].secret = last & 4;
	end.shares = last & 8;
	end_enable(&end);
	if (refuses)
		send_old_packet();
	while (!input_is_over())
		act();

	/* The end of all, in one case with a client that keeps its packets. */
	kernel_fail_allocation = 0;
	if (last & 1) {
		struct vmb_channel *another;

		vmb_transport_device_removing(&end.device);
		end.hold_to_the_end = true;
		FUZZ_CHECK(vmb_channel_allocate(&end.device.device, end.is_server, &another) ==
			   -ENODEV);
	}
	if ((last & 0xd0) == 0x10 && !end.channel->outbound.allocated)
		end.forgets = last & 0x20 ? FORGETS_CHANNEL : FORGETS_DISABLE;
	else
		end_disable(&end);
	if (end.held_count && !end.forgets)
		FUZZ_CHECK(vmb_channel_enable(end.channel) == -EBUSY);
	end_destroy(&end);
	end_check_pages(&end);
	FUZZ_CHECK(kernel_allocations == end.leaked_areas);
	kernel_tasks_check_idle();
}
