/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that a channel shares with its peer. Part of channel.h, which says in
 * which order locks are taken.
 */
#ifndef VMB_SHARED_MEMORY_H
#define VMB_SHARED_MEMORY_H

#include <linux/bvec.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/xarray.h>
#include <vmbkmcl.h>

/**
 * enum vmb_gpadl_origin - whose memory a GPADL is
 * @VMB_GPADL_BUFFER: the client's, at an address of the client's.
 * @VMB_GPADL_PAGES: the client's; we have mapped its pages in one piece.
 * @VMB_GPADL_ALLOCATED: ours.
 */
enum vmb_gpadl_origin {
	VMB_GPADL_BUFFER,
	VMB_GPADL_PAGES,
	VMB_GPADL_ALLOCATED,
};

/**
 * enum vmb_peer_memory - how the peer reaches what is not in the rings
 * @VMB_PEER_MEMORY_PLAIN: as it is: the VM is not isolated.
 * @VMB_PEER_MEMORY_ENCRYPTED: as it is: the peer is inside of the isolated VM, and the
 *	host would see what is decrypted.
 * @VMB_PEER_MEMORY_RING: as with the next, but the rings are not the host's to see.
 * @VMB_PEER_MEMORY_DECRYPTED: the peer is outside of the isolated VM: a GPADL is
 *	decrypted, and external data bounces.
 * @VMB_PEER_MEMORY_UNKNOWN: the VM is isolated, and the peer's offer was not seen yet.
 */
enum vmb_peer_memory {
	VMB_PEER_MEMORY_PLAIN,
	VMB_PEER_MEMORY_ENCRYPTED,
	VMB_PEER_MEMORY_RING,
	VMB_PEER_MEMORY_DECRYPTED,
	VMB_PEER_MEMORY_UNKNOWN,
};

/**
 * enum vmb_gpadl_state - what the peer knows of a GPADL
 * @VMB_GPADL_SHARING: it is being told; nothing is found in it yet.
 * @VMB_GPADL_SHARED: it has it.
 * @VMB_GPADL_DELETING: nobody new may use it; when nobody does, the peer is told.
 */
enum vmb_gpadl_state {
	VMB_GPADL_SHARING,
	VMB_GPADL_SHARED,
	VMB_GPADL_DELETING,
};

/**
 * struct vmb_gpadl_frame - a 4 KiB frame of memory that is shared
 * @number: of the frame; U64_MAX, which no frame has, behind a GPADL's last.
 * @gpadl: whose it is.
 * @run: so many of the GPADL's frames from this one on are neighbours in RAM, too.
 *
 * Of one GPADL they stand in the order in which its pages do: so what a peer
 * names in that order is found without a look-up each. Allocated and freed with
 * the GPADL; immutable while &vmb_memory.frames leads to it.
 */
struct vmb_gpadl_frame {
	u64 number;
	struct vmb_gpadl *gpadl;
	u32 run;
};

/**
 * struct vmb_gpadl - memory that the channel has shared with its peer
 * @node: in &vmb_memory.gpadls.
 * @handle: the peer's name for it.
 * @origin: whose memory it is; says what delete has to undo.
 * @buffer: where it is, page-aligned.
 * @byte_count: bytes of it.
 * @read_only: the client said that the peer should not write; external data in
 *	it is handed out read-only, and a server maps it so.
 * @pages: its pages, in order.
 * @page_count: how many.
 * @frames: its 4 KiB frames, in order, and one more that marks the end.
 * @pinned: they are referenced, so that a client which frees them too early, or must
 *	never free them, does not give them to others.
 * @state: enum vmb_gpadl_state; changed under memory.mutex and memory.lock.
 * @users: vectors in the client's hands that lie in it, under memory.lock.
 * @sets: transfer-page sets that stand for it, under memory.mutex.
 * @mapped: a server on this VM uses it, under memory.lock.
 * @vectors: what that server was given, or NULL; under memory.lock. Allocated by
 *	map, freed by unmap.
 * @transport_private: the transport's.
 *
 * Allocated by create, freed by delete; all but what is said to change is
 * immutable in between.
 */
struct vmb_gpadl {
	struct list_head node;
	u32 handle;
	enum vmb_gpadl_origin origin;
	void *buffer;
	u32 byte_count;
	bool read_only;
	struct page **pages;
	u32 page_count;
	struct vmb_gpadl_frame *frames;
	bool pinned;
	enum vmb_gpadl_state state;
	u32 users;
	u32 sets;
	bool mapped;
	const struct bio_vec *vectors;
	void *transport_private;
};

/**
 * struct vmb_memory - what the channel may touch for its peer
 * @mutex: makes create and delete take turns. The peer is waited for under it,
 *	a client never.
 * @lock: protects @calls, @awaited, @state, @users, @mapped and @vectors of each
 *	GPADL, and look-ups in the list and the arrays against deletion.
 * @gpadls: those that the peer has, or had to the last; changed under @mutex and
 *	@lock.
 * @gpadl_count: how many they are; changed under @mutex.
 * @frames: 4 KiB page frame number to struct vmb_gpadl_frame.
 * @sets: transfer-page set id to struct vmb_gpadl.
 * @mapped: of a server: handles of its client's GPADLs that it has mapped;
 *	changed under the array's own lock.
 * @unused: woken when a GPADL's @users falls to 0, when it is unmapped, and when
 *	@calls falls to 0.
 * @calls: of the client's that are under way, and that the close waits for.
 * @quiesced: the VM is about to hibernate: no pages are handed out; under @lock.
 * @awaited: a packet has named memory that is being shared, and may wait for it.
 * @accepting: the channel is open enough for GPADLs; under @mutex.
 */
struct vmb_memory {
	struct mutex mutex;
	spinlock_t lock;
	struct list_head gpadls;
	u32 gpadl_count;
	struct xarray frames;
	struct xarray sets;
	struct xarray mapped;
	wait_queue_head_t unused;
	u32 calls;
	bool quiesced;
	bool awaited;
	bool accepting;
};

/*
 * A page whose life is counted: not a slab's, whose objects come and go, nor one
 * behind the first of a block, which goes with that.
 */
static inline bool vmb_page_is_counted(struct page *page)
{
	return !folio_test_slab(page_folio(page)) && page_count(page) > 0;
}

#endif
