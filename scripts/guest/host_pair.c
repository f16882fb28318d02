// SPDX-License-Identifier: GPL-2.0
/*
 * Two devices of one type and of two instances, for a client that opens channels of
 * both. Each is the echo client's host in every other respect; a client of this type
 * sends back what it gets, so modes=mirror-endless and mirror-rescind are for it.
 */
#include "host_device.h"
#include "qemu/module.h"

static void pair_class_init(ObjectClass *klass, void *instance)
{
	static const uint32_t class_fields[] = {
		0xc2f4d9a8, 0x5e71, 0x4b3a, 0x8d, 0x06, 0x71, 0xe9, 0x3c, 0xb8, 0x24, 0x5f
	};
	VMBusDeviceClass *vdc = VMBUS_DEVICE_CLASS(klass);

	host_set_uuid(&vdc->classid, class_fields);
	host_set_uuid(&vdc->instanceid, instance);
}

static const uint32_t first_fields[] = {
	0xa94b15d3, 0x70fe, 0x4c28, 0x96, 0xe1, 0x5a, 0x02, 0xd7, 0x3b, 0x8c, 0x64
};

static const uint32_t second_fields[] = {
	0x1d7e60b4, 0x92ac, 0x4f5d, 0xb7, 0x18, 0x46, 0xd3, 0x0a, 0x8f, 0xe5, 0x02
};

static const TypeInfo pair_types[] = {
	{
		.name = "vmb-pair-host-first",
		.parent = TYPE_ECHO_HOST,
		.class_init = pair_class_init,
		.class_data = (void *)first_fields,
	},
	{
		.name = "vmb-pair-host-second",
		.parent = TYPE_ECHO_HOST,
		.class_init = pair_class_init,
		.class_data = (void *)second_fields,
	},
};

static void pair_register(void)
{
	type_register_static_array(pair_types, ARRAY_SIZE(pair_types));
}

/* The object is preloaded: QEMU runs this list of functions in its main(). */
static void __attribute__((constructor)) pair_load(void)
{
	register_module_init(pair_register, MODULE_INIT_QOM);
}
