// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin for QEMU that says where the instructions are that a load in a nested guest
 * takes, in the guest and in the machine in the middle, whose kernel may lie at the same
 * addresses.
 *
 * arguments: out=FILE
 *
 * A load begins and ends with a no-operation that nothing else has, as
 * scripts/bench-guest/load.c writes it. What runs behind an instruction VMRUN, until the
 * machine in the middle comes to what stands behind that one, is the guest's. The result
 * is a line for each load and block of instructions that ran: the load's number, 1 if
 * the guest ran it and 0 if not, the address, and how many instructions that makes.
 *
 * The emulated machine has one CPU, so nothing here is locked.
 */
#include <glib.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <qemu-plugin.h>

#define PROFILE_LOADS		16
#define PROFILE_VMRUN_LENGTH	3
#define PROFILE_MARK_LENGTH	8

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

/* In the guest, in the machine in the middle. */
enum side {
	SIDE_MIDDLE,
	SIDE_GUEST,
	SIDE_COUNT,
};

/* Instructions that are translated, and so run, together. */
struct block {
	uint64_t address;
	uint64_t instructions;
	uint64_t counts[SIDE_COUNT][PROFILE_LOADS];
};

static const uint8_t vmrun[PROFILE_VMRUN_LENGTH] = { 0x0f, 0x01, 0xd8 };
static const uint8_t begins[PROFILE_MARK_LENGTH] = { 0x0f, 0x1f, 0x84, 0x00, 'V', 'M', 'B', '1' };
static const uint8_t ends[PROFILE_MARK_LENGTH] = { 0x0f, 0x1f, 0x84, 0x00, 'V', 'M', 'B', '0' };

static GHashTable *blocks;
static char *out;

static enum side side = SIDE_MIDDLE;
/* Where the machine in the middle goes on when it has left the guest. */
static uint64_t behind_vmrun;
static int load = -1;
static bool counting;

static void executed(unsigned int cpu, void *data)
{
	struct block *block = data;

	if (block->address == behind_vmrun)
		side = SIDE_MIDDLE;
	if (counting)
		block->counts[side][load] += block->instructions;
}

static void guest_entered(unsigned int cpu, void *address)
{
	behind_vmrun = (uintptr_t)address + PROFILE_VMRUN_LENGTH;
	side = SIDE_GUEST;
}

static void load_begins(unsigned int cpu, void *unused)
{
	counting = load + 1 < PROFILE_LOADS;
	load += counting;
}

static void load_ends(unsigned int cpu, void *unused)
{
	counting = false;
}

/* The same address has other blocks as modules go and others come. */
static struct block *block_at(uint64_t address, size_t instructions)
{
	struct block key = { .address = address, .instructions = instructions };
	struct block *block = g_hash_table_lookup(blocks, &key);

	if (block)
		return block;
	block = g_new0(struct block, 1);
	block->address = address;
	block->instructions = instructions;
	g_hash_table_add(blocks, block);
	return block;
}

static bool is(const struct qemu_plugin_insn *instruction, const uint8_t *bytes, size_t size)
{
	return qemu_plugin_insn_size(instruction) == size &&
	       !memcmp(qemu_plugin_insn_data(instruction), bytes, size);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb), i;

	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, QEMU_PLUGIN_CB_NO_REGS,
					     block_at(qemu_plugin_tb_vaddr(tb), count));
	for (i = 0; i < count; i++) {
		struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(tb, i);
		uint64_t address = qemu_plugin_insn_vaddr(instruction);
		qemu_plugin_vcpu_udata_cb_t callback = NULL;

		if (is(instruction, vmrun, sizeof(vmrun)))
			callback = guest_entered;
		else if (is(instruction, begins, sizeof(begins)))
			callback = load_begins;
		else if (is(instruction, ends, sizeof(ends)))
			callback = load_ends;
		if (callback)
			qemu_plugin_register_vcpu_insn_exec_cb(instruction, callback,
							       QEMU_PLUGIN_CB_NO_REGS,
							       (void *)(uintptr_t)address);
	}
}

static void write_block(void *data, void *unused, void *file)
{
	const struct block *block = data;
	enum side of;
	int k;

	for (of = SIDE_MIDDLE; of < SIDE_COUNT; of++)
		for (k = 0; k <= load; k++)
			if (block->counts[of][k])
				fprintf(file, "%d %d %" PRIx64 " %" PRIu64 "\n", k, of,
					block->address, block->counts[of][k]);
}

static void ended(qemu_plugin_id_t id, void *data)
{
	FILE *file = fopen(out, "w");

	if (!file) {
		perror(out);
		return;
	}
	g_hash_table_foreach(blocks, write_block, file);
	fclose(file);
}

static guint block_hash(const void *key)
{
	const struct block *block = key;

	return g_int64_hash(&block->address) + block->instructions;
}

static gboolean block_equal(const void *left, const void *right)
{
	const struct block *a = left, *b = right;

	return a->address == b->address && a->instructions == b->instructions;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info,
					   int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i++)
		if (g_str_has_prefix(argv[i], "out="))
			out = g_strdup(argv[i] + strlen("out="));
	if (!out) {
		fprintf(stderr, "profile_guest: nowhere to write to\n");
		return -1;
	}
	blocks = g_hash_table_new(block_hash, block_equal);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, ended, NULL);
	return 0;
}
