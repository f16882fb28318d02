/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VMBus's words for the wire: what stands in shared memory, byte for byte.
 *
 * The kernel's own structs for this are not used: they changed between the
 * kernels we build for (sizes too), and their [1] arrays trip the bounds
 * sanitizer.
 */
#ifndef VMB_WIRE_H
#define VMB_WIRE_H

#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>

/* Lengths and offsets in a descriptor count units of eight bytes. */
#define VMB_WIRE_UNIT		8u
/* Hyper-V counts pages of 4 KiB, whatever the size of the kernel's. */
#define VMB_WIRE_PAGE_SHIFT	12
#define VMB_WIRE_PAGE_SIZE	(1u << VMB_WIRE_PAGE_SHIFT)

enum vmb_wire_type {
	VMB_WIRE_TYPE_DATA_INBAND = 6,
	VMB_WIRE_TYPE_DATA_TRANSFER_PAGES = 7,
	VMB_WIRE_TYPE_DATA_GPA_DIRECT = 9,
	VMB_WIRE_TYPE_COMPLETION = 11,
};

/* The one flag that VMBus defines: the sender waits for a completion. */
#define VMB_WIRE_FLAG_COMPLETION_REQUESTED	1u

/* Every packet begins with this. */
struct vmb_wire_descriptor {
	__le16 type;
	__le16 offset8;		/* of the payload, from the descriptor's start */
	__le16 length8;		/* descriptor, range list, payload; not the trailer */
	__le16 flags;
	__le64 transaction_id;
} __packed;
static_assert(sizeof(struct vmb_wire_descriptor) == 16);
static_assert(offsetof(struct vmb_wire_descriptor, offset8) == 2);
static_assert(offsetof(struct vmb_wire_descriptor, length8) == 4);
static_assert(offsetof(struct vmb_wire_descriptor, flags) == 6);
static_assert(offsetof(struct vmb_wire_descriptor, transaction_id) == 8);

/* Every packet ends with this, which its length does not count. */
struct vmb_wire_trailer {
	__le32 reserved;
	__le32 start_index;	/* ring offset at which the packet begins */
} __packed;
static_assert(sizeof(struct vmb_wire_trailer) == 8);
static_assert(offsetof(struct vmb_wire_trailer, start_index) == 4);

/* In front of every message of a pipe, part of the payload. */
struct vmb_wire_pipe_header {
	__le32 type;
	__le32 size;		/* bytes of the message, exactly; not this header */
} __packed;
static_assert(sizeof(struct vmb_wire_pipe_header) == 8);
static_assert(offsetof(struct vmb_wire_pipe_header, size) == 4);

/* The one type that has a message. */
#define VMB_WIRE_PIPE_DATA	1u

/* GPA-direct: between descriptor and payload, followed by range_count ranges. */
struct vmb_wire_gpa_direct {
	__le32 reserved;
	__le32 range_count;
} __packed;
static_assert(sizeof(struct vmb_wire_gpa_direct) == 8);
static_assert(offsetof(struct vmb_wire_gpa_direct, range_count) == 4);

/* One PFN for each 4 KiB page that (byte_offset, byte_count) touches. */
struct vmb_wire_gpa_range {
	__le32 byte_count;
	__le32 byte_offset;	/* into the first page */
	__le64 pfn[];
} __packed;
static_assert(sizeof(struct vmb_wire_gpa_range) == 8);
static_assert(offsetof(struct vmb_wire_gpa_range, byte_offset) == 4);
static_assert(offsetof(struct vmb_wire_gpa_range, pfn) == 8);

/* Transfer pages: between descriptor and payload, followed by range_count ranges. */
struct vmb_wire_transfer_pages {
	__le16 set_id;
	u8 sender_owns_set;
	u8 reserved;
	__le32 range_count;
} __packed;
static_assert(sizeof(struct vmb_wire_transfer_pages) == 8);
static_assert(offsetof(struct vmb_wire_transfer_pages, range_count) == 4);

struct vmb_wire_transfer_range {
	__le32 byte_count;
	__le32 byte_offset;	/* into the set's buffer */
} __packed;
static_assert(sizeof(struct vmb_wire_transfer_range) == 8);
static_assert(offsetof(struct vmb_wire_transfer_range, byte_offset) == 4);

/* The control page of one ring. The data follows it, a page later. */
struct vmb_wire_ring_control {
	__le32 write_index;
	__le32 read_index;
	__le32 interrupt_mask;		/* the reader wants no signal */
	__le32 pending_send_size;	/* the writer waits for more room than this */
	__le32 reserved[12];
	__le32 feature_bits;
} __packed;
static_assert(sizeof(struct vmb_wire_ring_control) == 68);
static_assert(offsetof(struct vmb_wire_ring_control, read_index) == 4);
static_assert(offsetof(struct vmb_wire_ring_control, interrupt_mask) == 8);
static_assert(offsetof(struct vmb_wire_ring_control, pending_send_size) == 12);
static_assert(offsetof(struct vmb_wire_ring_control, feature_bits) == 64);

/* feature_bits: the reader of this ring signals when pending_send_size is met. */
#define VMB_WIRE_FEATURE_PENDING_SEND_SIZE	1u

/*
 * Longest packet that a descriptor can say, without the trailer: 65,535 units.
 * KMCL calls it its MTU.
 */
#define VMB_WIRE_MAXIMUM_LENGTH		(0xffffu * VMB_WIRE_UNIT)

#endif
