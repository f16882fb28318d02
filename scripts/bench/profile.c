// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin for QEMU that says in which function of the guest's kernel the measured
 * instructions of each of the benchmark's rows are.
 *
 * arguments: map=FILE,row=NAMES,pause=NAMES,begin=NAMES,end=NAMES,out=FILE
 *
 * FILE is the kernel's System.map, NAMES are functions, with colons in between. The
 * entry of one of row's begins a row, that of one of pause's ends it. In a row, what
 * is executed counts from the entry of one of begin's to the entry of one of end's.
 * The result is a line for each row and function: number, instructions, name.
 *
 * The guest has one CPU, so nothing here is locked.
 */
#include <glib.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qemu-plugin.h>

#define PROFILE_ROWS		64
/* Below it there is no kernel, and code that moves while it is patched. */
#define PROFILE_KERNEL		0xffffffff80000000ull
#define PROFILE_NAME		128

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

enum event {
	EVENT_NONE,
	EVENT_ROW,
	EVENT_PAUSE,
	EVENT_BEGIN,
	EVENT_END,
	EVENT_COUNT,
};

static const char *const event_names[EVENT_COUNT] = {
	[EVENT_ROW] = "row",
	[EVENT_PAUSE] = "pause",
	[EVENT_BEGIN] = "begin",
	[EVENT_END] = "end",
};

/* A function of the kernel's, and what was executed of it. */
struct function {
	uint64_t address;
	char name[PROFILE_NAME];
	enum event event;
	uint64_t counts[PROFILE_ROWS];
};

/* An instruction that was translated. */
struct place {
	struct function *function;
	bool entry;
};

static struct function *functions;
static size_t function_count;
static GHashTable *places;
static char *out;

static int row = -1;
static bool in_row, counting;

static bool is_listed(const char *names, const char *name)
{
	char **list;
	bool found;

	if (!names)
		return false;
	list = g_strsplit(names, ":", 0);
	found = g_strv_contains((const char *const *)list, name);
	g_strfreev(list);
	return found;
}

static int compare(const void *left, const void *right)
{
	const struct function *a = left, *b = right;

	return a->address < b->address ? -1 : a->address > b->address;
}

/* The last function that does not begin behind the address. */
static struct function *function_at(uint64_t address)
{
	size_t low = 0, high = function_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (functions[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &functions[low - 1] : NULL;
}

static void enter(enum event event)
{
	switch (event) {
	case EVENT_ROW:
		in_row = row + 1 < PROFILE_ROWS;
		row += in_row;
		break;
	case EVENT_PAUSE:
		in_row = false;
		break;
	case EVENT_BEGIN:
		counting = in_row;
		break;
	case EVENT_END:
		counting = false;
		break;
	default:
		break;
	}
}

static void executed(unsigned int cpu, void *data)
{
	const struct place *place = data;

	if (place->entry)
		enter(place->function->event);
	if (counting)
		place->function->counts[row]++;
}

static struct place *place_at(uint64_t address)
{
	struct place *place = g_hash_table_lookup(places, (void *)(uintptr_t)address);
	struct function *function;

	if (place)
		return place;
	function = function_at(address);
	if (!function)
		return NULL;
	place = g_new0(struct place, 1);
	place->function = function;
	place->entry = function->address == address;
	g_hash_table_insert(places, (void *)(uintptr_t)address, place);
	return place;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
	size_t i;

	for (i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
		struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
		uint64_t address = qemu_plugin_insn_vaddr(instruction);
		struct place *place;

		place = address < PROFILE_KERNEL ? NULL : place_at(address);
		if (place)
			qemu_plugin_register_vcpu_insn_exec_cb(instruction, executed,
							       QEMU_PLUGIN_CB_NO_REGS, place);
	}
}

static void ended(qemu_plugin_id_t id, void *data)
{
	FILE *file = fopen(out, "w");
	size_t i;
	int k;

	if (!file) {
		perror(out);
		return;
	}
	for (k = 0; k <= row; k++)
		for (i = 0; i < function_count; i++)
			if (functions[i].counts[k])
				fprintf(file, "%d %" PRIu64 " %s\n", k,
					functions[i].counts[k], functions[i].name);
	fclose(file);
}

/* One of a function's names is enough; the first is. */
static void add_function(uint64_t address, const char *name, char *const *lists)
{
	struct function *function;
	enum event event;

	functions = g_renew(struct function, functions, function_count + 1);
	function = &functions[function_count++];
	memset(function, 0, sizeof(*function));
	function->address = address;
	g_strlcpy(function->name, name, sizeof(function->name));
	for (event = EVENT_NONE + 1; event < EVENT_COUNT; event++)
		if (is_listed(lists[event], name))
			function->event = event;
}

static bool read_map(const char *path, char *const *lists)
{
	FILE *file = path ? fopen(path, "r") : NULL;
	char type, name[PROFILE_NAME];
	uint64_t address;

	if (!file)
		return false;
	while (fscanf(file, "%" SCNx64 " %c %127s%*[^\n]", &address, &type, name) == 3)
		/* What compilers put in front of a function is none. */
		if (strchr("tTwW", type) && strncmp(name, "__pfx_", 6))
			add_function(address, name, lists);
	fclose(file);
	qsort(functions, function_count, sizeof(*functions), compare);
	return function_count;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info,
					   int argc, char **argv)
{
	char *lists[EVENT_COUNT] = {};
	char *map = NULL;
	enum event event;
	int i;

	for (i = 0; i < argc; i++) {
		char **pair = g_strsplit(argv[i], "=", 2);

		if (!strcmp(pair[0], "map"))
			map = g_strdup(pair[1]);
		else if (!strcmp(pair[0], "out"))
			out = g_strdup(pair[1]);
		for (event = EVENT_NONE + 1; event < EVENT_COUNT; event++)
			if (!strcmp(pair[0], event_names[event]))
				lists[event] = g_strdup(pair[1]);
		g_strfreev(pair);
	}
	if (!out || !read_map(map, lists)) {
		fprintf(stderr, "profile: no map, or nowhere to write to\n");
		return -1;
	}
	places = g_hash_table_new(NULL, NULL);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, ended, NULL);
	return 0;
}
