/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What happens to a packet, as it happens. The events have the names that
 * KMCL's own tracing gives to the same steps where it has them.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vmbkmcl

#if !defined(_TRACE_VMBKMCL_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_VMBKMCL_H

#include <linux/tracepoint.h>

/* The copy in the event outlives the channel. */
#define VMB_TRACE_NAME_SIZE	48

DECLARE_EVENT_CLASS(vmb_packet,
	TP_PROTO(const char *channel, u64 transaction_id, u16 type, u16 flags,
		 u32 ranges_length, u32 length),
	TP_ARGS(channel, transaction_id, type, flags, ranges_length, length),
	TP_STRUCT__entry(
		__array(char, channel, VMB_TRACE_NAME_SIZE)
		__field(u64, transaction_id)
		__field(u16, type)
		__field(u16, flags)
		__field(u32, ranges_length)
		__field(u32, length)
	),
	TP_fast_assign(
		strscpy(__entry->channel, channel, VMB_TRACE_NAME_SIZE);
		__entry->transaction_id = transaction_id;
		__entry->type = type;
		__entry->flags = flags;
		__entry->ranges_length = ranges_length;
		__entry->length = length;
	),
	TP_printk("%s transaction=%#llx type=%u flags=%#x ranges=%u length=%u",
		  __entry->channel, __entry->transaction_id, __entry->type,
		  __entry->flags, __entry->ranges_length, __entry->length)
);

/* Copied out of the ring. */
DEFINE_EVENT(vmb_packet, vmb_fetch,
	TP_PROTO(const char *channel, u64 transaction_id, u16 type, u16 flags,
		 u32 ranges_length, u32 length),
	TP_ARGS(channel, transaction_id, type, flags, ranges_length, length)
);

/* About to be handed to process_packet. */
DEFINE_EVENT(vmb_packet, vmb_dispatch,
	TP_PROTO(const char *channel, u64 transaction_id, u16 type, u16 flags,
		 u32 ranges_length, u32 length),
	TP_ARGS(channel, transaction_id, type, flags, ranges_length, length)
);

/* Completed by the client; length is that of the completion's payload. */
DEFINE_EVENT(vmb_packet, vmb_complete,
	TP_PROTO(const char *channel, u64 transaction_id, u16 type, u16 flags,
		 u32 ranges_length, u32 length),
	TP_ARGS(channel, transaction_id, type, flags, ranges_length, length)
);

/* Something the peer wrote was not taken. */
TRACE_EVENT(vmb_refuse,
	TP_PROTO(const char *channel, u64 transaction_id, u16 type,
		 const char *reason),
	TP_ARGS(channel, transaction_id, type, reason),
	TP_STRUCT__entry(
		__array(char, channel, VMB_TRACE_NAME_SIZE)
		__field(u64, transaction_id)
		__field(u16, type)
		__array(char, reason, 32)
	),
	TP_fast_assign(
		strscpy(__entry->channel, channel, VMB_TRACE_NAME_SIZE);
		__entry->transaction_id = transaction_id;
		__entry->type = type;
		strscpy(__entry->reason, reason, 32);
	),
	TP_printk("%s transaction=%#llx type=%u reason=%s", __entry->channel,
		  __entry->transaction_id, __entry->type, __entry->reason)
);

/* The client sends a packet. */
TRACE_EVENT(vmb_send,
	TP_PROTO(const char *channel, u32 external, bool waits, u32 length),
	TP_ARGS(channel, external, waits, length),
	TP_STRUCT__entry(
		__array(char, channel, VMB_TRACE_NAME_SIZE)
		__field(u32, external)
		__field(bool, waits)
		__field(u32, length)
	),
	TP_fast_assign(
		strscpy(__entry->channel, channel, VMB_TRACE_NAME_SIZE);
		__entry->external = external;
		__entry->waits = waits;
		__entry->length = length;
	),
	TP_printk("%s external=%u waits=%d length=%u", __entry->channel,
		  __entry->external, __entry->waits, __entry->length)
);

/* Its completion routine is about to be called. */
TRACE_EVENT(vmb_sent,
	TP_PROTO(const char *channel, u64 transaction_id, int status, u32 length),
	TP_ARGS(channel, transaction_id, status, length),
	TP_STRUCT__entry(
		__array(char, channel, VMB_TRACE_NAME_SIZE)
		__field(u64, transaction_id)
		__field(int, status)
		__field(u32, length)
	),
	TP_fast_assign(
		strscpy(__entry->channel, channel, VMB_TRACE_NAME_SIZE);
		__entry->transaction_id = transaction_id;
		__entry->status = status;
		__entry->length = length;
	),
	TP_printk("%s transaction=%#llx status=%d length=%u", __entry->channel,
		  __entry->transaction_id, __entry->status, __entry->length)
);

/* The watchdog found work that nobody did. */
TRACE_EVENT(vmb_stall,
	TP_PROTO(const char *channel, bool outbound),
	TP_ARGS(channel, outbound),
	TP_STRUCT__entry(
		__array(char, channel, VMB_TRACE_NAME_SIZE)
		__field(bool, outbound)
	),
	TP_fast_assign(
		strscpy(__entry->channel, channel, VMB_TRACE_NAME_SIZE);
		__entry->outbound = outbound;
	),
	TP_printk("%s %s", __entry->channel,
		  __entry->outbound ? "outbound" : "inbound")
);

/* A channel's life: what is about to happen, and why. */
TRACE_EVENT(vmb_life,
	TP_PROTO(const char *channel, const char *step, int reason),
	TP_ARGS(channel, step, reason),
	TP_STRUCT__entry(
		__array(char, channel, VMB_TRACE_NAME_SIZE)
		__array(char, step, 16)
		__field(int, reason)
	),
	TP_fast_assign(
		strscpy(__entry->channel, channel, VMB_TRACE_NAME_SIZE);
		strscpy(__entry->step, step, 16);
		__entry->reason = reason;
	),
	TP_printk("%s %s reason=%d", __entry->channel, __entry->step,
		  __entry->reason)
);

#endif

/* This part must be outside the guard. */
#include <trace/define_trace.h>
