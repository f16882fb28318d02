// SPDX-License-Identifier: GPL-2.0
/*
 * A channel, a client that writes down, a peer that is the test.
 */
#include <linux/sizes.h>
#include <linux/string.h>

#include "channel_fixture.h"

#define PEER_RECEIVE_LIMIT	SZ_64K

/* The client. */

/* Any context. */
void channel_log(struct channel_fixture *fixture, enum channel_event event,
		 s64 detail)
{
	unsigned long flags;

	spin_lock_irqsave(&fixture->lock, flags);
	if (fixture->log_count < CHANNEL_FIXTURE_LOG)
		fixture->log[fixture->log_count++] = (struct channel_entry) {
			.event = event,
			.detail = detail,
		};
	spin_unlock_irqrestore(&fixture->lock, flags);
}

/* Where the event first stands in the log, or U32_MAX. */
u32 channel_log_find(struct channel_fixture *fixture, enum channel_event event)
{
	u32 found = U32_MAX;
	u32 i;

	spin_lock_irq(&fixture->lock);
	for (i = 0; i < fixture->log_count && found == U32_MAX; i++)
		if (fixture->log[i].event == event)
			found = i;
	spin_unlock_irq(&fixture->lock);
	return found;
}

void channel_expect_log(struct channel_fixture *fixture,
			const struct channel_entry *expected, u32 count)
{
	struct kunit *test = fixture->test;
	u32 i;

	KUNIT_EXPECT_EQ(test, fixture->log_count, count);
	for (i = 0; i < min(count, fixture->log_count); i++) {
		KUNIT_EXPECT_EQ_MSG(test, fixture->log[i].event, expected[i].event,
				    "entry %u", i);
		KUNIT_EXPECT_EQ_MSG(test, fixture->log[i].detail,
				    expected[i].detail, "entry %u", i);
	}
}

static void client_state(struct channel_fixture *fixture,
			 enum channel_event event, s64 detail)
{
	channel_log(fixture, event, detail);
	if (fixture->on_state)
		fixture->on_state(fixture, event);
}

static int client_opened(struct vmb_channel *channel, void *context)
{
	struct channel_fixture *fixture = context;

	client_state(fixture, OPENED, 0);
	return fixture->opened_error;
}

static void client_started(struct vmb_channel *channel, void *context)
{
	client_state(context, STARTED, 0);
}

static void client_post_started(struct vmb_channel *channel, void *context)
{
	client_state(context, POST_STARTED, 0);
}

static void client_suspend(struct vmb_channel *channel, void *context,
			   enum vmb_channel_stop_reason reason)
{
	struct channel_fixture *fixture = context;

	client_state(fixture, SUSPEND, reason);
	complete(&fixture->suspended);
}

static void client_closed(struct vmb_channel *channel, void *context,
			  enum vmb_channel_stop_reason reason)
{
	client_state(context, CLOSED, reason);
}

static void client_pnp_failure(struct vmb_channel *channel, int failure)
{
	client_state(vmb_channel_get_pointer(channel), PNP_FAILURE, failure);
}

static void client_process_packet(struct vmb_channel *channel, void *context,
				  struct vmb_packet_completion *packet,
				  void *buffer, u32 length, u32 flags)
{
	struct channel_fixture *fixture = context;
	struct channel_packet *mine;
	unsigned long irq_flags;

	channel_log(fixture, PACKET, packet->wire.transaction_id);
	spin_lock_irqsave(&fixture->lock, irq_flags);
	/* A test that gets more than it can hold has failed already. */
	mine = &fixture->packets[min(fixture->packet_count,
				     CHANNEL_FIXTURE_PACKETS - 1)];
	*mine = (struct channel_packet) {
		.packet = packet,
		.buffer = buffer,
		.length = length,
		.flags = flags,
		.transaction_id = packet->wire.transaction_id,
	};
	fixture->packet_count++;
	spin_unlock_irqrestore(&fixture->lock, irq_flags);
	if (fixture->process)
		fixture->process(fixture, mine);
}

static void client_processing_complete(struct vmb_channel *channel,
				       void *context, u32 packets)
{
	client_state(context, PROCESSING_COMPLETE, packets);
}

/* Both rings are there, and empty. */
static void fixture_attach(struct channel_fixture *fixture)
{
	struct memory_transport *transport = &fixture->transport;

	fixture->incoming.control = transport->memory;
	fixture->incoming.data = (u8 *)transport->memory + PAGE_SIZE;
	fixture->incoming.size = transport->incoming_size - PAGE_SIZE;
	fixture->outgoing.control = (u8 *)transport->memory +
				    transport->incoming_size;
	fixture->outgoing.data = fixture->outgoing.control + PAGE_SIZE;
	fixture->outgoing.size = transport->outgoing_size - PAGE_SIZE;
	fixture->write_index = 0;
	fixture->read_index = 0;
	fixture->released_index = 0;
	fixture->packet_count = 0;
}

