# SPDX-License-Identifier: GPL-2.0
"""The kernel with the KUnit suites, built once with every mutant in it."""
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import time

BUILD_LIMIT = 3600
# A mutant's kernel is given this many times what the suites took without it.
PATIENCE = 3
BOOT_LIMIT = 60
RECORD_LIMIT = 3600
FIRST = 24          # cases, before all others that come by
CRASH = re.compile(r"^(BUG: |Oops|general protection|Kernel panic|watchdog: BUG|"
                   r"list_(add|del) corruption|Internal error)")


class Suites:
    def __init__(self, library, tree, build):
        self.library, self.tree, self.build = library, tree, build
        self.folder = build / "mutants"
        self.numbers = {}       # suite.case -> its number
        self.seconds = {}       # the same -> seconds, without a mutant
        self.reached = {}       # the same -> places it comes by
        # What is warned of on purpose; some of it only once, whichever suite is first.
        self.noise = set()
        self.stillborn = set()
        self.kernel = None

    def prepare(self):
        self.make()
        self.measure()

    def make(self):
        """Builds; what does not compile is left out."""
        print("building the kernel, with all mutants in it", file=sys.stderr)
        self.hook()
        list_of_bad = self.folder / "kunit-stillborn"
        self.stillborn = self.library.read_stillborn(list_of_bad)
        # All that does not compile is said at once.
        env = dict(os.environ, VMB_BUILD=str(self.folder), MAKEFLAGS="k")
        for _ in range(20):
            self.library.write(self.tree, self.stillborn)
            done = subprocess.run([self.tree / "scripts/kunit.sh", "--kernel"], env=env,
                                  stdout=subprocess.PIPE, text=True, check=False,
                                  timeout=BUILD_LIMIT)
            if not done.returncode:
                break
            bad = self.bad((self.folder / "kunit.log").read_text(errors="replace"))
            if not bad:
                sys.exit("mutants.py: error: the kernel does not build, see "
                         f"{self.folder}/kunit.log")
            self.stillborn |= bad
            self.library.write_stillborn(list_of_bad, self.stillborn)
        else:
            sys.exit("mutants.py: error: the kernel does not build without the mutants "
                     f"that do not compile either, see {self.folder}/kunit.log")
        # Others build there meanwhile.
        built = done.stdout.strip() + "/arch/x86/boot/bzImage"
        self.kernel = str(self.folder / "bzImage")
        if not os.path.exists(self.kernel) or not same(built, self.kernel):
            shutil.copy2(built, self.kernel)

    def measure(self):
        """All suites, without a mutant, unless they ran on this very kernel."""
        baseline = self.folder / "kunit-baseline.json"
        if baseline.exists() and baseline.stat().st_mtime > os.stat(self.kernel).st_mtime:
            kept = json.loads(baseline.read_text())
        else:
            self.record()
            kept = {"numbers": self.numbers, "seconds": self.seconds,
                    "reached": {k: sorted(v) for k, v in self.reached.items()},
                    "noise": sorted(self.noise)}
            baseline.write_text(json.dumps(kept))
        self.numbers, self.seconds = kept["numbers"], kept["seconds"]
        self.reached = {k: set(v) for k, v in kept["reached"].items()}
        self.noise = set(kept["noise"])

    def hook(self):
        """Has Kbuild take the header before all else, and what reads the options."""
        kbuild = self.tree / "Kbuild"
        text = kbuild.read_text()
        header = "$(srctree)/drivers/vmbkmcl/drivers/kmcl/planted.h"
        text += f"\nccflags-y += -w -include {header}\n" \
                f"ccflags-y += -DVMB_PLACES={self.library.places}\n" \
                "vmbkmcl-y += kunit/planted_kernel.o\n"
        kbuild.write_text(text)
        for name, folder in (("planted.h", "drivers/kmcl"), ("planted_kernel.c", "kunit")):
            target = self.tree / folder / name
            text = (self.tree / "scripts/mutants" / name).read_text()
            if not target.exists() or target.read_text() != text:
                target.write_text(text)

    def bad(self, said):
        found = set()
        for name, line in re.findall(r"kmcl/([\w.]+\.[ch]):(\d+):\d+: error:", said):
            if name in self.library.files:
                number = self.library.at(self.tree, name, int(line))
                if number is not None:
                    found.add(number)
        return found

    def boot(self, options, limit, on_line):
        """Boots, and gives each line to on_line until that says to stop.

        Returns what it said, "end" when the machine ended, or "hang"."""
        command = ["qemu-system-x86_64", "-nodefaults", "-m", "1024", "-smp", "2",
                   "-kernel", self.kernel, "-no-reboot", "-nographic", "-accel", "tcg",
                   "-serial", "stdio", "-bios", "qboot.rom", "-append",
                   "console=ttyS0 kunit_shutdown=reboot panic=-1 oops=panic no_timer_check "
                   f"kunit.filter_glob=vmbkmcl* {options}"]
        # pylint: disable=consider-using-with
        machine = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        lines = queue.Queue()

        def read():
            for line in machine.stdout:
                lines.put(line.decode(errors="replace").rstrip())
            lines.put(None)
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        deadline = time.time() + limit
        verdict = "hang"
        try:
            while (left := deadline - time.time()) > 0:
                try:
                    line = lines.get(timeout=left)
                except queue.Empty:
                    break
                if line is None:
                    verdict = "end"
                    break
                said = on_line(re.sub(r"^\[ *\d+\.\d+\] ?", "", line))
                if said:
                    verdict = said
                    break
        finally:
            machine.kill()
            machine.wait()
            reader.join()
        return verdict

    def record(self):
        """All cases, without a mutant: what each comes by, and how long it takes."""
        print("running the suites without a mutant", file=sys.stderr)
        state = {"began": time.time(), "suite": None}
        suites, reached = {}, {}

        def look(line):
            if match := re.match(r"VMB-CASE (\d+) (\d+) (\S+) (\S+)", line):
                suites[match.group(2)] = match.group(3)
                self.numbers[f"{match.group(3)}.{match.group(4)}"] = int(match.group(1))
            elif match := re.match(r"VMB-REACHED (\d+) (\S+) (\d+) (\S+)", line):
                bits = int(match.group(4).replace(",", ""), 16)
                found = reached.setdefault(f"{suites[match.group(1)]}.{match.group(2)}", set())
                found.update(int(match.group(3)) + i for i in range(512) if bits >> i & 1)
            elif match := re.match(r"    # Subtest: (\S+)", line):
                state.update(began=time.time(), suite=match.group(1))
            elif match := re.match(r"    (not )?ok \d+ (\S+)", line):
                name = f"{state['suite']}.{match.group(2)}"
                if match.group(1):
                    sys.exit(f"mutants.py: error: {name} fails without a mutant")
                self.seconds[name] = time.time() - state["began"]
                state["began"] = time.time()
            elif warned := warning(line):
                self.noise.add(warned)
        verdict = self.boot("vmb_record=1", RECORD_LIMIT, look)
        if verdict != "end" or not self.seconds:
            sys.exit(f"mutants.py: error: the suites do not end without a mutant: {verdict}")
        self.reached = {name: places for name, places in reached.items()
                        if name in self.seconds}
        print(f"{len(self.seconds)} cases, {int(sum(self.seconds.values()))} s",
              file=sys.stderr)

    def judge(self, mutant):
        """(what became of a mutant, by what). What killed it has to do so twice."""
        if mutant.number in self.stillborn:
            return "stillborn", "-"
        chosen = {name for name, places in self.reached.items()
                  if mutant.site.place in places}
        if not chosen:
            return "unreached", "-"
        # Those that do the least besides are the likeliest to notice.
        ranked = sorted(chosen, key=lambda name: len(self.reached[name]))
        for part in (set(ranked[:FIRST]), set(ranked[FIRST:])):
            while part:
                case, by = self.attempt(mutant, part)
                if not by:
                    break
                # What is no case's, a suite's end or the machine's, wants all of them.
                again = {case} if case in part else part
                if self.attempt(mutant, again)[1]:
                    return "killed", by
                if case not in part:
                    break
                part = {n for n in part if self.numbers[n] > self.numbers[case]}
        return "survived", "-"

    def attempt(self, mutant, chosen):
        """(case, what it did to kill the mutant); both none if nothing did."""
        numbers = {self.numbers[name] for name in chosen}
        digits = "".join(f"{sum(1 << j for j in range(4) if i + j in numbers):x}"
                         for i in range(0, max(numbers) + 1, 4))
        order = sorted(chosen, key=self.numbers.get)
        state = {"suite": None, "ran": 0, "planted": False}
        mark = f"VMB-PLANTED {mutant.number} {len(digits)}"

        def case():
            return order[state["ran"]] if state["ran"] < len(order) else "the end"

        def look(line):
            if line == mark:
                state["planted"] = True
            elif match := re.match(r"    # Subtest: (\S+)", line):
                state["suite"] = match.group(1)
            elif match := re.match(r"    (not )?ok \d+ (\S+)", line):
                if match.group(1):
                    return f"{state['suite']}.{match.group(2)}"
                state["ran"] += 1
            elif re.match(r"not ok ", line):
                return f"{state['suite']} fails"
            elif CRASH.search(line):
                return f"{case()} crashes"
            elif warned := warning(line):
                if warned not in self.noise:
                    return f"{case()} warns of {warned}"
            return None
        limit = BOOT_LIMIT + PATIENCE * sum(self.seconds[n] for n in chosen)
        verdict = self.boot(f"vmb_planted={mutant.number} vmb_cases={digits}", limit, look)
        # Some are on while the kernel boots, and end it there.
        if not state["planted"] and verdict in ("hang", "end") and not self.boots():
            sys.exit("mutants.py: error: the kernel does not say which mutant is on: "
                     f"remove {self.folder}, and begin anew")
        if verdict == "hang":
            return case(), f"{case()} hangs"
        if verdict != "end":
            return case(), verdict
        if state["ran"] != len(order):
            return case(), f"{case()} ends the machine"
        return None, None

    def boots(self):
        """Whether it says so without a mutant."""
        return self.boot("vmb_cases=0", BOOT_LIMIT, lambda line: "yes" if
                         line == "VMB-PLANTED -1 1" else None) == "yes"


def same(one, other):
    with open(one, "rb") as a, open(other, "rb") as b:
        return a.read() == b.read()


def warning(line):
    """Where the kernel warns, if that is what it says."""
    match = re.match(r"WARNING: CPU: \d+ PID: \d+ at (\S+?):\d+ (\w+)", line)
    return match.group(2) if match else None
