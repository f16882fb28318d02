/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All that the hv transport relies on inside hv_vmbus's structs.
 *
 * hv_pkt_iter_*() and vmbus_sendpacket() are not used on our channels; the
 * rings are read and written in place. So the following has to hold, on every
 * kernel, and is checked where the compiler can:
 *
 *  - inbound.ring_buffer and outbound.ring_buffer point to mapped rings from
 *    vmbus_connect_ring() until vmbus_free_ring(); ring_datasize is the size of
 *    the data, which begins at ring_buffer->buffer;
 *  - ringbuffer_page, ringbuffer_pagecount and ringbuffer_send_offset (pages of
 *    the outbound ring, which comes first) describe the memory that
 *    vmbus_connect_ring() uses; vmbus_free_ring() frees it unless
 *    ringbuffer_page is NULL;
 *  - ringbuffer_gpadlhandle.decrypted tells, after a close, that the host may
 *    still reach that memory;
 *  - callback_event is the tasklet that calls our callback once in
 *    HV_CALL_DIRECT mode; scheduling it is allowed at any time, and when
 *    vmbus_disconnect_ring() has returned it calls nothing any more;
 *  - rescind is set, once and for all, when the host took back the offer;
 *  - target_cpu is where interrupts go;
 *  - onchannel_callback is called under sched_lock, or by callback_event: with
 *    the one taken and the other disabled it can be taken back;
 *  - a sub-channel has a primary_channel, an index in its offer, and a kobj whose
 *    references keep it; it is freed when rescind is set and nobody has one;
 *  - co_ring_buffer and co_external_memory, where they are, are as the offer says, and
 *    say what vmbus_connect_ring() and vmbus_establish_gpadl() do not decrypt;
 *  - chn_rescind_callback and change_target_cpu_callback are the driver's, which may not
 *    have any;
 *  - a rescind waits until probe_done is set; hv_vmbus sets it when its call about the
 *    offer has returned, and touches the offer no more in there;
 *  - rescind_event is waited for, at the primary's close, of each sub-channel that
 *    was rescinded and not removed at once.
 */
#ifndef VMB_HV_LAYOUT_H
#define VMB_HV_LAYOUT_H

#include <linux/build_bug.h>
#include <linux/hyperv.h>
#include <linux/interrupt.h>

#include "wire.h"

#define VMB_HV_FIELD_IS(type, member, field_type)			\
	static_assert(__same_type(((struct type *)0)->member, field_type), \
		      "struct " #type " has another " #member)

VMB_HV_FIELD_IS(vmbus_channel, inbound.ring_buffer, struct hv_ring_buffer *);
VMB_HV_FIELD_IS(vmbus_channel, outbound.ring_buffer, struct hv_ring_buffer *);
VMB_HV_FIELD_IS(vmbus_channel, inbound.ring_datasize, u32);
VMB_HV_FIELD_IS(vmbus_channel, ringbuffer_page, struct page *);
VMB_HV_FIELD_IS(vmbus_channel, ringbuffer_pagecount, u32);
VMB_HV_FIELD_IS(vmbus_channel, ringbuffer_send_offset, u32);
VMB_HV_FIELD_IS(vmbus_channel, ringbuffer_gpadlhandle, struct vmbus_gpadl);
VMB_HV_FIELD_IS(vmbus_channel, ringbuffer_gpadlhandle.decrypted, bool);
VMB_HV_FIELD_IS(vmbus_channel, callback_event, struct tasklet_struct);
VMB_HV_FIELD_IS(vmbus_channel, rescind, bool);
VMB_HV_FIELD_IS(vmbus_channel, target_cpu, u32);
VMB_HV_FIELD_IS(vmbus_channel, sched_lock, spinlock_t);
VMB_HV_FIELD_IS(vmbus_channel, onchannel_callback, void (*)(void *));
VMB_HV_FIELD_IS(vmbus_channel, rescind_event, struct completion);
VMB_HV_FIELD_IS(vmbus_channel, probe_done, bool);
VMB_HV_FIELD_IS(vmbus_channel, chn_rescind_callback, void (*)(struct vmbus_channel *));
VMB_HV_FIELD_IS(vmbus_channel, change_target_cpu_callback,
		void (*)(struct vmbus_channel *, u32, u32));
VMB_HV_FIELD_IS(vmbus_channel, primary_channel, struct vmbus_channel *);
VMB_HV_FIELD_IS(vmbus_channel, offermsg.offer.sub_channel_index, u16);
VMB_HV_FIELD_IS(vmbus_channel, kobj, struct kobject);
#ifdef VMBUS_CHANNEL_CONFIDENTIAL_RING_BUFFER
VMB_HV_FIELD_IS(vmbus_channel, co_ring_buffer, bool);
VMB_HV_FIELD_IS(vmbus_channel, co_external_memory, bool);
#endif

#define VMB_HV_CONTROL_IS(ours, theirs)					\
	static_assert(offsetof(struct vmb_wire_ring_control, ours) ==	\
		      offsetof(struct hv_ring_buffer, theirs),		\
		      "struct hv_ring_buffer has " #theirs " elsewhere")

VMB_HV_CONTROL_IS(write_index, write_index);
VMB_HV_CONTROL_IS(read_index, read_index);
VMB_HV_CONTROL_IS(interrupt_mask, interrupt_mask);
VMB_HV_CONTROL_IS(pending_send_size, pending_send_sz);
VMB_HV_CONTROL_IS(feature_bits, feature_bits);
static_assert(offsetof(struct hv_ring_buffer, buffer) == PAGE_SIZE);

#endif
