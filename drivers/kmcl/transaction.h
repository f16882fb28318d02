/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every send and every completion does to the transaction table. See
 * transaction.c.
 */
#ifndef VMB_TRANSACTION_H
#define VMB_TRANSACTION_H

#include "channel.h"

/*
 * Give a packet that has none a slot, and a new id. False: as many packets as the
 * client allows have one.
 */
static inline bool vmb_transaction_begin(struct vmb_channel *channel,
					 struct vmb_packet *packet)
{
	struct vmb_transactions *transactions = &channel->outbound.transactions;
	struct vmb_transaction *transaction;
	u32 slot = transactions->free;

	lockdep_assert_held(&channel->outbound.lock);
	if (unlikely(--transactions->room < 0)) {
		transactions->room++;
		return false;
	}
	transaction = &transactions->table[slot];
	transactions->free = transaction->next_free;
	packet->slot = slot;
	/* The next generation; 0 is what a peer has that knows no id. */
	transaction->id += transactions->count;
	if (unlikely(!transaction->id))
		transaction->id += transactions->count;
	packet->transaction_id = transaction->id;
	return true;
}

/* The packet needs its slot no more. */
static inline void vmb_transaction_cancel(struct vmb_channel *channel,
					  struct vmb_packet *packet)
{
	struct vmb_transactions *transactions = &channel->outbound.transactions;

	lockdep_assert_held(&channel->outbound.lock);
	transactions->table[packet->slot].next_free = transactions->free;
	transactions->free = packet->slot;
	transactions->room++;
	packet->slot = VMB_NO_SLOT;
}

/* The packet is in the ring: from now on a completion finds it, and not before. */
static inline void vmb_transaction_sent(struct vmb_channel *channel,
					struct vmb_packet *packet)
{
	lockdep_assert_held(&channel->outbound.lock);
	channel->outbound.transactions.table[packet->slot].packet = packet;
}

/* Does a packet wait for the completion of @id? */
static inline bool vmb_transaction_is_awaited(const struct vmb_channel *channel, u64 id)
{
	const struct vmb_transactions *transactions = &channel->outbound.transactions;
	const struct vmb_transaction *transaction;

	lockdep_assert_held(&channel->outbound.lock);
	transaction = &transactions->table[id & (transactions->count - 1)];
	return transaction->packet && transaction->id == id;
}

/*
 * Take the packet that waits for the completion of @id out of the table, and free its
 * slot. NULL: no packet waits for it.
 */
static inline struct vmb_packet *
vmb_transaction_end(struct vmb_channel *channel, u64 id)
{
	struct vmb_transactions *transactions = &channel->outbound.transactions;
	struct vmb_transaction *transaction;
	u32 slot = id & (transactions->count - 1);
	struct vmb_packet *packet;

	lockdep_assert_held(&channel->outbound.lock);
	/* The mask is its own guard against speculation: it needs no branch. */
	transaction = &transactions->table[slot];
	packet = transaction->packet;
	if (unlikely(!packet || transaction->id != id))
		return NULL;
	transaction->packet = NULL;
	transaction->next_free = transactions->free;
	transactions->free = slot;
	transactions->room++;
	packet->slot = VMB_NO_SLOT;
	return packet;
}

#endif
