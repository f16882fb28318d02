// SPDX-License-Identifier: GPL-2.0
/*
 * The control messages with which channels are offered and taken back, posted to
 * the guest one at a time, on a route of their own.
 *
 * The route is to the second virtual processor: on the first it would share the
 * line on which the guest acknowledges messages with the bus's own. Channels of
 * types that Linux does not know all interrupt the first one, so none of them has
 * a route to the second, which would share it, too.
 */
#include "host_offers.h"
#include "hw/hyperv/hyperv-proto.h"

/* As for hyperv_set_event_flag() in host_common.h. */
HvSintRoute *hyperv_sint_route_new(uint32_t vp_index, uint32_t sint,
				   void (*cb)(void *data, int status), void *cb_data);
void hyperv_sint_route_unref(HvSintRoute *sint_route);
int hyperv_post_msg(HvSintRoute *sint_route, struct hyperv_message *msg);
int hyperv_set_event_flag_handler(uint32_t conn_id, EventNotifier *notifier);
struct CPUState *qemu_get_cpu(int index);

#define PROCESSOR		1
#define CONNECTION_OF_RELID	16
/* QEMU counts from 1, and Linux takes fewer than 2048. */
#define FIRST_RELID		256
#define LAST_RELID		2047
#define RETRY_MS		2

/* What QEMU says of a message that it does not know, and the one that is meant. */
#define UNKNOWN_MESSAGE		"unknown message type %#x"
#define RELID_RELEASED		13u

/* Channels that were taken back and whose relids the guest still has. */
static uint32_t not_released;

struct message {
	uint32_t length;
	union {
		vmbus_message_offer_channel offer;
		vmbus_message_rescind_channel_offer rescind;
	};
};

/*
 * A way for messages. offers: whose it is, NULL: it was left behind. message: on
 * its way to the guest, NULL: none.
 */
struct host_route {
	struct host_offers *offers;
	HvSintRoute *route;
	struct message *message;
};

static int64_t now(void)
{
	return qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
}

static void drop_route(struct host_route *route)
{
	hyperv_sint_route_unref(route->route);
	g_free(route);
}

/* Not free for the next message before this has returned. */
static void posted(void *opaque, int status)
{
	struct host_route *route = opaque;
	struct host_offers *offers = route->offers;
	struct message *message = route->message;

	route->message = NULL;
	if (!offers || !status) {
		g_free(message);
	} else {
		g_queue_push_head(&offers->messages, message);
		/* The processor was off when the route was made, or it is now. */
		if (status != -EAGAIN)
			offers->route = NULL;
	}
	if (offers)
		timer_mod(offers->timer, now() + (status ? RETRY_MS : 0));
	if (!offers || offers->route != route)
		drop_route(route);
}

static bool has_route(struct host_offers *offers)
{
	struct host_route *route;

	if (offers->route)
		return true;
	route = g_new0(struct host_route, 1);
	route->route = hyperv_sint_route_new(PROCESSOR, VMBUS_SINT, posted, route);
	if (!route->route) {
		g_free(route);
		return false;
	}
	route->offers = offers;
	offers->route = route;
	return true;
}

static void post_next(struct host_offers *offers)
{
	struct hyperv_message message = { .header.message_type = HV_MESSAGE_VMBUS };
	struct host_route *route;

	if (g_queue_is_empty(&offers->messages))
		return;
	if (!has_route(offers)) {
		timer_mod(offers->timer, now() + RETRY_MS);
		return;
	}
	route = offers->route;
	if (route->message)
		return;
	route->message = g_queue_pop_head(&offers->messages);
	memcpy(message.payload, &route->message->offer, route->message->length);
	message.header.payload_size = ROUND_UP(route->message->length,
					       VMBUS_MESSAGE_SIZE_ALIGN);
	if (hyperv_post_msg(route->route, &message)) {
		g_queue_push_head(&offers->messages, route->message);
		route->message = NULL;
		timer_mod(offers->timer, now() + RETRY_MS);
	}
}

/* What is on its way is not waited for any more. */
static void leave_route(struct host_offers *offers)
{
	if (!offers->route)
		return;
	offers->route->offers = NULL;
	if (!offers->route->message)
		drop_route(offers->route);
	offers->route = NULL;
}

static void tick(void *opaque)
{
	post_next(opaque);
}

static void send_message(struct host_offers *offers, const struct message *message)
{
	g_queue_push_tail(&offers->messages, g_memdup2(message, sizeof(*message)));
	post_next(offers);
}

