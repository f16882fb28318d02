// SPDX-License-Identifier: GPL-2.0
/*
 * Memory for rings: what a VM with fragmented memory gets, and what is kept
 * while the device is there. A size that no VM can give stands for memory
 * that is not to be had.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/ratelimit.h>
#include <linux/string.h>
#include <trace/events/printk.h>

#include "../fixtures/hv_fixture.h"

/* What rings are made of: a control page and another one at least. */
#define PAGES(count)	((u32)((count) * PAGE_SIZE))
#define MINIMUM		PAGES(2)
/* The largest block there is, and twice that. */
#define LARGEST		((u32)(PAGE_SIZE << MAX_PAGE_ORDER))
#define TOO_LARGE	(2 * LARGEST)

static struct vmb_hv_channel channel_of(struct hv_fixture *fixture)
{
	return (struct vmb_hv_channel) { .device = &fixture->device };
}

static void test_as_wanted(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_hv_channel hv = channel_of(fixture);

	KUNIT_ASSERT_EQ(test, vmb_hv_rings_get(&hv, PAGES(16), PAGES(8), MINIMUM), 0);
	KUNIT_EXPECT_EQ(test, hv.rings->inbound_size, PAGES(16));
	KUNIT_EXPECT_EQ(test, hv.rings->outbound_size, PAGES(8));
	vmb_hv_rings_put(&hv);
}

/* Both halve until they fit. */
static void test_down_the_ladder(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_hv_channel hv = channel_of(fixture);

	KUNIT_ASSERT_EQ(test, vmb_hv_rings_get(&hv, TOO_LARGE, TOO_LARGE, MINIMUM), 0);
	KUNIT_EXPECT_EQ(test, hv.rings->inbound_size, hv.rings->outbound_size);
	/* Four times as much was wanted; the VM may have even less. */
	KUNIT_EXPECT_LE(test, hv.rings->inbound_size, LARGEST / 2);
	KUNIT_EXPECT_GE(test, hv.rings->inbound_size, MINIMUM);
	KUNIT_EXPECT_EQ(test, hv.rings->inbound_wanted, TOO_LARGE);
	vmb_hv_rings_put(&hv);
}

static void count_warning(void *count, const char *text, size_t length)
{
	if (strnstr(text, "instead of", length))
		atomic_inc(count);
}

/* And again only when it is tried again, not for each enable. */
static void test_said_once(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_hv_channel hv = channel_of(fixture);
	atomic_t warnings = ATOMIC_INIT(0);
	int i;

	KUNIT_ASSERT_EQ(test, register_trace_console(count_warning, &warnings), 0);
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, vmb_hv_rings_get(&hv, TOO_LARGE, TOO_LARGE, MINIMUM), 0);
		vmb_hv_rings_put(&hv);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&warnings), 1);
	KUNIT_EXPECT_EQ(test, vmb_hv_rings_get(&hv, PAGES(16), PAGES(16), MINIMUM), 0);
	vmb_hv_rings_put(&hv);
	KUNIT_EXPECT_EQ(test, atomic_read(&warnings), 1);
	unregister_trace_console(count_warning, &warnings);
	tracepoint_synchronize_unregister();
}

static void test_not_below_the_minimum(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_hv_channel hv = channel_of(fixture);

	KUNIT_EXPECT_EQ(test, vmb_hv_rings_get(&hv, TOO_LARGE, TOO_LARGE, LARGEST),
			-ENOMEM);
	KUNIT_EXPECT_TRUE(test, list_empty(&fixture->device.kept));
	/* Only one of them can give way. */
	KUNIT_ASSERT_EQ(test, vmb_hv_rings_get(&hv, TOO_LARGE, MINIMUM, MINIMUM), 0);
	KUNIT_EXPECT_EQ(test, hv.rings->outbound_size, MINIMUM);
	vmb_hv_rings_put(&hv);
}

/* So large a block may not be found again. */
static void test_kept(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_hv_channel first = channel_of(fixture), second = channel_of(fixture);
	struct vmb_hv_rings *rings;
	struct page *page;

	KUNIT_ASSERT_EQ(test, vmb_hv_rings_get(&first, TOO_LARGE, TOO_LARGE, MINIMUM), 0);
	page = first.rings->pages;
	get_page(page);
	vmb_hv_rings_put(&first);
	KUNIT_EXPECT_EQ(test, page_count(page), 2);
	/* What it needs has grown. */
	KUNIT_ASSERT_EQ(test, vmb_hv_rings_get(&second, PAGES(16), PAGES(16), MINIMUM), 0);
	KUNIT_EXPECT_EQ(test, second.rings->inbound_size, PAGES(16));
	/* For the sake of the new size the old one was given back. */
	KUNIT_EXPECT_TRUE(test, list_empty(&fixture->device.kept));
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	put_page(page);
	rings = second.rings;
	vmb_hv_rings_put(&second);
	KUNIT_ASSERT_EQ(test, vmb_hv_rings_get(&first, PAGES(16), PAGES(16), MINIMUM), 0);
	KUNIT_EXPECT_PTR_EQ(test, first.rings, rings);
	vmb_hv_rings_put(&first);
}

