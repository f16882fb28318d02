#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The floors of the library: who may include and call whom.

Kbuild is the list: a comment "# floor N NAME: HEADER ..." begins a floor, and the
objects that follow stand on it in the order in which they may be called. A file
includes headers of its own floor and lower ones, and calls only files that stand
above it in that list. Nothing else has to be kept.

usage: floors.py             print the floors as a table
       floors.py --check OBJECTS
                             look at every include and, in the folder of the
                             built objects, at every call between them
"""
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
LIBRARY = TOP / "drivers/kmcl"


class Floors:
    """What Kbuild says."""

    def __init__(self):
        self.rows = []      # (name, headers, files) by number
        self.floor = {}     # file name -> number of its floor
        self.place = {}     # name without ".c" -> place in the list
        self.problems = []
        self.read()
        self.compare_with_folder()

    def read(self):
        current = None
        for line in (TOP / "Kbuild").read_text().splitlines():
            head = re.fullmatch(r"# floor (\d+) (\w+): (.*)", line)
            if head:
                number = int(head[1])
                if number == len(self.rows):
                    self.rows.append((head[2], [], []))
                elif number + 1 != len(self.rows):
                    self.problems.append(f"Kbuild: floor {number} is out of order")
                current = self.rows[number]
                for header in head[3].split():
                    self.add(header, number, current[1])
                continue
            item = re.match(r"vmbkmcl(_hv)?-y [:+]= drivers/kmcl/(\w+)\.o$", line)
            if item and current:
                self.add(f"{item[2]}.c", number, current[2])
                self.place[item[2]] = len(self.place)

    def add(self, name, number, row):
        if name in self.floor:
            self.problems.append(f"Kbuild: {name} stands on two floors")
        self.floor[name] = number
        row.append(name)

    def compare_with_folder(self):
        there = {f.name for f in LIBRARY.glob("*.[ch]")}
        for name in sorted(there - set(self.floor)):
            self.problems.append(f"{name} stands on no floor of Kbuild")
        for name in sorted(set(self.floor) - there):
            self.problems.append(f"Kbuild: there is no {name}")

    def table(self):
        lines = ["| floor | headers | files, each calls only those before it |",
                 "|---|---|---|"]
        for number, (name, headers, files) in enumerate(self.rows):
            lines.append(f"| {number} {name} | {' '.join(headers)} |"
                         f" {' '.join(f[:-2] for f in files)} |")
        return "\n".join(lines) + "\n"


def includes(floors):
    """Headers of the library that a file must not see."""
    for name, number in sorted(floors.floor.items()):
        path = LIBRARY / name
        if not path.exists():
            continue
        for included in re.findall(r'^#include "([^"]+)"', path.read_text(), re.M):
            theirs = floors.floor.get(included)
            if theirs is None:
                floors.problems.append(f"{name} includes {included}, which stands on no floor")
            elif theirs > number:
                floors.problems.append(
                    f"{name} (floor {number}) includes {included} (floor {theirs})")


def symbols(path):
    """(defined, undefined) of one object."""
    defined, undefined = set(), set()
    out = subprocess.run(["nm", path], capture_output=True, text=True, check=True).stdout
    for line in out.splitlines():
        *_, kind, name = line.split()
        if kind == "U":
            undefined.add(name)
        elif kind.isupper() and not name.startswith("__"):
            defined.add(name)
    return defined, undefined


def calls(floors, folder):
    """Functions and variables that a file takes from one that stands below it in
    the list. Returns how many uses were looked at."""
    owner, wants, looked = {}, {}, 0
    for name in floors.place:
        path = folder / f"{name}.o"
        if not path.exists():
            floors.problems.append(f"{path} is not built")
            continue
        defined, wants[name] = symbols(path)
        for symbol in defined:
            owner[symbol] = name
    for name, undefined in wants.items():
        for symbol in sorted(undefined):
            theirs = owner.get(symbol)
            if theirs is None or symbol.startswith("__tracepoint"):
                continue
            looked += 1
            if floors.place[theirs] > floors.place[name]:
                floors.problems.append(
                    f"{name}.c calls up: {symbol} of {theirs}.c")
    return looked


def check(floors, objects):
    includes(floors)
    looked = calls(floors, pathlib.Path(objects))
    print(f"{looked} uses between files looked at")
    if looked < 100:
        floors.problems.append("so few cannot be all of them")


def main(arguments):
    floors = Floors()
    if not arguments:
        print(floors.table(), end="")
    elif arguments[0] == "--check" and len(arguments) == 2:
        check(floors, arguments[1])
    elif arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0
    else:
        print(f"floors.py: error: cannot do {' '.join(arguments)}\n"
              "floors.py: try: floors.py --help", file=sys.stderr)
        return 2
    for problem in floors.problems:
        print(problem)
    return 1 if floors.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
