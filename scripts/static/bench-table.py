#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Prints what a packet costs, by kunit/bench-baseline.json, as tables in Markdown.

usage: bench-table.py          instructions
       bench-table.py --guest  our clients and others in a guest, by kunit/bench-guest.json
       bench-table.py --guest-profile  where the instructions of requests are there
"""
import json
import os
import sys

import tables

KUNIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../kunit")
BASELINE = os.path.join(KUNIT, "bench-baseline.json")
GUEST = os.path.join(KUNIT, "bench-guest.json")
# What a row of ours is compared with.
RAW = {"ours-inline": "raw", "ours-deferred": "raw-retain", "ours-send": "raw-send",
       "ours-external": "raw-external"}
PAGES = ("1 page", "16 pages", "128 pages"), ("1", "16", "128"), (
    "raw-external", "ours-external", "ours-inbound-external")
TABLES = ((
    "instructions", "row", ("64 bytes", "4,096 bytes"), ("64", "4096"),
    ("raw", "ours-inline", "raw-retain", "ours-deferred", "raw-send", "ours-send"),
), ("instructions", "row", *PAGES), ("external_contiguous", "pages in a row", *PAGES))


def cell(instructions, row, size):
    """Instructions, and what share of raw they are."""
    number = instructions[row][size]
    if row not in RAW:
        return f"{number:,.1f}"
    return f"{number:,.1f} ({number / instructions[RAW[row]][size]:.2f})"


# Of the guest: what is measured, and the clients.
PARTS = {"ping": "ping", "echo": "echo", "send": "send", "external": "external",
         "beside_flood": "ping beside a flood", "flood": "that flood"}
PROFILE = "_profile"
PROFILED = {"vmb_bench": "vmbkmcl", "vmb_bench_by_hand": "by hand"}
OWNERS = {"library": "the library", "hv_vmbus": "`hv_vmbus`",
          "load": "the driver and the load", "kernel": "the guest's kernel beside that",
          "host_kernel": "the host's kernel", "host": "the host's end, in QEMU"}
CLIENTS = {"vmbkmcl": "vmbkmcl", "hv_driver": "by hand", "uio": "user space"}


def guest_row(part, of, client):
    """Of one client; ours with what it is to the one by hand."""
    numbers = of["clients"][client]
    cells = []
    for what, ratio, digits in (("ops", "ops_ratio_vs_hv_driver", 0),
                                ("p50_us", "p50_ratio", 1), ("p99_us", "p99_ratio", 1)):
        cells.append(f"{numbers[what]:,.{digits}f}" if what in numbers else "")
        if client == "vmbkmcl" and ratio in of:
            cells[-1] += f" ({of[ratio]:.2f})"
    cells += [f"{100 * numbers[f'signals_to_{peer}']:,.1f}" for peer in ("host", "guest")]
    return [PARTS[part], CLIENTS[client]] + cells


def spread(result, what):
    """How far the most of the turns is above the least: where it is farthest, as text."""
    percent, part, client = max(
        (100 * (of["most"][what] / of["least"][what] - 1), PARTS[part], CLIENTS[client])
        for part in PARTS for client, of in result[part]["clients"].items() if what in of)
    return f"{percent:.0f}% ({part}, {client})"


def guest_tables():
    """One table a kernel."""
    with open(GUEST, encoding="utf-8") as file:
        results = json.load(file)
    for name, result in results.items():
        if name.endswith(PROFILE):
            continue
        titles = (f"Linux {result['kernel']}", "client", "operations a second", "p50, µs",
                  "p99, µs", "signals a hundred", "interrupts a hundred")
        tables.show(titles, [guest_row(part, result[part], client) for part in PARTS
                             for client in CLIENTS if client in result[part]["clients"]])
        print(f"\nThe most of {result['turns']} turns is above the least by at most "
              f"{spread(result, 'ops')} in operations,\n{spread(result, 'p50_us')} in p50, "
              f"{spread(result, 'p99_us')} in p99.")
        idle = result["idle"]
        print(f"\nIdle for {idle['seconds']} s: {idle['signals_to_host']} signals, "
              f"{idle['signals_to_guest']} interrupts, {idle['calls']} calls of ours.\n")


def guest_profile():
    """A row for each who runs instructions, a column for each client and part."""
    with open(GUEST, encoding="utf-8") as file:
        results = json.load(file)
    for name, parts in results.items():
        if not name.endswith(PROFILE):
            continue
        columns = [(part, client) for part, of in parts.items() for client in of]
        counts = {title: [parts[part][client][owner] for part, client in columns]
                  for owner, title in OWNERS.items()}
        counts["all"] = [sum(parts[part][client].values()) for part, client in columns]
        kernel = results[name.removesuffix(PROFILE)]["kernel"]
        tables.show([f"Linux {kernel}", *(f"{part}, {PROFILED[client]}"
                                          for part, client in columns)],
                    [[title, *(f"{number:,.0f}" for number in row)]
                     for title, row in counts.items()])
        print()


def main():
    """One table a kind of packet."""
    others = {"--guest": guest_tables, "--guest-profile": guest_profile}
    if len(sys.argv) == 2 and sys.argv[1] in others:
        others[sys.argv[1]]()
        return
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
    for part, title, titles, sizes, rows in TABLES:
        kinds = {"allocations a packet": "allocations_per_packet",
                 "signals a batch of 32": "signals_per_batch"}
        if part != "instructions":
            kinds = {}
        tables.show((title, *titles, *kinds), [
            [row, *(cell(result[part], row, size) for size in sizes),
             *(f"{result[kind][row]:.0f}" for kind in kinds.values())] for row in rows])
        print()
    counts = ", ".join(f"{int(count):,}" for count in result["outstanding"])
    most = max(result["outstanding"].values())
    print(f"With {counts} packets outstanding a completion costs {most:,.1f} at most,\n"
          "where the ring is looked at for each of them. ", end="")
    counts = ", ".join(f"{int(count):,}" for count in result["channels"])
    least, most = (of(result["channels"].values()) for of in (min, max))
    print(f"With {counts} channels that take\n"
          f"turns a packet in costs {least:,.1f} to {most:,.1f}.\n")
    trip, raw = (instructions[f"{who}-synchronous"]["64"] for who in ("ours", "raw"))
    print("A synchronous request over loopback, there and back, costs "
          f"{trip:,.0f}; one that is\nwritten by hand, between two ends of one ring, "
          f"{raw:,.0f} ({trip / raw:.2f}).\n")
    memory = result["memory"]
    print(f"An open channel that sets nothing takes {memory['ours-formula']:,} bytes by "
          f"formula,\n{memory['ours']:,} by the kernel's own count; hv_vmbus "
          f"takes {memory['hv_vmbus']:,}\nfor the same rings.")


if __name__ == "__main__":
    main()
