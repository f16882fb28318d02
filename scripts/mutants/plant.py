# SPDX-License-Identifier: GPL-2.0
"""Finds what can be changed in the library, and writes a tree that has it all.

Every change is a case of a switch around the statement that it is of, so one
build has all of them; a variable says which one is on. See planted.h.
"""
import pathlib
import re
import shutil

# (name, expression, replacement); each place it matches in a statement is a mutant.
OPERATORS = (
    ("comparison", r" < ", " <= "), ("comparison", r" <= ", " < "),
    ("comparison", r" > ", " >= "), ("comparison", r" >= ", " > "),
    ("comparison", r" == ", " != "), ("comparison", r" != ", " == "),
    ("logic", r" && ", " || "), ("logic", r" \|\| ", " && "),
    ("bound", r" \+ 1\b", ""), ("bound", r" - 1\b", ""),
    ("bound", r"(?<=[\w)]) - (?=[\w(])", " + "),
    ("bound", r"(?<=[\w)]) \+ (?=[\w(])", " - "),
    ("constant", r"(?<![\w.])([2-9]|[1-9]\d+)u?\b(?!\w)", r"(2 * \1)"),
    ("flag", r" \| [A-Z_]{4,}\b", ""),
    ("choice", r"\bmin\(", "max("), ("choice", r"\bmax\(", "min("),
)
# Of statements that stand alone.
RETURNS = (
    ("errno", r"^return -E[A-Z]+;$", "return 0;"),
    ("answer", r"^return true;$", "return false;"),
    ("answer", r"^return false;$", "return true;"),
)
STEPS = (("step", r" \+= ", " = "), ("step", r" -= ", " = "), ("step", r" \|= ", " = "),
         ("step", r" &= ~", " |= "))
NARROW = r"\b(?:\w*(?:length|size|bytes|room|count|offset)\w*|end)(?:\[\w+\])?$"
# What 16 bits hold in any case.
SMALL = re.compile(r"(\d+|true|false|sizeof\([^()]*\))$")
# No code; declarations that are macros; barriers, which the litmus tests are for.
LEFT_ALONE = re.compile(
    r"^(lockdep_|might_sleep|trace_|WARN_|dev_|pr_|BUILD_BUG|static_assert|KUNIT_|return;|goto )"
    r"|^\w*_assert_|static_branch_|^(LIST_HEAD|DEFINE_\w+|DECLARE_\w+)\(|^(smp|virt)_\w*mb\w*\(|^barrier\(")
TYPE = r"(?:(?:const|unsigned|struct|enum|union|static)\s+)*\w+(?:\s+long|\s+int)?(?:\s+|\s*\*+\s*(?:const\s+)?)"
DECLARATION = re.compile(rf"^({TYPE})(\w+)(\[[^]]*\])*\s*(=|;|,|__)")
KEYWORDS = ("return", "goto", "else", "break", "continue", "case", "do", "delete")


class Mutant:
    """One change: of a statement, in a function of a file."""

    def __init__(self, file, function, line, operator, old, new):
        self.file, self.function, self.line = file, function, line
        self.operator, self.old, self.new = operator, old, new
        self.again = 0
        self.number = None
        self.site = None

    @property
    def key(self):
        again = f"#{self.again + 1}" if self.again else ""
        return f"{self.file}\t{self.function}{again}\t{self.old}\t{self.new}"

    def __str__(self):
        return f"{self.file}:{self.line}: {self.operator}, in {self.function}()\n" \
               f"-\t{self.old}\n+\t{self.new}"


class Site:
    """A statement, or the condition of one: where text is exchanged."""

    def __init__(self, start, end, kind, text, line):
        self.start, self.end, self.kind, self.text, self.line = start, end, kind, text, line
        self.mutants = []
        self.place = None

    def planted(self):
        """The text that has all mutants, each on a line of its own."""
        first = self.mutants[0].number
        at = f"VMB_AT({self.place}, {first}, {len(self.mutants)})"
        tag = "/*{}*/".format
        if self.kind in ("if", "loop"):
            cases = [f"case {m.number - first}: vmb_c = !!({m.code}); break; {tag(m.number)}"
                     for m in self.mutants]
            return "({ _Bool vmb_c; switch (" + at + ") {\n" + "\n".join(cases) + \
                f"\ndefault: vmb_c = !!({self.text}); }} vmb_c; }})"
        if self.kind == "declaration":
            chain = "".join(f"{at} == {m.number - first} ? "
                            f"({m.code}) : {tag(m.number)}\n" for m in self.mutants)
            return f"({chain}({self.text}))"
        cases = [f"case {m.number - first}: {m.code}" +
                 ("" if self.kind == "return" else " break;") + f" {tag(m.number)}"
                 for m in self.mutants]
        if self.kind == "jump":
            return f"{{ if ({at} == -1) {self.text} }}"
        return "{ switch (" + at + ") {\n" + "\n".join(cases) + \
            f"\ndefault: {self.text} }} }}"


