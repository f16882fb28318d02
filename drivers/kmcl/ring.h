/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Packets in a shared ring: one reader and one writer.
 *
 * Pure: no lock, no allocation, no sleep, no call into hv_vmbus, never a
 * signal. The caller serialises all calls on one reader, and all on one writer,
 * and rings the bell when a commit says so. The same files build into the
 * module, into KUnit and into user space.
 *
 * The private indices are the truth. What the peer can write is captured once,
 * checked, and only then used; our own index in shared memory is only ever
 * compared, and a difference is a loss of framing.
 *
 * Barriers. "Us" is this file, "peer" whoever holds the other end: a host, or
 * this file again.
 *
 *  [A] us, reader: load write_index, then load packet bytes
 *      pairs with the peer's [B].               virt_load_acquire
 *  [B] us, writer: store packet bytes, then store write_index
 *      pairs with the peer's [A].               virt_store_release
 *  [C] us, reader: load packet bytes, then store read_index, so that the peer
 *      does not write over what is still being copied
 *      pairs with the peer's [D].               virt_store_release
 *  [D] us, writer: load read_index, then store packet bytes
 *      pairs with the peer's [C].               virt_load_acquire
 *  [E] us, reader: store read_index, then load pending_send_size
 *      pairs with the peer's [F]: whoever comes second sees the other's store,
 *      so a writer that waits for room is either signalled or finds it.
 *                                               virt_mb
 *  [F] us, writer: store pending_send_size, then load read_index
 *      pairs with the peer's [E].               virt_mb
 *  [G] us, reader: store interrupt_mask = 0, then load write_index
 *      pairs with the peer's [H]: a packet that arrives while we unmask is
 *      either signalled or found.               virt_mb
 *  [H] us, writer: store write_index, then load interrupt_mask and read_index
 *      pairs with the peer's [G].               virt_mb
 */
#ifndef VMB_RING_H
#define VMB_RING_H

#include <linux/compiler.h>
#include <linux/types.h>
#include <asm/byteorder.h>

#include "refusal.h"
#include "wire.h"

/**
 * struct vmb_ring - where a ring is
 * @control: its control page, shared with the peer.
 * @data: its data, shared with the peer.
 * @size: bytes of @data, a multiple of 8.
 *
 * Immutable while a reader or writer uses it. The memory belongs to the code that
 * made the ring.
 */
struct vmb_ring {
	struct vmb_wire_ring_control *control;
	u8 *data;
	u32 size;
};

/* What its reader can do (VMB_WIRE_FEATURE_...), of a ring that nobody else has yet. */
static inline void vmb_ring_set_features(const struct vmb_ring *ring, u32 features)
{
	WRITE_ONCE(ring->control->feature_bits, cpu_to_le32(features));
}

/* And what it says that it can. */
static inline u32 vmb_ring_features(const struct vmb_ring *ring)
{
	return le32_to_cpu(READ_ONCE(ring->control->feature_bits));
}

/**
 * enum vmb_ring_status - what a read or a write came to
 * @VMB_RING_DONE: a packet was read, or written.
 * @VMB_RING_EMPTY: nothing to read.
 * @VMB_RING_FULL: no room to write.
 * @VMB_RING_REFUSED: one packet was consumed and refused; the stream goes on.
 * @VMB_RING_NO_ROOM: one completion was consumed that is longer than there is room for
 *	yet.
 * @VMB_RING_LOST: framing is lost. Nothing was consumed, and every further call
 *	says the same.
 */
enum vmb_ring_status {
	VMB_RING_DONE,
	VMB_RING_EMPTY,
	VMB_RING_FULL,
	VMB_RING_REFUSED,
	VMB_RING_NO_ROOM,
	VMB_RING_LOST,
};

/**
 * struct vmb_ring_packet - one packet's descriptor, captured and checked
 * @transaction_id: the sender's; meaningful if a completion is asked for, or in
 *	a completion.
 * @type: enum vmb_wire_type, as captured (also when refused).
 * @flags: as captured.
 * @ranges_length: bytes between descriptor and payload.
 * @payload_length: bytes of payload, a multiple of 8.
 */
struct vmb_ring_packet {
	u64 transaction_id;
	u16 type;
	u16 flags;
	u32 ranges_length;
	u32 payload_length;
};

/**
 * struct vmb_ring_reader - the reading end of a ring
 * @ring: where it is.
 * @read_index: next byte to read; private, the truth.
 * @published_index: what the peer has been told.
 * @write_index: end of what has been seen of the peer's packets, checked; equal
 *	to @read_index once framing is lost.
 * @limit: as far as packets can be read in one piece: @write_index, or if that is
 *	behind @read_index the ring's end less one, for a packet that ends there is
 *	none that leaves an index.
 * @plain_payload: longest payload that vmb_ring_read_inline() copies, in bytes.
 * @maximum_ranges: longest range list accepted, in bytes.
 * @maximum_payload: longest payload accepted, in bytes.
 * @overlong: where the payload of a completion goes that is longer; NULL: there is no
 *	room for it yet.
 * @overlong_size: bytes of that; a completion that is longer still is refused.
 * @lost: why framing was lost, VMB_REFUSAL_NONE while it was not.
 *
 * Owned by the caller, who serialises all calls on it.
 */
struct vmb_ring_reader {
	struct vmb_ring ring;
	u32 read_index;
	u32 published_index;
	u32 write_index;
	u32 limit;
	u32 plain_payload;
	u32 maximum_ranges;
	u32 maximum_payload;
	void *overlong;
	u32 overlong_size;
	enum vmb_refusal lost;
};

