// SPDX-License-Identifier: GPL-2.0
/*
 * The packets that all others are made of: in-band, with any payload, or with a
 * request that is to be obeyed.
 */
#include "host_device.h"
#include <zlib.h>

/* xorshift64: the same run again for the same seed. */
uint64_t echo_random(struct echo_channel *channel)
{
	channel->random ^= channel->random << 13;
	channel->random ^= channel->random >> 7;
	channel->random ^= channel->random << 17;
	return channel->random;
}

/* An ordinary request: any bytes that are not a control request. */
void echo_make_inband(struct echo_channel *channel, struct echo_packet *packet,
		      uint32_t length, bool need_completion)
{
	uint64_t value = echo_random(channel);
	uint32_t i;

	packet->raw = false;
	packet->type = VMBUS_PACKET_DATA_INBAND;
	packet->need_completion = need_completion;
	packet->raw_flags = need_completion ? VMBUS_PACKET_FLAG_REQUEST_COMPLETION : 0;
	packet->descriptor_length = 0;
	/* The wire counts in units of 8: what pads the last one is ours too. */
	packet->payload_length = QEMU_ALIGN_UP(length, 8);
	for (i = 0; i < packet->payload_length; i += 8) {
		value = value * 6364136223846793005ull + 1442695040888963407ull;
		memcpy(packet->payload + i, &value, sizeof(value));
	}
	packet->txn = (struct echo_txn) {
		.sequence = ++channel->next_sequence,
		.class = ECHO_CLASS_INBAND,
		.expect = ECHO_EXPECT_ECHO,
		.arena = ECHO_NO_ARENA,
		.payload_length = packet->payload_length,
		.payload_checksum = crc32(0, packet->payload, packet->payload_length),
		.what = "in-band",
	};
}

void echo_make_control(struct echo_channel *channel, struct echo_packet *packet,
		       uint32_t command, uint32_t argument)
{
	struct vmb_echo_request request = {
		.magic = cpu_to_le64(VMB_ECHO_MAGIC),
		.command = cpu_to_le32(command),
		.argument = cpu_to_le32(argument),
	};

	echo_make_inband(channel, packet, sizeof(request), true);
	memcpy(packet->payload, &request, sizeof(request));
	packet->txn.payload_checksum = crc32(0, packet->payload, packet->payload_length);
	packet->txn.class = ECHO_CLASS_CONTROL;
	packet->txn.what = "control";
}
