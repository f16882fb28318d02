// SPDX-License-Identifier: GPL-2.0
/*
 * Deleting a GPADL waits for those who use it, and is in nobody's way: neither
 * other calls nor a close wait for that client, too.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>

#include "../fixtures/external_fixture.h"

#define BYTES		(EXTERNAL_PAGES * PAGE_SIZE)
#define NO_HANDLE	4711u

static int help_delete(struct channel_fixture *fixture)
{
	struct external_memory *shared = shared_of(fixture);
	u32 handle = shared->handle;

	return vmb_channel_delete_gpadl(fixture->channel, handle);
}

static int help_delete_unknown(struct channel_fixture *fixture)
{
	return vmb_channel_delete_gpadl(fixture->channel, NO_HANDLE);
}

/* Nobody finds the memory any more, so whoever deletes it waits. */
static void wait_for_deleter(struct channel_fixture *fixture)
{
	unsigned long limit = jiffies + CHANNEL_FIXTURE_PATIENCE;
	void *address;

	while (vmb_channel_get_system_address_for_gpadl(fixture->channel, 0,
							shared_of(fixture)->handle,
							&address) != -ENOENT) {
		if (time_after(jiffies, limit))
			KUNIT_FAIL_AND_ABORT(fixture->test, "nobody deletes it");
		usleep_range(1000, 2000);
	}
	KUNIT_EXPECT_FALSE(fixture->test, completion_done(&fixture->helped));
}

/* A packet in the client's hands points into memory that a helper deletes. */
static void delete_what_is_used(struct channel_fixture *fixture)
{
	share_memory(fixture, 0);
	get_all(fixture, peer_send_direct(fixture, shared_of(fixture)->memory, 0, BYTES));
	channel_help(fixture, help_delete);
	wait_for_deleter(fixture);
}

/* Nothing is in its way any more. */
static void deleter_is_through(struct channel_fixture *fixture)
{
	flush_work(&fixture->helper);
	KUNIT_EXPECT_EQ(fixture->test, fixture->help_result, 0);
	KUNIT_EXPECT_EQ(fixture->test, fixture->transport.gpadls, 0);
	shared_of(fixture)->handle = 0;
}

static void other_calls_go_on(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	void *page = (void *)__get_free_page(GFP_KERNEL);
	u32 handle;

	KUNIT_ASSERT_NOT_NULL(test, page);
	delete_what_is_used(fixture);
	KUNIT_ASSERT_FALSE(test, mutex_is_locked(&fixture->channel->memory.mutex));
	KUNIT_EXPECT_EQ(test, vmb_channel_create_gpadl_from_buffer(fixture->channel, 0, page,
								   PAGE_SIZE, &handle), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_delete_gpadl(fixture->channel, handle), 0);
	free_page((unsigned long)page);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	deleter_is_through(fixture);
}

/*
 * The peer has it until it is told, which in a confidential VM encrypts it: who shared it
 * anew before would have nothing that the peer can read.
 */
static void cannot_be_shared_again(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	void *memory;
	u32 handle;

	delete_what_is_used(fixture);
	memory = shared_of(fixture)->memory;
	KUNIT_EXPECT_EQ(test, vmb_channel_create_gpadl_from_buffer(fixture->channel, 0, memory,
								   BYTES, &handle), -EEXIST);
	/* The peer names it, and it is nobody's. */
	peer_send_direct(fixture, memory, 0, BYTES);
	expect_external_refused(fixture, -EACCES, VMB_REFUSAL_PAGE_NOT_SHARED);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	deleter_is_through(fixture);
	KUNIT_EXPECT_TRUE(test, xa_empty(&fixture->channel->memory.frames));
	KUNIT_EXPECT_EQ(test, vmb_channel_create_gpadl_from_buffer(fixture->channel, 0, memory,
								   BYTES, &handle), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_delete_gpadl(fixture->channel, handle), 0);
}

/* What is being deleted cannot be named any more. */
static void cannot_be_named(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 handle, vector_count;
	const struct bio_vec *vectors;

	delete_what_is_used(fixture);
	handle = shared_of(fixture)->handle;
	KUNIT_ASSERT_FALSE(test, mutex_is_locked(&fixture->channel->memory.mutex));
	KUNIT_EXPECT_EQ(test, vmb_channel_delete_gpadl(fixture->channel, handle), -ENOENT);
	KUNIT_EXPECT_EQ(test, vmb_channel_register_transfer_page_set
			(fixture->channel, EXTERNAL_SET, handle), -ENOENT);
	KUNIT_EXPECT_EQ(test, vmb_gpadl_map(fixture->channel, 0, handle, &vectors,
					    &vector_count), -ENOENT);
	KUNIT_EXPECT_EQ(test, channel_complete(fixture, 0, NULL, 0), 0);
	deleter_is_through(fixture);
}

