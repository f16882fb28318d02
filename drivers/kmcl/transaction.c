// SPDX-License-Identifier: GPL-2.0
/*
 * Transaction ids: by them a completion of the peer's finds the packet that waits for it.
 *
 * An id is the number of a slot with a generation above it, so a completion is
 * found at once however many are outstanding, and one that is late, forged or
 * the second one names a generation that is over. Never a pointer: the peer
 * could forge it, and would learn it. 32 bits, and never 0.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "channel.h"

/* Makes the table. 0 or -ENOMEM. Process context. */
int vmb_transactions_create(struct vmb_transactions *transactions, u32 limit)
{
	u32 count = roundup_pow_of_two(limit);
	u32 i;

	transactions->table = kvcalloc(count, sizeof(*transactions->table),
				       GFP_KERNEL);
	if (!transactions->table)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		transactions->table[i].id = i;
		transactions->table[i].next_free = i + 1 < count ? i + 1 : VMB_NO_SLOT;
	}
	transactions->count = count;
	transactions->free = 0;
	transactions->configured = limit;
	transactions->limit = limit;
	transactions->room = limit;
	return 0;
}

/*
 * A packet that another channel has sent, and whose completion comes here, with the id
 * that the peer knows. To be followed by vmb_transactions_find_free(). The slot is
 * nobody's.
 */
void vmb_transactions_restore(struct vmb_transactions *transactions,
			      struct vmb_packet *packet)
{
	packet->slot = packet->transaction_id & (transactions->count - 1);
	transactions->table[packet->slot].packet = packet;
	transactions->table[packet->slot].id = packet->transaction_id;
	transactions->room--;
}

/* All slots are free but those of packets that were restored. */
void vmb_transactions_find_free(struct vmb_transactions *transactions)
{
	u32 i = transactions->count;

	transactions->free = VMB_NO_SLOT;
	while (i--) {
		if (transactions->table[i].packet)
			continue;
		transactions->table[i].next_free = transactions->free;
		transactions->free = i;
	}
}

void vmb_transactions_destroy(struct vmb_transactions *transactions)
{
	kvfree(transactions->table);
	transactions->table = NULL;
}
