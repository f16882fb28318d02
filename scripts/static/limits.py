#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Limits, held against drivers/limits.md. Each row of its tables says what can grow, with
the bound, where that is seen, and a test that sits on it. Here:

- a bound that stands before a constant in brackets is that constant's value;
- what is seen is a file in sysfs, a line of debugfs, or an attribute of a client's;
- a test is a case of a suite;
- every constant of drivers/kmcl that is a limit by its name, and none of time, stands in a
  row, and so does every file that allocates.

usage: limits.py               compare, print what differs
       limits.py --self-test   see that it finds what is wrong
"""
import re
import sys

import abi
import checker
import tables

DOCUMENT = "drivers/limits.md"
FILES = ("drivers/**/*.[ch]", "kunit/**/*_test.c", DOCUMENT)
HEAD = "| what can grow | bound | seen in | test |"
# What a limit is called.
LIMIT = re.compile(r"MAXIMUM|MOST|LIMIT|BUDGET|LEAKS")
ALLOCATES = re.compile(r"\b(?:k[vmzc]*alloc\w*|kmemdup\w*|(?:__)?v[zm]?alloc(?!_nr_pages)\w*|vmap"
                       r"|alloc_pages?\w*|alloc_(?:ordered_)?workqueue|xa_(?:insert|store)"
                       r"|kobject_add)\(")
UNITS = {"KiB": 1 << 10, "MiB": 1 << 20}
# "4 MiB (`NAME`)", "65,536 bytes of it (`NAME`)"
BOUND = re.compile(r"([\d,]*\d)((?: [\w'-]+)*?) \(`([A-Z][A-Z0-9_]+)`\)")


def constants(tree):
    """Name -> what it is defined as; of the library."""
    return {name: value.split("/*")[0].strip() for path, text in tree.items()
            if path.startswith("drivers/kmcl/")
            for name, value in re.findall(r"^#define[ \t]+(VMB_\w+)[ \t]+(\S.*)$", text, re.M)}


def value_of(name, defined, depth=0):
    """The number that a constant is; None: it is none, or nobody can tell here."""
    text = defined.get(name)
    if text is None or depth > 8:
        return None
    text = re.sub(r"\((?:u32|u64|size_t)\)", "", text)
    text = re.sub(r"\bSZ_(\d+)([KMG])\b",
                  lambda m: str(int(m[1]) << {"K": 10, "M": 20, "G": 30}[m[2]]), text)
    for inner in set(re.findall(r"\bVMB_\w+", text)):
        number = value_of(inner, defined, depth + 1)
        if number is None:
            return None
        text = re.sub(rf"\b{inner}\b", str(number), text)
    text = re.sub(r"\b(0x[0-9a-fA-F]+|\d+)[uUlL]*\b", r"\1", text)
    if not re.fullmatch(r"[0-9a-fA-Fx()+*/<> -]+", text):
        return None
    return int(eval(text.replace("/", "//"), {"__builtins__": {}}))


def rows(tree):
    """The cells of each row, and what is wrong with their form."""
    found, problems = [], []
    for line in tables.rows(tree[DOCUMENT], HEAD):
        cells = [c.strip() for c in line.strip("|").split("|")]
        if len(cells) == 4 and all(cells):
            found.append(cells)
        else:
            problems.append(f"{DOCUMENT}: not four cells: {line}")
    return found, problems


def visible(tree):
    """Names of all that user space sees of a channel, or of a client's device."""
    names = {path.removeprefix(abi.CHANNEL) for path in abi.sysfs(tree)} | abi.debugfs(tree)
    clients = "".join(t for p, t in tree.items() if p.startswith("drivers/clients/"))
    names |= set(re.findall(r"(?:DEVICE_ATTR_RO|COUNTER)\((\w+)\);", clients))
    names |= {f"{n}/" for n in re.findall(r'\.name = "(\w+)",\n\t\.attrs', clients)}
    return names


def cases(tree):
    """suite.case of each case there is."""
    found = set()
    for path, text in tree.items():
        if path.startswith("kunit/"):
            for suite in re.findall(r'\.name = "vmbkmcl_(\w+)"', text):
                found |= {f"{suite}.{c}" for c in
                          re.findall(r"KUNIT_CASE(?:_\w+)?\((\w+)", text)}
    return found


