// SPDX-License-Identifier: GPL-2.0
/*
 * A million packets over loopback: two threads send from each end at once,
 * through rings that are full most of the time. Each end accounts for every
 * packet that it got, and every one that it sent, exactly once.
 *
 * A thread's packets must arrive in the order in which it sent them. Their
 * completions need not: every now and then one is held back.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/slab.h>

#include "../../drivers/kmcl/observe.h"
#include "../../drivers/kmcl/loopback.h"

#define STRESS_THREADS		2u	/* each way */
/* Each thread; where every lock or every access is checked, the patience ends first. */
#define STRESS_PACKETS		(IS_ENABLED(CONFIG_KASAN) || IS_ENABLED(CONFIG_KMSAN) || \
				 IS_ENABLED(CONFIG_PROVE_LOCKING) ? \
				 12500u : 250000u)
#define STRESS_RING_PAGES	3u
/* One packet of so many has a payload of this many words more, ... */
#define STRESS_WORDS		13u
/* ... one wants no completion, ... */
#define STRESS_SILENT		8u
/* ... and of one the completion is held back. */
#define STRESS_HELD		16u
#define STRESS_PATIENCE		(240 * HZ)

struct stress_payload {
	__le32 thread;
	__le32 sequence;
	__le64 words[STRESS_WORDS];
};

struct stress_end;

/**
 * struct stress_sender - one thread that sends
 * @end: from where.
 * @number: which thread of that end.
 * @task: the thread.
 * @refused: sends that were not accepted.
 * @ended: packets whose routine was called.
 * @twice: of these, called before.
 * @failed: of these, with an errno.
 * @answers_wrong: completions that carry another packet's number.
 * @seen: a bit for each packet that has ended.
 * @all: all packets have ended.
 */
struct stress_sender {
	struct stress_end *end;
	u32 number;
	struct task_struct *task;
	u32 refused;
	atomic_t ended;
	atomic_t twice;
	atomic_t failed;
	atomic_t answers_wrong;
	unsigned long *seen;
	struct completion all;
};

/**
 * struct stress_end - the client or the server
 * @channel: its channel.
 * @senders: its threads.
 * @next: what each of the other end's threads must send next.
 * @received: packets that came.
 * @out_of_order: of these, not the next one.
 * @wrong: of these, with another content than they were sent with.
 * @held: a packet whose completion is held back.
 * @held_answer: what it will be completed with.
 * @hold_none: and no other is.
 * @lock: protects the last three: the test completes the very last one.
 * @running: started was called.
 */
struct stress_end {
	struct vmb_channel *channel;
	struct stress_sender senders[STRESS_THREADS];
	u32 next[STRESS_THREADS];
	u32 received;
	u32 out_of_order;
	u32 wrong;
	struct vmb_packet_completion *held;
	__le64 held_answer;
	bool hold_none;
	spinlock_t lock; /* held, held_answer, hold_none */
	struct completion running;
};

struct stress {
	struct stress_end client;
	struct stress_end server;
};

static u64 stress_word(u32 thread, u32 sequence, u32 which)
{
	return (u64)sequence * 0x9e3779b97f4a7c15ull + thread * 977 + which;
}

static u32 stress_words(u32 sequence)
{
	return sequence % (STRESS_WORDS + 1);
}

static void stress_process_packet(struct vmb_channel *channel,
				  void *callback_context,
				  struct vmb_packet_completion *packet,
				  void *buffer, u32 buffer_length, u32 flags)
{
	struct stress_end *end = callback_context;
	const struct stress_payload *payload = buffer;
	u32 sequence = le32_to_cpu(payload->sequence);
	u32 thread = le32_to_cpu(payload->thread);
	struct vmb_packet_completion *now = packet;
	__le64 answer = *(const __le64 *)buffer;
	u32 i;

	end->received++;
	if (thread >= STRESS_THREADS || sequence != end->next[thread])
		end->out_of_order++;
	else
		end->next[thread]++;
	if (buffer_length != offsetof(struct stress_payload,
				      words[stress_words(sequence)]))
		end->wrong++;
	for (i = 0; i < stress_words(sequence); i++)
		end->wrong += le64_to_cpu(payload->words[i]) !=
			      stress_word(thread, sequence, i);
	spin_lock(&end->lock);
	if (sequence % STRESS_HELD == 1 && !end->hold_none) {
		now = end->held;
		swap(answer, end->held_answer);
		end->held = packet;
	}
	spin_unlock(&end->lock);
	if (now)
		vmb_channel_packet_complete(now, &answer, sizeof(answer));
}

