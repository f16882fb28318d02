/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a host's end of a channel is written with, for "make guest": one C file that
 * includes this header, and that of its protocol, and defines vmb_host_end. Nothing
 * of QEMU is seen here, and any of the C library may be used.
 *
 * There is one device with one channel, and one thread: no function of vmb_host_end
 * is called while another one runs. None may block, for the guest stands still
 * meanwhile. What the file writes to stderr is in build/make-guest/host.log.
 *
 * scripts/new-client/vmb_template_host.c is an example that is tested.
 */
#ifndef VMB_HOST_H
#define VMB_HOST_H

#include <linux/types.h>
#include <stdbool.h>

/**
 * struct vmb_host_packet - a packet of the guest's
 * @payload: its bytes, a copy; until the packet is completed.
 * @length: of @payload, a multiple of 8: up to 7 bytes are padding.
 * @wants_completion: the guest waits for one.
 * @external: it describes memory of the guest's, too, which cannot be reached here.
 *
 * Belongs to the host's end until vmb_host_complete(), or until the channel has
 * closed, when all of them are void.
 */
struct vmb_host_packet {
	const void *payload;
	__u32 length;
	bool wants_completion;
	bool external;
};

/**
 * struct vmb_host_end - the host's end: what it offers, and what it does when
 * @type: the type GUID, the fields as GUID_INIT() takes them.
 * @opened: the guest has opened the channel. May be called again after @closed.
 * @closed: it was closed, by the guest or by vmb_host_rescind(). What was sent and
 *	found no room is lost.
 * @packet: a packet has come. To be completed once, now or later, also if it wants
 *	no completion.
 * @completion: the guest has completed a packet that vmb_host_send() wanted a
 *	completion of: its id, and the payload of the completion, valid during the
 *	call, in a multiple of 8 bytes.
 * @tick: called every 20 ms while the channel is open.
 *
 * Every function may be NULL, but @packet.
 */
struct vmb_host_end {
	__u32 type[11];
	void (*opened)(void);
	void (*closed)(void);
	void (*packet)(struct vmb_host_packet *packet);
	void (*completion)(__u64 id, const void *payload, __u32 length);
	void (*tick)(void);
};

/* The file's. */
extern const struct vmb_host_end vmb_host_end;

/**
 * vmb_host_send() - send an in-band packet
 * @payload: copied.
 * @length: bytes of it; the guest sees them padded to a multiple of 8.
 * @wants_completion: call &vmb_host_end.completion when the guest completes it.
 * @id: for that, and what traces of the guest show as its transaction.
 *
 * Where the ring has no room it waits for that, in order with all that is sent and
 * completed. While the channel is closed nothing is sent.
 */
void vmb_host_send(const void *payload, __u32 length, bool wants_completion, __u64 id);

/**
 * vmb_host_complete() - complete a packet of the guest's
 * @packet: void afterwards.
 * @payload: copied; or NULL if @length is 0.
 * @length: bytes of it.
 *
 * The guest sees nothing of it if the packet wanted no completion.
 */
void vmb_host_complete(struct vmb_host_packet *packet, const void *payload,
		       __u32 length);

/**
 * vmb_host_rescind() - take the device away from the guest, and offer it again
 *
 * Takes effect a moment after the calling function has returned: the channel is
 * closed, without asking the guest, and the device goes. As soon as the guest has let
 * go of it, it is offered again.
 */
void vmb_host_rescind(void);

/**
 * vmb_host_verdict() - what the guest was waited for
 * @content: the guest did everything right.
 * @format: what there is to say about it, in a line; as printf().
 *
 * The first verdict counts. The guest unloads the client then; the channel goes on
 * until it is closed.
 */
void vmb_host_verdict(bool content, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
