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
#define VMB_INTERFACE_VERSION	2

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
 * FORCE_MDL_LENGTH	the length given counts, also if it exceeds the first
 *			vector, up to the end of that vector's last page; the
 *			other vectors are not used
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
 * Flags of vmb_server_channel_init_set_flags(). A guest can offer channels to
 * its own kernel only; KMCL's other flags are for hosts.
 */
#define VMB_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER	0x1u

/* ------------------------------------------------------------------------- */
/* Devices and drivers                                                        */
/* ------------------------------------------------------------------------- */

/**
 * struct vmb_device - a VMBus device, whichever transport brought it
 * @dev: the device to log with and to hang sysfs files on.
 * @interface_type: the type GUID of the offer.
 * @interface_instance: the instance GUID of the offer.
 * @driver_data: the client's; never touched by the library.
 * @transport_private: the library's.
 *
 * Made by the transport before probe, freed after remove. All fields but
 * @driver_data are immutable in between.
 */
struct vmb_device {
	struct device *dev;
	guid_t interface_type;
	guid_t interface_instance;
	void *driver_data;
	void *transport_private;
};

/**
 * dev_to_vmb_device() - the VMBus device behind a struct device
 * @dev: &vmb_device.dev of a bound device, as sysfs hands it to an attribute.
 *
 * Context: any; from probe to remove.
 * Return: the VMBus device.
 */
static inline struct vmb_device *dev_to_vmb_device(struct device *dev)
{
	return dev_get_drvdata(dev);
}

/**
 * struct vmb_driver - a driver for one or more types of VMBus device
 * @name: its name under /sys/bus/vmbus/drivers.
 * @id_table: type GUIDs, ended by an empty entry; also for MODULE_DEVICE_TABLE().
 * @device_groups: sysfs attributes of every bound device, NULL-ended, or NULL.
 * @probe: a device was found. Process context. Allocates, configures and
 *	enables a channel as a rule. 0, or an errno that leaves the device alone.
 *	Must not wait for another driver of the library to be loaded.
 * @remove: the device goes. Process context. Must leave no channel of the
 *	device enabled, and clean up all of them.
 * @node: the library's.
 * @bindings: the library's.
 * @owner: the library's.
 * @module_name: the library's.
 *
 * Owned by the client; must stay until vmb_driver_unregister() has returned.
 */
struct vmb_driver {
	const char *name;
	const struct hv_vmbus_device_id *id_table;
	const struct attribute_group **device_groups;
	int (*probe)(struct vmb_device *device);
	void (*remove)(struct vmb_device *device);

	struct list_head node;
	struct list_head bindings;
	struct module *owner;
	const char *module_name;
};

int __vmb_driver_register(struct vmb_driver *driver, struct module *owner,
			  const char *module_name, u32 interface_version,
			  size_t driver_size, size_t device_size);

/**
 * vmb_driver_register() - register a driver with every transport
 * @driver: the driver.
 *
 * Transports that load later get it, too. Where no transport is (no Hyper-V),
 * the driver waits; that is not an error.
 *
 * Context: process context.
 * Return: 0; -EINVAL: name, id table or a callback is missing; -EPROTO: built
 * against another interface version; or what the transport's bus said.
 */
#define vmb_driver_register(driver)					\
	__vmb_driver_register(driver, THIS_MODULE, KBUILD_MODNAME,	\
			      VMB_INTERFACE_VERSION,			\
			      sizeof(struct vmb_driver),		\
			      sizeof(struct vmb_device))

void vmb_driver_unregister(struct vmb_driver *driver);

/**
 * module_vmb_driver() - a module that does nothing but register a driver
 * @__driver: the struct vmb_driver.
 *
 * The soft dependency has modprobe load the transport first, so that a client
 * that udev found by its alias finds its device.
 */
#define module_vmb_driver(__driver)					\
	module_driver(__driver, vmb_driver_register, vmb_driver_unregister); \
	MODULE_SOFTDEP("pre: vmbkmcl_hv")

/* ------------------------------------------------------------------------- */
/* Callbacks                                                                  */
/* ------------------------------------------------------------------------- */

