#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Turn the consoles of a demo into demo.json and a short table.

usage: verdict.py LOG_DIRECTORY OUTPUT KERNEL_RELEASE SECONDS

Exits 0 only if the host said, once, that every packet was counted exactly
once, and there were as many as a demo owes.
"""

import json
import os
import sys

LEAST_INBAND = 10000
LEAST_EXTERNAL = 1000
LEAST_EXTERNAL_BYTES = 8 << 20


def lines(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return [line.rstrip("\r\n") for line in file]


def tagged(log, tag):
    """What stands behind TAG in the lines that begin with it."""
    return [line[len(tag) + 1:] for line in log if line.startswith(tag + " ")]


def first(values):
    return values[0] if values else None


def not_arrived(result):
    """Packets that wanted no completion: only the guest can have counted them."""
    received = result["guest"].get("received")
    if received is None:
        return ["the guest did not say how many packets it received"]
    # What is refused for its descriptor gets an empty completion, and is not
    # received; what is refused for its external data is.
    sent = sum(result[name + "_sent"] for name in (
        "inband", "external", "control", "nocompletion", "malformed"))
    owed = sent - result["guest"].get("completions_empty", 0)
    if received != owed:
        return ["the guest received %d packets, not %d" % (received, owed)]
    return []


def objections(result, verdicts):
    """Why this is not a success, one reason an entry."""
    if len(verdicts) != 1:
        return ["the host gave %d verdicts, not one" % len(verdicts)]
    found = not_arrived(result)
    for name in ("inband", "external", "control"):
        if result[name + "_sent"] != result[name + "_completed"]:
            found.append("%s: %d sent, %d completed" % (
                name, result[name + "_sent"], result[name + "_completed"]))
    if result["malformed_sent"] != result["malformed_refused"]:
        found.append("malformed: %d sent, %d refused" % (
            result["malformed_sent"], result["malformed_refused"]))
    for name in ("lost", "duplicated", "unknown", "wrong", "unexpected",
                 "guest_ring_errors"):
        if result[name]:
            found.append("%s: %d" % (name, result[name]))
    for name, least in (("inband_sent", LEAST_INBAND),
                        ("external_sent", LEAST_EXTERNAL),
                        ("external_bytes", LEAST_EXTERNAL_BYTES),
                        ("nocompletion_sent", 1), ("malformed_sent", 1)):
        if result[name] < least:
            found.append("%s is %d, fewer than %d" % (name, result[name], least))
    if not result["content"]:
        found.append("the host is not content")
    if not result["hypervisor"] or not result["vmbus_version"]:
        found.append("the guest did not see Hyper-V and a VMBus")
    return found


def table(result):
    rows = [
        ("kernel", result["kernel"]),
        ("hypervisor", "%s, VMBus %s (%s)" % (
            result["hypervisor"], result["vmbus_version"], result["how"])),
        ("in-band", "%d sent, %d completed" % (
            result["inband_sent"], result["inband_completed"])),
        ("external", "%d sent, %d completed, %.1f MiB checked" % (
            result["external_sent"], result["external_completed"],
            result["external_bytes"] / (1 << 20))),
        ("no completion", "%d sent; the guest received %s packets in all" % (
            result["nocompletion_sent"], result["guest"].get("received", "?"))),
        ("malformed", "%d sent, %d refused" % (
            result["malformed_sent"], result["malformed_refused"])),
        ("rings full", "%d times inbound, %d times outbound" % (
            result["ring_full"], result["holds_that_blocked_guest"])),
        ("wrong", "%d lost, %d duplicated, %d otherwise" % (
            result["lost"], result["duplicated"],
            result["wrong"] + result["unknown"] + result["unexpected"])),
        ("seconds", "%.1f of packets, %d in all" % (
            result["seconds"], result["total_seconds"])),
    ]
    for name, value in rows:
        print("  %-14s %s" % (name, value))


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    logs, output, kernel, seconds = sys.argv[1:]
    guest = lines(os.path.join(logs, "guest.log"))
    host = lines(os.path.join(logs, "host.log"))
    verdicts = tagged(host, "VMBHOST-VERDICT")
    if not verdicts:
        sys.exit("demo: the host gave no verdict: see %s" % logs)
    result = {
        "kernel": kernel,
        "hypervisor": first(tagged(guest, "VMBGUEST-HYPERVISOR")),
        "vmbus_version": first(tagged(guest, "VMBGUEST-VMBUS")),
        "how": first(lines(os.path.join(logs, "how"))),
    }
    result.update(json.loads(verdicts[0]))
    counters = [line.split() for line in tagged(guest, "VMBGUEST-COUNTER")]
    result["guest"] = {entry[0]: int(entry[1]) for entry in counters
                       if len(entry) == 2 and entry[1].isdigit()}
    result["total_seconds"] = int(seconds)
    against = objections(result, verdicts)
    result["ok"] = not against
    with open(output, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
        file.write("\n")
    table(result)
    for line in tagged(host, "VMBHOST-WRONG"):
        print("  wrong          " + line)
    for line in against:
        print("demo: failed: " + line)
    if not against:
        print("demo: every packet was counted exactly once")
    return 1 if against else 0


if __name__ == "__main__":
    sys.exit(main())
