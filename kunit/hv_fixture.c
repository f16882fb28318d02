// SPDX-License-Identifier: GPL-2.0
/*
 * A device of the hv transport without a host. See hv_fixture.h.
 */
#include <linux/err.h>
#include <linux/interrupt.h>
#include <linux/rcupdate.h>

#include "hv_fixture.h"

static void hv_offered_release(struct kobject *kobject)
{
	container_of(kobject, struct hv_offered, channel.kobj)->released++;
}

static const struct kobj_type hv_offered_type = {
	.release = hv_offered_release,
};

static void hv_tasklet(unsigned long data)
{
}

static void hv_offered_init(struct hv_fixture *fixture, u32 i)
{
	struct vmbus_channel *channel = &fixture->offered[i].channel;

	kobject_init(&channel->kobj, &hv_offered_type);
	init_completion(&channel->rescind_event);
	spin_lock_init(&channel->sched_lock);
	mutex_init(&channel->inbound.ring_buffer_mutex);
	mutex_init(&channel->outbound.ring_buffer_mutex);
	tasklet_init(&channel->callback_event, hv_tasklet, 0);
	channel->primary_channel = &fixture->primary;
	channel->offermsg.offer.sub_channel_index = i + 1;
}

int hv_fixture_init(struct kunit *test)
{
	struct hv_fixture *fixture;
	u32 i;

	fixture = kunit_kzalloc(test, sizeof(*fixture), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fixture);
	fixture->parent = root_device_register("vmbkmcl_hv_test");
	KUNIT_ASSERT_FALSE(test, IS_ERR(fixture->parent));
	test->priv = fixture;
	/* Only to be logged with. */
	device_initialize(&fixture->hv.device);
	fixture->hv.device.init_name = "hv_test";
	fixture->hv.channel = &fixture->primary;
	fixture->primary.device_obj = &fixture->hv;
	fixture->device.hv = &fixture->hv;
	mutex_init(&fixture->device.gpadl_lock);
	mutex_init(&fixture->device.kept_lock);
	INIT_LIST_HEAD(&fixture->device.kept);
	vmb_transport_device_init(&fixture->device.transport, fixture->parent,
				  &guid_null, &guid_null, &vmb_hv_channel_operations);
	vmb_hv_sub_device_add(&fixture->device);
	for (i = 0; i < HV_OFFERS; i++)
		hv_offered_init(fixture, i);
	return 0;
}

/* hv_vmbus's own references go last: nobody else has one then. */
void hv_fixture_exit(struct kunit *test)
{
	struct hv_fixture *fixture = test->priv;
	u32 i;

	if (!fixture)
		return;
	vmb_transport_device_release(&fixture->device.transport);
	vmb_hv_sub_device_remove(&fixture->device);
	vmb_hv_rings_free_kept(&fixture->device);
	root_device_unregister(fixture->parent);
	for (i = 0; i < HV_OFFERS; i++) {
		if (!fixture->offered[i].channel.rescind) {
			KUNIT_EXPECT_EQ(test, fixture->offered[i].released, 0);
			kobject_put(&fixture->offered[i].channel.kobj);
		}
		KUNIT_EXPECT_EQ(test, fixture->offered[i].released, 1);
	}
	/* What was freed behind readers is freed before its fixture. */
	rcu_barrier();
}

/* As hv_vmbus does with one that is not open: it drops it. */
void hv_rescind(struct hv_fixture *fixture, u32 i)
{
	struct vmbus_channel *channel = &fixture->offered[i].channel;

	WRITE_ONCE(channel->rescind, true);
	kobject_put(&channel->kobj);
}
