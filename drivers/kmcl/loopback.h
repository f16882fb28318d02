/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The loopback: a server and a client of the same kernel, joined by two rings.
 *
 * The life of a connection; each column is the worker of that channel:
 *
 *	client				server
 *
 *	prepare: makes the rings	prepare: makes the offer
 *	find_peer: is it free?		find_peer: it is; the device appears
 *	   waits for an offer <--------	   peer_arrived(client)
 *	open: asks for it
 *	   peer_arrived(server) ------>	find_peer: somebody asks
 *	   waits for the answer		open: attaches the rings
 *					the driver's opened
 *	   attaches the rings <--------	opened: the answer, yes or an errno
 *	the driver's opened
 *	   ... packets, in softirq, in both directions ...
 *
 * The client ends it:
 *	close: detaches itself
 *	   peer_gone(server) --------->	suspend; the driver completes its packets
 *	   waits until the server	close: detaches itself
 *	   has let go <---------------	   lets go
 *	closed, unprepare		closed, find_peer: the offer is free
 *
 * The server ends it:
 *					suspend; the driver completes its packets
 *	suspend <---------------------	close: detaches itself, lets go,
 *	close: waits for nobody		   peer_gone(client)
 *	closed, unprepare		closed, unprepare: the offer goes
 *
 * So the client always waits for the server and never the other way round: if
 * both end at once, nobody waits for himself. The connection and its rings are
 * the client's memory, and the client does not leave before the server has let
 * go. Nobody waits with vmb_loopback_lock held.
 *
 * The server hands its session over, see include/vmbkmcl/save.h:
 *					close: detaches itself; the offer is parked
 *	hears nothing			closed, unprepare: the offer stays, nobody's
 *					prepare of another server: the offer is its own
 *					find_peer: it is there already
 *	hears nothing			open: goes on with the rings as they are
 * If the client goes while the offer is parked, the offer goes, too.
 *
 * A sub-channel is a connection of its own, with an offer of its own that has no
 * device: the offer's GUIDs are its primary's, and it has an index.
 */
#ifndef VMB_LOOPBACK_H
#define VMB_LOOPBACK_H

#include <linux/completion.h>
#include <linux/device.h>
#include <linux/interrupt.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/workqueue.h>

#include "ring.h"
#include "transport.h"

/**
 * struct vmb_loopback_mmio - memory that a server offers with its channel
 * @references: the offer's, and one of each client that may touch it.
 * @memory: it, in one piece.
 * @size: bytes.
 *
 * Made by the server's prepare.
 */
struct vmb_loopback_mmio {
	refcount_t references;
	void *memory;
	u32 size;
};

/**
 * struct vmb_loopback_side - where one side of a connection hears the other
 * @tasklet: runs vmb_channel_interrupt(). The peer's signal and the side's own
 *	schedule do no more than schedule it, so that nobody ever runs inside
 *	the other's call.
 * @channel: whose; NULL unless attached, and then a run does nothing.
 */
struct vmb_loopback_side {
	struct tasklet_struct tasklet;
	struct vmb_channel *channel;
};

/**
 * struct vmb_loopback_connection - a client and a server, joined
 * @client: the client's ear.
 * @server: the server's ear.
 * @to_server: the ring that the client writes.
 * @to_client: the ring that the server writes.
 * @offer: whose server was asked or has joined; NULL when it has let go.
 *	Under vmb_loopback_lock.
 * @joined: the server's answer was yes; written before @answered.
 * @error: what the client gets if the answer is no.
 * @answered: the server has answered, or let go without.
 * @disconnected: the server has let go: it touches nothing of this any more.
 *
 * Part of struct vmb_loopback_client, which outlives the server's interest in
 * it: open and close return when @disconnected is complete, open also when it joined.
 */
struct vmb_loopback_connection {
	struct vmb_loopback_side client;
	struct vmb_loopback_side server;
	struct vmb_ring to_server;
	struct vmb_ring to_client;
	struct vmb_loopback_offer *offer;
	bool joined;
	int error;
	struct completion answered;
	struct completion disconnected;
};

