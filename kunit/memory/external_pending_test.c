// SPDX-License-Identifier: GPL-2.0
/*
 * External data that is pending: a peer that knows its memory before we know that
 * it does, and names it at once.
 */
#include <kunit/test.h>
#include <linux/bottom_half.h>
#include <linux/gfp.h>

#include "../fixtures/external_fixture.h"

/* What comes behind the packet that names the memory. */
#define PENDING_NEXT	77u

#define PENDING_BYTES	8192u

/**
 * struct pending - what the peer does while memory is being shared
 * @shared: the memory; first, since it is the fixture's private.
 * @observe: the fixture's own.
 * @during: what happens; NULL: nothing.
 * @before: a page that was shared before, where a case has one.
 * @answers: what the client got, in order.
 * @in_process: for each answer: it could have slept there.
 * @count: how many.
 */
struct pending {
	struct external_memory shared;
	void (*observe)(void *observer, enum memory_transport_operation operation);
	void (*during)(struct channel_fixture *fixture);
	u8 *before;
	int answers[8];
	bool in_process[8];
	u32 count;
};

static struct pending *pending_of(struct channel_fixture *fixture)
{
	return container_of(shared_of(fixture), struct pending, shared);
}

/* The peer has it, and create does not know yet. */
static void pending_observe(void *observer, enum memory_transport_operation operation)
{
	struct pending *pending = pending_of(observer);

	pending->observe(observer, operation);
	if (operation == MEMORY_TRANSPORT_CREATE_GPADL && pending->during)
		pending->during(observer);
}

static int pending_ask(struct channel_fixture *fixture, struct vmb_packet_completion *packet)
{
	struct pending *pending = pending_of(fixture);
	u32 which = min_t(u32, pending->count++, ARRAY_SIZE(pending->answers) - 1);

	pending->in_process[which] = !softirq_count();
	pending->answers[which] = get_external(fixture, packet, 0);
	return pending->answers[which];
}

/* A client as it should be. */
static void ask_and_answer(struct channel_fixture *fixture, struct channel_packet *packet)
{
	const struct external_memory *shared = shared_of(fixture);
	int ret = 0;

	if (packet->flags & VMB_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA)
		ret = pending_ask(fixture, packet->packet);
	if (ret == -EINPROGRESS) {
		packet->done = true;
		return;
	}
	if (!ret && packet->transaction_id != PENDING_NEXT)
		expect_memory(fixture, shared->memory, PENDING_BYTES);
	channel_complete_inline(fixture, packet);
}

/* A packet that names the memory, and one behind it; signals are no news. */
static void name_it_early(struct channel_fixture *fixture)
{
	struct pending *pending = pending_of(fixture);
	struct kunit *test = fixture->test;

	peer_send_direct(fixture, shared_of(fixture)->memory, 0, PENDING_BYTES);
	channel_settle_packets(fixture);
	peer_send_inband(fixture, PENDING_NEXT, 8);
	channel_settle_packets(fixture);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
	KUNIT_EXPECT_EQ(test, pending->count, 1);
	KUNIT_EXPECT_EQ(test, pending->answers[0], -EINPROGRESS);
	/* And the worker does not look again and again. */
	KUNIT_EXPECT_EQ(test, work_busy(&fixture->channel->inbound.work), 0);
	peer_expect_nothing(fixture);
}

static int pending_init(struct kunit *test)
{
	int ret = external_fixture_init(test);
	struct channel_fixture *fixture = test->priv;
	struct pending *pending;

	if (ret)
		return ret;
	pending = kunit_kzalloc(test, sizeof(*pending), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pending);
	pending->shared = *shared_of(fixture);
	pending->observe = fixture->transport.observe;
	pending->during = name_it_early;
	fixture->private = &pending->shared;
	fixture->transport.observe = pending_observe;
	fixture->process = ask_and_answer;
	return 0;
}

static int share(struct channel_fixture *fixture)
{
	struct external_memory *shared = shared_of(fixture);
	int ret;

	ret = vmb_channel_create_gpadl_from_buffer(fixture->channel, 0, shared->memory,
						   EXTERNAL_PAGES * PAGE_SIZE,
						   &shared->handle);
	channel_settle_packets(fixture);
	return ret;
}

