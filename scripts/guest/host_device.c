// SPDX-License-Identifier: GPL-2.0
/*
 * The host's end of the echo client's channel, as a QEMU device: its type, its
 * opening and closing, and the worker that runs whenever either side has news.
 *
 * modes=A:B:C says what the first, second, and every later open is for:
 *   finite          every kind of packet, so many of each, then a verdict
 *   endless         traffic until the guest closes the channel
 *   framing-KIND    a little traffic, then a ring that cannot be followed
 *   mirror          for a client that sends each payload back
 *
 * The verdict is the host's, and goes to standard error:
 *   VMBHOST-VERDICT {json}   a finite run is over and everything was counted
 *   VMBHOST-CLOSED {json}    the guest closed the channel; counters of that open
 *   VMBHOST-WRONG text       what was wrong with a completion (the first few)
 */
#include "host_device.h"
#include "qemu/module.h"

#define TYPE_ECHO_HOST "vmb-echo-host"
DECLARE_INSTANCE_CHECKER(struct echo_host, ECHO_HOST, TYPE_ECHO_HOST)

/* A loop that never yields would keep the virtual CPUs from the big lock. */
#define PACKETS_PER_TURN 64
#define HOLD_QUIET_MS 100

int64_t echo_now(void)
{
	return qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
}

/* xorshift64: the same run again for the same seed. */
uint64_t echo_random(struct echo_host *host)
{
	host->random ^= host->random << 13;
	host->random ^= host->random >> 7;
	host->random ^= host->random << 17;
	return host->random;
}

AddressSpace *echo_memory(struct echo_host *host)
{
	return host->parent.dma_as;
}

/* Read one packet at a time: emptying a full ring at once loses a wake-up. */
static bool read_batch(struct echo_host *host)
{
	VMBusChanReq *req;
	bool any = false;

	if (vmbus_channel_recv_start(host->chan)) {
		host->count.guest_ring_errors++;
		return false;
	}
	while ((req = vmbus_channel_recv_peek(host->chan, sizeof(*req)))) {
		vmbus_channel_recv_pop(host->chan);
		echo_check(host, req);
		vmbus_free_req(req);
		if (vmbus_channel_recv_done(host->chan) < 0)
			host->count.guest_ring_errors++;
		any = true;
	}
	return any;
}

/*
 * The guest signals only what it writes into an empty ring, so look again
 * after the last read index was published.
 */
static void read_completions(struct echo_host *host)
{
	while (read_batch(host))
		host->progress_at = echo_now();
}

static bool send_packet(struct echo_host *host)
{
	struct echo_packet *packet = &host->packet;
	ssize_t sent;

	if (packet->raw) {
		if (!echo_write_raw(host, packet))
			return false;
	} else {
		if (vmbus_channel_reserve(host->chan, packet->descriptor_length,
					  packet->payload_length))
			return false;
		sent = vmbus_channel_send(host->chan, packet->type, packet->descriptor,
					  packet->descriptor_length, packet->payload,
					  packet->payload_length, packet->need_completion,
					  packet->txn.sequence);
		if (sent < 0)
			echo_wrong(host, "cannot send: %zd", sent);
	}
	return true;
}

static void send_packets(struct echo_host *host)
{
	int budget;

	for (budget = PACKETS_PER_TURN; budget; budget--) {
		if (!host->packet.ready) {
			if (echo_plan_next(host) == ECHO_NEXT_WAIT)
				return;
			host->packet.ready = true;
		}
		if (!send_packet(host)) {
			host->count.ring_full++;
			return;
		}
		host->sent_at = echo_now();
		host->packet.ready = false;
		/* Its answer cannot overtake this: both are this thread's work. */
		echo_begin_txn(host, &host->packet);
	}
	vmbus_channel_notify_host(host->chan);
}

/* Both rings are as full as they get when nothing fits for a while. */
static bool hold_is_over(struct echo_host *host)
{
	int64_t now = echo_now();

	return now >= host->hold_until || now - host->sent_at > HOLD_QUIET_MS;
}

static void end_of_hold(struct echo_host *host)
{
	host->hold_until = 0;
	host->count.holds++;
	host->count.holds_that_blocked_guest += host_guest_waits_for_room(host->chan);
}

static void echo_notify(VMBusChannel *chan)
{
	struct echo_host *host = ECHO_HOST(vmbus_channel_device(chan));

	if (host->chan != chan)
		return;
	if (host->hold_until && hold_is_over(host))
		end_of_hold(host);
	if (!host->hold_until)
		read_completions(host);
	if (!host->finished)
		send_packets(host);
}

static void echo_tick(void *opaque)
{
	struct echo_host *host = opaque;
	int64_t now = echo_now();

	if (!host->chan)
		return;
	/* Receiving is for the worker alone: only there is the ring mapped. */
	if (host->hold_until)
		vmbus_channel_notify_host(host->chan);
	if (!host->finished && now - host->progress_at > host->stall_ms) {
		host->finished = true;
		if (host->mode == ECHO_MODE_FINITE || host->mode == ECHO_MODE_MIRROR)
			echo_report(host, "VMBHOST-VERDICT");
		else
			echo_wrong(host, "no progress for %u ms", host->stall_ms);
	}
	timer_mod(host->timer, now + 20);
}

