// SPDX-License-Identifier: GPL-2.0
/*
 * Packets: what comes in is sent back, some of it later, by a worker; and a
 * thread sends as fast as it can.
 */
#include <linux/kthread.h>

#include "storm.h"

/* One packet of so many is completed by the worker. */
#define STORM_DEFER_EVERY	3
#define STORM_DEFER_JIFFIES	2

/**
 * struct storm_inbound - kept with each packet that came in
 * @node: in &storm.defer.
 * @packet: the packet.
 * @buffer: its payload.
 * @length: bytes of it.
 *
 * The library's memory.
 */
struct storm_inbound {
	struct llist_node node;
	struct vmb_packet_completion *packet;
	void *buffer;
	u32 length;
};

static void storm_complete(struct storm *storm, struct storm_inbound *inbound)
{
	int ret;

	/* Before the call: who waits for the completion finds it counted. */
	atomic64_inc(&storm->count.completed);
	ret = vmb_channel_packet_complete(inbound->packet, inbound->buffer,
					  inbound->length);
	if (ret)
		storm_wrong(storm, "a packet could not be completed", ret);
}

static void storm_deferred_work(struct work_struct *work)
{
	struct storm *storm = container_of(to_delayed_work(work), struct storm,
					   deferred_work);
	struct storm_inbound *inbound, *next;

	llist_for_each_entry_safe(inbound, next, llist_del_all(&storm->defer), node)
		storm_complete(storm, inbound);
}

void storm_process_packet(struct vmb_channel *channel, void *callback_context,
			  struct vmb_packet_completion *packet,
			  void *buffer, u32 buffer_length, u32 flags)
{
	struct storm_inbound *inbound = vmb_channel_packet_get_client_context(packet);
	struct storm *storm = callback_context;
	enum storm_phase phase = READ_ONCE(storm->phase);

	if (atomic_inc_return(&storm->inside) != 1)
		storm_wrong(storm, "two packets are delivered at once", 0);
	if (phase != STORM_STARTED && phase != STORM_RUNNING)
		storm_wrong(storm, "a packet is delivered in phase", phase);
	if (buffer_length >= sizeof(__le64) && le64_to_cpu(*(__le64 *)buffer) % 2)
		atomic64_inc(&storm->count.wanted);
	inbound->packet = packet;
	inbound->buffer = buffer;
	inbound->length = buffer_length;
	if (atomic64_inc_return(&storm->count.delivered) % STORM_DEFER_EVERY) {
		storm_complete(storm, inbound);
	} else {
		llist_add(&inbound->node, &storm->defer);
		schedule_delayed_work(&storm->deferred_work, STORM_DEFER_JIFFIES);
	}
	wake_up(&storm->moved);
	atomic_dec(&storm->inside);
}

u32 storm_inbound_size(void)
{
	return sizeof(struct storm_inbound);
}

/* A packet of our own is over; it may be sent again. */
static void storm_ended(struct vmb_packet *packet, void *callback_context,
			int status, const void *buffer, u32 buffer_length)
{
	struct storm_packet *context = callback_context;
	struct storm *storm = context->storm;
	bool waits = context->sequence % 2;

	if (atomic_cmpxchg(&context->in_flight, 1, 0) != 1) {
		storm_wrong(storm, "a packet has ended twice", context->sequence);
		return;
	}
	if (status == -ENODEV) {
		atomic64_inc(&storm->count.cut_off);
	} else if (status) {
		storm_wrong(storm, "a packet has ended with", status);
	} else if (waits) {
		if (buffer_length < sizeof(__le64) ||
		    le64_to_cpu(*(const __le64 *)buffer) != context->sequence)
			storm_wrong(storm, "the answer is wrong to", context->sequence);
		if (READ_ONCE(storm->quiet))
			storm_wrong(storm, "an answer came to a disabled channel",
				    context->sequence);
		atomic64_inc(&storm->count.answered);
		wake_up(&storm->moved);
	} else {
		atomic64_inc(&storm->count.written);
	}
	atomic64_inc(&storm->count.ended);
	llist_add(&context->node, &storm->free);
	wake_up(&storm->freed);
}