/* The client waits for its own packet's end before it completes the peer's. */
static void complete_at_end(struct vmb_packet *packet, void *context, int status,
			    const void *buffer, u32 length)
{
	struct channel_fixture *fixture = context;

	channel_complete(fixture, 0, NULL, 0);
}

static struct vmb_packet *send_external(struct channel_fixture *fixture)
{
	struct vmb_packet *packet = vmb_packet_allocate(fixture->channel);
	struct bio_vec vector = {
		.bv_page = vmalloc_to_page(shared_of(fixture)->memory),
		.bv_len = PAGE_SIZE,
	};

	KUNIT_ASSERT_NOT_NULL(fixture->test, packet);
	vmb_packet_set_completion_routine(packet, fixture, complete_at_end);
	KUNIT_ASSERT_EQ(fixture->test, vmb_packet_send(packet, NULL, 0, &vector, 1,
						       VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION),
			0);
	return packet;
}

/*
 * The peer breaks its ring: only the transport's close ends what the client has
 * sent, so that must not wait for whoever waits for the client.
 */
static void framing_lost_meanwhile(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_packet *packet;

	share_memory(fixture, 0);
	get_all(fixture, peer_send_direct(fixture, shared_of(fixture)->memory, 0, BYTES));
	packet = send_external(fixture);
	channel_help(fixture, help_delete);
	wait_for_deleter(fixture);
	peer_send(fixture, &(struct peer_packet) {
		.type = 6, .lie = true, .offset8 = 2, .length8 = 1000 });
	if (!wait_for_completion_timeout(&fixture->helped, CHANNEL_FIXTURE_PATIENCE)) {
		KUNIT_FAIL(test, "the close waits for the delete, and that for the close");
		channel_complete(fixture, 0, NULL, 0);
	}
	channel_settle(fixture);
	deleter_is_through(fixture);
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
	KUNIT_EXPECT_EQ(test, fixture->channel->counters.leaked, 0);
	vmb_packet_free(packet);
}

/* Of two threads of the client's one deletes what the other leaves behind. */
static void channel_closes_meanwhile(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	const struct bio_vec *vectors;
	u32 vector_count;

	share_memory(fixture, 0);
	/* A server is in no hurry. */
	KUNIT_ASSERT_EQ(test, vmb_gpadl_map(fixture->channel, 0, shared_of(fixture)->handle,
					    &vectors, &vector_count), 0);
	channel_help(fixture, help_delete);
	wait_for_deleter(fixture);
	KUNIT_ASSERT_FALSE(test, mutex_is_locked(&fixture->channel->memory.mutex));
	vmb_channel_peer_gone(fixture->channel);
	while (channel_log_find(fixture, CLOSED) == U32_MAX)
		usleep_range(1000, 2000);
	/* The deleter still needs the transport. */
	msleep(20);
	KUNIT_EXPECT_FALSE(test, vmb_channel_is_configurable(fixture->channel));
	KUNIT_EXPECT_NOT_NULL(test, fixture->transport.memory);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 1);
	vmb_gpadl_unmap(fixture->channel, shared_of(fixture)->handle);
	channel_settle(fixture);
	deleter_is_through(fixture);
	KUNIT_EXPECT_TRUE(test, vmb_channel_is_configurable(fixture->channel));
}

/*
 * What the close takes back gets no number any more, not either while it waits for a
 * server: who has the next connection would find by it what is gone.
 */
static void nothing_is_numbered_while_it_closes(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	const struct bio_vec *vectors;
	u32 vector_count, other;

	share_memory(fixture, 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_create_gpadl(fixture->channel, 0, 1, &other), 0);
	KUNIT_ASSERT_EQ(test, vmb_gpadl_map(fixture->channel, 0, shared_of(fixture)->handle,
					    &vectors, &vector_count), 0);
	vmb_channel_peer_gone(fixture->channel);
	wait_for_deleter(fixture);
	KUNIT_EXPECT_EQ(test, vmb_channel_register_transfer_page_set
			(fixture->channel, EXTERNAL_SET, other), -ENODEV);
	vmb_gpadl_unmap(fixture->channel, shared_of(fixture)->handle);
	shared_of(fixture)->handle = 0;
	channel_settle(fixture);
	KUNIT_EXPECT_EQ(test, fixture->transport.gpadls, 0);
	KUNIT_EXPECT_TRUE(test, xa_empty(&fixture->channel->memory.sets));
	xa_destroy(&fixture->channel->memory.sets);
}

/* The peer's driver may take its time to open and to close, as on loopback. */

static void (*real_observe)(void *observer, enum memory_transport_operation operation);

