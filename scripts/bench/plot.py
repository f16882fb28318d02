#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Draws kunit/bench.svg from kunit/bench-baseline.json, by matplotlib.

usage: plot.py [--check]

With --check nothing is drawn, and no matplotlib is needed: it fails if the picture is
not of these numbers, whose digest stands in it.
"""
import hashlib
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BASELINE = os.path.join(HERE, "../../kunit/bench-baseline.json")
PICTURE = os.path.join(HERE, "../../kunit/bench.svg")
COMMAND = "scripts/bench/plot.py"

# What is drawn side by side: name, part of the result, ours, raw, size.
BARS = (
    ("in, 64 bytes", "instructions", "ours-inline", "raw", "64"),
    ("in, 4,096 bytes", "instructions", "ours-inline", "raw", "4096"),
    ("in, later, 64 bytes", "instructions", "ours-deferred", "raw-retain", "64"),
    ("in, later, 4,096 bytes", "instructions", "ours-deferred", "raw-retain", "4096"),
    ("out, 64 bytes", "instructions", "ours-send", "raw-send", "64"),
    ("out, 4,096 bytes", "instructions", "ours-send", "raw-send", "4096"),
    ("out, 1 page", "instructions", "ours-external", "raw-external", "1"),
    ("out, 16 pages", "instructions", "ours-external", "raw-external", "16"),
    ("out, 128 pages", "instructions", "ours-external", "raw-external", "128"),
    ("out, 16 pages in a row", "external_contiguous", "ours-external", "raw-external", "16"),
    ("out, 128 pages in a row", "external_contiguous", "ours-external", "raw-external",
     "128"),
    ("synchronous", "instructions", "ours-synchronous", "raw-synchronous", "64"),
)


def draw(result, digest):
    """Shares of raw, with the instructions of both behind each."""
    import matplotlib  # pylint: disable=import-outside-toplevel
    matplotlib.use("svg")
    # The same picture of the same numbers, whenever it is drawn.
    matplotlib.rcParams["svg.hashsalt"] = "vmbkmcl"
    matplotlib.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot  # pylint: disable=import-outside-toplevel

    pairs = [(result[part][ours][size], result[part][raw][size])
             for _, part, ours, raw, size in BARS]
    places = range(len(BARS), 0, -1)
    figure, axes = pyplot.subplots(figsize=(9, 5))
    axes.barh(places, [ours / raw for ours, raw in pairs], color="#3b6ea5", height=0.7)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(list(places), [bar[0] for bar in BARS])
    axes.set_xlim(0, 1.35)
    axes.set_xlabel("instructions a packet, as a share of the kernel's own functions")
    for place, (ours, raw) in zip(places, pairs):
        axes.text(ours / raw + 0.01, place, f"{ours:,.0f} of {raw:,.0f}", va="center",
                  fontsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    figure.savefig(PICTURE, format="svg", metadata={
        "Date": None, "Creator": COMMAND, "Description": f"numbers {digest}"})
    # matplotlib leaves blanks at the ends of lines.
    with open(PICTURE, encoding="utf-8") as file:
        lines = [line.rstrip() for line in file]
    lines.insert(1, "<!-- SPDX-License-Identifier: GPL-2.0 -->")
    with open(PICTURE, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def main():
    """Draw, or look."""
    if sys.argv[1:] not in ([], ["--check"]):
        known = sys.argv[1] in ("-h", "--help")
        print(__doc__.strip() if known else
              f"plot.py: error: unknown option {sys.argv[1]}\n"
              f"plot.py: try: {COMMAND} --help", file=sys.stdout if known else sys.stderr)
        return 0 if known else 2
    with open(BASELINE, encoding="utf-8") as file:
        result = json.load(file)
    digest = hashlib.sha256(json.dumps(result, sort_keys=True).encode()).hexdigest()
    if not sys.argv[1:]:
        draw(result, digest)
        return 0
    with open(PICTURE, encoding="utf-8") as file:
        if digest in file.read():
            return 0
    print("plot.py: error: kunit/bench.svg is not of kunit/bench-baseline.json\n"
          f"plot.py: try: {COMMAND}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
