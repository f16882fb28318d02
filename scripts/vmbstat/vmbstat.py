#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""vmbstat: what the channels of vmbkmcl are doing.

usage: vmbstat [OPTION...] [CHANNEL...]

  CHANNEL            only these; a pattern as the shell's, such as '*.1'
  -w, --watch[=SECONDS]
                     again every second, or every SECONDS, with rates in place of
                     totals, until interrupted
  -n, --count=N      at most N times
  -r, --refusals     below the table, what was refused and why
  -l, --latency      below the table, how long packets waited: in the queue, with
                     the driver, for the peer. Counted only while
                     /sys/module/vmbkmcl/parameters/latency is Y
      --json         one line of JSON each time, with all that is known
      --prometheus   the text form of Prometheus, with all that is known
      --root=DIR     read DIR/sys in place of /sys
  -h, --help         this

A channel has the name that it has in traces: the device's, and a dot and a number of
all but the first one. Without root, or with a locked-down kernel, debugfs cannot be
read: queue, packet objects, fill of the rings and latencies are unknown then, "-".

 IN/s, DONE/s        packets that came, and that the driver has completed
 OUT/s, ENDED/s      packets that the driver has sent, and that have ended
 QUEUE               packets and completions that wait for room in the ring
 DRIVER              packets in the driver's hands, of so many packet objects
 RING-IN, RING-OUT   how full the rings are, in percent
 STALL               times that the watchdog found work that nobody did
 REFUSED             of what the peer wrote, not taken
"""
import fnmatch
import getopt
import json
import pathlib
import sys
import time

DEVICES = ("sys/bus/vmbus/devices", "sys/bus/vmbkmcl_loopback/devices")
LOCAL = "sys/devices/vmbkmcl_loopback"
DEBUGFS = "sys/kernel/debug/vmbkmcl"
DIRECTORY = "vmbkmcl"
LATENCIES = ("queue", "driver", "peer")
# The bucket of this name has all that waited longer than what the others have.
UNBOUNDED = 1 << 35
# Seconds; nobody waits longer.
LONGEST = 10**9
WORDS = ("state", "flow")
# What is not a counter among the numbers of debugfs; those of rings are there
# while the channel is open.
GAUGES = ("packet_objects", "packet_objects_made", "packets_with_driver",
          "packets_allocated", "packets_allowed", "queue_length", "gpadls",
          "times_leaked", "offers_kept", "offers_dropped", "sub_channels_left",
          "inbound_size", "inbound_read_index", "inbound_write_index_seen", "inbound_unread",
          "outbound_size", "outbound_write_index", "outbound_read_index_seen",
          "outbound_unread", "outbound_pending_send_size")


def read_text(path):
    """What a driver calls its channel may be in any encoding."""
    return path.read_text(encoding="utf-8", errors="replace")


def read_values(directory):
    """File name -> what stands in it. A channel may go while it is read."""
    values = {}
    for path in directory.iterdir():
        try:
            if path.is_file():
                values[path.name] = read_text(path).strip()
        except OSError:
            pass
    return values


def numbers(values):
    return {name: int(value) for name, value in values.items() if value.isdecimal()}


def read_debugfs(path):
    """The lines of the channel's file, or nothing."""
    try:
        return dict(line.partition(" ")[::2] for line in read_text(path).splitlines())
    except OSError:
        return {}


def read_channel(root, directory, device):
    name = device + directory.name[len(DIRECTORY):]
    values = read_values(directory)
    debug = read_debugfs(root / DEBUGFS / name)
    gauges = numbers({g: debug[g] for g in GAUGES if g in debug})
    channel = {
        "name": name,
        "friendly_name": debug.get("friendly_name") or None,
        "path": "/" + str(directory.relative_to(root)),
        **{word: values.get(word) for word in WORDS},
        "counters": numbers(values),
        "refusals": {},
        "gauges": gauges,
        "latency_ns": {},
        "latency_sum_ns": {},
    }
    if (directory / "refusals").is_dir():
        channel["refusals"] = numbers(read_values(directory / "refusals"))
    for ring in ("inbound", "outbound"):
        size, unread = gauges.get(f"{ring}_size"), gauges.get(f"{ring}_unread")
        known = size and unread is not None
        channel[f"{ring}_percent"] = round(100 * unread / size) if known else None
    for kind in LATENCIES:
        pairs = [pair.split(":") for pair in debug.get(f"latency_{kind}", "").split()]
        if pairs:
            channel["latency_ns"][kind] = {int(below): int(count) for below, count in pairs}
            channel["latency_sum_ns"][kind] = int(debug.get(f"latency_{kind}_sum_ns", 0))
    return channel


