#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Circles: files of a folder that call each other, at once or through further files.

Files in a circle can only be read together. A client's files form none, but for the
pair of files of echo, nor do those of the benchmark in a guest; those of a host's end,
of the fuzzer and of a kselftest none of more than three. Where a folder's order is
written down, a file calls only those before it: in Kbuild for what modules are made of,
and in a header that says so of its list of files. Within a circle that is allowed, the
order means nothing.

All of that is told by the text: a file calls another if it names a function that the
other one defines, and that is not static.

usage: circles.py              look, print what is wrong
       circles.py --self-test  see that what is planted is found
"""
import pathlib
import re
import sys

import checker

# Folders, and how many files of each may call each other in a circle.
LIMITS = (
    ("drivers/clients/echo", 2),
    ("drivers/clients/*", 1),
    ("scripts/guest", 3),
    ("scripts/fuzz", 3),
    ("scripts/fuzz/channel", 3),
    ("scripts/kselftest/*", 3),
    ("scripts/bench-guest", 1),
)
FILES = ("Kbuild", "scripts/**/Kbuild", *(f"{pattern}/*.[ch]" for pattern, _ in LIMITS))
# Fewer uses than there are by far: then the text is not understood any more.
LEAST_USES = 60

DEFINITION = re.compile(r"^(?!static\b|typedef\b)[A-Za-z_][\w \t*]*[\s*](\w+)"
                        r"\([^;{}]*\)\s*\{", re.M)
# A name that is not a member's.
NAME = re.compile(r"(?<![\w.>])[A-Za-z_]\w*")
OBJECT = re.compile(r"^([\w-]+)-y\s*[:+]=\s*(.*\.o)\s*$", re.M)
ORDERED = "A file calls only those above it in this list."
LISTED = re.compile(r"^ \*   (\w+\.c)\s", re.M)


def folders(tree):
    """(folder, limit), each once: the first pattern that it has counts."""
    found = {}
    for pattern, limit in LIMITS:
        for path in map(pathlib.PurePath, tree):
            if path.suffix == ".c" and path.parent.match(pattern):
                found.setdefault(str(path.parent), limit)
    return found.items()


def uses(tree, folder):
    """file -> {file that it calls: a function of that one}."""
    code = {pathlib.PurePath(path).name: checker.without_strings(text)
            for path, text in tree.items()
            if path.endswith(".c") and str(pathlib.PurePath(path).parent) == folder}
    owner = {name: file for file, text in code.items()
             for name in DEFINITION.findall(text)}
    return {file: {owner[name]: name for name in sorted(set(NAME.findall(text)))
                   if owner.get(name, file) != file}
            for file, text in code.items()}


def reached(calls, start):
    seen, new = set(), [start]
    while new:
        for file in calls[new.pop()]:
            if file not in seen:
                seen.add(file)
                new.append(file)
    return seen


def circles(calls):
    """Sets of files that reach each other, each once."""
    reach = {file: reached(calls, file) for file in calls}
    return {frozenset(other for other in reach[file] if file in reach[other])
            for file in calls if file in reach[file]}


def orders(tree, folder):
    """(where it is written down, files from the lowest on)."""
    for path, text in tree.items():
        place = pathlib.PurePath(path)
        if place.name == "Kbuild" and str(place.parent) in (".", folder):
            modules = {}
            for module, objects in OBJECT.findall(text):
                for item in map(pathlib.PurePath, objects.split()):
                    if str(place.parent / item.parent) == folder:
                        modules.setdefault(module, []).append(item.stem + ".c")
            yield from ((path, files) for files in modules.values())
        elif place.suffix == ".h" and str(place.parent) == folder and ORDERED in text:
            yield path, LISTED.findall(text)


def count(tree):
    return sum(len(used) for folder, _ in folders(tree) for used in uses(tree, folder).values())


def problems_of(tree):
    problems = []
    for folder, limit in folders(tree):
        calls = uses(tree, folder)
        rings = circles(calls)
        for ring in sorted(map(sorted, rings)):
            if len(ring) > limit:
                how = ", ".join(f"{a} calls {name} of {b}" for a in ring
                                for b, name in sorted(calls[a].items()) if b in ring)
                problems.append(f"{folder}: {len(ring)} files call each other in a "
                                f"circle, {limit} may: {how}")
        for where, files in orders(tree, folder):
            for at, file in enumerate(files):
                for other, name in sorted(calls.get(file, {}).items()):
                    if other in files[at + 1:] and not any({file, other} <= r for r in rings):
                        problems.append(f"{where}: {file} calls up: {name} of {other}")
                if file not in calls:
                    problems.append(f"{where}: there is no {folder}/{file}")
    looked = count(tree)
    if looked < LEAST_USES:
        problems.append(f"{looked} uses between files cannot be all of them")
    return problems


def summary(tree):
    return f"{count(tree)} uses between files looked at"


PLANTED = (
    ("drivers/clients/source/common.c", "",
     "void planted(void)\n{\n\tsource_run(NULL);\n}\n",
     "drivers/clients/source: 5 files call each other in a circle, 1 may"),
    ("drivers/clients/block/block_control.c", "",
     "int planted(struct block_client *client)\n{\n\treturn block_provoke(client);\n}\n",
     "block_control.c calls block_provoke of block_provoke.c"),
    ("scripts/guest/host_report.c", "",
     "void planted(void)\n{\n\techo_tick(NULL);\n}\n",
     "scripts/guest: 11 files call each other in a circle, 3 may"),
    ("scripts/fuzz/channel/input.c", "",
     "void planted(void)\n{\n\tfuzz_fair();\n}\n",
     "input.c calls fuzz_fair of fair.c"),
    ("Kbuild", "source/send.o\nvmb_source-y += drivers/clients/source/run.o",
     "source/run.o\nvmb_source-y += drivers/clients/source/send.o",
     "Kbuild: run.c calls up: source_senders_wait of send.c"),
    ("scripts/guest/host_device.h", " *   host_packet.c ", " *   host_worker.c ",
     "scripts/guest/host_device.h: host_worker.c calls up: echo_check of host_check.c"),
    ("scripts/kselftest/life/Kbuild", "wrong.o packets.o", "packets.o wrong.o",
     "scripts/kselftest/life/Kbuild: packets.c calls up: storm_wrong of wrong.c"),
    ("drivers/clients/source/source.h", " *   common.c", " *   cannon.c",
     "there is no drivers/clients/source/cannon.c"),
    # Three may.
    ("scripts/kselftest/life/wrong.c", "",
     "void planted(void)\n{\n\tstorm_enable(NULL);\n}\n", ()),
    # None of these is a call.
    ("drivers/clients/source/common.c", "",
     "/* source_run() */\nstatic void planted(struct source_device *source)\n{\n"
     "\tsource->source_run = \"source_run\";\n}\n", ()),
)


if __name__ == "__main__":
    sys.exit(checker.main(__doc__, FILES, problems_of, PLANTED, summary))
