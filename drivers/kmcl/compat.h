/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All differences between the kernels we build for, and nothing else. What the
 * compiler can tell is asked of it: distributions backport, so a version number
 * says little.
 */
#ifndef VMB_COMPAT_H
#define VMB_COMPAT_H

#include <linux/device.h>
#include <linux/hrtimer.h>
#include <linux/mmzone.h>
#include <linux/uio.h>
#include <linux/workqueue.h>

/*
 * No page of memory has a number beyond this. Where memory is not in sections, the
 * kernel knows how many there are, and pfn_to_online_page() asks.
 */
#ifdef CONFIG_SPARSEMEM
#define VMB_FRAMES	((unsigned long)NR_MEM_SECTIONS << PFN_SECTION_SHIFT)
#else
#define VMB_FRAMES	((unsigned long)LONG_MAX)
#endif

#if IS_ENABLED(CONFIG_HYPERV)
#include <linux/hyperv.h>

/*
 * hv_driver.remove returns int before 6.3 (96ec2939620c) and nothing since.
 * The compiler knows; "return (vmb_hv_remove_result)0;" is right for both.
 */
typedef typeof(((struct hv_driver *)0)->remove((struct hv_device *)0))
	vmb_hv_remove_result;

/*
 * A channel of the paravisor's, with rings that stay encrypted, or GPADLs and external
 * data that do: from 6.19 on (6802d8af47d1), or wherever that was backported to. Kernels
 * without it are offered none.
 */
static inline bool vmb_hv_ring_is_confidential(const struct vmbus_channel *channel)
{
#ifdef VMBUS_CHANNEL_CONFIDENTIAL_RING_BUFFER
	return channel->co_ring_buffer;
#else
	return false;
#endif
}

static inline bool vmb_hv_external_is_confidential(const struct vmbus_channel *channel)
{
#ifdef VMBUS_CHANNEL_CONFIDENTIAL_RING_BUFFER
	return channel->co_external_memory;
#else
	return false;
#endif
}
#endif

/* The first type where the condition holds, else the second. */
#define VMB_TYPE_IF(condition, first, second) \
	typeof(*__builtin_choose_expr(condition, (typeof(first) *)0, \
				      (typeof(second) *)0))
/* Is it of this type, but for a const of its own? */
#define VMB_IS(expression, type) \
	__builtin_types_compatible_p(typeof(expression), type)

/*
 * What a bus is asked with became const: uevent's device in 6.3 (2a81ada32f0e),
 * match's driver in 6.11 (d69d80484598); and the bus itself.
 */
typedef typeof(*((struct device *)0)->bus) vmb_bus_type;
typedef VMB_TYPE_IF(VMB_IS(((vmb_bus_type *)0)->uevent,
			   int (*)(const struct device *,
				   struct kobj_uevent_env *)),
		    const struct device, struct device) vmb_bus_uevent_device;
typedef VMB_TYPE_IF(VMB_IS(((vmb_bus_type *)0)->match,
			   int (*)(struct device *, const struct device_driver *)),
		    const struct device_driver, struct device_driver)
	vmb_bus_match_driver;

/*
 * From 6.17 on, or wherever that was backported to, a queue says that it is not
 * unbound, and the one for all that is unbound has another name. Kbuild looks.
 */
#ifndef VMB_HAVE_WQ_PERCPU
#define WQ_PERCPU	0
#endif
#ifndef VMB_HAVE_SYSTEM_DFL_WQ
#define system_dfl_wq	system_unbound_wq
#endif

/* Since 7.0 or so a counter of each node, as others are. Kbuild looks. */
#ifndef VMB_HAVE_VMALLOC_NR_PAGES
#define vmalloc_nr_pages()	global_node_page_state(NR_VMALLOC)
#endif

/* Before 6.13, or where that was not backported to: in two steps. Kbuild looks. */
#ifndef VMB_HAVE_HRTIMER_SETUP
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

/* Before 6.2: the same values under other names (de4eda9de2d9). */
#ifndef ITER_SOURCE
#define ITER_SOURCE	WRITE
#define ITER_DEST	READ
#endif

#endif
