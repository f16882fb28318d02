#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Prints the commands for tracepoints that include/ABI/README.md shows, one a line.

usage: tracing_commands.py

A command stands in a block that is indented by four spaces; lines that are indented
further belong to the one before.
"""
import pathlib
import sys

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "include/ABI/README.md"


def commands(text):
    """All of the section."""
    found = []
    for line in text.split("\n## Tracepoints\n", 1)[1].split("\n## ", 1)[0].splitlines():
        if line.startswith("     "):
            found[-1] += " " + line.strip()
        elif line.startswith("    "):
            found.append(line.strip())
    return found


def main():
    if sys.argv[1:]:
        if sys.argv[1:] in (["-h"], ["--help"]):
            print(__doc__)
            return
        sys.exit(f"{sys.argv[0]}: error: no argument is wanted, try --help")
    print("\n".join(commands(DOCUMENT.read_text(encoding="utf-8"))))


main()
