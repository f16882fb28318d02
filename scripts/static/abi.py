#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What user space sees, held against the code: include/ABI has an entry for every
file in sysfs and driver of the library's own, every tracepoint with every field of it,
and every parameter of the library's modules, and none for anything else; and the words
that tracepoints print are those of the enums that they stand for.

usage: abi.py               compare, print what differs
       abi.py --self-test   see that it finds what is wrong
"""
import re
import sys

import checker

FILES = ("include/**/*", "drivers/kmcl/*.[ch]", "Kbuild")
CHANNEL = "/sys/bus/vmbus/devices/<instance>/vmbkmcl/"
DRIVER = "/sys/bus/vmbus/drivers/"
OFFER = "/sys/bus/vmbkmcl_loopback/devices/<offer>/"
DEBUGFS = "/sys/kernel/debug/vmbkmcl/<channel>"
EVENTS = "/sys/kernel/tracing/events/vmbkmcl/"
PARAMETER = "/sys/module/{}/parameters/{}"
TRACE = "include/trace/events/vmbkmcl.h"


def documented(tree):
    """What -> (text of its entry, file it stands in)."""
    entries, problems = {}, []
    for path, text in tree.items():
        if not path.startswith("include/ABI/"):
            continue
        for part in re.split(r"^(?=What:)", text, flags=re.M)[1:]:
            what = re.match(r"What:\t+(\S+)\n", part)
            if not what:
                problems.append(f"{path}: an entry whose What is no path: {part[:60]!r}")
                continue
            if what[1] in entries:
                problems.append(f"{path}: {what[1]} stands there twice")
            entries[what[1]] = part
            if not re.search(r"^Description:\n\t\t\S", part, re.M):
                problems.append(f"{path}: {what[1]} has no description")
    return entries, problems


def section(text, begin, end):
    start = text.index(begin)
    return text[start:text.index(end, start)]


def enum(text, name):
    """Members of an enum in lower case, by number."""
    body = section(text, f"enum {name} {{", "};")
    values, number = {}, 0
    for member, given in re.findall(r"^\t(\w+)(?: = (\d+))?,?$", body, re.M):
        number = int(given) if given else number
        values[number] = member.lower()
        number += 1
    return values


def sysfs(tree):
    counters = section(tree["drivers/kmcl/counters.h"], "#define VMB_COUNTERS", "struct")
    names = re.findall(r"X\((\w+)\)\s*\\?$", counters, re.M)
    names = [n for n in names if n != "X"]
    names += re.findall(r'struct attribute vmb_observe_\w+ = \{ \.name = "(\w+)"',
                        tree["drivers/kmcl/observe.c"])
    refusals = re.findall(r'\[VMB_REFUSAL_\w+\] = "(\w+)"', tree["drivers/kmcl/refusal.c"])
    yield CHANNEL
    yield CHANNEL + "refusals/"
    yield from (CHANNEL + n for n in names)
    yield from (f"{CHANNEL}refusals/{n}" for n in refusals if n != "none")
    for path, text in tree.items():
        if path.startswith("drivers/"):
            yield from (OFFER + n for n in re.findall(r"DEVICE_ATTR_R[OW]\((\w+)\)", text))
            yield from (DRIVER + n for n in re.findall(
                r'^struct hv_driver \w+ = \{\n\t\.name = "(\w+)"', text, re.M))


def parameters(tree):
    modules = {}
    for module, name in re.findall(r"^(vmbkmcl(?:_hv)?)-y [:+]= (drivers/kmcl/\w+)\.o$",
                                   tree["Kbuild"], re.M):
        modules[f"{name}.c"] = module
    for path, text in tree.items():
        for name in re.findall(r"^module_param(?:_named|_cb)?\((\w+),", text, re.M):
            yield PARAMETER.format(modules.get(path, "?"), name)


def tracepoints(tree):
    """name -> fields."""
    text = tree[TRACE]
    fields = {}
    events = {}
    for kind, name, body in re.findall(
            r"^(DECLARE_EVENT_CLASS|TRACE_EVENT|DEFINE_EVENT)\((\w+),(.*?)^\);",
            text, re.M | re.S):
        if kind == "DEFINE_EVENT":
            child = re.match(r"\s*(\w+),", body)[1]
            events[child] = fields[name]
            continue
        fields[name] = re.findall(r"__(?:field|array)\([^,]+, (\w+)", body)
        if kind == "TRACE_EVENT":
            events[name] = fields[name]
    return events


def debugfs(tree):
    """Names of the lines, without those of lists."""
    text = tree["drivers/kmcl/observe.c"]
    names = re.findall(r'seq_printf\(file, "(\w+) %', text)
    kinds = re.findall(r'\[VMB_LATENCY_\w+\] = "(\w+)"', text)
    names += [f"latency_{k}{s}" for k in kinds for s in ("", "_sum_ns")]
    return {*names, "refusal_<reason>"}


def words(tree):
    """What the tracepoints print for numbers, against the enums."""
    header = tree[TRACE]

    def printed(macro):
        body = section(header, f"#define {macro}(", "\n\n")
        return {int(n): w for n, w in re.findall(r'\{ (\d+), "(\w+)" \}', body)}

    def compare(macro, values, prefix, extra):
        want = {n: v.removeprefix(prefix) for n, v in values.items()} | extra
        got = printed(macro)
        if got != want:
            differ = sorted(set(got.items()) ^ set(want.items()))
            yield f"{TRACE}: {macro} prints other words than the enum has: {differ}"

    refusals = enum(tree["drivers/kmcl/refusal.h"], "vmb_refusal")
    refusals = {n: v for n, v in refusals.items()
                if v not in ("vmb_refusal_none", "vmb_refusal_count")}
    yield from compare("vmb_trace_refusal", refusals, "vmb_refusal_", {})
    stops = enum(tree["include/vmbkmcl/callbacks.h"], "vmb_channel_stop_reason")
    yield from compare("vmb_trace_stop_reason", stops, "vmb_channel_stop_", {0: "none"})
    types = enum(tree["drivers/kmcl/wire.h"], "vmb_wire_type")
    types = {n: v.removeprefix("vmb_wire_type_").removeprefix("data_") for n, v in types.items()}
    yield from compare("vmb_trace_type", types, "", {0: "none"})
    flags = re.search(r"#define VMB_WIRE_FLAG_(\w+)\s+(\d+)u", tree["drivers/kmcl/wire.h"])
    yield from compare("vmb_trace_flags", {int(flags[2]): flags[1].lower()}, "", {})


def numbers_in_plain(tree):
    """A field whose numbers have words is printed by them."""
    for kind in ("type", "flags", "reason"):
        for line in re.findall(rf'{kind}=(%\w+)', tree[TRACE]):
            if line != "%s":
                yield f"{TRACE}: {kind} is printed as {line}, a bare number"


def one_liners(tree, events):
    """Events and fields that the README's commands name."""
    commands = re.findall(r"^    .+$", tree["include/ABI/README.md"], re.M)
    for event in set(re.findall(r"vmbkmcl:(vmb_\w+)", "\n".join(commands))):
        if event not in events:
            yield f"include/ABI/README.md: there is no {event}"
    for probe in "\n".join(commands).split("tracepoint:")[1:]:
        event = re.match(r"vmbkmcl:(\w+)", probe)[1]
        for field in re.findall(r"args->(\w+)", probe):
            if field not in events.get(event, []):
                yield f"include/ABI/README.md: {event} has no {field}"


