// SPDX-License-Identifier: GPL-2.0
/*
 * What an open channel takes that sets nothing: by the kernel's own count, by a
 * formula, and what hv_vmbus takes for the same rings.
 */
#include <linux/hyperv.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/vmstat.h>

#include "bench.h"
#include "../../drivers/kmcl/compat.h"

/* So many at once, for slabs have room for several. */
/* So many that what slabs have free before, and counts of a CPU's own, are little of it. */
#define BENCH_OPEN	256u

/* In-band data that the driver of a channel is told of. */
static void bench_memory_process(struct vmb_channel *channel, void *context,
				 struct vmb_packet_completion *packet, void *buffer,
				 u32 length, u32 flags)
{
	vmb_channel_packet_complete(packet, NULL, 0);
}

static struct vmb_channel *bench_memory_open(struct kunit *test,
					     struct memory_transport *transport)
{
	struct vmb_channel *channel;

	KUNIT_ASSERT_EQ(test, 0, vmb_channel_allocate(&transport->device.device, false,
						      &channel));
	KUNIT_ASSERT_EQ(test, 0,
			vmb_channel_init_set_process_packet_callbacks(channel, NULL,
								      bench_memory_process,
								      NULL));
	KUNIT_ASSERT_EQ(test, 0, vmb_channel_enable(channel));
	flush_work(&channel->life.work);
	memory_transport_run(transport, channel);
	KUNIT_ASSERT_EQ(test, 1, transport->opens);
	return channel;
}

/* What the slab allocator takes for an object; beyond its caches whole pages. */
static size_t bench_slab(size_t size)
{
	return size > KMALLOC_MAX_CACHE_SIZE ? PAGE_SIZE << get_order(size) :
	       kmalloc_size_roundup(size);
}

/*
 * The rings; the channel, with a place for each packet that may wait for its
 * completion; and the packet objects that are there at first, with room for the largest
 * packet each, one more of those, and two arrays with a place for each that there may
 * be; and the thread that does the inbound work when there is no memory for another. A
 * channel that has nothing to send has no room for a completion as long as the ring.
 */
static size_t bench_memory_formula(const struct memory_transport *transport,
				   const struct vmb_channel *channel)
{
	const struct vmb_transactions *transactions = &channel->outbound.transactions;
	const struct vmb_packet_pool *pool = &channel->pool;
	size_t object = bench_slab(sizeof(struct vmb_packet_completion)) +
			bench_slab(channel->maximum_packet_size);

	return transport->inbound_size + transport->outbound_size +
	       bench_slab(sizeof(*channel)) +
	       bench_slab(transactions->count * sizeof(*transactions->table)) +
	       (pool->count + 1) * object +
	       bench_slab(pool->limit * sizeof(void *)) +
	       bench_slab(roundup_pow_of_two(pool->limit) * sizeof(void *)) +
	       THREAD_SIZE + bench_slab(sizeof(struct task_struct));
}

/* All that is allocated, by kmalloc and by vmalloc: a CPU's own pages count for neither. */
static size_t bench_memory_taken(void)
{
	return (global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B) +
		vmalloc_nr_pages()) * PAGE_SIZE;
}

void bench_memory(struct kunit *test)
{
	struct bench *bench = kunit_kzalloc(test, sizeof(*bench), GFP_KERNEL);
	struct memory_transport *transports;
	struct vmb_channel **channels;
	size_t before, taken, formula, rings;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, bench);
	bench->test = test;
	transports = kvcalloc(BENCH_OPEN, sizeof(*transports), GFP_KERNEL);
	channels = kunit_kcalloc(test, BENCH_OPEN, sizeof(*channels), GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, transports && channels);
	for (i = 0; i < BENCH_OPEN; i++) {
		char name[24];

		snprintf(name, sizeof(name), "vmbkmcl-bench-%u", i);
		KUNIT_ASSERT_EQ(test, 0, memory_transport_init(&transports[i], name));
	}
	before = bench_memory_taken();
	for (i = 0; i < BENCH_OPEN; i++)
		channels[i] = bench_memory_open(test, &transports[i]);
	taken = (bench_memory_taken() - before) / BENCH_OPEN;
	formula = bench_memory_formula(&transports[0], channels[0]);
	rings = transports[0].inbound_size + transports[0].outbound_size;
	bench_report(bench, "memory", "ours", 0, taken, 1);
	bench_report(bench, "memory", "ours-formula", 0, formula, 1);
	/* The buffer that a packet is copied into which crosses the ring's end. */
	bench_report(bench, "memory", "hv_vmbus", 0, rings + VMBUS_DEFAULT_MAX_PKT_SIZE, 1);
	for (i = 0; i < BENCH_OPEN; i++) {
		vmb_channel_disable(channels[i]);
		vmb_channel_cleanup(channels[i]);
		memory_transport_exit(&transports[i]);
	}
	kvfree(transports);
}
