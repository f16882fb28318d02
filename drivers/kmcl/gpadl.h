/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory shared with the peer, and what its packets name of it. What this floor
 * offers to those above it.
 */
#ifndef VMB_GPADL_H
#define VMB_GPADL_H

#include "channel.h"

/* gpadl_free.c */
void vmb_gpadl_pin(struct vmb_gpadl *gpadl);
void vmb_gpadl_leak_memory(struct vmb_gpadl *gpadl);
void vmb_gpadl_free(struct vmb_gpadl *gpadl, bool leaked);

/* gpadl.c */
void vmb_memory_resume(struct vmb_channel *channel);
void vmb_memory_init(struct vmb_memory *memory);
void vmb_memory_destroy(struct vmb_memory *memory);
void vmb_memory_begin_call(struct vmb_memory *memory);
void vmb_memory_end_call(struct vmb_memory *memory);
void vmb_memory_delete_leftovers(struct vmb_channel *channel);
struct vmb_gpadl *vmb_gpadl_find(struct vmb_memory *memory, u32 handle);
int vmb_gpadl_create(struct vmb_channel *channel, struct vmb_gpadl *gpadl,
		     u32 *gpadl_handle);

/* gpadl_pages.c */
int vmb_gpadl_page_of_pfns(const u64 *pfns, u32 page_shift, u64 *frame);

/* gpadl_map.c */
int vmb_gpadl_map(struct vmb_channel *owner, u32 flags, u32 gpadl_handle,
		  const struct bio_vec **vectors, u32 *vector_count);
void vmb_gpadl_unmap(struct vmb_channel *owner, u32 gpadl_handle);
void vmb_memory_unmap_leftovers(struct vmb_channel *server);

/* raw_pages.c */
struct notifier_block;
int vmb_raw_pages_init(void);
void vmb_raw_pages_exit(void);
int vmb_raw_pages_notify(struct notifier_block *block, unsigned long action,
			 void *data);
struct page *vmb_page_of_frame(u64 frame);
struct page *vmb_raw_page_hold(struct page *page);
struct page *vmb_raw_page_get(u64 frame);

/* external_data.c */
extern bool vmb_forbid_raw_guest_memory;
enum vmb_refusal vmb_external_data_check(struct vmb_packet_completion *packet);
enum vmb_refusal vmb_external_data_resolve(struct vmb_packet_completion *packet,
					   bool *pending);
void vmb_external_data_release(struct vmb_packet_completion *packet);

#endif
