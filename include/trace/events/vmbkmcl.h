/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What happens to a packet, as it happens. The events have the names that
 * KMCL's own tracing gives to the same steps where it has them. A channel is
 * called as its file in debugfs is. include/ABI/tracepoints says what each event
 * and field means.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vmbkmcl

#if !defined(_TRACE_VMBKMCL_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_VMBKMCL_H

#include <linux/tracepoint.h>

/* The copy in the event outlives the channel. */
#define VMB_TRACE_NAME_SIZE	48

/* Named as constants, for programs that read the format know no header. */
#define vmb_trace_type(type)						\
	__print_symbolic(type,						\
			 { 0, "none" },					\
			 { 6, "inband" },				\
			 { 7, "transfer_pages" },			\
			 { 9, "gpa_direct" },				\
			 { 11, "completion" })

#define vmb_trace_flags(flags)						\
	__print_flags(flags, "|", { 1, "completion_requested" })

#define vmb_trace_stop_reason(reason)					\
	__print_symbolic(reason,					\
			 { 0, "none" },					\
			 { 1, "disabled" },				\
			 { 2, "peer_gone" },				\
			 { 3, "framing_lost" },				\
			 { 4, "paused" },				\
			 { 5, "hibernating" },				\
			 { 6, "shutdown" })

#define vmb_trace_refusal(reason)					\
	__print_symbolic(reason,					\
			 { 1, "index_range" },				\
			 { 2, "index_alignment" },			\
			 { 3, "index_backwards" },			\
			 { 4, "index_ours_changed" },			\
			 { 5, "length_below_header" },			\
			 { 6, "length_beyond_available" },		\
			 { 7, "offset_below_header" },			\
			 { 8, "offset_beyond_length" },			\
			 { 9, "type_unknown" },				\
			 { 10, "flags_unknown" },			\
			 { 11, "packet_too_large" },			\
			 { 12, "ranges_truncated" },			\
			 { 13, "ranges_none" },				\
			 { 14, "ranges_too_many" },			\
			 { 15, "ranges_too_long" },			\
			 { 16, "ranges_trailing" },			\
			 { 17, "range_empty" },				\
			 { 18, "range_offset" },			\
			 { 19, "page_not_shared" },			\
			 { 20, "transfer_set_unknown" },		\
			 { 21, "transfer_range_beyond_set" },		\
			 { 22, "completion_unexpected" },		\
			 { 23, "pipe_header" })

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
	TP_printk("%s transaction=%#llx type=%s flags=%s ranges=%u length=%u",
		  __entry->channel, __entry->transaction_id,
		  vmb_trace_type(__entry->type), vmb_trace_flags(__entry->flags),
		  __entry->ranges_length, __entry->length)
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
	TP_PROTO(const char *channel, u64 transaction_id, u16 type, u32 reason),
	TP_ARGS(channel, transaction_id, type, reason),
	TP_STRUCT__entry(
		__array(char, channel, VMB_TRACE_NAME_SIZE)
		__field(u64, transaction_id)
		__field(u16, type)
		__field(u32, reason)
	),
	TP_fast_assign(
		strscpy(__entry->channel, channel, VMB_TRACE_NAME_SIZE);
		__entry->transaction_id = transaction_id;
		__entry->type = type;
		__entry->reason = reason;
	),
	TP_printk("%s transaction=%#llx type=%s reason=%s", __entry->channel,
		  __entry->transaction_id, vmb_trace_type(__entry->type),
		  vmb_trace_refusal(__entry->reason))
);

/*
 * The client sends a packet; it has no transaction yet. @packet is the same in
 * the packet's vmb_write and vmb_sent, and no other packet's in between.
 */
TRACE_EVENT(vmb_send,
	TP_PROTO(const char *channel, const void *packet, u32 external, bool waits,
		 u32 length),
	TP_ARGS(channel, packet, external, waits, length),
	TP_STRUCT__entry(
		__array(char, channel, VMB_TRACE_NAME_SIZE)
		__field(const void *, packet)
		__field(u32, external)
		__field(bool, waits)
		__field(u32, length)
	),
	TP_fast_assign(
		strscpy(__entry->channel, channel, VMB_TRACE_NAME_SIZE);
		__entry->packet = packet;
		__entry->external = external;
		__entry->waits = waits;
		__entry->length = length;
	),
	TP_printk("%s packet=%p external=%u waits=%d length=%u", __entry->channel,
		  __entry->packet, __entry->external, __entry->waits,
		  __entry->length)
);

/* A packet or a completion is in the ring. The peer may not know it yet. */
TRACE_EVENT(vmb_write,
	TP_PROTO(const char *channel, const void *packet, u64 transaction_id,
		 u16 type, u32 length),
	TP_ARGS(channel, packet, transaction_id, type, length),
	TP_STRUCT__entry(
		__array(char, channel, VMB_TRACE_NAME_SIZE)
		__field(const void *, packet)
		__field(u64, transaction_id)
		__field(u16, type)
		__field(u32, length)
	),
	TP_fast_assign(
		strscpy(__entry->channel, channel, VMB_TRACE_NAME_SIZE);
		__entry->packet = packet;
		__entry->transaction_id = transaction_id;
		__entry->type = type;
		__entry->length = length;
	),
	TP_printk("%s packet=%p transaction=%#llx type=%s length=%u",
		  __entry->channel, __entry->packet, __entry->transaction_id,
		  vmb_trace_type(__entry->type), __entry->length)
);

