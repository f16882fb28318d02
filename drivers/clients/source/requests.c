// SPDX-License-Identifier: GPL-2.0
/*
 * Synchronous requests, with every kind of time-out, and the memory that is
 * shared with the peer.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "source.h"

#define SOURCE_LONG_TIMEOUT	(30 * HZ)
#define SOURCE_SHORT_TIMEOUT	(HZ / 20)

/**
 * struct source_exchange - a synchronous request and its answer
 * @request: the request; @body follows it on the wire.
 * @body: whatever the command wants.
 * @answer: room for the longest answer.
 * @answer_length: bytes of it; as many as there is room for before the call.
 *
 * Small enough for the stack: the library copies what it must keep.
 */
struct source_exchange {
	struct vmb_source_request request;
	union {
		struct vmb_source_begin begin;
		struct vmb_source_fill fill;
		struct vmb_source_result result;
	} body;
	union {
		struct vmb_source_completion completion;
		struct vmb_source_plan plan;
	} answer;
	u32 answer_length;
};

static void source_prepare(struct source_exchange *exchange, u32 command,
			   u64 sequence, u32 body_length)
{
	BUILD_BUG_ON(offsetof(struct source_exchange, body) !=
		     sizeof(exchange->request));
	source_make_request(&exchange->request, command, 0, sequence, body_length);
	exchange->answer_length = sizeof(exchange->answer);
}

/* Send it and wait. -EPROTO: the answer is not one; -EREMOTEIO: it says no. */
static int source_exchange(struct source_device *source,
			   struct source_exchange *exchange,
			   const struct bio_vec *vectors, u32 vector_count,
			   u32 flags, long timeout)
{
	const struct vmb_source_completion *completion = &exchange->answer.completion;
	u32 length = sizeof(exchange->request) +
		     le32_to_cpu(exchange->request.length);
	int ret;

	flags |= VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION;
	for (;;) {
		ret = vmb_channel_send_synchronous_request(source->channel,
							   &exchange->request,
							   length, vectors,
							   vector_count, flags,
							   &exchange->answer,
							   &exchange->answer_length,
							   timeout);
		/*
		 * The packets of requests that nobody waited for are in use
		 * until a thread has ended them, which may just have lost its
		 * CPU.
		 */
		if (ret != -ENOMEM)
			break;
		if (READ_ONCE(source->stopping))
			return -ENODEV;
		msleep(20);
	}
	if (ret)
		return ret;
	if (exchange->answer_length < sizeof(*completion) ||
	    completion->sequence != exchange->request.sequence ||
	    completion->checksum != exchange->request.checksum)
		return -EPROTO;
	if (completion->status)
		return -EREMOTEIO;
	atomic64_inc(&source->count.sync_requests);
	return 0;
}

/* Ask what is to be done. Without a time-out: the peer may take its time. */
int source_begin(struct source_device *source)
{
	struct source_exchange exchange = {
		.body.begin = {
			.gpadl_handle = cpu_to_le32(source->gpadl),
			.gpadl_length = cpu_to_le32(VMB_SOURCE_SHARED_SIZE),
		},
	};
	const struct vmb_source_plan *plan = &exchange.answer.plan;
	int ret;

	source_prepare(&exchange, VMB_SOURCE_BEGIN, 0, sizeof(exchange.body.begin));
	ret = source_exchange(source, &exchange, NULL, 0, 0, MAX_SCHEDULE_TIMEOUT);
	if (ret)
		return ret;
	if (exchange.answer_length < sizeof(*plan))
		return -EPROTO;
	source->plan = (struct source_plan) {
		.sends = le64_to_cpu(plan->sends),
		.externals = le32_to_cpu(plan->externals),
		.requests = le32_to_cpu(plan->requests),
		.fills = le32_to_cpu(plan->fills),
		.endless = plan->endless,
	};
	return 0;
}

/* One with a time-out that is long enough, one without, in turns. */
int source_ping(struct source_device *source, u32 number)
{
	struct source_exchange exchange = { };

	source_prepare(&exchange, VMB_SOURCE_PING, number, 0);
	return source_exchange(source, &exchange, NULL, 0, 0,
			       number % 2 ? SOURCE_LONG_TIMEOUT :
					    MAX_SCHEDULE_TIMEOUT);
}

/*
 * A time-out of zero, without an answer: in the ring, or not sent at all. The
 * one form that may be used where nothing may sleep.
 */
int source_try(struct source_device *source)
{
	struct vmb_source_request request;
	int ret;

	source_make_request(&request, VMB_SOURCE_DATA, VMB_SOURCE_STREAM_TRIES,
			    source->tries, 0);
	ret = vmb_channel_send_synchronous_request(source->channel, &request,
						   sizeof(request), NULL, 0, 0,
						   NULL, NULL, 0);
	/* The ring is full, or as many requests as there may be are not ended. */
	if (ret == -EAGAIN || ret == -ENOMEM) {
		atomic64_inc(&source->count.tries_refused);
		return 0;
	}
	if (ret)
		return ret;
	source->tries++;
	atomic64_inc(&source->count.tries);
	return 0;
}

