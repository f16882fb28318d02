// SPDX-License-Identifier: GPL-2.0
/*
 * A struct vmbus_channel without a bus behind it. See bench_raw.h.
 */
#include <linux/bitmap.h>
#include <linux/reciprocal_div.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <asm/ibt.h>
#include <asm/mshyperv.h>

#include "bench_raw.h"

/* Requests that may wait for their completions: as many as ours. */
#define BENCH_RAW_REQUESTS	256u

/* Signals that the kernel sent, which is what its hypercall page is for. */
unsigned long bench_raw_signals;

/*
 * Stands in for the hypercall page: off Hyper-V there is none, and signalling
 * would jump to address 0. Says "success".
 */
asm(".pushsection .text\n\t"
	".global bench_raw_hypercall\n"
	"bench_raw_hypercall:\n\t"
	ASM_ENDBR
	"incq bench_raw_signals(%rip)\n\t"
	"xorl %eax, %eax\n\t"
	ASM_RET
	".popsection\n");

/* As hv_vmbus maps a ring: the control page, the data, the data once more. */
static int bench_raw_map(struct hv_ring_buffer_info *info, struct page **pages,
			 u32 ring_size, u32 maximum_packet)
{
	u32 count = ring_size >> PAGE_SHIFT;
	struct page **order;
	u32 i;

	*pages = alloc_pages(GFP_KERNEL | __GFP_ZERO, get_order(ring_size));
	if (!*pages)
		return -ENOMEM;
	order = kcalloc(2 * count - 1, sizeof(*order), GFP_KERNEL);
	if (!order)
		return -ENOMEM;
	order[0] = *pages;
	for (i = 0; i < 2 * (count - 1); i++)
		order[i + 1] = *pages + i % (count - 1) + 1;
	info->ring_buffer = vmap(order, 2 * count - 1, VM_MAP, PAGE_KERNEL);
	kfree(order);
	info->pkt_buffer = kzalloc(maximum_packet, GFP_KERNEL);
	if (!info->ring_buffer || !info->pkt_buffer)
		return -ENOMEM;
	info->ring_size = ring_size;
	info->ring_datasize = ring_size - PAGE_SIZE;
	info->ring_size_div10_reciprocal = reciprocal_value(ring_size / 10);
	info->pkt_buffer_size = maximum_packet;
	info->ring_buffer->feature_bits.value = 1;
	spin_lock_init(&info->ring_lock);
	mutex_init(&info->ring_buffer_mutex);
	return 0;
}

/*
 * As vmbus_open() makes it for a driver that asks for request ids: a list of
 * free ones, each in the place of the one before.
 */
static int bench_raw_add_ids(struct vmbus_channel *channel)
{
	struct vmbus_requestor *requestor = &channel->requestor;
	u32 i;

	requestor->req_arr = kcalloc(BENCH_RAW_REQUESTS, sizeof(u64), GFP_KERNEL);
	requestor->req_bitmap = bitmap_zalloc(BENCH_RAW_REQUESTS, GFP_KERNEL);
	if (!requestor->req_arr || !requestor->req_bitmap)
		return -ENOMEM;
	for (i = 0; i < BENCH_RAW_REQUESTS; i++)
		requestor->req_arr[i] = i + 1;
	requestor->size = BENCH_RAW_REQUESTS;
	spin_lock_init(&requestor->req_lock);
	channel->rqstor_size = BENCH_RAW_REQUESTS;
	channel->next_request_id_callback = vmbus_next_request_id;
	channel->request_addr_callback = vmbus_request_addr;
	return 0;
}

static void bench_raw_ring(const struct hv_ring_buffer_info *info,
			   struct vmb_ring *ring)
{
	ring->control = (struct vmb_wire_ring_control *)info->ring_buffer;
	ring->data = info->ring_buffer->buffer;
	ring->size = info->ring_datasize;
}

/* Make a channel with two rings of @ring_size bytes, control pages included. */
int bench_raw_make(struct bench_raw *raw, u32 ring_size, u32 maximum_packet)
{
	struct vmb_ring ring;
	int ret;

	memset(raw, 0, sizeof(*raw));
	raw->channel = kzalloc(sizeof(*raw->channel), GFP_KERNEL);
	if (!raw->channel)
		return -ENOMEM;
	ret = bench_raw_map(&raw->channel->inbound, &raw->pages[0], ring_size,
			    maximum_packet);
	if (!ret)
		ret = bench_raw_map(&raw->channel->outbound, &raw->pages[1],
				    ring_size, maximum_packet);
	if (!ret)
		ret = bench_raw_add_ids(raw->channel);
	if (ret) {
		bench_raw_free(raw);
		return ret;
	}
	/* No shared interrupt page: the hypercall alone is the signal. */
	raw->channel->is_dedicated_interrupt = true;
	hv_hypercall_pg = bench_raw_hypercall;

	bench_raw_ring(&raw->channel->inbound, &ring);
	vmb_ring_writer_init(&raw->peer_writer, &ring);
	bench_raw_ring(&raw->channel->outbound, &ring);
	vmb_ring_reader_init(&raw->peer_reader, &ring, maximum_packet, maximum_packet);
	return 0;
}

static void bench_raw_unmap(struct hv_ring_buffer_info *info, struct page *pages,
			    u32 ring_size)
{
	vunmap(info->ring_buffer);
	kfree(info->pkt_buffer);
	if (pages)
		__free_pages(pages, get_order(ring_size));
}

void bench_raw_free(struct bench_raw *raw)
{
	u32 ring_size = raw->channel->inbound.ring_size;

	hv_hypercall_pg = NULL;
	bench_raw_unmap(&raw->channel->inbound, raw->pages[0], ring_size);
	bench_raw_unmap(&raw->channel->outbound, raw->pages[1], ring_size);
	bitmap_free(raw->channel->requestor.req_bitmap);
	kfree(raw->channel->requestor.req_arr);
	kfree(raw->channel);
}
