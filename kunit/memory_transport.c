// SPDX-License-Identifier: GPL-2.0
/*
 * A transport in memory, for tests. See memory_transport.h.
 */
#include <linux/err.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "memory_transport.h"

/* The largest completion that a peer reads, and no range lists. */
#define MEMORY_TRANSPORT_PAYLOAD	SZ_64K

/* What closed rings are filled with. */
#define MEMORY_TRANSPORT_POISON		0xee

static struct memory_transport *memory_transport_of(struct vmb_channel *channel)
{
	return container_of(vmb_channel_transport_device(channel),
			    struct memory_transport, device);
}

static void memory_transport_observe(struct memory_transport *transport,
				     enum memory_transport_operation operation)
{
	if (transport->observe)
		transport->observe(transport->observer, operation);
}

static int memory_transport_prepare(struct vmb_channel *channel,
				    u32 *incoming_size, u32 *outgoing_size,
				    u32 minimum_size)
{
	struct memory_transport *transport = memory_transport_of(channel);

	if (transport->prepare_error)
		return transport->prepare_error;
	transport->closed = false;
	if (transport->largest_ring) {
		*incoming_size = min(*incoming_size, transport->largest_ring);
		*outgoing_size = min(*outgoing_size, transport->largest_ring);
	}
	transport->incoming_size = *incoming_size;
	transport->outgoing_size = *outgoing_size;
	transport->memory = vzalloc(*incoming_size + *outgoing_size);
	return transport->memory ? 0 : -ENOMEM;
}

static void memory_transport_unprepare(struct vmb_channel *channel)
{
	struct memory_transport *transport = memory_transport_of(channel);

	if (transport->closed &&
	    memchr_inv(transport->memory, MEMORY_TRANSPORT_POISON,
		       transport->incoming_size + transport->outgoing_size))
		transport->touched_after_close = true;
	vfree(transport->memory);
	transport->memory = NULL;
}

static void memory_transport_ring(void *memory, u32 size, struct vmb_ring *ring)
{
	memset(memory, 0, PAGE_SIZE);
	ring->control = memory;
	ring->control->feature_bits =
		cpu_to_le32(VMB_WIRE_FEATURE_PENDING_SEND_SIZE);
	ring->data = (u8 *)memory + PAGE_SIZE;
	ring->size = size - PAGE_SIZE;
}

static int memory_transport_open(struct vmb_channel *channel)
{
	struct memory_transport *transport = memory_transport_of(channel);
	struct vmb_ring incoming, outgoing;
	int error;

	if (transport->open_error)
		return transport->open_error;
	memory_transport_ring(transport->memory, transport->incoming_size,
			      &incoming);
	memory_transport_ring((u8 *)transport->memory + transport->incoming_size,
			      transport->outgoing_size, &outgoing);
	vmb_ring_writer_init(&transport->peer_writer, &incoming);
	vmb_ring_reader_init(&transport->peer_reader, &outgoing, 0,
			     MEMORY_TRANSPORT_PAYLOAD);
	error = vmb_channel_attach_rings(channel, &incoming, &outgoing);
	if (error)
		return error;
	transport->opens++;
	memory_transport_observe(transport, MEMORY_TRANSPORT_OPEN);
	return 0;
}

static int memory_transport_close(struct vmb_channel *channel)
{
	struct memory_transport *transport = memory_transport_of(channel);

	transport->scheduled = false;
	transport->closes++;
	memory_transport_observe(transport, MEMORY_TRANSPORT_CLOSE);
	/* From here on the rings are somebody else's. */
	memset(transport->memory, MEMORY_TRANSPORT_POISON,
	       transport->incoming_size + transport->outgoing_size);
	transport->closed = true;
	return 0;
}

static void memory_transport_signal(struct vmb_channel *channel)
{
	struct memory_transport *transport = memory_transport_of(channel);

	transport->signals++;
	memory_transport_observe(transport, MEMORY_TRANSPORT_SIGNAL);
}

static void memory_transport_schedule(struct vmb_channel *channel)
{
	WRITE_ONCE(memory_transport_of(channel)->scheduled, true);
}

static bool memory_transport_peer_gone(struct vmb_channel *channel)
{
	return READ_ONCE(memory_transport_of(channel)->gone);
}

static int memory_transport_create_gpadl(struct vmb_channel *channel,
					 void *buffer, u32 byte_count,
					 u32 *gpadl_handle, void **private)
{
	struct memory_transport *transport = memory_transport_of(channel);

	memory_transport_observe(transport, MEMORY_TRANSPORT_CREATE_GPADL);
	if (transport->create_gpadl_error)
		return transport->create_gpadl_error;
	transport->gpadls++;
	*gpadl_handle = ++transport->next_gpadl;
	return 0;
}

static int memory_transport_delete_gpadl(struct vmb_channel *channel,
					 void *private)
{
	struct memory_transport *transport = memory_transport_of(channel);

	memory_transport_observe(transport, MEMORY_TRANSPORT_DELETE_GPADL);
	if (transport->delete_gpadl_error)
		return transport->delete_gpadl_error;
	transport->gpadls--;
	return 0;
}

static const struct vmb_channel_transport_operations memory_transport_operations = {
	.prepare = memory_transport_prepare,
	.unprepare = memory_transport_unprepare,
	.open = memory_transport_open,
	.close = memory_transport_close,
	.signal = memory_transport_signal,
	.schedule = memory_transport_schedule,
	.peer_gone = memory_transport_peer_gone,
	.create_gpadl = memory_transport_create_gpadl,
	.delete_gpadl = memory_transport_delete_gpadl,
};

/* A device to allocate a channel on. 0 or an errno. */
int memory_transport_init(struct memory_transport *transport, const char *name)
{
	const guid_t type = GUID_INIT(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
	const guid_t instance = GUID_INIT(11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1);

	memset(transport, 0, sizeof(*transport));
	transport->parent = root_device_register(name);
	if (IS_ERR(transport->parent))
		return PTR_ERR(transport->parent);
	vmb_transport_device_init(&transport->device, transport->parent, &type,
				  &instance, &memory_transport_operations);
	return 0;
}

/* The test is over; its channel was cleaned up. */
void memory_transport_exit(struct memory_transport *transport)
{
	vmb_transport_device_release(&transport->device);
	root_device_unregister(transport->parent);
}

/* Carry out what was scheduled, and what that schedules again. */
void memory_transport_run(struct memory_transport *transport,
			  struct vmb_channel *channel)
{
	while (READ_ONCE(transport->scheduled)) {
		WRITE_ONCE(transport->scheduled, false);
		local_bh_disable();
		vmb_channel_interrupt(channel);
		local_bh_enable();
	}
}
