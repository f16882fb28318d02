/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vmbkmcl: the VMBus Kernel Mode Client Library's way of writing an endpoint.
 *
 * This is all that a client includes. Names follow one rule: KMCL's
 * VmbChannelPacketComplete is vmb_channel_packet_complete() here, its
 * EVT_VMB_CHANNEL_PROCESS_PACKET is vmb_channel_process_packet_fn, NTSTATUS is
 * 0 or a negative errno, an MDL is an array of struct bio_vec.
 *
 * "Process context" below means: may sleep, so no lock is held and no bottom
 * half or interrupt is disabled. "Any context but hard interrupt" includes
 * softirq and interrupts disabled (the latter not on PREEMPT_RT).
 */
#ifndef VMBKMCL_H
#define VMBKMCL_H

#include <linux/bvec.h>
#include <linux/device.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/types.h>
#include <linux/uio.h>
#include <linux/uuid.h>

/* Goes up whenever a struct or a meaning in this header changes. */
#define VMB_INTERFACE_VERSION	3

struct vmb_channel;
struct vmb_packet;
struct vmb_packet_completion;

/* Flags of the process-packet callback. */
#define VMB_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA	0x1u
/* Flags of vmb_channel_packet_get_external_data(). */
#define VMB_CHANNEL_PACKET_EXTERNAL_DATA_FLAG_READ_ONLY	0x1u
/* Flags of vmb_channel_create_gpadl_from_buffer() and its relatives. */
#define VMB_CHANNEL_GPADL_FLAG_READ_ONLY		0x1u
/*
 * Flags of vmb_packet_send() and its relatives.
 *
 * WAIT_FOR_COMPLETION	the packet ends with the peer's completion, not when it
 *			is in the ring; required with external data
 * FORCE_MDL_LENGTH	the length given counts, also if it exceeds that of the
 *			memory list, up to the end of the list's last page
 * PAGED_BUFFER		allowed, without effect: kernel memory is never paged
 * DATA_IN_ONLY		external data goes from the peer to us only
 * DATA_OUT_ONLY	external data goes from us to the peer only
 */
#define VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION	0x1u
#define VMB_CHANNEL_FORMAT_FLAG_FORCE_MDL_LENGTH	0x2u
#define VMB_CHANNEL_FORMAT_FLAG_PAGED_BUFFER		0x4u
#define VMB_CHANNEL_FORMAT_FLAG_DATA_IN_ONLY		0x8u
#define VMB_CHANNEL_FORMAT_FLAG_DATA_OUT_ONLY		0x10u
/*
 * Flags of vmb_channel_init_set_flags().
 *
 * IS_PIPE	packets are messages of a pipe, see there
 */
#define VMB_CHANNEL_INIT_FLAG_IS_PIPE			0x1u
/*
 * Flags of vmb_server_channel_init_set_flags(). A guest can offer channels to
 * its own kernel only; KMCL's other flags are for hosts.
 */
#define VMB_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER	0x1u
#define VMB_SERVER_CHANNEL_INIT_FLAG_OFFER_AS_PIPE	0x4u

#include <vmbkmcl/driver.h>
#include <vmbkmcl/callbacks.h>
#include <vmbkmcl/channel.h>
#include <vmbkmcl/configure.h>
#include <vmbkmcl/inbound.h>
#include <vmbkmcl/outbound.h>
#include <vmbkmcl/gpadl.h>
#include <vmbkmcl/save.h>

#endif
