// SPDX-License-Identifier: GPL-2.0
/*
 * Which mutant is on in the kernel with the suites, from vmb_planted=; which cases run,
 * from vmb_cases=, hexadecimal, four of them in a digit in the order in which they
 * stand; and with vmb_record=1 which places each came by, and its clean-up.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/slab.h>

#define CHUNK	512
#define SUITES	256

unsigned int vmb_planted = -1;
unsigned char vmb_reached[VMB_PLACES];

extern struct kunit_suite * const __kunit_suites_start[];
extern struct kunit_suite * const __kunit_suites_end[];

static char chosen[1024];
static bool record;
/* What the suites had where ours is now, and the case that runs. */
static int (*suite_inits[SUITES])(struct kunit_suite *suite);
static int (*inits[SUITES])(struct kunit *test);
static void (*suite_exits[SUITES])(struct kunit_suite *suite);
static int now_suite = -1;
static const char *now_case = "";

static int __init choose_mutant(char *text)
{
	return !kstrtouint(text, 0, &vmb_planted);
}
__setup("vmb_planted=", choose_mutant);

static int __init choose_cases(char *text)
{
	strscpy(chosen, text, sizeof(chosen));
	return 1;
}
__setup("vmb_cases=", choose_cases);

static int __init choose_record(char *text)
{
	record = true;
	return 1;
}
__setup("vmb_record=", choose_record);

static void print_reached(void)
{
	DECLARE_BITMAP(reached, CHUNK);
	int i, j;

	for (i = 0; i < VMB_PLACES; i += CHUNK) {
		bitmap_zero(reached, CHUNK);
		for (j = 0; j < CHUNK && i + j < VMB_PLACES; j++) {
			if (vmb_reached[i + j])
				__set_bit(j, reached);
			vmb_reached[i + j] = 0;
		}
		if (now_suite >= 0 && !bitmap_empty(reached, CHUNK))
			pr_info("VMB-REACHED %d %s %d %*pb\n", now_suite, now_case, i,
				CHUNK, reached);
	}
}

static int suite_of(const char *name)
{
	struct kunit_suite * const *each;

	for (each = __kunit_suites_start; each < __kunit_suites_end; each++) {
		if (!strcmp((*each)->name, name))
			return each - __kunit_suites_start;
	}
	return 0;
}

static int suite_begins(struct kunit_suite *suite)
{
	print_reached();
	now_suite = suite_of(suite->name);
	now_case = "";
	return suite_inits[now_suite] ? suite_inits[now_suite](suite) : 0;
}

/* Before a case, and once more before each of its parameters. */
static int case_begins(struct kunit *test)
{
	if (strcmp(now_case, test->name)) {
		print_reached();
		now_case = test->name;
	}
	return inits[now_suite] ? inits[now_suite](test) : 0;
}

static void suite_ends(struct kunit_suite *suite)
{
	if (suite_exits[now_suite])
		suite_exits[now_suite](suite);
	print_reached();
	now_suite = -1;
}

static bool is_chosen(unsigned int number)
{
	char digit[] = { number / 4 < strlen(chosen) ? chosen[number / 4] : '0', 0 };
	unsigned int bits;

	return !kstrtouint(digit, 16, &bits) && bits & BIT(number % 4);
}

/* Leaves the cases that are chosen; a suite without one gets a name that no glob has. */
static void choose(struct kunit_suite *suite, unsigned int number)
{
	struct kunit_case *each, *kept;
	int count = 0;

	kunit_suite_for_each_test_case(suite, each)
		count++;
	kept = kcalloc(count + 1, sizeof(*kept), GFP_KERNEL);
	if (!kept)
		return;
	count = 0;
	kunit_suite_for_each_test_case(suite, each) {
		if (is_chosen(number++))
			kept[count++] = *each;
	}
	suite->test_cases = kept;
	if (!count)
		((char *)suite->name)[0] = '-';
}

static int __init prepare_suites(void)
{
	struct kunit_suite * const *each;
	struct kunit_case *test;
	unsigned int number = 0, first;
	struct kunit_suite *suite;
	int i;

	/* Who reads this knows that it is this kernel that runs, and its options came. */
	pr_info("VMB-PLANTED %d %zu\n", (int)vmb_planted, strlen(chosen));
	for (each = __kunit_suites_start; each < __kunit_suites_end; each++) {
		suite = *each;
		i = each - __kunit_suites_start;
		first = number;
		kunit_suite_for_each_test_case(suite, test) {
			if (record)
				pr_info("VMB-CASE %u %d %s %s\n", number, i, suite->name,
					test->name);
			number++;
		}
		if (chosen[0])
			choose(suite, first);
		if (!record || i >= SUITES)
			continue;
		suite_inits[i] = suite->suite_init;
		suite->suite_init = suite_begins;
		inits[i] = suite->init;
		suite->init = case_begins;
		suite_exits[i] = suite->suite_exit;
		suite->suite_exit = suite_ends;
	}
	return 0;
}
late_initcall(prepare_suites);
