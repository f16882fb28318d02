// SPDX-License-Identifier: GPL-2.0
/*
 * Clients on loopback, as the channel layer calls them. loopback.h draws it.
 */
#include <linux/atomic.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "observe.h"
#include "loopback.h"

/* The last GPADL handle given out. */
static atomic_t vmb_loopback_gpadl_handle;

static int vmb_loopback_client_prepare(struct vmb_channel *channel,
				       u32 *inbound_size, u32 *outbound_size,
				       u32 minimum_size)
{
	struct vmb_loopback_client *client;

	if (!vmb_loopback_bound_offer(channel) &&
	    !vmb_channel_primary(channel) && !vmb_channel_target_type(channel)) {
		dev_err_ratelimited(channel->dev,
				    "%s: a channel without a device needs a target: call vmb_client_channel_init_set_target_pnp()\n",
				    vmb_channel_label(channel));
		return -EINVAL;
	}
	client = kzalloc(sizeof(*client), GFP_KERNEL);
	if (!client)
		return -ENOMEM;
	client->channel = channel;
	client->inbound_size = *inbound_size;
	client->outbound_size = *outbound_size;
	client->inbound = vzalloc(client->inbound_size);
	client->outbound = vzalloc(client->outbound_size);
	if (!client->inbound || !client->outbound) {
		vfree(client->inbound);
		vfree(client->outbound);
		kfree(client);
		return -ENOMEM;
	}
	vmb_loopback_side_init(&client->connection.client);
	vmb_loopback_side_init(&client->connection.server);
	init_completion(&client->connection.answered);
	init_completion(&client->connection.disconnected);
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
	vmb_channel_set_transport_private(channel, NULL);
	mutex_unlock(&vmb_loopback_lock);
	vmb_loopback_mmio_put(client->mmio);
	vfree(client->inbound);
	vfree(client->outbound);
	kfree_rcu(client, rcu);
}

static bool vmb_loopback_client_find_peer(struct vmb_channel *channel)
{
	const struct vmb_loopback_offer *bound = vmb_loopback_bound_offer(channel);
	bool found;

	mutex_lock(&vmb_loopback_lock);
	found = vmb_loopback_find_offer(channel);
	/* It was enabled too late to hear of it; no other offer will do. */
	if (bound && bound->withdrawn)
		vmb_channel_peer_gone(channel);
	mutex_unlock(&vmb_loopback_lock);
	return found;
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
		wait_for_completion(&connection->disconnected);
		return connection->error;
	}
	ret = vmb_channel_attach_rings(channel, &connection->to_client,
				       &connection->to_server);
	if (ret) {
		vmb_loopback_client_disconnect(client);
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
	vmb_loopback_client_disconnect(vmb_channel_transport_private(channel));
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

static bool vmb_loopback_client_scheduled(struct vmb_channel *channel)
{
	struct vmb_loopback_client *client = vmb_channel_transport_private(channel);

	return READ_ONCE(client->connection.client.tasklet.state);
}

/* Asked by the worker, by enable, and by calls that wait while the channel is disabled. */
static bool vmb_loopback_client_peer_gone(struct vmb_channel *channel)
{
	const struct vmb_loopback_offer *bound = vmb_loopback_bound_offer(channel);
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

static int vmb_loopback_client_mmio_space(struct vmb_channel *channel, u64 *address,
					  u64 *size)
{
	const struct vmb_loopback_client *client;
	int ret = -ENODEV;

	mutex_lock(&vmb_loopback_lock);
	client = vmb_channel_transport_private(channel);
	if (client)
		ret = vmb_loopback_mmio_describe(client->mmio, address, size);
	mutex_unlock(&vmb_loopback_lock);
	return ret;
}

const struct vmb_channel_transport_operations vmb_loopback_client_operations = {
	.prepare = vmb_loopback_client_prepare,
	.unprepare = vmb_loopback_client_unprepare,
	.find_peer = vmb_loopback_client_find_peer,
	.open = vmb_loopback_client_open,
	.close = vmb_loopback_client_close,
	.signal = vmb_loopback_client_signal,
	.schedule = vmb_loopback_client_schedule,
	.scheduled = vmb_loopback_client_scheduled,
	.peer_gone = vmb_loopback_client_peer_gone,
	.create_gpadl = vmb_loopback_create_gpadl,
	.delete_gpadl = vmb_loopback_delete_gpadl,
	.mmio_space = vmb_loopback_client_mmio_space,
	.finds_own_offers = true,
};