/*
 * QEMU tells nobody that the guest has let go of a channel, but writes a line to
 * standard error: by this function, which is ours, for we are preloaded.
 */
int __vfprintf_chk(FILE *stream, int flag, const char *format, va_list arguments)
{
	va_list copy;

	if (!strcmp(format, UNKNOWN_MESSAGE)) {
		va_copy(copy, arguments);
		if (va_arg(copy, unsigned int) == RELID_RELEASED && not_released)
			not_released--;
		va_end(copy);
	}
	return vfprintf(stream, format, arguments);
}

/* May what was taken back be offered again? */
bool host_guest_has_let_go(void)
{
	return !not_released;
}

/*
 * Offer it. The guest must have released a relid before it may be given again;
 * QEMU does not hear of that, so every offer gets a new one.
 */
void host_offer(struct host_offers *offers, VMBusChannel *chan)
{
	static uint32_t next_relid = FIRST_RELID;
	VMBusDevice *device = vmbus_channel_device(chan);
	VMBusDeviceClass *class = VMBUS_DEVICE_GET_CLASS(device);
	QemuUUID type = qemu_uuid_bswap(class->classid);
	QemuUUID instance = qemu_uuid_bswap(device->instanceid);
	struct message message = {
		.length = sizeof(message.offer),
		.offer = {
			.header.message_type = VMBUS_MSG_OFFERCHANNEL,
			.child_relid = next_relid,
			.connection_id = CONNECTION_OF_RELID + next_relid,
			.channel_flags = class->channel_flags,
			.sub_channel_index = vmbus_channel_idx(chan),
			.interrupt_flags = VMBUS_OFFER_INTERRUPT_DEDICATED,
		},
	};

	g_assert(!vmbus_channel_is_open(chan));
	chan->id = next_relid;
	next_relid = next_relid == LAST_RELID ? FIRST_RELID : next_relid + 1;
	memcpy(message.offer.type_uuid, &type, sizeof(type));
	memcpy(message.offer.instance_uuid, &instance, sizeof(instance));
	send_message(offers, &message);
}

/* The host's end goes at once, whatever the guest does: as vmbus.c closes it. */
static void take_end_away(VMBusChannel *chan)
{
	VMBusDeviceClass *class = VMBUS_DEVICE_GET_CLASS(vmbus_channel_device(chan));

	if (!chan->is_open)
		return;
	class->close_channel(chan);
	hyperv_sint_route_unref(chan->notify_route);
	hyperv_set_event_flag_handler(CONNECTION_OF_RELID + chan->id, NULL);
	event_notifier_set_handler(&chan->notifier, NULL);
	event_notifier_cleanup(&chan->notifier);
	vmbus_put_gpadl(chan->gpadl);
	chan->is_open = false;
	chan->state = VMCHAN_INIT;
}

/*
 * Take the offer back. Not to be called by the channel's own worker, and not
 * while its open is being answered.
 */
void host_rescind(struct host_offers *offers, VMBusChannel *chan)
{
	const struct message message = {
		.length = sizeof(message.rescind),
		.rescind = {
			.header.message_type = VMBUS_MSG_RESCIND_CHANNELOFFER,
			.child_relid = chan->id,
		},
	};

	take_end_away(chan);
	not_released++;
	send_message(offers, &message);
}

/* Keep the bus from offering it when the guest asks for all offers. */
void host_do_not_offer(VMBusChannel *chan)
{
	chan->offer_state = VMOFFER_SENT;
}

/* Its open is being answered: not to be rescinded now. */
bool host_is_being_opened(VMBusChannel *chan)
{
	return chan->state == VMCHAN_OPENING;
}

/* The bus was reset, and the guest has not asked for offers since. */
bool host_guest_begins_anew(VMBusChannel *chan)
{
	return chan->offer_state == VMOFFER_INIT;
}

/* The guest begins anew: what was not delivered does not concern it. */
void host_offers_invalidate(struct host_offers *offers)
{
	while (!g_queue_is_empty(&offers->messages))
		g_free(g_queue_pop_head(&offers->messages));
	if (offers->route && offers->route->message)
		leave_route(offers);
	not_released = 0;
	timer_del(offers->timer);
}

bool host_can_offer(void)
{
	return qemu_get_cpu(PROCESSOR);
}

void host_offers_init(struct host_offers *offers)
{
	g_queue_init(&offers->messages);
	offers->timer = timer_new_ms(QEMU_CLOCK_REALTIME, tick, offers);
}

void host_offers_destroy(struct host_offers *offers)
{
	host_offers_invalidate(offers);
	leave_route(offers);
	timer_free(offers->timer);
}
