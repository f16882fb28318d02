// SPDX-License-Identifier: GPL-2.0
/*
 * What the host makes of each request of the source client.
 */
#include "host_source.h"
#include <zlib.h>

/* Most entries of a scatter list: every page on its own. */
#define MAXIMUM_SEGMENTS	(2 * VMB_SOURCE_MAXIMUM_EXTERNAL_CHAIN)

struct request {
	VMBusChanReq *req;
	uint32_t command, stream, length, checksum;
	uint32_t external_length, external_checksum;
	uint64_t sequence;
	const void *body;
};

/* Count a packet of a stream; nothing may overtake, be lost, or come twice. */
static void arrived(struct source_host *host, uint32_t number, uint64_t sequence)
{
	struct source_stream *stream = &host->streams[number];

	for (; stream->next < sequence; stream->next++) {
		uint64_t *key = g_new(uint64_t, 1);

		/* A number that far off is a lie, not a gap. */
		if (g_hash_table_size(stream->missing) > 1000) {
			g_free(key);
			source_wrong(host, "stream %u: packet %" PRIu64 " instead of %" PRIu64,
				     number, sequence, stream->next);
			return;
		}
		*key = stream->next;
		g_hash_table_add(stream->missing, key);
	}
	if (sequence == stream->next)
		stream->next++;
	else if (g_hash_table_remove(stream->missing, &sequence))
		host->count.reordered++;
	else
		host->count.duplicated++;
}

static struct source_answer *make_answer(struct source_host *host,
					 const struct request *request, int status)
{
	struct source_answer *answer = g_new0(struct source_answer, 1);

	answer->req = request->req;
	answer->length = sizeof(answer->payload.completion);
	answer->payload.completion = (struct vmb_source_completion) {
		.status = cpu_to_le32(status),
		.stream = cpu_to_le32(request->stream),
		.sequence = cpu_to_le64(request->sequence),
		.checksum = cpu_to_le32(crc32(0, request->body, request->length)),
	};
	return answer;
}

static void handle_data(struct source_host *host, struct request *request)
{
	bool asks = request->stream != VMB_SOURCE_STREAM_TRIES && request->sequence % 2;

	if (request->stream >= VMB_SOURCE_STREAMS) {
		source_wrong(host, "no such stream: %u", request->stream);
	} else {
		arrived(host, request->stream, request->sequence);
		if (request->stream == VMB_SOURCE_STREAM_TRIES)
			host->count.tries_received++;
		else
			host->count.sends_received++;
		if (request->req->need_comp != asks)
			source_wrong(host, "stream %u, packet %" PRIu64 ": completion %s",
				     request->stream, request->sequence,
				     asks ? "not asked for" : "asked for");
	}
	if (request->req->need_comp)
		source_answer_in_batch(host, make_answer(host, request, 0));
	else
		vmbus_free_req(request->req);
}

/* Read, compare and write external data, as the command says. 0 or an errno. */
static int do_external(struct source_host *host, struct request *request)
{
	bool writes = request->command != VMB_SOURCE_OUT;
	bool reads = request->command == VMB_SOURCE_OUT ||
		     request->command == VMB_SOURCE_INVERT;
	DMADirection direction = writes ? DMA_DIRECTION_FROM_DEVICE :
					  DMA_DIRECTION_TO_DEVICE;
	struct iovec iov[MAXIMUM_SEGMENTS];
	uint32_t checksum = 0, position = 0;
	size_t byte, length = 0;
	int segments, i;

	for (i = 0; i < request->req->sgl.nsg; i++)
		length += request->req->sgl.sg[i].len;
	if (!length || length != request->external_length) {
		source_wrong(host, "external data %" PRIu64 " has %zu bytes, not %u",
			     request->sequence, length, request->external_length);
		return EMSGSIZE;
	}
	segments = vmbus_map_sgl(request->req, direction, iov, MAXIMUM_SEGMENTS, length, 0);
	if (segments < 0) {
		source_wrong(host, "external data %" PRIu64 " is not memory: %d",
			     request->sequence, segments);
		return EFAULT;
	}
	for (i = 0; i < segments; i++) {
		uint8_t *data = iov[i].iov_base;

		if (reads)
			checksum = crc32(checksum, data, iov[i].iov_len);
		for (byte = 0; writes && byte < iov[i].iov_len; byte++, position++)
			data[byte] = reads ? ~data[byte] :
				     vmb_source_pattern(request->sequence, position);
	}
	vmbus_unmap_sgl(request->req, direction, iov, segments, writes ? length : 0);
	if (checksum != request->external_checksum) {
		source_wrong(host, "external data %" PRIu64 ": %08x, not %08x",
			     request->sequence, checksum, request->external_checksum);
		return EILSEQ;
	}
	if (reads)
		host->count.external_out_bytes += length;
	if (writes)
		host->count.external_in_bytes += length;
	return 0;
}

