/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A channel whose peer is hostile: on a thread of its own, on another CPU, it does by a
 * generator whatever a peer can do to two rings and a bell, while the client sends,
 * completes, shares memory, pauses and disables.
 *
 * Two kinds of lives. In one that counts the rings stay sound, and of every packet that
 * the peer writes it is known what has to become of it: so refusals, completions and
 * contents are checked to the last one, and the end is a fault whose name is known. In
 * one that is wild everything is written to at any moment, also while the library reads
 * it, and what holds is what must hold whatever a peer does.
 *
 * The same seed has each thread draw the same numbers; which of them is faster is the
 * machine's to say.
 */
#ifndef VMB_KUNIT_HOSTILE_H
#define VMB_KUNIT_HOSTILE_H

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "../../drivers/kmcl/observe.h"
#include "../fixtures/ring_image.h"

/* Nobody here needs that long, unless something hangs. */
#define HOSTILE_PATIENCE	(60 * HZ)
/* Packets of the client's that it sends again and again, and that it holds. */
#define HOSTILE_SLOTS		24u
#define HOSTILE_HELD		64u
/* Packets that the peer waits for completions of, and that it has to answer. */
#define HOSTILE_WANTED		1024u
#define HOSTILE_ANSWERS		256u
/* Deliveries that are due. */
#define HOSTILE_DUE		4096u
/* Pages of each kind that there are to name. */
#define HOSTILE_PAGES		4u
#define HOSTILE_SET		3u
#define HOSTILE_CONTEXT		40u
#define HOSTILE_WRONGS		6u
/* Bytes of ring with which an answer finds room, and once more. */
#define HOSTILE_ANSWER_ROOM	128u
/* What a completion in the client's place has in it. */
#define HOSTILE_REFUSED		"refused!"

/* Numbers that look random, and are the same each time. */
struct hostile_random {
	u64 state;
};

static inline u32 hostile_random(struct hostile_random *random)
{
	random->state ^= random->state >> 12;
	random->state ^= random->state << 25;
	random->state ^= random->state >> 27;
	return (random->state * 0x2545f4914f6cdd1dull) >> 32;
}

static inline u64 hostile_random64(struct hostile_random *random)
{
	u64 high = hostile_random(random);

	return high << 32 | hostile_random(random);
}

static inline u32 hostile_below(struct hostile_random *random, u32 count)
{
	return (u64)hostile_random(random) * count >> 32;
}

/* Once in so many times. */
static inline bool hostile_chance(struct hostile_random *random, u32 times)
{
	return !hostile_below(random, times);
}

/**
 * enum hostile_data - what external data of a packet has to come to
 * @HOSTILE_DATA_NONE: it has none.
 * @HOSTILE_DATA_OURS: memory that is shared all the time.
 * @HOSTILE_DATA_READ_ONLY: the same, but only to be read.
 * @HOSTILE_DATA_FOREIGN: something that is not shared.
 * @HOSTILE_DATA_CHANGING: memory that is shared now and then.
 * @HOSTILE_DATA_SET: in the set that is registered.
 * @HOSTILE_DATA_NO_SET: in one that is not.
 * @HOSTILE_DATA_BEYOND: outside the set.
 */
enum hostile_data {
	HOSTILE_DATA_NONE,
	HOSTILE_DATA_OURS,
	HOSTILE_DATA_READ_ONLY,
	HOSTILE_DATA_FOREIGN,
	HOSTILE_DATA_CHANGING,
	HOSTILE_DATA_SET,
	HOSTILE_DATA_NO_SET,
	HOSTILE_DATA_BEYOND,
};

/**
 * struct hostile_due - a packet that the client has to get
 * @id: its transaction.
 * @length: bytes of payload; its seed is the transaction, too.
 * @data: its external data.
 */
struct hostile_due {
	u64 id;
	u32 length;
	enum hostile_data data;
};

