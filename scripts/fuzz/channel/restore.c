// SPDX-License-Identifier: GPL-2.0
/*
 * A server that is given a state which the input has changed, with a checksum that is
 * right or not. Whatever it says, each packet that was restored ends once. What it takes
 * it goes on with, and is saved in turn, in chunks of any size: that must be good for
 * another restore.
 */
#define VMB_FUZZ_PEER
#include <linux/crc32.h>

#include "harness.h"
#include "save_image.h"

#define MOST_PACKETS	6u
#define STATE		2048u
#define SAVED		8192u
/* The channel has packets of 64 bytes. */
#define TOO_LONG	128
/* Of rings, see shared_memory.c. */
#define LARGEST_CLASS	4

static struct end end;
static u32 restored, ended;
/* One that was restored, and waits. */
static struct vmb_packet *waiting_packet;
/* What the driver makes of a save. */
static u8 save_how;
static u8 saved[SAVED];
static u32 saved_sizes[MOST_PACKETS + 2];
static u32 saved_chunks;

static void restore_others(void)
{
}

static void restore_asleep(void)
{
	kernel_run_work();
}

static const struct kernel_actors actors = {
	.others = restore_others,
	.asleep = restore_asleep,
};

static void packet_ended(struct vmb_packet *packet, void *context, int status,
			 const void *buffer, u32 length)
{
	FUZZ_CHECK(status == -ENODEV || status == -ECANCELED || !status);
	ended++;
	if (packet == waiting_packet)
		waiting_packet = NULL;
	vmb_packet_free(packet);
}

static int save_packet(struct vmb_channel *channel, void *context,
		       struct vmb_packet *packet, void *buffer, u32 size, u32 *needed)
{
	switch (save_how) {
	case 0xf1:
		return -EIO;
	case 0xf2:
		*needed = VMB_SAVE_MOST_PRIVATE + 1;
		return -ENOBUFS;
	case 0xf3:
		/* Its worker is lent, and has to wait. */
		vmb_channel_peer_gone(channel);
		kernel_run_work();
		break;
	}
	*needed = (unsigned long)vmb_packet_get_pointer(packet);
	if (!*needed)
		return 0;
	if (size < *needed)
		return -ENOBUFS;
	memset(buffer, 0x5a, *needed);
	return 0;
}

/* None of which takes the record, or the chunk's place. */
static void restore_wrongly(struct vmb_channel *channel, struct vmb_packet *packet,
			    const void *library, u32 library_size)
{
	FUZZ_CHECK(vmb_channel_restore_from_buffer(channel, library, library_size) == -EBUSY);
	FUZZ_CHECK(vmb_server_channel_init_set_save_restore_packet_callbacks(channel, NULL, NULL,
									      NULL) == -EBUSY);
	vmb_packet_set_completion_routine(packet, NULL, NULL);
	FUZZ_CHECK(vmb_packet_restore(packet, library, library_size) == -EINVAL);
	if (waiting_packet)
		FUZZ_CHECK(vmb_packet_restore(waiting_packet, library, library_size) == -EBUSY);
}

static int restore_packet(struct vmb_channel *channel, void *context,
			  const void *library, u32 library_size, const void *buffer,
			  u32 size)
{
	u8 how = take_from_end();
	struct vmb_packet *packet = vmb_packet_allocate(channel);
	u32 sum = 0, i;
	int ret;

	if (!packet)
		return -ENOMEM;
	/* All of it is there to be read. */
	for (i = 0; i < size; i++)
		sum += ((const u8 *)buffer)[i];
	for (i = 0; i < library_size; i++)
		sum += ((const u8 *)library)[i];
	restore_wrongly(channel, packet, library, library_size);
	if (how == 0xfb) {
		vmb_packet_free(packet);
		return 0;
	}
	vmb_packet_set_pointer(packet, (void *)(unsigned long)size);
	vmb_packet_set_completion_routine(packet, NULL, packet_ended);
	ret = vmb_packet_restore(packet, library, how == 0xfe ? library_size + 1 :
				 library_size);
	if (ret) {
		vmb_packet_free(packet);
		return ret;
	}
	restored++;
	waiting_packet = packet;
	return how == 0xfd ? -EDOM : how == 0xfc || sum == U32_MAX;
}

/*
 * A state of the channel as it would be saved, with as many packets. Or one that fits
 * together, and that no channel has: with an id twice, or a payload that is too long.
 */
