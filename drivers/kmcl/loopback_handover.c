// SPDX-License-Identifier: GPL-2.0
/*
 * A session goes from one server to another, and its client notices nothing: the offer,
 * with the client and its rings, is parked by the one and taken by the other.
 */
#include "observe.h"
#include "loopback.h"

/* The server lets go of an offer whose client is to stay. */
void vmb_loopback_park(struct vmb_loopback_offer *offer)
{
	struct vmb_channel *server = offer->channel;

	lockdep_assert_held(&vmb_loopback_lock);
	offer->is_parked = true;
	offer->parked.session = server->save.session;
	offer->parked.noted = server->save.noted;
	vmb_channel_ring_positions(server, &offer->parked.at);
}

/* Is it what the server has a state of? 0 or an errno. */
static int vmb_loopback_check_parked(const struct vmb_loopback_offer *offer,
				     const struct vmb_channel *server)
{
	const struct vmb_restore *restore = &server->restore;
	const struct vmb_loopback_client *client;

	lockdep_assert_held(&vmb_loopback_lock);
	if (!offer->is_parked || offer->channel ||
	    offer->parked.session != restore->session ||
	    offer->parked.noted != restore->noted ||
	    memcmp(&offer->parked.at, &restore->at, sizeof(restore->at)))
		return -ESTALE;
	/* The client may have in flight what vmb_channel_limit_packets() has told it. */
	client = container_of(offer->connection, struct vmb_loopback_client, connection);
	return vmb_channel_can_answer(server) <
	       client->channel->outbound.transactions.limit ? -EINVAL : 0;
}

/*
 * The parked offer that a server goes on with, which has restored a state. An ERR_PTR of
 * -ESTALE: that session is over, or has gone on without it; of -EINVAL: this server
 * holds fewer packets than its client may have in flight.
 */
struct vmb_loopback_offer *vmb_loopback_take_over(struct vmb_channel *server,
						  const guid_t *type,
						  const guid_t *instance)
{
	struct vmb_loopback_offer *offer, *found = ERR_PTR(-ESTALE);
	int ret;

	mutex_lock(&vmb_loopback_lock);
	list_for_each_entry(offer, &vmb_loopback_offers, node) {
		if (offer->index || !guid_equal(&offer->type, type) ||
		    !guid_equal(&offer->instance, instance))
			continue;
		ret = vmb_loopback_check_parked(offer, server);
		found = ret ? ERR_PTR(ret) : offer;
		break;
	}
	if (!IS_ERR(found)) {
		found->channel = server;
		found->is_parked = false;
		found->resumes = true;
	}
	mutex_unlock(&vmb_loopback_lock);
	return found;
}

/* Go on with the rings. Process context, the server's worker. */
int vmb_loopback_resume(struct vmb_loopback_offer *offer)
{
	const struct vmb_loopback_connection *connection = offer->connection;

	offer->resumes = false;
	return vmb_channel_resume_rings(offer->channel, &connection->to_server,
					&connection->to_client, &offer->parked.at);
}
