// SPDX-License-Identifier: GPL-2.0
/*
 * The Windows header: a server's session is saved, and restored by another server, with
 * the plain callbacks and with those that have a context. The statuses are Windows' own,
 * written out.
 */
#include "windows_fixture.h"

/* Packets of the server's: some are in the ring, some wait for the channel to start. */
#define IN_RING		3u
#define WAITING		2u
#define PACKETS		(IN_RING + WAITING)
#define CHUNKS		8u
#define STATE		1024u

#define EXPECT(test, call, status)	KUNIT_EXPECT_EQ(test, (u32)(call), status)

/**
 * struct windows_save - a session whose server is replaced
 * @pair: its client, and the first server.
 * @next: the other server.
 * @ended: by number, packets of the servers' that their client has completed.
 * @cancelled: likewise, those that went to the other server.
 * @plain: calls of the plain callbacks.
 * @ex: calls of the others.
 * @save_status: what a save callback says when it has room.
 * @restore_status: what a restore callback says; if a failure, it restores nothing.
 * @state: chunks, one behind the other.
 * @sizes: of each.
 * @chunks: how many.
 */
struct windows_save {
	struct windows_pair *pair;
	struct windows_end next;
	u32 ended[PACKETS];
	u32 cancelled[PACKETS];
	u32 plain;
	u32 ex;
	NTSTATUS save_status;
	NTSTATUS restore_status;
	u8 state[STATE];
	ULONG sizes[CHUNKS];
	u32 chunks;
};

static EVT_VMB_CHANNEL_SAVE_PACKET save_packet;
static EVT_VMB_CHANNEL_SAVE_PACKET_EX save_packet_ex;
static EVT_VMB_CHANNEL_RESTORE_PACKET restore_packet;
static EVT_VMB_CHANNEL_RESTORE_PACKET_EX restore_packet_ex;
static EVT_VMB_PACKET_COMPLETION_ROUTINE_EX server_sent;

static VOID server_sent(VMBPACKET packet, PVOID context, NTSTATUS status, PVOID buffer,
			UINT32 length)
{
	struct windows_end *end = context;
	struct windows_save *save = end->private;
	u64 number = (unsigned long)VmbPacketGetPointer(packet);

	if (status == STATUS_SUCCESS && length == sizeof(number) && *(u64 *)buffer == number)
		save->ended[number]++;
	if (status == STATUS_CANCELLED)
		save->cancelled[number]++;
	VmbPacketFree(packet);
	windows_log(end, 'E');
}

static VMBPACKET server_packet(struct windows_end *end, u64 number)
{
	VMBPACKET packet = VmbPacketAllocate(end->channel);

	if (!packet)
		return NULL;
	VmbPacketSetPointer(packet, (PVOID)(unsigned long)number);
	VmbPacketSetCompletionRoutineEx(packet, end, server_sent);
	return packet;
}

static NTSTATUS save_one(struct windows_save *save, VMBPACKET packet, PVOID buffer,
			 UINT32 size, PUINT32 needed)
{
	u64 number = (unsigned long)VmbPacketGetPointer(packet);

	*needed = sizeof(number);
	if (!buffer || size < sizeof(number))
		return STATUS_BUFFER_TOO_SMALL;
	memcpy(buffer, &number, sizeof(number));
	return save->save_status;
}

static NTSTATUS save_packet(VMBCHANNEL channel, VMBPACKET packet, PVOID buffer,
			    UINT32 size, PUINT32 needed)
{
	struct windows_end *end = VmbChannelGetPointer(channel);
	struct windows_save *save = end->private;

	save->plain++;
	return save_one(save, packet, buffer, size, needed);
}

static NTSTATUS save_packet_ex(VMBCHANNEL channel, PVOID context, VMBPACKET packet,
			       PVOID buffer, UINT32 size, PUINT32 needed)
{
	struct windows_end *end = context;
	struct windows_save *save = end->private;

	save->ex++;
	return save_one(save, packet, buffer, size, needed);
}