/**
 * struct vmb_loopback_client - an enabled client channel
 * @rcu: frees it when no reader asks any more whether the peer is gone.
 * @node: in the list of clients, under vmb_loopback_lock.
 * @channel: the channel; immutable.
 * @inbound: memory of a ring, control page first; immutable.
 * @outbound: memory of the other ring, control page first; immutable.
 * @inbound_size: bytes of @inbound; immutable.
 * @outbound_size: bytes of @outbound; immutable.
 * @mmio: what the server offers that it is, or was, joined with; with a reference,
 *	until it asks again or is disabled. Under vmb_loopback_lock.
 * @server_gone: the server that it was joined with has let go.
 * @connection: used from open to close.
 *
 * Made by prepare, freed by unprepare: the channel's transport_private.
 */
struct vmb_loopback_client {
	struct rcu_head rcu;
	struct list_head node;
	struct vmb_channel *channel;
	void *inbound;
	void *outbound;
	u32 inbound_size;
	u32 outbound_size;
	struct vmb_loopback_mmio *mmio;
	bool server_gone;
	struct vmb_loopback_connection connection;
};

/**
 * struct vmb_loopback_device - where channels on loopback are
 * @transport: the library's half.
 * @offer: the one that a driver is bound to; NULL: channels that were allocated
 *	without a device.
 *
 * One stays as long as the module. The others are made by the bus's probe and
 * freed by its remove.
 */
struct vmb_loopback_device {
	struct vmb_transport_device transport;
	struct vmb_loopback_offer *offer;
};

/**
 * struct vmb_loopback_parked - a session that has no server, or is given to one
 * @session: number of the save that it is of.
 * @noted: which packets the client has.
 * @at: where the rings stand.
 */
struct vmb_loopback_parked {
	u64 session;
	u64 noted;
	struct vmb_ring_positions at;
};

/**
 * struct vmb_loopback_offer - an enabled server channel, and its device
 * @dev: the device on our bus; its references keep the offer.
 * @rcu: frees it when no reader asks any more whether the peer is gone.
 * @node: in the list of offers, under vmb_loopback_lock.
 * @channel: the server; not to be touched once @withdrawn. NULL: @is_parked, and the
 *	server that it was parked by is gone. Changed under vmb_loopback_lock.
 * @type: type GUID; immutable.
 * @instance: instance GUID; immutable.
 * @index: which sub-channel; 0: none. Immutable.
 * @pipe: a pipe's, says its server; immutable.
 * @queue: runs @announce and nothing else, for a driver's probe may wait for
 *	ever; from prepare to unprepare.
 * @announce: adds @dev. Not the server's own worker: a driver's probe may wait
 *	until its channel is open, and it is the server that has to open it.
 * @announced: @announce was queued; under vmb_loopback_lock.
 * @added: @dev was added; @announce's, then unprepare's.
 * @bound: of the driver that is bound to @dev, or NULL; under vmb_loopback_lock.
 * @available: the server waits for a client; under vmb_loopback_lock.
 * @withdrawn: the server is being disabled; written under vmb_loopback_lock.
 * @connection: of the client that asked, until the server has let go; written
 *	under vmb_loopback_lock, read by the server's worker and packets, too.
 * @client_gone: that client is closing; written under vmb_loopback_lock.
 * @mmio: what it offers beside the rings, with a reference; NULL: nothing. From
 *	prepare to unprepare; written under vmb_loopback_lock.
 * @is_parked: its server has handed the session over; under vmb_loopback_lock.
 * @resumes: its server has got it so, and has neither opened it nor let go of its
 *	client; under vmb_loopback_lock, and the server's worker.
 * @parked: of either.
 * @orphaned: withdraws it, when its client goes and there is no server.
 * @memory_owner: the client channel whose GPADLs may be mapped, with a
 *	reference: from open until the closed callback has returned, when the
 *	client itself may be gone for long; and as long as it is parked. Under
 *	vmb_loopback_lock.
 *
 * Made by prepare; freed when unprepare, and all others that have a reference to
 * @dev, have dropped it. The server's transport_private.
 */
