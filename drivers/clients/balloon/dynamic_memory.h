/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Dynamic Memory: how a host takes memory from a guest, and gives it back.
 *
 * Every message is one packet that wants no completion. The guest begins: it
 * asks for versions, the newest first, until the host accepts one, and then says
 * what it can do. From then on the host asks, and the guest answers with the
 * host's transaction number. Pages are 4 KiB whatever the guest's are.
 */
#ifndef BALLOON_DYNAMIC_MEMORY_H
#define BALLOON_DYNAMIC_MEMORY_H

#include <linux/bits.h>
#include <linux/types.h>

/* As it is on the wire: major in the high half. */
#define DM_VERSION(major, minor)	((u32)(major) << 16 | (minor))

/* The largest message, either way, in bytes. */
#define DM_MAXIMUM_SIZE			4096

enum dm_type {
	DM_TYPE_VERSION_REQUEST = 1,
	DM_TYPE_VERSION_RESPONSE = 2,
	DM_TYPE_CAPABILITIES = 3,
	DM_TYPE_CAPABILITIES_RESPONSE = 4,
	DM_TYPE_STATUS = 5,
	DM_TYPE_BALLOON_REQUEST = 6,
	DM_TYPE_BALLOON_RESPONSE = 7,
	DM_TYPE_UNBALLOON_REQUEST = 8,
	DM_TYPE_UNBALLOON_RESPONSE = 9,
	DM_TYPE_HOT_ADD_REQUEST = 10,
	DM_TYPE_HOT_ADD_RESPONSE = 11,
	DM_TYPE_INFORMATION = 12,
};

/* In front of every message. */
struct dm_header {
	__le16 type;		/* enum dm_type */
	__le16 size;		/* bytes of the message, this header among them */
	__le32 transaction;	/* an answer has that of what it answers */
};

struct dm_version_request {
	struct dm_header header;
	__le32 version;		/* DM_VERSION() */
	__le32 flags;
#define DM_VERSION_REQUEST_LAST			BIT(0)	/* no other will be tried */
};

/* To a version and to capabilities. */
struct dm_response {
	struct dm_header header;
	__le64 flags;
#define DM_RESPONSE_ACCEPTED			BIT_ULL(0)
#define DM_RESPONSE_NO_STATUS			BIT_ULL(2)	/* to capabilities */
};

struct dm_capabilities {
	struct dm_header header;
	__le64 flags;
#define DM_CAPABILITY_BALLOON			BIT_ULL(0)
	__le64 minimum_pages;	/* what the guest cannot do without */
	__le64 maximum_page;	/* highest page number it could use */
};

struct dm_status {
	struct dm_header header;
	__le64 available;	/* pages */
	__le64 committed;	/* pages: by this the host judges the pressure */
	__le64 page_file;
	__le64 free;
	__le32 page_file_writes;
	__le32 io_difference;
};

struct dm_balloon_request {
	struct dm_header header;
	__le32 page_count;	/* as many as it would like to have */
	__le32 reserved;
};

/* A range of pages in one word: the first one's number, and how many. */
#define DM_RANGE_START				GENMASK_ULL(39, 0)
#define DM_RANGE_COUNT				GENMASK_ULL(63, 40)

struct dm_balloon_response {
	struct dm_header header;
	__le32 reserved;
	__le32 ranges_and_more;	/* count of the ranges, times two */
#define DM_BALLOON_RESPONSE_MORE		BIT(0)	/* not the last answer */
	__le64 ranges[];
};

struct dm_unballoon_request {
	struct dm_header header;
	__le32 flags;
#define DM_UNBALLOON_REQUEST_MORE		BIT(0)	/* only the last is answered */
	__le32 range_count;
	__le64 ranges[];
};

struct dm_unballoon_response {
	struct dm_header header;
};

struct dm_hot_add_response {
	struct dm_header header;
	__le32 page_count;
	__le32 result;		/* 1: all were added */
};

#endif
