#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Lines of the library that the fuzzers reach, and the list of those that they never do.

usage: coverage.py [--update] LIBRARY LIST PROGRAM PROFILE [PROGRAM PROFILE...]

  LIBRARY  drivers/kmcl
  LIST     scripts/fuzz/never-reached.tsv: file, function, text of the line, reason.
           "*" for the text is all of a function, and for the function all of a file
           that no program is built of.
  PROFILE  what llvm-profdata made of a run of the PROGRAM
  --update rewrite LIST: lines that are reached, or gone, go out; new ones come in
           with the reason "?", which fails until somebody says why

Prints a table and the count of complaints; fails if there is one.
"""
import collections
import pathlib
import subprocess
import sys

HEAD = """\
# SPDX-License-Identifier: GPL-2.0
# Lines that "make fuzz" does not reach, and why: see scripts/fuzz/coverage.py.
"""


class Lines:
    """What is known of each line of each file, of all programs together."""

    def __init__(self, library):
        self.library = library
        self.counts = collections.defaultdict(dict)       # file -> number -> count
        self.begins = collections.defaultdict(dict)       # file -> number -> function
        self.calls = collections.Counter()                # (file, function) -> count

    def add(self, program, profile):
        told = subprocess.run(["llvm-cov", "export", "-format=lcov", program,
                               f"-instr-profile={profile}"],
                              check=True, capture_output=True, text=True).stdout
        name = None
        for line in told.splitlines():
            kind, _, rest = line.partition(":")
            if kind == "SF":
                path = pathlib.Path(rest)
                name = path.name if path.parent == self.library else None
            elif name and kind == "FN":
                number, function = rest.split(",", 1)
                self.begins[name][int(number)] = function.split(":")[-1]
            elif name and kind == "FNDA":
                count, function = rest.split(",", 1)
                self.calls[name, function.split(":")[-1]] += int(count)
            elif name and kind == "DA":
                number, count = map(int, rest.split(",")[:2])
                self.counts[name][number] = max(count, self.counts[name].get(number, 0))

    def keys(self, name):
        """(function, text) to: was it ever reached?"""
        text = (self.library / name).read_text().splitlines()
        begins = sorted(self.begins[name])
        found = {}
        for number, count in sorted(self.counts[name].items()):
            words = text[number - 1].strip()
            before = [n for n in begins if n <= number]
            if not before or words in ("", "{", "}"):
                continue
            function = self.begins[name][before[-1]]
            if not self.calls[name, function]:
                words = "*"
            found[function, words] = min(count, 1) & found.get((function, words), 1)
        return found


def read(path):
    """(file, function, text) to reason."""
    listed = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        if line and not line.startswith("#"):
            *key, reason = line.split("\t")
            listed[tuple(key)] = reason
    return listed


def main(arguments):
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    update = arguments[:1] == ["--update"]
    if len(arguments) < 4 + update or any(word.startswith("-") for word in arguments[update:]):
        sys.exit("coverage.py: error: wanted a library, a list and programs, try --help")
    library, path, *pairs = map(pathlib.Path, arguments[update:])
    lines = Lines(library.resolve())
    for program, profile in zip(pairs[::2], pairs[1::2]):
        lines.add(program, profile)
    listed = read(path)
    missed = {}
    print(f"{'file':28}{'lines':>7}{'reached':>9}")
    total = reached = 0
    for name in sorted(p.name for p in lines.library.glob("*.[ch]")):
        counts = lines.counts.get(name)
        if counts is None:
            if name.endswith(".c"):
                missed[name, "*", "*"] = None
            continue
        here = sum(1 for count in counts.values() if count)
        total += len(counts)
        reached += here
        print(f"{name:28}{len(counts):7}{100 * here / len(counts):8.1f}%")
        for (function, words), is_reached in lines.keys(name).items():
            if not is_reached:
                missed[name, function, words] = None
    print(f"{'all that is built':28}{total:7}{100 * reached / total:8.1f}%")
    complaints = []
    for key in missed:
        if listed.get(key, "?") == "?":
            complaints.append("never reached, and not listed with a reason: " + "  ".join(key))
    for key in listed:
        if key not in missed:
            complaints.append("listed, but reached, or not there: " + "  ".join(key))
    if update:
        path.write_text(HEAD + "".join("\t".join((*key, listed.get(key, "?"))) + "\n"
                                       for key in missed))
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    print(f"{len(missed)} rows of what is never reached, {len(complaints)} complaints")
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
