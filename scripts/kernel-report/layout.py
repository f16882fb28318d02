#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What a kernel has of all that the modules lean on, as JSON: the symbols that they
import, and the structs and functions of hv_vmbus, by its own types (BTF) and as the
modules were built (by their debug information).

usage: layout.py KERNEL MODULES EXPECTED   KERNEL as guest/kernel.sh leaves it, MODULES
                                           as guest/build-modules.sh does
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import btf
from expected import read_expected

OURS = ("vmbkmcl", "vmbkmcl_hv")
# What the kernel asks of any module, and exports to none.
NO_EXPORT = ("__this_module",)


def kernel_types(kernel, release):
    """BTF of the kernel, of hv_vmbus above it if that is a module; and what exports."""
    image = btf.vmlinux_of((kernel / "vmlinuz").read_bytes())
    types = btf.section(image, ".BTF")
    if types is None:
        sys.exit(f"layout.py: error: Linux {release} has no BTF\n"
                 "layout.py: try: a kernel with CONFIG_DEBUG_INFO_BTF")
    base = btf.Btf(types)
    modules = kernel / "root/lib/modules" / release
    found = sorted(modules.rglob("hv_vmbus.ko*"))
    if not found:
        return base
    return btf.Btf(btf.section(btf.unpack(found[0].read_bytes()), ".BTF"), base)


def module_types(module):
    """BTF made of a module's debug information: the types as its compiler saw them."""
    with tempfile.TemporaryDirectory() as scratch:
        file = pathlib.Path(scratch) / "types"
        subprocess.run(["pahole", "--btf_encode_detached", file, "-J", module], check=True,
                       capture_output=True)
        return btf.Btf(file.read_bytes())


def undefined(module):
    lines = subprocess.run(["nm", "-u", module], check=True, capture_output=True,
                           text=True).stdout.split("\n")
    return {line.split()[-1] for line in lines if line} - set(NO_EXPORT)


def namespaces(module):
    return subprocess.run(["modinfo", "-F", "import_ns", module], check=True,
                          capture_output=True, text=True).stdout.split()


def read_symvers(path):
    """symbol -> checksum, module, kind of export, namespace."""
    symbols = {}
    for line in path.read_text().splitlines():
        crc, name, module, kind, *namespace = line.split("\t")
        symbols[name] = {"crc": crc, "module": module, "export": kind,
                         "namespace": "".join(namespace)}
    return symbols


def layout(kernel, modules, expected):
    release = (kernel / "release").read_text().strip()
    kdir = pathlib.Path((kernel / "kdir").read_text().strip())
    exported = read_symvers(kdir / "Module.symvers")
    own = read_symvers(modules / "Module.symvers")
    symbols = {}
    for name in OURS:
        module = modules / f"{name}.ko"
        imported = namespaces(module)
        for symbol in sorted(undefined(module) - set(own)):
            entry = dict(exported.get(symbol, {"export": None}))
            entry["by"] = symbols.get(symbol, {"by": []})["by"] + [name]
            entry["missing_namespace"] = (entry.get("namespace") or None) \
                if entry.get("namespace") not in imported else None
            symbols[symbol] = entry
    theirs = kernel_types(kernel, release)
    ours = module_types(modules / f"{OURS[1]}.ko")
    structs = sorted({struct for struct, _ in expected["fields"]})
    functions = set(expected["functions"]) | {s for s in symbols
                                              if re.match(r"(__)?(vmbus|hv)_", s)}
    return {
        "release": release,
        "symbols": symbols,
        "kernel": {s: theirs.members(s) for s in structs},
        "built": {s: ours.members(s) for s in structs},
        "functions": {f: theirs.function(f) for f in sorted(functions)},
    }


def main():
    if sys.argv[1:2] and sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        return 0
    if len(sys.argv) != 4 or sys.argv[1].startswith("-"):
        sys.exit(f"{sys.argv[0]}: error: wanted 3 arguments, try --help")
    kernel, modules, expected = map(pathlib.Path, sys.argv[1:])
    json.dump(layout(kernel, modules, read_expected(expected)), sys.stdout, indent=1,
              sort_keys=True)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
