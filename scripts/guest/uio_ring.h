/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Both rings of a VMBus channel in user space, as the kernel's uio_hv_generic maps them.
 * Nothing of vmbkmcl is in it.
 *
 * Every error ends the program, with a line that says what it was.
 */
#ifndef UIO_RING_H
#define UIO_RING_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define CONTROL_SIZE		4096u
#define UNIT			8u
/* Behind each packet: where it begins. */
#define TRAILER_SIZE		8u
#define TYPE_INBAND		6u
#define TYPE_COMPLETION		11u
#define FLAG_WANTS_COMPLETION	1u
#define PACKET_MAXIMUM		65536u
/* In milliseconds. */
#define SILENCE			20000
/* Interrupts may be lost where the kernel masks them itself: look now and then. */
#define LOOK			100

struct control {
	uint32_t write_index;
	uint32_t read_index;
	uint32_t interrupt_mask;
	uint32_t pending_send_size;
};

struct descriptor {
	uint16_t type;
	uint16_t offset8;
	uint16_t length8;
	uint16_t flags;
	uint64_t transaction;
};

struct ring {
	volatile struct control *control;
	uint8_t *data;
	uint32_t size;
	/* The one of the indices that is ours. */
	uint32_t index;
};

struct channel {
	int fd;
	struct ring in, out;
	uint64_t signals, waits;
	/* The packet that was read last. */
	struct descriptor descriptor;
	const uint8_t *payload;
	uint32_t length;
	uint8_t packet[PACKET_MAXIMUM];
};

static inline int64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static inline int64_t now(void)
{
	return now_ns() / 1000000;
}

static inline void die(const char *what)
{
	fprintf(stderr, "%s: error: %s: %s\n", program_invocation_short_name, what,
		strerror(errno));
	exit(1);
}

