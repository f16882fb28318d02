/* SPDX-License-Identifier: GPL-2.0 */
/*
 * NTSTATUS of an errno. The same errno says different things in different calls,
 * so there is a table for each family of them; what is in none of its rows is
 * STATUS_UNSUCCESSFUL. Included by vmbkmcl_windows.h.
 */
#ifndef VMBKMCL_WINDOWS_STATUS_H
#define VMBKMCL_WINDOWS_STATUS_H

#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>

#define STATUS_SUCCESS				((NTSTATUS)0x00000000u)
#define STATUS_PENDING				((NTSTATUS)0x00000103u)
#define STATUS_BUFFER_OVERFLOW			((NTSTATUS)0x80000005u)
#define STATUS_UNSUCCESSFUL			((NTSTATUS)0xc0000001u)
#define STATUS_INVALID_PARAMETER		((NTSTATUS)0xc000000du)
#define STATUS_MORE_PROCESSING_REQUIRED		((NTSTATUS)0xc0000016u)
#define STATUS_ACCESS_DENIED			((NTSTATUS)0xc0000022u)
#define STATUS_BUFFER_TOO_SMALL			((NTSTATUS)0xc0000023u)
#define STATUS_OBJECT_NAME_COLLISION		((NTSTATUS)0xc0000035u)
#define STATUS_SHARING_VIOLATION		((NTSTATUS)0xc0000043u)
#define STATUS_REVISION_MISMATCH		((NTSTATUS)0xc0000059u)
#define STATUS_ARRAY_BOUNDS_EXCEEDED		((NTSTATUS)0xc000008cu)
#define STATUS_INSUFFICIENT_RESOURCES		((NTSTATUS)0xc000009au)
#define STATUS_DEVICE_NOT_CONNECTED		((NTSTATUS)0xc000009du)
#define STATUS_NOT_SUPPORTED			((NTSTATUS)0xc00000bbu)
#define STATUS_INVALID_PARAMETER_1		((NTSTATUS)0xc00000efu)
#define STATUS_INVALID_PARAMETER_2		((NTSTATUS)0xc00000f0u)
#define STATUS_INVALID_PARAMETER_3		((NTSTATUS)0xc00000f1u)
#define STATUS_INVALID_PARAMETER_4		((NTSTATUS)0xc00000f2u)
#define STATUS_CANCELLED			((NTSTATUS)0xc0000120u)
#define STATUS_INVALID_DEVICE_STATE		((NTSTATUS)0xc0000184u)
#define STATUS_IO_DEVICE_ERROR			((NTSTATUS)0xc0000185u)
#define STATUS_DEVICE_PROTOCOL_ERROR		((NTSTATUS)0xc0000186u)
#define STATUS_POSSIBLE_DEADLOCK		((NTSTATUS)0xc0000194u)
#define STATUS_INVALID_BUFFER_SIZE		((NTSTATUS)0xc0000206u)
#define STATUS_NOT_FOUND			((NTSTATUS)0xc0000225u)
#define STATUS_DEVICE_REMOVED			((NTSTATUS)0xc00002b6u)

/* Success and information, so STATUS_PENDING as well. */
#define NT_SUCCESS(status)	((NTSTATUS)(status) >= 0)

struct vmb_windows_status {
	int error;
	NTSTATUS status;
};

static inline NTSTATUS
vmb_windows_status(const struct vmb_windows_status *table, size_t rows, int error)
{
	size_t row;

	if (!error)
		return STATUS_SUCCESS;
	for (row = 0; row < rows; row++)
		if (table[row].error == error)
			return table[row].status;
	return STATUS_UNSUCCESSFUL;
}

/*
 * Settings, which Windows numbers by the argument that is wrong. The caller knows
 * which one -EINVAL, -EMSGSIZE and -EEXIST are about.
 */
static inline NTSTATUS vmb_windows_configure_status(int error, NTSTATUS wrong)
{
	const struct vmb_windows_status table[] = {
		{ -EBUSY, STATUS_INVALID_PARAMETER_1 },
		{ -EINVAL, wrong },
		{ -EMSGSIZE, wrong },
		{ -EEXIST, wrong },
		{ -ENOMEM, STATUS_INSUFFICIENT_RESOURCES },
	};

	return vmb_windows_status(table, ARRAY_SIZE(table), error);
}

