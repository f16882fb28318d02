// SPDX-License-Identifier: GPL-2.0
/*
 * Every call of the outbound side and of the GPADL family, between a client and
 * a server of one kernel: what each of them does alone is shown by the suites
 * whose peer is the test; here the peer is a driver.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "../fixtures/traffic_fixture.h"

/* Pages of the peer's, in one of the kernel's. */
#define IN_PAGE			(PAGE_SIZE / 4096)
#define CALLS_PAGES	4u
#define CALLS_ANSWERED	(60 * HZ)

/**
 * struct calls_end - how a packet ended
 * @done: it has.
 * @status: with what.
 * @answer: and which answer.
 */
struct calls_end {
	struct completion done;
	int status;
	struct message answer;
};

static struct message calls_message(u64 number)
{
	return (struct message) { .number = number, .inverse = ~number };
}

static void calls_ended(struct vmb_packet *packet, void *context, int status,
			const void *buffer, u32 length)
{
	struct calls_end *end = context;

	end->status = status;
	if (length == sizeof(end->answer))
		end->answer = *(const struct message *)buffer;
	complete(&end->done);
}

static void calls_expect_answer(struct kunit *test, struct calls_end *end, u64 number)
{
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&end->done, CALLS_ANSWERED), 0);
	KUNIT_EXPECT_EQ(test, end->status, 0);
	KUNIT_EXPECT_EQ(test, end->answer.number, number);
	reinit_completion(&end->done);
	memset(&end->answer, 0, sizeof(end->answer));
}

static void packet_in_the_callers_memory(struct kunit *test)
{
	struct traffic *traffic = traffic_init(test, 0);
	struct vmb_channel *channel = traffic->client.end->channel;
	u32 size = vmb_channel_sizeof_packet(channel);
	struct vmb_packet *packet = kunit_kzalloc(test, size, GFP_KERNEL);
	struct message message = calls_message(7);
	struct calls_end end = {};

	KUNIT_ASSERT_NOT_NULL(test, packet);
	init_completion(&end.done);
	KUNIT_EXPECT_EQ(test, vmb_packet_initialize(channel, packet, size - 1), -EINVAL);
	KUNIT_ASSERT_EQ(test, vmb_packet_initialize(channel, packet, size), 0);
	KUNIT_EXPECT_PTR_EQ(test, vmb_packet_get_channel(packet), channel);
	KUNIT_EXPECT_NULL(test, vmb_packet_get_inline_packet_context_pointer(packet));
	vmb_packet_set_pointer(packet, &end);
	KUNIT_EXPECT_PTR_EQ(test, vmb_packet_get_pointer(packet), (void *)&end);
	KUNIT_EXPECT_EQ(test, vmb_packet_send(packet, &message, sizeof(message), NULL, 0, WAIT),
			-EINVAL);
	vmb_packet_set_completion_routine(packet, &end, calls_ended);
	traffic->server.hold = true;
	KUNIT_ASSERT_EQ(test, vmb_packet_send(packet, &message, sizeof(message), NULL, 0, WAIT), 0);
	traffic_expect_received(&traffic->server, 1);
	traffic_complete_held(&traffic->server);
	calls_expect_answer(test, &end, 7);
}

static void packets_as_configured(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, &loopback_instances[0]);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);
	struct vmb_packet *packets[2];
	u32 i;

	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_inline_packet_context_size(client->channel, 24),
			0);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_packet_count(client->channel, 2), 0);
	loopback_enable(server);
	loopback_enable(client);
	loopback_expect(client, LOOPBACK_STARTED, 1);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_maximum_packet_count(client->channel, 3),
			-EBUSY);
	for (i = 0; i < 2; i++) {
		packets[i] = vmb_packet_allocate(client->channel);
		KUNIT_ASSERT_NOT_NULL(test, packets[i]);
		KUNIT_ASSERT_NOT_NULL(test,
				      vmb_packet_get_inline_packet_context_pointer(packets[i]));
		memset(vmb_packet_get_inline_packet_context_pointer(packets[i]), 0xaa, 24);
	}
	for (i = 0; i < 2; i++)
		vmb_packet_free(packets[i]);
}

/* The pages that the server saw are these, from the first on. */
static void calls_expect_seen(struct kunit *test, struct traffic *traffic,
			      struct page **pages, u32 count)
{
	u32 i;

