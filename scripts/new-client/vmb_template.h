/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the client makes of a request. There is no channel in here, so that
 * vmb_template_test.c can ask it anything.
 */
#ifndef VMB_TEMPLATE_H
#define VMB_TEMPLATE_H

#include <linux/build_bug.h>
#include <linux/errno.h>

#include "vmb_template_protocol.h"

static_assert(sizeof(struct vmb_template_request) == 16);
static_assert(sizeof(struct vmb_template_answer) == 16);

/*
 * buffer is a private copy of the payload, so what is checked stays as it is. Not one
 * word of it is to be believed, nor its length.
 */
static inline struct vmb_template_answer vmb_template_answer(const void *buffer,
							     u32 length)
{
	const struct vmb_template_request *request = buffer;
	int status = 0;

	if (length < sizeof(*request) || request->reserved)
		status = EINVAL;
	else if (request->command != cpu_to_le32(VMB_TEMPLATE_INVERT))
		status = EOPNOTSUPP;
	return (struct vmb_template_answer) {
		.status = cpu_to_le32(status),
		.value = status ? 0 : ~request->value,
	};
}

#endif
