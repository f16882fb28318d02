// SPDX-License-Identifier: GPL-2.0
/*
 * Requests whose caller may give up before the peer does, with external data in
 * memory that cannot be kept: what the peer gets instead, and what comes back.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <trace/events/kmem.h>

#include "../fixtures/send_fixture.h"

#define FOREVER		MAX_SCHEDULE_TIMEOUT
/* Long enough to be seen in flight, and over soon. */
#define BRIEF		(HZ / 5)
/* The slab object, and what of it is external data: across the end of a peer's page. */
#define OBJECT		8192u
#define OFFSET		1000u
#define LENGTH		5000u

/**
 * struct request - what the other thread asks for; in &sender.private
 * @object: from the slab allocator.
 * @vector: of it.
 * @flags: of the request, besides WAIT.
 * @timeout: of the request, in jiffies.
 * @result: of a request that is not the test's own thread's.
 * @second: of the second request on that thread.
 */
struct request {
	u8 *object;
	struct bio_vec vector;
	u32 flags;
	long timeout;
	int result;
	int second;
};

static struct request *request_of(struct channel_fixture *fixture)
{
	return sender_of(fixture)->private;
}

static void free_object(void *object)
{
	kfree(object);
}

static int synchronous_memory_init(struct kunit *test)
{
	int ret = send_fixture_init(test);
	struct channel_fixture *fixture = test->priv;
	struct request *request;

	if (ret)
		return ret;
	channel_configure(fixture, 256, 17, 2);
	send_allow_external(fixture);
	request = kunit_kzalloc(test, sizeof(*request), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, request);
	request->object = kmalloc(OBJECT, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, request->object);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_object, request->object), 0);
	KUNIT_ASSERT_TRUE(test, folio_test_slab(virt_to_folio(request->object)));
	bvec_set_virt(&request->vector, request->object + OFFSET, LENGTH);
	ring_image_fill(request->object, 1, OBJECT);
	request->timeout = CHANNEL_FIXTURE_PATIENCE;
	sender_of(fixture)->private = request;
	return 0;
}

static int ask(struct channel_fixture *fixture)
{
	struct request *request = request_of(fixture);

	return vmb_channel_send_synchronous_request(fixture->channel, NULL, 0, &request->vector,
						    1, WAIT | request->flags, NULL, NULL,
						    request->timeout);
}

static void wait_for_request(struct channel_fixture *fixture, u64 sends)
{
	unsigned long end = jiffies + CHANNEL_FIXTURE_PATIENCE;

	while (READ_ONCE(fixture->channel->counters.sends) < sends &&
	       time_before(jiffies, end))
		usleep_range(100, 200);
	KUNIT_ASSERT_EQ(fixture->test, READ_ONCE(fixture->channel->counters.sends), sends);
}

/* What the peer was told of: one range of two pages of 4 KiB. Returns the packet's id. */
static u64 take(struct channel_fixture *fixture, u8 **frames)
{
	struct kunit *test = fixture->test;
	struct sent_packet sent = {};
	const __le64 *words;
	u32 i;

	KUNIT_ASSERT_TRUE(test, peer_take(fixture, &sent));
	KUNIT_EXPECT_EQ(test, sent.type, 9);
	KUNIT_ASSERT_EQ(test, sent.offset, 16 + 4 * 8);
	words = (const __le64 *)sent.body;
	KUNIT_EXPECT_EQ(test, le64_to_cpu(words[0]), 1ull << 32);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(words[1]), (u64)OFFSET << 32 | LENGTH);
	for (i = 0; i < 2; i++)
		frames[i] = phys_to_virt(le64_to_cpu(words[2 + i]) << 12);
	peer_make_room(fixture);
	return sent.transaction_id;
}

/* The external data as the peer has it, out of its pages or into them. */
static void peer_copies(u8 **frames, u8 *data, bool writes)
{
	u32 done, part;

	for (done = 0; done < LENGTH; done += part) {
		u8 *at = frames[(OFFSET + done) / 4096] + (OFFSET + done) % 4096;

		part = min(LENGTH - done, 4096 - (OFFSET + done) % 4096);
		if (writes)
			memcpy(at, data + done, part);
		else
			memcpy(data + done, at, part);
	}
}

/* The pages of this kernel that they are in: two, or one, where they are neighbours. */
static u32 pages_of(struct kunit *test, u8 **frames, struct page **pages)
{
	pages[0] = virt_to_page(frames[0]);
	pages[1] = virt_to_page(frames[1]);
	if (pages[0] != pages[1])
		return 2;
	KUNIT_EXPECT_PTR_EQ(test, frames[1], frames[0] + 4096);
	return 1;
}

