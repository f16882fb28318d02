// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of the client of a hostile peer: what it shares for long, what it shares and
 * takes back all the time, and between all of that pages that nobody may ever touch.
 * The same thread waits for answers, and turns what can be turned at any time.
 */
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>

#include "hostile.h"

#define CANARY		0xca
/* What memory holds that was taken back: nobody writes to it any more. */
#define TAKEN_BACK	0x7b
#define AREA_BYTES	(HOSTILE_PAGES * PAGE_SIZE)

static int area_init(struct hostile_pages *pages, enum hostile_area area)
{
	u32 order = get_order(2 * AREA_BYTES), i;
	struct page *ours[HOSTILE_PAGES];

	pages->block[area] = alloc_pages(GFP_KERNEL, order);
	if (!pages->block[area])
		return -ENOMEM;
	split_page(pages->block[area], order);
	for (i = 0; i < HOSTILE_PAGES; i++) {
		ours[i] = pages->block[area] + 2 * i;
		memset(page_address(ours[i]), TAKEN_BACK, PAGE_SIZE);
		memset(hostile_canary(pages, area, i), CANARY, PAGE_SIZE);
	}
	pages->buffer[area] = vmap(ours, HOSTILE_PAGES, VM_MAP, PAGE_KERNEL);
	return pages->buffer[area] ? 0 : -ENOMEM;
}

int hostile_pages_init(struct hostile *hostile)
{
	u32 area;
	int ret = 0;

	mutex_init(&hostile->client.memory_lock);
	for (area = 0; !ret && area < HOSTILE_AREAS; area++)
		ret = area_init(&hostile->client.pages, area);
	return ret;
}

void hostile_pages_exit(struct hostile *hostile)
{
	struct hostile_pages *pages = &hostile->client.pages;
	u32 area, i;

	for (area = 0; area < HOSTILE_AREAS; area++) {
		vunmap(pages->buffer[area]);
		for (i = 0; pages->block[area] && i < 2 * HOSTILE_PAGES; i++)
			__free_page(pages->block[area] + i);
	}
}

/* Is it a page of this area, and no canary? */
bool hostile_pages_have(const struct hostile_pages *pages, enum hostile_area area,
			const struct page *page)
{
	u32 i;

	for (i = 0; i < HOSTILE_PAGES; i++)
		if (page == pages->block[area] + 2 * i)
			return true;
	return false;
}

/* Behind each page of an area is one. */
void *hostile_canary(const struct hostile_pages *pages, enum hostile_area area, u32 which)
{
	return page_address(pages->block[area] + 2 * which + 1);
}

static bool is_filled(const void *memory, u8 with)
{
	return !memchr_inv(memory, with, PAGE_SIZE);
}

/* The channel is disabled. */
void hostile_pages_check(struct hostile *hostile)
{
	const struct hostile_pages *pages = &hostile->client.pages;
	u32 area, i;

	for (area = 0; area < HOSTILE_AREAS; area++) {
		HOSTILE_CHECK(hostile, !pages->handle[area]);
		for (i = 0; i < HOSTILE_PAGES; i++) {
			HOSTILE_CHECK(hostile, is_filled(hostile_canary(pages, area, i), CANARY));
			/* Nobody has a reference but us. */
			HOSTILE_CHECK(hostile, page_count(pages->block[area] + 2 * i) == 1);
			HOSTILE_CHECK(hostile, page_count(pages->block[area] + 2 * i + 1) == 1);
		}
	}
}

static int share(struct hostile *hostile, enum hostile_area area, u32 flags)
{
	struct hostile_pages *pages = &hostile->client.pages;

	lockdep_assert_held(&hostile->client.memory_lock);
	return vmb_channel_create_gpadl_from_buffer(hostile->channel, flags,
						    pages->buffer[area], AREA_BYTES,
						    &pages->handle[area]);
}

static void unshare(struct hostile *hostile, enum hostile_area area)
{
	struct hostile_pages *pages = &hostile->client.pages;

	lockdep_assert_held(&hostile->client.memory_lock);
	if (pages->handle[area])
		HOSTILE_CHECK(hostile, !vmb_channel_delete_gpadl(hostile->channel,
								 pages->handle[area]));
	pages->handle[area] = 0;
}

/* For the opened callback. 0 or an errno. */
int hostile_share_stable(struct hostile *hostile)
{
	struct hostile_client *client = &hostile->client;
	int ret;

	mutex_lock(&client->memory_lock);
	ret = share(hostile, HOSTILE_STABLE, 0) ?:
	      share(hostile, HOSTILE_READ_ONLY, VMB_CHANNEL_GPADL_FLAG_READ_ONLY) ?:
	      vmb_channel_register_transfer_page_set(hostile->channel, HOSTILE_SET,
						     client->pages.handle[HOSTILE_STABLE]);
	client->open = !ret;
	mutex_unlock(&client->memory_lock);
	return ret;
}