static void stress_ended(struct vmb_packet *packet, void *callback_context,
			 int status, const void *buffer, u32 buffer_length)
{
	struct stress_sender *sender = callback_context;
	u32 sequence = (uintptr_t)vmb_packet_get_pointer(packet);
	const struct stress_payload *answer = buffer;

	if (status)
		atomic_inc(&sender->failed);
	else if (sequence % STRESS_SILENT == 0 ? !!answer :
		 !answer || buffer_length != sizeof(__le64) ||
		 le32_to_cpu(answer->sequence) != sequence ||
		 le32_to_cpu(answer->thread) != sender->number)
		atomic_inc(&sender->answers_wrong);
	if (test_and_set_bit(sequence, sender->seen))
		atomic_inc(&sender->twice);
	vmb_packet_free(packet);
	if (atomic_inc_return(&sender->ended) == STRESS_PACKETS)
		complete(&sender->all);
}

static int stress_send(void *data)
{
	struct stress_sender *sender = data;
	struct stress_payload payload = {
		.thread = cpu_to_le32(sender->number),
	};
	struct vmb_packet *packet;
	u32 sequence, i;

	for (sequence = 0; sequence < STRESS_PACKETS; sequence++) {
		while (!(packet = vmb_packet_allocate(sender->end->channel)))
			schedule_timeout_uninterruptible(1);
		payload.sequence = cpu_to_le32(sequence);
		for (i = 0; i < stress_words(sequence); i++)
			payload.words[i] = cpu_to_le64(stress_word(sender->number,
								   sequence, i));
		vmb_packet_set_pointer(packet, (void *)(uintptr_t)sequence);
		vmb_packet_set_completion_routine(packet, sender, stress_ended);
		if (vmb_packet_send(packet, &payload,
				    offsetof(struct stress_payload,
					     words[stress_words(sequence)]),
				    NULL, 0, sequence % STRESS_SILENT ?
				    VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION : 0)) {
			vmb_packet_free(packet);
			sender->refused++;
			break;
		}
	}
	/* The test stops the thread, so that its result can be waited for. */
	while (!kthread_should_stop())
		schedule_timeout_interruptible(HZ / 10);
	return 0;
}

static void stress_started(struct vmb_channel *channel, void *callback_context)
{
	struct stress_end *end = callback_context;

	complete(&end->running);
}

/* What makes it the server, or has it wait for that. 0 or an errno. */
static int stress_join(struct vmb_channel *channel, bool is_server)
{
	static const guid_t type = GUID_INIT(0x51, 0x52, 0x53, 1, 2, 3, 4, 5, 6, 7, 8);
	static const guid_t instance = GUID_INIT(0x54, 0x55, 0x56, 1, 2, 3, 4, 5, 6, 7, 8);
	const u32 loopback = VMB_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER;
	const u32 pages = STRESS_RING_PAGES;
	int ret;

	if (is_server) {
		ret = vmb_server_channel_init_set_flags(channel, loopback);
		return ret ? : vmb_server_channel_init_set_target_interface_id(channel, &type,
									       &instance);
	}
	ret = vmb_client_channel_init_set_target_pnp(channel, &type, NULL, NULL);
	return ret ? : vmb_client_channel_init_set_ring_buffer_page_count(channel, pages, pages);
}

static int stress_configure(struct stress_end *end, bool is_server)
{
	struct vmb_channel_state_change_callbacks callbacks;
	int ret;

	vmb_channel_state_change_callbacks_init(&callbacks);
	callbacks.callback_context = end;
	callbacks.started = stress_started;
	ret = vmb_channel_init_set_state_change_callbacks(end->channel, &callbacks);
	ret = ret ? : vmb_channel_init_set_process_packet_callbacks(end->channel, end,
								    stress_process_packet,
								    NULL);
	ret = ret ? : vmb_channel_init_set_maximum_packet_size(end->channel,
							       sizeof(struct stress_payload));
	return ret ? : stress_join(end->channel, is_server);
}

static void stress_make_end(struct kunit *test, struct stress_end *end,
			    bool is_server)
{
	const size_t size = BITS_TO_LONGS(STRESS_PACKETS) * sizeof(long);
	u32 i;

	spin_lock_init(&end->lock);
	init_completion(&end->running);
	for (i = 0; i < STRESS_THREADS; i++) {
		end->senders[i].end = end;
		end->senders[i].number = i;
		init_completion(&end->senders[i].all);
		end->senders[i].seen = kunit_kzalloc(test, size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, end->senders[i].seen);
	}
	KUNIT_ASSERT_EQ(test, vmb_channel_allocate(NULL, is_server, &end->channel), 0);
	KUNIT_ASSERT_EQ(test, stress_configure(end, is_server), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_enable(end->channel), 0);
	if (is_server)
		KUNIT_ASSERT_EQ(test, vmb_channel_start(end->channel), 0);
}

static void stress_start_senders(struct kunit *test, struct stress_end *end)
{
	u32 i;

	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&end->running, STRESS_PATIENCE), 0);
	for (i = 0; i < STRESS_THREADS; i++) {
		end->senders[i].task = kthread_run(stress_send, &end->senders[i],
						   "vmb_stress/%u", i);
		KUNIT_ASSERT_FALSE(test, IS_ERR(end->senders[i].task));
	}
}

