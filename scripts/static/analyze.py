#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""gcc -fanalyzer and clang's analyser over the library as the fuzzer builds it.

usage: analyze.py [--self-test]

In user space memory is what malloc() gives and free() takes, so that they know when it
leaks. What they find and is none is in scripts/static/analyzer-known.tsv: tool, checker,
file, text of the line, reason. Fails for a finding that is not there, and for a row that
is no finding any more. What a tool said is kept in build/analyze, by the content of the
source and of every header, and of the tool.

  --self-test  each tool finds a NULL that is used and memory that leaks
"""
import concurrent.futures
import functools
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
KEPT = pathlib.Path(os.environ.get("VMB_BUILD", TOP / "build")) / "analyze"
KNOWN = TOP / "scripts/static/analyzer-known.tsv"
TOOLS = {
    "gcc": ["gcc", "-O1", "-fanalyzer", "-c", "-o", "/dev/null"],
    "clang": ["clang", "--analyze", "--analyzer-output", "text"],
}
# file:line:column: warning: text [checker], gcc's with a CWE before.
FINDING = re.compile(r"([^\s:]+):(\d+):\d+: warning: (.*) \[([\w.-]+)\]$")
PLANTED = """
#include <linux/slab.h>

int vmb_planted(int *from);
int vmb_planted(int *from)
{
	int *memory = kmalloc(sizeof(*memory), GFP_KERNEL);
	int *nothing = NULL;

	if (!memory)
		return 2;
	*memory = *from;
	if (*from > 7)
		return 0;
	kfree(memory);
	return *from < 3 ? *nothing : 1;
}
"""


def commands():
    """Include folders and the library's sources."""
    told = subprocess.run([TOP / "scripts/fuzz.sh", "--commands"], check=True,
                          capture_output=True, text=True).stdout
    words = next(line for line in told.splitlines() if line.startswith("channel\t")).split("\t")
    return ([word for word in words if word.startswith("-I")],
            [word for word in words if word.endswith(".c") and "/drivers/kmcl/" in word])


@functools.cache
def headers():
    content = b"".join(path.read_bytes() for folder in ("drivers/kmcl", "include", "scripts/fuzz")
                       for path in sorted((TOP / folder).rglob("*.h")))
    return hashlib.sha256(content).digest()


@functools.cache
def version(tool):
    return subprocess.run([tool, "--version"], check=True, capture_output=True).stdout


def run(tool, folders, source):
    """What the tool says, or has said of the same."""
    command = [*TOOLS[tool], "-std=gnu11", "-DVMB_ANALYZED", *folders, source]
    content = b"\0".join([version(tool), headers(), " ".join(command).encode(),
                          pathlib.Path(source).read_bytes()])
    kept = KEPT / hashlib.sha256(content).hexdigest()
    if kept.exists():
        return kept.read_text()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"analyze.py: error: {tool} does not compile {source}\n{done.stderr}")
    part = kept.with_suffix(".part")
    part.write_text(done.stderr)
    part.rename(kept)
    return done.stderr


def analyze(tool, folders, source):
    """(tool, checker, file, text of the line) to where it is and what is said of it."""
    found = {}
    for line in run(tool, folders, source).splitlines():
        match = FINDING.match(line)
        if not match or ("analyzer" not in match[4] and tool == "gcc"):
            continue
        path, number = pathlib.Path(match[1]), int(match[2])
        text = path.read_text().splitlines()[number - 1].strip()
        found[tool, match[4], path.name, text] = f"{path}:{number}: {match[3]}"
    return found


def analyze_all(folders, sources):
    found = {}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(analyze, tool, folders, source)
                for source in sources for tool in TOOLS]
        for job in jobs:
            found.update(job.result())
    return found


def self_test(folders):
    with tempfile.TemporaryDirectory() as folder:
        planted = pathlib.Path(folder) / "planted.c"
        planted.write_text(PLANTED)
        found = analyze_all(folders, [str(planted)])
    missing = [f"{tool}: {checker}" for tool in TOOLS for checker in ("null", "leak")
               if not any(key[0] == tool and checker in (key[1] + found[key]).lower()
                          for key in found)]
    for name in missing:
        print(f"does not find what was planted: {name}")
    return bool(missing)


def main(arguments):
    if arguments and arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0
    if arguments not in ([], ["--self-test"]):
        sys.exit("analyze.py: error: no such option, try --help")
    KEPT.mkdir(parents=True, exist_ok=True)
    folders, sources = commands()
    if arguments:
        return self_test(folders)
    known = {tuple(line.split("\t")[:4]) for line in KNOWN.read_text().splitlines()
             if line and not line.startswith("#")}
    found = analyze_all(folders, sources)
    for key in sorted(found.keys() - known):
        print(f"{found[key]} [{key[0]}: {key[1]}]\n  {key[3]}")
    for key in sorted(known - found.keys()):
        print("is no finding any more: " + "  ".join(key))
    print(f"{len(sources)} files, {len(found)} findings, {len(known)} of them known")
    return bool(found.keys() ^ known)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
