#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Judge every open of the channel by what the host said when it was closed.

usage: opens.py HOST_LOG MODE...	(what each open was for, in order)

Prints a line for each, "ok ..." or "not ok ...".
"""

import json
import sys


def objections(mode, report):
    """Why the host cannot have been content with this open."""
    if report["mode"] != mode:
        return ["it was for %s" % report["mode"]]
    found = ["%s: %d" % (name, report[name]) for name in
             ("duplicated", "unknown", "wrong", "unexpected", "guest_ring_errors")
             if report[name]]
    if not report["inband_completed"]:
        found.append("no packet was completed")
    # Only the endless ones are cut off in the middle.
    if mode != "endless" and not report["content"]:
        found.append("not content: %s" % json.dumps(report))
    return found


def main():
    tag = "VMBHOST-CLOSED "
    with open(sys.argv[1], encoding="utf-8", errors="replace") as file:
        reports = [json.loads(line[len(tag):]) for line in file
                   if line.startswith(tag)]
    modes = sys.argv[2:]
    for number, mode in enumerate(modes):
        name = "open %d, %s" % (number + 1, mode)
        if number >= len(reports):
            print("not ok %s: it never was" % name)
            continue
        against = objections(mode, reports[number])
        if against:
            print("not ok %s: %s" % (name, "; ".join(against)))
        else:
            print("ok %s: %d packets completed, %d outstanding when it closed" % (
                name, reports[number]["inband_completed"] +
                reports[number]["external_completed"],
                reports[number]["outstanding_at_close"]))
    if len(reports) > len(modes):
        print("not ok the channel was opened %d times, not %d" % (
            len(reports), len(modes)))


if __name__ == "__main__":
    main()
