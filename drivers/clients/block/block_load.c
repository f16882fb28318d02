// SPDX-License-Identifier: GPL-2.0
/*
 * A load for the model block device, every byte of which is verified.
 *
 * The disk is divided among as many slots as there may be requests in flight.
 * A slot first writes all of its share, then here and there, and reads back what
 * it wrote: it has one request in flight at a time, and knows of each sector what
 * the last write has put there.
 *
 * Two contexts work on a slot in turn: the packet's completion routine, which
 * may run in softirq and does no more than it must (a read-back is sent there,
 * since a send never sleeps), and the work item, which prepares and verifies.
 */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/llist.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "block_client.h"

#define BLOCK_DEPTH_LIMIT	256u
/* More of the disk is not used, for its contents are to be known. */
#define BLOCK_CAPACITY_LIMIT	65536u
/* If nothing ends for so long, what is in flight is lost. */
#define BLOCK_PATIENCE		(30 * HZ)
#define BLOCK_WORDS		(BLOCK_SECTOR_SIZE / sizeof(u64))

static unsigned int operations = 10000;
module_param(operations, uint, 0444);
MODULE_PARM_DESC(operations,
		 "Reads, writes and flushes to do, at least (10000; 0: until the channel goes)");

static unsigned int depth = 32;
module_param(depth, uint, 0444);
MODULE_PARM_DESC(depth, "Requests in flight, 1 to 256 (32)");

/**
 * struct block_slot - one request in flight at a time
 * @load: the load.
 * @packet: the packet object for all of its requests.
 * @ended: in &block_load.ended.
 * @in_flight: 1 from the send to the completion routine.
 * @first: of its share of the disk, in sectors.
 * @filled: sectors of its share that were written in turn.
 * @tag: of the last request.
 * @command: the request; VMB_BLOCK_READ, too, for the read-back of a write.
 * @sector: first sector of the last request.
 * @count: sectors of the last request.
 * @status: how it ended: 0 or a negative errno.
 * @sequence: of the status page, as the completion has it.
 * @out: data to be written.
 * @in: memory to read to.
 *
 * The load's. While a packet is in flight it belongs to the completion routine,
 * otherwise to the work item.
 */
struct block_slot {
	struct block_load *load;
	struct vmb_packet *packet;
	struct llist_node ended;
	atomic_t in_flight;
	u64 first;
	u64 filled;
	u64 tag;
	u32 command;
	u64 sector;
	u32 count;
	int status;
	u64 sequence;
	struct block_buffer out;
	struct block_buffer in;
};

/**
 * struct block_load - the load
 * @client: the client.
 * @ended: slots whose request has ended; lock-free.
 * @slots: the slots.
 * @count: of @slots.
 * @active: slots that have not come to their end.
 * @share: sectors of each slot.
 * @planned: operations so far.
 * @random: where and how; the same for each load.
 * @nonce: in all data that this load writes, so that it is told from that of
 *	another.
 * @generations: of each sector, how often it was written.
 * @expected: a sector as it should be.
 * @found: a sector as it is.
 *
 * Allocated and freed by the work item, and, but for the first two, its alone. A
 * routine touches it last when it adds its slot to @ended.
 */
struct block_load {
	struct block_client *client;
	struct llist_head ended;
	struct block_slot *slots;
	u32 count;
	u32 active;
	u64 share;
	u64 planned;
	struct rnd_state random;
	u64 nonce;
	u32 *generations;
	u64 expected[BLOCK_WORDS];
	u64 found[BLOCK_WORDS];
};

/**
 * block_load_depth() - how many requests the load has in flight
 *
 * Context: any.
 * Return: the number.
 */
u32 block_load_depth(void)
{
	return clamp(depth, 1u, BLOCK_DEPTH_LIMIT);
}

/* What is in a sector: nothing that any other sector or write has in common. */
static void block_pattern(const struct block_load *load, u64 sector, u64 *words)
{
	u64 word = load->nonce + (sector << 32) + load->generations[sector];
	u32 i;

	word *= 0x9e3779b97f4a7c15ull;
	for (i = 0; i < BLOCK_WORDS; i++)
		words[i] = word + i * 0xd1342543de82ef95ull;
}

