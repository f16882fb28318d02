// SPDX-License-Identifier: GPL-2.0
/*
 * Channels on loopback: how client and server find each other, are joined and
 * part. loopback.h draws it.
 */
#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "observe.h"
#include "loopback.h"

/* How often to say that a channel waits for its peer's driver. */
#define VMB_LOOPBACK_WARN_PERIOD	(10 * HZ)

/* Clients that are enabled, under vmb_loopback_lock. */
static LIST_HEAD(vmb_loopback_clients);
/* The last GPADL handle given out. */
static atomic_t vmb_loopback_gpadl_handle;

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

static void vmb_loopback_side_attach(struct vmb_loopback_side *side,
				     struct vmb_channel *channel)
{
	WRITE_ONCE(side->channel, channel);
}

/*
 * When this returns the channel's interrupt neither runs nor will. The peer may
 * go on to schedule the tasklet, for nothing.
 */
static void vmb_loopback_side_detach(struct vmb_loopback_side *side)
{
	WRITE_ONCE(side->channel, NULL);
	tasklet_kill(&side->tasklet);
}

/* Who waits for a driver says so: nobody else would know what hangs. */
static void vmb_loopback_wait(struct vmb_channel *channel,
			      struct completion *completion, const char *what)
{
	while (!wait_for_completion_timeout(completion, VMB_LOOPBACK_WARN_PERIOD))
		dev_warn(channel->dev, "%s: waiting for the server's driver %s\n",
			 vmb_channel_label(channel), what);
}

/* Clients. */

static struct vmb_loopback_device *
vmb_loopback_device_of(const struct vmb_channel *channel)
{
	return container_of(vmb_channel_transport_device(channel),
			    struct vmb_loopback_device, transport);
}

/* Is this offer what the client is on, or waits for? */
static bool vmb_loopback_wants(const struct vmb_channel *channel,
			       const struct vmb_loopback_offer *offer)
{
	const struct vmb_loopback_offer *bound = vmb_loopback_device_of(channel)->offer;
	const struct vmb_channel *primary = vmb_channel_primary(channel);
	const guid_t *instance = vmb_channel_target_instance(channel);

	if (vmb_channel_sub_channel_index(channel) != offer->index)
		return false;
	if (primary)
		return guid_equal(&offer->type, &primary->interface_type) &&
		       guid_equal(&offer->instance, &primary->interface_instance);
	if (bound)
		return offer == bound;
	return guid_equal(&offer->type, vmb_channel_target_type(channel)) &&
	       (!instance || guid_equal(&offer->instance, instance));
}

/* An offer that the client wants and may have, or NULL. */
static struct vmb_loopback_offer *
vmb_loopback_find_offer(const struct vmb_channel *channel)
{
	struct vmb_loopback_offer *offer;

	lockdep_assert_held(&vmb_loopback_lock);
	list_for_each_entry(offer, &vmb_loopback_offers, node)
		if (offer->available && vmb_loopback_wants(channel, offer))
			return offer;
	return NULL;
}

static int vmb_loopback_client_prepare(struct vmb_channel *channel,
				       u32 *incoming_size, u32 *outgoing_size,
				       u32 minimum_size)
{
	struct vmb_loopback_client *client;

	if (!vmb_loopback_device_of(channel)->offer &&
	    !vmb_channel_primary(channel) && !vmb_channel_target_type(channel)) {
		dev_err(channel->dev,
			"%s: a channel without a device needs a target: call vmb_client_channel_init_set_target_pnp()\n",
			vmb_channel_label(channel));
		return -EINVAL;
	}
	client = kzalloc(sizeof(*client), GFP_KERNEL);
	if (!client)
		return -ENOMEM;
	client->channel = channel;
	client->incoming_size = *incoming_size;
	client->outgoing_size = *outgoing_size;
	client->incoming = vzalloc(client->incoming_size);
	client->outgoing = vzalloc(client->outgoing_size);
	if (!client->incoming || !client->outgoing) {
		vfree(client->incoming);
		vfree(client->outgoing);
		kfree(client);
		return -ENOMEM;
	}
	tasklet_setup(&client->connection.client.tasklet, vmb_loopback_side_run);
	tasklet_setup(&client->connection.server.tasklet, vmb_loopback_side_run);
	init_completion(&client->connection.answered);
	init_completion(&client->connection.parted);
	vmb_channel_set_transport_private(channel, client);

	mutex_lock(&vmb_loopback_lock);
	list_add_tail(&client->node, &vmb_loopback_clients);
	mutex_unlock(&vmb_loopback_lock);
	return 0;
}

