#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Names in the documents, held against the tree: each file and folder that a *.md
names is there, each function of the library's is declared, each "make" verb is in
Makefile, each option of a script is in its --help; scripts/README.md has every verb;
and README.md is no longer than a newcomer reads.

A name is what stands in backticks or in an indented block. Of what begins with /, $, ~
or build/ nothing is known here.

usage: doc-names.py               look, print what is wrong
       doc-names.py --self-test   see that it finds what is wrong
"""
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
README_LINES = 200
# What Windows has.
OF_OTHERS = ("VmbusKernelModeClientLibApi.h",)
FOLDERS = "drivers|include|kunit|scripts"
SUFFIXES = "c|h|py|sh|md|litmus|config|conf|mk"


def read_tree():
    """path -> text of every file that is ours, "" for what is no text."""
    tree = {}
    for path in sorted(TOP.rglob("*")):
        name = str(path.relative_to(TOP))
        if not path.is_file() or name.startswith(("build/", ".git/")):
            continue
        try:
            tree[name] = path.read_text()
        except UnicodeDecodeError:
            tree[name] = ""
    return tree


def code_of(text):
    """What stands in backticks, in indented blocks and in fenced ones of the shell."""
    text = re.sub(r"<!--.*?-->", "", text)
    for kind, block in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S):
        if kind == "sh":
            yield from block.splitlines()
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    for line in re.findall(r"^    +(\S.*)$", text, re.M):
        yield line.split("  #")[0]
    for piece in re.findall(r"`([^`\n]+)`", re.sub(r"^    .*$", "", text, flags=re.M)):
        yield piece


def missing_files(document, code, tree):
    """Paths from the top or from the document, and names of files alone."""
    folder = document.rpartition("/")[0]
    for name in re.findall(rf"(?<![\w/<>.$~*{{-])((?:{FOLDERS})/[\w./-]*\w|[\w-]+\.(?:{SUFFIXES}))\b",
                           code):
        known = [p for p in tree if p == name or p.startswith(name + "/") or
                 p == f"{folder}/{name}" or p.startswith(f"{folder}/{name}/")]
        if "/" not in name:
            known += [p for p in tree if p.endswith("/" + name)]
        if not known and name not in OF_OTHERS:
            yield f"{document}: there is no {name}"


def missing_functions(document, code, header):
    for name in re.findall(r"\b(vmb_\w+)\(\)", code):
        if not re.search(rf"\b{name}\(", header):
            yield f"{document}: there is no function {name}()"


def missing_verbs(document, code, verbs):
    for words in re.findall(r"(?:^|[;&] *)make ((?:[a-z-]+ ?)+)(?![\w=])", code):
        for verb in words.split():
            if verb not in verbs and not verb.startswith("-"):
                yield f"{document}: there is no verb: make {verb}"


def missing_options(document, code, tree):
    for script, rest in re.findall(r"\b(scripts/[\w.-]+)((?: [\w'*.,-]+)*)", code):
        for option in re.findall(r" (--[a-z-]+)", rest):
            if not re.search(rf"{option}\b", tree.get(script, "")):
                yield f"{document}: {script} has no option {option}"


def problems_of(tree):
    verbs = re.findall(r"^([a-z-]+):", tree["Makefile"], re.M)
    header = "\n".join(t for p, t in tree.items() if re.match(r"(include|drivers)/.*\.[ch]$", p))
    problems = []
    for document, text in tree.items():
        if not document.endswith(".md"):
            continue
        for code in code_of(text):
            problems += missing_files(document, code, tree)
            problems += missing_functions(document, code, header)
            problems += missing_verbs(document, code, verbs)
            problems += missing_options(document, code, tree)
    shown = " ".join(re.findall(r"^\| (.*?) \|", tree["scripts/README.md"], re.M))
    problems += [f"scripts/README.md: no row has the verb {v}" for v in verbs
                 if v != "headers" and not re.search(rf"[ `]{v}`", shown)]
    lines = tree["README.md"].count("\n")
    if lines > README_LINES:
        problems.append(f"README.md: {lines} lines, {README_LINES} are what it may have")
    return problems


# path, what stands there, what is put there instead, what must be said of it.
PLANTED = (
    ("README.md", "`drivers/troubleshooting.md`", "`drivers/trouble.md`", "no drivers/trouble.md"),
    ("README.md", "    make demo-loopback", "    make demo-loop", "no verb: make demo-loop"),
    ("README.md", "## More\n", "## More\n" + "\n" * README_LINES, "are what it may have"),
    ("drivers/kmcl/README.md", "`inbound_mode.c`", "`inbound_way.c`", "no inbound_way.c"),
    ("drivers/clients/README.md", "`vmb_packet_send()`", "`vmb_packet_post()`",
     "no function vmb_packet_post()"),
    ("kunit/README.md", "scripts/kunit.sh --filter", "scripts/kunit.sh --only", "no option --only"),
    ("scripts/README.md", "`make mutants`", "`mutants.py`", "no row has the verb mutants"),
    ("Makefile", "\nfuzz:", "\nfuzzing:", "no verb: make fuzz"),
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
        print(f"doc-names.py: error: unknown option {options[0]}\n"
              "doc-names.py: try: doc-names.py --help", file=sys.stderr)
        return 2
    problems = problems_of(read_tree())
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
