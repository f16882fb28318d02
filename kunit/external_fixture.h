/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A channel that shares memory, and a peer that names memory in its packets.
 */
#ifndef VMB_KUNIT_EXTERNAL_FIXTURE_H
#define VMB_KUNIT_EXTERNAL_FIXTURE_H

#include "channel_fixture.h"

/* Pages that are shared; most bytes of a packet's external data; a set's id. */
#define EXTERNAL_PAGES		4u
#define EXTERNAL_LIMIT		(8 * PAGE_SIZE)
#define EXTERNAL_SET		7

/**
 * struct external_memory - what the tests share with the peer
 * @memory: of EXTERNAL_PAGES pages, from vmalloc: neighbours here, not in RAM.
 * @handle: its GPADL, 0: none.
 * @vectors: the last answer.
 * @vector_count: likewise.
 */
struct external_memory {
	u8 *memory;
	u32 handle;
	const struct bio_vec *vectors;
	u32 vector_count;
};

/* A range list: words of 64 bits, as they lie in memory. */
struct range_list {
	__le64 words[24];
	u32 count;
};

struct external_memory *shared_of(struct channel_fixture *fixture);
int external_fixture_init(struct kunit *test);
void external_fixture_exit(struct kunit *test);
void share_memory(struct channel_fixture *fixture, u32 flags);
u64 peer_pfn(const void *address);
void range_list_begin(struct range_list *list, u32 ranges, u16 set_id);
void range_list_range(struct range_list *list, u32 bytes, u32 offset);
void range_list_pfn(struct range_list *list, u64 pfn);
struct vmb_packet_completion *peer_send_list(struct channel_fixture *fixture, u16 type,
					     const struct range_list *list);
struct vmb_packet_completion *peer_send_direct(struct channel_fixture *fixture,
					       const u8 *memory, u32 offset, u32 bytes);
struct vmb_packet_completion *peer_send_transfer(struct channel_fixture *fixture,
						 u16 set_id, u32 offset, u32 bytes);
int get_external(struct channel_fixture *fixture, struct vmb_packet_completion *packet, u32 flags);
void get_all(struct channel_fixture *fixture, struct vmb_packet_completion *packet);
void expect_memory(struct channel_fixture *fixture, const u8 *memory, u32 bytes);
void expect_external_refused(struct channel_fixture *fixture, int error,
			     enum vmb_refusal refusal);

#endif