/* The first answer, the second, and in what order all was delivered. */
static void expect_second_answer(struct channel_fixture *fixture, int answer)
{
	const struct pending *pending = pending_of(fixture);
	struct kunit *test = fixture->test;

	channel_expect_order(fixture, (const u64[]) { 0, 0, PENDING_NEXT }, 3);
	KUNIT_EXPECT_EQ(test, pending->count, 2);
	KUNIT_EXPECT_EQ(test, pending->answers[0], -EINPROGRESS);
	KUNIT_EXPECT_EQ(test, pending->answers[1], answer);
	KUNIT_EXPECT_TRUE(test, pending->in_process[1]);
	peer_expect_completion(fixture, 0, 0);
	peer_expect_completion(fixture, PENDING_NEXT, 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.received, 2);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.completed, 2);
}

static void delivered_again_when_it_is_shared(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, share(fixture), 0);
	expect_second_answer(fixture, 0);
	KUNIT_EXPECT_FALSE(test, pending_of(fixture)->in_process[0]);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.refused, 0);
}

static void delivered_again_when_it_is_refused(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	channel_enable(fixture);
	fixture->transport.create_gpadl_error = -EPROTO;
	KUNIT_EXPECT_EQ(test, share(fixture), -EPROTO);
	expect_second_answer(fixture, -EACCES);
	KUNIT_EXPECT_EQ(test, fixture->channel->refusals[VMB_REFUSAL_PAGE_NOT_SHARED], 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.refused, 1);
}

/* The same, and it is the worker who delivers in any case. */
static void name_it_early_to_the_worker(struct channel_fixture *fixture)
{
	const u8 *memory = shared_of(fixture)->memory;
	struct range_list list;

	range_list_begin(&list, 1, 0);
	range_list_range(&list, PENDING_BYTES, 0);
	range_list_pfn(&list, peer_pfn(memory));
	range_list_pfn(&list, peer_pfn(memory + 4096));
	peer_put(fixture, &(struct peer_packet) {
		.type = 9, .flags = 1,
		.ranges = list.words, .ranges_length = list.count * 8,
	});
	peer_send_inband(fixture, PENDING_NEXT, 8);
	channel_settle_packets(fixture);
	KUNIT_EXPECT_EQ(fixture->test, fixture->packet_count, 1);
	KUNIT_EXPECT_EQ(fixture->test, work_busy(&fixture->channel->inbound.work), 0);
}

static void delivered_again_where_callbacks_sleep(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	pending_of(fixture)->during = name_it_early_to_the_worker;
	vmb_channel_set_incoming_processing_at_passive(fixture->channel, true);
	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, share(fixture), 0);
	expect_second_answer(fixture, 0);
	KUNIT_EXPECT_TRUE(test, pending_of(fixture)->in_process[0]);
}

/* Half of what is named was shared before: that is not kept busy meanwhile. */
static void name_half_of_it_early(struct channel_fixture *fixture)
{
	struct pending *pending = pending_of(fixture);
	struct vmb_memory *memory = &fixture->channel->memory;
	struct range_list list;

	range_list_begin(&list, 1, 0);
	range_list_range(&list, PENDING_BYTES, 0);
	range_list_pfn(&list, peer_pfn(pending->before));
	range_list_pfn(&list, peer_pfn(pending->shared.memory));
	peer_send_list(fixture, 9, &list);
	channel_settle_packets(fixture);
	KUNIT_EXPECT_EQ(fixture->test, fixture->packet_count, 1);
	KUNIT_EXPECT_EQ(fixture->test,
			list_first_entry(&memory->gpadls, struct vmb_gpadl, node)->users, 0);
}

static void ask_and_keep(struct channel_fixture *fixture, struct channel_packet *packet)
{
	if (pending_ask(fixture, packet->packet) == -EINPROGRESS)
		packet->done = true;
}

static void partly_pending(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct pending *pending = pending_of(fixture);
	u32 handle;

	pending->before = (u8 *)__get_free_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pending->before);
	pending->during = NULL;
	fixture->process = ask_and_keep;
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, vmb_channel_create_gpadl_from_buffer(fixture->channel, 0,
								   pending->before, PAGE_SIZE,
								   &handle), 0);
	pending->during = name_half_of_it_early;
	KUNIT_ASSERT_EQ(test, share(fixture), 0);
	KUNIT_ASSERT_EQ(test, fixture->packet_count, 2);
	KUNIT_EXPECT_EQ(test, pending->answers[0], -EINPROGRESS);
	KUNIT_EXPECT_EQ(test, pending->answers[1], 0);
	KUNIT_EXPECT_EQ(test, pending->shared.vector_count, 2);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 1, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_delete_gpadl(fixture->channel, handle), 0);
	free_page((unsigned long)pending->before);
}

