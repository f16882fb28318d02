/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A server and a client on loopback that know Windows' names alone. The client
 * registers the plain callbacks, the server those with a context. What happens is
 * written down, a letter each.
 */
#ifndef VMB_KUNIT_WINDOWS_FIXTURE_H
#define VMB_KUNIT_WINDOWS_FIXTURE_H

#include <kunit/test.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include <vmbkmcl_windows.h>

#define WINDOWS_LOG		64u
#define WINDOWS_CHANNELS	8u
#define WINDOWS_DATA		512u
#define WINDOWS_EXTERNAL	(16 * PAGE_SIZE)
/* Nobody here needs that long, unless a wake-up was lost. */
#define WINDOWS_PATIENCE	(90 * HZ)

#define WAIT	VMBUS_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION

struct windows_end;

typedef void (*windows_act_fn)(struct windows_end *end, VMBPACKETCOMPLETION packet,
			       PVOID buffer, UINT32 length, UINT32 flags);

/**
 * struct windows_end - a channel and what happens to it
 * @test: the case that runs.
 * @channel: the channel.
 * @lock: protects @log and @count.
 * @log: O opened, S started, P post-started, U suspended, C closed, F a failure of
 *	the open, K a packet, D the end of a batch, E the end of a packet of its own,
 *	where a test writes that down; ends with a zero.
 * @count: letters.
 * @changed: woken by each.
 * @opened_status: what OPENED returns.
 * @failure: what PNP_FAILURE was told.
 * @act: what is done with a packet; NULL: it is answered with what it has.
 * @length: of the last packet.
 * @flags: of the last packet.
 * @data: of the last packet.
 * @processed: what PROCESSING_COMPLETE was told, in sum.
 * @private: the test's.
 */
struct windows_end {
	struct kunit *test;
	VMBCHANNEL channel;
	spinlock_t lock; /* log and count */
	char log[WINDOWS_LOG + 1];
	u32 count;
	wait_queue_head_t changed;
	NTSTATUS opened_status;
	NTSTATUS failure;
	windows_act_fn act;
	UINT32 length;
	UINT32 flags;
	u8 data[WINDOWS_DATA];
	u32 processed;
	void *private;
};

/**
 * struct windows_pair - both ends
 * @server: with V5 and Ex callbacks; the context is this end.
 * @client: with the plain ones; its channel's pointer is this end.
 */
struct windows_pair {
	struct windows_end server;
	struct windows_end client;
};

extern const GUID windows_type;
extern const GUID windows_instance;

EVT_VMB_CHANNEL_PROCESS_PACKET windows_process_packet;
EVT_VMB_CHANNEL_PROCESS_PACKET_EX windows_process_packet_ex;

int windows_fixture_init(struct kunit *test);
void windows_fixture_exit(struct kunit *test);

VMBCHANNEL windows_channel(struct kunit *test, BOOLEAN is_server);
void windows_forget(struct kunit *test, VMBCHANNEL channel);
void windows_server(struct kunit *test, struct windows_end *end);
struct windows_pair *windows_pair(struct kunit *test);
void windows_open(struct windows_pair *pair);
void windows_log(struct windows_end *end, char letter);
u32 windows_happened(struct windows_end *end, char letter);
void windows_expect(struct windows_end *end, char letter, u32 times);

#endif
