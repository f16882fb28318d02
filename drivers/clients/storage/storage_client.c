// SPDX-License-Identifier: GPL-2.0
/*
 * A storage client as a Windows driver would be, written against Windows' names. It
 * negotiates by four requests that it waits for, sends requests with packets that it
 * got ahead, and takes answers that are longer than a packet.
 */
#include <linux/slab.h>

#include "storage.h"

/* Newest first. */
static const u32 storage_versions[] = {
	STORAGE_VERSION(6, 2), STORAGE_VERSION(6, 0), STORAGE_VERSION(5, 1),
	STORAGE_VERSION(4, 2),
};

static const GUID storage_type = STORAGE_GUID;

/* Of the answer of a request that is waited for; it has more room than it needs. */
#define STORAGE_ANSWER_ROOM	4096u

static EVT_VMB_CHANNEL_OPENED storage_opened;
static EVT_VMB_CHANNEL_STARTED storage_started;
static EVT_VMB_CHANNEL_POST_STARTED storage_post_started;
static EVT_VMB_CHANNEL_SUSPEND storage_suspend;
static EVT_VMB_CHANNEL_CLOSED storage_closed;
static EVT_VMB_CHANNEL_PNP_FAILURE storage_pnp_failure;
static EVT_VMB_CHANNEL_PROCESS_PACKET storage_process_packet;
static EVT_VMB_PACKET_COMPLETION_ROUTINE storage_completed;

static void storage_set_state(struct storage *storage, enum storage_state state)
{
	unsigned long flags;

	spin_lock_irqsave(&storage->lock, flags);
	storage->state = state;
	spin_unlock_irqrestore(&storage->lock, flags);
	wake_up_all(&storage->changed);
}

static enum storage_state storage_state(struct storage *storage)
{
	enum storage_state state;
	unsigned long flags;

	spin_lock_irqsave(&storage->lock, flags);
	state = storage->state;
	spin_unlock_irqrestore(&storage->lock, flags);
	return state;
}

/* Returns the state that it is in then: @state if patience was not enough. */
enum storage_state storage_wait_while(struct storage *storage, enum storage_state state,
				      unsigned long patience)
{
	wait_event_timeout(storage->changed, storage_state(storage) != state, patience);
	return storage_state(storage);
}

/* One of the four; the answer is the packet, with a status. */
static NTSTATUS storage_ask(struct storage *storage, struct storage_packet *packet, PMDL mdl)
{
	UINT32 length = STORAGE_ANSWER_ROOM;
	struct storage_packet *answer;
	NTSTATUS status;

	answer = kmalloc(length, GFP_KERNEL);
	if (!answer)
		return STATUS_INSUFFICIENT_RESOURCES;
	status = VmbChannelSendSynchronousRequest(storage->channel, packet, sizeof(*packet),
						  mdl,
						  VMBUS_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION,
						  answer, &length, NULL);
	if (status == STATUS_SUCCESS && length < sizeof(*answer))
		status = STATUS_DEVICE_PROTOCOL_ERROR;
	if (status == STATUS_SUCCESS)
		*packet = *answer;
	kfree(answer);
	return status;
}

static NTSTATUS storage_step(struct storage *storage, u32 operation)
{
	struct storage_packet packet = { .operation = cpu_to_le32(operation) };
	NTSTATUS status = storage_ask(storage, &packet, NULL);

	if (status == STATUS_SUCCESS && packet.status != cpu_to_le32(STORAGE_SUCCESS))
		status = STATUS_DEVICE_PROTOCOL_ERROR;
	return status;
}

static NTSTATUS storage_agree(struct storage *storage)
{
	struct storage_packet packet;
	NTSTATUS status;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(storage_versions); i++) {
		packet = (struct storage_packet) {
			.operation = cpu_to_le32(STORAGE_QUERY_VERSION),
			.version = cpu_to_le32(storage_versions[i]),
		};
		status = storage_ask(storage, &packet, NULL);
		if (status != STATUS_SUCCESS)
			return status;
		if (packet.status == cpu_to_le32(STORAGE_SUCCESS)) {
			storage->version = storage_versions[i];
			return STATUS_SUCCESS;
		}
	}
	return STATUS_NOT_SUPPORTED;
}