	KUNIT_EXPECT_EQ(test, traffic->server.external_error, 0);
	KUNIT_ASSERT_EQ(test, traffic->server.seen_count, count);
	for (i = 0; i < count; i++)
		KUNIT_EXPECT_PTR_EQ(test, traffic->server.seen_pages[i], pages[i]);
	traffic->server.seen_count = 0;
}

static void external_data_in_every_way(struct kunit *test)
{
	struct traffic *traffic = traffic_init(test, 0);
	struct vmb_channel *channel = traffic->client.end->channel;
	struct vmb_packet *packet = vmb_packet_allocate(channel);
	struct bio_vec vectors[CALLS_PAGES];
	struct page *pages[CALLS_PAGES];
	struct message message = calls_message(1);
	struct calls_end end = {};
	u64 pfns[CALLS_PAGES * IN_PAGE];
	struct iov_iter iter;
	u32 i, k;

	KUNIT_ASSERT_NOT_NULL(test, packet);
	init_completion(&end.done);
	vmb_packet_set_completion_routine(packet, &end, calls_ended);
	for (i = 0; i < CALLS_PAGES; i++) {
		pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		KUNIT_ASSERT_NOT_NULL(test, pages[i]);
		vectors[i] = (struct bio_vec) { .bv_page = pages[i], .bv_len = PAGE_SIZE };
		for (k = 0; k < IN_PAGE; k++)
			pfns[i * IN_PAGE + k] = page_to_pfn(pages[i]) * IN_PAGE + k;
	}
	traffic->server.hold = true;

	/* From the second page's middle into the third. */
	KUNIT_ASSERT_EQ(test, vmb_packet_send_with_external_mdl(packet, &message, sizeof(message),
								vectors, CALLS_PAGES,
								PAGE_SIZE + 2048, PAGE_SIZE, WAIT),
			0);
	traffic_expect_received(&traffic->server, 1);
	traffic_complete_held(&traffic->server);
	calls_expect_answer(test, &end, 1);
	calls_expect_seen(test, traffic, &pages[1], 2);

	message = calls_message(2);
	KUNIT_ASSERT_EQ(test, vmb_packet_send_with_external_pfns(packet, &message, sizeof(message),
								 pfns, 3 * IN_PAGE, WAIT), 0);
	traffic_expect_received(&traffic->server, 2);
	traffic_complete_held(&traffic->server);
	calls_expect_answer(test, &end, 2);
	calls_expect_seen(test, traffic, pages, 3);

	message = calls_message(3);
	iov_iter_bvec(&iter, ITER_SOURCE, vectors, 2, 2 * PAGE_SIZE);
	iov_iter_advance(&iter, PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, vmb_packet_send_with_external_iter(packet, &message, sizeof(message),
								 &iter, WAIT), 0);
	traffic_expect_received(&traffic->server, 3);
	traffic_complete_held(&traffic->server);
	calls_expect_answer(test, &end, 3);
	calls_expect_seen(test, traffic, &pages[1], 1);

	vmb_packet_free(packet);
	for (i = 0; i < CALLS_PAGES; i++) {
		KUNIT_EXPECT_EQ(test, page_count(pages[i]), 1);
		__free_page(pages[i]);
	}
}

static int calls_request(struct traffic *traffic, u64 number, u32 flags,
			 struct message *answer, u32 *size, long timeout)
{
	struct message message = calls_message(number);

	return vmb_channel_send_synchronous_request(traffic->client.end->channel, &message,
						    sizeof(message), NULL, 0, flags, answer,
						    size, timeout);
}

static void synchronous_requests(struct kunit *test)
{
	struct traffic *traffic = traffic_init(test, 0);
	const struct vmb_channel *client = traffic->client.end->channel;
	struct message answer = {};
	u32 size = sizeof(answer);
	unsigned long deadline;

	KUNIT_EXPECT_EQ(test, calls_request(traffic, 11, WAIT, &answer, &size,
					    MAX_SCHEDULE_TIMEOUT), 0);
	KUNIT_EXPECT_EQ(test, answer.number, 11);
	KUNIT_EXPECT_EQ(test, size, sizeof(answer));
	KUNIT_EXPECT_EQ(test, calls_request(traffic, 12, 0, NULL, NULL, 0), 0);

	/* Given up, and answered afterwards: that is for nobody, and no surprise. */
	traffic->server.hold = true;
	KUNIT_EXPECT_EQ(test, calls_request(traffic, 13, WAIT, NULL, NULL, 2), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, client->outbound.allocated, PACKETS + 1);
	traffic_complete_held(&traffic->server);
	deadline = jiffies + CALLS_ANSWERED;
	while (READ_ONCE(client->outbound.allocated) != PACKETS && time_before(jiffies, deadline))
		schedule_timeout_uninterruptible(1);
	KUNIT_EXPECT_EQ(test, client->outbound.allocated, PACKETS);
	KUNIT_EXPECT_EQ(test, client->counters.sends, 3);
	KUNIT_EXPECT_EQ(test, client->counters.sends_completed, 3);
	KUNIT_EXPECT_EQ(test, client->refusals[VMB_REFUSAL_COMPLETION_UNEXPECTED], 0);
}

