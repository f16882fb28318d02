# SPDX-License-Identifier: GPL-2.0
"""The programs of make fuzz, built once with every mutant in them."""
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

GROW_SECONDS = 60   # what a corpus is looked for, once
INPUTS = 64         # of those that come by a mutant, so many are tried
RUN_LIMIT = 120     # seconds, for a program that takes one


class Programs:
    def __init__(self, library, tree, build):
        self.library, self.tree, self.folder = library, tree, build / "mutants"
        self.build = build
        self.commands = {}      # program -> (flags, sources)
        self.inputs = {}        # (program, place) -> inputs that come by, their outcomes
        self.having = {}        # (program, outcome) -> inputs that have it
        self.stillborn = set()
        self.headers = []
        self.folder.mkdir(parents=True, exist_ok=True)

    def ask(self):
        """Names, flags and sources; fuzz.sh writes the seeds meanwhile."""
        env = dict(os.environ, VMB_BUILD=str(self.build))
        done = subprocess.run([self.tree / "scripts/fuzz.sh", "--commands"], env=env,
                              capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"mutants.py: error: the programs do not build\n{done.stderr}")
        for line in done.stdout.splitlines():
            name, *words = line.split("\t")
            flags = [w for w in words if not w.endswith(".c") and w != "-Werror"]
            sources = [pathlib.Path(w) for w in words if w.endswith(".c")]
            self.commands[name] = (flags, sources)

    def object(self, name, source):
        return self.folder / f"{name}-{source.parent.name}-{source.stem}.o"

    def fresh(self, name, source):
        """Whether what was built is newer than all that it was built of."""
        built = self.object(name, source)
        return built.exists() and built.stat().st_mtime > max(
            path.stat().st_mtime for path in (source, *self.headers))

    def compile(self, name, source, *only):
        """What the compiler says; none if all is well."""
        flags, _ = self.commands[name]
        planted = self.tree / "scripts/mutants"
        done = subprocess.run(
            ["clang", "-c", *only, *flags, "-Wno-everything",
             "-Werror=shift-count-overflow", "-ferror-limit=0", "-include",
             str(planted / "planted.h"), f"-DVMB_PLACES={self.library.places}",
             str(source), "-o", str(self.object(name, source))],
            capture_output=True, text=True, check=False)
        return done.stderr if done.returncode else ""

    def prepare(self):
        print("building the programs, with all mutants in them", file=sys.stderr)
        self.ask()
        extra = self.tree / "scripts/mutants/planted_user.c"
        for name, (_, sources) in self.commands.items():
            sources.append(extra)
            self.leave_out_bad(name)
            for source in sources:
                said = "" if self.fresh(name, source) else self.compile(name, source)
                if said:
                    sys.exit(f"mutants.py: error: {said}")
            flags = self.commands[name][0]
            subprocess.run(["clang", *[f for f in flags if f.startswith("-f")],
                            "-Wl,--wrap=LLVMFuzzerTestOneInput",
                            *[str(self.object(name, s)) for s in sources],
                            "-o", str(self.folder / name)], check=True)
            self.grow(name)
            self.record(name)

    def record(self, name):
        """What each input of the corpus comes by; twice, for it has to be the same."""
        inputs = sorted(str(p) for p in (self.folder / f"{name}-corpus").iterdir())
        found = []
        for _ in range(2):
            record = self.folder / f"{name}-record"
            record.unlink(missing_ok=True)
            status, _ = self.run(name, None, inputs, {"VMB_PLANTED_RECORD": str(record)})
            blocks = record.read_text().split("\n\n") if record.exists() else []
            # The first is an empty input, which libFuzzer begins with.
            found.append(blocks[-1 - len(inputs):-1])
        if status or len(found[0]) != len(inputs) or found[0] != found[1]:
            sys.exit(f"mutants.py: error: {name} fails without a mutant, or is not the "
                     f"same twice (status {status}, {len(found[0])} of {len(inputs)})")
        before = {}
        for path, block in zip(inputs, found[0]):
            places, *counts = block.split("\n")
            counts = {k: int(n) for k, n in (line.split() for line in counts)}
            outcomes = {k for k, n in counts.items() if n > before.get(k, 0)}
            before = counts
            for outcome in outcomes:
                self.having.setdefault((name, outcome), set()).add(path)
            for place in places.split():
                self.inputs.setdefault((name, int(place)), []).append((path, outcomes))
        count = sum(1 for program, _ in self.inputs if program == name)
        print(f"{name}: {len(inputs)} inputs, {count} places", file=sys.stderr)

    def leave_out_bad(self, name):
        """Mutants that do not compile: each answer shows some, and may hide others."""
        list_of_bad = self.folder / "user-stillborn"
        self.stillborn |= self.library.read_stillborn(list_of_bad)
        self.library.write(self.tree, self.stillborn)
        suspects = set(self.commands[name][1])
        while suspects:
            said = {s: self.compile(name, s, "-fsyntax-only") for s in suspects}
            suspects = {s for s, text in said.items() if text}
            bad = self.bad("".join(said.values()))
            if suspects and not bad - self.stillborn:
                sys.exit("mutants.py: error: " + "".join(said.values()))
            self.stillborn |= bad
            self.library.write(self.tree, self.stillborn)
        self.library.write_stillborn(list_of_bad, self.stillborn)
        # planted_user.c has room for so many.
        places = self.folder / "places"
        if not places.exists() or places.read_text() != str(self.library.places):
            places.write_text(str(self.library.places))
        self.headers = [places, *self.tree.rglob("*.h")]

    def bad(self, said):
        """The mutants that the compiler complains about."""
        found = set()
        for name, line in re.findall(r"([\w.]+\.[ch]):(\d+):\d+: error:", said):
            if name in self.library.files:
                number = self.library.at(self.tree, name, int(line))
                if number is not None:
                    found.add(number)
        return found

    def grow(self, name):
        """A corpus, as small as reaches all that was found once."""
        corpus = self.folder / f"{name}-corpus"
        if corpus.is_dir():
            return
        print(f"looking for a corpus of {name}, {GROW_SECONDS} s", file=sys.stderr)
        seeds = self.build / f"fuzz/{name}-seeds"
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL,
                 "stderr": subprocess.DEVNULL, "check": True}
        with tempfile.TemporaryDirectory(prefix="vmbkmcl.") as grown, \
                tempfile.TemporaryDirectory(prefix="vmbkmcl.") as least:
            subprocess.run([str(self.folder / name), f"-max_total_time={GROW_SECONDS}",
                            "-max_len=2048", "-seed=1", f"-artifact_prefix={grown}/",
                            grown, str(seeds)], **quiet)
            subprocess.run([str(self.folder / name), "-merge=1", "-max_len=2048", least,
                            str(seeds), grown], **quiet)
            # All of it, or none.
            part = self.folder / f"{name}-corpus.part"
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(least, part)
            part.rename(corpus)

    def run(self, name, number, inputs, env=None):
        """(status, outcomes) of a replay; a status of None is a hang."""
        reached = self.folder / f"{name}-reached"
        reached.unlink(missing_ok=True)
        env = dict(os.environ, VMB_FUZZ_REACHED=str(reached), **(env or {}))
        if number is not None:
            env["VMB_PLANTED"] = str(number)
        with tempfile.TemporaryDirectory(prefix="vmbkmcl.") as scratch:
            try:
                done = subprocess.run(
                    [str(self.folder / name), "-timeout=5", "-rss_limit_mb=2048", "-seed=1",
                     f"-artifact_prefix={scratch}/", *inputs],
                    env=env, cwd=scratch, stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                    timeout=RUN_LIMIT, check=False)
            except subprocess.TimeoutExpired:
                return None, set()
        outcomes = set()
        if reached.exists():
            for line in reached.read_text().splitlines():
                outcome, count = line.split()
                if int(count):
                    outcomes.add(outcome)
        return done.returncode, outcomes

    def judge(self, mutant):
        """(what became of a mutant, by what)."""
        if mutant.number in self.stillborn:
            return "stillborn", "-"
        verdict = "unreached"
        for name in self.commands:
            inputs = self.inputs.get((name, mutant.site.place))
            if not inputs:
                continue
            verdict = "survived"
            paths = {path for path, _ in inputs}
            if len(inputs) > INPUTS:
                inputs = random.Random(mutant.key).sample(inputs, INPUTS)
            chosen = [path for path, _ in inputs]
            status, outcomes = self.run(name, mutant.number, chosen)
            # What killed it has to do so twice, for the machine may be busy.
            if status != 0:
                status, outcomes = self.run(name, mutant.number, chosen)
            if status != 0:
                return "killed", f"{name} {'hangs' if status is None else 'fails'}"
            # What "make fuzz" would miss is an outcome that no other input has either.
            for outcome in sorted(set().union(*(o for _, o in inputs)) - outcomes):
                having = self.having[name, outcome]
                if having <= paths and \
                        outcome not in self.run(name, mutant.number, sorted(having))[1]:
                    return "killed", f"{name} never reaches {outcome}"
        return verdict, "-"
