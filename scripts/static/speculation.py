#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Speculation: what a peer wrote is no index that the processor guesses with.

A comparison does not keep it from loading with an index that fails it. No test can see
that, so the places are listed here, each with what keeps it: a function in which a
number of the peer's leads to a load has that in its text, and nothing is listed that is
not there any more. A new place is a new line.

usage: speculation.py              look, print what is wrong
       speculation.py --self-test  see that what is planted is found
"""
import re
import sys

import checker

LIBRARY = "drivers/kmcl/"
NOSPEC = "array_index_nospec("
# File, function, what keeps its index within.
PLACES = (
    ("ranges.c", "vmb_ranges_check", NOSPEC),
    ("ranges.c", "vmb_range_walk_next", NOSPEC),
    ("raw_pages.c", "vmb_page_of_frame", NOSPEC),
    ("external_data.c", "vmb_external_data_add_transfer", NOSPEC),
    ("inbound_batch.c", "vmb_inbound_payload", NOSPEC),
    ("transaction.h", "vmb_transaction_end", "id & (transactions->count - 1)"),
)
# In kernel style a function ends with the first brace in the first column.
FUNCTION = re.compile(r"^[A-Za-z_][^;{}#]*?\b(\w+)\([^;{}]*\)\s*\n\{\n(.*?)^\}", re.M | re.S)


def problems_of(tree):
    places = {(LIBRARY + name, function): keeper for name, function, keeper in PLACES}
    functions = [(path, *function) for path, text in tree.items()
                 for function in FUNCTION.findall(checker.without_comments(text))]
    bodies = {(path, function): body for path, function, body in functions}
    for (path, function), keeper in places.items():
        name = path.removeprefix(LIBRARY)
        if (path, function) not in bodies:
            yield f"{name} has no {function}() any more, which is listed"
        elif keeper not in bodies[path, function]:
            yield (f"{name}: {function}() loads with what a peer wrote, without "
                   f"{keeper.rstrip('(')}")
    for path, function, body in functions:
        if NOSPEC in body and (path, function) not in places:
            yield f"{path.removeprefix(LIBRARY)}: {function}() is not listed"


def summary(_):
    return f"{len(PLACES)} places are kept"


# Each place without what keeps it, each that is gone, and one that is new.
PLANTED = (
    (LIBRARY + "ranges.c", NOSPEC + "pages, left", "(pages, left", "vmb_ranges_check() loads"),
    (LIBRARY + "ranges.c", NOSPEC + "pages, walk", "(pages, walk", "vmb_range_walk_next() loads"),
    (LIBRARY + "raw_pages.c", NOSPEC, "(", "vmb_page_of_frame() loads"),
    (LIBRARY + "external_data.c", NOSPEC, "(", "vmb_external_data_add_transfer() loads"),
    (LIBRARY + "inbound_batch.c", NOSPEC, "(", "vmb_inbound_payload() loads"),
    (LIBRARY + "transaction.h", "u32 slot = id & (transactions->count - 1)", "u32 slot = id",
     "vmb_transaction_end() loads"),
    (LIBRARY + "ranges.c", "vmb_ranges_check(struct", "vmb_other(struct",
     ("no vmb_ranges_check()", "vmb_other() is not listed")),
    (LIBRARY + "ranges.c", "vmb_range_walk_next(struct", "vmb_other(struct",
     ("no vmb_range_walk_next()", "vmb_other() is not listed")),
    (LIBRARY + "raw_pages.c", "vmb_page_of_frame(u64", "vmb_other(u64",
     ("no vmb_page_of_frame()", "vmb_other() is not listed")),
    (LIBRARY + "external_data.c", "vmb_external_data_add_transfer(struct", "vmb_other(struct",
     ("no vmb_external_data_add_transfer()", "vmb_other() is not listed")),
    (LIBRARY + "inbound_batch.c", "vmb_inbound_payload(struct", "vmb_other(struct",
     ("no vmb_inbound_payload()", "vmb_other() is not listed")),
    (LIBRARY + "transaction.h", "vmb_transaction_end(struct", "vmb_other(struct",
     ("no vmb_transaction_end()",)),
    (LIBRARY + "main.c", "",
     "static int vmb_new(u32 i)\n{\n\treturn table[array_index_nospec(i, 4)];\n}\n",
     ("main.c: vmb_new() is not listed",)),
)


if __name__ == "__main__":
    sys.exit(checker.main(__doc__, [LIBRARY + "*.[ch]"], problems_of, PLANTED, summary))
