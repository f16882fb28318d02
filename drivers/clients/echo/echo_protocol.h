/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the echo client and its peer say to each other.
 *
 * The header is shared between the kernel client and the host's end that runs
 * in user space, so it uses nothing but linux/types.h. All fields are little
 * endian.
 *
 * The peer sends requests, over the primary channel and over sub-channels alike,
 * and the client completes them. A request is either
 *
 *   ordinary: any payload that does not begin with VMB_ECHO_MAGIC, of any
 *             length from 0 to VMB_ECHO_MAXIMUM_PACKET_SIZE, with or without
 *             external data; answered with struct vmb_echo_completion; or
 *
 *   control:  a payload that begins with struct vmb_echo_request; answered as
 *             its command says.
 *
 * The client sends one kind of request itself, VMB_ECHO_OFFER_SUB_CHANNELS, over
 * the primary channel.
 *
 * The wire counts a payload in units of 8 bytes, so the lengths and checksums
 * in an answer cover the payload together with the padding the peer sent.
 */
#ifndef VMB_ECHO_PROTOCOL_H
#define VMB_ECHO_PROTOCOL_H

#include <linux/types.h>

/* The type GUID: 6f9c1b7e-5a1d-4c55-9a0e-3d1c5e0b7a42 */
#define VMB_ECHO_GUID_FIELDS \
	0x6f9c1b7e, 0x5a1d, 0x4c55, \
	0x9a, 0x0e, 0x3d, 0x1c, 0x5e, 0x0b, 0x7a, 0x42

/* Largest payload of one packet, either way, in bytes. */
#define VMB_ECHO_MAXIMUM_PACKET_SIZE	4096
/* Most external bytes, and most ranges, that one packet may describe. */
#define VMB_ECHO_MAXIMUM_EXTERNAL_SIZE	65536
#define VMB_ECHO_MAXIMUM_EXTERNAL_CHAIN	32
/* Size of the memory that the client shares with the peer, in bytes. */
#define VMB_ECHO_SHARED_SIZE		1048576
/* The transfer-page set that stands for all of that memory. */
#define VMB_ECHO_TRANSFER_SET_ID	7

/* First eight bytes of every control request. */
#define VMB_ECHO_MAGIC			0x314f484345424d56ULL

enum vmb_echo_command {
	/*
	 * Where is the shared memory? argument: index of the first 4 KiB page
	 * asked for. Answered with struct vmb_echo_description.
	 */
	VMB_ECHO_DESCRIBE = 1,
	/*
	 * As an ordinary request; after the checksum was taken every external
	 * byte is replaced by its complement, so that the peer can see that
	 * the client reached exactly these bytes, and no others, for writing.
	 */
	VMB_ECHO_INVERT = 2,
	/*
	 * As an ordinary request, but the external data is asked for read-only.
	 */
	VMB_ECHO_READ_ONLY = 3,
	/*
	 * The peer has counted everything. argument: 0 when it is content, 1
	 * when not. The client puts it in its log and in its sysfs file
	 * "peer_verdict". Answered with struct vmb_echo_completion.
	 */
	VMB_ECHO_FINISHED = 4,
	/*
	 * The peer has sub-channels. argument: how many. A client that wants
	 * some enables them, and then asks for them; if there are fewer than
	 * before, it disables the last of them. Answered with struct
	 * vmb_echo_completion.
	 */
	VMB_ECHO_SUB_CHANNELS = 5,
	/*
	 * From the client: offer sub-channels. argument: how many, at most as
	 * many as there are; it has enabled those with index 1 to argument. The
	 * peer answers with struct vmb_echo_offered, and then offers those that
	 * it does not offer at the time, and those anew that were disabled. It
	 * takes them back when the primary channel closes.
	 */
	VMB_ECHO_OFFER_SUB_CHANNELS = 6,
};

struct vmb_echo_request {
	__le64 magic;
	__le32 command;		/* enum vmb_echo_command */
	__le32 argument;
};

struct vmb_echo_completion {
	__le32 status;		/* 0, or a positive errno: external data was not to be had */
	__le32 payload_length;	/* bytes, a multiple of 8 */
	__le32 payload_checksum;	/* CRC-32 (as zlib's crc32()) of the payload */
	__le32 external_checksum;	/* CRC-32 of the external bytes, 0 when there are none */
	__le64 external_length;	/* bytes of external data the client saw */
};

struct vmb_echo_description {
	__le32 gpadl_handle;	/* of the shared memory */
	__le32 transfer_set_id;
	__le32 page_count;	/* 4 KiB pages in the whole of it */
	__le32 first_page;	/* index of pfn[0] */
	__le32 pfn_count;	/* entries that follow: fewer than asked at the end */
	__le32 reserved;
	__le64 pfn[];		/* Hyper-V page frame numbers */
};

struct vmb_echo_offered {
	__le32 count;		/* sub-channels 1 to count are offered now */
	__le32 reserved;
};

#endif