/* The server is not to be trusted: what it says is checked before it is used. */
static NTSTATUS storage_take_properties(struct storage *storage,
					const struct storage_properties *properties)
{
	storage->sectors = le64_to_cpu(properties->sectors);
	storage->maximum_transfer = min(le32_to_cpu(properties->maximum_transfer),
					STORAGE_MAXIMUM_TRANSFER);
	if (properties->sector_size != cpu_to_le32(STORAGE_SECTOR_SIZE) ||
	    !storage->sectors || storage->maximum_transfer < STORAGE_SECTOR_SIZE)
		return STATUS_DEVICE_PROTOCOL_ERROR;
	return STATUS_SUCCESS;
}

/* Into memory from the pool, which is what kmalloc is here. */
static NTSTATUS storage_query_properties(struct storage *storage)
{
	struct storage_packet packet = {
		.operation = cpu_to_le32(STORAGE_QUERY_PROPERTIES),
		.length = cpu_to_le32(sizeof(struct storage_properties)),
	};
	struct storage_properties *properties;
	NTSTATUS status = STATUS_INSUFFICIENT_RESOURCES;
	PMDL mdl = NULL;

	properties = kzalloc(sizeof(*properties), GFP_KERNEL);
	if (properties)
		mdl = IoAllocateMdl(properties, sizeof(*properties), FALSE, FALSE, NULL);
	if (mdl) {
		MmBuildMdlForNonPagedPool(mdl);
		status = storage_ask(storage, &packet, mdl);
	}
	if (status == STATUS_SUCCESS)
		status = packet.status == cpu_to_le32(STORAGE_SUCCESS) ?
			 storage_take_properties(storage, properties) :
			 STATUS_DEVICE_PROTOCOL_ERROR;
	IoFreeMdl(mdl);
	/* But if the server may still write to it. */
	if (status != STATUS_IO_DEVICE_ERROR)
		kfree(properties);
	return status;
}

static NTSTATUS storage_opened(VMBCHANNEL channel)
{
	struct storage *storage = VmbChannelGetPointer(channel);

	storage->opened++;
	/* Anew, too, when the VM has hibernated: the other end knows nothing. */
	storage_set_state(storage, STORAGE_STARTING);
	return STATUS_SUCCESS;
}

static VOID storage_started(VMBCHANNEL channel)
{
	struct storage *storage = VmbChannelGetPointer(channel);

	/* After a pause there is nothing to negotiate. */
	if (storage_state(storage) == STORAGE_PAUSED)
		storage_set_state(storage, STORAGE_READY);
}

static VOID storage_post_started(VMBCHANNEL channel)
{
	struct storage *storage = VmbChannelGetPointer(channel);
	NTSTATUS status;

	if (storage_state(storage) != STORAGE_STARTING)
		return;
	status = storage_step(storage, STORAGE_BEGIN_INITIALIZATION);
	if (status == STATUS_SUCCESS)
		status = storage_agree(storage);
	if (status == STATUS_SUCCESS)
		status = storage_query_properties(storage);
	if (status == STATUS_SUCCESS)
		status = storage_step(storage, STORAGE_END_INITIALIZATION);
	storage->failure = status;
	if (status == STATUS_SUCCESS) {
		storage_set_state(storage, STORAGE_READY);
		return;
	}
	/* From in here the channel cannot be disabled. */
	storage_set_state(storage, STORAGE_FAILED);
	schedule_work(&storage->give_up);
}

/* What is sent stays in flight, and ends as it will; nothing is sent any more. */
static VOID storage_suspend(VMBCHANNEL channel)
{
	struct storage *storage = VmbChannelGetPointer(channel);

	if (storage_state(storage) == STORAGE_READY)
		storage_set_state(storage, STORAGE_PAUSED);
}

/* Every request has ended by now. */
static VOID storage_closed(VMBCHANNEL channel)
{
	struct storage *storage = VmbChannelGetPointer(channel);

	storage->closed++;
	if (storage_state(storage) != STORAGE_FAILED)
		storage_set_state(storage, STORAGE_CLOSED);
}

static VOID storage_pnp_failure(VMBCHANNEL channel, NTSTATUS failure)
{
	struct storage *storage = VmbChannelGetPointer(channel);

	storage->failure = failure;
	storage_set_state(storage, STORAGE_REFUSED);
}

/* This server sends none. One that is there all the same has to be completed. */
static VOID storage_process_packet(VMBCHANNEL channel, VMBPACKETCOMPLETION packet,
				   PVOID buffer, UINT32 length, UINT32 flags)
{
	VmbChannelPacketComplete(packet, NULL, 0);
}

