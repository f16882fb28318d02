#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Which members of hv_vmbus's structs the hv transport uses: the compiler is asked. All
members in a copy of linux/hyperv.h get other names, and it says which ones it misses;
those get their names back, so that it says what is used inside of them; until it misses
none.

usage: fields.py KDIR SOURCES   SOURCES is a copy of the tree, which is spoilt. Prints
                                a struct and a member a line
"""
import os
import pathlib
import re
import subprocess
import sys

# Includes all that knows hv_vmbus, so that one call of the compiler has it all.
PROBE = "fields_probe"
MISSED = re.compile(r"^(\S+?):\d+:\d+: error: ['‘](?:const )?(?:struct|union) ([\w<> ]+)['’] "
                    r"has no member named ['‘](\w+)['’]", re.M)
OTHER = "vmb_renamed_"


def struct_bodies(text):
    """Name, begin and end of each struct and union that is defined at the top."""
    for head in re.finditer(r"^(?:struct|union) (\w+) \{", text, re.M):
        depth, at = 1, head.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
        yield head[1], head.end(), at - 1


def declarators(body):
    """Where the members' names stand in a body without comments."""
    for piece in re.finditer(r"[^;{}]+(?=;)", body):
        text = piece[0]
        pointer = re.search(r"\(\s*\*\s*(\w+)\s*\)\s*\(", text)
        if pointer:
            yield piece.start() + pointer.start(1), pointer[1]
            continue
        at = piece.start()
        for part in text.split(","):
            plain = re.search(r"(\w+)\s*(?:\[[^]]*\]\s*)*(?::\s*\w+\s*)?"
                              r"(?:__\w+(?:\(.*\))?\s*)*$", part)
            if plain and not plain[1].startswith("__"):
                yield at + plain.start(1), plain[1]
            at += len(part) + 1


def renamed(text, spared):
    """The header, all members renamed but those that are spared."""
    # Lengths stay, so that places do.
    text = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S)
    text = re.sub(r"//[^\n]*", lambda m: " " * len(m[0]), text)
    cuts = [(begin + at, name) for struct, begin, end in struct_bodies(text)
            for at, name in declarators(text[begin:end]) if (struct, name) not in spared]
    for at, name in sorted(cuts, reverse=True):
        text = text[:at] + OTHER + text[at:]
    return text, len(cuts)


def compile_probe(kdir, sources):
    """What the compiler says about our own files."""
    done = subprocess.run(["make", "-C", kdir, f"M={sources}", f"drivers/kmcl/{PROBE}.o"],
                          capture_output=True, text=True, check=False, timeout=300,
                          env=os.environ | {"LC_ALL": "C"})
    said = [line for line in (done.stdout + done.stderr).splitlines()
            if re.match(r"\S*drivers/kmcl/\S+:\d+:\d+: error:", line)]
    return done.returncode, "\n".join(said), done.stderr


def used(kdir, sources):
    kmcl = sources / "drivers/kmcl"
    config = (kdir / "Makefile").read_text()
    headers = [kdir / "include/linux/hyperv.h"]
    headers += [pathlib.Path(p).parent / "include/linux/hyperv.h"
                for p in re.findall(r"^include (\S+/Makefile)$", config, re.M)]
    header = next(h for h in headers if h.exists()).read_text()
    files = sorted(p.name for p in kmcl.glob("hv_*.c"))
    (kmcl / f"{PROBE}.c").write_text('#include "compat.h"\n#include "hv_layout.h"\n' +
                                     "".join(f'#include "{f}"\n' for f in files))
    copy = sources / "hyperv_renamed.h"
    with open(sources / "Kbuild", "a", encoding="ascii") as kbuild:
        # What is used inside of a macro is to be said of where the macro stands.
        kbuild.write(f"\nccflags-y += -include {copy} -ftrack-macro-expansion=0\n"
                     "ccflags-y += -DVMB_VERSION='\"\"'\nobj-m += vmb_fields.o\n"
                     f"vmb_fields-y := drivers/kmcl/{PROBE}.o\n")
    copy.write_text(header)
    status, _, errors = compile_probe(kdir, sources)
    if status:
        sys.exit(f"fields.py: error: the transport does not build as one file\n{errors}")
    found = set()
    while True:
        text, count = renamed(header, found)
        assert count > 100, f"{count} members in linux/hyperv.h"
        copy.write_text(text)
        _, said, _ = compile_probe(kdir, sources)
        new = {(struct, name) for _, struct, name in MISSED.findall(said)} - found
        if not new:
            return found
        found |= new


def main():
    if sys.argv[1:2] and sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        return 0
    if len(sys.argv) != 3 or sys.argv[1].startswith("-"):
        sys.exit(f"{sys.argv[0]}: error: wanted 2 arguments, try --help")
    for struct, name in sorted(used(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))):
        print(f"{struct}\t{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
