// SPDX-License-Identifier: GPL-2.0
/*
 * Requests of the model block device's client that it waits for, one at a time:
 * those that move no data of a disk.
 */
#include <linux/err.h>
#include <linux/jiffies.h>

#include "block_client.h"

/* A server that takes longer for a request that touches no disk is broken. */
#define BLOCK_CONTROL_TIMEOUT	(30 * HZ)

/**
 * block_control_ask() - send a request and wait for its answer
 * @client: the client.
 * @request: the request, for which it makes a tag.
 * @request_length: bytes of it to send: all, but for a request that is to be
 *	refused.
 * @vector: external data, or NULL. With it, there is no time-out: memory that
 *	the server may still touch cannot be given back.
 * @answer: gets the completion.
 * @answer_length: bytes of it that there have to be.
 *
 * Context: process context.
 * Return: 0; what the server said; -EPROTO: it said something else; or what
 * vmb_channel_send_synchronous_request() said.
 */
int block_control_ask(struct block_client *client,
		      struct vmb_block_request *request, u32 request_length,
		      const struct bio_vec *vector, void *answer, u32 answer_length)
{
	const struct vmb_block_completion *completion = answer;
	u32 length = answer_length, status;
	int ret;

	block_client_count(client, &client->counters.control_requests, 1);
	/* Apart from those of the load, which count from 0 for each slot. */
	request->tag = cpu_to_le64(~client->counters.control_requests);
	ret = vmb_channel_send_synchronous_request(client->channel, request,
						   request_length, vector,
						   vector ? 1 : 0,
						   VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION,
						   answer, &length,
						   vector ? MAX_SCHEDULE_TIMEOUT :
							    BLOCK_CONTROL_TIMEOUT);
	if (ret)
		return ret;
	if (length < sizeof(*completion))
		return -EPROTO;
	/* A request that is not there as a whole has no tag either. */
	if (request_length == sizeof(*request) && completion->tag != request->tag)
		return -EPROTO;
	status = le32_to_cpu(completion->status);
	if (status > MAX_ERRNO)
		return -EPROTO;
	if (status)
		return -(int)status;
	return length < answer_length ? -EPROTO : 0;
}

/**
 * block_control_identify() - ask the server for the size of its disk
 * @client: the client; gets the capacity, and how much one request may move.
 *
 * The server is not to be trusted either: a size is checked before it is used.
 *
 * Context: process context.
 * Return: 0; -EPROTO: no disk has such a size; or as block_control_ask().
 */
int block_control_identify(struct block_client *client)
{
	struct vmb_block_request request = {
		.command = cpu_to_le32(VMB_BLOCK_IDENTIFY),
	};
	struct vmb_block_identity identity;
	int ret;

	ret = block_control_ask(client, &request, sizeof(request), NULL,
				&identity, sizeof(identity));
	if (ret)
		return ret;
	client->capacity = le64_to_cpu(identity.capacity);
	client->maximum_sectors = min_t(u32, le32_to_cpu(identity.maximum_sectors),
					VMB_BLOCK_MAXIMUM_EXTERNAL_SIZE /
					BLOCK_SECTOR_SIZE);
	if (le32_to_cpu(identity.sector_size) != BLOCK_SECTOR_SIZE ||
	    !client->capacity || !client->maximum_sectors)
		return -EPROTO;
	return 0;
}

/**
 * block_control_share_status() - tell the server where the status page is
 * @client: the client, whose page the channel shares.
 *
 * Context: process context.
 * Return: as block_control_ask().
 */
int block_control_share_status(struct block_client *client)
{
	struct vmb_block_request request = {
		.command = cpu_to_le32(VMB_BLOCK_SHARE_STATUS),
		.gpadl_handle = cpu_to_le32(client->status_handle),
	};
	struct vmb_block_completion answer;

	return block_control_ask(client, &request, sizeof(request), NULL,
				 &answer, sizeof(answer));
}
