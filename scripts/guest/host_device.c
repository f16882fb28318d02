// SPDX-License-Identifier: GPL-2.0
/*
 * The host's end of the echo client's channels, as a QEMU device: its type, its
 * opening and closing.
 *
 * modes=A:B:C says what the first, second, and every later open of the primary
 * channel is for:
 *   finite          every kind of packet, so many of each, then a verdict
 *   endless         traffic until the guest closes the channel
 *   framing-KIND    a little traffic, then a ring that cannot be followed
 *   mirror          for a client that sends each payload back
 *   mirror-endless  the same without end
 *   mirror-rescind  the same, under which the host takes the whole device back, and
 *                   offers it again
 *   exchange        the same without end, and the client sends, too
 *   rescind         traffic, under which the host takes the whole device back,
 *                   and offers it again
 *   rescind-sub     traffic, under which the host takes back one sub-channel
 *                   after the other, again and again
 *   fewer           traffic, under which the host says that there is one
 *                   sub-channel fewer, and then again all, again and again
 *   hostile         a little traffic, and then anything, until the guest closes the
 *                   channel, which is to be soon
 *   places          packets that name what is not shared, of a list that the guest has,
 *                   then a verdict
 *
 * sub-channels=N says how many there are to be had. Each carries endless traffic.
 * The client is told of them in the modes endless, rescind, rescind-sub and fewer.
 *
 * The verdict is the host's, and goes to standard error:
 *   VMBHOST-VERDICT {json}   a finite run is over and everything was counted
 *   VMBHOST-CLOSED {json}    a channel was closed; counters of that open
 *   VMBHOST-WRONG text       what was wrong with a completion (the first few)
 */
#include "host_device.h"
#include "qemu/module.h"

DECLARE_INSTANCE_CHECKER(struct echo_host, ECHO_HOST, TYPE_ECHO_HOST)

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
	else if (!strcmp(name, "mirror-endless"))
		host->mode = ECHO_MODE_MIRROR_ENDLESS;
	else if (!strcmp(name, "mirror-rescind"))
		host->mode = ECHO_MODE_MIRROR_RESCIND;
	else if (!strcmp(name, "exchange"))
		host->mode = ECHO_MODE_EXCHANGE;
	else if (!strcmp(name, "rescind"))
		host->mode = ECHO_MODE_RESCIND;
	else if (!strcmp(name, "rescind-sub"))
		host->mode = ECHO_MODE_RESCIND_SUB;
	else if (!strcmp(name, "fewer"))
		host->mode = ECHO_MODE_FEWER;
	else if (!strcmp(name, "hostile"))
		host->mode = ECHO_MODE_HOSTILE;
	else if (!strcmp(name, "places"))
		host->mode = ECHO_MODE_PLACES;
	else if (g_str_has_prefix(name, "framing-") && echo_framing_known(name + 8))
		host->mode = ECHO_MODE_FRAMING;
	else
		return false;
	return true;
}

static struct echo_channel *channel_of(VMBusChannel *chan)
{
	struct echo_host *host = ECHO_HOST(vmbus_channel_device(chan));

	return &host->channels[vmbus_channel_idx(chan)];
}

static void echo_notify(VMBusChannel *chan)
{
	struct echo_channel *channel = channel_of(chan);

	if (channel->chan)
		echo_work(channel);
}

static int echo_open(VMBusChannel *chan)
{
	struct echo_channel *channel = channel_of(chan);
	struct echo_host *host = channel->host;

	if (channel->index) {
		channel->mode = ECHO_MODE_ENDLESS;
	} else {
		if (!choose_mode(host)) {
			error_report("%s: bad mode in modes=%s", TYPE_ECHO_HOST, host->modes);
			return -EINVAL;
		}
		channel->mode = host->mode;
		host->opens++;
	}
	channel->chan = chan;
	channel->rescinded = false;
	echo_worker_start(channel);
	echo_offers_opened(channel);
	return 0;
}

/* The guest closes it, or it is taken away from it. */
static void echo_close(VMBusChannel *chan)
{
	struct echo_channel *channel = channel_of(chan);

	echo_worker_stop(channel);
	echo_report(channel, "VMBHOST-CLOSED");
	echo_invalidate_memory(channel);
	channel->chan = NULL;
	echo_offers_closed(channel);
}

static void echo_reset(VMBusDevice *vdev)
{
	echo_offers_reset(ECHO_HOST(vdev));
}

static uint16_t echo_num_channels(VMBusDevice *vdev)
{
	return ECHO_HOST(vdev)->sub_channels + 1;
}

static void init_channel(struct echo_host *host, uint32_t index)
{
	struct echo_channel *channel = &host->channels[index];

	channel->host = host;
	channel->index = index;
	channel->txns = g_new0(struct echo_txn, ECHO_TXNS);
	channel->mirror = g_malloc0(VMB_ECHO_SHARED_SIZE);
	channel->timer = timer_new_ms(QEMU_CLOCK_REALTIME, echo_tick, channel);
}

static void destroy_channel(struct echo_channel *channel)
{
	timer_free(channel->timer);
	g_free(channel->places);
	g_free(channel->mirror);
	g_free(channel->txns);
}

static void echo_realize(VMBusDevice *vdev, Error **errp)
{
	struct echo_host *host = ECHO_HOST(vdev);
	uint32_t i;

	if (!host_is_our_qemu(vdev, host->sub_channels + 1)) {
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
	host->channels = g_new0(struct echo_channel, vdev->num_channels);
	for (i = 0; i < vdev->num_channels; i++)
		init_channel(host, i);
	echo_offers_init(host, errp);
}

static void echo_unrealize(VMBusDevice *vdev)
{
	struct echo_host *host = ECHO_HOST(vdev);
	uint32_t i;

	echo_offers_destroy(host);
	for (i = 0; i < vdev->num_channels; i++)
		destroy_channel(&host->channels[i]);
	g_free(host->channels);
	g_free(host->mode_name);
}

static const Property echo_properties[] = {
	DEFINE_PROP_STRING("modes", struct echo_host, modes),
	DEFINE_PROP_UINT32("inband", struct echo_host, inband, 10260),
	DEFINE_PROP_UINT32("external", struct echo_host, external, 1100),
	DEFINE_PROP_UINT32("hold-every", struct echo_host, hold_every, 3000),
	DEFINE_PROP_UINT32("rest-ms", struct echo_host, rest_ms, 0),
	DEFINE_PROP_UINT32("stall-ms", struct echo_host, stall_ms, 20000),
	DEFINE_PROP_UINT32("sub-channels", struct echo_host, sub_channels, 0),
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
	vdc->vmdev_reset = echo_reset;
	vdc->num_channels = echo_num_channels;
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
