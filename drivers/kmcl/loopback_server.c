// SPDX-License-Identifier: GPL-2.0
/*
 * Servers on loopback, as the channel layer calls them. loopback.h draws it.
 */
#include "observe.h"
#include "loopback.h"

/* Has the driver said what is to be offered? 0 or an errno, with a remedy. */
static int vmb_loopback_server_check(const struct vmb_channel *channel)
{
	if (!(channel->server_flags & VMB_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER)) {
		dev_err_ratelimited(channel->dev,
				    "%s: a guest can offer channels to its own kernel only: call vmb_server_channel_init_set_flags() with VMB_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER\n",
				    vmb_channel_label(channel));
		return -EOPNOTSUPP;
	}
	if (!vmb_channel_target_type(channel)) {
		dev_err_ratelimited(channel->dev,
				    "%s: nothing to offer: call vmb_server_channel_init_set_target_interface_id()\n",
				    vmb_channel_label(channel));
		return -EINVAL;
	}
	return 0;
}

/* The rings are the client's, so there is nothing to say about their sizes. */
static int vmb_loopback_server_prepare(struct vmb_channel *channel,
				       u32 *inbound_size, u32 *outbound_size,
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
	if (channel->restore.state == VMB_RESTORE_COMPLETE)
		offer = vmb_loopback_take_over(channel, type, instance);
	else
		offer = vmb_loopback_offer_make(channel, type, instance);
	if (offer == ERR_PTR(-ESTALE))
		dev_err_ratelimited(channel->dev,
				    "%s: the session of {%pUl} {%pUl} that was saved is over, or went on without this server\n",
				    vmb_channel_label(channel), type, instance);
	if (offer == ERR_PTR(-EEXIST))
		dev_err_ratelimited(channel->dev,
				    "%s: another server offers {%pUl} {%pUl} already, or its client waits for the one with its state\n",
				    vmb_channel_label(channel), type, instance);
	if (IS_ERR(offer))
		return PTR_ERR(offer);
	vmb_channel_set_interface(channel, &offer->type, &offer->instance);
	vmb_channel_set_transport_private(channel, offer);
	return 0;
}

static void vmb_loopback_server_unprepare(struct vmb_channel *channel)
{
	struct vmb_loopback_offer *offer = vmb_channel_transport_private(channel);

	/* Somebody may have asked, and got no answer. */
	mutex_lock(&vmb_loopback_lock);
	offer->available = false;
	if (offer->is_parked) {
		offer->channel = NULL;
		vmb_channel_set_transport_private(channel, NULL);
		mutex_unlock(&vmb_loopback_lock);
		return;
	}
	if (offer->connection)
		vmb_loopback_server_disconnect(offer);
	vmb_channel_set_transport_private(channel, NULL);
	mutex_unlock(&vmb_loopback_lock);
	vmb_loopback_orphan_memory(offer);
	vmb_loopback_offer_withdraw(offer);
}

static int vmb_loopback_server_mmio_space(struct vmb_channel *channel, u64 *address,
					  u64 *size)
{
	const struct vmb_loopback_offer *offer;
	int ret = -ENODEV;

	mutex_lock(&vmb_loopback_lock);
	offer = vmb_channel_transport_private(channel);
	if (offer)
		ret = vmb_loopback_mmio_describe(offer->mmio, address, size);
	mutex_unlock(&vmb_loopback_lock);
	return ret;
}

static bool vmb_loopback_server_find_peer(struct vmb_channel *channel)
{
	struct vmb_loopback_offer *offer = vmb_channel_transport_private(channel);
	bool asked;

	mutex_lock(&vmb_loopback_lock);
	/* A client that had joined another server can go before this one opens. */
	if (offer->connection && offer->client_gone)
		vmb_loopback_server_disconnect(offer);
	asked = offer->connection;
	mutex_unlock(&vmb_loopback_lock);
	if (!asked)
		vmb_loopback_orphan_memory(offer);
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

	client = container_of(connection, struct vmb_loopback_client, connection);
	/* The server's memory is its own to choose. */
	vmb_channel_limit_packets(client->channel, channel);
	return vmb_channel_attach_rings(channel, &connection->to_server,
					&connection->to_client);
}

static int vmb_loopback_server_open(struct vmb_channel *channel)
{
	struct vmb_loopback_offer *offer = vmb_channel_transport_private(channel);
	struct vmb_loopback_connection *connection = offer->connection;
	struct vmb_loopback_client *client;
	bool resumes = offer->resumes;
	int ret;

	/* It waits for us to answer, or to let go, so all of it stays. */
	client = container_of(connection, struct vmb_loopback_client, connection);
	if (resumes)
		ret = vmb_loopback_resume(offer);
	else
		ret = vmb_loopback_server_attach(channel, connection);
	mutex_lock(&vmb_loopback_lock);
	if (ret) {
		connection->error = ret;
		vmb_loopback_server_disconnect(offer);
	} else if (!resumes) {
		kobject_get(&client->channel->kobject);
		offer->memory_owner = client->channel;
	}
	mutex_unlock(&vmb_loopback_lock);
	if (ret) {
		dev_warn_ratelimited(channel->dev, "%s: a client is turned away: %pe\n",
				     vmb_channel_label(channel), ERR_PTR(ret));
		/*
		 * That client will not do; the next one may. But what was restored
		 * was for this one, and ends first.
		 */
		return resumes ? ret : -EAGAIN;
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
	if (vmb_channel_is_handed_over(channel) && !offer->client_gone)
		vmb_loopback_park(offer);
	else
		vmb_loopback_server_disconnect(offer);
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

static bool vmb_loopback_server_scheduled(struct vmb_channel *channel)
{
	struct vmb_loopback_offer *offer = vmb_channel_transport_private(channel);

	return READ_ONCE(offer->connection->server.tasklet.state);
}

/* Asked by the worker, by enable, and by calls that wait while the channel is disabled. */
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
	.scheduled = vmb_loopback_server_scheduled,
	.peer_gone = vmb_loopback_server_peer_gone,
	.map_gpadl = vmb_loopback_map_gpadl,
	.unmap_gpadl = vmb_loopback_unmap_gpadl,
	.mmio_space = vmb_loopback_server_mmio_space,
};