static void fixture_observe(void *observer,
			    enum memory_transport_operation operation)
{
	struct channel_fixture *fixture = observer;

	if (operation == MEMORY_TRANSPORT_OPEN) {
		fixture_attach(fixture);
		channel_log(fixture, TRANSPORT_OPEN, 0);
	} else if (operation == MEMORY_TRANSPORT_CLOSE) {
		channel_log(fixture, TRANSPORT_CLOSE, 0);
	}
}

static void fixture_helper(struct work_struct *work)
{
	struct channel_fixture *fixture;

	fixture = container_of(work, struct channel_fixture, helper);
	fixture->help_result = fixture->help(fixture);
	complete(&fixture->helped);
}

int channel_fixture_init(struct kunit *test)
{
	struct vmb_channel_state_change_callbacks callbacks;
	struct channel_fixture *fixture;

	fixture = kunit_kzalloc(test, sizeof(*fixture), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fixture);
	fixture->received = kunit_kmalloc(test, PEER_RECEIVE_LIMIT, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fixture->received);
	fixture->test = test;
	spin_lock_init(&fixture->lock);
	init_completion(&fixture->suspended);
	init_completion(&fixture->helped);
	INIT_WORK(&fixture->helper, fixture_helper);
	KUNIT_ASSERT_EQ(test, memory_transport_init(&fixture->transport,
						    "vmbkmcl_test"), 0);
	fixture->transport.observe = fixture_observe;
	fixture->transport.observer = fixture;
	test->priv = fixture;

	KUNIT_ASSERT_EQ(test,
			vmb_channel_allocate(&fixture->transport.device.device,
					     false, &fixture->channel), 0);
	vmb_channel_set_pointer(fixture->channel, fixture);
	vmb_channel_state_change_callbacks_init(&callbacks);
	callbacks.callback_context = fixture;
	callbacks.opened = client_opened;
	callbacks.started = client_started;
	callbacks.post_started = client_post_started;
	callbacks.suspend = client_suspend;
	callbacks.closed = client_closed;
	vmb_channel_init_set_state_change_callbacks(fixture->channel, &callbacks);
	vmb_channel_init_set_process_packet_callbacks(fixture->channel, fixture,
						      client_process_packet,
						      client_processing_complete);
	vmb_client_channel_init_set_target_pnp(fixture->channel,
					       &fixture->transport.device.device.interface_type,
					       NULL, client_pnp_failure);
	return 0;
}

/* Whatever a test that broke off has left behind. */
void channel_fixture_exit(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	if (!fixture)
		return;
	fixture->process = NULL;
	fixture->on_state = NULL;
	/* Nobody reads any more: do not wait for it. */
	fixture->transport.gone = true;
	if (fixture->channel && !vmb_channel_is_configurable(fixture->channel))
		for (i = 0; i < min(fixture->packet_count, CHANNEL_FIXTURE_PACKETS); i++)
			channel_complete(fixture, i, NULL, 0);
	if (fixture->channel) {
		vmb_channel_disable(fixture->channel);
		vmb_channel_cleanup(fixture->channel);
	}
	flush_work(&fixture->helper);
	memory_transport_exit(&fixture->transport);
	KUNIT_EXPECT_FALSE(test, fixture->transport.touched_after_close);
}

/* Settings that most tests share. */
void channel_configure(struct channel_fixture *fixture, u32 maximum_packet_size,
		       u32 incoming_pages, u32 outgoing_pages)
{
	struct kunit *test = fixture->test;

	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_maximum_packet_size(fixture->channel,
								       maximum_packet_size), 0);
	KUNIT_ASSERT_EQ(test, vmb_client_channel_init_set_ring_buffer_page_count
			(fixture->channel, incoming_pages, outgoing_pages), 0);
}

/* Returns when the state callbacks that are due have been called. */
void channel_settle(struct channel_fixture *fixture)
{
	flush_work(&fixture->channel->life.work);
}

/* Let the worker deliver what it was given, and what that schedules. */
void channel_settle_packets(struct channel_fixture *fixture)
{
	u32 i;

	for (i = 0; i < 4; i++) {
		memory_transport_run(&fixture->transport, fixture->channel);
		flush_work(&fixture->channel->inbound.work);
	}
}

/* All packets that were delivered, in their order; some perhaps twice. */
void channel_expect_order(struct channel_fixture *fixture, const u64 *expected, u32 count)
{
	u32 i;

	KUNIT_ASSERT_EQ(fixture->test, fixture->packet_count, count);
	for (i = 0; i < count; i++)
		KUNIT_EXPECT_EQ(fixture->test, fixture->packets[i].transaction_id, expected[i]);
}

