#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Turn the consoles of a demo into demo.json and a short table.

usage: verdict.py LOG_DIRECTORY OUTPUT KERNEL_RELEASE SECONDS

Exits 0 only if the host said, once, that every packet was counted exactly
once, and there were as many as a demo owes; of those that it sent, and of those
that the guest sent.

What the fields of demo.json mean that are about the guest's sending:

  sends               packets that the channel accepted from the senders' threads;
                      as many have arrived, and as many have ended
  send_completions    of these, how many asked for a completion and ended with
                      the right one (every second does)
  sync_requests       synchronous requests that ended as they should, those
                      included that were to time out
  gpadl_bytes         bytes that the host wrote into memory shared by GPADL, and
                      the guest found there
  external_out_bytes  bytes of GPA-direct data that the host read in the guest's
                      memory, and whose checksum was the guest's
  lost                packets of either direction that did not arrive, or never
                      ended
  duplicated          packets of either direction that arrived or ended twice
  reordered           sends that another one of the same thread has overtaken
  source              everything that was counted: by the host's end, by the
                      client (drivers/clients/source/source.h says what), and by
                      the library
"""

import json
import os
import sys

LEAST_INBAND = 10000
LEAST_EXTERNAL = 1000
LEAST_EXTERNAL_BYTES = 8 << 20
LEAST_SENDS = 100000
LEAST_EXTERNAL_OUT_BYTES = 1 << 20
LEAST_GPADL_BYTES = 64 << 10
TIMEOUTS = 3


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
    for name in ("lost", "duplicated", "reordered", "unknown", "wrong",
                 "unexpected", "guest_ring_errors"):
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


def source_objections(result, verdicts):
    """The same for what the guest has sent."""
    if len(verdicts) != 1:
        return ["the source's host gave %d verdicts, not one" % len(verdicts)]
    host = result["source"]["host"]
    client = result["source"]["client"]
    library = result["source"]["library"]
    if not client or not library:
        return ["the guest did not say what it has sent"]
    found = []

    def owe(what, is_so):
        if not is_so:
            found.append("source: " + what)

    def equal(what, *values):
        owe("%s: %s" % (what, ", ".join(map(str, values))), len(set(values)) == 1)

    owe("the host is not content", host["finished"] and host["content"])
    equal("sends accepted, ended, received", client["sends"],
          client["sends_ended"], host["sends_received"])
    equal("send completions, every second of a thread's sends",
          client["send_completions"], client["sends"] // 4 * 2)
    equal("externals accepted, ended, received", client["externals"],
          client["externals_ended"], host["externals_received"])
    equal("tries sent, received", client["tries"], host["tries_received"])
    equal("bytes out, here and there", client["external_out_bytes"],
          host["external_out_bytes"])
    equal("bytes of shared memory, here and there", client["gpadl_bytes"],
          host["gpadl_bytes"])
    # A late completion is the end of a packet that nobody waits for any more.
    equal("time-outs, late answers", client["sync_timeouts"],
          host["late_answers"], TIMEOUTS)
    equal("sends of the library, completed, and what the client sent",
          library["sends"], library["sends_completed"],
          client["sends"] + client["externals"] + client["tries"] +
          client["sync_requests"])
    equal("holds, and those at whose end the guest waited for room",
          host["holds"], host["holds_that_blocked_guest"])
    for name in ("duplicated", "wrong", "leaked", "cut_off"):
        owe("%s: %d" % (name, client[name]), not client[name])
    # Stalls, too: the watchdog makes good a wake-up that was lost.
    for name in ("refused", "leaked", "sends_failed", "stalls"):
        owe("%s: %d" % (name, library[name]), not library[name])
    for name in ("unexpected", "wrong", "guest_ring_errors"):
        owe("%s: %d" % (name, host[name]), not host[name])
    # What never happened was not tried.
    for counters, names in (
            (client, ("sends_queued", "tries", "tries_refused")),
            (library, ("sends_queued",)),
            (host, ("slow_packets", "bursts", "holds", "completions_out_of_order",
                    "completions_withheld", "external_in_bytes"))):
        for name in names:
            owe("%s: none" % name, counters[name])
    for name, least in (("sends", LEAST_SENDS),
                        ("external_out_bytes", LEAST_EXTERNAL_OUT_BYTES),
                        ("gpadl_bytes", LEAST_GPADL_BYTES)):
        owe("%s is %d, fewer than %d" % (name, result[name], least),
            result[name] >= least)
    return found


def numbers(log, tag):
    """The lines "TAG name number", as a dictionary."""
    counters = [line.split() for line in tagged(log, tag)]
    return {entry[0]: int(entry[1]) for entry in counters
            if len(entry) == 2 and entry[1].isdigit()}


def add_source(result, verdict, guest):
    """Put into result what is about the guest's sending."""
    client = numbers(guest, "VMBGUEST-SOURCE-COUNTER")
    result["source"] = {
        "host": verdict,
        "client": client,
        "library": numbers(guest, "VMBGUEST-SOURCE-LIBRARY"),
    }
    for name in ("sends", "send_completions", "sync_requests", "gpadl_bytes"):
        result[name] = client.get(name, 0)
    result["external_out_bytes"] = verdict["external_out_bytes"]
    result["reordered"] = verdict["reordered"]
    result["lost"] += verdict["lost"]
    for name in ("sends", "externals"):
        result["lost"] += client.get(name, 0) - client.get(name + "_ended", 0)
    result["duplicated"] += verdict["duplicated"] + client.get("duplicated", 0)


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
        ("sends", "%d of which %d had to wait, %d completions" % (
            result["sends"], result["source"]["library"].get("sends_queued", 0),
            result["send_completions"])),
        ("external out", "%.1f MiB read by the host, %.1f MiB written" % (
            result["external_out_bytes"] / (1 << 20),
            result["source"]["host"]["external_in_bytes"] / (1 << 20))),
        ("synchronous", "%d requests, %d of them timed out on purpose" % (
            result["sync_requests"],
            result["source"]["client"].get("sync_timeouts", 0))),
        ("shared memory", "%d KiB written by the host and found" % (
            result["gpadl_bytes"] >> 10)),
        ("rings full", "%d times inbound, %d times outbound" % (
            result["ring_full"], result["holds_that_blocked_guest"])),
        ("wrong", "%d lost, %d duplicated, %d reordered, %d otherwise" % (
            result["lost"], result["duplicated"], result["reordered"],
            result["wrong"] + result["unknown"] + result["unexpected"])),
        ("seconds", "%.1f of receiving, %.1f of sending, %d in all" % (
            result["seconds"], result["source"]["host"]["seconds"],
            result["total_seconds"])),
    ]
    for name, value in rows:
        print("  %-14s %s" % (name, value))