/* The completion routine of a packet that was sent is about to be called. */
TRACE_EVENT(vmb_sent,
	TP_PROTO(const char *channel, const void *packet, u64 transaction_id,
		 int status, u32 length),
	TP_ARGS(channel, packet, transaction_id, status, length),
	TP_STRUCT__entry(
		__array(char, channel, VMB_TRACE_NAME_SIZE)
		__field(const void *, packet)
		__field(u64, transaction_id)
		__field(int, status)
		__field(u32, length)
	),
	TP_fast_assign(
		strscpy(__entry->channel, channel, VMB_TRACE_NAME_SIZE);
		__entry->packet = packet;
		__entry->transaction_id = transaction_id;
		__entry->status = status;
		__entry->length = length;
	),
	TP_printk("%s packet=%p transaction=%#llx status=%d length=%u",
		  __entry->channel, __entry->packet, __entry->transaction_id,
		  __entry->status, __entry->length)
);

/*
 * The client holds as many packets as its quota: no more are read until it
 * completes one.
 */
TRACE_EVENT(vmb_quota,
	TP_PROTO(const char *channel, u32 outstanding, u32 quota),
	TP_ARGS(channel, outstanding, quota),
	TP_STRUCT__entry(
		__array(char, channel, VMB_TRACE_NAME_SIZE)
		__field(u32, outstanding)
		__field(u32, quota)
	),
	TP_fast_assign(
		strscpy(__entry->channel, channel, VMB_TRACE_NAME_SIZE);
		__entry->outstanding = outstanding;
		__entry->quota = quota;
	),
	TP_printk("%s outstanding=%u quota=%u", __entry->channel,
		  __entry->outstanding, __entry->quota)
);

/* The channel has used up its share of softirq time: a worker goes on. */
TRACE_EVENT(vmb_overtime,
	TP_PROTO(const char *channel, u64 used_ns, u32 share),
	TP_ARGS(channel, used_ns, share),
	TP_STRUCT__entry(
		__array(char, channel, VMB_TRACE_NAME_SIZE)
		__field(u64, used_ns)
		__field(u32, share)
	),
	TP_fast_assign(
		strscpy(__entry->channel, channel, VMB_TRACE_NAME_SIZE);
		__entry->used_ns = used_ns;
		__entry->share = share;
	),
	TP_printk("%s used_ns=%llu share=%u", __entry->channel,
		  __entry->used_ns, __entry->share)
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
	TP_printk("%s way=%s", __entry->channel,
		  __entry->outbound ? "outbound" : "inbound")
);

/*
 * A channel's life: what is about to happen, and why: a reason to stop, which is
 * above 0, or an errno.
 */
TRACE_EVENT(vmb_life,
	TP_PROTO(const char *channel, const char *step, int why),
	TP_ARGS(channel, step, why),
	TP_STRUCT__entry(
		__array(char, channel, VMB_TRACE_NAME_SIZE)
		__array(char, step, 16)
		__field(u32, reason)
		__field(int, error)
	),
	TP_fast_assign(
		strscpy(__entry->channel, channel, VMB_TRACE_NAME_SIZE);
		strscpy(__entry->step, step, 16);
		__entry->reason = why > 0 ? why : 0;
		__entry->error = why < 0 ? why : 0;
	),
	TP_printk("%s step=%s reason=%s error=%d", __entry->channel, __entry->step,
		  vmb_trace_stop_reason(__entry->reason), __entry->error)
);

/* The channel is given back: what its counters were in the end. */
TRACE_EVENT(vmb_cleanup,
	TP_PROTO(const char *channel, u64 received, u64 completed, u64 sends,
		 u64 sends_failed, u64 refused, u64 stalls, u64 leaked),
	TP_ARGS(channel, received, completed, sends, sends_failed, refused, stalls,
		leaked),
	TP_STRUCT__entry(
		__array(char, channel, VMB_TRACE_NAME_SIZE)
		__field(u64, received)
		__field(u64, completed)
		__field(u64, sends)
		__field(u64, sends_failed)
		__field(u64, refused)
		__field(u64, stalls)
		__field(u64, leaked)
	),
	TP_fast_assign(
		strscpy(__entry->channel, channel, VMB_TRACE_NAME_SIZE);
		__entry->received = received;
		__entry->completed = completed;
		__entry->sends = sends;
		__entry->sends_failed = sends_failed;
		__entry->refused = refused;
		__entry->stalls = stalls;
		__entry->leaked = leaked;
	),
	TP_printk("%s received=%llu completed=%llu sends=%llu sends_failed=%llu refused=%llu stalls=%llu leaked=%llu",
		  __entry->channel, __entry->received, __entry->completed,
		  __entry->sends, __entry->sends_failed, __entry->refused,
		  __entry->stalls, __entry->leaked)
);

#endif

/* This part must be outside the guard. */
#include <trace/define_trace.h>
