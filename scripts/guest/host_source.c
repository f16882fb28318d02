// SPDX-License-Identifier: GPL-2.0
/*
 * The host's end of the source client's channel, as a QEMU device: its type, its
 * opening and closing. The guest sends; this end reads as it pleases, checks, and
 * answers.
 *
 * modes=A:B:C says what the first, second, and every later open is for:
 *   finite          so many of each kind, then a verdict
 *   endless         until the guest closes the channel
 *   deaf            the same, but the host stops reading soon, for good
 *
 * The verdict is the host's, and goes to standard error:
 *   VMBHOST-SOURCE-VERDICT {json}  a finite run is over, or stands still
 *   VMBHOST-SOURCE-CLOSED {json}   the guest closed the channel
 *   VMBHOST-SOURCE-WRONG text      what was wrong (the first few)
 */
#include "host_source.h"
#include "qemu/module.h"

#define TYPE_SOURCE_HOST "vmb-source-host"
DECLARE_INSTANCE_CHECKER(struct source_host, SOURCE_HOST, TYPE_SOURCE_HOST)

#define TICK_MS		2

static void source_notify(VMBusChannel *chan)
{
	struct source_host *host = SOURCE_HOST(vmbus_channel_device(chan));

	if (host->chan == chan)
		source_work(host);
}

static void source_tick(void *opaque)
{
	struct source_host *host = opaque;
	int64_t now = source_now();

	if (!host->chan)
		return;
	source_tick_allowance(host);
	/* Receiving is for the worker alone: only there is the ring mapped. */
	if (source_tick_is_needed(host))
		vmbus_channel_notify_host(host->chan);
	if (!host->finished && !host->deaf && now - host->progress_at > host->stall_ms) {
		source_wrong(host, "no progress for %u ms", host->stall_ms);
		host->finished = true;
		source_report(host, "VMBHOST-SOURCE-VERDICT");
	}
	timer_mod(host->timer, now + TICK_MS);
}

/* The mode of this open: the n-th of the list, and the last one for ever. */
static bool choose_mode(struct source_host *host)
{
	g_auto(GStrv) modes = g_strsplit(host->modes, ":", -1);
	uint32_t last = g_strv_length(modes);

	if (!last)
		return false;
	g_free(host->mode_name);
	host->mode_name = g_strdup(modes[MIN(host->opens, last - 1)]);
	host->deaf = !strcmp(host->mode_name, "deaf");
	host->endless = host->deaf || !strcmp(host->mode_name, "endless");
	return host->endless || !strcmp(host->mode_name, "finite");
}

static int source_open(VMBusChannel *chan)
{
	struct source_host *host = SOURCE_HOST(vmbus_channel_device(chan));
	uint32_t i;

	if (!choose_mode(host)) {
		error_report("%s: bad mode in modes=%s", TYPE_SOURCE_HOST, host->modes);
		return -EINVAL;
	}
	host->opens++;
	host->chan = chan;
	memset(&host->count, 0, sizeof(host->count));
	for (i = 0; i < SOURCE_STREAMS; i++) {
		host->streams[i].next = 0;
		host->streams[i].missing = g_hash_table_new_full(g_int64_hash, g_int64_equal,
								 g_free, NULL);
	}
	host->finished = false;
	host->content = false;
	host->opened_at = source_now();
	host->progress_at = host->opened_at;
	source_answers_start(host);
	source_pace_start(host);
	timer_mod(host->timer, host->opened_at + TICK_MS);
	vmbus_channel_notify_host(chan);
	return 0;
}

static void source_close(VMBusChannel *chan)
{
	struct source_host *host = SOURCE_HOST(vmbus_channel_device(chan));
	uint32_t i;

	timer_del(host->timer);
	source_report(host, "VMBHOST-SOURCE-CLOSED");
	source_answers_drop(host);
	for (i = 0; i < SOURCE_STREAMS; i++)
		g_hash_table_destroy(host->streams[i].missing);
	vmbus_put_gpadl(host->gpadl);
	host->gpadl = NULL;
	host->chan = NULL;
}

static void source_realize(VMBusDevice *vdev, Error **errp)
{
	struct source_host *host = SOURCE_HOST(vdev);

	if (!host_is_our_qemu(vdev, 1)) {
		error_setg(errp, "%s was built for another QEMU than this one: "
			   "remove the cache's qemu directory and build it again",
			   TYPE_SOURCE_HOST);
		return;
	}
	if (!host->modes)
		host->modes = g_strdup("finite");
	if (!choose_mode(host)) {
		error_setg(errp, "bad mode in modes=%s", host->modes);
		return;
	}
	g_queue_init(&host->answers);
	g_queue_init(&host->late);
	g_queue_init(&host->withheld);
	host->timer = timer_new_ms(QEMU_CLOCK_REALTIME, source_tick, host);
}

static void source_unrealize(VMBusDevice *vdev)
{
	struct source_host *host = SOURCE_HOST(vdev);

	timer_free(host->timer);
	g_free(host->mode_name);
}

static const Property source_properties[] = {
	DEFINE_PROP_STRING("modes", struct source_host, modes),
	DEFINE_PROP_UINT64("sends", struct source_host, sends, 100000),
	DEFINE_PROP_UINT32("externals", struct source_host, externals, 450),
	DEFINE_PROP_UINT32("requests", struct source_host, requests, 50),
	DEFINE_PROP_UINT32("fills", struct source_host, fills, 25),
	DEFINE_PROP_UINT32("hold-ms", struct source_host, hold_ms, 1000),
	DEFINE_PROP_UINT32("rest-ms", struct source_host, rest_ms, 0),
	DEFINE_PROP_UINT32("stall-ms", struct source_host, stall_ms, 20000),
	HOST_PROPERTIES_END
};

static void source_class_init(ObjectClass *klass, void *data)
{
	static const uint32_t class_fields[] = { VMB_SOURCE_GUID_FIELDS };
	static const uint32_t instance_fields[] = {
		0x51f0c83a, 0x9e27, 0x4b6d, 0xa4, 0x18, 0x3e, 0x75, 0xd0, 0x2b, 0xc9, 0x86
	};
	VMBusDeviceClass *vdc = VMBUS_DEVICE_CLASS(klass);

	host_set_properties(DEVICE_CLASS(klass), source_properties);
	host_set_uuid(&vdc->classid, class_fields);
	host_set_uuid(&vdc->instanceid, instance_fields);
	vdc->vmdev_realize = source_realize;
	vdc->vmdev_unrealize = source_unrealize;
	vdc->open_channel = source_open;
	vdc->close_channel = source_close;
	vdc->chan_notify_cb = source_notify;
}

static const TypeInfo source_type = {
	.name = TYPE_SOURCE_HOST,
	.parent = TYPE_VMBUS_DEVICE,
	.instance_size = sizeof(struct source_host),
	.class_init = source_class_init,
};

static void source_register(void)
{
	type_register_static(&source_type);
}

/* The object is preloaded: QEMU runs this list of functions in its main(). */
static void __attribute__((constructor)) source_load(void)
{
	register_module_init(source_register, MODULE_INIT_QOM);
}