/**
 * struct hostile_wanted - a completion that the peer has to get
 * @id: of the packet.
 * @due: it has not come yet.
 * @refused: what was sent in the client's place.
 */
struct hostile_wanted {
	u64 id;
	bool due;
	bool refused;
};

/**
 * struct hostile_peer - the peer, a thread of its own
 * @task: the thread.
 * @random: its generator.
 * @lock: held while it touches the rings; protects all that follows.
 * @attached: there are rings.
 * @inbound: the ring that it writes.
 * @outbound: the ring that it reads.
 * @write_at: where its next packet goes.
 * @read_at: what it has taken up to.
 * @read_told: and what it has said of that.
 * @wild: it writes what it likes where it likes.
 * @finish: it does only what is owed, and then nothing.
 * @fault: what it is to break the ring with, once.
 * @broken: it has.
 * @calm: a wild one writes where it should not in a few of so many acts.
 * @pace: how it reads: 0: not at all, else in one of so many acts.
 * @floods: it writes as much as there is room for.
 * @storms: it rings all the time.
 * @quiet: acts until it chooses anew how it behaves.
 * @sequence: packets that it has written.
 * @taken: packets that it has read.
 * @due: deliveries that are due; written here, read by the drain.
 * @due_written: how many ever.
 * @due_read: of these were seen; the drain's.
 * @wanted: completions that are due, by sequence.
 * @wanted_count: how many.
 * @answers: transactions of the client's that are not answered yet.
 * @answer_count: how many.
 * @last_answered: one that is over.
 * @expected: refusals by reason, of what it has written in this life.
 * @completions_expected: sent in the client's place.
 */
struct hostile_peer {
	struct task_struct *task;
	struct hostile_random random;
	struct mutex lock; /* everything below */
	bool attached;
	struct ring_image inbound;
	struct ring_image outbound;
	u32 write_at;
	u32 read_at;
	u32 read_told;
	bool wild;
	bool finish;
	enum vmb_refusal fault;
	bool broken;
	u32 calm;
	u32 pace;
	bool floods;
	bool storms;
	u32 quiet;
	u32 sequence;
	u32 taken;
	struct hostile_due due[HOSTILE_DUE];
	u32 due_written;
	u32 due_read;
	struct hostile_wanted wanted[HOSTILE_WANTED];
	u32 wanted_count;
	u64 answers[HOSTILE_ANSWERS];
	u32 answer_count;
	u64 last_answered;
	u64 expected[VMB_REFUSAL_COUNT];
	u64 completions_expected;
};

/**
 * struct hostile_held - a packet in the client's hands
 * @packet: its handle.
 * @buffer: its payload.
 * @length: bytes of it.
 * @sum: of the payload, when it came.
 * @vectors: its external data, if it was asked for.
 * @vector_count: how many.
 * @writable: the client may write there.
 * @external: it has some.
 * @asked: and it was asked for.
 */
struct hostile_held {
	struct vmb_packet_completion *packet;
	void *buffer;
	u32 length;
	u32 sum;
	const struct bio_vec *vectors;
	u32 vector_count;
	bool writable;
	bool external;
	bool asked;
};

/**
 * struct hostile_slot - a packet of the client's
 * @hostile: whose.
 * @packet: the object.
 * @in_flight: 1: a send has accepted it, and it has not ended.
 * @waits: it waits for a completion.
 * @seed: of its payload.
 */
struct hostile_slot {
	struct hostile *hostile;
	struct vmb_packet *packet;
	atomic_t in_flight;
	bool waits;
	u8 seed;
};

/**
 * enum hostile_area - memory, by what becomes of it
 * @HOSTILE_STABLE: shared as long as the channel is open, and a set stands for it.
 * @HOSTILE_READ_ONLY: the same, but the peer says that it is only to be read.
 * @HOSTILE_CHANGING: shared now and then.
 * @HOSTILE_SENT: external data of what the client sends.
 * @HOSTILE_AREAS: how many there are.
 */
