// SPDX-License-Identifier: GPL-2.0
/*
 * What a channel may be told before it is enabled, and what it refuses.
 */
#include <kunit/test.h>
#include <linux/string.h>

#include "../fixtures/channel_fixture.h"

/* Longest packet that VMBus can say, less its descriptor. */
#define LONGEST_PAYLOAD		(524280u - 16)

static void ignore_packet(struct vmb_channel *channel, void *context,
			  struct vmb_packet_completion *packet, void *buffer,
			  u32 length, u32 flags)
{
}

/* Every setter, with something that it accepts. */

static int set_packet_size(struct vmb_channel *channel)
{
	return vmb_channel_init_set_maximum_packet_size(channel, 64);
}

static int set_external_data(struct vmb_channel *channel)
{
	return vmb_channel_init_set_maximum_external_data(channel, 4096, 1);
}

static int set_context_size(struct vmb_channel *channel)
{
	return vmb_channel_init_set_client_context_size(channel, 8);
}

static int set_packet_callbacks(struct vmb_channel *channel)
{
	return vmb_channel_init_set_process_packet_callbacks(channel, NULL,
							     ignore_packet, NULL);
}

static int set_state_callbacks(struct vmb_channel *channel)
{
	struct vmb_channel_state_change_callbacks callbacks;

	vmb_channel_state_change_callbacks_init(&callbacks);
	return vmb_channel_init_set_state_change_callbacks(channel, &callbacks);
}

static int set_name(struct vmb_channel *channel)
{
	return vmb_channel_init_set_friendly_name(channel, "name");
}

static int set_raw_memory(struct vmb_channel *channel)
{
	return vmb_channel_init_set_raw_guest_memory(channel);
}

static int set_flags(struct vmb_channel *channel)
{
	return vmb_channel_init_set_flags(channel, VMB_CHANNEL_INIT_FLAG_IS_PIPE);
}

static int set_ring_pages(struct vmb_channel *channel)
{
	return vmb_client_channel_init_set_ring_buffer_page_count(channel, 8, 8);
}

static int set_target(struct vmb_channel *channel)
{
	const struct vmb_device *device = &channel->device->device;

	return vmb_client_channel_init_set_target_pnp(channel,
						      &device->interface_type,
						      NULL, NULL);
}

struct setter {
	const char *name;
	int (*set)(struct vmb_channel *channel);
};

static const struct setter setters[] = {
	{ "maximum_packet_size", set_packet_size },
	{ "maximum_external_data", set_external_data },
	{ "client_context_size", set_context_size },
	{ "process_packet_callbacks", set_packet_callbacks },
	{ "state_change_callbacks", set_state_callbacks },
	{ "friendly_name", set_name },
	{ "raw_guest_memory", set_raw_memory },
	{ "flags", set_flags },
	{ "ring_buffer_page_count", set_ring_pages },
	{ "target_pnp", set_target },
};

KUNIT_ARRAY_PARAM_DESC(setter, setters, name);

static void refused_while_enabled(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	const struct setter *setter = test->param_value;

	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, setter->set(fixture->channel), -EBUSY);
}

static void accepted_after_disable(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	const struct setter *setter = test->param_value;

	channel_enable(fixture);
	channel_disable(fixture);
	KUNIT_EXPECT_EQ(test, setter->set(fixture->channel), 0);
}

static void packet_size_zero(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_maximum_packet_size(fixture->channel, 0),
			-EINVAL);
}

static void packet_size_of_the_wire(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_maximum_packet_size(fixture->channel,
								       LONGEST_PAYLOAD), 0);
}

static void packet_size_beyond_the_wire(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_maximum_packet_size(fixture->channel,
								       LONGEST_PAYLOAD + 1),
			-EMSGSIZE);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_maximum_packet_size(fixture->channel,
								       U32_MAX), -EMSGSIZE);
}

static void external_data_of_no_bytes(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_maximum_external_data(fixture->channel, 0, 1),
			-EINVAL);
}

static void external_data_of_no_ranges(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_maximum_external_data(fixture->channel, 1, 0),
			-EINVAL);
}

/* 64 MiB are 16,385 pages at most: 131,096 bytes of list. */
static void external_data_whose_list_fits(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_maximum_external_data(fixture->channel,
									 SZ_64M, 1), 0);
}

/* 1 GiB is 262,144 pages at least: 2 MiB of list, where a packet has 512 KiB. */
static void external_data_whose_pages_do_not_fit(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_maximum_external_data(fixture->channel,
									 SZ_1G, 1), -EMSGSIZE);
}

/* A range takes 8 bytes of list and a page number takes 8. */
static void external_data_whose_ranges_do_not_fit(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_maximum_external_data(fixture->channel,
									 SZ_1M, 65536), -EMSGSIZE);
}

static void context_size_limit(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_client_context_size(fixture->channel, 65536), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_client_context_size(fixture->channel, 65537),
			-EINVAL);
}

