// SPDX-License-Identifier: GPL-2.0
/*
 * An end: a transport whose rings are shared_memory.c's, and a channel on it,
 * from make to destroy.
 */
#define VMB_FUZZ_PEER
#include "harness.h"

#define FEATURE_BITS	64

/* Where the library's other files would be. */
const struct sysfs_ops vmb_observe_sysfs_ops;
const struct attribute_group *vmb_observe_groups[1];

/* A server is always on this kernel's own transport: the end that is made. */
static struct end *made;
/* It is not there yet, or not any more. */
bool no_local_transport;

void vmb_observe_add(struct vmb_channel *channel)
{
}

void vmb_observe_remove(struct vmb_channel *channel)
{
}

static struct end *end_of(struct vmb_channel *channel)
{
	struct end *end = container_of(channel->device, struct end, device);

	while (end->channel != channel) {
		end = end->next;
		FUZZ_CHECK(end);
	}
	return end;
}

/* The transport. */

static int end_prepare(struct vmb_channel *channel, u32 *inbound_size,
		       u32 *outbound_size, u32 minimum_size)
{
	struct end *end = end_of(channel);
	int ret = end->prepare_error;

	FUZZ_CHECK(*inbound_size >= minimum_size && *outbound_size >= minimum_size);
	end->prepare_error = 0;
	end->gone |= end->goes;
	if (end->rings_reduced)
		*inbound_size = minimum_size;
	if (ret)
		reached(OUTCOME_prepare_failed);
	return ret;
}

static void end_unprepare(struct vmb_channel *channel)
{
	FUZZ_CHECK(!end_of(channel)->attached);
}

static bool end_find_peer(struct vmb_channel *channel)
{
	struct end *end = end_of(channel);

	if (end->is_server)
		end->gone = false;
	return end->peer_there;
}

/* The rings of a fair pair are there already; others are made anew. */
static int end_attach(struct end *end)
{
	int ret;

	if (!end->fair) {
		shared_memory_place(end->ring, &end->in, end->in_class);
		peer_set(FEATURE_BITS, VMB_WIRE_FEATURE_PENDING_SEND_SIZE);
		shared_memory_place(end->ring + 1, &end->out, end->out_class);
		peer_set(FEATURE_BITS, VMB_WIRE_FEATURE_PENDING_SEND_SIZE);
	}
	ret = vmb_channel_settle_peer_memory(end->channel, end->encrypted ?
					     VMB_PEER_MEMORY_ENCRYPTED :
					     VMB_PEER_MEMORY_DECRYPTED);
	FUZZ_CHECK(!ret);
	ret = vmb_channel_attach_rings(end->channel, &end->in, &end->out);
	if (!ret)
		end->attached = true;
	/* The primary did not close, and this is the peer's next channel. */
	end->half_closed = false;
	return ret;
}

static int end_open(struct vmb_channel *channel)
{
	struct end *end = end_of(channel);
	int ret = end->open_error;

	FUZZ_CHECK(!end->attached);
	end->open_error = 0;
	/* As the loopback does it. */
	if (!ret && end->fair && end->is_server)
		vmb_channel_limit_packets(end->other->channel, channel);
	if (!ret)
		ret = end_attach(end);
	if (!ret && !end->fair)
		peer_opened(end);
	/* Or a server would try again at once. */
	if (ret)
		end->peer_there = false;
	return ret;
}

/* Of a sub-channel whose primary stays the peer has all until that is closed. */
static bool end_stays(struct end *end)
{
	if (!end->primary || !end->primary->attached || end->gone ||
	    !end->channel->operations->sub_channels_stay_open)
		return false;
	FUZZ_CHECK(!end->half_closed);
	end->half_closed = true;
	end->closed_unclean = true;
	kernel_leaks_mappings = true;
	reached(OUTCOME_close_with_primary);
	return true;
}

static int end_close(struct vmb_channel *channel)
{
	struct end *end = end_of(channel);

	FUZZ_CHECK(end->attached != end->half_closed);
	end->attached = false;
	end->interrupt_due = false;
	if (!end->fair || !end->other->attached)
		shared_memory_take_back(end->ring);
	if (!end->half_closed && end_stays(end))
		return -EBUSY;
	if (end->half_closed)
		reached(OUTCOME_closed_with_primary);
	end->half_closed = false;
	end->closed_unclean |= end->close_error;
	kernel_leaks_mappings |= end->close_error;
	if (end->close_error)
		reached(OUTCOME_close_not_clean);
	return end->close_error;
}

static void end_signal(struct vmb_channel *channel)
{
	struct end *end = end_of(channel);

	FUZZ_CHECK(end->attached);
	if (end->other && end->other->attached)
		end->other->interrupt_due = true;
}