static void vmb_loopback_client_unprepare(struct vmb_channel *channel)
{
	struct vmb_loopback_client *client = vmb_channel_transport_private(channel);

	mutex_lock(&vmb_loopback_lock);
	list_del(&client->node);
	mutex_unlock(&vmb_loopback_lock);
	vmb_channel_set_transport_private(channel, NULL);
	vfree(client->incoming);
	vfree(client->outgoing);
	kfree_rcu(client, rcu);
}

static bool vmb_loopback_client_find_peer(struct vmb_channel *channel)
{
	const struct vmb_loopback_offer *bound = vmb_loopback_device_of(channel)->offer;
	bool found;

	mutex_lock(&vmb_loopback_lock);
	found = vmb_loopback_find_offer(channel);
	/* It was enabled too late to hear of it; no other offer will do. */
	if (bound && bound->withdrawn)
		vmb_channel_peer_gone(channel);
	mutex_unlock(&vmb_loopback_lock);
	return found;
}

/* An empty ring; the peer of its reader is a channel of ours, which signals. */
static void vmb_loopback_ring(void *memory, u32 size, struct vmb_ring *ring)
{
	memset(memory, 0, PAGE_SIZE);
	ring->control = memory;
	ring->control->feature_bits =
		cpu_to_le32(VMB_WIRE_FEATURE_PENDING_SEND_SIZE);
	ring->data = (u8 *)memory + PAGE_SIZE;
	ring->size = size - PAGE_SIZE;
}

/* Ask the server of an offer, if there is one to be had. */
static int vmb_loopback_ask(struct vmb_loopback_client *client)
{
	struct vmb_loopback_connection *connection = &client->connection;
	struct vmb_loopback_offer *offer;

	mutex_lock(&vmb_loopback_lock);
	offer = vmb_loopback_find_offer(client->channel);
	if (!offer) {
		mutex_unlock(&vmb_loopback_lock);
		return -EAGAIN;
	}
	vmb_loopback_ring(client->outgoing, client->outgoing_size,
			  &connection->to_server);
	vmb_loopback_ring(client->incoming, client->incoming_size,
			  &connection->to_client);
	reinit_completion(&connection->answered);
	reinit_completion(&connection->parted);
	connection->joined = false;
	/* Unless the server says otherwise it went before it could answer. */
	connection->error = -EAGAIN;
	connection->offer = offer;
	WRITE_ONCE(client->server_gone, false);
	offer->available = false;
	offer->connection = connection;
	vmb_channel_set_interface(client->channel, &offer->type, &offer->instance);
	vmb_channel_peer_arrived(offer->channel);
	mutex_unlock(&vmb_loopback_lock);
	return 0;
}

/* Give up a connection; afterwards all of it is the client's alone. */
static void vmb_loopback_client_part(struct vmb_loopback_client *client)
{
	struct vmb_loopback_connection *connection = &client->connection;
	struct vmb_loopback_offer *offer;

	vmb_loopback_side_detach(&connection->client);
	mutex_lock(&vmb_loopback_lock);
	offer = connection->offer;
	if (offer) {
		WRITE_ONCE(offer->client_gone, true);
		vmb_channel_peer_gone(offer->channel);
	}
	mutex_unlock(&vmb_loopback_lock);
	vmb_loopback_wait(client->channel, &connection->parted,
			  "to complete its packets");
	/* What was signalled in between has nobody left to run for. */
	tasklet_kill(&connection->client.tasklet);
	tasklet_kill(&connection->server.tasklet);
}

static int vmb_loopback_client_open(struct vmb_channel *channel)
{
	struct vmb_loopback_client *client = vmb_channel_transport_private(channel);
	struct vmb_loopback_connection *connection = &client->connection;
	int ret;

	ret = vmb_loopback_ask(client);
	if (ret)
		return ret;
	/* Each way that the server's worker can go from here ends with an answer. */
	vmb_loopback_wait(channel, &connection->answered, "to open the channel");
	if (!connection->joined) {
		wait_for_completion(&connection->parted);
		return connection->error;
	}
	ret = vmb_channel_attach_rings(channel, &connection->to_client,
				       &connection->to_server);
	if (ret) {
		vmb_loopback_client_part(client);
		return ret;
	}
	/*
	 * What the server signalled until now was lost; but nothing is read
	 * before started, which looks into the ring unasked.
	 */
	vmb_loopback_side_attach(&connection->client, channel);
	return 0;
}

