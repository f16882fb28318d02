// SPDX-License-Identifier: GPL-2.0
/*
 * The server of the model block device: a disk in memory, offered to clients in
 * the same kernel. Meant to be read and copied, with block_client.c.
 *
 * The life of a server:
 *   init        allocate a channel, configure it, enable and start it: from
 *               here on its offer can be found
 *   opened      a client has opened the channel
 *   packets...  each completed once, here by a worker and in another order
 *   closed      the client has gone; the channel waits for the next one
 *   exit        disable (which takes back the offer), clean up
 *
 * A server must not trust its client. What it checks is the private copy that
 * the library made of the payload; external data may change at any time, so
 * each byte of it is touched once. A request that is wrong is completed with an
 * errno, and nothing else happens.
 */
#include <linux/highmem.h>
#include <linux/llist.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include <vmbkmcl.h>

#include "block_protocol.h"

#define BLOCK_SECTOR_SIZE	512u
#define BLOCK_MAXIMUM_SECTORS	(VMB_BLOCK_MAXIMUM_EXTERNAL_SIZE / BLOCK_SECTOR_SIZE)
/* The order of completions is another one each time, but always the same. */
#define BLOCK_SHUFFLE_SEED	20230915u

static unsigned int capacity = 4;
module_param(capacity, uint, 0444);
MODULE_PARM_DESC(capacity, "Size of the disk in MiB, 1 to 1024 (4)");

/**
 * struct block_done - what was done since the channel was opened
 * @reads: requests.
 * @writes: requests.
 * @flushes: requests.
 * @bytes_read: bytes.
 * @bytes_written: bytes.
 * @refused: requests completed with an error.
 */
struct block_done {
	u64 reads;
	u64 writes;
	u64 flushes;
	u64 bytes_read;
	u64 bytes_written;
	u64 refused;
};

/**
 * struct block_server - the server
 * @channel: its channel.
 * @disk: the contents; they stay from one client to the next.
 * @sectors: how many.
 * @workqueue: for @work.
 * @work: serves what waits.
 * @waiting: requests that wait for it; lock-free.
 * @arrivals: requests since the channel was opened; the packet callback's
 *	alone, which never overlaps itself.
 * @shuffle: decides in which order to serve; this and what follows are @work's
 *	while the channel is open, otherwise the state callbacks'.
 * @done: for the status page, also while nobody has shared one.
 * @status_handle: the client's GPADL that holds the status page.
 * @status: where that is, or NULL.
 *
 * Allocated by init, freed by exit.
 */
struct block_server {
	struct vmb_channel *channel;
	u8 *disk;
	u64 sectors;
	struct workqueue_struct *workqueue;
	struct work_struct work;
	struct llist_head waiting;
	u64 arrivals;
	struct rnd_state shuffle;
	struct block_done done;
	u32 status_handle;
	const struct bio_vec *status;
};

/**
 * struct block_job - what the server keeps with each packet
 * @node: in &block_server.waiting.
 * @batch: in the order in which it is served.
 * @packet: the packet.
 * @request: its payload; the packet's, valid until it is completed.
 * @length: bytes of it.
 * @external: it has external data.
 * @arrival: how many came before.
 *
 * The library's memory, one for each packet, zeroed before the callback.
 */
struct block_job {
	struct llist_node node;
	struct list_head batch;
	struct vmb_packet_completion *packet;
	const struct vmb_block_request *request;
	u32 length;
	bool external;
	u64 arrival;
};

static struct block_server *block_server;

/* One more expansion, so that the fields become GUID_INIT's arguments. */
#define BLOCK_GUID(fields...)	GUID_INIT(fields)

static const guid_t block_type = BLOCK_GUID(VMB_BLOCK_GUID_FIELDS);
/* There is one of them, so any will do. */
static const guid_t block_instance = GUID_INIT(0x52b1c6fa, 0x0b8d, 0x4f57,
					       0x9c, 0x0e, 0x41, 0x7d, 0xa5,
					       0x13, 0x66, 0xe8);

static u64 block_sequence(const struct block_done *done)
{
	return done->reads + done->writes + done->flushes + done->refused;
}

/*
 * Show the client what was done. It may read at any moment, so every field is
 * written at once, and the sum behind all that it sums up.
 */