static void end_schedule(struct vmb_channel *channel)
{
	struct end *end = end_of(channel);

	FUZZ_CHECK(end->attached);
	end->interrupt_due = true;
}

/* What a hostile peer signals may get lost: the input calls, or does not. */
static bool end_scheduled(struct vmb_channel *channel)
{
	const struct end *end = end_of(channel);

	return end->fair && end->interrupt_due;
}

static bool end_peer_gone(struct vmb_channel *channel)
{
	return end_of(channel)->gone;
}

static int end_create_gpadl(struct vmb_channel *channel, void *buffer,
			    u32 byte_count, u32 *gpadl_handle, void **private)
{
	static u32 handle;
	struct end *end = end_of(channel);
	int ret = end->gpadl_error;
	u32 i;

	FUZZ_CHECK(end->attached);
	end->gpadl_error = 0;
	/* The peer takes its time, and may name the memory meanwhile. */
	for (i = 0; i < 4 && ret == -EINPROGRESS; i++)
		kernel_sleep("the peer's answer");
	if (ret == -EINPROGRESS)
		ret = 0;
	*gpadl_handle = ++handle;
	return ret;
}

static void end_opened(struct vmb_channel *channel, int error)
{
	FUZZ_CHECK(end_of(channel)->attached);
}

static int end_delete_gpadl(struct vmb_channel *channel, void *private)
{
	return end_of(channel)->close_error;
}

static const struct vmb_channel_transport_operations end_operations = {
	.prepare = end_prepare,
	.unprepare = end_unprepare,
	.find_peer = end_find_peer,
	.open = end_open,
	.close = end_close,
	.signal = end_signal,
	.schedule = end_schedule,
	.scheduled = end_scheduled,
	.peer_gone = end_peer_gone,
	.create_gpadl = end_create_gpadl,
	.delete_gpadl = end_delete_gpadl,
};

/* The same with a peer that closes sub-channels with their primary only. */
static const struct vmb_channel_transport_operations stay_operations = {
	.prepare = end_prepare,
	.unprepare = end_unprepare,
	.open = end_open,
	.opened = end_opened,
	.close = end_close,
	.signal = end_signal,
	.schedule = end_schedule,
	.scheduled = end_scheduled,
	.peer_gone = end_peer_gone,
	.create_gpadl = end_create_gpadl,
	.delete_gpadl = end_delete_gpadl,
	.sub_channels_stay_open = true,
};

/* A server's. The owner is the client of the pair. */
static int end_map_gpadl(struct vmb_channel *channel, u32 flags, u32 gpadl_handle,
			 const struct bio_vec **vectors, u32 *count)
{
	struct end *other = end_of(channel)->other;

	return other && other->attached ?
	       vmb_gpadl_map(other->channel, flags, gpadl_handle, vectors, count) : -ENOENT;
}

static void end_unmap_gpadl(struct vmb_channel *channel, u32 gpadl_handle)
{
	vmb_gpadl_unmap(end_of(channel)->other->channel, gpadl_handle);
}

static int end_mmio_space(struct vmb_channel *channel, u64 *address, u64 *size)
{
	return -ENXIO;
}

static const struct vmb_channel_transport_operations server_operations = {
	.mmio_space = end_mmio_space,
	.map_gpadl = end_map_gpadl,
	.unmap_gpadl = end_unmap_gpadl,
	.prepare = end_prepare,
	.unprepare = end_unprepare,
	.find_peer = end_find_peer,
	.open = end_open,
	.close = end_close,
	.signal = end_signal,
	.schedule = end_schedule,
	.scheduled = end_scheduled,
	.peer_gone = end_peer_gone,
	.create_gpadl = end_create_gpadl,
	.delete_gpadl = end_delete_gpadl,
};

const struct vmb_transport *vmb_transport_local(void)
{
	static struct vmb_transport local = {
		.server_operations = &server_operations,
	};

	local.local_device = made->on;
	return no_local_transport ? NULL : &local;
}

/* As a softirq, or on another processor. */
void end_interrupt(struct end *end)
{
	if (!end->attached)
		return;
	end->interrupt_due = false;
	local_bh_disable();
	vmb_channel_interrupt(end->channel);
	local_bh_enable();
	if (test_bit(VMB_INBOUND_BLOCKED, &end->channel->inbound.flags))
		reached(OUTCOME_quota_reached);
	if (test_bit(VMB_INBOUND_OVERTIME, &end->channel->inbound.flags))
		reached(OUTCOME_overtime);
}

/* The client's life. */

static int opened(struct vmb_channel *channel, void *context)
{
	struct end *end = context;
	int ret = end->opened_error;

	FUZZ_CHECK(end->attached && !end->open && !end->running);
	end->closed_said = false;
	end->opened_error = 0;
	if (ret) {
		reached(OUTCOME_open_refused);
		return ret;
	}
	reached(OUTCOME_opened);
	end->open = true;
	if (end->shares) {
		end_share(end, 0, 0, false);
		end_share(end, 6, 0, true);
	}
	return 0;
}

