// SPDX-License-Identifier: GPL-2.0
/*
 * Which mutant is on in a program of make fuzz, from VMB_PLANTED. With
 * VMB_PLANTED_RECORD, a file, which places and outcomes each input comes by: a line of
 * places, then what the program itself has counted so far, then an empty line.
 */
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

unsigned int vmb_planted = -1;
unsigned char vmb_reached[VMB_PLACES];

/* What the wire's program is built without, and the channel's has; only a mutant calls it. */
#pragma weak vmb_latency_begin_slow
#pragma weak vmb_latency_end_slow
void vmb_latency_begin_slow(void);
void vmb_latency_end_slow(void);

void vmb_latency_begin_slow(void)
{
}

void vmb_latency_end_slow(void)
{
}

void fuzz_print_reached(void);
int __real_LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int __wrap_LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void record(FILE *file)
{
	FILE *counts;
	int i, letter;

	for (i = 0; i < VMB_PLACES; i++) {
		if (vmb_reached[i])
			fprintf(file, "%d ", i);
	}
	fputs("\n", file);
	fuzz_print_reached();
	counts = fopen(getenv("VMB_FUZZ_REACHED"), "r");
	while (counts && (letter = getc(counts)) != EOF)
		putc(letter, file);
	fputs("\n", file);
	if (counts)
		fclose(counts);
}

int __wrap_LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const char *name = getenv("VMB_PLANTED_RECORD");
	FILE *file = name ? fopen(name, "a") : NULL;
	int ret;

	if (file)
		memset(vmb_reached, 0, sizeof(vmb_reached));
	ret = __real_LLVMFuzzerTestOneInput(bytes, size);
	if (file) {
		record(file);
		fclose(file);
	}
	return ret;
}

__attribute__((constructor)) static void choose(void)
{
	const char *number = getenv("VMB_PLANTED");

	if (number)
		vmb_planted = atoi(number);
}
