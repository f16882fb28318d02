// SPDX-License-Identifier: GPL-2.0
/*
 * What clients and other processors do that does not wait: at any time, between
 * any two steps of somebody else.
 */
#define VMB_FUZZ_PEER
#include "harness.h"

/* Sleeps after the end of the input until a peer that never answers goes. */
#define PATIENCE	50

static u32 others_idle, patience;

void acts_reset(void)
{
	others_idle = 0;
	patience = PATIENCE;
}

/* What the client does, as the front of the input says. */
void client_act(struct end *end)
{
	u8 act = take(), how = take();
	struct slot *slot = &end->slots[how % SLOTS];
	u32 index = end->held_count ? how % end->held_count : 0;

	switch (act % 16) {
	case 0:
		slot_make(end, how);
		break;
	case 1:
		slot_free(slot);
		break;
	case 2:
	case 3:
	case 4:
	case 5:
		if (!slot->packet)
			slot_make(end, how);
		slot_send(slot, end->fair);
		break;
	case 6:
	case 7:
		if (end->held_count)
			held_complete(end, index, how % (end->channel->maximum_packet_size + 1));
		break;
	case 8:
		if (end->held_count)
			held_fetch(end, index);
		break;
	case 9:
		if (end->held_count)
			held_misuse(end, index);
		break;
	case 10:
		if (end->held_count && act == 0x1a && !end->fair)
			held_fail(end, index);
		break;
	case 11:
		slot_abandon(slot, !(how & 0x80));
		break;
	case 12:
		/* With interrupts off. */
		if (end->held_count) {
			unsigned long flags = kernel_irq_save();

			if (end->held_count)
				held_complete(end, how % end->held_count, 8);
			kernel_irq_restore(flags);
		}
		break;
	case 13:
		/* Another task starts it, if it does not pause just now. */
		if (act == 0xfd)
			vmb_channel_start(end->channel);
		else if (!end->fair || end->interrupt_due)
			end_interrupt(end);
		break;
	case 14:
		if (!end->fair && how & 0x80)
			send_loose(end, how);
		break;
	default:
		if (!end->fair || end->interrupt_due)
			end_interrupt(end);
		break;
	}
}

/* One thing that another processor does. */
static void other_acts(struct end *end, u8 act)
{
	switch (act & 7) {
	case 0:
	case 1:
		if (!end->fair || end->interrupt_due)
			end_interrupt(end);
		break;
	case 2:
	case 3:
		slot_send(&end->slots[(act >> 3) % SLOTS], end->fair);
		break;
	case 4:
	case 5:
		if (end->held_count)
			held_complete(end, (act >> 3) % end->held_count, act & 8);
		break;
	case 6:
		slot_abandon(&end->slots[(act >> 3) % SLOTS], true);
		break;
	case 7:
		if (end->fair)
			break;
		if (act == 0xff)
			request_in_passing(end);
		else
			peer_read(end, 2);
		break;
	}
}

/* What another processor does at this chance, if anything. */
void other_act(struct end **ends, u32 count)
{
	u32 i;
	u8 act;

	for (i = 0; i < count; i++)
		if (!ends[i]->live)
			return;
	if (others_idle) {
		others_idle--;
		return;
	}
	act = take_from_end();
	if (act < 0xa0) {
		others_idle = act & 0x1f;
		return;
	}
	/* One thing, or several in a row. */
	other_acts(ends[(act >> 5) % count], act);
	while (act >= 0xd0) {
		act = take_from_end();
		if (act >= 0xa0)
			other_acts(ends[(act >> 5) % count], act);
	}
}

static void progress(struct end *end)
{
	if (end->interrupt_due)
		end_interrupt(end);
	if (!end->fair)
		peer_read(end, 1);
	if (end->held_count && !end->hold_to_the_end)
		held_complete(end, 0, 0);
	if (!end->keeps_mapped)
		end_unmap_all(end);
}

/* Somebody sleeps: the input goes on, and when it is over, all ends well. */
void sleep_act(struct end **ends, u32 count)
{
	u32 i;
	u8 act;

	if (!input_is_over()) {
		struct end *end;

		act = take();
		end = ends[(act >> 6) % count];
		if (act & 1)
			client_act(end);
		else if (act & 2 && !end->fair)
			peer_act(end);
		else
			kernel_run_work();
		if (act >= 0xf8)
			jiffies += 10 * HZ;
		patience = PATIENCE;
		return;
	}
	others_idle = 0;
	for (i = 0; i < count; i++)
		progress(ends[i]);
	kernel_run_work();
	/* Nobody does anything any more, so it is over soon. */
	jiffies += HZ / 5;
	if (!patience || --patience)
		return;
	for (i = 0; i < count; i++)
		ends[i]->gone |= !ends[i]->fair;
}