def blanked(text):
    """The text with comments, directives and what strings say blanked out."""
    def blank(match):
        found = match.group(0)
        if found[0] in "\"'":
            return found[0] + "~" * (len(found) - 2) + found[-1]
        return re.sub(r"[^\n]", " ", found)
    text = re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'', blank, text,
                  flags=re.S)
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", blank, text, flags=re.M)


def matching(text, at):
    """Behind the bracket that closes the one at a place."""
    depth = 0
    for i in range(at, len(text)):
        if text[i] in "([{":
            depth += 1
        elif text[i] in ")]}":
            depth -= 1
            if not depth:
                return i + 1
    raise ValueError("brackets do not match")


def statement_end(text, at):
    """Behind the semicolon that ends a statement."""
    while text[at] != ";":
        if text[at] in "([{":
            at = matching(text, at)
        else:
            at += 1
    return at + 1


def bodies(text):
    """(function, start, end) of every function's body."""
    for found in re.finditer(r"^\{\n", text, flags=re.M):
        end = text.index("\n}", found.start()) + 1
        head = text[:found.start()].rstrip()
        if not head.endswith(")"):
            continue
        depth, i = 0, len(head)
        while i:
            i -= 1
            depth += (head[i] == ")") - (head[i] == "(")
            if not depth:
                break
        name = re.search(r"(\w+)$", head[:i])
        if name:
            yield name.group(1), found.end(), end


def sites_of(text, start, end):
    """Every statement of a body that can be changed; text is the blanked one."""
    at = start
    while at < end:
        if text[at].isspace() or text[at] in "{};":
            at += 1
            continue
        word = re.match(r"\w+", text[at:end])
        word = word.group(0) if word else ""
        if word in ("else", "do"):
            at += len(word)
        elif word in ("case", "default"):
            at = text.index(":", at) + 1
        elif word in ("if", "while", "switch"):
            opened = text.index("(", at)
            closed = matching(text, opened)
            if word != "switch":
                yield opened + 1, closed - 1, "if" if word == "if" else "loop"
            at = closed
        elif word == "for":
            opened = text.index("(", at)
            closed = matching(text, opened)
            first = statement_end(text, opened + 1)
            second = statement_end(text, first)
            if text[first:second - 1].strip():
                yield first, second - 1, "loop"
            at = closed
        elif re.match(r"\w+:(?!:)", text[at:end]):
            at = text.index(":", at) + 1
        elif re.match(r"\w+\(", text[at:end]):
            closed = matching(text, text.index("(", at))
            behind = text[closed:end].lstrip()
            if behind[:1] in (";", "-", ".", "[", "="):
                last = statement_end(text, at)
                yield at, last, "statement"
                at = last
            else:
                at = closed         # a macro that is a loop
        else:
            last = statement_end(text, at)
            found = DECLARATION.match(text[at:last])
            if found and word not in KEYWORDS:
                equals = text.find("=", at, last)
                if equals > 0 and "static" not in text[at:equals] and \
                        not re.match(r"\s*\{", text[equals + 1:last]) and \
                        not top_comma(text[at:last]):
                    yield equals + 1, last - 1, "declaration"
            elif word in ("break", "continue"):
                yield at, last, "jump"
            elif word == "return":
                yield at, last, "return"
            elif word != "goto":
                yield at, last, "statement"
            at = last


def top_comma(text):
    depth = 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and not depth:
            return True
    return False


def changes(kind, text, before):
    """(operator, new text) of every change of a statement. Spaces are single ones."""
    seen = {text}

    def one(operator, new):
        if new not in seen:
            seen.add(new)
            return [(operator, new)]
        return []

    found = []
    if kind == "jump":
        return [("jump", ";")]
    if kind == "if":
        found += one("never", f"(({text}), 0)") + one("always", f"(({text}), 1)")
    elif kind == "loop":
        found += one("never", f"(({text}), 0)")
    operators = OPERATORS + (RETURNS if kind == "return" else ()) + \
        (STEPS if kind == "statement" else ())
    for operator, expression, replacement in operators:
        for match in re.finditer(expression, text):
            found += one(operator, text[:match.start()] + match.expand(replacement) +
                         text[match.end():])
    if kind == "statement":
        found += one("removed", ";")
        match = re.match(r"^([^=(]*[^=!<>+|&^ -]) = (.*);$", text)
        if match and re.search(NARROW, match.group(1)) and not SMALL.match(match.group(2)):
            found += one("narrow", f"{match.group(1)} = (u16)({match.group(2)});")
    if kind == "declaration" and re.search(NARROW, before) and "*" not in before and \
            not SMALL.match(text):
        found += one("narrow", f"(u16)({text})")
    return found


