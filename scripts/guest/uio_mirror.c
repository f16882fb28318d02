// SPDX-License-Identifier: GPL-2.0
/*
 * Sends back what a VMBus host sends, from user space: the rings are mapped by the
 * kernel's uio_hv_generic. Nothing of vmbkmcl is in it; so it is a second opinion
 * about what a host wants, and what a client costs without the library.
 *
 * usage: uio_mirror DEVICE ANSWERS
 *
 * DEVICE is /dev/uioN. Ends when it has answered so many packets and the host has read
 * all of that, with a line that says what was done; 1 if the host breaks the ring, or
 * is silent for a long time.
 */
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

struct mirror {
	int fd;
	struct ring in, out;
	uint64_t received, answered, bytes, signals, waits;
	uint8_t packet[PACKET_MAXIMUM];
};

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

static void die(const char *what)
{
	fprintf(stderr, "uio_mirror: error: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint32_t load(const volatile uint32_t *index)
{
	return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

static void store(volatile uint32_t *index, uint32_t value)
{
	__atomic_store_n(index, value, __ATOMIC_RELEASE);
}

static void copy_out(const struct ring *ring, uint32_t from, void *to, uint32_t length)
{
	uint32_t first = ring->size - from;

	if (first > length)
		first = length;
	memcpy(to, ring->data + from, first);
	memcpy((uint8_t *)to + first, ring->data, length - first);
}

static uint32_t copy_in(struct ring *ring, uint32_t to, const void *from, uint32_t length)
{
	uint32_t first = ring->size - to;

	if (first > length)
		first = length;
	memcpy(ring->data + to, from, first);
	memcpy(ring->data, (const uint8_t *)from + first, length - first);
	return (to + length) % ring->size;
}

static uint32_t filled(uint32_t write, uint32_t read, uint32_t size)
{
	return write >= read ? write - read : size - read + write;
}

/* Bytes that the host has written and we have not read. */
static uint32_t available(const struct ring *in)
{
	uint32_t write = load(&in->control->write_index);

	if (write >= in->size || write % UNIT) {
		errno = EPROTO;
		die("the host's write index");
	}
	return filled(write, in->index, in->size);
}

/* A ring is never filled completely. */
static uint32_t room(const struct ring *out)
{
	uint32_t read = load(&out->control->read_index);

	if (read >= out->size) {
		errno = EPROTO;
		die("the host's read index");
	}
	return out->size - filled(out->index, read, out->size) - UNIT;
}

/* The host looks into both rings. */
static void signal_host(struct mirror *mirror)
{
	uint32_t on = 1;

	if (write(mirror->fd, &on, sizeof(on)) != sizeof(on))
		die("cannot signal the host");
	mirror->signals++;
}

/* Show the host what was read and written. */
static void publish(struct mirror *mirror)
{
	store(&mirror->in.control->read_index, mirror->in.index);
	store(&mirror->out.control->write_index, mirror->out.index);
	__sync_synchronize();
	signal_host(mirror);
}

static void answer(struct mirror *mirror, uint64_t transaction, const uint8_t *payload,
		   uint32_t length)
{
	const struct descriptor descriptor = {
		.type = TYPE_COMPLETION,
		.offset8 = sizeof(descriptor) / UNIT,
		.length8 = (sizeof(descriptor) + length) / UNIT,
		.transaction = transaction,
	};
	struct ring *out = &mirror->out;
	int64_t end = now() + SILENCE;
	uint64_t trailer = (uint64_t)out->index << 32;
	uint32_t to;

	while (room(out) < sizeof(descriptor) + length + TRAILER_SIZE) {
		if (now() > end) {
			errno = ETIMEDOUT;
			die("the host does not read");
		}
		publish(mirror);
		usleep(1000);
	}
	to = copy_in(out, out->index, &descriptor, sizeof(descriptor));
	to = copy_in(out, to, payload, length);
	out->index = copy_in(out, to, &trailer, sizeof(trailer));
	mirror->answered++;
}

/* One packet, of which there is something. */
static void receive(struct mirror *mirror, uint32_t there)
{
	struct descriptor descriptor;
	uint32_t length, offset;

	errno = EPROTO;
	if (there < sizeof(descriptor) + TRAILER_SIZE)
		die("less than a packet");
	copy_out(&mirror->in, mirror->in.index, &descriptor, sizeof(descriptor));
	length = descriptor.length8 * UNIT;
	offset = descriptor.offset8 * UNIT;
	if (offset < sizeof(descriptor) || offset > length ||
	    length + TRAILER_SIZE > there || length > PACKET_MAXIMUM)
		die("a packet that cannot be");
	copy_out(&mirror->in, mirror->in.index, mirror->packet, length);
	mirror->in.index = (mirror->in.index + length + TRAILER_SIZE) % mirror->in.size;
	mirror->received++;
	mirror->bytes += length - offset;
	if (descriptor.flags & FLAG_WANTS_COMPLETION)
		answer(mirror, descriptor.transaction, mirror->packet + offset,
		       length - offset);
}

/* Until the host has written something. */
static void wait_for_host(struct mirror *mirror, int64_t end)
{
	struct pollfd poll_fd = { .fd = mirror->fd, .events = POLLIN };
	uint32_t count;

	mirror->in.control->interrupt_mask = 0;
	__sync_synchronize();
	/* Between the last look and that nobody would have told us. */
	if (available(&mirror->in))
		return;
	mirror->waits++;
	if (now() > end) {
		errno = ETIMEDOUT;
		die("the host is silent");
	}
	if (poll(&poll_fd, 1, LOOK) > 0 &&
	    read(mirror->fd, &count, sizeof(count)) != sizeof(count))
		die("cannot wait for the host");
}

static void run(struct mirror *mirror, uint64_t answers)
{
	int64_t end = now() + SILENCE;
	uint32_t there;

	signal_host(mirror);
	while (mirror->answered < answers) {
		there = available(&mirror->in);
		if (!there) {
			wait_for_host(mirror, end);
			continue;
		}
		mirror->in.control->interrupt_mask = 1;
		while (there && mirror->answered < answers) {
			receive(mirror, there);
			there = available(&mirror->in);
			/* The host wants to write, too. */
			if (mirror->received % 32 == 0)
				publish(mirror);
		}
		publish(mirror);
		end = now() + SILENCE;
	}
	while (room(&mirror->out) != mirror->out.size - UNIT && now() < end)
		usleep(1000);
}

/* The outbound ring comes first, and both are of one size. */
static void map_rings(struct mirror *mirror, const char *device)
{
	char path[128], line[32] = "";
	const char *name = strrchr(device, '/');
	unsigned long size;
	uint8_t *memory;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/class/uio/%s/maps/map0/size",
		 name ? name + 1 : device);
	file = fopen(path, "r");
	if (!file || !fgets(line, sizeof(line), file))
		die(path);
	fclose(file);
	size = strtoul(line, NULL, 16);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, mirror->fd, 0);
	if (memory == MAP_FAILED)
		die("cannot map the rings");
	mirror->out.control = (void *)memory;
	mirror->out.data = memory + CONTROL_SIZE;
	mirror->out.size = size / 2 - CONTROL_SIZE;
	mirror->out.index = mirror->out.control->write_index;
	mirror->in.control = (void *)(memory + size / 2);
	mirror->in.data = memory + size / 2 + CONTROL_SIZE;
	mirror->in.size = mirror->out.size;
	mirror->in.index = mirror->in.control->read_index;
}

int main(int argc, char **argv)
{
	static struct mirror mirror;

	if (argc != 3 || argv[1][0] == '-') {
		fprintf(stderr, "usage: uio_mirror DEVICE ANSWERS\n");
		return 2;
	}
	/* From here on the channel is open. */
	mirror.fd = open(argv[1], O_RDWR);
	if (mirror.fd < 0)
		die(argv[1]);
	map_rings(&mirror, argv[1]);
	run(&mirror, strtoull(argv[2], NULL, 10));
	printf("received %llu answered %llu bytes %llu signals %llu waits %llu\n",
	       (unsigned long long)mirror.received, (unsigned long long)mirror.answered,
	       (unsigned long long)mirror.bytes, (unsigned long long)mirror.signals,
	       (unsigned long long)mirror.waits);
	return 0;
}
