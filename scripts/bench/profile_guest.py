#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Prints where the instructions are that a request of the guest's takes.

usage: profile_guest.py LOG COUNTS MAP RESULT NAME MODULE...

LOG is the guest's console, which names the loads in their order, and says where the code of
modules is; COUNTS is what scripts/bench/profile_guest.c wrote; MAP is the guest's kernel's,
as scripts/guest/kernel-map.sh makes it; each MODULE a file that was loaded there. In RESULT,
a JSON file, NAME becomes the sums. Functions with less than an instruction a request are
only in these.
"""
import bisect
import collections
import json
import os
import pathlib
import re
import subprocess
import sys

LEAST = 1.0
# Where the halves of the address space meet.
KERNEL = 1 << 63
# Who runs it, by module; what is in none of them is the guest's kernel itself.
OWNERS = {"vmbkmcl": "library", "vmbkmcl_hv": "library", "hv_vmbus": "hv_vmbus",
          "vmb_bench": "load"}
TITLES = (("library", "the library"), ("hv_vmbus", "hv_vmbus"), ("load", "the driver and the load"),
          ("kernel", "the guest's kernel"), ("host_kernel", "the host's kernel"),
          ("host", "the host's end, in QEMU"))


def fail(text):
    """What there is no going on after."""
    sys.exit(f"profile_guest.py: error: {text}")


def read_elf(what, path):
    """What readelf says of a file."""
    return subprocess.run(["readelf", what, path], check=True, capture_output=True,
                          text=True).stdout


class Symbols:
    """Functions of the guest, by address."""

    def __init__(self, log, kernel_map, modules):
        found = {}
        with open(kernel_map, encoding="utf-8") as file:
            for line in file:
                address, _, name = line.split()[:3]
                found.setdefault(int(address, 16), (name, "kernel"))
        places = {(module, section): int(address, 16) for module, section, address in
                  re.findall(r"^VMBGUEST-SECTION (\w+) (\S+) (0x\w+)$", log, re.M)
                  # Where this was, another module's code may be by now.
                  if not section.startswith(".init")}
        for module in modules:
            name = pathlib.Path(module).stem
            sections = {number: places.get((name, section)) for number, section in re.findall(
                r"^\s*\[\s*(\d+)\] (\S+)", read_elf("-SW", module), re.M)}
            if not any(sections.values()):
                fail(f"the guest does not say where {name} is")
            for value, number, function in re.findall(
                    r"^\s*\d+: (\w+)\s+\w+ FUNC\s+\w+\s+\w+\s+(\d+) (\S+)$",
                    read_elf("-sW", module), re.M):
                if sections.get(number):
                    found[sections[number] + int(value, 16)] = (function, OWNERS[name])
        self.addresses = sorted(found)
        self.symbols = [found[address] for address in self.addresses]

    def at(self, address):
        """Name and owner."""
        place = bisect.bisect_right(self.addresses, address)
        return self.symbols[place - 1] if place else ("?", "kernel")


def read(log, counts, symbols):
    """(client, part) -> owner -> function -> instructions a request."""
    loads = re.findall(r"^VMBGUEST-LOAD (\w+) (\w+) operations (\d+) ", log, re.M)
    profile = [collections.defaultdict(collections.Counter) for _ in loads]
    with open(counts, encoding="utf-8") as file:
        for line in file:
            load, guest, address, count = line.split()
            address = int(address, 16)
            if int(load) >= len(loads):
                fail(f"{len(loads)} loads ran, and more were counted")
            share = int(count) / int(loads[int(load)][2])
            if guest == "1":
                name, owner = symbols.at(address)
            elif address >= KERNEL:
                name, owner = "all of it", "host_kernel"
            else:
                name, owner = "all of it", "host"
            profile[int(load)][owner][name] += share
    if not loads or not all(profile):
        fail(f"{len(loads)} loads ran, and not all were counted")
    return {(client, part): owners for (client, part, _), owners in zip(loads, profile)}


def show(profile):
    """A paragraph a load."""
    for (client, part), owners in profile.items():
        total = sum(sum(functions.values()) for functions in owners.values())
        print(f"{client}, {part}: {total:,.1f} instructions a request")
        for owner, title in TITLES:
            functions = owners.get(owner, {})
            print(f"{sum(functions.values()):12,.1f}  {title}")
            for name, count in sorted(functions.items(), key=lambda pair: -pair[1]):
                if count >= LEAST and len(functions) > 1:
                    print(f"{count:20,.1f}  {name}")
        print()


def main():
    """Prints, and adds the sums to the result."""
    if len(sys.argv) < 7:
        known = sys.argv[1:] in (["-h"], ["--help"])
        print(__doc__.strip() if known else "profile_guest.py: error: wrong arguments\n"
              "profile_guest.py: try: scripts/bench/profile_guest.py --help",
              file=sys.stdout if known else sys.stderr)
        return 0 if known else 2
    with open(sys.argv[1], encoding="utf-8", errors="replace") as file:
        log = file.read().replace("\r", "")
    profile = read(log, sys.argv[2], Symbols(log, sys.argv[3], sys.argv[6:]))
    show(profile)
    result = {}
    if os.path.exists(sys.argv[4]):
        with open(sys.argv[4], encoding="utf-8") as file:
            result = json.load(file)
    sums = {}
    for (client, part), owners in profile.items():
        sums.setdefault(part, {})[client] = {
            owner: round(sum(owners.get(owner, {}).values()), 1) for owner, _ in TITLES}
    result[sys.argv[5]] = sums
    with open(sys.argv[4], "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
        file.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
