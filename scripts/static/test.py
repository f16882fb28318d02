#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""That a checker fails which misses what is planted, says more of it than is wrong, or
plants what cannot be; and how C, its calls and tables are read.

usage: test.py [CASE...]
"""
import contextlib
import io
import re
import sys
import unittest

import checker
import tables


def said(function, *arguments):
    """(what it returns, what it prints)"""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        result = function(*arguments)
    return result, printed.getvalue()


def rule(tree):
    """Each word of the file is good."""
    return [f"a: {word} is bad" for word in tree["a"].split() if word.startswith("bad")]


class SelfTest(unittest.TestCase):
    def judge(self, status, *planted, tree="good text", problems_of=rule):
        result, printed = said(checker.self_test, {"a": tree}, problems_of, planted)
        self.assertEqual(result, status, printed)
        self.assertIn(f"{len(planted) - status} of {len(planted)} planted changes", printed)

    def test_found(self):
        self.judge(0, ("a", "good", "bad", "bad is bad"))
        self.judge(0, ("a", "", " bad1 bad2", "bad2 is bad"))
        self.judge(0, ("a", "", " bad1 bad2", ("bad1", "bad2")))
        self.judge(0, ("a", "good", "fair", ()))

    def test_missed(self):
        self.judge(1, ("a", "good", "bad", "bad is bad"), problems_of=lambda tree: [])
        self.judge(1, ("a", "good", "fair", "fair is bad"))
        self.judge(1, ("a", "", " bad1", ("bad1", "bad2")), ("a", "good", "bad", ("bad",)))

    def test_other_than_planted(self):
        self.judge(1, ("a", "good", "bad1", "bad2 is bad"))
        self.judge(1, ("a", "good", "bad1", ("bad2",)))

    def test_too_much(self):
        self.judge(1, ("a", "good", "bad", ()))
        self.judge(1, ("a", "", " bad1 bad2", ("bad1",)))

    def test_nothing_to_change(self):
        self.judge(1, ("a", "fair", "bad", ()))

    def test_what_is_wrong_already_is_not_found(self):
        self.judge(1, ("a", "good", "fair", "bad is bad"), tree="good bad")
        self.judge(0, ("a", "good", "fair", ()), tree="good bad")


class Read(unittest.TestCase):
    def test_a_pattern_of_nothing(self):
        with self.assertRaisesRegex(SystemExit, "error: there is no scripts/static/nowhere"):
            checker.read(["Kbuild", "scripts/static/nowhere*"])

    def test_paths(self):
        tree = checker.read(["scripts/static/test.py", "Kbuild"])
        self.assertEqual(list(tree), ["Kbuild", "scripts/static/test.py"])
        self.assertIn("class Read", tree["scripts/static/test.py"])


class C(unittest.TestCase):
    TEXT = 'f("/* no */ // \\" (", /* g( */ h(1)); // f(\n"%s"'

    def test_without(self):
        for function in (checker.without_comments, checker.without_strings):
            text = function(self.TEXT)
            self.assertEqual([len(line) for line in text.split("\n")],
                             [len(line) for line in self.TEXT.split("\n")])
            self.assertNotIn("g(", text)
        self.assertIn('"/* no */ // \\" ("', checker.without_comments(self.TEXT))
        self.assertEqual(checker.without_strings(self.TEXT).split(), ["f(", ",", "h(1));"])

    def test_calls(self):
        def given(text):
            return [(call.start(), " ".join(what.split()))
                    for call, what in checker.calls(text, re.compile(r"\b[fgh]\("))]
        self.assertEqual(given(self.TEXT), [(0, '"/* no */ // \\" (", h(1)'), (31, "1")])
        self.assertEqual(given("f()"), [(0, "")])


class Tables(unittest.TestCase):
    def test_read_as_shown(self):
        _, printed = said(tables.show, ["a", "b"], [["1", "2"], ["3", "4"]])
        self.assertEqual(printed, "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n")
        text = f"words\n\n| other |\n|---|\n| 0 |\n\n{printed}\n| no row |\n{printed}"
        self.assertEqual(list(tables.rows(text, "| a |")), ["| 1 | 2 |", "| 3 | 4 |"] * 2)


if __name__ == "__main__":
    if sys.argv[1:2] in (["-h"], ["--help"]):
        print(__doc__)
        sys.exit(0)
    if sys.argv[1:2] and sys.argv[1].startswith("-"):
        sys.exit(f"{sys.argv[0]}: error: unknown option {sys.argv[1]}, try --help")
    unittest.main()