static void block_publish(struct block_server *server)
{
	const struct block_done *done = &server->done;
	struct vmb_block_status *page;
	u8 *mapped;

	if (!server->status)
		return;
	mapped = kmap_local_page(server->status->bv_page);
	page = (void *)(mapped + server->status->bv_offset);
	WRITE_ONCE(page->reads, cpu_to_le64(done->reads));
	WRITE_ONCE(page->writes, cpu_to_le64(done->writes));
	WRITE_ONCE(page->flushes, cpu_to_le64(done->flushes));
	WRITE_ONCE(page->bytes_read, cpu_to_le64(done->bytes_read));
	WRITE_ONCE(page->bytes_written, cpu_to_le64(done->bytes_written));
	WRITE_ONCE(page->refused, cpu_to_le64(done->refused));
	/* Pairs with the acquire in the client's block_check_status(). */
	smp_store_release(&page->sequence, cpu_to_le64(block_sequence(done)));
	kunmap_local(mapped);
}

/* Where the data of a READ or WRITE is; 0, or why there is none. */
static int block_data(struct block_server *server, struct block_job *job,
		      struct iov_iter *iter, u8 **disk)
{
	const struct vmb_block_request *request = job->request;
	bool writes = le32_to_cpu(request->command) == VMB_BLOCK_WRITE;
	u32 count = le32_to_cpu(request->sector_count);
	u64 sector = le64_to_cpu(request->sector);
	const struct bio_vec *vectors;
	u32 vector_count, flags = 0;
	int ret;

	if (count > BLOCK_MAXIMUM_SECTORS || !job->external)
		return -EINVAL;
	if (sector > server->sectors || count > server->sectors - sector)
		return -ERANGE;
	if (writes)
		flags = VMB_CHANNEL_PACKET_EXTERNAL_DATA_FLAG_READ_ONLY;
	ret = vmb_channel_packet_get_external_data(job->packet, flags, &vectors,
						   &vector_count);
	if (ret)
		return ret;
	ret = vmb_channel_packet_get_external_data_iter(job->packet,
							writes ? ITER_SOURCE : ITER_DEST,
							iter);
	if (ret)
		return ret;
	/* There is no external data of no bytes, so this is for a count of 0, too. */
	if (iov_iter_count(iter) != (size_t)count * BLOCK_SECTOR_SIZE)
		return -EINVAL;
	*disk = server->disk + sector * BLOCK_SECTOR_SIZE;
	return 0;
}

static int block_read(struct block_server *server, struct block_job *job)
{
	struct iov_iter iter;
	size_t length;
	u8 *disk;
	int ret;

	ret = block_data(server, job, &iter, &disk);
	if (ret)
		return ret;
	length = iov_iter_count(&iter);
	if (copy_to_iter(disk, length, &iter) != length)
		return -EIO;
	server->done.reads++;
	server->done.bytes_read += length;
	return 0;
}

static int block_write(struct block_server *server, struct block_job *job)
{
	struct iov_iter iter;
	size_t length;
	u8 *disk;
	int ret;

	ret = block_data(server, job, &iter, &disk);
	if (ret)
		return ret;
	length = iov_iter_count(&iter);
	if (copy_from_iter(disk, length, &iter) != length)
		return -EIO;
	server->done.writes++;
	server->done.bytes_written += length;
	return 0;
}

static int block_flush(struct block_server *server, struct block_job *job)
{
	if (job->external)
		return -EINVAL;
	server->done.flushes++;
	return 0;
}

/*
 * The handle is all that the client says; what it stands for the library knows,
 * and what is too small or crooked for a status page is given back.
 */
static int block_share_status(struct block_server *server, struct block_job *job)
{
	u32 handle = le32_to_cpu(job->request->gpadl_handle);
	const struct bio_vec *vectors;
	u32 count;
	int ret;

	if (job->external)
		return -EINVAL;
	if (server->status)
		return -EBUSY;
	ret = vmb_channel_map_gpadl(server->channel, 0, handle, &vectors, &count);
	if (ret)
		return ret;
	if (vectors->bv_len < sizeof(struct vmb_block_status) ||
	    vectors->bv_offset + sizeof(struct vmb_block_status) > PAGE_SIZE ||
	    !IS_ALIGNED(vectors->bv_offset, sizeof(__le64))) {
		vmb_channel_unmap_gpadl(server->channel, handle);
		return -EINVAL;
	}
	server->status = vectors;
	server->status_handle = handle;
	return 0;
}

