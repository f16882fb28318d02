// SPDX-License-Identifier: GPL-2.0
/*
 * The storage device's server: a disk in memory, offered on loopback. It, too, is
 * written against Windows' names. What the client says is checked, and answered with a
 * status; nothing else happens.
 */
#include <linux/highmem.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "storage.h"

/* Longer than what the client takes as a packet. */
#define STORAGE_SERVER_PACKET	256u

/**
 * struct storage_server - the server
 * @channel: its channel.
 * @settings: what it was asked to be.
 * @disk: the contents.
 * @begun: the client has begun its initialization. Callbacks' alone.
 * @version: that was agreed on; likewise.
 * @ready: the initialization is over; likewise.
 * @lock: protects @waiting, @waits and @holds.
 * @waiting: struct storage_job, to be served.
 * @waits: how many.
 * @holds: they are not served.
 * @work: serves them.
 */
struct storage_server {
	VMBCHANNEL channel;
	struct storage_server_settings settings;
	u8 *disk;
	bool begun;
	u32 version;
	bool ready;
	spinlock_t lock; /* waiting, waits, holds */
	struct list_head waiting;
	u32 waits;
	bool holds;
	struct work_struct work;
};

/**
 * struct storage_job - what the server keeps with a packet
 * @node: in &storage_server.waiting.
 * @packet: the packet.
 * @request: its payload.
 * @mdl: its external data, or NULL.
 *
 * The packet's memory, valid until it is completed.
 */
struct storage_job {
	struct list_head node;
	VMBPACKETCOMPLETION packet;
	const struct storage_packet *request;
	PMDL mdl;
};

static const GUID storage_type = STORAGE_GUID;
static const GUID storage_instance =
	GUID_INIT(0x2f60b8d4, 0x7a19, 0x4c3e, 0x91, 0x5d, 0xe8, 0x34, 0x06, 0xbb, 0x6c, 0x20);

static EVT_VMB_CHANNEL_OPENED_EX storage_server_opened;
static EVT_VMB_CHANNEL_SUSPEND_EX storage_server_suspend;
static EVT_VMB_CHANNEL_CLOSED_EX storage_server_closed;
static EVT_VMB_CHANNEL_PROCESS_PACKET_EX storage_server_process_packet;
static EVT_VMB_CHANNEL_PROCESSING_COMPLETE_EX storage_server_processing_complete;

/* Between the disk and the memory that a request describes. */
static void storage_copy(const MDL *mdl, u8 *disk, bool to_disk, bool exchange)
{
	const struct bvec_iter start = { .bi_size = MmGetMdlByteCount(mdl) };
	struct bvec_iter iter;
	struct bio_vec vector;
	u32 j;

	/* Page by page: one of its pieces may be a run of them. */
	for_each_bvec(vector, mdl->Vectors, iter, start) {
		u8 *memory = bvec_kmap_local(&vector);

		if (exchange)
			for (j = 0; j < vector.bv_len; j++)
				swap(disk[j], memory[j]);
		else if (to_disk)
			memcpy(disk, memory, vector.bv_len);
		else
			memcpy(memory, disk, vector.bv_len);
		kunmap_local(memory);
		disk += vector.bv_len;
	}
}

static u32 storage_transfer(struct storage_server *server, const struct storage_job *job)
{
	const struct storage_packet *request = job->request;
	u32 length = le32_to_cpu(request->length);
	u64 sector = le64_to_cpu(request->sector);
	u32 count = length / STORAGE_SECTOR_SIZE;

	if (!server->ready || !job->mdl || !length || length % STORAGE_SECTOR_SIZE ||
	    length > STORAGE_MAXIMUM_TRANSFER || MmGetMdlByteCount(job->mdl) != length)
		return STORAGE_INVALID_REQUEST;
	if (sector > server->settings.sectors || count > server->settings.sectors - sector)
		return STORAGE_OUT_OF_RANGE;
	storage_copy(job->mdl, server->disk + sector * STORAGE_SECTOR_SIZE,
		     request->operation == cpu_to_le32(STORAGE_WRITE),
		     request->operation == cpu_to_le32(STORAGE_EXCHANGE));
	return STORAGE_SUCCESS;
}