def read_channels(root, patterns):
    """All channels whose name matches, by name."""
    places = [(d, d.name) for parent in DEVICES if (root / parent).is_dir()
              for d in (root / parent).iterdir()]
    places.append((root / LOCAL, LOCAL.rpartition("/")[2]))
    channels = []
    for device, name in places:
        try:
            found = [d for d in device.glob(DIRECTORY + "*") if d.is_dir()]
            channels += [read_channel(root, d, name) for d in found]
        except OSError:
            continue
    return sorted((c for c in channels
                   if not patterns or any(fnmatch.fnmatchcase(c["name"], p) for p in patterns)),
                  key=lambda c: c["name"])


def difference(channel, before, seconds):
    """Counters a second since then; None: there is no then, or it is of another channel
    of the name, for what is counted never becomes less."""
    if before is None:
        return None
    more = {name: value - before["counters"].get(name, 0)
            for name, value in channel["counters"].items()}
    if any(count < 0 for count in more.values()):
        return None
    return {name: count / seconds for name, count in more.items()}


# ---------------------------------------------------------------------------

def show(value):
    return "-" if value is None else str(value)


def table(channels, rates):
    """Lines of the table. @rates: name -> counters a second; empty: totals."""
    live = bool(rates)
    unit = "/s" if live else ""
    rows = [["CHANNEL", "STATE", "FLOW", f"IN{unit}", f"DONE{unit}", f"OUT{unit}",
             f"ENDED{unit}", "QUEUE", "DRIVER", "RING-IN", "RING-OUT", "STALL", "REFUSED"]]
    for channel in channels:
        counters = channel["counters"]
        rate = rates.get(channel["name"]) if live else counters
        gauges = channel["gauges"]

        def moved(*names):
            if rate is None or any(n not in rate for n in names):
                return None
            return round(sum(rate[n] for n in names))

        held = None
        if "packets_with_driver" in gauges:
            held = f"{gauges['packets_with_driver']}/{gauges.get('packet_objects', '?')}"
        rows.append([show(v) for v in (
            channel["name"], channel["state"], channel["flow"], moved("received"),
            moved("completed"), moved("sends"), moved("sends_completed", "sends_failed"),
            gauges.get("queue_length"), held, channel["inbound_percent"],
            channel["outbound_percent"], counters.get("stalls"), counters.get("refused"))])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(w) if i < 3 else cell.rjust(w)
                      for i, (cell, w) in enumerate(zip(row, widths))).rstrip()
            for row in rows]


def refusal_lines(channels):
    lines = [f"{c['name']}  {reason}  {count}" for c in channels
             for reason, count in sorted(c["refusals"].items()) if count]
    return ["", "REFUSED", *(lines or ["nothing"])]


def time_of(nanoseconds):
    for unit, size in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds} ns"


def latency_lines(channels):
    lines = ["", "LATENCY"]
    for channel in channels:
        for kind, buckets in channel["latency_ns"].items():
            total = sum(buckets.values())
            lines.append(f"{channel['name']}  {kind}  {total} packets")
            most = max(buckets.values())
            for below, count in sorted(buckets.items()):
                bar = "#" * max(1, round(40 * count / most))
                limit = f" < {time_of(below):>8}"
                if below == UNBOUNDED:
                    limit = f">= {time_of(below // 2):>8}"
                lines.append(f" {limit} {count:>10} {bar}")
    return lines if len(lines) > 2 else lines + ["not counted"]


def as_json(channels, rates):
    out = []
    for channel in channels:
        entry = dict(channel)
        if rates:
            entry["per_second"] = rates.get(channel["name"])
        out.append(entry)
    return json.dumps({"channels": out}, sort_keys=True)


def label(text):
    return text.replace("\\", r"\\").replace('"', r'\"').replace("\n", r"\n")


