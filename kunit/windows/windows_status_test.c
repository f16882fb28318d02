// SPDX-License-Identifier: GPL-2.0
/*
 * The Windows header: which NTSTATUS an errno becomes, row by row, and how long a
 * time-out is. The numbers are Windows' own, written out.
 */
#include <kunit/test.h>

#include <vmbkmcl_windows.h>

#define SECOND	10000000ll

/* Setters: the caller says which argument it would be. */
static NTSTATUS configure_status(int error)
{
	return vmb_windows_configure_status(error, STATUS_INVALID_PARAMETER_3);
}

struct status_row {
	NTSTATUS (*family)(int error);
	int error;
	u32 status;
};

static const struct status_row status_rows[] = {
	{ configure_status, 0, 0 },
	{ configure_status, -EBUSY, 0xc00000ef },
	{ configure_status, -EINVAL, 0xc00000f1 },
	{ configure_status, -EMSGSIZE, 0xc00000f1 },
	{ configure_status, -EEXIST, 0xc00000f1 },
	{ configure_status, -ENOMEM, 0xc000009a },
	{ configure_status, -EXDEV, 0xc0000001 },

	{ vmb_windows_enable_status, 0, 0 },
	{ vmb_windows_enable_status, -EBUSY, 0xc0000184 },
	{ vmb_windows_enable_status, -EINVAL, 0xc000000d },
	{ vmb_windows_enable_status, -EMSGSIZE, 0xc0000206 },
	{ vmb_windows_enable_status, -ENODEV, 0xc00002b6 },
	{ vmb_windows_enable_status, -ENOTCONN, 0xc000009d },
	{ vmb_windows_enable_status, -ESTALE, 0xc000009d },
	{ vmb_windows_enable_status, -EEXIST, 0xc0000035 },
	{ vmb_windows_enable_status, -EOPNOTSUPP, 0xc00000bb },
	{ vmb_windows_enable_status, -EPERM, 0xc0000022 },
	{ vmb_windows_enable_status, -ENOSPC, 0xc000009a },
	{ vmb_windows_enable_status, -ENOMEM, 0xc000009a },
	{ vmb_windows_enable_status, -EXDEV, 0xc0000001 },

	{ vmb_windows_send_status, 0, 0 },
	{ vmb_windows_send_status, -EINVAL, 0xc000000d },
	{ vmb_windows_send_status, -EMSGSIZE, 0xc0000206 },
	{ vmb_windows_send_status, -EBUSY, 0xc00000ef },
	{ vmb_windows_send_status, -ENODEV, 0xc0000184 },
	{ vmb_windows_send_status, -EAGAIN, 0xc000009a },
	{ vmb_windows_send_status, -ENOMEM, 0xc000009a },
	{ vmb_windows_send_status, -EOPNOTSUPP, 0xc00000bb },
	{ vmb_windows_send_status, -EXDEV, 0xc0000001 },

	{ vmb_windows_completion_status, 0, 0 },
	{ vmb_windows_completion_status, -ENODEV, 0xc00002b6 },
	{ vmb_windows_completion_status, -EPROTO, 0xc0000186 },
	{ vmb_windows_completion_status, -EMSGSIZE, 0xc0000206 },
	{ vmb_windows_completion_status, -EIO, 0xc0000185 },
	{ vmb_windows_completion_status, -ECANCELED, 0xc0000120 },
	{ vmb_windows_completion_status, -EXDEV, 0xc0000001 },

	{ vmb_windows_synchronous_status, 0, 0 },
	{ vmb_windows_synchronous_status, -EAGAIN, 0x80000005 },
	{ vmb_windows_synchronous_status, -ETIMEDOUT, 0xc0000120 },
	{ vmb_windows_synchronous_status, -ENODEV, 0xc00002b6 },
	{ vmb_windows_synchronous_status, -EOVERFLOW, 0xc0000023 },
	{ vmb_windows_synchronous_status, -EDEADLK, 0xc0000194 },
	{ vmb_windows_synchronous_status, -EINVAL, 0xc000000d },
	{ vmb_windows_synchronous_status, -EMSGSIZE, 0xc0000206 },
	{ vmb_windows_synchronous_status, -EOPNOTSUPP, 0xc00000bb },
	{ vmb_windows_synchronous_status, -ENOMEM, 0xc000009a },
	{ vmb_windows_synchronous_status, -EPROTO, 0xc0000186 },
	{ vmb_windows_synchronous_status, -EIO, 0xc0000185 },
	{ vmb_windows_synchronous_status, -EXDEV, 0xc0000001 },

	{ vmb_windows_external_data_status, 0, 0 },
	{ vmb_windows_external_data_status, -EINPROGRESS, 0x00000103 },
	{ vmb_windows_external_data_status, -EINVAL, 0xc000000d },
	{ vmb_windows_external_data_status, -EACCES, 0xc0000022 },
	{ vmb_windows_external_data_status, -EROFS, 0xc0000022 },
	{ vmb_windows_external_data_status, -ENOENT, 0xc0000225 },
	{ vmb_windows_external_data_status, -ERANGE, 0xc000008c },
	{ vmb_windows_external_data_status, -EXDEV, 0xc0000001 },

	{ vmb_windows_gpadl_status, 0, 0 },
	{ vmb_windows_gpadl_status, -EINVAL, 0xc000000d },
	{ vmb_windows_gpadl_status, -E2BIG, 0xc0000206 },
	{ vmb_windows_gpadl_status, -EEXIST, 0xc0000035 },
	{ vmb_windows_gpadl_status, -ENODEV, 0xc0000184 },
	{ vmb_windows_gpadl_status, -ENOENT, 0xc0000225 },
	{ vmb_windows_gpadl_status, -ENOSPC, 0xc000009a },
	{ vmb_windows_gpadl_status, -EBUSY, 0xc0000043 },
	{ vmb_windows_gpadl_status, -EACCES, 0xc0000022 },
	{ vmb_windows_gpadl_status, -EOPNOTSUPP, 0xc00000bb },
	{ vmb_windows_gpadl_status, -ENOMEM, 0xc000009a },
	{ vmb_windows_gpadl_status, -EIO, 0xc0000185 },
	{ vmb_windows_gpadl_status, -EXDEV, 0xc0000001 },

	{ vmb_windows_save_status, 0, 0 },
	{ vmb_windows_save_status, -ENOBUFS, 0xc0000023 },
	{ vmb_windows_save_status, -EOVERFLOW, 0x80000005 },
	{ vmb_windows_save_status, -EINPROGRESS, 0xc0000016 },
	{ vmb_windows_save_status, -EINVAL, 0xc000000d },
	{ vmb_windows_save_status, -EBADMSG, 0xc000000d },
	{ vmb_windows_save_status, -EPROTONOSUPPORT, 0xc0000059 },
	{ vmb_windows_save_status, -E2BIG, 0xc0000206 },
	{ vmb_windows_save_status, -EMSGSIZE, 0xc0000206 },
	{ vmb_windows_save_status, -EBUSY, 0xc0000184 },
	{ vmb_windows_save_status, -ENODEV, 0xc00002b6 },
	{ vmb_windows_save_status, -ENOTCONN, 0xc000009d },
	{ vmb_windows_save_status, -EDEADLK, 0xc0000194 },
	{ vmb_windows_save_status, -EOPNOTSUPP, 0xc00000bb },
	{ vmb_windows_save_status, -ENOMEM, 0xc000009a },
	{ vmb_windows_save_status, -EXDEV, 0xc0000001 },
};