/* Of several channels each finds its own. */
static void test_kept_for_several(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_hv_channel large = channel_of(fixture), small = channel_of(fixture);
	struct vmb_hv_rings *large_rings, *small_rings;

	KUNIT_ASSERT_EQ(test, vmb_hv_rings_get(&large, PAGES(16), PAGES(16), MINIMUM), 0);
	KUNIT_ASSERT_EQ(test, vmb_hv_rings_get(&small, PAGES(4), PAGES(4), MINIMUM), 0);
	large_rings = large.rings;
	small_rings = small.rings;
	vmb_hv_rings_put(&small);
	vmb_hv_rings_put(&large);
	KUNIT_ASSERT_EQ(test, vmb_hv_rings_get(&small, PAGES(4), PAGES(4), MINIMUM), 0);
	KUNIT_ASSERT_EQ(test, vmb_hv_rings_get(&large, PAGES(16), PAGES(16), MINIMUM), 0);
	KUNIT_EXPECT_PTR_EQ(test, small.rings, small_rings);
	KUNIT_EXPECT_PTR_EQ(test, large.rings, large_rings);
	vmb_hv_rings_put(&small);
	vmb_hv_rings_put(&large);
}

/* The host may still write there: nobody gets it. */
static void count_leak(void *count, const char *text, size_t length)
{
	char line[64];

	scnprintf(line, sizeof(line), "rings of %u KiB stay with the host", PAGES(32) / 1024);
	if (strnstr(text, line, length))
		atomic_inc(count);
}

/* Leaks rings once. Returns how many lines say so. */
static int leak_rings(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_hv_channel hv = channel_of(fixture);
	atomic_t said = ATOMIC_INIT(0);
	unsigned int order;
	struct page *pages;

	KUNIT_ASSERT_EQ(test, vmb_hv_rings_get(&hv, PAGES(16), PAGES(16), MINIMUM), 0);
	pages = hv.rings->pages;
	order = hv.rings->order;
	hv.leaked = true;
	KUNIT_ASSERT_EQ(test, register_trace_console(count_leak, &said), 0);
	vmb_hv_rings_put(&hv);
	unregister_trace_console(count_leak, &said);
	tracepoint_synchronize_unregister();
	KUNIT_EXPECT_TRUE(test, list_empty(&fixture->device.kept));
	KUNIT_EXPECT_EQ(test, page_count(pages), 1);
	__free_pages(pages, order);
	return atomic_read(&said);
}

static void test_leaked(struct kunit *test)
{
	unsigned long deadline = jiffies + 4 * DEFAULT_RATELIMIT_INTERVAL;
	int said = leak_rings(test);

	/* Another case may have used up what is logged of it at a time. */
	while (!said && time_before(jiffies, deadline)) {
		msleep(100);
		said = leak_rings(test);
	}
	KUNIT_EXPECT_EQ(test, said, 1);
}

/* Nor the channel itself, when it is opened again after the VM was to hibernate. */
static void test_leaked_and_opened_again(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_hv_channel hv = channel_of(fixture);
	unsigned int order;
	struct page *pages;

	KUNIT_ASSERT_EQ(test, vmb_hv_rings_get(&hv, PAGES(16), PAGES(8), MINIMUM), 0);
	pages = hv.rings->pages;
	order = hv.rings->order;
	KUNIT_EXPECT_EQ(test, vmb_hv_rings_renew(&hv), 0);
	KUNIT_EXPECT_PTR_EQ(test, hv.rings->pages, pages);
	hv.leaked = true;
	KUNIT_EXPECT_EQ(test, vmb_hv_rings_renew(&hv), 0);
	KUNIT_EXPECT_FALSE(test, hv.leaked);
	KUNIT_EXPECT_PTR_NE(test, hv.rings->pages, pages);
	KUNIT_EXPECT_EQ(test, page_count(pages), 1);
	KUNIT_EXPECT_EQ(test, hv.rings->inbound_size, PAGES(16));
	KUNIT_EXPECT_EQ(test, hv.rings->outbound_size, PAGES(8));
	vmb_hv_rings_put(&hv);
	/* They are as good as any from then on. */
	KUNIT_EXPECT_FALSE(test, list_empty(&fixture->device.kept));
	__free_pages(pages, order);
}

static void test_leaked_and_no_memory(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct vmb_hv_channel hv = channel_of(fixture);
	struct vmb_hv_rings *rings;
	unsigned int order;
	struct page *pages;

	KUNIT_ASSERT_EQ(test, vmb_hv_rings_get(&hv, PAGES(16), PAGES(16), MINIMUM), 0);
	rings = hv.rings;
	pages = rings->pages;
	order = rings->order;
	rings->inbound_size = LARGEST;
	rings->outbound_size = LARGEST;
	rings->inbound_wanted = LARGEST;
	rings->outbound_wanted = LARGEST;
	hv.leaked = true;
	KUNIT_EXPECT_EQ(test, vmb_hv_rings_renew(&hv), -ENOMEM);
	KUNIT_EXPECT_TRUE(test, hv.leaked);
	KUNIT_EXPECT_PTR_EQ(test, hv.rings, rings);
	vmb_hv_rings_put(&hv);
	KUNIT_EXPECT_TRUE(test, list_empty(&fixture->device.kept));
	__free_pages(pages, order);
}

static struct kunit_case hv_rings_cases[] = {
	KUNIT_CASE(test_as_wanted),
	KUNIT_CASE(test_down_the_ladder),
	KUNIT_CASE(test_said_once),
	KUNIT_CASE(test_not_below_the_minimum),
	KUNIT_CASE(test_kept),
	KUNIT_CASE(test_kept_for_several),
	KUNIT_CASE(test_leaked),
	KUNIT_CASE(test_leaked_and_opened_again),
	KUNIT_CASE(test_leaked_and_no_memory),
	{}
};

static struct kunit_suite hv_rings_suite = {
	.name = "vmbkmcl_hv_rings",
	.init = hv_fixture_init,
	.exit = hv_fixture_exit,
	.test_cases = hv_rings_cases,
};

kunit_test_suite(hv_rings_suite);
