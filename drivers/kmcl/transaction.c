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

/* Give a packet that has a slot a new id. */
void vmb_transaction_begin(struct vmb_channel *channel,
			   struct vmb_packet *packet)
{
	struct vmb_transactions *transactions = &channel->outbound.transactions;
	struct vmb_transaction *transaction = &transactions->table[packet->slot];

	lockdep_assert_held(&channel->outbound.lock);
	/* The next generation; 0 is what a peer has that knows no id. */
	transaction->id += transactions->count;
	if (unlikely(!transaction->id))
		transaction->id += transactions->count;
	packet->transaction_id = transaction->id;
}

/* It is in the ring: from now on a completion finds it, and not before. */
void vmb_transaction_sent(struct vmb_channel *channel, struct vmb_packet *packet)
{
	lockdep_assert_held(&channel->outbound.lock);
	channel->outbound.transactions.table[packet->slot].packet = packet;
}

/* Who waits for the completion of @id, for the last time. NULL: nobody. */
struct vmb_packet *vmb_transaction_end(struct vmb_channel *channel, u64 id)
{
	struct vmb_transactions *transactions = &channel->outbound.transactions;
	struct vmb_transaction *transaction;
	struct vmb_packet *packet;

	lockdep_assert_held(&channel->outbound.lock);
	transaction = &transactions->table[id & (transactions->count - 1)];
	packet = transaction->packet;
	if (unlikely(!packet || transaction->id != id))
		return NULL;
	transaction->packet = NULL;
	return packet;
}
