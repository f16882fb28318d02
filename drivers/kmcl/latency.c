// SPDX-License-Identifier: GPL-2.0
/*
 * Histograms of how long packets wait. A packet has the time at which it began to;
 * which may be one of a former time of counting, if that ended meanwhile, so what is
 * older than this one is not counted.
 */
#include <linux/kstrtox.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>

#include "channel.h"

DEFINE_STATIC_KEY_FALSE(vmb_latency_wanted);

/* When this time of counting began. */
static u64 vmb_latency_begun;

/* Callers take turns. */
void vmb_latency_want(bool wanted)
{
	/* Before the key is on, since a call that sees the key on reads this. */
	if (wanted && !static_key_enabled(&vmb_latency_wanted))
		/* On the kernel's command line it comes before there is a clock. */
		WRITE_ONCE(vmb_latency_begun, ktime_get_mono_fast_ns());
	if (wanted)
		static_branch_enable(&vmb_latency_wanted);
	else
		static_branch_disable(&vmb_latency_wanted);
}

static int vmb_latency_set(const char *value, const struct kernel_param *parameter)
{
	bool wanted;
	int ret;

	ret = kstrtobool(value, &wanted);
	if (ret)
		return ret;
	/* Parameters of a module are set one at a time. */
	vmb_latency_want(wanted);
	return 0;
}

static int vmb_latency_get(char *buffer, const struct kernel_param *parameter)
{
	return sysfs_emit(buffer, "%c\n",
			  static_key_enabled(&vmb_latency_wanted) ? 'Y' : 'N');
}

static const struct kernel_param_ops vmb_latency_ops = {
	.set = vmb_latency_set,
	.get = vmb_latency_get,
};
module_param_cb(latency, &vmb_latency_ops, NULL, 0644);
MODULE_PARM_DESC(latency, "Count how long packets wait; shown in debugfs (N)");

/* Which bucket counts a wait of so many nanoseconds. */
u32 vmb_latency_bucket(u64 nanoseconds)
{
	nanoseconds >>= VMB_LATENCY_SHIFT;
	if (!nanoseconds)
		return 0;
	return min_t(u32, ilog2(nanoseconds) + 1, VMB_LATENCY_BUCKETS - 1);
}

void vmb_latency_begin_slow(u64 *since)
{
	*since = ktime_get_ns();
}

void vmb_latency_end_slow(struct vmb_latency *latency, u64 *since)
{
	u64 begun = *since;
	u64 waited;

	*since = 0;
	if (begun < READ_ONCE(vmb_latency_begun) || !begun)
		return;
	waited = ktime_get_ns() - begun;
	atomic64_inc(&latency->buckets[vmb_latency_bucket(waited)]);
	atomic64_add(waited, &latency->sum);
}
