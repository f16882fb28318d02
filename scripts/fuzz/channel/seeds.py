#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Write the seeds of the channel fuzzer into a folder.

usage: seeds.py FOLDER

Some are made for one outcome that chance is slow to find; the others are
chance, the same in every run. See the switches in hostile.c, acts.c and peer.c
for what a byte does.
"""

import os
import random
import sys

HOSTILE, FAIR, RESTORE, DEVICE = 0, 1, 2, 12
SERVER, DMA, RAW, ISOLATED, MEDDLES, MERGE, CONTEXT, SHORT = (1 << n for n in range(8))
SHARES, KEEPS, SLAB, RESERVED = 8, 1, 2, 4
# Both rings of 64 KiB; packets of up to 64 bytes; 20,000 bytes in 2 ranges.
LARGE, SIXTY_FOUR, EXTERNAL = 24, 3, 5
# Without external data; the channel is a pipe.
PIPE = 0x40
# Acts of the top level; those of a client and of a peer are arguments.
CLIENT, PEER, WORK, REQUEST, ENABLE, PAUSE, LATER, ARRANGE = 0, 5, 10, 11, 12, 13, 14, 15
INTERRUPT = bytes([CLIENT, 13, 0])
# Others let 31 chances pass, many times.
TAIL = bytes([0x1F] * 64)


def start(kind=0, last=0, rings=LARGE, limits=EXTERNAL, packets=SIXTY_FOUR):
    """A channel that is open."""
    return bytes([HOSTILE, kind, rings, limits, packets, 0, last, WORK])


def send(slot, how, *shape):
    """The client makes a packet and sends it; its routine does nothing."""
    return bytes([CLIENT, 2, slot, how, 4, *shape])


def gpa(frame, how=0x19):
    """The peer names 2,400 bytes; the client asks for them and keeps them."""
    return bytes([PEER, 2, how, 0, 100, frame, 1]) + INTERRUPT + b"\x47"


def transfer(which, offset):
    """The same with transfer pages."""
    return bytes([PEER, 3, 0x09 | which << 4, offset, 100, 1]) + INTERRUPT + b"\x47"


def burst(count):
    """The peer sends as many packets, each of which wants a completion."""
    return bytes([PEER, 0x11, count])


# Acts of device.c, of the primary; a sub-channel's are 16 more, and 32.
D_CLIENT, D_PEER, D_WORK, D_ENABLE, D_FLOW, D_LATER, D_VM, D_PEER_GOES, D_SHARE = \
    0, 3, 6, 8, 10, 11, 12, 13, 14
D_TAKE = bytes([D_CLIENT, 13, 0])


def device(kind=2, last=2, *acts):
    """Three channels that are open."""
    return bytes([DEVICE, kind, 10, 0xFF, 0, last] + [D_WORK] * 4 +
                 [16 + D_ENABLE, 0, 32 + D_ENABLE, 0] + [D_WORK] * 8 + list(acts))


def devices():
    """Name and bytes of each that has sub-channels."""
    sent = bytes([D_CLIENT, 2, 1, 1, 4, 16, 2, 2, 1, 4, 32, 2, 3, 3, 4, 1, 4, 0, 9])
    work = bytes([D_WORK] * 6)
    yield "hibernate", device() + sent + bytes([D_VM, 0]) + sent + bytes([D_VM, 0]) + work
    # A client that is frozen keeps what names memory.
    yield "hibernate-held", device(2, 6) + bytes([D_PEER, 2, 0x19, 0, 100, 0x80, 1]) + \
        D_TAKE + b"\x47" + bytes([D_VM, 0x80]) + bytes([4] * 200)
    yield "shut-down", device() + sent + bytes([D_VM, 0xFF, 16 + D_ENABLE, 0])
    # The second is closed alone, and then the first, which the second waits for.
    for kind in (2, 6, 14):
        yield f"sub-closes-{kind}", device(kind) + sent + bytes([16 + D_ENABLE, 0]) + work
        yield f"closes-{kind}", device(kind, 3) + sent + bytes([D_ENABLE, 0]) + work
        yield f"goes-{kind}", device(kind, 3) + sent + bytes([D_PEER_GOES, 0x80]) + work
        yield f"pauses-{kind}", device(kind, 2) + sent + \
            bytes([D_FLOW, 1, D_FLOW, 0, 16 + D_FLOW, 1]) + work
    # The peer names memory before it has answered, and waits for the answer.
    yield "share-pending", device() + bytes([D_LATER, 0xA3, D_SHARE, 0, 8]) + \
        bytes([2, 2, 0x19, 0, 100, 8, 1, 1, 13, 0, 0x47]) + work + D_TAKE
    for state in (b"", work):
        yield f"wrong-{len(state)}", device(3)[:5] + state + bytes(
            [byte for how in range(32) for byte in (15, how, 15, how | 0x80)])
    for few in range(8):
        yield f"no-channel-{few}", device() + bytes([15, 0xFE, few])
    for error in range(4):
        yield f"share-{error}", device() + \
            bytes([D_LATER, 0xA0 | error, D_SHARE, 0, 4, 16 + D_SHARE, error, 8])


def settings(how, *after):
    """What settings.c does at this byte."""
    return bytes([ARRANGE, 1, how, *after, 0])


def refusals():
    """Name and bytes of each in which a client does, or is refused, what few do."""
    for kind in (0, SERVER):
        for limits in (EXTERNAL, 6):
            yield f"refused-{kind}-{limits}", start(kind, limits=limits | 0x80)
        yield f"asks-{kind}", start(kind) + settings(0xFF)
        for forgets in (0x10, 0x30):
            yield f"forgets-{kind}-{forgets}", start(kind, forgets)
    yield "goes", start(0, 1)
    yield "kept-unsent", start()[:-1] + send(9, 1) + bytes([CLIENT, 11, 0x81])
    yield "leaves-packet", start() + settings(0xFE, 8)
    yield "no-transport", start(SERVER) + settings(0xFE, 0x10)
    yield "without-memory", start() + bytes([ENABLE, 0]) + settings(0xFB)
    yield "callbacks-late", start(SERVER) + settings(26)
    for how in (0, 1):
        yield f"saved-{how}", start(SERVER) + bytes([PAUSE, 1, 4]) + settings(0xFD, how)
    yield "misuses", start()[:5] + bytes([0x80, 0, WORK]) + send(1, 1) + \
        bytes([CLIENT, 2, 1, 0, CLIENT, 2, 1, 4]) + send(0x82, 1) + burst(9) + INTERRUPT + b"\3\3"
    # In post_started, which waits for its answer until the channel is paused.
    for how in (1, 3):
        yield f"asks-in-callback-{how}", start()[:5] + \
            bytes([0xE0, 0, WORK, how, 8, 5, 8, 0, 9, 0, PAUSE, 1] + [4] * 40)
    # While another processor reads, and writes what waits when it has.
    yield "in-passing", start() + burst(9) + INTERRUPT + bytes([7] * 9) + bytes([0xFF] * 40)
    # Pages of a block, which nobody can pin; an object of the slab allocator; halves of pages.
    for error in (0x80, 0x81):
        yield f"block-shared-{error}", start(0, SLAB) + bytes([LATER, 0, 28, ARRANGE, 0, error,
                                                               LATER, 0x10])
    yield "slab-object", start(0, SLAB) + bytes([LATER, 4, 2])
    # A pool that does not grow for want of memory; and more pieces than a packet has entries.
    yield "pool-stays", start() + burst(99) + INTERRUPT + bytes([7] * 9) + INTERRUPT + \
        bytes([ARRANGE, 0, 1, LATER, 0x40])
    yield "split-long", start(DMA | SHORT) + \
        send(1, 3, 3, 0, 4, 0xE0, 150, 9, 0xE0, 150, 14, 0xE0, 150)
    yield "halves", start() + bytes([LATER, 4, 17])
    yield "raw-unused", start(RAW, SLAB) + gpa(28)
    yield "encrypted", start(DMA | ISOLATED, packets=0x80 | SIXTY_FOUR) + \
        send(1, 3, 1, 0, 4, 0, 9) + bytes([LATER, 3, 5, PEER, 8, 31])
    yield "ids-over", start(packets=0x40 | SIXTY_FOUR) + send(1, 1) + send(2, 1)
    # No object is left to read into, and no end of what needs none.
    yield "starved-long", start() + burst(8) + INTERRUPT + bytes([7] * 8) + \
        bytes([PEER, 0x41, 99]) + INTERRUPT * 2
    # Each routine sends its packet again.
    yield "sent-for-ever", start()[:-1] + send(8, 0) + bytes([WORK] + [0xA0, 0, 4] * 99)
    # More waits for room than is written in one go, and then there is room.
    yield "queue-long", start(rings=19, packets=5) + burst(99) + \
        (INTERRUPT + bytes([7] * 34) + bytes([LATER, 0x40])) * 3 + \
        b"".join(send(slot, 0xF1) for slot in range(3)) + send(3, 0xE1)[:-1] + bytes([225]) + \
        bytes([CLIENT, 6, 8] * 33) + b"".join(send(slot, 1) for slot in range(4, 12)) + \
        bytes([PEER, 8, 31]) + INTERRUPT
    for how in (0x82, 0xF0, 0xF2, 0xFF):
        for last in (1, 0x41):
            yield f"maps-{how}-{last}", bytes([FAIR, 0, 1, last, 0x80] + [0] * 12 +
                                              [14, 0, 2, 14, 0x80, 14, how, 14, how])
    yield "maps-early", bytes([FAIR, 0, 1, 1, 0x80, 14, 0xFF])
    yield "maps-to-the-end", bytes([FAIR, 0, 1, 0x41, 0x80] + [0] * 12 + [14, 0, 2, 14, 0x80])
    # Other offers than those of before: no type, one number for two.
    for kind in (0x22, 0x42, 0x43, 0x26):
        yield f"device-{kind}", device(kind) + bytes([15, 0xFF, 31, 0xFF])
    # A request on another channel than that in whose callback it is.
    yield "device-misuses", bytes([DEVICE, 2, 10, 0xFF, 0x80, 2] + [D_WORK] * 4 +
                                  [16 + D_ENABLE, 0] + [D_WORK] * 8)
    yield "starts-while-pausing", device() + bytes([D_FLOW, 1, 1, 0xFD, 0, 4, 1, 0xFD, 0] +
                                                   [4] * 20)


def restores():
    """Name and bytes of each that is given a state, or is saved."""
    # Each word of a state with two packets, by one byte of it.
    changes = [bytes([0, 5, 1, at, 0, value])
               for at in range(28, 176, 4) for value in (0, 1, 9, 0xFF)]
    for first in range(0, len(changes), 36):
        yield f"restore-word-{first}", bytes([RESTORE]) + \
            b"".join(changes[first:first + 36])
    # What the driver makes of each packet, and of the save; and the peer that goes first.
    for how in (0xF1, 0xF2, 0xF3, 0xFB, 0xFC, 0xFD, 0xFE):
        yield f"restore-driver-{how}", bytes([RESTORE, 0x40, 5, 0]) + bytes([40] * 20) + \
            bytes([how] * 8)
    # A byte that nobody uses; a record that is cut off in its head.
    yield "restore-padding", bytes([RESTORE, 0, 5, 2, 156, 0, 7, 191, 0, 1])
    yield "restore-cut", bytes([RESTORE, 0, 0x25, 0, 124, 0])
    yield "restore-no-callback", bytes([RESTORE, 0x20, 5, 0])
    yield "restore-gone", bytes([RESTORE, 0x10, 5, 0])


def crafted():
    """Name and bytes of each."""
    hold = (INTERRUPT + bytes([7] * 34)) * 2
    yield "starved", start() + burst(255) + burst(255) + hold + hold
    yield "quota", start() + bytes([ARRANGE, 0, 0xA1]) + burst(9) + INTERRUPT + b"\7\7\7"
    yield "overtime", start() + bytes([ARRANGE, 0, 0xC1]) + burst(99) + INTERRUPT * 3
    # No signal tells of them; the watchdog runs since an answer is waited for.
    yield "stalled", start() + send(1, 1) + burst(9) + bytes([LATER, 0x40]) * 70
    yield "deferred", start() + burst(9) + INTERRUPT + b"\x86" + bytes([WORK])
    yield "deferred-closed", start() + burst(9) + INTERRUPT + b"\x86" + \
        bytes([ENABLE, 0])
    for name, kind, last, frame in (("given", 0, SHARES, 0x80),
                                    ("read-only", 0, SHARES, 0x81),
                                    ("raw", RAW, 0, 5), ("not-shared", 0, 0, 5),
                                    ("reserved", RAW, RESERVED, 20)):
        yield "external-" + name, start(kind, last) + gpa(frame) * 2
    yield "external-truncated", start() + gpa(5, 0x39)
    yield "external-trailing", start() + bytes([PEER, 2, 0x1D, 0, 100, 0, 5, 5, 1]) + \
        INTERRUPT
    yield "external-offset", start() + bytes([PEER, 2, 0x19, 255, 1, 5, 5, 1]) + INTERRUPT
    yield "external-empty", start() + bytes([PEER, 2, 0x19, 0, 0, 1]) + INTERRUPT
    yield "malformed", start() + send(1, 1) + bytes([PEER, 8, 31, PEER, 6, 0x40, 0x80]) + \
        INTERRUPT
    yield "abandoned", start() + send(1, 1) + bytes([CLIENT, 11, 1])
    # Another processor gives up what has ended and is not told yet, if it comes
    # at the right one of these chances; for the channel is opened meanwhile.
    for chances in range(16, 48):
        yield f"too-late-{chances}", start()[:-1] + send(8, 0) + bytes([WORK]) + \
            b"\xA6" + bytes([0] * chances)
    # The first packet is completed unread, and read while the second is sent.
    for chances in range(32, 96):
        yield f"stale-id-{chances}", start() + send(1, 3, 1, 0, 4, 0, 9) + \
            bytes([PEER, 4, 0, 0x20, 0xE0]) + INTERRUPT + bytes([0]) + \
            send(1, 3, 1, 0, 7, 0, 9) + b"\xA7" + bytes([0] * chances)
    # Messages of 64 bytes and of none, and what is no message.
    yield "pipe", start(limits=PIPE) + bytes([PEER, 0x40, 0x12, PEER, 0, 8]) + INTERRUPT * 2 + \
        bytes([PEER, 0, 8]) + INTERRUPT + send(1, 0) + send(2, 1) + burst(3) + INTERRUPT
    yield "failed", start() + burst(1) + INTERRUPT + b"\x84"
    # It says that it has read more than there was.
    yield "backwards", start(rings=6) + send(1, 0xF0) + bytes([PEER, 11, 3, 31]) + \
        send(2, 0xF0) + send(3, 0xF0) + send(4, 0xF0)
    yield "transfer", start(0, SHARES) + transfer(0, 0) + transfer(0, 255) + \
        transfer(4, 0) + transfer(1, 0)
    # It begins inside of the set, and ends behind it.
    yield "transfer-end", start(0, SHARES) + transfer(0, 200) + transfer(0, 204)
    yield "kept", start(0, SHARES | KEEPS) + gpa(0x80)
    yield "not-mapped", start(DMA) + bytes([ARRANGE, 0, 0x21]) + send(1, 3, 1, 0, 4, 0, 9)
    yield "leaked", start(DMA) + bytes([ARRANGE, 0, 0x81]) + send(1, 3, 1, 0, 4, 0, 9) + \
        bytes([ENABLE, 0])
    yield "merged", start(DMA | MERGE) + send(1, 3, 0x43, 0, 4, 0, 8, 6, 0, 8, 9, 0, 8) + \
        bytes([PEER, 8, 31])
    # A page is the longest piece that can be mapped.
    yield "split", start(DMA | SHORT) + send(1, 3, 0x42, 0, 4, 0, 8, 9, 0, 8) + \
        bytes([PEER, 8, 31])
    # Seen by the peer, who answers with more than there is room for.
    yield "overflow", start() + bytes([REQUEST, 0x21, 8, 4, 0, 0, 0, 0,
                                       2, 8, 31, 2, 4, 5, 0x80, 1, 13, 0])
    yield "slab", start(0, SLAB) + bytes([REQUEST, 3, 8, 3, 29, 0, 29, 0])
    yield "peer-gone", start() + send(1, 1) + bytes([PEER, 15, 14, WORK])
    yield "refuses", bytes([HOSTILE, 0, LARGE, 0, 3, 0, 0, ARRANGE, 0, 0x61, WORK])
    # States of several shapes: as they are, with a byte changed, cut short.
    for shape in range(12):
        yield f"restore-{shape}", bytes([RESTORE, 0, shape, 0]) + bytes([40] * 8) + \
            bytes([0x40, shape, 0]) + bytes([9] * 8) + \
            bytes([0, shape, 1, 60 + shape, 0, 1, 0, shape | 0x20, 0, 120, 0]) + \
            bytes([0, shape | 0x40, 0]) + bytes([9] * 8) + bytes([0, shape | 0x80, 0])
        # In two chunks, with settings that change in between, or do not.
        yield f"restore-two-{shape}", bytes([RESTORE, 0, shape, 0x80, shape % 4]) + \
            bytes([40] * 8) + bytes([0, shape, 0x80, 0])
    yield from devices()
    # Memory goes while a peer may name any.
    for how in range(4):
        yield f"memory-{how}", start(RAW) + bytes([ARRANGE, 1, 0xFC, 4 + 32 * how, 0]) + \
            gpa(5) + gpa(21) + bytes([ARRANGE, 1, 0xFC, 64, 0])
    yield "secret", start(RAW, RESERVED) + gpa(21)
    yield from refusals()
    yield from restores()
    yield "ring-small", bytes([HOSTILE, 0, LARGE, 0, 3, 0, 0, ARRANGE, 0, 0x22, WORK])
    yield "fails", bytes([HOSTILE, 0, LARGE, 0, 3, 0, 0, ARRANGE, 0, 0x41, WORK])


def main():
    """Write them all."""
    if sys.argv[1:2] in (["-h"], ["--help"]):
        print(__doc__)
        return
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(f"{sys.argv[0]}: error: wanted 1 argument, try --help")
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for name, data in crafted():
        tail = b"" if name.startswith(("too-late", "stale-id", "in-passing",
                                       "restore-driver")) else TAIL
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data + tail)
    for number in range(200):
        chance = random.Random(number)
        data = bytes([(HOSTILE, FAIR, DEVICE)[number % 3]]) + chance.randbytes(40 + number)
        with open(os.path.join(folder, f"chance-{number}"), "wb") as file:
            file.write(data)


main()
