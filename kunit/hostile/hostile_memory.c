// SPDX-License-Identifier: GPL-2.0
/*
 * A transport in memory for a hostile peer: as the suites' own, but everything happens
 * by itself, and on both sides of each ring is a page that nobody may touch.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/interrupt.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "hostile.h"

#define CANARY		0xcb
/* What rings are filled with that the peer has let go of. */
#define CLOSED		0xee

/**
 * struct hostile_memory - one device with one channel
 * @device: the library's half.
 * @parent: its struct device.
 * @hostile: whose.
 * @memory: canary, inbound ring, canary, outbound ring, canary.
 * @inbound_size: bytes, with control page.
 * @outbound_size: likewise.
 * @tasklet: calls the channel.
 * @open: its channel, as long as it is.
 * @gone: the peer has taken back its offer.
 * @closed: the rings were closed, and are somebody else's.
 * @handle: of the last GPADL.
 */
struct hostile_memory {
	struct vmb_transport_device device;
	struct device *parent;
	struct hostile *hostile;
	u8 *memory;
	u32 inbound_size;
	u32 outbound_size;
	struct tasklet_struct tasklet;
	struct vmb_channel *open;
	bool gone;
	bool closed;
	u32 handle;
};

static struct hostile_memory *memory_of(struct vmb_channel *channel)
{
	return container_of(vmb_channel_transport_device(channel), struct hostile_memory, device);
}

static u8 *inbound_of(const struct hostile_memory *memory)
{
	return memory->memory + PAGE_SIZE;
}

static u8 *outbound_of(const struct hostile_memory *memory)
{
	return inbound_of(memory) + memory->inbound_size + PAGE_SIZE;
}

static void run_tasklet(struct tasklet_struct *tasklet)
{
	struct hostile_memory *memory = container_of(tasklet, struct hostile_memory, tasklet);
	struct vmb_channel *channel = READ_ONCE(memory->open);

	if (channel)
		vmb_channel_interrupt(channel);
}

static int memory_prepare(struct vmb_channel *channel, u32 *inbound_size, u32 *outbound_size,
			  u32 minimum_size)
{
	struct hostile_memory *memory = memory_of(channel);
	u32 size = *inbound_size + *outbound_size + 3 * PAGE_SIZE;

	memory->closed = false;
	memory->inbound_size = *inbound_size;
	memory->outbound_size = *outbound_size;
	memory->memory = vmalloc(size);
	if (!memory->memory)
		return -ENOMEM;
	memset(memory->memory, CANARY, size);
	return 0;
}

static void check_canaries(struct hostile_memory *memory)
{
	const u8 *canaries[] = {
		memory->memory, outbound_of(memory) - PAGE_SIZE,
		outbound_of(memory) + memory->outbound_size,
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(canaries); i++)
		HOSTILE_CHECK(memory->hostile, !memchr_inv(canaries[i], CANARY, PAGE_SIZE));
}

static void memory_unprepare(struct vmb_channel *channel)
{
	struct hostile_memory *memory = memory_of(channel);

	check_canaries(memory);
	if (memory->closed) {
		HOSTILE_CHECK(memory->hostile,
			      !memchr_inv(inbound_of(memory), CLOSED, memory->inbound_size));
		HOSTILE_CHECK(memory->hostile,
			      !memchr_inv(outbound_of(memory), CLOSED, memory->outbound_size));
	}
	vfree(memory->memory);
	memory->memory = NULL;
}

static void make_ring(u8 *memory, u32 size, struct vmb_ring *ring)
{
	memset(memory, 0, PAGE_SIZE);
	ring->control = (void *)memory;
	ring->control->feature_bits = cpu_to_le32(VMB_WIRE_FEATURE_PENDING_SEND_SIZE);
	ring->data = memory + PAGE_SIZE;
	ring->size = size - PAGE_SIZE;
}

