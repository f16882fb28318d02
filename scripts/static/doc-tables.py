#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tables in the README files that are made by a command.

Such a table stands between two comments, the first of which names the command,
one of scripts/ with its arguments, that prints it:

    <!-- table: scripts/static/floors.py -->
    <!-- end of table -->

usage: doc-tables.py --check    runs every command, shows what differs
       doc-tables.py --update   puts what it printed into the files
"""
import difflib
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
TABLE = re.compile(r"(<!-- table: (scripts/[^\n]*?) -->\n)([\s\S]*?)(<!-- end of table -->\n)")


def printed(command):
    """What the command prints; a command that fails is an error here, too."""
    done = subprocess.run(command.split(), cwd=TOP, stdout=subprocess.PIPE,
                          text=True, check=False, timeout=600)
    if done.returncode or not done.stdout:
        sys.exit(f"doc-tables.py: error: {command} printed no table "
                 f"(status {done.returncode})")
    return done.stdout


def documents():
    """The README files; not what a build has copied."""
    for path in sorted(TOP.rglob("*.md")):
        parts = path.relative_to(TOP).parts
        if parts[0] not in ("build", ".git"):
            yield path


def main(arguments):
    if arguments in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    if arguments not in (["--check"], ["--update"]):
        print("doc-tables.py: error: say --check or --update\n"
              "doc-tables.py: try: doc-tables.py --help", file=sys.stderr)
        return 2
    count, differ = 0, 0
    for path in documents():
        text = path.read_text()
        if text.count("<!-- table: ") != len(TABLE.findall(text)):
            sys.exit(f"doc-tables.py: error: {path} has a table without an end")
        name = path.relative_to(TOP)
        for _, command, shown, _ in TABLE.findall(text):
            count += 1
            made = printed(command)
            if made == shown:
                continue
            differ += 1
            text = text.replace(shown, made, 1) if shown else re.sub(
                rf"(<!-- table: {re.escape(command)} -->\n)",
                lambda m, made=made: m[1] + made, text, count=1)
            sys.stdout.writelines(difflib.unified_diff(
                shown.splitlines(True), made.splitlines(True),
                str(name), command))
        if arguments == ["--update"]:
            path.write_text(text)
    print(f"{count} tables, {differ} differ")
    return 1 if differ and arguments == ["--check"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
