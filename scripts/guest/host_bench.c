// SPDX-License-Identifier: GPL-2.0
/*
 * The host's end of the guest's benchmark, as QEMU devices: it sends packets as the
 * echo client's host does, as many at a time as it is told, and measures when each is
 * answered.
 *
 * What a device does at each open is in its type:
 *   vmb-bench-echo    pings, one at a time; then echoes, many at a time; "finished"
 *   vmb-bench-ping    pings alone, then "finished"
 *   vmb-bench-flood   echoes until the guest closes the channel
 *   vmb-bench-full    echoes, of eight bytes, as many as the ring takes; it looks at what
 *                     came only some time after the guest has signalled, so that both
 *                     rings are full in between and either side waits for the other;
 *                     then "finished"
 *   vmb-bench-idle    nothing
 *
 * On standard error:
 *   VMBHOST-BENCH {json}   what was measured in one part of one open; and when the guest
 *                          has closed the channel, what was wrong after those, as of a
 *                          part "end"
 *
 * Everything runs in QEMU's main loop under its big lock. The guest's processors run
 * meanwhile, so that times are those of a host that is busy with this alone.
 */
#include "host_rings.h"
#include "echo_protocol.h"
#include "bench_protocol.h"
#include "qemu/module.h"
#include <zlib.h>

#define TYPE_BENCH_HOST "vmb-bench-host"
DECLARE_INSTANCE_CHECKER(struct bench_host, BENCH_HOST, TYPE_BENCH_HOST)

/* Payloads that take turns: no answer is right by being the one before. */
#define BENCH_PAYLOADS		16
#define BENCH_DEPTH_MAXIMUM	4096
/* What a packet of the role "full" has. */
#define BENCH_FULL_SIZE		8

enum bench_part {
	BENCH_PING,
	BENCH_ECHO,
	BENCH_FLOOD,
	BENCH_FINISHED,
	BENCH_OVER,
};

static const char * const part_names[] = { "ping", "echo", "flood", "finished", "over" };

/* A packet that may be on its way. */
struct bench_packet {
	uint64_t id;
	int64_t sent_at;
	bool on_its_way;
};

/*
 * pings, echoes, depth, delay: properties; delay, in microseconds, is between a signal and
 * our looking. role: the end of the type's name. sent, completed: packets of this part; the
 * id of one is its number of all of this open, and its place in packets its id's. wrong: of
 * this part; ever_wrong: something, in this open. notified: how often the worker ran, which
 * is less than the guest has signalled where two signals come at once. size: of what is
 * echoed. start, look: timers, for the first packet and for a delayed look. waits: for each
 * packet of this part, how long its answer took.
 */
struct bench_host {
	VMBusDevice parent;
	uint32_t pings, echoes, depth, delay;

	struct host_rings rings;
	uint32_t opens;
	const char *role;
	enum bench_part part;
	uint64_t next_id;
	uint32_t sent, completed, wrong, notified, size;
	bool ever_wrong;
	int64_t began;
	QEMUTimer *start, *look;
	struct bench_packet packets[BENCH_DEPTH_MAXIMUM];
	int64_t *waits;
	uint8_t payload[BENCH_PAYLOADS][VMB_BENCH_ECHO_SIZE];
	uint32_t checksum[BENCH_PAYLOADS];
};

static uint32_t part_depth(const struct bench_host *host)
{
	return host->part == BENCH_PING || host->part == BENCH_FINISHED ? 1 : host->depth;
}

static uint32_t part_goal(const struct bench_host *host)
{
	switch (host->part) {
	case BENCH_PING:
		return host->pings;
	case BENCH_ECHO:
		return host->echoes;
	case BENCH_FLOOD:
		return UINT32_MAX;
	case BENCH_FINISHED:
		return 1;
	default:
		return 0;
	}
}

static int compare(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

	return a < b ? -1 : a > b;
}