static u8 *expect_bounced(struct channel_fixture *fixture, u8 **frames)
{
	struct request *request = request_of(fixture);
	struct kunit *test = fixture->test;
	u8 *data = kunit_kzalloc(test, LENGTH, GFP_KERNEL);
	u8 *end = frames[1] + OFFSET + LENGTH - 4096;
	struct page *pages[2];
	u32 count;

	KUNIT_ASSERT_NOT_NULL(test, data);
	count = pages_of(test, frames, pages);
	KUNIT_EXPECT_PTR_NE(test, pages[0], virt_to_page(request->object));
	peer_copies(frames, data, false);
	KUNIT_EXPECT_MEMEQ(test, data, request->object + OFFSET, LENGTH);
	/* Nothing but that: not what lies beside it in the object. */
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(page_address(pages[0]), 0,
					     offset_in_page(frames[0]) + OFFSET), NULL);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(end, 0, PAGE_SIZE - offset_in_page(end)), NULL);
	KUNIT_EXPECT_EQ(test, count, PAGE_SIZE == 4096 ? 2 : 1);
	return data;
}

/* Nobody but the test has the pages any more. */
static void expect_freed(struct kunit *test, u8 **frames)
{
	struct page *pages[2];
	u32 count = pages_of(test, frames, pages), i;

	for (i = 0; i < count; i++) {
		KUNIT_EXPECT_EQ(test, page_count(pages[i]), 1);
		put_page(pages[i]);
	}
}

static void keep(struct kunit *test, u8 **frames)
{
	struct page *pages[2];
	u32 count = pages_of(test, frames, pages);

	while (count--)
		get_page(pages[count]);
}

/* But packets of the test's own. */
static void expect_nothing_left_but(struct channel_fixture *fixture, u32 count)
{
	KUNIT_EXPECT_EQ(fixture->test, fixture->channel->outbound.allocated, count);
	KUNIT_EXPECT_EQ(fixture->test,
			vmb_transactions_taken(&fixture->channel->outbound.transactions),
			0);
}

static void expect_nothing_left(struct channel_fixture *fixture)
{
	expect_nothing_left_but(fixture, 0);
}

/* Both ways, as if it were the memory itself. */
static void answered_in_time(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct request *request = request_of(fixture);
	u8 *frames[2];
	u8 *data;
	u64 id;

	channel_enable(fixture);
	channel_help(fixture, ask);
	wait_for_request(fixture, 1);
	id = take(fixture, frames);
	keep(test, frames);
	data = expect_bounced(fixture, frames);
	ring_image_fill(data, 2, LENGTH);
	peer_copies(frames, data, true);
	peer_answer(fixture, id, 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	KUNIT_EXPECT_MEMEQ(test, request->object + OFFSET, data, LENGTH);
	ring_image_fill(data, 1, OFFSET);
	KUNIT_EXPECT_MEMEQ(test, request->object, data, OFFSET);
	expect_freed(test, frames);
	expect_nothing_left(fixture);
}

static void only_to_be_read(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct request *request = request_of(fixture);
	u8 *before = kunit_kmalloc(test, OBJECT, GFP_KERNEL);
	u8 *frames[2];
	u8 *data;
	u64 id;

	KUNIT_ASSERT_NOT_NULL(test, before);
	memcpy(before, request->object, OBJECT);
	request->flags = VMB_CHANNEL_FORMAT_FLAG_DATA_OUT_ONLY;
	channel_enable(fixture);
	channel_help(fixture, ask);
	wait_for_request(fixture, 1);
	id = take(fixture, frames);
	data = expect_bounced(fixture, frames);
	memset(data, 0xee, LENGTH);
	peer_copies(frames, data, true);
	peer_answer(fixture, id, 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	KUNIT_EXPECT_MEMEQ(test, request->object, before, OBJECT);
}

/* The caller has given up, and what the peer writes is nobody's. */
static void expect_given_up(struct kunit *test, long timeout)
{
	struct channel_fixture *fixture = test->priv;
	struct request *request = request_of(fixture);
	u8 *frames[2];
	u8 *data;
	u64 id;

	request->timeout = timeout;
	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, ask(fixture), -ETIMEDOUT);
	id = take(fixture, frames);
	keep(test, frames);
	data = expect_bounced(fixture, frames);
	memset(request->object, 0x77, OBJECT);
	ring_image_fill(data, 2, LENGTH);
	peer_copies(frames, data, true);
	peer_answer(fixture, id, 0);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(request->object, 0x77, OBJECT), NULL);
	expect_freed(test, frames);
	expect_nothing_left(fixture);
}

