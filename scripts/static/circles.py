#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Circles: files of a folder that call each other, at once or through further files.

Files in a circle can only be read together. A client's files form none, but for the
pair of files of echo, nor do those of the benchmark in a guest; those of a host's end,
of the fuzzer and of a kselftest none of more than three. Where a folder's order is written down, a file calls only those before
it: in Kbuild for what modules are made of, and in a header that says so of its list of
files. Within a circle that is allowed, the order means nothing.

All of that is told by the text: a file calls another if it names a function that the
other one defines, and that is not static.

usage: circles.py              look, print what is wrong
       circles.py --self-test  see that what is planted is found
"""
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
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
# Fewer uses than there are by far: then the text is not understood any more.
LEAST_USES = 60

COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"', re.S)
DEFINITION = re.compile(r"^(?!static\b|typedef\b)[A-Za-z_][\w \t*]*[\s*](\w+)"
                        r"\([^;{}]*\)\s*\{", re.M)
# A name that is not a member's.
NAME = re.compile(r"(?<![\w.>])[A-Za-z_]\w*")
OBJECT = re.compile(r"^([\w-]+)-y\s*[:+]=\s*(.*\.o)\s*$", re.M)
ORDERED = "A file calls only those above it in this list."
LISTED = re.compile(r"^ \*   (\w+\.c)\s", re.M)


def read_tree():
    """path -> text of all that is looked at."""
    paths = [TOP / "Kbuild"]
    for pattern, _ in LIMITS:
        for folder in TOP.glob(pattern):
            paths += [*folder.glob("*.[ch]"), *folder.glob("Kbuild")]
    return {str(p.relative_to(TOP)): p.read_text() for p in sorted(set(paths))
            if not p.name.endswith(".mod.c")}


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
    code = {pathlib.PurePath(path).name: COMMENT_OR_STRING.sub(" ", text)
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


def problems_of(tree):
    """(lines, how many uses between files were looked at)."""
    problems, looked = [], 0
    for folder, limit in folders(tree):
        calls = uses(tree, folder)
        looked += sum(map(len, calls.values()))
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
    if looked < LEAST_USES:
        problems.append("so few uses cannot be all of them")
    return problems, looked


# File, what stands there ("": its end), what stands there instead, and what has to be
# said of it (None: nothing, since it is right).
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
     "void planted(void)\n{\n\tstorm_enable(NULL);\n}\n", None),
    # None of these is a call.
    ("drivers/clients/source/common.c", "",
     "/* source_run() */\nstatic void planted(struct source_device *source)\n{\n"
     "\tsource->source_run = \"source_run\";\n}\n", None),
)


def self_test(tree):
    failures = 0
    for path, before, after, said in PLANTED:
        if before not in tree[path]:
            print(f"{path} has no {before!r} to change")
            failures += 1
            continue
        text = tree[path].replace(before, after, 1) if before else tree[path] + after
        found, _ = problems_of(tree | {path: text})
        if not any(said in f for f in found) if said else found:
            print(f"{path}: {before!r} -> {after!r} should have had {said!r}; said was {found}")
            failures += 1
    print(f"{len(PLANTED) - failures} of {len(PLANTED)} planted changes are judged as they should be")
    return 1 if failures else 0


def main(options):
    if options == ["--self-test"]:
        return self_test(read_tree())
    if options in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    if options:
        print(f"circles.py: error: unknown option {options[0]}\n"
              "circles.py: try: circles.py --help", file=sys.stderr)
        return 2
    problems, looked = problems_of(read_tree())
    for problem in problems:
        print(problem)
    print(f"{looked} uses between files looked at")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