static inline uint32_t load(const volatile uint32_t *index)
{
	return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

static inline void store(volatile uint32_t *index, uint32_t value)
{
	__atomic_store_n(index, value, __ATOMIC_RELEASE);
}

static inline void copy_out(const struct ring *ring, uint32_t from, void *to,
			    uint32_t length)
{
	uint32_t first = ring->size - from;

	if (first > length)
		first = length;
	memcpy(to, ring->data + from, first);
	memcpy((uint8_t *)to + first, ring->data, length - first);
}

static inline uint32_t copy_in(struct ring *ring, uint32_t to, const void *from,
			       uint32_t length)
{
	uint32_t first = ring->size - to;

	if (first > length)
		first = length;
	memcpy(ring->data + to, from, first);
	memcpy(ring->data, (const uint8_t *)from + first, length - first);
	return (to + length) % ring->size;
}

static inline uint32_t filled(uint32_t write, uint32_t read, uint32_t size)
{
	return write >= read ? write - read : size - read + write;
}

/* Bytes that the host has written and we have not read. */
static inline uint32_t available(const struct ring *in)
{
	uint32_t write = load(&in->control->write_index);

	if (write >= in->size || write % UNIT) {
		errno = EPROTO;
		die("the host's write index");
	}
	return filled(write, in->index, in->size);
}

/* A ring is never filled completely. */
static inline uint32_t room(const struct ring *out)
{
	uint32_t read = load(&out->control->read_index);

	if (read >= out->size) {
		errno = EPROTO;
		die("the host's read index");
	}
	return out->size - filled(out->index, read, out->size) - UNIT;
}

/* The host looks into both rings. */
static inline void signal_host(struct channel *channel)
{
	uint32_t on = 1;

	if (write(channel->fd, &on, sizeof(on)) != sizeof(on))
		die("cannot signal the host");
	channel->signals++;
}

/* Show the host what was read and written. */
static inline void publish(struct channel *channel)
{
	store(&channel->in.control->read_index, channel->in.index);
	store(&channel->out.control->write_index, channel->out.index);
	__sync_synchronize();
	signal_host(channel);
}

/* A packet for the next publish(); waits for room. length is a multiple of 8. */
static inline void put(struct channel *channel, uint16_t type, uint16_t flags,
		       uint64_t transaction, const void *payload, uint32_t length)
{
	const struct descriptor descriptor = {
		.type = type,
		.offset8 = sizeof(descriptor) / UNIT,
		.length8 = (sizeof(descriptor) + length) / UNIT,
		.flags = flags,
		.transaction = transaction,
	};
	struct ring *out = &channel->out;
	uint64_t trailer = (uint64_t)out->index << 32;
	int64_t end = 0;
	uint32_t to;

	while (room(out) < sizeof(descriptor) + length + TRAILER_SIZE) {
		if (!end)
			end = now() + SILENCE;
		if (now() > end) {
			errno = ETIMEDOUT;
			die("the host does not read");
		}
		publish(channel);
		usleep(1000);
	}
	to = copy_in(out, out->index, &descriptor, sizeof(descriptor));
	to = copy_in(out, to, payload, length);
	out->index = copy_in(out, to, &trailer, sizeof(trailer));
}

/* The next packet, of which there is something. */
static inline void take(struct channel *channel, uint32_t there)
{
	struct descriptor *descriptor = &channel->descriptor;
	uint32_t length, offset;

	errno = EPROTO;
	if (there < sizeof(*descriptor) + TRAILER_SIZE)
		die("less than a packet");
	copy_out(&channel->in, channel->in.index, descriptor, sizeof(*descriptor));
	length = descriptor->length8 * UNIT;
	offset = descriptor->offset8 * UNIT;
	if (offset < sizeof(*descriptor) || offset > length ||
	    length + TRAILER_SIZE > there || length > PACKET_MAXIMUM)
		die("a packet that cannot be");
	copy_out(&channel->in, channel->in.index, channel->packet, length);
	channel->in.index += length + TRAILER_SIZE;
	channel->in.index %= channel->in.size;
	channel->payload = channel->packet + offset;
	channel->length = length - offset;
}

/* Until the host has written something, or for LOOK; not longer than to the end. */
static inline void wait_for_host(struct channel *channel, int64_t end)
{
	struct pollfd poll_fd = { .fd = channel->fd, .events = POLLIN };
	uint32_t count;

	channel->in.control->interrupt_mask = 0;
	__sync_synchronize();
	/* Between the last look and that nobody would have told us. */
	if (available(&channel->in))
		return;
	channel->waits++;
	if (now() > end) {
		errno = ETIMEDOUT;
		die("the host is silent");
	}
	if (poll(&poll_fd, 1, LOOK) > 0 &&
	    read(channel->fd, &count, sizeof(count)) != sizeof(count))
		die("cannot wait for the host");
}

/* The outbound ring comes first, and both are of one size. Opens the channel. */
static inline void channel_open(struct channel *channel, const char *device)
{
	char path[128], line[32] = "";
	const char *name = strrchr(device, '/');
	unsigned long size;
	uint8_t *memory;
	FILE *file;

	channel->fd = open(device, O_RDWR);
	if (channel->fd < 0)
		die(device);
	snprintf(path, sizeof(path), "/sys/class/uio/%s/maps/map0/size",
		 name ? name + 1 : device);
	file = fopen(path, "r");
	if (!file || !fgets(line, sizeof(line), file))
		die(path);
	fclose(file);
	size = strtoul(line, NULL, 16);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, channel->fd, 0);
	if (memory == MAP_FAILED)
		die("cannot map the rings");
	channel->out.control = (void *)memory;
	channel->out.data = memory + CONTROL_SIZE;
	channel->out.size = size / 2 - CONTROL_SIZE;
	channel->out.index = channel->out.control->write_index;
	channel->in.control = (void *)(memory + size / 2);
	channel->in.data = memory + size / 2 + CONTROL_SIZE;
	channel->in.size = channel->out.size;
	channel->in.index = channel->in.control->read_index;
}

#endif
