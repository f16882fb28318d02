#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Judge every open of a device by what the host said when its channels closed.

usage: opens.py HOST_LOG echo|source|pair-first|pair-second SUB_CHANNELS MODE...
	(how many there must be, and what each open was for, in order)

MODE*COUNT stands for so many opens that the guest has cut off, MODE+ for any
number of them, some perhaps without a packet. Prints a line for each MODE, "ok ..." or "not ok ...".
"""

import json
import sys


# What may be wrong with an echo host, what it has done, and what was to be completed.
ECHO = ("VMBHOST-CLOSED ",
        ("duplicated", "unknown", "wrong", "unexpected", "guest_ring_errors"),
        ("inband_completed", "external_completed"),
        ("inband", "external", "control"))
# What each client's host calls its lines, what must be 0, what was done, and
# what was to be completed or is outstanding.
CLIENTS = {
    "echo": ECHO,
    "pair-first": ECHO,
    "pair-second": ECHO,
    "source": ("VMBHOST-SOURCE-CLOSED ",
               ("lost", "duplicated", "reordered", "wrong", "unexpected",
                "guest_ring_errors"),
               ("sends_received", "externals_received"),
               ()),
}
# In these all that was counted has ended before what follows, which is not.
SETTLED = ("hostile",)
# These close in the middle of something.
CUT_OFF = ("endless", "deaf", "exchange", "rescind", "rescind-sub", "fewer",
           "mirror-endless", "mirror-rescind") + SETTLED
# Of several devices that say the same.
DEVICES = {"pair-first": "vmb-pair-host-first", "pair-second": "vmb-pair-host-second",
           "echo": "vmb-echo-host"}
# And these are a client's that opens no sub-channels.
ALONE = ("exchange",)


def objections(mode, report, client, hasty=False):
    """Why the host cannot have been content with this open."""
    _, bad, done, kinds = CLIENTS[client]
    if report["mode"] != mode:
        return ["it was for %s" % report["mode"]]
    found = ["%s: %d" % (name, report[name]) for name in bad if report[name]]
    if not report[done[0]] and not report.get("outstanding_at_close") and not hasty:
        found.append("%s: none" % done[0])
    if mode in ("rescind", "mirror-rescind"):
        if not report["rescinded"]:
            found.append("not taken back")
        elif not report["outstanding_at_close"]:
            found.append("taken back with nothing outstanding")
    if mode not in CUT_OFF and not report["content"]:
        found.append("not content: %s" % json.dumps(report))
    sent, completed = (sum(report[kind + end] for kind in kinds)
                       for end in ("_sent", "_completed"))
    if mode in CUT_OFF and kinds and sent != completed + report["outstanding_at_close"]:
        found.append("%d sent, but %d completed and %d outstanding" % (
            sent, completed, report["outstanding_at_close"]))
    return found


def sub_channel_objections(mode, report, subs, count, client):
    """The same of its sub-channels, each of which may have been open repeatedly."""
    found = []
    if report.get("sub_channels_at_once", 0) != count:
        found.append("%d sub-channels at once" % report["sub_channels_at_once"])
    for index in range(1, count + 1):
        own = [sub for sub in subs if sub["channel"] == index]
        against = []
        for sub in own:
            against += objections(mode, sub, client, True)
        if not sum(sub["inband_completed"] for sub in own):
            against.append("inband_completed: none")
        if ((mode == "rescind-sub" or mode == "fewer" and index == count) and
                not any(sub["rescinded"] for sub in own)):
            against.append("never taken back")
        found += ["sub-channel %d: %s" % (index, reason) for reason in against]
    return found


def done_in(report, client):
    """How many packets the host has seen to their end."""
    return sum(report[counter] for counter in CLIENTS[client][2])


def packets(reports, client):
    """How many there were, and of echo's how many were still to be completed."""
    text = "%d packets" % sum(done_in(report, client) for report in reports)
    if client != "source":
        text += ", %d outstanding when it closed" % sum(
            report["outstanding_at_close"] for report in reports)
    return text


def judge_one(name, mode, report, subs, sub_channels, client):
    """One open."""
    against = objections(mode, report, client)
    if report["mode"] == mode:
        subs = [sub for sub in subs if sub["open"] == report["open"]]
        against += sub_channel_objections(mode, report, subs, sub_channels, client)
    name += ": " + packets([report], client)
    if sub_channels:
        name += "; %d opens of sub-channels: %s" % (len(subs), packets(subs, client))
    return against, name


def judge_many(name, mode, reports, client, hasty):
    """Opens that were cut off: half of them at least in the middle of something.

    Not each: what the guest has put into the ring has been sent as far as it can
    tell, and a channel may close before the host has read any of it.
    """
    against = ["open %d: %s" % (report["open"], "; ".join(found)) for report in reports
               for found in [objections(mode, report, client, True)] if found][:5]
    name += ": " + packets(reports, client)
    busy = {"packets": sum(done_in(report, client) > 0 for report in reports)}
    if client != "source" and reports[0]["mode"] not in SETTLED:
        busy["outstanding ones"] = sum(report["outstanding_at_close"] > 0
                                       for report in reports)
    for what, opens in busy.items():
        name += ", %s in %d of %d opens" % (what, opens, len(reports))
        if 2 * opens < len(reports) and not hasty:
            against.append("too few had %s" % what)
    return against, name


def judge(number, mode, reports, subs, sub_channels, client):
    """Judge what MODE stands for, of the opens from number on; how many it was."""
    mode, times, count = mode.partition("*")
    more = mode.endswith("+")
    mode = mode.rstrip("+")
    wanted = len(reports) if more else int(count or 1)
    name = "%s: open %d%s, %s" % (
        client, number, " to %d" % (number + wanted - 1) if times or more else "", mode)
    if len(reports) < max(wanted, 1):
        print("not ok %s: only %d of them ever were" % (name, len(reports)))
        return wanted
    reports = reports[:wanted]
    if times or more:
        against, name = judge_many(name, mode, reports, client, more)
    else:
        against, name = judge_one(name, mode, reports[0], subs,
                                  0 if mode in ALONE else sub_channels, client)
    print("not ok %s: %s" % (name, "; ".join(against)) if against else "ok %s" % name)
    return wanted


def main():
    if sys.argv[1:2] in (["-h"], ["--help"]):
        print(__doc__)
        return
    if len(sys.argv) < 4 or sys.argv[1].startswith("-"):
        sys.exit(f"{sys.argv[0]}: error: wanted 3 arguments, try --help")
    client = sys.argv[2]
    sub_channels = int(sys.argv[3])
    tag = CLIENTS[client][0]
    with open(sys.argv[1], encoding="utf-8", errors="replace") as file:
        reports = [json.loads(line[len(tag):]) for line in file
                   if line.startswith(tag)]
    reports = [report for report in reports
               if report.get("device") == DEVICES.get(client)]
    subs = [report for report in reports if report.get("channel")]
    reports = [report for report in reports if not report.get("channel")]
    number = 0
    for mode in sys.argv[4:]:
        number += judge(number + 1, mode, reports[number:], subs, sub_channels, client)
    if len(reports) > number:
        print("not ok %s: the channel was opened %d times, not %d" % (
            client, len(reports), number))


if __name__ == "__main__":
    main()