enum hostile_area {
	HOSTILE_STABLE,
	HOSTILE_READ_ONLY,
	HOSTILE_CHANGING,
	HOSTILE_SENT,
	HOSTILE_AREAS,
};

/**
 * struct hostile_pages - memory that can be named, with what nobody may touch
 * @block: of each area, pages in a row: each second one is a canary.
 * @buffer: the others, mapped one behind the other.
 * @handle: their GPADL; 0: none.
 */
struct hostile_pages {
	struct page *block[HOSTILE_AREAS];
	u8 *buffer[HOSTILE_AREAS];
	u32 handle[HOSTILE_AREAS];
};

/**
 * struct hostile_client - the client
 * @random: of what the packet callback draws.
 * @actor: its thread that sends and completes; @actor_random is its generator.
 * @sharer: its thread that shares and waits; @sharer_random is its generator.
 * @quiet: both do only what is owed.
 * @actor_idle: the first has seen that, and has begun nothing since.
 * @sharer_idle: the second likewise.
 * @lock: protects @held and @held_count.
 * @held: packets that it has not completed.
 * @held_count: how many.
 * @again: a packet that comes once more; the drain's.
 * @answers: payload of completions, from the callback and from the first thread.
 * @memory_lock: protects @open, @taken_back and the handles of @pages.
 * @open: between opened and closed.
 * @taken_back: what changes was filled when it was taken back.
 * @pages: memory.
 * @slots: its own packets.
 * @fails: it gives up a packet now and then, and with it what comes behind.
 * @refused: external data that it was refused, by reason.
 */
struct hostile_client {
	struct hostile_random random;
	struct task_struct *actor;
	struct hostile_random actor_random;
	struct task_struct *sharer;
	struct hostile_random sharer_random;
	bool quiet;
	bool actor_idle;
	bool sharer_idle;
	spinlock_t lock; /* held */
	struct hostile_held held[HOSTILE_HELD];
	u32 held_count;
	struct vmb_packet_completion *again;
	u8 *answers[2];
	struct mutex memory_lock; /* open, handles */
	bool open;
	bool taken_back;
	struct hostile_pages pages;
	struct hostile_slot slots[HOSTILE_SLOTS];
	bool fails;
	atomic64_t refused[VMB_REFUSAL_COUNT];
};

/**
 * struct hostile_world - what the channel is on
 * @name: in messages.
 * @target: type GUID of the peer's offer.
 * @init: makes &hostile.channel, and what it needs. 0 or an errno.
 * @exit: undoes it; the channel was cleaned up.
 * @begin: before an enable; or NULL.
 * @rest: has it as if there had been no life yet; or NULL.
 * @ring: rings the channel's bell. Any context.
 * @withdraw: the peer takes back its offer, for this life; or NULL.
 */
struct hostile_world {
	const char *name;
	const guid_t *target;
	int (*init)(struct hostile *hostile);
	void (*exit)(struct hostile *hostile);
	int (*begin)(struct hostile *hostile);
	void (*rest)(struct hostile *hostile);
	void (*ring)(struct hostile *hostile);
	void (*withdraw)(struct hostile *hostile);
};

/**
 * struct hostile - all of a run
 * @test: the case that runs.
 * @world: what it runs on.
 * @world_private: that one's.
 * @seed: the run's.
 * @life: number of the life.
 * @random: of the run's own decisions.
 * @channel: the channel.
 * @maximum: its largest packet.
 * @peer: the one end.
 * @client: the other.
 * @started: completed by the started callback.
 * @closed: completed by the closed callback.
 * @closed_reason: its argument.
 * @trusts: what the peer names by pages is not looked at.
 * @caller: calls @call, which returns @call_result, if it returns.
 * @called: and has.
 * @call: what may hang.
 * @call_result: what it returned.
 * @hangs: something does not return: all of this stays.
 * @refusals_before: the channel's, when the life began.
 * @counters_before: likewise.
 * @wrong: times that something is not as it must be.
 * @wrongs: the first of them; said by the test, for others may not.
 */