def main():
    if sys.argv[1:2] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    if len(sys.argv) != 5:
        sys.exit(f"{sys.argv[0]}: error: wanted 4 arguments, try --help")
    logs, output, kernel, seconds = sys.argv[1:]
    guest = lines(os.path.join(logs, "guest.log"))
    host = lines(os.path.join(logs, "host.log"))
    verdicts = tagged(host, "VMBHOST-VERDICT")
    source_verdicts = tagged(host, "VMBHOST-SOURCE-VERDICT")
    if not verdicts or not source_verdicts:
        sys.exit("demo: the host gave no verdict: see %s" % logs)
    result = {
        "kernel": kernel,
        "hypervisor": first(tagged(guest, "VMBGUEST-HYPERVISOR")),
        "vmbus_version": first(tagged(guest, "VMBGUEST-VMBUS")),
        "how": first(lines(os.path.join(logs, "how"))),
    }
    result.update(json.loads(verdicts[0]))
    result["guest"] = numbers(guest, "VMBGUEST-COUNTER")
    add_source(result, json.loads(source_verdicts[0]), guest)
    result["total_seconds"] = int(seconds)
    against = objections(result, verdicts)
    against += source_objections(result, source_verdicts)
    result["ok"] = not against
    with open(output, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
        file.write("\n")
    table(result)
    for line in tagged(host, "VMBHOST-WRONG") + tagged(host, "VMBHOST-SOURCE-WRONG"):
        print("  wrong          " + line)
    for line in against:
        print("demo: failed: " + line)
    if not against:
        print("demo: every packet was counted exactly once")
    return 1 if against else 0


if __name__ == "__main__":
    sys.exit(main())