/* Nothing is measured in a flood but how many there were. */
static void report(struct bench_host *host)
{
	int64_t end = get_clock();
	uint32_t count = host->completed;
	int64_t p50 = 0, p99 = 0;

	if (host->part < BENCH_FLOOD) {
		qsort(host->waits, count, sizeof(*host->waits), compare);
		p50 = host->waits[count / 2];
		p99 = host->waits[count * 99ull / 100];
	}
	fprintf(stderr, "VMBHOST-BENCH {\"device\": \"%s\", \"open\": %u, "
		"\"part\": \"%s\", \"operations\": %u, \"seconds\": %.6f, "
		"\"p50_us\": %.3f, \"p99_us\": %.3f, "
		"\"signals_in\": %u, \"signals_out\": %u, \"room_signals\": %u, "
		"\"no_room\": %u, \"wrong\": %u}\n",
		object_get_typename(OBJECT(host)), host->opens, part_names[host->part],
		count, (end - host->began) / 1e9, p50 / 1e3, p99 / 1e3, host->notified,
		host->rings.signals, host->rings.room_signals, host->rings.no_room,
		host->wrong);
	fflush(stderr);
}

/* What came when all was measured, or was one too many, has had no line yet. */
static void report_end(struct bench_host *host)
{
	fprintf(stderr, "VMBHOST-BENCH {\"device\": \"%s\", \"open\": %u, "
		"\"part\": \"end\", \"wrong\": %u}\n",
		object_get_typename(OBJECT(host)), host->opens, host->wrong);
	fflush(stderr);
}

static void begin_part(struct bench_host *host, enum bench_part part)
{
	host->part = part;
	host->sent = 0;
	host->completed = 0;
	host->notified = 0;
	host->wrong = 0;
	host->rings.signals = 0;
	host->rings.room_signals = 0;
	host->rings.no_room = 0;
	host->began = get_clock();
}

/* The ones that are measured come one behind the other. */
static void next_part(struct bench_host *host)
{
	if (host->part == BENCH_PING || host->part == BENCH_ECHO)
		report(host);
	if (host->part == BENCH_PING && !strcmp(host->role, "echo"))
		begin_part(host, BENCH_ECHO);
	else if (host->part == BENCH_FINISHED)
		begin_part(host, BENCH_OVER);
	else
		begin_part(host, BENCH_FINISHED);
}

static void count_wrong(struct bench_host *host)
{
	host->wrong++;
	host->ever_wrong = true;
}

/* In any order; of each packet that is on its way one. */
static void take_answer(struct bench_host *host, const struct host_packet *packet)
{
	const struct vmb_echo_completion *answer = host_packet_payload(packet);
	uint64_t id = packet->transaction;
	struct bench_packet *sent = &host->packets[id % BENCH_DEPTH_MAXIMUM];
	uint32_t checksum = host->checksum[id % BENCH_PAYLOADS];

	if (packet->type != VMBUS_PACKET_COMP || !sent->on_its_way || sent->id != id) {
		count_wrong(host);
		return;
	}
	sent->on_its_way = false;
	if (host->part < BENCH_FINISHED &&
	    (host_packet_length(packet) < sizeof(*answer) || answer->status ||
	     le32_to_cpu(answer->payload_length) != host->size ||
	     le32_to_cpu(answer->payload_checksum) != checksum))
		count_wrong(host);
	if (host->part < BENCH_FLOOD)
		host->waits[host->completed] = get_clock() - sent->sent_at;
	host->completed++;
}

static bool read_answers(struct bench_host *host)
{
	struct host_packet packet;
	bool any = false;

	while (host_rings_take(&host->rings, &packet)) {
		take_answer(host, &packet);
		any = true;
	}
	host_rings_taken(&host->rings);
	return any;
}

/*
 * False if there is no room, and the guest says when there is; or if the last packet in
 * this place is not answered, whose answer brings us here.
 */
