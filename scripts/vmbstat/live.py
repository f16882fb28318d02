#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Whether vmbstat --json, on standard input, knows of a client and a server that have
done with each other what was asked of them.

usage: vmbstat --json | live.py
"""
import json
import sys


def main():
    if sys.argv[1:] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    if len(sys.argv) != 1:
        sys.exit(f"{sys.argv[0]}: error: wanted no arguments, try --help")
    channels = json.load(sys.stdin)["channels"]
    assert len(channels) == 2, [c["name"] for c in channels]
    client, server = sorted(channels, key=lambda c: c["name"].startswith("vmbkmcl_loopback"))
    assert server["friendly_name"] == "block server", server
    for channel in channels:
        assert (channel["state"], channel["flow"]) == ("open", "running"), channel
        assert len(channel["counters"]) > 20 and len(channel["refusals"]) > 20, channel
        # All that was asked for was answered, so both rings are empty.
        assert (channel["inbound_percent"], channel["outbound_percent"]) == (0, 0), channel
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
    print(f"{sent} packets, timed in the queue, with the server, and with the client")
    return 0


if __name__ == "__main__":
    sys.exit(main())
