#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Judges what layout.py has found in a kernel, by the table of what the modules lean on,
and shows in what kernels differ.

usage: report.py used EXPECTED USED          the table has what the sources use, as
                                             fields.py prints it, and no more
       report.py symbols|fields|built|functions EXPECTED LAYOUT
                                             symbols: each imported one is exported to us
                                             fields: each member is there, of such a type
                                             built: and where the modules look for it
                                             functions: each has one of the types
       report.py differences LAYOUT...       between kernels, oldest first
       report.py --self-test                 planted changes are found
"""
import copy
import json
import pathlib
import sys
import tempfile

from expected import MAY_LACK, read_expected

REMEDY = "see what became of it in the kernel's history; then the code, and this table"


def used(expected, uses):
    """What the table lacks, and what it has that nobody uses."""
    for struct, member in sorted(uses - set(expected["fields"])):
        yield f"struct {struct}: {member} is used, and not in the table"
    for struct, member in sorted(set(expected["fields"]) - uses):
        # Without it in the headers nobody uses it.
        if MAY_LACK in expected["fields"][struct, member]:
            continue
        yield f"struct {struct}: {member} is in the table, and not used"


def symbols(_, layout):
    for name, entry in sorted(layout["symbols"].items()):
        by = ", ".join(entry["by"])
        if not entry["export"]:
            yield f"{name} is not exported any more; {by} cannot be loaded"
        elif entry["missing_namespace"]:
            yield (f"{name} is exported to {entry['missing_namespace']} only, "
                   f"which {by} does not import")


def fields(expected, layout):
    for (struct, member), types in expected["fields"].items():
        members = layout["kernel"].get(struct)
        if members is None:
            yield f"struct {struct} is not there any more"
        elif member not in members:
            if MAY_LACK in types:
                continue
            yield f"struct {struct}: {member} is not there any more"
        elif members[member]["type"] not in types:
            yield (f"struct {struct}: {member} is {members[member]['type']}, "
                   f"not {' or '.join(types)}")


def place(member):
    bits, offset = member["bits"], member["offset"]
    return f"{bits} bits at {offset // 8}" + (f".{offset % 8}" if offset % 8 else "")


def built(expected, layout):
    """Of the used structs whole: inline functions of the kernel's know other members."""
    for struct in sorted({struct for struct, _ in expected["fields"]}):
        theirs, ours = layout["kernel"].get(struct) or {}, layout["built"].get(struct)
        # The modules do not know what they do not use.
        if ours is None:
            continue
        for member in sorted(set(theirs) | set(ours)):
            there, here = (m.get(member) for m in (theirs, ours))
            if not there or not here:
                yield (f"struct {struct}: {member} is "
                       f"{'in the kernel' if there else 'in its headers'} only")
            elif place(there) != place(here):
                yield (f"struct {struct}: {member} is {place(there)} in the kernel, "
                       f"{place(here)} by its headers")


def functions(expected, layout):
    for name, found in sorted(layout["functions"].items()):
        types = expected["functions"].get(name)
        if types is None:
            yield f"{name}() is called, and not in the table"
        elif name not in layout["symbols"]:
            yield f"{name}() is in the table, and not called"
        elif found is None:
            yield f"{name}() is not among the kernel's types"
        elif found not in types:
            yield f"{name}() is {found}, not {' or '.join(types)}"


JUDGES = {"symbols": symbols, "fields": fields, "built": built, "functions": functions}

# ---------------------------------------------------------------------------


def row_of(layouts, name, cells):
    """A row, if its cells differ."""
    return [[name, *cells]] if len(set(cells)) > 1 and len(layouts) > 1 else []


def differences(layouts):
    """Rows of a table: what differs, and what each kernel has."""
    rows = [["", *(entry["release"] for entry in layouts)]]
    for struct in sorted({s for entry in layouts for s in entry["kernel"]}):
        of = [entry["kernel"].get(struct) or {} for entry in layouts]
        for member in sorted({m for members in of for m in members}):
            cells = [f"{place(m[member])}: {m[member]['type']}" if member in m else "-"
                     for m in of]
            rows += row_of(layouts, f"{struct}.{member}", cells)
    for name in sorted({f for entry in layouts for f in entry["functions"]}):
        rows += row_of(layouts, f"{name}()",
                       [str(entry["functions"].get(name) or "-") for entry in layouts])
    for name in sorted({s for entry in layouts for s in entry["symbols"]}):
        of = [entry["symbols"].get(name) for entry in layouts]
        rows += row_of(layouts, name, ["-" if e is None else f"{e['export']} of {e['module']}" for e in of])
    return rows


def show(layouts):
    rows = differences(layouts)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip())
    crc = [{n: e.get("crc") for n, e in entry["symbols"].items()} for entry in layouts]
    for older, newer, names in zip(layouts, layouts[1:], zip(crc, crc[1:])):
        both = set(names[0]) & set(names[1])
        changed = sum(names[0][n] != names[1][n] for n in both)
        print(f"checksums from {older['release']} to {newer['release']}: "
              f"{changed} of {len(both)} differ", file=sys.stderr)


