#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs litmus tests in the kernel's format, each with and without its barriers.

A thread's accesses may take effect in any order that nothing forbids: an access
waits for an earlier one to the same variable, for the registers it uses, for an
acquire before it, for everything before it if it is a release, and on both sides
of a full barrier; a store waits for the conditions it stands under. All orders of
all threads are tried, so the answer is complete. Stores become visible to all
processors at once, as on x86, arm64 and RISC-V.

A line that ends in a comment "// [X]" is a barrier that the library has. The
outcome in "exists" must be unreachable as the test is written, and reachable as
soon as any one of these lines is weakened: a full barrier left out, an acquire or
a release made a plain access.

usage: litmus.py [FILE...]   without FILE: all of kunit/litmus
"""
import itertools
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent


class Bad(Exception):
    """The file is not what this reads."""


class Step:
    """One access or barrier of a thread."""

    def __init__(self, kind, text, letter, conditions):
        self.kind = kind            # load, store or barrier
        self.letter = letter
        self.conditions = conditions    # of the ifs around it
        self.acquire = self.release = False
        self.variable = self.register = self.value = None
        self.text = text

    def used(self):
        names = set(re.findall(r"\br\d+\b", " ".join(self.conditions)))
        if self.kind == "store":
            names |= set(re.findall(r"\br\d+\b", self.value))
        return names

    def runs(self, registers):
        return all(evaluate(c, registers) for c in self.conditions)


def evaluate(expression, registers):
    """An expression of C over registers and numbers."""
    python = expression.replace("&&", " and ").replace("||", " or ")
    python = re.sub(r"!(?!=)", " not ", python)
    if not re.fullmatch(r"[\w\s()=<>!+\-:.]*", python):
        raise Bad(f"cannot read the expression {expression!r}")
    return eval(python, {"__builtins__": {}}, dict(registers))  # pylint: disable=eval-used


PATTERNS = (
    (r"(?:int )?(r\d+) = READ_ONCE\(\*(\w+)\);", "load", {}),
    (r"(?:int )?(r\d+) = smp_load_acquire\((\w+)\);", "load", {"acquire": True}),
    (r"WRITE_ONCE\(\*(\w+), (.+)\);", "store", {}),
    (r"smp_store_release\((\w+), (.+)\);", "store", {"release": True}),
    (r"smp_mb\(\);", "barrier", {}),
)


def parse_step(text, letter, conditions):
    for pattern, kind, flags in PATTERNS:
        match = re.fullmatch(pattern, text)
        if not match:
            continue
        step = Step(kind, text, letter, list(conditions))
        for name, value in flags.items():
            setattr(step, name, value)
        if kind == "load":
            step.register, step.variable = match.groups()
        elif kind == "store":
            step.variable, step.value = match.groups()
        return step
    raise Bad(f"cannot read the statement {text!r}")


def parse_thread(body):
    steps, conditions = [], []
    for line in body.splitlines():
        letter = re.search(r"// \[(\w+)\]", line)
        text = re.sub(r"//.*", "", line).strip()
        if not text or re.fullmatch(r"int r\d+(, r\d+)*;", text):
            continue
        opened = re.fullmatch(r"if \((.*)\) \{", text)
        if opened:
            conditions.append(opened[1])
        elif text == "}":
            conditions.pop()
        else:
            steps.append(parse_step(text, letter and letter[1], conditions))
    return steps


def parse(path):
    text = path.read_text()
    text = re.sub(r"\(\*[\s\S]*?\*\)", "", text)
    init = re.search(r"^\{([^}]*)\}", text, re.M)
    exists = re.search(r"^exists \(([\s\S]*)\)\s*$", text, re.M)
    threads = re.findall(r"^P\d+\([^)]*\)\n\{\n([\s\S]*?)^\}", text, re.M)
    if not init or not exists or len(threads) < 2:
        raise Bad("it lacks initial values, two threads or an exists clause")
    memory = {name: int(value) for name, value in
              re.findall(r"(\w+) ?= ?(\d+);", init[1])}
    steps = [parse_thread(body) for body in threads]
    for thread in steps:
        for step in thread:
            if step.variable:
                memory.setdefault(step.variable, 0)
    outcome = re.sub(r"(\d+):(r\d+)", r"t\1\2", exists[1])
    outcome = outcome.replace("/\\", " and ").replace("\\/", " or ")
    outcome = re.sub(r"(?<![=!<>])=(?!=)", "==", outcome)
    return memory, steps, " ".join(outcome.split())


def before(first, second):
    """Must the earlier of two steps of a thread take effect first?"""
    if "barrier" in (first.kind, second.kind):
        return True
    if first.variable == second.variable:
        return True
    if first.acquire or second.release:
        return True
    # What stands under a condition is a store as a rule; a load there may be
    # made ahead of the branch.
    if first.kind == "load" and first.register in second.used():
        data = second.kind == "store" and \
            re.search(rf"\b{first.register}\b", second.value)
        return bool(data) or second.kind == "store"
    return False


def orders(thread):
    """For each step the earlier ones that it waits for."""
    waits = []
    for i, step in enumerate(thread):
        waits.append({j for j in range(i) if before(thread[j], step)})
    return waits


def outcomes(memory, threads, exists):
    """Is there an order that ends in what "exists" describes?"""
    waits = [orders(thread) for thread in threads]
    seen, stack = set(), []
    start = (tuple(frozenset() for _ in threads), tuple(sorted(memory.items())), ())
    stack.append(start)
    while stack:
        state = stack.pop()
        if state in seen:
            continue
        seen.add(state)
        done, values, registers = state
        ready = False
        for t, thread in enumerate(threads):
            for i, step in enumerate(thread):
                if i in done[t] or not waits[t][i] <= done[t]:
                    continue
                ready = True
                stack.append(take(state, t, i, step))
        if not ready and matches(exists, values, registers, threads):
            return True
    return False


def take(state, t, i, step):
    done, values, registers = state
    memory, registers = dict(values), dict(registers)
    own = {name[len(f"t{t}"):]: value for name, value in registers.items()
           if name.startswith(f"t{t}r")}
    for name in step.used():
        own.setdefault(name, 0)
    # A load ahead of its branch is harmless: nobody looks at it if it did not run.
    if step.kind == "load":
        registers[f"t{t}{step.register}"] = memory[step.variable]
    elif step.kind == "store" and step.runs(own):
        memory[step.variable] = int(evaluate(step.value, own))
    moved = list(done)
    moved[t] = done[t] | {i}
    return tuple(moved), tuple(sorted(memory.items())), tuple(sorted(registers.items()))


def matches(exists, values, registers, threads):
    names = dict(values)
    for t, thread in enumerate(threads):
        for step in thread:
            if step.register:
                names[f"t{t}{step.register}"] = 0
    names.update(registers)
    return bool(evaluate(exists, names))


def weakened(threads):
    """The threads with one marked line after another made weaker."""
    for t, thread in enumerate(threads):
        for i, step in enumerate(thread):
            if not step.letter:
                continue
            copies = [list(other) for other in threads]
            if step.kind == "barrier":
                del copies[t][i]
            else:
                plain = Step(step.kind, step.text, None, step.conditions)
                plain.variable, plain.register = step.variable, step.register
                plain.value = step.value
                copies[t][i] = plain
            yield f"without [{step.letter}] {step.text}", copies


def run(path):
    """(lines to print, problems, letters)"""
    memory, threads, exists = parse(path)
    letters = {s.letter for s in itertools.chain(*threads) if s.letter}
    problems = []
    if not letters:
        problems.append("no barrier in it is marked")
    if outcomes(memory, threads, exists):
        problems.append("the outcome can be reached")
    tried = 0
    for what, copies in weakened(threads):
        tried += 1
        if not outcomes(memory, copies, exists):
            problems.append(f"the outcome cannot be reached {what}")
    return tried, problems, letters


def main(arguments):
    if arguments and arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0
    if arguments and arguments[0].startswith("-"):
        sys.exit(f"litmus.py: error: no such option: {arguments[0]}, try --help")
    paths = [pathlib.Path(a) for a in arguments] or \
        sorted((TOP / "kunit/litmus").glob("*.litmus"))
    if not paths:
        print("litmus.py: error: no litmus test to run", file=sys.stderr)
        return 1
    status, covered = 0, set()
    for path in paths:
        try:
            tried, problems, letters = run(path)
        except (Bad, OSError) as error:
            print(f"{path.name}: {error}")
            status = 1
            continue
        covered |= letters
        print(f"{path.name}: {'FAILED' if problems else 'ok'}, "
              f"{tried} barriers taken out in turn")
        for problem in problems:
            print(f"  {problem}")
            status = 1
    if not arguments:
        table = (TOP / "drivers/kmcl/ring.h").read_text()
        named = set(re.findall(r"^ \*  \[([A-Z])\] us", table, re.M))
        for letter in sorted(named - covered):
            print(f"[{letter}] of ring.h has no litmus test")
            status = 1
        if not named:
            print("ring.h names no barrier")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
