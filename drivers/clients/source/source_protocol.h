/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the source client and its peer say to each other.
 *
 * The header is shared between the kernel client and the host's end that runs
 * in user space, so it uses nothing but linux/types.h. All fields are little
 * endian.
 *
 * The client sends requests, the peer completes those that ask for it. Every
 * request begins with struct vmb_source_request, every completion with struct
 * vmb_source_completion. The first request is VMB_SOURCE_BEGIN, whose answer
 * says what the client is to send; the last is VMB_SOURCE_FINISHED.
 *
 * The wire counts a payload in units of 8 bytes; the length in a request says
 * which bytes behind the header are meant, the rest is padding.
 */
#ifndef VMB_SOURCE_PROTOCOL_H
#define VMB_SOURCE_PROTOCOL_H

#include <linux/types.h>

/* The type GUID: b3a7e2c4-6d19-4f0b-8e35-920fd74a1c68 */
#define VMB_SOURCE_GUID_FIELDS \
	0xb3a7e2c4, 0x6d19, 0x4f0b, \
	0x8e, 0x35, 0x92, 0x0f, 0xd7, 0x4a, 0x1c, 0x68

/* Largest payload of one packet, either way, in bytes. */
#define VMB_SOURCE_MAXIMUM_PACKET_SIZE		1024
/* Most external bytes, and most ranges, that one packet describes. */
#define VMB_SOURCE_MAXIMUM_EXTERNAL_SIZE	65536
#define VMB_SOURCE_MAXIMUM_EXTERNAL_CHAIN	16
/* Size of the memory that the client shares with the peer, in bytes. */
#define VMB_SOURCE_SHARED_SIZE			262144

/*
 * Streams of VMB_SOURCE_DATA. Each is numbered from 0 without a gap and arrives
 * in that order, for nothing overtakes the queue of a channel. The first ones
 * are the senders', which run at the same time; every second packet of theirs
 * (odd sequence) asks for a completion. The last one is what was sent with a
 * time-out of zero: such a packet is in the ring or refused, and refused ones
 * use up no number.
 */
#define VMB_SOURCE_SENDERS		2
#define VMB_SOURCE_STREAM_TRIES		VMB_SOURCE_SENDERS
#define VMB_SOURCE_STREAMS		(VMB_SOURCE_SENDERS + 1)

enum vmb_source_command {
	/*
	 * What is to be done? Body: struct vmb_source_begin. Answered with
	 * struct vmb_source_plan.
	 */
	VMB_SOURCE_BEGIN = 1,
	/* One packet of a stream. */
	VMB_SOURCE_DATA = 2,
	/*
	 * The checksum of the external data is in the request; the peer compares
	 * it with that of what it sees.
	 */
	VMB_SOURCE_OUT = 3,
	/* The peer fills the external data with the pattern of the sequence. */
	VMB_SOURCE_IN = 4,
	/*
	 * As VMB_SOURCE_OUT, and then the peer replaces every byte by its
	 * complement.
	 */
	VMB_SOURCE_INVERT = 5,
	/* Just answered. */
	VMB_SOURCE_PING = 6,
	/*
	 * As VMB_SOURCE_IN, but neither done nor answered before
	 * VMB_SOURCE_RELEASE comes, whose own answer is behind the late ones.
	 */
	VMB_SOURCE_WITHHOLD = 7,
	VMB_SOURCE_RELEASE = 8,
	/*
	 * Body: struct vmb_source_fill. The peer writes the pattern of the
	 * sequence there.
	 */
	VMB_SOURCE_FILL = 9,
	/*
	 * Body: struct vmb_source_result. The status of the answer is 0 if the
	 * peer has counted the same and is content.
	 */
	VMB_SOURCE_FINISHED = 10,
};

struct vmb_source_request {
	__le32 command;		/* enum vmb_source_command */
	__le32 stream;		/* of VMB_SOURCE_DATA, else 0 */
	__le64 sequence;	/* number in the stream, or what the pattern is made of */
	__le32 length;		/* bytes behind this header */
	__le32 checksum;	/* CRC-32 (as zlib's crc32()) of them */
	__le32 external_length;	/* bytes of external data */
	__le32 external_checksum;	/* CRC-32 of them, 0 when the peer fills them */
};

struct vmb_source_completion {
	__le32 status;		/* 0, or a positive errno */
	__le32 stream;		/* as in the request */
	__le64 sequence;	/* as in the request */
	__le32 checksum;	/* CRC-32 of the body as the peer received it */
	__le32 reserved;
};

struct vmb_source_begin {
	__le32 gpadl_handle;	/* of the shared memory */
	__le32 gpadl_length;	/* VMB_SOURCE_SHARED_SIZE */
};

struct vmb_source_plan {
	struct vmb_source_completion completion;
	__le64 sends;		/* VMB_SOURCE_DATA, all senders together */
	__le32 externals;	/* packets with external data */
	__le32 requests;	/* VMB_SOURCE_PING, and as many zero time-outs */
	__le32 fills;		/* VMB_SOURCE_FILL */
	__le32 endless;		/* not 0: again and again, until the channel closes */
};

struct vmb_source_fill {
	__le32 offset;		/* in the shared memory */
	__le32 length;		/* bytes */
};

struct vmb_source_result {
	__le64 sends[VMB_SOURCE_STREAMS];	/* accepted by the channel */
	__le64 externals;	/* accepted by the channel */
	__le32 content;		/* not 0: the client found nothing wrong */
	__le32 reserved;
};

/* Byte number offset of the pattern of a sequence. */
static inline __u8 vmb_source_pattern(__u64 sequence, __u32 offset)
{
	__u64 word = (sequence + 1) * 0x9e3779b97f4a7c15ULL +
		     (offset / 8) * 0xd1342543de82ef95ULL;

	return word >> (56 - 8 * (offset % 8));
}

#endif
