// SPDX-License-Identifier: GPL-2.0
/*
 * Transactions, and the completions that end them.
 */
#include "host_device.h"
#include <zlib.h>

/* The packet is in the ring. */
void echo_begin_txn(struct echo_channel *channel, struct echo_packet *packet)
{
	struct echo_txn *txn = &channel->txns[packet->txn.sequence % ECHO_TXNS];
	struct echo_txn *lost;

	if (!packet->need_completion) {
		if (packet->txn.class == ECHO_CLASS_MALFORMED)
			channel->count.malformed_unanswered_sent++;
		else
			channel->count.nocompletion_sent++;
		return;
	}
	*txn = packet->txn;
	lost = &channel->txns[(packet->txn.sequence - ECHO_LOST_BEHIND) % ECHO_TXNS];
	if (lost->state == ECHO_TXN_OUTSTANDING &&
	    lost->sequence + ECHO_LOST_BEHIND == packet->txn.sequence)
		echo_wrong(channel, "%s (%" PRIu64 ") was never completed", lost->what,
			   lost->sequence);
	txn->state = ECHO_TXN_OUTSTANDING;
	channel->outstanding++;
	switch (txn->class) {
	case ECHO_CLASS_CONTROL:
		channel->count.control_sent++;
		break;
	case ECHO_CLASS_INBAND:
		channel->count.inband_sent++;
		break;
	case ECHO_CLASS_EXTERNAL:
		channel->count.external_sent++;
		break;
	case ECHO_CLASS_MALFORMED:
		channel->count.malformed_sent++;
		break;
	}
}

static struct echo_txn *find_txn(struct echo_channel *channel, VMBusChanReq *req)
{
	struct echo_txn *txn = &channel->txns[req->transaction_id % ECHO_TXNS];

	if (req->transaction_id > channel->next_sequence || !req->transaction_id ||
	    txn->sequence < req->transaction_id) {
		channel->count.unknown++;
		echo_wrong(channel, "completion of transaction %" PRIu64 ", which never was",
			   req->transaction_id);
		return NULL;
	}
	if (txn->sequence != req->transaction_id || txn->state != ECHO_TXN_OUTSTANDING) {
		channel->count.duplicated++;
		echo_wrong(channel, "transaction %" PRIu64 " completed again",
			   req->transaction_id);
		return NULL;
	}
	return txn;
}

static void check_echo(struct echo_channel *channel, struct echo_txn *txn, VMBusChanReq *req)
{
	const struct vmb_echo_completion *answer = req->msg;
	uint32_t status, length, checksum, external_checksum;
	uint64_t external_length;

	if (req->msglen < sizeof(*answer)) {
		echo_wrong(channel, "%s (%" PRIu64 "): answer of %u bytes", txn->what,
			   txn->sequence, req->msglen);
		return;
	}
	status = le32_to_cpu(answer->status);
	length = le32_to_cpu(answer->payload_length);
	checksum = le32_to_cpu(answer->payload_checksum);
	external_checksum = le32_to_cpu(answer->external_checksum);
	external_length = le64_to_cpu(answer->external_length);
	if (status || length != txn->payload_length || checksum != txn->payload_checksum ||
	    external_length != txn->external_length ||
	    external_checksum != txn->external_checksum) {
		echo_wrong(channel, "%s (%" PRIu64 "): status %u, payload %u/%u %08x/%08x, "
			   "external %" PRIu64 "/%u %08x/%08x (got/expected)",
			   txn->what, txn->sequence, status, length, txn->payload_length,
			   checksum, txn->payload_checksum, external_length,
			   txn->external_length, external_checksum, txn->external_checksum);
		return;
	}
	if (txn->arena != ECHO_NO_ARENA && !echo_check_pages(channel, txn))
		return;
	switch (txn->class) {
	case ECHO_CLASS_CONTROL:
		channel->count.control_completed++;
		break;
	case ECHO_CLASS_INBAND:
		channel->count.inband_completed++;
		break;
	case ECHO_CLASS_EXTERNAL:
		channel->count.external_completed++;
		channel->count.external_bytes += external_length;
		break;
	}
}

static void check_mirror(struct echo_channel *channel, struct echo_txn *txn, VMBusChanReq *req)
{
	uint32_t checksum = crc32(0, req->msg, req->msglen);

	if (req->msglen != txn->payload_length || checksum != txn->payload_checksum)
		echo_wrong(channel, "%s (%" PRIu64 "): %u/%u bytes, %08x/%08x (got/expected)",
			   txn->what, txn->sequence, req->msglen, txn->payload_length,
			   checksum, txn->payload_checksum);
	else
		channel->count.inband_completed++;
}

