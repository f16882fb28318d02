/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the channel fuzzer share.
 *
 * An end is a channel, the transport under it, and a client that keeps account
 * of every packet. In hostile.c the peer of the one end is the input; in fair.c
 * two ends are joined, and nothing may be lost between them.
 */
#ifndef VMB_FUZZ_HARNESS_H
#define VMB_FUZZ_HARNESS_H

#include "observe.h"
#include "fuzz.h"

#define SLOTS		12
/* As many as a client with a ring of one page may hold, and the one in reserve. */
#define HELD		33
#define PIECES		16
#define SENT		1024
#define GPADLS		4
#define GPADLS_EVER	24

/*
 * What may come of a packet, a call or a life. fuzz.sh wants each to be reached
 * in every run: an outcome that cannot be is not in here.
 */
#define OUTCOMES(X)				\
	X(send_accepted)			\
	X(send_invalid)				\
	X(send_too_large)			\
	X(send_busy)				\
	X(send_no_channel)			\
	X(held_at_the_limit)			\
	X(send_not_mapped)			\
	X(send_server_external)			\
	X(send_pipe_waits)			\
	X(ended_in_ring)			\
	X(ended_by_completion)			\
	X(ended_with_payload)			\
	X(ended_channel_gone)			\
	X(ended_malformed)			\
	X(ended_too_large_for_ring)		\
	X(ended_leaked)				\
	X(ended_inside_send)			\
	X(sent_again_in_routine)		\
	X(freed_in_routine)			\
	X(abandoned_unsent)			\
	X(abandoned_sent)			\
	X(abandoned_too_late)			\
	X(allocate_refused)			\
	X(request_answered)			\
	X(request_timed_out)			\
	X(request_no_channel)			\
	X(request_no_room)			\
	X(request_overflow)			\
	X(request_bounced)				\
	X(request_in_passing)			\
	X(completed_inline)			\
	X(completed_later)			\
	X(completed_no_channel)			\
	X(completed_too_long)			\
	X(completed_twice)			\
	X(completion_queued)			\
	X(completion_dropped)			\
	X(completion_empty)			\
	X(packet_failed)			\
	X(message_in)				\
	X(packet_held_over_close)		\
	X(external_given)			\
	X(external_given_raw)			\
	X(external_given_set)			\
	X(external_not_shared)			\
	X(external_set_unknown)			\
	X(external_beyond_set)			\
	X(external_read_only)			\
	X(external_pending)			\
	X(gpadl_given_up)			\
	X(packet_deferred)			\
	X(deferred_discarded)			\
	X(quota_reached)			\
	X(overtime)				\
	X(starved)				\
	X(discarded)				\
	X(stalled)				\
	X(held_while_paused)			\
	X(paused)				\
	X(opened)				\
	X(open_refused)				\
	X(open_failed)				\
	X(closed_disabled)			\
	X(closed_peer_gone)			\
	X(closed_framing_lost)			\
	X(closed_hibernating)			\
	X(closed_shutdown)			\
	X(close_with_primary)			\
	X(closed_with_primary)			\
	X(hibernated)				\
	X(hibernation_refused)			\
	X(resumed)				\
	X(shut_down)				\
	X(sub_channel_refused)			\
	X(sub_channels_orphaned)		\
	X(share_failed)				\
	X(share_refused)			\
	X(mapped)				\
	X(map_refused)				\
	X(setting_refused)			\
	X(channel_not_made)			\
	X(channel_made)				\
	X(saved_anywhere)			\
	X(ended_handed_over)			\
	X(left_behind)				\
	X(deadlock_refused)			\
	X(enable_without_peer)			\
	X(prepare_failed)			\
	X(sent_loose)				\
	X(close_not_clean)			\
	X(no_memory)				\
	X(restore_refused)			\
	X(restore_taken)			\
	X(saved)				\
	X(restored_again)			\
	X(fair_crossed)				\
	X(fair_external_crossed)		\
	X(fair_answered)			\
	X(fair_waited_for_room)

