#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The table of "make matrix": a kernel a line, and what became of it there.

usage: matrix_table.py FILE          prints it
       matrix_table.py --known       prints that of kunit/matrix.tsv, in Markdown
       matrix_table.py --self-test   sees that it shows what was recorded

A line of FILE is one result, its fields with tabs between: the cell of matrix.sh that it
is of; the kernel; its release, or "-" where that is not known; how it is configured;
built, KUnit, loopback or guest; ok, FAILED or skipped; and the day. Of several results of
a kernel in one column the worst is shown, "-" where there is none, and of the days the
first; a kernel that something ran on was built for, too.
"""
import pathlib
import sys

KNOWN = pathlib.Path(__file__).resolve().parent.parent.parent / "kunit/matrix.tsv"
RUN = ("KUnit", "loopback", "guest")
COLUMNS = ("built", *RUN)
RESULTS = ("ok", "skipped", "FAILED")
HEAD = ("kernel", "release", "arch", "page", "config", *COLUMNS, "since")


def architecture(kernel):
    """Of the machine, and how large a page is there."""
    if "arm64" not in kernel:
        return "x86_64", "4 KiB"
    return "arm64", "64 KiB" if "64k" in kernel else "16 KiB" if "16k" in kernel else "4 KiB"


def rows_of(lines):
    """Rows in the order in which kernels come first, their head before them."""
    kernels = {}
    for line in lines:
        if line.startswith("#"):
            continue
        _, kernel, release, config, column, result, day = line.split("\t")
        if column not in COLUMNS or result not in RESULTS:
            raise ValueError(f"no result: {line}")
        row = kernels.setdefault(kernel, {"release": "-", "config": config, "since": day})
        row["since"] = min(row["since"], day)
        if row["release"] == "-":
            row["release"] = release
        row[column] = max(row.get(column, "ok"), result, key=RESULTS.index)
    rows = [HEAD]
    for kernel, row in kernels.items():
        if "ok" in (row.get(column) for column in RUN):
            row.setdefault("built", "ok")
        rows.append((kernel, row["release"], *architecture(kernel), row["config"],
                     *(row.get(column, "-") for column in COLUMNS), row["since"]))
    return rows


def table(lines):
    """For a terminal."""
    rows = rows_of(lines)
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
            for row in rows]


def markdown(lines):
    """For a document."""
    head, *rows = rows_of(lines)
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]


def self_test():
    lines = ["6.1\t6.1\t6.1.0-5\tgcc-12\tbuilt\tok\t2026-02-03",
             "arm64\tarm64\t-\tweak\tbuilt\tFAILED\t2026-02-03",
             "boot-6.1\t6.1\t6.1.0-5-cloud\tgcc-12\tguest\tok\t2026-02-02",
             "peers-6.1\t6.1\t-\tgcc-12\tguest\tFAILED\t2026-02-04",
             "loopback-arm64\tarm64\t6.12.9\tweak\tloopback\tok\t2026-02-03",
             "kunit-arm64-64k\tarm64-64k\t6.12\tlarge\tKUnit\tok\t2026-02-03",
             "arm64-16k\tarm64-16k\t6.12\tlarge\tbuilt\tskipped\t2026-02-03"]
    shown = table(lines)
    wanted = [
        "kernel     release  arch    page    config  built    KUnit  loopback  guest   since",
        "6.1        6.1.0-5  x86_64  4 KiB   gcc-12  ok       -      -         FAILED  2026-02-02",
        "arm64      6.12.9   arm64   4 KiB   weak    FAILED   -      ok        -       2026-02-03",
        "arm64-64k  6.12     arm64   64 KiB  large   ok       ok     -         -       2026-02-03",
        "arm64-16k  6.12     arm64   16 KiB  large   skipped  -      -         -       2026-02-03"]
    assert shown == wanted, "\n".join(shown)
    assert markdown(lines)[2] == ("| 6.1 | 6.1.0-5 | x86_64 | 4 KiB | gcc-12 | ok | - | - "
                                  "| FAILED | 2026-02-02 |"), markdown(lines)[2]
    for line in ("6.1\t6.1\t-\tgcc-12\tbuilt\tperhaps\t2026-02-03",
                 "6.1\t6.1\t-\tgcc-12\tflown\tok\t2026-02-03", "6.1\tbuilt\tok"):
        try:
            table([line])
        except ValueError:
            continue
        raise AssertionError(f"taken: {line}")


def main(arguments):
    if arguments in (["-h"], ["--help"]):
        print(__doc__)
    elif arguments == ["--known"]:
        print("\n".join(markdown(KNOWN.read_text().splitlines())))
    elif arguments == ["--self-test"]:
        self_test()
    elif len(arguments) == 1 and not arguments[0].startswith("-"):
        print("\n".join(table(pathlib.Path(arguments[0]).read_text().splitlines())))
    else:
        sys.exit(f"{sys.argv[0]}: error: wanted one file, try --help")


if __name__ == "__main__":
    main(sys.argv[1:])
