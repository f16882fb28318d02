// SPDX-License-Identifier: GPL-2.0
/*
 * Loopback as a transport: it registers with the library like any other.
 */
#include "observe.h"
#include "loopback.h"

static struct vmb_transport vmb_loopback_transport = {
	.name = VMB_LOOPBACK_NAME,
	.owner = THIS_MODULE,
	.driver_register = vmb_loopback_driver_register,
	.driver_unregister = vmb_loopback_driver_unregister,
	.local_device = &vmb_loopback_root_device.transport,
	.server_operations = &vmb_loopback_server_operations,
};

int vmb_loopback_init(void)
{
	int ret;

	ret = vmb_loopback_bus_init();
	if (ret)
		return ret;
	ret = vmb_transport_register(&vmb_loopback_transport);
	if (ret)
		vmb_loopback_bus_exit();
	return ret;
}

void vmb_loopback_exit(void)
{
	vmb_transport_unregister(&vmb_loopback_transport);
	vmb_loopback_bus_exit();
}