/*
 * Enabled, and open unless the peer refuses. The real watchdog would look at
 * times that no test chooses.
 */
void channel_enable(struct channel_fixture *fixture)
{
	KUNIT_ASSERT_EQ(fixture->test, vmb_channel_enable(fixture->channel), 0);
	channel_settle(fixture);
	vmb_watchdog_stop(fixture->channel);
	memory_transport_run(&fixture->transport, fixture->channel);
}

void channel_disable(struct channel_fixture *fixture)
{
	KUNIT_EXPECT_EQ(fixture->test, vmb_channel_disable(fixture->channel), 0);
}

/* Complete a packet, unless the client has done so already. */
int channel_complete(struct channel_fixture *fixture, u32 which,
		     const void *buffer, u32 length)
{
	struct channel_packet *packet = &fixture->packets[which];
	int ret;

	if (packet->done)
		return 0;
	ret = vmb_channel_packet_complete(packet->packet, buffer, length);
	packet->done = ret != -EMSGSIZE;
	return ret;
}

/* For channel_fixture.process: answer at once, with nothing. */
void channel_complete_inline(struct channel_fixture *fixture,
			     struct channel_packet *packet)
{
	packet->done = true;
	vmb_channel_packet_complete(packet->packet, NULL, 0);
}

/* Run something on a thread of its own; one at a time. */
void channel_help(struct channel_fixture *fixture,
		  int (*help)(struct channel_fixture *fixture))
{
	reinit_completion(&fixture->helped);
	fixture->help = help;
	queue_work(system_unbound_wq, &fixture->helper);
}

int channel_wait_for_help(struct channel_fixture *fixture)
{
	KUNIT_ASSERT_NE(fixture->test,
			wait_for_completion_timeout(&fixture->helped,
						    CHANNEL_FIXTURE_PATIENCE), 0);
	return fixture->help_result;
}

int channel_help_disable(struct channel_fixture *fixture)
{
	return vmb_channel_disable(fixture->channel);
}

/* The peer. */

static void peer_put_bytes(struct channel_fixture *fixture, const void *bytes,
			   u32 length)
{
	struct ring_image *ring = &fixture->incoming;
	u32 i;

	for (i = 0; i < length; i++) {
		ring->data[fixture->write_index] = ((const u8 *)bytes)[i];
		fixture->write_index = (fixture->write_index + 1) % ring->size;
	}
}

/* Lay a packet into the ring, and tell nobody. */
void peer_put(struct channel_fixture *fixture, const struct peer_packet *packet)
{
	u32 offset = 16 + packet->ranges_length;
	u32 start = fixture->write_index;
	u8 head[16], trailer[8];
	u32 i;

	ring_image_put_le(head, packet->type, 2);
	ring_image_put_le(head + 2, packet->lie ? packet->offset8 : offset / 8, 2);
	ring_image_put_le(head + 4, packet->lie ? packet->length8 :
			  (offset + packet->payload) / 8, 2);
	ring_image_put_le(head + 6, packet->flags, 2);
	ring_image_put_le(head + 8, packet->transaction_id, 8);
	peer_put_bytes(fixture, head, sizeof(head));
	peer_put_bytes(fixture, packet->ranges, packet->ranges_length);
	for (i = 0; i < packet->payload; i++) {
		u8 byte = ring_image_byte(packet->seed, i);

		peer_put_bytes(fixture, &byte, 1);
	}
	ring_image_put_le(trailer, 0, 4);
	ring_image_put_le(trailer + 4, start, 4);
	peer_put_bytes(fixture, trailer, sizeof(trailer));
}

/* In one piece: others may be looking. */
void peer_set(struct ring_image *ring, enum ring_image_field field, u32 value)
{
	/* pairs with what the other end reads before it looks at the ring */
	smp_store_release((__le32 *)(ring->control + field), cpu_to_le32(value));
}

static u32 peer_get(const struct ring_image *ring, enum ring_image_field field)
{
	/* pairs with what the other end publishes after its packets */
	return le32_to_cpu(smp_load_acquire((__le32 *)(ring->control + field)));
}

void peer_publish(struct channel_fixture *fixture)
{
	peer_set(&fixture->incoming, RING_IMAGE_WRITE_INDEX, fixture->write_index);
}

/* Ring the bell, and let happen what comes of it. */
void peer_signal(struct channel_fixture *fixture)
{
	local_bh_disable();
	vmb_channel_interrupt(fixture->channel);
	local_bh_enable();
	memory_transport_run(&fixture->transport, fixture->channel);
}

void peer_send(struct channel_fixture *fixture, const struct peer_packet *packet)
{
	peer_put(fixture, packet);
	peer_publish(fixture);
	peer_signal(fixture);
}

