#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Every output of vmbstat, on the machine in "recorded" and on what becomes of it; and how
picture.py reads a trace.

usage: test.py [CASE...]
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import picture
from recorded import unpack

HERE = pathlib.Path(__file__).resolve().parent
DEVICE = "7b2e94d1-3c0f-4e86-8a51-0c9d62f31728"
CHANNEL = f"sys/bus/vmbus/devices/{DEVICE}/vmbkmcl"


class Vmbstat(unittest.TestCase):
    """A recorded machine, and a run of vmbstat on it."""

    def setUp(self):
        # A job in the background is told to ignore it, and so are its children.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="vmbstat-test."))
        self.addCleanup(shutil.rmtree, self.root)
        unpack(HERE / "recorded", self.root)

    def command(self, *arguments):
        return [sys.executable, "-W", "error", HERE / "vmbstat.py", f"--root={self.root}",
                *arguments]

    def vmbstat(self, *arguments, status=0):
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        self.error = done.stderr
        return done.stdout

    def write(self, name, value):
        (self.root / CHANNEL / name).write_text(f"{value}\n")

    def row(self, text, name=DEVICE):
        """Column -> cell of a channel's line."""
        lines = text.splitlines()
        head = next(line for line in lines if line.startswith("CHANNEL")).split()
        line = [line for line in lines if line.split()[:1] == [name]][-1].split()
        self.assertEqual(len(head), len(line), text)
        return dict(zip(head, line))

    def test_table(self):
        text = self.vmbstat()
        self.assertEqual(len(text.splitlines()), 4)
        self.assertEqual(self.row(text), {
            "CHANNEL": DEVICE, "STATE": "open", "FLOW": "running", "IN": "5000",
            "DONE": "4988", "OUT": "300", "ENDED": "279", "QUEUE": "21",
            "DRIVER": "12/128", "RING-IN": "25", "RING-OUT": "75", "STALL": "1",
            "REFUSED": "7"})
        # Not open, so it has no rings.
        self.assertEqual(self.row(text, DEVICE + ".1")["RING-IN"], "-")
        self.assertEqual(self.row(text, DEVICE + ".1")["STATE"], "enabled")
        self.assertEqual(self.row(text, "vmbkmcl_loopback")["STATE"], "closing")

    def test_columns_are_aligned(self):
        lines = self.vmbstat().splitlines()
        end = lines[0].index("  STATE")
        for line in lines[1:]:
            self.assertNotIn(" ", line[:line.index("  ")])
            self.assertEqual(line[end:end + 2], "  ")

    def test_without_debugfs(self):
        shutil.rmtree(self.root / "sys/kernel/debug")
        row = self.row(self.vmbstat())
        for column in ("QUEUE", "DRIVER", "RING-IN", "RING-OUT"):
            self.assertEqual(row[column], "-")
        self.assertEqual(row["IN"], "5000")

    def write_debug(self, name, value):
        """Another value in the channel's file in debugfs."""
        path = self.root / "sys/kernel/debug/vmbkmcl" / DEVICE
        text, count = re.subn(rf"^{name} .*$", f"{name} {value}", path.read_text(), flags=re.M)
        self.assertEqual(count, 1)
        path.write_text(text)

    def test_idle_rings_are_empty(self):
        """However long ago this end has looked how far the peer was."""
        self.write_debug("outbound_unread", 0)
        self.write_debug("inbound_unread", 0)
        row = self.row(self.vmbstat())
        self.assertEqual((row["RING-IN"], row["RING-OUT"]), ("0", "0"))
        channel = json.loads(self.vmbstat("--json"))["channels"][0]
        self.assertEqual((channel["inbound_percent"], channel["outbound_percent"]), (0, 0))

    def test_rings_before_the_driver_looks(self):
        """What the peer has written while the driver was busy counts."""
        self.write_debug("inbound_unread", 3072)
        self.assertEqual(self.row(self.vmbstat())["RING-IN"], "75")

    def test_names_in_other_encodings(self):
        """The kernel takes every byte of Latin-1 that it could print."""
        path = self.root / "sys/kernel/debug/vmbkmcl" / DEVICE
        path.write_bytes(re.sub(rb"(?m)^friendly_name .*$", b"friendly_name caf\xe9",
                                path.read_bytes()))
        self.assertEqual(self.row(self.vmbstat())["QUEUE"], "21")
        channel = json.loads(self.vmbstat("--json"))["channels"][0]
        self.assertEqual(channel["friendly_name"], "caf\N{REPLACEMENT CHARACTER}")

    def test_patterns(self):
        self.assertEqual(len(self.vmbstat("*.1").splitlines()), 2)
        self.assertEqual(len(self.vmbstat(DEVICE + "*").splitlines()), 3)
        self.vmbstat("nothing", status=1)
        self.assertIn("no channel", self.error)

    def test_a_machine_without_vmbus(self):
        shutil.rmtree(self.root / "sys")
        self.vmbstat(status=1)
        self.assertIn("no channel", self.error)

    def test_refusals(self):
        lines = self.vmbstat("--refusals").splitlines()
        self.assertEqual(lines[lines.index("REFUSED") + 1:], [
            f"{DEVICE}  page_not_shared  2", f"{DEVICE}  type_unknown  5"])
        self.assertEqual(self.vmbstat("-r", "*.1").splitlines()[-1], "nothing")

    def test_latency(self):
        lines = self.vmbstat("--latency").splitlines()
        self.assertIn(f"{DEVICE}  queue  4 packets", lines)
        self.assertIn(f"{DEVICE}  peer  10 packets", lines)
        where = lines.index(f"{DEVICE}  peer  10 packets")
        self.assertRegex(lines[where + 1], r"< +1\.05 ms +2 #{10}$")
        self.assertRegex(lines[where + 2], r"< +33\.6 ms +8 #{40}$")
        self.assertEqual(self.vmbstat("-l", "*.1").splitlines()[-1], "not counted")

    def test_latency_without_end(self):
        """The last bucket has all that waited longer: it has no upper bound."""
        header = (HERE.parent.parent / "drivers/kmcl/latency.h").read_text()
        shift, buckets = (int(re.search(rf"define VMB_LATENCY_{name}\s+(\d+)", header)[1])
                          for name in ("SHIFT", "BUCKETS"))
        last = 1 << (shift + buckets - 1)
        self.write_debug("latency_peer", f"{last // 2}:3 {last}:2")
        lines = self.vmbstat("--latency").splitlines()
        where = lines.index(f"{DEVICE}  peer  5 packets")
        self.assertRegex(lines[where + 1], r"< +17\.2 s +3 #{40}$")
        self.assertRegex(lines[where + 2], r">= +17\.2 s +2 #{27}$")
        self.assertEqual(lines[where + 1].index("#"), lines[where + 2].index("#"))
        peer = [line for line in self.vmbstat("--prometheus").splitlines()
                if line.startswith("vmbkmcl_latency_seconds_bucket") and 'kind="peer"' in line]
        self.assertEqual([re.search(r'le="(.*)"} (\d+)', line).groups() for line in peer],
                         [(str(last / 2 / 10**9), "3"), ("+Inf", "5")])

    def test_json(self):
        channels = json.loads(self.vmbstat("--json"))["channels"]
        self.assertEqual([c["name"] for c in channels],
                         [DEVICE, DEVICE + ".1", "vmbkmcl_loopback"])
        first = channels[0]
        self.assertEqual(first["path"], "/" + CHANNEL)
        self.assertEqual(first["state"], "open")
        self.assertIsNone(first["friendly_name"])
        self.assertEqual(channels[2]["friendly_name"], 'disk "a"')
        self.assertEqual(len(first["counters"]), 21)
        self.assertEqual(first["counters"]["completions_sent"], 4900)
        self.assertEqual(len(first["refusals"]), 22)
        self.assertEqual(first["refusals"]["type_unknown"], 5)
        self.assertEqual(first["gauges"]["outbound_pending_send_size"], 1040)
        self.assertEqual(first["latency_ns"]["peer"], {"1048576": 2, "33554432": 8})
        self.assertEqual(first["latency_sum_ns"]["peer"], 201000000)
        self.assertNotIn("per_second", first)

    def test_json_knows_every_line(self):
        """All that observe.c prints of rings, queue and packet objects."""
        observe = (HERE.parent.parent / "drivers/kmcl/observe.c").read_text()
        printed = re.search(r"void vmb_observe_rings\(.*?\n}\n", observe, re.S)[0]
        lines = re.findall(r'seq_printf\(file, "(\w+) %', printed)
        self.assertGreater(len(lines), 10)
        first = json.loads(self.vmbstat("--json"))["channels"][0]
        self.assertEqual(sorted(first["gauges"]), sorted(lines))
        self.assertEqual(first["gauges"]["packet_objects_made"], 96)

    def test_json_again(self):
        lines = self.vmbstat("--json", "--watch=0.1", "-n", "2").splitlines()
        self.assertEqual(len(lines), 2)
        self.assertEqual(json.loads(lines[1])["channels"][0]["per_second"]["received"], 0)

    def test_prometheus(self):
        lines = self.vmbstat("--prometheus").splitlines()
        for expected in (
                "# TYPE vmbkmcl_received_total counter",
                f'vmbkmcl_received_total{{channel="{DEVICE}"}} 5000',
                f'vmbkmcl_received_total{{channel="{DEVICE}.1"}} 60',
                "# TYPE vmbkmcl_refusals_total counter",
                f'vmbkmcl_refusals_total{{channel="{DEVICE}",reason="type_unknown"}} 5',
                "# TYPE vmbkmcl_queue_length gauge",
                f'vmbkmcl_queue_length{{channel="{DEVICE}"}} 21',
                f'vmbkmcl_state{{channel="{DEVICE}.1",state="enabled"}} 1',
                "# TYPE vmbkmcl_latency_seconds histogram",
                f'vmbkmcl_latency_seconds_bucket{{channel="{DEVICE}",kind="queue",'
                'le="1.024e-06"} 3',
                f'vmbkmcl_latency_seconds_bucket{{channel="{DEVICE}",kind="queue",'
                'le="2.048e-06"} 4',
                f'vmbkmcl_latency_seconds_bucket{{channel="{DEVICE}",kind="queue",le="+Inf"}} 4',
                f'vmbkmcl_latency_seconds_sum{{channel="{DEVICE}",kind="peer"}} 0.201',
                f'vmbkmcl_latency_seconds_count{{channel="{DEVICE}",kind="peer"}} 10'):
            self.assertIn(expected, lines)

    def test_prometheus_grammar(self):
        """Each family has one type line, and its samples follow that."""
        family, seen = None, set()
        sample = re.compile(r'(\w+)\{\w+="(?:[^"\\\n]|\\[\\"n])*"'
                            r'(?:,\w+="(?:[^"\\\n]|\\[\\"n])*")*\} [0-9.e+-]+')
        for line in self.vmbstat("--prometheus").splitlines():
            kind = re.fullmatch(r"# TYPE (\w+) (counter|gauge|histogram)", line)
            if kind:
                family = kind[1]
                self.assertNotIn(family, seen)
                seen.add(family)
                continue
            found = sample.fullmatch(line)
            self.assertTrue(found, line)
            self.assertRegex(found[1], f"^{family}(_bucket|_sum|_count)?$")
        self.assertGreater(len(seen), 30)

    def test_quotes_in_a_name(self):
        path = self.root / f"sys/bus/vmbus/devices/a\"b\\c/vmbkmcl"
        path.mkdir(parents=True)
        (path / "received").write_text("1\n")
        self.assertIn(r'vmbkmcl_received_total{channel="a\"b\\c"} 1',
                      self.vmbstat("--prometheus"))

    def tables(self, process):
        """Each table that is shown."""
        table = []
        for line in process.stdout:
            if line.startswith("CHANNEL") and table:
                yield "".join(table)
                table = []
            table.append(line)

    def change_at_once(self, process, change):
        """Nothing of it is seen before all of it is done."""
        process.send_signal(signal.SIGSTOP)
        change()
        process.send_signal(signal.SIGCONT)

    def interrupt(self, process):
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=30), 0)
        self.assertEqual(process.stderr.read(), "")

    def test_watch(self):
        """Totals first, then what was counted since, a second; until interrupted."""
        def change():
            self.write("received", 105000)
            self.write("sends_failed", 20009)

        with subprocess.Popen(self.command("--watch=0.3"), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as process:
            tables = self.tables(process)
            self.assertEqual(self.row(next(tables))["IN"], "5000")
            self.change_at_once(process, change)
            row = next(row for row in map(self.row, tables) if row["IN/s"] != "0")
            # However late it looks: a hundred thousand in all that time.
            self.assertAlmostEqual(int(row["IN/s"]) / int(row["ENDED/s"]), 5, delta=0.1)
            self.assertEqual(row["OUT/s"], "0")
            self.assertEqual(self.row(next(tables))["IN/s"], "0")
            self.interrupt(process)

    def test_channels_come_and_go(self):
        def change():
            shutil.rmtree(self.root / (CHANNEL + ".1"))
            os.rename(self.root / CHANNEL, self.root / (CHANNEL + ".7"))

        with subprocess.Popen(self.command("--watch=0.3"), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as process:
            tables = self.tables(process)
            next(tables)
            self.change_at_once(process, change)
            text = next(text for text in tables if ".7" in text)
            self.assertEqual(len(text.splitlines()), 3)
            # There is no rate of what was not there before.
            self.assertEqual(self.row(text, DEVICE + ".7")["IN/s"], "-")
            self.assertEqual(self.row(next(tables), DEVICE + ".7")["IN/s"], "0")
            self.interrupt(process)

    def test_channel_of_the_same_name(self):
        """Its driver has gone and come: what it counts began anew."""
        with subprocess.Popen(self.command("--watch=0.3"), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as process:
            tables = self.tables(process)
            next(tables)
            self.change_at_once(process, lambda: self.write("received", 3))
            row = next(row for row in map(self.row, tables) if row["IN/s"] != "0")
            self.assertEqual((row["IN/s"], row["OUT/s"]), ("-", "-"))
            self.assertEqual(self.row(next(tables))["IN/s"], "0")
            self.interrupt(process)

    def test_options_together(self):
        text = self.vmbstat("-wrln", "1")
        for word in ("CHANNEL", "REFUSED", "LATENCY"):
            self.assertIn(word, text)

    def test_wrong_arguments(self):
        for arguments in (["--bogus"], ["--watch=0"], ["--count=x"], ["-n", "-1"],
                          ["--watch=nan"], ["--watch=inf"], ["--watch=1e12"]):
            self.assertEqual(self.vmbstat(*arguments, status=2), "")
            self.assertIn("try: vmbstat --help", self.error)

    def test_help(self):
        self.assertIn("--prometheus", self.vmbstat("--help"))


class Picture(unittest.TestCase):
    """What picture.py takes from a trace; it need not be able to draw."""

    LINE = "   kworker/0:1-9   [000] .....  {}: vmb_life: echo step={} reason=none error=0\n"

    def read(self, *lines):
        with tempfile.NamedTemporaryFile("w", suffix=".trace") as file:
            file.writelines(lines)
            file.flush()
            return picture.read(file.name)

    def steps(self, *pairs):
        return [self.LINE.format(*pair) for pair in pairs]

    def test_order(self):
        """The lines of one CPU stand behind those of another."""
        channels, first, last, lost = self.read(
            *self.steps((2.5, "opened"), (4.0, "suspend"), (2.0, "open")),
            "  perf 7 [001] 3.000000: vmbkmcl:vmb_fetch: echo transaction=1\n")
        self.assertEqual((first, last, lost), (2.0, 4.0, 0))
        self.assertEqual([step[1] for step in channels["echo"].steps],
                         ["open", "opened", "suspend"])
        self.assertEqual(channels["echo"].times["vmb_fetch"], [3.0])

    def test_unknown_step(self):
        with self.assertRaises(SystemExit) as caught:
            self.read(*self.steps((1.0, "open"), (2.0, "on holiday")))
        self.assertIn("line 2", str(caught.exception))
        self.assertIn("on holiday", str(caught.exception))
        with self.assertRaises(SystemExit):
            self.read(self.LINE.format(1.0, "open").replace("reason", "because"))

    def test_every_step_is_known(self):
        sources = HERE.parent.parent / "drivers/kmcl"
        steps = set(re.findall(r'trace_vmb_life\([^,]*, "([^"]*)"', "".join(
            path.read_text() for path in sources.glob("*.c"))))
        self.assertEqual(steps, set(picture.STATES))

    def test_lost(self):
        for line, lost in (("CPU:1 [LOST 15 EVENTS]\n", 15), ("CPU:0 [LOST EVENTS]\n", 1),
                           ("CPU:7 [20 EVENTS DROPPED]\n", 20),
                           ("CPU:7 [EVENTS DROPPED]\n", 1),
                           ("perf 7 [001] 3.0: PERF_RECORD_LOST lost 9\n", 9),
                           ("# entries-in-buffer/entries-written: 100/160   #P:2\n", 60),
                           ("# entries-in-buffer/entries-written: 100/100   #P:2\n", 0)):
            with self.subTest(line):
                self.assertEqual(self.read(line, *self.steps((1.0, "open")))[3], lost)

    def test_lost_is_said(self):
        with tempfile.NamedTemporaryFile("w", suffix=".trace") as file:
            file.writelines(["CPU:1 [LOST 15 EVENTS]\n", *self.steps((1.0, "open"))])
            file.flush()
            # Whether or not it can draw.
            done = subprocess.run([sys.executable, HERE / "picture.py", file.name, "/dev/null"],
                                  capture_output=True, text=True, timeout=60, check=False)
        self.assertIn("at least 15 events", done.stderr)


if __name__ == "__main__":
    if sys.argv[1:2] in (["-h"], ["--help"]):
        print(__doc__)
        sys.exit(0)
    if sys.argv[1:2] and sys.argv[1].startswith("-"):
        sys.exit(f"{sys.argv[0]}: error: unknown option {sys.argv[1]}, try --help")
    unittest.main()
