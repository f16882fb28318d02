// SPDX-License-Identifier: GPL-2.0
/*
 * Requests of the client that wait for their answer, and one that waits for nothing.
 */
#define VMB_FUZZ_PEER
#include "harness.h"

#define WAITS	VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION

/* Wait for an answer, for some time. */
void client_request(struct end *end, bool in_callback)
{
	static const long timeouts[] = { 0, 1, 3, 50, 200, MAX_SCHEDULE_TIMEOUT };
	u8 how = take();
	u32 length = take() % (end->channel->maximum_packet_size + 1), i;
	u32 size = (how >> 5) * 8, room = size;
	struct bio_vec vectors[2];
	long timeout = timeouts[take() % (ARRAY_SIZE(timeouts) - !end->fair)];
	u8 *buffer = malloc(length ? : 1);
	u8 *answer = size ? malloc(size) : NULL;
	u32 bounced = kernel_pages_allocated;
	int ret;

	end->requested = true;
	end->requested_external |= how & 2;
	memset(buffer, 0x77, length);
	for (i = 0; i < ARRAY_SIZE(vectors); i++) {
		vectors[i].bv_page = &kernel_pages[take() % (KERNEL_PAGES - 1)];
		vectors[i].bv_offset = take() * 16;
		/* The first of them may be empty, which is none if there is no other. */
		vectors[i].bv_len = (how & 0x18) == 0x18 && !i ? 0 : 40;
	}
	ret = vmb_channel_send_synchronous_request(end->channel, buffer, length,
						   how & 2 ? vectors : NULL,
						   how & 2 ? 1 + (how >> 2 & 1) : 0,
						   how & 1 ? WAITS : 0, answer,
						   answer ? &size : NULL, timeout);
	if (kernel_pages_allocated != bounced)
		reached(OUTCOME_request_bounced);
	switch (ret) {
	case 0:
		FUZZ_CHECK(!answer || size <= room);
		reached(OUTCOME_request_answered);
		break;
	case -EOVERFLOW:
		FUZZ_CHECK(size > room);
		reached(OUTCOME_request_overflow);
		break;
	case -ETIMEDOUT:
		reached(OUTCOME_request_timed_out);
		break;
	case -ENODEV:
		reached(OUTCOME_request_no_channel);
		break;
	case -EAGAIN:
		reached(OUTCOME_request_no_room);
		break;
	case -EINVAL:
		FUZZ_CHECK(how & 2);
		break;
	case -EDEADLK:
		FUZZ_CHECK(in_callback);
		break;
	case -EMSGSIZE:
	case -ENOMEM:
	case -EPROTO:
	case -EIO:
	case -EOPNOTSUPP:
		break;
	default:
		FUZZ_CHECK(!"an errno that no request has");
	}
	free(buffer);
	free(answer);
}

/* Its caller may not sleep: it is in the ring, or is the next that will be, or is refused. */
void request_in_passing(struct end *end)
{
	int ret;

	end->requested = true;
	ret = vmb_channel_send_synchronous_request(end->channel, "passing.", 8, NULL, 0, 0,
						   NULL, NULL, 0);
	FUZZ_CHECK(!ret || ret == -EAGAIN || ret == -ENODEV || ret == -ENOMEM ||
		   ret == -EMSGSIZE);
	if (!ret)
		reached(OUTCOME_request_in_passing);
}
