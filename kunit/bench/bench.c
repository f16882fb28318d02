// SPDX-License-Identifier: GPL-2.0
/*
 * What a packet costs: instructions, allocations, signals.
 *
 * A suite of its own, which scripts/bench.sh runs with QEMU's -icount: there
 * the clock advances by one nanosecond an instruction, so that a difference of
 * two readings is a count, the same to the digit in every run. Elsewhere the
 * numbers mean nothing, and nothing else runs it.
 *
 * Rows that are compared do the same to the same packets, in batches of 32; the
 * best of some passes counts.
 */
#include <linux/dma-mapping.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <trace/events/kmem.h>

#include "bench.h"

static void bench_nothing(struct bench *bench)
{
}

static u64 bench_measure_all(struct bench *bench, void (*run)(struct bench *bench))
{
	unsigned long flags;
	u64 begun, ended;

	/* As in a tasklet; and a tick in between would be counted. */
	local_bh_disable();
	local_irq_save(flags);
	begun = ktime_get_ns();
	run(bench);
	ended = ktime_get_ns();
	local_irq_restore(flags);
	local_bh_enable();
	return ended - begun;
}

/* The instructions of a call, without the call and the reading of the clock. */
u64 bench_measure(struct bench *bench, void (*run)(struct bench *bench))
{
	return bench_measure_all(bench, run) - bench_measure_all(bench, bench_nothing);
}

static u64 bench_pass(struct bench *bench, const struct bench_row *row)
{
	u64 sum = 0;
	u32 i, k;

	bench->writer = row->raw ? &bench->raw.peer_writer :
				   &bench->transport.peer_writer;
	bench->reader = row->raw ? &bench->raw.peer_reader :
				   &bench->transport.peer_reader;
	for (i = 0; i < BENCH_BATCHES; i++) {
		for (k = 0; k < ARRAY_SIZE(row->steps) && row->steps[k].run; k++) {
			if (row->steps[k].measured)
				sum += bench_measure(bench, row->steps[k].run);
			else
				row->steps[k].run(bench);
		}
	}
	KUNIT_ASSERT_EQ(bench->test, 0, bench->sum);
	KUNIT_ASSERT_EQ(bench->test, 0, bench->failures);
	return sum;
}

/* The peer wants signals, or does not. */
void bench_set_masked(struct bench *bench, bool masked)
{
	WRITE_ONCE(bench->raw.peer_reader.ring.control->interrupt_mask,
		   cpu_to_le32(masked));
	WRITE_ONCE(bench->transport.peer_reader.ring.control->interrupt_mask,
		   cpu_to_le32(masked));
}

static int bench_compare(const void *left, const void *right)
{
	const u64 *l = left, *r = right;

	return *l < *r ? -1 : *l > *r;
}

/*
 * From here on the thread that waits for an answer is before those that bring it: they
 * run when it waits, and it does when they have woken it. Among equals the scheduler goes
 * by how long each has run, and a trip has one switch more or less by chance.
 */
void bench_waits_begin(void)
{
	sched_set_fifo_low(current);
}

void bench_waits_end(void)
{
	sched_set_normal(current, 0);
}

/* Of so many values, whose order is lost. */
u64 bench_middle(u64 *values, u32 count)
{
	sort(values, count, sizeof(*values), bench_compare, NULL);
	return values[count / 2];
}

/* A line for scripts/bench.sh. */
void bench_report(struct bench *bench, const char *what, const char *row, u32 size,
		  u64 sum, u32 count)
{
	kunit_info(bench->test, "bench %s %s %u %llu.%llu", what, row, size,
		   sum / count, sum % count * 10 / count);
}

/* @size: as the script prints it. */
void bench_instructions(struct bench *bench, const struct bench_row *row, u32 size)
{
	u64 best = U64_MAX;
	u32 i;

	bench_set_masked(bench, true);
	for (i = 0; i < BENCH_PASSES; i++)
		best = min(best, bench_pass(bench, row));
	bench_report(bench, row->what ?: "instructions", row->name, size, best,
		     BENCH_BATCH * BENCH_BATCHES);
}

void bench_signals(struct bench *bench, const struct bench_row *row)
{
	unsigned long before;

	bench_set_masked(bench, false);
	before = bench_raw_signals + bench->transport.signals;
	bench_pass(bench, row);
	bench_report(bench, "signals", row->name, 0,
		     bench_raw_signals + bench->transport.signals - before,
		     BENCH_BATCHES);
}

static void bench_count_kmalloc(void *data, unsigned long call_site,
				const void *pointer, size_t requested,
				size_t allocated, gfp_t flags, int node)
{
	((struct bench *)data)->allocations++;
}

static void bench_count_cache(void *data, unsigned long call_site,
			      const void *pointer, struct kmem_cache *cache,
			      gfp_t flags, int node)
{
	((struct bench *)data)->allocations++;
}

/* From here on every allocation counts, whoever makes it. */
void bench_allocations_begin(struct bench *bench)
{
	KUNIT_ASSERT_EQ(bench->test, 0,
			register_trace_kmalloc(bench_count_kmalloc, bench));
	KUNIT_ASSERT_EQ(bench->test, 0,
			register_trace_kmem_cache_alloc(bench_count_cache, bench));
	bench->allocations = 0;
}

void bench_allocations_end(struct bench *bench, const char *row, u32 count)
{
	u64 allocations = bench->allocations;

	unregister_trace_kmem_cache_alloc(bench_count_cache, bench);
	unregister_trace_kmalloc(bench_count_kmalloc, bench);
	tracepoint_synchronize_unregister();
	bench_report(bench, "allocations", row, 0, allocations, count);
}

