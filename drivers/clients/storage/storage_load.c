// SPDX-License-Identifier: GPL-2.0
/*
 * A load for the storage client: it writes, exchanges and reads all of a disk, many
 * requests at a time, and looks at every byte that comes back.
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "storage.h"

#define STORAGE_LOAD_LENGTH	8192u
#define STORAGE_LOAD_SECTORS	(STORAGE_LOAD_LENGTH / STORAGE_SECTOR_SIZE)
/* Where a buffer begins in its first page. */
#define STORAGE_LOAD_SKIP	1000u
/* What its MDL has too few; the forced length makes up for it. */
#define STORAGE_LOAD_SHORT	100u

/**
 * struct storage_slot - a request of the load, again and again
 * @load: the load.
 * @request: the request, or NULL.
 * @memory: pages that lie anywhere.
 * @mdl: over them.
 */
struct storage_slot {
	struct storage_load *load;
	struct storage_request *request;
	u8 *memory;
	PMDL mdl;
};

/**
 * struct storage_load - a load
 * @storage: the client.
 * @counters: what is counted.
 * @in_flight: requests, and one while they are being sent.
 * @idle: there is none.
 * @depth: of @slots.
 * @slots: the requests.
 */
struct storage_load {
	struct storage *storage;
	struct storage_counters *counters;
	atomic_t in_flight;
	struct completion idle;
	u32 depth;
	struct storage_slot slots[];
};

static u8 *storage_slot_data(const struct storage_slot *slot)
{
	return slot->memory + STORAGE_LOAD_SKIP;
}

/* What slot @number of round @round has at @index. */
static u8 storage_pattern(u32 number, u32 round, u32 index)
{
	return number * 31 + round * 7 + index + (index >> 8);
}

static void storage_slot_fill(struct storage_slot *slot, u32 number, u32 round)
{
	u8 *data = storage_slot_data(slot);
	u32 i;

	for (i = 0; i < STORAGE_LOAD_LENGTH; i++)
		data[i] = storage_pattern(number, round, i);
}

static void storage_slot_check(struct storage_load *load, struct storage_slot *slot,
			       u32 number, u32 round)
{
	const u8 *data = storage_slot_data(slot);
	u32 i;

	for (i = 0; i < STORAGE_LOAD_LENGTH; i++) {
		if (data[i] != storage_pattern(number, round, i)) {
			load->counters->wrong++;
			return;
		}
	}
	load->counters->bytes_checked += STORAGE_LOAD_LENGTH;
}

static void storage_load_put(struct storage_load *load)
{
	if (atomic_dec_and_test(&load->in_flight))
		complete(&load->idle);
}

static void storage_slot_done(struct storage_request *request)
{
	struct storage_slot *slot = request->private;

	storage_load_put(slot->load);
}

/* All slots at once. False: the channel went, or something was wrong. */
static bool storage_load_send(struct storage_load *load, u32 operation)
{
	struct storage_counters *counters = load->counters;
	u64 before = counters->wrong + counters->cancelled;
	NTSTATUS status;
	u32 i;

	reinit_completion(&load->idle);
	atomic_set(&load->in_flight, 1);
	for (i = 0; i < load->depth; i++) {
		struct storage_slot *slot = &load->slots[i];

		atomic_inc(&load->in_flight);
		/* What is in flight has its status from the completion. */
		status = storage_submit(slot->request, operation, i * STORAGE_LOAD_SECTORS,
					slot->mdl, 0, STORAGE_LOAD_LENGTH);
		if (status != STATUS_SUCCESS) {
			slot->request->status = status;
			storage_load_put(load);
		}
	}
	storage_load_put(load);
	wait_for_completion(&load->idle);
	for (i = 0; i < load->depth; i++) {
		switch (load->slots[i].request->status) {
		case STATUS_SUCCESS:
			counters->requests++;
			break;
		case STATUS_DEVICE_REMOVED:
		case STATUS_INVALID_DEVICE_STATE:
			counters->cancelled++;
			break;
		default:
			counters->wrong++;
		}
	}
	return counters->wrong + counters->cancelled == before;
}

/* What an exchange gives is what was written before it, a read what it put there. */
static bool storage_load_round(struct storage_load *load, u32 round)
{
	u32 i;

	for (i = 0; i < load->depth; i++)
		storage_slot_fill(&load->slots[i], i, 2 * round);
	if (!storage_load_send(load, STORAGE_WRITE))
		return false;
	for (i = 0; i < load->depth; i++)
		storage_slot_fill(&load->slots[i], i, 2 * round + 1);
	if (!storage_load_send(load, STORAGE_EXCHANGE))
		return false;
	for (i = 0; i < load->depth; i++) {
		storage_slot_check(load, &load->slots[i], i, 2 * round);
		memset(storage_slot_data(&load->slots[i]), 0, STORAGE_LOAD_LENGTH);
	}
	if (!storage_load_send(load, STORAGE_READ))
		return false;
	for (i = 0; i < load->depth; i++)
		storage_slot_check(load, &load->slots[i], i, 2 * round + 1);
	return !load->counters->wrong;
}

static int storage_slot_make(struct storage_load *load, struct storage_slot *slot)
{
	slot->load = load;
	slot->request = storage_get_request(load->storage);
	if (!slot->request)
		return -EBUSY;
	slot->request->private = slot;
	slot->request->done = storage_slot_done;
	slot->memory = vzalloc(STORAGE_LOAD_SKIP + STORAGE_LOAD_LENGTH);
	if (!slot->memory)
		return -ENOMEM;
	slot->mdl = IoAllocateMdl(storage_slot_data(slot),
				  STORAGE_LOAD_LENGTH - STORAGE_LOAD_SHORT, FALSE, FALSE, NULL);
	if (!slot->mdl)
		return -ENOMEM;
	MmBuildMdlForNonPagedPool(slot->mdl);
	return 0;
}

static void storage_slot_destroy(struct storage_slot *slot)
{
	if (!slot->request)
		return;
	IoFreeMdl(slot->mdl);
	/* But if the server may still write to it. */
	if (slot->request->status != STATUS_IO_DEVICE_ERROR)
		vfree(slot->memory);
	storage_put_request(slot->request);
}

/**
 * storage_load() - put a load on the server's disk, and check it
 * @storage: a client that is ready.
 * @depth: requests at a time, at most STORAGE_REQUESTS.
 * @rounds: of three requests for each of them; it ends before that when the channel
 *	goes, or something is wrong.
 * @counters: what was done is added to them.
 *
 * Context: process context.
 * Return: 0, whatever was counted; -ERANGE: the disk is too small; -EBUSY: requests
 * are in use; -ENOMEM.
 */
int storage_load(struct storage *storage, u32 depth, u32 rounds,
		 struct storage_counters *counters)
{
	struct storage_load *load;
	u32 round, i;
	int ret = 0;

	if ((u64)depth * STORAGE_LOAD_SECTORS > storage->sectors)
		return -ERANGE;
	load = kvzalloc(struct_size(load, slots, depth), GFP_KERNEL);
	if (!load)
		return -ENOMEM;
	load->storage = storage;
	load->counters = counters;
	load->depth = depth;
	init_completion(&load->idle);
	for (i = 0; i < depth && !ret; i++)
		ret = storage_slot_make(load, &load->slots[i]);
	for (round = 0; !ret && round < rounds; round++)
		if (!storage_load_round(load, round))
			break;
	for (i = 0; i < depth; i++)
		storage_slot_destroy(&load->slots[i]);
	kvfree(load);
	return ret;
}
