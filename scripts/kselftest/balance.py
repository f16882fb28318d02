#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Compare what both ends of a channel have counted, over all its opens.

usage: balance.py GUEST_LOG HOST_LOG

The guest says once, when all is over, what it has counted; the host after each
open in mode exchange, when it has read all that the guest had written. Prints a
line for each comparison, "ok ..." or "not ok ...".
"""

import json
import sys

GUEST = "VMBGUEST-BALANCE "
HOST = "VMBHOST-CLOSED "


def read_guest(name):
    """The guest's counters by name."""
    with open(name, encoding="utf-8", errors="replace") as file:
        lines = [line[len(GUEST):].split() for line in file if line.startswith(GUEST)]
    return {name: int(value) for name, value in zip(lines[0][::2], lines[0][1::2])} \
        if len(lines) == 1 else None


def read_host(name):
    """The host's, summed up."""
    total = {}
    with open(name, encoding="utf-8", errors="replace") as file:
        for line in file:
            if not line.startswith(HOST):
                continue
            report = json.loads(line[len(HOST):])
            if report["mode"] != "exchange":
                continue
            for key, value in report.items():
                if isinstance(value, int):
                    total[key] = total.get(key, 0) + value
    return total


def compare(what, good):
    """One line."""
    print("%s balance: %s" % ("ok" if good else "not ok", what))


def main():
    if sys.argv[1:2] in (["-h"], ["--help"]):
        print(__doc__)
        return
    if len(sys.argv) != 3 or sys.argv[1].startswith("-"):
        sys.exit(f"{sys.argv[0]}: error: wanted 2 arguments, try --help")
    guest, host = read_guest(sys.argv[1]), read_host(sys.argv[2])
    if not guest or not host:
        compare("neither end is to be heard" if not guest and not host else
                "only one end is to be heard", False)
        return
    compare("%d completions sent by the guest, %d received by the host" % (
        guest["completions_sent"], host["inband_completed"]),
            guest["completions_sent"] == host["inband_completed"] > 0)
    unasked = host["requests_received"] - host["requests_asking"]
    compare("%d packets without completion sent by the guest, %d received by the host" % (
        guest["written"], unasked), guest["written"] == unasked > 0)
    compare("%d packets delivered by the guest, %d sent by the host" % (
        guest["delivered"], host["inband_sent"] + host["nocompletion_sent"]),
            0 < guest["delivered"] <= host["inband_sent"] + host["nocompletion_sent"])
    compare("%d answers sent by the host, %d received by the guest, which has sent %d packets" % (
        host["requests_answered"], guest["answered"], guest["accepted"]),
            0 < guest["answered"] <= host["requests_answered"] <= host["requests_asking"] and
            host["requests_received"] <= guest["accepted"])


if __name__ == "__main__":
    main()
