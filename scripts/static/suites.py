#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Prints the KUnit suites as a table: a row for each folder of kunit/.

usage: suites.py
"""
import pathlib
import re
import sys

import tables

KUNIT = pathlib.Path(__file__).resolve().parent.parent.parent / "kunit"


def main(arguments):
    if arguments and arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0
    if arguments:
        sys.exit(f"suites.py: error: no argument is wanted: {arguments[0]}, try --help")
    found = {}
    for folder in sorted(f for f in KUNIT.iterdir() if f.is_dir()):
        for source in folder.glob("*.c"):
            found.setdefault(folder.name, set()).update(re.findall(
                r'kunit_suite \w+ = \{\n\t\.name = "vmbkmcl_(\w+)"', source.read_text(), re.M))
    tables.show(("folder", "suites"), [(folder, " ".join(sorted(names)))
                                       for folder, names in found.items() if names])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