def prometheus(channels):
    """Families one after the other, each with its type, as the format wants it."""
    families = {}

    def add(family, kind, labels, value, suffix=""):
        names = ",".join(f'{name}="{label(str(text))}"' for name, text in labels.items())
        families.setdefault((family, kind), []).append(f"{family}{suffix}{{{names}}} {value}")

    for channel in channels:
        name = {"channel": channel["name"]}
        for word in WORDS:
            if channel[word] is not None:
                add(f"vmbkmcl_{word}", "gauge", name | {word: channel[word]}, 1)
        for counter, value in sorted(channel["counters"].items()):
            add(f"vmbkmcl_{counter}_total", "counter", name, value)
        for reason, value in sorted(channel["refusals"].items()):
            add("vmbkmcl_refusals_total", "counter", name | {"reason": reason}, value)
        for gauge, value in sorted(channel["gauges"].items()):
            add(f"vmbkmcl_{gauge}", "gauge", name, value)
        for kind, buckets in channel["latency_ns"].items():
            labels, so_far = name | {"kind": kind}, 0
            for below, count in sorted(buckets.items()):
                so_far += count
                if below != UNBOUNDED:
                    add("vmbkmcl_latency_seconds", "histogram",
                        labels | {"le": below / 10**9}, so_far, "_bucket")
            add("vmbkmcl_latency_seconds", "histogram", labels | {"le": "+Inf"}, so_far,
                "_bucket")
            add("vmbkmcl_latency_seconds", "histogram", labels,
                channel["latency_sum_ns"].get(kind, 0) / 10**9, "_sum")
            add("vmbkmcl_latency_seconds", "histogram", labels, so_far, "_count")
    lines = []
    for (family, kind), samples in sorted(families.items()):
        lines += [f"# TYPE {family} {kind}", *samples]
    return "\n".join(lines)


# ---------------------------------------------------------------------------

class Usage(Exception):
    """What is wrong with the command line."""


def positive(text, kind, what):
    try:
        value = kind(text)
    except ValueError:
        value = 0
    if not 0 < value < LONGEST:
        raise Usage(f"{what} is no number above 0, or it is too large: {text}")
    return value


def parse(arguments):
    options = {"watch": None, "count": None, "form": "table", "root": pathlib.Path("/"),
               "refusals": False, "latency": False, "help": False}
    # getopt knows no optional argument.
    arguments = ["--watch=1" if a == "--watch" else a for a in arguments]
    try:
        found, patterns = getopt.gnu_getopt(
            arguments, "hn:rlw", ["watch=", "count=", "refusals", "latency", "json",
                                 "prometheus", "root=", "help"])
    except getopt.GetoptError as error:
        raise Usage(str(error)) from error
    for option, value in found:
        if option == "-w":
            options["watch"] = 1.0
        elif option == "--watch":
            options["watch"] = positive(value, float, "the interval")
        elif option in ("-n", "--count"):
            options["count"] = positive(value, int, "the count")
        elif option in ("--json", "--prometheus"):
            options["form"] = option[2:]
        elif option == "--root":
            options["root"] = pathlib.Path(value)
        else:
            long = {"-h": "--help", "-r": "--refusals", "-l": "--latency"}.get(option, option)
            options[long[2:]] = True
    if options["count"] and options["watch"] is None:
        options["watch"] = 1.0
    return options, patterns


def render(options, channels, rates):
    if options["form"] == "json":
        return as_json(channels, rates)
    if options["form"] == "prometheus":
        return prometheus(channels)
    lines = table(channels, rates)
    if options["refusals"]:
        lines += refusal_lines(channels)
    if options["latency"]:
        lines += latency_lines(channels)
    return "\n".join(lines)


def run(options, patterns):
    before, then = {}, None
    shown = 0
    while True:
        now = time.monotonic()
        channels = read_channels(options["root"], patterns)
        rates = {}
        if then is not None:
            rates = {c["name"]: difference(c, before.get(c["name"]), now - then)
                     for c in channels}
        elif not channels:
            print("vmbstat: there is no channel", file=sys.stderr)
            if options["watch"] is None:
                return 1
        if options["form"] == "table" and options["watch"] and sys.stdout.isatty():
            print("\x1b[H\x1b[J", end="")
        print(render(options, channels, rates), flush=True)
        shown += 1
        if options["watch"] is None or shown == options["count"]:
            return 0
        before, then = {c["name"]: c for c in channels}, now
        time.sleep(options["watch"])


def main(arguments):
    try:
        options, patterns = parse(arguments)
    except Usage as error:
        print(f"vmbstat: error: {error}\nvmbstat: try: vmbstat --help", file=sys.stderr)
        return 2
    if options["help"]:
        print(__doc__.strip())
        return 0
    try:
        return run(options, patterns)
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        sys.stderr.close()
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