static void handle_external(struct source_host *host, struct request *request)
{
	arrived(host, SOURCE_STREAM_EXTERNALS, request->sequence);
	host->count.externals_received++;
	source_answer_in_batch(host, make_answer(host, request,
						 do_external(host, request)));
}

/* What was withheld is done now, long after the guest has given up on it. */
static void handle_release(struct source_host *host, struct request *request)
{
	struct source_answer *answer;

	while ((answer = g_queue_pop_head(&host->withheld))) {
		struct request late = {
			.req = answer->req,
			.command = VMB_SOURCE_IN,
			.sequence = le64_to_cpu(answer->payload.completion.sequence),
			.external_length = answer->req->sgl.size,
		};

		answer->payload.completion.status =
			cpu_to_le32(do_external(host, &late));
		host->count.late_answers++;
		source_answer(host, answer);
	}
	source_answer(host, make_answer(host, request, 0));
}

static void handle_begin(struct source_host *host, struct request *request)
{
	const struct vmb_source_begin *begin = request->body;
	struct source_answer *answer;
	int status = 0;

	if (request->length == sizeof(*begin) && !host->gpadl)
		host->gpadl = vmbus_get_gpadl(host->chan, le32_to_cpu(begin->gpadl_handle));
	if (!host->gpadl || le32_to_cpu(begin->gpadl_length) != VMB_SOURCE_SHARED_SIZE ||
	    vmbus_gpadl_len(host->gpadl) != VMB_SOURCE_SHARED_SIZE) {
		source_wrong(host, "the shared memory is not known");
		status = EINVAL;
	}
	answer = make_answer(host, request, status);
	answer->payload.plan.sends = cpu_to_le64(host->sends);
	answer->payload.plan.externals = cpu_to_le32(host->externals);
	answer->payload.plan.requests = cpu_to_le32(host->requests);
	answer->payload.plan.fills = cpu_to_le32(host->fills);
	answer->payload.plan.endless = cpu_to_le32(host->endless);
	answer->length = sizeof(answer->payload.plan);
	source_answer(host, answer);
}

static int do_fill(struct source_host *host, struct request *request)
{
	const struct vmb_source_fill *fill = request->body;
	g_autofree uint8_t *data = NULL;
	uint32_t offset, length, i;
	struct iovec iov;

	if (request->length != sizeof(*fill) || !host->gpadl)
		return EINVAL;
	offset = le32_to_cpu(fill->offset);
	length = le32_to_cpu(fill->length);
	if (!length || offset > VMB_SOURCE_SHARED_SIZE ||
	    length > VMB_SOURCE_SHARED_SIZE - offset)
		return ERANGE;
	data = g_malloc(length);
	for (i = 0; i < length; i++)
		data[i] = vmb_source_pattern(request->sequence, i);
	iov = (struct iovec) { data, length };
	if (vmbus_iov_to_gpadl(host->chan, host->gpadl, offset, &iov, 1) < 0)
		return EIO;
	host->count.gpadl_bytes += length;
	return 0;
}