static NTSTATUS restore_one(struct windows_end *end, PVOID library, UINT32 library_size,
			    PVOID buffer, UINT32 size)
{
	struct windows_save *save = end->private;
	NTSTATUS status;
	VMBPACKET packet;
	u64 number;

	if (!NT_SUCCESS(save->restore_status))
		return save->restore_status;
	if (size != sizeof(number))
		return STATUS_INVALID_PARAMETER;
	memcpy(&number, buffer, sizeof(number));
	if (number >= PACKETS)
		return STATUS_INVALID_PARAMETER;
	packet = server_packet(end, number);
	if (!packet)
		return STATUS_INSUFFICIENT_RESOURCES;
	/* That is another buffer than what the library has. */
	EXPECT(end->test, VmbPacketRestore(packet, library, library_size - 8), 0xc000000d);
	status = VmbPacketRestore(packet, library, library_size);
	if (status != STATUS_SUCCESS)
		VmbPacketFree(packet);
	return status;
}

static NTSTATUS restore_packet(VMBCHANNEL channel, PVOID library, UINT32 library_size,
			       PVOID buffer, UINT32 size)
{
	struct windows_end *end = VmbChannelGetPointer(channel);
	struct windows_save *save = end->private;

	save->plain++;
	return restore_one(end, library, library_size, buffer, size);
}

static NTSTATUS restore_packet_ex(VMBCHANNEL channel, PVOID context, PVOID library,
				  UINT32 library_size, PVOID buffer, UINT32 size)
{
	struct windows_end *end = context;
	struct windows_save *save = end->private;

	save->ex++;
	return restore_one(end, library, library_size, buffer, size);
}

static void set_plain(struct windows_end *end)
{
	VmbChannelSetPointer(end->channel, end);
	EXPECT(end->test,
	       VmbServerChannelInitSetSaveRestorePacketCallbacks(end->channel, save_packet,
								 restore_packet), 0);
}

static void set_ex(struct windows_end *end)
{
	EXPECT(end->test,
	       VmbServerChannelInitSetSaveRestorePacketCallbacksEx(end->channel, end,
								   save_packet_ex,
								   restore_packet_ex), 0);
}

/* The first server saves with the plain callbacks, the other restores with the others. */
static struct windows_save *make_save(struct kunit *test)
{
	struct windows_save *save = kunit_kzalloc(test, sizeof(*save), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, save);
	save->pair = windows_pair(test);
	windows_server(test, &save->next);
	save->pair->server.private = save;
	save->next.private = save;
	set_plain(&save->pair->server);
	set_ex(&save->next);
	return save;
}

static void server_send(struct windows_save *save, u64 number)
{
	struct windows_end *server = &save->pair->server;
	VMBPACKET packet = server_packet(server, number);

	KUNIT_ASSERT_NOT_NULL(server->test, packet);
	KUNIT_ASSERT_EQ(server->test,
			VmbPacketSend(packet, &number, sizeof(number), NULL, WAIT),
			STATUS_SUCCESS);
}

/* Open, and the server paused, with packets that its client has not looked at. */
static void busy_session(struct windows_save *save)
{
	u64 number = 0;

	windows_open(save->pair);
	VmbChannelPause(save->pair->client.channel);
	while (number < IN_RING)
		server_send(save, number++);
	VmbChannelPause(save->pair->server.channel);
	while (number < PACKETS)
		server_send(save, number++);
}

/* The rest of a save that has begun, in the smallest chunks that there can be. */
static void fetch(struct windows_save *save)
{
	VMBCHANNEL channel = save->pair->server.channel;
	struct kunit *test = save->pair->server.test;
	ULONG filled, required, next, at = 0;
	NTSTATUS status;

	save->chunks = 0;
	do {
		KUNIT_ASSERT_LT(test, save->chunks, CHUNKS);
		EXPECT(test, VmbChannelSaveContinue(channel, save->state + at, 0, &filled,
						    &required), 0xc0000023);
		KUNIT_EXPECT_EQ(test, filled, 0);
		KUNIT_ASSERT_GT(test, required, 0);
		KUNIT_ASSERT_LE(test, required, STATE - at);
		status = VmbChannelSaveContinue(channel, save->state + at, required, &filled,
						&next);
		KUNIT_ASSERT_GT(test, filled, 0);
		save->sizes[save->chunks++] = filled;
		at += filled;
	} while ((u32)status == 0x80000005);
	EXPECT(test, status, 0);
	KUNIT_EXPECT_GT(test, save->chunks, 1);
	/* There is no more. */
	EXPECT(test, VmbChannelSaveContinue(channel, save->state, STATE, &filled, &required),
	       0xc000000d);
}

