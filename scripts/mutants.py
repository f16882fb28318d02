#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Plants faults in the library, one at a time, and looks whether a test notices.

Each mutant is one changed line of drivers/kmcl: a comparison turned, a bound off by
one, a call or an assignment removed, a condition negated, a flag dropped, an errno
that becomes success. It is built into the programs that "make fuzz" builds, which
then run over their seeds and the corpus that is kept. A mutant is killed if a
program crashes, hangs, or no longer reaches what it reached before; one that does
not compile does not count. What survives is either listed in
kunit/mutants-known.txt, with the reason why no test can see it, or is printed: a
test is missing.

usage: mutants.py [--sample N] [--seed S] [--seconds T] [FILE...]

  FILE       only these files of drivers/kmcl (default: all that the programs have)
  --sample   so many mutants, chosen by the seed (default: all)
  --seed     of the choice (default: 1)
  --seconds  for a program to look beyond its seeds (default: 2)
  --list     print the mutants and do nothing

Results are appended to build/mutants.tsv; what stands there is not tried again, so
an interrupted run goes on. Remove it to begin anew.
"""
import argparse
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
LIBRARY = TOP / "drivers/kmcl"
BUILD = pathlib.Path(os.environ.get("VMB_BUILD", TOP / "build"))
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME",
                                    pathlib.Path.home() / ".cache")) / "vmbkmcl"
KNOWN = TOP / "kunit/mutants-known.txt"
RUN_LIMIT = 60      # seconds, for a program that takes three

# (name, expression, replacement); each place it matches in a line is a mutant.
OPERATORS = (
    ("comparison", r" < ", " <= "), ("comparison", r" <= ", " < "),
    ("comparison", r" > ", " >= "), ("comparison", r" >= ", " > "),
    ("comparison", r" == ", " != "), ("comparison", r" != ", " == "),
    ("logic", r" && ", " || "), ("logic", r" \|\| ", " && "),
    ("condition", r"\bif \((?!.*\{$)(.*)\)$", r"if (!(\1))"),
    ("condition", r"\bif \((.*)\) \{$", r"if (!(\1)) {"),
    ("bound", r" \+ 1\b", ""), ("bound", r" - 1\b", ""),
    ("bound", r"(?<=[\w)]) - (?=\w)", " + "),
    ("constant", r"(?<![\w.])([2-9]|[1-9]\d+)u?\b(?!\w)", r"(2 * \1)"),
    ("flag", r" \| [A-Z_]{4,}\b", ""),
    ("errno", r"\breturn -E[A-Z]+;", "return 0;"),
    ("answer", r"\breturn true;", "return false;"),
    ("answer", r"\breturn false;", "return true;"),
    ("step", r"\+\+;", ";"), ("step", r" \+= ", " = "),
    ("call", r"^(\t+)(?!return|goto|if|for|while|case|else)[a-z_]\w*\([^;{]*\);$", r"\1;"),
    ("assignment", r"^(\t+)[a-z_][\w>.\[\]-]* = [^;{]*;$", r"\1;"),
)


def code_lines(path):
    """(number, line) of what is code: no comment, directive or declaration."""
    comment = False
    for number, line in enumerate(path.read_text().splitlines()):
        stripped = line.strip()
        if comment or stripped.startswith("/*"):
            comment = "*/" not in stripped
            continue
        if not line.startswith("\t") or stripped.startswith(("#", "*", "lockdep_",
                                                             "might_sleep", "trace_",
                                                             "WARN_", "dev_", "pr_",
                                                             "BUILD_BUG")):
            continue
        if '"' in line or re.match(r"^\t(static |const |struct |enum |u\d+ |int |bool |unsigned )", line):
            continue
        yield number, line


def mutants_of(path):
    seen = set()
    for number, line in code_lines(path):
        for name, expression, replacement in OPERATORS:
            for match in re.finditer(expression, line):
                changed = line[:match.start()] + match.expand(replacement) + line[match.end():]
                if changed == line or (number, changed) in seen:
                    continue
                seen.add((number, changed))
                yield (path.name, number, name, line, changed)


class Programs:
    """The fuzzers, as objects that one is exchanged of."""

    def __init__(self, folder):
        self.folder = folder
        self.commands = {}      # program -> (flags, sources)
        self.baseline = {}
        self.prepare()

    def prepare(self):
        print("building the programs", file=sys.stderr)
        env = dict(os.environ, FUZZ_SECONDS="1", VMB_BUILD=str(BUILD))
        done = subprocess.run([TOP / "scripts/fuzz.sh", "--commands"], env=env,
                              capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"mutants.py: error: the programs do not build\n{done.stderr}")
        for line in done.stdout.splitlines():
            name, *words = line.split("\t")
            flags = [w for w in words if not w.endswith(".c")]
            sources = [pathlib.Path(w) for w in words if w.endswith(".c")]
            self.commands[name] = (flags, sources)
            for source in sources:
                self.compile(name, source, self.object(name, source))
            self.link(name, {})
        for name in self.commands:
            status, reached = self.run(name, 4)
            if status:
                sys.exit(f"mutants.py: error: {name} fails without a mutant (status {status})")
            self.baseline[name] = reached
            print(f"{name}: {len(reached)} outcomes reached", file=sys.stderr)

    def object(self, name, source):
        return self.folder / f"{name}-{source.parent.name}-{source.stem}.o"

    def compile(self, name, source, target, text=None):
        """False if it does not compile."""
        flags, _ = self.commands[name]
        if text is not None:
            source = self.folder / source.name
            source.write_text(text)
        done = subprocess.run(["clang", "-c", *flags, f"-I{LIBRARY}", str(source),
                               "-o", str(target)], capture_output=True, text=True,
                              check=False)
        if done.returncode and text is None:
            sys.exit(f"mutants.py: error: {source}\n{done.stderr}")
        return not done.returncode

    def link(self, name, exchanged):
        flags, sources = self.commands[name]
        objects = [str(exchanged.get(s.name, self.object(name, s))) for s in sources]
        subprocess.run(["clang", *[f for f in flags if f.startswith("-f")], *objects,
                        "-o", str(self.folder / name)], check=True,
                       capture_output=True)

    def run(self, name, seconds):
        """(status, outcomes reached); a status of None is a hang."""
        reached = self.folder / f"{name}-reached"
        reached.unlink(missing_ok=True)
        scratch = self.folder / f"{name}-new"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        corpus = [str(p) for p in (BUILD / f"fuzz/{name}-seeds",
                                   CACHE / "fuzz" / ("corpus" if name == "wire" else name))
                  if p.is_dir()]
        env = dict(os.environ, VMB_FUZZ_REACHED=str(reached))
        try:
            done = subprocess.run(
                [str(self.folder / name), f"-max_total_time={seconds}", "-max_len=2048",
                 "-timeout=5", "-rss_limit_mb=2048", "-seed=1",
                 f"-artifact_prefix={scratch}/", str(scratch), *corpus],
                env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, timeout=RUN_LIMIT, check=False)
        except subprocess.TimeoutExpired:
            return None, set()
        names = set()
        if reached.exists():
            for line in reached.read_text().splitlines():
                outcome, count = line.split()
                if int(count):
                    names.add(outcome)
        return done.returncode, names

    def judge(self, mutant, seconds):
        """What became of a mutant: killed, survived or stillborn, and by what."""
        file, number, _, _, changed = mutant
        source = LIBRARY / file
        lines = source.read_text().splitlines(True)
        lines[number] = changed + "\n"
        tried = False
        for name, (_, sources) in self.commands.items():
            if source not in sources:
                continue
            target = self.folder / "mutant.o"
            if not self.compile(name, source, target, "".join(lines)):
                return "stillborn", "-"
            self.link(name, {file: target})
            tried = True
            status, reached = self.run(name, seconds)
            if status is None:
                return "killed", f"{name} hangs"
            if status:
                return "killed", f"{name} fails"
            missing = sorted(self.baseline[name] - reached)
            if missing:
                return "killed", f"{name} never reaches {missing[0]}"
        return ("survived" if tried else "unbuilt"), "-"


def key(mutant):
    file, _, _, line, changed = mutant
    return f"{file}\t{' '.join(line.split())}\t{' '.join(changed.split())}"


def known():
    """Key to reason; a paragraph each: the two lines, then the reason."""
    reasons = {}
    if KNOWN.exists():
        for block in re.split(r"\n\s*\n", KNOWN.read_text()):
            lines = [l for l in block.splitlines() if not l.startswith("#")]
            if len(lines) >= 4:
                reasons["\t".join(l.strip() for l in lines[:3])] = " ".join(lines[3:])
    return reasons


def main():
    parser = argparse.ArgumentParser(usage=__doc__, add_help=False)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("files", nargs="*")
    parser.error = lambda what: sys.exit(f"mutants.py: error: {what}, try --help")
    options = parser.parse_args()
    if options.help:
        print(__doc__)
        return 0
    paths = [LIBRARY / pathlib.Path(f).name for f in options.files] or \
        sorted(LIBRARY.glob("*.c"))
    for path in paths:
        if not path.exists():
            sys.exit(f"mutants.py: error: there is no {path}")
    mutants = [m for path in paths for m in mutants_of(path)]
    if options.sample and options.sample < len(mutants):
        mutants = random.Random(options.seed).sample(mutants, options.sample)
        mutants.sort()
    if options.list:
        for file, number, name, line, changed in mutants:
            print(f"{file}:{number + 1}: {name}\n-{line}\n+{changed}")
        print(f"{len(mutants)} mutants")
        return 0
    return try_all(mutants, options.seconds)


def try_all(mutants, seconds):
    BUILD.mkdir(exist_ok=True)
    table = BUILD / "mutants.tsv"
    done = {}
    if table.exists():
        for line in table.read_text().splitlines():
            result, by, *rest = line.split("\t")
            done["\t".join(rest)] = (result, by)
    reasons = known()
    count = dict.fromkeys(("killed", "survived", "stillborn", "unbuilt", "known"), 0)
    began = time.time()
    with tempfile.TemporaryDirectory(prefix="vmbkmcl.") as folder, \
            table.open("a") as results:
        programs = Programs(pathlib.Path(folder))
        for i, mutant in enumerate(mutants):
            name = key(mutant)
            if name not in done:
                done[name] = programs.judge(mutant, seconds)
                results.write("\t".join((*done[name], name)) + "\n")
                results.flush()
            result = done[name][0]
            if result == "survived" and name in reasons:
                result = "known"
            count[result] += 1
            if result == "survived":
                print(f"survived: {mutant[0]}:{mutant[1] + 1}\n-{mutant[3]}\n+{mutant[4]}",
                      flush=True)
            if i % 20 == 19:
                print(f"[{int(time.time() - began):4}s] {i + 1} of {len(mutants)}: "
                      f"{count['killed']} killed, {count['survived']} survived",
                      file=sys.stderr, flush=True)
    print(f"{len(mutants)} mutants: " +
          ", ".join(f"{n} {what}" for what, n in count.items()))
    return 1 if count["survived"] else 0


if __name__ == "__main__":
    sys.exit(main())