/* The mode of this open: the n-th of the list, and the last one for ever. */
static bool choose_mode(struct echo_host *host)
{
	g_auto(GStrv) modes = g_strsplit(host->modes, ":", -1);
	uint32_t last = g_strv_length(modes);
	const char *name;

	if (!last)
		return false;
	name = modes[MIN(host->opens, last - 1)];
	g_free(host->mode_name);
	host->mode_name = g_strdup(name);
	if (!strcmp(name, "finite"))
		host->mode = ECHO_MODE_FINITE;
	else if (!strcmp(name, "endless"))
		host->mode = ECHO_MODE_ENDLESS;
	else if (!strcmp(name, "mirror"))
		host->mode = ECHO_MODE_MIRROR;
	else if (g_str_has_prefix(name, "framing-") && echo_framing_known(name + 8))
		host->mode = ECHO_MODE_FRAMING;
	else
		return false;
	return true;
}

static int echo_open(VMBusChannel *chan)
{
	struct echo_host *host = ECHO_HOST(vmbus_channel_device(chan));

	if (!choose_mode(host)) {
		error_report("%s: bad mode in modes=%s", TYPE_ECHO_HOST, host->modes);
		return -EINVAL;
	}
	host->opens++;
	host->chan = chan;
	memset(&host->count, 0, sizeof(host->count));
	memset(host->txns, 0, ECHO_TXNS * sizeof(*host->txns));
	host->packet.ready = false;
	host->outstanding = 0;
	host->hold_until = 0;
	host->finished = false;
	host->opened_at = echo_now();
	host->progress_at = host->opened_at;
	host->random = host->seed * 0x9e3779b97f4a7c15ull + host->opens;
	echo_plan_start(host);
	timer_mod(host->timer, host->opened_at + 20);
	vmbus_channel_notify_host(chan);
	return 0;
}

static void echo_close(VMBusChannel *chan)
{
	struct echo_host *host = ECHO_HOST(vmbus_channel_device(chan));

	timer_del(host->timer);
	echo_report(host, "VMBHOST-CLOSED");
	echo_forget_memory(host);
	host->chan = NULL;
}

static void echo_realize(VMBusDevice *vdev, Error **errp)
{
	struct echo_host *host = ECHO_HOST(vdev);

	if (!host_is_our_qemu(vdev)) {
		error_setg(errp, "%s was built for another QEMU than this one: "
			   "remove the cache's qemu directory and build it again",
			   TYPE_ECHO_HOST);
		return;
	}
	if (!host->modes)
		host->modes = g_strdup("finite");
	if (!choose_mode(host)) {
		error_setg(errp, "bad mode in modes=%s", host->modes);
		return;
	}
	host->txns = g_new0(struct echo_txn, ECHO_TXNS);
	host->mirror = g_malloc0(VMB_ECHO_SHARED_SIZE);
	host->timer = timer_new_ms(QEMU_CLOCK_REALTIME, echo_tick, host);
}

static void echo_unrealize(VMBusDevice *vdev)
{
	struct echo_host *host = ECHO_HOST(vdev);

	timer_free(host->timer);
	g_free(host->mirror);
	g_free(host->txns);
	g_free(host->mode_name);
}

static const Property echo_properties[] = {
	DEFINE_PROP_STRING("modes", struct echo_host, modes),
	DEFINE_PROP_UINT32("inband", struct echo_host, inband, 10260),
	DEFINE_PROP_UINT32("external", struct echo_host, external, 1100),
	DEFINE_PROP_UINT32("hold-every", struct echo_host, hold_every, 3000),
	DEFINE_PROP_UINT32("stall-ms", struct echo_host, stall_ms, 20000),
	DEFINE_PROP_UINT64("seed", struct echo_host, seed, 1),
	HOST_PROPERTIES_END
};

static void echo_class_init(ObjectClass *klass, void *data)
{
	static const uint32_t class_fields[] = { VMB_ECHO_GUID_FIELDS };
	static const uint32_t instance_fields[] = {
		0x7b2e94d1, 0x3c0f, 0x4e86, 0x8a, 0x51, 0x0c, 0x9d, 0x62, 0xf3, 0x17, 0x28
	};
	VMBusDeviceClass *vdc = VMBUS_DEVICE_CLASS(klass);

	host_set_properties(DEVICE_CLASS(klass), echo_properties);
	host_set_uuid(&vdc->classid, class_fields);
	host_set_uuid(&vdc->instanceid, instance_fields);
	vdc->vmdev_realize = echo_realize;
	vdc->vmdev_unrealize = echo_unrealize;
	vdc->open_channel = echo_open;
	vdc->close_channel = echo_close;
	vdc->chan_notify_cb = echo_notify;
}

static const TypeInfo echo_type = {
	.name = TYPE_ECHO_HOST,
	.parent = TYPE_VMBUS_DEVICE,
	.instance_size = sizeof(struct echo_host),
	.class_init = echo_class_init,
};

static void echo_register(void)
{
	type_register_static(&echo_type);
}

/* The object is preloaded: QEMU runs this list of functions in its main(). */
static void __attribute__((constructor)) echo_load(void)
{
	register_module_init(echo_register, MODULE_INIT_QOM);
}
