#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Reads what the benchmark in the guest said, prints it, and adds it to the result.

usage: judge.py LOGS RESULT NAME KERNEL

LOGS is the folder that run.sh left. In RESULT, a JSON file, NAME becomes
what was found, medians over the turns and ratios of ours to the others'; all else in it
stays. Fails if the run is not complete, or if any answer was wrong; a goal
that is missed is said, and is no failure: emulation decides what is dear there.
"""
import json
import os
import re
import statistics
import sys

UIO = "uio_hv_generic"
# What is measured: its name here, its title, ours, and the one by hand.
PARTS = (
    ("ping", "ping, one at a time", "vmb_echo", "vmb_bench_echo_by_hand"),
    ("echo", "echo, 64 at a time", "vmb_echo", "vmb_bench_echo_by_hand"),
    ("send", "send, 64 at a time", "vmb_bench", "vmb_bench_by_hand"),
    ("external", "external, 64 KiB, 16 at a time", "vmb_bench", "vmb_bench_by_hand"),
    ("beside_flood", "ping beside a flood", "vmb_echo", "vmb_bench_echo_by_hand"),
)
# At least so many times the operations of the one by hand, at most so many times its p99.
GOALS = {"echo": (1.2, 1.0), "send": (1.2, 1.0), "external": (1.2, 1.0),
         "beside_flood": (None, 1.0)}
# The stall watchdog looks every quarter of a second, in two functions.
IDLE_CALLS_A_SECOND = 10


def fail(text):
    """What there is no going on after."""
    sys.exit(f"judge.py: error: {text}")


class Runs:
    """What was measured, by part and driver, a number a turn; and how many were wrong."""

    def __init__(self):
        self.numbers = {}
        self.wrong = 0

    def add(self, part, driver, **numbers):
        """One turn, or more of it."""
        of = self.numbers.setdefault(part, {}).setdefault(driver, {})
        for name, number in numbers.items():
            of.setdefault(name, []).append(number)

    def measured(self, part, driver, operations, seconds, p50, p99):
        """Times of one turn, in microseconds but for the whole."""
        self.add(part, driver, ops=operations / seconds, p50_us=p50, p99_us=p99)

    def signalled(self, part, driver, operations, to_host, to_guest):
        """Signals of one turn."""
        self.add(part, driver, signals_to_host=to_host / operations,
                 signals_to_guest=to_guest / operations)

    def median(self, part, driver, name):
        """Over the turns; None if there is no such driver."""
        numbers = self.numbers.get(part, {}).get(driver, {}).get(name)
        return statistics.median(numbers) if numbers else None

    def ratio(self, part, name, ours, other):
        """Of the medians."""
        other = self.median(part, other, name)
        return round(self.median(part, ours, name) / other, 3) if other else None


def read_guest(path, runs):
    """Which driver opened what, in order; the idle channel; the clock."""
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read().replace("\r", "")
    opens = {}
    for device, part, driver in re.findall(
            r"^VMBGUEST-RUN (\w+) (\w+) (\w+)$", text, re.M):
        opens.setdefault(device, []).append((part, driver))
    for driver, part, operations, took, p50, p99, wrong in re.findall(
            r"^VMBGUEST-LOAD (\w+) (\w+) operations (\d+) ns (\d+) p50 (\d+) p99 (\d+) "
            r"wrong (\d+)$", text, re.M):
        runs.measured(part, driver, int(operations), int(took) / 1e9, int(p50) / 1e3,
                      int(p99) / 1e3)
        runs.wrong += int(wrong)
    idle = re.search(r"^VMBGUEST-IDLE (\d+) (\d+) (\d+) (\d+) (\d+)$", text, re.M)
    if not idle or "\nVMBGUEST-END 0\n" not in text:
        fail(f"the guest did not come to its end, see {path}")
    names = ("seconds", "calls", "signals_to_host", "signals_to_guest", "calls_when_asked")
    return opens, dict(zip(names, map(int, idle.groups())))


def read_host(path, opens, runs):
    """What the host measured, and how often each side signalled."""
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = [json.loads(line) for line in
                 re.findall(r"VMBHOST-BENCH (\{.*\})", file.read())]
    for line in lines:
        runs.wrong += line["wrong"]
        device = line["device"].replace("vmb-bench-", "")
        if line["open"] > len(opens.get(device, ())):
            fail(f"{device} was opened more often than the guest says")
        part, driver = opens[device][line["open"] - 1]
        # One open has several parts, unless the guest says which.
        part = line["part"] if part == "all" else part
        if "p50_us" in line:
            runs.measured(part, driver, line["operations"], line["seconds"],
                          line["p50_us"], line["p99_us"])
        runs.signalled(part, driver, line["operations"], line["signals_in"],
                       line["signals_out"])


def result_of(runs, idle):
    """As the JSON has it."""
    result = {"idle": idle}
    for part, _, ours, by_hand in PARTS:
        of = {"ops_ratio_vs_hv_driver": runs.ratio(part, "ops", ours, by_hand),
              "p50_ratio": runs.ratio(part, "p50_us", ours, by_hand),
              "p99_ratio": runs.ratio(part, "p99_us", ours, by_hand)}
        if runs.median(part, UIO, "ops"):
            of["ops_ratio_vs_uio"] = runs.ratio(part, "ops", ours, UIO)
        of["clients"] = {
            name: {what: round(runs.median(part, driver, what), 3) for what in
                   runs.numbers[part][driver]}
            for name, driver in (("vmbkmcl", ours), ("hv_driver", by_hand), ("uio", UIO))
            if driver in runs.numbers[part]}
        result[part] = of
    return result


def show(result):
    """Tables, and what became of the goals."""
    columns = ("ops", "p50_us", "p99_us", "signals_to_host", "signals_to_guest")
    for part, title, _, _ in PARTS:
        print(f"{title:32}" + "".join(f"{column:>18}" for column in columns))
        for client, of in result[part]["clients"].items():
            print(f"{client:32}" + "".join(f"{of[column]:18,.3f}" for column in columns))
        print()
    for part, (more, not_later) in GOALS.items():
        of = result[part]
        if more:
            print(f"{part + ': operations / by hand':40}{of['ops_ratio_vs_hv_driver']:8.3f}"
                  f"  (goal at least {more})")
        print(f"{part + ': p99 / by hand':40}{of['p99_ratio']:8.3f}"
              f"  (goal at most {not_later})")
    idle = result["idle"]
    print(f"\nidle for {idle['seconds']} s: {idle['calls']} calls of ours, "
          f"{idle['signals_to_host']} signals, {idle['signals_to_guest']} interrupts")


def check(result, runs):
    """What cannot be, whatever is dear here."""
    idle = result["idle"]
    if runs.wrong:
        fail(f"{runs.wrong} answers or packets were wrong")
    if not idle["calls_when_asked"]:
        fail("no call was seen where there must be some")
    if idle["signals_to_host"] or idle["signals_to_guest"] or \
            idle["calls"] > IDLE_CALLS_A_SECOND * idle["seconds"]:
        fail("an idle channel is not idle")


def main():
    """Read, print, write."""
    if len(sys.argv) == 2 and sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip())
        return 0
    if len(sys.argv) != 5:
        print("judge.py: error: wrong arguments\n"
              "judge.py: try: scripts/bench-guest/judge.py --help", file=sys.stderr)
        return 2
    logs, path, name, kernel = sys.argv[1:]
    runs = Runs()
    opens, idle = read_guest(os.path.join(logs, "guest.log"), runs)
    read_host(os.path.join(logs, "host.log"), opens, runs)
    for part, _, ours, by_hand in PARTS:
        if not runs.median(part, ours, "ops") or not runs.median(part, by_hand, "ops"):
            fail(f"nothing was measured of {part}")
    with open(os.path.join(logs, "how"), encoding="utf-8") as file:
        clock = "instructions" if file.read().strip() == "nested" else "real"
    result = {"kernel": kernel, "clock": clock, **result_of(runs, idle)}
    show(result)
    check(result, runs)
    whole = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            whole = json.load(file)
    whole[name] = result
    with open(path, "w", encoding="utf-8") as file:
        json.dump(whole, file, indent=1)
        file.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
