#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Prints in which functions the instructions of each of the benchmark's rows are.

usage: profile.py LOG COUNTS

LOG is the console of the kernel that ran the benchmark, which names the rows in their
order; COUNTS is what scripts/bench/profile.c wrote. Functions with less than half an
instruction a packet are summed up.
"""
import re
import sys

# Passes, batches a pass and packets a batch, as kunit/bench/bench.h has them.
PACKETS = 5 * 16 * 32
LEAST = 0.5
# Rows that are not measured in batches.
OTHERS = ("raw-synchronous", "ours-synchronous")


def main():
    """A paragraph a row."""
    if len(sys.argv) != 3:
        known = sys.argv[1:] in (["-h"], ["--help"])
        print(__doc__.strip() if known else "profile.py: error: wrong arguments\n"
              "profile.py: try: scripts/bench/profile.py --help",
              file=sys.stdout if known else sys.stderr)
        return 0 if known else 2
    with open(sys.argv[1], encoding="utf-8", errors="replace") as file:
        rows = [(what, row, size) for what, row, size in
                re.findall(r"bench (instructions|external_contiguous) (\S+) (\d+)",
                           file.read()) if row not in OTHERS]
    counts = {}
    with open(sys.argv[2], encoding="utf-8") as file:
        for line in file:
            row, count, function = line.split()
            functions = counts.setdefault(int(row), {})
            functions[function] = functions.get(function, 0) + int(count) / PACKETS
    if sorted(counts) != list(range(len(rows))):
        print(f"profile.py: error: {len(rows)} rows ran, and {len(counts)} were counted",
              file=sys.stderr)
        return 1
    for number, (what, row, size) in enumerate(rows):
        functions = counts[number]
        where = " in a row" if what == "external_contiguous" else ""
        print(f"{row} at {int(size):,}{where}: {sum(functions.values()):,.1f}")
        shown = sorted(functions.items(), key=lambda pair: -pair[1])
        for function, count in shown:
            if count >= LEAST:
                print(f"{count:12,.1f}  {function}")
        rest = sum(count for _, count in shown if count < LEAST)
        if rest >= LEAST / 10:
            print(f"{rest:12,.1f}  all others")
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
