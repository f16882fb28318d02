// SPDX-License-Identifier: GPL-2.0
/*
 * A connection on loopback: which client may be joined with which server, how they are
 * joined, and how they part. loopback.h draws it.
 */
#include <linux/jiffies.h>
#include <linux/string.h>

#include "observe.h"
#include "loopback.h"

/* How often to say that a channel waits for its peer's driver. */
#define VMB_LOOPBACK_WARN_PERIOD	(10 * HZ)

/* Protects both lists, of enabled servers and enabled clients, and which are joined. */
DEFINE_MUTEX(vmb_loopback_lock);
LIST_HEAD(vmb_loopback_offers);
LIST_HEAD(vmb_loopback_clients);
/* Withdraws offers that have neither server nor client. */
struct workqueue_struct *vmb_loopback_orphans;

/* One side of a connection. */

static void vmb_loopback_side_run(struct tasklet_struct *tasklet)
{
	struct vmb_loopback_side *side = container_of(tasklet,
						      struct vmb_loopback_side,
						      tasklet);
	struct vmb_channel *channel = READ_ONCE(side->channel);

	if (channel)
		vmb_channel_interrupt(channel);
}

void vmb_loopback_side_init(struct vmb_loopback_side *side)
{
	tasklet_setup(&side->tasklet, vmb_loopback_side_run);
}

void vmb_loopback_side_attach(struct vmb_loopback_side *side,
			      struct vmb_channel *channel)
{
	WRITE_ONCE(side->channel, channel);
}

/*
 * When this returns the channel's interrupt neither runs nor will. The peer may
 * go on to schedule the tasklet, for nothing.
 */
void vmb_loopback_side_detach(struct vmb_loopback_side *side)
{
	WRITE_ONCE(side->channel, NULL);
	tasklet_kill(&side->tasklet);
}

/* Waits for a driver and logs that it does: nothing else would show what hangs. */
void vmb_loopback_wait(struct vmb_channel *channel, struct completion *completion,
		       const char *what)
{
	while (!wait_for_completion_timeout(completion, VMB_LOOPBACK_WARN_PERIOD))
		dev_warn_ratelimited(channel->dev, "%s: waiting for the server's driver %s\n",
				     vmb_channel_label(channel), what);
}

/* The closed callback has returned: nobody asks for that client's memory. */
void vmb_loopback_orphan_memory(struct vmb_loopback_offer *offer)
{
	struct vmb_channel *owner;

	mutex_lock(&vmb_loopback_lock);
	owner = offer->memory_owner;
	offer->memory_owner = NULL;
	mutex_unlock(&vmb_loopback_lock);
	if (owner)
		kobject_put(&owner->kobject);
}

/* Matching. */

/*
 * Are a client and a server joined with each other? Asked of primaries, for their
 * sub-channels are each other's peers then, and only then: others may have joined
 * the server, or a server like it, since.
 */
static bool vmb_loopback_are_joined(const struct vmb_channel *client,
				    const struct vmb_channel *server)
{
	const struct vmb_loopback_connection *connection;
	const struct vmb_loopback_client *side;
	const struct vmb_loopback_offer *offer;

	lockdep_assert_held(&vmb_loopback_lock);
	side = vmb_channel_transport_private(client);
	offer = vmb_channel_transport_private(server);
	connection = side && offer ? offer->connection : NULL;
	return connection && connection == &side->connection && connection->joined;
}

/* Is this offer what the client is on, or waits for? */
static bool vmb_loopback_wants(const struct vmb_channel *channel,
			       const struct vmb_loopback_offer *offer)
{
	const struct vmb_loopback_offer *bound = vmb_loopback_bound_offer(channel);
	const struct vmb_channel *primary = vmb_channel_primary(channel);

	if (vmb_channel_sub_channel_index(channel) != offer->index)
		return false;
	if (primary) {
		const struct vmb_channel *theirs = vmb_channel_primary(offer->channel);

		return theirs && vmb_loopback_are_joined(primary, theirs);
	}
	if (bound)
		return offer == bound;
	return vmb_channel_wants(channel, &offer->type, &offer->instance);
}

/* An offer that the client wants and may have, or NULL. */
struct vmb_loopback_offer *
vmb_loopback_find_offer(const struct vmb_channel *channel)
{
	struct vmb_loopback_offer *offer;

	lockdep_assert_held(&vmb_loopback_lock);
	list_for_each_entry(offer, &vmb_loopback_offers, node)
		if (offer->available && vmb_loopback_wants(channel, offer))
			return offer;
	return NULL;
}

