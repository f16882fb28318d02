// SPDX-License-Identifier: GPL-2.0
/*
 * Two ends on loopback that send each other packets. See traffic_fixture.h.
 */
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "traffic_fixture.h"

#define LARGEST		256u

static bool message_is_sound(const struct message *message, u32 length)
{
	return length == sizeof(*message) && message->number == ~message->inverse;
}

static void traffic_complete(struct traffic_end *traffic, struct held *held)
{
	int ret = vmb_channel_packet_complete(held->packet, &held->message,
					      sizeof(held->message));
	unsigned long flags;

	/* The channel may have gone; nothing else is right. */
	if (ret && ret != -ENODEV) {
		spin_lock_irqsave(&traffic->lock, flags);
		traffic->wrong++;
		spin_unlock_irqrestore(&traffic->lock, flags);
	}
	kfree(held);
}

static void traffic_look_at_external(struct traffic_end *traffic,
				     struct vmb_packet_completion *packet)
{
	const struct bio_vec *vectors;
	u32 count, i;

	traffic->external_error = vmb_channel_packet_get_external_data(packet, 0, &vectors, &count);
	if (traffic->external_error)
		return;
	traffic->seen_count = count;
	for (i = 0; i < min_t(u32, count, ARRAY_SIZE(traffic->seen_pages)); i++) {
		u8 *memory = page_address(vectors[i].bv_page) + vectors[i].bv_offset;

		traffic->seen_pages[i] = vectors[i].bv_page;
		/* What the client finds there afterwards. */
		memset(memory, memory[0] + 1, vectors[i].bv_len);
	}
}

/*
 * Every second one is answered at once, the others later, the last one first:
 * so no order is kept.
 */
static void traffic_process(struct vmb_channel *channel, void *context,
			    struct vmb_packet_completion *packet, void *buffer,
			    u32 length, u32 flags)
{
	struct traffic_end *traffic = context;
	struct held *held = kmalloc(sizeof(*held), GFP_ATOMIC);
	struct held *first = NULL;
	unsigned long irq_flags;
	bool now;

	if (flags)
		traffic_look_at_external(traffic, packet);
	spin_lock_irqsave(&traffic->lock, irq_flags);
	traffic->received++;
	if (!held || !message_is_sound(buffer, length))
		traffic->wrong++;
	now = traffic->received % 2;
	if (held) {
		held->packet = packet;
		held->message = *(struct message *)buffer;
		if (!now || traffic->hold)
			list_add(&held->node, &traffic->held);
	}
	spin_unlock_irqrestore(&traffic->lock, irq_flags);
	if (!held)
		vmb_channel_packet_complete(packet, NULL, 0);
	else if (now && !traffic->hold)
		traffic_complete(traffic, held);
	wake_up_all(&traffic->changed);
	if (traffic->hold)
		return;
	/* Whoever waits for the second of two would wait for ever at the end. */
	spin_lock_irqsave(&traffic->lock, irq_flags);
	if (!list_empty(&traffic->held) && traffic->received % 3 != 1) {
		first = list_first_entry(&traffic->held, struct held, node);
		list_del(&first->node);
	}
	spin_unlock_irqrestore(&traffic->lock, irq_flags);
	if (first)
		traffic_complete(traffic, first);
}

/* Everything that is held, from this thread. */
void traffic_complete_held(struct traffic_end *traffic)
{
	struct held *held, *next;
	LIST_HEAD(list);

	spin_lock_irq(&traffic->lock);
	list_splice_init(&traffic->held, &list);
	spin_unlock_irq(&traffic->lock);
	list_for_each_entry_safe(held, next, &list, node)
		traffic_complete(traffic, held);
}