/* The data of a write, never written before. */
static void block_fill(struct block_slot *slot)
{
	struct block_load *load = slot->load;
	struct iov_iter iter;
	u32 i;

	/* Of the write before: nobody had anything to change there. */
	if (!block_buffer_clear(&slot->out))
		block_client_count(load->client, &load->client->counters.wrong, 1);
	block_buffer_shape(&slot->out, &load->random,
			   slot->count * BLOCK_SECTOR_SIZE);
	block_buffer_iter(&slot->out, ITER_DEST, &iter);
	for (i = 0; i < slot->count; i++) {
		load->generations[slot->sector + i]++;
		block_pattern(load, slot->sector + i, load->expected);
		WARN_ON_ONCE(copy_to_iter(load->expected, BLOCK_SECTOR_SIZE,
					  &iter) != BLOCK_SECTOR_SIZE);
	}
}

/* Every byte that was read, and all around it that should not have changed. */
static void block_verify(struct block_slot *slot)
{
	struct block_load *load = slot->load;
	struct block_client *client = load->client;
	u64 checked = 0, wrong = 0;
	struct iov_iter iter;
	u32 i;

	block_buffer_iter(&slot->in, ITER_SOURCE, &iter);
	for (i = 0; i < slot->count; i++) {
		WARN_ON_ONCE(copy_from_iter(load->found, BLOCK_SECTOR_SIZE,
					    &iter) != BLOCK_SECTOR_SIZE);
		block_pattern(load, slot->sector + i, load->expected);
		if (memcmp(load->found, load->expected, BLOCK_SECTOR_SIZE))
			wrong++;
		else
			checked += BLOCK_SECTOR_SIZE;
	}
	if (!block_buffer_clear(&slot->in))
		wrong++;
	if (wrong)
		dev_err_ratelimited(client->device->dev,
				    "%llu of %u sectors from %llu are wrong\n",
				    wrong, slot->count, slot->sector);
	block_client_count(client, &client->counters.bytes_checked, checked);
	block_client_count(client, &client->counters.wrong, wrong);
}

static int block_send(struct block_slot *slot)
{
	struct block_client *client = slot->load->client;
	u32 flags = VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION;
	struct vmb_block_request request = {
		.command = cpu_to_le32(slot->command),
		.tag = cpu_to_le64(++slot->tag),
	};
	struct block_buffer *buffer = NULL;
	int ret;

	if (slot->command == VMB_BLOCK_READ) {
		buffer = &slot->in;
		flags |= VMB_CHANNEL_FORMAT_FLAG_DATA_IN_ONLY;
	} else if (slot->command == VMB_BLOCK_WRITE) {
		buffer = &slot->out;
		flags |= VMB_CHANNEL_FORMAT_FLAG_DATA_OUT_ONLY;
	}
	if (buffer) {
		request.sector = cpu_to_le64(slot->sector);
		request.sector_count = cpu_to_le32(slot->count);
	}
	block_client_count(client, &client->counters.sent, 1);
	atomic_set(&slot->in_flight, 1);
	ret = vmb_packet_send(slot->packet, &request, sizeof(request),
			      buffer ? buffer->vectors : NULL,
			      buffer ? buffer->count : 0, flags);
	if (!ret)
		return 0;
	/* Then the completion routine is not called. */
	atomic_set(&slot->in_flight, 0);
	block_client_count(client, &client->counters.sent, -1);
	if (ret != -ENODEV)
		block_client_count(client, &client->counters.wrong, 1);
	return ret;
}

/* What the server says about a request: 0 or a negative errno. */
static int block_read_completion(struct block_slot *slot, int status,
				 const void *buffer, u32 length)
{
	const struct vmb_block_completion *completion = buffer;

	if (status)
		return status;
	if (length < sizeof(*completion) ||
	    le64_to_cpu(completion->tag) != slot->tag ||
	    le32_to_cpu(completion->status) > MAX_ERRNO)
		return -EPROTO;
	slot->sequence = le64_to_cpu(completion->sequence);
	return -(int)le32_to_cpu(completion->status);
}

/* The lock is held. */
static void block_count_done(struct block_client *client,
			     const struct block_slot *slot, u64 arrival)
{
	struct block_counters *counters = &client->counters;
	u32 length = slot->count * BLOCK_SECTOR_SIZE;

	counters->operations++;
	if (slot->command == VMB_BLOCK_READ) {
		counters->reads++;
		counters->bytes_read += length;
	} else if (slot->command == VMB_BLOCK_WRITE) {
		counters->writes++;
		counters->bytes_written += length;
	} else {
		counters->flushes++;
	}
	/* Later than one that the server had later. */
	if (arrival < client->arrivals)
		counters->out_of_order++;
	else
		client->arrivals = arrival;
}

