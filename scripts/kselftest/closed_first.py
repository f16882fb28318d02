#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Had each kernel closed its channels when it went?

usage: closed_first.py HOST_LOG CHANNELS	(how many each had)

The first lets go of the bus for another kernel, the other one powers off. The log
has QEMU's trace of the messages that the guest sent to the bus, by the number of
their type, and of the memory (GPADLs) that it shared and took back; and a line of the
host's for each channel that was closed: by the guest's message, or, without one,
because the bus was reset. Prints a line for each question, "ok ..." or "not ok ...".

When a primary channel closes the host takes back the offers of its sub-channels,
and what a guest shares on such a one ends with that, without a message.
"""

import re
import sys

MESSAGE = re.compile(r"vmbus_process_incoming_message type (\d+)")
CLOSE_CHANNEL, RELEASED, UNLOAD = 7, 13, 16
CLOSED = re.compile(r"VMBHOST-(SOURCE-)?CLOSED ")
# Said again if its message has to be sent again.
MEMORY = re.compile(r"vmbus_gpadl_(created|torndown) gpadl #(\d+)")


def verdict(holds, text):
    """One line."""
    print("%s kexec: %s" % ("ok" if holds else "not ok", text))


def judge(lines, wanted, end):
    """What a kernel did, up to its UNLOAD or the end of the log; is there one?"""
    count = {CLOSE_CHANNEL: 0, RELEASED: 0, CLOSED: 0, UNLOAD: 0}
    memory = {"created": set(), "torndown": set()}
    for line in lines:
        message = MESSAGE.search(line)
        kind = int(message.group(1)) if message else None
        if kind in count:
            count[kind] += 1
        if kind == UNLOAD:
            break
        count[CLOSED] += bool(CLOSED.search(line))
        for event, handle in MEMORY.findall(line):
            memory[event].add(handle)
    verdict(count[CLOSED] == count[CLOSE_CHANNEL] == wanted,
            "%d of %d channels were closed, %d of them by the guest, when it %s"
            % (count[CLOSED], wanted, count[CLOSE_CHANNEL], end))
    created = len(memory["created"])
    left = len(memory["created"] - memory["torndown"])
    verdict(created > wanted and left <= count[RELEASED],
            "of %d pieces of shared memory %d were not taken back, %d channels were gone"
            % (created, left, count[RELEASED]))
    return count[UNLOAD]


def main():
    if sys.argv[1:2] in (["-h"], ["--help"]):
        print(__doc__)
        return
    if len(sys.argv) != 3 or sys.argv[1].startswith("-"):
        sys.exit(f"{sys.argv[0]}: error: wanted 2 arguments, try --help")
    wanted = int(sys.argv[2])
    with open(sys.argv[1], encoding="utf-8", errors="replace") as file:
        lines = iter(file.readlines())
    if not judge(lines, wanted, "let go of the bus"):
        verdict(False, "the first kernel never let go of the bus")
    judge(lines, wanted, "was powered off")


if __name__ == "__main__":
    main()