static void storage_serve(struct storage_server *server, struct storage_job *job)
{
	struct storage_answer answer = { .packet = *job->request };
	u32 i;

	answer.packet.status = cpu_to_le32(storage_transfer(server, job));
	for (i = 0; i < ARRAY_SIZE(answer.trace); i++)
		answer.trace[i] = answer.packet.tag;
	VmbChannelPacketComplete(job->packet, &answer, sizeof(answer));
}

static void storage_server_work(struct work_struct *work)
{
	struct storage_server *server = container_of(work, struct storage_server, work);
	struct storage_job *job, *next;
	LIST_HEAD(jobs);

	spin_lock_bh(&server->lock);
	if (!server->holds) {
		list_splice_init(&server->waiting, &jobs);
		server->waits = 0;
	}
	spin_unlock_bh(&server->lock);
	list_for_each_entry_safe(job, next, &jobs, node)
		storage_serve(server, job);
}

/*
 * Keep requests, or go on with them. Returns how many are kept. Not for longer than
 * the channel lives: its suspend ends it.
 */
u32 storage_server_hold(struct storage_server *server, bool hold)
{
	u32 waits;

	spin_lock_bh(&server->lock);
	server->holds = hold;
	waits = server->waits;
	spin_unlock_bh(&server->lock);
	if (!hold)
		schedule_work(&server->work);
	return waits;
}

static u32 storage_put_properties(struct storage_server *server, const MDL *mdl)
{
	struct storage_properties properties = {
		.sectors = cpu_to_le64(server->settings.sectors),
		.sector_size = cpu_to_le32(STORAGE_SECTOR_SIZE),
		.maximum_transfer = cpu_to_le32(STORAGE_MAXIMUM_TRANSFER),
	};

	if (!mdl || MmGetMdlByteCount(mdl) != sizeof(properties))
		return STORAGE_INVALID_REQUEST;
	storage_copy(mdl, (u8 *)&properties, false, false);
	return STORAGE_SUCCESS;
}

/* The four of the beginning, in their order. */
static u32 storage_negotiate(struct storage_server *server, const struct storage_packet *packet,
			     const MDL *mdl)
{
	u32 version = le32_to_cpu(packet->version);

	if (server->ready)
		return STORAGE_INVALID_REQUEST;
	switch (le32_to_cpu(packet->operation)) {
	case STORAGE_BEGIN_INITIALIZATION:
		server->begun = true;
		return STORAGE_SUCCESS;
	case STORAGE_QUERY_VERSION:
		if (!server->begun)
			return STORAGE_INVALID_REQUEST;
		if (version > server->settings.newest_version)
			return STORAGE_UNKNOWN_VERSION;
		server->version = version;
		return STORAGE_SUCCESS;
	case STORAGE_QUERY_PROPERTIES:
		if (!server->version)
			return STORAGE_INVALID_REQUEST;
		return storage_put_properties(server, mdl);
	case STORAGE_END_INITIALIZATION:
		if (!server->version)
			return STORAGE_INVALID_REQUEST;
		server->ready = true;
		return STORAGE_SUCCESS;
	default:
		return STORAGE_INVALID_REQUEST;
	}
}

static VOID storage_server_process_packet(VMBCHANNEL channel, PVOID context,
					  VMBPACKETCOMPLETION packet, PVOID buffer,
					  UINT32 length, UINT32 flags)
{
	struct storage_job *job = VmbChannelPacketGetClientContext(packet);
	struct storage_server *server = context;
	struct storage_packet answer;
	NTSTATUS status;
	u32 operation;

	if (length < sizeof(*job->request)) {
		VmbChannelPacketComplete(packet, NULL, 0);
		return;
	}
	job->packet = packet;
	job->request = buffer;
	job->mdl = NULL;
	operation = le32_to_cpu(job->request->operation);
	if (flags & VMBUS_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA) {
		flags = operation == STORAGE_WRITE ?
			VMBUS_CHANNEL_PACKET_EXTERNAL_DATA_FLAG_READ_ONLY : 0;
		status = VmbChannelPacketGetExternalData(packet, flags, &job->mdl);
		/* It comes again. A success, but none that has a result. */
		if (status == STATUS_PENDING)
			return;
	}
	if (operation >= STORAGE_READ && operation <= STORAGE_EXCHANGE) {
		spin_lock_bh(&server->lock);
		list_add_tail(&job->node, &server->waiting);
		server->waits++;
		spin_unlock_bh(&server->lock);
		return;
	}
	answer = *job->request;
	answer.status = cpu_to_le32(storage_negotiate(server, job->request, job->mdl));
	VmbChannelPacketComplete(packet, &answer, sizeof(answer));
}

