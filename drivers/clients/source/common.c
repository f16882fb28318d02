// SPDX-License-Identifier: GPL-2.0
/*
 * What every file of the client uses: how a request begins, and where it goes
 * if something is wrong.
 */
#include <linux/crc32.h>
#include <linux/device.h>

#include "source.h"

/* CRC-32 as zlib has it; crc is that of what came before, 0 at first. */
u32 source_checksum(u32 crc, const void *data, size_t length)
{
	return ~crc32_le(~crc, data, length);
}

/* The header for a body that follows it in memory. */
void source_make_request(struct vmb_source_request *request, u32 command,
			 u32 stream, u64 sequence, u32 body_length)
{
	*request = (struct vmb_source_request) {
		.command = cpu_to_le32(command),
		.stream = cpu_to_le32(stream),
		.sequence = cpu_to_le64(sequence),
		.length = cpu_to_le32(body_length),
		.checksum = cpu_to_le32(source_checksum(0, request + 1,
							body_length)),
	};
}

void source_wrong(struct source_device *source, const char *what, int error)
{
	atomic64_inc(&source->count.wrong);
	dev_err_ratelimited(source->device->dev, "%s: %d\n", what, error);
}
