// SPDX-License-Identifier: GPL-2.0
/*
 * A device with a channel and two sub-channels, each with a hostile peer. The VM
 * hibernates, resumes and shuts down; the device goes; the primary opens, pauses and
 * closes, and they with it; their driver enables and disables them in any order.
 */
#define VMB_FUZZ_PEER
#include "harness.h"

#define ENDS	3

static struct end ends[ENDS];
static struct end *all[] = { &ends[0], &ends[1], &ends[2] };
static u32 count;
static bool hibernates, freezes;

static void device_others(void)
{
	other_act(all, count);
}

static void device_asleep(void)
{
	sleep_act(all, count);
}

static const struct kernel_actors actors = {
	.others = device_others,
	.asleep = device_asleep,
};

static void configure(void)
{
	u8 kind = take(), rings = take(), how = take(), little = take();
	u32 i;

	memset(ends, 0, sizeof(ends));
	count = 2 + (kind >> 1 & 1);
	hibernates = false;
	shared_memory_begin(kind & 0x10 ? peer_script() : NULL);
	for (i = 0; i < count; i++) {
		struct end *end = &ends[i];

		end->in_class = 1 + (rings + i) % 4;
		end->out_class = 1 + (rings / 4 + i) % 4;
		end->meddles = kind & 0x10;
		end->stays = kind & 4;
		end->ring = 2 * i;
		/* Those of one number cannot be there at the same time. */
		end->index = (kind & 0xe0) == 0x20 ? !!i : i;
		end->nameless = (kind & 0xe0) == 0x40;
		end_make(end, kind & 1 && !end->stays, i ? &ends[0] : NULL);
		FUZZ_CHECK(!vmb_channel_init_set_maximum_packet_size(end->channel, 64));
		FUZZ_CHECK(!vmb_channel_init_set_maximum_external_data(end->channel, 20000,
								       2));
		FUZZ_CHECK(!vmb_channel_init_set_maximum_packet_count(end->channel,
								      1 + (how >> i & 7)));
		settings_make(end, little >> i | (little & 0x80));
	}
	if (kind & 8)
		vmb_transport_device_set_dma_device(&ends[0].device, &ends[0].dev);
}

/* A primary that closes disables them: then the driver enables them anew. */
static void enable_or_disable(struct end *end, u8 how)
{
	if (!vmb_channel_is_configurable(end->channel)) {
		if (how % 4 == 0)
			end_disable(end);
		return;
	}
	end_enable(end);
	if (end->primary && vmb_channel_is_configurable(end->channel))
		reached(OUTCOME_sub_channel_refused);
}

static void check_closed(void)
{
	u32 i;

	for (i = 0; i < count; i++)
		FUZZ_CHECK(!ends[i].attached && !ends[i].open && !ends[i].running);
}

/* A client that is frozen keeps what it has. */
static int hibernate_frozen(void)
{
	u32 i;
	int ret;

	for (i = 0; i < count; i++)
		ends[i].hold_to_the_end = freezes;
	ret = vmb_transport_device_pm_close(&ends[0].device);
	for (i = 0; i < count; i++)
		ends[i].hold_to_the_end = false;
	return ret;
}

static void hibernate(void)
{
	if (hibernates) {
		vmb_transport_device_pm_resume(&ends[0].device);
		hibernates = false;
		reached(OUTCOME_resumed);
		return;
	}
	if (hibernate_frozen()) {
		reached(OUTCOME_hibernation_refused);
		return;
	}
	check_closed();
	hibernates = true;
	reached(OUTCOME_hibernated);
}

static void shut_down(void)
{
	vmb_transport_device_shutdown(&ends[0].device);
	reached(OUTCOME_shut_down);
}

static void peer_goes(u8 how)
{
	u32 i;

	if (how & 1) {
		struct end *end = all[(how >> 1) % count];

		end->gone = true;
		vmb_channel_peer_gone(end->channel);
		return;
	}
	for (i = 0; i < count; i++)
		ends[i].gone = true;
	vmb_transport_device_peer_gone(&ends[0].device);
}

