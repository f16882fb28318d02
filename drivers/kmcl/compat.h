/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All differences between the kernels we build for, and nothing else. What the
 * compiler can tell is asked of it: distributions backport, so a version number
 * says little.
 */
#ifndef VMB_COMPAT_H
#define VMB_COMPAT_H

#include <linux/uio.h>

#if IS_ENABLED(CONFIG_HYPERV)
#include <linux/hyperv.h>

/*
 * hv_driver.remove returns int before 6.3 (96ec2939620c) and nothing since.
 * The compiler knows; "return (vmb_hv_remove_result)0;" is right for both.
 */
typedef typeof(((struct hv_driver *)0)->remove((struct hv_device *)0))
	vmb_hv_remove_result;
#endif

/* Before 6.2: the same values under other names (de4eda9de2d9). */
#ifndef ITER_SOURCE
#define ITER_SOURCE	WRITE
#define ITER_DEST	READ
#endif

#endif