static int memory_open(struct vmb_channel *channel)
{
	struct hostile_memory *memory = memory_of(channel);
	struct vmb_ring inbound, outbound;
	int ret;

	make_ring(inbound_of(memory), memory->inbound_size, &inbound);
	make_ring(outbound_of(memory), memory->outbound_size, &outbound);
	ret = vmb_channel_settle_peer_memory(channel, VMB_PEER_MEMORY_DECRYPTED) ?:
	      vmb_channel_attach_rings(channel, &inbound, &outbound);
	if (ret)
		return ret;
	memory->closed = false;
	WRITE_ONCE(memory->open, channel);
	hostile_peer_attach(memory->hostile, &inbound, &outbound);
	return 0;
}

static int memory_close(struct vmb_channel *channel)
{
	struct hostile_memory *memory = memory_of(channel);

	hostile_peer_detach(memory->hostile);
	WRITE_ONCE(memory->open, NULL);
	tasklet_kill(&memory->tasklet);
	check_canaries(memory);
	memset(inbound_of(memory), CLOSED, memory->inbound_size);
	memset(outbound_of(memory), CLOSED, memory->outbound_size);
	memory->closed = true;
	return 0;
}

static void memory_signal(struct vmb_channel *channel)
{
	HOSTILE_CHECK(memory_of(channel)->hostile, READ_ONCE(memory_of(channel)->open));
}

static void memory_schedule(struct vmb_channel *channel)
{
	HOSTILE_CHECK(memory_of(channel)->hostile, READ_ONCE(memory_of(channel)->open));
	tasklet_schedule(&memory_of(channel)->tasklet);
}

static bool memory_scheduled(struct vmb_channel *channel)
{
	return READ_ONCE(memory_of(channel)->tasklet.state);
}

static bool memory_peer_gone(struct vmb_channel *channel)
{
	return READ_ONCE(memory_of(channel)->gone);
}

static int memory_create_gpadl(struct vmb_channel *channel, void *buffer, u32 byte_count,
			       u32 *gpadl_handle, void **private)
{
	*gpadl_handle = ++memory_of(channel)->handle;
	return 0;
}

static int memory_delete_gpadl(struct vmb_channel *channel, void *private)
{
	return 0;
}

static const struct vmb_channel_transport_operations memory_operations = {
	.prepare = memory_prepare,
	.unprepare = memory_unprepare,
	.open = memory_open,
	.close = memory_close,
	.signal = memory_signal,
	.schedule = memory_schedule,
	.scheduled = memory_scheduled,
	.peer_gone = memory_peer_gone,
	.create_gpadl = memory_create_gpadl,
	.delete_gpadl = memory_delete_gpadl,
};

static const guid_t memory_type = GUID_INIT(0x61, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);

static int memory_init(struct hostile *hostile)
{
	struct hostile_memory *memory = kzalloc(sizeof(*memory), GFP_KERNEL);

	if (!memory)
		return -ENOMEM;
	memory->hostile = hostile;
	memory->parent = root_device_register("vmbkmcl_hostile");
	if (IS_ERR(memory->parent)) {
		kfree(memory);
		return -ENODEV;
	}
	hostile->world_private = memory;
	tasklet_setup(&memory->tasklet, run_tasklet);
	vmb_transport_device_init(&memory->device, memory->parent, &memory_type, &memory_type,
				  &memory_operations);
	return vmb_channel_allocate(&memory->device.device, false, &hostile->channel);
}

static void memory_exit(struct hostile *hostile)
{
	struct hostile_memory *memory = hostile->world_private;

	if (!memory)
		return;
	vmb_transport_device_release(&memory->device);
	root_device_unregister(memory->parent);
	kfree(memory);
}

static int memory_begin(struct hostile *hostile)
{
	struct hostile_memory *memory = hostile->world_private;

	WRITE_ONCE(memory->gone, false);
	return 0;
}

static void memory_ring(struct hostile *hostile)
{
	struct hostile_memory *memory = hostile->world_private;

	tasklet_schedule(&memory->tasklet);
}

static void memory_withdraw(struct hostile *hostile)
{
	struct hostile_memory *memory = hostile->world_private;

	WRITE_ONCE(memory->gone, true);
	vmb_transport_device_peer_gone(&memory->device);
}

const struct hostile_world hostile_memory_world = {
	.name = "memory",
	.target = &memory_type,
	.init = memory_init,
	.exit = memory_exit,
	.begin = memory_begin,
	.ring = memory_ring,
	.withdraw = memory_withdraw,
};
