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
import re
import sys

import checker

README_LINES = 200
# What Windows has.
OF_OTHERS = ("VmbusKernelModeClientLibApi.h",)
FOLDERS = "drivers|include|kunit|scripts"
SUFFIXES = "c|h|py|sh|md|litmus|config|conf|mk"


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
    for name in re.findall(rf"(?<![\w/<>.$~*{{-])((?:{FOLDERS})/[\w./-]*\w"
                           rf"|[\w-]+\.(?:{SUFFIXES}))\b", code):
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


if __name__ == "__main__":
    sys.exit(checker.main(__doc__, ["**/*"], problems_of, PLANTED))