void bench_allocations(struct bench *bench, const struct bench_row *row)
{
	bench_allocations_begin(bench);
	bench_pass(bench, row);
	bench_allocations_end(bench, row->name, BENCH_BATCH * BENCH_BATCHES);
}

/* Which pages packets name: pieces for whoever makes a list of them, or one. */
void bench_choose_pages(struct bench *bench, bool contiguous)
{
	u32 i;

	bench->contiguous = contiguous;
	for (i = 0; i < BENCH_PAGES_MAXIMUM; i++)
		bench->pages[i] = bench->block + (contiguous ? i : 2 * i);
}

/* The memory that packets name, and a device that maps it as it is. */
static int bench_add_pages(struct bench *bench)
{
	struct device *device = bench->transport.parent;
	int ret;

	bench->block = alloc_pages(GFP_KERNEL | __GFP_ZERO,
				   get_order(2 * BENCH_PAGES_MAXIMUM * PAGE_SIZE));
	if (!bench->block)
		return -ENOMEM;
	bench_choose_pages(bench, false);
	device->dma_mask = &device->coherent_dma_mask;
	device->dma_parms = &bench->dma_parms;
	dma_set_max_seg_size(device, UINT_MAX);
	dma_set_seg_boundary(device, ULONG_MAX);
	ret = dma_set_mask_and_coherent(device, DMA_BIT_MASK(64));
	if (!ret)
		vmb_transport_device_set_dma_device(&bench->transport.device, device);
	return ret;
}

static int bench_set_up(struct bench *bench, struct vmb_channel *channel,
			const struct bench_settings *settings)
{
	const u32 ring_pages = BENCH_RING_SIZE / PAGE_SIZE;
	const u32 external_size = settings->maximum_pages * PAGE_SIZE;
	int ret;

	ret = vmb_channel_init_set_maximum_packet_size(channel,
						       settings->maximum_packet_size);
	if (ret)
		return ret;
	ret = vmb_channel_init_set_process_packet_callbacks(channel, bench,
							    settings->process_packet,
							    NULL);
	if (ret)
		return ret;
	ret = vmb_client_channel_init_set_ring_buffer_page_count(channel, ring_pages,
								 ring_pages);
	/* Those that are completed later are held, so many that none is waited for. */
	if (!ret)
		ret = vmb_channel_init_set_inbound_packet_count(channel, BENCH_HELD);
	if (!ret && settings->maximum_packet_count)
		ret = vmb_channel_init_set_maximum_packet_count(channel,
								settings->maximum_packet_count);
	if (!ret && external_size)
		ret = vmb_channel_init_set_maximum_external_data(channel,
								 external_size, 1);
	return ret;
}

/* A channel of ours on a transport, open, with a peer that masks its signals. */
int bench_open_on(struct bench *bench, struct memory_transport *transport,
		  const struct bench_settings *settings, struct vmb_channel **channel)
{
	struct vmb_ring ring;
	int ret;

	ret = vmb_channel_allocate(&transport->device.device, false, channel);
	if (ret)
		return ret;
	ret = bench_set_up(bench, *channel, settings);
	if (!ret)
		ret = vmb_channel_enable(*channel);
	if (ret)
		return ret;
	/* The worker has opened it when it is done. */
	flush_work(&(*channel)->life.work);
	memory_transport_run(transport, *channel);
	if (transport->opens != 1)
		return -EIO;
	/* Nothing is in the rings yet; this peer takes range lists, too. */
	ring = transport->peer_reader.ring;
	vmb_ring_reader_init(&transport->peer_reader, &ring, BENCH_PAYLOAD_MAXIMUM,
			     BENCH_PAYLOAD_MAXIMUM);
	WRITE_ONCE(ring.control->interrupt_mask, cpu_to_le32(true));
	return 0;
}

/* A raw channel and one of ours, both open. The case closes them. */
struct bench *bench_open(struct kunit *test, const struct bench_settings *settings)
{
	struct bench *bench = kunit_kzalloc(test, sizeof(*bench), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, bench);
	bench->test = test;
	KUNIT_ASSERT_EQ(test, 0, bench_raw_make(&bench->raw, BENCH_RING_SIZE,
						2 * BENCH_PAYLOAD_MAXIMUM));
	KUNIT_ASSERT_EQ(test, 0, memory_transport_init(&bench->transport,
						       "vmbkmcl-bench"));
	if (settings->maximum_pages)
		KUNIT_ASSERT_EQ(test, 0, bench_add_pages(bench));
	KUNIT_ASSERT_EQ(test, 0, bench_open_on(bench, &bench->transport, settings,
					       &bench->channel));
	bench_set_masked(bench, true);
	return bench;
}

void bench_close(struct bench *bench)
{
	vmb_channel_disable(bench->channel);
	vmb_channel_cleanup(bench->channel);
	memory_transport_exit(&bench->transport);
	bench_raw_free(&bench->raw);
	if (bench->block)
		__free_pages(bench->block,
			     get_order(2 * BENCH_PAGES_MAXIMUM * PAGE_SIZE));
}

static struct kunit_case bench_cases[] = {
	KUNIT_CASE(bench_packets),
	KUNIT_CASE(bench_sends),
	KUNIT_CASE(bench_outstanding),
	KUNIT_CASE(bench_external),
	KUNIT_CASE(bench_inbound_external),
	KUNIT_CASE(bench_channels),
	KUNIT_CASE(bench_synchronous),
	KUNIT_CASE(bench_handmade),
	KUNIT_CASE(bench_memory),
	{}
};

/* Not vmbkmcl_bench: make check runs what begins with vmbkmcl. */
static struct kunit_suite bench_suite = {
	.name = "bench_vmbkmcl",
	.test_cases = bench_cases,
};

kunit_test_suite(bench_suite);
