// SPDX-License-Identifier: GPL-2.0
/*
 * vmbkmcl.ko: everything but the transport to a hypervisor; loads on any Linux.
 */
#include <linux/module.h>

#include "observe.h"
#include "loopback.h"

#define CREATE_TRACE_POINTS
#include <trace/events/vmbkmcl.h>

static int __init vmb_init(void)
{
	int ret;

	vmb_workqueue = alloc_workqueue("vmbkmcl", WQ_UNBOUND, 0);
	if (!vmb_workqueue)
		return -ENOMEM;
	ret = vmb_raw_pages_init();
	if (ret)
		goto destroy_workqueue;
	vmb_observe_init();
	ret = vmb_loopback_init();
	if (ret)
		goto exit_observe;
	return 0;

exit_observe:
	vmb_observe_exit();
	vmb_raw_pages_exit();
destroy_workqueue:
	destroy_workqueue(vmb_workqueue);
	return ret;
}

static void __exit vmb_exit(void)
{
	vmb_loopback_exit();
	vmb_observe_exit();
	/* Waits for channels that are being freed, and offers with them. */
	destroy_workqueue(vmb_workqueue);
	vmb_raw_pages_exit();
}

/* As a subsystem, so that built-in clients and transports come after. */
subsys_initcall(vmb_init);
module_exit(vmb_exit);

MODULE_DESCRIPTION("VMBus Kernel Mode Client Library");
MODULE_VERSION(VMB_VERSION);
MODULE_LICENSE("GPL");