static void check_refusal(struct echo_channel *channel, struct echo_txn *txn, VMBusChanReq *req)
{
	const struct vmb_echo_completion *answer = req->msg;

	if (req->msglen && (req->msglen < sizeof(*answer) || !answer->status)) {
		echo_wrong(channel, "%s (%" PRIu64 ") was not refused: answer of %u bytes",
			   txn->what, txn->sequence, req->msglen);
		return;
	}
	if (!echo_check_pages(channel, txn))
		return;
	if (!echo_forbidden_untouched(channel)) {
		echo_wrong(channel, "%s (%" PRIu64 "): a page that was never shared has changed",
			   txn->what, txn->sequence);
		return;
	}
	channel->count.malformed_refused++;
}

static void take_description(struct echo_channel *channel, struct echo_txn *txn, VMBusChanReq *req)
{
	const struct vmb_echo_description *answer = req->msg;
	uint32_t first, count, i;

	/* The client had no memory for an answer, and wants to be asked again. */
	if (!req->msglen) {
		channel->count.control_completed++;
		return;
	}
	if (req->msglen < sizeof(*answer)) {
		echo_wrong(channel, "description of %u bytes", req->msglen);
		return;
	}
	first = le32_to_cpu(answer->first_page);
	count = le32_to_cpu(answer->pfn_count);
	if (!channel->page_count) {
		channel->page_count = le32_to_cpu(answer->page_count);
		channel->gpadl = vmbus_get_gpadl(channel->chan, le32_to_cpu(answer->gpadl_handle));
	}
	if (!channel->gpadl || channel->page_count != ECHO_MAX_PAGES ||
	    vmbus_gpadl_len(channel->gpadl) != VMB_ECHO_SHARED_SIZE ||
	    le32_to_cpu(answer->transfer_set_id) != VMB_ECHO_TRANSFER_SET_ID ||
	    first != channel->pages_known || !count || count > channel->page_count - first ||
	    req->msglen < sizeof(*answer) + count * sizeof(answer->pfn[0])) {
		echo_wrong(channel, "description: gpadl %#x %s, set %u, %u pages, %u from %u on",
			   le32_to_cpu(answer->gpadl_handle),
			   channel->gpadl ? "known" : "unknown",
			   le32_to_cpu(answer->transfer_set_id), channel->page_count, count, first);
		return;
	}
	for (i = 0; i < count; i++)
		channel->pfn[first + i] = le64_to_cpu(answer->pfn[i]);
	channel->pages_known += count;
	channel->count.control_completed++;
}

static void check_completion(struct echo_channel *channel, VMBusChanReq *req)
{
	struct echo_txn *txn = find_txn(channel, req);

	if (!txn)
		return;
	switch (txn->expect) {
	case ECHO_EXPECT_ECHO:
		check_echo(channel, txn, req);
		break;
	case ECHO_EXPECT_REFUSAL:
		check_refusal(channel, txn, req);
		break;
	case ECHO_EXPECT_MIRROR:
		check_mirror(channel, txn, req);
		break;
	case ECHO_EXPECT_DESCRIPTION:
		take_description(channel, txn, req);
		break;
	}
	txn->state = ECHO_TXN_DONE;
	channel->outstanding--;
	if (txn->arena != ECHO_NO_ARENA)
		channel->arena_busy[txn->arena] = false;
}

/* A request of the guest's own, of which there is one kind. */
static bool is_request(const struct echo_channel *channel, const VMBusChanReq *req)
{
	const struct vmb_echo_request *request = req->msg;

	return req->pkt_type == VMBUS_PACKET_DATA_INBAND && req->need_comp &&
	       req->msglen >= sizeof(*request) &&
	       le64_to_cpu(request->magic) == VMB_ECHO_MAGIC &&
	       le32_to_cpu(request->command) == VMB_ECHO_OFFER_SUB_CHANNELS &&
	       !channel->index && !channel->asked;
}

bool echo_check(struct echo_channel *channel, VMBusChanReq *req)
{
	if (req->pkt_type == VMBUS_PACKET_COMP) {
		check_completion(channel, req);
	} else if (channel->mode == ECHO_MODE_EXCHANGE) {
		return echo_take_exchanged(channel, req);
	} else if (is_request(channel, req)) {
		channel->asked = req;
		return true;
	} else {
		channel->count.unexpected++;
		echo_wrong(channel, "packet of type %u from the guest", req->pkt_type);
	}
	return false;
}