static void started(struct vmb_channel *channel, void *context)
{
	struct end *end = context;

	if (end->misuses)
		deadlocks(channel);
	FUZZ_CHECK(end->open && !end->running);
	end->running = true;
}

static void post_started(struct vmb_channel *channel, void *context)
{
	struct end *end = context;

	FUZZ_CHECK(end->open);
	/* From here on answers are read, but the channel's worker waits for this. */
	if (end->requests && !end->fair)
		client_request(end, true);
}

/* So many packets, of which some may have been deferred. */
static void processing_complete(struct vmb_channel *channel, void *context, u32 packets)
{
	struct end *end = context;

	FUZZ_CHECK(packets && packets <= end->processed);
	end->processed = 0;
}

static void suspend(struct vmb_channel *channel, void *context,
		    enum vmb_channel_stop_reason reason)
{
	struct end *end = context;

	FUZZ_CHECK(end->open && end->running && !end->in_callback);
	end->running = false;
	if (reason == VMB_CHANNEL_STOP_PAUSED)
		reached(OUTCOME_paused);
}

static void closed(struct vmb_channel *channel, void *context,
		   enum vmb_channel_stop_reason reason)
{
	struct end *end = context;

	FUZZ_CHECK(!end->running && !end->attached);
	FUZZ_CHECK(end->open);
	end->open = false;
	/* What it keeps for the next peer may end later. */
	end->closed_said = reason != VMB_CHANNEL_STOP_HIBERNATING;
	if (end->deferred)
		reached(OUTCOME_deferred_discarded);
	end->deferred = NULL;
	/* What packets use that the client keeps is leaked, whoever deletes it. */
	if (end->misuses && !end->close_error && !end->held_count)
		leave_behind(end);
	end_unmap_all(end);
	switch (reason) {
	case VMB_CHANNEL_STOP_DISABLED:
		reached(OUTCOME_closed_disabled);
		break;
	case VMB_CHANNEL_STOP_PEER_GONE:
		reached(OUTCOME_closed_peer_gone);
		break;
	case VMB_CHANNEL_STOP_FRAMING_LOST:
		reached(OUTCOME_closed_framing_lost);
		break;
	case VMB_CHANNEL_STOP_HIBERNATING:
		reached(OUTCOME_closed_hibernating);
		break;
	case VMB_CHANNEL_STOP_SHUTDOWN:
		reached(OUTCOME_closed_shutdown);
		break;
	default:
		FUZZ_CHECK(!"a reason that closed does not have");
	}
	while (end->gpadl_count)
		end_unshare(end, end->gpadl_count - 1);
	if (end->held_count)
		reached(OUTCOME_packet_held_over_close);
}

static void open_failed(struct vmb_channel *channel, int failure)
{
	FUZZ_CHECK(failure < 0);
	reached(OUTCOME_open_failed);
}

/* From make to destroy. */

static void end_make_device(struct end *end)
{
	const guid_t type = { .bytes = { !end->nameless } }, instance = { .bytes = { 2 } };

	end->dev.name = "fuzzed";
	end->dev.references = 1;
	vmb_transport_device_init(&end->device, &end->dev, &type, &instance,
				  end->stays ? &stay_operations : &end_operations);
	end->device.local = end->fair;
}

void end_make(struct end *end, bool is_server, struct end *primary)
{
	const guid_t type = { .bytes = { 1 } }, instance = { .bytes = { 2 } };
	struct vmb_channel_state_change_callbacks callbacks;
	u32 i;

	end->is_server = is_server;
	end->peer_there = true;
	end->primary = primary;
	for (i = 0; i < SLOTS; i++)
		end->slots[i].end = end;
	if (!primary)
		end_make_device(end);
	end->on = primary ? primary->on : &end->device;
	made = end;
	FUZZ_CHECK(!vmb_channel_allocate(&end->on->device, is_server, &end->channel));
	if (primary) {
		end->next = primary->next;
		primary->next = end;
		FUZZ_CHECK(!vmb_channel_init_set_primary_channel(end->channel,
								 primary->channel,
								 end->index));
	}
	vmb_channel_state_change_callbacks_init(&callbacks);
	callbacks.callback_context = end;
	callbacks.opened = opened;
	callbacks.closed = closed;
	callbacks.suspend = suspend;
	callbacks.started = started;
	callbacks.post_started = post_started;
	FUZZ_CHECK(!vmb_channel_init_set_state_change_callbacks(end->channel,
								&callbacks));
	FUZZ_CHECK(!vmb_channel_init_set_process_packet_callbacks(end->channel, end,
								  process_packet,
								  processing_complete));
	FUZZ_CHECK(!vmb_channel_init_set_outbound_packet_count(end->channel, 1000));
	if (is_server) {
		u32 flags = VMB_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER;

		FUZZ_CHECK(!vmb_server_channel_init_set_flags(end->channel, flags));
		FUZZ_CHECK(!vmb_server_channel_init_set_target_interface_id(end->channel,
									    &type,
									    &instance));
		/* It has all of them from the beginning, and cannot choose its rings. */
		FUZZ_CHECK(!vmb_channel_init_set_inbound_packet_count(end->channel,
								      8));
	} else if (primary) {
		FUZZ_CHECK(!vmb_client_channel_init_set_ring_buffer_page_count(end->channel,
									       2, 2));
	} else {
		FUZZ_CHECK(!vmb_client_channel_init_set_ring_buffer_page_count(end->channel,
									       2, 2));
		FUZZ_CHECK(!vmb_client_channel_init_set_target_pnp(end->channel, &type,
								   end->stays ? &instance :
								   NULL, open_failed));
	}
}