/* For the closed callback: all of it. */
void hostile_unshare(struct hostile *hostile)
{
	struct hostile_client *client = &hostile->client;
	u32 area;

	mutex_lock(&client->memory_lock);
	client->open = false;
	HOSTILE_CHECK(hostile, !vmb_channel_unregister_transfer_page_set(hostile->channel,
									 HOSTILE_SET));
	for (area = 0; area < HOSTILE_AREAS; area++)
		unshare(hostile, area);
	mutex_unlock(&client->memory_lock);
}

/* Shared, or taken back: then nothing of it changes any more until it is shared anew. */
static void turn_changing(struct hostile *hostile)
{
	struct hostile_client *client = &hostile->client;
	struct hostile_pages *pages = &client->pages;
	u8 *buffer = pages->buffer[HOSTILE_CHANGING];
	u32 i;
	int ret;

	mutex_lock(&client->memory_lock);
	if (!client->open) {
		/* The closed callback has taken it back, or does so with the lock. */
	} else if (pages->handle[HOSTILE_CHANGING]) {
		unshare(hostile, HOSTILE_CHANGING);
		memset(buffer, TAKEN_BACK, AREA_BYTES);
		client->taken_back = true;
	} else {
		for (i = 0; client->taken_back && i < HOSTILE_PAGES; i++)
			HOSTILE_CHECK(hostile, is_filled(buffer + i * PAGE_SIZE, TAKEN_BACK));
		client->taken_back = false;
		ret = share(hostile, HOSTILE_CHANGING, 0);
		HOSTILE_CHECK(hostile, !ret || ret == -ENODEV);
	}
	mutex_unlock(&client->memory_lock);
}

/* Waits for an answer, not for long; what there is room for is written, and no more. */
static void request(struct hostile *hostile)
{
	struct hostile_random *random = &hostile->client.sharer_random;
	u32 length = hostile_below(random, min(hostile->maximum, 64u) + 1);
	u32 flags = VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION;
	u8 payload[64], answer[40], *into = answer;
	struct bio_vec vectors[2];
	u32 size = 32, count = 0;
	int ret;

	ring_image_fill(payload, hostile_random(random), length);
	memset(answer, CANARY, sizeof(answer));
	if (hostile_chance(random, 3))
		count = hostile_vectors(hostile, random, vectors);
	else if (hostile_chance(random, 4))
		flags = 0;
	if (hostile_chance(random, 4))
		into = NULL;
	ret = vmb_channel_send_synchronous_request(hostile->channel, payload, length,
						   count ? vectors : NULL, count, flags, into,
						   into ? &size : NULL,
						   hostile_below(random, 4));
	HOSTILE_CHECK(hostile, !ret || ret == -EAGAIN || ret == -ETIMEDOUT || ret == -ENODEV ||
		      ret == -EOVERFLOW || ret == -EPROTO);
	HOSTILE_CHECK(hostile, !memchr_inv(answer + 32, CANARY, sizeof(answer) - 32));
}

int hostile_sharer_work(void *data)
{
	struct hostile *hostile = data;
	struct hostile_client *client = &hostile->client;
	struct hostile_random *random = &client->sharer_random;

	while (!kthread_should_stop()) {
		bool quiet = READ_ONCE(client->quiet);

		/* Pairs with who waits for it to be at nothing. */
		smp_store_release(&client->sharer_idle, quiet);
		switch (quiet ? 15 : hostile_below(random, 16)) {
		case 0:
		case 1:
		case 2:
		case 3:
			turn_changing(hostile);
			break;
		case 4:
		case 5:
		case 6:
			request(hostile);
			break;
		case 7:
			vmb_channel_set_transaction_quota(hostile->channel,
							  hostile_chance(random, 2) ? U32_MAX :
							  1 + hostile_below(random, 8));
			break;
		case 8:
			vmb_channel_set_incoming_processing_at_passive(hostile->channel,
								       hostile_below(random, 2));
			break;
		case 9:
			vmb_channel_set_allowable_dpc_cpu_usage(hostile->channel,
								hostile_chance(random, 2) ? 100 :
								1 + hostile_below(random, 50));
			break;
		default:
			usleep_range(20, 200);
			break;
		}
		cond_resched();
	}
	return 0;
}
