#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Reads what the benchmark in the guest said, prints it, and adds it to the result.

usage: judge.py LOGS RESULT NAME KERNEL

LOGS is the folder that run.sh left. In RESULT, a JSON file, NAME becomes what was found:
medians over the turns, the least and the most of them, and ratios of ours to the others';
all else in it stays. Fails, and writes nothing, if the run is not complete, if anything has
not one number for each time that the guest says it was done, or if any answer was wrong; a
goal that is missed is said, and is no failure: emulation decides what is dear there.
"""
import collections
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
    ("flood", "that flood, 512 at a time", "vmb_echo", "vmb_bench_echo_by_hand"),
)
# What a part has of each turn. Nothing of a flood is timed but all of it.
SIGNALS = ("signals_to_host", "signals_to_guest")
NUMBERS = ("ops", "p50_us", "p99_us", *SIGNALS)
NUMBERS_OF = {"flood": ("ops", *SIGNALS)}
# Whose rings are to be full, so that either side waits for room.
FULL = ("vmb_echo", "vmb_bench_echo_by_hand")
# What is done in one open of a device, if the guest does not say which part it is.
PARTS_OF = {"echo": ("ping", "echo"), "requests": ("send", "external")}
# Without external data in user space.
NOT_DONE = {("external", UIO)}
# At least so many times the operations of the one by hand, at most so many times its p99.
GOALS = {"echo": (1.2, 1.0), "send": (1.2, 1.0), "external": (1.2, 1.0),
         "beside_flood": (None, 1.0)}
# The stall watchdog looks every quarter of a second, in two functions.
IDLE_CALLS_A_SECOND = 10


def fail(text):
    """What there is no going on after."""
    sys.exit(f"judge.py: error: {text}")


class Runs:
    """What was measured, by part and driver, a number a turn; and how many were wrong.

    done is how often the guest says that it was done, waited how often either side of the
    host's device "full" was seen to wait for room.
    """

    def __init__(self):
        self.numbers = {}
        self.wrong = 0
        self.done = collections.Counter()
        self.waited = {}

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

    def expect(self, device, part, driver):
        """The guest says that it was done."""
        for one in PARTS_OF[device] if part == "all" else (part,):
            if (one, driver) not in NOT_DONE:
                self.done[one, driver] += 1

    def check_complete(self):
        """As many numbers as it was done; and nothing that the guest does not know of."""
        for part, _, *drivers in PARTS:
            for driver in drivers:
                if not self.done[part, driver]:
                    fail(f"{part} was not done with {driver}")
        found = {(part, driver) for part, of in self.numbers.items() for driver in of}
        for part, driver in sorted(found | set(self.done)):
            of = self.numbers.get(part, {}).get(driver, {})
            for name in NUMBERS_OF.get(part, NUMBERS):
                count = len(of.get(name, ()))
                if count != self.done[part, driver]:
                    fail(f"{part} was done {self.done[part, driver]} times with {driver}, "
                         f"and has {count} numbers of {name}")


def read_guest(path, runs):
    """Which driver opened what, in order; the idle channel; the clock."""
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read().replace("\r", "")
    opens = {}
    for device, part, driver in re.findall(
            r"^VMBGUEST-RUN (\w+) (\w+) (\w+)$", text, re.M):
        opens.setdefault(device, []).append((part, driver))
        if part != "stopped":
            runs.expect(device, part, driver)
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
        if line["part"] == "end":
            continue
        device = line["device"].replace("vmb-bench-", "")
        if line["open"] > len(opens.get(device, ())):
            fail(f"{device} was opened more often than the guest says")
        part, driver = opens[device][line["open"] - 1]
        if part == "stopped":
            continue
        # One open has several parts, unless the guest says which.
        part = line["part"] if part == "all" else part
        if not line["operations"]:
            fail(f"nothing was measured of {part} with {driver}")
        if part == "flood":
            runs.add(part, driver, ops=line["operations"] / line["seconds"])
        elif "p50_us" in line:
            runs.measured(part, driver, line["operations"], line["seconds"],
                          line["p50_us"], line["p99_us"])
        if part == "full":
            runs.waited[driver] = line["room_signals"], line["no_room"]
        runs.signalled(part, driver, line["operations"], line["signals_in"],
                       line["signals_out"])


def over_turns(numbers, function):
    """Of each kind of number."""
    return {name: round(function(turns), 3) for name, turns in numbers.items()}


def result_of(runs, idle):
    """As the JSON has it."""
    result = {"idle": idle}
    for part, _, ours, by_hand in PARTS:
        of = {"ops_ratio_vs_hv_driver": runs.ratio(part, "ops", ours, by_hand)}
        if part not in NUMBERS_OF:
            of["p50_ratio"] = runs.ratio(part, "p50_us", ours, by_hand)
            of["p99_ratio"] = runs.ratio(part, "p99_us", ours, by_hand)
        if runs.median(part, UIO, "ops"):
            of["ops_ratio_vs_uio"] = runs.ratio(part, "ops", ours, UIO)
        of["clients"] = {
            name: {**over_turns(runs.numbers[part][driver], statistics.median),
                   "least": over_turns(runs.numbers[part][driver], min),
                   "most": over_turns(runs.numbers[part][driver], max)}
            for name, driver in (("vmbkmcl", ours), ("hv_driver", by_hand), ("uio", UIO))
            if driver in runs.numbers[part]}
        result[part] = of
    return result


def show_goal(title, ratio, goal, met):
    """Whether it was met."""
    print(f"{title:40}{ratio:8.3f}  (goal {goal}: {'met' if met else 'MISSED'})")


def show(result):
    """Tables, and what became of the goals."""
    for part, title, _, _ in PARTS:
        columns = NUMBERS_OF.get(part, NUMBERS)
        print(f"{title:32}" + "".join(f"{column:>18}" for column in columns))
        for client, of in result[part]["clients"].items():
            print(f"{client:32}" + "".join(f"{of[column]:18,.3f}" for column in columns))
        print()
    for part, (more, not_later) in GOALS.items():
        of = result[part]
        if more:
            show_goal(f"{part}: operations / by hand", of["ops_ratio_vs_hv_driver"],
                      f"at least {more}", of["ops_ratio_vs_hv_driver"] >= more)
        show_goal(f"{part}: p99 / by hand", of["p99_ratio"], f"at most {not_later}",
                  of["p99_ratio"] <= not_later)
    idle = result["idle"]
    print(f"\nidle for {idle['seconds']} s: {idle['calls']} calls of ours, "
          f"{idle['signals_to_host']} signals, {idle['signals_to_guest']} interrupts")


def check(result, runs):
    """What cannot be, whatever is dear here."""
    idle = result["idle"]
    if runs.wrong:
        fail(f"{runs.wrong} answers or packets were wrong")
    for driver in FULL:
        guest, host = runs.waited.get(driver, (0, 0))
        if not guest or not host:
            fail(f"with {driver} the guest waited for room {guest} times, and the host "
                 f"{host} times, where both had to")
    if not idle["calls_when_asked"]:
        fail("no call was seen where there must be some")
    if idle["signals_to_host"] or idle["signals_to_guest"] or \
            idle["calls"] > IDLE_CALLS_A_SECOND * idle["seconds"]:
        fail("an idle channel is not idle")


def write(path, whole):
    """All of it or nothing: who is interrupted leaves what was there."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(whole, file, indent=1)
        file.write("\n")
    os.replace(path + ".new", path)


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
    runs.check_complete()
    with open(os.path.join(logs, "how"), encoding="utf-8") as file:
        clock = "instructions" if file.read().strip() == "nested" else "real"
    result = {"kernel": kernel, "clock": clock,
              "turns": runs.done["ping", "vmb_echo"], **result_of(runs, idle)}
    show(result)
    check(result, runs)
    whole = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            whole = json.load(file)
    whole[name] = result
    write(path, whole)
    return 0


if __name__ == "__main__":
    sys.exit(main())
