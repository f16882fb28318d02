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
/* For the name of the program. */
#define _GNU_SOURCE
#include "uio_ring.h"

struct mirror {
	struct channel channel;
	uint64_t received, answered, bytes;
};

/* One packet, of which there is something. */
static void receive(struct mirror *mirror, uint32_t there)
{
	struct channel *channel = &mirror->channel;

	take(channel, there);
	mirror->received++;
	mirror->bytes += channel->length;
	if (!(channel->descriptor.flags & FLAG_WANTS_COMPLETION))
		return;
	put(channel, TYPE_COMPLETION, 0, channel->descriptor.transaction,
	    channel->payload, channel->length);
	mirror->answered++;
}

static void run(struct mirror *mirror, uint64_t answers)
{
	struct channel *channel = &mirror->channel;
	int64_t end = now() + SILENCE;
	uint32_t there;

	signal_host(channel);
	while (mirror->answered < answers) {
		there = available(&channel->in);
		if (!there) {
			wait_for_host(channel, end);
			continue;
		}
		channel->in.control->interrupt_mask = 1;
		while (there && mirror->answered < answers) {
			receive(mirror, there);
			there = available(&channel->in);
			/* The host wants to write, too. */
			if (mirror->received % 32 == 0)
				publish(channel);
		}
		publish(channel);
		end = now() + SILENCE;
	}
	while (room(&channel->out) != channel->out.size - UNIT && now() < end)
		usleep(1000);
}

int main(int argc, char **argv)
{
	static struct mirror mirror;

	if (argc != 3 || argv[1][0] == '-') {
		fprintf(stderr, "usage: uio_mirror DEVICE ANSWERS\n");
		return 2;
	}
	channel_open(&mirror.channel, argv[1]);
	run(&mirror, strtoull(argv[2], NULL, 10));
	printf("received %llu answered %llu bytes %llu signals %llu waits %llu\n",
	       (unsigned long long)mirror.received, (unsigned long long)mirror.answered,
	       (unsigned long long)mirror.bytes,
	       (unsigned long long)mirror.channel.signals,
	       (unsigned long long)mirror.channel.waits);
	return 0;
}