static u32 make_state(u8 *bytes, u32 in_flight, u32 waiting, bool twice, bool long_payload)
{
	u32 payload = long_payload ? TOO_LONG : 16;
	struct vmb_save_chunk *chunk = (void *)bytes;
	struct vmb_save_session *session = (void *)(chunk + 1);
	u8 *at = (u8 *)(session + 1);
	u32 i;

	memset(bytes, 0, STATE);
	*chunk = (struct vmb_save_chunk) {
		.magic = cpu_to_le32(VMB_SAVE_MAGIC),
		.version = cpu_to_le16(VMB_SAVE_VERSION),
		.last = cpu_to_le16(1),
		.records = cpu_to_le32(1 + in_flight + waiting),
	};
	*session = (struct vmb_save_session) {
		.record.type = cpu_to_le32(VMB_SAVE_SESSION),
		.record.length = cpu_to_le32(sizeof(*session)),
		.type = { 1 },
		.instance = { 2 },
		.server_flags = cpu_to_le32(VMB_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER),
		.packet_size = cpu_to_le32(64),
		.packet_count = cpu_to_le32(4),
		.external_bytes = cpu_to_le32(end.channel->external.bytes),
		.external_chain = cpu_to_le32(end.channel->external.chain),
		.packets = cpu_to_le32(in_flight + waiting),
		.in_flight = cpu_to_le32(in_flight),
	};
	for (i = 0; i < in_flight + waiting; i++) {
		struct vmb_save_packet *packet = (void *)at;
		bool sent = i < in_flight;
		u32 private = i % 3 * 8;

		packet->record.type = cpu_to_le32(VMB_SAVE_PACKET);
		packet->record.length = cpu_to_le32(sizeof(*packet) + !sent * payload +
						     private);
		packet->payload_length = cpu_to_le32(!sent * payload);
		packet->private_length = cpu_to_le32(private);
		packet->flags = cpu_to_le32(VMB_SAVE_PACKET_WAITS |
					    sent * VMB_SAVE_PACKET_SENT);
		packet->transaction_id = cpu_to_le32(sent * (4 + (twice ? 0 : i)));
		at += le32_to_cpu(packet->record.length);
	}
	chunk->length = cpu_to_le32(at - bytes);
	return at - bytes;
}

static void sign(u8 *bytes, u32 size)
{
	struct vmb_save_chunk *chunk = (void *)bytes;

	chunk->checksum = 0;
	chunk->checksum = cpu_to_le32(crc32_le(~0, bytes, size));
}

/* From a block of its own size, so that a byte too far is seen. */
static int feed(const u8 *bytes, u32 size)
{
	u8 *exact = malloc(size ?: 1);
	int ret;

	FUZZ_CHECK(exact);
	memcpy(exact, bytes, size);
	ret = vmb_channel_restore_from_buffer(end.channel, exact, size);
	free(exact);
	FUZZ_CHECK(ret <= 0);
	if (ret && ret != -EINPROGRESS) {
		FUZZ_CHECK(restored == ended);
		reached(ret == -ENOMEM ? OUTCOME_no_memory : OUTCOME_restore_refused);
	}
	return ret;
}

/* What the driver may do between two chunks, and undo. */
static bool change_settings(u8 how)
{
	kernel_fail_allocation = 0;
	if (how & 1)
		FUZZ_CHECK(!vmb_channel_init_set_maximum_packet_count(end.channel, 8 + how));
	if (how & 2)
		FUZZ_CHECK(!vmb_server_channel_init_set_save_restore_packet_callbacks
			   (end.channel, NULL, save_packet, NULL));
	return how & 3;
}

static void set_callbacks(vmb_channel_restore_packet_fn restore)
{
	FUZZ_CHECK(!vmb_server_channel_init_set_save_restore_packet_callbacks(end.channel, NULL,
									      save_packet,
									      restore));
}

static void undo_settings(void)
{
	FUZZ_CHECK(!vmb_channel_init_set_maximum_packet_count(end.channel, 4));
	set_callbacks(restore_packet);
}

/* The session by itself, and then the rest. */
static int feed_in_two(u8 *bytes, u32 size)
{
	static u8 second[STATE];
	const u32 head = sizeof(struct vmb_save_chunk);
	const u32 first = head + sizeof(struct vmb_save_session);
	struct vmb_save_chunk *chunk = (void *)bytes, *rest = (void *)second;
	bool changed;
	int ret;

	if (size <= first)
		return feed(bytes, size);
	memcpy(second, bytes, head);
	memcpy(second + head, bytes + first, size - first);
	rest->index = cpu_to_le32(1);
	rest->records = cpu_to_le32(le32_to_cpu(chunk->records) - 1);
	rest->length = cpu_to_le32(head + size - first);
	sign(second, head + size - first);
	chunk->last = 0;
	chunk->records = cpu_to_le32(1);
	chunk->length = cpu_to_le32(first);
	sign(bytes, first);
	ret = feed(bytes, first);
	if (ret != -EINPROGRESS)
		return ret;
	FUZZ_CHECK(vmb_channel_enable(end.channel) == -EINVAL);
	changed = change_settings(take());
	ret = feed(second, head + size - first);
	if (changed) {
		FUZZ_CHECK(ret && ret != -EINPROGRESS);
		undo_settings();
	}
	return ret;
}