static void traffic_ended(struct vmb_packet *packet, void *context, int status,
			  const void *buffer, u32 length)
{
	struct outgoing *outgoing = context;
	struct traffic_end *traffic = outgoing->end;
	unsigned long flags;

	spin_lock_irqsave(&traffic->lock, flags);
	if (!outgoing->busy)
		traffic->wrong++;
	outgoing->busy = false;
	if (status == -ENODEV)
		traffic->failed++;
	else if (status || !message_is_sound(buffer, length) ||
		 ((const struct message *)buffer)->number != outgoing->message.number)
		traffic->wrong++;
	else
		traffic->answered++;
	spin_unlock_irqrestore(&traffic->lock, flags);
	wake_up_all(&traffic->changed);
}

/* A packet object that is not in flight, made busy; or NULL. */
static struct outgoing *traffic_take(struct traffic_end *traffic)
{
	struct outgoing *found = NULL;
	u32 i;

	spin_lock_irq(&traffic->lock);
	for (i = 0; i < traffic->count && !found; i++)
		if (!traffic->outgoing[i].busy)
			found = &traffic->outgoing[i];
	if (found) {
		found->busy = true;
		found->message.number = traffic->next++;
		found->message.inverse = ~found->message.number;
		traffic->sent++;
	}
	spin_unlock_irq(&traffic->lock);
	return found;
}

int traffic_send(struct traffic_end *traffic, const struct bio_vec *vectors, u32 count)
{
	struct outgoing *outgoing = traffic_take(traffic);
	int ret;

	if (!outgoing)
		return -EAGAIN;
	ret = vmb_packet_send(outgoing->packet, &outgoing->message, sizeof(outgoing->message),
			      vectors, count, WAIT);
	if (ret) {
		spin_lock_irq(&traffic->lock);
		outgoing->busy = false;
		traffic->sent--;
		spin_unlock_irq(&traffic->lock);
	}
	return ret;
}

/* A thread that sends as fast as it can. */
static void traffic_work(struct work_struct *work)
{
	struct traffic_end *traffic = container_of(work, struct traffic_end, work);

	while (!READ_ONCE(traffic->stop) && READ_ONCE(traffic->next) < traffic->target) {
		int ret = traffic_send(traffic, NULL, 0);

		traffic_complete_held(traffic);
		if (ret == -EAGAIN)
			usleep_range(20, 50);
		else if (ret)
			break;
		cond_resched();
	}
	/* Nobody else would complete what comes in after that. */
	while (!READ_ONCE(traffic->stop)) {
		traffic_complete_held(traffic);
		usleep_range(100, 200);
	}
	traffic_complete_held(traffic);
}

/* More memory than a frame may have, and gone with the test. */
static void traffic_make(struct kunit *test, struct traffic_end *traffic,
			 struct loopback_end *end, u32 count)
{
	u32 i;

	traffic->test = test;
	traffic->end = end;
	traffic->count = count;
	spin_lock_init(&traffic->lock);
	INIT_LIST_HEAD(&traffic->held);
	init_waitqueue_head(&traffic->changed);
	INIT_WORK(&traffic->work, traffic_work);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_packet_size(end->channel, LARGEST), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_external_data(end->channel,
									 16 * PAGE_SIZE, CHAIN),
			0);
	KUNIT_ASSERT_EQ(test,
			vmb_channel_init_set_process_packet_callbacks(end->channel, traffic,
								      traffic_process, NULL), 0);
	for (i = 0; i < count; i++) {
		struct outgoing *outgoing = &traffic->outgoing[i];

		outgoing->end = traffic;
		outgoing->packet = vmb_packet_allocate(end->channel);
		KUNIT_ASSERT_NOT_NULL(test, outgoing->packet);
		vmb_packet_set_completion_routine(outgoing->packet, outgoing, traffic_ended);
	}
}

struct traffic *traffic_init(struct kunit *test, u32 pages)
{
	struct loopback_fixture *fixture = test->priv;
	struct traffic *traffic = kunit_kzalloc(test, sizeof(*traffic), GFP_KERNEL);
	struct loopback_end *server = loopback_server(test, &loopback_type,
						      &loopback_instances[0]);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);

	KUNIT_ASSERT_NOT_NULL(test, traffic);
	fixture->private = traffic;
	traffic_make(test, &traffic->server, server, PACKETS);
	traffic_make(test, &traffic->client, client, PACKETS);
	if (pages)
		KUNIT_ASSERT_EQ(test, vmb_client_channel_init_set_ring_buffer_page_count
				(client->channel, pages, pages), 0);
	loopback_enable(server);
	loopback_enable(client);
	loopback_expect(client, LOOPBACK_STARTED, 1);
	loopback_expect(server, LOOPBACK_STARTED, 1);
	return traffic;
}