static NTSTATUS storage_judge(struct storage_request *request,
			      const struct storage_answer *answer, UINT32 length)
{
	u32 i;

	if (length != sizeof(*answer) || answer->packet.tag != request->wire.tag ||
	    answer->packet.operation != request->wire.operation)
		return STATUS_DEVICE_PROTOCOL_ERROR;
	for (i = 0; i < ARRAY_SIZE(answer->trace); i++)
		if (answer->trace[i] != request->wire.tag)
			return STATUS_DEVICE_PROTOCOL_ERROR;
	return STATUS_SUCCESS;
}

static VOID storage_completed(VMBPACKET packet, NTSTATUS status, PVOID buffer,
			      UINT32 length)
{
	struct storage_request *request = VmbPacketGetPointer(packet);
	struct storage *storage = request->storage;
	const struct storage_answer *answer = buffer;
	unsigned long flags;

	if (status == STATUS_SUCCESS) {
		status = storage_judge(request, answer, length);
		spin_lock_irqsave(&storage->lock, flags);
		if (status == STATUS_SUCCESS)
			storage->long_answers++;
		else
			storage->wrong_answers++;
		spin_unlock_irqrestore(&storage->lock, flags);
	}
	if (status == STATUS_SUCCESS && answer->packet.status != cpu_to_le32(STORAGE_SUCCESS))
		status = STATUS_INVALID_PARAMETER;
	request->status = status;
	request->done(request);
}

/* Nobody else's until it is put back. NULL: all are in use. */
struct storage_request *storage_get_request(struct storage *storage)
{
	struct storage_request *request;
	unsigned long flags;

	spin_lock_irqsave(&storage->lock, flags);
	request = list_first_entry_or_null(&storage->idle, struct storage_request, node);
	if (request)
		list_del_init(&request->node);
	spin_unlock_irqrestore(&storage->lock, flags);
	return request;
}

void storage_put_request(struct storage_request *request)
{
	struct storage *storage = request->storage;
	unsigned long flags;

	spin_lock_irqsave(&storage->lock, flags);
	list_add(&request->node, &storage->idle);
	spin_unlock_irqrestore(&storage->lock, flags);
}

/**
 * storage_submit() - send a request
 * @request: not in flight, with &storage_request.done set.
 * @operation: STORAGE_READ, STORAGE_WRITE or STORAGE_EXCHANGE.
 * @sector: where on the disk.
 * @mdl: the memory; the MDL is the caller's again when this returns.
 * @offset: bytes of it to leave out.
 * @length: bytes, whole sectors; may end behind the MDL's, in the same page.
 *
 * Context: any but hard interrupt.
 * Return: STATUS_SUCCESS: @request's routine will be called; or it will not.
 */
NTSTATUS storage_submit(struct storage_request *request, u32 operation, u64 sector,
			PMDL mdl, UINT32 offset, UINT32 length)
{
	UINT32 flags = VMBUS_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION |
		       VMBUS_CHANNEL_FORMAT_FLAG_FORCE_MDL_LENGTH;
	struct storage *storage = request->storage;

	/* A suspend that comes now finds it in flight, which it may be. */
	if (storage_state(storage) != STORAGE_READY)
		return STATUS_INVALID_DEVICE_STATE;
	if (operation == STORAGE_READ)
		flags |= VMBUS_CHANNEL_FORMAT_FLAG_DATA_IN_ONLY;
	else if (operation == STORAGE_WRITE)
		flags |= VMBUS_CHANNEL_FORMAT_FLAG_DATA_OUT_ONLY;
	request->wire = (struct storage_packet) {
		.operation = cpu_to_le32(operation),
		.length = cpu_to_le32(length),
		.sector = cpu_to_le64(sector),
		.tag = cpu_to_le64(request - storage->requests + 1),
	};
	return VmbPacketSendWithExternalMdl(request->packet, &request->wire,
					    sizeof(request->wire), mdl, offset, length, flags);
}

/* Waits for suspend, not for what is in flight. Process context. */
void storage_pause(struct storage *storage)
{
	VmbChannelPause(storage->channel);
}

void storage_start(struct storage *storage)
{
	VmbChannelStart(storage->channel);
}

/* Every request has ended when this returns, and none can be sent any more. */
void storage_stop(struct storage *storage)
{
	enum storage_state state;

	mutex_lock(&storage->life);
	VmbChannelDisable(storage->channel);
	mutex_unlock(&storage->life);
	/* One that was never opened is not told that it is closed. */
	state = storage_state(storage);
	if (state != STORAGE_REFUSED && state != STORAGE_FAILED)
		storage_set_state(storage, STORAGE_CLOSED);
}

