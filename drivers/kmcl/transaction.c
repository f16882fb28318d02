// SPDX-License-Identifier: GPL-2.0
/*
 * Transaction ids: who waits for which of the peer's completions.
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
	transactions->limit = limit;
	transactions->taken = 0;
	return 0;
}

void vmb_transactions_destroy(struct vmb_transactions *transactions)
{
	kvfree(transactions->table);
	transactions->table = NULL;
}

/* A slot, or VMB_NO_SLOT: the channel's maximum packet count is reached. */
u32 vmb_transaction_take_slot(struct vmb_channel *channel)
{
	struct vmb_transactions *transactions = &channel->outbound.transactions;
	u32 slot = transactions->free;

	lockdep_assert_held(&channel->outbound.lock);
	if (transactions->taken == transactions->limit)
		return VMB_NO_SLOT;
	transactions->taken++;
	transactions->free = transactions->table[slot].next_free;
	return slot;
}

void vmb_transaction_put_slot(struct vmb_channel *channel, u32 slot)
{
	struct vmb_transactions *transactions = &channel->outbound.transactions;

	lockdep_assert_held(&channel->outbound.lock);
	transactions->table[slot].next_free = transactions->free;
	transactions->free = slot;
	transactions->taken--;
}