/**
 * enum vmb_channel_stop_reason - why a channel was suspended, or closed
 * @VMB_CHANNEL_STOP_DISABLED: vmb_channel_disable() was called.
 * @VMB_CHANNEL_STOP_PEER_GONE: the peer took back its offer.
 * @VMB_CHANNEL_STOP_FRAMING_LOST: the peer broke the ring.
 * @VMB_CHANNEL_STOP_OPEN_FAILED: the peer, or memory, refused the open; given to
 *	closed only, without opened or suspend before it.
 * @VMB_CHANNEL_STOP_PAUSED: vmb_channel_pause() was called; given to suspend
 *	only, the channel stays open.
 * @VMB_CHANNEL_STOP_HIBERNATING: the machine goes to sleep; the channel stays
 *	enabled, and opened is called when it wakes, or closed with
 *	VMB_CHANNEL_STOP_OPEN_FAILED if it cannot be opened then. Freezable threads and
 *	workqueues stand still: packets that such a one holds are not waited for
 *	longer than a second, and their completions are dropped. Packets that the
 *	client sends from then on, or that found no room before, go out after it:
 *	a client that waits for them in closed keeps the machine from sleeping, and
 *	after 10 seconds they end with -ENODEV.
 * @VMB_CHANNEL_STOP_SHUTDOWN: the machine goes down, or another kernel is about
 *	to take it over. As VMB_CHANNEL_STOP_HIBERNATING, without a wake: what the
 *	client has sent ends, with -ENODEV, before closed, and it can send no more.
 *
 * KMCL has no such argument; here enable is asynchronous and has no other way
 * to tell.
 */
enum vmb_channel_stop_reason {
	VMB_CHANNEL_STOP_DISABLED = 1,
	VMB_CHANNEL_STOP_PEER_GONE,
	VMB_CHANNEL_STOP_FRAMING_LOST,
	VMB_CHANNEL_STOP_OPEN_FAILED,
	VMB_CHANNEL_STOP_PAUSED,
	VMB_CHANNEL_STOP_HIBERNATING,
	VMB_CHANNEL_STOP_SHUTDOWN,
};

/**
 * typedef vmb_channel_process_packet_fn - a packet arrived
 * @channel: the channel.
 * @callback_context: from vmb_channel_init_set_process_packet_callbacks().
 * @packet: names the packet until vmb_channel_packet_complete().
 * @buffer: the payload: a private, writable copy, 8-aligned, valid until the
 *	packet is completed.
 * @buffer_length: bytes, a multiple of 8: the wire does not say it finer, so up
 *	to 7 bytes at the end are the sender's padding.
 * @flags: VMB_CHANNEL_PROCESS_PACKET_FLAG_EXTERNAL_DATA or 0.
 *
 * Every packet delivered must be completed once, now or later, also those whose
 * sender wants no completion; vmb_channel_packet_fail() is the other way out.
 * Calls of one channel never overlap.
 *
 * A client that holds as many packets as the channel has objects for (256, or
 * fewer if they are large) gets no more until it completes one; and since the
 * ring is read in order, no completions of its own packets either.
 *
 * Packets that it has put off by vmb_channel_packet_defer_to_passive() come
 * again, before any other.
 *
 * Context: softirq, or process context; must not sleep, but where
 * vmb_channel_set_incoming_processing_at_passive() or a deferral allows it.
 *
 * EVT_VMB_CHANNEL_PROCESS_PACKET_EX.
 */
typedef void (*vmb_channel_process_packet_fn)(struct vmb_channel *channel,
					      void *callback_context,
					      struct vmb_packet_completion *packet,
					      void *buffer, u32 buffer_length,
					      u32 flags);

/**
 * typedef vmb_channel_processing_complete_fn - there will be a pause
 * @channel: the channel.
 * @callback_context: from vmb_channel_init_set_process_packet_callbacks().
 * @packets_processed: packets delivered since the last call, at least 1.
 *
 * Delivery pauses: the ring is empty, or a budget is used up, or no packet
 * object is free. Packets of the batch may still be uncompleted.
 *
 * Context: as the process-packet callback; never overlaps it.
 *
 * EVT_VMB_CHANNEL_PROCESSING_COMPLETE_EX.
 */
