#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Lines that the modules log, and that nothing limits. The peer chooses how often:
whatever drivers/ hands to the log goes through a call that is rate-limited or made
once, or is excused here with a reason.

Whether a peer can cause a line is not asked, for nobody can tell for sure; who wants a
line without a limit has to say why no peer can have it often. What is printed for
developers only, dev_dbg() and pr_debug(), is left out.

usage: log-limits.py               look, print what has no limit
       log-limits.py --self-test   see that it finds what has none
"""
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent

# Of each file, a part of the format, and why it may be.
EXCUSED = (
    ("drivers/clients/source/source.c", "packets accepted",
     "once a remove of the device, for which hv_vmbus and udev do far more; tests count it"),
)

# All that logs without a limit of its own, by its name up to the parenthesis.
LEVEL = "emerg|alert|crit|err|warn|notice|info|cont|printk|level"
CALL = re.compile(rf"(?<!\w)(?:_?(?:dev|netdev|netif|pr)_(?:{LEVEL})|dev_WARN|dev_err_probe"
                  r"|_?printk(?:_deferred|_safe)?|v?printk_emit|vprintk(?:_\w+)?|early_printk"
                  r"|WARN(?:_ON|_TAINT)?|__warn_printk|dump_stack(?:_lvl)?|show_regs"
                  r"|print_hex_dump(?:_bytes)?|trace_(?:v?printk|puts))\s*\(")
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"', re.S)


def read_tree():
    """path -> text of all that is looked at."""
    return {str(p.relative_to(TOP)): p.read_text()
            for p in sorted((TOP / "drivers").rglob("*.[ch]"))
            if not p.name.endswith(".mod.c")}


def without_comments(text):
    """The same lines, and all strings, but no comment."""
    return COMMENT.sub(lambda m: m[0] if m[0].startswith('"') else
                       re.sub(r"[^\n]", " ", m[0]), text)


def statement(text, start):
    """From there to the parenthesis that closes the call."""
    depth, at = 0, start
    for piece in re.finditer(r'"(?:[^"\\]|\\.)*"|[()]', text[start:]):
        depth += {"(": 1, ")": -1}.get(piece[0], 0)
        at = start + piece.end()
        if not depth and piece[0] == ")":
            break
    return " ".join(text[start:at].split())


def unlimited(tree):
    """(path, line, call) of each call that has no limit."""
    for path, text in tree.items():
        text = without_comments(text)
        # A name in a string is no call.
        bare = re.sub(r'"(?:[^"\\\n]|\\.)*"', lambda m: " " * len(m[0]), text)
        for call in CALL.finditer(bare):
            yield path, text.count("\n", 0, call.start()) + 1, statement(text, call.start())


def problems_of(tree):
    problems, used = [], set()
    for path, line, call in unlimited(tree):
        excuses = [e for e in EXCUSED if e[0] == path and e[1] in call]
        used.update(excuses)
        if not excuses:
            problems.append(f"{path}:{line}: has no limit: {call}")
    # One that excuses nothing would one day excuse what is new.
    problems += [f"log-limits.py: excuses nothing: {e[0]}, {e[1]}" for e in EXCUSED
                 if e not in used]
    return problems


# What is put at the end of a file, and how many calls are to be found in it.
PLANTED = (
    ('f() { dev_err(dev,\n\t"planted: %d\\n",\n\t1); }', 1),
    ('f() { dev_err(dev, "planted\\n"); /* a word on it */ }', 1),
    ('f() { if (x)\n\t\tdev_warn(dev, "planted\\n");\n\telse\n\t\tdev_info(dev, "two\\n"); }', 2),
    ('f() { dev_warn(dev, "planted\\n"); // no end\n dev_warn(dev, "two\\n"); }', 2),
    ('#define LOG(text) \\\n\tdev_err(dev, "planted %s\\n", text)', 1),
    ('f() { printk(KERN_ERR "planted\\n"); printk_deferred("two\\n"); _printk("three\\n"); }', 3),
    ('f() { dev_printk(KERN_ERR, dev, "planted\\n"); _dev_err(dev, "two\\n"); }', 2),
    ('f() { pr_cont("planted\\n"); print_hex_dump(KERN_INFO, "two", 0, 16, 1, p, 8, 0); }', 2),
    ('f() { if (WARN_ON(x) || WARN(y, "planted\\n"))\n\t\tdump_stack(); }', 3),
    ('f() { dev_err_ratelimited(dev, "limited\\n"); pr_info_once("once\\n"); }', 0),
    ('f() { WARN_ON_ONCE(x); WARN_ONCE(x, "once\\n"); dev_dbg(dev, "for developers\\n"); }', 0),
    ('/* f() { dev_err(dev, "not there\\n"); } */\nconst char *s = "dev_err(";', 0),
)


def self_test(tree):
    failures = 0
    path = "drivers/kmcl/accounting.c"
    for text, wanted in PLANTED:
        found = problems_of(tree | {path: tree[path] + text + "\n"})
        found = [f for f in found if f not in problems_of(tree)]
        if len(found) != wanted:
            print(f"{text!r}: {wanted} were to be found, and not {found}")
            failures += 1
    limited, bare = "dev_warn_ratelimited(", "dev_warn("
    found = problems_of(tree | {path: tree[path].replace(limited, bare, 1)})
    if not any("packet refused" in f for f in found):
        print(f"{path} without a limit was not noticed")
        failures += 1
    excused = EXCUSED[0][0]
    found = problems_of(tree | {excused: tree[excused].replace("dev_info(", "dev_dbg(")})
    if not any("excuses nothing" in f for f in found):
        print("an excuse for nothing was not noticed")
        failures += 1
    print(f"{len(PLANTED) + 2 - failures} of {len(PLANTED) + 2} planted lines judged right")
    return 1 if failures else 0


def main(options):
    if options == ["--self-test"]:
        return self_test(read_tree())
    if options in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    if options:
        print(f"log-limits.py: error: unknown option {options[0]}\n"
              "log-limits.py: try: log-limits.py --help", file=sys.stderr)
        return 2
    tree = read_tree()
    if not tree:
        print("log-limits.py: nothing to look at")
        return 1
    problems = problems_of(tree)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
