// SPDX-License-Identifier: GPL-2.0
/*
 * A host that says what the test wants. See hv_host.h.
 */
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "../../drivers/kmcl/channel.h"
#include "fault.h"
#include "hv_host.h"

#define HV_HOST_GPADL	0x1234u

struct hv_host hv_host;

static void host_lend(struct hv_ring_buffer_info *ring, void *memory, u32 size)
{
	ring->ring_buffer = memory;
	ring->ring_datasize = hv_host.lends_too_little ? 8 : size - PAGE_SIZE;
}

static void host_take_rings_back(struct vmbus_channel *channel)
{
	channel->inbound.ring_buffer = NULL;
	channel->outbound.ring_buffer = NULL;
	if (!hv_host.keeps_rings)
		channel->ringbuffer_gpadlhandle.gpadl_handle = 0;
}

/* hv_vmbus waits for the answer, or for the offer to be taken back. */
static void host_wait(struct vmbus_channel *channel)
{
	complete(&hv_host.asked);
	while (!READ_ONCE(channel->rescind) &&
	       !wait_for_completion_timeout(&hv_host.answers, 1))
		;
}

static noinline int host_connect_ring(struct vmbus_channel *channel,
				      void (*callback)(void *context), void *context)
{
	u32 outbound = channel->ringbuffer_send_offset << PAGE_SHIFT;
	u32 all = channel->ringbuffer_pagecount << PAGE_SHIFT;
	u8 *memory = page_address(channel->ringbuffer_page);

	/* It stays set, if this fails. */
	channel->onchannel_callback = callback;
	channel->channel_callback_context = context;
	channel->ringbuffer_gpadlhandle.gpadl_handle = HV_HOST_GPADL;
	if (hv_host.holds_connect)
		host_wait(channel);
	if (hv_host.connect_rescinds)
		WRITE_ONCE(channel->rescind, true);
	if (hv_host.connect_error || READ_ONCE(channel->rescind)) {
		host_take_rings_back(channel);
		return hv_host.connect_error ?: -ENODEV;
	}
	host_lend(&channel->outbound, memory, outbound);
	host_lend(&channel->inbound, memory + outbound, all - outbound);
	hv_host.open[hv_host.opens++] = channel;
	return 0;
}

/* A primary's sub-channels are closed with it. */
static noinline int host_disconnect_ring(struct vmbus_channel *channel)
{
	channel->onchannel_callback = NULL;
	while (hv_host.opens)
		host_take_rings_back(hv_host.open[--hv_host.opens]);
	return hv_host.disconnect_error;
}

static noinline int host_establish_gpadl(struct vmbus_channel *channel, void *buffer,
					 u32 size, struct vmbus_gpadl *gpadl)
{
	gpadl->decrypted = hv_host.establish_error && hv_host.stays_decrypted;
	if (hv_host.establish_error)
		return hv_host.establish_error;
	gpadl->gpadl_handle = HV_HOST_GPADL + ++hv_host.gpadls;
	gpadl->buffer = buffer;
	gpadl->size = size;
	return 0;
}

static noinline int host_teardown_gpadl(struct vmbus_channel *channel,
					struct vmbus_gpadl *gpadl)
{
	if (hv_host.teardown_error)
		return hv_host.teardown_error;
	hv_host.gpadls--;
	if (!hv_host.keeps_gpadl)
		gpadl->gpadl_handle = 0;
	return 0;
}

static noinline void host_setevent(struct vmbus_channel *channel)
{
}

static noinline int host_allocate_mmio(struct resource **new, struct hv_device *device,
				       resource_size_t min, resource_size_t max,
				       resource_size_t size, resource_size_t align,
				       bool framebuffer)
{
	if (hv_host.mmio_error)
		return hv_host.mmio_error;
	*new = kzalloc(sizeof(**new), GFP_KERNEL);
	if (!*new)
		return -ENOMEM;
	(*new)->start = SZ_1G;
	(*new)->end = SZ_1G + size - 1;
	hv_host.mmio++;
	return 0;
}

static struct fault_redirect host_calls[] = {
	FAULT_REDIRECT(vmbus_connect_ring, host_connect_ring),
	FAULT_REDIRECT(vmbus_disconnect_ring, host_disconnect_ring),
	FAULT_REDIRECT(vmbus_establish_gpadl, host_establish_gpadl),
	FAULT_REDIRECT(vmbus_teardown_gpadl, host_teardown_gpadl),
	FAULT_REDIRECT(vmbus_setevent, host_setevent),
	FAULT_REDIRECT(vmbus_allocate_mmio, host_allocate_mmio),
};

int hv_host_begin(void)
{
	return fault_redirect(host_calls, ARRAY_SIZE(host_calls));
}

void hv_host_end(void)
{
	fault_redirect_end(host_calls, ARRAY_SIZE(host_calls));
}

int hv_host_suite_init(struct kunit_suite *suite)
{
	return hv_host_begin();
}

void hv_host_suite_exit(struct kunit_suite *suite)
{
	hv_host_end();
}

static void host_tasklet(unsigned long data)
{
}

static void host_process_packet(struct vmb_channel *channel, void *context,
				struct vmb_packet_completion *packet, void *buffer,
				u32 length, u32 flags)
{
	vmb_channel_packet_complete(packet, NULL, 0);
}

/* A device, and a channel on it that wants little, with a sub-channel. */
int hv_host_fixture_init(struct kunit *test)
{
	struct hv_fixture *fixture;
	struct vmbus_channel *primary;
	struct vmb_device *device;

	hv_host = (struct hv_host) {};
	init_completion(&hv_host.answers);
	init_completion(&hv_host.asked);
	if (hv_fixture_init(test))
		return -ENODEV;
	fixture = test->priv;
	primary = &fixture->primary;
	spin_lock_init(&primary->sched_lock);
	mutex_init(&primary->inbound.ring_buffer_mutex);
	mutex_init(&primary->outbound.ring_buffer_mutex);
	tasklet_init(&primary->callback_event, host_tasklet, 0);
	device = &fixture->device.transport.device;
	KUNIT_ASSERT_EQ(test, vmb_channel_allocate(device, false, &fixture->channel), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_allocate(device, false, &fixture->sub_channel), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_primary_channel(fixture->sub_channel,
								   fixture->channel, 1), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_inbound_packet_count(fixture->channel, 4), 0);
	KUNIT_ASSERT_EQ(test, vmb_client_channel_init_set_ring_buffer_page_count
			(fixture->channel, 3, 3), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_process_packet_callbacks
			(fixture->sub_channel, NULL, host_process_packet, NULL), 0);
	return vmb_channel_init_set_process_packet_callbacks(fixture->channel, NULL,
							     host_process_packet, NULL);
}

void hv_host_fixture_exit(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;

	if (!fixture)
		return;
	complete_all(&hv_host.answers);
	if (fixture->channel)
		vmb_channel_disable(fixture->channel);
	tasklet_kill(&fixture->primary.callback_event);
	hv_fixture_exit(test);
}

/* As a device that has never had a channel. */
void hv_host_free_kept(struct hv_fixture *fixture)
{
	vmb_hv_rings_free_kept(&fixture->device);
	INIT_LIST_HEAD(&fixture->device.kept);
}
