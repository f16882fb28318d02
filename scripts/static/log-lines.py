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
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
DOCUMENT = "drivers/troubleshooting.md"
CALL = re.compile(r"\b(?:(?:dev|netdev|pr)_(?:emerg|alert|crit|err|warn|notice|info)"
                  r"(?:_ratelimited|_once)?|dev_WARN(?:_ONCE)?"
                  r"|printk(?:_ratelimited|_once)?|WARN(?:_ONCE|_RATELIMIT)?)\(")
STRINGS = re.compile(r'(?:"(?:[^"\\]|\\.)*"\s*)+')
# The channel's name, which the line begins with.
LABEL = re.compile(r",\s*(?:vmb_channel_label\(|(?:\w+->)+name\b)")
CONVERSION = re.compile(r"%(?:pU[bBlL]|pe|p[A-Za-z]?|[-+ #0]*\d*(?:\.\d+)?(?:ll|hh|[lhzt])?[a-zA-Z])")


def read_tree():
    """path -> text of all that is looked at."""
    paths = [*(TOP / "drivers").rglob("*.[ch]"), TOP / DOCUMENT]
    return {str(p.relative_to(TOP)): p.read_text() for p in sorted(paths)
            if not p.name.endswith(".mod.c")}


def arguments(text, start):
    """What stands between the parenthesis before start and the one that closes it."""
    depth, at = 1, start
    while depth:
        if text[at] == '"':
            at = STRINGS.match(text, at).end()
            continue
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at += 1
    return text[start:at - 1]


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
        text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S)
        for call in CALL.finditer(text):
            given = arguments(text, call.end())
            literals = STRINGS.search(given)
            if literals:
                lines.setdefault(as_read(literals[0], given[literals.end():]), path)
            else:
                problems.append(f"{path}: {call[0]}...) has no format of its own")
    return lines, problems


def documented(tree):
    """The formats in the first column of tables that have one, and what is wrong there."""
    rows, problems, inside = [], [], False
    for line in tree[DOCUMENT].splitlines():
        if not line.startswith("|"):
            inside = False
        elif line.startswith("| message |"):
            inside = True
        elif inside and not line.startswith("|---"):
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


# path, what stands there, what is put there instead, what must be said of it.
PLANTED = (
    ("drivers/kmcl/accounting.c", '"%s: packet refused: ', '"%s: packet turned down: ',
     "has not: packet turned down: ..."),
    ("drivers/kmcl/accounting.c", '"%s: packet refused: ', '"%s: packet turned down: ',
     "nothing logs: packet refused: ..."),
    ("drivers/kmcl/packet.c", "a packet in flight is freed", "a packet under way is freed",
     "has not: a packet under way is freed"),
    ("drivers/kmcl/hv_driver.c", '"the host does not take back its sub-channels\\n"', "message",
     "has no format of its own"),
    ("drivers/clients/balloon/protocol.c", '"the host sent %s\\n"',
     '"the host "\n\t\t"said %s\\n"', "has not: the host said ..."),
    ("drivers/kmcl/main.c", "MODULE_LICENSE(", "void f(void) { pr_info(\"new\"); }\nMODULE_LICENSE(",
     "drivers/kmcl/main.c logs what drivers/troubleshooting.md has not: new"),
    (DOCUMENT, "| `cannot open: ...` |", "| `cannot be opened: ...` |", "has not: cannot open"),
    (DOCUMENT, "| `cannot open: ...` |", "| `cannot be opened: ...` |", "nothing logs: cannot be"),
    (DOCUMENT, "| `nothing to offer", "| `no remedy` | a cause | |\n| `nothing to offer",
     "not a message, a cause and a remedy"),
    (DOCUMENT, "| `nothing to offer", "| `cannot open: ...` | a | b |\n| `nothing to offer",
     "stands there twice: cannot open"),
)


def self_test(tree):
    failures = 0
    for path, before, after, said in PLANTED:
        if before not in tree[path]:
            print(f"{path} has no {before!r} to change")
            failures += 1
            continue
        found = problems_of(tree | {path: tree[path].replace(before, after, 1)})
        if not any(said in f for f in found):
            print(f"{path}: {before!r} -> {after!r} was not noticed; said was {found}")
            failures += 1
    print(f"{len(PLANTED) - failures} of {len(PLANTED)} planted faults found")
    return 1 if failures else 0


def main(options):
    if options == ["--self-test"]:
        return self_test(read_tree())
    if options in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    if options:
        print(f"log-lines.py: error: unknown option {options[0]}\n"
              "log-lines.py: try: log-lines.py --help", file=sys.stderr)
        return 2
    problems = problems_of(read_tree())
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
