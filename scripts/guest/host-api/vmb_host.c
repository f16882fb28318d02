// SPDX-License-Identifier: GPL-2.0
/*
 * vmb_host.h as a QEMU device, which the file with vmb_host_end is linked with.
 *
 * On standard error, which is host.log, it says
 *   VMBHOST-OFFERS guid            once, when the device is there
 *   VMBHOST-OPENED, VMBHOST-CLOSED as often as it is
 *   VMBHOST-RESCINDED              before the VMBHOST-CLOSED of it
 *   VMBHOST-VERDICT content|not-content text
 *
 * The guest hears the verdict, too, on the serial port whose character device is
 * named "verdict": a word on a line, again and again, for it may look late.
 *
 * Everything runs in QEMU's main loop under its big lock.
 */
#include "host_common.h"
#include "host_offers.h"
#include "vmb_host.h"
#include "chardev/char.h"
#include "qemu/module.h"

#define TYPE_CLIENT_HOST "vmb-client-host"
DECLARE_INSTANCE_CHECKER(struct client_host, CLIENT_HOST, TYPE_CLIENT_HOST)

#define TICK_MS			20
#define TICKS_PER_WORD		5
/* Of the guest to let go of the device, before the host waits no longer. */
#define AGAIN_AT_LAST_MS	60000

/*
 * chan: NULL while it is closed. told_opened: the file knows that it is open.
 * outgoing: what has not found room, oldest first. held: packets that the file has
 * not completed. again_at: when to offer the device again at the latest, 0: it is
 * offered. verdict: the word for the guest, NULL: there is none.
 */
struct client_host {
	VMBusDevice parent_obj;
	struct host_offers offers;
	QEMUTimer *timer;
	VMBusChannel *chan;
	bool told_opened;
	GQueue outgoing;
	GQueue held;
	bool rescind;
	int64_t again_at;
	const char *verdict;
	const char *word;
	uint32_t ticks;
};

/* A packet of the guest's, and what is known of it only here. */
struct held_packet {
	struct vmb_host_packet packet;
	uint64_t transaction;
	VMBusChanReq *req;
};

struct outgoing_packet {
	uint16_t type;
	bool wants_completion;
	uint64_t transaction;
	uint32_t length;
	uint8_t payload[];
};

static struct client_host *the_host;

static int64_t now(void)
{
	return qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
}

static void say(const char *text)
{
	fprintf(stderr, "%s\n", text);
	fflush(stderr);
}

static void send_what_fits(struct client_host *host)
{
	struct outgoing_packet *out;
	ssize_t sent;

	while ((out = g_queue_peek_head(&host->outgoing))) {
		/* The guest tells when there is room. */
		if (vmbus_channel_reserve(host->chan, 0, out->length))
			return;
		sent = vmbus_channel_send(host->chan, out->type, NULL, 0, out->payload,
					  out->length, out->wants_completion,
					  out->transaction);
		if (sent < 0)
			vmb_host_verdict(false, "the ring cannot be written: %zd", sent);
		g_free(g_queue_pop_head(&host->outgoing));
	}
}

static void send_or_wait(struct client_host *host, uint16_t type, uint64_t transaction,
			 bool wants_completion, const void *payload, uint32_t length)
{
	struct outgoing_packet *out;

	if (!host->chan || !host->told_opened)
		return;
	out = g_malloc0(sizeof(*out) + length);
	out->type = type;
	out->wants_completion = wants_completion;
	out->transaction = transaction;
	out->length = length;
	if (length)
		memcpy(out->payload, payload, length);
	g_queue_push_tail(&host->outgoing, out);
	send_what_fits(host);
}

void vmb_host_send(const void *payload, __u32 length, bool wants_completion, __u64 id)
{
	send_or_wait(the_host, VMBUS_PACKET_DATA_INBAND, id, wants_completion, payload,
		     length);
}

static void free_held(struct held_packet *held)
{
	vmbus_free_req(held->req);
	g_free(held);
}

