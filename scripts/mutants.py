#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Plants faults in the library, one at a time, and looks whether a test notices.

A mutant is one changed statement of drivers/kmcl: a comparison turned, a bound off
by one, a check that always or never holds, a call or an assignment left out, a
length cut to 16 bits, an errno that becomes success. All of them are built at once,
and a variable says which one is on (scripts/mutants/).

First the programs of "make fuzz" run over their seeds and a corpus: a mutant is
killed if one crashes, hangs, or no longer reaches an outcome that it reached before.
What is left is booted, with the KUnit suites that come by its place: killed if a case
fails, and fails again, or the kernel crashes, hangs, or warns where it did not.

What survives is listed in kunit/mutants-known.txt, with the reason why no test can see
it, or is printed: a test is missing. So is what no case comes by: what runs when the
kernel boots, and what only a real hv_vmbus calls, is the guests' (kselftest.sh).

usage: mutants.py [--sample N] [--seed S] [--stage user|kunit] [FILE...]
       mutants.py [--list | --results | --table] [FILE...]

  FILE       only these files of drivers/kmcl (default: all)
  --sample   so many mutants of each file, chosen by the seed (default: all)
  --seed     of the choice (default: 1)
  --stage    only this one; kunit: of what the other did not kill (default: both)
  --list     print the mutants and do nothing
  --results  print what survived so far and do nothing
  --table    print what became of the mutants of each file, as kunit/mutants.tsv has it

