#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Draws the lives of channels, and what goes through them, from a trace.

usage: picture.py TRACE PICTURE

  TRACE    what tracefs' "trace" has, or "perf script", or "trace-cmd report" prints, of
           vmb_life at least; of vmb_fetch and vmb_write for the rates
  PICTURE  such as life.svg; or .png, .pdf

For example, as root:

    cd /sys/kernel/tracing
    for e in life fetch write; do echo 1 >events/vmbkmcl/vmb_$e/enable; done
    sleep 10; cat trace >/tmp/trace; echo 0 >events/vmbkmcl/enable
    picture.py /tmp/trace life.svg

Above, for each channel, its states and the steps between them; below, what it has
read and written, in packets a millisecond. Where the trace says that events were lost,
so does the picture, and standard error. Needs matplotlib (python3-matplotlib).
"""
import collections
import os
import re
import sys

EVENT = re.compile(r"(\d+\.\d+): +(?:vmbkmcl:)?(vmb_\w+): +(\S+) (.*)")
STEP = re.compile(r"step=(.+?) reason=(\w+) error=(-?\d+)")
# What tracefs, trace-cmd and "perf script --show-lost-events" print where some are lost;
# and the head of tracefs' "trace", of those that newer ones have overwritten.
LOST = re.compile(r"^\s*CPU:\d+ \[(?:LOST (\d+) EVENTS|LOST EVENTS|(\d+) EVENTS DROPPED|"
                  r"EVENTS DROPPED)\]|PERF_RECORD_LOST lost (\d+)")
KEPT = re.compile(r"^# entries-in-buffer/entries-written: (\d+)/(\d+)")

# What a channel is in from this step on; and the colour.
STATES = {
    "open": "opening", "opened": "opening", "started": "open", "post_started": "open",
    "suspend": "closing", "closed": "closed", "disabled": None, "open failed": "closed",
    "handed over": None,
}
COLOURS = {"opening": "#f2c14e", "open": "#4d9078", "closing": "#f78154",
           "closed": "#b4b4b4"}
RATES = (("vmb_fetch", "read", "#33658a"), ("vmb_write", "written", "#b33951"))
# Seconds; as many bins as can be told apart.
SHORTEST_BIN, BINS = 0.002, 250


class Channel:
    """What a trace says of one."""

    def __init__(self):
        self.steps = []         # (seconds, step, reason, error)
        self.times = collections.defaultdict(list)  # event -> seconds


def fail(what, remedy="picture.py --help"):
    """An error, and what to do about it."""
    sys.exit(f"picture.py: error: {what}\npicture.py: try: {remedy}")


def step_of(rest, where):
    """(step, reason, error) of a line of vmb_life."""
    match = STEP.match(rest)
    if not match:
        fail(f"{where} is of vmb_life, and not understood", "the picture.py of that version")
    if match[1] not in STATES:
        fail(f"{where} has a step that is not known: {match[1]}",
             "the picture.py of the version that the trace is of")
    return match[1], match[2], int(match[3])


def lost_in(line):
    """How many events the trace lacks here; at least one where it does not say."""
    match = LOST.search(line)
    if match:
        return int(match[1] or match[2] or match[3] or 1)
    match = KEPT.match(line)
    return int(match[2]) - int(match[1]) if match else 0


def read(path):
    """Channels by name, in the order in which they appear; first and last second; how many
    events are lost. The lines of several CPUs need not be in order."""
    channels = {}
    moments = []
    lost = 0
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            match = EVENT.search(line)
            if not match:
                lost += lost_in(line)
                continue
            seconds, event, name, rest = match.groups()
            seconds = float(seconds)
            moments.append(seconds)
            channel = channels.setdefault(name, Channel())
            if event == "vmb_life":
                channel.steps.append((seconds, *step_of(rest, f"line {number} of {path}")))
            else:
                channel.times[event].append(seconds)
    if not any(channel.steps for channel in channels.values()):
        fail(f"no line of {path} is of vmb_life")
    for channel in channels.values():
        channel.steps.sort(key=lambda step: step[0])
    return channels, min(moments), max(moments), lost


def draw_life(axes, name, channel, first, last):
    """Bands for the states, and a word for each step."""
    ends = [step[0] for step in channel.steps[1:]] + [last]
    for (seconds, step, _, _), end in zip(channel.steps, ends):
        state = STATES[step]
        if state:
            axes.axvspan(seconds - first, end - first, color=COLOURS[state], linewidth=0)
    # Steps of one moment share a word's place.
    width = (last - first) / 25
    groups = []
    for seconds, step, reason, error in channel.steps:
        word = step + ("" if reason == "none" else f" ({reason})")
        word += f" {error}" if error else ""
        if groups and seconds - groups[-1][0] < width:
            groups[-1][1].append(word)
        else:
            groups.append((seconds, [word]))
    for seconds, words in groups:
        axes.axvline(seconds - first, color="black", linewidth=0.6)
        axes.annotate("\n".join(words), (seconds - first, 0.5), fontsize=5.5,
                      xytext=(2, 0), textcoords="offset points", va="center")
    axes.set_yticks([])
    axes.set_ylim(0, 1)
    axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=7)


def draw_rates(axes, channel, first, last):
    """Packets a millisecond, in bins."""
    bin_length = max(SHORTEST_BIN, (last - first) / BINS)
    count = int((last - first) / bin_length) + 1
    for event, label, colour in RATES:
        bins = [0] * count
        for seconds in channel.times[event]:
            bins[int((seconds - first) / bin_length)] += 1
        axes.step([i * bin_length for i in range(count)],
                  [n / (bin_length * 1000) for n in bins], where="post", label=label,
                  color=colour, linewidth=0.8)
    axes.set_ylim(bottom=0)
    axes.tick_params(labelsize=6)
    axes.set_ylabel("packets\na ms", fontsize=6)


def main():
    if sys.argv[1:2] in (["-h"], ["--help"]):
        print(__doc__)
        return
    if len(sys.argv) != 3 or sys.argv[1].startswith("-"):
        fail("wanted a trace and a picture")
    channels, first, last, lost = read(sys.argv[1])
    if lost:
        print(f"picture.py: warning: at least {lost} events of {sys.argv[1]} are lost: rates "
              "are too low, and steps may be missing\n"
              "picture.py: try: a larger buffer_size_kb in tracefs, perf record -m, or "
              "trace-cmd record -b", file=sys.stderr)
    try:
        import matplotlib  # pylint: disable=import-outside-toplevel
    except ImportError:
        fail("there is no matplotlib", "apt-get install python3-matplotlib, and /usr/bin/python3")
    matplotlib.use("Agg")
    # The same picture of the same trace.
    matplotlib.rcParams["svg.hashsalt"] = os.path.basename(sys.argv[2])
    from matplotlib import patches, pyplot  # pylint: disable=import-outside-toplevel

    last = max(last, first + SHORTEST_BIN)
    figure, rows = pyplot.subplots(
        2 * len(channels), 1, sharex=True, squeeze=False,
        figsize=(10, 0.4 + 1.6 * len(channels)),
        gridspec_kw={"height_ratios": [1, 1.2] * len(channels), "hspace": 0.15})
    rows = [row[0] for row in rows]
    for i, (name, channel) in enumerate(channels.items()):
        draw_life(rows[2 * i], name, channel, first, last)
        draw_rates(rows[2 * i + 1], channel, first, last)
    rows[1].legend(fontsize=6, loc="upper right", frameon=False)
    rows[0].legend(handles=[patches.Patch(color=c, label=s) for s, c in COLOURS.items()],
                   ncol=len(COLOURS), fontsize=6, frameon=False, loc="lower left",
                   bbox_to_anchor=(0, 1))
    rows[-1].set_xlabel("seconds", fontsize=7)
    if lost:
        rows[0].set_title(f"at least {lost} events are lost", fontsize=7, color="#c1121f",
                          loc="right")
    # Room for the last words.
    rows[-1].set_xlim(0, (last - first) * 1.12)
    is_svg = sys.argv[2].endswith(".svg")
    figure.savefig(sys.argv[2], bbox_inches="tight",
                   metadata={"Date": None} if is_svg else None)
    if is_svg:
        with open(sys.argv[2], encoding="utf-8") as file:
            lines = [line.rstrip() for line in file]
        lines.insert(1, "<!-- SPDX-License-Identifier: GPL-2.0 -->")
        with open(sys.argv[2], "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