enum outcome {
#define OUTCOME_NAME(name) OUTCOME_##name,
	OUTCOMES(OUTCOME_NAME)
#undef OUTCOME_NAME
	OUTCOME_COUNT
};

/* reached.c, with what fuzz.h has of it */
void reached(enum outcome outcome);

/* input.c */
void input_begin(const u8 *bytes, size_t size);
u8 take(void);
u8 take_from_end(void);
bool input_is_over(void);
struct fuzz_input *peer_script(void);

/* A piece of physical memory. */
struct piece {
	u64 address;
	u32 length;
};

struct pieces {
	u32 count;
	struct piece piece[PIECES];
};

/* A packet in the client's hands. */
struct held {
	struct vmb_packet_completion *packet;
	u8 *buffer;
	u32 length;
	u64 sum;
	bool waits;
	u32 sequence;
};

/* An outbound packet of the client's. */
struct slot {
	struct end *end;
	struct vmb_packet *packet;
	void *memory;
	bool in_flight;
	bool in_send;
	/* Somebody works on it. */
	bool busy;
	bool waits;
	bool external;
	u32 sequence;
	u16 pages[PIECES];
	u32 page_count;
	struct pieces pieces;
};

/* What was sent over a fair channel, by its number. */
struct sent {
	bool accepted;
	bool delivered;
	bool external;
	u32 length;
	/* When the send began and returned: what overlaps has no order. */
	u32 begun;
	u32 done;
	u32 answer_length;
	/* The same of its completion, by the other end. */
	u32 answer_begun;
	u32 answer_done;
	bool answered;
	/* Sent while it had to be held: completions overtake it. */
	bool held;
	struct pieces pieces;
};

#define SEEN		32

/* What the hostile peer knows. */
struct peer {
	u32 write_at;
	u32 read_at;
	/* Transactions of which it owes, or owed, a completion. */
	u64 seen[SEEN];
	u32 seen_count;
	/* It wrote into the ring that it reads: what it finds there says nothing. */
	bool scribbled;
};

struct end {
	/* That of the primary has them all. */
	struct vmb_transport_device device;
	struct vmb_transport_device *on;
	/* Further channels of the device. */
	struct end *next;
	struct end *primary;
	/* Of shared_memory.c: the first of two. */
	u32 ring;
	/* Which sub-channel. */
	u16 index;
	/* The device has no type, so it is nobody's target. */
	bool nameless;
	struct peer peer;
	struct device dev;
	struct vmb_channel *channel;
	struct end *other;
	/* Between configuration and cleanup: there are others. */
	bool live;
	bool fair;
	bool is_server;
	bool meddles;
	bool stays;
	bool is_pipe;
	u8 in_class;
	u8 out_class;
	struct vmb_ring in;
	struct vmb_ring out;
	/* The transport. */
	bool attached;
	bool peer_there;
	bool gone;
	/* While it is prepared. */
	bool goes;
	bool interrupt_due;
	int open_error;
	int opened_error;
	int close_error;
	int gpadl_error;
	int prepare_error;
	bool rings_reduced;
	/* The client does what it is warned of. */
	bool misuses;
	/* And has a request in its callback. */
	bool requests;
	/* At the end. */
	enum {
		FORGETS_NOTHING,
		FORGETS_DISABLE,
		FORGETS_CHANNEL,
	} forgets;
	/* In an isolated VM, with a peer that reaches encrypted memory. */
	bool encrypted;
	/* The peer closes it with its primary. */
	bool half_closed;
	/* The life, as the client was told of it. */
	bool open;
	bool running;
	bool closed_said;
	/* Packets in. */
	struct held held[HELD];
	u32 held_count;
	u64 answers_due;
	struct vmb_packet_completion *fetching;
	struct vmb_packet_completion *deferred;
	bool in_callback;
	bool hold_to_the_end;
	bool offer_removing;
	bool was_saved;
	/* If that fails late, what others have sent meanwhile ends. */
	bool enabling;
	/* Packets out. */
	struct slot slots[SLOTS];
	u64 leaked_pins[KERNEL_PAGES];
	u32 leaked_mappings;
	/* Of slots; with requests there may be more. */
	u64 sends_failed;
	bool requested;
	/* A request that nobody waits for may have leaked more. */
	bool requested_external;
	bool closed_unclean;
	u32 sequence;
	u32 stamp;
	struct sent *sent;
	/* Memory that is shared. */
	u32 gpadls[GPADLS];
	u8 gpadl_how[GPADLS];
	u32 gpadl_from[GPADLS];
	/* Behind the first frame. */
	u32 gpadl_page[GPADLS];
	u32 shared_ever;
	bool gpadl_set[GPADLS];
	u32 gpadl_count;
	bool shares;
	bool gave_up;
	/* A server's, of its client's. */
	u32 mapped[GPADLS];
	u32 mapped_count;
	bool keeps_mapped;
	/* Packets, since processing_complete was called. */
	u32 processed;
	/* What stays of what the peer may have for ever. */
	u32 leaked_areas;
	bool leaked_pages;
};

