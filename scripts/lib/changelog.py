#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What CHANGELOG.md says of a version.

usage: changelog.py notes VERSION                    its entries; none is an error
       changelog.py pending                          entries that no version has yet
       changelog.py debian VERSION MAINTAINER DATE   the same in Debian's form; a line
                                                     that names it if there are none
"""
import pathlib
import re
import sys
import textwrap

CHANGELOG = pathlib.Path(__file__).resolve().parent.parent.parent / "CHANGELOG.md"
PENDING = "Not released"


def sections():
    """Title, without a date -> entries, each one line of text."""
    parts = re.split(r"^## (.*)\n", CHANGELOG.read_text(), flags=re.M)
    return {title.split(" (")[0].strip():
            [" ".join(entry.split()) for entry in re.split(r"^- ", body, flags=re.M)[1:]]
            for title, body in zip(parts[1::2], parts[2::2])}


def debian(version, maintainer, date):
    entries = sections().get(version) or [f"vmbkmcl {version}."]
    lines = [f"vmbkmcl ({version}) unstable; urgency=medium", ""]
    for entry in entries:
        lines += textwrap.wrap(entry, 78, initial_indent="  * ", subsequent_indent="    ",
                               break_on_hyphens=False)
    return "\n".join([*lines, "", f" -- {maintainer}  {date}"])


def main(arguments):
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    verb = {"notes": 2, "pending": 1, "debian": 4}
    if not arguments or verb.get(arguments[0]) != len(arguments):
        sys.exit(f"{sys.argv[0]}: error: not known: {' '.join(arguments)}, try --help")
    if arguments[0] == "debian":
        print(debian(*arguments[1:]))
        return 0
    entries = sections().get(arguments[1] if len(arguments) > 1 else PENDING, [])
    for entry in entries:
        print(textwrap.fill(entry, 78, initial_indent="- ", subsequent_indent="  ",
                            break_on_hyphens=False))
    return 0 if entries or arguments[0] == "pending" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
