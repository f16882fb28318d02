/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The storage device, both ends, as a module and as the test suite use them. The code
 * behind it is written as it would be for Windows, and knows Windows' names alone.
 */
#ifndef VMB_STORAGE_H
#define VMB_STORAGE_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <vmbkmcl_windows.h>

#include "storage_protocol.h"

/* Packets that are made ahead; as many requests can be in flight. */
#define STORAGE_REQUESTS	300u
/* Of each ring, its control page among them. */
#define STORAGE_RING_PAGES	10u

/* storage_server.c */

struct storage_server;

/**
 * struct storage_server_settings - what a server is to be like
 * @sectors: of its disk.
 * @newest_version: that it accepts; all older ones, too.
 * @refuses: it refuses to be opened.
 */
struct storage_server_settings {
	u64 sectors;
	u32 newest_version;
	bool refuses;
};

NTSTATUS storage_server_create(const struct storage_server_settings *settings,
			       struct storage_server **server);
void storage_server_destroy(struct storage_server *server);
u32 storage_server_hold(struct storage_server *server, bool hold);

/* storage_client.c */

/**
 * enum storage_state - what the client is
 * @STORAGE_STARTING: it waits for its server, or negotiates.
 * @STORAGE_READY: requests may be sent.
 * @STORAGE_PAUSED: they may not, for now.
 * @STORAGE_REFUSED: the channel could not be opened.
 * @STORAGE_FAILED: client and server do not understand each other.
 * @STORAGE_CLOSED: the server went, or the client was told to.
 */
enum storage_state {
	STORAGE_STARTING,
	STORAGE_READY,
	STORAGE_PAUSED,
	STORAGE_REFUSED,
	STORAGE_FAILED,
	STORAGE_CLOSED,
};

struct storage_request;
typedef void (*storage_done_fn)(struct storage_request *request);

/**
 * struct storage_request - a request, and the packet that it is sent with
 * @node: in &storage.idle.
 * @storage: the client that it belongs to.
 * @packet: got ahead, given back when the client goes.
 * @wire: what is sent.
 * @done: told of its end, in any context but hard interrupt.
 * @status: how it has ended.
 * @private: the caller's.
 */
struct storage_request {
	struct list_head node;
	struct storage *storage;
	VMBPACKET packet;
	struct storage_packet wire;
	storage_done_fn done;
	NTSTATUS status;
	void *private;
};

/**
 * struct storage - a client
 * @channel: its channel.
 * @requests: STORAGE_REQUESTS of them.
 * @lock: protects @idle, @state and the numbers.
 * @idle: requests that nobody has.
 * @state: enum storage_state.
 * @changed: woken when it changes.
 * @life: serialises disable.
 * @give_up: disables the channel when the negotiation has failed.
 * @failure: why it was not opened, or how the negotiation went.
 * @version: that both agreed on.
 * @sectors: of the server's disk.
 * @maximum_transfer: most bytes of a request.
 * @opened: times that the callback was called, likewise the next.
 * @closed: times.
 * @long_answers: answers that were longer than a packet, and right.
 * @wrong_answers: answers that were not what they should be.
 */
struct storage {
	VMBCHANNEL channel;
	struct storage_request *requests;
	spinlock_t lock; /* idle, state and numbers; with interrupts off */
	struct list_head idle;
	enum storage_state state;
	wait_queue_head_t changed;
	struct mutex life; /* disable */
	struct work_struct give_up;
	NTSTATUS failure;
	u32 version;
	u64 sectors;
	u32 maximum_transfer;
	u32 opened;
	u32 closed;
	u64 long_answers;
	u64 wrong_answers;
};

NTSTATUS storage_create(PDEVICE_OBJECT device, u32 ring_pages, struct storage **storage);
void storage_stop(struct storage *storage);
void storage_destroy(struct storage *storage);
enum storage_state storage_wait_while(struct storage *storage, enum storage_state state,
				      unsigned long patience);
void storage_pause(struct storage *storage);
void storage_start(struct storage *storage);
struct storage_request *storage_get_request(struct storage *storage);
void storage_put_request(struct storage_request *request);
NTSTATUS storage_submit(struct storage_request *request, u32 operation, u64 sector,
			PMDL mdl, UINT32 offset, UINT32 length);

/* storage_load.c */

/**
 * struct storage_counters - what a load has done
 * @requests: that have ended well.
 * @bytes_checked: read, and what they had to be.
 * @cancelled: requests that ended since the channel went.
 * @wrong: everything else.
 */
struct storage_counters {
	u64 requests;
	u64 bytes_checked;
	u64 cancelled;
	u64 wrong;
};

int storage_load(struct storage *storage, u32 depth, u32 rounds,
		 struct storage_counters *counters);

#endif