static void timed_out(struct kunit *test)
{
	expect_given_up(test, BRIEF);
}

static void no_time_at_all(struct kunit *test)
{
	expect_given_up(test, 0);
}

static void ask_when_started(struct channel_fixture *fixture, enum channel_event event)
{
	if (event == POST_STARTED)
		request_of(fixture)->result = ask(fixture);
}

/* There a request ends before its answer if the channel is to be closed. */
static void from_post_started(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct request *request = request_of(fixture);
	u8 *frames[2];
	u8 *data;
	u64 id;

	request->timeout = FOREVER;
	request->result = 1;
	fixture->on_state = ask_when_started;
	KUNIT_ASSERT_EQ(test, vmb_channel_enable(fixture->channel), 0);
	wait_for_request(fixture, 1);
	vmb_watchdog_stop(fixture->channel);
	id = take(fixture, frames);
	data = expect_bounced(fixture, frames);
	ring_image_fill(data, 2, LENGTH);
	peer_copies(frames, data, true);
	peer_answer(fixture, id, 0);
	channel_settle(fixture);
	KUNIT_EXPECT_EQ(test, request->result, 0);
	KUNIT_EXPECT_MEMEQ(test, request->object + OFFSET, data, LENGTH);
	expect_nothing_left(fixture);
}

/* A peer that may write for ever keeps the pages, and not the caller's memory. */

static int close_fails(struct vmb_channel *channel)
{
	struct channel_fixture *fixture = vmb_channel_get_pointer(channel);

	sender_of(fixture)->original->close(channel);
	return -ETIMEDOUT;
}

static void leaked(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct request *request = request_of(fixture);
	int before = page_count(virt_to_page(request->object));
	u8 *frames[2];

	send_change_transport(fixture)->close = close_fails;
	request->timeout = BRIEF;
	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, ask(fixture), -ETIMEDOUT);
	take(fixture, frames);
	channel_disable(fixture);
	KUNIT_EXPECT_EQ(test, page_count(virt_to_page(request->object)), before);
	/* This peer exists only here. */
	expect_freed(test, frames);
	expect_nothing_left(fixture);
}

/* The channel's limits are what they are without a copy. */
static void over_the_limits(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct request *request = request_of(fixture);

	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_external_data(fixture->channel,
									 LENGTH - 1, 1), 0);
	request->timeout = BRIEF;
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, ask(fixture), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.sends, 0);
	expect_nothing_left(fixture);
}

static void at_the_limit(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_external_data(fixture->channel,
									 LENGTH, 1), 0);
	answered_in_time(test);
}

/* Vectors of no length are no pages, wherever they say that they lie. */
static void empty_vectors_take_no_room(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct request *request = request_of(fixture);
	struct bio_vec vectors[40];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(vectors); i++)
		bvec_set_virt(&vectors[i], request->object + OFFSET, 0);
	vectors[20] = request->vector;
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test,
			vmb_channel_send_synchronous_request(fixture->channel, NULL, 0, vectors,
							     ARRAY_SIZE(vectors), WAIT, NULL,
							     NULL, 1), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.sends, 1);
}

/**
 * struct allocations - what this thread has allocated
 * @by: this thread.
 * @least: so many bytes count.
 * @count: how often.
 * @flags: of all of them.
 */
struct allocations {
	struct task_struct *by;
	size_t least;
	u32 count;
	gfp_t flags;
};

static void on_kmalloc(void *data, unsigned long call_site, const void *pointer,
		       size_t requested, size_t allocated, gfp_t flags, int node)
{
	struct allocations *allocations = data;

	if (current != allocations->by || requested < allocations->least)
		return;
	allocations->count++;
	allocations->flags |= flags;
}

/* Nothing may be written to a disk to make room: it may be this one. */
static void memory_is_not_waited_for_with_io(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct allocations allocations = { .by = current, .least = LENGTH };
	u32 room = OBJECT;

	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, register_trace_kmalloc(on_kmalloc, &allocations), 0);
	KUNIT_EXPECT_EQ(test,
			vmb_channel_send_synchronous_request(fixture->channel, NULL, 0, NULL, 0,
							     WAIT, request_of(fixture)->object,
							     &room, 1), -ETIMEDOUT);
	unregister_trace_kmalloc(on_kmalloc, &allocations);
	tracepoint_synchronize_unregister();
	KUNIT_EXPECT_GT(test, allocations.count, 0);
	KUNIT_EXPECT_EQ(test, (__force u32)(allocations.flags & (__GFP_IO | __GFP_FS)), 0);
}

