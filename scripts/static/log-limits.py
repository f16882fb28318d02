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
import re
import sys

import checker

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


def unlimited(tree):
    """(path, line, call) of each call that has no limit."""
    for path, text in tree.items():
        for call, given in checker.calls(text, CALL):
            statement = " ".join(f"{call[0]}{given})".split())
            yield path, text.count("\n", 0, call.start()) + 1, statement


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


# What is put at the end of a file, and what must be found in it.
LINES = (
    ('f() { dev_err(dev,\n\t"planted: %d\\n",\n\t1); }', ("planted",)),
    ('f() { dev_err(dev, "planted\\n"); /* a word on it */ }', ("planted",)),
    ('f() { if (x)\n\t\tdev_warn(dev, "planted\\n");\n\telse\n\t\tdev_info(dev, "two\\n"); }',
     ("planted", "two")),
    ('f() { dev_warn(dev, "planted\\n"); // no end\n dev_warn(dev, "two\\n"); }',
     ("planted", "two")),
    ('#define LOG(text) \\\n\tdev_err(dev, "planted %s\\n", text)', ("planted",)),
    ('f() { printk(KERN_ERR "planted\\n"); printk_deferred("two\\n"); _printk("three\\n"); }',
     ("planted", "two", "three")),
    ('f() { dev_printk(KERN_ERR, dev, "planted\\n"); _dev_err(dev, "two\\n"); }',
     ("planted", "two")),
    ('f() { pr_cont("planted\\n"); print_hex_dump(KERN_INFO, "two", 0, 16, 1, p, 8, 0); }',
     ("planted", "two")),
    ('f() { if (WARN_ON(x) || WARN(y, "planted\\n"))\n\t\tdump_stack(); }',
     ("WARN_ON(x)", "planted", "dump_stack()")),
    ('f() { dev_err_ratelimited(dev, "limited\\n"); pr_info_once("once\\n"); }', ()),
    ('f() { WARN_ON_ONCE(x); WARN_ONCE(x, "once\\n"); dev_dbg(dev, "for developers\\n"); }', ()),
    ('/* f() { dev_err(dev, "not there\\n"); } */\nconst char *s = "dev_err(";', ()),
)
LIMITED = "drivers/kmcl/accounting.c"
PLANTED = (
    *((LIMITED, "", text + "\n", found) for text, found in LINES),
    (LIMITED, "dev_warn_ratelimited(", "dev_warn(", "packet refused"),
    (EXCUSED[0][0], "dev_info(", "dev_dbg(", "excuses nothing"),
)


if __name__ == "__main__":
    sys.exit(checker.main(__doc__, ["drivers/**/*.[ch]"], problems_of, PLANTED))
