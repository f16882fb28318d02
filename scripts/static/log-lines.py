#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Lines that the modules log, held against drivers/troubleshooting.md: it has a row
for each format that drivers/ hands to dev_err(), dev_warn(), dev_info(), pr_*() and
WARN_ONCE(), and none for anything else.

In the document a format stands as a reader sees it: without the channel's label
before it, and with "..." where something is put in. What is printed for developers
only, dev_dbg(), is left out; so is a warning that has no text.

usage: log-lines.py               compare, print what differs
       log-lines.py --self-test   see that it finds what is wrong
"""
import re
import sys

import checker
import tables

DOCUMENT = "drivers/troubleshooting.md"
FILES = ("drivers/**/*.[ch]", DOCUMENT)
CALL = re.compile(r"\b(?:(?:dev|netdev|pr)_(?:emerg|alert|crit|err|warn|notice|info)"
                  r"(?:_ratelimited|_once)?|dev_WARN(?:_ONCE)?"
                  r"|printk(?:_ratelimited|_once)?|WARN(?:_ONCE|_RATELIMIT)?)\(")
STRINGS = re.compile(r'(?:"(?:[^"\\]|\\.)*"\s*)+')
# The channel's name, which the line begins with.
LABEL = re.compile(r",\s*(?:vmb_channel_label\(|(?:\w+->)+name\b)")
CONVERSION = re.compile(r"%(?:pU[bBlL]|pe|p[A-Za-z]?"
                        r"|[-+ #0]*\d*(?:\.\d+)?(?:ll|hh|[lhzt])?[a-zA-Z])")


def as_read(literals, values):
    """A format as it looks in the log, with these values to put in."""
    text = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals))
    text = text.removesuffix("\\n").removeprefix("vmbkmcl: ")
    if LABEL.match(values):
        text = text.removeprefix("%s: ")
    return CONVERSION.sub("...", text)


def logged(tree):
    """Format as it is read -> file; and what could not be understood."""
    lines, problems = {}, []
    for path, text in tree.items():
        if path == DOCUMENT:
            continue
        for call, given in checker.calls(text, CALL):
            literals = STRINGS.search(given)
            if literals:
                lines.setdefault(as_read(literals[0], given[literals.end():]), path)
            else:
                problems.append(f"{path}: {call[0]}...) has no format of its own")
    return lines, problems


def documented(tree):
    """The formats in the first column of tables that have one, and what is wrong there."""
    rows, problems = [], []
    for line in tables.rows(tree[DOCUMENT], "| message |"):
        row = re.fullmatch(r"\| `([^`]+)` \| (\S.*) \| (\S.*) \|", line)
        if row:
            rows.append(row[1])
        else:
            problems.append(f"{DOCUMENT}: not a message, a cause and a remedy: {line}")
    problems += [f"{DOCUMENT}: stands there twice: {r}" for r in sorted(set(rows))
                 if rows.count(r) > 1]
    return rows, problems


def problems_of(tree):
    lines, problems = logged(tree)
    rows, wrong = documented(tree)
    problems += wrong
    if len(lines) < 30:
        problems.append(f"only {len(lines)} formats were found in the code")
    problems += [f"{path} logs what {DOCUMENT} has not: {line}"
                 for line, path in lines.items() if line not in rows]
    problems += [f"{DOCUMENT} has what nothing logs: {row}" for row in rows
                 if row not in lines]
    return problems


PLANTED = (
    ("drivers/kmcl/accounting.c", '"%s: packet refused: ', '"%s: packet turned down: ',
     "has not: packet turned down: ..."),
    ("drivers/kmcl/accounting.c", '"%s: packet refused: ', '"%s: packet turned down: ',
     "nothing logs: packet refused: ..."),
    ("drivers/kmcl/packet.c", "a packet in flight is freed", "a packet under way is freed",
     "has not: a packet under way is freed"),
    ("drivers/kmcl/hv_pm.c", '"the host does not take back its sub-channels\\n"', "message",
     "has no format of its own"),
    ("drivers/clients/balloon/protocol.c", '"the host sent %s\\n"',
     '"the host "\n\t\t"said %s\\n"', "has not: the host said ..."),
    ("drivers/kmcl/main.c", "MODULE_LICENSE(",
     "void f(void) { pr_info(\"new\"); }\nMODULE_LICENSE(",
     "drivers/kmcl/main.c logs what drivers/troubleshooting.md has not: new"),
    (DOCUMENT, "| `cannot open: ...` |", "| `cannot be opened: ...` |", "has not: cannot open"),
    (DOCUMENT, "| `cannot open: ...` |", "| `cannot be opened: ...` |", "nothing logs: cannot be"),
    (DOCUMENT, "| `nothing to offer", "| `no remedy` | a cause | |\n| `nothing to offer",
     "not a message, a cause and a remedy"),
    (DOCUMENT, "| `nothing to offer", "| `cannot open: ...` | a | b |\n| `nothing to offer",
     "stands there twice: cannot open"),
)


if __name__ == "__main__":
    sys.exit(checker.main(__doc__, FILES, problems_of, PLANTED))