# ---------------------------------------------------------------------------

TABLE = """# a comment
channel rescind\tbool
driver remove\tint (*)(void) | void (*)(void)
driver secret\tbool | -
function vmbus_open\tint (struct channel *)
"""


def member(offset, bits, kind):
    return {"offset": offset, "bits": bits, "type": kind}


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "expected"
        path.write_text(TABLE)
        expected = read_expected(path)
    structs = {"channel": {"rescind": member(8, 8, "bool"), "state": member(32, 32, "u32")},
               "driver": {"remove": member(0, 64, "void (*)(void)")}}
    good = {"release": "1", "kernel": structs, "built": copy.deepcopy(structs),
            "functions": {"vmbus_open": "int (struct channel *)"},
            "symbols": {"vmbus_open": {"export": "EXPORT_SYMBOL_GPL", "module": "hv_vmbus",
                                       "crc": "0x1", "by": ["hv"], "missing_namespace": None}}}
    planted = [
        ("fields", lambda g: g["kernel"]["channel"].pop("rescind"),
         "struct channel: rescind is not there any more"),
        ("fields", lambda g: g["kernel"].update(channel=None),
         "struct channel is not there any more"),
        ("fields", lambda g: g["kernel"]["channel"]["rescind"].update(type="u8"),
         "struct channel: rescind is u8, not bool"),
        ("fields", lambda g: g["kernel"]["driver"]["remove"].update(type="long (*)(void)"),
         "struct driver: remove is long (*)(void), not int (*)(void) or void (*)(void)"),
        ("fields", lambda g: g["kernel"]["driver"].update(secret=member(64, 8, "u8")),
         "struct driver: secret is u8, not bool or -"),
        ("built", lambda g: g["kernel"]["channel"]["rescind"].update(offset=16),
         "struct channel: rescind is 8 bits at 2 in the kernel, 8 bits at 1 by its headers"),
        ("built", lambda g: g["kernel"]["channel"]["state"].update(bits=64),
         "struct channel: state is 64 bits at 4 in the kernel, 32 bits at 4 by its headers"),
        ("built", lambda g: g["kernel"]["channel"].update(new=member(64, 8, "bool")),
         "struct channel: new is in the kernel only"),
        ("symbols", lambda g: g["symbols"]["vmbus_open"].update(export=None),
         "vmbus_open is not exported any more; hv cannot be loaded"),
        ("symbols", lambda g: g["symbols"]["vmbus_open"].update(missing_namespace="HV"),
         "vmbus_open is exported to HV only, which hv does not import"),
        ("functions", lambda g: g["functions"].update(vmbus_open="int (struct channel *, int)"),
         "vmbus_open() is int (struct channel *, int), not int (struct channel *)"),
        ("functions", lambda g: g["functions"].update(vmbus_open=None),
         "vmbus_open() is not among the kernel's types"),
        ("functions", lambda g: g["functions"].update(vmbus_new="int (void)"),
         "vmbus_new() is called, and not in the table"),
        ("functions", lambda g: g["symbols"].clear(),
         "vmbus_open() is in the table, and not called"),
    ]
    for judge in JUDGES.values():
        assert not list(judge(expected, good)), list(judge(expected, good))
    for name, plant, finding in planted:
        bad = copy.deepcopy(good)
        plant(bad)
        assert list(JUDGES[name](expected, bad)) == [finding], list(JUDGES[name](expected, bad))
    uses = set(expected["fields"]) - {("driver", "secret")}
    assert not list(used(expected, uses))
    assert not list(used(expected, set(expected["fields"])))
    assert list(used(expected, uses | {("channel", "state")})) == [
        "struct channel: state is used, and not in the table"]
    assert list(used(expected, uses - {("channel", "rescind")})) == [
        "struct channel: rescind is in the table, and not used"]
    newer = copy.deepcopy(good)
    newer["release"] = "2"
    newer["kernel"]["channel"]["rescind"]["offset"] = 0
    assert differences([good, newer]) == [
        ["", "1", "2"], ["channel.rescind", "8 bits at 1: bool", "8 bits at 0: bool"]]
    print(f"{len(planted) + 2} planted changes were found")


def main(arguments):
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    verb, *paths = arguments or [""]
    if verb == "--self-test":
        self_test()
        return 0
    if verb not in (*JUDGES, "used", "differences") or \
       (verb != "differences" and len(paths) != 2):
        sys.exit(f"{sys.argv[0]}: error: not known: {' '.join(arguments)}, try --help")
    paths = [pathlib.Path(p) for p in paths]
    if verb == "differences":
        show([json.loads(p.read_text()) for p in paths])
        return 0
    expected = read_expected(paths[0])
    if verb == "used":
        uses = {tuple(line.split("\t")) for line in paths[1].read_text().splitlines()}
        findings = list(used(expected, uses))
    else:
        findings = list(JUDGES[verb](expected, json.loads(paths[1].read_text())))
    if findings:
        print("\n".join(findings))
        print(f"{paths[0]}: {REMEDY}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