static int vmb_loopback_client_close(struct vmb_channel *channel)
{
	vmb_loopback_client_part(vmb_channel_transport_private(channel));
	return 0;
}

static void vmb_loopback_client_signal(struct vmb_channel *channel)
{
	struct vmb_loopback_client *client = vmb_channel_transport_private(channel);

	tasklet_schedule(&client->connection.server.tasklet);
}

static void vmb_loopback_client_schedule(struct vmb_channel *channel)
{
	struct vmb_loopback_client *client = vmb_channel_transport_private(channel);

	tasklet_schedule(&client->connection.client.tasklet);
}

/* Also asked by those who wait on a channel that is being disabled. */
static bool vmb_loopback_client_peer_gone(struct vmb_channel *channel)
{
	const struct vmb_loopback_offer *bound = vmb_loopback_device_of(channel)->offer;
	const struct vmb_loopback_client *client;
	bool gone;

	rcu_read_lock();
	client = vmb_channel_transport_private(channel);
	gone = (client && READ_ONCE(client->server_gone)) ||
	       (bound && READ_ONCE(bound->withdrawn));
	rcu_read_unlock();
	return gone;
}

/*
 * The server finds the memory by the channel that has shared it; nothing else
 * is to be done. A handle is looked up among those of one channel, so that it
 * does not matter if they begin anew after four thousand million.
 */
static int vmb_loopback_create_gpadl(struct vmb_channel *channel, void *buffer,
				     u32 byte_count, u32 *gpadl_handle,
				     void **private)
{
	u32 handle;

	do {
		handle = atomic_inc_return(&vmb_loopback_gpadl_handle);
	} while (!handle);
	*gpadl_handle = handle;
	return 0;
}

static int vmb_loopback_delete_gpadl(struct vmb_channel *channel, void *private)
{
	return 0;
}

const struct vmb_channel_transport_operations vmb_loopback_client_operations = {
	.prepare = vmb_loopback_client_prepare,
	.unprepare = vmb_loopback_client_unprepare,
	.find_peer = vmb_loopback_client_find_peer,
	.open = vmb_loopback_client_open,
	.close = vmb_loopback_client_close,
	.signal = vmb_loopback_client_signal,
	.schedule = vmb_loopback_client_schedule,
	.peer_gone = vmb_loopback_client_peer_gone,
	.create_gpadl = vmb_loopback_create_gpadl,
	.delete_gpadl = vmb_loopback_delete_gpadl,
};

/* Servers. */

/* Has the driver said what is to be offered? 0 or an errno, with a remedy. */
static int vmb_loopback_server_check(const struct vmb_channel *channel)
{
	if (!(channel->server_flags & VMB_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER)) {
		dev_err(channel->dev,
			"%s: a guest can offer channels to its own kernel only: call vmb_server_channel_init_set_flags() with VMB_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER\n",
			vmb_channel_label(channel));
		return -EOPNOTSUPP;
	}
	if (!vmb_channel_target_type(channel)) {
		dev_err(channel->dev,
			"%s: nothing to offer: call vmb_server_channel_init_set_target_interface_id()\n",
			vmb_channel_label(channel));
		return -EINVAL;
	}
	return 0;
}

/* The rings are the client's, so there is nothing to say about their sizes. */
static int vmb_loopback_server_prepare(struct vmb_channel *channel,
				       u32 *incoming_size, u32 *outgoing_size,
				       u32 minimum_size)
{
	const struct vmb_channel *primary = vmb_channel_primary(channel);
	struct vmb_loopback_offer *offer;
	const guid_t *type, *instance;
	int ret;

	if (primary) {
		type = &primary->interface_type;
		instance = &primary->interface_instance;
	} else {
		ret = vmb_loopback_server_check(channel);
		if (ret)
			return ret;
		type = vmb_channel_target_type(channel);
		instance = vmb_channel_target_instance(channel);
	}
	offer = vmb_loopback_offer_make(channel, type, instance);
	if (offer == ERR_PTR(-EEXIST))
		dev_err(channel->dev,
			"%s: another server offers {%pUl} {%pUl} already\n",
			vmb_channel_label(channel), type, instance);
	if (IS_ERR(offer))
		return PTR_ERR(offer);
	vmb_channel_set_interface(channel, &offer->type, &offer->instance);
	vmb_channel_set_transport_private(channel, offer);
	return 0;
}

