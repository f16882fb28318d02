/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The drivers of the module, which main.c registers.
 */
#ifndef VMB_BENCH_DRIVERS_H
#define VMB_BENCH_DRIVERS_H

#include <linux/hyperv.h>
#include <vmbkmcl.h>

/* hv_driver.remove returns an int before 6.3 (96ec2939620c), and nothing since. */
typedef typeof(((struct hv_driver *)0)->remove((struct hv_device *)0))
	driver_remove_result;

extern struct hv_driver echo_by_hand;
extern struct hv_driver requests_by_hand;
extern struct vmb_driver requests_driver;

#endif