def problems_of_row(cells, defined, seen, tests):
    what, bound, where, test = cells
    text = f"{what} {bound}"
    for number, words, name in BOUND.findall(text):
        unit = words.split(maxsplit=1)[0] if words else ""
        wanted = int(number.replace(",", "")) * UNITS.get(unit, 1)
        # It may count just these.
        if "MEGABYTES" in name:
            wanted //= UNITS["MiB"]
        value = value_of(name, defined)
        if value != wanted:
            yield f"{DOCUMENT}: {name} is {value}, not {number} {unit}"
    said = {name for _, _, name in BOUND.findall(text)}
    for name in set(re.findall(r"`([A-Z][A-Z0-9_]+)`", text)) - said:
        yield f"{DOCUMENT}: {name} has no number in front of it"
    names = re.findall(r"`([^`]+)`", where)
    if not names:
        yield f"{DOCUMENT}: seen nowhere: {what}"
    yield from (f"{DOCUMENT}: nothing shows {n}" for n in names if n not in seen)
    names = re.findall(r"`([^`]+)`", test)
    if not names:
        yield f"{DOCUMENT}: no test: {what}"
    yield from (f"{DOCUMENT}: there is no case {n}" for n in names if n not in tests)


def problems_of(tree):
    found, problems = rows(tree)
    defined, seen, tests = constants(tree), visible(tree), cases(tree)
    if len(found) < 20:
        problems.append(f"{DOCUMENT}: only {len(found)} rows")
    for cells in found:
        problems += problems_of_row(cells, defined, seen, tests)
    document = tree[DOCUMENT]
    for name, value in defined.items():
        if LIMIT.search(name) and not re.search(r"\bHZ\b", value) and f"`{name}`" not in document:
            problems.append(f"{DOCUMENT}: no row has {name}")
    for path, text in tree.items():
        name = path.rpartition("/")[2]
        if path.startswith("drivers/kmcl/") and ALLOCATES.search(text) and \
           f"`{name}`" not in document:
            problems.append(f"{DOCUMENT}: no row has {name}, which allocates")
    return problems


PLANTED = (
    ("drivers/kmcl/gpadl.c", "VMB_GPADL_MAXIMUM_COUNT	4096u", "VMB_GPADL_MAXIMUM_COUNT	8192u",
     "VMB_GPADL_MAXIMUM_COUNT is 8192, not 4,096"),
    ("drivers/kmcl/pool.c", "SZ_4M", "SZ_8M", "VMB_POOL_BYTES is 8388608, not 4 MiB"),
    ("drivers/kmcl/wire.h", "0xffffu", "0x7fffu", "VMB_WIRE_MAXIMUM_LENGTH is 262136"),
    ("drivers/kmcl/pool.c", "#define VMB_POOL_STEP",
     "#define VMB_POOL_MOST_SPARE\t7u\n#define VMB_POOL_STEP", "no row has VMB_POOL_MOST_SPARE"),
    ("drivers/kmcl/ring_reader.c", "/**\n",
     "void *f(void) { return kzalloc(8, GFP_KERNEL); }\n/**\n",
     "no row has ring_reader.c, which allocates"),
    ("drivers/kmcl/observe.c", '"offers_dropped %llu', '"offers_lost %llu',
     "nothing shows offers_dropped"),
    ("drivers/kmcl/counters.h", "X(leaked)", "X(lost)", "nothing shows leaked"),
    ("kunit/inbound/inbound_pool_test.c", "KUNIT_CASE(follows_the_ring)", "KUNIT_CASE(follows)",
     "there is no case inbound_pool.follows_the_ring"),
    (DOCUMENT, " | `leaked`, `times_leaked` | ", " | the log | ", "seen nowhere: memory that the peer"),
    (DOCUMENT, "| `gpadl_map.twice` |", "| none |", "no test: those that a server has mapped"),
    (DOCUMENT, "4,096 of a channel (`VMB_GPADL", "as many as (`VMB_GPADL",
     "VMB_GPADL_MAXIMUM_COUNT has no number"),
    (DOCUMENT, "| `gpadl_map.twice` |", "|", "not four cells"),
)


if __name__ == "__main__":
    sys.exit(checker.main(__doc__, FILES, problems_of, PLANTED))