void vmb_host_complete(struct vmb_host_packet *packet, const void *payload, __u32 length)
{
	struct held_packet *held = container_of(packet, struct held_packet, packet);

	if (!g_queue_remove(&the_host->held, held)) {
		vmb_host_verdict(false, "the host's end completes what it does not hold");
		return;
	}
	if (packet->wants_completion)
		send_or_wait(the_host, VMBUS_PACKET_COMP, held->transaction, false, payload,
			     length);
	free_held(held);
}

void vmb_host_rescind(void)
{
	the_host->rescind = true;
}

void vmb_host_verdict(bool content, const char *format, ...)
{
	g_autofree char *text = NULL, *line = NULL;
	va_list arguments;

	if (the_host->verdict)
		return;
	the_host->verdict = content ? "content\n" : "not-content\n";
	the_host->word = the_host->verdict;
	va_start(arguments, format);
	text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	line = g_strdup_printf("VMBHOST-VERDICT %s %s", content ? "content" : "not-content",
			       text);
	say(line);
}

/* The packet is kept, or freed. */
static void take_packet(struct client_host *host, VMBusChanReq *req)
{
	struct held_packet *held;

	if (req->pkt_type == VMBUS_PACKET_COMP) {
		if (vmb_host_end.completion)
			vmb_host_end.completion(req->transaction_id, req->msg, req->msglen);
		vmbus_free_req(req);
		return;
	}
	held = g_new0(struct held_packet, 1);
	held->req = req;
	held->transaction = req->transaction_id;
	held->packet = (struct vmb_host_packet) {
		.payload = req->msg,
		.length = req->msglen,
		.wants_completion = req->need_comp,
		.external = req->pkt_type == VMBUS_PACKET_DATA_USING_GPA_DIRECT,
	};
	g_queue_push_tail(&host->held, held);
	vmb_host_end.packet(&held->packet);
}

/* One packet at a time: emptying a full ring at once loses a wake-up. */
static bool read_batch(struct client_host *host)
{
	VMBusChanReq *req;
	bool any = false;

	if (vmbus_channel_recv_start(host->chan)) {
		vmb_host_verdict(false, "the guest's ring cannot be read");
		return false;
	}
	while ((req = vmbus_channel_recv_peek(host->chan, sizeof(*req)))) {
		vmbus_channel_recv_pop(host->chan);
		take_packet(host, req);
		if (vmbus_channel_recv_done(host->chan) < 0)
			vmb_host_verdict(false, "the guest's ring cannot be read on");
		any = true;
	}
	return any;
}

static void client_notify(VMBusChannel *chan)
{
	struct client_host *host = CLIENT_HOST(vmbus_channel_device(chan));

	if (host->chan != chan)
		return;
	if (!host->told_opened) {
		host->told_opened = true;
		say("VMBHOST-OPENED");
		if (vmb_host_end.opened)
			vmb_host_end.opened();
	}
	/* The guest signals only what it writes into an empty ring. */
	while (read_batch(host))
		;
	send_what_fits(host);
}

static int client_open(VMBusChannel *chan)
{
	struct client_host *host = CLIENT_HOST(vmbus_channel_device(chan));

	host->chan = chan;
	host->told_opened = false;
	/* The file hears of it by the worker: here nothing can be sent yet. */
	vmbus_channel_notify_host(chan);
	return 0;
}

static void client_close(VMBusChannel *chan)
{
	struct client_host *host = CLIENT_HOST(vmbus_channel_device(chan));

	host->chan = NULL;
	if (host->told_opened) {
		say("VMBHOST-CLOSED");
		if (vmb_host_end.closed)
			vmb_host_end.closed();
	}
	while (!g_queue_is_empty(&host->outgoing))
		g_free(g_queue_pop_head(&host->outgoing));
	while (!g_queue_is_empty(&host->held))
		free_held(g_queue_pop_head(&host->held));
}

/* As many bytes as the guest has room for now. */
static void tell_verdict(struct client_host *host)
{
	Chardev *port = qemu_chr_find("verdict");

	if (!host->verdict || !port)
		return;
	if (!*host->word && ++host->ticks % TICKS_PER_WORD == 0)
		host->word = host->verdict;
	while (*host->word && qemu_chr_be_can_write(port) > 0)
		qemu_chr_be_write(port, (uint8_t *)host->word++, 1);
}