/* The server maps it, sees the very pages, and lets go; then it can be deleted. */
static void calls_share(struct kunit *test, struct traffic *traffic, u32 handle,
			u8 *memory)
{
	struct vmb_channel *server = traffic->server.end->channel;
	const struct bio_vec *vectors;
	u32 count, i, k;

	memset(memory, 0x5a, CALLS_PAGES * PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, vmb_channel_map_gpadl(server, 0, handle, &vectors, &count), 0);
	for (i = 0, k = 0; i < count; i++) {
		u8 *mapped = page_address(vectors[i].bv_page) + vectors[i].bv_offset;

		KUNIT_EXPECT_NULL(test, memchr_inv(mapped, 0x5a, vectors[i].bv_len));
		memset(mapped, 0xa5, vectors[i].bv_len);
		k += vectors[i].bv_len;
	}
	KUNIT_EXPECT_EQ(test, k, CALLS_PAGES * PAGE_SIZE);
	KUNIT_EXPECT_NULL(test, memchr_inv(memory, 0xa5, CALLS_PAGES * PAGE_SIZE));
	vmb_channel_unmap_gpadl(server, handle);
	KUNIT_EXPECT_EQ(test, vmb_channel_delete_gpadl(traffic->client.end->channel, handle), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_map_gpadl(server, 0, handle, &vectors, &count), -ENOENT);
}

static void gpadls_of_every_kind(struct kunit *test)
{
	struct traffic *traffic = traffic_init(test, 0);
	struct vmb_channel *client = traffic->client.end->channel;
	const u32 size = CALLS_PAGES * PAGE_SIZE;
	struct bio_vec vectors[CALLS_PAGES];
	u8 *memory = vmalloc(size);
	u64 pfns[CALLS_PAGES * IN_PAGE];
	void *address;
	u32 handle, i, k;

	KUNIT_ASSERT_NOT_NULL(test, memory);
	for (i = 0; i < CALLS_PAGES; i++) {
		struct page *page = vmalloc_to_page(memory + i * PAGE_SIZE);

		vectors[i] = (struct bio_vec) { .bv_page = page, .bv_len = PAGE_SIZE };
		for (k = 0; k < IN_PAGE; k++)
			pfns[i * IN_PAGE + k] = page_to_pfn(page) * IN_PAGE + k;
	}
	KUNIT_ASSERT_EQ(test, vmb_channel_create_gpadl_from_buffer(client, 0, memory, size,
								   &handle), 0);
	calls_share(test, traffic, handle, memory);
	KUNIT_ASSERT_EQ(test, vmb_channel_create_gpadl_from_mdl(client, 0, vectors, CALLS_PAGES,
								0, 0, &handle), 0);
	calls_share(test, traffic, handle, memory);
	KUNIT_ASSERT_EQ(test, vmb_channel_create_gpadl_from_pfn_list(client, 0, pfns,
								     ARRAY_SIZE(pfns), &handle), 0);
	calls_share(test, traffic, handle, memory);
	KUNIT_ASSERT_EQ(test, vmb_channel_create_gpadl(client, 0, CALLS_PAGES, &handle), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_get_system_address_for_gpadl(client, 0, handle,
								       &address), 0);
	calls_share(test, traffic, handle, address);
	vfree(memory);
}

static struct kunit_case loopback_calls_cases[] = {
	KUNIT_CASE(packet_in_the_callers_memory),
	KUNIT_CASE(packets_as_configured),
	KUNIT_CASE(external_data_in_every_way),
	KUNIT_CASE(synchronous_requests),
	KUNIT_CASE(gpadls_of_every_kind),
	{ }
};

static struct kunit_suite loopback_calls_suite = {
	.name = "vmbkmcl_loopback_calls",
	.init = loopback_fixture_init,
	.exit = traffic_exit,
	.test_cases = loopback_calls_cases,
};

kunit_test_suite(loopback_calls_suite);
