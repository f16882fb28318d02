#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Commits the library into a kernel tree, floor by floor, as its own drivers/vmbkmcl.

usage: series.py TOP LINUX   LINUX is a git repository that has at least drivers/Kconfig,
                             drivers/Makefile, MAINTAINERS and Documentation/driver-api/
                             index.rst; its user signs off
"""
import pathlib
import re
import subprocess
import sys
import textwrap

FOLDER = "drivers/vmbkmcl"
# Where our folders are in a kernel tree, the longest name first.
PLACES = (
    ("include/trace/events/", "include/trace/events/"),
    ("include/vmbkmcl", "include/linux/vmbkmcl"),
    ("drivers/kmcl/", f"{FOLDER}/"),
    ("drivers/clients/", f"{FOLDER}/clients/"),
    ("kunit/", f"{FOLDER}/kunit/"),
)
# And what includes are called there.
INCLUDES = (
    (r'#include <vmbkmcl', "#include <linux/vmbkmcl"),
    (r'#include "\.\./\.\./drivers/kmcl/', '#include "../../'),
    (r'#include "\.\./\.\./drivers/clients/', '#include "../../clients/'),
)
ABI = {"sysfs-vmbkmcl": "sysfs-bus-vmbkmcl", "debugfs-vmbkmcl": "debugfs-vmbkmcl",
       "module-parameters": "sysfs-module-vmbkmcl"}
# Comments of our Kbuild on what is not there.
DROPPED = ("# kunit/.kunitconfig", "# Only those that say it")
NAME = "HYPER-V VMBUS KERNEL MODE CLIENT LIBRARY (VMBKMCL)"
SAYS = {
    "wire": "Reads and writes packets in a ring that is two pointers and a size.",
    "channel": "The object that a driver has, its states and what is counted.",
    "memory": "What a channel shares with its peer, and the pages that packets may name.",
    "outbound": "The one outbound queue, sends and their ends.",
    "inbound": "What is read from the ring, and how it is completed.",
    "life": "Opening, closing, suspending, and the watch over them.",
    "face": "Making and configuring a channel, and what user space sees of it.",
    "transports": "A server and a client of one kernel as each other's peers.",
}


class Tree:
    """The kernel tree, and what was committed to it."""

    def __init__(self, top, linux):
        self.top, self.linux = top, linux

    def place(self, path):
        for ours, theirs in PLACES:
            if path.startswith(ours):
                return theirs + path[len(ours):]
        raise ValueError(f"{path} has no place in a kernel tree")

    def write(self, path, text):
        target = self.linux / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def add(self, paths):
        for path in paths:
            text = (self.top / path).read_text()
            for ours, theirs in INCLUDES:
                text = re.sub(ours, theirs, text)
            self.write(self.place(path), text)

    def change(self, path, change):
        self.write(path, change((self.linux / path).read_text()))

    def git(self, *arguments):
        subprocess.run(["git", "-C", self.linux, *arguments], check=True,
                       stdout=subprocess.DEVNULL)

    def commit(self, subject, body):
        body = "\n\n".join(textwrap.fill(" ".join(p.split()), 72) for p in body.split("\n\n"))
        self.git("add", "-A")
        self.git("commit", "-q", "--no-verify", "-s", "-m", f"{subject}\n\n{body}")


def makefile_of(kbuild, version, parts):
    """The objects of our Kbuild that are of these parts; nothing of building outside."""
    lines = ["# SPDX-License-Identifier: GPL-2.0", ""]
    begin = kbuild.index("# What the compiler cannot be asked for")
    skipping = False
    for line in kbuild[begin:].splitlines():
        line = re.sub(r"\$\(or \$\(\w+\),(\$\(\w+\))\)", r"\1", line)
        if "vmb_versioned" in line and "VMB_VERSION" not in line:
            continue
        if "VMB_VERSION" in line:
            line = f"ccflags-y += -DVMB_VERSION='\"{version}\"'"
        line = re.sub(r"drivers/kmcl/", "", line)
        line = re.sub(r"drivers/clients/", "clients/", line)
        line = re.sub(r"^# floor (\d) (\w+):.*", r"# floor \1: \2", line)
        if line.startswith("# The suites"):
            skipping = "kunit" not in parts
        elif re.match(r"obj-\$\(CONFIG_VMBKMCL_(?!HV)\w+\)", line):
            skipping = "clients" not in parts
        if not skipping and not line.startswith(DROPPED):
            lines.append(line)
    text = "\n".join(lines)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def kconfig_of(kconfig, parts):
    """The symbols of our Kconfig that are of these parts."""
    head, *blocks = re.split(r"(?=^config |^endif|^# VMBus has)", kconfig, flags=re.M)
    text = head
    for block in blocks:
        name = re.match(r"(?:config VMBKMCL_)?(\w*)", block)[1]
        part = "clients"
        if "KUNIT" in name:
            part = "kunit"
        elif not block.startswith("config") or name in ("HV", "HAVE_HYPERV_VMBUS"):
            part = "library"
        if part in parts:
            text += block
    return re.sub(r"\n{3,}", "\n\n", text)


def before(text, expression, what):
    """With what is put before the first line that matches."""
    found = re.search(expression, text, re.M)
    if not found:
        sys.exit(f"series.py: error: nothing to put it before: {expression}\n"
                 "series.py: try: another kernel tree")
    return text[:found.start()] + what + text[found.start():]


def maintainers(tree, text):
    ours = (tree.top / "MAINTAINERS").read_text()
    people = re.findall(r"^M:.*\n", ours[ours.index(NAME):], re.M)
    entry = [NAME + "\n", *people, "L:\tlinux-hyperv@vger.kernel.org\n", "S:\tMaintained\n"]
    entry += [f"F:\t{path}\n" for path in (
        "Documentation/ABI/testing/*vmbkmcl", "Documentation/driver-api/vmbkmcl.rst",
        f"{FOLDER}/", "include/linux/vmbkmcl*", "include/trace/events/vmbkmcl.h")]
    names = re.findall(r"^(?![A-Z]:\t)(\S.*)\n(?=[A-Z]:\t)", text, re.M)
    after = next(n for n in names if n.upper() > NAME)
    return before(text, f"^{re.escape(after)}$", "".join(entry) + "\n")


def floors_of(kbuild):
    """number, name, headers and objects of each floor, loopback's and the transport's
    apart."""
    found = re.findall(r"^# floor (\d) (\w+): (.*)\n((?:vmbkmcl-y.*\n)+)", kbuild, re.M)
    for number, name, headers, objects in found:
        sources = re.findall(r"(\w+)\.o$", objects, re.M)
        yield number, name, [*headers.split(), *(f"{s}.c" for s in sources)]


def series(tree):
    kbuild = (tree.top / "Kbuild").read_text()
    kconfig = (tree.top / "Kconfig").read_text()
    version = re.search(r'^PACKAGE_VERSION="(.*)"', (tree.top / "dkms.conf").read_text(),
                        re.M)[1]

    def files(pattern):
        return sorted(str(p.relative_to(tree.top)) for p in tree.top.glob(pattern))

    def wire(*parts):
        tree.write(f"{FOLDER}/Makefile", makefile_of(kbuild, version, parts))
        tree.write(f"{FOLDER}/Kconfig", kconfig_of(kconfig, parts))

    tree.add(files("include/*.h") + files("include/vmbkmcl*/*.h"))
    tree.change("MAINTAINERS", lambda text: maintainers(tree, text))
    tree.commit("vmbkmcl: what drivers of VMBus devices include", """
        The interface of a library with which a driver for a VMBus device is written the
        way that Windows' Kernel Mode Client Library (KMCL) has it: packets are handed to
        a callback and completed later, from anywhere, in any order; a send waits in the
        channel and does not fail for a full ring.

        The library follows, floor by floor; it is built when it is complete.""")
    kept = []
    for number, name, sources in floors_of(kbuild):
        kept += [s for s in sources if s.startswith("hv_")]
        ours = [f"drivers/kmcl/{s}" for s in sources if not s.startswith("hv_")]
        if name == "channel":
            ours += files("include/trace/events/*.h")
        tree.add(ours)
        tree.commit(f"vmbkmcl: floor {number}, {name}", SAYS[name] + """

            A file calls only what stands before it in the Makefile to come, and includes
            headers of its own floor and of lower ones.""")
    tree.add(sorted({f"drivers/kmcl/{s}" for s in kept} | set(files("drivers/kmcl/hv_*"))))
    tree.commit("vmbkmcl: hv_vmbus as a transport", """
        Makes an hv_driver of every driver of the library. Rings are read and written in
        place; what that relies on in the structs of hv_vmbus is checked by the compiler.""")
    wire("library")
    tree.change("drivers/Kconfig", lambda text: before(
        text, r"^endmenu\n\Z", f'source "{FOLDER}/Kconfig"\n\n'))
    tree.change("drivers/Makefile", lambda text: text.rstrip("\n") +
                "\nobj-$(CONFIG_VMBKMCL)\t\t+= vmbkmcl/\n")
    tree.commit("vmbkmcl: build it", """
        As two modules: vmbkmcl needs no hypervisor, vmbkmcl_hv is its transport over
        hv_vmbus.""")
    tree.add(files("drivers/clients/*/*.[ch]"))
    wire("library", "clients")
    tree.commit("vmbkmcl: clients to begin with", """
        Small, complete drivers, for both directions, for Dynamic Memory and the
        heartbeat, and a model of a block device with both ends in one kernel.""")
    tree.add(files("kunit/fixtures/*.[ch]") + files("kunit/bench/*.[ch]"))
    tree.commit("vmbkmcl: fixtures and the benchmark of KUnit suites", """
        Channels whose peer is the test, and instructions and allocations of a packet,
        counted beside those of the kernel's own ring functions.""")
    for folder in sorted({p.split("/")[1] for p in files("kunit/*/*_test.c")}):
        tree.add(files(f"kunit/{folder}/*.[ch]"))
        tree.commit(f"vmbkmcl: KUnit suites, {folder}", "Built with the last of them.")
    wire("library", "clients", "kunit")
    tree.commit("vmbkmcl: build the KUnit suites", """
        They are part of the modules, because they call what those do not export.""")
    for ours, theirs in ABI.items():
        text = (tree.top / "include/ABI" / ours).read_text()
        tree.write(f"Documentation/ABI/testing/{theirs}",
                   re.sub(r"\A\.\. SPDX.*\n+", "", text))
    tree.write("Documentation/driver-api/vmbkmcl.rst",
               (tree.top / "scripts/patch/vmbkmcl.rst").read_text())
    tree.change("Documentation/driver-api/index.rst",
                lambda text: before(text, r"^   vme$", "   vmbkmcl\n"))
    tree.commit("vmbkmcl: documentation", """
        What drivers call, and what user space sees.""")


def main():
    if sys.argv[1:2] and sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        return 0
    if len(sys.argv) != 3 or sys.argv[1].startswith("-"):
        sys.exit(f"{sys.argv[0]}: error: wanted 2 arguments, try --help")
    series(Tree(*map(pathlib.Path, sys.argv[1:])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