static void rescind_or_offer(struct client_host *host)
{
	VMBusChannel *chan = vmbus_device_channel(&host->parent_obj, 0);

	if (host->rescind && host->chan && !host_is_being_opened(chan)) {
		host->rescind = false;
		host->again_at = now() + AGAIN_AT_LAST_MS;
		say("VMBHOST-RESCINDED");
		host_rescind(&host->offers, chan);
	} else if (host->again_at && (host_guest_has_let_go() || now() > host->again_at)) {
		if (!host_guest_has_let_go())
			vmb_host_verdict(false, "the guest has not let go of the device");
		host->again_at = 0;
		host_offer(&host->offers, chan);
	}
}

static void client_tick(void *opaque)
{
	struct client_host *host = opaque;

	if (host->chan && host->told_opened && vmb_host_end.tick)
		vmb_host_end.tick();
	rescind_or_offer(host);
	tell_verdict(host);
	timer_mod(host->timer, now() + TICK_MS);
}

/* The bus was reset, or begins to offer everything anew: so is the device. */
static void after_reset(void *opaque)
{
	struct client_host *host = opaque;

	if (!host_guest_begins_anew(vmbus_device_channel(&host->parent_obj, 0)))
		return;
	host_offers_invalidate(&host->offers);
	host->again_at = 0;
}

static void client_reset(VMBusDevice *vdev)
{
	/* The bus itself comes after its devices. */
	aio_bh_schedule_oneshot(qemu_get_aio_context(), after_reset, CLIENT_HOST(vdev));
}

static void client_realize(VMBusDevice *vdev, Error **errp)
{
	struct client_host *host = CLIENT_HOST(vdev);
	char guid[UUID_FMT_LEN + 1];
	g_autofree char *line = NULL;

	if (!host_is_our_qemu(vdev, 1)) {
		error_setg(errp, "%s was built for another QEMU than this one: "
			   "remove the cache's qemu directory and build it again",
			   TYPE_CLIENT_HOST);
		return;
	}
	if (!vmb_host_end.packet) {
		error_setg(errp, "vmb_host_end has no function for packets");
		return;
	}
	if (!host_can_offer()) {
		error_setg(errp, "offers need a guest with two processors");
		return;
	}
	the_host = host;
	host_offers_init(&host->offers);
	g_queue_init(&host->outgoing);
	g_queue_init(&host->held);
	host->timer = timer_new_ms(QEMU_CLOCK_REALTIME, client_tick, host);
	timer_mod(host->timer, now() + TICK_MS);
	qemu_uuid_unparse(&VMBUS_DEVICE_GET_CLASS(vdev)->classid, guid);
	line = g_strdup_printf("VMBHOST-OFFERS %s", guid);
	say(line);
}

static void client_unrealize(VMBusDevice *vdev)
{
	struct client_host *host = CLIENT_HOST(vdev);

	timer_free(host->timer);
	host_offers_destroy(&host->offers);
}

static void client_class_init(ObjectClass *klass, void *data)
{
	static const uint32_t instance_fields[] = {
		0x3d7ce8b2, 0x41f6, 0x4a9e, 0xb7, 0x20, 0x95, 0x1c, 0x6e, 0x08, 0xd4, 0x7b
	};
	VMBusDeviceClass *vdc = VMBUS_DEVICE_CLASS(klass);

	host_set_uuid(&vdc->classid, vmb_host_end.type);
	host_set_uuid(&vdc->instanceid, instance_fields);
	vdc->vmdev_realize = client_realize;
	vdc->vmdev_unrealize = client_unrealize;
	vdc->vmdev_reset = client_reset;
	vdc->open_channel = client_open;
	vdc->close_channel = client_close;
	vdc->chan_notify_cb = client_notify;
}

static const TypeInfo client_type = {
	.name = TYPE_CLIENT_HOST,
	.parent = TYPE_VMBUS_DEVICE,
	.instance_size = sizeof(struct client_host),
	.class_init = client_class_init,
};

static void client_register(void)
{
	type_register_static(&client_type);
}

/* The object is preloaded: QEMU runs this list of functions in its main(). */
static void __attribute__((constructor)) client_load(void)
{
	register_module_init(client_register, MODULE_INIT_QOM);
}