def problems_of(tree):
    entries, problems = documented(tree)
    events = tracepoints(tree)
    wanted = [*sysfs(tree), *parameters(tree), DEBUGFS, EVENTS, *(EVENTS + n for n in events)]
    if len(wanted) < 40:
        problems.append(f"only {len(wanted)} names were found in the code")
    problems += [f"include/ABI has no {w}" for w in wanted if w not in entries]
    problems += [f"include/ABI has {w}, the code has not" for w in entries if w not in wanted]
    for name, fields in events.items():
        text = entries.get(EVENTS + name, "")
        there = re.findall(r"^\t\t(\w+)\t", text, re.M) + ["channel"]
        problems += [f"include/ABI: {name} lacks {f}" for f in fields if f not in there]
        problems += [f"include/ABI: {name} has no field {f}" for f in there if f not in fields]
    lines = set(re.findall(r"^\t\t([\w<>]+)(?:\t|$)", entries.get(DEBUGFS, ""), re.M))
    problems += [f"include/ABI: debugfs lacks {n}" for n in sorted(debugfs(tree) - lines)]
    problems += [f"include/ABI: debugfs has no {n}" for n in sorted(lines - debugfs(tree))]
    problems += one_liners(tree, events)
    problems += words(tree)
    problems += numbers_in_plain(tree)
    return problems


