#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Print this machine's own APT sources with the suite's name replaced.

usage: apt_sources.py OWN_SUITE WANTED_SUITE

Reads sources.list and sources.list.d in both of their formats, keeps what is
for OWN_SUITE (with -updates, -security, -backports), and prints the same
archives for WANTED_SUITE, with sources, one entry a line. Exits 1 when there
is none.
"""

import glob
import re
import sys


def deb822(text):
    """Yield (uris, suites, components, signed_by) of a .sources file."""
    for paragraph in re.split(r"\n\s*\n", text):
        lines = [l for l in paragraph.splitlines() if not l.startswith("#")]
        fields = {}
        for line in re.sub(r"\n[ \t]+", " ", "\n".join(lines)).splitlines():
            key, _, value = line.partition(":")
            fields[key.strip().lower()] = value.strip()
        if fields.get("enabled", "yes") == "no" or "uris" not in fields:
            continue
        signed = fields.get("signed-by", "")
        yield (fields["uris"].split(), fields.get("suites", "").split(),
               fields.get("components", "").split(),
               signed if signed.startswith("/") else "")


def one_line(text):
    """Yield the same of a sources.list file."""
    pattern = re.compile(r"^deb(?:-src)?\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)\s*(.*)$")
    for line in text.splitlines():
        match = pattern.match(line.split("#")[0].strip())
        if not match:
            continue
        signed = re.search(r"signed-by=(/\S+)", match.group(1) or "")
        yield ([match.group(2)], [match.group(3)], match.group(4).split(),
               signed.group(1) if signed else "")


def entries():
    for name in (["/etc/apt/sources.list"] +
                 sorted(glob.glob("/etc/apt/sources.list.d/*"))):
        try:
            with open(name, encoding="utf-8") as file:
                text = file.read()
        except OSError:
            continue
        if name.endswith(".sources"):
            yield from deb822(text)
        elif name.endswith(".list"):
            yield from one_line(text)


def wanted_suites(suite, own, wanted):
    """What SUITE of the machine's release becomes in the wanted one."""
    if suite == own:
        base = wanted.removesuffix("-backports")
        return [base] if base == wanted else [base, wanted]
    match = re.fullmatch(re.escape(own) + "(-updates|-security)", suite)
    # Testing and unstable get their fixes in the suite itself.
    if not match or wanted in ("sid", "unstable", "testing", "forky"):
        return []
    return [wanted.removesuffix("-backports") + match.group(1)]


def main():
    if sys.argv[1:2] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    if len(sys.argv) != 3:
        sys.exit(f"{sys.argv[0]}: error: wanted 2 arguments, try --help")
    own, wanted = sys.argv[1:]
    seen = []
    for uris, suites, components, signed in entries():
        option = "[signed-by=%s] " % signed if signed else ""
        for uri in uris:
            for suite in suites:
                for new in wanted_suites(suite, own, wanted):
                    line = "%s%s %s %s" % (option, uri, new, " ".join(components))
                    if line not in seen:
                        seen.append(line)
    for line in seen:
        print("deb " + line)
        print("deb-src " + line)
    return 0 if seen else 1


if __name__ == "__main__":
    sys.exit(main())