static int block_carry_out(struct block_server *server, struct block_job *job)
{
	if (job->length < sizeof(*job->request) || job->request->reserved)
		return -EINVAL;
	switch (le32_to_cpu(job->request->command)) {
	case VMB_BLOCK_READ:
		return block_read(server, job);
	case VMB_BLOCK_WRITE:
		return block_write(server, job);
	case VMB_BLOCK_FLUSH:
		return block_flush(server, job);
	case VMB_BLOCK_SHARE_STATUS:
		return block_share_status(server, job);
	case VMB_BLOCK_IDENTIFY:
		/* One that is right was answered in the callback. */
		return -EINVAL;
	default:
		return -EOPNOTSUPP;
	}
}

static void block_complete(const struct block_job *job, const void *answer,
			   u32 length)
{
	int ret = vmb_channel_packet_complete(job->packet, answer, length);

	/* -ENODEV is no news: the client went before we were done. */
	WARN_ON_ONCE(ret && ret != -ENODEV);
}

static __le64 block_tag(const struct block_job *job)
{
	return job->length < sizeof(*job->request) ? 0 : job->request->tag;
}

static void block_serve(struct block_server *server, struct block_job *job)
{
	struct vmb_block_completion answer = {
		.tag = block_tag(job),
		.arrival = cpu_to_le64(job->arrival),
	};
	int ret = block_carry_out(server, job);

	if (ret)
		server->done.refused++;
	/* First the page, then the completion: a client that has this one sees that page. */
	block_publish(server);
	answer.status = cpu_to_le32(-ret);
	answer.sequence = cpu_to_le64(block_sequence(&server->done));
	block_complete(job, &answer, sizeof(answer));
}

/* Where a real device would have its own reasons, this one throws a coin. */
static void block_work(struct work_struct *work)
{
	struct block_server *server = container_of(work, struct block_server, work);
	struct block_job *job, *next;
	LIST_HEAD(batch);

	llist_for_each_entry_safe(job, next, llist_del_all(&server->waiting), node) {
		if (prandom_u32_state(&server->shuffle) & 1)
			list_add(&job->batch, &batch);
		else
			list_add_tail(&job->batch, &batch);
	}
	list_for_each_entry_safe(job, next, &batch, batch)
		block_serve(server, job);
}

static bool block_is_identify(const struct block_job *job)
{
	return job->length >= sizeof(*job->request) && !job->external &&
	       !job->request->reserved &&
	       le32_to_cpu(job->request->command) == VMB_BLOCK_IDENTIFY;
}

static void block_identify(struct block_server *server, struct block_job *job)
{
	struct vmb_block_identity answer = {
		.completion.tag = job->request->tag,
		.completion.arrival = cpu_to_le64(job->arrival),
		.capacity = cpu_to_le64(server->sectors),
		.sector_size = cpu_to_le32(BLOCK_SECTOR_SIZE),
		.maximum_sectors = cpu_to_le32(BLOCK_MAXIMUM_SECTORS),
	};

	block_complete(job, &answer, sizeof(answer));
}

/* What takes no time is answered here, what may sleep or take long is not. */
static void block_process_packet(struct vmb_channel *channel,
				 void *callback_context,
				 struct vmb_packet_completion *packet,
				 void *buffer, u32 buffer_length, u32 flags)
{
	struct block_server *server = callback_context;
	struct block_job *job = vmb_channel_packet_get_client_context(packet);

	job->packet = packet;
	job->request = buffer;
	job->length = buffer_length;
	job->external = flags & VMB_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA;
	job->arrival = server->arrivals++;
	if (block_is_identify(job))
		block_identify(server, job);
	else
		llist_add(&job->node, &server->waiting);
}

/* One wake-up for a batch. */
static void block_processing_complete(struct vmb_channel *channel,
				      void *callback_context,
				      u32 packets_processed)
{
	struct block_server *server = callback_context;

	if (!llist_empty(&server->waiting))
		queue_work(server->workqueue, &server->work);
}

static int block_opened(struct vmb_channel *channel, void *callback_context)
{
	struct block_server *server = callback_context;

	server->arrivals = 0;
	server->done = (struct block_done) {};
	prandom_seed_state(&server->shuffle, BLOCK_SHUFFLE_SEED);
	return 0;
}

/*
 * All packets are completed by now, so the worker has nothing to do any more;
 * it may still be on its way out. The client cannot have its page back before
 * we let go of it.
 */
