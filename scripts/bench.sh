#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Counts what a packet costs, in instructions, and compares it with what the
# kernel's own functions cost on the same packets.
set -eu
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

BENCH_SECONDS=240

usage() {
	cat <<-END
		usage: scripts/bench.sh [--help]

		Boots the KUnit kernel in QEMU with -icount, where the clock advances by
		one nanosecond an instruction: the counts repeat to the digit, whatever
		else this machine does. Rows, in batches of 32 packets:

		  raw            foreach_vmbus_pkt() and vmbus_sendpacket(VM_PKT_COMP):
		                 a driver that never needs the packet again
		  raw-retain     the same with kmalloc, copy and kfree: one that does
		  ours-inline    vmbkmcl, completed in the callback
		  ours-deferred  vmbkmcl, a batch completed later, the last one first

		Prints a table, writes build/bench.json. Fails if ours-inline costs more
		than 0.8 x raw at 64 bytes or not less than raw at 4,096, if one of ours
		allocates, or sends more than one signal a batch.
	END
}

case ${1:-} in
--help | -h)
	usage
	exit 0
	;;
'') ;;
*)
	usage >&2
	exit 2
	;;
esac

need_packages python3 qemu-system-x86
kernel=$("$VMB_TOP/scripts/kunit.sh" --kernel)
log=$VMB_BUILD/bench.log

stage "counting instructions"
status=0
timeout --kill-after=10 "$BENCH_SECONDS" qemu-system-x86_64 \
	-machine q35 -accel tcg -icount shift=0,sleep=off -cpu max -smp 1 -m 512 \
	-nodefaults -display none -no-reboot -serial "file:$log" \
	-kernel "$kernel/arch/x86/boot/bzImage" \
	-append 'console=ttyS0 panic=-1 kunit.filter_glob=bench_vmbkmcl kunit_shutdown=poweroff' \
	</dev/null || status=$?
stage_end
[ "$status" -ne 124 ] ||
	die "the benchmark did not end within $BENCH_SECONDS s" "see $log"

python3 - "$log" "$VMB_BUILD/bench.json" <<'END'
import json
import re
import sys

log, result = sys.argv[1:]
text = open(log, errors="replace").read()
instructions, allocations, signals = {}, {}, {}
for kind, row, rest in re.findall(r"bench (\w+) (\S+) ([\d. ]+)", text):
    *length, number = rest.split()
    if kind == "instructions":
        instructions.setdefault(row, {})[length[0]] = float(number)
    else:
        {"allocations": allocations, "signals": signals}[kind][row] = float(number)
rows = ["raw", "raw-retain", "ours-inline", "ours-deferred"]
if "ok 1 bench_packets" not in text or any(r not in signals for r in rows):
    sys.exit(f"bench.sh: error: the benchmark did not run to its end, see {log}")

print(f"{'':15}{'instructions a packet':^26}{'allocations':>12}{'signals':>9}")
print(f"{'row':15}{'64 bytes':>13}{'4,096 bytes':>13}{'a packet':>12}{'a batch':>9}")
for row in rows:
    print(f"{row:15}{instructions[row]['64']:13.1f}{instructions[row]['4096']:13.1f}"
          f"{allocations[row]:12.1f}{signals[row]:9.1f}")
with open(result, "w") as file:
    json.dump({"instructions": instructions, "allocations_per_packet": allocations,
               "signals_per_batch": signals}, file, indent=1)
    file.write("\n")

small = instructions["ours-inline"]["64"] / instructions["raw"]["64"]
large = instructions["ours-inline"]["4096"] / instructions["raw"]["4096"]
print(f"\nours-inline / raw: {small:.2f} at 64 bytes, {large:.2f} at 4,096")
missed = []
if small > 0.8:
    missed.append("ours-inline is over 0.8 x raw at 64 bytes")
if large >= 1:
    missed.append("ours-inline is not below raw at 4,096 bytes")
for row in rows[2:]:
    if allocations[row]:
        missed.append(f"{row} allocates")
    if signals[row] > 1:
        missed.append(f"{row} signals more than once a batch")
for line in missed:
    print(f"bench.sh: error: {line}", file=sys.stderr)
sys.exit(1 if missed else 0)
END