static bool send_next(struct bench_host *host)
{
	struct bench_packet *packet = &host->packets[host->next_id % BENCH_DEPTH_MAXIMUM];
	struct vmb_echo_request finished = {
		.magic = cpu_to_le64(VMB_ECHO_MAGIC),
		.command = cpu_to_le32(VMB_ECHO_FINISHED),
		.argument = cpu_to_le32(host->ever_wrong),
	};
	const void *payload = host->payload[host->next_id % BENCH_PAYLOADS];
	uint32_t length = host->size;

	if (packet->on_its_way)
		return false;
	if (host->part == BENCH_FINISHED) {
		payload = &finished;
		length = sizeof(finished);
	}
	packet->sent_at = get_clock();
	if (!host_rings_put(&host->rings, VMBUS_PACKET_DATA_INBAND, true, host->next_id,
			    payload, length))
		return false;
	packet->on_its_way = true;
	packet->id = host->next_id++;
	host->sent++;
	return true;
}

static void send_what_fits(struct bench_host *host)
{
	while (host->sent < part_goal(host) &&
	       host->sent - host->completed < part_depth(host) && send_next(host))
		;
	host_rings_publish(&host->rings);
}

static void bench_look(void *opaque)
{
	struct bench_host *host = opaque;

	do {
		while (host->part != BENCH_OVER && host->completed == part_goal(host))
			next_part(host);
		send_what_fits(host);
	} while (read_answers(host));
}

static void bench_notify(VMBusChannel *chan)
{
	struct bench_host *host = BENCH_HOST(vmbus_channel_device(chan));

	if (!host->rings.chan)
		return;
	host->notified++;
	if (!host->delay)
		bench_look(host);
	else if (!timer_pending(host->look))
		timer_mod(host->look, qemu_clock_get_us(QEMU_CLOCK_REALTIME) + host->delay);
}

static enum bench_part first_part(const struct bench_host *host)
{
	if (!strcmp(host->role, "flood"))
		return BENCH_FLOOD;
	if (!strcmp(host->role, "full"))
		return BENCH_ECHO;
	return strcmp(host->role, "idle") ? BENCH_PING : BENCH_OVER;
}

static void bench_start(void *opaque)
{
	struct bench_host *host = opaque;

	begin_part(host, first_part(host));
	bench_look(host);
}

static int bench_open(VMBusChannel *chan)
{
	struct bench_host *host = BENCH_HOST(vmbus_channel_device(chan));

	if (!host_rings_map(&host->rings, chan))
		return -EINVAL;
	memset(host->packets, 0, sizeof(host->packets));
	host->next_id = 0;
	host->ever_wrong = false;
	host->opens++;
	begin_part(host, BENCH_OVER);
	timer_mod(host->start, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + VMB_BENCH_QUIET);
	return 0;
}

static void bench_close(VMBusChannel *chan)
{
	struct bench_host *host = BENCH_HOST(vmbus_channel_device(chan));

	timer_del(host->start);
	timer_del(host->look);
	read_answers(host);
	if (host->part == BENCH_FLOOD)
		report(host);
	else
		report_end(host);
	host_rings_unmap(&host->rings);
}

static void bench_realize(VMBusDevice *vdev, Error **errp)
{
	struct bench_host *host = BENCH_HOST(vdev);
	uint32_t i, byte;

	if (!host_is_our_qemu(vdev, 1)) {
		error_setg(errp, "%s was built for another QEMU than this one: "
			   "remove the cache's qemu directory and build it again",
			   TYPE_BENCH_HOST);
		return;
	}
	if (!host->pings || !host->echoes || !host->depth ||
	    host->depth > BENCH_DEPTH_MAXIMUM) {
		error_setg(errp, "%s: a number that cannot be", TYPE_BENCH_HOST);
		return;
	}
	host->role = object_get_typename(OBJECT(host)) + strlen("vmb-bench-");
	host->size = strcmp(host->role, "full") ? VMB_BENCH_ECHO_SIZE : BENCH_FULL_SIZE;
	for (i = 0; i < BENCH_PAYLOADS; i++) {
		for (byte = 0; byte < host->size; byte++)
			host->payload[i][byte] = 31 * i + 7 * byte + 1;
		host->checksum[i] = crc32(0, host->payload[i], host->size);
	}
	host->start = timer_new_ms(QEMU_CLOCK_REALTIME, bench_start, host);
	host->look = timer_new_us(QEMU_CLOCK_REALTIME, bench_look, host);
	host->waits = g_new0(int64_t, MAX(host->pings, host->echoes));
}

