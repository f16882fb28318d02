/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What both ends of a vmb_template channel say to each other. Also compiled for the
 * host's end, in user space. All fields are little endian.
 *
 * The guest says HELLO and tells its version; nothing else is said before that is
 * answered with the host's. Then the host sends INVERT as often as it likes, and the
 * guest answers each with every bit of the value inverted. Every request is answered by
 * its completion, which is a struct vmb_template_answer.
 */
#ifndef VMB_TEMPLATE_PROTOCOL_H
#define VMB_TEMPLATE_PROTOCOL_H

#include <linux/types.h>

/* The type GUID: 2f6c91d4-7a03-4be8-9d52-18c73fa064eb */
#define VMB_TEMPLATE_GUID_FIELDS \
	0x2f6c91d4, 0x7a03, 0x4be8, \
	0x9d, 0x52, 0x18, 0xc7, 0x3f, 0xa0, 0x64, 0xeb

#define VMB_TEMPLATE_VERSION	1

/* Largest payload of one packet, either way, in bytes. */
#define VMB_TEMPLATE_MAXIMUM_PACKET_SIZE 64

enum vmb_template_command {
	/* From the guest; value is its version. Answered with the version in use. */
	VMB_TEMPLATE_HELLO = 1,
	/* From the host. Answered with ~value. */
	VMB_TEMPLATE_INVERT = 2,
};

struct vmb_template_request {
	__le32 command;		/* enum vmb_template_command */
	__le32 reserved;	/* 0 */
	__le64 value;
};

struct vmb_template_answer {
	__le32 status;		/* 0, or a positive errno; then value is 0 */
	__le32 reserved;	/* 0 */
	__le64 value;
};

#endif
