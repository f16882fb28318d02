#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Turn the console of a loopback demo into demo-loopback.json and a short table.

usage: loopback_verdict.py LOG_DIRECTORY OUTPUT KERNEL_RELEASE OPERATIONS SECONDS

Exits 0 only if the guest came to its end, every one of its tests is ok, the
client has counted as much as it owes in every round, and nothing was lost,
duplicated or wrong.
"""

import json
import os
import re
import sys

# Rounds, in their order, with the verdict and the fewest operations of each.
ROUNDS = (("load", "content", None), ("client-first", "stopped", 2000),
          ("again", "content", 2000), ("server-first", "stopped", 2000))
TESTS = 11
SUM = re.compile(r"(\w+): (\d+) operations, (\d+) bytes checked, (\d+) out of order, "
                 r"(\d+) cancelled, (\d+) lost, (\d+) duplicated, (\d+) wrong$")
STORAGE = re.compile(r"(\w+): (\d+) requests, (\d+) bytes checked, (\d+) long answers, "
                     r"(\d+) cancelled, (\d+) wrong$")
STORAGE_NUMBERS = ("requests", "bytes_checked", "long_answers", "cancelled", "wrong")
# 20 rounds of a write, an exchange and a read for each of 300 packets; what the last two
# give is looked at, 8 KiB each.
STORAGE_OWES = {"verdict": "content", "requests": 18000, "bytes_checked": 98304000,
                "long_answers": 18000, "cancelled": 0, "wrong": 0}
NUMBERS = ("operations", "bytes_checked", "out_of_order", "cancelled", "lost",
           "duplicated", "wrong")


def lines(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return [line.rstrip("\r\n") for line in file]


def tagged(log, tag):
    """What stands behind TAG in the lines that begin with it."""
    return [line[len(tag) + 1:] for line in log if line.startswith(tag + " ")]


def rounds_of(log):
    rounds = []
    for line in tagged(log, "VMBGUEST-SUM"):
        name, _, said = line.partition(" ")
        match = SUM.match(said)
        entry = {"round": name, "verdict": match and match.group(1)}
        if match:
            entry.update(zip(NUMBERS, map(int, match.groups()[1:])))
        rounds.append(entry)
    return rounds


def storage_of(log):
    said = [STORAGE.match(line) for line in tagged(log, "VMBGUEST-STORAGE")]
    if len(said) != 1 or not said[0]:
        return {}
    return {"verdict": said[0].group(1),
            **dict(zip(STORAGE_NUMBERS, map(int, said[0].groups()[1:])))}


def objections(result, operations):
    """Why this is not a success, one reason an entry."""
    found = []
    if result["end"] != "0":
        found.append("the guest did not say that it succeeded")
    if len(result["tests"]) != TESTS:
        found.append("%d tests, not %d" % (len(result["tests"]), TESTS))
    found += ["not ok: " + test["name"] for test in result["tests"] if not test["ok"]]
    if len(result["rounds"]) != len(ROUNDS):
        found.append("%d rounds, not %d" % (len(result["rounds"]), len(ROUNDS)))
    for entry, (name, verdict, least) in zip(result["rounds"], ROUNDS):
        if entry["round"] != name or entry["verdict"] != verdict:
            found.append("round %s is %s: %s" % (name, entry["round"], entry["verdict"]))
        elif entry["operations"] < (operations if least is None else least):
            found.append("round %s: only %d operations" % (name, entry["operations"]))
        elif not entry["bytes_checked"] or not entry["out_of_order"]:
            found.append("round %s: nothing checked, or all in order" % name)
    found += ["%s: %d" % (name, result[name])
              for name in ("lost", "duplicated", "wrong") if result[name]]
    counters = result["client"]
    for name in ("bytes_written", "bytes_read", "flushes", "refused", "status_reads"):
        if not counters.get(name):
            found.append("the first round has no " + name)
    if counters.get("bytes_read") != counters.get("bytes_checked"):
        found.append("not every byte read was checked")
    found += ["storage: %s is %s, not %s" % (name, result["storage"].get(name), owed)
              for name, owed in STORAGE_OWES.items() if result["storage"].get(name) != owed]
    return found


def table(result):
    counters = result["client"]
    rows = [
        ("kernel", "%s, plain guest (%s)" % (result["kernel"], result["how"])),
        ("operations", "%d, %d of them under load when an end went" % (
            result["operations"], sum(entry.get("operations", 0) for entry in
                                      result["rounds"] if entry["verdict"] == "stopped"))),
        ("bytes checked", "%d (%.1f MiB)" % (
            result["bytes_checked"], result["bytes_checked"] / (1 << 20))),
        ("out of order", "%d completions" % result["out_of_order"]),
        ("refused", "%s wrong requests, as they should be" % counters.get("refused", "?")),
        ("cancelled", "%d, by an end that went" % result["cancelled"]),
        ("losses", "%d lost, %d duplicated, %d otherwise wrong" % (
            result["lost"], result["duplicated"], result["wrong"])),
        ("Windows' names", "%s requests, %s bytes checked, %s answers over the limit" % tuple(
            result["storage"].get(name, "?") for name in STORAGE_NUMBERS[:3])),
        ("seconds", "%d" % result["total_seconds"]),
    ]
    for name, value in rows:
        print("  %-14s %s" % (name, value))


def main():
    if sys.argv[1:2] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    if len(sys.argv) != 6:
        sys.exit(f"{sys.argv[0]}: error: wanted 5 arguments, try --help")
    logs, output, kernel, operations, seconds = sys.argv[1:]
    log = lines(os.path.join(logs, "guest.log"))
    counters = [line.split() for line in tagged(log, "VMBGUEST-COUNTER")]
    ends = tagged(log, "VMBGUEST-END")
    result = {
        "kernel": kernel,
        "how": lines(os.path.join(logs, "how"))[0],
        "end": ends[0] if len(ends) == 1 else None,
        "tests": [{"name": line.partition("ok ")[2], "ok": line.startswith("ok ")}
                  for line in tagged(log, "VMBGUEST-TEST")],
        "rounds": rounds_of(log),
        "client": {entry[0]: int(entry[1]) for entry in counters
                   if len(entry) == 2 and entry[1].isdigit()},
        "storage": storage_of(log),
        "total_seconds": int(seconds),
    }
    for name in NUMBERS:
        result[name] = sum(entry.get(name, 0) for entry in result["rounds"])
    against = objections(result, int(operations))
    result["ok"] = not against
    with open(output, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
        file.write("\n")
    table(result)
    for line in against:
        print("demo-loopback: failed: " + line)
    if not against:
        print("demo-loopback: every byte was right, and every request ended once")
    return 1 if against else 0


if __name__ == "__main__":
    sys.exit(main())