/* The offer is free. All who might want it are told; one will get it. */
void vmb_loopback_tell_clients(struct vmb_loopback_offer *offer)
{
	struct vmb_loopback_client *client;

	lockdep_assert_held(&vmb_loopback_lock);
	list_for_each_entry(client, &vmb_loopback_clients, node)
		if (vmb_loopback_wants(client->channel, offer))
			vmb_channel_peer_arrived(client->channel);
}

/* Joining and parting. */

/* An empty ring; the peer of its reader is a channel of ours, which signals. */
static void vmb_loopback_ring(void *memory, u32 size, struct vmb_ring *ring)
{
	memset(memory, 0, PAGE_SIZE);
	ring->control = memory;
	ring->data = (u8 *)memory + PAGE_SIZE;
	ring->size = size - PAGE_SIZE;
	vmb_ring_set_features(ring, VMB_WIRE_FEATURE_PENDING_SEND_SIZE);
}

/* Ask the server of an offer, if there is one to be had. */
int vmb_loopback_ask(struct vmb_loopback_client *client)
{
	struct vmb_loopback_connection *connection = &client->connection;
	struct vmb_loopback_offer *offer;
	struct vmb_loopback_mmio *old;

	mutex_lock(&vmb_loopback_lock);
	offer = vmb_loopback_find_offer(client->channel);
	if (!offer) {
		mutex_unlock(&vmb_loopback_lock);
		return -EAGAIN;
	}
	vmb_loopback_ring(client->outbound, client->outbound_size,
			  &connection->to_server);
	vmb_loopback_ring(client->inbound, client->inbound_size,
			  &connection->to_client);
	reinit_completion(&connection->answered);
	reinit_completion(&connection->disconnected);
	connection->joined = false;
	/* Unless the server says otherwise it went before it could answer. */
	connection->error = -EAGAIN;
	connection->offer = offer;
	WRITE_ONCE(client->server_gone, false);
	offer->available = false;
	offer->connection = connection;
	old = client->mmio;
	client->mmio = vmb_loopback_mmio_share(offer->mmio);
	vmb_channel_set_interface(client->channel, &offer->type, &offer->instance);
	vmb_channel_peer_arrived(offer->channel);
	mutex_unlock(&vmb_loopback_lock);
	vmb_loopback_mmio_put(old);
	return 0;
}

/*
 * The server lets go of the client that asked or had joined. An answer that was
 * not given is no.
 */
void vmb_loopback_server_disconnect(struct vmb_loopback_offer *offer)
{
	struct vmb_loopback_connection *connection = offer->connection;
	struct vmb_loopback_client *client;

	lockdep_assert_held(&vmb_loopback_lock);
	client = container_of(connection, struct vmb_loopback_client, connection);
	offer->connection = NULL;
	/* What was restored is of this session: the next client has other rings. */
	offer->resumes = false;
	connection->offer = NULL;
	if (connection->joined) {
		WRITE_ONCE(client->server_gone, true);
		if (!offer->client_gone)
			vmb_channel_peer_gone(client->channel);
	} else {
		complete_all(&connection->answered);
	}
	/* The client may be gone as soon as the lock is. */
	complete_all(&connection->disconnected);
}

/*
 * The client goes while the session waits for its next server. If the last one has left
 * already, nobody else withdraws the offer.
 */
static void vmb_loopback_end_parked(struct vmb_loopback_offer *offer)
{
	lockdep_assert_held(&vmb_loopback_lock);
	vmb_loopback_server_disconnect(offer);
	offer->is_parked = false;
	if (!offer->channel)
		queue_work(vmb_loopback_orphans, &offer->orphaned);
}

/* Give up a connection; afterwards all of it is the client's alone. */
void vmb_loopback_client_disconnect(struct vmb_loopback_client *client)
{
	struct vmb_loopback_connection *connection = &client->connection;
	struct vmb_loopback_offer *offer;

	vmb_loopback_side_detach(&connection->client);
	mutex_lock(&vmb_loopback_lock);
	offer = connection->offer;
	if (offer) {
		WRITE_ONCE(offer->client_gone, true);
		if (offer->is_parked)
			vmb_loopback_end_parked(offer);
		else
			vmb_channel_peer_gone(offer->channel);
	}
	mutex_unlock(&vmb_loopback_lock);
	vmb_loopback_wait(client->channel, &connection->disconnected,
			  "to complete its packets");
	/* What was signalled in between has nobody left to run for. */
	tasklet_kill(&connection->client.tasklet);
	tasklet_kill(&connection->server.tasklet);
}
