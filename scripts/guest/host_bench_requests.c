// SPDX-License-Identifier: GPL-2.0
/*
 * The host's end of the guest's benchmark for requests that the guest sends, as a QEMU
 * device: it answers each at once, with what it found in the external data. No client
 * has more of them at a time than there is room for answers in its ring.
 *
 * On standard error, of requests without external data when the first with some comes,
 * and of those when the guest closes the channel:
 *   VMBHOST-BENCH {json}   how many there were, and how often each side has signalled
 *
 * Everything runs in QEMU's main loop under its big lock.
 */
#include "host_rings.h"
#include "bench_protocol.h"
#include "qemu/module.h"

#define TYPE_BENCH_REQUESTS "vmb-bench-requests"
DECLARE_INSTANCE_CHECKER(struct requests_host, REQUESTS_HOST, TYPE_BENCH_REQUESTS)

/*
 * notified: how often the worker ran, which is less than the guest has signalled where
 * two signals come at once. wrong: of this part.
 */
struct requests_host {
	VMBusDevice parent;
	struct host_rings rings;
	bool externals;
	uint32_t opens, requests, notified, wrong;
};

/* What stands between the header and the payload of such a packet. */
struct external_list {
	uint32_t reserved, range_count, length, offset;
	uint64_t frames[VMB_BENCH_EXTERNAL_SIZE / 4096];
};

static uint64_t external_sum(struct requests_host *host, const struct host_packet *packet)
{
	AddressSpace *as = vmbus_channel_device(host->rings.chan)->dma_as;
	const struct external_list *list = (const void *)packet->rest;
	uint64_t sum = 0, word;
	uint32_t i;

	if (packet->offset8 * 8u != 16 + sizeof(*list) || list->range_count != 1 ||
	    list->length != VMB_BENCH_EXTERNAL_SIZE || list->offset) {
		host->wrong++;
		return 0;
	}
	for (i = 0; i < ARRAY_SIZE(list->frames); i++) {
		if (dma_memory_read(as, list->frames[i] * 4096, &word, sizeof(word),
				    MEMTXATTRS_UNSPECIFIED))
			host->wrong++;
		sum += le64_to_cpu(word);
	}
	return sum;
}

static void begin_part(struct requests_host *host, bool externals)
{
	host->externals = externals;
	host->requests = 0;
	host->notified = 0;
	host->wrong = 0;
	host->rings.signals = 0;
}

static void report(struct requests_host *host)
{
	fprintf(stderr, "VMBHOST-BENCH {\"device\": \"%s\", \"open\": %u, "
		"\"part\": \"%s\", \"operations\": %u, \"signals_in\": %u, "
		"\"signals_out\": %u, \"wrong\": %u}\n",
		TYPE_BENCH_REQUESTS, host->opens, host->externals ? "external" : "send",
		host->requests, host->notified, host->rings.signals, host->wrong);
	fflush(stderr);
}

static void take_request(struct requests_host *host, const struct host_packet *packet)
{
	const struct vmb_bench_request *request = host_packet_payload(packet);
	bool external = packet->type == VMBUS_PACKET_DATA_USING_GPA_DIRECT;
	struct vmb_bench_answer answer = { };

	if (packet->type == VMBUS_PACKET_COMP || !packet->flags ||
	    host_packet_length(packet) < sizeof(*request)) {
		host->wrong++;
		return;
	}
	if (external && !host->externals) {
		report(host);
		begin_part(host, true);
	}
	host->requests++;
	answer.sequence = request->sequence;
	if (external)
		answer.sum = cpu_to_le64(external_sum(host, packet));
	if (!host_rings_put(&host->rings, VMBUS_PACKET_COMP, false, packet->transaction,
			    &answer, sizeof(answer)))
		host->wrong++;
}

static bool read_requests(struct requests_host *host)
{
	struct host_packet packet;
	bool any = false;

	while (host_rings_take(&host->rings, &packet)) {
		take_request(host, &packet);
		any = true;
	}
	host_rings_taken(&host->rings);
	host_rings_publish(&host->rings);
	return any;
}

static void requests_notify(VMBusChannel *chan)
{
	struct requests_host *host = REQUESTS_HOST(vmbus_channel_device(chan));

	if (!host->rings.chan)
		return;
	host->notified++;
	while (read_requests(host))
		;
}

static int requests_open(VMBusChannel *chan)
{
	struct requests_host *host = REQUESTS_HOST(vmbus_channel_device(chan));

	if (!host_rings_map(&host->rings, chan))
		return -EINVAL;
	begin_part(host, false);
	host->opens++;
	return 0;
}

static void requests_close(VMBusChannel *chan)
{
	struct requests_host *host = REQUESTS_HOST(vmbus_channel_device(chan));

	report(host);
	host_rings_unmap(&host->rings);
}

static void requests_realize(VMBusDevice *vdev, Error **errp)
{
	if (!host_is_our_qemu(vdev, 1))
		error_setg(errp, "%s was built for another QEMU than this one: "
			   "remove the cache's qemu directory and build it again",
			   TYPE_BENCH_REQUESTS);
}

static void requests_class_init(ObjectClass *klass, void *data)
{
	static const uint32_t class_fields[] = {
		0x92d6b04e, 0x3f18, 0x4e7a, 0xa2, 0xc5, 0x6b, 0x97, 0x0d, 0x4e, 0xf8, 0x31
	};
	static const uint32_t instance_fields[] = {
		0x6ac8f327, 0xd951, 0x4b04, 0x8e, 0x13, 0x9f, 0x60, 0x2d, 0xb5, 0x74, 0xce
	};
	VMBusDeviceClass *vdc = VMBUS_DEVICE_CLASS(klass);

	host_set_uuid(&vdc->classid, class_fields);
	host_set_uuid(&vdc->instanceid, instance_fields);
	vdc->vmdev_realize = requests_realize;
	vdc->open_channel = requests_open;
	vdc->close_channel = requests_close;
	vdc->chan_notify_cb = requests_notify;
}

static const TypeInfo requests_type = {
	.name = TYPE_BENCH_REQUESTS,
	.parent = TYPE_VMBUS_DEVICE,
	.instance_size = sizeof(struct requests_host),
	.class_init = requests_class_init,
};

static void requests_register(void)
{
	type_register_static(&requests_type);
}

/* The object is preloaded: QEMU runs this list of functions in its main(). */
static void __attribute__((constructor)) requests_load(void)
{
	register_module_init(requests_register, MODULE_INIT_QOM);
}