typedef void (*vmb_channel_processing_complete_fn)(struct vmb_channel *channel,
						   void *callback_context,
						   u32 packets_processed);

/**
 * typedef vmb_channel_pnp_failure_fn - a channel could not be opened
 * @channel: the channel, enabled before; disabled when closed has returned.
 * @failure: negative errno of the open.
 *
 * Comes before closed with VMB_CHANNEL_STOP_OPEN_FAILED.
 *
 * Context: process context, a worker.
 *
 * EVT_VMB_CHANNEL_PNP_FAILURE.
 */
typedef void (*vmb_channel_pnp_failure_fn)(struct vmb_channel *channel,
					   int failure);

/**
 * typedef vmb_packet_completion_routine_fn - an outgoing packet has ended
 * @packet: the packet; the client's again, to be sent again or freed, also from
 *	in here.
 * @callback_context: from vmb_packet_set_completion_routine().
 * @status: 0: the peer has completed it, or, if no completion was asked for, it
 *	is in the ring; -ENODEV: the channel went first; -EPROTO: the peer's
 *	completion is malformed or longer than the channel's maximum packet size;
 *	-EMSGSIZE: it was sent before the channel was open, and the ring cannot
 *	hold it; -EIO: the channel went, and the peer may still write to the packet's
 *	external data, which must never be freed.
 * @buffer: payload of the completion, 8-aligned; valid during the call only.
 *	NULL if there is none.
 * @buffer_length: bytes of @buffer, a multiple of 8: up to 7 of them are the
 *	peer's padding.
 *
 * Called exactly once for each packet that a send has accepted, before disable
 * returns; possibly before the send returns.
 *
 * Context: softirq, or process context, or the context of any send, complete or
 * disable on the channel; must not sleep.
 *
 * EVT_VMB_PACKET_COMPLETION_ROUTINE_EX.
 */
typedef void (*vmb_packet_completion_routine_fn)(struct vmb_packet *packet,
						 void *callback_context,
						 int status, const void *buffer,
						 u32 buffer_length);

#define VMB_CHANNEL_STATE_CHANGE_CALLBACKS_VERSION	1

/**
 * struct vmb_channel_state_change_callbacks - the life of a channel
 * @version: VMB_CHANNEL_STATE_CHANGE_CALLBACKS_VERSION.
 * @size: sizeof(struct vmb_channel_state_change_callbacks), in bytes.
 * @callback_context: handed to each of them.
 * @opened: the channel is open, no packet flows yet. An errno closes it again,
 *	without closed. GPADLs may be made here or later.
 * @closed: the channel is closed, for the reason given; a client is disabled
 *	when this returns, unless the machine hibernates. All GPADLs must be
 *	deleted by then.
 * @suspend: packets stopped, for the reason given: no process-packet callback
 *	is running, none will until started. All packets delivered must be
 *	completed now, not necessarily in here: closed waits for them (not
 *	longer than 30 seconds when the device is being removed).
 * @started: the channel is about to deliver packets. Must not wait for any.
 * @post_started: packets are being delivered, possibly already while this runs.
 *
 * All are optional, called in process context by a worker, one at a time, in
 * the order opened, started, post_started, suspend, closed. The client must not
 * disable or clean up the channel from within them (-EDEADLK).
 *
 * VMB_CHANNEL_STATE_CHANGE_CALLBACKS_V5.
 */
struct vmb_channel_state_change_callbacks {
	u32 version;
	u32 size;
	void *callback_context;
	int (*opened)(struct vmb_channel *channel, void *callback_context);
	void (*closed)(struct vmb_channel *channel, void *callback_context,
		       enum vmb_channel_stop_reason reason);
	void (*suspend)(struct vmb_channel *channel, void *callback_context,
			enum vmb_channel_stop_reason reason);
	void (*started)(struct vmb_channel *channel, void *callback_context);
	void (*post_started)(struct vmb_channel *channel, void *callback_context);
};

/**
 * vmb_channel_state_change_callbacks_init() - all callbacks unset
 * @callbacks: what to initialise.
 *
 * Context: any.
 *
 * VMB_CHANNEL_STATE_CHANGE_CALLBACKS_INIT_V5.
 */