static void save_all(struct windows_save *save)
{
	VMBCHANNEL channel = save->pair->server.channel;

	KUNIT_ASSERT_EQ(save->next.test, VmbChannelSaveBegin(channel), STATUS_SUCCESS);
	fetch(save);
	VmbChannelSaveEnd(channel);
}

/* What the other server says to the last chunk, or to the first that it refuses. */
static NTSTATUS restore_all(struct windows_save *save)
{
	NTSTATUS status = STATUS_UNSUCCESSFUL;
	ULONG at = 0;
	u32 i;

	for (i = 0; i < save->chunks; i++) {
		status = VmbChannelRestoreFromBuffer(save->next.channel, save->state + at,
						     save->sizes[i]);
		at += save->sizes[i];
		if ((u32)status != 0xc0000016)
			break;
	}
	if (status == STATUS_SUCCESS)
		KUNIT_EXPECT_EQ(save->next.test, i, save->chunks - 1);
	return status;
}

static void a_session_goes_over(struct kunit *test)
{
	struct windows_save *save = make_save(test);
	struct windows_pair *pair = save->pair;
	u32 number, packet = 1;

	busy_session(save);
	save_all(save);
	/* Each twice, once for its size; and the other form not at all. */
	KUNIT_EXPECT_EQ(test, save->plain, 2 * PACKETS);
	KUNIT_EXPECT_EQ(test, save->ex, 0);
	VmbChannelDisable(pair->server.channel);
	windows_expect(&pair->server, 'E', PACKETS);
	for (number = 0; number < PACKETS; number++)
		KUNIT_EXPECT_EQ(test, save->cancelled[number], 1);
	/* The client answers what it has, though nobody reads that yet. */
	VmbChannelStart(pair->client.channel);
	windows_expect(&pair->client, 'K', IN_RING);
	EXPECT(test, restore_all(save), 0);
	KUNIT_EXPECT_EQ(test, save->plain, 2 * PACKETS);
	KUNIT_EXPECT_EQ(test, save->ex, PACKETS);
	KUNIT_ASSERT_EQ(test, VmbChannelEnable(save->next.channel), STATUS_SUCCESS);
	VmbChannelStart(save->next.channel);
	windows_expect(&save->next, 'E', PACKETS);
	windows_expect(&pair->client, 'K', PACKETS);
	for (number = 0; number < PACKETS; number++) {
		KUNIT_EXPECT_EQ(test, save->ended[number], 1);
		KUNIT_EXPECT_EQ(test, save->cancelled[number], 1);
	}
	/* And the other way. */
	EXPECT(test, VmbChannelSendSynchronousRequest(pair->client.channel, &packet,
						      sizeof(packet), NULL, WAIT, NULL,
						      NULL, NULL), 0);
	KUNIT_EXPECT_EQ(test, windows_happened(&save->next, 'K'), 1);
	KUNIT_EXPECT_EQ(test, windows_happened(&pair->client, 'O'), 1);
	KUNIT_EXPECT_EQ(test, windows_happened(&pair->client, 'C'), 0);
}

/* Of the two forms, on either side. */
static void the_last_registration_counts(struct kunit *test)
{
	struct windows_save *save = make_save(test);

	set_ex(&save->pair->server);
	set_plain(&save->next);
	busy_session(save);
	save_all(save);
	KUNIT_EXPECT_EQ(test, save->plain, 0);
	KUNIT_EXPECT_EQ(test, save->ex, 2 * PACKETS);
	VmbChannelDisable(save->pair->server.channel);
	EXPECT(test, restore_all(save), 0);
	KUNIT_EXPECT_EQ(test, save->plain, PACKETS);
	KUNIT_EXPECT_EQ(test, save->ex, 2 * PACKETS);
	/* Without one there is nobody to give packets to. */
	EXPECT(test, VmbServerChannelInitSetSaveRestorePacketCallbacks(save->next.channel,
								       save_packet, NULL), 0);
	EXPECT(test, restore_all(save), 0xc000000d);
}