Results are appended to build/mutants.tsv; what stands there is not tried again, so
an interrupted run goes on. Remove it to begin anew, or remove lines of it.
"""
import argparse
import os
import pathlib
import random
import re
import sys
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "scripts/mutants"))
# pylint: disable=wrong-import-position
import plant            # noqa: E402
import suites           # noqa: E402
import user             # noqa: E402

BUILD = pathlib.Path(os.environ.get("VMB_BUILD", TOP / "build"))
KNOWN = TOP / "kunit/mutants-known.txt"
RESULTS = BUILD / "mutants.tsv"
COLUMNS = ("file", "mutants", "tried", "user space", "KUnit", "explained", "survived",
           "unreached", "not booted")


def known(library):
    """Key to reason. A paragraph each: where, the two statements, why."""
    keys = {mutant.key for mutant in library.mutants}
    reasons = {}
    for block in re.split(r"\n\s*\n", KNOWN.read_text() if KNOWN.exists() else ""):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        if not lines:
            continue
        where = re.match(r"(\S+) (\S+)$", lines[0])
        if len(lines) < 4 or not where or lines[1][:2] != "- " or lines[2][:2] != "+ ":
            sys.exit(f"mutants.py: error: {KNOWN.name} has a paragraph that is not "
                     f"FILE FUNCTION, - statement, + statement, reason: {lines[0]}")
        key = "\t".join((*where.groups(), lines[1][2:], lines[2][2:]))
        if key not in keys:
            sys.exit(f"mutants.py: error: there is no such mutant any more: {lines[0]}\n"
                     f"{lines[1]}\n{lines[2]}")
        reasons[key] = " ".join(lines[3:])
    return reasons


class Results:
    """What is known of each mutant by now, and from which stage."""

    def __init__(self):
        BUILD.mkdir(exist_ok=True)
        self.verdicts = {}      # key -> {stage: (result, by)}
        if RESULTS.exists():
            for line in RESULTS.read_text().splitlines(keepends=True):
                # What an interruption has cut off is tried again.
                if not line.endswith("\n") or line.count("\t") < 6:
                    continue
                stage, result, by, key = line[:-1].split("\t", 3)
                self.verdicts.setdefault(key, {})[stage] = (result, by)

    def add(self, mutant, stage, result, by):
        self.verdicts.setdefault(mutant.key, {})[stage] = (result, by)
        with RESULTS.open("a") as table:
            table.write("\t".join((stage, result, by, mutant.key)) + "\n")

    def of(self, mutant, stage):
        return self.verdicts.get(mutant.key, {}).get(stage, (None, None))[0]

    def final(self, mutant):
        """user, kunit, stillborn, survived, unreached, left for KUnit, or none yet."""
        for stage in ("user", "kunit"):
            result = self.of(mutant, stage)
            if result == "killed":
                return stage
            if result == "stillborn":
                return result
        return self.of(mutant, "kunit") or (self.of(mutant, "user") and "not booted")


def choose(library, options):
    names = [pathlib.Path(f).name for f in options.files] or sorted(library.files)
    chosen = []
    for name in names:
        if name not in library.files:
            sys.exit(f"mutants.py: error: drivers/kmcl/{name} has no mutant, or is not there")
        mutants = [m for m in library.mutants if m.file == name]
        if options.sample and options.sample < len(mutants):
            choice = random.Random(f"{options.seed} {name}")
            mutants = sorted(choice.sample(mutants, options.sample), key=lambda m: m.number)
        chosen += mutants
    return chosen


def run_stage(stage, judge, mutants, results):
    began = time.time()
    count = dict.fromkeys(("killed", "survived", "unreached", "stillborn"), 0)
    for i, mutant in enumerate(mutants):
        result, by = judge(mutant)
        results.add(mutant, stage, result, by)
        count[result] += 1
        if i % 20 == 19 or i + 1 == len(mutants):
            print(f"[{int(time.time() - began):5}s] {stage}: {i + 1} of {len(mutants)}, " +
                  ", ".join(f"{n} {what}" for what, n in count.items()),
                  file=sys.stderr, flush=True)


def tree_of(name):
    tree = BUILD / "mutants" / name
    tree.mkdir(parents=True, exist_ok=True)
    plant.copy_tree(TOP, tree)
    return tree


def report(library, mutants, results):
    """What survived and nobody has a reason for; 1 if there is any."""
    reasons = known(library)
    count = dict.fromkeys(("user", "kunit", "stillborn", "explained", "survived",
                           "unreached", "not booted", "not tried"), 0)
    for mutant in mutants:
        result = results.final(mutant) or "not tried"
        if result in ("survived", "unreached") and mutant.key in reasons:
            result = "explained"
        count[result] += 1
        if result in ("survived", "unreached"):
            print(f"{result}: {mutant}")
    print(f"{len(mutants)} mutants: killed by {count.pop('user')} in user space, "
          f"{count.pop('kunit')} in KUnit; " +
          ", ".join(f"{n} {what}" for what, n in count.items()))
    return 1 if count["survived"] + count["unreached"] else 0


def print_table(library, mutants, results):
    reasons = known(library)
    print("# SPDX-License-Identifier: GPL-2.0")
    print("\t".join(COLUMNS))
    for name in sorted({mutant.file for mutant in mutants}):
        row = dict.fromkeys(COLUMNS[1:], 0)
        for mutant in mutants:
            if mutant.file != name:
                continue
            result = results.final(mutant)
            if result == "stillborn":
                continue
            row["mutants"] += 1
            if not result:
                continue
            row["tried"] += 1
            if result in ("user", "kunit"):
                row["user space" if result == "user" else "KUnit"] += 1
            else:
                row["explained" if mutant.key in reasons else result] += 1
        print("\t".join([name, *(str(n) for n in row.values())]))


def main():
    parser = argparse.ArgumentParser(usage=__doc__, add_help=False)
    parser.add_argument("-h", "--help", action="store_true")
    for what in ("--list", "--results", "--table"):
        parser.add_argument(what, action="store_true")
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stage", choices=("user", "kunit"))
    parser.add_argument("files", nargs="*")
    parser.error = lambda what: sys.exit(f"mutants.py: error: {what}, try --help")
    options = parser.parse_args()
    if options.help:
        print(__doc__)
        return 0
    if options.sample is not None and options.sample < 1:
        parser.error(f"--sample {options.sample} is no number of mutants")
    if (options.results or options.table) and not RESULTS.exists():
        parser.error(f"there are no results yet, {RESULTS} is not there")
    library = plant.Library(TOP)
    mutants = choose(library, options)
    results = Results()
    if options.list:
        for mutant in mutants:
            print(mutant)
        print(f"{len(mutants)} mutants")
        return 0
    if options.table:
        print_table(library, mutants, results)
        return 0
    if not options.results:
        try_all(library, mutants, results, options.stage)
    return report(library, mutants, results)


def try_all(library, mutants, results, only):
    known(library)      # a list that is out of date is said before the work
    if only != "kunit":
        left = [m for m in mutants if not results.final(m) and not results.of(m, "user")]
        if left:
            programs = user.Programs(library, tree_of("user"), BUILD)
            programs.prepare()
            run_stage("user", programs.judge, left, results)
    if only != "user":
        left = [m for m in mutants if results.final(m) in (None, "not booted")]
        if left:
            kernel = suites.Suites(library, tree_of("kunit"), BUILD)
            kernel.prepare()
            run_stage("kunit", kernel.judge, left, results)


if __name__ == "__main__":
    sys.exit(main())
