#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Whether each output of vmbstat knows of channels that have done what was asked of them,
and all say the same.

usage: live.py [--echo] ROOT   ROOT/sys has the files that they showed of themselves: a
                               client and a server over loopback; or, with --echo, the echo
                               client of a Hyper-V guest whose host is content
"""
import json
import pathlib
import re
import subprocess
import sys

VMBSTAT = pathlib.Path(__file__).resolve().parent / "vmbstat.py"


def vmbstat(root, *arguments):
    return subprocess.run([sys.executable, VMBSTAT, f"--root={root}", *arguments], check=True,
                          capture_output=True, text=True, timeout=60).stdout


def judge_files(channels, root):
    """Nothing is under way; and the numbers are those of the files."""
    for channel in channels:
        assert (channel["state"], channel["flow"]) == ("open", "running"), channel
        assert len(channel["counters"]) > 20 and len(channel["refusals"]) > 20, channel
        # All that was asked for was answered, so both rings are empty.
        assert (channel["inbound_percent"], channel["outbound_percent"]) == (0, 0), channel
        files = root / channel["path"].lstrip("/")
        for name, value in channel["counters"].items():
            assert int((files / name).read_text()) == value, (channel["name"], name)
        for name, value in channel["refusals"].items():
            assert int((files / "refusals" / name).read_text()) == value, (channel["name"], name)


def judge_echo(channels):
    """Each packet was completed, and each completion was sent at once."""
    (echo,) = channels
    counters = echo["counters"]
    assert counters["received"] == counters["completed"] > 1000, echo
    assert echo["gauges"]["packets_with_driver"] == 0, echo
    return f"{counters['received']} packets"


def judge_pair(channels):
    """They have done the same work."""
    assert len(channels) == 2, [c["name"] for c in channels]
    client, server = sorted(channels, key=lambda c: c["name"].startswith("vmbkmcl_loopback"))
    assert server["friendly_name"] == "block server", server
    # What one has sent the other has received, and nobody holds anything any more.
    assert client["counters"]["sends"] == server["counters"]["received"] > 1000, channels
    assert client["counters"]["sends_completed"] == server["counters"]["completed"], channels
    assert server["gauges"]["packets_with_driver"] == 0, server
    # Each packet of the client's was timed in each place that it was in.
    sent = client["counters"]["sends"]
    for channel, kind in ((client, "queue"), (client, "peer"), (server, "driver")):
        counted = sum(channel["latency_ns"][kind].values())
        assert counted == sent, (channel["name"], kind, counted, sent)
        assert channel["latency_sum_ns"][kind] > 0, channel
    return f"{sent} packets, timed in the queue, with the server, and with the client"


def rows(text):
    """Of each table in the text: column -> cell of each channel, by name."""
    tables = []
    for line in text.splitlines():
        if line.startswith("CHANNEL"):
            head = line.split()
            tables.append({})
        elif line:
            cells = dict(zip(head, line.split()))
            tables[-1][cells["CHANNEL"]] = cells
    return tables


def judge_tables(channels, root):
    (table,) = rows(vmbstat(root))
    _, rates = rows(vmbstat(root, "--watch=0.1", "-n", "2"))
    for channel in channels:
        counters, cells = channel["counters"], table[channel["name"]]
        for column, value in (
                ("STATE", channel["state"]), ("FLOW", channel["flow"]),
                ("IN", counters["received"]), ("DONE", counters["completed"]),
                ("OUT", counters["sends"]),
                ("ENDED", counters["sends_completed"] + counters["sends_failed"]),
                ("QUEUE", 0), ("DRIVER", f"0/{channel['gauges']['packet_objects']}"),
                ("RING-IN", 0), ("RING-OUT", 0), ("STALL", counters["stalls"]),
                ("REFUSED", counters["refused"])):
            assert cells[column] == str(value), (channel["name"], column, cells[column], value)
        # What is recorded does not go on.
        assert {rates[channel["name"]][c] for c in ("IN/s", "DONE/s", "OUT/s", "ENDED/s")} == \
            {"0"}, rates
    shown = vmbstat(root, "--refusals").splitlines()
    refused = [f"{c['name']}  {reason}  {count}" for c in channels
               for reason, count in sorted(c["refusals"].items()) if count]
    assert shown[shown.index("REFUSED") + 1:] == (refused or ["nothing"]), shown
    shown = vmbstat(root, "--latency").splitlines()
    for channel in channels:
        for kind, buckets in channel["latency_ns"].items():
            assert f"{channel['name']}  {kind}  {sum(buckets.values())} packets" in shown, shown


def judge_prometheus(channels, root):
    samples = dict(re.fullmatch(r"(.*\}) (\S+)", line).groups()
                   for line in vmbstat(root, "--prometheus").splitlines()
                   if not line.startswith("#"))
    for channel in channels:
        name = f'channel="{channel["name"]}"'
        wanted = {f"vmbkmcl_{n}_total{{{name}}}": v for n, v in channel["counters"].items()}
        wanted |= {f'vmbkmcl_refusals_total{{{name},reason="{n}"}}': v
                   for n, v in channel["refusals"].items()}
        wanted |= {f"vmbkmcl_{n}{{{name}}}": v for n, v in channel["gauges"].items()}
        wanted |= {f'vmbkmcl_latency_seconds_count{{{name},kind="{kind}"}}': sum(b.values())
                   for kind, b in channel["latency_ns"].items()}
        wanted |= {f'vmbkmcl_latency_seconds_sum{{{name},kind="{kind}"}}': ns / 10**9
                   for kind, ns in channel["latency_sum_ns"].items()}
        for sample, value in wanted.items():
            assert float(samples[sample]) == value, (sample, samples[sample], value)


def main():
    if sys.argv[1:] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    echo = sys.argv[1:2] == ["--echo"]
    if len(sys.argv) != 2 + echo or sys.argv[-1].startswith("-"):
        sys.exit(f"{sys.argv[0]}: error: wanted one folder, try --help")
    root = pathlib.Path(sys.argv[-1])
    channels = json.loads(vmbstat(root, "--json"))["channels"]
    judge_files(channels, root)
    done = judge_echo(channels) if echo else judge_pair(channels)
    judge_tables(channels, root)
    judge_prometheus(channels, root)
    print(vmbstat(root, "--latency"))
    print(done)
    return 0


if __name__ == "__main__":
    sys.exit(main())