static void observe_and_call(void *observer, enum memory_transport_operation operation)
{
	struct channel_fixture *fixture = observer;

	real_observe(observer, operation);
	if (operation != MEMORY_TRANSPORT_OPEN && operation != MEMORY_TRANSPORT_CLOSE)
		return;
	channel_help(fixture, help_delete_unknown);
	KUNIT_EXPECT_NE_MSG(fixture->test,
			    wait_for_completion_timeout(&fixture->helped, 2 * HZ), 0,
			    "delete waits for who %s the channel",
			    operation == MEMORY_TRANSPORT_OPEN ? "opens" : "closes");
}

static void transport_opens_and_closes(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	real_observe = fixture->transport.observe;
	fixture->transport.observe = observe_and_call;
	channel_enable(fixture);
	flush_work(&fixture->helper);
	KUNIT_EXPECT_EQ(test, fixture->help_result, -ENOENT);
	channel_disable(fixture);
	flush_work(&fixture->helper);
	KUNIT_EXPECT_EQ(test, fixture->help_result, -ENOENT);
}

/**
 * struct last_wake - what was so when a wait for the GPADLs was last woken
 * @entry: in the queue.
 * @fixture: the rest.
 * @count: how often it was woken.
 * @locked: the mutex was somebody's.
 * @references: to the first page.
 */
struct last_wake {
	struct wait_queue_entry entry;
	struct channel_fixture *fixture;
	u32 count;
	bool locked;
	int references;
};

static struct page *first_page(struct channel_fixture *fixture)
{
	return vmalloc_to_page(shared_of(fixture)->memory);
}

static int note_wake(struct wait_queue_entry *entry, unsigned int mode, int flags, void *key)
{
	struct last_wake *last = container_of(entry, struct last_wake, entry);

	last->count++;
	last->locked = mutex_is_locked(&last->fixture->channel->memory.mutex);
	last->references = page_count(first_page(last->fixture));
	return 0;
}

static void expect_last_wake(struct channel_fixture *fixture, int references,
			     int (*call)(struct channel_fixture *fixture), int result)
{
	struct wait_queue_head *queue = &fixture->channel->memory.unused;
	struct last_wake last = { .fixture = fixture };

	init_waitqueue_func_entry(&last.entry, note_wake);
	add_wait_queue(queue, &last.entry);
	KUNIT_EXPECT_EQ(fixture->test, call(fixture), result);
	remove_wait_queue(queue, &last.entry);
	KUNIT_EXPECT_GT(fixture->test, last.count, 0);
	KUNIT_EXPECT_FALSE(fixture->test, last.locked);
	KUNIT_EXPECT_EQ(fixture->test, last.references, references);
}

static int create(struct channel_fixture *fixture)
{
	struct external_memory *shared = shared_of(fixture);

	return vmb_channel_create_gpadl_from_buffer(fixture->channel, 0, shared->memory,
						    BYTES, &shared->handle);
}

static int register_set(struct channel_fixture *fixture)
{
	return vmb_channel_register_transfer_page_set(fixture->channel, EXTERNAL_SET,
						      shared_of(fixture)->handle);
}

static int unregister_set(struct channel_fixture *fixture)
{
	return vmb_channel_unregister_transfer_page_set(fixture->channel, EXTERNAL_SET);
}

/*
 * A close waits for calls that are under way: from when it is told that there are
 * none they touch nothing of the channel, which may be freed, nor of the memory.
 */
static void close_is_told_last(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	int references = page_count(first_page(fixture));

	channel_enable(fixture);
	expect_last_wake(fixture, references + 1, create, 0);
	expect_last_wake(fixture, references + 1, register_set, 0);
	expect_last_wake(fixture, references + 1, register_set, -EEXIST);
	expect_last_wake(fixture, references + 1, unregister_set, 0);
	expect_last_wake(fixture, references + 1, unregister_set, -ENOENT);
	expect_last_wake(fixture, references, help_delete, 0);
	shared_of(fixture)->handle = 0;
	expect_last_wake(fixture, references, help_delete_unknown, -ENOENT);
	fixture->transport.create_gpadl_error = -EPROTO;
	expect_last_wake(fixture, references, create, -EPROTO);
}

static struct kunit_case delete_cases[] = {
	KUNIT_CASE(other_calls_go_on),
	KUNIT_CASE(cannot_be_shared_again),
	KUNIT_CASE(cannot_be_named),
	KUNIT_CASE(framing_lost_meanwhile),
	KUNIT_CASE(channel_closes_meanwhile),
	KUNIT_CASE(nothing_is_numbered_while_it_closes),
	KUNIT_CASE(transport_opens_and_closes),
	KUNIT_CASE(close_is_told_last),
	{}
};

static struct kunit_suite delete_suite = {
	.name = "vmbkmcl_gpadl_delete",
	.init = external_fixture_init,
	.exit = external_fixture_exit,
	.test_cases = delete_cases,
};

kunit_test_suite(delete_suite);
