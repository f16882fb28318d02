// SPDX-License-Identifier: GPL-2.0
/*
 * Names of the reasons for which something from the peer is refused.
 */
#include <linux/build_bug.h>
#include <linux/kernel.h>

#include "refusal.h"

static const char * const vmb_refusal_names[] = {
	[VMB_REFUSAL_NONE] = "none",
	[VMB_REFUSAL_INDEX_RANGE] = "index_range",
	[VMB_REFUSAL_INDEX_ALIGNMENT] = "index_alignment",
	[VMB_REFUSAL_INDEX_BACKWARDS] = "index_backwards",
	[VMB_REFUSAL_INDEX_OURS_CHANGED] = "index_ours_changed",
	[VMB_REFUSAL_LENGTH_BELOW_HEADER] = "length_below_header",
	[VMB_REFUSAL_LENGTH_BEYOND_AVAILABLE] = "length_beyond_available",
	[VMB_REFUSAL_OFFSET_BELOW_HEADER] = "offset_below_header",
	[VMB_REFUSAL_OFFSET_BEYOND_LENGTH] = "offset_beyond_length",
	[VMB_REFUSAL_TYPE_UNKNOWN] = "type_unknown",
	[VMB_REFUSAL_FLAGS_UNKNOWN] = "flags_unknown",
	[VMB_REFUSAL_PACKET_TOO_LARGE] = "packet_too_large",
	[VMB_REFUSAL_RANGES_TRUNCATED] = "ranges_truncated",
	[VMB_REFUSAL_RANGES_NONE] = "ranges_none",
	[VMB_REFUSAL_RANGES_TOO_MANY] = "ranges_too_many",
	[VMB_REFUSAL_RANGES_TOO_LONG] = "ranges_too_long",
	[VMB_REFUSAL_RANGES_TRAILING] = "ranges_trailing",
	[VMB_REFUSAL_RANGE_EMPTY] = "range_empty",
	[VMB_REFUSAL_RANGE_OFFSET] = "range_offset",
	[VMB_REFUSAL_PAGE_NOT_SHARED] = "page_not_shared",
	[VMB_REFUSAL_TRANSFER_SET_UNKNOWN] = "transfer_set_unknown",
	[VMB_REFUSAL_TRANSFER_RANGE_BEYOND_SET] = "transfer_range_beyond_set",
	[VMB_REFUSAL_COMPLETION_UNEXPECTED] = "completion_unexpected",
	[VMB_REFUSAL_PIPE_HEADER] = "pipe_header",
};

static_assert(ARRAY_SIZE(vmb_refusal_names) == VMB_REFUSAL_COUNT);

/**
 * vmb_refusal_name() - a refusal's name, as it stands in sysfs and in traces
 * @refusal: any value, also one that is no refusal.
 *
 * Context: Any.
 * Return: The name, which lives for ever; "unknown" for a value out of range.
 */
const char *vmb_refusal_name(enum vmb_refusal refusal)
{
	if ((u32)refusal >= ARRAY_SIZE(vmb_refusal_names))
		return "unknown";
	return vmb_refusal_names[refusal];
}
