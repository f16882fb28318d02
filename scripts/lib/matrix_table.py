#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The table of "make matrix": a kernel a line, and what became of it there.

usage: matrix_table.py FILE          prints it
       matrix_table.py --self-test   sees that it shows what was recorded

A line of FILE is one result, its fields with tabs between: the kernel, as matrix.sh calls
it; its release, or "-" where that is not known; how it is configured; built, KUnit,
loopback or guest; and ok, FAILED or skipped. Of several results of a kernel in one
column the worst is shown, "-" where there is none; a kernel that something ran on was
built for, too.
"""
import pathlib
import sys

RUN = ("KUnit", "loopback", "guest")
COLUMNS = ("built", *RUN)
RESULTS = ("ok", "skipped", "FAILED")
HEAD = ("kernel", "release", "arch", "page", "config", *COLUMNS)


def architecture(kernel):
    """Of the machine, and how large a page is there."""
    if "arm64" not in kernel:
        return "x86_64", "4 KiB"
    return "arm64", "64 KiB" if "64k" in kernel else "16 KiB" if "16k" in kernel else "4 KiB"


def table(lines):
    """Rows in the order in which kernels come first."""
    kernels = {}
    for line in lines:
        kernel, release, config, column, result = line.split("\t")
        if column not in COLUMNS or result not in RESULTS:
            raise ValueError(f"no result: {line}")
        row = kernels.setdefault(kernel, {"release": "-", "config": config})
        if row["release"] == "-":
            row["release"] = release
        row[column] = max(row.get(column, "ok"), result, key=RESULTS.index)
    rows = [HEAD]
    for kernel, row in kernels.items():
        if "ok" in (row.get(column) for column in RUN):
            row.setdefault("built", "ok")
        rows.append((kernel, row["release"], *architecture(kernel), row["config"],
                     *(row.get(column, "-") for column in COLUMNS)))
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
            for row in rows]


def self_test():
    shown = table(["6.1\t6.1.0-57-amd64\tgcc-12\tbuilt\tok",
                   "arm64\t-\tweak\tbuilt\tFAILED",
                   "6.1\t6.1.0-57-cloud-amd64\tgcc-12\tguest\tok",
                   "6.1\t-\tgcc-12\tguest\tFAILED",
                   "arm64\t6.12.9-arm64\tweak\tloopback\tok",
                   "arm64-64k\t6.12\tlarge\tKUnit\tok",
                   "arm64-16k\t6.12\tlarge\tbuilt\tskipped"])
    wanted = [
        "kernel     release         arch    page    config  built    KUnit  loopback  guest",
        "6.1        6.1.0-57-amd64  x86_64  4 KiB   gcc-12  ok       -      -         FAILED",
        "arm64      6.12.9-arm64    arm64   4 KiB   weak    FAILED   -      ok        -",
        "arm64-64k  6.12            arm64   64 KiB  large   ok       ok     -         -",
        "arm64-16k  6.12            arm64   16 KiB  large   skipped  -      -         -"]
    assert shown == wanted, "\n".join(shown)
    for line in ("6.1\t-\tgcc-12\tbuilt\tperhaps", "6.1\t-\tgcc-12\tflown\tok", "6.1\tbuilt\tok"):
        try:
            table([line])
        except ValueError:
            continue
        raise AssertionError(f"taken: {line}")


def main(arguments):
    if arguments in (["-h"], ["--help"]):
        print(__doc__)
    elif arguments == ["--self-test"]:
        self_test()
    elif len(arguments) == 1 and not arguments[0].startswith("-"):
        print("\n".join(table(pathlib.Path(arguments[0]).read_text().splitlines())))
    else:
        sys.exit(f"{sys.argv[0]}: error: wanted one file, try --help")


if __name__ == "__main__":
    main(sys.argv[1:])