void end_enable(struct end *end)
{
	int ret;

	if (!vmb_channel_is_configurable(end->channel))
		return;
	if (end->gone && !end->held_count) {
		ret = vmb_channel_enable(end->channel);
		FUZZ_CHECK(ret == -ENODEV || ret == -ENOTCONN || ret == -EBUSY);
		reached(OUTCOME_enable_without_peer);
	}
	end->live = true;
	end->gone = false;
	end->peer_there = true;
	end->closed_said = false;
	end->enabling = true;
	ret = vmb_channel_enable(end->channel);
	end->enabling = false;
	if (ret == -ENOMEM)
		reached(OUTCOME_no_memory);
	else if (ret == -ENOSPC)
		FUZZ_CHECK(!end->prepare_error);
	else if (ret == -EBUSY)
		/* Nor beside a primary that was saved. */
		FUZZ_CHECK(end->held_count || end->primary);
	else if (ret == -ENOTCONN || ret == -EEXIST)
		FUZZ_CHECK(end->primary);
	else if (ret == -ENODEV)
		FUZZ_CHECK(end->on->shutting_down);
	else
		FUZZ_CHECK(!ret);
	if (end->is_server && !end->primary)
		vmb_channel_start(end->channel);
}

void end_disable(struct end *end)
{
	FUZZ_CHECK(!vmb_channel_disable(end->channel));
	FUZZ_CHECK(vmb_channel_is_configurable(end->channel));
	FUZZ_CHECK(!end->attached && !end->running && !end->open);
	/* Where the bus waits for it the client is not waited for without end. */
	if (!end->hold_to_the_end && !end->offer_removing)
		FUZZ_CHECK(!end->held_count);
	end_check_counters(end);
}

/* Count what was reached, and give the channel back. */
void end_cleanup(struct end *end)
{
	const struct vmb_counters *counters = &end->channel->counters;
	u32 i;

	for (i = VMB_REFUSAL_NONE + 1; i < VMB_REFUSAL_COUNT; i++)
		if (end->channel->refusals[i])
			fuzz_count_refusal(i);
	if (counters->completions_queued)
		reached(OUTCOME_completion_queued);
	if (counters->completions_dropped)
		reached(OUTCOME_completion_dropped);
	if (counters->completions_empty)
		reached(OUTCOME_completion_empty);
	if (counters->starved)
		reached(OUTCOME_starved);
	if (counters->discarded)
		reached(OUTCOME_discarded);
	if (counters->stalls)
		reached(OUTCOME_stalled);
	end->live = false;
	slots_free_all(end);
	vmb_channel_cleanup(end->channel);
	while (kernel_run_work())
		;
}

/* The driver gives back what it has not disabled, or nothing at all, and is told. */
static void end_forget(struct end *end)
{
	end->live = false;
	if (end->forgets == FORGETS_CHANNEL) {
		kernel_warnings_announced++;
		vmb_transport_device_release(&end->device);
	} else {
		kernel_warnings_announced += !vmb_channel_is_configurable(end->channel);
		vmb_channel_cleanup(end->channel);
	}
	slots_free_all(end);
	while (kernel_run_work())
		;
}

/* The primary's last, with the device; nothing may be left of it. */
void end_destroy(struct end *end)
{
	if (end->forgets)
		end_forget(end);
	else
		end_cleanup(end);
	/* Packets that the channel was closed without keep it. */
	if (end->held_count) {
		FUZZ_CHECK(end->dev.references == 2);
		held_complete_all(end);
		while (kernel_run_work())
			;
	}
	FUZZ_CHECK(end->dev.references == 1);
	vmb_transport_device_release(&end->device);
}