static void no_process_packet(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test,
			vmb_channel_init_set_process_packet_callbacks(fixture->channel, NULL,
								      NULL, NULL), -EINVAL);
}

static void count_packet(struct vmb_channel *channel, void *context,
			 struct vmb_packet_completion *packet, void *buffer,
			 u32 length, u32 flags)
{
	u32 *count = context;

	++*count;
	vmb_channel_packet_complete(packet, NULL, 0);
}

static void last_registration_counts(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	u32 count = 0;

	KUNIT_ASSERT_EQ(test,
			vmb_channel_init_set_process_packet_callbacks(fixture->channel, &count,
								      count_packet, NULL), 0);
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	KUNIT_EXPECT_EQ(test, count, 1);
	KUNIT_EXPECT_EQ(test, fixture->packet_count, 0);
	/* Nobody but this function has the context. */
	channel_disable(fixture);
}

static void state_callbacks_of_another_version(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel_state_change_callbacks callbacks;

	vmb_channel_state_change_callbacks_init(&callbacks);
	callbacks.version++;
	KUNIT_EXPECT_EQ(test,
			vmb_channel_init_set_state_change_callbacks(fixture->channel,
								    &callbacks), -EINVAL);
}

static void state_callbacks_of_another_size(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel_state_change_callbacks callbacks;

	vmb_channel_state_change_callbacks_init(&callbacks);
	callbacks.size -= sizeof(void *);
	KUNIT_EXPECT_EQ(test,
			vmb_channel_init_set_state_change_callbacks(fixture->channel,
								    &callbacks), -EINVAL);
}

static void all_state_callbacks_are_optional(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	KUNIT_ASSERT_EQ(test, set_state_callbacks(fixture->channel), 0);
	fixture->process = channel_complete_inline;
	channel_enable(fixture);
	peer_send_inband(fixture, 1, 8);
	peer_expect_completion(fixture, 1, 0);
	channel_disable(fixture);
	KUNIT_EXPECT_EQ(test, fixture->transport.closes, 1);
}

static void name_that_cannot_be(struct kunit *test)
{
	static const char * const bad[] = { "", "a/b", "a\nb", "\x7f",
		"123456789012345678901234567890123456789012345678" };
	struct channel_fixture *fixture = test->priv;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ_MSG(test,
				    vmb_channel_init_set_friendly_name(fixture->channel, bad[i]),
				    -EINVAL, "name %u", i);
}

static void name_of_47_bytes(struct kunit *test)
{
	static const char name[] = "12345678901234567890123456789012345678901234567";
	struct channel_fixture *fixture = test->priv;

	KUNIT_ASSERT_EQ(test, strlen(name), 47);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_friendly_name(fixture->channel, name), 0);
	KUNIT_EXPECT_STREQ(test, fixture->channel->friendly_name, name);
}

static void second_name(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	KUNIT_ASSERT_EQ(test, set_name(fixture->channel), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_friendly_name(fixture->channel, "other"),
			-EEXIST);
	KUNIT_EXPECT_STREQ(test, fixture->channel->friendly_name, "name");
}