static inline void
vmb_channel_state_change_callbacks_init(struct vmb_channel_state_change_callbacks *callbacks)
{
	*callbacks = (struct vmb_channel_state_change_callbacks) {
		.version = VMB_CHANNEL_STATE_CHANGE_CALLBACKS_VERSION,
		.size = sizeof(*callbacks),
	};
}

/* ------------------------------------------------------------------------- */
/* Channels                                                                   */
/* ------------------------------------------------------------------------- */

int vmb_channel_allocate(struct vmb_device *device, bool is_server,
			 struct vmb_channel **channel);
void vmb_channel_cleanup(struct vmb_channel *channel);

int vmb_channel_init_set_maximum_packet_size(struct vmb_channel *channel,
					     u32 packet_size);
int vmb_channel_init_set_maximum_external_data(struct vmb_channel *channel,
					       u32 data_size, u32 chain_length);
int vmb_channel_init_set_client_context_size(struct vmb_channel *channel,
					     u32 context_size);
int vmb_channel_init_set_process_packet_callbacks(struct vmb_channel *channel,
						  void *callback_context,
						  vmb_channel_process_packet_fn process_packet,
						  vmb_channel_processing_complete_fn complete);
int vmb_channel_init_set_state_change_callbacks(struct vmb_channel *channel,
						const struct vmb_channel_state_change_callbacks
						*callbacks);
int vmb_channel_init_set_friendly_name(struct vmb_channel *channel,
				       const char *name);
int vmb_channel_init_set_raw_guest_memory(struct vmb_channel *channel);
int vmb_channel_init_set_primary_channel(struct vmb_channel *channel,
					 struct vmb_channel *primary_channel,
					 u16 sub_channel_index);
int vmb_client_channel_init_set_ring_buffer_page_count(struct vmb_channel *channel,
						       u32 incoming_page_count,
						       u32 outgoing_page_count);
int vmb_client_channel_init_set_target_pnp(struct vmb_channel *channel,
					   const guid_t *interface_type,
					   const guid_t *interface_instance,
					   vmb_channel_pnp_failure_fn pnp_failure);

int vmb_channel_init_set_inline_packet_context_size(struct vmb_channel *channel,
						    u32 context_size);
int vmb_channel_init_set_maximum_packet_count(struct vmb_channel *channel,
					      u32 packet_count);
int vmb_client_channel_init_set_target_processor_index(struct vmb_channel *channel,
						       u32 processor_index);
int vmb_server_channel_init_set_flags(struct vmb_channel *channel, u32 flags);
int vmb_server_channel_init_set_target_interface_id(struct vmb_channel *channel,
						    const guid_t *interface_type,
						    const guid_t *interface_instance);

int __must_check vmb_channel_enable(struct vmb_channel *channel);
int vmb_channel_disable(struct vmb_channel *channel);
int vmb_channel_start(struct vmb_channel *channel);
int vmb_channel_pause(struct vmb_channel *channel);

int vmb_channel_set_transaction_quota(struct vmb_channel *channel, u32 quota);
int vmb_channel_set_allowable_dpc_cpu_usage(struct vmb_channel *channel,
					    u8 percentage);
void vmb_channel_set_incoming_processing_at_passive(struct vmb_channel *channel,
						    bool require_passive);

void vmb_channel_set_pointer(struct vmb_channel *channel, void *pointer);
void *vmb_channel_get_pointer(const struct vmb_channel *channel);
void vmb_channel_get_interface_instance(const struct vmb_channel *channel,
					guid_t *interface_instance);

/* ------------------------------------------------------------------------- */
/* Incoming packets                                                           */
/* ------------------------------------------------------------------------- */

int vmb_channel_packet_complete(struct vmb_packet_completion *packet,
				const void *buffer, u32 length);
void vmb_channel_packet_fail(struct vmb_packet_completion *packet);
void vmb_channel_packet_defer_to_passive(struct vmb_packet_completion *packet);
void *vmb_channel_packet_get_client_context(struct vmb_packet_completion *packet);
int vmb_channel_packet_get_external_data(struct vmb_packet_completion *packet,
					 u32 flags,
					 const struct bio_vec **vectors,
					 u32 *vector_count);