/*
 * The server lets go of the client that asked or had joined. An answer that was
 * not given is no.
 */
static void vmb_loopback_server_part(struct vmb_loopback_offer *offer)
{
	struct vmb_loopback_connection *connection = offer->connection;
	struct vmb_loopback_client *client;

	lockdep_assert_held(&vmb_loopback_lock);
	client = container_of(connection, struct vmb_loopback_client, connection);
	offer->connection = NULL;
	connection->offer = NULL;
	if (connection->joined) {
		WRITE_ONCE(client->server_gone, true);
		if (!offer->client_gone)
			vmb_channel_peer_gone(client->channel);
	} else {
		complete_all(&connection->answered);
	}
	/* The client may be gone as soon as the lock is. */
	complete_all(&connection->parted);
}

/* The closed callback has returned: nobody asks for that client's memory. */
static void vmb_loopback_forget_memory(struct vmb_loopback_offer *offer)
{
	struct vmb_channel *owner;

	mutex_lock(&vmb_loopback_lock);
	owner = offer->memory_owner;
	offer->memory_owner = NULL;
	mutex_unlock(&vmb_loopback_lock);
	if (owner)
		kobject_put(&owner->kobject);
}

static void vmb_loopback_server_unprepare(struct vmb_channel *channel)
{
	struct vmb_loopback_offer *offer = vmb_channel_transport_private(channel);

	/* Somebody may have asked, and got no answer. */
	mutex_lock(&vmb_loopback_lock);
	offer->available = false;
	if (offer->connection)
		vmb_loopback_server_part(offer);
	mutex_unlock(&vmb_loopback_lock);
	vmb_loopback_forget_memory(offer);
	vmb_channel_set_transport_private(channel, NULL);
	vmb_loopback_offer_withdraw(offer);
}

/* The offer is free. All who might want it are told; one will get it. */
static void vmb_loopback_tell_clients(struct vmb_loopback_offer *offer)
{
	struct vmb_loopback_client *client;

	lockdep_assert_held(&vmb_loopback_lock);
	list_for_each_entry(client, &vmb_loopback_clients, node)
		if (vmb_loopback_wants(client->channel, offer))
			vmb_channel_peer_arrived(client->channel);
}

static bool vmb_loopback_server_find_peer(struct vmb_channel *channel)
{
	struct vmb_loopback_offer *offer = vmb_channel_transport_private(channel);
	bool asked;

	vmb_loopback_forget_memory(offer);
	mutex_lock(&vmb_loopback_lock);
	asked = offer->connection;
	if (!asked && !offer->available) {
		WRITE_ONCE(offer->client_gone, false);
		offer->available = true;
		vmb_loopback_tell_clients(offer);
	}
	vmb_loopback_offer_announce(offer);
	mutex_unlock(&vmb_loopback_lock);
	return asked;
}

static int vmb_loopback_server_attach(struct vmb_channel *channel,
				      struct vmb_loopback_connection *connection)
{
	struct vmb_loopback_client *client;
	int ret;

	client = container_of(connection, struct vmb_loopback_client, connection);
	/*
	 * A completion that waits for room keeps its packet object, and who has
	 * none left stops reading. If both ends did, each full of completions
	 * for the other, both rings would stay full for ever. So the server has
	 * an object for each packet that its client can have outstanding, and
	 * one to read with: it never stops, and the client's get through.
	 */
	ret = vmb_channel_reserve_packets(channel,
					  vmb_channel_maximum_packet_count(client->channel) + 1);
	if (ret)
		return ret;
	return vmb_channel_attach_rings(channel, &connection->to_server,
					&connection->to_client);
}