/* sent.c */
u8 pattern(u32 sequence, u32 position);
/* Add memory, to the last piece if it goes on there. */
void pieces_add(struct pieces *pieces, u64 address, u32 length);
bool pieces_are_equal(const struct pieces *one, const struct pieces *other);
void check_order(const struct end *from, u32 begun, bool is_answer);

/* packets_out.c */
void slot_make(struct end *end, u8 how);
void slot_free(struct slot *slot);
void slot_send(struct slot *slot, bool plain);
/* @recall: if the peer has not seen it. */
void slot_abandon(struct slot *slot, bool recall);
struct slot *slot_of_transaction(struct end *end, u64 id);
void slots_free_all(struct end *end);

/* requests.c */
void client_request(struct end *end, bool in_callback);
void request_in_passing(struct end *end);

/* packets_in.c */
void process_packet(struct vmb_channel *channel, void *context,
		    struct vmb_packet_completion *packet, void *buffer,
		    u32 length, u32 flags);
void held_complete(struct end *end, u32 index, u32 length);
void held_fail(struct end *end, u32 index);
bool held_fetch(struct end *end, u32 index);
void held_misuse(struct end *end, u32 index);
void held_complete_all(struct end *end);

/* peer.c */
void peer_opened(struct end *end);
void peer_act(struct end *end);
void peer_read(struct end *end, u32 most);

/* end.c */
extern bool no_local_transport;
/* @primary: NULL, or whose sub-channel it is. */
void end_make(struct end *end, bool is_server, struct end *primary);
void end_enable(struct end *end);
void end_disable(struct end *end);
void end_destroy(struct end *end);
void end_cleanup(struct end *end);
void end_interrupt(struct end *end);

/* checks.c */
void end_check_counters(struct end *end);
void end_check_pages(struct end *end);

/* shares.c */
void end_share(struct end *end, u32 page, u8 kind, bool read_only);
void end_unshare(struct end *end, u32 index);
void end_map(struct end *end, u8 how);
void end_unmap_all(struct end *end);

/* settings.c */
#define SETTING_REFUSAL	4
void settings_act(struct end *end);
void settings_make(struct end *end, u8 how);
void deadlocks(struct vmb_channel *channel);
void leave_behind(struct end *end);
void send_loose(struct end *end, u8 how);

/* acts.c: what does not wait, so it may be done anywhere. */
void acts_reset(void);
void client_act(struct end *end);
void other_act(struct end **ends, u32 count);
void sleep_act(struct end **ends, u32 count);

/* The parts. */
void fuzz_hostile(void);
void fuzz_fair(void);
void fuzz_restore(void);
void fuzz_device(void);

#endif