static void storage_give_up(struct work_struct *work)
{
	storage_stop(container_of(work, struct storage, give_up));
}

static NTSTATUS storage_configure(struct storage *storage, u32 ring_pages)
{
	VMB_CHANNEL_STATE_CHANGE_CALLBACKS callbacks;
	VMBCHANNEL channel = storage->channel;
	NTSTATUS status;

	VMB_CHANNEL_STATE_CHANGE_CALLBACKS_INIT(&callbacks);
	callbacks.EvtChannelOpened = storage_opened;
	callbacks.EvtChannelStarted = storage_started;
	callbacks.EvtChannelPostStarted = storage_post_started;
	callbacks.EvtChannelSuspend = storage_suspend;
	callbacks.EvtChannelClosed = storage_closed;
	status = VmbChannelInitSetStateChangeCallbacks(channel, &callbacks);
	if (NT_SUCCESS(status))
		status = VmbChannelInitSetProcessPacketCallbacks(channel,
								 storage_process_packet, NULL);
	if (NT_SUCCESS(status))
		status = VmbChannelInitSetMaximumPacketSize(channel,
							    sizeof(struct storage_packet));
	if (NT_SUCCESS(status))
		status = VmbChannelInitSetMaximumExternalData(channel, STORAGE_MAXIMUM_TRANSFER,
							      STORAGE_MAXIMUM_PIECES);
	if (NT_SUCCESS(status))
		status = VmbClientChannelInitSetRingBufferPageCount(channel, ring_pages,
								    ring_pages);
	if (NT_SUCCESS(status))
		status = VmbClientChannelInitSetTargetPnp(channel, &storage_type, NULL,
							  storage_pnp_failure);
	return status;
}

/* When the channel's settings are final, for they are what a packet's size is made of. */
static NTSTATUS storage_make_requests(struct storage *storage)
{
	u32 i;

	storage->requests = kvcalloc(STORAGE_REQUESTS, sizeof(*storage->requests), GFP_KERNEL);
	if (!storage->requests)
		return STATUS_INSUFFICIENT_RESOURCES;
	for (i = 0; i < STORAGE_REQUESTS; i++) {
		struct storage_request *request = &storage->requests[i];

		request->storage = storage;
		request->packet = VmbPacketAllocate(storage->channel);
		if (!request->packet)
			return STATUS_INSUFFICIENT_RESOURCES;
		VmbPacketSetPointer(request->packet, request);
		VmbPacketSetCompletionRoutine(request->packet, storage_completed);
		list_add(&request->node, &storage->idle);
	}
	return STATUS_SUCCESS;
}

static void storage_release(struct storage *storage)
{
	u32 i;

	for (i = 0; storage->requests && i < STORAGE_REQUESTS; i++)
		if (storage->requests[i].packet)
			VmbPacketFree(storage->requests[i].packet);
	kvfree(storage->requests);
	VmbChannelCleanup(storage->channel);
	kfree(storage);
}

/**
 * storage_create() - a client, which begins to look for its server
 * @device: what probe was handed; NULL: any server on loopback.
 * @ring_pages: of each ring, its control page among them.
 * @storage: gets the client, to be given back by storage_destroy().
 *
 * Context: process context.
 * Return: STATUS_SUCCESS, or why there is none.
 */
NTSTATUS storage_create(PDEVICE_OBJECT device, u32 ring_pages, struct storage **storage)
{
	struct storage *made = kzalloc(sizeof(*made), GFP_KERNEL);
	NTSTATUS status;

	if (!made)
		return STATUS_INSUFFICIENT_RESOURCES;
	spin_lock_init(&made->lock);
	INIT_LIST_HEAD(&made->idle);
	init_waitqueue_head(&made->changed);
	mutex_init(&made->life);
	INIT_WORK(&made->give_up, storage_give_up);
	status = VmbChannelAllocate(device, FALSE, &made->channel);
	if (!NT_SUCCESS(status)) {
		kfree(made);
		return status;
	}
	VmbChannelSetPointer(made->channel, made);
	status = storage_configure(made, ring_pages);
	if (NT_SUCCESS(status))
		status = storage_make_requests(made);
	if (NT_SUCCESS(status))
		status = VmbChannelEnable(made->channel);
	if (NT_SUCCESS(status))
		*storage = made;
	else
		storage_release(made);
	return status;
}

/* All requests have ended when this returns. */
void storage_destroy(struct storage *storage)
{
	storage_stop(storage);
	cancel_work_sync(&storage->give_up);
	storage_release(storage);
}