static void block_closed(struct vmb_channel *channel, void *callback_context,
			 enum vmb_channel_stop_reason reason)
{
	struct block_server *server = callback_context;

	flush_work(&server->work);
	if (!server->status)
		return;
	server->status = NULL;
	vmb_channel_unmap_gpadl(channel, server->status_handle);
}

static int block_configure(struct block_server *server)
{
	struct vmb_channel_state_change_callbacks callbacks;
	struct vmb_channel *channel = server->channel;
	int ret;

	ret = vmb_server_channel_init_set_flags(channel,
						VMB_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER);
	if (ret)
		return ret;
	ret = vmb_server_channel_init_set_target_interface_id(channel,
							      &block_type,
							      &block_instance);
	if (ret)
		return ret;
	vmb_channel_state_change_callbacks_init(&callbacks);
	callbacks.callback_context = server;
	callbacks.opened = block_opened;
	callbacks.closed = block_closed;
	ret = vmb_channel_init_set_state_change_callbacks(channel, &callbacks);
	if (ret)
		return ret;
	ret = vmb_channel_init_set_process_packet_callbacks(channel, server,
							    block_process_packet,
							    block_processing_complete);
	if (ret)
		return ret;
	ret = vmb_channel_init_set_maximum_packet_size(channel,
						       VMB_BLOCK_MAXIMUM_PACKET_SIZE);
	if (ret)
		return ret;
	/* As many as a client of ours may have. */
	ret = vmb_channel_init_set_maximum_packet_count(channel,
							VMB_BLOCK_MAXIMUM_PACKET_COUNT);
	if (ret)
		return ret;
	ret = vmb_channel_init_set_maximum_external_data(channel,
							 VMB_BLOCK_MAXIMUM_EXTERNAL_SIZE,
							 VMB_BLOCK_MAXIMUM_EXTERNAL_CHAIN);
	if (ret)
		return ret;
	ret = vmb_channel_init_set_client_context_size(channel,
						       sizeof(struct block_job));
	if (ret)
		return ret;
	return vmb_channel_init_set_friendly_name(channel, "block server");
}

static int block_offer(struct block_server *server)
{
	int ret;

	ret = vmb_channel_allocate(NULL, true, &server->channel);
	if (ret)
		return ret;
	ret = block_configure(server);
	if (ret)
		goto cleanup_channel;
	ret = vmb_channel_enable(server->channel);
	if (ret)
		goto cleanup_channel;
	/* A server comes up paused. */
	ret = vmb_channel_start(server->channel);
	if (ret)
		goto disable_channel;
	return 0;

disable_channel:
	vmb_channel_disable(server->channel);
cleanup_channel:
	vmb_channel_cleanup(server->channel);
	return ret;
}

static int __init block_server_init(void)
{
	struct block_server *server;
	int ret = -ENOMEM;

	if (!capacity || capacity > 1024)
		return -EINVAL;
	server = kzalloc(sizeof(*server), GFP_KERNEL);
	if (!server)
		return -ENOMEM;
	init_llist_head(&server->waiting);
	INIT_WORK(&server->work, block_work);
	server->sectors = (u64)capacity * (SZ_1M / BLOCK_SECTOR_SIZE);
	server->disk = vzalloc((size_t)capacity * SZ_1M);
	if (!server->disk)
		goto free_server;
	server->workqueue = alloc_workqueue("vmb_block_server", WQ_UNBOUND, 0);
	if (!server->workqueue)
		goto free_disk;
	ret = block_offer(server);
	if (ret)
		goto destroy_workqueue;
	block_server = server;
	return 0;

destroy_workqueue:
	destroy_workqueue(server->workqueue);
free_disk:
	vfree(server->disk);
free_server:
	kfree(server);
	return ret;
}
module_init(block_server_init);

static void __exit block_server_exit(void)
{
	struct block_server *server = block_server;

	/* Returns when the client has gone and the worker is done. */
	vmb_channel_disable(server->channel);
	vmb_channel_cleanup(server->channel);
	destroy_workqueue(server->workqueue);
	vfree(server->disk);
	kfree(server);
}
module_exit(block_server_exit);

MODULE_DESCRIPTION("Server of vmbkmcl's model block device: a disk in memory");
MODULE_VERSION(VMB_VERSION);
MODULE_LICENSE("GPL");
