// SPDX-License-Identifier: GPL-2.0
/*
 * Traffic in both directions on one channel: beside the host's own packets, which
 * the guest sends back, the guest sends some, and gets them back if it asks.
 *
 * The first eight bytes of each packet say what the other side cannot see:
 *   the host's   twice the number of the transaction, plus 1 if it is to be
 *                completed
 *   the guest's  its number, from 0 on in each open; every odd one asks for a
 *                completion
 */
#include "host_device.h"
#include <zlib.h>

void echo_make_exchanged(struct echo_channel *channel, struct echo_packet *packet,
			 uint32_t length, bool need_completion)
{
	uint64_t word;

	echo_make_inband(channel, packet, MAX(length, sizeof(word)), need_completion);
	word = cpu_to_le64(packet->txn.sequence * 2 + need_completion);
	memcpy(packet->payload, &word, sizeof(word));
	packet->txn.payload_checksum = crc32(0, packet->payload, packet->payload_length);
	packet->txn.expect = ECHO_EXPECT_MIRROR;
}

/* A packet of the guest. True: it is kept. */
bool echo_take_exchanged(struct echo_channel *channel, VMBusChanReq *req)
{
	uint64_t word = 0;

	if (req->msglen >= sizeof(word)) {
		memcpy(&word, req->msg, sizeof(word));
		word = le64_to_cpu(word);
	}
	if (req->pkt_type != VMBUS_PACKET_DATA_INBAND || req->msglen < sizeof(word) ||
	    word != channel->count.requests_received || req->need_comp != word % 2)
		echo_wrong(channel, "packet %" PRIu64 " of the guest, of %u bytes and type %u, "
			   "is said to be %" PRIu64, channel->count.requests_received,
			   req->msglen, req->pkt_type, word);
	channel->count.requests_received++;
	if (!req->need_comp)
		return false;
	channel->count.requests_asking++;
	g_queue_push_tail(&channel->answers, req);
	return true;
}

/* False: there was no room for all of them; the guest says when there is. */
bool echo_answer_exchanged(struct echo_channel *channel)
{
	VMBusChanReq *req;
	ssize_t sent;

	while ((req = g_queue_peek_head(&channel->answers))) {
		if (vmbus_channel_reserve(channel->chan, 0, req->msglen))
			return false;
		sent = vmbus_channel_send_completion(req, req->msg, req->msglen);
		if (sent < 0)
			echo_wrong(channel, "cannot answer: %zd", sent);
		channel->count.requests_answered++;
		g_queue_pop_head(&channel->answers);
		vmbus_free_req(req);
	}
	return true;
}

void echo_invalidate_exchanged(struct echo_channel *channel)
{
	VMBusChanReq *req;

	while ((req = g_queue_pop_head(&channel->answers)))
		vmbus_free_req(req);
}