/* A packet cannot be smaller than this, nor is room needed for less. */
#define VMB_RING_PACKET_MINIMUM \
	((u32)(sizeof(struct vmb_wire_descriptor) + sizeof(struct vmb_wire_trailer)))

void vmb_ring_reader_init(struct vmb_ring_reader *reader,
			  const struct vmb_ring *ring,
			  u32 maximum_ranges, u32 maximum_payload);
enum vmb_ring_status vmb_ring_read(struct vmb_ring_reader *reader, void *buffer,
				   struct vmb_ring_packet *packet,
				   enum vmb_refusal *refusal);
enum vmb_ring_status vmb_ring_read_any(struct vmb_ring_reader *reader, u64 head,
				       void *buffer, struct vmb_ring_packet *packet,
				       enum vmb_refusal *refusal);
enum vmb_ring_status vmb_ring_reader_refresh(struct vmb_ring_reader *reader,
					     enum vmb_refusal *refusal);
void vmb_ring_reader_take_overlong(struct vmb_ring_reader *reader, void *buffer,
				   u32 size);
void vmb_ring_reader_put_back(struct vmb_ring_reader *reader,
			      const struct vmb_ring_packet *packet);
bool vmb_ring_reader_commit(struct vmb_ring_reader *reader);
void vmb_ring_reader_mask(struct vmb_ring_reader *reader);
bool vmb_ring_reader_unmask(struct vmb_ring_reader *reader);
bool vmb_ring_reader_has_data(const struct vmb_ring_reader *reader);
u32 vmb_ring_reader_unread(const struct vmb_ring_reader *reader);

/* Go on reading at an index. */
static inline void vmb_ring_reader_move(struct vmb_ring_reader *reader, u32 index)
{
	reader->read_index = index;
	reader->limit = reader->write_index >= index ? reader->write_index :
						       reader->ring.size - 1;
}

/* Bytes read and not yet given back to the peer. */
static inline u32 vmb_ring_reader_uncommitted(const struct vmb_ring_reader *reader)
{
	u32 bytes = reader->read_index - reader->published_index;

	return reader->read_index < reader->published_index ?
	       bytes + reader->ring.size : bytes;
}

/**
 * struct vmb_ring_outbound_packet - one packet to write
 * @transaction_id: goes into the descriptor as it is.
 * @type: enum vmb_wire_type.
 * @flags: 0 or VMB_WIRE_FLAG_COMPLETION_REQUESTED.
 * @ranges: range list, or NULL.
 * @ranges_length: bytes of @ranges, a multiple of 8.
 * @payload: or NULL.
 * @payload_length: bytes of @payload; the wire's padding is written as zeros.
 */
struct vmb_ring_outbound_packet {
	u64 transaction_id;
	u16 type;
	u16 flags;
	const void *ranges;
	u32 ranges_length;
	const void *payload;
	u32 payload_length;
};

/**
 * struct vmb_ring_writer - the writing end of a ring
 * @ring: where it is.
 * @write_index: where the next packet goes; private, the truth.
 * @published_index: what the peer has been told.
 * @read_index: how far the peer is known to have read, checked.
 * @room: bytes from @write_index to there; 0 once framing is lost.
 * @pending_send_size: what the peer was last told we wait for.
 * @lost: why framing was lost, VMB_REFUSAL_NONE while it was not.
 *
 * Owned by the caller, who serialises all calls on it.
 */
struct vmb_ring_writer {
	struct vmb_ring ring;
	u32 write_index;
	u32 published_index;
	u32 read_index;
	u32 room;
	u32 pending_send_size;
	enum vmb_refusal lost;
};

void vmb_ring_writer_init(struct vmb_ring_writer *writer,
			  const struct vmb_ring *ring);
int vmb_ring_packet_size(u32 ranges_length, u32 payload_length, u32 *size);
enum vmb_ring_status vmb_ring_write(struct vmb_ring_writer *writer,
				    const struct vmb_ring_outbound_packet *packet,
				    u32 *needed);
bool vmb_ring_writer_commit(struct vmb_ring_writer *writer);
void vmb_ring_writer_wait_for_room(struct vmb_ring_writer *writer, u32 needed);
bool vmb_ring_writer_has_room(const struct vmb_ring_writer *writer, u32 size);
u32 vmb_ring_writer_free(struct vmb_ring_writer *writer);
u32 vmb_ring_writer_unread(const struct vmb_ring_writer *writer);

/*
 * Has it lost the framing? Any context; needs no serialisation where a stale answer does
 * no harm.
 */
static inline bool vmb_ring_writer_is_lost(const struct vmb_ring_writer *writer)
{
	return READ_ONCE(writer->lost) != VMB_REFUSAL_NONE;
}

/**
 * struct vmb_ring_positions - where one end of a pair of rings stands, at rest
 * @read_index: where it reads next; the peer knows.
 * @write_index: where it writes next; the peer knows.
 * @peer_read_index: how far the peer is known to have read what it has written.
 */
struct vmb_ring_positions {
	u32 read_index;
	u32 write_index;
	u32 peer_read_index;
};

void vmb_ring_reader_resume(struct vmb_ring_reader *reader,
			    const struct vmb_ring_positions *at);
void vmb_ring_writer_resume(struct vmb_ring_writer *writer,
			    const struct vmb_ring_positions *at);

/* Bytes written and not yet shown to the peer. */
static inline u32 vmb_ring_writer_uncommitted(const struct vmb_ring_writer *writer)
{
	u32 bytes = writer->write_index - writer->published_index;

	return writer->write_index < writer->published_index ?
	       bytes + writer->ring.size : bytes;
}

#endif