static void ring_page_limits(struct kunit *test)
{
	const u32 most = SZ_2M / PAGE_SIZE;
	struct vmb_channel *channel = ((struct channel_fixture *)test->priv)->channel;

	KUNIT_EXPECT_EQ(test, vmb_client_channel_init_set_ring_buffer_page_count
			(channel, 2, most), 0);
	KUNIT_EXPECT_EQ(test, vmb_client_channel_init_set_ring_buffer_page_count
			(channel, most, 2), 0);
	KUNIT_EXPECT_EQ(test, vmb_client_channel_init_set_ring_buffer_page_count
			(channel, 1, 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_client_channel_init_set_ring_buffer_page_count
			(channel, 2, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_client_channel_init_set_ring_buffer_page_count
			(channel, most + 1, 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_client_channel_init_set_ring_buffer_page_count
			(channel, 2, U32_MAX), -EINVAL);
}

static void raw_memory_in_an_isolated_vm(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	fixture->transport.device.isolated = true;
	KUNIT_EXPECT_EQ(test, set_raw_memory(fixture->channel), -EPERM);
}

/* The client brings the rings, and looks for the other end. */
static void server_has_nothing_of_a_client(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	const guid_t *type = &fixture->transport.device.device.interface_type;
	struct vmb_channel *channel;

	KUNIT_ASSERT_EQ(test, vmb_channel_allocate(NULL, true, &channel), 0);
	KUNIT_EXPECT_EQ(test, vmb_client_channel_init_set_ring_buffer_page_count(channel, 4, 4),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_client_channel_init_set_target_pnp(channel, type, NULL, NULL),
			-EINVAL);
	vmb_channel_cleanup(channel);
}

static void allocate_on_a_device_that_goes(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel *channel;

	vmb_channel_cleanup(fixture->channel);
	fixture->channel = NULL;
	vmb_transport_device_removing(&fixture->transport.device);
	KUNIT_EXPECT_EQ(test, vmb_channel_allocate(&fixture->transport.device.device,
						   false, &channel), -ENODEV);
}

/* A primary, and as many sub-channels as there are numbers: as if they were there. */
static void allocate_as_many_as_may_be(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_transport_device *device = &fixture->transport.device;
	struct vmb_channel *last, *channel = NULL;

	KUNIT_ASSERT_EQ(test, device->channel_count, 1);
	device->channel_count = 65535;
	KUNIT_ASSERT_EQ(test, vmb_channel_allocate(&device->device, false, &last), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_allocate(&device->device, false, &channel), -ENOSPC);
	KUNIT_EXPECT_NULL(test, channel);
	/* One that goes makes room for one. */
	vmb_channel_cleanup(last);
	KUNIT_EXPECT_EQ(test, device->channel_count, 65535);
	KUNIT_ASSERT_EQ(test, vmb_channel_allocate(&device->device, false, &last), 0);
	vmb_channel_cleanup(last);
	device->channel_count = 1;
}

static void allocate_a_second_channel(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_channel *channel;

	KUNIT_ASSERT_EQ(test, vmb_channel_allocate(&fixture->transport.device.device,
						   false, &channel), 0);
	vmb_channel_init_set_process_packet_callbacks(channel, NULL, ignore_packet, NULL);
	channel_enable(fixture);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(channel), -EEXIST);
	vmb_channel_cleanup(channel);
}

static void allocate_again_after_cleanup(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	vmb_channel_cleanup(fixture->channel);
	fixture->channel = NULL;
	KUNIT_EXPECT_EQ(test, vmb_channel_allocate(&fixture->transport.device.device,
						   false, &fixture->channel), 0);
}

static void pointer_is_kept(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;

	vmb_channel_set_pointer(fixture->channel, NULL);
	KUNIT_EXPECT_NULL(test, vmb_channel_get_pointer(fixture->channel));
	vmb_channel_set_pointer(fixture->channel, fixture);
	KUNIT_EXPECT_PTR_EQ(test, vmb_channel_get_pointer(fixture->channel), fixture);
}

static void instance_is_the_offers(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	guid_t instance;

	vmb_channel_get_interface_instance(fixture->channel, &instance);
	KUNIT_EXPECT_TRUE(test, guid_equal(&instance, &fixture->transport.device.device
							.interface_instance));
}

static void devices_of_a_channel(struct kunit *test)
{
	struct channel_fixture *fixture = test->priv;
	struct vmb_device *device = &fixture->transport.device.device;

	KUNIT_EXPECT_PTR_EQ(test, vmb_channel_get_target_device_object(fixture->channel), device);
	KUNIT_EXPECT_PTR_EQ(test, vmb_channel_get_parent_device_object(fixture->channel),
			    device->dev);
}

static struct kunit_case channel_config_cases[] = {
	KUNIT_CASE(devices_of_a_channel),
	KUNIT_CASE_PARAM(refused_while_enabled, setter_gen_params),
	KUNIT_CASE_PARAM(accepted_after_disable, setter_gen_params),
	KUNIT_CASE(packet_size_zero),
	KUNIT_CASE(packet_size_of_the_wire),
	KUNIT_CASE(packet_size_beyond_the_wire),
	KUNIT_CASE(external_data_of_no_bytes),
	KUNIT_CASE(external_data_of_no_ranges),
	KUNIT_CASE(external_data_whose_list_fits),
	KUNIT_CASE(external_data_whose_pages_do_not_fit),
	KUNIT_CASE(external_data_whose_ranges_do_not_fit),
	KUNIT_CASE(context_size_limit),
	KUNIT_CASE(no_process_packet),
	KUNIT_CASE(last_registration_counts),
	KUNIT_CASE(state_callbacks_of_another_version),
	KUNIT_CASE(state_callbacks_of_another_size),
	KUNIT_CASE(all_state_callbacks_are_optional),
	KUNIT_CASE(name_that_cannot_be),
	KUNIT_CASE(name_of_47_bytes),
	KUNIT_CASE(second_name),
	KUNIT_CASE(ring_page_limits),
	KUNIT_CASE(raw_memory_in_an_isolated_vm),
	KUNIT_CASE(server_has_nothing_of_a_client),
	KUNIT_CASE(allocate_on_a_device_that_goes),
	KUNIT_CASE(allocate_as_many_as_may_be),
	KUNIT_CASE(allocate_a_second_channel),
	KUNIT_CASE(allocate_again_after_cleanup),
	KUNIT_CASE(pointer_is_kept),
	KUNIT_CASE(instance_is_the_offers),
	{}
};

static struct kunit_suite channel_config_suite = {
	.name = "vmbkmcl_channel_config",
	.init = channel_fixture_init,
	.exit = channel_fixture_exit,
	.test_cases = channel_config_cases,
};

kunit_test_suite(channel_config_suite);
