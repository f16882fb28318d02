// SPDX-License-Identifier: GPL-2.0
/*
 * What a channel is called: in traces and debugfs, in the log, in sysfs; and that
 * no two channels are called the same.
 */
#include <kunit/test.h>
#include <linux/dcache.h>

#include "../../drivers/kmcl/observe.h"
#include "../fixtures/channel_fixture.h"

#define OTHERS	3u

/**
 * struct names - more channels of the fixture's device
 * @others: they; NULL: not allocated, or cleaned up.
 */
struct names {
	struct vmb_channel *others[OTHERS];
};

static struct names *names_of(struct channel_fixture *fixture)
{
	return fixture->private;
}

static int names_init(struct kunit *test)
{
	int ret = channel_fixture_init(test);
	struct channel_fixture *fixture = test->priv;
	u32 i;

	if (ret)
		return ret;
	fixture->private = kunit_kzalloc(test, sizeof(struct names), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fixture->private);
	for (i = 0; i < OTHERS && !ret; i++)
		ret = vmb_channel_allocate(&fixture->transport.device.device, false,
					   &names_of(fixture)->others[i]);
	return ret;
}

static void names_exit(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 i;

	for (i = 0; fixture && fixture->private && i < OTHERS; i++)
		if (names_of(fixture)->others[i])
			vmb_channel_cleanup(names_of(fixture)->others[i]);
	channel_fixture_exit(test);
}

/* The device, and what stands behind "vmbkmcl" in the directory's name. */
static void expect_named(struct channel_fixture *fixture,
			 const struct vmb_channel *channel, const char *number)
{
	struct kunit *test = fixture->test;
	char expected[80];

	snprintf(expected, sizeof(expected), "%s%s",
		 dev_name(fixture->transport.parent), number);
	KUNIT_EXPECT_STREQ(test, channel->name, expected);
	snprintf(expected, sizeof(expected), "vmbkmcl%s", number);
	KUNIT_EXPECT_STREQ(test, kobject_name(&channel->kobject), expected);
	KUNIT_EXPECT_STREQ(test, vmb_channel_label(channel), expected);
}

static void each_has_its_own(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct names *names = names_of(fixture);

	expect_named(fixture, fixture->channel, "");
	expect_named(fixture, names->others[0], ".1");
	expect_named(fixture, names->others[1], ".2");
	expect_named(fixture, names->others[2], ".3");
}

static void kept_when_another_goes(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct names *names = names_of(fixture);

	vmb_channel_cleanup(names->others[0]);
	names->others[0] = NULL;
	KUNIT_ASSERT_EQ(test, vmb_channel_allocate(&fixture->transport.device.device,
						   false, &names->others[0]), 0);
	expect_named(fixture, names->others[1], ".2");
	/* And a number is not used again: a trace may have both in it. */
	expect_named(fixture, names->others[0], ".4");
}

static void debugfs_has_the_same(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel *other = names_of(fixture)->others[1];

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, fixture->channel->debugfs);
	KUNIT_EXPECT_STREQ(test, (const char *)fixture->channel->debugfs->d_name.name,
			   fixture->channel->name);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, other->debugfs);
	KUNIT_EXPECT_STREQ(test, (const char *)other->debugfs->d_name.name,
			   other->name);
}

/* Two of them may be called the same by their clients. */
static void friendly_name_stands_behind(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel *other = names_of(fixture)->others[0];
	char before[VMB_CHANNEL_NAME_SIZE];

	strscpy(before, other->name, sizeof(before));
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_friendly_name(fixture->channel, "disk"), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_init_set_friendly_name(other, "disk"), 0);
	KUNIT_EXPECT_STREQ(test, other->name, before);
	KUNIT_EXPECT_STREQ(test, vmb_channel_label(fixture->channel), "vmbkmcl (disk)");
	KUNIT_EXPECT_STREQ(test, vmb_channel_label(other), "vmbkmcl.1 (disk)");
}

/* Everything is there to its last letter. */
static void the_longest(struct kunit *test)
{
	static const char device[] = "7b2e94d1-3c0f-4e86-8a51-0c9d62f31728";
	static const char name[] = "12345678901234567890123456789012345678901234567";
	struct vmb_channel *channel, *first;
	struct memory_transport *transport;

	transport = kunit_kzalloc(test, sizeof(*transport), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, transport);
	KUNIT_ASSERT_EQ(test, memory_transport_init(transport, device), 0);
	KUNIT_ASSERT_EQ(test, vmb_channel_allocate(&transport->device.device, false,
						   &first), 0);
	transport->device.channel_number = U32_MAX - 1;
	KUNIT_ASSERT_EQ(test, vmb_channel_allocate(&transport->device.device, false,
						   &channel), 0);
	KUNIT_EXPECT_STREQ(test, channel->name,
			   "7b2e94d1-3c0f-4e86-8a51-0c9d62f31728.4294967295");
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_friendly_name(channel, name), 0);
	KUNIT_EXPECT_STREQ(test, vmb_channel_label(channel),
			   "vmbkmcl.4294967295 (12345678901234567890123456789012345678901234567)");
	vmb_channel_cleanup(channel);
	vmb_channel_cleanup(first);
	memory_transport_exit(transport);
}

static struct kunit_case names_cases[] = {
	KUNIT_CASE(each_has_its_own),
	KUNIT_CASE(kept_when_another_goes),
	KUNIT_CASE(debugfs_has_the_same),
	KUNIT_CASE(friendly_name_stands_behind),
	KUNIT_CASE(the_longest),
	{}
};

static struct kunit_suite names_suite = {
	.name = "vmbkmcl_names",
	.init = names_init,
	.exit = names_exit,
	.test_cases = names_cases,
};

kunit_test_suite(names_suite);