/* What the guest says that it has sent, and did not arrive. */
static void count_losses(struct source_host *host, const struct vmb_source_result *result)
{
	uint64_t owed;
	uint32_t i;

	for (i = 0; i < SOURCE_STREAMS; i++) {
		struct source_stream *stream = &host->streams[i];

		owed = le64_to_cpu(i == SOURCE_STREAM_EXTERNALS ? result->externals :
								  result->sends[i]);
		host->count.lost += g_hash_table_size(stream->missing);
		if (stream->next < owed)
			host->count.lost += owed - stream->next;
		if (stream->next > owed)
			source_wrong(host, "stream %u: %" PRIu64 " packets, of which the "
				     "guest sent %" PRIu64, i, stream->next, owed);
	}
}

static void handle_finished(struct source_host *host, struct request *request)
{
	const struct vmb_source_result *result = request->body;
	struct source_counters *c = &host->count;

	if (host->finished || request->length != sizeof(*result)) {
		source_wrong(host, "finished again, or with %u bytes", request->length);
	} else {
		count_losses(host, result);
		if (source_owes_answers(host))
			source_wrong(host, "finished before all was answered");
	}
	host->content = !c->wrong && !c->lost && !c->duplicated && !c->reordered &&
			!c->unexpected && !c->guest_ring_errors && result->content;
	host->finished = true;
	source_answer(host, make_answer(host, request, host->content ? 0 : EBADMSG));
	source_report(host, "VMBHOST-SOURCE-VERDICT");
}

static bool parse(struct source_host *host, VMBusChanReq *req, struct request *request)
{
	const struct vmb_source_request *header = req->msg;

	if (req->pkt_type == VMBUS_PACKET_COMP || req->msglen < sizeof(*header))
		return false;
	*request = (struct request) {
		.req = req,
		.command = le32_to_cpu(header->command),
		.stream = le32_to_cpu(header->stream),
		.length = le32_to_cpu(header->length),
		.checksum = le32_to_cpu(header->checksum),
		.external_length = le32_to_cpu(header->external_length),
		.external_checksum = le32_to_cpu(header->external_checksum),
		.sequence = le64_to_cpu(header->sequence),
		.body = header + 1,
	};
	if (request->length > req->msglen - sizeof(*header) ||
	    req->msglen - sizeof(*header) - request->length >= 8 ||
	    crc32(0, request->body, request->length) != request->checksum) {
		source_wrong(host, "command %u, packet %" PRIu64 ": %u bytes are not what "
			     "was sent", request->command, request->sequence, req->msglen);
		return false;
	}
	return (req->pkt_type == VMBUS_PACKET_DATA_USING_GPA_DIRECT) ==
	       !!request->external_length;
}

/* Commands that somebody waits for. */
static void handle_request(struct source_host *host, struct request *request)
{
	host->count.requests++;
	switch (request->command) {
	case VMB_SOURCE_BEGIN:
		handle_begin(host, request);
		break;
	case VMB_SOURCE_PING:
		source_answer(host, make_answer(host, request, 0));
		break;
	case VMB_SOURCE_WITHHOLD:
		g_queue_push_tail(&host->withheld, make_answer(host, request, 0));
		break;
	case VMB_SOURCE_RELEASE:
		handle_release(host, request);
		break;
	case VMB_SOURCE_FILL:
		source_answer(host, make_answer(host, request, do_fill(host, request)));
		break;
	case VMB_SOURCE_FINISHED:
		handle_finished(host, request);
		break;
	default:
		source_wrong(host, "no such command: %u", request->command);
		source_answer(host, make_answer(host, request, ENOTTY));
		break;
	}
}

void source_handle(struct source_host *host, VMBusChanReq *req)
{
	struct request request;

	if (!parse(host, req, &request)) {
		host->count.unexpected++;
		vmbus_free_req(req);
		return;
	}
	switch (request.command) {
	case VMB_SOURCE_DATA:
		handle_data(host, &request);
		return;
	case VMB_SOURCE_OUT:
	case VMB_SOURCE_IN:
	case VMB_SOURCE_INVERT:
		if (req->need_comp) {
			handle_external(host, &request);
			return;
		}
		break;
	default:
		if (req->need_comp) {
			handle_request(host, &request);
			return;
		}
		break;
	}
	source_wrong(host, "command %u without a completion", request.command);
	vmbus_free_req(req);
}
