#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Counts what a packet costs, in instructions, and compares it with what the
# kernel's own functions cost on the same packets.
#
# usage: bench.sh [--keep] [--profile]
#
#   --keep     what is counted becomes kunit/bench-baseline.json, the best state
#   --profile  also says for each row that is measured in batches in which functions the
#              instructions are, by a plugin for QEMU (scripts/bench/profile.c), whose header
#              apt has in QEMU's source; writes build/bench-profile.txt
#
# Boots the KUnit kernel in QEMU with -icount, where the clock advances by
# one nanosecond an instruction: the counts repeat to the digit, whatever
# else this machine does. Rows, in batches of 32 packets:
#
#   raw            foreach_vmbus_pkt() and vmbus_sendpacket(VM_PKT_COMP):
#                  a driver that never needs the packet again
#   raw-retain     the same with kmalloc, copy and kfree: one that does
#   ours-inline    vmbkmcl, completed in the callback
#   ours-deferred  vmbkmcl, a batch completed later, the last one first
#
#   raw-send       vmbus_sendpacket_getid(), and for the peer's completion
#                  foreach_vmbus_pkt() and vmbus_request_addr()
#   ours-send      vmb_packet_send() with a completion routine
#
#   raw-external   vmbus_sendpacket_mpb_desc() of 1, 16 and 128 pages, from
#                  a scatterlist, with dma_map_sg() and dma_unmap_sg()
#   ours-external  vmb_packet_send() of the same pages, from bio_vecs
#
#   ours-inbound-external  external data that the peer names, to bio_vecs
#
# the last three also with pages that are neighbours in RAM: "in a row";
#
#   raw-synchronous   a request by vmbus_sendpacket() and a completion, there and
#                     back, from a peer in the same kernel
#   ours-synchronous  vmb_channel_send_synchronous_request() over loopback
#
# what a completion costs with so many packets outstanding, one for each look at the
# ring; what a packet in costs with so many channels that take turns; and the memory
# of an open channel that sets nothing, by the kernel's count, by a formula, and of
# hv_vmbus for the same rings.
#
# Prints tables, writes build/bench.json; scripts/bench/judge.py has the targets.
# Fails if one is missed, or if a row of ours costs over 2% more than in
# kunit/bench-baseline.json (another kernel or compiler may move that: look why,
# then --keep).
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"

BENCH_SECONDS=240
# With the plugin, which calls back for each instruction of the kernel.
PROFILE_SECONDS=900

keep='' profile=''
for argument; do
	case $argument in
	--keep) keep=--keep ;;
	--profile) profile=1 ;;
	*) die "unknown option $argument" "scripts/bench.sh --help" ;;
	esac
done

need_packages python3 qemu-system-x86
kernel=$("$VMB_TOP/scripts/kunit.sh" --bench)

# count LOG SECONDS [QEMU'S OPTIONS...]: the benchmark, once.
count() {
	local log=$1 seconds=$2 status=0

	shift 2
	timeout --kill-after=10 "$seconds" qemu-system-x86_64 \
		-machine q35 -accel tcg -icount shift=0,sleep=off -cpu max -smp 1 -m 512 \
		-nodefaults -display none -no-reboot -serial "file:$log" \
		-kernel "$kernel/arch/x86/boot/bzImage" \
		-append "console=ttyS0 panic=-1 no_timer_check nokaslr kunit.filter_glob=bench_vmbkmcl kunit_shutdown=poweroff" \
		"$@" </dev/null || status=$?
	stage_end
	[ "$status" -ne 124 ] ||
		die "the benchmark did not end within $seconds s" "see $log"
}

# Which functions are measured stands in the rows themselves.
measured() {
	sed -nE 's/.*\.run = (\w+), \.measured = true.*/\1/p' "$VMB_TOP"/kunit/bench/*.c |
		sort -u | paste -sd:
}

where_it_goes() {
	local work options

	scratch_dir work
	"$VMB_TOP/scripts/bench/build-plugin.sh" profile "$work/profile.so"
	options=$work/profile.so,map=$kernel/System.map,out=$work/counts
	options+=,row=bench_instructions,begin=$(measured),end=ktime_get_ns:ktime_get
	options+=,pause=bench_allocations_begin:bench_signals
	stage "counting instructions by function (some minutes)"
	count "$work/log" "$PROFILE_SECONDS" -plugin "$options"
	"$VMB_TOP/scripts/bench/profile.py" "$work/log" "$work/counts" |
		tee "$VMB_BUILD/bench-profile.txt"
}

stage "counting instructions"
count "$VMB_BUILD/bench.log" "$BENCH_SECONDS"
status=0
"$VMB_TOP/scripts/bench/judge.py" "$VMB_BUILD/bench.log" "$VMB_BUILD/bench.json" \
	"$VMB_TOP/kunit/bench-baseline.json" ${keep:+"$keep"} || status=$?
[ -z "$profile" ] || where_it_goes
exit "$status"
