// SPDX-License-Identifier: GPL-2.0
/*
 * What a client sets, and what it is told: that of which the channel must make nothing,
 * in any of its states, and that which changes little, before it is enabled. And what it
 * does wrong, or leaves to the library.
 */
#define VMB_FUZZ_PEER
#include "gpadl.h"
#include "harness.h"

/* Of latency.c. */
extern const struct kernel_param_ops *latency_parameter;

static int ask_wrongly(struct end *end, u8 how)
{
	const struct vmb_channel_state_change_callbacks callbacks = { .size = 1 };
	static const u8 nothing[256];
	static const guid_t none;
	struct vmb_channel *channel = end->channel;
	const char *name = how & 0x40 ? "" : how & 0x80 ? "a/b" :
			   "a name that is longer than any that a channel may be given by anybody, "
			   "for which there is no room";

	switch (how % 32) {
	case 0:
		return vmb_channel_init_set_maximum_packet_size(channel, 0);
	case 1:
		return vmb_channel_init_set_maximum_packet_size(channel, U32_MAX);
	case 2:
		return vmb_channel_init_set_maximum_external_data(channel, 0, 1);
	case 3:
		return vmb_channel_init_set_maximum_external_data(channel, U32_MAX, U32_MAX);
	case 4:
		return vmb_channel_init_set_client_context_size(channel, U32_MAX);
	case 5:
		return vmb_channel_init_set_process_packet_callbacks(channel, end, NULL, NULL);
	case 6:
		return vmb_channel_init_set_state_change_callbacks(channel, &callbacks);
	case 7:
		return vmb_channel_init_set_friendly_name(channel, name);
	case 8:
		return vmb_client_channel_init_set_ring_buffer_page_count(channel, how >> 7, 2);
	case 9:
		return vmb_channel_init_set_inline_packet_context_size(channel, U32_MAX);
	case 10:
		return vmb_channel_init_set_maximum_packet_count(channel,
								 how & 0x80 ? 0 : U32_MAX);
	case 11:
		return vmb_channel_init_set_refusal_completion(channel, NULL, 8);
	case 12:
		return vmb_channel_init_set_refusal_completion(channel, end, U32_MAX);
	case 13:
		return how & 0x80 ? vmb_channel_init_set_outbound_packet_count(channel, 0) :
				    vmb_channel_init_set_inbound_packet_count(channel, 0);
	case 14:
		return vmb_client_channel_init_set_target_processor_index(channel, 77);
	case 15:
		return vmb_server_channel_init_set_flags(channel, U32_MAX);
	case 16:
		return vmb_server_channel_init_set_target_interface_id(channel, NULL, &none);
	case 17:
		return vmb_server_channel_init_set_mmio_megabytes(channel, 0, 0);
	case 18:
		return vmb_channel_init_set_flags(channel, U32_MAX);
	case 19:
		return vmb_channel_init_set_primary_channel(channel, channel, 1);
	case 20:
		return vmb_channel_set_transaction_quota(channel, 0);
	case 21:
		return vmb_channel_set_allowable_dpc_cpu_usage(channel, 101);
	case 22:
		return vmb_channel_map_gpadl(channel, 2, 1, NULL, NULL);
	case 23:
		return vmb_channel_get_system_address_for_gpadl(channel, how & 0x80, 0, NULL);
	case 24:
		return vmb_channel_register_transfer_page_set(channel, 1, 0);
	case 25:
		return vmb_channel_unregister_transfer_page_set(channel, 0xfff);
	case 26:
		return end->is_server && vmb_channel_is_configurable(channel) ? -EBUSY :
		       vmb_server_channel_init_set_save_restore_packet_callbacks(channel, NULL,
										 NULL, NULL);
	case 27:
		return end->is_server ? -EINVAL :
		       vmb_client_channel_init_set_ring_buffer_page_count(channel, 2, U32_MAX);
	case 28:
		return end->is_server ? vmb_client_channel_init_set_target_pnp(channel, &none, NULL,
									       NULL) : -EINVAL;
	case 29:
		return vmb_channel_is_configurable(channel) ? -EBUSY :
		       vmb_channel_init_set_process_packet_callbacks(channel, end, process_packet,
								     NULL);
	case 30:
		return vmb_channel_is_configurable(channel) ? -EBUSY :
		       vmb_channel_init_set_raw_guest_memory(channel);
	default:
		return vmb_channel_restore_from_buffer(channel, nothing, how);
	}
}

/* The watchdog's timer comes, and another processor has the lock. */
static void watchdog_in_the_way(struct vmb_channel *channel)
{
	struct hrtimer *timer = &channel->watchdog.timer;

	spin_lock_irq(&channel->outbound.lock);
	FUZZ_CHECK(timer->function(timer) == HRTIMER_NORESTART);
	spin_unlock_irq(&channel->outbound.lock);
}