static void every_row(struct kunit *test)
{
	u32 row;

	for (row = 0; row < ARRAY_SIZE(status_rows); row++)
		KUNIT_EXPECT_EQ_MSG(test, (u32)status_rows[row].family(status_rows[row].error),
				    status_rows[row].status, "row %u", row);
}

/* Pending passes, though there is nothing yet; more processing does not. */
static void what_passes_nt_success(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, NT_SUCCESS(STATUS_SUCCESS));
	KUNIT_EXPECT_TRUE(test, NT_SUCCESS(STATUS_PENDING));
	KUNIT_EXPECT_FALSE(test, NT_SUCCESS(STATUS_BUFFER_OVERFLOW));
	KUNIT_EXPECT_FALSE(test, NT_SUCCESS(STATUS_MORE_PROCESSING_REQUIRED));
	KUNIT_EXPECT_EQ(test, (u32)STATUS_MORE_PROCESSING_REQUIRED, 0xc0000016);
	KUNIT_EXPECT_EQ(test, (u32)STATUS_INVALID_PARAMETER_2, 0xc00000f0);
	KUNIT_EXPECT_EQ(test, (u32)STATUS_INVALID_PARAMETER_4, 0xc00000f2);
}

static long timeout_of(s64 quad_part, u64 now)
{
	LARGE_INTEGER timeout = { .QuadPart = quad_part };

	return vmb_windows_timeout(&timeout, now);
}

