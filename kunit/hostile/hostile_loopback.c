// SPDX-License-Identifier: GPL-2.0
/*
 * A client on loopback whose server's end is a hostile peer's: a server of the library
 * makes the offer, and says yes; but it never runs, and the rings are the peer's.
 */
#include "../../drivers/kmcl/compat.h"
#include "../../drivers/kmcl/loopback.h"
#include "hostile.h"

/**
 * struct hostile_loopback - the server
 * @hostile: whose.
 * @server: the server's channel.
 * @withdrawal: disables it.
 */
struct hostile_loopback {
	struct hostile *hostile;
	struct vmb_channel *server;
	struct work_struct withdrawal;
};

static const guid_t loopback_type = GUID_INIT(0x62, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);

static struct vmb_channel_transport_operations server_operations;

/* What the client signals, nobody hears: the peer looks by itself. */
static void server_opened(struct vmb_channel *server, int error)
{
	struct hostile_loopback *loopback = vmb_channel_get_pointer(server);
	struct vmb_loopback_offer *offer = vmb_channel_transport_private(server);
	struct vmb_loopback_connection *connection = offer->connection;

	if (!error) {
		vmb_loopback_side_detach(&connection->server);
		hostile_peer_attach(loopback->hostile, &connection->to_client,
				    &connection->to_server);
	}
	vmb_loopback_server_operations.opened(server, error);
}

static int server_close(struct vmb_channel *server)
{
	struct hostile_loopback *loopback = vmb_channel_get_pointer(server);

	hostile_peer_detach(loopback->hostile);
	return vmb_loopback_server_operations.close(server);
}

static void server_packet(struct vmb_channel *channel, void *context,
			  struct vmb_packet_completion *packet, void *buffer, u32 length,
			  u32 flags)
{
	struct hostile_loopback *loopback = context;

	/* It is never started. */
	HOSTILE_CHECK(loopback->hostile, false);
	vmb_channel_packet_complete(packet, NULL, 0);
}

static void withdraw_work(struct work_struct *work)
{
	struct hostile_loopback *loopback = container_of(work, struct hostile_loopback,
							 withdrawal);

	vmb_channel_disable(loopback->server);
}

static int server_init(struct hostile_loopback *loopback)
{
	const u32 flags = VMB_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER;
	struct vmb_channel *server;
	int ret;

	ret = vmb_channel_allocate(NULL, true, &loopback->server);
	if (ret)
		return ret;
	server = loopback->server;
	vmb_channel_set_pointer(server, loopback);
	server_operations = vmb_loopback_server_operations;
	server_operations.opened = server_opened;
	server_operations.close = server_close;
	server->operations = &server_operations;
	return vmb_server_channel_init_set_flags(server, flags) ?:
	       vmb_server_channel_init_set_target_interface_id(server, &loopback_type,
							       &loopback_type) ?:
	       vmb_channel_init_set_process_packet_callbacks(server, loopback, server_packet,
							     NULL) ?:
	       vmb_channel_init_set_inbound_packet_count(server, 220);
}

/* What this kernel's own channels name is looked at only if somebody wants it. */
static int loopback_init(struct hostile *hostile)
{
	struct hostile_loopback *loopback;

	loopback = kunit_kzalloc(hostile->test, sizeof(*loopback), GFP_KERNEL);
	if (!loopback)
		return -ENOMEM;
	loopback->hostile = hostile;
	INIT_WORK(&loopback->withdrawal, withdraw_work);
	hostile->world_private = loopback;
	hostile->trusts = hostile->seed % 2;
	vmb_forbid_raw_guest_memory = !hostile->trusts;
	return server_init(loopback) ?: vmb_channel_allocate(NULL, false, &hostile->channel);
}

static void loopback_rest(struct hostile *hostile)
{
	struct hostile_loopback *loopback = hostile->world_private;

	flush_work(&loopback->withdrawal);
	vmb_channel_disable(loopback->server);
}

static void loopback_exit(struct hostile *hostile)
{
	struct hostile_loopback *loopback = hostile->world_private;

	vmb_forbid_raw_guest_memory = false;
	if (!loopback || !loopback->server)
		return;
	loopback_rest(hostile);
	vmb_channel_cleanup(loopback->server);
}

static int loopback_begin(struct hostile *hostile)
{
	struct hostile_loopback *loopback = hostile->world_private;

	flush_work(&loopback->withdrawal);
	if (!vmb_channel_is_configurable(loopback->server))
		return 0;
	return vmb_channel_enable(loopback->server);
}

static void loopback_ring(struct hostile *hostile)
{
	struct hostile_loopback *loopback = hostile->world_private;
	struct vmb_loopback_offer *offer = vmb_channel_transport_private(loopback->server);

	/* It has rings, so there is a connection. */
	tasklet_schedule(&offer->connection->client.tasklet);
}

static void loopback_withdraw(struct hostile *hostile)
{
	struct hostile_loopback *loopback = hostile->world_private;

	queue_work(system_dfl_wq, &loopback->withdrawal);
}

const struct hostile_world hostile_loopback_world = {
	.name = "loopback",
	.target = &loopback_type,
	.init = loopback_init,
	.exit = loopback_exit,
	.begin = loopback_begin,
	.rest = loopback_rest,
	.ring = loopback_ring,
	.withdraw = loopback_withdraw,
};
