/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages of the integration components, of which the heartbeat is one.
 *
 * Each is a message of a pipe. The host sends, the guest sends the message back,
 * marked as an answer and with its answer in it. First the host says which
 * versions it knows, of the frame that all components share and of the component;
 * the guest answers with one of each, or with none.
 *
 * Shared with the host's end that runs in user space.
 */
#ifndef HEARTBEAT_PROTOCOL_H
#define HEARTBEAT_PROTOCOL_H

#include <linux/types.h>

enum ic_type {
	IC_TYPE_NEGOTIATE = 0,
	IC_TYPE_HEARTBEAT = 1,
};

struct ic_version {
	__le16 major;
	__le16 minor;
};

struct ic_header {
	struct ic_version frame;
	__le16 type;		/* enum ic_type */
	struct ic_version message;
	__le16 size;		/* bytes behind this header */
	__le32 status;
	__u8 transaction;
	__u8 flags;
#define IC_FLAG_TRANSACTION	0x1u
#define IC_FLAG_REQUEST		0x2u
#define IC_FLAG_RESPONSE	0x4u
	__u8 reserved[2];
};

struct ic_negotiation {
	struct ic_header header;
	__le16 frame_count;	/* versions of the frame, and behind them */
	__le16 message_count;	/* those of the component */
	__le32 reserved;
	struct ic_version versions[];
};

struct ic_heartbeat {
	struct ic_header header;
	__le64 sequence;	/* the answer has one more */
	__le32 reserved[8];
} __attribute__((packed));

#endif
