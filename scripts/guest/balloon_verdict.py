#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Turn the consoles of a balloon demo into balloon.json and a short table.

usage: balloon_verdict.py LOG_DIRECTORY OUTPUT KERNEL_RELEASE SECONDS CYCLES

  cycles              inflations and deflations that were both asked for
  host_size_matches   of the sizes that were asked for, those that the host said
                      the guest has; sizes_asked is how many there were
  pages_moved         by our client's count, both ways, of 4 KiB
  warnings            complaints in the guest's log
  seconds             the whole run

Exits 0 only if there were CYCLES, every size was reached, no page was unknown, no message was
malformed, and the guest came to its end.
"""

import json
import os
import sys

# The one before the cycles and the one after; unbound; again; reboot.
OTHER_SIZES = 2 + 1 + 2 + 1


def lines(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return [line.rstrip("\r\n") for line in file]


def tagged(log, tag):
    """The words behind TAG in the lines that begin with it."""
    return [line.split()[1:] for line in log if line.startswith(tag + " ")]


def main():
    if sys.argv[1:2] in (["-h"], ["--help"]):
        print(__doc__)
        return
    if len(sys.argv) != 6:
        sys.exit(f"{sys.argv[0]}: error: wanted 5 arguments, try --help")
    directory, output, release, seconds, cycles = sys.argv[1:]
    cycles = int(cycles)
    wanted_sizes = 2 * cycles + OTHER_SIZES
    guest = lines(os.path.join(directory, "guest.log"))
    host = lines(os.path.join(directory, "host.log"))
    sizes = [(part, int(number), int(asked) << 20, int(is_) if is_.isdigit() else 0)
             for part, number, asked, is_ in tagged(host, "VMBHOST-SIZE")]
    counters = {(part, name): int(value)
                for part, name, value in tagged(guest, "VMBGUEST-COUNTER")}
    numbers = [number for part, number, _, _ in sizes if part == "cycles"]
    warnings = tagged(guest, "VMBGUEST-WARNINGS")
    result = {
        "kernel": release,
        "how": lines(os.path.join(directory, "how"))[0],
        "cycles": sum(numbers.count(n) == 2 for n in range(1, cycles + 1)),
        "sizes_asked": len(sizes),
        "host_size_matches": sum(asked == is_ for _, _, asked, is_ in sizes),
        "pages_moved": sum(counters.get((part, name), 0) for part in ("cycles", "again")
                           for name in ("inflated", "deflated")),
        "unknown_pages": sum(v for (_, name), v in counters.items() if name == "unknown"),
        "malformed": sum(v for (_, name), v in counters.items() if name == "malformed"),
        "warnings": int(warnings[0][0]) if warnings else None,
        "seconds": int(seconds),
    }
    found = []
    if tagged(guest, "VMBGUEST-END") != [["0"]]:
        found.append("the guest did not say that it succeeded")
    if result["cycles"] != cycles or len(sizes) != wanted_sizes:
        found.append("%d cycles and %d sizes, not %d and %d"
                     % (result["cycles"], len(sizes), cycles, wanted_sizes))
    found += ["%s %d: asked for %d, is %d" % size for size in sizes if size[2] != size[3]]
    if len(counters) != 10 or result["unknown_pages"] or result["malformed"]:
        found.append("the client's counters: %s" % counters)
    if result["warnings"] != 0:
        found.append("the guest's kernel complained")
    result["content"] = not found
    with open(output, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=2)
        file.write("\n")
    for name, value in result.items():
        print("%-20s %s" % (name, value))
    for reason in found:
        print("not right: " + reason)
    sys.exit(bool(found))


main()