static void name_it_early_and_pause(struct channel_fixture *fixture)
{
	name_it_early(fixture);
	/* The client does not hold it, so nobody waits. */
	KUNIT_EXPECT_EQ(fixture->test, vmb_channel_pause(fixture->channel), 0);
}

static void comes_after_a_pause(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	pending_of(fixture)->during = name_it_early_and_pause;
	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, share(fixture), 0);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
	KUNIT_EXPECT_EQ(test, vmb_channel_start(fixture->channel), 0);
	channel_settle(fixture);
	vmb_watchdog_stop(fixture->channel);
	channel_settle_packets(fixture);
	expect_second_answer(fixture, 0);
}

static void name_it_early_and_close(struct channel_fixture *fixture)
{
	name_it_early(fixture);
	reinit_completion(&fixture->suspended);
	channel_help(fixture, channel_help_disable);
	KUNIT_EXPECT_NE(fixture->test,
			wait_for_completion_timeout(&fixture->suspended,
						    CHANNEL_FIXTURE_PATIENCE), 0);
}

static void goes_with_the_channel(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct pending *pending = pending_of(fixture);

	pending->during = name_it_early_and_close;
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, share(fixture), 0);
	KUNIT_EXPECT_EQ(test, channel_wait_for_help(fixture), 0);
	/* The close has taken it back. */
	pending->shared.handle = 0;
	channel_settle_packets(fixture);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.discarded, 1);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.received, 0);

	/* And the next life has nothing of it. */
	pending->during = name_it_early;
	pending->count = 0;
	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, share(fixture), 0);
	expect_second_answer(fixture, 0);
}

/* Outside of its callback nothing is deferred: the client asks again. */
static void ask_too_early(struct channel_fixture *fixture)
{
	struct vmb_packet_completion *packet;

	packet = peer_send_direct(fixture, shared_of(fixture)->memory, 0, PENDING_BYTES);
	KUNIT_EXPECT_EQ(fixture->test, pending_ask(fixture, packet), -EINPROGRESS);
	KUNIT_EXPECT_EQ(fixture->test, pending_ask(fixture, packet), -EINPROGRESS);
}

static void asked_outside_of_the_callback(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct pending *pending = pending_of(fixture);

	pending->during = ask_too_early;
	fixture->process = NULL;
	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, share(fixture), 0);
	KUNIT_EXPECT_EQ(test, pending->count, 2);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 1);
	get_all(fixture, fixture->packets[0].packet);
	expect_memory(fixture, pending->shared.memory, PENDING_BYTES);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.refused, 0);
}

/* The packet is the client's, but it is another one's callback that asks. */
static void ask_for_another(struct channel_fixture *fixture, struct channel_packet *packet)
{
	if (packet->transaction_id != PENDING_NEXT)
		return;
	pending_ask(fixture, fixture->packets[0].packet);
	channel_complete_inline(fixture, packet);
}

static void name_it_and_go_on(struct channel_fixture *fixture)
{
	peer_send_direct(fixture, shared_of(fixture)->memory, 0, PENDING_BYTES);
	peer_send_inband(fixture, PENDING_NEXT, 8);
	peer_expect_completion(fixture, PENDING_NEXT, 0);
	KUNIT_EXPECT_EQ(fixture->test, pending_of(fixture)->answers[0], -EINPROGRESS);
}

static void asked_in_the_callback_of_another(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	pending_of(fixture)->during = name_it_and_go_on;
	fixture->process = ask_for_another;
	channel_enable(fixture);
	KUNIT_ASSERT_EQ(test, share(fixture), 0);
	channel_expect_order(fixture, (const u64[]) { 0, PENDING_NEXT }, 2);
	get_all(fixture, fixture->packets[0].packet);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
}

static struct kunit_case pending_cases[] = {
	KUNIT_CASE(delivered_again_when_it_is_shared),
	KUNIT_CASE(delivered_again_when_it_is_refused),
	KUNIT_CASE(delivered_again_where_callbacks_sleep),
	KUNIT_CASE(partly_pending),
	KUNIT_CASE(comes_after_a_pause),
	KUNIT_CASE(goes_with_the_channel),
	KUNIT_CASE(asked_outside_of_the_callback),
	KUNIT_CASE(asked_in_the_callback_of_another),
	{}
};

static struct kunit_suite pending_suite = {
	.name = "vmbkmcl_channel_external_pending",
	.init = pending_init,
	.exit = external_fixture_exit,
	.test_cases = pending_cases,
};

kunit_test_suite(pending_suite);