static void without_a_time_out(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, vmb_windows_timeout(NULL, 5), MAX_SCHEDULE_TIMEOUT);
	KUNIT_EXPECT_EQ(test, timeout_of(0, 5), 0);
}

/* A jiffy has 10,000,000 / HZ units, if that is a whole number. */
static void relative_time_is_rounded_up(struct kunit *test)
{
	const s64 jiffy = SECOND / HZ;

	KUNIT_EXPECT_EQ(test, timeout_of(-1, 0), 1);
	KUNIT_EXPECT_EQ(test, timeout_of(-SECOND, 0), HZ);
	KUNIT_EXPECT_EQ(test, timeout_of(-SECOND - 1, 0), HZ + 1);
	KUNIT_EXPECT_EQ(test, timeout_of(-30 * SECOND, 0), 30 * HZ);
	if (SECOND % HZ == 0) {
		KUNIT_EXPECT_EQ(test, timeout_of(-jiffy, 0), 1);
		KUNIT_EXPECT_EQ(test, timeout_of(-jiffy - 1, 0), 2);
		KUNIT_EXPECT_EQ(test, timeout_of(-2 * jiffy + 1, 0), 2);
		KUNIT_EXPECT_EQ(test, timeout_of(-2 * jiffy, 0), 2);
	}
	/* What time it is does not matter. */
	KUNIT_EXPECT_EQ(test, timeout_of(-SECOND, VMB_WINDOWS_TICKS_TO_1970), HZ);
	/* 29,000 years are long, but they are not for ever. */
	KUNIT_EXPECT_EQ(test, timeout_of(S64_MIN, 0),
			(long)min_t(u64, 922337203685ull * HZ + DIV_ROUND_UP_ULL(4775808ull * HZ,
										  SECOND),
				    MAX_SCHEDULE_TIMEOUT - 1));
}

static void absolute_time_is_a_difference(struct kunit *test)
{
	const u64 now = 133000000000000000ull;

	KUNIT_EXPECT_EQ(test, timeout_of(now + 3 * SECOND, now), 3 * HZ);
	KUNIT_EXPECT_EQ(test, timeout_of(now + 1, now), 1);
	/* It is over, which is not the same as "do not queue". */
	KUNIT_EXPECT_EQ(test, timeout_of(now, now), 1);
	KUNIT_EXPECT_EQ(test, timeout_of(1, now), 1);
}

/* 1970-01-01 is 134,774 days after 1601-01-01. */
static void the_clock_begins_in_1601(struct kunit *test)
{
	const u64 begin = 134774ull * 24 * 60 * 60 * SECOND;
	u64 before, now, after;

	before = begin + div_u64(ktime_get_real_ns(), 100);
	now = vmb_windows_now();
	after = begin + div_u64(ktime_get_real_ns(), 100);
	KUNIT_EXPECT_GE(test, now, before);
	KUNIT_EXPECT_LE(test, now, after);
}

static struct kunit_case windows_status_cases[] = {
	KUNIT_CASE(every_row),
	KUNIT_CASE(what_passes_nt_success),
	KUNIT_CASE(without_a_time_out),
	KUNIT_CASE(relative_time_is_rounded_up),
	KUNIT_CASE(absolute_time_is_a_difference),
	KUNIT_CASE(the_clock_begins_in_1601),
	{}
};

static struct kunit_suite windows_status_suite = {
	.name = "vmbkmcl_windows_status",
	.test_cases = windows_status_cases,
};

kunit_test_suites(&windows_status_suite);
