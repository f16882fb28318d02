/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The Windows names: VmbusKernelModeClientLibApi.h on top of vmbkmcl.h, for code
 * that comes from there. Names, arguments and their order are Windows'; each call
 * is one of ours, of the name that the rule in vmbkmcl.h makes of it, and what it
 * does is said there. What differs is said here.
 *
 * There are three kinds of difference. Handles: VMBCHANNEL is an object of this
 * header, which keeps the callbacks as Windows declares them; ours is behind it,
 * see vmb_windows_channel(). An MDL is a counted array of struct bio_vec, see
 * vmbkmcl_windows/mdl.h. NTSTATUS is made of an errno by a table, one for each
 * family of calls, see vmbkmcl_windows/status.h.
 *
 * What Windows calls PASSIVE_LEVEL is process context, and DISPATCH_LEVEL is
 * softirq, or bottom halves or interrupts disabled.
 *
 * What a guest can never honour is not here: kunit/windows/functions.tsv lists it,
 * with the reasons, and drivers/clients/porting.md shows it.
 */
#ifndef VMBKMCL_WINDOWS_H
#define VMBKMCL_WINDOWS_H

#include <vmbkmcl.h>

#include <vmbkmcl_windows/types.h>
#include <vmbkmcl_windows/status.h>
#include <vmbkmcl_windows/mdl.h>
#include <vmbkmcl_windows/callbacks.h>
#include <vmbkmcl_windows/channel.h>
#include <vmbkmcl_windows/configure.h>
#include <vmbkmcl_windows/inbound.h>
#include <vmbkmcl_windows/outbound.h>
#include <vmbkmcl_windows/gpadl.h>
#include <vmbkmcl_windows/save.h>

#endif
