// SPDX-License-Identifier: GPL-2.0
/*
 * The drivers of the benchmark in the guest. None binds by itself.
 */
#include <linux/module.h>

#include "drivers.h"

static int __init bench_init(void)
{
	int ret;

	ret = vmbus_driver_register(&echo_by_hand);
	if (ret)
		return ret;
	ret = vmbus_driver_register(&requests_by_hand);
	if (ret)
		goto unregister_echo;
	ret = vmb_driver_register(&requests_driver);
	if (ret)
		goto unregister_requests;
	return 0;

unregister_requests:
	vmbus_driver_unregister(&requests_by_hand);
unregister_echo:
	vmbus_driver_unregister(&echo_by_hand);
	return ret;
}
module_init(bench_init);

static void __exit bench_exit(void)
{
	vmb_driver_unregister(&requests_driver);
	vmbus_driver_unregister(&requests_by_hand);
	vmbus_driver_unregister(&echo_by_hand);
}
module_exit(bench_exit);

MODULE_DESCRIPTION("Benchmark of VMBus clients in a guest");
MODULE_LICENSE("GPL");
MODULE_SOFTDEP("pre: vmbkmcl_hv");
