#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Prints what a packet costs, by kunit/bench-baseline.json, as tables in Markdown.

usage: bench-table.py
"""
import json
import os
import sys

BASELINE = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                        "../../kunit/bench-baseline.json")
# What a row of ours is compared with.
RAW = {"ours-inline": "raw", "ours-deferred": "raw-retain", "ours-send": "raw-send",
       "ours-external": "raw-external"}
TABLES = ((
    ("64 bytes", "4,096 bytes"), ("64", "4096"),
    ("raw", "ours-inline", "raw-retain", "ours-deferred", "raw-send", "ours-send"),
), (
    ("1 page", "16 pages", "128 pages"), ("1", "16", "128"),
    ("raw-external", "ours-external", "ours-inbound-external"),
))


def cell(instructions, row, size):
    """Instructions, and what share of raw they are."""
    number = instructions[row][size]
    if row not in RAW:
        return f"{number:,.1f}"
    return f"{number:,.1f} ({number / instructions[RAW[row]][size]:.2f})"


def main():
    """One table a kind of packet."""
    if len(sys.argv) > 1:
        known = sys.argv[1] in ("-h", "--help")
        print(__doc__.strip() if known else
              f"bench-table.py: error: unknown option {sys.argv[1]}\n"
              "bench-table.py: try: scripts/static/bench-table.py --help",
              file=sys.stdout if known else sys.stderr)
        sys.exit(0 if known else 2)
    with open(BASELINE, encoding="utf-8") as file:
        result = json.load(file)
    instructions = result["instructions"]
    for titles, sizes, rows in TABLES:
        titles = ("row",) + titles + ("allocations a packet", "signals a batch of 32")
        print("| " + " | ".join(titles) + " |")
        print("|" + "---|" * len(titles))
        for row in rows:
            cells = [cell(instructions, row, size) for size in sizes]
            cells += [f"{result[kind][row]:.0f}"
                      for kind in ("allocations_per_packet", "signals_per_batch")]
            print("| " + " | ".join([row] + cells) + " |")
        print()
    counts = ", ".join(f"{int(count):,}" for count in result["outstanding"])
    most = max(result["outstanding"].values())
    print(f"With {counts} packets outstanding a completion costs {most:,.1f} at most,\n"
          "where the ring is looked at for each of them. A synchronous request over\n"
          f"loopback, there and back, costs {instructions['ours-synchronous']['64']:,.0f}.")


if __name__ == "__main__":
    main()
