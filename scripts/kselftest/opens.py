#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Judge every open of a channel by what the host said when it was closed.

usage: opens.py HOST_LOG echo|source MODE...	(what each open was for, in order)

Prints a line for each, "ok ..." or "not ok ...".
"""

import json
import sys


# What each client's host calls its lines, what must be 0, what was done.
CLIENTS = {
    "echo": ("VMBHOST-CLOSED ",
             ("duplicated", "unknown", "wrong", "unexpected", "guest_ring_errors"),
             ("inband_completed", "external_completed")),
    "source": ("VMBHOST-SOURCE-CLOSED ",
               ("lost", "duplicated", "reordered", "wrong", "unexpected",
                "guest_ring_errors"),
               ("sends_received", "externals_received")),
}
# The guest closes these in the middle of something.
CUT_OFF = ("endless", "deaf")


def objections(mode, report, bad, done):
    """Why the host cannot have been content with this open."""
    if report["mode"] != mode:
        return ["it was for %s" % report["mode"]]
    found = ["%s: %d" % (name, report[name]) for name in bad if report[name]]
    if not report[done[0]]:
        found.append("%s: none" % done[0])
    if mode not in CUT_OFF and not report["content"]:
        found.append("not content: %s" % json.dumps(report))
    return found


def main():
    client = sys.argv[2]
    tag, bad, done = CLIENTS[client]
    with open(sys.argv[1], encoding="utf-8", errors="replace") as file:
        reports = [json.loads(line[len(tag):]) for line in file
                   if line.startswith(tag)]
    modes = sys.argv[3:]
    for number, mode in enumerate(modes):
        name = "%s: open %d, %s" % (client, number + 1, mode)
        if number >= len(reports):
            print("not ok %s: it never was" % name)
            continue
        report = reports[number]
        against = objections(mode, report, bad, done)
        if against:
            print("not ok %s: %s" % (name, "; ".join(against)))
        else:
            print("ok %s: %d packets%s" % (
                name, sum(report[counter] for counter in done),
                ", %d outstanding when it closed" % report["outstanding_at_close"]
                if "outstanding_at_close" in report else ""))
    if len(reports) > len(modes):
        print("not ok %s: the channel was opened %d times, not %d" % (
            client, len(reports), len(modes)))


if __name__ == "__main__":
    main()
