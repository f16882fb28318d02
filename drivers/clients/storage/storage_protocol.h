/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What client and server of the storage device say to each other: one struct, in
 * both directions, as the storage devices of Windows have it. An answer to a request
 * has more behind it.
 */
#ifndef VMB_STORAGE_PROTOCOL_H
#define VMB_STORAGE_PROTOCOL_H

#include <linux/build_bug.h>
#include <linux/types.h>

/* The four of the beginning, in this order; each is asked and answered once, but for
 * the version, which is asked for until one is accepted.
 */
#define STORAGE_BEGIN_INITIALIZATION	1u
#define STORAGE_QUERY_VERSION		2u
#define STORAGE_QUERY_PROPERTIES	3u	/* external data: struct storage_properties */
#define STORAGE_END_INITIALIZATION	4u
/* Requests, with external data. */
#define STORAGE_READ			5u
#define STORAGE_WRITE			6u
#define STORAGE_EXCHANGE		7u	/* writes, and gives what was there */

#define STORAGE_SUCCESS			0u
#define STORAGE_INVALID_REQUEST		1u
#define STORAGE_UNKNOWN_VERSION		2u
#define STORAGE_OUT_OF_RANGE		3u

#define STORAGE_VERSION(major, minor)	((major) << 8 | (minor))

#define STORAGE_SECTOR_SIZE		512u
#define STORAGE_MAXIMUM_TRANSFER	65536u
/* Pieces of memory that a request may be cut into. */
#define STORAGE_MAXIMUM_PIECES		18u

/**
 * struct storage_packet - a request, and the beginning of its answer
 * @operation: STORAGE_READ or another one.
 * @status: of an answer: STORAGE_SUCCESS or another one.
 * @version: STORAGE_VERSION() that is asked for.
 * @length: bytes of external data.
 * @sector: where on the disk.
 * @tag: the client's; comes back.
 * @reserved: 0.
 */
struct storage_packet {
	__le32 operation;
	__le32 status;
	__le32 version;
	__le32 length;
	__le64 sector;
	__le64 tag;
	__le64 reserved[4];
};

static_assert(sizeof(struct storage_packet) == 64);

/**
 * struct storage_answer - what a request is answered with
 * @packet: the request, with its status.
 * @trace: eight times its tag. It is there to be longer than a packet may be.
 */
struct storage_answer {
	struct storage_packet packet;
	__le64 trace[8];
};

static_assert(sizeof(struct storage_answer) == 128);

/**
 * struct storage_properties - what the disk is
 * @sectors: how many it has.
 * @sector_size: bytes of each.
 * @maximum_transfer: most bytes of a request.
 */
struct storage_properties {
	__le64 sectors;
	__le32 sector_size;
	__le32 maximum_transfer;
};

static_assert(sizeof(struct storage_properties) == 16);

/* Its type; nobody else has it. */
#define STORAGE_GUID							\
	GUID_INIT(0x9e3c2a70, 0x1d4b, 0x47c5, 0xb8, 0x16, 0x5f, 0x02, 0xd3, 0x77, 0x4a, 0xe9)

#endif