static void ask(struct end *end)
{
	struct vmb_channel *channel = end->channel;
	u64 address, size;
	u32 no_size = 4;
	guid_t instance;
	int ret;

	vmb_channel_set_pointer(channel, end);
	FUZZ_CHECK(vmb_channel_get_pointer(channel) == end);
	vmb_channel_get_interface_instance(channel, &instance);
	ret = vmb_channel_get_mmio_space(channel, &address, &size);
	FUZZ_CHECK(ret == -ENODEV || ret == -ENOENT || ret == -ENXIO);
	FUZZ_CHECK(vmb_channel_send_synchronous_request(channel, NULL, 0, NULL, 0, 0, NULL, NULL,
							-1) == -EINVAL);
	FUZZ_CHECK(vmb_channel_send_synchronous_request(channel, NULL, 0, NULL, 0, 0, &instance,
							&no_size, 0) == -EINVAL);
	FUZZ_CHECK(vmb_channel_get_target_device_object(channel) ==
		   (guid_is_null(&end->on->device.interface_type) ? NULL : &end->on->device));
	FUZZ_CHECK(vmb_channel_get_parent_device_object(channel) == end->on->device.dev);
	FUZZ_CHECK(vmb_channel_is_server(channel) == end->is_server);
	FUZZ_CHECK(vmb_channel_transport_device(channel) == end->on);
	FUZZ_CHECK(vmb_channel_primary(channel) ==
		   (end->primary ? end->primary->channel : NULL));
	FUZZ_CHECK(!vmb_channel_sub_channel_index(channel) == !end->primary);
	FUZZ_CHECK(!!vmb_channel_target_type(channel) == (end->is_server || !end->primary));
	FUZZ_CHECK(!vmb_channel_target_instance(channel) ==
		   (!end->is_server && (end->primary || !end->stays)));
	watchdog_in_the_way(channel);
	vmb_channel_set_transport_private(channel, end);
	FUZZ_CHECK(vmb_channel_transport_private(channel) == end);
}

/* It has a packet when it is cleaned up, which keeps it until that is given back. */
static void leave_packet(struct vmb_channel *channel)
{
	struct vmb_packet *packet = vmb_packet_allocate(channel);

	if (packet) {
		kernel_warnings_announced++;
		vmb_channel_cleanup(channel);
		vmb_packet_free(packet);
		kobject_put(&channel->kobject);
	} else {
		vmb_channel_cleanup(channel);
	}
}

/* A channel that nobody uses, with as little memory as the input likes. */
static void make_another(struct end *end)
{
	u32 was = kernel_fail_allocation;
	struct vmb_channel *channel;
	u8 how = take();
	int ret;

	kernel_fail_allocation = how % 8;
	no_local_transport = how & 0x10;
	ret = vmb_channel_allocate(&end->on->device, end->is_server, &channel);
	no_local_transport = false;
	kernel_fail_allocation = was;
	FUZZ_CHECK(!ret || ret == -ENOMEM || ret == -ENODEV);
	reached(ret ? OUTCOME_channel_not_made : OUTCOME_channel_made);
	if (ret)
		return;
	FUZZ_CHECK(vmb_channel_enable(channel) == -EINVAL);
	if (how & 8)
		leave_packet(channel);
	else
		vmb_channel_cleanup(channel);
}

/* What is allowed, but for want of memory. */
static void set_without_memory(struct end *end)
{
	struct vmb_channel *channel = end->channel;
	u32 was = kernel_fail_allocation;

	if (!vmb_channel_is_configurable(channel))
		return;
	kernel_fail_allocation = 1;
	FUZZ_CHECK(vmb_channel_init_set_maximum_packet_count(channel, 3) == -ENOMEM);
	kernel_fail_allocation = 1;
	FUZZ_CHECK(vmb_channel_init_set_refusal_completion(channel, "refused", 8) == -ENOMEM);
	if (!end->is_server && !test_bit(VMB_INBOUND_TARGETED, &channel->inbound.flags)) {
		kernel_fail_allocation = 1;
		FUZZ_CHECK(vmb_client_channel_init_set_target_processor_index(channel, 1) ==
			   -ENOMEM);
	}
	kernel_fail_allocation = was;
}

/* In whatever state it is; it goes on after it. */
static void save(struct end *end)
{
	struct vmb_channel *channel = end->channel;
	u32 filled, required;
	u8 bytes[512], how;
	int ret;

	/* Nothing is begun. */
	vmb_channel_save_end(channel);
	FUZZ_CHECK(vmb_channel_save_continue(channel, bytes, 0, &filled, &required) == -EINVAL);
	ret = vmb_channel_save_begin(channel);

	if (ret) {
		FUZZ_CHECK(ret == -EINVAL || ret == -EOPNOTSUPP || ret == -EBUSY ||
			   ret == -ENODEV || ret == -ENOTCONN || ret == -ENOMEM ||
			   ret == -EMSGSIZE || ret == -E2BIG);
		return;
	}
	FUZZ_CHECK(vmb_channel_save_begin(channel) == -EBUSY);
	FUZZ_CHECK(vmb_channel_start(channel) == -EBUSY);
	how = take();
	if (how == 1) {
		end->gone = true;
		vmb_channel_peer_gone(channel);
		while (kernel_run_work())
			;
	}
	ret = vmb_channel_save_continue(channel, bytes, how * 2, &filled, &required);
	FUZZ_CHECK(!ret || ret == -EOVERFLOW || ret == -ENOBUFS || ret == -ENODEV);
	vmb_channel_save_end(channel);
	end->was_saved = true;
	reached(OUTCOME_saved_anywhere);
}