/* What is to go wrong soon. */
static void arrange(struct end *end, u8 how)
{
	static const int errors[] = { -EIO, -ENOMEM, -EPROTO, -EINPROGRESS };

	switch (how >> 5) {
	case 0:
		kernel_fail_allocation = how & 31;
		break;
	case 1:
		kernel_fail_mapping = how & 1;
		break;
	case 2:
		end->open_error = how & 1 ? -ENXIO : 0;
		break;
	case 3:
		end->opened_error = how & 1 ? -EPERM : 0;
		break;
	case 4:
		end->close_error = how & 1 ? -EIO : 0;
		break;
	case 5:
		end->gpadl_error = errors[how & 3];
		break;
	default:
		vmb_channel_set_incoming_processing_at_passive(end->channel, how & 1);
		break;
	}
}

static void act(void)
{
	u8 what = take(), how;
	struct end *end = all[(what >> 4) % count];

	switch (what % 16) {
	case 0:
	case 1:
	case 2:
		client_act(end);
		break;
	case 3:
	case 4:
	case 5:
		peer_act(end);
		break;
	case 6:
		kernel_run_work();
		break;
	case 7:
		client_request(end, false);
		break;
	case 8:
	case 9:
		enable_or_disable(end, take());
		break;
	case 10:
		how = take();
		FUZZ_CHECK((how & 1 ? vmb_channel_pause(end->channel) :
			    vmb_channel_start(end->channel)) == -EINVAL || !end->primary);
		break;
	case 11:
		how = take();
		if (how & 0x40)
			kernel_run_delayed();
		else
			arrange(end, how);
		break;
	case 12:
		how = take();
		if (how == 0xff)
			shut_down();
		else if (how < 0xc0)
			hibernate();
		break;
	case 13:
		how = take();
		if (how & 0x80)
			peer_goes(how);
		else
			vmb_channel_peer_arrived(end->channel);
		break;
	case 15:
		settings_act(end);
		break;
	default:
		how = take();
		if (!end->open)
			break;
		if (how & 0x10 && end->gpadl_count)
			end_unshare(end, end->gpadl_count - 1);
		else
			end_share(end, take(), how % 8, how & 8);
		break;
	}
}

/* The driver gives them back in its order, or the primary's first. */
static void take_apart(bool primary_first)
{
	u32 i;

	for (i = 0; i < count; i++)
		end_disable(all[primary_first ? i : count - 1 - i]);
	if (primary_first) {
		kernel_warnings_announced++;
		vmb_sub_channels_orphan(ends[0].channel);
		reached(OUTCOME_sub_channels_orphaned);
	}
	for (i = count - 1; i; i--)
		end_cleanup(&ends[i]);
	end_destroy(&ends[0]);
}

void fuzz_device(void)
{
	struct end *end;
	u32 i, k;
	u8 last;

	kernel_tasks_reset(&actors);
	kernel_memory_reset();
	acts_reset();
	configure();
	last = take();
	ends[0].shares = last & 2;
	freezes = last & 4;
	end_enable(&ends[0]);
	while (!input_is_over())
		act();
	kernel_fail_allocation = 0;
	if (hibernates)
		hibernate();
	take_apart(last & 1);
	/* Pages are the VM's, whoever has leaked a reference. */
	for (i = 1; i < count; i++) {
		end = &ends[i];
		for (k = 0; k < KERNEL_PAGES; k++)
			ends[0].leaked_pins[k] += end->leaked_pins[k];
		ends[0].leaked_mappings += end->leaked_mappings;
		ends[0].requested_external |= end->requested_external;
		ends[0].closed_unclean |= end->closed_unclean;
		ends[0].leaked_areas += end->leaked_areas;
		ends[0].leaked_pages |= end->leaked_pages;
	}
	end_check_pages(&ends[0]);
	FUZZ_CHECK(kernel_allocations == ends[0].leaked_areas);
	kernel_tasks_check_idle();
}
