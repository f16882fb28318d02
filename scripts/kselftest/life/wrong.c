// SPDX-License-Identifier: GPL-2.0
/*
 * What must not be, counted and logged.
 */
#include <linux/device.h>

#include "storm.h"

void storm_wrong(struct storm *storm, const char *what, s64 value)
{
	atomic64_inc(&storm->count.wrong);
	dev_err_ratelimited(storm->device->dev, "storm: wrong: %s (%lld)\n", what, value);
}