/* A failure comes out of the call, but none that would say something else of that. */
static void what_a_callback_says(struct kunit *test)
{
	static const struct {
		u32 said;
		u32 status;
	} rows[] = {
		{ 0xc000009a, 0xc000009a },	/* insufficient resources */
		{ 0xc000000d, 0xc000000d },	/* invalid parameter */
		{ 0xc0000206, 0xc0000206 },	/* invalid buffer size */
		{ 0xc0000023, 0xc0000023 },	/* buffer too small */
		{ 0xc0000059, 0xc0000059 },	/* revision mismatch */
		{ 0xc00000bb, 0xc00000bb },	/* not supported */
		{ 0xc0000184, 0xc0000184 },	/* invalid device state */
		{ 0xc0000001, 0xc0000001 },	/* unsuccessful */
		{ 0xc0000016, 0xc0000001 },	/* more processing required */
		{ 0x80000005, 0xc0000001 },	/* buffer overflow */
	};
	struct windows_save *save = make_save(test);
	VMBCHANNEL server = save->pair->server.channel;
	u32 i;

	busy_session(save);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		save->save_status = rows[i].said;
		KUNIT_EXPECT_EQ_MSG(test, (u32)VmbChannelSaveBegin(server), rows[i].status,
				    "row %u", i);
	}
	/* An information is a success, also here. */
	save->save_status = STATUS_PENDING;
	save_all(save);
	VmbChannelDisable(server);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		save->restore_status = rows[i].said;
		KUNIT_EXPECT_EQ_MSG(test, (u32)restore_all(save), rows[i].status, "row %u", i);
	}
	save->restore_status = STATUS_SUCCESS;
	EXPECT(test, restore_all(save), 0);
}

static void what_is_not_saved(struct kunit *test)
{
	struct windows_save *save = make_save(test);
	VMBCHANNEL server = save->pair->server.channel;
	ULONG filled, required;

	EXPECT(test, VmbChannelSaveBegin(save->pair->client.channel), 0xc000000d);
	EXPECT(test, VmbChannelSaveBegin(server), 0xc000009d);
	windows_open(save->pair);
	EXPECT(test, VmbChannelSaveBegin(server), 0xc0000184);
	EXPECT(test, VmbChannelSaveContinue(server, save->state, STATE, &filled, &required),
	       0xc000000d);
	/* As it is paused: and it goes on afterwards. */
	VmbChannelPause(server);
	EXPECT(test, VmbChannelSaveBegin(server), 0);
	EXPECT(test, VmbChannelSaveBegin(server), 0xc0000184);
	VmbChannelSaveEnd(server);
	VmbChannelStart(server);
	windows_expect(&save->pair->server, 'P', 2);
}

static void what_is_not_restored(struct kunit *test)
{
	struct windows_save *save = make_save(test);

	busy_session(save);
	EXPECT(test, VmbChannelRestoreFromBuffer(save->pair->server.channel, save->state, 8),
	       0xc0000184);
	save_all(save);
	save->state[save->sizes[0] - 1] ^= 1;
	EXPECT(test, restore_all(save), 0xc000000d);
	save->state[save->sizes[0] - 1] ^= 1;
	EXPECT(test, restore_all(save), 0);
	/* A session that is over by now. */
	VmbChannelDisable(save->pair->server.channel);
	VmbChannelDisable(save->pair->client.channel);
	EXPECT(test, VmbChannelEnable(save->next.channel), 0xc000009d);
}

static struct kunit_case windows_save_cases[] = {
	KUNIT_CASE(a_session_goes_over),
	KUNIT_CASE(the_last_registration_counts),
	KUNIT_CASE(what_a_callback_says),
	KUNIT_CASE(what_is_not_saved),
	KUNIT_CASE(what_is_not_restored),
	{}
};

static struct kunit_suite windows_save_suite = {
	.name = "vmbkmcl_windows_save",
	.init = windows_fixture_init,
	.exit = windows_fixture_exit,
	.test_cases = windows_save_cases,
};

kunit_test_suites(&windows_save_suite);
