/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What user space sees of a channel.
 */
#ifndef VMB_OBSERVE_H
#define VMB_OBSERVE_H

#include "life.h"

/* observe.c */
extern const struct sysfs_ops vmb_observe_sysfs_ops;
extern const struct attribute_group *vmb_observe_groups[];
void vmb_observe_init(void);
void vmb_observe_exit(void);
void vmb_observe_add(struct vmb_channel *channel);
void vmb_observe_remove(struct vmb_channel *channel);

#endif
