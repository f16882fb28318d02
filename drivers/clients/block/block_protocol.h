/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the client and the server of the model block device say to each other.
 *
 * The client sends requests, the server completes each of them once, in any
 * order. So requests that are on their way at the same time must not depend on
 * each other; a FLUSH covers what was completed before it was sent.
 *
 * Every request is one struct vmb_block_request. The data of READ and WRITE is
 * the packet's external data, which is exactly as long as the request says;
 * other requests have none. Every completion begins with struct
 * vmb_block_completion. All fields are little endian.
 *
 * The server writes what it has done to a page of the client's, the status
 * page: the client shares it by a GPADL and hands over the handle with
 * SHARE_STATUS. The server uses it until the channel closes.
 */
#ifndef VMB_BLOCK_PROTOCOL_H
#define VMB_BLOCK_PROTOCOL_H

#include <linux/types.h>

/* The type GUID: 1d8f6b1c-93c5-4a0e-8f5b-6a7c2e4d9b30 */
#define VMB_BLOCK_GUID_FIELDS \
	0x1d8f6b1c, 0x93c5, 0x4a0e, \
	0x8f, 0x5b, 0x6a, 0x7c, 0x2e, 0x4d, 0x9b, 0x30

/* Largest payload of one packet, either way, in bytes. */
/* Requests in flight: 256 of a load, and one that controls. */
#define VMB_BLOCK_MAXIMUM_PACKET_COUNT	257u
#define VMB_BLOCK_MAXIMUM_PACKET_SIZE	64
/* Most external bytes, and most ranges of them, of one request. */
#define VMB_BLOCK_MAXIMUM_EXTERNAL_SIZE	32768
#define VMB_BLOCK_MAXIMUM_EXTERNAL_CHAIN 32

enum vmb_block_command {
	/* sector_count sectors from sector on, to the external data. */
	VMB_BLOCK_READ = 1,
	/* sector_count sectors from sector on, from the external data. */
	VMB_BLOCK_WRITE = 2,
	/* What was completed before stays. */
	VMB_BLOCK_FLUSH = 3,
	/* Answered with struct vmb_block_identity. */
	VMB_BLOCK_IDENTIFY = 4,
	/* gpadl_handle is the status page. */
	VMB_BLOCK_SHARE_STATUS = 5,
};

/* Fields that a command does not use are 0, and so is reserved. */
struct vmb_block_request {
	__le32 command;		/* enum vmb_block_command */
	__le32 sector_count;
	__le64 sector;
	__le64 tag;		/* the client's; comes back with the completion */
	__le32 gpadl_handle;
	__le32 reserved;
};

struct vmb_block_completion {
	__le32 status;		/* 0, or a positive errno */
	__le32 reserved;
	__le64 tag;
	__le64 arrival;		/* how many requests came in before this one */
	__le64 sequence;	/* of the status page, when this was completed */
};

struct vmb_block_identity {
	struct vmb_block_completion completion;
	__le64 capacity;	/* in sectors */
	__le32 sector_size;	/* in bytes, a power of two */
	__le32 maximum_sectors;	/* of one request */
};

/*
 * The beginning of the status page. It counts what the server has done since
 * the channel was opened; each field is written at once, and before the
 * completion of what it counts. sequence goes up last.
 */
struct vmb_block_status {
	__le64 reads;
	__le64 writes;
	__le64 flushes;
	__le64 bytes_read;
	__le64 bytes_written;
	__le64 refused;		/* requests completed with an error */
	__le64 sequence;	/* reads, writes, flushes and refused, summed up */
};

#endif