static VOID storage_server_processing_complete(VMBCHANNEL channel, PVOID context,
					       UINT32 packets)
{
	struct storage_server *server = context;

	schedule_work(&server->work);
}

static NTSTATUS storage_server_opened(VMBCHANNEL channel, PVOID context)
{
	struct storage_server *server = context;

	server->begun = false;
	server->ready = false;
	server->version = 0;
	return server->settings.refuses ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
}

/* What is in hand has to be completed now. */
static VOID storage_server_suspend(VMBCHANNEL channel, PVOID context)
{
	storage_server_hold(context, false);
}

static VOID storage_server_closed(VMBCHANNEL channel, PVOID context)
{
	struct storage_server *server = context;

	flush_work(&server->work);
}

static NTSTATUS storage_server_configure(struct storage_server *server)
{
	VMB_CHANNEL_STATE_CHANGE_CALLBACKS_V5 callbacks;
	VMBCHANNEL channel = server->channel;
	NTSTATUS status;

	VMB_CHANNEL_STATE_CHANGE_CALLBACKS_INIT_V5(&callbacks);
	callbacks.CallbackContext = server;
	callbacks.EvtChannelOpenedEx = storage_server_opened;
	callbacks.EvtChannelSuspendEx = storage_server_suspend;
	callbacks.EvtChannelClosedEx = storage_server_closed;
	/* One setter for both versions: it looks at which one it is. */
	status = VmbChannelInitSetStateChangeCallbacks(channel, (PVOID)&callbacks);
	if (NT_SUCCESS(status))
		status = VmbChannelInitSetProcessPacketCallbacksEx(channel, server,
								   storage_server_process_packet,
								   storage_server_processing_complete);
	if (NT_SUCCESS(status))
		status = VmbChannelInitSetMaximumPacketSize(channel, STORAGE_SERVER_PACKET);
	if (NT_SUCCESS(status))
		status = VmbChannelInitSetMaximumExternalData(channel, STORAGE_MAXIMUM_TRANSFER,
							      STORAGE_MAXIMUM_PIECES);
	if (NT_SUCCESS(status))
		status = VmbChannelInitSetClientContextSize(channel,
							    sizeof(struct storage_job));
	if (NT_SUCCESS(status))
		status = VmbServerChannelInitSetFlags(channel,
						      VMBUS_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER);
	if (NT_SUCCESS(status))
		status = VmbServerChannelInitSetTargetInterfaceId(channel, storage_type,
								  storage_instance);
	return status;
}

/**
 * storage_server_create() - offer a disk on loopback
 * @settings: what it is to be like; copied.
 * @server: gets the server, to be given back by storage_server_destroy().
 *
 * Context: process context.
 * Return: STATUS_SUCCESS, or why there is none.
 */
NTSTATUS storage_server_create(const struct storage_server_settings *settings,
			       struct storage_server **server)
{
	struct storage_server *made = kzalloc(sizeof(*made), GFP_KERNEL);
	NTSTATUS status = STATUS_INSUFFICIENT_RESOURCES;

	if (!made)
		return status;
	made->settings = *settings;
	spin_lock_init(&made->lock);
	INIT_LIST_HEAD(&made->waiting);
	INIT_WORK(&made->work, storage_server_work);
	made->disk = vzalloc(array_size(settings->sectors, STORAGE_SECTOR_SIZE));
	if (!made->disk)
		goto free_server;
	status = VmbChannelAllocate(NULL, TRUE, &made->channel);
	if (!NT_SUCCESS(status))
		goto free_disk;
	status = storage_server_configure(made);
	if (NT_SUCCESS(status))
		status = VmbChannelEnable(made->channel);
	if (!NT_SUCCESS(status))
		goto cleanup_channel;
	/* A server comes up paused. */
	VmbChannelStart(made->channel);
	*server = made;
	return STATUS_SUCCESS;

cleanup_channel:
	VmbChannelCleanup(made->channel);
free_disk:
	vfree(made->disk);
free_server:
	kfree(made);
	return status;
}

/* Waits for the client to go, and for its requests. */
void storage_server_destroy(struct storage_server *server)
{
	VmbChannelDisable(server->channel);
	cancel_work_sync(&server->work);
	VmbChannelCleanup(server->channel);
	vfree(server->disk);
	kfree(server);
}
