#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What the kernel-doc of the installed header must say, beyond what kernel-doc asks
for: of each function and each type of callback in which context it is called, and of
each that returns something what that is, and of no other.

usage: header-doc.py               look, print what is missing
       header-doc.py --self-test   see that it finds what is missing
"""
import re
import sys

import checker

FOLDER = "include/vmbkmcl/"
# No function: what they say of themselves is said of vmb_driver_register().
NO_CALL = ("module_vmb_driver",)


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


def problems_of(tree):
    problems, seen = [], set()
    for path, text in tree.items():
        file = path.removeprefix(FOLDER)
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
    (FOLDER + "outbound.h", " * Context: any but hard interrupt.\n * Return: the packet;",
     " * Return: the packet;", "vmb_packet_allocate does not say in which context"),
    (FOLDER + "outbound.h", " * Return: the packet; NULL", " * Gives the packet; NULL",
     "vmb_packet_allocate does not say what"),
    (FOLDER + "outbound.h", " * VmbPacketFree.\n", " * Return: 0.\n",
     "vmb_packet_free returns nothing"),
    (FOLDER + "callbacks.h", " * Context: process context, a worker.\n", "",
     "vmb_channel_pnp_failure_fn"),
    (FOLDER + "gpadl.h", "/**\n * vmb_channel_unmap_gpadl() -",
     "/*\n * vmb_channel_unmap_gpadl() -", "vmb_channel_unmap_gpadl has no kernel-doc"),
)


if __name__ == "__main__":
    sys.exit(checker.main(__doc__, [FOLDER + "*.h"], problems_of, PLANTED))
