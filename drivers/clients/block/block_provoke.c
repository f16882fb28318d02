// SPDX-License-Identifier: GPL-2.0
/*
 * Requests of the model block device that no server may carry out, with the
 * answer that it owes. A server must not trust its client, and this is how that
 * can be seen.
 */
#include <linux/gfp.h>
#include <linux/mm.h>

#include "block_client.h"

/**
 * struct block_provocation - a request that is wrong
 * @name: what about it.
 * @request: the request.
 * @length: bytes of it that are sent; 0: all.
 * @external: bytes of external data; 0: none.
 * @from_end: &vmb_block_request.sector counts from the end of the disk.
 * @error: what the server has to say.
 */
struct block_provocation {
	const char *name;
	struct vmb_block_request request;
	u32 length;
	u32 external;
	bool from_end;
	int error;
};

#define BLOCK_REQUEST(command_, sector_, count_) {			\
	.command = cpu_to_le32(command_),				\
	.sector = cpu_to_le64(sector_),					\
	.sector_count = cpu_to_le32(count_),				\
}

static const struct block_provocation block_provocations[] = {
	{
		.name = "unknown command",
		.request = BLOCK_REQUEST(99, 0, 0),
		.error = -EOPNOTSUPP,
	}, {
		.name = "half a request",
		.request = BLOCK_REQUEST(VMB_BLOCK_FLUSH, 0, 0),
		.length = sizeof(struct vmb_block_request) / 2,
		.error = -EINVAL,
	}, {
		.name = "reserved field in use",
		.request = {
			.command = cpu_to_le32(VMB_BLOCK_FLUSH),
			.reserved = cpu_to_le32(1),
		},
		.error = -EINVAL,
	}, {
		.name = "read of nothing",
		.request = BLOCK_REQUEST(VMB_BLOCK_READ, 0, 0),
		.external = BLOCK_SECTOR_SIZE,
		.error = -EINVAL,
	}, {
		.name = "read of too much",
		.request = BLOCK_REQUEST(VMB_BLOCK_READ, 0, U32_MAX),
		.external = BLOCK_SECTOR_SIZE,
		.error = -EINVAL,
	}, {
		.name = "read behind the end",
		.request = BLOCK_REQUEST(VMB_BLOCK_READ, 0, 1),
		.external = BLOCK_SECTOR_SIZE,
		.from_end = true,
		.error = -ERANGE,
	}, {
		.name = "write across the end",
		.request = BLOCK_REQUEST(VMB_BLOCK_WRITE, U64_MAX, 2),
		.external = 2 * BLOCK_SECTOR_SIZE,
		.from_end = true,
		.error = -ERANGE,
	}, {
		.name = "read at the end of all numbers",
		.request = BLOCK_REQUEST(VMB_BLOCK_READ, U64_MAX, 2),
		.external = 2 * BLOCK_SECTOR_SIZE,
		.error = -ERANGE,
	}, {
		.name = "read without memory",
		.request = BLOCK_REQUEST(VMB_BLOCK_READ, 0, 1),
		.error = -EINVAL,
	}, {
		.name = "write of more than the memory",
		.request = BLOCK_REQUEST(VMB_BLOCK_WRITE, 0, 2),
		.external = BLOCK_SECTOR_SIZE,
		.error = -EINVAL,
	}, {
		.name = "read of less than the memory",
		.request = BLOCK_REQUEST(VMB_BLOCK_READ, 0, 1),
		.external = BLOCK_SECTOR_SIZE + 8,
		.error = -EINVAL,
	}, {
		.name = "flush with memory",
		.request = BLOCK_REQUEST(VMB_BLOCK_FLUSH, 0, 0),
		.external = BLOCK_SECTOR_SIZE,
		.error = -EINVAL,
	}, {
		.name = "identify with memory",
		.request = BLOCK_REQUEST(VMB_BLOCK_IDENTIFY, 0, 0),
		.external = BLOCK_SECTOR_SIZE,
		.error = -EINVAL,
	}, {
		.name = "a status page that is not shared",
		.request = {
			.command = cpu_to_le32(VMB_BLOCK_SHARE_STATUS),
			.gpadl_handle = cpu_to_le32(0x7fffffff),
		},
		.error = -ENOENT,
	}, {
		.name = "a status page, and memory",
		.request = BLOCK_REQUEST(VMB_BLOCK_SHARE_STATUS, 0, 0),
		.external = BLOCK_SECTOR_SIZE,
		.error = -EINVAL,
	},
};

/* The channel going is no answer; any other is right or wrong. */
static int block_provoke_judge(struct block_client *client, const char *name,
			       int ret, bool right)
{
	if (ret == -ENODEV || ret == -EIO)
		return ret;
	if (right) {
		block_client_count(client, &client->counters.refused, 1);
		return 0;
	}
	dev_err_ratelimited(client->device->dev,
			    "the server answers %pe to a request that is wrong: %s\n",
			    ERR_PTR(ret), name);
	block_client_count(client, &client->counters.wrong, 1);
	return 0;
}

static int block_provoke_one(struct block_client *client,
			     const struct block_provocation *provocation,
			     struct page *page)
{
	struct bio_vec vector = {
		.bv_page = page,
		.bv_len = provocation->external,
	};
	struct vmb_block_request request = provocation->request;
	struct vmb_block_completion answer;
	int ret;

	if (provocation->from_end)
		le64_add_cpu(&request.sector, client->capacity);
	ret = block_control_ask(client, &request,
				provocation->length ?: sizeof(request),
				vector.bv_len ? &vector : NULL,
				&answer, sizeof(answer));
	return block_provoke_judge(client, provocation->name, ret,
				   ret == provocation->error);
}

/**
 * block_provoke() - send everything that is wrong
 * @client: the client, which has shared no status page yet.
 *
 * Context: process context.
 * Return: 0, also if the server did not refuse something, which is counted;
 * -ENOMEM; or the errno with which the channel went.
 */
int block_provoke(struct block_client *client)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	int ret = 0;
	u32 i;

	if (!page)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(block_provocations) && !ret; i++)
		ret = block_provoke_one(client, &block_provocations[i], page);
	/* No server had anything to write to it. */
	if (!ret && memchr_inv(page_address(page), 0, PAGE_SIZE))
		block_client_count(client, &client->counters.wrong, 1);
	/* -EIO: it may still be written to, so it is leaked. */
	if (ret != -EIO)
		__free_page(page);
	return ret;
}

/**
 * block_provoke_status() - share a status page once more
 * @client: the client, which has shared one.
 *
 * Context: process context.
 * Return: as block_provoke().
 */
int block_provoke_status(struct block_client *client)
{
	const struct block_provocation second = {
		.name = "a second status page",
		.request = {
			.command = cpu_to_le32(VMB_BLOCK_SHARE_STATUS),
			.gpadl_handle = cpu_to_le32(client->status_handle),
		},
		.error = -EBUSY,
	};

	return block_provoke_one(client, &second, NULL);
}
