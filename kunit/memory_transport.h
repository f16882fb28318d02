/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A transport in memory, for tests: the test is the peer. Nothing happens by
 * itself, so that a test decides what comes when: a schedule is only noted, and
 * memory_transport_run() carries it out.
 */
#ifndef VMB_MEMORY_TRANSPORT_H
#define VMB_MEMORY_TRANSPORT_H

#include <linux/device.h>
#include <linux/types.h>

#include "../drivers/kmcl/channel.h"

/* What the channel layer asks of the transport and a test may want to see. */
enum memory_transport_operation {
	MEMORY_TRANSPORT_OPEN,
	MEMORY_TRANSPORT_CLOSE,
	MEMORY_TRANSPORT_SIGNAL,
	MEMORY_TRANSPORT_CREATE_GPADL,
	MEMORY_TRANSPORT_DELETE_GPADL,
};

/**
 * struct memory_transport - one device with one channel, and the peer's ends
 * @device: the library's half.
 * @parent: its struct device.
 * @memory: of both rings; allocated by prepare, freed by unprepare.
 * @incoming_size: bytes of the incoming ring, with control page.
 * @outgoing_size: likewise.
 * @peer_writer: the peer's end of the incoming ring.
 * @peer_reader: the peer's end of the outgoing ring.
 * @scheduled: schedule was asked for and not yet carried out.
 * @signals: signals the peer got.
 * @opens: times the channel was opened.
 * @closes: times it was closed.
 * @gpadls: GPADLs the peer knows.
 * @next_gpadl: handle of the next one.
 * @open_error: what open shall return.
 * @prepare_error: what prepare shall return.
 * @largest_ring: bytes of the largest ring that there is memory for; 0: of any.
 * @create_gpadl_error: what create_gpadl shall return.
 * @delete_gpadl_error: what delete_gpadl shall return.
 * @gone: the peer has taken back its offer.
 * @closed: it was open and is not any more.
 * @touched_after_close: somebody wrote into the rings after close.
 * @observe: called by each operation, in its context, with @observer; or NULL.
 *	What the peer does there comes at that very moment.
 * @observer: handed to it.
 *
 * Owned by the test.
 */
struct memory_transport {
	struct vmb_transport_device device;
	struct device *parent;
	void *memory;
	u32 incoming_size;
	u32 outgoing_size;
	struct vmb_ring_writer peer_writer;
	struct vmb_ring_reader peer_reader;
	bool scheduled;
	u32 signals;
	u32 opens;
	u32 closes;
	u32 gpadls;
	u32 next_gpadl;
	int open_error;
	int prepare_error;
	u32 largest_ring;
	int create_gpadl_error;
	int delete_gpadl_error;
	bool gone;
	bool closed;
	bool touched_after_close;
	void (*observe)(void *observer, enum memory_transport_operation operation);
	void *observer;
};

int memory_transport_init(struct memory_transport *transport, const char *name);
void memory_transport_exit(struct memory_transport *transport);
void memory_transport_run(struct memory_transport *transport,
			  struct vmb_channel *channel);

#endif