PLANTED = (
    ("drivers/kmcl/counters.h", "\tX(starved)", "\tX(hungry)", "no {}hungry".format(CHANNEL)),
    ("drivers/kmcl/counters.h", "\tX(starved)\t\t\\\n", "", "has {}starved".format(CHANNEL)),
    ("drivers/kmcl/refusal.c", '"range_empty"', '"range_void"', "refusals/range_void"),
    ("drivers/kmcl/refusal.h", "\tVMB_REFUSAL_RANGES_NONE,\n", "", "vmb_trace_refusal prints"),
    ("include/vmbkmcl/callbacks.h", "\tVMB_CHANNEL_STOP_PAUSED,", "\tVMB_CHANNEL_STOP_HALTED,",
     "vmb_trace_stop_reason prints"),
    ("drivers/kmcl/wire.h", "_GPA_DIRECT = 9", "_GPA_DIRECT = 8", "vmb_trace_type prints"),
    ("drivers/kmcl/observe.c", '.name = "flow"', '.name = "stream"', "no {}stream".format(CHANNEL)),
    ("drivers/kmcl/external_data.c", "module_param_named(forbid_raw", "module_param_named(deny_raw",
     "deny_raw_guest_memory"),
    (TRACE, "TRACE_EVENT(vmb_stall", "TRACE_EVENT(vmb_stalled", "no {}vmb_stalled".format(EVENTS)),
    (TRACE, "__field(u32, quota)", "__field(u32, limit)", "vmb_quota lacks limit"),
    (TRACE, "transaction=%#llx type=%s reason", "transaction=%#llx type=%u reason",
     "a bare number"),
    ("include/ABI/tracepoints", "\t\tshare\t", "\t\tpart\t", "vmb_overtime has no field part"),
    ("include/ABI/module-parameters", "allow_isolated\n", "allow_all\n", "has /sys/module"),
    ("drivers/kmcl/observe.c", "queue_length %u", "queue_size %u", "debugfs lacks queue_size"),
    ("drivers/kmcl/observe.c", '= "peer"', '= "host"', "debugfs has no latency_peer_sum_ns"),
    ("drivers/kmcl/hv_target.c", '"vmbkmcl_target"', '"vmbkmcl_aim"', "drivers/vmbkmcl_aim"),
    ("include/ABI/README.md", "vmb_overtime -a", "vmb_overrun -a", "there is no vmb_overrun"),
    ("include/ABI/README.md", "args->reason", "args->why", "vmb_refuse has no why"),
    ("include/ABI/sysfs-vmbkmcl", "vmbkmcl/stalls\n", "vmbkmcl/stalled\n", "vmbkmcl/stalled"),
)


if __name__ == "__main__":
    sys.exit(checker.main(__doc__, FILES, problems_of, PLANTED))