static void block_count_ended(struct block_slot *slot, const void *buffer)
{
	struct block_client *client = slot->load->client;
	const struct vmb_block_completion *completion = buffer;
	unsigned long flags;

	spin_lock_irqsave(&client->lock, flags);
	if (!slot->status)
		block_count_done(client, slot, le64_to_cpu(completion->arrival));
	else if (slot->status == -ENODEV || slot->status == -EIO)
		client->counters.cancelled++;
	else
		client->counters.wrong++;
	spin_unlock_irqrestore(&client->lock, flags);
}

/* The completion routine. May run in softirq, and before the send returns. */
static void block_ended(struct vmb_packet *packet, void *callback_context,
			int status, const void *buffer, u32 buffer_length)
{
	struct block_slot *slot = callback_context;
	struct block_load *load = slot->load;
	struct block_client *client;

	if (!atomic_xchg(&slot->in_flight, 0)) {
		block_client_count(load->client, &load->client->counters.duplicated, 1);
		return;
	}
	slot->status = block_read_completion(slot, status, buffer, buffer_length);
	block_count_ended(slot, buffer);
	/* The packet is ours again already. */
	if (!slot->status && slot->command == VMB_BLOCK_WRITE) {
		slot->command = VMB_BLOCK_READ;
		slot->status = block_send(slot);
		if (!slot->status)
			return;
	}
	client = load->client;
	llist_add(&slot->ended, &load->ended);
	/* From here on the load may be freed. */
	wake_up(&client->ended);
}

/* The next request of a slot: its share in turn, then anything. */
static void block_choose(struct block_slot *slot)
{
	struct block_load *load = slot->load;
	u32 most = min_t(u64, load->client->maximum_sectors, load->share);

	slot->command = VMB_BLOCK_WRITE;
	if (slot->filled < load->share) {
		slot->sector = slot->first + slot->filled;
		slot->count = min_t(u64, most, load->share - slot->filled);
		slot->filled += slot->count;
	} else if (!block_random(&load->random, 32)) {
		slot->command = VMB_BLOCK_FLUSH;
		slot->count = 0;
	} else {
		slot->count = 1 + block_random(&load->random, most);
		slot->sector = slot->first +
			       block_random(&load->random, load->share - slot->count + 1);
		if (block_random(&load->random, 2))
			slot->command = VMB_BLOCK_READ;
	}
	load->planned += slot->command == VMB_BLOCK_WRITE ? 2 : 1;
	if (slot->command == VMB_BLOCK_WRITE)
		block_fill(slot);
	if (slot->count)
		block_buffer_shape(&slot->in, &load->random,
				   slot->count * BLOCK_SECTOR_SIZE);
}

/* False: this slot has come to its end. */
static bool block_next(struct block_slot *slot)
{
	struct block_load *load = slot->load;

	if (READ_ONCE(load->client->stopping) ||
	    (operations && load->planned >= operations))
		return false;
	block_choose(slot);
	return !block_send(slot);
}

/*
 * What the server has done it has shown before it completed it. Other requests
 * may have been done meanwhile.
 */
static void block_check_status(struct block_slot *slot)
{
	struct block_client *client = slot->load->client;
	u64 sequence;

	/* Pairs with the release in the server's block_publish(). */
	sequence = le64_to_cpu(smp_load_acquire(&client->status->sequence));
	block_client_count(client, &client->counters.status_reads, 1);
	if (sequence < slot->sequence)
		block_client_count(client, &client->counters.wrong, 1);
}

/* Verify what has ended, and go on. */
static void block_load_turn(struct block_load *load)
{
	struct block_slot *slot, *next;

	llist_for_each_entry_safe(slot, next, llist_del_all(&load->ended), ended) {
		if (!slot->status && slot->command == VMB_BLOCK_READ)
			block_verify(slot);
		if (!slot->status)
			block_check_status(slot);
		if (slot->status || !block_next(slot))
			load->active--;
		cond_resched();
	}
}

static void block_load_wait(struct block_load *load)
{
	struct block_client *client = load->client;
	u32 i, lost = 0;

	if (wait_event_timeout(client->ended, !llist_empty(&load->ended),
			       BLOCK_PATIENCE))
		return;
	for (i = 0; i < load->count; i++)
		lost += atomic_read(&load->slots[i].in_flight);
	dev_err_ratelimited(client->device->dev, "%u requests do not end\n", lost);
	block_client_count(client, &client->counters.lost, lost);
	/* Said once, and now: their memory is in use until the channel goes. */
	WRITE_ONCE(client->verdict, BLOCK_VERDICT_DISCONTENT);
	wait_event(client->ended, !llist_empty(&load->ended));
}