/* A sound packet that wants a completion; its payload's seed is its id. */
void peer_send_inband(struct channel_fixture *fixture, u64 transaction_id,
		      u32 payload)
{
	const struct peer_packet packet = {
		.type = 6,
		.flags = 1,
		.transaction_id = transaction_id,
		.payload = payload,
		.seed = transaction_id,
	};

	peer_send(fixture, &packet);
}

static void peer_get_bytes(struct channel_fixture *fixture, u8 *to, u32 length)
{
	struct ring_image *ring = &fixture->outgoing;
	u32 i;

	for (i = 0; i < length; i++) {
		to[i] = ring->data[fixture->read_index];
		fixture->read_index = (fixture->read_index + 1) % ring->size;
	}
}

static u64 peer_word(const u8 *from, u32 bytes)
{
	u64 word = 0;

	while (bytes--)
		word = word << 8 | from[bytes];
	return word;
}

/*
 * Take what is next in the ring, without giving its room back. False: nothing
 * is. Anything but a well-formed packet fails the test.
 */
bool peer_receive(struct channel_fixture *fixture,
		  struct peer_completion *completion)
{
	u32 write_index = peer_get(&fixture->outgoing, RING_IMAGE_WRITE_INDEX);
	struct kunit *test = fixture->test;
	u32 start = fixture->read_index;
	u32 available, length;
	u8 head[16], trailer[8];

	if (write_index == start)
		return false;
	KUNIT_ASSERT_LT(test, write_index, fixture->outgoing.size);
	available = (write_index + fixture->outgoing.size - start) %
		    fixture->outgoing.size;
	KUNIT_ASSERT_GE(test, available, 24);
	peer_get_bytes(fixture, head, sizeof(head));
	length = peer_word(head + 4, 2) * 8;
	KUNIT_ASSERT_EQ(test, peer_word(head + 2, 2), 2);
	KUNIT_ASSERT_GE(test, length, 16);
	KUNIT_ASSERT_LE(test, length + 8, available);
	KUNIT_ASSERT_LE(test, length, PEER_RECEIVE_LIMIT);
	*completion = (struct peer_completion) {
		.type = peer_word(head, 2),
		.flags = peer_word(head + 6, 2),
		.transaction_id = peer_word(head + 8, 8),
		.length = length - 16,
		.payload = fixture->received,
	};
	peer_get_bytes(fixture, fixture->received, completion->length);
	peer_get_bytes(fixture, trailer, sizeof(trailer));
	KUNIT_EXPECT_EQ(test, peer_word(trailer + 4, 4), start);
	return true;
}

/*
 * Give back the room of all that was received. Returns whether the writer of
 * the ring wants a signal for it: it waits for more than it had, and has it now.
 */
bool peer_release(struct channel_fixture *fixture)
{
	const struct ring_image *ring = &fixture->outgoing;
	u32 write_index, used, released, pending;

	released = (fixture->read_index + ring->size - fixture->released_index) %
		   ring->size;
	peer_set(&fixture->outgoing, RING_IMAGE_READ_INDEX, fixture->read_index);
	smp_mb(); /* the new index is out before we look who waits for it */
	pending = peer_get(ring, RING_IMAGE_PENDING_SEND_SIZE);
	write_index = peer_get(ring, RING_IMAGE_WRITE_INDEX);
	used = (write_index + ring->size - fixture->released_index) % ring->size;
	fixture->released_index = fixture->read_index;
	return pending && ring->size - used <= pending &&
	       ring->size - used + released > pending;
}

u32 peer_pending_send_size(struct channel_fixture *fixture)
{
	return peer_get(&fixture->outgoing, RING_IMAGE_PENDING_SEND_SIZE);
}

u32 peer_incoming_read_index(struct channel_fixture *fixture)
{
	return peer_get(&fixture->incoming, RING_IMAGE_READ_INDEX);
}

/* The next thing in the ring is this completion. */
void peer_expect_completion(struct channel_fixture *fixture, u64 transaction_id,
			    u32 length)
{
	struct kunit *test = fixture->test;
	struct peer_completion completion;

	KUNIT_ASSERT_TRUE_MSG(test, peer_receive(fixture, &completion),
			      "no completion for %llu", transaction_id);
	KUNIT_EXPECT_EQ(test, completion.type, 11);
	KUNIT_EXPECT_EQ(test, completion.flags, 0);
	KUNIT_EXPECT_EQ(test, completion.transaction_id, transaction_id);
	KUNIT_EXPECT_EQ(test, completion.length, length);
}

void peer_expect_nothing(struct channel_fixture *fixture)
{
	struct peer_completion completion;

	KUNIT_EXPECT_FALSE(fixture->test, peer_receive(fixture, &completion));
}