struct vmb_loopback_offer {
	struct device dev;
	struct rcu_head rcu;
	struct list_head node;
	struct vmb_channel *channel;
	guid_t type;
	guid_t instance;
	u16 index;
	bool pipe;
	struct workqueue_struct *queue;
	struct work_struct announce;
	bool announced;
	bool added;
	struct vmb_loopback_device *bound;
	bool available;
	bool withdrawn;
	struct vmb_loopback_connection *connection;
	bool client_gone;
	struct vmb_loopback_mmio *mmio;
	bool is_parked;
	bool resumes;
	struct vmb_loopback_parked parked;
	struct work_struct orphaned;
	struct vmb_channel *memory_owner;
};

/*
 * Protects which server is joined with which client, and which of them wait. It is the
 * innermost lock that sleeps; life.lock and the lock of a transport device are taken
 * inside it.
 */
extern struct mutex vmb_loopback_lock;

#define VMB_LOOPBACK_NAME	"vmbkmcl_loopback"

/* Where a channel is. */
static inline struct vmb_loopback_device *
vmb_loopback_device_of(const struct vmb_channel *channel)
{
	return container_of(vmb_channel_transport_device(channel),
			    struct vmb_loopback_device, transport);
}

/* The offer whose device the channel is on; NULL: it waits for one of its target. */
static inline struct vmb_loopback_offer *
vmb_loopback_bound_offer(const struct vmb_channel *channel)
{
	return vmb_channel_has_own_offer(channel) ? NULL :
	       vmb_loopback_device_of(channel)->offer;
}

/* loopback_mmio.c */
struct vmb_loopback_mmio *vmb_loopback_mmio_of(const struct vmb_channel *server);
struct vmb_loopback_mmio *vmb_loopback_mmio_share(struct vmb_loopback_mmio *mmio);
void vmb_loopback_mmio_put(struct vmb_loopback_mmio *mmio);
int vmb_loopback_mmio_describe(const struct vmb_loopback_mmio *mmio, u64 *address,
			       u64 *size);

/* loopback_connection.c */
extern struct list_head vmb_loopback_offers;
extern struct list_head vmb_loopback_clients;
extern struct workqueue_struct *vmb_loopback_orphans;
void vmb_loopback_side_init(struct vmb_loopback_side *side);
void vmb_loopback_side_attach(struct vmb_loopback_side *side,
			      struct vmb_channel *channel);
void vmb_loopback_side_detach(struct vmb_loopback_side *side);
void vmb_loopback_wait(struct vmb_channel *channel, struct completion *completion,
		       const char *what);
struct vmb_loopback_offer *
vmb_loopback_find_offer(const struct vmb_channel *channel);
void vmb_loopback_tell_clients(struct vmb_loopback_offer *offer);
int vmb_loopback_ask(struct vmb_loopback_client *client);
void vmb_loopback_client_disconnect(struct vmb_loopback_client *client);
void vmb_loopback_server_disconnect(struct vmb_loopback_offer *offer);

void vmb_loopback_orphan_memory(struct vmb_loopback_offer *offer);

/* loopback_client.c */
extern const struct vmb_channel_transport_operations vmb_loopback_client_operations;

/* loopback_bus.c */
extern struct vmb_loopback_device vmb_loopback_root_device;
int vmb_loopback_bus_init(void);
void vmb_loopback_bus_exit(void);
int vmb_loopback_driver_register(struct vmb_driver *driver, void **private);
void vmb_loopback_driver_unregister(struct vmb_driver *driver, void *private);
struct vmb_loopback_offer *vmb_loopback_offer_make(struct vmb_channel *server,
						   const guid_t *type,
						   const guid_t *instance);
void vmb_loopback_offer_announce(struct vmb_loopback_offer *offer);
void vmb_loopback_offer_withdraw(struct vmb_loopback_offer *offer);

/* loopback_handover.c */
void vmb_loopback_park(struct vmb_loopback_offer *offer);
struct vmb_loopback_offer *vmb_loopback_take_over(struct vmb_channel *server,
						  const guid_t *type,
						  const guid_t *instance);
int vmb_loopback_resume(struct vmb_loopback_offer *offer);

/* loopback_server.c */
extern const struct vmb_channel_transport_operations vmb_loopback_server_operations;

/* loopback.c */
int vmb_loopback_init(void);
void vmb_loopback_exit(void);

#endif