def find(path):
    """(source text, sites) of a file, each site with its mutants."""
    source = path.read_text()
    plain = blanked(source)
    sites = []
    count = {}
    for function, start, end in bodies(plain):
        for first, last, kind in sites_of(plain, start, end):
            text = " ".join(re.sub(r"/\*.*?\*/", " ", source[first:last], flags=re.S).split())
            if not text or LEFT_ALONE.search(text) or "//" in text or \
                    plain[first:last].lstrip().startswith("#"):
                continue
            before = plain[plain.rfind("\n", 0, first) + 1:first].rstrip("= \t") \
                if kind == "declaration" else ""
            site = Site(first, last, kind, text, source.count("\n", 0, first) + 1)
            for operator, new in changes(kind, text, before):
                old, shown = text, new
                if kind == "declaration":
                    name = re.search(r"(\w+)$", before).group(1)
                    old, shown = f"{name} = {text};", f"{name} = {new};"
                elif kind == "if":
                    old, shown = f"if ({text})", f"if ({new})"
                elif kind == "loop":
                    old, shown = f"while ({text})", f"while ({new})"
                mutant = Mutant(path.name, function, site.line, operator, old, shown)
                mutant.code = new
                mutant.site = site
                mutant.again = count.get(mutant.key, 0)
                if mutant.again:
                    base, mutant.again = mutant.again, 0
                    plain_key, mutant.again = mutant.key, base
                    count[plain_key] += 1
                else:
                    count[mutant.key] = 1
                site.mutants.append(mutant)
            if site.mutants:
                sites.append(site)
    return source, sites


class Library:
    """drivers/kmcl, with all its mutants and their numbers."""

    def __init__(self, top):
        self.top = top
        self.files = {}
        self.mutants = []
        self.places = 0
        for path in sorted((top / "drivers/kmcl").glob("*.[ch]")):
            source, sites = find(path)
            if not sites:
                continue
            self.files[path.name] = (source, sites)
            for site in sites:
                site.place = self.places
                self.places += 1
                for mutant in site.mutants:
                    mutant.number = len(self.mutants)
                    self.mutants.append(mutant)

    def write(self, tree, without=()):
        """The tree with every mutant in it but those that do not compile."""
        for name, (source, sites) in self.files.items():
            pieces, at = [], 0
            for site in sites:
                pieces += [source[at:site.start], planted(site, without)]
                at = site.end
            text = "".join(pieces) + source[at:]
            target = tree / "drivers/kmcl" / name
            if not target.exists() or target.read_text() != text:
                target.write_text(text)

    def read_stillborn(self, path):
        """The numbers of those that did not compile last time."""
        keys = set(path.read_text().splitlines()) if path.exists() else set()
        return {m.number for m in self.mutants if m.key in keys}

    def write_stillborn(self, path, numbers):
        path.write_text("".join(f"{self.mutants[n].key}\n" for n in sorted(numbers)))

    def at(self, tree, name, line):
        """The number of the mutant that stands in a line of the planted tree."""
        lines = (tree / "drivers/kmcl" / name).read_text().splitlines()
        if line > len(lines):
            return None
        found = re.search(r"/\*(\d+)\*/$", lines[line - 1])
        return int(found.group(1)) if found else None


def planted(site, without):
    """A site's text; what does not compile is replaced by what stood there."""
    kept = []
    for mutant in site.mutants:
        if mutant.number in without:
            kept.append((mutant, mutant.code))
            mutant.code = site.text
    text = site.planted()
    for mutant, code in kept:
        mutant.code = code
    return text


def copy_tree(top, tree):
    """What the builds need, beside the library: changed only where it differs."""
    copied = set()
    for name in ("Kbuild", "Kconfig", "Makefile", "dkms.conf", "include", "drivers",
                 "kunit", "scripts"):
        for path in [top / name, *sorted((top / name).rglob("*"))]:
            if not path.is_file() or "__pycache__" in path.parts or path.suffix == ".svg":
                continue
            target = tree / path.relative_to(top)
            copied.add(target)
            if path.parent == top / "drivers/kmcl" and path.suffix in (".c", ".h"):
                if target.exists():
                    continue
            elif target.exists() and target.read_bytes() == path.read_bytes():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
    # A header of before would still be found, and a suite still be built.
    for path in tree.rglob("*.[ch]"):
        if path not in copied and not path.name.startswith("planted"):
            path.unlink()
    return pathlib.Path(tree)