/* Have the peer write somewhere, and see that it did, there and nowhere else. */
int source_fill(struct source_device *source, u32 number)
{
	struct source_exchange exchange = { };
	u32 offset, length, i;
	int ret;

	offset = number * 7919u % VMB_SOURCE_SHARED_SIZE;
	length = min(1 + number * 4099u % 32768u, VMB_SOURCE_SHARED_SIZE - offset);
	exchange.body.fill.offset = cpu_to_le32(offset);
	exchange.body.fill.length = cpu_to_le32(length);
	source_prepare(&exchange, VMB_SOURCE_FILL, number,
		       sizeof(exchange.body.fill));
	ret = source_exchange(source, &exchange, NULL, 0, 0, MAX_SCHEDULE_TIMEOUT);
	if (ret)
		return ret;
	for (i = 0; i < length; i++)
		source->shared_copy[offset + i] = vmb_source_pattern(number, i);
	if (memcmp(source->shared, source->shared_copy, VMB_SOURCE_SHARED_SIZE)) {
		source_wrong(source, "the shared memory is not as it should be", 0);
		return -EIO;
	}
	atomic64_add(length, &source->count.gpadl_bytes);
	return 0;
}

/* Did the peer fill the page, late as it was? */
static int source_check_late(struct source_device *source, const u8 *page,
			     u64 sequence)
{
	u32 i;

	for (i = 0; i < SOURCE_HOST_PAGE_SIZE; i++) {
		if (page[i] == vmb_source_pattern(sequence, i))
			continue;
		source_wrong(source, "late external data did not arrive", 0);
		return -EIO;
	}
	return 0;
}

/*
 * Requests that the peer does not answer in time. Afterwards it does, for all of
 * them: the library has to know them still, and to have kept the page, which we
 * could have freed by then.
 */
int source_time_out(struct source_device *source)
{
	static const long timeouts[] = { SOURCE_SHORT_TIMEOUT, 1, 0 };
	struct source_exchange exchange = { };
	struct bio_vec vector;
	struct page *page;
	int ret, result = 0;
	u32 i;

	page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!page)
		return -ENOMEM;
	vector = (struct bio_vec) {
		.bv_page = page,
		.bv_len = SOURCE_HOST_PAGE_SIZE,
	};
	for (i = 0; !result && i < ARRAY_SIZE(timeouts); i++) {
		source_prepare(&exchange, VMB_SOURCE_WITHHOLD, i, 0);
		exchange.request.external_length = cpu_to_le32(SOURCE_HOST_PAGE_SIZE);
		ret = source_exchange(source, &exchange, &vector, 1,
				      VMB_CHANNEL_FORMAT_FLAG_DATA_IN_ONLY,
				      timeouts[i]);
		if (ret != -ETIMEDOUT) {
			source_wrong(source, "a request did not time out", ret);
			result = ret ? ret : -EIO;
			break;
		}
		atomic64_inc(&source->count.sync_timeouts);
		atomic64_inc(&source->count.sync_requests);
	}
	if (!result && page_count(page) <= ARRAY_SIZE(timeouts))
		source_wrong(source, "the page of a late request is not kept",
			     page_count(page));
	if (!result) {
		source_prepare(&exchange, VMB_SOURCE_RELEASE, 0, 0);
		result = source_exchange(source, &exchange, NULL, 0, 0,
					 MAX_SCHEDULE_TIMEOUT);
	}
	if (!result)
		result = source_check_late(source, page_address(page),
					   ARRAY_SIZE(timeouts) - 1);
	put_page(page);
	return result;
}

/* Tell the peer what was sent, and hear what it has received. */
int source_finished(struct source_device *source)
{
	struct source_exchange exchange = { };
	struct vmb_source_result *result = &exchange.body.result;
	bool content = READ_ONCE(source->verdict) == 1;
	u32 i;
	int ret;

	for (i = 0; i < VMB_SOURCE_SENDERS; i++)
		result->sends[i] = cpu_to_le64(source->senders[i].accepted);
	result->sends[VMB_SOURCE_STREAM_TRIES] = cpu_to_le64(source->tries);
	result->externals = cpu_to_le64(atomic64_read(&source->count.externals));
	result->content = cpu_to_le32(content);
	source_prepare(&exchange, VMB_SOURCE_FINISHED, 0, sizeof(*result));
	ret = source_exchange(source, &exchange, NULL, 0, 0, MAX_SCHEDULE_TIMEOUT);
	if (!ret || ret == -EREMOTEIO)
		WRITE_ONCE(source->peer_verdict, ret ? 2 : 1);
	return ret;
}
