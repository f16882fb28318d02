// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that a host's offer reserves. Without a host hv_vmbus has none to give: what
 * it would have given is taken from the kernel here.
 */
#include <linux/ioport.h>
#include <linux/sizes.h>

#include "../fixtures/hv_fixture.h"

/* Where no memory is, nor any device. */
#define SOMEWHERE	0xfd00000000ull

static void test_none_is_offered(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	u64 address, size;

	KUNIT_EXPECT_EQ(test, vmb_hv_mmio_get(&fixture->device, &address, &size), -ENOENT);
	KUNIT_EXPECT_NULL(test, fixture->device.mmio);
}

/* hv_vmbus is asked, and has nothing: so each call asks again. */
static void test_none_is_to_be_had(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	u64 address, size;

	fixture->primary.offermsg.offer.mmio_megabytes = 8;
	KUNIT_EXPECT_EQ(test, vmb_hv_mmio_get(&fixture->device, &address, &size), -ENXIO);
	KUNIT_EXPECT_EQ(test, vmb_hv_mmio_get(&fixture->device, &address, &size), -ENXIO);
	KUNIT_EXPECT_NULL(test, fixture->device.mmio);
}

/* Taken once, the same for each call, and given back with the device. */
static void test_is_the_devices(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	struct resource *taken;
	u64 address, size;
	u32 i;

	taken = request_mem_region(SOMEWHERE, SZ_8M, "vmbkmcl_hv_test");
	KUNIT_ASSERT_NOT_NULL(test, taken);
	fixture->primary.offermsg.offer.mmio_megabytes = 8;
	fixture->device.mmio = taken;
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, vmb_hv_mmio_get(&fixture->device, &address, &size), 0);
		KUNIT_EXPECT_EQ(test, address, SOMEWHERE);
		KUNIT_EXPECT_EQ(test, size, SZ_8M);
	}
	vmb_hv_mmio_free(&fixture->device);
	KUNIT_EXPECT_NULL(test, fixture->device.mmio);
	/* It is free for others, and nothing is given back twice. */
	taken = request_mem_region(SOMEWHERE, SZ_8M, "vmbkmcl_hv_test");
	KUNIT_EXPECT_NOT_NULL(test, taken);
	vmb_hv_mmio_free(&fixture->device);
	KUNIT_EXPECT_NULL(test, request_mem_region(SOMEWHERE, SZ_8M, "vmbkmcl_hv_test"));
	release_mem_region(SOMEWHERE, SZ_8M);
}

static struct kunit_case hv_mmio_cases[] = {
	KUNIT_CASE(test_none_is_offered),
	KUNIT_CASE(test_none_is_to_be_had),
	KUNIT_CASE(test_is_the_devices),
	{}
};

static struct kunit_suite hv_mmio_suite = {
	.name = "vmbkmcl_hv_mmio",
	.init = hv_fixture_init,
	.exit = hv_fixture_exit,
	.test_cases = hv_mmio_cases,
};

kunit_test_suite(hv_mmio_suite);
