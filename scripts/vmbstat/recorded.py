#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Makes the files again that "grep -r" has printed.

usage: recorded.py FILE DIR   each line of FILE is a path, a colon and a line of what
                              stands there
"""
import pathlib
import sys


def unpack(recorded, root):
    """The files that the lines are of, below root."""
    files = {}
    for line in recorded.read_text().splitlines():
        if not line.startswith("#"):
            path, _, text = line.partition(":")
            files.setdefault(path, []).append(text)
    for path, lines in files.items():
        file = root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    if sys.argv[1:] in (["-h"], ["--help"]):
        print(__doc__)
        sys.exit(0)
    if len(sys.argv) != 3:
        sys.exit(f"{sys.argv[0]}: error: wanted 2 arguments, try --help")
    unpack(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
