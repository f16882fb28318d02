#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What the kernel-doc of the installed header must say, beyond what kernel-doc asks
for: of each function and each type of callback in which context it is called, and of
each that returns something what that is, and of no other.

usage: header-doc.py               look, print what is missing
       header-doc.py --self-test   see that it finds what is missing
"""
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
# No function: what they say of themselves is said of vmb_driver_register().
NO_CALL = ("module_vmb_driver",)


def headers():
    return {p.name: p.read_text() for p in sorted((TOP / "include/vmbkmcl").glob("*.h"))}


def documented(text):
    """(name, its comment, what is declared behind it)."""
    for comment, behind in re.findall(r"^/\*\*\n(.*?)^ \*/\n(.*?)(?=^/\*|\Z)", text, re.M | re.S):
        name = re.match(r" \* (?:typedef )?(\w+)(?:\(\))? - ", comment)
        if name and re.match(r" \* (\w+\(\)|typedef \w+) - ", comment):
            yield name[1], comment, behind


def is_void(name, behind):
    declaration = re.search(rf"([^;{{}}]*)\b(?:\(\*)?{name}\b", behind)
    if not declaration or behind.startswith("#define"):
        return False
    words = declaration[1].replace("typedef", "").replace("static inline", "").split()
    return words[-1:] == ["void"] or words[-2:] == ["void", "(*"]


def problems_of(texts):
    problems, seen = [], set()
    for file, text in texts.items():
        for name, comment, behind in documented(text):
            seen.add(name)
            if name in NO_CALL:
                continue
            if "\n * Context: " not in comment:
                problems.append(f"{file}: {name} does not say in which context")
            returns = "\n * Return: " in comment
            if is_void(name, behind) and returns:
                problems.append(f"{file}: {name} returns nothing, and says what")
            if not is_void(name, behind) and not returns:
                problems.append(f"{file}: {name} does not say what it returns")
        for name in re.findall(r"^[a-z][^;{}#]*?\b(vmb_\w+)\([^;{}]*\);", text, re.M):
            if name not in seen:
                problems.append(f"{file}: {name} has no kernel-doc")
    if len(seen) < 50:
        problems.append(f"only {len(seen)} functions were found")
    return problems


PLANTED = (
    ("outbound.h", " * Context: any but hard interrupt.\n * Return: the packet;",
     " * Return: the packet;", "vmb_packet_allocate does not say in which context"),
    ("outbound.h", " * Return: the packet; NULL", " * Gives the packet; NULL",
     "vmb_packet_allocate does not say what"),
    ("outbound.h", " * VmbPacketFree.\n", " * Return: 0.\n", "vmb_packet_free returns nothing"),
    ("callbacks.h", " * Context: process context, a worker.\n", "", "vmb_channel_pnp_failure_fn"),
    ("gpadl.h", "/**\n * vmb_channel_unmap_gpadl() -", "/*\n * vmb_channel_unmap_gpadl() -",
     "vmb_channel_unmap_gpadl has no kernel-doc"),
)


def self_test(texts):
    failures = 0
    for file, before, after, said in PLANTED:
        found = problems_of(texts | {file: texts[file].replace(before, after, 1)})
        if before not in texts[file] or not any(said in f for f in found):
            print(f"{file}: {before!r} -> {after!r} was not noticed; said was {found}")
            failures += 1
    print(f"{len(PLANTED) - failures} of {len(PLANTED)} planted faults found")
    return 1 if failures else 0


def main(arguments):
    if arguments in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    if arguments == ["--self-test"]:
        return self_test(headers())
    if arguments:
        print(f"header-doc.py: error: unknown option {arguments[0]}\n"
              "header-doc.py: try: header-doc.py --help", file=sys.stderr)
        return 2
    problems = problems_of(headers())
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
