#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Had a kernel closed its channels when it let go of the bus for another kernel?

usage: closed_first.py HOST_LOG CHANNELS	(how many there were)

The log has QEMU's trace of the messages that the guest sent to the bus, by the
number of their type, and a line of the host's for each channel that was closed:
by the guest's message, or, without one, because the bus was reset. Prints one
line, "ok ..." or "not ok ...".
"""

import re
import sys

MESSAGE = re.compile(r"vmbus_process_incoming_message type (\d+)")
CLOSE_CHANNEL, UNLOAD = 7, 16
CLOSED = re.compile(r"VMBHOST-(SOURCE-)?CLOSED ")


def main():
    wanted = int(sys.argv[2])
    asked = closed = 0
    with open(sys.argv[1], encoding="utf-8", errors="replace") as file:
        for line in file:
            message = MESSAGE.search(line)
            if message and int(message.group(1)) == CLOSE_CHANNEL:
                asked += 1
            elif message and int(message.group(1)) == UNLOAD:
                break
            closed += bool(CLOSED.search(line))
        else:
            print("not ok kexec: the first kernel never let go of the bus")
            return
    print("%s kexec: %d of %d channels were closed, %d of them by the guest, when it let go"
          % ("ok" if asked == closed == wanted else "not ok", closed, wanted, asked))


if __name__ == "__main__":
    main()
