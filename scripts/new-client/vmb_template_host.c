// SPDX-License-Identifier: GPL-2.0
/*
 * The host's end of a vmb_template channel, for "make guest". Answers HELLO, sends
 * INVERT so many times, a few at once, and checks each answer; takes the device away
 * from under the client, gives it back, and does all of that again. Then it has a
 * verdict.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmb_host.h"
#include "vmb_template_protocol.h"

#define OPENS		2
#define REQUESTS	1000	/* of one open */
#define IN_FLIGHT	16

static unsigned int opens;
static unsigned int sent, answered;
static unsigned long wrong;

static __u64 value_of(__u64 id)
{
	return id * 0x9e3779b97f4a7c15ull + opens;
}

static void send_more(void)
{
	struct vmb_template_request request = {
		.command = htole32(VMB_TEMPLATE_INVERT),
	};

	while (sent < REQUESTS && sent - answered < IN_FLIGHT) {
		request.value = htole64(value_of(sent));
		vmb_host_send(&request, sizeof(request), true, sent);
		sent++;
	}
}

static void host_opened(void)
{
	opens++;
	sent = 0;
	answered = 0;
}

static void host_packet(struct vmb_host_packet *packet)
{
	struct vmb_template_request request = {};
	struct vmb_template_answer answer = {};

	if (packet->length >= sizeof(request))
		memcpy(&request, packet->payload, sizeof(request));
	if (request.command == htole32(VMB_TEMPLATE_HELLO) && !request.reserved &&
	    packet->wants_completion && !packet->external && !sent) {
		answer.value = htole64(VMB_TEMPLATE_VERSION);
	} else {
		answer.status = htole32(EINVAL);
		vmb_host_verdict(false, "a packet of %u bytes, command %u, is not HELLO",
				 packet->length, le32toh(request.command));
	}
	vmb_host_complete(packet, &answer, sizeof(answer));
	if (!answer.status)
		send_more();
}

static void host_completion(__u64 id, const void *payload, __u32 length)
{
	struct vmb_template_answer answer = {};

	if (length >= sizeof(answer))
		memcpy(&answer, payload, sizeof(answer));
	if (id >= sent || length < sizeof(answer) || answer.status || answer.reserved ||
	    le64toh(answer.value) != ~value_of(id)) {
		wrong++;
		fprintf(stderr, "request %llu: %u bytes, status %u, value %llx\n", id, length,
			le32toh(answer.status), (unsigned long long)le64toh(answer.value));
	}
	answered++;
	if (wrong)
		vmb_host_verdict(false, "%lu of %u answers are wrong", wrong, answered);
	else if (answered == REQUESTS && opens == OPENS)
		vmb_host_verdict(true, "%u requests answered in each of %u opens", REQUESTS,
				 OPENS);
	else if (answered == REQUESTS)
		vmb_host_rescind();
	else
		send_more();
}

const struct vmb_host_end vmb_host_end = {
	.type = { VMB_TEMPLATE_GUID_FIELDS },
	.opened = host_opened,
	.packet = host_packet,
	.completion = host_completion,
};
