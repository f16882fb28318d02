#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The Windows names of include/vmbkmcl_windows.h, held against kunit/windows/functions.tsv,
which has every function and callback of KMCL's: each is declared with the result and
the arguments that it has there, or is absent for a reason; nothing else is declared;
what is declared is called by a test.

usage: windows-api.py               look, print what is wrong
       windows-api.py --self-test   see that it finds what is wrong
       windows-api.py --functions   print all functions as a table
       windows-api.py --absent      print those that are absent as a table
       windows-api.py --statuses    print which NTSTATUS an errno becomes as a table
"""
import re
import sys

import checker
import tables

TABLE = "kunit/windows/functions.tsv"
FILES = (TABLE, "include/vmbkmcl_windows.h", "include/vmbkmcl_windows/*.h", "kunit/windows/*.[ch]")
COUNTS = {"function": 74, "callback": 21}
FIELDS = ("kind", "name", "returns", "count", "types", "state", "reason")
# What the families of statuses are called by.
FAMILIES = {
    "configure": "setters", "enable": "allocate, enable, PNP_FAILURE", "send": "sends",
    "completion": "completion routines", "synchronous": "synchronous requests",
    "external_data": "external data", "gpadl": "GPADLs",
    "save": "save and restore",
}


def is_test(path):
    return path.startswith("kunit/") and path != TABLE


def rows_of(tree):
    for line in tree[TABLE].splitlines():
        if not line.startswith("#"):
            yield dict(zip(FIELDS, line.split("\t")))


def headers_of(tree):
    text = "\n".join(t for p, t in tree.items() if p.startswith("include/"))
    return checker.without_comments(text)


def types_of(arguments):
    """The types of a list of parameters, without their names."""
    types = []
    for argument in arguments.split(","):
        words = " ".join(argument.replace("*", " * ").split())
        if words not in ("", "VOID", "void"):
            types.append(re.sub(r" ?\w+$", "", words))
    return types


def declared_of(headers):
    """name -> (kind, what it returns, types of its arguments)"""
    found = {}
    for returns, name, arguments in re.findall(
            r"^static inline ([\w ]+?\**)\s*\b(Vmb\w+)\(([^)]*)\)\n\{", headers, re.M):
        returns = re.sub(r"\b(FASTCALL|__must_check)\b", "", returns).strip()
        found[name] = ("function", returns, types_of(arguments))
    for returns, name, arguments in re.findall(
            r"^typedef (\w+) (EVT_\w+)\(([^)]*)\);", headers, re.M):
        found[name] = ("callback", returns, types_of(arguments))
    return found


def problems_of(tree):
    headers = headers_of(tree)
    declared = declared_of(headers)
    tests = "\n".join(t for p, t in tree.items() if is_test(p))
    problems, known, counts = [], set(), dict.fromkeys(COUNTS, 0)
    for row in rows_of(tree):
        name = row["name"]
        types = [] if row["types"] == "-" else row["types"].split(", ")
        if name in known:
            problems.append(f"{name} stands twice in the table")
        known.add(name)
        counts[row["kind"]] += 1
        if int(row["count"]) != len(types):
            problems.append(f"{name} has {len(types)} types in the table, not {row['count']}")
        if row["state"] == "absent":
            if not re.match(r"(never|for now): \w", row.get("reason", "")):
                problems.append(f"{name} is absent without a reason")
            if name in declared:
                problems.append(f"{name} is declared, and absent in the table")
            continue
        if name not in declared:
            problems.append(f"{name} is not declared")
            continue
        kind, returns, have = declared[name]
        if (kind, returns) != (row["kind"], row["returns"]):
            problems.append(f"{name} is a {kind} that returns {returns}, not {row['returns']}")
        if have != types:
            problems.append(f"{name} has ({', '.join(have)}), not ({', '.join(types)})")
        if kind == "callback" and \
           not re.search(rf"^typedef {name} \*PFN_{name[4:]};", headers, re.M):
            problems.append(f"{name} has no PFN type")
        if not re.search(rf"\b{name}\b", tests):
            problems.append(f"{name} is in no test of kunit/windows")
    problems += [f"{name} is declared, and not in the table" for name in declared
                 if name not in known]
    problems += [f"{counts[kind]} rows are a {kind}, not {count}"
                 for kind, count in COUNTS.items() if counts[kind] != count]
    return problems


def print_functions(tree):
    tables.show(("KMCL", "arguments", "here"), [
        (row["name"], row["count"], "yes" if row["state"] == "here" else row["reason"])
        for row in rows_of(tree) if row["kind"] == "function"])


def print_absent(tree):
    reasons = {}
    for row in rows_of(tree):
        if row["state"] == "absent":
            reasons.setdefault(row["reason"], []).append(row["name"])
    tables.show(("absent", "why"), [(", ".join(names), reason)
                                    for reason, names in reasons.items()])


def print_statuses(tree):
    families = re.findall(r"NTSTATUS vmb_windows_(\w+)_status\(int error.*?\n\{\n.*?"
                          r"table\[\] = \{\n(.*?)\t\};", headers_of(tree), re.S)
    if [name for name, _ in families] != list(FAMILIES):
        sys.exit("windows-api.py: error: the families of statuses are others")
    special = {"wrong": "STATUS_INVALID_PARAMETER_n, of the argument"}
    tables.show(("calls", "errno", "NTSTATUS"), [
        (FAMILIES[name], error, special.get(status, status)) for name, rows in families
        for error, status in re.findall(r"\{ (-\w+), (\w+) \}", rows)])


HEADERS = "include/vmbkmcl_windows/"
PLANTED = (
    (HEADERS + "outbound.h", "VmbPacketFree(VMBPACKET VmbPacket)",
     "VmbPacketFreed(VMBPACKET VmbPacket)",
     ("VmbPacketFree is not declared", "VmbPacketFreed is declared, and not in the table")),
    (HEADERS + "channel.h", "VmbChannelStart(VMBCHANNEL Channel)",
     "VmbChannelStart(VMBCHANNEL Channel, UINT32 Flags)",
     ("VmbChannelStart has (VMBCHANNEL, UINT32), not (VMBCHANNEL)",)),
    (HEADERS + "outbound.h", "static inline UINT32 VmbChannelSizeofPacket",
     "static inline ULONG VmbChannelSizeofPacket",
     ("VmbChannelSizeofPacket is a function that returns ULONG, not UINT32",)),
    (HEADERS + "gpadl.h", "UINT32 Flags,\n\t\t\t\t\t  UINT32 GpadlHandle, PMDL *Mdl)",
     "UINT32 Flags,\n\t\t\t\t\t  UINT32 GpadlHandle, PMDL Mdl)",
     ("VmbChannelMapGpadl has (VMBCHANNEL, UINT32, UINT32, PMDL), not "
      "(VMBCHANNEL, UINT32, UINT32, PMDL *)",)),
    (HEADERS + "callbacks.h", "EVT_VMB_CHANNEL_PNP_FAILURE(VMBCHANNEL Channel, NTSTATUS",
     "EVT_VMB_CHANNEL_PNP_FAILURE(VMBCHANNEL Channel, int",
     ("EVT_VMB_CHANNEL_PNP_FAILURE has (VMBCHANNEL, int), not (VMBCHANNEL, NTSTATUS)",)),
    (HEADERS + "callbacks.h", "*PFN_VMB_CHANNEL_CLOSED;", "*PFN_VMB_CHANNEL_CLOSING;",
     ("EVT_VMB_CHANNEL_CLOSED has no PFN type",)),
    (TABLE, "function\tVmbPacketFree\t", "callback\tVmbPacketFree\t",
     ("73 rows are a function, not 74", "22 rows are a callback, not 21",
      "VmbPacketFree is a function that returns VOID")),
    (TABLE, "absent\tnever: hv_vmbus", "absent\t-hv_vmbus",
     ("VmbChannelSetInterruptLatency is absent without a reason",)),
    (TABLE, "function\tVmbChannelPause\tVOID\t1\tVMBCHANNEL\there\t-",
     "function\tVmbChannelPause\tVOID\t1\tVMBCHANNEL\tabsent\tnever: we say so",
     ("VmbChannelPause is declared, and absent in the table",)),
    ("kunit/windows/windows_packet_test.c", "VmbPacketGetChannel", "VmbPacketGetDevice",
     ("VmbPacketGetChannel is in no test of kunit/windows",)),
)


def main(options):
    prints = {"--functions": print_functions, "--absent": print_absent,
              "--statuses": print_statuses}
    if len(options) == 1 and options[0] in prints:
        prints[options[0]](checker.read(FILES))
        return 0
    return checker.main(__doc__, FILES, problems_of, PLANTED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