int vmb_channel_packet_get_external_data_iter(struct vmb_packet_completion *packet,
					      unsigned int direction,
					      struct iov_iter *iter);

/* ------------------------------------------------------------------------- */
/* Outgoing packets                                                           */
/* ------------------------------------------------------------------------- */

struct vmb_packet *vmb_packet_allocate(struct vmb_channel *channel);
void vmb_packet_free(struct vmb_packet *packet);
u32 vmb_channel_sizeof_packet(const struct vmb_channel *channel);
int vmb_packet_initialize(struct vmb_channel *channel, struct vmb_packet *packet,
			  u32 byte_count);
void vmb_packet_set_completion_routine(struct vmb_packet *packet,
				       void *callback_context,
				       vmb_packet_completion_routine_fn routine);
void vmb_packet_set_pointer(struct vmb_packet *packet, void *pointer);
void *vmb_packet_get_pointer(const struct vmb_packet *packet);
struct vmb_channel *vmb_packet_get_channel(const struct vmb_packet *packet);
void *vmb_packet_get_inline_packet_context_pointer(struct vmb_packet *packet);

int __must_check vmb_packet_send(struct vmb_packet *packet, const void *buffer,
				 u32 buffer_length,
				 const struct bio_vec *vectors, u32 vector_count,
				 u32 flags);
int __must_check vmb_packet_send_with_external_mdl(struct vmb_packet *packet,
						   const void *buffer,
						   u32 buffer_length,
						   const struct bio_vec *vectors,
						   u32 vector_count,
						   u32 mdl_offset, u32 mdl_length,
						   u32 flags);
int __must_check vmb_packet_send_with_external_iter(struct vmb_packet *packet,
						    const void *buffer,
						    u32 buffer_length,
						    const struct iov_iter *iter,
						    u32 flags);
int __must_check vmb_packet_send_with_external_pfns(struct vmb_packet *packet,
						    const void *buffer,
						    u32 buffer_length,
						    const u64 *pfns, u32 pfn_count,
						    u32 flags);
int vmb_channel_send_synchronous_request(struct vmb_channel *channel,
					 const void *buffer, u32 buffer_size,
					 const struct bio_vec *vectors,
					 u32 vector_count, u32 flags,
					 void *completion_buffer,
					 u32 *completion_buffer_size,
					 long timeout);

/* ------------------------------------------------------------------------- */
/* Memory shared with the peer                                                */
/* ------------------------------------------------------------------------- */

int vmb_channel_create_gpadl_from_buffer(struct vmb_channel *channel, u32 flags,
					 void *buffer, u32 byte_count,
					 u32 *gpadl_handle);
int vmb_channel_create_gpadl_from_mdl(struct vmb_channel *channel, u32 flags,
				      const struct bio_vec *vectors,
				      u32 vector_count, u32 mdl_offset,
				      u32 mdl_length, u32 *gpadl_handle);
int vmb_channel_create_gpadl_from_pfn_list(struct vmb_channel *channel, u32 flags,
					   const u64 *pfns, u32 pfn_count,
					   u32 *gpadl_handle);
int vmb_channel_create_gpadl(struct vmb_channel *channel, u32 flags,
			     u32 page_count, u32 *gpadl_handle);
int vmb_channel_get_system_address_for_gpadl(struct vmb_channel *channel,
					     u32 flags, u32 gpadl_handle,
					     void **system_address);
int __must_check vmb_channel_delete_gpadl(struct vmb_channel *channel,
					  u32 gpadl_handle);
int vmb_channel_map_gpadl(struct vmb_channel *channel, u32 flags,
			  u32 gpadl_handle, const struct bio_vec **vectors,
			  u32 *vector_count);
void vmb_channel_unmap_gpadl(struct vmb_channel *channel, u32 gpadl_handle);
int vmb_channel_register_transfer_page_set(struct vmb_channel *channel,
					   u16 set_id, u32 gpadl_handle);
int vmb_channel_unregister_transfer_page_set(struct vmb_channel *channel,
					     u16 set_id);

#endif