/*
 * The one that was held back last has nobody behind it; nor has one that comes after a
 * wait that was too short, and which the channel's end would wait for.
 */
static void stress_complete_held(struct stress_end *end)
{
	struct vmb_packet_completion *held;

	spin_lock_bh(&end->lock);
	held = end->held;
	end->held = NULL;
	end->hold_none = true;
	spin_unlock_bh(&end->lock);
	if (held)
		vmb_channel_packet_complete(held, &end->held_answer,
					    sizeof(end->held_answer));
}

/* How many of an end's packets have ended. */
static u32 stress_progress(const struct stress_end *end)
{
	u32 i, ended = 0;

	for (i = 0; i < STRESS_THREADS; i++)
		ended += atomic_read(&end->senders[i].ended);
	return ended;
}

static void stress_wait(struct kunit *test, struct stress_end *end,
			struct stress_end *peer)
{
	unsigned long deadline = jiffies + STRESS_PATIENCE;
	u32 i;

	/* All but what the peer holds back: one packet at most. */
	while (stress_progress(end) < STRESS_THREADS * STRESS_PACKETS - 1 &&
	       time_before(jiffies, deadline))
		schedule_timeout_uninterruptible(HZ / 50);
	stress_complete_held(peer);
	for (i = 0; i < STRESS_THREADS; i++)
		wait_for_completion_timeout(&end->senders[i].all, HZ * 10);
}

static void stress_account(struct kunit *test, struct stress_end *end)
{
	const u32 all = STRESS_THREADS * STRESS_PACKETS;
	const struct vmb_counters *counters = &end->channel->counters;
	u32 i;

	for (i = 0; i < STRESS_THREADS; i++) {
		struct stress_sender *sender = &end->senders[i];

		KUNIT_EXPECT_EQ(test, sender->refused, 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&sender->ended), STRESS_PACKETS);
		KUNIT_EXPECT_TRUE(test, bitmap_full(sender->seen, STRESS_PACKETS));
		KUNIT_EXPECT_EQ(test, atomic_read(&sender->twice), 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&sender->failed), 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&sender->answers_wrong), 0);
		KUNIT_EXPECT_EQ(test, end->next[i], STRESS_PACKETS);
	}
	KUNIT_EXPECT_EQ(test, end->received, all);
	KUNIT_EXPECT_EQ(test, end->out_of_order, 0);
	KUNIT_EXPECT_EQ(test, end->wrong, 0);
	KUNIT_EXPECT_EQ(test, counters->sends, (u64)all);
	KUNIT_EXPECT_EQ(test, counters->sends_completed, (u64)all);
	KUNIT_EXPECT_EQ(test, counters->sends_failed, 0ull);
	KUNIT_EXPECT_EQ(test, counters->received, (u64)all);
	KUNIT_EXPECT_EQ(test, counters->completed, (u64)all);
	KUNIT_EXPECT_EQ(test, counters->refused, 0ull);
	/* Or the rings were never full, and this tested little. */
	KUNIT_EXPECT_GT(test, counters->sends_queued, 1000ull);
}

static void stress_stop(struct stress_end *end)
{
	u32 i;

	for (i = 0; i < STRESS_THREADS; i++)
		if (!IS_ERR_OR_NULL(end->senders[i].task))
			kthread_stop(end->senders[i].task);
}

static void a_million_packets(struct kunit *test)
{
	struct stress *stress = kunit_kzalloc(test, sizeof(*stress), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, stress);
	stress_make_end(test, &stress->server, true);
	stress_make_end(test, &stress->client, false);
	stress_start_senders(test, &stress->client);
	stress_start_senders(test, &stress->server);
	stress_wait(test, &stress->client, &stress->server);
	stress_wait(test, &stress->server, &stress->client);
	stress_account(test, &stress->client);
	stress_account(test, &stress->server);
	kunit_info(test, "queued: client %llu, server %llu",
		   stress->client.channel->counters.sends_queued,
		   stress->server.channel->counters.sends_queued);
	/* A thread that still waits for a packet object gets none afterwards. */
	vmb_channel_disable(stress->client.channel);
	vmb_channel_disable(stress->server.channel);
	stress_stop(&stress->client);
	stress_stop(&stress->server);
	vmb_channel_cleanup(stress->client.channel);
	vmb_channel_cleanup(stress->server.channel);
}

static struct kunit_case loopback_stress_cases[] = {
	KUNIT_CASE_SLOW(a_million_packets),
	{ }
};

static struct kunit_suite loopback_stress_suite = {
	.name = "vmbkmcl_loopback_stress",
	.test_cases = loopback_stress_cases,
};

kunit_test_suite(loopback_stress_suite);