/* Allocating and enabling a channel; what a PNP_FAILURE callback is told. */
static inline NTSTATUS vmb_windows_enable_status(int error)
{
	static const struct vmb_windows_status table[] = {
		{ -EBUSY, STATUS_INVALID_DEVICE_STATE },
		{ -EINVAL, STATUS_INVALID_PARAMETER },
		{ -EMSGSIZE, STATUS_INVALID_BUFFER_SIZE },
		{ -ENODEV, STATUS_DEVICE_REMOVED },
		{ -ENOTCONN, STATUS_DEVICE_NOT_CONNECTED },
		{ -ESTALE, STATUS_DEVICE_NOT_CONNECTED },
		{ -EEXIST, STATUS_OBJECT_NAME_COLLISION },
		{ -EOPNOTSUPP, STATUS_NOT_SUPPORTED },
		{ -EPERM, STATUS_ACCESS_DENIED },
		{ -ENOSPC, STATUS_INSUFFICIENT_RESOURCES },
		{ -ENOMEM, STATUS_INSUFFICIENT_RESOURCES },
	};

	return vmb_windows_status(table, ARRAY_SIZE(table), error);
}

/* VmbPacketSend and its relatives. */
static inline NTSTATUS vmb_windows_send_status(int error)
{
	static const struct vmb_windows_status table[] = {
		{ -EINVAL, STATUS_INVALID_PARAMETER },
		{ -EMSGSIZE, STATUS_INVALID_BUFFER_SIZE },
		{ -EBUSY, STATUS_INVALID_PARAMETER_1 },
		{ -ENODEV, STATUS_INVALID_DEVICE_STATE },
		{ -EAGAIN, STATUS_INSUFFICIENT_RESOURCES },
		{ -ENOMEM, STATUS_INSUFFICIENT_RESOURCES },
		{ -EOPNOTSUPP, STATUS_NOT_SUPPORTED },
	};

	return vmb_windows_status(table, ARRAY_SIZE(table), error);
}

/*
 * What a completion routine is told. With STATUS_IO_DEVICE_ERROR the peer may
 * still write to the external data: that memory must never be freed.
 */
static inline NTSTATUS vmb_windows_completion_status(int error)
{
	static const struct vmb_windows_status table[] = {
		{ -ENODEV, STATUS_DEVICE_REMOVED },
		{ -EPROTO, STATUS_DEVICE_PROTOCOL_ERROR },
		{ -EMSGSIZE, STATUS_INVALID_BUFFER_SIZE },
		{ -EIO, STATUS_IO_DEVICE_ERROR },
		{ -ECANCELED, STATUS_CANCELLED },
	};

	return vmb_windows_status(table, ARRAY_SIZE(table), error);
}

/* VmbChannelSendSynchronousRequest. */
static inline NTSTATUS vmb_windows_synchronous_status(int error)
{
	static const struct vmb_windows_status table[] = {
		{ -EAGAIN, STATUS_BUFFER_OVERFLOW },
		{ -ETIMEDOUT, STATUS_CANCELLED },
		{ -ENODEV, STATUS_DEVICE_REMOVED },
		{ -EOVERFLOW, STATUS_BUFFER_TOO_SMALL },
		{ -EDEADLK, STATUS_POSSIBLE_DEADLOCK },
		{ -EINVAL, STATUS_INVALID_PARAMETER },
		{ -EMSGSIZE, STATUS_INVALID_BUFFER_SIZE },
		{ -EOPNOTSUPP, STATUS_NOT_SUPPORTED },
		{ -ENOMEM, STATUS_INSUFFICIENT_RESOURCES },
		{ -EPROTO, STATUS_DEVICE_PROTOCOL_ERROR },
		{ -EIO, STATUS_IO_DEVICE_ERROR },
	};

	return vmb_windows_status(table, ARRAY_SIZE(table), error);
}

/* VmbChannelPacketGetExternalData. STATUS_PENDING passes NT_SUCCESS, as in Windows. */
static inline NTSTATUS vmb_windows_external_data_status(int error)
{
	static const struct vmb_windows_status table[] = {
		{ -EINPROGRESS, STATUS_PENDING },
		{ -EINVAL, STATUS_INVALID_PARAMETER },
		{ -EACCES, STATUS_ACCESS_DENIED },
		{ -EROFS, STATUS_ACCESS_DENIED },
		{ -ENOENT, STATUS_NOT_FOUND },
		{ -ERANGE, STATUS_ARRAY_BOUNDS_EXCEEDED },
	};

	return vmb_windows_status(table, ARRAY_SIZE(table), error);
}