/* Everybody stops, and nothing is held back any more. */
void traffic_stop(struct traffic_end *traffic)
{
	WRITE_ONCE(traffic->stop, true);
	flush_work(&traffic->work);
	traffic->hold = false;
	traffic_complete_held(traffic);
}

void traffic_exit(struct kunit *test)
{
	struct loopback_fixture *fixture = test->priv;
	struct traffic *traffic = fixture ? fixture->private : NULL;
	struct traffic_end *ends[2];
	u32 i, k;

	if (traffic) {
		ends[0] = &traffic->client;
		ends[1] = &traffic->server;
		for (i = 0; i < 2; i++)
			if (ends[i]->end)
				traffic_stop(ends[i]);
		for (i = 0; i < 2; i++)
			if (ends[i]->end)
				flush_work(&ends[i]->end->helper);
		for (i = 0; i < 2; i++)
			if (ends[i]->end && ends[i]->end->channel)
				vmb_channel_disable(ends[i]->end->channel);
		for (i = 0; i < 2; i++)
			for (k = 0; k < PACKETS; k++)
				if (ends[i]->outgoing[k].packet)
					vmb_packet_free(ends[i]->outgoing[k].packet);
	}
	loopback_fixture_exit(test);
}

static u64 traffic_received(struct traffic_end *traffic)
{
	return READ_ONCE(traffic->received);
}

static u64 traffic_ends(struct traffic_end *traffic)
{
	return READ_ONCE(traffic->answered) + READ_ONCE(traffic->failed);
}

/* Patience lasts as long as there is progress: machines are slow and slower. */
static void traffic_wait(struct traffic_end *traffic, u64 (*progress)(struct traffic_end *),
			 u64 count)
{
	u64 before;

	do {
		before = progress(traffic);
	} while (before < count &&
		 wait_event_timeout(traffic->changed, progress(traffic) != before,
				    LOOPBACK_PATIENCE));
}

void traffic_expect_received(struct traffic_end *traffic, u64 count)
{
	traffic_wait(traffic, traffic_received, count);
	KUNIT_ASSERT_EQ(traffic->test, traffic->received, count);
}

/* Each has ended, one way or the other. */
void traffic_expect_ended(struct traffic_end *traffic, u64 count)
{
	traffic_wait(traffic, traffic_ends, count);
	KUNIT_ASSERT_EQ(traffic->test, traffic_ends(traffic), count);
}

/* By its answer, that is. */
void traffic_expect_answered(struct traffic_end *traffic, u64 count)
{
	traffic_expect_ended(traffic, count);
	KUNIT_ASSERT_EQ(traffic->test, traffic->answered, count);
	KUNIT_EXPECT_EQ(traffic->test, traffic->failed, 0);
	KUNIT_EXPECT_EQ(traffic->test, traffic->wrong, 0);
}

/* What was accepted has ended, one way or the other, once. */
void traffic_expect_balance(struct traffic_end *traffic)
{
	const struct vmb_counters *counters = &traffic->end->channel->counters;
	struct kunit *test = traffic->test;

	KUNIT_EXPECT_EQ(test, traffic_ends(traffic), traffic->sent);
	KUNIT_EXPECT_EQ(test, traffic->wrong, 0);
	KUNIT_EXPECT_EQ(test, counters->sends, traffic->sent);
	KUNIT_EXPECT_EQ(test, counters->sends_completed, traffic->answered);
	KUNIT_EXPECT_EQ(test, counters->sends_failed, traffic->failed);
	KUNIT_EXPECT_EQ(test, counters->refused, 0);
	KUNIT_EXPECT_EQ(test, counters->completed_twice, 0);
}
