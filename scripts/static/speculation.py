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
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
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
COMMENT = re.compile(r"/\*.*?\*/", re.S)
# In kernel style a function ends with the first brace in the first column.
FUNCTION = re.compile(r"^[A-Za-z_][^;{}#]*?\b(\w+)\([^;{}]*\)\s*\n\{\n(.*?)^\}", re.M | re.S)


def read_tree():
    """name -> text of each file of the library."""
    folder = TOP / "drivers/kmcl"
    return {p.name: COMMENT.sub("", p.read_text()) for p in sorted(folder.glob("*.[ch]"))}


def judge(tree):
    """What is wrong, a line each."""
    wrong = []
    for name, function, keeper in PLACES:
        bodies = dict(FUNCTION.findall(tree.get(name, "")))
        if function not in bodies:
            wrong.append(f"{name} has no {function}() any more, which is listed")
        elif keeper not in bodies[function]:
            wrong.append(f"{name}: {function}() loads with what a peer wrote, without "
                         f"{keeper.rstrip('(')}")
    listed = {(name, function) for name, function, _ in PLACES}
    for name, text in tree.items():
        for function, body in FUNCTION.findall(text):
            if NOSPEC in body and (name, function) not in listed:
                wrong.append(f"{name}: {function}() is not listed")
    return wrong


def self_test():
    """Each place without what keeps it, a place that is gone, and one that is new."""
    tree = read_tree()
    assert not judge(tree), judge(tree)
    for name, function, keeper in PLACES:
        text = tree[name]
        found = next(m for m in FUNCTION.finditer(text) if m[1] == function)
        start, end = found.span(2)
        without = text[:start] + found[2].replace(keeper, "(") + text[end:]
        said = judge({**tree, name: without})
        assert any(f"{function}() loads" in line for line in said), (function, said)
        gone = text.replace(function + "(", "vmb_other(")
        said = judge({**tree, name: gone})
        assert any(f"no {function}()" in line for line in said), (function, said)
    new = "static int vmb_new(u32 i)\n{\n\treturn table[array_index_nospec(i, 4)];\n}\n"
    assert judge({**tree, "new.c": new}) == ["new.c: vmb_new() is not listed"]
    print(f"{len(PLACES)} places, each missed when it is not kept")


def main(arguments):
    if arguments and arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0
    if arguments == ["--self-test"]:
        self_test()
        return 0
    if arguments:
        sys.exit(f"speculation.py: error: no such option: {arguments[0]}, try --help")
    wrong = judge(read_tree())
    print("\n".join(wrong) or f"{len(PLACES)} places are kept")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
