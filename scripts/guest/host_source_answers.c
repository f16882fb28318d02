// SPDX-License-Identifier: GPL-2.0
/*
 * What the host answers when: in the order of the requests, in the opposite one,
 * or late.
 */
#include "host_source.h"

/* One answer of so many comes late. */
#define LATE_EVERY		61
#define LATE_MS			30

static void free_answer(struct source_answer *answer)
{
	vmbus_free_req(answer->req);
	g_free(answer);
}

/* Behind all that are waiting. */
void source_answer(struct source_host *host, struct source_answer *answer)
{
	g_queue_push_tail(&host->answers, answer);
}

/* Every second batch the other way round. */
static void flush_batch(struct source_host *host)
{
	bool turned = host->batches++ % 2;
	uint32_t i;

	for (i = 0; i < host->batched; i++)
		source_answer(host, host->batch[turned ? host->batched - 1 - i : i]);
	if (turned && host->batched > 1)
		host->count.completions_out_of_order += host->batched;
	host->batched = 0;
}

/* When it pleases the host, and in what order. */
void source_answer_in_batch(struct source_host *host, struct source_answer *answer)
{
	if (++host->deferrable % LATE_EVERY == 0) {
		answer->due = source_now() + LATE_MS;
		host->count.completions_withheld++;
		g_queue_push_tail(&host->late, answer);
		return;
	}
	host->batch[host->batched++] = answer;
	if (host->batched == SOURCE_BATCH)
		flush_batch(host);
}

bool source_owes_answers(const struct source_host *host)
{
	return host->batched || host->answers.length || host->late.length ||
	       host->withheld.length;
}

/* Those whose time has come. */
void source_answers_take_late(struct source_host *host)
{
	struct source_answer *answer;
	int64_t now = source_now();

	while ((answer = g_queue_peek_head(&host->late)) && answer->due <= now)
		source_answer(host, g_queue_pop_head(&host->late));
}

/* All that are not late, as far as there is room. */
void source_answers_send(struct source_host *host)
{
	struct source_answer *answer;
	ssize_t sent;

	flush_batch(host);
	while ((answer = g_queue_peek_head(&host->answers))) {
		/* The guest says when there is room again. */
		if (vmbus_channel_reserve(host->chan, 0, answer->length)) {
			host->count.no_room_for_answer++;
			return;
		}
		sent = vmbus_channel_send_completion(answer->req, &answer->payload,
						     answer->length);
		if (sent < 0)
			source_wrong(host, "cannot answer: %zd", sent);
		host->count.completions++;
		g_queue_pop_head(&host->answers);
		free_answer(answer);
	}
}

static void free_answers(GQueue *queue)
{
	struct source_answer *answer;

	while ((answer = g_queue_pop_head(queue)))
		free_answer(answer);
}

void source_answers_start(struct source_host *host)
{
	host->batches = 0;
	host->deferrable = 0;
}

/* The channel is being closed: nobody waits for them any more. */
void source_answers_drop(struct source_host *host)
{
	flush_batch(host);
	free_answers(&host->answers);
	free_answers(&host->late);
	free_answers(&host->withheld);
}