/* As the input has it. */
static int feed_changed(void)
{
	static u8 bytes[STATE];
	u8 shape = take(), changes = take();
	u32 in_flight = shape % 4, waiting = shape / 4 % 3;
	u32 size = make_state(bytes, in_flight, waiting, shape & 0x40, shape & 0x80);
	bool in_two = changes & 0x80;

	for (changes %= 8; changes; changes--) {
		u32 at = (take() | take() << 8) % size;

		bytes[at] = take();
	}
	if (shape & 0x20) {
		size = (take() | take() << 8) % (size + 1);
		((struct vmb_save_chunk *)bytes)->length = cpu_to_le32(size);
	}
	if (!(shape & 0x10) && size >= sizeof(struct vmb_save_chunk))
		sign(bytes, size);
	return in_two ? feed_in_two(bytes, size) : feed(bytes, size);
}

/* All of it, in chunks that the input chooses. 0 or an errno. */
static int save(void)
{
	u32 at = 0, size, filled, required = 0;
	int ret;

	saved_chunks = 0;
	save_how = take_from_end();
	ret = vmb_channel_save_begin(end.channel);
	if (ret) {
		FUZZ_CHECK(ret == -ENOMEM || ret == -EBUSY ||
			   (ret == -EIO && save_how == 0xf1) ||
			   (ret == -EMSGSIZE && save_how == 0xf2));
		return ret;
	}
	do {
		size = required + take() * 2;
		FUZZ_CHECK(at + size <= SAVED);
		ret = vmb_channel_save_continue(end.channel, saved + at, size, &filled,
						&required);
		FUZZ_CHECK(!ret || ret == -EOVERFLOW || (ret == -ENOBUFS && !filled));
		if (filled)
			saved_sizes[saved_chunks++] = filled;
		at += filled;
	} while (ret);
	vmb_channel_save_end(end.channel);
	reached(OUTCOME_saved);
	return 0;
}

/* Open, paused, saved, and disabled; or started again first. */
static void go_on(bool start)
{
	if (!end.open || vmb_channel_pause(end.channel) || save())
		return;
	/* If it is to close, it is not started before that. */
	if (start && save_how != 0xf3)
		FUZZ_CHECK(!vmb_channel_start(end.channel));
	while (kernel_run_work())
		;
}

/* What was saved is as good as what it was made of. */
static void feed_saved(void)
{
	const u8 *at = saved;
	u32 i;
	int ret;

	for (i = 0; i < saved_chunks; i++) {
		ret = feed(at, saved_sizes[i]);
		/* The driver may have refused, or memory may have failed. */
		if (ret && ret != -EINPROGRESS)
			return;
		FUZZ_CHECK(ret == (i + 1 < saved_chunks ? -EINPROGRESS : 0));
		at += saved_sizes[i];
	}
	if (saved_chunks)
		reached(OUTCOME_restored_again);
}

void fuzz_restore(void)
{
	u8 how;
	int ret;

	kernel_tasks_reset(&actors);
	kernel_memory_reset();
	acts_reset();
	memset(&end, 0, sizeof(end));
	restored = 0;
	ended = 0;
	saved_chunks = 0;
	waiting_packet = NULL;
	end.requested = true;
	end.in_class = LARGEST_CLASS;
	end.out_class = LARGEST_CLASS;
	shared_memory_begin(NULL);
	end_make(&end, true, NULL);
	FUZZ_CHECK(!vmb_channel_init_set_maximum_packet_size(end.channel, 64));
	FUZZ_CHECK(!vmb_channel_init_set_maximum_packet_count(end.channel, 4));
	while (!input_is_over()) {
		how = take();
		kernel_fail_allocation = how & 0x80 ? how & 31 : 0;
		set_callbacks(how == 0x20 ? NULL : restore_packet);
		ret = feed_changed();
		set_callbacks(restore_packet);
		if (ret)
			continue;
		end.live = true;
		end.peer_there = true;
		end.gone = false;
		/* It goes before anybody has seen it. */
		end.goes = how == 0x10;
		ret = vmb_channel_enable(end.channel);
		FUZZ_CHECK(!ret || ret == -ENOMEM);
		if (ret)
			continue;
		reached(OUTCOME_restore_taken);
		vmb_channel_start(end.channel);
		while (kernel_run_work())
			;
		go_on(how & 0x40);
		end_disable(&end);
		FUZZ_CHECK(restored == ended);
		feed_saved();
	}
	kernel_fail_allocation = 0;
	if (!vmb_channel_is_configurable(end.channel))
		end_disable(&end);
	end_destroy(&end);
	FUZZ_CHECK(restored == ended);
	FUZZ_CHECK(!kernel_allocations);
	kernel_tasks_check_idle();
}
