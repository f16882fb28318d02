#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Write the seeds of the wire fuzzer into a folder.

usage: seeds.py FOLDER

Each is an ordinary conversation, or one thing wrong in it. The first byte says
which part of the fuzzer it is for; see scripts/fuzz/*.c for the rest.
"""

import os
import struct
import sys

READER, WRITER, RANGES, PAIR = range(4)
RING_1024, PEER_ACTS = 2, 0x80
READ, COMMIT, MASK, UNMASK, PACKET, CONTROL, POKE = 0, 2, 3, 4, 5, 6, 7


def packet(kind, offset8, body, flags=0, length8=None):
    """Let the peer write a packet and show it."""
    if length8 is None:
        length8 = 2 + len(body) // 8
    return struct.pack("<BBBHB", PACKET, kind, offset8, length8, flags) + body


def control(field, value):
    """Let the peer write a word of the control page: 0 write, 1 read index, ..."""
    return struct.pack("<BBI", CONTROL, field, value)


def gpa(*ranges):
    """A GPA-direct range list."""
    out = struct.pack("<II", 0, len(ranges))
    for count, offset in ranges:
        pages = (offset + count + 4095) // 4096
        out += struct.pack("<II", count, offset)
        out += b"".join(struct.pack("<Q", 16 * n) for n in range(pages))
    return out


def transfer(*ranges):
    """A transfer-page range list."""
    out = struct.pack("<HBBI", 7, 0, 0, len(ranges))
    return out + b"".join(struct.pack("<II", *r) for r in ranges)


def reader(*acts):
    """A reader with wide maxima, a ring of 1024 bytes."""
    return bytes([READER, RING_1024, 0xff]) + b"".join(
        a if isinstance(a, bytes) else bytes([a]) for a in acts)


def ranges(kind, listed, most_bytes=1 << 20, chain=16):
    """A list by itself."""
    return struct.pack("<BBIH", RANGES, kind, most_bytes, chain) + listed


def seeds():
    """Yield (name, bytes)."""
    inband = packet(6, 2, bytes(range(48)), 1)
    direct = gpa((100, 4000), (8192, 1))
    pages = transfer((100, 4000), (8192, 1))

    yield "reader-inband", reader(inband, inband, READ, READ, READ, COMMIT, UNMASK)
    yield "reader-gpa", reader(packet(9, 2 + len(direct) // 8, direct + bytes(16), 1), READ)
    yield "reader-transfer", reader(packet(7, 2 + len(pages) // 8, pages + bytes(8)), READ)
    yield "reader-completion", reader(packet(11, 2, b""), READ, COMMIT)
    yield "reader-wraps", reader(*[inband, READ, COMMIT] * 16)
    yield "reader-waiting-writer", reader(control(3, 200), *[inband] * 12, *[READ] * 12, COMMIT)
    yield "reader-index-range", reader(control(0, 1024), READ)
    yield "reader-index-alignment", reader(control(0, 33), READ)
    yield "reader-index-backwards", reader(inband, READ, control(0, 0), READ)
    yield "reader-index-ours", reader(inband, control(1, 8), READ)
    yield "reader-length-below", reader(packet(6, 2, b"", length8=1), control(0, 64), READ)
    yield "reader-length-beyond", reader(inband, control(0, 64), READ)
    yield "reader-offset-below", reader(packet(6, 1, bytes(16)), READ)
    yield "reader-offset-beyond", reader(packet(6, 9, bytes(16)), READ)
    yield "reader-type", reader(packet(1, 2, bytes(16)), inband, READ, READ)
    yield "reader-flags", reader(packet(6, 2, bytes(16), 2), inband, READ, READ)
    yield "reader-large", reader(packet(6, 2, bytes(512)), inband, READ, READ)
    for act in range(8):
        yield f"reader-peer-acts-{act}", (
            bytes([READER, RING_1024 | PEER_ACTS, 0xff]) + inband + bytes([READ, READ]) +
            bytes([0x11, 0x55, 0xc0 | act] * 4))

    small, large = bytes([0, 1, 0, 8]), bytes([0, 1, 2, 200])
    yield "writer-plain", bytes([WRITER, RING_1024]) + (small + large + b"\3\7") * 8
    yield "writer-full", bytes([WRITER, RING_1024]) + large * 8 + b"\3" + large + b"\7" + large
    yield "writer-too-long", bytes([WRITER, RING_1024, 0, 0x80, 0, 0xff, 0xff, 0xff, 0xff])
    for field, value in ((1, 1024), (1, 4), (1, 512), (0, 8)):
        yield f"writer-peer-{field}-{value}", (
            bytes([WRITER, RING_1024]) + control(field, value) + b"\4" + small)
    for act in range(8):
        yield f"writer-peer-acts-{act}", (
            bytes([WRITER, RING_1024 | PEER_ACTS]) + large * 6 + b"\3" + large * 2 +
            bytes([0x11, 0x55, 0xc0 | act] * 4))

    for name, kind, sound in (("gpa", 1, direct), ("transfer", 0, pages)):
        yield f"ranges-{name}", ranges(kind, sound)
        yield f"ranges-{name}-truncated", ranges(kind, sound[:-8])
        yield f"ranges-{name}-trailing", ranges(kind, sound + bytes(8))
        yield f"ranges-{name}-too-many", ranges(kind, sound, chain=1)
        yield f"ranges-{name}-too-long", ranges(kind, sound, most_bytes=4096)
        yield f"ranges-{name}-none", ranges(kind, bytes(8))
    yield "ranges-gpa-empty", ranges(1, struct.pack("<IIIIQ", 0, 1, 0, 0, 0))
    yield "ranges-gpa-offset", ranges(1, struct.pack("<IIIIQ", 0, 1, 1, 4096, 0))
    yield "ranges-transfer-empty", ranges(0, transfer((0, 1)))
    yield "ranges-transfer-offset", ranges(0, transfer((2, 0xffffffff)))

    write = bytes([0, 5, 2, 100, 0])
    yield "pair-plain", bytes([PAIR, RING_1024]) + (write * 3 + b"\2\3\3\3\3\5") * 8
    completion = bytes([0, 3, 0, 20, 0])
    yield "pair-completions", bytes([PAIR, RING_1024]) + (completion * 9 + b"\2" + b"\3" * 9 + b"\5") * 4
    yield "pair-full", bytes([PAIR, RING_1024]) + (write * 9 + b"\2\x86" + b"\3\5" * 9) * 4
    yield "pair-masked", bytes([PAIR, RING_1024]) + (b"\x87" + write + b"\2\3\5\7") * 4


def main():
    """Write them."""
    if sys.argv[1:2] in (["-h"], ["--help"]):
        print(__doc__)
        return
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(f"{sys.argv[0]}: error: wanted 1 argument, try --help")
    os.makedirs(sys.argv[1], exist_ok=True)
    for name, content in seeds():
        with open(os.path.join(sys.argv[1], name), "wb") as file:
            file.write(content)


if __name__ == "__main__":
    main()