/* Memory goes offline, or stays after all. */
static void memory_moves(u8 how)
{
	struct memory_notify notify = { KERNEL_FIRST_FRAME + how % KERNEL_PAGES, 4 };

	vmb_raw_pages_notify(NULL, 1 + how / KERNEL_PAGES % 4, &notify);
}

/* One that the client knows nothing more of: it is freed when it has ended. */
void send_loose(struct end *end, u8 how)
{
	struct vmb_packet *packet = vmb_packet_allocate(end->channel);
	int ret;

	if (!packet)
		return;
	end->requested = true;
	ret = vmb_packet_send(packet, "loose...", 8, NULL, 0, how & 1 && !end->is_pipe ?
			      VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION : 0);
	if (ret)
		vmb_packet_free(packet);
	FUZZ_CHECK(!ret || ret == -ENODEV || ret == -EINVAL || ret == -EMSGSIZE);
	reached(OUTCOME_sent_loose);
}

/* What would wait for the callback that it is called from. */
void deadlocks(struct vmb_channel *channel)
{
	int ret;

	kernel_warnings_announced += 5;
	FUZZ_CHECK(vmb_channel_disable(channel) == -EDEADLK);
	vmb_channel_cleanup(channel);
	if (channel->primary) {
		kernel_warnings_announced--;
		FUZZ_CHECK(vmb_channel_pause(channel->primary) == -EDEADLK);
	} else {
		FUZZ_CHECK(vmb_channel_start(channel) == -EDEADLK);
		FUZZ_CHECK(vmb_channel_pause(channel) == -EDEADLK);
	}
	if (channel->is_server && !channel->primary)
		FUZZ_CHECK(vmb_channel_save_begin(channel) == -EDEADLK);
	/* Nothing is read yet, so no answer would come; or no more. */
	ret = vmb_channel_send_synchronous_request(channel, NULL, 0, NULL, 0, 0, NULL, NULL, 1);
	FUZZ_CHECK(ret == (channel->is_server ? -EOPNOTSUPP : -EDEADLK) ||
		   (ret == -ENODEV && vmb_inbound_is_lost(channel)));
	reached(OUTCOME_deadlock_refused);
}

/* The library undoes what the client has not, and says so. */
void leave_behind(struct end *end)
{
	kernel_warnings_announced += end->mapped_count + !!end->gpadl_count;
	if (end->mapped_count || end->gpadl_count)
		reached(OUTCOME_left_behind);
	end->mapped_count = 0;
	end->gpadl_count = 0;
}

void settings_act(struct end *end)
{
	u8 how = take();
	int ret;

	switch (how) {
	case 0xff:
		ask(end);
		return;
	case 0xfe:
		make_another(end);
		return;
	case 0xfd:
		/* One that closes then hands over what it has sent. */
		if (!end->fair)
			save(end);
		return;
	case 0xfc:
		memory_moves(take());
		return;
	case 0xfb:
		set_without_memory(end);
		return;
	}
	ret = ask_wrongly(end, how);
	FUZZ_CHECK(ret == -EBUSY || ret == -EINVAL || ret == -EMSGSIZE || ret == -ENOENT ||
		   ret == -ENODEV || ret == -EEXIST || ret == -EOPNOTSUPP ||
		   ret == -EBADMSG || ret == -ENOMEM);
	reached(OUTCOME_setting_refused);
}

/* What is allowed, and makes little difference. */
void settings_make(struct end *end, u8 how)
{
	struct vmb_channel *channel = end->channel;
	char text[8];

	if (how & 1)
		FUZZ_CHECK(!vmb_channel_init_set_friendly_name(channel, "a name"));
	if (how & 2)
		FUZZ_CHECK(!vmb_channel_init_set_inline_packet_context_size(channel, 24));
	if (how & SETTING_REFUSAL)
		FUZZ_CHECK(!vmb_channel_init_set_refusal_completion(channel, "refused", 8));
	if (how & 8)
		FUZZ_CHECK(vmb_client_channel_init_set_target_processor_index(channel, 1) ==
			   (end->is_server ? -EINVAL : 0));
	if (how & 0x10)
		FUZZ_CHECK(vmb_server_channel_init_set_mmio_megabytes(channel, 1, 1) ==
			   (end->is_server ? 0 : -EINVAL));
	kernel_traces = how & 0x20;
	end->misuses = how & 0x80;
	end->requests = (how & 0xe0) == 0xe0;
	FUZZ_CHECK(latency_parameter->set("?", NULL) == -EINVAL);
	FUZZ_CHECK(!latency_parameter->set(how & 0x40 ? "Y" : "N", NULL));
	FUZZ_CHECK(latency_parameter->get(text, NULL) == 2 && *text == (how & 0x40 ? 'Y' : 'N'));
}
