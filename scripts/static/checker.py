# SPDX-License-Identifier: GPL-2.0
"""What the checkers beside this file share. Each has one rule: a function that tells what
is wrong with a tree, which is path -> text, and rows of what is planted there to see that
it is found. Here is how they read the tree, how they are called, and what C and its calls
look like.
"""
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
NAME = pathlib.Path(sys.argv[0]).name
COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"', re.S)


def read(patterns):
    """path -> text of the files that these name; none of them is what a build has made."""
    tree = {}
    for pattern in patterns:
        found = {str(p.relative_to(TOP)): p for p in TOP.glob(pattern)}
        found = {name: p for name, p in found.items() if p.is_file() and
                 not name.startswith(("build/", ".git/")) and not name.endswith(".mod.c")}
        if not found:
            sys.exit(f"{NAME}: error: there is no {pattern}")
        tree.update((name, p.read_text("utf-8", "replace")) for name, p in found.items())
    return dict(sorted(tree.items()))


def blank(match):
    return re.sub(r"[^\n]", " ", match[0])


def without_comments(text):
    """C with nothing where a comment was; all else is where it was."""
    return COMMENT_OR_STRING.sub(lambda m: m[0] if m[0][0] == '"' else blank(m), text)


def without_strings(text):
    """C with nothing where a comment or a string was."""
    return COMMENT_OR_STRING.sub(blank, text)


def calls(text, pattern):
    """(match, what is given) of each call that a pattern matches, its parenthesis included."""
    code, bare = without_comments(text), without_strings(text)
    for call in pattern.finditer(bare):
        depth, end = 1, call.end()
        while depth and end < len(bare):
            depth += {"(": 1, ")": -1}.get(bare[end], 0)
            end += 1
        yield call, code[call.end():end - 1]


def is_said(said, found):
    if isinstance(said, str):
        return any(said in f for f in found)
    return len(said) == len(found) and all(is_said(s, found) for s in said)


def self_test(tree, problems_of, planted):
    """A row is a path, what stands there ("": the end of it), what is put there instead,
    and what must be said of it: a part of one finding, or a tuple that has a part of each
    and of no further one; none, (), is for what is right.
    """
    before_it = set(problems_of(tree))
    failures = 0
    for path, before, after, said in planted:
        if before not in tree[path]:
            print(f"{path} has no {before!r} to change")
            failures += 1
            continue
        text = tree[path].replace(before, after, 1) if before else tree[path] + after
        found = [f for f in problems_of(tree | {path: text}) if f not in before_it]
        if not is_said(said, found):
            print(f"{path}: {before!r} -> {after!r}: to be said was {said!r}; said was {found}")
            failures += 1
    print(f"{len(planted) - failures} of {len(planted)} planted changes are judged right")
    return 1 if failures else 0


def main(usage, files, problems_of, planted, summary=None):
    """The status that a checker ends with. A summary is told of a tree that has no problem."""
    options = sys.argv[1:]
    if options in (["-h"], ["--help"]):
        print(usage)
        return 0
    if options == ["--self-test"]:
        return self_test(read(files), problems_of, planted)
    if options:
        print(f"{NAME}: error: unknown option {options[0]}\n{NAME}: try: {NAME} --help",
              file=sys.stderr)
        return 2
    tree = read(files)
    problems = list(problems_of(tree))
    for problem in problems:
        print(problem)
    if summary and not problems:
        print(summary(tree))
    return 1 if problems else 0