/* GPADLs: making, finding, mapping. Deleting one has no status. */
static inline NTSTATUS vmb_windows_gpadl_status(int error)
{
	static const struct vmb_windows_status table[] = {
		{ -EINVAL, STATUS_INVALID_PARAMETER },
		{ -E2BIG, STATUS_INVALID_BUFFER_SIZE },
		{ -EEXIST, STATUS_OBJECT_NAME_COLLISION },
		{ -ENODEV, STATUS_INVALID_DEVICE_STATE },
		{ -ENOENT, STATUS_NOT_FOUND },
		{ -ENOSPC, STATUS_INSUFFICIENT_RESOURCES },
		{ -EBUSY, STATUS_SHARING_VIOLATION },
		{ -EACCES, STATUS_ACCESS_DENIED },
		{ -EOPNOTSUPP, STATUS_NOT_SUPPORTED },
		{ -ENOMEM, STATUS_INSUFFICIENT_RESOURCES },
		{ -EIO, STATUS_IO_DEVICE_ERROR },
	};

	return vmb_windows_status(table, ARRAY_SIZE(table), error);
}

/* Saving a server, restoring it, and its packets. */
static inline NTSTATUS vmb_windows_save_status(int error)
{
	static const struct vmb_windows_status table[] = {
		{ -ENOBUFS, STATUS_BUFFER_TOO_SMALL },
		{ -EOVERFLOW, STATUS_BUFFER_OVERFLOW },
		{ -EINPROGRESS, STATUS_MORE_PROCESSING_REQUIRED },
		{ -EINVAL, STATUS_INVALID_PARAMETER },
		{ -EBADMSG, STATUS_INVALID_PARAMETER },
		{ -EPROTONOSUPPORT, STATUS_REVISION_MISMATCH },
		{ -E2BIG, STATUS_INVALID_BUFFER_SIZE },
		{ -EMSGSIZE, STATUS_INVALID_BUFFER_SIZE },
		{ -EBUSY, STATUS_INVALID_DEVICE_STATE },
		{ -ENODEV, STATUS_DEVICE_REMOVED },
		{ -ENOTCONN, STATUS_DEVICE_NOT_CONNECTED },
		{ -EDEADLK, STATUS_POSSIBLE_DEADLOCK },
		{ -EOPNOTSUPP, STATUS_NOT_SUPPORTED },
		{ -ENOMEM, STATUS_INSUFFICIENT_RESOURCES },
	};

	return vmb_windows_status(table, ARRAY_SIZE(table), error);
}

/* Windows counts 100 ns, from 1601 on; Unix from 1970. */
#define VMB_WINDOWS_TICKS_A_SECOND	10000000u
#define VMB_WINDOWS_TICKS_TO_1970	116444736000000000ull

static inline u64 vmb_windows_now(void)
{
	return VMB_WINDOWS_TICKS_TO_1970 +
	       div_u64(ktime_get_real_ns(), NSEC_PER_SEC / VMB_WINDOWS_TICKS_A_SECOND);
}

/*
 * Jiffies of a time-out: no pointer is for ever; 0 is not at all, and the packet is
 * not queued; negative is from now on, rounded up; positive is a moment since 1601.
 * A moment that is over is the shortest wait, for 0 means something else. @now is
 * in the same units.
 */
static inline long vmb_windows_timeout(const LARGE_INTEGER *timeout, u64 now)
{
	u64 ticks, seconds, jiffies_to_wait;
	u32 rest;

	if (!timeout)
		return MAX_SCHEDULE_TIMEOUT;
	if (!timeout->QuadPart)
		return 0;
	if (timeout->QuadPart < 0)
		ticks = 0 - (u64)timeout->QuadPart;
	else if ((u64)timeout->QuadPart > now)
		ticks = (u64)timeout->QuadPart - now;
	else
		ticks = 1;
	seconds = div_u64_rem(ticks, VMB_WINDOWS_TICKS_A_SECOND, &rest);
	jiffies_to_wait = seconds * HZ +
			  DIV_ROUND_UP_ULL((u64)rest * HZ, VMB_WINDOWS_TICKS_A_SECOND);
	return min_t(u64, jiffies_to_wait, MAX_SCHEDULE_TIMEOUT - 1);
}

#endif
