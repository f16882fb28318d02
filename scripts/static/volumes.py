#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Prints a table of kunit/ as Markdown: the volumes that were run, or the mutants.

usage: volumes.py volumes|mutants

  volumes   kunit/volumes.tsv, as it is
  mutants   kunit/mutants.tsv, which scripts/mutants.py --table prints: a row for
            each floor of drivers/kmcl, and one for all
"""
import sys

import tables
from floors import TOP, Floors


def rows(name):
    lines = (TOP / "kunit" / name).read_text().splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


def floors():
    """File to the number and name of its floor, headers included."""
    kbuild = Floors()
    return {file: f"{number} {kbuild.rows[number][0]}" for file, number in kbuild.floor.items()}


def mutants():
    head, *body = rows("mutants.tsv")
    of = floors()
    sums = {}
    for name, *numbers in body:
        row = sums.setdefault(of[name], [0] * len(numbers))
        sums[of[name]] = [a + int(b) for a, b in zip(row, numbers)]
    sums = dict(sorted(sums.items()))
    sums["all"] = [sum(column) for column in zip(*sums.values())]
    return [["floor", *head[1:]], *([name, *(f"{n:,}" for n in row)]
                                    for name, row in sums.items())]


def main(arguments):
    if arguments and arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0
    if arguments not in (["volumes"], ["mutants"]):
        sys.exit("volumes.py: error: say volumes or mutants, try --help")
    head, *body = mutants() if arguments == ["mutants"] else rows("volumes.tsv")
    tables.show(head, body)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
