/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages of a pipe: a header in front of each, so that their lengths are exact
 * to the byte. Pure: what is read here is a private copy already.
 */
#ifndef VMB_PIPE_H
#define VMB_PIPE_H

#include <linux/string.h>

#include "wire.h"

/* Make a message of @size bytes at @to, which has room for it. Returns bytes. */
static inline u32 vmb_pipe_write(void *to, const void *message, u32 size)
{
	struct vmb_wire_pipe_header *header = to;

	header->type = cpu_to_le32(VMB_WIRE_PIPE_DATA);
	header->size = cpu_to_le32(size);
	if (size)
		memcpy(header + 1, message, size);
	return sizeof(*header) + size;
}

/*
 * Is a payload of @length bytes a message? It may go on behind the message's end,
 * for a packet has whole units, and peers send answers in the buffer of what they
 * answer.
 */
static inline bool vmb_pipe_read(const void *payload, u32 length, u32 *size)
{
	const struct vmb_wire_pipe_header *header = payload;

	if (length < sizeof(*header) || le32_to_cpu(header->type) != VMB_WIRE_PIPE_DATA)
		return false;
	*size = le32_to_cpu(header->size);
	return *size <= length - sizeof(*header);
}

#endif