static int storm_send(struct storm *storm, struct storm_packet *context)
{
	__le64 payload[8] = { };
	u32 flags = 0;
	bool enabled;
	int ret;

	mutex_lock(&storm->sending);
	enabled = READ_ONCE(storm->enabled);
	context->sequence = storm->sequence;
	payload[0] = cpu_to_le64(context->sequence);
	if (context->sequence % 2)
		flags = VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION;
	/* Before the send: it may have ended when the send returns. */
	atomic_set(&context->in_flight, 1);
	ret = vmb_packet_send(context->packet, payload,
			      (1 + context->sequence % 8) * sizeof(*payload), NULL, 0,
			      flags);
	if (ret) {
		atomic64_inc(&storm->count.refused);
		if (ret != -ENODEV)
			storm_wrong(storm, "a packet was refused with", ret);
		else if (enabled && READ_ONCE(storm->enabled))
			storm_wrong(storm, "an enabled channel has refused", context->sequence);
		if (atomic_cmpxchg(&context->in_flight, 1, 0) != 1)
			storm_wrong(storm, "a refused packet has ended", context->sequence);
		else
			llist_add(&context->node, &storm->free);
	} else {
		storm->sequence++;
		atomic64_inc(&storm->count.accepted);
	}
	mutex_unlock(&storm->sending);
	return ret;
}

static bool storm_is_called_off(void)
{
	return kthread_should_stop() || kthread_should_park();
}

static int storm_sender(void *argument)
{
	struct storm *storm = argument;
	struct llist_node *node;

	while (!kthread_should_stop()) {
		if (kthread_should_park())
			kthread_parkme();
		wait_event_idle(storm->freed, !llist_empty(&storm->free) ||
				storm_is_called_off());
		if (storm_is_called_off())
			continue;
		node = llist_del_first(&storm->free);
		if (node && storm_send(storm, llist_entry(node, struct storm_packet, node)))
			wait_event_idle(storm->freed, READ_ONCE(storm->enabled) ||
					storm_is_called_off());
		cond_resched();
	}
	return 0;
}

/* Of packets in our hands the sender alone takes some away, and it is parked. */
static bool storm_has_all(struct storm *storm)
{
	struct llist_node *node;
	int count = 0;

	llist_for_each(node, READ_ONCE(storm->free.first))
		count++;
	return count == STORM_WINDOW;
}

int storm_packets_park(struct storm *storm)
{
	int ret = kthread_park(storm->sender);

	if (ret)
		return ret;
	WRITE_ONCE(storm->parked, true);
	return wait_event_interruptible_timeout(storm->freed, storm_has_all(storm),
						STORM_PATIENCE) > 0 ? 0 : -ETIMEDOUT;
}

/*
 * The channel is suspended, for the machine hibernates: nobody hears of these
 * before it resumes. The peer counts from 0 in each open.
 */
void storm_packets_keep(struct storm *storm)
{
	struct llist_node *node = llist_del_all(&storm->free), *next;

	storm->sequence = 0;
	for (; node; node = next) {
		next = node->next;
		if (!storm_send(storm, llist_entry(node, struct storm_packet, node)))
			atomic64_inc(&storm->count.kept);
	}
	if (atomic64_read(&storm->count.ended) == atomic64_read(&storm->count.accepted))
		storm_wrong(storm, "packets have ended at once", storm->sequence);
}

void storm_packets_go_on(struct storm *storm)
{
	WRITE_ONCE(storm->parked, false);
	kthread_unpark(storm->sender);
}

int storm_packets_allocate(struct storm *storm)
{
	struct storm_packet *context;

	for (context = storm->packets; context < storm->packets + STORM_WINDOW; context++) {
		context->storm = storm;
		context->packet = vmb_packet_allocate(storm->channel);
		if (!context->packet)
			return -ENOMEM;
		vmb_packet_set_completion_routine(context->packet, context, storm_ended);
		llist_add(&context->node, &storm->free);
	}
	return 0;
}

void storm_packets_free(struct storm *storm)
{
	int i;

	for (i = 0; i < STORM_WINDOW && storm->packets[i].packet; i++)
		vmb_packet_free(storm->packets[i].packet);
}

void storm_packets_init(struct storm *storm)
{
	mutex_init(&storm->sending);
	init_llist_head(&storm->free);
	init_llist_head(&storm->defer);
	init_waitqueue_head(&storm->freed);
	init_waitqueue_head(&storm->moved);
	INIT_DELAYED_WORK(&storm->deferred_work, storm_deferred_work);
}

int storm_packets_start(struct storm *storm)
{
	storm->sender = kthread_run(storm_sender, storm, "vmb_life_storm");
	return PTR_ERR_OR_ZERO(storm->sender);
}

/* The channel is disabled: nothing comes in, nothing is under way. */
void storm_packets_stop(struct storm *storm)
{
	kthread_stop(storm->sender);
	cancel_delayed_work_sync(&storm->deferred_work);
}