static int vmb_loopback_server_open(struct vmb_channel *channel)
{
	struct vmb_loopback_offer *offer = vmb_channel_transport_private(channel);
	struct vmb_loopback_connection *connection = offer->connection;
	struct vmb_loopback_client *client;
	int ret;

	/* It waits for our answer, so all of it stays. */
	client = container_of(connection, struct vmb_loopback_client, connection);
	ret = vmb_loopback_server_attach(channel, connection);
	mutex_lock(&vmb_loopback_lock);
	if (ret) {
		connection->error = ret;
		vmb_loopback_server_part(offer);
	} else {
		kobject_get(&client->channel->kobject);
		offer->memory_owner = client->channel;
	}
	mutex_unlock(&vmb_loopback_lock);
	if (ret) {
		dev_warn_ratelimited(channel->dev, "%s: a client is turned away: %pe\n",
				     vmb_channel_label(channel), ERR_PTR(ret));
		/* That client will not do; the next one may. */
		return -EAGAIN;
	}
	vmb_loopback_side_attach(&connection->server, channel);
	return 0;
}

static void vmb_loopback_server_opened(struct vmb_channel *channel, int error)
{
	struct vmb_loopback_offer *offer = vmb_channel_transport_private(channel);
	struct vmb_loopback_connection *connection = offer->connection;

	if (error) {
		/*
		 * The client hears it from close, when we have let go. -EAGAIN
		 * would have it ask again.
		 */
		connection->error = error == -EAGAIN ? -EBUSY : error;
		return;
	}
	connection->joined = true;
	complete_all(&connection->answered);
}

static int vmb_loopback_server_close(struct vmb_channel *channel)
{
	struct vmb_loopback_offer *offer = vmb_channel_transport_private(channel);

	vmb_loopback_side_detach(&offer->connection->server);
	mutex_lock(&vmb_loopback_lock);
	vmb_loopback_server_part(offer);
	mutex_unlock(&vmb_loopback_lock);
	return 0;
}

static void vmb_loopback_server_signal(struct vmb_channel *channel)
{
	struct vmb_loopback_offer *offer = vmb_channel_transport_private(channel);

	tasklet_schedule(&offer->connection->client.tasklet);
}

static void vmb_loopback_server_schedule(struct vmb_channel *channel)
{
	struct vmb_loopback_offer *offer = vmb_channel_transport_private(channel);

	tasklet_schedule(&offer->connection->server.tasklet);
}

/* Also asked by those who wait on a channel that is being disabled. */
static bool vmb_loopback_server_peer_gone(struct vmb_channel *channel)
{
	const struct vmb_loopback_offer *offer;
	bool gone;

	rcu_read_lock();
	offer = vmb_channel_transport_private(channel);
	gone = offer && READ_ONCE(offer->client_gone);
	rcu_read_unlock();
	return gone;
}

/* The client channel that handles are looked up in, with a reference, or NULL. */
static struct vmb_channel *vmb_loopback_memory_owner(struct vmb_channel *channel)
{
	struct vmb_loopback_offer *offer = vmb_channel_transport_private(channel);
	struct vmb_channel *owner;

	if (!offer)
		return NULL;
	mutex_lock(&vmb_loopback_lock);
	owner = offer->memory_owner;
	if (owner)
		kobject_get(&owner->kobject);
	mutex_unlock(&vmb_loopback_lock);
	return owner;
}

static int vmb_loopback_map_gpadl(struct vmb_channel *channel, u32 flags,
				  u32 gpadl_handle, const struct bio_vec **vectors,
				  u32 *vector_count)
{
	struct vmb_channel *owner = vmb_loopback_memory_owner(channel);
	int ret;

	if (!owner)
		return -ENODEV;
	ret = vmb_gpadl_map(owner, flags, gpadl_handle, vectors, vector_count);
	kobject_put(&owner->kobject);
	return ret;
}

static void vmb_loopback_unmap_gpadl(struct vmb_channel *channel, u32 gpadl_handle)
{
	struct vmb_channel *owner = vmb_loopback_memory_owner(channel);

	if (!owner)
		return;
	vmb_gpadl_unmap(owner, gpadl_handle);
	kobject_put(&owner->kobject);
}

const struct vmb_channel_transport_operations vmb_loopback_server_operations = {
	.prepare = vmb_loopback_server_prepare,
	.unprepare = vmb_loopback_server_unprepare,
	.find_peer = vmb_loopback_server_find_peer,
	.open = vmb_loopback_server_open,
	.opened = vmb_loopback_server_opened,
	.close = vmb_loopback_server_close,
	.signal = vmb_loopback_server_signal,
	.schedule = vmb_loopback_server_schedule,
	.peer_gone = vmb_loopback_server_peer_gone,
	.map_gpadl = vmb_loopback_map_gpadl,
	.unmap_gpadl = vmb_loopback_unmap_gpadl,
};
