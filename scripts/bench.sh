#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Counts what a packet costs, in instructions, and compares it with what the
# kernel's own functions cost on the same packets.
#
# usage: bench.sh [--keep]
#
#   --keep  what is counted becomes kunit/bench-baseline.json, the best state
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
#   ours-synchronous       a request over loopback, there and back
#
# and what a completion costs with so many packets outstanding, one for
# each look at the ring.
#
# Prints tables, writes build/bench.json. Fails if a row of ours costs more than
# its target, which is a share of raw, or over 2% more than in
# kunit/bench-baseline.json (another kernel or compiler may move that: look why,
# then --keep); if the cost of a completion moves by more than 1% with what is
# outstanding; if one of ours allocates for a packet, or sends more than one
# signal a batch.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"

BENCH_SECONDS=240

keep=
case ${1:-} in
"") ;;
--keep) keep=1 ;;
*) die "unknown option $1" "scripts/bench.sh --help" ;;
esac

need_packages python3 qemu-system-x86
kernel=$("$VMB_TOP/scripts/kunit.sh" --bench)
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

python3 - "$log" "$VMB_BUILD/bench.json" "$VMB_TOP/kunit/bench-baseline.json" "$keep" <<'END'
import json
import re
import sys

log, result, baseline, keep = sys.argv[1:]
text = open(log, errors="replace").read()
found = {"instructions": {}, "allocations": {}, "signals": {}, "outstanding": {}}
for kind, row, size, number in re.findall(r"bench (\w+) (\S+) (\d+) ([\d.]+)", text):
    found[kind].setdefault(row, {})[size] = float(number)
instructions = found["instructions"]
allocations = {row: of["0"] for row, of in found["allocations"].items()}
signals = {row: of["0"] for row, of in found["signals"].items()}
outstanding = found["outstanding"].get("ours", {})

PACKETS = ["raw", "raw-retain", "ours-inline", "ours-deferred"]
SENDS = ["raw-send", "ours-send"]
EXTERNAL = ["raw-external", "ours-external", "ours-inbound-external"]
SYNCHRONOUS = "ours-synchronous"
BYTES, PAGES, COUNTS = ["64", "4096"], ["1", "16", "128"], ["1", "64", "1024", "4096"]

# A case that broke off, or said less than it should, is no result.
complete = (not re.search(r"^\s*not ok", text, re.M) and
            "ok 1 bench_vmbkmcl" in text and
            all(size in instructions.get(row, ()) and row in signals and row in allocations
                for rows, sizes in ((PACKETS + SENDS, BYTES), (EXTERNAL, PAGES))
                for row in rows for size in sizes) and
            SYNCHRONOUS in instructions and SYNCHRONOUS in allocations and
            all(count in outstanding for count in COUNTS))
if not complete:
    sys.exit(f"bench.sh: error: the benchmark did not run to its end, see {log}")


def table(title, rows, sizes, unit):
    print(f"{title:23}" + "".join(f"{int(size):>7,} {unit:6}" for size in sizes) +
          f"{'allocations':>12}{'signals':>9}")
    for row in rows:
        print(f"{row:23}" +
              "".join(f"{instructions[row][size]:14,.1f}" for size in sizes) +
              f"{allocations[row]:12.1f}{signals[row]:9.1f}")
    print()


print("instructions and allocations a packet, signals a batch\n")
table("packets in", PACKETS, BYTES, "bytes")
table("packets out", SENDS, BYTES, "bytes")
table("external data", EXTERNAL, PAGES, "pages")
print(f"{SYNCHRONOUS:23}{instructions[SYNCHRONOUS]['64']:14,.1f}"
      f"{'':28}{allocations[SYNCHRONOUS]:12.1f}\n")
print(f"{'outstanding':23}" + "".join(f"{int(count):14,}" for count in COUNTS))
print(f"{'a completion':23}" + "".join(f"{outstanding[count]:14.1f}" for count in COUNTS))
counted = {"instructions": instructions, "allocations_per_packet": allocations,
           "signals_per_batch": signals, "outstanding": outstanding}


def write(path):
    with open(path, "w") as file:
        json.dump(counted, file, indent=1)
        file.write("\n")


write(result)

missed = []
print()


def ratio(ours, raw, size, unit, limit, below=False):
    value = instructions[ours][size] / instructions[raw][size]
    name = f"{ours} / {raw} at {int(size):,} {unit}"
    target = f"{'below' if below else 'at most'} {limit}"
    print(f"{name:50}{value:6.2f}  (target {target})")
    if value > limit or (below and value == limit):
        missed.append(f"{name} is {value:.3f}, not {target}")


ratio("ours-inline", "raw", "64", "bytes", 0.6)
ratio("ours-inline", "raw", "4096", "bytes", 0.97)
ratio("ours-deferred", "raw-retain", "64", "bytes", 0.6)
ratio("ours-deferred", "raw-retain", "4096", "bytes", 0.6)
ratio("ours-send", "raw-send", "64", "bytes", 0.8)
ratio("ours-send", "raw-send", "4096", "bytes", 1.0)
for size in PAGES:
    ratio("ours-external", "raw-external", size, "pages", 1.1)
spread = max(outstanding.values()) / min(outstanding.values())
print(f"{'outstanding, dearest / cheapest':50}{spread:6.2f}  (target at most 1.01)")
if spread > 1.01:
    missed.append(f"a completion's cost moves by {spread:.3f} with what is outstanding")
for row in signals:
    if row.startswith("raw"):
        continue
    if allocations[row]:
        missed.append(f"{row} allocates")
    if signals[row] > 1:
        missed.append(f"{row} signals more than once a batch")



def ours(result):
    """Of what was counted, a number a row of ours."""
    numbers = {f"{row} at {int(size):,}": number
               for row, of in result["instructions"].items() if row.startswith("ours")
               for size, number in of.items()}
    numbers.update({f"a completion of {int(count):,}": number
                    for count, number in result["outstanding"].items()})
    return numbers


if keep and not missed:
    write(baseline)
now, best = ours(counted), ours(json.load(open(baseline)))
if best.keys() != now.keys():
    missed.append("kunit/bench-baseline.json has other rows; try: scripts/bench.sh --keep")
for row in best.keys() & now.keys():
    if now[row] > 1.02 * best[row]:
        missed.append(f"{row} is {now[row]:,.1f}, over 2% more than {best[row]:,.1f}")
for line in missed:
    print(f"bench.sh: error: {line}", file=sys.stderr)
sys.exit(1 if missed else 0)
END
