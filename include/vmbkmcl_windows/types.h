/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The few types of Windows' that KMCL's prototypes need. Included by
 * vmbkmcl_windows.h.
 */
#ifndef VMBKMCL_WINDOWS_TYPES_H
#define VMBKMCL_WINDOWS_TYPES_H

#include <linux/types.h>
#include <linux/uuid.h>

#ifndef TRUE
#define TRUE	1
#define FALSE	0
#endif

#define VOID	void
#define FASTCALL

typedef s32 NTSTATUS;
typedef u8 BOOLEAN;
typedef u8 UINT8;
typedef u16 USHORT;
typedef u16 UINT16;
/* Here, too, a ULONG has 32 bits, unlike C's own. */
typedef u32 ULONG;
typedef u32 UINT32;
typedef u64 UINT64;
typedef void *PVOID;
typedef u32 *PULONG;
typedef u32 *PUINT32;

typedef guid_t GUID;
typedef guid_t *LPGUID;
typedef const guid_t *LPCGUID;

/* Of 4 KiB, as Hyper-V's pages are, whatever PAGE_SIZE is. */
typedef u64 PFN_NUMBER;
typedef u64 *PPFN_NUMBER;

/* What probe is handed. NULL is the loopback. */
typedef struct vmb_device *PDEVICE_OBJECT;

typedef union _LARGE_INTEGER {
	s64 QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER;

/* UTF-16. The kernel's L"..." is that, too. */
typedef u16 WCHAR;

typedef struct _UNICODE_STRING {
	USHORT Length;
	USHORT MaximumLength;
	WCHAR *Buffer;
} UNICODE_STRING;

typedef const UNICODE_STRING *PCUNICODE_STRING;

/* The three handles. */
typedef struct vmb_windows_channel *VMBCHANNEL;
typedef struct vmb_packet *VMBPACKET;
typedef struct vmb_packet_completion *VMBPACKETCOMPLETION;

#endif
