// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit: what the client makes of requests that are right, wrong, and short. Built
 * where the kernel has KUnit; to load it runs it.
 */
#include <kunit/test.h>
#include <linux/module.h>

#include "vmb_template.h"

static void inverts(struct kunit *test)
{
	struct vmb_template_request request = {
		.command = cpu_to_le32(VMB_TEMPLATE_INVERT),
		.value = cpu_to_le64(0x0123456789abcdefull),
	};
	struct vmb_template_answer answer;

	answer = vmb_template_answer(&request, sizeof(request));
	KUNIT_EXPECT_EQ(test, le32_to_cpu(answer.status), 0);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(answer.value), 0xfedcba9876543210ull);
}

static void refuses_what_is_short(struct kunit *test)
{
	struct vmb_template_request request = {
		.command = cpu_to_le32(VMB_TEMPLATE_INVERT),
	};
	struct vmb_template_answer answer;

	answer = vmb_template_answer(&request, sizeof(request) - 8);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(answer.status), EINVAL);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(answer.value), 0);
}

static void refuses_what_it_does_not_know(struct kunit *test)
{
	struct vmb_template_request request = {
		.command = cpu_to_le32(VMB_TEMPLATE_HELLO),
	};
	struct vmb_template_answer answer;

	answer = vmb_template_answer(&request, sizeof(request));
	KUNIT_EXPECT_EQ(test, le32_to_cpu(answer.status), EOPNOTSUPP);
}

static struct kunit_case client_cases[] = {
	KUNIT_CASE(inverts),
	KUNIT_CASE(refuses_what_is_short),
	KUNIT_CASE(refuses_what_it_does_not_know),
	{ }
};

static struct kunit_suite client_suite = {
	.name = "vmb_template",
	.test_cases = client_cases,
};

kunit_test_suite(client_suite);

MODULE_DESCRIPTION("KUnit suite of the vmb_template client");
MODULE_LICENSE("GPL");