/* A time-out of 0 while another CPU delivers packets. */

static int ask_twice_without_time(struct channel_fixture *fixture)
{
	struct request *request = request_of(fixture);
	u8 payload[16];

	ring_image_fill(payload, 0, sizeof(payload));
	request->second = vmb_channel_send_synchronous_request(fixture->channel, payload, 16,
							       NULL, 0, request->flags, NULL,
							       NULL, 0);
	return vmb_channel_send_synchronous_request(fixture->channel, payload, 16, NULL, 0,
						    request->flags, NULL, NULL, 0);
}

static void ask_on_the_other_cpu(struct channel_fixture *fixture,
				 struct channel_packet *packet)
{
	channel_help(fixture, ask_twice_without_time);
	while (!completion_done(&fixture->helped))
		cpu_relax();
}

static void the_ring_is_a_drains(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct request *request = request_of(fixture);
	u32 i;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	fixture->process = ask_on_the_other_cpu;
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	KUNIT_EXPECT_EQ(test, request->second, 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	for (i = 0; i < 2; i++)
		peer_expect_sent(fixture, 0, 16, 0);
	peer_make_room(fixture);
	expect_nothing_left(fixture);
	/* With WAIT it is sent, too, and nobody has time for the answer. */
	request->flags = WAIT;
	peer_send_inband(fixture, 2, 8);
	KUNIT_EXPECT_EQ(test, request->second, -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), -ETIMEDOUT);
	for (i = 0; i < 2; i++)
		peer_answer(fixture, peer_expect_sent(fixture, 0, 16, WAIT), 0);
	expect_nothing_left(fixture);
	send_expect_balance(fixture, 4, 0);
	fixture->process = NULL;
}

/* There is no room: nothing waits, whoever has the ring. */
static void the_ring_is_a_drains_and_full(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct request *request = request_of(fixture);
	u32 number = 1;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	fixture->process = ask_on_the_other_cpu;
	channel_enable(fixture);
	while (vmb_ring_writer_free(&fixture->channel->outbound.writer) > 16 + AROUND)
		send_one(fixture, number++, 16, 0);
	peer_send_inband(fixture, 1, 8);
	KUNIT_EXPECT_EQ(test, request->second, -EAGAIN);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), -EAGAIN);
	KUNIT_EXPECT_TRUE(test, list_empty(&fixture->channel->outbound.queue));
	fixture->process = NULL;
}

/* What was queued since the drain began has its room: the second finds none. */
static void the_ring_is_a_drains_with_room_for_one(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct request *request = request_of(fixture);
	u32 number = 1;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	fixture->process = ask_on_the_other_cpu;
	channel_enable(fixture);
	while (vmb_ring_writer_free(&fixture->channel->outbound.writer) > 2 * (16 + AROUND))
		send_one(fixture, number++, 16, 0);
	peer_send_inband(fixture, 1, 8);
	KUNIT_EXPECT_EQ(test, request->second, 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), -EAGAIN);
	KUNIT_EXPECT_TRUE(test, list_empty(&fixture->channel->outbound.queue));
	expect_nothing_left_but(fixture, number - 1);
	fixture->process = NULL;
}

static struct kunit_case synchronous_memory_cases[] = {
	KUNIT_CASE(answered_in_time),
	KUNIT_CASE(only_to_be_read),
	KUNIT_CASE(timed_out),
	KUNIT_CASE(no_time_at_all),
	KUNIT_CASE(from_post_started),
	KUNIT_CASE(leaked),
	KUNIT_CASE(over_the_limits),
	KUNIT_CASE(at_the_limit),
	KUNIT_CASE(empty_vectors_take_no_room),
	KUNIT_CASE(memory_is_not_waited_for_with_io),
	KUNIT_CASE(the_ring_is_a_drains),
	KUNIT_CASE(the_ring_is_a_drains_and_full),
	KUNIT_CASE(the_ring_is_a_drains_with_room_for_one),
	{}
};

static struct kunit_suite synchronous_memory_suite = {
	.name = "vmbkmcl_synchronous_memory",
	.init = synchronous_memory_init,
	.exit = send_fixture_exit,
	.test_cases = synchronous_memory_cases,
};

kunit_test_suite(synchronous_memory_suite);