static void bench_unrealize(VMBusDevice *vdev)
{
	struct bench_host *host = BENCH_HOST(vdev);

	timer_free(host->start);
	timer_free(host->look);
	g_free(host->waits);
}

static const Property bench_properties[] = {
	DEFINE_PROP_UINT32("pings", struct bench_host, pings, 500),
	DEFINE_PROP_UINT32("echoes", struct bench_host, echoes, 10000),
	DEFINE_PROP_UINT32("depth", struct bench_host, depth, 64),
	DEFINE_PROP_UINT32("delay", struct bench_host, delay, 0),
	HOST_PROPERTIES_END
};

static void bench_class_init(ObjectClass *klass, void *instance)
{
	static const uint32_t class_fields[] = {
		0x4d2a7c15, 0xe08b, 0x4936, 0xb1, 0x7c, 0x53, 0x0f, 0xa6, 0x9e, 0x28, 0xd1
	};
	VMBusDeviceClass *vdc = VMBUS_DEVICE_CLASS(klass);

	host_set_properties(DEVICE_CLASS(klass), bench_properties);
	host_set_uuid(&vdc->classid, class_fields);
	host_set_uuid(&vdc->instanceid, instance);
	vdc->vmdev_realize = bench_realize;
	vdc->vmdev_unrealize = bench_unrealize;
	vdc->open_channel = bench_open;
	vdc->close_channel = bench_close;
	vdc->chan_notify_cb = bench_notify;
}

static const uint32_t echo_fields[] = {
	0x0b5e3d91, 0x7a42, 0x4fc8, 0x9d, 0x26, 0xe4, 0x81, 0x5b, 0x37, 0xc0, 0x6f
};

static const uint32_t ping_fields[] = {
	0xe3970fd8, 0x15b6, 0x4a2c, 0x84, 0x5d, 0x2a, 0xc9, 0x70, 0xf1, 0x6e, 0x93
};

static const uint32_t flood_fields[] = {
	0x58c17ea6, 0x2d90, 0x47fb, 0x91, 0xe2, 0x0c, 0x4b, 0xd8, 0x65, 0x3a, 0x17
};

static const uint32_t full_fields[] = {
	0x2f90b7d4, 0x81c3, 0x4d5e, 0xa7, 0x08, 0x6c, 0xe1, 0x3b, 0x94, 0x52, 0xfd
};

static const uint32_t idle_fields[] = {
	0xc7042b5f, 0xa86d, 0x4315, 0xb9, 0xf0, 0x7e, 0x13, 0x4c, 0xa2, 0x81, 0xd6
};

#define BENCH_TYPE(role)					\
	{							\
		.name = "vmb-bench-" #role,			\
		.parent = TYPE_BENCH_HOST,			\
		.class_init = bench_class_init,			\
		.class_data = (void *)role##_fields,		\
	}

static const TypeInfo bench_types[] = {
	{
		.name = TYPE_BENCH_HOST,
		.parent = TYPE_VMBUS_DEVICE,
		.instance_size = sizeof(struct bench_host),
		.abstract = true,
	},
	BENCH_TYPE(echo),
	BENCH_TYPE(ping),
	BENCH_TYPE(flood),
	BENCH_TYPE(full),
	BENCH_TYPE(idle),
};

static void bench_register(void)
{
	type_register_static_array(bench_types, ARRAY_SIZE(bench_types));
}

/* The object is preloaded: QEMU runs this list of functions in its main(). */
static void __attribute__((constructor)) bench_load(void)
{
	register_module_init(bench_register, MODULE_INIT_QOM);
}