struct hostile {
	struct kunit *test;
	const struct hostile_world *world;
	void *world_private;
	u32 seed;
	u32 life;
	struct hostile_random random;
	struct vmb_channel *channel;
	u32 maximum;
	struct hostile_peer peer;
	struct hostile_client client;
	struct completion started;
	struct completion closed;
	enum vmb_channel_stop_reason closed_reason;
	bool trusts;
	struct work_struct caller;
	struct completion called;
	int (*call)(struct vmb_channel *channel);
	int call_result;
	bool hangs;
	u64 refusals_before[VMB_REFUSAL_COUNT];
	struct vmb_counters counters_before;
	atomic_t wrong;
	struct {
		const char *what;
		const char *function;
		int line;
	} wrongs[HOSTILE_WRONGS];
};

/* Notes what is wrong; of much only the first. Any context. */
#define HOSTILE_CHECK(hostile, what)					\
	do {								\
		if (unlikely(!(what)))					\
			hostile_wrong(hostile, #what, __func__, __LINE__); \
	} while (0)

void hostile_wrong(struct hostile *hostile, const char *what, const char *function, int line);

/* hostile_peer.c */
void hostile_peer_attach(struct hostile *hostile, const struct vmb_ring *inbound,
			 const struct vmb_ring *outbound);
void hostile_peer_detach(struct hostile *hostile);
int hostile_peer_work(void *hostile);
bool hostile_peer_is_done(struct hostile *hostile);

/* hostile_forge.c */
u32 hostile_peer_room(struct hostile_peer *peer);
void hostile_forge(struct hostile *hostile);
void hostile_answer(struct hostile *hostile);
void hostile_break(struct hostile_peer *peer);

/* hostile_read.c */
void hostile_read(struct hostile *hostile, u32 most);

/* hostile_client.c */
int hostile_client_init(struct hostile *hostile);
void hostile_complete_one(struct hostile *hostile, struct hostile_random *random);

/* hostile_send.c */
u32 hostile_vectors(struct hostile *hostile, struct hostile_random *random,
		    struct bio_vec *vectors);
int hostile_slots_init(struct hostile *hostile);
void hostile_slots_exit(struct hostile *hostile);
bool hostile_slots_are_idle(struct hostile *hostile);
int hostile_actor_work(void *hostile);

/* hostile_share.c */
int hostile_pages_init(struct hostile *hostile);
void hostile_pages_exit(struct hostile *hostile);
bool hostile_pages_have(const struct hostile_pages *pages, enum hostile_area area,
			const struct page *page);
void *hostile_canary(const struct hostile_pages *pages, enum hostile_area area, u32 which);
void hostile_pages_check(struct hostile *hostile);
int hostile_share_stable(struct hostile *hostile);
void hostile_unshare(struct hostile *hostile);
int hostile_sharer_work(void *hostile);

/* hostile_life.c */
u64 hostile_run(struct kunit *test, const struct hostile_world *world, u32 seed, u64 packets);

/* hostile_memory.c, hostile_loopback.c, hostile_hv.c */
extern const struct hostile_world hostile_memory_world;
extern const struct hostile_world hostile_loopback_world;

/* hostile_test.c */
int hostile_suite_init(struct kunit_suite *suite);
void hostile_suite_exit(struct kunit_suite *suite);
const void *hostile_next_run(const void *before, char *description);
const void *hostile_next_run_of(struct kunit *test, const void *before, char *description);

/* The newest kernels' parameter functions take the test, too. */
#define HOSTILE_RUNS							\
	__builtin_choose_expr(						\
		__builtin_types_compatible_p(				\
			typeof(((struct kunit_case *)NULL)->generate_params), \
			typeof(hostile_next_run) *),			\
		hostile_next_run, hostile_next_run_of)
u32 hostile_seed_of(const void *run);

/* Packets of one run; more of them are more runs, each with the next seed. */
#define HOSTILE_RUN	5000u

#endif