/* The server has counted the same as we. Nothing is in flight. */
static void block_compare(struct block_client *client)
{
	const struct block_counters *ours = &client->counters;
	const struct vmb_block_status *theirs = client->status;

	if (le64_to_cpu(READ_ONCE(theirs->reads)) == ours->reads &&
	    le64_to_cpu(READ_ONCE(theirs->writes)) == ours->writes &&
	    le64_to_cpu(READ_ONCE(theirs->flushes)) == ours->flushes &&
	    le64_to_cpu(READ_ONCE(theirs->bytes_read)) == ours->bytes_read &&
	    le64_to_cpu(READ_ONCE(theirs->bytes_written)) == ours->bytes_written &&
	    le64_to_cpu(READ_ONCE(theirs->refused)) == ours->refused)
		return;
	dev_err_ratelimited(client->device->dev,
			    "the server has counted %llu reads, %llu writes, %llu flushes, %llu refused\n",
			    le64_to_cpu(READ_ONCE(theirs->reads)),
			    le64_to_cpu(READ_ONCE(theirs->writes)),
			    le64_to_cpu(READ_ONCE(theirs->flushes)),
			    le64_to_cpu(READ_ONCE(theirs->refused)));
	block_client_count(client, &client->counters.wrong, 1);
}

static void block_load_drive(struct block_load *load)
{
	struct block_client *client = load->client;
	struct block_counters *counters = &client->counters;
	u32 i;

	load->active = load->count;
	for (i = 0; i < load->count; i++)
		if (!block_next(&load->slots[i]))
			load->active--;
	while (load->active) {
		block_load_wait(load);
		block_load_turn(load);
	}
	/* One of each that was sent has ended, or it was lost. */
	if (!counters->wrong &&
	    counters->sent != counters->operations + counters->cancelled)
		block_client_count(client, &client->counters.lost, counters->sent -
				   counters->operations - counters->cancelled);
	if (!READ_ONCE(client->stopping))
		block_compare(client);
}

static int block_slot_init(struct block_load *load, u32 index)
{
	struct block_slot *slot = &load->slots[index];

	slot->load = load;
	slot->first = index * load->share;
	slot->tag = (u64)index << 32;
	slot->packet = vmb_packet_allocate(load->client->channel);
	if (!slot->packet)
		return -ENOMEM;
	vmb_packet_set_completion_routine(slot->packet, slot, block_ended);
	return block_buffer_init(&slot->out) ?: block_buffer_init(&slot->in);
}

static void block_slot_destroy(struct block_slot *slot)
{
	if (slot->packet)
		vmb_packet_free(slot->packet);
	/* The server may still write to it: leaked. */
	if (slot->status == -EIO)
		return;
	block_buffer_destroy(&slot->out);
	block_buffer_destroy(&slot->in);
}

static void block_load_free(struct block_load *load)
{
	u32 i;

	for (i = 0; load->slots && i < load->count; i++)
		block_slot_destroy(&load->slots[i]);
	kvfree(load->slots);
	kvfree(load->generations);
	kfree(load);
}

/**
 * block_load_run() - put the load on the server
 * @client: the client, which knows the disk and shares the status page.
 *
 * Returns when every request has ended. What it found is in the counters.
 *
 * Context: process context.
 * Return: 0; -ENOMEM; -ENOSPC: a disk with fewer sectors than requests in flight.
 */
int block_load_run(struct block_client *client)
{
	u64 capacity = min_t(u64, client->capacity, BLOCK_CAPACITY_LIMIT);
	struct block_load *load;
	int ret = -ENOMEM;
	u32 i;

	if (capacity < block_load_depth())
		return -ENOSPC;
	load = kzalloc(sizeof(*load), GFP_KERNEL);
	if (!load)
		return -ENOMEM;
	load->client = client;
	init_llist_head(&load->ended);
	load->count = block_load_depth();
	load->share = capacity;
	do_div(load->share, load->count);
	prandom_seed_state(&load->random, load->count);
	load->nonce = get_random_u64();
	load->slots = kvcalloc(load->count, sizeof(*load->slots), GFP_KERNEL);
	load->generations = kvcalloc(capacity, sizeof(*load->generations),
				     GFP_KERNEL);
	if (!load->slots || !load->generations)
		goto free_load;
	for (i = 0; i < load->count; i++) {
		ret = block_slot_init(load, i);
		if (ret)
			goto free_load;
	}
	block_load_drive(load);
	ret = 0;

free_load:
	block_load_free(load);
	return ret;
}
