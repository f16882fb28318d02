/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A saved state in bytes: chunks, each with whole records in it. Little-endian, each
 * record a multiple of 8 bytes, all that nobody uses 0.
 *
 * The first record is the session, one packet follows the other: first those in
 * flight, then those that wait, in their order. The last packet, or the session if there
 * is none, ends the last chunk.
 */
#ifndef VMB_SAVE_IMAGE_H
#define VMB_SAVE_IMAGE_H

#include <linux/build_bug.h>
#include <linux/sizes.h>
#include <linux/types.h>

#define VMB_SAVE_MAGIC		0x53424d56u	/* "VMBS" */
#define VMB_SAVE_VERSION	1u
#define VMB_SAVE_UNIT		8u
/* Nothing is allocated for more than that. */
#define VMB_SAVE_MOST_BYTES	SZ_64M
#define VMB_SAVE_MOST_PACKETS	65536u
#define VMB_SAVE_MOST_PRIVATE	65536u

/**
 * struct vmb_save_chunk - in front of each chunk
 * @magic: VMB_SAVE_MAGIC.
 * @version: VMB_SAVE_VERSION; of another nothing is known but this and the magic.
 * @last: 1: the state ends with this chunk; 0: it does not.
 * @length: bytes of the chunk, with this.
 * @checksum: CRC-32 of the chunk, with 0 here.
 * @session: the same in all chunks of a state, and in no other's.
 * @index: from 0.
 * @records: in this chunk.
 */
struct vmb_save_chunk {
	__le32 magic;
	__le16 version;
	__le16 last;
	__le32 length;
	__le32 checksum;
	__le64 session;
	__le32 index;
	__le32 records;
};

static_assert(sizeof(struct vmb_save_chunk) == 32);

enum vmb_save_record_type {
	VMB_SAVE_SESSION = 1,
	VMB_SAVE_PACKET = 2,
};

/**
 * struct vmb_save_record - in front of each record
 * @type: enum vmb_save_record_type.
 * @length: bytes of the record, with this.
 */
struct vmb_save_record {
	__le32 type;
	__le32 length;
};

static_assert(sizeof(struct vmb_save_record) == VMB_SAVE_UNIT);

/**
 * struct vmb_save_session - the session
 * @record: in front.
 * @type: of what is offered.
 * @instance: of what is offered.
 * @flags: VMB_CHANNEL_INIT_FLAG_*.
 * @server_flags: VMB_SERVER_CHANNEL_INIT_FLAG_*.
 * @packet_size: maximum packet size.
 * @packet_count: maximum packet count.
 * @external_bytes: limit of external data.
 * @external_chain: limit of external data.
 * @read_index: where the ring to the server is read next.
 * @write_index: where the other one is written next.
 * @peer_read_index: how far the client is known to have read that.
 * @packets: records that follow.
 * @in_flight: of these, the first that the client has.
 * @reserved: 0.
 */
struct vmb_save_session {
	struct vmb_save_record record;
	__u8 type[16];
	__u8 instance[16];
	__le32 flags;
	__le32 server_flags;
	__le32 packet_size;
	__le32 packet_count;
	__le32 external_bytes;
	__le32 external_chain;
	__le32 read_index;
	__le32 write_index;
	__le32 peer_read_index;
	__le32 packets;
	__le32 in_flight;
	__le32 reserved;
};

static_assert(sizeof(struct vmb_save_session) == 88);

#define VMB_SAVE_PACKET_WAITS	0x1u	/* a completion is asked for */
#define VMB_SAVE_PACKET_SENT	0x2u	/* the client has it */

/**
 * struct vmb_save_packet - a packet
 * @record: in front.
 * @payload_length: bytes of payload; 0 of a packet in flight, which is in the ring.
 * @private_length: bytes that the driver has added.
 * @flags: VMB_SAVE_PACKET_*.
 * @transaction_id: of a packet in flight; 0 of others, which get one when they are sent.
 *
 * The payload follows, then what the driver has added, each padded.
 */
struct vmb_save_packet {
	struct vmb_save_record record;
	__le32 payload_length;
	__le32 private_length;
	__le32 flags;
	__le32 transaction_id;
};

static_assert(sizeof(struct vmb_save_packet) == 24);

#endif
